"""Which records, alleles and fields of a VCF count, and what is said of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.variants import STATES, FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.merge import merge_frequencies

#            1234567890123456789012345678
SEQUENCE = "ACGTACGTAAAACACACTTGGCCATGCA"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"

Read = Callable[..., FrequencyTable]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function from records ``pos ref alt filter info`` and options to a table."""

    def make(*records: str, header: str = "", **options: object) -> FrequencyTable:
        fasta, vcf = tmp_path / "genome.fa", tmp_path / "in.vcf"
        fasta.write_text(f">1\n{SEQUENCE}\n>2\n{SEQUENCE}\n")
        lines = []
        for record in records:
            pos1, ref, alt, passed, info = record.split(" ")
            lines.append(f"1\t{pos1}\t.\t{ref}\t{alt}\t.\t{passed}\t{info}\n")
        vcf.write_text("##fileformat=VCFv4.2\n" + header + COLUMNS + "".join(lines))
        settings = FrequencySettings(fasta, vcf, tmp_path / "out", **options)  # type: ignore[arg-type]
        variant_frequencies(settings)
        return FrequencyTable.open(tmp_path / "out")

    return make


def _info(name: str, number: str) -> str:
    return f'##INFO=<ID={name},Number={number},Type=Float,Description="f">\n'


def _rows(table: FrequencyTable) -> dict[int, dict[str, float]]:
    """Position, from 1 -> state -> probability."""
    position, p = table.rows("1")
    return {
        int(place) + 1: {
            state: round(float(value), 4) for state, value in zip(STATES, row, strict=True) if value
        }
        for place, row in zip(position, p, strict=True)
    }


@pytest.mark.parametrize(
    ("records", "rows", "repeated"),
    [
        # the same line twice, and with the largest frequency first, last, and in the middle
        (("5 A G . AF=0.3", "5 A G . AF=0.3"), {5: {"G": 0.3, "A": 0.7}}, 1),
        (
            ("5 A G . AF=0.1", "5 A G . AF=0.3", "5 A G . AF=0.2"),
            {5: {"G": 0.3, "A": 0.7}},
            2,
        ),
        # among others of its position, which add up
        (
            ("5 A G . AF=0.3", "5 A T . AF=0.1", "5 A G,C . AF=0.3,0.2"),
            {5: {"G": 0.3, "T": 0.1, "C": 0.2, "A": 0.4}},
            1,
        ),
        # padded on the left or right
        (("4 TA TG . AF=0.2", "5 A G . AF=0.3"), {5: {"G": 0.3, "A": 0.7}}, 1),
        (("5 A G . AF=0.3", "5 AC GC . AF=0.2"), {5: {"G": 0.3, "A": 0.7}}, 1),
        # one insertion, its anchor kept or doubled
        (("8 T TA . AF=0.2", "8 TA TAA . AF=0.2"), {8: {"TI": 0.2, "T": 0.8}}, 1),
        # one insertion in a run of A, at its beginning and its end
        (("8 T TA . AF=0.2", "12 A AA . AF=0.1"), {8: {"TI": 0.2, "T": 0.8}}, 1),
        (("8 T TA . AF=0.1", "12 A AA . AF=0.2"), {11: {"AI": 0.2, "A": 0.8}}, 1),
        # one insertion of a unit of a repeat, which is written turned: AC or CA
        (("11 A AAC . AF=0.2", "14 A ACA . AF=0.3"), {13: {"CI": 0.3, "C": 0.7}}, 1),
        # one deletion in a run of A
        (("8 TA T . AF=0.2", "11 AA A . AF=0.2"), {9: {"DEL": 0.2, "A": 0.8}}, 1),
        # the deletion of a unit of a repeat
        (
            ("11 AAC A . AF=0.2", "14 ACA A . AF=0.1"),
            {12: {"DEL": 0.2, "A": 0.8}, 13: {"DEL": 0.2, "C": 0.8}},
            1,
        ),
        # an alternate twice in one record
        (("5 A G,G . AF=0.3,0.2",), {5: {"G": 0.3, "A": 0.7}}, 1),
        # lower case is no other allele
        (("5 A G . AF=0.3", "5 a g . AF=0.3"), {5: {"G": 0.3, "A": 0.7}}, 1),
        # a record that goes to the judge of odd lines and one that does not
        (("8 T TA . AF=+0.2", "12 A AA . AF=0.1"), {8: {"TI": 0.2, "T": 0.8}}, 1),
        # different alleles that put the same state at the same place
        (("8 T TA . AF=0.2", "8 T TC . AF=0.1"), {8: {"TI": 0.3, "T": 0.7}}, 0),
        (("8 T TA . AF=0.2", "8 T TAA . AF=0.1"), {8: {"TI": 0.3, "T": 0.7}}, 0),
        (
            ("1 ACG A . AF=0.2", "2 CGT C . AF=0.1"),
            {2: {"DEL": 0.2, "C": 0.8}, 3: {"DEL": 0.3, "G": 0.7}, 4: {"DEL": 0.1, "T": 0.9}},
            0,
        ),
        # an allele that differs in a base from a neighbour is its own
        (
            ("5 AC GT . AF=0.2", "5 A G . AF=0.1"),
            {5: {"G": 0.3, "A": 0.7}, 6: {"T": 0.2, "C": 0.8}},
            0,
        ),
    ],
)  # fmt: skip
def test_an_allele_counts_once_however_it_is_spelt(
    read: Read, records: tuple[str, ...], rows: dict[int, dict[str, float]], repeated: int
) -> None:
    table = read(*records)
    assert _rows(table) == rows
    assert table.manifest["repeated_alleles"] == repeated
    assert table.manifest["repeated_alleles_rule"] == "largest frequency"
    assert table.manifest["used"] == len(records)
    spectrum = table.manifest["frequency_spectrum"]["counts"]
    assert sum(spectrum) == sum(table.manifest["variant_classes"].values())


