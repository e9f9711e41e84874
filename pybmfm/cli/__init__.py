"""The command line: ``pybmfm VERB``, one module per verb, imported only when called."""

from __future__ import annotations

from pybmfm.cli.group import main

__all__ = ["main"]
