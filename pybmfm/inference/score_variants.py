"""Scores of the variants of a VCF under a masked language model, written into its INFO column."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm import __version__
from pybmfm.core import UserError, digest_file, nothing_used, output_file, progress
from pybmfm.genome import Genome
from pybmfm.inference.alleles import Site, Stretch, pair_windows, plain_windows, site_of_allele
from pybmfm.inference.devices import choose_batch_tokens, use_threads
from pybmfm.inference.pseudo_likelihood import PseudoLikelihoods, batches, compared_places
from pybmfm.inference.scored_vcf import KEYS, annotated_header, write_vcf
from pybmfm.inference.vcf_reference import ReferenceCheck
from pybmfm.inference.vcf_text import VcfRecord, VcfText, open_vcf
from pybmfm.training.processes import choose_device

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from pybmfm.tokenizer import DnaTokenizer

log = logging.getLogger("pybmfm")

RECORDS_AT_ONCE = 64


@dataclass(frozen=True)
class ScoreSettings:
    """Settings of ``score-variants``.

    Attributes
    ----------
    checkpoint
        Folder of a masked language model.
    fasta, vcf, out
        Reference, variants (plain, gzip or bgzip, sorted), and ``FILE.vcf.gz``.
    window
        Nucleotides of reference around a variant.
    flank
        Tokens within so many nucleotides of the allele are masked in turn; None: all tokens.
    batch_tokens
        Tokens per flat batch; None: chosen by device.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    threads
        CPU threads.
    """

    checkpoint: Path
    fasta: Path
    vcf: Path
    out: Path
    window: int = 512
    flank: int | None = 16
    batch_tokens: int | None = None
    device: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class ScoreSummary:
    """Counts of one run: records read, alleles scored, alleles and records not scored by reason."""

    records: int
    alleles_scored: int
    not_scored: dict[str, int]


@dataclass
class _Comparison:
    """Two texts of :class:`PseudoLikelihoods` and the tokens of each that are summed."""

    before: int
    before_places: range
    after: int
    after_places: range

    def difference(self, likelihoods: PseudoLikelihoods) -> float:
        return likelihoods.total(self.after, self.after_places) - likelihoods.total(
            self.before, self.before_places
        )


@dataclass
class _Allele:
    """One ALT of one record: what is compared, one entry per strand, or why it has no score."""

    note: str = ""
    plain: list[_Comparison] = field(default_factory=list)
    pair: list[_Comparison] = field(default_factory=list)


def score_variants(settings: ScoreSettings) -> ScoreSummary:
    r"""Write the VCF again with the model's scores of every ALT allele in INFO.

    Records, their order and every other column are kept byte for byte. All scores are natural
    logs or plain numbers, means over both strands, and use windows of plain reference bases.

    ``BMFM_LLR`` is the pseudo-log-likelihood of the ALT window minus that of the REF window:
    ``--window`` nucleotides of reference centred on the REF allele and clipped at the contig's
    ends, then the same with the ALT allele in its place. The pseudo-log-likelihood is
    :math:`\sum_i \log p(t_i \mid t_{j \ne i})`, each token masked in turn (Salazar et al. 2020,
    eq. 2). With a finite ``flank`` the sum runs over the tokens of the stretch ``allele +- flank``,
    widened on each side to the nearest place where both windows have a token border; tokens
    further out are context only.

    ``BMFM_PAIR`` compares, in the same way but with flank 0, the REF window with the window
    whose changed bases are written as the pair symbols REF/ALT, as the encoding would: log
    p(symbol) - log p(base) at the site. ``.`` for models of encoding ``ref``.

    ``BMFM_SHIFT`` is 1 - cosine of the mean embeddings (all tokens but [CLS] and [SEP]) of the
    two plain windows.

    ``BMFM_NOTE`` gives the reason where a record or an allele (``2:reason`` is the second ALT)
    has no score, or no BMFM_PAIR (``no_pair_symbol``). A REF that disagrees with the FASTA is a
    note as long as such records are few, see below.

    Returns
    -------
    ScoreSummary
        Counts, which are also logged.

    Raises
    ------
    UserError
        If an input is missing, malformed, unsorted or cut off, FASTA and VCF share no contig, or
        REF disagrees with the FASTA at more than half of the records once 20 could be compared,
        or at the end at more than 1 % of at least 200, or no allele can be scored.
    """
    from pybmfm.model import load_checkpoint

    if not settings.out.name.endswith(".vcf.gz"):
        raise UserError("must end in .vcf.gz", file=settings.out, remedy="choose another --out")
    use_threads(settings.threads)
    device = choose_device(settings.device)
    with open_vcf(settings.vcf) as vcf, Genome(settings.fasta) as genome:
        model, tokenizer = load_checkpoint(settings.checkpoint, device=device)
        scorer = _Scorer(settings, genome, vcf, model, tokenizer, device)
        header = annotated_header(vcf.header, _description(settings, tokenizer))
        with (
            output_file(settings.out) as staging,
            output_file(settings.out.with_name(settings.out.name + ".tbi")) as index,
        ):
            write_vcf(staging, index, header, scorer.lines())
        return scorer.summary()


class _Scorer:
    """Goes through the records once, some at a time."""

    def __init__(
        self,
        settings: ScoreSettings,
        genome: Genome,
        vcf: VcfText,
        model: PreTrainedModel,
        tokenizer: DnaTokenizer,
        device: torch.device,
    ) -> None:
        self.settings, self.genome, self.vcf = settings, genome, vcf
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self.batch_tokens = choose_batch_tokens(settings.batch_tokens, device)
        self.pairs = tokenizer.encoding != "ref"
        self.limit = int(model.config.max_position_embeddings)
        self.reference = ReferenceCheck(genome, settings.fasta, vcf)
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def lines(self) -> Iterator[bytes]:
        """Yield the annotated lines in the order of the records."""
        records = progress(self.vcf.records(), "scoring variants", unit="records")
        while chunk := list(islice(records, RECORDS_AT_ONCE)):
            yield from self._score(chunk)
            self.reference.stop_early()
        self.reference.stop_at_end()
        if not self.counts["scored"]:
            raise nothing_used("alleles", self.reasons, file=self.settings.vcf)

    def summary(self) -> ScoreSummary:
        """Log and return the counts."""
        if self.reference.first_mismatch:
            log.warning(
                "REF disagrees with the FASTA at %s of %s comparable records, first %s; such "
                "records get a note only",
                f"{self.reference.mismatches:,}",
                f"{self.reference.comparable:,}",
                self.reference.first_mismatch,
            )
        summary = ScoreSummary(
            self.counts["records"], self.counts["scored"], dict(sorted(self.reasons.items()))
        )
        reasons = ", ".join(f"{name} {count:,}" for name, count in summary.not_scored.items())
        log.info(
            "%s records, %s alleles scored; without a score: %s",
            f"{summary.records:,}",
            f"{summary.alleles_scored:,}",
            reasons or "none",
        )
        return summary

    def _score(self, records: list[VcfRecord]) -> Iterator[bytes]:
        likelihoods = PseudoLikelihoods(self.tokenizer)
        planned = [self._plan(record, likelihoods) for record in records]
        likelihoods.compute(self.model, batch_tokens=self.batch_tokens, device=self.device)
        alleles = [allele for part in planned if not isinstance(part, str) for allele in part]
        embeddings = self._embeddings(likelihoods, alleles)
        for record, part in zip(records, planned, strict=True):
            self.counts["records"] += 1
            yield record.with_info(self._info(part, likelihoods, embeddings))

    def _plan(self, record: VcfRecord, likelihoods: PseudoLikelihoods) -> str | list[_Allele]:
        """Register the texts of a record's alleles, or say why the record has no score."""
        reason = self.reference.why_unusable(record)
        contig = self.reference.contig(record)
        if reason or contig is None:
            return reason
        if not record.alts:
            return "no_alternate_allele"
        if len(record.ref) > self.settings.window:
            return "allele_longer_than_window"
        site = site_of_allele(self.genome, contig, record.start, record.ref, self.settings.window)
        return [self._plan_allele(site, record.ref, alt, likelihoods) for alt in record.alts]

    def _plan_allele(
        self, site: Site, ref: str, alt: str, likelihoods: PseudoLikelihoods
    ) -> _Allele:
        note = why_not_plain(ref, alt, self.settings.window)
        if note:
            return _Allele(note=note)
        plain = [plain_windows(site, alt, strand) for strand in "+-"]
        texts = [likelihoods.add(stretch.text) for pair in plain for stretch in pair]
        if max(len(likelihoods.tokens[text]) for text in texts) > self.limit:
            return _Allele(note="window_longer_than_model")
        flank = self.settings.window if self.settings.flank is None else self.settings.flank
        allele = _Allele(plain=[_compare(likelihoods, pair, flank) for pair in plain])
        if self.pairs:
            paired = [pair_windows(site, ref, alt, strand) for strand in "+-"]
            whole = [pair for pair in paired if pair is not None]
            if len(whole) == len(paired) and self._fits(likelihoods, whole):
                allele.pair = [_compare(likelihoods, pair, 0) for pair in whole]
            else:
                allele.note = "no_pair_symbol"
        return allele

    def _fits(
        self, likelihoods: PseudoLikelihoods, pairs: Iterable[tuple[Stretch, Stretch]]
    ) -> bool:
        texts = [likelihoods.add(stretch.text) for pair in pairs for stretch in pair]
        return max(len(likelihoods.tokens[text]) for text in texts) <= self.limit

    def _embeddings(
        self, likelihoods: PseudoLikelihoods, alleles: Iterable[_Allele]
    ) -> dict[int, NDArray[np.float64]]:
        """Mean embedding of every plain window that is compared."""
        import torch

        from pybmfm.model import FlatBatch, pooled_embeddings

        texts = list(
            dict.fromkeys(
                text for allele in alleles for c in allele.plain for text in (c.before, c.after)
            )
        )
        lengths = [len(likelihoods.tokens[text]) for text in texts]
        found: dict[int, NDArray[np.float64]] = {}
        for part in batches(texts, lengths, self.batch_tokens):
            batch = FlatBatch.from_sequences([likelihoods.tokens[text] for text in part])
            with torch.inference_mode():
                specials = self.tokenizer.special_ids
                pooled = pooled_embeddings(self.model, batch.to(self.device), specials)
            found.update(zip(part, pooled.double().cpu().numpy(), strict=True))
        return found

    def _info(
        self,
        planned: str | list[_Allele],
        likelihoods: PseudoLikelihoods,
        embeddings: dict[int, NDArray[np.float64]],
    ) -> dict[str, str]:
        if isinstance(planned, str):
            self.reasons[planned] += 1
            return {**dict.fromkeys(KEYS, ""), "BMFM_NOTE": planned}
        llr, pair, shift, notes = [], [], [], []
        for number, allele in enumerate(planned, start=1):
            if allele.note:
                self.reasons[allele.note] += 1
                notes.append(allele.note if len(planned) == 1 else f"{number}:{allele.note}")
            self.counts["scored"] += bool(allele.plain)
            llr.append(_mean([c.difference(likelihoods) for c in allele.plain]))
            pair.append(_mean([c.difference(likelihoods) for c in allele.pair]))
            moved = [(embeddings[c.before], embeddings[c.after]) for c in allele.plain]
            shift.append(_mean([cosine_distance(*two) for two in moved]))
        values = (",".join(llr), ",".join(pair), ",".join(shift), ",".join(notes))
        return dict(zip(KEYS, values, strict=True))


