"""Lines for tokenizers: which windows of which genome, encoded as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.corpus import read_windows
from pybmfm.corpus.tokenizer_lines import TokenizerLines, TrainingGenome, share_bases
from pybmfm.genome import Genome
from pybmfm.variants import FrequencyTable, WindowEncoder

genomes = st.lists(st.tuples(st.integers(1, 10**10), st.floats(0.01, 100)), min_size=1, max_size=5)


def read_lines(*genomes: TrainingGenome, max_bases: int = 10**9, threads: int = 1):
    lines = TokenizerLines(genomes, max_bases=max_bases, seed=1, strategy="paper", threads=threads)
    return lines, [line.tobytes() for line in lines]


@given(there=genomes, most=st.integers(1, 10**11))
def test_shares_are_in_proportion_and_no_more_than_there_is(
    there: list[tuple[int, float]], most: int
) -> None:
    bases, weights = zip(*there, strict=True)
    shares = share_bases(bases, weights, most)
    assert sum(shares) <= most
    assert all(share <= base for share, base in zip(shares, bases, strict=True))
    scale = min(most / float(np.dot(bases, weights)), 1 / max(weights))
    for share, base, weight in zip(shares, bases, weights, strict=True):
        assert share == pytest.approx(scale * base * weight, abs=1.01, rel=1e-9)


def test_one_genome_gives_all_it_has_or_as_much_as_is_asked_for() -> None:
    assert share_bases([123_456_789], [0.3], 10**12) == [123_456_789]
    assert share_bases([123_456_789], [0.3], 1000) == [1000]
    assert share_bases([900, 100], [1, 1], 500) == [450, 50]
    assert share_bases([900, 100], [1, 0.5], 10**6) == [900, 50]


def test_lines_are_the_train_windows_as_the_encoder_gives_them(
    fasta: Path, windows: Path, frequencies: Path
) -> None:
    genome = TrainingGenome(fasta, windows, frequencies)
    lines, read = read_lines(genome)
    assert lines.encoding == "snp"
    table, _ = read_windows(windows)
    train = table[table["split"] == "train"]
    with Genome(fasta) as opened:
        encoder = WindowEncoder(opened, FrequencyTable.open(frequencies), seed=1)
        expected = [
            encoder.encode(w.contig, w.start, w.end, strand=w.strand, pass_number=p).tobytes()
            for w, p in zip(train.itertuples(), train["pass"], strict=True)
        ]
    assert sorted(read) == sorted(expected)
    assert len(lines) == len(read) == lines.counts["windows_used"]
    assert lines.counts["bases_used"] == sum(map(len, read)) == lines.counts["bases"]
    assert lines.counts["marks_dropped"] == encoder.dropped_marks


def test_lines_are_the_same_for_any_threads(fasta: Path, windows: Path, frequencies: Path) -> None:
    genome = TrainingGenome(fasta, windows, frequencies)
    one = read_lines(genome, max_bases=50_000)[1]
    assert one == read_lines(genome, max_bases=50_000, threads=3)[1]
    assert 40_000 < sum(map(len, one)) <= 50_000


def test_genomes_share_the_bases_and_mix_their_encodings(
    fasta: Path, windows: Path, frequencies: Path
) -> None:
    plain = TrainingGenome(fasta, windows, weight=0.25)
    varying = TrainingGenome(fasta, windows, frequencies)
    lines, read = read_lines(plain, varying, max_bases=50_000)
    assert lines.encoding == "mixed"
    used = [one["bases_used"] for one in lines.counts["by_genome"]]
    assert sum(used) == sum(map(len, read)) == lines.counts["bases_used"]
    assert used == pytest.approx([10_000, 40_000], abs=1500)
    encoded = [max(line) > 4 for line in read]
    first = lines.counts["by_genome"][0]["windows_used"]
    assert not any(encoded[:first])
    assert any(encoded[first:])
    assert read_lines(plain, plain)[0].encoding == "ref"


def test_variants_that_do_not_fit_the_strategy_are_refused(fasta: Path, windows: Path) -> None:
    lines = TokenizerLines(
        [TrainingGenome(fasta, windows, haplotypes=fasta)],
        max_bases=1000,
        seed=0,
        strategy="paper",
    )
    with pytest.raises(UserError):
        list(lines)
