"""Variant-encoded tasks of classes 1 to 4 from any binary task (paper, variant-encoded promoters).

Positives are encoded with the variants of their locus. What tells the classes apart are the
negatives: (1) encoded by their locus too; (2) random symbols at random places; (3) the positives'
symbols at random places; (4) the positives themselves with their SNPs at random places.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, derive_seed, output_directory, write_manifest, write_table
from pybmfm.genome import AlignmentSettings, Genome, encode_bases, run_bwa
from pybmfm.tasks.sheet import task_of_table, task_table, write_task_sheet
from pybmfm.tasks.table import SPLITS, TaskTable, read_task_splits
from pybmfm.tasks.variant_negatives import (
    Codes,
    Model,
    with_inserted_snps,
    with_moved_snps,
    with_random_symbols,
)
from pybmfm.tasks.variant_statistics import write_statistics
from pybmfm.variants import (
    Locus,
    WindowEncoder,
    codes_to_text,
    encode_loci,
    place_rows,
    read_rows,
    reference_texts,
    text_to_codes,
    texts_to_align,
)

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
NONE = "none"
CLASSES = (1, 2, 3, 4)
METRIC = "f1"
BALANCE = "left_out_for_balance"
NO_SNP = "no_snp_to_move"
NOT_USED = "negative_not_used"


@dataclass(frozen=True)
class PromoterVariantSettings:
    """What to encode and how.

    Attributes
    ----------
    train, dev, test
        Tables of a binary task of plain sequences; their second label is the positive one.
        Coordinates (``contig, start, end, strand``), where they have them, give the locus.
    fasta, frequencies
        The genome and its frequency table.
    out
        Folder for tables, ``tasks.csv``, ``statistics/`` and ``manifest.json``.
    task
        Base of the names ``<task>.none``, ``<task>.class1`` ...; by default the folder of
        ``train``.
    classes
        Which of 1 to 4 to make.
    class4
        ``move``: the positives' SNPs go elsewhere; ``insert``: others are added.
    strategy, pass_number, seed
        As in `pybmfm.variants.WindowEncoder`; all other draws come from the seed too.
    alignment
        How rows without coordinates find their locus.
    """

    train: Path
    dev: Path
    test: Path
    fasta: Path
    frequencies: Path
    out: Path
    task: str | None = None
    classes: tuple[int, ...] = CLASSES
    class4: str = "move"
    strategy: str = "paper"
    pass_number: int = 0
    seed: int = 0
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)

    @property
    def base(self) -> str:
        """The name that the tasks' names begin with."""
        return self.task or task_of_table(self.train)

    @property
    def paths(self) -> dict[str, Path]:
        """Table of each split."""
        return {"train": self.train, "dev": self.dev, "test": self.test}


@dataclass(frozen=True)
class Placed:
    """One split: its rows, and what lies at the locus of each.

    Attributes
    ----------
    table
        Rows as read.
    loci, reasons
        A locus where the reason is empty, else why there is none.
    encoded, reference
        Codes at the locus with and without variants; None where there is no locus.
    """

    table: TaskTable
    loci: list[Locus]
    reasons: list[str]
    encoded: list[Codes | None]
    reference: list[Codes | None]

    def rows(self, positive: bool) -> np.ndarray:
        """Indices of the rows of one label."""
        return np.flatnonzero(self.table.targets == int(positive))

    def placed(self, positive: bool) -> list[int]:
        """Indices of those that have a locus."""
        return [row for row in self.rows(positive).tolist() if not self.reasons[row]]


