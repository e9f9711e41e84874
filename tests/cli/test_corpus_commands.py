"""`sample-genome` and `build-corpus`: options reach the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm import corpus
from pybmfm.cli import main

SAMPLE = ["sample-genome", "--fasta", "g.fa", "--out", "w"]
BUILD = ["build-corpus", "--fasta", "g.fa", "--windows", "w", "--tokenizer", "t", "--out", "o"]


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0)


@pytest.fixture
def received(monkeypatch):
    settings = []
    monkeypatch.setattr(corpus, "sample_windows", settings.append)
    monkeypatch.setattr(corpus, "build_corpus", settings.append)
    return settings


def test_defaults_are_those_of_the_settings(received):
    assert exit_code(*SAMPLE) == exit_code(*BUILD) == 0
    windows, built = received
    assert windows == corpus.WindowSettings(Path("g.fa"), Path("w"))
    assert built == corpus.CorpusSettings(Path("g.fa"), Path("w"), Path("t"), Path("o"))


def test_names_of_contigs_are_split_at_commas(received):
    options = ["--dev-contigs", "chr8, chr9", "--test-contigs", "20", "--buffer", "7"]
    assert exit_code(*SAMPLE, *options) == 0
    (windows,) = received
    assert (windows.dev_contigs, windows.test_contigs) == (("chr8", "chr9"), ("20",))
    assert windows.buffer == 7


def test_options_of_building_arrive(received):
    options = ["--frequencies", "f", "--ref-share", "0.3", "--strategy", "hardy-weinberg"]
    assert exit_code(*BUILD, *options, "--threads", "3") == 0
    (built,) = received
    assert (built.frequencies, built.ref_share) == (Path("f"), 0.3)
    assert (built.strategy, built.threads) == ("hardy-weinberg", 3)


def test_haplotypes_arrive(received):
    assert exit_code(*BUILD, "--haplotypes", "p.vcf.gz", "--strategy", "haplotypes") == 0
    (built,) = received
    assert (built.haplotypes, built.strategy) == (Path("p.vcf.gz"), "haplotypes")


@pytest.mark.parametrize("option", [("--ref-share", "1.5"), ("--shard-rows", "0")])
def test_values_out_of_range_are_usage_errors(option):
    assert exit_code(*BUILD, *option) == 2
