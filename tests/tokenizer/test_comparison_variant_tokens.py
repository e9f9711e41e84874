"""Tables of Figure 3, A to E, of vocabularies written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from pybmfm.tokenizer.variant_tokens import variant_edge, variant_kind, variant_tables
from pybmfm.variants import ALPHABET

from .vocabularies import symbol, vocabulary

AG, CT, AC = symbol("A", "G"), symbol("C", "T"), symbol("A", "C")
A_DEL, DEL_T, A_INS, T_INS = (
    symbol(*pair) for pair in (("A", "DEL"), ("DEL", "T"), ("A", "AI"), ("T", "TI"))
)
TOKENS = {
    "A": 100,
    "C": 50,
    AG: 7,
    A_DEL: 5,
    "X": 3,
    "ACG": 20,
    "A" + AG: 11,
    "A" + symbol("AI", "G"): 1,
    "T" + AG: 2,
    "T" + T_INS: 4,
    "C" + CT: 9,
    CT + "C": 6,
    A_INS + "G": 8,
    A_DEL + DEL_T: 10,
    "A" + AG + "C": 1,
    CT + "AA": 1,
    "A" + CT + "A": 1,
    A_DEL * 3: 2,
    A_DEL + A_DEL + DEL_T: 2,
    AG + AC + "T": 5,
    "AAA" + AG: 1,
    A_DEL * 4: 1,
    AG * 5: 1,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    plain = vocabulary("ref", {"A": 5, "AC": 2}, encoding="ref")
    return variant_tables([plain, vocabulary("snp", TOKENS)])


def test_symbols_are_counted_by_the_use_of_their_tokens(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["symbols"]
    snp = rows[rows["tokenizer"] == "snp"].set_index("character")
    assert len(snp) == len(ALPHABET)
    for character in ALPHABET:
        expected = sum(token.count(character) * count for token, count in TOKENS.items())
        assert snp.loc[character, "occurrence"] == expected
        assert snp.loc[character, "tokens"] == sum(character in token for token in TOKENS)
    variants = sum(
        letter not in "ACGTN" and count for token, count in TOKENS.items() for letter in token
    )
    assert snp.loc[AG, "percent_of_variants"] == round(
        100 * snp.loc[AG, "occurrence"] / variants, 3
    )
    assert snp.loc[A_DEL, ["state_1", "state_2", "name", "kind"]].tolist() == [
        *("A", "DEL", "A/DEL", "deletion")
    ]
    assert snp.loc["X", "name"] == "DEL"
    assert (rows.loc[rows["tokenizer"] == "ref", "percent_of_variants"].isin(["", 0])).all()


def test_two_mers_become_edges_beside_their_base(tables: dict[str, pd.DataFrame]) -> None:
    edges = tables["variant_2mers"]
    assert len(edges) == 2 * 2 * 4 * 15  # tokenizers, patterns, bases, edges
    held = edges[edges["tokens"] > 0]
    assert [tuple(row) for row in held.drop(columns=["tokenizer", "pattern"]).to_numpy()] == [
        ("3B", "A", "A", "G", 1, "A/G", 11),
        ("3B", "A", "G", "Ins", 1, "AI/G", 1),
        ("", "C", "C", "T", 1, "C/T", 9),
        ("3B", "T", "A", "G", 1, "A/G", 2),
        ("3B", "T", "T", "Ins", 1, "T/TI", 4),
        ("3C", "C", "C", "T", 1, "C/T", 6),
        ("3C", "G", "A", "Ins", 1, "A/AI", 8),
    ]


def test_patterns_count_every_variant_token_once(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["variant_patterns"].set_index("pattern")
    assert set(rows["tokenizer"]) == {"snp"}
    assert rows["tokens"].sum() == len(TOKENS) - 3
    assert rows.loc["V", "occurrence"] == 15
    assert rows.loc[".V", "tokens"] == 5
    assert rows.loc["VV.", ["length", "variants", "tokens", "occurrence"]].tolist() == [3, 2, 1, 5]
    assert rows.loc["VVVVV", "tokens"] == 1


def test_shares_per_place_of_tokens_with_one_variant(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["variant_kmers"]
    assert set(rows["tokenizer"]) == {"snp"}
    single = rows[(rows["panel"] == "3D") & (rows["length"] == 3)]
    assert (single["tokens_in_panel"] == 3).all()
    shares = {(r.place, r.variant): (r.symbols, r.percent) for r in single.itertuples()}
    assert shares == {
        (1, "C/T"): (1, 100.0),
        (2, "A/G"): (1, 50.0),
        (2, "C/T"): (1, 50.0),
        ("all", "C/T"): (2, 66.667),
        ("all", "A/G"): (1, 33.333),
    }


def test_shares_per_place_of_tokens_of_variants_alone(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["variant_kmers"]
    alone = rows[(rows["panel"] == "3E") & (rows["place"] == "all")]
    assert [tuple(row) for row in alone[["length", "variant", "kind", "percent"]].to_numpy()] == [
        (3, "A/DEL", "deletion", 83.333),
        (3, "DEL/T", "deletion", 16.667),
        (4, "A/DEL", "deletion", 100.0),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "edge"),
    [
        ("A", "base", ("A", "A")),
        (AG, "SNP", ("A", "G")),
        (symbol("T", "G"), "SNP", ("G", "T")),
        (A_DEL, "deletion", ("A", "Del")),
        ("X", "deletion", ("Del", "Del")),
        (symbol("C", "GI"), "insertion", ("C", "Ins")),
        ("B", "insertion", ("Ins", "Ins")),
        (symbol("DEL", "TI"), "insertion and deletion", ("Ins", "Del")),
        (symbol("N", "T"), "other", ("T", "N")),
        (ALPHABET[11], "other", ("A", "A")),
    ],
)
def test_kind_and_edge_of_a_symbol(text: str, kind: str, edge: tuple[str, str]) -> None:
    code = ALPHABET.index(text)
    assert variant_kind(code) == kind
    assert variant_edge(code) == edge


def test_kinds_cover_every_symbol() -> None:
    kinds = {variant_kind(code) for code in range(len(ALPHABET))}
    assert kinds == {*("base", "SNP", "insertion", "deletion", "insertion and deletion", "other")}
