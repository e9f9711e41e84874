"""Real public files: the whole of each is accounted for, and equals the plain-Python reference."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.core import UserError
from pybmfm.genome import match_contigs
from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies

from .reference_frequencies import Choices, records_of, reference_table

pytestmark = pytest.mark.real_data


@dataclass(frozen=True)
class RealFile:
    """A VCF with its genome, below the folder of real data."""

    fasta: str
    vcf: str
    records: str = "auto"

    def read(self, real_data: Path, out: Path) -> FrequencyTable:
        settings = FrequencySettings(
            fasta=real_data / self.fasta, vcf=real_data / self.vcf, out=out, records=self.records
        )
        variant_frequencies(settings)
        return FrequencyTable.open(out)


_MINI_37 = "mini/GRCh37/reference.fa.gz"
_MINI_38 = "mini/GRCh38/reference.fa.gz"
DBSNP_STYLE = {
    "GRCh37 mini": RealFile(_MINI_37, "mini/GRCh37/variants.dbsnp_style.vcf.gz"),
    "GRCh38 mini": RealFile(_MINI_38, "mini/GRCh38/variants.dbsnp_style.vcf.gz"),
    "GRCh37 pieces": RealFile(
        "bench/GRCh37/reference.pieces.fa.gz", "bench/GRCh37/variants.dbsnp_style.vcf.gz"
    ),
}
DBSNP_138 = RealFile(
    "bench/GRCh37/human_g1k_v37_first200kb.fa.gz", "bench/GRCh37/dbsnp138_first200kb_CAF.vcf.gz"
)
PHASED = RealFile(_MINI_37, "bench/GRCh37/1000G_chr20_1-4Mb_phased300.vcf.gz")
HAPMAP = RealFile(_MINI_37, "bench/GRCh37/hapmap3.3_chr20_sites_AF.vcf.gz")
CLINVAR = RealFile(_MINI_37, "mini/GRCh37/clinvar.chr1.vcf.gz")
COMPARED = {
    "GRCh38 mini": DBSNP_STYLE["GRCh38 mini"],
    "GRCh37 mini, all records": RealFile(_MINI_37, DBSNP_STYLE["GRCh37 mini"].vcf, "all"),
    "dbSNP 138": DBSNP_138,
    "1000 Genomes, phased": PHASED,
    "HapMap": HAPMAP,
    "ClinVar": CLINVAR,
}


@dataclass
class Variant:
    """What an independent reader says of a record."""

    contig: str
    agrees: bool
    common: bool
    frequencies: list[float]


def _sequences(path: Path) -> dict[str, str]:
    contigs = gzip.decompress(path.read_bytes()).decode().split(">")[1:]
    lines = [contig.splitlines() for contig in contigs]
    return {first.split()[0]: "".join(rest).upper() for first, *rest in lines}


def _variants(
    path: Path, sequences: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[Variant]:
    with pysam.VariantFile(str(path)) as vcf:
        for record in vcf:
            sequence = sequences[names[record.chrom]]
            texts = ",".join(record.info.get("FREQ", ())).partition(":")[2].split(",")[1:]
            yield Variant(
                names[record.chrom],
                sequence[record.start : record.stop] == record.ref,
                "COMMON" in record.info,
                [float(text) for text in texts],
            )


@pytest.mark.parametrize("name", DBSNP_STYLE)
def test_dbsnp_style_files_agree_with_their_reference_and_a_count_by_pysam(
    name: str, real_data: Path, tmp_path: Path
) -> None:
    file = DBSNP_STYLE[name]
    table = file.read(real_data, tmp_path / "out")
    sequences = _sequences(real_data / file.fasta)
    with pysam.VariantFile(str(real_data / file.vcf)) as vcf:
        names = match_contigs({k: len(v) for k, v in sequences.items()}, list(vcf.header.contigs))
    variants = list(_variants(real_data / file.vcf, sequences, names))
    common = [variant for variant in variants if variant.common]
    manifest = table.manifest
    assert all(variant.agrees for variant in variants)
    assert manifest["dropped"].get("reference_mismatch", 0) == 0
    assert manifest["record_choice"] == "common"
    assert manifest["read"] == len(variants)
    assert manifest["dropped"]["not_common"] == len(variants) - len(common)
    assert manifest["used"] == sum(max(variant.frequencies) > 0.001 for variant in common)
    read = Counter(variant.contig for variant in variants)
    found = {contig: entry["read"] for contig, entry in manifest["contigs"].items()}
    assert found == {contig: read[contig] for contig in found}


@pytest.mark.parametrize("name", COMPARED)
def test_real_files_equal_the_reference(name: str, real_data: Path, tmp_path: Path) -> None:
    file = COMPARED[name]
    table = file.read(real_data, tmp_path / "out")
    sequences = _sequences(real_data / file.fasta)
    text = gzip.decompress((real_data / file.vcf).read_bytes()).decode()
    seen = dict.fromkeys(columns[0] for columns in records_of(text))
    names = match_contigs({contig: len(one) for contig, one in sequences.items()}, seen)
    expected = reference_table(text, sequences, names, Choices(records=file.records))
    counts = expected.total.counts()
    assert {key: table.manifest[key] for key in counts} == counts
    assert table.manifest["read"] == sum(1 for _ in records_of(text))
    for contig, one in expected.contigs.items():
        position, p = table.rows(contig)
        assert position.tolist() == list(one.rows)
        wanted = np.array(list(one.rows.values())).reshape(-1, 11)
        np.testing.assert_allclose(p, wanted, rtol=0, atol=1e-6)


def test_a_file_without_frequencies_is_refused(real_data: Path, tmp_path: Path) -> None:
    file = RealFile(_MINI_38, "mini/GRCh38/clinvar_brca_snv.vcf.gz")
    message = r"none of 1,381 records can be used, 1,381 are dropped for no_frequency; name the"
    with pytest.raises(UserError, match=message):
        file.read(real_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_genuine_dbsnp_counts_its_mismatches_and_the_records_beyond_its_fasta(
    real_data: Path, tmp_path: Path
) -> None:
    manifest = DBSNP_138.read(real_data, tmp_path / "out").manifest
    assert manifest["read"] == 13_835
    assert manifest["dropped"]["reference_mismatch"] == 22
    # Its 4,450 records on chromosome Y lie beyond a FASTA that has no Y.
    assert manifest["dropped"]["contig_not_in_fasta"] == 4_450
    assert manifest["dropped"].get("beyond_contig_end", 0) == 0
    assert manifest["contigs_only_in_vcf"] == ["Y"]
    assert manifest["record_choice"] == "common"


def test_the_phased_panel_beyond_the_fasta_is_counted(real_data: Path, tmp_path: Path) -> None:
    manifest = PHASED.read(real_data, tmp_path / "out").manifest
    with pysam.VariantFile(str(real_data / PHASED.vcf)) as vcf:
        inside = sum(record.stop <= 2_000_000 for record in vcf)
    assert manifest["read"] == 24_990
    assert manifest["dropped"]["beyond_contig_end"] == 24_990 - inside
    assert manifest["used"] + manifest["dropped"].get("below_min_frequency", 0) == inside
    assert manifest["dropped"].get("reference_mismatch", 0) == 0


def test_hapmap_sites_beyond_the_fasta_are_counted(real_data: Path, tmp_path: Path) -> None:
    manifest = HAPMAP.read(real_data, tmp_path / "out").manifest
    with pysam.VariantFile(str(real_data / HAPMAP.vcf)) as vcf:
        inside = sum(record.stop <= 2_000_000 for record in vcf)
    assert manifest["read"] == 37_152
    assert manifest["record_choice"] == "all"
    assert manifest["dropped"]["beyond_contig_end"] == 37_152 - inside
    assert "no_frequency" not in manifest["dropped"]


def test_clinvar_loses_no_record(real_data: Path, tmp_path: Path) -> None:
    manifest = CLINVAR.read(real_data, tmp_path / "out").manifest
    assert manifest["read"] == 2_000
    assert manifest["used"] + sum(manifest["dropped"].values()) == 2_000
    assert manifest["dropped"]["no_alternate"] == 1
    text = gzip.decompress((real_data / CLINVAR.vcf).read_bytes()).decode()
    reported = sum("AF_" in columns[7] for columns in records_of(text))
    assert manifest["dropped"]["no_frequency"] >= 2_000 - 1 - reported


def test_the_other_assembly_is_refused(real_data: Path, tmp_path: Path) -> None:
    crossed = RealFile(_MINI_38, CLINVAR.vcf)
    with pytest.raises(UserError, match=r"shares no contig|comparable records|assembly"):
        crossed.read(real_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
