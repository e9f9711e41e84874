"""Pretraining: the best weights, the log, masks, long sequences, divergence, compilation."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from pybmfm.core import Interrupted, UserError, read_manifest
from pybmfm.training import compiling, pretrain, pretraining
from pybmfm.training.compiling import compile_layers
from pybmfm.training.divergence import LossHistory

from .conftest import STEPS, assert_same_weights, make_corpus, records, weights

LOGGED = {
    "step",
    "loss",
    "perplexity",
    "bits_per_nucleotide",
    "gradient_norm",
    "tokens",
    "masked_tokens",
    "flops",
    "learning_rate",
    "tokens_per_second",
    "mfu",
    "padding_share",
    "data_wait_share",
    "peak_memory_bytes",
}

# -- best weights -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def overtrained(base, tmp_path_factory):
    """A run whose dev figures get worse at its end: its rate is far too high by then."""
    out = tmp_path_factory.mktemp("overtrained") / "out"
    settings = replace(base, learning_rate=0.3, warmup_steps=9, validate_every=2)
    pretrain(replace(settings, out=out, checkpoint_every=0))
    return settings, out


def test_best_holds_the_weights_of_the_best_evaluation(overtrained, base, tmp_path):
    settings, out = overtrained
    bits = {r["step"]: r["dev_bits_per_nucleotide"] for r in records(out, "dev_loss")}
    best = min(bits, key=bits.__getitem__)
    assert best < STEPS
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["best_dev"] == {
        "step": best,
        "bits_per_nucleotide": bits[best],
        "folder": "best",
    }
    assert metrics["evaluated_weights"] == "final"
    manifest = read_manifest(out / "best", "checkpoint")
    assert manifest["counts"]["steps"] == best
    assert manifest["metrics"]["dev_bits_per_nucleotide"] == bits[best]
    # The weights are those that the run had at that step: a checkpoint of then has them too.
    with_checkpoints = replace(settings, out=tmp_path, checkpoint_every=1, keep=STEPS)
    pretrain(with_checkpoints)
    assert_same_weights(tmp_path / f"checkpoints/step-{best:06d}", out / "best")
    assert not torch.equal(*(next(iter(weights(one).values())) for one in (out, out / "best")))
    plain = AutoModelForMaskedLM.from_pretrained(out / "best")
    assert plain.config.model_type == "modernbert"


def test_best_of_a_durable_root_comes_along_to_another_folder(overtrained, tmp_path, monkeypatch):
    settings, out = overtrained
    durable = replace(settings, checkpoints=tmp_path / "root", resume=True, checkpoint_every=3)
    ordinary = pretraining._Run.update

    def stopped(run, step):
        if run.state.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return ordinary(run, step)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining._Run, "update", stopped)
        with pytest.raises(Interrupted):
            pretrain(replace(durable, out=tmp_path / "first"))
    pretrain(replace(durable, out=tmp_path / "second"))
    assert_same_weights(tmp_path / "second" / "best", out / "best")
    assert not (tmp_path / "first" / "best").exists()


def test_no_best_is_kept_if_not_wanted_or_there_is_no_dev(base, small_tokenizer, tmp_path):
    pretrain(replace(base, out=tmp_path / "unwanted", keep_best=False, steps=1))
    corpus = make_corpus(tmp_path / "corpus", small_tokenizer, {"train": 9})
    pretrain(replace(base, corpora=(corpus,), out=tmp_path / "no_dev", steps=1))
    for name in ("unwanted", "no_dev"):
        assert not (tmp_path / name / "best").exists()
        best = json.loads((tmp_path / name / "metrics.json").read_text())["best_dev"]
        assert best["folder"] is None
    assert best["step"] is None


def test_best_weights_of_an_earlier_run_do_not_stay(base, small_tokenizer, tmp_path):
    corpus = make_corpus(tmp_path / "corpus", small_tokenizer, {"train": 9})
    pretrain(replace(base, out=tmp_path / "out", steps=1))
    shutil.rmtree(tmp_path / "out" / "checkpoints")
    pretrain(replace(base, corpora=(corpus,), out=tmp_path / "out", steps=1))
    assert not (tmp_path / "out" / "best").exists()


def test_full_disk_costs_the_best_weights_and_not_the_run(
    base, reference, tmp_path, monkeypatch, caplog
):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pybmfm.training.storage._make_durable", fail)
        pretrain(replace(base, out=tmp_path))
    assert "the best weights of step 5 cannot be written" in caplog.text
    assert_same_weights(reference, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["best_dev"]["step"] is not None
    assert metrics["best_dev"]["folder"] is None


# -- log --------------------------------------------------------------------------------------


def test_every_step_is_logged_with_all_figures(base, reference, tmp_path):
    for record in records(reference):
        assert record.keys() == LOGGED
        assert record["perplexity"] == pytest.approx(np.exp(record["loss"]))
        assert record["mfu"] is None  # nobody said what the peak of this CPU is
        assert record["padding_share"] == 0
        assert 0 <= record["data_wait_share"] <= 1
        assert record["tokens_per_second"] > 0
    assert {"dev_accuracy_variant", "dev_perplexity"} <= records(reference, "dev_loss")[0].keys()
    pretrain(replace(base, out=tmp_path, steps=2, peak_tflops=1.0))
    for record in records(tmp_path):
        speed = record["tokens_per_second"] / record["tokens"]
        assert record["mfu"] == pytest.approx(record["flops"] * speed / 1e12)


def test_tensorboard_gets_what_the_log_gets(base, tmp_path):
    pretrain(replace(base, out=tmp_path, steps=2, tensorboard=True))
    (file,) = (tmp_path / "tensorboard").iterdir()
    content = file.read_bytes()
    for name in (*LOGGED - {"step", "mfu"}, "dev_bits_per_nucleotide"):
        assert content.count(b"\x0a" + bytes([len(name)]) + name.encode()) >= 1, name


# -- checkpoints ------------------------------------------------------------------------------


def test_checkpoints_come_by_minutes_too(base, tmp_path):
    settings = replace(base, out=tmp_path, steps=3, checkpoint_every=0, keep=9)
    pretrain(replace(settings, checkpoint_minutes=0.0))
    assert [p.name for p in sorted((tmp_path / "checkpoints").iterdir())] == [
        "step-000001",
        "step-000002",
        "step-000003",
    ]


# -- masks and lengths ------------------------------------------------------------------------


def test_random_share_changes_what_is_seen_and_is_part_of_the_run(base, reference, tmp_path):
    pretrain(replace(base, out=tmp_path, random_share=0.3, steps=2))
    assert records(tmp_path)[0]["loss"] != records(reference)[0]["loss"]
    assert records(tmp_path)[0]["masked_tokens"] == records(reference)[0]["masked_tokens"]
    with pytest.raises(UserError, match=r"random-share was 0\.3, is 0\.0"):
        pretrain(replace(base, out=tmp_path, steps=2, resume=True))
    with pytest.raises(UserError, match="--keep-share and --random-share"):
        pretrain(replace(base, out=tmp_path / "no", keep_share=0.5, random_share=0.6))


@pytest.mark.parametrize("architecture", ["modernbert", "bert"])
def test_sequences_of_4096_tokens(base, small_tokenizer, tmp_path, monkeypatch, architecture):
    corpus = make_corpus(
        tmp_path / "corpus", small_tokenizer, {"train": 2, "dev": 1}, lengths=(5000, 5001)
    )
    lengths = []
    ordinary = pretraining._Run.update
    monkeypatch.setattr(
        pretraining._Run,
        "update",
        lambda run, step: (
            lengths.extend(n for one in step.batches for n in one.batch.lengths.tolist()),
            ordinary(run, step),
        )[1],
    )
    long = replace(base, corpora=(corpus,), max_length=4096, tokens_per_batch=4096)
    pretrain(replace(long, out=tmp_path / "out", steps=3, architecture=architecture))
    assert max(lengths) == 4096
    plain = AutoModelForMaskedLM.from_pretrained(tmp_path / "out")
    assert plain.config.max_position_embeddings == 4096


# -- divergence -------------------------------------------------------------------------------


@pytest.fixture
def almost_diverged(base, monkeypatch):
    """Runs begin with a past of 45 high steps, so that the fifth step is the fiftieth."""
    rising = LossHistory((0.1,) * 100, high=45)

    @dataclass(frozen=True)
    class Rising(pretraining.TrainingState):
        losses: LossHistory = rising

    monkeypatch.setattr(pretraining, "TrainingState", Rising)
    return base


def test_divergence_stops_with_the_last_good_checkpoint(almost_diverged, tmp_path):
    with pytest.raises(UserError, match=r"diverged: for 50 steps .* 0\.1; there is no checkpoint"):
        pretrain(replace(almost_diverged, out=tmp_path))
    assert len(records(tmp_path)) == 5
    resumed = replace(almost_diverged, out=tmp_path, resume=True)
    with pytest.raises(UserError, match="diverged"):
        pretrain(resumed)
    assert len(records(tmp_path)) == 7  # the checkpoint of step 3 knows of 48 high steps
    pretrain(replace(resumed, divergence_check=False))
    assert (tmp_path / "model.safetensors").exists()


# -- compilation ------------------------------------------------------------------------------


def test_a_compiled_run_has_the_losses_of_a_plain_one(
    base, reference, small_tokenizer, tmp_path, monkeypatch
):
    # Traced like the real thing, and then run without C++, which takes minutes to compile.
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    corpus = make_corpus(tmp_path / "corpus", small_tokenizer, {"train": 60})
    settings = replace(base, corpora=(corpus,), out=tmp_path / "out", compile=True)
    pretrain(settings)
    losses = [[r["loss"] for r in records(out)] for out in (reference, tmp_path / "out")]
    np.testing.assert_allclose(*losses, atol=1e-4)
    assert weights(tmp_path / "out").keys() == weights(reference).keys()
    # Before and after attention, two kinds of layers: none made anew for other lengths.
    assert 3 <= torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 6
    with pytest.raises(UserError, match="compile was True, is False"):
        pretrain(replace(settings, compile=False, resume=True))


def test_compilation_without_a_compiler_is_explained(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler"):
        compile_layers(torch.nn.Linear(1, 1))
