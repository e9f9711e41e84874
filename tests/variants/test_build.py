from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pysam
import pytest

from pybmfm.core import UserError
from pybmfm.variants import STATES, FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.density import bin_size

from .conftest import HEADER, MakeTable, vcf_text

SEQUENCE = "ACGTACGTAC"


def _rows(table: FrequencyTable, contig: str = "chr1") -> dict[int, dict[str, float]]:
    position, p = table.rows(contig)
    return {
        int(place): {
            STATES[state]: round(float(row[state]), 4) for state in np.flatnonzero(row > 0)
        }
        for place, row in zip(position, p, strict=True)
    }


def test_the_reference_is_the_rest(make_table: MakeTable) -> None:
    table = make_table({"chr1": SEQUENCE}, "chr1 2 C T AF=0.3", "chr1 5 A AG AF=0.25")
    assert _rows(table) == {1: {"T": 0.3, "C": 0.7}, 4: {"A": 0.75, "AI": 0.25}}


def test_overlapping_records_add(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 2 CGT C AF=0.2",
        "chr1 3 G A AF=0.3",
        "chr1 3 G T AF=0.1",
        "chr1 3 G A AF=0.1",
    )
    assert _rows(table) == {
        2: {"DEL": 0.2, "A": 0.3, "T": 0.1, "G": 0.4},  # A is given twice and counts once
        3: {"DEL": 0.2, "T": 0.8},
    }
    assert table.manifest["repeated_alleles"] == 1


def test_a_row_above_one_is_scaled_and_counted(make_table: MakeTable) -> None:
    table = make_table({"chr1": SEQUENCE}, "chr1 2 C T AF=0.9", "chr1 2 C A AF=0.3")
    assert _rows(table) == {1: {"T": 0.75, "A": 0.25}}
    assert table.manifest["rows_scaled"] == 1


def test_the_cutoff_holds_for_alternates_and_for_the_reference(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 1 A G,T FREQ=X:0.5,0.499,0.001",
        "chr1 2 C T AF=0.001",
        "chr1 3 G A AF=0.999",
        "chr1 4 T A AF=1",
    )
    assert _rows(table) == {0: {"G": 0.499, "A": 0.501}, 2: {"A": 1.0}, 3: {"A": 1.0}}
    assert table.manifest["alleles_dropped"] == {"below_min_frequency": 2}
    assert table.manifest["dropped"] == {"below_min_frequency": 1}


def test_a_dropped_alleles_mass_is_the_references(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 2 C T,* FREQ=X:0.5,0.3,0.2",
        "chr1 3 G A,C FREQ=X:0.5,0.3,.",
        "chr1 4 T <DEL>,R,A CAF=[0.1,0.2,0.3,0.4]",
    )
    assert _rows(table) == {
        1: {"T": 0.3, "C": 0.7},
        2: {"A": 0.3, "G": 0.7},
        3: {"A": 0.4, "T": 0.6},
    }
    assert table.manifest["used"] == 3
    assert table.manifest["alleles_dropped"] == {
        "symbolic_allele": 2,
        "no_frequency": 1,
        "iupac_allele": 1,
    }


