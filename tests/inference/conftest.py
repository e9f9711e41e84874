"""A small genome and checkpoints of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pybmfm.variants import codes_to_text

from ..small_checkpoint import make_checkpoint


@pytest.fixture(scope="session")
def bases() -> dict[str, str]:
    """Sequences of the small genome: ``chr20`` has a stretch of N."""
    rng = np.random.default_rng(5)
    text = {
        name: codes_to_text(rng.integers(0, 4, n).astype(np.uint8)) for name, n in SIZES.items()
    }
    text["chr20"] = text["chr20"][:900] + "N" * 20 + text["chr20"][920:]
    return text


SIZES = {"chr1": 1500, "chr20": 1200}


@pytest.fixture(scope="session")
def fasta(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, str]) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text("".join(f">{name}\n{text.lower()}\n" for name, text in bases.items()))
    return path


@pytest.fixture(scope="session")
def snp_checkpoint(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, str]) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model") / "snp", bases["chr1"], "snp")


@pytest.fixture(scope="session")
def ref_checkpoint(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, str]) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model") / "ref", bases["chr1"], "ref")
