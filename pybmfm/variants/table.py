"""The frequency table on disk: one Arrow IPC file per contig, varying positions only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, contig_file_name, read_manifest
from pybmfm.variants.symbols import N_STATES

ARTEFACT = "frequency-table"


class FrequencyTable:
    """State probabilities of the varying positions of a genome, memory-mapped.

    Attributes
    ----------
    folder : Path
    manifest : dict
    contigs : list of str
        Contigs with a file, also those on which nothing varies.
    lengths : dict of str to int
        Nucleotides per contig.
    digests : dict of str to str
        SHA-256 of each contig's upper-case sequence.
    haploid : frozenset of str
        Contigs of which one copy is drawn.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], files: Mapping[str, Path]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._files = dict(files)
        self.contigs = list(self._files)
        described = {contig: _metadata(path) for contig, path in self._files.items()}
        self.lengths = {contig: int(one["length"]) for contig, one in described.items()}
        self.digests = {contig: one["sequence_digest"] for contig, one in described.items()}
        self.haploid = frozenset(
            contig for contig, one in described.items() if one.get("haploid") == "true"
        )

    @classmethod
    def open(cls, folder: str | Path) -> FrequencyTable:
        """Open a folder made by ``variant-frequencies`` or ``merge-frequencies``.

        Raises
        ------
        UserError
            If the folder is not a frequency table, or a file of it is broken.
        """
        folder = Path(folder)
        manifest = read_manifest(folder, ARTEFACT)
        found = {_metadata(path)["contig"]: path for path in sorted(folder.glob("*.arrow"))}
        missing = [contig for contig in manifest.get("contigs", {}) if contig not in found]
        if missing:
            raise UserError(
                f"lacks the file of contig {missing[0]} that its manifest names",
                file=folder,
                remedy="make the table again",
            )
        in_order = [contig for contig in manifest.get("contigs", {}) if contig in found]
        return cls(folder, manifest, {contig: found[contig] for contig in in_order})

    def file(self, contig: str) -> Path:
        """Return the Arrow file of a contig."""
        return self._files[contig]

    def rows(self, contig: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the varying positions of a contig and their state probabilities.

        Returns
        -------
        position : int32[n]
            0-based, ascending.
        p : float32[n, 11]
            States in the order A G T C N DEL AI GI TI CI NI; rows sum to 1. Both are empty for
            a contig that the table does not hold.
        """
        if contig not in self._files:
            return np.empty(0, np.int32), np.empty((0, N_STATES), np.float32)
        table = _read(self._files[contig]).combine_chunks()
        if table.num_rows == 0:
            return np.empty(0, np.int32), np.empty((0, N_STATES), np.float32)
        position = table["position"].chunk(0).to_numpy(zero_copy_only=False)
        p = table["p"].chunk(0).flatten().to_numpy(zero_copy_only=False)
        return position, p.reshape(-1, N_STATES)


def write_rows(
    folder: Path,
    contig: str,
    position: NDArray[np.int32],
    p: NDArray[np.float32],
    *,
    length: int,
    sequence_digest: str,
    haploid: bool,
) -> Path:
    """Write one contig's file into a table folder and return its path.

    Parameters
    ----------
    position, p
        int32[n] ascending and float32[n, 11], as ``FrequencyTable.rows`` gives them.
    length, sequence_digest, haploid
        Facts of the contig, kept in the schema metadata.
    """
    import pyarrow as pa

    metadata = {
        "contig": contig,
        "length": str(length),
        "sequence_digest": sequence_digest,
        "haploid": "true" if haploid else "false",
    }
    schema = pa.schema(
        [
            pa.field("position", pa.int32(), nullable=False),
            pa.field("p", pa.list_(pa.float32(), N_STATES), nullable=False),
        ],
        metadata=metadata,
    )
    values = pa.array(np.ascontiguousarray(p, dtype=np.float32).reshape(-1))
    columns = [
        pa.array(position.astype(np.int32)),
        pa.FixedSizeListArray.from_arrays(values, N_STATES),
    ]
    path = folder / f"{contig_file_name(contig)}.arrow"
    if path.exists():  # of a name that differs in case, where the disk makes no difference
        raise UserError(
            f"has a file of another contig where that of {contig} would lie",
            file=folder,
            remedy="choose an --out on a disk that tells upper from lower case",
        )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    return path


def _read(path: Path) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            "is not a whole Arrow file", file=path, remedy="make the frequency table again"
        ) from error


def _metadata(path: Path) -> dict[str, str]:
    import pyarrow as pa

    try:
        schema = pa.ipc.open_file(pa.memory_map(str(path))).schema
        metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        metadata["contig"], metadata["length"], metadata["sequence_digest"]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise UserError(
            "is not a file of a frequency table", file=path, remedy="make the table again"
        ) from error
    return metadata
