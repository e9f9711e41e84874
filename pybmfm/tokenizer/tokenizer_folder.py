"""A vocabulary as a Hugging Face folder: normalizer, model, template and the files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pybmfm.core import write_json
from pybmfm.tokenizer.dna_tokenizer import LATIN_LETTERS, SPECIAL_TOKENS, TOKENIZER_FILE
from pybmfm.variants import ALPHABET

MAX_TOKENS = 2048  # context of the published models; longer input is allowed, with a warning


def bpe_tokenizer(tokens: Sequence[str], merges: Iterable[tuple[str, str]]) -> Any:
    """Return a ``tokenizers.Tokenizer`` that merges pairs within a sequence.

    Parameters
    ----------
    tokens
        Every token by id, the special ones first.
    merges
        Pairs of tokens in the order in which they are merged; none: single letters.
    """
    from tokenizers import models, pre_tokenizers

    vocabulary = {token: place for place, token in enumerate(tokens)}
    model = models.BPE(vocab=vocabulary, merges=list(merges), unk_token=SPECIAL_TOKENS[0])
    return _tokenizer(model, pre_tokenizers.Whitespace())


def kmer_tokenizer(tokens: Sequence[str], k: int) -> Any:
    """Return a ``tokenizers.Tokenizer`` of k-mers, see `pybmfm.tokenizer.kmers`.

    Parameters
    ----------
    tokens
        Every token by id: special ones, single letters, k-mers.
    k
        Letters of a piece.
    """
    from tokenizers import models

    from pybmfm.tokenizer.kmers import kmer_pre_tokenizer

    vocabulary = {token: place for place, token in enumerate(tokens)}
    model = models.BPE(vocab=vocabulary, merges=[], unk_token=SPECIAL_TOKENS[0], ignore_merges=True)
    return _tokenizer(model, kmer_pre_tokenizer(k))


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


def _tokenizer(model: Any, pre_tokenizer: Any) -> Any:
    from tokenizers import Tokenizer, decoders, processors

    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer
    cls, sep = SPECIAL_TOKENS.index("[CLS]"), SPECIAL_TOKENS.index("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _normalizer() -> Any:
    """Upper-case the Latin letters and turn letters outside the alphabet into N."""
    from tokenizers import Regex, normalizers

    # The library has no upper-casing normalizer.
    upper = [normalizers.Replace(letter.lower(), letter) for letter in LATIN_LETTERS]
    foreign = normalizers.Replace(Regex(rf"[^{ALPHABET}\s]"), "N")
    return normalizers.Sequence([*upper, foreign])
