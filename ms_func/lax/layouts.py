"""Functions that may fix the layout of their result over the devices of a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.dtypes import canonicalize_dtype
from ms_func.primitives import basis, conv, shape
from ms_func.primitives.cast import convert_element_type as _convert
from ms_func.primitives.sharding import constrained, laid_out


def _placed(x: Any, sharding: Any) -> Any:
    return x if sharding is None else constrained(x, sharding)


def _given(dtype: Any) -> Any:
    return None if dtype is None else canonicalize_dtype(dtype)


def iota(dtype: Any, size: int) -> Any:
    """Numbers from 0 to `size` - 1.

    Example:
        >>> iota("int32", 3)
        Array([0, 1, 2], dtype=int32)
    """
    return shape.iota(canonicalize_dtype(dtype), size)


def broadcast(operand: Any, sizes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """`operand` repeated along new leading dimensions of the given sizes."""
    return _placed(shape.broadcast(operand, sizes), out_sharding)


def broadcast_in_dim(
    operand: Any, shape: Any, broadcast_dimensions: Any, *, out_sharding: Any = None
) -> Any:
    """`operand` repeated to `shape`, its dimension i along `broadcast_dimensions[i]` of it.

    Raises:
        TypeError: a dimension is neither 1 nor of the size it is repeated to.
    """
    return _placed(basis.broadcast_in_dim(operand, shape, broadcast_dimensions), out_sharding)


def broadcasted_iota(
    dtype: Any, shape: Sequence[int], dimension: int, *, out_sharding: Any = None
) -> Any:
    """Array of the given shape whose elements count up along one dimension."""
    return _placed(_iota(canonicalize_dtype(dtype), shape, dimension), out_sharding)


_iota = shape.broadcasted_iota
_empty, _full, _full_like = shape.empty, shape.full, shape.full_like


def conv_general_dilated(
    lhs: Any, rhs: Any, window_strides: Any, padding: Any, lhs_dilation: Any = None,
    rhs_dilation: Any = None, dimension_numbers: Any = None, feature_group_count: int = 1,
    batch_group_count: int = 1, precision: Any = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Convolution of any number of spatial dimensions.

    Args:
        lhs: images, laid out as `dimension_numbers` says.
        rhs: kernels.
        window_strides: step of the window along each spatial dimension.
        padding: "SAME", "VALID", or a pair (before, after) for each spatial dimension.
        lhs_dilation: spacing of the elements of the images; the gaps hold zeros.
        rhs_dilation: spacing of the elements of the kernels.
        dimension_numbers: layout of images, kernels and result, such as
            `("NCHW", "OIHW", "NCHW")`, which is the default.
        feature_group_count: number of groups of channels that do not mix.
        batch_group_count: number of groups of images, each convolved with kernels of its own.
        precision: as for `dot_general`.
        preferred_element_type: as for `dot_general`.
        out_sharding: layout of the result over devices.

    Raises:
        TypeError: sizes, strides or groups do not fit.
    """
    out = conv.conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers,
        feature_group_count, batch_group_count, precision, preferred_element_type,
    )  # fmt: skip
    return _placed(out, out_sharding)


def empty(shape: Sequence[int], dtype: Any, *, out_sharding: Any = None) -> Any:
    """Array of unspecified elements: zeros here."""
    return _placed(_empty(shape, canonicalize_dtype(dtype)), out_sharding)


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """`operand` with another dtype.

    Floats become integers by truncation towards zero, saturating; complex numbers lose
    their imaginary part; everything becomes bool by comparison with zero.

    Example:
        >>> convert_element_type(1.5, "int32")
        Array(1, dtype=int32)
    """
    return _convert(operand, canonicalize_dtype(new_dtype))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None, *, sharding: Any = None) -> Any:
    """Array of the given shape with `fill_value` everywhere."""
    return _placed(_full(shape, fill_value, _given(dtype)), sharding)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, shape: Any = None, sharding: Any = None
) -> Any:
    """`fill_value` everywhere, with the shape and dtype of `x` or those given."""
    return _placed(_full_like(x, fill_value, _given(dtype), shape), sharding)


def reduce_sum(operand: Any, axes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """Sum over dimensions."""
    return _placed(basis.reduce_sum(operand, axes), out_sharding)


def reshape(
    operand: Any, new_sizes: Any, dimensions: Sequence[int] | None = None, *,
    out_sharding: Any = None,
) -> Any:  # fmt: skip
    """The elements of `operand`, in order, in another shape.

    Args:
        operand: array.
        new_sizes: sizes of the result.
        dimensions: order in which the dimensions are read, by default as they stand.
        out_sharding: layout of the result over devices.

    Raises:
        TypeError: the number of elements differs.
    """
    if out_sharding is not None:
        return laid_out(out_sharding, _reshape, operand, new_sizes, dimensions)
    return _reshape(operand, new_sizes, dimensions)


_reshape = shape.reshape
