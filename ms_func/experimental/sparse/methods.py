"""Methods of `BCOO` that are operations on it: written with the class, they stand above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func.experimental.sparse.arithmetic import added, bcoo_reduce_sum, multiplied
from ms_func.experimental.sparse.formats import BCOO
from ms_func.experimental.sparse.indexing import getitem
from ms_func.experimental.sparse.layout import bcoo_reshape, bcoo_transpose, bcoo_update_layout
from ms_func.experimental.sparse.operations import (
    bcoo_fromdense,
    bcoo_sort_indices,
    bcoo_todense,
    sum_duplicates,
)
from ms_func.experimental.sparse.products import matmul


def fromdense(
    cls: type[BCOO], mat: Any, *, nse: int | None = None, index_dtype: Any = onp.int32,
    n_dense: int = 0, n_batch: int = 0,
) -> BCOO:  # fmt: skip
    """The elements of an array that are not zero; see `bcoo_fromdense`."""
    return bcoo_fromdense(mat, nse=nse, index_dtype=index_dtype, n_dense=n_dense, n_batch=n_batch)


def todense(self: BCOO) -> Any:
    """The array with all its elements."""
    return bcoo_todense(self)


def transpose(self: BCOO, axes: Sequence[int] | None = None) -> BCOO:
    """With the dimensions in another order, each among those of its kind."""
    wanted = tuple(range(self.ndim))[::-1] if axes is None else tuple(axes)
    return bcoo_transpose(self, permutation=[a % self.ndim for a in wanted])


def reshape(self: BCOO, *args: Any, **kwargs: Any) -> BCOO:
    """With the elements in another shape; batch, sparse and dense dimensions each by itself."""
    sizes = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
    free = [i for i, n in enumerate(sizes) if n == -1]
    if free:
        rest = math.prod(n for n in sizes if n != -1)
        sizes = [self.size // rest if n == -1 else n for n in sizes]
    return bcoo_reshape(self, new_sizes=tuple(sizes))


def sum(self: BCOO, axis: Any = None, dtype: Any = None, **kwargs: Any) -> Any:
    """Sum over some dimensions; an ordinary array where it is over all."""
    axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    data = self.data if dtype is None else self.data.astype(dtype)
    out = bcoo_reduce_sum(self._like(data), axes=[a % self.ndim for a in axes])
    return out.todense() if out.ndim == 0 else out


def update_layout(
    self: BCOO, *, n_batch: int | None = None, n_dense: int | None = None,
    on_inefficient: str | None = "error",
) -> BCOO:  # fmt: skip
    """With other numbers of batch and dense dimensions."""
    return bcoo_update_layout(self, n_batch=n_batch, n_dense=n_dense, on_inefficient=on_inefficient)


def each_once(self: BCOO, nse: int | None = None, remove_zeros: bool = True) -> BCOO:
    """Each place once, in order, with the sum of what stood there."""
    return sum_duplicates(self, nse, remove_zeros)


def sort_indices(self: BCOO) -> BCOO:
    """The elements in lexicographic order of their places."""
    return bcoo_sort_indices(self)


_METHODS: dict[str, Any] = {
    "fromdense": classmethod(fromdense),
    "todense": todense,
    "transpose": transpose,
    "reshape": reshape,
    "sum": sum,
    "update_layout": update_layout,
    "sum_duplicates": each_once,
    "sort_indices": sort_indices,
    "__add__": added,
    "__radd__": added,
    "__mul__": multiplied,
    "__rmul__": multiplied,
    "__matmul__": matmul,
    "__rmatmul__": lambda self, other: matmul(other, self),
    "__getitem__": getitem,
}


def attach() -> None:
    """Give `BCOO` its methods."""
    for name, method in _METHODS.items():
        setattr(BCOO, name, method)
