"""Where the sequences of an audit come from: token shards, a genome, task tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import digest_file, read_manifest
from pybmfm.corpus import SPLITS, check_windows_fit, read_windows
from pybmfm.corpus.integrity import check_digest, check_size, shards_of_split
from pybmfm.corpus.windows_table import WindowColumns
from pybmfm.evaluation.leakage_sequences import (
    Batch,
    SequenceCollection,
    SequenceSplit,
    row_groups,
)
from pybmfm.genome import Genome, complement_bases
from pybmfm.tasks import TaskEntry, TaskTable, read_task_splits
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE
from pybmfm.variants import text_to_codes

if TYPE_CHECKING:
    import pyarrow as pa

COORDINATES = ("contig", "start", "end", "strand", "pass")


def open_corpus(
    folder: Path, name: str, tokenizers: Sequence[Path], genome: Genome | None
) -> SequenceCollection:
    """Open a corpus folder.

    Sequences are the plain reference at the windows' coordinates where a genome is given;
    otherwise the text of the tokens, for which the tokenizer is needed: the one of
    ``tokenizers``, or the folder ``tokenizer`` in the corpus, that the corpus was built with.

    Raises
    ------
    UserError
        If it is no corpus, a shard is broken, or the genome is another.
    """
    manifest = read_manifest(folder, "corpus")
    tokenizer = None if genome else _find_tokenizer(folder, manifest, tokenizers)
    splits = tuple(
        _corpus_split(folder, s, manifest, tokenizer, genome) for s in manifest["counts"]
    )
    source = "reference" if genome else "tokens" if tokenizer else "not known"
    return SequenceCollection("corpus", name, splits, source)


def open_windows(folder: Path, name: str, genome: Genome | None) -> SequenceCollection:
    """Open a windows folder; sequences are those of the genome where one is given.

    Raises
    ------
    UserError
        If it is no windows folder, or the genome is another.
    """
    table, _ = read_windows(folder)
    if genome:
        check_windows_fit(table, genome, folder)
    names = [*SPLITS, *sorted(set(table["split"].unique()) - set(SPLITS))]
    splits = []
    for split in names:
        loci = WindowColumns.of(table[table["split"] == split])
        splits.append(_window_split(split, loci, _reference_reader(genome, loci)))
    source = "reference" if genome else "not known"
    return SequenceCollection("windows", name, tuple(splits), source)


def open_task(entry: TaskEntry) -> SequenceCollection:
    """Read the three tables of a task.

    Raises
    ------
    UserError
        As :func:`pybmfm.tasks.read_task_splits`.
    """
    tables = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
    splits = tuple(_task_split(split, table) for split, table in tables.items())
    return SequenceCollection("task", entry.task, splits, "table")


def _find_tokenizer(
    folder: Path, manifest: dict[str, Any], tokenizers: Sequence[Path]
) -> DnaTokenizer | None:
    """Return the tokenizer that the corpus was built with, by its digest."""
    wanted = manifest["tokenizer"]["sha256"]
    for candidate in (*tokenizers, folder / "tokenizer"):
        file = candidate / TOKENIZER_FILE
        if file.is_file() and digest_file(file) == wanted:
            return DnaTokenizer.load(candidate)
    return None


def _corpus_split(
    folder: Path,
    split: str,
    manifest: dict[str, Any],
    tokenizer: DnaTokenizer | None,
    genome: Genome | None,
) -> SequenceSplit:
    tables = [_map_shard(folder, s) for s in shards_of_split(folder, split, manifest)]
    loci = _window_columns(tables)
    if genome:
        _check_loci_fit(loci, genome, folder)
        return _window_split(split, loci, _reference_reader(genome, loci))
    if tokenizer:
        return _window_split(split, loci, _token_reader(tokenizer, tables))
    return _window_split(split, loci, None)


def _map_shard(folder: Path, shard: dict[str, Any]) -> pa.Table:
    """Map a shard whose bytes are those that its manifest names."""
    import pyarrow as pa

    check_size(folder, shard)
    check_digest(folder, shard)
    return pa.ipc.open_file(pa.memory_map(str(folder / shard["file"]))).read_all()


def _window_columns(tables: Sequence[pa.Table]) -> WindowColumns:
    """Coordinates of all rows of a split's shards."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pa.concat_tables([table.select(COORDINATES) for table in tables])
    contig = rows["contig"].combine_chunks().dictionary_encode()
    return WindowColumns(
        names=contig.dictionary.to_pylist(),
        contigs=contig.indices.to_numpy(zero_copy_only=False),
        starts=rows["start"].to_numpy(),
        ends=rows["end"].to_numpy(),
        minus=pc.equal(rows["strand"], "-").to_numpy(),
        passes=rows["pass"].to_numpy(),
    )


