"""Publishing: only a whole model leaves, and nothing of the run's inner life with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM

from pybmfm.cli import main
from pybmfm.core import UserError
from pybmfm.model import build_config, build_model, load_checkpoint, save_checkpoint
from pybmfm.model.publish import files_to_publish, publish_to_folder, publish_to_hub
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer

TOKEN = "hf_secret"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> DnaTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer") / "ref"
    settings = TokenizerSettings(out=folder, encoding="ref", vocab_size=150)
    train_tokenizer(settings, ["ACGTTGCAAGGCT" * 20] * 3, origin={}, inputs=(), counts={})
    return DnaTokenizer.load(folder)


@pytest.fixture
def checkpoint(tmp_path: Path, tokenizer: DnaTokenizer) -> Path:
    """A finished run's folder: the model, and what must stay at home."""
    config = build_config(
        "modernbert",
        "tiny",
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
    )
    folder = tmp_path / "model"
    card = {
        "settings": {"seed": 5},
        "metrics": {"dev_loss": 4.2},
        "inputs": [tokenizer.folder],
    }
    save_checkpoint(folder, build_model(config, 5), tokenizer, card)
    for name in ("checkpoints/step-1/training_state/state.json", "best/x", "tensorboard/events"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("inner life")
    for name in ("progress.jsonl", ".hidden"):
        (folder / name).write_text("inner life")
    (folder / "metrics.json").write_text("{}")
    return folder


PUBLISHED = {
    "README.md",
    "config.json",
    "manifest.json",
    "metrics.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as an upload needs: large files by LFS, the others in the commit."""

    store: dict[str, bytes]
    commits: list[dict[str, bytes]]
    created: list[dict[str, Any]]
    tokens: set[str | None]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.tokens.add(self.headers["Authorization"])
        host = f"http://{self.headers['Host']}"
        if self.path == "/api/repos/create":
            self.created.append(json.loads(body))
            self.answer({"url": f"{host}/lab/dna"})
        elif self.path == "/api/validate-yaml":
            self.answer({"warnings": [], "errors": []})
        elif self.path == "/api/models/lab/dna/preupload/main":
            self.answer({"files": [_mode(file) for file in json.loads(body)["files"]]})
        elif self.path == "/lab/dna.git/info/lfs/objects/batch":
            objects = [_upload(one, host) for one in json.loads(body)["objects"]]
            self.answer({"transfer": "basic", "objects": objects})
        elif self.path == "/api/models/lab/dna/commit/main":
            self.commits.append(self.files_of(body))
            self.answer({"commitUrl": f"{host}/lab/dna/commit/1", "commitOid": "1"})
        else:
            self.answer({"error": "Forbidden: another's repository"}, 403)

    def do_GET(self) -> None:
        self.answer({"error": "Repository not found"}, 404)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.store[self.path.rpartition("/")[2]] = content
        self.answer({})

    def files_of(self, body: bytes) -> dict[str, bytes]:
        """The files of a commit, the large ones from what was uploaded before."""
        lines = [json.loads(line) for line in body.splitlines()]
        small = [line["value"] for line in lines if line["key"] == "file"]
        large = [line["value"] for line in lines if line["key"] == "lfsFile"]
        files = {one["path"]: base64.b64decode(one["content"]) for one in small}
        return files | {one["path"]: self.store[one["oid"]] for one in large}

    def answer(self, content: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    kind = "lfs" if file["path"].endswith(".safetensors") else "regular"
    return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False}


def _upload(wanted: dict[str, Any], host: str) -> dict[str, Any]:
    return {**wanted, "actions": {"upload": {"href": f"{host}/lfs/{wanted['oid']}"}}}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[Hub], str]]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Session", (Hub,), {"store": {}, "commits": [], "created": [], "tokens": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_model_and_nothing_else_is_published(checkpoint: Path) -> None:
    assert set(files_to_publish(checkpoint)) == PUBLISHED
    more = files_to_publish(checkpoint, ["progress.jsonl", "tensorboard"])
    assert set(more) == PUBLISHED | {"progress.jsonl", "tensorboard/events"}


