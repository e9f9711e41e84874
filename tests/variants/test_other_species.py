"""Any genome works: contig names of other species, exact names, lengths, and own aliases."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from pybmfm.cli import main
from pybmfm.core import UserError
from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.merge import merge_frequencies
from pybmfm.variants.vcf import VcfReader

from .conftest import HEADER, MakeTable, vcf_text

SEQUENCE = "ACGTACGTAC"
NAMES = (
    "ctg_1",
    "2L",
    "NC_001133.9",  # budding yeast, chromosome I
    "Chr1A",
    "chrIV",
    "scaffold_12|quiver",
    "LG7",
    "NW_018654708.1",
    "plasmid:p1",
    "HLA*01:02",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_contig_of_another_species_is_matched_by_its_exact_name(
    make_table: MakeTable, name: str
) -> None:
    table = make_table({name: SEQUENCE, "other": SEQUENCE}, f"{name} 2 C T AF=0.25")
    position, p = table.rows(name)
    assert position.tolist() == [1]
    assert p[0].tolist() == [0, 0, 0.25, 0.75, 0, 0, 0, 0, 0, 0, 0]
    assert table.manifest["contigs_only_in_fasta"] == ["other"]
    assert not table.haploid


def test_all_contigs_of_a_species_come_to_one_table(make_table: MakeTable) -> None:
    records = [f"{name} 2 C T AF=0.25" for name in NAMES]
    table = make_table(dict.fromkeys(NAMES, SEQUENCE), *records)
    assert table.contigs == list(NAMES)
    assert table.manifest["records"] == {"read": 10, "used": 10, "dropped": {}}
    assert len({table.file(contig).name for contig in table.contigs}) == 10


def test_near_names_are_not_mistaken_for_one_another(make_table: MakeTable) -> None:
    sequences = {"2L": SEQUENCE, "2R": SEQUENCE, "4": SEQUENCE}
    table = make_table(sequences, "2l 2 C T AF=0.5", "2R 2 C T AF=0.5", "chr4 2 C T AF=0.5")
    assert table.manifest["dropped"] == {"contig_not_in_fasta": 1}
    assert table.manifest["contigs_only_in_vcf"] == ["2l"]
    assert table.manifest["records_only_in_vcf"] == {"2l": 1}
    assert table.contigs == ["2R", "4"]


PREFIXES = {"chr4": "4", "chr2L": "2L", "chr2R": "2R", "chr3L": "3L", "chr23": "23", "chr01": "1"}


def test_a_prefix_and_leading_zeros_do_not_matter(make_table: MakeTable) -> None:
    records = [f"{name} 2 C T AF=0.25" for name in PREFIXES.values()]
    table = make_table(dict.fromkeys(PREFIXES, SEQUENCE), *records)
    assert table.manifest["used"] == 6
    assert {c: one["vcf_name"] for c, one in table.manifest["contigs"].items()} == PREFIXES


@pytest.mark.parametrize("roman_fasta", [False, True])
def test_a_yeast_may_be_counted_in_roman_numerals(make_table: MakeTable, roman_fasta: bool) -> None:
    roman, arabic = ["I", "II", "III", "IV", "V", "IX", "X"], ["1", "2", "3", "4", "5", "9", "10"]
    fasta, vcf = (roman, arabic) if roman_fasta else (arabic, roman)
    # Without contigs in the header, as they come: X after IX.
    records = [f"chr{name} 2 C T AF=0.25" for name in vcf]
    table = make_table(dict.fromkeys(fasta, SEQUENCE), *records)
    assert [one["vcf_name"] for one in table.manifest["contigs"].values()] == [
        f"chr{name}" for name in vcf
    ]


def test_most_records_on_contigs_that_the_fasta_has_not_are_an_error(tmp_path: Path) -> None:
    records = ("1 2 C T AF=0.5", "sca_7 2 C T AF=0.5", "sca_7 3 G T AF=0.5")
    inputs = _write(tmp_path, {"chr1": SEQUENCE, "chr2": SEQUENCE}, vcf_text(*records))
    with pytest.raises(UserError, match=r"2 of 3 records .*: sca_7; .*--alias .*--contig_aliases"):
        variant_frequencies(FrequencySettings(*inputs, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    variant_frequencies(FrequencySettings(*inputs, tmp_path / "out", contigs=("chr1",)))
    assert FrequencyTable.open(tmp_path / "out").manifest["used"] == 1


def test_a_contig_of_another_length_is_another_contig(tmp_path: Path) -> None:
    body = vcf_text("MT 2 C T AF=0.5", "2 2 C T AF=0.5")
    header = "##contig=<ID=MT,length=16569>\n##contig=<ID=2,length=10>\n"
    inputs = _write(
        tmp_path, {"chrM": SEQUENCE, "chr2": SEQUENCE}, body.replace("#CHROM", header + "#CHROM")
    )
    variant_frequencies(FrequencySettings(*inputs, tmp_path / "out"))
    manifest = FrequencyTable.open(tmp_path / "out").manifest
    assert manifest["records_only_in_vcf"] == {"MT": 1}
    assert list(manifest["contigs"]) == ["chr2"]


def _write(folder: Path, sequences: dict[str, str], vcf: str) -> tuple[Path, Path]:
    fasta, variants = folder / "g.fa", folder / "v.vcf"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    variants.write_text(vcf)
    return fasta, variants


def test_contigs_of_other_names_are_matched_by_a_length_that_only_one_has(tmp_path: Path) -> None:
    sequences = {"CP1": SEQUENCE, "CP2": SEQUENCE + "A", "CP3": SEQUENCE + "AC"}
    header = "##contig=<ID=I,length=10>\n##contig=<ID=II,length=11>\n##contig=<ID=III,length=99>\n"
    body = vcf_text("I 2 C T AF=0.5", "II 2 C T AF=0.5", "III 2 C T AF=0.5")
    inputs = _write(tmp_path, sequences, body.replace("#CHROM", header + "#CHROM"))
    variant_frequencies(FrequencySettings(*inputs, tmp_path / "out"))
    manifest = FrequencyTable.open(tmp_path / "out").manifest
    assert {name: one["vcf_name"] for name, one in manifest["contigs"].items()} == {
        "CP1": "I",
        "CP2": "II",
    }
    assert manifest["dropped"] == {"contig_not_in_fasta": 1}


def test_a_species_is_read_contig_by_contig_and_merged(tmp_path: Path) -> None:
    names = ("ctg_2", "ctg_1", "2L")
    records = [f"{name} {pos1} C T AF=0.5" for name in names for pos1 in (2, 6)]
    fasta, vcf = _write(tmp_path, dict.fromkeys(names, SEQUENCE), vcf_text(*records))
    for name in names:
        variant_frequencies(FrequencySettings(fasta, vcf, tmp_path / name, contigs=(name,)))
    merge_frequencies([tmp_path / name for name in sorted(names)], tmp_path / "merged")
    merged = FrequencyTable.open(tmp_path / "merged")
    assert merged.contigs == list(names)
    assert merged.manifest["used"] == 6


def test_a_genome_and_variants_of_two_species_share_no_contig(tmp_path: Path) -> None:
    inputs = _write(tmp_path, {"2L": SEQUENCE}, vcf_text("ctg_1 2 C T AF=0.5"))
    with pytest.raises(UserError, match="the VCF has ctg_1, the FASTA has 2L"):
        variant_frequencies(FrequencySettings(*inputs, tmp_path / "out"))


def test_a_genome_of_many_contigs_and_few_variants(tmp_path: Path) -> None:
    sequences = {f"scaffold_{number}": SEQUENCE for number in range(500)}
    body = vcf_text("scaffold_7 2 C T AF=0.5", "scaffold_400 2 C T AF=0.5")
    variant_frequencies(FrequencySettings(*_write(tmp_path, sequences, body), out=tmp_path / "out"))
    table = FrequencyTable.open(tmp_path / "out")
    assert table.contigs == ["scaffold_7", "scaffold_400"]
    assert len(table.manifest["contigs_only_in_fasta"]) == 498


def _read_with_aliases(folder: Path, aliases: str, *records: str) -> int:
    fasta, vcf = _write(folder, {"I": SEQUENCE, "II": SEQUENCE}, vcf_text(*records))
    file = folder / "aliases.tsv"
    file.write_text(aliases)
    arguments = ["--fasta", fasta, "--vcf", vcf, "--out", folder / "out", "--alias", file]
    with pytest.raises(SystemExit) as exited:
        main(["variant-frequencies", *map(str, arguments)])
    return int(exited.value.code or 0)


def test_own_aliases_name_the_contigs(tmp_path: Path) -> None:
    records = ("NC_001133.9 2 C T AF=0.5", "II 2 C T AF=0.5")
    assert _read_with_aliases(tmp_path, "NC_001133.9\tI\n", *records) == 0
    manifest = FrequencyTable.open(tmp_path / "out").manifest
    assert manifest["records"] == {"read": 2, "used": 2, "dropped": {}}
    assert manifest["contigs"]["I"]["vcf_name"] == "NC_001133.9"
    assert manifest["contigs"]["II"]["vcf_name"] == "II"


def test_own_aliases_count_when_contigs_are_listed(tmp_path: Path) -> None:
    fasta, vcf = tmp_path / "genome.fa", tmp_path / "variants.vcf"
    fasta.write_text(">I\nACGTACGT\n>II\nACGT\n")
    vcf.write_text(vcf_text("NC_001133.9 2 C T AF=0.5"))
    aliases, out = tmp_path / "aliases.tsv", tmp_path / "contigs.tsv"
    aliases.write_text("NC_001133.9\tI\n")
    arguments = ["--fasta", fasta, "--vcf", vcf, "--alias", aliases, "--out", out]
    with pytest.raises(SystemExit) as ended:
        main(["list-contigs", *map(str, arguments)])
    assert ended.value.code == 0
    assert out.read_text().splitlines()[1:] == ["I\t8\tNC_001133.9"]


def test_an_alias_without_its_second_column_is_refused_with_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aliases = "II\tII\nNC_001133.9\n"
    assert _read_with_aliases(tmp_path, aliases, "NC_001133.9 2 C T AF=0.5") == 2
    assert "aliases.tsv, line 2: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_contig_that_the_header_alone_names_is_empty(tmp_path: Path) -> None:
    header = HEADER.replace("#CHROM", "##contig=<ID=2L>\n#CHROM")
    inputs = _write(tmp_path, {"2L": SEQUENCE}, header)
    variant_frequencies(FrequencySettings(*inputs, tmp_path / "out", contigs=("2L",)))
    table = FrequencyTable.open(tmp_path / "out")
    assert table.contigs == ["2L"]
    assert len(table.rows("2L")[0]) == 0


@pytest.mark.parametrize("indexed", [False, True])
def test_records_left_out_are_counted_also_contig_by_contig(tmp_path: Path, indexed: bool) -> None:
    records = [f"{name} {pos1} C T AF=0.5" for name in ("1", "sca_7", "2") for pos1 in (2, 6)]
    header = "##contig=<ID=HLA-A>\n"  # a line of the header is no record
    body = vcf_text(*records, "2 10 C T AF=0.5").replace("#CHROM", header + "#CHROM")
    fasta, vcf = _write(tmp_path, {"chr1": SEQUENCE, "chr2": SEQUENCE}, body)
    if indexed:
        packed = tmp_path / "v.vcf.gz"
        pysam.tabix_compress(str(vcf), str(packed))
        pysam.tabix_index(str(packed), preset="vcf")
        vcf = packed
    for name in ("chr1", "chr2"):
        variant_frequencies(FrequencySettings(fasta, vcf, tmp_path / name, contigs=(name,)))
    merge_frequencies([tmp_path / "chr1", tmp_path / "chr2"], tmp_path / "merged")
    manifest = FrequencyTable.open(tmp_path / "merged").manifest
    assert manifest["records_only_in_vcf"] == {"sca_7": 2}
    reader = VcfReader(vcf)
    assert reader.contig_records() == {"HLA-A": 0, "1": 2, "sca_7": 2, "2": 3}
