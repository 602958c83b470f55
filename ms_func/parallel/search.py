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
That bounds the optimum from below, and going back through the tables gives choices. Where
the two do not meet, the easy nodes are eliminated and prices moved between the others
(`levels.py`): choices that are part of nothing cheaper than what is at hand go, and what
remains has tighter bounds and smaller tables. Branching on the nodes that are still in the
way, cheapest bound first, ends at the optimum in any case.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from ms_func.parallel.descent import descend
from ms_func.parallel.levels import Levels
from ms_func.parallel.problem import Problem

LIMIT = 3_000_000
"""Largest table, in entries, that elimination may build."""
COARSE = 30_000
"""Largest table of the first try, which does for most programs, and of tries near others."""
MIDDLE = 300_000
"""Largest table of a bound: cheap ones are better than tight ones, since many are needed."""
SWEEPS = 5
"""Rounds of messages between two looks at what they lead to."""
SLOW = 0.02
"""Messages go on as long as they close this share of the gap."""

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
    return _Search(problem, limit, seconds).run()


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
        left: nodes that are not eliminated.
        bound: no assignment with these nodes fixed is cheaper.
        choices: an assignment; the cheapest one if no table was taken apart.
        blame: how often each node stood in a table that was too large.
        largest: entries of the largest table.
    """

    def __init__(
        self, problem: Problem, fixed: dict[int, int], limit: int, easy: bool = False
    ) -> None:
        self.sizes = [len(v) for v in problem.nodes]
        self.limit, self.easy = limit, easy
        self.bound = 0.0
        self.blame: Counter[int] = Counter()
        self.largest = 0
        self.touching = self._tables(problem, fixed)
        self.trail: list[tuple[int, list[_Table]]] = []
        self.left = self._eliminate(set(fixed))
        self.choices = [] if self.left else self.backtrack(fixed)

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

    def _eliminate(self, gone: set[int]) -> list[int]:
        """Eliminate the node with the smallest joined table until none is left.

        If only what is `easy` goes, nodes stay that have more than two neighbours, or too large a
        table: what is left has tables of pairs, and nothing is taken apart.
        """
        touching = self.touching
        joined = {i: self._entries(i) for i in range(len(self.sizes)) if i not in gone}
        heap = [(entries, i) for i, entries in joined.items()]
        heapq.heapify(heap)
        while heap:
            entries, i = heapq.heappop(heap)
            if joined.get(i) != entries:
                continue
            tables = touching[i]
            around = {j for t in tables for j in t.scope} - {i}
            if self.easy and (len(around) > 2 or entries > self.limit):
                continue
            del joined[i]
            self.trail.append((i, tables))
            for j in around:
                touching[j] = [t for t in touching[j] if i not in t.scope]
            self._minimise(i, self._parts(tables, entries, around | {i}))
            for j in around:
                joined[j] = self._entries(j)
                heapq.heappush(heap, (joined[j], j))
        return sorted(joined)

    def core(self) -> Problem:
        """The nodes that are left, behind one that stands for the price of what is gone."""
        number = {i: k for k, i in enumerate(self.left, 1)}
        nodes = [np.array([self.bound]), *(np.zeros(self.sizes[i]) for i in self.left)]
        found = Problem(nodes)
        for t in {id(t): t for i in self.left for t in self.touching[i]}.values():
            if len(t.scope) == 1:
                nodes[number[t.scope[0]]] = nodes[number[t.scope[0]]] + t.values
            else:
                found.add_edge(*(number[i] for i in t.scope), t.values)
        return found

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

    def backtrack(self, fixed: dict[int, int]) -> list[int]:
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


class _Search:
    """First the whole problem, then what is left of it, at last branch by branch.

    Attributes:
        rest: what is searched now.
        whole: choices of everything from those of `rest`.
    """

    def __init__(self, problem: Problem, limit: int, seconds: float) -> None:
        self.problem, self.limit = problem, limit
        self.rest = problem
        self.whole: Callable[[Sequence[int]], Sequence[int]] = list
        self.start = monotonic()
        self.seconds, self.patience = seconds, PATIENCE * seconds
        self.middle = min(MIDDLE, limit)
        self.bound = -math.inf
        self.best: list[int] = []
        self.price = math.inf
        self.found = 0.0  # when
        self.largest = 0
        self.missed = math.inf

    def run(self) -> Solution:
        """Cheapest choices, or the best found until the deadline."""
        self._root(min(COARSE, self.limit))
        for improve in (self._descend, self._level, self._branches):
            if not self._closed():
                improve()
        return Solution(tuple(self.best), self.price, self.bound, self.largest)

    def _root(self, limit: int) -> _Elimination:
        """A run with nothing fixed: its bound holds for everything."""
        run = self._eliminate({}, limit)
        self._bounded(run.bound)
        return run

    def _bounded(self, bound: float) -> None:
        """Nothing that is searched now is cheaper than a bound."""
        self.bound = max(self.bound, min(bound, self.price))

    def _eliminate(self, fixed: dict[int, int], limit: int) -> _Elimination:
        """One run, whose choices are kept if they are the cheapest so far."""
        run = _Elimination(self.rest, fixed, limit)
        self.largest = max(self.largest, run.largest)
        self._keep(self.whole(run.choices))
        return run

    def _keep(self, choices: Sequence[int]) -> None:
        price = self.problem.price(choices)
        if not self.best or price < self.price:
            self.best, self.price = list(choices), price
            self.found = self._spent()

    def _descend(self) -> None:
        """Choices found axis by axis: with something cheap at hand, more others can be dropped."""
        solver = lambda p: _Elimination(p, {}, min(COARSE, self.limit)).choices  # noqa: E731
        for choices in descend(self.problem, self.best, solver, self._late):
            self._keep(choices)

    def _level(self) -> None:
        """Messages between the nodes that are not easy, as long as they lead further."""
        easy = _Elimination(self.problem, {}, self.limit, easy=True)
        self.largest = max(self.largest, easy.largest)
        levels = Levels(easy.core(), self.price)

        def whole(choices: Sequence[int]) -> list[int]:
            numbers = levels.numbers(choices)[1:]
            return easy.backtrack(dict(zip(easy.left, numbers, strict=True)))

        while self._spent() <= self.seconds:
            before = self.bound
            for _ in range(SWEEPS):
                levels.sweep()
            self._bounded(levels.bound)
            self._keep(whole(levels.choices()))
            if not levels.drop(self.price):
                self._bounded(math.inf)
                return
            self.rest, self.whole = levels.problem(), whole
            self._root(self.middle)
            if self._closed() or self.bound - before < SLOW * (self.price - before):
                return

    def _branches(self) -> None:
        """What is left with the largest tables, and depth first if those do not do."""
        if self._late():
            return
        first = self._root(self.limit)
        if first.blame and not self._closed():
            self._branch({}, first)
            self._bounded(self.missed)

    def _spent(self) -> float:
        return monotonic() - self.start

    def _late(self) -> bool:
        """Whether to stop: time is up, or has gone by for long without anything cheaper."""
        spent = self._spent()
        return spent > self.seconds or spent > max(2 * self.patience, LULL * self.found)

    def _closed(self, bound: float = -math.inf) -> bool:
        """Whether nothing above a bound, and that of everything, can be worth looking for."""
        bound = max(bound, self.bound)
        slack = 1e-9 * max(1.0, abs(self.price))
        spent = self._spent()
        if spent > self.patience:
            slack = max(slack, GAP * abs(self.price) * spent / max(self.patience, 1e-9))
        return bound >= self.price - slack or bound == math.inf

    def _branch(self, fixed: dict[int, int], above: _Elimination) -> None:
        """Fix one more node at each of its choices that may still lead to something cheaper."""
        (node, _), *_ = sorted(above.blame.items(), key=lambda item: (-item[1], item[0]))
        tried = []
        for c in range(len(self.rest.nodes[node])):
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
