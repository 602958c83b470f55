"""Sparse arrays by compressed rows; they compute by way of `BCOO`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, JAXSparse, SparseInfo, shape_of_lanes
from ms_func.experimental.sparse.layout import bcoo_broadcast_in_dim, bcoo_concatenate
from ms_func.experimental.sparse.operations import (
    bcoo_extract,
    bcoo_fromdense,
    bcoo_sort_indices,
    over_batches,
)
from ms_func.experimental.sparse.products import bcoo_dot_general, matmul


def rows_of(indptr: Any, nse: int) -> Any:
    """Row of each element, from where rows begin; that of padding is the number of rows."""
    return np.searchsorted(indptr, np.arange(nse, dtype=indptr.dtype), side="right") - 1


def starts_of(rows: Any, count: int, dtype: Any) -> Any:
    """Where each row begins, from the rows of elements in order, and the number of elements."""
    return np.searchsorted(rows, np.arange(count + 1)).astype(dtype)


class BCSR(JAXSparse):
    """Sparse array in batched compressed row format.

    Args:
        args: `data` `[*batch, nse, *dense]`, `indices` `[*batch, nse]` of columns, and `indptr`
            `[*batch, rows + 1]` where each row begins.
        shape: shape of the array `[*batch, rows, columns, *dense]`.
        indices_sorted: columns are in order in each row.
        unique_indices: no place occurs twice.

    Raises:
        ValueError: `indices` and `indptr` do not have equally many dimensions, or there is not one
            element of `indptr` more than rows.

    Example:
        >>> m = BCSR.fromdense(np.array([[0.0, 2.0], [3.0, 4.0]]))
        >>> m.indices.tolist(), m.indptr.tolist(), (m @ np.ones(2)).tolist()
        ([1, 0, 1], [0, 1, 3], [2.0, 7.0])
    """

    def __init__(
        self, args: tuple[Any, Any, Any], *, shape: Sequence[int], indices_sorted: bool = False,
        unique_indices: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(args, shape=shape)
        self.data, self.indices, self.indptr = map(np.asarray, args)
        self.indices_sorted, self.unique_indices = bool(indices_sorted), bool(unique_indices)
        if self.indices.ndim != self.indptr.ndim:
            raise ArgumentValueError("indices and indptr must have as many dimensions")
        if self.indptr.shape[-1:] != (self.shape[self.n_batch] + 1,):
            raise ArgumentValueError(
                "indptr shape must match the matrix shape plus 1. It is "
                f"{self.indptr.shape}, and the shape {self.shape}"
            )

    _info = property(lambda self: SparseInfo(self.shape, self.indices_sorted, self.unique_indices))
    _bufs = property(lambda self: (self.data, self.indices, self.indptr))
    n_batch = property(lambda self: self.indices.ndim - 1)
    n_sparse = property(lambda self: 2)
    n_dense = property(lambda self: self.data.ndim - self.indices.ndim)
    nse = property(lambda self: self.indices.shape[-1])  # type: ignore[assignment]

    @classmethod
    def fromdense(
        cls, mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32, n_dense: int = 0,
        n_batch: int = 0,
    ) -> BCSR:  # fmt: skip
        """The elements of an array that are not zero."""
        made = bcoo_fromdense(
            mat, nse=nse, index_dtype=index_dtype, n_dense=n_dense, n_batch=n_batch
        )
        return cls.from_bcoo(made)

    @classmethod
    def from_bcoo(cls, arr: BCOO) -> BCSR:
        """From coordinates."""
        if arr.n_sparse != 2:
            raise UnsupportedError(f"BCSR has 2 sparse dimensions, and {arr} has {arr.n_sparse}")
        arr = arr if arr.indices_sorted else bcoo_sort_indices(arr)
        rows = arr.shape[arr.n_batch]
        starts = over_batches(
            arr.n_batch, lambda i: starts_of(i[:, 0], rows, arr.indices.dtype)
        )(arr.indices)  # fmt: skip
        return cls((arr.data, arr.indices[..., 1], starts), shape=arr.shape, indices_sorted=True,
                   unique_indices=arr.unique_indices)  # fmt: skip

    @classmethod
    def from_scipy_sparse(
        cls, mat: Any, *, index_dtype: Any = None, n_dense: int = 0, n_batch: int = 0
    ) -> BCSR:
        """From a sparse array of SciPy."""
        if n_dense or n_batch:
            raise UnsupportedError("from_scipy_sparse makes arrays of sparse dimensions only")
        mat, kind = mat.tocsr(), index_dtype or onp.int32
        return cls((mat.data, mat.indices.astype(kind), mat.indptr.astype(kind)), shape=mat.shape)

    @classmethod
    def _empty(cls, shape: Sequence[int], **options: Any) -> BCSR:
        return cls.from_bcoo(BCOO._empty(shape, **options))

    @classmethod
    def _eye(cls, *args: Any, **options: Any) -> BCSR:
        return cls.from_bcoo(BCOO._eye(*args, **options))

    def to_bcoo(self) -> BCOO:
        """By coordinates."""
        rows = over_batches(self.n_batch, lambda p: rows_of(p, self.nse))(self.indptr)
        columns, bound = self.indices, self.shape[self.n_batch + 1]
        columns = np.where(rows < self.shape[self.n_batch], columns, bound)
        places = np.stack([rows.astype(columns.dtype), columns], -1)
        return BCOO((self.data, places), **self._info._asdict())

    def todense(self) -> Any:
        """The array with all its elements."""
        return self.to_bcoo().todense()

    def transpose(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: it would be compressed by columns.

        Raises:
            NotImplementedError: always.
        """
        raise UnsupportedError("BCSR has no transpose\nfix: x.to_bcoo().transpose()")

    def sum_duplicates(self, nse: int | None = None, remove_zeros: bool = True) -> BCSR:
        """Each place once, with the sum of what stood there."""
        return BCSR.from_bcoo(self.to_bcoo().sum_duplicates(nse, remove_zeros))

    def tree_flatten(self) -> tuple[tuple[Any, ...], SparseInfo]:
        """Elements and places; the rest is structure."""
        return (self.data, self.indices, self.indptr), self._info

    @classmethod
    def tree_unflatten(cls, aux: SparseInfo, children: Any) -> BCSR:
        """From what `tree_flatten` gives."""
        made = object.__new__(cls)
        made.data, made.indices, made.indptr = children
        made.shape, made.indices_sorted, made.unique_indices = aux
        made.shape = shape_of_lanes(made.shape, made.data, made.indices, 1)
        return made

    def __matmul__(self, other: Any) -> Any:  # type: ignore[override]
        return matmul(self.to_bcoo(), other.to_bcoo() if isinstance(other, BCSR) else other)

    def __rmatmul__(self, other: Any) -> Any:  # type: ignore[override]
        return matmul(other, self.to_bcoo())

    def __mul__(self, other: Any) -> BCSR:  # type: ignore[override]
        return BCSR.from_bcoo(self.to_bcoo() * other)

    __rmul__ = __mul__  # type: ignore[assignment]

    def __getitem__(self, item: Any) -> Any:  # type: ignore[override]
        return self.to_bcoo()[item]


