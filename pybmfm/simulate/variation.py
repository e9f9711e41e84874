"""The population's variants: where they arise, how frequent they are, who reports them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed
from pybmfm.simulate.motifs import LETTERS, Codes, N, to_text
from pybmfm.simulate.world import Contig, World

FIRST_RS = 900_000_001
INDEL_SHARE = 0.1
MULTIALLELIC_SHARE = 0.02
CPG_RATE = 8.0
CPG_TRANSITIONS, OTHER_TRANSITIONS = 0.92, 0.63
RAREST, MOST_COMMON = 2e-6, 0.5
CONSTRAINED_RATE = 0.1
COMMON_FREQUENCY = 0.01
# Study: (share of variants it looks at, smallest frequency it can see).
STUDIES = {"1000Genomes": (0.75, 1 / 5008), "TOPMED": (0.85, 4e-6), "GnomAD": (0.8, 7e-6)}


@dataclass(frozen=True)
class Variant:
    """One record: 0-based ``position`` of ``ref``, one frequency per alternate allele.

    ``studies`` holds what each study reports per alternate; None is "not reported".
    """

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    frequencies: tuple[float, ...]
    studies: dict[str, tuple[float | None, ...]]
    rs: int = 0

    @property
    def is_common(self) -> bool:
        """Whether a study sees an alternate at 1 % to 99 %."""
        return any(
            value is not None and COMMON_FREQUENCY <= value <= 1 - COMMON_FREQUENCY
            for values in self.studies.values()
            for value in values
        )

    @property
    def kind(self) -> str:
        """Variation class in dbSNP's words: SNV, INS, DEL."""
        if len(self.ref) == 1 and all(len(alt) == 1 for alt in self.alts):
            return "SNV"
        return "DEL" if len(self.ref) > len(self.alts[0]) else "INS"


@dataclass(frozen=True)
class ForcedVariant:
    """A substitution that the disease tables need, at its own frequency."""

    contig: str
    position: int
    ref: str
    alt: str
    frequency: float


def population_variants(
    world: World, density: float, forced: Iterable[ForcedVariant], seed: int
) -> list[Variant]:
    """Draw the variants of all contigs, sorted, numbered with rs identifiers.

    Substitutions are placed by a mutation rate that is high at methylated CpG and low at
    constrained positions; twice as many transitions as transversions arise. Frequencies follow
    1/f, three orders of magnitude lower at fully constrained positions. Indels lie mostly in
    homopolymers and microsatellites, left-aligned with an anchor base.
    """
    by_contig: dict[str, list[ForcedVariant]] = {name: [] for name in world.contigs}
    for variant in forced:
        by_contig[variant.contig].append(variant)
    found: list[Variant] = []
    for name, contig in world.contigs.items():
        rng = np.random.default_rng(derive_seed(seed, "variants", name))
        count = round(density * int((contig.sequence != N).sum()))
        indels = round(count * INDEL_SHARE)
        snvs = max(0, count - indels - len(by_contig[name]))
        records = _forced(by_contig[name], rng)
        records += _substitutions(contig, snvs, {v.position for v in by_contig[name]}, rng)
        records += _indels(contig, _short_repeats(world, name), indels, rng)
        found += sorted(records, key=lambda v: (v.position, v.ref, v.alts))
    return [replace(variant, rs=FIRST_RS + index) for index, variant in enumerate(found)]


def _forced(variants: list[ForcedVariant], rng: np.random.Generator) -> list[Variant]:
    return [
        Variant(
            v.contig, v.position, v.ref, (v.alt,), (v.frequency,), _reports((v.frequency,), rng)
        )
        for v in variants
    ]


