"""Reductions, running sums and the arguments of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import KERNELS, Array, kernel


def _axes(axes: Array) -> tuple[int, ...]:
    return tuple(int(a) for a in axes.reshape(-1))


def _reduction(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(node: Node, x: Array, axes: Array) -> Array:
        made = function(x, axis=_axes(axes), keepdims=node.attr("keep_dims"))
        return np.asarray(made).astype(x.dtype)

    return run


def _total(function: Callable[..., Any]) -> Callable[..., Any]:
    """A sum or product that stays in the width of integers."""

    def run(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
        return function(x, axis, None if x.dtype.kind in "fcV" else x.dtype, keepdims=keepdims)

    return run


KERNELS["ReduceSum"] = _reduction(_total(np.sum))
KERNELS["ReduceProd"] = _reduction(_total(np.prod))
KERNELS["ReduceMax"] = _reduction(np.fmax.reduce)
KERNELS["ReduceMin"] = _reduction(np.fmin.reduce)
KERNELS["ReduceAll"] = _reduction(np.all)
KERNELS["ReduceAny"] = _reduction(np.any)


@kernel("ArgMaxV2", "ArgMin")
def _arg_extreme(node: Node, x: Array, dimension: Array) -> Array:
    lowest = -np.inf if node.op == "ArgMaxV2" else np.inf
    held = x if x.dtype.kind in "iub" else np.where(x != x, np.array(lowest, x.dtype), x)
    find = np.argmax if node.op == "ArgMaxV2" else np.argmin
    return find(held, int(dimension)).astype(node.attr("dtype"))


@kernel("Cumsum", "Cumprod")
def _cumulative(node: Node, x: Array, axis: Array) -> Array:
    run = np.cumsum if node.op == "Cumsum" else np.cumprod
    a = int(axis)
    held = np.flip(x, a) if node.attr("reverse") else x
    made = run(held, a, dtype=x.dtype)
    if node.attr("exclusive"):
        neutral = np.full_like(np.take(made, [0], a), node.op == "Cumprod")
        made = np.concatenate([neutral, np.take(made, range(x.shape[a] - 1), a)], a)
    return np.flip(made, a) if node.attr("reverse") else made
