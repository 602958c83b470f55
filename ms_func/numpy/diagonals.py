"""Diagonals and triangles of matrices, and the index arrays that go with them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, reductions
from ms_func.numpy.arithmetic import power
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray, on_device
from ms_func.numpy.filled import ones, zeros
from ms_func.numpy.manipulation import ravel, reshape
from ms_func.numpy.promotion import ArrayLike, convert, laid_alike, lay, no_out, operand
from ms_func.numpy.reordering import flip
from ms_func.numpy.repeating import resize
from ms_func.numpy.searching import nonzero
from ms_func.numpy.updates import update
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import basis, compare, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.families import literal
from ms_func.primitives.gather import gather
from ms_func.primitives.indices import GatherDimensionNumbers


def _below(rows: int, columns: int, k: int) -> Any:
    """Mask of the elements on and below diagonal `k`."""
    row = sh.broadcasted_iota(np.int32, (rows, columns), 0)
    return compare.ge(ar.add(row, k), sh.broadcasted_iota(np.int32, (rows, columns), 1))


def _eye(rows: int, columns: int, k: int, kind: np.dtype) -> Any:
    row = sh.broadcasted_iota(np.int32, (rows, columns), 0)
    column = sh.broadcasted_iota(np.int32, (rows, columns), 1)
    return convert(compare.eq(ar.add(row, k), column), kind)


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None
) -> Array:
    """Matrix `[N, M]` with ones on diagonal `k` and zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `N` by default.
        k: diagonal: 0 is the main one, those above it are positive.
        dtype: float32 by default.
        device: device or sharding to put it on.

    Raises:
        ValueError: a size is negative.

    Example:
        >>> np.eye(2, 3, k=1)
        Array([[0., 1., 0.],
               [0., 0., 1.]], dtype=float32)
    """
    rows, columns = operator.index(N), operator.index(N if M is None else M)
    if rows < 0 or columns < 0:
        raise ArgumentValueError(f"negative dimensions are not allowed, got {N} and {M}")
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    out = fusion.run(_eye, (), rows, columns, operator.index(k), kind)
    return out if device is None else on_device(out, device)


def identity(n: int, dtype: Any = None) -> Array:
    """Identity matrix `[n, n]`.

    Args:
        n: number of rows and columns.
        dtype: float32 by default.

    Raises:
        ValueError: the size is negative.

    Example:
        >>> np.identity(2, int)
        Array([[1, 0],
               [0, 1]], dtype=int32)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Matrix `[N, M]` with ones on and below diagonal `k` and zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `N` by default.
        k: diagonal: 0 is the main one, those above it are positive.
        dtype: float32 by default.

    Raises:
        TypeError: a size is negative.

    Example:
        >>> np.tri(2, 3, k=1)
        Array([[1., 1., 0.],
               [1., 1., 1.]], dtype=float32)
    """
    kind = np.dtype(np.float32) if dtype is None else canonicalize_dtype(dtype)
    return convert(fusion.run(_below, (), int(N), int(N if M is None else M), int(k)), kind)


def _tril(m: Any, k: int) -> Any:
    shape = typeof(m).shape
    mask = lay(_below(*shape[-2:], k), shape, (len(shape) - 2, len(shape) - 1))  # pyright: ignore[reportCallIssue]
    mask, m = laid_alike([mask, m])
    return compare.select(mask, m, literal(0, m))


def _triu(m: Any, k: int) -> Any:
    shape = typeof(m).shape
    mask = lay(_below(*shape[-2:], k - 1), shape, (len(shape) - 2, len(shape) - 1))  # pyright: ignore[reportCallIssue]
    mask, m = laid_alike([mask, m])
    return compare.select(mask, literal(0, m), m)


@fusion.whole(1)
def tril(m: ArrayLike, k: int = 0) -> Array:
    """`m` with zeros above diagonal `k` of its last two dimensions.

    Args:
        m: array `[..., m, n]`.
        k: diagonal: 0 is the main one, those above it are positive.

    Raises:
        ValueError: `m` has fewer than two dimensions.

    Example:
        >>> np.tril(np.array([[1, 2], [3, 4]]))
        Array([[1, 0],
               [3, 4]], dtype=int32)
        >>> np.tril(np.array([[1, 2], [3, 4]]), -1)
        Array([[0, 0],
               [3, 0]], dtype=int32)
    """
    return fusion.run(_tril, (_matrix("tril", m),), operator.index(k))


@fusion.whole(1)
def triu(m: ArrayLike, k: int = 0) -> Array:
    """`m` with zeros below diagonal `k` of its last two dimensions.

    Args:
        m: array `[..., m, n]`.
        k: diagonal: 0 is the main one, those above it are positive.

    Raises:
        ValueError: `m` has fewer than two dimensions.

    Example:
        >>> np.triu(np.array([[1, 2], [3, 4]]), 1)
        Array([[0, 2],
               [0, 0]], dtype=int32)
    """
    return fusion.run(_triu, (_matrix("triu", m),), operator.index(k))


def _matrix(name: str, m: Any) -> Any:
    m = operand(name, m)
    if typeof(m).ndim < 2:
        library = "jax." * jax_rules()
        raise ArgumentValueError(f"Argument to {library}numpy.{name} must be at least 2D")
    return m


def _diagonal(a: Any, offset: int, axis1: int, axis2: int) -> Any:
    """One element out of each row: the rows stay where they are when they are split."""
    shape = typeof(a).shape
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(shape[axis1] - row, shape[axis2] - column), 0)
    lead = tuple(d for d in range(len(shape)) if d not in (axis1, axis2))
    sizes = [shape[d] for d in lead]
    if not count:
        return basis.full_of(0, typeof(a).update(shape=(*sizes, 0)))
    start, stop = [0] * len(shape), list(shape)
    start[axis1], stop[axis1] = row, row + count
    rows = pieces.slice(a, start, stop)
    places = ar.add(sh.broadcasted_iota(np.int32, (count, 1), 0), column)
    numbers = GatherDimensionNumbers(tuple(range(len(lead))), (axis2,), (axis2,), (axis1,), (0,))
    stop[axis1] = stop[axis2] = 1
    once = {"unique_indices": True, "indices_are_sorted": True}
    return gather(rows, places, numbers, tuple(stop), **once, mode="promise_in_bounds")


@fusion.whole(1)
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonal of the matrices in two dimensions, which the result has as its last one.

    Args:
        a: array of at least two dimensions.
        offset: which diagonal: 0 is the main one, those above it are positive.
        axis1: dimension of the rows.
        axis2: dimension of the columns.

    Returns:
        The other dimensions in their order, then the diagonal; a new array, not a view.

    Raises:
        ValueError: the two dimensions are one, or there is none of them.

    Example:
        >>> np.diagonal(np.array([[1, 2, 3], [4, 5, 6]]), 1)
        Array([2, 6], dtype=int32)
        >>> np.diagonal(np.ones((2, 3, 4)), axis1=1, axis2=2).shape
        (2, 3)
    """
    a = operand("diagonal", a)
    ndim = typeof(a).ndim
    if ndim < 2:
        raise ArgumentValueError("diagonal requires an array of at least two dimensions.")
    one, two = axis_index(axis1, ndim), axis_index(axis2, ndim)
    if one == two:
        raise ArgumentValueError("axis1 and axis2 cannot be the same")
    return fusion.run(_diagonal, (a,), operator.index(offset), one, two)


