"""Tokenizers of other models, as they are published: ids as their own library gives them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError
from pybmfm.tokenizer.dna_tokenizer import TOKENIZER_FILE

FILES = (
    TOKENIZER_FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
PROBE = "ACGTACGTACGT"
UNKNOWN = ("[UNK]", "<unk>")


class ForeignTokenizer:
    """A tokenizer folder of another model.

    A ``tokenizer.json`` is read by the tokenizers library; a folder without one by
    transformers, whose class of that name the folder's configuration chooses. No code of the
    folder is run.

    Parameters
    ----------
    folder
        A model or tokenizer folder.

    Attributes
    ----------
    prefix, suffix : list of int
        Special tokens before and after a sequence.
    special_ids : tuple of int
    unk : int
        Id of the unknown token, -1 if there is none.
    encoding : str
        ``"ref"``: it knows plain bases.

    Raises
    ------
    UserError
        If there is no tokenizer, or it cannot be read.
    """

    encoding = "ref"

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._fast = _read_json(self.folder)
        self._slow: Any = None if self._fast is not None else _read_others(self.folder)
        whole, content = self._encode([PROBE], True)[0], self._encode([PROBE], False)[0]
        start = _place_of(content, whole)
        self.prefix, self.suffix = whole[:start], whole[start + len(content) :]
        self.unk = self._unknown()
        self.special_ids = tuple(sorted({*self.prefix, *self.suffix}))

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """Ids of each sequence, without specials, in the order given."""
        return [np.array(ids, dtype=np.int64) for ids in self._encode(texts, False)]

    def save_into(self, folder: str | Path) -> None:
        """Copy the tokenizer's own files into an existing folder."""
        for name in FILES:
            source = self.folder / name
            if source.is_file():
                shutil.copyfile(source, Path(folder) / name)

    def _encode(self, texts: Sequence[str], specials: bool) -> list[list[int]]:
        if self._fast is not None:
            found = self._fast.encode_batch_fast(list(texts), add_special_tokens=specials)
            return [one.ids for one in found]
        return [self._slow(text, add_special_tokens=specials)["input_ids"] for text in texts]

    def _unknown(self) -> int:
        if self._fast is None:
            return -1 if self._slow.unk_token_id is None else int(self._slow.unk_token_id)
        found = (self._fast.token_to_id(token) for token in UNKNOWN)
        return next((place for place in found if place is not None), -1)


def _read_json(folder: Path) -> Any:
    from tokenizers import Tokenizer

    file = folder / TOKENIZER_FILE
    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise UserError(
            f"is not a tokenizer ({error})", file=file, remedy="copy the model again"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _read_others(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # of many kinds, by the tokenizer's class
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise UserError(
            f"has no tokenizer that can be read without its own code ({reason})",
            file=folder,
            remedy="give a model folder with its tokenizer files",
        ) from error


def _place_of(part: list[int], whole: list[int]) -> int:
    for start in range(len(whole) - len(part) + 1):
        if whole[start : start + len(part)] == part:
            return start
    raise ValueError("the tokenizer writes sequences otherwise with special tokens than without")