@dataclass
class TableRows:
    """Rows of a class's table while they are collected, and what became of the given ones."""

    split: Placed
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    has_locus: list[bool] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def add(self, row: int, text: str, *, positive: bool, locus: bool, twin: bool = False) -> None:
        """Take a row, or the twin made from it."""
        own = self.split.table.ids[row]
        self.ids.append(f"{own}.twin" if twin else own)
        self.texts.append(text)
        self.targets.append(int(positive))
        self.origins.append(row)
        self.has_locus.append(locus)
        self.made += twin

    def counts(self) -> dict[str, Any]:
        """Account for every given row, and for those that were made."""
        return {
            "read": len(self.split.table),
            "used": len(self.ids) - self.made,
            "dropped": dict(sorted(self.dropped.items())),
            "made": self.made,
        }

    def frame(self) -> pd.DataFrame:
        """Return the table, in the order of the given rows, twins after their positives."""
        import pandas as pd

        table, order = self.split.table, np.argsort(self.origins, kind="stable")
        loci = [self.split.loci[row] if has else None for row, has in self._loci()]
        frame = pd.DataFrame(
            {
                "id": self.ids,
                "sequence": self.texts,
                "label": [table.classes[target] for target in self.targets],
                "group": [table.groups[row] for row in self.origins],
                **{
                    name: [getattr(locus, name) if locus else "" for locus in loci]
                    for name in Locus._fields
                },
            }
        )
        return frame.iloc[order]

    def _loci(self) -> list[tuple[int, bool]]:
        return list(zip(self.origins, self.has_locus, strict=True))


def build_promoter_variants(settings: PromoterVariantSettings) -> None:
    """Write one task per class, ``<base>.none`` and ``<base>.class1`` to ``4``, and statistics.

    The given splits stay. ``none`` holds the rows of class 1 as they were. A positive and the
    twin made from it share a group. Where positives are lost for want of a locus, classes 2
    and 3 leave out negatives at random in the same share. Numbers and symbols of drawn variants
    come from the training positives in all splits. A class that lacks a label in some split is
    left out, which the manifest says.

    Raises
    ------
    UserError
        If the tables are no plain binary task, no row has a locus, no positive has a variant,
        or no class can be made.
    """
    _check(settings)
    splits = _place_all(settings)
    model = _model(splits["train"])
    made = {name: _class_rows(name, splits, model, settings) for name in _names(settings)}
    left_out = {name: reason for name, rows in made.items() if (reason := _lacking(rows))}
    kept = {f"{settings.base}.{n}": rows for n, rows in made.items() if n not in left_out}
    for name, reason in left_out.items():
        log.warning("%s.%s is left out: %s", settings.base, name, reason)
    if not kept:
        raise UserError(
            f"no class can be made ({next(iter(left_out.values()))})",
            file=settings.train,
            remedy="give rows of this genome, with coordinates or --align",
        )
    with output_directory(settings.out) as folder:
        frames = {
            task: {split: rows.frame() for split, rows in one.items()} for task, one in kept.items()
        }
        for task, tables in frames.items():
            for split, frame in tables.items():
                write_table(frame, task_table(folder, task, split))
        write_task_sheet(folder, [(task, "binary", METRIC) for task in kept])
        placed = _alignment_counts(splits)
        classes = splits["train"].table.classes
        statistics = write_statistics(folder / "statistics", frames, placed, classes)
        _write_manifest(settings, folder, kept, left_out, classes, statistics)
    _log_summary(settings, statistics, kept)


def _check(settings: PromoterVariantSettings) -> None:
    unknown = [one for one in settings.classes if one not in CLASSES]
    if unknown or not settings.classes:
        raise UserError(f"there is no class {unknown or ''}", remedy="choose among 1, 2, 3 and 4")
    if settings.class4 not in ("move", "insert"):
        raise UserError(f"--class4 {settings.class4} is unknown", remedy="use move or insert")


def _names(settings: PromoterVariantSettings) -> list[str]:
    return [NONE, *(f"class{number}" for number in sorted(set(settings.classes)))]


