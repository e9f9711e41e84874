"""Sections on what went in: inputs, windows, corpora, task tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pybmfm.core.artifacts import MANIFEST
from pybmfm.report.collect import Artefact, Collection, as_written
from pybmfm.report.content import (
    Section,
    bullets,
    missing,
    number,
    percent,
    reasons,
    red,
    table,
)
from pybmfm.variants import VARIANT_CODE

SPLITS = ("train", "dev", "test")


def input_sections(found: Collection) -> Iterator[Section]:
    """List input files with digests, and the settings of every artefact."""
    readers: dict[tuple[str, int, str], set[str]] = {}
    for kind, artefacts in found.artefacts.items():
        for artefact in artefacts:
            # A merged table names the files that its parts were made from.
            for one in artefact.manifest.get("made_from", artefact.manifest.get("inputs", [])):
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
        (kind, artefact.name, settings_text(artefact.manifest.get("settings", {})))
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


def window_sections(found: Collection) -> Iterator[Section]:
    """Windows per split, coverage, and base pairs shared between splits."""
    windows = found.of("windows")
    if not windows:
        yield missing("pybmfm_windows", "Windows", "a table of windows")
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
                percent(counts.get("covered_acgt"), counts.get("acgt_bases")),
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
                        percent(one.get("variant_tokens"), tokens),
                        _variant_share(artefact) if split == "train" else "",
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
        "variant symbols (% of nt)",
        "unknown tokens",
    )
    yield Section(
        "pybmfm_corpora",
        "Windows and tokens",
        "Each split of each corpus; unknown tokens should be 0.",
        table(columns, rows, "Missing: no corpus is among the results."),
    )


def _variant_share(artefact: Artefact) -> str:
    """Share of the training text's nucleotides that are variant symbols, in percent."""
    symbols = artefact.manifest.get("symbols", [])
    return percent(sum(symbols[VARIANT_CODE:]), sum(symbols))


def task_sections(found: Collection) -> Iterator[Section]:
    """Rows of the task tables: read, used and dropped, or rows per split."""
    rows: list[tuple[object, ...]] = []
    for artefact in found.of("tasks"):
        told = artefact.manifest.get("tasks") or artefact.manifest.get("counts") or {}
        with as_written(artefact):
            rows += [
                (artefact.name, name, *_task_figures(one))
                for name, one in told.items()
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
    if "counts" in one:
        counts = one["counts"]
        return counts["read"], counts["used"], reasons(counts["dropped"])
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


def shared_bp(artefact: Artefact) -> int | None:
    """Base pairs in more than one split, summed over pairs of splits; None if not counted."""
    shared = artefact.manifest.get("leakage", {}).get("shared_bp")
    return None if shared is None else int(shared)


def _leakage_sentence(name: str, shared: int | None) -> str:
    if shared is None:
        return f"{name}: shared base pairs were not counted."
    if shared == 0:
        return f"{name}: no base pair is in two splits."
    return red(f"{name}: {shared:,} base pairs are in two splits; test figures are too good.")


def settings_text(settings: dict[str, Any]) -> str:
    """Write settings as ``seed 0, passes 10``, those without a value left out."""
    shown = {key: value for key, value in settings.items() if value not in (None, [], {}, "")}
    return ", ".join(f"{key.replace('_', '-')} {_short(value)}" for key, value in shown.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{key} {one}" for key, one in value.items()]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
