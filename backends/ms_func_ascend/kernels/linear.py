"""Pooling, products, convolutions and their gradients, factorisations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import Array, half, kernel, same


def _spatial(node: Node, name: str) -> list[int]:
    """The two spatial entries of a list attribute of four, by the data format."""
    values, layout = node.attr(name), node.attr("data_format")
    if len(values) != 4 or any(values[layout.index(c)] != 1 for c in "NC"):
        raise ValueError(f"{name} is {values}")
    return [values[layout.index(c)] for c in "HW"]


_FILTERS = {"NCHW": "NCHW", "NHWC": "HWCN"}
"""Layout of filters for each layout of images."""


def _check_layout(node: Node, images: Sequence[str], filters: Sequence[str] = ()) -> None:
    layout = node.attr("data_format")
    for ports, wanted in ((images, layout), (filters, _FILTERS[layout])):
        for port in ports:
            if node.layouts.get(port) != wanted:
                raise ValueError(f"port {port} has layout {node.layouts.get(port, 'ND')}")


def _first(node: Node, x: Array, filter: bool = False) -> Array:
    """An image or filter with channels first."""
    if node.attr("data_format") == "NCHW":
        return x
    return x.transpose(3, 2, 0, 1) if filter else x.transpose(0, 3, 1, 2)


def _size(node: Node, size: Array, filter: bool = False) -> list[int]:
    """A shape of four, channels first."""
    n = [int(v) for v in size]
    if node.attr("data_format") == "NCHW":
        return n
    return [n[3], n[2], n[0], n[1]] if filter else [n[0], n[3], n[1], n[2]]


def _own(node: Node, y: Array, filter: bool = False) -> Array:
    """A result in the layout of its operator."""
    if node.attr("data_format") == "NCHW":
        return y
    return y.transpose(2, 3, 1, 0) if filter else y.transpose(0, 2, 3, 1)


@kernel("MaxPoolV3", "AvgPoolV2")
def _pool(node: Node, x: Array) -> Array:
    _check_layout(node, ["x", "y"])
    if node.attr("padding_mode") != "CALCULATED":
        raise ValueError("only calculated padding is defined here")
    x = _first(node, x)
    size, step, pads = _spatial(node, "ksize"), _spatial(node, "strides"), node.attr("pads")
    largest = node.op == "MaxPoolV3"
    filler = (-np.inf if x.dtype.kind in "fV" else np.iinfo(x.dtype).min) if largest else 0
    held = np.full((*x.shape[:2], x.shape[2] + pads[0] + pads[1], x.shape[3] + pads[2] + pads[3]),
                   filler, x.dtype)  # fmt: skip
    held[:, :, pads[0] : pads[0] + x.shape[2], pads[2] : pads[2] + x.shape[3]] = x
    windows = np.lib.stride_tricks.sliding_window_view(held, size, (2, 3))
    windows = windows[:, :, :: step[0], :: step[1]]
    if largest:
        return _own(node, np.fmax.reduce(windows, (-2, -1)))
    if node.attr("exclusive"):
        raise ValueError("averages over the inside of the padding are not defined here")
    total = windows.sum((-2, -1), dtype=np.float32 if half(x) else x.dtype)
    return _own(node, (total / np.array(size[0] * size[1], total.dtype)).astype(x.dtype))


def _channels(node: Node, *xs: Array) -> list[Array]:
    """Images with channels first, in float32."""
    layout = node.layouts.get("x", "ND")
    if layout not in ("NCHW", "NHWC") or any(node.layouts.get(p) != layout for p in node.layouts):
        raise ValueError(f"images have layouts {node.layouts}")
    held = [x.astype(np.float32) for x in xs]
    return held if layout == "NCHW" else [x.transpose(0, 3, 1, 2) for x in held]


def _channels_back(node: Node, y: Array, dtype: np.dtype) -> Array:
    y = y if node.layouts["y"] == "NCHW" else y.transpose(0, 2, 3, 1)
    return y.astype(dtype)


def _column(v: Array) -> Array:
    return v.reshape(1, -1, 1, 1)


_IMAGES = (0, 2, 3)


@kernel("BNTrainingReduce")
def _batch_sums(node: Node, x: Array) -> tuple[Array, Array]:
    (wide,) = _channels(node, x)
    return wide.sum(_IMAGES), np.square(wide).sum(_IMAGES)


@kernel("BNTrainingUpdateV2")
def _batch_update(
    node: Node, x: Array, total: Array, squares: Array, scale: Array, offset: Array
) -> tuple[Array, ...]:
    (wide,) = _channels(node, x)
    count = np.float32(wide.size // wide.shape[1])
    mean = total / count
    variance = np.maximum(squares / count - mean * mean, 0)
    made = (wide - _column(mean)) / np.sqrt(_column(variance) + np.float32(node.attr("epsilon")))
    return _channels_back(node, made * _column(scale) + _column(offset), x.dtype), mean, variance


@kernel("BNTrainingUpdateGrad")
def _batch_slopes(
    node: Node, dy: Array, x: Array, mean: Array, variance: Array
) -> tuple[Array, Array]:
    """Of scale and shift."""
    dy, x = _channels(node, dy, x)
    normal = (x - _column(mean)) / np.sqrt(_column(variance) + np.float32(node.attr("epsilon")))
    return (dy * normal).sum(_IMAGES), dy.sum(_IMAGES)


@kernel("BNTrainingReduceGrad")
def _batch_gradient(
    node: Node, dy: Array, x: Array, of_scale: Array, of_shift: Array, scale: Array, mean: Array,
    variance: Array,
) -> Array:  # fmt: skip
    dtype = x.dtype
    dy, x = _channels(node, dy, x)
    count = np.float32(x.size // x.shape[1])
    rstd = 1 / np.sqrt(_column(variance) + np.float32(node.attr("epsilon")))
    normal = (x - _column(mean)) * rstd
    inner = dy - _column(of_shift / count) - normal * _column(of_scale / count)
    return _channels_back(node, _column(scale) * rstd * inner, dtype)


@kernel("BNInfer")
def _batch_inferred(
    node: Node, x: Array, scale: Array, offset: Array, mean: Array, variance: Array
) -> Array:
    (wide,) = _channels(node, x)
    rstd = 1 / np.sqrt(_column(variance) + np.float32(node.attr("epsilon")))
    made = (wide - _column(mean)) * rstd * _column(scale) + _column(offset)
    return _channels_back(node, made, x.dtype)


@kernel("MaxPoolV3Grad")
def _max_pool_gradient(node: Node, x: Array, y: Array, dy: Array) -> Array:
    """Each window gives its gradient to the first of its largest elements."""
    _check_layout(node, ["orig_input", "orig_output", "grad", "out_grad"])
    same(x, y, dy)
    made = _spread_windows(node, _first(node, x), _first(node, y), _first(node, dy), x.dtype)
    return _own(node, made)


@kernel("AvgPoolV2Grad")
def _average_pool_gradient(node: Node, shape: Array, dy: Array) -> Array:
    """Each window gives its gradient to all of its elements in equal parts."""
    _check_layout(node, ["input_grad", "out_grad"])
    if node.attr("exclusive"):
        raise ValueError("averages over the inside of the padding are not defined here")
    x = _first(node, np.zeros(shape, dy.dtype))
    return _own(node, _spread_windows(node, x, None, _first(node, dy), dy.dtype))


def _spread_windows(node: Node, x: Array, y: Array | None, dy: Array, dtype: np.dtype) -> Array:
    """What windows give back to the elements of `x`: to all, or to the first that is `y`."""
    size, step, pads = _spatial(node, "ksize"), _spatial(node, "strides"), node.attr("pads")
    made = np.zeros(x.shape, np.float32 if half(x) else dtype)
    for n, c, i, j in np.ndindex(*dy.shape):
        rows, columns = (
            range(at * s - p, at * s - p + k)
            for at, s, p, k in zip((i, j), step, (pads[0], pads[2]), size, strict=True)
        )
        inside = [(r, q) for r in rows for q in columns
                  if 0 <= r < x.shape[2] and 0 <= q < x.shape[3]]  # fmt: skip
        if y is None:
            for r, q in inside:
                made[n, c, r, q] += dy[n, c, i, j] / (size[0] * size[1])
        else:
            first = next((p for p in inside if x[n, c, p[0], p[1]] == y[n, c, i, j]), None)
            if first is not None:
                made[n, c, first[0], first[1]] += dy[n, c, i, j]
    return made.astype(dtype)


@kernel("SoftmaxV2", "LogSoftmaxV2")
def _softmax(node: Node, x: Array) -> Array:
    axes = tuple(node.attr("axes"))
    wide = x.astype(np.float32) if half(x) else x
    shifted = wide - np.fmax.reduce(wide, axes, keepdims=True)
    total = np.exp(shifted).sum(axes, keepdims=True)
    made = np.exp(shifted) / total if node.op == "SoftmaxV2" else shifted - np.log(total)
    return made.astype(x.dtype)


@kernel("MatMulV2")
def _matmul(node: Node, x1: Array, x2: Array, bias: Array | None, offset: Array | None) -> Array:
    if x1.ndim != 2 or x2.ndim != 2:
        raise ValueError("MatMulV2 multiplies matrices")
    left = x1.T if node.attr("transpose_x1") else x1
    right = x2.T if node.attr("transpose_x2") else x2
    made = _product(left, right)
    return made if bias is None else made + bias


@kernel("BatchMatMulV2")
def _batch_matmul(
    node: Node, x1: Array, x2: Array, bias: Array | None, offset: Array | None
) -> Array:
    left = np.swapaxes(x1, -1, -2) if node.attr("adj_x1") else x1
    right = np.swapaxes(x2, -1, -2) if node.attr("adj_x2") else x2
    made = _product(left, right)
    return made if bias is None else made + bias


def _product(left: Array, right: Array) -> Array:
    """Matrix product: 16-bit floats accumulate in float32, int8 gives int32."""
    same(left, right)
    if left.shape[-1] != right.shape[-2]:
        raise ValueError("inner dimensions differ")
    if half(left):
        return np.matmul(left.astype(np.float32), right.astype(np.float32)).astype(left.dtype)
    if left.dtype == np.int8:
        return np.matmul(left.astype(np.int32), right.astype(np.int32))
    return np.matmul(left, right)


def _geometry(node: Node) -> tuple[list[int], list[int], list[int], int]:
    dilations = _spatial(node, "dilations")
    return _spatial(node, "strides"), node.attr("pads"), dilations, node.attr("groups")


def _padded(x: Array, pads: Sequence[int]) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (pads[0], pads[1]), (pads[2], pads[3])))


def _out_size(n: int, k: int, stride: int, before: int, after: int, dilation: int) -> int:
    return (n + before + after - dilation * (k - 1) - 1) // stride + 1


def _out_shape(node: Node, x: Sequence[int], kernel_shape: Sequence[int]) -> tuple[int, int]:
    strides, pads, dilations, _ = _geometry(node)
    return (
        _out_size(x[2], kernel_shape[2], strides[0], pads[0], pads[1], dilations[0]),
        _out_size(x[3], kernel_shape[3], strides[1], pads[2], pads[3], dilations[1]),
    )


def _places(node: Node, kernel_shape: Sequence[int], out: Sequence[int]) -> Any:
    """For each position of the filter, where it lies on the padded image for all windows."""
    strides, _, dilations, _ = _geometry(node)
    for p, q in itertools.product(range(kernel_shape[2]), range(kernel_shape[3])):
        top, left = p * dilations[0], q * dilations[1]
        yield p, q, (
            slice(None), slice(None),
            slice(top, top + (out[0] - 1) * strides[0] + 1, strides[0]),
            slice(left, left + (out[1] - 1) * strides[1] + 1, strides[1]),
        )  # fmt: skip


@kernel("Conv2D")
def _conv(node: Node, x: Array, filter: Array, bias: Array | None, offset: Array | None) -> Array:
    _check_layout(node, ["x", "y"], ["filter"])
    same(x, filter)
    x, filter = _first(node, x), _first(node, filter, filter=True)
    _, pads, _, groups = _geometry(node)
    wide = np.int32 if x.dtype == np.int8 else np.float32
    if x.shape[1] != filter.shape[1] * groups or filter.shape[0] % groups:
        raise ValueError("the channels do not fit the groups")
    held, out = _padded(x, pads).astype(wide), _out_shape(node, x.shape, filter.shape)
    weights = filter.astype(wide).reshape(groups, -1, *filter.shape[1:])
    total = np.zeros((x.shape[0], groups, weights.shape[1], *out), wide)
    for p, q, where in _places(node, filter.shape, out):
        piece = held[where].reshape(x.shape[0], groups, -1, *out)
        total += np.einsum("ngchw,goc->ngohw", piece, weights[..., p, q])
    made = total.reshape(x.shape[0], filter.shape[0], *out)
    if bias is not None:
        made = made + bias.astype(wide).reshape(-1, 1, 1)
    return _own(node, made.astype(np.int32 if wide is np.int32 else x.dtype))


@kernel("Conv2DBackpropInput")
def _conv_input(node: Node, input_size: Array, filter: Array, grad: Array) -> Array:
    """Transpose of `Conv2D` in its image: every window gives back what it has taken."""
    _check_layout(node, ["out_backprop", "y"], ["filter"])
    same(filter, grad)
    grad, filter = _first(node, grad), _first(node, filter, filter=True)
    _, pads, _, groups = _geometry(node)
    shape = _size(node, input_size)
    out = _out_shape(node, shape, filter.shape)
    if grad.shape != (shape[0], filter.shape[0], *out):
        raise ValueError(f"the gradient of the result should be {out}")
    held = np.zeros((shape[0], groups, shape[1] // groups, shape[2] + pads[0] + pads[1],
                     shape[3] + pads[2] + pads[3]), np.float32)  # fmt: skip
    weights = filter.astype(np.float32).reshape(groups, -1, *filter.shape[1:])
    back = grad.astype(np.float32).reshape(shape[0], groups, -1, *out)
    for p, q, where in _places(node, filter.shape, out):
        held[(slice(None), *where)] += np.einsum("ngohw,goc->ngchw", back, weights[..., p, q])
    whole = held.reshape(*shape[:2], *held.shape[3:])
    made = whole[:, :, pads[0] : pads[0] + shape[2], pads[2] : pads[2] + shape[3]]
    return _own(node, made.astype(grad.dtype))


@kernel("Conv2DBackpropFilter")
def _conv_filter(node: Node, x: Array, filter_size: Array, grad: Array) -> Array:
    """Transpose of `Conv2D` in its filter."""
    _check_layout(node, ["x", "out_backprop"], ["y"])
    same(x, grad)
    x, grad = _first(node, x), _first(node, grad)
    _, pads, _, groups = _geometry(node)
    shape = _size(node, filter_size, filter=True)
    out = _out_shape(node, x.shape, shape)
    if grad.shape != (x.shape[0], shape[0], *out):
        raise ValueError(f"the gradient of the result should be {out}")
    held = _padded(x, pads).astype(np.float32)
    back = grad.astype(np.float32).reshape(x.shape[0], groups, -1, *out)
    made = np.zeros((groups, shape[0] // groups, *shape[1:]), np.float32)
    for p, q, where in _places(node, shape, out):
        piece = held[where].reshape(x.shape[0], groups, -1, *out)
        made[..., p, q] = np.einsum("ngohw,ngchw->goc", back, piece)
    return _own(node, made.reshape(shape).astype(x.dtype), filter=True)


@kernel("Cholesky")
def _cholesky(node: Node, x: Array) -> Array:
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return np.full_like(x, np.nan)


@kernel("SelfAdjointEig")
def _eigen(node: Node, x: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(x)
    return values.astype(x.dtype), vectors.astype(x.dtype)


@kernel("Svd")
def _svd(node: Node, x: Array) -> tuple[Array, Array, Array]:
    left, values, right = np.linalg.svd(x, full_matrices=node.attr("full_matrices"))
    return values.astype(x.dtype), left, np.conj(np.swapaxes(right, -1, -2))


@kernel("MatrixTriangularSolve")
def _triangular_solve(node: Node, matrix: Array, rhs: Array) -> Array:
    if node.attr("adjoint"):
        raise ValueError("adjoint is not defined here")
    half = np.tril(matrix) if node.attr("lower") else np.triu(matrix)
    return np.linalg.solve(half, rhs).astype(rhs.dtype)