def test_every_odd_record_is_counted_by_its_reason(make_table: MakeTable) -> None:
    good = [f"chr1 {1 + i % 10} {SEQUENCE[i % 10]} N,<INS> AF=0.1,0.1" for i in range(200)]
    good.sort(key=lambda record: int(record.split()[1]))
    table = make_table(
        {"chr1": "AC" + "N" + SEQUENCE, "chr2": SEQUENCE, "chr3": "ACGT"},
        "chr1 0 N A AF=0.5",
        "chr1 1 R A AF=0.5",
        "chr1 1 A C AF=0.5",
        "chr1 2 CN C AF=0.5",
        "chr1 3 A C AF=0.5",
        "chr1 4 a A AF=0.5",
        "chr1 5 C . AF=0.5",
        "chr1 6 G T RS=7",
        "chr1 7 T A FREQ=X:0.5,0.4,0.1",
        "chr1 12 ACGT A AF=0.5",
        *(record.replace("chr1", "chr2") for record in good),
        "chr9 5 A C AF=0.5",
        "chr9 6 A C AF=0.5",
    )
    manifest = table.manifest
    assert manifest["dropped"] == {
        "before_contig_start": 1,
        "reference_not_acgt": 1,
        "reference_n": 2,
        "same_as_reference": 1,
        "no_alternate": 1,
        "no_frequency": 1,
        "ragged_frequency": 1,
        "beyond_contig_end": 1,
        "iupac_allele": 200,
        "contig_not_in_fasta": 2,
    }
    assert (manifest["read"], manifest["used"]) == (212, 1)
    assert manifest["read"] == manifest["used"] + sum(manifest["dropped"].values())
    assert manifest["records"] == {key: manifest[key] for key in ("read", "used", "dropped")}
    assert manifest["contigs"]["chr1"]["read"] == 10
    assert manifest["contigs_only_in_vcf"] == ["chr9"]
    assert manifest["contigs_only_in_fasta"] == ["chr3"]


@pytest.mark.parametrize(
    ("records", "infos", "used"),
    [
        ("auto", ("AF=0.5", "COMMON;AF=0.5", "COMMON=1;AF=0.5", "COMMON=0;AF=0.5"), 2),
        ("auto", ("AF=0.5", "AF=0.5", "AF=0.5", "UNCOMMON;AF=0.5"), 4),
        ("auto", ("AF=0.5", "AF=0.5", "COMMON;AF=0.5", "AF=0.5;COMMON=0"), 1),
        ("all", ("AF=0.5", "COMMON;AF=0.5", "COMMON=1;AF=0.5", "COMMON=0;AF=0.5"), 4),
        ("common", ("AF=0.5", "AF=0.5", "AF=0.5", "COMMON;AF=0.5"), 1),
    ],
)
def test_choice_of_records(
    make_table: MakeTable, records: str, infos: tuple[str, ...], used: int
) -> None:
    other = str.maketrans("ACGT", "CATG")
    lines = [
        f"chr1 {n} {base} {base.translate(other)} {info}"
        for n, (base, info) in enumerate(zip(SEQUENCE, infos, strict=False), 1)
    ]
    table = make_table({"chr1": SEQUENCE}, *lines, records=records)
    assert table.manifest["used"] == used
    assert table.manifest["dropped"].get("not_common", 0) == 4 - used


def test_the_files_keep_the_contract(make_table: MakeTable) -> None:
    sequences = {"chr1": SEQUENCE, "HLA*01:02/x": SEQUENCE, "chrY": "acgtn"}
    table = make_table(
        sequences, "NC_000001.11 2 C T AF=0.3", "HLA*01:02/x 1 A C AF=1", "Y 4 T G ."
    )
    assert table.contigs == ["chr1", "HLA*01:02/x", "chrY"]
    assert table.haploid == {"chrY"}
    assert table.lengths == {"chr1": 10, "HLA*01:02/x": 10, "chrY": 5}
    with pa.memory_map(str(table.folder / "chr1.arrow")) as source:
        content = pa.ipc.open_file(source).read_all()
    assert content.schema.field("position").type == pa.int32()
    assert content.schema.field("p").type == pa.list_(pa.float32(), 11)
    metadata = content.schema.metadata
    assert metadata[b"contig"] == b"chr1"
    assert metadata[b"length"] == b"10"
    assert len(metadata[b"sequence_digest"]) == 64
    assert _rows(table, "HLA*01:02/x") == {0: {"C": 1.0}}
    assert _rows(table, "chrY") == {}
    assert _rows(table, "absent") == {}
    assert len(list(table.folder.glob("*.arrow"))) == 3


def test_haploid_chromosomes_can_be_named(make_table: MakeTable) -> None:
    sequences = {"chrX": SEQUENCE, "chrM": SEQUENCE}
    table = make_table(sequences, "X 1 A C AF=1", "MT 1 A C AF=1", haploid=("X",))
    assert table.haploid == {"chrX"}


