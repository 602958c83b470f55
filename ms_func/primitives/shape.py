"""Operations that change the shape and keep the elements: reshape, reversal, counting.

`broadcast_in_dim` and `transpose` stand in `basis.py`, because the rules of all primitives
are written in them; `concatenate` and `pad` in `pieces.py`, beside their transposes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ms_func.dtypes import exact_dtype, is_inexact, issubdtype
from ms_func.errors import ArgumentValueError, AxisError, ShapeError
from ms_func.ir.function import Literal
from ms_func.ir.primitive import (
    LANES,
    PASSED,
    ZERO,
    Cost,
    Linear,
    NotSupported,
    Primitive,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, integer
from ms_func.primitives.basis import (
    broadcast_in_dim,
    broadcast_in_dim_p,
    int_tuple,
    is_array,
    letters,
    moving_cost,
    transpose,
    transpose_p,
)
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.pieces import concatenate, concatenate_p, pad, pad_p, split, split_p

__all__ = [
    "broadcast", "broadcast_in_dim", "broadcast_in_dim_p", "broadcast_shapes", "broadcast_to_rank",
    "broadcasted_iota", "collapse", "concatenate", "concatenate_p", "empty", "expand_dims", "full",
    "full_like", "iota", "iota_p", "pad", "pad_p", "reshape", "reshape_p", "rev", "rev_p", "split",
    "split_p", "squeeze", "tile", "transpose", "transpose_p",
]  # fmt: skip


# --- reshape --------------------------------------------------------------------------------


def _reshape_abstract(x: ArrayType, *, new_sizes: tuple[int, ...]) -> ArrayType:
    if any(n < 0 for n in new_sizes):
        raise ShapeError(f"reshape new_sizes must all be positive, got {new_sizes} for {x}")
    if math.prod(new_sizes) != x.size:
        raise ShapeError(
            f"reshape of {x} to {new_sizes}: {x.size} elements cannot fill a shape of "
            f"{math.prod(new_sizes)}"
        )
    return ArrayType(new_sizes, x.dtype, x.weak_type)


def _reshape_batch(size: int, args: Any, dims: Any, *, new_sizes: tuple[int, ...]) -> Any:
    """The lanes stay in place where the new sizes split at the same element."""
    (x,), (at,) = args, dims
    before, product = math.prod(typeof(x).shape[:at]), 1
    for to in range(len(new_sizes) + 1):
        if product == before:
            break
        product *= new_sizes[to] if to < len(new_sizes) else 1
    else:
        order = (at, *(d for d in range(typeof(x).ndim) if d != at))
        x, to = transpose_p.bind(x, permutation=order), 0
    return reshape_p.bind(x, new_sizes=(*new_sizes[:to], size, *new_sizes[to:])), to


def _reshape_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, new_sizes: tuple[int, ...]
) -> str:
    return " -> ".join(reshape_terms(ins[0].shape, new_sizes))


def reshape_terms(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[str, str]:
    """Index notation of a reshape: which factors each dimension is composed of, major first.

    Dimensions are read in groups of equal products. Where the boundaries inside a group
    divide one another, each interval between boundaries is one factor; else the group stays
    whole.
    """
    terms: tuple[list[str], list[str]] = ([], [])
    count = 0
    for group in _groups(old, new):
        bounds = sorted({1, *_prefixes(group[0]), *_prefixes(group[1])})
        nested = 0 not in bounds and all(n % m == 0 for m, n in pairwise(bounds))
        factors = {m: f"i{count + k}" for k, m in enumerate(bounds[1:])} if nested else {}
        for sizes, out in zip(group, terms, strict=True):
            for a, b in pairwise((1, *_prefixes(sizes))):
                out.append(_term([name for m, name in factors.items() if a < m <= b]))
        count += len(bounds) - 1
    return " ".join(terms[0]), " ".join(terms[1])


def _term(factors: Sequence[str]) -> str:
    """Index of a dimension that is composed of these; one of none is whole."""
    if not factors:
        return "."
    return factors[0] if len(factors) == 1 else f"({' '.join(factors)})"


def _prefixes(sizes: Sequence[int]) -> list[int]:
    return [math.prod(sizes[: k + 1]) for k in range(len(sizes))]


def _groups(
    old: tuple[int, ...], new: tuple[int, ...]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Smallest consecutive runs of dimensions of both shapes with equal products."""
    if 0 in old:
        return [(old, new)]
    groups, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        i0, j0 = i, j
        a = old[i] if i < len(old) else 1
        b = new[j] if j < len(new) else 1
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while a != b:
            if a < b:
                a *= old[i]
                i += 1
            else:
                b *= new[j]
                j += 1
        groups.append((old[i0:i], new[j0:j]))
    return groups


