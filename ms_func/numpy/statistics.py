"""Quantiles, covariance, histograms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact, issubdtype
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, logic, manipulation, reductions, searching, sorting
from ms_func.numpy.creation import arange, asarray, linspace, zeros
from ms_func.numpy.diagonals import diagonal
from ms_func.numpy.products import matmul
from ms_func.numpy.promotion import ArrayLike, convert, inexact, no_out, operand
from ms_func.numpy.reductions import Axis
from ms_func.numpy.updates import update

# --- quantiles ------------------------------------------------------------------------------

_METHODS = frozenset({"linear", "lower", "higher", "midpoint", "nearest"})


def quantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Values below which the parts `q` (between 0 and 1) of the elements lie.

    Args:
        a: array; NaN gives NaN.
        q: parts; the dimensions of the result begin with those of `q`.
        axis: dimensions, all by default.
        out: not supported.
        overwrite_input: not supported.
        method: between two elements, "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: keep the dimensions with size 1.
        weights: not supported.

    Raises:
        ValueError: there is no such method.
    """
    return _quantile("quantile", a, q, axis, out, overwrite_input, method, keepdims, weights, False)


def nanquantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`quantile` of the elements that are numbers."""
    return _quantile("nanquantile", a, q, axis, out, overwrite_input, method, keepdims, weights,
                     True)  # fmt: skip


def percentile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`quantile` with parts in percent."""
    q = ar.divide(inexact("percentile", q), 100)
    return _quantile("percentile", a, q, axis, out, overwrite_input, method, keepdims, weights,
                     False)  # fmt: skip


def nanpercentile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`nanquantile` with parts in percent."""
    q = ar.divide(inexact("nanpercentile", q), 100)
    return _quantile("nanpercentile", a, q, axis, out, overwrite_input, method, keepdims, weights,
                     True)  # fmt: skip


def median(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """Middle element along dimensions, or the mean of the two middle ones."""
    return _quantile("median", a, 0.5, axis, out, overwrite_input, "midpoint", keepdims, None,
                     False)  # fmt: skip


def nanmedian(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """`median` of the elements that are numbers."""
    return _quantile("nanmedian", a, 0.5, axis, out, overwrite_input, "midpoint", keepdims, None,
                     True)  # fmt: skip


def _quantile(
    name: str, a: Any, q: Any, axis: Axis, out: None, overwrite: bool, method: str, keepdims: bool,
    weights: Any, skip_nan: bool,
) -> Any:  # fmt: skip
    no_out(name, out)
    if overwrite or weights is not None:
        raise NotImplementedError(f"{name} does not support overwrite_input or weights")
    if method not in _METHODS:
        raise ValueError(
            "method can only be 'linear', 'lower', 'higher', 'midpoint', or 'nearest'; "
            f"got {method!r}"
        )
    a, q = operand(name, a), inexact(name, q)
    if typeof(a).dtype.kind == "c":
        raise ValueError(
            "quantile does not support complex input, as the operation is poorly defined."
        )
    a, q = (inexact(name, v) for v in reductions.promote_dtype(name, a, q))
    t = typeof(a)
    axes = manipulation.axes_tuple(axis, t.ndim)
    static = (axes, method, bool(keepdims), skip_nan)
    return fusion.run(_quantile_program, (a, q), *static)


def _quantile_program(
    a: Any, q: Any, axes: tuple[int, ...], method: str, keepdims: bool, skip_nan: bool
) -> Any:
    """Sort the dimensions made one, then interpolate between two elements of each row."""
    t, parts = typeof(a), typeof(q).shape
    kept = [i for i in range(t.ndim) if i not in axes]
    rows = manipulation.moveaxis(a, axes, range(len(kept), t.ndim))
    lead = tuple(t.shape[i] for i in kept)
    n = math.prod(t.shape[i] for i in axes)
    rows = manipulation.reshape(rows, (*lead, n))
    nan = logic.isnan(rows)
    rows = sorting.sort(rows)
    if skip_nan:
        count = convert(reductions.sum(logic.logical_not(nan), -1, np.int32), t.dtype)
        last = ar.maximum(ar.subtract(count, 1), 0)
    else:
        last = np.asarray(max(n - 1, 0), t.dtype)[()]
    flat = manipulation.reshape(q, (-1, *[1] * len(lead)))
    place = ar.multiply(flat, last)
    low, high = el.floor(place), el.ceil(place)
    share = ar.subtract(place, low)
    below, above = (_at(rows, v, lead) for v in (low, high))
    out = {
        "lower": lambda: below,
        "higher": lambda: above,
        "midpoint": lambda: ar.multiply(ar.add(below, above), 0.5),
        "nearest": lambda: _at(rows, el.round(place), lead),
        "linear": lambda: ar.add(ar.multiply(below, ar.subtract(1, share)),
                                 ar.multiply(above, share)),
    }[method]()  # fmt: skip
    bad = reductions.all(nan, -1) if skip_nan else reductions.any(nan, -1)
    out = searching.where(bad, math.nan, out)
    if keepdims:
        lead = tuple(1 if i in axes else m for i, m in enumerate(t.shape))
    return manipulation.reshape(out, (*parts, *lead))


def _at(rows: Any, place: Any, lead: tuple[int, ...]) -> Any:
    """Elements of each row at whole places, `[quantiles, *lead]`."""
    count = typeof(place).shape[0]
    index = convert(manipulation.broadcast_to(place, (count, *lead)), np.dtype(np.int32))
    found = searching.take_along_axis(rows, manipulation.moveaxis(index, 0, -1), -1, mode="clip")
    return manipulation.moveaxis(found, -1, 0)


# --- covariance -------------------------------------------------------------------------------


def cov(
    m: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, bias: bool = False,
    ddof: int | None = None, fweights: ArrayLike | None = None, aweights: ArrayLike | None = None,
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

    Raises:
        ValueError: there are more than two dimensions, or weights do not fit.
    """
    m = inexact("cov", m)
    if typeof(m).ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    x = manipulation.atleast_2d(m)
    x = x if rowvar or typeof(m).ndim < 2 else manipulation.transpose(x)
    if y is not None:
        other = manipulation.atleast_2d(inexact("cov", y))
        other = other if rowvar or np.ndim(y) < 2 else manipulation.transpose(other)
        x = manipulation.concatenate([x, other])
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


