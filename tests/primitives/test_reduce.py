"""Conventions of reductions that the generic tests do not see: ties, NaN, zeros, no elements."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
from ms_func import lax


def test_ties_of_an_extremum_share_the_derivative_equally():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], np.float32)
    got = ms.grad(lambda x: lax.reduce_sum(lax.reduce_max(x, (1,)), (0,)))(x)
    np.testing.assert_allclose(got, [[0, 0.5, 0.5], [1 / 3] * 3], rtol=1e-6)
    got = ms.grad(lambda x: lax.reduce_min(x, (0, 1)))(x)
    np.testing.assert_array_equal(got, [[1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("reduction", [lax.reduce_max, lax.reduce_min])
def test_nan_of_an_extremum_shows_in_both_modes(reduction):
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    got = ms.grad(lambda x: lax.reduce_sum(reduction(x, (1,)), (0,)))(x)
    tangent = ms.jvp(lambda x: reduction(x, (1,)), (x,), (np.ones_like(x),))[1]
    for found in (got, tangent):
        np.testing.assert_array_equal(np.isnan(np.asarray(found).reshape(2, -1)[:, 0]), [1, 0])


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_gradient_of_a_product_with_zeros(zeros):
    x = np.array([2.0, 3.0, 5.0, 7.0, 11.0])
    x[1 : 1 + zeros] = 0
    want = [np.prod(np.delete(x, i)) for i in range(5)]
    np.testing.assert_allclose(ms.grad(lambda x: lax.reduce_prod(x, (0,)))(x), want)
    second = ms.hessian(lambda x: lax.reduce_prod(x, (0,)))(x)
    for i in range(5):
        for j in range(5):
            want = 0 if i == j else np.prod(np.delete(x, [i, j]))
            np.testing.assert_allclose(second[i, j], want)


@pytest.mark.parametrize("reduction", [lax.reduce_max, lax.reduce_min])
def test_nan_wins_over_everything(reduction):
    x = np.array([[np.inf, np.nan, -np.inf], [1, 2, 3]], np.float32)
    np.testing.assert_array_equal(np.isnan(reduction(x, (1,))), [True, False])


def test_complex_extrema_order_by_real_then_imaginary_part():
    x = np.array([1 + 5j, 2 - 1j, 2 + 1j, -3 + 9j], np.complex64)
    assert complex(lax.reduce_max(x, (0,))) == 2 + 1j
    assert complex(lax.reduce_min(x, (0,))) == -3 + 9j


@pytest.mark.parametrize(
    ("reduction", "dtype", "want"),
    [
        (lax.reduce_sum, "float32", 0),
        (lax.reduce_prod, "int32", 1),
        (lax.reduce_max, "float32", -np.inf),
        (lax.reduce_max, "int8", -128),
        (lax.reduce_max, "float8_e4m3fn", -448),
        (lax.reduce_min, "bfloat16", np.inf),
        (lax.reduce_min, "uint16", 65535),
        (lax.reduce_and, "bool", True),
        (lax.reduce_and, "uint8", 255),
        (lax.reduce_or, "int32", 0),
        (lax.reduce_xor, "bool", False),
    ],
)
def test_a_reduction_of_nothing_is_the_identity(reduction, dtype, want):
    got = reduction(np.zeros((0, 2), getattr(ml_dtypes, dtype, dtype)), (0,))
    np.testing.assert_array_equal(np.asarray(got).astype(np.float64), [want, want])


def test_the_derivative_of_an_extremum_of_nothing_is_zero():
    x = np.zeros((0, 2), np.float32)
    total = lambda x: lax.reduce_sum(lax.reduce_max(x, (0,)), (0,))  # noqa: E731
    assert ms.grad(total)(x).shape == (0, 2)
    out, tangent = ms.jvp(total, (x,), (x,))
    assert float(out) == -np.inf
    assert float(tangent) == 0


@pytest.mark.parametrize("place", [lax.argmax, lax.argmin])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16])
def test_places_are_the_first_of_equals_and_the_first_nan(place, dtype):
    x = np.array([[3, 3, 1, 1], [1, np.nan, 9, np.nan], [np.inf, np.inf, -np.inf, -np.inf],
                  [-0.0, 0.0, -0.0, 0.0]]).astype(dtype)  # fmt: skip
    numpy_place = np.argmax if place is lax.argmax else np.argmin
    want = numpy_place(x.astype(np.float64), 1)
    np.testing.assert_array_equal(place(x, 1, np.int32), want)
    for times in (40, 100):  # below and above the length that is searched in blocks
        np.testing.assert_array_equal(place(np.tile(x, (1, times)), 1, np.int32), want)
        np.testing.assert_array_equal(place(np.tile(x, (1, times)).T, 0, np.int32), want)


def test_places_of_booleans_and_integers():
    x = np.array([[False, True, True], [False, False, False]])
    np.testing.assert_array_equal(lax.argmax(x, 1, np.int32), [1, 0])
    lowest = np.full((5,), np.iinfo(np.int32).min)
    assert int(lax.argmax(lowest, 0, np.int32)) == 0


def test_refusals():
    x = np.zeros((2, 3), np.float32)
    for axis in (2, -1):  # counted from the front only, as by XLA
        with pytest.raises(ValueError, match="out-of-bounds"):
            lax.reduce_sum(x, (axis,))
        with pytest.raises(ValueError, match="out-of-bounds"):
            lax.reduce(x, 0.0, lax.add, (axis,))
        with pytest.raises(ValueError, match=f"Invalid axis {axis} for operand"):
            lax.argmin(x, axis, np.int32)
    with pytest.raises(ValueError, match="duplicate value"):
        lax.reduce_max(x, (0, 0))
    with pytest.raises(ValueError, match="non-empty reduced dimension"):
        lax.argmax(np.zeros((0, 2)), 0, np.int32)
    with pytest.raises(TypeError, match="does not accept dtype bool"):
        lax.reduce_sum(np.zeros(3, bool), (0,))
    with pytest.raises(TypeError, match="index_dtype must be an integer"):
        lax.argmax(x, 0, np.float32)


@pytest.mark.parametrize("place", [lax.argmax, lax.argmin])
@pytest.mark.parametrize("shape", [(3, 400), (400, 3), (2, 257), (1024,), (2, 300, 2)])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "float64", "uint32"])
def test_places_in_long_rows_with_many_ties(place, shape, dtype):
    x = np.random.default_rng(0).integers(0, 40, shape).astype(dtype)
    axis = int(np.argmax(shape))
    numpy_place = np.argmax if place is lax.argmax else np.argmin
    np.testing.assert_array_equal(place(x, axis, np.int32), numpy_place(x, axis))
