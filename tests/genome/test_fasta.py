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
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with Genome(_write(tmp_path / "g.fa.gz", ">a\nACGT\n")) as genome:
        genome.codes("a")
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())


def test_ragged_lines_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.fa", ">a\r\nACGT\r\nA\r\nACGTT\r\n\r\n>b\r\nGG\r\n")
    with Genome(fasta) as genome:
        assert decode_bases(genome.codes("a")) == "ACGTAACGTT"
        assert decode_bases(genome.codes("b")) == "GG"


def test_replaced_letters_are_counted_per_contig(tmp_path: Path) -> None:
    with Genome(_write(tmp_path / "g.fa", ">a\nACRYu\n>b\nNNac\n")) as genome:
        assert decode_bases(genome.codes("a", 0, 3)) == "ACN"
        assert decode_bases(genome.codes("b")) == "NNAC"
        assert genome.replaced_letters == {"a": 2, "b": 0}
        assert genome.uracils == {"a": 1, "b": 0}


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
        ("g.fa", "@read\nACGT\n+\n!!!!\n", "a FASTQ file, not a FASTA"),
        ("g.fa", "LOCUS       AB000001  12 bp\n", "a GenBank file"),
        ("g.fa", "; comment\n>a\nACGT\n", "comment"),
        ("g.fa", "text\n>a\nACGT\n", "line 1: is not a FASTA"),
        ("g.fa", ">a\nACGT\n>\nACGT\n", "line 3: has a contig without a name"),
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
    # samtools warns only, and its index has the first of the two alone.
    Path(f"{path}.fai").write_text("chr1\t4\t12\t4\t5\nchr2\t2\t23\t2\t3\n")
    with pytest.raises(UserError, match="line 5: names contig chr1 twice"):
        Genome(path)


INDEXED = ">1 one\nACGT\nAC\n>empty\n>3\nCCCCGGGG\n\n>4\nGG\n"