def _reshape_simplify(producer: Any, x: Any, *, new_sizes: tuple[int, ...]) -> Any:
    """No change; a reshape of a reshape, which is one; inserted dimensions; a scalar repeated."""
    if x.type.shape == new_sizes:
        return x
    if type(x) is Literal:
        return broadcast_in_dim_p.bind(x, shape=new_sizes, broadcast_dimensions=())
    inner = producer(x)
    if inner is None:
        return None
    repeated = inner.primitive is broadcast_in_dim_p
    if repeated and not inner.inputs[0].type.shape:
        return broadcast_in_dim_p.bind(inner.inputs[0], shape=new_sizes, broadcast_dimensions=())
    if inner.primitive is reshape_p or (repeated and inner.inputs[0].type.size == x.type.size):
        return reshape_p.bind(inner.inputs[0], new_sizes=new_sizes)
    return None


reshape_p = register(
    Primitive(
        "reshape",
        abstract=_reshape_abstract,
        ref=lambda x, *, new_sizes: np.reshape(x, new_sizes),
        lower=lambda b, eqn, x: b.reshape(x, eqn.outputs[0].type),
        jvp=Linear(0),
        transpose=lambda ct, x, *, new_sizes: [reshape_p.bind(ct, new_sizes=x.type.shape)],
        batch=_reshape_batch,
        shard=_reshape_shard,
        cost=lambda ins, outs, **params: Cost(0.0, 0.0, 0.0),
        simplify=_reshape_simplify,
        words=LANES,
        sums=PASSED,
    )
)


def reshape(operand: Any, new_sizes: Any, dimensions: Sequence[int] | None = None) -> Any:
    """The elements of `operand`, in row-major order, in another shape.

    Args:
        operand: array.
        new_sizes: sizes of the result; their product is the number of elements.
        dimensions: order in which the dimensions of `operand` are read, if not their own.

    Raises:
        TypeError: the sizes do not fit.
    """
    kind = typeof(operand)
    one = isinstance(new_sizes, (int, np.integer))
    sizes = (int(new_sizes),) if one else int_tuple(new_sizes, "new_sizes")
    if dimensions is not None:
        order = int_tuple(dimensions, "dimensions")
        if sorted(order) != list(range(kind.ndim)):
            raise ShapeError(
                "reshape dimensions must be a permutation of operand dimensions, got dimensions "
                f"{order} for shape {kind.shape}"
            )
        operand = transpose(operand, order)
    if sizes == typeof(operand).shape and is_array(operand):
        return operand
    return reshape_p.bind(operand, new_sizes=sizes)


