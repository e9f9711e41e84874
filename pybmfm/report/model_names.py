"""What the names of models stand for, and the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable

# From the plainest to the most trained; the first word that a name holds decides.
ROLES = ("majority", "kmer", "cnn", "resnet", "frozen", "scratch", "ref", "snp")
BASELINES = ("majority", "kmer", "cnn", "resnet")


def role(model: str) -> str | None:
    """First of the known kinds of model that a name mentions: ``scratch-ref`` is scratch."""
    words = model.lower().replace("_", "-").split("-")
    return next((known for known in ROLES if known in words), None)


def in_order(models: Iterable[str]) -> list[str]:
    """Distinct models: baselines, fresh weights, REF, SNP, then others by name."""
    return sorted(dict.fromkeys(models), key=_rank)


def model_of_role(models: Iterable[str], wanted: str) -> str | None:
    """Return the first model that stands for ``ref``, ``snp`` ..."""
    return next((model for model in in_order(models) if role(model) == wanted), None)


def is_baseline(model: str) -> bool:
    """Whether a model is no language model."""
    return role(model) in BASELINES


def _rank(model: str) -> tuple[int, str]:
    known = role(model)
    return (ROLES.index(known) if known else len(ROLES), model)
