"""Pooling and convolution with features last: `[batch, *spatial, features]`, or without batch.

The names and arguments of pooling are those of flax. Convolutions in any layout are in `lax`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.lax.layouts import conv_general_dilated
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import manipulation
from ms_func.numpy.filled import ones
from ms_func.numpy.promotion import ArrayLike, convert, inexact, join_types, operand
from ms_func.primitives.conv_forms import conv_transpose as general_conv_transpose
from ms_func.primitives.window import reduce_window_max, reduce_window_min, reduce_window_sum

Padding = str | Sequence[tuple[int, int]]
_LETTERS = "abdefghijklm"


def max_pool(
    inputs: ArrayLike, window_shape: Sequence[int], strides: Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Array:  # fmt: skip
    """Maxima over windows.

    Args:
        inputs: `[batch, *spatial, features]`, or without the batch.
        window_shape: lengths of the windows.
        strides: steps of the windows, 1 by default.
        padding: "VALID", "SAME", or pairs of numbers of elements before and after.

    Raises:
        ValueError: the lengths do not fit each other.

    Example:
        >>> max_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,)).ravel()
        Array([1., 3.], dtype=float32)
    """
    x = operand("max_pool", inputs)
    return _pooled("max_pool", reduce_window_max, x, window_shape, strides, padding)


def min_pool(
    inputs: ArrayLike, window_shape: Sequence[int], strides: Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Array:  # fmt: skip
    """Minima over windows.

    Args:
        inputs: `[batch, *spatial, features]`, or without the batch.
        window_shape: lengths of the windows.
        strides: steps of the windows, 1 by default.
        padding: "VALID", "SAME", or pairs of numbers of elements before and after, which do not
            count.

    Raises:
        ValueError: the lengths do not fit each other.

    Example:
        >>> min_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,)).ravel()
        Array([0., 2.], dtype=float32)
    """
    x = operand("min_pool", inputs)
    return _pooled("min_pool", reduce_window_min, x, window_shape, strides, padding)


def avg_pool(
    inputs: ArrayLike, window_shape: Sequence[int], strides: Sequence[int] | None = None,
    padding: Padding = "VALID", count_include_pad: bool = True,
) -> Array:  # fmt: skip
    """Means over windows; arguments as for `max_pool`.

    Args:
        inputs: see `max_pool`.
        window_shape: see `max_pool`.
        strides: see `max_pool`.
        padding: see `max_pool`.
        count_include_pad: whether padding counts as zeros, or not at all.

    Example:
        >>> avg_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,)).ravel()
        Array([0.5, 2.5], dtype=float32)
    """
    x = inexact("avg_pool", inputs)
    total = _pooled("avg_pool", reduce_window_sum, x, window_shape, strides, padding)
    if count_include_pad:
        return ar.divide(total, int(np.prod(window_shape)))
    counts = ones(typeof(x).shape[-len(window_shape) - 1 : -1] + (1,), typeof(x).dtype)
    return ar.divide(total, _pooled("avg_pool", reduce_window_sum, counts, window_shape, strides,
                                    padding))  # fmt: skip


def _pooled(
    name: str, reduce: Callable[..., Any], x: Any, window_shape: Sequence[int],
    strides: Sequence[int] | None, padding: Padding,
) -> Any:  # fmt: skip
    """Reduce windows of the spatial dimensions.

    Raises:
        ValueError: the lengths do not fit each other.
    """
    window = tuple(map(operator.index, window_shape))
    steps = (1,) * len(window) if strides is None else tuple(map(operator.index, strides))
    lead = typeof(x).ndim - len(window) - 1
    if len(steps) != len(window):
        raise ArgumentValueError(f"{name}: strides {steps} do not fit a window of shape {window}")
    if lead not in (0, 1):
        raise ArgumentValueError(
            f"{name}: an input of shape {typeof(x).shape} is not [batch, *spatial, features] with "
            f"{len(window)} spatial dimensions"
        )
    if not isinstance(padding, str):
        if len(padding) != len(window):
            raise ArgumentValueError(f"{name}: padding {padding} does not fit {window}")
        padding = [(0, 0)] * lead + [(lo, hi) for lo, hi in padding] + [(0, 0)]
    return reduce(x, (1,) * lead + window + (1,), (1,) * lead + steps + (1,), padding)


def conv(
    inputs: ArrayLike, kernel: ArrayLike, strides: int | Sequence[int] = 1,
    padding: Padding = "SAME", kernel_dilation: int | Sequence[int] = 1,
    feature_group_count: int = 1, precision: Any = None,
) -> Array:  # fmt: skip
    """Convolution with features last, in any number of dimensions.

    Args:
        inputs: `[batch, *spatial, in]`, or without the batch.
        kernel: `[*window, in / feature_group_count, out]`, which is not reversed.
        strides: steps of the window, one for all or one each.
        padding: "SAME", "VALID", or pairs of numbers of elements before and after.
        kernel_dilation: distances between the elements of the kernel.
        feature_group_count: number of groups; the outputs of one see its inputs only.
        precision: of the products.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> image, kernel = np.ones((1, 5, 5, 3)), np.ones((3, 3, 3, 8))
        >>> conv(image, kernel).shape, conv(image, kernel, 2, "VALID").shape
        ((1, 5, 5, 8), (1, 2, 2, 8))
    """
    x, w, single, layout = _channels_last("conv", inputs, kernel)
    rank = len(layout[0]) - 2
    out = conv_general_dilated(
        x, w, _each("strides", strides, rank), padding, None,
        _each("kernel_dilation", kernel_dilation, rank), layout, feature_group_count,
        precision=precision,
    )  # fmt: skip
    return manipulation.squeeze(out, 0) if single else out


def conv_transpose(
    inputs: ArrayLike, kernel: ArrayLike, strides: int | Sequence[int] = 1,
    padding: Padding = "SAME", kernel_dilation: int | Sequence[int] = 1, precision: Any = None,
) -> Array:  # fmt: skip
    """Convolution of `inputs` spread by `strides`: learned upsampling.

    Args:
        inputs: `[batch, *spatial, in]`, or without the batch.
        kernel: `[*window, in, out]`, which is not reversed.
        strides: how many elements of the result each of `inputs` stands for, one for all
            dimensions or one each.
        padding: "SAME" makes the sizes those of `inputs` times `strides`; "VALID" all that the
            kernel reaches; or pairs of numbers of elements before and after.
        kernel_dilation: distances between the elements of the kernel.
        precision: of the products.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> conv_transpose(np.ones((1, 5, 3)), np.ones((4, 3, 2)), 2).shape
        (1, 10, 2)
    """
    x, w, single, layout = _channels_last("conv_transpose", inputs, kernel)
    rank = len(layout[0]) - 2
    out = general_conv_transpose(
        x, w, _each("strides", strides, rank), padding,
        _each("kernel_dilation", kernel_dilation, rank), layout, precision=precision,
    )  # fmt: skip
    return manipulation.squeeze(out, 0) if single else out


def _channels_last(name: str, inputs: Any, kernel: Any) -> tuple[Any, Any, bool, Any]:
    """Operands of one dtype, whether the batch is missing, and the layout.

    Raises:
        ValueError: the ranks do not fit.
    """
    x, w = inexact(name, inputs), inexact(name, kernel)
    dims, rank = typeof(x).ndim, typeof(w).ndim - 2
    if rank < 1 or dims not in (rank + 1, rank + 2):
        raise ArgumentValueError(
            f"{name}: an input of shape {typeof(x).shape} and a kernel of shape {typeof(w).shape} "
            "are not [batch, *spatial, in] and [*window, in, out]"
        )
    single = dims == rank + 1
    if single:
        x = manipulation.expand_dims(x, 0)
    dtype, weak = join_types([typeof(x), typeof(w)])
    x, w = convert(x, dtype, weak), convert(w, dtype, weak)
    spatial = _LETTERS[:rank]
    return x, w, single, (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")


def _each(name: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    found = (value,) * rank if isinstance(value, int) else tuple(map(operator.index, value))
    if len(found) != rank:
        raise ArgumentValueError(f"{name} {found} do not fit {rank} spatial dimensions")
    return found
