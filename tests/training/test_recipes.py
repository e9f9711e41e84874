"""Recipes and budgets: what is left open is worked out, and what is given stays."""

from __future__ import annotations

import json
import logging
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pybmfm.core import Interrupted, UserError
from pybmfm.model import build_config, build_model
from pybmfm.model.configurations import LOCAL_LAYERS, PUBLISHED_LAYERS
from pybmfm.training import PretrainSettings, pretrain, pretraining
from pybmfm.training.context import warn_of_no_context
from pybmfm.training.identity import run_identity
from pybmfm.training.inputs import TrainingInputs
from pybmfm.training.optimizer import Optimizers
from pybmfm.training.recipes import MOST_STEPS
from tests.training.conftest import assert_same_weights, records
from tests.training.test_pretraining import stop_at

PATHS = ((Path("corpus"),), Path("tokenizer"), Path("out"))


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def identity(settings: PretrainSettings):
    return run_identity(settings.plan(), "fp32", 1)


def plan(**given):
    return PretrainSettings(*PATHS, **given).plan()


def test_published_is_the_paper_to_the_letter():
    found = plan(recipe="published", preset="paper", steps=150_000)
    assert (found.start, found.optimizer) == ("random", "adamw")
    assert (found.mask_share, found.keep_share) == (0.15, 0.1)
    assert (found.learning_rate, found.warmup_steps) == (5e-4, 30_000)
    assert (found.max_length, found.training_length) == (2048, 2048)
    assert found.lengths() == [(2048, 0)]
    assert PUBLISHED_LAYERS.types(22) == (["full_attention", *["sliding_attention"] * 2] * 8)[:22]
    assert (PUBLISHED_LAYERS.window, PUBLISHED_LAYERS.rotary_base) == (128, 10_000.0)


def test_the_budget_decides_steps_and_batch():
    assert plan().steps == 4000
    assert plan(tokens=2_048_000).steps == 1000
    assert plan(steps=7).steps == 7
    large = plan(tokens=10**10)
    assert large.steps <= MOST_STEPS < 2.1 * large.steps
    assert plan(tokens=10**6, tokens_per_batch=4096).steps == 244


def test_single_settings_of_a_recipe_can_be_changed():
    found = plan(mask_share=0.2, start="letters", piece_tokens=0, max_length=512)
    assert (found.mask_share, found.start, found.training_length) == (0.2, "letters", 512)
    assert found.learning_rate > plan().learning_rate
    assert plan(recipe="published", start="counts").start == "counts"


def test_wider_models_learn_at_lower_rates_and_the_paper_at_its_own():
    tiny, small = plan().learning_rate, plan(preset="small").learning_rate
    assert small == pytest.approx(tiny / 2)
    paper = plan(preset="paper", tokens=10**10).learning_rate
    assert paper == pytest.approx(5e-4)


@pytest.mark.parametrize("architecture", ["bert", "performer"])
def test_models_whose_heads_cannot_be_turned_begin_with_letters(architecture):
    assert plan(architecture=architecture).start == "letters"
    with pytest.raises(UserError, match="--start letters"):
        plan(architecture=architecture, start="counts")


