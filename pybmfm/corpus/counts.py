"""What a corpus holds and what it takes on disk, for its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.corpus.rows import SYMBOLS, TokenRows
from pybmfm.tokenizer import DnaTokenizer


@dataclass
class SplitCounts:
    """What the rows of a split hold, added up batch by batch."""

    windows: int = 0
    tokens: int = 0
    nucleotides: int = 0
    variant_tokens: int = 0
    unknown: int = 0
    symbols: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(SYMBOLS, np.int64))

    def add(self, rows: TokenRows, tokenizer: DnaTokenizer) -> None:
        """Count a batch; tokens are those of the sequence, ``[CLS]`` and ``[SEP]`` are two more."""
        number = len(rows.windows)
        self.windows += number
        self.tokens += len(rows.tokens) - 2 * number
        self.nucleotides += int((rows.windows.ends - rows.windows.starts).sum())
        self.variant_tokens += int(rows.occurrence[tokenizer.holds_variant].sum())
        self.unknown += int(rows.occurrence[tokenizer.unk])
        self.symbols += rows.symbols

    def shown(self) -> dict[str, int]:
        """Return the figures that every split has in the manifest."""
        return {name: value for name, value in vars(self).items() if name != "symbols"}


def disk_use(
    counts: dict[str, dict[str, int]], files: list[dict[str, Any]]
) -> dict[str, float | None]:
    """Bytes on disk per token, window and nucleotide, over all splits."""
    total = sum(file["bytes"] for file in files)
    sums = {
        name: sum(one[name] for one in counts.values())
        for name in ("tokens", "windows", "nucleotides")
    }
    return {
        f"bytes_per_{name.removesuffix('s')}": round(total / number, 4) if number else None
        for name, number in sums.items()
    }
