"""Variants that harm: substitutions that break planted motifs, and harmless ones beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pybmfm.core import derive_seed
from pybmfm.simulate.motifs import LETTERS, MOTIFS, N, to_text
from pybmfm.simulate.slots import Feature
from pybmfm.simulate.variation import ForcedVariant
from pybmfm.simulate.world import Slot, World

# The element that is broken decides the disease, so a model that sees motifs can tell.
# (name, MONDO id, EFO id); the numbers are from no real entry.
DISEASES = {
    "TATA": ("TATA-box_deficiency_syndrome", "MONDO:9900001", "EFO:9900001"),
    "Inr": ("Initiator_deficiency_syndrome", "MONDO:9900002", "EFO:9900002"),
    "GC-box": ("Housekeeping_promoter_insufficiency", "MONDO:9900003", "EFO:9900003"),
    "donor": ("Donor_splicing_disorder", "MONDO:9900004", "EFO:9900004"),
    "acceptor": ("Acceptor_splicing_disorder", "MONDO:9900005", "EFO:9900005"),
    "CTCF": ("Insulator_loss_syndrome", "MONDO:9900006", "EFO:9900006"),
    "GATA": ("Simulated_anemia", "MONDO:9900007", "EFO:9900007"),
    "AP1": ("Simulated_dermatitis", "MONDO:9900008", "EFO:9900008"),
}
INFORMATIVE_BITS = 1.1
SCORED_MOTIF_SNVS, SCORED_NEUTRAL_SNVS, SCORED_INDELS = 18, 17, 2


@dataclass(frozen=True)
class Change:
    """A substitution or indel, and what it hits (``neutral`` or the motif's name)."""

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    hits: str
    gene: str

    def forced(self, frequency: float) -> ForcedVariant:
        """Return the record that the population must carry."""
        return ForcedVariant(self.contig, self.position, self.ref, self.alts[0], frequency)


@dataclass(frozen=True)
class DiseaseVariants:
    """What each file receives; no position is in two of them."""

    pathogenic: list[Change]
    benign: list[Change]
    associated: list[Change]
    scored: list[Change]
    frequencies: dict[tuple[str, int], float]

    def forced(self) -> list[ForcedVariant]:
        """Return the variants that the population file must hold as well."""
        return [
            change.forced(self.frequencies[change.contig, change.position])
            for change in (*self.pathogenic, *self.benign, *self.associated)
        ]


def choose_disease_variants(world: World, seed: int) -> DiseaseVariants:
    """Break one motif per gene at most once, and pick harmless substitutions far from motifs.

    Of the genes, a third goes to the ClinVar-like file, a third to the GWAS-like one; a few serve
    as the variants to score.
    """
    rng = np.random.default_rng(derive_seed(seed, "disease"))
    slots = [world.slots[int(i)] for i in rng.permutation(len(world.slots))]
    few = min(SCORED_MOTIF_SNVS + SCORED_INDELS + 1, len(slots) // 3)
    third = (len(slots) - few) // 2
    scored = _scored(world, slots[:few], rng)
    pathogenic = [_broken(world, slot, rng) for slot in slots[few : few + third]]
    associated = [_broken(world, slot, rng) for slot in slots[few + third :]]
    taken = {(c.contig, c.position) for c in scored}
    benign = _neutral(world, slots[few:], taken, rng)
    frequencies = {(c.contig, c.position): float(rng.uniform(2e-5, 3e-4)) for c in pathogenic}
    frequencies |= {(c.contig, c.position): float(rng.uniform(0.001, 0.3)) for c in benign}
    frequencies |= {(c.contig, c.position): float(rng.uniform(0.03, 0.45)) for c in associated}
    return DiseaseVariants(pathogenic, benign, associated, scored, frequencies)


def _breakable(slot: Slot) -> list[Feature]:
    return [feature for feature in slot.motifs if feature.name in DISEASES]


def _broken(world: World, slot: Slot, rng: np.random.Generator) -> Change:
    """Put the base that fits least at an informative position of one of the slot's motifs."""
    sites = _breakable(slot)
    names = sorted({feature.name for feature in sites})
    name = names[int(rng.integers(len(names)))]
    of_name = [feature for feature in sites if feature.name == name]
    feature = of_name[int(rng.integers(len(of_name)))]
    position, alt = _breaking_base(world, slot, feature, rng)
    ref = world.cut(slot.contig, position, position + 1)
    return Change(slot.contig, position, ref, (alt,), name, slot.name)


def _breaking_base(
    world: World, slot: Slot, feature: Feature, rng: np.random.Generator
) -> tuple[int, str]:
    motif = MOTIFS[feature.name]
    site = world.cut(slot.contig, feature.start, feature.end, feature.strand)
    conserved = [
        i
        for i in range(len(motif))
        if motif.information[i] > INFORMATIVE_BITS
        and site[i] == "ACGT"[int(motif.matrix[i].argmax())]
    ]
    places = conserved or [int(motif.information.argmax())]
    i = places[int(rng.integers(len(places)))]
    worst = [b for b in range(4) if motif.matrix[i, b] == motif.matrix[i].min()]
    worst = [b for b in worst if "ACGT"[b] != site[i]] or [3 - "ACGT".index(site[i])]
    base = worst[int(rng.integers(len(worst)))]
    if feature.strand == "-":
        return feature.end - 1 - i, "ACGT"[3 - base]
    return feature.start + i, "ACGT"[base]


def _neutral(
    world: World, slots: list[Slot], taken: set[tuple[str, int]], rng: np.random.Generator
) -> list[Change]:
    """One harmless substitution in a part of the slots, away from motifs, exons and peaks."""
    found: list[Change] = []
    for slot in slots[::3]:
        position = _free_position(world, slot, rng)
        if (slot.contig, position) not in taken:
            found.append(_substitution(world, slot, position, rng))
    return found


def _free_position(world: World, slot: Slot, rng: np.random.Generator) -> int:
    contig = world.contigs[slot.contig]
    free = contig.constraint[slot.start : slot.end] == 0
    for start, end in slot.regions.values():
        free[start - slot.start : end - slot.start] = False
    free &= contig.sequence[slot.start : slot.end] != N
    free[:100] = free[-100:] = False
    places = np.flatnonzero(free)
    return slot.start + int(places[int(rng.integers(len(places)))])


def _substitution(world: World, slot: Slot, position: int, rng: np.random.Generator) -> Change:
    base = int(world.contigs[slot.contig].sequence[position])
    alt = base ^ int(rng.choice(np.array([2, 1, 3]), p=[0.66, 0.17, 0.17]))
    return Change(
        slot.contig, position, chr(LETTERS[base]), (chr(LETTERS[alt]),), "neutral", slot.name
    )


def _scored(world: World, slots: list[Slot], rng: np.random.Generator) -> list[Change]:
    """The variants to score: SNVs, one with two alternates, deletions and insertions."""
    broken = [_broken(world, slot, rng) for slot in slots]
    indels = [_deleted_motif(world, slot, rng) for slot in slots[:SCORED_INDELS]]
    double = broken[SCORED_INDELS]
    others = [b for b in "ACGT" if b not in (double.ref, *double.alts)]
    broken[SCORED_INDELS] = replace(double, alts=(*double.alts, others[0]))
    neutral = [
        _substitution(world, slot, _free_position(world, slot, rng), rng)
        for slot in slots[:SCORED_NEUTRAL_SNVS]
    ]
    neutral += [_neutral_indel(world, slot, rng) for slot in slots[-SCORED_INDELS:]]
    return [*indels, *broken[SCORED_INDELS:], *neutral]


def _deleted_motif(world: World, slot: Slot, rng: np.random.Generator) -> Change:
    """Delete the middle of a motif."""
    sites = _breakable(slot)
    feature = sites[int(rng.integers(len(sites)))]
    start = (feature.start + feature.end) // 2 - 2
    ref = world.cut(slot.contig, start, start + 4)
    return Change(slot.contig, start, ref, (ref[0],), feature.name, slot.name)


def _neutral_indel(world: World, slot: Slot, rng: np.random.Generator) -> Change:
    position = _free_position(world, slot, rng)
    ref = world.cut(slot.contig, position, position + 1)
    inserted = to_text(rng.integers(0, 4, 2).astype(np.uint8))
    return Change(slot.contig, position, ref, (ref + inserted,), "neutral", slot.name)
