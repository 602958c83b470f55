"""Pooling: both ways of lowering, gradients at ties and to second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.ir.evaluate import evaluate
from ms_func.ir.types import typeof
from ms_func.primitives.window import (
    reduce_window_max,
    reduce_window_min,
    reduce_window_shape_tuple,
    reduce_window_sum,
)
from ms_func.tracing.tracer import build
from ms_func.transforms.linearize import vjp
from tests.support.modules import run

RNG = np.random.default_rng(0)


def max_pool(x: Any) -> Any:
    return lax.reduce_window(x, -np.inf, lax.max, (2, 2), (2, 2), "VALID")


def average_pool(x: Any) -> Any:
    total = lax.reduce_window(x, 0.0, lax.add, (2, 2), (2, 2), "SAME")
    ones = np.ones(x.shape)
    return lax.div(total, lax.reduce_window(ones, 0.0, lax.add, (2, 2), (2, 2), "SAME"))


@pytest.mark.parametrize("pool", [reduce_window_max, reduce_window_min, reduce_window_sum])
@pytest.mark.parametrize(
    "args",
    [
        ((2, 3), (2, 2), "SAME"),
        ((3, 3), (1, 2), ((1, 1), (-1, 2))),
        ((2, 2), (1, 1), "VALID", (1, 2), (2, 1)),
        ((2, 2), (2, 1), ((1, 1), (1, 1)), (2, 3), (1, 1)),
    ],
)
def test_both_lowerings_of_value_and_gradient(pool, args):
    """Values on a grid, so that there are ties."""
    x = RNG.integers(-2, 3, (5, 7)).astype(np.float64)
    fn = build("pool", [typeof(x)], lambda x: [pool(x, *args)])
    derived = vjp(fn, (True,))
    ct = RNG.integers(1, 9, fn.out_types[0].shape).astype(np.float64)
    want = evaluate(derived, x, ct)
    for platform in (None, "cpu"):
        for got, expected in zip(run(derived, [x, ct], platform), want, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_window_too_large_to_write_out():
    x = RNG.normal(size=(3, 120))
    got = reduce_window_max(x, (1, 100), (1, 7))
    np.testing.assert_array_equal(got, [[row[i : i + 100].max() for i in (0, 7, 14)] for row in x])
    grad = ms.grad(lambda x: lax.reduce_sum(reduce_window_max(x, (1, 100)), (0, 1)))(x)
    want = np.zeros_like(x)
    for r, row in enumerate(x):
        for i in range(21):
            want[r, i + row[i : i + 100].argmax()] += 1
    np.testing.assert_array_equal(grad, want)


def test_a_tie_in_a_window_goes_to_its_first_element():
    x = np.array([[1.0, 1.0], [1.0, 0.0]])
    grad = ms.grad(lambda x: lax.reduce_sum(max_pool(x), (0, 1)))(x)
    np.testing.assert_array_equal(grad, [[1, 0], [0, 0]])


def test_nan_wins_and_gets_the_derivative():
    x = np.array([[1.0, np.nan], [5.0, np.nan]])
    assert np.isnan(max_pool(x)[0, 0])
    grad = ms.grad(lambda x: lax.reduce_sum(max_pool(x), (0, 1)))(x)
    np.testing.assert_array_equal(grad, [[0, 1], [0, 0]])


def test_nan_wins_in_windows_too_large_to_write_out():
    x = RNG.normal(size=(20, 20))
    x[3, 4] = x[12, 5] = np.nan

    def largest(x: Any) -> Any:
        return lax.reduce_window(x, -np.inf, lax.max, x.shape, x.shape, "VALID")[0, 0]

    first = np.zeros((20, 20))
    first[3, 4] = 1
    np.testing.assert_array_equal(ms.grad(largest)(x), first)
    assert ms.jvp(largest, (x,), (first,))[1] == 1


@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_second_order(pool):
    """Hessian-vector product of a nonlinear function behind a pool, by differences."""
    x, v = RNG.normal(size=(2, 4, 6))
    if pool is max_pool:
        x = RNG.permutation(24).reshape(4, 6) / 10.0  # no ties within the step

    def loss(x: Any) -> Any:
        y = pool(lax.mul(x, x))
        return lax.reduce_sum(lax.sin(y), (0, 1))

    grad = ms.jit(ms.grad(loss))
    _, got = ms.jvp(ms.grad(loss), (x,), (v,))
    h = 1e-6
    want = (np.asarray(grad(x + h * v)) - np.asarray(grad(x - h * v))) / (2 * h)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_sums_of_half_precision_are_taken_in_float32():
    x = np.full((600,), 1, np.float16)
    x[0] = 2048  # 2048 + 1 is not a float16
    got = reduce_window_sum(x, (64,), (64,))
    assert float(got[0]) == 2048 + 64  # 2111, rounded once


def test_shapes_and_refusals():
    x = np.zeros((4, 6), np.float32)
    assert reduce_window_shape_tuple((4, 6), (2, 3), (2, 1), "SAME") == (2, 6)
    assert reduce_window_shape_tuple((4, 6), (2, 3), (2, 1), ((0, 0), (1, 0)), (2, 1)) == (3, 5)
    with pytest.raises(TypeError, match="wrong number of window_dimensions"):
        lax.reduce_window(x, 0.0, lax.add, (2,), (1, 1), "SAME")
    with pytest.raises(ValueError, match="inconsistent window_strides and window"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (1,), "SAME")
    with pytest.raises(RuntimeError, match="Unrecognized padding type"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "FULL")
    with pytest.raises(ValueError, match="takes away more than all"):
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), ((0, -9), (0, 0)))
