"""Sections on tokenizers: their vocabularies, and every panel of the paper's Figures 2 and 3."""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core import read_table
from pybmfm.report import tokenizer_sentences as say
from pybmfm.report.collect import Artefact, Collection, as_written
from pybmfm.report.content import Markup, Section, bullets, paragraph, picture, table, titled
from pybmfm.report.data_sections import settings_text
from pybmfm.variants import STATES

if TYPE_CHECKING:
    import pandas as pd

GROUP = "pybmfm_tokenizers"
# Pictures in the order of the paper's panels: file, heading, what it shows.
PICTURES = (
    ("comparison", "Lengths, use and overlap", "As the paper's Figure 2."),
    ("symbol_map", "Variant symbols", "How often the corpora hold each symbol (Figure 3A)."),
    ("variant_2mers", "Variants beside a base", "Tokens of one base and a variant (3B and 3C)."),
    ("variant_kmers", "Short tokens with variants", "Their variants by position (3D and 3E)."),
    ("kmer_space", "Use of k-mer space", "Distinct k-mers among the tokens / 4^k (3F)."),
)


def tokenizer_sections(found: Collection, figures: Path) -> Iterator[Section]:
    """Vocabularies, then each comparison: summary, published figures, pictures with sentences."""
    yield _vocabularies(found)
    comparisons = found.of("tokenizer-comparison")
    for artefact in comparisons:
        prefix = "tokenizers" if len(comparisons) == 1 else f"tokenizers_{artefact.name}"
        with as_written(artefact):
            sections = list(_comparison_sections(artefact, figures, prefix.replace("/", "_")))
        for section in sections:
            name = titled(section.name, artefact.name, comparisons)
            yield Section(GROUP, name, section.sentence, section.html)


def _vocabularies(found: Collection) -> Section:
    columns = ("tokenizer", "encoding", "tokens", "with variants", "longest (nt)", "settings")
    rows = []
    for artefact in found.of("tokenizer"):
        manifest = artefact.manifest
        tokens = manifest.get("tokens", {})
        rows.append(
            (
                artefact.name,
                manifest.get("encoding", ""),
                manifest.get("vocab_size", tokens.get("vocab_size")),
                tokens.get("tokens_with_variants"),
                tokens.get("longest"),
                settings_text(manifest.get("settings", {})),
            )
        )
    return Section(
        GROUP,
        "Vocabularies",
        "Size and content of each vocabulary.",
        table(columns, rows, "Missing: no tokenizer is among the results."),
    )


def _comparison_sections(artefact: Artefact, figures: Path, prefix: str) -> Iterator[Section]:
    tables = {file.stem: read_table(file) for file in sorted(artefact.folder.glob("*.tsv"))}
    yield Section(
        GROUP,
        "Comparison",
        "Each vocabulary over its corpus, and what pairs of vocabularies share.",
        "".join(_summary_tables(tables)),
    )
    if "published" in tables:
        yield _published(tables["published"], artefact.manifest.get("notes", []))
    for stem, heading, about in PICTURES:
        files = [artefact.folder / f"{stem}.{suffix}" for suffix in ("png", "svg")]
        if all(file.is_file() for file in files):
            for file in files:
                shutil.copyfile(file, figures / f"{prefix}_{file.name}")
            yield Section(
                GROUP,
                heading,
                about,
                picture(files[0], f"tokenizers: {heading}")
                + bullets(_sentences(stem, tables))
                + _characters(stem, tables),
            )


def _summary_tables(tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    for name in ("summary", "shared_tokens"):
        rows = tables.get(name)
        if rows is not None:
            if name == "summary" and "tokenizer" in rows:
                rows = rows.set_index("tokenizer").T.rename_axis("figure").reset_index()
            yield table([str(column) for column in rows.columns], rows.to_numpy().tolist())


def _published(rows: pd.DataFrame, notes: Sequence[str]) -> Section:
    columns = [
        column.replace("published_", "published ").replace("ours_", "ours: ")
        for column in map(str, rows.columns)
    ]
    return Section(
        GROUP,
        "Beside the published vocabularies",
        "Statistics of the paper's Figures 2 and 3, and the same of the tokenizers here.",
        "".join(map(paragraph, notes)) + table(columns, rows.to_numpy().tolist()),
    )


def _sentences(stem: str, tables: dict[str, pd.DataFrame]) -> list[str]:
    """What the picture shows, told from the tables; none where a table is absent."""
    needed, tell = say.SENTENCES[stem]
    return list(tell(tables)) if set(needed) <= set(tables) else []


def _characters(stem: str, tables: dict[str, pd.DataFrame]) -> str:
    """The 11 x 11 map of characters: pictures have no font for them, browsers do."""
    if stem != "symbol_map" or "symbols" not in tables:
        return ""
    symbols = tables["symbols"]
    pairs = symbols[symbols["name"].str.contains("/")].drop_duplicates("code")
    character = {
        (row["state_1"], row["state_2"]): row["character"] for row in pairs.to_dict("records")
    }
    rows = [(first, *(character.get((first, second), "") for second in STATES)) for first in STATES]
    summary = html.escape("The character of each pair: first state down, second across")
    shown = table(("", *STATES), rows)
    return Markup(f"<details><summary>{summary}</summary>{shown}</details>")
