"""One contig under its many names: ``20``, ``chr20``, ``NC_000020.11``; ``chrIV``, ``4``."""

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


def _numbered(first: int, names: Iterable[object]) -> dict[str, str]:
    return {f"NC_{first + place:06d}": str(name) for place, name in enumerate(names)}


# RefSeq accessions of the chromosomes of species that are much worked with (NCBI Assembly).
_OTHER_SPECIES = {
    **_numbered(67, [*range(1, 20), "X", "Y"]),  # mouse
    "NC_005089": "MT",
    **_numbered(1133, range(1, 17)),  # budding yeast
    "NC_001224": "MT",
    **_numbered(3279, ["1", "2", "3", "4", "5", "X"]),  # Caenorhabditis elegans
    "NC_001328": "MT",
    **{"NT_033779": "2L", "NT_033778": "2R", "NT_037436": "3L", "NT_033777": "3R"},  # fruit fly
    **{"NC_004353": "4", "NC_004354": "X", "NC_024512": "Y", "NC_024511": "MT"},
    **{"NC_003070": "1", "NC_003071": "2", "NC_003074": "3", "NC_003075": "4"},  # thale cress
    **{"NC_003076": "5", "NC_037304": "MT", "NC_000932": "PT"},
    **_numbered(7112, range(1, 26)),  # zebrafish
    "NC_002333": "MT",
}
_ORGANELLES = {
    **dict.fromkeys(("MITO", "MTDNA", "MITOCHONDRION", "MITOCHONDRION_GENOME"), "MT"),
    **dict.fromkeys(("PT", "CHLOROPLAST"), "PT"),
}
_PREFIX = re.compile(r"(?:chromosome|chrom|chr)[ _.-]?(?=.)", re.IGNORECASE)
_ACCESSION = re.compile(r"([A-Z]{1,2}_?\d+)(\.\d+)?")
# UCSC's name of an unplaced, unlocalized or alternate sequence: chrUn_KI270742v1.
_UCSC_SCAFFOLD = re.compile(r"chr[^_]+_([A-Z]+\d+)v(\d+)(?:_random|_alt|_fix)?")
_ROMAN = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_LETTERS = frozenset("ABCDEFGHJKLNOPQRSTU")  # not I, V, X; nor M, W, Y, Z, which are known names
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10}


