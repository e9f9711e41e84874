"""``pybmfm summarize``: tables, figures and report content of a set of results."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, seed_option, threads_option


@click.command("summarize")
@click.option(
    "--results",
    type=PATH,
    multiple=True,
    required=True,
    help="Folder (searched to any depth) or file of results; may be given repeatedly.",
)
@click.option(
    "--few-shot",
    type=PATH,
    multiple=True,
    help="Folder of results with few training rows, for curves apart from Table 2.",
)
@click.option(
    "--expected",
    type=PATH,
    help="Table task,model,seed of the results that should be there: others are named missing.",
)
@click.option(
    "--external-scores",
    metavar="NAME=TABLE",
    multiple=True,
    help="Scores of another tool by row id (columns id, score, optionally task; or a column per "
    "class), joined to Table 2 on the rows it covers.",
)
@out_option("Folder of tables, figures and MultiQC content")
@seed_option()
@threads_option()
def command(
    results: tuple[Path, ...],
    few_shot: tuple[Path, ...],
    expected: Path | None,
    external_scores: tuple[str, ...],
    out: Path,
    seed: int,
    threads: int,
) -> None:
    """Join results into tables, figures and report content.

    Writes OUT/table2.tsv (task, model, seeds, metric, mean, low, high, published ...), its page
    table2.html, comparisons.tsv (every two models on the same rows), table3.tsv, few_shot.tsv,
    external_scores.tsv and missing.tsv where there is anything to say, OUT/figures (PNG and SVG)
    and OUT/multiqc, which MultiQC turns into one HTML report.

    \b
    Example:
      pybmfm summarize --results results --external-scores CADD=cadd.tsv --out summary
      multiqc --config assets/multiqc_config.yml --filename report.html summary/multiqc
    """
    from pybmfm.report import SummarizeSettings, summarize

    summarize(
        SummarizeSettings(
            results=results,
            out=out,
            few_shot=few_shot,
            expected=expected,
            external_scores=_named_tables(external_scores),
            seed=seed,
            threads=threads,
        )
    )


def _named_tables(values: tuple[str, ...]) -> tuple[tuple[str, Path], ...]:
    from pybmfm.core import UserError

    tables: dict[str, Path] = {}
    for value in values:
        name, separator, table = value.partition("=")
        if not (name and separator and table):
            raise UserError(
                f"--external-scores {value} is not NAME=TABLE", remedy="write NAME=TABLE"
            )
        if name in tables:
            raise UserError(
                f"--external-scores {name} is given twice", remedy="give each name once"
            )
        tables[name] = Path(table)
    return tuple(tables.items())
