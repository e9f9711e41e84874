"""Task tables: labels that follow from what was planted, and loci on one side of the splits."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef
from sklearn.preprocessing import StandardScaler

from pybmfm.simulate.task_tables import shuffled_pieces
from pybmfm.tasks import read_task_sheet, read_task_splits

LENGTHS = {
    "promoter": 300,
    "core_promoter": 70,
    "tf": 101,
    "splice": 400,
    "mpra": 200,
    "uninformative": 200,
}
Table = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def tables(demo_world: Path) -> dict[str, Table]:
    def read(task: str, split: str) -> list[dict[str, str]]:
        with (demo_world / "tasks" / task / f"{split}.csv").open(newline="") as handle:
            return list(csv.DictReader(handle))

    return {task: {s: read(task, s) for s in ("train", "dev", "test")} for task in LENGTHS}


def test_sheets_list_the_tasks_and_the_tasks_room_reads_them(demo_world: Path) -> None:
    listed = [entry.task for entry in read_task_sheet(demo_world / "tasks" / "tasks.csv")]
    entries = read_task_sheet(demo_world / "tasks" / "tasks_all.csv")
    assert [entry.task for entry in entries] == [*listed, "uninformative"]
    for entry in entries:
        splits = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
        assert not splits["train"].encoded
        assert len(splits["train"].sequences) >= 370


def test_sequences_have_the_published_lengths(tables: dict[str, Table]) -> None:
    for task, splits in tables.items():
        for rows in splits.values():
            assert {len(row["sequence"]) for row in rows} == {LENGTHS[task]}
            assert all(set(row["sequence"]) <= set("ACGT") for row in rows)
    assert [len(rows) for rows in tables["promoter"].values()] == [600, 150, 150]
    assert [len(rows) for rows in tables["tf"].values()] == [600, 150, 150]


def test_classes_are_balanced(tables: dict[str, Table]) -> None:
    for task in ("promoter", "core_promoter", "tf", "splice", "uninformative"):
        for rows in tables[task].values():
            counts = Counter(row["label"] for row in rows)
            assert len(counts) == (3 if task == "splice" else 2)
            assert min(counts.values()) > 0.8 * max(counts.values())


def test_coordinates_give_back_the_sequence(demo_world: Path, tables: dict[str, Table]) -> None:
    complement = str.maketrans("ACGT", "TGCA")
    with pysam.FastaFile(str(demo_world / "genome.fa.gz")) as fasta:
        for splits in tables.values():
            placed = [row for row in splits["dev"] if row["contig"]]
            assert placed
            for row in placed:
                text = fasta.fetch(row["contig"], int(row["start"]), int(row["end"])).upper()
                if row["strand"] == "-":
                    text = text.translate(complement)[::-1]
                assert text == row["sequence"]


def test_no_locus_group_or_sequence_is_on_two_sides(tables: dict[str, Table]) -> None:
    side_of_group: dict[str, str] = {}
    covered = {
        s: {c: np.zeros(600_000, bool) for c in ("chr1", "chr2", "chrX")}
        for s in ("train", "dev", "test")
    }
    for splits in tables.values():
        for split, rows in splits.items():
            for row in rows:
                assert side_of_group.setdefault(row["group"], split) == split
                if row["contig"]:
                    covered[split][row["contig"]][int(row["start"]) : int(row["end"])] = True
    for contig in ("chr1", "chr2", "chrX"):
        sides = [covered[split][contig] for split in covered]
        assert (np.sum(sides, axis=0) <= 1).all()
    assert set(side_of_group.values()) == {"train", "dev", "test"}


def test_ids_are_unique(tables: dict[str, Table]) -> None:
    for splits in tables.values():
        ids = [row["id"] for rows in splits.values() for row in rows]
        assert len(set(ids)) == len(ids)


def test_splice_windows_are_centred_on_the_site(tables: dict[str, Table]) -> None:
    for row in tables["splice"]["train"]:
        if row["label"] == "donor":
            assert row["sequence"][200:202] == "GT"
        elif row["label"] == "acceptor":
            assert row["sequence"][199:201] == "AG"
        else:
            assert row["sequence"][200:202] == "GT" or row["sequence"][199:201] == "AG"


def test_shuffled_negatives_hold_the_pieces_of_a_promoter_of_their_group(
    tables: dict[str, Table],
) -> None:
    def pieces(row: dict[str, str]) -> Counter[str]:
        return Counter(row["sequence"][i : i + 20] for i in range(0, 300, 20))

    rows = tables["promoter"]["train"]
    promoters = {row["group"]: pieces(row) for row in rows if row["label"] == "1"}
    shuffled = [row for row in rows if not row["contig"]]
    assert len(shuffled) > 50
    for row in shuffled:
        assert row["label"] == "0"
        assert pieces(row) == promoters[row["group"]]


def test_shuffled_pieces_never_keep_the_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shuffled = shuffled_pieces("A" * 20 + "C" * 20, rng)
        assert shuffled == "C" * 20 + "A" * 20
    assert shuffled_pieces("ACGT", rng) == "ACGT"


def test_both_orientations_of_a_reporter_element_share_group_and_sign(
    tables: dict[str, Table],
) -> None:
    rows = tables["mpra"]["train"]
    forward = {row["group"]: row for row in rows if row["strand"] == "+"}
    both = [(row, forward[row["group"]]) for row in rows if row["strand"] == "-"]
    assert len(both) > 50
    for back, there in both:
        assert (back["start"], back["end"]) == (there["start"], there["end"])
    values = np.array([[float(a["value"]), float(b["value"])] for a, b in both])
    assert np.corrcoef(values.T)[0, 1] > 0.6


def kmer_features(rows: list[dict[str, str]], vectorizer: CountVectorizer) -> np.ndarray:
    return np.asarray(vectorizer.transform([row["sequence"] for row in rows]).todense())


def place_features(rows: list[dict[str, str]]) -> np.ndarray:
    text = np.array([np.frombuffer(row["sequence"].encode(), dtype=np.uint8) for row in rows])
    return (text[:, :, None] == np.frombuffer(b"ACGT", dtype=np.uint8)).reshape(len(rows), -1)


def mcc_on_test(table: Table, train: np.ndarray, test: np.ndarray, penalty: float) -> float:
    scaler = StandardScaler().fit(train)
    model = LogisticRegression(C=penalty, max_iter=200)
    model.fit(scaler.transform(train), [row["label"] for row in table["train"]])
    truth = [row["label"] for row in table["test"]]
    return float(matthews_corrcoef(truth, model.predict(scaler.transform(test))))


def kmer_mcc(table: Table) -> float:
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(4, 4), lowercase=False)
    vectorizer.fit([row["sequence"] for row in table["train"]])
    train, test = (kmer_features(table[split], vectorizer) for split in ("train", "test"))
    return mcc_on_test(table, train, test, 1e-3)


def place_mcc(table: Table) -> float:
    return mcc_on_test(table, *(place_features(table[split]) for split in ("train", "test")), 1e-3)


def test_kmers_tell_promoters_but_not_all_of_them(tables: dict[str, Table]) -> None:
    assert 0.4 < kmer_mcc(tables["promoter"]) < 0.8


@pytest.mark.parametrize("task", ["promoter", "splice"])
def test_a_model_that_sees_places_beats_kmers(tables: dict[str, Table], task: str) -> None:
    assert place_mcc(tables[task]) > kmer_mcc(tables[task]) + 0.1


def test_kmers_tell_nothing_where_there_is_nothing(tables: dict[str, Table]) -> None:
    assert abs(kmer_mcc(tables["uninformative"])) < 0.25