@fusion.whole(1)
def trace(
    a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
    out: None = None,
) -> Array:  # fmt: skip
    """Sum of the diagonal of the matrices in two dimensions.

    Args:
        a: array of at least two dimensions.
        offset: which diagonal: 0 is the main one, those above it are positive.
        axis1: dimension of the rows.
        axis2: dimension of the columns.
        dtype: of the sum; by default as for `sum`, so that booleans are counted.
        out: not supported.

    Returns:
        Array of the other dimensions.

    Raises:
        ValueError: the two dimensions are one, or there is none of them.

    Example:
        >>> np.trace(np.array([[1, 2], [3, 4]]))
        Array(5, dtype=int32)
        >>> np.trace(np.array([[1, 2], [3, 4]]), offset=1, dtype=float)
        Array(2., dtype=float32)
    """
    no_out("trace", out)
    return reductions.sum(diagonal(a, offset, axis1, axis2), -1, dtype)


def _spread(v: Any, k: int) -> Any:
    """Vector on diagonal `k` of a square matrix: padding between and around its elements."""
    (n,) = typeof(v).shape
    size = n + abs(k)
    first = k if k >= 0 else -k * size
    if not n:
        return basis.full_of(0, typeof(v).update(shape=(size, size)))
    used = first + (n - 1) * (size + 1) + 1
    flat = pieces.pad(v, convert(0, typeof(v).dtype), [(first, size * size - used, size)])
    return sh.reshape_p.bind(flat, new_sizes=(size, size))


