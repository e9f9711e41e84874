"""Bad input ends the pipeline with the command's sentence, and nothing is published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..small_checkpoint import make_checkpoint

pytestmark = pytest.mark.pipeline

# Windows need the genome alone: those of a whole one are published beside damaged variants.
PUBLISHED = ("frequencies", "tokenizers", "corpora", "models", "embeddings")


def cut(path: Path) -> None:
    """Lose the last third of a file, as a copy does that was broken off."""
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def genome_and_variants(folder: Path) -> list[str]:
    """A compressed genome with compressed variants."""
    import pysam

    (folder / "genome.fa").write_text(">chr20\n" + "ACGT" * 20_000 + "\n")
    records = "".join(f"chr20\t{4 * n + 1}\t.\tA\tG\t.\t.\tAF=0.3\n" for n in range(4000))
    (folder / "variants.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + records
    )
    for name in ("genome.fa", "variants.vcf"):
        pysam.tabix_compress(str(folder / name), str(folder / f"{name}.gz"))
    return ["--fasta", "genome.fa.gz", "--vcf", "variants.vcf.gz"]


def truncated_genome(folder: Path, artefacts: Path) -> tuple[list[str], str]:
    flags = genome_and_variants(folder)
    cut(folder / "genome.fa.gz")
    return flags, "genome.fa.gz: is truncated or damaged"


def truncated_variants(folder: Path, artefacts: Path) -> tuple[list[str], str]:
    flags = genome_and_variants(folder)
    cut(folder / "variants.vcf.gz")
    return flags, "is truncated or damaged"


def changed_corpus(folder: Path, artefacts: Path) -> tuple[list[str], str]:
    shutil.copytree(artefacts / "corpus", folder / "corpus")
    flip_a_byte(next((folder / "corpus/train").glob("*.arrow")))
    tokenizer = str(artefacts / "tokenizer")
    return ["--corpus", "corpus", "--tokenizer", tokenizer, "--encodings", "ref"], "SHA-256 differs"


def truncated_model(folder: Path, artefacts: Path) -> tuple[list[str], str]:
    make_checkpoint(folder / "model", "ACGTTGCAAGGCT" * 20, "ref")
    cut(folder / "model/model.safetensors")
    (folder / "sequences.csv").write_text("sequence\nACGTACGT\n")
    flags = ["--checkpoint", "model", "--encodings", "ref", "--embed_input", "sequences.csv"]
    return flags, "model.safetensors: cannot be loaded"


@pytest.mark.parametrize(
    "damage", [truncated_genome, truncated_variants, changed_corpus, truncated_model]
)
def test_damaged_files_are_one_sentence_and_publish_nothing(
    nextflow, repository, finished_artefacts, tmp_path, damage: Callable
):
    flags, sentence = damage(tmp_path, finished_artefacts)
    outcome = nextflow("run", repository, *flags, "--max_cpus", "1", cwd=tmp_path)
    assert outcome.code != 0
    said = {line.strip() for line in outcome.text.splitlines() if "Error: " in line}
    assert len(said) == 1
    assert sentence in said.pop()
    assert "exit status (2)" in outcome.text
    assert "Traceback" not in outcome.text
    published = [name for name in PUBLISHED if (tmp_path / "results" / name).exists()]
    assert not published


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
