"""Sections on models: pretraining, scores of variants, versions."""

from __future__ import annotations

import gzip
import json
import math
import platform
import statistics
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from pybmfm import __version__
from pybmfm.core import UserError
from pybmfm.core.manifest_types import check_json, is_number
from pybmfm.core.ownership import read_json_object
from pybmfm.core.provenance import source_digest
from pybmfm.report.collect import Artefact, Collection
from pybmfm.report.content import Section, bullets, picture, reasons, table
from pybmfm.report.figures import draw_learning_curves, draw_scores

# Quantity in the log: heading, axis.
CURVES = {
    "dev_bits_per_nucleotide": ("Dev bits per nucleotide", "bits per nucleotide"),
    "loss": ("Training loss", "nats per masked token"),
    "dev_perplexity": ("Dev perplexity", "perplexity"),
    "dev_accuracy_variant": ("Dev accuracy on masked variant tokens", "share predicted right"),
    "gradient_norm": ("Gradient norm", "norm before clipping"),
}
SPEED = {
    "tokens_per_second": "tokens/s",
    "mfu": "MFU",
    "padding_share": "share of padding",
    "data_wait_share": "share of time waiting for data",
    "peak_memory_bytes": "peak memory, bytes",
}
METRICS_FILE = "metrics.json"
FIGURES = ("bits_per_nucleotide", "bits_per_nucleotide_variant_free", "accuracy_variant")
METRICS_TYPES = {
    **{f"{split}?": {f"{name}?": float for name in FIGURES} for split in ("dev", "test")},
    "best_dev?": {"step?": int, "bits_per_nucleotide?": float, "folder?": str},
}
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pyarrow", "scikit-learn", "pysam")


def pretraining_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Learning curves and final figures of every checkpoint that was pretrained here."""
    models = [one for one in found.of("checkpoint") if read_progress(one.folder)]
    finals = {one.name: final_metrics(one) for one in found.of("checkpoint")}
    columns = (
        "model",
        "encoding",
        "steps",
        "parameters",
        *(
            f"{split} {name}"
            for split in ("dev", "test")
            for name in ("bits/nt", "bits/nt, variant-free tokens", "accuracy on variant tokens")
        ),
    )
    rows = []
    for one in found.of("checkpoint"):
        final = finals[one.name]
        rows.append(
            (
                one.name,
                one.manifest.get("encoding", ""),
                one.manifest.get("counts", {}).get("steps"),
                one.manifest.get("parameters"),
                *(final.get(split, {}).get(key) for split in ("dev", "test") for key in FIGURES),
            )
        )
    yield Section(
        "pybmfm_pretraining",
        "Final figures",
        "On the held-out splits; models of different encodings can only be compared on tokens "
        "without variants.",
        table(columns, rows, "Missing: no pretrained model is among the results.")
        + bullets([*_bits_sentences(found, finals), *_best_sentences(found)]),
    )
    curves = learning_curves(models)
    if any(curves.values()):
        draw_learning_curves(figures, curves)
    for quantity, (name, label) in CURVES.items():
        if curves[quantity]:
            yield Section(
                "pybmfm_pretraining",
                f"Learning curve: {name}",
                f"{name} against training steps; a curve that still falls would gain from more "
                "steps.",
                plot={
                    "plot_type": "linegraph",
                    "pconfig": {"title": name, "xlab": "step", "ylab": label, "showlegend": True},
                    # Pairs, because JSON makes text of keys and MultiQC would sort 100 before 20.
                    "data": {
                        name: sorted(points.items()) for name, points in curves[quantity].items()
                    },
                },
            )
    speeds = list(map(speed_row, models))
    if any(row[1] is not None for row in speeds):
        yield Section(
            "pybmfm_pretraining",
            "Speed",
            "Medians over the steps. Tokens are real ones; MFU is the share of the device's peak "
            "that the model's own operations make up, and empty where the peak is not known.",
            table(("model", *SPEED.values()), speeds),
        )


@dataclass
class Scores:
    """Counts and LLR values of one scored VCF."""

    records: int = 0
    alleles: int = 0
    scored: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    by_class: dict[str, list[float]] = field(default_factory=dict)
    about: str = ""


def score_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Counts and distribution of the scores of every scored VCF."""
    if not found.scored:
        yield Section("pybmfm_scores", "Scores", "Missing: no scored VCF is among the results.")
    for place, path in enumerate(found.scored, start=1):
        scores = read_scores(path)
        rows = [
            (label, len(values), statistics.median(values), statistics.fmean(values))
            for label, values in scores.by_class.items()
        ]
        content = table(("class", "alleles", "median LLR", "mean LLR"), rows, "No allele.")
        content += bullets([f"Without a score: {reasons(scores.notes)}.", scores.about])
        if scores.scored:
            name = f"scores_{place}"
            draw_scores(figures, name, scores.by_class)
            content += picture(figures / f"{name}.png", f"distribution of LLR in {path.name}")
        yield Section(
            "pybmfm_scores",
            path.name,
            f"{scores.records:,} records; {scores.scored:,} of {scores.alleles:,} alternate "
            "alleles have a score.",
            content,
        )
    if found.embeddings:
        yield Section(
            "pybmfm_scores",
            "Embeddings",
            "One vector per sequence.",
            table(("file", "sequences", "width"), list(map(_embedding_row, found.embeddings))),
        )


