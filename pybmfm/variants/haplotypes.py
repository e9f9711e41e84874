"""The two haplotypes that an individual of a phased VCF really carries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, derive_seed
from pybmfm.genome import (
    Genome,
    broken_file,
    chromosome_of,
    compression_of,
    has_bgzip_end,
    match_contigs,
    quiet_htslib,
)
from pybmfm.variants.genotype_reading import GenotypeCounts, GenotypeReading, HaplotypePair
from pybmfm.variants.vcf import no_shared_contig

HAPLOID = ("Y", "MT")
KEPT_PAIRS = 32


class PhasedPanel:
    """Individuals with phased genotypes, one of whom is drawn per seed and pass.

    A contig is read when it is first asked for, once for all passes that `expect` has named:
    through the index (.tbi, .csi) where there is one, by going through the whole file otherwise.
    Kept are the positions where an individual differs from the reference, 5 bytes each.

    - A heterozygote that is not phased gets an order drawn from (seed, pass, contig, position).
    - A missing allele, and one that is no sequence (``*``, ``<DEL>``, IUPAC), is the reference.
    - Where two records change one position of one haplotype, the first in the file holds.
    - One allele where two are expected, and a contig of one copy, gives the lone symbol.

    Not for several threads at once by itself; `pybmfm.variants.WindowEncoder` sees to that.

    Parameters
    ----------
    path
        VCF or BCF with GT, plain or bgzip.
    haploid
        Chromosomes of which one copy is read, under any alias.

    Attributes
    ----------
    samples : list of str

    Raises
    ------
    UserError
        If the file is missing or broken, has no individuals or no GT.
    """

    def __init__(self, path: str | Path, *, haploid: tuple[str, ...] = HAPLOID) -> None:
        self.path = Path(path)
        self._haploid = haploid
        if not self.path.is_file():
            raise UserError("no such file", file=self.path, remedy="check the path")
        _check_compression(self.path)
        with _opened(self.path) as vcf:
            self.samples: list[str] = list(vcf.header.samples)
            has_genotypes = "GT" in vcf.header.formats
            self._indexed = vcf.index is not None
            self._names = list(dict.fromkeys([*vcf.header.contigs, *(vcf.index or ())]))
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
            for reading in readings.values():
                reading.add(record)
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

    def _records(self, genome: Genome, contig: str, samples: Collection[str]) -> Iterator[Any]:
        """Yield the pysam records of a contig, genotypes of some individuals only."""
        self._check_shared(genome)
        with _opened(self.path) as vcf, quiet_htslib():
            vcf.subset_samples(samples)
            if not self._indexed:
                every = _readable(iter(vcf), self.path)
                yield from (one for one in every if self._match(genome, one.contig) == contig)
                return
            for name in self._names:
                if self._match(genome, name) == contig:
                    yield from _readable(vcf.fetch(name), self.path)

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
            if not self._indexed and not any(self._match(genome, name) for name in names):
                with _opened(self.path) as vcf, quiet_htslib():
                    found = (record.contig for record in _readable(iter(vcf), self.path))
                    names = list(dict.fromkeys([*names, *found]))
            self._shares_contig = any(self._match(genome, name) for name in names)
            if not self._shares_contig:
                raise no_shared_contig(genome.path, genome.lengths, self.path, names)


def _check_compression(path: Path) -> None:
    kind = compression_of(path)
    if kind == "gzip":
        raise UserError(
            "is compressed with gzip, genotypes need bgzip",
            file=path,
            remedy="decompress it, or compress it with bgzip",
        )
    if kind == "bgzip" and not has_bgzip_end(path):
        raise broken_file(path)


def _opened(path: Path) -> Any:
    import pysam

    try:
        with quiet_htslib():
            return pysam.VariantFile(str(path))
    except (OSError, ValueError) as error:
        raise UserError(
            "is not a VCF, or a broken one", file=path, remedy="give a phased VCF with genotypes"
        ) from error


def _readable(records: Iterator[Any], path: Path) -> Iterator[Any]:
    """Yield records, and say after which one the file can no longer be read."""
    place = "first record"
    try:
        for record in records:
            yield record
            place = f"after {record.contig}:{record.pos}"
    except (OSError, ValueError) as error:
        raise UserError(
            "holds a record that cannot be read", file=path, place=place, remedy="give a valid VCF"
        ) from error
