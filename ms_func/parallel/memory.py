"""Bytes that a plan holds on each device, and the cheapest plan below a limit.

Live values are counted over the order of the equations. Chains of elementwise operations are
fused by the compiler: a value inside one is not kept, what it is computed from is. Arguments
and results stay for the whole run; a result that takes over the memory of a donated argument
counts once. What a loop carries, and the results that it stacks, take memory from its start.

Under a limit the search minimises price + multiplier x bytes at the point where most is
live (a Lagrange multiplier, found by bisection). What it finds is feasible, but only near the
optimum: no bound is claimed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ms_func.errors import ShardingError
from ms_func.ir.function import Eqn, Literal, Var
from ms_func.ir.primitive import ELEMENTWISE
from ms_func.parallel.graph import Graph
from ms_func.parallel.problem import Problem
from ms_func.parallel.search import Solution
from ms_func.parallel.unfold import LAID_OPEN, places

_UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip


def parse_bytes(limit: int | str) -> int:
    """Bytes from a number or a text such as "16GiB".

    Raises:
        ValueError: the text is not a number with a unit.

    Example:
        >>> parse_bytes("1.5 KiB")
        1536
    """
    if not isinstance(limit, str):
        return int(limit)
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]*)\s*", limit)
    if match is None or match.group(2).lower() not in _UNITS:
        raise ValueError(f"memory_limit {limit!r} is not a number of bytes such as '16GiB'")
    return int(float(match.group(1)) * _UNITS[match.group(2).lower()])


VIEWS = ("broadcast_in_dim", "reshape", "iota", "squeeze", "expand_dims")
"""Operations whose results the compiler computes where they are read, or does not copy."""


class Interval(NamedTuple):
    """A value or copy that takes memory while equations `start` to `end` run.

    Attributes:
        node: node whose choice says how it is cut.
        size: bytes of the whole value.
        start, end: numbers of equations; those of arguments and results reach over all.
        var: the value.
        copied: node of the value itself, where this is a copy that exists only if it differs.
    """

    node: int
    size: int
    start: int
    end: int
    var: Var
    copied: int | None = None


class Peak(NamedTuple):
    """Where most memory is taken.

    Attributes:
        bytes: on each device.
        at: number of the equation.
        held: bytes of arguments and results, the part that is there all the time.
    """

    bytes: float
    at: int
    held: float


class Memory:
    """Intervals of all values of a program.

    Args:
        graph: its graph.
        ties: pairs (parameter, result) that share memory.
    """

    def __init__(self, graph: Graph, ties: Sequence[tuple[int, int]] = ()) -> None:
        self.graph = graph
        self.count = max(1, len(graph.eqns))
        self.intervals = [*self._ends(ties), *self._temporaries(), *self._copies()]

    def _ends(self, ties: Sequence[tuple[int, int]]) -> list[Interval]:
        """Arguments, and results that take over no argument's memory."""
        fn, node = self.graph.fn, self.graph.value_node
        shared = {j for _, j in ties}
        outs = [a for j, a in enumerate(fn.results) if j not in shared and type(a) is Var]
        whole = [*fn.params, *(v for v in dict.fromkeys(outs) if v not in set(fn.params))]
        return [Interval(node[v], v.type.nbytes, 0, self.count, v) for v in whole]

    def _temporaries(self) -> list[Interval]:
        """Values that are kept from the equation that makes them to the last that reads them."""
        graph, read_by = self.graph, self._readers()
        results = set(graph.fn.results)
        sources: dict[Any, frozenset[Any]] = {v: frozenset([v]) for v in graph.fn.params}
        views = {b.target: b.source for b in graph.sheet.bridges if b.lead == 0}
        starts = {i: i - _inside(graph.eqns[i]) for i in graph.sheet.opened}
        taken = {(i, n): v for i in starts for n, v in self._carried(graph.eqns[i])}
        made = {v: starts[i] for (i, _), v in taken.items()}
        last = {v: i for (i, _), v in taken.items()}
        sources.update((v, frozenset([v])) for v in made)

        def below(a: Any) -> frozenset[Any]:
            """What a value is computed from, of what is kept; a value in a body is a view."""
            while a not in sources and a in views:
                a = views[a]
            return sources.get(a, frozenset())

        for i, eqn in enumerate(graph.eqns):
            reads = [below(a) if type(a) is not Literal else frozenset() for a in eqn.inputs]
            for n, read in enumerate(reads):
                at = starts[i] if (i, n) in taken else i  # the loop goes on with its memory
                for v in read:
                    last[v] = max(last.get(v, at), at)
            parts = frozenset().union(*reads)
            stacked = eqn.primitive.name == "scan"
            for k, v in enumerate(eqn.outputs):
                kept = self._is_kept(i, eqn, read_by.get(v, ())) or v in results
                sources[v] = frozenset([v]) if kept else parts
                made[v] = starts[i] if stacked and k >= eqn.params["num_carry"] else i
                last[v] = i
        return [
            Interval(graph.value_node[v], v.type.nbytes, made[v], last[v], v)
            for v in made
            if sources[v] == {v} and v not in results
        ]

    def _carried(self, eqn: Eqn) -> list[tuple[int, Var]]:
        """Operands that a loop starts from, and what stands for them in its body."""
        carries = {v for v, _ in self.graph.sheet.carries}
        return [
            (n, v)
            for body, operands, _ in places(eqn)
            for v, n in zip(body.params, operands, strict=True)
            if v in carries
        ]

    def _readers(self) -> dict[Any, list[int]]:
        found: dict[Any, list[int]] = {}
        for i, eqn in enumerate(self.graph.eqns):
            for a in eqn.inputs:
                if type(a) is not Literal:
                    found.setdefault(a, []).append(i)
        return found

    def _is_kept(self, i: int, eqn: Eqn, readers: Sequence[int]) -> bool:
        """Whether the results of an equation get memory, not only a place inside a fusion."""
        graph = self.graph
        if i in graph.sheet.opened or (len(readers) > 1 and _is_dear(eqn)):
            return True
        if eqn.primitive.name in VIEWS:
            return False
        return self._is_whole(i) or any(
            self._is_whole(r) or r in graph.sheet.opened for r in readers
        )

    def _is_whole(self, i: int) -> bool:
        """Whether an equation is computed by itself; additions of open sums are fused as well."""
        graph = self.graph
        return i in graph.eqn_node and graph.eqns[i].primitive.shard is not ELEMENTWISE

    def _copies(self) -> list[Interval]:
        """Copies in another layout, from the first equation that reads them to the last."""
        graph, read = self.graph, {}
        for i, eqn in enumerate(graph.eqns):
            for a in eqn.inputs:
                if a in graph.read_node and i in graph.eqn_node:
                    first, _ = read.get(a, (i, i))
                    read[a] = first, i
        return [
            Interval(graph.read_node[v], v.type.nbytes, i, j, v, graph.value_node[v])
            for v, (i, j) in read.items()
        ]

    def bytes_of(self, x: Interval, choices: Sequence[int]) -> float:
        """Bytes of one interval on each device."""
        spec = self.graph.nodes[x.node].choices[choices[x.node]]
        own = x.copied
        if own is not None and spec == self.graph.nodes[own].choices[choices[own]]:
            return 0.0
        return self.graph.model.local_bytes(x.size, spec)

    def peak(self, choices: Sequence[int]) -> Peak:
        """Most bytes on each device at any point."""
        change = np.zeros(self.count + 2)
        held = 0.0
        for x in self.intervals:
            b = self.bytes_of(x, choices)
            change[x.start] += b
            change[x.end + 1] -= b
            if x.end == self.count:
                held += b
        live = np.cumsum(change)[: self.count]
        at = int(live.argmax())
        return Peak(float(live[at]), at, held)

    def prices(self, points: Sequence[int]) -> dict[int, np.ndarray]:
        """Bytes of each choice of each node, averaged over the given points of the program."""
        found: dict[int, np.ndarray] = {}
        for x in self.intervals:
            share = sum(x.start <= t <= x.end for t in points) / len(points)
            if share:
                specs = self.graph.nodes[x.node].choices
                bytes_ = [self.graph.model.local_bytes(x.size, s) for s in specs]
                found[x.node] = found.get(x.node, 0.0) + share * np.array(bytes_)
        return found

    def largest(self, choices: Sequence[int], at: int, count: int = 3) -> list[tuple[float, Var]]:
        """What takes most at a point: bytes on each device, and the value."""
        live = [
            (self.bytes_of(x, choices), x.var) for x in self.intervals if x.start <= at <= x.end
        ]
        return sorted(live, key=lambda pair: -pair[0])[:count]


