"""Writing the world in the formats of the field, with the same bytes for the same world."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pysam

from pybmfm.simulate.disease import Change
from pybmfm.simulate.slots import Feature
from pybmfm.simulate.task_tables import Row, Task
from pybmfm.simulate.variation import Variant
from pybmfm.simulate.world import Slot, World

LINE = 60
# EPDnew's features reach from -49 to +10 of the TSS, which has no 0; the thick part begins at it.
EPD_UPSTREAM, EPD_DOWNSTREAM = 49, 10
PEAK_MARGIN = 60  # nt that a called peak is wider than what was planted, on each side

POPULATION_INFO = (
    '##INFO=<ID=RS,Number=1,Type=Integer,Description="rs number, simulated">',
    '##INFO=<ID=VC,Number=1,Type=String,Description="Variation class">',
    '##INFO=<ID=FREQ,Number=.,Type=String,Description="Study:ref,alt1,...|Study:... , '
    '. = not reported">',
    '##INFO=<ID=COMMON,Number=0,Type=Flag,Description="A study sees an alternate at 1-99 %">',
)
SCORE_INFO = (
    '##INFO=<ID=CLASS,Number=1,Type=String,Description="motif: breaks a planted motif; neutral">',
    '##INFO=<ID=MOTIF,Number=1,Type=String,Description="The motif it breaks">',
)


def write_fasta(world: World, path: Path) -> None:
    """Write a bgzipped FASTA with its .fai and .gzi, repeats in lower case."""
    with pysam.BGZFile(str(path), "w", None) as handle:
        for contig in world.contigs.values():
            text = contig.text()
            lines = [text[i : i + LINE] for i in range(0, len(text), LINE)]
            handle.write(b">" + contig.name.encode() + b"\n" + b"\n".join(lines) + b"\n")
    pysam.faidx(str(path))


def write_vcf(path: Path, header: Iterable[str], records: Iterable[Sequence[str]]) -> None:
    """Write a bgzipped VCF with its .tbi from columns that are sorted already."""
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    lines = ["##fileformat=VCFv4.2", "##source=pybmfm simulate", *header, columns]
    lines += ["\t".join(record) for record in records]
    with pysam.BGZFile(str(path), "w", None) as handle:
        handle.write(("\n".join(lines) + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


def contig_lines(world: World, prefix: str = "chr") -> list[str]:
    """Return ``##contig`` header lines; ``prefix`` replaces the names' ``chr``."""
    return [
        f"##contig=<ID={renamed(contig.name, prefix)},length={len(contig.sequence)}>"
        for contig in world.contigs.values()
    ]


def renamed(contig: str, prefix: str) -> str:
    """Return the name with another prefix than ``chr``, as ClinVar has it (``1``, ``X``)."""
    return prefix + contig.removeprefix("chr") if contig.startswith("chr") else contig


def population_records(variants: Iterable[Variant]) -> Iterator[tuple[str, ...]]:
    """Yield dbSNP-like columns."""
    for v in variants:
        info = [f"RS={v.rs}", f"VC={v.kind}"]
        if v.studies:
            info.append("FREQ=" + frequency_text(v.studies))
        if v.is_common:
            info.append("COMMON")
        alts = ",".join(v.alts)
        yield v.contig, str(v.position + 1), f"rs{v.rs}", v.ref, alts, ".", ".", ";".join(info)


def frequency_text(studies: dict[str, tuple[float | None, ...]]) -> str:
    """Return ``Study:ref,alt|...``; what is reported of one study adds up to 1."""
    parts = []
    for study, values in studies.items():
        reference = 1 - sum(value for value in values if value is not None)
        numbers = [_number(reference), *("." if v is None else _number(v) for v in values)]
        parts.append(f"{study}:{','.join(numbers)}")
    return "|".join(parts)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def score_records(world: World, changes: Iterable[Change]) -> Iterator[tuple[str, ...]]:
    """Yield the variants to score, sorted, each with its class."""
    order = {name: index for index, name in enumerate(world.contigs)}
    ranked = sorted(changes, key=lambda c: (order[c.contig], c.position, c.ref, c.alts))
    for number, change in enumerate(ranked, start=1):
        info = "CLASS=neutral" if change.hits == "neutral" else f"CLASS=motif;MOTIF={change.hits}"
        position, alts = str(change.position + 1), ",".join(change.alts)
        yield change.contig, position, f"score{number:03d}", change.ref, alts, ".", ".", info


def write_genes(world: World, folder: Path) -> None:
    """Write ``genes.tsv`` (gene models) and ``genes.bed`` (one base per TSS)."""
    header = ["contig", "start", "end", "strand", "gene", "tss", "promoter", "exons", "split"]
    rows = []
    for slot in world.slots:
        exons = ";".join(f"{start}-{end}" for start, end in slot.exons)
        promoter = "tata" if slot.is_tata else "non-tata"
        start, end = slot.exons[0][0], slot.exons[-1][1]
        rows.append(
            [slot.contig, start, end, slot.strand, slot.name, slot.tss, promoter, exons, slot.split]
        )
    write_rows(folder / "genes.tsv", header, rows, "\t")
    tss = ((s, Feature(s.tss, s.tss + 1, s.strand, s.name)) for s in world.slots)
    write_bed(folder / "genes.bed", tss)


