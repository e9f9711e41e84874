from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from pybmfm.cli.build_task import command
from pybmfm.core import UserError
from pybmfm.tasks import (
    GueSettings,
    MpraSettings,
    build_gue,
    build_mpra,
    read_task_sheet,
    read_task_splits,
    read_task_table,
)
from pybmfm.tasks.strands import reverse_complement

SPLITS = ("train", "dev", "test")


def make_task(folder: Path, rows: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for split, text in rows.items():
        (folder / f"{split}.csv").write_text("sequence,label\n" + text)


@pytest.fixture
def gue(tmp_path: Path) -> Path:
    root = tmp_path / "GUE"
    two = dict.fromkeys(SPLITS, "ACGT,0\nGGGG,1\n")
    make_task(root / "prom" / "prom_300_all", {**two, "train": "ACGT,0\n,1\nCCRC,1\nAAAA,\n"})
    make_task(root / "tf" / "0", {**two, "test": "TTTT,0\nTTTT,5\n"})
    make_task(root / "splice" / "reconstructed", dict.fromkeys(SPLITS, "A,0\nC,1\nG,2\n"))
    make_task(root / "tf" / "1", {"dev": "A,0\n"})
    return root


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_gue_tasks_are_named_and_typed_from_the_tree(gue: Path, tmp_path: Path) -> None:
    build_gue(GueSettings(gue, tmp_path / "out"))
    entries = {entry.task: entry for entry in read_task_sheet(tmp_path / "out" / "tasks.csv")}
    assert {name: entry.kind for name, entry in entries.items()} == {
        "prom_300_all": "binary",
        "splice_reconstructed": "multiclass",
        "tf_0": "binary",
    }
    table = read_task_table(entries["tf_0"].dev, "binary")
    assert table.ids == ["tf_0-dev-0", "tf_0-dev-1"]
    assert manifest(tmp_path / "out")["artefact"] == "tasks"
    assert manifest(tmp_path / "out")["incomplete"] == {"tf_1": ["no train", "no test"]}


@pytest.mark.parametrize(("both_strands", "tested"), [("all", 4), ("train", 2)])
def test_gue_strands_are_a_choice(tmp_path: Path, both_strands: str, tested: int) -> None:
    make_task(
        tmp_path / "GUE" / "tf" / "0",
        {
            "train": "AACC,0\nACGT,1\nCCCA,0\nGGTG,1\n",
            "dev": "CACC,1\n",
            "test": "AAAC,0\nAAAG,1\n",
        },
    )
    arguments = ["gue", "--input", tmp_path / "GUE", "--out", tmp_path / "g"]
    arguments += ["--both-strands", both_strands]
    outcome = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert outcome.exit_code == 0, outcome.output
    (entry,) = read_task_sheet(tmp_path / "g" / "tasks.csv")
    train, test = (read_task_table(path, "binary") for path in (entry.train, entry.test))
    assert len(test) == tested
    # ACGT is its own other strand, and that of GGTG is a row of dev.
    assert train.sequences == ["AACC", "GGTT", "ACGT", "CCCA", "TGGG", "GGTG"]
    assert train.ids[:2] == ["tf_0-train-0", "tf_0-train-0/rc"]
    assert train.groups[:2] == ["tf_0-train-0"] * 2
    made = manifest(tmp_path / "g")["tasks"]["tf_0"]["reverse_complements"]
    assert made["already_there"] == 1
    assert made["in_another_split"] >= 1


def test_gue_manifest_accounts_for_every_row(gue: Path, tmp_path: Path) -> None:
    build_gue(GueSettings(gue, tmp_path / "out"))
    content = manifest(tmp_path / "out")
    train = content["tasks"]["prom_300_all"]["splits"]["train"]
    assert train == {
        "read": 4,
        "used": 2,
        "dropped": {"empty_sequence": 1, "no_label": 1},
        "letters_outside_acgtn": 1,
        "uracils_read_as_t": 0,
    }
    assert content["tasks"]["tf_0"]["splits"]["test"]["dropped"] == {"class_not_in_train": 1}
    counts = content["counts"]
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values()) == 8 + 6 + 9
    assert content["tasks"]["prom_300_all"]["duplicates"] == {
        "train": 0, "dev": 0, "test": 0, "train/dev": 1, "train/test": 1, "dev/test": 2,
    }  # fmt: skip
    kept = pd.read_csv(tmp_path / "out" / "prom_300_all" / "train.csv")
    assert kept["id"].tolist() == ["prom_300_all-train-0", "prom_300_all-train-2"]


