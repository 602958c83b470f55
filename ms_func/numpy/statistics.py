"""Covariance and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, logic, manipulation, reductions, searching, sorting
from ms_func.numpy.creation import asarray
from ms_func.numpy.diagonals import diagonal
from ms_func.numpy.filled import zeros
from ms_func.numpy.intervals import linspace
from ms_func.numpy.means import average
from ms_func.numpy.products import matmul
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, promote_dtype, settled
from ms_func.numpy.updates import update

# --- covariance -------------------------------------------------------------------------------


@fusion.whole(1, "y", "fweights", "aweights")
def cov(
    m: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, bias: bool = False,
    ddof: int | None = None, fweights: ArrayLike | None = None, aweights: ArrayLike | None = None,
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Covariance matrix of variables in rows, observations in columns.

    Args:
        m: `[variables, observations]`, or one variable; integers become floats.
        y: more variables, with as many observations.
        rowvar: whether rows are variables; else columns are.
        bias: divide by the number of observations instead of one less.
        ddof: what to take from the number of observations, in place of `bias`.
        fweights: how often each observation was made, a vector of integers.
        aweights: weight of each observation, a vector.
        dtype: dtype to compute in, by default that of the operands promoted to floats.

    Returns:
        Array `[variables, variables]`; a number without dimensions for one variable. NaN of too few
        observations.

    Raises:
        ValueError: there are more than two dimensions, or weights do not fit.
        TypeError: `fweights` holds no integers.

    Example:
        >>> np.cov(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 5.0]]))
        Array([[1., 2.],
               [2., 4.]], dtype=float32)
        >>> np.cov(np.array([1.0, 2.0, 3.0]), fweights=np.array([1, 2, 1]), bias=True)
        Array(0.5, dtype=float32)
    """
    m = settled("cov", m)
    if y is not None:
        m, y = promote_dtype("cov", m, y)
    m = _as_dtype(inexact("cov", m), dtype)
    if typeof(m).ndim > 2:
        raise ArgumentValueError("m has more than 2 dimensions")
    x = manipulation.atleast_2d(m)
    x = x if rowvar or typeof(m).ndim < 2 else manipulation.transpose(x)
    if y is not None:
        other = manipulation.atleast_2d(_as_dtype(inexact("cov", y), dtype))
        other = other if rowvar or np.ndim(y) < 2 else manipulation.transpose(other)
        x = joining.concatenate([x, other])
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = _observation_weights(fweights, aweights, x.shape[1])
    total: Any = x.shape[1] if w is None else reductions.sum(w)
    scale = total
    if w is not None and aweights is not None and ddof:
        scale = ar.subtract(total, ar.divide(ar.multiply(
            ddof, reductions.sum(ar.multiply(w, aweights))), total))  # fmt: skip
    else:
        scale = ar.subtract(total, ddof)
    centre = average(x, 1, w)
    off = ar.subtract(x, manipulation.reshape(centre, (-1, 1)))
    weighted = off if w is None else ar.multiply(off, w)
    out = matmul(weighted, el.conjugate(manipulation.transpose(off)))
    return manipulation.squeeze(ar.divide(out, ar.maximum(scale, 0)))


def _as_dtype(x: Any, dtype: Any) -> Any:
    return x if dtype is None else convert(x, canonicalize_dtype(dtype))


def _observation_weights(fweights: Any, aweights: Any, n: int) -> Any:
    found = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        w = operand("cov", w)
        if typeof(w).ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if typeof(w).shape != (n,):
            raise ArgumentValueError(
                f"cov: {name} must be a vector of {n} elements, got {typeof(w)}"
            )
        if name == "fweights" and not issubdtype(typeof(w).dtype, np.integer):
            raise ArgumentTypeError("fweights must be integer.")
        found = w if found is None else ar.multiply(found, w)
    return None if found is None else inexact("cov", found)


