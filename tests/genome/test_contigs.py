from __future__ import annotations

import pytest

from pybmfm.core import UserError
from pybmfm.genome import chromosome_of, describe_left_out, find_contig, match_contigs, parse_region


@pytest.mark.parametrize(
    ("name", "chromosome"),
    [
        ("20", "20"),
        ("chr20", "20"),
        ("Chr20", "20"),
        ("NC_000020.10", "20"),
        ("NC_000020.11", "20"),
        ("CM000682.2", "20"),
        ("NC_000023.11", "X"),
        ("CM000686.1", "Y"),
        ("chrM", "MT"),
        ("NC_012920.1", "MT"),
        ("chr20_9995001_11095000", None),
        ("NC_000067.7", None),
        ("chr23", None),
        ("chr", None),
        ("chr02", "2"),
        ("Chromosome_7", "7"),
        ("chromosome7", "7"),
        ("Chrom_X", "X"),
        ("chrIV", None),
        ("Chromosome", None),
    ],
)
def test_chromosome_behind_a_name(name: str, chromosome: str | None) -> None:
    assert chromosome_of(name) == chromosome


def test_matching_goes_by_name_then_chromosome_then_unique_length() -> None:
    fasta = {"chr1": 100, "chrX": 90, "scaffold_7": 77, "a": 50, "b": 50, "chrM": 16}
    lengths = {"NW_1.1": 77, "NW_2.1": 50}
    names = ["NC_000001.10", "X", "MT", "NW_1.1", "NW_2.1", "a", "chr9"]
    assert match_contigs(fasta, names, lengths) == {
        "NC_000001.10": "chr1",
        "X": "chrX",
        "MT": "chrM",
        "NW_1.1": "scaffold_7",
        "a": "a",
    }


def test_equal_length_does_not_join_two_known_chromosomes() -> None:
    assert match_contigs({"chr1": 500}, ["chr2"], {"chr2": 500}) == {}


def test_length_does_not_rename_a_contig_that_has_its_name() -> None:
    fasta = {"chr1": 500, "scaffold_7": 77}
    lengths = {"NW_1.1": 500, "NW_2.1": 77}
    for names in (["1", *lengths], [*lengths, "1"]):
        assert match_contigs(fasta, names, lengths) == {"1": "chr1", "NW_2.1": "scaffold_7"}


def _match(fasta: str, names: str) -> dict[str, str]:
    return match_contigs(dict.fromkeys(fasta.split(), 9), names.split())


@pytest.mark.parametrize(
    ("fasta", "names", "expected"),
    [
        ("chr4 chr2L chr23 chr01", "4 2L 23 1 2l", "chr4 chr2L chr23 chr01 -"),
        ("1 2L Chr10", "Chr01 chromosome_2L Chrom_10", "1 2L Chr10"),
        # yeast: X is ten
        ("I II III IV V VI VII VIII IX X Mito", "chr1 chr10 chrM", "I X Mito"),
        ("1 5 9 10 16", "chrI chrV chrIX chrX chrXVI", "1 5 9 10 16"),
        ("NC_001133.9 NC_001142.9", "chrI chrIX chrX", "NC_001133.9 - NC_001142.9"),
        # worms: X is a sex chromosome
        ("1 2 3 4 5 X MtDNA", "I II III IV V X chrM", "1 2 3 4 5 X MtDNA"),
        ("1 2 10", "I II X", "1 2 -"),
        # letters that are no numerals, or could be
        ("1 5 10", "I V X", "1 5 -"),
        ("1 5 10", "A B I V", "- - - -"),
        ("A B C D I V", "chrI chrV", "I V"),
        ("chr1 chrX chr10", "1 X 10", "chr1 chrX chr10"),
        # one of two
        ("1 chr01", "chr1 1", "- 1"),
        ("chr1", "1 01", "- -"),
        ("chr1", "chr1 1", "chr1 -"),
        ("chrM chrMT", "MT M", "chrMT chrM"),
        # accessions
        ("NT_033779.5 NC_004354.4", "2L chrX", "NT_033779.5 NC_004354.4"),
        ("chr1_KI270706v1_random chrUn_GL000220v1", "KI270706.1 GL000220.1",
         "chr1_KI270706v1_random chrUn_GL000220v1"),
    ],
)  # fmt: skip
def test_names_of_any_species(fasta: str, names: str, expected: str) -> None:
    pairs = zip(names.split(), expected.split(), strict=True)
    assert _match(fasta, names) == {name: contig for name, contig in pairs if contig != "-"}


def test_rows_of_a_table_may_name_a_contig_in_two_ways() -> None:
    names = ["chr1", "1", "NC_000001.11", "01"]
    found = match_contigs({"chr1": 9, "chr2": 9}, names, one_to_one=False)
    assert found == dict.fromkeys(names, "chr1")


def test_known_lengths_must_agree_but_for_exact_names() -> None:
    fasta = {"chrM": 16_571, "chr2": 100, "3": 50}
    lengths = {"MT": 16_569, "2": 100, "3": 60}
    assert match_contigs(fasta, lengths, lengths) == {"2": "chr2", "3": "3"}
    assert describe_left_out(["MT", "9"], fasta, lengths) == (
        "MT (length 16,569, in the FASTA 16,571), 9"
    )


def test_names_beside_show_how_a_file_counts() -> None:
    assert match_contigs({"9": 9, "10": 9}, ["X"]) == {}
    assert match_contigs({"9": 9, "10": 9}, ["X"], beside=["IX"]) == {"X": "10"}


def test_pieces_match_by_name_only() -> None:
    assert match_contigs({"chr1_1_50": 50}, ["chr1", "chr1_1_50"]) == {"chr1_1_50": "chr1_1_50"}


def test_unknown_contig_names_what_there_is() -> None:
    with pytest.raises(UserError, match="has no contig chr3; name one of chr1, chr2"):
        find_contig({"chr1": 5, "chr2": 5}, "chr3", "genome.fa")


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr20:1-50", ("chr20", 0, 50)),
        ("20:11-50", ("chr20", 10, 50)),
        ("chr20:1,001-1,050", ("chr20", 1000, 1050)),
        ("chr20:1991", ("chr20", 1990, 2000)),
        ("chr20", ("chr20", 0, 2000)),
        ("HLA-A*01:01", ("HLA-A*01:01", 0, 9)),
        ("HLA-A*01:01:2-3", ("HLA-A*01:01", 1, 3)),
    ],
)
def test_regions_are_one_based_inclusive(text: str, region: tuple[str, int, int]) -> None:
    assert parse_region(text, {"chr20": 2000, "HLA-A*01:01": 9}) == region


@pytest.mark.parametrize("text", ["chr20:0-5", "chr20:7-5", "chr20:1-2001", "chr9:1-2", "chr20:,"])
def test_regions_off_the_genome_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        parse_region(text, {"chr20": 2000})
