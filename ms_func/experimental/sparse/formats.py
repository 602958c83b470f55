"""Sparse arrays: the elements that are stored, and where they stand.

A `BCOO` of shape `[*batch, *sparse, *dense]` has

    data     [*batch, nse, *dense]          the elements
    indices  [*batch, nse, n_sparse]        their places along the sparse dimensions

Elements that stand twice count as their sum. A place outside of the shape is padding: the element
there is left out. All operations are ordinary ones on `data` and `indices`, so `jit`, `grad` with
respect to `data`, `vmap` and `shard` work on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.ir.types import typeof

Shape = tuple[int, ...]


class SparseInfo(NamedTuple):
    """What is known of a sparse array beside its elements."""

    shape: Shape
    indices_sorted: bool = False
    unique_indices: bool = False


class JAXSparse:
    """Base class of sparse arrays; `sparsify` and `grad` of this package tell them by it.

    Attributes:
        shape: lengths of the dimensions.
        data: the elements stored.

    Example:
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> isinstance(m, JAXSparse), m.shape, m.ndim, m.size, m.nse
        (True, (2, 2), 2, 4, 2)
    """

    data: Any
    shape: Shape
    __array_priority__ = 100

    def __init__(self, args: tuple[Any, ...], *, shape: Sequence[int]) -> None:
        self.shape = tuple(int(n) for n in shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements, those that are not stored included."""
        return math.prod(self.shape)

    @property
    def nse(self) -> int:
        """Number of elements stored, for each batch."""
        raise NotImplementedError

    @property
    def T(self) -> Any:
        """The transpose."""
        return self.transpose()

    def todense(self) -> Any:
        """The array with all its elements."""
        raise NotImplementedError

    def transpose(self, axes: Sequence[int] | None = None) -> Any:
        """With the dimensions in another order, reversed by default."""
        raise NotImplementedError

    def block_until_ready(self) -> Any:
        """Wait for the elements; returns the array."""
        for leaf in tree.leaves(self):
            leaf.block_until_ready()
        return self

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        name, shape = type(self).__name__, list(self.shape)
        try:
            parts = {"n_batch": getattr(self, "n_batch", 0), "n_dense": getattr(self, "n_dense", 0)}
            more = "".join(f", {k}={n}" for k, n in parts.items() if n)
            return f"{name}({self.dtype.name}{shape}, nse={self.nse}{more})"
        except (AttributeError, IndexError, TypeError):  # what stands inside is no array
            return f"{name}(<invalid>)"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{type(self).__name__} is not made dense unasked\nfix: x.todense()")

    def _undefined(self, *args: Any) -> Any:
        raise UnsupportedError(f"{type(self).__name__} has no such operation\nfix: x.todense()")

    __iter__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _undefined  # type: ignore[assignment]
    __matmul__ = __rmatmul__ = __getitem__ = __neg__ = __pos__ = sum = _undefined


