"""The GWAS Catalog's table of associations: which are significant, where their SNPs lie."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pybmfm.core import UserError, read_delimited
from pybmfm.genome import Genome
from pybmfm.tasks.disease_evidence import (
    NO_TRAIT,
    UNMAPPED,
    ConditionRule,
    Evidence,
    SourceCounts,
)
from pybmfm.tasks.disease_terms import curie
from pybmfm.tasks.snp_sites import NOT_SNV, Snp, SnpSites

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
REQUIRED = ("SNPS", "P-VALUE", "CHR_ID", "CHR_POS", "STRONGEST SNP-RISK ALLELE")
TRAITS, TRAIT_URIS, STUDY_TRAIT = "MAPPED_TRAIT", "MAPPED_TRAIT_URI", "DISEASE/TRAIT"
CURRENT = "SNP_ID_CURRENT"
TECHNOLOGY = "GENOTYPING TECHNOLOGY"  # its column tells the layout
USED = frozenset({*REQUIRED, TRAITS, TRAIT_URIS, STUDY_TRAIT, CURRENT, TECHNOLOGY})
OWN_ASSEMBLY = "GRCh38"  # of CHR_ID and CHR_POS, in every layout read here
# The Catalog writes the sex chromosomes as numbers in older releases.
CHROMOSOMES = {"23": "X", "24": "Y", "25": "MT"}
_RS = re.compile(r"rs\d+")
# Names such as chr1:700:I, 1:2900_A/AT, rs1:700:CT:C: what follows the position.
_AFTER_PLACE = re.compile(r"(?:[RS]S\d+|[\w.]+?[:_-](\d+))(?![\dA-Za-z])(.*)")
_INDEL = re.compile(r"[ACGTN*]{2,}|[ID*-]|INS.*|DEL.*|INDEL|DUP.*|INV|CNV")
# Accessions of DGVa and dbVar, which name structural variants.
_STRUCTURAL = re.compile(r"[END]S?SV\d+")
_COMPLEMENT = {"A": "T", "T": "A", "C": "G", "G": "C"}


@dataclass(frozen=True)
class GwasPlaces:
    """How SNPs are placed on the genome.

    Attributes
    ----------
    rsids
        What a VCF says of the rs numbers; they go before coordinates.
    columns
        Names of the chromosome and position columns in the genome's assembly, None if the
        table has none.
    """

    rsids: Mapping[str, Snp | str]
    columns: tuple[str, str] | None


class GwasRow(NamedTuple):
    """A significant association with a trait: its row, names and what the table says of it."""

    row: int
    names: tuple[str, ...]
    risk_allele: str
    terms: tuple[str, ...]
    cells: Mapping[str, str]


def layout_of(columns: Sequence[str]) -> str:
    """Name the Catalog's layout by its columns."""
    if TRAIT_URIS not in columns:
        return "v1.0"
    return "v1.0.2" if TECHNOLOGY in columns else "v1.0.1"


def read_gwas_table(path: Path) -> pd.DataFrame:
    """Read the columns that are used, as text; quotation marks are letters, as everywhere in TSV.

    Raises
    ------
    UserError
        If it cannot be read, or is no table of associations.
    """
    # The Catalog's names of places hold bytes of other encodings.
    frame = read_delimited(path, "\t", wanted=_is_used, errors="replace")
    if missing := [name for name in REQUIRED if name not in frame]:
        raise UserError(
            f"has no column '{missing[0]}'",
            file=path,
            remedy="give the GWAS Catalog's associations, v1.0 to v1.0.2",
        )
    return frame


def _is_used(column: str) -> bool:
    return column in USED or column.endswith(("_CHROM", "_POS"))


def significant_rows(
    frame: pd.DataFrame, max_p: float, rule: ConditionRule, counts: SourceCounts
) -> list[GwasRow]:
    """Return the rows of one SNP with a p-value at most ``max_p`` and a trait; count the rest."""
    wanted = [*REQUIRED, TRAITS, TRAIT_URIS, STUDY_TRAIT, CURRENT]
    wanted += [name for pair in position_columns(list(frame.columns)).values() for name in pair]
    present = [name for name in dict.fromkeys(wanted) if name in frame]
    rows = []
    for number, values in enumerate(zip(*(frame[name] for name in present), strict=True)):
        counts.read += 1
        cells = dict(zip(present, values, strict=True))
        reason = _p_value_reason(cells["P-VALUE"], max_p) or _several(cells["SNPS"])
        terms = reason or rule.choose(_traits(cells, rule), counts)
        if isinstance(terms, str):
            counts.dropped[terms] += 1
            continue
        rows.append(GwasRow(number, _names(cells), _risk_allele(cells), terms, cells))
    return rows