def test_a_model_that_sees_far_ends_on_whole_windows():
    assert plan(steps=100).lengths() == [(64, 0)]
    assert plan(preset="small", steps=100).lengths() == [(64, 80), (2048, 0)]
    for architecture in ("bert", "performer"):  # all of their layers see far
        assert plan(architecture=architecture, steps=100).lengths() == [(64, 80), (2048, 0)]
    long_curriculum = plan(preset="small", steps=100, curriculum=((8, 90),))
    assert long_curriculum.lengths() == [(64, 0), (2048, 0)]
    kinds = [kind.split("_")[0] for kind in LOCAL_LAYERS.types(4)]
    assert kinds == ["sliding", "sliding", "full", "sliding"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 3, "tokens": 9}, "--steps and --tokens"),
        ({"minutes": 1.0, "curriculum": ((8, 3),)}, "--curriculum"),
        ({"minutes": 1.0, "warmup_steps": 0}, "--warmup-steps"),
        ({"piece_tokens": 2}, "--piece-tokens"),
        ({"piece_tokens": 64, "tokens_per_batch": 32}, "--piece-tokens"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        plan(**given)


def test_evaluation_masks_the_same_share_whatever_training_does(base):
    inputs = TrainingInputs(replace(base, mask_share=0.4, mask_variants=0.9).plan())
    train, dev = inputs.plan("train"), inputs.plan("dev")
    assert (train.mask_share, train.mask_variants) == (0.4, 0.9)
    assert (dev.mask_share, dev.mask_variants) == (0.15, 0.15)


def test_variants_are_masked_more_often_where_asked(base):
    inputs = TrainingInputs(replace(base, mask_share=0.1, mask_variants=0.8).plan())
    tokenizer = inputs.tokenizer
    variant = int(tokenizer.holds_variant.argmax())
    plain = int((~tokenizer.holds_variant & (tokenizer.span_lengths > 0)).argmax())
    tokens = np.tile(np.array([variant, plain], np.uint16), 5000)
    _, chosen = inputs.plan("train").apply(tokens, 0, (0, 0))
    assert chosen[::2].mean() == pytest.approx(0.8, abs=0.02)
    assert chosen[1::2].mean() == pytest.approx(0.1, abs=0.02)


def test_minutes_become_steps_once_and_a_resumed_run_keeps_them(base, tmp_path, monkeypatch):
    timed = replace(base, recipe="default", steps=None, minutes=0.02, resume=True, out=tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, 3, terminate)
        with pytest.raises(Interrupted):
            pretrain(timed)
    noted = json.loads((tmp_path / "checkpoints" / "steps.json").read_text())["steps"]
    assert noted > 3
    monkeypatch.setattr(pretraining, "note_steps", None)  # measuring again would fail
    pretrain(timed)
    assert records(tmp_path)[-1]["step"] == noted
    counted = replace(base, recipe="default", steps=noted, minutes=None, out=tmp_path / "counted")
    pretrain(counted)
    assert_same_weights(tmp_path, tmp_path / "counted")


@pytest.mark.parametrize("resume", [True, False])
def test_steps_that_another_run_noted_are_not_taken(base, tmp_path, monkeypatch, resume):
    monkeypatch.setattr(pretraining._Run, "_step_seconds", lambda _: 0.25)
    timed = replace(base, recipe="default", steps=None, start="random", minutes=0.02, out=tmp_path)
    other = {"minutes": 0.01} if resume else {}
    note = tmp_path / "checkpoints" / "steps.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"steps": 2, "identity": identity(replace(timed, **other))}))
    pretrain(replace(timed, resume=resume))
    assert records(tmp_path)[-1]["step"] == 4


def test_a_checkpoint_whose_steps_are_lost_is_not_trained_to_another_end(
    base, tmp_path, monkeypatch
):
    monkeypatch.setattr(pretraining._Run, "_step_seconds", lambda _: 0.25)
    timed = replace(base, recipe="default", steps=None, start="random", minutes=0.02, out=tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, 2, terminate)
        with pytest.raises(Interrupted):
            pretrain(timed)
    (tmp_path / "checkpoints" / "steps.json").unlink()
    with pytest.raises(UserError, match=r"steps\.json"):
        pretrain(replace(timed, resume=True))


def test_the_same_budget_in_steps_and_in_tokens_is_the_same_run(base):
    steps, tokens, minutes = (
        identity(replace(base, **{"steps": None, **budget}))
        for budget in ({"steps": 4}, {"tokens": 4 * 512}, {"minutes": 4.0})
    )
    assert steps == tokens
    assert minutes != steps


def test_muon_turns_the_matrices_of_every_architecture():
    for architecture in ("modernbert", "bert"):
        config = build_config(architecture, "tiny", vocab_size=9, pad_id=0, cls_id=1, sep_id=2)
        named = dict(build_model(config).named_parameters())
        muon, _ = Optimizers(named, "muon", torch.device("cpu")).parts
        turned = muon.param_groups[0]["params"]
        assert len(turned) == {"modernbert": 8, "bert": 12}[architecture]


def test_muon_resumes_bit_for_bit(base, tmp_path, monkeypatch):
    muon = replace(base, recipe="default", optimizer="muon", checkpoint_every=4)
    pretrain(replace(muon, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        stop_at(patch, 6, terminate)
        with pytest.raises(Interrupted):
            pretrain(replace(muon, out=tmp_path / "stopped"))
    pretrain(replace(muon, out=tmp_path / "stopped", resume=True))
    assert_same_weights(tmp_path / "whole", tmp_path / "stopped")


def test_what_counts_know_stands_beside_what_the_model_knows(base, tmp_path, caplog):
    caplog.set_level(logging.INFO, "pybmfm")
    pretrain(replace(base, out=tmp_path, recipe="default"))
    names = ("unigram_bits_per_nucleotide", "neighbours_bits_per_nucleotide")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for split in ("dev", "test"):
        assert metrics[split][names[0]] > metrics[split][names[1]] > 0
    logged = records(tmp_path, "dev_loss")
    assert all(f"dev_{name}" in record for record in logged for name in names)
    assert "unigram" in caplog.text


def test_a_model_that_knows_no_context_is_told_with_the_remedy(caplog):
    known = {"unigram_bits_per_nucleotide": 2.0, "neighbours_bits_per_nucleotide": 1.9}
    warn_of_no_context({"bits_per_nucleotide": 1.98, **known})
    assert not caplog.records
    warn_of_no_context({"bits_per_nucleotide": 1.999, **known})
    assert "knows no context" in caplog.text
    assert "--minutes" in caplog.text
