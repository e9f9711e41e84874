"""A trained tokenizer folder: text to ids and back, and what each id stands for."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, read_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.genome import N_CODE
from pybmfm.tokenizer.bpe_model import UnsupportedTokenizer, read_bpe_model
from pybmfm.tokenizer.fast_encoding import FastEncoding, chunks
from pybmfm.variants import ALPHABET, VARIANT_CODE, codes_to_text, text_to_codes

log = logging.getLogger("pybmfm")

SPECIAL_TOKENS = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
TOKENIZER_FILE = "tokenizer.json"
FOLDER_FILES = (TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json")
LATIN_LETTERS = "".join(letter for letter in ALPHABET if letter.isascii())
VARIANT_LETTERS = frozenset(ALPHABET[VARIANT_CODE:])
MAX_VOCABULARY = 2**16  # ids are stored as uint16
LETTERS_BEFORE_COMPILED = 2_000_000  # the library encodes so many in about 0.4 s

_LOADING = Lock()
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
        self._letters = 0  # asked for so far
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

    @property
    def prefix(self) -> list[int]:
        """Special tokens before a sequence."""
        return [self.cls]

    @property
    def suffix(self) -> list[int]:
        """Special tokens after a sequence."""
        return [self.sep]

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Tokens that stand for no nucleotide."""
        return (self.sep, self.pad, self.cls)

    def encode(self, text: str) -> npt.NDArray[np.uint16]:
        """Ids of one sequence, without ``[CLS]`` and ``[SEP]``; any case, foreign letters as N."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint16]]:
        """Ids of each sequence, without ``[CLS]`` and ``[SEP]``, in the order given."""
        found: list[npt.NDArray[np.uint16]] = []
        for part in chunks(_offsets(map(len, texts))):
            first, last = len(found), len(found) + len(part) - 1
            text = "".join(texts[first:last])
            codes = text_to_codes(text)
            written = text.count("N") + text.count("n")
            self.replaced_letters += int(np.count_nonzero(codes == N_CODE)) - written
            ids, bounds = self.encode_flat(codes, part - part[0])
            found += np.split(ids, bounds[1:-1])[: last - first]
        return found

    def encode_codes(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
        """Ids of one sequence of codes 0-131, without ``[CLS]`` and ``[SEP]``."""
        return self.encode_flat(codes, _offsets([len(codes)]))[0]

    def encode_flat(
        self, codes: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], threads: int = 1
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """Ids of many sequences of codes laid end to end, without ``[CLS]`` and ``[SEP]``.

        Until more than ``LETTERS_BEFORE_COMPILED`` letters have been asked for, the tokenizers
        library encodes them, which takes no longer than loading the compiled kernels. From then
        on the kernels do, without the GIL, unless the tokenizer is one that they do not know
        (said in the log). The ids are the same.

        Parameters
        ----------
        codes
            uint8[n], codes 0-131.
        offsets
            int64[m + 1], where sequences begin, and where the last one ends.
        threads
            Of the kernels; never changes a result.

        Returns
        -------
        ids : uint16[k]
        offsets : int64[m + 1]
            Where the ids of each sequence begin, from 0, and where the last one's end.
        """
        offsets = np.asarray(offsets, dtype=np.int64)
        _check_offsets(codes, offsets)
        fast = self._fast_encoding(int(offsets[-1] - offsets[0]))
        if fast is not None:
            return fast.encode(codes, offsets, threads)
        ids = [
            np.array(encoding.ids, dtype=np.uint16)
            for part in chunks(offsets)
            for encoding in self._tokenizer.encode_batch_fast(
                [codes_to_text(codes[a:b]) for a, b in pairwise(part)], add_special_tokens=False
            )
        ]
        return np.concatenate([np.empty(0, dtype=np.uint16), *ids]), _offsets(map(len, ids))

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

    def token_spans(self, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Nucleotides that each token of a sequence stands for.

        Parameters
        ----------
        ids
            Shape (k,), ids of a whole sequence; special tokens may stand among them.

        Returns
        -------
        int64[k, 2]
            Start and end, 0-based half-open. ``[UNK]`` stands for one nucleotide, and other
            special tokens for none: their start is their end.

        Raises
        ------
        ValueError
            If there is an ``[UNK]`` and the tokenizer fuses several symbols into one.
        """
        places = np.asarray(ids, dtype=np.int64).ravel()
        unknown = places == self.unk
        if self._fuses_unknown and unknown.any():
            raise ValueError("[UNK] stands for any number of nucleotides in this tokenizer")
        ends = np.cumsum(self.span_lengths[places] + unknown, dtype=np.int64)
        return np.stack([np.concatenate([[0], ends[:-1]])[: len(ends)], ends], axis=1)

    @cached_property
    def _fuses_unknown(self) -> bool:
        return bool(json.loads(self._tokenizer.to_str())["model"].get("fuse_unk"))

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

    def _fast_encoding(self, letters: int) -> FastEncoding | None:
        """Return the compiled encoder if it can be used and is worth its loading by now."""
        self._letters += letters
        if self._letters <= LETTERS_BEFORE_COMPILED:
            return None
        with _LOADING:
            return self._compiled

    @cached_property
    def _compiled(self) -> FastEncoding | None:
        try:
            return FastEncoding(read_bpe_model(json.loads(self._tokenizer.to_str())))
        except UnsupportedTokenizer as reason:
            log.info(
                "%s has %s: it is encoded by the tokenizers library, more slowly",
                self.folder,
                reason,
            )
            return None

    def _special_id(self, token: str) -> int:
        place: int | None = self._tokenizer.token_to_id(token)
        if place is None:
            raise UserError(
                f"lacks the special token {token}",
                file=self.folder,
                remedy="give a tokenizer with " + " ".join(SPECIAL_TOKENS),
            )
        return place


def _offsets(lengths: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _check_offsets(codes: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> None:
    """Refuse what would make compiled code read elsewhere."""
    inside = len(offsets) and offsets[0] >= 0 and offsets[-1] <= len(codes)
    if not inside or (np.diff(offsets) < 0).any():
        raise ValueError("offsets must rise within the codes")


def _encoding_of(folder: Path) -> str:
    if not (folder / MANIFEST).is_file():
        return "ref"
    return str(read_manifest(folder).get("encoding", "ref"))
