from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.tasks.clinvar import ClinvarFilter, read_clinvar, significances, stars_of
from pybmfm.tasks.disease_evidence import ConditionRule, Evidence, SourceCounts
from pybmfm.tasks.disease_terms import DiseaseTerms
from tests.tasks.disease_inputs import CLINVAR_HEADER, clinvar_line, write_clinvar, write_fasta

TERMS = DiseaseTerms(to_mondo={"OMIM:7": "MONDO:0000007"}, by_name={"by name": ("EFO:9",)})


def read(
    tmp_path: Path,
    lines: list[str],
    chosen: ClinvarFilter | None = None,
    rule: ConditionRule | None = None,
    header: tuple[str, ...] = CLINVAR_HEADER,
) -> tuple[list[Evidence], SourceCounts]:
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "ACGTNACGTA"})
    vcf = write_clinvar(tmp_path / "c.vcf", lines, header)
    counts = SourceCounts()
    with Genome(fasta) as genome:
        found = read_clinvar(
            vcf,
            genome,
            chosen=chosen or ClinvarFilter(),
            rule=rule or ConditionRule(TERMS),
            counts=counts,
        )
        return list(found), counts


def test_a_significant_snp_is_placed_under_the_fasta_name(tmp_path: Path) -> None:
    found, counts = read(tmp_path, [clinvar_line("1", 2, "C", "T")])
    assert found == [Evidence(0, "chr1", 1, "C", ("T",), ("MONDO:0000001",))]
    assert (counts.read, counts.dropped) == (1, {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (clinvar_line("9", 2, "C", "T"), "contig_not_in_fasta"),
        (clinvar_line("1", 11, "C", "T"), "beyond_contig_end"),
        (clinvar_line("1", 0, "C", "T"), "beyond_contig_end"),
        (clinvar_line("1", 2, "CG", "C"), "not_snv"),
        (clinvar_line("1", 2, "C", "CT"), "not_snv"),
        (clinvar_line("1", 2, "C", "."), "no_alternate"),
        (clinvar_line("1", 2, "C", "C"), "no_alternate"),
        (clinvar_line("1", 2, "A", "T"), "reference_mismatch"),
        (clinvar_line("1", 5, "A", "T"), "reference_n"),
        (clinvar_line("1", 2, "C", "T", significance=None), "no_significance"),
        (clinvar_line("1", 2, "C", "T", significance="not_provided"), "no_significance"),
        (clinvar_line("1", 2, "C", "T", significance="Benign"), "other_significance"),
        (clinvar_line("1", 2, "C", "T", status="no_assertion_criteria_provided"), "review_status"),
        (clinvar_line("1", 2, "C", "T", names="not_provided|not_specified"), "non_specified"),
        (clinvar_line("1", 2, "C", "T", names=None), "non_specified"),
        (clinvar_line("1", 2, "C", "T", databases="MedGen:C1"), "unmapped_trait"),
    ],
)
def test_each_filter_counts_what_it_leaves_out(tmp_path: Path, line: str, reason: str) -> None:
    found, counts = read(tmp_path, [line])
    assert found == []
    assert counts.dropped == {reason: 1}


def test_conditions_are_named_by_mondo_then_maps_then_efo(tmp_path: Path) -> None:
    lines = [
        clinvar_line("1", 2, "C", "T", names="A|not_provided", databases="MONDO:MONDO:1,OMIM:7|x"),
        clinvar_line("1", 2, "C", "T", names="A", databases="OMIM:7,MedGen:C1"),
        clinvar_line("1", 2, "C", "T", names="By_name", databases="MedGen:C1"),
        clinvar_line("1", 2, "C", "T", names="A", databases="EFO:EFO_5"),
        clinvar_line("1", 2, "C", "T", names="A|By_name", databases="only:one"),
    ]
    found, counts = read(tmp_path, lines)
    expected = [
        ("MONDO:0000007", "MONDO:1"),
        ("MONDO:0000007",),
        ("EFO:9",),
        ("EFO:5",),
        ("EFO:9",),
    ]
    assert [one.terms for one in found] == expected
    assert counts.conditions_dropped == {"non_specified": 1, "unmapped_trait": 1}


def test_vague_and_unmapped_conditions_can_be_kept(tmp_path: Path) -> None:
    lines = [
        clinvar_line("1", 2, "C", "T", names="not_provided"),
        clinvar_line("1", 2, "C", "T", names="Rare_thing", databases="MedGen:C1,SNOMED:2"),
        clinvar_line("1", 2, "C", "T", names="Rare_thing,_so", databases="."),
    ]
    rule = ConditionRule(TERMS, keep_unspecified=True, keep_unmapped=True)
    found, _ = read(tmp_path, lines, rule=rule)
    assert [one.terms for one in found] == [
        ("non-specified",),
        ("MEDGEN:C1",),
        ("NAME:Rare_thing_so",),
    ]


def test_significance_and_stars_are_choices(tmp_path: Path) -> None:
    lines = [
        clinvar_line("1", 2, "C", "T", significance="Uncertain_significance"),
        clinvar_line("1", 2, "C", "T", significance="drug_response", status="practice_guideline"),
    ]
    found, _ = read(tmp_path, lines, ClinvarFilter(("any",), 0))
    assert len(found) == 2
    found, counts = read(tmp_path, lines, ClinvarFilter(("drug_response",), 4))
    assert [one.row for one in found] == [1]
    assert counts.dropped == {"other_significance": 1}
    assert significances("Pathogenic/Likely_pathogenic%2C_not_provided|risk_factor") == {
        *("pathogenic", "likely_pathogenic", "not_provided", "risk_factor")
    }
    assert stars_of("criteria_provided,_multiple_submitters,_no_conflicts") == 2


def test_a_file_without_review_status_is_not_judged_by_it(tmp_path: Path) -> None:
    header = tuple(line for line in CLINVAR_HEADER if "CLNREVSTAT" not in line)
    found, counts = read(tmp_path, [clinvar_line("1", 2, "C", "T", status="x")], header=header)
    assert len(found) == 1
    assert counts.notes["review_status"] == "not in this file"


def test_a_malformed_record_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 6: POS 'x' is not a number"):
        read(tmp_path, [clinvar_line("1", 2, "C", "T"), "1\tx\t.\tC\tT\t.\t.\t."])
    with pytest.raises(UserError, match="line 5: has 3 tab-separated columns"):
        read(tmp_path, ["1\t2\t."])


def test_another_assembly_is_refused(tmp_path: Path) -> None:
    lines = [clinvar_line("1", 2, "C", "T")] * 190 + [clinvar_line("1", 3, "A", "T")] * 10
    with pytest.raises(UserError, match=r"disagrees with .* at 10 of 200"):
        read(tmp_path, lines)
