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

    Args:
        dtype: dtype of numbers, or a class or name of one.
        size: how many, a Python int.

    Returns:
        Array `[size]` of that dtype.

    Raises:
        TypeError: the dtype is boolean, or `size` is negative.

    Reference:
        StableHLO `iota`.

    Example:
        >>> iota("int32", 3)
        Array([0, 1, 2], dtype=int32)
    """
    return shape.iota(canonicalize_dtype(dtype), size)


def broadcast(operand: Any, sizes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """`operand` repeated along new leading dimensions of the given sizes.

    Args:
        operand: array of any dtype and shape `[*s]`.
        sizes: Python ints, none negative.
        out_sharding: layout of the result over devices; None leaves it to the compiler.

    Returns:
        Array `[*sizes, *s]` of the dtype of `operand`.

    Raises:
        TypeError: a size is negative or no int.

    Reference:
        StableHLO `broadcast_in_dim`.

    Example:
        >>> lax.broadcast(np.array([1, 2]), (2,))
        Array([[1, 2],
               [1, 2]], dtype=int32)
    """
    return _placed(shape.broadcast(operand, sizes), out_sharding)


def broadcast_in_dim(
    operand: Any, shape: Any, broadcast_dimensions: Any, *, out_sharding: Any = None
) -> Any:
    """`operand` repeated to `shape`, its dimension i along `broadcast_dimensions[i]` of it.

    Args:
        operand: array or number of any dtype.
        shape: shape of the result.
        broadcast_dimensions: a dimension of the result for each of `operand`, increasing; sizes of
            1
            are repeated.
        out_sharding: layout of the result over devices; None leaves it to the compiler.

    Returns:
        Array of `shape` and the dtype of `operand`.

    Raises:
        TypeError: a dimension is neither 1 nor of the size it is repeated to.

    Reference:
        StableHLO `broadcast_in_dim`.

    Example:
        >>> lax.broadcast_in_dim(np.array([1, 2]), (2, 3), (0,))
        Array([[1, 1, 1],
               [2, 2, 2]], dtype=int32)
    """
    return _placed(basis.broadcast_in_dim(operand, shape, broadcast_dimensions), out_sharding)


def broadcasted_iota(
    dtype: Any, shape: Sequence[int], dimension: int, *, out_sharding: Any = None
) -> Any:
    """Array of the given shape whose elements count up along one dimension.

    Args:
        dtype: dtype of numbers.
        shape: shape of the result.
        dimension: dimension of `shape`, not negative.
        out_sharding: layout of the result over devices; None leaves it to the compiler.

    Raises:
        TypeError: the dtype is boolean.
        ValueError: there is no such dimension.

    Reference:
        StableHLO `iota`.

    Example:
        >>> lax.broadcasted_iota(np.int32, (2, 3), 1)
        Array([[0, 1, 2],
               [0, 1, 2]], dtype=int32)
    """
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

    Returns:
        Array laid out as the third string says; its spatial sizes follow from padding, strides and
        dilations.

    Reference:
        StableHLO `convolution`.

    Example:
        >>> x, kernel = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[1.0, 10.0]]])
        >>> lax.conv_general_dilated(x, kernel, (2,), "VALID").tolist()  # no reversal of the kernel
        [[[21.0, 43.0]]]
        >>> lax.conv_general_dilated(x, kernel, (1,), [(1, 0)], rhs_dilation=(2,)).tolist()
        [[[20.0, 31.0, 42.0]]]
    """
    out = conv.conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers,
        feature_group_count, batch_group_count, precision, preferred_element_type,
    )  # fmt: skip
    return _placed(out, out_sharding)


