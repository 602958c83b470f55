"""Built-in functions of numbers and texts, and `math`, of traced values.

Each takes the arguments of the function it stands for, and does what that does unless one of
them is traced.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func.dtypes import DEFAULTS, is_inexact
from ms_func.primitives import elementwise, special
from ms_func.primitives.bits import clz
from ms_func.primitives.cast import convert_element_type
from ms_func.source.hooks import above
from ms_func.source.hooks.containers.text import text_of
from ms_func.source.hooks.flow.loops import while_
from ms_func.source.hooks.handlers import HANDLERS, is_traced, stands_for
from ms_func.source.hooks.joining.branch import ifexp, not_
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.truths import asked, truth
from ms_func.tracing.tracer import Tracer

# --- numbers ------------------------------------------------------------------------------------


def _scalar(x: Tracer, what: str) -> Any:
    if x.type.size != 1:
        raise TypeError(
            "Only scalar arrays can be converted to Python scalars; got an array of shape "
            f"{x.shape} for a Python {what}"
        )
    return x if x.shape == () else xp.reshape(x, ())


def _weak(x: Any, kind: type) -> Any:
    """A traced number like Python's: of weak type, and no narrower than it is.

    The whole numbers among doubles reach beyond 32 bits.
    """
    dtype = DEFAULTS[kind]
    own = x.dtype
    if kind is int and own == np.float64:
        dtype = np.dtype(np.int64)
    elif kind is not bool and own.kind == dtype.kind and own.itemsize > dtype.itemsize:
        dtype = own
    return convert_element_type(x, dtype, kind is not bool)


def _said(x: Any, *names: str) -> Any:
    """The number that an object of a class in Python says it is; other things as they are."""
    for name in names if type(x) is not Tracer else ():
        own = getattr(type(x), name, None)
        if type(own) is FunctionType:
            return above.call(own, x)
    return x


@stands_for(int)
def _int(*args: Any, **kwargs: Any) -> Any:
    if len(args) == 1 and not kwargs:
        args = (_said(args[0], "__int__", "__index__"),)
    if len(args) == 1 and type(args[0]) is Tracer and not kwargs:
        x = _scalar(args[0], "int")
        known = x.recorder.value_of(x.variable)
        if known is not None:
            return int(known)
        return _weak(xp.trunc(x) if is_inexact(x.dtype) else x, int)
    return int(*args, **kwargs)


@stands_for(float)
def _float(*args: Any) -> Any:
    if len(args) == 1:
        args = (_said(args[0], "__float__", "__index__"),)
    if len(args) == 1 and type(args[0]) is Tracer:
        return _weak(_scalar(args[0], "float"), float)
    return float(*args)


@stands_for(complex)
def _complex(*args: Any, **kwargs: Any) -> Any:
    if not is_traced(*args, *kwargs.values()):
        return complex(*args, **kwargs)
    real = args[0] if args else kwargs.get("real", 0.0)
    imag = args[1] if len(args) > 1 else kwargs.get("imag", 0.0)
    total = real + imag * 1j
    return _weak(_scalar(total, "complex"), complex)


@stands_for(str)
def _str(*args: Any, **kwargs: Any) -> Any:
    return text_of((args[0], "s", "")) if len(args) == 1 else str(*args, **kwargs)


@stands_for(repr)
def _repr(x: Any) -> Any:
    return text_of((x, "r", ""))


@stands_for(format)
def _format(x: Any, spec: str = "") -> Any:
    return text_of((x, "", spec))


@stands_for(bool)
def _bool(*args: Any) -> Any:
    if len(args) == 1 and type(x := asked(args[0])) is Tracer:
        return truth(x)
    return bool(*args)


@stands_for(round)
def _round(number: Any, ndigits: Any = None) -> Any:
    if not is_traced(number, ndigits):
        return round(number) if ndigits is None else round(number, ndigits)
    if type(ndigits) is Tracer:
        return _to_digits(number, ndigits)
    if ndigits is not None:
        return xp.round(number, ndigits)
    return _weak(xp.round(number), int) if number.shape == () else xp.round(number)


def _to_digits(x: Any, ndigits: Any) -> Any:
    """A number to so many digits behind the point, or before it where that is negative."""
    power = xp.power(10.0, xp.abs(ndigits))
    if not is_inexact(xp.result_type(x)):
        return xp.where(ndigits < 0, _weak(xp.rint(x / power) * power, int), x)
    near = xp.where(ndigits < 0, xp.rint(x / power) * power, xp.rint(x * power) / power)
    return xp.where(xp.isfinite(x * power), near, x)


@stands_for(divmod)
def _divmod(a: Any, b: Any) -> Any:
    return (a // b, a % b) if is_traced(a, b) else divmod(a, b)


@stands_for(pow)
def _pow(base: Any, exp: Any, mod: Any = None) -> Any:
    if not is_traced(base, exp, mod):
        return pow(base, exp, mod)
    return base**exp if mod is None else _power_mod(base, exp, mod)


def _power_mod(base: Any, exp: Any, mod: Any) -> Any:
    """Square and multiply, in 64 bits, which each product must fit."""
    narrow = (xp.asarray(base) + xp.asarray(mod)).dtype
    base, mod = (xp.asarray(x, "uint64" if narrow.kind == "u" else "int64") for x in (base, mod))
    base = ifexp(exp < 0, lambda: _inverse(base, mod), lambda: base % mod)

    def step(b: Any, e: Any, out: Any) -> Any:
        odd = e % 2 == 1
        return b * b % mod, e // 2, ifexp(odd, lambda: out * b % mod, lambda: out)

    out = while_(lambda b, e, out: e > 0, step, (base, abs(exp), 1 % mod), ("b", "e", "out"))[2]
    return xp.asarray(out, narrow)


def _inverse(x: Any, mod: Any) -> Any:
    """The number whose product with `x` leaves 1, by Euclid's algorithm."""

    def step(a: Any, b: Any, s: Any, t: Any) -> Any:
        return b, a % b, t, s - a // b * t

    start, names = (x % mod, mod, 1, 0), ("a", "b", "s", "t")
    divisor, _, found, _ = while_(lambda a, b, s, t: b != 0, step, start, names)
    error = ValueError("base is not invertible for the given modulus")
    failures.assert_raising(abs(divisor) == 1, error)
    return divisor * found % mod


