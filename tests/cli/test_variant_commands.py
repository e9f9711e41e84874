"""The verbs on variants from the command line: what they write, and how they refuse."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.cli import main
from pybmfm.variants import is_encoded_text

SEQUENCE = "ACGTACGTAC" * 20
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def _record(contig: str, pos1: int, alternate: str = "T", reference: str | None = None) -> str:
    reference = reference or SEQUENCE[pos1 - 1]
    return f"{contig}\t{pos1}\trs{pos1}\t{reference}\t{alternate}\t.\t.\tFREQ=X:0.6,0.4;COMMON\n"


RECORDS = "".join(_record("NC_000020.11", pos1, SEQUENCE[pos1 - 1] + "A") for pos1 in (2, 12, 32))


class World:
    """A FASTA and a VCF in a folder, and a way to run a verb there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.fasta, self.vcf, self.out = folder / "g.fa", folder / "v.vcf", folder / "out"
        self.fasta.write_text(f">chr20\n{SEQUENCE}\n>chr21\n{SEQUENCE}\n")
        self.vcf.write_text(HEADER + RECORDS)

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run a verb, check its exit code, and return what it said on stderr."""
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        said = self.capsys.readouterr().err
        assert exited.value.code == code, said
        return said

    def frequencies(self, *options: object, code: int = 0, out: Path | None = None) -> str:
        inputs = ("--fasta", self.fasta, "--vcf", self.vcf, "--out", out or self.out)
        return self.run("variant-frequencies", *inputs, *options, code=code)

    def encode(self, *options: object, out: Path, code: int = 0) -> Path:
        inputs = ("--fasta", self.fasta, "--frequencies", self.out, "--out", out)
        self.run("encode-genome", *inputs, *options, code=code)
        return out


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    return World(tmp_path, capsys)


def _fasta(path: Path) -> dict[str, str]:
    records: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(">"):
            name = line[1:]
            records[name] = ""
        else:
            assert len(line) <= 60
            records[name] += line
    return records


def test_from_vcf_to_encoded_text_and_codes(world: World, tmp_path: Path) -> None:
    world.frequencies("--threads", 2)
    text = _fasta(world.encode(out=tmp_path / "a.fa"))
    assert list(text) == ["chr20:1-200(+)", "chr21:1-200(+)"]
    plus = text["chr20:1-200(+)"]
    assert is_encoded_text(plus)
    assert [place for place in range(200) if plus[place] != SEQUENCE[place]] == [1, 11, 31]
    assert text["chr21:1-200(+)"] == SEQUENCE

    region = _fasta(world.encode("--region", "20:12-40", out=tmp_path / "b.fa"))
    assert region == {"chr20:12-40(+)": plus[11:40]}

    whole = _fasta(world.encode("--strand", "-", "--region", "chr20", out=tmp_path / "c.fa"))
    minus = whole["chr20:1-200(-)"]
    part = _fasta(world.encode("--strand", "-", "--region", "20:12-40", out=tmp_path / "d.fa"))
    assert part == {"chr20:12-40(-)": minus[160:189]}

    with np.load(world.encode("--format", "codes", out=tmp_path / "codes.npz")) as codes:
        assert codes["chr20:1-200(+)"].dtype == np.uint8
        assert (codes["chr20:1-200(+)"] >= 5).sum() == 3

    packed = world.encode("--region", "20:12-40", out=tmp_path / "e.fa.gz")
    assert gzip.decompress(packed.read_bytes()) == (tmp_path / "b.fa").read_bytes()


def test_equal_runs_write_equal_bytes(world: World, tmp_path: Path) -> None:
    world.frequencies()
    world.frequencies("--threads", 2, out=tmp_path / "again")
    for name in ("chr20.arrow", "manifest.json"):
        assert (world.out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    for form, suffix in (("text", "fa"), ("codes", "npz"), ("text", "fa.gz")):
        once, twice = (tmp_path / f"{n}.{suffix}" for n in "12")
        for out in (once, twice):
            world.encode("--format", form, out=out)
        assert once.read_bytes() == twice.read_bytes()


def test_without_frequencies_the_reference_is_written(world: World, tmp_path: Path) -> None:
    out = tmp_path / "plain.fa"
    world.run("encode-genome", "--fasta", world.fasta, "--region", "21:5-8", "--out", out)
    assert _fasta(out) == {"chr21:5-8(+)": "ACGT"}


def test_list_contigs(world: World, tmp_path: Path) -> None:
    out = tmp_path / "contigs.tsv"
    world.run("list-contigs", "--fasta", world.fasta, "--vcf", world.vcf, "--out", out)
    assert out.read_text() == "contig\tlength\tvcf_name\nchr20\t200\tNC_000020.11\n"
    world.run("list-contigs", "--fasta", world.fasta, "--out", out)
    assert out.read_text() == "contig\tlength\tvcf_name\nchr20\t200\t\nchr21\t200\t\n"


def test_list_contigs_names_what_it_leaves_out(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "contigs.tsv"
    # Contigs that the header alone has are no loss.
    header = HEADER.replace("#CHROM", "##contig=<ID=HLA-A>\n#CHROM")
    world.vcf.write_text(header + RECORDS + "sca_7\t2\t.\tC\tT\t.\t.\t.\n")
    inputs = ("--fasta", world.fasta, "--vcf", world.vcf, "--out", out)
    read = RECORDS.count("\n") + 1
    world.run("list-contigs", *inputs)
    (said,) = [record.message for record in caplog.records]
    assert said == f"1 contigs with 1 of {read} records of the VCF are not in the FASTA: sca_7"
    world.vcf.write_text(header + RECORDS + "sca_7\t2\t.\tC\tT\t.\t.\t.\n" * 2 * read)
    said = world.run("list-contigs", *inputs, code=2)
    assert f"{2 * read} of {3 * read - 1} records lie on contigs that" in said
    assert "--alias (in the pipeline --contig_aliases)" in said
    world.run("list-contigs", *inputs, "--contig", "20")
    assert out.read_text().splitlines()[1:] == ["chr20\t200\tNC_000020.11"]


def test_contig_by_contig_and_merged(world: World, tmp_path: Path) -> None:
    world.vcf.write_text(HEADER + RECORDS + RECORDS.replace("NC_000020.11", "21"))
    world.frequencies()
    for contig in ("chr20", "chr21"):
        world.frequencies("--contig", contig, out=tmp_path / contig)
    merged = tmp_path / "merged"
    folders = ("--frequencies", tmp_path / "chr21", "--frequencies", tmp_path / "chr20")
    world.run("merge-frequencies", *folders, "--out", merged)
    for name in ("chr20.arrow", "chr21.arrow"):
        assert (merged / name).read_bytes() == (world.out / name).read_bytes()


def _missing_fasta(world: World) -> str:
    world.fasta = world.folder / "none.fa"
    return "none.fa: no such file; check the path"


def _missing_vcf(world: World) -> str:
    world.vcf = world.folder / "none.vcf"
    return "none.vcf: no such file; check the path"


def _no_shared_contig(world: World) -> str:
    world.vcf.write_text(HEADER + RECORDS.replace("NC_000020.11", "chr5"))
    return "the VCF has chr5, the FASTA has chr20, chr21"


def _other_assembly(world: World) -> str:
    wrong = _record("NC_000020.11", 1, "T", reference="G")
    world.vcf.write_text(HEADER + wrong + RECORDS)
    return "v.vcf: 1 of 4 comparable records"


def _unsorted(world: World) -> str:
    world.vcf.write_text(HEADER + _record("20", 32, "A") + _record("20", 12, "A"))
    return "v.vcf, line 4: is not sorted"


def _short_line(world: World) -> str:
    world.vcf.write_text(HEADER + "20\t5\t.\tA\n")
    return "v.vcf, line 3: has 4 of the 8"


def _truncated_vcf(world: World) -> str:
    world.vcf = world.folder / "v.vcf.gz"
    with pysam.BGZFile(str(world.vcf), "wb") as out:
        out.write((HEADER + RECORDS).encode())
    world.vcf.write_bytes(world.vcf.read_bytes()[:-40])
    return "v.vcf.gz, line 1: is truncated or damaged"


def _truncated_fasta(world: World) -> str:
    packed = world.folder / "g.fa.gz"
    with pysam.BGZFile(str(packed), "wb") as out:
        out.write(world.fasta.read_bytes())
    packed.write_bytes(packed.read_bytes()[:-28])
    world.fasta = packed
    return "g.fa.gz: is truncated or damaged"


def _empty_fasta(world: World) -> str:
    world.fasta.write_text("")
    return "g.fa: is empty"


def _empty_vcf(world: World) -> str:
    world.vcf.write_text("")
    return "v.vcf: is empty"


def _out_below_a_file(world: World) -> str:
    world.out = world.fasta / "out"
    return "cannot be written"


def _out_is_a_file(world: World) -> str:
    world.out = world.folder / "notes.txt"
    world.out.write_text("mine")
    return "is a file, not a folder"


def _out_is_an_input(world: World) -> str:
    world.out = world.vcf
    return "is or holds the input"


@pytest.mark.parametrize(
    "spoil",
    [
        _missing_fasta,
        _missing_vcf,
        _no_shared_contig,
        _other_assembly,
        _unsorted,
        _short_line,
        _truncated_vcf,
        _truncated_fasta,
        _empty_fasta,
        _empty_vcf,
        _out_below_a_file,
        _out_is_a_file,
        _out_is_an_input,
    ],
)
def test_bad_input_is_one_sentence_exit_2_and_no_output(world: World, spoil) -> None:  # type: ignore[no-untyped-def]
    message = spoil(world)
    before = sorted(world.folder.iterdir())
    said = world.frequencies(code=2)
    (line,) = said.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert line.endswith(".")
    assert sorted(world.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--region", "chr7:1-5"), "g.fa: has no contig chr7"),
        (
            ("--region", "chr20:190-201"),
            "g.fa: region chr20:190-201 lies outside contig chr20",
        ),
        (("--strategy", "haplotypes"), "haplotypes"),
    ],
)
def test_encode_genome_refuses(
    world: World, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    world.frequencies()
    out = tmp_path / "x.fa"
    inputs = ("--fasta", world.fasta, "--frequencies", world.out, "--out", out)
    assert message in world.run("encode-genome", *inputs, *options, code=2)
    assert not out.exists()


def test_a_region_asked_for_twice_is_one_record(world: World, tmp_path: Path) -> None:
    regions = [f"--region={region}" for region in ("20:5-8", "chr21:5-8", "chr20:5-8", "20:5-8")]
    out = tmp_path / "x.fa"
    world.run("encode-genome", "--fasta", world.fasta, *regions, "--out", out)
    names = [line for line in out.read_text().splitlines() if line.startswith(">")]
    assert names == [">chr20:5-8(+)", ">chr21:5-8(+)"]


def test_encode_genome_says_how_many_letters_became_n(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pybmfm")
    for letters, expected in (("RYr", 1), ("ACn", 0)):
        caplog.clear()
        world.fasta.write_text(f">chr20\n{SEQUENCE}{letters}\n")
        world.run("encode-genome", "--fasta", world.fasta, "--out", tmp_path / "x.fa")
        assert caplog.text.count("3 letters outside ACGTN were read as N") == expected


def test_encode_genome_refuses_another_genome(world: World, tmp_path: Path) -> None:
    world.frequencies()
    world.fasta.write_text(f">chr20\n{SEQUENCE[::-1]}\n")
    said = world.run(
        "encode-genome", "--fasta", world.fasta, "--frequencies", world.out,
        "--out", tmp_path / "x.fa", code=2,
    )  # fmt: skip
    assert "was made from another sequence of contig chr20" in said
    assert not (tmp_path / "x.fa").exists()


def test_list_contigs_names_what_each_has_when_they_share_none(
    world: World, tmp_path: Path
) -> None:
    message = _no_shared_contig(world)
    out = tmp_path / "contigs.tsv"
    inputs = ("--fasta", world.fasta, "--vcf", world.vcf, "--out", out)
    assert message in world.run("list-contigs", *inputs, code=2)
    assert not out.exists()
