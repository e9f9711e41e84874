"""Pretraining: what it writes, how it resumes, how it stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pybmfm.core import Interrupted, OutOfMemory, UserError, read_manifest
from pybmfm.training import evaluating, pretrain, pretraining
from pybmfm.training.lease import Lease
from pybmfm.training.optimizer import adamw
from pybmfm.training.schedule import learning_rate

from .conftest import STEPS, assert_same_weights, make_corpus, records


def stop_at(monkeypatch, step: int, action) -> None:
    """Do something in the middle of a step: after the update, before the log and the checkpoint."""
    ordinary = pretraining._Run.update

    def update(run, batches):
        record = ordinary(run, batches)
        if run.state.step + 1 == step:
            action()
        return record

    monkeypatch.setattr(pretraining._Run, "update", update)


# -- results ----------------------------------------------------------------------------------


def test_writes_a_model_a_log_and_metrics(reference, small_tokenizer):
    assert read_manifest(reference, "checkpoint")["encoding"] == "snp"
    steps = records(reference)
    assert [record["step"] for record in steps] == list(range(1, STEPS + 1))
    assert steps[-1]["loss"] < steps[0]["loss"] < np.log(small_tokenizer.vocab_size) + 0.3
    assert all(record["tokens"] <= 512 for record in steps)
    dev = records(reference, "dev_loss")
    assert [record["step"] for record in dev] == [5, 10]
    metrics = json.loads((reference / "metrics.json").read_text())
    assert metrics["dev"]["bits_per_nucleotide"] == dev[-1]["dev_bits_per_nucleotide"]
    assert metrics["test"]["masked_tokens"] > 0


def test_the_test_split_is_read_once_after_the_last_step(base, tmp_path, monkeypatch):
    happened = []
    ordinary_batch, ordinary_update = evaluating.masked_batch, pretraining._Run.update

    def masked_batch(pieces, visits, plan):
        happened.extend((plan.purpose, visit.piece) for visit in visits)
        return ordinary_batch(pieces, visits, plan)

    def update(run, batches):
        happened.append(("step", run.state.step))
        return ordinary_update(run, batches)

    monkeypatch.setattr(evaluating, "masked_batch", masked_batch)
    monkeypatch.setattr(pretraining._Run, "update", update)
    pretrain(replace(base, out=tmp_path))
    kinds = [kind for kind, _ in happened]
    assert kinds.count("dev") > kinds.count("test") > 0
    assert "step" not in kinds[kinds.index("test") :]
    windows = [piece for kind, piece in happened if kind == "test"]
    assert sorted(windows) == list(range(len(windows)))


def test_same_seed_same_weights_and_another_seed_others(base, reference, tmp_path):
    torch.manual_seed(1)  # of no consequence
    pretrain(replace(base, out=tmp_path / "same"))
    assert_same_weights(reference, tmp_path / "same")
    last = Path("checkpoints") / f"step-{STEPS:06d}"
    files = [path for path in (reference / last).rglob("*") if path.is_file()]
    assert any(path.name == "optimizer.safetensors" for path in files)
    for path in files:
        other = tmp_path / "same" / path.relative_to(reference)
        assert other.read_bytes() == path.read_bytes(), path.name
    pretrain(replace(base, out=tmp_path / "other", seed=1, steps=2))
    assert records(tmp_path / "other")[0]["loss"] != records(reference)[0]["loss"]


def test_corpora_of_two_encodings_give_a_mixed_model(base, small_corpus, small_tokenizer, tmp_path):
    from pybmfm.tokenizer import DnaTokenizer

    other = make_corpus(tmp_path / "ref", small_tokenizer, {"train": 9}, encoding="ref")
    out = tmp_path / "out"
    # No --max-length: 2048 would not fit these batches.
    pretrain(replace(base, corpora=(small_corpus, other), out=out, steps=1, max_length=None))
    manifest = read_manifest(out, "checkpoint")
    assert manifest["encoding"] == DnaTokenizer.load(out).encoding == "mixed"
    assert manifest["settings"]["max_length"] == 512


def test_corpora_are_mixed_by_weight_and_a_resumed_mixture_is_the_same(
    base, small_corpus, small_tokenizer, tmp_path, monkeypatch
):
    other = make_corpus(tmp_path / "other", small_tokenizer, {"train": 9}, seed=4)
    mixed = replace(base, corpora=(small_corpus, other), weights=(0.3, 2.5), steps=6)
    pretrain(replace(mixed, out=tmp_path / "straight"))
    with monkeypatch.context() as patched:
        stop_at(patched, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            pretrain(replace(mixed, out=tmp_path / "stopped"))
    pretrain(replace(mixed, out=tmp_path / "stopped", resume=True))
    assert_same_weights(tmp_path / "straight", tmp_path / "stopped")
    pretrain(replace(mixed, out=tmp_path / "unweighted", weights=()))
    first = [records(tmp_path / name)[0]["loss"] for name in ("straight", "unweighted")]
    assert first[0] != first[1]
    with pytest.raises(UserError, match="weights was"):
        pretrain(replace(mixed, out=tmp_path / "stopped", weights=(1.0, 2.5), resume=True))


@pytest.mark.parametrize(
    ("wrong", "message"), [((1.0, 2.0), "2 times for 1 corpora"), ((0.0,), "not above 0")]
)
def test_weights_that_do_not_fit_are_refused(base, tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        pretrain(replace(base, weights=wrong, out=tmp_path / "out"))


def test_a_changed_shard_is_refused_before_the_first_step(base, small_corpus, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(small_corpus, copy)
    shard = copy / "dev/shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UserError, match="SHA-256 differs"):
        pretrain(replace(base, corpora=(copy,), out=tmp_path / "out"))


def test_micro_batches_change_nothing_but_rounding(base, reference, tmp_path):
    pretrain(replace(base, out=tmp_path, micro_batch_tokens=100))
    losses = [[r["loss"] for r in records(out)] for out in (reference, tmp_path)]
    np.testing.assert_allclose(*losses, atol=1e-4)


def test_bits_per_nucleotide_is_the_sum_of_bits_over_the_nucleotides_covered(
    base, reference, small_tokenizer
):
    from pybmfm.corpus import TokenCorpus
    from pybmfm.model import FlatBatch, hidden_states, load_checkpoint, masked_lm_logits
    from pybmfm.training.batches import Pieces, Visit, masked_batch
    from pybmfm.training.masking import MaskPlan

    model, tokenizer = load_checkpoint(reference)
    pieces = Pieces([TokenCorpus(base.corpora[0], "dev")], base.max_length)
    plan = MaskPlan(0, "dev", 0.15, 0.0, tokenizer.mask, tuple(range(5)))
    bits = nucleotides = 0.0
    variant_free = []
    for piece in range(len(pieces)):
        masked = masked_batch(pieces, [Visit(piece, 0)], plan)
        assert (masked.batch.tokens[masked.places] == tokenizer.mask).all()
        with torch.no_grad():
            states = hidden_states(model, FlatBatch(**vars(masked.batch)))[masked.places]
            log2p = masked_lm_logits(model, states).log_softmax(1) / np.log(2)
        for row, token in enumerate(masked.targets.tolist()):
            bits -= float(log2p[row, token])
            nucleotides += tokenizer.span_lengths[token]
            variant_free.append(not tokenizer.holds_variant[token])
    dev = json.loads((reference / "metrics.json").read_text())["dev"]
    assert dev["masked_tokens"] == len(variant_free)
    assert dev["bits_per_nucleotide"] == pytest.approx(bits / nucleotides, rel=1e-5)
    assert dev["bits_per_nucleotide_variant_free"] != dev["bits_per_nucleotide_variant"]


def test_learning_rate_rises_and_falls_linearly():
    rates = [learning_rate(s, peak=1.0, warmup_steps=2, steps=6) for s in range(6)]
    assert rates == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_weight_decay_is_on_matrices_only():
    parameters = [torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))]
    groups = adamw(parameters, torch.device("cpu")).param_groups
    assert [(g["params"], g["weight_decay"]) for g in groups] == [
        ([parameters[0]], 1e-5),
        ([parameters[1]], 0.0),
    ]


def test_bert_trains_too(base, tmp_path):
    pretrain(replace(base, out=tmp_path, architecture="bert", steps=2))
    assert read_manifest(tmp_path, "checkpoint")["architecture"] == "bert"


def test_several_corpora_are_mixed(base, tmp_path):
    twice = (*base.corpora, *base.corpora)
    pretrain(replace(base, out=tmp_path, corpora=twice, steps=1))
    counts = read_manifest(tmp_path, "checkpoint")["counts"]
    assert counts["train_pieces"] % 2 == 0


# -- stop and go ------------------------------------------------------------------------------


# One interpreter that has imported everything and computed nothing forks every process of the
# tests below: forking is then safe, and the imports are paid once.
FORKS = """
import os, signal, socket, sys
from pathlib import Path
from pybmfm.training import PretrainSettings, pretrain, pretraining, checkpoints, storage