# --- math ---------------------------------------------------------------------------------------


_OUTSIDE: dict[str, Callable[[Any], Any]] = {
    "sqrt": lambda x: x < 0, "log": lambda x: x <= 0, "log2": lambda x: x <= 0,
    "log10": lambda x: x <= 0, "log1p": lambda x: x <= -1, "asin": lambda x: abs(x) > 1,
    "acos": lambda x: abs(x) > 1, "acosh": lambda x: x < 1, "atanh": lambda x: abs(x) >= 1,
}  # fmt: skip
"""Where functions of `math` are not defined."""


def _mathematical(plain: Any, traced: Callable[..., Any]) -> None:
    """Enter a function of `math`, of traced numbers by one of arrays."""
    outside = _OUTSIDE.get(plain.__name__)
    error = ValueError("math domain error")

    def handler(*args: Any, **kwargs: Any) -> Any:
        if not is_traced(*args):
            return plain(*args, **kwargs)
        if outside is not None and not np.ndim(args[0]) and failures.is_wanted(error):
            failures.assert_raising(not_(outside(args[0])), error)
        return traced(*args, **kwargs)

    HANDLERS[id(plain)] = handler


def _whole(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: _weak(f(x), int) if np.ndim(x) == 0 else f(x)


def _log(x: Any, *base: Any) -> Any:
    return xp.log(x) / xp.log(base[0]) if base else xp.log(x)


def _isclose(a: Any, b: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Any:
    limit = xp.maximum(rel_tol * xp.maximum(xp.abs(a), xp.abs(b)), abs_tol)
    gap = xp.abs(a - b)  # infinite beside an infinite operand, as the limit is
    return (a == b) | ((gap <= limit) & (gap < math.inf))


def _remainder(x: Any, y: Any) -> Any:
    """What is left of `x` beyond the nearest multiple of `y`, the even one of two as near."""
    y = xp.abs(y * 1.0)
    left = xp.fmod(x, y)
    far, near = xp.abs(left), y - xp.abs(left)
    odd = xp.fmod(x - left, 2 * y) != 0
    return left - xp.where((far > near) | ((far == near) & odd), xp.copysign(y, x), 0.0)


def _folded(f: Any, neutral: float) -> Any:
    """A function of two numbers, of one or many."""
    return lambda x, *rest: functools.reduce(f, rest or (neutral,), x)


def _isqrt(n: Any) -> Any:
    """The greatest integer whose square is `n` at most."""
    failures.assert_raising(n >= 0, ValueError("isqrt() argument must be nonnegative"))
    near = xp.asarray(xp.sqrt(xp.asarray(n, "float64")), n.dtype)
    return near - (near > n // xp.maximum(near, 1)) * 1


def _factorial(n: Any) -> Any:
    failures.assert_raising(n >= 0, ValueError("factorial() not defined for negative values"))
    return _stepwise(n, lambda i, out: out * (i + 1))


def _perm(n: Any, k: Any = None) -> Any:
    if k is None:
        return _factorial(n)
    _check_counts(n, k)
    return _stepwise(k, lambda i, out: out * (n - i))


def _comb(n: Any, k: Any) -> Any:
    _check_counts(n, k)
    return _stepwise(k, lambda i, out: out * (n - i) // (i + 1))


def _check_counts(n: Any, k: Any) -> None:
    """Raise at run time what `math.comb` and `math.perm` do."""
    for x, name in ((n, "n"), (k, "k")):
        error = ValueError(f"{name} must be a non-negative integer")
        failures.assert_raising(xp.greater_equal(x, 0), error)


def _stepwise(count: Any, step: Callable[[Any, Any], Any]) -> Any:
    """An integer made of 1 in as many steps; each must fit the integer type."""
    after = lambda i, out: (i + 1, step(i, out))  # noqa: E731
    return while_(lambda i, _: i < count, after, (0, 1), ("i", "out"))[1]


def _ulp(x: Any) -> Any:
    """Distance to the next number away from zero, and from the greatest to the one before it."""
    x = xp.abs(x * 1.0)
    gap = xp.nextafter(x, math.inf) - x
    gap = xp.where(xp.isinf(gap), x - xp.nextafter(x, 0.0), gap)
    return xp.where(xp.isinf(x), x, gap)


_SAME_NAME = (
    "exp", "expm1", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "fabs", "copysign", "fmod", "isfinite", "isinf", "isnan", "degrees", "radians",
    "ldexp", "nextafter", "exp2", "cbrt", "frexp", "modf",
)  # fmt: skip


def _floating(f: Any) -> Any:
    """`f`, which takes floating arrays, of any number."""
    return lambda x, *rest: f(x * 1.0, *rest)


def _gamma(x: Any) -> Any:
    """The gamma function; below zero its sign changes at every integer."""
    negative = xp.logical_and(x < 0, xp.floor(x) % 2 != 0)
    return xp.where(negative, -1.0, 1.0) * xp.exp(special.lgamma(x * 1.0))


for _name in _SAME_NAME:
    if hasattr(math, _name) and hasattr(xp, _name):
        _mathematical(getattr(math, _name), getattr(xp, _name))
for _name, _traced in {
    "asin": xp.arcsin, "acos": xp.arccos, "atan": xp.arctan, "atan2": xp.arctan2,
    "asinh": xp.arcsinh, "acosh": xp.arccosh, "atanh": xp.arctanh,
    "pow": _floating(xp.power), "hypot": _folded(xp.hypot, 0.0), "gcd": _folded(xp.gcd, 0),
    "lcm": _folded(xp.lcm, 1),
    "floor": _whole(xp.floor), "ceil": _whole(xp.ceil), "trunc": _whole(xp.trunc), "log": _log,
    "isclose": _isclose, "erf": _floating(elementwise.erf),
    "erfc": _floating(elementwise.erfc), "lgamma": _floating(special.lgamma), "gamma": _gamma,
    "remainder": _remainder, "isqrt": _isqrt, "factorial": _factorial, "perm": _perm, "comb": _comb,
    "ulp": _ulp,
}.items():  # fmt: skip
    _mathematical(getattr(math, _name), _traced)


# --- division -----------------------------------------------------------------------------------


def _division(name: str, of_left: bool) -> None:
    """Let an operator raise where Python does, if the user waits for it."""
    full = f"__{'r' * of_left}{name}__"
    plain, native = getattr(Tracer, full), getattr(operator, name, divmod)

    def method(x: Any, y: Any) -> Any:
        by = x if of_left else y
        if failures.is_wanted(_BY_ZERO) and not (np.ndim(x) or np.ndim(y)):
            failures.assert_raising(xp.not_equal(by, 0), _complaint(native, x, y))
        return plain(x, y)

    setattr(Tracer, full, functools.wraps(plain)(method))


_BY_ZERO = ZeroDivisionError()


def _complaint(operation: Any, *operands: Any) -> Exception:
    """What Python says of a division by zero."""
    zeros = [0.0 if is_inexact(xp.result_type(x)) else 0 for x in operands]
    try:
        return operation(*zeros)
    except ZeroDivisionError as error:
        return ZeroDivisionError(*error.args)


for _name in ("truediv", "floordiv", "mod", "divmod"):
    for _of_left in (False, True):
        _division(_name, _of_left)


# --- methods of numbers -------------------------------------------------------------------------


def _is_integer(x: Any) -> Any:
    if not is_inexact(x.dtype):
        return True
    return xp.isfinite(x) & (xp.trunc(x) == x)


def _bits(count: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method of integers that looks at the bits of the absolute value."""

    def method(x: Any) -> Any:
        if is_inexact(x.dtype):
            raise AttributeError(f"'float' object has no attribute '{count.__name__}'")
        return _weak(count(xp.abs(x)), int)

    return method


def bit_length(x: Any) -> Any:
    """Number of bits without leading zeros."""
    return x.dtype.itemsize * 8 - clz(x)


for _name, _method in {
    "is_integer": _is_integer,
    "bit_length": _bits(bit_length),
    "bit_count": _bits(xp.bitwise_count),
}.items():
    setattr(Tracer, _name, _method)
