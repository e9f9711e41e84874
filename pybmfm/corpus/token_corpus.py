"""Read token shards: memory-mapped, any row at once, no copy."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, digest_file, read_manifest
from pybmfm.tokenizer import DnaTokenizer, TokenUse
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE


class TokenCorpus:
    """One split of a corpus folder.

    Attributes
    ----------
    folder : Path
        The corpus.
    split : str
    manifest : dict
    encoding : str
        ``"ref"``, ``"snp"`` or ``"mixed"``.

    Raises
    ------
    UserError
        If the folder is no corpus, has no such split, or a shard is missing or broken.
    """

    def __init__(self, folder: str | Path, split: str) -> None:
        self.folder = Path(folder)
        self.split = split
        self.manifest: dict[str, Any] = read_manifest(folder, "corpus")
        self.encoding = str(self.manifest["encoding"])
        files = _shard_files(self.folder, split, self.manifest)
        self._batches = [batch for file in files for batch in _map_batches(file)]
        sizes = [batch.num_rows for batch in self._batches]
        self._first_rows = np.cumsum([0, *sizes], dtype=np.int64)
        columns = [batch.column("tokens") for batch in self._batches]
        self._values = [c.values.to_numpy(zero_copy_only=True) for c in columns]
        self._offsets = [c.offsets.to_numpy(zero_copy_only=True) for c in columns]

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def tokens(self, index: int) -> npt.NDArray[np.uint16]:
        """Ids of a window, ``[CLS]`` and ``[SEP]`` included, as a read-only view."""
        batch, row = self._place(index)
        offsets = self._offsets[batch]
        view: npt.NDArray[np.uint16] = self._values[batch][offsets[row] : offsets[row + 1]]
        return view

    def window(self, index: int) -> dict[str, Any]:
        """Where a row comes from: contig, start, end, strand, pass, split, encoding."""
        batch, row = self._place(index)
        record: dict[str, Any] = self._batches[batch].slice(row, 1).to_pylist()[0]
        return {name: value for name, value in record.items() if name != "tokens"}

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each window, ``[CLS]`` and ``[SEP]`` included, shape (windows,)."""
        parts = [np.diff(offsets).astype(np.int64) for offsets in self._offsets]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def occurrence(self, vocab_size: int) -> npt.NDArray[np.int64]:
        """Occurrences of each id over the split, shape (vocab_size,)."""
        counts = np.zeros(vocab_size, dtype=np.int64)
        for values in self._values:
            counts += np.bincount(values, minlength=vocab_size)
        return counts

    def _place(self, index: int) -> tuple[int, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        row = index % len(self)
        batch = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        return batch, row - int(self._first_rows[batch])


def count_tokens(folder: str | Path, tokenizer: DnaTokenizer) -> TokenUse:
    """Count how a corpus uses the tokenizer it was built with, over all splits.

    Raises
    ------
    UserError
        If the corpus was built with another tokenizer.
    """
    manifest = read_manifest(folder, "corpus")
    if manifest["tokenizer"]["sha256"] != digest_file(tokenizer.folder / TOKENIZER_FILE):
        raise UserError(
            f"was not built with the tokenizer {tokenizer.folder}",
            file=folder,
            remedy="give the tokenizer that the corpus was built with",
        )
    splits = [TokenCorpus(folder, split) for split in manifest["counts"]]
    occurrence = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    for split in splits:
        occurrence += split.occurrence(tokenizer.vocab_size)
    per_window = np.concatenate([split.lengths - 2 for split in splits])
    return TokenUse(occurrence=occurrence, tokens_per_window=per_window)


def _shard_files(folder: Path, split: str, manifest: dict[str, Any]) -> list[Path]:
    names = [s["file"] for s in manifest["shards"] if s["file"].startswith(f"{split}/")]
    if not names:
        raise UserError(
            f"has no split '{split}'",
            file=folder,
            remedy=f"choose one of {', '.join(manifest['counts'])}",
        )
    return [folder / name for name in names]


def _map_batches(file: Path) -> list[Any]:
    import pyarrow as pa

    try:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        return [reader.get_batch(i) for i in range(reader.num_record_batches)]
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(
            "is missing or broken", file=file, remedy="build the corpus again"
        ) from error
