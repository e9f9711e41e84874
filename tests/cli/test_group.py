"""Every verb has help, an executable and the same exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from safetensors import SafetensorError

from pybmfm import __version__
from pybmfm.cli import main
from pybmfm.cli.build_task import BUILDERS
from pybmfm.cli.group import VERBS
from pybmfm.core import Interrupted, OutOfMemory, UserError
from pybmfm.core.provenance import source_digest
from pybmfm.core.staging import writable


@pytest.mark.parametrize("verb", VERBS)
def test_verb_has_help_with_an_example_and_an_executable(verb: str, repository: Path) -> None:
    module = importlib.import_module(f"pybmfm.cli.{verb.replace('-', '_')}")
    text = module.command.get_help(click.Context(module.command, info_name=verb))
    assert "Example" in text
    assert os.access(repository / "bin" / verb, os.X_OK)


@pytest.mark.parametrize("builder", BUILDERS)
def test_builder_of_tasks_has_help_with_an_example(builder: str) -> None:
    module = importlib.import_module(f"pybmfm.cli.build_task.{builder.replace('-', '_')}")
    assert "Example" in module.command.get_help(click.Context(module.command, info_name=builder))


def test_the_version_names_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pybmfm, version {__version__}+{source_digest()}\n"


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys\nfrom pybmfm.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'pandas', 'numba', 'pysam') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("bad input", file="x.fa"), 2),
        (Interrupted("saved at step 3"), 143),
        (OutOfMemory("GPU"), 137),
        (MemoryError(), 137),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes\n#0 a frame"), 137),
        (RuntimeError("CUDA error: out of memory"), 137),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), 137),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 137),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (OSError(errno.EFBIG, "File too large"), 2),
        (OSError(errno.EIO, "Input/output error"), 2),
        (SafetensorError("I/O error: No space left on device (os error 28)"), 2),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]), 2),
        (OSError("10000 requested and 109 written"), 2),
        (OSError("Error closing BGZFile object"), 2),
    ],
)
def test_errors_become_exit_codes(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("pybmfm.cli.group.group.main", fail)
    with pytest.raises(SystemExit) as exit_info:
        main(["simulate"])
    assert exit_info.value.code == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_file_not_written_for_lack_of_memory_is_no_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        with writable("note.json"):
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("pybmfm.cli.group.group.main", fail)
    with pytest.raises(SystemExit) as exit_info:
        main(["simulate"])
    assert exit_info.value.code == 137
    assert capsys.readouterr().err.startswith("Out of memory: note.json: cannot be written")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        ValueError("out of memory"),
        OSError(errno.EBADF, "bad"),
        OSError("odd"),
        shutil.Error([("a", "b", "[Errno 2] No such file or directory: 'a'")]),
        SafetensorError("Error while deserializing header: invalid"),
    ],
)
def test_bugs_show_their_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("pybmfm.cli.group.group.main", fail)
    with pytest.raises(type(error)):
        main(["simulate"])


def test_unknown_verb_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["pretrian"])
    assert exit_info.value.code == 2
    assert "pretrain" in capsys.readouterr().err


def test_unknown_builder_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["build-task", "geu"])
    assert exit_info.value.code == 2
    assert "'gue'" in capsys.readouterr().err
