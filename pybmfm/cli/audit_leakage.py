"""``pybmfm audit-leakage``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, threads_option, unused_seed_option


@click.command("audit-leakage")
@click.option(
    "--corpus", "corpora", type=PATH, multiple=True, help="Folder made by build-corpus; repeat."
)
@click.option(
    "--tasks", type=PATH, multiple=True, help="Task sheet, such as tasks.csv of build-task; repeat."
)
@click.option("--windows", type=PATH, multiple=True, help="Folder made by sample-genome; repeat.")
@click.option(
    "--tokenizer",
    "tokenizers",
    type=PATH,
    multiple=True,
    help="Tokenizer that a corpus was built with, to read its text; repeat, any order.",
)
@click.option(
    "--fasta",
    type=PATH,
    help="Genome of all windows: compare the plain reference instead of the corpora's text.",
)
@out_option("Folder of tables")
@unused_seed_option()
@threads_option()
def command(
    corpora: tuple[Path, ...],
    tasks: tuple[Path, ...],
    windows: tuple[Path, ...],
    tokenizers: tuple[Path, ...],
    fasta: Path | None,
    out: Path,
    threads: int,
) -> None:
    """Measure what training, dev and test share, and what tasks share with pretraining.

    Base pairs by coordinates; whole sequences and canonical 32-mers on either strand. A leak
    is reported, not an error. The result is the same for any number of threads.

    \b
    Example:
      pybmfm audit-leakage --corpus corpus_ref --corpus corpus_snp \\
        --tokenizer tokenizer_ref --tokenizer tokenizer_snp --tasks gue/tasks.csv --out leakage
    """
    from pybmfm.evaluation import LeakageSettings, audit_leakage

    audit_leakage(
        LeakageSettings(
            out=out,
            corpora=corpora,
            windows=windows,
            tasks=tasks,
            tokenizers=tokenizers,
            fasta=fasta,
            threads=threads,
        )
    )