def chromosome_of(name: str) -> str | None:
    """Return the plain chromosome name (``"20"``, ``"X"``, ``"MT"``) behind a contig name.

    Known are ``20``, ``chr20`` (any case), ``chromosome_20``, ``chr02``, RefSeq ``NC_000020.10``
    and GenBank ``CM000682.2`` of the human genome; None for anything else, such as pieces of a
    chromosome.
    """
    accession = _ACCESSION.fullmatch(name)
    if accession and accession[1] in _ACCESSIONS:
        return _ACCESSIONS[accession[1]]
    return _ALIASES.get(_plain_name(name).upper())


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
    beside: Iterable[str] = (),
    one_to_one: bool = True,
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
    beside
        Other names of that file, which show how it counts: I is 1 beside II.
    one_to_one
        Whether two names for one contig are left out, as they would be two contigs in a VCF or
        alignment; the rows of a table may name a contig now so, now so.

    Returns
    -------
    dict
        Other name -> FASTA name: by exact name; else by the name
        without ``chr``, ``chromosome`` or leading zeros; else by chromosome (accession, Roman
        numeral, organelle, or where a FASTA's name says nothing the length of a human
        chromosome); else by a length that only one contig on either side has. All but exact
        names must have the FASTA's length where theirs is known. What could be two contigs is
        none. Unmatched names are left out.
    """
    names = list(dict.fromkeys(names))
    known = lengths or {}
    matched = {name: name for name in names if name in fasta_lengths}
    numerals = _numerals(map(_plain_name, [*names, *beside]))
    for read_fasta, read in (
        (_spellings(fasta_lengths), _spellings(names)),
        (_chromosomes(fasta_lengths), _chromosomes(names, numerals)),
        (_chromosomes_by_length(fasta_lengths), _chromosomes(names, numerals)),
    ):
        contig_of = _unambiguous(read_fasta, set(matched.values()) if one_to_one else set())
        counted = Counter(read.values())
        for name, means in read.items():
            contig = contig_of.get(means)
            if (
                contig is not None
                and name not in matched
                and (counted[means] == 1 or not one_to_one)
                and known.get(name) in (None, fasta_lengths[contig])
            ):
                matched[name] = contig
    _match_unique_lengths(fasta_lengths, known, matched)
    return {name: matched[name] for name in names if name in matched}


def _unambiguous(meanings: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """Return meaning -> name where only one name has it, and is not taken."""
    counted = Counter(meanings.values())
    return {
        means: name for name, means in meanings.items() if counted[means] == 1 and name not in taken
    }


def _match_unique_lengths(
    fasta_lengths: Mapping[str, int], lengths: Mapping[str, int], matched: dict[str, str]
) -> None:
    taken = set(matched.values())
    by_length = _by_unique_length(fasta_lengths)
    for length, name in _by_unique_length(lengths).items():
        if name in matched or length not in by_length or by_length[length] in taken:
            continue
        contig = by_length[length]
        # Two different known chromosomes of one length are not the same contig.
        if chromosome_of(name) is None or chromosome_of(contig) is None:
            matched[name] = contig


def _plain_name(name: str) -> str:
    """Return a name without a prefix that means chromosome, and without leading zeros."""
    return re.sub(r"^0+(?=\d)", "", _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name)


def _spellings(names: Iterable[str]) -> dict[str, str]:
    """What names say without prefix; capitals matter but for human chromosomes (chrx)."""
    plain = {name: _plain_name(name) for name in names}
    return {
        name: short.upper() if short.upper() in _ALIASES else short for name, short in plain.items()
    }


def _chromosomes(names: Iterable[str], numerals: Mapping[str, str] | None = None) -> dict[str, str]:
    """What names mean: accessions, Roman numerals where the names are counted so, organelles."""
    names = list(names)
    if numerals is None:
        numerals = _numerals(map(_plain_name, names))
    return {name: _meaning(name, numerals) for name in names}


def _chromosomes_by_length(fasta_lengths: Mapping[str, int]) -> dict[str, str]:
    """Human chromosomes told by their length alone, where no contig has their name."""
    named = {chromosome_of(name) for name in fasta_lengths}
    found = {
        name: chromosome_of_length(length)
        for name, length in fasta_lengths.items()
        if chromosome_of(name) is None
    }
    return {
        name: chromosome
        for name, chromosome in found.items()
        if chromosome is not None and chromosome not in named
    }


def _meaning(name: str, numerals: Mapping[str, str]) -> str:
    accession = _ACCESSION.fullmatch(name)
    if accession:
        known = (_ACCESSIONS | _OTHER_SPECIES).get(accession[1])
        return known or name
    scaffold = _UCSC_SCAFFOLD.fullmatch(name)
    if scaffold:
        return f"{scaffold[1]}.{scaffold[2]}"
    plain = _plain_name(name)
    if plain in numerals:
        return numerals[plain]
    capitals = plain.upper()
    return _ALIASES.get(capitals) or _ORGANELLES.get(capitals) or plain


def _numerals(plain_names: Iterable[str]) -> dict[str, str]:
    """Return the Roman numerals among names, with their number.

    Single letters are none where no II or IV is beside them and other letters name contigs, as
    in some fungi; X is ten only beside IX: in worms, beside I to V, it is a sex chromosome.
    """
    names = set(plain_names)
    found = {name for name in names if name and _ROMAN.fullmatch(name)}
    counted = any(len(name) > 1 for name in found)
    if not counted and any(name in _LETTERS for name in names):
        return {}
    if "IX" not in found:
        found.discard("X")
    return {name: str(_number(name)) for name in found}


def _number(numeral: str) -> int:
    digits = [_ROMAN_DIGITS[letter] for letter in numeral]
    return sum(
        -digit if any(later > digit for later in digits[place + 1 :]) else digit
        for place, digit in enumerate(digits)
    )


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


def describe_left_out(
    names: Iterable[str],
    fasta_lengths: Mapping[str, int],
    lengths: Mapping[str, int] | None = None,
) -> str:
    """List names that match no contig of a FASTA; of those that another length keeps off, say."""
    known = lengths or {}
    names = list(names)
    meant = match_contigs(fasta_lengths, names)
    return describe_names(
        f"{name} (length {known[name]:,}, in the FASTA {fasta_lengths[meant[name]]:,})"
        if name in meant and name in known
        else name
        for name in names
    )


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
