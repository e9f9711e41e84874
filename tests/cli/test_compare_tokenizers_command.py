"""``pybmfm compare-tokenizers`` joins folders by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pybmfm.cli.compare_tokenizers import command
from pybmfm.core import UserError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tokenizer=ref", "--corpus=ref=c"], "--tokenizer ref is not NAME=DIR"),
        (["--tokenizer=ref=t", "--corpus==c"], "--corpus =c is not NAME=DIR"),
        (["--tokenizer=a=t", "--tokenizer=a=u", "--corpus=a=c"], "--tokenizer a is given twice"),
        (["--tokenizer=a=t", "--corpus=b=c"], "tokenizers are named a but corpora b"),
        (["--tokenizer=a=absent", "--corpus=a=c"], "tokenizer.json"),
    ],
)
def test_folders_are_given_once_for_each_name(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_tokenizer_and_corpus_are_both_needed(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--tokenizer=a=t", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--corpus" in result.output
