"""Classes 1 to 4 of a binary task, from a genome whose variants are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pybmfm.cli.build_task import command
from pybmfm.core import UserError
from pybmfm.genome import encode_bases
from pybmfm.tasks import (
    PromoterVariantSettings,
    build_promoter_variants,
    read_task_sheet,
    read_task_splits,
)
from pybmfm.tasks.variant_negatives import (
    IS_SNP,
    Model,
    encoded_places,
    with_inserted_snps,
    with_moved_snps,
    with_random_symbols,
)
from pybmfm.variants import code_of_states, states_of_code, text_to_codes
from pybmfm.variants.build import FrequencySettings, variant_frequencies

SPLITS = ("train", "dev", "test")
WIDTH = 60
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 kb of genome whose every 20th base is a C/T or A/G SNP, and tables of 200 windows."""
    folder = tmp_path_factory.mktemp("promoters")
    text = "".join(np.random.default_rng(5).choice(list("ACGT"), 12_000))
    (folder / "genome.fa").write_text(f">chr1\n{text}\n")
    other = dict(zip("ACGT", "GTAC", strict=True))
    records = [
        f"1\t{i + 1}\t.\t{text[i]}\t{other[text[i]]}\t.\t.\tFREQ=X:0.6,0.4;COMMON\n"
        for i in range(10, 12_000, 20)
    ]
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "variants.vcf").write_text(header + "".join(records))
    variant_frequencies(
        FrequencySettings(
            fasta=folder / "genome.fa", vcf=folder / "variants.vcf", out=folder / "frequencies"
        )
    )
    for split, first, last in (("train", 0, 120), ("dev", 120, 160), ("test", 160, 200)):
        rows = []
        for number in range(first, last):
            start, minus = number * WIDTH, number % 3 == 0
            window = text[start : start + WIDTH]
            window = window.translate(COMPLEMENT)[::-1] if minus else window
            place = ["chr1", start, start + WIDTH, "-" if minus else "+"]
            rows.append([f"w{number}", window, number % 2, f"g{number}", *place])
        # One negative without a locus, one beyond the contig.
        rows.append([f"x{first}", "ACGT" * 15, 0, "", "", "", "", ""])
        rows.append([f"y{first}", "ACGT" * 15, 0, "", "chr1", 11_990, 12_050, "+"])
        columns = ["id", "sequence", "label", "group", "contig", "start", "end", "strand"]
        (folder / "given").mkdir(exist_ok=True)
        pd.DataFrame(rows, columns=columns).to_csv(folder / "given" / f"{split}.csv", index=False)
    return folder


