"""Sentences on who wins, from hand-made comparisons."""

from __future__ import annotations

import pandas as pd

from pybmfm.report.result_sentences import difference_sentence, result_sentences

NAMES = ("SNP", "REF")


def comparisons(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["task", "metric", "model_a", "model_b", "difference", "low", "high", "p", "p_holm"]
    return pd.DataFrame(list(rows), columns=columns)


def main(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["task", "model", "mean"])
    return frame.assign(metric="mcc", seeds=3)


def test_what_was_not_tested_is_said() -> None:
    nan = float("nan")
    found = comparisons(("a", "mcc", "snp", "ref", 0.2, 0.1, 0.3, nan, nan)).assign(
        note="9 groups of test rows: no p-value below 10"
    )
    verdict, sentence = difference_sentence("a", found, "snp", "ref", NAMES)
    assert verdict == "missing"
    assert sentence == (
        "a: SNP and REF are not tested (mcc +0.200; 9 groups of test rows: no p-value below 10)."
    )


def test_the_verdict_follows_the_corrected_p_value_and_the_direction() -> None:
    found = comparisons(
        ("a", "mcc", "ref", "snp", -0.2, -0.3, -0.1, 0.001, 0.01),
        ("b", "mcc", "ref", "snp", -0.2, -0.4, -0.01, 0.03, 0.2),
        ("c", "mse", "snp", "ref", 0.2, 0.1, 0.3, 0.001, 0.01),
        ("d", "mcc", "snp", "ref", float("nan"), 0, 0, float("nan"), float("nan")),
    )
    verdict, sentence = difference_sentence("a", found, "snp", "ref", NAMES)
    assert verdict == "first"
    assert sentence.startswith("a: SNP beats REF (mcc +0.200, 95 % interval +0.100 to +0.300")
    verdict, sentence = difference_sentence("b", found, "snp", "ref", NAMES)
    assert verdict == "apart"
    assert "SNP and REF cannot be told apart" in sentence
    assert difference_sentence("c", found, "snp", "ref", NAMES)[1].startswith("c: REF beats SNP")
    assert "not defined" in difference_sentence("d", found, "snp", "ref", NAMES)[1]
    assert (
        "one of SNP and REF is missing" in difference_sentence("e", found, "snp", "ref", NAMES)[1]
    )


def test_it_is_said_in_words_where_snp_does_not_beat_ref_or_a_baseline() -> None:
    found = comparisons(
        ("a", "mcc", "ref", "snp", 0.01, -0.1, 0.1, 0.8, 1.0),
        ("a", "mcc", "kmer-svm", "ref", 0.1, 0.0, 0.2, 0.05, 0.1),
        ("a", "mcc", "kmer-svm", "snp", 0.1, 0.0, 0.2, 0.05, 0.1),
    )
    rows = main(("a", "kmer-svm", 0.6), ("a", "ref", 0.5), ("a", "snp", 0.49))
    sentences = list(result_sentences(rows, found))
    assert sentences[0] == (
        "SNP beats REF on 0 of 1 tasks, loses on 0, and cannot be told apart from it on 1."
    )
    assert "Highest mean: kmer-svm." in sentences[1]
    assert sentences[2] == (
        "On 1 of 1 tasks no language model beats the best baseline: a (kmer-svm)."
    )
    assert sentences[3].startswith("Only 3 seeds for some cells: few")
    lonely = list(result_sentences(main(("a", "ref", 0.5)), found))
    assert lonely[0] == "SNP and REF cannot be compared: no result of SNP."


def test_nothing_is_said_of_baselines_that_nothing_was_compared_with() -> None:
    rows = main(("a", "kmer-svm", 0.6), ("a", "ref", 0.5))
    assert not any("baseline" in one for one in result_sentences(rows, comparisons()))
