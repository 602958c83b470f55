"""Sparse arrays from and to dense ones; the order and the number of their elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as onp

from ms_func import lax, random
from ms_func import numpy as np
from ms_func.api.compile import jit
from ms_func.api.vectorize import vmap
from ms_func.errors import ArgumentValueError
from ms_func.experimental.sparse.formats import BCOO, SparseInfo, is_sparse, parts

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
    if nse is None:
        nse = int(_fullest(mat, n_batch, n_dense))
    return _of_dense(mat, nse, n_batch, n_dense, onp.dtype(index_dtype))


def _there(mat: Any, n_dense: int) -> Any:
    """Whether anything but zeros is at each place."""
    there = mat != 0
    return there.any(tuple(range(mat.ndim - n_dense, mat.ndim))) if n_dense else there


@partial(jit, static_argnums=(1, 2))
def _fullest(mat: Any, n_batch: int, n_dense: int) -> Any:
    """Number of places in the fullest batch at which there is anything."""
    there = _there(mat, n_dense)
    return there.sum(tuple(range(n_batch, there.ndim))).max(initial=0)


@partial(jit, static_argnums=(1, 2, 3, 4))
def _of_dense(mat: Any, nse: int, n_batch: int, n_dense: int, index_dtype: Any) -> BCOO:
    sparse = mat.shape[n_batch : mat.ndim - n_dense]

    def one(mask: Any) -> Any:
        if not sparse:
            return np.zeros((nse, 0), index_dtype)
        found = np.nonzero(mask, size=nse, fill_value=sparse)
        return np.stack(found, -1).astype(index_dtype)

    indices = over_batches(n_batch, one)(_there(mat, n_dense))
    info = SparseInfo(mat.shape, indices_sorted=True, unique_indices=True)
    return BCOO((taken(mat, indices, n_batch), indices), **info._asdict())


@jit
def bcoo_todense(mat: BCOO) -> Any:
    """The array with all its elements; those that stand twice add up, padding is left out.

    Args:
        mat: sparse array.

    Returns:
        Array of the shape and dtype of `mat`.

    Example:
        >>> m = BCOO((np.array([1.0, 5.0]), np.array([[2], [2]])), shape=(3,))
        >>> bcoo_todense(m)
        Array([0., 0., 6.], dtype=float32)
    """
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
    """Elements of `arr` at the places of `sparr`; those that stand twice count once.

    Args:
        sparr: sparse array whose places are taken.
        arr: array of the same shape.
        assume_unique: whether no place occurs twice; by default what `sparr` knows.

    Returns:
        Sparse array with the places of `sparr`.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> m = BCOO.fromdense(np.array([0.0, 2.0, 3.0]))
        >>> bcoo_extract(m, np.array([7.0, 8.0, 9.0])).data
        Array([8., 9.], dtype=float32)
    """
    arr = np.asarray(arr)
    if arr.shape != sparr.shape:
        raise ArgumentValueError(f"shapes differ: {sparr.shape} and {arr.shape}")
    data = taken(arr, sparr.indices, sparr.n_batch)
    unique = sparr.unique_indices if assume_unique is None else assume_unique
    if not unique:
        data = data * expand(_first_of_each(sparr), sparr.n_dense).astype(data.dtype)
    return sparr._like(data)


def _first_of_each(mat: BCOO) -> Any:
    """For each element whether its place has not stood before, `[*batch, nse]`."""

    def one(indices: Any) -> Any:
        same = (indices[:, None, :] == indices[None, :, :]).all(-1)
        return ~np.tril(same, -1).any(1)

    return over_batches(mat.n_batch, one)(mat.indices)


def expand(x: Any, n: int) -> Any:
    """`x` with `n` dimensions of size 1 behind its own."""
    return x.reshape((*x.shape, *(1,) * n))


def over_batches(n: int, fun: Callable[..., Any]) -> Callable[..., Any]:
    """`fun` for each batch; leading dimensions of length 1 go with all."""

    def call(*args: Any) -> Any:
        batch = onp.broadcast_shapes(*[a.shape[:n] for a in args]) if n else ()
        full = [np.broadcast_to(a, (*batch, *a.shape[n:])) for a in args]
        mapped = fun
        for _ in range(n):
            mapped = vmap(mapped)
        return mapped(*full)

    return call


# --- order and number of elements --------------------------------------------------------------


@jit
def bcoo_sort_indices(mat: BCOO) -> BCOO:
    """The elements in lexicographic order of their places, in each batch.

    Args:
        mat: sparse array.

    Returns:
        Sparse array that knows its places to be in order.

    Example:
        >>> m = BCOO((np.array([1.0, 5.0]), np.array([[2], [0]])), shape=(3,))
        >>> bcoo_sort_indices(m).data, bcoo_sort_indices(m).indices_sorted
        (Array([5., 1.], dtype=float32), True)
    """

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
            known: under `jit` it is to be given. Room that is left is padding.

    Returns:
        Sparse array that knows its places to be in order and unique.

    Raises:
        ConcretizationTypeError: the places are traced, and `nse` is not given.

    Example:
        >>> m = BCOO((np.array([1.0, 5.0]), np.array([[2], [2]])), shape=(3,))
        >>> bcoo_sum_duplicates(m)
        BCOO(float32[3], nse=1)
    """
    return sum_duplicates(mat, nse, True)


