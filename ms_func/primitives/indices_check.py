"""Whether the dimension numbers of gather and scatter fit their operands.

The sentences are those of XLA and JAX, which name the dimension and the number at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.ir.types import ArrayType
from ms_func.primitives.indices import Windows


class _Words(NamedTuple):
    """Names of dimension numbers, in the order of `Windows`."""

    dims: str
    collapsed: str
    coordinates: str
    operand_batch: str
    indices_batch: str


_WORDS = {
    "gather": _Words("offset_dims", "collapsed_slice_dims", "start_index_map",
                     "operand_batching_dims", "start_indices_batching_dims"),
    "scatter": _Words("update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims",
                      "operand_batching_dims", "scatter_indices_batching_dims"),
}  # fmt: skip


def check_gather(operand: ArrayType, indices: ArrayType, sizes: Sequence[int], w: Windows) -> None:
    """Raise where a gather's dimension numbers and sizes do not fit its operand and indices.

    Raises:
        TypeError: they do not fit.
        ValueError: the indices are no integers.
    """
    _check_indices("gather", indices)
    rank = len(w.dims) + indices.ndim - 1
    _check_order("gather", "offset_dims", w.dims)
    for i, d in enumerate(w.dims):
        if not 0 <= d < rank:
            raise ShapeError(
                f"Offset dimension {i} in gather op is out of bounds; got {d}, but should have "
                f"been in [0, {rank})"
            )
    _check_roles("gather", operand, indices, w)
    if len(sizes) != operand.ndim:
        raise ShapeError(
            "Gather op must have one slice size for every input dimension; got: "
            f"len(slice_sizes)={len(sizes)}, input_shape.rank={operand.ndim}"
        )
    if len(w.dims) != len(w.open_dims(operand.ndim)):
        raise ShapeError(
            "All components of the offset index in a gather op must either be a offset dimension "
            f"or explicitly collapsed/batching; got len(slice_sizes)={len(sizes)}, "
            f"output_slice_sizes={w.dims}, collapsed_slice_dims={w.collapsed}, "
            f"operand_batching_dims={w.operand_batch}."
        )
    _check_sizes(operand, sizes, w)


def check_scatter(
    operand: ArrayType, indices: ArrayType, updates: ArrayType, w: Windows
) -> None:  # fmt: skip
    """Raise where a scatter's dimension numbers do not fit its operand, indices and updates.

    Raises:
        TypeError: they do not fit, or dtypes differ.
        ValueError: the indices are no integers.
    """
    _check_indices("scatter", indices)
    if operand.dtype != updates.dtype:
        raise ShapeError(
            "lax.scatter requires arguments to have the same dtypes, got "
            f"{operand.face.name}, {updates.face.name}\nfix: convert one with .astype"
        )
    rank = len(w.dims) + indices.ndim - 1
    if updates.ndim != rank:
        raise ShapeError(f"Updates tensor must be of rank {rank}; got {updates.ndim}.")
    _check_order("scatter", "update_window_dims", w.dims)
    _check_range("scatter", "update_window_dims", w.dims, rank)
    _check_roles("scatter", operand, indices, w)
    window = len(w.dims) + len(w.collapsed) + len(w.operand_batch)
    if window != operand.ndim:
        raise ShapeError(
            f"Scatter op has window of size {window}; doesn't match operand of rank {operand.ndim}."
        )
    _check_updates(operand, indices, updates, w)


def _check_indices(name: str, indices: ArrayType) -> None:
    if not issubdtype(indices.dtype, np.integer):
        raise ArgumentValueError(f"indices must have an integer type, got {indices} for {name}")
    if not indices.shape:
        raise ShapeError(
            f"{name.capitalize()} index leaf dimension must be within [0, rank(indices) + 1). "
            f"rank(indices) is 0 and {name} index leaf dimension is -1."
        )


def _check_order(name: str, what: str, dims: Sequence[int], increasing: bool = True) -> None:
    if increasing and sorted(dims) != list(dims):
        raise ShapeError(f"{what} in {name} op must be sorted; got {dims}")
    if len(set(dims)) != len(dims):
        raise ShapeError(f"{what} in {name} op must not repeat; got: {dims}.")


def _check_range(name: str, what: str, dims: Sequence[int], limit: int) -> None:
    for d in dims:
        if not 0 <= d < limit:
            raise ShapeError(
                f"Invalid {what} set in {name} op; valid range is [0, {limit}); got: {d}."
            )


def _check_roles(name: str, operand: ArrayType, indices: ArrayType, w: Windows) -> None:
    """See that no dimension of the operand or of the indices is missing or has two roles."""
    words = _WORDS[name]
    _check_coordinates(name, words.coordinates, operand, indices, w.coordinates)
    for what, dims in ((words.collapsed, w.collapsed), (words.operand_batch, w.operand_batch)):
        _check_order(name, what, dims)
        _check_range(name, what, dims, operand.ndim)
    for what, dims in ((words.collapsed, w.collapsed), (words.coordinates, w.coordinates)):
        if set(dims) & set(w.operand_batch):
            raise ShapeError(
                f"{what} and {words.operand_batch} in {name} op must be disjoint; got: {dims} and "
                f"{w.operand_batch}."
            )
    _check_order(name, words.indices_batch, w.indices_batch, increasing=False)
    _check_range(name, words.indices_batch, w.indices_batch, indices.ndim)
    if indices.ndim - 1 in w.indices_batch:
        raise ShapeError(
            f"{name.capitalize()} op cannot have the index vector dimension as a batching "
            f"dimension; got {w.indices_batch}."
        )
    _check_partners(name, words, operand, indices, w)


def _check_coordinates(
    name: str, what: str, operand: ArrayType, indices: ArrayType, dims: Sequence[int]
) -> None:
    if len(dims) != indices.shape[-1]:
        raise ShapeError(
            f"{name.capitalize()} op has {len(dims)} elements in {what} and the bound of dimension "
            f"index_vector_dim={indices.ndim - 1} of indices is {indices.shape[-1]}. These two "
            "numbers must be equal."
        )
    kind = "" if name == "gather" else " mapping"
    for i, d in enumerate(dims):
        if not 0 <= d < operand.ndim:
            raise ShapeError(f"Invalid {what}{kind}; domain is [0, {operand.ndim}), got: {i}->{d}.")
    _check_order(name, what, dims, increasing=False)


def _check_partners(
    name: str, words: _Words, operand: ArrayType, indices: ArrayType, w: Windows
) -> None:
    if len(w.operand_batch) != len(w.indices_batch):
        raise ShapeError(
            f"{name.capitalize()} op requires equal numbers of {words.operand_batch} and "
            f"{words.indices_batch}, got {w.operand_batch} and {w.indices_batch}."
        )
    here = tuple(operand.shape[d] for d in w.operand_batch)
    there = tuple(indices.shape[d] for d in w.indices_batch)
    if here != there:
        raise ShapeError(
            f"{name.capitalize()} op requires operand batching dimensions and indices batching "
            f"dimensions to have the same shape, got {here} and {there}."
        )


def _check_sizes(operand: ArrayType, sizes: Sequence[int], w: Windows) -> None:
    for i, (n, most) in enumerate(zip(sizes, operand.shape, strict=True)):
        if not 0 <= n <= most:
            raise ShapeError(
                f"Slice size at index {i} in gather op is out of range, must be within [0, {most} "
                f"+ 1), got {n}."
            )
    for i, d in enumerate(w.collapsed):
        if sizes[d] != 1:
            raise ShapeError(
                "Gather op can only collapse slice dims with bound 1, but bound is "
                f"{sizes[d]} for index {d} at position {i}."
            )
    for i, d in enumerate(w.operand_batch):
        if sizes[d] > 1:
            raise ShapeError(
                "Gather op can only have operand batching dims with bound 0/1, but bound is "
                f"{sizes[d]} for index {d} at position {i}."
            )


def _check_updates(operand: ArrayType, indices: ArrayType, updates: ArrayType, w: Windows) -> None:
    """See that windows fit into the operand, and that there is one for each index."""
    for at, d in zip(w.dims, w.open_dims(operand.ndim), strict=True):
        if updates.shape[at] > operand.shape[d]:
            raise ShapeError(
                "Bounds of the window dimensions of updates must not exceed the bounds of the "
                f"corresponding dimensions of operand. For dimension {at}, updates bound is "
                f"{updates.shape[at]}, operand bound is {operand.shape[d]}."
            )
    places: Any = zip(w.batch_positions(updates.ndim), indices.shape[:-1], strict=True)
    for at, n in places:
        if updates.shape[at] != n:
            raise ShapeError(
                "Bounds of the scatter dimensions of updates must be the same as the bounds of the "
                "corresponding dimensions of scatter indices. For scatter dimension "
                f"{at}, updates bound is {updates.shape[at]}, indices bound is {n}."
            )