def why_not_plain(ref: str, alt: str, window: int) -> str:
    """Return the reason why an ALT allele cannot be put into a window, or an empty string."""
    if alt == "*":
        return "overlapping_deletion_allele"
    if alt.startswith("<") or set(alt) & set("[]."):
        return "symbolic_allele"
    if set(alt) - set("ACGT"):
        return "alternate_letters_outside_acgt"
    if alt == ref:
        return "alternate_equals_reference"
    return "allele_longer_than_window" if len(alt) > window else ""


def cosine_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return 1 - cosine of the angle between two vectors, never below 0."""
    return max(0.0, 1.0 - float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))


def _compare(
    likelihoods: PseudoLikelihoods, pair: tuple[Stretch, Stretch], flank: int
) -> _Comparison:
    first, second = pair
    before, after = likelihoods.add(first.text), likelihoods.add(second.text)
    before_places, after_places = compared_places(
        likelihoods.borders[before],
        (first.start, first.end),
        likelihoods.borders[after],
        flank,
    )
    likelihoods.want(before, before_places)
    likelihoods.want(after, after_places)
    return _Comparison(before, before_places, after, after_places)


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.6g}" if values else "."


def _description(settings: ScoreSettings, tokenizer: DnaTokenizer) -> dict[str, Any]:
    weights = settings.checkpoint / "model.safetensors"
    return {
        "Version": __version__,
        "Model": f'"{settings.checkpoint.name}"',
        "Encoding": tokenizer.encoding,
        "Sha256": digest_file(weights) if weights.is_file() else "unknown",
        "Window": settings.window,
        "Flank": "all" if settings.flank is None else settings.flank,
    }
