"""The benchmark's two sides: the published way and ours, on the same small dense VCF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import load_npz

from pybmfm.variants import FrequencyTable


def test_both_sides_of_the_benchmark_write_the_same_rows_but_for_what_differs_on_purpose(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    import dbsnp_like
    import variant_frequencies

    letters = dbsnp_like.write_genome(tmp_path / "genome.fa", 30_000, seed=0)
    records = dbsnp_like.write_variants(tmp_path / "variants.vcf.gz", letters, 0.36, 0.03, seed=0)
    assert records == pytest.approx(0.36 * len(letters), rel=0.05)
    variant_frequencies._ours(tmp_path, 1)
    variant_frequencies._peer(tmp_path)
    positions, p = FrequencyTable.open(tmp_path / "table").rows(dbsnp_like.CONTIG)
    theirs = load_npz(tmp_path / f"{dbsnp_like.CONTIG}.rows.npz").toarray()
    assert theirs.shape == (len(letters), 12)
    equal = np.abs(theirs[positions, :11] - p).max(axis=1) < 1e-3
    # Missing values, indels and rare alleles are treated otherwise; single SNPs are most.
    assert 0.7 < equal.mean() < 1
