"""Convolutions in other forms: fewer arguments, transposed, patches, unshared kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.ir.types import typeof
from ms_func.primitives.basis import transpose
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq
from ms_func.primitives.conv import Conv, conv_general_dilated, geometry_of, out_shape
from ms_func.primitives.conv_layout import ConvDimensionNumbers, conv_dimension_numbers
from ms_func.primitives.dot import dot_general
from ms_func.primitives.modulo import rem
from ms_func.primitives.padding import dilated, positive
from ms_func.primitives.shape import broadcasted_iota, reshape, rev

# --- other arguments ----------------------------------------------------------------------------


def conv(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """Convolution in the default layout: a cross-correlation, as networks use it.

    Args:
        lhs: `[n, c, *size]`: batch, channels, and places.
        rhs: `[o, c, *window]`: a kernel for each of `o` channels of the result.
        window_strides: steps between windows, one for each dimension of places.
        padding: "SAME", "SAME_LOWER" or "VALID".
        precision: see `dot_general`.
        preferred_element_type: dtype of the result.

    Returns:
        `[n, o, *size]`, with sizes that follow from padding and strides.

    Raises:
        TypeError: channels or ranks do not fit.
        RuntimeError: there is no such padding.

    Example:
        >>> import ms_func.numpy as np
        >>> conv(np.ones((1, 1, 4)), np.ones((1, 1, 3)), (1,), "SAME").tolist()
        [[[2.0, 3.0, 3.0, 2.0]]]
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def conv_with_general_padding(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None,
    rhs_dilation: Sequence[int] | None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """Convolution in the default layout with any padding and dilations.

    Args:
        lhs: `[n, c, *size]`: batch, channels, and places.
        rhs: `[o, c, *window]` of the same dtype: a kernel for each of `o` channels of the result.
        window_strides: steps between windows, one for each dimension of places.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair (before, after) for each dimension.
        lhs_dilation: spacing of the elements of `lhs`, 1 where None; the gaps hold zeros.
        rhs_dilation: spacing of the elements of the kernels, 1 where None.
        precision: see `dot_general`.
        preferred_element_type: dtype of the result.

    Returns:
        `[n, o, *size]`, with sizes that follow from padding, strides and dilations.

    Raises:
        TypeError: dtypes, channels or ranks do not fit.
        RuntimeError: there is no such padding.

    Example:
        >>> x, kernel = np.array([[[1.0, 2.0, 3.0]]]), np.ones((1, 1, 2))
        >>> lax.conv_with_general_padding(x, kernel, (1,), [(0, 1)], (2,), None).tolist()
        [[[1.0, 2.0, 2.0, 3.0, 3.0]]]
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


_TRANSPOSE_LAYOUTS = {
    2: ("NC", "IO", "NC"), 3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"),
    5: ("NHWDC", "HWDIO", "NHWDC"),
}  # fmt: skip


def _transposed_pads(window: int, stride: int, padding: str) -> tuple[int, int]:
    """Padding of a fractionally strided convolution that undoes a padded, strided one.

    "SAME" gives `stride` times the size; "VALID" every place that a window touched.
    """
    kind = padding.upper()
    if kind == "SAME":
        total = window + stride - 2
        before = window - 1 if stride > window - 1 else -(-total // 2)
    elif kind == "VALID":
        total = window + stride - 2 + max(window - stride, 0)
        before = window - 1
    else:
        raise ArgumentValueError(
            f"padding of conv_transpose must be 'SAME' or 'VALID', got {padding!r}"
        )
    return before, total - before


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Any:
    """Fractionally strided convolution, the "transposed convolution" of decoders.

    Args:
        lhs: operand.
        rhs: kernel.
        strides: by how much each spatial dimension grows.
        padding: "SAME" or "VALID" of the convolution that this one undoes, or pairs.
        rhs_dilation: spreads the kernel.
        dimension_numbers: layout; None is `("NHWC", "HWIO", "NHWC")` of the rank at hand.
        transpose_kernel: reverse the kernel's spatial dimensions and swap its features, as
            the derivative of a convolution does.
        precision: as in `conv_general_dilated`.
        preferred_element_type: as in `conv_general_dilated`.
        use_consistent_padding: take pairs as padding of the convolution that this one
            undoes, too, instead of padding of the spread operand.

    Raises:
        ValueError: there is no default layout for the rank, or the padding is unknown.

    Example:
        >>> x, kernel = np.array([[[1.0], [2.0]]]), np.ones((2, 1, 1))
        >>> lax.conv_transpose(x, kernel, (2,), "SAME").tolist()
        [[[1.0], [1.0], [2.0], [2.0]]]
    """
    left, right = typeof(lhs), typeof(rhs)
    if dimension_numbers is None:
        if left.ndim not in _TRANSPOSE_LAYOUTS:
            raise ArgumentValueError("No 4+ dimensional dimension_number defaults.")
        dimension_numbers = _TRANSPOSE_LAYOUTS[left.ndim]
    numbers = conv_dimension_numbers(left.shape, right.shape, dimension_numbers)
    out, ins, *window = numbers.rhs_spec
    holes = positive("conv_transpose", "rhs_dilation", rhs_dilation, len(window))
    reach = [dilated(right.shape[k], r) for k, r in zip(window, holes, strict=True)]
    if isinstance(padding, str):
        pads: Any = [_transposed_pads(k, s, padding) for k, s in zip(reach, strides, strict=True)]
    elif use_consistent_padding:
        pads = [(k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(reach, padding, strict=True)]
    else:
        pads = padding
    if transpose_kernel:
        rhs = rev(rhs, window) if window else rhs
        numbers = numbers._replace(rhs_spec=(ins, out, *window))
    return conv_general_dilated(
        lhs, rhs, (1,) * len(window), pads, strides, holes, numbers, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


# --- shapes -----------------------------------------------------------------------------------


def conv_shape_tuple(
    lhs_shape: Sequence[int],
    rhs_shape: Sequence[int],
    strides: Sequence[int],
    pads: str | Sequence[tuple[int, int]],
    batch_group_count: int = 1,
) -> tuple[int, ...]:
    """Shape of the result of a convolution in the default layout.

    Args:
        lhs_shape: `(n, c, *size)`.
        rhs_shape: `(o, c, *window)`.
        strides: steps of the window.
        pads: "SAME", "SAME_LOWER", "VALID", or a pair for each dimension of places.
        batch_group_count: number of groups of images.

    Returns:
        Tuple of Python ints.

    Raises:
        TypeError: ranks differ, or there is not one stride for each dimension of places.

    Example:
        >>> lax.conv_shape_tuple((8, 3, 32, 32), (16, 3, 5, 5), (2, 2), "VALID")
        (8, 16, 14, 14)
    """
    return _shape(lhs_shape, rhs_shape, strides, pads, None, None, batch_group_count)


def conv_general_shape_tuple(
    lhs_shape: Sequence[int],
    rhs_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    dimension_numbers: Any,
) -> tuple[int, ...]:
    """Shape of the result of a convolution in any layout.

    Args:
        lhs_shape: shape of the operand.
        rhs_shape: shape of the kernel.
        window_strides: steps of the window.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair for each spatial dimension.
        dimension_numbers: layout, as for `conv_general_dilated`.

    Returns:
        Tuple of Python ints.

    Raises:
        TypeError: ranks differ, or there is not one stride for each spatial dimension.

    Example:
        >>> layout = ("NHWC", "HWIO", "NHWC")
        >>> lax.conv_general_shape_tuple((8, 32, 32, 3), (5, 5, 3, 16), (2, 2), "SAME", layout)
        (8, 16, 16, 16)
    """
    return _shape(lhs_shape, rhs_shape, window_strides, padding, None, dimension_numbers)


def conv_transpose_shape_tuple(
    lhs_shape: Sequence[int],
    rhs_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    dimension_numbers: Any,
) -> tuple[int, ...]:
    """Shape of the result of `conv_transpose`.

    Args:
        lhs_shape: shape of the operand.
        rhs_shape: shape of the kernel.
        window_strides: by how much each spatial dimension grows.
        padding: "SAME", "VALID", or a pair for each spatial dimension.
        dimension_numbers: layout, as for `conv_transpose`.

    Returns:
        Tuple of Python ints.

    Raises:
        TypeError: the strings of `dimension_numbers` do not describe these shapes.

    Example:
        >>> layout = ("NHWC", "HWIO", "NHWC")
        >>> lax.conv_transpose_shape_tuple((8, 16, 16, 3), (3, 3, 3, 6), (2, 2), "SAME", layout)
        (8, 32, 32, 6)
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    window = [rhs_shape[k] for k in numbers.rhs_spec[2:]]
    if isinstance(padding, str):
        padding = [
            _transposed_pads(k, s, padding) for k, s in zip(window, window_strides, strict=True)
        ]
    ones = (1,) * len(window)
    return _shape(lhs_shape, rhs_shape, ones, padding, window_strides, numbers)


def _shape(
    lhs: Sequence[int], rhs: Sequence[int], strides: Sequence[int], padding: Any, spread: Any,
    numbers: Any, lots: int = 1,
) -> tuple[int, ...]:  # fmt: skip
    geometry = geometry_of(
        tuple(lhs), tuple(rhs), tuple(strides),
        padding if isinstance(padding, str) else tuple(map(tuple, padding)),
        None if spread is None else tuple(spread), None, numbers,
    )  # fmt: skip
    conv = Conv(
        **geometry, feature_group_count=1, batch_group_count=lots, precision=None,
        preferred_element_type=None,
    )  # fmt: skip
    return out_shape(tuple(lhs), tuple(rhs), conv)


# --- patches ----------------------------------------------------------------------------------


def conv_general_dilated_patches(
    lhs: Any,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """What a kernel of `filter_shape` sees at each place, laid along the feature dimension.

    Shapes: with the default layout, `[n, c, *size]` to `[n, c * prod(filter_shape), *count]`.

    Args:
        lhs: operand.
        filter_shape: spatial shape of the kernel, in the order of its layout.
        window_strides: as in `conv_general_dilated`, which this is, with a kernel of zeros and
            ones; so are the other arguments.
        padding: as there.
        lhs_dilation: as there.
        rhs_dilation: as there.
        dimension_numbers: as there.
        precision: as there.
        preferred_element_type: as there.

    Raises:
        TypeError: ranks or strides do not fit.

    Example:
        >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
        >>> lax.conv_general_dilated_patches(x, (2,), (1,), "VALID").tolist()
        [[[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]]
    """
    kind = typeof(lhs)
    window = tuple(filter_shape)
    if len(window) != kind.ndim - 2:
        raise ShapeError(
            "convolution requires lhs and rhs ndim to be equal, got "
            f"{kind.ndim} and {len(window) + 2}."
        )
    numbers = conv_dimension_numbers(kind.shape, kind.shape, dimension_numbers)
    channels, size = kind.shape[numbers.lhs_spec[1]], math.prod(window)
    numbers = ConvDimensionNumbers(numbers.lhs_spec, (0, 1, *range(2, kind.ndim)), numbers.out_spec)
    # One output feature for each place of the window, the same for all channels.
    place = broadcasted_iota(np.int32, (channels * size, size), 0)
    chosen = eq(rem(place, size), broadcasted_iota(np.int32, (channels * size, size), 1))
    rhs = reshape(convert_element_type(chosen, kind.dtype), (channels * size, 1, *window))
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, numbers,
        feature_group_count=channels, precision=precision,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def conv_general_dilated_local(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
) -> Any:
    """Convolution with a kernel of its own at each place of the result.

    Shapes: with the default layout, `[n, c, *size]` and `[o, c * prod(filter_shape), *count]`
        to `[n, o, *count]`: the spatial dimensions of the kernels are those of the result.

    Args:
        lhs: operand.
        rhs: kernels; input features and places of the window lie in one dimension.
        window_strides: as in `conv_general_dilated`, as are the other arguments.
        padding: as there.
        filter_shape: spatial shape of each kernel.
        lhs_dilation: as there.
        rhs_dilation: as there.
        dimension_numbers: as there.
        precision: as there.

    Raises:
        TypeError: shapes or dtypes do not fit.

    Example:
        >>> x = np.array([[[1.0, 2.0, 3.0]]])
        >>> kernels = np.array([[[1.0, 0.0], [1.0, 10.0]]])  # one column for each of two places
        >>> lax.conv_general_dilated_local(x, kernels, (1,), "VALID", (2,)).tolist()
        [[[3.0, 30.0]]]
    """
    numbers = conv_dimension_numbers(typeof(lhs).shape, typeof(rhs).shape, dimension_numbers)
    patches = conv_general_dilated_patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation,
        ConvDimensionNumbers(numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec), precision,
    )  # fmt: skip
    _, ins, *places = numbers.rhs_spec
    batch, feature, *spatial = numbers.out_spec
    product = dot_general(
        patches, rhs, (((feature,), (ins,)), (tuple(spatial), tuple(places))), precision
    )  # spatial dimensions, batch, output features
    count = len(spatial)
    at = [0] * (count + 2)
    for k, d in enumerate(spatial):
        at[d] = k
    at[batch], at[feature] = count, count + 1
    return transpose(product, at)
