"""Encoders that others made: the same numbers as their own code gives, or a refusal."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    EsmConfig,
    EsmForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    RobertaConfig,
    RobertaModel,
)

from pybmfm.core import UserError
from pybmfm.model import FlatBatch, SequenceModel, hidden_states, load_encoder
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer

HIDDEN, HEADS, LAYERS, INNER = 48, 12, 2, 40
SIZES: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_attention_heads": 4,
    "num_hidden_layers": LAYERS,
    "intermediate_size": INNER,
    "max_position_embeddings": 40,
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> DnaTokenizer:
    folder = tmp_path_factory.mktemp("foreign") / "tokenizer"
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), 2000))
    settings = TokenizerSettings(out=folder, encoding="ref", vocab_size=160, min_frequency=2)
    train_tokenizer(settings, [text], origin={}, inputs=[], counts={})
    return DnaTokenizer.load(folder)


def foreign_folder(folder: Path, model: Any, tokenizer: DnaTokenizer) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_into(folder)
    return folder


@pytest.fixture
def dnabert2(tmp_path: Path, tokenizer: DnaTokenizer) -> Path:
    """A folder laid out as DNABERT-2 is published, of random weights."""
    folder = tmp_path / "DNABERT-2"
    folder.mkdir()
    config = {
        "_name_or_path": "somewhere",
        "alibi_starting_size": 512,
        "architectures": ["BertForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "auto_map": {"AutoModel": "bert_layers.BertModel"},
        "flash_attn": None,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": 160,
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(published_weights(), folder / "pytorch_model.bin")
    tokenizer.save_into(folder)
    return folder


def published_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.2

    weights = {
        "bert.embeddings.word_embeddings.weight": draw(160, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
        "bert.pooler.dense.weight": draw(HIDDEN, HIDDEN),
        "bert.pooler.dense.bias": draw(HIDDEN),
        "cls.predictions.transform.dense.weight": draw(HIDDEN, HIDDEN),
        "cls.predictions.transform.dense.bias": draw(HIDDEN),
        "cls.predictions.decoder.bias": draw(160),
    }
    weights["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"]
    norms = ["bert.embeddings.LayerNorm", "cls.predictions.transform.LayerNorm"]
    for layer in range(LAYERS):
        place = f"bert.encoder.layer.{layer}"
        weights[f"{place}.attention.self.Wqkv.weight"] = draw(3 * HIDDEN, HIDDEN)
        weights[f"{place}.attention.self.Wqkv.bias"] = draw(3 * HIDDEN)
        weights[f"{place}.attention.output.dense.weight"] = draw(HIDDEN, HIDDEN)
        weights[f"{place}.attention.output.dense.bias"] = draw(HIDDEN)
        weights[f"{place}.mlp.gated_layers.weight"] = draw(2 * INNER, HIDDEN)
        weights[f"{place}.mlp.wo.weight"] = draw(HIDDEN, INNER)
        weights[f"{place}.mlp.wo.bias"] = draw(HIDDEN)
        norms += [f"{place}.attention.output.LayerNorm", f"{place}.mlp.layernorm"]
    for norm in norms:
        weights[f"{norm}.weight"], weights[f"{norm}.bias"] = 1 + draw(HIDDEN), draw(HIDDEN)
    return weights


def plain_dnabert2(ids: list[int], head: bool = True) -> np.ndarray:
    """The published model written out in numpy, one sequence, one head at a time."""
    w = {name: tensor.double().numpy() for name, tensor in published_weights().items()}

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    # Twelve heads: the slopes of eight, then every second one of sixteen.
    slopes = [2.0**-k for k in range(1, 9)] + [2.0 ** -(k / 2) for k in (1, 3, 5, 7)]
    x = w["bert.embeddings.word_embeddings.weight"][ids]
    x = norm(x + w["bert.embeddings.token_type_embeddings.weight"][0], "bert.embeddings.LayerNorm")
    width = HIDDEN // HEADS
    for layer in range(LAYERS):
        place = f"bert.encoder.layer.{layer}"
        name = f"{place}.attention.self.Wqkv"
        joined = x @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        mixed = np.zeros_like(x)
        for h in range(HEADS):
            q, k, v = (
                joined[:, part * HIDDEN + h * width : part * HIDDEN + (h + 1) * width]
                for part in range(3)
            )
            scores = q @ k.T / math.sqrt(width)
            for i in range(len(ids)):
                for j in range(len(ids)):
                    scores[i, j] -= slopes[h] * abs(i - j)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            mixed[:, h * width : (h + 1) * width] = shares @ v
        name = f"{place}.attention.output"
        mixed = mixed @ w[f"{name}.dense.weight"].T + w[f"{name}.dense.bias"]
        x = norm(x + mixed, f"{name}.LayerNorm")
        both = x @ w[f"{place}.mlp.gated_layers.weight"].T
        inner = gelu(both[:, :INNER]) * both[:, INNER:]
        inner = inner @ w[f"{place}.mlp.wo.weight"].T + w[f"{place}.mlp.wo.bias"]
        x = norm(x + inner, f"{place}.mlp.layernorm")
    if not head:
        return x
    name = "cls.predictions.transform"
    x = norm(gelu(x @ w[f"{name}.dense.weight"].T + w[f"{name}.dense.bias"]), f"{name}.LayerNorm")
    return x @ w["cls.predictions.decoder.weight"].T + w["cls.predictions.decoder.bias"]


SEQUENCES = [[3, 40, 50, 60, 70, 80, 90, 1], [3, 41, 1], [3, *range(10, 30), 1]]


def test_dnabert2_gives_the_logits_of_an_independent_implementation(dnabert2: Path) -> None:
    model = load_encoder(dnabert2).model
    for ids in SEQUENCES:
        tokens = torch.tensor([ids])
        with torch.inference_mode():
            logits = model(tokens, torch.ones_like(tokens))[0]
        np.testing.assert_allclose(logits.numpy(), plain_dnabert2(ids), atol=2e-5)


def test_dnabert2_computes_each_sequence_as_if_alone(dnabert2: Path) -> None:
    encoder = load_encoder(dnabert2)
    assert (encoder.name, encoder.max_length, encoder.longest) == ("DNABERT-2", 512, None)
    with torch.inference_mode():
        states = hidden_states(
            encoder.model, FlatBatch.from_sequences([np.array(ids) for ids in SEQUENCES])
        )
    alone = np.concatenate([plain_dnabert2(ids, head=False) for ids in SEQUENCES])
    np.testing.assert_allclose(states.numpy(), alone, atol=2e-5)


def test_what_was_saved_of_a_dnabert2_is_read_again_and_is_no_bert(
    dnabert2: Path, tmp_path: Path
) -> None:
    encoder = load_encoder(dnabert2)
    encoder.save(tmp_path / "again", {})
    again = load_encoder(tmp_path / "again")
    one, other = encoder.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    saved = json.loads((tmp_path / "again" / "config.json").read_text())
    assert saved["model_type"] == "dnabert2"  # which plain transformers refuses
    assert "auto_map" not in saved
    text = ["GATTACA" * 3]
    assert encoder.tokenizer.encode_batch(text)[0].tolist() == (
        again.tokenizer.encode_batch(text)[0].tolist()
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w.pop("bert.encoder.layer.1.mlp.wo.bias"), "lacks the tensor bert.encoder"),
        (
            lambda w: w.update({"bert.encoder.layer.0.mlp.extra": torch.zeros(2)}),
            "no place for bert.encoder.layer.0.mlp.extra",
        ),
        (
            lambda w: w.update({"bert.embeddings.position_embeddings.weight": torch.zeros(2, 2)}),
            "no place for bert.embeddings.position_embeddings.weight",
        ),
        (lambda w: w.update({"bert.encoder.layer.0.mlp.wo.bias": torch.zeros(3)}), "mismatch"),
    ],
)
def test_weights_that_do_not_fit_are_refused_whole(dnabert2: Path, change: Any, match: str) -> None:
    weights = published_weights()
    change(weights)
    torch.save(weights, dnabert2 / "pytorch_model.bin")
    with pytest.raises(UserError, match=match) as caught:
        load_encoder(dnabert2)
    assert "\n" not in str(caught.value)


def test_code_of_a_folder_is_never_run(dnabert2: Path, tokenizer: DnaTokenizer) -> None:
    marker = dnabert2 / "ran"
    (dnabert2 / "bert_layers.py").write_text(f"open({str(marker)!r}, 'w')\nclass BertModel: pass\n")
    load_encoder(dnabert2)
    config = json.loads((dnabert2 / "config.json").read_text())
    del config["alibi_starting_size"]
    (dnabert2 / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="asks for code of its own"):
        load_encoder(dnabert2)
    assert not marker.exists()


MODELS: dict[str, Any] = {
    "bert": lambda: BertForMaskedLM(BertConfig(vocab_size=160, **SIZES)),
    "modernbert": lambda: ModernBertForMaskedLM(
        ModernBertConfig(vocab_size=160, pad_token_id=2, cls_token_id=3, sep_token_id=1, **SIZES)
    ),
    "roberta": lambda: RobertaModel(RobertaConfig(vocab_size=160, pad_token_id=2, **SIZES)),
    "esm": lambda: EsmForMaskedLM(
        EsmConfig(
            vocab_size=160,
            pad_token_id=2,
            mask_token_id=4,
            position_embedding_type="rotary",
            token_dropout=False,
            **SIZES,
        )
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_models_of_transformers_give_their_own_states(
    kind: str, tmp_path: Path, tokenizer: DnaTokenizer
) -> None:
    torch.manual_seed(0)
    model = MODELS[kind]().eval()
    encoder = load_encoder(foreign_folder(tmp_path / kind, model, tokenizer))
    assert encoder.max_length == (37 if kind in ("roberta", "esm") else 40)
    members = [np.array(ids) for ids in SEQUENCES]
    with torch.inference_mode():
        flat = hidden_states(encoder.model, FlatBatch.from_sequences(members))
        alone = [model.base_model(torch.tensor(ids)[None])[0][0] for ids in SEQUENCES]
    torch.testing.assert_close(flat, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_fresh_weights_come_from_the_seed(dnabert2: Path) -> None:
    drawn = [
        load_encoder(dnabert2, from_scratch=True, seed=seed).model.state_dict()
        for seed in (0, 0, 1)
    ]
    name = "bert.encoder.layer.0.mlp.wo.weight"
    assert torch.equal(drawn[0][name], drawn[1][name])
    assert not torch.equal(drawn[0][name], drawn[2][name])


def test_a_foreign_body_that_lacks_a_layer_is_refused(
    tmp_path: Path, tokenizer: DnaTokenizer
) -> None:
    folder = foreign_folder(tmp_path / "bert", MODELS["bert"](), tokenizer)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "layer.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks the tensor .*layer\.1\."):
        load_encoder(folder)


def test_the_tokenizer_of_a_vocabulary_alone_is_read(
    tmp_path: Path, tokenizer: DnaTokenizer
) -> None:
    folder = foreign_folder(tmp_path / "esm", MODELS["esm"](), tokenizer)
    for file in folder.glob("*token*"):
        file.unlink()
    (folder / "vocab.txt").write_text("\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"ACGTN"]))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    read = load_encoder(folder).tokenizer
    assert (read.prefix, read.suffix, read.unk) == ([0], [2], 3)
    assert [ids.tolist() for ids in read.encode_batch(["ACGT", "NA"])] == [[4, 5, 6, 7], [8, 4]]
    shutil.rmtree(folder / "missing", ignore_errors=True)
    (folder / "vocab.txt").unlink()
    with pytest.raises(UserError, match="no tokenizer that can be read"):
        load_encoder(folder)


def test_mean_and_max_leave_the_specials_out(dnabert2: Path) -> None:
    encoder = load_encoder(dnabert2)
    assert encoder.tokenizer.special_ids == (1, 3)
    batch = FlatBatch.from_sequences([np.array(ids) for ids in SEQUENCES])
    with torch.inference_mode():
        states = hidden_states(encoder.model, batch)
        found = {
            pooling: SequenceModel(
                encoder.model, 2, pooling=pooling, special_ids=encoder.tokenizer.special_ids
            )
            .eval()
            .embed(batch)
            for pooling in ("mean", "max", "cls")
        }
    torch.testing.assert_close(found["mean"][0], states[1:7].mean(0))
    torch.testing.assert_close(found["max"][1], states[9])
    torch.testing.assert_close(found["cls"][2], states[11])