def test_many_records_of_few_alleles_count_once_each(read: Read) -> None:
    """Far apart in the file's order of one position, and over block borders of the reader."""
    records = [f"5 A {'G' * (n % 300 + 2)} . AF=0.00{n % 7 + 2}" for n in range(9000)]
    table = read(*records)
    assert table.manifest["repeated_alleles"] == 8700
    assert _rows(table)[5]["GI"] == 1.0  # 300 alleles of .008 are more than one


@pytest.mark.parametrize("number", [".", "A", "1", None])
@pytest.mark.parametrize(
    ("alt", "values"), [("G", "0.30,0.02"), ("G,T", "0.3"), ("G,T", "0.3,0.2,0.1"), ("G", ",0.3")]
)
def test_a_list_of_the_wrong_length_is_ragged_under_every_number(
    read: Read, number: str | None, alt: str, values: str
) -> None:
    header = _info("AF", number) if number else ""
    table = read(f"5 A {alt} . AF={values}", "6 C T . AF=0.5", header=header)
    assert _rows(table) == {6: {"T": 0.5, "C": 0.5}}
    assert table.manifest["dropped"] == {"ragged_frequency": 1}


@pytest.mark.parametrize("values", ["0.3", "0.1,0.2,0.3"])
def test_a_list_with_the_reference_has_one_value_more(read: Read, values: str) -> None:
    table = read(f"5 A G . AF={values}", "6 C T . AF=0.8,0.2", header=_info("AF", "R"))
    assert _rows(table) == {6: {"T": 0.2, "C": 0.8}}
    assert table.manifest["dropped"] == {"ragged_frequency": 1}


@pytest.mark.parametrize(
    ("info", "field", "frequency"),
    [
        ("AF_joint=0.11;AF_exomes=0.1;AF_genomes=0.3", "AF_joint", 0.11),
        ("AF_afr=0.9;AF_genomes=0.3;AF_joint=0.002", "AF_joint", 0.002),
        ("AF_afr=0.9;AF=0.2;EAS_AF=0.5", "AF", 0.2),
        ("AF=0.2;AF_joint=0.3", "AF_joint", 0.3),
        ("AF_joint=.;AF=0.2;AF_genomes=0.4", "AF", 0.2),
        ("AF_total=0.25;AF_afr=0.9", "AF_total", 0.25),
        ("GLOBAL_AF=0.25;EAS_AF=0.9", "GLOBAL_AF", 0.25),
        ("AF_total=0.3;AC=1;AN=4;AF_afr=0.9", "AC/AN", 0.25),
        ("AF_raw=0.9;AF_grpmax=0.9;AF_XX=0.9;AF_afr=0.2", "AF_afr", 0.2),
    ],
)
def test_the_whole_comes_before_its_parts(
    read: Read, info: str, field: str, frequency: float
) -> None:
    names = [item.partition("=")[0] for item in info.split(";")]
    table = read(f"5 A G . {info}", header="".join(_info(name, "A") for name in names))
    assert _rows(table)[5]["G"] == pytest.approx(frequency)
    assert table.manifest["frequency_fields"] == {field: 1}


