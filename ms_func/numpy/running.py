"""Running sums and products."""

from __future__ import annotations

from typing import Any

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.axes import axis_index
from ms_func.numpy.manipulation import ravel
from ms_func.numpy.promotion import ArrayLike, convert, no_out, operand, settled
from ms_func.numpy.reductions import accumulator
from ms_func.primitives import compare, cumulative
from ms_func.primitives.pieces import pad


def _cumulate(name: str, primitive: Any, a: Any, axis: int | None, dtype: Any, out: None) -> Any:
    no_out(name, out)
    a = settled(name, a)
    if axis is None:
        a, axis = ravel(a), 0
    if dtype is not None:
        kind = canonicalize_dtype(dtype)
    else:
        kind = DEFAULTS[int] if typeof(a).dtype.kind == "b" else typeof(a).dtype
    a = convert(a, kind)
    a = convert(a, DEFAULTS[int]) if kind.kind == "b" else a
    if typeof(a).ndim == 0:
        raise ArgumentValueError(f"{name} needs an array of at least one dimension")
    found = primitive.bind(a, axis=axis_index(axis, typeof(a).ndim), reverse=False)
    return convert(found, kind)


@fusion.whole(1)
def cumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Sums of the elements so far along a dimension.

    Args:
        a: array.
        axis: dimension, negative from the end; over the flat array by default.
        dtype: of the result; by default that of `a`, int32 for booleans. Integers do not widen.
        out: not supported.

    Returns:
        Array of the shape of `a`, or a vector without `axis`.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no dimension, or no such one.

    Example:
        >>> a = np.array([[1, 2], [3, 4]])
        >>> np.cumsum(a), np.cumsum(a, axis=0).tolist()
        (Array([ 1,  3,  6, 10], dtype=int32), [[1, 2], [4, 6]])
    """
    return _cumulate("cumsum", cumulative.cumsum_p, a, axis, dtype, out)


@fusion.whole(1)
def cumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Products of the elements so far along a dimension.

    Args:
        a: array.
        axis: dimension, negative from the end; over the flat array by default.
        dtype: of the result; by default that of `a`, int32 for booleans. Integers do not widen.
        out: not supported.

    Returns:
        Array of the shape of `a`, or a vector without `axis`.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no dimension, or no such one.

    Example:
        >>> np.cumprod(np.array([1, 2, 3, 4]))
        Array([ 1,  2,  6, 24], dtype=int32)
    """
    return _cumulate("cumprod", cumulative.cumprod_p, a, axis, dtype, out)


@fusion.whole(1)
def nancumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Sums of the elements so far along a dimension, NaN counting as 0.

    Args:
        a: array.
        axis: dimension, negative from the end; over the flat array by default.
        dtype: of the result; by default that of `a`, int32 for booleans. Integers do not widen.
        out: not supported.

    Returns:
        Array of the shape of `a`, or a vector without `axis`.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no dimension, or no such one.

    Example:
        >>> np.nancumsum(np.array([1.0, np.nan, 2.0]))
        Array([1., 1., 3.], dtype=float32)
    """
    a = operand("nancumsum", a)
    if is_inexact(typeof(a).dtype):
        a = compare.select(logic.isnan(a), 0, a)
    return cumsum(a, axis, dtype, out)


@fusion.whole(1)
def nancumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Products of the elements so far along a dimension, NaN counting as 1.

    Args:
        a: array.
        axis: dimension, negative from the end; over the flat array by default.
        dtype: of the result; by default that of `a`, int32 for booleans. Integers do not widen.
        out: not supported.

    Returns:
        Array of the shape of `a`, or a vector without `axis`.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no dimension, or no such one.

    Example:
        >>> np.nancumprod(np.array([2.0, np.nan, 3.0]))
        Array([2., 2., 6.], dtype=float32)
    """
    a = operand("nancumprod", a)
    if is_inexact(typeof(a).dtype):
        a = compare.select(logic.isnan(a), 1, a)
    return cumprod(a, axis, dtype, out)


def _cumulative(
    name: str, fn: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool, first: int
) -> Any:
    x = operand(name, x)
    if not typeof(x).ndim:
        raise ArgumentValueError(
            "The input must be non-scalar to take a cumulative "
            f"{'product' if first else 'sum'}, however a scalar value or scalar array was given."
        )
    if axis is None and typeof(x).ndim != 1:
        raise ArgumentValueError(
            f"The input array has rank {typeof(x).ndim}, however axis was not set to an explicit "
            "value. The axis argument is only optional for one-dimensional arrays."
        )
    axis = axis_index(axis or 0, typeof(x).ndim)
    widen = not (first and jax_rules())  # JAX keeps the dtype of integers in products
    x, kind = accumulator(name, x, dtype, widen)
    out = convert(fn(x, axis), kind)
    if not include_initial:
        return out
    edge = [(0, 0, 0)] * out.ndim
    edge[axis] = (1, 0, 0)
    return pad(out, first, edge)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Sums of the elements so far along a dimension, as the array API standard has it.

    Args:
        x: array.
        axis: dimension, negative from the end; may be left out for a vector only.
        dtype: of the result; by default that of `x`, where booleans and integers widen to at least
            32 bits.
        include_initial: whether to begin with 0, so that the result is one longer.

    Returns:
        Array of the shape of `x`, but for that one.

    Raises:
        ValueError: `axis` is left out and `x` is no vector, or there is no such dimension.

    Example:
        >>> np.cumulative_sum(np.array([1, 2, 3]), include_initial=True)
        Array([0, 1, 3, 6], dtype=int32)
    """
    return _cumulative("cumulative_sum", cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Products of the elements so far along a dimension, as the array API standard has it.

    Args:
        x: array.
        axis: dimension, negative from the end; may be left out for a vector only.
        dtype: of the result; by default that of `x`, where booleans and integers widen to at least
            32 bits.
        include_initial: whether to begin with 1, so that the result is one longer.

    Returns:
        Array of the shape of `x`, but for that one.

    Raises:
        ValueError: `axis` is left out and `x` is no vector, or there is no such dimension.

    Example:
        >>> np.cumulative_prod(np.array([2, 3, 4]), include_initial=True)
        Array([ 1,  2,  6, 24], dtype=int32)
    """
    return _cumulative("cumulative_prod", cumprod, x, axis, dtype, include_initial, 1)
