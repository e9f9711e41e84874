"""Compiled reading of VCF lines: the rule of `judge`, on bytes, and the rows that follow.

Every buffer ends with a line feed, so that scans for the end of a column stop inside it.
"""

# ruff: noqa: SIM109 (comparisons compile to less than a test of membership)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core.compiled import njit
from pybmfm.variants.counts import (
    ALLELES,
    COMPARABLE,
    PLACE_OF_REASON,
    READ,
    RECORDS,
    SOURCES,
    USED,
)
from pybmfm.variants.frequencies import SOURCES as SOURCES_FORM
from pybmfm.variants.frequencies import WITH_REFERENCE
from pybmfm.variants.judge import ROUNDING
from pybmfm.variants.symbols import DELETION, INSERTION, N_STATES

# What stopped the kernel.
DONE, OTHER_CONTIG, BAD_LINE, ODD_LINE, FULL, FILTERS_FULL, _CANDIDATE = range(7)
# Places in the cursor: what to go on with, and what was found.
OFFSET, END, LINES, POSITION, FIRST, FIRST_LINE, CHANGES, ALLELES_AT, PASSED = range(9)
_POS1, _REF, _REF_END, _ALT, _ALT_END, _FILTER, _INFO, _LINE_END, N_MISMATCHES = range(9, 18)
MISMATCH_AT = 18
SHOWN_MISMATCHES = 3
CURSOR = MISMATCH_AT + 2 * SHOWN_MISMATCHES

MAX_ALTERNATES = 64
# An indel is moved to the left at most so far to tell whether it is another's: no genome has the
# same base or motif over more, but a made-up one may.
MAX_SHIFT = 10_000
# Names of FILTER that dropped a record since they were last taken, and their letters that count.
MAX_FILTERS, FILTER_LETTERS = 32, 64
# Of each key: where its value starts and ends. Key 0 is COMMON.
_COMMON_KEY = 0

_BEFORE_START = PLACE_OF_REASON["before_contig_start"]
_BEYOND_END = PLACE_OF_REASON["beyond_contig_end"]
_REFERENCE_N = PLACE_OF_REASON["reference_n"]
_NOT_ACGT = PLACE_OF_REASON["reference_not_acgt"]
_MISMATCH = PLACE_OF_REASON["reference_mismatch"]
_NOT_COMMON = PLACE_OF_REASON["not_common"]
_NO_ALTERNATE = PLACE_OF_REASON["no_alternate"]
_NO_FREQUENCY = PLACE_OF_REASON["no_frequency"]
_RAGGED = PLACE_OF_REASON["ragged_frequency"]
_NOT_A_NUMBER = PLACE_OF_REASON["not_a_frequency"]
_SYMBOLIC = PLACE_OF_REASON["symbolic_allele"]
_IUPAC = PLACE_OF_REASON["iupac_allele"]
_BELOW_CUTOFF = PLACE_OF_REASON["below_min_frequency"]
_SAME = PLACE_OF_REASON["same_as_reference"]
_BEFORE_CONTIG = PLACE_OF_REASON["insertion_before_contig_start"]
_PLAIN, _FILTERED = -1, -2

_NO_BASE = 255
_CODE = np.full(256, _NO_BASE, dtype=np.uint8)
for _letters in (b"AGTC", b"agtc"):
    for _code, _letter in enumerate(_letters):
        _CODE[_letter] = _code
_POWERS = np.array([float(10**power) for power in range(23)])

_TAB, _LF, _CR, _M = 9, 10, 13, 77
_COMMA, _DOT, _ZERO, _NINE, _COLON, _SEMICOLON, _EQUALS = 44, 46, 48, 57, 58, 59, 61
_OPEN, _CLOSE, _PIPE, _HASH = 91, 93, 124, 35
# Places are unsigned in the inner loops: indexing from the end, which Python's signed places
# allow, keeps the compiler from using vectors.
_ONE = np.uint64(1)
# Of the hash of alleles (Fowler, Noll, Vo: FNV-1a, 64 bits).
_HASH_START, _HASH_FACTOR = np.uint64(14695981039346656037), np.uint64(1099511628211)
_BLOCK = np.uint64(64)
# Positions beyond any contig; what has more digits is cut to it.
FAR = 10**17
_MISSING, _ODD = -1.0, -2.0


