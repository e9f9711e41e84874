from __future__ import annotations

import pytest

from pybmfm.genome import assembly_of, match_contigs


@pytest.mark.parametrize(
    ("contigs", "assembly"),
    [
        ({"chr1": 249_250_621}, "GRCh37"),
        ({"chr1": 248_956_422, "chr2": 242_193_529}, "GRCh38"),
        ({"NC_000001.10": None}, "GRCh37"),
        ({"NC_000014.9": None, "CM000663.2": None}, "GRCh38"),
        ({"scaffold_7": 64_444_167}, "GRCh38"),
        ({"chr1": 1_000_000}, None),
        ({"chr2": 248_956_422}, None),  # the length of another chromosome says nothing
        ({"NC_012920.1": 16_569}, None),  # the same in both
        ({"chr1": 249_250_621, "chr2": 242_193_529}, None),  # they contradict each other
        ({}, None),
    ],
)
def test_assemblies_are_told_by_accession_and_length(
    contigs: dict[str, int | None], assembly: str | None
) -> None:
    assert assembly_of(contigs) == assembly


def test_a_contig_without_a_chromosomes_name_is_matched_by_its_length() -> None:
    lengths = {"first": 248_956_422, "second": 1_000}
    assert match_contigs(lengths, ["NC_000001.11", "chr2"]) == {"NC_000001.11": "first"}
