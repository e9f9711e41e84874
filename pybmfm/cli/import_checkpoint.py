"""``pybmfm import-checkpoint``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.command("import-checkpoint")
@click.option("--checkpoint", type=PATH, required=True, help="Lightning file (.ckpt).")
@click.option(
    "--tokenizer", type=PATH, required=True, help="Folder with the tokenizer.json it belongs to."
)
@out_option("Checkpoint folder")
@click.option(
    "--encoding",
    type=click.Choice(["ref", "snp", "mixed"]),
    required=True,
    help="What the model was trained on.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    default=2048,
    show_default=True,
    help="Longest sequence in tokens.",
)
@unused_seed_option()
def command(checkpoint: Path, tokenizer: Path, out: Path, encoding: str, max_length: int) -> None:
    """Import a published BMFM-DNA checkpoint: Lightning weights into a Hugging Face folder.

    Only tensors are read: whatever else the file's pickle names is never called. A file that is
    not laid out as the published masked language models is refused.

    \b
    Example:
      pybmfm import-checkpoint --checkpoint snp.ckpt --tokenizer tokenizers/dna_chunks \\
        --encoding mixed --out model_snp
    """
    from pybmfm.core import output_directory
    from pybmfm.model import import_published
    from pybmfm.tokenizer import DnaTokenizer

    loaded = DnaTokenizer.load(tokenizer)
    with output_directory(out) as folder:
        import_published(checkpoint, loaded, folder, encoding=encoding, max_length=max_length)
