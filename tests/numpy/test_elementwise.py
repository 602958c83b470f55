"""Elementwise functions against NumPy's of the same name."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.numpy_oracle import both, same, sample

UNARY = {
    "any": "abs absolute positive square sign isfinite isinf isnan logical_not real imag "
           "conjugate angle isreal iscomplex",
    "real": "negative floor ceil trunc rint signbit fabs isposinf isneginf nan_to_num deg2rad "
            "rad2deg sinc",
    "float": "exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh cbrt",
    "bits": "invert bitwise_count",
}  # fmt: skip
CASES = [
    *[(n, d) for n in UNARY["any"].split() for d in ("float32", "int32", "bool", "complex64")
      if (n, d) not in {("positive", "bool"), ("sign", "bool"), ("sign", "complex64"),
                        ("square", "bool"), ("conjugate", "bool")}],
    *[(n, d) for n in UNARY["real"].split() for d in ("float32", "int32")],
    *[(n, "float32") for n in UNARY["float"].split()],
    *[(n, d) for n in ("exp", "sin", "cosh", "sqrt", "log") for d in ("complex64", "float16")
      if not (n in ("sqrt", "log") and d == "float16")],
    *[(n, d) for n in UNARY["bits"].split() for d in ("int32", "uint8", "bool")
      if (n, d) != ("bitwise_count", "bool")],
]  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_unary(name, dtype):
    both(name, sample(dtype, 3, 4), tol=5e-3 if dtype == "float16" else 5e-5)


@pytest.mark.parametrize("name", ["log", "log2", "log10", "log1p", "sqrt", "reciprocal"])
def test_unary_on_positive_numbers(name):
    both(name, sample("float32", 7, low=0.1))


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctanh"])
def test_unary_inside_the_unit_interval(name):
    both(name, sample("float32", 7, low=-0.9, high=0.9))


ARITHMETIC = "add subtract multiply maximum minimum fmax fmin equal not_equal less less_equal " \
             "greater greater_equal logical_and logical_or logical_xor"  # fmt: skip


@pytest.mark.parametrize("name", ARITHMETIC.split())
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_binary(name, dtype):
    both(name, sample(dtype, 3, 1, 4), sample(dtype, 2, 1, seed=1))
    both(name, sample(dtype, 3), sample(dtype, seed=1))


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod", "divmod"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_division(name, dtype):
    y = sample(dtype, 200, seed=1, low=-9, high=9)
    both(name, sample(dtype, 200, low=-9, high=9), np.where(y == 0, np.ones_like(y), y), tol=1e-4)


def test_division_by_zero_of_floats():
    x = np.array([1.0, -1.0, 0.0, np.inf], np.float32)
    with np.errstate(all="ignore"):
        for name in ("divide", "remainder", "fmod"):
            both(name, x, np.zeros(4, np.float32))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_bits(name, dtype):
    both(name, sample(dtype, 9), sample(dtype, 9, seed=1))


@pytest.mark.parametrize("name", ["left_shift", "right_shift"])
def test_shifts(name):
    both(name, sample("int32", 9), sample("int32", 9, low=0, seed=1))
    both(name, sample("uint8", 9), sample("uint8", 9, seed=1))


@pytest.mark.parametrize("name", ["arctan2", "copysign", "heaviside", "logaddexp", "logaddexp2",
                                  "hypot", "nextafter"])  # fmt: skip
def test_binary_floats(name):
    both(name, sample("float32", 9), sample("float32", 9, seed=1))


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2", "hypot"])
def test_infinities(name):
    x = np.array([np.inf, -np.inf, np.inf, -np.inf, np.nan, 0], np.float32)
    y = np.array([np.inf, -np.inf, -np.inf, 1, 1, -np.inf], np.float32)
    with np.errstate(all="ignore"):
        both(name, x, y)


def test_hypot_does_not_overflow():
    assert float(mnp.hypot(3e38, 1.0)) == pytest.approx(3e38)
    half, inf = np.sqrt(0.5), np.inf
    for x, y, slopes in (
        (1e30, 1e30, (half, half)), (3e-30, -4e-30, (0.6, -0.8)), (-inf, 1.0, (-1, 0)),
        (1.0, inf, (0, 1)), (inf, -inf, (half, -half)), (inf, np.nan, (1, 0)),
    ):  # fmt: skip
        np.testing.assert_allclose(ms.grad(mnp.hypot, (0, 1))(x, y), slopes, rtol=1e-6)


def test_logaddexp_of_complex_numbers_is_the_principal_value():
    x, y = np.random.default_rng(0).normal(size=(2, 50, 2)).view(complex)[..., 0] * 5
    want = np.log(np.exp(x) + np.exp(y))
    np.testing.assert_allclose(mnp.logaddexp(x, y), want, rtol=1e-9)


def test_logaddexp_derivatives_share_a_tie():
    for x in (0.0, 5.0, -200.0):
        assert float(ms.grad(mnp.logaddexp)(x, x)) == 0.5
    assert float(ms.grad(mnp.logaddexp)(-math.inf, 0.0)) == 0.0


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 5, -1, -2])
def test_power_of_a_python_integer(exponent):
    x = sample("float32", 7, low=0.5)
    same(mnp.asarray(x) ** exponent, x**exponent, 1e-5)


def test_power():
    both("power", sample("float32", 7, low=0.1), sample("float32", 7, seed=1))
    both("power", sample("int32", 7), np.arange(7, dtype=np.int32))
    both("power", sample("float32", 7), np.arange(7, dtype=np.int32))
    x = np.array([3, -7, 2, 255], np.int32)
    same(mnp.power(x, np.int32(31)), x ** np.int32(31))  # wraps around as NumPy's


def test_power_refuses_negative_integer_exponents():
    with pytest.raises(TypeError, match="negative powers"):
        mnp.arange(3) ** -1


@pytest.mark.parametrize("decimals", [-1, 0, 1, 2])
def test_round(decimals):
    both("round", sample("float32", 9, low=-40, high=40), decimals, tol=1e-4)
    both("round", np.array([5, 15, 25, -15, 7], np.int32), decimals)


@pytest.mark.parametrize("decimals", [1, 3, -1])
@pytest.mark.parametrize("jit", [ms.jit, lambda f: f])
def test_rounded_numbers_are_those_of_numpy_to_the_last_bit(decimals, jit):
    """A compiler that multiplies by the reciprocal of the power of 10 misses half of them."""
    for dtype in ("float32", "float64"):
        x = (1000 * np.random.default_rng(0).random(999)).astype(dtype)
        got = jit(lambda x: mnp.round(x, decimals))(x)
        np.testing.assert_array_equal(got, np.round(x, decimals))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_whole_numbers_are_rounded_in_integers(dtype):
    info = np.iinfo(dtype)
    x = np.array([15, 25, 35, 0, 77, info.max // 2, info.min // 2], dtype)
    for digits in (1, 2):
        expected = [int(round(int(v), -digits)) for v in x]
        np.testing.assert_array_equal(mnp.round(x, -digits), np.array(expected, dtype))
    assert not mnp.round(x, -30).any()


def test_sinc_of_doubles_near_zero():
    x = np.linspace(-0.01, 0.01, 41)
    same(mnp.sinc(x), np.sinc(x), tol=1e-15)


@pytest.mark.parametrize("bounds", [(-1, 1), (None, 0.5), (-0.5, None), (2, 1)])
def test_clip(bounds):
    x = sample("float32", 9)
    low, high = bounds
    same(mnp.clip(x, low, high), np.clip(x, low, high))
    same(mnp.asarray(x).clip(min=low, max=high), np.clip(x, low, high))


def test_close():
    x = np.array([1.0, 1.0, np.inf, -np.inf, np.nan, 0.0], np.float32)
    y = np.array([1.000001, 1.1, np.inf, np.inf, np.nan, 1e-9], np.float32)
    both("isclose", x, y)
    both("isclose", x, y, equal_nan=True)
    assert bool(mnp.allclose(x[:1], y[:1]))


def test_mantissa_has_a_derivative():
    x = np.array([0.0, 1e-3, 3.0, -5.0])
    slopes = [1, 2**9, 1 / 4, 1 / 8]
    np.testing.assert_array_equal(ms.grad(lambda x: mnp.frexp(x)[0].sum())(x), slopes)
    assert ms.jvp(lambda x: mnp.frexp(x)[0], (x,), (np.ones(4),))[1].tolist() == slopes


def test_frexp_and_ldexp_are_inverse():
    x = np.array([0.0, -0.0, 1.5, -7.25, 3e38, 1e-30, np.inf, -np.inf], np.float32)
    mantissa, exponent = mnp.frexp(x)
    same((mantissa, exponent), np.frexp(x))
    np.testing.assert_array_equal(np.asarray(mnp.ldexp(mantissa, exponent)), x)
    same(mnp.frexp(np.float32([1e-45, -3e-42])), np.frexp(np.float32([1e-45, -3e-42])))


def test_modf():
    both("modf", np.array([1.5, -1.5, 0.0, 3.0, np.inf], np.float32))


@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_divisors(name):
    x, y = sample("int32", 3, 4, low=-30, high=30), sample("int32", 4, low=-30, high=30, seed=1)
    both(name, x, y)
    both(name, np.uint8(12), y.astype(np.uint8) % 100)


def test_complex_order_is_lexicographic():
    x = np.array([1 + 2j, 1 - 2j, 0 + 5j, 1 + 2j], np.complex64)
    y = np.array([1 + 1j, 1 + 1j, 1 - 5j, 1 + 2j], np.complex64)
    for name in ("less", "less_equal", "greater", "greater_equal", "maximum", "minimum"):
        both(name, x, y)


@pytest.mark.parametrize(("name", "pole"), [("log", 0), ("log1p", -1), ("log2", 0), ("arctan", 1j)])
def test_complex_tangents_keep_their_direction_at_a_pole(name, pole):
    """They are divided by 0, each part by itself; a product with 1 / 0 would be NaN."""
    f = getattr(mnp, name)
    slope = ms.jvp(f, (np.complex64(pole),), (np.complex64(1 + 1j),))[1]
    assert (slope.real, slope.imag) == (np.inf, np.inf)


def test_sinc_derivatives_at_zero():
    first, second = ms.grad(mnp.sinc), ms.grad(ms.grad(mnp.sinc))
    assert float(first(0.0)) == 0.0
    assert float(second(0.0)) == pytest.approx(-(math.pi**2) / 3, rel=1e-5)


@pytest.mark.parametrize("name", ["sin", "exp", "negative", "floor", "isnan"])
def test_lists_are_refused(name):
    with pytest.raises(TypeError, match=f"{name} requires ndarray or scalar arguments, got .*list"):
        getattr(mnp, name)([1.0])


def test_shapes_that_do_not_broadcast():
    with pytest.raises(TypeError, match=r"add got incompatible shapes for broadcasting: \(3,\)"):
        mnp.ones(3) + mnp.ones(4)
