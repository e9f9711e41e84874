"""The section on control experiments: whether the instrument works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pybmfm.report.content import Section, bullets, red, table

if TYPE_CHECKING:
    import pandas as pd


def control_sections(controls: pd.DataFrame) -> Iterator[Section]:
    """Say how many controls came out as expected and which did not; nothing where there are none.

    Parameters
    ----------
    controls
        As :func:`pybmfm.evaluation.judge_controls` makes it.
    """
    if controls.empty:
        return
    failed = controls[~controls["passed"]]
    passed = f"{len(controls) - len(failed)} of {len(controls)} controls as expected"
    verdict = f"The instrument {'does not work' if len(failed) else 'works'}: {passed}."
    named = [
        red(f"{row['control']}: expected {row['expected']}, {_found(row)}.")
        for row in failed.to_dict("records")
    ]
    rows = [
        (*row, "yes" if passed else red("no"))
        for *row, passed in controls[[*SHOWN, "passed"]].itertuples(index=False)
    ]
    yield Section(
        "pybmfm_inputs",
        "Controls",
        f"{verdict} The world was made with effects of known size; what a model learns elsewhere "
        "means something only if it finds these, and no others.",
        (bullets(named) if named else "") + table((*SHOWN, "as expected"), rows),
    )


SHOWN = ("control", "compared", "expected", "metric", "difference", "low", "high")


def _found(row: dict[object, object]) -> str:
    if row["difference"] != row["difference"]:
        return "a result is missing"
    return f"{row['metric']} {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
