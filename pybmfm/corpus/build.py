"""Encode and tokenize windows into Arrow shards, one folder per split."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, digest_file, output_directory, progress, write_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.core.parallel import in_order
from pybmfm.corpus.counts import SplitCounts, disk_use
from pybmfm.corpus.rows import make_rows, plan_rows
from pybmfm.corpus.shards import Shard, ShardWriter, divide_into_shards, in_genome_order
from pybmfm.corpus.sources import WindowSource, open_encoder
from pybmfm.corpus.splits import SPLITS
from pybmfm.corpus.window_selection import check_windows_fit
from pybmfm.corpus.windows_table import WindowColumns, read_windows
from pybmfm.genome import Genome
from pybmfm.tokenizer import DnaTokenizer, use_threads
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE
from pybmfm.variants.frequencies import PASSED

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")


@dataclass(frozen=True)
class CorpusSettings:
    """What to encode and where to.

    Attributes
    ----------
    fasta, windows, tokenizer, out
        Genome file, windows folder, tokenizer folder, folder to write.
    frequencies
        Frequency table folder to draw alleles from.
    haplotypes
        Phased VCF, which the strategy ``haplotypes`` takes instead. Neither: the plain reference.
    filters
        Names in FILTER that records of the phased VCF may have.
    strategy, seed
        How alleles are drawn.
    ref_share
        Share of the windows that keep the reference, both strands of a window alike; chosen by
        seed, window by window. Without alleles to draw all of them do.
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
    haplotypes: Path | None = None
    filters: str = PASSED
    strategy: str = "paper"
    ref_share: float = 0.0
    seed: int = 0
    threads: int = 1
    shard_rows: int = 65_536


def build_corpus(settings: CorpusSettings) -> None:
    """Write ``train/``, ``dev/`` and ``test/`` with every window in exactly one shard row.

    Batches of windows are encoded and tokenized on ``threads`` threads and written in order.
    Memory: 60 bytes per row of the windows table, two contigs with their frequencies, and about
    20 MB per thread.

    Raises
    ------
    UserError
        If an input is missing, or windows and genome do not fit.
    """
    _check(settings)
    use_threads(settings.threads)
    table, windows_manifest = read_windows(settings.windows)
    tokenizer = DnaTokenizer.load(settings.tokenizer)
    with Genome(settings.fasta) as genome, output_directory(settings.out) as folder:
        check_windows_fit(table, genome, settings.windows)
        source = _open_source(settings, genome)
        _note_encoding(tokenizer, source.encoding)
        windows, shards = WindowColumns.of(table), divide_windows(table, settings.shard_rows)
        source.expect(windows)
        counts, files = _write(settings, windows, shards, source, tokenizer, folder)
        source.check_used()
        shown = {split: one.shown() for split, one in counts.items()}
        write_manifest(
            folder,
            artefact="corpus",
            settings={
                "strategy": settings.strategy,
                "ref_share": settings.ref_share,
                "filters": settings.filters,
                "seed": settings.seed,
                "shard_rows": settings.shard_rows,
            },
            inputs=_inputs(settings),
            encoding=source.encoding,
            tokenizer={
                "sha256": digest_file(tokenizer.folder / TOKENIZER_FILE),
                "vocab_size": tokenizer.vocab_size,
                "encoding": tokenizer.encoding,
            },
            counts=shown,
            symbols=counts["train"].symbols.tolist(),
            **disk_use(shown, files),
            **source.counts(),
            replaced_letters=genome.note_replaced_letters(),
            leakage=windows_manifest.get("leakage", {}),
            shards=files,
        )
    _log_counts(shown)


def _check(settings: CorpusSettings) -> None:
    if not 0 <= settings.ref_share <= 1:
        raise UserError(
            f"--ref-share {settings.ref_share} is no share", remedy="give a number from 0 to 1"
        )


