"""Sine and cosine of many floats on CPU, which are a formula, against double precision."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.ir.types import ArrayType
from ms_func.lowering.lower import lower_function
from ms_func.primitives.elementwise import sin
from ms_func.primitives.trigonometry import FEWEST
from ms_func.tracing.tracer import build

COUNT = 3 * FEWEST


def everywhere():
    """Floats of every exponent, and neighbours of multiples of a quarter of a turn."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, np.float32(np.inf).view(np.uint32), COUNT, dtype=np.uint32)
    wide = bits.view(np.float32)
    near = (rng.integers(1, 2**24, COUNT) * (np.pi / 2)).astype(np.float32)
    far = np.float32(2) ** rng.integers(20, 128, COUNT).astype(np.float32)
    x = np.concatenate([wide, near, far, rng.standard_normal(COUNT).astype(np.float32)])
    return np.where(rng.random(x.size) < 0.5, x, -x)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_all_floats_are_within_half_an_ulp(name):
    x = everywhere()
    got = np.asarray(getattr(mnp, name)(x), np.float64)
    want = getattr(np, name)(x.astype(np.float64))
    normal = np.abs(want) > np.finfo(np.float32).tiny
    ulp = np.spacing(np.abs(want).astype(np.float32))
    assert (np.abs(got - want)[normal] <= 0.51 * ulp[normal]).all()


def test_edges():
    x = np.resize(np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32), COUNT)
    sine, cosine = np.asarray(mnp.sin(x)), np.asarray(mnp.cos(x))
    np.testing.assert_array_equal(np.signbit(sine[:2]), [False, True])
    np.testing.assert_array_equal(sine[:2], [0, 0])
    np.testing.assert_array_equal(cosine[:2], [1, 1])
    assert np.isnan(sine[2:5]).all()
    assert np.isnan(cosine[2:5]).all()


def test_derivatives_and_few_elements_are_the_same_function():
    x = everywhere()[:COUNT].astype(np.float32)
    d = ms.grad(lambda x: mnp.sin(x).sum())(x)
    np.testing.assert_array_equal(d, mnp.cos(x))
    few = ms.jit(ms.vmap(mnp.sin))(x[: FEWEST - 1])
    np.testing.assert_allclose(few, mnp.sin(x)[: FEWEST - 1], rtol=3e-7, atol=1e-37)


@pytest.mark.parametrize(
    ("kind", "count", "platform", "kept"),
    [("float32", COUNT, "cpu", False), ("float32", COUNT, "cuda", True),
     ("float32", COUNT, None, True), ("float32", FEWEST - 1, "cpu", True),
     ("float64", COUNT, "cpu", True)],
)  # fmt: skip
def test_other_devices_and_operands_get_the_operation(kind, count, platform, kept):
    fn = build("f", [ArrayType((count,), np.dtype(kind))], lambda x: [sin(x)])
    text = str(lower_function(fn, platform=platform))
    assert ("stablehlo.sine" in text) == kept


def test_a_table_that_is_repeated_over_a_batch_is_computed_once():
    """In a loop over the table, not in that over the batch."""
    x, t = np.ones((3, 64, 2, 128), "f"), np.ones((64, 64), "f")

    def turned(x, t):
        c, s = mnp.cos(t)[:, None], mnp.sin(t)[:, None]
        u, v = x[..., :64], x[..., 64:]
        return mnp.concatenate([u * c - v * s, v * c + u * s], -1)

    text = ms.jit(turned).lower(x, t).compile().as_text()
    loops = [part for part in text.split("\n\n") if "round-nearest-even(" in part]
    assert loops
    assert not any("[3,64,2," in part for part in loops)
