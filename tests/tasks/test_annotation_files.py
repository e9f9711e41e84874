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
    points, at, _ = read_tss(path)
    assert at == "thick"
    assert points == [
        Point("chr1", 895_966, "+", "KLHL17_1"),
        Point("chr1", 894_635, "-", "NOC2L_1"),
    ]
    assert [point.position for point in read_tss(path, "five-prime")[0]] == [895_917, 894_684]


@pytest.mark.parametrize("thick", ["", " 10 20", " 10 10"])
def test_other_features_begin_at_their_five_prime_end(tmp_path: Path, thick: str) -> None:
    path = write(tmp_path / "genes.bed", f"1 10 20 a 0 +{thick}", f"1 10 20 b 0 -{thick}")
    points, at, _ = read_tss(path)
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
    assert number == {"read": 3, "used": 3, "dropped": {}}
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
        ("1 x exon 1 5 . . . Parent=a", r"no exon of a transcript \(no_strand 1\)"),
        ("1 x exon 1 5 . + . ID=a", r"no exon of a transcript \(no_transcript_id 1\)"),
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


BED12 = "chr1 100 1100 {} 0 {} 300 900 0 2 10,20, 0,980,"


def test_bed12_transcripts_begin_at_the_five_prime_end(tmp_path: Path) -> None:
    path = write(tmp_path / "t.bed", BED12.format("a", "+"), BED12.format("b", "-"))
    points, at, dropped = read_tss(path)
    assert (at, dropped) == ("five-prime", {})
    assert [point.position for point in points] == [100, 1099]


@pytest.mark.parametrize("strand", [".", "?", ""])
def test_tss_without_a_strand_are_counted(tmp_path: Path, strand: str) -> None:
    path = tmp_path / "t.bed"
    path.write_text(f"1\t10\t20\ta\t0\t+\n1\t10\t20\tb\t0\t{strand}\n")
    points, _, dropped = read_tss(path)
    assert ([point.name for point in points], dropped) == (["a"], {"no_strand": 1})


GAPPED_PEAK = "1 100 201 a 0 . 100 201 0 2 10,20 0,81 7 3 2"
NO_SUMMIT = [
    ("BED12", BED12.format("a", ".").replace("1100", "201")),
    ("gappedPeak", GAPPED_PEAK),
    ("broadPeak", "1 100 201 a 0 . 7.5 3 2"),
    ("BED6+4 with text", "1 100 201 a 0 . 7 high 3 30"),
    ("BED6+4 with fractions", "1 100 201 a 0 . 7 8 3 30.5"),
    ("narrowPeak without summits", "1 100 201 a 0 ? 7 3 2 -1"),
]


@pytest.mark.parametrize(("what", "line"), NO_SUMMIT)
def test_only_a_narrow_peak_has_a_summit(tmp_path: Path, what: str, line: str) -> None:
    points, _, source = read_peaks(write(tmp_path / "x.bed", line))
    assert (points[0].position, points[0].strand, source) == (150, "+", "middle"), what


def test_header_lines_marks_and_line_ends_of_beds_are_passed_over(tmp_path: Path) -> None:
    text = "\ufefftrack name=x\r\nbrowser position 1:1-9\r\n#c\r\ntrack1\t2\t8\r\n\r\n1\t3\t9\r\n"
    path = tmp_path / "x.bed"
    path.write_bytes(text.encode())
    assert read_peaks(path)[1] == [("track1", 2, 8), ("1", 3, 9)]
    path.write_bytes(b"\xef\xbb\xbf1\t2\t8\r1\t3\t9\r")
    assert read_peaks(path)[1] == [("1", 2, 8), ("1", 3, 9)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1\t2\t8", "1\t9\t8"], "line 3: ends where it starts"),
        (["1\t2\t8", "1\t-1\t8"], "line 3: holds a value of start"),
        (["1\t2\t8", "1\t2\t8\ta"], "line 3: has 4 columns, not 3"),
        (["1\t2\t8", "1\t2"], "line 3: has 2 columns, not 3"),
        (["1\t2\t8", "1\t\0\t8"], "line 3: holds a NUL"),
        (["chrom\tstart\tend"], "line 2: holds a value of start"),
    ],
)
def test_malformed_bed_rows_are_named_by_their_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    path = tmp_path / "x.bed"
    path.write_text("track name=x\n" + "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=message):
        read_peaks(path)


def test_exons_without_a_strand_or_transcript_are_counted(tmp_path: Path) -> None:
    lines = [
        "\ufefftrack name=genes",
        GTF.format(1, 5, "+", "t1"), GTF.format(11, 15, "+", "t1"), GTF.format(1, 5, "?", "t2"),
        GTF.format(1, 5, ".", "t2"), GTF.format(1, 5, "+", ""), GFF3.format(1, 5, "-", ""),
    ]  # fmt: skip
    path = tmp_path / "g.gtf"
    path.write_text("\r\n".join("\t".join(line.split(" ", 8)) for line in lines) + "\r\n")
    transcripts, counts = read_transcripts(path)
    assert [one.exons for one in transcripts] == [((0, 5), (10, 15))]
    assert counts == {"read": 6, "used": 2, "dropped": {"no_strand": 2, "no_transcript_id": 2}}
