"""Sections of the report, and their files for MultiQC's custom content."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybmfm.core import write_json

# Groups in the order of the data flow; assets/multiqc_config.yml names the same ids.
GROUPS = {
    "pybmfm_inputs": (
        "1. Inputs and settings",
        "What the run was given and how every artefact was made; digests tell files apart.",
    ),
    "pybmfm_variants": (
        "2. Variants",
        "How many VCF records became frequencies, and why the others did not.",
    ),
    "pybmfm_windows": (
        "3. Windows and splits",
        "How the genome was cut, and whether training, dev and test share any base pair.",
    ),
    "pybmfm_tokenizers": (
        "4. Tokenizers",
        "The vocabularies learned from the training split with and without variants.",
    ),
    "pybmfm_corpora": (
        "5. Corpora",
        "How many windows and tokens the models were trained and tested on.",
    ),
    "pybmfm_pretraining": (
        "6. Pretraining",
        "How well the models predict hidden tokens; bits per nucleotide compare different "
        "tokenizers, lower is better.",
    ),
    "pybmfm_finetuning": (
        "7. Fine-tuning and baselines",
        "Every model on every task, on test rows that were never used for a choice.",
    ),
    "pybmfm_scores": (
        "8. Scored variants",
        "What the pretrained models say about single variants; the LLR of an indel also grows "
        "with the tokens it removes, so compare like with like; negative LLR: less likely than "
        "the reference.",
    ),
    "pybmfm_versions": ("9. Versions", "The software that made these results."),
}


@dataclass(frozen=True)
class Section:
    """One section: a sentence and a table, picture or interactive plot.

    Attributes
    ----------
    group
        A key of ``GROUPS``.
    name
        Heading.
    sentence
        What is to be seen, in plain language.
    html
        Content, where it is no plot.
    plot
        ``plot_type``, ``pconfig`` and ``data`` of MultiQC, where it is one.
    """

    group: str
    name: str
    sentence: str
    html: str = ""
    plot: Mapping[str, Any] = field(default_factory=dict)


def write_sections(sections: Sequence[Section], folder: Path) -> None:
    """Write one ``*_mqc.json`` per section, numbered within its group.

    MultiQC puts all text into its page as it is: what comes from results is escaped here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    order = list(GROUPS)
    for group, (title, about) in GROUPS.items():
        for place, section in enumerate((s for s in sections if s.group == group), start=1):
            number = order.index(group) + 1
            identity = f"{group}_{place:02d}"
            content = {
                "id": identity,
                "parent_id": group,
                "parent_name": title,
                "parent_description": about,
                # MultiQC sorts sections by name: the number keeps ours in order.
                "section_name": html.escape(f"{number}.{place} {section.name}"),
                # A block of HTML: MultiQC would read bare text as Markdown, with its links.
                "description": paragraph(section.sentence),
                **_body(section, identity),
            }
            write_json(folder / f"{number:02d}_{place:02d}_{group}_mqc.json", content)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "none") -> str:
    """Return an HTML table; cells that are :class:`Markup` are not escaped."""
    if not rows:
        return paragraph(empty)
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return (
        '<div style="overflow-x:auto"><table class="table table-sm table-striped">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def red(text: str) -> Markup:
    """Return a text in bold red."""
    return Markup(f'<strong style="color:#c9302c">{html.escape(text)}</strong>')


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{_cell(text)}</p>"


def bullets(sentences: Sequence[str]) -> str:
    """Return a list of sentences."""
    return "<ul>" + "".join(f"<li>{_cell(sentence)}</li>" for sentence in sentences) + "</ul>"


def picture(png: Path, alt: str) -> str:
    """Return an image that travels inside the page."""
    data = base64.b64encode(png.read_bytes()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" '
        'style="max-width:100%;background:white"/>'
    )


def number(value: object, digits: int = 3) -> str:
    """Write a number for people: thousands separated, or so many decimals; '' for None."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float):
        return "not defined" if math.isnan(value) else f"{value:.{digits}f}"
    return f"{value:,}"


def reasons(counts: Mapping[str, int]) -> str:
    """Write counts by reason, ``none`` if there are none."""
    return ", ".join(f"{reason} {n:,}" for reason, n in sorted(counts.items())) or "none"


def part_of(part: int | None, whole: int | None) -> str:
    """Write ``5 of 20``."""
    return f"{number(part or 0)} of {number(whole or 0)}"


def percent(part: int | None, whole: int | None) -> str:
    """Write a share in percent, empty where it is not known."""
    return f"{100 * part / whole:.1f}" if part is not None and whole else ""


def missing(group: str, name: str, what: str) -> Section:
    """Return the section that stands where a result is absent."""
    return Section(
        group, name, f"Missing: {what} is not among the results.", paragraph("Nothing to show.")
    )


def titled(title: str, name: str, among: Sequence[object]) -> str:
    """Name an artefact in the title only where there are several."""
    return title if len(among) == 1 else f"{title}: {name}"


def _cell(value: object) -> str:
    return str(value) if isinstance(value, Markup) else html.escape(number(value))


def _body(section: Section, identity: str) -> dict[str, Any]:
    if not section.plot:
        return {"plot_type": "html", "data": section.html or paragraph(section.sentence)}
    pconfig = {"id": f"{identity}_plot", **section.plot["pconfig"]}
    escaped: dict[str, Any] = _escaped({**section.plot, "pconfig": pconfig})
    return escaped


def _escaped(content: Any) -> Any:
    """Escape every text of a plot: labels and names of samples become parts of the page."""
    if isinstance(content, str):
        return html.escape(content)
    if isinstance(content, Mapping):
        return {_escaped(key): _escaped(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_escaped(value) for value in content]
    return content
