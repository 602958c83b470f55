"""while, if and case as nodes that own sub-graphs.

A sub-graph sees only what its node passes to it. Values that a region takes from outside
become further inputs (for loops: carried and returned unchanged); constants, and what has no
elements, are made again inside instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, I32, Emitter
from ms_func_ascend.graph import Graph, Tensor
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.registry import rule


@rule("while")
def _while(t: Any, op: Any, *carried: Tensor) -> list[Tensor]:
    cond, body = op.regions
    captured = t.captured(op.regions)
    given = [*carried, *(t.compact(v) for v in captured)]
    types = [(x.shape, x.dtype) for x in given]

    def results(sub: Any, block: Any) -> list[Tensor]:
        made = sub.block_results(block)
        return [*made, *(sub.env[v] for v in captured)]

    graphs = [
        t.subgraph("cond", cond, types, captured, lambda sub: sub.block_results(cond)),
        t.subgraph("body", body, types, captured, lambda sub: results(sub, body)),
    ]
    return _node(t.e, "While", [], given, types, graphs)[: len(carried)]


def _node(
    e: Emitter, kind: str, chooser: Sequence[Tensor], given: Sequence[Tensor],
    outputs: Sequence[tuple[tuple[int, ...], np.dtype]], graphs: Sequence[Graph],
) -> list[Tensor]:  # fmt: skip
    """Results of a node with sub-graphs; what has no elements does not go through it."""
    passed = [x for x in given if 0 not in x.shape]
    held = [(shape, dtype) for shape, dtype in outputs if 0 not in shape]
    made = iter(e.node(kind, [*chooser, passed], held, graphs=graphs))
    return [e.const(np.zeros(*o)) if 0 in o[0] else next(made) for o in outputs]


@rule("if")
def _if(t: Any, op: Any, pred: Tensor) -> list[Tensor]:
    return _branches(t, op, "If", pred, ["then", "else"])


@rule("case")
def _case(t: Any, op: Any, index: Tensor) -> list[Tensor]:
    """An index outside the branches means the last one."""
    e, n = t.e, len(op.regions)
    known = index.value
    if n == 1:
        index = e.const(np.int32(0))
    elif known is None or not 0 <= int(known) < n:
        low = a.compare(e, "GE", index, e.like(0, index))
        high = a.compare(e, "LT", index, e.like(n, index))
        index = e.select(e.elementwise("LogicalAnd", low, high), index, e.like(n - 1, index))
    names = [f"branch{k}" for k in range(n)]
    return _branches(t, op, "Case", e.cast(index, I32), names)


def _branches(t: Any, op: Any, kind: str, chooser: Tensor, names: Sequence[str]) -> list[Tensor]:
    captured = t.captured(op.regions)
    given = [t.compact(v) for v in captured]
    types = [(x.shape, x.dtype) for x in given]
    assert chooser.dtype == (BOOL if kind == "If" else I32)
    graphs = [
        t.subgraph(name, block, types, captured, lambda sub, b=block: sub.block_results(b))
        for name, block in zip(names, op.regions, strict=True)
    ]
    outputs = [(r.type.shape, r.type.dtype) for r in op.results]
    return _node(t.e, kind, [chooser], given, outputs, graphs)


@rule("map", compact=True)
def _map(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    return t.inline(op.regions[0], list(xs))
