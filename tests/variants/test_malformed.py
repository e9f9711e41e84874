"""Odd and broken VCFs: one sentence and exit 2, or every record counted; never a traceback."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import logging
import lzma
import tempfile
import zlib
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from random import Random
from typing import Any

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.cli import main
from pybmfm.genome import match_contigs

from .random_vcfs import bgzip_block, bgzip_in_blocks
from .reference_frequencies import Choices, records_of, reference_table

SEQUENCES = {"chr1": "ACGTACGTACGTNNNNACGT", "chr2": "acgtRYacgt"}
FASTA = "".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items())
HEADER = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
READS = "variant frequencies: records read"


class _Lines(logging.Handler):
    """Collects log lines, which a terminal shows on stderr."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += record.getMessage().splitlines()


def _run(folder: Path, vcf: Path, *options: str) -> tuple[int, list[str]]:
    """Run the verb; return its exit code and the lines of stderr."""
    fasta = folder / "g.fa"
    fasta.write_text(FASTA)
    inputs = ["--fasta", str(fasta), "--vcf", str(vcf), "--out", str(folder / "out")]
    log, handler, said = logging.getLogger("pybmfm"), _Lines(), io.StringIO()
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # or a handler of the program's own would write each line once more
    try:
        with redirect_stderr(said), pytest.raises(SystemExit) as exited:
            main(["variant-frequencies", *inputs, *options])
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
    code = exited.value.code
    return int(code) if isinstance(code, int) else 0, [
        *handler.lines,
        *said.getvalue().splitlines(),
    ]


def _bgzip(content: bytes) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        with pysam.BGZFile(file.name, "wb") as out:
            out.write(content)
        return Path(file.name).read_bytes()


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "out" / "manifest.json").read_text())
    return manifest


def _line(*columns: object, **named: str) -> bytes:
    """One record: POS, REF, ALT, INFO of chr1, or of ``contig``."""
    pos1, reference, alternate, info = columns
    contig = named.get("contig", "chr1")
    return f"{contig}\t{pos1}\t.\t{reference}\t{alternate}\t.\t.\t{info}\n".encode()


def _vcf(*lines: bytes) -> bytes:
    return HEADER + b"".join(lines)


def _with_deflated(block: bytes, deflated: bytes) -> bytes:
    """A bgzip block with other deflated data at its beginning."""
    return block[:18] + deflated + block[18 + len(deflated) :]


GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
GOOD = _line(2, "C", "T", "AF=0.3")
LONG = b"".join(_line(2, "C", "T", f"AF=0.3;X={x * 2654435761 % 2**32}") for x in range(4000))


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "a line end alone": (b"\n", "line 1: has no header line '#CHROM'"),
    "gzip of nothing": (gzip.compress(b""), "is empty"),
    "no header": (GOOD, "line 1: has no header line"),
    "header without #CHROM": (b"##fileformat=VCFv4.2\n" + GOOD, "line 2: has no header line"),
    "header after the records": (
        b"##fileformat=VCFv4.2\n" + GOOD + HEADER,
        "line 2: has no header line",
    ),
    "carriage returns alone": (_vcf(GOOD).replace(b"\n", b"\r"), "has no header line"),
    "UTF-16": (_vcf(GOOD).decode().encode("utf-16"), "is UTF-16 text"),
    "a FASTA": (FASTA.encode(), "line 1: has no header line"),
    "binary": (bytes(range(256)) * 9, "line 1: holds a NUL byte"),
    "a broken BCF": (gzip.compress(b"BCF\x02\x02" + _vcf(GOOD)), "is not a VCF or BCF, or a bro"),
    "bzip2": (bz2.compress(_vcf(GOOD)), "is a bzip2 file"),
    "xz": (lzma.compress(_vcf(GOOD)), "is an xz file"),
    "zip": (b"PK\3\4" + _vcf(GOOD), "is a zip file"),
    "an error page": (gzip.compress(b"<!DOCTYPE html>\n<p>404"), "is a web page, not a VCF"),
    "a BAM": (_bgzip(b"BAM\1" + bytes(99)), "is a BAM file, not a VCF"),
    "a GFF": (b"##gff-version 3\n" + GOOD, "is a GFF file, not a VCF"),
    "no record and no contig": (HEADER, "shares no contig with"),
    "a contig without records": (b"##contig=<ID=1>\n" + HEADER, "holds no records; give"),
    "no shared contig": (_vcf(_line(2, "C", "T", "AF=1", contig="chr7")), "the VCF has chr7"),
    "four columns": (_vcf(GOOD, b"chr1\t3\t.\tG\n"), "line 4: has 4 of the 8 tab-separated"),
    "seven columns": (_vcf(b"chr1\t3\t.\tG\tA\t.\t.\n", GOOD), "line 3: has 7 of the 8"),
    "a cut last line": (_vcf(GOOD, b"chr1\t3\t.\tG\tA"), "line 4: has 5 of the 8"),
    "a contig alone": (_vcf(GOOD, b"chr1\n"), "line 4: has 1 of the 8"),
    "a space alone": (_vcf(GOOD, b" \n", GOOD), "line 4: has 1 of the 8"),
    "spaces for tabs": (_vcf(GOOD.replace(b"\t", b" ")), "line 3: has 1 of the 8"),
    "no contig name": (_vcf(GOOD, GOOD[4:]), "line 4: CHROM is empty"),
    "no contig name at first": (_vcf(GOOD[4:]), "line 3: CHROM is empty"),
    "no REF": (_vcf(_line(2, "", "T", "AF=1")), "line 3: REF is empty"),
    "no ALT": (_vcf(GOOD, _line(2, "C", "", "AF=1")), "line 4: ALT is empty"),
    "no POS": (_vcf(_line("", "C", "T", "AF=1")), "line 3: POS '' is not a number"),
    "POS a dot": (_vcf(_line(".", "C", "T", "AF=1")), "POS '.' is not a number"),
    "POS a word": (_vcf(GOOD, _line("x3", "G", "T", ".")), "line 4: POS 'x3' is not a number"),
    "POS negative": (_vcf(_line("-3", "G", "T", ".")), "POS '-3' is not a number"),
    "POS with a plus": (_vcf(_line("+3", "G", "T", ".")), "POS '+3' is not a number"),
    "POS after a space": (_vcf(_line(" 3", "G", "T", ".")), "POS ' 3' is not a number"),
    "POS before a space": (_vcf(_line("3 ", "G", "T", ".")), "POS '3 ' is not a number"),
    "POS a fraction": (_vcf(_line("3.0", "G", "T", ".")), "POS '3.0' is not a number"),
    "POS with an exponent": (_vcf(_line("1e3", "G", "T", ".")), "POS '1e3' is not a number"),
    "POS in hexadecimal": (_vcf(_line("0x3", "G", "T", ".")), "POS '0x3' is not a number"),
    "POS with underscores": (_vcf(_line("1_0", "C", "T", ".")), "POS '1_0' is not a number"),
    "POS in other digits": (_vcf(_line("٣", "G", "T", ".")), "is not a number"),
    "POS with NUL": (_vcf(_line("3\0", "G", "T", ".")), "line 3: holds a NUL byte"),
    "INFO with NUL": (_vcf(GOOD, _line(2, "C", "T", "X=\0;AF=0.5")), "line 4: holds a NUL byte"),
    "ALT with NUL in a bgzip": (
        _bgzip(_vcf(LONG, GOOD.replace(b"\tT\t", b"\tT\0\t"))),
        "line 4003: holds a NUL byte",
    ),
    "a header with NUL": (HEADER.replace(b"VCF", b"V\0F") + GOOD, "line 1: holds a NUL byte"),
    "POS a carriage return": (_vcf(_line("\r", "C", "T", ".")), "is not a number"),
    "POS and ID swapped": (_vcf(b"chr1\trs3\t3\tG\tT\t.\t.\t.\n"), "POS 'rs3' is not a number"),
    "falling positions": (
        _vcf(_line(3, "G", "T", "AF=1"), GOOD),
        "line 4: is not sorted, chr1:2 comes after chr1:3",
    ),
    "a fall from a huge position": (
        _vcf(_line(10**30, "G", "T", "."), _line(2, "C", "T", ".")),
        "line 4: is not sorted",
    ),
    "a fall from above 2**32": (
        _vcf(_line(2**32 + 1, "A", "T", "."), _line(2, "C", "T", ".")),
        "line 4: is not sorted",
    ),
    "a contig that comes back": (
        _vcf(GOOD, _line(1, "A", "C", "AF=1", contig="chr2"), GOOD),
        "line 5: is not sorted, contig chr1 comes back after chr2",
    ),
    "a contig named by a carriage return": (
        _vcf(GOOD, b"a\rb" + GOOD[4:], GOOD),
        "line 5: is not sorted, contig chr1 comes back after a",
    ),
    "a contig under two names": (_vcf(GOOD, b"1" + GOOD[4:]), "has contig chr1 under two names"),
    "an error on a contig that the FASTA lacks": (
        _vcf(GOOD, b"chr9\tx\t.\tA\tC\t.\t.\t.\n"),
        "line 4: POS 'x' is not a number",
    ),
    "another REF": (
        _vcf(GOOD, _line(3, "T", "A", "AF=1")),
        "1 of 2 comparable records have another REF",
    ),
    "an error after blank and comment lines": (
        _vcf(GOOD, b"\n\n#chr1\n\n", b"chr1\tx\n"),
        "line 8: has 2 of the 8",
    ),
    "an error after Windows line ends": (
        _vcf(GOOD, GOOD, b"chr1\n").replace(b"\n", b"\r\n"),
        "line 5: has 1 of the 8",
    ),
    "an error far into the file": (_vcf(LONG, b"chr1\t1\n"), "line 4003: has 2 of the 8"),
    "an error far into a gzip": (gzip.compress(_vcf(LONG, b"x\n")), "line 4003: has 1 of the 8"),
    "an error far into a bgzip": (_bgzip(_vcf(LONG, b"x\n")), "line 4003: has 1 of the 8"),
    "bgzip without its end": (_bgzip(_vcf(LONG))[:-28], "is truncated or damaged"),
    "bgzip cut in its last block": (_bgzip(_vcf(LONG))[:-40], "is truncated or damaged"),
    "bgzip cut in a block, with an end": (
        _bgzip(_vcf(LONG))[:-2000] + EOF_BLOCK,
        "is truncated or damaged",
    ),
    "bgzip cut to its header": (_bgzip(_vcf(LONG))[:18], "is truncated or damaged"),
    "gzip cut in its trailer": (gzip.compress(_vcf(LONG))[:-4], "is truncated or damaged"),
    "gzip cut in half": (gzip.compress(_vcf(LONG))[:9000], "is truncated or damaged"),
    "gzip with another checksum": (
        gzip.compress(_vcf(GOOD))[:-8] + bytes(4) + gzip.compress(_vcf(GOOD))[-4:],
        "is truncated or damaged",
    ),
    # Deflated data that points before its own beginning, or is of no kind of block.
    "gzip of an impossible distance": (GZIP_HEAD + b"\3\2\0" + bytes(8), "is truncated or damaged"),
    "gzip of an impossible block": (GZIP_HEAD + b"\7\0" + bytes(8), "is truncated or damaged"),
    "bgzip of an impossible distance": (
        bgzip_block(_vcf(GOOD)) + _with_deflated(bgzip_block(GOOD), b"\3\2\0") + EOF_BLOCK,
        "is truncated or damaged",
    ),
    "gzip magic alone": (b"\x1f\x8b", "is truncated or damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_broken_vcfs_are_refused(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, message = REFUSED[name]
    vcf = tmp_path / "v.vcf.gz"
    vcf.write_bytes(content)
    for threads in ("1", "2"):
        code, said = _run(tmp_path, vcf, "--threads", threads)
        assert code == 2
        (line,) = said
        assert line.startswith(f"Error: {vcf}")
        assert message in line
        assert line.endswith(".")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["g.fa", "v.vcf.gz"]
    assert capfd.readouterr() == ("", "")


Counts = dict[str, int]
# name: (content, records used, records dropped by reason)
ACCEPTED: dict[str, tuple[bytes, int, Counts]] = {
    "a byte order mark": (b"\xef\xbb\xbf" + _vcf(GOOD), 1, {}),
    "a byte order mark in a gzip": (gzip.compress(b"\xef\xbb\xbf" + _vcf(GOOD)), 1, {}),
    "a byte order mark in a bgzip": (_bgzip(b"\xef\xbb\xbf" + _vcf(GOOD)), 1, {}),
    "a byte order mark over bgzip blocks": (
        bgzip_in_blocks(b"\xef\xbb\xbf" + _vcf(GOOD), 5),
        1,
        {},
    ),
    "no final line end": (_vcf(GOOD, GOOD).rstrip(), 2, {}),
    "Windows line ends": (_vcf(GOOD, GOOD).replace(b"\n", b"\r\n"), 2, {}),
    "blank and comment lines": (_vcf(GOOD, b"\n\r\n##x\n#chr1\tx\n", GOOD, b"\n\n"), 2, {}),
    "the header twice": (_vcf(GOOD, HEADER, GOOD), 2, {}),
    "no columns named in #CHROM": (b"#CHROM\n" + GOOD, 1, {}),
    "samples": (_vcf(GOOD[:-1] + b"\tGT\t0|1\t.\n"), 1, {}),
    "tabs at the end": (_vcf(GOOD[:-1] + b"\t\t\t\n"), 1, {}),
    "gzip members one after another": (gzip.compress(_vcf(GOOD)) + gzip.compress(GOOD), 2, {}),
    "a line over two gzip members": (
        gzip.compress(_vcf(GOOD)[:-9]) + gzip.compress(_vcf(GOOD)[-9:]),
        1,
        {},
    ),
    "bgzip files one after another": (_bgzip(_vcf(GOOD)) + _bgzip(GOOD), 2, {}),
    "empty bgzip blocks within": (_bgzip(_vcf(GOOD)) + EOF_BLOCK * 5 + _bgzip(GOOD), 2, {}),
    "many bgzip blocks": (_bgzip(_vcf(LONG)), 4000, {}),
    "bgzip blocks of a byte": (bgzip_in_blocks(_vcf(GOOD, GOOD), 1), 2, {}),
    "a header of megabytes in a bgzip": (
        _bgzip(b"##x=" + b"y" * 3_000_000 + b"\n" + b"##x=y\n" * 300_000 + _vcf(GOOD)),
        1,
        {},
    ),
    "INFO of megabytes in a bgzip": (
        _bgzip(_vcf(GOOD, _line(2, "C", "T", "X=" + "y" * 3_000_000 + ";AF=1"), GOOD)),
        3,
        {},
    ),
    "comments of megabytes": (_vcf(GOOD, b"#" * 3_000_000 + b"\n", GOOD), 2, {}),
    "POS 0": (_vcf(_line(0, "N", "A", "AF=1"), GOOD), 1, {"before_contig_start": 1}),
    "POS with zeros": (_vcf(_line("0002", "C", "T", "AF=1")), 1, {}),
    "POS one beyond the end": (
        _vcf(_line(20, "T", "A", "AF=1"), _line(21, "T", "A", "AF=1")),
        1,
        {"beyond_contig_end": 1},
    ),
    "REF over the end": (_vcf(_line(20, "TA", "T", "AF=1")), 0, {"beyond_contig_end": 1}),
    "REF longer than its contig": (_vcf(_line(1, "A" * 99, "A", ".")), 0, {"beyond_contig_end": 1}),
    "POS above 2**31": (_vcf(_line(2**31, "T", "A", "AF=1")), 0, {"beyond_contig_end": 1}),
    "POS above 2**32": (_vcf(_line(2**32 + 2, "C", "T", "AF=1")), 0, {"beyond_contig_end": 1}),
    "POS above 2**63": (_vcf(_line(2**63, "T", "A", "AF=1")), 0, {"beyond_contig_end": 1}),
    "POS above 2**64": (_vcf(_line(2**64 + 2, "C", "T", "AF=1")), 0, {"beyond_contig_end": 1}),
    "POS of 5,000 digits": (_vcf(_line("9" * 4000, "C", "T", ".")), 0, {"beyond_contig_end": 1}),
    "lower case": (_vcf(_line(2, "c", "t", "AF=1")), 1, {}),
    "REF over an N": (_vcf(_line(12, "TN", "T", "AF=1")), 0, {"reference_n": 1}),
    "REF N": (_vcf(_line(13, "N", "T", "AF=1")), 0, {"reference_n": 1}),
    "REF N over a base": (_vcf(_line(2, "N", "T", "AF=1")), 0, {"reference_not_acgt": 1}),
    "REF over an IUPAC letter of the FASTA": (
        _vcf(_line(5, "R", "A", "AF=1", contig="chr2")),
        0,
        {"reference_n": 1},
    ),
    "REF of a symbol": (_vcf(_line(2, "<X>", "T", "AF=1")), 0, {"reference_not_acgt": 1}),
    "REF a dot": (_vcf(_line(2, ".", "T", "AF=1")), 0, {"reference_not_acgt": 1}),
    "ALT a dot": (_vcf(_line(2, "C", ".", "AF=1")), 0, {"no_alternate": 1}),
    "ALT with a comma at the end": (_vcf(_line(2, "C", "T,", "AF=0.5,0.5")), 1, {}),
    "ALT of commas": (_vcf(_line(2, "C", ",,", "AF=1,1,1")), 0, {"symbolic_allele": 1}),
    "ALT symbolic": (_vcf(_line(2, "C", "<DEL>,*", ".")), 0, {"symbolic_allele": 1}),
    "ALT a breakend": (_vcf(_line(2, "C", "C[2:9[", "AF=1")), 0, {"symbolic_allele": 1}),
    "ALT IUPAC": (_vcf(_line(2, "C", "Y", "AF=1")), 0, {"iupac_allele": 1}),
    "ALT is REF": (_vcf(_line(2, "C", "c", "AF=1")), 0, {"same_as_reference": 1}),
    "an ALT twice": (_vcf(_line(2, "C", "T,T", "AF=0.2,0.2")), 1, {}),
    "300 alternates": (
        _vcf(
            _line(2, "C", ",".join("C" + "A" * n for n in range(1, 301)), "AF=.003" + ",.003" * 299)
        ),
        1,
        {},
    ),
    "ALT of 100,000 letters": (_vcf(_line(2, "C", "C" + "A" * 100_000, "AF=1")), 1, {}),
    "an insertion before the contig": (
        _vcf(_line(1, "A", "GGA", "AF=1")),
        0,
        {"insertion_before_contig_start": 1},
    ),
    "INFO empty": (_vcf(_line(2, "C", "T", "")), 0, {"no_frequency": 1}),
    "INFO of semicolons": (_vcf(_line(2, "C", "T", ";;AF=1;;")), 1, {}),
    "INFO with spaces": (_vcf(_line(2, "C", "T", "X=a b; AF=0.5")), 0, {"no_frequency": 1}),
    "INFO of a megabyte": (_vcf(_line(2, "C", "T", "X=" + "y" * 2**20 + ";AF=1"), GOOD), 2, {}),
    "INFO not in UTF-8": (_vcf(GOOD.replace(b"AF", b"X=\xff\xfe;AF")), 1, {}),
    "ALT not in UTF-8": (_vcf(GOOD.replace(b"\tT\t", b"\t\xff\t")), 0, {"symbolic_allele": 1}),
    "REF not in UTF-8": (_vcf(GOOD.replace(b"\tC\t", b"\t\xff\t")), 0, {"reference_not_acgt": 1}),
    "a contig not in UTF-8": (_vcf(GOOD, b"\xff" + GOOD), 1, {"contig_not_in_fasta": 1}),
    "a contig in Greek": (_vcf(GOOD, "χ1".encode() + GOOD[4:]), 1, {"contig_not_in_fasta": 1}),
    "a contig with a space": (_vcf(GOOD, b"chr1 b" + GOOD[4:]), 1, {"contig_not_in_fasta": 1}),
    "AF nan": (_vcf(_line(2, "C", "T", "AF=nan")), 0, {"not_a_frequency": 1}),
    "AF infinite": (_vcf(_line(2, "C", "T", "AF=inf")), 0, {"not_a_frequency": 1}),
    "AF too large to be a number": (
        _vcf(_line(2, "C", "T", "AF=1e400")),
        0,
        {"not_a_frequency": 1},
    ),
    "AF above 1": (_vcf(_line(2, "C", "T", "AF=1.0001")), 0, {"not_a_frequency": 1}),
    "AF negative": (_vcf(_line(2, "C", "T", "AF=-0.1")), 0, {"not_a_frequency": 1}),
    "AF in percent": (_vcf(_line(2, "C", "T", "AF=30%")), 0, {"not_a_frequency": 1}),
    "AF as a flag": (_vcf(_line(2, "C", "T", "AF")), 0, {"no_frequency": 1}),
    "AF 0": (_vcf(_line(2, "C", "T", "AF=0")), 0, {"below_min_frequency": 1}),
    "AF of three for one allele": (
        _vcf(_line(2, "C", "T", "AF=0.1,0.2,0.3")),
        0,
        {"ragged_frequency": 1},
    ),
    "FREQ without a source": (_vcf(_line(2, "C", "T", "FREQ=0.5,0.5")), 1, {}),
    "FREQ of bars": (_vcf(_line(2, "C", "T", "FREQ=||")), 0, {"no_frequency": 1}),
    "FREQ of a cut record": (_vcf(_line(2, "C", "T", "FREQ=A:0.5,")), 0, {"no_frequency": 1}),
    "CAF with half its brackets": (_vcf(_line(2, "C", "T", "CAF=[0.5,0.5")), 1, {}),
    "fields in lower case": (_vcf(_line(2, "C", "T", "freq=A:1,1;af=1")), 0, {"no_frequency": 1}),
    "COMMON=0 alone": (_vcf(_line(2, "C", "T", "AF=1;COMMON=0")), 0, {"not_common": 1}),
    "COMMON as another column": (
        _vcf(b"chr1\t2\tCOMMON\tC\tT\tCOMMON\t.\tAF=0.3\tCOMMON\tCOMMON\n"),
        1,
        {},
    ),
    "COMMON within a value": (_vcf(_line(2, "C", "T", "AF=0.3;X=COMMON=1")), 1, {}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_record_of_odd_vcfs_is_accounted_for(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, used, dropped = ACCEPTED[name]
    vcf = tmp_path / "v.vcf"
    vcf.write_bytes(content)
    code, said = _run(tmp_path, vcf)
    if not used:
        _assert_nothing_used(code, said, dropped)
        return
    assert (code, len(said) <= 3) == (0, True), said
    read = used + sum(dropped.values())
    assert _manifest(tmp_path)["records"] == {"read": read, "used": used, "dropped": dropped}
    assert said[-1].startswith(f"{READS} {read:,}, used {used:,}")
    assert capfd.readouterr() == ("", "")


def _assert_nothing_used(code: int, said: list[str], dropped: Counts) -> None:
    """One record, which is not used, is an error that says why."""
    (reason,) = dropped
    assert (code, len(said)) == (2, 1), said
    assert f"none of 1 records can be used, 1 are dropped for {reason}; " in said[0]


def _no_file(folder: Path) -> tuple[Path, list[str], str]:
    return folder / "none.vcf", [], "none.vcf: no such file"


def _a_folder(folder: Path) -> tuple[Path, list[str], str]:
    return folder, [], "is a folder"


def _no_field(folder: Path) -> tuple[Path, list[str], str]:
    (folder / "v.vcf").write_bytes(_vcf(GOOD))
    return folder / "v.vcf", ["--frequency-field", ","], "names no INFO field"


def _no_such_contig(folder: Path) -> tuple[Path, list[str], str]:
    (folder / "v.vcf").write_bytes(_vcf(GOOD))
    return folder / "v.vcf", ["--contig", "chr3"], "has no contig chr3"


def _contig_without_records(folder: Path) -> tuple[Path, list[str], str]:
    (folder / "v.vcf").write_bytes(_vcf(GOOD))
    return folder / "v.vcf", ["--contig", "chr2"], "has no contig chr2"


@pytest.mark.parametrize(
    "case", [_no_file, _a_folder, _no_field, _no_such_contig, _contig_without_records]
)
def test_options_that_cannot_be_met_are_refused(
    case: Callable[[Path], tuple[Path, list[str], str]], tmp_path: Path
) -> None:
    vcf, options, message = case(tmp_path)
    code, said = _run(tmp_path, vcf, *options)
    assert (code, len(said)) == (2, 1)
    assert message in said[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("lines", [4_000, 40_000, 100_000])
def test_a_block_larger_than_the_format_allows_loses_no_record(lines: int, tmp_path: Path) -> None:
    header = b"##".ljust(127 - len(HEADER), b"x") + b"\n" + HEADER
    line = _line(2, "C", "T", "AF=0.3;X=12345")
    assert (len(header), len(line)) == (128, 32)  # a border at a power of two splits no line
    vcf = tmp_path / "v.vcf.gz"
    vcf.write_bytes(bgzip_block(header + line * lines) + bgzip_block(line) + EOF_BLOCK)
    code, said = _run(tmp_path, vcf)
    if code == 2:
        assert "is truncated or damaged" in said[0]
    else:
        assert _manifest(tmp_path)["read"] == lines + 1


PADDING = [_line(1, "A", "<X>", ".")[:-1]] * 120
BODY = [
    _line(2, "C", "T,A", "FREQ=A:0.5,0.3,0.2|B:.,.,.;CAF=[0.5,0.3,0.2]")[:-1],
    _line(3, "GTA", "G", "RS=5;AF=0.25;COMMON")[:-1],
    _line(4, "T", "TGG", "AC=3;AN=12;AF=0.25;COMMON=1")[:-1],
    _line(8, "T", "G,<DEL>", "FREQ=A:0.9,0.1,0;COMMON=0")[:-1],
    _line(20, "T", "A", "AF=0.5")[:-1],
    _line(2, "c", "t", "FREQ=A:0.5,0.5;AF=0.1", contig="chr2")[:-1],
    _line(7, "a", "ac", "CAF=0.9,0.1;COMMON", contig="chr2")[:-1],
    _line(9, "G", "C", "AF=0.125", contig="chr9")[:-1],
]
TOKENS = (
    b"", b".", b"0", b"-1", b" 5", b"+5", b"2147483648", b"9" * 25, b"\0", b"\xff\xfe", b"\r",
    b"A" * 2000, b"<DEL>", b"*", b"T,", b",T", b"chr2", b"1", b"COMMON", b"FREQ=A:0.5", b"AF=",
    b"AF=1e-2", b"FREQ=|:|,", b"CAF=[", b"AF=.5;AF=nan", b";;=", b"#", b"\t", "é".encode(),
)  # fmt: skip


def _spoil_line(random: Random, line: bytes) -> bytes:
    """Spoil a column, or some bytes anywhere in a line."""
    if random.random() < 0.6:
        columns = line.split(b"\t")
        columns[random.randrange(len(columns))] = random.choice(TOKENS)
        return b"\t".join(columns)
    place = random.randint(0, len(line))
    width = random.choice((0, 1, 1, 5))
    return line[:place] + random.choice((*TOKENS, b"")) + line[place + width :]


def _spoil_lines(random: Random, lines: list[bytes]) -> list[bytes]:
    """Spoil, repeat, remove, swap, join or cut lines."""
    lines = list(lines)
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.randrange(8)
    if kind < 3:
        lines[place] = _spoil_line(random, lines[place])
    elif kind == 3:
        lines.insert(other, lines[place])
    elif kind == 4:
        del lines[place]
    elif kind == 5:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 6:
        lines[place] = lines[place][: random.randint(0, len(lines[place]))]
    else:
        lines.insert(place, random.choice((b"", b" ", b"#", HEADER[:-1], b"##x", b"\t" * 9)))
    return lines or [b""]


def _spoil_file(random: Random, content: bytes) -> bytes:
    kind = random.randrange(8)
    place = random.randint(0, len(content))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return b"\xef\xbb\xbf" + content
    if kind == 2:
        return content.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\n\r")))
    if kind == 3:
        return content[:place] + bytes(random.choices(range(256), k=3)) + content[place + 3 :]
    if kind == 4:
        return content[place:]
    return content


def _pack(random: Random, content: bytes) -> bytes:
    size = random.choice((50, 300, 5000))
    packed = gzip.compress(content) if random.random() < 0.4 else bgzip_in_blocks(content, size)
    place = random.randint(0, len(packed))
    kind = random.randrange(5)
    if kind == 0:
        return packed[:place]
    if kind == 1:
        return packed + random.choice((b"\0" * 100, b"rubbish", packed, EOF_BLOCK))
    if kind == 2:
        return packed[:place] + bytes([random.randrange(256)]) + packed[place + 1 :]
    return packed


def _unpack(content: bytes) -> str | None:
    if content[:2] != b"\x1f\x8b":
        return content.decode("utf-8-sig", "replace")
    try:
        return gzip.decompress(content).decode("utf-8-sig", "replace")
    except (OSError, EOFError, zlib.error):
        return None


def _spoilt(random: Random) -> bytes:
    lines = BODY
    for _ in range(random.choice((1, 1, 2, 4))):
        lines = _spoil_lines(random, lines)
    content = b"\n".join([HEADER[:-1], *PADDING, *lines, b""])
    if random.random() < 0.3:
        content = _spoil_file(random, content)
    return _pack(random, content) if random.random() < 0.3 else content


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(seed=st.integers(0, 2**32 - 1))
def test_spoilt_vcfs_are_refused_or_read_whole(seed: int) -> None:
    random = Random(seed)
    content = _spoilt(random)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vcf = folder / "v.vcf"
        vcf.write_bytes(content)
        code, said = _run(folder, vcf, "--threads", random.choice("12"))
        assert code in (0, 2)
        assert 1 <= len(said) <= 3, said
        if code == 2:
            assert len(said) == 1
            assert said[0].startswith("Error: ")
            assert sorted(path.name for path in folder.iterdir()) == ["g.fa", "v.vcf"]
            return
        manifest = _manifest(folder)
        text = _unpack(content)
        assert text is not None
        _assert_every_record_is_counted(text, manifest)


def _assert_every_record_is_counted(text: str, manifest: dict[str, Any]) -> None:
    seen = dict.fromkeys(columns[0] for columns in records_of(text))
    lengths = {contig: len(sequence) for contig, sequence in SEQUENCES.items()}
    names = match_contigs(lengths, seen)
    expected = reference_table(text, SEQUENCES, names, Choices()).total.counts()
    assert manifest["read"] == sum(1 for _ in records_of(text))
    assert {key: manifest[key] for key in expected} == expected


def _bcf(folder: Path, content: bytes, mode: str) -> bytes:
    text, packed = folder / "text.vcf", folder / "packed"
    text.write_bytes(content)
    with (
        pysam.VariantFile(str(text)) as records,
        pysam.VariantFile(str(packed), mode, header=records.header) as out,
    ):
        for record in records:
            out.write(record)
    text.unlink()
    return packed.read_bytes()


BCF_HEADER = (
    b"##fileformat=VCFv4.2\n##contig=<ID=chr1>\n##contig=<ID=chr2>\n"
    b'##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n##FILTER=<ID=q10,Description="q">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


@pytest.mark.parametrize("mode", ["wb", "wb0"])
@pytest.mark.parametrize("suffix", ["bcf", "vcf.gz"])
def test_a_bcf_gives_the_table_of_its_vcf(tmp_path: Path, mode: str, suffix: str) -> None:
    lines = [_line(n % 12 + 1, "ACGT"[n % 4], "N,GG", f"AF=0.1,0.{n + 1}") for n in range(12)]
    lines += [b"chr2\t2\t.\tc\tT\t.\tq10\tAF=0.5\n", _line(3, "g", "a", "AF=0.25", contig="chr2")]
    content = BCF_HEADER + b"".join(lines)
    plain, packed = tmp_path / "v.vcf", tmp_path / f"v.{suffix}"
    plain.write_bytes(content)
    packed.write_bytes(_bcf(tmp_path, content, mode))
    manifests = []
    for vcf, options in ((plain, ()), (packed, ("--threads", "2"))):
        assert _run(tmp_path, vcf, *options)[0] == 0
        manifests.append({**_manifest(tmp_path), "inputs": None, "created": None})
    assert manifests[0]["dropped"] == {"filter: q10": 1}
    for key in ("records", "alleles_dropped", "contigs", "repeated_alleles"):
        assert manifests[0][key] == manifests[1][key], key


def test_a_cut_bcf_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "v.bcf"
    packed.write_bytes(_bcf(tmp_path, BCF_HEADER + GOOD * 5000, "wb")[:-40])
    code, said = _run(tmp_path, packed)
    assert (code, len(said)) == (2, 1)
    assert "is truncated or damaged" in said[0]
