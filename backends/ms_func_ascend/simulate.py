"""Reference interpreter: runs graphs of Ascend operators in NumPy, without a card.

It is written from what the operators are defined to do, never from the rules that emit
them, so that it can find their mistakes. Where the definition is silent it takes the least
helpful behaviour seen in implementations of these operators: `Maximum` and the reductions
ignore NaN, `Sign` of NaN is 0, casts out of range give the lowest integer, shifts use the
amount modulo the width, a division by zero or an index out of range is an error. A graph that
gives the right answer here does not depend on any of that.

A run of a graph is a generator that stops at each collective operator; runs of several devices
are driven side by side, and a collective is computed when all devices of its group are there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.kernels import COLLECTIVES, KERNELS

Array = np.ndarray
Run = Generator[tuple[Node, list[Any]], Array, list[Array]]
"""A run of a graph: stops with a collective and its operands, goes on with its result."""


class SimulationError(RuntimeError):
    """A graph asks an operator for something that it does not define."""


def simulate(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """Results of `graph` for `arguments`, one per `Data` node in the order of their index.

    Raises:
        SimulationError: an argument does not have the type of its node, an operator is not
            defined for its operands, a result is not what the graph says it is, or the graph
            is that of one device among several.

    Example:
        >>> from ms_func_ascend import translate
        >>> graph = translate(ms.jit(lambda x: x * x).lower(np.ones(3)).as_text())
        >>> [x.tolist() for x in simulate(graph, [np.arange(3.0)])]
        [[0.0, 1.0, 4.0]]
    """
    return simulate_ranks([graph], [arguments])[0]


def simulate_ranks(
    graphs: Sequence[Graph], arguments: Sequence[Sequence[Array]]
) -> list[list[Array]]:
    """Results of the graphs of several devices, for the arguments of each.

    Raises:
        SimulationError: as for `simulate`; or devices wait for each other, or do not agree on
            what they exchange.
    """
    runs = [_run(g, [np.asarray(x) for x in xs]) for g, xs in zip(graphs, arguments, strict=True)]
    results: dict[int, list[Array]] = {}
    waiting: dict[int, tuple[Node, list[Any]]] = {}

    def advance(rank: int, value: Any) -> None:
        try:
            waiting[rank] = runs[rank].send(value)
        except StopIteration as stop:
            results[rank] = stop.value

    with np.errstate(all="ignore"):
        for rank in range(len(runs)):
            advance(rank, None)
        while waiting:
            group = _complete(waiting)
            made = _exchange([waiting.pop(rank) for rank in group])
            for rank, value in zip(group, made, strict=True):
                advance(rank, value)
    return [results[rank] for rank in range(len(runs))]


def _complete(waiting: dict[int, tuple[Node, list[Any]]]) -> tuple[int, ...]:
    """The members of a group that have all come to the same collective."""
    for node, _ in waiting.values():
        there = [waiting[r][0] for r in node.ranks if r in waiting]
        calls = {(n.op, n.attr("group"), n.ranks) for n in there}
        if len(there) == len(node.ranks) and len(calls) == 1:
            return node.ranks
    held = ", ".join(f"{rank} in {n.op} {n.name} of {n.ranks}" for rank, (n, _) in waiting.items())
    raise SimulationError(f"devices wait for others that do not come: {held}")


def _exchange(calls: Sequence[tuple[Node, list[Any]]]) -> list[Array]:
    nodes, operands = [node for node, _ in calls], [inputs for _, inputs in calls]
    try:
        return COLLECTIVES[nodes[0].op](nodes, operands)
    except (ValueError, IndexError) as error:
        raise SimulationError(f"{nodes[0].op} {nodes[0].name}: {error}") from error


def _run(graph: Graph, arguments: Sequence[Array]) -> Run:
    if len(arguments) != len(graph.data):
        raise SimulationError(f"{graph.name} takes {len(graph.data)} arguments")
    values: dict[int, Array] = {}
    for node in graph.data:
        out, given = node.outputs[0], arguments[node.attrs["index"]]
        if given.shape != out.shape or given.dtype != out.dtype:
            raise SimulationError(f"argument {node.name} is {out}, not {given.dtype}{given.shape}")
        values[id(out)] = given
    for node in graph.nodes:
        if node.op == "Data":
            continue
        inputs = [None if t is None else values[id(t)] for t in node.inputs]
        outputs = yield from _apply(node, inputs)
        for t, made in zip(node.outputs, outputs, strict=True):
            values[id(t)] = _checked(node, t, made)
    return [values[id(t)] for t in graph.results]


def _checked(node: Node, t: Tensor, made: Any) -> Array:
    made = np.asarray(made)
    if made.shape != t.shape or made.dtype != t.dtype:
        raise SimulationError(
            f"{node.op} {node.name} makes {made.dtype.name}{list(made.shape)}, "
            f"the graph says {t.dtype.name}{list(t.shape)}"
        )
    return made


def _apply(node: Node, inputs: list[Array | None]) -> Run:
    if node.op in _CONTROL:
        return (yield from _CONTROL[node.op](node, inputs))
    if node.op in COLLECTIVES:
        return [(yield node, inputs)]
    kernel = KERNELS.get(node.op)
    if kernel is None:
        raise SimulationError(f"the interpreter has no operator {node.op}")
    try:
        made = kernel(node, *inputs)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        shapes = ", ".join("-" if i is None else f"{i.dtype.name}{list(i.shape)}" for i in inputs)
        raise SimulationError(f"{node.op} {node.name}({shapes}): {error}") from error
    return list(made) if isinstance(made, tuple) else [made]


def _while(node: Node, inputs: Sequence[Any]) -> Run:
    cond, body = node.graphs
    held = list(inputs)
    while bool((yield from _run(cond, held))[0]):
        held = yield from _run(body, held)
    return held


def _if(node: Node, inputs: Sequence[Any]) -> Run:
    then_branch, else_branch = node.graphs
    return _run(then_branch if bool(inputs[0]) else else_branch, inputs[1:])


def _case(node: Node, inputs: Sequence[Any]) -> Run:
    index = int(inputs[0])
    if not 0 <= index < len(node.graphs):
        raise SimulationError(f"Case {node.name}: there is no branch {index}")
    return _run(node.graphs[index], inputs[1:])


def _call(node: Node, inputs: Sequence[Any]) -> Run:
    return _run(node.graphs[0], list(inputs))


_CONTROL: dict[str, Callable[[Node, Sequence[Any]], Run]] = {
    "While": _while, "If": _if, "Case": _case, "PartitionedCall": _call,
}  # fmt: skip
