"""One gene slot: a stretch of genome with a gene and its regulatory elements planted.

A slot is built in the gene's own direction and turned round afterwards where the gene lies on the
minus strand, in this order::

    spacer | decoy peak | enhancer | TF peak | promoter, TSS | exon, intron, exon ... | tail
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pybmfm.simulate.background import (
    ISLAND_DOWNSTREAM,
    ISLAND_UPSTREAM,
    RepeatFamily,
    SlotMaterial,
    microsatellite,
)
from pybmfm.simulate.motifs import (
    ACCEPTOR,
    BRANCH,
    CCAAT,
    CTCF,
    DONOR,
    DPE,
    GC_BOX,
    INR,
    REPORTER_EFFECTS,
    TATA,
    Codes,
    Motif,
    flip,
    reverse_complement,
)

PEAK_LENGTH = 101
ENHANCER_LENGTH = 200
PROMOTER_UPSTREAM, PROMOTER_DOWNSTREAM = 249, 51
POLYPYRIMIDINE = 20


@dataclass(frozen=True)
class Feature:
    """Something planted; inside a builder the coordinates are the slot's, later the contig's."""

    start: int
    end: int
    strand: str
    name: str


@dataclass
class SlotBuilder:
    """The slot while it is written: sequence, mask, constraint and the list of what was planted.

    ``constraint`` is 0 (free to vary) to 1 (every change harms); ``masked`` marks repeats;
    ``island`` marks CpGs that are not methylated and hence not hot spots of mutation.
    """

    sequence: Codes
    rng: np.random.Generator
    masked: NDArray[np.bool_] = field(init=False)
    island: NDArray[np.bool_] = field(init=False)
    constraint: NDArray[np.float32] = field(init=False)
    motifs: list[Feature] = field(default_factory=list)
    repeats: list[Feature] = field(default_factory=list)
    regions: dict[str, tuple[int, int]] = field(default_factory=dict)
    exons: list[tuple[int, int]] = field(default_factory=list)
    tss: int = 0
    reporter_motifs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.masked = np.zeros(len(self.sequence), dtype=bool)
        self.island = np.zeros(len(self.sequence), dtype=bool)
        self.constraint = np.zeros(len(self.sequence), dtype=np.float32)

    def write(self, start: int, piece: Codes) -> None:
        """Overwrite the sequence from ``start``."""
        self.sequence[start : start + len(piece)] = piece

    def plant(self, motif: Motif, start: int, strand: str = "+") -> None:
        """Write one drawn site of ``motif`` and constrain its informative positions."""
        site, weight = motif.sample(self.rng), motif.information / 2
        if strand == "-":
            site, weight = reverse_complement(site), weight[::-1]
        end = start + len(motif)
        self.write(start, site)
        self.constraint[start:end] = np.maximum(self.constraint[start:end], weight)
        self.motifs.append(Feature(start, end, strand, motif.name))

    def plant_repeat(self, name: str, start: int, copy: Codes) -> None:
        """Write a repeat copy, soft-masked."""
        self.write(start, copy)
        self.masked[start : start + len(copy)] = True
        self.repeats.append(Feature(start, start + len(copy), "+", name))


def build_slot(
    builder: SlotBuilder, material: SlotMaterial, index: int, families: list[RepeatFamily]
) -> None:
    """Plant everything into one slot."""
    cursor = int(builder.rng.integers(120, 240))
    if builder.rng.random() < 0.6:
        repeat, unit = microsatellite(builder.rng)
        builder.plant_repeat(f"simple-{unit}", int(builder.rng.integers(10, 80)), repeat)
    cursor = _plant_decoy_peak(builder, cursor) + 30
    cursor = _plant_enhancer(builder, cursor) + 30
    cursor = _plant_peak(builder, cursor) + 40
    builder.tss = cursor + PROMOTER_UPSTREAM
    builder.regions["promoter"] = (cursor, builder.tss + PROMOTER_DOWNSTREAM)
    tail = _plant_gene(builder, material.exons[index], families)
    _plant_promoter(builder, material, index)
    _plant_tail(builder, tail, material.decoy_island[index], families)


def _plant_decoy_peak(builder: SlotBuilder, start: int) -> int:
    """In two slots of five: a CTCF site whose halves are swapped, so only their order tells."""
    end = start + PEAK_LENGTH
    if builder.rng.random() < 0.4:
        site = CTCF.sample(builder.rng)
        half = len(site) // 2
        centre = start + (PEAK_LENGTH - len(site)) // 2 + int(builder.rng.integers(-15, 16))
        swapped = np.concatenate([site[half:], site[:half]])
        turned = builder.rng.random() < 0.5
        builder.write(centre, reverse_complement(swapped) if turned else swapped)
        builder.regions["decoy_peak"] = (start, end)
    return end


def _plant_peak(builder: SlotBuilder, start: int) -> int:
    centre = start + (PEAK_LENGTH - len(CTCF)) // 2 + int(builder.rng.integers(-15, 16))
    builder.plant(CTCF, centre, _random_strand(builder.rng))
    builder.regions["peak"] = (start, start + PEAK_LENGTH)
    return start + PEAK_LENGTH


def _plant_enhancer(builder: SlotBuilder, start: int) -> int:
    """Plant 0-2 sites of each reporter motif at places that do not overlap."""
    width = 20
    places = list(builder.rng.permutation(ENHANCER_LENGTH // width))
    for motif, _ in REPORTER_EFFECTS:
        count = min(int(builder.rng.poisson(0.8)), 2)
        builder.reporter_motifs[motif.name] = count
        for _ in range(count):
            jitter = int(builder.rng.integers(0, width - len(motif)))
            place = start + int(places.pop()) * width + jitter
            builder.plant(motif, place, _random_strand(builder.rng))
    builder.regions["enhancer"] = (start, start + ENHANCER_LENGTH)
    return start + ENHANCER_LENGTH


def _plant_promoter(builder: SlotBuilder, material: SlotMaterial, index: int) -> None:
    """Plant the core promoter: motifs stand at fixed places relative to the TSS."""
    rng, tss = builder.rng, builder.tss
    builder.write(tss - ISLAND_UPSTREAM, material.island_upstream[index])
    builder.write(tss, material.island_downstream[index])
    builder.island[tss - ISLAND_UPSTREAM : tss + ISLAND_DOWNSTREAM] = not material.is_tata[index]
    if material.is_tata[index]:
        builder.plant(TATA, tss - 31 + int(rng.integers(-1, 2)))
        builder.plant(INR, tss - 3)
        boxes, ccaat = 0.5, 0.4
    else:
        boxes, ccaat = 1.0, 0.6
        if rng.random() < 0.85:
            builder.plant(INR, tss - 3)
        if rng.random() < 0.5:
            builder.plant(DPE, tss + 28)
    if rng.random() < boxes:
        builder.plant(GC_BOX, tss - int(rng.integers(50, 66)), _random_strand(rng))
    if rng.random() < boxes * 0.7:
        builder.plant(GC_BOX, tss - int(rng.integers(110, 126)), _random_strand(rng))
    if rng.random() < ccaat:
        builder.plant(CCAAT, tss - int(rng.integers(85, 96)))


def _plant_gene(builder: SlotBuilder, exons: Codes, families: list[RepeatFamily]) -> int:
    """Write two or three exons with GT-AG introns between them; return the gene's end."""
    rng = builder.rng
    three = rng.random() < 0.6
    longest_intron = 300 if three else 420
    cursor = builder.tss
    for number in range(3 if three else 2):
        length = int(rng.integers(90, 170))
        if number:
            intron = int(rng.integers(200, longest_intron))
            _plant_intron_repeat(builder, cursor, intron, families)
            cursor += intron
        builder.write(cursor, exons[number][:length])
        builder.constraint[cursor : cursor + length] = 0.25
        builder.exons.append((cursor, cursor + length))
        cursor += length
    for (_, donor), (acceptor, _) in zip(builder.exons, builder.exons[1:], strict=False):
        _plant_splice_sites(builder, donor, acceptor)
    return cursor


