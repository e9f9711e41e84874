"""Motif collections in the MEME and JASPAR text formats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pybmfm.baselines.motifs import Motif
from pybmfm.core import UserError

FILE_ORDER = "ACGT"
OUR_ORDER = [FILE_ORDER.index(base) for base in "AGTC"]
BACKGROUND = np.full(4, 0.25)
SITES = 20.0  # of a MEME matrix that does not say from how many sites it is
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def read_motifs(path: str | Path) -> list[Motif]:
    """Read motifs, MEME (minimal or full) or JASPAR, told apart by their content.

    Raises
    ------
    UserError
        If the file is missing, holds no motif, or a matrix is broken.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check --motifs")
    lines = list(enumerate(path.read_text(errors="replace").splitlines(), start=1))
    parse = _meme if any("letter-probability" in line for _, line in lines) else _jaspar
    motifs = list(parse(path, lines))
    if not motifs:
        raise UserError("holds no motif", file=path, remedy="give a MEME or JASPAR file")
    return motifs


def _meme(path: Path, lines: list[tuple[int, str]]) -> Iterator[Motif]:
    name = "motif"
    place = 0
    while place < len(lines):
        number, line = lines[place]
        place += 1
        if line.startswith("MOTIF"):
            name = " ".join(line.split()[1:]) or name
        elif line.startswith("letter-probability matrix"):
            width = _setting(line, "w")
            rows = []
            while place < len(lines) and len(NUMBER.findall(lines[place][1])) == 4:
                rows.append([float(value) for value in NUMBER.findall(lines[place][1])])
                place += 1
            if not rows or (width and len(rows) != int(width)):
                raise UserError(
                    f"motif {name} has {len(rows)} rows of four numbers",
                    file=path,
                    place=f"line {number}",
                    remedy="a matrix has a row of four numbers per position",
                )
            sites = _setting(line, "nsites") or SITES
            yield Motif.from_counts(name, np.array(rows)[:, OUR_ORDER] * sites, BACKGROUND)


def _setting(line: str, key: str) -> float | None:
    found = re.search(rf"\b{key}=\s*({NUMBER.pattern})", line)
    return float(found[1]) if found else None


def _jaspar(path: Path, lines: list[tuple[int, str]]) -> Iterator[Motif]:
    filled = [(number, line) for number, line in lines if line.strip()]
    for place, (number, line) in enumerate(filled):
        if not line.startswith(">"):
            continue
        name = " ".join(line[1:].split()) or "motif"
        rows = [_jaspar_row(text) for _, text in filled[place + 1 : place + 5]]
        lengths = {len(row) for row in rows}
        if len(rows) < 4 or len(lengths) != 1 or 0 in lengths:
            raise UserError(
                f"motif {name} has no four equally long rows",
                file=path,
                place=f"line {number}",
                remedy="a matrix has the rows A, C, G and T",
            )
        yield Motif.from_counts(name, np.array(rows).T[:, OUR_ORDER], BACKGROUND)


def _jaspar_row(line: str) -> list[float]:
    """Numbers of ``A [ 1 2 3 ]`` or of a bare row."""
    return [float(value) for value in NUMBER.findall(line.lstrip("ACGTacgt "))]
