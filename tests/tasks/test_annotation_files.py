"""TSS, peaks and transcripts as the formats say, and malformed lines refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.tasks.annotation_files import Point, read_peaks, read_transcripts, read_tss


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(line.replace(" ", "\t") for line in lines) + "\n")
    return path


def test_epdnew_features_have_their_tss_where_the_thick_part_begins(tmp_path: Path) -> None:
    path = write(
        tmp_path / "epd.bed",
        "chr1 895917 895977 KLHL17_1 900 + 895966 895977",
        "chr1 894625 894685 NOC2L_1 900 - 894625 894636",
    )
    points, at = read_tss(path)
    assert at == "thick"
    assert points == [
        Point("chr1", 895_966, "+", "KLHL17_1"),
        Point("chr1", 894_635, "-", "NOC2L_1"),
    ]
    assert [point.position for point in read_tss(path, "five-prime")[0]] == [895_917, 894_684]


@pytest.mark.parametrize("thick", ["", " 10 20", " 10 10"])
def test_other_features_begin_at_their_five_prime_end(tmp_path: Path, thick: str) -> None:
    path = write(tmp_path / "genes.bed", f"1 10 20 a 0 +{thick}", f"1 10 20 b 0 -{thick}")
    points, at = read_tss(path)
    assert at == "five-prime"
    assert [point.position for point in points] == [10, 19]


def test_peaks_are_centred_at_their_summit_or_middle(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.narrowPeak", "1 100 201 a 0 . 1 -1 -1 30", "1 100 201 b 0 . 1 -1 -1 -1"
    )
    points, peaks, source = read_peaks(path)
    assert [point.position for point in points] == [130, 150]
    assert (peaks[0], source) == (("1", 100, 201), "summit")
    bed = tmp_path / "x.bed.gz"
    bed.write_bytes(gzip.compress(b"1\t100\t201\n"))
    assert read_peaks(bed)[0] == [Point("1", 150, "+", "")]


GTF = 'chr1 x exon {} {} . {} . gene_id "g"; transcript_id "{}";'
GFF3 = "chr1 x exon {} {} . {} . ID=e;Parent={}"


@pytest.mark.parametrize("form", [GTF, GFF3])
def test_transcripts_of_both_formats(tmp_path: Path, form: str) -> None:
    exons = [(11, 20, "-", "t1"), (1, 5, "-", "t1"), (31, 40, "+", "t2")]
    lines = ["chr1 x gene 1 40 . + . ID=g"]
    lines += [form.format(*exon) for exon in exons]
    text = "\n".join(["# comment", *("\t".join(line.split(" ", 8)) for line in lines)]) + "\n"
    path = tmp_path / "genes.gtf"
    path.write_text(text)
    transcripts, number = read_transcripts(path)
    assert number == 3
    assert [(t.name, t.strand, t.exons, t.tss) for t in transcripts] == [
        ("t1", "-", ((0, 5), (10, 20)), 19),
        ("t2", "+", ((30, 40),), 30),
    ]


def test_an_exon_of_several_transcripts_belongs_to_each(tmp_path: Path) -> None:
    path = write(tmp_path / "g.gff3", "1 x exon 1 5 . + . Parent=a,b", "##FASTA", ">1", "ACGT")
    assert [one.name for one in read_transcripts(path)[0]] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 x exon 1 5", "line 2: has 5 columns"),
        ("1 x exon 0 5 . + . Parent=a", "line 2: start 0 and end 5"),
        ("1 x exon 9 5 . + . Parent=a", "start 9 and end 5"),
        ("1 x exon 1 5 . . . Parent=a", "strand is '.'"),
        ("1 x exon 1 5 . + . ID=a", "neither transcript_id nor Parent"),
        ("1 x gene 1 5 . + . ID=a", "has no exon"),
    ],
)
def test_malformed_lines_are_refused(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "g.gff3", "# first", line)
    with pytest.raises(UserError, match=message):
        read_transcripts(path)


def test_beds_without_what_is_needed_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.bed", "1 10 20")
    with pytest.raises(UserError, match="no column 'strand'"):
        read_tss(path)
    with pytest.raises(UserError, match="no thick parts"):
        read_tss(write(tmp_path / "y.bed", "1 10 20 a 0 +"), "thick")
    (tmp_path / "empty.bed").write_text("")
    with pytest.raises(UserError, match="has no rows"):
        read_peaks(tmp_path / "empty.bed")