def _substitutions(
    contig: Contig, count: int, taken: set[int], rng: np.random.Generator
) -> list[Variant]:
    rate = mutation_rate(contig)
    rate[list(taken)] = 0.0
    positions = _draw_positions(rate, count, rng)
    bases = contig.sequence[positions]
    transitions = np.where(is_methylated_cpg(contig)[positions], CPG_TRANSITIONS, OTHER_TRANSITIONS)
    # A C G T = 0 1 2 3: xor 2 is the transition, xor 1 and 3 the transversions.
    transversion = rng.choice(np.array([1, 3], dtype=np.uint8), len(positions))
    change = np.where(rng.random(len(positions)) < transitions, 2, transversion).astype(np.uint8)
    second = np.where(change == 2, transversion, 2).astype(np.uint8)
    two = rng.random(len(positions)) < MULTIALLELIC_SHARE
    constraint = contig.constraint[positions]
    first_frequency = _frequencies(constraint, RAREST, rng)
    second_frequency = _frequencies(constraint, RAREST, rng)
    records = []
    for i, position in enumerate(positions.tolist()):
        alts, shares = [chr(LETTERS[bases[i] ^ change[i]])], [float(first_frequency[i])]
        if two[i]:
            alts.append(chr(LETTERS[bases[i] ^ second[i]]))
            shares.append(min(float(second_frequency[i]), (1 - shares[0]) / 2))
        records.append(
            Variant(
                contig.name,
                position,
                chr(LETTERS[bases[i]]),
                tuple(alts),
                tuple(shares),
                _reports(tuple(shares), rng),
            )
        )
    return records


def mutation_rate(contig: Contig) -> NDArray[np.float64]:
    """Return the relative substitution rate of every position; 0 at N."""
    rate = 1.0 - (1.0 - CONSTRAINED_RATE) * contig.constraint.astype(np.float64)
    rate[is_methylated_cpg(contig)] *= CPG_RATE
    rate[contig.sequence == N] = 0.0
    return rate


def is_methylated_cpg(contig: Contig) -> NDArray[np.bool_]:
    """Return where a C or G belongs to a CpG outside islands, whose C decays to T."""
    sequence = contig.sequence
    pair = (sequence[:-1] == 1) & (sequence[1:] == 2)
    cpg = np.zeros(len(sequence), dtype=bool)
    cpg[:-1] |= pair
    cpg[1:] |= pair
    return cpg & ~contig.island


