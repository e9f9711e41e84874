"""Predictions of a fine-tuned model for sequences and SNPs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pybmfm.core import UserError
from pybmfm.evaluation import load_result
from pybmfm.inference import PredictSettings, predict
from pybmfm.training import FinetuneSettings, finetune
from pybmfm.variants import is_encoded_text

SPLITS = ("train", "dev", "test")
KINDS = {
    "binary": ("label", lambda i: i % 2),
    "multiclass": ("label", lambda i: "abc"[i % 3]),
    "multilabel": ("labels", lambda i: ["x", "x|y", ""][i % 3]),
    "regression": ("value", lambda i: 100.0 + i),
}


@pytest.fixture(scope="module")
def tuned(
    snp_checkpoint: Path, bases: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """One result folder per kind of task, of a few steps on short sequences."""
    folder = tmp_path_factory.mktemp("tuned")
    results = {}
    for kind, (column, target) in KINDS.items():
        tables = {}
        for number, split in enumerate(SPLITS):
            starts = np.random.default_rng(number).integers(0, 800, 12)
            frame = pd.DataFrame(
                {
                    "id": [f"{split}/{i}" for i in range(12)],
                    "sequence": [bases["chr1"][s : s + 40] for s in starts],
                    column: [target(i) for i in range(12)],
                }
            )
            tables[split] = folder / f"{kind}.{split}.csv"
            frame.to_csv(tables[split], index=False)
        results[kind] = folder / kind
        finetune(
            FinetuneSettings(
                checkpoint=snp_checkpoint,
                kind=kind,
                out=results[kind],
                max_steps=2,
                learning_rate=1e-2,
                save_model=True,
                device="cpu",
                **tables,
            )
        )
    return results


def apply(checkpoint: Path, source: Path, out: Path, **more: Any) -> pd.DataFrame:
    predict(PredictSettings(checkpoint, source, out, device="cpu", **more))
    return (
        pd.read_csv(out, sep="\t", keep_default_na=False)
        if out.suffix == ".tsv"
        else (pd.read_parquet(out))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_table_gets_the_scores_that_fine_tuning_gave_it(
    kind: str, tuned: dict[str, Path], tmp_path: Path
) -> None:
    source = tuned[kind].parent / f"{kind}.test.csv"
    table = apply(tuned[kind], source, tmp_path / "out.parquet")
    result = load_result(tuned[kind])
    assert table["id"].tolist() == result.ids
    if kind == "regression":
        assert table.columns.tolist() == ["id", "prediction"]
        np.testing.assert_allclose(table["prediction"], result.scores[:, 0], rtol=1e-5)
        return
    classes = result.metrics["classes"]
    assert table.columns.tolist() == ["id", "prediction", *(f"score_{name}" for name in classes)]
    scores = table[[f"score_{name}" for name in classes]].to_numpy()
    np.testing.assert_allclose(scores, result.scores, atol=1e-6)
    if kind == "multilabel":
        wanted = ["|".join(c for c, p in zip(classes, row) if p >= 0.5) for row in scores]  # noqa: B905
    else:
        wanted = [classes[place] for place in scores.argmax(1)]
    assert table["prediction"].tolist() == wanted


def test_rna_gets_the_scores_of_its_dna_and_the_summary_counts_letters(
    tuned: dict[str, Path],
    bases: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    dna = bases["chr1"][:39] + "R"
    scores = []
    for name, text in (("dna.fa", dna), ("rna.fa", dna.replace("T", "U"))):
        (tmp_path / name).write_text(f">x\n{text}\n")
        table = apply(tuned["binary"], tmp_path / name, tmp_path / "out.parquet")
        scores.append(table["score_0"].tolist())
    assert scores[0] == scores[1]
    said = [r.message for r in caplog.records if "predicted" in r.message]
    assert said[0].endswith("1 letters outside the alphabet read as N")
    assert said[1].endswith(f"read as N, {dna.count('T')} U read as T")


@pytest.fixture(scope="module")
def vcf(bases: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SNPs within and at the ends, and records that cannot be used."""

    def record(contig: str, pos1: int, ref: str, alt: str, name: str = ".") -> str:
        return f"{contig}\t{pos1}\t{name}\t{ref}\t{alt}\t.\t.\t."

    one, two = bases["chr1"], bases["chr20"]
    first, middle = one[0], one[699]
    others = [base for base in "ACGT" if base != middle]
    lines = [
        record("1", 1, first, "A" if first != "A" else "C", "rs1"),
        record("1", 700, middle, ",".join(others[:2]), "rs2"),
        record("1", 710, one[709:711], one[709]),
        record("1", 720, one[719], "."),
        record("1", 730, "A" if one[729] != "A" else "C", "G"),
        record("20", 905, "A", "C"),
        record("20", 1100, two[1099], "A" if two[1099] != "A" else "C", "rs3"),
        record("7", 5, "A", "C"),
    ]
    path = tmp_path_factory.mktemp("vcf") / "patient.vcf"
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(header + "\n".join(lines) + "\n")
    return path


