"""Linear algebra: `numpy.linalg`."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import diagonals, fusion, logic, manipulation, reductions, searching
from ms_func.numpy import elementwise as el
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.diagonals import eye
from ms_func.numpy.einsum import einsum
from ms_func.numpy.factors import cholesky, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from ms_func.numpy.manipulation import matrix_transpose
from ms_func.numpy.products import cross as _cross
from ms_func.numpy.products import matmul as _matmul
from ms_func.numpy.products import outer as _outer
from ms_func.numpy.products import tensordot as _tensordot
from ms_func.numpy.products import vecdot
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand
from ms_func.numpy.systems import (
    det,
    inv,
    lstsq,
    matrix_rank,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)

__all__ = [
    "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv",
    "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose",
    "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip
__dir__ = __all__.copy


# --- products ---------------------------------------------------------------------------------


def matmul(
    x1: ArrayLike, x2: ArrayLike, /, *, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """Matrix product over the last two dimensions, as `ms_func.numpy.matmul`.

    Args:
        x1: array `[..., m, k]`, or a vector, which counts as a row.
        x2: array `[..., k, n]`, or a vector, which counts as a column.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums and the result.

    Raises:
        ValueError: an operand has no dimension, or the leading dimensions do not broadcast.
        TypeError: the contracted sizes differ.

    Example:
        >>> np.linalg.matmul(np.array([[1, 2], [3, 4]]), np.array([1, 10]))
        Array([21, 43], dtype=int32)
    """
    return _matmul(x1, x2, precision=precision, preferred_element_type=preferred_element_type)


def tensordot(
    x1: ArrayLike, x2: ArrayLike, /, *, axes: Any = 2, precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Sum over pairs of dimensions, as `ms_func.numpy.tensordot`.

    Args:
        x1: array.
        x2: array.
        axes: how many dimensions at the end of `x1` and the start of `x2`, or two lists.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sum.
        out_sharding: sharding of the result.

    Raises:
        TypeError: paired sizes or the lengths of the lists differ.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.linalg.tensordot(x, x, axes=([0], [0]))
        Array([[10, 14],
               [14, 20]], dtype=int32)
    """
    return _tensordot(
        x1, x2, axes, precision=precision, preferred_element_type=preferred_element_type,
        out_sharding=out_sharding,
    )  # fmt: skip


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Products of all pairs of elements of two vectors, `[m] [n] -> [m, n]`.

    Args:
        x1: vector.
        x2: vector.

    Raises:
        ValueError: an operand has another number of dimensions.

    Example:
        >>> np.linalg.outer(np.array([1, 2]), np.array([3, 4]))
        Array([[3, 4],
               [6, 8]], dtype=int32)
    """
    x1, x2 = operand("outer", x1), operand("outer", x2)
    if typeof(x1).ndim != 1 or typeof(x2).ndim != 1:
        raise ArgumentValueError(
            "Input arrays must be one-dimensional, but they are "
            f"x1.ndim={typeof(x1).ndim} x2.ndim={typeof(x2).ndim}"
        )
    return _outer(x1, x2)


# --- norms ------------------------------------------------------------------------------------


@fusion.whole(1)
def norm(
    x: ArrayLike, ord: Any = None, axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """Norm of vectors or matrices.

    Args:
        x: array; integers count as float32.
        ord: None for the root of the sum of squared magnitudes. For vectors a number p: the p-th
            root of the sum of p-th powers, the number of nonzero elements for 0, the extreme
            magnitudes for inf and -inf. For matrices "fro" for that of all elements, "nuc" for the
            sum of the singular values, 2 and -2 for the largest and smallest of them, 1 and -1
            (inf and -inf) for the largest and smallest sum of a column (row).
        axis: one dimension for vectors, two for matrices; None takes the whole array.
        keepdims: keep the dimensions with size 1.

    Returns:
        Real floats.

    Raises:
        ValueError: there is no such order, or an order is given for more than two dimensions.

    Example:
        >>> x = np.array([[3.0, 4.0], [6.0, 8.0]])
        >>> np.linalg.norm(x, axis=1), np.linalg.norm(x, axis=1, keepdims=True).shape
        (Array([ 5., 10.], dtype=float32), (2, 1))
        >>> np.linalg.norm(x[0], 1), np.linalg.norm(x, 1), np.linalg.norm(x, np.inf)
        (Array(7., dtype=float32), Array(12., dtype=float32), Array(14., dtype=float32))
    """
    x = inexact("norm", x)
    ndim = typeof(x).ndim
    if axis is None:
        if ord is None:
            out = el.sqrt(reductions.sum(_squares(x)))
            return manipulation.reshape(out, (1,) * ndim) if keepdims else out
        axes = tuple(range(ndim))
    else:
        axes = axes_tuple(axis, ndim)
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ArgumentValueError(f"Improper number of axes for norm: axis={axis}")


def _squares(x: Any) -> Any:
    """Squared magnitudes, real."""
    if typeof(x).dtype.kind == "c":
        return ar.add(ar.square(el.real(x)), ar.square(el.imag(x)))
    return ar.square(x)


@fusion.whole(1)
def vector_norm(
    x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Array:
    """Norm of vectors along dimensions, all of them by default.

    Args:
        x: array; integers count as float32.
        axis: dimensions, one or several; the elements along all of them are one vector.
        keepdims: keep the dimensions with size 1.
        ord: a number, as for `norm`; None means 2.

    Returns:
        Real floats.

    Raises:
        ValueError: `ord` is no number.

    Example:
        >>> x = np.array([[3.0, 4.0], [6.0, -8.0]])
        >>> np.linalg.vector_norm(x, axis=1), np.linalg.vector_norm(x, ord=1)
        (Array([ 5., 10.], dtype=float32), Array(21., dtype=float32))
    """
    x = inexact("vector_norm", x)
    if isinstance(ord, str):
        raise ArgumentValueError(f"Invalid order '{ord}' for vector norm.")
    ndim = typeof(x).ndim
    axes = axes_tuple(axis, ndim)
    return fusion.run(_vector_norm, (x,), axes, bool(keepdims), 2.0 if ord is None else float(ord))


def _vector_norm(x: Any, axes: tuple[int, ...], keepdims: bool, order: float) -> Any:
    if order == 2:
        return el.sqrt(reductions.sum(_squares(x), axes, keepdims=keepdims))
    size = el.abs(x)
    if order == math.inf:
        return reductions.max(size, axes, keepdims=keepdims, initial=0)
    if order == -math.inf:
        return reductions.min(size, axes, keepdims=keepdims, initial=math.inf)
    if order == 0:
        out = reductions.sum(logic.not_equal(x, 0), axes, keepdims=keepdims)
        return convert(out, typeof(size).dtype)
    if order == 1:
        return reductions.sum(size, axes, keepdims=keepdims)
    total = reductions.sum(ar.float_power(size, order), axes, keepdims=keepdims)
    return ar.float_power(total, 1 / order)


def _extreme(x: Any, axis: int, largest: bool) -> Any:
    """Maximum or minimum along a dimension that is kept; the maximum of no numbers is 0."""
    if largest:
        return reductions.max(x, axis, keepdims=True, initial=0)
    return reductions.min(x, axis, keepdims=True)


@fusion.whole(1)
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of the matrices in the last two dimensions.

    Args:
        x: array of at least two dimensions; integers count as float32.
        keepdims: keep the two dimensions with size 1.
        ord: "fro" (or None), "nuc", 1, -1, 2, -2, inf or -inf, as for `norm`.

    Returns:
        Real floats.

    Raises:
        ValueError: there is no such order, or `x` has fewer than two dimensions.

    Example:
        >>> x = np.array([[3.0, 4.0], [6.0, -8.0]])
        >>> np.linalg.matrix_norm(x, ord=1), np.linalg.matrix_norm(x, ord=np.inf)
        (Array(12., dtype=float32), Array(14., dtype=float32))
    """
    x = inexact("matrix_norm", x)
    if typeof(x).ndim < 2:
        raise ArgumentValueError(f"matrix_norm: x must be at least 2D, got shape {typeof(x).shape}")
    return _matrix_norm(x, ord, (typeof(x).ndim - 2, typeof(x).ndim - 1), keepdims)


