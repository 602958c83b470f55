"""Products laid out over devices, with scaled operands, with ragged operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.types import typeof
from ms_func.primitives import dot as products
from ms_func.primitives.algorithms import DotAlgorithm, DotAlgorithmPreset
from ms_func.primitives.arithmetic import mul, sub
from ms_func.primitives.basis import broadcast_in_dim, transpose
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import ge, lt, select
from ms_func.primitives.cumulative import cumsum
from ms_func.primitives.dot import Precision
from ms_func.primitives.families import literal
from ms_func.primitives.ragged import ragged_dot as _ragged_dot
from ms_func.primitives.shape import broadcasted_iota, reshape
from ms_func.primitives.sharding import constrained, laid_out

Numbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]
DotDimensionNumbers = Numbers
"""`((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`."""


PrecisionLike = (
    None | str | Precision | tuple[str, str] | tuple[Precision, Precision] | DotAlgorithm
    | DotAlgorithmPreset
)  # fmt: skip


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: DotDimensionNumbers, precision: Any = None,
    preferred_element_type: Any = None, *, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Product summed over contracted dimensions, for each index of the batch dimensions.

    Shapes: the result has the batch dimensions, then the other dimensions of `lhs`, then
        those of `rhs`, each in the order of the operand.
    Dtypes: any; operands of different dtypes are promoted.

    Args:
        lhs: first operand.
        rhs: second operand.
        dimension_numbers: `((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`.
        precision: None, a `Precision`, its name, or a pair, one for each operand; or a
            `DotAlgorithm`, a `DotAlgorithmPreset` or the name of one.
        preferred_element_type: dtype of the sum and of the result.
        out_sharding: layout of the result over devices.

    Raises:
        TypeError: sizes of paired dimensions differ, or a dimension is named twice.

    Example:
        >>> x, y = np.ones((2, 3)), np.ones((3, 4))
        >>> dot_general(x, y, (((1,), (0,)), ((), ()))).shape  # the matrix product x @ y
        (2, 4)
    """
    given = (lhs, rhs, dimension_numbers, precision, preferred_element_type)
    if out_sharding is not None:
        return laid_out(out_sharding, products.dot_general, *given)
    return products.dot_general(*given)