def test_snps_of_a_vcf_get_scores_and_the_others_a_reason(
    tuned: dict[str, Path], fasta: Path, vcf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tsv"
    table = apply(tuned["multilabel"], vcf, out, fasta=fasta, flank=50)
    assert table.columns.tolist()[:6] == ["CHROM", "POS", "ID", "REF", "ALT", "prediction"]
    assert table["note"].tolist() == [
        "", "", "", "not_snv", "no_alternate", "reference_mismatch", "reference_n", "",
        "contig_not_in_fasta",
    ]  # fmt: skip
    assert table["ID"].tolist()[:3] == ["rs1", "rs2", "rs2"]
    assert table["POS"].astype(int).tolist()[:3] == [1, 700, 700]
    used = table["note"] == ""
    scores = table["score_x"]
    assert (scores[~used] == "").all()
    assert scores[used].astype(float).between(0, 1).all()
    # Two alternates have one window where its middle is the reference base.
    assert scores[1] == scores[2]


def test_a_snp_is_read_in_the_window_that_its_task_was_built_with(
    tuned: dict[str, Path], fasta: Path, vcf: Path, bases: dict[str, str], tmp_path: Path
) -> None:
    windows = {
        "rs1": "N" * 20 + bases["chr1"][:21],
        "rs2": bases["chr1"][679:720],
        "rs3": bases["chr20"][1079:1120],
    }
    source = tmp_path / "windows.fa"
    source.write_text("".join(f">{name}\n{text}\n" for name, text in windows.items()))
    alone = apply(tuned["binary"], source, tmp_path / "alone.parquet").set_index("id")
    table = apply(tuned["binary"], vcf, tmp_path / "vcf.parquet", fasta=fasta, flank=20)
    rows = table[table["note"] == ""].drop_duplicates("ID").set_index("ID")
    assert rows.index.tolist() == list(windows)
    np.testing.assert_allclose(rows["score_1"], alone["score_1"], atol=1e-6)


def test_an_encoded_centre_tells_alternates_apart(
    tuned: dict[str, Path], fasta: Path, vcf: Path, tmp_path: Path
) -> None:
    from contextlib import ExitStack

    from pybmfm.inference.predict_rows import variant_rows

    with ExitStack() as stack:
        texts = [row.text for row in variant_rows(stack, fasta, vcf, 20, True) if row.text]
    assert all(len(text) == 41 and is_encoded_text(text[20]) for text in texts)
    assert not any(is_encoded_text(text[:20] + text[21:]) for text in texts)
    table = apply(
        tuned["binary"], vcf, tmp_path / "o.parquet", fasta=fasta, flank=20, center="encoded"
    )
    assert table["score_1"][1] != table["score_1"][2]


def test_what_cannot_be_predicted_is_refused_in_a_sentence(
    tuned: dict[str, Path], fasta: Path, vcf: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="give --fasta"):
        apply(tuned["binary"], vcf, tmp_path / "o.tsv")
    with pytest.raises(UserError, match=r"has no head.json; .*--save-model"):
        apply(tmp_path, vcf, tmp_path / "o.tsv", fasta=fasta)
    with pytest.raises(UserError, match=r"let --out end in .tsv"):
        apply(tuned["binary"], vcf, tmp_path / "o.xlsx", fasta=fasta)
    empty = tmp_path / "empty.vcf"
    empty.write_text("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    with pytest.raises(UserError, match="has no record"):
        apply(tuned["binary"], empty, tmp_path / "o.tsv", fasta=fasta)
    other = tmp_path / "other.vcf"
    other.write_text(
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"chr1\t{pos}\t.\tA\tC\t.\t.\t.\n" for pos in range(1, 200))
    )
    with pytest.raises(UserError, match="REF disagrees with the FASTA"):
        apply(tuned["binary"], other, tmp_path / "o.tsv", fasta=fasta)
    assert not (tmp_path / "o.tsv").exists()


def test_the_command_writes_the_table(
    tuned: dict[str, Path], fasta: Path, vcf: Path, tmp_path: Path
) -> None:
    from pybmfm.cli.predict import command

    out = tmp_path / "patient.tsv"
    given = ["--checkpoint", str(tuned["binary"]), "--input", str(vcf), "--fasta", str(fasta)]
    result = CliRunner().invoke(
        command, [*given, "--out", str(out), "--flank", "30"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    assert len(out.read_text().splitlines()) == 10
