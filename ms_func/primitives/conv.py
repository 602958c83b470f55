"""Convolutions of any rank and layout, with strides, dilations and groups.

Along one spatial dimension, with stride `s`, dilations `l` of the operand and `r` of the
kernel, and `x` spread by `l` and padded,

    out[o] = sum over k of x[o s + k r] w[k]

so the cotangent of `x` is a convolution of the result's, spread by `s`, with the reversed
kernel at stride `l`; that of `w` is a convolution of `x` with the result's cotangent,
spread by `s`, at stride `r`. Groups turn into groups of the other kind (V. Dumoulin and
F. Visin, "A guide to convolution arithmetic for deep learning", 2016).
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError, ShapeError, SizeError
from ms_func.ir.primitive import MADE, Cost, Multilinear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.lowering import kernels
from ms_func.primitives import conv_cuda, conv_split
from ms_func.primitives.algorithms import algorithm_of, by_algorithm
from ms_func.primitives.basis import full_of, sum_dtype
from ms_func.primitives.batching import move_batch
from ms_func.primitives.conv_layout import (
    ConvDimensionNumbers,
    conv_dimension_numbers,
)
from ms_func.primitives.dot import (
    PrecisionPair,
    canonical_precision,
    check_preferred,
    compute_dtype,
    precision_config,
    result_dtype,
)
from ms_func.primitives.families import is_linear
from ms_func.primitives.padding import (
    Pads,
    dilated,
    explicit_pads,
    padded_array,
    positive,
    strides_error,
    window_count,
)
from ms_func.primitives.shape import reshape, rev


class Conv(NamedTuple):
    """Parameters of one convolution."""

    window_strides: tuple[int, ...]
    padding: Pads
    lhs_dilation: tuple[int, ...]
    rhs_dilation: tuple[int, ...]
    dimension_numbers: ConvDimensionNumbers
    feature_group_count: int
    batch_group_count: int
    precision: PrecisionPair
    preferred_element_type: np.dtype | None

    def bind(self, lhs: Any, rhs: Any) -> Any:
        """Apply the primitive with these parameters."""
        return conv_general_dilated_p.bind(lhs, rhs, **self._asdict())


# --- types ----------------------------------------------------------------------------------


def _abstract(lhs: ArrayType, rhs: ArrayType, **params: Any) -> ArrayType:
    conv = Conv(**params)
    _check_groups(lhs, rhs, conv)
    check_preferred("conv_general_dilated", lhs, conv.preferred_element_type)
    shape = out_shape(lhs.shape, rhs.shape, conv)
    dtype = result_dtype(lhs, rhs, conv.preferred_element_type)
    weak = lhs.weak_type and rhs.weak_type and conv.preferred_element_type is None
    return ArrayType(shape, dtype, weak)


def _check_groups(lhs: ArrayType, rhs: ArrayType, conv: Conv) -> None:
    lhs_spec, rhs_spec, _ = conv.dimension_numbers
    batch, features = (lhs.shape[i] for i in lhs_spec[:2])
    out, ins = (rhs.shape[i] for i in rhs_spec[:2])
    name, groups, lots = "conv_general_dilated", conv.feature_group_count, conv.batch_group_count
    for kind, count in (("feature", groups), ("batch", lots)):
        if count < 1:
            raise SizeError(f"{name} {kind}_group_count must be a positive integer, got {count}.")
    if groups > 1 and lots > 1:
        raise SizeError(
            f"{name} cannot split features and batch at once: at most one of batch_group_count "
            f"and feature_group_count may be > 1, got {lots} and {groups}."
        )
    if features % groups:
        raise SizeError(
            f"{name} feature_group_count must divide lhs feature dimension size, but {groups} "
            f"does not divide {features}."
        )
    if features // groups != ins:
        raise SizeError(
            f"{name} lhs feature dimension size divided by feature_group_count must equal the "
            f"rhs input feature dimension size, but {features} // {groups} != {ins}.\n"
            f"fix: dimension {lhs_spec[1]} of {lhs} and dimension {rhs_spec[1]} of {rhs} hold the "
            "features; for another layout pass dimension_numbers"
        )
    if out % groups or out % lots:
        which = "feature_group_count" if out % groups else "batch_group_count"
        raise SizeError(
            f"{name} rhs output feature dimension size must be a multiple of {which}, but {out} "
            f"is not a multiple of {groups if out % groups else lots}."
        )
    if batch % lots:
        raise SizeError(
            f"{name} batch_group_count must divide lhs batch dimension size, but {lots} does "
            f"not divide {batch}."
        )


def out_shape(lhs: tuple[int, ...], rhs: tuple[int, ...], conv: Conv) -> tuple[int, ...]:
    """Shape of the result for operands of these shapes."""
    lhs_spec, rhs_spec, out_spec = conv.dimension_numbers
    shape = [0] * len(lhs)
    shape[out_spec[0]] = lhs[lhs_spec[0]] // conv.batch_group_count
    shape[out_spec[1]] = rhs[rhs_spec[0]]
    rows = zip(
        lhs_spec[2:], rhs_spec[2:], out_spec[2:], conv.window_strides, conv.padding,
        conv.lhs_dilation, conv.rhs_dilation, strict=True,
    )  # fmt: skip
    for i, k, o, stride, (lo, hi), spread, holes in rows:
        size = dilated(lhs[i], spread) + lo + hi
        if size < 0:
            raise SizeError(
                "Negative padding is larger than the size of the corresponding dimension: got "
                f"padding={conv.padding} for lhs of shape {lhs}"
            )
        shape[o] = window_count(size, dilated(rhs[k], holes), stride)
    return tuple(shape)


# --- meaning --------------------------------------------------------------------------------


def _ref(lhs: np.ndarray, rhs: np.ndarray, **params: Any) -> np.ndarray:
    """One product of matrices for each place in the kernel."""
    conv = Conv(**params)
    lhs_spec, rhs_spec, out_spec = conv.dimension_numbers
    shape = out_shape(lhs.shape, rhs.shape, conv)
    types = ArrayType(lhs.shape, lhs.dtype), ArrayType(rhs.shape, rhs.dtype)
    dtype = result_dtype(*types, conv.preferred_element_type)
    x = lhs.transpose(lhs_spec).astype(sum_dtype(dtype))
    w = rhs.transpose(rhs_spec).astype(sum_dtype(dtype))
    pads = [(lo, hi, d) for (lo, hi), d in zip(conv.padding, conv.lhs_dilation, strict=True)]
    x = padded_array(x, 0, [(0, 0, 1), (0, 0, 1), *pads])
    sizes = [shape[o] for o in out_spec[2:]]
    groups, lots = conv.feature_group_count, conv.batch_group_count
    x = x.reshape(lots, x.shape[0] // lots, groups, x.shape[1] // groups, *x.shape[2:])
    w = w.reshape(lots, groups, w.shape[0] // (lots * groups), *w.shape[1:])
    out = np.zeros((x.shape[1], lots, groups, w.shape[2], *sizes), x.dtype)
    for place in itertools.product(*map(range, w.shape[4:])):
        part = x
        rows = zip(place, sizes, conv.window_strides, conv.rhs_dilation, strict=True)
        for axis, (k, n, s, r) in enumerate(rows, 4):
            part = np.take(part, k * r + s * np.arange(n), axis)
        out += np.einsum("bngc...,bgoc->nbgo...", part, w[(..., *place)])
    out = out.reshape(out.shape[0], -1, *sizes) if out.size else np.zeros(
        [shape[o] for o in out_spec], x.dtype
    )  # fmt: skip
    return out.transpose(np.argsort(out_spec)).astype(dtype)


@cache
def _attributes(conv: Conv) -> dict[str, Any]:
    def layout(spec: tuple[int, ...], ends: str) -> str:
        names = [""] * len(spec)
        for i, name in zip(spec, (*ends, *map(str, range(len(spec) - 2))), strict=True):
            names[i] = name
        return f"[{', '.join(names)}]"

    lhs, rhs, out = map(layout, conv.dimension_numbers, ("bf", "oi", "bf"))
    attributes = {
        "window_strides": mlir.int_array(conv.window_strides),
        "lhs_dilation": mlir.int_array(conv.lhs_dilation),
        "rhs_dilation": mlir.int_array(conv.rhs_dilation),
        "window_reversal": mlir.bool_array((False,) * len(conv.window_strides)),
        "dimension_numbers": mlir.parsed(f"#stablehlo.conv<{lhs}x{rhs}->{out}>"),
        "feature_group_count": mlir.integer(conv.feature_group_count),
        "batch_group_count": mlir.integer(conv.batch_group_count),
        "precision_config": precision_config(conv.precision),
    }
    if conv.padding:
        attributes["padding"] = mlir.int_matrix(conv.padding)
    return attributes


def _lower(b: Any, eqn: Any, lhs: Any, rhs: Any) -> Any:
    left, right = eqn.inputs[0].type, eqn.inputs[1].type
    out = eqn.outputs[0].type
    if not left.size or not right.size:  # sums of nothing; StableHLO refuses empty windows
        return b.constant(0, out)
    conv = Conv(**eqn.params)
    # Where the window is cut, XLA's partitioner adds up too often or what is beyond an edge.
    rhs = b.lowerer.whole(b, rhs, conv.dimension_numbers[1][2:])
    meeting = compute_dtype(left, right, out)
    if left.dtype != meeting:
        lhs = b.convert(lhs, ArrayType(left.shape, meeting))
    if right.dtype != meeting:
        rhs = b.convert(rhs, ArrayType(right.shape, meeting))
    wide = out.dtype == meeting or out.dtype.itemsize > meeting.itemsize
    exact = out if wide else ArrayType(out.shape, meeting)
    kinds = [ArrayType(t.shape, meeting) for t in (left, right)]
    other = conv_cuda.program(conv, *kinds, exact.dtype) if kernels.kind(b) == "cuda" else None
    if other is not None:
        (made,) = b.inline(other, [lhs, rhs])
    else:
        made = b.op("stablehlo.convolution", [exact], [lhs, rhs], _attributes(conv))
    return made if wide else b.convert(made, out)


# --- derivative -----------------------------------------------------------------------------


def _transpose(ct: Any, lhs: Any, rhs: Any, **params: Any) -> list[Any]:
    conv = Conv(**params)
    if is_linear(lhs):
        return [_lhs_cotangent(ct, lhs.type, rhs, conv), None]
    return [None, _rhs_cotangent(ct, lhs, rhs.type, conv)]


def _lhs_cotangent(ct: Any, want: ArrayType, rhs: Any, conv: Conv) -> Any:
    (batch, feature, *spatial), rhs_spec, out_spec = conv.dimension_numbers
    out, ins, *window = rhs_spec
    kernel, sizes = typeof(rhs).shape, typeof(ct).shape
    lots = conv.batch_group_count
    pads = []
    rows = zip(spatial, window, out_spec[2:], conv.padding, conv.window_strides,
               conv.lhs_dilation, conv.rhs_dilation, strict=True)  # fmt: skip
    for i, k, o, (lo, _), stride, spread, holes in rows:
        reach = dilated(kernel[k], holes)
        size, given = dilated(want.shape[i], spread), dilated(sizes[o], stride)
        pads.append((reach - 1 - lo, size - given + lo))
    groups = max(conv.feature_group_count, lots)
    if window:
        rhs = rev(rhs, window)
    if groups > 1:  # (groups x out, ins) to (out, groups x ins)
        rhs = _join(_split(rhs, out, groups), out, ins)
    found = conv._replace(
        window_strides=conv.lhs_dilation, padding=tuple(pads), lhs_dilation=conv.window_strides,
        dimension_numbers=ConvDimensionNumbers(
            out_spec, (ins, out, *window), (batch, feature, *spatial)
        ),
        feature_group_count=groups, batch_group_count=1,
        precision=conv.precision, preferred_element_type=_wanted(ct, rhs, want),
    ).bind(ct, rhs)  # fmt: skip
    if lots > 1:  # the groups are among the features now and belong to the batch
        found = _join(_split(found, feature, lots), feature, batch)
    return found


def _rhs_cotangent(ct: Any, lhs: Any, want: ArrayType, conv: Conv) -> Any:
    lhs_spec, (out, ins, *window), out_spec = conv.dimension_numbers
    shape, sizes = typeof(lhs).shape, typeof(ct).shape
    pads = []
    rows = zip(lhs_spec[2:], window, out_spec[2:], conv.padding, conv.window_strides,
               conv.lhs_dilation, conv.rhs_dilation, strict=True)  # fmt: skip
    for i, k, o, (lo, _), stride, spread, holes in rows:
        needed = dilated(want.shape[k], holes) + dilated(sizes[o], stride) - 1
        pads.append((lo, needed - dilated(shape[i], spread) - lo))
    return conv._replace(
        window_strides=conv.rhs_dilation, padding=tuple(pads), rhs_dilation=conv.window_strides,
        dimension_numbers=ConvDimensionNumbers(
            (lhs_spec[1], lhs_spec[0], *lhs_spec[2:]), (out_spec[1], out_spec[0], *out_spec[2:]),
            (ins, out, *window),
        ),
        feature_group_count=conv.batch_group_count, batch_group_count=conv.feature_group_count,
        preferred_element_type=_wanted(ct, lhs, want),
    ).bind(lhs, ct)  # fmt: skip


def _wanted(ct: Any, other: Any, want: ArrayType) -> np.dtype | None:
    """Result dtype to ask for, None where it comes by itself."""
    return None if typeof(ct).dtype == typeof(other).dtype == want.dtype else want.dtype


# --- batching -------------------------------------------------------------------------------


def _split(x: Any, dim: int, major: int) -> Any:
    """Dimension `dim` as two: `major` and what is left, at `dim` and `dim + 1`."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:dim], major, shape[dim] // major, *shape[dim + 1 :]))


