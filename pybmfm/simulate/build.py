"""From settings to a folder that holds every input of the pipeline."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from pybmfm.core import output_directory, write_manifest
from pybmfm.simulate.controls import make_controls
from pybmfm.simulate.disease import DiseaseVariants, choose_disease_variants
from pybmfm.simulate.disease_files import write_disease_files
from pybmfm.simulate.files import (
    POPULATION_INFO,
    SCORE_INFO,
    contig_lines,
    population_records,
    score_records,
    write_annotations,
    write_fasta,
    write_genes,
    write_tasks,
    write_vcf,
)
from pybmfm.simulate.settings import SimulationSettings
from pybmfm.simulate.task_tables import Task, make_tasks
from pybmfm.simulate.variation import Variant, population_variants
from pybmfm.simulate.world import World, build_world

log = logging.getLogger("pybmfm")
TRANSITIONS = {"AG", "GA", "CT", "TC"}


def simulate(settings: SimulationSettings) -> None:
    """Make a demo world: genome, variants, genes, task tables, disease files.

    The same settings give the same bytes. The folder holds ``genome.fa.gz``,
    ``variants.vcf.gz``, ``score.vcf.gz``, ``clinvar.vcf.gz``, ``gwas.tsv``,
    ``ontology.sssom.tsv``, ``genes.tsv``, ``genes.bed``, ``motifs.bed``, ``repeats.bed``,
    ``peaks.bed``, ``tss.bed``, ``genes.gtf``,
    ``peaks.narrowPeak``, ``tasks/`` and ``manifest.json``, which counts what was planted.

    Parameters
    ----------
    settings
        Where to, the seed and the sizes.

    Raises
    ------
    UserError
        If the sizes make no world, or the place cannot be written.
    """
    settings.check()
    world = build_world(settings)
    chosen = choose_disease_variants(world, settings.seed)
    variants = population_variants(world, settings.variant_density, chosen.forced(), settings.seed)
    tasks = make_tasks(world, settings.task_rows, settings.seed)
    expected: list[dict[str, Any]] = []
    if settings.controls:
        controls = make_controls(settings.controls, settings.seed)
        world.contigs.update(controls.contigs)
        variants += controls.variants
        tasks += controls.tasks
        expected = controls.expected
    counts = count_planted(world, variants, chosen, tasks)
    with output_directory(settings.out) as folder:
        _write_genome(world, variants, chosen, folder)
        write_disease_files(world, chosen, variants, folder, settings.seed)
        _write_tasks(tasks, settings, counts["tasks"], expected, folder / "tasks")
        write_manifest(folder, artefact="simulation", settings=describe(settings), counts=counts)
    log.info(
        "simulated %s bases, %s genes, %s variants",
        f"{counts['bases']:,}",
        f"{counts['genes']:,}",
        f"{counts['variants']['records']:,}",
    )


def describe(settings: SimulationSettings) -> dict[str, Any]:
    """Return the settings as JSON types, without the place."""
    described = {
        "seed": settings.seed,
        "contigs": dict(settings.contigs),
        "variant_density": settings.variant_density,
        "task_rows": settings.task_rows,
    }
    return described | ({"controls": settings.controls} if settings.controls else {})


def _write_genome(
    world: World, variants: list[Variant], chosen: DiseaseVariants, folder: Path
) -> None:
    contigs = contig_lines(world)
    write_fasta(world, folder / "genome.fa.gz")
    write_vcf(
        folder / "variants.vcf.gz", [*contigs, *POPULATION_INFO], population_records(variants)
    )
    write_vcf(folder / "score.vcf.gz", [*contigs, *SCORE_INFO], score_records(world, chosen.scored))
    write_genes(world, folder)
    write_annotations(world, folder)


def _write_tasks(
    tasks: list[Task],
    settings: SimulationSettings,
    counts: dict[str, Any],
    expected: list[dict[str, Any]],
    folder: Path,
) -> None:
    write_tasks(tasks, folder)
    controls = {"controls": expected} if expected else {}
    write_manifest(folder, artefact="tasks", settings=describe(settings), counts=counts, **controls)


def count_planted(
    world: World, variants: list[Variant], chosen: DiseaseVariants, tasks: list[Task]
) -> dict[str, Any]:
    """Count everything planted, for the manifest."""
    contigs = world.contigs.values()
    return {
        "bases": sum(len(contig.sequence) for contig in contigs),
        "n_bases": sum(end - start for contig in contigs for start, end in contig.gaps),
        "n_islands": sum(len(contig.gaps) for contig in contigs),
        "soft_masked_bases": sum(int(contig.masked.sum()) for contig in contigs),
        "genes": len(world.slots),
        "tata_genes": sum(slot.is_tata for slot in world.slots),
        "splice_sites": sum(len(slot.splice_sites) for slot in world.slots),
        "motifs": _counted(feature.name for _, feature in world.motifs()),
        "repeats": _counted(f.name for slot in world.slots for f in slot.repeats),
        "variants": count_variants(variants),
        "disease": {
            "clinvar_pathogenic": len(chosen.pathogenic),
            "clinvar_benign": len(chosen.benign),
            "gwas": len(chosen.associated),
        },
        "score": _counted("neutral" if c.hits == "neutral" else "motif" for c in chosen.scored),
        "tasks": {
            task.name: {
                split: _counted(row.target for row in rows)
                if task.kind != "regression"
                else {"rows": len(rows)}
                for split, rows in task.rows.items()
            }
            for task in tasks
        },
    }


def count_variants(variants: list[Variant]) -> dict[str, Any]:
    """Count records by class, and transitions per transversion over substitution alleles."""
    changes = Counter(
        v.ref + alt in TRANSITIONS for v in variants if v.kind == "SNV" for alt in v.alts
    )
    return {
        "records": len(variants),
        **_counted(v.kind for v in variants),
        "multi_allelic": sum(len(v.alts) > 1 for v in variants),
        "common": sum(v.is_common for v in variants),
        "with_frequency": sum(bool(v.studies) for v in variants),
        "transitions_per_transversion": round(changes[True] / max(1, changes[False]), 3),
    }


def _counted(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
