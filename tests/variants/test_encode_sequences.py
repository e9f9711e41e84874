from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError, read_table
from pybmfm.genome import Genome
from pybmfm.variants import Locus, WindowEncoder, codes_to_text, encode_loci, encode_locus
from pybmfm.variants.placement import check_loci, read_rows
from pybmfm.variants.sequences import SequenceSettings, encode_sequences

from .conftest import MakeTable

SEQUENCE = "ACGTTGCAAC" * 30
MINUS = SEQUENCE.translate(str.maketrans("ACGT", "TGCA"))[::-1]
RECORDS = [f"chr1 {n + 1} {SEQUENCE[n]} {SEQUENCE[n + 1]} AF=0.4" for n in range(7, 290, 10)]


@pytest.fixture
def encoder(make_table: MakeTable) -> Iterator[WindowEncoder]:
    table = make_table({"chr1": SEQUENCE, "chr2": SEQUENCE}, *RECORDS, "2 1 A C AF=0.5")
    with Genome(table.folder.parent / "genome.fa") as genome:
        yield WindowEncoder(genome, table, seed=2)


@pytest.fixture
def given_(encoder: WindowEncoder, tmp_path: Path) -> SequenceSettings:
    """Settings for a table yet to be written, over the encoder's genome and table."""
    return SequenceSettings(
        input=tmp_path / "loci.csv",
        fasta=tmp_path / "genome.fa",
        frequencies=tmp_path / "frequencies",
        out=tmp_path / "encoded.csv",
        seed=2,
    )


_LOCI = st.tuples(
    st.sampled_from(["chr1", "chr2"]),
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted),
    st.sampled_from("+-"),
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(_LOCI, max_size=8))
def test_loci_are_encoded_in_their_order_as_each_alone(
    encoder: WindowEncoder, drawn: list[tuple[str, list[int], str]]
) -> None:
    loci = [Locus(contig, start, end, strand) for contig, (start, end), strand in drawn]
    texts = encode_loci(encoder, loci, pass_number=1)
    assert texts == [encode_locus(encoder, locus, pass_number=1) for locus in loci]
    assert texts == [
        codes_to_text(encoder.encode(contig, start, end, strand=strand, pass_number=1))
        for contig, start, end, strand in loci
    ]


def test_a_strand_is_plus_or_minus(encoder: WindowEncoder) -> None:
    with pytest.raises(ValueError, match=r"not '\.'"):
        encode_locus(encoder, Locus("chr1", 0, 5, "."))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".csv.gz"])
def test_a_table_keeps_its_rows_and_columns(
    encoder: WindowEncoder, given_: SequenceSettings, tmp_path: Path, suffix: str
) -> None:
    table = pd.DataFrame(
        {
            "id": ["007", "a", "b"],
            "contig": ["chr1", "2", "NC_000001.11"],
            "start": [5, 0, 5],
            "end": [25, 10, 25],
            "strand": ["+", "-", "."],
            "label": ["x", "y", "z"],
        }
    )
    path, out = tmp_path / f"loci{suffix}", tmp_path / f"out{suffix}"
    write = table.to_parquet if suffix == ".parquet" else table.to_csv
    write(path, **({"sep": "\t"} if suffix == ".tsv" else {}), index=False)
    counts = encode_sequences(_with(given_, input=path, out=out))
    assert counts == {"read": 3, "used": 3, "dropped": {}, "insertion_marks_dropped": {}}
    written = read_table(out)
    assert list(written.columns) == [*table.columns, "sequence"]
    assert written["id"].tolist() == ["007", "a", "b"]
    loci = [Locus("chr1", 5, 25), Locus("chr2", 0, 10, "-"), Locus("chr1", 5, 25)]
    assert written["sequence"].tolist() == encode_loci(encoder, loci)
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert manifest["counts"] == counts
    assert manifest["settings"] == {"strategy": "paper", "pass": 0, "seed": 2}
    assert manifest["alphabet"] == "encoded"
    assert [one["name"] for one in manifest["inputs"]] == [
        path.name, "genome.fa", "frequencies/manifest.json",
    ]  # fmt: skip


def _with(settings: SequenceSettings, **changes: object) -> SequenceSettings:
    return SequenceSettings(**{**settings.__dict__, **changes})


@pytest.mark.parametrize("compress", [False, True])
def test_bed_is_read_with_its_names(
    encoder: WindowEncoder, given_: SequenceSettings, tmp_path: Path, compress: bool
) -> None:
    text = "# made by hand\ntrack name=x\nchr1\t0\t20\tp1\t0\t-\textra\nchr2\t3\t9\tp2\t0\t.\t.\n"
    path = tmp_path / ("loci.bed.gz" if compress else "loci.bed")
    path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
    encode_sequences(_with(given_, input=path))
    written = read_table(given_.out)
    names = ["contig", "start", "end", "name", "score", "strand", "column7", "sequence"]
    assert list(written.columns) == names
    assert written["name"].tolist() == ["p1", "p2"]
    loci = [Locus("chr1", 0, 20, "-"), Locus("chr2", 3, 9)]
    assert written["sequence"].tolist() == encode_loci(encoder, loci)


