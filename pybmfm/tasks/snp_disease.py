"""SNP to disease, multi-label: ClinVar and the GWAS Catalog as windows around their SNPs."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, output_directory, write_manifest, write_table
from pybmfm.genome import Genome, assembly_of
from pybmfm.tasks.associations import Associations
from pybmfm.tasks.clinvar import DEFAULT_SIGNIFICANCE, ClinvarFilter, read_clinvar
from pybmfm.tasks.disease_evidence import ConditionRule, Evidence, SourceCounts
from pybmfm.tasks.disease_terms import DiseaseTerms, read_disease_terms
from pybmfm.tasks.gwas_catalog import (
    OWN_ASSEMBLY,
    GwasPlaces,
    layout_of,
    place_rows,
    position_columns,
    read_gwas_table,
    significant_rows,
)
from pybmfm.tasks.kinds import DEFAULT_METRIC
from pybmfm.tasks.locus_blocks import (
    fitting_block_size,
    locus_blocks,
    neighbours_across,
    split_blocks,
    split_rows,
)
from pybmfm.tasks.rsids import find_rsids
from pybmfm.tasks.sheet import task_table, write_task_sheet
from pybmfm.tasks.snp_sites import NO_ALTERNATE
from pybmfm.tasks.snp_windows import snp_windows
from pybmfm.tasks.table import SPLITS

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
KIND = "multilabel"
_REFERENCES = {"GRCh37": r"GRCh37|hg19|b37|hs37", "GRCh38": r"GRCh38|hg38|hs38"}


@dataclass(frozen=True)
class SnpDiseaseSettings:
    """What to read, what counts, and where to write.

    Attributes
    ----------
    fasta
        Reference genome of the assembly of ``clinvar`` and ``rsid_vcf``.
    out
        Folder for the tables, ``tasks.csv`` and ``manifest.json``.
    clinvar, gwas
        ClinVar's VCF and the GWAS Catalog's associations; one may be left out.
    ontology
        Maps of disease terms, see :func:`read_disease_terms`.
    rsid_vcf
        VCF with rs numbers that the Catalog's SNPs are placed by, before its coordinates.
    task
        Name of the task.
    diseases
        How many of the most frequent diseases are classes.
    center
        ``ref`` or ``encoded``: what stands at the SNP.
    split
        ``blocks`` keeps neighbours on one side; ``random`` is the paper's way.
    block_size
        nt of the cells that neighbours are joined in; None goes by the genome's size, less
        where that makes few blocks.
    flank
        nt on each side of the SNP.
    edges
        ``pad`` fills what lies beyond a contig's end with N, ``drop`` leaves such SNPs out.
    significance, stars
        Of ClinVar entries, see :class:`ClinvarFilter`.
    max_p
        Largest p-value of an association.
    keep_unspecified, keep_unmapped
        See :class:`ConditionRule`.
    assembly
        Of the genome, where neither its lengths nor a VCF's header tell.
    alias
        Table of other names and FASTA names of contigs.
    seed
        Of the split.
    threads
        That decompress.
    """

    fasta: Path
    out: Path
    clinvar: Path | None = None
    gwas: Path | None = None
    ontology: tuple[Path, ...] = ()
    rsid_vcf: Path | None = None
    task: str = "snp_disease"
    diseases: int = 2000
    center: str = "ref"
    split: str = "blocks"
    block_size: int | None = None
    flank: int = 500
    edges: str = "pad"
    significance: tuple[str, ...] = DEFAULT_SIGNIFICANCE
    stars: int = 1
    max_p: float = 5e-8
    keep_unspecified: bool = False
    keep_unmapped: bool = False
    assembly: str | None = None
    alias: Path | None = None
    seed: int = 0
    threads: int = 1

    @property
    def window(self) -> int:
        """Length of a window, nt."""
        return 2 * self.flank + 1


@dataclass(frozen=True)
class _Rows:
    """The SNPs of the tables, sorted by place, with what was decided of each.

    Attributes
    ----------
    number
        Index into the associations' SNPs.
    splits
        Index into ``SPLITS``.
    blocks
        Block number.
    block_size
        nt.
    """

    number: NDArray[np.int64]
    splits: NDArray[np.int64]
    blocks: NDArray[np.int64]
    block_size: int


def build_snp_disease(settings: SnpDiseaseSettings) -> None:
    """Make a multi-label task of the SNPs that ClinVar or the GWAS Catalog tie to diseases.

    One row per SNP: the window around it, its diseases, its block. A SNP of both sources is one
    row. The classes are the diseases with most SNPs; a disease of dev or test that train lacks
    is left out. The manifest accounts for every row of both files.

    Raises
    ------
    UserError
        If an input is missing, malformed or of another assembly, no SNP is left, or there are
        too few blocks for three splits.
    """
    terms = read_disease_terms(settings.ontology)
    with Genome(settings.fasta) as genome:
        counts = {name: SourceCounts() for name in _sources(settings)}
        links = _read_links(settings, genome, terms, counts)
        links = _leave_out(links, settings, genome)
        rows = _split(links, settings, genome)
        known = _known_in_train(links, rows.number, rows.splits)
        links = links.keep(known, "disease_not_in_train")
        _write(settings, genome, links, rows, terms)


def _sources(settings: SnpDiseaseSettings) -> list[str]:
    given = [name for name in ("clinvar", "gwas") if getattr(settings, name) is not None]
    if not given:
        raise UserError(
            "neither ClinVar nor GWAS is given", remedy="give --clinvar, --gwas or both"
        )
    return given


def _read_links(
    settings: SnpDiseaseSettings,
    genome: Genome,
    terms: DiseaseTerms,
    counts: dict[str, SourceCounts],
) -> Associations:
    from pybmfm.variants.build import read_aliases

    rule = ConditionRule(terms, settings.keep_unspecified, settings.keep_unmapped)
    aliases = read_aliases(settings.alias, genome) if settings.alias else {}
    evidence: dict[str, list[Evidence]] = {}
    if settings.clinvar is not None:
        entries = read_clinvar(
            settings.clinvar,
            genome,
            chosen=ClinvarFilter(settings.significance, settings.stars),
            rule=rule,
            counts=counts["clinvar"],
            aliases=aliases,
            threads=settings.threads,
        )
        evidence["clinvar"] = list(entries)
    if settings.gwas is not None:
        evidence["gwas"] = _read_gwas(
            settings, settings.gwas, genome, rule, counts["gwas"], aliases
        )
    by_allele = settings.center == "encoded"
    if by_allele:
        evidence = {name: _with_alternate(one, counts[name]) for name, one in evidence.items()}
    return Associations.of_evidence(evidence, counts, list(genome.lengths), by_allele)


def _read_gwas(
    settings: SnpDiseaseSettings,
    path: Path,
    genome: Genome,
    rule: ConditionRule,
    counts: SourceCounts,
    aliases: dict[str, str],
) -> list[Evidence]:
    frame = read_gwas_table(path)
    own = position_columns(list(frame.columns))
    assembly = settings.assembly or find_assembly(settings, genome)
    columns = own.get(assembly or OWN_ASSEMBLY)
    counts.notes["layout"] = layout_of(list(frame.columns))
    counts.notes["genome_assembly"] = assembly or "unknown"
    counts.notes["coordinates"] = _describe_coordinates(assembly, columns)
    rows = significant_rows(frame, settings.max_p, rule, counts)
    names = {name for row in rows for name in row.names}
    found = (
        find_rsids(settings.rsid_vcf, names, genome, aliases, settings.threads)
        if settings.rsid_vcf is not None
        else {}
    )
    placed = list(
        place_rows(rows, genome, GwasPlaces(found, columns), counts, path=path, aliases=aliases)
    )
    log.info(
        "%s: coordinates: %s; %s of %s significant associations placed",
        path.name,
        counts.notes["coordinates"],
        f"{len(placed):,}",
        f"{len(rows):,}",
    )
    return placed


def find_assembly(settings: SnpDiseaseSettings, genome: Genome) -> str | None:
    """Name the genome's assembly: by its lengths, else by the header of a VCF given with it."""
    from pybmfm.variants.vcf import VcfReader

    found = assembly_of(genome.lengths)
    for path in (settings.clinvar, settings.rsid_vcf):
        if found is None and path is not None:
            header = VcfReader(path).header
            named = [a for a, names in _REFERENCES.items() if re.search(names, header.reference)]
            found = named[0] if named else assembly_of(header.contigs)
    return found


