"""Sums and products of the elements of sparse arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.api.compile import jit
from ms_func.errors import UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, JAXSparse, is_sparse, parts
from ms_func.experimental.sparse.layout import bcoo_broadcast_in_dim, bcoo_update_layout, padded
from ms_func.experimental.sparse.operations import expand, sum_duplicates, taken
from ms_func.numpy.axes import axis_index


def bcoo_reduce_sum(mat: BCOO, *, axes: Sequence[int]) -> BCOO:
    """Sum over some dimensions, which may be of any kind.

    Args:
        mat: sparse array.
        axes: dimensions, negative ones from the end.

    Returns:
        Sparse array without them. Elements that meet are not added before `todense` does.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [3.0, 4.0]]))
        >>> bcoo_reduce_sum(m, axes=[0]).todense()
        Array([3., 6.], dtype=float32)
    """
    axes = tuple(axis_index(a, mat.ndim) for a in axes)
    return _reduce_sum(mat, axes)


@partial(jit, static_argnums=1)
def _reduce_sum(mat: BCOO, axes: tuple[int, ...]) -> BCOO:
    nb, ns = mat.n_batch, mat.n_sparse
    gone = sorted({a % mat.ndim for a in axes})
    batch, sparse, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, ns))
    inside = (indices < onp.array(sparse)).all(-1) if ns else np.ones((*batch, mat.nse), bool)
    data = np.where(expand(inside, mat.n_dense), data, np.zeros((), data.dtype))
    data = data.sum(tuple(a - ns + 1 for a in gone if a >= nb + ns))
    kept = [k for k in range(ns) if k + nb not in gone]
    bound = onp.array([sparse[k] for k in kept])
    indices = np.where(inside[..., None], indices[..., onp.array(kept, int)], bound).astype(
        indices.dtype)  # fmt: skip
    summed = [a for a in gone if a < nb]
    if summed:  # the elements of all these batches together
        order = [d for d in range(nb) if d not in summed] + summed
        count = math.prod(batch[d] for d in summed) * mat.nse
        lead = tuple(batch[d] for d in range(nb) if d not in summed)
        data = data.transpose((*order, *range(nb, data.ndim)))
        data = data.reshape((*lead, count, *data.shape[nb + 1 :]))
        indices = indices.transpose((*order, nb, nb + 1)).reshape((*lead, count, len(kept)))
    shape = [n for d, n in enumerate(mat.shape) if d not in gone]
    if not kept and ns:
        data = data.sum(nb - len(summed), keepdims=True)
        indices = indices[..., :1, :]
    return BCOO((data, indices), shape=shape)


@jit
def bcoo_multiply_dense(sp_mat: BCOO, v: Any) -> Any:
    """The elements of `sp_mat * v`.

    Args:
        sp_mat: sparse array.
        v: array that broadcasts to its shape.

    Returns:
        The new `data`; the places are those of `sp_mat`.

    Raises:
        NotImplementedError: `v` does not broadcast to the shape.

    Example:
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [3.0, 4.0]]))
        >>> bcoo_multiply_dense(m, np.array([1.0, 10.0]))
        Array([20.,  3., 40.], dtype=float32)
    """
    v = np.asarray(v)
    if v.ndim > sp_mat.ndim or onp.broadcast_shapes(v.shape, sp_mat.shape) != sp_mat.shape:
        raise UnsupportedError(f"{v.shape} does not broadcast to the sparse shape {sp_mat.shape}")
    if v.ndim == 0:
        return sp_mat.data * v
    v = v.reshape((*(1,) * (sp_mat.ndim - v.ndim), *v.shape))
    nb, ns = sp_mat.n_batch, sp_mat.n_sparse
    batch, _, _ = parts(sp_mat)
    indices = np.broadcast_to(sp_mat.indices, (*batch, sp_mat.nse, ns))
    inside = (indices < onp.array(sp_mat.shape[nb : nb + ns])).all(-1) if ns else None
    short = [k for k in range(ns) if v.shape[nb + k] == 1]
    for k in short:  # one element stands for all
        indices = indices.at[..., k].set(0)
    if not ns:  # every element stands at the one place
        return sp_mat.data * np.expand_dims(v, nb)
    lead = tuple(v.shape[:nb])
    others = taken(np.broadcast_to(v, (*batch, *v.shape[nb:])) if lead != batch else v, indices, nb)
    out = sp_mat.data * others
    if inside is not None and short:
        out = np.where(expand(inside, sp_mat.n_dense), out, np.zeros((), out.dtype))
    return out


@jit
def bcoo_multiply_sparse(lhs: BCOO, rhs: BCOO) -> BCOO:
    """Product of two sparse arrays, element by element.

    Args:
        lhs: sparse array.
        rhs: sparse array; dimensions of length 1 broadcast.

    Returns:
        Sparse array, with room for every pair of elements that may meet.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> a, b = (BCOO.fromdense(np.array(x)) for x in ([0.0, 2.0, 3.0], [5.0, 0.0, 7.0]))
        >>> bcoo_multiply_sparse(a, b).todense()
        Array([ 0.,  0., 21.], dtype=float32)
    """
    shape = onp.broadcast_shapes(lhs.shape, rhs.shape)
    a, b = (_at_shape(bcoo_update_layout(x, n_batch=0, n_dense=0), shape) for x in (lhs, rhs))
    same = (a.indices[:, None] == b.indices[None]).all(-1)
    inside = (a.indices < onp.array(shape)).all(-1)[:, None] & same
    data = np.where(inside, a.data[:, None] * b.data[None], 0)
    places = np.where(inside[..., None], a.indices[:, None], onp.array(shape))
    places = places.reshape(data.size, len(shape)).astype(a.indices.dtype)
    flat = BCOO((data.reshape(-1), places),
                shape=shape, unique_indices=a.unique_indices and b.unique_indices)  # fmt: skip
    most = min(flat.nse, a.nse if b.unique_indices else flat.nse)
    out = sum_duplicates(flat, most, True) if most < flat.nse else flat
    nb, nd = min(lhs.n_batch, rhs.n_batch), min(lhs.n_dense, rhs.n_dense)
    return bcoo_update_layout(out, n_batch=nb, n_dense=nd, on_inefficient=None)


def _at_shape(mat: BCOO, shape: Sequence[int]) -> BCOO:
    """Broadcast to a shape, dimensions counted from the end."""
    if mat.shape == tuple(shape):
        return mat
    dims = range(len(shape) - mat.ndim, len(shape))
    return bcoo_broadcast_in_dim(mat, shape=tuple(shape), broadcast_dimensions=tuple(dims))


def multiplied(mat: BCOO, other: Any) -> Any:
    """`mat * other`."""
    if isinstance(other, BCOO):
        return bcoo_multiply_sparse(mat, other)
    if is_sparse(other):
        return NotImplemented
    shape = np.shape(other)
    full = onp.broadcast_shapes(mat.shape, shape)
    if full != mat.shape:
        mat = _at_shape(bcoo_update_layout(mat, n_batch=0, n_dense=0), full)
    return mat._like(bcoo_multiply_dense(mat, other))


def added(mat: BCOO, other: Any) -> Any:
    """`mat + other`; sparse if both are."""
    if not isinstance(other, JAXSparse):
        if np.ndim(other) == 0 and not isinstance(other, (int, float, complex)):
            return mat.todense() + other
        if isinstance(other, (int, float, complex)) and other == 0:
            return mat
        return mat.todense() + other
    if not isinstance(other, BCOO) or other.shape != mat.shape:
        raise UnsupportedError("sums are of two BCOO arrays of one shape\nfix: x.todense()")
    if (mat.n_batch, mat.n_dense) != (other.n_batch, other.n_dense):
        nb, nd = min(mat.n_batch, other.n_batch), min(mat.n_dense, other.n_dense)
        mat, other = (bcoo_update_layout(x, n_batch=nb, n_dense=nd) for x in (mat, other))
    dtype = np.promote_types(mat.dtype, other.dtype)
    a, b = padded(mat, mat.nse), padded(other, other.nse)
    at = mat.n_batch
    data = np.concatenate([a.data.astype(dtype), b.data.astype(dtype)], at)
    return BCOO((data, np.concatenate([a.indices, b.indices], at)), shape=mat.shape)
