"""Scores equal brute force through plain transformers, and nothing else in the VCF changes."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pysam
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from pybmfm.core import UserError
from pybmfm.inference import ScoreSettings, score_variants
from pybmfm.variants import code_of_states, codes_to_text

HEADER = (
    '##fileformat=VCFv4.2\n##INFO=<ID=RS,Number=1,Type=Integer,Description="an, id">\n'
    "##contig=<ID=NC_000001.10>\n##contig=<ID=NC_000020.10>\n##contig=<ID=elsewhere>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tperson\n"
)
SWAP = str.maketrans("ACGT", "TGCA")
OTHER = {"A": "G", "G": "T", "T": "C", "C": "A"}
WINDOW = 60


def record(contig: str, pos1: int, ref: str, alt: str, info: str = "RS=7;FLAG") -> str:
    return f"{contig}\t{pos1}\trs {pos1}\t{ref}\t{alt}\t.\tPASS\t{info}\tGT\t0|1\n"


def write_vcf(path: Path, lines: Sequence[str], header: str = HEADER) -> Path:
    path.write_text(header + "".join(lines))
    return path


def bgzip_of(path: Path) -> bytes:
    packed = path.with_name("again.vcf.gz")
    pysam.tabix_compress(str(path), str(packed))
    return packed.read_bytes()


def bcf_of(path: Path) -> bytes:
    packed = path.with_name("again.bcf")
    with (
        pysam.VariantFile(str(path)) as text,
        pysam.VariantFile(str(packed), "wb", header=text.header) as out,
    ):
        for one in text:
            out.write(one)
    return packed.read_bytes()


def score(tmp_path: Path, checkpoint: Path, fasta: Path, vcf: Path, **options: object) -> Path:
    out = tmp_path / "scored.vcf.gz"
    settings = {"window": WINDOW, "flank": 8, "device": "cpu", **options}
    score_variants(ScoreSettings(checkpoint, fasta, vcf, out, **settings))  # type: ignore[arg-type]
    return out


def info_of(path: Path) -> list[dict[str, str]]:
    """INFO of each record as text."""
    with gzip.open(path, "rt") as handle:
        rows = [line.rstrip("\n").split("\t") for line in handle if not line.startswith("#")]
    return [dict(item.partition("=")[::2] for item in row[7].split(";")) for row in rows]


def brute_force(checkpoint: Path, text: str, wanted: set[int]) -> float:
    """Sum of log p(token | others) over the token numbers ``wanted``, one forward per token."""
    model = AutoModelForMaskedLM.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    total = 0.0
    for token in sorted(wanted):
        masked = ids.clone()
        masked[0, token + 1] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = model(input_ids=masked).logits[0, token + 1]
        total += float(torch.log_softmax(logits, -1)[ids[0, token + 1]])
    return total


def token_spans(checkpoint: Path, text: str) -> list[tuple[int, int]]:
    tokens = AutoTokenizer.from_pretrained(checkpoint).tokenize(text)
    ends = [sum(map(len, tokens[: i + 1])) for i in range(len(tokens))]
    return [(end - len(token), end) for end, token in zip(ends, tokens, strict=True)]


def expected_difference(
    checkpoint: Path, first: str, second: str, start: int, lengths: tuple[int, int], flank: int
) -> float:
    """The documented definition, written out naively over sets of borders."""
    spans = [token_spans(checkpoint, text) for text in (first, second)]
    left = max(
        x for x in {a for a, _ in spans[0]} & {a for a, _ in spans[1]} if x <= max(0, start - flank)
    )
    tail = max(0, len(first) - start - lengths[0] - flank)
    tails = [{len(text) - b for _, b in s} for text, s in zip((first, second), spans, strict=True)]
    right = max(y for y in tails[0] & tails[1] if y <= tail)
    values = [
        brute_force(
            checkpoint,
            text,
            {i for i, (a, b) in enumerate(s) if a >= left and b <= len(text) - right},
        )
        for text, s in zip((first, second), spans, strict=True)
    ]
    return values[1] - values[0]


def complement(text: str) -> str:
    return text.translate(SWAP)[::-1]


@pytest.mark.parametrize("alt_tail", ["", "ACG"], ids=["SNV", "insertion"])
@pytest.mark.parametrize("flank", [8, None], ids=["flank", "whole window"])
def test_llr_equals_brute_force(
    tmp_path: Path,
    snp_checkpoint: Path,
    fasta: Path,
    bases: dict[str, str],
    alt_tail: str,
    flank: int | None,
) -> None:
    start = 700
    ref = bases["chr1"][start]
    alt = OTHER[ref] if not alt_tail else ref + alt_tail
    vcf = write_vcf(tmp_path / "in.vcf", [record("NC_000001.10", start + 1, ref, alt)])
    info = info_of(score(tmp_path, snp_checkpoint, fasta, vcf, flank=flank))[0]
    begin = start - WINDOW // 2
    first = bases["chr1"][begin : begin + WINDOW]
    left = start - begin
    second = first[:left] + alt + first[left + 1 :]
    reach = WINDOW if flank is None else flank
    plus = expected_difference(snp_checkpoint, first, second, left, (1, len(alt)), reach)
    minus = expected_difference(
        snp_checkpoint,
        complement(first),
        complement(second),
        WINDOW - left - 1,
        (1, len(alt)),
        reach,
    )
    assert float(info["BMFM_LLR"]) == pytest.approx((plus + minus) / 2, abs=2e-3)
    assert float(info["BMFM_SHIFT"]) > 0


def test_pair_equals_brute_force_at_the_site(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    start = 700
    ref = bases["chr1"][start]
    alt = OTHER[ref]
    vcf = write_vcf(tmp_path / "in.vcf", [record("NC_000001.10", start + 1, ref, alt)])
    info = info_of(score(tmp_path, snp_checkpoint, fasta, vcf))[0]
    begin = start - WINDOW // 2
    first, left = bases["chr1"][begin : begin + WINDOW], start - begin
    values = []
    for text, place, one, other in (
        (first, left, ref, alt),
        (complement(first), WINDOW - left - 1, complement(ref), complement(alt)),
    ):
        symbol = symbol_of(one, other)
        changed = text[:place] + symbol + text[place + 1 :]
        values.append(expected_difference(snp_checkpoint, text, changed, place, (1, 1), 0))
    assert float(info["BMFM_PAIR"]) == pytest.approx(sum(values) / 2, abs=2e-3)


def symbol_of(one: str, other: str) -> str:
    import numpy as np

    code = code_of_states("AGTC".index(one), "AGTC".index(other))
    return codes_to_text(np.array([code], dtype=np.uint8))


def test_everything_else_is_byte_identical_and_indexed(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    lines = [
        record("NC_000001.10", p + 1, bases["chr1"][p], OTHER[bases["chr1"][p]], info)
        for p, info in ((300, "."), (300, "RS=9"), (640, "RS=1;NOTE=a=b;BMFM_LLR=5"))
    ]
    lines.append(record("NC_000020.10", 101, bases["chr20"][100], "<DEL>"))
    vcf = write_vcf(tmp_path / "in.vcf", lines)
    out = score(tmp_path, snp_checkpoint, fasta, vcf)
    with gzip.open(out, "rt") as handle:
        text = handle.read().splitlines(keepends=True)
    records = [line.split("\t") for line in text if not line.startswith("#")]
    before = [line.split("\t") for line in lines]
    assert [row[:7] + row[8:] for row in records] == [row[:7] + row[8:] for row in before]
    kept = [row[7].split("BMFM")[0].rstrip(";") for row in records]
    assert kept == ["", "RS=9", "RS=1;NOTE=a=b", "RS=7;FLAG"]
    assert records[2][7].count("BMFM_LLR=") == 1
    header = [line for line in text if line.startswith("#")]
    assert [line for line in header if "BMFM" not in line and "pybmfm" not in line] == (
        HEADER.splitlines(keepends=True)
    )
    with pysam.VariantFile(str(out)) as scored:
        assert [r.pos for r in scored.fetch("NC_000001.10", 600, 700)] == [641]
        assert scored.header.info["BMFM_LLR"].number == "A"
        assert scored.header.info["BMFM_NOTE"].type == "String"


def test_every_allele_has_scores_or_a_note(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    chr1, chr20 = bases["chr1"], bases["chr20"]
    snv = OTHER[chr20[50]]
    cases = {
        "first base": record("NC_000001.10", 1, chr1[0], OTHER[chr1[0]]),
        "deletion": record("NC_000001.10", 501, chr1[500:504], chr1[500]),
        "delins": record("NC_000001.10", 551, chr1[550:552], OTHER[chr1[550]]),
        "long": record("NC_000001.10", 601, chr1[600 : 600 + WINDOW + 1], chr1[600]),
        "last base": record("NC_000001.10", 1500, chr1[-1], OTHER[chr1[-1]]),
        "beyond": record("NC_000001.10", 1501, "A", "C"),
        "multi": record("NC_000020.10", 51, chr20[50], f"{snv},<DEL>,{chr20[50]}TT,*"),
        "mismatch": record("NC_000020.10", 101, OTHER[chr20[100]], chr20[100]),
        "no alt": record("NC_000020.10", 102, chr20[101], "."),
        "breakend": record("NC_000020.10", 103, chr20[102], f"{chr20[102]}[chr1:9["),
        "iupac": record("NC_000020.10", 104, chr20[103], "R"),
        "near n": record("NC_000020.10", 900, chr20[899], OTHER[chr20[899]]),
        "n": record("NC_000020.10", 905, "N", "A"),
        "nowhere": record("elsewhere", 5, "A", "C"),
    }
    vcf = write_vcf(tmp_path / "in.vcf", list(cases.values()))
    infos = dict(zip(cases, info_of(score(tmp_path, snp_checkpoint, fasta, vcf)), strict=True))
    for name in ("first base", "deletion", "delins", "last base", "near n"):
        for key in ("BMFM_LLR", "BMFM_PAIR", "BMFM_SHIFT"):
            float(infos[name][key])
        assert "BMFM_NOTE" not in infos[name]
    notes = {name: info.get("BMFM_NOTE") for name, info in infos.items()}
    assert notes["long"] == "allele_longer_than_window"
    assert notes["beyond"] == "beyond_contig_end"
    assert notes["mismatch"] == "reference_mismatch"
    assert notes["no alt"] == "no_alternate_allele"
    assert notes["breakend"] == "symbolic_allele"
    assert notes["iupac"] == "alternate_letters_outside_acgt"
    assert notes["n"] == "reference_n"
    assert notes["nowhere"] == "contig_not_in_fasta"
    assert notes["multi"] == "2:symbolic_allele,4:overlapping_deletion_allele"
    values = infos["multi"]["BMFM_LLR"].split(",")
    assert [value == "." for value in values] == [False, True, False, True]


def test_ref_models_have_no_pair(
    tmp_path: Path, ref_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    ref = bases["chr1"][700]
    alts = f"{OTHER[ref]},{ref}A"
    vcf = write_vcf(tmp_path / "in.vcf", [record("NC_000001.10", 701, ref, alts)])
    info = info_of(score(tmp_path, ref_checkpoint, fasta, vcf))[0]
    assert info["BMFM_PAIR"] == ".,."
    assert len([float(value) for value in info["BMFM_LLR"].split(",")]) == 2


def test_batches_and_neighbours_do_not_change_scores(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    places = (200, 201, 640)
    lines = [
        record("NC_000001.10", p + 1, bases["chr1"][p], OTHER[bases["chr1"][p]]) for p in places
    ]
    vcf = write_vcf(tmp_path / "in.vcf", lines)
    whole = info_of(score(tmp_path, snp_checkpoint, fasta, vcf))
    small = info_of(score(tmp_path, snp_checkpoint, fasta, vcf, batch_tokens=1))
    for one, other in zip(whole, small, strict=True):
        assert float(one["BMFM_LLR"]) == pytest.approx(float(other["BMFM_LLR"]), abs=2e-3)
    alone = write_vcf(tmp_path / "alone.vcf", lines[1:2])
    single = info_of(score(tmp_path, snp_checkpoint, fasta, alone))[0]
    assert float(single["BMFM_LLR"]) == pytest.approx(float(whole[1]["BMFM_LLR"]), abs=2e-3)


FORMS: dict[str, Callable[[Path], bytes]] = {
    "gzip": lambda path: gzip.compress(path.read_bytes()),
    "bgzip": bgzip_of,
    "BCF": bcf_of,
    "byte order mark": lambda path: b"\xef\xbb\xbf" + path.read_bytes(),
    "blank end": lambda path: path.read_bytes() + b"\n\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_vcf_is_read_in_whatever_form_it_comes(
    tmp_path: Path, ref_checkpoint: Path, fasta: Path, bases: dict[str, str], form: str
) -> None:
    line = record("NC_000001.10", 9, bases["chr1"][8], OTHER[bases["chr1"][8]], info=".")
    without_sample = line.replace("rs 9", "rs9").replace("\tGT\t0|1", "")
    header = HEADER.replace("\tFORMAT\tperson", "")
    plain = write_vcf(tmp_path / "in.vcf", [without_sample], header)
    expected = info_of(score(tmp_path, ref_checkpoint, fasta, plain))
    other = tmp_path / "other"  # what it is shows in its content
    other.write_bytes(FORMS[form](plain))
    assert info_of(score(tmp_path, ref_checkpoint, fasta, other)) == expected


@pytest.mark.parametrize("info", ["", ".", "RS=7;", ";;RS=7", ".;RS=7"])
def test_nothing_empty_is_left_in_info(
    tmp_path: Path, ref_checkpoint: Path, fasta: Path, bases: dict[str, str], info: str
) -> None:
    line = record("NC_000001.10", 9, bases["chr1"][8], OTHER[bases["chr1"][8]], info=info)
    out = score(tmp_path, ref_checkpoint, fasta, write_vcf(tmp_path / "in.vcf", [line]))
    with gzip.open(out, "rt") as lines:
        items = list(lines)[-1].split("\t")[7].split(";")
    kept = ["RS=7"] if "RS" in info else []
    assert [item.partition("=")[0] for item in items[len(kept) :]] == [
        "BMFM_LLR",
        "BMFM_PAIR",
        "BMFM_SHIFT",
    ]
    assert items[: len(kept)] == kept


def test_a_vcf_without_an_allele_to_score_is_refused(
    tmp_path: Path, ref_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    base = bases["chr1"][8]
    lines = [record("NC_000001.10", 9, base, alt) for alt in ("<X>", "<X>,<Y>", base)]
    message = "none of 4 alleles can be used, 3 are dropped for symbolic_allele"
    with pytest.raises(UserError, match=message):
        score(tmp_path, ref_checkpoint, fasta, write_vcf(tmp_path / "in.vcf", lines))
    assert [path.name for path in tmp_path.iterdir()] == ["in.vcf"]


BROKEN = {
    "unsorted": ([("NC_000001.10", 20), ("NC_000001.10", 10)], "line 8: is not sorted"),
    "split contig": (
        [("NC_000001.10", 1), ("elsewhere", 1), ("NC_000001.10", 2)],
        "line 9: records of NC_000001.10 stand apart",
    ),
    "most records elsewhere": (
        [("NC_000001.10", 1), ("elsewhere", 1), ("elsewhere", 2)],
        "2 of 3 records lie on contigs that .* has not: elsewhere; give a VCF and a FASTA",
    ),
    "no shared contig": ([("elsewhere", 1)], "shares no contig"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_order_and_names_are_user_errors(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str], name: str
) -> None:
    places, message = BROKEN[name]
    lines = [record(contig, pos1, bases["chr1"][pos1 - 1], "<X>") for contig, pos1 in places]
    vcf = write_vcf(tmp_path / "in.vcf", lines)
    with pytest.raises(UserError, match=message):
        score(tmp_path, snp_checkpoint, fasta, vcf)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"##fileformat=VCFv4.2\n", "no #CHROM line"),
        (b"chr1\t1\t.\tA\tC\t.\t.\t.\n", "line 1: a record comes before"),
        (HEADER.encode() + b"chr1\t1\t.\tA\tC\n", "line 7: has 5 tab-separated columns"),
        (HEADER.encode() + b"chr1\tx\t.\tA\tC\t.\t.\t.\n", "line 7: POS 'x' is not a number"),
        (gzip.compress(HEADER.encode())[:-20], "is truncated or damaged"),
        (HEADER.encode(), "holds no alleles"),
        (HEADER.encode() + b"chr1\t1\t.\tA\t\t.\t.\t.\n", "line 7: ALT is empty; fill it"),
        (HEADER.encode() + b"chr1\t1\t.\tA\tC\t.\t.\t\0\n", "line 7: holds a NUL byte"),
        (b"PK\3\4" + HEADER.encode(), "is a zip file"),
        (b"<html><body>404", "is a web page, not a VCF"),
    ],
)
def test_malformed_vcf_is_a_user_error(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, content: bytes, message: str
) -> None:
    vcf = tmp_path / "in.vcf"
    vcf.write_bytes(content)
    with pytest.raises(UserError, match=message):
        score(tmp_path, snp_checkpoint, fasta, vcf)


def test_bgzip_without_its_end_block_is_a_user_error(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path
) -> None:
    vcf = tmp_path / "in.vcf.gz"
    with pysam.BGZFile(str(vcf), "wb") as handle:
        handle.write(HEADER.encode())
    vcf.write_bytes(vcf.read_bytes()[:-28])
    with pytest.raises(UserError, match="is truncated or damaged"):
        score(tmp_path, snp_checkpoint, fasta, vcf)


def test_vcf_of_another_assembly_is_refused(
    tmp_path: Path, snp_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    wrong = [OTHER[base] for base in bases["chr1"][:40]]
    lines = [record("NC_000001.10", i + 1, base, "<X>") for i, base in enumerate(wrong)]
    vcf = write_vcf(tmp_path / "in.vcf", lines)
    with pytest.raises(UserError, match="REF disagrees with the FASTA at 40 of the first 40 "):
        score(tmp_path, snp_checkpoint, fasta, vcf)


@pytest.mark.parametrize(
    ("records", "wrong", "refused"), [(220, 2, False), (220, 3, True), (199, 20, False)]
)
def test_more_than_one_percent_of_a_large_file_disagreeing_is_refused_at_the_end(
    tmp_path: Path,
    ref_checkpoint: Path,
    fasta: Path,
    bases: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    records: int,
    wrong: int,
    refused: bool,
) -> None:
    text = bases["chr1"][:records]
    given = text[:-wrong] + "".join(OTHER[base] for base in text[-wrong:])
    # Symbolic alleles need no model; the first is scored, or nothing would be.
    alternates = [OTHER[given[0]], *["<X>"] * (records - 1)]
    lines = [record("NC_000001.10", i + 1, base, alternates[i]) for i, base in enumerate(given)]
    vcf = write_vcf(tmp_path / "in.vcf", lines)
    first = rf"at {wrong} of {records} comparable records, first chr1:{records - wrong + 1} "
    if refused:
        with pytest.raises(UserError, match=first):
            score(tmp_path, ref_checkpoint, fasta, vcf)
        assert [path.name for path in tmp_path.iterdir()] == ["in.vcf"]
        return
    infos = info_of(score(tmp_path, ref_checkpoint, fasta, vcf))
    assert [info.get("BMFM_NOTE") for info in infos].count("reference_mismatch") == wrong
    assert first in caplog.text


def test_contigs_of_the_header_are_matched_together(
    tmp_path: Path, ref_checkpoint: Path, fasta: Path, bases: dict[str, str]
) -> None:
    length = len(bases["chr1"])
    contigs = f"##contig=<ID=copy,length={length}>\n##contig=<ID=1>\n"
    base = bases["chr1"][4]
    lines = [record("copy", 5, base, "<X>"), record("1", 5, base, f"<X>,{OTHER[base]}")]
    vcf = write_vcf(
        tmp_path / "in.vcf", lines, HEADER.replace("##contig=<ID=elsewhere>\n", contigs)
    )
    notes = [info["BMFM_NOTE"] for info in info_of(score(tmp_path, ref_checkpoint, fasta, vcf))]
    assert notes == ["contig_not_in_fasta", "1:symbolic_allele"]
