from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.corpus import SPLITS, WindowSettings, default_block_size, read_windows, sample_windows
from pybmfm.corpus.splits import assign_splits, cut_blocks, split_regions

LENGTHS = {300, 600, 900, 1200, 1500}


def masks_by_split(windows_folder: Path, sequences: dict[str, str]) -> dict[str, dict]:
    table, _ = read_windows(windows_folder)
    masks = {s: {c: np.zeros(len(t), dtype=bool) for c, t in sequences.items()} for s in SPLITS}
    for row in table.itertuples():
        masks[row.split][row.contig][row.start : row.end] = True
    return masks


def test_every_window_has_both_strands_and_rows_are_sorted(windows: Path) -> None:
    table, manifest = read_windows(windows)
    assert list(table.columns) == ["contig", "start", "end", "strand", "pass", "split"]
    plus = table[table["strand"] == "+"].drop(columns="strand").reset_index(drop=True)
    minus = table[table["strand"] == "-"].drop(columns="strand").reset_index(drop=True)
    assert plus.equals(minus)
    assert list(dict.fromkeys(table["contig"])) == ["chr1", "chr2", "chrM"]
    for _, rows in table.groupby("contig"):
        keys = list(zip(rows["start"], rows["end"], rows["pass"], rows["strand"], strict=True))
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys)
    assert sum(manifest["counts"]["windows"].values()) == len(table)


def test_windows_of_one_pass_do_not_overlap_and_passes_differ(windows: Path) -> None:
    table, _ = read_windows(windows)
    plus = table[table["strand"] == "+"]
    assert set(plus["pass"]) == {0, 1}
    for _, rows in plus.groupby(["contig", "pass"]):
        spans = sorted(zip(rows["start"], rows["end"], strict=True))
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
    starts = [set(plus.loc[plus["pass"] == number, "start"]) for number in (0, 1)]
    assert len(starts[0] ^ starts[1]) > len(starts[0] & starts[1])


def test_lengths_are_multiples_except_before_a_border(
    windows: Path, sequences: dict[str, str]
) -> None:
    table, _ = read_windows(windows)
    plus = table[(table["strand"] == "+") & (table["pass"] == 0)]
    for _, rows in plus.groupby("contig"):
        for one, following in pairwise(rows.itertuples()):
            if one.end - one.start not in LENGTHS:
                assert one.end - one.start < max(LENGTHS)
                assert following.split != one.split or following.start > one.end
    assert set(plus["end"] - plus["start"]) >= LENGTHS


def test_n_islands_are_cut_out_with_flanks(windows: Path, sequences: dict[str, str]) -> None:
    table, _ = read_windows(windows)
    chr1 = table[table["contig"] == "chr1"]
    inside = (chr1["start"] < 22_900) & (chr1["end"] > 20_100)
    assert not inside.any()
    assert "empty" not in set(table["contig"])
    assert table.loc[table["contig"] == "chr2", "start"].min() == 1100
    for row in table.itertuples():
        assert set(sequences[row.contig][row.start : row.end]) != {"N"}


def test_manifest_counts_what_the_windows_cover(windows: Path, sequences: dict[str, str]) -> None:
    manifest = json.loads((windows / "manifest.json").read_text())
    masks = masks_by_split(windows, sequences)
    is_base = {c: np.array(list(t.upper())) != "N" for c, t in sequences.items()}
    covered = {
        split: sum(int((mask & is_base[c]).sum()) for c, mask in by_contig.items())
        for split, by_contig in masks.items()
    }
    assert manifest["counts"]["covered_acgt_by_split"] == covered
    assert manifest["counts"]["acgt_bases"] == sum(int(b.sum()) for b in is_base.values())
    assert manifest["counts"]["covered_acgt"] >= 0.8 * manifest["counts"]["acgt_bases"]
    assert all(covered.values())


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), passes=st.integers(1, 3), block=st.integers(500, 9000))
def test_position_splits_share_nothing_for_any_seed(
    tmp_path_factory: pytest.TempPathFactory,
    fasta: Path,
    sequences: dict[str, str],
    seed: int,
    passes: int,
    block: int,
) -> None:
    out = tmp_path_factory.mktemp("any") / "windows"
    sample_windows(WindowSettings(fasta, out, passes=passes, block_size=block, seed=seed))
    masks = masks_by_split(out, sequences)
    for contig in sequences:
        assert sum(masks[s][contig].astype(int) for s in SPLITS).max() <= 1
    _, manifest = read_windows(out)
    none = {"train-dev": 0, "train-test": 0, "dev-test": 0}
    assert manifest["leakage"] == {"shared_bp": 0, "by_pair": none}
    assert all(manifest["counts"]["windows"].values())
    assert manifest["counts"]["covered_acgt"] >= 0.8 * manifest["counts"]["acgt_bases"]


