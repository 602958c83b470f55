"""Products whose arithmetic is prescribed, scaled operands, ragged operands.

A dot algorithm (StableHLO, "dot_general", `algorithm`) says which type the factors have and in
which the products are summed. It is carried out with conversions, so that it means the same on
every backend: the factors are rounded to their type, the sum is computed in its own.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.types import typeof
from ms_func.primitives import dot as products
from ms_func.primitives.arithmetic import mul, sub
from ms_func.primitives.basis import broadcast_in_dim, transpose
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type, reduce_precision
from ms_func.primitives.compare import ge, lt, select
from ms_func.primitives.cumulative import cumsum
from ms_func.primitives.dot import Precision
from ms_func.primitives.families import literal
from ms_func.primitives.ragged import ragged_dot as _ragged_dot
from ms_func.primitives.shape import broadcasted_iota, reshape
from ms_func.primitives.sharding import constrained

Numbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]
DotDimensionNumbers = Numbers
"""`((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`."""


class DotAlgorithm(NamedTuple):
    """Arithmetic of a product.

    Attributes:
        lhs_precision_type: dtype that the first factor is rounded to.
        rhs_precision_type: dtype that the second is rounded to.
        accumulation_type: dtype of the sum.
        lhs_component_count: into how many numbers of its dtype the first factor is split.
        rhs_component_count: the same of the second.
        num_primitive_operations: how many products of components are summed.
        allow_imprecise_accumulation: the sum may be less exact than its dtype.
    """

    lhs_precision_type: Any
    rhs_precision_type: Any
    accumulation_type: Any
    lhs_component_count: int = 1
    rhs_component_count: int = 1
    num_primitive_operations: int = 1
    allow_imprecise_accumulation: bool = False


class DotAlgorithmPreset(enum.Enum):
    """Arithmetics of products by name: dtypes of the factors, then that of the sum.

    `X3`, `X6` and `X9` split float32 factors into several of the shorter type, to come near to
    float32; here they are computed in float32 itself.
    """

    DEFAULT = enum.auto()
    ANY_F8_ANY_F8_F32 = enum.auto()
    ANY_F8_ANY_F8_F32_FAST_ACCUM = enum.auto()
    ANY_F8_ANY_F8_ANY = enum.auto()
    ANY_F8_ANY_F8_ANY_FAST_ACCUM = enum.auto()
    F16_F16_F16 = enum.auto()
    F16_F16_F32 = enum.auto()
    BF16_BF16_BF16 = enum.auto()
    BF16_BF16_F32 = enum.auto()
    BF16_BF16_F32_X3 = enum.auto()
    BF16_BF16_F32_X6 = enum.auto()
    BF16_BF16_F32_X9 = enum.auto()
    TF32_TF32_F32 = enum.auto()
    TF32_TF32_F32_X3 = enum.auto()
    F32_F32_F32 = enum.auto()
    F64_F64_F64 = enum.auto()

    @property
    def accumulation_type(self) -> np.dtype | None:
        """Dtype of the sum, None where it is that of the operands."""
        part = self.name.removesuffix("_FAST_ACCUM").partition("_X")[0].rpartition("_")[2]
        return _TYPES.get(part)


_TYPES = {
    "F16": np.dtype(np.float16), "BF16": np.dtype(ml_dtypes.bfloat16),
    "TF32": np.dtype(np.float32), "F32": np.dtype(np.float32), "F64": np.dtype(np.float64),
}  # fmt: skip
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
            `DotAlgorithm` or `DotAlgorithmPreset`.
        preferred_element_type: dtype of the sum and of the result.
        out_sharding: layout of the result over devices.

    Raises:
        TypeError: sizes of paired dimensions differ, or a dimension is named twice.
    """
    if isinstance(precision, (DotAlgorithm, DotAlgorithmPreset)):
        out = _by_algorithm(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    else:
        out = products.dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    return out if out_sharding is None else constrained(out, out_sharding)


def dot(
    lhs: Any, rhs: Any, *, dimension_numbers: DotDimensionNumbers | None = None,
    precision: Any = None, preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Product of vectors and matrices, or `dot_general` where dimension numbers are given.

    Raises:
        TypeError: an operand has more than two dimensions, or sizes differ.
    """
    if dimension_numbers is not None or isinstance(precision, (DotAlgorithm, DotAlgorithmPreset)):
        if dimension_numbers is None:
            ndim = typeof(lhs).ndim
            dimension_numbers = (((ndim - 1,), (0,)), ((), ()))
        return dot_general(
            lhs, rhs, dimension_numbers, precision, preferred_element_type,
            out_sharding=out_sharding,
        )  # fmt: skip
    out = products.dot(lhs, rhs, precision=precision, preferred_element_type=preferred_element_type)
    return out if out_sharding is None else constrained(out, out_sharding)


def _by_algorithm(lhs: Any, rhs: Any, numbers: Any, algorithm: Any, preferred: Any) -> Any:
    """Round the factors, sum in the accumulation type, convert to the dtype asked for."""
    out = np.result_type(*(typeof(v).dtype for v in (lhs, rhs))) if preferred is None else preferred
    if isinstance(algorithm, DotAlgorithmPreset):
        name = algorithm.name
        if name.startswith("ANY_F8") and any(typeof(v).dtype.itemsize > 1 for v in (lhs, rhs)):
            raise TypeError(f"the algorithm {name} takes operands of 8-bit floats")
        if "_X" not in name and name != "DEFAULT" and not name.startswith("ANY_F8"):
            lhs, rhs = (_rounded(v, name.partition("_")[0]) for v in (lhs, rhs))
        wide = algorithm.accumulation_type
    else:
        if algorithm.lhs_component_count == 1:
            lhs = convert_element_type(lhs, algorithm.lhs_precision_type)
        if algorithm.rhs_component_count == 1:
            rhs = convert_element_type(rhs, algorithm.rhs_precision_type)
        wide = np.dtype(algorithm.accumulation_type)
    if wide is None:
        return products.dot_general(lhs, rhs, numbers, None, preferred)
    lhs, rhs = (convert_element_type(v, wide) for v in (lhs, rhs))
    found = products.dot_general(lhs, rhs, numbers, Precision.HIGHEST, wide)
    return convert_element_type(found, out)


def _rounded(x: Any, kind: str) -> Any:
    if kind == "TF32":
        return reduce_precision(convert_element_type(x, np.float32), 8, 10)
    return convert_element_type(x, _TYPES[kind])


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
    """

    dot_dimension_numbers: DotDimensionNumbers
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


def ragged_dot(
    lhs: Any, rhs: Any, group_sizes: Any, precision: Any = None,
    preferred_element_type: Any = None, group_offset: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """Product of consecutive groups of rows, each with a matrix of its own.

    Shapes: `[m, k]`, `[g, k, n]` and `[g]` to `[m, n]`. Rows beyond the last group give 0.

    Raises:
        TypeError: shapes or dtypes do not fit.
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

    Raises:
        TypeError: dimensions or sizes do not fit.
        NotImplementedError: there is a group offset, or sizes for each index of other dimensions.
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
