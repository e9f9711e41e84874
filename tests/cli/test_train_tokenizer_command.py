"""``train-tokenizer`` from the command line: one genome, several, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pybmfm.cli import main
from pybmfm.corpus import WindowSettings, sample_windows
from pybmfm.tokenizer import DnaTokenizer

SMALL = ("--vocab-size", 160, "--min-frequency", 3)


class World:
    """Two genomes with windows, and a way to run the verb."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        rng = np.random.default_rng(5)
        for name, length in (("a,b", 40_000), ("other", 20_000)):
            letters = "".join(rng.choice(list("ACGT"), size=length))
            (folder / f"{name}.fa").write_text(f">chr1\n{letters}\n")
            sample_windows(
                WindowSettings(
                    fasta=folder / f"{name}.fa",
                    out=folder / f"{name}.windows",
                    passes=1,
                    min_length=1000,
                    max_length=1000,
                )
            )

    def genome(self, name: str, more: str = "") -> tuple[str, str]:
        paths = f"fasta={self.folder}/{name}.fa,windows={self.folder}/{name}.windows"
        return "--genome", paths + more

    def plain(self, name: str) -> tuple[object, ...]:
        return (
            "--fasta", self.folder / f"{name}.fa", "--windows", self.folder / f"{name}.windows",
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def train(out: Path, *options: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as exited:
        main(["train-tokenizer", *(str(o) for o in options), *map(str, SMALL), "--out", str(out)])
    assert not exited.value.code
    return dict(json.loads((out / "manifest.json").read_text()))


def test_one_genome_may_be_given_either_way(world: World, tmp_path: Path) -> None:
    one = train(tmp_path / "one", *world.plain("a,b"))
    other = train(tmp_path / "other", *world.genome("a,b"))
    assert one == other
    names = [path.name for path in sorted((tmp_path / "one").iterdir())]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_genomes_are_drawn_from_by_weight(world: World, tmp_path: Path) -> None:
    options = (*world.genome("a,b", ",weight=0.5"), *world.genome("other"), "--max-bases", 12_000)
    manifest = train(tmp_path / "out", *options)
    used = {one["fasta"]: one["bases_used"] for one in manifest["counts"]["by_genome"]}
    assert used == {"a,b.fa": 6000, "other.fa": 6000}
    assert manifest["counts"]["bases_used"] == 12_000
    assert manifest["encoding"] == "ref"
    inputs = [one["name"].removesuffix("/manifest.json") for one in manifest["inputs"]]
    assert inputs == ["a,b.fa", "a,b.windows", "other.fa", "other.windows"]


def test_alleles_may_come_from_phased_genotypes(world: World, tmp_path: Path) -> None:
    letters = (world.folder / "other.fa").read_text().split("\n")[1]
    sites = [(at, letters[at], "A" if letters[at] != "A" else "C") for at in range(50, 20_000, 40)]
    vcf = tmp_path / "phased.vcf"
    header = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=20000>\n"
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT one".replace(" ", "\t")
    records = [f"chr1\t{at + 1}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t0|1" for at, ref, alt in sites]
    vcf.write_text(header + "\n".join([columns, *records]) + "\n")
    options = (*world.genome("other", f",haplotypes={vcf}"), "--strategy", "haplotypes")
    manifest = train(tmp_path / "out", *options, "--alphabet", "observed")
    assert manifest["encoding"] == "snp"
    assert manifest["settings"]["strategy"] == "haplotypes"
    tokens = DnaTokenizer.load(tmp_path / "out").tokens
    written = {text for text in tokens if len(text) == 1} - set("ACGTN")
    assert len(written) == 5, "A with C, G or T, and on the minus strand T with G or C"


@pytest.mark.parametrize(("algorithm", "lengths"), [("kmer", {1, 4}), ("single-nucleotide", {1})])
def test_other_algorithms_make_their_tokens(
    world: World, tmp_path: Path, algorithm: str, lengths: set[int]
) -> None:
    train(tmp_path / "out", *world.plain("other"), "--algorithm", algorithm, "--k", 4)
    tokenizer = DnaTokenizer.load(tmp_path / "out")
    assert set(tokenizer.span_lengths[5:].tolist()) == lengths


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "--fasta is missing"),
        (("--fasta", "x.fa"), "--windows is missing"),
        (("--fasta", "x.fa", "--genome", "fasta=x,windows=y"), "exclude each other"),
        (("--genome", "fasta=x"), "lacks windows="),
        (("--genome", "fasta=x,windows=y,weight=0"), "weight '0' is not above 0"),
        (("--genome", "fasta=x,windows=y,weight=nan"), "weight 'nan' is not above 0"),
        (("--genome", "fasta=x,windows=y,weight=much"), "weight 'much' is not above 0"),
        (("--genome", "vcf=x,windows=y"), "not understood at 'vcf=x'"),
        (("--genome", "fasta=x,windows=y,fasta=z"), "not understood at 'fasta=z'"),
        (("--genome", "fasta=,windows=y"), "not understood at 'fasta='"),
        (("--genome", "fasta=x,windows=absent"), "absent"),
    ],
)
def test_genomes_that_make_no_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["train-tokenizer", *options, "--out", str(tmp_path / "out")])
    assert exited.value.code == 2
    said = capsys.readouterr().err
    assert problem in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
