"""Windows of a genome around annotated places, in splits by blocks of the genome.

The blocks are those of `sample-genome` with the same seed and block size, so that a model
pretrained on its training windows has not seen the dev and test windows made here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, derive_seed, output_directory, write_manifest, write_table
from pybmfm.corpus import SPLITS, default_block_size
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.splits import assign_splits, cut_blocks, split_regions
from pybmfm.genome import (
    N_CODE,
    Genome,
    describe_names,
    match_contigs,
)
from pybmfm.tasks.annotation_files import Point
from pybmfm.tasks.dropped import describe_dropped
from pybmfm.tasks.kinds import DEFAULT_METRIC
from pybmfm.tasks.sheet import task_table, write_task_sheet

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")

NOT_IN_FASTA = "contig_not_in_fasta"
BEYOND_END = "beyond_contig_end"
TOO_MANY_N = "too_many_n"
REPEATED = "repeated_locus"
CROSSES = "crosses_split_border"
NOT_DRAWN = "not_drawn"


@dataclass(frozen=True)
class AnnotationSettings:
    """What all builders from annotation share.

    Attributes
    ----------
    fasta, out
        Genome, and folder for the tables, ``tasks.csv`` and ``manifest.json``.
    task
        Name of the task.
    block_size
        nt per block of one split; None: from the genome's size, as `sample-genome`.
    max_n
        Largest share of N in a window.
    max_positives
        Draw so many of the annotated places; None: all.
    seed
        Of splits, draws and negatives.
    """

    fasta: Path
    out: Path
    task: str
    block_size: int | None = None
    max_n: float = 0.0
    max_positives: int | None = None
    seed: int = 0

    def rng(self, *keys: object) -> np.random.Generator:
        """Return a generator of its own for each use."""
        return np.random.default_rng(derive_seed(self.seed, self.task, *keys))


@dataclass(frozen=True)
class Window:
    """A row to be: where it lies, what it is, and what it was made from.

    Attributes
    ----------
    contig, start, end, strand
        0-based half-open; ``contig`` empty where the sequence is not the genome's.
    split
        Index into ``SPLITS``.
    label, origin, name
        Class; ``annotated`` or how a negative was made; the annotation's name.
    sequence
        Read on ``strand``.
    group
        Filled in for all rows together.
    """

    contig: str
    start: int
    end: int
    strand: str
    split: int
    label: str
    origin: str
    name: str = ""
    sequence: str = ""
    group: str = ""


@dataclass(frozen=True)
class ContigSplits:
    """Which split every base of a contig belongs to.

    Attributes
    ----------
    starts
        int64[n], of regions that tile the contig; neighbours differ in split.
    splits
        int64[n], index into ``SPLITS``.
    """

    starts: NDArray[np.int64]
    splits: NDArray[np.int64]

    def of(self, starts: Any, ends: Any) -> NDArray[np.int64]:
        """Return the split of each interval, -1 where it crosses a border or there is none."""
        if not len(self.starts):
            return np.full(len(np.atleast_1d(starts)), -1, dtype=np.int64)
        first = np.searchsorted(self.starts, np.atleast_1d(starts), side="right") - 1
        last = np.searchsorted(self.starts, np.atleast_1d(ends) - 1, side="right") - 1
        return np.where(first == last, self.splits[first], -1)


def genome_splits(
    genome: Genome, block_size: int | None, seed: int
) -> tuple[dict[str, ContigSplits], int]:
    """Divide a genome into blocks of one split each.

    Returns
    -------
    splits, block_size
        By contig, and the size that was used.

    Raises
    ------
    UserError
        If fewer than three blocks hold sequence.
    """
    size = block_size or default_block_size(genome.lengths)
    blocks = {contig: cut_blocks(length, size) for contig, length in genome.lengths.items()}
    bases = [
        IntervalSet.where(genome.codes(contig) != N_CODE).count(one.starts, one.ends)
        for contig, one in blocks.items()
    ]
    splits = assign_splits(np.concatenate(bases), seed)
    per_contig = np.split(splits, np.cumsum([len(b) for b in bases])[:-1])
    found = {}
    for (contig, one), chosen in zip(blocks.items(), per_contig, strict=True):
        regions = split_regions(one, chosen)
        found[contig] = ContigSplits(
            np.array([region.start for region in regions], dtype=np.int64),
            np.array([region.split for region in regions], dtype=np.int64),
        )
    return found, size


@dataclass
class Cutter:
    """Cuts windows around points, and counts why the others are left out.

    Attributes
    ----------
    read, dropped
        Annotated places so far, and those left out, by reason.
    """

    genome: Genome
    settings: AnnotationSettings
    splits: dict[str, ContigSplits]
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    _seen: set[tuple[str, int, int, str, str]] = field(default_factory=set)

    def leave_out(self, dropped: Mapping[str, int]) -> None:
        """Count places that the file's reader left out, by reason."""
        self.read += sum(dropped.values())
        self.dropped.update(dropped)

    def cut(
        self, points: Sequence[Point], upstream: int, downstream: int, label: str, source: Path
    ) -> list[Window]:
        """Cut the window from ``upstream`` nt before to ``downstream`` nt after each point.

        Both ends are included, as the field writes -249..+50; on the minus strand before and
        after change sides.

        Raises
        ------
        UserError
            If the FASTA has none of the contigs, or no window can be used.
        """
        self.read += len(points)
        names = dict.fromkeys(point.contig for point in points)
        matched = match_contigs(self.genome.lengths, names, one_to_one=False)
        if not matched:
            raise UserError(
                f"shares no contig with {self.genome.path}: it has {describe_names(names)}, the "
                f"FASTA has {describe_names(self.genome.lengths)}",
                file=source,
                remedy="give annotation and FASTA of the same genome",
            )
        by_contig: dict[str, list[Point]] = {contig: [] for contig in self.genome.lengths}
        for point in points:
            if point.contig in matched:
                by_contig[matched[point.contig]].append(point)
            else:
                self.dropped[NOT_IN_FASTA] += 1
        windows = [
            window
            for contig, here in by_contig.items()
            if here
            for point in here
            if (window := self._window(contig, point, upstream, downstream, label)) is not None
        ]
        if not windows:
            raise UserError(
                f"has no place whose window can be used ({describe_dropped(self.dropped)})",
                file=source,
                remedy="give annotation of this FASTA",
            )
        return windows

    def _window(
        self, contig: str, point: Point, upstream: int, downstream: int, label: str
    ) -> Window | None:
        before, after = (upstream, downstream)
        if point.strand == "-":
            before, after = downstream, upstream
        start, end = point.position - before, point.position + after + 1
        split = int(self.splits[contig].of(start, end)[0])
        reason = self._reason(contig, start, end, point.strand, label, split)
        if reason:
            self.dropped[reason] += 1
            return None
        self._seen.add((contig, start, end, point.strand, label))
        return Window(
            contig, start, end, point.strand, split, label, "annotated", point.name,
            self.genome.text(contig, start, end, point.strand),
        )  # fmt: skip

    def _reason(
        self, contig: str, start: int, end: int, strand: str, label: str, split: int
    ) -> str:
        if start < 0 or end > self.genome.lengths[contig]:
            return BEYOND_END
        if (contig, start, end, strand, label) in self._seen:
            return REPEATED
        unknown = np.count_nonzero(self.genome.codes(contig, start, end) == N_CODE)
        if unknown > self.settings.max_n * (end - start):
            return TOO_MANY_N
        return CROSSES if split < 0 else ""

    def draw(self, windows: list[Window]) -> list[Window]:
        """Keep ``max_positives`` of them, drawn from the seed, in order."""
        number = self.settings.max_positives
        if number is None or len(windows) <= number:
            return windows
        rng = self.settings.rng("positives", windows[0].label)
        self.dropped[NOT_DRAWN] += len(windows) - number
        return [windows[i] for i in np.sort(rng.permutation(len(windows))[:number]).tolist()]


