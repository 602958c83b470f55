"""What gather and scatter share: dimension numbers, modes, and which element goes where.

Both move windows of an operand whose places an array of indices gives: gather reads them,
scatter writes them. The last dimension of the indices holds the coordinates of one window.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

import ml_dtypes
import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.ir.types import ArrayType


class GatherDimensionNumbers(NamedTuple):
    """How the dimensions of a gather's operand, indices and result belong together.

    Attributes:
        offset_dims: dimensions of the result that run over a window, increasing.
        collapsed_slice_dims: dimensions of the operand whose window has size 1 and that the
            result lacks.
        start_index_map: dimension of the operand that each coordinate of an index is for.
        operand_batching_dims: dimensions of the operand that are walked together with
            `start_indices_batching_dims` of the indices; the result lacks the former.
        start_indices_batching_dims: their partners, in the same order.

    Example:
        >>> columns = lax.GatherDimensionNumbers((0,), (1,), (1,))  # x[:, [2, 0]]
        >>> lax.gather(np.arange(6).reshape(2, 3), np.array([[2], [0]]), columns, (2, 1))
        Array([[2, 0],
               [5, 3]], dtype=int32)
    """

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


class ScatterDimensionNumbers(NamedTuple):
    """How the dimensions of a scatter's operand, indices and updates belong together.

    Attributes:
        update_window_dims: dimensions of the updates that run over a window, increasing.
        inserted_window_dims: dimensions of the operand whose window has size 1 and that the
            updates lack.
        scatter_dims_to_operand_dims: dimension of the operand that each coordinate is for.
        operand_batching_dims: dimensions of the operand that are walked together with
            `scatter_indices_batching_dims` of the indices; the updates lack the former.
        scatter_indices_batching_dims: their partners, in the same order.

    Example:
        >>> rows = lax.ScatterDimensionNumbers((1,), (0,), (0,))  # x.at[[1]].set(...), whole rows
        >>> lax.scatter(np.zeros((2, 2), int), np.array([[1]]), np.array([[7, 8]]), rows)
        Array([[0, 0],
               [7, 8]], dtype=int32)
    """

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


class GatherScatterMode(enum.Enum):
    """What becomes of windows that do not lie inside the operand.

    Attributes:
        CLIP: they are moved to the nearest place inside.
        FILL_OR_DROP: gather reads a fill value, scatter leaves them out.
        PROMISE_IN_BOUNDS: the caller knows that there are none.

    Example:
        >>> lax.GatherScatterMode.from_any("drop") is lax.GatherScatterMode.FILL_OR_DROP
        True
    """

    CLIP = enum.auto()
    FILL_OR_DROP = enum.auto()
    PROMISE_IN_BOUNDS = enum.auto()

    @staticmethod
    def from_any(s: str | GatherScatterMode | None) -> GatherScatterMode:
        """The mode of a name: "clip", "fill", "drop" or "promise_in_bounds".

        Raises:
            ValueError: there is no such mode.
        """
        if isinstance(s, GatherScatterMode):
            return s
        try:
            return _MODES[s]
        except (KeyError, TypeError):
            raise ArgumentValueError(
                f'Unknown gather mode "{s}", or mode of scatter; it is one of '
                f"{', '.join(repr(name) for name in _MODES if name)}"
            ) from None


CLIP, FILL = "clip", "fill_or_drop"
"""Names of modes as parameters of primitives hold them."""
_MODES: dict[str | None, GatherScatterMode] = {
    None: GatherScatterMode.FILL_OR_DROP,
    "clip": GatherScatterMode.CLIP,
    "fill": GatherScatterMode.FILL_OR_DROP,
    "drop": GatherScatterMode.FILL_OR_DROP,
    "fill_or_drop": GatherScatterMode.FILL_OR_DROP,
    "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
}


class Windows(NamedTuple):
    """Dimension numbers of either operation under common names.

    Attributes:
        dims: dimensions of the result or the updates that run over a window.
        collapsed: dimensions of the operand without such a dimension.
        coordinates: dimension of the operand for each coordinate of an index.
        operand_batch: dimensions of the operand that follow a dimension of the indices.
        indices_batch: these dimensions of the indices.
    """

    dims: tuple[int, ...]
    collapsed: tuple[int, ...]
    coordinates: tuple[int, ...]
    operand_batch: tuple[int, ...]
    indices_batch: tuple[int, ...]

    def open_dims(self, ndim: int) -> list[int]:
        """Dimensions of the operand that `dims` run over, in order."""
        gone = {*self.collapsed, *self.operand_batch}
        return [d for d in range(ndim) if d not in gone]

    def batch_positions(self, ndim: int) -> list[int]:
        """Dimensions of the result or the updates that run over the indices, in order."""
        return [d for d in range(ndim) if d not in self.dims]


def window_sizes(shape: tuple[int, ...], updates: tuple[int, ...], w: Windows) -> tuple[int, ...]:
    """Size of the window that a scatter writes, for each dimension of the operand of `shape`."""
    sizes = [min(n, 1) if d in w.operand_batch else 1 for d, n in enumerate(shape)]
    for d, at in zip(w.open_dims(len(shape)), w.dims, strict=False):
        if at < len(updates):
            sizes[d] = updates[at]
    return tuple(sizes)


def places(
    shape: tuple[int, ...],
    indices: np.ndarray,
    result: tuple[int, ...],
    sizes: Sequence[int],
    w: Windows,
) -> tuple[np.ndarray, np.ndarray]:
    """Reference: where in the operand each element of a gather's result comes from.

    For a scatter, where each element of the updates goes.

    Returns:
        Positions in the flattened operand, with windows moved inside; whether the window
        was inside already. Both have the shape of the result.
    """
    batch = w.batch_positions(len(result))

    def along(values: np.ndarray, positions: Sequence[int]) -> np.ndarray:
        full = [1] * len(result)
        for n, at in zip(values.shape, positions, strict=True):
            full[at] = n
        return values.reshape(full)

    inside = np.ones(indices.shape[:-1], bool)
    flat = np.zeros((1,) * len(result), np.int64)
    windows = dict(zip(w.open_dims(len(shape)), w.dims, strict=True))
    for d, n in enumerate(shape):
        flat = flat * n
        if d in w.coordinates:
            start = indices[..., w.coordinates.index(d)]
            if start.dtype == np.uint64:
                start = np.minimum(start, np.uint64(2**63 - 1))
            start = start.astype(np.int64)
            moved = np.clip(start, 0, n - sizes[d])
            inside = inside & (start == moved)
            flat = flat + along(moved, batch)
        if d in windows:
            flat = flat + along(np.arange(sizes[d]), [windows[d]])
        elif d in w.operand_batch:
            partner = w.indices_batch[w.operand_batch.index(d)]
            flat = flat + along(np.arange(n), [batch[partner]])
    return np.broadcast_to(flat, result), np.broadcast_to(along(inside, batch), result)


def limits(operand: ArrayType, sizes: Sequence[int], dtype: np.dtype, w: Windows) -> np.ndarray:
    """Largest index of each coordinate at which the window still lies inside."""
    top = int(ml_dtypes.iinfo(dtype).max)
    rows = [min(operand.shape[d] - sizes[d], top) for d in w.coordinates]
    return np.asarray(rows, np.int64).astype(dtype)


def shard_terms(
    operand: ArrayType,
    result: ArrayType,
    sizes: Sequence[int],
    w: Windows,
    whole_windows_stay: bool,
) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
    """Index notation of gather and scatter.

    Args:
        operand: its type.
        result: type of the gather's result or the scatter's updates.
        sizes: window sizes.
        w: dimension numbers.
        whole_windows_stay: whether a window as large as its dimension is at place 0 whatever
            its index says, so that the dimension is independent.

    Returns:
        Tokens of operand, indices and result; factors that are looked up in the operand and
        appear nowhere else; factors of the indices that are not batching ones.
    """
    batch = w.batch_positions(result.ndim)
    names = [f"n{k}" for k in range(len(batch))]
    tokens = ["."] * result.ndim
    for name, at in zip(names, batch, strict=True):
        tokens[at] = name
    windows = dict(zip(w.open_dims(operand.ndim), w.dims, strict=True))
    own, looked_up = ["."] * operand.ndim, []
    for d, n in enumerate(operand.shape):
        if d in w.operand_batch:
            own[d] = names[w.indices_batch[w.operand_batch.index(d)]]
        elif d in w.collapsed:
            own[d] = f"v{d}"
            looked_up.append(own[d])
        elif sizes[d] == n and (d not in w.coordinates or whole_windows_stay):
            own[d] = tokens[windows[d]] = f"d{d}"
    free = [name for k, name in enumerate(names) if k not in w.indices_batch]
    return own, [*names, "."], tokens, looked_up, free


def notation(operands: Sequence[list[str]], result: list[str], kinds: Sequence[str]) -> str:
    """Shard rule of tokens for each operand and for the result, and kinds of factors."""
    terms = ", ".join(" ".join(tokens) for tokens in operands)
    return f"{terms} -> {' '.join(result)}" + (f"; {', '.join(kinds)}" if kinds else "")


def after(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions after one more has come in front."""
    return tuple([d + 1 for d in dims])
