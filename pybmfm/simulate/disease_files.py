"""ClinVar-like and GWAS-Catalog-like files of the variants that harm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pybmfm.core import derive_seed
from pybmfm.simulate.disease import DISEASES, Change, DiseaseVariants
from pybmfm.simulate.files import contig_lines, renamed, write_rows, write_vcf
from pybmfm.simulate.variation import Variant
from pybmfm.simulate.world import World

CLINVAR_INFO = (
    '##INFO=<ID=ALLELEID,Number=1,Type=Integer,Description="Allele identifier, simulated">',
    '##INFO=<ID=CLNDISDB,Number=.,Type=String,Description="Disease databases and identifiers">',
    '##INFO=<ID=CLNDN,Number=.,Type=String,Description="Disease names, | separated">',
    '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="Review status">',
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Clinical significance">',
    '##INFO=<ID=CLNVC,Number=1,Type=String,Description="Variant type">',
    '##INFO=<ID=GENEINFO,Number=1,Type=String,Description="Gene symbol:identifier">',
    '##INFO=<ID=RS,Number=.,Type=String,Description="rs number">',
)
GWAS_COLUMNS = (
    *("DATE ADDED TO CATALOG", "PUBMEDID", "FIRST AUTHOR", "DATE", "JOURNAL", "LINK", "STUDY"),
    *("DISEASE/TRAIT", "INITIAL SAMPLE SIZE", "REPLICATION SAMPLE SIZE", "REGION", "CHR_ID"),
    *("CHR_POS", "REPORTED GENE(S)", "MAPPED_GENE", "UPSTREAM_GENE_ID", "DOWNSTREAM_GENE_ID"),
    *("SNP_GENE_IDS", "UPSTREAM_GENE_DISTANCE", "DOWNSTREAM_GENE_DISTANCE"),
    *("STRONGEST SNP-RISK ALLELE", "SNPS", "MERGED", "SNP_ID_CURRENT", "CONTEXT", "INTERGENIC"),
    *("RISK ALLELE FREQUENCY", "P-VALUE", "PVALUE_MLOG", "P-VALUE (TEXT)", "OR or BETA"),
    *("95% CI (TEXT)", "PLATFORM [SNPS PASSING QC]", "CNV", "MAPPED_TRAIT", "MAPPED_TRAIT_URI"),
    *("STUDY ACCESSION", "GENOTYPING TECHNOLOGY"),
)
SSSOM_COLUMNS = (
    *("subject_id", "subject_label", "predicate_id", "object_id", "mapping_justification"),
)
UNSPECIFIED = ("not_specified", "not_provided")
HARMFUL = ("Pathogenic", "Likely_pathogenic", "Pathogenic/Likely_pathogenic")
HARMLESS = ("Benign", "Likely_benign", "Uncertain_significance")


def write_disease_files(
    world: World, chosen: DiseaseVariants, variants: list[Variant], folder: Path, seed: int
) -> None:
    """Write ``clinvar.vcf.gz``, ``gwas.tsv`` and ``ontology.sssom.tsv``, which merges their terms.

    ClinVar's contigs have no ``chr``, as in the real file.
    """
    rs = {(v.contig, v.position): v.rs for v in variants if v.kind == "SNV"}
    rng = np.random.default_rng(derive_seed(seed, "disease-files"))
    records = list(_clinvar_records(world, chosen, rs, rng))
    write_vcf(folder / "clinvar.vcf.gz", [*contig_lines(world, ""), *CLINVAR_INFO], records)
    rows = [
        _gwas_row(change, rs, chosen.frequencies[change.contig, change.position], rng)
        for change in _in_order(world, chosen.associated)
    ]
    write_rows(folder / "gwas.tsv", GWAS_COLUMNS, rows, "\t")
    matches = [
        [mondo, name.replace("_", " "), "skos:exactMatch", efo, "semapv:ManualMappingCuration"]
        for name, mondo, efo in DISEASES.values()
    ]
    write_rows(folder / "ontology.sssom.tsv", SSSOM_COLUMNS, matches, "\t")


def _in_order(world: World, changes: list[Change]) -> list[Change]:
    order = {name: index for index, name in enumerate(world.contigs)}
    return sorted(changes, key=lambda change: (order[change.contig], change.position))


def _clinvar_records(
    world: World,
    chosen: DiseaseVariants,
    rs: Mapping[tuple[str, int], int],
    rng: np.random.Generator,
) -> Iterator[tuple[str, ...]]:
    for number, change in enumerate(_in_order(world, chosen.pathogenic + chosen.benign), start=1):
        names, databases = _conditions(change, rng)
        info = [
            f"ALLELEID={990000 + number}",
            f"CLNDISDB={databases}",
            f"CLNDN={names}",
            "CLNREVSTAT=criteria_provided,_single_submitter",
            "CLNVC=single_nucleotide_variant",
            f"GENEINFO={change.gene}:{int(change.gene.removeprefix('GENE'))}",
            f"RS={rs[change.contig, change.position]}",
        ]
        # As in ClinVar, a few entries have no classification.
        if rng.random() > 0.03:
            kinds = HARMLESS if change.hits == "neutral" else HARMFUL
            info.insert(4, f"CLNSIG={kinds[int(rng.integers(len(kinds)))]}")
        contig, position = renamed(change.contig, ""), str(change.position + 1)
        alts = ",".join(change.alts)
        yield contig, position, str(980000 + number), change.ref, alts, ".", ".", ";".join(info)


def _conditions(change: Change, rng: np.random.Generator) -> tuple[str, str]:
    """Return CLNDN and CLNDISDB; a part of the entries also names no particular disease."""
    vague = UNSPECIFIED[int(rng.integers(2))]
    if change.hits == "neutral":
        return vague, "MedGen:CN169374" if vague == UNSPECIFIED[0] else "MedGen:C3661900"
    name, mondo, efo = DISEASES[change.hits]
    number = mondo.removeprefix("MONDO:")
    databases = f"MONDO:{mondo},MedGen:C{number},EFO:{efo}"
    if rng.random() < 0.25:
        return f"{name}|{vague}", f"{databases}|MedGen:CN169374"
    return name, databases


def _gwas_row(
    change: Change,
    rs: Mapping[tuple[str, int], int],
    frequency: float,
    rng: np.random.Generator,
) -> list[str]:
    """Return one association; the alternate, which breaks the motif, is the risk allele."""
    name, _, efo = DISEASES[change.hits]
    trait, number = name.replace("_", " "), rs[change.contig, change.position]
    exponent, lead = int(rng.integers(8, 40)), int(rng.integers(1, 10))
    odds = rng.uniform(1.1, 1.9)
    splice = {"donor": "splice_donor_variant", "acceptor": "splice_acceptor_variant"}
    values = {
        "DATE ADDED TO CATALOG": "2020-01-01",
        "PUBMEDID": "0",
        "FIRST AUTHOR": "Simulated A",
        "DATE": "2020-01-01",
        "JOURNAL": "Simulated",
        "STUDY": f"Simulated association study of {trait}",
        "DISEASE/TRAIT": trait,
        "INITIAL SAMPLE SIZE": "10,000 simulated cases, 10,000 simulated controls",
        "REPLICATION SAMPLE SIZE": "NA",
        "CHR_ID": renamed(change.contig, ""),
        "CHR_POS": str(change.position + 1),
        "REPORTED GENE(S)": change.gene,
        "MAPPED_GENE": change.gene,
        "STRONGEST SNP-RISK ALLELE": f"rs{number}-{change.alts[0]}",
        "SNPS": f"rs{number}",
        "MERGED": "0",
        "SNP_ID_CURRENT": str(number),
        "CONTEXT": splice.get(change.hits, "regulatory_region_variant"),
        "INTERGENIC": "0",
        "RISK ALLELE FREQUENCY": f"{frequency:.3f}",
        "P-VALUE": f"{lead}E-{exponent}",
        "PVALUE_MLOG": f"{exponent - np.log10(lead):.4f}",
        "OR or BETA": f"{odds:.2f}",
        "95% CI (TEXT)": f"[{odds * 0.95:.2f}-{odds * 1.05:.2f}]",
        "PLATFORM [SNPS PASSING QC]": "Simulated",
        "CNV": "N",
        "MAPPED_TRAIT": trait,
        "MAPPED_TRAIT_URI": f"http://www.ebi.ac.uk/efo/{efo.replace(':', '_')}",
        "STUDY ACCESSION": f"SIM{DISEASES[change.hits][1][-6:]}",
        "GENOTYPING TECHNOLOGY": "Genome-wide genotyping array",
    }
    return [values.get(column, "") for column in GWAS_COLUMNS]