@pytest.mark.parametrize("name", ["g.fa", "g.bgz.gz"])
def test_an_index_that_fits_is_used_and_gives_the_same(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta = _write(tmp_path / name, INDEXED)
    with Genome(fasta) as genome:
        expected = {name: genome.sequence_digest(name) for name in genome.lengths}
    pysam.faidx(str(fasta))
    os.utime(f"{fasta}.fai", (1, 1))  # copied folders lose their dates
    monkeypatch.setattr("pybmfm.genome.fasta.find_records", None)
    with Genome(fasta) as genome:
        assert genome.lengths == {"1": 6, "3": 8, "4": 2}
        assert {name: genome.sequence_digest(name) for name in genome.lengths} == expected
    assert not caplog.records


OLD = ">1\nAAAAAAAA\n>2\nCCCCGGGG\n"
CHANGED = {
    "a record more": ">1 second release\nAAAAAAAA\n>2\nCCCCGGGG\n>3\nTTTTTTTT\n",
    "a record at the end": OLD + ">3\nTT\n",
    "a record between": ">1\nAAAAAAAA\n>3\nTT\n>2\nCCCCGGGG\n",
    "another name": ">1\nAAAAAAAA\n>7\nCCCCGGGG\n",
    "a longer name": ">1\nAAAAAAAA\n>20\nCCCCGGG\n",
    "a contig longer": ">1\nAAAAAAAA\n>2\nCCCCGGGGT\n",
    "a contig shorter": ">1\nAAAAAAAA\n>2\nCCCCGGG\n",
    "other lines": ">1\nAAAA\nAAA\n>2\nCCCCGGGG\n",
    "windows line ends": OLD.replace("\n", "\r\n"),
    "contigs swapped": ">2\nCCCCGGGG\n>1\nAAAAAAAA\n",
}


@pytest.mark.parametrize("date", [1, 2_000_000_000])
@pytest.mark.parametrize("change", CHANGED)
def test_an_index_of_another_fasta_is_not_used_whatever_its_date(
    tmp_path: Path, change: str, date: int, caplog: pytest.LogCaptureFixture
) -> None:
    fasta = _write(tmp_path / "g.fa", OLD)
    pysam.faidx(str(fasta))
    fasta.write_text(CHANGED[change])
    os.utime(f"{fasta}.fai", (date, date))
    with Genome(fasta) as genome:
        read = {name: decode_bases(genome.codes(name)) for name in genome.lengths}
    parts = [part.split() for part in CHANGED[change].split(">")[1:]]
    assert read == {part[0]: "".join(word for word in part[1:] if word.isupper()) for part in parts}
    assert [record.message.count("g.fa.fai is not used") for record in caplog.records] == [1]


@pytest.mark.parametrize(
    "index", ["", "not an index", "1\t8\t3\t0\t1\n", "1\t8\t-3\t8\t9\n", "1\t8\t3\t8\t9\n" * 2]
)
def test_a_damaged_index_is_not_used(tmp_path: Path, index: str) -> None:
    fasta = _write(tmp_path / "g.fa", OLD)
    Path(f"{fasta}.fai").write_text(index)
    with Genome(fasta) as genome:
        assert genome.lengths == {"1": 8, "2": 8}


def test_lines_that_an_index_cannot_know_are_refused_when_read(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.fa", ">1\nAAAA\nA\nAA\nAAAA\n")
    Path(f"{fasta}.fai").write_text("1\t12\t3\t4\t5\n")
    with Genome(fasta) as genome, pytest.raises(UserError, match=r"not the .* letters .*index"):
        genome.codes("1")


def test_a_stale_block_index_does_no_harm(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "g.bgz.gz", f">chr1\n{_lines(CHR1)}\n")
    pysam.faidx(str(fasta))
    Path(f"{fasta}.gzi").write_bytes(bytes(24))
    with Genome(fasta) as genome:
        assert decode_bases(genome.codes("chr1")) == CHR1.upper()


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_of_other_systems_are_read(tmp_path: Path, end: str) -> None:
    (tmp_path / "g.fa").write_bytes(end.join([">a x", "ACGT", "AC", "", ">b", "GG"]).encode())
    with Genome(tmp_path / "g.fa") as genome:
        assert genome.lengths == {"a": 6, "b": 2}
        assert decode_bases(genome.codes("a")) == "ACGTAC"


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz", "g.bgz.gz"])
def test_a_byte_order_mark_is_passed_over(tmp_path: Path, name: str) -> None:
    fasta = _write(tmp_path / name, "\ufeff>a\nACGT\n>b\nGG\n")
    Path(f"{fasta}.fai").write_text("a\t4\t6\t4\t5\nb\t2\t14\t2\t3\n")
    with Genome(fasta) as genome:
        assert genome.lengths == {"a": 4, "b": 2}
        assert decode_bases(genome.codes("b")) == "GG"


def test_blanks_around_lines_are_passed_over(tmp_path: Path) -> None:
    with Genome(_write(tmp_path / "g.fa", ">a\n ACGT \nAC\t\n>b \nGG\n")) as genome:
        assert genome.lengths == {"a": 6, "b": 2}
        assert decode_bases(genome.codes("a")) == "ACGTAC"


NO_DNA = {
    "blanks": ("ACGTACGTAC GTACGTACGT\nACGTACGTAC GTACG", "blanks inside"),
    "tabs": ("ACGT\tACGT", "blanks inside"),
    "protein": ("MKVLAAGIEFQPLWYRNDHSTKVLEFILPQ", "14 of 30 letters are no IUPAC nucleotide"),
    "nul": ("ACGT\0\0ACGTACGT", "character 0x00"),
    "gaps": ("ACGT---ACGT", "gaps"),
    "comment": ("ACGT\n; a comment\nACGT", "blanks inside"),
    "numbers": ("acgtacgtacgt 60\nacgtacgtacgt 120", "blanks inside"),
    "a header within a line": ("ACGT>b", "'>' inside"),
}


@pytest.mark.parametrize("kind", NO_DNA)
def test_what_is_no_dna_is_refused_at_the_start_of_a_file(tmp_path: Path, kind: str) -> None:
    text, message = NO_DNA[kind]
    with pytest.raises(UserError, match=message):
        Genome(_write(tmp_path / "g.fa", f">a\n{text}\n"))


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("kind", NO_DNA)
def test_what_is_no_dna_is_refused_further_down(tmp_path: Path, kind: str, indexed: bool) -> None:
    text, message = NO_DNA[kind]
    fasta = _write(tmp_path / "g.fa", f">chr1\n{_lines(CHR1)}\n>b\n{text}\n")
    if indexed and "\n" not in text:
        start = fasta.read_text().index(">b\n") + 3
        chr1 = f"chr1\t70000\t6\t50\t51\nb\t{len(text)}\t{start}"
        Path(f"{fasta}.fai").write_text(f"{chr1}\t{len(text)}\t{len(text) + 1}\n")
    with Genome(fasta) as genome:
        assert genome.codes("chr1").size == 70_000
        with pytest.raises(UserError, match=f"contig b: .*{message}"):
            genome.codes("b")


def test_replaced_letters_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Genome(_write(tmp_path / "g.fa", ">a\nACRYuACGT\n")) as genome:
        genome.codes("a")
        assert genome.note_replaced_letters() == 2
    assert [record.message for record in caplog.records] == [
        "2 letters outside ACGTN were read as N, 1 U as T"
    ]
