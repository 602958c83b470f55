"""Collective operators: one function on the nodes and operands of all devices of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import Array

COLLECTIVES: dict[str, Callable[..., list[Array]]] = {}
"""Called with a node and a list of operands per device, in HCCL's order; a result per device."""

_REDUCTIONS = {"sum": np.add, "prod": np.multiply, "max": np.fmax, "min": np.fmin}


def _collective(name: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        COLLECTIVES[name] = function
        return function

    return register


def _alike(nodes: Sequence[Node], operands: Sequence[Sequence[Array]], *attrs: str) -> list[Array]:
    """First operand of each device; all must agree in type and attributes."""
    xs = [o[0] for o in operands]
    if len({(x.shape, x.dtype) for x in xs}) != 1:
        raise ValueError("devices come with operands of different types")
    for name in attrs:
        if len({node.attr(name) for node in nodes}) != 1:
            raise ValueError(f"devices come with different {name}")
    return xs


def _total(nodes: Sequence[Node], xs: Sequence[Array]) -> Array:
    combine = _REDUCTIONS[nodes[0].attr("reduction")]
    total = xs[0]
    for x in xs[1:]:
        total = combine(total, x)
    return total


def _pieces(nodes: Sequence[Node], x: Array) -> list[Array]:
    if x.shape[0] % len(nodes):
        raise ValueError(f"{x.shape[0]} rows cannot be split between {len(nodes)} devices")
    return np.split(x, len(nodes))


@_collective("HcomAllReduce")
def _all_reduce(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    return [_total(nodes, _alike(nodes, operands, "reduction"))] * len(nodes)


@_collective("HcomReduceScatter")
def _reduce_scatter(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    xs = _alike(nodes, operands, "reduction", "rank_size")
    return _pieces(nodes, _total(nodes, xs))


@_collective("HcomAllGather")
def _all_gather(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    xs = _alike(nodes, operands, "rank_size")
    if nodes[0].attr("rank_size") != len(nodes):
        raise ValueError("rank_size is not the size of the group")
    return [np.concatenate(xs)] * len(nodes)


@_collective("HcomBroadcast")
def _broadcast(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    xs = _alike(nodes, operands, "root_rank")
    return [xs[nodes[0].attr("root_rank")]] * len(nodes)


@_collective("HcomAllToAll")
def _all_to_all(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    rows = [_pieces(nodes, x) for x in _alike(nodes, operands)]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


@_collective("HcomAllToAllV")
def _all_to_all_counted(nodes: Sequence[Node], operands: Sequence[Sequence[Array]]) -> list[Array]:
    made = []
    for j, (_, _, _, counts, places) in enumerate(operands):
        ends = [int(c + p) for c, p in zip(counts, places, strict=True)]
        out = np.zeros(max(ends), operands[j][0].dtype)
        for i, (x, sent, starts, _, _) in enumerate(operands):
            if sent[j] != counts[i]:
                raise ValueError(f"member {i} sends {sent[j]} elements, {j} receives {counts[i]}")
            out[places[i] : places[i] + counts[i]] = x[starts[j] : starts[j] + sent[j]]
        made.append(out)
    return made
