"""Cut a genome into windows for several passes, and say what the splits share."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import (
    UserError,
    derive_seed,
    output_directory,
    progress,
    read_manifest,
    read_table,
    write_manifest,
)
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.splits import (
    SHARES,
    SPLITS,
    Region,
    assign_splits,
    cut_blocks,
    default_block_size,
    split_regions,
)
from pybmfm.genome import N_CODE, Genome, sequence_intervals

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")

WINDOWS_FILE = "windows.parquet"
COLUMNS = ("contig", "start", "end", "strand", "pass", "split")
SHORTEST_PIECE = 100  # nt; what is left at the end of a region and shorter is dropped


@dataclass(frozen=True)
class WindowSettings:
    """How the genome is cut.

    Attributes
    ----------
    fasta, out
        Genome to read, folder to write.
    passes
        Times the genome is cut, each with new boundaries.
    min_length, max_length, step
        A window's length in nt is uniform over min, min + step, ..., max.
    split
        ``"position"``: blocks of the genome, nothing shared; ``"random"``: per window.
    block_size
        nt per block; None: from the genome's size, see ``default_block_size``.
    seed
        Of boundaries and splits.
    """

    fasta: Path
    out: Path
    passes: int = 10
    min_length: int = 1000
    max_length: int = 10_000
    step: int = 1000
    split: str = "position"
    block_size: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class ContigLayout:
    """Where a contig holds sequence: between N islands, and the runs of A, C, G, T."""

    name: str
    length: int
    intervals: list[tuple[int, int]]
    bases: IntervalSet


def sample_windows(settings: WindowSettings) -> None:
    """Write ``windows.parquet`` and its manifest.

    Raises
    ------
    UserError
        If the lengths make no sense, the genome has no sequence, or too few blocks.
    """
    _check(settings)
    with Genome(settings.fasta) as genome:
        layouts = [_layout(genome, c) for c in progress(list(genome.lengths), "reading contigs")]
        replaced = genome.note_replaced_letters()
    block_size = settings.block_size or default_block_size({c.name: c.length for c in layouts})
    dropped: Counter[str] = Counter()
    windows = cut_windows(settings, layouts, block_size, dropped)
    if windows.empty:
        raise UserError(
            "has no sequence to cut", file=settings.fasta, remedy="give a genome with A, C, G, T"
        )
    coverage, leakage = _coverage(windows, layouts)
    with output_directory(settings.out) as folder:
        _write_windows(windows, folder / WINDOWS_FILE)
        write_manifest(
            folder,
            artefact="windows",
            settings=_json_settings(settings, block_size),
            inputs=[settings.fasta],
            counts={
                "windows": {s: int((windows["split"] == s).sum()) for s in SPLITS},
                "dropped": dict(sorted(dropped.items())),
                "replaced_letters": replaced,
                **coverage,
            },
            leakage={"shared_bp": sum(leakage.values()), "by_pair": leakage},
        )
    _log_summary(windows, coverage, dropped)


def cut_windows(
    settings: WindowSettings,
    layouts: list[ContigLayout],
    block_size: int,
    dropped: Counter[str],
) -> pd.DataFrame:
    """Cut all passes: one row per window and strand, sorted by contig, place, pass, strand.

    Parameters
    ----------
    settings
        Lengths, passes, split mode, seed.
    layouts
        Every contig, in FASTA order.
    block_size
        nt per block (split ``"position"``).
    dropped
        Gets the pieces and nucleotides left out, by reason, one strand counted.
    """
    import pandas as pd

    regions = _regions(settings, layouts, block_size)
    parts = [
        _cut_contig(settings, layout, contig_regions, number, dropped)
        for layout, contig_regions in zip(layouts, regions, strict=True)
        for number in range(settings.passes)
    ]
    plus = pd.concat(parts, ignore_index=True)
    if settings.split == "random":
        plus["split"] = _random_splits(len(plus), settings.seed)
    plus["split"] = np.array(SPLITS, dtype=object)[plus["split"].to_numpy(dtype=np.int64)]
    rank = {layout.name: place for place, layout in enumerate(layouts)}
    order = [plus["pass"], plus["end"], plus["start"], plus["contig"].map(rank)]
    plus = plus.iloc[np.lexsort(order)]
    both = plus.loc[plus.index.repeat(2)].reset_index(drop=True)
    both["strand"] = np.tile(np.array(["+", "-"], dtype=object), len(plus))
    return both[list(COLUMNS)]


def read_windows(folder: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a windows folder: its rows, in order, and its manifest.

    Raises
    ------
    UserError
        If it is not a windows folder or lacks a column.
    """
    manifest = read_manifest(folder, "windows")
    file = Path(folder) / WINDOWS_FILE
    table = read_table(file)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise UserError(
            f"lacks the column {', '.join(missing)}",
            file=file,
            remedy="make it again with sample-genome",
        )
    return table, manifest


def _layout(genome: Genome, contig: str) -> ContigLayout:
    codes = genome.codes(contig)
    return ContigLayout(
        contig, len(codes), sequence_intervals(codes), IntervalSet.where(codes != N_CODE)
    )


def _regions(
    settings: WindowSettings, layouts: list[ContigLayout], block_size: int
) -> list[list[Region]]:
    """Regions of each contig, N islands cut out."""
    if settings.split == "random":
        return [[Region(a, b, 0) for a, b in layout.intervals] for layout in layouts]
    blocks = [cut_blocks(layout.length, block_size) for layout in layouts]
    bases = [
        layout.bases.count(b.starts, b.ends) for layout, b in zip(layouts, blocks, strict=True)
    ]
    splits = assign_splits(np.concatenate(bases), settings.seed)
    ends = np.cumsum([len(b) for b in bases])
    per_contig = np.split(splits, ends[:-1])
    return [
        list(_intersect(split_regions(b, s), layout.intervals))
        for layout, b, s in zip(layouts, blocks, per_contig, strict=True)
    ]


