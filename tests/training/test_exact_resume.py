"""Killed at any moment, a run ends as if it never had been."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pybmfm.training import PretrainSettings, pretrain

from .conftest import assert_same_weights, records

KILLS = 20
LONG = 60  # steps; too many for the killed attempts to reach the end

# One interpreter that has imported everything and computed nothing forks every attempt.
FORKS = """
import os, random, signal, sys, time
from pathlib import Path
from pybmfm.training import PretrainSettings, checkpoints, pretrain, pretraining, storage

root, corpus, tokenizer = map(Path, sys.argv[1:4])
kills, steps = map(int, sys.argv[4:])
Run = pretraining._Run

def run(out, **changes):
    pretrain(PretrainSettings((corpus,), tokenizer, root / out, tokens_per_batch=512,
        max_length=64, device="cpu", resume=True, **changes))

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def fork(task):
    child = os.fork()
    if child == 0:
        task()
        os._exit(0)
    return child

def attempt_that_tells(pipe):
    report = Run.report
    def reported(*args):
        report(*args)
        os.write(pipe, b".")
    Run.report = reported
    run("random", steps=steps, checkpoint_every=3, validate_every=5)

# Some steps into each attempt, and then at any instant of the next few milliseconds.
moments = random.Random(0)
for kill in range(kills):
    reader, writer = os.pipe()
    child = fork(lambda: attempt_that_tells(writer))
    os.close(writer)
    for _ in range(moments.randint(1, 3)):
        os.read(reader, 1)
    time.sleep(moments.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.close(reader)
    print("random", code(child))
print("random", code(fork(lambda: run("random", steps=steps, checkpoint_every=3,
                                      validate_every=5))))

# While the best weights are written: before, half durable, the old ones gone, just done.
DEATHS = [("commit", 1), ("_make_durable", 2), ("replace", 3), ("rmtree", 1), ("done", 1)]

def die_in(name, call):
    place, function = {"commit": (checkpoints.BestFolder, "commit"),
        "_make_durable": (storage, "_make_durable"),
        "replace": (storage.os, "replace"),
        "rmtree": (storage.shutil, "rmtree"),
        "done": (Run, "_keep_best")}[name]
    ordinary, calls = getattr(place, function), []
    def wrapped(*args, **kwargs):
        aims = [str(one) for one in args if str(one).endswith("best")] or name not in (
            "replace", "rmtree")
        if name == "done":
            ordinary(*args, **kwargs)
        calls.extend([1] if aims else [])
        if aims and len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return None if name == "done" else ordinary(*args, **kwargs)
    setattr(place, function, wrapped)

def attempt(death):
    if death:
        die_in(*death)
    run("best", steps=12, checkpoint_every=4, validate_every=2, checkpoints=root / "durable")

for death in [*DEATHS, None]:
    print("best", code(fork(lambda: attempt(death))))
"""


@pytest.fixture(scope="module")
def forked(
    base: PretrainSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, list[int]]]:
    """Folders `random` and `best`, and the exit codes of the attempts that made them."""
    root = tmp_path_factory.mktemp("forked")
    arguments = [root, base.corpora[0], base.tokenizer, KILLS, LONG]
    done = subprocess.run(
        [sys.executable, "-c", FORKS, *map(str, arguments)],
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


def assert_same_run(killed: Path, straight: Path) -> None:
    """The same losses at every step, however often it was done, and the same weights."""
    for key in ("loss", "dev_loss"):
        wanted = {record["step"]: record[key] for record in records(straight, key)}
        found = records(killed, key)
        assert {record["step"] for record in found} == set(wanted)
        assert all(record[key] == wanted[record["step"]] for record in found)
    assert_same_weights(killed, straight)
    assert_same_weights(killed / "best", straight / "best")
    one, other = (json.loads((out / "metrics.json").read_text()) for out in (killed, straight))
    assert one == other


def test_killed_at_20_random_moments(forked, base, tmp_path):
    root, codes = forked
    assert codes["random"] == [-signal.SIGKILL] * KILLS + [0]
    settings = replace(
        base, recipe="default", out=tmp_path / "straight", steps=LONG, checkpoint_every=0
    )
    pretrain(replace(settings, validate_every=5))
    assert_same_run(root / "random", tmp_path / "straight")
    assert len(records(root / "random")) > LONG  # redone steps are there twice


def test_killed_while_the_best_weights_are_written(forked, base, tmp_path):
    root, codes = forked
    assert codes["best"] == [-signal.SIGKILL] * 5 + [0]
    settings = replace(
        base, recipe="default", out=tmp_path / "straight", steps=12, checkpoint_every=0
    )
    pretrain(replace(settings, validate_every=2))
    assert_same_run(root / "best", tmp_path / "straight")
    # What was half-written at a kill is gone.
    assert not list((root / "best").glob(".*"))
    assert not list((root / "durable").glob("*/.best*"))
