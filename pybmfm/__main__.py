"""``python -m pybmfm VERB``."""

from pybmfm.cli import main

main()
