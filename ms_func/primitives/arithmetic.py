"""Arithmetic: sums, products, quotients, extrema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.ir.function import Literal
from ms_func.ir.primitive import (
    ADDED,
    PASSED,
    PIECEWISE_LINEAR,
    SCALED,
    Primitive,
    Recurrence,
    Zero,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import parsed
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import (
    fold,
    is_linear,
    literal,
    made_by,
    nary,
    operands,
    same_operands,
    spread,
    unary,
    unbroadcast,
)

# --- negation ---------------------------------------------------------------------------


def _neg_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x,), (t,) = primals, tangents
    return neg(x), t if type(t) is Zero else neg(t)


def _neg_simplify(producer: Any, x: Any) -> Any:
    if type(x) is Literal:
        return fold(neg_p, x)
    eqn = producer(x)
    if eqn is None:
        return None
    if eqn.primitive is neg_p:
        return eqn.inputs[0]
    if eqn.primitive is sub_p:
        a, b = eqn.inputs
        return sub_p.bind(b, a)
    if eqn.primitive is mul_p:
        a, b = eqn.inputs
        if type(b) is Literal:
            return mul_p.bind(a, fold(neg_p, b))
        if type(a) is Literal:
            return mul_p.bind(b, fold(neg_p, a))
    return None


neg_p = unary(
    "neg", ref=np.negative, lower="negate", accepts="number", transcendental=False,
    jvp=_neg_jvp, transpose=lambda ct, x: [neg(ct)], simplify=_neg_simplify, jet=PIECEWISE_LINEAR,
    sums=PASSED,
)  # fmt: skip


def neg(x: Any) -> Any:
    """Elementwise `-x`; integers wrap around.

    Args:
        x: array or number of any dtype but bool.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` is boolean.

    Reference:
        StableHLO `negate`.

    Example:
        >>> lax.neg(np.array([1, 255], np.uint8))
        Array([255,   1], dtype=uint8)
    """
    return neg_p.bind(x)


# --- addition and subtraction -------------------------------------------------------------


def _add_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = add_p.bind(x, y)
    if type(tx) is Zero:
        return out, (Zero(typeof(out).tangent) if type(ty) is Zero else spread(ty, out))
    if type(ty) is Zero:
        return out, spread(tx, out)
    return out, spread(add_p.bind(tx, ty), out)


def _add_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [unbroadcast(ct, v) if is_linear(v) else None for v in (x, y)]


def _add_simplify(producer: Any, x: Any, y: Any) -> Any:
    if type(x) is Literal:
        x, y = y, x
    if type(y) is Literal:
        return fold(add_p, x, y) if type(x) is Literal else x if y.value == 0 else None
    a, b = made_by(producer, neg_p, x), made_by(producer, neg_p, y)
    if b is not None:
        return sub_p.bind(x, b[0])
    if a is not None:
        return sub_p.bind(y, a[0])
    return _like_terms(producer, x, y, 1)


def _like_terms(producer: Any, x: Any, y: Any, sign: int) -> Any:
    """`x + sign * y` as one product where both are small whole multiples of one value.

    Such multiples add up without rounding. They have the same sign: infinities that cancel
    give NaN and must go on doing so.
    """
    (a, m), (b, n) = _multiple(producer, x), _multiple(producer, y)
    if a is not b or m * n * sign <= 0:
        return None
    return mul_p.bind(a, literal(m + sign * n, a))


def _multiple(producer: Any, x: Any) -> tuple[Any, int]:
    """`(a, n)` such that `x` is `n * a`; n is 1 where `x` is no small whole multiple."""
    factors = made_by(producer, mul_p, x)
    if factors is not None:
        for a, c in (factors, factors[::-1]):
            if type(c) is Literal and c.value == (n := _small_whole(c.value)):
                return a, n
    return x, 1


def _small_whole(value: Any) -> int:
    """`value` as an int where it is a whole number up to 64, else 0."""
    if isinstance(value, np.generic):
        value = value.item()
    small = isinstance(value, (int, float)) and abs(value) <= 64
    return int(value) if small else 0


add_p = nary("add", ref=lambda x, y: np.add(x, y), lower="add", jvp=_add_jvp,
             transpose=_add_transpose, commutative=True, simplify=_add_simplify,
             jet=PIECEWISE_LINEAR, sums=ADDED)  # fmt: skip


def add(x: Any, y: Any) -> Any:
    """Elementwise `x + y` of operands of one dtype; logical or for booleans.

    Args:
        x: array or number of any dtype.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands; integers wrap around.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `add`.

    Example:
        >>> lax.add(np.array([127, 1], np.int8), 1)
        Array([-128,    2], dtype=int8)
        >>> lax.add(np.array([1]), np.array([0.5]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ms_func.errors.ShapeError: ...lax.add requires arguments to have the same dtypes...
    """
    return add_p.bind(*operands(x, y))


def _sub_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = sub_p.bind(x, y)
    if type(ty) is Zero:
        return out, (Zero(typeof(out).tangent) if type(tx) is Zero else spread(tx, out))
    if type(tx) is Zero:
        return out, spread(neg(ty), out)
    return out, spread(sub_p.bind(tx, ty), out)


def _sub_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [
        unbroadcast(ct, x) if is_linear(x) else None,
        neg(unbroadcast(ct, y)) if is_linear(y) else None,
    ]


def _sub_simplify(producer: Any, x: Any, y: Any) -> Any:
    if type(y) is Literal:
        return fold(sub_p, x, y) if type(x) is Literal else x if y.value == 0 else None
    if type(x) is Literal and x.value == 0:
        return neg_p.bind(y)
    a, b = made_by(producer, neg_p, x), made_by(producer, neg_p, y)
    if b is not None:
        return add_p.bind(x, b[0])
    if a is not None and a[0].type.shape == y.type.shape:
        return neg_p.bind(add_p.bind(a[0], y))
    return _like_terms(producer, x, y, -1)


sub_p = nary("sub", ref=lambda x, y: np.subtract(x, y), lower="subtract", jvp=_sub_jvp,
             transpose=_sub_transpose, accepts="number", simplify=_sub_simplify,
             jet=PIECEWISE_LINEAR, sums=ADDED)  # fmt: skip


def sub(x: Any, y: Any) -> Any:
    """Elementwise `x - y`; integers wrap around.

    Args:
        x: array or number of any dtype but bool.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are bool, or the shapes do not fit.

    Reference:
        StableHLO `subtract`.

    Example:
        >>> lax.sub(np.array([0, 5], np.uint8), 1)
        Array([255,   4], dtype=uint8)
    """
    return sub_p.bind(*operands(x, y))


# --- multiplication and division ----------------------------------------------------------


def product_rule(out: Any, *terms: Any) -> Any:
    """Sum of the tangent terms that are not zero, at the shape of the result."""
    live = [t for t in terms if t is not None]
    if not live:
        return Zero(typeof(out).tangent)
    total = live[0]
    for t in live[1:]:
        total = add_p.bind(total, t)
    return spread(total, out)


def _mul_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = mul_p.bind(x, y)
    return out, product_rule(
        out,
        None if type(tx) is Zero else mul_p.bind(tx, y),
        None if type(ty) is Zero else mul_p.bind(x, ty),
    )


def _mul_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    if is_linear(x):
        return [unbroadcast(mul_p.bind(ct, y), x), None]
    return [None, unbroadcast(mul_p.bind(x, ct), y)]


def _mul_simplify(producer: Any, x: Any, y: Any) -> Any:
    if type(x) is Literal:
        x, y = y, x
    if type(y) is Literal:
        return fold(mul_p, x, y) if type(x) is Literal else _scaled(producer, x, y)
    a, b = _negated(producer, x, y), _negated(producer, y, x)
    if a is None and b is None:
        return None
    product = mul_p.bind(x if a is None else a, y if b is None else b)
    return product if a is not None and b is not None else neg_p.bind(product)


def _negated(producer: Any, x: Any, other: Any) -> Any:
    """`a` where `x` is `-a`, unless negating the product would cost more than negating `x`."""
    found = made_by(producer, neg_p, x)
    return found[0] if found is not None and x.type.size >= other.type.size else None


def _scaled(producer: Any, x: Any, c: Literal) -> Any:
    """`x` times a literal."""
    if c.value == 1:
        return x
    if c.value == -1:
        return neg_p.bind(x)
    inner = made_by(producer, neg_p, x)
    if inner is not None:
        return mul_p.bind(inner[0], fold(neg_p, c))
    factors = made_by(producer, mul_p, x)
    if factors is not None:
        for a, d in (factors, factors[::-1]):
            if type(d) is Literal:
                product = fold(mul_p, c, d)
                return mul_p.bind(a, product) if _is_ordinary(product) else None
    return None


def _is_ordinary(c: Literal) -> bool:
    """Whether multiplying by `c` once in place of twice neither overflows nor underflows more."""
    dtype = c.type.dtype
    if not is_inexact(dtype):
        return True
    span = 1e3 if dtype.itemsize < 4 else 1e12
    return dtype.kind != "c" and 1 / span < abs(c.value) < span


def _mul_term(n: int, operands: Sequence[Any], out: Any) -> Any:
    """Convolution: sum of x_k y_{n-k}."""
    x, y = operands
    return _sum_of_products([(x[k], y[n - k]) for k in range(n + 1)], Zero(typeof(out[0]).tangent))


def _sum_of_products(pairs: Sequence[tuple[Any, Any]], total: Any) -> Any:
    """`total` plus the products of those pairs neither of which is zero."""
    for x, y in pairs:
        if type(x) is not Zero and type(y) is not Zero:
            product = mul_p.bind(x, y)
            total = product if type(total) is Zero else add_p.bind(total, product)
    return total


mul_p = nary("mul", ref=lambda x, y: np.multiply(x, y), lower="multiply", jvp=_mul_jvp,
             transpose=_mul_transpose, commutative=True, simplify=_mul_simplify, sums=SCALED,
             jet=Recurrence(_mul_term))  # fmt: skip


def mul(x: Any, y: Any) -> Any:
    """Elementwise `x * y`; logical and for booleans, integers wrap around."""
    return mul_p.bind(*operands(x, y))


def multiplied(derivative: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Tangent rule of a function from dy/dx."""
    return lambda t, x, y: mul_p.bind(t, derivative(x, y))


def divided(inverse: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Tangent rule of a function from dx/dy, which may be 0.

    Complex tangents are divided by it: 1/0 is `inf+nanj`, and a product with that keeps nothing
    of the tangent. Real ones are multiplied by one reciprocal for all tangents.
    """

    def rule(t: Any, x: Any, y: Any) -> Any:
        slope = inverse(x, y)
        if typeof(t).dtype.kind == "c":
            return div_p.bind(t, slope)
        return mul_p.bind(t, div_p.bind(literal(1, x), slope))

    return rule


def smooth(
    name: str,
    *,
    derivative: Callable[[Any, Any], Any] | None = None,
    inverse: Callable[[Any, Any], Any] | None = None,
    **rest: Any,
) -> Primitive:
    """Make and register an elementwise primitive of one operand with a derivative.

    Args:
        name: name in the IR, which must be new.
        derivative: dy/dx from the input x and the output y.
        inverse: in its place, dx/dy, by which tangents are divided.
        **rest: as for `families.unary`: `ref`, the NumPy function; `lower`, the StableHLO operation
            or
            a rule; `accepts`, a category of dtypes such as "inexact", the default.

    Returns:
        The primitive; its `bind` applies it.

    Raises:
        ValueError: there is one of that name.

    Example:
        >>> import numpy
        >>> twice_p = ms.extend.elementwise(
        ...     "docs_twice_sine", ref=lambda x: 2 * numpy.sin(x),
        ...     derivative=lambda x, y: 2 * np.cos(x),
        ...     lower=ms.extend.lower_as(lambda x: 2 * np.sin(x)))
        >>> twice_p.bind(0.0).item(), ms.grad(twice_p.bind)(0.0).item()
        (0.0, 2.0)
    """
    if inverse is not None:
        rule = divided(inverse)
    else:
        assert derivative is not None
        rule = multiplied(derivative)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        y = primitive.bind(x, **params)
        return y, t if type(t) is Zero else rule(t, x, y)

    primitive = unary(name, jvp=jvp, **rest)
    return primitive


def _div_ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iu":
        return np.divide(x, y)
    safe = np.where(y == 0, np.ones_like(y), y)
    floored, rest = np.divmod(x, safe)
    quotient = floored + ((rest != 0) & ((x < 0) != (safe < 0))).astype(x.dtype)
    return np.where(y == 0, np.asarray(-1).astype(x.dtype), quotient)


def _div_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = div_p.bind(x, y)
    return out, product_rule(
        out,
        None if type(tx) is Zero else div_p.bind(tx, y),
        None if type(ty) is Zero else mul_p.bind(neg(ty), div_p.bind(out, y)),
    )


def _div_term(n: int, operands: Sequence[Any], out: Any) -> Any:
    """From x = y z: z_n is x_n less the sum of y_k z_{n-k} over k = 1..n, over y_0."""
    x, y = operands
    known = _sum_of_products([(y[k], out[n - k]) for k in range(1, n + 1)], Zero(typeof(y[0])))
    if type(known) is Zero:
        return x[n] if type(x[n]) is Zero else div_p.bind(x[n], y[0])
    rest = neg(known) if type(x[n]) is Zero else sub_p.bind(x[n], known)
    return div_p.bind(rest, y[0])


def _div_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [unbroadcast(div_p.bind(ct, y), x), None]


def _is_power_of_two(c: Literal) -> bool:
    """Whether dividing by `c` is multiplying by its inverse, bit for bit."""
    if c.type.dtype.kind != "f":
        return False
    mantissa, exponent = np.frexp(float(c.value))
    return abs(mantissa) == 0.5 and abs(exponent) < 12


def _div_simplify(producer: Any, x: Any, y: Any) -> Any:
    if type(y) is Literal:
        if type(x) is Literal:
            return fold(div_p, x, y)
        if y.value == 1 or y.value == -1:
            return x if y.value == 1 else neg_p.bind(x)
        return mul_p.bind(x, fold(div_p, literal(1, y), y)) if _is_power_of_two(y) else None
    a, b = _negated(producer, x, y), _negated(producer, y, x)
    if a is not None and b is not None and is_inexact(x.type.dtype):
        return div_p.bind(a, b)
    return None


div_p = nary("div", ref=_div_ref, lower="divide", jvp=_div_jvp, transpose=_div_transpose,
             accepts="number", simplify=_div_simplify, jet=Recurrence(_div_term),
             sums=SCALED)  # fmt: skip


def div(x: Any, y: Any) -> Any:
    """Elementwise `x / y`; integers truncate towards zero, and give -1 where `y` is 0.

    Args:
        x: array or number of any dtype but bool.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands: floats follow IEEE 754.

    Raises:
        TypeError: the dtypes differ, they are bool, or the shapes do not fit.

    Reference:
        StableHLO `divide`.

    Example:
        >>> lax.div(np.array([-7, 7, 1]), np.array([2, 2, 0]))
        Array([-3,  3, -1], dtype=int32)
        >>> lax.div(np.array([1.0, 0.0]), 0.0)
        Array([inf, nan], dtype=float32)
    """
    return div_p.bind(*operands(x, y))


# --- maximum and minimum ------------------------------------------------------------------


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Tangent of max and min: that of the operand chosen, and half of each at a tie."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x, y), (tx, ty) = primals, tangents
        out = primitive().bind(x, y)
        if not is_inexact(typeof(out).dtype):
            return out, Zero(typeof(out).tangent)
        one, zero, half = (literal(v, out) for v in (1, 0, 0.5))
        first, second = eq(x, out), eq(y, out)

        def share(mine: Any, other: Any) -> Any:
            return select(mine, select(other, half, one), zero)

        return out, product_rule(
            out,
            None if type(tx) is Zero else mul_p.bind(tx, share(first, second)),
            None if type(ty) is Zero else mul_p.bind(ty, share(second, first)),
        )

    return jvp


def lexical_extremum(b: Any, kind: ArrayType, x: Any, y: Any, direction: str) -> Any:
    """Lower max ("GT") or min ("LT") of complex numbers: by real, then by imaginary part.

    StableHLO has them for real numbers only. A number with a NaN in either part wins.
    """
    flag = ArrayType(kind.shape, np.bool_)
    part = ArrayType(kind.shape, np.dtype(f"f{kind.dtype.itemsize // 2}"))

    def compare(which: str, p: Any, q: Any) -> Any:
        attribute = parsed(f"#stablehlo<comparison_direction {which}>")
        return b.op("stablehlo.compare", [flag], [p, q], {"comparison_direction": attribute})

    def is_nan(re: Any, im: Any) -> Any:
        return b.op("stablehlo.or", [flag], [compare("NE", re, re), compare("NE", im, im)])

    (xr, yr), (xi, yi) = (
        [b.op(f"stablehlo.{name}", [part], [v]) for v in (x, y)] for name in ("real", "imag")
    )
    first, second = compare(direction, xr, yr), compare(direction, xi, yi)
    wins = b.op("stablehlo.select", [flag], [compare("EQ", xr, yr), second, first])
    y_number = b.op("stablehlo.not", [flag], [is_nan(yr, yi)])
    wins = b.op("stablehlo.and", [flag], [wins, y_number])
    wins = b.op("stablehlo.or", [flag], [wins, is_nan(xr, xi)])
    return b.op("stablehlo.select", [kind], [wins, x, y])


def _extremum_lower(name: str, direction: str) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, x: Any, y: Any) -> Any:
        out = eqn.outputs[0].type
        x, y = b.full_shape(eqn, (x, y))
        if out.dtype.kind == "c":
            return lexical_extremum(b, out, x, y, direction)
        return b.op(name, [out], [x, y])

    return lower


max_p = nary("max", ref=np.maximum, lower=_extremum_lower("stablehlo.maximum", "GT"),
             jvp=_extremum_jvp(lambda: max_p), commutative=True, jet=PIECEWISE_LINEAR,
             simplify=same_operands)  # fmt: skip
min_p = nary("min", ref=np.minimum, lower=_extremum_lower("stablehlo.minimum", "LT"),
             jvp=_extremum_jvp(lambda: min_p), commutative=True, jet=PIECEWISE_LINEAR,
             simplify=same_operands)  # fmt: skip


def max(x: Any, y: Any) -> Any:
    """Elementwise maximum; NaN wins; a tie shares its derivative equally.

    Args:
        x: array or number of any dtype; complex numbers are compared by real, then imaginary part.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `maximum`.

    Example:
        >>> lax.max(np.array([1.0, np.nan]), np.array([2.0, 0.0]))
        Array([ 2., nan], dtype=float32)
        >>> [float(g) for g in ms.grad(lax.max, (0, 1))(1.0, 1.0)]
        [0.5, 0.5]
    """
    return max_p.bind(*operands(x, y))


def min(x: Any, y: Any) -> Any:
    """Elementwise minimum; NaN wins; a tie shares its derivative equally.

    Args:
        x: array or number of any dtype; complex numbers are compared by real, then imaginary part.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `minimum`.

    Example:
        >>> lax.min(np.array([1.0, np.nan]), np.array([2.0, 0.0]))
        Array([ 1., nan], dtype=float32)
        >>> lax.min(np.array([True, False]), True)
        Array([ True, False], dtype=bool)
    """
    return min_p.bind(*operands(x, y))
