"""Real Nextflow for the pipeline's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from .pretraining_runs import STEPS, Pretraining

# How parameters reach the pipeline differs between these; they must all work.
PARSERS = {
    "v1": {"NXF_SYNTAX_PARSER": "v1"},
    "v2": {"NXF_SYNTAX_PARSER": "v2"},
    "v2, no type detection": {
        "NXF_SYNTAX_PARSER": "v2",
        "NXF_DISABLE_PARAMS_TYPE_DETECTION": "true",
    },
}


@dataclass(frozen=True)
class Outcome:
    """What a Nextflow command said: exit code and both streams, joined and apart."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


Nextflow = Callable[..., Outcome]


@pytest.fixture(scope="session")
def nextflow(repository: Path) -> Nextflow:
    """Run a Nextflow command in a folder: ``nextflow("run", repository, cwd=folder)``."""
    executable = shutil.which("nextflow") or str(repository / ".venv" / "bin" / "nextflow")
    if not Path(executable).is_file():
        pytest.fail("no nextflow on PATH nor in .venv/bin: run `make setup`")

    def run(
        *arguments: object,
        cwd: Path,
        parser: str = "v1",
        timeout: float = 600,
        user: int | None = None,
    ) -> Outcome:
        # Projects that a test copies have no .venv of their own.
        path = f"{repository / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {
            **os.environ,
            "PATH": path,
            "NXF_ANSI_LOG": "false",
            "NXF_OFFLINE": "true",
            **PARSERS[parser],
        }
        if user is not None:  # who has no right to the home of the one that runs the tests
            environment |= {"HOME": str(cwd), "NXF_HOME": str(cwd / ".nextflow-home")}
        done = subprocess.run(
            [executable, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **({} if user is None else {"user": user, "group": user, "extra_groups": ()}),
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def stub_run(nextflow: Nextflow, repository: Path) -> Callable[..., Outcome]:
    """Run the pipeline's test profile with stubs: the whole graph, no work."""

    def run(cwd: Path, *flags: str, parser: str = "v1", profile: str = "test") -> Outcome:
        command: Sequence[object] = ["run", repository, "-profile", profile, "-stub-run", *flags]
        return nextflow(*command, cwd=cwd, parser=parser)

    return run


@pytest.fixture(scope="session")
def demo(
    nextflow: Nextflow, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Path]:
    """One run of the test profile: what Nextflow said, and the folder it was launched in."""
    folder = tmp_path_factory.mktemp("demo")
    outcome = nextflow("run", repository, "-profile", "test", cwd=folder, timeout=1400)
    assert outcome.code == 0, outcome.text
    return outcome, folder


@pytest.fixture(scope="session")
def finished_artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small tokenizer and corpus of a random genome."""
    from pybmfm.corpus import CorpusSettings, WindowSettings, build_corpus, sample_windows
    from pybmfm.corpus.tokenizer_lines import TokenizerLines, TrainingGenome
    from pybmfm.tokenizer import TokenizerSettings, train_tokenizer

    folder = tmp_path_factory.mktemp("artefacts")
    fasta, windows, tokenizer = (folder / name for name in ("genome.fa", "windows", "tokenizer"))
    bases = np.random.default_rng(0).choice(list("ACGT"), 400_000, p=[0.3, 0.2, 0.2, 0.3])
    fasta.write_text(f">chr1\n{''.join(bases)}\n")
    sample_windows(WindowSettings(fasta, windows, passes=1))
    genome = TrainingGenome(fasta, windows)
    lines = TokenizerLines([genome], max_bases=100_000, seed=0, strategy="paper")
    settings = TokenizerSettings(out=tokenizer, encoding="ref", vocab_size=300)
    train_tokenizer(settings, lines, origin={}, inputs=(), counts=lines.counts)
    build_corpus(CorpusSettings(fasta, windows, tokenizer, folder / "corpus"))
    return folder


@pytest.fixture(scope="session")
def launch_folder(
    nextflow: Nextflow, repository: Path, finished_artefacts: Path
) -> Callable[[Path], Pretraining]:
    """Make a folder one in which the pipeline pretrains: ``launch_folder(tmp_path)``."""
    return lambda folder: Pretraining(nextflow, repository, finished_artefacts, folder)


@pytest.fixture(scope="session")
def undisturbed(
    launch_folder: Callable[[Path], Pretraining], tmp_path_factory: pytest.TempPathFactory
) -> Pretraining:
    """What all others must be equal to: a run on this machine that nothing disturbs."""
    pretraining = launch_folder(tmp_path_factory.mktemp("undisturbed"))
    pretraining.run()
    assert [attempt.exit for attempt in pretraining.attempts] == ["0"]
    assert [step for step, _ in pretraining.losses] == list(range(1, STEPS + 1))
    return pretraining
