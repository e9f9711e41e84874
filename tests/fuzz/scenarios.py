"""Which file of which command is damaged how, and what must hold where the command went on."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .mutations import BYTES, JSON, PARQUET, TEXT, WEIGHTS, Generator, Mutation

Check = Callable[[Path], object]


@dataclass(frozen=True)
class Scenario:
    """A command on one damaged file.

    Attributes
    ----------
    format
        What is counted together.
    source, victim
        The file or folder that is copied, and the file in it that is damaged (none for a file).
    arguments
        Of the command; ``<in>`` is the damaged copy, ``<root>`` where the whole inputs are,
        ``<out>`` the output.
    mutations
        What may be done to the victim.
    check
        Called with the output of a command that went on.
    out
        Name of the output.
    beside
        Files that are copied along, such as an index.
    packed
        Whether the victim is bgzipped after it was damaged.
    """

    format: str
    source: str
    arguments: str
    check: Check
    mutations: Sequence[Mutation] = TEXT
    victim: str = ""
    out: str = "out"
    beside: Sequence[str] = ()
    packed: bool = False

    def prepare(self, root: Path, folder: Path, rng: Generator) -> tuple[list[str], str]:
        """Copy and damage the input; returns the arguments, and what was done."""
        copy = folder / "in" / Path(self.source).name
        copy.parent.mkdir(parents=True)
        for name in (self.source, *self.beside):
            place = copy.with_name(Path(name).name)
            if (root / name).is_dir():
                shutil.copytree(root / name, place)
            else:
                shutil.copyfile(root / name, place)
        victim = copy / self.victim if self.victim else copy
        content, done = victim.read_bytes(), []
        for _ in range(1 if rng.random() < 0.8 else 2):
            mutation = self.mutations[rng.integers(0, len(self.mutations))]
            try:
                content = mutation(content, rng)
            except (ValueError, OSError, pa.ArrowException, OverflowError):
                break  # a second one finds nothing to change in what the first one left
            done.append(mutation.__name__)
        victim.write_bytes(content)
        if self.packed:
            import pysam

            pysam.tabix_compress(str(victim), f"{victim}.gz", force=True)
            copy = copy.with_name(f"{copy.name}.gz")
        places = {"<in>": copy, "<root>": root, "<out>": folder / "work" / self.out}
        arguments = self.arguments.split()
        for name, place in places.items():
            arguments = [part.replace(name, str(place)) for part in arguments]
        return arguments, " + ".join(done)


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    assert sorted(content["files"]) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )
    return content


def adds_up(counts: dict[str, Any]) -> None:
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values()), counts


def frequencies(folder: Path) -> None:
    from pybmfm.variants import FrequencyTable

    content = manifest(folder)
    adds_up(content)
    assert content["used"] > 0
    table = FrequencyTable.open(folder)
    assert list(table.contigs) == list(content["contigs"])


def contigs(path: Path) -> None:
    header, *rows = path.read_text().splitlines()
    assert header.split("\t") == ["contig", "length", "vcf_name"]
    assert rows
    for row in rows:
        assert int(row.split("\t")[1]) > 0


def fasta(path: Path) -> None:
    records = path.read_text().split(">")[1:]
    assert records
    for record in records:
        header, *lines = record.splitlines()
        start, end = map(int, header.rpartition(":")[2].partition("(")[0].split("-"))
        assert len("".join(lines)) == end - start + 1


def windows(folder: Path) -> None:
    table = pq.read_table(folder / "windows.parquet")
    assert len(table) == sum(manifest(folder)["counts"]["windows"].values()) > 0


def rows(path: Path) -> None:
    counts = json.loads(path.with_name(f"{path.name}.manifest.json").read_text())["counts"]
    adds_up(counts)
    assert len(pq.read_table(path)) == counts["used"] > 0


def tasks(folder: Path) -> None:
    content = manifest(folder)
    assert (folder / "tasks.csv").read_text().count("\n") >= 2
    for one in content.get("tasks", {}).values():
        if "counts" in one:
            adds_up(one["counts"])


def embeddings(path: Path) -> None:
    table = pq.read_table(path)
    assert len(table) > 0
    assert np.isfinite(np.array(table["embedding"].to_pylist())).all()


def predictions(path: Path) -> None:
    table = pq.read_table(path).to_pandas()
    assert len(table) > 0
    numbers = table.select_dtypes("number")
    assert not np.isinf(numbers.to_numpy(dtype=float)).any()  # NaN: a record that is no SNV


def scored(path: Path) -> None:
    import pysam

    # Lines are passed on as they are, so a header that was damaged still is; the index fits.
    lines = [one for one in gzip.decompress(path.read_bytes()).split(b"\n") if one[:1] != b"#"]
    with pysam.TabixFile(str(path), encoding="latin-1") as indexed:
        assert sum(1 for _ in indexed.fetch()) == len(lines) - 1 > 0
    assert b"BMFM_" in lines[0]


def result(folder: Path) -> None:
    content = manifest(folder)
    for one in content["counts"].values():
        adds_up(one)
    table = pq.read_table(folder / "predictions.parquet")
    assert len(table) == content["counts"]["dev"]["used"] + content["counts"]["test"]["used"]


def report(folder: Path) -> None:
    manifest(folder)
    shown = [*folder.rglob("*.html"), *folder.rglob("*_mqc.json")]
    assert shown
    for path in shown:
        assert "<script>alert" not in path.read_text(), path


def corpus(folder: Path) -> None:
    from pybmfm.corpus import TokenCorpus

    for split in manifest(folder)["counts"]:
        TokenCorpus(folder, split)


DEMO = "--fasta <root>/demo/genome.fa.gz --out <out>"
GENOME = "--fasta <root>/g.fa --out <out>"
P, V = "out.parquet", "out.vcf.gz"

VCF = (
    Scenario("VCF", "v.vcf", f"variant-frequencies --vcf <in> {GENOME}", frequencies),
    Scenario("VCF", "v.vcf", f"variant-frequencies --vcf <in> {GENOME}", frequencies, packed=True),
    Scenario(
        "VCF",
        "v.vcf",
        f"score-variants --checkpoint <root>/model --vcf <in> --window 60 {GENOME}",
        scored,
        out=V,
    ),
    Scenario(
        "VCF",
        "v.vcf",
        f"predict --checkpoint <root>/predictor --input <in> --flank 30 {GENOME}",
        predictions,
        out=P,
    ),
    Scenario("VCF", "v.vcf", f"list-contigs --vcf <in> {GENOME}", contigs),
    Scenario(
        "VCF",
        "v.vcf",
        f"encode-genome --strategy haplotypes --haplotypes <in> {GENOME}",
        fasta,
        packed=True,
    ),
)

EMBED = "embed --checkpoint <root>/model --input <in> --out <out>"
PREDICT = "predict --checkpoint <root>/predictor --input <in> --out <out>"
ENCODE = "encode-genome --frequencies <root>/freq --out <out> --fasta"
FASTA = (
    Scenario("FASTA", "g.fa", "list-contigs --fasta <in> --out <out>", contigs),
    Scenario("FASTA", "g.fa", f"{ENCODE} <in>", fasta),
    Scenario("FASTA", "g.fa", f"{ENCODE} <in>", fasta, beside=("indexed/g.fa.fai",)),
    Scenario("FASTA", "g.fa", "sample-genome --fasta <in> --out <out> --max-length 1000", windows),
    Scenario(
        "FASTA",
        "g.fa",
        "variant-frequencies --fasta <in> --vcf <root>/v.vcf --out <out>",
        frequencies,
    ),
    Scenario("FASTA", "sequences.fa", EMBED, embeddings, out=P),
    Scenario("FASTA", "sequences.fa", PREDICT, predictions, out=P),
    Scenario("FASTA index", "indexed", f"{ENCODE} <in>/g.fa", fasta, victim="g.fa.fai"),
)

PLACES = (
    Scenario("BED", "places.bed", f"encode-sequences --input <in> {GENOME}", rows, out=P),
    Scenario("BED", "demo/peaks.narrowPeak", f"build-task tf --peaks <in> {DEMO}", tasks),
    Scenario("BED", "demo/tss.bed", f"build-task promoter --tss <in> {DEMO}", tasks),
    Scenario("GTF", "demo/genes.gtf", f"build-task splice --gtf <in> {DEMO}", tasks),
    Scenario("GTF", "demo/genes.gtf", f"build-task promoter --gtf <in> {DEMO}", tasks),
)

BASELINE = (
    "baseline --model majority --kind binary --train <in> --dev <root>/dev.csv "
    "--test <root>/test.csv --out <out>"
)
TABLES = (
    Scenario("CSV", "train.csv", BASELINE, result),
    Scenario("CSV", "test.csv", EMBED, embeddings, out=P),
    Scenario("CSV", "test.csv", PREDICT, predictions, out=P),
    Scenario("TSV", "test.tsv", EMBED, embeddings, out=P),
    Scenario("TSV", "test.tsv", BASELINE, result),
    Scenario("TSV", "mpra.tsv", "build-task mpra --input <in> --out <out>", tasks),
    Scenario("Parquet", "test.parquet", EMBED, embeddings, PARQUET, out=P),
    Scenario("Parquet", "test.parquet", BASELINE, result, PARQUET),
)

SUMMARY = "summarize --results <in> --out <out>"
RESULTS = (
    Scenario("result folder", "results", SUMMARY, report, PARQUET, "result/predictions.parquet"),
    Scenario("result folder", "results", SUMMARY, report, JSON, "result/metrics.json"),
    Scenario("result folder", "results", SUMMARY, report, JSON, "result/manifest.json"),
    Scenario("other results", "scored.vcf.gz", SUMMARY, report, BYTES),
    Scenario("other results", "scored.vcf", SUMMARY, report, packed=True),
    Scenario("other results", "embedded.parquet", SUMMARY, report, PARQUET),
    Scenario("other results", "pretrained", SUMMARY, report, JSON, "metrics.json"),
    Scenario("other results", "pretrained", SUMMARY, report, TEXT, "progress.jsonl"),
    Scenario("other results", "freq", SUMMARY, report, TEXT, "density.tsv"),
    Scenario("other results", "audit", SUMMARY, report, TEXT, "leakage.tsv"),
    Scenario("other results", "comparison", SUMMARY, report, TEXT, "summary.tsv"),
)

PREDICTOR = "predict --checkpoint <in> --input <root>/test.csv --out <out>"
MODEL = "embed --checkpoint <in> --input <root>/sequences.fa --out <out>"
MODELS = (
    *(
        Scenario("model folder", "predictor", PREDICTOR, predictions, mutations, victim, out=P)
        for victim, mutations in (
            ("config.json", JSON),
            ("head.json", JSON),
            ("tokenizer.json", JSON),
            ("model.safetensors", WEIGHTS),
            ("head.safetensors", WEIGHTS),
            ("manifest.json", JSON),
        )
    ),
    *(
        Scenario("model folder", "model", MODEL, embeddings, mutations, victim, out=P)
        for victim, mutations in (
            ("config.json", JSON),
            ("tokenizer.json", JSON),
            ("tokenizer_config.json", JSON),
            ("model.safetensors", WEIGHTS),
        )
    ),
)

SPLITS = " ".join(f"--{split} <in>/promoter/{split}.csv" for split in ("train", "dev", "test"))
MANIFESTS = (
    *(
        Scenario("manifest", source, arguments, check, JSON, "manifest.json")
        for source, arguments, check in (
            ("freq", "merge-frequencies --frequencies <in> --out <out>", frequencies),
            ("freq", f"encode-genome --frequencies <in> {GENOME}", fasta),
            (
                "windows",
                f"build-corpus --windows <in> --tokenizer <root>/tokenizer {DEMO}",
                corpus,
            ),
            (
                "tokenizer",
                f"build-corpus --windows <root>/windows --tokenizer <in> {DEMO}",
                corpus,
            ),
            (
                "corpus",
                "compare-tokenizers --tokenizer a=<root>/tokenizer --corpus a=<in> --out <out>",
                manifest,
            ),
            ("model", "publish --checkpoint <in> --to-folder <out>", manifest),
            (
                "demo/tasks",
                f"baseline --model majority --kind binary {SPLITS} --out <out>",
                result,
            ),
        )
    ),
    *(
        Scenario("manifest in a report", source, SUMMARY, report, JSON, "manifest.json")
        for source in (
            "freq",
            "windows",
            "tokenizer",
            "corpus",
            "model",
            "demo/tasks",
            "demo",
            "tuned",
        )
    ),
)

SCENARIOS = (*VCF, *FASTA, *PLACES, *TABLES, *RESULTS, *MODELS, *MANIFESTS)
