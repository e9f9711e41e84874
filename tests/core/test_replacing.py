"""Nothing of a user's is deleted or overwritten by an output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pybmfm.core import UserError, output_directory, output_file, write_manifest
from pybmfm.core import staging as staging_module
from pybmfm.core.ownership import KINDS, keep_foreign
from pybmfm.core.staging import ABANDONED_AFTER


def make(target: Path, name: str = "a") -> None:
    with output_directory(target) as staging:
        (staging / name).write_text(name)
        write_manifest(staging, artefact="windows", settings={})


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_manifest_names_the_files_of_its_folder_and_of_those_below(tmp_path: Path) -> None:
    with output_directory(tmp_path / "out") as staging:
        (staging / "inner").mkdir()
        write_manifest(staging / "inner", artefact="tasks", settings={})
        (staging / "inner" / "late").touch()
        write_manifest(staging, artefact="simulation", settings={})
    outer, inner = (
        json.loads((tmp_path / "out" / name).read_text())["files"]
        for name in ("manifest.json", "inner/manifest.json")
    )
    assert outer == ["inner/late", "inner/manifest.json", "manifest.json"]
    assert inner == ["late", "manifest.json"]


@pytest.mark.parametrize(
    "manifest",
    [
        '["artefact"]',
        '"artefact"',
        "null",
        "[" * 100_000,
        '{"artefact": "thesis", "files": ["manifest.json", "thesis.txt"]}',
        '{"artefact": ["windows"], "files": ["manifest.json", "thesis.txt"]}',
        '{"artefact": "windows"}',
        '{"artefact": "windows", "files": "thesis.txt"}',
        '{"artefact": "windows", "files": [["thesis.txt"], "manifest.json"]}',
    ],
)
def test_a_manifest_of_others_explains_nothing(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match="did not make"):
        make(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_every_kind_that_is_written_can_be_replaced(repository: Path) -> None:
    source = "\n".join(path.read_text() for path in (repository / "pybmfm").rglob("*.py"))
    written = set(re.findall(r'artefact="([a-z-]+)"', source))
    written |= set(re.findall(r'^(?:ARTEFACT|REPORT|SIMULATION) = "([a-z-]+)"', source, re.M))
    assert written - {"encoded-sequences"} == set(KINDS)
    with pytest.raises(ValueError, match="kinds"):
        write_manifest(repository / "nowhere", artefact="thesis", settings={})


@pytest.mark.parametrize("place", ["notes.txt", "below/deeper/notes.txt", ".hidden"])
def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path: Path, place: str) -> None:
    make(tmp_path / "out")
    notes = tmp_path / "out" / place
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text("mine")
    with pytest.raises(UserError, match=re.escape(place)):
        make(tmp_path / "out", "b")
    assert notes.read_text() == "mine"
    assert (tmp_path / "out" / "a").exists()


def test_a_link_in_an_artefact_is_refused_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    make(tmp_path / "out")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "x").touch(0o600)
    (tmp_path / "out" / "link").symlink_to(precious)
    with pytest.raises(UserError, match="link"):
        make(tmp_path / "out")
    assert (precious / "x").exists()


def test_modes_of_what_links_lead_to_stay(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    with output_directory(tmp_path / "out") as staging:
        (staging / "link").symlink_to(secret)
    assert secret.stat().st_mode & 0o777 == 0o600


def test_an_output_that_is_a_link_is_made_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("elsewhere")
    for name in ("first", "second"):
        make(tmp_path / "out", name)
    assert (tmp_path / "out").is_symlink()
    assert names(tmp_path / "elsewhere") == ["manifest.json", "second"]
    (tmp_path / "elsewhere" / "thesis.txt").touch()
    with pytest.raises(UserError, match=r"thesis\.txt"):
        make(tmp_path / "out", "third")


def test_a_folder_that_came_to_be_meanwhile_stays_and_so_does_the_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for kept in ("out.new", "out.new-2"):
        sentence = rf"thesis\.txt.* kept as {re.escape(str(tmp_path / kept))}\."
        with pytest.raises(UserError, match=sentence), output_directory(out) as staging:
            (staging / "a").write_text(kept)
            out.mkdir()
            (out / "thesis.txt").write_text("x")
        if kept == "out.new":
            (out / "thesis.txt").unlink()  # so that the second run may begin
            out.rmdir()
    assert names(tmp_path) == sorted(
        ["out", "out/thesis.txt", "out.new", "out.new/a", "out.new-2", "out.new-2/a"]
    )
    assert (tmp_path / "out.new" / "a").read_text() == "out.new"


def test_a_note_put_into_an_artefact_meanwhile_stays(tmp_path: Path) -> None:
    make(tmp_path / "out")
    with (
        pytest.raises(UserError, match=r"kept as .*out\.new"),
        output_directory(tmp_path / "out") as staging,
    ):
        write_manifest(staging, artefact="windows", settings={})
        (tmp_path / "out" / "notes.txt").write_text("mine")
    assert names(tmp_path / "out") == ["a", "manifest.json", "notes.txt"]


@pytest.mark.parametrize("thing", ["file", "dangling link"])
def test_another_thing_that_came_to_be_meanwhile_stays(tmp_path: Path, thing: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="kept as"), output_directory(out) as staging:
        (staging / "a").touch()
        out.write_text("mine") if thing == "file" else out.symlink_to("nowhere")
    assert out.is_symlink() if thing == "dangling link" else out.read_text() == "mine"
    assert (tmp_path / "out.new" / "a").exists()


def test_a_folder_under_the_name_of_a_file_stays(tmp_path: Path) -> None:
    out = tmp_path / "table.tsv"
    with (
        pytest.raises(UserError, match=r"kept as .*table\.tsv\.new"),
        output_file(out) as staging,
    ):
        staging.write_text("result")
        out.mkdir()
        (out / "thesis.txt").touch()
    assert (out / "thesis.txt").exists()
    assert (tmp_path / "table.tsv.new").read_text() == "result"


def test_a_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "out").symlink_to("precious")
    with output_file(tmp_path / "out") as staging:
        staging.write_text("new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "out").read_text() == "new"


KILLED = """
import os, signal, sys
from pybmfm.core import output_directory, output_file
make = output_directory if sys.argv[2] == "folder" else output_file
with make(sys.argv[1]) as staging:
    (staging / "half").touch() if sys.argv[2] == "folder" else staging.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    for name in ("out", "other", "out.v2"):
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name), kind])
    assert len(list(tmp_path.iterdir())) == 3
    with output_directory(out) if kind == "folder" else output_file(out) as staging:
        staging.mkdir(exist_ok=True) if kind == "folder" else staging.touch()
    left = {re.sub(r"\.[0-9a-f]{8}-.*", "", path.name) for path in tmp_path.iterdir()}
    assert left == {"out", ".other", ".out.v2"}


