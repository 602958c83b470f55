"""Built-in functions, `math` and NumPy's types of numbers at the edges of what they take."""

# ruff: noqa: E731

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import ms_func as ms

NAN, INF = math.nan, math.inf
FLOATS = [*itertools.product((0.5, -2.0, NAN), repeat=2)]
WITH_INFINITY = [(0.5, INF), (-INF, 2.0), (INF, INF), (3.0, 3.0), (-0.0, 3.0), (1.0, NAN)]
CASES = [
    (lambda a, b: max(a, b), FLOATS),
    (lambda a, b: min(a, b, 0.25), FLOATS),
    (lambda a, b: max(np.array([a, b])), FLOATS),
    (lambda a, b: min(np.array([a, b])), FLOATS),
    (lambda a, b: math.isclose(a, b, rel_tol=0.5), WITH_INFINITY),
    (lambda a, b: math.remainder(a, b), [(5.0, 2.0), (-3.0, 2.0), (1e300, -7.0), (0.5, INF)]),
    (lambda a, b: math.pow(a, b), [(2, -1), (7, -2), (-3, 3)]),
    (lambda a, b: (math.hypot(a), math.hypot(a, b, 2.0)), [(3.0, -1.0)]),
    (lambda a, b: math.dist((a, b), (1.0, 2.0)), [(1e200, -1e200), (0.5, 2.0)]),
    (lambda a, b: (math.gcd(a), math.gcd(a, b, 6), math.lcm(a), math.lcm(a, b, 5)), [(-12, 18)]),
    (lambda a, b: pow(a, b, 7), [(3, -1), (2, -3), (-4, 2), (0, 0), (5, 6)]),
    (lambda a, b: pow(a, 5, b), [(12345, 10**9 + 7), (3, -7)]),
    (lambda a, b: (int(a), round(b), math.floor(a), math.ceil(b)), [(5e9, -7.3e12)]),
    (lambda a, b: round(a, b), [(2.126, 2), (-1234.567, -2), (1.5, 0), (25, -1), (-7, 3)]),
    (lambda a, b: (a.is_integer(), b.is_integer(), math.ulp(a)), [(2.0, 0.5), (1e300, INF)]),
    (lambda a, b: (a.bit_length(), b.bit_length(), a.bit_count()), [(-8, 255), (0, 1)]),
    (lambda a, b: (np.float64(a) / 3, np.int32(b), np.bool_(a), np.uint8([a, b])), [(2.0, 3.7)]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "points"), CASES)
def test_traced_numbers_give_what_python_gives(f, points):
    jitted = ms.jit(f)
    for point in points:
        numbers = [np.float64(x) if isinstance(x, float) else np.int64(x) for x in point]
        for a, b in zip(ms.tree.leaves(jitted(*numbers)), ms.tree.leaves(f(*point)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_remainder_and_distance_have_slopes():
    f = lambda x: math.remainder(x, 2.0) + math.dist((x, 1.0, 2.0), (0.0, 0.5, 1.0))
    for x in (0.7, 0.0, -5.3):
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        np.testing.assert_allclose(ms.grad(f)(np.float64(x)), slope, atol=1e-6)


def test_a_base_without_inverse_is_an_error_at_run_time():
    jitted = ms.jit(lambda a, e: pow(a, e, 9))
    assert int(jitted(2, -1)) == pow(2, -1, 9)
    with pytest.raises(ValueError, match="base is not invertible for the given modulus"):
        jitted(6, -1)


TABLE = [0.1 * i + 0.05 for i in range(40)]
ROWS = [[0.1, 0.7], [0.3, 0.9]] * 20


def _over_a_list(x, n):
    total = 0.0 * x
    for c in TABLE:
        total = total + c * x
    return total


def _over_pairs(x, n):
    total = 0.0 * x
    for a, b in zip(TABLE, reversed(TABLE), strict=True):
        total = total * a + b
    return total


def _over_lists(x, n):
    total = 0.0 * x
    for row in ROWS:
        for c in row:
            total = total + c * x
    return total


def _at_a_traced_place(x, n):
    return TABLE[n] * x + ROWS[n][n % 2]


def _in_a_counter(x, n):
    time, total = 0.0, 0.0 * x
    while time < n:
        time += 0.1
        total = total + time * x
    return total


@pytest.mark.parametrize(
    "f", [_over_a_list, _over_pairs, _over_lists, _at_a_traced_place, _in_a_counter]
)
def test_numbers_of_python_are_as_exact_as_the_arrays_beside_them(f):
    found = ms.jit(f)(np.float64(1.1), np.int32(3))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, f(1.1, 3), rtol=1e-14)
    assert ms.jit(f)(np.float32(1.1), np.int32(3)).dtype == np.float32
