"""Building: the same bytes on any number of threads, mixtures, haplotypes, what is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError, read_manifest
from pybmfm.corpus import (
    SPLITS,
    CorpusSettings,
    TokenCorpus,
    build_corpus,
    open_encoder,
    read_windows,
    shards,
)
from pybmfm.corpus.mixture import stays_plain
from pybmfm.genome import Genome
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.variants import ALPHABET, FrequencyTable, WindowEncoder, codes_to_text

from .test_corpus import folder_bytes

Build = Callable[..., Path]


@pytest.fixture
def build(
    tmp_path: Path, fasta: Path, windows: Path, frequencies: Path, tokenizers: dict[str, Path]
) -> Build:
    """Build a corpus of the fixtures' genome with some other settings; return its folder."""
    standard = CorpusSettings(
        fasta=fasta,
        windows=windows,
        tokenizer=tokenizers["snp"],
        out=tmp_path,
        frequencies=frequencies,
        seed=5,
        shard_rows=40,
    )

    def build_with(name: str, **changed: object) -> Path:
        build_corpus(replace(standard, out=tmp_path / name, **changed))
        return tmp_path / name

    return build_with


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_threads_do_not_change_a_byte(
    build: Build, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    # Small batches, so that several threads have work and batches cross from contig to contig.
    monkeypatch.setattr(shards, "BATCH_WINDOWS", 7)
    monkeypatch.setattr(shards, "BATCH_NUCLEOTIDES", 5000)
    built = [build(str(n), threads=n, ref_share=share) for n in (1, 2, 3)]
    first, *others = map(folder_bytes, built)
    assert all(other == first for other in others)


def test_the_size_of_batches_does_not_change_what_a_row_holds(
    build: Build, monkeypatch: pytest.MonkeyPatch, corpora: dict[str, Path]
) -> None:
    monkeypatch.setattr(shards, "BATCH_WINDOWS", 3)
    small = build("small", shard_rows=11)
    for split in SPLITS:
        one, other = TokenCorpus(corpora["snp"], split), TokenCorpus(small, split)
        everything = np.arange(len(one))
        assert len(other) == len(one)
        assert all(map(np.array_equal, one.flat(everything), other.flat(everything)))
        assert [one.window(i) for i in everything] == [other.window(i) for i in everything]


def test_batches_are_cut_by_windows_and_by_nucleotides(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybmfm.corpus.windows_table import WindowColumns

    monkeypatch.setattr(shards, "BATCH_WINDOWS", 4)
    monkeypatch.setattr(shards, "BATCH_NUCLEOTIDES", 1000)
    lengths = np.array([10, 10, 10, 10, 10, 900, 900, 10, 10, 10, 10])
    ends = np.cumsum(lengths)
    none = np.zeros(len(ends), np.int32)
    columns = WindowColumns(["c"], none, ends - lengths, ends, none > 0, none)
    one, two = shards.divide_into_shards(columns, np.arange(11), "train", 8)
    assert [batch.tolist() for batch in one.batches] == [[0, 1, 2, 3], [4, 5], [6, 7]]
    assert [batch.tolist() for batch in two.batches] == [[8, 9, 10]]
    assert [one.windows, two.windows] == [8, 3]
    (empty,) = shards.divide_into_shards(columns, np.arange(0), "dev", 8)
    assert (empty.file, empty.windows) == ("dev/shard-00000.arrow", 0)


def test_manifest_counts_the_symbols_of_the_training_windows(
    corpora: dict[str, Path], windows: Path, fasta: Path, frequencies: Path
) -> None:
    table, _ = read_windows(windows)
    counts = np.zeros(len(ALPHABET), np.int64)
    with Genome(fasta) as genome:
        encoder = WindowEncoder(genome, FrequencyTable.open(frequencies), seed=5)
        for row in table[table["split"] == "train"].to_dict("records"):
            place = (row["contig"], row["start"], row["end"])
            codes = encoder.encode(*place, strand=row["strand"], pass_number=row["pass"])
            counts += np.bincount(codes, minlength=len(ALPHABET))
    manifest = read_manifest(corpora["snp"], "corpus")
    assert manifest["symbols"] == counts.tolist()
    assert sum(manifest["symbols"]) == manifest["counts"]["train"]["nucleotides"]
    assert sum(manifest["symbols"][11:]) > 0


def test_manifest_says_what_the_shards_take_on_disk(corpora: dict[str, Path]) -> None:
    manifest = read_manifest(corpora["ref"], "corpus")
    counts = manifest["counts"].values()
    total = sum((corpora["ref"] / shard["file"]).stat().st_size for shard in manifest["shards"])
    for name in ("token", "window", "nucleotide"):
        number = sum(count[f"{name}s"] for count in counts)
        assert manifest[f"bytes_per_{name}"] == pytest.approx(total / number, abs=1e-4)


def test_columns_beside_the_tokens_are_small(build: Build) -> None:
    folder = build("one", shard_rows=10_000)
    manifest = read_manifest(folder, "corpus")
    windows = sum(count["windows"] for count in manifest["counts"].values())
    tokens = sum(count["tokens"] for count in manifest["counts"].values()) + 2 * windows
    total = sum(shard["bytes"] for shard in manifest["shards"])
    # Three files have a header and a footer; 11.3 M windows of a human genome take 0.9 GB.
    assert total - 2 * tokens < 80 * windows + 3 * 4096


# -- mixtures ---------------------------------------------------------------------------------


def test_a_mixture_keeps_some_windows_plain_both_strands_alike(
    build: Build,
    corpora: dict[str, Path],
    fasta: Path,
    tokenizers: dict[str, Path],
) -> None:
    mixed = build("mixed", ref_share=0.4)
    assert read_manifest(mixed, "corpus")["encoding"] == "mixed"
    assert read_manifest(mixed, "corpus")["settings"]["ref_share"] == 0.4
    tokenizer = DnaTokenizer.load(tokenizers["snp"])
    plain: dict[tuple[object, ...], set[str]] = {}
    with Genome(fasta) as genome:
        for split in SPLITS:
            corpus, varying = TokenCorpus(mixed, split), TokenCorpus(corpora["snp"], split)
            for row in range(len(corpus)):
                window = corpus.window(row)
                key = tuple(window[name] for name in ("contig", "start", "end", "pass"))
                plain.setdefault(key, set()).add(window["encoding"])
                if window["encoding"] == "snp":
                    assert np.array_equal(corpus.tokens(row), varying.tokens(row))
                else:
                    place = (window["contig"], window["start"], window["end"])
                    codes = WindowEncoder(genome, None).encode(*place, strand=window["strand"])
                    assert tokenizer.decode(corpus.tokens(row)) == codes_to_text(codes)
    assert all(len(encodings) == 1 for encodings in plain.values())
    share = np.mean([encodings == {"ref"} for encodings in plain.values()])
    assert share == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize(
    ("changed", "encoding"),
    [
        ({"ref_share": 1.0}, "ref"),
        ({"ref_share": 0.0}, "snp"),
        ({"ref_share": 0.5, "frequencies": None}, "ref"),
        ({"strategy": "haplotypes", "frequencies": None}, "ref"),
    ],
)
def test_a_corpus_of_one_encoding_says_so_in_every_row(
    build: Build, changed: dict[str, object], encoding: str
) -> None:
    folder = build("one", **changed)
    assert read_manifest(folder, "corpus")["encoding"] == encoding
    corpus = TokenCorpus(folder, "dev")
    assert {corpus.window(row)["encoding"] for row in range(len(corpus))} == {encoding}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(build: Build, share: float) -> None:
    with pytest.raises(UserError, match="no share"):
        build("wrong", ref_share=share)


@settings(max_examples=30, deadline=None)
@given(
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    places=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 20)), min_size=1, max_size=40),
)
def test_windows_are_chosen_alike_alone_and_together(
    share: float, seed: int, places: list[tuple[int, int]]
) -> None:
    starts, passes = (np.array(column) for column in zip(*places, strict=True))
    together = stays_plain(share, seed, "chr1", starts, passes.astype(np.int32))
    for i in range(len(places)):
        alone = stays_plain(share, seed, "chr1", starts[i : i + 1], passes[i : i + 1])
        assert alone[0] == together[i]


