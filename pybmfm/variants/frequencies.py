"""Allele frequencies from INFO: which fields, in which order, and the mean of their sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pybmfm.core import UserError

NO_FREQUENCY = "no_frequency"
RAGGED = "ragged_frequency"
NOT_A_NUMBER = "not_a_frequency"

# What the values of a field are; the kernel knows them by these numbers.
SOURCES, ALTERNATES, WITH_REFERENCE = range(3)
SHARE = "AC/AN"
ALL_FILTERS = "all"
PASSED = "PASS,."  # filters of records that passed all, or that none was applied to

# What a name such as AF_afr or EAS_AF adds to AF.
_ADDED = re.compile(r"AF[_-]([A-Za-z]+)|([A-Za-z]+)_AF", re.IGNORECASE)
_JOINT = {"joint"}  # gnomAD 4: exomes and genomes together
_WHOLES = {"all", "global", "total"}
# Neither wholes nor populations: unfiltered calls, maxima and sexes.
_NO_POPULATIONS = {"female", "grpmax", "male", "max", "popmax", "raw", "xx", "xy"}

_UNREPORTED = ("", ".")
_Source = list[float | None]


class Field(NamedTuple):
    """An INFO field that holds frequencies, and how its values are to be read."""

    name: str
    form: int

    @property
    def keys(self) -> tuple[str, ...]:
        """INFO keys that the field needs."""
        return ("AC", "AN") if self.name == SHARE else (self.name,)


@dataclass(frozen=True)
class FrequencyPlan:
    """Which records are taken, and where their frequencies stand.

    Attributes
    ----------
    choices : tuple of tuples of Field
        In order; the fields of the first choice of which any reports are averaged.
    sources : tuple of str
        Sources of FREQ to be taken; empty is all.
    filters : tuple of str
        Names in FILTER that a record may have; empty is all.
    """

    choices: tuple[tuple[Field, ...], ...]
    sources: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields, in order."""
        return tuple(one for choice in self.choices for one in choice)


class Means(NamedTuple):
    """The frequencies of a record's alternates, and what was left out on the way."""

    values: list[float | None]
    reason: str  # why no alternate has one; empty where one has
    fields: list[str]  # those that reported
    dropped: list[str]  # a reason for each source left out


def frequency_plan(
    choice: str,
    info_numbers: Mapping[str, str],
    sources: Sequence[str] = (),
    filters: str = PASSED,
) -> FrequencyPlan:
    """Decide where frequencies are looked for.

    Parameters
    ----------
    choice
        ``auto``: the first that reports of FREQ, CAF, AF_joint, AF, AC with AN, and of the
        header's fields those of a whole (``AF_total``, ``GLOBAL_AF``), each by itself, then those
        of its parts (``AF_afr``, ``EAS_AF``, ``AF-eur``, ``AF_exomes``), averaged. Else
        comma-separated names of INFO fields, ``AC/AN`` among them, whose sources are averaged.
    info_numbers
        ``Number`` of each INFO field in the header: with ``R`` values begin with the
        reference, with any other there is one for each alternate.
    sources
        Names of the sources of FREQ to be taken; empty is all.
    filters
        Comma-separated names in FILTER that a record may have, ``.`` for none of them; ``all``
        takes every record.

    Raises
    ------
    UserError
        If ``choice`` names no field, or ``filters`` no filter.
    """
    if choice == "auto":
        joint, wholes, parts = _fields_beside_af(info_numbers)
        choices = [["FREQ"], ["CAF"], *joint, ["AF"], [SHARE], *wholes, parts]
    else:
        choices = [list(dict.fromkeys(filter(None, choice.split(","))))]
    if not any(choices):
        raise UserError(
            "--frequency-field names no INFO field",
            remedy="give auto, FREQ, CAF, AF, AC/AN or names",
        )
    return FrequencyPlan(
        tuple(
            tuple(Field(name, _form(name, info_numbers)) for name in names)
            for names in choices
            if names
        ),
        tuple(sources),
        taken_filters(filters),
    )


def taken_filters(filters: str) -> tuple[str, ...]:
    """Split a list of names in FILTER; ``all`` is empty.

    Raises
    ------
    UserError
        If it names none.
    """
    names = tuple(dict.fromkeys(name for part in filters.split(",") if (name := part.strip())))
    if not names:
        raise UserError("--filters names no filter", remedy="give all, or names such as PASS,.")
    return () if names == (ALL_FILTERS,) else names