@fusion.whole(1, "y")
def corrcoef(
    x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, dtype: Any = None
) -> Array:
    """Correlation coefficients of variables: covariances over both standard deviations.

    Args:
        x: `[variables, observations]`, or one variable; integers become floats.
        y: more variables, with as many observations.
        rowvar: whether rows are variables; else columns are.
        dtype: dtype to compute in, by default that of the operands promoted to floats.

    Returns:
        Array `[variables, variables]` in [-1, 1], with 1 on the diagonal; NaN where a variable does
        not vary.

    Raises:
        ValueError: there are more than two dimensions.

    Example:
        >>> np.corrcoef(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).round(4)
        Array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return ar.divide(c, c)
    root = el.sqrt(el.real(diagonal(c)))
    out = ar.divide(ar.divide(c, manipulation.reshape(root, (-1, 1))), root)
    if out.dtype.kind == "c":
        return out
    return ar.clip(out, -1, 1)


# --- histograms ---------------------------------------------------------------------------------


def histogram_bin_edges(
    a: ArrayLike, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None
) -> Array:
    """Edges of the bins of `histogram`: evenly spaced over the range of the elements.

    Args:
        a: array of any shape; integers become floats.
        bins: number of bins; a vector of edges is given back.
        range: ends `(low, high)`; the smallest and largest element by default.
        weights: accepted for compatibility.

    Returns:
        Vector, one longer than the number of bins. Where the ends are equal, 0.5 is added on both
        sides.

    Raises:
        NotImplementedError: `bins` names a method.

    Example:
        >>> np.histogram_bin_edges(np.array([0, 1, 4]), bins=4)
        Array([0., 1., 2., 3., 4.], dtype=float32)
    """
    if isinstance(bins, str):
        raise NotImplementedError("string values for `bins` are not supported.")
    if np.ndim(bins) == 1:
        return asarray(bins)
    a = inexact("histogram_bin_edges", a)
    dtype = typeof(a).dtype
    if range is not None:
        low, high = (convert(operand("histogram", v), dtype) for v in range)
    elif not typeof(a).size:
        low, high = (np.asarray(v, dtype)[()] for v in (0, 1))
    else:
        low, high = reductions.min(a), reductions.max(a)
    flat = logic.equal(low, high)
    low = searching.where(flat, ar.subtract(low, 0.5), low)
    high = searching.where(flat, ar.add(high, 0.5), high)
    return linspace(low, high, index(bins) + 1, dtype=dtype)


def histogram(
    a: ArrayLike, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Number (or weight) of elements in each bin, and the edges of the bins.

    Args:
        a: array of any shape; integers become floats.
        bins: number of bins, or their increasing edges.
        range: ends `(low, high)` of evenly spaced bins; those of the elements by default.
        weights: weight of each element, of the shape of `a`.
        density: divide by the width of the bin and by the total.

    Returns:
        Counts, or sums of the weights, and edges, one more, all of them floats. A bin holds its
        left edge and not its right one, but for the last, which holds both; what lies outside is
        not counted.

    Raises:
        NotImplementedError: `bins` names a method.
        ValueError: the weights have another shape.

    Example:
        >>> counts, edges = np.histogram(np.array([1, 2, 2, 5]), bins=np.array([0, 2, 4]))
        >>> counts, edges
        (Array([1., 2.], dtype=float32), Array([0., 2., 4.], dtype=float32))
        >>> np.histogram(np.array([0.0, 1.0, 4.0]), bins=2, weights=np.array([1, 1, 5]))[0]
        Array([2., 5.], dtype=float32)
    """
    a = operand("histogram", a)
    if weights is not None and np.shape(weights) != typeof(a).shape:
        raise ArgumentValueError("weights should have the same shape as a.")
    edges = histogram_bin_edges(a, bins, range, weights)
    a, edges = (asarray(inexact("histogram", v)) for v in promote_dtype("histogram", a, edges))
    weights = None if weights is None else inexact("histogram", weights)
    counts = _added((edges.shape[0] - 1,), _places(a.ravel(), edges), weights)
    if weights is None:
        counts = convert(counts, edges.dtype)
    if density:
        widths = ar.subtract(edges[1:], edges[:-1])
        counts = ar.divide(ar.divide(counts, widths), reductions.sum(counts))
    return counts, edges


def _places(x: Any, edges: Any) -> Any:
    """Bin of each element; the last bin includes its end, others are out of bounds."""
    place = ar.subtract(sorting.searchsorted(edges, x, "right"), 1)
    last = edges.shape[0] - 2
    place = searching.where(logic.equal(x, edges[-1]), last, place)
    out = logic.logical_or(
        logic.less(x, edges[0]), logic.logical_not(logic.less_equal(x, edges[-1]))
    )
    return searching.where(out, last + 1, place)


