"""A trie over the tokens of a vocabulary, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pybmfm.variants import ALPHABET

ROOT = 0
NO_TOKEN = 2**16 - 1
_CODES = {symbol: code for code, symbol in enumerate(ALPHABET)}


class Trie(NamedTuple):
    """Tokens by their letters.

    Attributes
    ----------
    children, symbols, width
        uint32[nodes * width], the node after each node and symbol, 0 for none; ``symbols``,
        uint8[132], gives the column of each code, 0 for codes that no token goes on with.
    longest
        uint16[nodes], the longest token on the way to a node.
    run_nodes, run_first
        ``run_nodes[run_first[c] + k]`` is the node after k + 1 times the code c; uint32, int64.
    shorter
        uint16[size], the longest other token that each token begins with, or ``NO_TOKEN``.
    lengths
        int64[size], letters per token.
    """

    children: npt.NDArray[np.uint32]
    symbols: npt.NDArray[np.uint8]
    width: int
    longest: npt.NDArray[np.uint16]
    run_nodes: npt.NDArray[np.uint32]
    run_first: npt.NDArray[np.int64]
    shorter: npt.NDArray[np.uint16]
    lengths: npt.NDArray[np.int64]


def build_trie(texts: Mapping[str, int], size: int, unk: int | None) -> Trie:
    """Lay out tokens; a symbol that is no token by itself becomes ``unk``.

    Parameters
    ----------
    texts
        Ids of the tokens to be found.
    size
        One more than the largest id of the vocabulary.
    unk
        None if every symbol is a token.
    """
    unknown = {symbol: unk for symbol in ALPHABET if symbol not in texts and unk is not None}
    nodes = _Nodes()
    ends = {token: nodes.add(text, token) for text, token in (unknown | dict(texts)).items()}
    longest = nodes.longest()
    lengths = np.ones(size, dtype=np.int64)
    shorter = np.full(size, NO_TOKEN, dtype=np.uint16)
    for text, token in texts.items():
        lengths[token] = len(text)
        shorter[token] = longest[nodes.parents[ends[token]]]
    return Trie(*nodes.children(), longest, *nodes.runs(), shorter, lengths)


class _Nodes:
    """A trie that grows; a node's number is larger than its parent's."""

    def __init__(self) -> None:
        self.steps: dict[tuple[int, int], int] = {}
        self.parents = [ROOT]
        self.tokens = [NO_TOKEN]

    def add(self, text: str, token: int) -> int:
        node = ROOT
        for letter in text:
            step = (node, _CODES[letter])
            if step not in self.steps:
                self.steps[step] = len(self.parents)
                self.parents.append(node)
                self.tokens.append(NO_TOKEN)
            node = self.steps[step]
        self.tokens[node] = token
        return node

    def longest(self) -> npt.NDArray[np.uint16]:
        longest = list(self.tokens)
        for node, parent in enumerate(self.parents):
            if longest[node] == NO_TOKEN:
                longest[node] = longest[parent]
        return np.array(longest, dtype=np.uint16)

    def children(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8], int]:
        """Every step but those from the root, which `runs` holds."""
        used = sorted({code for node, code in self.steps if node != ROOT})
        symbols = np.zeros(len(ALPHABET), dtype=np.uint8)
        symbols[used] = np.arange(1, len(used) + 1)
        children = np.zeros((len(self.parents), len(used) + 1), dtype=np.uint32)
        for (node, code), child in self.steps.items():
            if node != ROOT:
                children[node, symbols[code]] = child
        return children.ravel(), symbols, len(used) + 1

    def runs(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        nodes: list[int] = []
        first = [0]
        for code in range(len(ALPHABET)):
            node = self.steps.get((ROOT, code))
            while node is not None:
                nodes.append(node)
                node = self.steps.get((node, code))
            first.append(len(nodes))
        return np.array(nodes, dtype=np.uint32), np.array(first, dtype=np.int64)
