"""What nf-core users expect: their linter's rules, nf-test files, pinned images, whole docs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.pipeline

NfCore = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nf_core(repository: Path, tmp_path: Path) -> NfCore:
    """Run ``nf-core pipelines`` in the project, or skip and say that it is absent."""
    executable = shutil.which("nf-core")
    if executable is None:
        pytest.skip("nf-core is not on the PATH (PyPI package nf-core): the test was not run")
    environment = {
        **os.environ,
        "PATH": f"{repository / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "NXF_OFFLINE": "true",
        "NXF_ANSI_LOG": "false",
        "NFCORE_NO_VERSION_CHECK": "1",
        "NFCORE_HIDE_PROGRESS": "1",
        "COLUMNS": "200",
    }
    if "NXF_HOME" not in environment and not (Path.home() / ".nextflow").is_dir():
        # It keeps what `nextflow config` says there, and asks again for every rule where it cannot.
        environment["NXF_HOME"] = str(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [executable, "pipelines", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )

    return run


def test_nf_core_lint_finds_no_failure_that_is_not_justified(nf_core, tmp_path):
    report = tmp_path / "lint.json"
    done = nf_core("lint", "--plain-text", "--json", report)
    assert report.is_file(), done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["tests_failed"] == []
    assert found["num_tests_pass"] > 100


def test_nf_core_finds_the_schema_valid(nf_core):
    done = nf_core("schema", "lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "schema looks valid" in done.stdout + done.stderr


def test_every_rule_that_is_left_out_has_its_reason_above_it(repository):
    lines = (repository / ".nf-core.yml").read_text().splitlines()
    rules = lines[lines.index("lint:") + 1 :]
    # A comment stands for the lines below it, up to the next comment or heading.
    reasoned = False
    for line in rules:
        if line.strip().startswith("#"):
            reasoned = True
        elif line.endswith(":") or not line.strip():
            reasoned = False
        else:
            assert reasoned, line


def test_no_file_that_is_said_to_be_missing_is_there(repository):
    left_out = yaml.safe_load((repository / ".nf-core.yml").read_text())["lint"]["files_exist"]
    assert [name for name in left_out if (repository / name).exists()] == []


def test_every_module_and_subworkflow_has_an_nf_test_file_that_names_it(repository):
    components = sorted(repository.glob("*/local/*/main.nf"))
    assert len(components) > 25
    for component in components:
        source = component.read_text()
        tested = component.parent / "tests" / "main.nf.test"
        assert tested.is_file(), component.parent
        text = tested.read_text()
        named = re.search(r"^(process|workflow) (\w+) \{", source, re.MULTILINE)
        if named:
            assert f'{named[1]} "{named[2]}"' in text, tested
        else:
            functions = re.findall(r'^ +function "(\w+)"', text, re.MULTILINE)
            assert functions, tested
            assert all(f"def {function}(" in source for function in functions), tested


def test_nf_test_files_keep_to_what_nf_test_can_read(repository):
    files = [*repository.glob("*/local/*/tests/main.nf.test"), repository / "tests/main.nf.test"]
    for path in files:
        text = path.read_text()
        name, beside = path.relative_to(repository), re.search(r'script "(.+)"', text)
        assert beside, name
        assert (path.parent / beside[1]).is_file(), name
        scenarios = text.split("\n    test(")[1:]
        assert scenarios, name
        for scenario in scenarios:
            # Its reader wants each block to open on a line of its own.
            assert re.search(r"^ {8}when \{$", scenario, re.MULTILINE), name
            assert re.search(r"^ {8}then \{$", scenario, re.MULTILINE), name
            assert re.search(r"assert (process|workflow|function)\.success", scenario), name
            assert "-stub" in scenario or "nextflow_function" in text, name
    config = (repository / "nf-test.config").read_text()
    named = re.search(r'configFile "(.+)"', config)
    assert named
    assert (repository / named[1]).is_file()


def input_count(source: str) -> int:
    """How many inputs the process or workflow of a script takes."""
    if block := re.search(r"^ +input:\n(.*?)^ +output:", source, re.MULTILINE | re.DOTALL):
        return len(re.findall(r"^    (?:tuple|val|path)\b", block[1], re.MULTILINE))
    block = re.search(r"^ +take:\n(.*?)^ +main:", source, re.MULTILINE | re.DOTALL)
    assert block
    return len(re.findall(r"^    \w+", block[1], re.MULTILINE))


def test_nf_test_files_give_every_input(repository):
    for component in sorted(repository.glob("*/local/*/main.nf")):
        source = component.read_text()
        if not re.search(r"^(process|workflow) ", source, re.MULTILINE):
            continue
        text = (component.parent / "tests" / "main.nf.test").read_text()
        for scenario in text.split("\n    test(")[1:]:
            given = [
                int(place) for place in re.findall(r"^ +input\[(\d+)\]", scenario, re.MULTILINE)
            ]
            assert given == list(range(input_count(source))), component.parent.name


def test_no_image_is_named_without_its_version(repository):
    for module in repository.glob("modules/local/*/main.nf"):
        images = re.findall(r"^    container (.+)$", module.read_text(), re.MULTILINE)
        assert len(images) == 1
        assert images[0].endswith(':${workflow.manifest.version}"'), module
    texts = [repository / name for name in ("main.nf", "nextflow.config", "Makefile", ".ci/run")]
    for folder in ("modules", "subworkflows", "workflows", "conf", "containers", "scripts", "bin"):
        texts += [path for path in (repository / folder).rglob("*") if path.is_file()]
    texts += (repository / "tests" / "infra").iterdir()
    assert len(texts) > 100
    assert [path for path in texts if re.search(r"[\w}]:latest\b", path.read_text())] == []
    bases = [
        base
        for path in repository.glob("containers/*/Containerfile")
        for base in re.findall(r"^ARG BASE_IMAGE=(\S+)", path.read_text(), re.MULTILINE)
    ]
    assert len(bases) == 2
    assert all(re.search(r":[\w.-]+$", base) for base in bases)


OWN_FILE = re.compile(
    r"(?<![\w/.-])((?:assets|benchmarks|bin|conf|containers|docs|modules|pybmfm|scripts|subworkflows"
    r"|tests|workflows)/[\w./-]*\w)"
)


def test_every_file_that_the_pages_name_exists(repository):
    pages = [repository / "README.md", repository / "CHANGELOG.md"]
    pages += sorted((repository / "docs").glob("*.md"))
    named = 0
    for page in pages:
        text = page.read_text()
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
        beside = [page.parent / link for link in links if link and "://" not in link]
        mentioned = [repository / name for name in set(OWN_FILE.findall(text))]
        named += len(beside) + len(mentioned)
        assert [path for path in beside + mentioned if not path.exists()] == [], page.name
    assert named > 30


def test_every_page_is_reached_from_the_readme(repository):
    reached, ahead = set(), [repository / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([\w./-]+\.md)", page.read_text())
            ahead += [(page.parent / link).resolve() for link in links]
    pages = set((repository / "docs").glob("*.md"))
    assert len(pages) > 4
    assert sorted(pages - reached) == []
