"""A trained tokenizer folder: text to ids and back, and what each id stands for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, read_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.variants import ALPHABET, VARIANT_CODE

SPECIAL_TOKENS = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
TOKENIZER_FILE = "tokenizer.json"
FOLDER_FILES = (TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json")
LATIN_LETTERS = "".join(letter for letter in ALPHABET if letter.isascii())
VARIANT_LETTERS = frozenset(ALPHABET[VARIANT_CODE:])
MAX_VOCABULARY = 2**16  # ids are stored as uint16

_FOREIGN = re.compile(f"[^{ALPHABET}{LATIN_LETTERS.lower()}]")


def replace_foreign_letters(text: str) -> tuple[str, int]:
    """Upper-case ``text`` and turn every character outside the alphabet into ``N``.

    Parameters
    ----------
    text
        Encoded DNA, either case; length is kept.

    Returns
    -------
    str, int
        The text, and how many characters became ``N``.
    """
    clean, replaced = _FOREIGN.subn("N", text)
    return clean.upper(), replaced


class DnaTokenizer:
    """A tokenizer folder, with ids as numpy arrays.

    Gives the same ids as ``AutoTokenizer.from_pretrained(folder)``, which however puts
    ``[CLS]`` and ``[SEP]`` around them.

    Attributes
    ----------
    folder : Path
    vocab_size : int
    encoding : str
        ``"ref"``, ``"snp"`` or ``"mixed"``: the text it was trained on.
    unk, sep, pad, cls, mask : int
        Ids of the special tokens.
    replaced_letters : int
        Characters outside the alphabet that ``encode`` has turned into ``N`` so far.
    """

    def __init__(self, tokenizer: Any, folder: Path, encoding: str) -> None:
        self.folder = folder
        self.encoding = encoding
        self.replaced_letters = 0
        self._tokenizer = tokenizer
        self.vocab_size: int = tokenizer.get_vocab_size()
        self.unk, self.sep, self.pad, self.cls, self.mask = (
            self._special_id(token) for token in SPECIAL_TOKENS
        )
        if self.vocab_size > MAX_VOCABULARY:
            raise UserError(
                f"has {self.vocab_size:,} tokens, at most {MAX_VOCABULARY:,} are supported",
                file=folder,
                remedy="train one with a smaller --vocab-size",
            )

    @classmethod
    def load(cls, folder: str | Path) -> DnaTokenizer:
        """Read a tokenizer folder, or a checkpoint folder that holds a tokenizer.

        The encoding is the one in the manifest; a foreign folder without one is ``"ref"``.

        Raises
        ------
        UserError
            If there is no ``tokenizer.json``, or it cannot be read, or lacks a special token.
        """
        from tokenizers import Tokenizer

        folder = Path(folder)
        file = folder / TOKENIZER_FILE
        if not file.is_file():
            raise UserError(
                f"has no {TOKENIZER_FILE}", file=folder, remedy="give a tokenizer folder"
            )
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise UserError(
                f"is not a tokenizer ({error})", file=file, remedy="train the tokenizer again"
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer, folder, _encoding_of(folder))

    def encode(self, text: str) -> npt.NDArray[np.uint16]:
        """Ids of one sequence, without ``[CLS]`` and ``[SEP]``; any case, foreign letters as N."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint16]]:
        """Ids of each sequence, without ``[CLS]`` and ``[SEP]``, in the order given."""
        clean = []
        for text in texts:
            letters, replaced = replace_foreign_letters(text)
            self.replaced_letters += replaced
            clean.append(letters)
        encodings = self._tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.uint16) for encoding in encodings]

    def decode(self, ids: npt.ArrayLike) -> str:
        """Text of the ids; special tokens are left out."""
        places = np.asarray(ids, dtype=np.int64).ravel()
        return "".join(self.tokens[i] for i in places if self.span_lengths[i])

    @cached_property
    def tokens(self) -> list[str]:
        """Text of every id, specials as ``[CLS]`` and so on."""
        return [self._tokenizer.id_to_token(i) for i in range(self.vocab_size)]

    @cached_property
    def span_lengths(self) -> npt.NDArray[np.int32]:
        """Nucleotides per token id, shape (vocab,); 0 for special tokens."""
        lengths = [0 if token in SPECIAL_TOKENS else len(token) for token in self.tokens]
        return np.array(lengths, dtype=np.int32)

    @cached_property
    def holds_variant(self) -> npt.NDArray[np.bool_]:
        """Whether each token id holds a variant symbol, shape (vocab,)."""
        return np.array(
            [
                token not in SPECIAL_TOKENS and not VARIANT_LETTERS.isdisjoint(token)
                for token in self.tokens
            ],
            dtype=bool,
        )

    def save_into(self, folder: str | Path) -> None:
        """Copy the tokenizer's own files into an existing folder, such as a checkpoint."""
        for name in FOLDER_FILES:
            source = self.folder / name
            if source.is_file() and source.resolve() != (Path(folder) / name).resolve():
                shutil.copyfile(source, Path(folder) / name)

    def _special_id(self, token: str) -> int:
        place: int | None = self._tokenizer.token_to_id(token)
        if place is None:
            raise UserError(
                f"lacks the special token {token}",
                file=self.folder,
                remedy="give a tokenizer with " + " ".join(SPECIAL_TOKENS),
            )
        return place


def _encoding_of(folder: Path) -> str:
    if not (folder / MANIFEST).is_file():
        return "ref"
    return str(read_manifest(folder).get("encoding", "ref"))
