from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.tasks.disease_evidence import ConditionRule, Evidence, SourceCounts
from pybmfm.tasks.disease_terms import DiseaseTerms
from pybmfm.tasks.gwas_catalog import (
    GwasPlaces,
    layout_of,
    names_no_snv,
    place_rows,
    position_columns,
    read_gwas_table,
    significant_rows,
)
from pybmfm.tasks.rsids import find_rsids
from pybmfm.tasks.snp_sites import Snp
from tests.tasks.disease_inputs import GWAS_COLUMNS, gwas_row, write_fasta, write_gwas

TERMS = DiseaseTerms(to_mondo={"EFO:1": "MONDO:1"}, by_name={"gout": ("MONDO:2",)})
OWN = ("CHR_ID", "CHR_POS")


@pytest.fixture
def genome(tmp_path: Path):
    with Genome(write_fasta(tmp_path / "g.fa", {"chr1": "ACGTNACGTA", "chrX": "ACGT"})) as opened:
        yield opened


def read(
    tmp_path: Path,
    genome: Genome,
    rows: list[dict[str, str]],
    places: GwasPlaces | None = None,
) -> tuple[list[Evidence], SourceCounts]:
    path = write_gwas(tmp_path / "gwas.tsv", rows)
    counts = SourceCounts()
    chosen = significant_rows(read_gwas_table(path), 5e-8, ConditionRule(TERMS), counts)
    places = places or GwasPlaces({}, OWN)
    return list(place_rows(chosen, genome, places, counts, path=path)), counts


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (gwas_row(**{"P-VALUE": "6E-8"}), "not_significant"),
        (gwas_row(**{"P-VALUE": ""}), "no_p_value"),
        (gwas_row(**{"P-VALUE": "NS"}), "no_p_value"),
        (gwas_row(**{"P-VALUE": "nan"}), "no_p_value"),
        (gwas_row(rs="rs1 x rs2"), "several_snps"),
        (gwas_row(rs="rs1; rs2"), "several_snps"),
        (gwas_row(rs="rs1 rs2"), "several_snps"),
        (gwas_row(rs="chr1:2:I"), "not_snv"),
        (gwas_row(rs="1:2:A_AAA"), "not_snv"),
        (gwas_row(rs="rs1:2:CT:C"), "not_snv"),
        (gwas_row(pos1=""), "no_position"),
        (gwas_row(contig="", pos1=""), "no_position"),
        (gwas_row(contig="7"), "contig_not_in_fasta"),
        (gwas_row(pos1="11"), "beyond_contig_end"),
        (gwas_row(pos1="5"), "reference_n"),
        (gwas_row(**{"STRONGEST SNP-RISK ALLELE": "rs1-CAA"}), "not_snv"),
        (gwas_row(**{"MAPPED_TRAIT": "", "MAPPED_TRAIT_URI": ""}), "no_trait"),
        (gwas_row(**{"MAPPED_TRAIT": "odd", "MAPPED_TRAIT_URI": ""}), "unmapped_trait"),
        (gwas_row(**{"MAPPED_TRAIT_URI": "no address"}), "unmapped_trait"),
    ],
)
def test_each_filter_counts_what_it_leaves_out(
    tmp_path: Path, genome: Genome, row: dict[str, str], reason: str
) -> None:
    found, counts = read(tmp_path, genome, [row])
    assert found == []
    assert counts.dropped == {reason: 1}


def test_traits_come_from_addresses_or_names(tmp_path: Path, genome: Genome) -> None:
    two = "http://www.ebi.ac.uk/efo/EFO_1, http://www.ebi.ac.uk/efo/EFO_3"
    rows = [
        gwas_row(pos1="2", **{"MAPPED_TRAIT": "one, three", "MAPPED_TRAIT_URI": two}),
        gwas_row(pos1="3", **{"MAPPED_TRAIT": "", "MAPPED_TRAIT_URI": "", "DISEASE/TRAIT": "Gout"}),
    ]
    found, _ = read(tmp_path, genome, rows)
    assert [one.terms for one in found] == [("MONDO:1", "EFO:3"), ("MONDO:2",)]
    assert TERMS.labels["EFO:3"] == "three"


def test_the_alternate_is_the_risk_allele_unless_it_is_the_reference(
    tmp_path: Path, genome: Genome
) -> None:
    alleles = {"2": "rs1-T", "3": "rs1-G", "4": "rs1-?"}
    rows = [gwas_row(pos1=p, **{"STRONGEST SNP-RISK ALLELE": a}) for p, a in alleles.items()]
    found, _ = read(tmp_path, genome, rows)
    assert [(one.ref, one.alts) for one in found] == [("C", ("T",)), ("G", ()), ("T", ())]


def test_sex_chromosomes_may_be_numbers_and_p_values_may_underflow(
    tmp_path: Path, genome: Genome
) -> None:
    found, _ = read(tmp_path, genome, [gwas_row(contig="23", pos1="1", **{"P-VALUE": "1E-400"})])
    assert [(one.contig, one.position) for one in found] == [("chrX", 0)]


