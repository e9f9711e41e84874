"""ClinVar's VCF: which of its SNPs are significant, and for which diseases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pybmfm.genome import Genome
from pybmfm.tasks.disease_evidence import (
    NON_SPECIFIED,
    UNMAPPED,
    ConditionRule,
    Evidence,
    SourceCounts,
)
from pybmfm.tasks.disease_terms import MONDO, curie, is_vague
from pybmfm.tasks.snp_sites import SnpSites, record_columns

ANY = "any"
DEFAULT_SIGNIFICANCE = (
    *("pathogenic", "likely_pathogenic", "established_risk_allele", "likely_risk_allele"),
    *("risk_factor", "association"),
)
# Entries that report no relation to a disease, whatever is asked for.
WITHOUT_SIGNIFICANCE = {
    *("", ".", "-", "not_provided", "association_not_found", "no_classification_provided"),
    *("no_classification_for_the_single_variant", "no_classifications_from_unflagged_records"),
}
# Gold stars of a review status (ClinVar, "Review status"); all others have none.
STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided_multiple_submitters_no_conflicts": 2,
    "criteria_provided_multiple_submitters": 1,
    "criteria_provided_single_submitter": 1,
    "criteria_provided_conflicting_interpretations": 1,
    "criteria_provided_conflicting_classifications": 1,
}
_STATUS = "CLNREVSTAT"
# The identifier an unmapped condition keeps, best first.
_OWN_IDENTIFIERS = ("ORPHANET", "OMIM", "HP", "MEDGEN", "MESH")


@dataclass(frozen=True)
class ClinvarFilter:
    """Which entries count.

    Attributes
    ----------
    significance
        Clinical significances, lower case, blanks as ``_``; ``any`` takes every entry that
        reports one.
    stars
        Smallest review status, in ClinVar's gold stars 0 to 4.
    """

    significance: tuple[str, ...] = DEFAULT_SIGNIFICANCE
    stars: int = 1

    def reason_against(self, info: Mapping[str, str], has_status: bool) -> str:
        """Say why an entry is left out; empty if it is not."""
        reported = significances(info.get("CLNSIG", "")) - WITHOUT_SIGNIFICANCE
        if not reported:
            return "no_significance"
        if ANY not in self.significance and not reported & set(self.significance):
            return "other_significance"
        if has_status and stars_of(info.get(_STATUS, "")) < self.stars:
            return "review_status"
        return ""


def significances(text: str) -> set[str]:
    """Return the terms of a CLNSIG: ``Pathogenic/Likely_pathogenic|risk_factor`` has three."""
    parts = re.split(r"[|/,]", text.replace("%2C", ","))
    return {part.strip("_ ").replace(" ", "_").lower() for part in parts}


def stars_of(status: str) -> int:
    """Return the gold stars of a review status."""
    return STARS.get(status.replace("%2C", "").replace(",", "").strip().lower(), 0)


def read_clinvar(
    path: Path,
    genome: Genome,
    *,
    chosen: ClinvarFilter,
    rule: ConditionRule,
    counts: SourceCounts,
    aliases: Mapping[str, str] | None = None,
    threads: int = 1,
) -> Iterator[Evidence]:
    """Yield the significant SNPs of a ClinVar VCF and their diseases; the rest is counted.

    A condition is named by its MONDO identifier, else by one that a map turns into MONDO,
    else by a map of ClinVar's trait names, else by its EFO identifier.

    Raises
    ------
    UserError
        If the file is no VCF, a record is malformed, or it is of another assembly.
    """
    from pybmfm.variants.vcf import VcfReader

    reader = VcfReader(path, threads)
    has_status = _STATUS in reader.header.info_numbers
    counts.notes["review_status"] = "judged" if has_status else "not in this file"
    entry = _Entries(chosen, rule, has_status)
    sites = SnpSites(genome, path, aliases, reader.header.lengths)
    for row, (number, line) in enumerate(reader.numbered_records()):
        counts.read += 1
        contig, pos1, _, ref, alt, _, _, text = record_columns(line, number, path)
        snp = sites.snp(contig, pos1, ref, alt)
        terms = snp if isinstance(snp, str) else entry.terms(text, counts)
        if isinstance(snp, str) or isinstance(terms, str):
            counts.dropped[str(terms)] += 1
            continue
        yield Evidence(row, *snp, terms)
    sites.check_assembly()


@dataclass(frozen=True)
class _Entries:
    """Reads the INFO column of entries."""

    chosen: ClinvarFilter
    rule: ConditionRule
    has_status: bool

    def terms(self, text: str, counts: SourceCounts) -> tuple[str, ...] | str:
        """Return an entry's diseases, or the reason why it does not count."""
        info = dict(item.partition("=")[::2] for item in text.split(";"))
        reason = self.chosen.reason_against(info, self.has_status)
        return reason or self.rule.choose(self._conditions(info), counts)

    def _conditions(self, info: Mapping[str, str]) -> Iterator[tuple[str, ...] | str]:
        names = info.get("CLNDN", "").split("|")
        databases = info.get("CLNDISDB", "").split("|")
        if len(databases) != len(names):
            databases = [""] * len(names)
        for name, identifiers in zip(names, databases, strict=True):
            yield _terms_of(name, identifiers, self.rule)


def _terms_of(name: str, identifiers: str, rule: ConditionRule) -> tuple[str, ...] | str:
    if is_vague(name):
        return NON_SPECIFIED
    ids = [term for text in identifiers.split(",") if (term := curie(text))]
    mondo = {rule.terms.to_mondo.get(term, term) for term in ids}
    found = tuple(sorted(term for term in mondo if term.startswith(MONDO)))
    found = found or rule.terms.of_name(name) or tuple(t for t in ids if t.startswith("EFO:"))
    if not found and rule.keep_unmapped:
        found = (_own_term(name, ids),)
    for term in found:
        rule.terms.labels.setdefault(term, name.replace("_", " ").replace("%2C", ","))
    return found or UNMAPPED


def _own_term(name: str, ids: list[str]) -> str:
    ranked = [
        term for prefix in _OWN_IDENTIFIERS for term in ids if term.upper().startswith(prefix)
    ]
    return ranked[0] if ranked else "NAME:" + re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")
