from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.variants import (
    ALPHABET,
    STATES,
    FrequencyTable,
    PhasedPanel,
    WindowEncoder,
    code_of_states,
    codes_to_text,
)

SEQUENCE = "ACGTTGCAAC" * 30
HEADER = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'

World = Callable[..., WindowEncoder]


def _vcf(path: Path, records: list[str], samples: tuple[str, ...] = ("one",)) -> Path:
    """Write records ``contig pos ref alt genotype...``, with contig lines for their contigs."""
    names = dict.fromkeys(record.split(" ")[0] for record in records)
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    columns += ["FORMAT", *samples] if samples else []
    lines = [HEADER, *(f"##contig=<ID={name}>\n" for name in names), "\t".join(columns) + "\n"]
    for record in records:
        contig, position, reference, alternate, *genotypes = record.split(" ")
        fixed = [contig, position, ".", reference, alternate, ".", ".", ".", "GT"]
        lines.append("\t".join([*fixed, *genotypes]) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A function from records to an encoder of contigs chr1 and chrY with their haplotypes."""

    def make(*records: str, seed: int = 0, **vcf: tuple[str, ...]) -> WindowEncoder:
        fasta = tmp_path / "genome.fa"
        fasta.write_text(f">chr1\n{SEQUENCE}\n>chrY\n{SEQUENCE}\n")
        panel = PhasedPanel(_vcf(tmp_path / "panel.vcf", list(records), **vcf))
        genome = Genome(fasta)
        return WindowEncoder(genome, None, seed=seed, strategy="haplotypes", haplotypes=panel)

    return make


def _text(encoder: WindowEncoder, contig: str = "chr1", end: int = 10) -> str:
    return codes_to_text(encoder.encode(contig, 0, end))


def _pair(a: str, b: str) -> str:
    return ALPHABET[code_of_states(STATES.index(a), STATES.index(b))]


def _counts(encoder: WindowEncoder) -> dict[str, object]:
    assert encoder.haplotypes is not None
    counts = encoder.haplotypes.counts()
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values())
    return counts


def test_both_haplotypes_are_written_as_they_are(world: World) -> None:
    encoder = world(
        "1 1 A G 0|1",
        "1 2 C T,G 1|2",
        "1 3 G A 1|1",
        "1 4 T TA 1|0",
        "1 5 TG T 0|1",
        "1 7 CA C 1|1",
        "1 9 A C 0|0",
    )
    expected = [_pair("A", "G"), _pair("G", "T"), "A", _pair("T", "TI"), "T"]
    expected += [_pair("DEL", "G"), "C", "X", "A", "C"]
    assert _text(encoder) == "".join(expected)
    counts = _counts(encoder)
    assert (counts["read"], counts["used"], counts["dropped"]) == (7, 7, {})


def test_linkage_is_kept_where_alleles_of_two_records_meet(world: World) -> None:
    # A deletion and, on the other haplotype, a substitution of a base that it takes away.
    assert _text(world("1 1 ACG A 0|1", "1 2 C T 1|0"))[:3] == "A" + _pair("DEL", "T") + _pair(
        "DEL", "G"
    )


def test_the_first_record_of_a_haplotype_holds_and_overlaps_are_counted(world: World) -> None:
    encoder = world("1 1 ACG A 1|0", "1 2 C T 1|1")
    assert _text(encoder)[:3] == "A" + _pair("DEL", "T") + _pair("DEL", "G")
    assert _counts(encoder)["alleles_dropped"] == {"overlaps_an_earlier_record": 1}


def test_unphased_heterozygotes_get_one_order_for_the_whole_record(world: World) -> None:
    records = ("1 1 AC GT 0/1", "1 2 C A 1|0")
    seen = Counter(_text(world(*records, seed=seed))[:2] for seed in range(40))
    # The record's two bases stay together: only the phased one decides what the second meets.
    assert set(seen) == {
        _pair("A", "G") + _pair("A", "T"),
        _pair("A", "G") + _pair("C", "T"),
    }
    assert min(seen.values()) > 5
    encoder = world(*records)
    assert _text(encoder) == _text(world(*records))
    assert _counts(encoder)["unphased_heterozygotes"] == 1


def test_missing_alleles_are_the_reference_and_counted(world: World) -> None:
    encoder = world("1 1 A G .|.", "1 2 C T .|1", "1 3 G A ./.", "1 4 T C 1/1")
    assert _text(encoder)[:4] == "A" + _pair("C", "T") + "G" + "C"
    counts = _counts(encoder)
    assert counts["dropped"] == {"missing_genotype": 2}
    assert counts["alleles_dropped"] == {"missing_allele": 1}
    assert counts["unphased_heterozygotes"] == 0


def test_alleles_without_sequence_are_the_reference_and_counted(world: World) -> None:
    encoder = world("1 1 A *,G 1|2", "1 2 C <DEL> 0|1", "1 3 G R 1|0", "1 4 T C 1|1|1")
    assert _text(encoder)[:4] == _pair("A", "G") + "CGT"
    counts = _counts(encoder)
    assert counts["alleles_dropped"] == {"iupac_allele": 1, "symbolic_allele": 2}
    assert counts["dropped"] == {"more_than_two_alleles": 1}


def test_one_copy_gives_lone_symbols(world: World) -> None:
    encoder = world("1 1 A G 1", "1 2 CG C 1", "1 4 T TA 0", "Y 1 A AC 1|0", "Y 2 C T 0|1")
    assert _text(encoder)[:4] == "GCXT"
    assert _text(encoder, "chrY")[:3] == "BCG"


def test_records_that_do_not_fit_the_fasta_are_dropped_and_counted(world: World) -> None:
    good = [f"1 {n + 1} {SEQUENCE[n]} {SEQUENCE[n]}A 0|0" for n in range(1, 200)]
    encoder = world("1 1 C G 1|1", *good, "1 299 ACG A 1|1", "1 300 M A 1|1")
    assert _text(encoder, end=300) == SEQUENCE
    assert _counts(encoder)["dropped"] == {
        "beyond_contig_end": 1,
        "reference_mismatch": 1,
        "reference_not_acgt": 1,
    }


def test_another_assembly_is_refused(world: World) -> None:
    encoder = world("1 1 C G 1|1", "1 2 C G 1|1")
    with pytest.raises(UserError, match=r"1 of 2 comparable records of contig chr1.*1:1 REF C"):
        _text(encoder)


def test_a_contig_without_records_stays_plain(world: World) -> None:
    encoder = world("1 1 A G 1|1")
    assert _text(encoder, "chrY", end=300) == SEQUENCE
    with pytest.raises(UserError, match=r"shares no contig .* the VCF has 7, the FASTA has chr1"):
        _text(world("7 1 A G 1|1"))


def test_each_pass_draws_an_individual(world: World) -> None:
    samples = tuple(f"person{n}" for n in range(8))
    genotypes = [" ".join("1|1" if n == m else "0|0" for m in range(8)) for n in range(8)]
    bases = [(base, base + "ACGT"["ACGT".index(base) - 1]) for base in SEQUENCE[1:9]]
    records = [f"1 {n + 2} {bases[n][0]} {bases[n][1]} {genotypes[n]}" for n in range(8)]
    encoder = world(*records, samples=samples)
    panel = encoder.haplotypes
    assert panel is not None
    chosen = [panel.individual(0, n) for n in range(60)]
    assert set(chosen) == set(samples)
    assert chosen != [panel.individual(1, n) for n in range(60)]
    for pass_number in (0, 1, 59, 0):
        codes = encoder.encode("chr1", 0, 20, pass_number=pass_number)
        carried = np.flatnonzero(codes >= 5) - 1
        assert [samples[n] for n in carried] == [chosen[pass_number]]


def test_expected_passes_are_read_in_one_go_and_nothing_else_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = ("one", "two", "three")
    records = ("1 1 A G 0|1 1|1 0/1", "1 2 C T,G 1|2 0|0 .|1", "1 4 T TA 1|0 0/1 1|1")
    alone, together = world(*records, samples=samples), world(*records, samples=samples)
    read = PhasedPanel._records
    asked: list[set[str]] = []

    def count(panel: PhasedPanel, genome: Genome, contig: str, names: set[str]) -> object:
        asked.append(names)
        return read(panel, genome, contig, names)

    assert together.haplotypes is not None
    together.haplotypes.expect({"chr1": range(40), "chr2": [0]})
    expected = [alone.encode("chr1", 0, 20, pass_number=number) for number in range(40)]
    monkeypatch.setattr(PhasedPanel, "_records", count)
    for number in range(40):
        np.testing.assert_array_equal(
            together.encode("chr1", 0, 20, pass_number=number), expected[number]
        )
    assert asked == [set(samples)]
    assert _counts(together) == _counts(alone)


_GENOTYPE = st.tuples(st.integers(0, 2), st.integers(0, 2))


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    genotypes=st.lists(_GENOTYPE, min_size=1, max_size=20),
    window=st.tuples(st.integers(0, 25), st.integers(0, 25)).map(sorted),
)
def test_any_window_shows_the_pair_of_every_site(
    world: World, genotypes: list[tuple[int, int]], window: list[int]
) -> None:
    records, expected = [], list(SEQUENCE)
    for place, (one, two) in enumerate(genotypes):
        reference = SEQUENCE[place]
        other = "ACGT"["ACGT".index(reference) - 1]
        alleles = [reference, other, reference + other]
        records.append(f"1 {place + 1} {reference} {alleles[1]},{alleles[2]} {one}|{two}")
        states = [reference, alleles[1], f"{reference}I"]
        expected[place] = _pair(states[one], states[two])
    start, end = window
    encoder = world(*records)
    assert codes_to_text(encoder.encode("chr1", start, end)) == "".join(expected[start:end])


def test_an_index_changes_nothing(world: World, tmp_path: Path) -> None:
    plain = world("1 1 A G 1|1", "1 4 T TA 0|1", "Y 2 C T 1|1")
    packed = tmp_path / "indexed.vcf.gz"
    pysam.tabix_compress(str(tmp_path / "panel.vcf"), str(packed))
    pysam.tabix_index(str(packed), preset="vcf")
    indexed = WindowEncoder(
        plain.genome, None, strategy="haplotypes", haplotypes=PhasedPanel(packed)
    )
    for contig in ("chrY", "chr1"):
        assert _text(indexed, contig) == _text(plain, contig)
    assert _counts(indexed) == _counts(plain)


def test_what_is_no_panel_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.vcf: no such file; check the path"):
        PhasedPanel(tmp_path / "none.vcf")
    nobody = _vcf(tmp_path / "nobody.vcf", [], samples=())
    with pytest.raises(UserError, match="has no individuals"):
        PhasedPanel(nobody)
    silent = tmp_path / "silent.vcf"
    silent.write_text(_vcf(tmp_path / "v.vcf", []).read_text().replace("ID=GT", "ID=DP"))
    with pytest.raises(UserError, match=r"has no genotypes \(GT\)"):
        PhasedPanel(silent)
    text = tmp_path / "text.vcf"
    text.write_text("not a VCF\n")
    with pytest.raises(UserError, match="line 1: has no header line '#CHROM'"):
        PhasedPanel(text)


@pytest.mark.parametrize("cut", [28, 200])  # the end marker alone, and some data
def test_a_cut_off_panel_is_refused(world: World, tmp_path: Path, cut: int) -> None:
    world(*(f"1 {n + 1} {SEQUENCE[n]} {SEQUENCE[n]}A 0|1" for n in range(300)))
    packed = tmp_path / "cut.vcf.gz"
    pysam.tabix_compress(str(tmp_path / "panel.vcf"), str(packed))
    packed.write_bytes(packed.read_bytes()[:-cut])
    with pytest.raises(UserError, match="is truncated or damaged"):
        PhasedPanel(packed)


def _bcf(path: Path) -> bytes:
    packed = path.with_name("again.bcf")
    with (
        pysam.VariantFile(str(path)) as text,
        pysam.VariantFile(str(packed), "wb", header=text.header) as out,
    ):
        for record in text:
            out.write(record)
    return packed.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: gzip.compress(path.read_bytes()),
        lambda path: b"\xef\xbb\xbf" + path.read_bytes(),
        lambda path: path.read_bytes() + b"\n\r\n\n",
        lambda path: path.read_bytes().replace(b"\n1\t4", b"\n\n\n1\t4"),
        lambda path: path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n",
        _bcf,
    ],
    ids=["gzip", "byte order mark", "blank end", "blank lines", "Windows line ends", "BCF"],
)
def test_a_panel_is_read_in_whatever_form_it_comes(
    world: World, tmp_path: Path, change: Callable[[Path], bytes]
) -> None:
    encoder = world("1 1 A G 1|1", "1 4 T TA 0|1", "Y 2 C T 1|1")
    other = tmp_path / "panel"  # what it is shows in its content
    other.write_bytes(change(tmp_path / "panel.vcf"))
    again = WindowEncoder(
        encoder.genome, None, strategy="haplotypes", haplotypes=PhasedPanel(other)
    )
    for contig in ("chr1", "chrY"):
        assert _text(again, contig) == _text(encoder, contig)
    assert _counts(again) == _counts(encoder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"\tone",
            b"\tM\xfcller",
            r"line 4: has a letter that is not UTF-8; convert it with iconv",
        ),
        (b"##contig=<ID=1>", b"##note=\xe9", "line 3: has a letter that is not UTF-8"),
        (b"\tG\t.\t.\t.\tGT", b"\tG\t.\t.\t\0\tGT", "holds a NUL byte"),
        (b"\tA\tG\t", b"\tA\t\t", r"record 1:1: ALT is empty; fill it; '.' in ALT says"),
        (b"1\t1\t", b"1\t-1\t", "first record: holds a record that cannot be read"),
        (b"1\t1\t", b"1 1 ", "first record: holds a record that cannot be read"),
    ],
)
def test_a_damaged_panel_is_one_sentence(
    world: World, tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    encoder = world("1 1 A G 0|1")
    path = tmp_path / "panel.vcf"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(UserError, match=message):
        _text(
            WindowEncoder(encoder.genome, None, strategy="haplotypes", haplotypes=PhasedPanel(path))
        )


def test_an_alternate_that_is_the_reference_is_counted_as_everywhere(world: World) -> None:
    encoder = world("1 1 A G,A 0|2", "1 2 C c 1|1", "1 3 GT GT,G 1|0")
    assert _text(encoder)[:4] == "ACGT"
    assert _counts(encoder)["alleles_dropped"] == {"same_as_reference": 4}


def test_records_that_did_not_pass_are_dropped_by_the_name_of_their_filter(
    world: World, tmp_path: Path
) -> None:
    encoder = world("1 1 A G 1|1", "1 2 C T 1|1", "1 3 G T 1|1", "1 4 T A 1|1")
    path = tmp_path / "panel.vcf"
    lines = path.read_text().splitlines()
    for number, name in ((-4, "PASS"), (-3, "q10"), (-2, "q10;s50")):
        columns = lines[number].split("\t")
        lines[number] = "\t".join([*columns[:6], name, *columns[7:]])
    path.write_text("\n".join([*lines, ""]))

    def read(**options: str) -> WindowEncoder:
        panel = PhasedPanel(path, **options)  # type: ignore[arg-type]
        return WindowEncoder(encoder.genome, None, strategy="haplotypes", haplotypes=panel)

    default, some = read(), read(filters=".,q10")
    assert _text(default)[:4] == "GCGA"
    assert _counts(default)["dropped"] == {"filter: q10": 2}
    assert _text(some)[:4] == "ATGA"
    assert _counts(some)["dropped"] == {"filter: PASS": 1, "filter: s50": 1}
    assert _text(read(filters="all"))[:4] == "GTTA"


def test_a_panel_of_which_nothing_is_used_is_an_error(world: World) -> None:
    encoder = world("1 1 A G .|.", "1 2 C T .|.", "1 300 CA C 0|1")
    assert _text(encoder)[:4] == "ACGT"
    assert encoder.haplotypes is not None
    message = "none of 3 genotypes can be used, 2 are dropped for missing_genotype"
    with pytest.raises(UserError, match=message):
        encoder.haplotypes.check_used()


@pytest.mark.parametrize("line", ["1\tx\t.\tA", "1\t9\t.\tA\tG\t.\t.\t.\tGT\tx|1", "1\t9"])
def test_a_malformed_record_is_refused_with_its_place(
    world: World, tmp_path: Path, line: str
) -> None:
    encoder = world("1 1 A G 0|1", "1 2 C T 0|1")
    with (tmp_path / "panel.vcf").open("a") as vcf:
        vcf.write(line + "\n")
    with pytest.raises(UserError, match="after 1:2: holds a record that cannot be read"):
        _text(encoder)


def test_records_without_genotype_are_counted(world: World, tmp_path: Path) -> None:
    encoder = world("1 1 A G 0|1")
    with (tmp_path / "panel.vcf").open("a") as vcf:
        vcf.write("1\t2\t.\tC\tT\t.\t.\t.\n1\t3\t.\tG\tT\t.\t.\t.\tGT\t0|7\n")
    assert _text(encoder)[:3] == _pair("A", "G") + "CG"
    assert _counts(encoder)["dropped"] == {"missing_genotype": 1}
    assert _counts(encoder)["alleles_dropped"] == {"missing_allele": 1}


@pytest.mark.parametrize("header", ["", "##contig=<ID=chrY>\n", "##contig=<ID=5,length=9>\n"])
@pytest.mark.parametrize("index", [False, True])
def test_contigs_that_the_header_does_not_name_are_read(
    world: World, tmp_path: Path, header: str, index: bool
) -> None:
    encoder = world("1 1 A G 0|1", "1 4 T C 1|1")
    path = tmp_path / "panel.vcf"
    path.write_text(path.read_text().replace("##contig=<ID=1>\n", header))
    if index:
        pysam.tabix_compress(str(path), f"{path}.gz")
        path = Path(pysam.tabix_index(f"{path}.gz", preset="vcf"))
    panel = PhasedPanel(path)
    again = WindowEncoder(encoder.genome, None, strategy="haplotypes", haplotypes=panel)
    assert _text(again) == _text(encoder) == _pair("A", "G") + "CGCTGCAAC"
    assert _text(again, "chrY") == SEQUENCE[:10]


def test_strategy_and_sources_must_fit(world: World) -> None:
    encoder = world("1 1 A G 1|1")
    genome, panel = encoder.genome, encoder.haplotypes
    with pytest.raises(UserError, match="haplotypes needs a phased VCF"):
        WindowEncoder(genome, None, strategy="haplotypes")
    with pytest.raises(UserError, match="strategy paper does not read haplotypes; add --strategy"):
        WindowEncoder(genome, None, haplotypes=panel)
    table = FrequencyTable(Path(), {}, {})
    with pytest.raises(UserError, match="exclude each other"):
        WindowEncoder(genome, table, strategy="haplotypes", haplotypes=panel)


@pytest.mark.real_data
def test_the_real_panel_is_encoded_as_its_genotypes_say(real_data: Path) -> None:
    path = real_data / "bench" / "GRCh37" / "1000G_chr20_1-4Mb_phased300.vcf.gz"
    panel = PhasedPanel(path)
    with Genome(real_data / "mini" / "GRCh37" / "reference.fa.gz") as genome:
        encoder = WindowEncoder(genome, None, seed=3, strategy="haplotypes", haplotypes=panel)
        start, end = 1_000_000, 2_000_000
        codes = encoder.encode("chr20", start, end, pass_number=4)
        reference = genome.codes("chr20", start, end)
    changes, unsure = _read_independently(path, panel.individual(3, 4), end)
    places = sorted({place for haplotype in changes for place in haplotype} - unsure)
    assert len(places) > 800
    for place in places:
        base = STATES[reference[place - start]]
        expected = _pair(*(haplotype.get(place, base) for haplotype in changes))
        assert ALPHABET[codes[place - start]] == expected, place
    plain = np.setdiff1d(np.arange(start, end), [*places, *unsure]) - start
    assert np.array_equal(codes[plain], reference[plain])
    assert len(unsure) < 0.2 * len(places)
    counts = panel.counts()
    assert counts["read"] == 24_990
    assert set(counts["dropped"]) == {"beyond_contig_end"}


def _read_independently(
    path: Path, individual: str, end: int
) -> tuple[list[dict[int, str]], set[int]]:
    """Read what each haplotype changes, and the places of indels that may lie elsewhere too."""
    changes: list[dict[int, str]] = [{}, {}]
    unsure: set[int] = set()
    with pysam.VariantFile(str(path)) as vcf:
        for record in vcf:
            if record.stop > end:
                break
            for haplotype, allele in zip(changes, record.samples[individual].alleles, strict=True):
                reference, start = record.ref, record.start
                if allele == reference:
                    continue
                if len(allele) == len(reference) == 1:
                    haplotype.setdefault(start, allele)
                elif len(allele) == 1 and reference[0] == allele != reference[-1]:
                    for place in range(start + 1, start + len(reference)):
                        haplotype.setdefault(place, "DEL")
                elif len(reference) == 1 and allele[0] == reference != allele[-1]:
                    haplotype.setdefault(start, f"{reference}I")
                else:
                    unsure.update(range(start - 1, start + len(reference)))
    return changes, unsure


@pytest.mark.real_data
def test_over_many_passes_alleles_come_as_often_as_in_the_panel(
    real_data: Path, tmp_path: Path
) -> None:
    source = real_data / "bench" / "GRCh37" / "1000G_chr20_1-4Mb_phased300.vcf.gz"
    small, passes = tmp_path / "small.vcf", 150
    dosages = {}
    with (
        pysam.VariantFile(str(source)) as vcf,
        pysam.VariantFile(str(small), "w", header=vcf.header) as out,
    ):
        for _, record in zip(range(300), vcf, strict=False):
            out.write(record)
            if len(record.ref) == 1 and len(record.alts[0]) == 1 and len(record.alts) == 1:
                dosages[record.start, record.alts[0]] = [
                    sum(call.allele_indices) for call in record.samples.values()
                ]
    with Genome(real_data / "mini" / "GRCh37" / "reference.fa.gz") as genome:
        panel = PhasedPanel(small)
        encoder = WindowEncoder(genome, None, strategy="haplotypes", haplotypes=panel)
        start, end = 1_000_000, max(start for start, _ in dosages) + 1
        encoded = [encoder.encode("chr20", start, end, pass_number=n) for n in range(passes)]
    drawn = Counter(panel.individual(0, n) for n in range(passes))
    assert len(drawn) > 100
    for (place, alternate), dosage in dosages.items():
        state = STATES.index(alternate)
        seen = np.mean([_copies(codes[place - start], state) for codes in encoded])
        spread = 5 * (np.var(dosage) / passes) ** 0.5
        assert abs(seen - np.mean(dosage)) <= spread + 1e-9, place


def _copies(code: int, state: int) -> int:
    from pybmfm.variants import states_of_code

    return states_of_code(int(code)).count(state)