def with_text(genome: Genome, windows: Iterable[Window]) -> list[Window]:
    """Fill in the sequences of windows, reading each contig once."""
    rank = {contig: place for place, contig in enumerate(genome.lengths)}
    ordered = sorted(windows, key=lambda window: rank[window.contig])
    return [replace(w, sequence=genome.text(w.contig, w.start, w.end, w.strand)) for w in ordered]


def grouped(windows: Sequence[Window], order: Sequence[str]) -> list[Window]:
    """Give windows that overlap, in a chain, one group; a window that is none keeps its own.

    Parameters
    ----------
    windows
        In any order; those without a contig have a ``group`` already: the key ``contig:start``
        of the window they were made from.
    order
        Contigs in the order of the genome.

    Returns
    -------
    list of Window
        In genome order, those without a contig last in their group's place.
    """
    rank = {contig: place for place, contig in enumerate(order)}
    placed = sorted(
        (w for w in windows if w.contig), key=lambda w: (rank[w.contig], w.start, w.end, w.strand)
    )
    group_of: dict[str, str] = {}
    result: list[Window] = []
    contig, reach, group = "", 0, ""
    for window in placed:
        if window.contig != contig or window.start >= reach:
            contig, reach, group = window.contig, 0, f"{window.contig}:{window.start}"
        reach = max(reach, window.end)
        group_of[origin_key(window)] = group
        result.append(replace(window, group=group))
    made = (replace(w, group=group_of[w.group]) for w in windows if not w.contig)
    return [*result, *made]