def _observation_weights(fweights: Any, aweights: Any, n: int) -> Any:
    found = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        w = operand("cov", w)
        if typeof(w).shape != (n,):
            raise ValueError(f"cov: {name} must be a vector of {n} elements, got {typeof(w)}")
        if name == "fweights" and not issubdtype(typeof(w).dtype, np.integer):
            raise TypeError("fweights must be integer.")
        found = w if found is None else ar.multiply(found, w)
    return None if found is None else inexact("cov", found)


def corrcoef(x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True) -> Array:
    """Correlation coefficients of variables; arguments as for `cov`."""
    c = cov(x, y, rowvar)
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
    return linspace(low, high, int(bins) + 1, dtype=dtype)


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
        raise ValueError("weights should have the same shape as a.")
    edges = histogram_bin_edges(a, bins, range, weights)
    counts = _counted(manipulation.ravel(inexact("histogram", a)), edges, weights)
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


def _counted(x: Any, edges: Any, weights: Any) -> Any:
    w = asarray(1, np.int32) if weights is None else manipulation.ravel(weights)
    if weights is None and is_inexact(typeof(edges).dtype):
        w = convert(w, typeof(edges).dtype)
    empty = zeros((edges.shape[0] - 1,), typeof(w).dtype)
    return update(empty, _places(x, edges), w, "add", mode="drop")


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, list[Array]]:  # fmt: skip
    """Number of points in each cell of a grid, and the edges along each dimension.

    Args:
        sample: `[points, dimensions]`, or one array for each dimension.
        bins: number of bins, or for each dimension a number or edges.
        range: ends for each dimension.
        weights: weight of each point.
        density: divide by the volume of the cell and by the total.
    """
    columns = (
        [inexact("histogramdd", c) for c in sample]
        if isinstance(sample, (list, tuple))
        else [
            inexact("histogramdd", asarray(sample)[:, i])
            for i in np.arange(np.shape(sample)[1]).tolist()
        ]
    )
    d = len(columns)
    listed = [bins] * d if np.ndim(bins) == 0 else list(bins)
    if len(listed) != d:
        raise ValueError("should be one bin for each dimension.")
    ends = [None] * d if range is None else list(range)
    edges = [histogram_bin_edges(c, b, r) for c, b, r in zip(columns, listed, ends, strict=True)]
    places = tuple(_places(c, e) for c, e in zip(columns, edges, strict=True))
    sizes = tuple(e.shape[0] - 1 for e in edges)
    w = asarray(1.0, edges[0].dtype) if weights is None else operand("histogramdd", weights)
    counts = update(zeros(sizes, typeof(w).dtype), places, w, "add", mode="drop")
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
    pair = np.ndim(bins) == 1 and len(bins) not in (1, 2)
    counts, edges = histogramdd([x, y], [bins, bins] if pair else bins, range, weights, density)
    return counts, edges[0], edges[1]