def test_the_share_is_met_and_differs_between_seeds_passes_and_contigs() -> None:
    starts = np.arange(0, 50_000_000, 5000)
    drawn = [
        stays_plain(0.3, seed, contig, starts, np.full(len(starts), number, np.int32))
        for seed, contig, number in ((0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1))
    ]
    for one in drawn:
        assert one.mean() == pytest.approx(0.3, abs=0.02)
    agreement = np.corrcoef(drawn) - np.eye(4)
    assert np.abs(agreement).max() < 0.05


# -- haplotypes -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, sequences: dict[str, str]) -> Path:
    """Two individuals with a phased SNP every 100 bases of two contigs."""
    file = tmp_path_factory.mktemp("panel") / "panel.vcf"
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += [f"##contig=<ID={name}>" for name in sequences]
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT one two"
    lines.append("\t".join(columns.split()))
    genotypes = ("0|1", "1|0", "1|1", "0|0")
    for contig in ("chr1", "chr2"):
        for number, place in enumerate(range(50, len(sequences[contig]), 100)):
            base = sequences[contig][place].upper()
            if base != "N":
                other = "ACGT"[("ACGT".index(base) + 1) % 4]
                calls = genotypes[number % 4], genotypes[(number + 1) % 4]
                fields = [contig, place + 1, ".", base, other, ".", ".", ".", "GT", *calls]
                lines.append("\t".join(map(str, fields)))
    file.write_text("\n".join(lines) + "\n")
    return file


def test_haplotypes_of_one_individual_per_pass(
    build: Build, panel: Path, fasta: Path, tokenizers: dict[str, Path]
) -> None:
    folder = build("haplotypes", strategy="haplotypes", frequencies=None, haplotypes=panel)
    manifest = read_manifest(folder, "corpus")
    assert manifest["encoding"] == "snp"
    assert manifest["genotypes"]["used"] > 0
    assert panel.name in [one["name"] for one in manifest["inputs"]]
    tokenizer = DnaTokenizer.load(tokenizers["snp"])
    corpus = TokenCorpus(folder, "train")
    with Genome(fasta) as genome:
        encoder, _ = open_encoder(genome, None, seed=5, strategy="haplotypes", haplotypes=panel)
        for row in range(0, len(corpus), 9):
            window = corpus.window(row)
            codes = encoder.encode(
                window["contig"],
                window["start"],
                window["end"],
                strand=window["strand"],
                pass_number=window["pass"],
            )
            assert tokenizer.decode(corpus.tokens(row)) == codes_to_text(codes)
    assert manifest["counts"]["train"]["variant_tokens"] > 0