def _check_loci_fit(loci: WindowColumns, genome: Genome, folder: Path) -> None:
    import pandas as pd

    contigs = pd.Categorical.from_codes(loci.contigs, pd.Index(loci.names))
    check_windows_fit(pd.DataFrame({"contig": contigs, "end": loci.ends}), genome, folder)


def _window_split(
    split: str, loci: WindowColumns, batches: Callable[[], Iterator[Batch]] | None
) -> SequenceSplit:
    def name(row: int) -> str:
        contig, strand = loci.names[loci.contigs[row]], "-" if loci.minus[row] else "+"
        return f"{contig}:{loci.starts[row]}-{loci.ends[row]}({strand}) pass {loci.passes[row]}"

    return SequenceSplit(split, len(loci), batches, name, loci)


def _token_reader(
    tokenizer: DnaTokenizer, tables: Sequence[pa.Table]
) -> Callable[[], Iterator[Batch]]:
    letters, starts = _token_letters(tokenizer)

    def read() -> Iterator[Batch]:
        first = 0
        for table in tables:
            lengths = table["end"].to_numpy() - table["start"].to_numpy()
            for begin, end in row_groups(lengths):
                tokens = table["tokens"].slice(begin, end - begin).combine_chunks()
                codes, offsets = _write_out(tokens, letters, starts)
                yield Batch(first + begin, codes, offsets)
            first += len(table)

    return read


def _token_letters(tokenizer: DnaTokenizer) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Codes of all tokens in a row, and where each begins; special tokens have none."""
    texts = [
        token if n else ""
        for token, n in zip(tokenizer.tokens, tokenizer.span_lengths, strict=True)
    ]
    texts[tokenizer.unk] = "N"
    starts = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return text_to_codes("".join(texts)), starts


def _write_out(
    tokens: Any, letters: NDArray[np.uint8], starts: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Codes of rows of token ids, and the rows' offsets in them."""
    from pybmfm.evaluation._leakage_kernels import write_tokens

    ids = np.ascontiguousarray(tokens.flatten().to_numpy())
    ends = np.r_[0, np.cumsum(tokens.value_lengths().to_numpy())]
    before = np.r_[0, np.cumsum(np.diff(starts)[ids])]
    codes = np.empty(int(before[-1]), dtype=np.uint8)
    write_tokens(ids, starts, letters, codes)
    return codes, before[ends].astype(np.int64)


def _reference_reader(
    genome: Genome | None, loci: WindowColumns
) -> Callable[[], Iterator[Batch]] | None:
    if genome is None:
        return None

    def read() -> Iterator[Batch]:
        lengths = loci.ends - loci.starts
        for begin, end in row_groups(lengths):
            rows = [_reference_row(genome, loci, row) for row in range(begin, end)]
            offsets = np.r_[0, np.cumsum(lengths[begin:end])].astype(np.int64)
            yield Batch(begin, np.concatenate(rows), offsets)

    return read


def _reference_row(genome: Genome, loci: WindowColumns, row: int) -> NDArray[np.uint8]:
    contig = loci.names[loci.contigs[row]]
    codes = genome.codes(contig, int(loci.starts[row]), int(loci.ends[row]))
    return complement_bases(codes)[::-1] if loci.minus[row] else codes


def _task_split(split: str, table: TaskTable) -> SequenceSplit:
    def read() -> Iterator[Batch]:
        lengths = np.array([len(text) for text in table.sequences], dtype=np.int64)
        for begin, end in row_groups(lengths):
            offsets = np.r_[0, np.cumsum(lengths[begin:end])].astype(np.int64)
            yield Batch(begin, text_to_codes("".join(table.sequences[begin:end])), offsets)

    return SequenceSplit(split, len(table), read, lambda row: table.ids[row])