def _matrix_norm(x: Any, ord: Any, axes: Sequence[int], keepdims: bool) -> Any:
    row, column = axes
    if ord in ("fro", "f", None):
        return el.sqrt(reductions.sum(_squares(x), (row, column), keepdims=keepdims))
    if ord in (1, -1, math.inf, -math.inf):
        summed, other = (row, column) if abs(ord) == 1 else (column, row)
        sums = reductions.sum(el.abs(x), summed, keepdims=True)
        out = _extreme(sums, other, ord > 0)
        return out if keepdims else manipulation.squeeze(out, (row, column))
    if ord in (2, -2, "nuc"):
        values = svd(manipulation.moveaxis(x, (row, column), (-2, -1)), compute_uv=False)
        if ord == "nuc":
            out = reductions.sum(values, -1)
        else:
            out = manipulation.squeeze(_extreme(values, -1, ord > 0), -1)
        return manipulation.expand_dims(out, (row, column)) if keepdims else out
    raise ArgumentValueError(f"Invalid order '{ord}' for matrix norm.")


@fusion.whole(1)
def cond(x: ArrayLike, p: Any = None) -> Array:
    """Condition number of matrices: the product of the norms of a matrix and its inverse.

    Args:
        x: matrices; integers count as float32.
        p: order of the norm, as for `norm`; None means 2, the quotient of the largest and the
            smallest singular value.

    Returns:
        `[...]`, real; large or infinite where a matrix is singular.

    Raises:
        ValueError: the matrices are empty, there is no such order, or they are not square and `p`
            is neither None, 2 nor -2.

    Example:
        >>> np.linalg.cond(np.array([[1.0, 0.0], [0.0, 4.0]])).round(4)
        Array(4., dtype=float32)
    """
    x = inexact("cond", x)
    shape = typeof(x).shape
    if 0 in shape[-2:]:
        raise ArgumentValueError(f"cond: the matrices must not be empty, got shape {shape}")
    if p in (None, 2, -2):
        s = svd(x, compute_uv=False)
        found = ar.divide(s[..., -1], s[..., 0]) if p == -2 else ar.divide(s[..., 0], s[..., -1])
    else:
        found = ar.multiply(norm(x, p, axis=(-2, -1)), norm(inv(x), p, axis=(-2, -1)))
    known = logic.logical_not(reductions.any(logic.isnan(x), (-2, -1)))
    return searching.where(logic.logical_and(logic.isnan(found), known), math.inf, found)


