"""Rows equal the published rule where it is sound, and differ on purpose where it is not.

Each case of the table in docs/methods.md ("Frequencies") has the test of its name here.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.variants import STATES, FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies

from .conftest import MakeTable, vcf_text

CUTOFF = 0.001
SEQUENCE = "ACGTACGTAC"


def published_row(reference: str, alternates: list[str], freq: str) -> dict[str, float]:
    """One SNP record's row as BMFM-DNA describes it, for lists that are whole.

    The unweighted mean over sources, alleles at or below 0.001 dropped, normalised to 1.
    """
    sources = [list(map(float, part.split(":")[1].split(","))) for part in freq.split("|")]
    means = [sum(column) / len(sources) for column in zip(*sources, strict=True)]
    kept = {
        allele: mean
        for allele, mean in zip([reference, *alternates], means, strict=True)
        if mean > CUTOFF
    }
    return {allele: mean / sum(kept.values()) for allele, mean in kept.items()}


def _rows(table: FrequencyTable, contig: str = "chr1") -> dict[int, dict[str, float]]:
    position, p = table.rows(contig)
    return {
        int(place): {
            state: float(mass) for state, mass in zip(STATES, row, strict=True) if mass > 0
        }
        for place, row in zip(position, p, strict=True)
    }


@st.composite
def snp_records(draw: st.DrawFn, reference: str) -> tuple[list[str], str]:
    """Alternates of a base and FREQ of one to three sources, every allele above the cutoff."""
    others = [base for base in "ACGT" if base != reference]
    alternates = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
    sources = []
    for source in range(draw(st.integers(1, 3))):
        shares = draw(st.lists(st.integers(20, 3000), min_size=4, max_size=4))[: len(alternates)]
        values = [10_000 - sum(shares), *shares]
        sources.append(f"S{source}:" + ",".join(f"{value / 10_000:.4f}" for value in values))
    return alternates, "|".join(sources)


@settings(max_examples=40, deadline=None, database=None)
@given(data=st.data())
def test_rows_equal_the_published_rule_where_a_position_has_one_snp_record(
    data: st.DataObject,
) -> None:
    sequence = data.draw(st.text("ACGT", min_size=1, max_size=12), "sequence")
    records, expected = [], {}
    for place, base in enumerate(sequence):
        alternates, freq = data.draw(snp_records(base))
        records.append(f"chr1 {place + 1} {base} {','.join(alternates)} FREQ={freq}")
        expected[place] = published_row(base, alternates, freq)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "g.fa").write_text(f">chr1\n{sequence}\n")
        (folder / "v.vcf").write_text(vcf_text(*records))
        variant_frequencies(FrequencySettings(folder / "g.fa", folder / "v.vcf", folder / "out"))
        found = _rows(FrequencyTable.open(folder / "out"))
    assert list(found) == list(expected)
    for place, row in found.items():
        assert row == pytest.approx(expected[place], abs=1e-5)


def _lone_snp_records(vcf: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Published rows of SNP records that no other record touches and that are sound."""
    touched: Counter[tuple[str, int]] = Counter()
    rows: dict[tuple[str, int], dict[str, float]] = {}
    with pysam.VariantFile(str(vcf)) as records:
        for record in records:
            touched.update((record.chrom, place) for place in range(record.start, record.stop))
            freq = ",".join(record.info["FREQ"])
            values = [float(text) for text in freq.split(":")[1].split(",") if text != "."]
            alternates = list(record.alts or ())
            is_snp = {len(allele) for allele in (record.ref, *alternates)} == {1}
            is_whole = len(values) == 1 + len(alternates) and abs(sum(values) - 1) <= 1e-5
            if is_snp and is_whole and min(values) > CUTOFF:
                rows[record.chrom, record.start] = published_row(record.ref, alternates, freq)
    return {locus: row for locus, row in rows.items() if touched[locus] == 1}


@pytest.mark.real_data
def test_real_rows_equal_the_published_rule(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "mini" / "GRCh37"
    vcf = folder / "variants.dbsnp_style.vcf.gz"
    variant_frequencies(
        FrequencySettings(folder / "reference.fa.gz", vcf, tmp_path / "out", records="all")
    )
    table = FrequencyTable.open(tmp_path / "out")
    found = {
        (table.manifest["contigs"][contig]["vcf_name"], place): row
        for contig in table.contigs
        for place, row in _rows(table, contig).items()
    }
    expected = _lone_snp_records(vcf)
    assert len(expected) > 5_000
    for locus, row in expected.items():
        assert found[locus] == pytest.approx(row, abs=1e-5)


# The cases where we differ.


@pytest.mark.parametrize("alternates", ["T,*", "T,<DEL>", "T,<NON_REF>", "T,C[2:9[", "T,R"])
def test_an_allele_beside_one_without_bases_is_kept(make_table: MakeTable, alternates: str) -> None:
    table = make_table({"chr1": SEQUENCE}, f"chr1 2 C {alternates},A FREQ=X:0.4,0.3,0.2,0.1")
    assert _rows(table) == {1: pytest.approx({"T": 0.3, "A": 0.1, "C": 0.6})}
    assert sum(table.manifest["alleles_dropped"].values()) == 1


def test_a_source_that_reports_a_dot_is_left_out_of_the_mean(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 2 C T FREQ=A:0.6,0.4|B:.,.",
        "chr1 3 G A,T FREQ=A:0.6,0.4,.|B:0.5,0.2,0.3",
    )
    found = _rows(table)
    assert found[1] == pytest.approx({"T": 0.4, "C": 0.6})
    assert found[2] == pytest.approx({"A": 0.3, "T": 0.3, "G": 0.4})


def test_a_source_with_the_wrong_number_of_values_is_dropped_alone(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 2 C T FREQ=A:0.6,0.4|B:0.1,0.2,0.7|C:0.5",
        "chr1 3 G A FREQ=A:0.1,0.2,0.7",
    )
    assert _rows(table) == {1: pytest.approx({"T": 0.4, "C": 0.6})}
    assert table.manifest["sources_dropped"] == {"ragged_frequency": 3}
    assert table.manifest["dropped"] == {"ragged_frequency": 1}


def test_a_snp_inside_a_longer_deletion_adds_up(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE}, "chr1 2 CGTA C FREQ=X:0.8,0.2", "chr1 4 T G FREQ=X:0.7,0.3"
    )
    assert _rows(table) == {
        2: pytest.approx({"DEL": 0.2, "G": 0.8}),
        3: pytest.approx({"DEL": 0.2, "G": 0.3, "T": 0.5}),
        4: pytest.approx({"DEL": 0.2, "A": 0.8}),
    }


