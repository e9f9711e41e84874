"""A checkpoint small enough to fine-tune in a test."""

from __future__ import annotations

from pathlib import Path


def make_checkpoint(folder: Path, text: str, encoding: str, max_length: int = 256) -> Path:
    """A checkpoint of two small layers; weights large enough that context matters."""
    import torch

    from pybmfm.model import build_config, build_model, save_checkpoint
    from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer

    settings = TokenizerSettings(
        out=folder.parent / "tokenizer", encoding=encoding, vocab_size=170, min_frequency=2
    )
    train_tokenizer(settings, [text] * 3, origin={}, inputs=[], counts={})
    tokenizer = DnaTokenizer.load(settings.out)
    config = build_config(
        "modernbert",
        "tiny",
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
        max_length=max_length,
    )
    model = build_model(config, seed=3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(4.0)
    save_checkpoint(folder, model, tokenizer, card={"encoding": encoding})
    return folder