# --- products -----------------------------------------------------------------------------------


@fusion.whole(1)
def matrix_power(a: ArrayLike, n: int) -> Array:
    """`a` multiplied with itself `n` times, by squaring; its inverse for negative `n`.

    Args:
        a: matrices `[..., m, m]`.
        n: an int; 0 gives identity matrices.

    Raises:
        TypeError: the matrices are not square, or `n` is no integer.

    Example:
        >>> np.linalg.matrix_power(np.array([[1, 1], [0, 1]]), 5)
        Array([[1, 5],
               [0, 1]], dtype=int32)
        >>> np.linalg.matrix_power(np.array([[2.0, 0.0], [0.0, 4.0]]), -1)
        Array([[0.5 , 0.  ],
               [0.  , 0.25]], dtype=float32)
    """
    a = asarray(operand("matrix_power", a))
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"matrix_power: exponent must be an integer, got {n}") from None
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ArgumentTypeError(
            f"matrix_power: Last 2 dimensions of the array must be square, got {a.shape}"
        )
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:
        return manipulation.broadcast_to(eye(a.shape[-1], dtype=a.dtype), a.shape)
    result = None
    while n:
        if n & 1:
            result = a if result is None else matmul(result, a)
        n >>= 1
        a = matmul(a, a) if n else a
    return result  # type: ignore[return-value]


def multi_dot(arrays: Sequence[ArrayLike], *, precision: Any = None) -> Array:
    """Product of several matrices, in the order of least work; the ends may be vectors.

    Args:
        arrays: at least two arrays.
        precision: as for `lax.dot_general`.

    Raises:
        ValueError: there are fewer than two, or the sizes do not fit.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.linalg.multi_dot([np.array([1, 1]), x, x])
        Array([22, 32], dtype=int32)
    """
    rows = [asarray(a) for a in arrays]
    if len(rows) < 2:
        raise ArgumentValueError("multi_dot requires at least two arrays")
    shapes = [a.shape for a in rows]
    if any(a[-1:] != b[-2:][:1] for a, b in pairwise(shapes)):
        raise ArgumentValueError(
            "multi_dot: last dimension of each array must match first dimension of following "
            f"array. Got array shapes {shapes}"
        )
    names = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    terms, last = [], next(names)
    for i, a in enumerate(rows):
        if a.ndim == 1:
            terms.append(last)
            continue
        if i == 0 and a.ndim == 2:
            first, last = last, next(names)
            terms.append(first + last)
        else:
            terms.append(last + (last := next(names)))
    ends = ("" if rows[0].ndim == 1 else terms[0][0]) + (
        "" if rows[-1].ndim == 1 else terms[-1][-1]
    )
    return einsum(f"{','.join(terms)}->{ends}", *rows, precision=precision)


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Cross product of vectors of three elements.

    Args:
        x1: array; the other dimensions broadcast.
        x2: array.
        axis: dimension of the vectors.

    Raises:
        ValueError: a vector has another length.

    Example:
        >>> np.linalg.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
        Array([0, 0, 1], dtype=int32)
    """
    if any(s[axis_index(axis, len(s))] != 3 for s in (np.shape(x1), np.shape(x2))):
        raise ArgumentValueError("Both input arrays must be (arrays of) 3-dimensional vectors")
    return _cross(x1, x2, axis=axis)


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """Diagonals of the matrices in the last two dimensions.

    Args:
        x: array `[..., m, n]`.
        offset: which diagonal: 0 is the main one, those above it are positive.

    Returns:
        `[..., k]`.

    Raises:
        ValueError: `x` has fewer than two dimensions.

    Example:
        >>> np.linalg.diagonal(np.array([[[1, 2], [3, 4]]]))
        Array([[1, 4]], dtype=int32)
    """
    return diagonals.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Sums of the diagonals of the matrices in the last two dimensions.

    Args:
        x: array `[..., m, n]`.
        offset: which diagonal: 0 is the main one, those above it are positive.
        dtype: of the sums; by default as for `sum`.

    Returns:
        `[...]`.

    Raises:
        ValueError: `x` has fewer than two dimensions.

    Example:
        >>> np.linalg.trace(np.array([[[1, 2], [3, 4]]]))
        Array([5], dtype=int32)
    """
    return diagonals.trace(x, offset, -2, -1, dtype)
