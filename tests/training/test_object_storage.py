"""Checkpoints on S3: whole or not there, one writer, and a resumed run ends with the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import replace

import pytest

from pybmfm.core import OutOfMemory, UserError
from pybmfm.training import pretrain
from pybmfm.training.lease import Lease
from pybmfm.training.lease_record import Found
from pybmfm.training.object_record import ObjectRecord
from pybmfm.training.storage import LEASE, LocalStorage, open_storage

from .conftest import STEPS, assert_same_weights, records

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def prefix() -> str:
    """A prefix of its own for each test."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def address(object_store, prefix) -> str:
    return f"s3://{object_store.bucket}/{prefix}"


@pytest.fixture
def storage(address):
    return open_storage(address)


def fine() -> None:
    """A lease that is held."""


def commit(storage, name: str, text: str, check=fine) -> None:
    with storage.replacing(name, check) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file.txt").write_text(text)


def text_of(storage, name: str) -> str:
    return (storage.path(name) / "deep" / "file.txt").read_text()


# -- folders, notes and logs -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_both_kinds_of_storage_keep_the_same_promises(kind, storage, tmp_path):
    if kind == "folder":
        storage = LocalStorage(tmp_path / "new")
    assert storage.folders() == []
    assert storage.read("note.json") is None
    commit(storage, "best", "first")
    commit(storage, "step-000001", "one")
    commit(storage, "best", "second")
    assert storage.folders() == ["best", "step-000001"]
    assert (text_of(storage, "best"), text_of(storage, "step-000001")) == ("second", "one")
    assert storage.read("best/nothing.txt") is None
    storage.write("note.json", b"{}")
    assert storage.read("note.json") == b"{}"
    storage.remove("best")
    assert storage.folders() == ["step-000001"]
    with pytest.raises(ZeroDivisionError), storage.replacing("step-000002", fine):
        raise ZeroDivisionError
    assert storage.folders() == ["step-000001"]


def test_nothing_takes_a_name_without_the_lease(storage):
    commit(storage, "best", "first")

    def lost() -> None:
        raise UserError("lost")

    with pytest.raises(UserError):
        commit(storage, "best", "second", check=lost)
    assert text_of(storage, "best") == "first"


def test_what_is_replaced_or_half_uploaded_leaves_nothing_behind(object_store, storage, prefix):
    commit(storage, "best", "first")
    commit(storage, "best", "second")
    assert len(object_store.keys(prefix)) == 2, "the commit and its one file"
    object_store.put(f"{prefix}/step-000003.0badc0de/model.safetensors", b"half")
    assert storage.folders() == ["best"]
    storage.sweep()
    assert not [key for key in object_store.keys(prefix) if "0badc0de" in key]
    assert text_of(storage, "best") == "second"


def test_a_missing_file_of_a_committed_folder_is_seen(object_store, storage, prefix):
    commit(storage, "best", "first")
    (file,) = (key for key in object_store.keys(prefix) if key.endswith("file.txt"))
    object_store.client().delete_object(Bucket=object_store.bucket, Key=file)
    with pytest.raises(OSError, match=r"cannot be had as committed|not exist"):
        storage.path("best")


def test_logs_are_those_of_the_last_commit(address, object_store, storage, prefix):
    (storage.logs / "progress.jsonl").write_text("1\n")
    commit(storage, "best", "first")
    (storage.logs / "progress.jsonl").write_text("1\n2\n")
    assert object_store.get(f"{prefix}/progress.jsonl") == b"1\n"
    again = open_storage(address)
    assert (again.logs / "progress.jsonl").read_text() == "1\n"


def test_an_address_of_files_is_a_folder(tmp_path):
    storage = open_storage(f"file://{tmp_path}", "run")
    assert storage.place == str(tmp_path / "run")


def test_the_address_may_name_the_endpoint(object_store, prefix, address, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    place = object_store.endpoint.removeprefix("http://")
    address = f"{address}?region=us-east-1&scheme=http&endpoint_override={place}"
    storage = open_storage(address, "run")
    commit(storage, "best", "first")
    with Lease(storage.lease()) as lease:
        lease.check()
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.endpoint)
    assert any(key.startswith(f"{prefix}/run/best.") for key in object_store.keys(prefix))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://no-such-bucket/x", "no such bucket"),
        ("nowhere://x/y", "(?i)unrecognized filesystem"),
    ],
)
def test_an_unusable_address_is_one_sentence(object_store, address, reason):
    with pytest.raises(UserError, match=reason) as error:
        open_storage(address)
    assert str(error.value).startswith(f"{address}: cannot be used for checkpoints")
    assert "\n" not in str(error.value)


