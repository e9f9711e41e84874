"""The report's sections on tokenizers tell what the comparison's tables say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pybmfm.core import output_directory, write_manifest, write_table
from pybmfm.report.collect import collect
from pybmfm.report.content import Section
from pybmfm.report.tokenizer_sections import PICTURES, tokenizer_sections
from pybmfm.tokenizer.comparison import all_tables
from pybmfm.tokenizer.used_vocabulary import UsedVocabulary
from pybmfm.variants import ALPHABET, STATES, code_of_states

AG = ALPHABET[code_of_states(STATES.index("A"), STATES.index("G"))]
A_DEL = ALPHABET[code_of_states(STATES.index("A"), STATES.index("DEL"))]
USE = {
    "ref": {"A": 40, "C": 20, "AC": 40, "ACGT": 0},
    "snp": {"A": 30, "C": 20, AG: 10, "AC": 30, "T" + AG: 5, "AC" + AG: 5, A_DEL * 3: 0},
}


def vocabulary(name: str) -> UsedVocabulary:
    use = USE[name]
    return UsedVocabulary(
        name=name,
        encoding=name,
        tokens=tuple(use),
        ids=np.arange(5, 5 + len(use)),
        occurrence=np.array(list(use.values()), dtype=np.int64),
        tokens_per_window=np.array([40, 60]),
        special_tokens=5,
        unknown=0,
    )


def write_comparison(folder: Path) -> None:
    """Every table of a comparison; pictures of a few bytes."""
    with output_directory(folder) as staging:
        for name, table in all_tables([vocabulary("ref"), vocabulary("snp")]).items():
            write_table(table, staging / f"{name}.tsv")
        for stem, _, _ in PICTURES:
            (staging / f"{stem}.png").write_bytes(stem.encode())
            (staging / f"{stem}.svg").write_text("<svg/>")
        write_manifest(staging, artefact="tokenizer-comparison", settings={}, notes=["Other data."])


@pytest.fixture
def sections(tmp_path: Path) -> dict[str, Section]:
    write_comparison(tmp_path / "comparison")
    (tmp_path / "figures").mkdir()
    made = tokenizer_sections(collect([tmp_path / "comparison"]), tmp_path / "figures")
    return {section.name: section for section in made}


def test_each_picture_has_its_section_and_its_copy(
    tmp_path: Path, sections: dict[str, Section]
) -> None:
    assert list(sections) == [
        "Vocabularies",
        "Comparison",
        "Beside the published vocabularies",
        *(heading for _, heading, _ in PICTURES),
    ]
    copied = {path.name for path in (tmp_path / "figures").iterdir()}
    assert copied == {f"tokenizers_{stem}.{s}" for stem, _, _ in PICTURES for s in ("png", "svg")}
    for _, heading, _ in PICTURES:
        assert "<img" in sections[heading].html
        assert "<li>" in sections[heading].html


@pytest.mark.parametrize(
    ("heading", "sentence"),
    [
        ("Lengths, use and overlap", "snp: 3 of 7 tokens are variant tokens that the corpus uses"),
        ("Lengths, use and overlap", "they make up 20.0 % of all occurrences"),
        ("Lengths, use and overlap", "ref and snp share 8 tokens, 66.7 % of the larger"),
        ("Lengths, use and overlap", "ref: most tokens have 1 nt (2D), most occurrences 1 and 2"),
        ("Lengths, use and overlap", "Mean tokens per window: ref 50 (at most 60)"),
        ("Variant symbols", "snp: 1 of 55 pairs occur; SNP 100.0 %; most often A/G 100.0 %"),
        ("Variants beside a base", "snp, tokens of one base and a variant: 1, 1 in 3B, 0 in 3C"),
        ("Variants beside a base", "after A or T stand 1 of 6 SNPs and 0 of 9 insertions"),
        ("Short tokens with variants", "snp, 3-mers with one variant: 1, of kind SNP; most often"),
        ("Short tokens with variants", "snp, 3-mers with variants alone: 1, of kind deletion"),
        ("Use of k-mer space", "k = 2 (18.8 against 6.25 %), k = 3 (3.12 against 0 %)"),
        ("Beside the published vocabularies", "Other data."),
        ("Beside the published vocabularies", "<td>84.3</td>"),
    ],
)
def test_sentences_are_told_from_the_tables(
    sections: dict[str, Section], heading: str, sentence: str
) -> None:
    assert sentence in sections[heading].html


def test_map_of_characters_names_every_pair(sections: dict[str, Section]) -> None:
    html = sections["Variant symbols"].html
    assert all(character in html for character in ALPHABET[11:])


def test_two_comparisons_keep_their_pictures_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_comparison(tmp_path / "results" / name)
    figures = tmp_path / "figures"
    figures.mkdir()
    made = list(tokenizer_sections(collect([tmp_path / "results"]), figures))
    assert sum(section.name.startswith("Use of k-mer space: ") for section in made) == 2
    assert len(list(figures.glob("tokenizers_*_kmer_space.png"))) == 2
