"""A demo genome with planted biology: every input of the pipeline from one seed."""

from __future__ import annotations

from pybmfm.simulate.build import simulate
from pybmfm.simulate.settings import SimulationSettings

__all__ = ["SimulationSettings", "simulate"]
