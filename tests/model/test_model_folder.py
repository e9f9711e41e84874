"""Model folders from anywhere: an adapter, absurd sizes and wrong types are one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertModel

from pybmfm.core import UserError
from pybmfm.model import load_encoder, load_model
from pybmfm.model.finetuned import load_finetuned

from ..small_checkpoint import make_checkpoint

Loader = Callable[[Path], Any]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours") / "model"
    make_checkpoint(folder, "ACGTTGCAAGGCT" * 20, "ref")
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "bert"
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=9, intermediate_size=8, **size)).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"ACGT"]
    (folder / "vocab.txt").write_text("\n".join(words))
    content = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(params=["load_model, ours", "load_encoder, ours", "load_encoder, foreign"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Loader, Path]:
    loader, kind = request.param.split(", ")
    folder = tmp_path / "model"
    shutil.copytree(request.getfixturevalue(kind), folder)
    return {"load_model": load_model, "load_encoder": load_encoder}[loader], folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(load: Loader, folder: Path) -> str:
    with pytest.raises(UserError) as error:
        load(folder)
    sentence = str(error.value)
    assert str(folder) in sentence
    assert len(sentence) < 600
    return sentence


def test_a_whole_model_is_loaded(model):
    load, folder = model
    load(folder)


def test_an_adapter_beside_the_weights_is_refused(model):
    load, folder = model
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "merge the adapter" in refused(load, folder)


@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers", "num_attention_heads"])
@pytest.mark.parametrize("value", [10**9, 10**30, -1, 0, "128", 1.5, [128], {"a": 1}, True])
def test_a_size_that_no_model_has_is_refused_before_it_is_built(model, name, value):
    load, folder = model
    change(folder / "config.json", **{name: value})
    assert f"config.json: gives {name} as" in refused(load, folder)


@pytest.mark.parametrize(
    "sizes",
    [
        {"hidden_size": 65_536, "num_attention_heads": 4},
        {"num_hidden_layers": 1_000, "hidden_size": 1_024},
        {"vocab_size": 1 << 24},
    ],
)
def test_a_model_much_larger_than_its_weights_is_refused_before_it_is_built(model, sizes):
    load, folder = model
    change(folder / "config.json", **sizes)
    assert "describes a model of about" in refused(load, folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '[["model_type", "bert"]]',
        '"bert"',
        "null",
        '{"layer_norm_eps": NaN}',
        "[" * 10_000,
        "\xff",
    ],
)
def test_a_configuration_that_is_no_json_object_is_refused(model, text):
    load, folder = model
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    assert "config.json: is n" in refused(load, folder)


@pytest.mark.parametrize(
    "values",
    [
        {"model_type": ["bert"]},
        {"model_type": {}},
        {"model_type": None},
        {"pad_token_id": "x"},
        {"pad_token_id": [1]},
    ],
)
def test_other_wrong_types_are_one_sentence(model, values):
    load, folder = model
    change(folder / "config.json", **values)
    refused(load, folder)


@pytest.mark.parametrize("header", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}", b"\0" * 100])
def test_weights_with_a_broken_header_are_refused(model, header):
    load, folder = model
    (folder / "model.safetensors").write_bytes(header)
    refused(load, folder)


HEAD = {"task": "t", "kind": "binary", "classes": ["0", "1"], "max_length": 8}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"task": "t$(touch RAN)"}, "task name 't$(touch RAN)' cannot name a folder"),
        ({"task": ["t"]}, "cannot name a folder"),
        ({"kind": "ternary"}, "gives kind as"),
        ({"classes": "01"}, "gives classes as"),
        ({"classes": [0, 1]}, "gives classes as"),
        ({"classes": ["a"] * 10**5}, "gives classes as|head that can be read"),
        ({"max_length": 10**12}, "gives max_length as"),
        ({"max_length": "8"}, "gives max_length as"),
        ({"pooling": ["mean"]}, "gives pooling as"),
        ({"mean": "0"}, "gives mean as"),
        ({"deviation": -1}, "gives deviation as"),
        ({"surplus": 1}, "is no head"),
    ],
)
def test_a_head_of_wrong_facts_is_one_sentence(ours, tmp_path, values, sentence):
    import torch
    from safetensors.torch import save_file

    folder = tmp_path / "tuned"
    shutil.copytree(ours, folder)
    width = json.loads((folder / "config.json").read_text())["hidden_size"]
    head = {"weight": torch.zeros(2, width), "bias": torch.zeros(2)}
    save_file(head, folder / "head.safetensors")
    (folder / "head.json").write_text(json.dumps(HEAD))
    assert load_finetuned(folder).facts.task == "t"
    change(folder / "head.json", **values)
    said = refused(load_finetuned, folder)
    assert any(part in said for part in sentence.split("|"))
