"""Operators that move elements: shapes, gathers, scatters, sorts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import KERNELS, Array, kernel, same


@kernel("Reshape")
def _reshape(node: Node, x: Array, shape: Array) -> Array:
    return x.reshape([int(n) for n in shape])


@kernel("BroadcastTo")
def _broadcast_to(node: Node, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, [int(n) for n in shape])


@kernel("Fill")
def _fill(node: Node, dims: Array, value: Array) -> Array:
    if value.shape not in ((), (1,)):
        raise ValueError("the value is not a scalar")
    return np.full([int(n) for n in dims], value.reshape(()), value.dtype)


@kernel("Tile")
def _tile(node: Node, x: Array, multiples: Array) -> Array:
    return np.tile(x, [int(n) for n in multiples])


@kernel("Transpose")
def _transpose(node: Node, x: Array, perm: Array) -> Array:
    return x.transpose([int(p) for p in perm])


@kernel("Slice")
def _slice(node: Node, x: Array, offsets: Array, size: Array) -> Array:
    cut = []
    for n, start, length in zip(x.shape, offsets.tolist(), size.tolist(), strict=True):
        if not 0 <= start <= start + length <= n:
            raise IndexError(f"slice of {length} from {start} out of {n}")
        cut.append(slice(start, start + length))
    return x[tuple(cut)]


@kernel("StridedSlice")
def _strided_slice(node: Node, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    rows = zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)
    return x[tuple(slice(*row) for row in rows)]


@kernel("PadV2")
def _pad(node: Node, x: Array, paddings: Array, value: Array) -> Array:
    same(x, value)
    widths = [(int(lo), int(hi)) for lo, hi in paddings]
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError("negative padding")
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return out


@kernel("ConcatV2")
def _concat(node: Node, *inputs: Array) -> Array:
    *xs, axis = inputs
    same(*xs)
    return np.concatenate(xs, int(axis))


@kernel("Pack")
def _pack(node: Node, *xs: Array) -> Array:
    same(*xs)
    return np.stack(xs, node.attr("axis"))


@kernel("ReverseV2")
def _reverse(node: Node, x: Array, axis: Array) -> Array:
    return np.flip(x, tuple(int(a) for a in axis))


@kernel("Range")
def _range(node: Node, start: Array, limit: Array, delta: Array) -> Array:
    return np.arange(start.item(), limit.item(), delta.item()).astype(start.dtype)


def _in_range(index: Array, n: int) -> Array:
    if ((index < 0) | (index >= n)).any():
        raise IndexError(f"an index is out of range 0..{n - 1}")
    return index


@kernel("GatherV2")
def _gather(node: Node, x: Array, indices: Array, axis: Array) -> Array:
    return np.take(x, _in_range(indices, x.shape[int(axis)]), int(axis))


@kernel("GatherNd")
def _gather_nd(node: Node, x: Array, indices: Array) -> Array:
    columns = [_in_range(indices[..., k], x.shape[k]) for k in range(indices.shape[-1])]
    return x[tuple(columns)]


@kernel("GatherElements")
def _gather_elements(node: Node, x: Array, index: Array) -> Array:
    dim = node.attr("dim")
    return np.take_along_axis(x, _in_range(index, x.shape[dim]), dim)


def _scattering(function: Any) -> Callable[..., Array]:
    def run(node: Node, x: Array, indices: Array, updates: Array) -> Array:
        same(x, updates)
        depth = indices.shape[-1]
        if updates.shape != indices.shape[:-1] + x.shape[depth:]:
            raise ValueError("updates do not have the shape of their places")
        columns = tuple(_in_range(indices[..., k], x.shape[k]) for k in range(depth))
        out = x.copy()
        if function is None:
            out[columns] = updates
        else:
            function.at(out, columns, updates)
        return out

    return run


KERNELS["TensorScatterUpdate"] = _scattering(None)
KERNELS["TensorScatterAdd"] = _scattering(np.add)
KERNELS["TensorScatterMax"] = _scattering(np.fmax)
KERNELS["TensorScatterMin"] = _scattering(np.fmin)


@kernel("ScatterElements")
def _scatter_elements(node: Node, data: Array, indices: Array, updates: Array) -> Array:
    same(data, updates)
    axis, how = node.attr("axis"), node.attr("reduction")
    places = list(np.indices(indices.shape))
    places[axis] = _in_range(indices, data.shape[axis])
    out = data.copy()
    if how == "none":
        out[tuple(places)] = updates
    else:
        {"add": np.add, "mul": np.multiply}[how].at(out, tuple(places), updates)
    return out


@kernel("Sort")
def _sort(node: Node, x: Array) -> tuple[Array, Array]:
    if not node.attr("stable"):
        raise ValueError("the order of equal elements is not defined")
    if (x != x).any():
        raise ValueError("where NaN goes is not defined")
    axis = node.attr("axis")
    if node.attr("descending"):
        n = x.shape[axis]
        order = n - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, order, axis), order.astype(np.int32)
