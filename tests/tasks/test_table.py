from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.tasks import clean_sequences, read_task_splits, read_task_table, sample_rows
from pybmfm.variants import ALPHABET

PAIR = ALPHABET[40]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_plain_table_is_cleaned_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "dev.csv", "note,label,sequence\nx,1,acgtU\ny,0,RCGTn\n")
    table = read_task_table(path, "binary")
    assert table.sequences == ["ACGTT", "NCGTN"]
    assert table.ids == ["dev-0", "dev-1"] == table.groups
    assert table.classes == ["0", "1"]
    assert table.targets.tolist() == [1, 0]
    assert table.counts == {
        "read": 2, "used": 2, "dropped": {}, "letters_replaced": 1, "uracils_read_as_t": 1,
    }  # fmt: skip
    assert not table.encoded


def test_text_ids_and_groups_survive(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "id\tgroup\tsequence\tvalue\n007\tg\tAC\t1.5\n08\t\tGT\t-2\n")
    table = read_task_table(path, "regression")
    assert table.ids == ["007", "08"]
    assert table.groups == ["g", "08"]
    np.testing.assert_array_equal(table.targets, np.float32([1.5, -2]))
    assert table.classes == []


def test_parquet_and_gzip_read_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sequence": ["AC", "GT", "TT"], "label": [10, 9, 2]})
    frame.to_parquet(tmp_path / "t.parquet")
    with gzip.open(tmp_path / "t.csv.gz", "wt") as handle:
        frame.to_csv(handle, index=False)
    tables = [read_task_table(tmp_path / name, "multiclass") for name in ("t.parquet", "t.csv.gz")]
    for table in tables:
        assert table.classes == ["2", "9", "10"]
        assert table.targets.tolist() == [2, 1, 0]


def test_multilabel_cells_are_split(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "sequence,labels\nAC,b|a\nGT,\nTT,c\n")
    table = read_task_table(path, "multilabel")
    assert table.classes == ["a", "b", "c"]
    np.testing.assert_array_equal(table.targets, [[1, 1, 0], [0, 0, 0], [0, 0, 1]])


def test_symbols_are_letters_only_in_encoded_tables(tmp_path: Path) -> None:
    text = f"sequence,label\nACXBHUDO{'A' * 60},1\nAC?,0\n"
    plain = read_task_table(write(tmp_path / "a.csv", text.replace("?", "G")), "binary")
    encoded = read_task_table(write(tmp_path / "b.csv", text.replace("?", PAIR)), "binary")
    said = read_task_table(tmp_path / "a.csv", "binary", alphabet="encoded")
    assert plain.sequences[0] == "ACNNNTNN" + "A" * 60
    assert plain.counts["letters_replaced"] == 5
    assert encoded.encoded
    assert encoded.sequences == ["ACXBHUDO" + "A" * 60, "AC" + PAIR]
    assert said.sequences[0] == "ACXBHUDO" + "A" * 60
    denied = read_task_table(tmp_path / "b.csv", "binary", alphabet="plain")
    assert denied.sequences[1] == "ACN"


@pytest.mark.parametrize(
    "manifest", ['{"alphabet": "encoded"}', '{"tasks": {"t": {"alphabet": "encoded"}}}']
)
def test_a_manifest_can_say_that_a_table_is_encoded(tmp_path: Path, manifest: str) -> None:
    path = write(tmp_path / "t" / "train.csv", "sequence,label\nAX,1\nAC,0\n")
    write(tmp_path / "manifest.json", manifest)
    assert read_task_table(path, "binary").sequences[0] == "AX"


