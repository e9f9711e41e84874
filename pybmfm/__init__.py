"""SNP-aware DNA language models, from genome and variants to one report."""

__version__ = "0.1.0"
