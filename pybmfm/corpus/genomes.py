"""The sheet ``genomes.csv``: the genomes that a model learns from together."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import UserError, output_file

COLUMNS = ("name", "fasta", "vcf", "encoding", "weight")
ENCODINGS = ("ref", "snp")
# Names become folder and file names on every system.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class GenomeEntry:
    """One line of the sheet.

    Attributes
    ----------
    name
        Unique, fit for a folder.
    fasta, vcf
        Files that exist, or addresses (``s3://...``), which are not looked at; no vcf: None.
    encoding
        ``"ref"`` or ``"snp"``.
    weight
        How often its windows are gone through in a pass of training, above 0.
    """

    name: str
    fasta: str
    vcf: str | None
    encoding: str
    weight: float


def read_genomes_sheet(path: str | Path) -> list[GenomeEntry]:
    """Read a sheet; its paths are relative to the folder it lies in.

    Only ``name`` and ``fasta`` are needed. Without ``encoding`` a genome with a VCF is ``snp``,
    one without is ``ref``; without ``weight`` it is 1.

    Raises
    ------
    UserError
        Naming the line: a column unknown, missing or given twice, a file missing, an encoding
        other than ref and snp, or snp without a VCF, a weight not above 0, a name unsafe or
        repeated; or if the sheet is missing or lists nothing.
    """
    path = Path(path)
    lines = _filled_lines(path)
    if len(lines) < 2:
        raise UserError("lists no genomes", file=path, remedy="add a line per genome")
    header = _checked_header(*lines[0], path)
    entries: dict[str, GenomeEntry] = {}
    for place, cells in lines[1:]:
        entry = _entry(_by_column(header, cells, path, place), path, place)
        if entry.name in entries:
            raise _refused(path, place, f"genome '{entry.name}' is listed twice", "rename one")
        entries[entry.name] = entry
    return list(entries.values())


def write_genomes_table(entries: list[GenomeEntry], path: str | Path) -> None:
    """Write the genomes as TSV with every column filled; a genome without VCF has it empty."""
    with output_file(path) as staging, staging.open("w", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in entries:
            writer.writerow([one.name, one.fasta, one.vcf or "", one.encoding, f"{one.weight:g}"])


def _filled_lines(path: Path) -> list[tuple[str, list[str]]]:
    """Return where each line that is not blank stands, and its cells."""
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            rows = [(f"line {reader.line_num}", [cell.strip() for cell in row]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"cannot be read as a table ({error})", file=path, remedy="give CSV in UTF-8"
        ) from error
    return [(place, cells) for place, cells in rows if any(cells)]


def _checked_header(place: str, names: list[str], path: Path) -> list[str]:
    columns = f"columns are {','.join(COLUMNS)}"
    for name in names:
        if name not in COLUMNS:
            raise _refused(path, place, f"unknown column '{name}'", columns)
        if names.count(name) > 1:
            raise _refused(path, place, f"column '{name}' is there twice", columns)
    for name in ("name", "fasta"):
        if name not in names:
            raise _refused(path, place, f"has no column '{name}'", columns)
    return names


def _by_column(header: list[str], cells: list[str], path: Path, place: str) -> dict[str, str]:
    """Name the cells; those left out at the end of a line are empty."""
    if len(cells) > len(header):
        problem = f"has {len(cells)} cells for {len(header)} columns"
        raise _refused(path, place, problem, "quote cells that hold a comma")
    return dict.fromkeys(COLUMNS, "") | dict(zip(header, cells, strict=False))


def _entry(cells: dict[str, str], path: Path, place: str) -> GenomeEntry:
    name = cells["name"]
    if not SAFE_NAME.fullmatch(name):
        problem = f"genome name '{name}' cannot name a folder"
        raise _refused(path, place, problem, "use letters, digits, '.', '_' and '-'")
    fasta = _file(cells["fasta"], path, place)
    if fasta is None:
        raise _refused(path, place, f"genome '{name}' has no fasta", "give its file")
    vcf = _file(cells["vcf"], path, place)
    return GenomeEntry(
        name=name,
        fasta=fasta,
        vcf=vcf,
        encoding=_encoding(cells["encoding"], vcf, path, place),
        weight=_weight(cells["weight"], path, place),
    )


def _file(cell: str, path: Path, place: str) -> str | None:
    if not cell or "://" in cell:
        return cell or None
    file = path.parent / cell
    if not file.is_file():
        raise _refused(path, place, f"no such file '{file}'", "paths start at the sheet")
    return str(file)


def _encoding(cell: str, vcf: str | None, path: Path, place: str) -> str:
    chosen = cell or ("ref" if vcf is None else "snp")
    if chosen not in ENCODINGS:
        raise _refused(path, place, f"unknown encoding '{chosen}'", "use ref or snp")
    if chosen == "snp" and vcf is None:
        raise _refused(path, place, "encoding snp needs variants", "give a vcf, or encoding ref")
    return chosen


def _weight(cell: str, path: Path, place: str) -> float:
    try:
        weight = float(cell or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        remedy = "give a number above 0, or leave the genome out"
        raise _refused(path, place, f"weight '{cell}' is not above 0", remedy)
    return weight


def _refused(path: Path, place: str, problem: str, remedy: str) -> UserError:
    return UserError(problem, file=path, place=place, remedy=remedy)