@fusion.whole(1)
def diag(v: ArrayLike, k: int = 0) -> Array:
    """Matrix with a vector on diagonal `k`, or diagonal `k` of a matrix.

    Args:
        v: vector `[n]`, which gives `[n + abs(k), n + abs(k)]`, or matrix, which gives a vector.
        k: diagonal: 0 is the main one, those above it are positive.

    Raises:
        ValueError: `v` has neither one nor two dimensions.

    Example:
        >>> np.diag(np.array([1, 2]), -1)
        Array([[0, 0, 0],
               [1, 0, 0],
               [0, 2, 0]], dtype=int32)
        >>> np.diag(np.array([[1, 2], [3, 4]]))
        Array([1, 4], dtype=int32)
    """
    v = operand("diag", v)
    ndim = typeof(v).ndim
    if ndim == 1:
        return fusion.run(_spread, (v,), operator.index(k))
    if ndim == 2:
        return diagonal(v, k)
    raise ArgumentValueError("diag input must be 1d or 2d")


def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """Matrix with the elements of `v`, of whatever shape, on diagonal `k`.

    Args:
        v: array or number.
        k: diagonal: 0 is the main one, those above it are positive.

    Example:
        >>> np.diagflat(np.array([[1], [2]]))
        Array([[1, 0],
               [0, 2]], dtype=int32)
    """
    return diag(ravel(v), k)


def fill_diagonal(
    a: ArrayLike, val: ArrayLike, wrap: bool = False, *, inplace: bool = True
) -> Array:
    """New array with `val` on the main diagonal; `inplace` must be False.

    Args:
        a: array of at least two dimensions, equal ones if there are more.
        val: number, or array whose elements are repeated as often as needed.
        wrap: must be False: the diagonal of a tall matrix ends where its columns end.
        inplace: must be False: the arguments of a function do not change.

    Raises:
        ValueError: dimensions differ where there are more than two, or there are fewer.
        NotImplementedError: `inplace` or `wrap` is true.

    Example:
        >>> np.fill_diagonal(np.zeros((3, 2)), np.array([1, 2]), inplace=False)
        Array([[1., 0.],
               [0., 2.],
               [0., 0.]], dtype=float32)
    """
    if inplace:
        raise NotImplementedError(
            "arrays are not changed in place by fill_diagonal, must use inplace=False"
        )
    if wrap:
        raise NotImplementedError(
            "fill_diagonal: wrap=True is not implemented, must use wrap=False"
        )
    a = asarray(operand("fill_diagonal", a))
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) != 1):
        raise ArgumentValueError(
            "array must be at least 2-d"
            if a.ndim < 2
            else f"All dimensions of input must be of equal length, got {a.shape}"
        )
    n = min(a.shape)
    val = operand("fill_diagonal", val)
    values = resize(val, (n,)) if typeof(val).ndim else val
    places = np.arange(n, dtype=np.int32)
    return update(a, (places,) * a.ndim, values, "set")


# --- index arrays ---------------------------------------------------------------------------


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Indices of the elements on and below diagonal `k` of an `[n, m]` matrix, row by row.

    Args:
        n: number of rows.
        k: diagonal: 0 is the main one, those above it are positive.
        m: number of columns; `n` by default.

    Returns:
        Rows and columns, int32.

    Example:
        >>> np.array([[1, 2], [3, 4]])[np.tril_indices(2)]
        Array([1, 3, 4], dtype=int32)
    """
    return tuple(asarray(i.astype(DEFAULTS[int])) for i in np.tril_indices(n, k, m))  # type: ignore[return-value]


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Indices of the elements on and above diagonal `k` of an `[n, m]` matrix, row by row.

    Args:
        n: number of rows.
        k: diagonal: 0 is the main one, those above it are positive.
        m: number of columns; `n` by default.

    Returns:
        Rows and columns, int32.

    Example:
        >>> np.triu_indices(2)
        (Array([0, 0, 1], dtype=int32), Array([0, 1, 1], dtype=int32))
        >>> np.array([[1, 2], [3, 4]])[np.triu_indices(2, k=1)]
        Array([2], dtype=int32)
    """
    return tuple(asarray(i.astype(DEFAULTS[int])) for i in np.triu_indices(n, k, m))  # type: ignore[return-value]


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """`tril_indices` for the shape of a matrix.

    Args:
        arr: matrix, of which the shape matters only.
        k: diagonal: 0 is the main one, those above it are positive.

    Raises:
        ValueError: `arr` has not two dimensions.

    Example:
        >>> np.tril_indices_from(np.ones((2, 3)), -1)
        (Array([1], dtype=int32), Array([0], dtype=int32))
    """
    return tril_indices(*_two(arr, k))


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """`triu_indices` for the shape of a matrix.

    Args:
        arr: matrix, of which the shape matters only.
        k: diagonal: 0 is the main one, those above it are positive.

    Raises:
        ValueError: `arr` has not two dimensions.

    Example:
        >>> np.triu_indices_from(np.ones((2, 3)), 1)
        (Array([0, 0, 1], dtype=int32), Array([1, 2, 2], dtype=int32))
    """
    return triu_indices(*_two(arr, k))