FILTERED = (
    "1 A C PASS AF=0.1",
    "2 C A . AF=0.2",
    "3 G T AS_VQSR AF=0.3",
    "4 T G q10;s50 AF=0.4",
    "5 A C s50 AF=0.4",
    "6 C T PASS;q10 AF=0.4",
)


@pytest.mark.parametrize(
    ("filters", "used", "dropped"),
    [
        ("PASS,.", [1, 2], {"AS_VQSR": 1, "q10": 2, "s50": 1}),
        ("PASS", [1], {".": 1, "AS_VQSR": 1, "q10": 2, "s50": 1}),
        (".,AS_VQSR", [2, 3], {"PASS": 2, "q10": 1, "s50": 1}),
        ("PASS,.,q10", [1, 2, 6], {"AS_VQSR": 1, "s50": 2}),
        ("PASS, q10 ,s50", [1, 4, 5, 6], {".": 1, "AS_VQSR": 1}),
        ("all", [1, 2, 3, 4, 5, 6], {}),
    ],
)
@pytest.mark.parametrize("odd", ["", "0000000000000000000"])
def test_records_are_dropped_by_the_first_filter_that_is_not_taken(
    read: Read, filters: str, used: list[int], dropped: Mapping[str, int], odd: str
) -> None:
    table = read(*(record + odd for record in FILTERED), filters=filters)
    assert list(_rows(table)) == used
    assert table.manifest["dropped"] == {f"filter: {name}": n for name, n in dropped.items()}
    assert table.manifest["settings"]["filters"] == filters
    assert table.manifest["read"] == 6


def test_of_any_number_of_filters_the_first_fifty_are_named(read: Read) -> None:
    lines = [f"{n // 100 + 1} {SEQUENCE[n // 100]} N q{n:04}{'x' * 99} AF=0.1" for n in range(900)]
    dropped = read(*lines, "20 G T PASS AF=0.1", "21 G T PASS AF=0.1").manifest["dropped"]
    assert len(dropped) == 51
    assert dropped["filter: others"] == 850
    assert dropped[f"filter: q0007{'x' * 59}"] == 1
    assert sum(dropped.values()) == 900


def test_no_filter_is_an_error(read: Read) -> None:
    with pytest.raises(UserError, match="--filters names no filter; give all, or names such as"):
        read("5 A G . AF=0.1", filters=" ,")


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        ("5 A G . MAF=0.3", {}, "1 are dropped for no_frequency; name the INFO field"),
        ("5 A G . AF=0.3", {"frequency_field": "AF_eur"}, "no_frequency; name the INFO field"),
        ("5 A G . AF=0.3;COMMON=0", {}, "not_common; take all records with --records all"),
        ("5 A G q10 AF=0.3", {}, "filter: q10; name the filters that records may have"),
        ("5 A G . AF=0.0003", {}, "below_min_frequency; lower --min-frequency"),
        ("5 A <DEL> . AF=0.3", {}, "symbolic_allele; give records that can be used"),
        ("99 A G . AF=0.3", {}, "beyond_contig_end"),
    ],
)
def test_a_vcf_of_which_nothing_is_used_is_an_error_that_says_why(
    read: Read, tmp_path: Path, record: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=f"none of 1 records can be used, .*{message}"):
        read(record, **options)
    assert not (tmp_path / "out").exists()


def test_a_contig_alone_may_be_without_records_but_not_the_whole(
    read: Read, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = []
    for contig in ("1", "2"):
        with caplog.at_level(logging.INFO, "pybmfm"):
            table = read(
                "5 A G . AF=0.0003", header="##contig=<ID=1>\n##contig=<ID=2>\n", contigs=(contig,)
            )
        assert table.manifest["used"] == 0
        parts.append(table.folder.rename(tmp_path / f"part{contig}"))
    message = "in.vcf: none of 1 records can be used, 1 are dropped for below_min_frequency"
    with pytest.raises(UserError, match=message):
        merge_frequencies(parts, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
