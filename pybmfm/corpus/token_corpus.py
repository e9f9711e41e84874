"""Read token shards: memory-mapped, any row at once, no copy."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, digest_file, read_manifest
from pybmfm.corpus.integrity import broken_shard, check_digest, check_size, shards_of_split
from pybmfm.tokenizer import DnaTokenizer, TokenUse
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE


class TokenCorpus:
    """One split of a corpus folder.

    Every shard must have the size that the manifest says and end as an Arrow file does; with
    ``verify`` its SHA-256 must be the manifest's too, which reads all of it once per process
    (about 1 GB/s: half a minute for a human genome) and catches a single changed byte.

    Parameters
    ----------
    folder
        The corpus.
    split
        ``"train"``, ``"dev"`` or ``"test"``.
    verify
        Whether to digest the shards. A run that continues from a checkpoint need not do so again.

    Attributes
    ----------
    folder : Path
    split : str
    manifest : dict
    encoding : str
        ``"ref"``, ``"snp"`` or ``"mixed"``.

    Raises
    ------
    UserError
        If the folder is no corpus, has no such split, or a shard is missing or broken.
    """

    def __init__(self, folder: str | Path, split: str, *, verify: bool = True) -> None:
        self.folder = Path(folder)
        self.split = split
        self.manifest: dict[str, Any] = read_manifest(folder, "corpus")
        self.encoding = str(self.manifest["encoding"])
        self._shards = shards_of_split(self.folder, split, self.manifest)
        for shard in self._shards:
            check_size(self.folder, shard)
        if verify:
            self.verify()
        files = [self.folder / shard["file"] for shard in self._shards]
        self._batches = [batch for file in files for batch in _map_batches(file)]
        sizes = [batch.num_rows for batch in self._batches]
        self._first_rows = np.cumsum([0, *sizes], dtype=np.int64)
        columns = [batch.column("tokens") for batch in self._batches]
        self._values = [c.values.to_numpy(zero_copy_only=True) for c in columns]
        self._offsets = [c.offsets.to_numpy(zero_copy_only=True) for c in columns]

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def verify(self) -> None:
        """Compare every shard with its digest in the manifest, once per process.

        Raises
        ------
        UserError
            If a shard differs.
        """
        for shard in self._shards:
            check_digest(self.folder, shard)

    def tokens(self, index: int) -> npt.NDArray[np.uint16]:
        """Ids of a window, ``[CLS]`` and ``[SEP]`` included, as a read-only view."""
        batch, row = self._place(index)
        offsets = self._offsets[batch]
        view: npt.NDArray[np.uint16] = self._values[batch][offsets[row] : offsets[row + 1]]
        return view

    def flat(self, rows: npt.ArrayLike) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """Ids of several windows, end to end.

        Parameters
        ----------
        rows
            int[n], in any order.

        Returns
        -------
        tokens : uint16[k]
            Window ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``, ``[CLS]`` and ``[SEP]`` included.
        offsets : int64[n + 1]

        Raises
        ------
        IndexError
            If a row lies outside the split.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)}")
        lengths = self.lengths[wanted]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        tokens = np.empty(int(offsets[-1]), np.uint16)
        batches = np.searchsorted(self._first_rows, wanted, side="right") - 1
        columns = (batches, self._starts[wanted], offsets[:-1], lengths)
        for batch, start, at, length in zip(*(c.tolist() for c in columns), strict=True):
            tokens[at : at + length] = self._values[batch][start : start + length]
        return tokens, offsets

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

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        """Where each window begins in its batch's values."""
        parts = [offsets[:-1].astype(np.int64) for offsets in self._offsets]
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


def _map_batches(file: Path) -> list[Any]:
    import pyarrow as pa

    try:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        return [reader.get_batch(i) for i in range(reader.num_record_batches)]
    except (OSError, pa.ArrowInvalid) as error:
        raise broken_shard(file, "is missing or broken") from error
