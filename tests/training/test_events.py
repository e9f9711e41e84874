"""Event files, read back by a reader of its own, written from the format's description."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.training.events import EventFile, crc32c


def bitwise_crc32c(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        for bit in range(8):
            feedback = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ 0x82F63B78 * feedback
    return crc ^ 0xFFFFFFFF


def unmasked(masked: int) -> int:
    rotated = (masked - 0xA282EAD8) % 2**32
    return (rotated >> 17 | rotated << 15) % 2**32


def messages(path: Path) -> Iterator[bytes]:
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        for start, size in ((at, 8), (at + 12, length)):
            (checksum,) = struct.unpack_from("<I", content, start + size)
            assert unmasked(checksum) == bitwise_crc32c(content[start : start + size])
        yield content[at + 12 : at + 12 + length]
        at += 16 + length


def fields(message: bytes) -> list[tuple[int, Any]]:
    """Number and value of every field of a protocol-buffer message."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte, at = message[at], at + 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        key = varint()
        value: Any
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 2:
            length = varint()
            value, at = message[at : at + length], at + length
        else:
            kind, size = {1: ("<d", 8), 5: ("<f", 4)}[key & 7]
            (value,), at = struct.unpack_from(kind, message, at), at + size
        found.append((key >> 3, value))
    return found


def test_known_checksums():
    assert crc32c(b"123456789") == 0xE3069283  # the catalogue's check value
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_checksums_are_those_of_the_definition(content):
    assert crc32c(content) == bitwise_crc32c(content)


def test_numbers_come_back_with_their_names_and_steps(tmp_path):
    events = EventFile(tmp_path / "tensorboard", first_step=301)
    written = {"loss": 4.25, "dev_accuracy": 0.0, "tokens": 40_000.0, "gradient_norm": 1e-12}
    events.write(301, written)
    events.write(2**40, {"loss": 0.5})
    assert events.path.name.startswith("events.out.tfevents.")
    version, start, first, second = (fields(message) for message in messages(events.path))
    assert dict(version)[3] == b"brain.Event:2"
    # SessionLog of status START: what an interrupted run logged from this step on is void.
    assert (dict(start)[2], fields(dict(start)[7])) == (301, [(1, 1)])
    assert dict(first)[2] == 301
    values = [dict(fields(value)) for number, value in fields(dict(first)[5]) if number == 1]
    assert {one[1].decode(): one[2] for one in values} == pytest.approx(written)
    assert dict(second)[2] == 2**40
    assert all(dict(one)[1] > 1e9 for one in (version, start, first, second))
