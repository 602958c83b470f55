"""Bytes that a plan holds on each device, and the cheapest plan below a limit.

Live values are counted over the steps of the program; `liveness.py` foresees which these are.
Arguments and results stay for the whole run; a result that takes over the memory of a donated
argument counts once. While an equation runs it may have operands and results in layouts of its own.

What is counted is an estimate, mostly within 10 % of what XLA's compiler allocates for CPUs. Plans
below a limit leave room for that.

Under a limit the search minimises price + multiplier x bytes at the point where most is
live (a Lagrange multiplier, found by bisection). What it finds is feasible, but only near the
optimum: no bound is claimed. Where it differs from cheaper plans that take too much, they are
followed in as many places as there is room for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ms_func.errors import ShardingError
from ms_func.ir.function import Eqn, Var
from ms_func.parallel.graph import Graph, led
from ms_func.parallel.liveness import Liveness
from ms_func.parallel.problem import Problem
from ms_func.parallel.search import Solution
from ms_func.parallel.splits import Spec

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


ROOM = 0.05
"""Share of the temporaries that is left free below a limit."""


class Interval(NamedTuple):
    """A value or copy that takes memory from step `start` to step `end`.

    Attributes:
        node: node whose choice says how it is cut.
        size: bytes of the whole value.
        start, end: steps; those of arguments reach over all.
        var: the value.
        copied: node of the value itself, where this is a copy that exists only if it differs.
        lead: 1 where the node is about elements of the value along its leading dimension.
        place: which operand or, behind them, result of an equation it is, where the node is one.
    """

    node: int
    size: int
    start: int
    end: int
    var: Var
    copied: int | None = None
    place: int | None = None
    lead: int = 0


class Peak(NamedTuple):
    """Where most memory is taken.

    Attributes:
        bytes: on each device.
        at: step.
        held: bytes of arguments and finished results, which stay to the end.
    """

    bytes: float
    at: int
    held: float

    @property
    def safe(self) -> float:
        """Bytes with room for what the estimate of temporaries may miss."""
        return self.bytes + ROOM * max(0.0, self.bytes - self.held)


class Memory:
    """Intervals of all values of a program.

    Args:
        graph: its graph.
        ties: pairs (parameter, result) that share memory.
    """

    def __init__(self, graph: Graph, ties: Sequence[tuple[int, int]] = ()) -> None:
        self.graph = graph
        self.live = Liveness(graph, ties)
        self.count = max(1, self.live.steps)
        self.intervals = [*self._values(ties), *self._copies(), *self._passing(), *self._brought()]

    def _values(self, ties: Sequence[tuple[int, int]]) -> list[Interval]:
        """Arguments, what is computed, and results that take over no argument's memory."""
        fn, node = self.graph.fn, self.graph.value_node
        shared = {fn.results[j] for _, j in ties}
        spans = dict.fromkeys(fn.params, (0, self.count))
        spans |= {v: span for v, span in self.live.spans.items() if v not in shared}
        stated = {*fn.params, *fn.results}
        return [
            Interval(node[v], v.type.nbytes if v in stated else self._size(v), *span, v)
            for v, span in spans.items()
        ]

    def _size(self, v: Any) -> int:
        """Bytes of a value that is under way, as wide as the compiler computes with it."""
        return v.type.size * self.graph.model.width(v.type)

    def _copies(self) -> list[Interval]:
        """Copies in another layout, from the first equation that reads them to the last."""
        graph, at, spans = self.graph, self.live.at, self.live.spans
        found = []
        for v, node in graph.read_node.items():
            steps = [at.get(i) for i, _ in self.live.readers[v] if i in graph.eqn_node]
            known = [t for t in steps if t is not None]
            if None in steps and v in spans:  # read through a view as well
                known.append(spans[v].last)
            if known:
                found.append(
                    Interval(node, self._size(v), min(known), max(known), v, graph.value_node[v])
                )
        return found

    def _passing(self) -> list[Interval]:
        """Operands and results of an equation in the layouts it has them in while it runs."""
        graph, found = self.graph, []
        for i, node in graph.eqn_node.items():
            if (t := self.live.at.get(i)) is None:
                continue
            eqn = graph.eqns[i]
            for k, v in enumerate((*eqn.inputs, *eqn.outputs)):
                if type(v) is Var:
                    own = graph.value_node[v]
                    if k < len(eqn.inputs) and i not in graph.open_eqns:
                        own = graph.read_node.get(v, own)
                    found.append(Interval(node, self._size(v), t, t, v, own, k))
        for (v, i, k), span in self.live.copies.items():
            found.append(Interval(graph.eqn_node[i], self._size(v), *span, v, None, k))
        return found

    def _brought(self) -> list[Interval]:
        """Operands of loops and branches in the layouts that they have inside."""
        graph, live, found = self.graph, self.live, {}
        carries = {v for v, _ in graph.sheet.carries}
        for i, bodies in live.bodies.items():
            for body, operands, plain in bodies:
                for k, (v, n) in enumerate(zip(body.params, operands, strict=True)):
                    a, node = graph.eqns[i].inputs[n], graph.value_node[v]
                    if type(a) is Var and v not in carries:
                        span = live.begin(i), live.at[i]
                        own = graph.value_node[a]
                        found[a, node] = Interval(
                            node, self._size(a), *span, a, own, lead=int(k >= plain)
                        )
        return list(found.values())

    def taken(self, choices: Sequence[int]) -> list[tuple[float, int, int, Var]]:
        """Bytes on each device, first and last step of everything that takes memory.

        Equations that read a value in the same layout share one copy.
        """
        nodes, model = self.graph.nodes, self.graph.model
        found, shared = [], {}
        for x in self.intervals:
            spec = _layout(x, nodes[x.node].choices[choices[x.node]])
            own = x.copied
            if own is not None and spec == nodes[own].choices[choices[own]]:
                continue
            row = model.local_bytes(x.size, spec), x.start, x.end, x.var
            if own is None or x.place is None:
                found.append(row)
            else:
                _, start, end, _ = shared.get((x.var, spec), row)
                shared[x.var, spec] = row[0], min(start, x.start), max(end, x.end), x.var
        return [*found, *shared.values()]

    def peak(self, choices: Sequence[int]) -> Peak:
        """Most bytes on each device at any point."""
        change = np.zeros(self.count + 2)
        held = 0.0
        for size, start, end, _ in self.taken(choices):
            change[start] += size
            change[end + 1] -= size
            held += size if end == self.count else 0.0
        live = np.cumsum(change)[: self.count]
        at = int(live.argmax())
        return Peak(float(live[at]), at, held)

    def prices(self, points: Sequence[int]) -> dict[int, np.ndarray]:
        """Bytes of each choice of each node, averaged over the given points of the program."""
        found: dict[int, np.ndarray] = {}
        for x in self.intervals:
            share = sum(x.start <= t <= x.end for t in points) / len(points)
            if share:
                specs = [_layout(x, choice) for choice in self.graph.nodes[x.node].choices]
                bytes_ = [self.graph.model.local_bytes(x.size, s) for s in specs]
                found[x.node] = found.get(x.node, 0.0) + share * np.array(bytes_)
        return found

    def largest(self, choices: Sequence[int], at: int, count: int = 3) -> list[tuple[float, Var]]:
        """What takes most at a point: bytes on each device, and the value."""
        live = [(b, v) for b, start, end, v in self.taken(choices) if start <= at <= end]
        return sorted(live, key=lambda pair: -pair[0])[:count]


