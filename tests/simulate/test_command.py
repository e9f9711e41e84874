"""The command line of the demo world."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from pybmfm.cli.simulate import command


def test_command_makes_a_world_of_the_wanted_size(tmp_path: Path) -> None:
    out = tmp_path / "world"
    arguments = ["--out", str(out), "--seed", "5", "--contig-length", "chr9=30_000"]
    result = CliRunner().invoke(command, [*arguments, "--task-rows", "30"])
    assert result.exit_code == 0, result.output
    settings = json.loads((out / "manifest.json").read_text())["settings"]
    assert settings["seed"] == 5
    assert settings["contigs"] == {"chr9": 30_000}


def test_command_refuses_a_contig_without_length(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "world"), "--contig-length", "chr9"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert "NAME=LENGTH" in result.output
    assert not (tmp_path / "world").exists()