def _added(sizes: tuple[int, ...], places: Any, weights: Any) -> Any:
    """Sum of the weights at each place; where there are none the count, an integer."""
    w = asarray(1, DEFAULTS[int]) if weights is None else manipulation.ravel(weights)
    return update(zeros(sizes, typeof(w).dtype), places, w, "add", mode="drop")


def _grid_edges(columns: Sequence[Any], bins: Any, range: Any) -> list[Array]:
    """Edges along each dimension."""
    d = len(columns)
    listed = [bins] * d if _length(bins) is None else list(bins)
    if len(listed) != d:
        raise ArgumentValueError("should be one bin for each dimension.")
    ends = [None] * d if range is None else list(range)
    if len(ends) != d:
        raise ArgumentValueError(
            f"For a sample of {d} dimensions, range must be a sequence of {d} pairs or Nones; "
            f"got {range=}"
        )
    return [histogram_bin_edges(c, b, r) for c, b, r in zip(columns, listed, ends, strict=True)]


def _length(bins: Any) -> int | None:
    """Number of entries of a list or vector of bins or edges; None of one number."""
    if isinstance(bins, (list, tuple)):
        return len(bins)
    return np.shape(bins)[0] if np.ndim(bins) else None


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, list[Array]]:  # fmt: skip
    """Number of points in each cell of a grid, and the edges along each dimension.

    Args:
        sample: `[points, dimensions]`, or a sequence with one array for each dimension.
        bins: number of bins, or for each dimension a number or edges.
        range: ends for each dimension.
        weights: weight of each point.
        density: divide by the volume of the cell and by the total.

    Returns:
        Counts as floats (under `as_jax` integers where there are neither weights nor a density),
        with a dimension for each of the sample, and a list of edges.

    Raises:
        ValueError: the sample has another form, or bins, ranges or weights do not fit it.

    Example:
        >>> points = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
        >>> counts, edges = np.histogramdd(points, bins=2)
        >>> counts, edges[0].tolist()
        (Array([[1., 0.],
                [0., 2.]], dtype=float32), [0.0, 0.5, 1.0])
    """
    if not isinstance(sample, (list, tuple)):
        sample = asarray(operand("histogramdd", sample))
        if sample.ndim != 2:
            raise ArgumentValueError(
                f"histogramdd takes a sample [points, dimensions], got shape {sample.shape}"
            )
        sample = list(sample.T)
    columns = [inexact("histogramdd", c) for c in sample]
    if weights is not None and np.shape(weights) != typeof(columns[0]).shape:
        raise ArgumentValueError("should have one weight for each sample.")
    edges = _grid_edges(columns, bins, range)
    places = tuple(_places(c, e) for c, e in zip(columns, edges, strict=True))
    sizes = tuple(e.shape[0] - 1 for e in edges)
    counts = _added(sizes, places, None if weights is None else inexact("histogramdd", weights))
    if not jax_rules():
        counts = inexact("histogramdd", counts)
    if density:
        counts = ar.divide(counts, reductions.sum(counts))
        for i, e in enumerate(edges):
            along = [1] * len(edges)
            along[i] = -1
            widths = ar.subtract(e[1:], e[:-1])
            counts = ar.divide(counts, manipulation.reshape(widths, along))
    return counts, edges


def histogram2d(
    x: ArrayLike, y: ArrayLike, bins: Any = 10, range: Any = None,
    weights: ArrayLike | None = None, density: bool | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Number of points in each cell of a plane, and the edges along both dimensions.

    Args:
        x: first coordinate of each point.
        y: second coordinate of each point.
        bins: number of bins, their edges, or a pair of numbers or edges.
        range: pair of ends for both dimensions.
        weights: weight of each point.
        density: divide by the area of the cell and by the total.

    Returns:
        Counts as floats `[bins of x, bins of y]`, edges of `x`, edges of `y`.

    Raises:
        ValueError: `x` and `y` have different sizes.

    Example:
        >>> x, y = np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])
        >>> np.histogram2d(x, y, bins=2)[0]
        Array([[1., 0.],
               [1., 1.]], dtype=float32)
    """
    shared = _length(bins) not in (None, 1, 2)  # edges of both
    counts, edges = histogramdd([x, y], [bins, bins] if shared else bins, range, weights, density)
    return counts, edges[0], edges[1]
