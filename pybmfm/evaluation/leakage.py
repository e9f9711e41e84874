"""Leakage audit: what training, dev and test share, in corpora and in task tables."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, output_directory, read_manifest, write_manifest, write_table
from pybmfm.evaluation.leakage_findings import (
    MOST_PAIRS,
    NEAR,
    OVERLAP,
    DuplicatePair,
    Finding,
    RepeatedRow,
    compare_kmers,
    compare_loci,
    compare_rows,
    compare_with_pretraining,
    repeated_rows,
    split_pairs,
)
from pybmfm.evaluation.leakage_kmers import MOST_HELD, K, KmerSet
from pybmfm.evaluation.leakage_profiles import SplitProfile, profile_split
from pybmfm.evaluation.leakage_sequences import SequenceCollection
from pybmfm.evaluation.leakage_sources import open_corpus, open_task, open_windows
from pybmfm.genome import Genome
from pybmfm.tasks import TaskEntry, read_task_sheet

log = logging.getLogger("pybmfm")

ARTEFACT = "leakage-audit"
LEAKAGE_FILE = "leakage.tsv"
DUPLICATES_FILE = "duplicates.tsv"
REPEATED_FILE = "repeated_rows.tsv"
TRAIN = "train"


@dataclass(frozen=True)
class LeakageSettings:
    """What to compare.

    Attributes
    ----------
    out
        Folder: ``leakage.tsv``, ``duplicates.tsv``, ``repeated_rows.tsv``, manifest.
    corpora, windows, tasks
        Corpus folders, windows folders, task sheets; at least one.
    tokenizers
        Folders, any order: each corpus takes the one it was built with.
    fasta
        Genome of all windows: their sequence is then the plain reference.
    threads
        Never changes the result.
    """

    out: Path
    corpora: tuple[Path, ...] = ()
    windows: tuple[Path, ...] = ()
    tasks: tuple[Path, ...] = ()
    tokenizers: tuple[Path, ...] = ()
    fasta: Path | None = None
    threads: int = 1


@dataclass
class _Audit:
    """What was found so far."""

    threads: int
    findings: list[Finding] = field(default_factory=list)
    duplicates: list[DuplicatePair] = field(default_factory=list)
    repeated: list[RepeatedRow] = field(default_factory=list)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    pretraining: dict[str, KmerSet | None] = field(default_factory=dict)

    def add_collection(self, collection: SequenceCollection) -> None:
        """Compare the splits of a corpus, windows folder or task with each other."""
        label = f"{collection.kind} {collection.name}"
        profiles = [
            profile_split(split, f"{label} {split.split}", self.threads)
            for split in collection.splits
        ]
        for pair in split_pairs(collection, profiles, self.threads):
            self.findings += compare_loci(pair)
            findings, named = compare_rows(pair)
            self.findings += findings
            self.duplicates += named
            self.findings += compare_kmers(pair)
            if collection.kind == "task" and pair.a.split.split == TRAIN:
                self.repeated += repeated_rows(pair)
        self.counts.setdefault(collection.kind, {})[collection.name] = {
            "sequences": collection.sequences,
            **{profile.split.split: profile.counts for profile in profiles},
        }
        if collection.kind != "task":
            self.pretraining[collection.name] = _kmers_of_training(profiles)

    def add_overlaps(self, task: SequenceCollection) -> None:
        """Compare a task with the training split of every corpus and windows folder."""
        for name, train in self.pretraining.items():
            self.findings += compare_with_pretraining(task, name, train, self.threads)


def audit_leakage(settings: LeakageSettings) -> None:
    """Write what every two splits share, and what tasks share with pretraining.

    A leak is reported, not an error.

    Raises
    ------
    UserError
        If nothing to compare is given, or an input is missing, broken or does not fit.
    """
    entries = _task_entries(settings.tasks)
    if not entries and not settings.corpora and not settings.windows:
        raise UserError("nothing to compare", remedy="give --corpus, --windows or --tasks")
    names = _names([*settings.corpora, *settings.windows])
    audit = _Audit(settings.threads)
    with (
        Genome(settings.fasta) if settings.fasta else nullcontext() as genome,
        output_directory(settings.out) as folder,
    ):
        for path in settings.corpora:
            collection = open_corpus(path, names[path], settings.tokenizers, genome)
            _say_where_sequences_come_from(collection)
            audit.add_collection(collection)
        for path in settings.windows:
            audit.add_collection(open_windows(path, names[path], genome))
        for entry in entries:
            task = open_task(entry)
            audit.add_collection(task)
            audit.add_overlaps(task)
        replaced = genome.note_replaced_letters() if genome else 0
        _write(settings, audit, names, replaced, folder)
    _log_leaks(audit.findings)


def _task_entries(sheets: Sequence[Path]) -> list[TaskEntry]:
    entries = [entry for sheet in sheets for entry in read_task_sheet(sheet)]
    repeated = [name for name, n in Counter(entry.task for entry in entries).items() if n > 1]
    if repeated:
        raise UserError(f"task '{repeated[0]}' is in two sheets", remedy="rename one")
    return entries


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """Name folders by their last part, with their parent's where two have the same."""
    last = Counter(folder.absolute().name for folder in folders)
    names = [
        path.name if last[path.name] == 1 else f"{path.parent.name}/{path.name}"
        for path in (folder.absolute() for folder in folders)
    ]
    for folder, name in zip(folders, names, strict=True):
        if names.count(name) > 1:
            raise UserError(
                f"two folders are named {name}", file=folder, remedy="give each under its own name"
            )
    return dict(zip(folders, names, strict=True))