def _place_all(settings: PromoterVariantSettings) -> dict[str, Placed]:
    """Find the locus of every row and encode it."""
    tables = read_task_splits(
        settings.train, settings.dev, settings.test, "binary", seed=settings.seed
    )
    for split, table in tables.items():
        if table.encoded:
            raise UserError(
                "holds variant symbols already",
                file=settings.paths[split],
                remedy="give a table of plain sequences",
            )
    rows = {split: read_rows(path) for split, path in settings.paths.items()}
    with (
        tempfile.TemporaryDirectory(prefix="pybmfm-align-") as folder,
        Genome(settings.fasta) as genome,
    ):
        encoder = WindowEncoder.open(
            genome, settings.frequencies, seed=settings.seed, strategy=settings.strategy
        )
        alignment = settings.alignment
        texts = [text for frame in rows.values() for text in texts_to_align(frame)]
        if texts and alignment.align and alignment.alignments is None:
            # All splits at once, because an index is made for each call.
            sam = Path(folder) / "reads.sam"
            run_bwa(texts, settings.fasta, sam, alignment.threads)
            alignment = replace(alignment, alignments=sam)
        return {
            split: _place(tables[split], rows[split], settings, split, encoder, alignment)
            for split in SPLITS
        }


def _place(
    table: TaskTable,
    rows: pd.DataFrame,
    settings: PromoterVariantSettings,
    split: str,
    encoder: WindowEncoder,
    alignment: AlignmentSettings,
) -> Placed:
    path = settings.paths[split]
    loci, reasons = place_rows(rows, encoder.genome, path, alignment)
    usable = [row for row, reason in enumerate(reasons) if not reason]
    encoded: list[Codes | None] = [None] * len(table)
    reference: list[Codes | None] = [None] * len(table)
    places = [loci[row] for row in usable]
    texts = encode_loci(encoder, places, settings.pass_number)
    plain = reference_texts(encoder.genome, places)
    for row, text, bare in zip(usable, texts, plain, strict=True):
        encoded[row], reference[row] = text_to_codes(text), encode_bases(bare)[0]
    return Placed(table, loci, reasons, encoded, reference)


def _model(train: Placed) -> Model:
    rows = train.placed(positive=True)
    if not rows:
        raise UserError(
            "no training positive has a locus in this genome "
            f"({_counted(train.reasons[row] for row in train.rows(positive=True))})",
            remedy="give coordinates of this genome, or align with --align",
        )
    return Model.of(
        [_known(train.encoded[r]) for r in rows], [_known(train.reference[r]) for r in rows]
    )


def _class_rows(
    name: str, splits: dict[str, Placed], model: Model, settings: PromoterVariantSettings
) -> dict[str, TableRows]:
    """Collect the rows of one class in every split."""
    makers: dict[str, Callable[[Placed, np.random.Generator], TableRows]] = {
        NONE: lambda split, _rng: _located(split, encoded=False),
        "class1": lambda split, _rng: _located(split, encoded=True),
        "class2": lambda split, rng: _random_symbols(split, model, rng, uniform=True),
        "class3": lambda split, rng: _random_symbols(split, model, rng, uniform=False),
        "class4": lambda split, rng: _twins(split, model, rng, settings.class4),
    }
    return {
        split: makers[name](
            placed,
            np.random.default_rng(derive_seed(settings.seed, "promoter-variants", name, split)),
        )
        for split, placed in splits.items()
    }


def _located(split: Placed, encoded: bool) -> TableRows:
    """Rows with a locus, as they were or encoded (not encoded, and class 1)."""
    rows = TableRows(split)
    for row, reason in enumerate(split.reasons):
        if reason:
            rows.dropped[reason] += 1
            continue
        text = codes_to_text(_known(split.encoded[row])) if encoded else split.table.sequences[row]
        rows.add(row, text, positive=bool(split.table.targets[row]), locus=True)
    return rows


def _random_symbols(
    split: Placed, model: Model, rng: np.random.Generator, *, uniform: bool
) -> TableRows:
    """Encoded positives against negatives with symbols at random places (classes 2 and 3)."""
    rows = _positives(split, split.placed(positive=True))
    negatives = split.rows(positive=False)
    share = len(rows.ids) / max(1, len(split.rows(positive=True)))
    number = round(share * len(negatives))
    kept = np.sort(rng.permutation(negatives)[:number])
    if number < len(negatives):
        rows.dropped[BALANCE] += len(negatives) - number
    for row in kept.tolist():
        plain = encode_bases(split.table.sequences[row])[0]
        codes = with_random_symbols(plain, model, rng, uniform=uniform)
        rows.add(row, codes_to_text(codes), positive=False, locus=False)
    return rows


