"""Products of groups of rows with a matrix for each group."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import sub
from ms_func.primitives.basis import broadcast_in_dim
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import ge, lt, select
from ms_func.primitives.cumulative import cumsum
from ms_func.primitives.dot import dot_general
from ms_func.primitives.families import literal
from ms_func.primitives.shape import broadcasted_iota


def ragged_dot(
    lhs: Any,
    rhs: Any,
    group_sizes: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
    group_offset: Any = None,
) -> Any:
    """Product of consecutive groups of rows, each with a matrix of its own.

    Shapes: `[m, k]`, `[g, k, n]` and `[g]` to `[m, n]`. Rows beyond the last group give 0.
    Dtypes: numbers; the sizes are integers.

    Args:
        lhs: rows of all groups, one group after the other.
        rhs: the matrix of each group.
        group_sizes: number of rows of each group.
        precision: as for `dot_general`.
        preferred_element_type: as for `dot_general`.
        group_offset: first group; only None is supported.

    Raises:
        TypeError: shapes or dtypes do not fit.
    """
    left, right, sizes = typeof(lhs), typeof(rhs), typeof(group_sizes)
    if group_offset is not None:
        raise UnsupportedError("ragged_dot with a group_offset\nfix: slice rhs and group_sizes")
    if (left.ndim, right.ndim, sizes.ndim) != (2, 3, 1):
        raise ShapeError(
            f"ragged_dot takes [m, k], [g, k, n] and [g], got {left}, {right}, {sizes}"
        )
    if sizes.shape[0] != right.shape[0]:
        raise ShapeError(
            f"expected rhs group dimension size to be {sizes.shape[0]}, got {right.shape[0]}."
        )
    if not issubdtype(sizes.dtype, np.integer):
        raise ShapeError(
            f"ragged_dot requires that group_sizes.dtype is subtype of np.integer, got {sizes}"
        )
    mine = _rows_of_groups(group_sizes, left.shape[0])
    shape = (right.shape[0], *left.shape)
    rows = broadcast_in_dim(lhs, shape, (1, 2))
    chosen = select(broadcast_in_dim(mine, shape, (0, 1)), rows, literal(0, rows))
    numbers = (((0, 2), (0, 1)), ((), ()))
    return dot_general(chosen, rhs, numbers, precision, preferred_element_type)


def _rows_of_groups(sizes: Any, rows: int) -> Any:
    """Booleans `[g, m]`: whether a row belongs to a group."""
    ends = cumsum(sizes)
    shape = (typeof(sizes).shape[0], rows)
    row = broadcasted_iota(typeof(sizes).dtype, shape, 1)
    first, last = (broadcast_in_dim(v, shape, (0,)) for v in (sub(ends, sizes), ends))
    return bitwise_and(ge(row, first), lt(row, last))