def test_splits_are_encoded_together_and_share_classes(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", f"sequence,label\nAC{PAIR},x\nAC,y\nGG,z\n")
    dev = write(tmp_path / "dev.csv", "sequence,label\nAX,z\n")
    tables = read_task_splits(train, dev, dev, "multiclass")
    assert tables["dev"].encoded
    assert tables["dev"].sequences == ["AX"]
    assert tables["dev"].targets.tolist() == [2]


BROKEN = [
    ("sequence,label\nAC,1\n,0\n", "binary", "line 3: empty sequence"),
    ("sequence,label\n\nAC,1\n\n,0\n", "binary", "line 5: empty sequence"),
    ("sequence,label\nAC,1\nAC,\n", "binary", "line 3: empty label"),
    ("sequence,label\n", "binary", "has no rows"),
    ("seq,label\nAC,1\n", "binary", "no column 'sequence'"),
    ("sequence,label\nAC,1\n", "regression", "no column 'value'"),
    ("sequence,value\nAC,1\nAC,high\n", "regression", "line 3: value 'high' is not a number"),
    ("sequence,value\nAC,nan\n", "regression", "line 2: value 'nan'"),
    ("sequence,label\nAC,1\nAC,2\nAC,3\n", "binary", "exactly two classes, found 3"),
    ("sequence,label\nAC,1\nAC,1\n", "multiclass", "at least two classes, found 1"),
    ("id,sequence,label\na,AC,1\na,AC,0\n", "binary", "line 3: id 'a' occurs twice"),
    ("sequence,label\nx,AC,1\ny,AC,0\n", "binary", "more fields than the header"),
    ("", "binary", "cannot be read"),
    ("sequence,label\nAC,1\nNA,0\n", "binary", r"line 3: sequence is missing ('NA')"),
    ("sequence,label\nAC,1\nAC, n/a \n", "binary", r"line 3: label is missing ('n/a')"),
    ("sequence,value\nAC,1\nAC,inf\n", "regression", "line 3: value 'inf' is not a number"),
    ("sequence,value\nAC,1\nAC,\n", "regression", "line 3: value '' is not a number"),
    ("sequence,labels\nAC,a\nAC,NA\n", "multilabel", "line 3: labels are missing ('NA')"),
]


@pytest.mark.parametrize(("text", "kind", "message"), BROKEN)
def test_broken_tables_are_refused_with_their_place(
    tmp_path: Path, text: str, kind: str, message: str
) -> None:
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(UserError) as error:
        read_task_table(path, kind)
    assert message in str(error.value)
    assert "bad.csv" in str(error.value)


def test_an_unknown_label_in_dev_is_refused(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", "sequence,label\nAC,0\nAC,1\n")
    dev = write(tmp_path / "dev.csv", "sequence,label\nAC,0\nAC,7\n")
    with pytest.raises(UserError, match=r"dev.csv, line 3: unknown label '7'"):
        read_task_splits(train, dev, train, "binary")


@pytest.mark.parametrize(
    ("in_train", "in_test", "classes"),
    [
        (["1", "0"], ["1.0", "0.0"], ["0", "1"]),
        (["1.0", "0.0"], ["1", "0"], ["0", "1"]),
        (["True", "False"], ["1", "0"], ["False", "True"]),
        (["1", "0"], ["TRUE", "false"], ["0", "1"]),
        (["10", "9"], ["10.0", "9."], ["9", "10"]),
    ],
)
def test_a_label_is_one_however_its_number_is_written(
    tmp_path: Path, in_train: list[str], in_test: list[str], classes: list[str]
) -> None:
    train = write(
        tmp_path / "train.csv", "sequence,label\n" + "".join(f"AC,{x}\n" for x in in_train)
    )
    test = write(tmp_path / "test.csv", "sequence,label\n" + "".join(f"AC,{x}\n" for x in in_test))
    tables = read_task_splits(train, train, test, "binary")
    assert tables["train"].classes == classes
    assert tables["test"].targets.tolist() == tables["train"].targets.tolist() == [1, 0]


def test_labels_that_are_no_numbers_keep_their_text(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "sequence,label\nAC,1.5\nAC,01\nAC,v1.0\n")
    assert read_task_table(path, "multiclass").classes == ["01", "1.5", "v1.0"]


def test_columns_are_found_whatever_their_capitals(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "ID,Sequence, LABEL ,Label2\na,AC,1,x\nb,AC,0,x\n")
    table = read_task_table(path, "binary")
    assert (table.ids, table.classes) == (["a", "b"], ["0", "1"])
    path = write(tmp_path / "u.csv", "Sequence,SEQUENCE,label\nAC,GT,1\n")
    with pytest.raises(UserError, match="no column 'sequence'"):
        read_task_table(path, "binary")


def test_a_column_per_label_is_read_and_empty_cells_are_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,sequence,a,b,c\nx,AC,1,,0\ny,GT,0,1.0,NA\nz,GG,1,0,1\n")
    table = read_task_table(path, "multilabel")
    assert table.classes == ["a", "b", "c"]
    assert table.targets.tolist() == [[1, -1, 0], [0, 1, -1], [1, 0, 1]]
    assert table.counts["unknown_labels"] == 2


def test_labels_may_name_those_that_are_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "sequence\tlabels\tunknown\nAC\ta\tb|c\nGT\tb|c\t\nGG\t\ta\n")
    assert read_task_table(path, "multilabel").targets.tolist() == [
        [1, -1, -1],
        [0, 1, 1],
        [-1, 0, 0],
    ]


def test_an_odd_cell_in_columns_of_labels_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "sequence,a,b\nAC,1,0\nGT,0,1\nGG,2,1\n")
    with pytest.raises(UserError, match=r"line 4: column 'a' holds '2' among its 0 and 1"):
        read_task_table(path, "multilabel")


