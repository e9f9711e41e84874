"""Left alignment, frequencies as text, motifs and the bases that break them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.simulate.disease import DISEASES, choose_disease_variants
from pybmfm.simulate.files import frequency_text
from pybmfm.simulate.motifs import LETTERS, MOTIFS, reverse_complement, to_text
from pybmfm.simulate.settings import SimulationSettings
from pybmfm.simulate.slots import Feature
from pybmfm.simulate.variation import left_aligned
from pybmfm.simulate.world import World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    out = tmp_path_factory.mktemp("unused")
    return build_world(SimulationSettings(out=out, contigs=(("chr1", 120_000),)))


def codes_of(text: str) -> np.ndarray:
    return np.array(["ACGTN".index(letter) for letter in text], dtype=np.uint8)


def applied(text: str, position: int, ref: str, alt: str) -> str:
    assert text[position : position + len(ref)] == ref
    return text[:position] + alt + text[position + len(ref) :]


@settings(max_examples=60, deadline=None)
@given(st.text("AC", min_size=6, max_size=20), st.data())
def test_left_alignment_keeps_the_change_and_cannot_go_further(
    text: str, data: st.DataObject
) -> None:
    position = data.draw(st.integers(1, len(text) - 4))
    size = data.draw(st.integers(1, 3))
    long, short = text[position : position + size + 1], text[position]
    moved = left_aligned(codes_of(text), position, long, short)
    assert moved[0] <= position
    assert applied(text, *moved) == applied(text, position, long, short)
    assert moved[0] == 0 or moved[1][-1] != moved[2][-1]


def test_left_alignment_stops_at_n() -> None:
    assert left_aligned(codes_of("NAAAA"), 3, "AA", "A") == (1, "AA", "A")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=30))
def test_reverse_complement_twice_is_the_identity(bases: list[int]) -> None:
    codes = np.array(bases, dtype=np.uint8)
    assert (reverse_complement(reverse_complement(codes)) == codes).all()


def test_reverse_complement_reads_the_other_strand() -> None:
    assert to_text(reverse_complement(codes_of("AACGTN"))) == "NACGTT"


def test_frequency_text_gives_the_rest_to_the_reference() -> None:
    studies = {"GnomAD": (0.25, None), "TOPMED": (None, None)}
    assert frequency_text(studies) == "GnomAD:0.75,0.25,.|TOPMED:1,.,."


@pytest.mark.parametrize("name", sorted(MOTIFS))
def test_motif_matrices_are_probabilities(name: str) -> None:
    motif = MOTIFS[name]
    assert motif.matrix.shape == (len(motif.consensus), 4)
    assert motif.matrix.sum(axis=1) == pytest.approx(1)
    assert (motif.information >= -1e-9).all()
    assert (motif.information <= 2 + 1e-9).all()


def test_every_harmful_variant_lowers_the_score_of_its_motif(world: World) -> None:
    chosen = choose_disease_variants(world, seed=0)
    sites: dict[str, list[Feature]] = {}
    for _, feature in world.motifs():
        sites.setdefault(feature.name, []).append(feature)
    harmful = chosen.pathogenic + chosen.associated
    assert {change.hits for change in harmful} <= set(DISEASES)
    for change in harmful:
        (site,) = [f for f in sites[change.hits] if f.start <= change.position < f.end]
        before = codes_of(world.cut("chr1", site.start, site.end))
        after = before.copy()
        after[change.position - site.start] = "ACGT".index(change.alts[0])
        assert score(change.hits, site, after) < score(change.hits, site, before)


def score(name: str, site: Feature, codes: np.ndarray) -> float:
    """Log likelihood of a site under its motif."""
    along = reverse_complement(codes) if site.strand == "-" else codes
    return float(np.log(MOTIFS[name].matrix[np.arange(len(along)), along] + 1e-9).sum())


def test_harmless_variants_lie_where_nothing_was_planted(world: World) -> None:
    chosen = choose_disease_variants(world, seed=0)
    for change in chosen.benign:
        assert world.contigs["chr1"].constraint[change.position] == 0
        assert chr(LETTERS[world.contigs["chr1"].sequence[change.position]]) == change.ref
