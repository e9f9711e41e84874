"""One chromosome under its many names: ``20``, ``chr20``, ``NC_000020.11``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from pybmfm.core import UserError
from pybmfm.genome.assemblies import (
    assembly_of_accession,
    assembly_of_length,
    chromosome_of_length,
)

_HUMAN = [*map(str, range(1, 23)), "X", "Y"]
_ALIASES = {name: name for name in _HUMAN} | {"M": "MT", "MT": "MT"}
_REFSEQ = {f"NC_{number:06d}": name for number, name in enumerate(_HUMAN, start=1)} | {
    "NC_012920": "MT"
}
# GenBank numbers the same chromosomes CM000663 (1) to CM000686 (Y); J01415 is the rCRS.
_GENBANK = {f"CM{663 + index:06d}": name for index, name in enumerate(_HUMAN)} | {"J01415": "MT"}
_ACCESSIONS = _REFSEQ | _GENBANK


def chromosome_of(name: str) -> str | None:
    """Return the plain chromosome name (``"20"``, ``"X"``, ``"MT"``) behind a contig name.

    Known are ``20``, ``chr20`` (any case), RefSeq ``NC_000020.10`` and GenBank ``CM000682.2``
    of the human genome; None for anything else, such as pieces of a chromosome.
    """
    accession = re.fullmatch(r"([A-Z]{1,2}_?\d+)(\.\d+)?", name)
    if accession and accession[1] in _ACCESSIONS:
        return _ACCESSIONS[accession[1]]
    plain = re.sub(r"^chr", "", name, flags=re.IGNORECASE).upper()
    return _ALIASES.get(plain)


def assembly_of(contigs: Mapping[str, int | None]) -> str | None:
    """Name the human assembly that contigs belong to.

    Parameters
    ----------
    contigs
        Names and, where known, lengths in nucleotides.

    Returns
    -------
    str or None
        ``GRCh37`` or ``GRCh38`` if accession versions or lengths of chromosomes say so and do
        not contradict each other.
    """
    found = {_assembly_of_contig(name, length) for name, length in contigs.items()} - {None}
    return found.pop() if len(found) == 1 else None


def match_contigs(
    fasta_lengths: Mapping[str, int],
    names: Iterable[str],
    lengths: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Match another file's contig names with those of the FASTA.

    Parameters
    ----------
    fasta_lengths
        Length of each contig of the FASTA, in nucleotides.
    names
        Contig names of the other file.
    lengths
        Their lengths where that file says so.

    Returns
    -------
    dict
        Other name -> FASTA name: by exact name, else by chromosome (alias, accession, or where
        a FASTA's name says nothing the length of a human chromosome), else by a length that
        only one contig on either side has, if the FASTA's contig has no other name yet.
        Unmatched names are left out.
    """
    by_chromosome: dict[str, str] = {}
    for contig in fasta_lengths:
        by_chromosome.setdefault(chromosome_of(contig) or "", contig)
    for contig, length in fasta_lengths.items():
        if chromosome_of(contig) is None:
            by_chromosome.setdefault(chromosome_of_length(length) or "", contig)
    by_chromosome.pop("", None)
    names = list(names)
    matched = {
        name: name if name in fasta_lengths else by_chromosome[chromosome_of(name) or ""]
        for name in names
        if name in fasta_lengths or chromosome_of(name) in by_chromosome
    }
    taken = set(matched.values())
    by_length = _by_unique_length(fasta_lengths)
    for length, name in _by_unique_length(lengths or {}).items():
        if name in matched or length not in by_length or by_length[length] in taken:
            continue
        contig = by_length[length]
        # Two different known chromosomes of one length are not the same contig.
        if chromosome_of(name) is None or chromosome_of(contig) is None:
            matched[name] = contig
    return {name: matched[name] for name in names if name in matched}


def find_contig(fasta_lengths: Mapping[str, int], name: str, file: object = None) -> str:
    """Return the FASTA's name of a contig that the user named.

    Raises
    ------
    UserError
        If the FASTA has no such contig under any alias.
    """
    found = match_contigs(fasta_lengths, [name]).get(name)
    if found is None:
        raise UserError(
            f"has no contig {name}",
            file=None if file is None else str(file),
            remedy=f"name one of {describe_names(fasta_lengths)}",
        )
    return found


def describe_names(names: Iterable[str], shown: int = 5) -> str:
    """List a few names for a message: ``chr1, chr2, chr3 and 22 more``."""
    names = list(names)
    if not names:
        return "none"
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _assembly_of_contig(name: str, length: int | None) -> str | None:
    chromosome = chromosome_of(name)
    if chromosome is None:
        return assembly_of_length(length)
    by_version = assembly_of_accession(name, chromosome)
    if by_version is not None or chromosome_of_length(length) != chromosome:
        return by_version
    return assembly_of_length(length)


def _by_unique_length(lengths: Mapping[str, int]) -> dict[int, str]:
    counted = Counter(lengths.values())
    return {length: name for name, length in lengths.items() if counted[length] == 1}
