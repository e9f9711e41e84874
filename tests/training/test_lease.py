"""One writer per folder."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from pybmfm.core import Interrupted, UserError
from pybmfm.training.lease import Lease
from pybmfm.training.lease_record import FileRecord
from pybmfm.training.storage import LEASE


def record(folder):
    return FileRecord(folder / LEASE)


def foreign(folder, **changes):
    """A lease of another machine."""
    content = {"id": "other", "host": "elsewhere", "place": "x", "pid": 1, "heartbeat": 0.0}
    (folder / LEASE).write_text(json.dumps({**content, **changes}))


def test_lease_is_given_back(tmp_path):
    with Lease(record(tmp_path / "new")) as lease:
        lease.check()
        assert (tmp_path / "new" / LEASE).is_file()
    assert not (tmp_path / "new" / LEASE).exists()


def test_second_waits_for_the_first(tmp_path):
    entered = threading.Event()

    def second():
        with Lease(record(tmp_path), stale_after=60):
            entered.set()

    with Lease(record(tmp_path), stale_after=60):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
    thread.join(timeout=20)
    assert entered.is_set()


def test_silent_lease_of_another_machine_is_taken_over(tmp_path):
    foreign(tmp_path)
    with Lease(record(tmp_path), stale_after=0.2) as lease:
        lease.check()


def test_dead_process_of_this_machine_is_taken_over_at_once(tmp_path):
    with Lease(record(tmp_path)) as lease:
        place = lease.owner["place"]
    foreign(tmp_path, place=place, pid=2**22 + 1, heartbeat=9e9)
    with Lease(record(tmp_path), stale_after=3600) as lease:
        lease.check()


def test_torn_lease_is_taken_over(tmp_path):
    (tmp_path / LEASE).write_text('{"id": "oth')
    with Lease(record(tmp_path), stale_after=0.2) as lease:
        lease.check()


def test_losing_the_lease_is_seen_and_the_new_owner_s_file_stays(tmp_path):
    with Lease(record(tmp_path)) as lease:
        foreign(tmp_path)
        with pytest.raises(UserError, match="taken this checkpoint folder over"):
            lease.check()
    assert (tmp_path / LEASE).is_file()


def test_waiting_ends_when_asked_to_stop(tmp_path):
    with (
        Lease(record(tmp_path)),
        pytest.raises(Interrupted),
        Lease(record(tmp_path), should_stop=lambda: True),
    ):
        pass


def test_the_environment_sets_the_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("PYBMFM_LEASE_SECONDS", "7")
    assert Lease(record(tmp_path)).stale_after == 7


def test_a_frozen_owner_looks_before_it_writes(tmp_path, monkeypatch):
    """Frozen, its heart stands still too, and another takes over in the meantime."""
    monkeypatch.setattr(Lease, "_beat", lambda lease: None)
    with Lease(record(tmp_path), stale_after=3600) as lease:
        foreign(tmp_path)
        lease.check_if_overdue()  # the heartbeat is young: nobody can have taken over
        lease.stale_after = 0
        with pytest.raises(UserError, match="taken this checkpoint folder over"):
            lease.check_if_overdue()


def test_a_full_disk_leaves_no_piece_of_a_lease(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    held = Lease(record(tmp_path / "held"), stale_after=3600)
    with held, monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fail)
        with pytest.raises(OSError, match="No space"):
            held.record.replace("{}", None)
        assert [path.name for path in (tmp_path / "held").iterdir()] == [LEASE]
    monkeypatch.setattr("os.fdopen", fail)
    with pytest.raises(UserError, match="cannot be written"), Lease(record(tmp_path / "new")):
        pass
    assert not list((tmp_path / "new").iterdir())
