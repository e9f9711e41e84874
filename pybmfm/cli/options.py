"""Options that several verbs share, so that they read and behave the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# Existence is checked by the rooms, whose message names the remedy; click only makes the Path.
PATH = click.Path(path_type=Path)

STRATEGIES = ("paper", "hardy-weinberg")
KINDS = ("binary", "multiclass", "multilabel", "regression")


def fasta_option(required: bool = True) -> Callable[[F], F]:
    """``--fasta``: plain, gzip or bgzip, indexed or not."""
    return click.option(
        "--fasta",
        type=PATH,
        required=required,
        help="Reference genome (.fa, .fa.gz), index not needed.",
    )


def out_option(what: str) -> Callable[[F], F]:
    """``--out``: where the result appears, whole or not at all."""
    return click.option(
        "--out", type=PATH, required=True, help=f"{what}, written whole or not at all."
    )


def seed_option() -> Callable[[F], F]:
    """``--seed``: all randomness comes from it."""
    return click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of all randomness."
    )


def threads_option() -> Callable[[F], F]:
    """``--threads``: never changes the result of data, encoding or evaluation steps."""
    return click.option(
        "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads."
    )


def strategy_option() -> Callable[[F], F]:
    """``--strategy``: how two states are drawn at a varying position."""
    return click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="paper",
        show_default=True,
        help="How alleles are drawn at varying positions.",
    )
