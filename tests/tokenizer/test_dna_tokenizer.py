from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, replace_foreign_letters
from pybmfm.tokenizer.training import train_tokenizer
from pybmfm.variants import ALPHABET, VARIANT_CODE

texts = st.one_of(
    st.text(alphabet="ACGT", max_size=80),
    st.text(alphabet=ALPHABET, max_size=80),
    st.text(alphabet="acgtnxbhudoACGTN" + ALPHABET[11:40], max_size=80),
)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folders: dict[str, Path]) -> DnaTokenizer:
    return DnaTokenizer.load(tokenizer_folders["all"])


@pytest.fixture(scope="module")
def auto_tokenizer(tokenizer_folders: dict[str, Path]):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer_folders["all"])


@settings(max_examples=80, deadline=None)
@given(text=texts)
def test_decode_is_the_inverse_of_encode_and_case_does_not_matter(
    tokenizer: DnaTokenizer, text: str
) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.uint16
    assert tokenizer.decode(ids) == text.upper()
    assert ids.tolist() == tokenizer.encode(text.lower()).tolist()
    assert tokenizer.span_lengths[ids].sum() == len(text)
    assert tokenizer.unk not in ids


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(texts, st.text(alphabet="ACGTacgtRYSWKMryU-*.é中", max_size=40)))
def test_auto_tokenizer_gives_the_same_ids_between_cls_and_sep(
    tokenizer: DnaTokenizer, auto_tokenizer, text: str
) -> None:
    theirs = auto_tokenizer(text)["input_ids"]
    assert theirs == [tokenizer.cls, *tokenizer.encode(text).tolist(), tokenizer.sep]
    decoded = auto_tokenizer.decode(theirs, skip_special_tokens=True)
    assert decoded == replace_foreign_letters(text)[0]


@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_spans_of_tokens_hold_their_text(tokenizer_folders: dict[str, Path], text: str) -> None:
    for folder in tokenizer_folders.values():
        tokenizer = DnaTokenizer.load(folder)
        ids = tokenizer.encode(text)
        spans = tokenizer.token_spans(ids)
        assert spans.dtype == np.int64
        assert spans.shape == (len(ids), 2)
        assert spans.ravel().tolist() == sorted(spans.ravel())
        assert not len(ids) or spans[-1, 1] == len(text)
        for token, (start, end) in zip(ids, spans, strict=True):
            part = text[start:end].upper()
            assert part == tokenizer.tokens[token] or (token == tokenizer.unk and len(part) == 1)


def test_special_tokens_have_empty_spans_and_fused_unknown_ones_none(
    tmp_path: Path, tokenizer: DnaTokenizer
) -> None:
    ids = [tokenizer.cls, *tokenizer.encode("ACG"), tokenizer.mask, tokenizer.sep]
    spans = tokenizer.token_spans(ids)
    assert spans[0].tolist() == [0, 0]
    assert spans[-2:].tolist() == [[3, 3], [3, 3]]
    assert tokenizer.token_spans([]).shape == (0, 2)
    parsed = json.loads((tokenizer.folder / "tokenizer.json").read_text())
    parsed["model"]["fuse_unk"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps(parsed))
    fused = DnaTokenizer.load(tmp_path)
    assert fused.token_spans(ids).tolist() == spans.tolist()
    with pytest.raises(ValueError, match="any number"):
        fused.token_spans([fused.unk])


def test_special_ids_and_what_each_token_stands_for(tokenizer: DnaTokenizer) -> None:
    specials = (tokenizer.unk, tokenizer.sep, tokenizer.pad, tokenizer.cls, tokenizer.mask)
    assert specials == (0, 1, 2, 3, 4)
    assert tokenizer.span_lengths[:5].tolist() == [0] * 5
    assert not tokenizer.holds_variant[:5].any()
    for place in range(5, tokenizer.vocab_size):
        text = tokenizer.tokens[place]
        assert tokenizer.span_lengths[place] == len(text)
        assert tokenizer.holds_variant[place] == any(
            letter in ALPHABET[VARIANT_CODE:] for letter in text
        )
    assert set(ALPHABET) <= set(tokenizer.tokens)
    assert tokenizer.span_lengths.max() > 2


