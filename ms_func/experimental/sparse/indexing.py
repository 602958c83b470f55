"""Parts of sparse arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as onp

from ms_func import lax
from ms_func import numpy as np
from ms_func.api.compile import jit
from ms_func.api.vectorize import vmap
from ms_func.errors import UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, parts
from ms_func.experimental.sparse.layout import (
    bcoo_broadcast_in_dim,
    bcoo_rev,
    bcoo_squeeze,
    bcoo_transpose,
    bcoo_update_layout,
)
from ms_func.experimental.sparse.operations import expand, sum_duplicates


def bcoo_slice(
    mat: BCOO, *, start_indices: Sequence[int], limit_indices: Sequence[int],
    strides: Sequence[int] | None = None,
) -> BCOO:  # fmt: skip
    """Part of a sparse array, as `lax.slice` gives it.

    Args:
        mat: sparse array.
        start_indices: first place along each dimension.
        limit_indices: the place behind the last one, along each.
        strides: steps, 1 by default.

    Returns:
        Sparse array; elements outside of the part become padding.

    Example:
        >>> m = BCOO.fromdense(np.array([1.0, 0.0, 3.0, 4.0]))
        >>> bcoo_slice(m, start_indices=[1], limit_indices=[3]).todense()
        Array([0., 3.], dtype=float32)
    """
    return _slice(
        mat, tuple(start_indices), tuple(limit_indices), tuple(strides or (1,) * mat.ndim)
    )


@partial(jit, static_argnums=(1, 2, 3))
def _slice(mat: BCOO, start_indices: Any, limit_indices: Any, steps: Any) -> BCOO:
    nb, ns = mat.n_batch, mat.n_sparse
    shape = [max(0, -(-(hi - lo) // s)) for lo, hi, s in
             zip(start_indices, limit_indices, steps, strict=True)]  # fmt: skip
    cuts = [slice(*c) for c in zip(start_indices, limit_indices, steps, strict=True)]
    batch, _, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, ns))
    data = data[(*cuts[:nb], slice(None), *cuts[nb + ns :])]
    indices = indices[tuple(cuts[:nb])]
    lo, hi, s = (onp.array(v[nb : nb + ns], int) for v in (start_indices, limit_indices, steps))
    inside = ((indices >= lo) & (indices < hi) & ((indices - lo) % s == 0)).all(-1)
    bound = onp.array(shape[nb : nb + ns])
    places = np.where(inside[..., None], (indices - lo) // s, bound).astype(indices.dtype)
    zero = np.zeros((), data.dtype)
    out = BCOO((np.where(expand(inside, mat.n_dense), data, zero), places), shape=shape,
               unique_indices=mat.unique_indices)  # fmt: skip
    most = math.prod(shape[nb : nb + ns])
    return sum_duplicates(out, most, True) if out.nse > most else out


def bcoo_dynamic_slice(mat: BCOO, start_indices: Sequence[Any], slice_sizes: Sequence[int]) -> BCOO:
    """Part of a sparse array that begins at places known only at run time, as `lax.dynamic_slice`.

    Args:
        mat: sparse array.
        start_indices: first place along each dimension; moved so that the part lies inside.
        slice_sizes: length along each dimension.

    Returns:
        Sparse array; elements outside of the part become padding.

    Example:
        >>> m = BCOO.fromdense(np.array([1.0, 0.0, 3.0, 4.0]))
        >>> bcoo_dynamic_slice(m, [9], [2]).todense()
        Array([3., 4.], dtype=float32)
    """
    return _dynamic_slice(mat, tuple(start_indices), tuple(slice_sizes))


@partial(jit, static_argnums=2)
def _dynamic_slice(mat: BCOO, start_indices: Any, sizes: tuple[int, ...]) -> BCOO:
    nb, ns = mat.n_batch, mat.n_sparse
    limit = [n - k for n, k in zip(mat.shape, sizes, strict=True)]
    lo = [np.clip(np.asarray(s), 0, m) for s, m in zip(start_indices, limit, strict=True)]
    batch, _, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, ns))
    data = lax.dynamic_slice(data, [*lo[:nb], 0, *lo[nb + ns :]],
                             [*sizes[:nb], mat.nse, *sizes[nb + ns :]])  # fmt: skip
    indices = lax.dynamic_slice(indices, [*lo[:nb], 0, 0], [*sizes[:nb], mat.nse, ns])
    start = np.stack(lo[nb : nb + ns]) if ns else np.zeros(0, indices.dtype)
    bound = onp.array(sizes[nb : nb + ns])
    moved = indices - start
    inside = ((moved >= 0) & (moved < bound)).all(-1)
    places = np.where(inside[..., None], moved, bound).astype(indices.dtype)
    zero = np.zeros((), data.dtype)
    return BCOO((np.where(expand(inside, mat.n_dense), data, zero), places), shape=sizes,
                unique_indices=mat.unique_indices)  # fmt: skip


def getitem(mat: BCOO, item: Any) -> Any:
    """`mat[item]` for integers, slices, arrays of integers or booleans, None and an ellipsis."""
    items = _places(list(item) if isinstance(item, tuple) else [item])
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if not any(i is Ellipsis for i in items):
        items.append(Ellipsis)
    at = next(k for k, i in enumerate(items) if i is Ellipsis)
    items[at : at + 1] = [slice(None)] * (mat.ndim - used)
    axes = [i for i in items if i is not None]
    if len(axes) == mat.ndim == len(items) and any(map(_is_array, axes)):
        return _gathered(mat, axes)
    if len(axes) != mat.ndim or not all(isinstance(i, (int, slice, onp.integer)) for i in axes):
        raise UnsupportedError(
            "sparse arrays are indexed by integers, slices and arrays of integers\n"
            "fix: x.todense()[...]"
        )
    cuts = [_cut(i, n) for i, n in zip(axes, mat.shape, strict=True)]
    lo, hi, steps = zip(*cuts, strict=True) if cuts else ((), (), ())
    whole = all(c == (0, n, 1) for c, n in zip(cuts, mat.shape, strict=True))
    out = mat if whole else bcoo_slice(mat, start_indices=lo, limit_indices=hi, strides=steps)
    backwards = [d for d, i in enumerate(axes) if isinstance(i, slice) and (i.step or 1) < 0]
    gone = [d for d, i in enumerate(axes) if not isinstance(i, slice)]
    out = bcoo_rev(out, backwards) if backwards else out
    out = bcoo_squeeze(out, dimensions=gone) if gone else out
    return _with_new_axes(out, items) if None in items else out


def _is_array(item: Any) -> bool:
    return isinstance(getattr(item, "dtype", None), onp.dtype) and not isinstance(item, onp.integer)


def _places(items: list[Any]) -> list[Any]:
    """Indices with the places of true elements for masks, and arrays for lists."""
    found = []
    for i in items:
        if isinstance(i, list) or (_is_array(i) and i.dtype == bool):
            i = onp.asarray(i)
        found.extend(onp.nonzero(i) if _is_array(i) and i.dtype == bool else [i])
    return found


def _gathered(mat: BCOO, axes: Sequence[Any]) -> BCOO:
    """`mat[axes]` where some are arrays of integers, which broadcast together, the integers too.

    The dimensions of these arrays are batch dimensions of the result where they come first.
    """
    at = [d for d, i in enumerate(axes) if not isinstance(i, slice)]
    mat = getitem(mat, tuple([i if isinstance(i, slice) else slice(None) for i in axes]))
    places = np.broadcast_arrays(*[
        np.where(np.asarray(axes[d]) < 0, np.asarray(axes[d]) + mat.shape[d], axes[d]) for d in at
    ])  # fmt: skip
    sizes = [1 if d in at else n for d, n in enumerate(mat.shape)]
    rest = [n for d, n in enumerate(mat.shape) if d not in at]

    def one(*starts: Any) -> tuple[Any, Any]:
        known = dict(zip(at, starts, strict=True))
        part = bcoo_dynamic_slice(mat, [known.get(d, 0) for d in range(mat.ndim)], sizes)
        part = bcoo_squeeze(part, dimensions=at)
        most = math.prod(part.shape[part.n_batch : part.n_batch + part.n_sparse])
        part = sum_duplicates(part, most, True) if part.nse > most else part
        return part.data, part.indices

    lead = places[0].shape
    for _ in lead:
        one = vmap(one)
    out = BCOO(one(*places), shape=(*lead, *rest), unique_indices=mat.unique_indices)
    first, k = at[0], len(lead)
    if not first or not k or at != [*range(first, at[-1] + 1)]:
        return out
    out = bcoo_update_layout(out, n_batch=0, on_inefficient=None)
    order = [*range(k, k + first), *range(k), *range(k + first, out.ndim)]
    return bcoo_transpose(out, permutation=order)


def _cut(item: Any, n: int) -> tuple[int, int, int]:
    """First place, end and positive step of the elements that an index names, backwards or not."""
    if not isinstance(item, slice):
        if not -n <= item < n:
            raise IndexError(f"index {item} is out of bounds for a dimension of length {n}")
        return item % n, item % n + 1, 1
    lo, hi, step = item.indices(n)
    count = len(range(lo, hi, step))
    if step < 0:
        lo, step = lo + (count - 1) * step, -step
    return lo, max(lo, lo + (count - 1) * step + 1) if count else lo, step


def _with_new_axes(mat: BCOO, items: Sequence[Any]) -> BCOO:
    """A dimension of length 1 for each None among the indices."""
    kinds = [i for i in items if not isinstance(i, (int, onp.integer))]
    kept = [k for k, i in enumerate(kinds) if i is not None]
    sizes = [1 if i is None else mat.shape[kept.index(k)] for k, i in enumerate(kinds)]
    return bcoo_broadcast_in_dim(mat, shape=sizes, broadcast_dimensions=kept)
