"""Names from data: what SAM allows for contigs, what can name a folder, and file names."""

from __future__ import annotations

import re

import pytest

from pybmfm.core import UserError, check_contigs, check_label, contig_file_name

LEGAL = [
    "chr1",
    "HLA-A*01:01:01:01",
    "chrUn_KI270742v1",
    "NC_000020.11",
    "gi|568336023|gb|CM000663.2|",
    "1=2*3",
    "~!#$%&+./:;?@^_|-",
]
ILLEGAL = ["", "*1", "=1", "1'$(touch", "1`id`", '1"', "a b", "a,b", "<1>", "chr\\1", "é", "a\n"]
NO_LABELS = ["", ".", "..", "../x", "a/b", "/x", "-v", ".hidden", "t$(touch RAN)", "a b", "a\n"]


@pytest.mark.parametrize("name", LEGAL)
def test_contig_names_of_sam_are_legal(name):
    check_contigs([name], "genome.fa")


@pytest.mark.parametrize("name", ILLEGAL)
def test_other_contig_names_are_one_sentence(name):
    sentence = r"genome\.fa: contig name .* is not allowed in SAM; rename"
    with pytest.raises(UserError, match=sentence):
        check_contigs(["chr1", name], "genome.fa")


def test_a_long_contig_name_is_not_quoted_whole():
    with pytest.raises(UserError) as refused:
        check_contigs(["'" * 10_000], "genome.fa")
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("name", ["promoter", "prom_300_all.class1", "0", "DNABERT-2-117M"])
def test_labels_that_can_name_a_folder_are_legal(name):
    assert check_label(name, "task") == name


@pytest.mark.parametrize("name", [*NO_LABELS, None, 3, ["t"]])
def test_other_labels_are_one_sentence(name):
    sentence = r"head\.json: task name '.*' cannot name a folder; use"
    with pytest.raises(UserError, match=sentence):
        check_label(name, "task", file="head.json")


def test_contigs_have_safe_file_names_of_their_own():
    names = [*LEGAL, "../x", ".", "..", "...", "a/b", "a|b", "a;b", "-x", "x" * 300, "x" * 301]
    files = [contig_file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", file) for file in files)
    assert max(map(len, files)) < 120
    assert contig_file_name("chr1") == "chr1"
