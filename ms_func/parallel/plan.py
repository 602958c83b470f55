"""From a program and a mesh to a plan: the cheapest choices, and the program that states them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any, NamedTuple

from ms_func.errors import ShardingError
from ms_func.ir.function import Function, Var
from ms_func.ir.mesh import AbstractMesh, Mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.parallel import report
from ms_func.parallel.cost import model_for
from ms_func.parallel.fourier import separated
from ms_func.parallel.graph import Graph
from ms_func.parallel.memory import Memory, solve_below
from ms_func.parallel.nodes import REDUNDANCY, build_graph
from ms_func.parallel.partition import emit, layout
from ms_func.parallel.problem import Problem
from ms_func.parallel.search import Solution, solve
from ms_func.parallel.shifts import shifted
from ms_func.parallel.splits import Spec


class Options(NamedTuple):
    """What the user asked `shard` for.

    Attributes:
        objective: "time", "communication" or "memory".
        search_seconds: stop refining after this time.
        memory_limit: bytes that a device may hold, or None.
    """

    objective: str = "time"
    search_seconds: float = 10.0
    memory_limit: int | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """How a program is split over a mesh, and what that is predicted to cost.

    Attributes:
        mesh: the mesh.
        graph: the choices there were.
        solution: the choices taken.
        options: what was asked for.
        memory: what the program holds.
        seconds: time the search took.
        names: what the user calls the last parameters; those before are values that the function
            captured.
    """

    mesh: AbstractMesh
    graph: Graph
    solution: Solution
    options: Options
    memory: Memory
    seconds: float
    names: tuple[str, ...] = ()

    @property
    def fn(self) -> Function:
        """The program that was planned, calls inlined."""
        return self.graph.fn

    @cached_property
    def program(self) -> Function:
        """The program with the layouts written into it as constraints."""
        return emit(self)

    def spec(self, v: Any) -> Spec:
        """Layout of a value."""
        node = self.graph.value_node[v]
        return self.graph.nodes[node].choices[self.solution.choices[node]]

    def sharding(self, spec: Spec) -> NamedSharding:
        """A layout in terms of axis names."""
        return layout(self.mesh, spec)

    @cached_property
    def in_shardings(self) -> tuple[NamedSharding, ...]:
        """Layout of each parameter."""
        return tuple(self.sharding(self.spec(v)) for v in self.fn.params)

    @cached_property
    def out_shardings(self) -> tuple[NamedSharding, ...]:
        """Layout of each result."""
        found = []
        for j, a in enumerate(self.fn.results):
            node = self.graph.pinned_out.get(j)
            if node is not None:
                spec = self.graph.nodes[node].choices[self.solution.choices[node]]
            else:
                spec = self.spec(a) if type(a) is Var else Spec(((),) * a.type.ndim)
            found.append(self.sharding(Spec(spec.dims)))
        return tuple(found)

    @property
    def redundancy(self) -> float:
        """Work of one device beside its ideal share."""
        if not self.graph.flops:
            return 1.0
        return self.graph.local_flops(self.solution.choices) * self.mesh.size / self.graph.flops

    @property
    def peak_bytes(self) -> float:
        """Predicted bytes that each device holds at the worst moment."""
        return self.memory.peak(self.solution.choices).bytes

    @property
    def wire_bytes(self) -> float:
        """Predicted bytes that each device sends in one run."""
        return sum(row.wire for row in self.collectives)

    @cached_property
    def collectives(self) -> list[Any]:
        """Predicted collectives, one row for each change of layout that sends anything."""
        return report.predicted_collectives(self)

    def verify(self, compiled: Any) -> Any:
        """Predicted collectives beside those of a compiled program; see `report.verify`."""
        return report.verify(self, compiled)

    def explain(self, what: str, count: int = 5) -> str:
        """Alternatives to what was chosen for an equation, and what each would cost in all.

        Args:
            what: name of an operation, or part of its source line such as "x @ w1".
            count: number of equations, and of alternatives of each, to show.
        """
        return report.explain(self, what, count)

    def __str__(self) -> str:
        return report.table(self)

    __repr__ = __str__


def make_plan(
    fn: Function,
    mesh: AbstractMesh,
    options: Options,
    *,
    platform: str = "cpu",
    ties: Sequence[tuple[int, int]] = (),
    pins_in: Mapping[int, PartitionSpec] | None = None,
    pins_out: Mapping[int, PartitionSpec] | None = None,
) -> Plan:
    """Cheapest plan of a straight-line program on a mesh.

    Args:
        fn: program, calls inlined.
        mesh: where it is to run; devices are not needed.
        options: what to minimise.
        platform: kind of device, for prices.
        ties: pairs (parameter, result) that keep one layout, such as donated state.
        pins_in: spec that a parameter must have, by position; pins_out: a result.

    Raises:
        ShardingError: no plan satisfies the layouts that were asked for.
    """
    start = perf_counter()
    model = model_for(mesh, platform, options.objective)
    fn = separated(fn, mesh.axis_sizes)
    fn = shifted(fn, min((n for n in mesh.axis_sizes if n > 1), default=1))
    graph = build_graph(fn, model, mesh.axis_names, ties=ties, pins_in=pins_in, pins_out=pins_out)
    memory = Memory(graph, ties)
    solution = _solve(graph, options, memory)
    if not math.isfinite(solution.price):
        raise ShardingError(f"no way to split `{fn.name}` satisfies the layouts asked for")
    return Plan(mesh, graph, solution, options, memory, perf_counter() - start)


def _solve(graph: Graph, options: Options, memory: Memory) -> Solution:
    """Cheapest choices that do not compute too much twice.

    Work is almost free under "communication"; its price is raised until little of it is
    redundant.
    """
    end = perf_counter() + options.search_seconds
    most = REDUNDANCY * graph.least_flops()
    weight = 1.0

    def minimise(problem: Problem, share: float = 1.0) -> Solution:
        return solve(problem, seconds=share * max(0.0, end - perf_counter()))

    while True:
        problem = graph.problem(weight)
        if options.objective == "memory":
            for i, held in memory.prices(range(memory.count)).items():
                problem.nodes[i] = problem.nodes[i] + held
        if options.memory_limit is None:
            solution = minimise(problem)
        else:
            solution = solve_below(options.memory_limit, memory, problem, minimise)
        enough = graph.local_flops(solution.choices) <= most
        if enough or weight > 1e9 or perf_counter() > end:
            return solution
        weight *= 10


def plan_mesh(
    fn: Function, mesh: Any, options: Options, devices: int, platform: str, **pins: Any
) -> Plan:
    """Plan on a mesh, or the cheapest over all shapes of a number of devices.

    Args:
        fn: program, calls inlined.
        mesh: a mesh; a number of devices; None for all `devices`.
        options: what to minimise.
        devices: number of devices there are.
        platform: kind of device.
        **pins: ties and pins, as for `make_plan`.
    """
    if isinstance(mesh, AbstractMesh):
        return make_plan(fn, mesh, options, platform=platform, **pins)
    count = devices if mesh is None else mesh
    plans = [
        make_plan(fn, shape, options, platform=platform, **pins) for shape in mesh_shapes(count)
    ]
    return min(plans, key=lambda p: p.solution.price * (1 + 1e-9 * len(p.mesh.axis_sizes)))


def mesh_shapes(count: int) -> list[Mesh]:
    """Meshes of one and two axes over `count` devices, named a and b."""
    parts = [n for n in range(2, count) if count % n == 0]
    return [Mesh((count,), ("a",)), *(Mesh((n, count // n), ("a", "b")) for n in parts)]