def dot(
    lhs: Any, rhs: Any, *, dimension_numbers: DotDimensionNumbers | None = None,
    precision: Any = None, preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Product of vectors and matrices, or `dot_general` where dimension numbers are given.

    Args:
        lhs: array `[k]` or `[m, k]`.
        rhs: array `[k]` or `[k, n]`; different dtypes are promoted.
        dimension_numbers: as for `dot_general`, of which it then is one, with any shapes.
        precision: as for `dot_general`.
        preferred_element_type: dtype of the sum and of the result; the operands' where None.
        out_sharding: layout of the result over devices.

    Returns:
        Array `[]`, `[m]`, `[n]` or `[m, n]`.

    Raises:
        TypeError: an operand has more than two dimensions, or sizes differ; a ValueError too.

    Reference:
        StableHLO `dot_general`.

    Example:
        >>> x = np.array([100, 100], np.int8)
        >>> lax.dot(x, x), lax.dot(x, x, preferred_element_type=np.int32)
        (Array(32, dtype=int8), Array(20000, dtype=int32))
    """
    options = {"dimension_numbers": dimension_numbers, "precision": precision,
               "preferred_element_type": preferred_element_type}  # fmt: skip
    if out_sharding is not None:
        return laid_out(out_sharding, products.dot, lhs, rhs, **options)
    return products.dot(lhs, rhs, **options)


def scaled_dot(
    lhs: Any, rhs: Any, *, lhs_scale: Any = None, rhs_scale: Any = None,
    dimension_numbers: DotDimensionNumbers | None = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """`dot_general` of `lhs * lhs_scale` and `rhs * rhs_scale`.

    Shapes: a scale has the sizes of its operand, but for contracted dimensions, where one
        number may stand for a block of equally many elements.

    Args:
        lhs: first operand, often of 8 or 4 bits an element.
        rhs: second operand.
        lhs_scale: factors of the first operand; None for ones.
        rhs_scale: factors of the second.
        dimension_numbers: as for `dot_general`; by default a (batched) matrix product.
        preferred_element_type: dtype of the result, bfloat16 by default.

    Raises:
        TypeError: a scale does not fit its operand.

    Example:
        >>> x = np.array([[1.0, 2.0, 3.0, 4.0]])
        >>> scale = np.array([[1.0, 10.0]])  # one factor for each two elements
        >>> lax.scaled_dot(x, np.ones((4, 1)), lhs_scale=scale)
        Array([[73]], dtype=bfloat16)
    """
    dtype = np.dtype(ml_dtypes.bfloat16 if preferred_element_type is None
                     else preferred_element_type)  # fmt: skip
    left, right = typeof(lhs).ndim, typeof(rhs).ndim
    if dimension_numbers is None:
        batch = tuple(range(left - 2))
        dimension_numbers = (((left - 1,), (right - 2,)), (batch, batch))
    wide = np.dtype(np.float32) if dtype.itemsize < 4 else dtype
    lhs, rhs = _scaled(lhs, lhs_scale, wide), _scaled(rhs, rhs_scale, wide)
    return convert_element_type(products.dot_general(lhs, rhs, dimension_numbers), dtype)


def _scaled(x: Any, scale: Any, dtype: np.dtype) -> Any:
    x = convert_element_type(x, dtype)
    if scale is None:
        return x
    shape, parts = typeof(x).shape, typeof(scale).shape
    if len(shape) != len(parts) or any(not m or n % m for n, m in zip(shape, parts, strict=True)):
        raise ShapeError(f"a scale of shape {parts} does not fit an operand of shape {shape}")
    spread = [v for n, m in zip(shape, parts, strict=True) for v in (m, n // m)]
    blocks = broadcast_in_dim(scale, spread, tuple(range(0, len(spread), 2)))
    return mul(x, convert_element_type(reshape(blocks, shape), dtype))


# --- ragged products ----------------------------------------------------------------------------


@dataclass(frozen=True)
class RaggedDotDimensionNumbers:
    """Dimensions of a ragged product.

    Attributes:
        dot_dimension_numbers: as for `dot_general`.
        lhs_ragged_dimensions: the one dimension of `lhs` that consists of groups.
        rhs_group_dimensions: the dimension of `rhs` with one entry for each group, if any.

    Example:
        >>> numbers = lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0])
        >>> x, w = np.array([[1.0], [2.0], [3.0]]), np.array([[[10.0]], [[100.0]]])
        >>> lax.ragged_dot_general(x, w, np.array([2, 1]), numbers).tolist()
        [[10.0], [20.0], [300.0]]
    """

    dot_dimension_numbers: DotDimensionNumbers
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


def ragged_dot(
    lhs: Any, rhs: Any, group_sizes: Any, precision: Any = None,
    preferred_element_type: Any = None, group_offset: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Product of consecutive groups of rows, each with a matrix of its own.

    Args:
        lhs: rows `[m, k]`, those of the first group first.
        rhs: matrices `[g, k, n]`.
        group_sizes: integers `[g]`: the number of rows of each group.
        precision: as for `dot_general`.
        preferred_element_type: as for `dot_general`.
        group_offset: not supported but for None.
        out_sharding: layout of the result over devices.

    Returns:
        Array `[m, n]`; rows beyond the last group give 0.

    Raises:
        TypeError: shapes or dtypes do not fit.

    Example:
        >>> x, w = np.array([[1.0], [2.0], [3.0]]), np.array([[[10.0]], [[100.0]]])
        >>> lax.ragged_dot(x, w, np.array([1, 1])).tolist()
        [[10.0], [200.0], [0.0]]
    """
    out = _ragged_dot(lhs, rhs, group_sizes, precision, preferred_element_type, group_offset)
    return out if out_sharding is None else constrained(out, out_sharding)


