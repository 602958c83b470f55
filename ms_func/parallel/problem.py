"""What the search minimises: a sum of tables over one choice per node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Problem:
    """Sum of node vectors and edge matrices over one choice per node.

    Attributes:
        nodes: price of each choice of each node.
        edges: price of each pair of choices, by node pair (i, j) with i < j.
        places: of each choice of each node, what every mesh axis does there, as numbers that
            are equal for equal things; empty where nothing is known of axes.
    """

    nodes: list[np.ndarray] = field(default_factory=list)
    edges: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    places: list[np.ndarray] = field(default_factory=list)

    def add_node(self, prices: Sequence[float] | np.ndarray) -> int:
        """New node with these prices; returns its number."""
        self.nodes.append(np.asarray(prices, np.float64))
        return len(self.nodes) - 1

    def add_edge(self, i: int, j: int, prices: np.ndarray) -> None:
        """Add prices of pairs of choices; several edges of one pair are summed."""
        if i == j:
            self.nodes[i] = self.nodes[i] + np.diagonal(prices)
            return
        key, table = ((i, j), prices) if i < j else ((j, i), prices.T)
        known = self.edges.get(key)
        self.edges[key] = np.array(table, np.float64) if known is None else known + table

    def price(self, choices: Sequence[int]) -> float:
        """Price of a complete assignment."""
        total = sum(float(v[c]) for v, c in zip(self.nodes, choices, strict=True))
        return total + sum(float(m[choices[i], choices[j]]) for (i, j), m in self.edges.items())