def _plant_intron_repeat(
    builder: SlotBuilder, start: int, length: int, families: list[RepeatFamily]
) -> None:
    if length >= 240 and builder.rng.random() < 0.5:
        family = families[int(builder.rng.integers(len(families)))]
        builder.plant_repeat(family.name, start + 30, family.copy(builder.rng, length - 90))


def _plant_splice_sites(builder: SlotBuilder, donor: int, acceptor: int) -> None:
    """Write MAG|GTRAGT, a branch point, a polypyrimidine tract and NCAG|G around one intron."""
    rng = builder.rng
    builder.plant(DONOR, donor - 3)
    builder.plant(ACCEPTOR, acceptor - 4)
    tract = rng.choice(
        np.array([0, 1, 2, 3], dtype=np.uint8), POLYPYRIMIDINE, p=[0.06, 0.34, 0.06, 0.54]
    )
    start = acceptor - 4 - POLYPYRIMIDINE
    builder.write(start, tract)
    builder.constraint[start : acceptor - 4] = 0.3
    builder.plant(BRANCH, start - int(rng.integers(6, 12)))


def _plant_tail(
    builder: SlotBuilder, start: int, island: Codes, families: list[RepeatFamily]
) -> None:
    """Fill the space after the gene: a repeat copy, or a CpG island without a promoter."""
    room = len(builder.sequence) - start - 30
    choice = builder.rng.random()
    if choice < 0.6:
        family = families[int(builder.rng.integers(len(families)))]
        copy = family.copy(builder.rng, room)
        offset = int(builder.rng.integers(15, 16 + room - len(copy)))
        builder.plant_repeat(family.name, start + offset, copy)
    elif choice < 0.9 and room > len(island):
        offset = start + int(builder.rng.integers(15, 16 + room - len(island)))
        builder.write(offset, island)
        builder.regions["decoy_island"] = (offset, offset + len(island))


def turn_round(builder: SlotBuilder) -> None:
    """Reverse-complement a finished slot with all that is known of it."""
    size = len(builder.sequence)
    builder.sequence = reverse_complement(builder.sequence)
    builder.masked = builder.masked[::-1]
    builder.island = builder.island[::-1]
    builder.constraint = builder.constraint[::-1]
    builder.motifs = [_turned(feature, size) for feature in builder.motifs]
    builder.repeats = [_turned(feature, size) for feature in builder.repeats]
    builder.regions = {k: (size - end, size - start) for k, (start, end) in builder.regions.items()}
    builder.exons = [(size - end, size - start) for start, end in reversed(builder.exons)]
    builder.tss = size - 1 - builder.tss


def _turned(feature: Feature, size: int) -> Feature:
    return Feature(size - feature.end, size - feature.start, flip(feature.strand), feature.name)


def _random_strand(rng: np.random.Generator) -> str:
    return "+" if rng.random() < 0.5 else "-"