def info_fields(info: str) -> dict[str, str]:
    """Split an INFO column; a flag has the empty value, of a key given twice the last counts."""
    fields = {}
    for item in info.split(";"):
        key, _, value = item.partition("=")
        fields[key] = value
    return fields


def is_common(fields: Mapping[str, str]) -> bool:
    """Say whether a record is flagged ``COMMON`` or ``COMMON=1``."""
    return fields.get("COMMON") in ("", "1")


def mean_frequencies(plan: FrequencyPlan, fields: Mapping[str, str], alleles: int) -> Means:
    """Return the mean frequency of each alternate allele over the sources that report it.

    A source whose number of values does not fit, or with a value outside [0, 1], is left out.

    Parameters
    ----------
    plan
        Where to look.
    fields
        The record's INFO.
    alleles
        Number of alternate alleles.
    """
    found = _Found()
    for choice in plan.choices:
        for one in choice:
            if all(key in fields for key in one.keys):
                _read_field(plan, one, fields, alleles, found)
        if found.fields:
            break
    means = [_mean([source[allele] for source in found.sources]) for allele in range(alleles)]
    reason = "" if found.fields else (found.dropped or [NO_FREQUENCY])[-1]
    return Means(means, reason, found.fields, found.dropped)


def source_names(info: str) -> list[str]:
    """Return the names of the sources of a record's FREQ field."""
    parts = info_fields(info).get("FREQ", "").split("|")
    return [part.rpartition(":")[0] for part in parts if ":" in part]


@dataclass
class _Found:
    sources: list[_Source] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def _read_field(
    plan: FrequencyPlan, one: Field, fields: Mapping[str, str], alleles: int, found: _Found
) -> None:
    reports = False
    for values in _split(plan, one, fields):
        source = _numbers(values) if len(values) == alleles else None
        if source is None:
            found.dropped.append(NOT_A_NUMBER if len(values) == alleles else RAGGED)
        else:
            found.sources.append(source)
            reports = reports or any(value is not None for value in source)
    if reports:
        found.fields.append(one.name)


def _split(plan: FrequencyPlan, one: Field, fields: Mapping[str, str]) -> list[list[str]]:
    """Split a field into sources, each the values of the alternates alone.

    A source that gives '.' for all alleles together (``FREQ=A:.``) reports nothing.
    """
    text = fields[one.keys[0]]
    if one.form == SOURCES:
        parts = [part.rpartition(":") for part in text.split("|")]
        return [
            values.split(",")[1:]
            for name, _, values in parts
            if values not in _UNREPORTED and (not plan.sources or name in plan.sources)
        ]
    text = text.strip("[]")
    if text in _UNREPORTED:
        return []
    values = text.split(",")
    if one.form == WITH_REFERENCE:
        values = values[1:]
    return _shares(values, fields["AN"]) if one.name == SHARE else [values]


def _shares(counts: list[str], total: str) -> list[list[str]]:
    """Divide allele counts by the number of chromosomes; none counted is not reported."""
    if total in _UNREPORTED:
        return []
    number = _number(total)
    if number == 0.0:
        return []
    return [[_share(count, number) for count in counts]]


def _share(count: str, total: float | None) -> str:
    if count in _UNREPORTED:
        return "."
    number = _number(count)
    return "nan" if number is None or total is None else repr(number / total)


def _form(name: str, info_numbers: Mapping[str, str]) -> int:
    if name == "FREQ":
        return SOURCES
    number = info_numbers.get("AC" if name == SHARE else name)
    return WITH_REFERENCE if name == "CAF" or number == "R" else ALTERNATES


def _fields_beside_af(names: Iterable[str]) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Pick the fields of the joint whole, of other wholes, and of parts, in the header's order."""
    joint: list[list[str]] = []
    wholes: list[list[str]] = []
    parts: list[str] = []
    for name in names:
        match = _ADDED.fullmatch(name)
        added = (match[1] or match[2]).lower() if match else ""
        if added in _JOINT:
            joint.append([name])
        elif added in _WHOLES:
            wholes.append([name])
        elif added and added not in _NO_POPULATIONS:
            parts.append(name)
    return joint, wholes, parts


def _numbers(values: list[str]) -> _Source | None:
    numbers: _Source = []
    for value in values:
        if value in _UNREPORTED:
            numbers.append(None)
            continue
        number = _number(value)
        if number is None or not 0.0 <= number <= 1.0:
            return None
        numbers.append(number)
    return numbers


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _mean(values: list[float | None]) -> float | None:
    reported = [value for value in values if value is not None]
    total = 0.0
    for value in reported:  # one by one, as the kernel adds: sum() may round otherwise
        total += value
    return total / len(reported) if reported else None
