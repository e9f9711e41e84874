from __future__ import annotations

import pytest

from pybmfm.core import UserError
from pybmfm.variants.frequencies import FrequencyReader, info_fields, is_common


def _means(
    info: str, alleles: int = 1, choice: str = "auto", numbers: dict[str, str] | None = None
) -> tuple[list[float | None], str]:
    return FrequencyReader(choice, numbers or {}).alternates(info_fields(info), alleles)


@pytest.mark.parametrize(
    ("info", "alleles", "means"),
    [
        ("FREQ=1000Genomes:0.9,0.1", 1, [0.1]),
        ("FREQ=A:0.9,0.1|B:0.7,0.3", 1, [0.2]),
        ("FREQ=A:0.9,0.1|B:.,.", 1, [0.1]),  # '.' is not 0
        ("FREQ=A:0.9,0.1,.|B:0.5,0.3,0.2", 2, [0.2, 0.2]),
        ("FREQ=A:0.9,0.1|B:0.5,0.3,0.2", 1, [0.1]),  # the ragged source goes, not the record
        ("FREQ=A:0.9,0.1,.", 2, [0.1, None]),
        ("CAF=[0.86,0.14]", 1, [0.14]),
        ("CAF=0.86,.,0.14", 2, [None, 0.14]),
        ("AF=0.25,0.5", 2, [0.25, 0.5]),
        ("FREQ=A:.,.;CAF=0.6,0.4;AF=0.1", 1, [0.4]),
        ("FREQ=.;AF=1e-2", 1, [0.01]),
        ("FREQ=A:0.9,0.1;CAF=0.5,0.5", 1, [0.1]),
    ],
)
def test_means_of_the_first_field_that_reports(
    info: str, alleles: int, means: list[float | None]
) -> None:
    found, reason = _means(info, alleles)
    assert found == pytest.approx(means)
    assert reason == ""


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("RS=1", "no_frequency"),
        (".", "no_frequency"),
        ("FREQ=A:.,.", "no_frequency"),
        ("FREQ=A:0.9,0.1,0.0", "ragged_frequency"),
        ("AF=high", "not_a_frequency"),
        ("AF=1.5", "not_a_frequency"),
        ("AF=nan", "not_a_frequency"),
        ("AFR_AF=0.5", "no_frequency"),
    ],
)
def test_why_a_record_has_no_frequency(info: str, reason: str) -> None:
    assert _means(info) == ([None], reason)


def test_named_fields_are_averaged_and_the_header_says_where_the_reference_comes_first() -> None:
    info = "EUR=0.1;AFR=0.7,0.3;AF=0.9"
    found, _ = _means(info, 1, "EUR,AFR", {"EUR": "A", "AFR": "R"})
    assert found == pytest.approx([0.2])


def test_dropped_sources_are_counted() -> None:
    reader = FrequencyReader("auto", {})
    reader.alternates(info_fields("FREQ=A:0.9,0.1|B:1|C:x,y"), 1)
    assert reader.sources_dropped == {"ragged_frequency": 1, "not_a_frequency": 1}


def test_no_field_name_is_refused() -> None:
    with pytest.raises(UserError, match="names no INFO field"):
        FrequencyReader(",", {})


@pytest.mark.parametrize(
    ("info", "common"),
    [
        ("COMMON", True),
        ("RS=1;COMMON=1", True),
        ("COMMON=0", False),
        ("RS=1", False),
        ("COMMONEST", False),
    ],
)
def test_common(info: str, common: bool) -> None:
    assert is_common(info_fields(info)) is common
