"""Leaks stand in red and in words; repeats and overlaps with pretraining do not."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from pybmfm.core import write_manifest, write_table
from pybmfm.report import Artefact, Collection
from pybmfm.report.content import Section
from pybmfm.report.leakage_sections import leakage_sections

RED = re.compile(r'<strong style="color:#c9302c">([^<]*)</strong>')
COLUMNS = ["kind", "what", "split_a", "split_b", "quantity", "value", "share", "note"]
UNKNOWN = "the sequences are not known"


def rows_of(kind: str, what: str, a: str, b: str, **quantities: object) -> list[list[object]]:
    rows = []
    for quantity, figures in quantities.items():
        value, share, note = figures if isinstance(figures, tuple) else (figures, None, "")
        rows.append([kind, what, a, b, quantity, value, share, note])
    return rows


def show(folder: Path, rows: list[list[object]], modes: dict[str, str] | None = None) -> Section:
    """The only section that an audit with these rows gives."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["value"] = table["value"].astype("Int64")
    write_table(table, folder / "leakage.tsv")
    manifest = {"modes": modes or {}}
    write_manifest(folder, artefact="leakage-audit", settings={}, **manifest)
    found = Collection({"leakage-audit": [Artefact(folder, "leakage", manifest)]})
    (section,) = leakage_sections(found)
    return section


def test_random_splits_show_their_leak_in_red(tmp_path: Path) -> None:
    rows = rows_of(
        "windows",
        "windows",
        "train",
        "dev",
        shared_bp=(1234, 0.5, ""),
        rows_sharing_bp=(61, 0.61, ""),
        exact_duplicates=(None, None, UNKNOWN),
        shared_32mers=(None, None, UNKNOWN),
    )
    section = show(tmp_path, rows, {"windows": "random"})
    assert RED.findall(section.html) == [
        "windows (random): 61.0 % of dev windows share base pairs with train; "
        "test figures are too good.",
        "1,234 (50.0 %)",
        "61 (61.0 %)",
    ]
    assert f"not measured: {UNKNOWN}" in section.html
    assert section.group == "pybmfm_corpora"


def test_repeats_alone_are_not_red(tmp_path: Path) -> None:
    rows = rows_of(
        "corpus",
        "snp",
        "train",
        "dev",
        shared_bp=(0, 0.0, ""),
        rows_sharing_bp=(0, 0.0, ""),
        exact_duplicates=(0, 0.0, ""),
        shared_32mers=(400, 0.15, ""),
        shared_32mers_repeated=(400, 1.0, ""),
    )
    section = show(tmp_path, rows)
    assert not RED.search(section.html)
    assert "snp: no base pair is shared between splits." in section.html
    assert "400 (15.0 %)" in section.html


def test_repeated_task_sequences_are_red(tmp_path: Path) -> None:
    clean = rows_of("task", "splice", "train", "dev", rows_with_a_duplicate=(0, 0.0, ""))
    leaking = rows_of(
        "task",
        "core<1>",
        "train",
        "test",
        exact_duplicates=(42, 0.0071, ""),
        rows_with_a_duplicate=(43, 0.0072, ""),
    )
    section = show(tmp_path, clean + leaking)
    assert RED.findall(section.html) == [
        "core&lt;1&gt;: 43 test rows are in train.",
        "42 (0.7 %)",
        "43 (0.7 %)",
    ]
    assert "splice: no sequence is in two splits." in section.html
    assert section.group == "pybmfm_finetuning"


def test_overlap_with_pretraining_is_told_without_alarm(tmp_path: Path) -> None:
    rows = rows_of(
        "overlap", "t", "snp", "test", rows_overlapping_pretraining=(5, 0.5, "from one in 2")
    )
    section = show(tmp_path, rows)
    assert not RED.search(section.html)
    assert "<td>snp</td><td>test</td><td>5 (50.0 %)</td><td>from one in 2</td>" in section.html


def test_what_was_not_compared_is_not_called_clean(tmp_path: Path) -> None:
    rows = rows_of("windows", "w", "train", "dev", exact_duplicates=(None, None, UNKNOWN))
    assert "no base pair is shared" not in show(tmp_path, rows).html


def test_without_an_audit_the_report_says_so() -> None:
    (section,) = leakage_sections(Collection())
    assert section.sentence.startswith("Missing: no leakage audit")
