"""Small ClinVar, GWAS Catalog and ontology files for the tests of SNP to disease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

CLINVAR_HEADER = (
    "##fileformat=VCFv4.1",
    "##reference=GRCh38",
    '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="Review status">',
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
)
GWAS_COLUMNS = (
    *("DISEASE/TRAIT", "CHR_ID", "CHR_POS", "STRONGEST SNP-RISK ALLELE", "SNPS"),
    *("SNP_ID_CURRENT", "P-VALUE", "MAPPED_TRAIT", "MAPPED_TRAIT_URI"),
)
ONE_STAR = "criteria_provided,_single_submitter"


def write_fasta(path: Path, contigs: dict[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    return path


def clinvar_line(
    contig: str,
    pos1: int,
    ref: str,
    alt: str,
    names: str | None = "Some_disease",
    databases: str = "MONDO:MONDO:0000001",
    significance: str | None = "Pathogenic",
    status: str = ONE_STAR,
) -> str:
    info = [f"CLNREVSTAT={status}", f"CLNDISDB={databases}"]
    info += [] if names is None else [f"CLNDN={names}"]
    info += [] if significance is None else [f"CLNSIG={significance}"]
    return "\t".join((contig, str(pos1), "1", ref, alt, ".", ".", ";".join(info)))


def write_clinvar(path: Path, lines: Iterable[str], header: Sequence[str] = CLINVAR_HEADER) -> Path:
    path.write_text("\n".join([*header, *lines]) + "\n")
    return path


def write_gwas(
    path: Path, rows: Iterable[dict[str, str]], columns: Sequence[str] = GWAS_COLUMNS
) -> Path:
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(name, "") for name in columns) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def gwas_row(rs: str = "rs1", contig: str = "1", pos1: str = "5", **cells: str) -> dict[str, str]:
    return {
        "SNPS": rs,
        "CHR_ID": contig,
        "CHR_POS": pos1,
        "P-VALUE": "1E-9",
        "STRONGEST SNP-RISK ALLELE": f"{rs}-?",
        "MAPPED_TRAIT": "height",
        "MAPPED_TRAIT_URI": "http://www.ebi.ac.uk/efo/EFO_0004339",
        **cells,
    }
