"""How much of the space of k-mers a vocabulary covers, variants expanded (paper, Figure 3F)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pybmfm.tokenizer.used_vocabulary import UsedVocabulary
from pybmfm.variants import STATES, states_of_code

if TYPE_CHECKING:
    import pandas as pd

MAX_K = 10
BASES = 4  # states 0 to 3 are A, G, T, C; a k-mer is a number to this base
DELETION = STATES.index("DEL")
FIRST_INSERTION = STATES.index("AI")

KMER_RULE = (
    "a symbol of two bases stands for either; a token that holds an insertion, a deletion or N "
    "is left out"
)
INDEL_RULE = (
    "as before, but an insertion after X stands for X, a deletion for nothing, so that the token "
    "counts at the length that is left; N is left out"
)


def kmer_space_table(vocabularies: Sequence[UsedVocabulary]) -> pd.DataFrame:
    """Count distinct k-mers among the tokens, for k = 1 to 10.

    Three counts stand side by side. ``plain``: tokens of A, C, G and T as they are.
    ``expanded``, the published figure: a symbol of two bases stands for either, so a token of n
    such symbols gives up to 2^n k-mers, and a token that holds an insertion, a deletion or N is
    left out (the paper does not state this part; on its vocabularies this rule alone gives its
    figures). ``with_indels``: an insertion after X stands for X (what is inserted is not kept), a
    deletion for nothing, so that the token counts at the length that is left.

    Returns
    -------
    pandas.DataFrame
        ``tokenizer, k, possible`` (4^k), and number and percentage of each count.
    """
    import pandas as pd

    return pd.DataFrame([row for one in vocabularies for row in _rows(one)])


def expand_codes(codes: Iterable[int], *, indels: bool) -> dict[int, npt.NDArray[np.int64]]:
    """Return every k-mer that a token of codes 0-131 stands for, k at most 10.

    Parameters
    ----------
    codes
        The token.
    indels
        Expand insertions and deletions; otherwise a token that holds one stands for nothing.

    Returns
    -------
    dict
        For each length k, the distinct k-mers as ascending int64, digits to the base 4 in the
        order A G T C, first base highest.
    """
    kmers = {0: np.zeros(1, dtype=np.int64)}
    for code in codes:
        choices = _choices(code, indels=indels)
        grown: dict[int, list[npt.NDArray[np.int64]]] = {}
        for k, values in kmers.items():
            for choice in choices:
                if choice is None:
                    grown.setdefault(k, []).append(values)
                elif k < MAX_K:
                    grown.setdefault(k + 1, []).append(values * BASES + choice)
        # Distinct at each step: a run of deletions has far fewer outcomes than 2^n.
        kmers = {k: np.unique(np.concatenate(parts)) for k, parts in grown.items()}
    return {k: values for k, values in kmers.items() if k}


def kmer_percent(count: int, k: int) -> float:
    """Return a number of distinct k-mers as % of the 4^k, fine enough to tell single 10-mers."""
    return round(100.0 * count / float(BASES**k), 5)


def _choices(code: int, *, indels: bool) -> list[int | None]:
    """Bases that a symbol may stand for, None for none; empty where the rule leaves it out."""
    states = set(states_of_code(code))
    if not indels:
        return [*sorted(states)] if max(states) < BASES else []
    bases = {state - FIRST_INSERTION if state >= FIRST_INSERTION else state for state in states}
    found: list[int | None] = [base for base in sorted(bases) if base < BASES]
    return [*found, None] if DELETION in states else found


def _rows(one: UsedVocabulary) -> Iterator[dict[str, object]]:
    bases_only, variant = np.flatnonzero(~one.holds_variant), np.flatnonzero(one.holds_variant)
    plain = _mark(one, bases_only, _none_seen(), indels=False)
    seen = {
        "plain": plain,
        "expanded": _mark(one, variant, plain, indels=False),
        "with_indels": _mark(one, variant, plain, indels=True),
    }
    for k in range(1, MAX_K + 1):
        row: dict[str, object] = {"tokenizer": one.name, "k": k, "possible": BASES**k}
        for name, marks in seen.items():
            count = int(marks[k].sum())
            row |= {name: count, f"{name}_percent": kmer_percent(count, k)}
        yield row


def _none_seen() -> dict[int, npt.NDArray[np.bool_]]:
    return {k: np.zeros(BASES**k, dtype=bool) for k in range(1, MAX_K + 1)}


def _mark(
    one: UsedVocabulary,
    tokens: npt.NDArray[np.intp],
    before: dict[int, npt.NDArray[np.bool_]],
    *,
    indels: bool,
) -> dict[int, npt.NDArray[np.bool_]]:
    """Mark each k-mer that is marked before or that one of the tokens stands for."""
    seen = {k: marks.copy() for k, marks in before.items()}
    for token in tokens.tolist():
        for k, values in expand_codes(one.codes(token).tolist(), indels=indels).items():
            seen[k][values] = True
    return seen
