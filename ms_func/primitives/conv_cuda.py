"""Convolutions that CUDA's library does not have: of complex numbers, and of integers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, mul, sub
from ms_func.primitives.basis import real_of, transpose
from ms_func.primitives.cast import complex, imag, real
from ms_func.primitives.dot import dot_general
from ms_func.primitives.families import literal
from ms_func.primitives.gather import gather
from ms_func.primitives.indices import GatherDimensionNumbers
from ms_func.primitives.pieces import pad
from ms_func.primitives.shape import broadcasted_iota, reshape
from ms_func.tracing.tracer import build


@cache
def program(conv: Any, left: ArrayType, right: ArrayType, dtype: np.dtype) -> Function | None:
    """Program of a convolution whose result has `dtype`, None where the library has it."""
    form = {"c": of_real_ones, "i": as_product, "u": as_product}.get(dtype.kind)
    if form is None:
        return None
    return build("conv", [left, right], lambda x, w: [form(conv, x, w, dtype)])


def of_real_ones(conv: Any, x: Any, w: Any, dtype: np.dtype) -> Any:
    """A complex convolution as four of real numbers."""
    (a, b), (c, d) = (real(x), imag(x)), (real(w), imag(w))
    made = conv._replace(preferred_element_type=real_of(dtype)).bind
    return complex(sub(made(a, c), made(b, d)), add(made(a, d), made(b, c)))


def as_product(conv: Any, x: Any, w: Any, dtype: np.dtype) -> Any:
    """A convolution as one product of matrices, of all windows and the kernels."""
    x, w = (transpose(v, s) for v, s in zip((x, w), conv.dimension_numbers, strict=False))
    borders = [(lo, hi, d - 1) for (lo, hi), d in zip(conv.padding, conv.lhs_dilation, strict=True)]
    x = pad(x, literal(0, x), [(0, 0, 0), (0, 0, 0), *borders])
    lots, groups = conv.batch_group_count, conv.feature_group_count
    (n, c, *sizes), (o, ins, *window) = typeof(x).shape, typeof(w).shape
    x = reshape(x, (lots, n // lots, groups, c // groups, *sizes))
    w = reshape(w, (lots, groups, o // (lots * groups), ins, *window))
    steps = zip(window, conv.window_strides, conv.rhs_dilation, strict=True)
    for i, (size, stride, hole) in enumerate(steps):
        x = _windows(x, 4 + 2 * i, size, stride, hole)
    spatial = range(len(window))
    summed = (3, *(5 + 2 * i for i in spatial)), (3, *(4 + i for i in spatial))
    y = dot_general(x, w, (summed, ((0, 2), (0, 1))), preferred_element_type=dtype)
    last = typeof(y).ndim - 1  # lots, groups, n, places, o
    y = transpose(y, (2, 0, 1, last, *range(3, last)))
    y = reshape(y, (n // lots, o, *typeof(y).shape[4:]))
    return transpose(y, tuple(np.argsort(conv.dimension_numbers.out_spec)))


def _windows(x: Any, axis: int, size: int, stride: int, hole: int) -> Any:
    """`x` with dimension `axis` as two: windows, and what lies in each of them."""
    shape = typeof(x).shape
    count = (shape[axis] - (size - 1) * hole - 1) // stride + 1
    first, step = (broadcasted_iota(np.int32, (count, size, 1), d) for d in (0, 1))
    places = add(mul(first, stride), mul(step, hole))
    whole = [d for d in range(len(shape) + 1) if d not in (axis, axis + 1)]
    numbers = GatherDimensionNumbers(
        offset_dims=tuple(whole), collapsed_slice_dims=(axis,), start_index_map=(axis,)
    )
    sizes = (*shape[:axis], 1, *shape[axis + 1 :])
    return gather(x, places, numbers, sizes, mode="promise_in_bounds")
