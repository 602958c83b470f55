"""What decompositions of matrices share: products, triangles, batching, LAPACK calls.

All of them work on the matrices in the last two dimensions of their operand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import to_inexact
from ms_func.errors import ShapeError, SizeError, UnsupportedError
from ms_func.ir.primitive import Cost, Primitive
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import kernels
from ms_func.lowering.context import int_array, integer, parsed
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.basis import letters, transpose_p
from ms_func.primitives.batching import to_front
from ms_func.primitives.cast import complex as make_complex
from ms_func.primitives.cast import conj, convert_element_type, real
from ms_func.primitives.compare import eq, ge, select
from ms_func.primitives.dot import batch_matmul
from ms_func.primitives.families import literal
from ms_func.primitives.shape import broadcasted_iota

FLOATS = (np.float32, np.float64, np.complex64, np.complex128)


def check_matrix(name: str, a: ArrayType, square: bool = False) -> tuple[int, ...]:
    """Leading dimensions of an operand that holds matrices.

    Raises:
        TypeError: it has fewer than two dimensions, is not square where it must be, or has a
            dtype that LAPACK does not know.
    """
    _check_sizes(name, a, square)
    if a.dtype.type not in FLOATS:
        raise ShapeError(
            f"{name} does not accept dtype {a.face.name} at position 0. Accepted dtypes at "
            "position 0 are subtypes of floating, complexfloating, of 32 bits or more\n"
            "fix: convert the operand with .astype('float32')"
        )
    return a.shape[:-2]


def _check_sizes(name: str, a: ArrayType, square: bool) -> None:
    if a.ndim < 2:
        raise SizeError(f"Input 0 to {name} must have rank at least 2, but got shape={a.shape}")
    if square and a.shape[-1] != a.shape[-2]:
        raise SizeError(f"The input to {name} must be a square matrix. Got shape {a.shape}.")


# --- products and triangles -----------------------------------------------------------------


def mm(x: Any, y: Any) -> Any:
    """Matrix product with equal leading dimensions, at full precision."""
    return batch_matmul(x, y, precision="highest")


def swap(x: Any) -> Any:
    """Transposed matrices."""
    n = typeof(x).ndim
    return transpose_p.bind(x, permutation=(*range(n - 2), n - 1, n - 2))


def adjoint(x: Any) -> Any:
    """Conjugate transposed matrices."""
    x = swap(x)
    return conj(x) if typeof(x).dtype.kind == "c" else x


def symmetrized(name: str, x: Any) -> Any:
    """`(x + x^H) / 2`, in floats where `x` holds integers.

    Raises:
        TypeError: the matrices are not square; `name` is that of the function that needs them.
    """
    t = typeof(x)
    _check_sizes(name, t, square=True)
    x = convert_element_type(x, to_inexact(t.dtype)) if t.dtype.kind in "biu" else x
    return mul(add(x, adjoint(x)), literal(0.5, x))


def _places(x: Any) -> tuple[Any, Any]:
    shape = typeof(x).shape
    n = len(shape)
    return broadcasted_iota(np.int32, shape, n - 2), broadcasted_iota(np.int32, shape, n - 1)


def lower_part(x: Any, k: int = 0) -> Any:
    """Elements on and below diagonal `k`."""
    row, column = _places(x)
    return select(ge(add(row, k), column), x, literal(0, x))


def upper_part(x: Any, k: int = 0) -> Any:
    """Elements on and above diagonal `k`."""
    row, column = _places(x)
    return select(ge(column, add(row, k)), x, literal(0, x))


def on_diagonal(x: Any, value: Any) -> Any:
    """`x` with `value` on its main diagonal."""
    row, column = _places(x)
    return select(eq(row, column), value, x)


def hermitian(x: Any) -> Any:
    """The Hermitian matrix whose lower triangle is that of `x`; its diagonal is real."""
    low = lower_part(x, -1)
    diagonal = make_complex(real(x), literal(0, real(x))) if typeof(x).dtype.kind == "c" else x
    return on_diagonal(add(low, adjoint(low)), diagonal)


# --- rules ------------------------------------------------------------------------------------


def batch_rule(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Lanes are one more leading dimension."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        lanes = [to_front(x, d, size) for x, d in zip(args, dims, strict=True)]
        out = primitive().bind(*lanes, **params)
        return (out, [0] * len(out)) if primitive().multiple_results else (out, 0)

    return batch


def shard_leading(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    """Only leading dimensions may be split."""
    lead = letters(ins[0].ndim - 2)
    terms = [" ".join([*lead, *["."] * (t.ndim - len(lead))]) for t in (*ins, *outs)]
    return f"{', '.join(terms[: len(ins)])} -> {', '.join(terms[len(ins) :])}"


def cubic_cost(factor: float) -> Callable[..., Cost]:
    """`factor` times rows times columns times the smaller of them, for each matrix."""

    def cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
        m, n = ins[0].shape[-2:]
        moved = float(sum(t.nbytes for t in (*ins, *outs)))
        return Cost(factor * ins[0].size * min(m, n), 0.0, moved) if m and n else Cost(0, 0, 0)

    return cost


def matrices(ref: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy rule of single matrices, applied to each one."""

    def batched(a: np.ndarray, **params: Any) -> Any:
        lead = a.shape[:-2]
        rows = [ref(m, **params) for m in a.reshape(-1, *a.shape[-2:])]
        if not rows:
            rows = [ref(np.zeros(a.shape[-2:], a.dtype) + np.eye(*a.shape[-2:], dtype=a.dtype),
                        **params)]  # fmt: skip
            return [np.zeros((*lead, *np.shape(x)), np.asarray(x).dtype) for x in rows[0]]
        return [
            np.stack(column).reshape(*lead, *np.shape(column[0]))
            for column in zip(*rows, strict=True)
        ]

    return batched


