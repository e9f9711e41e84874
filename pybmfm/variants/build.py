"""Make a frequency table from a VCF and its reference genome."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, describe_inputs, output_directory, write_manifest
from pybmfm.genome import Genome, describe_names
from pybmfm.variants.counts import NOT_IN_FASTA
from pybmfm.variants.frequencies import PASSED
from pybmfm.variants.table import ARTEFACT
from pybmfm.variants.table_builder import TableBuilder
from pybmfm.variants.vcf import VcfReader

log = logging.getLogger("pybmfm")


@dataclass(frozen=True)
class FrequencySettings:
    """What `variant_frequencies` does.

    Parameters
    ----------
    fasta, vcf, out
        Reference genome, variants, and the table folder to write.
    contigs
        Contigs to read, under any alias; empty is all.
    min_frequency
        Alleles at or below it are dropped, and the reference too.
    records
        ``common`` takes records flagged COMMON, ``all`` all, ``auto`` common ones if any record
        of the VCF has the key.
    frequency_field
        ``auto``, ``FREQ``, ``CAF``, ``AF``, ``AC/AN``, or comma-separated names of INFO fields.
    sources
        Sources of FREQ to be taken; empty is all.
    filters
        Comma-separated names in FILTER that a record may have; ``.`` is a record without one,
        ``all`` takes every record.
    haploid
        Chromosomes of which one copy is drawn, under any alias.
    alias
        Table of two columns, the VCF's and the FASTA's name of a contig.
    threads
        How many read; the table does not depend on it.
    """

    fasta: Path
    vcf: Path
    out: Path
    contigs: tuple[str, ...] = ()
    min_frequency: float = 0.001
    records: str = "auto"
    frequency_field: str = "auto"
    sources: tuple[str, ...] = ()
    filters: str = PASSED
    haploid: tuple[str, ...] = ("Y", "MT")
    alias: Path | None = None
    threads: int = 1


def variant_frequencies(settings: FrequencySettings) -> dict[str, Any]:
    """Read a VCF into a frequency table (paper, section on the frequency matrix).

    Returns
    -------
    dict
        The manifest's counts.

    Raises
    ------
    UserError
        If an input is missing or malformed, FASTA and VCF share no contig or are of two
        assemblies, a source is nowhere in the VCF, or more than 1 % of the comparable records
        disagree with the FASTA. No output appears then.
    """
    inputs: list[Path] = [settings.fasta, settings.vcf]
    with (
        Genome(settings.fasta) as genome,
        output_directory(settings.out) as folder,
        ThreadPoolExecutor(1) as aside,
    ):
        # A second thread has time for the digests while the first waits for records.
        described = aside.submit(describe_inputs, inputs) if settings.threads > 1 else None
        aliases = read_aliases(settings.alias, genome) if settings.alias else {}
        reader = VcfReader(settings.vcf, settings.threads)
        sections = TableBuilder(settings, genome, reader, aliases, folder).build()
        write_manifest(
            folder,
            artefact=ARTEFACT,
            settings=_table_settings(settings, aliases),
            inputs=described.result() if described else inputs,
            **sections,
        )
        letters = genome.replaced_sentence()
    # Not before: an error is to be the only line.
    _say(settings, sections, letters)
    return sections


def read_aliases(path: Path, genome: Genome) -> dict[str, str]:
    """Read VCF name -> FASTA name from a table of two columns, ``#`` before remarks.

    Raises
    ------
    UserError
        If the file is missing, a line has other than two columns, or the FASTA lacks a name.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("cannot be read", file=path, remedy="check the --alias file") from error
    aliases = {}
    for number, line in enumerate(lines, start=1):
        names = line.partition("#")[0].split()
        if not names:
            continue
        if len(names) != 2 or names[1] not in genome.lengths:
            problem = (
                f"has {len(names)} of the two columns" if len(names) != 2
                else f"names {names[1]}, which {genome.path} has not"
            )  # fmt: skip
            raise UserError(
                problem,
                file=path,
                place=f"line {number}",
                remedy="give the VCF's and the FASTA's name of a contig per line",
            )
        aliases[names[0]] = names[1]
    return aliases


def _table_settings(settings: FrequencySettings, aliases: dict[str, str]) -> dict[str, Any]:
    """Return the settings that a manifest keeps: no paths or threads, JSON types."""
    kept = asdict(settings)
    for name in ("fasta", "vcf", "out", "alias", "threads"):
        del kept[name]
    lists = {name: list(kept[name]) for name in ("contigs", "sources", "haploid")}
    return {**kept, **lists, "aliases": aliases}


def _say(settings: FrequencySettings, sections: dict[str, Any], letters: str) -> None:
    common = sections["record_choice"] == "common"
    which = "those flagged COMMON" if common else "all, none has the key COMMON"
    taken = f" (taken: {which})" if settings.records == "auto" else ""
    fields = ", ".join(f"{name} {n:,}" for name, n in sections["frequency_fields"].items())
    log.info("frequencies from %s%s", fields or "no field", taken)
    dropped = sections["dropped"].items()
    left_out = sections["records_only_in_vcf"]
    named = {NOT_IN_FASTA: f" ({describe_names(left_out)})"} if left_out else {}
    log.info(
        "variant frequencies: records read %s, used %s%s; positions %s%s",
        f"{sections['read']:,}",
        f"{sections['used']:,}",
        "".join(f", {reason} {n:,}{named.get(reason, '')}" for reason, n in dropped),
        f"{sum(one['positions'] for one in sections['contigs'].values()):,}",
        f"; {letters}" if letters else "",
    )
