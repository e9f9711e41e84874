"""The strict linter, and the layout that every module shares."""

from __future__ import annotations

import re
import tomllib

import pytest

from pybmfm import __version__
from pybmfm.cli.group import VERBS

pytestmark = pytest.mark.pipeline

SECTIONS = ["tag", "label", "container", "input:", "output:", "when:", "script:", "stub:"]


def test_strict_lint_is_clean(nextflow, repository):
    names = ["main.nf", "nextflow.config", "conf", "modules", "subworkflows", "workflows"]
    outcome = nextflow("lint", *(repository / name for name in names), cwd=repository, parser="v2")
    assert outcome.code == 0, outcome.text
    assert "had no errors" in outcome.text
    assert not re.search(r"warning|had \d+ error|not used", outcome.text, re.IGNORECASE)


def test_every_module_has_the_same_parts_in_the_same_order(repository):
    modules = sorted(repository.glob("modules/local/*/main.nf"))
    assert len(modules) > 20
    for path in modules:
        text = path.read_text()
        places = [re.search(rf"^    {section}", text, re.MULTILINE) for section in SECTIONS]
        assert all(places), path
        starts = [place.start() for place in places if place]
        assert starts == sorted(starts), path
        assert f"process {path.parent.name.upper()} {{" in text
        assert "topic: versions" in text
        assert (path.parent / "meta.yml").is_file()
        assert (
            f'process "{path.parent.name.upper()}"'
            in (path.parent / "tests" / "main.nf.test").read_text()
        )


# Tools for the user's own hands, no stages of the pipeline.
BY_HAND = {"import-checkpoint", "publish"}


def test_every_verb_is_an_executable_and_a_process(repository):
    modules = {path.name for path in (repository / "modules" / "local").iterdir()}
    for verb in VERBS:
        assert (repository / "bin" / verb).is_file()
        is_stage = any(name.startswith(verb.replace("-", "_")) for name in modules)
        assert is_stage != (verb in BY_HAND), verb


def test_the_version_is_the_same_everywhere(repository):
    config = (repository / "nextflow.config").read_text()
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    stated = re.search(r"^    version +=\s*'([^']+)'", config, re.MULTILINE)
    assert stated is not None
    assert stated.group(1) == project["version"] == __version__


def test_the_cache_key_is_the_digest_that_the_package_computes(nextflow, repository, tmp_path):
    from pybmfm.core.provenance import source_digest

    source = (repository / "main.nf").read_text()
    function = source[source.index("def sourceDigest") : source.index("// Where the report")]
    (tmp_path / "main.nf").write_text(
        f"{function}\nworkflow {{ println(sourceDigest('{repository}/pybmfm')) }}\n"
    )
    assert source_digest() in nextflow("run", tmp_path, cwd=tmp_path).stdout
