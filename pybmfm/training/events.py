"""Event files for TensorBoard, written without TensorBoard.

The format is that of TensorFlow: a TFRecord file (length, masked CRC-32C of the length, content,
masked CRC-32C of the content; tensorflow/core/lib/io/record_writer.h) of protocol-buffer messages
`Event` (tensorflow/core/util/event.proto) with `Summary` values of one number each
(tensorflow/core/framework/summary.proto).
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG = 1, 2, 3, 5, 7  # fields of Event
VALUE, TAG, SIMPLE_VALUE = 1, 1, 2  # fields of Summary and of Summary.Value
STATUS, START = 1, 1  # field of SessionLog, and its value at the start of a run


class EventFile:
    """Append numbers to a new event file of a folder.

    Parameters
    ----------
    folder
        TensorBoard's log folder, made when absent.
    first_step
        The step that comes next; TensorBoard forgets what earlier files say of it and later ones.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self._append(_field(FILE_VERSION, BYTES, b"brain.Event:2"))
        start = _field(SESSION_LOG, BYTES, _field(STATUS, VARINT, START))
        self._append(_field(STEP, VARINT, first_step) + start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append the numbers of one step, by name."""
        summary = b"".join(
            _field(
                VALUE,
                BYTES,
                _field(TAG, BYTES, name.encode()) + _field(SIMPLE_VALUE, FIXED32, float(value)),
            )
            for name, value in values.items()
        )
        self._append(_field(STEP, VARINT, step) + _field(SUMMARY, BYTES, summary))

    def _append(self, event: bytes) -> None:
        content = _field(WALL_TIME, FIXED64, time.time()) + event
        length = struct.pack("<Q", len(content))
        with self.path.open("ab") as file:
            file.write(length + _masked_crc(length) + content + _masked_crc(content))


def _field(number: int, wire: int, value: float | bytes) -> bytes:
    key = _varint(number << 3 | wire)
    if isinstance(value, bytes):
        return key + _varint(len(value)) + value
    if wire == VARINT:
        return key + _varint(int(value))
    return key + struct.pack("<d" if wire == FIXED64 else "<f", value)


def _varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _masked_crc(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@cache
def _crc_table() -> list[int]:
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        table.append(entry)
    return table
