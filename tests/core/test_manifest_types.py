"""A manifest that may hold anything is one sentence, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pybmfm.core import UserError, read_manifest, write_manifest

INPUT = {"name": "a.fa", "bytes": 4, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"", "not valid JSON"),
        (b"\0" * 9, "not valid JSON"),
        (b'{"artefact": "windows\xff"}', "not valid JSON"),
        ("\ufeff{}".encode(), "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"artefact": "windows", "settings": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("artefact", "sections", "place"),
    [
        ("windows", {"counts": []}, "counts is not an object"),
        ("windows", {"settings": {"split": 3}}, r"settings\.split is not text"),
        ("windows", {"leakage": {"shared_bp": "0"}}, r"leakage\.shared_bp is not a whole number"),
        (
            "windows",
            {"inputs": [INPUT, {**INPUT, "bytes": None}]},
            r"inputs\[1\]\.bytes is missing",
        ),
        ("tokenizer", {"encoding": 1}, "encoding is not text"),
        ("tokenizer", {"vocab_size": True}, "vocab_size is not a whole number"),
        ("tokenizer", {"vocab_size": 10**30}, "vocab_size is not a whole number"),
        ("frequency-table", {"contigs": {"chr1": 3}}, r"contigs\.chr1 is not an object"),
        ("result", {"artefact": ["result"]}, "artefact is not text"),
        ("anything", {"artefact": None}, "artefact is missing"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(
    tmp_path: Path, artefact: str, sections: dict[str, Any], place: str
) -> None:
    content = {"artefact": artefact, "settings": {}, **sections}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=place):
        read_manifest(tmp_path)


def test_what_a_command_needs_must_be_there_and_may_be_missing_in_a_report(tmp_path: Path) -> None:
    write_manifest(tmp_path, artefact="corpus", settings={})
    with pytest.raises(UserError, match="encoding is missing"):
        read_manifest(tmp_path, "corpus")
    assert read_manifest(tmp_path)["artefact"] == "corpus"


def test_a_name_that_is_no_text_is_told_as_another_kind(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"artefact": ["x" * 1000]}))
    with pytest.raises(UserError, match="not a corpus") as refused:
        read_manifest(tmp_path, "corpus")
    assert len(str(refused.value)) < 400


def test_what_is_unknown_or_null_is_let_be(tmp_path: Path) -> None:
    write_manifest(tmp_path, artefact="windows", settings={}, leakage=None, new=[1, {"a": None}])
    assert read_manifest(tmp_path, "windows")["new"] == [1, {"a": None}]