def settings(world: Path, out: Path, **options: object) -> PromoterVariantSettings:
    return PromoterVariantSettings(
        **{split: world / "given" / f"{split}.csv" for split in SPLITS},  # type: ignore[arg-type]
        fasta=world / "genome.fa",
        frequencies=world / "frequencies",
        out=out,
        task="prom",
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def built(world: Path) -> Path:
    build_promoter_variants(settings(world, world / "built"))
    return world / "built"


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def table(folder: Path, task: str, split: str = "train") -> pd.DataFrame:
    return pd.read_csv(folder / f"prom.{task}" / f"{split}.csv", dtype={"label": str})


def codes_of(frame: pd.DataFrame, label: str) -> list[np.ndarray]:
    return [text_to_codes(text) for text in frame.loc[frame["label"] == label, "sequence"]]


def test_one_task_per_class_with_the_names_that_table_3_reads(built: Path) -> None:
    entries = read_task_sheet(built / "tasks.csv")
    names = ["prom.none", *(f"prom.class{number}" for number in (1, 2, 3, 4))]
    assert [entry.task for entry in entries] == names
    assert {(entry.kind, entry.metric) for entry in entries} == {("binary", "f1")}
    for entry in entries:
        tables = read_task_splits(entry.train, entry.dev, entry.test, "binary")
        assert tables["train"].encoded == (entry.task != "prom.none")


def test_every_given_row_is_accounted_for(built: Path) -> None:
    for name, task in manifest(built)["tasks"].items():
        for split, counts in task["splits"].items():
            assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
            rows = pd.read_csv(built / name / f"{split}.csv")
            assert len(rows) == counts["used"] + counts["made"]
    class1 = manifest(built)["tasks"]["prom.class1"]["splits"]["train"]
    assert class1["dropped"] == {"beyond_contig_end": 1, "no_coordinates": 1}
    assert manifest(built)["variants"]["placed"]["0"]["placed"] == 100


def test_encoded_rows_hold_the_variants_of_their_locus_and_strand(world: Path, built: Path) -> None:
    plain = pd.read_csv(world / "given" / "train.csv").set_index("id")
    for row in table(built, "class1").itertuples():
        codes = text_to_codes(str(row.sequence))
        places = np.arange(row.start, row.end)
        varying = np.flatnonzero((places - 10) % 20 == 0)
        if row.strand == "-":
            varying = np.sort(WIDTH - 1 - varying)
        assert encoded_places(codes).tolist() == varying.tolist()
        given_codes = encode_bases(str(plain.loc[row.id, "sequence"]))[0]
        rest = np.setdiff1d(np.arange(WIDTH), varying)
        assert (codes[rest] == given_codes[rest]).all()
        for place in varying:
            assert given_codes[place] in states_of_code(int(codes[place]))


def test_not_encoded_rows_are_those_of_class_1(built: Path) -> None:
    columns = ["id", "label", "group"]
    none, first = table(built, "none"), table(built, "class1")
    assert none[columns].equals(first[columns])
    assert set("".join(none["sequence"])) == set("ACGT")


def test_class_2_negatives_use_all_symbols_and_class_3_those_of_the_positives(built: Path) -> None:
    for task, symbols in (("class2", 60), ("class3", None)):
        frame = table(built, task)
        positive = set(np.concatenate(codes_of(frame, "1"))) - set(range(5))
        negative = set(np.concatenate(codes_of(frame, "0"))) - set(range(5))
        if symbols:
            assert len(negative) > symbols
        else:
            assert negative == positive
        numbers = {len(encoded_places(codes)) for codes in codes_of(frame, "1")}
        assert {len(encoded_places(codes)) for codes in codes_of(frame, "0")} <= numbers


def test_class_4_twins_keep_number_symbols_group_and_split(built: Path) -> None:
    for split in SPLITS:
        frame = table(built, "class4", split).set_index("id")
        twins = frame[frame.index.str.endswith(".twin")]
        assert len(twins) == len(frame) / 2 > 0
        for name, twin in twins.iterrows():
            positive = frame.loc[str(name).removesuffix(".twin")]
            assert (twin["label"], positive["label"]) == ("0", "1")
            assert twin["group"] == positive["group"]
            ours, theirs = (text_to_codes(one["sequence"]) for one in (twin, positive))
            assert not set(encoded_places(ours)) & set(encoded_places(theirs))
            assert sorted(ours[encoded_places(ours)]) == sorted(theirs[encoded_places(theirs)])


def test_no_group_is_in_two_splits(built: Path) -> None:
    for task in ("none", "class1", "class2", "class3", "class4"):
        groups = [set(table(built, task, split)["group"]) for split in SPLITS]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(
    world: Path, built: Path, tmp_path: Path
) -> None:
    build_promoter_variants(settings(world, tmp_path / "again"))
    build_promoter_variants(settings(world, tmp_path / "other", seed=1))
    for path in sorted(built.rglob("*.*sv")):
        name = path.relative_to(built)
        assert (tmp_path / "again" / name).read_bytes() == path.read_bytes()
    for task in ("class2", "class3", "class4"):
        assert table(tmp_path / "other", task).to_csv() != table(built, task).to_csv()
    figures = [
        (root / "statistics" / "classes.svg").read_bytes() for root in (built, tmp_path / "again")
    ]
    assert figures[0] == figures[1]


def test_inserting_keeps_the_positives_own_variants(world: Path, tmp_path: Path) -> None:
    build_promoter_variants(settings(world, tmp_path / "out", classes=(4,), class4="insert"))
    assert [e.task for e in read_task_sheet(tmp_path / "out" / "tasks.csv")] == [
        "prom.none", "prom.class4",
    ]  # fmt: skip
    frame = table(tmp_path / "out", "class4").set_index("id")
    for name, twin in frame[frame.index.str.endswith(".twin")].iterrows():
        positive = text_to_codes(frame.loc[str(name).removesuffix(".twin"), "sequence"])
        own, places = text_to_codes(twin["sequence"]), encoded_places(positive)
        assert (own[places] == positive[places]).all()
        assert len(encoded_places(own)) > len(places)


def test_negatives_are_left_out_where_positives_are_lost(world: Path, tmp_path: Path) -> None:
    for split in SPLITS:
        frame = pd.read_csv(world / "given" / f"{split}.csv", dtype=str, keep_default_na=False)
        positives = frame.index[frame["label"] == "1"][::2]
        frame.loc[positives, ["contig", "start", "end", "strand"]] = ""
        frame.to_csv(tmp_path / f"{split}.csv", index=False)
    given_ = settings(world, tmp_path / "out")
    moved = {split: tmp_path / f"{split}.csv" for split in SPLITS}
    build_promoter_variants(PromoterVariantSettings(**{**given_.__dict__, **moved}))
    counts = manifest(tmp_path / "out")["tasks"]["prom.class2"]["splits"]["train"]
    assert counts["dropped"] == {"left_out_for_balance": 31, "no_coordinates": 30}


def test_a_class_that_lacks_a_label_is_left_out_and_said_so(world: Path, tmp_path: Path) -> None:
    for split in SPLITS:
        frame = pd.read_csv(world / "given" / f"{split}.csv", dtype=str, keep_default_na=False)
        frame.loc[frame["label"] == "0", ["contig", "start", "end", "strand"]] = ""
        frame.to_csv(tmp_path / f"{split}.csv", index=False)
    given_ = settings(world, tmp_path / "out")
    moved = {split: tmp_path / f"{split}.csv" for split in SPLITS}
    build_promoter_variants(PromoterVariantSettings(**{**given_.__dict__, **moved}))
    reason = "train has no row with label 0"
    assert manifest(tmp_path / "out")["left_out"] == {"none": reason, "class1": reason}


def test_statistics_show_what_makes_a_class_trivial(built: Path) -> None:
    folder = built / "statistics"
    assert {path.name for path in folder.iterdir()} == {
        "density.tsv", "symbols.tsv", "placed.tsv", "classes.png", "classes.svg",
    }  # fmt: skip
    density = pd.read_csv(folder / "density.tsv", sep="\t").set_index(["task", "label"])
    assert density.loc[("prom.class2", 0), "pair_symbols"] > 60
    assert density.loc[("prom.class2", 1), "pair_symbols"] == 2
    assert density.loc[("prom.none", 1), "encoded_per_row"] == 0
    assert density.loc[("prom.class1", 1), "encoded_per_row"] == 3
    summary = manifest(built)["variants"]
    assert (summary["symbols_used"], summary["symbols"]) == (2, 121)
    placed = pd.read_csv(folder / "placed.tsv", sep="\t")
    assert placed["rows"].sum() == 206


def test_the_command_refuses_what_is_not_to_be_encoded(
    world: Path, built: Path, tmp_path: Path
) -> None:
    def run(tables: Path, *options: str) -> object:
        given_ = [part for s in SPLITS for part in (f"--{s}", str(tables / f"{s}.csv"))]
        return CliRunner().invoke(
            command,
            ["promoter-variants", *given_, "--fasta", str(world / "genome.fa"), "--frequencies",
             str(world / "frequencies"), "--out", str(tmp_path / "out"), *options],
        ).exception  # fmt: skip

    assert "holds variant symbols already" in str(run(built / "prom.class1"))
    bare = tmp_path / "bare"
    bare.mkdir()
    for split in SPLITS:
        frame = pd.read_csv(world / "given" / f"{split}.csv")[["sequence", "label"]]
        frame.to_csv(bare / f"{split}.csv", index=False)
    assert "--align" in str(run(bare))
    assert run(world / "given", "--class", "1") is None


def test_sequences_without_coordinates_are_aligned(
    world: Path, built: Path, tmp_path: Path, bwa: str
) -> None:
    for split in SPLITS:
        frame = pd.read_csv(world / "given" / f"{split}.csv")[["id", "sequence", "label", "group"]]
        # Read as N, and aligned all the same.
        frame["sequence"] = frame["sequence"].str.slice_replace(30, 31, "R")
        frame.to_csv(tmp_path / f"{split}.csv", index=False)
    out = tmp_path / "out"
    given_ = [part for s in SPLITS for part in (f"--{s}", str(tmp_path / f"{s}.csv"))]
    done = CliRunner().invoke(
        command,
        ["promoter-variants", *given_, "--fasta", str(world / "genome.fa"), "--frequencies",
         str(world / "frequencies"), "--out", str(out), "--task", "prom", "--align"],
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    placed = manifest(out)["variants"]["placed"]
    assert placed["1"] == {"rows": 100, "placed": 100, "dropped": {}}
    assert placed["0"] == {"rows": 106, "placed": 100, "dropped": {"unaligned": 6}}
    first = table(out, "class1")
    assert first["sequence"].tolist() == table(built, "class1")["sequence"].tolist()


PAIRS = st.sampled_from(np.flatnonzero(IS_SNP).tolist())


@st.composite
def positives(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A plain sequence and the same with SNPs that name its base."""
    plain = np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=40)), dtype=np.uint8)
    encoded = plain.copy()
    for place in draw(st.sets(st.integers(0, len(plain) - 1))):
        if plain[place] < 4:
            encoded[place] = code_of_states(int(plain[place]), draw(st.integers(0, 3)))
    return encoded, plain


@given(positives(), st.integers(0, 9))
def test_moving_keeps_symbols_and_the_base_below_them(
    pair: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    encoded, plain = pair
    twin = with_moved_snps(encoded, plain, np.random.default_rng(seed))
    assert sorted(twin[IS_SNP[twin]]) == sorted(encoded[IS_SNP[encoded]])
    changed = IS_SNP[twin]
    assert all(
        base in states_of_code(int(c))
        for base, c in zip(plain[changed], twin[changed], strict=True)
    )
    assert (twin[~changed] == plain[~changed]).all()


@given(positives(), st.integers(0, 9))
def test_random_symbols_and_insertions_touch_no_n(
    pair: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    encoded, plain = pair
    if not IS_SNP[encoded].any():
        return
    model, rng = Model.of([encoded], [plain]), np.random.default_rng(seed)
    for uniform in (True, False):
        made = with_random_symbols(plain, model, rng, uniform=uniform)
        assert len(encoded_places(made)) == len(encoded_places(encoded))
        assert (made[plain == 4] == 4).all()
    inserted = with_inserted_snps(encoded, plain, model, rng)
    assert (inserted[plain == 4] == 4).all()
    assert (inserted[encoded != plain] == encoded[encoded != plain]).all()


def test_positives_without_a_variant_are_refused() -> None:
    plain = np.zeros(5, np.uint8)
    with pytest.raises(UserError, match="no training positive has a variant"):
        Model.of([plain], [plain])
