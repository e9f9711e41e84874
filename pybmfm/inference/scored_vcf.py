"""The scored VCF: its INFO keys, and writing it compressed and indexed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KEYS = ("BMFM_LLR", "BMFM_PAIR", "BMFM_SHIFT", "BMFM_NOTE")


def annotated_header(lines: Iterable[bytes], description: Mapping[str, Any]) -> list[bytes]:
    """Insert the definitions of our INFO keys, and what made them, before the #CHROM line."""
    kept = [line for line in lines if not _is_ours(line)]
    settings = ",".join(f"{key}={value}" for key, value in description.items())
    added = [
        f"##pybmfm_score_variants=<{settings}>",
        '##INFO=<ID=BMFM_LLR,Number=A,Type=Float,Description="Pseudo-log-likelihood of the ALT '
        'window minus that of the REF window (natural log, mean of both strands)">',
        '##INFO=<ID=BMFM_PAIR,Number=A,Type=Float,Description="log p(REF/ALT symbol) - log '
        'p(REF base) at the site (natural log, mean of both strands)">',
        '##INFO=<ID=BMFM_SHIFT,Number=A,Type=Float,Description="Cosine distance of the mean '
        'embeddings of the ALT and REF windows (mean of both strands)">',
        '##INFO=<ID=BMFM_NOTE,Number=.,Type=String,Description="Why the record, or its n-th ALT '
        'allele (n:reason), has no score">',
    ]
    return [*kept[:-1], *[line.encode() + b"\n" for line in added], kept[-1]]


def write_vcf(path: Path, index: Path, header: Iterable[bytes], lines: Iterable[bytes]) -> None:
    """Write lines through bgzip and make the tabix index."""
    import pysam

    with pysam.BGZFile(str(path), "wb", None) as handle:
        for line in header:
            handle.write(line)
        for line in lines:
            handle.write(line)
    pysam.tabix_index(str(path), preset="vcf", force=True, index=str(index))


def _is_ours(line: bytes) -> bool:
    return line.startswith(b"##pybmfm_score_variants=") or any(
        line.startswith(f"##INFO=<ID={key},".encode()) for key in KEYS
    )
