"""Random small genomes and dense, odd, but well-formed VCFs over them.

One generator on a `random.Random` serves both hypothesis, which draws its seed and sizes, and a
large VCF that crosses block borders.
"""

from __future__ import annotations

import string
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from hypothesis import strategies as st

SCHEMES = (
    (("chr1", "chr2", "chrX"), ("NC_000001.11", "NC_000002.12", "NC_000023.11")),
    (("1", "2", "MT"), ("chr1", "chr2", "chrM")),
    (("ctg_1", "2L", "HLA*01:02"), ("ctg_1", "2L", "HLA*01:02")),
)
ABSENT = "scaffold_77"
SYMBOLIC = ("*", "<DEL>", "<NON_REF>", "<INS:ME:ALU>", "G]17:198982]", "]13:123]T", "T.", ".A", "")
IUPAC = ("N", "R", "AN", "TY", "n")
PLAIN_NUMBERS = ("0.5", "0.25", "0.3", "0.125", "0.001", "0.0011", "0.999", "0.9989", "1", "0")
ODD_NUMBERS = (
    "1e-3", "5E-1", ".5", "1.", "+0.1", "00.2", "1e-400", "0.10000000000000000000001", "-0", "-0.0",
    "1.00000000000000000001", "0.99999999999999999999", "100e-2", "1e-00003", "0.0010000000001",
    "0.001000002", "9.99e-1", "1E+0", "0.000000000000000000000000000000000000000000001",
)  # fmt: skip
WRONG_NUMBERS = (
    "nan", "inf", "-0.1", "1.5", "1e400", "x", "0,5x", "0.1 0.2", "-", "+", "e5", "0x1", "1e",
    "1e+",    "0.5.", "..", "1.0000001", "--1", "0.5e", "5e-1x", "1e99999999999999999999",
)  # fmt: skip
UNREPORTED = (".", "")
DECOYS = (
    "XCOMMON=1", "COMMONS", "FREQX=A:0.5,0.5", "XFREQ=A:0.5,0.5", "MAF=0.4", "AFR_MAF=0.4",
    "CAFE=0.1", "AN_X=5", "RS=12", "dbSNPBuildID=151", "SAO=0", "VC=SNV", "G5", "R5", "=0.5",
    "CLNSIG=a:b|c,d", "NOTE=COMMON", "NOTE=FREQ=A:0.1,0.9", "",
)  # fmt: skip
COMMON = ("COMMON", "COMMON", "COMMON=1", "COMMON=1", "COMMON=0", "COMMON=", "COMMON=.")
SOURCES = ("1000Genomes", "TOPMED", "dbGaP:PopFreq", "ALFA")
POPULATIONS = ("AF_afr", "EAS_AF", "AF-EUR", "AF_joint")
FILTERS = ("PASS",) * 9 + (".",) * 9 + ("q10", "q10;s50", "PASS;s50", "", f"long{'x' * 80}")
FIELDS = ("auto", "FREQ", "CAF", "AF", "AC/AN", "EAS_AF,AF_afr", "AF,CAF")


@dataclass(frozen=True)
class World:
    """A genome, a VCF, and which FASTA contig each VCF contig is (absent ones left out)."""

    sequences: dict[str, str]
    fasta: bytes
    vcf: str
    names: dict[str, str]


