"""Tasks built from the demo genome's annotation, and from small ones made by hand."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pybmfm.cli.build_task import command
from pybmfm.core import UserError
from pybmfm.corpus import WindowSettings, sample_windows
from pybmfm.tasks import (
    AnnotationSettings,
    BindingSettings,
    PromoterSettings,
    build_binding_sites,
    build_promoters,
    read_task_sheet,
    read_task_splits,
)
from pybmfm.tasks.annotated_windows import Window, grouped, origin_key
from pybmfm.tasks.promoters import TATA_BOXES, box_start, shuffle_pieces

SPLITS = ("train", "dev", "test")
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
BUILDERS = {
    "promoter": ["--tss", "tss.bed"],
    "core-promoter": ["--gtf", "genes.gtf"],
    "tf": ["--peaks", "peaks.narrowPeak"],
    "splice": ["--gtf", "genes.gtf"],
}
LENGTH = {"promoter": 300, "core-promoter": 70, "tf": 101, "splice": 400}


def run(builder: str, world: Path, out: Path, *options: str) -> None:
    flag, name = BUILDERS[builder]
    arguments = [builder, flag, str(world / name), "--fasta", str(world / "genome.fa.gz")]
    done = CliRunner().invoke(command, [*arguments, "--out", str(out), *options])
    if done.exception:
        raise done.exception


@pytest.fixture(scope="module")
def built(demo_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("annotated")
    for builder in BUILDERS:
        run(builder, demo_world, folder / builder)
    return folder


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    entry = read_task_sheet(folder / "tasks.csv")[0]
    paths = {split: getattr(entry, split) for split in SPLITS}
    read_task_splits(**paths, kind=entry.kind)
    return {
        split: pd.read_csv(path, keep_default_na=False, dtype={"label": str})
        for split, path in paths.items()
    }


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.mark.parametrize("builder", BUILDERS)
def test_rows_are_what_the_genome_has_at_their_coordinates(
    builder: str, built: Path, demo_world: Path
) -> None:
    placed = 0
    with pysam.FastaFile(str(demo_world / "genome.fa.gz")) as fasta:
        for frame in tables(built / builder).values():
            assert set(frame["sequence"].str.len()) == {LENGTH[builder]}
            for row in frame[frame["contig"] != ""].itertuples():
                text = fasta.fetch(row.contig, int(row.start), int(row.end)).upper()
                text = text.translate(COMPLEMENT)[::-1] if row.strand == "-" else text
                assert row.sequence == text
                placed += 1
    assert placed > 400


@pytest.mark.parametrize("builder", BUILDERS)
def test_every_annotated_place_is_accounted_for(builder: str, built: Path) -> None:
    counts = manifest(built / builder)["counts"]
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
    rows = pd.concat(tables(built / builder).values())
    origins = Counter(rows["origin"])
    assert origins.pop("annotated") == counts["used"]
    assert dict(origins) == counts["negatives"]


@pytest.mark.parametrize("builder", BUILDERS)
def test_splits_share_no_base_and_groups_are_never_split(builder: str, built: Path) -> None:
    frames = tables(built / builder)
    groups = [set(frame["group"]) for frame in frames.values()]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    covered = [
        {
            (row.contig, base)
            for row in frame[frame["contig"] != ""].itertuples()
            for base in range(int(row.start), int(row.end))
        }
        for frame in frames.values()
    ]
    assert not covered[0] & covered[1] | covered[0] & covered[2] | covered[1] & covered[2]


def test_splits_are_those_of_the_corpus(built: Path, demo_world: Path, tmp_path: Path) -> None:
    sample_windows(
        WindowSettings(fasta=demo_world / "genome.fa.gz", out=tmp_path / "windows", passes=1)
    )
    windows = pd.read_parquet(tmp_path / "windows" / "windows.parquet")
    for split, frame in tables(built / "tf").items():
        for row in frame.sample(20, random_state=0).itertuples():
            over = windows[
                (windows["contig"] == row.contig)
                & (windows["start"] < row.end)
                & (windows["end"] > row.start)
            ]
            assert set(over["split"]) == {split}


def test_the_tss_stands_where_the_paper_has_it(built: Path, demo_world: Path) -> None:
    genes = pd.read_csv(demo_world / "genes.tsv", sep="\t").set_index("gene")
    for builder, upstream in (("promoter", 249), ("core-promoter", 34)):
        rows = pd.concat(tables(built / builder).values())
        positives = rows[rows["origin"] == "annotated"].set_index("name")
        for name, row in positives.iterrows():
            gene = genes.loc[str(name).replace("_1", "").replace(".1", "")]
            first = int(row["start"]) if row["strand"] == "+" else int(row["end"]) - 1
            step = 1 if row["strand"] == "+" else -1
            assert first + step * upstream == gene["tss"]


def test_promoter_negatives_are_paired_by_tata_box(built: Path) -> None:
    for split, frame in tables(built / "promoter").items():
        positives = frame[frame["label"] == "1"]
        with_box = [box_start(text, 249) is not None for text in positives["sequence"]]
        tata = frame[frame["origin"] == "tata_non_promoter"]
        shuffled = frame[frame["origin"] == "shuffled"]
        assert len(shuffled) == len(positives) - sum(with_box)
        assert 0 < len(tata) <= sum(with_box), split
        assert all(box_start(text, 249) is not None for text in tata["sequence"])
        bare = positives["sequence"][[not box for box in with_box]]
        assert sorted("".join(sorted(t)) for t in shuffled["sequence"]) == sorted(
            "".join(sorted(t)) for t in bare
        )
        assert set(shuffled["group"]) <= set(positives["group"])


def test_negatives_of_peaks_match_in_length_and_gc_and_touch_no_peak(
    built: Path, demo_world: Path
) -> None:
    peaks = pd.read_csv(demo_world / "peaks.narrowPeak", sep="\t", header=None)
    for frame in tables(built / "tf").values():
        gc = {
            label: np.sort([text.count("G") + text.count("C") for text in rows["sequence"]])
            for label, rows in frame.groupby("label")
        }
        assert len(gc["0"]) == len(gc["1"])
        assert np.abs(gc["0"] - gc["1"]).max() <= 2
        for row in frame[frame["label"] == "0"].itertuples():
            here = peaks[peaks[0] == row.contig]
            assert not ((here[1] < row.end) & (here[2] > row.start)).any()


def test_splice_rows_are_centred_on_gt_and_ag_and_the_third_class_on_no_site(
    built: Path, demo_world: Path
) -> None:
    genes = pd.read_csv(demo_world / "genes.tsv", sep="\t")
    sites = {
        (gene.contig, site)
        for gene in genes.itertuples()
        for site in map(int, re.split("[-;]", str(gene.exons))[1:-1])
    }
    for frame in tables(built / "splice").values():
        counts = frame["label"].value_counts()
        assert counts.max() - counts.min() <= 2
        for row in frame.itertuples():
            if row.label == "donor":
                assert row.sequence[200:202] == "GT"
            elif row.label == "acceptor":
                assert row.sequence[199:201] == "AG"
            else:
                at = int(row.start) + (200 if row.strand == "+" else 199)
                assert not any((row.contig, at + d) in sites for d in range(-15, 16))
        lures = frame[frame["origin"] == "adversarial"]
        assert 0.4 < len(lures) / counts["neither"] <= 0.51
        assert all(t[200:202] == "GT" or t[199:201] == "AG" for t in lures["sequence"])


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(
    builder: str, built: Path, demo_world: Path, tmp_path: Path
) -> None:
    run(builder, demo_world, tmp_path / "again")
    run(builder, demo_world, tmp_path / "other", "--seed", "1")
    for path in sorted((built / builder).rglob("*.csv")):
        name = path.relative_to(built / builder)
        assert (tmp_path / "again" / name).read_bytes() == path.read_bytes()
    train = next((built / builder).glob("*/train.csv")).relative_to(built / builder)
    assert (tmp_path / "other" / train).read_bytes() != (built / builder / train).read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A genome of 30 kb with an N island, and TSS of every kind of trouble."""
    text = "".join(np.random.default_rng(3).choice(list("ACGT"), 30_000))
    text = text[:9000] + "N" * 500 + text[9500:]
    (tmp_path / "genome.fa").write_text(f">chr1\n{text}\n")
    rows = [("1", start, "+-"[start // 400 % 2]) for start in range(1000, 29_000, 400)]
    rows += [("1", 100, "+"), ("1", 29_990, "+"), ("7", 500, "+"), ("1", 1000, rows[0][2])]
    lines = [f"{c}\t{s}\t{s + 1}\tp{n}\t0\t{d}" for n, (c, s, d) in enumerate(rows)]
    (tmp_path / "tss.bed").write_text("\n".join(lines) + "\n")
    return tmp_path


def common(folder: Path, **options: object) -> AnnotationSettings:
    return AnnotationSettings(
        fasta=folder / "genome.fa", out=folder / "out", task="promoter", **options  # type: ignore[arg-type]
    )  # fmt: skip


def test_edges_aliases_n_and_repeats_are_counted_by_reason(small: Path) -> None:
    build_promoters(
        PromoterSettings(common(small, block_size=2000), small / "tss.bed", negatives="shuffled")
    )
    dropped = manifest(small / "out")["counts"]["dropped"]
    crosses = dropped.pop("crosses_split_border", 0)
    assert dropped == {
        "beyond_contig_end": 2, "contig_not_in_fasta": 1, "repeated_locus": 1, "too_many_n": 2,
    }  # fmt: skip
    assert manifest(small / "out")["counts"]["used"] == 74 - 6 - crosses


def test_windows_with_n_can_be_kept_and_positives_drawn(small: Path) -> None:
    settings = common(small, block_size=2000, max_n=1.0, max_positives=40)
    build_promoters(PromoterSettings(settings, small / "tss.bed", negatives="shuffled"))
    counts = manifest(small / "out")["counts"]
    assert "too_many_n" not in counts["dropped"]
    assert counts["used"] == 40
    assert counts["read"] == 40 + sum(counts["dropped"].values())


def test_input_that_gives_no_task_is_refused(small: Path) -> None:
    with pytest.raises(UserError, match="give --tss or --gtf"):
        build_promoters(PromoterSettings(common(small)))
    (small / "other.bed").write_text("chr9\t5\t6\ta\t0\t+\n")
    with pytest.raises(UserError, match="shares no contig"):
        build_promoters(PromoterSettings(common(small), small / "other.bed"))
    (small / "one.bed").write_text("chr1\t5000\t5001\ta\t0\t+\n")
    with pytest.raises(UserError, match=r"has no row of class .* left out: none"):
        build_binding_sites(BindingSettings(common(small), small / "one.bed"))
    assert not (small / "out").exists()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            "chr1\t500000\t500001\ta\t0\t+",
            r"no place whose window can be used \(beyond_contig_end 2",
        ),
        ("chr1\t5\t6\ta\t0\t+", r"no place whose window can be used \(beyond_contig_end 2"),
        ("chr1\t500\t501\ta\t0\t.", r"no feature with a strand \(no_strand 2\)"),
    ],
)
def test_annotation_of_which_nothing_is_used_says_why(small: Path, row: str, why: str) -> None:
    (small / "unused.bed").write_text(f"{row}\n{row}\n")
    with pytest.raises(UserError, match=rf"unused.bed: has {why}"):
        build_promoters(PromoterSettings(common(small, block_size=2000), small / "unused.bed"))
    assert not (small / "out").exists()


