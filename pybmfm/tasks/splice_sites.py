"""Splice site task from transcripts: 400 nt around a donor, an acceptor, or neither.

Half of the third class are adversarial: GT and AG inside genes that a weight matrix, fitted to
the training sites, takes for a site. The published set added false positives of a model too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.corpus import SPLITS
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.genome import BASES, N_CODE, Genome, complement_bases, encode_bases, match_contigs
from pybmfm.tasks.annotated_windows import (
    AnnotationSettings,
    ContigSplits,
    Cutter,
    Window,
    genome_splits,
    with_text,
    write_annotation_task,
)
from pybmfm.tasks.annotation_files import Point, Transcript, read_transcripts

DONOR, ACCEPTOR, NEITHER = "donor", "acceptor", "neither"
CLASSES = (DONOR, ACCEPTOR, NEITHER)
LENGTH = 400
ADVERSARIAL, RANDOM = "adversarial", "in_gene"
# A site's base is the first of the intron (G of GT) or its last (G of AG); the weight matrix
# covers so many nt before and after it.
FLANKS = {DONOR: (3, 5), ACCEPTOR: (20, 3)}
MOTIFS = {DONOR: (0, "GT"), ACCEPTOR: (-1, "AG")}
NEAR = 20  # nt from an annotated site that no row of the third class is centred in
LIKE_A_SITE = 0.1  # quantile of the training sites' scores that an adversarial one reaches
BASE_COUNT = 4


@dataclass(frozen=True)
class SpliceSettings:
    """What to cut and against what.

    Attributes
    ----------
    common
        Genome, output, splits, seed; ``max_positives`` holds for each of the two kinds of site.
    gtf
        GTF or GFF3 with exons.
    length
        nt of a window, even; the site's base is at ``length / 2``.
    adversarial
        Share of the third class that is adversarial, 0 to 1.
    """

    common: AnnotationSettings
    gtf: Path
    length: int = LENGTH
    adversarial: float = 0.5


class _Site(NamedTuple):
    """A candidate for the third class."""

    contig: str
    position: int
    minus: bool


def build_splice_sites(settings: SpliceSettings) -> None:
    """Write a task of three classes: donor, acceptor, neither.

    Raises
    ------
    UserError
        If there is no intron, the annotation does not fit the genome, or a split lacks a class.
    """
    if settings.length < 2 * max(max(flank) for flank in FLANKS.values()) or settings.length % 2:
        raise UserError(f"--length {settings.length} is too short or odd", remedy="give 400")
    if not 0 <= settings.adversarial <= 1:
        raise UserError(f"--adversarial {settings.adversarial} is no share", remedy="give 0 to 1")
    transcripts, exons = read_transcripts(settings.gtf)
    sites = splice_sites(transcripts)
    if not sites[DONOR]:
        raise UserError("has no intron", file=settings.gtf, remedy="give transcripts of two exons")
    half = settings.length // 2
    with Genome(settings.common.fasta) as genome:
        splits, size = genome_splits(genome, settings.common.block_size, settings.common.seed)
        cutter = Cutter(genome, settings.common, splits)
        positives = [
            window
            for kind, points in sites.items()
            for window in cutter.draw(cutter.cut(points, half, half - 1, kind, settings.gtf))
        ]
        genes = _gene_strands(genome, transcripts, sites)
        negatives = _neither(settings, genome, splits, genes, positives)
        wanted = _wanted(positives)
        write_annotation_task(
            settings.common,
            genome,
            cutter,
            [*positives, *negatives],
            classes=CLASSES,
            inputs=[settings.gtf],
            described={
                "length": settings.length,
                "adversarial": settings.adversarial,
                "exon_lines": exons["read"],
                "exons_dropped": exons["dropped"],
                "transcripts": len(transcripts),
                "block_size": size,
            },
            missing={NEITHER: sum(wanted) - len(negatives)},
        )


def splice_sites(transcripts: Sequence[Transcript]) -> dict[str, list[Point]]:
    """Return the donors and acceptors of all introns; a site of several transcripts repeats."""
    sites: dict[str, list[Point]] = {DONOR: [], ACCEPTOR: []}
    for one in transcripts:
        for (_, left), (right, _) in zip(one.exons, one.exons[1:], strict=False):
            ends = (left, right - 1) if one.strand == "+" else (right - 1, left)
            for kind, position in zip((DONOR, ACCEPTOR), ends, strict=True):
                sites[kind].append(Point(one.contig, position, one.strand, one.name))
    return sites


@dataclass(frozen=True)
class WeightMatrix:
    """Log-odds of each base at each place of a site, against equal shares.

    Attributes
    ----------
    kind
        ``donor`` or ``acceptor``.
    weights
        float64[places, 5]; the last column is N, which never fits.
    """

    kind: str
    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, kind: str, sequences: Sequence[str], centre: int) -> WeightMatrix:
        """Fit to windows whose base ``centre`` is the site's, with a pseudo-count of 1."""
        before, after = FLANKS[kind]
        rows = [encode_bases(s[centre - before : centre + after + 1])[0] for s in sequences]
        counts = np.ones((before + after + 1, BASE_COUNT))
        for row in rows:
            known = np.flatnonzero(row < BASE_COUNT)
            counts[known, row[known]] += 1
        weights = np.full((len(counts), len(BASES)), -np.inf)
        weights[:, :BASE_COUNT] = np.log2(counts / counts.sum(axis=1, keepdims=True) * BASE_COUNT)
        return cls(kind, weights)

    def score(self, codes: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score places of a sequence, bits; they must have both flanks."""
        before, _ = FLANKS[self.kind]
        total = np.zeros(len(places))
        for offset, row in enumerate(self.weights):
            total += row[codes[places + offset - before]]
        return total


def _wanted(positives: Sequence[Window]) -> list[int]:
    """Rows of the third class in each split: as many as the other two have on average."""
    return [
        (sum(window.split == number for window in positives) + 1) // 2
        for number in range(len(SPLITS))
    ]


def _gene_strands(
    genome: Genome, transcripts: Sequence[Transcript], sites: dict[str, list[Point]]
) -> dict[tuple[str, bool], NDArray[np.bool_]]:
    """Mark, per contig and strand, where rows of the third class may be centred.

    Inside a transcript, away from every site of that strand. Only strands that have transcripts
    are in the result.
    """
    matched = match_contigs(
        genome.lengths, dict.fromkeys(one.contig for one in transcripts), one_to_one=False
    )
    masks: dict[tuple[str, bool], NDArray[np.bool_]] = {}
    for one in transcripts:
        if one.contig not in matched:
            continue
        key = (matched[one.contig], one.strand == "-")
        mask = masks.setdefault(key, np.zeros(genome.lengths[key[0]], dtype=bool))
        mask[one.exons[0][0] : one.exons[-1][1]] = True
    for points in sites.values():
        for point in points:
            if point.contig in matched:
                mask = masks[matched[point.contig], point.strand == "-"]
                mask[max(0, point.position - NEAR) : point.position + NEAR + 1] = False
    return masks


def _neither(
    settings: SpliceSettings,
    genome: Genome,
    splits: dict[str, ContigSplits],
    genes: dict[tuple[str, bool], NDArray[np.bool_]],
    positives: Sequence[Window],
) -> list[Window]:
    """Draw the third class of every split."""
    judges = _judges(settings, positives)
    lures: list[list[_Site]] = [[] for _ in SPLITS]
    plain: list[list[_Site]] = [[] for _ in SPLITS]
    for (contig, minus), mask in genes.items():
        for split, site in _places(settings, genome, splits[contig], (contig, minus), mask, judges):
            lures[split].append(site)
        for split, site in _places(settings, genome, splits[contig], (contig, minus), mask, {}):
            plain[split].append(site)
    half, windows = settings.length // 2, []
    for number, wanted in enumerate(_wanted(positives)):
        rng = settings.common.rng(NEITHER, SPLITS[number])
        chosen = _draw(lures[number], round(settings.adversarial * wanted), rng)
        taken = set(chosen)
        rest = [site for site in plain[number] if site not in taken]
        others = _draw(rest, wanted - len(chosen), rng)
        for origin, sites in ((ADVERSARIAL, chosen), (RANDOM, others)):
            for contig, position, minus in sites:
                start = position - half + minus
                windows.append(
                    Window(
                        contig, start, start + settings.length, "-" if minus else "+", number,
                        NEITHER, origin,
                    )
                )  # fmt: skip
    return with_text(genome, windows)


def _draw(sites: Sequence[_Site], number: int, rng: np.random.Generator) -> list[_Site]:
    order = rng.permutation(len(sites))[:number]
    return [sites[i] for i in np.sort(order).tolist()]


def _judges(
    settings: SpliceSettings, positives: Sequence[Window]
) -> dict[str, tuple[WeightMatrix, float]]:
    """Fit a weight matrix to the training sites of each kind, and its threshold."""
    judges, centre = {}, settings.length // 2
    for kind in FLANKS:
        texts = [w.sequence for w in positives if w.label == kind and w.split == 0]
        if not texts:
            continue
        matrix = WeightMatrix.fit(kind, texts, centre)
        scores = [
            float(matrix.score(encode_bases(text)[0], np.array([centre]))[0]) for text in texts
        ]
        judges[kind] = (matrix, float(np.quantile(scores, LIKE_A_SITE)))
    return judges


def _places(
    settings: SpliceSettings,
    genome: Genome,
    splits: ContigSplits,
    strand: tuple[str, bool],
    mask: NDArray[np.bool_],
    judges: dict[str, tuple[WeightMatrix, float]],
) -> Iterator[tuple[int, _Site]]:
    """Yield places of one strand with room for a window, its split first.

    With ``judges`` those that one of them takes for a site; without, a random sample of all.
    """
    contig, minus = strand
    codes = genome.codes(contig)
    if minus:
        codes, mask = complement_bases(codes[::-1]), mask[::-1]
    half = settings.length // 2
    places = np.flatnonzero(mask[half : len(mask) - half]) + half
    if judges:
        found = [_lures(codes, places, *judge) for judge in judges.values()]
        places = np.unique(np.concatenate(found))
    else:
        rng = settings.common.rng(RANDOM, contig, minus)
        # A hundredth of the places is plenty, and few enough to keep apart.
        places = np.sort(rng.permutation(places)[: max(1000, len(places) // 100)])
    unknown = IntervalSet.where(codes == N_CODE).count(places - half, places + half)
    places = places[unknown <= settings.common.max_n * settings.length]
    if not len(places):
        return
    position = len(codes) - 1 - places if minus else places
    start = position - half + minus
    for at, split in zip(
        position.tolist(), splits.of(start, start + settings.length).tolist(), strict=True
    ):
        if split >= 0:
            yield split, _Site(contig, at, minus)


def _lures(
    codes: NDArray[np.uint8],
    places: NDArray[np.int64],
    matrix: WeightMatrix,
    threshold: float,
) -> NDArray[np.int64]:
    """Keep the places with the kind's two letters that score like a site."""
    offset, letters = MOTIFS[matrix.kind]
    for step, base in enumerate(letters):
        places = places[codes[places + offset + step] == BASES.index(base)]
    return places[matrix.score(codes, places) >= threshold]
