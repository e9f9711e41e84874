"""BPE tokenizers over encoded DNA: training, exact encoding, comparison."""

from pybmfm.tokenizer.comparison import compare_tokenizers
from pybmfm.tokenizer.dna_tokenizer import DnaTokenizer, replace_foreign_letters
from pybmfm.tokenizer.foreign import ForeignTokenizer
from pybmfm.tokenizer.threads import use_threads
from pybmfm.tokenizer.training import TokenizerSettings, train_tokenizer
from pybmfm.tokenizer.used_vocabulary import TokenUse

__all__ = [
    "DnaTokenizer",
    "ForeignTokenizer",
    "TokenUse",
    "TokenizerSettings",
    "compare_tokenizers",
    "replace_foreign_letters",
    "train_tokenizer",
    "use_threads",
]
