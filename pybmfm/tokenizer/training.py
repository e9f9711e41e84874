"""Byte-pair encoding over genome windows, written as a Hugging Face folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, output_directory, write_json, write_manifest
from pybmfm.tokenizer.dna_tokenizer import (
    LATIN_LETTERS,
    MAX_VOCABULARY,
    SPECIAL_TOKENS,
    TOKENIZER_FILE,
    DnaTokenizer,
)
from pybmfm.variants import ALPHABET

log = logging.getLogger("pybmfm")

MAX_TOKENS = 2048  # context of the published models; longer input is allowed, with a warning
ALPHABET_LIMIT = 1000
PLAIN_BASES = 5


@dataclass(frozen=True)
class TokenizerSettings:
    """What the tokenizer shall look like.

    Attributes
    ----------
    out
        Folder to write.
    encoding
        ``"ref"`` or ``"snp"``: what the lines are.
    algorithm
        ``"bpe"``, the published one.
    vocab_size
        Special tokens included.
    min_frequency
        A pair seen less often is not merged.
    alphabet
        ``"all"``: every symbol is a token, so no variant is ever ``[UNK]``; ``"observed"``:
        only the symbols that the lines hold, as the paper's tokenizers.
    """

    out: Path
    encoding: str
    algorithm: str = "bpe"
    vocab_size: int = 4096
    min_frequency: int = 10
    alphabet: str = "all"


def train_tokenizer(
    settings: TokenizerSettings,
    lines: Iterable[str],
    *,
    origin: Mapping[str, Any],
    inputs: Iterable[str | Path],
    counts: Mapping[str, Any],
) -> None:
    """Train a BPE tokenizer (paper, section on tokenization) and write its folder.

    Parameters
    ----------
    settings
        Size and alphabet.
    lines
        Encoded sequences; merges never cross the end of a line.
    origin
        Settings of how the lines were made, for the manifest.
    inputs
        Files and folders the lines came from.
    counts
        What was read, used and dropped to make the lines.

    Raises
    ------
    UserError
        If the vocabulary is too small for the alphabet, or there is nothing to train on.
    """
    _check(settings)
    with output_directory(settings.out) as folder:
        tokenizer = train_bpe(settings, lines)
        write_tokenizer_folder(tokenizer, folder)
        statistics = token_statistics(DnaTokenizer.load(folder))
        if not statistics["merged_tokens"]:
            raise UserError(
                "the training windows hold no pair of letters often enough to merge",
                remedy="give more sequence or lower --min-frequency",
            )
        _warn_if_small(settings, statistics["vocab_size"])
        write_manifest(
            folder,
            artefact="tokenizer",
            settings={
                **origin,
                "algorithm": settings.algorithm,
                "vocab_size": settings.vocab_size,
                "min_frequency": settings.min_frequency,
                "alphabet": settings.alphabet,
            },
            inputs=inputs,
            encoding=settings.encoding,
            vocab_size=statistics["vocab_size"],
            counts=dict(counts),
            tokens=statistics,
        )


def train_bpe(settings: TokenizerSettings, lines: Iterable[str]) -> Any:
    """Train and return a ``tokenizers.Tokenizer`` with normalizer, template and decoder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=ALPHABET_LIMIT,
        initial_alphabet=list(ALPHABET) if settings.alphabet == "all" else [],
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    cls, sep = SPECIAL_TOKENS.index("[CLS]"), SPECIAL_TOKENS.index("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def write_tokenizer_folder(tokenizer: Any, folder: Path) -> None:
    """Write the files that ``AutoTokenizer.from_pretrained`` reads, in any checkpoint folder.

    ``tokenizer_class`` names the generic fast class: a model type in a neighbouring
    ``config.json`` would otherwise choose a class of its own (WordPiece for BERT).
    """
    tokenizer.save(str(folder / TOKENIZER_FILE))
    specials = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
    write_json(folder / "special_tokens_map.json", specials)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            **specials,
        },
    )


def token_statistics(tokenizer: DnaTokenizer) -> dict[str, Any]:
    """Size, lengths and share of variant tokens of a vocabulary, specials left out."""
    lengths = tokenizer.span_lengths[tokenizer.span_lengths > 0]
    return {
        "vocab_size": tokenizer.vocab_size,
        "special_tokens": tokenizer.vocab_size - len(lengths),
        "single_letters": int((lengths == 1).sum()),
        "merged_tokens": int((lengths > 1).sum()),
        "tokens_with_variants": int(tokenizer.holds_variant.sum()),
        "longest": int(lengths.max(initial=0)),
        "by_length": {str(n): int((lengths == n).sum()) for n in sorted(set(lengths.tolist()))},
    }


def _normalizer() -> Any:
    """Upper-case the Latin letters and turn letters outside the alphabet into N."""
    from tokenizers import Regex, normalizers

    # The library has no upper-casing normalizer.
    upper = [normalizers.Replace(letter.lower(), letter) for letter in LATIN_LETTERS]
    foreign = normalizers.Replace(Regex(rf"[^{ALPHABET}\s]"), "N")
    return normalizers.Sequence([*upper, foreign])


def _check(settings: TokenizerSettings) -> None:
    letters = len(ALPHABET) if settings.alphabet == "all" else PLAIN_BASES
    smallest = len(SPECIAL_TOKENS) + letters + 1
    if not smallest <= settings.vocab_size <= MAX_VOCABULARY:
        raise UserError(
            f"--vocab-size {settings.vocab_size} is outside {smallest} to {MAX_VOCABULARY}",
            remedy="choose a size in that range (4096 as published)",
        )


def _warn_if_small(settings: TokenizerSettings, reached: int) -> None:
    if reached < settings.vocab_size:
        log.info(
            "the vocabulary has %d of %d tokens: no further pair occurs %d times",
            reached,
            settings.vocab_size,
            settings.min_frequency,
        )
