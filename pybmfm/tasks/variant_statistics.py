"""How encoded the classes of a variant-encoded task are, so that a trivial one shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import write_table
from pybmfm.tokenizer.variant_tokens import variant_name
from pybmfm.variants import ALPHABET, VARIANT_CODE, text_to_codes
from pybmfm.variants.symbols import PAIR_CODE

if TYPE_CHECKING:
    import pandas as pd

DENSITY, SYMBOLS, PLACED = "density.tsv", "symbols.tsv", "placed.tsv"
FIGURE = "classes"
PAIRS = len(ALPHABET) - PAIR_CODE
Frames = Mapping[str, Mapping[str, "pd.DataFrame"]]


def write_statistics(
    folder: Path,
    frames: Frames,
    placed: Mapping[str, Mapping[str, Mapping[str, int]]],
    classes: list[str],
) -> dict[str, Any]:
    """Write three tables and a figure, and return what the manifest says of them.

    Parameters
    ----------
    folder
        Is made.
    frames
        Tables by task and split.
    placed
        Rows per split and label with a locus (``placed``) and without, by reason.
    classes
        Labels, the positive one last.

    Returns
    -------
    dict
        ``placed`` (rows and placed ones per label), ``symbols_used`` (pair characters that
        the encoded positives hold) of ``symbols``, ``density`` per task and label.
    """
    folder.mkdir()
    counts = {
        (task, label): _count(frames[task], label)
        for task in frames
        for label in (classes[1], classes[0])
    }
    density = _density_table(counts)
    write_table(density, folder / DENSITY)
    write_table(_symbol_table(counts), folder / SYMBOLS)
    write_table(_placed_table(placed), folder / PLACED)
    _draw(folder, counts)
    positive = _positive_symbols(counts, classes[1])
    return {
        "placed": _totals(placed),
        "symbols_used": int(np.count_nonzero(positive[PAIR_CODE:])),
        "symbols": PAIRS,
        "density": [{str(k): v for k, v in row.items()} for row in density.to_dict("records")],
    }


class _Counts:
    """Encoded positions of the rows of one label of one task."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.symbols = np.zeros(len(ALPHABET), np.int64)
        per_row = []
        for text in texts:
            codes = text_to_codes(text)
            self.symbols += np.bincount(codes, minlength=len(ALPHABET))
            per_row.append(int((codes >= VARIANT_CODE).sum()))
        self.per_row: NDArray[np.int64] = np.array(per_row, dtype=np.int64)

    @property
    def encoded(self) -> NDArray[np.int64]:
        """How often each code occurs, plain bases left out."""
        return np.where(np.arange(len(ALPHABET)) >= VARIANT_CODE, self.symbols, 0)


def _count(tables: Mapping[str, pd.DataFrame], label: str) -> _Counts:
    return _Counts(
        text for frame in tables.values() for text in frame.loc[frame["label"] == label, "sequence"]
    )


def _positive_symbols(counts: Mapping[tuple[str, str], _Counts], label: str) -> NDArray[np.int64]:
    """Symbols of the positives in the task that has most of them; they are the same in all."""
    of_label = [one.encoded for (_, name), one in counts.items() if name == label]
    return max(of_label, key=lambda symbols: int(symbols.sum()))


def _density_table(counts: Mapping[tuple[str, str], _Counts]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for (task, label), one in counts.items():
        bases, encoded = int(one.symbols.sum()), int(one.encoded.sum())
        rows.append(
            {
                "task": task,
                "label": label,
                "rows": len(one.per_row),
                "encoded_per_row": round(encoded / max(1, len(one.per_row)), 4),
                "encoded_per_kb": round(1000 * encoded / max(1, bases), 4),
                "rows_without": int((one.per_row == 0).sum()),
                "pair_symbols": int(np.count_nonzero(one.encoded[PAIR_CODE:])),
            }
        )
    return pd.DataFrame(rows)


def _symbol_table(counts: Mapping[tuple[str, str], _Counts]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (task, label, ALPHABET[code], variant_name(code), int(one.encoded[code]),
         round(float(one.encoded[code] / one.encoded.sum()), 6))
        for (task, label), one in counts.items()
        for code in np.flatnonzero(one.encoded).tolist()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["task", "label", "symbol", "states", "count", "share"])


def _placed_table(placed: Mapping[str, Mapping[str, Mapping[str, int]]]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (split, label, outcome, number, round(number / sum(outcomes.values()), 4))
        for split, labels in placed.items()
        for label, outcomes in labels.items()
        for outcome, number in sorted(outcomes.items())
    ]
    return pd.DataFrame(rows, columns=["split", "label", "outcome", "rows", "share"])


def _totals(placed: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, Any]]:
    totals: dict[str, Counter[str]] = {}
    for labels in placed.values():
        for label, outcomes in labels.items():
            totals.setdefault(label, Counter()).update(outcomes)
    return {
        label: {
            "rows": outcomes.total(),
            "placed": outcomes["placed"],
            "dropped": {k: v for k, v in sorted(outcomes.items()) if k != "placed"},
        }
        for label, outcomes in totals.items()
    }


def _draw(folder: Path, counts: Mapping[tuple[str, str], _Counts]) -> None:
    """Encoded positions per row, and the share of each symbol, per task and label."""
    from pybmfm.tokenizer.comparison_style import PALETTE, caption, saved_figure, title

    shown = {key: one for key, one in counts.items() if one.encoded.sum()}
    if not shown:
        return
    names = [f"{task}\nlabel {label}" for task, label in shown]
    total = sum((one.encoded for one in shown.values()), np.zeros(len(ALPHABET), np.int64))
    order = np.argsort(-total, kind="stable")[: np.count_nonzero(total)]
    with saved_figure(folder, FIGURE, 12, 2.2 + 0.45 * len(shown)) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1, 2.4])
        means = [float(one.per_row.mean()) for one in shown.values()]
        colors = [PALETTE[place % 2] for place in range(len(shown))]
        left.barh(np.arange(len(shown)), means, color=colors)
        left.set_yticks(np.arange(len(shown)), names, fontsize="small")
        left.invert_yaxis()
        left.set_xlabel("encoded positions per row")
        title(left, "a", "Density")
        share = np.array([one.encoded[order] / one.encoded.sum() for one in shown.values()])
        picture = np.log10(np.maximum(share, 1e-5))
        image = right.imshow(picture, aspect="auto", cmap="viridis", interpolation="nearest")
        right.set_yticks([])
        few = order[:: max(1, len(order) // 30)]
        places = [int(np.flatnonzero(order == code)[0]) for code in few]
        right.set_xticks(places, [variant_name(int(code)) for code in few], rotation=90, fontsize=6)
        figure.colorbar(image, ax=right, label="log10 of its share")
        title(right, "b", f"Symbols, the {len(order)} that occur, by frequency")
        caption(figure, "Classes whose two rows differ at a glance are told apart without biology.")
