"""Order of awkward elements, stability, both ways of lowering, derivatives."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.ir.evaluate import evaluate
from ms_func.ir.types import typeof
from ms_func.tracing.tracer import build
from tests.support.modules import run

AWKWARD = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-40, -1e-40, 1.0, -1.0, 3e38, -3e38]


@pytest.mark.parametrize("n", [12, 3000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16", "int32", "uint32",
                                   "int8", "uint8", "bool", "int64", "uint64"])  # fmt: skip
def test_a_stable_order_with_its_indices(n, dtype):
    """Many equal elements; zeros of both signs keep their order and their sign."""
    rng = np.random.default_rng(n)
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    if kind.kind in "fV":
        with np.errstate(over="ignore"):
            x = rng.choice(np.array(AWKWARD), n).astype(kind)
    else:
        x = rng.integers(0, 9, n).astype(kind)
        if kind.kind != "b":
            x[:2] = np.iinfo(kind).min, np.iinfo(kind).max
    key = x.astype(np.float64) if kind.kind in "fV" else x
    order = np.argsort(key, kind="stable")
    index = np.arange(n, dtype=np.int32)
    values, places = lax.sort((x, index))
    np.testing.assert_array_equal(places, order)
    assert np.asarray(values).tobytes() == x[order].tobytes() or _same_but_nan(values, x[order])
    alone = np.asarray(lax.sort(x))
    assert alone.tobytes() == x[order].tobytes() or _same_but_nan(alone, x[order])


def _same_but_nan(a: object, b: np.ndarray) -> bool:
    """Equal, zeros of the same sign, whatever the bits of NaN."""
    a, b = np.asarray(a).astype(np.float64), b.astype(np.float64)
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(
        np.signbit(a[a == 0]), np.signbit(b[b == 0])
    )


@pytest.mark.parametrize("axis", [0, 1])
def test_both_lowerings(axis):
    x = np.random.default_rng(0).integers(0, 50, (40, 50)).astype(np.float32)
    y = np.arange(2000).reshape(40, 50)
    fn = build("f", [typeof(x), typeof(y)], lambda x, y: list(lax.sort((x, y), axis)))
    want = evaluate(fn, x, y)
    for platform in (None, "cpu"):
        for got, expected in zip(run(fn, [x, y], platform), want, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_several_keys():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 60)).astype(np.float32)
    c = np.arange(60)
    order = np.lexsort((b, a))
    for got, x in zip(lax.sort((a, b, c), num_keys=2), (a, b, c), strict=True):
        np.testing.assert_array_equal(got, x[order])


def test_complex_numbers_by_real_then_imaginary_part():
    x = np.array([1 + 1j, 1 - 1j, complex(np.nan, 0), 5j, complex(0, np.nan)])
    np.testing.assert_array_equal(lax.sort(x), x[[3, 4, 1, 0, 2]])


@pytest.mark.parametrize("n", [6, 2000])
def test_tangents_follow_their_elements(n):
    rng = np.random.default_rng(0)
    x, t = rng.permutation(n).astype(np.float32), rng.normal(size=n).astype(np.float32)
    out, tangent = ms.jvp(lax.sort, (x,), (t,))
    np.testing.assert_array_equal(out, np.arange(n))
    np.testing.assert_array_equal(tangent, t[np.argsort(x)])
    weights = np.arange(n, dtype=np.float32)
    grad = ms.grad(lambda x: lax.reduce_sum(lax.mul(lax.sort(x), weights), (0,)))(x)
    np.testing.assert_array_equal(grad, np.argsort(np.argsort(x)))


def test_top_k_in_the_total_order():
    x = np.array([0.0, -0.0, np.nan, 1.0, -np.inf, np.inf, -1.0, 0.0], np.float32)
    values, places = lax.top_k(x, 8)
    np.testing.assert_array_equal(places, [2, 5, 3, 0, 7, 1, 6, 4])
    np.testing.assert_array_equal(values, x[[2, 5, 3, 0, 7, 1, 6, 4]])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_top_k_along_an_axis_and_its_derivative(axis):
    x = np.random.default_rng(0).permutation(20).reshape(4, 5).astype(np.float32)
    values, places = lax.top_k(x, 3, axis=axis)
    want = -np.sort(-x, axis)
    want = want[:3] if axis == 0 else want[:, :3]
    np.testing.assert_array_equal(values, want)
    np.testing.assert_array_equal(np.take_along_axis(x, np.asarray(places), axis), want)
    grad = ms.grad(lambda x: lax.reduce_sum(lax.top_k(x, 3, axis=axis)[0], (0, 1)))(x)
    np.testing.assert_array_equal(grad, np.isin(x, want))


def test_refusals():
    x = np.zeros(4, np.float32)
    with pytest.raises(TypeError, match="must have equal shapes"):
        lax.sort((x, x[:2]))
    with pytest.raises(TypeError, match="at least one operand"):
        lax.sort(())
    with pytest.raises(ValueError, match="axis 1 is out of bounds"):
        lax.sort(x, 1)
    with pytest.raises(ValueError, match="num_keys=2 must equal 1"):
        lax.sort(x, num_keys=2)
    with pytest.raises(ValueError, match="num_keys=3 must be between 1 and"):
        lax.sort((x, x), num_keys=3)
    with pytest.raises(ValueError, match="no larger than size along axis"):
        lax.top_k(x, 5)
    with pytest.raises(ValueError, match="must be nonnegative"):
        lax.top_k(x, -1)
    with pytest.raises(ValueError, match="not compatible with complex"):
        lax.top_k(x.astype(np.complex64), 1)
