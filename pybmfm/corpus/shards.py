"""Token shards: Arrow IPC files of rows in a fixed order, one folder per split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pybmfm.corpus.rows import TokenRows
from pybmfm.corpus.windows_table import STRANDS, WindowColumns, spell

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_WINDOWS = 2048  # most rows of one Arrow record batch, and most windows encoded at once
BATCH_NUCLEOTIDES = 1 << 24  # a batch of longer windows has fewer rows


@dataclass(frozen=True)
class Shard:
    """Rows of one file.

    Attributes
    ----------
    split : str
    number : int
        Of the file within the split.
    batches : list of int64[n]
        Rows of the windows table, one array per record batch.
    """

    split: str
    number: int
    batches: list[npt.NDArray[np.int64]]

    @property
    def file(self) -> str:
        """Path below the corpus folder."""
        return f"{self.split}/shard-{self.number:05d}.arrow"

    @property
    def windows(self) -> int:
        """Number of rows."""
        return sum(map(len, self.batches))


def in_genome_order(shards: Iterable[Shard]) -> list[tuple[Shard, npt.NDArray[np.int64]]]:
    """Return the batches of all shards by their first row, so that each contig is read once.

    The batches of one shard keep their order.
    """
    batches = [(shard, rows) for shard in shards for rows in shard.batches]
    return sorted(batches, key=lambda batch: int(batch[1][0]))


def divide_into_shards(
    windows: WindowColumns, rows: npt.NDArray[np.int64], split: str, shard_rows: int
) -> Iterator[Shard]:
    """Divide the rows of a split, in order; a split without rows gets one empty shard.

    What a shard and a batch hold depends on the rows alone, never on who works on them.
    """
    for number, first in enumerate(range(0, max(len(rows), 1), shard_rows)):
        part = rows[first : first + shard_rows]
        if not len(part):
            yield Shard(split, number, [])
            continue
        place = np.arange(len(part)) // BATCH_WINDOWS
        load = np.cumsum(windows.ends[part] - windows.starts[part]) // BATCH_NUCLEOTIDES
        cuts = np.flatnonzero((np.diff(place) > 0) | (np.diff(load) > 0)) + 1
        yield Shard(split, number, np.split(part, cuts))


class ShardWriter:
    """Writes an Arrow IPC file, uncompressed, so that tokens are read without a copy.

    Parameters
    ----------
    folder
        Of the corpus.
    shard
        What the file will hold; the file of an empty shard is whole at once.

    Attributes
    ----------
    file : Path
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        import pyarrow as pa

        self.file = folder / shard.file
        self._split = shard.split
        self._missing = len(shard.batches)
        self._sink = pa.OSFile(str(self.file), "wb")
        self._writer = pa.ipc.new_file(self._sink, shard_schema())
        if self.is_whole:
            self._close()

    @property
    def is_whole(self) -> bool:
        """Whether every batch is written."""
        return self._missing == 0

    def write(self, rows: TokenRows) -> None:
        """Append the shard's next batch; the last one completes the file."""
        self._writer.write_batch(_record_batch(rows, self._split))
        self._missing -= 1
        if self.is_whole:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        self._sink.close()


def shard_schema() -> pa.Schema:
    """Columns of a shard: ids with ``[CLS]`` and ``[SEP]``, and the window they come from.

    Names are plain strings: `datasets` reads no dictionary columns, and next to the tokens of
    a window of kilobases they are a hundredth of the file.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("tokens", pa.list_(pa.uint16())),
            ("contig", pa.string()),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("strand", pa.string()),
            ("pass", pa.int32()),
            ("split", pa.string()),
            ("encoding", pa.string()),
        ]
    )


def _record_batch(rows: TokenRows, split: str) -> pa.RecordBatch:
    import pyarrow as pa

    windows = rows.windows
    tokens = pa.ListArray.from_arrays(
        pa.array(rows.offsets.astype(np.int32)), pa.array(rows.tokens)
    )
    schema = shard_schema()
    columns = [
        tokens.cast(schema.field(0).type),
        spell(windows.contigs, windows.names),
        pa.array(windows.starts),
        pa.array(windows.ends),
        spell(windows.minus.astype(np.int8), STRANDS),
        pa.array(windows.passes),
        spell(np.zeros(len(windows), np.int8), (split,)),
        spell(rows.plain.astype(np.int8), ("snp", "ref")),
    ]
    return pa.record_batch(columns, schema=schema)
