"""Saying what was left out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST = 4


def describe_dropped(dropped: Mapping[str, int]) -> str:
    """Name the reasons that took most, with their numbers; ``no rows`` if there are none."""
    most = Counter(dropped).most_common(MOST)
    return ", ".join(f"{reason} {number:,}" for reason, number in most) or "no rows"