def canonical_axes(axes: Sequence[int], ndim: int, what: str) -> tuple[int, ...]:
    """Distinct dimensions counted from the front.

    Raises:
        ValueError: one is out of range, or stands twice.
    """
    listed = int_tuple(axes, what)
    for d in listed:
        if not -ndim <= d < ndim:
            raise AxisError(f"{what}: axis {d} is out of bounds for array of dimension {ndim}")
    found = tuple(d % ndim for d in listed)
    if len(set(found)) != len(found):
        raise ArgumentValueError(f"repeated axis in lax.{what}: axes are not unique: {listed}")
    return found


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` without the given dimensions of size 1.

    Args:
        array: array of any dtype.
        dimensions: dimensions to leave out; negative ones count from the end.

    Returns:
        Array of the dtype of `array`.

    Raises:
        ValueError: a dimension is out of range, is named twice, or has another size.

    Example:
        >>> lax.squeeze(np.ones((1, 3, 1)), (0, -1))
        Array([1., 1., 1.], dtype=float32)
    """
    shape = typeof(array).shape
    gone = canonical_axes(dimensions, len(shape), "squeeze")
    if any(shape[d] != 1 for d in gone):
        raise ArgumentValueError(
            "cannot select an axis to squeeze out which has size not equal to one, got "
            f"{shape=} and dimensions={gone}"
        )
    return reshape(array, tuple([n for d, n in enumerate(shape) if d not in gone]))


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` with dimensions of size 1 inserted, at the given places of the result.

    Args:
        array: array of any dtype.
        dimensions: places in the result; negative ones count from its end.

    Returns:
        Array of the dtype of `array`.

    Raises:
        ValueError: a place is out of range or is named twice.

    Example:
        >>> lax.expand_dims(np.ones((2, 3)), (0, -1)).shape
        (1, 2, 3, 1)
    """
    shape = typeof(array).shape
    new = canonical_axes(dimensions, len(shape) + len(dimensions), "expand_dims")
    rest = iter(shape)
    return reshape(
        array, tuple([1 if d in new else next(rest) for d in range(len(shape) + len(new))])
    )


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """`operand` with the dimensions from `start_dimension` up to `stop_dimension` made one.

    Args:
        operand: array of any dtype.
        start_dimension: first of these dimensions; negative ones count from the end.
        stop_dimension: the one behind the last of them; None for all that follow.

    Returns:
        Array of the dtype of `operand`; its elements keep their order.

    Raises:
        ValueError: there are no dimensions in that range.

    Example:
        >>> x = np.ones((2, 3, 4, 5))
        >>> lax.collapse(x, 1, 3).shape, lax.collapse(x, -2).shape
        ((2, 12, 5), (2, 3, 20))
    """
    shape = typeof(operand).shape
    lo, hi, _ = slice(start_dimension, stop_dimension).indices(len(shape))
    if hi < lo:
        raise ArgumentValueError(f"Invalid dimension range passed to collapse: {shape}[{lo}:{hi}]")
    return reshape(operand, (*shape[:lo], math.prod(shape[lo:hi]), *shape[hi:]))


# --- repetition -----------------------------------------------------------------------------


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """`operand` repeated along new leading dimensions of the given sizes."""
    shape, new = typeof(operand).shape, int_tuple(sizes, "sizes")
    if not new and is_array(operand):
        return operand
    return broadcast_in_dim_p.bind(
        operand,
        shape=(*new, *shape),
        broadcast_dimensions=tuple(range(len(new), len(new) + len(shape))),
    )


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Shape that arrays of the given shapes broadcast to by NumPy's rules.

    Args:
        *shapes: shapes of Python ints, or arrays of them.

    Returns:
        Tuple of ints; `()` where no shape is given.

    Raises:
        ValueError: they do not.
        TypeError: a size is negative.

    Example:
        >>> lax.broadcast_shapes((2, 1), (3,), ())
        (2, 3)
        >>> lax.broadcast_shapes((0,), (1,))
        (0,)
    """
    shapes = tuple(map(tuple, shapes))
    for shape in shapes:
        if any(n < 0 for n in shape):
            raise ShapeError(
                "Only non-negative indices are allowed when broadcasting static shapes, but got "
                f"shape {shape}."
            )
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ArgumentValueError(
            f"Incompatible shapes for broadcasting: shapes={list(shapes)}"
        ) from None


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """`x` with leading dimensions of size 1 until it has `rank` dimensions.

    Args:
        x: array of any dtype.
        rank: number of dimensions of the result.

    Returns:
        Array of the dtype of `x`.

    Raises:
        ValueError: it has more already.

    Example:
        >>> lax.broadcast_to_rank(np.array([1, 2]), 3)
        Array([[[1, 2]]], dtype=int32)
    """
    shape = typeof(x).shape
    if len(shape) > rank:
        raise ArgumentValueError(f"an array of shape {shape} has more than {rank} dimensions")
    return reshape(x, ((1,) * (rank - len(shape)) + shape))


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """`operand` laid side by side `reps[d]` times along each dimension d.

    Args:
        operand: array of any dtype.
        reps: one number for each dimension; `ms_func.numpy.tile` takes fewer or more.

    Returns:
        Array of the dtype of `operand`.

    Raises:
        TypeError: there is not one number for each dimension.

    Example:
        >>> lax.tile(np.array([[1, 2]]), (2, 2))
        Array([[1, 2, 1, 2],
               [1, 2, 1, 2]], dtype=int32)
    """
    shape, counts = typeof(operand).shape, int_tuple(reps, "reps")
    if len(counts) != len(shape):
        raise ShapeError(
            "tile: reps length must be equal to the ndim of x, got "
            f"len(reps)={len(counts)} and x.ndim={len(shape)}"
        )
    inner = tuple(range(1, 2 * len(shape), 2))
    pairs = tuple([n for pair in zip(counts, shape, strict=True) for n in pair])
    wide = broadcast_in_dim(operand, pairs, inner)
    return reshape(wide, tuple([r * n for r, n in zip(counts, shape, strict=True)]))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None) -> Any:
    """Array of `shape` whose elements are all `fill_value`.

    Args:
        shape: shape of the result.
        fill_value: scalar.
        dtype: dtype of the result; that of `fill_value`, weak if it is weak, where None.

    Raises:
        TypeError: `fill_value` is not a scalar.
    """
    kind = typeof(fill_value)
    if kind.shape:
        raise ShapeError(
            f"full must be called with scalar fill_value, got fill_value.shape {kind.shape}"
        )
    wanted = kind.dtype if dtype is None else exact_dtype(dtype)
    weak = dtype is None and kind.weak_type
    if isinstance(fill_value, (bool, int, float, complex, np.generic, np.ndarray, Literal)):
        value = fill_value.value if type(fill_value) is Literal else fill_value
        fill_value = Literal(np.asarray(value).astype(wanted)[()], ArrayType((), wanted, weak))
    elif kind.dtype != wanted:
        fill_value = convert_element_type(fill_value, wanted)
    sizes = (int(shape),) if isinstance(shape, (int, np.integer)) else shape
    return broadcast_in_dim(fill_value, sizes, ())


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """Array of `shape` whose elements mean nothing; here they are zeros."""
    return full(shape, 0, dtype)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, shape: Sequence[int] | None = None
) -> Any:
    """Array of the shape and dtype of `x`, unless others are given, filled with one value."""
    kind = typeof(x)
    made = full(kind.shape if shape is None else shape, fill_value, dtype or kind.dtype)
    if dtype is None and kind.weak_type:
        return convert_element_type(made, kind.dtype, weak_type=True)
    return made


