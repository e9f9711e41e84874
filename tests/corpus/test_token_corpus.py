"""Reading shards: rows in bulk, and refusing what is not what was written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.corpus import TokenCorpus


@pytest.fixture
def copy(tmp_path: Path, corpora: dict[str, Path]) -> Path:
    return Path(shutil.copytree(corpora["ref"], tmp_path / "copy"))


def last_train_shard(corpus: Path) -> Path:
    return sorted((corpus / "train").iterdir())[-1]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rows_in_bulk_are_the_rows_one_by_one(
    corpora: dict[str, Path], data: st.DataObject
) -> None:
    corpus = TokenCorpus(corpora["snp"], "train")
    rows = data.draw(st.lists(st.integers(0, len(corpus) - 1), max_size=20))
    tokens, offsets = corpus.flat(rows)
    assert (tokens.dtype, offsets.dtype) == (np.uint16, np.int64)
    assert offsets.tolist() == np.cumsum([0, *(len(corpus.tokens(row)) for row in rows)]).tolist()
    parts = [corpus.tokens(row) for row in rows]
    assert np.array_equal(tokens, np.concatenate([np.empty(0, np.uint16), *parts]))


@pytest.mark.parametrize("rows", [[-1], [0, 10**6]])
def test_rows_outside_the_split_are_refused(corpora: dict[str, Path], rows: list[int]) -> None:
    with pytest.raises(IndexError):
        TokenCorpus(corpora["snp"], "train").flat(rows)


def test_an_unknown_split_is_said(corpora: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="no split 'validation'; choose one of train, dev, test"):
        TokenCorpus(corpora["ref"], "validation")


def test_a_missing_shard_is_said(copy: Path) -> None:
    shard = last_train_shard(copy)
    shard.unlink()
    with pytest.raises(UserError, match="missing or broken") as error:
        TokenCorpus(copy, "train")
    assert error.value.file == str(shard)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.999])
def test_one_changed_byte_is_found_by_the_digest(copy: Path, share: float) -> None:
    shard = last_train_shard(copy)
    content = bytearray(shard.read_bytes())
    content[int(share * len(content))] ^= 4
    shard.write_bytes(content)
    with pytest.raises(UserError, match="SHA-256 differs") as error:
        TokenCorpus(copy, "train")
    assert error.value.file == str(shard)
    assert error.value.remedy == "build or copy the corpus again"
    assert len(TokenCorpus(copy, "dev"))


def test_a_changed_token_is_read_where_the_digest_is_not_asked_for(copy: Path) -> None:
    shard = last_train_shard(copy)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)
    corpus = TokenCorpus(copy, "train", verify=False)
    assert len(corpus) > 0
    with pytest.raises(UserError, match="SHA-256 differs"):
        corpus.verify()


def test_a_truncated_or_longer_shard_is_found_without_digesting(copy: Path) -> None:
    shard = last_train_shard(copy)
    content = shard.read_bytes()
    for wrong in (content[:-10], content[: len(content) // 2], b"", content + b"\0"):
        shard.write_bytes(wrong)
        with pytest.raises(UserError, match=f"has {len(wrong):,} bytes, not the {len(content):,}"):
            TokenCorpus(copy, "train", verify=False)


def test_a_shard_is_digested_once_and_again_when_it_changes(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pybmfm.corpus import integrity

    digested = []
    ordinary = integrity.digest_file
    monkeypatch.setattr(
        integrity, "digest_file", lambda file: digested.append(Path(file).name) or ordinary(file)
    )
    number = len(list((copy / "dev").iterdir()))
    for _ in range(2):
        TokenCorpus(copy, "dev")
    assert len(digested) == number
    os.utime(copy / "dev" / digested[0], ns=(1, 1))
    TokenCorpus(copy, "dev")
    assert digested[number:] == digested[:1]


def test_shards_are_readable_by_polars(corpora: dict[str, Path]) -> None:
    polars = pytest.importorskip("polars")
    corpus = TokenCorpus(corpora["snp"], "dev")
    files = sorted((corpora["snp"] / "dev").iterdir())
    frame = polars.concat([polars.read_ipc(file) for file in files])
    assert frame.drop("tokens").row(3, named=True) == corpus.window(3)
    assert frame["tokens"][3].to_list() == corpus.tokens(3).tolist()