@pytest.mark.parametrize("model_type", ["bert", "modernbert"])
def test_auto_tokenizer_loads_from_a_checkpoint_folder(
    tmp_path: Path, tokenizer: DnaTokenizer, model_type: str
) -> None:
    from transformers import AutoTokenizer

    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    tokenizer.save_into(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "acgtTTGACA" + ALPHABET[60] + "XN"
    assert loaded(text)["input_ids"][1:-1] == tokenizer.encode(text).tolist()
    assert (loaded.pad_token_id, loaded.mask_token_id, loaded.model_max_length) == (2, 4, 2048)
    assert DnaTokenizer.load(tmp_path).encode(text).tolist() == tokenizer.encode(text).tolist()


def test_foreign_letters_become_n_and_are_counted(tokenizer_folders: dict[str, Path]) -> None:
    tokenizer = DnaTokenizer.load(tokenizer_folders["all"])
    assert tokenizer.decode(tokenizer.encode("ACRG ß[MASK]t")) == "ACNGNNNNANNNT"
    assert tokenizer.replaced_letters == 8
    assert replace_foreign_letters("acgtn") == ("ACGTN", 0)


def test_batches_give_what_single_calls_give(tokenizer: DnaTokenizer) -> None:
    batch = ["ACGTACGT", "", "ttgaca" * 30, ALPHABET]
    together = [ids.tolist() for ids in tokenizer.encode_batch(batch)]
    assert together == [tokenizer.encode(text).tolist() for text in batch]


def test_observed_alphabet_leaves_other_symbols_unknown(
    tokenizer_folders: dict[str, Path],
) -> None:
    tokenizer = DnaTokenizer.load(tokenizer_folders["observed"])
    assert tokenizer.encode(ALPHABET[100]).tolist() == [tokenizer.unk]
    assert tokenizer.unk not in tokenizer.encode("ACGT" + ALPHABET[40])


def test_manifest_says_encoding_and_size(tokenizer_folders: dict[str, Path]) -> None:
    manifest = json.loads((tokenizer_folders["all"] / "manifest.json").read_text())
    assert manifest["artefact"] == "tokenizer"
    assert manifest["encoding"] == "snp"
    assert manifest["vocab_size"] == 260
    assert manifest["tokens"]["single_letters"] == len(ALPHABET)
    assert DnaTokenizer.load(tokenizer_folders["all"]).encoding == "snp"


def test_folder_without_manifest_is_ref_and_without_tokenizer_is_refused(
    tmp_path: Path, tokenizer: DnaTokenizer
) -> None:
    with pytest.raises(UserError, match=r"has no tokenizer\.json"):
        DnaTokenizer.load(tmp_path)
    tokenizer.save_into(tmp_path)
    assert DnaTokenizer.load(tmp_path).encoding == "ref"
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is not a tokenizer"):
        DnaTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("size", "lines"), [(100, ["ACGT" * 100]), (70_000, ["ACGT" * 100]), (300, []), (300, ["AC"])]
)
def test_training_that_cannot_work_is_refused_and_leaves_nothing(
    tmp_path: Path, size: int, lines: list[str]
) -> None:
    settings = TokenizerSettings(out=tmp_path / "out", encoding="ref", vocab_size=size)
    with pytest.raises(UserError):
        train_tokenizer(settings, lines, origin={}, inputs=[], counts={})
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_lines_are_read_reaches_the_caller(tmp_path: Path) -> None:
    def lines():
        yield "ACGT" * 100
        raise UserError("broken line")

    settings = TokenizerSettings(out=tmp_path / "out", encoding="ref", vocab_size=200)
    with pytest.raises(UserError, match="broken line"):
        train_tokenizer(settings, lines(), origin={}, inputs=[], counts={})
