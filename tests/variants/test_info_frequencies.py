from __future__ import annotations

import pytest

from pybmfm.core import UserError
from pybmfm.variants.frequencies import (
    Means,
    frequency_plan,
    info_fields,
    is_common,
    mean_frequencies,
    source_names,
)


def _means(
    info: str,
    alleles: int = 1,
    choice: str = "auto",
    numbers: dict[str, str] | None = None,
    sources: tuple[str, ...] = (),
) -> Means:
    plan = frequency_plan(choice, numbers or {}, sources)
    return mean_frequencies(plan, info_fields(info), alleles)


@pytest.mark.parametrize(
    ("info", "alleles", "means"),
    [
        ("FREQ=1000Genomes:0.9,0.1", 1, [0.1]),
        ("FREQ=A:0.9,0.1|B:0.7,0.3", 1, [0.2]),
        ("FREQ=A:0.9,0.1|B:.,.", 1, [0.1]),  # '.' is not 0
        ("FREQ=A:0.9,0.1|B:.", 1, [0.1]),  # nor is a single '.' a list of the wrong length
        ("FREQ=A:0.9,0.1,.|B:0.5,0.3,0.2", 2, [0.2, 0.2]),
        ("FREQ=A:0.9,0.1|B:0.5,0.3,0.2", 1, [0.1]),  # the ragged source goes, not the record
        ("FREQ=A:0.9,0.1,.", 2, [0.1, None]),
        ("CAF=[0.86,0.14]", 1, [0.14]),
        ("CAF=0.86,.,0.14", 2, [None, 0.14]),
        ("AF=0.25,0.5", 2, [0.25, 0.5]),
        ("FREQ=A:.,.;CAF=0.6,0.4;AF=0.1", 1, [0.4]),
        ("FREQ=.;AF=1e-2", 1, [0.01]),
        ("FREQ=A:0.9,0.1;CAF=0.5,0.5", 1, [0.1]),
        ("AC=3;AN=12", 1, [0.25]),
        ("AC=3,.;AN=12", 2, [0.25, None]),
        ("AF=.;AC=3;AN=12", 1, [0.25]),
        ("AF=0.5;AC=3;AN=12", 1, [0.5]),
    ],
)
def test_means_of_the_first_field_that_reports(
    info: str, alleles: int, means: list[float | None]
) -> None:
    found = _means(info, alleles)
    assert found.values == pytest.approx(means)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("RS=1", "no_frequency"),
        (".", "no_frequency"),
        ("FREQ=A:.,.", "no_frequency"),
        ("FREQ=A:.", "no_frequency"),
        ("FREQ=A:.|B:", "no_frequency"),
        ("FREQ=A:.,.,.", "ragged_frequency"),
        ("FREQ=A:0.5", "ragged_frequency"),
        ("CAF=[.]", "no_frequency"),
        ("FREQ=A:0.9,0.1,0.0", "ragged_frequency"),
        ("AF=high", "not_a_frequency"),
        ("AF=1.5", "not_a_frequency"),
        ("AF=nan", "not_a_frequency"),
        ("AFR_AF=0.5", "no_frequency"),
        ("AC=3", "no_frequency"),
        ("AC=0;AN=0", "no_frequency"),
        ("AC=5;AN=4", "not_a_frequency"),
        ("AC=5;AN=many", "not_a_frequency"),
        ("AC=1,2,3;AN=4", "ragged_frequency"),
    ],
)
def test_why_a_record_has_no_frequency(info: str, reason: str) -> None:
    found = _means(info)
    assert (found.values, found.reason) == ([None], reason)


def test_named_fields_are_averaged_and_the_header_says_where_the_reference_comes_first() -> None:
    info = "EUR=0.1;AFR=0.7,0.3;AF=0.9"
    found = _means(info, 1, "EUR,AFR", {"EUR": "A", "AFR": "R"})
    assert found.values == pytest.approx([0.2])
    assert found.fields == ["EUR", "AFR"]


def test_alternates_alone_are_ragged_with_a_value_more() -> None:
    assert _means("AF=0.9,0.1", 1, "auto", {"AF": "A"}).reason == "ragged_frequency"


def test_populations_are_those_that_the_header_names() -> None:
    names = ("AF_afr", "EAS_AF", "AF-eur", "af_sas", "AF_raw", "AF_XX", "AF_popmax", "AF_nfe_seu",
             "MAF", "AF")  # fmt: skip
    plan = frequency_plan("auto", dict.fromkeys(names, "A"))
    assert [one.name for one in plan.choices[-1]] == ["AF_afr", "EAS_AF", "AF-eur", "af_sas"]
    found = _means("AF_afr=0.1;EAS_AF=0.3;AF_XX=0.9", 1, "auto", dict.fromkeys(names, "A"))
    assert found.values == pytest.approx([0.2])
    assert found.fields == ["AF_afr", "EAS_AF"]


def test_sources_can_be_chosen() -> None:
    info = "FREQ=A:0.9,0.1|B:0.7,0.3|C:x,y"
    assert _means(info, sources=("B",)).values == [0.3]
    assert _means(info, sources=("A", "B")).values == pytest.approx([0.2])
    assert _means(info, sources=("D",)).reason == "no_frequency"
    assert source_names(f"RS=1;{info}") == ["A", "B", "C"]


def test_dropped_sources_are_named() -> None:
    found = _means("FREQ=A:0.9,0.1|B:1|C:x,y")
    assert found.dropped == ["ragged_frequency", "not_a_frequency"]


def test_no_field_name_is_refused() -> None:
    with pytest.raises(UserError, match="names no INFO field"):
        frequency_plan(",", {})


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