def bcsr_fromdense(mat: Any, **options: Any) -> BCSR:
    """The elements of an array that are not zero, by compressed rows.

    Args:
        mat: array of at least two dimensions that are neither batch nor dense ones.
        **options: those of `bcoo_fromdense`.

    Returns:
        A `BCSR`.

    Raises:
        NotImplementedError: there are not two sparse dimensions.

    Example:
        >>> bcsr_fromdense(np.eye(3))
        BCSR(float32[3, 3], nse=3)
    """
    return BCSR.fromdense(mat, **options)


def bcsr_todense(mat: BCSR) -> Any:
    """The array with all its elements.

    Args:
        mat: sparse array.

    Returns:
        Array of the shape and dtype of `mat`.

    Example:
        >>> bcsr_todense(BCSR.fromdense(np.eye(2)))
        Array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    return mat.todense()


def bcsr_extract(indices: Any, indptr: Any, mat: Any) -> Any:
    """Elements of an array at the places of a `BCSR`.

    Args:
        indices: columns `[*batch, nse]`.
        indptr: where each row begins, `[*batch, rows + 1]`.
        mat: array `[*batch, rows, columns, *dense]`.

    Returns:
        Elements `[*batch, nse, *dense]`.

    Example:
        >>> bcsr_extract(np.array([1, 0]), np.array([0, 1, 2]), np.array([[1, 2], [3, 4]]))
        Array([2, 3], dtype=int32)
    """
    mat = np.asarray(mat)
    like = np.zeros((*np.shape(indices), *mat.shape[np.ndim(indices) + 1 :]), mat.dtype)
    held = BCSR((like, indices, indptr), shape=mat.shape).to_bcoo()
    return bcoo_extract(held, mat, assume_unique=True).data


def bcsr_dot_general(
    lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """`lax.dot_general` where an operand is a `BCSR`.

    Args:
        lhs: array.
        rhs: array.
        dimension_numbers: contracted dimensions of both, batch dimensions of both.
        precision: accepted for compatibility.
        preferred_element_type: dtype of the result; that which the two promote to by default.
        out_sharding: must be None.

    Returns:
        A `BCOO` if both operands are sparse, else an array.

    Raises:
        TypeError: dimensions that meet are not equally long.

    Example:
        >>> m = BCSR.fromdense(np.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> bcsr_dot_general(m, np.array([1.0, 10.0]), dimension_numbers=(((1,), (0,)), ((), ())))
        Array([20.,  3.], dtype=float32)
    """
    a, b = (x.to_bcoo() if isinstance(x, BCSR) else x for x in (lhs, rhs))
    return bcoo_dot_general(a, b, dimension_numbers=dimension_numbers,
                            preferred_element_type=preferred_element_type)  # fmt: skip


def bcsr_sum_duplicates(mat: BCSR, nse: int | None = None) -> BCSR:
    """Each place once, with the sum of what stood there.

    Args:
        mat: sparse array.
        nse: number of elements to store; by default as many as there are places, which must be
            known: under `jit` it is to be given.

    Returns:
        A `BCSR`.

    Example:
        >>> m = BCSR((np.array([1.0, 5.0]), np.array([1, 1]), np.array([0, 2])), shape=(1, 2))
        >>> bcsr_sum_duplicates(m).data
        Array([6.], dtype=float32)
    """
    return mat.sum_duplicates(nse)


def bcsr_concatenate(operands: Sequence[BCSR], *, dimension: int) -> BCSR:
    """Arrays behind each other along a dimension.

    Args:
        operands: sparse arrays with equally many batch and dense dimensions.
        dimension: which one, a negative one from the end.

    Returns:
        A `BCSR`.

    Raises:
        NotImplementedError: the layouts differ.

    Example:
        >>> m = BCSR.fromdense(np.eye(2))
        >>> bcsr_concatenate([m, m], dimension=0)
        BCSR(float32[4, 2], nse=4)
    """
    return BCSR.from_bcoo(bcoo_concatenate([x.to_bcoo() for x in operands], dimension=dimension))


def bcsr_broadcast_in_dim(
    mat: BCSR, *, shape: Sequence[int], broadcast_dimensions: Sequence[int], sharding: Any = None
) -> BCSR:
    """As `lax.broadcast_in_dim`.

    Args:
        mat: sparse array.
        shape: shape of the result.
        broadcast_dimensions: for each dimension of `mat`, the one of the result that it becomes.
        sharding: must be None.

    Returns:
        A `BCSR`.

    Raises:
        ValueError: there is not one number for each dimension.
        NotImplementedError: there would be more than two sparse dimensions.

    Example:
        >>> m = BCSR.fromdense(np.array([[0.0, 2.0]]))
        >>> bcsr_broadcast_in_dim(m, shape=(2, 2), broadcast_dimensions=(0, 1)).todense().tolist()
        [[0.0, 2.0], [0.0, 2.0]]
    """
    out = bcoo_broadcast_in_dim(
        mat.to_bcoo(), shape=shape, broadcast_dimensions=broadcast_dimensions
    )
    return BCSR.from_bcoo(out)


tree.register_node_class(BCSR)