def _settings(tmp_path: Path, vcf: Path, **options: object) -> FrequencySettings:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(f">chr1\n{SEQUENCE}\n>chr2\n{SEQUENCE}\n")
    return FrequencySettings(fasta=fasta, vcf=vcf, out=tmp_path / "out", **options)  # type: ignore[arg-type]


def test_plain_gzip_bgzip_and_windows_line_ends_read_alike(tmp_path: Path) -> None:
    text = vcf_text("chr1 2 C T AF=0.3", "chr1 5 A AG AF=0.25", "chr2 1 A C AF=0.1")
    plain, packed, blocks = (tmp_path / name for name in ("a.vcf", "b.vcf.gz", "c.vcf.gz"))
    plain.write_bytes(text.rstrip("\n").replace("\n", "\r\n").encode())
    packed.write_bytes(gzip.compress(text.encode()))
    with pysam.BGZFile(str(blocks), "wb") as out:
        out.write(text.encode())
    found = []
    for vcf in (plain, packed, blocks):
        variant_frequencies(_settings(tmp_path, vcf))
        table = FrequencyTable.open(tmp_path / "out")
        found.append((_rows(table), _rows(table, "chr2"), table.manifest["records"]))
    assert found[0] == found[1] == found[2]
    assert found[0][2] == {"read": 3, "used": 3, "dropped": {}}


def test_one_contig_alone_counts_only_its_records(tmp_path: Path) -> None:
    vcf = tmp_path / "v.vcf"
    vcf.write_text(vcf_text("chr1 2 C T AF=0.3", "chr2 3 G C COMMON;AF=0.1", "5 1 A C AF=0.1"))
    variant_frequencies(_settings(tmp_path, vcf, contigs=("NC_000002.12",)))
    table = FrequencyTable.open(tmp_path / "out")
    assert table.contigs == ["chr2"]
    assert table.manifest["records"] == {"read": 1, "used": 1, "dropped": {}}
    assert table.manifest["contigs_only_in_vcf"] == ["5"]
    with pytest.raises(UserError, match="has no contig chr7"):
        variant_frequencies(_settings(tmp_path, vcf, contigs=("chr7",)))


def test_auto_looks_at_the_whole_vcf_whatever_the_contig(tmp_path: Path) -> None:
    vcf = tmp_path / "v.vcf"
    vcf.write_text(vcf_text("chr1 2 C T AF=0.3", "chr2 3 G C COMMON;AF=0.1"))
    variant_frequencies(_settings(tmp_path, vcf, contigs=("chr1",)))
    assert FrequencyTable.open(tmp_path / "out").manifest["dropped"] == {"not_common": 1}


def test_a_vcf_of_the_other_assembly_is_refused(tmp_path: Path) -> None:
    fasta, vcf = tmp_path / "g.fa", tmp_path / "v.vcf"
    fasta.write_text(f">NC_000001.11\n{SEQUENCE}\n")
    vcf.write_text(vcf_text("NC_000001.10 2 C T AF=0.3"))
    settings = FrequencySettings(fasta=fasta, vcf=vcf, out=tmp_path / "out")
    with pytest.raises(UserError, match=r"is of GRCh37 \(NC_000001.10 .*is of GRCh38; give"):
        variant_frequencies(settings)
    assert not settings.out.exists()


