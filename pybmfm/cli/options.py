"""Options that several verbs share, so that they read and behave the same everywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

# Existence is checked by the rooms, whose message names the remedy; click only makes the Path.
PATH = click.Path(path_type=Path)

STRATEGIES = ("paper", "hardy-weinberg", "haplotypes")
BOTH_STRANDS = {"all": ("train", "dev", "test"), "train": ("train",), "none": ()}
KINDS = ("binary", "multiclass", "multilabel", "regression")


def fasta_option() -> Callable[[F], F]:
    """``--fasta``: plain, gzip or bgzip, indexed or not."""
    return click.option(
        "--fasta",
        type=PATH,
        required=True,
        help="Reference genome (.fa, .fa.gz), index not needed.",
    )


def both_strands_option(default: str) -> Callable[[F], F]:
    """``--both-strands`` of task builders, as the splits that it names."""
    return click.option(
        "--both-strands",
        type=click.Choice(tuple(BOTH_STRANDS)),
        default=default,
        show_default=True,
        callback=lambda _context, _option, value: BOTH_STRANDS[value],
        help="Rows that get their reverse complement, over which predictions are averaged.",
    )


def out_option(
    what: str, name: str = "--out", *, required: bool = True, sentence: bool = True
) -> Callable[[F], F]:
    """``--out``: where the result appears, whole or not at all, and never over an input.

    Parameters
    ----------
    what
        What it is, for the help.
    name, required
        Of the option.
    sentence
        Whether the help adds that it is written whole or not at all.
    """
    text = f"{what}, written whole or not at all." if sentence else what
    option = click.option(name, type=PATH, required=required, help=text)

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def checked(*args: Any, **values: Any) -> Any:
            given = click.get_current_context().params
            _refuse_output_over_input(given, name.removeprefix("--").replace("-", "_"))
            return command(*args, **values)

        return option(cast(F, checked))

    return decorate


def _refuse_output_over_input(given: Mapping[str, Any], name: str) -> None:
    """Refuse an output that is one of the command's inputs, or a folder that holds one."""
    out = given[name]
    if out is None or not out.exists():
        return
    for option, value in given.items():
        if option in (name, "checkpoints"):
            continue
        for path in _paths(value):
            if path.exists() and any(out.samefile(p) for p in (path, *path.resolve().parents)):
                from pybmfm.core import UserError

                raise UserError(
                    f"is or holds the input {path}, which would be lost",
                    file=out,
                    remedy=f"choose another --{name.replace('_', '-')}",
                )


