"""Join frequency tables that were made contig by contig."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.variants.counts import Counts, check_used, count_sections
from pybmfm.variants.density import join_density
from pybmfm.variants.table import ARTEFACT, FrequencyTable

log = logging.getLogger("pybmfm")


def merge_frequencies(folders: Sequence[Path], out: Path) -> None:
    """Write one table with the contigs of several, in the order of the FASTA.

    Parameters
    ----------
    folders
        Tables made from the same FASTA and VCF with the same settings.
    out
        The table folder to write; its counts are the sums.

    Raises
    ------
    UserError
        If two tables hold the same contig, or were made from other inputs or settings, or no
        record of any is used.
    """
    # In an order of their own: a pipeline gives them as they were finished.
    tables = sorted((FrequencyTable.open(folder) for folder in folders), key=_rank)
    for table in tables[1:]:
        _check_alike(tables[0], table)
    holder = _holders(tables)
    order = sorted(holder, key=lambda contig: int(_entry(holder[contig], contig)["place"]))
    total = Counts()
    for table in tables:
        with _as_written(table):
            total.add(Counts.from_json(table.manifest))
    check_used(total, _vcf(tables[0]))
    with output_directory(out) as folder:
        for contig in order:
            shutil.copyfile(holder[contig].file(contig), folder / holder[contig].file(contig).name)
        with _as_written(tables[0]):
            join_density(folder, [table.folder for table in tables], order)
        first = tables[0].manifest
        write_manifest(
            folder,
            artefact=ARTEFACT,
            settings={**first["settings"], "contigs": order},
            inputs=[table.folder for table in tables],
            made_from=_made_from(tables[0]),
            **count_sections(total),
            record_choice=first["record_choice"],
            assembly=first["assembly"],
            contigs={contig: _entry(holder[contig], contig) for contig in order},
            contigs_only_in_fasta=first["contigs_only_in_fasta"],
            contigs_only_in_vcf=first["contigs_only_in_vcf"],
            records_only_in_vcf=first.get("records_only_in_vcf"),
        )
    log.info("merged %d frequency tables: %d contigs", len(tables), len(order))


def _rank(table: FrequencyTable) -> tuple[list[int], str]:
    """Places of its contigs in the FASTA; a table without any comes first, by name."""
    return sorted(int(_entry(table, contig)["place"]) for contig in table.contigs), (
        table.folder.name
    )


def _holders(tables: Sequence[FrequencyTable]) -> dict[str, FrequencyTable]:
    holder: dict[str, FrequencyTable] = {}
    for table in tables:
        for contig in table.contigs:
            if contig in holder:
                raise UserError(
                    f"holds contig {contig}, and so does {holder[contig].folder}",
                    file=table.folder,
                    remedy="give each contig once",
                )
            holder[contig] = table
    return holder


@contextmanager
def _as_written(table: FrequencyTable) -> Iterator[None]:
    """Turn what is missing from counts or densities of a table into one sentence."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"holds counts or densities that are not as pybmfm writes them ({error})",
            file=table.folder,
            remedy="make the folder again",
        ) from error


def _check_alike(first: FrequencyTable, other: FrequencyTable) -> None:
    for what, before, now in (
        ("inputs", _digests(first), _digests(other)),
        ("settings", _comparable_settings(first), _comparable_settings(other)),
        ("assembly", first.manifest["assembly"], other.manifest["assembly"]),
        ("choice of records", first.manifest["record_choice"], other.manifest["record_choice"]),
    ):
        if before != now:
            raise UserError(
                f"was made with other {what} than {first.folder}",
                file=other.folder,
                remedy="merge tables of one FASTA, one VCF and the same options",
            )


def _made_from(table: FrequencyTable) -> list[dict[str, Any]]:
    return list(table.manifest.get("made_from", table.manifest["inputs"]))


def _vcf(table: FrequencyTable) -> str:
    """Name the VCF that a table was made from, of which no path is kept."""
    return str(_made_from(table)[-1]["name"])


def _digests(table: FrequencyTable) -> list[str]:
    return [str(one["sha256"]) for one in _made_from(table)]


def _comparable_settings(table: FrequencyTable) -> dict[str, Any]:
    return {k: v for k, v in table.manifest["settings"].items() if k != "contigs"}


def _entry(table: FrequencyTable, contig: str) -> dict[str, Any]:
    return dict(table.manifest["contigs"][contig])