def test_the_manifest_describes_the_alleles_used(make_table: MakeTable) -> None:
    table = make_table(
        {"chr1": SEQUENCE},
        "chr1 1 A G FREQ=X:0.9,0.1",
        "chr1 2 C A,CT,<DEL> AF=0.002,0.5,0.1",
        "chr1 3 GT CA,G AF=0.001,1",
        "chr1 5 ACG TA AF=0.3",
        "chr1 9 AC GT AC=1;AN=4",
    )
    manifest = table.manifest["contigs"]["chr1"]
    classes = {"snv": 2, "mnv": 1, "insertion": 1, "deletion": 1, "complex": 1}
    assert manifest["variant_classes"] == table.manifest["variant_classes"] == classes
    assert (manifest["transitions"], manifest["transversions"], manifest["titv"]) == (1, 1, 1.0)
    assert manifest["frequency_fields"] == {"AC/AN": 1, "AF": 3, "FREQ": 1}
    spectrum = manifest["frequency_spectrum"]
    assert spectrum["edges"] == [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    assert spectrum["counts"] == [0, 1, 0, 0, 0, 0, 1, 0, 3, 1]
    lines = (table.folder / "density.tsv").read_text().splitlines()
    assert lines == ["contig\tstart\tend\tpositions", "chr1\t0\t10\t8"]


@pytest.mark.parametrize(
    ("length", "size"),
    [
        (10, 1_000),
        (1_000_000, 1_000),
        (1_000_001, 2_000),
        (4_000_000, 5_000),
        (248_956_422, 500_000),
    ],
)
def test_density_bins_are_a_thousandth_of_a_contig_rounded_up(length: int, size: int) -> None:
    assert bin_size(length) == size


def test_an_unknown_source_is_refused_with_those_there_are(make_table: MakeTable) -> None:
    records = ["chr1 2 C T FREQ=A:0.7,0.3|B:0.9,0.1"]
    table = make_table({"chr1": SEQUENCE}, *records, sources=("B",))
    assert _rows(table) == {1: {"T": 0.1, "C": 0.9}}
    with pytest.raises(UserError, match="has no frequency source C; give --source one of A, B"):
        make_table({"chr1": SEQUENCE}, *records, sources=("A", "C"))


def _body(*lines: str) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)


_GOOD = "chr1\t2\t.\tC\tT\t.\t.\tAF=0.3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("chr1\t2\t.\tC\tT\t.\t.\tAF=0.3\n", "line 1: has no header"),
        ("##fileformat=VCFv4.2\n", "line 1: has no header"),
        (_body(_GOOD, "chr1\t3\t.\tG\tT"), "line 4: has 5 of the 8 tab-separated columns"),
        (_body(_GOOD, "chr1 3 . G T . . AF=1"), "line 4: has 1 of the 8"),
        (_body(_GOOD, "chr1\tx3\t.\tG\tT\t.\t.\t."), "line 4: POS 'x3' is not a number"),
        (_body(_GOOD, "chr1\t-3\t.\tG\tT\t.\t.\t."), "line 4: POS '-3' is not a number"),
        (_body(_GOOD, "chr1\t3\t.\t\tT\t.\t.\t."), "line 4: REF is empty"),
        (_body(_GOOD, "chr1\t1\t.\tA\tT\t.\t.\t."), "line 4: is not sorted, chr1:1 comes after"),
        (
            _body(_GOOD, _GOOD.replace("chr1", "chr2"), _GOOD),
            "line 5: is not sorted, contig chr1 comes back after chr2",
        ),
        (
            _body(_GOOD.replace("chr1", "chr7"), _GOOD.replace("chr1", "chr8")),
            "shares no contig with .*: the VCF has chr7, chr8, the FASTA has chr1, chr2",
        ),
        (_body(_GOOD, _GOOD.replace("chr1", "1")), "has contig chr1 under two names"),
    ],
)
def test_bad_vcfs_are_refused_with_the_line_and_leave_nothing(
    tmp_path: Path, text: str, message: str
) -> None:
    vcf = tmp_path / "v.vcf"
    vcf.write_text(text)
    with pytest.raises(UserError, match=message):
        variant_frequencies(_settings(tmp_path, vcf))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["genome.fa", "v.vcf"]


