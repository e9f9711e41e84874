"""What a run published, and what in it must be the same wherever it ran."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

# How a run went, pages which quote that, and what may lie elsewhere.
OF_THE_RUN = ("pipeline_info/", "summary/multiqc/", "report.html", "checkpoints/")
# Fields that a machine's speed and memory decide.
MEASURED = {
    "seconds",
    "tokens_per_second",
    "mfu",
    "data_wait_share",
    "peak_memory_bytes",
}


def published(results: Path) -> dict[str, Any]:
    """Return the content of each file by its place below the results, without what is measured."""
    files = sorted(path for path in results.rglob("*") if path.is_file())
    named = {path.relative_to(results).as_posix(): path for path in files}
    return {name: _content(path) for name, path in named.items() if not name.startswith(OF_THE_RUN)}


def _content(path: Path) -> Any:
    match path.suffix:
        case ".json":
            return _unmeasured(json.loads(path.read_text()))
        case ".jsonl":
            return [_unmeasured(json.loads(line)) for line in path.read_text().splitlines()]
        case ".tsv":
            rows = csv.DictReader(io.StringIO(path.read_text()), delimiter="\t")
            return [_unmeasured(row) for row in rows]
        case _:
            return path.read_bytes()


def _unmeasured(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    return {name: value for name, value in found.items() if name not in MEASURED}


def assert_same_published(results: Path, expected: Path) -> None:
    """Every artefact, prediction, score and table is there and the same."""
    found, wanted = published(results), published(expected)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
