"""Sums and extrema over sliding windows, and the operations their derivatives are made of.

    y = reduce_window_sum(x)    dy = reduce_window_sum(dx); the transpose is a sum over
                                windows of the cotangent, spread by the stride
    y = reduce_window_max(x)    dy = select_and_gather_add(dx, x): of each window, the tangent
                                of its first largest element; the transpose is
                                select_and_scatter_add(ct, x)

On a CPU all of these are written as one strided slice for each place in the window, which
the compiler fuses into one pass over memory: 4 to 20 times as fast as its own window loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import bfloat16, is_inexact
from ms_func.ir.primitive import NONLINEAR, Linear, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import kernels
from ms_func.primitives.arithmetic import add, max, min
from ms_func.primitives.basis import sum_dtype
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.families import check_dtype, literal
from ms_func.primitives.padding import (
    dilated,
    padtype_to_pads,
)
from ms_func.primitives.reduce import highest, lowest
from ms_func.primitives.window_geometry import (
    Window,
    as_slices,
    attributes,
    cost,
    inline,
    numpy_parts,
    parts,
    shard_terms,
    window_of,
)
from ms_func.primitives.window_select import select_and_gather_add_p

_HALF = frozenset((np.dtype("float16"), bfloat16))
"""Dtypes whose sums XLA takes in float32 on CPU, but not on CUDA."""


def _fold(combine: Callable[[Any, Any], Any], fill: Any, window: Window, x: Any) -> Any:
    """Reduction over windows; sums of 16-bit floats are taken in float32."""
    kind = typeof(x)
    narrow = combine is add and is_inexact(kind.dtype) and kind.dtype.itemsize < 4
    if narrow:
        x = convert_element_type(x, np.float32)
    total: Any = None
    for part in parts(x, literal(fill, x), window):
        total = part if total is None else combine(total, part)
    return convert_element_type(total, kind.dtype) if narrow else total


# --- what the reductions share ----------------------------------------------------------------


def _abstract(name: str, accepts: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, **params: Any) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        return ArrayType(Window(**params).out_shape(x.shape), x.dtype, x.weak_type)

    return abstract


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
        (dim,) = dims
        return primitive().bind(*args, **Window(**params).with_lanes(dim)._asdict()), dim

    return batch


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    left, right, kinds = shard_terms(Window(**params), ins[0], outs[0], neighbours=True)
    return f"{left} -> {right}{kinds}"


def _reduction(
    name: str, *, combine: Any, ufunc: np.ufunc, operation: str,
    identity: Callable[[np.dtype], Any], jvp: Any, accepts: str, transpose: Any = NONLINEAR,
) -> Primitive:  # fmt: skip
    """Make and register a reduction over windows."""
    primitive = register(
        Primitive(
            name,
            abstract=_abstract(name, accepts),
            accepts=accepts,
            ref=_ref(ufunc, identity, exactly=combine is not add),
            lower=_lower(name, combine, operation, identity),
            jvp=jvp,
            transpose=transpose,
            batch=_batch(lambda: primitive),
            shard=_shard,
            cost=cost,
        )
    )
    return primitive


def _ref(ufunc: np.ufunc, identity: Any, exactly: bool) -> Callable[..., np.ndarray]:
    """Reference rule; what is not exact is kept in a wider dtype on the way."""

    def ref(x: np.ndarray, **params: Any) -> np.ndarray:
        wide = x.dtype if exactly else sum_dtype(x.dtype)
        parts = numpy_parts(x.astype(wide), identity(x.dtype), Window(**params))
        out = next(parts)
        for part in parts:
            out = ufunc(out, part)
        return out.astype(x.dtype)

    return ref


def _lower(name: str, combine: Any, operation: str, identity: Any) -> Callable[..., Any]:
    """Lowering rule: few windows as sums of slices, others as an operation of the compiler's."""

    def fold(which: str, window: Window, x: Any) -> Any:
        return _fold(combine, identity(typeof(x).dtype), window, x)

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        window, out = Window(**eqn.params), eqn.outputs[0].type
        if not out.size or not eqn.inputs[0].type.size:
            return b.constant(identity(out.dtype), out)
        if as_slices(b, window) and b.lowerer.num_partitions == 1:  # slices would be gathered
            return inline(b, fold, name, window, eqn, [x])
        kind = eqn.inputs[0].type
        if combine is add and kernels.kind(b) == "cuda" and kind.dtype in _HALF:
            wide, total = (ArrayType(t.shape, np.float32) for t in (kind, out))
            return b.convert(whole(b, b.convert(x, wide), wide, total, window), out)
        return whole(b, x, kind, out, window)

    def whole(b: Any, x: Any, kind: ArrayType, out: ArrayType, window: Window) -> Any:
        scalar = ArrayType((), out.dtype)
        init = b.constant(identity(out.dtype), scalar)

        def make(inner: Any, x: Any, init: Any) -> Any:
            made = inner.operation("stablehlo.reduce_window", [out], [x, init], attributes(window))
            inner.reducer(made, operation, out.dtype)
            return made

        return b.copied((name, kind, window), [kind, scalar], [x, init], make).results[0]

    return lower


