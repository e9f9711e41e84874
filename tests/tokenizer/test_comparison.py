"""Comparison of tokenizers: tables of Figure 2, published figures, pictures, errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pybmfm.core import UserError
from pybmfm.tokenizer import DnaTokenizer, TokenUse, compare_tokenizers
from pybmfm.tokenizer.comparison import all_tables
from pybmfm.tokenizer.comparison_columns import COLUMN_MEANINGS, OURS
from pybmfm.tokenizer.comparison_tables import comparison_tables
from pybmfm.tokenizer.published_comparison import (
    PUBLISHED_KMERS,
    published_kmer_percent,
    published_peers,
)
from pybmfm.tokenizer.used_vocabulary import UsedVocabulary
from pybmfm.tokenizer.variant_figures import draw_kmer_space

from .vocabularies import symbol, tokenizer_of, vocabulary

AG, A_DEL = symbol("A", "G"), symbol("A", "DEL")
REF_TOKENS = ["A", "C", "G", "T", "N", "AC", "TT", "ACGT"]
SNP_TOKENS = ["A", "C", "G", "T", "N", AG, A_DEL, "T" + AG, AG + "C", "AC", "AC" + AG, A_DEL * 3]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two tokenizers."""
    folder = tmp_path_factory.mktemp("comparison")
    tokens = {"ref": REF_TOKENS, "snp": SNP_TOKENS}
    tokenizers = {name: tokenizer_of(some, folder / name) for name, some in tokens.items()}
    compare_tokenizers(tokenizers, uses_of(tokenizers), folder / "out", inputs=[])
    return folder / "out"


def uses_of(tokenizers: dict[str, DnaTokenizer]) -> dict[str, TokenUse]:
    return {
        name: TokenUse(
            occurrence=np.arange(one.vocab_size, dtype=np.int64),
            tokens_per_window=np.array([3, 49, 50, 120]),
        )
        for name, one in tokenizers.items()
    }


def test_summary_of_a_vocabulary_made_by_hand() -> None:
    one = vocabulary("snp", {"A": 60, "CC": 20, AG: 10, "T" + A_DEL: 10, "X": 0}, unknown=4)
    row = comparison_tables([one])["summary"].iloc[0].to_dict()
    expected = {
        "vocab_size": 10,
        "tokens": 5,
        "variant_tokens": 3,
        "variant_token_percent": 60.0,
        "variant_tokens_used": 2,
        "variant_tokens_used_percent": 40.0,
        "unused_tokens": 1,
        "occurrences": 100,
        "variant_occurrence_percent": 20.0,
        "variant_position_percent": round(100 * 20 / 130, 3),
        "unknown_occurrences": 4,
        "nucleotides_per_token": 1.3,
        "median_occurrence": 10.0,
    }
    assert {key: row[key] for key in expected} == expected


def test_shared_tokens_count_specials_and_used_ones_apart() -> None:
    ref = vocabulary("ref", {"A": 1, "C": 1, "AC": 1, "GG": 0})
    snp = vocabulary("snp", {"A": 1, "C": 0, "AC": 2, "GG": 1, AG: 3})
    row = comparison_tables([ref, snp])["shared_tokens"].iloc[0].to_dict()
    assert row == {
        "tokenizer": "ref",
        "other": "snp",
        "shared": 9,
        "percent": 90.0,
        "shared_used": 2,
        "used_percent": 50.0,
    }


def test_lengths_are_counted_in_vocabulary_and_corpus() -> None:
    one = vocabulary("x", {"A": 5, "C": 1, "ACG": 7}, windows=[3, 49, 50, 120])
    tables = comparison_tables([one])
    lengths = tables["token_lengths"].set_index("length")
    assert lengths["vocabulary"].tolist() == [2, 0, 1]
    assert lengths["occurrence"].tolist() == [6, 0, 7]
    windows = tables["tokens_per_window"]
    assert windows["windows"].tolist() == [2, 1, 1]
    assert windows["end"].tolist() == [50, 100, 150]


def test_published_figures_stand_beside_ours() -> None:
    ref = vocabulary("ref", {"A": 9, "C": 9, "G": 9, "T": 9, "AC": 4}, encoding="ref")
    snp = vocabulary("snp", {"A": 9, "C": 9, "G": 9, "T": 9, "A" + AG: 4, "C" + AG + "T": 1})
    rows = all_tables([ref, snp])["published"].set_index("statistic")
    shared = rows.loc["tokens shared with ref (%)"]
    assert shared["published_snp"] == 84.3
    assert shared["ours_ref"] == ""
    assert shared["ours_snp"] == round(100 * 9 / 11, 3)
    two = rows.loc["2-mers used, variants expanded (%)"]
    assert (two["published_ref"], two["published_snp"]) == (62.5, 81.25)
    assert (two["ours_ref"], two["ours_snp"]) == (6.25, 12.5)
    assert rows.loc["of 6 SNPs, those after A", "ours_snp"] == 1
    share = rows.loc["A/G in single-variant 3-mers (% of variants)"]
    assert (share["ours_ref"], share["ours_snp"]) == ("", 100.0)
    assert rows.loc["two most common lengths in the corpus (nt)", "ours_ref"] == "1, 2"


