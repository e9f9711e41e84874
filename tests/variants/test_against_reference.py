"""The reader equals its plain-Python reference on random VCFs, however they are packed or cut."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.merge import merge_frequencies

from .random_vcfs import (
    FIELDS,
    SOURCES,
    World,
    bgzip_in_blocks,
    random_world,
    worlds,
)
from .reference_frequencies import (
    Choices,
    ContigTable,
    Table,
    info_of,
    records_of,
    reference_table,
)

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
PACKINGS = ("plain", "gzip", "bgzip")
ALL_PACKINGS = (*PACKINGS, "small blocks")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _write(folder: Path, world: World, packing: str = "plain") -> tuple[Path, Path]:
    fasta, vcf = folder / "g.fa", folder / ("v.vcf" if packing == "plain" else "v.vcf.gz")
    fasta.write_bytes(world.fasta)
    text = world.vcf.encode()
    if packing == "small blocks":
        vcf.write_bytes(bgzip_in_blocks(text, 1 + len(text) % 97))
    elif packing == "bgzip":
        with pysam.BGZFile(str(vcf), "wb1") as out:
            out.write(text)
    else:
        vcf.write_bytes(gzip.compress(text, 1) if packing == "gzip" else text)
    return fasta, vcf


def _read(
    folder: Path,
    inputs: tuple[Path, Path],
    choices: Choices,
    out: str = "out",
    **options: object,
) -> FrequencyTable:
    fasta, vcf = inputs
    chosen = {
        "min_frequency": choices.min_frequency,
        "records": choices.records,
        "frequency_field": choices.frequency_field,
        "filters": choices.filters,
        **({"sources": choices.sources} if choices.sources else {}),
        **options,
    }
    variant_frequencies(FrequencySettings(fasta=fasta, vcf=vcf, out=folder / out, **chosen))  # type: ignore[arg-type]
    return FrequencyTable.open(folder / out)


def _assert_equal(table: FrequencyTable, expected: Table) -> None:
    manifest = table.manifest
    counts = expected.total.counts()
    assert {key: manifest[key] for key in counts} == counts
    assert manifest["record_choice"] == expected.record_choice
    assert manifest["read"] == manifest["used"] + sum(manifest["dropped"].values())
    assert set(expected.contigs) <= set(table.contigs)
    for contig in table.contigs:
        _assert_contig_equal(table, contig, expected.contigs.get(contig, ContigTable()))


def _assert_contig_equal(table: FrequencyTable, contig: str, expected: ContigTable) -> None:
    entry = table.manifest["contigs"][contig]
    counts = expected.counts()
    assert {key: entry[key] for key in counts} == counts
    position, p = table.rows(contig)
    assert position.tolist() == list(expected.rows)
    assert entry["positions"] == len(position)
    if len(position):
        np.testing.assert_allclose(p, np.array(list(expected.rows.values())), rtol=0, atol=1e-6)


def _assert_reads_as_expected(folder: Path, world: World, packing: str, choices: Choices) -> None:
    expected = reference_table(world.vcf, world.sequences, world.names, choices)
    inputs = _write(folder, world, packing)
    if expected.refused:
        with pytest.raises(UserError, match=expected.refused):
            _read(folder, inputs, choices)
        assert not (folder / "out").exists()
    else:
        _assert_equal(_read(folder, inputs, choices), expected)


choices_of_reading = st.builds(
    Choices,
    min_frequency=st.sampled_from((0.001, 0.001, 0.0, 0.01, 0.25)),
    records=st.sampled_from(("auto", "all", "common")),
    frequency_field=st.sampled_from(FIELDS),
    filters=st.sampled_from(("PASS,.", "PASS,.", ".,q10", "PASS")),
)


@quick
@given(world=worlds(), packing=st.sampled_from(ALL_PACKINGS), choices=choices_of_reading)
def test_rows_and_counts_equal_the_reference(world: World, packing: str, choices: Choices) -> None:
    with _folder() as folder:
        _assert_reads_as_expected(folder, world, packing, choices)


def _is_readable(world: World) -> bool:
    """Whether the VCF agrees with the FASTA, as a whole and on each contig."""
    table = reference_table(world.vcf, world.sequences, world.names, Choices())
    alone = [Table({}, one, table.record_choice) for one in table.contigs.values()]
    return not any(one.refused for one in (table, *alone))


def _without_mismatches(random: Random, records: int, long_info: int) -> World:
    while True:
        world = random_world(random, 3, records, long_info)
        if len(world.names) > 1 and _is_readable(world):
            return world


@pytest.fixture(scope="module")
def large_world() -> World:
    """Some megabytes of text in several contigs: many compressed blocks, several read buffers."""
    return _without_mismatches(Random(1), 2500, 900)


@pytest.mark.parametrize("packing", PACKINGS)
def test_nothing_is_lost_at_block_borders(tmp_path: Path, large_world: World, packing: str) -> None:
    choices = Choices(records="all")
    expected = reference_table(large_world.vcf, large_world.sequences, large_world.names, choices)
    assert expected.total.read > 4_000
    _assert_equal(_read(tmp_path, _write(tmp_path, large_world, packing), choices), expected)


def _bytes_of(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.parametrize("packing", PACKINGS)
def test_threads_change_no_byte(tmp_path: Path, large_world: World, packing: str) -> None:
    inputs = _write(tmp_path, large_world, packing)
    written = []
    for threads in (1, 2, 5):
        _read(tmp_path, inputs, Choices(), threads=threads)
        written.append(_bytes_of(tmp_path / "out"))
    assert written[0] == written[1] == written[2]


def _contig_by_contig(folder: Path, inputs: tuple[Path, Path], names: list[str]) -> FrequencyTable:
    parts = []
    for number, name in enumerate(names):
        _read(folder, inputs, Choices(), out=f"part{number}", contigs=(name,))
        parts.append(folder / f"part{number}")
    merge_frequencies(parts, folder / "merged")
    return FrequencyTable.open(folder / "merged")


def _assert_same_table(merged: FrequencyTable, whole: FrequencyTable) -> None:
    left_out = whole.manifest["dropped"].pop("contig_not_in_fasta", 0)
    assert merged.contigs == whole.contigs
    assert merged.manifest["read"] == whole.manifest["read"] - left_out
    for key in (*ContigTable().counts(), "contigs"):
        if key != "read":
            assert merged.manifest[key] == whole.manifest[key], key
    for contig in whole.contigs:
        assert merged.file(contig).read_bytes() == whole.file(contig).read_bytes()


@settings(quick, max_examples=12)
@given(world=worlds(records=12), packing=st.sampled_from(ALL_PACKINGS))
def test_contigs_read_alone_and_merged_equal_the_whole(world: World, packing: str) -> None:
    if not _is_readable(world):
        return
    with _folder() as folder:
        inputs = _write(folder, world, packing)
        whole = _read(folder, inputs, Choices())
        _assert_same_table(_contig_by_contig(folder, inputs, whole.contigs), whole)


def _indexable(world: World) -> World:
    """Without empty lines and POS 0, which an index does not know."""
    lines = [line for line in world.vcf.splitlines() if line and line.split("\t")[1:2] != ["0"]]
    return replace(world, vcf="\n".join([*lines, ""]))


@settings(quick, max_examples=10)
@given(world=worlds(records=12).map(_indexable))
def test_contigs_found_through_an_index_equal_the_whole(world: World) -> None:
    if not _is_readable(world):
        return
    with _folder() as folder:
        inputs = _write(folder, world, "small blocks")
        whole = _read(folder, inputs, Choices())
        pysam.tabix_index(str(inputs[1]), preset="vcf")
        _assert_same_table(_contig_by_contig(folder, inputs, whole.contigs), whole)


def _contigs_alone(folder: Path, world: World, inputs: tuple[Path, Path]) -> list[dict[str, bytes]]:
    written = []
    for contig in world.names.values():
        _read(folder, inputs, Choices(), contigs=(contig,))
        written.append(_bytes_of(folder / "out"))
    return written


def test_an_index_beside_the_vcf_changes_no_byte(tmp_path: Path, large_world: World) -> None:
    inputs = _write(tmp_path, _indexable(large_world), "bgzip")
    without = _contigs_alone(tmp_path, large_world, inputs)
    for suffix, as_csi in ((".tbi", False), (".csi", True)):
        pysam.tabix_index(str(inputs[1]), preset="vcf", csi=as_csi)
        assert _contigs_alone(tmp_path, large_world, inputs) == without
        Path(f"{inputs[1]}{suffix}").unlink()


@pytest.mark.parametrize("suffix", [".tbi", ".csi"])
@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", gzip.compress(b"TBI\1" + bytes(40))],
    ids=["empty", "rubbish", "zeros"],
)
def test_a_broken_index_is_not_used(tmp_path: Path, content: bytes, suffix: str) -> None:
    world = _without_mismatches(Random(5), 20, 0)
    inputs = _write(tmp_path, world, "bgzip")
    without = _contigs_alone(tmp_path, world, inputs)
    Path(f"{inputs[1]}{suffix}").write_bytes(content)
    assert _contigs_alone(tmp_path, world, inputs) == without


def test_an_index_older_than_its_vcf_is_not_used(tmp_path: Path, large_world: World) -> None:
    inputs = _write(tmp_path, _indexable(large_world), "bgzip")
    pysam.tabix_index(str(inputs[1]), preset="vcf")
    lines = _indexable(large_world).vcf.split("\n")
    more = f"#{'x' * 99_999}"
    other = replace(large_world, vcf="\n".join([lines[0], *[more] * 20, *lines[1:]]))
    _write(tmp_path, other, "bgzip")
    os.utime(f"{inputs[1]}.tbi", (0, 0))
    stale = _contigs_alone(tmp_path, large_world, inputs)
    Path(f"{inputs[1]}.tbi").unlink()
    assert _contigs_alone(tmp_path, large_world, inputs) == stale


def _present_sources(world: World) -> set[str]:
    texts = [info_of(columns[7]).get("FREQ", "") for columns in records_of(world.vcf)]
    return {part.rpartition(":")[0] for text in texts for part in text.split("|")}


@settings(quick, max_examples=20)
@given(
    world=worlds(),
    sources=st.lists(st.sampled_from(SOURCES), min_size=1, max_size=3, unique=True),
    field=st.sampled_from(("auto", "FREQ")),
)
def test_named_sources_alone_are_averaged(world: World, sources: list[str], field: str) -> None:
    chosen = [source for source in sources if source in _present_sources(world)]
    choices = Choices(records="all", frequency_field=field, sources=tuple(chosen))
    if chosen:
        with _folder() as folder:
            _assert_reads_as_expected(folder, world, "plain", choices)
