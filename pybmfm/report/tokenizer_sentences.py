"""What the pictures of the tokenizer comparison show, told from its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, "pd.DataFrame"]  # as read: every cell is text
WRITTEN_PAIRS = 55  # unordered pairs of the 11 states


def lengths_and_use(tables: Tables) -> Iterator[str]:
    """Tell panels A to F of Figure 2."""
    summary = tables["summary"].to_dict("records")
    for row in summary:
        yield (
            f"{row['tokenizer']}: {_number(row['variant_tokens_used'])} of "
            f"{_number(row['tokens'])} tokens are variant tokens that the corpus uses "
            f"({_percent(row['variant_tokens_used_percent'])}); they make up "
            f"{_percent(row['variant_occurrence_percent'])} of all occurrences, while "
            f"{_percent(row['variant_position_percent'])} of the positions vary (2A)."
        )
    medians = (f"{row['tokenizer']} {_number(row['median_occurrence'])}" for row in summary)
    yield f"Median occurrence of a token: {', '.join(medians)} (2B)."
    for row in tables["shared_tokens"].to_dict("records"):
        yield (
            f"{row['tokenizer']} and {row['other']} share {_number(row['shared'])} tokens, "
            f"{_percent(row['percent'])} of the larger vocabulary (2C)."
        )
    lengths = tables["token_lengths"]
    for name, rows in lengths.groupby("tokenizer", sort=False):
        held, used = _commonest(rows, "vocabulary", 1), _commonest(rows, "occurrence", 2)
        yield f"{name}: most tokens have {held} nt (2D), most occurrences {used} nt (2E)."
    per_window = (
        f"{row['tokenizer']} {float(row['mean_tokens_per_window']):,.0f} (at most "
        f"{_number(row['max_tokens_per_window'])})"
        for row in summary
    )
    yield f"Mean tokens per window: {', '.join(per_window)} (2F)."


def symbols(tables: Tables) -> Iterator[str]:
    """Tell the map of Figure 3A."""
    for name, rows in tables["symbols"].groupby("tokenizer", sort=False):
        variants = rows[rows["kind"] != "base"].copy()
        variants["count"] = variants["occurrence"].astype(int)
        total = int(variants["count"].sum())
        if not total:
            continue
        kinds = variants.groupby("kind")["count"].sum().sort_values(ascending=False, kind="stable")
        shares = ", ".join(f"{kind} {_share(n, total)}" for kind, n in kinds.items() if n)
        top = variants.sort_values("count", ascending=False, kind="stable").head(3)
        leading = ", ".join(
            f"{row['name']} {_share(row['count'], total)}" for row in top.to_dict("records")
        )
        pairs = variants[variants["name"].str.contains("/") & (variants["count"] > 0)]
        yield (
            f"{name}: {len(pairs)} of {WRITTEN_PAIRS} pairs occur; {shares}; most often {leading}."
        )


def two_mers(tables: Tables) -> Iterator[str]:
    """Tell the graphs of Figure 3B and 3C."""
    for name, rows in tables["variant_2mers"].groupby("tokenizer", sort=False):
        tokens = rows["tokens"].astype(int)
        if tokens.sum():
            where = ((panel, tokens[rows["panel"] == panel].sum()) for panel in ("3B", "3C"))
            counts = ", ".join(f"{count} in {panel}" for panel, count in where)
            yield f"{name}, tokens of one base and a variant: {tokens.sum()}, {counts}."
            for panel, place in (("3B", "after A or T"), ("3C", "before C or G")):
                yield f"{name}: {place} stand {_edges(rows[rows['panel'] == panel])} ({panel})."


def short_tokens(tables: Tables) -> Iterator[str]:
    """Tell the shares of Figure 3D and 3E, over all positions of the token."""
    kinds = {"3D": "one variant", "3E": "variants alone"}
    rows = tables["variant_kmers"]
    whole = rows[rows["place"] == "all"]
    for (name, panel, length), part in whole.groupby(["tokenizer", "panel", "length"], sort=False):
        top = ", ".join(
            f"{row['variant']} {_percent(row['percent'])}"
            for row in part.head(4).to_dict("records")
        )
        tokens = _number(part["tokens_in_panel"].iloc[0])
        found = ", ".join(sorted(set(part["kind"])))
        yield (
            f"{name}, {length}-mers with {kinds[str(panel)]}: {tokens}, of kind {found}; "
            f"most often {top} ({panel})."
        )


def kmer_space(tables: Tables) -> Iterator[str]:
    """Tell Figure 3F: where expanded variants cover more than the first tokenizer does."""
    rows = tables["kmer_space"]
    names = list(dict.fromkeys(rows["tokenizer"]))
    shares = {
        name: dict(zip(part["k"].astype(int), part["expanded_percent"].astype(float), strict=True))
        for name, part in rows.groupby("tokenizer", sort=False)
    }
    first = names[0]
    for name in names[1:]:
        more = [k for k, share in shares[name].items() if share > shares[first][k]]
        told = ", ".join(
            f"k = {k} ({shares[name][k]:.3g} against {shares[first][k]:.3g} %)" for k in more
        )
        yield f"{name} covers more k-mers than {first} at {told or 'no k'}."


# Picture: the tables that its sentences need, and who tells them.
SENTENCES: dict[str, tuple[tuple[str, ...], Callable[[Tables], Iterator[str]]]] = {
    "comparison": (("shared_tokens", "summary", "token_lengths"), lengths_and_use),
    "symbol_map": (("symbols",), symbols),
    "variant_2mers": (("variant_2mers",), two_mers),
    "variant_kmers": (("variant_kmers",), short_tokens),
    "kmer_space": (("kmer_space",), kmer_space),
}


def _edges(rows: pd.DataFrame) -> str:
    """Write how many of the SNPs, and of the insertions and deletions, the vocabulary has."""
    indel = rows["vertex_2"].isin(("Ins", "Del"))
    told = []
    for chosen, what in ((~indel, "SNPs"), (indel, "insertions and deletions")):
        part = rows[chosen].assign(held=rows["tokens"].astype(int) > 0)
        edges = part.groupby(["vertex_1", "vertex_2"])["held"].any()
        told.append(f"{edges.sum()} of {len(edges)} {what}")
    return " and ".join(told)


def _commonest(rows: pd.DataFrame, column: str, how_many: int) -> str:
    ordered = rows.assign(count=rows[column].astype(int)).sort_values(
        "count", ascending=False, kind="stable"
    )
    return " and ".join(sorted(ordered["length"].head(how_many), key=int))


def _number(text: object) -> str:
    return f"{float(str(text)):,.0f}"


def _percent(text: object) -> str:
    return f"{float(str(text)):.1f} %"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %"
