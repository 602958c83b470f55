"""What is done with a sparse array in coordinate format, element by element and place by place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as onp

import ms_func
from ms_func import lax
from ms_func import numpy as np
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, JAXSparse, SparseInfo, is_sparse, parts


class SparseEfficiencyError(ValueError):
    """An operation would store far more than it takes."""


class SparseEfficiencyWarning(UserWarning):
    """An operation stores far more than it takes."""


class CuSparseEfficiencyWarning(SparseEfficiencyWarning):
    """A product takes a slower way."""


# --- between dense and sparse ------------------------------------------------------------------


def bcoo_fromdense(
    mat: Any, *, nse: int | None = None, n_batch: int = 0, n_dense: int = 0,
    index_dtype: Any = onp.int32,
) -> BCOO:  # fmt: skip
    """The elements of an array that are not zero.

    Args:
        mat: the array.
        nse: number of elements to store for each batch; by default as many as the fullest batch
            has, which must be known: under `jit` it is to be given.
        n_batch: leading dimensions for which elements are stored one by one.
        n_dense: trailing dimensions stored as a whole.
        index_dtype: of the places.

    Example:
        >>> bcoo_fromdense(np.eye(3)).indices.tolist()
        [[0, 0], [1, 1], [2, 2]]
    """
    mat = np.asarray(mat)
    if n_batch < 0 or n_dense < 0 or n_batch + n_dense > mat.ndim:
        raise ArgumentValueError(
            f"an array of {mat.ndim} dimensions has no {n_batch} for batches and {n_dense} dense"
        )
    there = mat != 0
    if n_dense:
        there = there.any(tuple(range(mat.ndim - n_dense, mat.ndim)))
    if nse is None:
        counts = there.sum(tuple(range(n_batch, there.ndim)))
        nse = int(counts.max()) if counts.size else 0
    sparse = mat.shape[n_batch : mat.ndim - n_dense]

    def one(mask: Any) -> Any:
        if not sparse:
            return np.zeros((nse, 0), index_dtype)
        found = np.nonzero(mask, size=nse, fill_value=sparse)
        return np.stack(found, -1).astype(index_dtype)

    indices = over_batches(n_batch, one)(there)
    info = SparseInfo(mat.shape, indices_sorted=True, unique_indices=True)
    return BCOO((taken(mat, indices, n_batch), indices), **info._asdict())


@ms_func.jit
def bcoo_todense(mat: BCOO) -> Any:
    """The array with all its elements."""
    batch, sparse, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    zeros = np.zeros(mat.shape, mat.dtype)
    if not sparse:
        return data.sum(len(batch)) if mat.nse != 1 else data.reshape(mat.shape)
    places = _places(mat)
    if mat.dtype == onp.bool_:
        return zeros.at[places].max(data, mode="drop")
    return zeros.at[places].add(data, mode="drop", unique_indices=mat.unique_indices)


def _places(mat: BCOO) -> tuple[Any, ...]:
    """Index of each stored element along batch and sparse dimensions, each `[*batch, nse]`."""
    batch, _, _ = parts(mat)
    full = (*batch, mat.nse)
    indices = np.broadcast_to(mat.indices, (*full, mat.n_sparse))
    along = [lax.broadcasted_iota(onp.int32, full, i) for i in range(len(batch))]
    return (*along, *[indices[..., k] for k in range(mat.n_sparse)])


def taken(arr: Any, indices: Any, n_batch: int) -> Any:
    """Elements of `arr` at places; zero outside."""
    full = (*arr.shape[:n_batch], indices.shape[-2])
    indices = np.broadcast_to(indices, (*full, indices.shape[-1]))
    along = [lax.broadcasted_iota(onp.int32, full, i) for i in range(n_batch)]
    places = (*along, *[indices[..., k] for k in range(indices.shape[-1])])
    if not indices.shape[-1]:  # the one place, and padding
        rows = np.expand_dims(arr, n_batch)
        first = np.arange(full[-1]) == 0
        return rows * first.reshape((-1, *(1,) * (arr.ndim - n_batch))).astype(arr.dtype)
    return arr.at[places].get(mode="fill", fill_value=0)


def bcoo_extract(sparr: BCOO, arr: Any, *, assume_unique: bool | None = None) -> BCOO:
    """Elements of `arr` at the places of `sparr`; those that stand twice count once."""
    arr = np.asarray(arr)
    if arr.shape != sparr.shape:
        raise ArgumentValueError(f"shapes differ: {sparr.shape} and {arr.shape}")
    data = taken(arr, sparr.indices, sparr.n_batch)
    unique = sparr.unique_indices if assume_unique is None else assume_unique
    if not unique:
        data = data * _expand(_first_of_each(sparr), sparr.n_dense).astype(data.dtype)
    return sparr._like(data)


def _first_of_each(mat: BCOO) -> Any:
    """For each element whether its place has not stood before, `[*batch, nse]`."""

    def one(indices: Any) -> Any:
        same = (indices[:, None, :] == indices[None, :, :]).all(-1)
        return ~np.tril(same, -1).any(1)

    return over_batches(mat.n_batch, one)(mat.indices)


def _expand(x: Any, n: int) -> Any:
    return x.reshape((*x.shape, *(1,) * n))


def over_batches(n: int, fun: Callable[..., Any]) -> Callable[..., Any]:
    """`fun` for each batch; leading dimensions of length 1 go with all."""

    def call(*args: Any) -> Any:
        batch = onp.broadcast_shapes(*[a.shape[:n] for a in args]) if n else ()
        full = [np.broadcast_to(a, (*batch, *a.shape[n:])) for a in args]
        mapped = fun
        for _ in range(n):
            mapped = ms_func.vmap(mapped)
        return mapped(*full)

    return call


# --- order and number of elements --------------------------------------------------------------


@ms_func.jit
def bcoo_sort_indices(mat: BCOO) -> BCOO:
    """The elements in lexicographic order of their places."""

    def one(data: Any, indices: Any) -> tuple[Any, Any]:
        columns = [indices[:, k] for k in range(indices.shape[1])]
        order = np.lexsort(columns[::-1]) if columns else np.arange(indices.shape[0])
        return data[order], indices[order]

    data, indices = over_batches(mat.n_batch, one)(mat.data, mat.indices)
    return BCOO((data, indices), shape=mat.shape, indices_sorted=True,
                unique_indices=mat.unique_indices)  # fmt: skip


def bcoo_sum_duplicates(mat: BCOO, nse: int | None = None) -> BCOO:
    """Each place once, in order, with the sum of what stood there.

    Args:
        mat: the array.
        nse: number of elements to store; by default as many as there are places, which must be
            known: under `jit` it is to be given.
    """
    return sum_duplicates(mat, nse, True)


def sum_duplicates(mat: BCOO, nse: int | None, drop: bool) -> BCOO:
    """As `bcoo_sum_duplicates`; `drop` is whether places outside of the shape go."""
    ordered = bcoo_sort_indices(mat)
    _, sparse, _ = parts(mat)
    bounds = onp.array(sparse)

    def numbers(indices: Any) -> tuple[Any, Any]:
        """Number of the place of each element in order, and how many places there are."""
        n = indices.shape[0]
        new = np.ones(n, bool).at[1:].set((indices[1:] != indices[:-1]).any(-1)) if n else (
            np.zeros(0, bool))  # fmt: skip
        inside = (indices < bounds).all(-1) if drop else np.ones(n, bool)
        number = np.cumsum(new & inside) - 1
        return np.where(inside, number, n), (new & inside).sum()

    number, count = over_batches(mat.n_batch, numbers)(ordered.indices)
    if nse is None:
        nse = int(count.max()) if count.size else 0
    if not nse:
        return BCOO._empty(mat.shape, dtype=mat.dtype, index_dtype=mat.indices.dtype,
                           n_batch=mat.n_batch, n_dense=mat.n_dense)  # fmt: skip

    def one(data: Any, indices: Any, number: Any) -> tuple[Any, Any]:
        start = np.full((nse, indices.shape[1]), bounds.astype(indices.dtype))
        places = start.at[number].set(indices, mode="drop")
        sums = np.zeros((nse, *data.shape[1:]), data.dtype)
        return sums.at[number].add(data, mode="drop"), places

    data, indices = over_batches(mat.n_batch, one)(ordered.data, ordered.indices, number)
    return BCOO((data, indices), shape=mat.shape, indices_sorted=True, unique_indices=True)


# --- layout --------------------------------------------------------------------------------


def bcoo_update_layout(
    mat: BCOO, *, n_batch: int | None = None, n_dense: int | None = None,
    on_inefficient: str | None = "error",
) -> BCOO:  # fmt: skip
    """With other numbers of batch and dense dimensions.

    More of them store more elements, which is refused unless `on_inefficient` is "warn" or None.
    """
    nb = mat.n_batch if n_batch is None else n_batch
    nd = mat.n_dense if n_dense is None else n_dense
    if nb < 0 or nd < 0 or nb + nd > mat.ndim:
        raise ArgumentValueError(f"{mat} cannot have {nb} batch and {nd} dense dimensions")
    if (nb > mat.n_batch or nd > mat.n_dense) and mat.nse > 1 and on_inefficient is not None:
        _tell(on_inefficient, f"{mat} with n_batch={nb} and n_dense={nd} stores more elements")
    while mat.n_dense > nd:
        mat = _dense_to_sparse(mat)
    while mat.n_batch > nb:
        mat = _batch_to_sparse(mat)
    while mat.n_dense < nd:
        mat = _sparse_to_dense(mat)
    while mat.n_batch < nb:
        mat = _sparse_to_batch(mat)
    return mat


def _tell(how: str, message: str) -> None:
    if how == "error":
        raise SparseEfficiencyError(f"{message}\nfix: pass on_inefficient=None")
    import warnings

    warnings.warn(message, SparseEfficiencyWarning, stacklevel=3)


@ms_func.jit
def _dense_to_sparse(mat: BCOO) -> BCOO:
    """The first dense dimension as the last sparse one."""
    batch, sparse, dense = parts(mat)
    n, at = dense[0], len(batch)
    data = np.broadcast_to(mat.data, (*mat.data.shape[:at], mat.nse, *dense))
    data = data.reshape((*data.shape[:at], mat.nse * n, *dense[1:]))
    old = np.repeat(mat.indices, n, at)
    new = np.tile(np.arange(n, dtype=mat.indices.dtype), mat.nse)
    new = np.where((old < onp.array(sparse)).all(-1), new, n) if sparse else np.broadcast_to(
        new, old.shape[:-1])  # fmt: skip
    indices = np.concatenate([old, new[..., None].astype(old.dtype)], -1)
    return BCOO((data, indices), shape=mat.shape, indices_sorted=mat.indices_sorted,
                unique_indices=mat.unique_indices)  # fmt: skip


@ms_func.jit
def _batch_to_sparse(mat: BCOO) -> BCOO:
    """The last batch dimension as the first sparse one."""
    batch, _, dense = parts(mat)
    n, at = batch[-1], len(batch) - 1
    lead = onp.broadcast_shapes(mat.data.shape[:at], mat.indices.shape[:at])
    data = np.broadcast_to(mat.data, (*lead, n, mat.nse, *dense))
    data = data.reshape((*lead, n * mat.nse, *dense))
    old = np.broadcast_to(mat.indices, (*lead, n, mat.nse, mat.n_sparse))
    new = lax.broadcasted_iota(old.dtype, (*lead, n, mat.nse, 1), at)
    indices = np.concatenate([new, old], -1).reshape((*lead, n * mat.nse, mat.n_sparse + 1))
    return BCOO((data, indices), shape=mat.shape, unique_indices=mat.unique_indices)


@ms_func.jit
def _sparse_to_dense(mat: BCOO) -> BCOO:
    """The last sparse dimension as the first dense one: each element in a row of zeros."""
    batch, sparse, dense = parts(mat)
    column = np.broadcast_to(mat.indices[..., -1], (*batch, mat.nse))
    hot = (column[..., None] == np.arange(sparse[-1])).astype(mat.dtype)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    data = np.expand_dims(data, len(batch) + 1) * _expand(hot, len(dense))
    return BCOO((data, mat.indices[..., :-1]), shape=mat.shape)


@ms_func.jit
def _sparse_to_batch(mat: BCOO) -> BCOO:
    """The first sparse dimension as the last batch one: each batch has room for all elements."""
    batch, sparse, dense = parts(mat)
    n = sparse[0]
    row = np.broadcast_to(mat.indices[..., 0], (*batch, mat.nse))
    here = np.expand_dims(row, len(batch)) == np.arange(n)[:, None]
    data = np.expand_dims(np.broadcast_to(mat.data, (*batch, mat.nse, *dense)), len(batch))
    data = np.where(_expand(here, len(dense)), data, np.zeros((), mat.dtype))
    rest = np.expand_dims(
        np.broadcast_to(mat.indices[..., 1:], (*batch, mat.nse, mat.n_sparse - 1)), len(batch)
    )
    indices = np.where(here[..., None], rest, np.array(sparse[1:], rest.dtype))
    return BCOO((data, indices), shape=mat.shape)


def bcoo_transpose(mat: BCOO, *, permutation: Sequence[int]) -> BCOO:
    """With the dimensions in another order, batch, sparse and dense ones each among themselves.

    Raises:
        NotImplementedError: a dimension would become one of another kind.
    """
    nb, ns, perm = mat.n_batch, mat.n_sparse, tuple(permutation)
    if sorted(perm) != list(range(mat.ndim)):
        raise ArgumentValueError(f"{perm} is no permutation of {mat.ndim} dimensions")
    batch, sparse, dense = perm[:nb], perm[nb : nb + ns], perm[nb + ns :]
    if sorted(batch) != list(range(nb)) or sorted(sparse) != list(range(nb, nb + ns)):
        raise UnsupportedError(
            "a transpose cannot make a sparse dimension of a batch or dense one\n"
            "fix: x.update_layout(n_batch=0, n_dense=0) first"
        )
    data = mat.data.transpose((*batch, nb, *[d - ns + 1 for d in dense]))
    indices = mat.indices.transpose((*batch, nb, nb + 1))[..., onp.array(
        [d - nb for d in sparse], int)]  # fmt: skip
    same = sparse == tuple(range(nb, nb + ns))
    return BCOO((data, indices), shape=[mat.shape[d] for d in perm],
                indices_sorted=mat.indices_sorted and same,
                unique_indices=mat.unique_indices)  # fmt: skip


def bcoo_broadcast_in_dim(
    mat: BCOO, *, shape: Sequence[int], broadcast_dimensions: Sequence[int], sharding: Any = None
) -> BCOO:
    """As `lax.broadcast_in_dim`: new dimensions among the sparse ones hold copies."""
    if len(broadcast_dimensions) != mat.ndim:
        raise ArgumentValueError(f"{mat} needs a dimension for each of its {mat.ndim}")
    nb, nd = mat.n_batch, mat.n_dense
    flat = bcoo_update_layout(mat, n_batch=0, n_dense=0)
    dims = dict(zip(broadcast_dimensions, range(mat.ndim), strict=True))
    columns: list[Any] = []
    data, indices, nse = flat.data, flat.indices, flat.nse
    copied = [d for d, n in enumerate(shape) if d not in dims or mat.shape[dims[d]] != n]
    for d in copied:
        n = shape[d]
        data, indices = np.repeat(data, n, 0), np.repeat(indices, n, 0)
        columns = [np.repeat(c, n, 0) for c in columns]
        columns.append(np.tile(np.arange(n, dtype=indices.dtype), nse))
        nse *= n
    new = iter(columns)
    inside = (indices < onp.array(mat.shape)).all(-1) if mat.ndim else np.ones(nse, bool)
    laid = [next(new) if d in copied else indices[:, dims[d]] for d in range(len(shape))]
    laid = [np.where(inside, c, n) for c, n in zip(laid, shape, strict=True)]
    out = BCOO((data, np.stack(laid, -1).astype(indices.dtype)), shape=shape,
               unique_indices=mat.unique_indices)  # fmt: skip
    if not nb and not nd:
        return out
    lead = sum(1 for d in range(len(shape)) if d in dims and dims[d] < nb)
    return bcoo_update_layout(out, n_batch=lead, n_dense=nd, on_inefficient=None)


def bcoo_reshape(
    mat: BCOO, *, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None,
    sharding: Any = None,
) -> BCOO:  # fmt: skip
    """With the elements in another shape; batch and dense dimensions must stay by themselves."""
    if dimensions is not None and tuple(dimensions) != tuple(range(mat.ndim)):
        mat = bcoo_transpose(mat, permutation=dimensions)
    new = tuple(int(n) for n in new_sizes)
    if math.prod(new) != mat.size:
        raise ArgumentValueError(f"cannot reshape {mat.shape} into {new}")
    batch, sparse, dense = parts(mat)
    nb, nd = _same_products(new, batch), _same_products(new[::-1], dense[::-1])
    if nb is None or nd is None:
        return bcoo_reshape(bcoo_update_layout(mat, n_batch=0, n_dense=0), new_sizes=new)
    to_batch, to_dense = new[:nb], new[len(new) - nd :]
    to_sparse = new[nb : len(new) - nd]
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, mat.n_sparse))
    inside = (indices < onp.array(sparse)).all(-1)[..., None] if sparse else True
    columns = [indices[..., k] for k in range(mat.n_sparse)]
    flat = np.ravel_multi_index(columns, sparse, mode="clip") if sparse else np.zeros(
        (*batch, mat.nse), indices.dtype)  # fmt: skip
    places = np.stack(np.unravel_index(flat, to_sparse), -1) if to_sparse else np.zeros(
        (*flat.shape, 0), indices.dtype)  # fmt: skip
    places = np.where(inside, places, np.array(to_sparse, places.dtype)).astype(indices.dtype)
    return BCOO(
        (data.reshape((*to_batch, mat.nse, *to_dense)),
         places.reshape((*to_batch, mat.nse, len(to_sparse)))),
        shape=new, indices_sorted=mat.indices_sorted, unique_indices=mat.unique_indices,
    )  # fmt: skip


def _same_products(new: Sequence[int], old: Sequence[int]) -> int | None:
    """How many leading lengths of `new` have the product of `old`, None if no number does."""
    wanted, n = math.prod(old), 0
    if not old:
        return 0
    product = 1
    while n < len(new) and (product != wanted or n == 0):
        product *= new[n]
        n += 1
    return n if product == wanted else None


def bcoo_squeeze(arr: BCOO, *, dimensions: Sequence[int]) -> BCOO:
    """Without some dimensions of length 1."""
    gone = {d % arr.ndim for d in dimensions}
    if any(arr.shape[d] != 1 for d in gone):
        raise ArgumentValueError(f"cannot squeeze dimensions {sorted(gone)} of {arr.shape}")
    nb, ns = arr.n_batch, arr.n_sparse
    kept = [k for k in range(ns) if k + nb not in gone]
    out = [d for d in gone if d < nb]
    data = np.squeeze(arr.data, tuple(out + [d - ns + 1 for d in gone if d >= nb + ns]))
    outside = (arr.indices >= onp.array(arr.shape[nb : nb + ns])).any(-1) if ns else None
    indices = arr.indices[..., onp.array(kept, int)]
    if outside is not None and kept:
        bound = onp.array([arr.shape[k + nb] for k in kept])
        indices = np.where(outside[..., None], bound.astype(indices.dtype), indices)
    elif outside is not None:
        data = np.where(_expand(outside, arr.n_dense), np.zeros((), data.dtype), arr.data).reshape(
            data.shape)  # fmt: skip
    return BCOO((data, np.squeeze(indices, tuple(out))),
                shape=[n for d, n in enumerate(arr.shape) if d not in gone],
                indices_sorted=arr.indices_sorted, unique_indices=arr.unique_indices)  # fmt: skip


def bcoo_rev(operand: BCOO, dimensions: Sequence[int]) -> BCOO:
    """With some dimensions in the opposite order."""
    nb, ns = operand.n_batch, operand.n_sparse
    dims = [d % operand.ndim for d in dimensions]
    batch, sparse, dense = parts(operand)
    data = np.broadcast_to(operand.data, (*batch, operand.nse, *dense))
    indices = np.broadcast_to(operand.indices, (*batch, operand.nse, ns))
    data = np.flip(data, [d if d < nb else d - ns + 1 for d in dims if not nb <= d < nb + ns])
    indices = np.flip(indices, [d for d in dims if d < nb])
    columns = [indices[..., k] for k in range(ns)]
    inside = (indices < onp.array(sparse)).all(-1)
    for k in range(ns):
        if k + nb in dims:
            columns[k] = np.where(inside, sparse[k] - 1 - columns[k], columns[k])
    places = np.stack(columns, -1).astype(indices.dtype) if ns else indices
    return BCOO((data, places), shape=operand.shape, unique_indices=operand.unique_indices)


def bcoo_concatenate(operands: Sequence[BCOO], *, dimension: int) -> BCOO:
    """Arrays behind each other along a dimension."""
    operands = list(operands)
    if not operands or not all(isinstance(x, BCOO) for x in operands):
        raise ArgumentValueError("bcoo_concatenate takes BCOO arrays, one at least")
    first = operands[0]
    if len({(x.n_batch, x.n_dense, x.ndim) for x in operands}) > 1:
        raise UnsupportedError("bcoo_concatenate takes arrays of one layout")
    dimension %= first.ndim
    nb, ns = first.n_batch, first.n_sparse
    shape = list(first.shape)
    shape[dimension] = sum(x.shape[dimension] for x in operands)
    if not nb <= dimension < nb + ns:
        nse = max(x.nse for x in operands)
        full = [_padded(x, nse) for x in operands]
        if dimension < nb:
            data = np.concatenate([x.data for x in full], dimension)
            return BCOO((data, np.concatenate([x.indices for x in full], dimension)), shape=shape)
        full = [_dense_placed(x, operands, i, dimension) for i, x in enumerate(full)]
        return BCOO((np.concatenate([x.data for x in full], nb),
                     np.concatenate([x.indices for x in full], nb)), shape=shape)  # fmt: skip
    start, places = 0, []
    total = onp.array(shape[nb : nb + ns])
    for x in operands:
        step = onp.zeros(ns, int)
        step[dimension - nb] = start
        inside = (x.indices < onp.array(x.shape[nb : nb + ns])).all(-1, keepdims=True)
        places.append(np.where(inside, x.indices + step, total).astype(x.indices.dtype))
        start += x.shape[dimension]
    lead = onp.broadcast_shapes(*[x.data.shape[:nb] for x in operands],
                                *[x.indices.shape[:nb] for x in operands])  # fmt: skip
    data = [np.broadcast_to(x.data, (*lead, *x.data.shape[nb:])) for x in operands]
    places = [np.broadcast_to(p, (*lead, *p.shape[nb:])) for p in places]
    return BCOO((np.concatenate(data, nb), np.concatenate(places, nb)), shape=shape)


def _padded(mat: BCOO, nse: int) -> BCOO:
    """With room for `nse` elements."""
    batch, sparse, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, mat.n_sparse))
    more = nse - mat.nse
    if not more:
        return BCOO((data, indices), **mat._info._asdict())
    zeros = np.zeros((*batch, more, *dense), mat.dtype)
    fill = np.broadcast_to(np.array(sparse, indices.dtype), (*batch, more, mat.n_sparse))
    at = len(batch)
    return BCOO((np.concatenate([data, zeros], at), np.concatenate([indices, fill], at)),
                **mat._info._asdict())  # fmt: skip


def _dense_placed(mat: BCOO, all_: Sequence[BCOO], i: int, dimension: int) -> BCOO:
    """Rows of a part of a concatenation along a dense dimension, at full length."""
    before = sum(x.shape[dimension] for x in all_[:i])
    after = sum(x.shape[dimension] for x in all_[i + 1 :])
    at = dimension - mat.n_sparse + 1
    widths = [(0, 0)] * mat.data.ndim
    widths[at] = (before, after)
    shape = list(mat.shape)
    shape[dimension] += before + after
    return BCOO((np.pad(mat.data, widths), mat.indices), shape=shape)


# --- parts ---------------------------------------------------------------------------------


def bcoo_slice(
    mat: BCOO, *, start_indices: Sequence[int], limit_indices: Sequence[int],
    strides: Sequence[int] | None = None,
) -> BCOO:  # fmt: skip
    """As `lax.slice`."""
    return _slice(
        mat, tuple(start_indices), tuple(limit_indices), tuple(strides or (1,) * mat.ndim)
    )


@partial(ms_func.jit, static_argnums=(1, 2, 3))
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
    out = BCOO((np.where(_expand(inside, mat.n_dense), data, zero), places), shape=shape,
               unique_indices=mat.unique_indices)  # fmt: skip
    most = math.prod(shape[nb : nb + ns])
    return sum_duplicates(out, most, True) if out.nse > most else out


def bcoo_dynamic_slice(mat: BCOO, start_indices: Sequence[Any], slice_sizes: Sequence[int]) -> BCOO:
    """As `lax.dynamic_slice`."""
    nb, ns = mat.n_batch, mat.n_sparse
    sizes = tuple(slice_sizes)
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
    return BCOO((np.where(_expand(inside, mat.n_dense), data, zero), places), shape=sizes,
                unique_indices=mat.unique_indices)  # fmt: skip


def getitem(mat: BCOO, item: Any) -> Any:
    """`mat[item]` for integers, slices, None and an ellipsis."""
    items = list(item) if isinstance(item, tuple) else [item]
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if Ellipsis not in items:
        items.append(Ellipsis)
    at = items.index(Ellipsis)
    items[at : at + 1] = [slice(None)] * (mat.ndim - used)
    axes = [i for i in items if i is not None]
    if len(axes) != mat.ndim or not all(isinstance(i, (int, slice, onp.integer)) for i in axes):
        raise UnsupportedError(
            "sparse arrays are indexed by integers and slices\nfix: x.todense()[...]"
        )
    cuts, reversed_, gone = [], [], []
    for d, (i, n) in enumerate(zip(axes, mat.shape, strict=True)):
        if isinstance(i, slice):
            lo, hi, step = i.indices(n)
            count = len(range(lo, hi, step))
            if step < 0:
                reversed_.append(d)
                lo, step = lo + (count - 1) * step, -step
            cuts.append((lo, max(lo, lo + (count - 1) * step + 1) if count else lo, step))
        else:
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for a dimension of length {n}")
            gone.append(d)
            cuts.append((i % n, i % n + 1, 1))
    lo, hi, steps = zip(*cuts, strict=True) if cuts else ((), (), ())
    whole = all(c == (0, n, 1) for c, n in zip(cuts, mat.shape, strict=True))
    out = mat if whole else bcoo_slice(mat, start_indices=lo, limit_indices=hi, strides=steps)
    out = bcoo_rev(out, reversed_) if reversed_ else out
    out = bcoo_squeeze(out, dimensions=gone) if gone else out
    if None in items:
        kinds = [i for i in items if not isinstance(i, (int, onp.integer))]
        kept = [k for k, i in enumerate(kinds) if i is not None]
        sizes = [1 if i is None else out.shape[kept.index(k)] for k, i in enumerate(kinds)]
        out = bcoo_broadcast_in_dim(out, shape=sizes, broadcast_dimensions=kept)
    return out


# --- arithmetic --------------------------------------------------------------------------------


def bcoo_reduce_sum(mat: BCOO, *, axes: Sequence[int]) -> BCOO:
    """Sum over some dimensions."""
    return _reduce_sum(mat, tuple(axes))


@partial(ms_func.jit, static_argnums=1)
def _reduce_sum(mat: BCOO, axes: tuple[int, ...]) -> BCOO:
    nb, ns = mat.n_batch, mat.n_sparse
    gone = sorted({a % mat.ndim for a in axes})
    batch, sparse, dense = parts(mat)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    indices = np.broadcast_to(mat.indices, (*batch, mat.nse, ns))
    inside = (indices < onp.array(sparse)).all(-1) if ns else np.ones((*batch, mat.nse), bool)
    data = np.where(_expand(inside, mat.n_dense), data, np.zeros((), data.dtype))
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


@ms_func.jit
def bcoo_multiply_dense(sp_mat: BCOO, v: Any) -> Any:
    """The elements of `sp_mat * v`, an array `v` that broadcasts to its shape."""
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
        out = np.where(_expand(inside, sp_mat.n_dense), out, np.zeros((), out.dtype))
    return out


@ms_func.jit
def bcoo_multiply_sparse(lhs: BCOO, rhs: BCOO) -> BCOO:
    """Product of two sparse arrays, element by element; dimensions of length 1 broadcast."""
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
    a, b = _padded(mat, mat.nse), _padded(other, other.nse)
    at = mat.n_batch
    data = np.concatenate([a.data.astype(dtype), b.data.astype(dtype)], at)
    return BCOO((data, np.concatenate([a.indices, b.indices], at)), shape=mat.shape)


# --- makers ------------------------------------------------------------------------------------


def todense(arr: Any) -> Any:
    """The array with all its elements; an ordinary one as it is."""
    return arr.todense() if is_sparse(arr) else np.asarray(arr)


def random_bcoo(
    key: Any, shape: Sequence[int], *, dtype: Any = float, indices_dtype: Any = None,
    nse: float = 0.2, n_batch: int = 0, n_dense: int = 0, unique_indices: bool = True,
    sorted_indices: bool = False, generator: Callable[..., Any] | None = None, **kwds: Any,
) -> BCOO:  # fmt: skip
    """Sparse array of random elements in random places.

    Args:
        key: key of the generator.
        shape: shape of the array.
        dtype, generator, kwds: of the elements: `generator(key, shape, dtype, **kwds)`, by default
            `random.uniform`.
        nse: number of elements of each batch, or which part of all.
        n_batch, n_dense: layout.
        indices_dtype: of the places.
        unique_indices: whether no place may occur twice.
        sorted_indices: whether places are in order.
    """
    shape = tuple(shape)
    generator = generator or ms_func.random.uniform
    batch, end = shape[:n_batch], len(shape) - n_dense
    sparse, dense = shape[n_batch:end], shape[end:]
    size = math.prod(sparse)
    count = math.ceil(nse * size) if isinstance(nse, float) and 0 <= nse < 1 else int(nse)
    keys = ms_func.random.split(key, 2)
    draw = partial(ms_func.random.choice, a=size, shape=(count,), replace=not unique_indices)
    numbers = math.prod(batch)
    flat = (
        np.stack([draw(k) for k in ms_func.random.split(keys[0], numbers)])
        if size and numbers else np.zeros((numbers, 0), int)
    )  # fmt: skip
    flat = (np.sort(flat, -1) if sorted_indices else flat).reshape((*batch, -1))
    places = np.unravel_index(flat, sparse) if sparse else ()
    kind = indices_dtype or onp.int32
    indices = np.stack(places, -1).astype(kind) if places else np.zeros((*flat.shape, 0), kind)
    data = generator(keys[1], (*batch, flat.shape[-1], *dense), dtype, **kwds)
    return BCOO((data, indices), shape=shape, indices_sorted=sorted_indices,
                unique_indices=unique_indices)  # fmt: skip