def _inside(eqn: Eqn) -> int:
    """How many equations the bodies of a loop or branch have, those of their own bodies too."""
    found = 0
    for body, _, _ in places(eqn):
        found += sum(1 + (_inside(e) if e.primitive.name in LAID_OPEN else 0) for e in body.eqns)
    return found


def _is_dear(eqn: Eqn) -> bool:
    """Whether the compiler keeps a value that is read twice instead of computing it again."""
    ins, outs = [a.type for a in eqn.inputs], [v.type for v in eqn.outputs]
    return eqn.primitive.cost(ins, outs, **eqn.params).transcendentals > 0


def solve_below(
    limit: float,
    memory: Memory,
    problem: Problem,
    solve: Callable[[Problem, float], Solution],
    rounds: int = 10,
) -> Solution:
    """Cheapest choices found whose peak is below a limit.

    Args:
        limit: bytes on each device.
        memory: of the program.
        problem: prices.
        solve: minimises a problem in a share of the time that is left.
        rounds: steps of the bisection.

    Raises:
        ShardingError: no choices were found; the message says how low the peak can get.
    """
    best = solve(problem, 0.5)
    peak = memory.peak(best.choices)
    if peak.bytes <= limit:
        return best
    points, least = [peak.at], (peak, best)
    found: Solution | None = None
    low, high = 0.0, (abs(best.price) + 1e-9) / max(limit, 1.0) / 64

    def attempt(multiplier: float, left: int) -> bool:
        nonlocal found, least
        solution = solve(_weighted(problem, memory.prices(points), multiplier), 1 / left)
        peak = memory.peak(solution.choices)
        points.append(peak.at)
        if peak.bytes < least[0].bytes:
            least = peak, solution
        if peak.bytes > limit:
            return False
        price = problem.price(solution.choices)
        if found is None or price < found.price:
            found = Solution(solution.choices, price, best.bound, solution.largest)
        return True

    for left in range(12, 0, -1):
        if attempt(high, left + rounds):
            break
        low, high = high, high * 8
    if found is None:
        raise _too_large(limit, memory, *least)
    for left in range(rounds, 0, -1):
        middle = math.sqrt(max(low, high * 1e-3) * high)
        low, high = (low, middle) if attempt(middle, left) else (middle, high)
    return found


def _weighted(problem: Problem, prices: dict[int, np.ndarray], multiplier: float) -> Problem:
    nodes = [v + multiplier * prices[i] if i in prices else v for i, v in enumerate(problem.nodes)]
    return replace(problem, nodes=nodes)


def _too_large(limit: float, memory: Memory, peak: Peak, solution: Solution) -> ShardingError:
    makers = {v: e for e in memory.graph.eqns for v in e.outputs}
    rows = [
        f"  {b / 2**20:8.2f} MiB  {v.type}  {_origin(makers.get(v))}"
        for b, v in memory.largest(solution.choices, peak.at)
    ]
    return ShardingError(
        f"no plan holds at most {limit / 2**20:.2f} MiB on each device; the least found is "
        f"{peak.bytes / 2**20:.2f} MiB, {peak.held / 2**20:.2f} MiB of it arguments and results\n"
        + "\n".join(["largest:", *rows])
        + "\nfix: raise memory_limit, use more devices, or recompute with checkpoint"
    )


def _origin(eqn: Eqn | None) -> str:
    if eqn is None:
        return "argument"
    return eqn.primitive.name if eqn.loc is None else f"{eqn.primitive.name} at {eqn.loc}"
