"""What a model says about variants and sequences."""

from pybmfm.inference.embed import POOLINGS, EmbedSettings, embed
from pybmfm.inference.predict import PredictSettings, predict
from pybmfm.inference.score_variants import ScoreSettings, ScoreSummary, score_variants
from pybmfm.inference.vcf_text import VcfRecord, VcfText, open_vcf

__all__ = [
    "POOLINGS",
    "EmbedSettings",
    "PredictSettings",
    "ScoreSettings",
    "ScoreSummary",
    "VcfRecord",
    "VcfText",
    "embed",
    "open_vcf",
    "predict",
    "score_variants",
]