def _draw_positions(
    rate: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw positions without replacement: the first arrivals of exponential clocks."""
    possible = np.flatnonzero(rate)
    arrival = rng.exponential(size=len(possible)) / rate[possible]
    return np.sort(possible[np.argsort(arrival, kind="stable")[:count]])


def _frequencies(
    constraint: NDArray[np.float32], rarest: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw from 1/f; one in twenty of the common ones has the reference as the minor allele."""
    span = np.log(MOST_COMMON / rarest)
    frequency = rarest * np.exp(rng.random(len(constraint)) * span)
    turned = (frequency > 0.02) & (rng.random(len(constraint)) < 0.05)
    frequency = np.where(turned, 1 - frequency, frequency)
    return np.asarray(np.maximum(frequency * 10.0 ** (-3.0 * constraint), 1e-6), dtype=np.float64)


def _reports(
    frequencies: tuple[float, ...], rng: np.random.Generator
) -> dict[str, tuple[float | None, ...]]:
    """Let each study see the alleles with sampling noise; what it cannot see it does not report.

    Reported alternates never exceed 1 together, at the six decimals that are written.
    """
    reports: dict[str, tuple[float | None, ...]] = {}
    for study, (share, smallest) in STUDIES.items():
        looks, keeps_empty = rng.random() < share, rng.random() < 0.3
        noise = np.exp(rng.normal(0, 0.2, len(frequencies)))
        if not looks:
            continue
        odds = [f / (1 - f) * e for f, e in zip(frequencies, noise, strict=True)]
        seen = [round(o / (1 + sum(odds)) if len(odds) > 1 else o / (1 + o), 6) for o in odds]
        values = tuple(value if value >= smallest else None for value in seen)
        if keeps_empty or any(value is not None for value in values):
            reports[study] = values
    return reports


@dataclass(frozen=True)
class ShortRepeat:
    """A tandem repeat: copies of ``unit`` bases from ``start`` to ``end``."""

    start: int
    end: int
    unit: int


def _short_repeats(world: World, contig: str) -> list[ShortRepeat]:
    """Return microsatellites as planted, and homopolymers of four or more as found."""
    sequence = world.contigs[contig].sequence
    breaks = np.flatnonzero(np.diff(sequence)) + 1
    starts = np.concatenate([[0], breaks])
    ends = np.concatenate([breaks, [len(sequence)]])
    long = (ends - starts >= 4) & (sequence[starts] != N) & (starts > 0)
    runs = [ShortRepeat(int(s), int(e), 1) for s, e in zip(starts[long], ends[long], strict=True)]
    planted = [
        ShortRepeat(f.start, f.end, int(f.name.removeprefix("simple-")))
        for slot in world.slots
        if slot.contig == contig
        for f in slot.repeats
        if f.name.startswith("simple-")
    ]
    return runs + planted


def _indels(
    contig: Contig, repeats: list[ShortRepeat], count: int, rng: np.random.Generator
) -> list[Variant]:
    """Draw insertions and deletions: nine in ten change the length of a short repeat.

    Longer repeats slip more often. The constrained ones are thinned as substitutions are.
    """
    weight = np.array([float(r.end - r.start) ** 2 for r in repeats])
    seen: set[tuple[int, str, str]] = set()
    records: list[Variant] = []
    for _ in range(20 * count):
        if len(records) == count:
            break
        if repeats and rng.random() < 0.9:
            allele = _slippage(contig.sequence, repeats[_pick(weight, rng)], rng)
        else:
            allele = _random_indel(contig.sequence, rng)
        if allele is None:
            continue
        position, ref, alt = left_aligned(contig.sequence, *allele)
        constraint = contig.constraint[position : position + len(ref) + 1].max()
        rejected = rng.random() < (1 - CONSTRAINED_RATE) * min(1.0, 2 * float(constraint))
        if rejected or (position, ref, alt) in seen:
            continue
        seen.add((position, ref, alt))
        share = (float(_frequencies(np.array([constraint]), 1e-5, rng)[0]),)
        records.append(Variant(contig.name, position, ref, (alt,), share, _reports(share, rng)))
    return records


def _pick(weight: NDArray[np.float64], rng: np.random.Generator) -> int:
    limits = weight.cumsum()
    return int(np.searchsorted(limits, rng.random() * limits[-1], side="right"))


def _slippage(
    sequence: Codes, repeat: ShortRepeat, rng: np.random.Generator
) -> tuple[int, str, str] | None:
    """Add or remove one or two units at the repeat's start."""
    size = repeat.unit * int(rng.integers(1, 3))
    anchor = repeat.start - 1
    if anchor < 1 or sequence[anchor] == N:
        return None
    before, units = (
        to_text(sequence[anchor : anchor + 1]),
        to_text(sequence[repeat.start : repeat.start + size]),
    )
    if rng.random() < 0.55:
        return anchor, before + units, before
    return anchor, before, before + units


def _random_indel(sequence: Codes, rng: np.random.Generator) -> tuple[int, str, str] | None:
    size = min(int(rng.geometric(0.35)), 12)
    anchor = int(rng.integers(1, len(sequence) - size - 2))
    around = sequence[anchor : anchor + size + 1]
    if (around == N).any():
        return None
    before = to_text(around[:1])
    if rng.random() < 0.55:
        return anchor, to_text(around), before
    return anchor, before, before + to_text(rng.integers(0, 4, size).astype(np.uint8))


def left_aligned(sequence: Codes, position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Shift an indel with an anchor base as far left as it describes the same change."""
    while position > 0 and ref[-1] == alt[-1] and sequence[position - 1] != N:
        before = chr(LETTERS[sequence[position - 1]])
        ref, alt, position = before + ref[:-1], before + alt[:-1], position - 1
    return position, ref, alt
