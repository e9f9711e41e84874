from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pybmfm.core import UserError
from pybmfm.variants import FrequencyTable
from pybmfm.variants.build import FrequencySettings, variant_frequencies
from pybmfm.variants.merge import merge_frequencies

from .conftest import vcf_text

SEQUENCE = "ACGTACGTAC"


@pytest.fixture
def settings(tmp_path: Path) -> FrequencySettings:
    fasta, vcf = tmp_path / "genome.fa", tmp_path / "v.vcf"
    fasta.write_text("".join(f">{name}\n{SEQUENCE}\n" for name in ("chr2", "chr1", "chrX")))
    vcf.write_text(
        vcf_text("1 2 C T AF=0.3", "1 3 G T .", "2 2 C T,* AF=0.3,0.1", "2 3 G A AF=0.5")
    )
    return FrequencySettings(fasta=fasta, vcf=vcf, out=tmp_path / "whole")


def _part(settings: FrequencySettings, contig: str, **options: object) -> Path:
    out = settings.out.parent / f"part-{contig}"
    variant_frequencies(replace(settings, out=out, contigs=(contig,), **options))  # type: ignore[arg-type]
    return out


def test_parts_merge_into_what_one_run_makes(settings: FrequencySettings, tmp_path: Path) -> None:
    variant_frequencies(settings)
    parts = [_part(settings, "chr1"), _part(settings, "chr2")]
    merge_frequencies(parts, tmp_path / "merged")
    whole, merged = FrequencyTable.open(settings.out), FrequencyTable.open(tmp_path / "merged")
    assert merged.contigs == whole.contigs == ["chr2", "chr1"]
    for contig in whole.contigs:
        for one, other in zip(whole.rows(contig), merged.rows(contig), strict=True):
            assert np.array_equal(one, other)
    for key in ("records", "read", "used", "dropped", "alleles_dropped", "contigs",
                "contigs_only_in_fasta", "contigs_only_in_vcf", "record_choice", "frequency_fields",
                "variant_classes", "transitions", "transversions", "titv", "frequency_spectrum",
                "rows_scaled", "assembly"):  # fmt: skip
        assert merged.manifest[key] == whole.manifest[key], key
    densities = [(table.folder / "density.tsv").read_text() for table in (whole, merged)]
    assert densities[0] == densities[1]
    assert densities[0].splitlines()[1] == "chr2\t0\t10\t2"
    assert merged.manifest["made_from"] == whole.manifest["inputs"]


def test_the_order_in_which_parts_are_given_does_not_change_a_byte(
    settings: FrequencySettings, tmp_path: Path
) -> None:
    """A pipeline gives them as they were finished."""
    parts = [_part(settings, contig) for contig in ("chr1", "chr2")]
    merged = [tmp_path / "there", tmp_path / "back"]
    for order, out in zip((parts, parts[::-1]), merged, strict=True):
        merge_frequencies(order, out)
    files = [sorted(path.name for path in out.iterdir()) for out in merged]
    assert files[0] == files[1]
    for name in files[0]:
        assert (merged[0] / name).read_bytes() == (merged[1] / name).read_bytes(), name


def test_a_contig_given_twice_is_refused(settings: FrequencySettings, tmp_path: Path) -> None:
    part = _part(settings, "chr1")
    with pytest.raises(UserError, match="holds contig chr1, and so does"):
        merge_frequencies([part, part], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_other_settings_or_inputs_are_refused(settings: FrequencySettings, tmp_path: Path) -> None:
    first = _part(settings, "chr1")
    second = _part(settings, "chr2", min_frequency=0.01)
    with pytest.raises(UserError, match="made with other settings"):
        merge_frequencies([first, second], tmp_path / "merged")
    settings.fasta.write_text(settings.fasta.read_text().lower())
    with pytest.raises(UserError, match="made with other inputs"):
        merge_frequencies([first, _part(settings, "chr2")], tmp_path / "merged")


def test_what_is_not_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="frequency-table"):
        merge_frequencies([tmp_path], tmp_path / "merged")


def test_a_table_that_lost_or_broke_a_file_is_refused(settings: FrequencySettings) -> None:
    part = _part(settings, "chr1")
    file = part / "chr1.arrow"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="is not a file of a frequency table"):
        FrequencyTable.open(part)
    file.unlink()
    with pytest.raises(UserError, match="lacks the file of contig chr1"):
        FrequencyTable.open(part)


@pytest.mark.parametrize("damage", ["no density", "a bin less"])
def test_a_part_that_lacks_something_is_one_sentence(
    settings: FrequencySettings, tmp_path: Path, damage: str
) -> None:
    part = _part(settings, "chr1")
    if damage == "no density":
        text = (part / "density.tsv").read_text()
        (part / "density.tsv").write_text(text.replace("chr1\t", "chr9\t"))
    else:
        manifest = json.loads((part / "manifest.json").read_text())
        manifest["frequency_spectrum"]["counts"].pop()
        (part / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="not as pybmfm writes them"):
        merge_frequencies([part], tmp_path / "merged")