def origin_key(window: Window) -> str:
    """Name a window so that what is made from it can find its group."""
    return f"{window.contig}:{window.start}-{window.end}{window.strand}"


def write_annotation_task(
    settings: AnnotationSettings,
    genome: Genome,
    cutter: Cutter,
    windows: Sequence[Window],
    *,
    classes: Sequence[str],
    inputs: Sequence[Path],
    described: dict[str, Any],
    missing: dict[str, int],
) -> None:
    """Write the tables of one task, its sheet and the manifest.

    Parameters
    ----------
    windows
        Positives and negatives.
    classes
        Labels in order.
    described
        The builder's own settings, for the manifest.
    missing
        Negatives that could not be found, by kind.

    Raises
    ------
    UserError
        If a split lacks a class.
    """
    rows = grouped(windows, list(genome.lengths))
    _check_splits(rows, classes, settings, cutter)
    kind = "binary" if len(classes) == 2 else "multiclass"
    with output_directory(settings.out) as folder:
        for number, split in enumerate(SPLITS):
            frame = _frame([w for w in rows if w.split == number], f"{settings.task}-{split}")
            write_table(frame, task_table(folder, settings.task, split))
        write_task_sheet(folder, [(settings.task, kind, DEFAULT_METRIC[kind])])
        counts = _counts(cutter, rows, missing)
        write_manifest(
            folder,
            artefact="tasks",
            settings={
                "source": "annotation",
                "task": settings.task,
                "max_n": settings.max_n,
                "max_positives": settings.max_positives,
                "seed": settings.seed,
                **described,
            },
            inputs=[settings.fasta, *inputs],
            counts=counts,
            tasks={
                settings.task: {
                    "kind": kind,
                    "metric": DEFAULT_METRIC[kind],
                    "classes": list(classes),
                    "alphabet": "plain",
                    "counts": counts,
                    "splits": _split_counts(rows),
                }
            },
        )
    log.info(
        "%s: %s annotated places read, %s used, dropped: %s; %s negatives",
        settings.task,
        f"{counts['read']:,}",
        f"{counts['used']:,}",
        counts["dropped"] or "none",
        f"{sum(counts['negatives'].values()):,}",
    )


def _check_splits(
    rows: Sequence[Window], classes: Sequence[str], settings: AnnotationSettings, cutter: Cutter
) -> None:
    for number, split in enumerate(SPLITS):
        found = {row.label for row in rows if row.split == number}
        lacking = [label for label in classes if label not in found]
        if lacking:
            raise UserError(
                f"{split} has no row of class {lacking[0]} (annotated places left out: "
                f"{describe_dropped(cutter.dropped) if cutter.dropped else 'none'})",
                file=settings.fasta,
                remedy="choose a smaller --block-size or give more annotation",
            )


def _frame(rows: Sequence[Window], prefix: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "id": [f"{prefix}-{number}" for number in range(len(rows))],
            "sequence": [row.sequence for row in rows],
            "label": [row.label for row in rows],
            "group": [row.group for row in rows],
            "contig": [row.contig for row in rows],
            "start": [row.start if row.contig else "" for row in rows],
            "end": [row.end if row.contig else "" for row in rows],
            "strand": [row.strand if row.contig else "" for row in rows],
            "origin": [row.origin for row in rows],
            "name": [row.name for row in rows],
        }
    )


def _counts(cutter: Cutter, rows: Sequence[Window], missing: dict[str, int]) -> dict[str, Any]:
    negatives = Counter(row.origin for row in rows if row.origin != "annotated")
    return {
        "read": cutter.read,
        "used": sum(row.origin == "annotated" for row in rows),
        "dropped": dict(sorted(cutter.dropped.items())),
        "negatives": dict(sorted(negatives.items())),
        "negatives_not_found": {kind: number for kind, number in missing.items() if number},
    }


def _split_counts(rows: Sequence[Window]) -> dict[str, Any]:
    return {
        split: {
            "read": len(here),
            "used": len(here),
            "dropped": {},
            "labels": dict(sorted(Counter(row.label for row in here).items())),
        }
        for number, split in enumerate(SPLITS)
        if (here := [row for row in rows if row.split == number]) is not None
    }
