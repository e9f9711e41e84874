"""Small worlds written by hand: a FASTA, a VCF, and the table made from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
MakeTable = Callable[..., FrequencyTable]


def vcf_text(*records: str) -> str:
    """Build a VCF from records written ``contig pos ref alt info``."""
    lines = []
    for record in records:
        contig, position, reference, alternate, info = record.split(" ")
        lines.append(f"{contig}\t{position}\t.\t{reference}\t{alternate}\t.\t.\t{info}\n")
    return HEADER + "".join(lines)


@pytest.fixture
def make_table(tmp_path: Path) -> MakeTable:
    """Return a function from sequences by contig, records and options to a frequency table."""

    def make(sequences: dict[str, str], *records: str, **options: object) -> FrequencyTable:
        fasta, vcf = tmp_path / "genome.fa", tmp_path / "variants.vcf"
        fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
        vcf.write_text(vcf_text(*records))
        out = tmp_path / "frequencies"
        settings = FrequencySettings(fasta=fasta, vcf=vcf, out=out, **options)  # type: ignore[arg-type]
        variant_frequencies(settings)
        return FrequencyTable.open(out)

    return make