def test_random_split_says_what_is_shared(
    tmp_path: Path, fasta: Path, sequences: dict[str, str]
) -> None:
    out = tmp_path / "windows"
    sample_windows(WindowSettings(fasta, out, passes=3, split="random"))
    masks = masks_by_split(out, sequences)
    shared = {
        f"{a}-{b}": sum(int((masks[a][c] & masks[b][c]).sum()) for c in sequences)
        for a, b in (("train", "dev"), ("train", "test"), ("dev", "test"))
    }
    table, manifest = read_windows(out)
    assert manifest["leakage"] == {"shared_bp": sum(shared.values()), "by_pair": shared}
    assert min(shared.values()) > 0
    share = table["split"].value_counts(normalize=True)
    assert share["train"] == pytest.approx(0.7, abs=0.03)
    assert share["test"] == pytest.approx(0.1, abs=0.03)


def test_windows_of_other_lengths_fall_into_the_same_splits(
    tmp_path: Path, fasta: Path, windows: Path, sequences: dict[str, str]
) -> None:
    long = tmp_path / "long"
    sample_windows(
        WindowSettings(fasta, long, passes=1, min_length=20_000, max_length=20_000, seed=3)
    )
    ours, theirs = masks_by_split(windows, sequences), masks_by_split(long, sequences)
    for split in SPLITS:
        for other in set(SPLITS) - {split}:
            for contig in sequences:
                assert not (ours[split][contig] & theirs[other][contig]).any()


def test_fixed_length_windows_have_new_boundaries_in_each_pass(tmp_path: Path, fasta: Path) -> None:
    out = tmp_path / "windows"
    sample_windows(WindowSettings(fasta, out, passes=3, min_length=1000, max_length=1000))
    table, _ = read_windows(out)
    starts = [set(table.loc[table["pass"] == number, "start"]) for number in range(3)]
    assert starts[0] != starts[1] != starts[2]


def test_letters_outside_acgtn_are_counted_and_said(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pybmfm")
    odd = tmp_path / "odd.fa"
    odd.write_text(fasta.read_text() + ">odd\n" + "ACGT" * 100 + "RYkm\n")
    for file, count in ((odd, 4), (fasta, 0)):
        caplog.clear()
        sample_windows(WindowSettings(file, tmp_path / file.stem, passes=1))
        assert read_windows(tmp_path / file.stem)[1]["counts"]["replaced_letters"] == count
        assert ("4 letters outside ACGTN" in caplog.text) == (count == 4)


def test_same_seed_same_file_other_seed_other_windows(tmp_path: Path, fasta: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample_windows(WindowSettings(fasta, tmp_path / name, passes=1, seed=seed))
    read = {name: (tmp_path / name / "windows.parquet").read_bytes() for name in "abc"}
    assert read["a"] == read["b"] != read["c"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=3, max_size=60), st.integers(0, 10_000))
def test_no_split_is_empty_and_blocks_of_n_have_none(bases: list[int], seed: int) -> None:
    weights = np.array([*bases, 1, 1, 1])
    splits = assign_splits(weights, seed)
    assert set(splits[weights > 0]) == {0, 1, 2}
    assert set(splits[weights == 0]) <= {-1}


def test_splits_hold_70_20_10_of_the_bases() -> None:
    weights = np.random.default_rng(0).integers(1, 100, size=500)
    splits = assign_splits(weights, seed=4)
    shares = np.bincount(splits, weights=weights) / weights.sum()
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 700), st.integers(0, 99))
def test_regions_tile_the_contig_and_alternate(length: int, size: int, seed: int) -> None:
    blocks = cut_blocks(length, size)
    splits = np.random.default_rng(seed).integers(-1, 3, size=len(blocks.starts))
    regions = split_regions(blocks, splits)
    if (splits == -1).all():
        assert regions == []
        return
    assert regions[0].start == 0
    assert regions[-1].end == length
    for one, following in pairwise(regions):
        assert one.end == following.start
        assert one.split != following.split


@pytest.mark.parametrize(
    ("total", "size"),
    [(3_100_000_000, 1_000_000), (3_000_000, 60_000), (1_000_000, 40_000), (100_000, 10_000)],
)
def test_default_block_size(total: int, size: int) -> None:
    assert default_block_size({"a": total // 2, "b": total - total // 2}) == size


@pytest.mark.parametrize(
    "wrong", [{"min_length": 2000, "max_length": 1000}, {"min_length": 50}, {"step": 0}]
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, fasta: Path, wrong: dict) -> None:
    with pytest.raises(UserError):
        sample_windows(WindowSettings(fasta, tmp_path / "windows", **wrong))
    assert list(tmp_path.iterdir()) == []


def test_a_genome_of_two_blocks_cannot_have_three_splits() -> None:
    with pytest.raises(UserError, match="three splits need three"):
        assign_splits(np.array([5, 0, 7]), seed=0)


def test_a_genome_of_n_alone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.fa"
    file.write_text(">chr1\n" + "N" * 5000 + "\n")
    for split in ("position", "random"):
        with pytest.raises(UserError):
            sample_windows(WindowSettings(file, tmp_path / "windows", split=split))
    assert not (tmp_path / "windows").exists()


def test_a_genome_of_short_contigs_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "short.fa"
    file.write_text("".join(f">{number}\n{'ACGT' * 5}\n" for number in range(5)))
    message = "windows can be used, .* dropped for shorter_than_100; give a genome with longer"
    with pytest.raises(UserError, match=message):
        sample_windows(WindowSettings(file, tmp_path / "windows", split="random"))
    assert not (tmp_path / "windows").exists()
