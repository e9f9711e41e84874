"""Encode and tokenize windows into Arrow shards, one folder per split."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import digest_file, output_directory, progress, write_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.corpus.encoded import check_windows_fit, encode_windows, open_encoder
from pybmfm.corpus.splits import SPLITS
from pybmfm.corpus.windows import read_windows
from pybmfm.genome import Genome
from pybmfm.tokenizer import DnaTokenizer, use_threads
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE
from pybmfm.variants import WindowEncoder

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

log = logging.getLogger("pybmfm")

BATCH_WINDOWS = 256  # windows in memory at once, and rows of one Arrow record batch


@dataclass(frozen=True)
class CorpusSettings:
    """What to encode and where to.

    Attributes
    ----------
    fasta, windows, tokenizer, out
        Genome file, windows folder, tokenizer folder, folder to write.
    frequencies
        Frequency table folder; None: the plain reference.
    strategy, seed
        How alleles are drawn.
    threads
        Never changes a byte of the result.
    shard_rows
        Windows per shard file.
    """

    fasta: Path
    windows: Path
    tokenizer: Path
    out: Path
    frequencies: Path | None = None
    strategy: str = "paper"
    seed: int = 0
    threads: int = 1
    shard_rows: int = 65_536


def build_corpus(settings: CorpusSettings) -> None:
    """Write ``train/``, ``dev/`` and ``test/`` with every window in exactly one shard row.

    Raises
    ------
    UserError
        If an input is missing, or windows and genome do not fit.
    """
    use_threads(settings.threads)
    windows, windows_manifest = read_windows(settings.windows)
    tokenizer = DnaTokenizer.load(settings.tokenizer)
    with Genome(settings.fasta) as genome, output_directory(settings.out) as folder:
        check_windows_fit(windows, genome, settings.windows)
        encoder, encoding = open_encoder(
            genome, settings.frequencies, seed=settings.seed, strategy=settings.strategy
        )
        _note_encoding(tokenizer, encoding)
        counts, shards = {}, []
        for split in [*SPLITS, *sorted(set(windows["split"]) - set(SPLITS))]:
            rows = windows[windows["split"] == split]
            counts[split], written = _write_split(
                settings, encoder, tokenizer, rows, folder / split, encoding
            )
            shards += written
        write_manifest(
            folder,
            artefact="corpus",
            settings={
                "strategy": settings.strategy,
                "seed": settings.seed,
                "shard_rows": settings.shard_rows,
            },
            inputs=_inputs(settings),
            encoding=encoding,
            tokenizer={
                "sha256": digest_file(tokenizer.folder / TOKENIZER_FILE),
                "vocab_size": tokenizer.vocab_size,
                "encoding": tokenizer.encoding,
            },
            counts=counts,
            marks_dropped=dict(sorted(encoder.dropped_marks.items())),
            replaced_letters=genome.note_replaced_letters(),
            leakage=windows_manifest.get("leakage", {}),
            shards=shards,
        )
    _log_counts(counts)


def shard_schema() -> pa.Schema:
    """Columns of a shard: ids with ``[CLS]`` and ``[SEP]``, and the window they come from."""
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


def _write_split(
    settings: CorpusSettings,
    encoder: WindowEncoder,
    tokenizer: DnaTokenizer,
    rows: pd.DataFrame,
    folder: Path,
    encoding: str,
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Write the shards of one split; a split without rows gets one empty shard."""
    folder.mkdir()
    counts: Counter[str] = Counter(windows=0, tokens=0, nucleotides=0, variant_tokens=0, unknown=0)
    shards = []
    for number, first in enumerate(range(0, max(len(rows), 1), settings.shard_rows)):
        part = rows.iloc[first : first + settings.shard_rows]
        file = folder / f"shard-{number:05d}.arrow"
        batches = _batches(encoder, tokenizer, part, encoding, counts)
        label = f"{folder.name} shard {number}"
        _write_shard(
            file, progress(batches, label, total=-(-len(part) // BATCH_WINDOWS), unit="batch")
        )
        shards.append(
            {
                "file": f"{folder.name}/{file.name}",
                "windows": len(part),
                "bytes": file.stat().st_size,
                "sha256": digest_file(file),
            }
        )
    return dict(counts), shards


def _write_shard(file: Path, batches: Iterator[pa.RecordBatch]) -> None:
    import pyarrow as pa

    with (
        closing(pa.OSFile(str(file), "wb")) as sink,
        pa.ipc.new_file(sink, shard_schema()) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def _batches(
    encoder: WindowEncoder,
    tokenizer: DnaTokenizer,
    rows: pd.DataFrame,
    encoding: str,
    counts: Counter[str],
) -> Iterator[pa.RecordBatch]:
    for first in range(0, len(rows), BATCH_WINDOWS):
        part = rows.iloc[first : first + BATCH_WINDOWS]
        ids = tokenizer.encode_batch(list(encode_windows(encoder, part)))
        flat = np.concatenate(ids)
        counts["windows"] += len(part)
        # Tokens are those of the sequence; [CLS] and [SEP] are two more per row.
        counts["tokens"] += len(flat)
        counts["nucleotides"] += int((part["end"] - part["start"]).sum())
        counts["variant_tokens"] += int(tokenizer.holds_variant[flat].sum())
        counts["unknown"] += int((flat == tokenizer.unk).sum())
        yield _record_batch(tokenizer, part, ids, encoding)


def _record_batch(
    tokenizer: DnaTokenizer,
    rows: pd.DataFrame,
    ids: list[npt.NDArray[np.uint16]],
    encoding: str,
) -> pa.RecordBatch:
    import pyarrow as pa

    cls, sep = (np.array([i], dtype=np.uint16) for i in (tokenizer.cls, tokenizer.sep))
    flat = np.concatenate([part for row in ids for part in (cls, row, sep)])
    offsets = np.cumsum([0, *(len(row) + 2 for row in ids)], dtype=np.int32)
    schema = shard_schema()
    columns = [pa.array(rows[name], type=schema.field(name).type) for name in schema.names[1:-1]]
    tokens = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    encodings = pa.array([encoding] * len(rows), type=pa.string())
    return pa.record_batch([tokens.cast(schema.field(0).type), *columns, encodings], schema=schema)


def _note_encoding(tokenizer: DnaTokenizer, encoding: str) -> None:
    """Say when the tokenizer was trained on another encoding: one may serve several corpora."""
    # A foreign folder without a manifest does not say what it was trained on.
    known = (tokenizer.folder / MANIFEST).is_file()
    if known and tokenizer.encoding not in {encoding, "mixed"}:
        log.info(
            "the tokenizer was trained on %s text, this corpus is %s", tokenizer.encoding, encoding
        )


def _inputs(settings: CorpusSettings) -> list[Path]:
    optional = [] if settings.frequencies is None else [settings.frequencies]
    return [settings.fasta, settings.windows, *optional, settings.tokenizer]


def _log_counts(counts: dict[str, dict[str, int]]) -> None:
    parts = [f"{s} {c['windows']:,} windows {c['tokens']:,} tokens" for s, c in counts.items()]
    log.info("corpus: %s", ", ".join(parts))
    unknown = sum(c["unknown"] for c in counts.values())
    if unknown:
        log.info("%d tokens are [UNK]: the tokenizer does not know every symbol", unknown)
