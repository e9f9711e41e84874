"""The benchmarks of pretraining run, at sizes that say nothing about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pybmfm.training.precision import computes_bf16

REPOSITORY = Path(__file__).parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
# What a bare GPU machine lacks.
ABSENT = ("numba", "pysam", "isal", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib")


def run(*command: str) -> str:
    finished = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_gpu_benchmark_runs_on_a_cpu_with_torch_and_transformers_alone(tmp_path):
    without = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))"
    arguments = ["--device", "cpu", "--preset", "tiny", "--steps", "1", "--warm-up", "1"]
    arguments += ["--equal-steps", "2", "--out", str(tmp_path / "figures.json")]
    program = f"{without}\nfrom benchmarks.pretrain_gpu import main\nmain({arguments!r})"
    output = run("-c", program)
    assert "MFU" in output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [v["problem"] for v in figures["variants"]] == ["", ""]
    assert figures["losses"]["largest_relative_difference"] < 0.02


def test_cpu_benchmark_prints_the_ratios():
    script = str(BENCHMARKS / "pretrain_cpu.py")
    size = ["--per-length", "1", "--batch", "5", "--rounds", "1", "--megabases", "0.1"]
    output = run(script, "--preset", "tiny", "--threads", "1", *size)
    for claim in ("fp32 / padded", "fp32 / grouped"):
        assert claim in output
    # Where torch only emulates bf16, its speed says nothing.
    assert ("bf16 / padded fp32" in output) == computes_bf16()


def test_masked_token_baselines_compare_all_models(tmp_path):
    script = str(BENCHMARKS / "masked_token_baselines.py")
    size = ["--contig-length", "chr1=60000", "--passes", "1", "--max-tokens", "3000"]
    training = ["--seeds", "0", "--steps", "2", "--threads", "1"]
    run(script, "--out", str(tmp_path), *size, *training)
    rows = json.loads((tmp_path / "results.json").read_text())
    models = {(row["encoding"], row["model"]) for row in rows}
    for encoding in ("ref", "snp"):
        for model in ("unigram (prior)", "left + right token", "pretrained tiny"):
            assert (encoding, model) in models
    neighbours = next(row for row in rows if row["model"] == "left + right token")
    unigram = next(row for row in rows if row["model"] == "unigram (prior)")
    assert neighbours["bits"][0] < unigram["bits"][0]


def test_recipes_are_compared_over_seeds(tmp_path):
    from tests.training.conftest import make_corpus, make_tokenizer

    tokenizer = make_tokenizer(tmp_path / "tokenizer")
    corpus = make_corpus(tmp_path / "corpus", tokenizer, {"train": 60, "dev": 10})
    script, out = str(BENCHMARKS / "pretrain_recipes.py"), tmp_path / "out"
    world = ["--corpus", "small", str(corpus), str(tokenizer.folder), "--out", str(out)]
    budget = ["--seeds", "0,1", "--cpu-minutes", "0.001", "--variant", "default"]
    printed = run(script, *world, *budget, "--variant", "random for counts")
    assert printed.count("below neighbours") == 2
    (default, random) = json.loads((out / "recipes.json").read_text())
    assert [one["seed"] for one in default["runs"]] == [0, 1]
    best = max(one["bits_per_nucleotide"] for one in default["runs"])
    assert best < min(one["bits_per_nucleotide"] for one in random["runs"])


@pytest.fixture
def places(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import pretrain_places

    return pretrain_places


def test_snp_pairs_are_the_six_pairs_of_bases(places):
    from pybmfm.variants.symbols import STATES_OF_CODE

    found = [places.snp_pair(code) for code in range(len(STATES_OF_CODE))]
    # Both orders of two different bases, whether or not they are ever drawn.
    assert sorted(pair for pair in found if pair >= 0) == sorted([*range(6)] * 2)


def test_intervals_are_wider_when_places_hang_together(places):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=20).repeat(50)
    alone = np.arange(1000)
    ones = np.ones(1000)
    value, low, high = places.interval(shared, ones, alone)
    _, lower, higher = places.interval(shared, ones, alone // 50)
    assert value == pytest.approx(shared.mean())
    assert lower < low < value < high < higher
