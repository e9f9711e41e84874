"""What every baseline hands back once it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Feature(NamedTuple):
    """One row of ``top_features.tsv``.

    Attributes
    ----------
    output
        Class, label or ``value`` that it speaks for; ``all`` where a model does not say.
    feature
        Its name.
    weight
        Weight of a standard deviation, importance in a forest, correlation of a filter.
    """

    output: str
    feature: str
    weight: float


@dataclass(frozen=True)
class Fitted:
    """A fitted baseline with its predictions.

    Attributes
    ----------
    description
        What it is, in words.
    scores
        Of ``dev`` and ``test``, as results hold them.
    parameters
        Numbers that were fitted.
    features
        What weighs most.
    facts
        What else goes into ``metrics.json``, such as the settings that dev chose.
    """

    description: str
    scores: dict[str, np.ndarray]
    parameters: int
    features: list[Feature] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
