"""`broadcast_in_dim`, `transpose`, `reduce_sum`: the rules of nearly all primitives need them.

Nothing here needs another primitive to be defined first, so every family can import it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError, AxisError, ConcretizationTypeError, ShapeError
from ms_func.ir.function import Literal
from ms_func.ir.primitive import LANES, MADE, PASSED, Cost, Linear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array


def moving_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """Cost of operations that only move elements."""
    return Cost(0.0, 0.0, float(sum(t.nbytes for t in ins) + sum(t.nbytes for t in outs)))


def letters(n: int) -> list[str]:
    """Names of `n` factors for a shard rule."""
    return [f"i{k}" for k in range(n)]


def is_array(x: Any) -> bool:
    """Whether `x` is an array of ours or a traced value, so that it may be returned as it is."""
    return type(getattr(x, "type", None)) is ArrayType


def int_tuple(values: Any, what: str) -> tuple[int, ...]:
    """Tuple of Python ints, as parameters of primitives hold them.

    Raises:
        TypeError: an element is no integer known while tracing.
    """
    try:
        return tuple([operator.index(v) for v in values])
    except ConcretizationTypeError as error:
        raise type(error)(
            f"Shapes must be 1D sequences of concrete values of integer type, got {values!r} for "
            f"{what}\nfix: pass the sizes as static arguments (static_argnums)",
            error.loc,
        ) from None
    except TypeError:
        raise ShapeError(
            f"{what} must be a sequence of ints, got {values!r}: Shapes must be 1D sequences of "
            "concrete values of integer type"
        ) from None


# --- broadcast_in_dim -----------------------------------------------------------------------


def _broadcast_abstract(
    x: ArrayType, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]
) -> ArrayType:
    dims = broadcast_dimensions
    if len(dims) != x.ndim:
        raise ShapeError(
            "broadcast_in_dim broadcast_dimensions must have length equal to operand ndim; got "
            f"broadcast_dimensions {dims} for operand ndim {x.ndim}"
        )
    if any(n < 0 for n in shape):
        raise ShapeError(
            f"broadcast_in_dim shape must have every element be nonnegative, got {shape}"
        )
    if any(d < 0 for d in dims):
        raise ShapeError(
            "broadcast_in_dim broadcast_dimensions must have every element be nonnegative, got "
            f"{dims}"
        )
    if any(d >= len(shape) for d in dims):
        raise ShapeError(
            "broadcast_in_dim broadcast_dimensions must be a subset of output dimensions, got "
            f"{dims} for operand {x} and target shape {shape}"
        )
    if any(a >= b for a, b in pairwise(dims)):
        raise ShapeError(
            "broadcast_in_dim broadcast_dimensions must be strictly increasing and must not "
            f"contain duplicates; got {dims}"
        )
    if any(n not in (1, shape[d]) for n, d in zip(x.shape, dims, strict=True)):
        raise ShapeError(
            "broadcast_in_dim operand dimension sizes must either be 1, or be equal to their "
            "corresponding dimensions in the target broadcast shape; got operand of shape "
            f"{x.shape}, target broadcast shape {shape}, broadcast_dimensions {dims}"
        )
    return ArrayType(shape, x.dtype, x.weak_type)


def _broadcast_ref(
    x: np.ndarray, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]
) -> np.ndarray:
    full = [1] * len(shape)
    for n, d in zip(x.shape, broadcast_dimensions, strict=True):
        full[d] = n
    return np.broadcast_to(np.reshape(x, full), shape)


def _broadcast_lower(b: Any, eqn: Any, x: Any) -> Any:
    atom, out = eqn.inputs[0], eqn.outputs[0].type
    if type(atom) is Literal:
        return b.constant(atom.value, out)
    return b.broadcast(x, out, eqn.params["broadcast_dimensions"])


def _broadcast_transpose(
    ct: Any, x: Any, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]
) -> list[Any]:
    kept = tuple(
        d for n, d in zip(x.type.shape, broadcast_dimensions, strict=True) if n == shape[d]
    )
    summed = tuple(d for d in range(len(shape)) if d not in kept)
    total = reduce_sum_p.bind(ct, axes=summed) if summed else ct
    if len(kept) == x.type.ndim:
        return [total]
    places = tuple(i for i, d in enumerate(broadcast_dimensions) if d in kept)
    return [broadcast_in_dim(total, x.type.shape, places)]


def _broadcast_batch(
    size: int,
    args: Any,
    dims: Any,
    *,
    shape: tuple[int, ...],
    broadcast_dimensions: tuple[int, ...],
) -> Any:
    """The lanes stay between the dimensions they stand between, so nothing is transposed."""
    (x,), (at,) = args, dims
    to = broadcast_dimensions[at - 1] + 1 if at else 0
    moved = tuple(d if d < to else d + 1 for d in broadcast_dimensions)
    out = broadcast_in_dim_p.bind(
        x,
        shape=(*shape[:to], size, *shape[to:]),
        broadcast_dimensions=(*moved[:at], to, *moved[at:]),
    )
    return out, to


def _broadcast_shard(
    ins: Sequence[ArrayType],
    outs: Sequence[ArrayType],
    *,
    shape: tuple[int, ...],
    broadcast_dimensions: tuple[int, ...],
) -> str:
    names = letters(len(shape))
    operand = [
        names[d] if n == shape[d] else "."
        for n, d in zip(ins[0].shape, broadcast_dimensions, strict=True)
    ]
    return f"{' '.join(operand)} -> {' '.join(names)}"


def _broadcast_simplify(
    producer: Any, x: Any, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]
) -> Any:
    """Nothing to repeat; a broadcast of a broadcast or of inserted dimensions, which is one."""
    if x.type.shape == shape:
        return x
    inner = producer(x)
    if inner is None:
        return None
    if inner.primitive is broadcast_in_dim_p:
        first = inner.params["broadcast_dimensions"]
    elif inner.primitive.name == "reshape" and 1 not in inner.inputs[0].type.shape:
        first = tuple([d for d, n in enumerate(x.type.shape) if n != 1])
        if inner.inputs[0].type.shape != tuple([x.type.shape[d] for d in first]):
            return None
    else:
        return None
    dims = tuple([broadcast_dimensions[d] for d in first])
    return broadcast_in_dim_p.bind(inner.inputs[0], shape=shape, broadcast_dimensions=dims)


broadcast_in_dim_p = register(
    Primitive(
        "broadcast_in_dim",
        abstract=_broadcast_abstract,
        ref=_broadcast_ref,
        lower=_broadcast_lower,
        jvp=Linear(0),
        transpose=_broadcast_transpose,
        batch=_broadcast_batch,
        shard=_broadcast_shard,
        cost=moving_cost,
        simplify=_broadcast_simplify,
        words=LANES,
    )
)


def broadcast_in_dim(
    operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]
) -> Any:
    """`operand` laid along some dimensions of `shape` and repeated along the others.

    Args:
        operand: array or scalar.
        shape: shape of the result.
        broadcast_dimensions: for each dimension of `operand`, the dimension of the result it
            is laid along, in increasing order. A size of 1 is repeated.

    Raises:
        TypeError: the shapes do not fit.

    Example:
        >>> broadcast_in_dim(np.arange(3), (2, 3), (1,)).shape
        (2, 3)
    """
    return broadcast_in_dim_p.bind(
        operand,
        shape=int_tuple(shape, "shape"),
        broadcast_dimensions=int_tuple(broadcast_dimensions, "broadcast_dimensions"),
    )


def full_of(value: Any, type: ArrayType) -> Any:
    """Scalar `value` repeated over the shape of `type`; a literal where that is rank 0."""
    scalar = Literal(value, ArrayType((), type.dtype))
    if not type.shape:
        return scalar
    return broadcast_in_dim_p.bind(scalar, shape=type.shape, broadcast_dimensions=())


# --- transpose ------------------------------------------------------------------------------


def _transpose_abstract(x: ArrayType, *, permutation: tuple[int, ...]) -> ArrayType:
    if sorted(permutation) != list(range(x.ndim)):
        raise ShapeError(
            "transpose permutation isn't a permutation of operand dimensions, got permutation "
            f"{permutation} for operand shape {x.shape}"
        )
    return ArrayType(tuple([x.shape[d] for d in permutation]), x.dtype, x.weak_type)


def _transpose_lower(b: Any, eqn: Any, x: Any) -> Any:
    attributes = {"permutation": int_array(eqn.params["permutation"])}
    return b.op("stablehlo.transpose", [eqn.outputs[0].type], [x], attributes)


def _inverse(permutation: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(permutation)
    for to, at in enumerate(permutation):
        inverse[at] = to
    return tuple(inverse)


def _transpose_batch(size: int, args: Any, dims: Any, *, permutation: tuple[int, ...]) -> Any:
    (x,), (at,) = args, dims
    rest = [d if d < at else d + 1 for d in permutation]
    return transpose_p.bind(x, permutation=(at, *rest)), 0


def _transpose_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, permutation: tuple[int, ...]
) -> str:
    names = letters(len(permutation))
    return f"{' '.join(names)} -> {' '.join(names[d] for d in permutation)}"


def _transpose_simplify(producer: Any, x: Any, *, permutation: tuple[int, ...]) -> Any:
    """No change; a transpose of a transpose, which is one; a scalar repeated."""
    if permutation == tuple(range(len(permutation))):
        return x
    inner = producer(x)
    if inner is None:
        return None
    if inner.primitive is transpose_p:
        first = inner.params["permutation"]
        order = tuple([first[d] for d in permutation])
        return transpose_p.bind(inner.inputs[0], permutation=order)
    if inner.primitive is broadcast_in_dim_p and not inner.inputs[0].type.shape:
        shape = tuple([x.type.shape[d] for d in permutation])
        return broadcast_in_dim_p.bind(inner.inputs[0], shape=shape, broadcast_dimensions=())
    return None


transpose_p = register(
    Primitive(
        "transpose",
        abstract=_transpose_abstract,
        ref=lambda x, *, permutation: np.transpose(x, permutation),
        lower=_transpose_lower,
        jvp=Linear(0),
        transpose=lambda ct, x, *, permutation: [
            transpose_p.bind(ct, permutation=_inverse(permutation))
        ],
        batch=_transpose_batch,
        shard=_transpose_shard,
        cost=moving_cost,
        simplify=_transpose_simplify,
        words=LANES,
        sums=PASSED,
    )
)


def transpose(operand: Any, permutation: Sequence[int]) -> Any:
    """`operand` with its dimensions in the order of `permutation`.

    Args:
        operand: array of any dtype.
        permutation: all dimensions, none negative: dimension `i` of the result is dimension
            `permutation[i]` of `operand`.

    Returns:
        Array of the dtype of `operand`.

    Raises:
        TypeError: `permutation` is not one of all dimensions.

    Reference:
        StableHLO `transpose`.

    Example:
        >>> lax.transpose(np.arange(6).reshape(1, 2, 3), (2, 0, 1)).shape
        (3, 1, 2)
        >>> lax.transpose(np.array([[1, 2], [3, 4]]), (1, 0))
        Array([[1, 3],
               [2, 4]], dtype=int32)
    """
    order = int_tuple(permutation, "permutation")
    if is_array(operand) and order == tuple(range(operand.type.ndim)):
        return operand
    return transpose_p.bind(operand, permutation=order)


# --- reduce_sum -----------------------------------------------------------------------------


@cache
def canonical_axes(ndim: int, axes: tuple[Any, ...]) -> tuple[int, ...]:
    """Axes as increasing, distinct Python ints. They count from the front only, as in XLA.

    Raises:
        ValueError: an axis is out of range or negative, or given twice.
    """
    found = set()
    for a in axes:
        axis = operator.index(a)
        if not 0 <= axis < ndim:
            raise AxisError(
                f"reduction axes {axes} contains out-of-bounds indices for {ndim} dimensions"
            )
        found.add(axis)
    if len(found) != len(axes):
        raise ArgumentValueError(f"duplicate value in 'axes' of reduction: {axes}")
    return tuple(sorted(found))


def kept_axes(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of the operand that the result keeps, in order."""
    return tuple(i for i in range(ndim) if i not in axes)


