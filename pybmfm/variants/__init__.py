"""States and symbols, reading VCFs, frequency tables, drawing alleles, strands of symbols."""

from pybmfm.variants.draws import STRATEGIES
from pybmfm.variants.encoder import WindowEncoder
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
    "FrequencyTable",
    "WindowEncoder",
    "code_of_states",
    "codes_to_text",
    "is_encoded_text",
    "reverse_complement_codes",
    "states_of_code",
    "text_to_codes",
]
