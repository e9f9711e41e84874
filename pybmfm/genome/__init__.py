"""FASTA access, base codes, contig names and N islands."""

from pybmfm.genome.alignments import AlignmentSettings, align_sequences, run_bwa, write_reads
from pybmfm.genome.bases import (
    BASES,
    N_CODE,
    complement_bases,
    decode_bases,
    encode_bases,
)
from pybmfm.genome.compression import (
    TruncatedFile,
    broken_file,
    compression_of,
    has_bgzip_end,
    open_bytes,
    require_file,
    without_mark,
)
from pybmfm.genome.contigs import (
    assembly_of,
    chromosome_of,
    describe_left_out,
    describe_names,
    find_contig,
    match_contigs,
)
from pybmfm.genome.dna import check_dna
from pybmfm.genome.fasta import Genome
from pybmfm.genome.formats import foreign_format
from pybmfm.genome.islands import sequence_intervals
from pybmfm.genome.quiet import quiet_htslib
from pybmfm.genome.regions import parse_region

__all__ = [
    "BASES",
    "N_CODE",
    "AlignmentSettings",
    "Genome",
    "TruncatedFile",
    "align_sequences",
    "assembly_of",
    "broken_file",
    "check_dna",
    "chromosome_of",
    "complement_bases",
    "compression_of",
    "decode_bases",
    "describe_left_out",
    "describe_names",
    "encode_bases",
    "find_contig",
    "foreign_format",
    "has_bgzip_end",
    "match_contigs",
    "open_bytes",
    "parse_region",
    "quiet_htslib",
    "require_file",
    "run_bwa",
    "sequence_intervals",
    "without_mark",
    "write_reads",
]
