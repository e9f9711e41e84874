"""Sections on variants: records, classes, frequencies, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pybmfm.core import read_table
from pybmfm.genome import describe_names
from pybmfm.report.collect import Artefact, Collection, as_written
from pybmfm.report.content import (
    Section,
    bullets,
    missing,
    number,
    part_of,
    percent,
    picture,
    reasons,
    table,
    titled,
)
from pybmfm.report.variant_figures import (
    draw_classes,
    draw_density,
    draw_records,
    draw_spectrum,
)

GROUP = "pybmfm_variants"
Spectrum = tuple[list[float], list[int]]  # n + 1 edges, n counts

CLASSES = ("snv", "mnv", "insertion", "deletion", "complex")
MOST_TEXT = 20  # names of contigs in a sentence


def variant_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Tell what became of the records of each frequency table, and what they hold."""
    tables = found.of("frequency-table")
    if not tables:
        yield missing(GROUP, "Records", "a frequency table")
    for artefact in tables:
        prefix = "" if len(tables) == 1 else f"{artefact.name}_"
        with as_written(artefact):
            sections = list(_table_sections(artefact, figures, prefix))
        for section in sections:
            name = titled(section.name, artefact.name, tables)
            yield Section(GROUP, name, section.sentence, section.html, section.plot)


def record_counts(artefact: Artefact) -> dict[str, dict[str, int]]:
    """Per contig: ``used`` and each reason with its number of dropped records."""
    return {
        name: {"used": int(one.get("used", 0)), **one.get("dropped", {})}
        for name, one in _contigs(artefact).items()
    }


def _table_sections(artefact: Artefact, figures: Path, prefix: str) -> Iterator[Section]:
    counts = record_counts(artefact)
    manifest = artefact.manifest
    columns = sorted({reason for one in counts.values() for reason in one} - {"used"})
    rows = [
        (contig, sum(one.values()), one.get("used", 0), *(one.get(r, 0) for r in columns))
        for contig, one in counts.items()
    ]
    yield Section(
        GROUP,
        "Records",
        f"{part_of(manifest.get('used'), manifest.get('read'))} records were used; the columns on "
        "the right say why the others were dropped.",
        table(("contig", "read", "used", *columns), rows, "The table has no contig.")
        + bullets(list(_sentences(artefact))),
    )
    if counts:
        draw_records(figures, f"{prefix}records_per_contig", counts)
        yield Section(
            GROUP,
            "Records per contig",
            "Used and dropped records of each contig.",
            plot={
                "plot_type": "bargraph",
                "pconfig": {"title": "Records per contig", "ylab": "records"},
                "data": counts,
            },
        )
    classes = _class_counts(artefact)
    if any(sum(one.values()) for one in classes.values()):
        yield _class_section(artefact, classes, figures, f"{prefix}variant_classes")
    spectra = _spectra(artefact)
    if spectra:
        yield _spectrum_section(artefact, spectra, figures, f"{prefix}allele_frequencies")
    if (artefact.folder / "density.tsv").is_file():
        yield _density_section(artefact, figures, f"{prefix}variant_density")


def _class_section(
    artefact: Artefact, classes: Mapping[str, Mapping[str, int]], figures: Path, name: str
) -> Section:
    draw_classes(figures, name, classes)
    contigs = _contigs(artefact)
    rows = [
        (
            contig,
            *(one.get(label, 0) for label in CLASSES),
            contigs[contig].get("transitions"),
            contigs[contig].get("transversions"),
            contigs[contig].get("titv"),
        )
        for contig, one in classes.items()
    ]
    total = {label: sum(one.get(label, 0) for one in classes.values()) for label in CLASSES}
    return Section(
        GROUP,
        "Variant classes",
        f"{percent(total['snv'], sum(total.values()))} % of the alleles used change one base; "
        f"transitions per transversion: {number(artefact.manifest.get('titv'))} (about 2.1 is "
        "usual for whole human genomes, 0.5 is chance).",
        picture(figures / f"{name}.png", "variant classes per contig")
        + table(("contig", *CLASSES, "transitions", "transversions", "Ti/Tv"), rows),
    )


def _spectrum_section(
    artefact: Artefact,
    spectra: Mapping[str, Spectrum],
    figures: Path,
    name: str,
) -> Section:
    draw_spectrum(figures, name, spectra)
    cutoff = artefact.manifest.get("settings", {}).get("min_frequency")
    return Section(
        GROUP,
        "Allele-frequency spectrum",
        "Alternate alleles used, by their mean frequency over the sources that report it; those "
        f"at or below {cutoff} are dropped.",
        picture(figures / f"{name}.png", "allele-frequency spectrum"),
    )


def _density_section(artefact: Artefact, figures: Path, name: str) -> Section:
    density = read_table(artefact.folder / "density.tsv").astype(
        {"start": int, "end": int, "positions": int}
    )
    draw_density(figures, name, density)
    positions = int(density["positions"].sum())
    covered = int((density["end"] - density["start"]).sum())
    return Section(
        GROUP,
        "Encoded density along the genome",
        f"{number(positions)} positions vary, {1000 * positions / max(covered, 1):.2f} per kb; "
        "stretches without any are N, unsequenced, or outside the VCF.",
        picture(figures / f"{name}.png", "varying positions along the genome"),
    )


def _sentences(artefact: Artefact) -> Iterator[str]:
    manifest = artefact.manifest
    yield f"Alleles dropped from used records: {reasons(manifest.get('alleles_dropped', {}))}."
    positions = sum(int(one.get("positions", 0)) for one in _contigs(artefact).values())
    scaled = int(manifest.get("rows_scaled", 0))
    yield f"{positions:,} positions vary; {scaled:,} of them held more than 100 % and were scaled."
    if manifest.get("frequency_fields"):
        yield f"Frequencies came from: {reasons(manifest['frequency_fields'])}."
    if manifest.get("assembly"):
        yield f"The contigs are those of {manifest['assembly']}."
    yield from _contig_sentences(manifest)


def _contig_sentences(manifest: Mapping[str, Any]) -> Iterator[str]:
    only_in_fasta = [str(name) for name in manifest.get("contigs_only_in_fasta", [])]
    if only_in_fasta:
        yield f"Contigs only in the FASTA: {describe_names(only_in_fasta, MOST_TEXT)}."
    left_out = manifest.get("records_only_in_vcf")
    if left_out:
        named = [f"{name} {int(count):,}" for name, count in left_out.items()]
        total = sum(map(int, left_out.values()))
        yield (
            f"{total:,} records lie on contigs that are only in the VCF: "
            f"{describe_names(named, MOST_TEXT)}."
        )


def _contigs(artefact: Artefact) -> dict[str, dict[str, Any]]:
    return dict(artefact.manifest.get("contigs", {}))


def _class_counts(artefact: Artefact) -> dict[str, dict[str, int]]:
    return {
        contig: {label: int(one["variant_classes"].get(label, 0)) for label in CLASSES}
        for contig, one in _contigs(artefact).items()
        if "variant_classes" in one
    }


def _spectra(artefact: Artefact) -> dict[str, Spectrum]:
    """Per contig with alleles: bin edges and counts."""
    found = {
        contig: (one["frequency_spectrum"]["edges"], one["frequency_spectrum"]["counts"])
        for contig, one in _contigs(artefact).items()
        if "frequency_spectrum" in one
    }
    return {contig: spectrum for contig, spectrum in found.items() if sum(spectrum[1])}
