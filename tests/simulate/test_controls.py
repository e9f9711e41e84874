"""The controls' world: the grammar is in the genome, and labels cannot be told by counts."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pybmfm.core import UserError
from pybmfm.simulate import SimulationSettings, simulate
from pybmfm.simulate.controls import ANCHORS, CONTIGS, GAP, SENTENCE
from pybmfm.variants import text_to_codes

BASES = 240_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls") / "world"
    settings = {"contigs": (("chr1", 30_000),), "task_rows": 30}
    simulate(SimulationSettings(out=folder, controls=BASES, **settings))
    return folder


def table(world: Path, task: str, split: str) -> pd.DataFrame:
    return pd.read_csv(world / "tasks" / task / f"{split}.csv")


def genome(world: Path) -> dict[str, str]:
    text = gzip.decompress((world / "genome.fa.gz").read_bytes()).decode()
    records = (record.split("\n", 1) for record in text.split(">")[1:])
    return {name: sequence.replace("\n", "").upper() for name, sequence in records}


def variants(world: Path) -> pd.DataFrame:
    text = gzip.decompress((world / "variants.vcf.gz").read_bytes()).decode()
    rows = [line.split("\t")[:5] for line in text.splitlines() if line[0] != "#"]
    found = pd.DataFrame(rows, columns=["contig", "pos", "id", "ref", "alt"])
    return found[found["contig"].isin(CONTIGS)].astype({"pos": int})


@pytest.mark.parametrize("task", ["grammar", "alleles", "alleles_reference", "shuffled"])
def test_counts_of_k_mers_do_not_tell_the_labels(world: Path, task: str) -> None:
    """With no length up to the gap between what must be seen together."""
    train, test = table(world, task, "train"), table(world, task, "test")
    for k in (1, 2, 3, 4, 5, 6):
        counts = CountVectorizer(analyzer="char", ngram_range=(k, k), lowercase=False)
        model = LogisticRegression(C=0.1, max_iter=2000)
        model.fit(counts.fit_transform(train["sequence"]), train["label"])
        scores = model.decision_function(counts.transform(test["sequence"]))
        assert abs(roc_auc_score(test["label"], scores) - 0.5) < 0.15, k


def test_variants_follow_their_anchors_at_the_stated_rate(world: Path) -> None:
    """Half of the sentences; after the first anchor transitions, after the second transversions."""
    sequences, found = genome(world), variants(world)
    assert len(found) == pytest.approx(BASES / SENTENCE / 2, rel=0.1)
    is_transition = (found["ref"] + found["alt"]).isin(["AG", "GA", "CT", "TC"])
    complement = str.maketrans("ACGT", "TGCA")
    kinds: dict[int, list[bool]] = {0: [], 1: []}
    reach = GAP + len(ANCHORS[0])
    for (contig, pos), transition in zip(
        found[["contig", "pos"]].itertuples(index=False), is_transition, strict=True
    ):
        before = sequences[contig][pos - 1 - reach : pos - 1 - GAP]
        after = sequences[contig][pos + GAP : pos + reach].translate(complement)[::-1]
        for family, anchor in enumerate(ANCHORS):
            if anchor.consensus in (before, after):
                kinds[family].append(transition)
    assert all(kinds[0])
    assert not any(kinds[1])
    # Ten positions of 0.95 + 0.05 / 4 each are the consensus in two of three copies.
    assert len(kinds[0]) + len(kinds[1]) == pytest.approx(0.68 * len(found), rel=0.1)


def test_spellings_of_the_splits_differ_and_stand_before_one_partner(world: Path) -> None:
    from pybmfm.core import derive_seed
    from pybmfm.simulate.controls import PARTNERS, _spellings
    from pybmfm.simulate.motifs import to_text

    spellings = _spellings(np.random.default_rng(derive_seed(0, "controls", "spellings")))
    text = "|".join(genome(world)[name] for name in CONTIGS)
    for family in (0, 1):
        own, other = (PARTNERS[f].consensus for f in (family, 1 - family))
        words = f"(?:{'|'.join(map(to_text, spellings[family]))}){'[ACGT]' * GAP}"
        assert len(re.findall(words + own, text)) > BASES / SENTENCE / 16
        assert not re.search(words + other, text)
    sorted_letters = np.sort(spellings, axis=2)
    np.testing.assert_array_equal(sorted_letters[0], sorted_letters[1])
    assert len({to_text(word) for family in spellings for word in family}) == 48
    for split, used in (("train", slice(0, 12)), ("test", slice(18, 24))):
        for label in (0, 1):
            rows = table(world, "grammar", split).query("label == @label")["sequence"]
            known = "|".join(map(to_text, spellings[label][used]))
            assert rows.str.contains(f"(?:{known})", regex=True).all()


def test_both_tables_of_alleles_are_the_same_rows(world: Path) -> None:
    encoded, plain = table(world, "alleles", "test"), table(world, "alleles_reference", "test")
    assert encoded["label"].tolist() == plain["label"].tolist()
    for one, other in zip(encoded["sequence"], plain["sequence"], strict=True):
        varies = text_to_codes(one) > 4
        assert varies.sum() == 3
        np.testing.assert_array_equal(text_to_codes(one)[~varies], text_to_codes(other)[~varies])


def test_the_planted_leak_is_what_the_audit_finds(world: Path, tmp_path: Path) -> None:
    from pybmfm.evaluation import LeakageSettings, audit_leakage, read_repeated_ids

    declared = json.loads((world / "tasks/manifest.json").read_text())["controls"]
    planted = next(one for one in declared if one["control"] == "planted leak")
    names = ("grammar", "motifs", "alleles", "alleles_reference", "shuffled")
    sheet = pd.read_csv(world / "tasks/tasks.csv")
    sheet = sheet[sheet["task"].isin(names)]
    sheet.to_csv(world / "tasks/few.csv", index=False)
    audit_leakage(LeakageSettings(tasks=(world / "tasks/few.csv",), out=tmp_path / "audit"))
    found = read_repeated_ids([tmp_path / "audit"])
    assert found[planted["task"]] == set(planted["rows"])
    assert len(planted["rows"]) == 30
    assert not any(found[name] for name in names[:4])


def test_knowing_the_leaked_rows_by_heart_does_not_help(world: Path) -> None:
    train, test = (table(world, "shuffled", split)["label"][:30] for split in ("train", "test"))
    assert (train == test).sum() == 15


def test_a_world_without_controls_declares_none(demo_world: Path) -> None:
    assert "controls" not in json.loads((demo_world / "tasks/manifest.json").read_text())


def test_a_genome_too_small_for_controls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too small"):
        simulate(SimulationSettings(out=tmp_path / "world", controls=10))
    assert not (tmp_path / "world").exists()
