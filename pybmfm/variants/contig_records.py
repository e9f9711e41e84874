"""The records of one contig: read them block by block, then add them up into rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.variants.counts import EDGES, KINDS, Tally
from pybmfm.variants.frequencies import FrequencyPlan
from pybmfm.variants.judge import ROUNDING, Allele, Judge, parse_record
from pybmfm.variants.symbols import N_STATES

_FIRST_CAPACITY = 1 << 12


class Changed(NamedTuple):
    """What used alternates change, in the order of the file.

    Attributes
    ----------
    position, state, mass
        int32, uint8 and float64 per changed position: where, what, and the frequency.
    start, identity, kind, size
        int32, uint64, uint8 and int32 per allele: where it starts and a hash of what it is, the
        same however it is spelt; its place in ``KINDS``; how many positions it changes.
    """

    position: NDArray[np.int32]
    state: NDArray[np.uint8]
    mass: NDArray[np.float64]
    start: NDArray[np.int32]
    identity: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    size: NDArray[np.int32]

    def frequencies(self) -> NDArray[np.float64]:
        """Return the frequency of each allele: that of its first change."""
        frequencies: NDArray[np.float64] = self.mass[np.cumsum(self.size) - self.size]
        return frequencies

    def select(self, changes: Any, alleles: Any) -> Changed:
        """Return copies of some changes and alleles, chosen as numpy indexes them."""
        return Changed(
            self.position[changes].copy(),
            self.state[changes].copy(),
            self.mass[changes].copy(),
            self.start[alleles].copy(),
            self.identity[alleles].copy(),
            self.kind[alleles].copy(),
            self.size[alleles].copy(),
        )


class Rows(NamedTuple):
    """The rows of a contig, and counts of what they hold.

    Attributes
    ----------
    position : int32[n]
        Ascending.
    p : float32[n, 11]
    scaled : int
        How many rows were above 1.
    repeated : int
        How many alleles were left out because another record has them.
    kinds, spectrum : int64[6], int64[10]
        Alleles by kind and by frequency.
    """

    position: NDArray[np.int32]
    p: NDArray[np.float32]
    scaled: int
    repeated: int
    kinds: NDArray[np.int64]
    spectrum: NDArray[np.int64]


@dataclass(frozen=True)
class Mismatch:
    """A record whose REF is not the FASTA's."""

    line: int  # counted from the block's first, which is 0
    start: int
    reference: str


@dataclass(frozen=True)
class ParsedBlock:
    """What some lines of one contig hold.

    Attributes
    ----------
    stop
        Where in the buffer the first line stands that was not read.
    lines
        How many were read.
    bad_line
        Whether the line at ``stop`` is no record, or out of order.
    first_position, first_line, last_position
        POS and place of the first record, POS of the last; -1 where there is none.
    tally, changes, mismatches
        What the records add.
    """

    stop: int
    lines: int
    bad_line: bool = False
    first_position: int = -1
    first_line: int = -1
    last_position: int = -1
    tally: Tally | None = None
    changes: Changed | None = None
    mismatches: tuple[Mismatch, ...] = ()


