"""Small valid inputs of every format, made once by the commands themselves."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pandas as pd
import pysam

from .running import run

ROWS = 8  # of a task table
VCF_HEADER = (
    "##fileformat=VCFv4.2",
    "##contig=<ID=chr1,length=3000>",
    "##contig=<ID=chr2,length=2000>",
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">',
    '##INFO=<ID=FREQ,Number=.,Type=String,Description="frequencies">',
    '##FILTER=<ID=PASS,Description="passed">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2",
)


def command(folder: Path, *arguments: str) -> None:
    """Run a command that must succeed."""
    ended = run(arguments, folder / "stderr.txt")
    assert ended.code == 0, f"{arguments}: {ended.stderr}{ended.crash}"


def make_inputs(root: Path) -> Path:
    """Make everything that is going to be damaged."""
    demo = root / "demo"
    lengths = ("--contig-length", "chr1=60000", "--contig-length", "chr2=40000")
    command(root, "simulate", "--out", str(demo), *lengths, "--task-rows", "60")
    _genome(root)
    _tables(root)
    command(root, "variant-frequencies", *_paths(root, fasta="g.fa", vcf="v.vcf", out="freq"))
    command(root, "sample-genome", *_paths(root, fasta="demo/genome.fa.gz", out="windows"))
    genome = _paths(root, fasta="demo/genome.fa.gz", windows="windows")
    size = ("--vocab-size", "200")
    command(root, "train-tokenizer", *genome, *size, *_paths(root, out="tokenizer"))
    command(root, "build-corpus", *genome, *_paths(root, tokenizer="tokenizer", out="corpus"))
    _models(root)
    _other_results(root)
    task = [f"--{name}={root / name}.csv" for name in ("train", "dev", "test")]
    for name in ("result", "result2"):
        chosen = ("--model", "majority", "--task", "demo", "--kind", "binary")
        chosen = (*chosen, "--seed", name[6:] or "1")
        command(root, "baseline", *chosen, *task, *_paths(root, out=f"results/{name}"))
    return root


def _paths(root: Path, **names: str) -> list[str]:
    return [f"--{key}={root / name}" for key, name in names.items()]


def _genome(root: Path) -> None:
    """A genome of two short contigs, variants on it in two spellings, and places on it."""
    lines = gzip.decompress((root / "demo" / "genome.fa.gz").read_bytes()).decode().split(">")
    bases = {}
    for number, (name, length) in enumerate({"chr1": 3000, "chr2": 2000}.items(), 1):
        text = "".join(lines[number].split("\n")[1:]).upper().replace("N", "A")
        bases[name] = text[5000 : 5000 + length]
    with (root / "g.fa").open("w") as fasta:
        for name, text in bases.items():
            rows = "\n".join(text[start : start + 60] for start in range(0, len(text), 60))
            fasta.write(f">{name}\n{rows}\n")
    (root / "indexed").mkdir()
    shutil.copyfile(root / "g.fa", root / "indexed" / "g.fa")
    pysam.faidx(str(root / "indexed" / "g.fa"))
    records = []
    for name, text in bases.items():
        for number, place in enumerate(range(100, len(text) - 100, 97)):
            ref = text[place : place + (2 if number % 5 == 4 else 1)]
            alt = ref[0] if len(ref) == 2 else "ACGT"[("ACGT".index(ref) + 1) % 4]
            info = f"AF=0.{number % 4 + 1};FREQ=A:0.9,0.1|B:0.8,0.2"
            cells = (name, place + 1, f"rs{number}", ref, alt, ".", "PASS", info)
            records.append("\t".join([*map(str, cells), "GT", "0|1", "1|0"]))
    (root / "v.vcf").write_text("\n".join([*VCF_HEADER, *records]) + "\n")
    rows = [f"chr1\t{s}\t{s + 300}\tp{s}\t5\t+" for s in range(50, 2500, 200)]
    (root / "places.bed").write_text("\n".join(rows) + "\n")


def _tables(root: Path) -> None:
    """Task tables of short sequences."""
    for name in ("train", "dev", "test"):
        rows = (root / "demo" / "tasks" / "promoter" / f"{name}.csv").read_text().split("\n")
        (root / f"{name}.csv").write_text("\n".join(rows[: ROWS + 1]).rstrip("\n") + "\n")
    table = pd.read_csv(root / "test.csv", dtype=str)
    table.to_parquet(root / "test.parquet", index=False)
    table.to_csv(root / "test.tsv", sep="\t", index=False)
    splits = ("train", "val", "test")
    library = table.assign(name=table["id"], split=[splits[n % 3] for n in range(len(table))])
    library = library.assign(K562=[f"{n / 7:.3f}" for n in range(len(table))])
    library[["name", "split", "sequence", "K562"]].to_csv(root / "mpra.tsv", sep="\t", index=False)
    (root / "sequences.fa").write_text(
        "".join(f">s{number}\n{text}\n" for number, text in enumerate(table["sequence"]))
    )


def _other_results(root: Path) -> None:
    """What a report shows beside results: scores, embeddings, figures of training, tables."""
    scored = _paths(root, checkpoint="model", fasta="g.fa", vcf="v.vcf", out="scored.vcf.gz")
    command(root, "score-variants", *scored, "--window", "60")
    (root / "scored.vcf").write_bytes(gzip.decompress((root / "scored.vcf.gz").read_bytes()))
    sequences = _paths(root, checkpoint="model", input="sequences.fa", out="embedded.parquet")
    command(root, "embed", *sequences)
    corpus = _paths(root, corpus="corpus", tokenizer="tokenizer", out="pretrained")
    few = ("--preset", "tiny", "--steps", "2", "--tokens-per-batch", "512")
    command(root, "pretrain", *corpus, *few, "--max-validation-tokens", "2000")
    named = (f"--tokenizer=a={root / 'tokenizer'}", f"--corpus=a={root / 'corpus'}")
    command(root, "compare-tokenizers", *named, *_paths(root, out="comparison"))
    genome = _paths(root, corpus="corpus", fasta="demo/genome.fa.gz", out="audit")
    command(root, "audit-leakage", *genome)


def _models(root: Path) -> None:
    """A pretrained and a fine-tuned model of random weights."""
    from pybmfm.model import build_config, build_model, save_checkpoint
    from pybmfm.tokenizer import DnaTokenizer

    tokenizer = DnaTokenizer.load(root / "tokenizer")
    config = build_config(
        "modernbert",
        "tiny",
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
        max_length=128,
    )
    save_checkpoint(root / "model", build_model(config, seed=1), tokenizer, card={})
    task = [f"--{name}={root / name}.csv" for name in ("train", "dev", "test")]
    options = ("--kind", "binary", "--epochs", "1", "--save-model")
    command(root, "finetune", *_paths(root, checkpoint="model", out="tuned"), *task, *options)
    shutil.move(root / "tuned" / "model", root / "predictor")
