"""One report from hand-made results: complete, honest about gaps, the same every time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from pybmfm.cli.summarize import command
from pybmfm.core import UserError
from pybmfm.report import (
    GROUPS,
    Artefact,
    Collection,
    SummarizeSettings,
    collect,
    summarize,
)
from pybmfm.report.data_sections import task_sections
from pybmfm.report.model_sections import learning_curves

from .conftest import make_result


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory, results: Path) -> Path:
    out = tmp_path_factory.mktemp("summary") / "out"
    summarize(SummarizeSettings((results,), out))
    return out


def sections(summary: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(path.read_text()) for path in sorted((summary / "multiqc").iterdir())]


def text_of(summary: Path) -> str:
    return "\n".join(
        f"{s['section_name']} {s['description']} {s['data']}" for s in sections(summary)
    )


def test_every_kind_is_found_once_through_links(tmp_path: Path, results: Path) -> None:
    link = tmp_path / "staged"
    link.symlink_to(results)
    found = collect([link, results, results / "scores" / "scored.vcf.gz"])
    counts = {kind: len(artefacts) for kind, artefacts in found.artefacts.items()}
    assert counts == {
        "frequency-table": 1,
        "windows": 1,
        "tokenizer": 2,
        "tokenizer-comparison": 1,
        "corpus": 2,
        "checkpoint": 2,
        "result": 14,
    }
    assert len(found.scored) == 1


def test_table2_has_the_columns_and_every_cell(summary: Path) -> None:
    table = pd.read_csv(summary / "table2.tsv", sep="\t")
    assert list(table)[:8] == [
        "task",
        "model",
        "seeds",
        "metric",
        "mean",
        "low",
        "high",
        "published",
    ]
    assert len(table.drop_duplicates(["task", "model"])) == 7
    assert (table["seeds"] == 2).all()


def test_sections_come_in_the_order_of_the_data(summary: Path) -> None:
    groups = [section["parent_id"] for section in sections(summary)]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert all(section["description"].endswith(".</p>") for section in sections(summary))


def test_a_missing_cell_is_said_in_words_and_text_is_escaped(summary: Path) -> None:
    text = text_of(summary)
    assert "activity&lt;1&gt;" in text
    assert "<1>" not in text
    row = next(line for line in text.split("<tr>") if "<td>activity" in line)
    assert "<td>missing</td>" in row


def test_winner_seeds_and_cut_sequences_are_told(summary: Path) -> None:
    text = text_of(summary)
    assert "promoter: SNP beats REF (mcc +" in text
    assert "SNP beats REF on 2 of 2 tasks, loses on 0" in text
    assert "On each of 2 tasks some language model beats the best baseline." in text
    assert "Only 2 seeds" in text
    assert "train: 7 truncated" in text
    assert "REF is lower by 0.0200" in text
    assert "symbolic_allele 1" in text
    assert "30 of 40 records were used" in text


def test_speed_and_the_best_evaluation_are_told(summary: Path) -> None:
    text = text_of(summary)
    assert "ref: lowest dev bits per nucleotide 1.8500 at step 4, whose weights" in text
    (speed,) = [s for s in sections(summary) if s["section_name"].endswith(" Speed")]
    row = next(row for row in speed["data"].split("<tr>") if "<td>ref</td>" in row)
    cells = re.findall("<td>(.*?)</td>", row)
    assert cells[:4] == ["ref", "3,000", "", "0.000"]
    assert cells[5] == "2,000,000"


def test_leakage_is_red_only_where_there_is_some(
    tmp_path: Path, summary: Path, leaky_results: Path
) -> None:
    assert "no base pair is in two splits" in text_of(summary)
    assert "color:#c9302c" not in text_of(summary)
    out = tmp_path / "out"
    summarize(SummarizeSettings((leaky_results,), out))
    leaky = text_of(out)
    assert re.search("color:#c9302c[^>]*>512<", leaky)
    assert "512 base pairs are in two splits" in leaky


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results on 10 training rows, and a cell that only the run's list knows."""
    root = tmp_path_factory.mktemp("few")
    for model in ("ref", "snp"):
        make_result(root, "promoter", model, 0, train_rows=10)
    (root / "expected.tsv").write_text("task\tmodel\tseed\npromoter\tcnn\t0\npromoter\tref\t0\n")
    return root


def test_few_shot_and_missing_cells_stand_in_the_report(
    tmp_path: Path, results: Path, few: Path
) -> None:
    settings = SummarizeSettings(
        (results / "results", few), tmp_path / "out", (few,), few / "expected.tsv"
    )
    summarize(settings)
    text = text_of(settings.out)
    assert "promoter: no result of cnn with seed 0." in text
    assert "missing: no result of seed 0" in text
    assert (settings.out / "figures/few_shot.png").exists()
    assert (settings.out / "missing.tsv").read_text() == "task\tmodel\tseed\npromoter\tcnn\t0\n"
    curves = pd.read_csv(settings.out / "few_shot.tsv", sep="\t")
    assert curves.query("model == 'ref'")["train_rows"].tolist() == [10, 100]
    page = (settings.out / "table2.html").read_text()
    assert "missing: no result of seed 0" in page
    assert "activity&lt;1&gt;" in page


