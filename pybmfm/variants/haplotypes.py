"""The two haplotypes that an individual of a phased VCF really carries."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, derive_seed, nothing_used
from pybmfm.genome import Genome, chromosome_of, match_contigs
from pybmfm.variants.frequencies import PASSED, taken_filters
from pybmfm.variants.genotype_reading import GenotypeCounts, GenotypeReading, HaplotypePair
from pybmfm.variants.genotype_records import check_header, genotype_records, open_genotypes
from pybmfm.variants.judge import unlisted_filter
from pybmfm.variants.record_walk import shown
from pybmfm.variants.tabix_index import Place
from pybmfm.variants.vcf import VcfReader, no_shared_contig

HAPLOID = ("Y", "MT")
KEPT_PAIRS = 32


class PhasedPanel:
    """Individuals with phased genotypes, one of whom is drawn per seed and pass.

    A contig is read when it is first asked for, once for all passes that `expect` has named:
    through the index (.tbi, .csi) where one fits, by going through the whole file otherwise.
    Kept are the positions where an individual differs from the reference, 5 bytes each.

    - A heterozygote that is not phased gets an order drawn from (seed, pass, contig, position).
    - A missing allele, and one that is no sequence (``*``, ``<DEL>``, IUPAC), is the reference.
    - Where two records change one position of one haplotype, the first in the file holds.
    - One allele where two are expected, and a contig of one copy, gives the lone symbol.

    Not for several threads at once by itself; `pybmfm.variants.WindowEncoder` sees to that.

    Parameters
    ----------
    path
        VCF or BCF with GT; of these only a bgzip VCF is read through an index.
    haploid
        Chromosomes of which one copy is read, under any alias.
    filters
        Names in FILTER that a record may have, as of `frequency_plan`.

    Attributes
    ----------
    samples : list of str

    Raises
    ------
    UserError
        If the file is missing or broken, has no individuals or no GT.
    """

    def __init__(
        self, path: str | Path, *, haploid: tuple[str, ...] = HAPLOID, filters: str = PASSED
    ) -> None:
        self.path = Path(path)
        self._haploid = haploid
        self._filters = taken_filters(filters)
        self._reader = VcfReader(self.path)
        check_header(self._reader)
        with open_genotypes(self._reader) as vcf:
            self.samples: list[str] = list(vcf.header.samples)
            has_genotypes = "GT" in vcf.header.formats
        starts = self._reader.starts or {}
        self._starts = {shown(name): start for name, start in starts.items()}
        self._names = list(dict.fromkeys([*self._reader.header.contigs, *self._starts]))
        if not self.samples or not has_genotypes:
            missing = "genotypes (GT)" if self.samples else "individuals"
            raise UserError(
                f"has no {missing}", file=self.path, remedy="give a phased VCF with genotypes"
            )
        self._pairs: dict[tuple[str, int, int], HaplotypePair] = {}
        self._counts: dict[tuple[str, int, int], GenotypeCounts] = {}
        self._expected: dict[str, set[int]] = {}
        self._matched: dict[str, str | None] = {}
        self._shares_contig = False

    def individual(self, seed: int, pass_number: int) -> str:
        """Return the name of the individual that a pass encodes."""
        return self.samples[derive_seed(seed, "individual", pass_number) % len(self.samples)]

    def expect(self, passes: Mapping[str, Collection[int]]) -> None:
        """Say which passes of each contig will be asked for; changes no result."""
        for contig, numbers in passes.items():
            self._expected.setdefault(contig, set()).update(numbers)

    def pair(self, genome: Genome, contig: str, seed: int, pass_number: int) -> HaplotypePair:
        """Return the drawn individual's haplotypes of a contig of the genome.

        Raises
        ------
        UserError
            If the file is broken, shares no contig with the genome, or more than 1 % of the
            contig's comparable records have another REF than the genome.
        """
        if (contig, seed, pass_number) not in self._pairs:
            passes = {pass_number, *self._expected.get(contig, ())}
            self._read(genome, contig, seed, sorted(passes))
        return self._pairs[contig, seed, pass_number]

    def _read(self, genome: Genome, contig: str, seed: int, passes: list[int]) -> None:
        """Read the individuals of these passes in one go; the oldest pairs make room for them."""
        readings = {
            (contig, seed, number): GenotypeReading(
                contig,
                genome.codes(contig),
                self.individual(seed, number),
                phase_key=derive_seed(seed, "phase", number, contig),
                haploid=self._is_haploid(contig),
                fasta=genome.path,
                vcf=self.path,
            )
            for number in passes
        }
        samples = {reading.sample for reading in readings.values()}
        for record in self._records(genome, contig, samples):
            unlisted = unlisted_filter(";".join(record.filter.keys()), self._filters)
            for reading in readings.values():
                reading.add(record, unlisted)
        kept = [key for key in self._pairs if key not in readings]
        for key in kept[: max(0, len(kept) + len(readings) - KEPT_PAIRS)]:
            del self._pairs[key]
        for key, reading in readings.items():
            self._pairs[key], self._counts[key] = reading.result(), reading.counts

    def counts(self) -> dict[str, Any]:
        """Return what became of the records read so far, over all contigs and passes.

        A contig that no pass asked for is not read and not counted.
        """
        total = GenotypeCounts()
        for counts in self._counts.values():
            total.add(counts)
        return total.to_json()

    def check_used(self) -> None:
        """Refuse a panel whose records were all dropped: the result would be plain reference.

        Raises
        ------
        UserError
            With the reason that took most.
        """
        total = GenotypeCounts()
        for counts in self._counts.values():
            total.add(counts)
        if total.read and not total.used:
            raise nothing_used("genotypes", total.dropped, file=self.path)

    def _records(self, genome: Genome, contig: str, samples: Collection[str]) -> Iterator[Any]:
        """Yield the pysam records of a contig, genotypes of some individuals only."""
        self._check_shared(genome)
        if not self._starts:
            for record in self._parsed(samples):
                if self._match(genome, record.contig) == contig:
                    yield record
            return
        for name, start in self._starts.items():
            if self._match(genome, name) == contig:
                with closing(self._parsed(samples, start)) as records:
                    yield from takewhile(partial(_is_on, name), records)

    def _parsed(
        self, samples: Collection[str], start: Place | None = None
    ) -> Generator[Any, None, None]:
        with open_genotypes(self._reader, start) as vcf:
            vcf.subset_samples(samples)
            yield from genotype_records(vcf, self._reader)

    def _is_haploid(self, contig: str) -> bool:
        """Say whether one copy of a contig is read, whatever the genotypes."""
        chromosomes = {chromosome_of(name) for name in self._haploid} - {None}
        return contig in self._haploid or chromosome_of(contig) in chromosomes

    def _match(self, genome: Genome, name: str) -> str | None:
        """Return the genome's name of a contig of the VCF, None where it has none."""
        if name not in self._matched:
            alone = match_contigs(genome.lengths, [name], beside=self._names)
            self._matched[name] = alone.get(name)
        return self._matched[name]

    def _check_shared(self, genome: Genome) -> None:
        """Refuse a panel of another genome; without an index the records name their contigs."""
        if not self._shares_contig:
            names = self._names
            if not any(self._match(genome, name) for name in names):
                names = list(self._reader.contig_records())
            self._shares_contig = any(self._match(genome, name) for name in names)
            if not self._shares_contig:
                raise no_shared_contig(genome.path, genome.lengths, self.path, names)


def _is_on(contig: str, record: Any) -> bool:
    return bool(record.contig == contig)