class SkippedContig:
    """A contig whose records are passed over, or with no name what stands before the first."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self._name = _bytes(name)

    def parse(self, text: bytes | bytearray, start: int, end: int) -> ParsedBlock:
        """Pass over the lines of ``text[start:end]`` that are of this contig."""
        from pybmfm.variants import _record_kernels as kernels

        cursor = np.zeros(kernels.CURSOR, dtype=np.int64)
        cursor[kernels.OFFSET], cursor[kernels.END] = start, end
        kernels.skip_contig(_bytes(text), cursor, self._name)
        return ParsedBlock(int(cursor[kernels.OFFSET]), int(cursor[kernels.LINES]))


class ContigRecords:
    """Reads the records of one contig; used by several threads at once.

    Parameters
    ----------
    name
        The contig as the VCF names it.
    codes
        uint8[length], its bases; None where the FASTA lacks it: records are counted alone.
    plan
        Where frequencies stand.
    compiled_plan
        The same for the kernel, from `compile_plan`.
    only_common
        Whether records must be flagged COMMON.
    min_frequency
        Alleles at or below it are dropped.
    """

    def __init__(
        self,
        name: bytes,
        codes: NDArray[np.uint8] | None,
        plan: FrequencyPlan,
        compiled_plan: tuple[NDArray[Any], ...],
        only_common: bool,
        min_frequency: float,
    ) -> None:
        self.name = name
        self._name = _bytes(name)
        self._judged = codes is not None
        self._codes = _bytes(b"") if codes is None else _bytes(codes)
        self._plan = compiled_plan
        self._only_common = only_common
        self._cutoff = min_frequency + ROUNDING
        view = memoryview(self._codes)  # type: ignore[arg-type]
        self._judge = Judge(view, plan, only_common, self._cutoff)
        self._n_fields = len(plan.fields)

    def parse(self, text: bytes | bytearray, start: int, end: int) -> ParsedBlock:
        """Read lines of ``text[start:end]``, which ends with a line feed.

        It stops before the first line that is not a record of this contig.
        """
        from pybmfm.variants import _record_kernels as kernels

        buffer = _bytes(text)
        cursor = np.zeros(kernels.CURSOR, dtype=np.int64)
        cursor[kernels.OFFSET], cursor[kernels.END] = start, end
        cursor[kernels.POSITION] = cursor[kernels.FIRST] = -1
        tally = Tally.empty(self._n_fields)
        changes = _Changes(_FIRST_CAPACITY)
        filters = _Filters()
        while True:
            status = kernels.read_records(
                buffer, cursor, self._name, self._codes, self._judged, self._only_common,
                self._cutoff, self._plan, tally.totals, tally.reasons, tally.fields,
                filters.arrays, changes.arrays[:3], changes.arrays[3:],
            )  # fmt: skip
            if status == kernels.FULL:
                changes.grow()
            elif status == kernels.FILTERS_FULL:
                filters.move_to(tally)
            elif status == kernels.ODD_LINE:
                filters.move_to(tally)
                self._judge_line(text, cursor, tally, changes)
            else:
                break
        filters.move_to(tally)
        return ParsedBlock(
            stop=int(cursor[kernels.OFFSET]),
            lines=int(cursor[kernels.LINES]),
            bad_line=status == kernels.BAD_LINE,
            first_position=int(cursor[kernels.FIRST]),
            first_line=int(cursor[kernels.FIRST_LINE]),
            last_position=int(cursor[kernels.POSITION]),
            tally=tally,
            changes=changes.used(int(cursor[kernels.CHANGES]), int(cursor[kernels.ALLELES_AT])),
            mismatches=_mismatches(text, cursor),
        )

    def _judge_line(
        self, text: bytes | bytearray, cursor: NDArray[np.int64], tally: Tally, changes: _Changes
    ) -> None:
        """Judge a line that the kernel handed back, and move the cursor past it."""
        from pybmfm.variants import _record_kernels as kernels

        start = int(cursor[kernels.OFFSET])
        stop = text.find(b"\n", start) + 1
        record = parse_record(line_at(text, start))
        for allele in self._judge.add(record, tally):
            at, here = int(cursor[kernels.CHANGES]), int(cursor[kernels.ALLELES_AT])
            changes.put(at, here, allele)
            cursor[kernels.CHANGES] += len(allele.states)
            cursor[kernels.ALLELES_AT] += 1
        cursor[kernels.OFFSET] = stop
        cursor[kernels.LINES] += 1
        cursor[kernels.POSITION] = min(record.start + 1, kernels.FAR)


class _Changes:
    """The arrays of `Changed`, which grow."""

    def __init__(self, capacity: int) -> None:
        self.arrays = Changed(
            np.empty(capacity, dtype=np.int32),
            np.empty(capacity, dtype=np.uint8),
            np.empty(capacity, dtype=np.float64),
            np.empty(capacity, dtype=np.int32),
            np.empty(capacity, dtype=np.uint64),
            np.empty(capacity, dtype=np.uint8),
            np.empty(capacity, dtype=np.int32),
        )

    def grow(self) -> None:
        self.arrays = Changed(*map(_twice, self.arrays))

    def put(self, at: int, here: int, allele: Allele) -> None:
        """Put an allele in, its changes from ``at`` on; an allele has at least one."""
        while at + len(allele.states) > len(self.arrays.position):
            self.grow()
        all_of_it = slice(at, at + len(allele.states))
        self.arrays.position[all_of_it] = [position for position, _ in allele.states]
        self.arrays.state[all_of_it] = [state for _, state in allele.states]
        self.arrays.mass[all_of_it] = allele.frequency
        self.arrays.start[here], self.arrays.identity[here] = allele.identity
        self.arrays.kind[here], self.arrays.size[here] = allele.kind, len(allele.states)

    def used(self, changes: int, alleles: int) -> Changed:
        """Return copies of what is filled."""
        return self.arrays.select(slice(changes), slice(alleles))


class _Filters:
    """Names in FILTER that dropped records, as the kernel notes them."""

    def __init__(self) -> None:
        from pybmfm.variants import _record_kernels as kernels

        self.arrays = (
            np.zeros((kernels.MAX_FILTERS, kernels.FILTER_LETTERS), dtype=np.uint8),
            np.zeros(kernels.MAX_FILTERS, dtype=np.int64),
            np.zeros(kernels.MAX_FILTERS, dtype=np.int64),
        )

    def move_to(self, tally: Tally) -> None:
        """Add what was noted to a tally, and forget it."""
        names, lengths, counts = self.arrays
        for name, length, count in zip(names, lengths.tolist(), counts.tolist(), strict=True):
            if not count:
                break
            tally.add_filter(name[:length].tobytes().decode("utf-8", "replace"), count)
        counts[:] = 0


def _twice(array: Any) -> Any:
    return np.concatenate([array, np.empty_like(array)])


def compile_plan(plan: FrequencyPlan) -> tuple[NDArray[Any], ...]:
    """Turn a plan into the arrays that the kernel takes.

    Returns
    -------
    tuple of arrays
        INFO keys as letters (COMMON first) and their lengths; of each field its form, choice,
        key of values and key of the total (-1 without); wanted sources and then taken filters
        as letters and their lengths; whether each source was seen, which the kernel notes.
    """
    keys = ["COMMON", *dict.fromkeys(key for one in plan.fields for key in one.keys)]
    choices = [place for place, choice in enumerate(plan.choices) for _ in choice]
    columns = (
        [one.form for one in plan.fields],
        choices,
        [keys.index(one.keys[0]) for one in plan.fields],
        [keys.index(one.keys[1]) if len(one.keys) > 1 else -1 for one in plan.fields],
    )
    return (
        *_table(keys),
        *(np.array(column, dtype=np.int64) for column in columns),
        *_table(plan.sources),
        *_table(plan.filters),
        np.zeros(len(plan.sources), dtype=np.int64),
    )


def add_up(blocks: list[Changed], codes: NDArray[np.uint8], min_frequency: float) -> Rows:
    """Add the changes of a contig up, in the order of the file.

    An allele that several records have counts once, with the largest of its frequencies. All
    frequencies are over all chromosomes: alternates of overlapping records add up and the
    reference is the rest. A row above 1 is scaled; a reference at or below the cutoff is set
    to 0 and the row scaled again.

    Parameters
    ----------
    blocks
        What was read, in order; emptied, so that its memory can be used again.
    codes
        uint8[length], the contig's codes 0-4.
    min_frequency
        The cutoff.
    """
    from pybmfm.variants import _record_kernels as kernels

    changed, repeated = _each_allele_once(blocks)
    position = changed.position
    order = np.argsort(position, kind="stable")
    n_rows = int(np.count_nonzero(np.diff(position[order]))) + (len(order) > 0)
    rows = np.empty(n_rows, dtype=np.int32)
    p = np.empty((n_rows, N_STATES), dtype=np.float32)
    scaled = kernels.fill_rows(
        order, position, changed.state, changed.mass, codes, min_frequency + ROUNDING, rows, p
    )
    bins = np.searchsorted(np.array(EDGES) + ROUNDING, changed.frequencies())
    return Rows(
        rows,
        p,
        int(scaled),
        repeated,
        np.bincount(changed.kind, minlength=len(KINDS)),
        np.bincount(bins, minlength=len(EDGES)),
    )


def _each_allele_once(blocks: list[Changed]) -> tuple[Changed, int]:
    """Join blocks, without repeated alleles; return also how many were left out."""
    from pybmfm.variants import _record_kernels as kernels

    changed = Changed(*map(np.concatenate, zip(_Changes(0).arrays, *blocks, strict=True)))
    blocks.clear()
    keep = np.ones(len(changed.start), dtype=np.bool_)
    order = np.argsort(changed.start, kind="stable")
    repeated = int(
        kernels.keep_once(order, changed.start, changed.identity, changed.frequencies(), keep)
    )
    if repeated:
        changed = changed.select(np.repeat(keep, changed.size), keep)
    return changed, repeated


def line_at(text: bytes | bytearray, start: int) -> str:
    """Return the line that begins at ``start``, without its end."""
    end = text.find(b"\n", start)
    line = bytes(text[start : end if end >= 0 else len(text)]).decode("utf-8", "replace")
    return line.removesuffix("\r")


def _bytes(text: Any) -> NDArray[np.uint8]:
    """View bytes as an array, always read-only: the kernel is compiled for one kind alone."""
    array = np.frombuffer(text, dtype=np.uint8)
    array.flags.writeable = False
    return array


def _mismatches(text: bytes | bytearray, cursor: NDArray[np.int64]) -> tuple[Mismatch, ...]:
    from pybmfm.variants import _record_kernels as kernels

    found = []
    for number in range(int(cursor[kernels.N_MISMATCHES])):
        place, line = cursor[kernels.MISMATCH_AT + 2 * number :][:2].tolist()
        record = parse_record(line_at(text, place))
        found.append(Mismatch(line, record.start, record.reference))
    return tuple(found)


def _table(words: tuple[str, ...] | list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    letters = [np.frombuffer(word.encode(), dtype=np.uint8) for word in words]
    table = np.zeros((len(words), max(map(len, letters), default=1)), dtype=np.uint8)
    for row, word in zip(table, letters, strict=True):
        row[: len(word)] = word
    return table, np.array([len(word) for word in letters], dtype=np.int64)
