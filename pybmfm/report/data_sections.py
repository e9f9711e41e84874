"""Sections on what went in: inputs, variants, windows, tokenizers, corpora."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import read_table
from pybmfm.core.artifacts import MANIFEST
from pybmfm.report.collect import Artefact, Collection
from pybmfm.report.content import (
    Section,
    bullets,
    number,
    paragraph,
    picture,
    reasons,
    red,
    table,
)
from pybmfm.report.figures import draw_allele_frequencies, draw_records

SPLITS = ("train", "dev", "test")


def input_sections(found: Collection) -> Iterator[Section]:
    """List input files with digests, and the settings of every artefact."""
    readers: dict[tuple[str, int, str], set[str]] = {}
    for kind, artefacts in found.artefacts.items():
        for artefact in artefacts:
            for one in artefact.manifest.get("inputs", []):
                if not one["name"].endswith("/" + MANIFEST):
                    file = (one["name"], one["bytes"], one["sha256"][:16])
                    readers.setdefault(file, set()).add(kind)
    rows = [(*file, ", ".join(sorted(kinds))) for file, kinds in sorted(readers.items())]
    yield Section(
        "pybmfm_inputs",
        "Files read",
        "Every file that a stage read from outside; what stages made for each other is left out.",
        table(("name", "bytes", "SHA-256 (first 16)", "read for"), rows, "No file is named."),
    )
    settings = [
        (kind, artefact.name, _settings(artefact.manifest.get("settings", {})))
        for kind, artefacts in sorted(found.artefacts.items())
        if kind != "result"
        for artefact in artefacts
    ]
    yield Section(
        "pybmfm_inputs",
        "Settings",
        "The options that shaped each artefact; those of fine-tuned models stand in their own "
        "manifests.",
        table(("kind", "artefact", "settings"), settings, "No artefact has a manifest."),
    )


def variant_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Records read, used and dropped per contig, and the frequency spectrum."""
    tables = found.of("frequency-table")
    if not tables:
        yield _missing("pybmfm_variants", "Records", "a frequency table")
    for artefact in tables:
        counts = record_counts(artefact)
        total = _counts(artefact)
        columns = sorted({reason for one in counts.values() for reason in one} - {"used"})
        rows = [
            (contig, sum(one.values()), one.get("used", 0), *(one.get(r, 0) for r in columns))
            for contig, one in counts.items()
        ]
        yield Section(
            "pybmfm_variants",
            _titled("Records", artefact, tables),
            f"{_of(total.get('used'), total.get('read'))} records were used; the columns on the "
            "right say why the others were dropped.",
            table(("contig", "read", "used", *columns), rows, "The table has no contig.")
            + bullets(list(_allele_sentences(artefact))),
        )
        if counts:
            draw_records(figures, counts)
            yield Section(
                "pybmfm_variants",
                _titled("Records per contig", artefact, tables),
                "Used and dropped records of each contig.",
                plot={
                    "plot_type": "bargraph",
                    "pconfig": {"title": "Records per contig", "ylab": "records"},
                    "data": counts,
                },
            )
        rarer = rarer_frequencies(artefact)
        if any(len(values) for values in rarer.values()):
            draw_allele_frequencies(figures, rarer)
            yield Section(
                "pybmfm_variants",
                _titled("Frequency spectrum", artefact, tables),
                "How common the rarer states are at the positions that vary.",
                picture(figures / "allele_frequencies.png", "allele-frequency spectrum"),
            )


def window_sections(found: Collection) -> Iterator[Section]:
    """Windows per split, coverage, and base pairs shared between splits."""
    windows = found.of("windows")
    if not windows:
        yield _missing("pybmfm_windows", "Windows", "a table of windows")
        return
    rows, sentences = [], []
    for artefact in windows:
        counts = artefact.manifest.get("counts", {})
        per_split = counts.get("windows", {})
        shared = shared_bp(artefact)
        rows.append(
            (
                artefact.name,
                artefact.manifest.get("settings", {}).get("split", ""),
                *(per_split.get(split, 0) for split in SPLITS),
                _percent(counts.get("covered_acgt"), counts.get("acgt_bases")),
                0 if shared == 0 else red(number(shared)) if shared else "not counted",
                reasons(counts.get("dropped", {})),
            )
        )
        sentences.append(_leakage_sentence(artefact.name, shared))
    columns = (
        "windows",
        "mode",
        *SPLITS,
        "ACGT covered (%)",
        "bp shared between splits",
        "left out",
    )
    yield Section(
        "pybmfm_windows",
        "Windows, splits and leakage",
        "Windows (both strands, all passes) per split; a shared base pair would let a model be "
        "tested on what it was trained on.",
        table(columns, rows) + bullets(sentences),
    )


