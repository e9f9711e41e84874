from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pybmfm.tokenizer import TokenizerSettings, train_tokenizer
from pybmfm.variants import ALPHABET


def training_lines() -> list[str]:
    """Random DNA in which a few variant symbols stand."""
    rng = np.random.default_rng(0)
    letters = list("ACGT") * 12 + [ALPHABET[40], ALPHABET[11], "X"]
    return ["".join(rng.choice(letters, size=1500)) for _ in range(12)]


@pytest.fixture(scope="session")
def tokenizer_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    for alphabet in ("all", "observed"):
        settings = TokenizerSettings(
            out=folder / alphabet,
            encoding="snp",
            vocab_size=260,
            min_frequency=3,
            alphabet=alphabet,
        )
        train_tokenizer(settings, training_lines(), origin={"seed": 0}, inputs=[], counts={})
    return {"all": folder / "all", "observed": folder / "observed"}
