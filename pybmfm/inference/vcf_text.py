"""VCF as lines of bytes: what is not ours to change passes through untouched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.variants.record_walk import EMPTY_REMEDY, empty_column
from pybmfm.variants.text_blocks import TextBlocks

FIXED_COLUMNS = 8
INFO = 7


@dataclass(frozen=True)
class VcfRecord:
    """One data line.

    Attributes
    ----------
    line_number
        1-based line in the file, for messages.
    columns
        The line's columns as bytes, line ending removed.
    ending
        The line's own line ending.
    contig, start, ref, alts
        Parsed CHROM, 0-based POS, REF, and ALT as a list (empty for ``.``); letters upper-cased.
    """

    line_number: int
    columns: list[bytes]
    ending: bytes
    contig: str
    start: int
    ref: str
    alts: list[str]

    def with_info(self, added: Mapping[str, str]) -> bytes:
        """Return the line with ``added`` keys at the end of INFO, replacing keys of that name."""
        old = [item for item in self.columns[INFO].split(b";") if item not in (b"", b".")]
        kept = [item for item in old if item.split(b"=")[0].decode("latin-1") not in added]
        new = [f"{key}={value}".encode() for key, value in added.items() if value]
        columns = list(self.columns)
        columns[INFO] = b";".join(kept + new) or b"."
        return b"\t".join(columns) + self.ending


class VcfText:
    """A VCF opened for one pass: ``header`` lines first, then ``records()``.

    Parameters
    ----------
    path
        The file.
    pieces
        Its text, each piece ending with a line feed.

    Raises
    ------
    UserError
        If the header is missing or broken.
    """

    def __init__(self, path: Path, pieces: Iterator[bytes]) -> None:
        self.path = path
        self._lines = self._numbered(pieces)
        self.header: list[bytes] = []
        self.line_number = 0
        self._read_header()

    @property
    def contigs(self) -> dict[str, int | None]:
        """The header's contigs, with their lengths where it gives one."""
        contigs: dict[str, int | None] = {}
        for line in self.header:
            text = line.decode("latin-1").strip()
            if not text.startswith("##contig=<"):
                continue
            fields = dict(
                part.split("=", 1)
                for part in text[len("##contig=<") : -1].split(",")
                if "=" in part
            )
            if "ID" in fields:
                length = fields.get("length", "")
                contigs[fields["ID"]] = int(length) if length.isdigit() else None
        return contigs

    def records(self) -> Iterator[VcfRecord]:
        """Yield the data lines; they must be sorted, since the output is indexed.

        Raises
        ------
        UserError
            If a line is malformed or out of order, or the file is cut off.
        """
        seen: set[str] = set()
        contig, last = "", -1
        for line in self._lines:
            if not line.strip():
                continue
            record = self._parse(line)
            if record.contig != contig:
                if record.contig in seen:
                    raise self._error(f"records of {record.contig} stand apart", _SORT)
                seen.add(record.contig)
                contig, last = record.contig, -1
            if record.start < last:
                raise self._error("is not sorted by position", _SORT)
            last = record.start
            yield record

    def _read_header(self) -> None:
        for line in self._lines:
            if not line.startswith(b"#"):
                raise self._error("a record comes before the #CHROM line", _VCF)
            self.header.append(line)
            if line.startswith(b"#CHROM"):
                if len(line.rstrip(b"\r\n").split(b"\t")) < FIXED_COLUMNS:
                    raise self._error(
                        f"the #CHROM line has fewer than {FIXED_COLUMNS} columns", _VCF
                    )
                return
        problem = "has no #CHROM line" if self.header else "is empty"
        raise UserError(problem, file=self.path, remedy=_VCF)

    def _numbered(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for line in piece[:-1].split(b"\n"):
                self.line_number += 1
                yield line + b"\n"

    def _parse(self, line: bytes) -> VcfRecord:
        body = line.rstrip(b"\r\n")
        columns = body.split(b"\t")
        if len(columns) < FIXED_COLUMNS:
            raise self._error(
                f"has {len(columns)} tab-separated columns, a record {FIXED_COLUMNS} or more",
                _VCF,
            )
        pos, ref, alt = columns[1], columns[3], columns[4]
        if not pos.isdigit():
            raise self._error(f"POS '{pos.decode('latin-1')}' is not a number", _VCF)
        empty = empty_column(columns)
        if empty:
            raise self._error(f"{empty} is empty", EMPTY_REMEDY)
        return VcfRecord(
            line_number=self.line_number,
            columns=columns,
            ending=line[len(body) :] or b"\n",
            contig=columns[0].decode("utf-8", "surrogateescape"),
            start=int(pos) - 1,
            ref=ref.decode("latin-1").upper(),
            alts=[] if alt == b"." else alt.decode("latin-1").upper().split(","),
        )

    def _error(self, problem: str, remedy: str) -> UserError:
        return UserError(
            problem, file=self.path, place=f"line {max(self.line_number, 1)}", remedy=remedy
        )


_SORT = "sort it with 'bcftools sort'"
_VCF = "give a VCF with tab-separated columns"


@contextmanager
def open_vcf(path: str | Path) -> Iterator[VcfText]:
    """Open a VCF, plain, gzip or bgzip, or a BCF, as text.

    Raises
    ------
    UserError
        If the file is missing, empty, cut off or not a VCF.
    """
    path = Path(path)
    with closing(TextBlocks(path).whole_lines()) as pieces:
        yield VcfText(path, pieces)
