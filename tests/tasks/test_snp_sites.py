"""Where the records of disease files lie."""

from __future__ import annotations

from pathlib import Path

from pybmfm.genome import Genome
from pybmfm.tasks.snp_sites import SnpSites


def test_a_length_says_nothing_where_two_contigs_have_it(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(f">scaffold_a\n{'ACGTA' * 100}\n>scaffold_b\n{'ACGTC' * 60}\n")
    with Genome(fasta) as genome:
        sites = SnpSites(genome, fasta, lengths={"x": 500, "y": 500, "z": 300})
        assert [sites.contig(name) for name in "xyz"] == [None, None, "scaffold_b"]
