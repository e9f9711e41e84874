"""``pybmfm build-task``: task tables from benchmarks and annotation. One module per builder."""

from __future__ import annotations

import click

from pybmfm.cli.lazy import LazyGroup

# builder: one line of help. 'core-promoter' lives in core_promoter.py here as `command`.
BUILDERS = {
    "gue": "A GUE folder tree, as published.",
    "mpra": "A lenti-MPRA library.",
    "promoter": "Promoters around TSS.",
    "core-promoter": "Core promoters around TSS.",
    "tf": "Peaks of a transcription factor.",
    "splice": "Donors and acceptors of a GTF.",
    "promoter-variants": "A task with its variants encoded, negatives of classes 1 to 4.",
    "snp-disease": "ClinVar and GWAS Catalog SNPs with their diseases.",
}


@click.group("build-task", cls=LazyGroup, verbs=BUILDERS, package="pybmfm.cli.build_task")
def command() -> None:
    """Make task tables from published benchmarks, or from annotation.

    Each writes OUT/tasks.csv, OUT/TASK/{train,dev,test}.csv and OUT/manifest.json.

    \b
    Example:
      pybmfm build-task gue --input GUE --out tasks --task prom_300_all
    """
