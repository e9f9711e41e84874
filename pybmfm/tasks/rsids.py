"""Where the SNPs of rs numbers lie, by a VCF of the genome's own assembly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from pybmfm.genome import Genome
from pybmfm.tasks.snp_sites import Snp, SnpSites, record_columns

_RS_KEY = re.compile(rb"[;\t]RS=(\d+)")


def find_rsids(
    vcf: Path,
    wanted: Set[str],
    genome: Genome,
    aliases: Mapping[str, str] | None = None,
    threads: int = 1,
) -> dict[str, Snp | str]:
    """Look up rs numbers in a VCF, by its ID column or else the INFO key ``RS``.

    Parameters
    ----------
    vcf
        dbSNP or any VCF with rs numbers, of the same assembly as ``genome``.
    wanted
        ``rs123``.

    Returns
    -------
    dict
        Of the rs numbers found, the SNP, or the reason why the record is none. Where a number
        stands in several records, the first that is a SNP holds.

    Raises
    ------
    UserError
        If the file is no VCF, a record is malformed, or it is of another assembly.
    """
    from pybmfm.variants.vcf import VcfReader

    reader = VcfReader(vcf, threads)
    sites = SnpSites(genome, vcf, aliases, reader.header.lengths)
    found: dict[str, Snp | str] = {}
    names = {name.encode() for name in wanted}
    for number, line in reader.numbered_records():
        for name in _rs_numbers(line):
            if name not in names or isinstance(found.get(name.decode()), Snp):
                continue
            contig, pos1, _, ref, alt, *_ = record_columns(line, number, vcf)
            found[name.decode()] = sites.snp(contig, pos1, ref, alt)
    sites.check_assembly()
    return found


def _rs_numbers(line: bytes) -> Iterator[bytes]:
    columns = line.split(b"\t", 3)
    identifiers = columns[2] if len(columns) > 2 else b""
    if identifiers.startswith(b"rs"):
        yield from identifiers.split(b";")
    elif match := _RS_KEY.search(line):
        yield b"rs" + match[1]
