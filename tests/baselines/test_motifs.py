"""Motifs: learning, scoring against a plain implementation, reading files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.baselines.motif_files import read_motifs
from pybmfm.baselines.motifs import Motif, learn_motifs, score_motifs
from pybmfm.core import UserError
from pybmfm.genome import BASES

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def turned(text: str) -> str:
    return text.translate(COMPLEMENT)[::-1]


def plain_score(text: str, motif: Motif) -> float:
    """Best sum of log-odds over all windows of A, C, G, T of both strands."""
    width = len(motif.log_odds)
    best = motif.log_odds.min(axis=1).sum()
    for strand in (text, turned(text)):
        for start in range(len(strand) - width + 1):
            window = strand[start : start + width]
            if set(window) <= set("ACGT"):
                pairs = zip(motif.log_odds, window, strict=True)
                best = max(best, sum(row[BASES.index(letter)] for row, letter in pairs))
    return float(best)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("ACGTN", min_size=0, max_size=20), min_size=1, max_size=5),
    width=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_scores_are_the_best_of_both_strands(texts: list[str], width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    motifs = [
        Motif.from_counts("m", rng.integers(0, 9, (width, 4)).astype(float), np.full(4, 0.25))
        for _ in range(2)
    ]
    ours = score_motifs(texts, motifs)
    expected = [[plain_score(text, motif) for motif in motifs] for text in texts]
    np.testing.assert_allclose(ours, expected)


def test_a_planted_motif_is_learned_on_either_strand() -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(300)]
    inside = rng.random(300) < 0.5
    for row in np.flatnonzero(inside):
        word = "TGACGTCA"[:7] + "G"
        word = word if rng.random() < 0.5 else turned(word)
        place = int(rng.integers(0, 50))
        texts[row] = texts[row][:place] + word + texts[row][place + 8 :]
    motifs = learn_motifs(texts, [("yes", inside)], seed=0)
    assert 1 <= len(motifs) <= 8
    word = motifs[0].name.split(" ")[0]
    assert word in ("TGACGTCG", turned("TGACGTCG"))
    scores = score_motifs(texts, motifs[:1])[:, 0]
    assert scores[inside].mean() > scores[~inside].mean() + 2


def test_a_part_that_is_all_or_nothing_has_no_motifs() -> None:
    texts = ["ACGTACGTACGT", "TTTTTTTTTTTT"]
    assert learn_motifs(texts, [("all", np.ones(2, bool)), ("none", np.zeros(2, bool))], 0) == []
    assert learn_motifs(["AC", "GT"], [("yes", np.array([True, False]))], 0) == []


MEME = """MEME version 4

ALPHABET= ACGT

MOTIF MA0001.1 TBP
letter-probability matrix: alength= 4 w= 3 nsites= 10 E= 0
 0.0 0.0 0.0 1.0
 1.0 0.0 0.0 0.0
 0.0 0.5 0.5 0.0

MOTIF second
letter-probability matrix: alength= 4 w= 1
 0.25 0.25 0.25 0.25
URL http://example.org
"""
JASPAR = """>MA0001.1 TBP
A  [ 0 10  0 ]
C  [ 0  0  5 ]
G  [ 0  0  5 ]
T  [10  0  0 ]
"""


def test_both_formats_give_the_same_motif(tmp_path: Path) -> None:
    (tmp_path / "a.meme").write_text(MEME)
    (tmp_path / "a.jaspar").write_text(JASPAR)
    meme, jaspar = read_motifs(tmp_path / "a.meme"), read_motifs(tmp_path / "a.jaspar")
    assert [motif.name for motif in meme] == ["MA0001.1 TBP", "second"]
    assert jaspar[0].name == "MA0001.1 TBP"
    np.testing.assert_allclose(meme[0].log_odds, jaspar[0].log_odds)
    np.testing.assert_allclose(meme[1].log_odds, 0)
    share = (10 + 0.5) / 12  # ten sites of T, half a pseudocount each
    assert jaspar[0].log_odds[0][BASES.index("T")] == pytest.approx(np.log2(share / 0.25))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nothing", "holds no motif"),
        (">x\nA [1 2]\nC [1]\nG [1 2]\nT [1 2]\n", "line 1: motif x has no four equally long rows"),
        (MEME.replace("w= 3", "w= 4"), "motif MA0001.1 TBP has 3 rows of four numbers"),
    ],
)
def test_broken_files_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_motifs(tmp_path / "m.txt")
    with pytest.raises(UserError, match="no such file"):
        read_motifs(tmp_path / "absent.meme")
