"""An index beside a VCF is used where it fits the file; dates say nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.genome import Genome
from pybmfm.variants import FrequencyTable, PhasedPanel
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.tabix_index import contig_spans
from pybmfm.variants.vcf import VcfReader

LENGTH = 9000
CONTIGS = ("1", "2", "X")
HEADER = (
    "##fileformat=VCFv4.2\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
)
SEQUENCE = "".join("ACGT"[n] for n in np.random.default_rng(5).integers(0, 4, LENGTH))

Records = dict[str, Sequence[int]]


def _records(counts: dict[str, int], step: int = 1) -> Records:
    return {name: range(1, 1 + number * step, step) for name, number in counts.items()}


def _text(records: Records, header: str = HEADER, note: str = "") -> str:
    """A VCF with a record at each of these positions of each contig."""
    lines = [
        f"{name}\t{pos1}\t.\t{SEQUENCE[pos1 - 1]}\t{SEQUENCE[pos1 - 1]}G"
        f"\t.\t.\tAF=0.{pos1 % 89 + 10}{note}\tGT\t0|1\n"
        for name, places in records.items()
        for pos1 in places
    ]
    return header + "".join(lines)


def _write(path: Path, text: str) -> None:
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(text.encode())


@pytest.fixture(params=[".tbi", ".csi"])
def indexed(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a function that writes a VCF and makes its index of one kind or the other."""

    def make(text: str) -> Path:
        path = tmp_path / "v.vcf.gz"
        _write(path, text)
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=request.param == ".csi")
        return path

    return make


def _age(path: Path, seconds: int) -> None:
    """Make the indices of a VCF so much younger than it, or older."""
    for index in path.parent.glob(f"{path.name}.*"):
        os.utime(index, (path.stat().st_mtime + seconds,) * 2)


def _genome(folder: Path) -> Path:
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{SEQUENCE}\n" for name in CONTIGS))
    return fasta


def _read_counts(folder: Path, vcf: Path) -> dict[str, tuple[int, int]]:
    """Records of each contig that the two readers with an index find."""
    fasta = _genome(folder)
    counts = {}
    panel = PhasedPanel(vcf)
    with Genome(fasta) as genome:
        for contig in CONTIGS:
            panel.pair(genome, contig, 0, 0)
            read = panel.counts()["read"] - sum(two for _, two in counts.values())
            settings = FrequencySettings(fasta, vcf, folder / "out", contigs=(contig,))
            variant_frequencies(settings)
            counts[contig] = (FrequencyTable.open(folder / "out").manifest["read"], read)
    return counts


OLD = _records({"1": 500, "2": 900, "X": 300})
# What the file became after it was indexed.
CHANGES: dict[str, str] = {
    "grown at the end": _text(_records({"1": 500, "2": 900, "X": 8570})),
    "grown in front": _text(_records({"1": 8570, "2": 900, "X": 300})),
    "grown in the middle": _text(_records({"1": 500, "2": 8570, "X": 300})),
    "by one record": _text(_records({"1": 501, "2": 900, "X": 300})),
    "by one record at the end": _text(_records({"1": 500, "2": 900, "X": 301})),
    "shrunk": _text(_records({"1": 50, "2": 90, "X": 30})),
    "another header": _text(OLD, HEADER.replace("##INFO", "##note=longer\n##INFO")),
    "longer lines": _text(OLD, note=";NOTE=annotated"),
    "other contigs in its place": _text(_records({"2": 500, "1": 900, "X": 300})),
    "a record moved to the next contig": _text(_records({"1": 499, "2": 901, "X": 300})),
    "blank lines at the end": _text(OLD) + "\n\n",
}
# Every contig still begins where the old index says, and that is all that is asked of it.
STILL_FIT = {"grown at the end", "by one record at the end", "blank lines at the end"}


@pytest.mark.parametrize("age", [-1000, 1000], ids=["older", "newer"])
@pytest.mark.parametrize("name", CHANGES)
def test_an_index_of_what_the_file_was_loses_no_record(
    indexed: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    age: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = indexed(_text(OLD))
    _write(path, CHANGES[name])
    _age(path, age)
    lines = CHANGES[name].splitlines()
    expected = {c: sum(line.startswith(f"{c}\t") for line in lines) for c in CONTIGS}
    with caplog.at_level(logging.WARNING, "pybmfm"):
        found = _read_counts(tmp_path, path)
    assert found == {contig: (number, number) for contig, number in expected.items()}
    fits = contig_spans(path) is not None
    assert fits == (name in STILL_FIT)
    assert any("does not fit its VCF and is not used" in line for line in caplog.messages) != fits


@pytest.mark.parametrize("age", [-1000, 1000], ids=["older", "newer"])
@pytest.mark.parametrize(
    "header", [HEADER, HEADER.replace("##INFO", "##x=" + "y" * 200_000 + "\n##INFO")]
)
def test_an_index_that_fits_is_used_whatever_its_date(
    indexed: Callable[[str], Path], tmp_path: Path, header: str, age: int
) -> None:
    records = _records({"1": 3000, "2": 1, "X": 4000}, step=2)
    path = indexed(_text(records, header))
    _age(path, age)
    assert list(contig_spans(path) or ()) == [b"1", b"2", b"X"]
    assert _read_counts(tmp_path, path) == {"1": (3000,) * 2, "2": (1, 1), "X": (4000,) * 2}


def test_a_contig_that_an_old_index_does_not_name_is_listed(
    indexed: Callable[[str], Path],
) -> None:
    path = indexed(_text(_records({"1": 5})))
    assert list(VcfReader(path).contig_records()) == ["1"]
    _write(path, _text(_records({"1": 5, "2": 1})))
    assert list(VcfReader(path).contig_records()) == ["1", "2"]


def test_the_index_of_another_file_is_not_used(
    indexed: Callable[[str], Path], tmp_path: Path
) -> None:
    path = indexed(_text(_records({"1": 4, "2": 4, "X": 4})))
    kept = {index.suffix: index.read_bytes() for index in tmp_path.glob("v.vcf.gz.*")}
    # The same lines but one, which is another contig's: all else, sizes too, is the same.
    _write(path, _text({"1": [1, 2, 3], "2": [4], "X": [5, 6, 7, 8]}))
    for suffix, content in kept.items():
        Path(f"{path}{suffix}").write_bytes(content)
    assert contig_spans(path) is None