@pytest.mark.parametrize("text", ["ACGTAC CGTACG GTACGT", "MKWVTFISLLFL", "ACGT-ACGT---ACG"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_sequences_that_are_no_dna_are_refused_in_every_split(
    tmp_path: Path, text: str, split: str
) -> None:
    paths = {
        name: write(
            tmp_path / f"{name}.tsv",
            f"sequence\tlabel\nACGTAC\t0\n{text if name == split else 'ACGT'}\t1\n",
        )
        for name in ("train", "dev", "test")
    }
    with pytest.raises(UserError, match=rf"{split}.tsv, line 3: .*(blanks inside|no DNA)"):
        read_task_splits(**paths, kind="binary")


@pytest.mark.parametrize("bad", ["", "nan"])
def test_errors_are_placed_in_long_rows_and_packed_files(tmp_path: Path, bad: str) -> None:
    text = f"sequence,label\n{'A' * 140_000},1\nAC,0\nAC,{bad}\n"
    write(tmp_path / "long.csv", text)
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(text.encode()))
    (tmp_path / "t.csv.xz").write_bytes(lzma.compress(text.encode()))
    for name in ("long.csv", "t.csv.bz2", "t.csv.xz"):
        with pytest.raises(UserError, match=f"{name}, line 4: .*label"):
            read_task_table(tmp_path / name, "binary")


def splits_of(tmp_path: Path, labels: list[int]) -> Path:
    rows = "".join(f"{'ACGT' * 2},{label}\n" for label in labels)
    return write(tmp_path / "train.csv", "sequence,label\n" + rows)


def test_training_rows_are_drawn_by_seed_and_counted(tmp_path: Path) -> None:
    train = splits_of(tmp_path, [0] * 90 + [1] * 30)
    draw = [
        read_task_splits(train, train, train, "binary", max_train_rows=40, seed=seed)
        for seed in (1, 1, 2)
    ]
    first = draw[0]["train"]
    assert first.ids == draw[1]["train"].ids != draw[2]["train"].ids
    assert np.bincount(first.targets).tolist() == [30, 10]
    assert first.counts["used"] == 40
    assert first.counts["dropped"] == {"max_train_rows": 80}
    assert len(draw[0]["test"]) == 120
    assert [int(name.split("-")[1]) for name in first.ids] == sorted(
        int(name.split("-")[1]) for name in first.ids
    )


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    share=st.floats(0.05, 0.99),
    seed=st.integers(0, 5),
)
def test_samples_have_the_size_asked_for_and_every_class_that_fits(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], share: float, seed: int
) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    path = splits_of(tmp_path_factory.mktemp("sample"), labels)
    table = read_task_table(path, "multiclass")
    rows = max(1, int(share * len(labels)))
    chosen = sample_rows(table, rows, seed)
    assert len(set(chosen.tolist())) == len(chosen) == rows
    if rows >= len(sizes):
        assert len(set(table.targets[chosen].tolist())) == len(sizes)


def test_groups_stay_together_in_a_sample(tmp_path: Path) -> None:
    rows = "".join(f"AC,{n},pair{n // 2}\n" for n in range(100))
    table = read_task_table(
        write(tmp_path / "t.csv", "sequence,value,group\n" + rows), "regression"
    )
    chosen = sample_rows(table, 40, seed=0)
    assert len({table.groups[row] for row in chosen}) == 20


@settings(max_examples=50)
@given(st.lists(st.text("ACGTUNacgtunRYSWKMBDHVrywd", max_size=20), max_size=5), st.booleans())
def test_cleaning_keeps_lengths_and_is_idempotent(texts: list[str], encoded: bool) -> None:
    cleaned, replaced, _ = clean_sequences(texts, encoded)
    assert [len(text) for text in cleaned] == [len(text) for text in texts]
    assert set("".join(cleaned)) <= set(ALPHABET if encoded else "ACGTN")
    assert 0 <= replaced <= sum(map(len, texts))
    assert clean_sequences(cleaned, encoded) == (cleaned, 0, 0)