@pytest.mark.parametrize("reference", ["0", "0.0005", "0.001"])
def test_a_fixed_alternate_stays_the_alternate(make_table: MakeTable, reference: str) -> None:
    alternate = 1 - float(reference)
    table = make_table({"chr1": SEQUENCE}, f"chr1 2 C T FREQ=X:{reference},{alternate}")
    assert _rows(table) == {1: {"T": 1.0}}


@pytest.mark.parametrize(
    ("fasta_name", "vcf_name"),
    [
        ("chrX", "NC_000023.11"), ("chrX", "X"), ("chrX", "CM000685.2"), ("X", "chrX"),
        ("chrY", "NC_000024.10"), ("Y", "chrY"), ("chrM", "NC_012920.1"), ("chrM", "MT"),
        ("chr20", "NC_000020.11"), ("NC_000020.11", "20"),
    ],
)  # fmt: skip
def test_chromosomes_are_matched_by_any_name(
    make_table: MakeTable, fasta_name: str, vcf_name: str
) -> None:
    table = make_table({fasta_name: SEQUENCE}, f"{vcf_name} 2 C T FREQ=X:0.6,0.4")
    assert _rows(table, fasta_name) == {1: pytest.approx({"T": 0.4, "C": 0.6})}


@pytest.mark.parametrize(
    ("position", "alleles"),
    [(4, "TA T"), (3, "GTA GT"), (1, "ACGTA ACGT"), (4, "TAC TC"), (3, "GTACG GTCG")],
)
def test_a_padded_deletion_lies_where_the_sequence_changes(
    make_table: MakeTable, position: int, alleles: str
) -> None:
    table = make_table({"chr1": SEQUENCE}, f"chr1 {position} {alleles} FREQ=X:0.6,0.4")
    assert _rows(table) == {4: pytest.approx({"DEL": 0.4, "A": 0.6})}


@pytest.mark.parametrize(
    ("position", "alleles"), [(4, "T TGG"), (3, "GT GTGG"), (3, "GTA GTGGA"), (4, "TAC TGGAC")]
)
def test_a_padded_insertion_lies_where_the_sequence_changes(
    make_table: MakeTable, position: int, alleles: str
) -> None:
    table = make_table({"chr1": SEQUENCE}, f"chr1 {position} {alleles} FREQ=X:0.6,0.4")
    assert _rows(table) == {3: pytest.approx({"TI": 0.4, "T": 0.6})}


def test_overlapping_alleles_above_one_are_scaled_and_counted(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE}, "chr1 1 AC A FREQ=X:0.4,0.6", "chr1 2 C T FREQ=X:0.1,0.9"
    )
    assert _rows(table) == {1: pytest.approx({"DEL": 0.4, "T": 0.6})}
    assert table.manifest["rows_scaled"] == 1


def test_a_dropped_alleles_mass_is_the_references(make_table: MakeTable) -> None:
    table = make_table({"chr1": SEQUENCE}, "chr1 2 C T,A FREQ=X:0.599,0.4,0.001")
    assert _rows(table) == {1: pytest.approx({"T": 0.4, "C": 0.6})}


@pytest.mark.parametrize("info", ["CAF=[0.6,0.4]", "CAF=0.6,0.4", "AF=0.4", "FREQ=X:.,.;AF=0.4"])
def test_other_fields_are_read_where_freq_does_not_report(make_table: MakeTable, info: str) -> None:
    table = make_table({"chr1": SEQUENCE}, f"chr1 2 C T {info}")
    assert _rows(table) == {1: pytest.approx({"T": 0.4, "C": 0.6})}


def test_a_few_records_that_disagree_with_the_fasta_are_counted(make_table: MakeTable) -> None:
    agreeing = ["chr1 2 C T FREQ=X:0.6,0.4"] * 99
    table = make_table({"chr1": SEQUENCE}, "chr1 1 G T FREQ=X:0.6,0.4", *agreeing)
    assert table.manifest["dropped"] == {"reference_mismatch": 1}


def test_a_vcf_that_disagrees_with_the_fasta_is_refused_above_one_percent(
    make_table: MakeTable, tmp_path: Path
) -> None:
    agreeing = ["chr1 2 C T FREQ=X:0.6,0.4"] * 98
    with pytest.raises(UserError, match="1 of 99 comparable records have another REF"):
        make_table({"chr1": SEQUENCE}, "chr1 1 G T FREQ=X:0.6,0.4", *agreeing)
    assert not (tmp_path / "frequencies").exists()
