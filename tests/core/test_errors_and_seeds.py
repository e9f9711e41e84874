"""User errors read as one sentence; derived seeds are stable."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm.core import UserError, derive_seed, progress, read_table, write_table


def test_error_is_one_sentence_with_file_place_and_remedy() -> None:
    error = UserError("POS is not a number", file="a.vcf", place="line 3", remedy="mend the line")
    assert str(error) == "a.vcf, line 3: POS is not a number; mend the line."
    assert str(UserError("no contig is shared")) == "no contig is shared."


def test_derived_seeds_are_the_same_for_ever() -> None:
    assert derive_seed(0, "a") == 3269621562527583764
    assert derive_seed(0, "a", 1) != derive_seed(0, "a1") != derive_seed(1, "a")
    assert all(0 <= derive_seed(s, "x") < 2**63 for s in range(100))


def test_progress_yields_everything() -> None:
    assert list(progress(range(5), "counting")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.parquet"])
def test_tables_round_trip_as_text(tmp_path: Path, name: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"id": ["007", "NA"], "sequence": ["ACGT", ""]})
    write_table(table, tmp_path / name)
    assert read_table(tmp_path / name).to_dict("list") == table.to_dict("list")


def test_unreadable_tables_are_user_errors(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "t.xlsx").touch()
    (tmp_path / "t.parquet").write_text("no parquet")
    for name in ("missing.csv", "empty.csv", "t.xlsx", "t.parquet"):
        with pytest.raises(UserError, match=name):
            read_table(tmp_path / name)


def test_a_sentence_stays_one_line_whatever_it_quotes() -> None:
    error = UserError("has no contig a\rb\n\x1b[31m", file="x\u2028.vcf", remedy="rename it")
    assert str(error) == "x?.vcf: has no contig a?b??[31m; rename it."


def test_a_sentence_that_quotes_a_whole_file_is_shortened() -> None:
    error = UserError("is no number: " + "9" * 100_000, file="x.csv", remedy="correct it")
    assert len(str(error)) < 600
    assert str(error).endswith("9...; correct it.")