# -- the lease -------------------------------------------------------------------------------


def test_the_lease_is_an_object_that_is_given_back(object_store, storage, prefix):
    with Lease(storage.lease()) as lease:
        lease.check()
        assert json.loads(object_store.get(f"{prefix}/{LEASE}"))["id"] == lease.owner["id"]
    assert object_store.keys(prefix) == []


def test_one_of_many_gets_the_lease_at_a_time(storage):
    """All create it at once: a conditional write lets one through."""
    inside, most, lock = [0], [0], threading.Lock()

    def work() -> None:
        with Lease(storage.lease()) as lease:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            lease.check()
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (most, inside) == ([1], [0])


def test_a_lease_changed_meanwhile_is_not_taken_over(storage):
    record, other = storage.lease(), storage.lease()
    assert record.create("mine")
    assert not other.create("yours")
    seen = record.read()
    assert other.replace("yours", other.read())
    assert not record.replace("mine again", seen)
    assert not record.replace("mine again", None), "it is there"
    assert record.read() == Found("yours", record.read().version)


def test_a_silent_owner_elsewhere_is_taken_over_and_notices(object_store, storage, prefix):
    silent = {"id": "other", "host": "elsewhere", "place": "x", "pid": 1, "heartbeat": 0.0}
    object_store.put(f"{prefix}/{LEASE}", json.dumps(silent).encode())
    with Lease(storage.lease(), stale_after=0.2) as lease:
        lease.check()
        object_store.put(f"{prefix}/{LEASE}", json.dumps(silent).encode())
        with pytest.raises(UserError, match="taken this checkpoint folder over"):
            lease.check()
    assert object_store.keys(prefix) == [f"{prefix}/{LEASE}"], "the new owner's stays"


def test_without_conditional_writes_the_last_to_write_owns_it(storage, monkeypatch):
    monkeypatch.setattr("pybmfm.training.object_record.SETTLING", 0.01)
    one, other = (
        ObjectRecord(storage._files, f"{storage._root}/{LEASE}", storage.place) for _ in range(2)
    )
    assert one.create("one")
    assert not other.create("other")
    assert other.replace("other", other.read())
    assert one.read() == Found("other")
    one.remove()
    assert other.read() is None


# -- pretraining -----------------------------------------------------------------------------


@pytest.fixture
def on_s3(base, address, tmp_path):
    """Settings of a run whose checkpoints lie on S3."""
    return replace(base, out=tmp_path / "out", checkpoints=address, resume=True)


def test_a_run_on_s3_is_that_of_a_disk(object_store, on_s3, reference, prefix):
    pretrain(on_s3)
    assert_same_weights(on_s3.out, reference)
    assert_same_weights(on_s3.out / "best", reference / "best")
    (commits,) = (
        {k.split("/")[2] for k in object_store.keys(prefix) if k.endswith(".commit.json")},
    )
    kept = {"best", f"step-{STEPS - 1:06d}", f"step-{STEPS:06d}"}
    assert commits == {f"{name}.commit.json" for name in kept}
    (run,) = {key.split("/")[1] for key in object_store.keys(prefix)}
    assert (
        object_store.get(f"{prefix}/{run}/progress.jsonl")
        == (on_s3.out / "progress.jsonl").read_bytes()
    )


