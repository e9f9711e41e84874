"""One name per disease: EFO, Orphanet, OMIM and trait names become MONDO where a map says so."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pybmfm.core import UserError, text_lines

MONDO = "MONDO:"
UNSPECIFIED = "non-specified"
# What ClinVar writes where the submitter names no disease.
VAGUE_NAMES = {"not provided", "not specified", "see cases", "none provided", "unspecified"}
EXACT = {"skos:exactMatch", "owl:equivalentClass", "owl:equivalentTo"}
_TRAIT_HEADER = "#clinvar_trait_name"

Match = tuple[str, str, str, str]  # two terms and their labels


@dataclass
class DiseaseTerms:
    """Maps from identifiers and names to terms.

    Attributes
    ----------
    to_mondo
        Foreign term -> MONDO term; only exact matches.
    by_name
        Trait name, lower case -> its terms as the map gives them.
    labels
        Term -> readable name.
    counts
        What was read of each file, and what of it was not used, by reason.
    """

    to_mondo: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, object]] = field(default_factory=dict)

    def merged(self, terms: Iterable[str]) -> tuple[str, ...]:
        """Return the terms after mapping, sorted; only the MONDO ones where there are any.

        What has no exact match keeps its own term, such as a measurement of EFO.
        """
        mapped = {self.to_mondo.get(term, term) for term in terms}
        return tuple(sorted({term for term in mapped if term.startswith(MONDO)} or mapped))

    def of_name(self, name: str) -> tuple[str, ...]:
        """Return the merged terms of a trait's name; none if no map has it."""
        return self.merged(self.by_name.get(plain_name(name), ()))

    def label(self, term: str) -> str:
        """Return the readable name of a term."""
        return self.labels.get(term) or term


def curie(text: str) -> str:
    """Return an identifier or address as ``PREFIX:NUMBER``; empty if it is neither.

    ``http://www.ebi.ac.uk/efo/EFO_0000571``, ClinVar's ``MONDO:MONDO:0008681`` and
    ``Human_Phenotype_Ontology:HP:0001250``, and ``Orphanet:ORPHA6`` all come out in one spelling.
    """
    if "://" in text:
        text = text.rpartition("/")[2].replace("_", ":")
    prefix, local = ["", "", *text.strip().split(":")][-2:]
    prefix = prefix.upper()
    local = re.sub(rf"^(ORPHA|{re.escape(prefix)}_)", "", local)
    if not prefix or not re.fullmatch(r"[A-Za-z0-9.-]+", local):
        return ""
    return f"{'Orphanet' if prefix == 'ORPHANET' else prefix}:{local}"


def plain_name(name: str) -> str:
    """Return a trait's name as the maps write it: blanks, commas, lower case."""
    return name.replace("_", " ").replace("%2C", ",").replace("%3B", ";").strip().lower()


def is_vague(name: str) -> bool:
    """Say whether a condition's name names no disease."""
    return plain_name(name) in VAGUE_NAMES | {"", "."}


def read_disease_terms(paths: Sequence[Path]) -> DiseaseTerms:
    """Read any number of maps, each recognised by what it holds.

    Known are SSSOM tables (``subject_id``, ``predicate_id``, ``object_id``), maps from ClinVar
    trait names (``#clinvar_trait_name``, ``uri``, ``label``) and headerless pairs of addresses
    with their labels. Where two maps disagree on a term or name, the first one holds.

    Raises
    ------
    UserError
        If a file is missing or is none of these.
    """
    terms = DiseaseTerms()
    for path in paths:
        counted: Counter[str] = Counter()
        reader = _reader_of(path)
        for match in reader(path, terms, counted):
            _add_match(terms, match, counted)
        used = counted.pop("used", 0)
        total = used + sum(counted.values())
        terms.counts[path.name] = {"read": total, "used": used, "dropped": dict(counted)}
    return terms


def _lines(path: Path) -> Iterator[str]:
    return (line.rstrip("\n") for line in text_lines(path, "replace"))


def _reader_of(path: Path) -> Callable[[Path, DiseaseTerms, Counter[str]], Iterator[Match]]:
    for line in _lines(path):
        fields = line.split("\t")
        if fields[0] == _TRAIT_HEADER:
            return _trait_names
        if line.startswith("#") or not line:
            continue
        if {"subject_id", "object_id"} <= set(fields):
            return _sssom
        if len(fields) >= 2 and all("://" in one for one in fields[:2]):
            return _pairs
        break
    raise UserError(
        "is no map of disease terms that is known here",
        file=path,
        remedy="give an SSSOM table, a ClinVar trait map or pairs of addresses",
    )


def _sssom(path: Path, _terms: DiseaseTerms, counted: Counter[str]) -> Iterator[Match]:
    header: list[str] = []
    for line in _lines(path):
        if line.startswith("#") or not line:
            continue
        if not header:
            header = line.split("\t")
            continue
        row = dict(zip(header, line.split("\t"), strict=False))
        if row.get("predicate_id", "skos:exactMatch") not in EXACT:
            counted["not_exact"] += 1
            continue
        ids = curie(row.get("subject_id", "")), curie(row.get("object_id", ""))
        yield *ids, row.get("subject_label", ""), row.get("object_label", "")


def _pairs(path: Path, _terms: DiseaseTerms, _counted: Counter[str]) -> Iterator[Match]:
    for line in _lines(path):
        if line and not line.startswith("#"):
            first, second, *labels = [*line.split("\t"), "", ""]
            yield curie(first), curie(second), labels[0], labels[1]


def _trait_names(path: Path, terms: DiseaseTerms, counted: Counter[str]) -> Iterator[Match]:
    of_name: defaultdict[str, list[str]] = defaultdict(list)
    for line in _lines(path):
        if line.startswith("#") or not line:
            continue
        name, uri, label = [*line.split("\t"), "", ""][:3]
        term = curie(uri)
        counted["used" if term else "no_identifier"] += 1
        if term:
            of_name[plain_name(name)].append(term)
            terms.labels.setdefault(term, label or name)
    for name, found in of_name.items():
        terms.by_name.setdefault(name, tuple(found))
    yield from ()


def _add_match(terms: DiseaseTerms, match: Match, counted: Counter[str]) -> None:
    """Note one exact match; a pair of two MONDO terms or of none maps nothing."""
    a, b, label_a, label_b = match
    if a.startswith(MONDO) == b.startswith(MONDO) or not a or not b:
        counted["not_one_mondo_term"] += 1
        return
    mondo, foreign = (a, b) if a.startswith(MONDO) else (b, a)
    for term, label in ((a, label_a), (b, label_b)):
        if label:
            terms.labels.setdefault(term, label)
    if terms.to_mondo.setdefault(foreign, mondo) != mondo:
        counted["another_match_before"] += 1
        return
    counted["used"] += 1