@njit
def skip_contig(
    buffer: NDArray[np.uint8], cursor: NDArray[np.int64], name: NDArray[np.uint8]
) -> int:
    """Go past lines of the contig ``name``, and past comments; count lines."""
    at, end = np.uint64(cursor[OFFSET]), np.uint64(cursor[END])
    status = DONE
    while at < end:
        first = buffer[at]
        passed = first == _HASH or first == _LF or (first == _CR and buffer[at + _ONE] == _LF)
        if not passed and not _is_on(buffer, at, end, name):
            status = OTHER_CONTIG
            break
        at = _scan_line(buffer, at, end)[0] + _ONE
        cursor[LINES] += 1
    cursor[OFFSET] = at
    return status


@njit
def _is_on(
    buffer: NDArray[np.uint8], at: np.uint64, end: np.uint64, name: NDArray[np.uint8]
) -> bool:
    n_name = np.uint64(len(name))
    if at + n_name >= end or len(name) == 0:
        return False
    for k in range(len(name)):
        if buffer[at + np.uint64(k)] != name[k]:
            return False
    return bool(buffer[at + n_name] == _TAB)


@njit
def read_records(
    buffer: NDArray[np.uint8],
    cursor: NDArray[np.int64],
    name: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    judged: bool,
    only_common: bool,
    cutoff: float,
    plan: tuple[NDArray[Any], ...],
    totals: NDArray[np.int64],
    reasons: NDArray[np.int64],
    fields: NDArray[np.int64],
    filters: tuple[NDArray[Any], ...],
    changes: tuple[NDArray[Any], ...],
    alleles: tuple[NDArray[Any], ...],
) -> int:
    """Read lines of one contig until something else than a record of it comes.

    Parameters
    ----------
    buffer
        Whole lines; of them ``[cursor[OFFSET], cursor[END])`` are read.
    cursor
        int64[CURSOR], brought up to date.
    name, codes
        The contig's name in the VCF and its base codes.
    judged
        False where the FASTA lacks the contig: lines are checked and counted alone.
    only_common, cutoff, plan
        As `Judge` has them; the plan as arrays (`compile_plan`).
    totals, reasons, fields
        The arrays of a `Tally`, added to.
    filters
        uint8[MAX_FILTERS, FILTER_LETTERS], int64[MAX_FILTERS] and int64[MAX_FILTERS]: names in
        FILTER that dropped records, their lengths, and how many records; added to.
    changes
        int32, uint8 and float64: position, state and frequency of what alternates put where,
        from ``cursor[CHANGES]`` on.
    alleles
        int32, uint64, uint8 and int32 of each used alternate, from ``cursor[ALLELES_AT]`` on:
        where it starts and a hash of what it is, both the same however it is spelt (`identity`),
        its place in ``KINDS``, and the number of its changes. As long as ``changes``.

    Returns
    -------
    int
        What stopped it; ``cursor[OFFSET]`` is then the line in question, not yet counted.
    """
    alternates = np.empty((MAX_ALTERNATES, 3), dtype=np.int64)
    spans = np.empty((len(plan[1]), 2), dtype=np.int64)
    sums = np.empty((MAX_ALTERNATES, 2), dtype=np.float64)
    reports = np.empty(len(plan[2]), dtype=np.int64)
    while True:
        status = _next_candidate(buffer, cursor, name, codes, judged, only_common)
        totals[READ] += cursor[PASSED]
        if judged:
            totals[COMPARABLE] += cursor[PASSED]
            reasons[RECORDS, _NOT_COMMON] += cursor[PASSED]
        if status != _CANDIDATE:
            return status
        ref, ref_end = cursor[_REF], cursor[_REF_END]
        alt, alt_end = cursor[_ALT], cursor[_ALT_END]
        start = cursor[_POS1] - 1
        if _has_odd_letters(buffer, ref, alt_end):
            return ODD_LINE
        reason = _against_reference(buffer, ref, ref_end - ref, codes, start)
        comparable = reason == _PLAIN or reason == _MISMATCH
        if reason == _MISMATCH:
            _note_mismatch(cursor)
        if reason == _PLAIN:
            _locate(buffer, cursor[_INFO], cursor[_LINE_END], plan[0], plan[1], spans)
            reason = _use(
                buffer, spans, start, ref, ref_end, alt, alt_end, codes, only_common, cutoff, plan,
                reasons, fields, filters, changes, alleles, cursor, alternates, sums, reports,
            )  # fmt: skip
            if reason <= -ODD_LINE:
                return -reason
        totals[READ] += 1
        totals[COMPARABLE] += comparable
        if reason == _PLAIN:
            totals[USED] += 1
        elif reason != _FILTERED:
            reasons[RECORDS, reason] += 1
        cursor[POSITION] = cursor[_POS1]
        cursor[LINES] += 1
        cursor[OFFSET] = cursor[_LINE_END] + 1