def empty(shape: Sequence[int], dtype: Any, *, out_sharding: Any = None) -> Any:
    """Array of unspecified elements: zeros here.

    Args:
        shape: shape of the result.
        dtype: its dtype.
        out_sharding: layout of the result over devices; None leaves it to the compiler.

    Example:
        >>> lax.empty((2, 0), np.int8).shape
        (2, 0)
    """
    return _placed(_empty(shape, canonicalize_dtype(dtype)), out_sharding)


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """`operand` with another dtype.

    Floats become integers by truncation towards zero, saturating, and 0 of NaN; complex numbers
    lose their imaginary part; everything becomes bool by comparison with zero.

    Args:
        operand: array or number of any dtype.
        new_dtype: a dtype, or a class or name of one; `float` means float32.

    Returns:
        Array of the shape of `operand` and of that dtype.

    Raises:
        TypeError: there is no such dtype.

    Reference:
        StableHLO `convert`.

    Example:
        >>> lax.convert_element_type(np.array([-1.7, np.nan, 300.0]), np.uint8)
        Array([  0,   0, 255], dtype=uint8)
        >>> lax.convert_element_type(np.array([0.5, 0.0]), bool)
        Array([ True, False], dtype=bool)
    """
    return _convert(operand, canonicalize_dtype(new_dtype))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None, *, sharding: Any = None) -> Any:
    """Array of the given shape with `fill_value` everywhere.

    Args:
        shape: shape of the result.
        fill_value: scalar.
        dtype: dtype of the result; that of `fill_value` where None.
        sharding: layout of the result over devices; None leaves it to the compiler.

    Returns:
        Array of `shape`; its type is weak where that of `fill_value` is and no dtype is given.

    Raises:
        TypeError: `fill_value` is not a scalar.

    Example:
        >>> lax.full((2,), 7)
        Array([7, 7], dtype=int32, weak_type=True)
        >>> lax.full((2,), 7, np.float32)
        Array([7., 7.], dtype=float32)
    """
    return _placed(_full(shape, fill_value, _given(dtype)), sharding)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, shape: Any = None, sharding: Any = None
) -> Any:
    """`fill_value` everywhere, with the shape and dtype of `x` or those given.

    Args:
        x: array, or a type such as a `ShapeDtypeStruct`.
        fill_value: scalar.
        dtype: dtype of the result; that of `x` where None.
        shape: shape of the result; that of `x` where None.
        sharding: layout of the result over devices; None leaves it to the compiler.

    Raises:
        TypeError: `fill_value` is not a scalar.

    Example:
        >>> lax.full_like(np.array([1, 2]), 1.9)
        Array([1, 1], dtype=int32)
    """
    return _placed(_full_like(x, fill_value, _given(dtype), shape), sharding)


def reduce_sum(operand: Any, axes: Sequence[int], *, out_sharding: Any = None) -> Any:
    """Sum over dimensions.

    Args:
        operand: array of numbers; integers wrap around.
        axes: dimensions, none negative.
        out_sharding: layout of the result over devices; None leaves it to the compiler.

    Returns:
        Array of the dtype of `operand` and its other dimensions; the sum of nothing is 0.

    Raises:
        TypeError: `operand` is boolean.
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `add`.

    Example:
        >>> lax.reduce_sum(np.array([[1, 2], [3, 4]]), (0,))
        Array([4, 6], dtype=int32)
        >>> lax.reduce_sum(np.array([200, 100], np.uint8), (0,))
        Array(44, dtype=uint8)
    """
    return _placed(basis.reduce_sum(operand, axes), out_sharding)


def reshape(
    operand: Any, new_sizes: Any, dimensions: Sequence[int] | None = None, *,
    out_sharding: Any = None,
) -> Any:  # fmt: skip
    """The elements of `operand`, in order, in another shape.

    Args:
        operand: array of any dtype.
        new_sizes: sizes of the result; -1 has no meaning here.
        dimensions: order in which the dimensions are read, by default as they stand.
        out_sharding: layout of the result over devices.

    Returns:
        Array of the dtype of `operand`.

    Raises:
        TypeError: the number of elements differs, or a size is negative.

    Reference:
        StableHLO `reshape`.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> lax.reshape(x, (4,)), lax.reshape(x, (4,), (1, 0))
        (Array([1, 2, 3, 4], dtype=int32), Array([1, 3, 2, 4], dtype=int32))
    """
    if out_sharding is not None:
        return laid_out(out_sharding, _reshape, operand, new_sizes, dimensions)
    return _reshape(operand, new_sizes, dimensions)


_reshape = shape.reshape
