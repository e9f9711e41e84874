"""Tables of sequences, as `embed` and `predict` read them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pybmfm.cli import main
from pybmfm.core import UserError
from pybmfm.inference.sequences import read_sequences


def test_a_null_sequence_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"id": ["a", "b"], "sequence": ["ACGT", None]}).to_parquet(path)
    with pytest.raises(UserError, match=r"t.parquet, row 2: empty sequence"):
        read_sequences(path)


@pytest.mark.parametrize("cell", ["", "NA", " nan "])
def test_a_missing_sequence_is_named_by_its_line(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"id,sequence\na,ACGT\nb,{cell}\n")
    with pytest.raises(UserError, match=r"t.csv, line 3: .*sequence"):
        read_sequences(path)


def test_ids_keep_their_text_and_columns_their_capitals(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('ID\tSequence\nNA\tACGT\n"x\tGGTT\n')
    read = read_sequences(path)
    assert (read.ids, read.sequences) == (["NA", '"x'], ["ACGT", "GGTT"])


def test_commands_say_so_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence\nACGT\nNA\n")
    arguments = ["embed", "--checkpoint", str(tmp_path), "--input", str(path)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "e.parquet")])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "t.csv, line 3: sequence is missing ('NA')" in said
    assert not (tmp_path / "e.parquet").exists()
