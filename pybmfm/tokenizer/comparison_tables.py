"""Tables of the paper's Figure 2: lengths, use and overlap of vocabularies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.tokenizer.used_vocabulary import UsedVocabulary, percent
from pybmfm.variants import VARIANT_CODE

if TYPE_CHECKING:
    import pandas as pd

BIN_TOKENS = 50  # width of a bin of tokens per window


def comparison_tables(vocabularies: Sequence[UsedVocabulary]) -> dict[str, pd.DataFrame]:
    """Build the tables of Figure 2, by file name without suffix, vocabularies below each other.

    Returns
    -------
    dict
        ``summary`` (a row per tokenizer), ``shared_tokens`` (a row per pair; panel C),
        ``token_occurrence`` (A, B), ``token_lengths`` (D, E), ``tokens_per_window`` (F).
    """
    import pandas as pd

    pairs = [_shared(one, other) for one, other in combinations(vocabularies, 2)]
    columns = ["tokenizer", "other", "shared", "percent", "shared_used", "used_percent"]
    return {
        "summary": pd.DataFrame([_summary(one) for one in vocabularies]),
        "shared_tokens": pd.DataFrame(pairs, columns=columns),
        "token_occurrence": pd.concat([_occurrence(one) for one in vocabularies]),
        "token_lengths": pd.concat([_lengths(one) for one in vocabularies]),
        "tokens_per_window": pd.concat([_window_histogram(one) for one in vocabularies]),
    }


def _summary(one: UsedVocabulary) -> dict[str, Any]:
    tokens, variant = len(one.tokens), one.holds_variant
    total = int(one.occurrence.sum())
    # Symbols that training never saw are in the vocabulary too, see TokenizerSettings.alphabet.
    used_variants = int((variant & one.used).sum())
    positions = one.symbol_occurrence
    return {
        "tokenizer": one.name,
        "encoding": one.encoding,
        "algorithm": one.algorithm,
        "alphabet": one.alphabet,
        "vocab_size": tokens + one.special_tokens,
        "tokens": tokens,
        "variant_tokens": int(variant.sum()),
        "variant_token_percent": percent(variant.sum(), tokens),
        "variant_tokens_used": used_variants,
        "variant_tokens_used_percent": percent(used_variants, tokens),
        "unused_tokens": int((~one.used).sum()),
        "windows": len(one.tokens_per_window),
        "occurrences": total,
        "variant_occurrence_percent": percent(one.occurrence[variant].sum(), total),
        "variant_position_percent": percent(positions[VARIANT_CODE:].sum(), positions.sum()),
        "unknown_occurrences": one.unknown,
        "nucleotides_per_token": round(int(positions.sum()) / max(total, 1), 4),
        "median_occurrence": float(np.median(one.occurrence)),
        "mean_tokens_per_window": round(float(one.tokens_per_window.mean()), 2),
        "max_tokens_per_window": int(one.tokens_per_window.max()),
    }


def _shared(one: UsedVocabulary, other: UsedVocabulary) -> dict[str, Any]:
    """Shared tokens, specials included, as a share of the larger vocabulary (as published).

    Symbols that every vocabulary holds unseen make up part of that; the tokens that both corpora
    use are therefore counted apart.
    """
    specials = min(one.special_tokens, other.special_tokens)
    shared = len(set(one.tokens) & set(other.tokens)) + specials
    larger = max(len(v.tokens) + v.special_tokens for v in (one, other))
    used = [
        {token for token, used in zip(v.tokens, v.used, strict=True) if used} for v in (one, other)
    ]
    shared_used = len(used[0] & used[1])
    return {
        "tokenizer": one.name,
        "other": other.name,
        "shared": shared,
        "percent": percent(shared, larger),
        "shared_used": shared_used,
        "used_percent": percent(shared_used, max(map(len, used))),
    }


def _occurrence(one: UsedVocabulary) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "tokenizer": one.name,
            "id": one.ids,
            "token": list(one.tokens),
            "length": one.lengths,
            "variant": one.holds_variant,
            "occurrence": one.occurrence,
        }
    )


def _lengths(one: UsedVocabulary) -> pd.DataFrame:
    import pandas as pd

    size = int(one.lengths.max(initial=1)) + 1
    occurrence = np.zeros(size, dtype=np.int64)
    np.add.at(occurrence, one.lengths, one.occurrence)
    return pd.DataFrame(
        {
            "tokenizer": one.name,
            "length": np.arange(1, size),
            "vocabulary": np.bincount(one.lengths, minlength=size)[1:],
            "occurrence": occurrence[1:],
        }
    )


def _window_histogram(one: UsedVocabulary) -> pd.DataFrame:
    import pandas as pd

    bins = np.bincount(one.tokens_per_window // BIN_TOKENS)
    starts = np.arange(len(bins)) * BIN_TOKENS
    return pd.DataFrame(
        {"tokenizer": one.name, "start": starts, "end": starts + BIN_TOKENS, "windows": bins}
    )