def test_the_command_joins_external_scores(tmp_path: Path, results: Path) -> None:
    scores = tmp_path / "eve.tsv"
    rows = "".join(f"promoter\t{n}\t{n % 2}\n" for n in range(10))
    scores.write_text("task\tid\tscore\n" + rows)
    arguments = ["--results", str(results / "results"), "--out", str(tmp_path / "out")]
    given = ["--external-scores", f"EVE={scores}"]
    done = CliRunner().invoke(command, [*arguments, *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "out/external_scores.tsv", sep="\t")
    assert set(table["model"]) == {"EVE", "kmer-logistic", "scratch", "ref", "snp"}
    assert table.query("model == 'EVE' and metric == 'auroc'")["mean"].item() == 1
    assert "EVE covers 10 of 40 test rows" in text_of(tmp_path / "out")
    for wrong in ("EVE", "=x", "EVE="):
        with pytest.raises(UserError, match="is not NAME=TABLE"):
            CliRunner().invoke(
                command, [*arguments, "--external-scores", wrong], catch_exceptions=False
            )


def test_figures_are_png_and_svg(summary: Path) -> None:
    names = {path.name for path in (summary / "figures").iterdir()}
    for name in (
        "finetuning",
        "differences",
        "learning_curves",
        "records_per_contig",
        "allele_frequencies",
        "variant_classes",
        "variant_density",
        "scores_1",
        "tokenizers_comparison",
    ):
        assert {f"{name}.png", f"{name}.svg"} <= names


def test_same_results_give_the_same_bytes(tmp_path: Path, results: Path, summary: Path) -> None:
    again = tmp_path / "again"
    summarize(SummarizeSettings((results,), again))
    for path in sorted(summary.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(summary)).read_bytes(), path


def test_results_without_models_are_summarized_with_gaps(tmp_path: Path, results: Path) -> None:
    out = tmp_path / "out"
    summarize(SummarizeSettings((results / "windows",), out))
    text = text_of(out)
    for what in ("frequency table", "tokenizer", "corpus", "pretrained model", "scored VCF"):
        assert re.search(f"Missing: (a|no) {what}", text), what
    assert (out / "table2.tsv").read_text().startswith("task\tmodel")


@pytest.mark.parametrize("name", ["absent", "."])
def test_nothing_to_summarize_is_a_user_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no such file|hold no results"):
        summarize(SummarizeSettings((tmp_path / name,), tmp_path / "out"))


def test_a_torn_progress_line_and_redone_steps_count_once(results: Path) -> None:
    curves = learning_curves(collect([results]).of("checkpoint"))
    assert curves["loss"]["ref"] == {1: 4.9, 2: 4.8, 3: 4.7, 4: 4.6, 5: 4.5}


@pytest.mark.parametrize(
    ("task", "cells"),
    [
        ({"splits": {"a": {"read": 9, "used": 7, "dropped": {"empty": 2}}}}, "9</td><td>7"),
        ({"kind": "regression", "rows": {"train": 5, "test": 2}, "made": {"made": 4}}, "7"),
        ({"train": {"0": 3, "1": 2}, "test": {"0": 2}}, "7"),
    ],
)
def test_rows_of_task_tables(task: dict[str, object], cells: str) -> None:
    manifest = {"tasks": {"promoter": task}}
    found = Collection({"tasks": [Artefact(Path("x"), "x", manifest)]})
    assert f"<td>{cells}</td>" in next(task_sections(found)).html


def test_configuration_names_the_groups(repository: Path) -> None:
    config = yaml.safe_load((repository / "assets" / "multiqc_config.yml").read_text())
    assert config["custom_content"]["order"] == list(GROUPS)


def test_multiqc_makes_one_page_in_order(tmp_path: Path, repository: Path, summary: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("multiqc")),
        "--config",
        str(repository / "assets" / "multiqc_config.yml"),
        "--filename",
        "report.html",
        str(summary / "multiqc"),
    ]
    no_network = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **no_network}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    page = (tmp_path / "report.html").read_text()
    headings = [title for title, _ in GROUPS.values()]
    places = [page.index(f">{title}") for title in headings]
    assert places == sorted(places)
    assert "cannot be told apart" in page or "SNP beats REF" in page


def test_variants_are_told_by_class_frequency_and_place(summary: Path) -> None:
    text = text_of(summary)
    assert "66.7 % of the alleles used change one base" in text
    assert "transitions per transversion: 2.333" in text
    assert "30 positions vary, 300.00 per kb" in text
    assert "Frequencies came from: FREQ 30." in text
    assert "The contigs are those of GRCh38." in text
    assert "1,012 records lie on contigs that are only in the VCF: Y 1,012." in text
    assert "GL000220.1" not in text  # the header alone has it
