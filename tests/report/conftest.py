"""Results written by hand, as the stages write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.core import output_directory, write_manifest, write_table
from pybmfm.evaluation import save_result
from pybmfm.tasks import TaskTable
from pybmfm.variants.table import write_rows

VCF = """##fileformat=VCFv4.2
##pybmfm_score_variants=<Version=0.1.0,Model="snp">
##INFO=<ID=BMFM_LLR,Number=A,Type=Float,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("run") / "results")


@pytest.fixture(scope="session")
def leaky_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("leaky") / "results", shared=512)


def make_results(root: Path, shared: int = 0) -> Path:
    """A small result of every kind: two models, two tasks (one cell missing), two seeds."""
    _frequencies(root / "frequencies")
    _simple(root / "windows", "windows", counts=WINDOWS, leakage=_leakage(shared))
    for encoding in ("ref", "snp"):
        _simple(
            root / f"tokenizers/{encoding}",
            "tokenizer",
            encoding=encoding,
            vocab_size=200,
            tokens={"tokens_with_variants": 12, "longest": 9},
        )
        counts = {"train": {"windows": 8, "tokens": 100, "nucleotides": 500, "variant_tokens": 4}}
        symbols = [100] * 5 + [7 if encoding == "snp" else 0] * 127
        _simple(
            root / f"corpora/{encoding}",
            "corpus",
            encoding=encoding,
            counts=counts,
            symbols=symbols,
        )
        _checkpoint(root / f"pretrained/{encoding}", encoding)
    _comparison(root / "tokenizers/comparison")
    for task in ("promoter", "activity<1>"):
        for model in ("scratch", "ref", "snp", "kmer-logistic"):
            for seed in (0, 1):
                if (task, model) != ("activity<1>", "scratch"):
                    make_result(root, task, model, seed)
    _scores(root / "scores/scored.vcf.gz")
    return root


WINDOWS = {
    "windows": {"train": 8, "dev": 2, "test": 2},
    "dropped": {"all_n": 3},
    "acgt_bases": 1000,
    "covered_acgt": 900,
}


def _leakage(amount: int) -> dict[str, object]:
    by_pair = {"train-dev": 0, "train-test": amount, "dev-test": 0}
    return {"shared_bp": amount, "by_pair": by_pair}


def _simple(folder: Path, artefact: str, **sections: object) -> None:
    with output_directory(folder) as staging:
        write_manifest(staging, artefact=artefact, settings={"seed": 0}, **sections)


def _frequencies(folder: Path) -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(11), 30).astype(np.float32)
    counts = {"read": 40, "used": 30, "dropped": {"reference_mismatch": 1, "symbolic": 9}}
    classes = {"snv": 20, "mnv": 1, "insertion": 4, "deletion": 5, "complex": 0}
    facts = {
        "variant_classes": classes,
        "transitions": 14,
        "transversions": 6,
        "titv": 14 / 6,
        "frequency_spectrum": {"edges": [0, 0.01, 0.1, 1.0], "counts": [3, 7, 20]},
    }
    contigs = {
        "chr1": {"positions": 30, **counts, **facts},
        "chr2": {"positions": 0, "read": 0, "used": 0},
    }
    with output_directory(folder) as staging:
        for contig, rows in (("chr1", 30), ("chr2", 0)):
            write_rows(
                staging,
                contig,
                np.arange(rows, dtype=np.int32),
                p[:rows],
                length=100,
                sequence_digest="0",
                haploid=False,
            )
        (staging / "density.tsv").write_text(
            "contig\tstart\tend\tpositions\nchr1\t0\t50\t20\nchr1\t50\t100\t10\n"
        )
        write_manifest(
            staging,
            artefact="frequency-table",
            settings={"min_frequency": 0.001},
            inputs=[],
            contigs=contigs,
            alleles_dropped={"star": 2},
            rows_scaled=1,
            frequency_fields={"FREQ": 30},
            assembly="GRCh38",
            contigs_only_in_vcf=["Y", "GL000220.1"],
            records_only_in_vcf={"Y": 1_012},
            titv=14 / 6,
            **counts,
        )


