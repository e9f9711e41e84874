"""Artefacts appear whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pybmfm.core import (
    UserError,
    output_directory,
    output_file,
    read_manifest,
    write_manifest,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    with output_directory(tmp_path / "out") as staging:
        (staging / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert names(tmp_path) == ["out"]


def test_failed_block_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    with output_directory(tmp_path / "out") as staging:
        (staging / "a").write_text("old")
        write_manifest(staging, artefact="windows", settings={})
    with pytest.raises(RuntimeError), output_directory(tmp_path / "out") as staging:
        (staging / "a").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with output_directory(tmp_path / "out") as staging:
            (staging / name).touch()
            write_manifest(staging, artefact="windows", settings={})
    assert names(tmp_path / "out") == ["manifest.json", "second"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_are_as_open_to_others_as_the_user_wants(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        with output_directory(tmp_path / "out") as staging:
            (staging / "below").mkdir()
            for name in ("closed", "below/closed"):
                (staging / name).touch(0o600)
    finally:
        os.umask(before)
    for name in ("closed", "below/closed"):
        assert (tmp_path / "out" / name).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("manifest", [None, "{", '{"mine": 1}'])
def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path, manifest: str | None) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    before = names(tmp_path)
    with pytest.raises(UserError, match="did not make"), output_directory(tmp_path):
        pass
    assert names(tmp_path) == before


def test_file_keeps_its_suffixes_while_written(tmp_path: Path) -> None:
    with output_file(tmp_path / "a.vcf.gz") as staging:
        assert staging.name.endswith(".vcf.gz")
        staging.write_text("x")
    assert names(tmp_path) == ["a.vcf.gz"]


def test_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="cannot be written"),
        output_directory(tmp_path / "file" / "out"),
    ):
        pass
    with (
        pytest.raises(UserError, match="cannot be written"),
        output_file(tmp_path / "file" / "out.txt"),
    ):
        pass


def test_output_over_a_thing_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="not a folder"), output_directory(tmp_path / "file"):
        pass
    with pytest.raises(UserError, match="not a file"), output_file(tmp_path / "folder"):
        pass


def test_manifest_round_trip_and_kind(tmp_path: Path) -> None:
    source = tmp_path / "input.txt"
    source.write_text("ACGT")
    write_manifest(tmp_path, artefact="windows", settings={"seed": 1}, inputs=[source], counts={})
    manifest = read_manifest(tmp_path, "windows")
    assert manifest["inputs"][0]["name"] == "input.txt"
    assert manifest["inputs"][0]["bytes"] == 4
    assert str(tmp_path) not in json.dumps(manifest)
    with pytest.raises(UserError, match="holds a windows, not a corpus"):
        read_manifest(tmp_path, "corpus")


def test_broken_or_missing_manifest_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        read_manifest(tmp_path, "corpus")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        read_manifest(tmp_path)
