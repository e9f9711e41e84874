"""Results of others, damaged: one sentence that names the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pybmfm.core import UserError
from pybmfm.report.collect import Artefact, Collection, as_written, collect
from pybmfm.report.data_sections import task_sections
from pybmfm.report.model_sections import final_metrics, read_progress, read_scores, score_sections

HEADER = "##INFO=<ID=BMFM_LLR,Number=A>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "1\t5\t.\tA\tG\t.\t.\tBMFM_LLR={}\n"


def scored(folder: Path, text: str) -> Path:
    path = folder / "scored.vcf.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.mark.parametrize("line", ["1\t5\n", RECORD.format("x"), RECORD.format("inf"), "\n"])
def test_scores_that_are_none(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match="scored variants"):
        read_scores(scored(tmp_path, HEADER + RECORD.format("-1.5") + line))


def test_scores_cut_off_or_overwritten(tmp_path: Path) -> None:
    path = scored(tmp_path, HEADER + RECORD.format("-1.5") * 2000)
    whole = path.read_bytes()
    for damaged in (whole[:-20], whole[:60] + b"\xff" * 8 + whole[68:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="scored variants"):
            read_scores(path)


def test_embeddings_without_their_column(tmp_path: Path) -> None:
    about = {b"pybmfm": b'{"artefact": "embeddings"}'}
    table = pa.table({"id": ["a"]}).replace_schema_metadata(about)
    pq.write_table(table, tmp_path / "embedded.parquet")
    (tmp_path / "figures").mkdir()
    found = collect([tmp_path])
    with pytest.raises(UserError, match="embeddings"):
        list(score_sections(found, tmp_path / "figures"))


def test_lines_of_a_log_that_are_no_records_are_left_out(tmp_path: Path) -> None:
    lines = ['{"step": 1, "loss": 2}', '{"step": "x"}', '{"step": 1e999}', "[1]", "\0", '{"step"']
    (tmp_path / "progress.jsonl").write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    assert read_progress(tmp_path) == [{"step": 1, "loss": 2}]


@pytest.mark.parametrize("figure", ['"high"', "[1]", "true"])
def test_figures_of_a_model_that_are_no_numbers(tmp_path: Path, figure: str) -> None:
    text = f'{{"dev": {{"bits_per_nucleotide": {figure}}}}}'
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(UserError, match=r"dev\.bits_per_nucleotide is not a number"):
        final_metrics(Artefact(tmp_path, "model", {}))


def test_tables_that_lack_what_is_read_of_them(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="table or counts that are not as pybmfm"),
        as_written(Artefact(tmp_path, "audit", {})),
    ):
        {}["column"]


@pytest.mark.parametrize("counts", [{"a": {"train": {"0": None}}}, {"a": {"splits": {"train": 1}}}])
def test_counts_of_tasks_that_are_no_numbers(tmp_path: Path, counts: dict[str, object]) -> None:
    found = Collection({"tasks": [Artefact(tmp_path, "tasks", {"counts": counts})]})
    with pytest.raises(UserError, match="counts that are not"):
        list(task_sections(found))