def _checkpoint(folder: Path, encoding: str) -> None:
    dev = {"bits_per_nucleotide": 1.9, "bits_per_nucleotide_variant_free": 1.8}
    bits = 1.75 if encoding == "ref" else 1.77
    with output_directory(folder) as staging:
        speed = {"mfu": None, "padding_share": 0.0, "peak_memory_bytes": 2_000_000}
        lines = [
            {"step": s, "loss": 5.0 - s / 10, "tokens_per_second": 1000.0 * s, **speed}
            for s in range(1, 6)
        ]
        lines += [{"step": 5, **{f"dev_{k}": v for k, v in dev.items()}}]
        text = "".join(json.dumps(line) + "\n" for line in lines) + '{"step": 6, "lo'
        (staging / "progress.jsonl").write_text(text)
        test = {"bits_per_nucleotide": 2.0, "bits_per_nucleotide_variant_free": bits}
        best = {"step": 4, "bits_per_nucleotide": 1.85, "folder": "best"}
        (staging / "metrics.json").write_text(
            json.dumps({"dev": dev, "test": test, "best_dev": best})
        )
        write_manifest(
            staging,
            artefact="checkpoint",
            settings={"steps": 5},
            encoding=encoding,
            parameters=1234,
            counts={"steps": 5},
        )
    inner = folder / "checkpoints/step-5"
    _simple(inner, "checkpoint", encoding=encoding)


def _comparison(folder: Path) -> None:
    import pandas as pd
    from matplotlib.figure import Figure

    with output_directory(folder) as staging:
        write_table(
            pd.DataFrame({"tokenizer": ["ref", "snp"], "tokens": [195, 195]}),
            staging / "summary.tsv",
        )
        Figure(figsize=(1, 1)).savefig(staging / "comparison.png")
        (staging / "comparison.svg").write_text("<svg/>")
        write_manifest(staging, artefact="tokenizer-comparison", settings={})


def make_result(root: Path, task: str, model: str, seed: int, train_rows: int = 100) -> None:
    """A binary result: SNP is good, REF by chance, the others between."""
    rng = np.random.default_rng([seed, len(model)])
    truth = np.arange(40) % 2
    signal = {"snp": 3.0, "ref": 0.0}.get(model, 0.7)
    chance = 1 / (1 + np.exp(-(signal * (2 * truth - 1) + rng.normal(size=40))))
    scores = np.stack([1 - chance, chance], 1).astype(np.float32)
    table = TaskTable(
        ids=[str(i) for i in range(40)],
        sequences=["ACGT"] * 40,
        kind="binary",
        targets=truth,
        classes=["no", "yes"],
        groups=[str(i) for i in range(40)],
        encoded=False,
        counts={},
    )
    with output_directory(root / f"results/{task}.{model}.{train_rows}.{seed}") as staging:
        save_result(
            staging,
            task=task,
            model=model,
            seed=seed,
            kind="binary",
            metric="mcc",
            classes=["no", "yes"],
            table_dev=table,
            scores_dev=scores,
            table_test=table,
            scores_test=scores,
            extra={"train_rows": train_rows, "parameters": 9},
        )
        counts = {"train": {"read": 100, "used": 100, "truncated": 7}}
        write_manifest(staging, artefact="result", settings={}, counts=counts)


def _scores(path: Path) -> None:
    path.parent.mkdir(parents=True)
    rows = [
        f"chr1\t{i + 1}\t.\tA\tC\t.\t.\tBMFM_LLR={i / 10 - 2};CLNSIG=Pathogenic" for i in range(30)
    ]
    rows += ["chr1\t90\t.\tA\tAT,<X>\t.\t.\tBMFM_LLR=-1,.;BMFM_NOTE=2:symbolic_allele"]
    with pysam.BGZFile(str(path), "wb", None) as handle:
        handle.write((VCF + "".join(row + "\n" for row in rows)).encode())