def _layout(x: Interval, choice: Any) -> Spec:
    """Layout of the value of an interval under one choice of its node."""
    if x.place is not None:
        return (*choice.ins, *choice.outs)[x.place]
    return led(choice) if x.lead else choice


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
    if peak.safe <= limit:
        return best
    points, least, dearer = [peak.at], (peak, best), [best]
    found: Solution | None = None
    low, high = 0.0, (abs(best.price) + 1e-9) / max(limit, 1.0) / 64

    def attempt(multiplier: float, left: int) -> bool:
        nonlocal found, least
        solution = solve(_weighted(problem, memory.prices(points), multiplier), 1 / left)
        peak = memory.peak(solution.choices)
        points.append(peak.at)
        if peak.safe < least[0].safe:
            least = peak, solution
        if peak.safe > limit:
            dearer.append(solution)
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
    for other in dearer:
        choices = _mixed(found.choices, other.choices, problem, memory, limit)
        found = replace(found, choices=choices, price=problem.price(choices))
    return found


def _mixed(
    fits: Sequence[int], other: Sequence[int], problem: Problem, memory: Memory, limit: float
) -> tuple[int, ...]:
    """Choices that fit, replaced by others where that is cheaper and fits as well.

    Neighbours in which the two differ go together: prices of such groups add up.
    """
    choices = list(fits)
    price = problem.price(choices)
    offers = []
    for group in _groups([a != b for a, b in zip(fits, other, strict=True)], problem):
        tried = _with_group(choices, other, group)
        offers.append((problem.price(tried) - price, group))
    for gain, group in sorted(offers):
        tried = _with_group(choices, other, group)
        if gain < 0 and memory.peak(tried).safe <= limit:
            choices = tried
    return tuple(choices)


def _with_group(choices: list[int], other: Sequence[int], group: Sequence[int]) -> list[int]:
    found = list(choices)
    for i in group:
        found[i] = other[i]
    return found


def _groups(marked: Sequence[bool], problem: Problem) -> list[list[int]]:
    """Connected groups of marked nodes."""
    near: dict[int, list[int]] = {i: [] for i, m in enumerate(marked) if m}
    for i, j in problem.edges:
        if i in near and j in near:
            near[i].append(j)
            near[j].append(i)
    found, seen = [], set()
    for start in near:
        group, todo = [], [start]
        while todo:
            i = todo.pop()
            if i not in seen:
                seen.add(i)
                group.append(i)
                todo += near[i]
        if group:
            found.append(group)
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
        f"about {peak.safe / 2**20:.2f} MiB, {peak.held / 2**20:.2f} MiB of it arguments and "
        "results\n"
        + "\n".join(["largest:", *rows])
        + "\nfix: raise memory_limit, use more devices, or recompute with checkpoint"
    )


def _origin(eqn: Eqn | None) -> str:
    if eqn is None:
        return "argument"
    return eqn.primitive.name if eqn.loc is None else f"{eqn.primitive.name} at {eqn.loc}"
