"""What simple baselines see in the variant-encoded classes of the demo genome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pybmfm.baselines import BaselineSettings, fit_baseline
from pybmfm.evaluation import TableSettings, build_tables, table_3
from pybmfm.evaluation.table3 import SETS
from pybmfm.genome import Genome, decode_bases
from pybmfm.tasks import PromoterVariantSettings, build_promoter_variants
from pybmfm.variants import ALPHABET, code_of_states
from pybmfm.variants.build import FrequencySettings, variant_frequencies

from .demo_models import fit, tune

SPLITS = {"train": (0.0, 0.7), "dev": (0.7, 0.8), "test": (0.8, 1.0)}
WIDTH = 400


@pytest.fixture(scope="module")
def classes(demo_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows of chr1 and chr2 with every variant, labels at random."""
    folder = tmp_path_factory.mktemp("classes")
    fasta = demo_world / "genome.fa.gz"
    variant_frequencies(
        FrequencySettings(
            fasta=fasta, vcf=demo_world / "variants.vcf.gz", out=folder / "frequencies",
            min_frequency=0.0, records="all",
        )
    )  # fmt: skip
    rng = np.random.default_rng(0)
    with Genome(fasta) as genome:
        for split, (first, last) in SPLITS.items():
            rows = []
            for contig in ("chr1", "chr2"):
                length = genome.lengths[contig]
                for start in range(int(first * length), int(last * length) - WIDTH, WIDTH):
                    text = decode_bases(genome.codes(contig, start, start + WIDTH))
                    if "N" not in text:
                        rows.append([text, int(rng.integers(2)), contig, start, start + WIDTH])
            columns = ["sequence", "label", "contig", "start", "end"]
            pd.DataFrame(rows, columns=columns).to_csv(folder / f"{split}.csv", index=False)
    build_promoter_variants(
        PromoterVariantSettings(
            **{split: folder / f"{split}.csv" for split in SPLITS},  # type: ignore[arg-type]
            fasta=fasta, frequencies=folder / "frequencies", out=folder / "tasks", task="w",
            classes=(2, 4),
        )
    )  # fmt: skip
    return folder / "tasks"


def test_class_2_is_trivially_separable(classes: Path, tmp_path: Path) -> None:
    tables = {split: classes / "w.class2" / f"{split}.csv" for split in SPLITS}
    settings = {"kind": "binary", "task": "w.class2", "metric": "f1", "k": (1,)}
    fit_baseline(BaselineSettings("kmer-logistic", **tables, **settings, out=tmp_path / "out"))  # type: ignore[arg-type]
    test = json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]
    assert test["auroc"] > 0.97
    assert test["f1"] > 0.9


def test_an_oracle_of_the_planted_signal_beats_chance_on_class_4(classes: Path) -> None:
    """C decays to T before G outside islands: on either strand of a CpG."""
    a, g, t, c = range(4)
    before_g = ALPHABET[code_of_states(c, t)] + "G"
    after_c = "C" + ALPHABET[code_of_states(a, g)]
    for split in SPLITS:
        table = pd.read_csv(classes / "w.class4" / f"{split}.csv")
        score = [text.count(before_g) + text.count(after_c) for text in table["sequence"]]
        assert roc_auc_score(table["label"], score) > 0.6


def test_models_on_class_4_get_figures_with_intervals(classes: Path, tmp_path: Path) -> None:
    """How well they do is shown and not asserted: the paper's own models are near chance."""
    tables, task = classes / "w.class4", "w.class4"
    folders = [
        fit(tables, tmp_path, "kmer-logistic", task),
        tune(tables, tmp_path, "scratch", task, max_train_rows=200),
    ]
    table = table_3(build_tables(folders, TableSettings()).table2)
    assert set(table["sequences"]) == {SETS["class4"]}
    for model in ("kmer-logistic", "scratch"):
        rows = table[table["model"] == model]
        assert set(rows["metric"]) == {"f1", "mcc", "auroc"}
        assert ((rows["low"] <= rows["mean"]) & (rows["mean"] <= rows["high"])).all()
        areas = rows[rows["metric"] == "auroc"]
        assert (areas["low"] < areas["high"]).all()
