"""Comparison, selection, clamping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.ir.explicit import alike
from ms_func.ir.function import Literal
from ms_func.ir.primitive import (
    ELEMENTWISE,
    LANES,
    PIECEWISE_LINEAR,
    ZERO,
    Primitive,
    Zero,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.basis import broadcast_in_dim_p, reduce_sum_p
from ms_func.primitives.bits import not_p
from ms_func.primitives.families import (
    is_linear,
    literal,
    made_by,
    nary,
    operands,
    spread,
    unary,
    unbroadcast,
)

_BOOL = np.dtype(np.bool_)

# --- comparison ---------------------------------------------------------------------------


def _comparison(name: str, ref: Any, accepts: str = "ordered", words: Any = None) -> Primitive:
    """Comparison primitive; floats compare by IEEE 754, so NaN equals nothing."""
    direction = mlir.parsed, f"#stablehlo<comparison_direction {name.upper()}>"

    def lower(b: Any, eqn: Any, x: Any, y: Any) -> Any:
        x, y = b.full_shape(eqn, (x, y))
        attributes = {"comparison_direction": direction[0](direction[1])}
        return b.op("stablehlo.compare", [eqn.outputs[0].type], [x, y], attributes)

    return nary(name, ref=ref, lower=lower, jvp=ZERO, accepts=accepts, result=_BOOL,
                commutative=name in ("eq", "ne"), words=words)  # fmt: skip


def _differing_words(types: Sequence[ArrayType], x: Any, y: Any) -> Any:
    """For each pair of keys, in how many words they differ."""
    rank = max(t.ndim for t in types)
    shape = next(typeof(v).shape for v in (x, y) if typeof(v).ndim == rank + 1)
    x, y = (
        v
        if typeof(v).shape == shape
        else broadcast_in_dim_p.bind(v, shape=shape, broadcast_dimensions=(rank,))
        for v in (x, y)
    )
    one, zero = (Literal(n, ArrayType((), np.int32)) for n in (1, 0))
    return reduce_sum_p.bind(select_p.bind(ne_p.bind(x, y), one, zero), axes=(rank,))


def _eq_keys(types: Sequence[ArrayType], x: Any, y: Any) -> Any:
    if types[0].key is None:
        return eq_p.bind(x, y)
    return eq_p.bind(_differing_words(types, x, y), Literal(0, ArrayType((), np.int32)))


def _ne_keys(types: Sequence[ArrayType], x: Any, y: Any) -> Any:
    if types[0].key is None:
        return ne_p.bind(x, y)
    return ne_p.bind(_differing_words(types, x, y), Literal(0, ArrayType((), np.int32)))


eq_p = _comparison("eq", np.equal, "any", _eq_keys)
ne_p = _comparison("ne", np.not_equal, "any", _ne_keys)
lt_p = _comparison("lt", np.less)
le_p = _comparison("le", np.less_equal)
gt_p = _comparison("gt", np.greater)
ge_p = _comparison("ge", np.greater_equal)


def eq(x: Any, y: Any) -> Any:
    """Elementwise `x == y`; false where either is NaN.

    Args:
        x: array or number of any dtype, or keys.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.eq(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
        Array([ True, False], dtype=bool)
    """
    return eq_p.bind(*operands(x, y))


def ne(x: Any, y: Any) -> Any:
    """Elementwise `x != y`; true where either is NaN.

    Args:
        x: array or number of any dtype, or keys.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.ne(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
        Array([False,  True], dtype=bool)
    """
    return ne_p.bind(*operands(x, y))


def lt(x: Any, y: Any) -> Any:
    """Elementwise `x < y`; false where either is NaN.

    Args:
        x: array or number of any dtype but complex ones, which have no order.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, they are complex, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.lt(np.array([1, 2, 3]), 2)
        Array([ True, False, False], dtype=bool)
    """
    return lt_p.bind(*operands(x, y))


def le(x: Any, y: Any) -> Any:
    """Elementwise `x <= y`; false where either is NaN.

    Args:
        x: array or number of any dtype but complex ones, which have no order.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, they are complex, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.le(np.array([1, 2, 3]), 2)
        Array([ True,  True, False], dtype=bool)
    """
    return le_p.bind(*operands(x, y))


def gt(x: Any, y: Any) -> Any:
    """Elementwise `x > y`; false where either is NaN.

    Args:
        x: array or number of any dtype but complex ones, which have no order.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, they are complex, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.gt(np.array([1.0, np.nan, 3.0]), 2.0)
        Array([False, False,  True], dtype=bool)
    """
    return gt_p.bind(*operands(x, y))


def ge(x: Any, y: Any) -> Any:
    """Elementwise `x >= y`; false where either is NaN.

    Args:
        x: array or number of any dtype but complex ones, which have no order.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Booleans of the joint shape.

    Raises:
        TypeError: the dtypes differ, they are complex, or the shapes do not fit.

    Reference:
        StableHLO `compare`.

    Example:
        >>> lax.ge(np.array([False, True]), True)
        Array([False,  True], dtype=bool)
    """
    return ge_p.bind(*operands(x, y))


is_finite_p = unary(
    "is_finite", ref=np.isfinite, lower="is_finite", accepts="floating", result=lambda d: _BOOL,
    transcendental=False,
)  # fmt: skip


def is_finite(x: Any) -> Any:
    """Elementwise: neither infinite nor NaN.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Booleans of the shape of `x`.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        StableHLO `is_finite`.

    Example:
        >>> lax.is_finite(np.array([1.0, np.inf, np.nan]))
        Array([ True, False, False], dtype=bool)
    """
    return is_finite_p.bind(x)


# --- selection ----------------------------------------------------------------------------


def _select_abstract(pred: ArrayType, on_true: ArrayType, on_false: ArrayType) -> ArrayType:
    if pred.dtype != _BOOL:
        raise ShapeError(f"select `which` must be boolean or integer type, got {pred.face.name}")
    if on_true.dtype != on_false.dtype:
        raise ShapeError(
            "lax.select requires arguments to have the same dtypes, got "
            f"{on_false.face.name}, {on_true.face.name}\n"
            "fix: convert one with .astype, or use np.where, which promotes"
        )
    if on_true.shape and on_false.shape and on_true.shape != on_false.shape:
        got = [on_false.shape, on_true.shape]
        raise ShapeError(f"select cases must have the same shapes, got {got}")
    shape = on_true.shape or on_false.shape
    if pred.shape and shape and pred.shape != shape:
        raise ShapeError(
            "select `which` must be scalar or have the same shape as cases, got `which` shape "
            f"{pred.shape} but case shape {shape}"
        )
    shape = shape or pred.shape
    return ArrayType(shape, on_true.dtype, on_true.weak_type and on_false.weak_type)


def _select_lower(b: Any, eqn: Any, *values: Any) -> Any:
    pred, *cases = b.full_shape(eqn, values)
    if not eqn.inputs[0].type.shape:
        pred = values[0]  # StableHLO takes a scalar predicate
    return b.op("stablehlo.select", [eqn.outputs[0].type], [pred, *cases])


def _select_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    pred, on_true, on_false = primals
    _, t, f = tangents
    out = select_p.bind(pred, on_true, on_false)
    if type(t) is Zero and type(f) is Zero:
        return out, Zero(typeof(out).tangent)
    t, f = (literal(0, out) if type(v) is Zero else v for v in (t, f))
    return out, spread(select_p.bind(pred, t, f), out)


def _select_transpose(ct: Any, pred: Any, on_true: Any, on_false: Any) -> list[Any]:
    zero = literal(0, ct)
    return [
        None,
        unbroadcast(select_p.bind(pred, ct, zero), on_true) if is_linear(on_true) else None,
        unbroadcast(select_p.bind(pred, zero, ct), on_false) if is_linear(on_false) else None,
    ]


def _select_simplify(producer: Any, pred: Any, on_true: Any, on_false: Any) -> Any:
    if on_true is on_false:
        return on_true
    if type(pred) is Literal:
        return on_true if pred.value else on_false
    inner = made_by(producer, not_p, pred)
    if inner is not None:
        return select_p.bind(inner[0], on_false, on_true)
    for case, place in ((on_true, 1), (on_false, 2)):
        nested = made_by(producer, select_p, case)
        if nested is not None and nested[0] is pred:
            cases = (nested[1], on_false) if place == 1 else (on_true, nested[2])
            return select_p.bind(pred, *cases)
    return None


select_p = register(
    Primitive(
        "select",
        abstract=_select_abstract,
        ref=np.where,
        lower=_select_lower,
        jvp=_select_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_select_transpose,
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        implicit_broadcast=True,
        simplify=_select_simplify,
        words=LANES,
        layout=alike(
            (1, None, "select cases must have the same shardings"),
            (0, 2, "select `which` must be scalar or have the same sharding as cases"),
        ),
    )
)


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """Elementwise choice: `on_true` where `pred`, else `on_false`; both are computed.

    Args:
        pred: booleans, or integers as for `select_n`, of the shape of the others or of rank 0.
        on_true: array.
        on_false: array of the same dtype, and of the same shape or of rank 0.

    Raises:
        TypeError: dtypes differ, shapes do not fit, or `pred` is not boolean.

    Example:
        >>> select(np.array([True, False]), np.array([1, 2]), 0).tolist()
        [1, 0]
    """
    if typeof(pred).dtype.kind in "iu":
        return select_n(pred, on_false, on_true)
    return select_p.bind(pred, *operands(on_true, on_false))


def select_n(which: Any, *cases: Any) -> Any:
    """Elementwise choice among several cases by their number.

    Args:
        which: booleans (case 1 where true, case 0 where false) or int32 numbers, of the shape of
            the cases or a scalar. Numbers outside choose the nearest case.
        *cases: arrays of one shape and dtype; all of them are computed.

    Returns:
        Array of the shape and dtype of the cases.

    Raises:
        TypeError: `which` is neither boolean nor integer, or there are more than two cases
            for booleans.
        ValueError: there are no cases.

    Reference:
        StableHLO `select`, `case`.

    Example:
        >>> lax.select_n(np.array([False, True]), np.array([1, 2]), np.array([10, 20]))
        Array([ 1, 20], dtype=int32)
        >>> lax.select_n(np.array([0, 2, 9]), *np.arange(9).reshape(3, 3))
        Array([0, 7, 8], dtype=int32)
    """
    count, kind = len(cases), typeof(which)
    if count == 0:
        raise ArgumentValueError("select_n() must have at least one case")
    if kind.dtype == _BOOL:
        if count > 2:
            raise ShapeError(f"select with boolean `which` cannot have > 2 cases, got {count}")
        return select(which, cases[-1], cases[0]) if count == 2 else cases[0]
    if not issubdtype(kind.dtype, np.integer):
        raise ShapeError(f"select `which` must be boolean or integer type, got {kind.face.name}")
    out = cases[-1]
    for k in range(count - 1, 0, -1):
        out = select(lt(which, k), cases[k - 1], out)
    return out


# --- clamp --------------------------------------------------------------------------------


def _clamp_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Tangent of the operand that is the result; 0 where `x` lies on a bound."""
    lo, x, hi = primals
    out = clamp_p.bind(lo, x, hi)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(typeof(out).tangent)
    t_lo, t_x, t_hi = (literal(0, out) if type(t) is Zero else t for t in tangents)
    inside = select(gt(x, lo), select(lt(x, hi), t_x, literal(0, out)), literal(0, out))
    return out, spread(select(gt(lo, x), t_lo, select(lt(hi, x), t_hi, inside)), out)


clamp_p = nary(
    "clamp", ref=lambda lo, x, hi: np.minimum(np.maximum(x, lo), hi), lower="clamp",
    jvp=_clamp_jvp, jet=PIECEWISE_LINEAR, accepts="ordered",
    layout=lambda primitive, ins, outs, params: (outs[0].update(explicit=ins[1].explicit),),
)  # fmt: skip


def clamp(min: Any, x: Any, max: Any) -> Any:
    """`x` limited to `[min, max]` elementwise; NaN stays NaN.

    Args:
        min: bound below, of the shape of `x` or of rank 0.
        x: array of any dtype with an order.
        max: bound above, likewise.

    Raises:
        TypeError: dtypes differ, shapes do not fit, or numbers are complex.

    Example:
        >>> clamp(0, np.array([-1, 2, 9]), 5).tolist()
        [0, 2, 5]
    """
    return clamp_p.bind(*operands(min, x, max))
