"""Layout of sparse arrays: which dimensions are batched, sparse or dense, their sizes and order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import lax
from ms_func import numpy as np
from ms_func.api.compile import jit
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, parts
from ms_func.experimental.sparse.operations import expand
from ms_func.numpy.axes import axis_index


class SparseEfficiencyError(ValueError):
    """An operation would store far more than it takes."""


class SparseEfficiencyWarning(UserWarning):
    """An operation stores far more than it takes."""


class CuSparseEfficiencyWarning(SparseEfficiencyWarning):
    """A product takes a slower way."""


def bcoo_update_layout(
    mat: BCOO, *, n_batch: int | None = None, n_dense: int | None = None,
    on_inefficient: str | None = "error",
) -> BCOO:  # fmt: skip
    """With other numbers of batch and dense dimensions.

    Args:
        mat: sparse array.
        n_batch: leading dimensions for which elements are stored one by one; as before by default.
        n_dense: trailing dimensions stored as a whole; as before by default.
        on_inefficient: what to do where more elements are stored than before: "error", "warn", or
            None for nothing.

    Returns:
        Sparse array with the same elements.

    Raises:
        ValueError: there are not so many dimensions.
        SparseEfficiencyError: more elements would be stored.

    Example:
        >>> m = BCOO.fromdense(np.eye(2), n_batch=1)
        >>> bcoo_update_layout(m, n_batch=0).indices.tolist()
        [[0, 0], [1, 1]]
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
    warnings.warn(message, SparseEfficiencyWarning, stacklevel=3)


@jit
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


@jit
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


@jit
def _sparse_to_dense(mat: BCOO) -> BCOO:
    """The last sparse dimension as the first dense one: each element in a row of zeros."""
    batch, sparse, dense = parts(mat)
    column = np.broadcast_to(mat.indices[..., -1], (*batch, mat.nse))
    hot = (column[..., None] == np.arange(sparse[-1])).astype(mat.dtype)
    data = np.broadcast_to(mat.data, (*batch, mat.nse, *dense))
    data = np.expand_dims(data, len(batch) + 1) * expand(hot, len(dense))
    return BCOO((data, mat.indices[..., :-1]), shape=mat.shape)


@jit
def _sparse_to_batch(mat: BCOO) -> BCOO:
    """The first sparse dimension as the last batch one: each batch has room for all elements."""
    batch, sparse, dense = parts(mat)
    n = sparse[0]
    row = np.broadcast_to(mat.indices[..., 0], (*batch, mat.nse))
    here = np.expand_dims(row, len(batch)) == np.arange(n)[:, None]
    data = np.expand_dims(np.broadcast_to(mat.data, (*batch, mat.nse, *dense)), len(batch))
    data = np.where(expand(here, len(dense)), data, np.zeros((), mat.dtype))
    rest = np.expand_dims(
        np.broadcast_to(mat.indices[..., 1:], (*batch, mat.nse, mat.n_sparse - 1)), len(batch)
    )
    indices = np.where(here[..., None], rest, np.array(sparse[1:], rest.dtype))
    return BCOO((data, indices), shape=mat.shape)