def write_tss(world: World, path: Path) -> None:
    """Write the TSS as EPDnew does: BED of eight columns."""
    rows = []
    for slot in world.slots:
        before, after = EPD_UPSTREAM, EPD_DOWNSTREAM
        start, end = slot.tss - before, slot.tss + after + 1
        thick = (slot.tss, end)
        if slot.strand == "-":
            start, end = slot.tss - after, slot.tss + before + 1
            thick = (start, slot.tss + 1)
        rows.append([slot.contig, start, end, f"{slot.name}_1", 900, slot.strand, *thick])
    write_rows(path, None, rows, "\t")


def write_gtf(world: World, path: Path) -> None:
    """Write genes, transcripts and exons as GTF, 1-based, end included."""
    lines = []
    for slot in world.slots:
        gene = f'gene_id "{slot.name}";'
        names = f'{gene} transcript_id "{slot.name}.1";'
        whole = (slot.exons[0][0], slot.exons[-1][1])
        features = [("gene", whole, gene), ("transcript", whole, names)]
        features += [("exon", exon, names) for exon in slot.exons]
        lines += [
            f"{slot.contig}\tpybmfm\t{kind}\t{start + 1}\t{end}\t.\t{slot.strand}\t.\t{text}"
            for kind, (start, end), text in features
        ]
    path.write_text("\n".join(lines) + "\n")


def write_narrow_peaks(world: World, path: Path) -> None:
    """Write the CTCF peaks as a caller does: wider than planted, the summit in column ten."""
    rows = []
    for slot in world.slots:
        start, end = slot.regions["peak"]
        start, end, middle = start - PEAK_MARGIN, end + PEAK_MARGIN, (start + end) // 2
        score = [f"CTCF_{slot.name}", 1000, ".", 10, -1, -1, middle - start]
        rows.append([slot.contig, start, end, *score])
    write_rows(path, None, rows, "\t")


def write_annotations(world: World, folder: Path) -> None:
    """Write what was planted as BED, and the annotation that tasks can be built from.

    ``motifs.bed``, ``repeats.bed``, ``peaks.bed``; ``tss.bed``, ``genes.gtf``,
    ``peaks.narrowPeak``.
    """
    write_bed(folder / "motifs.bed", world.motifs())
    write_bed(folder / "repeats.bed", ((s, f) for s in world.slots for f in s.repeats))
    peaks = ((s, Feature(*s.regions["peak"], ".", f"CTCF_{s.name}")) for s in world.slots)
    write_bed(folder / "peaks.bed", peaks)
    write_tss(world, folder / "tss.bed")
    write_gtf(world, folder / "genes.gtf")
    write_narrow_peaks(world, folder / "peaks.narrowPeak")


def write_bed(path: Path, features: Iterable[tuple[Slot, Feature]]) -> None:
    """Write six-column BED, sorted by place within each contig."""
    rows = [[s.contig, f.start, f.end, f.name, 0, f.strand] for s, f in features]
    write_rows(path, None, rows, "\t")


def write_tasks(tasks: list[Task], folder: Path) -> None:
    """Write ``tasks.csv``, ``tasks_all.csv`` (with the uninformative one) and the tables."""
    sheet: list[list[object]] = []
    for task in tasks:
        (folder / task.name).mkdir(parents=True)
        for split, rows in task.rows.items():
            _write_task_table(folder / task.name / f"{split}.csv", task, split, rows)
        paths = [f"{task.name}/{split}.csv" for split in ("train", "dev", "test")]
        sheet.append([task.name, task.kind, *paths, task.metric])
    header = ["task", "kind", "train", "dev", "test", "metric"]
    listed = [row for row, task in zip(sheet, tasks, strict=True) if task.listed]
    write_rows(folder / "tasks.csv", header, listed)
    write_rows(folder / "tasks_all.csv", header, sheet)


def _write_task_table(path: Path, task: Task, split: str, rows: list[Row]) -> None:
    target = task.target_column
    header = ["id", "sequence", target, "group", "contig", "start", "end", "strand"]
    table = []
    for number, row in enumerate(rows, start=1):
        place = [row.contig, row.start, row.end, row.strand] if row.contig else ["", "", "", ""]
        identifier = f"{task.name}_{split}_{number:04d}"
        table.append([identifier, row.sequence, row.target, row.group, *place])
    write_rows(path, header, table)


def write_rows(
    path: Path,
    header: Sequence[str] | None,
    rows: Iterable[Sequence[object]],
    separator: str = ",",
) -> None:
    """Write a plain table."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter=separator, lineterminator="\n")
        if header is not None:
            writer.writerow(header)
        writer.writerows(rows)