def bgzip_block(content: bytes) -> bytes:
    """One block of a bgzip file, however much it holds."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(content) + squeeze.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(content), len(content))


def bgzip_in_blocks(content: bytes, size: int) -> bytes:
    """A bgzip file with so many bytes in each block, so that records lie across borders."""
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(map(bgzip_block, [*blocks, b""]))


def worlds(contigs: int = 3, records: int = 40) -> st.SearchStrategy[World]:
    """Worlds of up to so many contigs with so many records each; both shrink, the seed tells."""
    seeds = st.integers(0, 2**32 - 1)
    return st.builds(
        lambda seed, *sizes: random_world(Random(seed), *sizes),
        seeds,
        st.integers(1, contigs),
        st.integers(1, records),
    )


def random_world(random: Random, contigs: int, records: int, long_info: int = 0) -> World:
    """Draw a world; ``long_info`` letters more in every INFO make it a large file."""
    fasta_names, vcf_names = random.choice(SCHEMES)
    number = random.randint(1, contigs)
    length = max(30, records)
    sequences = {name: _sequence(random, length) for name in fasta_names[:number]}
    names = dict(zip(vcf_names[:number], fasta_names, strict=False))
    numbers = _info_numbers(random)
    lines = [_header(random, sequences, names, numbers)]
    with_padding = random.random() < 0.5
    for vcf_name, fasta_name in names.items():
        drawn = _Records(random, sequences[fasta_name].upper(), numbers, long_info)
        lines += _body(random, vcf_name, drawn.records(records, with_padding))
    if random.random() < 0.3:
        lines += [f"{ABSENT}\t{pos1}\t.\tA\tC\t.\t.\tFREQ=A:0.5,0.5" for pos1 in (7, 7, 900)]
    end = random.choice(("\n", "\n", "\r\n"))
    text = end.join(lines) + random.choice((end, end, ""))
    return World(sequences, _fasta(random, sequences), text, names)


def _sequence(random: Random, length: int) -> str:
    pieces: list[str] = []
    while sum(map(len, pieces)) < length:
        size = random.randint(1, 9)
        kind = random.random()
        if kind < 0.55:
            pieces.append("".join(random.choices("ACGT", k=size)))
        elif kind < 0.7:
            pieces.append("".join(random.choices("acgt", k=size)))
        elif kind < 0.85:
            pieces.append(random.choice(("A", "C", "AC", "GA")) * size)  # where indels slide
        elif kind < 0.95:
            pieces.append("N" * size)
        else:
            pieces.append(random.choice("RYKMrn"))
    return "".join(pieces)


def _fasta(random: Random, sequences: dict[str, str]) -> bytes:
    end, width = random.choice(("\n", "\n", "\r\n")), random.choice((7, 60))
    text = ""
    for name, sequence in sequences.items():
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        text += end.join([f">{name} of a random genome", *lines, ""])
    return text.encode()


def _info_numbers(random: Random) -> dict[str, str | None]:
    """INFO fields that the header describes, with their Number, which may be left out."""
    described: dict[str, str | None] = {}
    for name in ("FREQ", "CAF", "AC", "AN"):
        if random.random() < 0.5:
            described[name] = "." if name in ("FREQ", "CAF") else random.choice("1A")
    for name in ("AF", *POPULATIONS):
        if random.random() < 0.7:
            described[name] = random.choice(("A", "A", "R", ".", "1", None))
    return described


def _header(
    random: Random,
    sequences: dict[str, str],
    names: dict[str, str],
    numbers: dict[str, str | None],
) -> str:
    lines = ["##fileformat=VCFv4.2"]
    for name, number in numbers.items():
        given = f",Number={number}" if number else ""
        lines.append(f'##INFO=<ID={name}{given},Type=Float,Description="{name}, of <a, b>">')
    kind = random.choice(("none", "names", "lengths"))
    for vcf_name, fasta_name in names.items():
        length = f",length={len(sequences[fasta_name])}" if kind == "lengths" else ""
        if kind != "none":
            lines.append(f"##contig=<ID={vcf_name}{length}>")
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    return "\n".join(lines)


def _body(random: Random, contig: str, records: list[str]) -> list[str]:
    lines: list[str] = []
    samples = random.choice(("", "", "\tGT\t0|1\t1|1", "\tGT:COMMON\t0/1:FREQ=A:1,0"))
    for record in records:
        odd = random.random()
        if odd < 0.02:
            lines.append("")
        elif odd < 0.04:
            lines.append(f"#{contig}\t1\t.\tA\tC\t.\t.\tCOMMON;FREQ=A:0.1,0.9")
        lines.append(f"{contig}\t{record}{samples}")
    return lines


class _Records:
    """Draws the records of one contig."""

    def __init__(
        self, random: Random, sequence: str, numbers: dict[str, str | None], long_info: int
    ) -> None:
        self.random = random
        self.sequence = sequence
        self.numbers = numbers
        self.long_info = long_info
        self.wrong = random.choice((0.0, 0.02, 0.2))
        self.flagged = random.choice((0.0, 0.0, 0.3, 0.9))

    def records(self, number: int, with_padding: bool) -> list[str]:
        """Records in order of position, from POS on; several may share a position."""
        last = len(self.sequence) + (2 if self._rarely() else 0)
        places = sorted(self.random.randint(1, last) for _ in range(number))
        records = [(pos1, self._record(pos1)) for pos1 in places]
        if self._rarely():
            records.insert(0, (0, "0\t.\tN\t<DEL>\t.\t.\tAF=0.5"))
        wrong = sum(1 for pos1, record in records if self._mismatches(pos1, record))
        if with_padding and wrong < 3:
            records += self._padding(100 * wrong)
        records.sort(key=lambda record: record[0])
        assert all(one[0] <= other[0] for one, other in pairwise(records))
        return [record for _, record in records]

    def _rarely(self, probability: float = 0.1) -> bool:
        return self.random.random() < probability

    def _padding(self, number: int) -> list[tuple[int, str]]:
        """Comparable records that change nothing, so that some mismatches are tolerated."""
        place = next((i for i, base in enumerate(self.sequence) if base in "ACGT"), None)
        if place is None:
            return []
        return [(place + 1, f"{place + 1}\t.\t{self.sequence[place]}\t<X>\t.\t.\t.")] * number

    def _mismatches(self, pos1: int, record: str) -> bool:
        reference = record.split("\t")[2].upper()
        expected = self.sequence[max(pos1, 1) - 1 :][: len(reference)]
        return reference != expected and set(reference + expected) <= set("ACGT")

    def _record(self, pos1: int) -> str:
        random = self.random
        size = random.choice((1, 1, 1, 1, 2, 3, 5))
        reference = self.sequence[pos1 - 1 :][:size] or "A"
        if self._rarely(self.wrong / 4):
            reference = random.choice((_base(random), _base(random) * 3, "R", "AN", "<X>"))
        if self._rarely(0.05):
            alternates = ["."]
        else:
            number = 70 if self._rarely(0.01) else random.choice((1, 1, 1, 2, 4))
            alternates = [self._alternate(reference) for _ in range(number)]
        if self._rarely():
            reference = reference.lower()
        text = ",".join(alternates) or "."
        identifier = random.choice((".", "rs1", f"rs{pos1};x"))
        return "\t".join(
            (
                *(str(pos1), identifier, reference, text, "."),
                *(random.choice(FILTERS), self._info(len(text.split(",")))),
            )
        )

    def _alternate(self, reference: str) -> str:
        """An allele in one of the ways that VCFs write them, padded on either side or not."""
        random = self.random
        kind = random.random()
        letters = "".join(random.choices("ACGT", k=random.choice((1, 1, 1, 2, 3))))
        plain = reference if set(reference) <= set("ACGT") else "A"
        if kind < 0.4:
            return _other(random, plain)
        if kind < 0.55:
            return plain[: random.randint(1, len(plain))]
        if kind < 0.65:
            return plain[random.randint(0, len(plain) - 1) :]
        if kind < 0.75:
            return plain + letters
        if kind < 0.8:
            return plain[:1] + letters + plain[1:]
        if kind < 0.9:
            return letters if random.random() < 0.8 else letters.lower()
        return random.choice(SYMBOLIC if kind < 0.96 else IUPAC)

    def _info(self, alleles: int) -> str:
        random = self.random
        if self._rarely(0.05):
            return random.choice((".", "", "G5;R5", ";", "COMMON" if self.flagged else "G5"))
        items = random.choices(DECOYS, k=random.randint(0, 3))
        items += [field for field in self._frequency_items(alleles) if not self._rarely(0.4)]
        if self._rarely(self.flagged):
            items.append(random.choice(COMMON))
        if items and self._rarely(0.05):
            items.append(random.choice(items).replace("0.5", "0.25"))  # a key given twice
        random.shuffle(items)
        if self.long_info:
            letters = random.choice(string.ascii_letters) * random.randint(0, self.long_info)
            items.insert(random.randint(0, len(items)), f"NOTE={letters}")
        return ";".join(items)

    def _frequency_items(self, alleles: int) -> list[str]:
        """Every frequency field once; most are left out again."""
        random = self.random
        caf = self._values(alleles + 1)
        counts = ",".join(self._count() for _ in range(alleles + self._rarely(0.05)))
        items = [
            f"FREQ={self._sources(alleles)}",
            f"CAF=[{caf}]" if random.random() < 0.5 else f"CAF={caf}",
            f"AF={self._values(alleles + self._extra('AF'))}",
            f"AC={counts};AN={self._total()}",
        ]
        items += [f"{name}={self._values(alleles + self._extra(name))}" for name in POPULATIONS]
        return items

    def _count(self) -> str:
        if self._rarely(self.wrong / 4):
            return self.random.choice(("x", "-1", "99", "1,2", "inf"))
        return self.random.choice(("0", "1", "3", "12", "3", "1", ".", "+2", "2.0", "1e0"))

    def _total(self) -> str:
        if self._rarely(self.wrong / 4):
            return self.random.choice(("x", "-12", "12,12", "nan", "1e400"))
        return self.random.choice(("12", "20", "5008", "0", ".", "", "20", "20.0", "2e1", "000"))

    def _extra(self, name: str) -> int:
        """One value more where the header says that the reference comes first."""
        return int(self.numbers.get(name) == "R" or self._rarely(0.05))

    def _sources(self, alleles: int) -> str:
        if self._rarely(0.05):
            return "."
        sources = self.random.sample(SOURCES, 4) * 20
        number = 70 if self._rarely(0.01) else self.random.choice((1, 1, 2, 3))
        return "|".join(f"{name}:{self._values(alleles + 1)}" for name in sources[:number])

    def _values(self, number: int) -> str:
        if self._rarely(self.wrong):
            number = self.random.choice((number - 1, number + 1, 1))
        if self._rarely(0.05):
            return self.random.choice(UNREPORTED)
        return ",".join(self._number() for _ in range(max(1, number)))

    def _number(self) -> str:
        random = self.random
        kind = random.random()
        if kind < self.wrong / 4:
            return random.choice(WRONG_NUMBERS)
        if kind < 0.1:
            return random.choice(UNREPORTED)
        if kind < 0.2:
            return random.choice(ODD_NUMBERS)
        if kind < 0.6:
            return random.choice(PLAIN_NUMBERS)
        return f"{random.randint(0, 9999) / 10000:.4g}"


def _base(random: Random) -> str:
    return random.choice("ACGT")


def _other(random: Random, letters: str) -> str:
    """Substitute the first base, and any of the others."""
    rest = "".join(random.choice((base, _base(random))) for base in letters[1:])
    return random.choice([base for base in "ACGT" if base != letters[:1]]) + rest