def _describe_coordinates(assembly: str | None, columns: tuple[str, str] | None) -> str:
    if columns is None:
        return f"none of {assembly}, the table's are {OWN_ASSEMBLY}: rs numbers only"
    if assembly is None:
        return f"{columns[1]}, taken as this genome's, whose assembly is not known"
    return f"{columns[1]}, {assembly}"


def _with_alternate(evidence: list[Evidence], counts: SourceCounts) -> list[Evidence]:
    """Leave out what cannot be encoded, since no source tells the alternate."""
    kept = [one for one in evidence if one.alts]
    if len(kept) < len(evidence):
        counts.dropped[NO_ALTERNATE] += len(evidence) - len(kept)
    return kept


def _leave_out(links: Associations, settings: SnpDiseaseSettings, genome: Genome) -> Associations:
    if settings.edges == "drop":
        at_edge = np.array([_at_edge(one, settings, genome) for one in links.snps], dtype=bool)
        links = links.keep(~at_edge[links.snp], "contig_edge")
    links = links.keep(links.most_frequent(settings.diseases), "not_among_frequent")
    if not len(links.snp):
        dropped = sum((links.counts[name].dropped for name in links.sources), Counter())
        why = ", ".join(f"{reason} {number:,}" for reason, number in dropped.most_common(4))
        raise UserError(
            f"no SNP with a disease is left ({why or 'no rows'})",
            file=settings.clinvar or settings.gwas,
            remedy="check the FASTA, --ontology, --significance and --rsid-vcf",
        )
    return links