def test_tss_without_a_strand_are_counted_in_the_manifest(small: Path) -> None:
    before = (small / "tss.bed").read_text()
    (small / "tss.bed").write_text(before + "chr1\t5000\t5001\tx\t0\t?\n")
    build_promoters(
        PromoterSettings(common(small, block_size=2000), small / "tss.bed", negatives="shuffled")
    )
    counts = manifest(small / "out")["counts"]
    assert counts["dropped"]["no_strand"] == 1
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values()) == 75


@given(st.text("ACGT", min_size=41, max_size=120), st.integers(0, 5))
def test_shuffled_pieces_keep_letters_and_lose_their_order(text: str, seed: int) -> None:
    shuffled = shuffle_pieces(text, np.random.default_rng(seed))
    assert sorted(shuffled) == sorted(text)
    pieces = [text[i : i + 20] for i in range(0, len(text), 20)]
    orders = {"".join(order) for order in itertools.permutations(pieces)}
    assert shuffled in orders
    assert (shuffled != text) == (len(orders) > 1)


@pytest.mark.parametrize("box", TATA_BOXES)
def test_a_box_counts_only_where_promoters_have_it(box: str) -> None:
    for offset, there in ((-37, False), (-36, True), (-24, True), (-23, False)):
        text = "G" * (50 + offset) + box + "G" * 60
        assert (box_start(text, 50) == 50 + offset) == there


def test_overlapping_windows_and_what_is_made_from_them_share_a_group() -> None:
    spans = [(0, 10), (8, 20), (19, 25), (25, 30)]
    windows = [Window("c", a, b, "+", 0, "1", "annotated") for a, b in spans]
    made = Window("", 0, 10, "+", 0, "0", "shuffled", group=origin_key(windows[1]))
    found = grouped([made, *windows[::-1]], ["c"])
    assert [row.group for row in found] == ["c:0", "c:0", "c:0", "c:25", "c:0"]
