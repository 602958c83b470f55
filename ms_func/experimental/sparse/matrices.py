"""Sparse matrices by plain coordinates, compressed rows and compressed columns.

They hold what they are named after, and compute by way of `BCOO`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.compressed import BCSR
from ms_func.experimental.sparse.formats import BCOO, JAXSparse
from ms_func.experimental.sparse.operations import (
    bcoo_fromdense,
    bcoo_sort_indices,
)
from ms_func.experimental.sparse.products import matmul


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
    """Sparse matrix by coordinates.

    Args:
        args: `data`, `row` and `col`, each `[nse]`.
        shape: shape of the matrix.
        rows_sorted: rows are in order.
        cols_sorted: columns are in order in each row.

    Example:
        >>> m = COO((np.array([2.0, 3.0]), np.array([0, 1]), np.array([1, 0])), shape=(2, 2))
        >>> (m @ np.array([1.0, 10.0])).tolist(), m.T.todense().tolist()
        ([20.0, 3.0], [[0.0, 3.0], [2.0, 0.0]])
    """

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
    """Sparse matrix by compressed rows.

    Args:
        args: `data` `[nse]`, `indices` `[nse]` of columns, and `indptr` `[rows + 1]` where each row
            begins.
        shape: shape of the matrix.

    Example:
        >>> m = CSR((np.array([2.0, 3.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
        >>> m.todense().tolist(), type(m.T).__name__
        ([[0.0, 2.0], [3.0, 0.0]], 'CSC')
    """

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
    """Sparse matrix by compressed columns.

    Args:
        args: `data` `[nse]`, `indices` `[nse]` of rows, and `indptr` `[columns + 1]` where each
            column begins.
        shape: shape of the matrix.

    Example:
        >>> m = CSC((np.array([2.0, 3.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
        >>> m.todense().tolist(), type(m.T).__name__
        ([[0.0, 3.0], [2.0, 0.0]], 'CSR')
    """

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
    """The elements of a matrix that are not zero, by coordinates.

    Args:
        mat: matrix.
        nse: number of elements to store; by default as many as there are, which must be known:
            under `jit` it is to be given.
        index_dtype: of the places.

    Returns:
        A `COO`.

    Raises:
        ValueError: `mat` is no matrix.

    Example:
        >>> coo_fromdense(np.array([[0.0, 2.0], [3.0, 0.0]])).row
        Array([0, 1], dtype=int32)
    """
    return COO.fromdense(mat, nse=nse, index_dtype=index_dtype)


def csr_fromdense(mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32) -> CSR:
    """The elements of a matrix that are not zero, by compressed rows.

    Args:
        mat: matrix.
        nse: number of elements to store; by default as many as there are, which must be known:
            under `jit` it is to be given.
        index_dtype: of the places.

    Returns:
        A `CSR`.

    Raises:
        ValueError: `mat` is no matrix.

    Example:
        >>> csr_fromdense(np.array([[0.0, 2.0], [3.0, 0.0]])).indptr
        Array([0, 1, 2], dtype=int32)
    """
    return CSR.fromdense(mat, nse=nse, index_dtype=index_dtype)


def coo_todense(mat: Any) -> Any:
    """The matrix with all its elements; `csr_todense` is the same.

    Args:
        mat: sparse matrix.

    Returns:
        Array of the shape and dtype of `mat`.

    Example:
        >>> coo_todense(COO.fromdense(np.array([[0, 2], [3, 0]]))).tolist()
        [[0, 2], [3, 0]]
    """
    return mat.todense()


def coo_matvec(mat: Any, v: Any, transpose: bool = False) -> Any:
    """Product of a matrix, or its transpose, and a vector; `csr_matvec` is the same.

    Args:
        mat: sparse matrix.
        v: vector.
        transpose: whether the transpose is meant.

    Returns:
        Vector, in the dtype that the two promote to.

    Raises:
        TypeError: the lengths do not fit.

    Example:
        >>> m = COO.fromdense(np.array([[0.0, 2.0], [3.0, 4.0]]))
        >>> v = np.array([1.0, 10.0])
        >>> coo_matvec(m, v), coo_matvec(m, v, transpose=True)
        (Array([20., 43.], dtype=float32), Array([30., 42.], dtype=float32))
    """
    return matmul(mat.to_bcoo().T if transpose else mat.to_bcoo(), v)


def coo_matmat(mat: Any, B: Any, *, transpose: bool = False) -> Any:
    """Product of a matrix, or its transpose, and a matrix; `csr_matmat` is the same.

    Args:
        mat: sparse matrix.
        B: matrix.
        transpose: whether the transpose of `mat` is meant.

    Returns:
        Matrix, in the dtype that the two promote to.

    Raises:
        TypeError: the lengths do not fit.

    Example:
        >>> m = COO.fromdense(np.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> coo_matmat(m, np.eye(2)).tolist()
        [[0.0, 2.0], [3.0, 0.0]]
    """
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
    """Sparse array without stored elements.

    Args:
        shape: shape of the array.
        dtype: of the elements, float32 by default.
        index_dtype: of the places.
        sparse_format: "bcoo", "bcsr", "coo", "csr" or "csc".
        **kwds: further options of the format: `n_batch`, `n_dense`, and `nse` for room.

    Returns:
        Sparse array of that format.

    Raises:
        ValueError: there is no such format, or it does not have such shapes.

    Example:
        >>> empty((2, 3)), empty((2, 3), sparse_format="csr")
        (BCOO(float32[2, 3], nse=0), CSR(float32[2, 3], nse=0))
    """
    return _format(sparse_format)._empty(tuple(shape), dtype=dtype, index_dtype=index_dtype, **kwds)


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = None,
    index_dtype: Any = "int32", sparse_format: str = "bcoo", **kwds: Any,
) -> Any:  # fmt: skip
    """Sparse matrix of ones on a diagonal.

    Args:
        N: number of rows.
        M: number of columns, `N` by default.
        k: which diagonal, positive ones above the main one.
        dtype: of the elements, float32 by default.
        index_dtype: of the places.
        sparse_format: "bcoo", "bcsr", "coo", "csr" or "csc".
        **kwds: further options of the format: `n_batch` and `n_dense`.

    Returns:
        Sparse array of that format.

    Raises:
        ValueError: there is no such format.

    Example:
        >>> eye(2, 3, k=1).todense().tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return _format(sparse_format)._eye(
        N, N if M is None else M, k, dtype=dtype, index_dtype=index_dtype, **kwds
    )


for _cls in (COO, CSR, CSC):
    tree.register_node_class(_cls)