class BCOO(JAXSparse):
    """Sparse array in batched coordinate format.

    Args:
        args: `data` and `indices`.
        shape: shape of the array.
        indices_sorted: the indices of each batch are in lexicographic order.
        unique_indices: no place occurs twice in a batch.

    Raises:
        ValueError: `data`, `indices` and `shape` do not fit each other.

    Example:
        >>> import ms_func.numpy as np
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> m
        BCOO(float32[2, 2], nse=2)
        >>> (m @ np.array([1.0, 1.0])).tolist()
        [2.0, 3.0]
    """

    def __init__(
        self, args: tuple[Any, Any], *, shape: Sequence[int], indices_sorted: bool = False,
        unique_indices: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(args, shape=shape)
        self.data, self.indices = (np.asarray(x) if isinstance(x, onp.ndarray) else x for x in args)
        self.indices_sorted, self.unique_indices = bool(indices_sorted), bool(unique_indices)
        if hasattr(self.data, "ndim") and hasattr(self.indices, "ndim"):
            _validate(self)

    _info = property(lambda self: SparseInfo(self.shape, self.indices_sorted, self.unique_indices))
    _bufs = property(lambda self: (self.data, self.indices))
    n_sparse = property(lambda self: self.indices.shape[-1])
    n_batch = property(lambda self: self.indices.ndim - 2)
    n_dense = property(lambda self: self.data.ndim - 1 - self.n_batch)
    nse = property(lambda self: self.indices.shape[-2])  # type: ignore[assignment]

    # Operations, which are written with this class, are methods of it by `methods`.
    fromdense: ClassVar[Callable[..., BCOO]]
    reshape: Callable[..., BCOO]
    update_layout: Callable[..., BCOO]
    sum_duplicates: Callable[..., BCOO]
    sort_indices: Callable[..., BCOO]

    # --- made from others ----------------------------------------------------------------

    @classmethod
    def from_scipy_sparse(
        cls, mat: Any, *, index_dtype: Any = None, n_dense: int = 0, n_batch: int = 0
    ) -> BCOO:
        """From a sparse array of SciPy."""
        if n_dense or n_batch:
            raise UnsupportedError("from_scipy_sparse makes arrays of sparse dimensions only")
        mat = mat.tocoo()
        places = onp.stack([mat.row, mat.col], 1).astype(index_dtype or onp.int32)
        return cls((np.asarray(mat.data), np.asarray(places)), shape=mat.shape)

    @classmethod
    def _empty(
        cls, shape: Sequence[int], *, dtype: Any = None, index_dtype: Any = "int32",
        n_dense: int = 0, n_batch: int = 0, nse: int = 0,
    ) -> BCOO:  # fmt: skip
        shape = tuple(shape)
        n_sparse = len(shape) - n_dense - n_batch
        if n_sparse < 0 or n_dense < 0 or n_batch < 0 or nse < 0:
            raise ArgumentValueError(
                f"Invalid inputs: shape={shape}, n_dense={n_dense}, n_batch={n_batch}, nse={nse}"
            )
        batch, sparse, dense = _split(shape, n_batch, n_dense)
        data = np.zeros((*batch, nse, *dense), dtype)
        indices = np.full((*batch, nse, n_sparse), np.array(sparse, index_dtype), index_dtype)
        return cls((data, indices), shape=shape, indices_sorted=True, unique_indices=True)

    @classmethod
    def _eye(
        cls, N: int, M: int, k: int, *, dtype: Any = None,
        index_dtype: Any = "int32", n_batch: int = 0, n_dense: int = 0,
    ) -> BCOO:  # fmt: skip
        count = max(0, min(N + min(k, 0), M - max(k, 0)))
        row = np.arange(count, dtype=index_dtype) - min(k, 0)
        flat = cls(
            (np.ones(count, dtype), np.stack([row, row + k], -1).astype(index_dtype)),
            shape=(N, M), indices_sorted=True, unique_indices=True,
        )  # fmt: skip
        return flat.update_layout(n_batch=n_batch, n_dense=n_dense, on_inefficient=None)

    # --- as other arrays ------------------------------------------------------------------

    def astype(self, *args: Any, **kwargs: Any) -> BCOO:
        """With elements of another dtype."""
        return self._like(self.data.astype(*args, **kwargs))

    def _like(self, data: Any) -> BCOO:
        """Other elements in the same places."""
        return BCOO((data, self.indices), **self._info._asdict())

    def tree_flatten(self) -> tuple[tuple[Any, Any], SparseInfo]:
        """Elements and places; the rest is structure."""
        return (self.data, self.indices), self._info

    @classmethod
    def tree_unflatten(cls, aux: SparseInfo, children: Any) -> BCOO:
        """From what `tree_flatten` gives."""
        made = object.__new__(cls)
        made.data, made.indices = children
        made.shape, made.indices_sorted, made.unique_indices = aux
        made.shape = shape_of_lanes(made.shape, made.data, made.indices, 2)
        return made

    # --- operators ------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter([self[i] for i in range(self.shape[0])])

    def __neg__(self) -> BCOO:  # type: ignore[override]
        return self._like(-self.data)

    def __pos__(self) -> BCOO:  # type: ignore[override]
        return self

    def __abs__(self) -> BCOO:
        unique = self if self.unique_indices else self.sum_duplicates(nse=self.nse)
        return unique._like(abs(unique.data))

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, JAXSparse):
            raise UnsupportedError("division by a sparse array divides by zeros\nfix: x.todense()")
        return self * (1 / np.asarray(other))

    def __sub__(self, other: Any) -> Any:  # type: ignore[override]
        return self + -other

    def __rsub__(self, other: Any) -> Any:  # type: ignore[override]
        return -self + other

    def __pow__(self, exponent: Any) -> BCOO:
        if not isinstance(exponent, int) or exponent < 1:
            raise UnsupportedError("powers of sparse arrays are positive integers")
        unique = self if self.unique_indices else self.sum_duplicates(nse=self.nse)
        return unique._like(unique.data**exponent)


