"""One embedding per sequence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pybmfm import __version__
from pybmfm.core import describe_inputs, output_file, progress
from pybmfm.inference.devices import choose_batch_tokens, use_threads
from pybmfm.inference.pseudo_likelihood import batches
from pybmfm.inference.sequences import NamedSequences, read_sequences
from pybmfm.tasks.letters import replaced_sentence
from pybmfm.training.processes import choose_device

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from pybmfm.tokenizer import DnaTokenizer

log = logging.getLogger("pybmfm")

POOLINGS = ("mean", "cls")
SPECIALS = 2  # [CLS] and [SEP] around every piece
METADATA = b"pybmfm"


@dataclass(frozen=True)
class EmbedSettings:
    """Settings of ``embed``.

    Attributes
    ----------
    checkpoint, input, out
        Model folder; FASTA, CSV, TSV or Parquet; Parquet file to write.
    pooling
        ``mean`` over all tokens but [CLS] and [SEP], or ``cls``.
    alphabet
        ``auto``, ``plain`` or ``encoded``.
    batch_tokens
        Tokens per flat batch; None: chosen by device.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    threads
        CPU threads.
    """

    checkpoint: Path
    input: Path
    out: Path
    pooling: str = "mean"
    alphabet: str = "auto"
    batch_tokens: int | None = None
    device: str = "auto"
    threads: int = 1


def embed(settings: EmbedSettings) -> dict[str, int]:
    """Write a Parquet file with columns ``id`` and ``embedding`` (list of float32).

    A sequence of more tokens than the model takes is cut into consecutive pieces of the model's
    length; its embedding is their mean weighted by tokens. How many were cut is logged and
    stands with the settings in the Parquet schema's metadata under ``pybmfm``.

    Returns
    -------
    dict
        Counts: ``sequences``, ``sequences_in_pieces``, ``pieces``, ``letters_replaced``,
        ``uracils_read_as_t``.

    Raises
    ------
    UserError
        If an input is missing or malformed.
    """
    from pybmfm.model import load_checkpoint

    use_threads(settings.threads)
    device = choose_device(settings.device)
    read = read_sequences(settings.input, settings.alphabet)
    model, tokenizer = load_checkpoint(settings.checkpoint, device=device)
    pieces, owners = cut_into_pieces(read, tokenizer, int(model.config.max_position_embeddings))
    vectors = _embed_pieces(settings, model, tokenizer.special_ids, pieces, device)
    weights = np.array([len(piece) - SPECIALS for piece in pieces], dtype=np.float64)
    embeddings = weighted_means(vectors, weights, owners, len(read.ids))
    per_sequence = np.bincount(owners, minlength=len(read.ids))
    counts = {
        "sequences": len(read.ids),
        "sequences_in_pieces": int((per_sequence > 1).sum()),
        "pieces": len(pieces),
        "letters_replaced": read.replaced_letters,
        "uracils_read_as_t": read.uracils,
    }
    _write(settings, read.ids, embeddings, counts)
    log.info(
        "%s sequences embedded; %s longer than the model, averaged over pieces (%s in all); %s",
        *(f"{counts[name]:,}" for name in ("sequences", "sequences_in_pieces", "pieces")),
        replaced_sentence(read.replaced_letters, read.uracils),
    )
    return counts


def cut_into_pieces(
    read: NamedSequences, tokenizer: DnaTokenizer, max_length: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Tokenize, cut at the model's length, and put [CLS] and [SEP] around every piece.

    Returns
    -------
    list, ndarray
        Token ids per piece, and for each piece the index of its sequence.
    """
    room = max_length - SPECIALS
    pieces, owners = [], []
    for owner, ids in enumerate(tokenizer.encode_batch(read.sequences)):
        for start in range(0, max(1, len(ids)), room):
            piece = ids[start : start + room].astype(np.int64)
            pieces.append(np.concatenate([[tokenizer.cls], piece, [tokenizer.sep]]))
            owners.append(owner)
    return pieces, np.array(owners, dtype=np.int64)


def weighted_means(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float64],
    owners: NDArray[np.int64],
    number: int,
) -> NDArray[np.float32]:
    """Average the rows of ``vectors`` [pieces, hidden] that have the same owner, by weight."""
    sums = np.zeros((number, vectors.shape[1]))
    np.add.at(sums, owners, vectors * weights[:, None])
    return (sums / np.bincount(owners, weights, number)[:, None]).astype(np.float32)


def _embed_pieces(
    settings: EmbedSettings,
    model: PreTrainedModel,
    specials: tuple[int, ...],
    pieces: list[NDArray[np.int64]],
    device: torch.device,
) -> NDArray[np.float32]:
    import torch

    from pybmfm.model import FlatBatch, hidden_states, pooled_embeddings

    def parts() -> Iterator[NDArray[np.float32]]:
        lengths = [len(piece) for piece in pieces]
        budget = choose_batch_tokens(settings.batch_tokens, device)
        cut = list(batches(pieces, lengths, budget))
        for part in progress(cut, "embedding", unit="batches"):
            batch = FlatBatch.from_sequences(part).to(device)
            with torch.inference_mode():
                if settings.pooling == "mean":
                    pooled = pooled_embeddings(model, batch, specials)
                else:
                    pooled = hidden_states(model, batch)[batch.offsets[:-1]]
            yield pooled.float().cpu().numpy()

    return np.concatenate(list(parts()))


def _write(
    settings: EmbedSettings,
    ids: list[str],
    embeddings: NDArray[np.float32],
    counts: dict[str, int],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {
        "artefact": "embeddings",
        "pybmfm": __version__,
        "settings": {"pooling": settings.pooling, "alphabet": settings.alphabet},
        "inputs": describe_inputs([settings.checkpoint, settings.input]),
        "counts": counts,
    }
    rows, width = embeddings.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    column = pa.ListArray.from_arrays(offsets, pa.array(embeddings.ravel(), type=pa.float32()))
    table = pa.table({"id": pa.array(ids, type=pa.string()), "embedding": column})
    table = table.replace_schema_metadata({METADATA: json.dumps(about).encode()})
    with output_file(settings.out) as staging:
        pq.write_table(table, staging)
