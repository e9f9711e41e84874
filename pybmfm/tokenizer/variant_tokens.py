"""Tables on tokens that hold variants (the paper's Figure 3, A to E)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pybmfm.tokenizer.used_vocabulary import UsedVocabulary, percent
from pybmfm.variants import ALPHABET, STATES, VARIANT_CODE, states_of_code
from pybmfm.variants.symbols import PAIR_CODE

if TYPE_CHECKING:
    import pandas as pd

VERTICES = ("A", "C", "G", "T", "Ins", "Del")
SHORT_LENGTHS = (3, 4)
BASE_THEN_VARIANT = "base, variant"
VARIANT_THEN_BASE = "variant, base"
# Panels of the paper, by pattern: the bases that it looks at.
PANEL_BASES = {BASE_THEN_VARIANT: ("3B", "AT"), VARIANT_THEN_BASE: ("3C", "CG")}
SNPS = tuple("/".join(pair) for pair in combinations("ACGT", 2))
ALL_PLACES = "all"


def variant_tables(vocabularies: Sequence[UsedVocabulary]) -> dict[str, pd.DataFrame]:
    """Build the tables of Figure 3 A to E, by file name without suffix.

    Returns
    -------
    dict
        ``symbols`` (3A): each of the 132 symbols of each tokenizer.
        ``variant_patterns``: variant tokens by where their variants stand.
        ``variant_2mers`` (3B, 3C): the edges of the graph of variants, by neighbouring base.
        ``variant_kmers`` (3D, 3E): shares of variants per position in 3-mers and 4-mers.
    """
    rows: dict[str, Callable[[UsedVocabulary], Iterator[dict[str, object]]]] = {
        "symbols": _symbols,
        "variant_patterns": _patterns,
        "variant_2mers": _edges,
        "variant_kmers": _positions,
    }
    return {name: _table(name, make, vocabularies) for name, make in rows.items()}


def variant_name(code: int) -> str:
    """Return the states of a code as ``A/G``, ``A/DEL``; a lone state as ``DEL``."""
    first, second = (STATES[state] for state in states_of_code(code))
    return first if code < PAIR_CODE else f"{first}/{second}"


def variant_kind(code: int) -> str:
    """Return what a code stands for: base, SNP, insertion, deletion, both of them, or other."""
    if code < VARIANT_CODE:
        return "base"
    ends = set(variant_edge(code))
    if {"Ins", "Del"} <= ends:
        return "insertion and deletion"
    if "Ins" in ends:
        return "insertion"
    if "Del" in ends:
        return "deletion"
    return "SNP" if len(ends) == 2 and ends <= set(VERTICES) else "other"


def variant_edge(code: int) -> tuple[str, str]:
    """Return the two ends of a code in the graph of A, C, G, T, insertion and deletion."""
    first, second = sorted(
        (_vertex(state) for state in states_of_code(code)), key=(*VERTICES, "N").index
    )
    return first, second


COLUMNS = {
    "symbols": [
        *("tokenizer", "code", "character", "state_1", "state_2", "name", "kind"),
        *("tokens", "occurrence", "percent_of_variants"),
    ],
    "variant_patterns": ["tokenizer", "length", "variants", "pattern", "tokens", "occurrence"],
    "variant_2mers": [
        *("tokenizer", "panel", "pattern", "base", "vertex_1", "vertex_2"),
        *("tokens", "names", "occurrence"),
    ],
    "variant_kmers": [
        *("tokenizer", "panel", "length", "place", "variant", "kind"),
        *("symbols", "percent", "tokens_in_panel"),
    ],
}


def _table(
    name: str,
    rows: Callable[[UsedVocabulary], Iterator[dict[str, object]]],
    vocabularies: Sequence[UsedVocabulary],
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([row for one in vocabularies for row in rows(one)], columns=COLUMNS[name])


def _symbols(one: UsedVocabulary) -> Iterator[dict[str, object]]:
    counts = one.symbol_occurrence
    variants = counts[VARIANT_CODE:].sum()
    for code, character in enumerate(ALPHABET):
        first, second = states_of_code(code)
        yield {
            "tokenizer": one.name,
            "code": code,
            "character": character,
            "state_1": STATES[first],
            "state_2": STATES[second],
            "name": variant_name(code),
            "kind": variant_kind(code),
            "tokens": len(np.unique(one.owners[one.symbols == code])),
            "occurrence": int(counts[code]),
            "percent_of_variants": percent(counts[code], variants) if code >= VARIANT_CODE else "",
        }


def _patterns(one: UsedVocabulary) -> Iterator[dict[str, object]]:
    tokens: Counter[tuple[int, str]] = Counter()
    occurrence: Counter[tuple[int, str]] = Counter()
    for token in np.flatnonzero(one.holds_variant).tolist():
        variant = one.codes(token) >= VARIANT_CODE
        key = len(variant), "".join("V" if one_is else "." for one_is in variant)
        tokens[key] += 1
        occurrence[key] += int(one.occurrence[token])
    for (length, pattern), count in sorted(tokens.items()):
        yield {
            "tokenizer": one.name,
            "length": length,
            "variants": pattern.count("V"),
            "pattern": pattern,
            "tokens": count,
            "occurrence": occurrence[length, pattern],
        }


def _edges(one: UsedVocabulary) -> Iterator[dict[str, object]]:
    """Every edge beside every base, whether the vocabulary has it or not."""
    held = _two_mers(one)
    for pattern, (panel, drawn) in PANEL_BASES.items():
        for base in "ACGT":
            for edge in combinations(VERTICES, 2):
                tokens = held.get((pattern, base, edge), [])
                codes = [code for code, _ in tokens]
                yield {
                    "tokenizer": one.name,
                    "panel": panel if base in drawn else "",
                    "pattern": pattern,
                    "base": base,
                    "vertex_1": edge[0],
                    "vertex_2": edge[1],
                    "tokens": len(tokens),
                    "names": " ".join(map(variant_name, codes)),
                    "occurrence": sum(count for _, count in tokens),
                }


def _two_mers(
    one: UsedVocabulary,
) -> dict[tuple[str, str, tuple[str, str]], list[tuple[int, int]]]:
    """Code and occurrence of 2-mers of one base and one variant, by pattern, base and edge."""
    held: dict[tuple[str, str, tuple[str, str]], list[tuple[int, int]]] = {}
    for token in np.flatnonzero((one.lengths == 2) & (one.variant_symbols == 1)).tolist():
        first, second = one.codes(token).tolist()
        base_first = first < VARIANT_CODE
        pattern = BASE_THEN_VARIANT if base_first else VARIANT_THEN_BASE
        base, code = (first, second) if base_first else (second, first)
        key = (pattern, STATES[base], variant_edge(code))
        held.setdefault(key, []).append((code, int(one.occurrence[token])))
    return held


def _positions(one: UsedVocabulary) -> Iterator[dict[str, object]]:
    for length in SHORT_LENGTHS:
        variants = np.where(one.lengths == length, one.variant_symbols, 0)
        yield from _panel(one, "3D", length, variants == 1)
        yield from _panel(one, "3E", length, variants == length)


def _panel(
    one: UsedVocabulary, panel: str, length: int, chosen: npt.NDArray[np.bool_]
) -> Iterator[dict[str, object]]:
    """Shares of each variant among those at a place, then among those at all places."""
    inside = chosen[one.owners] & (one.symbols >= VARIANT_CODE)
    codes, places = one.symbols[inside], one.places[inside]
    for place in (*range(length), None):
        here = codes if place is None else codes[places == place]
        found = Counter(here.tolist())
        for code in sorted(found, key=lambda code: (-found[code], code)):
            yield {
                "tokenizer": one.name,
                "panel": panel,
                "length": length,
                "place": ALL_PLACES if place is None else place + 1,
                "variant": variant_name(code),
                "kind": variant_kind(code),
                "symbols": found[code],
                "percent": percent(found[code], len(here)),
                "tokens_in_panel": int(chosen.sum()),
            }


def _vertex(state: int) -> str:
    name = STATES[state]
    if name == "DEL":
        return "Del"
    return name if len(name) == 1 else "Ins"