def _at_edge(snp: Evidence, settings: SnpDiseaseSettings, genome: Genome) -> bool:
    last = genome.lengths[snp.contig] - 1 - settings.flank
    return not settings.flank <= snp.position <= last


def _split(links: Associations, settings: SnpDiseaseSettings, genome: Genome) -> _Rows:
    from pybmfm.corpus.splits import default_block_size

    number = np.unique(links.snp)
    contigs, positions = _places(links, number, genome)
    size = settings.block_size or fitting_block_size(
        contigs, positions, default_block_size(genome.lengths), settings.window
    )
    blocks = locus_blocks(contigs, positions, size, settings.window)
    if settings.split == "blocks":

        def usable(splits: NDArray[np.int64]) -> NDArray[np.bool_]:
            known = _known_in_train(links, number, splits)
            return np.isin(number, links.snp[known])

        return _Rows(number, split_blocks(blocks, settings.seed, usable), blocks, size)
    return _Rows(number, split_rows(len(number), settings.seed), blocks, size)


def _places(
    links: Associations, number: NDArray[np.int64], genome: Genome
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rank = {name: place for place, name in enumerate(genome.lengths)}
    places = [(rank[links.snps[n].contig], links.snps[n].position) for n in number]
    columns = np.array(places, dtype=np.int64).T
    return columns[0], columns[1]


def _known_in_train(
    links: Associations, number: NDArray[np.int64], splits: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark the associations whose disease some training row has: no other can be learnt."""
    in_train = np.isin(links.snp, number[splits == 0])
    return np.isin(links.term, links.term[in_train])


def _write(
    settings: SnpDiseaseSettings,
    genome: Genome,
    links: Associations,
    rows: _Rows,
    terms: DiseaseTerms,
) -> None:
    left = np.isin(rows.number, links.snp)
    rows = replace(
        rows, number=rows.number[left], splits=rows.splits[left], blocks=rows.blocks[left]
    )
    table = _table(settings, genome, links, rows)
    with output_directory(settings.out) as folder:
        for number, split in enumerate(SPLITS):
            part = table[rows.splits == number]
            if not len(part):
                raise UserError(
                    f"leaves no {split} rows whose diseases train has too",
                    file=settings.clinvar or settings.gwas,
                    remedy="choose fewer --diseases, a smaller --block-size or --split random",
                )
            write_table(part, task_table(folder, settings.task, split))
        write_table(_disease_table(links, rows, terms), folder / settings.task / "diseases.tsv")
        metric = DEFAULT_METRIC[KIND]
        write_task_sheet(folder, [(settings.task, KIND, metric)])
        sources = {n: links.counts[n].to_json(links.rows_used(n)) for n in links.sources}
        write_manifest(
            folder,
            artefact="tasks",
            settings=_settings_for_manifest(settings),
            inputs=_inputs(settings),
            counts=_total(sources),
            sources=sources,
            ontology=terms.counts,
            tasks={settings.task: _describe(settings, genome, links, rows)},
        )
    _log_summary(settings, sources, rows, links)


def _table(
    settings: SnpDiseaseSettings, genome: Genome, links: Associations, rows: _Rows
) -> pd.DataFrame:
    import pandas as pd

    encoded = settings.center == "encoded"
    snps = [links.snps[n] for n in rows.number]
    start = [max(0, one.position - settings.flank) for one in snps]
    end = [min(genome.lengths[s.contig], s.position + settings.flank + 1) for s in snps]
    return pd.DataFrame(
        {
            "id": [_row_id(one, encoded) for one in snps],
            "sequence": list(snp_windows(genome, snps, settings.flank, encoded)),
            "labels": _joined(links.snp, links.term, links.terms, rows.number),
            "group": _block_names(snps, rows.blocks),
            "contig": [one.contig for one in snps],
            "start": start,
            "end": end,
            "pos1": [one.position + 1 for one in snps],
            "ref": [one.ref for one in snps],
            "alt": ["/".join(one.alts) for one in snps],
            "source": _joined(links.snp, links.source, links.sources, rows.number),
        }
    )


def _row_id(snp: Evidence, encoded: bool) -> str:
    place = f"{snp.contig}:{snp.position + 1}"
    return f"{place}:{snp.ref}>{snp.alts[0]}" if encoded else place


def _joined(
    snp: NDArray[np.int64],
    value: NDArray[np.int64],
    names: Sequence[str],
    number: NDArray[np.int64],
) -> list[str]:
    """Of each SNP of ``number`` its distinct values' names, as ``a|b``."""
    pairs = np.unique(np.stack([snp, value], axis=1), axis=0)
    edges = np.searchsorted(pairs[:, 0], [number, number + 1])
    return ["|".join(names[place] for place in pairs[first:last, 1]) for first, last in edges.T]


def _block_names(snps: Sequence[Evidence], blocks: NDArray[np.int64]) -> list[str]:
    """Name a block for its first and last SNP, 1-based."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for snp, block in zip(snps, blocks.tolist(), strict=True):
        first.setdefault(block, snp.position)
        last[block] = snp.position
    return [
        f"{snp.contig}:{first[block] + 1}-{last[block] + 1}"
        for snp, block in zip(snps, blocks.tolist(), strict=True)
    ]


def _disease_table(links: Associations, rows: _Rows, terms: DiseaseTerms) -> pd.DataFrame:
    """Of each class its name, rows per split and rows per source, most frequent first."""
    import pandas as pd

    split = np.full(len(links.snps), -1, dtype=np.int64)
    split[rows.number] = rows.splits
    columns: dict[str, Any] = {"term": links.terms, "name": map(terms.label, links.terms)}
    for number, name in enumerate(SPLITS):
        columns[name] = links.snps_of_terms(split[links.snp] == number)
    for number, name in enumerate(links.sources):
        columns[name] = links.snps_of_terms(links.source == number)
    table = pd.DataFrame(columns)
    total = table[list(SPLITS)].sum(axis=1)
    order = np.argsort(-total.to_numpy(), kind="stable")
    return table.iloc[order[: int((total > 0).sum())]]


def _describe(
    settings: SnpDiseaseSettings, genome: Genome, links: Associations, rows: _Rows
) -> dict[str, Any]:
    contigs, positions = _places(links, rows.number, genome)
    in_both = np.unique(np.stack([links.snp, links.source]), axis=1)
    return {
        "kind": KIND,
        "metric": DEFAULT_METRIC[KIND],
        "alphabet": "encoded" if settings.center == "encoded" else "plain",
        "classes": len(np.unique(links.term)),
        "rows": {name: int((rows.splits == n).sum()) for n, name in enumerate(SPLITS)},
        "labels": int(links.snps_of_terms().sum()),
        "snps_of_several_sources": int((np.bincount(in_both[0]) > 1).sum()),
        "snps_at_contig_edges": sum(_at_edge(links.snps[n], settings, genome) for n in rows.number),
        "blocks": len(np.unique(rows.blocks)),
        "block_size": rows.block_size,
        "windows_overlapping_train": neighbours_across(
            contigs, positions, rows.splits, settings.window
        ),
    }


def _total(sources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    dropped: Counter[str] = Counter()
    for one in sources.values():
        dropped.update(one["dropped"])
    totals = {key: sum(one[key] for one in sources.values()) for key in ("read", "used")}
    return {**totals, "dropped": dict(dropped)}


def _settings_for_manifest(settings: SnpDiseaseSettings) -> dict[str, Any]:
    paths = ("fasta", "out", "clinvar", "gwas", "ontology", "rsid_vcf", "alias", "threads")
    kept = {key: value for key, value in asdict(settings).items() if key not in paths}
    return {"source": "snp-disease", **kept, "significance": list(settings.significance)}


def _inputs(settings: SnpDiseaseSettings) -> Iterator[Path]:
    for path in (settings.fasta, settings.clinvar, settings.gwas, settings.rsid_vcf):
        if path is not None:
            yield path
    yield from settings.ontology


def _log_summary(
    settings: SnpDiseaseSettings, sources: dict[str, Any], rows: _Rows, links: Associations
) -> None:
    total = _total(sources)
    log.info(
        "%s: %s rows read, %s used; %s SNPs, %s diseases; dropped: %s",
        settings.task,
        f"{total['read']:,}",
        f"{total['used']:,}",
        f"{len(rows.number):,}",
        f"{len(np.unique(links.term)):,}",
        ", ".join(f"{why} {n:,}" for why, n in Counter(total["dropped"]).most_common()) or "none",
    )