@pytest.mark.parametrize("name", ["absent", "../model/config.json", "/"])
def test_what_is_included_must_be_inside(checkpoint: Path, name: str) -> None:
    with pytest.raises(UserError, match="--include"):
        files_to_publish(checkpoint, [name])


def test_the_copy_in_a_folder_is_the_model(checkpoint: Path, tmp_path: Path) -> None:
    publish_to_folder(checkpoint, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == PUBLISHED
    ours = load_checkpoint(checkpoint)[0].state_dict()
    plain = AutoModelForMaskedLM.from_pretrained(tmp_path / "copy").state_dict()
    assert all(torch.equal(weight, plain[name]) for name, weight in ours.items())


def test_a_hub_receives_the_model_in_one_commit(
    checkpoint: Path, hub: tuple[type[Hub], str], tmp_path: Path
) -> None:
    handler, address = hub
    url = publish_to_hub(checkpoint, "lab/dna", endpoint=address, private=True, token=TOKEN)
    assert url == f"{address}/lab/dna/commit/1"
    made = handler.created[0]  # older versions of the client say `private: true`
    assert made["name"] == "dna"
    assert made.get("visibility") == "private" or made.get("private") is True
    assert handler.tokens == {f"Bearer {TOKEN}"}
    (files,) = handler.commits
    assert files.keys() == PUBLISHED
    for name, content in files.items():
        assert content == (checkpoint / name).read_bytes(), name
    digest = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    assert handler.store.keys() == {digest}


def test_a_hub_that_refuses_is_one_sentence_without_the_token(
    checkpoint: Path, hub: tuple[type[Hub], str]
) -> None:
    with pytest.raises(UserError, match="cannot be published to other/dna") as told:
        publish_to_hub(checkpoint, "other/dna", endpoint=f"{hub[1]}/no", token=TOKEN)
    assert TOKEN not in str(told.value)
    with pytest.raises(UserError, match="cannot be published to not a name"):
        publish_to_hub(checkpoint, "not a name", endpoint=hub[1], token=TOKEN)
    assert not hub[0].commits


@pytest.mark.parametrize("name", ["README.md", "tokenizer_config.json", "model.safetensors"])
def test_an_incomplete_checkpoint_is_refused(checkpoint: Path, tmp_path: Path, name: str) -> None:
    (checkpoint / name).unlink()
    with pytest.raises(UserError, match=re.escape(name)):
        publish_to_folder(checkpoint, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("said", "missing"),
    [("license:", "license"), *((f"## {title}\n", title) for title in ("Data digests", "Limits"))],
)
def test_a_card_that_does_not_say_all_is_refused(
    checkpoint: Path, tmp_path: Path, said: str, missing: str
) -> None:
    card = checkpoint / "README.md"
    card.write_text(card.read_text().replace(said, "\n"))
    with pytest.raises(UserError, match=f"does not say: {missing}"):
        publish_to_folder(checkpoint, tmp_path / "copy")


def test_weights_of_another_model_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    with pytest.raises(UserError, match="cannot be loaded"):
        publish_to_folder(checkpoint, tmp_path / "copy")


def test_the_card_names_the_digests_of_what_was_read(
    checkpoint: Path, tokenizer: DnaTokenizer
) -> None:
    digest = hashlib.sha256((tokenizer.folder / "manifest.json").read_bytes()).hexdigest()
    assert digest in (checkpoint / "README.md").read_text()


def test_command(
    checkpoint: Path,
    tmp_path: Path,
    hub: tuple[type[Hub], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    start = ["publish", "--checkpoint", str(checkpoint)]
    to_hub = ["--repo", "lab/dna", "--endpoint", hub[1], "--token-file", str(tmp_path / "token")]
    for options, code, words in [
        (["--to-folder", str(tmp_path / "copy")], 0, "copy"),
        (to_hub, 0, "/lab/dna/commit/1"),
        ([], 2, "give one of --repo and --to-folder"),
        ([*to_hub[:4], "--token-file", str(tmp_path / "none")], 2, "--token-file"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            main([*start, *options])
        told = capsys.readouterr()
        assert (int(stopped.value.code or 0), words in told.out + told.err) == (code, True)
