"""Lightning checkpoints are imported by their weights alone, whole or not at all."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, ModernBertConfig, ModernBertForMaskedLM

from pybmfm.core import UserError
from pybmfm.model import (
    FlatBatch,
    hidden_states,
    import_published,
    load_checkpoint,
    masked_lm_logits,
    read_lightning_weights,
)
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer


class FieldInfo:
    """What the reference keeps among the hyper-parameters: a class that we do not have."""

    def __init__(self) -> None:
        self.field_name = "dna_chunks"


class Trap:
    """Unpickled the usual way, this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer") / "snp"
    train_tokenizer(
        TokenizerSettings(out=folder, encoding="snp", vocab_size=150),
        ["ACGTTGCAAGGCT" * 20] * 3,
        origin={},
        inputs=(),
        counts={},
    )
    return DnaTokenizer.load(folder)


@pytest.fixture(scope="module")
def model(tokenizer):
    """A ModernBERT whose norms have biases, as the reference's embeddings and head have."""
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=192,
        norm_bias=True,
        classifier_bias=True,
        tie_word_embeddings=False,
        pad_token_id=2,
        bos_token_id=3,
        eos_token_id=1,
        cls_token_id=3,
        sep_token_id=1,
    )
    model = ModernBertForMaskedLM(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def reference_names(model) -> dict[str, torch.Tensor]:
    """The model's tensors under the names of the reference's Lightning module."""
    renamed = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("model.embeddings.tok_", "model.scmodernbert.embeddings.dna_chunks_")
        name = name.replace("model.embeddings.norm", "model.scmodernbert.embeddings.LayerNorm")
        name = re.sub(r"^model\.(layers|final_norm)", r"model.scmodernbert.\1", name)
        name = name.replace("head.norm", "model.cls.predictions.transform.LayerNorm")
        name = name.replace("head.dense", "model.cls.predictions.transform.dense")
        decoder = "model.cls.predictions.decoder.field_decoders.dna_chunks_token_scores."
        renamed[re.sub(r"^decoder\.", decoder, name)] = tensor
    return renamed


@pytest.fixture
def checkpoint(model, tmp_path):
    """A file as Lightning writes it, with foreign classes and a trap among the rest."""

    def write(change=lambda weights: None) -> Path:
        weights = reference_names(model)
        change(weights)
        path = tmp_path / "last.ckpt"
        torch.save(
            {
                "epoch": 3,
                "state_dict": weights,
                "hyper_parameters": {"fields": [FieldInfo()], "trap": Trap(tmp_path / "sprung")},
                "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
            },
            path,
        )
        return path

    return write


def test_an_imported_model_computes_what_the_published_one_does(
    model, tokenizer, checkpoint, tmp_path
):
    out = tmp_path / "imported"
    import_published(checkpoint(), tokenizer, out, encoding="mixed")
    ids = np.r_[tokenizer.cls, tokenizer.encode("ACGTTGCATTGACA" * 20), tokenizer.sep]
    with torch.no_grad():
        expected = model(input_ids=torch.tensor(ids.astype(np.int64))[None]).logits[0]
        plain = AutoModelForMaskedLM.from_pretrained(out).eval()
        again = plain(input_ids=torch.tensor(ids.astype(np.int64))[None]).logits[0]
        ours, _ = load_checkpoint(out)
        flat = masked_lm_logits(ours, hidden_states(ours, FlatBatch.from_sequences([ids])))
    torch.testing.assert_close(again, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(flat, expected, atol=1e-4, rtol=1e-4)


def test_nothing_in_the_file_is_run(checkpoint, tmp_path):
    path = checkpoint()
    weights = read_lightning_weights(path)
    assert not (tmp_path / "sprung").exists()
    assert weights["model.scmodernbert.final_norm.weight"].shape == (128,)
    torch.load(path, weights_only=False)  # the trap does work
    assert (tmp_path / "sprung").exists()


def test_half_precision_and_shared_storages_are_read(tmp_path):
    base = torch.arange(12, dtype=torch.bfloat16)
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"a": base.view(3, 4).T, "b": base[5:7]}}, path)
    weights = read_lightning_weights(path)
    assert torch.equal(weights["a"], base.view(3, 4).T)
    assert torch.equal(weights["b"], base[5:7])


def test_norms_without_bias_are_filled_with_zeros(tokenizer, checkpoint, tmp_path):
    def drop(weights):
        for name in [n for n in weights if n.endswith("norm.bias") and "layers" in n]:
            del weights[name]

    import_published(checkpoint(drop), tokenizer, tmp_path / "out", encoding="snp")
    loaded, _ = load_checkpoint(tmp_path / "out")
    assert not loaded.model.layers[1].attn_norm.bias.any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: w.update({"model.scmodernbert.layers.0.extra.weight": torch.zeros(1)}), "extra"),
        (lambda w: w.pop("model.scmodernbert.layers.2.mlp.Wo.weight"), "lacks the tensor"),
        (
            lambda w: w.update({"model.scmodernbert.final_norm.weight": torch.zeros(7)}),
            r"the shape \(7,\)",
        ),
        (
            lambda w: w.update({"scmodernbert.final_norm.weight": torch.zeros(128)}),
            "two tensors claim",
        ),
        (
            lambda w: w.update(
                {"model.scmodernbert.embeddings.dna_chunks_embeddings.weight": torch.zeros(9, 128)}
            ),
            "9 token embeddings",
        ),
    ],
)
def test_other_layouts_are_refused(tokenizer, checkpoint, tmp_path, change, sentence):
    with pytest.raises(UserError, match=sentence):
        import_published(checkpoint(change), tokenizer, tmp_path / "out", encoding="snp")


@pytest.mark.parametrize("damage", ["absent", "text", "cut", "no state_dict"])
def test_damaged_files_are_one_sentence(checkpoint, tmp_path, damage):
    path = checkpoint()
    if damage == "absent":
        path = tmp_path / "none.ckpt"
    elif damage == "text":
        path.write_text("not a checkpoint")
    elif damage == "cut":
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "cut", "w") as target:
            for name in source.namelist():
                content = source.read(name)
                target.writestr(name, content[:-4] if "/data/" in name else content)
        path = tmp_path / "cut"
    else:
        torch.save({"epoch": 1}, path)
    with pytest.raises(UserError):
        read_lightning_weights(path)