KILLED = """
import logging, os, signal, sys
from pathlib import Path
from pybmfm.training import PretrainSettings, pretrain, pretraining

logging.basicConfig(level=logging.INFO)
out, root, corpus, tokenizer, steps = sys.argv[1:]

def attempt(death):
    from pybmfm.training import object_storage
    name, call = death
    place = {"update": pretraining._Run}.get(name, object_storage.ObjectStorage)
    place = object_storage if name == "_copy" else place
    ordinary, calls = getattr(place, name or "path"), []
    def wrapped(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            if name == "_copy":  # half of the upload has arrived
                some = next(Path(args[1]).glob("*.safetensors"))
                args[2].open_output_stream(args[3] + "/" + some.name).close()
            os.kill(os.getpid(), signal.SIGKILL)
        return ordinary(*args, **kwargs)
    if name:
        setattr(place, name, wrapped)
    # A new folder each time, as a retry on another machine has.
    pretrain(PretrainSettings((Path(corpus),), Path(tokenizer), Path(out) / (name or "last"),
        steps=int(steps), tokens_per_batch=512, max_length=64, checkpoint_every=3,
        validate_every=5, checkpoints=root, device="cpu", recipe="published", resume=True))

# What to die in, at which call of that attempt.
DEATHS = [
    ("_copy", 1),      # half of the first checkpoint is uploaded
    ("update", 5),     # between two checkpoints, 3 is there
    ("save_logs", 2),  # 6 is uploaded but not committed: the weights of step 5 are the best
    ("sweep", 1),      # 6 is committed, what was before it lies there still
    (None, 0),
]
for death in DEATHS:
    child = os.fork()  # before any thread of a client of S3
    if child == 0:
        attempt(death)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_killed_while_uploading_it_resumes_and_ends_with_the_same_bits(
    object_store, on_s3, reference, prefix, tmp_path
):
    arguments = [tmp_path, on_s3.checkpoints, on_s3.corpora[0], on_s3.tokenizer, STEPS]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [int(code) for code in done.stdout.split()] == [-signal.SIGKILL] * 4 + [0], done.stderr
    resumed = [part.split(" ")[0] for part in done.stderr.split("resumed at step ")[1:]]
    assert resumed == ["3", "3", "6"], done.stderr
    assert_same_weights(tmp_path / "last", reference)
    assert_same_weights(tmp_path / "last" / "best", reference / "best")
    losses = {record["step"]: record["loss"] for record in records(reference)}
    found = records(tmp_path / "last")
    assert {record["step"] for record in found} == set(losses)
    assert all(record["loss"] == losses[record["step"]] for record in found)
    # What was half-uploaded is gone: every file belongs to a commit.
    commits = [
        json.loads(object_store.get(k))
        for k in object_store.keys(prefix)
        if k.endswith(".commit.json")
    ]
    stray = [k for k in object_store.keys(prefix) if k.endswith("safetensors")]
    assert all(any(commit["folder"] in key for commit in commits) for key in stray)


def test_a_damaged_newest_checkpoint_falls_back_one(
    object_store, on_s3, reference, prefix, tmp_path, caplog
):
    pretrain(on_s3)
    (weights,) = (
        key
        for key in object_store.keys(prefix)
        if f"step-{STEPS:06d}." in key and key.endswith("/model.safetensors")
    )
    damaged = bytearray(object_store.get(weights))
    damaged[-1] ^= 1
    object_store.put(weights, bytes(damaged))
    with caplog.at_level("INFO", "pybmfm"):
        pretrain(replace(on_s3, out=tmp_path / "again"))
    assert "is damaged (model.safetensors is not as it was written)" in caplog.text
    assert f"resumed at step {STEPS - 1}" in caplog.text
    assert_same_weights(tmp_path / "again", reference)


def test_an_earlier_run_is_not_overwritten_without_resume(on_s3):
    pretrain(on_s3)
    with pytest.raises(UserError, match=r"s3://bucket/\S+: holds checkpoints of an earlier run"):
        pretrain(replace(on_s3, resume=False))


def test_a_retry_finds_the_halved_micro_batch(on_s3, tmp_path, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(OutOfMemory, match="continue with 256"):
        patch.setattr("pybmfm.training.pretraining._Run.update", exhausted)
        pretrain(on_s3)
    from pybmfm.training import pretraining

    seen = []
    monkeypatch.setattr(pretraining._Run, "update", lambda run, _: seen.append(run.micro_batch))
    with pytest.raises(TypeError):  # stops at the first step
        pretrain(replace(on_s3, out=tmp_path / "retry"))
    assert seen == [256]


def test_a_store_that_fails_costs_a_checkpoint_and_not_the_run(
    on_s3, reference, monkeypatch, caplog
):
    from pybmfm.training.object_storage import ObjectStorage

    ordinary, calls = ObjectStorage.write, []

    def failing(self, name, content):
        if name.startswith("step-"):
            calls.append(name)
            if len(calls) == 1:
                raise OSError("AWS Error SLOW_DOWN")
        ordinary(self, name, content)

    monkeypatch.setattr(ObjectStorage, "write", failing)
    pretrain(on_s3)
    assert "the checkpoint of step 3 cannot be written (AWS Error SLOW_DOWN)" in caplog.text
    assert_same_weights(on_s3.out, reference)