def _intersect(regions: list[Region], intervals: list[tuple[int, int]]) -> Iterator[Region]:
    place = 0
    for region in regions:
        while place < len(intervals) and intervals[place][1] <= region.start:
            place += 1
        for start, end in intervals[place:]:
            if start >= region.end:
                break
            yield Region(max(start, region.start), min(end, region.end), region.split)


def _cut_contig(
    settings: WindowSettings,
    layout: ContigLayout,
    regions: list[Region],
    number: int,
    dropped: Counter[str],
) -> pd.DataFrame:
    """Windows of one contig in one pass, plus strand."""
    import pandas as pd

    rng = np.random.default_rng(derive_seed(settings.seed, "windows", layout.name, number))
    edges = [_cut_edges(settings, region.end - region.start, number, rng) for region in regions]
    starts = [region.start + e[:-1] for region, e in zip(regions, edges, strict=True)]
    ends = [region.start + e[1:] for region, e in zip(regions, edges, strict=True)]
    table = pd.DataFrame(
        {
            "start": np.concatenate([np.empty(0, np.int64), *starts]),
            "end": np.concatenate([np.empty(0, np.int64), *ends]),
            "split": np.repeat([r.split for r in regions], [len(s) for s in starts]).astype(int),
        }
    )
    keep = _kept(table, layout, dropped)
    return table[keep].assign(contig=layout.name, **{"pass": np.int32(number)})


def _cut_edges(
    settings: WindowSettings, length: int, number: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Boundaries inside a region of ``length`` nt, first 0 and last ``length``."""
    choices = np.arange(settings.min_length, settings.max_length + 1, settings.step)
    draws = rng.choice(choices, size=length // settings.min_length + 2)
    if len(choices) == 1 and number > 0:
        # Windows of one length would have the same boundaries in every pass.
        draws[0] = rng.integers(1, settings.max_length, endpoint=True)
    inner = np.cumsum(draws)
    edges: npt.NDArray[np.int64] = np.r_[0, inner[inner < length], length].astype(np.int64)
    return edges


def _kept(
    table: pd.DataFrame, layout: ContigLayout, dropped: Counter[str]
) -> npt.NDArray[np.bool_]:
    """Which windows stay; those left out are counted by reason."""
    starts, ends = table["start"].to_numpy(), table["end"].to_numpy()
    lengths = ends - starts
    short = lengths < SHORTEST_PIECE
    empty = ~short & (layout.bases.count(starts, ends) == 0)
    for reason, mask in ((f"shorter_than_{SHORTEST_PIECE}", short), ("only_n", empty)):
        if mask.any():
            dropped[reason] += int(mask.sum())
            dropped[f"{reason}_nt"] += int(lengths[mask].sum())
    return np.asarray(~(short | empty))


def _random_splits(number: int, seed: int) -> npt.NDArray[np.int64]:
    """70/20/10 of the windows; both strands of a window follow later and share its split."""
    places = np.random.default_rng(derive_seed(seed, "splits")).permutation(number)
    splits = np.empty(number, dtype=np.int64)
    middles = (np.arange(number) + 0.5) / max(number, 1)
    splits[places] = np.searchsorted(np.cumsum(SHARES)[:-1], middles, side="right")
    return splits


def _coverage(
    windows: pd.DataFrame, layouts: list[ContigLayout]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Bases covered, and base pairs in two splits, over all passes and strands."""
    covered = dict.fromkeys(SPLITS, 0)
    anywhere = 0
    shared = {f"{a}-{b}": 0 for a, b in combinations(SPLITS, 2)}
    by_contig = dict(list(windows.groupby("contig", sort=False)))
    for layout in layouts:
        rows = by_contig.get(layout.name)
        if rows is None:
            continue
        anywhere += layout.bases.shared_with(IntervalSet.merged(rows["start"], rows["end"]))
        merged = {s: _merged_split(rows, s) for s in SPLITS}
        for split, interval_set in merged.items():
            covered[split] += layout.bases.shared_with(interval_set)
        for a, b in combinations(SPLITS, 2):
            shared[f"{a}-{b}"] += merged[a].shared_with(merged[b])
    total = sum(layout.bases.total for layout in layouts)
    return {"acgt_bases": total, "covered_acgt": anywhere, "covered_acgt_by_split": covered}, shared


def _merged_split(rows: pd.DataFrame, split: str) -> IntervalSet:
    chosen = rows[rows["split"] == split]
    return IntervalSet.merged(chosen["start"], chosen["end"])


def _write_windows(windows: pd.DataFrame, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("contig", pa.string()),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("strand", pa.string()),
            ("pass", pa.int32()),
            ("split", pa.string()),
        ]
    )
    pq.write_table(pa.Table.from_pandas(windows, schema=schema, preserve_index=False), file)


def _json_settings(settings: WindowSettings, block_size: int) -> dict[str, Any]:
    chosen = {k: v for k, v in asdict(settings).items() if k not in {"fasta", "out"}}
    return {**chosen, "block_size": block_size if settings.split == "position" else None}


def _log_summary(windows: pd.DataFrame, coverage: dict[str, Any], dropped: Counter[str]) -> None:
    counts = ", ".join(f"{s} {int((windows['split'] == s).sum()):,}" for s in SPLITS)
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
