"""The cheapest assignment of choices to nodes: exact, by eliminating one node after another.

A `Problem` is a sum of tables: one vector per node and one matrix per pair of neighbours.
Minimising over one node joins the tables that touch it into one table over its neighbours
and forgets the node; done for all nodes, what remains is the optimum, and the remembered
argmins lead back to the choices (Bertele and Brioschi, "Nonserial Dynamic Programming",
1972). The order with the smallest next table keeps tables small on programs, which are
nearly trees.

Where a joined table would be too large, its parts are minimised separately, after they have
exchanged prices so that they agree on the node (Dechter and Rish, "Mini-buckets", 2003;
Flerova, Ihler, Dechter and Otten, "Mini-bucket elimination with moment matching", 2011).
That bounds the optimum from below, and going back through the tables gives choices; where
the two do not meet, branching on the nodes that were in the way, cheapest bound first, ends
at the optimum again.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from ms_func.parallel.descent import descend
from ms_func.parallel.problem import Problem
from ms_func.parallel.repeats import alike, tied

LIMIT = 3_000_000
"""Largest table, in entries, that elimination may build."""
COARSE = 30_000
"""Largest table of the first try, which does for most programs."""
MIDDLE = 300_000
"""Largest table of a bound: cheap ones are better than tight ones, since many are needed."""
DEARER = 6.0
"""How much longer an elimination takes with tables of `LIMIT` than with those of `MIDDLE`."""
SHARE = 0.3
"""Share of the time that the former may take before choices are looked for axis by axis."""

PATIENCE = 0.1
"""Share of the time for which the search insists on the optimum itself."""
GAP = 1e-3
"""Distance from the optimum, as a share of the price, that is good enough from then on; it grows
with the time, to 1 % at the end: prices are not known better than that."""

LULL = 4.0
"""The search ends when nothing cheaper was found for the longest part of the time: after this many
times what it took to find the best, but not within the first fifth of the time."""

_HUGE = 1e30
"""In place of infinity where differences are taken."""


@dataclass(frozen=True)
class Solution:
    """Choices found.

    Attributes:
        choices: number of the choice of each node.
        price: their price.
        bound: no assignment is cheaper than this.
        largest: entries of the largest table that was built.
    """

    choices: tuple[int, ...]
    price: float
    bound: float
    largest: int

    @property
    def exact(self) -> bool:
        """Whether the choices are proven to be the cheapest."""
        return self.bound >= self.price - 1e-9 * max(1.0, abs(self.price))


def solve(problem: Problem, *, limit: int = LIMIT, seconds: float = 10.0) -> Solution:
    """Cheapest choices.

    Args:
        problem: what to minimise.
        limit: largest table to build.
        seconds: stop refining after this time; the result is then the best found, with its bound.
            After a tenth of it something within `GAP` of the optimum is good enough, later more.
    """
    return _Branching(problem, limit, seconds).run()


def forced(problem: Problem, node: int, choice: int, *, limit: int = COARSE) -> float:
    """Price of a good completion when one node must take one choice."""
    run = _Elimination(problem, {node: choice}, limit)
    return problem.price(run.choices)


class _Table:
    """Prices over the choices of the nodes in `scope`."""

    __slots__ = ("scope", "values")

    def __init__(self, scope: tuple[int, ...], values: np.ndarray) -> None:
        self.scope = scope
        self.values = values


class _Elimination:
    """One run over a problem, with some nodes fixed beforehand.

    Attributes:
        bound: no assignment with these nodes fixed is cheaper.
        choices: an assignment; the cheapest one if no table was taken apart.
        blame: how often each node stood in a table that was too large.
        largest: entries of the largest table.
    """

    def __init__(self, problem: Problem, fixed: dict[int, int], limit: int) -> None:
        self.sizes = [len(v) for v in problem.nodes]
        self.limit = limit
        self.bound = 0.0
        self.blame: Counter[int] = Counter()
        self.largest = 0
        self.touching = self._tables(problem, fixed)
        self.trail: list[tuple[int, list[_Table]]] = []
        self._eliminate(set(fixed))
        self.choices = self._backtrack(fixed)

    def _tables(self, problem: Problem, fixed: dict[int, int]) -> list[list[_Table]]:
        """Tables that touch each free node; edges to fixed nodes become vectors."""
        vectors = [v.copy() for v in problem.nodes]
        touching: list[list[_Table]] = [[] for _ in vectors]
        for (i, j), m in problem.edges.items():
            if i in fixed and j in fixed:
                self.bound += float(m[fixed[i], fixed[j]])
            elif i in fixed:
                vectors[j] += m[fixed[i]]
            elif j in fixed:
                vectors[i] += m[:, fixed[j]]
            else:
                table = _Table((i, j), m)
                touching[i].append(table)
                touching[j].append(table)
        for i, v in enumerate(vectors):
            if i in fixed:
                self.bound += float(v[fixed[i]])
            else:
                touching[i].append(_Table((i,), v))
        return touching

    def _entries(self, i: int) -> int:
        scope = {j for t in self.touching[i] for j in t.scope}
        return math.prod(self.sizes[j] for j in scope)

    def _eliminate(self, gone: set[int]) -> None:
        """Eliminate the node with the smallest joined table until none is left."""
        touching = self.touching
        joined = {i: self._entries(i) for i in range(len(self.sizes)) if i not in gone}
        heap = [(entries, i) for i, entries in joined.items()]
        heapq.heapify(heap)
        while heap:
            entries, i = heapq.heappop(heap)
            if joined.get(i) != entries:
                continue
            del joined[i]
            tables = touching[i]
            self.trail.append((i, tables))
            around = {j for t in tables for j in t.scope} - {i}
            for j in around:
                touching[j] = [t for t in touching[j] if i not in t.scope]
            self._minimise(i, self._parts(tables, entries, around | {i}))
            for j in around:
                joined[j] = self._entries(j)
                heapq.heappush(heap, (joined[j], j))

    def _parts(self, tables: list[_Table], entries: int, scope: set[int]) -> list[list[_Table]]:
        """The tables together, or in parts whose joins stay below the limit."""
        if entries <= self.limit:
            return [tables]
        self.blame.update(scope)
        parts: list[tuple[set[int], list[_Table]]] = []
        for t in sorted(tables, key=lambda t: -t.values.size):
            for have, part in parts:
                both = have.union(t.scope)
                if math.prod(self.sizes[j] for j in both) <= self.limit:
                    have |= both
                    part.append(t)
                    break
            else:
                parts.append((set(t.scope), [t]))
        return [part for _, part in parts]

    def _minimise(self, i: int, parts: list[list[_Table]]) -> None:
        """Join the tables of each part, minimise over node `i`, put the results where they belong.

        Several parts first exchange prices of the choices of `i`, so that each has the same least
        price for each choice; that does not change their sum, and makes the bound tighter.
        """
        scopes = [tuple(sorted({j for t in p for j in t.scope} - {i})) for p in parts]
        totals = [_join(p, (*s, i), self.sizes) for p, s in zip(parts, scopes, strict=True)]
        self.largest = max(self.largest, *(t.size for t in totals))
        if len(totals) > 1:
            least = [t.min(axis=tuple(range(t.ndim - 1))) for t in totals]
            finite = [np.minimum(m, _HUGE) for m in least]
            mean = sum(finite) / len(finite)
            totals = [t + (mean - m) for t, m in zip(totals, finite, strict=True)]
        for scope, left in zip(scopes, [t.min(axis=-1) for t in totals], strict=True):
            if not scope:
                self.bound += float(left)
                continue
            table = _Table(scope, left)
            for j in scope:
                self.touching[j].append(table)

    def _backtrack(self, fixed: dict[int, int]) -> list[int]:
        """Cheapest choice of each node given those eliminated after it."""
        choices = [fixed.get(i, 0) for i in range(len(self.sizes))]
        for i, tables in reversed(self.trail):
            total = np.zeros(self.sizes[i])
            for t in tables:
                total = (
                    total
                    + t.values[tuple([slice(None) if j == i else choices[j] for j in t.scope])]
                )
            choices[i] = int(total.argmin())
        return choices


def _join(tables: Sequence[_Table], scope: tuple[int, ...], sizes: Sequence[int]) -> np.ndarray:
    """Sum of tables over the union of their scopes, smallest tables first."""
    place = {v: k for k, v in enumerate(scope)}
    shape = tuple([sizes[v] for v in scope])
    total: Any = 0.0
    for t in sorted(tables, key=lambda t: t.values.size):
        at = [place[v] for v in t.scope]
        laid = t.values
        if at != sorted(at):
            laid = laid.transpose(sorted(range(len(at)), key=at.__getitem__))
            at.sort()
        full = [1] * len(scope)
        for k in at:
            full[k] = shape[k]
        total = total + laid.reshape(full)
    return np.broadcast_to(total, shape)


class _Branching:
    """Depth first over the choices of nodes that are in the way, cheapest bound first."""

    def __init__(self, problem: Problem, limit: int, seconds: float) -> None:
        self.problem, self.limit = problem, limit
        self.start = monotonic()
        self.seconds, self.patience = seconds, PATIENCE * seconds
        self.middle = min(MIDDLE, limit)
        self.bound = -math.inf
        self.took = 0.0  # by the last run with nothing fixed, unless it was the largest
        self.best: list[int] = []
        self.price = math.inf
        self.found = 0.0  # when
        self.largest = 0
        self.missed = math.inf

    def run(self) -> Solution:
        """Cheapest choices, or the best found until the deadline."""
        first = self._root(min(COARSE, self.limit))
        if not self._closed():
            self._repeat()
        if not self._closed() and self.middle > COARSE:
            first = self._root(self.middle)
        first = self._larger(first, SHARE * self.seconds)
        if not self._closed():
            self._descend()
            first = self._larger(first, self.seconds)
        if not self._closed():
            self._branch({}, first)
            self.bound = max(self.bound, min(self.price, self.missed))
        return Solution(tuple(self.best), self.price, self.bound, self.largest)

    def _root(self, limit: int) -> _Elimination:
        """A run with nothing fixed: its bound holds for everything."""
        start = monotonic()
        run = self._eliminate({}, limit)
        self.took = monotonic() - start
        self.bound = max(self.bound, run.bound)
        return run

    def _larger(self, run: _Elimination, seconds: float) -> _Elimination:
        """A run with the largest tables if it may be worth it and takes no more than that."""
        needless = self._closed() or self.middle == self.limit or self.took == 0.0
        if needless or DEARER * self.took > self.start + seconds - monotonic():
            return run
        found, self.took = self._root(self.limit), 0.0
        return found

    def _eliminate(self, fixed: dict[int, int], limit: int) -> _Elimination:
        """One run, whose choices are kept if they are the cheapest so far."""
        run = _Elimination(self.problem, fixed, limit)
        self.largest = max(self.largest, run.largest)
        self._keep(run.choices)
        return run

    def _keep(self, choices: list[int]) -> None:
        price = self.problem.price(choices)
        if not self.best or price < self.price:
            self.best, self.price = choices, price
            self.found = monotonic() - self.start

    def _repeat(self) -> None:
        """Choices under which all that is alike is treated alike."""
        for classes in alike(self.problem):
            run = _Elimination(tied(self.problem, classes), {}, self.middle)
            self._keep([run.choices[c] for c in classes])

    def _descend(self) -> None:
        """Choices found axis by axis: with something cheap at hand, branching cuts more off."""
        solver = lambda p: _Elimination(p, {}, self.middle).choices  # noqa: E731
        for choices in descend(self.problem, self.best, solver, self._late):
            self._keep(choices)

    def _late(self) -> bool:
        """Whether to stop: time is up, or has gone by for long without anything cheaper."""
        spent = monotonic() - self.start
        return spent > self.seconds or spent > max(2 * self.patience, LULL * self.found)

    def _closed(self, bound: float = -math.inf) -> bool:
        """Whether nothing above a bound, and that of everything, can be worth looking for."""
        bound = max(bound, self.bound)
        slack = 1e-9 * max(1.0, abs(self.price))
        spent = monotonic() - self.start
        if spent > self.patience:
            slack = max(slack, GAP * abs(self.price) * spent / max(self.patience, 1e-9))
        return bound >= self.price - slack or bound == math.inf

    def _branch(self, fixed: dict[int, int], above: _Elimination) -> None:
        """Fix one more node at each of its choices that may still lead to something cheaper."""
        (node, _), *_ = sorted(above.blame.items(), key=lambda item: (-item[1], item[0]))
        tried = []
        for c in range(len(self.problem.nodes[node])):
            if self._late() or self._closed():
                self.missed = min(self.missed, above.bound)
                return
            inner = {**fixed, node: c}
            run = self._eliminate(inner, self.middle)
            tried.append((run.bound, c, inner, run))
        tried.sort(key=lambda t: t[:2])
        for bound, _, inner, run in tried:
            if not run.blame:  # all there is below it was seen
                continue
            if not self._closed(bound) and not self._late():
                self._branch(inner, run)
            else:
                self.missed = min(self.missed, bound)
