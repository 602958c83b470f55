"""Elementwise operators, casts and selections."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import KERNELS, Array, elementwise, kernel, same, sigmoid
from ms_func_ascend.prototypes import from_attribute_number


def _vectorized(function: Callable[..., float]) -> Callable[..., Array]:
    """A scalar function of Python floats on arrays, computed in double precision."""

    def run(*xs: Array) -> Array:
        wide = np.broadcast_arrays(*(x.astype(np.float64) for x in xs))
        flat = [
            function(*values) for values in zip(*(w.ravel().tolist() for w in wide), strict=True)
        ]
        return np.array(flat, np.float64).reshape(wide[0].shape)

    return run


def _limit(function: Callable[..., float]) -> Callable[..., float]:
    """A function of `math` outside of its domain, and where its result is out of range."""

    def run(*xs: float) -> float:
        try:
            return function(*xs)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return run


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _digamma(x: float) -> float:
    """Recurrence up to 10, then the asymptotic series; reflection below zero."""
    if math.isnan(x) or x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    if math.isinf(x):
        return math.inf
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
    return total + math.log(x) - 0.5 / x - series


def _erfinv(x: float) -> float:
    """Root of erf by Newton's method from Giles' first approximation."""
    if math.isnan(x) or abs(x) > 1:
        return math.nan
    if abs(x) == 1:
        return math.copysign(math.inf, x)
    w = -math.log((1 - x) * (1 + x))
    y = math.copysign(math.sqrt(max(0.0, math.sqrt((4.3307 + w * -0.5) ** 2 + w / 0.147) - (
        4.3307 - w * 0.5))), x)  # fmt: skip
    for _ in range(60):
        error = math.erf(y) - x if abs(x) < 0.5 else (
            math.copysign(1, x) * ((1 - abs(x)) - math.erfc(abs(y)))
        )  # fmt: skip
        step = error * math.sqrt(math.pi) / 2 * math.exp(y * y)
        y -= max(-0.5, min(0.5, step))
        if abs(step) < 1e-15 * max(1.0, abs(y)):
            break
    return y


def _zeta(s: float, q: float) -> float:
    """Hurwitz zeta by Euler-Maclaurin summation."""
    if s == 1:
        return math.inf
    if s < 1 or math.isnan(s) or math.isnan(q):
        return math.nan
    if q <= 0:
        return math.inf if q == math.floor(q) else math.nan
    n = 12
    total = sum((q + k) ** -s for k in range(n))
    a = q + n
    total += a ** (1 - s) / (s - 1) + 0.5 * a**-s
    term = s * a ** (-s - 1)
    for k, b in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730), 1):
        total += b / math.factorial(2 * k) * term
        term *= (s + 2 * k - 1) * (s + 2 * k) / a**2
    return total


def _bessel(order: int) -> Callable[[float], float]:
    """exp(-|x|) I_order(x): power series for small arguments, asymptotic for large ones."""

    def run(x: float) -> float:
        a = abs(x)
        sign = -1.0 if order and x < 0 else 1.0
        if a < 30:
            term = total = (a / 2) ** order
            for k in range(1, 120):
                term *= (a / 2) ** 2 / (k * (k + order))
                total += term
            return sign * total * math.exp(-a)
        term = total = 1.0
        for k in range(1, 30):
            term *= -(4 * order * order - (2 * k - 1) ** 2) / (k * 8 * a)
            total += term
        return sign * total / math.sqrt(2 * math.pi * a)

    return run


def _of_arrays(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda node, *xs: function(*xs)


_ARRAY_FUNCTIONS = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Abs": np.abs,
    "Exp": np.exp, "Expm1": np.expm1, "Log": np.log, "Log1p": np.log1p, "Sqrt": np.sqrt,
    "Rsqrt": lambda x: 1 / np.sqrt(x), "Tanh": np.tanh, "Sigmoid": sigmoid, "Sin": np.sin,
    "Cos": np.cos, "Tan": np.tan, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan,
    "Sinh": np.sinh, "Cosh": np.cosh, "Asinh": np.arcsinh, "Acosh": np.arccosh,
    "Atanh": np.arctanh, "Atan2": np.arctan2, "Floor": np.floor, "Ceil": np.ceil,
    "Rint": np.rint, "Conj": np.conj, "NextAfter": np.nextafter, "Mod": np.fmod,
    "RealDiv": np.divide, "Maximum": np.fmax, "Minimum": np.fmin, "Pow": np.power,
}  # fmt: skip
_FLOAT_FUNCTIONS = {
    "Erf": math.erf, "Erfc": math.erfc, "Lgamma": _lgamma, "Digamma": _digamma, "Erfinv": _erfinv,
    "BesselI0e": _bessel(0), "BesselI1e": _bessel(1), "Zeta": _zeta,
}  # fmt: skip
for _name, _function in {
    **_ARRAY_FUNCTIONS,
    **{name: _vectorized(_limit(function)) for name, function in _FLOAT_FUNCTIONS.items()},
}.items():
    elementwise(_name, _of_arrays(_function))


@kernel("Sign")
def _sign(node: Node, x: Array) -> Array:
    if x.dtype.kind == "c":
        size = np.abs(x)
        return np.where(size == 0, 0, x / np.where(size == 0, 1, size)).astype(x.dtype)
    return np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)


@kernel("TruncateDiv")
def _truncate_div(node: Node, x: Array, y: Array) -> Array:
    same(x, y)
    if (y == 0).any():
        raise ZeroDivisionError("TruncateDiv by zero")
    if x.dtype.kind == "u":
        return x // y
    if ((y == -1) & (x == np.iinfo(x.dtype).min)).any():
        raise ZeroDivisionError("the quotient does not fit")
    quotient = x // y
    return (quotient + ((x % y != 0) & ((x < 0) != (y < 0)))).astype(x.dtype)


@kernel("TruncateMod")
def _truncate_mod(node: Node, x: Array, y: Array) -> Array:
    same(x, y)
    if x.dtype.kind in "iu" and (y == 0).any():
        raise ZeroDivisionError("TruncateMod by zero")
    return np.fmod(x, y)


@kernel("ClipByValue")
def _clip(node: Node, x: Array, low: Array, high: Array) -> Array:
    same(x, low, high)
    if any(bound.shape not in ((), x.shape) for bound in (low, high)):
        raise ValueError("a bound is neither a scalar nor of the shape of x")
    return np.where(x < low, low, np.where(x > high, high, np.where(x != x, low, x)))


def _comparison(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def run(node: Node, x: Array, y: Array) -> Array:
        same(x, y)
        return function(x, y)

    return run


for _name, _function in {
    "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "LessEqual": np.less_equal,
    "Greater": np.greater, "GreaterEqual": np.greater_equal, "LogicalAnd": np.logical_and,
    "LogicalOr": np.logical_or, "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
}.items():  # fmt: skip
    KERNELS[_name] = _comparison(_function)

KERNELS["LogicalNot"] = lambda node, x: ~x
KERNELS["Invert"] = lambda node, x: ~x
KERNELS["IsNan"] = lambda node, x: x != x
KERNELS["IsInf"] = lambda node, x: np.isinf(x.astype(np.float64))
KERNELS["IsFinite"] = lambda node, x: np.isfinite(x.astype(np.float64))
KERNELS["Identity"] = KERNELS["TensorMove"] = lambda node, x: x
KERNELS["Const"] = lambda node: node.attrs["value"]
KERNELS["ComplexAbs"] = lambda node, x: np.abs(x)
KERNELS["Real"] = lambda node, x: x.real.copy()
KERNELS["Imag"] = lambda node, x: x.imag.copy()


@kernel("LeftShift", "RightShift")
def _shift(node: Node, x: Array, y: Array) -> Array:
    same(x, y)
    amount = y & np.array(8 * x.dtype.itemsize - 1, x.dtype)
    return np.left_shift(x, amount) if node.op == "LeftShift" else np.right_shift(x, amount)


@kernel("PopulationCount")
def _population_count(node: Node, x: Array) -> Array:
    return np.bitwise_count(x.view(f"u{x.dtype.itemsize}")).astype(np.uint8)


@kernel("SelectV2", "Select")
def _select(node: Node, condition: Array, x: Array, y: Array) -> Array:
    same(x, y)
    if node.op == "Select" and not condition.shape == x.shape == y.shape:
        raise ValueError("Select does not broadcast")
    return np.where(condition, x, y)


@kernel("Complex")
def _complex(node: Node, real: Array, imag: Array) -> Array:
    same(real, imag)
    if real.shape != imag.shape:
        raise ValueError("parts of different shapes")
    out = np.empty(real.shape, f"c{2 * real.dtype.itemsize}")
    out.real, out.imag = real, imag
    return out


@kernel("Cast")
def _cast(node: Node, x: Array) -> Array:
    dtype = from_attribute_number(node.attrs["dst_type"])
    assert dtype is not None
    if dtype.kind == "b":
        return x != 0
    if dtype.kind in "iu" and x.dtype.kind in "fV":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        wide = np.trunc(x.astype(np.float64))
        fits = (wide >= low) & (wide < float(high) + 1)
        return np.where(fits, np.where(fits, wide, 0).astype(dtype), np.array(low, dtype))
    if dtype.kind in "iu" and x.dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        inside = np.array([low <= int(v) <= high for v in x.ravel()], bool).reshape(x.shape)
        return np.where(inside, x.astype(dtype), np.array(low, dtype))
    return x.astype(dtype)


@kernel("Bitcast")
def _bitcast(node: Node, x: Array) -> Array:
    dtype = node.attrs["type"]
    x = np.asarray(x, order="C")
    if dtype.itemsize == x.dtype.itemsize:
        return x.view(dtype)
    if dtype.itemsize < x.dtype.itemsize:
        return x.reshape(*x.shape, 1).view(dtype)
    return x.view(dtype).reshape(x.shape[:-1])
