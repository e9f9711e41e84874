"""What commands rely on in manifests and other JSON files: the types of keys, by kind of artefact.

A type is ``int`` (of 64 bits), ``float`` (any number), ``str``, ``dict`` (any object), ``list``
(any list), ``[T]`` for a list of ``T``, ``Each(T)`` for an object of any keys whose values are
``T``, or ``{"key": T, "other?": T}`` for an object that must have ``key``, whose ``other`` may be
absent or null, and whose further keys may be anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pybmfm.core.errors import UserError


@dataclass(frozen=True)
class Each:
    """The type of an object of any keys."""

    values: Any


COUNTS = Each(int)
INPUTS = [{"name": str, "bytes": int, "sha256": str}]
ROWS = {"read": int, "used": int, "dropped": COUNTS}
ANY_KIND = {
    "artefact": str,
    "settings?": dict,
    "inputs?": INPUTS,
    "made_from?": INPUTS,
    "counts?": dict,
    "encoding?": str,
    "notes?": [str],
    "pybmfm?": str,
    "source_digest?": str,
}
CONTIG = {
    "place?": int,
    "read?": int,
    "used?": int,
    "dropped?": COUNTS,
    "positions?": int,
    "variant_classes?": COUNTS,
    "frequency_spectrum?": {"edges": [float], "counts": [int]},
    "transitions?": int,
    "transversions?": int,
    "titv?": float,
}
OF_KIND: Mapping[str, Mapping[str, Any]] = {
    "checkpoint": {
        "counts?": {"steps?": int},
        "metrics?": dict,
        "parameters?": int,
    },
    "corpus": {
        "encoding": str,
        "tokenizer": {"sha256": str},
        "counts": Each(
            {
                "windows?": int,
                "tokens?": int,
                "nucleotides?": int,
                "variant_tokens?": int,
                "unknown?": int,
            }
        ),
        "shards": [{"file": str, "bytes": int, "sha256": str}],
        "symbols?": [int],
        "leakage?": {"shared_bp?": int},
    },
    "frequency-table": {
        "contigs?": Each(CONTIG),
        **{f"{key}?": COUNTS for key in ("dropped", "alleles_dropped", "frequency_fields")},
        **{f"{key}?": int for key in ("read", "used", "rows_scaled")},
        **{f"{key}?": [str] for key in ("contigs_only_in_fasta", "contigs_only_in_vcf")},
        "assembly?": str,
        "titv?": float,
    },
    "leakage-audit": {"modes?": Each(str), "counts": {"task?": Each(dict)}},
    "result": {"counts?": dict},
    "tasks": {
        "counts?": dict,
        "tasks?": Each({"counts?": ROWS, "splits?": Each(ROWS), "rows?": COUNTS}),
        "left_out?": dict,
        "variants?": {
            "symbols": int,
            "symbols_used": int,
            "density": [dict],
            "placed": Each({"placed": int, "rows": int, "dropped": COUNTS}),
        },
    },
    "tokenizer": {
        "vocab_size?": int,
        "tokens?": {"vocab_size?": int, "tokens_with_variants?": int, "longest?": int},
    },
    "windows": {
        "settings": {"split?": str},
        "counts?": {
            "windows?": COUNTS,
            "dropped?": COUNTS,
            "covered_acgt?": int,
            "acgt_bases?": int,
        },
        "leakage?": {"shared_bp?": int},
    },
}
LONGEST_NAME = 80  # letters of a key shown
NAMES = {int: "a whole number", float: "a number", str: "text", dict: "an object", list: "a list"}


def check_manifest(content: Mapping[str, Any], path: Path, *, shown_only: bool) -> None:
    """Check that a manifest has what commands rely on, of the types that they rely on.

    Parameters
    ----------
    content, path
        What it says, and where it lies.
    shown_only
        Whether it is only told about, so that what it does not say may be missing.

    Raises
    ------
    UserError
        Naming the first place that has not.
    """
    own = OF_KIND.get(str(content.get("artefact")), {})
    if shown_only:
        own = {key: wanted for key, wanted in own.items() if key.removesuffix("?") in content}
    for wanted in (ANY_KIND, own):
        check_json(content, wanted, path, "manifest")


def check_json(
    content: Mapping[str, Any], wanted: Mapping[str, Any], path: Path, what: str
) -> None:
    """Check that a JSON object has the keys and types of ``wanted``.

    Parameters
    ----------
    what
        Names the file in the message.

    Raises
    ------
    UserError
        Naming the first place that has not.
    """
    for place, problem in _faults(content, wanted, ""):
        raise UserError(
            f"is no {what} that pybmfm writes: {place} {problem}",
            file=path,
            remedy="make the folder again",
        )


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value from JSON is a finite number of ordinary size."""
    return _is_of(value, float) and math.isfinite(value)


def _faults(value: Any, wanted: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield each place that is not of the wanted type, and what is wrong with it."""
    kind = wanted if isinstance(wanted, type) else list if isinstance(wanted, list) else dict
    if not _is_of(value, kind):
        yield place, f"is not {NAMES[kind]}"
    elif isinstance(wanted, list):
        for number, one in enumerate(value):
            yield from _faults(one, wanted[0], f"{place}[{number}]")
    elif isinstance(wanted, Each):
        for key, one in value.items():
            yield from _faults(one, wanted.values, _below(place, key))
    elif isinstance(wanted, Mapping):
        for key, inner in wanted.items():
            name = key.removesuffix("?")
            if value.get(name) is not None:
                yield from _faults(value[name], inner, _below(place, name))
            elif not key.endswith("?"):
                yield _below(place, name), "is missing"


def _is_of(value: Any, kind: type) -> bool:
    if kind is int:
        return type(value) is int and abs(value) < 1 << 63
    if kind is float:
        return type(value) is float or _is_of(value, int)
    return isinstance(value, kind)


def _below(place: str, key: str) -> str:
    return f"{place}.{key[:LONGEST_NAME]}" if place else key[:LONGEST_NAME]