@njit
def _next_candidate(
    buffer: NDArray[np.uint8],
    cursor: NDArray[np.int64],
    name: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    judged: bool,
    only_common: bool,
) -> int:
    """Go to the next line that needs judgement, and note its columns in the cursor.

    Passed over and counted are comments, records of a contig that is not judged, and where only
    common records are taken those that agree with the FASTA and cannot have the flag. This is
    the loop that a large VCF spends its time in; it calls nothing that takes arrays.
    """
    n_name = len(name)
    n_codes = len(codes)
    at, end = np.uint64(cursor[OFFSET]), np.uint64(cursor[END])
    lines, last, first_position = cursor[LINES], cursor[POSITION], cursor[FIRST]
    passed = 0
    status = DONE
    while at < end:
        first = buffer[at]
        if first == _HASH or first == _LF or (first == _CR and buffer[at + _ONE] == _LF):
            at = _scan_line(buffer, at, end)[0] + _ONE
            lines += 1
            continue
        if at + np.uint64(n_name) >= end:
            status = OTHER_CONTIG
            break
        same = True
        for k in range(n_name):
            same &= buffer[at + np.uint64(k)] == name[k]
        q = at + np.uint64(n_name)
        if not same or buffer[q] != _TAB:
            status = OTHER_CONTIG
            break
        # POS
        q += _ONE
        digits_from = q
        pos1 = 0
        while _ZERO <= buffer[q] <= _NINE:
            pos1 = min(pos1 * 10 + int(buffer[q]) - _ZERO, FAR)
            q += _ONE
        well = buffer[q] == _TAB and q > digits_from and pos1 >= last
        # ID, REF, ALT, QUAL, FILTER; at a line feed all that come after it stay
        q += np.uint64(buffer[q] == _TAB)
        while buffer[q] > _LF or buffer[q] < _TAB:
            q += _ONE
        q += np.uint64(buffer[q] == _TAB)
        ref = q
        while buffer[q] > _LF or buffer[q] < _TAB:
            q += _ONE
        ref_end = q
        q += np.uint64(buffer[q] == _TAB)
        alt = q
        while buffer[q] > _LF or buffer[q] < _TAB:
            q += _ONE
        alt_end = q
        q += np.uint64(buffer[q] == _TAB)
        while buffer[q] > _LF or buffer[q] < _TAB:
            q += _ONE
        q += np.uint64(buffer[q] == _TAB)
        filter_at = q
        while buffer[q] > _LF or buffer[q] < _TAB:
            q += _ONE
        if not well or buffer[q] == _LF or ref == ref_end or alt == alt_end:
            status = BAD_LINE
            break
        info = q + _ONE
        line_end, maybe_common = _scan_line(buffer, info, end)
        if first_position < 0:
            first_position = pos1
            cursor[FIRST] = pos1
            cursor[FIRST_LINE] = lines
        if judged:
            length = np.int64(ref_end - ref)
            agrees = pos1 > 0 and pos1 - 1 + length <= n_codes
            if agrees:
                start = np.uint64(pos1 - 1)
                q = ref
                while q < ref_end and codes[start] == _CODE[buffer[q]]:
                    q += _ONE
                    start += _ONE
                agrees = q == ref_end
            if maybe_common or not only_common or not agrees:
                cursor[_POS1], cursor[_LINE_END], cursor[_INFO] = pos1, line_end, info
                cursor[_REF], cursor[_REF_END] = ref, ref_end
                cursor[_ALT], cursor[_ALT_END], cursor[_FILTER] = alt, alt_end, filter_at
                status = _CANDIDATE
                break
        passed += 1
        last = pos1
        lines += 1
        at = line_end + _ONE
    cursor[OFFSET], cursor[LINES], cursor[POSITION] = at, lines, last
    cursor[PASSED] = passed
    return status