def _paths(value: Any) -> Iterator[Path]:
    """Yield the paths in an option's value, also those of ``NAME=PATH``."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str) and "=" in value:
        yield Path(value.partition("=")[2])
    elif isinstance(value, tuple):
        for one in value:
            yield from _paths(one)


def seed_option() -> Callable[[F], F]:
    """``--seed``: all randomness comes from it."""
    return click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of all randomness."
    )


def unused_seed_option() -> Callable[[F], F]:
    """``--seed`` of a verb that draws nothing: accepted, so that scripts can give it to all."""
    return click.option(
        "--seed", type=int, expose_value=False, help="Accepted everywhere; nothing is drawn here."
    )


def threads_option() -> Callable[[F], F]:
    """``--threads``: never changes the result of data, encoding or evaluation steps."""
    return click.option(
        "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads."
    )


def strategy_option() -> Callable[[F], F]:
    """``--strategy``: where the two states of a varying position come from."""
    return click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="paper",
        show_default=True,
        help="paper: two different states drawn by frequency; hardy-weinberg: two independent "
        "draws; haplotypes: those of one individual of --haplotypes, another in every pass.",
    )


def haplotypes_option() -> Callable[[F], F]:
    """``--haplotypes``: the source of variants of the strategy of that name."""
    return click.option(
        "--haplotypes",
        type=PATH,
        help="Phased VCF with genotypes, instead of --frequencies; with --strategy haplotypes.",
    )


def filters_option() -> Callable[[F], F]:
    """``--filters``: which records of a VCF passed its own quality filters."""
    return click.option(
        "--filters",
        default="PASS,.",
        show_default=True,
        metavar="all|NAME,NAME...",
        help="Names in FILTER that a record may have ('.': none given); records with any other "
        "are dropped and counted by its name.",
    )


def pass_option() -> Callable[[F], F]:
    """``--pass``: which of the independent drawings."""
    return click.option(
        "--pass",
        "pass_number",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Alleles are drawn anew in every pass.",
    )


def alphabet_option() -> Callable[[F], F]:
    """``--alphabet`` of sequences: plain DNA or encoded text."""
    return click.option(
        "--alphabet",
        type=click.Choice(("auto", "plain", "encoded")),
        default="auto",
        show_default=True,
        help="Whether variant symbols are letters; auto looks for them.",
    )


def device_option() -> Callable[[F], F]:
    """``--device``: where a model runs."""
    return click.option(
        "--device",
        type=click.Choice(("auto", "cpu", "cuda")),
        default="auto",
        show_default=True,
        help="auto is the GPU if there is one.",
    )


def precision_option() -> Callable[[F], F]:
    """``--precision``: what a model computes in."""
    return click.option(
        "--precision",
        type=click.Choice(("auto", "fp32", "bf16")),
        default="auto",
        show_default=True,
        help="auto is bf16 on a GPU, fp32 elsewhere.",
    )


def inference_options(command: F) -> F:
    """``--batch-tokens``, ``--device`` and ``--threads`` of the verbs that only apply a model."""
    batch_tokens = click.option(
        "--batch-tokens",
        type=click.IntRange(min=1),
        help="Tokens computed at once.  [default: 2048 on a CPU, 65536 on a GPU]",
    )
    return batch_tokens(device_option()(threads_option()(command)))


def label_option(*declarations: str, what: str, **attributes: Any) -> Callable[[F], F]:
    """Add an option whose value names a folder, such as ``--task``: refused before any work."""

    def checked(
        _context: click.Context, _parameter: click.Parameter, value: str | None
    ) -> str | None:
        from pybmfm.core import check_label

        return None if value is None else check_label(value, what)

    return click.option(*declarations, callback=checked, **attributes)


def task_options(command: F) -> F:
    """Add the three tables of a task, its kind, names and what is read of it."""
    options: list[Callable[[F], F]] = [
        click.option(
            "--train", type=PATH, required=True, help="Training table (CSV, TSV, Parquet)."
        ),
        click.option("--dev", type=PATH, required=True, help="Table that choices are made on."),
        click.option("--test", type=PATH, required=True, help="Table that is only predicted."),
        click.option("--kind", type=click.Choice(KINDS), required=True, help="Kind of task."),
        out_option("Result folder"),
        label_option(
            "--task",
            what="task",
            help="Task name in results; by default the training table's folder.",
        ),
        click.option("--metric", help="Metric that heads the task."),
        click.option(
            "--max-train-rows", type=click.IntRange(min=2), help="Draw so many training rows."
        ),
        alphabet_option(),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def alignment_options(command: F) -> F:
    """``--align``, ``--alignments`` and what to keep: how sequences find their locus.

    The command's function takes them as one argument ``alignment``.
    """
    options: list[Callable[[F], F]] = [
        click.option(
            "--align", is_flag=True, help="Align rows without coordinates by bwa mem (on PATH)."
        ),
        click.option(
            "--alignments",
            type=PATH,
            help="SAM or BAM that bwa made from what extract-sequences wrote, instead of --align.",
        ),
        click.option(
            "--keep-multi-mapping",
            is_flag=True,
            help="Keep sequences that fit several places equally well, at the one bwa chose.",
        ),
        click.option(
            "--keep-clipped",
            is_flag=True,
            help="Keep sequences aligned in part, with their whole length.",
        ),
    ]

    @functools.wraps(command)
    def with_alignment(*args: Any, **values: Any) -> Any:
        from pybmfm.genome import AlignmentSettings

        names = ("align", "alignments", "keep_multi_mapping", "keep_clipped", "threads")
        chosen = {name: values.pop(name) for name in names}
        return command(*args, alignment=AlignmentSettings(**chosen), **values)

    wrapped: Any = threads_option()(with_alignment)
    for option in reversed(options):
        wrapped = option(wrapped)
    return cast(F, wrapped)


def annotation_options(task: str) -> Callable[[F], F]:
    """Options of the builders from annotation, which take them as one argument ``common``."""
    options: list[Callable[[F], F]] = [
        fasta_option(),
        out_option("Folder of task tables"),
        label_option(
            "--task", what="task", default=task, show_default=True, help="Name of the task."
        ),
        click.option(
            "--block-size",
            type=click.IntRange(min=1),
            help="Block of one split, nt.  [default: as sample-genome]",
        ),
        click.option(
            "--max-n",
            type=click.FloatRange(0, 1),
            default=0.0,
            show_default=True,
            help="Largest share of N in a window.",
        ),
        click.option(
            "--max-positives",
            type=click.IntRange(min=1),
            help="Draw so many of the annotated places (of each kind).  [default: all]",
        ),
        seed_option(),
    ]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_common(*args: Any, **values: Any) -> Any:
            from pybmfm.tasks import AnnotationSettings

            names = ("fasta", "out", "task", "block_size", "max_n", "max_positives", "seed")
            chosen = {name: values.pop(name) for name in names}
            return command(*args, common=AnnotationSettings(**chosen), **values)

        wrapped: Any = with_common
        for option in reversed(options):
            wrapped = option(wrapped)
        return cast(F, wrapped)

    return decorate


def promoter_options(command: F) -> F:
    """``--tss``, ``--gtf``, ``--tss-at`` and ``--negatives`` of the two promoter tasks."""
    options: list[Callable[[F], F]] = [
        click.option("--tss", type=PATH, help="TSS as BED, such as EPDnew's."),
        click.option("--gtf", type=PATH, help="GTF or GFF3 instead: transcripts begin at a TSS."),
        click.option(
            "--tss-at",
            type=click.Choice(["auto", "five-prime", "thick"]),
            default="auto",
            show_default=True,
            help="Where in a BED feature the TSS is: its first base, or that of its thick part "
            "(EPDnew).",
        ),
        click.option(
            "--negatives",
            type=click.Choice(["paired", "tata", "shuffled"]),
            default="paired",
            show_default=True,
            help="paired: non-promoters with a TATA box for promoters with one, the others "
            "shuffled in pieces of 20 nt; or one kind for all.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def windows_options(command: F) -> F:
    """``--fasta``, ``--windows``, ``--frequencies`` and ``--strategy``: windows to be encoded."""
    options: list[Callable[[F], F]] = [
        fasta_option(),
        click.option("--windows", type=PATH, required=True, help="Folder made by sample-genome."),
        click.option(
            "--frequencies",
            type=PATH,
            help="Frequency table: encode variants; without it the plain reference.",
        ),
        strategy_option(),
    ]
    for option in reversed(options):
        command = option(command)
    return command
