"""What one row of ClinVar or of the GWAS Catalog says: a SNP and its diseases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pybmfm.tasks.disease_terms import UNSPECIFIED, DiseaseTerms

NON_SPECIFIED = "non_specified"
UNMAPPED = "unmapped_trait"
NO_TRAIT = "no_trait"


class Evidence(NamedTuple):
    """A row whose SNP and diseases are known.

    Attributes
    ----------
    row
        Number of the row in its file, from 0.
    contig, position, ref
        0-based, plus strand.
    alts
        Alternates; empty if the source does not tell.
    terms
        Diseases.
    """

    row: int
    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass
class SourceCounts:
    """How many rows a source has, and what was left out of it, by reason."""

    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    conditions_dropped: Counter[str] = field(default_factory=Counter)
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self, used: int) -> dict[str, Any]:
        """Return the counts as the manifest has them."""
        return {
            "read": self.read,
            "used": used,
            "dropped": dict(self.dropped),
            "conditions_dropped": dict(self.conditions_dropped),
            **self.notes,
        }


@dataclass(frozen=True)
class ConditionRule:
    """What becomes of conditions that name no disease or that no map knows.

    Attributes
    ----------
    terms
        The maps.
    keep_unspecified
        Whether "not provided" and the like are a class of their own.
    keep_unmapped
        Whether conditions without a term keep the source's identifier or name.
    """

    terms: DiseaseTerms
    keep_unspecified: bool = False
    keep_unmapped: bool = False

    def choose(
        self, conditions: Iterable[tuple[str, ...] | str], counts: SourceCounts
    ) -> tuple[str, ...] | str:
        """Join the terms of a row's conditions.

        Parameters
        ----------
        conditions
            Of each condition its terms, or the reason why it has none.
        counts
            Where conditions left out are counted.

        Returns
        -------
        tuple of str or str
            The distinct terms in order, or the reason why the row has none.
        """
        found: dict[str, None] = {}
        reasons = []
        for condition in conditions:
            if condition == NON_SPECIFIED and self.keep_unspecified:
                condition = (UNSPECIFIED,)
            if isinstance(condition, str):
                reasons.append(condition)
                counts.conditions_dropped[condition] += 1
                continue
            found.update(dict.fromkeys(condition))
        if found:
            return tuple(found)
        return UNMAPPED if UNMAPPED in reasons else next(iter(reasons), NO_TRAIT)
