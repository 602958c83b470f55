"""Sparse arrays in other formats: compressed rows (`BCSR`, `CSR`, `CSC`) and plain coordinates.

They hold what they are named after, and compute by way of `BCOO`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, JAXSparse, SparseInfo
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
    """The elements of an array that are not zero; options are those of `bcoo_fromdense`."""
    return BCSR.fromdense(mat, **options)


def bcsr_todense(mat: BCSR) -> Any:
    """The array with all its elements."""
    return mat.todense()


def bcsr_extract(indices: Any, indptr: Any, mat: Any) -> Any:
    """Elements of an array at the places of a `BCSR`."""
    mat = np.asarray(mat)
    like = np.zeros((*np.shape(indices), *mat.shape[np.ndim(indices) + 1 :]), mat.dtype)
    held = BCSR((like, indices, indptr), shape=mat.shape).to_bcoo()
    return bcoo_extract(held, mat, assume_unique=True).data


def bcsr_dot_general(
    lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """`lax.dot_general` where an operand is a `BCSR`."""
    a, b = (x.to_bcoo() if isinstance(x, BCSR) else x for x in (lhs, rhs))
    return bcoo_dot_general(a, b, dimension_numbers=dimension_numbers,
                            preferred_element_type=preferred_element_type)  # fmt: skip


def bcsr_sum_duplicates(mat: BCSR, nse: int | None = None) -> BCSR:
    """Each place once, with the sum of what stood there."""
    return mat.sum_duplicates(nse)


def bcsr_concatenate(operands: Sequence[BCSR], *, dimension: int) -> BCSR:
    """Arrays behind each other along a dimension."""
    return BCSR.from_bcoo(bcoo_concatenate([x.to_bcoo() for x in operands], dimension=dimension))


def bcsr_broadcast_in_dim(
    mat: BCSR, *, shape: Sequence[int], broadcast_dimensions: Sequence[int], sharding: Any = None
) -> BCSR:
    """As `lax.broadcast_in_dim`."""
    out = bcoo_broadcast_in_dim(
        mat.to_bcoo(), shape=shape, broadcast_dimensions=broadcast_dimensions
    )
    return BCSR.from_bcoo(out)


# --- matrices ------------------------------------------------------------------------------


class _Matrix(JAXSparse):
    """A matrix in a format of its own, computed with as a `BCOO`."""

    def to_bcoo(self) -> BCOO:
        """By coordinates."""
        raise NotImplementedError

    @classmethod
    def _from_bcoo(cls, mat: BCOO) -> Any:
        raise NotImplementedError

    nse = property(lambda self: self.data.size)  # type: ignore[assignment]
    _bufs = property(lambda self: self.tree_flatten()[0])

    @classmethod
    def fromdense(cls, mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32) -> Any:
        """The elements of a matrix that are not zero."""
        if np.ndim(mat) != 2:
            raise ArgumentValueError(f"{cls.__name__} holds matrices, got shape {np.shape(mat)}")
        return cls._from_bcoo(bcoo_fromdense(mat, nse=nse, index_dtype=index_dtype))

    @classmethod
    def _empty(cls, shape: Sequence[int], *, dtype: Any = None, index_dtype: Any = "int32") -> Any:
        if len(shape) != 2:
            raise ArgumentValueError(f"{cls.__name__} must have ndim=2; got shape={tuple(shape)}")
        return cls._from_bcoo(BCOO._empty(shape, dtype=dtype, index_dtype=index_dtype))

    @classmethod
    def _eye(cls, N: int, M: int, k: int, *, dtype: Any = None, index_dtype: Any = "int32") -> Any:
        return cls._from_bcoo(BCOO._eye(N, M, k, dtype=dtype, index_dtype=index_dtype))

    def todense(self) -> Any:
        """The array with all its elements."""
        return self.to_bcoo().todense()

    def transpose(self, axes: Sequence[int] | None = None) -> Any:
        """The transpose, in the same format."""
        if axes is not None and tuple(axes) != (1, 0):
            raise UnsupportedError("the axes of a transpose are (1, 0)")
        return type(self)._from_bcoo(self.to_bcoo().T)

    def __matmul__(self, other: Any) -> Any:  # type: ignore[override]
        if isinstance(other, JAXSparse):
            raise UnsupportedError("matmul between two sparse objects")
        return matmul(self.to_bcoo(), other)

    def __rmatmul__(self, other: Any) -> Any:  # type: ignore[override]
        return matmul(other, self.to_bcoo())

    def __neg__(self) -> Any:  # type: ignore[override]
        return type(self)._from_bcoo(-self.to_bcoo())

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> Any:
        """From what `tree_flatten` gives."""
        made = object.__new__(cls)
        for name, value in (*zip(cls._fields, children, strict=True), *aux):
            setattr(made, name, value)
        return made

    _fields: tuple[str, ...] = ()
    _known: tuple[str, ...] = ("shape",)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
        """Arrays; the rest is structure."""
        return tuple(getattr(self, f) for f in self._fields), tuple(
            (f, getattr(self, f)) for f in self._known
        )


class COO(_Matrix):
    """Sparse matrix by coordinates: `args` are `data`, `row` and `col`, each `[nse]`."""

    _fields, _known = ("data", "row", "col"), ("shape", "_rows_sorted", "_cols_sorted")

    def __init__(
        self, args: tuple[Any, Any, Any], *, shape: Sequence[int], rows_sorted: bool = False,
        cols_sorted: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(args, shape=shape)
        self.data, self.row, self.col = map(np.asarray, args)
        self._rows_sorted, self._cols_sorted = rows_sorted, cols_sorted

    def to_bcoo(self) -> BCOO:
        """By batched coordinates."""
        return BCOO((self.data, np.stack([self.row, self.col], -1)), shape=self.shape)

    @classmethod
    def _from_bcoo(cls, mat: BCOO) -> COO:
        return cls((mat.data, mat.indices[:, 0], mat.indices[:, 1]), shape=mat.shape,
                   rows_sorted=mat.indices_sorted)  # fmt: skip

    def _sort_indices(self) -> COO:
        return COO._from_bcoo(bcoo_sort_indices(self.to_bcoo()))


class CSR(_Matrix):
    """Sparse matrix by compressed rows: `args` are `data`, `indices` and `indptr`."""

    _fields = ("data", "indices", "indptr")

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int]) -> None:
        super().__init__(args, shape=shape)
        self.data, self.indices, self.indptr = map(np.asarray, args)

    def to_bcoo(self) -> BCOO:
        """By batched coordinates."""
        return BCSR((self.data, self.indices, self.indptr), shape=self.shape).to_bcoo()

    @classmethod
    def _from_bcoo(cls, mat: BCOO) -> CSR:
        rows = BCSR.from_bcoo(mat)
        return cls((rows.data, rows.indices, rows.indptr), shape=mat.shape)

    def transpose(self, axes: Sequence[int] | None = None) -> CSC:
        """The transpose: the same arrays, by compressed columns."""
        if axes is not None and tuple(axes) != (1, 0):
            raise UnsupportedError("the axes of a transpose are (1, 0)")
        return CSC((self.data, self.indices, self.indptr), shape=self.shape[::-1])


class CSC(_Matrix):
    """Sparse matrix by compressed columns: `args` are `data`, `indices` and `indptr`."""

    _fields = ("data", "indices", "indptr")

    def __init__(self, args: tuple[Any, Any, Any], *, shape: Sequence[int]) -> None:
        super().__init__(args, shape=shape)
        self.data, self.indices, self.indptr = map(np.asarray, args)

    def to_bcoo(self) -> BCOO:
        """By batched coordinates."""
        rows = BCSR((self.data, self.indices, self.indptr), shape=self.shape[::-1])
        return rows.to_bcoo().T

    @classmethod
    def _from_bcoo(cls, mat: BCOO) -> CSC:
        rows = BCSR.from_bcoo(mat.T)
        return cls((rows.data, rows.indices, rows.indptr), shape=mat.shape)

    def transpose(self, axes: Sequence[int] | None = None) -> CSR:
        """The transpose: the same arrays, by compressed rows."""
        if axes is not None and tuple(axes) != (1, 0):
            raise UnsupportedError("the axes of a transpose are (1, 0)")
        return CSR((self.data, self.indices, self.indptr), shape=self.shape[::-1])


def coo_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32) -> COO:
    """The elements of a matrix that are not zero."""
    return COO.fromdense(mat, nse=nse, index_dtype=index_dtype)


def csr_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32) -> CSR:
    """The elements of a matrix that are not zero."""
    return CSR.fromdense(mat, nse=nse, index_dtype=index_dtype)


def coo_todense(mat: Any) -> Any:
    """The matrix with all its elements."""
    return mat.todense()


def coo_matvec(mat: Any, v: Any, transpose: bool = False) -> Any:
    """Product of a matrix, or its transpose, and a vector."""
    return matmul(mat.to_bcoo().T if transpose else mat.to_bcoo(), v)


def coo_matmat(mat: Any, B: Any, *, transpose: bool = False) -> Any:
    """Product of a matrix, or its transpose, and a matrix."""
    return matmul(mat.to_bcoo().T if transpose else mat.to_bcoo(), B)


csr_todense, csr_matvec, csr_matmat = coo_todense, coo_matvec, coo_matmat
FORMATS = {"bcoo": BCOO, "bcsr": BCSR, "coo": COO, "csr": CSR, "csc": CSC}


def _format(name: str) -> Any:
    if name not in FORMATS:
        raise ArgumentValueError(f"sparse_format={name!r} is none of {sorted(FORMATS)}")
    return FORMATS[name]


def empty(
    shape: Sequence[int], dtype: Any = None, index_dtype: Any = "int32",
    sparse_format: str = "bcoo", **kwds: Any,
) -> Any:  # fmt: skip
    """Sparse array without stored elements."""
    return _format(sparse_format)._empty(tuple(shape), dtype=dtype, index_dtype=index_dtype, **kwds)


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = None,
    index_dtype: Any = "int32", sparse_format: str = "bcoo", **kwds: Any,
) -> Any:  # fmt: skip
    """Sparse matrix of ones on a diagonal.

    Example:
        >>> eye(2).todense().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return _format(sparse_format)._eye(
        N, N if M is None else M, k, dtype=dtype, index_dtype=index_dtype, **kwds
    )


for _cls in (BCSR, COO, CSR, CSC):
    tree.register_node_class(_cls)