def test_gue_reads_gzip_and_single_task_folders(gue: Path, tmp_path: Path) -> None:
    for path in (gue / "tf" / "0").glob("*.csv"):
        with gzip.open(path.with_name(path.name + ".gz"), "wt") as handle:
            handle.write(path.read_text())
        path.unlink()
    build_gue(GueSettings(gue / "tf" / "0", tmp_path / "out"))
    assert [entry.task for entry in read_task_sheet(tmp_path / "out" / "tasks.csv")] == ["tf_0"]


def test_gue_knows_the_usual_names_of_columns_and_files(tmp_path: Path) -> None:
    folder = tmp_path / "GUE" / "EMP" / "H3"
    folder.mkdir(parents=True)
    for name in ("train", "valid", "test"):
        (folder / f"{name}.tsv").write_text("Label\tDNA_Seq\n1\tACGT\n0\tAAAA\n")
    build_gue(GueSettings(tmp_path / "GUE", tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    assert (entry.task, entry.kind) == ("EMP_H3", "binary")
    assert read_task_table(entry.dev, "binary").sequences == ["ACGT", "AAAA"]


def test_gue_columns_of_0_and_1_are_a_multilabel_task(tmp_path: Path) -> None:
    folder = tmp_path / "GUE" / "sei"
    folder.mkdir(parents=True)
    rows = {"train": "AC,1,0,1\nGT,0,0,0\nTT,1.0,0,0\n", "dev": "AC,1,1,0\n", "test": "CC,0,0,1\n"}
    for split, text in rows.items():
        (folder / f"{split}.csv").write_text("sequence,DNase,rare,H3|K4\n" + text)
    build_gue(GueSettings(tmp_path / "GUE", tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    assert (entry.kind, entry.metric) == ("multilabel", "auroc_macro")
    tables = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
    assert tables["train"].classes == ["DNase", "H3_K4"]
    assert tables["train"].targets.tolist() == [[1, 1], [0, 0], [1, 0]]
    assert tables["dev"].targets.tolist() == [[1, 0]]  # no training row has 'rare'


def test_gue_leaves_a_task_out_that_has_no_sequence_column(gue: Path, tmp_path: Path) -> None:
    """Such as the pairs of sequences of GUE+; asked for by name it is an error."""
    folder = gue / "EPI" / "GM12878"
    folder.mkdir(parents=True)
    for split in SPLITS:
        (folder / f"{split}.csv").write_text("enhancer,promoter,label\nAC,GT,1\n")
    build_gue(GueSettings(gue, tmp_path / "out"))
    content = manifest(tmp_path / "out")
    assert list(content["unusable"]) == ["EPI_GM12878"]
    assert "no column 'sequence'" in content["unusable"]["EPI_GM12878"]
    assert len(content["tasks"]) == 3
    with pytest.raises(UserError, match="found: enhancer, promoter, label"):
        build_gue(GueSettings(gue, tmp_path / "out2", tasks=("EPI_GM12878",)))


@pytest.mark.parametrize(
    ("task", "message"),
    [("prom_300", "there is prom_300_all"), ("tf_1", "no train and test table")],
)
def test_gue_suggests_names(gue: Path, tmp_path: Path, task: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_gue(GueSettings(gue, tmp_path / "out", tasks=(task,)))
    assert not (tmp_path / "out").exists()


def test_gue_without_tasks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no folder"):
        build_gue(GueSettings(tmp_path / "empty", tmp_path / "out"))
    with pytest.raises(UserError, match="no such folder"):
        build_gue(GueSettings(tmp_path / "absent", tmp_path / "out"))


@pytest.mark.parametrize("missing", ["NA", "NaN", " n/a ", "None", "null", ""])
def test_gue_labels_that_are_missing_are_counted(tmp_path: Path, missing: str) -> None:
    make_task(tmp_path / "g" / "t", dict.fromkeys(SPLITS, f"ACGT,0\nGGTT,{missing}\nGGGG,1\n"))
    build_gue(GueSettings(tmp_path / "g", tmp_path / "out"))
    (task,) = manifest(tmp_path / "out")["tasks"].values()
    assert (task["kind"], task["classes"]) == ("binary", ["0", "1"])
    assert task["splits"]["train"]["dropped"] == {"no_label": 1}


NO_DNA = [("ACGTAC CGTACG GTACGT", "blanks inside"), ("MKWVTFISLLFL", "no DNA")]


@pytest.mark.parametrize(("text", "problem"), NO_DNA)
def test_gue_sequences_that_are_no_dna_are_refused_with_their_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    rows = dict.fromkeys(SPLITS, f"ACGT,0\n,1\n{text},1\n")
    make_task(tmp_path / "g" / "t", rows)
    with pytest.raises(UserError, match=rf"train.csv, line 4: .*{problem}"):
        build_gue(GueSettings(tmp_path / "g", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_gue_labels_are_spelt_as_in_training(tmp_path: Path) -> None:
    rows = {"train": "A,0\nC,1\n", "dev": "A,1.0\nC,0.0\n", "test": "A,True\nC,2\n"}
    make_task(tmp_path / "g" / "t", rows)
    build_gue(GueSettings(tmp_path / "g", tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    assert entry.dev.read_text() == "id,sequence,label\ng_t-dev-0,A,1\ng_t-dev-1,C,0\n"
    assert entry.test.read_text() == "id,sequence,label\ng_t-test-0,A,1\n"


def test_gue_columns_of_labels_may_have_unknown_cells(tmp_path: Path) -> None:
    header = "sequence,a,b,c\n"
    rows = {"train": "ACGT,1,,0\nGGGG,0,1,1\nTTTT,,,\n", "dev": "A,0,0,1\n", "test": "C,1,NA,\n"}
    (tmp_path / "g" / "t").mkdir(parents=True)
    for split, text in rows.items():
        (tmp_path / "g" / "t" / f"{split}.csv").write_text(header + text)
    build_gue(GueSettings(tmp_path / "g", tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    tables = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
    assert tables["train"].targets.tolist() == [[1, -1, 0], [0, 1, 1]]
    assert tables["test"].targets.tolist() == [[1, -1, -1]]
    assert manifest(tmp_path / "out")["counts"]["dropped"] == {"no_label": 1}


def test_gue_strands_keep_what_is_unknown_in_one_split_alone(tmp_path: Path) -> None:
    rows = {"train": "ACCA,1,0\nGGGG,0,1\n", "dev": "CCCC,0,1\n", "test": "AACA,1,NA\n"}
    (tmp_path / "g" / "t").mkdir(parents=True)
    for split, text in rows.items():
        (tmp_path / "g" / "t" / f"{split}.csv").write_text("sequence,a,b\n" + text)
    build_gue(GueSettings(tmp_path / "g", tmp_path / "out", both_strands=SPLITS))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    tables = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
    assert tables["train"].targets.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert tables["test"].targets.tolist() == [[1, -1], [1, -1]]


def test_a_gue_split_without_a_usable_row_says_why(tmp_path: Path) -> None:
    make_task(tmp_path / "g" / "t", {**dict.fromkeys(SPLITS, "A,0\nC,1\n"), "dev": "A,NA\nC,7\n"})
    message = r"dev.csv: has no usable row \(no_label 1, class_not_in_train 1\)"
    with pytest.raises(UserError, match=message):
        build_gue(GueSettings(tmp_path / "g", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


LIBRARY = """name\tclass\tsplit\tsequence\tK562
a\tx\ttrain\tAACC\t1.0
b\tx\ttrain\tGGTT\t1.1
c\tx\ttrain\tACAC\t2.0
d\tx\ttrain\tCCCA\t3.0
e\tx\tdev\tTGGG\t0.5
f\tx\tval\tAAAA\t
g\tx\ttest\tACCA\t0.25
h\tx\tholdout\tACCA\t0.25
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.tsv"
    path.write_text(LIBRARY)
    return path


def test_mpra_makes_reverse_complements_in_every_split(library: Path, tmp_path: Path) -> None:
    build_mpra(MpraSettings(library, tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    assert (entry.task, entry.kind, entry.metric) == ("mpra_k562", "regression", "pearson")
    train = read_task_table(entry.train, "regression")
    # a and b are each other's complement, d's stands in dev: only c gets one.
    assert train.ids == ["a", "b", "c", "c/rc", "d"]
    assert train.groups == ["a", "a", "c", "c", "d"]
    assert train.sequences[3] == "GTGT"
    assert train.targets[2] == train.targets[3] == 2
    assert read_task_table(entry.dev, "regression").groups == ["d"]
    test = read_task_table(entry.test, "regression")
    assert (test.ids, test.sequences) == (["g", "g/rc"], ["ACCA", "TGGT"])
    content = manifest(tmp_path / "out")
    assert content["counts"] == {
        "read": 8, "used": 6, "dropped": {"no_value": 1, "unknown_split": 1},
    }  # fmt: skip
    made = content["tasks"]["mpra_k562"]["reverse_complements"]
    assert made == {"made": 2, "already_there": 2, "in_another_split": 2}


@pytest.mark.parametrize(("both_strands", "rows"), [("train", (5, 1)), ("none", (4, 1))])
def test_mpra_strands_are_a_choice(
    library: Path, tmp_path: Path, both_strands: str, rows: tuple[int, int]
) -> None:
    arguments = ["mpra", "--input", library, "--out", tmp_path / "m"]
    arguments += ["--both-strands", both_strands]
    outcome = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert outcome.exit_code == 0, outcome.output
    (entry,) = read_task_sheet(tmp_path / "m" / "tasks.csv")
    tables = [read_task_table(path, "regression") for path in (entry.train, entry.test)]
    assert tuple(map(len, tables)) == rows


def test_mpra_names_the_line_of_a_bad_value(library: Path, tmp_path: Path) -> None:
    library.write_text(LIBRARY.replace("2.0", "two"))
    with pytest.raises(UserError, match="line 4: value 'two' is not a number"):
        build_mpra(MpraSettings(library, tmp_path / "out"))


def test_mpra_ids_may_hold_quotation_marks(library: Path, tmp_path: Path) -> None:
    library.write_text(LIBRARY.replace("b\tx", '"b\tx').replace("d\tx", 'd"\tx'))
    build_mpra(MpraSettings(library, tmp_path / "out", both_strands=()))
    assert manifest(tmp_path / "out")["counts"]["read"] == 8
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    assert read_task_table(entry.train, "regression").ids == ["a", '"b', "c", 'd"']


@pytest.mark.parametrize(("text", "problem"), NO_DNA)
def test_mpra_sequences_that_are_no_dna_are_refused_with_their_line(
    library: Path, tmp_path: Path, text: str, problem: str
) -> None:
    library.write_text(LIBRARY.replace("CCCA", text))
    with pytest.raises(UserError, match=rf"library.tsv, line 5: .*{problem}"):
        build_mpra(MpraSettings(library, tmp_path / "out"))


def test_an_mpra_split_without_a_usable_row_says_why(library: Path, tmp_path: Path) -> None:
    library.write_text(LIBRARY.replace("TGGG\t0.5", "TGGG\tN/A"))
    with pytest.raises(UserError, match=r"no usable dev rows \(left out: no_value 2, unknown_spl"):
        build_mpra(MpraSettings(library, tmp_path / "out"))


def test_mpra_asks_which_column(library: Path, tmp_path: Path) -> None:
    library.write_text(LIBRARY.replace("class", "HepG2"))
    with pytest.raises(UserError, match="choose with --column: HepG2, K562"):
        build_mpra(MpraSettings(library, tmp_path / "out"))
    with pytest.raises(UserError, match="no activity column 'K561'"):
        build_mpra(MpraSettings(library, tmp_path / "out", column="K561"))


def test_commands_take_the_documented_options(gue: Path, library: Path, tmp_path: Path) -> None:
    for arguments in (
        ["gue", "--input", str(gue), "--out", str(tmp_path / "g"), "--task", "tf_0"],
        ["mpra", "--input", str(library), "--out", str(tmp_path / "m"), "--column", "K562"],
    ):
        result = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert [entry.task for entry in read_task_sheet(tmp_path / "g" / "tasks.csv")] == ["tf_0"]


@pytest.mark.real_data
def test_real_gue_tables(real_data: Path, tmp_path: Path) -> None:
    build_gue(GueSettings(real_data / "mini" / "GUE", tmp_path / "out"))
    entries = {entry.task: entry for entry in read_task_sheet(tmp_path / "out" / "tasks.csv")}
    assert len(entries) == 9
    assert {"prom_300_all", "prom_core_notata", "tf_2"} < set(entries)
    assert entries["splice_reconstructed"].kind == "multiclass"
    for entry in entries.values():
        rows = [len(read_task_table(getattr(entry, split), entry.kind)) for split in SPLITS]
        assert rows == [200, 50, 50]
    assert manifest(tmp_path / "out")["counts"]["read"] == 2700


@pytest.mark.real_data
def test_real_mpra_library(real_data: Path, tmp_path: Path) -> None:
    build_mpra(MpraSettings(real_data / "mini" / "lenti_mpra" / "k562.tsv.gz", tmp_path / "out"))
    (entry,) = read_task_sheet(tmp_path / "out" / "tasks.csv")
    train = read_task_table(entry.train, "regression")
    assert len(train) == 2 * 1987
    assert train.sequences[1] == reverse_complement(train.sequences[0])
    groups = {s: set(read_task_table(getattr(entry, s), "regression").groups) for s in SPLITS}
    assert not groups["train"] & groups["test"]
