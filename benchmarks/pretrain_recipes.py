"""What each part of a recipe is worth: dev bits per nucleotide at equal CPU time, over seeds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
from scipy.stats import t as student

PUBLISHED = ("--recipe", "published", "--tokens-per-batch", "2048")
# What is left out of the default recipe or added to it, one thing at a time; and each part alone,
# beside the published recipe in batches as small.
VARIANTS: dict[str, tuple[str, ...]] = {
    "default": (),
    "letters for counts": ("--start", "letters"),
    "random for counts": ("--start", "random"),
    "without local layers": ("--layers", "published"),
    "without pieces": ("--piece-tokens", "0"),
    "15 % masked": ("--mask-share", "0.15"),
    "10 % kept visible": ("--keep-share", "0.1"),
    "half the rate": ("--learning-rate", "0.0015"),
    "with Muon": ("--optimizer", "muon"),
    "variants masked at 60 %": ("--mask-variants", "0.6"),
    "published": PUBLISHED,
    "published, 3e-3": (*PUBLISHED, "--learning-rate", "0.003"),
    "published, letters": (*PUBLISHED, "--start", "letters"),
    "published, counts": (*PUBLISHED, "--start", "counts"),
    "published, local layers": (*PUBLISHED, "--layers", "local"),
    "published, pieces": (*PUBLISHED, "--piece-tokens", "64"),
    "published, 30 % masked": (*PUBLISHED, "--mask-share", "0.3", "--keep-share", "0"),
}
FIGURES = (
    "bits_per_nucleotide",
    "bits_per_nucleotide_variant_free",
    "unigram_bits_per_nucleotide",
    "neighbours_bits_per_nucleotide",
)
SHORT, LONG = 10, 50  # steps of the two runs that measure what a step costs


@click.command()
@click.option(
    "--corpus",
    "corpora",
    type=(str, click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    required=True,
    metavar="NAME CORPUS TOKENIZER",
    help="Repeat for each corpus.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Kept and continued.")
@click.option("--variant", "names", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--cpu-minutes", default=5.0, show_default=True, help="Of training, for each model.")
@click.option("--preset", default="tiny", show_default=True)
@click.option("--max-validation-tokens", default=100_000, show_default=True)
def main(
    corpora: tuple[tuple[str, Path, Path], ...],
    out: Path,
    names: tuple[str, ...],
    seeds: str,
    cpu_minutes: float,
    preset: str,
    max_validation_tokens: int,
) -> None:
    """Pretrain every variant on every corpus with every seed, and print a table.

    A variant gets as many steps as its steps cost CPU time, so that all have spent the same. Run
    again with the same OUT it goes on where it stopped.

    \b
    Example:
      python benchmarks/pretrain_recipes.py --out recipes --cpu-minutes 5 \\
        --corpus ref corpora/ref tokenizers/ref --corpus snp corpora/snp tokenizers/snp
    """
    out.mkdir(parents=True, exist_ok=True)
    common = ["--preset", preset, "--max-validation-tokens", str(max_validation_tokens)]
    rows = []
    for corpus in corpora:
        for name in names or tuple(VARIANTS):
            run = Run(out, corpus, name, common)
            steps = run.steps_for(cpu_minutes * 60)
            found = [run.figures(steps, int(seed)) for seed in seeds.split(",")]
            rows.append((corpus[0], name, steps, found))
            click.echo(_line(*rows[-1]))
    table = [{"corpus": c, "variant": v, "steps": s, "runs": found} for c, v, s, found in rows]
    (out / "recipes.json").write_text(json.dumps(table, indent=1))


class Run:
    """One variant on one corpus."""

    def __init__(
        self, out: Path, corpus: tuple[str, Path, Path], name: str, common: list[str]
    ) -> None:
        self.label, folder, tokenizer = corpus
        self.place = out / self.label / name.replace(" ", "_").replace("%", "percent")
        self.options = ["--corpus", str(folder), "--tokenizer", str(tokenizer), *common]
        self.options += ["--threads", "1", "--device", "cpu", *VARIANTS[name]]

    def steps_for(self, seconds: float) -> int:
        """Return how many steps take so many CPU seconds."""
        file = self.place / "seconds_per_step.json"
        if not file.exists():
            costs = [self._pretrain(self.place / "cost", steps, 0) for steps in (SHORT, LONG)]
            file.write_text(json.dumps((costs[1] - costs[0]) / (LONG - SHORT)))
        return max(LONG, int(seconds / json.loads(file.read_text())))

    def figures(self, steps: int, seed: int) -> dict[str, Any]:
        """Return dev figures and the curve of a run, which is made unless it is there."""
        folder = self.place / f"seed_{seed}_{steps}"
        if not (folder / "metrics.json").exists():
            self._pretrain(folder, steps, seed)
        dev = json.loads((folder / "metrics.json").read_text())["dev"]
        records = map(json.loads, (folder / "progress.jsonl").read_text().splitlines())
        bits = "dev_bits_per_nucleotide"
        curve = [(one["step"], one[bits]) for one in records if bits in one]
        return {"seed": seed, "curve": curve, **{name: dev[name] for name in FIGURES}}

    def _pretrain(self, folder: Path, steps: int, seed: int) -> float:
        """Pretrain and return the CPU seconds of the whole command."""
        options = ["--out", str(folder), "--steps", str(steps), "--seed", str(seed)]
        if folder.name == "cost":
            shutil.rmtree(folder, ignore_errors=True)
            options += ["--validate-every", "0", "--max-validation-tokens", "3000"]
        before = os.times()
        command = [sys.executable, "-m", "pybmfm", "pretrain", *self.options, *options]
        subprocess.run([*command, "--resume"], check=True, stderr=subprocess.DEVNULL)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])


def _line(corpus: str, variant: str, steps: int, found: list[dict[str, Any]]) -> str:
    bits = [one["bits_per_nucleotide"] for one in found]
    below = [one["neighbours_bits_per_nucleotide"] - one["bits_per_nucleotide"] for one in found]
    each = ", ".join(f"{value:.4f}" for value in bits)
    return (
        f"{corpus:12}{variant:26}{steps:7,} steps  {mean(bits):.4f} ({each})  "
        f"below neighbours {_interval(below)}"
    )


def _interval(values: list[float]) -> str:
    """Return the mean with its 95 % interval over seeds, by Student's t."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{mean(values):.4f} [{mean(values) - half:.4f}, {mean(values) + half:.4f}]"


if __name__ == "__main__":
    main()
