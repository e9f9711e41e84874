"""encode-genome with haplotypes and encode-sequences, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pybmfm.cli import main
from pybmfm.core import read_table
from pybmfm.variants import is_encoded_text

SEQUENCE = "ACGTACGTAC" * 20
HEADER = (
    '##fileformat=VCFv4.2\n##contig=<ID=20>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)
RECORDS = ((2, "C", "T", "0|1"), (12, "C", "G", "1|1"), (15, "A", "C", "0/1"))


class World:
    """A FASTA, a phased VCF and a BED in a folder, and a way to run a verb there."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capfd = folder, capfd
        self.fasta, self.vcf, self.bed = folder / "g.fa", folder / "v.vcf", folder / "loci.bed"
        self.fasta.write_text(f">chr20\n{SEQUENCE}\n")
        self.bed.write_text("20\t0\t20\tone\t0\t+\nchr20\t0\t20\ttwo\t0\t-\nchr21\t0\t9\tx\t0\t+\n")
        self.write_vcf("GT", "one")

    def write_vcf(self, *form: str) -> None:
        lines = ["\t".join([HEADER, "FORMAT", *form[1:]] if form else [HEADER])]
        for pos1, reference, alternate, genotype in RECORDS:
            fixed = ["20", str(pos1), ".", reference, alternate, ".", ".", "AF=0.5"]
            lines.append("\t".join([*fixed, "GT", genotype] if form else fixed))
        self.vcf.write_text("\n".join(lines) + "\n")

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run a verb, check its exit code, and return what stands on stderr."""
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        said = self.capfd.readouterr().err
        assert exited.value.code == code, said
        return said

    def sequences(self, *options: object, code: int = 0) -> str:
        inputs = ("--input", self.bed, "--fasta", self.fasta, "--out", self.folder / "out.tsv")
        return self.run("encode-sequences", *inputs, *options, code=code)


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> World:
    return World(tmp_path, capfd)


def test_a_bed_becomes_a_table_of_encoded_sequences(world: World) -> None:
    table = world.folder / "frequencies"
    world.run("variant-frequencies", "--fasta", world.fasta, "--vcf", world.vcf, "--out", table)
    world.sequences("--frequencies", table, "--pass", 2, "--seed", 5)
    rows = read_table(world.folder / "out.tsv")
    assert rows["name"].tolist() == ["one", "two"]
    region = world.folder / "region.fa"
    for strand, text in zip("+-", rows["sequence"], strict=True):
        assert is_encoded_text(text)
        world.run(
            "encode-genome", "--fasta", world.fasta, "--frequencies", table, "--out", region,
            "--region", "20:1-20", "--strand", strand, "--pass", 2, "--seed", 5,
        )  # fmt: skip
        assert region.read_text(encoding="utf-8").splitlines()[1] == text
    manifest = json.loads((world.folder / "out.tsv.manifest.json").read_text())
    assert manifest["counts"]["dropped"] == {"contig_not_in_fasta": 1}


def test_haplotypes_come_from_one_individual(world: World) -> None:
    options = ("--strategy", "haplotypes", "--haplotypes", world.vcf)
    world.sequences(*options)
    plus = read_table(world.folder / "out.tsv")["sequence"][0]
    changed = [place for place in range(20) if plus[place] != SEQUENCE[place]]
    assert changed == [1, 11, 14]
    assert plus[11] == "G"
    manifest = json.loads((world.folder / "out.tsv.manifest.json").read_text())
    assert manifest["counts"]["genotypes"] == {
        "read": 3,
        "used": 3,
        "dropped": {},
        "alleles_dropped": {},
        "unphased_heterozygotes": 1,
    }
    whole = world.folder / "whole.fa"
    world.run("encode-genome", "--fasta", world.fasta, "--out", whole, *options)
    assert whole.read_text(encoding="utf-8").splitlines()[1].startswith(plus)


def test_without_variants_any_strategy_leaves_the_reference(world: World) -> None:
    world.sequences("--strategy", "haplotypes")
    assert read_table(world.folder / "out.tsv")["sequence"][0] == SEQUENCE[:20]


def _no_individuals(world: World) -> list[object]:
    world.write_vcf()
    return ["--strategy", "haplotypes", "--haplotypes", world.vcf]


def _strategy_forgotten(world: World) -> list[object]:
    return ["--haplotypes", world.vcf]


def _no_loci(world: World) -> list[object]:
    world.bed.unlink()
    return []


def _both_sources(world: World) -> list[object]:
    table = world.folder / "frequencies"
    world.run("variant-frequencies", "--fasta", world.fasta, "--vcf", world.vcf, "--out", table)
    return ["--frequencies", table, "--haplotypes", world.vcf, "--strategy", "haplotypes"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_individuals, "v.vcf: has no individuals; give a phased VCF with genotypes."),
        (_strategy_forgotten, "does not read haplotypes; add --strategy haplotypes"),
        (_no_loci, "loci.bed: no such file; check the path."),
        (_both_sources, "--frequencies and --haplotypes exclude each other"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    world: World, spoil: Callable[[World], list[object]], message: str
) -> None:
    said = world.sequences(*spoil(world), code=2)
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (world.folder / "out.tsv").exists()