def bcoo_transpose(mat: BCOO, *, permutation: Sequence[int]) -> BCOO:
    """With the dimensions in another order, batch, sparse and dense ones each among themselves.

    Args:
        mat: sparse array.
        permutation: for each dimension of the result, the one it was.

    Returns:
        Sparse array.

    Raises:
        ValueError: `permutation` is none.
        NotImplementedError: a dimension would become one of another kind.

    Example:
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [0.0, 3.0]]))
        >>> bcoo_transpose(m, permutation=(1, 0)).todense()
        Array([[0., 0.],
               [2., 3.]], dtype=float32)
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
    """As `lax.broadcast_in_dim`: new dimensions among the sparse ones hold copies.

    Args:
        mat: sparse array.
        shape: shape of the result.
        broadcast_dimensions: for each dimension of `mat`, the one of the result that it becomes.
        sharding: must be None.

    Returns:
        Sparse array.

    Raises:
        ValueError: there is not one number for each dimension.

    Example:
        >>> m = BCOO.fromdense(np.array([0, 2]))
        >>> bcoo_broadcast_in_dim(m, shape=(2, 2), broadcast_dimensions=(1,)).todense().tolist()
        [[0, 2], [0, 2]]
    """
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
    """With the elements in another shape.

    Args:
        mat: sparse array.
        new_sizes: shape of the result, of as many elements. Where batch and dense dimensions do not
            stay by themselves, all become sparse.
        dimensions: order in which to read the dimensions, theirs by default.
        sharding: must be None.

    Returns:
        Sparse array.

    Raises:
        ValueError: the number of elements differs.

    Example:
        >>> m = BCOO.fromdense(np.array([[0, 2], [3, 0]]))
        >>> bcoo_reshape(m, new_sizes=(4,)).todense()
        Array([0, 2, 3, 0], dtype=int32)
    """
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
    """Without some dimensions of length 1.

    Args:
        arr: sparse array.
        dimensions: which ones, negative ones from the end.

    Returns:
        Sparse array.

    Raises:
        ValueError: the length of one is not 1.

    Example:
        >>> m = BCOO.fromdense(np.array([[0, 2]]))
        >>> bcoo_squeeze(m, dimensions=[0])
        BCOO(int32[2], nse=1)
    """
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
        data = np.where(expand(outside, arr.n_dense), np.zeros((), data.dtype), arr.data).reshape(
            data.shape)  # fmt: skip
    return BCOO((data, np.squeeze(indices, tuple(out))),
                shape=[n for d, n in enumerate(arr.shape) if d not in gone],
                indices_sorted=arr.indices_sorted, unique_indices=arr.unique_indices)  # fmt: skip


def bcoo_rev(operand: BCOO, dimensions: Sequence[int]) -> BCOO:
    """With some dimensions in the opposite order.

    Args:
        operand: sparse array.
        dimensions: which ones, negative ones from the end.

    Returns:
        Sparse array.

    Example:
        >>> bcoo_rev(BCOO.fromdense(np.array([0, 2, 3])), [0]).todense()
        Array([3, 2, 0], dtype=int32)
    """
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
    """Arrays behind each other along a dimension.

    Args:
        operands: sparse arrays with equally many batch and dense dimensions.
        dimension: which one, a negative one from the end.

    Returns:
        Sparse array.

    Raises:
        ValueError: there is no operand, one is no `BCOO`, or there is no such dimension.
        NotImplementedError: the layouts differ.

    Example:
        >>> m = BCOO.fromdense(np.array([0, 2]))
        >>> bcoo_concatenate([m, m], dimension=0).todense()
        Array([0, 2, 0, 2], dtype=int32)
    """
    operands = list(operands)
    if not operands or not all(isinstance(x, BCOO) for x in operands):
        raise ArgumentValueError("bcoo_concatenate takes BCOO arrays, one at least")
    first = operands[0]
    if len({(x.n_batch, x.n_dense, x.ndim) for x in operands}) > 1:
        raise UnsupportedError("bcoo_concatenate takes arrays of one layout")
    dimension = axis_index(dimension, first.ndim)
    nb, ns = first.n_batch, first.n_sparse
    shape = list(first.shape)
    shape[dimension] = sum(x.shape[dimension] for x in operands)
    if not nb <= dimension < nb + ns:
        nse = max(x.nse for x in operands)
        full = [padded(x, nse) for x in operands]
        if dimension >= nb:
            full = [_dense_placed(x, operands, i, dimension) for i, x in enumerate(full)]
        along = min(dimension, nb)
        data = np.concatenate([x.data for x in full], along)
        return BCOO((data, np.concatenate([x.indices for x in full], along)), shape=shape)
    return _behind_each_other(operands, dimension, shape)


def _behind_each_other(operands: Sequence[BCOO], dimension: int, shape: Sequence[int]) -> BCOO:
    """Arrays joined along a sparse dimension: the places of each move behind those before it."""
    nb, ns = operands[0].n_batch, operands[0].n_sparse
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


def padded(mat: BCOO, nse: int) -> BCOO:
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
