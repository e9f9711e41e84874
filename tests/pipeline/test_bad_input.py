"""Bad input ends the pipeline with the command's sentence, and nothing is published."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.pipeline


def test_files_that_share_no_contig_say_what_each_has(nextflow, repository, tmp_path):
    (tmp_path / "genome.fa").write_text(">scaffold_7\n" + "ACGT" * 500 + "\n")
    (tmp_path / "variants.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr20\t5\t.\tA\tG\t.\t.\tFREQ=study:0.5,0.5;COMMON\n"
    )
    flags = ["--fasta", "genome.fa", "--vcf", "variants.vcf", "--max_cpus", "1"]
    outcome = nextflow("run", repository, *flags, cwd=tmp_path)
    assert outcome.code != 0
    message = next(line for line in outcome.text.splitlines() if "Error: " in line)
    assert "scaffold_7" in message
    assert "chr20" in message
    assert "exit status (2)" in outcome.text
    for name in ("frequencies", "corpora", "models", "report.html"):
        assert not (tmp_path / "results" / name).exists()


def test_disagreeing_reference_stops_the_run(nextflow, repository, tmp_path):
    (tmp_path / "genome.fa").write_text(">chr20\n" + "ACGT" * 500 + "\n")
    records = "".join(f"20\t{4 * n + 1}\t.\tC\tG\t.\t.\tAF=0.3\n" for n in range(40))
    (tmp_path / "variants.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + records
    )
    flags = ["--fasta", "genome.fa", "--vcf", "variants.vcf", "--max_cpus", "1"]
    outcome = nextflow("run", repository, *flags, cwd=tmp_path)
    assert outcome.code != 0
    assert "exit status (2)" in outcome.text
    message = next(line for line in outcome.text.splitlines() if "Error: " in line)
    assert "40" in message
    assert not (tmp_path / "results" / "frequencies" / "manifest.json").exists()
