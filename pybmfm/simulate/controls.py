"""Control experiments: effects of known size in a genome of its own, and what must come of them.

The genome is a row of sentences in background sequence, each on a random strand::

    spelling (8 nt) | 6 nt | partner (10 nt)        anchor (10 nt) | 6 nt | variant

A spelling belongs to one of two families, which only its partner tells; the variant after the
first anchor is a transition, after the second a transversion, whatever the reference base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pybmfm.core import derive_seed
from pybmfm.genome import BASES
from pybmfm.simulate.background import background
from pybmfm.simulate.motifs import LETTERS, Codes, Motif, reverse_complement, to_text
from pybmfm.simulate.task_tables import Row, Task
from pybmfm.simulate.variation import FIRST_RS, Variant
from pybmfm.simulate.world import Contig
from pybmfm.variants import code_of_states, codes_to_text

CONTIGS = ("control1", "control2")
SENTENCE, EDGE = 60, 100
SPELLINGS, SPELLING_LENGTH, GAP = 24, 8, 6
KMERS, UNRELATED = (2, 3, 4, 5), 0.05  # cosine
PARTNERS = (Motif("partner-1", "TGACGTCATC", 0.95), Motif("partner-2", "GGATTAGCAA", 0.95))
ANCHORS = (Motif("anchor-1", "CTTGAAGCGA", 0.95), Motif("anchor-2", "AGCATCGTGT", 0.95))
# A C G T = 0 1 2 3: xor 2 is the transition, xor 1 and 3 are the transversions.
CHANGES = ((2, 2), (1, 3))
FREQUENCY = 0.4
FIRST_CONTROL_RS = FIRST_RS + 50_000_000
ROWS = {"train": 150, "dev": 60, "test": 400}
ROW_LENGTH, WORDS, SITES = 100, 4, 3
LEAKED = 10  # test rows of each kind of leak


@dataclass(frozen=True)
class Controls:
    """What the control experiments add to a world.

    Attributes
    ----------
    expected
        What must come of them, for ``manifest.json`` of the task tables: see
        :mod:`pybmfm.evaluation.controls`.
    """

    contigs: dict[str, Contig]
    variants: list[Variant]
    tasks: list[Task]
    expected: list[dict[str, Any]]


def make_controls(bases: int, seed: int) -> Controls:
    """Make the genome, variants and tables of the controls.

    Parameters
    ----------
    bases
        Size of the genome, over two contigs.
    """
    spellings = _spellings(np.random.default_rng(derive_seed(seed, "controls", "spellings")))
    contigs, variants = {}, []
    for name in CONTIGS:
        sequence, sites = _contig(name, bases // len(CONTIGS), spellings, seed)
        plain = np.zeros(len(sequence), dtype=bool)
        contigs[name] = Contig(name, sequence, plain, plain, plain.astype(np.float32), ())
        variants += [_variant(name, place, sequence, change) for place, change in sites]
    numbered = [replace(one, rs=FIRST_CONTROL_RS + index) for index, one in enumerate(variants)]
    return Controls(contigs, numbered, _tasks(spellings, seed), _expected())


def _spellings(rng: np.random.Generator) -> Codes:
    """Draw both families, ``[2, SPELLINGS, SPELLING_LENGTH]``, of the same letters each.

    They are drawn again until no counts of k-mers that tell the families in the first split tell
    them in another one: a few spellings have something in common by chance.
    """
    while True:
        first = rng.integers(0, 4, (SPELLINGS, SPELLING_LENGTH)).astype(np.uint8)
        spellings = np.stack([first, rng.permuted(first, axis=1)])
        if all(_are_unrelated(spellings, k) for k in KMERS):
            return spellings


def _are_unrelated(spellings: Codes, k: int) -> bool:
    """Whether what tells the families apart in the first split is at right angles to the others."""
    words = np.lib.stride_tricks.sliding_window_view(spellings, k, axis=2) @ 4 ** np.arange(k)
    counts = (words[..., None] == np.arange(4**k)).sum(axis=2)
    splits = [split.mean(axis=1) for split in np.split(counts, _bounds(), axis=1)]
    train, *others = (first - second for first, second in splits)
    angles = [other @ train / np.sqrt((other @ other) * (train @ train) or 1) for other in others]
    return bool(np.abs(angles).max() <= UNRELATED)


def _bounds() -> list[int]:
    """Return where the spellings of dev and test begin."""
    return [SPELLINGS // 2, SPELLINGS * 3 // 4]


def _contig(
    name: str, length: int, spellings: Codes, seed: int
) -> tuple[Codes, list[tuple[int, int]]]:
    """Write sentences of both kinds; return the sequence and place and change of each variant."""
    rng = np.random.default_rng(derive_seed(seed, "controls", name))
    sequence, sites = background(seed, name, length), []
    for start in range(EDGE, length - EDGE - SENTENCE, SENTENCE):
        piece = sequence[start : start + SENTENCE]
        family, turned = int(rng.integers(2)), rng.random() < 0.5
        place = int(rng.integers(SENTENCE - SPELLING_LENGTH - GAP - len(PARTNERS[0])))
        if rng.random() < 0.5:
            _write(piece, place, spellings[family, rng.integers(SPELLINGS)])
            _write(piece, place + SPELLING_LENGTH + GAP, PARTNERS[family].sample(rng))
        else:
            site = _write_anchor(piece, place, family, rng)
            sites.append((start + (SENTENCE - 1 - site if turned else site), _change(family, rng)))
        if turned:
            sequence[start : start + SENTENCE] = reverse_complement(piece)
    return sequence, sites


def _write(piece: Codes, place: int, motif: Codes) -> None:
    piece[place : place + len(motif)] = motif


def _write_anchor(piece: Codes, place: int, family: int, rng: np.random.Generator) -> int:
    """Write an anchor and return the place of its variant."""
    _write(piece, place, ANCHORS[family].sample(rng))
    return place + len(ANCHORS[family]) + GAP


def _change(family: int, rng: np.random.Generator) -> int:
    return CHANGES[family][int(rng.integers(2))]


def _variant(contig: str, place: int, sequence: Codes, change: int) -> Variant:
    base = sequence[place]
    reference, alternate = chr(LETTERS[base]), chr(LETTERS[base ^ change])
    reports: dict[str, tuple[float | None, ...]] = {"1000Genomes": (FREQUENCY,)}
    return Variant(contig, place, reference, (alternate,), (FREQUENCY,), reports)


# -- the tables ------------------------------------------------------------------------------


def _tasks(spellings: Codes, seed: int) -> list[Task]:
    used = dict(zip(ROWS, np.split(spellings, _bounds(), axis=1), strict=True))

    def words(family: int, split: str, rng: np.random.Generator) -> str:
        return _words_row(used[split][family], rng)

    tables = {
        "grammar": _table("grammar", words, seed),
        "motifs": _table("motifs", lambda family, _, rng: _motifs_row(family, rng), seed),
        # The same rows twice: the numbers drawn depend on the first name alone.
        "alleles": _table("alleles", lambda fits, _, rng: _alleles_row(fits, rng)[0], seed),
        "alleles_reference": _table(
            "alleles", lambda fits, _, rng: _alleles_row(fits, rng)[1], seed
        ),
        "shuffled": _shuffled(_table("shuffled", words, seed), seed),
    }
    return [Task(name, "binary", "mcc", rows) for name, rows in tables.items()]


def _table(
    name: str, row: Callable[[int, str, np.random.Generator], str], seed: int
) -> dict[str, list[Row]]:
    """Make the splits of a table from its label, its split and random numbers."""
    splits = {}
    for split, rows in ROWS.items():
        rng = np.random.default_rng(derive_seed(seed, "controls", name, split))
        splits[split] = [
            Row(row(number % 2, split, rng), str(number % 2), f"{split}_{number}")
            for number in range(rows)
        ]
    return splits


def _row_background(rng: np.random.Generator) -> Codes:
    return background(int(rng.integers(2**31)), "row", ROW_LENGTH)


def _words_row(spellings: Codes, rng: np.random.Generator) -> str:
    """Write a row of spellings of one family, without partners."""
    row, room = _row_background(rng), ROW_LENGTH // WORDS
    for word in range(WORDS):
        place = word * room + int(rng.integers(room - SPELLING_LENGTH))
        _write(row, place, spellings[rng.integers(len(spellings))])
    return to_text(row)


def _motifs_row(family: int, rng: np.random.Generator) -> str:
    """Write a row of one partner's copies: what a label says of it holds for all rows."""
    row, room = _row_background(rng), ROW_LENGTH // WORDS
    for word in range(WORDS):
        place = word * room + int(rng.integers(room - len(PARTNERS[0])))
        _write(row, place, PARTNERS[family].sample(rng))
    return to_text(row)