# --- sum --------------------------------------------------------------------------------------


def _sum_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    back = Window(**params).reversed(x.type.shape)
    return [reduce_window_sum_p.bind(ct, **back._asdict())]


reduce_window_sum_p = _reduction(
    "reduce_window_sum", combine=add, ufunc=np.add, operation="stablehlo.add",
    identity=lambda d: 0, jvp=Linear(0), transpose=_sum_transpose, accepts="number",
)  # fmt: skip


def reduce_window_sum(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Sums over sliding windows.

    Shapes: each dimension of the result counts the windows that fit along it.
    Dtypes: numbers; the result has the dtype of the operand.

    Args:
        operand: array.
        window_dimensions: size of the window in each dimension of the operand.
        window_strides: from one window to the next; 1 where None.
        padding: "SAME", "SAME_LOWER", "VALID", or `(before, after)` for each dimension, with
            zeros; negative numbers cut elements off.
        base_dilation: spreads the operand: `d - 1` zeros between neighbours.
        window_dilation: spreads the window, with places left out.

    Raises:
        TypeError: there is not one number for each dimension.
    """
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_sum_p.bind(operand, **window._asdict())


# --- maximum and minimum ----------------------------------------------------------------------


def _extremum_jvp(which: str) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        primitive = reduce_window_max_p if which == "max" else reduce_window_min_p
        out = primitive.bind(x, **params)
        if not typeof(x).size:
            return out, Zero(typeof(out).tangent)
        return out, select_and_gather_add_p.bind(t, x, which=which, **params)

    return jvp


reduce_window_max_p = _reduction(
    "reduce_window_max", combine=max, ufunc=np.maximum, operation="stablehlo.maximum",
    identity=lowest, jvp=_extremum_jvp("max"), accepts="ordered",
)  # fmt: skip
reduce_window_min_p = _reduction(
    "reduce_window_min", combine=min, ufunc=np.minimum, operation="stablehlo.minimum",
    identity=highest, jvp=_extremum_jvp("min"), accepts="ordered",
)  # fmt: skip


def reduce_window_max(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Maxima over sliding windows; arguments as for `reduce_window_sum`.

    Padding counts as minus infinity, or the lowest value of the dtype. NaN wins. The
    derivative of a window is that of its first largest element.
    """
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_max_p.bind(operand, **window._asdict())


def reduce_window_min(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Minima over sliding windows; conventions as for `reduce_window_max`."""
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_min_p.bind(operand, **window._asdict())


def reduce_window_shape_tuple(
    operand_shape: Sequence[int],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Any,
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """Shape of the result of a reduction over windows.

    Args:
        operand_shape: shape `[*n]`.
        window_dimensions: size of the window in each dimension.
        window_strides: step of the window.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair (before, after) for each dimension.
        base_dilation: spacing of the elements of the operand, 1 where None.
        window_dilation: spacing of the elements of the window, 1 where None.

    Returns:
        Tuple of Python ints.

    Raises:
        RuntimeError: there is no such padding.

    Example:
        >>> lax.reduce_window_shape_tuple((5, 4), (2, 2), (2, 1), "VALID")
        (2, 3)
        >>> lax.reduce_window_shape_tuple((5,), (2,), (1,), [(1, 0)], window_dilation=(3,))
        (3,)
    """
    shape = tuple(operand_shape)
    ones = (1,) * len(shape)
    spread, holes = tuple(base_dilation or ones), tuple(window_dilation or ones)
    if isinstance(padding, str):
        given = [dilated(n, d) for n, d in zip(shape, spread, strict=True)]
        reach = [dilated(k, r) for k, r in zip(window_dimensions, holes, strict=True)]
        padding = padtype_to_pads(given, reach, window_strides, padding)
    pads = tuple((lo, hi) for lo, hi in padding)
    window = Window(tuple(window_dimensions), tuple(window_strides), pads, spread, holes)
    return window.out_shape(shape)