def _join(x: Any, dim: int, to: int, groups: int = 1) -> Any:
    """Dimension `dim` merged as the major part into another one, below groups it consists of.

    Args:
        x: array.
        dim: dimension that goes away.
        to: dimension it is merged into, as counted without `dim`.
        groups: how many groups `to` already consists of; each gets all of `dim`.
    """
    size = typeof(x).shape[dim]
    x = move_batch(x, dim, to, size)  # now just before the dimension it joins
    shape = typeof(x).shape
    full = size * shape[to + 1]
    if groups > 1:
        x = reshape(x, (*shape[: to + 1], groups, shape[to + 1] // groups, *shape[to + 2 :]))
        x = move_batch(x, to, to + 1, size)
    return reshape(x, (*shape[:to], full, *shape[to + 2 :]))


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    conv = Conv(**params)
    (lhs, rhs), (left, right) = args, dims
    if size == 0:
        return _no_lanes(lhs, rhs, left, right, conv), 0
    if right is None:
        return _batch_lhs(size, lhs, rhs, left, conv)
    if left is None:
        return _batch_rhs(size, lhs, rhs, right, conv)
    return _batch_both(size, lhs, rhs, left, right, conv)


def _no_lanes(lhs: Any, rhs: Any, left: int | None, right: int | None, conv: Conv) -> Any:
    one = (
        t if d is None else ArrayType((*t.shape[:d], *t.shape[d + 1 :]), t.dtype)
        for t, d in ((typeof(lhs), left), (typeof(rhs), right))
    )
    out = _abstract(*one, **conv._asdict())
    return full_of(0, ArrayType((0, *out.shape), out.dtype))


def _batch_lhs(size: int, lhs: Any, rhs: Any, dim: int, conv: Conv) -> Any:
    """Lanes join the batch dimension."""
    spec, _, out_spec = conv.dimension_numbers
    lhs = _join(lhs, dim, spec[0], conv.batch_group_count)
    out = conv.bind(lhs, rhs)
    return _split(out, out_spec[0], size), out_spec[0]


def _batch_rhs(size: int, lhs: Any, rhs: Any, dim: int, conv: Conv) -> Any:
    """Lanes join the output features, within each group."""
    _, spec, out_spec = conv.dimension_numbers
    groups = max(conv.feature_group_count, conv.batch_group_count)
    rhs = _join(rhs, dim, spec[0], groups)
    out = conv.bind(lhs, rhs)
    at = out_spec[1]
    if groups == 1:
        return _split(out, at, size), at
    out = _split(_split(out, at, groups), at + 1, size)  # groups, lanes, rest
    out = move_batch(out, at + 1, 0, size)
    shape = typeof(out).shape
    joined = shape[at + 1] * shape[at + 2]
    return reshape(out, (*shape[: at + 1], joined, *shape[at + 3 :])), 0


def _batch_both(size: int, lhs: Any, rhs: Any, left: int, right: int, conv: Conv) -> Any:
    """Lanes become groups."""
    lhs_spec, rhs_spec, out_spec = conv.dimension_numbers
    rhs = _join(rhs, right, rhs_spec[0])
    if conv.batch_group_count > 1:
        lhs = _join(lhs, left, lhs_spec[0])
        conv = conv._replace(batch_group_count=conv.batch_group_count * size)
    else:
        lhs = _join(lhs, left, lhs_spec[1])
        conv = conv._replace(feature_group_count=conv.feature_group_count * size)
    out = conv.bind(lhs, rhs)
    return _split(out, out_spec[1], size), out_spec[1]


# --- splitting, cost --------------------------------------------------------------------------


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    return conv_split.shard(ins, outs, Conv(**params))


def _local(ins: Any, outs: Any, cuts: Any, **params: Any) -> Any:
    return conv_split.local(ins, outs, cuts, Conv(**params))


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    spec = params["dimension_numbers"].rhs_spec
    each = math.prod(ins[1].shape[i] for i in spec[1:])
    moved = float(ins[0].nbytes + ins[1].nbytes + outs[0].nbytes)
    return Cost(2.0 * outs[0].size * each, 0.0, moved)


def _orders(*ranks: int, **params: Any) -> list[tuple[int, ...] | None]:
    """Images have their features last, kernels the features of the result."""
    lhs, rhs, out = params["dimension_numbers"]
    wanted = (lhs[0], *lhs[2:], lhs[1]), (*rhs[2:], rhs[1], rhs[0]), (out[0], *out[2:], out[1])
    return [None if list(w) == sorted(w) else w for w in wanted]


conv_general_dilated_p = register(
    Primitive(
        "conv_general_dilated",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=Multilinear(0, 1),
        transpose=_transpose,
        batch=_batch,
        shard=_shard,
        local=_local,
        orders=_orders,
        cost=_cost,
        sums=MADE,
    )
)


# --- public functions -------------------------------------------------------------------------


ConvGeneralDilatedDimensionNumbers = tuple[str, str, str] | ConvDimensionNumbers | None
"""Layout of images, kernels and result: three strings, or `ConvDimensionNumbers`."""


def _pairs(padding: Any) -> tuple[Any, ...]:
    try:
        return tuple([(lo, hi) for lo, hi in padding])
    except (TypeError, ValueError):
        raise ArgumentValueError(
            "padding argument to conv_general_dilated should be a string or a sequence of "
            f"(low, high) pairs, got {padding}"
        ) from None


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """Convolution (correlation: the kernel is not reversed) over any number of dimensions.

    Shapes: with the default layout, `[n, c, *size]` and `[o, c, *window]` to `[n, o, *count]`.
    Dtypes: equal for both operands; the result has that dtype or `preferred_element_type`.

    Args:
        lhs: operand.
        rhs: kernel.
        window_strides: step of the kernel along each spatial dimension.
        padding: "SAME", "SAME_LOWER", "VALID", or `(before, after)` for each spatial
            dimension; negative numbers cut elements off.
        lhs_dilation: spreads the operand: `d - 1` zeros between neighbours.
        rhs_dilation: spreads the kernel the same way.
        dimension_numbers: layout, see `conv_dimension_numbers`.
        feature_group_count: into how many groups the features are divided; each group of
            output features sees one group of input features.
        batch_group_count: the same for groups of the batch; the result has the batch size
            divided by it.
        precision: None, a `Precision`, its name, or a pair, one for each operand; or a
            `DotAlgorithm`, a `DotAlgorithmPreset` or the name of one.
        preferred_element_type: dtype of sums and result.

    Raises:
        TypeError: dtypes differ, or the layout does not fit the shapes.
        ValueError: sizes, strides or groups do not fit each other.

    Example:
        >>> images, kernel = ms.numpy.ones((5, 8, 8, 3)), ms.numpy.ones((3, 3, 3, 16))
        >>> conv_general_dilated(images, kernel, (1, 1), "SAME",
        ...                      dimension_numbers=("NHWC", "HWIO", "NHWC")).shape
        (5, 8, 8, 16)
    """
    left, right = typeof(lhs), typeof(rhs)
    if left.dtype != right.dtype:
        raise ShapeError(
            "lax.conv_general_dilated requires arguments to have the same dtypes, got "
            f"{left.dtype.name}, {right.dtype.name}.\nfix: convert one with .astype"
        )
    algorithm = algorithm_of(precision)
    if algorithm is not None:
        layout = (window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers,
                  feature_group_count, batch_group_count)  # fmt: skip
        return by_algorithm(
            lambda x, y, p, dtype: conv_general_dilated(x, y, *layout, p, dtype), lhs, rhs,
            algorithm, preferred_element_type,
        )  # fmt: skip
    precision = canonical_precision(precision)
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        dimension_numbers = ConvDimensionNumbers(*map(tuple, dimension_numbers))
    elif isinstance(dimension_numbers, list):
        dimension_numbers = tuple(dimension_numbers)
    geometry = geometry_of(
        left.shape,
        right.shape,
        tuple(window_strides),
        padding if isinstance(padding, str) else _pairs(padding),
        None if lhs_dilation is None else tuple(lhs_dilation),
        None if rhs_dilation is None else tuple(rhs_dilation),
        dimension_numbers,
    )
    return conv_general_dilated_p.bind(
        lhs,
        rhs,
        **geometry,
        feature_group_count=operator.index(feature_group_count),
        batch_group_count=operator.index(batch_group_count),
        precision=precision,
        preferred_element_type=(
            None if preferred_element_type is None else canonicalize_dtype(preferred_element_type)
        ),
    )


@cache
def geometry_of(
    lhs: tuple[int, ...],
    rhs: tuple[int, ...],
    window_strides: tuple[int, ...],
    padding: Any,
    lhs_dilation: tuple[int, ...] | None,
    rhs_dilation: tuple[int, ...] | None,
    dimension_numbers: Any,
) -> dict[str, Any]:
    """Checked parameters that follow from the shapes and the geometry asked for."""
    name = "conv_general_dilated"
    numbers = conv_dimension_numbers(lhs, rhs, dimension_numbers)
    count = len(lhs) - 2
    if len(window_strides) != count:
        raise strides_error(name, count, len(window_strides))
    strides = positive(name, "window_strides", window_strides, count)
    holes = positive(name, "rhs_dilation", rhs_dilation, count)
    spread = positive(name, "lhs_dilation", lhs_dilation, count)
    if isinstance(padding, str) and any(d > 1 for d in spread):
        raise ArgumentValueError(
            "String padding is not implemented for a convolution whose operand is spread by "
            "lhs_dilation\nfix: give the padding as numbers, or use conv_transpose"
        )
    reach = [dilated(rhs[k], r) for k, r in zip(numbers.rhs_spec[2:], holes, strict=True)]
    sizes = [lhs[i] for i in numbers.lhs_spec[2:]]
    return {
        "window_strides": strides,
        "padding": explicit_pads("convolution", padding, sizes, reach, strides),
        "lhs_dilation": spread,
        "rhs_dilation": holes,
        "dimension_numbers": numbers,
    }
