"""A genome of three contigs with N islands, lower case and variants; windows and tokenizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pybmfm.core import write_manifest
from pybmfm.corpus import WindowSettings, sample_windows
from pybmfm.genome import Genome
from pybmfm.variants.table import write_rows


def random_sequence(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), size=length))


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    rng = np.random.default_rng(7)
    first = random_sequence(rng, 60_000)
    first = first[:20_000] + "N" * 3000 + first[23_000:40_000].lower() + first[40_000:]
    return {
        "chr1": first,
        "chr2": "N" * 1200 + random_sequence(rng, 28_800),
        "empty": "N" * 5000,
        "chrM": random_sequence(rng, 2500),
    }


@pytest.fixture(scope="session")
def fasta(tmp_path_factory: pytest.TempPathFactory, sequences: dict[str, str]) -> Path:
    file = tmp_path_factory.mktemp("genome") / "genome.fa"
    lines = []
    for name, text in sequences.items():
        lines.append(f">{name}")
        lines += [text[i : i + 70] for i in range(0, len(text), 70)]
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="session")
def frequencies(tmp_path_factory: pytest.TempPathFactory, fasta: Path) -> Path:
    """A table in which every 50th base varies between itself and another state."""
    folder = tmp_path_factory.mktemp("frequencies")
    lengths = {}
    with Genome(fasta) as genome:
        for contig, length in genome.lengths.items():
            codes = genome.codes(contig)
            position = np.arange(10, length, 50, dtype=np.int32)
            position = position[codes[position] < 4]
            p = np.zeros((len(position), 11), dtype=np.float32)
            other = np.array([1, 2, 3, 5])[np.arange(len(position)) % 4]
            p[np.arange(len(position)), codes[position]] += 0.6
            p[np.arange(len(position)), other] += 0.4
            digest = genome.sequence_digest(contig)
            write_rows(
                folder, contig, position, p, length=length, sequence_digest=digest, haploid=False
            )
            lengths[contig] = length
    contigs = {contig: {"length": length} for contig, length in lengths.items()}
    write_manifest(folder, artefact="frequency-table", settings={}, contigs=contigs)
    return folder


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory, fasta: Path) -> Path:
    out = tmp_path_factory.mktemp("windows") / "windows"
    sample_windows(
        WindowSettings(fasta, out, passes=2, min_length=300, max_length=1500, step=300, seed=3)
    )
    return out


def run_verb(module: str, *arguments: object) -> None:
    """Run a verb's command in this process; an exception is not swallowed."""
    import importlib

    command = importlib.import_module(f"pybmfm.cli.{module}").command
    CliRunner().invoke(
        command, [str(a) for a in arguments], catch_exceptions=False, standalone_mode=False
    )


@pytest.fixture(scope="session")
def tokenizers(
    tmp_path_factory: pytest.TempPathFactory, fasta: Path, windows: Path, frequencies: Path
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    common = ["--fasta", fasta, "--windows", windows, "--vocab-size", 300, "--min-frequency", 3]
    common += ["--max-bases", 60_000]
    run_verb("train_tokenizer", *common, "--out", folder / "ref")
    run_verb("train_tokenizer", *common, "--frequencies", frequencies, "--out", folder / "snp")
    return {"ref": folder / "ref", "snp": folder / "snp"}


@pytest.fixture(scope="session")
def corpora(
    tmp_path_factory: pytest.TempPathFactory,
    fasta: Path,
    windows: Path,
    frequencies: Path,
    tokenizers: dict[str, Path],
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    common = ["--fasta", fasta, "--windows", windows, "--seed", 5, "--shard-rows", 40]
    for name, extra in (("ref", []), ("snp", ["--frequencies", frequencies])):
        chosen = ["--tokenizer", tokenizers[name], "--out", folder / name]
        run_verb("build_corpus", *common, *extra, *chosen)
    return {"ref": folder / "ref", "snp": folder / "snp"}