def _open_source(settings: CorpusSettings, genome: Genome) -> WindowSource:
    encoder, encoding = open_encoder(
        genome,
        settings.frequencies,
        seed=settings.seed,
        strategy=settings.strategy,
        haplotypes=settings.haplotypes,
        filters=settings.filters,
    )
    varies = encoding == "snp"
    return WindowSource(
        genome, encoder, varies=varies, ref_share=settings.ref_share, seed=settings.seed
    )


def divide_windows(table: pd.DataFrame, shard_rows: int) -> list[Shard]:
    """Divide a windows table into shards: the usual three splits, then others it may name."""
    windows = WindowColumns.of(table)
    names = list(table["split"].cat.categories)
    codes = table["split"].cat.codes.to_numpy()
    shards: list[Shard] = []
    for split in [*SPLITS, *sorted(set(names) - set(SPLITS))]:
        rows = np.flatnonzero(codes == (names.index(split) if split in names else -1))
        shards += divide_into_shards(windows, rows, split, shard_rows)
    return shards


def _write(
    settings: CorpusSettings,
    windows: WindowColumns,
    shards: list[Shard],
    source: WindowSource,
    tokenizer: DnaTokenizer,
    folder: Path,
) -> tuple[dict[str, SplitCounts], list[dict[str, Any]]]:
    """Write all shards; return what each split holds, and each file with its digest."""
    counts = {shard.split: SplitCounts() for shard in shards}
    for split in counts:
        (folder / split).mkdir()
    batches = in_genome_order(shards)
    writers: dict[str, ShardWriter] = {}
    digests: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(settings.threads) as pool:
        plans = (plan_rows(windows.take(rows), source) for _, rows in batches)
        made = in_order(partial(make_rows, tokenizer=tokenizer), plans, pool, settings.threads)
        done = progress(made, "building the corpus", total=len(batches), unit="batch")
        for (shard, _), rows in zip(batches, done, strict=True):
            if shard.file not in writers:
                writers[shard.file] = ShardWriter(folder, shard)
            writers[shard.file].write(rows)
            counts[shard.split].add(rows, tokenizer)
            if writers[shard.file].is_whole:
                digests[shard.file] = pool.submit(digest_file, writers.pop(shard.file).file)
    for shard in shards:
        if not shard.batches:
            ShardWriter(folder, shard)
    return counts, [_describe(shard, folder, digests.get(shard.file)) for shard in shards]


def _describe(shard: Shard, folder: Path, digest: Future[str] | None) -> dict[str, Any]:
    file = folder / shard.file
    return {
        "file": shard.file,
        "windows": shard.windows,
        "bytes": file.stat().st_size,
        "sha256": digest_file(file) if digest is None else digest.result(),
    }


def _note_encoding(tokenizer: DnaTokenizer, encoding: str) -> None:
    """Say when the tokenizer was trained on another encoding: one may serve several corpora."""
    # A foreign folder without a manifest does not say what it was trained on.
    known = (tokenizer.folder / MANIFEST).is_file()
    fitting = {encoding, "mixed"} | ({"snp"} if encoding == "mixed" else set())
    if known and tokenizer.encoding not in fitting:
        log.info(
            "the tokenizer was trained on %s text, this corpus is %s", tokenizer.encoding, encoding
        )


def _inputs(settings: CorpusSettings) -> list[Path]:
    optional = [path for path in (settings.frequencies, settings.haplotypes) if path is not None]
    return [settings.fasta, settings.windows, *optional, settings.tokenizer]


def _log_counts(counts: dict[str, dict[str, int]]) -> None:
    parts = [f"{s} {c['windows']:,} windows {c['tokens']:,} tokens" for s, c in counts.items()]
    log.info("corpus: %s", ", ".join(parts))
    unknown = sum(c["unknown"] for c in counts.values())
    if unknown:
        log.info("%d tokens are [UNK]: the tokenizer does not know every symbol", unknown)
