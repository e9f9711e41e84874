from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.tasks.disease_terms import curie, is_vague, read_disease_terms

SSSOM = """# curie_map:
#   EFO: http://www.ebi.ac.uk/efo/EFO_
subject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification
MONDO:0000004\tadrenal disease\tskos:exactMatch\tEFO:0009491\tx
MONDO:0000005\tother\tskos:broadMatch\tEFO:0009492\tx
MONDO:0000006\tlater\tskos:exactMatch\tEFO:0009491\tx
EFO:1\tone\tskos:exactMatch\tOrphanet:2\tx
"""
TRAITS = """#generated-date=2026-01-21
#clinvar_trait_name\turi\tlabel
addison disease\thttp://www.ebi.ac.uk/efo/EFO_0009491\tAddison
two names\thttp://purl.obolibrary.org/obo/MONDO_0000009\tNine
two names\thttp://www.orpha.net/ORDO/Orphanet_7\tSeven
no address\tnothing here\t
"""
PAIRS = """http://purl.obolibrary.org/obo/MONDO_0000077\thttp://www.ebi.ac.uk/efo/EFO_0000077\ta\tb
"""


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    with gzip.open(tmp_path / "mondo.sssom.tsv.gz", "wt") as handle:
        handle.write(SSSOM)
    (tmp_path / "traits.tsv").write_text(TRAITS)
    (tmp_path / "pairs.tsv").write_text(PAIRS)
    return [tmp_path / name for name in ("mondo.sssom.tsv.gz", "traits.tsv", "pairs.tsv")]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("http://www.ebi.ac.uk/efo/EFO_0000571", "EFO:0000571"),
        ("http://purl.obolibrary.org/obo/MONDO_0008681", "MONDO:0008681"),
        ("http://www.orpha.net/ORDO/Orphanet_6", "Orphanet:6"),
        ("MONDO:MONDO:0008681", "MONDO:0008681"),
        ("Orphanet:ORPHA98970", "Orphanet:98970"),
        ("EFO:EFO_0000571", "EFO:0000571"),
        ("Human_Phenotype_Ontology:HP:0001250", "HP:0001250"),
        ("MedGen:C0950123", "MEDGEN:C0950123"),
        (".", ""),
        ("nothing here", ""),
        ("", ""),
    ],
)
def test_identifiers_of_every_source_have_one_spelling(text: str, term: str) -> None:
    assert curie(text) == term


def test_only_exact_matches_merge_and_the_first_holds(maps: list[Path]) -> None:
    terms = read_disease_terms(maps)
    assert terms.to_mondo == {"EFO:0009491": "MONDO:0000004", "EFO:0000077": "MONDO:0000077"}
    assert terms.merged(["EFO:0009491", "EFO:5"]) == ("MONDO:0000004",)
    assert terms.merged(["EFO:0009492"]) == ("EFO:0009492",)
    assert terms.label("MONDO:0000004") == "adrenal disease"


def test_names_are_mapped_whatever_their_spelling(maps: list[Path]) -> None:
    terms = read_disease_terms(maps)
    assert terms.of_name("Addison_disease") == ("MONDO:0000004",)
    assert terms.of_name("Two_names") == ("MONDO:0000009",)
    assert terms.of_name("unknown") == ()
    assert is_vague("not_provided")
    assert is_vague("not specified")
    assert not is_vague("not_provided_elsewhere")


def test_every_line_of_a_map_is_counted(maps: list[Path]) -> None:
    counts = read_disease_terms(maps).counts
    assert counts["mondo.sssom.tsv.gz"] == {
        "read": 4,
        "used": 1,
        "dropped": {"not_exact": 1, "another_match_before": 1, "not_one_mondo_term": 1},
    }
    assert counts["traits.tsv"] == {"read": 4, "used": 3, "dropped": {"no_identifier": 1}}
    assert counts["pairs.tsv"] == {"read": 1, "used": 1, "dropped": {}}


def test_a_table_that_is_no_map_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(UserError, match="is no map of disease terms"):
        read_disease_terms([path])


@pytest.mark.real_data
def test_real_maps_are_recognised_and_counted(real_data: Path) -> None:
    paths = sorted((real_data / "bench" / "ontology").glob("*.tsv.gz"))
    terms = read_disease_terms(paths)
    for path in paths:
        with gzip.open(path, "rt") as handle:
            lines = [line for line in handle if not line.startswith("#")]
        counts = terms.counts[path.name]
        assert counts["read"] == len(lines) - ("sssom" in path.name)
        assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
    assert terms.of_name("3-methylglutaconic_aciduria_type_2") == ("MONDO:0010543",)
    assert terms.merged(["EFO:0009491"]) == ("MONDO:0000004",)