@pytest.mark.parametrize("cut", [1, 28, 200, 5000])
@pytest.mark.parametrize("blocks", [True, False])
def test_truncated_vcfs_are_refused_with_the_line(tmp_path: Path, blocks: bool, cut: int) -> None:
    rng = np.random.default_rng(0)
    lines = "".join(
        f"chr1\t{2 + i // 9000}\t{x}\tN\tT\t.\t.\tX={x}\n"
        for i, x in enumerate(rng.integers(1e9, size=9000))
    )
    vcf = tmp_path / "v.vcf.gz"
    if blocks:
        with pysam.BGZFile(str(vcf), "wb") as out:
            out.write((HEADER + lines).encode())
    else:
        vcf.write_bytes(gzip.compress((HEADER + lines).encode()))
    vcf.write_bytes(vcf.read_bytes()[:-cut])
    with pytest.raises(UserError, match=r"line \d+: is truncated or damaged") as caught:
        variant_frequencies(_settings(tmp_path, vcf))
    place = int((caught.value.place or "").split()[1])
    assert 5000 < place <= 9003


def _with_mismatches(wrong: int, right: int) -> list[str]:
    return ["chr1 1 C T AF=0.1"] * wrong + ["chr1 2 C T AF=0.1"] * right


def test_up_to_one_percent_of_mismatches_is_counted_and_the_first_three_shown(
    make_table: MakeTable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pybmfm"):
        table = make_table({"chr1": SEQUENCE}, *_with_mismatches(4, 396))
    assert table.manifest["dropped"]["reference_mismatch"] == 4
    shown = [line for line in caplog.messages if "disagree" in line]
    assert len(shown) == 1
    assert shown[0].count("REF C, FASTA A") == 3
    assert "chr1:1 (line 3)" in shown[0]
    assert len(caplog.messages) <= 3


def test_above_one_percent_of_mismatches_stops(make_table: MakeTable, tmp_path: Path) -> None:
    message = r"4 of 399 comparable records .* first chr1:1 \(line 3\) REF C, FASTA A"
    with pytest.raises(UserError, match=message):
        make_table({"chr1": SEQUENCE}, *_with_mismatches(4, 395))
    assert not (tmp_path / "frequencies").exists()


def test_records_that_cannot_be_compared_do_not_count_as_comparable(make_table: MakeTable) -> None:
    beyond = ["chr1 11 C T AF=0.1"] * 500
    with pytest.raises(UserError, match="4 of 399"):
        make_table({"chr1": SEQUENCE}, *_with_mismatches(4, 395), *beyond)


def test_genuine_dbsnp(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "bench/GRCh37"
    settings = FrequencySettings(
        fasta=folder / "human_g1k_v37_first200kb.fa.gz",
        vcf=folder / "dbsnp138_first200kb_CAF.vcf.gz",
        out=tmp_path / "out",
    )
    counts = variant_frequencies(settings)
    assert counts["read"] == 13_835
    assert counts["record_choice"] == "common"
    assert counts["dropped"]["reference_mismatch"] == 22
    # The README counts chromosome Y as beyond its FASTA, which has no such contig.
    assert counts["dropped"]["contig_not_in_fasta"] == 4_450
    assert counts["contigs_only_in_vcf"] == ["Y"]


@pytest.mark.parametrize("assembly", ["GRCh37", "GRCh38"])
def test_real_variants_agree_with_their_reference(
    real_data: Path, tmp_path: Path, assembly: str
) -> None:
    folder = real_data / "mini" / assembly
    settings = FrequencySettings(
        fasta=folder / "reference.fa.gz",
        vcf=folder / "variants.dbsnp_style.vcf.gz",
        out=tmp_path / "out",
        records="all",
    )
    counts = variant_frequencies(settings)
    assert counts["read"] == {"GRCh37": 30_606, "GRCh38": 12_435}[assembly]
    assert "reference_mismatch" not in counts["dropped"]
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
    table = FrequencyTable.open(tmp_path / "out")
    for contig in table.contigs:
        position, p = table.rows(contig)
        assert (np.diff(position) > 0).all()
        assert np.allclose(p.sum(axis=1), 1, atol=1e-6)
