"""Moving the dimension that holds the lanes of a batch."""

from __future__ import annotations

from typing import Any

from ms_func.ir.types import typeof
from ms_func.primitives.basis import broadcast_in_dim_p, transpose_p


def to_front(x: Any, dim: int | None, size: int) -> Any:
    """`x` with its lanes in dimension 0; repeated for each lane where `dim` is None.

    Args:
        x: array of any dtype.
        dim: where the lanes are; None where all lanes share `x`.
        size: number of lanes.

    Returns:
        Array `[size, ...]`.

    Example:
        >>> ms.extend.to_front(np.array([[1, 2], [3, 4]]), 1, 2).tolist()
        [[1, 3], [2, 4]]
        >>> ms.extend.to_front(np.array(7), None, 2).tolist()
        [7, 7]
    """
    return x if dim == 0 else move_batch(x, dim, 0, size)


def move_batch(x: Any, dim: int | None, to: int, size: int) -> Any:
    """`x` with its lanes moved from dimension `dim` to dimension `to`.

    Args:
        x: array.
        dim: where the lanes are; None where all lanes share `x`, which is then repeated.
        to: where they shall be, in the result; counted from the end if negative.
        size: number of lanes.

    Returns:
        Array of the dtype of `x`.

    Example:
        >>> ms.extend.move_batch(np.array([1, 2]), None, -1, 3).tolist()
        [[1, 1, 1], [2, 2, 2]]
    """
    shape = typeof(x).shape
    if dim is None:
        to = to % (len(shape) + 1)
        return broadcast_in_dim_p.bind(
            x,
            shape=(*shape[:to], size, *shape[to:]),
            broadcast_dimensions=(*range(to), *range(to + 1, len(shape) + 1)),
        )
    to = to % len(shape)
    if dim == to:
        return x
    order = [d for d in range(len(shape)) if d != dim]
    order.insert(to, dim)
    return transpose_p.bind(x, permutation=tuple(order))
