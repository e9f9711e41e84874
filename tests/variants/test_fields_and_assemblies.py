"""Which INFO fields and sources are read, which assembly it is, and where variants lie dense."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from pybmfm.cli import main
from pybmfm.core import UserError
from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies

from .random_vcfs import World, worlds
from .reference_frequencies import Choices, reference_table

Inputs = tuple[Path, Path]


def _read(inputs: Inputs, **options: object) -> FrequencyTable:
    out = inputs[0].parent / "out"
    variant_frequencies(FrequencySettings(*inputs, out=out, **options))  # type: ignore[arg-type]
    return FrequencyTable.open(out)


def _small(folder: Path, *lines: str, header: str = "", fasta: str = "chr1") -> Inputs:
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    body = "".join(line.replace(" ", "\t") + "\n" for line in lines)
    (folder / "g.fa").write_text(f">{fasta}\n{'ACGTACGTAC' * 300}\n")
    (folder / "v.vcf").write_text("##fileformat=VCFv4.2\n" + header + columns + body)
    return folder / "g.fa", folder / "v.vcf"


def test_an_unknown_source_is_refused_and_those_present_are_named(tmp_path: Path) -> None:
    inputs = _small(tmp_path, "chr1 2 . C T . . FREQ=TOPMED:0.5,0.5|ALFA:0.5,0.5")
    with pytest.raises(UserError, match=r"TOPMET.*(ALFA.*TOPMED|TOPMED.*ALFA)"):
        _read(inputs, sources=("TOPMET",))
    assert not (tmp_path / "out").exists()


def test_sources_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    fasta, vcf = _small(tmp_path, "chr1 2 . C T . . FREQ=A:0.5,0.5|B:0.8,0.2|C:0.6,0.4")
    inputs = ["--fasta", str(fasta), "--vcf", str(vcf), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as exited:
        main(["variant-frequencies", *inputs, "--source", "B", "--source", "C"])
    assert not exited.value.code
    p = FrequencyTable.open(tmp_path / "out").rows("chr1")[1]
    assert p[0, 2] == pytest.approx(0.3)


POPULATION_HEADER = "".join(
    f'##INFO=<ID={name},Number=A,Type=Float,Description="x">\n'
    for name in ("AF", "AF_afr", "EAS_AF", "AF-eur", "AF_popmax", "AF_raw", "MAF_x", "CAF_y")
)


@pytest.mark.parametrize(
    ("info", "used", "frequency"),
    [
        ("EAS_AF=0.1;AC=1;AN=4;AF=0.4;CAF=0.5,0.5;FREQ=A:0.4,0.6", "FREQ", 0.6),
        ("EAS_AF=0.1;AC=1;AN=4;AF=0.4;CAF=0.5,0.5;FREQ=A:.,.", "CAF", 0.5),
        ("EAS_AF=0.1;AC=1;AN=4;AF=0.4;CAF=.", "AF", 0.4),
        ("EAS_AF=0.1;AC=1;AN=4;AF=.", "AC/AN", 0.25),
        ("EAS_AF=0.1;AC=1;AN=0", "EAS_AF", 0.1),
        ("EAS_AF=0.1;AN=10;AF_popmax=0.9;AF_raw=0.9;MAF_x=0.9;CAF_y=0.9", "EAS_AF", 0.1),
        ("AF-eur=0.1", "AF-eur", 0.1),
    ],
)
def test_auto_takes_the_first_field_that_reports_and_says_which(
    tmp_path: Path, info: str, used: str, frequency: float
) -> None:
    inputs = _small(tmp_path, f"chr1 2 . C T . . {info}", header=POPULATION_HEADER)
    table = _read(inputs)
    assert table.manifest["frequency_fields"] == {used: 1}
    assert table.rows("chr1")[1][0, 2] == pytest.approx(frequency)


def test_auto_averages_the_populations_that_report(tmp_path: Path) -> None:
    info = "AF_afr=0.1;EAS_AF=.;AF-eur=0.5"
    inputs = _small(tmp_path, f"chr1 2 . C T . . {info}", header=POPULATION_HEADER)
    table = _read(inputs)
    assert table.manifest["frequency_fields"] == {"AF-eur": 1, "AF_afr": 1}
    assert table.rows("chr1")[1][0, 2] == pytest.approx(0.3)


@settings(max_examples=10, deadline=None, database=None)
@given(world=worlds())
def test_density_counts_each_varying_position_once(world: World) -> None:
    if reference_table(world.vcf, world.sequences, world.names, Choices()).refused:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "g.fa").write_bytes(world.fasta)
        (folder / "v.vcf").write_bytes(world.vcf.encode())
        table = _read((folder / "g.fa", folder / "v.vcf"))
        header, *lines = (folder / "out" / "density.tsv").read_text().splitlines()
        bins = [line.split("\t") for line in lines]
        assert header == "contig\tstart\tend\tpositions"
        for contig, length in table.lengths.items():
            ours = [tuple(map(int, one[1:])) for one in bins if one[0] == contig]
            assert sum(positions for _, _, positions in ours) == len(table.rows(contig)[0])
            assert all(0 <= start < end <= length for start, end, _ in ours)


def test_density_has_bins_of_a_kilobase(tmp_path: Path) -> None:
    records = [f"chr1 {pos1} . C T . . AF=0.5" for pos1 in (2, 1002, 1992, 2002, 2992)]
    inputs = _small(tmp_path, *records)
    _read(inputs)
    lines = (tmp_path / "out" / "density.tsv").read_text().splitlines()[1:]
    assert lines == ["chr1\t0\t1000\t1", "chr1\t1000\t2000\t2", "chr1\t2000\t3000\t2"]


@pytest.mark.parametrize(
    ("fasta", "vcf", "header", "assembly"),
    [
        ("NC_000001.10", "1", "", "GRCh37"),
        ("NC_000001.11", "1", "", "GRCh38"),
        ("chr1", "NC_000001.10", "", "GRCh37"),
        ("chr1", "NC_000001.11", "", "GRCh38"),
        ("chr1", "chr1", "##contig=<ID=chr1,length=249250621>\n", "GRCh37"),
        ("chr1", "chr1", "##contig=<ID=chr1,length=248956422>\n", "GRCh38"),
        ("chr1", "1", "", None),
        ("2L", "2L", "", None),
    ],
)
def test_the_assembly_is_recognised(
    tmp_path: Path, fasta: str, vcf: str, header: str, assembly: str | None
) -> None:
    inputs = _small(tmp_path, f"{vcf} 2 . C T . . AF=0.5", header=header, fasta=fasta)
    assert _read(inputs).manifest["assembly"] == assembly


@pytest.mark.parametrize(
    ("fasta", "vcf", "header"),
    [
        ("NC_000001.10", "NC_000001.11", ""),
        ("NC_000001.11", "NC_000001.10", ""),
        ("NC_000001.10", "chr1", "##contig=<ID=chr1,length=248956422>\n"),
        ("CM000663.2", "NC_000001.10", ""),
    ],
)
def test_a_vcf_of_the_other_assembly_is_refused(
    tmp_path: Path, fasta: str, vcf: str, header: str
) -> None:
    inputs = _small(tmp_path, f"{vcf} 2 . C T . . AF=0.5", header=header, fasta=fasta)
    with pytest.raises(UserError, match=r"GRCh3[78].*GRCh3[78]"):
        _read(inputs)
    assert not (tmp_path / "out").exists()
