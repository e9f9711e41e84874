"""Apply a fine-tuned model to sequences, or to the SNPs of a VCF in their windows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, nothing_used, progress, write_table
from pybmfm.inference.devices import choose_batch_tokens, use_threads
from pybmfm.inference.predict_rows import Row, sequence_rows, variant_rows
from pybmfm.tasks.letters import replaced_sentence
from pybmfm.training.processes import choose_device
from pybmfm.variants.text_blocks import is_vcf

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from pybmfm.model import FinetunedModel

log = logging.getLogger("pybmfm")
ROWS_AT_ONCE = 2048
VCF_SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
LABEL_FROM = 0.5  # a label of a multilabel task is predicted from this probability on


@dataclass(frozen=True)
class PredictSettings:
    """Settings of ``predict``.

    Attributes
    ----------
    checkpoint
        Folder that fine-tuning saved with ``--save-model``.
    input, out
        FASTA, CSV, TSV, Parquet or VCF; table to write, CSV, TSV or Parquet by its name.
    fasta
        Reference, for a VCF.
    flank
        Nucleotides on each side of a SNP.
    center
        ``ref`` or ``encoded``: what stands in the middle of a SNP's window.
    alphabet
        ``auto``, ``plain`` or ``encoded``, for sequences.
    """

    checkpoint: Path
    input: Path
    out: Path
    fasta: Path | None = None
    flank: int = 500
    center: str = "ref"
    alphabet: str = "auto"
    batch_tokens: int | None = None
    precision: str = "auto"
    device: str = "auto"
    threads: int = 1


def predict(settings: PredictSettings) -> dict[str, Any]:
    """Write a row per sequence, or per record and alternate of a VCF, in the input's order.

    Columns are ``id``, or ``CHROM, POS, ID, REF, ALT``; ``prediction``, which is a class, labels
    joined by ``|`` from probability 0.5 on, or a value; ``score_<class>``, the probability of each
    class; and for a VCF ``note``, the reason where a row has no prediction. SNPs are read in the
    windows that the builder of SNP-to-disease tasks cuts: ``flank`` nucleotides of reference on
    each side, N beyond the contig's ends, and in the middle the reference base or the symbol of
    REF and ALT. Other variants get a note.

    Returns
    -------
    dict
        Counts: ``rows``, ``predicted``, ``not_predicted`` by reason, ``truncated``, and of
        sequences ``letters_replaced`` and ``uracils_read_as_t``; those of a reference are logged
        by `Genome`.

    Raises
    ------
    UserError
        If an input is missing or malformed, or a VCF is not of the FASTA's assembly.
    """
    from pybmfm.model import load_finetuned

    if not settings.out.name.endswith(TABLE_SUFFIXES):
        raise UserError(
            f"unknown table format '{settings.out.suffix}'",
            file=settings.out,
            remedy="let --out end in .tsv, .csv or .parquet",
        )
    use_threads(settings.threads)
    device = choose_device(settings.device)
    model = load_finetuned(settings.checkpoint)
    model.network.to(device)
    counts = {"truncated": 0}
    with ExitStack() as stack:
        rows = _rows(settings, stack, counts)
        parts = list(_parts(rows, model, settings, device, counts))
    table = _table(parts, model)
    if "note" in table and table["note"].all():
        raise nothing_used("alleles", Counter(table["note"]), file=settings.input)
    write_table(table, settings.out)
    return _report(table, counts)


def _rows(settings: PredictSettings, stack: ExitStack, counts: dict[str, int]) -> Iterator[Row]:
    if not (settings.input.name.endswith(VCF_SUFFIXES) or is_vcf(settings.input)):
        return sequence_rows(settings.input, settings.alphabet, counts)
    if settings.fasta is None:
        raise UserError("a VCF needs the reference", file=settings.input, remedy="give --fasta")
    encoded = settings.center == "encoded"
    return variant_rows(stack, settings.fasta, settings.input, settings.flank, encoded)


@dataclass(frozen=True)
class _Part:
    """Some rows, and the scores of those that have a text."""

    rows: list[Row]
    scores: np.ndarray


def _parts(
    rows: Iterable[Row],
    model: FinetunedModel,
    settings: PredictSettings,
    device: torch.device,
    counts: dict[str, int],
) -> Iterator[_Part]:
    from pybmfm.training.finetuning.prediction import predict_rows, scores_of
    from pybmfm.training.precision import autocast, resolve_precision
    from pybmfm.training.token_windows import token_windows

    facts = model.facts
    precision = resolve_precision(settings.precision, device)
    budget = choose_batch_tokens(settings.batch_tokens, device)
    running = iter(progress(rows, "predicting", unit="rows"))
    while chunk := list(islice(running, ROWS_AT_ONCE)):
        # Alternates of a record have the same window where its middle is the reference.
        usable = [number for number, row in enumerate(chunk) if row.text]
        texts = [chunk[number].text for number in usable]
        place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        scores = np.full((len(chunk), len(model.network.head.bias)), np.nan, dtype=np.float32)
        if texts:
            tokens = token_windows(
                model.encoder.tokenizer, list(place), facts.max_length, facts.long
            )
            outputs = predict_rows(
                model.network, tokens, budget, partial(autocast, precision, device)
            )
            found = scores_of(facts.kind, outputs, facts.mean, facts.deviation)
            scores[usable] = found[[place[text] for text in texts]]
            counts["truncated"] += tokens.truncated
        yield _Part(chunk, scores)


def _table(parts: list[_Part], model: FinetunedModel) -> pd.DataFrame:
    import pandas as pd

    rows = [row for part in parts for row in part.rows]
    scores = np.concatenate([part.scores for part in parts])
    columns: dict[str, Any] = {
        name: [row.columns[name] for row in rows] for name in rows[0].columns
    }
    columns["prediction"] = _predictions(scores, model)
    for number, name in enumerate(model.facts.classes):
        columns[f"score_{name}"] = scores[:, number]
    if rows[0].has_note:
        columns["note"] = [row.note for row in rows]
    return pd.DataFrame(columns)


def _predictions(scores: np.ndarray, model: FinetunedModel) -> Any:
    classes = np.array(model.facts.classes, dtype=object)
    missing = np.isnan(scores[:, 0])
    if model.facts.kind == "regression":
        return scores[:, 0]
    if model.facts.kind == "multilabel":
        named = np.array(["|".join(classes[row >= LABEL_FROM]) for row in scores], dtype=object)
    else:
        named = classes[np.where(missing, 0, np.nan_to_num(scores).argmax(axis=1))]
    return np.where(missing, "", named)


def _report(table: pd.DataFrame, counts: dict[str, int]) -> dict[str, Any]:
    notes = Counter(table["note"]) if "note" in table else Counter({"": len(table)})
    predicted = notes.pop("", 0)
    result: dict[str, Any] = {
        "rows": len(table),
        "predicted": predicted,
        "not_predicted": dict(sorted(notes.items())),
        **counts,
    }
    reasons = ", ".join(f"{name} {count:,}" for name, count in result["not_predicted"].items())
    log.info(
        "%s rows, %s predicted; without a prediction: %s; cut at the model's length: %s%s",
        f"{len(table):,}",
        f"{predicted:,}",
        reasons or "none",
        f"{counts['truncated']:,}",
        _letters_sentence(counts),
    )
    return result


def _letters_sentence(counts: dict[str, int]) -> str:
    if "letters_replaced" not in counts:
        return ""
    return "; " + replaced_sentence(counts["letters_replaced"], counts["uracils_read_as_t"])
