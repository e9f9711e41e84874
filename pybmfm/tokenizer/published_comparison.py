"""Figures of the published vocabularies, beside ours (paper, section 3.2.1, Figures 2 and 3).

What the paper gives only as a bound or a picture was counted in the vocabularies published with
its models, and says so in the column ``source``. Its corpora are other ones: the whole of
GRCh38, ten times over both strands, with 20 million variants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybmfm.tokenizer.kmer_space import MAX_K, kmer_percent
from pybmfm.tokenizer.used_vocabulary import UsedVocabulary, percent
from pybmfm.tokenizer.variant_tokens import ALL_PLACES

if TYPE_CHECKING:
    import pandas as pd

PAPER = "paper"
COUNTED = "counted in the published vocabularies"
NOTE = (
    "Published figures are of the whole of GRCh38, 10 passes over both strands, with 20 million "
    "variants and only observed symbols in the alphabet: other data give other figures."
)
PUBLISHED_SHARED = 84.3  # % of their tokens that the published REF and SNP vocabularies share
PUBLISHED_VARIANT = 6.8  # % of the published SNP vocabulary that hold a variant
VARIANT_TOKENS = "variant tokens (% of tokens)"
# Distinct k-mers, k = 1 to 10, counted with the rule of kmer_space.KMER_RULE.
PUBLISHED_KMERS = {
    "ref": (4, 10, 25, 94, 271, 764, 1914, 671, 101, 56),
    "snp": (4, 13, 43, 120, 292, 721, 1842, 534, 79, 44),
}
Tables = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class PublishedStatistic:
    """One statistic, as published and how to take it from our tables.

    Attributes
    ----------
    panel
        Of the paper's figures; empty where only the text has it.
    statistic
        What it is, with its unit.
    ref, snp
        Published text or number; empty where the paper has none.
    source
        ``PAPER``, ``COUNTED``, or empty where nothing is published.
    ours
        A column of ``summary``, or what takes it from the tables and a tokenizer's name; empty
        where a tokenizer has none.
    """

    panel: str
    statistic: str
    ref: object
    snp: object
    source: str
    ours: str | Callable[[Tables, str], object]

    def of(self, tables: Tables, name: str) -> object:
        """Return our figure for the tokenizer of that name."""
        if callable(self.ours):
            return self.ours(tables, name)
        summary = tables["summary"]
        return summary.loc[summary["tokenizer"] == name, self.ours].iloc[0]


def published_table(vocabularies: Sequence[UsedVocabulary], tables: Tables) -> pd.DataFrame:
    """Build ``published.tsv``: published statistics beside those of each tokenizer.

    Returns
    -------
    pandas.DataFrame
        ``panel, statistic, published_ref, published_snp, source`` and ``ours_NAME`` of each
        tokenizer.
    """
    import pandas as pd

    names = [one.name for one in vocabularies]
    return pd.DataFrame(
        [
            {
                "panel": one.panel,
                "statistic": one.statistic,
                "published_ref": one.ref,
                "published_snp": one.snp,
                "source": one.source,
                **{f"ours_{name}": one.of(tables, name) for name in names},
            }
            for one in (*_figure_2(names[0]), *_figure_3())
        ]
    )


def published_peers(summary: pd.DataFrame) -> dict[str, str]:
    """Return which published vocabulary each tokenizer compares with: ``ref``, ``snp`` or none.

    Parameters
    ----------
    summary
        Of :func:`~pybmfm.tokenizer.comparison_tables.comparison_tables`.
    """
    return {
        row["tokenizer"]: row["encoding"]
        if row["algorithm"] == "bpe" and row["encoding"] in PUBLISHED_KMERS
        else ""
        for row in summary.to_dict("records")
    }


def published_kmer_percent(encoding: str, k: int) -> float:
    """Return the share of k-mer space that a published vocabulary uses, ``ref`` or ``snp``."""
    return kmer_percent(PUBLISHED_KMERS[encoding][k - 1], k)


def most_common_lengths(lengths: pd.DataFrame, name: str, column: str, how_many: int) -> list[int]:
    """Return the most frequent token lengths, in vocabulary or corpus, ascending."""
    rows = lengths[lengths["tokenizer"] == name]
    top = rows.sort_values([column, "length"], ascending=[False, True], kind="stable")
    return sorted(int(length) for length in top["length"][:how_many])


def _figure_2(first: str) -> list[PublishedStatistic]:
    many, about = "> 300,000", "about 2,000"
    rows: tuple[tuple[Any, ...], ...] = (
        ("2A", "tokens, specials left out", 4091, 4091, PAPER, "tokens"),
        ("2A", "variant tokens (% of occurrences)", "", 4, PAPER, "variant_occurrence_percent"),
        ("2B", "median occurrence of a token", many, many, PAPER, "median_occurrence"),
        ("2C", f"tokens shared with {first} (%)", "", PUBLISHED_SHARED, PAPER, _shared),
        ("2C", "variant tokens", "", 278, COUNTED, "variant_tokens"),
        ("2C", VARIANT_TOKENS, "", PUBLISHED_VARIANT, PAPER, "variant_token_percent"),
        ("2C", VARIANT_TOKENS + ", used ones", "", "", "", "variant_tokens_used_percent"),
        ("", "positions that vary (%)", "", "about 1", PAPER, "variant_position_percent"),
        ("2D", "most common length in the vocabulary (nt)", 7, 7, PAPER, _peak),
        ("2D", "tokens of that length", 1914, 1842, COUNTED, _peak_tokens),
        ("2E", "two most common lengths in the corpus (nt)", "4, 5", "4, 5", PAPER, _use_peaks),
        ("2F", "most tokens of a window", about, about, PAPER, "max_tokens_per_window"),
    )
    return [PublishedStatistic(*row) for row in rows]


def _figure_3() -> list[PublishedStatistic]:
    rows: list[tuple[Any, ...]] = []
    for panel, base, where, snps, others in _EDGES:
        for is_snp, what, found in ((True, "6 SNPs", snps), (False, "9 other kinds", others)):
            statistic = f"of {what}, those {where} {base}"
            rows.append((panel, statistic, "", found, COUNTED, _edges(panel, base, is_snp)))
    for panel, kind, length, shares in _SHARES:
        for variant, published in shares.items():
            statistic = f"{variant} in {kind}-variant {length}-mers (% of variants)"
            ours = _share(panel, length, variant)
            rows.append((panel, statistic, "", published, COUNTED, ours))
    for k in range(1, MAX_K + 1):
        ref, snp = (published_kmer_percent(encoding, k) for encoding in ("ref", "snp"))
        statistic = f"{k}-mers used, variants expanded (%)"
        rows.append(("3F", statistic, ref, snp, COUNTED, _kmer_space(k)))
    return [PublishedStatistic(*row) for row in rows]


# Panel, base, where it stands, and how many of the 6 SNPs and of the 9 other edges are there.
_EDGES = (
    ("3B", "A", "after", 6, 7),
    ("3B", "T", "after", 6, 7),
    ("3C", "C", "before", 6, 2),
    ("3C", "G", "before", 6, 0),
)
# Panel, tokens, length, and percentages of variants over all positions.
_SHARES = (
    (
        *("3D", "single", 3),
        {"A/C": 13.5, "A/G": 20.3, "A/T": 14.9, "C/G": 13.5, "C/T": 20.3, "G/T": 17.6},
    ),
    (
        *("3D", "single", 4),
        {"A/C": 6.2, "A/G": 43.1, "A/T": 3.1, "C/G": 1.5, "C/T": 41.5, "G/T": 4.6},
    ),
    (*("3E", "all", 3), {"A/DEL": 25.5, "C/DEL": 19.6, "DEL/G": 21.6, "DEL/T": 33.3}),
    (*("3E", "all", 4), {"A/DEL": 36.1, "C/DEL": 13.9, "DEL/G": 13.9, "DEL/T": 36.1}),
)


def _shared(tables: Tables, name: str) -> object:
    pairs = tables["shared_tokens"]
    rows = pairs[(pairs["tokenizer"] == tables["summary"]["tokenizer"].iloc[0])]
    found = rows.loc[rows["other"] == name, "percent"]
    return "" if found.empty else found.iloc[0]


def _peak(tables: Tables, name: str) -> int:
    return most_common_lengths(tables["token_lengths"], name, "vocabulary", 1)[0]


def _peak_tokens(tables: Tables, name: str) -> int:
    lengths = tables["token_lengths"]
    return int(lengths.loc[lengths["tokenizer"] == name, "vocabulary"].max())


def _use_peaks(tables: Tables, name: str) -> str:
    return ", ".join(map(str, most_common_lengths(tables["token_lengths"], name, "occurrence", 2)))


def _edges(panel: str, base: str, snps: bool) -> Callable[[Tables, str], object]:
    def ours(tables: Tables, name: str) -> int:
        edges: Any = tables["variant_2mers"]
        chosen = (edges["tokenizer"] == name) & (edges["panel"] == panel) & (edges["base"] == base)
        is_snp = ~edges["vertex_2"].isin(("Ins", "Del"))
        return int((chosen & (is_snp == snps) & (edges["tokens"] > 0)).sum())

    return ours


def _share(panel: str, length: int, variant: str) -> Callable[[Tables, str], object]:
    def ours(tables: Tables, name: str) -> object:
        rows = tables["variant_kmers"]
        rows = rows[(rows["tokenizer"] == name) & (rows["panel"] == panel)]
        rows = rows[(rows["length"] == length) & (rows["place"] == ALL_PLACES)]
        if rows.empty:
            return ""
        return percent(rows.loc[rows["variant"] == variant, "symbols"].sum(), rows["symbols"].sum())

    return ours


def _kmer_space(k: int) -> Callable[[Tables, str], object]:
    def ours(tables: Tables, name: str) -> object:
        rows = tables["kmer_space"]
        return rows.loc[(rows["tokenizer"] == name) & (rows["k"] == k), "expanded_percent"].iloc[0]

    return ours
