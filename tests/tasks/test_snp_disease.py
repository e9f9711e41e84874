from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pybmfm.cli.build_task import command
from pybmfm.core import UserError
from pybmfm.genome import BASES, Genome
from pybmfm.tasks import read_task_sheet, read_task_splits
from pybmfm.tasks.snp_disease import SnpDiseaseSettings, build_snp_disease
from pybmfm.tasks.snp_windows import pair_symbol
from pybmfm.variants import is_encoded_text
from tests.tasks.disease_inputs import (
    clinvar_line,
    gwas_row,
    write_clinvar,
    write_fasta,
    write_gwas,
)

SPLITS = ("train", "dev", "test")
REFERENCE = "".join(np.random.default_rng(7).choice(list("ACGT"), 6000))


def tables(out: Path, task: str = "snp_disease") -> dict[str, pd.DataFrame]:
    return {
        split: pd.read_csv(out / task / f"{split}.csv", dtype=str, keep_default_na=False)
        for split in SPLITS
    }


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def check_accounting(out: Path) -> None:
    """Every row read is used or dropped for one reason, by source and in total."""
    content = manifest(out)
    for counts in (*content["sources"].values(), content["counts"]):
        assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
        assert all(number > 0 for number in counts["dropped"].values())


def check_windows(out: Path, fasta: Path, flank: int) -> None:
    """The centre is REF, and the window is the genome's with N beyond its ends."""
    with Genome(fasta) as genome:
        for row in pd.concat(tables(out).values()).to_dict("records"):
            centre, text = int(row["pos1"]) - 1, row["sequence"]
            assert len(text) == 2 * flank + 1
            assert text[flank] == row["ref"] == BASES[genome.codes(row["contig"])[centre]]
            start, end = int(row["start"]), int(row["end"])
            inside = text[flank - (centre - start) : flank + end - centre]
            assert inside == "".join(BASES[c] for c in genome.codes(row["contig"], start, end))
            assert set(text[: flank - (centre - start)]) <= {"N"}


def alternate(base: str) -> str:
    return {"A": "G", "G": "A", "C": "T", "T": "C"}[base]


@pytest.fixture
def small(tmp_path: Path) -> SnpDiseaseSettings:
    """Two contigs, ClinVar and GWAS rows that share SNPs, windows of 21 nt."""
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": REFERENCE[:4000], "chr2": REFERENCE[4000:]})
    lines, rows = [], []
    for number, pos1 in enumerate(range(5, 3996, 30)):
        base, disease = REFERENCE[pos1 - 1], f"MONDO:MONDO:{number % 3 + 1}"
        lines.append(clinvar_line("1", pos1, base, alternate(base), databases=disease))
    for pos1 in range(5, 1996, 60):
        rows.append(gwas_row(f"rs{pos1}", "2", str(pos1)))
        rows.append(gwas_row(f"rs{pos1}", "1", str(pos1)))
    return SnpDiseaseSettings(
        fasta=fasta,
        out=tmp_path / "out",
        clinvar=write_clinvar(tmp_path / "c.vcf", lines),
        gwas=write_gwas(tmp_path / "g.tsv", rows),
        flank=10,
    )


def test_snps_of_both_sources_are_one_row(small: SnpDiseaseSettings) -> None:
    build_snp_disease(small)
    rows = pd.concat(tables(small.out).values()).set_index("id")
    assert rows.index.is_unique
    assert rows.loc["chr1:5", "source"] == "clinvar|gwas"
    assert rows.loc["chr1:5", "labels"] == "EFO:0004339|MONDO:1"
    assert rows.loc["chr1:35", "source"] == "clinvar"
    assert rows.loc["chr2:5", "labels"] == "EFO:0004339"
    assert manifest(small.out)["tasks"]["snp_disease"]["snps_of_several_sources"] == 34
    check_accounting(small.out)
    check_windows(small.out, small.fasta, 10)


def test_the_task_is_read_as_multilabel_and_classes_are_listed(small: SnpDiseaseSettings) -> None:
    build_snp_disease(small)
    entry = read_task_sheet(small.out / "tasks.csv")[0]
    read = read_task_splits(entry.train, entry.dev, entry.test, entry.kind)
    diseases = pd.read_csv(small.out / "snp_disease" / "diseases.tsv", sep="\t")
    assert sorted(read["train"].classes) == sorted(diseases["term"])
    for split in SPLITS:
        per_class = dict(zip(read[split].classes, read[split].targets.sum(axis=0), strict=True))
        assert diseases.set_index("term")[split].to_dict() == per_class
    assert diseases.loc[diseases["term"] == "EFO:0004339", "name"].item() == "height"
    assert diseases[["train", "dev", "test"]].sum(axis=1).is_monotonic_decreasing


def test_only_the_most_frequent_diseases_are_classes(small: SnpDiseaseSettings) -> None:
    build_snp_disease(replace(small, diseases=1))
    diseases = pd.read_csv(small.out / "snp_disease" / "diseases.tsv", sep="\t")
    assert diseases["term"].tolist() == ["EFO:0004339"]
    assert manifest(small.out)["sources"]["clinvar"]["dropped"] == {"not_among_frequent": 134}
    check_accounting(small.out)


