"""A launched run ends with the exit code of its processes, so that a queue knows what to do."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest


def launched(code: str, tmp_path) -> subprocess.Popen:
    script = tmp_path / "process.py"
    script.write_text(code)
    command = [sys.executable, "-m", "pybmfm.training.launch", "--standalone"]
    return subprocess.Popen(
        [*command, "--nproc-per-node", "2", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 2, 137, 143])
def test_the_exit_code_of_the_processes_is_kept(tmp_path, code):
    running = launched(f"raise SystemExit({code})", tmp_path)
    running.communicate()
    assert running.returncode == code


def test_a_killed_process_counts_as_in_a_shell(tmp_path):
    running = launched("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    running.communicate()
    assert running.returncode == 137


def test_a_signal_to_the_launcher_reaches_the_processes(tmp_path):
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
os.write(1, b"ready\\n")  # at once: both write to the same pipe
while True: time.sleep(0.1)
"""
    running = launched(code, tmp_path)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    running.communicate()
    assert running.returncode == 143
