"""Reference interpreter: runs a graph of Ascend operators in NumPy, without a card.

It is written from what the operators are defined to do, never from the rules that emit
them, so that it can find their mistakes. Where the definition is silent it takes the least
helpful behaviour seen in implementations of these operators: `Maximum` and the reductions
ignore NaN, `Sign` of NaN is 0, casts out of range give the lowest integer, shifts use the
amount modulo the width, a division by zero or an index out of range is an error. A graph that
gives the right answer here does not depend on any of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.kernels import KERNELS

Array = np.ndarray


class SimulationError(RuntimeError):
    """A graph asks an operator for something that it does not define."""


def simulate(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """Results of `graph` for `arguments`, one per `Data` node in the order of their index.

    Raises:
        SimulationError: an argument does not have the type of its node, an operator is not
            defined for its operands, or a result is not what the graph says it is.
    """
    with np.errstate(all="ignore"):
        return _run(graph, [np.asarray(a) for a in arguments])


def _run(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
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
        for t, made in zip(node.outputs, _apply(node, inputs), strict=True):
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


def _apply(node: Node, inputs: list[Array | None]) -> list[Array]:
    if node.op in _CONTROL:
        return _CONTROL[node.op](node, inputs)
    kernel = KERNELS.get(node.op)
    if kernel is None:
        raise SimulationError(f"the interpreter has no operator {node.op}")
    try:
        made = kernel(node, *inputs)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        shapes = ", ".join("-" if i is None else f"{i.dtype.name}{list(i.shape)}" for i in inputs)
        raise SimulationError(f"{node.op} {node.name}({shapes}): {error}") from error
    return list(made) if isinstance(made, tuple) else [made]


def _while(node: Node, inputs: Sequence[Any]) -> list[Array]:
    cond, body = node.graphs
    held = list(inputs)
    while bool(_run(cond, held)[0]):
        held = _run(body, held)
    return held


def _if(node: Node, inputs: Sequence[Any]) -> list[Array]:
    then_branch, else_branch = node.graphs
    return _run(then_branch if bool(inputs[0]) else else_branch, inputs[1:])


def _case(node: Node, inputs: Sequence[Any]) -> list[Array]:
    index = int(inputs[0])
    if not 0 <= index < len(node.graphs):
        raise SimulationError(f"Case {node.name}: there is no branch {index}")
    return _run(node.graphs[index], inputs[1:])


def _call(node: Node, inputs: Sequence[Any]) -> list[Array]:
    return _run(node.graphs[0], list(inputs))


_CONTROL: dict[str, Callable[[Node, Sequence[Any]], list[Array]]] = {
    "While": _while, "If": _if, "Case": _case, "PartitionedCall": _call,
}  # fmt: skip


def random_arguments(graph: Graph, seed: int = 0) -> list[Array]:
    """Arguments for a graph: standard normal floats, small integers, coin flips."""
    rng = np.random.default_rng(seed)
    made = []
    for node in sorted(graph.data, key=lambda n: n.attrs["index"]):
        shape, dtype = node.outputs[0].shape, node.outputs[0].dtype
        if dtype.kind in "iub":
            made.append(rng.integers(0, 2 if dtype.kind == "b" else 5, shape).astype(dtype))
        else:
            made.append(rng.standard_normal(shape).astype(dtype))
    return made
