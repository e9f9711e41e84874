"""Genome windows, splits without shared loci, and token shards."""

from pybmfm.corpus.build import CorpusSettings, build_corpus
from pybmfm.corpus.cutting import WindowSettings
from pybmfm.corpus.sources import open_encoder
from pybmfm.corpus.splits import SPLITS, default_block_size
from pybmfm.corpus.token_corpus import TokenCorpus, count_tokens
from pybmfm.corpus.window_selection import check_windows_fit, draw_training_windows
from pybmfm.corpus.windows import sample_windows
from pybmfm.corpus.windows_table import read_windows

__all__ = [
    "SPLITS",
    "CorpusSettings",
    "TokenCorpus",
    "WindowSettings",
    "build_corpus",
    "check_windows_fit",
    "count_tokens",
    "default_block_size",
    "draw_training_windows",
    "open_encoder",
    "read_windows",
    "sample_windows",
]