@njit
def _scan_line(buffer: NDArray[np.uint8], at: np.uint64, end: np.uint64) -> tuple[np.uint64, bool]:
    """Return where a line ends, and whether COMMON may stand in it: two M in a row are rare."""
    maybe_common = False
    while at + _BLOCK < end:
        found = False
        twice = False
        for k in range(64):
            byte = buffer[at + np.uint64(k)]
            found |= byte == _LF
            twice |= (byte == _M) & (buffer[at + np.uint64(k) + _ONE] == _M)
        maybe_common |= twice
        if found:
            nearest = np.uint8(255)
            for k in range(64):
                here = buffer[at + np.uint64(k)] == _LF
                nearest = min(nearest, np.uint8(k) if here else np.uint8(255))
            return at + np.uint64(nearest), maybe_common
        at += _BLOCK
    while buffer[at] != _LF:
        at += _ONE
    return at, True


@njit
def _has_odd_letters(buffer: NDArray[np.uint8], start: int, end: int) -> bool:
    odd = False
    for q in range(start, end):
        odd |= buffer[q] > 127
    return odd


@njit
def _against_reference(
    buffer: NDArray[np.uint8], ref: int, length: int, codes: NDArray[np.uint8], start: int
) -> int:
    if start < 0:
        return _BEFORE_START
    if start + length > len(codes):
        return _BEYOND_END
    for k in range(length):
        if codes[start + k] != _CODE[buffer[ref + k]]:
            return _why_not_equal(buffer, ref, length, codes, start)
    return _PLAIN


@njit
def _note_mismatch(cursor: NDArray[np.int64]) -> None:
    if cursor[N_MISMATCHES] < SHOWN_MISMATCHES:
        shown = MISMATCH_AT + 2 * cursor[N_MISMATCHES]
        cursor[shown] = cursor[OFFSET]
        cursor[shown + 1] = cursor[LINES]
        cursor[N_MISMATCHES] += 1


@njit
def _why_not_equal(
    buffer: NDArray[np.uint8], ref: int, length: int, codes: NDArray[np.uint8], start: int
) -> int:
    for k in range(length):
        if codes[start + k] > 3:
            return _REFERENCE_N
    for k in range(length):
        if _CODE[buffer[ref + k]] == _NO_BASE:
            return _NOT_ACGT
    return _MISMATCH