def shifted(axes: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """Axes of one lane as axes of all lanes, which lie along `dim`."""
    return tuple(a + (a >= dim) for a in axes)


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """Dtype in which a reference sums or multiplies: double precision, or integers as they are."""
    if not is_inexact(dtype):
        return dtype
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def _sum_abstract(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if x.dtype.kind == "b":
        raise ShapeError(
            f"reduce_sum does not accept dtype bool, got {x}\n"
            "fix: convert the operand first, or use reduce_or"
        )
    if canonical_axes(x.ndim, axes) != axes:
        raise ArgumentValueError(
            f"axes of reduce_sum must be increasing and not negative, got {axes}"
        )
    return ArrayType(tuple([x.shape[d] for d in kept_axes(x.ndim, axes)]), x.dtype, x.weak_type)


def _sum_ref(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        wide = sum_dtype(x.dtype)
        return np.asarray(np.sum(x.astype(wide), axes, wide)).astype(x.dtype, copy=False)


def reduction(
    b: Any, name: str, kind: ArrayType, out: ArrayType, axes: tuple[int, ...], x: Any, init: Any
) -> Any:
    """StableHLO reduction of `x` over `axes` by the scalar operation `name`."""
    scalar = ArrayType((), out.dtype)
    start = b.constant(init, scalar)

    def make(inner: Any, x: Any, start: Any) -> Any:
        attributes = {"dimensions": int_array(axes)}
        made = inner.operation("stablehlo.reduce", [out], [x, start], attributes)
        inner.reducer(made, name, out.dtype)
        return made

    return b.copied((name, kind, axes), [kind, scalar], [x, start], make).results[0]


def _sum_lower(b: Any, eqn: Any, x: Any) -> Any:
    axes, out = eqn.params["axes"], eqn.outputs[0].type
    if not axes:
        return x
    return reduction(b, "stablehlo.add", eqn.inputs[0].type, out, axes, x, 0)


def _sum_transpose(ct: Any, x: Any, *, axes: tuple[int, ...]) -> list[Any]:
    kept = kept_axes(x.type.ndim, axes)
    return [broadcast_in_dim_p.bind(ct, shape=x.type.shape, broadcast_dimensions=kept)]


def _sum_batch(size: int, args: Any, dims: Any, *, axes: tuple[int, ...]) -> Any:
    (at,) = dims
    moved = shifted(axes, at)
    return reduce_sum_p.bind(*args, axes=moved), at - sum(a < at for a in moved)


def _sum_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, axes: tuple[int, ...]
) -> str:
    names = letters(ins[0].ndim)
    return f"{' '.join(names)} -> {' '.join(names[d] for d in kept_axes(len(names), axes))}"


def _sum_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    return Cost(float(ins[0].size), 0.0, float(ins[0].nbytes + outs[0].nbytes))


def _sum_simplify(producer: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    """No axes; negation after the sum, where there is less of it; equal whole numbers."""
    if not axes:
        return x
    inner = producer(x)
    if inner is None:
        return None
    if inner.primitive.name == "neg":
        return inner.primitive.bind(reduce_sum_p.bind(inner.inputs[0], axes=axes))
    if inner.primitive is broadcast_in_dim_p and type(inner.inputs[0]) is Literal:
        (scalar,), count = inner.inputs, math.prod([x.type.shape[a] for a in axes])
        return _sum_of_equals(
            scalar, count, [x.type.shape[d] for d in kept_axes(x.type.ndim, axes)]
        )
    return None


def _sum_of_equals(scalar: Literal, count: int, shape: Sequence[int]) -> Any:
    """`count` times a small whole number, which no rounding can touch."""
    value, dtype = scalar.value, scalar.type.dtype
    if dtype.kind != "f" or value != value or abs(value) * count > 1024 or value % 1:
        return None
    total = Literal(float(value) * count, scalar.type)
    return broadcast_in_dim_p.bind(total, shape=tuple(shape), broadcast_dimensions=())


reduce_sum_p = register(
    Primitive(
        "reduce_sum",
        abstract=_sum_abstract,
        ref=_sum_ref,
        lower=_sum_lower,
        jvp=Linear(0),
        transpose=_sum_transpose,
        batch=_sum_batch,
        shard=_sum_shard,
        cost=_sum_cost,
        simplify=_sum_simplify,
        sums=MADE,
    )
)


def reduce_sum(operand: Any, axes: Sequence[int]) -> Any:
    """Sum over `axes`; the result keeps the dtype and has the other dimensions.

    Shapes: `[..., n, ...]` to `[..., ...]`; a sum of nothing is 0.
    Dtypes: numbers; integers wrap around.

    Raises:
        ValueError: an axis is out of range or repeated.
    """
    return reduce_sum_p.bind(operand, axes=canonical_axes(typeof(operand).ndim, tuple(axes)))


def real_of(dtype: np.dtype) -> np.dtype:
    """Dtype of the magnitudes of a floating or complex dtype."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
