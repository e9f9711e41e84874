"""What every room needs: user errors, atomic artefacts, seeds, progress."""

from pybmfm.core.artifacts import (
    describe_inputs,
    digest_file,
    let_others_read,
    output_directory,
    output_file,
    read_manifest,
    write_json,
    write_manifest,
)
from pybmfm.core.errors import (
    Interrupted,
    OutOfMemory,
    UserError,
    is_out_of_memory,
    nothing_used,
)
from pybmfm.core.names import check_contigs, check_label, contig_file_name
from pybmfm.core.progress import progress
from pybmfm.core.randomness import derive_seed
from pybmfm.core.tables import (
    filled_column,
    is_missing,
    known_column,
    read_delimited,
    read_table,
    row_place,
    sequence_column,
    text_column,
    with_known_names,
    write_table,
)
from pybmfm.core.text_files import text_lines

__all__ = [
    "Interrupted",
    "OutOfMemory",
    "UserError",
    "check_contigs",
    "check_label",
    "contig_file_name",
    "derive_seed",
    "describe_inputs",
    "digest_file",
    "filled_column",
    "is_missing",
    "is_out_of_memory",
    "known_column",
    "let_others_read",
    "nothing_used",
    "output_directory",
    "output_file",
    "progress",
    "read_delimited",
    "read_manifest",
    "read_table",
    "row_place",
    "sequence_column",
    "text_column",
    "text_lines",
    "with_known_names",
    "write_json",
    "write_manifest",
    "write_table",
]