# --- reversal -------------------------------------------------------------------------------


def _rev_abstract(x: ArrayType, *, dimensions: tuple[int, ...]) -> ArrayType:
    if len(set(dimensions)) != len(dimensions):
        raise ShapeError(f"rev dimensions must be unique, got {dimensions}")
    if any(d < 0 for d in dimensions):
        raise ShapeError(f"rev dimensions must have every element be nonnegative, got {dimensions}")
    if any(d >= x.ndim for d in dimensions):
        raise ShapeError(
            f"rev dimensions must all be less than operand ndim, got dimensions {dimensions} for "
            f"operand ndim {x.ndim}"
        )
    return x if x.manual is None else x.update(manual=None)


def _rev_lower(b: Any, eqn: Any, x: Any) -> Any:
    attributes = {"dimensions": int_array(eqn.params["dimensions"])}
    return b.op("stablehlo.reverse", [eqn.outputs[0].type], [x], attributes)


def _rev_batch(size: int, args: Any, dims: Any, *, dimensions: tuple[int, ...]) -> Any:
    (x,), (at,) = args, dims
    return rev_p.bind(x, dimensions=tuple([d if d < at else d + 1 for d in dimensions])), at


def _rev_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, dimensions: tuple[int, ...]
) -> str:
    names = letters(ins[0].ndim)
    kinds = ", ".join(f"{names[d]}: turned" for d in dimensions)
    term = " ".join(names)
    return f"{term} -> {term}" + (f"; {kinds}" if kinds else "")


