"""The sheet of genomes: what it may leave out, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.corpus import GenomeEntry, read_genomes_sheet, write_genomes_table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("human.fa", "mouse.fa", "human.vcf.gz"):
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    file = folder / "genomes.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_full_sheet_is_taken_as_it_is(folder: Path) -> None:
    sheet = write(
        folder,
        "name,fasta,vcf,encoding,weight",
        "human,human.fa,human.vcf.gz,snp,1",
        "mouse,mouse.fa,human.vcf.gz,ref,0.25",
    )
    variants = str(folder / "human.vcf.gz")
    assert read_genomes_sheet(sheet) == [
        GenomeEntry("human", str(folder / "human.fa"), variants, "snp", 1.0),
        GenomeEntry("mouse", str(folder / "mouse.fa"), variants, "ref", 0.25),
    ]


def test_what_is_left_out_has_defaults(folder: Path) -> None:
    sheet = write(folder, "fasta , name,vcf", "", "human.fa, human, human.vcf.gz", "mouse.fa,mouse")
    human, mouse = read_genomes_sheet(sheet)
    assert (human.encoding, human.weight) == ("snp", 1.0)
    assert (mouse.vcf, mouse.encoding, mouse.weight) == (None, "ref", 1.0)
    only_needed = write(folder, "name,fasta", "mouse,mouse.fa")
    assert read_genomes_sheet(only_needed) == [mouse]


def test_a_byte_order_mark_and_addresses_are_accepted(folder: Path) -> None:
    sheet = write(folder, "\ufeffname,fasta,vcf", "far,s3://bucket/far.fa.gz,s3://bucket/far.vcf")
    (far,) = read_genomes_sheet(sheet)
    assert (far.fasta, far.vcf) == ("s3://bucket/far.fa.gz", "s3://bucket/far.vcf")


@pytest.mark.parametrize(
    ("lines", "place", "problem"),
    [
        (["name,fasta,species", "a,human.fa,x"], 1, "unknown column 'species'"),
        (["name,vcf", "a,human.vcf.gz"], 1, "has no column 'fasta'"),
        (["name,fasta,name", "a,human.fa,b"], 1, "column 'name' is there twice"),
        (["name,fasta", "a,human.fa", "b,none.fa"], 3, "no such file"),
        (["name,fasta,vcf", "", "a,human.fa,none.vcf"], 3, "no such file"),
        (["name,fasta", "a,"], 2, "has no fasta"),
        (["name,fasta", "a,human.fa", "a,mouse.fa"], 3, "genome 'a' is listed twice"),
        (["name,fasta", "a b,human.fa"], 2, "cannot name a folder"),
        (["name,fasta", ",human.fa"], 2, "cannot name a folder"),
        (["name,fasta,encoding", "a,human.fa,SNP"], 2, "unknown encoding 'SNP'"),
        (["name,fasta,encoding", "a,human.fa,snp"], 2, "encoding snp needs variants"),
        (["name,fasta,weight", "a,human.fa,0"], 2, "weight '0' is not above 0"),
        (["name,fasta,weight", "a,human.fa,-1"], 2, "weight '-1' is not above 0"),
        (["name,fasta,weight", "a,human.fa,inf"], 2, "weight 'inf' is not above 0"),
        (["name,fasta,weight", "a,human.fa,much"], 2, "weight 'much' is not above 0"),
        (["name,fasta", "a,human.fa,x"], 2, "has 3 cells for 2 columns"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    folder: Path, lines: list[str], place: int, problem: str
) -> None:
    sheet = write(folder, *lines)
    with pytest.raises(UserError, match=problem) as error:
        read_genomes_sheet(sheet)
    assert (error.value.file, error.value.place) == (str(sheet), f"line {place}")
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("content", [b"", b"name,fasta\n", b"\xff\xfe\x00"])
def test_a_sheet_without_genomes_is_refused(folder: Path, content: bytes) -> None:
    sheet = folder / "genomes.csv"
    sheet.write_bytes(content)
    with pytest.raises(UserError, match=r"lists no genomes|cannot be read"):
        read_genomes_sheet(sheet)
    with pytest.raises(UserError, match="no such file"):
        read_genomes_sheet(folder / "none.csv")


def test_the_table_has_every_column_filled(folder: Path) -> None:
    sheet = write(folder, "name,fasta,vcf", "human,human.fa,human.vcf.gz", "mouse,mouse.fa,")
    write_genomes_table(read_genomes_sheet(sheet), folder / "genomes.tsv")
    assert (folder / "genomes.tsv").read_text().splitlines() == [
        "name\tfasta\tvcf\tencoding\tweight",
        f"human\t{folder}/human.fa\t{folder}/human.vcf.gz\tsnp\t1",
        f"mouse\t{folder}/mouse.fa\t\tref\t1",
    ]
