"""Short pieces first: the stages, where they begin, and that a resumed run has the same ones."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest

from pybmfm.core import Interrupted, UserError
from pybmfm.training import pretrain
from pybmfm.training.batches import Position
from pybmfm.training.inputs import TrainingInputs
from pybmfm.training.processes import Processes, choose_device
from pybmfm.training.step_batches import StepSource
from tests.training.conftest import STEPS, assert_same_weights, records
from tests.training.test_pretraining import stop_at

CURRICULUM = ((8, 3), (20, 4))


@pytest.fixture
def staged(base):
    return replace(base, curriculum=CURRICULUM)


@pytest.fixture
def source(staged):
    plan = staged.plan()
    inputs = TrainingInputs(plan)
    return StepSource(
        settings=plan,
        world=Processes(0, 1, choose_device("cpu")),
        stages=inputs.stages(inputs.whole_windows(verify=False), plan),
        plan=inputs.plan("train"),
        span_lengths=inputs.tokenizer.span_lengths,
        config=configuration(inputs),
        micro_batch_tokens=512,
    )


def configuration(inputs):
    from pybmfm.model import build_config

    one = inputs.tokenizer
    return build_config(
        "modernbert",
        "tiny",
        vocab_size=one.vocab_size,
        pad_id=one.pad,
        cls_id=one.cls,
        sep_id=one.sep,
        max_length=64,
    )


def test_pieces_grow_and_every_stage_begins_a_pass(source):
    steps = list(source.steps(Position(), 0, STEPS))
    longest = [max(int(one.batch.lengths.max()) for one in step.batches) for step in steps]
    assert longest == [8] * 3 + [20] * 4 + [64] * 3
    passes = [step.position.pass_number for step in steps]
    assert passes == sorted(passes)
    assert passes[3] > passes[2]
    assert passes[7] > passes[6]


@pytest.mark.parametrize("first", [0, 2, 3, 5, 7, 9])
def test_any_step_can_be_made_again_from_the_position_before_it(source, first):
    steps = list(source.steps(Position(), 0, STEPS))
    before = steps[first - 1].position if first else Position()
    (again,) = source.steps(before, first, first + 1)
    for one, other in zip(steps[first].batches, again.batches, strict=True):
        assert one.batch.tokens.equal(other.batch.tokens)
        assert one.targets.equal(other.targets)
    assert again.position == steps[first].position


@pytest.mark.parametrize("stopped_at", [3, 5])
def test_a_resumed_curriculum_ends_with_the_same_weights(staged, tmp_path, monkeypatch, stopped_at):
    pretrain(replace(staged, out=tmp_path / "straight"))
    with monkeypatch.context() as patched:
        stop_at(patched, stopped_at, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            pretrain(replace(staged, out=tmp_path / "stopped"))
    pretrain(replace(staged, out=tmp_path / "stopped", resume=True))
    assert_same_weights(tmp_path / "straight", tmp_path / "stopped")
    assert [r["step"] for r in records(tmp_path / "stopped")] == [*range(1, STEPS + 1)]
    with pytest.raises(UserError, match="curriculum was"):
        pretrain(replace(staged, out=tmp_path / "stopped", curriculum=(), resume=True))
    shown = json.loads((tmp_path / "stopped/manifest.json").read_text())["settings"]
    assert shown["curriculum"] == [list(stage) for stage in CURRICULUM]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (((20, 2), (8, 2)), "do not grow"),
        (((64, 2),), "from 3 to 63"),
        (((2, 2),), "from 3 to 63"),
        (((8, STEPS),), "takes all of the 10"),
    ],
)
def test_a_curriculum_that_does_not_fit_is_refused(base, tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        pretrain(replace(base, curriculum=wrong, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