def _rev_simplify(producer: Any, x: Any, *, dimensions: tuple[int, ...]) -> Any:
    if not dimensions:
        return x
    eqn = producer(x)
    if eqn is None or eqn.primitive is not rev_p or eqn.params["dimensions"] != dimensions:
        return None
    return eqn.inputs[0]


rev_p = register(
    Primitive(
        "rev",
        abstract=_rev_abstract,
        ref=lambda x, *, dimensions: np.flip(x, dimensions),
        lower=_rev_lower,
        jvp=Linear(0),
        transpose=lambda ct, x, *, dimensions: [rev_p.bind(ct, dimensions=dimensions)],
        batch=_rev_batch,
        shard=_rev_shard,
        cost=moving_cost,
        simplify=_rev_simplify,
        words=LANES,
    )
)


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """`operand` with the order of elements reversed along the given dimensions.

    Args:
        operand: array of any dtype.
        dimensions: dimensions, none negative and none twice.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: a dimension is negative, out of range or named twice.

    Reference:
        StableHLO `reverse`.

    Example:
        >>> lax.rev(np.array([[1, 2], [3, 4]]), (0, 1))
        Array([[4, 3],
               [2, 1]], dtype=int32)
    """
    return rev_p.bind(operand, dimensions=int_tuple(dimensions, "dimensions"))


# --- counting -------------------------------------------------------------------------------


def _iota_abstract(*, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> ArrayType:
    if not (is_inexact(dtype) or issubdtype(dtype, np.integer)):
        raise ShapeError(
            f"iota does not accept dtype {dtype.name}. Accepted dtypes are subtypes of integer, "
            "floating, complexfloating"
        )
    if any(n < 0 for n in shape):
        raise ShapeError(f"iota shape must have every element be nonnegative, got {shape}")
    if not 0 <= dimension < len(shape):
        raise ArgumentValueError(
            f"iota dimension must be between 0 and len(shape), got {dimension=} for {shape=}"
        )
    return ArrayType(shape, dtype)


def _iota_ref(*, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> np.ndarray:
    count = np.arange(shape[dimension]).astype(dtype)
    return np.broadcast_to(count.reshape(-1, *(1,) * (len(shape) - dimension - 1)), shape)


def _iota_lower(b: Any, eqn: Any) -> Any:
    attributes = {"iota_dimension": integer(eqn.params["dimension"])}
    return b.op("stablehlo.iota", [eqn.outputs[0].type], [], attributes)


def _iota_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, dimension: int, **params: Any
) -> str:
    names = letters(outs[0].ndim)
    return f"-> {' '.join(names)}; {names[dimension]}: placed"


iota_p = register(
    Primitive(
        "iota",
        abstract=_iota_abstract,
        ref=_iota_ref,
        lower=_iota_lower,
        jvp=ZERO,
        transpose=NotSupported("iota has no operands"),
        batch=NotSupported("iota has no operands, so all lanes share its result"),
        shard=_iota_shard,
        cost=moving_cost,
    )
)


def iota(dtype: Any, size: int) -> Any:
    """The numbers 0, 1, ..., `size` - 1."""
    return broadcasted_iota(dtype, (size,), 0)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """Array whose elements are their own index along `dimension`.

    Raises:
        TypeError: `dtype` is not a dtype of numbers.
        ValueError: `dimension` is not one of `shape`.
    """
    return iota_p.bind(
        dtype=exact_dtype(dtype), shape=int_tuple(shape, "shape"), dimension=int(dimension)
    )