def shape_of_lanes(shape: Shape, data: Any, indices: Any, sparse: int) -> Shape:
    """`shape`, without the leading dimensions that `vmap` has taken from the parts, or with more.

    Args:
        shape: shape when the parts were taken out.
        data: elements; whatever stands for them in a tree that holds no arrays.
        indices: places, likewise.
        sparse: how many dimensions of `indices` are no batches.
    """
    if not (hasattr(data, "shape") and hasattr(indices, "shape")) or len(indices.shape) < sparse:
        return shape
    batches = len(indices.shape) - sparse
    own = indices.shape[-1] if sparse == 2 else 2
    surplus = len(data.shape) - 1 + own - len(shape)
    if surplus <= 0:
        return shape[-surplus:]
    return (*data.shape[:surplus], *shape) if surplus <= batches else shape


def _validate(mat: BCOO) -> None:
    """Raise where elements, places and shape do not fit."""
    if not onp.issubdtype(onp.dtype(mat.indices.dtype), onp.integer):
        raise ArgumentTypeError(f"indices must be integers, got {mat.indices.dtype}")
    nb, nd, ns = mat.n_batch, mat.n_dense, mat.n_sparse
    if nb < 0 or nd < 0 or nb + ns + nd != len(mat.shape):
        raise ArgumentValueError(
            f"BCOO of shape {mat.shape}: data of shape {mat.data.shape} and indices of shape "
            f"{mat.indices.shape} do not have its dimensions"
        )
    batch, _, dense = _split(mat.shape, nb, nd)
    for name, found, wanted in (
        ("data", mat.data.shape, (*batch, mat.nse, *dense)),
        ("indices", mat.indices.shape, (*batch, mat.nse, ns)),
    ):
        if any(f not in (w, 1) for f, w in zip(found, wanted, strict=True)):
            raise ArgumentValueError(
                f"BCOO of shape {mat.shape}: {name} of shape {found} should be {wanted}"
            )


def _split(shape: Shape, n_batch: int, n_dense: int) -> tuple[Shape, Shape, Shape]:
    """Batch, sparse and dense dimensions of a shape."""
    end = len(shape) - n_dense
    return shape[:n_batch], shape[n_batch:end], shape[end:]


def parts(mat: BCOO) -> tuple[Shape, Shape, Shape]:
    """Lengths of the batch, the sparse and the dense dimensions."""
    return _split(mat.shape, mat.n_batch, mat.n_dense)


def is_sparse(x: Any) -> bool:
    """Whether `x` is a sparse array."""
    return isinstance(x, JAXSparse)


def dense_dtype(x: Any) -> Any:
    """Dtype of an array of any kind."""
    return x.dtype if is_sparse(x) else typeof(x).dtype


tree.register_node_class(BCOO)
