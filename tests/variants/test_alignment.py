"""Sequences without coordinates find their locus through bwa, or through its output."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pybmfm.cli.encode_sequences import command as encode_command
from pybmfm.cli.extract_sequences import command as extract_command
from pybmfm.core import UserError, read_table
from pybmfm.genome import AlignmentSettings, Genome, align_sequences, write_reads
from pybmfm.genome.alignments import read_alignments
from pybmfm.variants.sequences import SequenceSettings, encode_sequences

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def random_text(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


@pytest.fixture(scope="module")
def text() -> str:
    """6,000 random bases of which 1,000 to 1,300 come again at 4,000."""
    unique = random_text(1, 6000)
    return unique[:4000] + unique[1000:1300] + unique[4300:]


@pytest.fixture
def fasta(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{text}\n>chr2\n{random_text(2, 2000)}\n")
    return path


@pytest.fixture
def table(tmp_path: Path, text: str) -> Path:
    """A read of each kind: forward, reverse, twice in the genome, clipped, foreign, repeated."""
    reads = {
        "forward": text[100:400].lower(),
        "reverse": text[2000:2300].translate(COMPLEMENT)[::-1],
        "twice": text[1000:1300],
        "clipped": text[3000:3200] + random_text(3, 100),
        "foreign": random_text(4, 300),
        "again": text[100:400],
        "blank": "",
    }
    path = tmp_path / "reads.csv"
    path.write_text("id,sequence\n" + "".join(f"{k},{v}\n" for k, v in reads.items()))
    return path


def settings(table: Path, fasta: Path, **alignment: object) -> SequenceSettings:
    return SequenceSettings(
        input=table,
        fasta=fasta,
        out=table.parent / "out.csv",
        alignment=AlignmentSettings(**alignment),  # type: ignore[arg-type]
    )


def test_aligned_rows_get_their_locus_and_all_others_are_counted(
    table: Path, fasta: Path, text: str, bwa: str
) -> None:
    counts = encode_sequences(settings(table, fasta, align=True))
    assert counts["read"] == 7
    assert counts["used"] == 3
    assert counts["dropped"] == {
        "clipped": 1, "multi_mapping": 1, "not_among_alignments": 1, "unaligned": 1,
    }  # fmt: skip
    written = read_table(table.parent / "out.csv")
    assert written[["id", "contig", "start", "end", "strand"]].to_numpy().tolist() == [
        ["forward", "chr1", "100", "400", "+"],
        ["reverse", "chr1", "2000", "2300", "-"],
        ["again", "chr1", "100", "400", "+"],
    ]
    given = read_table(table).set_index("id")["sequence"]
    assert written["sequence"].tolist() == [given[name].upper() for name in written["id"]]
    manifest = json.loads((table.parent / "out.csv.manifest.json").read_text())
    assert manifest["settings"]["align"] is True


def test_what_is_kept_can_be_chosen(table: Path, fasta: Path, text: str, bwa: str) -> None:
    kept = encode_sequences(
        settings(table, fasta, align=True, keep_multi_mapping=True, keep_clipped=True)
    )
    assert kept["dropped"] == {"not_among_alignments": 1, "unaligned": 1}
    written = read_table(table.parent / "out.csv").set_index("id")
    assert written.loc["clipped", "sequence"] == text[3000:3300]
    assert written.loc["twice", "start"] in ("1000", "4000")


def test_an_alignment_made_elsewhere_gives_the_same_rows(
    table: Path, fasta: Path, bwa: str, tmp_path: Path
) -> None:
    direct, through = tmp_path / "direct.csv", tmp_path / "through.csv"
    reads, sam = tmp_path / "reads.fa", tmp_path / "reads.sam"
    done = CliRunner().invoke(extract_command, ["--input", str(table), "--out", str(reads)])
    assert done.exit_code == 0
    assert reads.read_text().count(">") == 5
    subprocess.run([bwa, "index", str(fasta)], check=True, capture_output=True)
    with sam.open("w") as handle:
        subprocess.run([bwa, "mem", str(fasta), str(reads)], check=True, stdout=handle, stderr=-3)
    alignments = sam
    if shutil.which("samtools"):
        alignments = tmp_path / "reads.bam"
        subprocess.run(["samtools", "sort", "-o", str(alignments), str(sam)], check=True)
    common = ["--input", str(table), "--fasta", str(fasta)]
    for out, how in ((direct, ["--align"]), (through, ["--alignments", str(alignments)])):
        done = CliRunner().invoke(encode_command, [*common, "--out", str(out), *how])
        assert done.exit_code == 0, done.output
    assert direct.read_bytes() == through.read_bytes()


def sam_of(tmp_path: Path, *records: str) -> Path:
    path = tmp_path / "reads.sam"
    lines = ["@SQ\tSN:1\tLN:6000", *(record.replace(" ", "\t") for record in records)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_records_are_read_as_the_format_says(fasta: Path, tmp_path: Path) -> None:
    sam = sam_of(
        tmp_path,
        "plain 0 1 11 60 5M * 0 0 ACGTA *",
        "plain 2048 1 99 60 5M * 0 0 ACGTA *",
        "turned 16 1 11 60 2S3M1S * 0 0 ACGTAA *",
        "edge 0 1 1 60 2S3M * 0 0 ACGTA *",
        "deletion 0 1 11 0 2M4D3M * 0 0 ACGTA *",
        "none 4 * 0 0 * * 0 0 ACGTA *",
    )
    with Genome(fasta) as genome:
        found = read_alignments(sam, genome.lengths)
    one = found["plain"]
    assert (one.contig, one.start, one.end, one.strand, one.problems) == ("chr1", 10, 15, "+", ())
    assert (found["turned"].start, found["turned"].end, found["turned"].strand) == (8, 14, "-")
    assert found["turned"].problems == ("clipped",)
    assert found["edge"].problems == ("beyond_contig_end", "clipped")
    assert (found["deletion"].start, found["deletion"].end) == (10, 19)
    assert found["deletion"].problems == ("multi_mapping",)
    assert found["none"].problems == ("unaligned",)


def test_each_distinct_sequence_is_written_once(tmp_path: Path) -> None:
    assert write_reads(["ACGT", "acgt", "", "TTTT"], tmp_path / "reads.fa") == 2


def test_without_bwa_the_remedy_is_named(
    fasta: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Genome(fasta) as genome, pytest.raises(UserError, match="install bwa"):
        align_sequences(["ACGT"], genome.lengths, fasta, AlignmentSettings(align=True))


@pytest.mark.parametrize("content", ["", "@SQ\tSN:other\tLN:5\n", "no sam at all\n"])
def test_alignments_of_something_else_are_refused(
    fasta: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "reads.sam"
    path.write_text(content)
    with Genome(fasta) as genome, pytest.raises(UserError, match=r"reads\.sam"):
        read_alignments(path, genome.lengths)


def test_a_table_without_coordinates_names_both_ways(table: Path, fasta: Path) -> None:
    with pytest.raises(UserError, match=r"column .contig.; give contig.*--align"):
        encode_sequences(settings(table, fasta))
