"""Prices moved along edges until every node knows what its choices cost elsewhere.

Moving a price from a table to one that shares a node with it changes no sum over all tables. Nodes
hand what they know to those behind them in the order of the program, then to those before them,
each time in equal shares for every chain of nodes that passes through (sequential tree-reweighted
message passing: Kolmogorov, "Convergent Tree-reweighted Message Passing for Energy Minimization",
2006). The least entries of all tables together then bound the optimum, on programs within a few
percent and often without a gap; what a choice has above the least entries says how dear the best
plan with it is at least. Choices that can be part of nothing cheaper than what is at hand are
dropped, and what is left is mostly small enough to be searched to the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ms_func.parallel.problem import Problem

Pair = tuple[int, int]


class Levels:
    """A problem, the messages between its nodes, and the choices that are left.

    Args:
        problem: what to minimise; no price is negative.
        price: of choices at hand. Entries above twice as much count as that: they are in nothing
            cheaper, and differences of sums stay exact enough.
    """

    def __init__(self, problem: Problem, price: float) -> None:
        top = 2 * min(price, _most(problem))
        self.nodes = [np.minimum(v, top) for v in problem.nodes]
        self.left = [np.arange(len(v)) for v in problem.nodes]
        self.tables: dict[Pair, np.ndarray] = {}
        self.sent: dict[Pair, np.ndarray] = {}
        self.near: list[list[int]] = [[] for _ in problem.nodes]
        for (i, j), table in problem.edges.items():
            self.tables[i, j] = np.minimum(table, top)
            self.tables[j, i] = np.ascontiguousarray(self.tables[i, j].T)
            self.sent[i, j], self.sent[j, i] = np.zeros(table.shape[1]), np.zeros(table.shape[0])
            self.near[i].append(j)
            self.near[j].append(i)
        self.bound = -math.inf
        self.share = [1 / max(1, *self._counts(i)) for i in range(len(self.nodes))]

    def _counts(self, i: int) -> tuple[int, int]:
        """Numbers of neighbours before and behind a node."""
        before = sum(j < i for j in self.near[i])
        return before, len(self.near[i]) - before

    def sweep(self) -> float:
        """Pass messages forward and back again; a bound of the optimum among the choices left."""
        nodes = range(len(self.nodes))
        self._pass(nodes, 1)
        self.bound = self._pass(reversed(nodes), -1)
        return self.bound

    def _pass(self, nodes: Sequence[int] | Iterator[int], way: int) -> float:
        """Messages from each node to its neighbours on one side, and the bound that they give."""
        bound = 0.0
        for i in nodes:
            known = self._known(i)
            part, rest = self.share[i] * known, 1.0
            for j in self.near[i]:
                if (j - i) * way > 0:
                    message = (self.tables[j, i] + (part - self.sent[j, i])).min(axis=1)
                    least = message.min()
                    self.sent[i, j] = message - least
                    bound += float(least)
                    rest -= self.share[i]
            bound += max(0.0, rest) * float(known.min())
        return bound

    def _known(self, i: int) -> np.ndarray:
        """Prices of the choices of a node with what its neighbours told."""
        return self.nodes[i] + sum(self.sent[j, i] for j in self.near[i])

    def choices(self) -> list[int]:
        """Choices among those left, taken one after the other; those behind are as they told."""
        found: list[int] = []
        for i, prices in enumerate(self.nodes):
            total = prices
            for j in self.near[i]:
                total = total + (self.tables[i, j][:, found[j]] if j < i else self.sent[j, i])
            found.append(int(total.argmin()))
        return found

    def numbers(self, choices: Sequence[int]) -> list[int]:
        """Numbers in the whole problem of choices that are left."""
        return [int(left[c]) for left, c in zip(self.left, choices, strict=True)]

    def drop(self, price: float) -> bool:
        """Drop choices with which nothing is as cheap; whether every node has one left.

        Call it right after `sweep`.
        """
        room = price * (1 + 1e-9) - self.bound
        keep = [np.flatnonzero(self._above(i) <= room) for i in range(len(self.nodes))]
        self.nodes = [v[k] for v, k in zip(self.nodes, keep, strict=True)]
        self.left = [v[k] for v, k in zip(self.left, keep, strict=True)]
        for (i, j), table in self.tables.items():
            if table.shape != (len(keep[i]), len(keep[j])):
                self.tables[i, j] = np.ascontiguousarray(table[np.ix_(keep[i], keep[j])])
                self.sent[i, j] = self.sent[i, j][keep[j]]
        return all(map(len, keep))

    def _above(self, i: int) -> np.ndarray:
        """How much more than the bound everything costs at least, by choice of a node."""
        known = self._known(i)
        part, rest = self.share[i] * known, 1.0
        found = np.zeros(len(known))
        for j in self.near[i]:
            if j < i:
                price = (self.tables[i, j] - self.sent[i, j]).min(axis=1) + part - self.sent[j, i]
                found += price - price.min()
                rest -= self.share[i]
        return found + max(0.0, rest) * (known - known.min())

    def problem(self) -> Problem:
        """The problem of the choices that are left, with the prices where the messages put them."""
        found = Problem([self._known(i) for i in range(len(self.nodes))])
        for (i, j), table in self.tables.items():
            if i < j:
                found.edges[i, j] = table - self.sent[j, i][:, None] - self.sent[i, j]
        return found


def _most(problem: Problem) -> float:
    """No choices that are possible at all cost more than this."""
    tables = [*problem.nodes, *problem.edges.values()]
    return sum(float(t[np.isfinite(t)].max(initial=0.0)) for t in tables)