def test_rs_numbers_go_before_coordinates(tmp_path: Path, genome: Genome) -> None:
    vcf = tmp_path / "rs.vcf"
    header = "##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    records = ["1\t2\trs5\tC\tA,T", "1\t3\trs6\tGT\tG", "1\t3\t.\tG\tT", "1\t8\trs8\tG\tA"]
    info = [".", ".", "VC=SNV;RS=7", "RS=99"]
    lines = [f"{record}\t.\t.\t{text}\n" for record, text in zip(records, info, strict=True)]
    vcf.write_text(header + "".join(lines))
    found = find_rsids(vcf, {"rs5", "rs6", "rs7", "rs99"}, genome)
    assert found == {
        "rs5": Snp("chr1", 1, "C", ("A", "T")),
        "rs6": "not_snv",
        "rs7": Snp("chr1", 2, "G", ("T",)),
    }
    rows = [
        gwas_row(rs="rs4", SNP_ID_CURRENT="5", **{"STRONGEST SNP-RISK ALLELE": "rs4-A"}),
        gwas_row(rs="rs5", **{"STRONGEST SNP-RISK ALLELE": "rs5-G"}),
        gwas_row(rs="rs6", pos1="2"),
        gwas_row(rs="rs1", pos1="2"),
    ]
    placed, counts = read(tmp_path, genome, rows, GwasPlaces(found, OWN))
    assert [(one.row, one.position, one.alts) for one in placed] == [
        (0, 1, ("A",)),
        (1, 1, ("A",)),
        (3, 1, ()),
    ]
    assert counts.dropped == {"not_snv": 1}
    assert counts.notes["placed_by"] == {"rsid": 2, "position": 1}
    _, counts = read(tmp_path, genome, rows, GwasPlaces(found, None))
    assert counts.dropped == {"not_snv": 1, "rsid_not_in_vcf": 1}
    _, counts = read(tmp_path, genome, rows, GwasPlaces({}, None))
    assert counts.dropped == {"other_assembly": 4}


def test_layouts_and_assemblies_are_recognised_by_columns() -> None:
    assert layout_of(["SNPS", "DISEASE/TRAIT"]) == "v1.0"
    assert layout_of(GWAS_COLUMNS) == "v1.0.1"
    assert layout_of([*GWAS_COLUMNS, "STUDY ACCESSION", "GENOTYPING TECHNOLOGY"]) == "v1.0.2"
    assert position_columns([*GWAS_COLUMNS, "GRCh37_CHROM", "GRCh37_POS", "T2T_CHROM"]) == {
        "GRCh38": OWN,
        "GRCh37": ("GRCh37_CHROM", "GRCh37_POS"),
    }


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = write_gwas(tmp_path / "x.tsv", [], ["SNPS"])
    with pytest.raises(UserError, match="has no column 'P-VALUE'"):
        read_gwas_table(path)
    with pytest.raises(UserError, match="no such file"):
        read_gwas_table(tmp_path / "absent.tsv")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("gwas_catalog_v1.0.1_2015-06-08.tsv.gz", "v1.0.1"),
        ("gwas_catalog_v1.0.2_sample500.tsv", "v1.0.2"),
    ],
)
def test_real_layouts_are_read_whole(real_data: Path, name: str, layout: str) -> None:
    frame = read_gwas_table(real_data / "bench" / "gwas" / name)
    assert layout_of(list(frame.columns)) == layout
    counts = SourceCounts()
    rows = significant_rows(frame, 5e-8, ConditionRule(DiseaseTerms()), counts)
    assert counts.read == len(frame) == len(rows) + sum(counts.dropped.values())
    assert len(rows) > 300


INDELS = (
    "esv2900 nsv12 essv7 "
    "chr1:700:I chr1:1800:D 1:2900:A_AAA 1:2900_A/AT 1-2900-A-AT rs1:700:CT:C chr1:700:AT "
    "1:700:-:A 1:700_A/- rs5_-/A chr1:700_indel exm-indel1 rs1-<b> 1:700:<DEL> 6:100-900"
)
SNPS = (
    "rs7 rs12-A chr1:700 chr1:700-700 1:2900_A/T chr1:700:A:G 1_700_A_G 1-700-A-G chr1:700:A>G "
    "kgp123 SNP_A-2345 exm123 imm_1_12345 ss123 1:700:b37 seq-rs123 HLA-DRB1*0405"
)


@pytest.mark.parametrize("name", INDELS.split())
def test_names_of_indels_are_no_snps(name: str) -> None:
    assert names_no_snv(name)


@pytest.mark.parametrize("name", SNPS.split())
def test_names_of_snps_are_kept(name: str) -> None:
    assert not names_no_snv(name)


def test_the_table_is_read_as_it_is_published(tmp_path: Path) -> None:
    path = write_gwas(tmp_path / "gwas.tsv", [gwas_row(), gwas_row()])
    text = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert len(read_gwas_table(path)) == 2
