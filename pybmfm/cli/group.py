"""The command group, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click

from pybmfm import __version__
from pybmfm.cli.lazy import LazyGroup
from pybmfm.core.addresses import check_address
from pybmfm.core.errors import Interrupted, UserError, is_out_of_memory, machine_refusal
from pybmfm.core.provenance import source_digest

# verb: one line of help. 'encode-genome' lives in pybmfm/cli/encode_genome.py as `command`.
VERBS = {
    "simulate": "Make a demo world: genome, variants, tasks, disease tables.",
    "list-contigs": "List the contigs that a FASTA and a VCF share.",
    "variant-frequencies": "Turn a VCF into a table of state frequencies per position.",
    "merge-frequencies": "Join frequency tables made contig by contig.",
    "encode-genome": "Write the genome with its variants as encoded text or codes.",
    "encode-sequences": "Give the loci of a table their sequence with its variants.",
    "extract-sequences": "Write the sequences of tables as FASTA, to align them.",
    "sample-genome": "Cut the genome into windows and splits.",
    "train-tokenizer": "Train a tokenizer on genome windows.",
    "compare-tokenizers": "Compare tokenizers over their corpora.",
    "build-corpus": "Encode and tokenize windows into token shards.",
    "audit-leakage": "Measure what splits and tasks share with training data.",
    "pretrain": "Pretrain a masked language model on a corpus.",
    "build-task": "Make task tables from benchmarks and annotation.",
    "finetune": "Fine-tune a checkpoint on a task.",
    "predict": "Apply a fine-tuned model to sequences or variants.",
    "baseline": "Fit an honest baseline on a task.",
    "score-variants": "Score the variants of a VCF with a model.",
    "embed": "Write one embedding per sequence.",
    "import-checkpoint": "Import a published Lightning checkpoint.",
    "publish": "Publish a model on a hub, or to a folder.",
    "summarize": "Join results into tables, figures and report content.",
}


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"pybmfm, version {__version__}+{source_digest()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    package="pybmfm.cli",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show version and digest of the source, and exit.",
)
def group() -> None:
    """SNP-aware DNA language models, from genome and variants to one report.

    Each verb is also an executable under bin/ and a process of the Nextflow pipeline.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad input, 137 out of memory, 143 interrupted."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    for noisy in ("httpx", "matplotlib", "numba", "transformers"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _refuse_credentials(given)
        group.main(args=given, prog_name="pybmfm")
    except UserError as error:
        # What a file could not take for lack of memory is no fault of the file.
        if error.__cause__ is not None and is_out_of_memory(error.__cause__):
            _fail(f"Out of memory: {error}", 137)
        _fail(f"Error: {error}", 2)
    except Interrupted as error:
        _fail(str(error), 143)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:
        if is_out_of_memory(error):
            # Torch appends a stack trace to its messages.
            _fail(f"Out of memory: {str(error).partition(chr(10))[0]}", 137)
        refused = machine_refusal(error)
        if refused is None:
            raise
        name = getattr(error, "filename", None)
        remedy = "free space, permissions or a working disk are needed there"
        _fail(f"Error: {f'{name}: ' if name else ''}{refused}; {remedy}.", 2)


def _refuse_credentials(arguments: Sequence[str]) -> None:
    """Look at every argument, before any message repeats it or a manifest keeps it."""
    for before, argument in zip(("", *arguments), arguments, strict=False):
        option = argument.partition("=")[0] if argument.startswith("--") else before
        check_address(argument, option if option.startswith("-") else "an argument")


def _fail(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)