@njit
def _locate(
    buffer: NDArray[np.uint8],
    info: int,
    line_end: int,
    keys: NDArray[np.uint8],
    key_lengths: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> None:
    """Find the values of the keys in INFO; of a key given twice the last counts."""
    n_keys = len(key_lengths)
    for key in range(n_keys):
        spans[key, 0] = -1
    end = np.uint64(line_end)
    end -= np.uint64(buffer[end - _ONE] == _CR)
    q = np.uint64(info)
    while q <= end:
        at = q
        while q < end:
            byte = buffer[q]
            if byte == _EQUALS or byte == _SEMICOLON or byte == _TAB:
                break
            q += _ONE
        length = np.int64(q - at)
        value = q
        while q < end and buffer[q] != _SEMICOLON and buffer[q] != _TAB:
            q += _ONE
        value += np.uint64(value < q)
        for key in range(n_keys):
            if key_lengths[key] == length:
                k = 0
                while k < length and keys[key, k] == buffer[at + np.uint64(k)]:
                    k += 1
                if k == length:
                    spans[key, 0] = value
                    spans[key, 1] = q
        if q == end or buffer[q] == _TAB:
            return
        q += _ONE


@njit
def _use(
    buffer: NDArray[np.uint8],
    spans: NDArray[np.int64],
    start: int,
    ref: int,
    ref_end: int,
    alt: int,
    alt_end: int,
    codes: NDArray[np.uint8],
    only_common: bool,
    cutoff: float,
    plan: tuple[NDArray[Any], ...],
    reasons: NDArray[np.int64],
    fields: NDArray[np.int64],
    filters: tuple[NDArray[Any], ...],
    changes: tuple[NDArray[Any], ...],
    alleles: tuple[NDArray[Any], ...],
    cursor: NDArray[np.int64],
    alternates: NDArray[np.int64],
    sums: NDArray[np.float64],
    reports: NDArray[np.int64],
) -> int:
    """Add a record's alleles; return why none could be used, or minus what stops the kernel."""
    if only_common and not _is_common(buffer, spans):
        return _NOT_COMMON
    # FILTER ends where the tab before INFO stands.
    at, end = _unlisted_filter(buffer, cursor[_FILTER], cursor[_INFO] - 1, plan[8], plan[9])
    if end > at:
        return _FILTERED if _count_filter(buffer, at, end, *filters) else -FILTERS_FULL
    if alt_end - alt == 1 and buffer[alt] == _DOT:
        return _NO_ALTERNATE
    n_alts = _split_alternates(buffer, alt, alt_end, alternates)
    if n_alts < 0:
        return -ODD_LINE
    if cursor[CHANGES] + n_alts * (ref_end - ref + 1) > len(changes[0]):
        return -FULL
    any_plain = False
    for allele in range(n_alts):
        any_plain |= alternates[allele, 2] == _PLAIN
    if not any_plain:
        for allele in range(n_alts):
            reasons[ALLELES, alternates[allele, 2]] += 1
        return int(alternates[0, 2])
    reason = _mean_frequencies(buffer, spans, n_alts, plan, reasons, sums, reports)
    if reason != _PLAIN:
        return reason
    kept = 0
    reason = _PLAIN
    for allele in range(n_alts):
        why = alternates[allele, 2]
        if why == _PLAIN:
            why = _add_allele(
                buffer, start, ref, ref_end, alternates[allele, 0], alternates[allele, 1], codes,
                sums[allele, 0], sums[allele, 1], cutoff, changes, alleles, cursor,
            )  # fmt: skip
        if why == _PLAIN:
            kept += 1
            continue
        reasons[ALLELES, why] += 1
        if reason == _PLAIN or why == _BELOW_CUTOFF:
            reason = why
    if kept == 0:
        return int(reason)
    for one in range(len(reports)):
        fields[one] += reports[one]
    return _PLAIN


@njit
def _is_common(buffer: NDArray[np.uint8], spans: NDArray[np.int64]) -> bool:
    start, end = spans[_COMMON_KEY, 0], spans[_COMMON_KEY, 1]
    if start < 0:
        return False
    return bool(end == start or (end == start + 1 and buffer[start] == 49))


@njit
def _unlisted_filter(
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    taken: NDArray[np.uint8],
    lengths: NDArray[np.int64],
) -> tuple[int, int]:
    """Return where the first name of FILTER stands that is not taken; nowhere is (0, 0)."""
    if len(lengths) == 0 or start == end:
        return 0, 0
    at = start
    while at <= end:
        stop = at
        while stop < end and buffer[stop] != _SEMICOLON:
            stop += 1
        listed = stop == at
        for one in range(len(lengths)):
            if lengths[one] == stop - at:
                same = True
                for k in range(stop - at):
                    same &= taken[one, k] == buffer[at + k]
                listed |= same
        if not listed:
            return at, stop
        at = stop + 1
    return 0, 0


@njit
def _count_filter(
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    names: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> bool:
    """Count a record that a name in FILTER drops; say whether there was room for the name."""
    length = min(end - start, FILTER_LETTERS)
    for one in range(len(lengths)):
        if counts[one] == 0:
            lengths[one] = length
            for k in range(length):
                names[one, k] = buffer[start + k]
        same = lengths[one] == length
        for k in range(length):
            same = same and names[one, k] == buffer[start + k]
        if same:
            counts[one] += 1
            return True
    return False


@njit
def _split_alternates(
    buffer: NDArray[np.uint8], alt: int, alt_end: int, alternates: NDArray[np.int64]
) -> int:
    """Find where each alternate starts and ends, and why it is not plain; -1 for too many."""
    n_alts = 0
    start = alt
    bases = True
    letters = True
    for q in range(alt, alt_end + 1):
        if q < alt_end and buffer[q] != _COMMA:
            byte = buffer[q]
            bases &= _CODE[byte] != _NO_BASE
            letters &= 65 <= byte <= 90 or 97 <= byte <= 122
            continue
        if n_alts == MAX_ALTERNATES:
            return -1
        alternates[n_alts, 0] = start
        alternates[n_alts, 1] = q
        if q == start or not letters:
            alternates[n_alts, 2] = _SYMBOLIC
        else:
            alternates[n_alts, 2] = _PLAIN if bases else _IUPAC
        n_alts += 1
        start = q + 1
        bases = True
        letters = True
    return n_alts


@njit
def _mean_frequencies(
    buffer: NDArray[np.uint8],
    spans: NDArray[np.int64],
    n_alts: int,
    plan: tuple[NDArray[Any], ...],
    reasons: NDArray[np.int64],
    sums: NDArray[np.float64],
    reports: NDArray[np.int64],
) -> int:
    """Sum and count the frequencies of each alternate; return why there are none."""
    forms, choices, value_keys, total_keys = plan[2], plan[3], plan[4], plan[5]
    wanted, wanted_lengths, seen = plan[6], plan[7], plan[10]
    values = np.empty(MAX_ALTERNATES)
    ragged = 0
    not_numbers = 0
    reason = _NO_FREQUENCY
    reported = False
    for allele in range(n_alts):
        sums[allele, 0] = 0.0
        sums[allele, 1] = 0.0
    for one in range(len(forms)):
        reports[one] = 0
    for one in range(len(forms)):
        if reported and choices[one] != choices[one - 1]:
            break
        at, end = spans[value_keys[one], 0], spans[value_keys[one], 1]
        if at < 0:
            continue
        total = 1.0
        if total_keys[one] >= 0:
            key = total_keys[one]
            if spans[key, 0] < 0:
                continue
            total = _number(buffer, spans[key, 0], spans[key, 1])
            if total == _ODD:
                return -ODD_LINE
            if total == _MISSING or total == 0.0:
                continue
        if forms[one] != SOURCES_FORM:
            while at < end and (buffer[at] == _OPEN or buffer[at] == _CLOSE):
                at += 1
            while at < end and (buffer[end - 1] == _OPEN or buffer[end - 1] == _CLOSE):
                end -= 1
        while at <= end:
            stop = end
            if forms[one] == SOURCES_FORM:
                stop = at
                while stop < end and buffer[stop] != _PIPE:
                    stop += 1
                from_values = stop
                while from_values > at and buffer[from_values - 1] != _COLON:
                    from_values -= 1
                if len(wanted_lengths) and not _is_wanted(
                    buffer, at, from_values - 1, wanted, wanted_lengths, seen
                ):
                    at = stop + 1
                    continue
                at = from_values
            if at == stop or (stop == at + 1 and buffer[at] == _DOT):
                at = stop + 1
                continue
            n_values = 1
            for q in range(at, stop):
                n_values += buffer[q] == _COMMA
            skipped = 1 if forms[one] == SOURCES_FORM or forms[one] == WITH_REFERENCE else 0
            if n_values - skipped != n_alts:
                ragged += 1
                reason = _RAGGED
                at = stop + 1
                continue
            place = -skipped
            good = True
            q = at
            while q <= stop:
                value_from = q
                while q < stop and buffer[q] != _COMMA:
                    q += 1
                if place >= 0:
                    value = _number(buffer, value_from, q)
                    if value == _ODD:
                        return -ODD_LINE
                    if value != _MISSING:
                        value /= total
                    good &= value <= 1.0
                    values[place] = value
                place += 1
                q += 1
            if good:
                for allele in range(n_alts):
                    if values[allele] != _MISSING:
                        sums[allele, 0] += values[allele]
                        sums[allele, 1] += 1.0
                        reports[one] = 1
                        reported = True
            else:
                not_numbers += 1
                reason = _NOT_A_NUMBER
            at = stop + 1
    reasons[SOURCES, _RAGGED] += ragged
    reasons[SOURCES, _NOT_A_NUMBER] += not_numbers
    return _PLAIN if reported else reason


@njit
def _is_wanted(
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    wanted: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> bool:
    for source in range(len(lengths)):
        if lengths[source] == end - start:
            same = True
            for k in range(end - start):
                same &= wanted[source, k] == buffer[start + k]
            if same:
                seen[source] = 1
                return True
    return False


@njit
def _number(buffer: NDArray[np.uint8], start: int, end: int) -> float:
    """Read a number as float() does; what is not plainly written or may round twice is odd.

    Up to 2**53 times or by a power of ten up to 22 is exact in one rounding.
    """
    if end == start or (end == start + 1 and buffer[start] == _DOT):
        return _MISSING
    digits = 0
    mantissa = 0
    exponent = 0
    after_point = False
    q = start
    while q < end:
        byte = buffer[q]
        if _ZERO <= byte <= _NINE:
            mantissa = mantissa * 10 + (int(byte) - _ZERO)
            digits += 1
            if after_point:
                exponent -= 1
            if digits > 17:
                return _ODD
        elif byte == _DOT and not after_point:
            after_point = True
        else:
            break
        q += 1
    if digits == 0:
        return _ODD
    if q < end:
        if buffer[q] != 69 and buffer[q] != 101:
            return _ODD
        q += 1
        sign = 1
        if q < end and (buffer[q] == 45 or buffer[q] == 43):
            sign = -1 if buffer[q] == 45 else 1
            q += 1
        if q == end or end - q > 4:
            return _ODD
        power = 0
        while q < end:
            if buffer[q] < _ZERO or buffer[q] > _NINE:
                return _ODD
            power = power * 10 + (int(buffer[q]) - _ZERO)
            q += 1
        exponent += sign * power
    if mantissa > 2**53 or exponent > 22 or exponent < -22:
        return _ODD
    if exponent < 0:
        return float(mantissa / _POWERS[-exponent])
    return float(mantissa * _POWERS[exponent])


@njit
def _add_allele(
    buffer: NDArray[np.uint8],
    start: int,
    ref: int,
    ref_end: int,
    alt: int,
    alt_end: int,
    codes: NDArray[np.uint8],
    total: float,
    sources: float,
    cutoff: float,
    changes: tuple[NDArray[Any], ...],
    alleles: tuple[NDArray[Any], ...],
    cursor: NDArray[np.int64],
) -> int:
    """Trim and pair an allele, and note its changes; return why it is dropped."""
    if sources == 0.0:
        return _NO_FREQUENCY
    frequency = total / sources
    if frequency <= cutoff:
        return _BELOW_CUTOFF
    n_ref, n_alt = ref_end - ref, alt_end - alt
    while n_ref > 0 and n_alt > 0 and codes[start + n_ref - 1] == _CODE[buffer[alt + n_alt - 1]]:
        n_ref -= 1
        n_alt -= 1
    if n_ref == 0 and n_alt == 0:
        return _SAME
    while n_ref > 0 and n_alt > 0 and codes[start] == _CODE[buffer[alt]]:
        start += 1
        alt += 1
        n_ref -= 1
        n_alt -= 1
    position, state, mass = changes
    before = cursor[CHANGES]
    at = before
    paired = min(n_ref, n_alt)
    if n_alt > n_ref and paired == 0:
        if start == 0:
            return _BEFORE_CONTIG
        position[at] = start - 1
        state[at] = INSERTION + codes[start - 1]
        mass[at] = frequency
        at += 1
    substituted = paired - 1 if n_alt > n_ref else paired
    for k in range(substituted):
        base = _CODE[buffer[alt + k]]
        if base != codes[start + k]:
            position[at] = start + k
            state[at] = base
            mass[at] = frequency
            at += 1
    for k in range(paired, n_ref):
        position[at] = start + k
        state[at] = DELETION
        mass[at] = frequency
        at += 1
    if n_alt > n_ref and paired > 0:
        position[at] = start + paired - 1
        state[at] = INSERTION + _CODE[buffer[alt + paired - 1]]
        mass[at] = frequency
        at += 1
    cursor[CHANGES] = at
    allele_start, allele_hash, kind, size = alleles
    here = cursor[ALLELES_AT]
    allele_start[here], allele_hash[here] = identity(buffer, alt, n_alt, codes, start, n_ref)
    kind[here] = _kind(n_ref, n_alt, codes[start] if n_ref else 0, _CODE[buffer[alt]])
    size[here] = at - before
    cursor[ALLELES_AT] = here + 1
    return _PLAIN


@njit
def identity(
    buffer: NDArray[np.uint8],
    alt: int,
    n_alt: int,
    codes: NDArray[np.uint8],
    start: int,
    n_ref: int,
) -> tuple[int, np.uint64]:
    """Say what a trimmed allele is, however its record spells it.

    An insertion or a deletion is moved to the left as far as the sequence stays the same (Tan et
    al. 2015, "Unified representation of genetic variants"); a trimmed allele with bases on both
    sides has no other spelling.

    Returns
    -------
    start : int
        0-based place of the allele.
    hash : uint64
        Of the number of reference bases it replaces and of the bases it puts there.
    """
    moved = 0
    if n_ref == 0:
        while (
            moved < min(start, MAX_SHIFT)
            and codes[start - moved - 1] == _CODE[buffer[alt + (n_alt - 1 - moved) % n_alt]]
        ):
            moved += 1
    elif n_alt == 0:
        while (
            moved < min(start, MAX_SHIFT)
            and codes[start - moved - 1] == codes[start + n_ref - moved - 1]
        ):
            moved += 1
    found = (_HASH_START ^ np.uint64(n_ref)) * _HASH_FACTOR
    for k in range(n_alt):
        found = (found ^ np.uint64(_CODE[buffer[alt + (k - moved) % n_alt]])) * _HASH_FACTOR
    return start - moved, found


@njit
def keep_once(
    order: NDArray[np.int64],
    start: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    frequency: NDArray[np.float64],
    keep: NDArray[np.bool_],
) -> int:
    """Keep of alleles that are one and the same the most frequent, of equal ones the first.

    Parameters
    ----------
    order
        The alleles by ``start``, those of one start in the order of the file.
    start, hashes
        What `identity` returned.
    frequency
        Of each allele.
    keep
        True everywhere; set to False where an allele is left out.

    Returns
    -------
    int
        How many are left out.
    """
    left_out = 0
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and start[order[last]] == start[order[first]]:
            last += 1
        group = order[first:last]
        if last - first > 2:
            # Sorted, so that many alleles at one place cost no comparison of each with each.
            group = group[np.argsort(hashes[group], kind="mergesort")]
        kept = group[0]
        for other in group[1:]:
            if hashes[kept] != hashes[other]:
                kept = other
                continue
            left_out += 1
            if frequency[other] > frequency[kept]:
                keep[kept] = False
                kept = other
            else:
                keep[other] = False
        first = last
    return left_out


@njit
def _kind(n_ref: int, n_alt: int, reference: int, alternate: int) -> int:
    """Return the place in KINDS of two trimmed alleles, of which the first bases are given."""
    if n_ref == 1 and n_alt == 1:
        # A and G are 0 and 1, T and C are 2 and 3.
        return 0 if reference // 2 == alternate // 2 else 1
    if n_ref == n_alt:
        return 2
    if n_ref == 0:
        return 3
    return 4 if n_alt == 0 else 5


@njit
def fill_rows(
    order: NDArray[np.int64],
    position: NDArray[np.int32],
    state: NDArray[np.uint8],
    mass: NDArray[np.float64],
    codes: NDArray[np.uint8],
    cutoff: float,
    rows: NDArray[np.int32],
    p: NDArray[np.float32],
) -> int:
    """Add changes up into rows, in the order given; return how many rows were scaled."""
    row = np.zeros(N_STATES)
    n_rows = 0
    scaled = 0
    at = 0
    while at < len(order):
        place = position[order[at]]
        row[:] = 0.0
        while at < len(order) and position[order[at]] == place:
            row[state[order[at]]] += mass[order[at]]
            at += 1
        total = row.sum()
        if total > 1.0 + ROUNDING:
            scaled += 1
        rest = 1.0 - total
        if rest > cutoff:
            row[codes[place]] += rest
        total = row.sum()
        rows[n_rows] = place
        for one in range(N_STATES):
            p[n_rows, one] = row[one] / total
        n_rows += 1
    return scaled
