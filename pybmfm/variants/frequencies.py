"""Allele frequencies from INFO: ``FREQ``, ``CAF``, ``AF`` or named fields, several averaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pybmfm.core import UserError

AUTO_FIELDS = ("FREQ", "CAF", "AF")
NO_FREQUENCY = "no_frequency"
RAGGED = "ragged_frequency"
NOT_A_NUMBER = "not_a_frequency"

_Source = list[float | None]


def info_fields(info: str) -> dict[str, str]:
    """Split an INFO column; a flag has the empty value."""
    fields = {}
    for item in info.split(";"):
        key, _, value = item.partition("=")
        fields[key] = value
    return fields


def is_common(fields: Mapping[str, str]) -> bool:
    """Say whether a record is flagged ``COMMON`` or ``COMMON=1``."""
    return fields.get("COMMON") in ("", "1")


class FrequencyReader:
    """Finds the frequency of each alternate allele of a record.

    Parameters
    ----------
    choice
        ``auto`` takes the first of FREQ, CAF and AF that reports; else comma-separated names
        of INFO fields whose sources are averaged.
    info_numbers
        ``Number`` of each INFO field in the header; fields with ``R`` start with the reference.

    Attributes
    ----------
    sources_dropped : Counter
        Sources left out, by reason.

    Raises
    ------
    UserError
        If ``choice`` names no field.
    """

    def __init__(self, choice: str, info_numbers: Mapping[str, str]) -> None:
        self.auto = choice == "auto"
        self.fields = AUTO_FIELDS if self.auto else tuple(filter(None, choice.split(",")))
        if not self.fields:
            raise UserError(
                "--frequency-field names no INFO field", remedy="give auto, FREQ, CAF, AF or names"
            )
        self._with_reference = {"CAF"} | {k for k, n in info_numbers.items() if n == "R"}
        self.sources_dropped: Counter[str] = Counter()

    def alternates(self, fields: Mapping[str, str], alleles: int) -> tuple[list[float | None], str]:
        """Return the mean frequency of each alternate allele over the sources that report it.

        Parameters
        ----------
        fields
            The record's INFO.
        alleles
            Number of alternate alleles.

        Returns
        -------
        means
            One value in [0, 1] per allele, None where no source reports it.
        reason
            Why no allele has a frequency; empty where one has.
        """
        reason = NO_FREQUENCY
        sources: list[_Source] = []
        for name in self.fields:
            if name not in fields:
                continue
            for values in self._sources(name, fields[name]):
                if len(values) != alleles:
                    self.sources_dropped[RAGGED] += 1
                    reason = RAGGED
                    continue
                source = _numbers(values)
                if source is None:
                    self.sources_dropped[NOT_A_NUMBER] += 1
                    reason = NOT_A_NUMBER
                else:
                    sources.append(source)
            if self.auto and any(value is not None for source in sources for value in source):
                break
        means = [_mean([source[allele] for source in sources]) for allele in range(alleles)]
        return means, reason if all(mean is None for mean in means) else ""

    def _sources(self, name: str, text: str) -> list[list[str]]:
        """Split a field into sources, each the values of the alternates alone."""
        if text in ("", "."):
            return []
        if name == "FREQ":
            return [part.rpartition(":")[2].split(",")[1:] for part in text.split("|")]
        values = text.strip("[]").split(",")
        return [values[1:] if name in self._with_reference else values]


def _numbers(values: list[str]) -> _Source | None:
    numbers: _Source = []
    for value in values:
        if value in (".", ""):
            numbers.append(None)
            continue
        try:
            number = float(value)
        except ValueError:
            return None
        if not 0.0 <= number <= 1.0:
            return None
        numbers.append(number)
    return numbers


def _mean(values: list[float | None]) -> float | None:
    reported = [value for value in values if value is not None]
    return sum(reported) / len(reported) if reported else None
