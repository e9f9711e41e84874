"""The demo world as a reader of its files sees it."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.core import UserError
from pybmfm.simulate import SimulationSettings, simulate
from pybmfm.simulate.world import plan_contig

SMALL = (("chr1", 40_000), ("chrX", 25_000))


def rows_of(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle, delimiter=separator))


def reverse_complement(text: str) -> str:
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


@pytest.fixture(scope="module")
def genome(demo_world: Path) -> dict[str, str]:
    with pysam.FastaFile(str(demo_world / "genome.fa.gz")) as fasta:
        return {name: fasta.fetch(name) for name in fasta.references}


def files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_same_seed_gives_the_same_bytes_and_another_seed_another_world(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate(SimulationSettings(out=tmp_path / name, seed=seed, contigs=SMALL, task_rows=30))
    first, second, other = (files_of(tmp_path / name) for name in "abc")
    assert first == second
    assert set(first) == set(other)
    for name in ("genome.fa.gz", "variants.vcf.gz", "tasks/promoter/train.csv", "gwas.tsv"):
        assert first[name] != other[name]


def test_all_files_are_there_and_indexed(demo_world: Path) -> None:
    names = set(files_of(demo_world))
    expected = {"genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi", "genes.tsv", "genes.bed"}
    for stem in ("variants", "score", "clinvar"):
        expected |= {f"{stem}.vcf.gz", f"{stem}.vcf.gz.tbi"}
    expected |= {
        "gwas.tsv",
        "ontology.sssom.tsv",
        "tasks/tasks.csv",
        "tasks/tasks_all.csv",
        "manifest.json",
    }
    assert expected <= names
    assert json.loads((demo_world / "manifest.json").read_text())["artefact"] == "simulation"


def test_contigs_have_n_at_both_ends_and_one_island_inside(genome: dict[str, str]) -> None:
    assert {name: len(text) for name, text in genome.items()} == {
        "chr1": 600_000,
        "chr2": 400_000,
        "chrX": 200_000,
    }
    for text in genome.values():
        runs = [len(run) for run in "".join("N" if b == "N" else " " for b in text).split()]
        assert text.startswith("N" * 1_000)
        assert text.endswith("N" * 1_000)
        assert sum(run >= 1_000 for run in runs[1:-1]) == 1
        assert any(run < 1_000 for run in runs)
        assert set(text) == set("ACGTNacgt")


def test_background_lacks_cpg_and_promoters_do_not(
    demo_world: Path, genome: dict[str, str]
) -> None:
    letters = np.frombuffer(genome["chr1"].encode(), dtype=np.uint8)
    promoter, background = np.zeros(len(letters), bool), letters < ord("a")
    for gene in rows_of(demo_world / "genes.tsv", "\t"):
        if gene["contig"] == "chr1":
            tss = int(gene["tss"])
            promoter[tss - 80 : tss + 80] |= gene["promoter"] == "non-tata"
            background[int(gene["start"]) - 300 : int(gene["end"]) + 300] = False

    def cpg_per_gpc(where: np.ndarray) -> float:
        counts = [
            ((letters[:-1] == ord(a)) & (letters[1:] == ord(b)) & where[1:]).sum()
            for a, b in ("CG", "GC")
        ]
        return float(counts[0] / counts[1])

    assert cpg_per_gpc(background) < 0.5
    assert cpg_per_gpc(promoter) > 0.6


@pytest.mark.parametrize("length", [20_000, 25_001, 200_000])
def test_planned_slots_and_gaps_do_not_overlap(length: int) -> None:
    gaps, starts = plan_contig(length)
    pieces = sorted([*gaps, *((start, start + 2_400) for start in starts)])
    assert len(starts) >= 4
    assert pieces[0][0] == 0
    assert pieces[-1][1] == length
    for (_, end), (start, _) in pairwise(pieces):
        assert end <= start


def test_introns_begin_with_gt_and_end_with_ag(demo_world: Path, genome: dict[str, str]) -> None:
    introns = 0
    for gene in rows_of(demo_world / "genes.tsv", "\t"):
        exons = [tuple(map(int, exon.split("-"))) for exon in gene["exons"].split(";")]
        for (_, start), (end, _) in pairwise(exons):
            intron = genome[gene["contig"]][start:end].upper()
            intron = reverse_complement(intron) if gene["strand"] == "-" else intron
            assert intron[:2] == "GT"
            assert intron[-2:] == "AG"
            introns += 1
    assert introns > 500


def test_transcription_starts_in_the_first_exon(demo_world: Path) -> None:
    for gene in rows_of(demo_world / "genes.tsv", "\t"):
        exons = [tuple(map(int, exon.split("-"))) for exon in gene["exons"].split(";")]
        tss = int(gene["tss"])
        assert tss == (exons[0][0] if gene["strand"] == "+" else exons[-1][1] - 1)


@pytest.mark.parametrize("name", ["variants", "score", "clinvar"])
def test_vcf_is_sorted_and_agrees_with_the_genome(
    demo_world: Path, genome: dict[str, str], name: str
) -> None:
    prefix = "chr" if name == "clinvar" else ""
    last: dict[str, int] = {}
    with pysam.VariantFile(str(demo_world / f"{name}.vcf.gz")) as vcf:
        for record in vcf:
            text = genome[prefix + record.chrom]
            assert text[record.start : record.stop].upper() == record.ref
            assert record.ref not in record.alts
            assert record.start >= last.get(record.chrom, 0)
            last[record.chrom] = record.start
    assert len(last) >= 2


def test_variants_have_a_population_like_spectrum(demo_world: Path) -> None:
    counts = json.loads((demo_world / "manifest.json").read_text())["counts"]["variants"]
    bases = 1_200_000
    assert 0.009 * bases < counts["records"] < 0.011 * bases
    assert 0.25 < counts["common"] / counts["records"] < 0.35
    assert 1.8 < counts["transitions_per_transversion"] < 2.4
    assert counts["multi_allelic"] > 50
    assert counts["DEL"] > 200
    assert counts["INS"] > 200


def test_reported_frequencies_add_up_to_one(demo_world: Path) -> None:
    unreported = 0
    with pysam.BGZFile(str(demo_world / "variants.vcf.gz")) as handle:
        infos = [line.split(b"\t")[7].decode() for line in handle if not line.startswith(b"#")]
    for info in infos:
        fields = dict(part.partition("=")[::2] for part in info.split(";"))
        for study in filter(None, fields.get("FREQ", "").split("|")):
            values = study.partition(":")[2].split(",")
            unreported += values.count(".")
            assert sum(float(v) for v in values if v != ".") == pytest.approx(1, abs=2e-6)
            assert all(0 <= float(v) <= 1 for v in values if v != ".")
    assert unreported > 100


def test_variants_are_rarer_in_motifs(demo_world: Path) -> None:
    inside = np.zeros(600_000, dtype=bool)
    for line in (demo_world / "motifs.bed").read_text().splitlines():
        contig, start, end, *_ = line.split("\t")
        if contig == "chr1":
            inside[int(start) : int(end)] = True
    with pysam.VariantFile(str(demo_world / "clinvar.vcf.gz")) as vcf:
        planted = {f"rs{record.info['RS'][0]}" for record in vcf}
    planted |= {row["SNPS"] for row in rows_of(demo_world / "gwas.tsv", "\t")}
    with pysam.VariantFile(str(demo_world / "variants.vcf.gz")) as vcf:
        chosen = [r for r in vcf if r.chrom == "chr1" and r.id not in planted]
    assert np.mean([inside[r.start] for r in chosen]) < 0.75 * inside.mean()
    common = [inside[r.start] for r in chosen if "COMMON" in r.info]
    assert np.mean(common) < 0.5 * inside.mean()


def test_scored_variants_hit_motifs_exactly_where_they_say(demo_world: Path) -> None:
    motifs = [line.split("\t") for line in (demo_world / "motifs.bed").read_text().splitlines()]
    kinds = set()
    with pysam.VariantFile(str(demo_world / "score.vcf.gz")) as vcf:
        records = list(vcf)
    for record in records:
        hit = {
            name
            for contig, start, end, name, *_ in motifs
            if contig == record.chrom and int(start) < record.stop and record.start < int(end)
        }
        if record.info["CLASS"] == "motif":
            assert record.info["MOTIF"] in hit
        else:
            assert not hit
        kinds.add((record.info["CLASS"], len(record.alts), len(record.ref) - len(record.alts[0])))
    assert len(records) == 40
    assert {("motif", 2, 0), ("motif", 1, 3), ("neutral", 1, -2), ("neutral", 1, 0)} <= kinds


def test_disease_variants_are_in_the_population_under_their_rs(demo_world: Path) -> None:
    with pysam.VariantFile(str(demo_world / "variants.vcf.gz")) as vcf:
        known = {r.id: (r.chrom, r.pos, r.ref, r.alts) for r in vcf}
    with pysam.VariantFile(str(demo_world / "clinvar.vcf.gz")) as vcf:
        clinvar = [(f"rs{r.info['RS'][0]}", r.chrom, r.pos, r.ref, r.alts) for r in vcf]
    assert len(clinvar) > 300
    for name, contig, *rest in clinvar:
        assert known[name] == (f"chr{contig}", *rest)
    associations = rows_of(demo_world / "gwas.tsv", "\t")
    assert len(associations) > 200
    for row in associations:
        contig, position, _, alts = known[row["SNPS"]]
        assert (contig, position) == ("chr" + row["CHR_ID"], int(row["CHR_POS"]))
        assert row["STRONGEST SNP-RISK ALLELE"] == f"{row['SNPS']}-{alts[0]}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"contigs": (("chr1", 500),)},
        {"contigs": (("chr1", 40_000), ("chr1", 40_000))},
        {"variant_density": 0.0},
        {"task_rows": 3},
    ],
)
def test_impossible_sizes_are_refused_and_leave_nothing(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(UserError):
        simulate(SimulationSettings(out=tmp_path / "world", **wrong))
    assert list(tmp_path.iterdir()) == []
