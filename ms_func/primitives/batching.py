"""Moving the dimension that holds the lanes of a batch."""

from __future__ import annotations

from typing import Any

from ms_func.ir.types import typeof
from ms_func.primitives.basis import broadcast_in_dim_p, transpose_p


def to_front(x: Any, dim: int | None, size: int) -> Any:
    """`x` with its lanes in dimension 0; repeated for each lane where `dim` is None."""
    return x if dim == 0 else move_batch(x, dim, 0, size)


def move_batch(x: Any, dim: int | None, to: int, size: int) -> Any:
    """`x` with its lanes moved from dimension `dim` to dimension `to`.

    Args:
        x: array.
        dim: where the lanes are; None where all lanes share `x`, which is then repeated.
        to: where they shall be, in the result; counted from the end if negative.
        size: number of lanes.
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