def _two(arr: Any, k: int) -> tuple[int, int, int]:
    shape = np.shape(arr)
    if len(shape) != 2:
        raise ArgumentValueError("Only 2-D inputs are accepted")
    return shape[0], k, shape[1]


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Indices of the main diagonal of an array with `ndim` dimensions of size `n`.

    Args:
        n: size of each dimension.
        ndim: number of dimensions.

    Returns:
        `ndim` times the same int32 `[n]`.

    Raises:
        ValueError: a number is negative.

    Example:
        >>> np.zeros((2, 2), int).at[np.diag_indices(2)].set(1)
        Array([[1, 0],
               [0, 1]], dtype=int32)
    """
    if n < 0 or ndim < 0:
        raise ArgumentValueError(f"n and ndim must be nonnegative, got {n} and {ndim}")
    return (sh.iota(DEFAULTS[int], operator.index(n)),) * operator.index(ndim)


def diag_indices_from(arr: Any) -> tuple[Array, ...]:
    """`diag_indices` for an array whose dimensions are all equal.

    Args:
        arr: array of at least two dimensions, of which the shape matters only.

    Raises:
        ValueError: the dimensions differ, or there are fewer.

    Example:
        >>> np.diag_indices_from(np.ones((2, 2)))
        (Array([0, 1], dtype=int32), Array([0, 1], dtype=int32))
    """
    shape = np.shape(arr)
    if len(shape) < 2:
        raise ArgumentValueError(f"input array must be at least 2-d, got shape {shape}")
    if len(set(shape)) != 1:
        raise ArgumentValueError("All dimensions of input must be of equal length")
    return diag_indices(shape[0], len(shape))


def mask_indices(
    n: int, mask_func: Callable[..., Any], k: int = 0, *, size: int | None = None
) -> tuple[Array, ...]:
    """Indices of an `[n, n]` matrix that `mask_func` leaves nonzero.

    Args:
        n: number of rows and columns.
        mask_func: called with ones `[n, n]` and `k`; such as `triu`.
        k: passed on to it.
        size: number of indices to return, as for `nonzero`.

    Returns:
        Rows and columns, int32.

    Example:
        >>> np.mask_indices(2, np.triu)
        (Array([0, 0, 1], dtype=int32), Array([0, 1, 1], dtype=int32))
    """
    return nonzero(mask_func(ones((n, n)), k), size=size)


def ix_(*args: ArrayLike) -> tuple[Array, ...]:
    """Index that takes the outer product of vectors of integers or masks.

    Args:
        *args: vectors; a mask stands for the places where it holds.

    Returns:
        As many arrays; the i-th has its elements along dimension i and size 1 along the others.

    Raises:
        ValueError: an argument is no vector.
        ConcretizationTypeError: a mask is known only at run time.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        >>> x[np.ix_(np.array([0, 2]), np.array([True, False, True]))]
        Array([[1, 3],
               [7, 9]], dtype=int32)
    """
    out = []
    for i, a in enumerate(args):
        a = asarray(a)
        if a.ndim != 1:
            raise ArgumentValueError(f"Arguments to ix_ must be 1-dimensional, got shape {a.shape}")
        if a.dtype == np.bool_:
            (a,) = nonzero(a)
        out.append(reshape(a, [-1 if j == i else 1 for j in range(len(args))]))
    return tuple(out)


@fusion.whole(1)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of a vector as the columns of a matrix.

    Args:
        x: vector `[m]`.
        N: number of columns; m by default.
        increasing: powers 0, 1, ... instead of ..., 1, 0.

    Returns:
        `[m, N]` of the dtype of `x`.

    Raises:
        ValueError: `x` is no vector, or `N` is negative.

    Example:
        >>> np.vander(np.array([2, 3]), 3)
        Array([[4, 2, 1],
               [9, 3, 1]], dtype=int32)
    """
    x = operand("vander", x)
    if typeof(x).ndim != 1:
        raise ArgumentValueError("x must be a one-dimensional array")
    n = typeof(x).shape[0] if N is None else operator.index(N)
    if n < 0:
        raise ArgumentValueError("N must be nonnegative")
    if not n:
        return zeros((typeof(x).shape[0], 0), typeof(x).dtype)
    exponents = sh.iota(np.int32, n)
    out = power(reshape(x, (-1, 1)), exponents)
    return out if increasing else flip(out, 1)
