"""`pybmfm pretrain`: options reach the room, and its errors become exit codes."""

from __future__ import annotations

import pytest

from pybmfm import training
from pybmfm.cli import main
from pybmfm.core import Interrupted, OutOfMemory, UserError

REQUIRED = ["pretrain", "--corpus", "c1", "--corpus", "c2", "--tokenizer", "t", "--out", "o"]


def exit_code(*options: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([*REQUIRED, *options])
    return int(stopped.value.code or 0)


@pytest.fixture
def received(monkeypatch):
    settings = []
    monkeypatch.setattr(training, "pretrain", settings.append, raising=False)
    return settings


def test_defaults_are_those_of_the_settings(received):
    assert exit_code() == 0
    given = received[0]
    assert [str(path) for path in given.corpora] == ["c1", "c2"]
    assert given == training.PretrainSettings(given.corpora, given.tokenizer, given.out)


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        ((), 2048),
        (("--tokens-per-batch", "512"), 2048),
        (("--tokens-per-batch", "512", "--recipe", "published"), 512),
        (("--max-length", "4096"), 4096),
        (("--max-length", "64", "--tokens-per-batch", "512"), 64),
    ],
)
def test_longest_sequence_fits_the_batch_unless_said_otherwise(received, options, longest):
    assert exit_code(*options) == 0
    assert received[0].plan().max_length == longest


def test_options_arrive(received):
    assert exit_code("--preset", "small", "--steps", "7", "--resume", "--mask-share", "0.2") == 0
    given = received[0]
    assert (given.preset, given.steps, given.resume, given.mask_share) == ("small", 7, True, 0.2)


def test_weights_arrive_in_the_order_of_the_corpora(received):
    assert exit_code("--weight", "2", "--weight", "0.5") == 0
    assert received[0].plan().corpus_weights == [2.0, 0.5]


def test_a_curriculum_is_read_as_pairs(received, capsys):
    assert exit_code("--curriculum", "8:300, 64:20") == 0
    assert received[0].curriculum == ((8, 300), (64, 20))
    assert exit_code("--curriculum", "8") == 2
    assert "tokens:steps" in capsys.readouterr().err


def test_a_weight_of_0_is_a_usage_error(received):
    assert exit_code("--weight", "0", "--weight", "1") == 2
    assert not received


@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError("bad"), 2), (Interrupted("saved"), 143), (OutOfMemory("full"), 137)],
)
def test_errors_become_exit_codes(monkeypatch, error, code, capsys):
    def fail(_):
        raise error

    monkeypatch.setattr(training, "pretrain", fail, raising=False)
    assert exit_code() == code
    assert "Traceback" not in capsys.readouterr().err


def test_unknown_choices_are_usage_errors():
    assert exit_code("--architecture", "gru") == 2
    assert exit_code("--mask-share", "1.5") == 2
