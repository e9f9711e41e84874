"""Embeddings equal plain transformers, long sequences included."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM

from pybmfm.core import UserError
from pybmfm.inference import EmbedSettings, ScoreSettings, embed, score_variants
from pybmfm.tokenizer import DnaTokenizer

ROOM = 254  # tokens of the test checkpoint without [CLS] and [SEP]


def run(tmp_path: Path, checkpoint: Path, source: Path, **options: object) -> dict[str, list]:  # type: ignore[type-arg]
    out = tmp_path / "embeddings.parquet"
    embed(EmbedSettings(checkpoint, source, out, device="cpu", **options))  # type: ignore[arg-type]
    table = pq.read_table(out)
    assert str(table.schema.field("embedding").type) == "list<element: float>"
    return {**table.to_pydict(), "about": json.loads(table.schema.metadata[b"pybmfm"])}


def reference(checkpoint: Path, text: str, pooling: str = "mean") -> np.ndarray:
    """Pieces of the model's length through plain transformers, one at a time."""
    model = AutoModel.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    parts, weights = [], []
    for start in range(0, len(ids), ROOM):
        piece = ids[start : start + ROOM]
        framed = torch.tensor([[tokenizer.cls_token_id, *piece, tokenizer.sep_token_id]])
        with torch.no_grad():
            states = model(input_ids=framed).last_hidden_state[0]
        parts.append((states[1:-1].mean(0) if pooling == "mean" else states[0]).numpy())
        weights.append(len(piece))
    return np.average(parts, axis=0, weights=weights)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_fasta_equals_plain_transformers(
    tmp_path: Path, snp_checkpoint: Path, bases: dict[str, str], pooling: str
) -> None:
    texts = {"short": bases["chr1"][:90], "long": bases["chr1"] + bases["chr20"]}
    source = tmp_path / "in.fa"
    source.write_text("".join(f">{name} more words\n{text}\n" for name, text in texts.items()))
    got = run(tmp_path, snp_checkpoint, source, pooling=pooling, batch_tokens=300)
    assert got["id"] == ["short", "long"]
    for vector, text in zip(got["embedding"], texts.values(), strict=True):
        expected = reference(snp_checkpoint, text, pooling)
        np.testing.assert_allclose(vector, expected, atol=2e-4)
    assert got["about"]["counts"]["sequences_in_pieces"] == 1
    assert got["about"]["counts"]["pieces"] > 3


def test_a_bert_of_others_is_embedded_and_scores(
    tmp_path: Path, ref_checkpoint: Path, bases: dict[str, str], fasta: Path
) -> None:
    """Its config names no [CLS] and no [SEP], as those of most BERTs."""
    tokenizer = DnaTokenizer.load(ref_checkpoint)
    config = BertConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=48, num_attention_heads=4,
        num_hidden_layers=2, intermediate_size=40, max_position_embeddings=256,
    )  # fmt: skip
    folder = tmp_path / "bert"
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_into(folder)
    written = json.loads((folder / "config.json").read_text())
    assert written.get("cls_token_id") is None
    source = tmp_path / "in.fa"
    source.write_text(f">a\n{bases['chr1'][:90]}\n")
    got = run(tmp_path, folder, source)
    np.testing.assert_allclose(
        got["embedding"][0], reference(folder, bases["chr1"][:90]), atol=2e-4
    )
    alt = "A" if bases["chr1"][299] != "A" else "C"
    vcf = tmp_path / "in.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"chr1\t300\t.\t{bases['chr1'][299]}\t{alt}\t.\t.\t.\n"
    )
    scored = tmp_path / "out.vcf.gz"
    score_variants(ScoreSettings(folder, fasta, vcf, scored, window=60, flank=8, device="cpu"))
    line = gzip.decompress(scored.read_bytes()).decode().splitlines()[-1]
    shift = float(line.partition("BMFM_SHIFT=")[2].partition(";")[0])
    assert 0 < shift < 1


def test_case_and_file_kind_do_not_matter(tmp_path: Path, snp_checkpoint: Path) -> None:
    text = "ACGTTGCATTAGGCA" * 4
    fasta, csv = tmp_path / "in.fa", tmp_path / "in.csv"
    fasta.write_text(f">a\n{text.lower()[:20]}\n{text.lower()[20:]}\n")
    csv.write_text(f"sequence\n{text}\n")
    from_fasta = run(tmp_path, snp_checkpoint, fasta)
    from_csv = run(tmp_path, snp_checkpoint, csv)
    assert from_csv["id"] == ["0"]
    assert from_fasta["embedding"] == from_csv["embedding"]


def test_rna_is_embedded_as_its_dna(tmp_path: Path, snp_checkpoint: Path) -> None:
    text = "ACGTTGCATTGACCGTAGCTTAGC"
    source = tmp_path / "in.fa"
    source.write_bytes(f"\ufeff>dna\r{text}\r>rna\r{text.replace('T', 'u')}\r".encode())
    got = run(tmp_path, snp_checkpoint, source)
    assert got["id"] == ["dna", "rna"]
    assert got["embedding"][0] == got["embedding"][1]


def test_letters_outside_the_alphabet_are_n_and_counted(
    tmp_path: Path, snp_checkpoint: Path
) -> None:
    source = tmp_path / "in.tsv"
    source.write_text("id\tsequence\nx\tACGTRKACUT\ny\tACGTNNACTT\n")
    got = run(tmp_path, snp_checkpoint, source)
    assert got["embedding"][0] == got["embedding"][1]
    assert got["about"]["counts"]["letters_replaced"] == 2
    assert got["about"]["counts"]["uracils_read_as_t"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.fa", "ACGT\n", "neither FASTA nor a table"),
        ("in.fa", "", "holds no sequence"),
        ("in.fa", ">a\n>b\nACGT\n", "sequence a: is empty"),
        ("in.csv", "id,dna\n1,ACGT\n", "no column 'sequence'"),
        ("in.fa", ">a\nACGT\n>b\nMKVLAAGIEF\n", "sequence b: is no DNA: 4 of 10 letters"),
        ("in.csv", "sequence\nACGT\nMKVLAAGIEF\n", "line 3: is no DNA"),
        ("in.fa", ">1\nACGTACGTAC GTACGTACGT\nACGTACGTAC GTACG\n", "blanks inside"),
        ("in.tsv", "sequence\nACGTAC CGTACG GTACGT\n", "line 2: has blanks inside"),
        ("in.fa", ">a\nACGT\0ACGT\n", "sequence a: has the character 0x00"),
        ("in.fa", "@r\nACGT\n+\n!!!!\n", "a FASTQ file"),
    ],
)
def test_bad_input_is_a_user_error(
    tmp_path: Path, snp_checkpoint: Path, name: str, content: str, message: str
) -> None:
    source = tmp_path / name
    source.write_text(content)
    with pytest.raises(UserError, match=message):
        run(tmp_path, snp_checkpoint, source)