# --- lowering -----------------------------------------------------------------------------------


def need(b: Any, eqn: Any, name: str) -> None:
    """Refuse platforms without a kernel for LAPACK's driver `name`.

    Raises:
        UnsupportedError: the program is compiled for a device that has none.
    """
    if not kernels.has(b, name):
        raise UnsupportedError(
            f"`{eqn.primitive.name}` does not run on {b.lowerer.platform}, which has no {name}\n"
            "fix: move the operand with device_put(x, devices('cpu')[0])",
            eqn.loc,
        )


def driver(
    b: Any, name: str, operands: Sequence[Any], ins: Sequence[ArrayType],
    outs: Sequence[ArrayType], options: Mapping[str, str | int | bool] | None = None,
    vectors: Sequence[int] = (), info: bool = True, alias: tuple[int, int] | None = (0, 0),
) -> list[Any]:  # fmt: skip
    """Results of a driver; NaN where it reports failure."""
    lead = max((t.shape[:-2] for t in ins), key=len)  # the matrices among them tell
    listed, scalars = list(outs), list(vectors)
    if info:
        scalars.append(len(listed))
        listed.append(ArrayType(lead, np.int32))
    found = kernels.call(b, name, operands, ins, listed, options or {}, scalars, alias)
    if not info:
        return found
    *found, status = found
    zero = b.constant(0, ArrayType(lead, np.int32))
    attributes = {"comparison_direction": parsed("#stablehlo<comparison_direction EQ>")}
    good = b.op("stablehlo.compare", [ArrayType(lead, np.bool_)], [status, zero], attributes)
    return [_or_nan(b, good, x, t, lead) for x, t in zip(found, outs, strict=True)]


def _or_nan(b: Any, good: Any, x: Any, t: ArrayType, lead: tuple[int, ...]) -> Any:
    if t.dtype.kind not in "fc" or t.ndim < len(lead):
        return x
    mask = b.broadcast(good, ArrayType(t.shape, np.bool_), tuple(range(len(lead))))
    nan = complex(np.nan, np.nan) if t.dtype.kind == "c" else np.nan
    return b.op("stablehlo.select", [t], [mask, x, b.constant(nan, t)])


def leading(b: Any, x: Any, out: ArrayType) -> Any:
    """The first elements of `x` along each dimension, as many as `out` has."""
    return b.op("stablehlo.slice", [out], [x], {
        "start_indices": int_array((0,) * out.ndim), "limit_indices": int_array(out.shape),
        "strides": int_array((1,) * out.ndim)})  # fmt: skip


def triangle(b: Any, x: Any, t: ArrayType, lower: bool) -> Any:
    """The lower or upper triangle of matrices, zero elsewhere."""
    places = ArrayType(t.shape, np.int32)
    row, column = (
        b.op("stablehlo.iota", [places], [], {"iota_dimension": integer(t.ndim - k)})
        for k in (2, 1)
    )
    sign = "GE" if lower else "LE"
    attributes = {"comparison_direction": parsed(f"#stablehlo<comparison_direction {sign}>")}
    mask = b.op("stablehlo.compare", [ArrayType(t.shape, np.bool_)], [row, column], attributes)
    return b.op("stablehlo.select", [t], [mask, x, b.constant(0, t)])