def ragged_dot_general(
    lhs: Any, rhs: Any, group_sizes: Any, ragged_dot_dimension_numbers: RaggedDotDimensionNumbers,
    precision: Any = None, preferred_element_type: Any = None, group_offset: Any = None,
    out_sharding: Any = None,
) -> Any:  # fmt: skip
    """`dot_general` with a dimension of `lhs` made of consecutive groups of the given sizes.

    The ragged dimension decides what it means: one that is neither contracted nor batch meets,
    group by group, the entries of the group dimension of `rhs`; a contracted one gives a sum
    for each group, in a new leading dimension; with a batch dimension it is `dot_general`.

    Args:
        lhs: array.
        rhs: array.
        group_sizes: integers `[g]`: the size of each group.
        ragged_dot_dimension_numbers: a `RaggedDotDimensionNumbers`.
        precision: as for `dot_general`.
        preferred_element_type: as for `dot_general`.
        group_offset: not supported but for None.
        out_sharding: layout of the result over devices.

    Returns:
        Array of the common dtype of the operands.

    Raises:
        TypeError: dimensions or sizes do not fit.
        NotImplementedError: there is a group offset, or sizes for each index of other dimensions.

    Example:
        >>> sums = lax.RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), [0], [])
        >>> x = np.array([[1.0], [2.0], [3.0]])  # a contracted dimension: one product a group
        >>> lax.ragged_dot_general(x, np.ones((3, 1)), np.array([1, 2]), sums).tolist()
        [[[1.0]], [[5.0]]]
    """
    if group_offset is not None:
        raise UnsupportedError("ragged_dot_general with a group_offset\nfix: slice the operands")
    numbers = ragged_dot_dimension_numbers
    (lc, rc), (lb, rb) = numbers.dot_dimension_numbers
    if len(numbers.lhs_ragged_dimensions) != 1:
        raise ShapeError("ragged_dot_general takes exactly one ragged dimension of lhs")
    (ragged,) = numbers.lhs_ragged_dimensions
    sizes = typeof(group_sizes)
    if sizes.ndim != 1 or not issubdtype(sizes.dtype, np.integer):
        raise UnsupportedError(
            f"ragged_dot_general takes a vector of integer group sizes here, got {sizes}"
        )
    options = (precision, preferred_element_type)
    if ragged in lb:
        out = products.dot_general(lhs, rhs, ((lc, rc), (lb, rb)), *options)
    else:
        out = _grouped(lhs, rhs, group_sizes, ragged, numbers, options)
    return out if out_sharding is None else constrained(out, out_sharding)


def _grouped(
    lhs: Any, rhs: Any, sizes: Any, ragged: int, numbers: RaggedDotDimensionNumbers, options: Any
) -> Any:
    """Product with `lhs` repeated for every group, zero outside of it, in a leading dimension."""
    (lc, rc), (lb, rb) = numbers.dot_dimension_numbers
    shape = typeof(lhs).shape
    groups = typeof(sizes).shape[0]
    full = (groups, *shape)
    rows = broadcast_in_dim(lhs, full, tuple(range(1, len(full))))
    mine = broadcast_in_dim(_members(sizes, shape[ragged]), full, (0, ragged + 1))
    chosen = select(mine, rows, literal(0, rows))
    lc, lb = [d + 1 for d in lc], [d + 1 for d in lb]
    if ragged + 1 in lc:
        out = products.dot_general(chosen, rhs, ((lc, rc), (lb, rb)), *options)
        return _group_first(out, len(lb))
    if len(numbers.rhs_group_dimensions) != 1:
        raise ShapeError("ragged_dot_general needs one group dimension of rhs here")
    (group,) = numbers.rhs_group_dimensions
    return products.dot_general(chosen, rhs, (([0, *lc], [group, *rc]), (lb, rb)), *options)


def _group_first(x: Any, batch: int) -> Any:
    """The dimension of groups, which stands behind the batch dimensions, in front."""
    order = [batch, *range(batch), *range(batch + 1, typeof(x).ndim)]
    return transpose(x, order)


def _members(sizes: Any, length: int) -> Any:
    """Booleans `[groups, length]`: whether a place belongs to a group."""
    ends = cumsum(sizes)
    shape = (typeof(sizes).shape[0], length)
    place = broadcasted_iota(typeof(sizes).dtype, shape, 1)
    first, last = (broadcast_in_dim(v, shape, (0,)) for v in (sub(ends, sizes), ends))
    return bitwise_and(ge(place, first), lt(place, last))