def _kmers_of_training(profiles: Iterable[SplitProfile]) -> KmerSet | None:
    return next((one.kmers for one in profiles if one.split.split == TRAIN), None)


def _say_where_sequences_come_from(collection: SequenceCollection) -> None:
    if collection.sequences == "not known":
        log.info(
            "%s: its tokenizer is not given, so only coordinates are compared; "
            "give --tokenizer or --fasta to compare sequences",
            collection.name,
        )


def _write(
    settings: LeakageSettings, audit: _Audit, names: dict[Path, str], replaced: int, folder: Path
) -> None:
    write_table(_frame(audit.findings, Finding), folder / LEAKAGE_FILE)
    write_table(_frame(audit.duplicates, DuplicatePair), folder / DUPLICATES_FILE)
    write_table(_frame(audit.repeated, RepeatedRow), folder / REPEATED_FILE)
    fasta = [settings.fasta] if settings.fasta else []
    write_manifest(
        folder,
        artefact=ARTEFACT,
        settings={
            "k": K,
            "most_kmers_held": MOST_HELD,
            "near_duplicate_share": NEAR,
            "overlap_share": OVERLAP,
            "duplicates_named_per_pair": MOST_PAIRS,
        },
        inputs=[*settings.corpora, *settings.windows, *settings.tasks, *fasta],
        modes={names[path]: _mode(path) for path in settings.windows},
        counts=audit.counts,
        replaced_letters=replaced,
    )


def _mode(windows: Path) -> str:
    """How the splits of a windows folder were made: ``position``, ``random`` ..."""
    return str(read_manifest(windows, "windows")["settings"].get("split", ""))


def _frame(rows: Sequence[Any], kind: type) -> Any:
    import pandas as pd

    columns = [column.name for column in fields(kind)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=columns)
    if "value" in frame:
        frame["value"] = frame["value"].astype("Int64")
        frame["share"] = frame["share"].astype(float).round(6)
    return frame


def _log_leaks(findings: Sequence[Finding]) -> None:
    """Say in one line which collections share base pairs or whole sequences between splits."""
    telling = {"shared_bp", "rows_with_a_duplicate"}
    leaking = {f.what: None for f in findings if f.quantity in telling and f.value}
    compared = {f.what: None for f in findings}
    log.info(
        "leakage: %d compared, %s",
        len(compared),
        f"splits share sequence in {', '.join(leaking)}" if leaking else "no split shares sequence",
    )