def test_three_columns_are_a_bed(given_: SequenceSettings, tmp_path: Path) -> None:
    path = tmp_path / "loci.bed"
    path.write_text("chr1 0 5\n\nchr1 5 9\n")
    assert check_loci(read_rows(path), path).to_dict("list") == {
        "contig": ["chr1", "chr1"],
        "start": [0, 5],
        "end": [5, 9],
    }


def _rows(path: Path, *rows: str, header: str = "contig,start,end,strand,sequence") -> None:
    path.write_text("\n".join([header, *rows]) + "\n")


def test_rows_that_cannot_be_used_are_dropped_and_counted(given_: SequenceSettings) -> None:
    good = [f"chr1,{n},{n + 9},+,{SEQUENCE[n : n + 9].lower()}" for n in range(200)]
    bad = ["chr7,0,5,+,ACGTT", "chr1,290,301,+,A", "chr1,0,5,+,ACGTA"]
    blank = ["chr1,0,9,+,"]
    minus = [f"chr1,0,9,-,{MINUS[-9:]}"]
    _rows(given_.input, *good, *bad, *blank, *minus)
    counts = encode_sequences(given_)
    assert counts["read"] == 205
    assert counts["used"] == 202
    assert counts["dropped"] == {
        "beyond_contig_end": 1,
        "contig_not_in_fasta": 1,
        "sequence_differs_from_fasta": 1,
    }
    assert len(read_table(given_.out)) == 202


def test_a_table_of_another_genome_is_refused(given_: SequenceSettings) -> None:
    _rows(given_.input, "chr1,0,5,+,ACGTT", "chr1,1,6,+,ACGTT")
    with pytest.raises(UserError, match="line 3: 1 of 2 sequences differ from"):
        encode_sequences(given_)
    assert not given_.out.exists()
    assert not Path(f"{given_.out}.manifest.json").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["chr1,x,5,+,"], "line 2: holds a value of start that is not a whole number"),
        (
            ["chr1,0,5,+,", "chr1,1.5,5,+,"],
            "line 3: holds a value of start that is not a whole number",
        ),
        (["chr1,-1,5,+,"], "value of start that is not"),
        (["chr1,0,99999999999,+,"], "value of end that is not"),
        (["chr1,5,5,+,"], "line 2: ends where it starts or before"),
        (["chr1,0,5,?,"], "line 2: has another strand"),
        ([], "has no rows"),
        (["chr9,0,5,+,"], "shares no contig with .* the table has chr9, the FASTA has chr1"),
        (["chr1,0,301,+,"], r"no row that can be encoded \(beyond_contig_end 1\)"),
    ],
)
def test_malformed_tables_are_refused(
    given_: SequenceSettings, rows: list[str], message: str
) -> None:
    _rows(given_.input, *rows)
    with pytest.raises(UserError, match=message):
        encode_sequences(given_)
    assert not given_.out.exists()


def test_a_byte_order_mark_of_a_bed_is_passed_over(
    given_: SequenceSettings, tmp_path: Path
) -> None:
    path = tmp_path / "loci.bed"
    path.write_bytes(b"\xef\xbb\xbfchr1\t0\t5\nchr1\t1\t6\n")
    assert encode_sequences(_with(given_, input=path))["used"] == 2


def test_missing_columns_and_ragged_beds_are_refused(
    given_: SequenceSettings, tmp_path: Path
) -> None:
    _rows(given_.input, "chr1,0,5", header="chrom,start,end")
    with pytest.raises(UserError, match="has no column 'contig'"):
        encode_sequences(given_)
    bed = tmp_path / "loci.bed"
    with pytest.raises(UserError, match="no such file"):
        read_rows(bed)
    for text in ("chr1\t0\t5\nchr1\t0\t5\tname\n", "chr1\t0\n"):
        bed.write_text(text)
        with pytest.raises(UserError, match="columns"):
            read_rows(bed)
    bed.write_text("# nothing\n")
    with pytest.raises(UserError, match="has no rows"):
        read_rows(bed)


def test_without_variants_the_reference_is_written(given_: SequenceSettings) -> None:
    _rows(given_.input, "chr1,0,5,+", "1,0,5,-", header="contig,start,end,strand")
    encode_sequences(_with(given_, frequencies=None))
    assert read_table(given_.out)["sequence"].tolist() == [SEQUENCE[:5], MINUS[-5:]]
    manifest = json.loads(Path(f"{given_.out}.manifest.json").read_text())
    assert manifest["alphabet"] == "plain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MKVLAAGIEFQPLWYRNDHSTKVLEFILPQ", "line 3: is no DNA"),
        ("ACGTAC CGTACG", "line 3: has blanks inside"),
    ],
)
def test_rows_whose_sequence_is_no_dna_are_refused(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "loci.csv"
    table.write_text(f"contig,start,end,sequence\nchr1,0,4,ACGU\nchr1,4,8,{text}\n")
    with pytest.raises(UserError, match=message):
        read_rows(table)
