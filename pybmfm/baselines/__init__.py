"""Honest baselines over the same task tables, written as the same results."""

from pybmfm.baselines.fitting import DEFAULT_K, MODELS, BaselineSettings, fit_baseline
from pybmfm.baselines.kmers import KmerVocabulary

__all__ = ["DEFAULT_K", "MODELS", "BaselineSettings", "KmerVocabulary", "fit_baseline"]
