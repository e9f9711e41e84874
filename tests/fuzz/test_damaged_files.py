"""Damaged files of every format end in a checked output or in one sentence.

``PYBMFM_MUTATIONS`` says how many are tried (300), ``PYBMFM_MUTATIONS_SEED`` which.
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from .conftest import PROPERTY
from .inputs import make_inputs
from .running import run
from .scenarios import SCENARIOS, Scenario

MUTATIONS = int(os.environ.get("PYBMFM_MUTATIONS", "300"))
SEED = int(os.environ.get("PYBMFM_MUTATIONS_SEED", "0"))
FORMATS = tuple(dict.fromkeys(scenario.format for scenario in SCENARIOS))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_inputs(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_refused_in_one_sentence_or_used_rightly(
    kind: str,
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    scenarios = [scenario for scenario in SCENARIOS if scenario.format == kind]
    outcomes: Counter[str] = Counter()
    faults = []
    began = time.process_time()
    for number in range(_share(kind)):
        scenario = scenarios[number % len(scenarios)]
        seed = (SEED, FORMATS.index(kind), number)
        outcome, fault = _try(scenario, inputs, tmp_path / "case", seed)
        outcomes[outcome] += 1
        if fault:
            faults.append(f"--- {kind} {number}: {fault}")
    counted = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
    record_property(PROPERTY, f"{kind}: {counted}, {time.process_time() - began:.0f} s of CPU")
    assert not faults, "\n".join(faults)


def _share(kind: str) -> int:
    """How many of the mutations a format gets: the same for all scenarios."""
    place = FORMATS.index(kind)
    ends = [0]
    for name in FORMATS:
        ends.append(ends[-1] + sum(scenario.format == name for scenario in SCENARIOS))
    first, last = (MUTATIONS * end // len(SCENARIOS) for end in ends[place : place + 2])
    return last - first


def _try(
    scenario: Scenario, inputs: Path, folder: Path, seed: tuple[int, int, int]
) -> tuple[str, str]:
    """Return the outcome (a word), and what is wrong (empty if nothing)."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    arguments, done = scenario.prepare(inputs, folder, np.random.default_rng(seed))
    shown = f"{done}, pybmfm {' '.join(arguments)}\n"
    ended = run(arguments, folder / "stderr.txt")
    if ended.fault:
        return "fault", shown + ended.fault
    left = sorted(path.name for path in (folder / "work").iterdir())
    if ended.code:
        return ("refused", "") if not left else ("fault", f"{shown}half-written: {left}")
    beside = {scenario.out + ending for ending in ("", ".tbi", ".manifest.json")}
    if not set(left) <= beside or {path.name for path in Path().iterdir()} != {"case"}:
        return "fault", f"{shown}wrote {left} and {list(Path().iterdir())}"
    try:
        scenario.check(folder / "work" / scenario.out)
    except Exception:
        return "fault", f"{shown}{ended.stderr[-500:]}\n{traceback.format_exc()[-3000:]}"
    return "used", ""
