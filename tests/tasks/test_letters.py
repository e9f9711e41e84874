from __future__ import annotations

import pytest

from pybmfm.core import UserError
from pybmfm.tasks.letters import clean_sequences, replaced_sentence

PAIR = "帝"


def test_u_of_plain_sequence_is_t_and_counted() -> None:
    assert clean_sequences(["ACGU", "uuT"], encoded=False) == (["ACGT", "TTT"], 0, 3)


def test_u_of_encoded_text_is_a_symbol() -> None:
    assert clean_sequences(["ACGU", "A" + PAIR], encoded=True) == (["ACGU", "A" + PAIR], 0, 0)


def test_codes_of_several_bases_are_n_and_counted() -> None:
    assert clean_sequences(["RYacgtN"], encoded=False) == (["NNACGTN"], 2, 0)


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MKVLAAGIEFQPLWYRNDHSTKVLEFILPQ", "is no DNA: 14 of 30"),
        ("ACGTAC CGTACG GTACGT", "blanks inside"),
        ("ACG\0TACGT", "character 0x00"),
        ("ACGT----ACGT", "take the gaps of the alignment out"),
    ],
)
def test_what_is_no_dna_is_refused_in_its_row(encoded: bool, text: str, message: str) -> None:
    rows = ["ACGT"] * 1000 + [text]
    with pytest.raises(UserError, match=f"t.csv, row 1000: .*{message}"):
        clean_sequences(rows, encoded, "t.csv", "row {}".format)


def test_a_misprint_in_a_short_sequence_is_n_unless_all_have_one() -> None:
    assert clean_sequences(["ACGTE", *["ACGTA"] * 9], encoded=False).replaced == 1
    with pytest.raises(UserError, match="10 of 50 letters"):
        clean_sequences(["ACGTE"] * 10, encoded=False)


def test_the_summary_names_what_happened() -> None:
    assert replaced_sentence(1200, 0) == "1,200 letters outside the alphabet read as N"
    assert replaced_sentence(0, 3).endswith("read as N, 3 U read as T")