def tokenizer_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Vocabularies, and the comparison's table and figures."""
    columns = ("tokenizer", "encoding", "tokens", "with variants", "longest (nt)", "settings")
    rows = []
    for artefact in found.of("tokenizer"):
        manifest = artefact.manifest
        tokens = manifest.get("tokens", {})
        rows.append(
            (
                artefact.name,
                manifest.get("encoding", ""),
                manifest.get("vocab_size", tokens.get("vocab_size")),
                tokens.get("tokens_with_variants"),
                tokens.get("longest"),
                _settings(manifest.get("settings", {})),
            )
        )
    yield Section(
        "pybmfm_tokenizers",
        "Vocabularies",
        "Size and content of each vocabulary.",
        table(columns, rows, "Missing: no tokenizer is among the results."),
    )
    comparisons = found.of("tokenizer-comparison")
    for artefact in comparisons:
        for file in sorted(artefact.folder.glob("*.png")) + sorted(artefact.folder.glob("*.svg")):
            shutil.copyfile(file, figures / f"tokenizers_{file.name}")
        pictures = [
            picture(file, f"tokenizers: {file.stem}")
            for file in sorted(artefact.folder.glob("*.png"))
        ]
        yield Section(
            "pybmfm_tokenizers",
            _titled("Comparison", artefact, comparisons),
            "Token lengths, use and overlap of the vocabularies over their corpora (as in "
            "Figure 2 of the paper); the published vocabularies share 84.3 % of their tokens, and "
            "6.8 % of the SNP vocabulary hold a variant.",
            "".join(_comparison_tables(artefact)) + "".join(pictures),
        )


def corpus_sections(found: Collection) -> Iterator[Section]:
    """Windows and tokens per split of every corpus."""
    rows = []
    for artefact in found.of("corpus"):
        for split, one in artefact.manifest.get("counts", {}).items():
            if isinstance(one, dict) and "tokens" in one:
                tokens, nucleotides = one.get("tokens", 0), one.get("nucleotides", 0)
                rows.append(
                    (
                        artefact.name,
                        artefact.manifest.get("encoding", ""),
                        split,
                        one.get("windows", 0),
                        tokens,
                        nucleotides,
                        nucleotides / tokens if tokens else None,
                        _percent(one.get("variant_tokens"), tokens),
                        one.get("unknown", 0),
                    )
                )
    columns = (
        "corpus",
        "encoding",
        "split",
        "windows",
        "tokens",
        "nucleotides",
        "nt per token",
        "tokens with variants (%)",
        "unknown tokens",
    )
    yield Section(
        "pybmfm_corpora",
        "Windows and tokens",
        "Each split of each corpus; unknown tokens should be 0.",
        table(columns, rows, "Missing: no corpus is among the results."),
    )


def task_sections(found: Collection) -> Iterator[Section]:
    """Rows of the task tables: read, used and dropped, or rows per split."""
    rows = [
        (artefact.name, name, *_task_figures(one))
        for artefact in found.of("tasks")
        for name, one in (
            artefact.manifest.get("tasks") or artefact.manifest.get("counts", {})
        ).items()
        if isinstance(one, dict)
    ]
    if rows:
        yield Section(
            "pybmfm_finetuning",
            "Task tables",
            "Rows of each task's tables, over all splits.",
            table(("tables", "task", "rows read", "used", "dropped"), rows),
        )


