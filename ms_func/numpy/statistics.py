"""Quantiles, covariance, histograms."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, issubdtype, to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, logic, manipulation, reductions, searching, sorting
from ms_func.numpy.creation import arange, asarray, zeros
from ms_func.numpy.diagonals import diagonal
from ms_func.numpy.intervals import linspace
from ms_func.numpy.products import matmul
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, settled
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
        m: `[variables, observations]`, or one variable.
        y: more variables.
        rowvar: whether rows are variables; else columns are.
        bias: divide by the number of observations instead of one less.
        ddof: what to take from the number of observations, in place of `bias`.
        fweights: how often each observation was made.
        aweights: weight of each observation.
        dtype: dtype to compute in, by default that of the operands promoted to floats.

    Raises:
        ValueError: there are more than two dimensions, or weights do not fit.
    """
    m = _as_dtype(inexact("cov", settled("cov", m)), dtype)
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
    centre = reductions.average(x, 1, w)
    off = ar.subtract(x, manipulation.reshape(centre, (-1, 1)))
    weighted = off if w is None else ar.multiply(off, w)
    out = matmul(weighted, el.conjugate(manipulation.transpose(off)))
    return manipulation.squeeze(ar.divide(out, scale))


def _as_dtype(x: Any, dtype: Any) -> Any:
    return x if dtype is None else convert(x, canonicalize_dtype(dtype))


def _observation_weights(fweights: Any, aweights: Any, n: int) -> Any:
    found = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        w = operand("cov", w)
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
    """Correlation coefficients of variables; arguments as for `cov`."""
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

    Raises:
        NotImplementedError: `bins` names a method.
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
        a: array.
        bins: number of bins, or their edges.
        range: ends of evenly spaced bins; those of the elements by default.
        weights: weight of each element.
        density: divide by the width of the bin and by the total.
    """
    a = operand("histogram", a)
    if weights is not None and np.shape(weights) != typeof(a).shape:
        raise ArgumentValueError("weights should have the same shape as a.")
    edges = histogram_bin_edges(a, bins, range, weights)
    x = manipulation.ravel(inexact("histogram", a))
    sizes = (edges.shape[0] - 1,)
    if weights is not None:
        weights = inexact("histogram", weights)
    counts = _added(sizes, _places(x, edges), weights)
    if weights is None:
        counts = convert(counts, to_inexact(typeof(edges).dtype))
    if density:
        widths = ar.subtract(edges[1:], edges[:-1])
        counts = ar.divide(ar.divide(inexact("histogram", counts), widths), reductions.sum(counts))
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
        Counts, floats as NumPy's (under `as_jax` integers where there are no weights or
        densities), and a list of edges.

    Raises:
        ValueError: bins, ranges or weights do not fit the sample.
    """
    if not isinstance(sample, (list, tuple)):
        sample = asarray(operand("histogramdd", sample))
        if sample.ndim != 2:
            raise ArgumentValueError(
                f"histogramdd takes a sample [points, dimensions], got shape {sample.shape}"
            )
        sample = list(sample.T)
    columns = [inexact("histogramdd", c) for c in sample]
    d = len(columns)
    several = isinstance(bins, (list, tuple)) or np.ndim(bins)
    listed = list(bins) if several else [bins] * d
    if len(listed) != d:
        raise ArgumentValueError("should be one bin for each dimension.")
    ends = [None] * d if range is None else list(range)
    if len(ends) != d:
        raise ArgumentValueError(
            f"For a sample of {d} dimensions, range must be a sequence of {d} pairs or Nones; "
            f"got {range=}"
        )
    if weights is not None and np.shape(weights) != typeof(columns[0]).shape:
        raise ArgumentValueError("should have one weight for each sample.")
    edges = [histogram_bin_edges(c, b, r) for c, b, r in zip(columns, listed, ends, strict=True)]
    places = tuple(_places(c, e) for c, e in zip(columns, edges, strict=True))
    sizes = tuple(e.shape[0] - 1 for e in edges)
    counts = _added(sizes, places, None if weights is None else inexact("histogramdd", weights))
    if not jax_rules():
        counts = inexact("histogramdd", counts)
    if density:
        counts = ar.divide(counts, reductions.sum(counts))
        for i, e in enumerate(edges):
            width = ar.subtract(e[1:], e[:-1])
            counts = ar.divide(
                counts,
                manipulation.reshape(width, [-1 if j == i else 1 for j in arange(d).tolist()]),
            )
    return counts, edges


def histogram2d(
    x: ArrayLike, y: ArrayLike, bins: Any = 10, range: Any = None,
    weights: ArrayLike | None = None, density: bool | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """`histogramdd` of two variables: counts and both lists of edges."""
    pair = not isinstance(bins, (list, tuple)) and np.ndim(bins) == 1 and len(bins) not in (1, 2)
    pair = pair or (isinstance(bins, (list, tuple)) and len(bins) not in (1, 2))
    counts, edges = histogramdd([x, y], [bins, bins] if pair else bins, range, weights, density)
    return counts, edges[0], edges[1]