def sum_duplicates(mat: BCOO, nse: int | None, drop: bool) -> BCOO:
    """As `bcoo_sum_duplicates`; `drop` is whether places outside of the shape go."""
    ordered, number, count = _numbered(mat, drop)
    if nse is None:
        nse = int(count)
    if not nse:
        return BCOO._empty(mat.shape, dtype=mat.dtype, index_dtype=mat.indices.dtype,
                           n_batch=mat.n_batch, n_dense=mat.n_dense)  # fmt: skip
    return _summed(ordered, number, nse)


@partial(jit, static_argnums=1)
def _numbered(mat: BCOO, drop: bool) -> tuple[BCOO, Any, Any]:
    """The elements in order, the number of the place of each, and the largest number of places."""
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
    return ordered, number, count.max(initial=0)


@partial(jit, static_argnums=2)
def _summed(mat: BCOO, number: Any, nse: int) -> BCOO:
    """Sums of the elements with the same number."""
    bounds = onp.array(parts(mat)[1])

    def one(data: Any, indices: Any, number: Any) -> tuple[Any, Any]:
        start = np.full((nse, indices.shape[1]), bounds.astype(indices.dtype))
        places = start.at[number].set(indices, mode="drop")
        sums = np.zeros((nse, *data.shape[1:]), data.dtype)
        return sums.at[number].add(data, mode="drop"), places

    data, indices = over_batches(mat.n_batch, one)(mat.data, mat.indices, number)
    return BCOO((data, indices), shape=mat.shape, indices_sorted=True, unique_indices=True)


# --- makers ------------------------------------------------------------------------------------


def todense(arr: Any) -> Any:
    """The array with all its elements; an ordinary one as it is.

    Args:
        arr: sparse array of any format, or array.

    Returns:
        Array.

    Example:
        >>> todense(BCOO.fromdense(np.array([0, 2]))), todense(np.array([0, 2]))
        (Array([0, 2], dtype=int32), Array([0, 2], dtype=int32))
    """
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
        dtype: of the elements.
        indices_dtype: of the places.
        nse: number of elements of each batch, or which part of all.
        n_batch: leading dimensions for which elements are stored one by one.
        n_dense: trailing dimensions stored as a whole.
        unique_indices: whether no place may occur twice.
        sorted_indices: whether places are in order.
        generator: `generator(key, shape, dtype, **kwds)` makes the elements; by default
            `random.uniform`.
        **kwds: further arguments of the generator.

    Returns:
        Sparse array.

    Example:
        >>> random_bcoo(random.key(0), (4, 5), nse=3)
        BCOO(float32[4, 5], nse=3)
    """
    shape = tuple(shape)
    generator = generator or random.uniform
    batch, end = shape[:n_batch], len(shape) - n_dense
    sparse, dense = shape[n_batch:end], shape[end:]
    size = math.prod(sparse)
    count = math.ceil(nse * size) if isinstance(nse, float) and 0 <= nse < 1 else int(nse)
    keys = random.split(key, 2)
    draw = partial(random.choice, a=size, shape=(count,), replace=not unique_indices)
    numbers = math.prod(batch)
    flat = (
        np.stack([draw(k) for k in random.split(keys[0], numbers)])
        if size and numbers else np.zeros((numbers, 0), int)
    )  # fmt: skip
    flat = (np.sort(flat, -1) if sorted_indices else flat).reshape((*batch, -1))
    places = np.unravel_index(flat, sparse) if sparse else ()
    kind = indices_dtype or onp.int32
    indices = np.stack(places, -1).astype(kind) if places else np.zeros((*flat.shape, 0), kind)
    data = generator(keys[1], (*batch, flat.shape[-1], *dense), dtype, **kwds)
    return BCOO((data, indices), shape=shape, indices_sorted=sorted_indices,
                unique_indices=unique_indices)  # fmt: skip
