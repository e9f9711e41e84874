"""Where each contig begins in an indexed bgzip VCF (.tbi, .csi)."""

from __future__ import annotations

import struct
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.genome import open_bytes

# A bin of this number holds counts, not places: one beyond the last real one.
_TBI_DEPTH = 5


def contig_starts(path: Path) -> dict[bytes, tuple[int, int]] | None:
    """Read the index beside a VCF.

    Parameters
    ----------
    path
        The VCF; ``.tbi`` and ``.csi`` are looked for.

    Returns
    -------
    dict or None
        Contig -> (byte at which the block begins, bytes of its text passed over) of the first
        record, in the order of the file. None without an index, with one older than the VCF,
        or with a broken one: the whole file is read then.
    """
    for suffix, read in ((".tbi", _read_tbi), (".csi", _read_csi)):
        index = Path(f"{path}{suffix}")
        if index.is_file() and index.stat().st_mtime >= path.stat().st_mtime:
            try:
                with open_bytes(index) as handle:
                    return read(handle.read()) or None  # one that names none is broken too
            except (UserError, OSError, struct.error, ValueError, IndexError):
                return None
    return None


def _read_tbi(content: bytes) -> dict[bytes, tuple[int, int]]:
    magic, n_contigs, *_, n_names = struct.unpack_from("<4s8i", content)
    if magic != b"TBI\1":
        raise ValueError("not a tabix index")
    names = content[36 : 36 + n_names].split(b"\0")[:n_contigs]
    return _starts(_Fields(content, 36 + n_names), names, _TBI_DEPTH, csi=False)


def _read_csi(content: bytes) -> dict[bytes, tuple[int, int]]:
    magic, _, depth, n_auxiliary = struct.unpack_from("<4s3i", content)
    if magic != b"CSI\1" or n_auxiliary < 28:
        raise ValueError("not an index of a VCF")
    (n_names,) = struct.unpack_from("<i", content, 16 + 24)
    fields = _Fields(content, 16 + n_auxiliary)
    (n_contigs,) = fields.take("<i")
    names = content[44 : 44 + n_names].split(b"\0")[:n_contigs]
    return _starts(fields, names, depth, csi=True)


class _Fields:
    """Takes binary fields one after another."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content = content
        self.at = at

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.content, self.at)
        self.at += struct.calcsize(layout)
        return values


def _starts(
    fields: _Fields, names: list[bytes], depth: int, *, csi: bool
) -> dict[bytes, tuple[int, int]]:
    counts_bin = ((1 << (3 * (depth + 1))) - 1) // 7 + 1
    first = {}
    for name in names:
        starts: list[int] = []
        for _ in range(fields.take("<i")[0]):
            number, *_ = fields.take("<IQ" if csi else "<I")
            (n_chunks,) = fields.take("<i")
            chunks = fields.take(f"<{2 * n_chunks}Q")
            if number != counts_bin:
                starts += chunks[::2]
        if not csi:
            (n_windows,) = fields.take("<i")
            fields.at += 8 * n_windows
        if starts:
            first[name] = divmod(min(starts), 1 << 16)
    return dict(sorted(first.items(), key=lambda item: item[1]))