def position_columns(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the assemblies that a table has coordinates of, with the columns that hold them.

    The Catalog's own are GRCh38; columns called ``GRCh37_CHROM`` and ``GRCh37_POS`` add another.
    """
    found = {OWN_ASSEMBLY: ("CHR_ID", "CHR_POS")}
    for name in columns:
        match = re.fullmatch(r"(.+)_CHROM", str(name))
        if match and f"{match[1]}_POS" in columns:
            found[match[1]] = (str(name), f"{match[1]}_POS")
    return found


def place_rows(
    rows: Sequence[GwasRow],
    genome: Genome,
    places: GwasPlaces,
    counts: SourceCounts,
    *,
    path: Path,
    aliases: Mapping[str, str] | None = None,
) -> Iterator[Evidence]:
    """Yield the associations whose SNP can be placed; the others are counted by reason.

    An rs number that the VCF knows goes before the table's coordinates. The alternate is the
    risk allele where that differs from the reference, else the VCF's first; it is unknown where
    neither tells.
    """
    sites = SnpSites(genome, path, aliases)
    placed: Counter[str] = Counter()
    for row in _by_contig(rows, places):
        snp, how = _place(row, sites, places)
        if isinstance(snp, str):
            counts.dropped[snp] += 1
            continue
        placed[how] += 1
        alts = _alternates(snp, row.risk_allele)
        yield Evidence(row.row, snp.contig, snp.position, snp.ref, alts, row.terms)
    counts.notes["placed_by"] = dict(placed)


def _by_contig(rows: Sequence[GwasRow], places: GwasPlaces) -> list[GwasRow]:
    """Rows of one contig together: the genome holds one contig in memory."""
    column = places.columns[0] if places.columns else None
    return sorted(rows, key=lambda row: row.cells[column] if column else "")


def _place(row: GwasRow, sites: SnpSites, places: GwasPlaces) -> tuple[Snp | str, str]:
    known = [places.rsids[name] for name in row.names if name in places.rsids]
    if known:
        return next((one for one in known if isinstance(one, Snp)), known[0]), "rsid"
    if names_no_snv(row.cells["SNPS"]):
        return NOT_SNV, ""
    if places.columns is None:
        return "rsid_not_in_vcf" if places.rsids else "other_assembly", ""
    if row.risk_allele not in ("", "?", *_COMPLEMENT):
        return NOT_SNV, ""
    contig, pos1 = (row.cells[name].strip() for name in places.columns)
    snp = sites.at_position(CHROMOSOMES.get(contig, contig), pos1)
    return snp, "position"


def names_no_snv(name: str) -> bool:
    """Say whether a SNP's name gives alleles of other than one base, or a stretch of bases.

    ``chr1:700:I``, ``1:2900:A_AAA``, ``1-2900-A-AT``, ``esv2900`` and ``6:100-900`` do;
    ``chr1:700``, ``1:2900_A/T``, ``rs7`` and names of arrays do not.
    """
    name = name.strip().upper()
    found = _AFTER_PLACE.match(name)
    if "<" in name or not found:
        return "<" in name or "INDEL" in name or bool(_STRUCTURAL.fullmatch(name))
    position, rest = found.groups()
    if re.fullmatch(r"-\d+", rest):
        return rest != f"-{position}"
    parts = [part for part in re.split(r"[:_/>|]", rest) if part]
    alleles = [one for part in parts for one in ([part] if part == "-" else part.split("-"))]
    return any(_INDEL.fullmatch(one) for one in alleles)


def _alternates(snp: Snp, risk: str) -> tuple[str, ...]:
    """The risk allele may be given on either strand, and may be the reference."""
    if snp.alts:
        on_strand = [one for one in (risk, _COMPLEMENT.get(risk, "")) if one in snp.alts]
        return tuple(on_strand[:1]) or snp.alts[:1]
    return (risk,) if risk in _COMPLEMENT and risk != snp.ref else ()


def _p_value_reason(text: str, max_p: float) -> str:
    try:
        value = float(text)
    except ValueError:
        return "no_p_value"
    if math.isnan(value) or not 0 <= value <= 1:
        return "no_p_value"
    return "" if value <= max_p else "not_significant"


def _several(names: str) -> str:
    """Haplotypes and interactions of several SNPs belong to none of them alone."""
    return "several_snps" if re.search(r"[;,]|\sx\s|\d\s+\S", names.strip()) else ""


def _names(cells: Mapping[str, str]) -> tuple[str, ...]:
    """Current rs number first, then the one as published."""
    current = cells.get(CURRENT, "").strip()
    names = [f"rs{current}" if current.isdigit() else "", *_RS.findall(cells["SNPS"])]
    return tuple(dict.fromkeys(name for name in names if name))


def _risk_allele(cells: Mapping[str, str]) -> str:
    return cells["STRONGEST SNP-RISK ALLELE"].strip().rpartition("-")[2].upper()


def _traits(cells: Mapping[str, str], rule: ConditionRule) -> Iterator[tuple[str, ...] | str]:
    uris = [curie(text) for text in cells.get(TRAIT_URIS, "").split(",") if text.strip()]
    names = [name.strip() for name in cells.get(TRAITS, "").split(",")]
    for place, term in enumerate(uris):
        if not term:
            yield UNMAPPED
            continue
        merged = rule.terms.merged([term])
        if len(names) == len(uris) and names[place]:
            rule.terms.labels.setdefault(merged[0], names[place])
        yield merged
    if uris:
        return
    named = cells.get(TRAITS, "").strip() or cells.get(STUDY_TRAIT, "").strip()
    yield rule.terms.of_name(named) or (UNMAPPED if named else NO_TRAIT)