def _alleles_row(fits: int, rng: np.random.Generator) -> tuple[str, str]:
    """Write anchors whose variants all fit or all do not: encoded, and as the reference alone."""
    row, room, sites = _row_background(rng), ROW_LENGTH // SITES, {}
    for word in range(SITES):
        family = int(rng.integers(2))
        place = word * room + int(rng.integers(room - len(ANCHORS[0]) - GAP))
        site = _write_anchor(row, place, family, rng)
        sites[site] = _change(family if fits else 1 - family, rng)
    # The order of letters in the encoding is another one than in this room.
    state = np.array([BASES.index(chr(letter)) for letter in LETTERS], dtype=np.uint8)
    encoded = state[row]
    for site, change in sites.items():
        encoded[site] = code_of_states(int(state[row[site]]), int(state[row[site] ^ change]))
    return codes_to_text(encoded), to_text(row)


def _shuffled(tables: dict[str, list[Row]], seed: int) -> dict[str, list[Row]]:
    """Shuffle the labels, and let the first test rows repeat training rows.

    They do so exactly, as reverse complement, and nearly, in this order. Half of them have the
    label that training has and half the other, so that knowing it by heart does not help.
    """
    rng = np.random.default_rng(derive_seed(seed, "controls", "shuffled labels"))
    leaks = [
        replace(row, sequence=_leaked(row.sequence, number // LEAKED, rng))
        for number, row in enumerate(tables["train"][: 3 * LEAKED])
    ]
    test = [
        replace(row, group=own.group)
        for row, own in zip([*leaks, *tables["test"][3 * LEAKED :]], tables["test"], strict=True)
    ]
    labels = {
        split: rng.permutation([row.target for row in rows]).tolist()
        for split, rows in tables.items()
    }
    for number, label in enumerate(labels["train"][: 3 * LEAKED]):
        labels["test"][number] = label if number % 2 else "10"[int(label)]
    return {
        split: [replace(row, target=label) for row, label in zip(rows, labels[split], strict=True)]
        for split, rows in {**tables, "test": test}.items()
    }


def _leaked(text: str, how: int, rng: np.random.Generator) -> str:
    """Copy a row: 0 exactly, 1 as reverse complement, 2 with a transition near its start."""
    codes = np.array(["ACGT".index(letter) for letter in text], dtype=np.uint8)
    if how == 1:
        codes = reverse_complement(codes)
    if how == 2:
        codes[rng.integers(LEAKED)] ^= 2
    return to_text(codes)


def _expected() -> list[dict[str, Any]]:
    """Say what must come of the controls: the contract is that of the module that judges."""

    def differ(control: str, expected: str, *cells: tuple[str, str]) -> dict[str, Any]:
        sides = [{"task": task, "model": model} for task, model in cells]
        return {"control": control, "expected": expected, "metric": "auroc", "cells": sides}

    leaked = [f"shuffled_test_{number:04d}" for number in range(1, 3 * LEAKED + 1)]
    return [
        differ("pretraining", "above 0", ("grammar", "ref"), ("grammar", "scratch")),
        differ("variants", "above 0", ("alleles", "snp"), ("alleles_reference", "ref")),
        differ("variant pretraining", "above 0", ("alleles", "snp"), ("alleles", "ref")),
        differ("no variants", "no difference", ("motifs", "snp"), ("motifs", "ref")),
        {"control": "shuffled labels", "expected": "chance", "metric": "auroc", "task": "shuffled"},
        {"control": "planted leak", "expected": "exactly found", "metric": "rows",
         "task": "shuffled", "rows": leaked},
    ]  # fmt: skip