def _task_figures(one: dict[str, Any]) -> tuple[object, object, str]:
    """Rows read, used and dropped of a task, in any of the ways its manifest counts them."""
    splits = one.get("splits")
    if splits:
        dropped: Counter[str] = Counter()
        for part in splits.values():
            dropped.update(part.get("dropped", {}))
        read, used = (sum(part[key] for part in splits.values()) for key in ("read", "used"))
        return read, used, reasons(dropped)
    if "rows" in one:
        return "", sum(one["rows"].values()), ""
    return "", sum(sum(part.values()) for part in one.values() if isinstance(part, dict)), ""


def record_counts(artefact: Artefact) -> dict[str, dict[str, int]]:
    """Per contig: ``used`` and each reason with its number of dropped records."""
    contigs = artefact.manifest.get("contigs", {})
    if not isinstance(contigs, dict):
        return {}
    return {
        name: {"used": int(one.get("used", 0)), **one.get("dropped", {})}
        for name, one in contigs.items()
        if isinstance(one, dict)
    }


def shared_bp(artefact: Artefact) -> int | None:
    """Base pairs in more than one split, summed over pairs of splits; None if not counted."""
    shared = artefact.manifest.get("leakage", {}).get("shared_bp")
    return None if shared is None else int(shared)


def rarer_frequencies(artefact: Artefact) -> dict[str, NDArray[np.float32]]:
    """1 - p(most frequent state) at the varying positions of each contig."""
    from pybmfm.variants import FrequencyTable

    frequencies = FrequencyTable.open(artefact.folder)
    rarer = {}
    for contig in frequencies.contigs:
        _, p = frequencies.rows(contig)
        rarer[contig] = 1 - p.max(axis=1) if len(p) else np.empty(0, np.float32)
    return rarer


def _comparison_tables(artefact: Artefact) -> Iterable[str]:
    for name in ("summary", "shared_tokens"):
        file = artefact.folder / f"{name}.tsv"
        if file.is_file():
            rows = read_table(file)
            if name == "summary" and "tokenizer" in rows:
                rows = rows.set_index("tokenizer").T.rename_axis("figure").reset_index()
            yield table([str(column) for column in rows.columns], rows.to_numpy().tolist())


def _allele_sentences(artefact: Artefact) -> Iterator[str]:
    manifest = artefact.manifest
    yield (
        "Alleles dropped from used records: "
        f"{reasons(_counts(artefact).get('alleles_dropped', {}))}."
    )
    positions = [
        int(one.get("positions", 0))
        for one in manifest.get("contigs", {}).values()
        if isinstance(one, dict)
    ]
    yield f"{sum(positions):,} positions vary."
    for key, where in (("contigs_only_in_fasta", "FASTA"), ("contigs_only_in_vcf", "VCF")):
        if manifest.get(key):
            yield f"Only in the {where}: {', '.join(map(str, manifest[key][:20]))}."


def _counts(artefact: Artefact) -> dict[str, Any]:
    """Record and allele counts, under ``counts`` or at the top of the manifest."""
    return {**artefact.manifest, **artefact.manifest.get("counts", {})}


def _leakage_sentence(name: str, shared: int | None) -> str:
    if shared is None:
        return f"{name}: shared base pairs were not counted."
    if shared == 0:
        return f"{name}: no base pair is in two splits."
    return red(f"{name}: {shared:,} base pairs are in two splits; test figures are too good.")


def _missing(group: str, name: str, what: str) -> Section:
    return Section(
        group, name, f"Missing: {what} is not among the results.", paragraph("Nothing to show.")
    )


def _titled(title: str, artefact: Artefact, among: Sequence[Artefact]) -> str:
    """Name the artefact in the title only where there are several."""
    return title if len(among) == 1 else f"{title}: {artefact.name}"


def _settings(settings: dict[str, Any]) -> str:
    shown = {key: value for key, value in settings.items() if value not in (None, [], {}, "")}
    return ", ".join(f"{key.replace('_', '-')} {_short(value)}" for key, value in shown.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{key} {one}" for key, one in value.items()]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _of(part: int | None, whole: int | None) -> str:
    return f"{number(part or 0)} of {number(whole or 0)}"


def _percent(part: int | None, whole: int | None) -> str:
    return f"{100 * part / whole:.1f}" if part is not None and whole else ""
