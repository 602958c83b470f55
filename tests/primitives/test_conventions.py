"""Values and derivatives at the points where a convention is needed: ties, zeros, edges."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.errors import ShapeError, UnsupportedError

INF, NAN = float("inf"), float("nan")


def slope(f, x):
    return float(ms.grad(f)(np.float64(x)))


@pytest.mark.parametrize(
    ("f", "x", "want"),
    [
        (lambda x: lax.max(x, 1.0), 1.0, 0.5),
        (lambda x: lax.min(1.0, x), 1.0, 0.5),
        (lambda x: lax.max(x, x), 1.0, 1.0),
        (lambda x: lax.clamp(0.0, x, 1.0), 0.0, 0.0),
        (lambda x: lax.clamp(0.0, x, 1.0), 1.0, 0.0),
        (lambda x: lax.clamp(x, np.float64(0.5), 1.0), 0.6, 1.0),
        (lambda x: lax.clamp(x, np.float64(0.5), 1.0), 0.5, 0.0),
        (lax.abs, 0.0, 1.0),
        (lax.sign, 0.0, 0.0),
        (lax.sqrt, 0.0, INF),
        (lax.cbrt, 0.0, INF),
        (lax.rsqrt, 0.0, -INF),
        (lax.log, 0.0, INF),
        (lax.asin, 1.0, INF),
        (lax.acos, 1.0, -INF),
        (lax.acosh, 1.0, INF),
        (lax.floor, 0.5, 0.0),
        (lax.bessel_i1e, 0.0, 0.5),
        (lambda x: lax.pow(x, 0.0), 0.0, 0.0),
        (lambda x: lax.pow(x, 1.0), 0.0, 1.0),
        (lambda x: lax.pow(x, 2.0), 0.0, 0.0),
        (lambda x: lax.pow(x, 0.5), 0.0, INF),
        (lambda x: lax.pow(x, 3.0), -2.0, 12.0),
        (lambda x: lax.pow(x, np.int32(3)), -2.0, 12.0),
        (lambda x: lax.pow(x, np.uint8(0)), 0.0, 0.0),
        (lambda y: lax.pow(np.float64(0.0), y), 0.0, 0.0),
        (lambda y: lax.pow(np.float64(0.0), y), 2.0, 0.0),
        (lambda y: lax.pow(np.float64(-2.0), y), 2.0, NAN),
        (lambda x: lax.integer_pow(x, 0), 0.0, 0.0),
        (lambda x: lax.integer_pow(x, 1), 0.0, 1.0),
        (lambda x: lax.integer_pow(x, 3), 0.0, 0.0),
        (lambda x: lax.rem(x, np.float64(2.0)), 5.0, 1.0),
        (lambda x: lax.rem(np.float64(-5.0), x), 2.0, 2.0),
    ],
)
def test_derivatives_at_points_that_need_a_convention(f, x, want):
    np.testing.assert_equal(slope(f, x), want)


def test_second_derivatives_of_powers_at_zero():
    assert slope(ms.grad(lambda x: lax.pow(x, 2.0)), 0.0) == 2.0
    assert slope(ms.grad(lambda x: lax.integer_pow(x, 2)), 0.0) == 2.0


def test_gradients_of_real_functions_of_a_complex_number():
    z = np.complex128(3 - 4j)
    assert complex(ms.grad(lax.abs)(z)) == pytest.approx((3 + 4j) / 5)
    assert complex(ms.grad(lax.abs)(np.complex128(0))) == 0
    assert complex(ms.grad(lambda z: lax.real(z))(z)) == 1
    assert complex(ms.grad(lambda z: lax.imag(z))(z)) == -1j
    squared = ms.grad(lambda z: lax.real(lax.mul(z, lax.conj(z))))(z)
    assert complex(squared) == pytest.approx(2 * (3 + 4j))


def test_a_select_keeps_the_case_not_taken_out_of_the_gradient():
    def f(x):
        positive = lax.gt(x, 0.0)
        safe = lax.select(positive, x, 1.0)
        return lax.select(positive, lax.log(safe), 0.0)

    assert slope(f, -1.0) == 0.0
    assert slope(f, 2.0) == 0.5


@pytest.mark.parametrize("x", [7, -7])
@pytest.mark.parametrize("y", [2, -2, 0])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integer_division_truncates(x, y, dtype):
    x, y = np.dtype(dtype).type(x), np.dtype(dtype).type(y)
    want = -1 if y == 0 else int(x / y)
    assert int(lax.div(x, y)) == want
    assert int(lax.rem(x, y)) == (x if y == 0 else x - want * y)


def test_rounding_of_halves():
    x = np.array([-2.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    away = lax.round(x)
    even = lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)
    np.testing.assert_array_equal(away, [-3, -1, 1, 2, 3])
    np.testing.assert_array_equal(even, [-2, 0, 0, 2, 2])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_floats_become_integers_by_truncation_and_saturate(dtype):
    info = np.iinfo(dtype)
    x = np.array([-1e20, -1.9, -0.5, 1.9, 1e20, NAN], np.float64)
    want = [info.min, max(-1, info.min), 0, 1, info.max, 0]
    np.testing.assert_array_equal(lax.convert_element_type(x, dtype), want)


def test_select_n_takes_the_nearest_case():
    cases = [np.full(3, k, np.float32) for k in range(3)]
    got = lax.select_n(np.array([-1, 1, 7]), *cases)
    np.testing.assert_array_equal(got, [0, 1, 2])
    got = lax.select_n(np.array([True, False, True]), *cases[:2])
    np.testing.assert_array_equal(got, [1, 0, 1])


def test_complex_numbers_of_weak_parts_are_weak():
    assert [ms.typeof(z).weak_type for z in (lax.complex(1.0, 2.0), lax.conj(1.0))] == [True] * 2
    assert not ms.typeof(lax.complex(np.float32(1), 2.0)).weak_type


def test_transforms_convert_integers_and_real_spectra():
    np.testing.assert_array_equal(lax.fft(np.arange(4), "RFFT", (4,)), np.fft.rfft(np.arange(4)))
    back = lax.fft(np.array([4.0, 0.0, 0.0]), "IRFFT", (4,))
    np.testing.assert_array_equal(back, np.fft.irfft([4, 0, 0], 4))


def test_a_composite_sees_arrays_and_numbers_stay_weak():
    assert lax.composite(lambda x: x.reshape(1), "my.row")(1.5).tolist() == [1.5]
    assert ms.typeof(lax.stage(3)).weak_type


def test_dimensions_of_size_1_are_repeated():
    x, y = np.ones((2, 1), np.float32), np.arange(3, dtype=np.float32)[None]
    np.testing.assert_array_equal(lax.add(x, y), x + y)
    gx, gy = ms.grad(lambda x, y: lax.reduce_sum(lax.mul(x, y), (0, 1)), (0, 1))(x, y)
    np.testing.assert_array_equal(gx, [[3], [3]])
    np.testing.assert_array_equal(gy, [[2, 2, 2]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lax.add(np.arange(3), 1.5), ShapeError, "same dtypes"),
        (lambda: lax.add(np.zeros(3), np.zeros(2)), ShapeError, "incompatible shapes"),
        (lambda: lax.sqrt(np.int32(4)), ShapeError, "does not accept"),
        (lambda: lax.lt(np.complex64(1), np.complex64(2)), ShapeError, "ordered"),
        (lambda: lax.sin(np.arange(3)), TypeError, "are subtypes of floating, complexfloating"),
        (lambda: lax.integer_pow(np.int32(2), -1), ShapeError, "negative powers"),
        (lambda: lax.select(np.ones(2), 1.0, 2.0), ShapeError, "must be boolean or integer"),
        (lambda: lax.select_n(np.ones(2, bool), 1.0, 2.0, 3.0), ShapeError, "at most 2"),
        (lambda: lax.select_n(np.int32(0)), ValueError, "at least one case"),
        (lambda: lax.reduce_precision(1.0, 0, 3), ValueError, "exponent bit"),
        (lambda: lax.bitcast_convert_type(np.zeros(3, np.int8), np.int32), ValueError, "wider"),
        (lambda: lax.complex(np.float16(1), np.float16(2)), ShapeError, "are float32, float64"),
        (lambda: lax.conj(np.int32(1)), ShapeError, "are float32, float64"),
        (lambda: lax.fft(np.ones(4), "FFT", (3,)), ValueError, "of kind FFT and lengths"),
        (lambda: lax.fft(np.ones(4, "c8"), "RFFT", (4,)), ValueError, "takes float32 or float64"),
        (lambda: lax.reciprocal(np.int32(2)), ShapeError, "reciprocal does not accept"),
        (lambda: ms.grad(lambda m: lax.polygamma(m, 1.0))(2.0), UnsupportedError, "whole orders"),
    ],
)
def test_misuse_is_explained(call, error, words):
    with pytest.raises(error, match=words):
        call()
