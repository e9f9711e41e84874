# The two commands: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
OUTDIR ?= results/demo
# nf-core's linter has an environment of its own: it brings 38 packages that nothing else here needs.
NF_CORE_VERSION := 4.2.1
NF_CORE := .cache/nf-core
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH):$(CURDIR)/$(NF_CORE)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit pipeline engines slurm lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## Make .venv with pybmfm, python and nextflow in .venv/bin

$(VENV)/.ready: requirements.lock pyproject.toml scripts/install_nextflow.sh scripts/nextflow/pom.xml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Error: Python 3.11 to 3.13 is needed; run 'make $(MAKECMDGOALS) PYTHON=/path/to/python3'." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(VENV)/bin/python -r requirements.lock
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e .
	scripts/install_nextflow.sh
	@touch $@

demo: setup ## Run the whole pipeline on a simulated genome and print where the results are
	nextflow run . -profile test --outdir $(OUTDIR) -ansi-log false -resume
	@echo "Report:     $$(realpath $(OUTDIR)/report.html)"
	@echo "Scored VCF: $$(realpath $(OUTDIR)/scored_variants/snp.scored.vcf.gz)"

test: lint unit pipeline ## Everything: static checks, unit tests, real pipeline runs

lint: setup ## ruff, mypy, import-linter, nextflow lint (strict parser)
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	NXF_SYNTAX_PARSER=v2 nextflow lint main.nf workflows subworkflows modules

unit: setup ## Tests of the package
	pytest -n 2 -m "not pipeline"

$(NF_CORE)/bin/nf-core: $(VENV)/.ready
	@$(VENV)/bin/uv venv --quiet --clear --python $(VENV)/bin/python $(NF_CORE) \
	  && $(VENV)/bin/uv pip install --quiet --python $(NF_CORE)/bin/python nf-core==$(NF_CORE_VERSION) \
	  || { rm -rf $(NF_CORE); echo "nf-core tools could not be installed: their test is skipped" >&2; }

pipeline: setup $(NF_CORE)/bin/nf-core ## Tests that run real Nextflow, and nf-core's linter
	pytest -rs -m "pipeline and not engines and not slurm" --durations=10

INFRA ?= /var/tmp/pybmfm-infra

engines: setup ## Images, and the test profile in container engines that this sets up (root, Debian 12)
	PYBMFM_INFRA=$(INFRA) pytest -rs -m engines --durations=10

slurm: setup ## Pretraining on a SLURM of two nodes that this sets up (root, Debian 12)
	PYBMFM_INFRA=$(INFRA) pytest -rs -m "slurm and not engines" --durations=10

lock: setup ## Pin every version again, for Python 3.11 to 3.13
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-emit-index-url \
	  --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock

clean: ## Remove what runs leave behind, not the environment
	rm -rf work .nextflow .nextflow.log* results build dist *.egg-info
