"""States and symbols, reading VCFs, frequency tables, drawing alleles, strands of symbols.

A locus becomes encoded sequence with `encode_locus`, many with `encode_loci`, windows in bulk, as
codes, with `WindowEncoder.encode_many`.
"""

from pybmfm.variants.draws import STRATEGIES
from pybmfm.variants.encoder import ContigEncoder, WindowEncoder
from pybmfm.variants.haplotypes import PhasedPanel
from pybmfm.variants.placement import Locus, place_rows, read_rows, reference_texts, texts_to_align
from pybmfm.variants.sequences import encode_loci, encode_locus
from pybmfm.variants.strands import reverse_complement_codes
from pybmfm.variants.symbols import (
    ALPHABET,
    STATES,
    VARIANT_CODE,
    code_of_states,
    codes_to_text,
    is_encoded_text,
    states_of_code,
    text_to_codes,
)
from pybmfm.variants.table import FrequencyTable

__all__ = [
    "ALPHABET",
    "STATES",
    "STRATEGIES",
    "VARIANT_CODE",
    "ContigEncoder",
    "FrequencyTable",
    "Locus",
    "PhasedPanel",
    "WindowEncoder",
    "code_of_states",
    "codes_to_text",
    "encode_loci",
    "encode_locus",
    "is_encoded_text",
    "place_rows",
    "read_rows",
    "reference_texts",
    "reverse_complement_codes",
    "states_of_code",
    "text_to_codes",
    "texts_to_align",
]