def test_what_a_running_command_writes_is_not_removed(tmp_path: Path) -> None:
    with output_directory(tmp_path / "out") as first:
        (first / "a").touch()
        make(tmp_path / "out", "second")
        assert (first / "a").exists()
        write_manifest(first, artefact="windows", settings={})
    assert names(tmp_path) == ["out", "out/a", "out/manifest.json"]


def test_what_another_machine_writes_is_left_until_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(staging_module, "_machine", lambda: "0" * 8)
        folder, lock = staging_module._make_locked(tmp_path / "out")
    os.close(lock)  # locks do not reach us
    (folder / "half").touch()
    make(tmp_path / "out")
    assert (folder / "half").exists()
    for path in (folder / "half", folder):
        old = path.stat().st_mtime - ABANDONED_AFTER - 1
        os.utime(path, (old, old))
    make(tmp_path / "out")
    assert names(tmp_path) == ["out", "out/a", "out/manifest.json"]


def test_an_artefact_lost_between_two_renames_is_given_back(tmp_path: Path) -> None:
    make(tmp_path / "out")
    folder, lock = staging_module._make_locked(tmp_path / "out")
    os.close(lock)  # as when killed
    os.replace(tmp_path / "out", folder / staging_module.OLD)
    with pytest.raises(RuntimeError), output_directory(tmp_path / "out"):
        raise RuntimeError
    assert names(tmp_path) == ["out", "out/a", "out/manifest.json"]


def test_a_run_that_writes_into_a_folder_keeps_what_is_not_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "out")
    for name in ("a", "README.md", "README.md"):
        (tmp_path / "out" / name).write_text("text")
        keep_foreign(tmp_path / "out" / name)
    assert names(tmp_path / "out") == ["README.md.kept", "README.md.kept-2", "a", "manifest.json"]
    assert "kept as README.md.kept" in caplog.text
    keep_foreign(tmp_path / "out")  # a folder is judged by its own manifest
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.kept" / "README.md.kept").exists()