def version_sections(found: Collection) -> Iterator[Section]:
    """Versions that made the artefacts, and those that made this report."""
    made = Counter(
        (str(one.manifest.get("pybmfm", "")), str(one.manifest.get("source_digest", "")))
        for artefacts in found.artefacts.values()
        for one in artefacts
    )
    rows = [(version, digest, count) for (version, digest), count in sorted(made.items())]
    yield Section(
        "pybmfm_versions",
        "pybmfm",
        "All artefacts come from one version of the source."
        if len(made) <= 1
        else "The artefacts come from different versions of the source.",
        table(("pybmfm", "source digest", "artefacts"), rows),
    )
    here = [
        ("Python", platform.python_version()),
        ("pybmfm", f"{__version__} ({source_digest()})"),
        *((name, _version(name)) for name in PACKAGES),
    ]
    yield Section(
        "pybmfm_versions",
        "This report",
        "Packages of the environment that wrote this report.",
        table(("package", "version"), here),
    )


def read_progress(folder: Path) -> list[dict[str, Any]]:
    """Read the records of ``progress.jsonl``; a line cut off by a kill is left out."""
    path = folder / "progress.jsonl"
    records = []
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and is_number(record.get("step")):
            records.append(record)
    return records


def learning_curves(models: list[Artefact]) -> dict[str, dict[str, dict[int, float]]]:
    """Return quantity, model, step: value; a step logged again counts once."""
    curves: dict[str, dict[str, dict[int, float]]] = {quantity: {} for quantity in CURVES}
    for model in models:
        for record in read_progress(model.folder):
            for quantity in CURVES:
                value = record.get(quantity)
                if is_number(value):
                    curves[quantity].setdefault(model.name, {})[int(record["step"])] = float(value)
    return curves


def speed_row(model: Artefact) -> tuple[object, ...]:
    """Return a model's name and the medians of its ``SPEED``; memory is the most of all steps."""
    log = read_progress(model.folder)
    row: list[object] = [model.name]
    for quantity in SPEED:
        values = [one[quantity] for one in log if is_number(one.get(quantity))]
        summary = max if quantity == "peak_memory_bytes" else statistics.median
        value = summary(values) if values else None
        row.append(value if value is None or value < 100 else round(value))  # no parts of tokens
    return tuple(row)


def final_metrics(model: Artefact) -> dict[str, dict[str, Any]]:
    """``dev`` and ``test`` figures: those of ``metrics.json``, else of the manifest."""
    content = _pretraining_metrics(model)
    if content is not None:
        return {split: content.get(split) or {} for split in ("dev", "test")}
    shown = model.manifest.get("metrics") or {}
    return {
        split: {key.partition(" ")[2]: v for key, v in shown.items() if key.startswith(split)}
        for split in ("dev", "test")
    }


def _pretraining_metrics(model: Artefact) -> dict[str, Any] | None:
    path = model.folder / METRICS_FILE
    if not path.is_file():
        return None
    content = read_json_object(path)
    check_json(content, METRICS_TYPES, path, METRICS_FILE)
    return content


