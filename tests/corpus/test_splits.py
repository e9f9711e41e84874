"""Buffers between splits, and whole contigs held out by name."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.corpus import SPLITS, WindowSettings, read_windows, sample_windows
from pybmfm.corpus.splits import Region, leave_buffer, splits_of_contigs

LENGTHS = {"chr1": 500, "chr2": 400, "chrX": 300, "NC_012920.1": 16}
FASTA = Path("genome.fa")


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), block=st.integers(2000, 6000), buffer=st.integers(0, 700))
def test_windows_of_different_splits_are_two_buffers_apart(
    tmp_path_factory: pytest.TempPathFactory, fasta: Path, seed: int, block: int, buffer: int
) -> None:
    out = tmp_path_factory.mktemp("any") / "windows"
    options = {"block_size": block, "buffer": buffer, "seed": seed}
    sample_windows(WindowSettings(fasta, out, passes=2, min_length=300, max_length=900, **options))
    table, manifest = read_windows(out)
    for _, rows in table.groupby("contig"):
        spans = sorted(zip(rows["start"], rows["end"], rows["split"], strict=True))
        for one, following in pairwise(spans):
            assert one[2] == following[2] or following[0] - one[1] >= 2 * buffer
    assert ("buffer_nt" in manifest["counts"]["dropped"]) == (buffer > 0)
    assert manifest["settings"]["buffer"] == buffer


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 25))
def test_a_buffer_is_taken_off_inner_borders_only(sizes: list[int], buffer: int) -> None:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    regions = [Region(e - s, e, i % 3) for i, (s, e) in enumerate(zip(sizes, ends, strict=True))]
    left = leave_buffer(regions, buffer)
    for region in regions:
        inside = [r for r in left if region.start <= r.start < region.end]
        first = region.start + buffer * (region.start > 0)
        last = region.end - buffer * (region.end < ends[-1])
        assert [(r.start, r.end, r.split) for r in inside] == (
            [(first, last, region.split)] if first < last else []
        )


def test_the_nucleotides_in_a_buffer_are_counted_once(tmp_path: Path, fasta: Path) -> None:
    covered = []
    for buffer in (0, 150):
        out = tmp_path / str(buffer)
        sample_windows(
            WindowSettings(fasta, out, passes=3, min_length=100, max_length=200, step=1,
                           block_size=3000, buffer=buffer, seed=1)
        )  # fmt: skip
        _, manifest = read_windows(out)
        covered.append(manifest["counts"])
    left_out = covered[1]["dropped"]["buffer_nt"]
    lost = covered[0]["covered_acgt"] - covered[1]["covered_acgt"]
    # Pieces shorter than the shortest window come and go at the new borders.
    assert left_out > 0
    assert lost == pytest.approx(left_out, rel=0.05)


def test_a_buffer_that_leaves_a_split_empty_is_refused(tmp_path: Path, fasta: Path) -> None:
    with pytest.raises(UserError, match="--buffer 5000 leaves a split without sequence"):
        sample_windows(WindowSettings(fasta, tmp_path / "w", block_size=2000, buffer=5000))


def test_whole_contigs_are_held_out_by_any_name(tmp_path: Path, fasta: Path) -> None:
    out = tmp_path / "windows"
    sample_windows(
        WindowSettings(fasta, out, passes=1, dev_contigs=("2",), test_contigs=("MT", "empty"))
    )
    table, manifest = read_windows(out)
    found = set(zip(table["contig"], table["split"], strict=True))
    assert found == {("chr1", "train"), ("chr2", "dev"), ("chrM", "test")}
    assert manifest["leakage"]["shared_bp"] == 0
    assert manifest["settings"]["dev_contigs"] == ["2"]
    assert manifest["settings"]["block_size"] is None


def test_one_of_the_two_lists_is_enough(tmp_path: Path, fasta: Path) -> None:
    sample_windows(WindowSettings(fasta, tmp_path / "w", passes=1, test_contigs=("chr2",)))
    _, manifest = read_windows(tmp_path / "w")
    numbers = manifest["counts"]["windows"]
    assert numbers["dev"] == 0 < min(numbers["train"], numbers["test"])


def test_contigs_not_named_train() -> None:
    splits = splits_of_contigs(LENGTHS, ["2", "chr2"], ["MT"], FASTA)
    assert {contig: SPLITS[split] for contig, split in splits.items()} == {
        "chr1": "train",
        "chr2": "dev",
        "chrX": "train",
        "NC_012920.1": "test",
    }


@pytest.mark.parametrize(
    ("dev", "test", "message"),
    [
        (["chr7"], [], "has no contig chr7"),
        (["chr2"], ["2"], "contig chr2 is held out for both dev and test"),
        (["1", "2"], ["X", "MT"], "every contig is held out"),
    ],
)
def test_names_that_do_not_fit_are_refused(dev: list[str], test: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        splits_of_contigs(LENGTHS, dev, test, FASTA)
    assert error.value.file == str(FASTA)


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.sampled_from(list(LENGTHS))),
    st.sets(st.sampled_from(list(LENGTHS))),
)
def test_every_contig_has_the_split_it_was_named_for(dev: set[str], test: set[str]) -> None:
    assume(not dev & test and dev | test != set(LENGTHS))
    splits = splits_of_contigs(LENGTHS, sorted(dev), sorted(test), FASTA)
    assert {contig for contig in LENGTHS if splits[contig] == SPLITS.index("dev")} == dev
    assert {contig for contig in LENGTHS if splits[contig] == SPLITS.index("test")} == test


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "random", "dev_contigs": ("chr2",)}, "--split random does not"),
        ({"split": "random", "buffer": 10}, "belong to splits by blocks"),
        ({"dev_contigs": ("chr2",), "buffer": 10}, "belong to splits by blocks"),
        ({"test_contigs": ("chr2",), "block_size": 1000}, "belong to splits by blocks"),
        ({"buffer": -1}, "--buffer is negative"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    tmp_path: Path, fasta: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        sample_windows(WindowSettings(fasta, tmp_path / "windows", **options))