def test_published_kmers_are_the_shares_that_the_paper_draws() -> None:
    shares = {encoding: [] for encoding in PUBLISHED_KMERS}
    for encoding, found in shares.items():
        found += [round(published_kmer_percent(encoding, k), 1) for k in range(2, 7)]
    assert shares["ref"] == [62.5, 39.1, 36.7, 26.5, 18.7]
    assert shares["snp"] == [81.2, 67.2, 46.9, 28.5, 17.6]


def test_only_bpe_vocabularies_of_one_encoding_have_a_published_peer() -> None:
    some = [
        vocabulary("ref", {"A": 1}, encoding="ref"),
        vocabulary("snp", {"A": 1}),
        vocabulary("both", {"A": 1}, encoding="mixed"),
        vocabulary("kmer", {"A": 1}, algorithm="kmer"),
        vocabulary("foreign", {"A": 1}, algorithm=""),
    ]
    peers = published_peers(comparison_tables(some)["summary"])
    assert peers == {"ref": "ref", "snp": "snp", "both": "", "kmer": "", "foreign": ""}


def test_every_column_of_every_table_is_described() -> None:
    one = vocabulary("snp", dict.fromkeys(SNP_TOKENS, 3))
    tables = all_tables([one, vocabulary("ref", dict.fromkeys(REF_TOKENS, 1))])
    described = {table: list(columns) for table, columns in COLUMN_MEANINGS.items()}
    found = {
        name: [OURS if str(column).startswith("ours_") else column for column in table.columns]
        for name, table in tables.items()
        if name != "columns"
    }
    assert {name: list(dict.fromkeys(columns)) for name, columns in found.items()} == described


def test_folder_holds_every_table_and_picture_and_lists_them(compared: Path) -> None:
    manifest = json.loads((compared / "manifest.json").read_text())
    names = {path.name for path in compared.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == names | {"manifest.json"}
    tables = {f"{name}.tsv" for name in (*COLUMN_MEANINGS, "columns")}
    drawn = ("comparison", "symbol_map", "variant_2mers", "variant_kmers", "kmer_space")
    pictures = {f"{name}.{suffix}" for name in drawn for suffix in ("png", "svg")}
    assert names == tables | pictures
    assert manifest["counts"]["snp"] == {"windows": 4, "tokens": 222}
    assert "insertion" in manifest["rules"]["kmer_space"]


def test_same_tables_give_the_same_bytes(compared: Path, tmp_path: Path) -> None:
    one = DnaTokenizer.load(compared.parent / "snp")
    use = uses_of({"snp": one})["snp"]
    tables = all_tables([UsedVocabulary.of("snp", one, use)])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        draw_kmer_space(tables["kmer_space"], {"snp": "snp"}, tmp_path / name)
    for file in ("kmer_space.png", "kmer_space.svg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_vocabulary_without_variants_draws_no_picture_of_them(tmp_path: Path) -> None:
    tokenizers = {"letters": tokenizer_of(REF_TOKENS[:5], tmp_path / "letters")}
    compare_tokenizers(tokenizers, uses_of(tokenizers), tmp_path / "out", inputs=[])
    drawn = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert drawn == {"comparison", "kmer_space"}
    rows = pd.read_csv(tmp_path / "out" / "variant_2mers.tsv", sep="\t")
    assert rows["tokens"].sum() == 0


def test_tokenizers_and_corpora_must_fit(tmp_path: Path) -> None:
    tokenizers = {"ref": tokenizer_of(REF_TOKENS, tmp_path / "ref")}
    use = uses_of(tokenizers)["ref"]
    empty = TokenUse(use.occurrence, np.empty(0, np.int64))
    other = TokenUse(use.occurrence[:-1], use.tokens_per_window)
    for uses, message in (
        ({}, "corpora none"),
        ({"ref": empty}, "corpus ref is empty"),
        ({"ref": other}, "made with another tokenizer"),
    ):
        with pytest.raises(UserError, match=message):
            compare_tokenizers(tokenizers, uses, tmp_path / "out", inputs=[])
    with pytest.raises(UserError, match="no tokenizer given"):
        compare_tokenizers({}, {}, tmp_path / "out", inputs=[])
    assert not (tmp_path / "out").exists()


def test_uses_of_several_corpora_add_up() -> None:
    one = TokenUse(np.array([1, 0, 2]), np.array([3]))
    other = TokenUse(np.array([0, 5, 1]), np.array([4, 2]))
    joined = TokenUse.sum([one, other])
    assert joined.occurrence.tolist() == [1, 5, 3]
    assert joined.tokens_per_window.tolist() == [3, 4, 2]