def _twins(split: Placed, model: Model, rng: np.random.Generator, how: str) -> TableRows:
    """Encoded positives against themselves with SNPs elsewhere (class 4)."""
    twins: dict[int, Codes] = {}
    for row in split.placed(positive=True):
        encoded, plain = _known(split.encoded[row]), _known(split.reference[row])
        if how == "move":
            twin = with_moved_snps(encoded, plain, rng)
        else:
            twin = with_inserted_snps(encoded, plain, model, rng)
        if (twin != encoded).any():
            twins[row] = twin
    rows = _positives(split, list(twins))
    if alike := len(split.placed(positive=True)) - len(twins):
        rows.dropped[NO_SNP] += alike
    if negatives := len(split.rows(positive=False)):
        rows.dropped[NOT_USED] += negatives
    for row, twin in twins.items():
        rows.add(row, codes_to_text(twin), positive=False, locus=True, twin=True)
    return rows


def _positives(split: Placed, chosen: Sequence[int]) -> TableRows:
    """Encoded positives; those without a locus are counted as dropped."""
    rows = TableRows(split)
    for row in split.rows(positive=True).tolist():
        if split.reasons[row]:
            rows.dropped[split.reasons[row]] += 1
    for row in chosen:
        rows.add(row, codes_to_text(_known(split.encoded[row])), positive=True, locus=True)
    return rows


def _known(codes: Codes | None) -> Codes:
    assert codes is not None
    return codes


def _lacking(rows: dict[str, TableRows]) -> str:
    """Say which split lacks which label, ``""`` if none does."""
    for split, one in rows.items():
        for target, label in enumerate(one.split.table.classes):
            if target not in one.targets:
                return f"{split} has no row with label {label}"
    return ""


def _alignment_counts(splits: dict[str, Placed]) -> dict[str, dict[str, dict[str, int]]]:
    """Per split and label, rows with a locus and those without, by reason."""
    return {
        split: {
            label: dict(
                Counter(
                    placed.reasons[row] or "placed" for row in placed.rows(bool(target)).tolist()
                )
            )
            for target, label in enumerate(placed.table.classes)
        }
        for split, placed in splits.items()
    }


def _write_manifest(
    settings: PromoterVariantSettings,
    folder: Path,
    kept: dict[str, dict[str, TableRows]],
    left_out: dict[str, str],
    classes: list[str],
    statistics: dict[str, Any],
) -> None:
    tasks = {
        task: {
            "kind": "binary",
            "metric": METRIC,
            "classes": classes,
            "alphabet": "plain" if task.endswith(f".{NONE}") else "encoded",
            "splits": {split: rows.counts() for split, rows in one.items()},
        }
        for task, one in kept.items()
    }
    inputs = [*settings.paths.values(), settings.fasta, settings.frequencies]
    if settings.alignment.alignments:
        inputs.append(settings.alignment.alignments)
    write_manifest(
        folder,
        artefact="tasks",
        settings={
            "source": "promoter-variants",
            "task": settings.base,
            "classes": list(settings.classes),
            "class4": settings.class4,
            "strategy": settings.strategy,
            "pass": settings.pass_number,
            "seed": settings.seed,
            **settings.alignment.described,
        },
        inputs=inputs,
        tasks=tasks,
        left_out=left_out,
        variants=statistics,
    )


def _log_summary(
    settings: PromoterVariantSettings, statistics: dict[str, Any], kept: dict[str, Any]
) -> None:
    log.info(
        "%s: %d tasks; placed: %s; the positives use %d of 121 symbols",
        settings.base,
        len(kept),
        ", ".join(
            f"{one['placed']:,} of {one['rows']:,} with label {label}"
            for label, one in statistics["placed"].items()
        ),
        statistics["symbols_used"],
    )


def _counted(reasons: Any) -> str:
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(Counter(reasons).items()))
