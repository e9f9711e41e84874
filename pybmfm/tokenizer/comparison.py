"""Compare tokenizers: vocabulary, token lengths, use over corpora (the paper's Figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, output_directory, write_manifest, write_table
from pybmfm.tokenizer.dna_tokenizer import DnaTokenizer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BIN_TOKENS = 50  # width of a bin of tokens per window
LONGEST_DRAWN = 16  # nt; figures draw longer tokens, few repeats, at this length


@dataclass(frozen=True)
class TokenUse:
    """How often a corpus uses each token.

    Attributes
    ----------
    occurrence
        int64, shape (vocab,): occurrences per id.
    tokens_per_window
        int64, shape (windows,): tokens without ``[CLS]`` and ``[SEP]``.
    """

    occurrence: npt.NDArray[np.int64]
    tokens_per_window: npt.NDArray[np.int64]


def compare_tokenizers(
    tokenizers: Mapping[str, DnaTokenizer],
    uses: Mapping[str, TokenUse],
    out: Path,
    *,
    inputs: list[Path],
) -> None:
    """Write tables and figures that compare tokenizers over their corpora.

    Parameters
    ----------
    tokenizers
        By name, in the order of the columns.
    uses
        Token use over the corpus of the same name.
    out
        Folder: ``summary.tsv``, ``shared_tokens.tsv``, ``token_lengths.tsv``,
        ``tokens_per_window.tsv``, ``token_occurrence.tsv``, ``comparison.png`` and ``.svg``.
    inputs
        Folders read, for the manifest.

    Raises
    ------
    UserError
        If a tokenizer has no corpus, or its corpus is empty or holds other ids.
    """
    _check(tokenizers, uses)
    with output_directory(out) as folder:
        tables = comparison_tables(tokenizers, uses)
        for name, table in tables.items():
            write_table(table, folder / f"{name}.tsv")
        draw_comparison(tables, folder)
        write_manifest(
            folder,
            artefact="tokenizer-comparison",
            settings={"names": list(tokenizers), "bin_tokens": BIN_TOKENS},
            inputs=inputs,
            counts={
                name: {
                    "windows": len(use.tokens_per_window),
                    "tokens": int(use.tokens_per_window.sum()),
                }
                for name, use in uses.items()
            },
        )


def comparison_tables(
    tokenizers: Mapping[str, DnaTokenizer], uses: Mapping[str, TokenUse]
) -> dict[str, pd.DataFrame]:
    """Build every table, by file name without suffix."""
    import pandas as pd

    names = list(tokenizers)
    return {
        "summary": pd.DataFrame([_summary(n, tokenizers[n], uses[n]) for n in names]),
        "shared_tokens": pd.DataFrame(
            [_shared(a, b, tokenizers) for a, b in combinations(names, 2)],
            columns=["tokenizer", "other", "shared", "percent"],
        ),
        "token_lengths": pd.concat([_lengths(n, tokenizers[n], uses[n]) for n in names]),
        "tokens_per_window": pd.concat([_window_histogram(n, uses[n]) for n in names]),
        "token_occurrence": pd.concat([_occurrence(n, tokenizers[n], uses[n]) for n in names]),
    }


def draw_comparison(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Draw the six panels of the paper's Figure 2 as ``comparison.png`` and ``.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = list(tables["summary"]["tokenizer"])
    # A fixed salt and no date: the same tables give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "pybmfm", "font.size": 9}):
        figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
        _draw_scatter(axes[0, 0], tables["token_occurrence"], names)
        _draw_occurrence(axes[0, 1], tables["token_occurrence"], names)
        _draw_shares(axes[0, 2], tables, names)
        _draw_lengths(axes[1, 0], tables["token_lengths"], names, "vocabulary")
        _draw_lengths(axes[1, 1], tables["token_lengths"], names, "occurrence")
        _draw_windows(axes[1, 2], tables["tokens_per_window"], names)
        for axis in axes.flat:
            axis.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / "comparison.png", dpi=150)
        figure.savefig(folder / "comparison.svg", metadata={"Date": None})
        plt.close(figure)


def _check(tokenizers: Mapping[str, DnaTokenizer], uses: Mapping[str, TokenUse]) -> None:
    if not tokenizers:
        raise UserError("no tokenizer given", remedy="give --tokenizer NAME=DIR")
    if set(tokenizers) != set(uses):
        raise UserError(
            f"tokenizers are named {', '.join(tokenizers)} but corpora {', '.join(uses) or 'none'}",
            remedy="give each name once with --tokenizer and once with --corpus",
        )
    for name, use in uses.items():
        if not len(use.tokens_per_window):
            raise UserError(f"the corpus {name} is empty", remedy="build it from more windows")
        if len(use.occurrence) != tokenizers[name].vocab_size:
            raise UserError(
                f"the corpus {name} was made with another tokenizer",
                remedy="give the tokenizer that the corpus was built with",
            )


def _summary(name: str, tokenizer: DnaTokenizer, use: TokenUse) -> dict[str, Any]:
    ordinary = tokenizer.span_lengths > 0
    variant = tokenizer.holds_variant
    seen = use.occurrence[ordinary]
    total = int(seen.sum())
    # Symbols that training never saw are in the vocabulary too, see TokenizerSettings.alphabet.
    used_variants = int((use.occurrence[variant] > 0).sum())
    nucleotides = int((use.occurrence * tokenizer.span_lengths).sum())
    return {
        "tokenizer": name,
        "encoding": tokenizer.encoding,
        "vocab_size": tokenizer.vocab_size,
        "tokens": int(ordinary.sum()),
        "variant_tokens": int(variant.sum()),
        "variant_token_percent": _percent(variant.sum(), ordinary.sum()),
        "variant_tokens_used": used_variants,
        "variant_tokens_used_percent": _percent(used_variants, ordinary.sum()),
        "unused_tokens": int((seen == 0).sum()),
        "windows": len(use.tokens_per_window),
        "occurrences": total,
        "variant_occurrence_percent": _percent(use.occurrence[variant].sum(), total),
        "unknown_occurrences": int(use.occurrence[tokenizer.unk]),
        "nucleotides_per_token": round(nucleotides / max(total, 1), 4),
        "median_occurrence": float(np.median(seen)),
        "mean_tokens_per_window": round(float(use.tokens_per_window.mean()), 2),
        "max_tokens_per_window": int(use.tokens_per_window.max()),
    }


def _shared(name: str, other: str, tokenizers: Mapping[str, DnaTokenizer]) -> dict[str, Any]:
    """Shared tokens, specials included, as a share of the larger vocabulary (as published)."""
    ours, theirs = set(tokenizers[name].tokens), set(tokenizers[other].tokens)
    shared = len(ours & theirs)
    return {
        "tokenizer": name,
        "other": other,
        "shared": shared,
        "percent": _percent(shared, max(len(ours), len(theirs))),
    }


def _lengths(name: str, tokenizer: DnaTokenizer, use: TokenUse) -> pd.DataFrame:
    import pandas as pd

    spans = tokenizer.span_lengths
    size = int(spans.max(initial=1)) + 1
    vocabulary = np.bincount(spans, minlength=size)[1:]
    occurrence = np.zeros(size, dtype=np.int64)
    np.add.at(occurrence, spans, use.occurrence)
    return pd.DataFrame(
        {
            "tokenizer": name,
            "length": np.arange(1, size),
            "vocabulary": vocabulary,
            "occurrence": occurrence[1:],
        }
    )


def _window_histogram(name: str, use: TokenUse) -> pd.DataFrame:
    import pandas as pd

    bins = np.bincount(use.tokens_per_window // BIN_TOKENS)
    starts = np.arange(len(bins)) * BIN_TOKENS
    return pd.DataFrame(
        {"tokenizer": name, "start": starts, "end": starts + BIN_TOKENS, "windows": bins}
    )


def _occurrence(name: str, tokenizer: DnaTokenizer, use: TokenUse) -> pd.DataFrame:
    import pandas as pd

    ids = np.flatnonzero(tokenizer.span_lengths)
    return pd.DataFrame(
        {
            "tokenizer": name,
            "id": ids,
            "token": [tokenizer.tokens[i] for i in ids],
            "length": tokenizer.span_lengths[ids],
            "variant": tokenizer.holds_variant[ids],
            "occurrence": use.occurrence[ids],
        }
    )


def _percent(part: float, whole: float) -> float:
    return round(100.0 * float(part) / float(whole), 3) if whole else 0.0


def _draw_scatter(axis: Axes, table: pd.DataFrame, names: list[str]) -> None:
    last = table[table["tokenizer"] == names[-1]]
    for variant, color, label in ((False, "C0", "bases only"), (True, "C3", "with variants")):
        part = last[(last["variant"] == variant) & (last["occurrence"] > 0)]
        # Lengths are whole numbers: a little spread by id keeps the dots apart.
        spread = (part["id"] % 17 - 8) / 30
        places = part["length"].clip(upper=LONGEST_DRAWN) + spread
        axis.scatter(places, part["occurrence"], s=5, c=color, alpha=0.5, label=label)
    axis.set(
        title=f"Tokens of {names[-1]}", xlabel="token length (nt)", ylabel="occurrence in corpus"
    )
    _label_lengths(axis)
    if (last["occurrence"] > 0).any():
        axis.set_yscale("log")
    axis.legend()


def _draw_occurrence(axis: Axes, table: pd.DataFrame, names: list[str]) -> None:
    top = max(int(table["occurrence"].max()), 1)
    bins = np.geomspace(1, top + 1, 40).tolist()
    for name in names:
        seen = table.loc[table["tokenizer"] == name, "occurrence"]
        axis.hist(seen[seen > 0], bins=bins, alpha=0.5, label=name)
    axis.set_xscale("log")
    axis.set(title="Occurrence per token", xlabel="occurrence in corpus", ylabel="tokens")
    axis.legend()


def _draw_shares(axis: Axes, tables: Mapping[str, pd.DataFrame], names: list[str]) -> None:
    labels = [f"{name}: variant tokens used" for name in names]
    values = list(tables["summary"]["variant_tokens_used_percent"])
    for row in tables["shared_tokens"].itertuples():
        labels.append(f"{row.tokenizer} and {row.other}: shared")
        values.append(row.percent)
    bars = axis.barh(labels[::-1], values[::-1], color="C2")
    axis.bar_label(bars, fmt="%.1f", padding=2)
    axis.set(title="Shares of the vocabulary", xlabel="% of tokens", xlim=(0, 112))


def _draw_lengths(axis: Axes, table: pd.DataFrame, names: list[str], column: str) -> None:
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        rows = table[table["tokenizer"] == name]
        heights = rows.groupby(rows["length"].clip(upper=LONGEST_DRAWN))[column].sum()
        if column == "occurrence":
            heights = 100 * heights / max(heights.sum(), 1)
        shift = (place - (len(names) - 1) / 2) * width
        axis.bar(heights.index + shift, heights, width=width, label=name)
    title, unit = ("corpus", "% of use") if column == "occurrence" else ("vocabulary", "tokens")
    axis.set(title=f"Token lengths in the {title}", xlabel="token length (nt)", ylabel=unit)
    _label_lengths(axis)
    axis.legend()


def _label_lengths(axis: Axes) -> None:
    """Tick every second length, the last one standing for all longer tokens."""
    ticks = list(range(2, LONGEST_DRAWN + 1, 2))
    axis.set_xticks(ticks, [*map(str, ticks[:-1]), f"{LONGEST_DRAWN}+"])


def _draw_windows(axis: Axes, table: pd.DataFrame, names: list[str]) -> None:
    for name in names:
        rows = table[table["tokenizer"] == name]
        axis.step(rows["start"], rows["windows"], where="post", label=name)
    axis.set(title="Tokens per window", xlabel="tokens", ylabel="windows")
    axis.legend()