def test_blocks_keep_neighbours_together_and_random_does_not(small: SnpDiseaseSettings) -> None:
    small = replace(small, flank=20)  # windows of neighbours overlap
    build_snp_disease(small)
    of_group: dict[str, set[str]] = {}
    for split, rows in tables(small.out).items():
        for group in rows["group"]:
            of_group.setdefault(group, set()).add(split)
    assert all(len(splits) == 1 for splits in of_group.values())
    overlaps = manifest(small.out)["tasks"]["snp_disease"]["windows_overlapping_train"]
    assert overlaps == {"dev": 0, "test": 0}
    build_snp_disease(replace(small, split="random"))
    content = manifest(small.out)["tasks"]["snp_disease"]
    assert content["windows_overlapping_train"]["test"] > 0
    total = sum(content["rows"].values())
    assert content["rows"]["train"] == int(0.8 * total)
    assert content["rows"]["dev"] == int(0.1 * total)


def test_contig_edges_are_padded_or_dropped(small: SnpDiseaseSettings) -> None:
    build_snp_disease(small)
    first = pd.concat(tables(small.out).values()).set_index("id").loc["chr1:5"]
    assert first["sequence"] == "N" * 6 + REFERENCE[:15]
    assert manifest(small.out)["tasks"]["snp_disease"]["snps_at_contig_edges"] == 3
    build_snp_disease(replace(small, edges="drop"))
    assert "chr1:5" not in set(pd.concat(tables(small.out).values())["id"])
    assert manifest(small.out)["counts"]["dropped"] == {"contig_edge": 4}
    check_accounting(small.out)


def test_the_encoded_centre_is_the_pair_of_both_alleles(small: SnpDiseaseSettings) -> None:
    build_snp_disease(replace(small, center="encoded"))
    rows = pd.concat(tables(small.out).values()).set_index("id")
    base = REFERENCE[34]
    row = rows.loc[f"chr1:35:{base}>{alternate(base)}"]
    assert row["sequence"][10] == pair_symbol(base, alternate(base))
    plain = row["sequence"][:10] + base + row["sequence"][11:]
    assert plain == REFERENCE[24:45]
    assert all(is_encoded_text(text) for text in rows["sequence"])
    content = manifest(small.out)
    assert content["tasks"]["snp_disease"]["alphabet"] == "encoded"
    assert content["sources"]["gwas"]["dropped"] == {"no_alternate": 68}  # risk allele is '?'
    check_accounting(small.out)
    entry = read_task_sheet(small.out / "tasks.csv")[0]
    assert read_task_splits(entry.train, entry.dev, entry.test, entry.kind)["train"].encoded


@pytest.mark.parametrize(("ref", "alt", "same"), [("C", "T", ("T", "C")), ("A", "G", ("G", "A"))])
def test_pairs_are_written_the_same_both_ways(ref: str, alt: str, same: tuple[str, str]) -> None:
    assert pair_symbol(ref, alt) == pair_symbol(*same)
    assert is_encoded_text(pair_symbol(ref, alt))


def test_the_same_seed_gives_the_same_files_for_any_threads(small: SnpDiseaseSettings) -> None:
    def files(out: Path) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in sorted(out.rglob("*.*sv")) if p.is_file()}

    build_snp_disease(small)
    first = files(small.out)
    build_snp_disease(replace(small, threads=2))
    assert files(small.out) == first
    build_snp_disease(replace(small, seed=1))
    assert files(small.out) != first


@pytest.mark.parametrize("seed", range(4))
def test_every_row_is_accounted_for(tmp_path: Path, seed: int) -> None:
    """Random rows, good and bad in every way, of both sources."""
    rng = np.random.default_rng(seed)

    def pick(*choices: str) -> str:
        return str(rng.choice(choices))

    lines, rows = [], []
    for _ in range(1500):
        contig, pos1 = pick("1", "2", "Un"), int(rng.integers(1, 2200))
        base = (REFERENCE + "A" * 999)[pos1 - 1 + 4000 * (contig == "2")]
        base = alternate(base) if rng.random() < 0.004 else base
        line = clinvar_line(
            contig, pos1, pick(base, base, base, "CC"), pick("A", "T", "A,T", ".", "GG"),
            names=pick("A", "A|not_provided", "not_provided", "B|C"),
            databases=pick("MONDO:MONDO:1", "MONDO:MONDO:2|EFO:EFO_3", "MedGen:C1", "."),
            significance=pick("Pathogenic", "Pathogenic|other", "Benign", "not_provided"),
            status=pick("criteria_provided,_single_submitter", "no_assertion_provided"),
        )  # fmt: skip
        lines.append(line)
        cells = {"P-VALUE": pick("1E-9", "1E-5", "")}
        cells["MAPPED_TRAIT_URI"] = pick("", "no address", "http://e/EFO_4")
        rs = pick("rs1", "rs1", "rs1; rs2", "chr1:5")
        rows.append(gwas_row(rs, pick("1", "2", "", "X"), pick(str(pos1), ""), **cells))
    out = tmp_path / "out"
    one = SnpDiseaseSettings(
        fasta=write_fasta(tmp_path / "g.fa", {"chr1": REFERENCE[:4000], "chr2": REFERENCE[4000:]}),
        out=out,
        clinvar=write_clinvar(tmp_path / "c.vcf", lines),
        gwas=write_gwas(tmp_path / "g.tsv", rows),
        flank=10,
        split="random",
        seed=seed,
    )
    build_snp_disease(one)
    check_accounting(out)
    check_windows(out, one.fasta, 10)


