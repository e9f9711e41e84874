"""Results of others hold text, not markup: no name of theirs becomes a live part of the page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pybmfm.cli import main
from pybmfm.core import write_json
from pybmfm.report.content import Section, write_sections

from .conftest import make_result

TAG = "<img src=x onerror=document.title=1>"
LINK = "[see](javascript:document.title=2)"
SCRIPT = "<script>document.title=3<"  # a slash cannot stand in the folder's name
FORMULA = "a$_$b"


class Live(HTMLParser):
    """What a browser would run: handlers of events, scripts of ours, links to scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_script = tag == "script"
        for name, value in attrs:
            if name == "onerror" or "javascript:document" in (value or ""):
                self.found.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script and data.startswith("document.title"):
            self.found.append(data)


@pytest.fixture(scope="module")
def summary(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(results, folder / "results")
    for name in (TAG, LINK, SCRIPT, FORMULA):
        make_result(folder / "results", "promoter", name, 0)
        make_result(folder / "results", name, "snp", 0)
    table = folder / "results/frequencies/manifest.json"
    content = json.loads(table.read_text())
    counts = content["contigs"]["chr1"]["dropped"]
    content["contigs"]["chr1"]["dropped"] = {**counts, TAG: 1}
    content["frequency_fields"] = {TAG: 30, LINK: 2}
    content["records_only_in_vcf"] = {TAG: 3}
    content["contigs_only_in_vcf"] = [TAG]
    content["settings"] = {TAG: LINK, "note": SCRIPT}
    write_json(table, content)
    with pytest.raises(SystemExit) as ended:
        main(["summarize", "--results", str(folder / "results"), "--out", str(folder / "summary")])
    assert not ended.value.code
    return folder / "summary"


def test_the_report_of_multiqc_runs_nothing_of_theirs(summary, repository, tmp_path):
    command = [
        str(Path(sys.executable).with_name("multiqc")),
        *("--config", str(repository / "assets" / "multiqc_config.yml")),
        *("--filename", "report.html", str(summary / "multiqc")),
    ]
    no_network = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **no_network}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    live = Live()
    live.feed(page)
    assert live.found == []
    assert "&lt;img src=x onerror=document.title=1&gt;" in page


def test_the_page_of_table_2_runs_nothing_of_theirs(summary):
    live = Live()
    live.feed((summary / "table2.html").read_text())
    assert live.found == []
    assert "&lt;img src=x" in (summary / "table2.html").read_text()


def test_what_is_live_would_be_found():
    for name in (TAG, "<script>document.title=3</script>", "<a href='javascript:document.x'>"):
        live = Live()
        live.feed(f"<p>{name}</p>")
        assert live.found


def test_every_text_of_multiqc_s_content_is_escaped(summary):
    shown = [json.loads(path.read_text()) for path in (summary / "multiqc").iterdir()]
    for content in shown:
        assert "<" not in content["section_name"]
        assert "<" not in content["description"].removeprefix("<p>").removesuffix("</p>")
        if content["plot_type"] != "html":
            assert TAG not in json.dumps(content)
    assert any("&lt;img" in content["section_name"] + str(content["data"]) for content in shown)


def test_headings_sentences_and_plots_are_escaped_where_they_are_written(tmp_path):
    plot = {"plot_type": "bargraph", "pconfig": {"title": TAG}, "data": {TAG: {SCRIPT: 1}}}
    write_sections([Section("pybmfm_scores", TAG, LINK + TAG, plot=plot)], tmp_path)
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    assert "<img" not in text
    assert "<script" not in text
    assert (
        json.loads(text)["description"]
        == f"<p>{LINK}&lt;img src=x onerror=document.title=1&gt;</p>"
    )
