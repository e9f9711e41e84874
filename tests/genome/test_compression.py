from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import pysam
import pytest

from pybmfm.core import UserError
from pybmfm.genome import compression_of, foreign_format, open_bytes

MARK = b"\xef\xbb\xbf"


def _zip(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("in.vcf", text)
    return packed.getvalue()


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_byte_order_mark_is_passed_over(tmp_path: Path, packed: type) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(packed(MARK + b"chr1\t1\n" + MARK))
    with open_bytes(path) as handle:
        assert handle.read() == b"chr1\t1\n" + MARK


def test_a_file_shorter_than_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    for content in (b"", b"A", MARK[:2], MARK):
        path.write_bytes(content)
        with open_bytes(path) as handle:
            assert handle.read() == content.removeprefix(MARK)


def test_joined_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress(b"ACGT\n") + gzip.compress(b"TTTT\n"))
    with open_bytes(path) as handle:
        assert handle.read() == b"ACGT\nTTTT\n"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bz2.compress(b">a\nACGT\n"), "a bzip2 file"),
        (lzma.compress(b">a\nACGT\n"), "an xz file"),
        (_zip(b">a\nACGT\n"), "a zip file"),
        (">a\nACGT\n".encode("utf-16"), "UTF-16 text"),
    ],
)
def test_other_ways_to_pack_are_named(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "in.fa"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"is {name}"):
        compression_of(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in ((".", "is a folder"), ("pipe", "is a pipe"), ("none", "no such file")):
        with pytest.raises(UserError, match=message):
            compression_of(tmp_path / name)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"@r1\nACGT\n+\n!!!!\n", "a FASTQ file"),
        (b"LOCUS       AB1\n", "a GenBank file"),
        (b"\x43\x27\x41\x1a\0\0\0\0", "a 2bit file"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"##fileformat=VCFv4.2\n", "a VCF"),
    ],
)
def test_formats_that_people_mistake_are_named(head: bytes, name: str) -> None:
    found = foreign_format(head)
    assert found is not None
    assert found.name == name


def test_ordinary_text_is_no_foreign_format() -> None:
    for head in (b">a\nACGT\n", b"chr1\t1\t2\n", b"sequence,label\n", b""):
        assert foreign_format(head) is None


def test_a_bgzip_file_is_told_from_gzip(tmp_path: Path) -> None:
    with pysam.BGZFile(str(tmp_path / "b.gz"), "wb") as out:
        out.write(b"ACGT")
    (tmp_path / "g.gz").write_bytes(gzip.compress(b"ACGT"))
    (tmp_path / "p").write_bytes(b"ACGT")
    assert [compression_of(tmp_path / n) for n in ("b.gz", "g.gz", "p")] == [
        "bgzip", "gzip", "plain",
    ]  # fmt: skip