def read_scores(path: Path) -> Scores:
    """Read counts, notes and LLR by class of a VCF: kind of variant, CLNSIG or CLASS if given."""
    scores = Scores()
    try:
        with gzip.open(path, "rt", errors="replace") as handle:
            for line in handle:
                _add_line(scores, line)
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise UserError(
            f"cannot be read as scored variants ({error})", file=path, remedy="score them again"
        ) from error
    scores.by_class = dict(sorted(scores.by_class.items()))
    return scores


def _add_line(scores: Scores, line: str) -> None:
    if line.startswith("##pybmfm_score_variants="):
        settings = line.partition("<")[2].strip().rstrip(">").replace('"', "").split(",")
        shown = [one for one in settings if not one.startswith("Sha256=")]
        scores.about = f"Made with {', '.join(shown)}."
    elif not line.startswith("#"):
        _add_record(scores, line.rstrip("\n").split("\t"))


def _add_record(scores: Scores, columns: list[str]) -> None:
    info = dict(item.partition("=")[::2] for item in columns[7].split(";"))
    scores.records += 1
    for note in filter(None, info.get("BMFM_NOTE", "").split(",")):
        scores.notes[note.rpartition(":")[2]] += 1
    alts = [] if columns[4] == "." else columns[4].split(",")
    scores.alleles += len(alts)
    values = info.get("BMFM_LLR", "").split(",")
    significance = info.get("CLNSIG", info.get("CLASS", "")).split("|")[0].split(",")[0]
    for alt, value in zip(alts, values, strict=False):
        if value in ("", "."):
            continue
        scores.scored += 1
        label = _variant_class(columns[3], alt)
        if significance:
            label = f"{label}, {significance.replace('_', ' ')}"
        score = float(value)
        if not math.isfinite(score):
            raise ValueError("a score is not a finite number")
        scores.by_class.setdefault(label, []).append(score)


def _variant_class(ref: str, alt: str) -> str:
    if len(ref) == len(alt):
        return "SNV" if len(ref) == 1 else "substitution of several bases"
    return "deletion" if len(ref) > len(alt) else "insertion"


def _bits_sentences(
    found: Collection, finals: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[str]:
    """Compare REF and SNP on tokens without variants."""
    key = "bits_per_nucleotide_variant_free"
    bits: dict[str, list[float]] = {"ref": [], "snp": []}
    for one in found.of("checkpoint"):
        value = finals[one.name].get("test", {}).get(key)
        encoding = str(one.manifest.get("encoding"))
        if encoding in bits and isinstance(value, (int, float)):
            bits[encoding].append(float(value))
    if len(bits["ref"]) == 1 and len(bits["snp"]) == 1:
        ref, snp = bits["ref"][0], bits["snp"][0]
        better = "REF" if ref < snp else "SNP"
        yield (
            f"Test tokens without variants: REF {ref:.4f}, SNP {snp:.4f} bits per nucleotide; "
            f"{better} is lower by {abs(ref - snp):.4f}. One run each: no interval."
        )


def _best_sentences(found: Collection) -> Iterator[str]:
    """Say where the best evaluation of dev was; the figures above are of the final weights."""
    for one in found.of("checkpoint"):
        best = (_pretraining_metrics(one) or {}).get("best_dev") or {}
        if best.get("step") is not None and best.get("bits_per_nucleotide") is not None:
            kept = ", whose weights are in its folder best" if best.get("folder") else ""
            yield (
                f"{one.name}: lowest dev bits per nucleotide "
                f"{best['bits_per_nucleotide']:.4f} at step {best['step']:,}{kept}."
            )


def _embedding_row(path: Path) -> tuple[object, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        first = next(file.iter_batches(batch_size=1, columns=["embedding"]), None)
        width = len(first.column(0)[0]) if first is not None and len(first) else 0
    except (pa.ArrowException, OSError, IndexError, TypeError) as error:
        raise UserError(
            f"cannot be read as embeddings ({error})", file=path, remedy="make it again"
        ) from error
    return path.name, file.metadata.num_rows, width


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
