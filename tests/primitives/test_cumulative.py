"""Cumulative operations: both ways of lowering, and derivatives at zeros, ties, infinities."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func import numpy as mnp
from ms_func.ir.evaluate import evaluate
from ms_func.ir.types import typeof
from ms_func.lowering.lower import lower_function
from ms_func.primitives.recurrence import linear_recurrence
from ms_func.tracing.tracer import build
from tests.support.modules import run

NAMES = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 16, 33])
def test_the_portable_lowering_computes_the_same_as_the_cpu_one(name, reverse, n):
    x = np.random.default_rng(n).normal(size=(2, n, 3))
    fn = build(name, [typeof(x)], lambda x: [getattr(lax, name)(x, 1, reverse)])
    (want,) = evaluate(fn, x)
    for platform in (None, "cpu"):
        (got,) = run(fn, [x], platform)
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 2, 5, 6, 17, 40])
def test_recurrence_against_a_loop(reverse, n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n))
    want, c = np.zeros(n), 0.0
    for k in range(n)[:: -1 if reverse else 1]:
        want[k] = c = a[k] * c + b[k]
    fn = build("f", [typeof(a)] * 2, lambda a, b: [linear_recurrence(a, b, 0, reverse)])
    for platform in (None, "cpu"):
        (got,) = run(fn, [a, b], platform)
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_a_loop_on_cpu_and_a_window_elsewhere():
    fn = build("f", [typeof(np.zeros((2, 40)))], lambda x: [lax.cumsum(x, 1)])
    assert "stablehlo.while" in str(lower_function(fn, platform="cpu"))
    assert "stablehlo.reduce_window" in str(lower_function(fn))


def test_gradient_of_cumulative_products_with_zeros():
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    jacobian = ms.jacrev(lax.cumprod)(x)
    for k in range(5):
        for i in range(5):
            want = np.prod(np.delete(x[: k + 1], i)) if i <= k else 0.0
            assert float(jacobian[k, i]) == want


def test_ties_of_a_cumulative_extremum_share_equally():
    x = np.array([1.0, 1.0, 0.0, 1.0, 2.0])
    third = 1 / 3
    want = [[1, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0],
            [third, third, 0, third, 0], [0, 0, 0, 0, 1]]  # fmt: skip
    np.testing.assert_allclose(ms.jacfwd(lax.cummax)(x), want, rtol=1e-15)
    np.testing.assert_allclose(ms.jacrev(lax.cummax)(x), want, rtol=1e-15)


def test_nan_wins_from_where_it_stands():
    x = np.array([1.0, np.nan, 3.0], np.float32)
    np.testing.assert_array_equal(lax.cummax(x), [1, np.nan, np.nan])
    np.testing.assert_array_equal(lax.cummin(x, reverse=True), [np.nan, np.nan, 3])


def test_log_sum_exp_without_overflow_and_at_infinities():
    x = np.array([1000.0, 1000.0, -np.inf, 2000.0])
    np.testing.assert_allclose(
        lax.cumlogsumexp(x), [1000, 1000 + np.log(2), 1000 + np.log(2), 2000]
    )
    low = np.array([-np.inf, -np.inf, 0.0, -1e4, np.inf, 3.0])
    np.testing.assert_array_equal(lax.cumlogsumexp(low), [-np.inf, -np.inf, 0, 0, np.inf, np.inf])


def test_gradient_of_log_sum_exp_is_a_softmax_and_never_nan():
    x = np.array([-np.inf, -3.0, 700.0, 701.0, -np.inf])
    got = ms.jacrev(lax.cumlogsumexp)(x)
    for k in range(5):
        if x[: k + 1].max() == -np.inf:
            np.testing.assert_array_equal(got[k], np.zeros(5))
        else:
            e = np.exp(x - x[: k + 1].max()) * (np.arange(5) <= k)
            np.testing.assert_allclose(got[k], e / e.sum(), rtol=1e-12)


def test_axes():
    x = np.arange(6.0).reshape(2, 3)
    with pytest.raises(ValueError, match="negative axes"):
        lax.cumsum(x, -1)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        lax.cumsum(x, 2)
    with pytest.raises(ValueError, match="out of bounds"):
        lax.cumsum(np.float32(1))
    with pytest.raises(TypeError, match="cumsum does not accept dtype bool"):
        lax.cumsum(x > 1)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cumlogsumexp"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_are_carried_on_in_single_precision(name, dtype):
    """To the last place: carried on in their own dtype, they soon would not grow any more."""
    x = np.random.default_rng(2).uniform(0.97, 1.03, 2000).astype(mnp.dtype(dtype))
    slow = {"cumsum": np.add, "cumprod": np.multiply, "cumlogsumexp": np.logaddexp}[name]
    want = slow.accumulate(x.astype(np.float64))
    got = np.asarray(getattr(lax, name)(x), np.float64)
    np.testing.assert_allclose(got, want, rtol=1.01 * float(mnp.finfo(dtype).eps))