def test_input_that_cannot_make_a_task_is_one_sentence(small: SnpDiseaseSettings) -> None:
    with pytest.raises(UserError, match="neither ClinVar nor GWAS"):
        build_snp_disease(replace(small, clinvar=None, gwas=None))
    with pytest.raises(UserError, match=r"no SNP with a disease is left \(other_significance 134"):
        build_snp_disease(replace(small, gwas=None, significance=("drug_response",)))
    with pytest.raises(UserError, match=r"smaller --block-size, or --split random"):
        build_snp_disease(replace(small, block_size=100_000))
    assert not small.out.exists()


def test_the_demo_world_makes_a_task_by_command(demo_world: Path, tmp_path: Path) -> None:
    arguments = ["snp-disease", "--fasta", demo_world / "genome.fa.gz", "--out", tmp_path / "out"]
    arguments += ["--clinvar", demo_world / "clinvar.vcf.gz", "--gwas", demo_world / "gwas.tsv"]
    arguments += ["--ontology", demo_world / "ontology.sssom.tsv"]
    outcome = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert outcome.exit_code == 0, outcome.output
    check_accounting(tmp_path / "out")
    check_windows(tmp_path / "out", demo_world / "genome.fa.gz", 500)
    content = manifest(tmp_path / "out")
    assert content["tasks"]["snp_disease"]["windows_overlapping_train"] == {"dev": 0, "test": 0}
    assert content["tasks"]["snp_disease"]["classes"] == 8  # EFO and MONDO are one
    assert "not known" in content["sources"]["gwas"]["coordinates"]
    assert content["sources"]["clinvar"]["dropped"]["no_significance"] > 0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("assembly", "clinvar", "read", "placed"),
    [
        ("GRCh37", "clinvar.chr1.vcf.gz", {"clinvar": 2000, "gwas": 11}, 7),
        ("GRCh38", "clinvar_brca_snv.vcf.gz", {"clinvar": 1381, "gwas": 92}, 32),
    ],
)
def test_real_files_of_both_assemblies(
    real_data: Path, tmp_path: Path, assembly: str, clinvar: str, read: dict[str, int], placed: int
) -> None:
    folder = real_data / "mini" / assembly
    out = tmp_path / "out"
    build_snp_disease(
        SnpDiseaseSettings(
            fasta=folder / "reference.fa.gz",
            out=out,
            clinvar=folder / clinvar,
            gwas=folder / "gwas_catalog.tsv",
            ontology=tuple(sorted((real_data / "mini" / "ontology").glob("*.tsv.gz"))),
            significance=("any",) if assembly == "GRCh37" else ("pathogenic", "likely_pathogenic"),
        )
    )
    content = manifest(out)
    assert {name: one["read"] for name, one in content["sources"].items()} == read
    check_accounting(out)
    check_windows(out, folder / "reference.fa.gz", 500)
    assert "reference_mismatch" not in content["counts"]["dropped"]
    gwas = content["sources"]["gwas"]
    assert gwas["genome_assembly"] == assembly
    assert gwas["placed_by"] == {"position": placed}
    task = content["tasks"]["snp_disease"]
    assert task["windows_overlapping_train"] == {"dev": 0, "test": 0}
    assert min(task["rows"].values()) > 80
    if assembly == "GRCh38":  # ClinVar's trait names and the Catalog's EFO meet in one term
        diseases = pd.read_csv(out / "snp_disease" / "diseases.tsv", sep="\t").set_index("term")
        assert diseases.loc["MONDO:0004989", ["clinvar", "gwas"]].tolist() == [20, 1]


@pytest.mark.real_data
def test_rs_numbers_place_the_catalog_on_a_renamed_genome(real_data: Path, tmp_path: Path) -> None:
    """Pieces of GRCh37 with coordinates of their own: only rs numbers can place anything."""
    bench = real_data / "bench"
    one = SnpDiseaseSettings(
        fasta=bench / "GRCh37" / "reference.pieces.fa.gz",
        out=tmp_path / "out",
        gwas=bench / "GRCh37" / "gwas_catalog.rsid_in_variants.tsv",
        rsid_vcf=bench / "GRCh37" / "variants.dbsnp_style.vcf.gz",
        assembly="pieces",
        max_p=1.0,
        split="random",
    )
    with pytest.raises(UserError, match="leaves no dev rows"):  # every disease has one SNP
        build_snp_disease(one)
