"""Background sequence: CpG-depleted DNA, CpG islands, exons, repeat families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed
from pybmfm.simulate.motifs import Codes, reverse_complement

BLOCK = 600
ISOCHORE = 20_000
BACKGROUND_CPG = 0.22
ISLAND_CPG = 0.8
ISLAND_UPSTREAM, ISLAND_DOWNSTREAM = 190, 90
EXON_LENGTH = 180
A, C, G, T = range(4)


def markov_rows(
    rng: np.random.Generator,
    length: int,
    gc: NDArray[np.float64],
    cpg: float,
    skew: float = 0.0,
) -> Codes:
    """Draw independent order-1 Markov chains side by side.

    Parameters
    ----------
    length
        Bases per chain.
    gc
        G+C share of each chain, shape (chains,).
    cpg
        Factor on C followed by G: below 1 as in methylated DNA, whose lost CpG became TpG and CpA.
    skew
        (G - C) / (G + C).

    Returns
    -------
    uint8 array of shape (chains, length), codes 0-3.
    """
    chains = len(gc)
    base = np.stack([(1 - gc) / 2, gc * (1 - skew) / 2, gc * (1 + skew) / 2, (1 - gc) / 2], axis=1)
    factor = np.ones((4, 4))
    factor[C, G] = cpg
    factor[T, G] = factor[C, A] = 1 + (1 - cpg) * 0.3
    factor[A, A] = factor[T, T] = 1.15
    transition = base[:, None, :] * factor
    limits = (transition / transition.sum(axis=2, keepdims=True)).cumsum(axis=2)[:, :, :3]
    state = (rng.random((chains, 1)) > base.cumsum(axis=1)[:, :3]).sum(axis=1)
    rows, index = np.empty((chains, length), dtype=np.uint8), np.arange(chains)
    for column in range(length):
        rows[:, column] = state
        state = (rng.random((chains, 1)) > limits[index, state]).sum(axis=1)
    return rows


def background(seed: int, contig: str, length: int) -> Codes:
    """Return CpG-depleted sequence whose G+C share changes every 20 kb (isochores)."""
    rng = np.random.default_rng(derive_seed(seed, "background", contig))
    blocks = -(-length // BLOCK)
    levels = rng.uniform(0.37, 0.47, blocks * BLOCK // ISOCHORE + 1)
    gc = levels[np.arange(blocks) * BLOCK // ISOCHORE]
    return markov_rows(rng, BLOCK, gc, BACKGROUND_CPG).ravel()[:length]


@dataclass(frozen=True)
class SlotMaterial:
    """Ready-made pieces for each gene slot of a contig; first axis: slot."""

    is_tata: NDArray[np.bool_]
    island_upstream: Codes
    island_downstream: Codes
    decoy_island: Codes
    exons: Codes


def slot_material(seed: int, contig: str, slots: int) -> SlotMaterial:
    """Draw the pieces of all slots at once, because a chain per slot would be slow.

    TATA promoters are less G+C rich than the others. Upstream of the TSS C prevails, downstream G
    (the strand asymmetry of transcribed DNA), so that shuffled promoters differ in order only.
    """
    rng = np.random.default_rng(derive_seed(seed, "slots", contig))
    is_tata = rng.random(slots) < 0.35
    gc = np.clip(rng.normal(np.where(is_tata, 0.56, 0.65), 0.045), 0.4, 0.75)
    return SlotMaterial(
        is_tata=is_tata,
        island_upstream=markov_rows(rng, ISLAND_UPSTREAM, gc, ISLAND_CPG, skew=-0.2),
        island_downstream=markov_rows(rng, ISLAND_DOWNSTREAM, gc, ISLAND_CPG, skew=0.25),
        decoy_island=markov_rows(rng, 300, rng.uniform(0.5, 0.65, slots), ISLAND_CPG),
        exons=markov_rows(rng, EXON_LENGTH, np.full(slots * 3, 0.53), 0.45).reshape(slots, 3, -1),
    )


@dataclass(frozen=True)
class RepeatFamily:
    """An interspersed repeat: copies are fragments of one consensus that drifted apart."""

    name: str
    consensus: Codes

    def copy(self, rng: np.random.Generator, longest: int) -> Codes:
        """Return a diverged copy of at most ``longest`` bases, on either strand."""
        start = max(0, len(self.consensus) - longest)
        if len(self.consensus) > 400:
            start = max(start, int(rng.integers(0, len(self.consensus) - 150)))
        copy = self.consensus[start:].copy()
        changed = rng.random(len(copy)) < rng.uniform(0.05, 0.2)
        # Most differences between copies are transitions.
        change = rng.choice(np.array([2, 1, 3], dtype=np.uint8), len(copy), p=[0.66, 0.17, 0.17])
        copy[changed] ^= change[changed]
        return copy if rng.random() < 0.5 else reverse_complement(copy)


def repeat_families(seed: int) -> list[RepeatFamily]:
    """Return the families of this world: ALU-like, L1-like, MIR-like."""
    rng = np.random.default_rng(derive_seed(seed, "repeats"))

    def consensus(length: int, gc: float, tail: int) -> Codes:
        body = markov_rows(rng, length, np.array([gc]), 0.9)[0]
        return np.concatenate([body, np.zeros(tail, dtype=np.uint8)])

    return [
        RepeatFamily("ALU", consensus(250, 0.58, 16)),
        RepeatFamily("L1", consensus(560, 0.41, 10)),
        RepeatFamily("MIR", consensus(140, 0.45, 0)),
    ]


def microsatellite(rng: np.random.Generator) -> tuple[Codes, int]:
    """Return a short tandem repeat and the length of its unit."""
    units = ((A,), (A, C), (T, T, C), (G, A, T, A))
    unit = np.array(units[int(rng.integers(len(units)))], dtype=np.uint8)
    return np.tile(unit, int(rng.integers(12, 24)) // len(unit)), len(unit)