root, corpus, tokenizer = map(Path, sys.argv[1:])

def run(out, **changes):
    pretrain(PretrainSettings((corpus,), tokenizer, root / out, steps=10, tokens_per_batch=512,
        max_length=64, checkpoint_every=3, validate_every=5, device="cpu", **changes))

def fork(task):
    child = os.fork()
    if child == 0:
        task()
        os._exit(0)
    return child

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

# What to die in, at which call in that process, and the step it resumed from before:
DEATHS = [
    ("update", 2),  # 0: nothing was saved yet
    ("_make_durable", 1),  # 0: the first checkpoint is written, but has no name yet
    ("update", 5),  # 0: between two checkpoints
    ("_sync", 5),  # 3: halfway through making files durable
    ("report", 1),  # 3: a step was done but not logged
    ("_remove_old", 2),  # 3: a checkpoint has its name, the old one is not removed
    ("validate", 1),  # 9: the last step is saved
    ("finish", 1),  # 10: only the final model is missing
]
PLACES = {"_make_durable": storage, "_sync": storage,
          "_remove_old": checkpoints.CheckpointFolder}

def die_in(name, call):
    place = PLACES.get(name, pretraining._Run)
    ordinary, calls = getattr(place, name), []
    def wrapped(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return ordinary(*args, **kwargs)
    setattr(place, name, wrapped)

def attempt(death):
    if death:
        die_in(*death)
    run("killed", resume=True, recipe="published")

for death in [*DEATHS, None]:
    print("killed", code(fork(lambda: attempt(death))))

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

def member(rank):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    run("two")

for child in [fork(lambda rank=rank: member(rank)) for rank in range(2)]:
    print("two", code(child))
"""


@pytest.fixture(scope="module")
def forked(base, tmp_path_factory) -> tuple[Path, dict[str, list[int]]]:
    """Folders `killed` and `two`, and the exit codes of the processes that made them."""
    root = tmp_path_factory.mktemp("forked")
    done = subprocess.run(
        [sys.executable, "-c", FORKS, *map(str, (root, base.corpora[0], base.tokenizer))],
        capture_output=True,
        text=True,
        check=True,
    )
    codes: dict[str, list[int]] = {}
    for line in done.stdout.splitlines():
        name, number = line.split()
        codes.setdefault(name, []).append(int(number))
    print(done.stderr)  # shown when a test below fails  # noqa: T201
    return root, codes


def test_killed_again_and_again_ends_with_the_same_weights(forked, reference):
    root, codes = forked
    assert codes["killed"] == [-signal.SIGKILL] * 8 + [0]
    assert_same_weights(reference, root / "killed")
    wanted = {record["step"]: record["loss"] for record in records(reference)}
    found = records(root / "killed")
    assert len(found) > STEPS  # redone steps are there twice
    assert {record["step"] for record in found} == set(wanted)
    assert all(record["loss"] == wanted[record["step"]] for record in found)


def test_two_processes_give_the_losses_of_one(forked, base, tmp_path):
    root, codes = forked
    assert codes["two"] == [0, 0]
    pretrain(replace(base, recipe="default", out=tmp_path))
    for key in ("loss", "tokens", "dev_loss", "dev_tokens"):
        values = [[r[key] for r in records(out, key)] for out in (tmp_path, root / "two")]
        np.testing.assert_allclose(*values, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_signals_save_and_interrupt(base, reference, tmp_path, monkeypatch, name):
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        stop_at(patch, 4, lambda: os.kill(os.getpid(), number))
        with pytest.raises(Interrupted, match=f"{name}.*step 4 of 10.*--resume"):
            pretrain(replace(base, out=tmp_path))
    assert signal.getsignal(number) is before
    assert not (tmp_path / "model.safetensors").exists()
    pretrain(replace(base, out=tmp_path, resume=True))
    assert_same_weights(reference, tmp_path)
    assert [record["step"] for record in records(tmp_path)] == list(range(1, STEPS + 1))


def test_time_budget_saves_and_interrupts(base, tmp_path):
    with pytest.raises(Interrupted, match="--max-minutes"):
        pretrain(replace(base, out=tmp_path, max_minutes=0.0))
    assert list((tmp_path / "checkpoints").glob("step-000001"))


def test_resume_after_the_end_gives_the_same(base, reference, tmp_path):
    pretrain(replace(base, out=tmp_path, resume=True))  # safe on an empty folder
    pretrain(replace(base, out=tmp_path, resume=True))
    assert_same_weights(reference, tmp_path)


def test_existing_checkpoints_need_resume(base, reference):
    with pytest.raises(UserError, match="--resume"):
        pretrain(replace(base, out=reference))


def test_other_settings_are_refused_by_name(base, reference):
    with pytest.raises(UserError, match=r"learning-rate was 0\.0005, is 0\.001"):
        pretrain(replace(base, out=reference, learning_rate=1e-3, resume=True))


def test_damaged_newest_checkpoint_falls_back_by_one(base, reference, tmp_path, caplog):
    pretrain(replace(base, out=tmp_path))
    newest, before = sorted((tmp_path / "checkpoints").glob("step-*"))[::-1]
    file = newest / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8] + b"damaged!")
    (tmp_path / "model.safetensors").unlink()
    pretrain(replace(base, out=tmp_path, resume=True))
    assert f"{newest} is damaged" in caplog.text
    assert before.name == "step-000009"
    assert_same_weights(reference, tmp_path)


def test_keeps_the_last_checkpoints(reference):
    names = sorted(p.name for p in (reference / "checkpoints").iterdir())
    assert names == ["step-000009", "step-000010"]


def test_durable_root_has_a_folder_per_run_and_carries_the_log(base, tmp_path, monkeypatch):
    root = tmp_path / "root"
    with monkeypatch.context() as patch:
        stop_at(patch, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            pretrain(replace(base, out=tmp_path / "first", checkpoints=root, resume=True))
    # The retry starts in an empty folder, with another number of threads and another cadence.
    retry = replace(base, out=tmp_path / "retry", checkpoints=root, resume=True)
    pretrain(replace(retry, checkpoint_every=7, keep=1))
    steps = [record["step"] for record in records(tmp_path / "retry")]
    assert steps == list(range(1, STEPS + 1))
    assert len(list(root.iterdir())) == 1
    pretrain(replace(retry, out=tmp_path / "anew", learning_rate=1e-3, steps=1))
    assert len(list(root.iterdir())) == 2


def test_out_of_memory_halves_the_micro_batch_for_the_retry(base, reference, tmp_path, monkeypatch):
    def fail():
        raise torch.cuda.OutOfMemoryError("no memory")

    with monkeypatch.context() as patch:
        stop_at(patch, 5, fail)
        with pytest.raises(OutOfMemory, match=r"step 5.*with 256"):
            pretrain(replace(base, out=tmp_path))
    sizes = []
    ordinary = pretraining._Run.update
    monkeypatch.setattr(
        pretraining._Run,
        "update",
        lambda run, step: (
            sizes.extend(len(b.batch.tokens) for b in step.batches),
            ordinary(run, step),
        )[1],
    )
    pretrain(replace(base, out=tmp_path, resume=True))
    assert max(sizes) <= 256
    losses = [records(out)[-1]["loss"] for out in (reference, tmp_path)]
    np.testing.assert_allclose(*losses, atol=1e-4)


def test_full_disk_does_not_end_the_run(base, reference, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pybmfm.training.checkpoints.save_file", fail)
        pretrain(replace(base, out=tmp_path))
    assert "cannot be written" in caplog.text
    assert not list((tmp_path / "checkpoints").iterdir())
    assert_same_weights(reference, tmp_path)


def test_who_lost_the_lease_writes_nothing_more(base, tmp_path, monkeypatch):
    def lose():
        (lease,) = tmp_path.rglob("lease.json")
        lease.write_text(json.dumps({"id": "another", "heartbeat": 9e9}))

    # As after being frozen for longer than a lease lasts.
    monkeypatch.setattr(Lease, "check_if_overdue", Lease.check)
    stop_at(monkeypatch, 5, lose)
    with pytest.raises(UserError, match="taken this checkpoint folder over"):
        pretrain(replace(base, out=tmp_path / "out", checkpoints=tmp_path / "root"))
    (root,) = (tmp_path / "root").iterdir()
    assert [record["step"] for record in records(root)] == [1, 2, 3, 4]
    assert "another" in (root / "lease.json").read_text()
    assert not (tmp_path / "out/model.safetensors").exists()


def test_infinite_loss_is_explained(base, tmp_path):
    with pytest.raises(UserError, match=r"not a finite number.*--learning-rate"):
        pretrain(replace(base, out=tmp_path, learning_rate=1e30, warmup_steps=0))


# -- bad input --------------------------------------------------------------------------------


def test_bad_input_is_one_sentence_and_leaves_nothing(base, tmp_path, small_corpus):
    for changes, words in [
        ({"corpora": (tmp_path,)}, r"has no manifest\.json"),
        ({"tokenizer": tmp_path / "none"}, r"has no tokenizer\.json"),
        ({"max_length": 1024}, "--tokens-per-batch"),
        ({"warmup_steps": 11}, "--warmup-steps"),
        ({"device": "cuda"}, "no GPU"),
    ]:
        if changes.get("device") == "cuda" and torch.cuda.is_available():
            continue
        with pytest.raises(UserError, match=words):
            pretrain(replace(base, out=tmp_path / "out", **changes))
        assert not (tmp_path / "out").exists()


def test_corpus_of_another_tokenizer_is_refused(base, tmp_path):
    from pybmfm.tokenizer import TokenizerSettings, train_tokenizer

    settings = TokenizerSettings(out=tmp_path / "other", encoding="ref", vocab_size=150)
    train_tokenizer(settings, ["ACCA" * 300], origin={}, inputs=(), counts={})
    with pytest.raises(UserError, match="was not built with the tokenizer"):
        pretrain(replace(base, out=tmp_path / "out", tokenizer=tmp_path / "other"))


def test_files_of_the_user_in_the_models_folder_are_kept(base, tmp_path):
    out = tmp_path / "model"
    for name in ("README.md", "metrics.json", "best/thesis.txt", "notes.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    settings = replace(base, out=out, steps=2)
    pretrain(settings)
    for name in ("README.md.kept", "metrics.json.kept", "best.kept/thesis.txt", "notes.txt"):
        assert (out / name).read_text() == "mine"
    shutil.rmtree(out / "checkpoints")
    pretrain(settings)  # what is ours is written anew
    assert not [path.name for path in out.iterdir() if path.name.endswith(".kept-2")]


def test_a_file_in_the_place_of_a_folder_of_the_run_is_one_sentence_and_stays(base, tmp_path):
    for name in ("tensorboard", "checkpoints"):
        out = tmp_path / name
        out.mkdir()
        (out / name).write_text("mine")
        with pytest.raises(UserError, match="cannot be written"):
            pretrain(replace(base, out=out, tensorboard=True))
        assert (out / name).read_text() == "mine"
