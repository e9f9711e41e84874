"""Cut a genome into windows for several passes, and say what the splits share."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from pybmfm.core import UserError, nothing_used, output_directory, progress, write_manifest
from pybmfm.corpus.cutting import (
    SHORTEST_PIECE,
    ContigLayout,
    ContigWindows,
    WindowSettings,
    cut_windows,
)
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.splits import SPLITS, default_block_size
from pybmfm.corpus.windows_table import WINDOWS_FILE, write_windows
from pybmfm.genome import N_CODE, Genome, sequence_intervals

log = logging.getLogger("pybmfm")

_REMEDIES = {
    "shorter_than": "give a genome with longer contigs",
    "only_n": "give a genome with A, C, G, T",
}


def sample_windows(settings: WindowSettings) -> None:
    """Write ``windows.parquet`` and its manifest.

    Raises
    ------
    UserError
        If the settings make no sense together, the genome has no sequence, or too few blocks.
    """
    _check(settings)
    with Genome(settings.fasta) as genome:
        layouts = [_layout(genome, c) for c in progress(list(genome.lengths), "reading contigs")]
        replaced = genome.note_replaced_letters()
    block_size = settings.block_size or default_block_size({c.name: c.length for c in layouts})
    dropped: Counter[str] = Counter()
    windows = cut_windows(settings, layouts, block_size, dropped)
    if not any(map(len, windows)):
        pieces = {reason: n for reason, n in dropped.items() if not reason.endswith("_nt")}
        if not pieces:
            raise UserError(
                "has no sequence to cut",
                file=settings.fasta,
                remedy="give a genome with A, C, G, T",
            )
        raise nothing_used("windows", pieces, file=settings.fasta, remedies=_REMEDIES)
    coverage, leakage = _coverage(windows, layouts)
    numbers = _windows_by_split(windows)
    with output_directory(settings.out) as folder:
        write_windows(windows, folder / WINDOWS_FILE)
        write_manifest(
            folder,
            artefact="windows",
            settings=_json_settings(settings, block_size),
            inputs=[settings.fasta],
            counts={
                "windows": numbers,
                "dropped": dict(sorted(dropped.items())),
                "replaced_letters": replaced,
                **coverage,
            },
            leakage={"shared_bp": sum(leakage.values()), "by_pair": leakage},
        )
    _log_summary(numbers, coverage, dropped)


def _layout(genome: Genome, contig: str) -> ContigLayout:
    codes = genome.codes(contig)
    return ContigLayout(
        contig, len(codes), sequence_intervals(codes), IntervalSet.where(codes != N_CODE)
    )


def _windows_by_split(windows: list[ContigWindows]) -> dict[str, int]:
    """Rows of the table, both strands counted."""
    numbers = sum(
        (np.bincount(contig.splits, minlength=len(SPLITS)) for contig in windows),
        start=np.zeros(len(SPLITS), np.int64),
    )
    return {split: 2 * int(number) for split, number in zip(SPLITS, numbers, strict=True)}


def _coverage(
    windows: list[ContigWindows], layouts: list[ContigLayout]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Bases covered, and base pairs in two splits, over all passes and strands."""
    covered = dict.fromkeys(SPLITS, 0)
    anywhere = 0
    shared = {f"{a}-{b}": 0 for a, b in combinations(SPLITS, 2)}
    for contig, layout in zip(windows, layouts, strict=True):
        anywhere += layout.bases.shared_with(IntervalSet.merged(contig.starts, contig.ends))
        merged = {split: _merged_split(contig, i) for i, split in enumerate(SPLITS)}
        for split, intervals in merged.items():
            covered[split] += layout.bases.shared_with(intervals)
        for a, b in combinations(SPLITS, 2):
            shared[f"{a}-{b}"] += merged[a].shared_with(merged[b])
    total = sum(layout.bases.total for layout in layouts)
    return {"acgt_bases": total, "covered_acgt": anywhere, "covered_acgt_by_split": covered}, shared


def _merged_split(windows: ContigWindows, split: int) -> IntervalSet:
    chosen = windows.splits == split
    return IntervalSet.merged(windows.starts[chosen], windows.ends[chosen])


def _json_settings(settings: WindowSettings, block_size: int) -> dict[str, Any]:
    chosen = {k: v for k, v in asdict(settings).items() if k not in {"fasta", "out"}}
    return {**chosen, "block_size": block_size if settings.by_blocks else None}


def _log_summary(numbers: dict[str, int], coverage: dict[str, Any], dropped: Counter[str]) -> None:
    counts = ", ".join(f"{split} {number:,}" for split, number in numbers.items())
    share = 100 * coverage["covered_acgt"] / max(coverage["acgt_bases"], 1)
    left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted(dropped.items())) or "nothing"
    log.info("windows: %s; %.1f %% of bases covered; left out: %s", counts, share, left_out)


def _check(settings: WindowSettings) -> None:
    if not 1 <= settings.min_length <= settings.max_length:
        raise UserError(
            f"--min-length {settings.min_length} and --max-length {settings.max_length} "
            "leave no length",
            remedy="give 1 <= min <= max",
        )
    if settings.min_length < SHORTEST_PIECE:
        raise UserError(
            f"--min-length {settings.min_length} is below {SHORTEST_PIECE} nt",
            remedy=f"give at least {SHORTEST_PIECE}",
        )
    if settings.step < 1 or settings.passes < 1 or (settings.block_size or 1) < 1:
        raise UserError("--step, --passes and --block-size must be at least 1", remedy="raise them")
    if settings.buffer < 0:
        raise UserError("--buffer is negative", remedy="give the nt to leave out, 0 for none")
    _check_split(settings)


def _check_split(settings: WindowSettings) -> None:
    """Refuse options that the way of splitting does not use."""
    if settings.by_contigs and settings.split == "random":
        raise UserError(
            "--dev-contigs and --test-contigs hold whole contigs out, --split random does not",
            remedy="leave one of them out",
        )
    if not settings.by_blocks and (settings.buffer or settings.block_size):
        raise UserError(
            "--buffer and --block-size belong to splits by blocks of the genome",
            remedy="leave them out, or use --split position without held-out contigs",
        )
