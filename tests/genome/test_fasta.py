from __future__ import annotations

import gzip
import hashlib
import os
import random
import tempfile
from pathlib import Path

import pysam
import pytest

from pybmfm.core import UserError
from pybmfm.genome import Genome, decode_bases

_RANDOM = random.Random(1)
CHR1 = "".join(_RANDOM.choices("ACGTacgtN", k=70_000))
CHR2 = "".join(_RANDOM.choices("ACGT", k=150))


def _write(path: Path, text: str) -> Path:
    if path.name.endswith(".bgz.gz"):
        with pysam.BGZFile(str(path), "wb") as out:
            out.write(text.encode())
    elif path.suffix == ".gz":
        with gzip.open(path, "wt") as packed:
            packed.write(text)
    else:
        path.write_text(text)
    return path


def _lines(text: str, width: int = 50) -> str:
    return "\n".join(text[i : i + width] for i in range(0, len(text), width))


@pytest.fixture(params=["genome.fa", "genome.fa.gz", "genome.bgz.gz"])
def fasta(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _write(tmp_path / request.param, f">chr1 one\n{_lines(CHR1)}\n>chr2\n{_lines(CHR2)}\n")


def test_plain_gzip_and_bgzip_read_alike_and_nothing_is_written_beside(
    fasta: Path, tmp_path: Path
) -> None:
    with Genome(fasta) as genome:
        assert genome.lengths == {"chr1": 70_000, "chr2": 150}
        assert decode_bases(genome.codes("chr1")) == CHR1.upper()
        assert decode_bases(genome.codes("chr2", 20, 31)) == CHR2[20:31]
        expected = hashlib.sha256(CHR1.upper().encode()).hexdigest()
        assert genome.sequence_digest("chr1") == expected
    assert list(tmp_path.iterdir()) == [fasta]


def test_temporary_files_are_gone_after_closing(
    fasta: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with Genome(fasta) as genome:
        genome.codes("chr2")
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())


def test_an_index_beside_is_used_unless_older_than_the_fasta(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.fa", ">a\nACGT\n")
    index = tmp_path / "g.fa.fai"
    index.write_text("renamed\t4\t3\t4\t5\n")
    with Genome(fasta) as genome:
        assert list(genome.lengths) == ["renamed"]
    os.utime(index, (1, 1))
    with Genome(fasta) as genome:
        assert list(genome.lengths) == ["a"]


def test_ragged_lines_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.fa", ">a\r\nACGT\r\nA\r\nACGTT\r\n\r\n>b\r\nGG\r\n")
    with Genome(fasta) as genome:
        assert decode_bases(genome.codes("a")) == "ACGTAACGTT"
        assert decode_bases(genome.codes("b")) == "GG"


def test_replaced_letters_are_counted_per_contig(tmp_path: Path) -> None:
    with Genome(_write(tmp_path / "g.fa", ">a\nACRYu\n>b\nNNac\n")) as genome:
        assert decode_bases(genome.codes("a", 0, 3)) == "ACN"
        assert decode_bases(genome.codes("b")) == "NNAC"
        assert genome.replaced_letters == {"a": 3, "b": 0}


def test_codes_are_read_only_and_bounded(tmp_path: Path) -> None:
    with Genome(_write(tmp_path / "g.fa", ">a\nACGT\n")) as genome:
        with pytest.raises(ValueError, match="read-only"):
            genome.codes("a")[0] = 1
        with pytest.raises(ValueError, match="outside"):
            genome.codes("a", 2, 9)
        with pytest.raises(UserError, match="no contig b"):
            genome.codes("b")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.fa", "", "is empty"),
        ("g.fa.gz", "", "is empty"),
        ("g.bgz.gz", "", "is empty"),
        ("g.fa", "\n\n", "is empty"),
        ("g.fa", "ACGT\n", "not a FASTA"),
        ("g.fa", "@read\nACGT\n+\n!!!!\n", "not a FASTA"),
        ("g.fa", ">a\n", "no sequence"),
    ],
)
def test_what_is_not_a_fasta_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Genome(_write(tmp_path / name, text))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Genome(tmp_path / "none.fa")


@pytest.mark.parametrize("name", ["g.fa.gz", "g.bgz.gz"])
@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_truncated_compression_is_refused(tmp_path: Path, name: str, kept: float) -> None:
    whole = _write(tmp_path / name, f">chr1\n{_lines(CHR1)}\n")
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UserError, match="truncated or damaged"):
        Genome(whole)


def test_damage_inside_an_indexed_bgzip_is_refused(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.bgz.gz", f">chr1\n{_lines(CHR1)}\n>chr2\n{_lines(CHR2)}\n")
    pysam.faidx(str(fasta))
    content = bytearray(fasta.read_bytes())
    stamp = fasta.stat().st_mtime
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    fasta.write_bytes(bytes(content))
    os.utime(fasta, (stamp, stamp))
    with pytest.raises(UserError, match="truncated or damaged"), Genome(fasta) as genome:
        genome.codes("chr1")


def test_real_reference(real_data: Path) -> None:
    with Genome(real_data / "mini/GRCh37/reference.fa.gz") as genome:
        assert genome.lengths == {"chr1": 1_000_000, "chr20": 2_000_000}
        assert not genome.codes("chr20", 0, 60_000).min() < 4
        assert decode_bases(genome.codes("chr1", 10_176, 10_177)) == "A"


def test_a_repeated_name_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "twice.fa"
    path.write_text(">chr1 first\nACGT\n>chr2\nAC\n>chr1\nACGTACGT\n")
    with pytest.raises(UserError, match="line 5: names contig chr1 twice"):
        Genome(path)
