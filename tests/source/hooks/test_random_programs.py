"""Random programs: compiled, batched and differentiated they mean what Python means."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.float_programs import generate, load

CALLS = ((0.7, 3), (-0.4, 1), (0.05, 0), (1.3, 2))
QUICK = range(12)
SLOW = range(12, 60)


def known_row(x):
    return np.array([0.1, 0.2, 0.3, x * 0.5])


def traced_row(x):
    return mnp.stack([mnp.float64(0.1), mnp.float64(0.2), mnp.float64(0.3), x * 0.5])


def compiled_is_python(seed):
    """Python floats lose digits where an integer of the program meets them: it makes float32."""
    text = generate(seed)
    f = load(text, known_row, f"known {seed}")
    jitted = ms.jit(load(text, traced_row, f"traced {seed}"))
    for x, k in CALLS:
        got, want = jitted(np.float64(x), np.int32(k)), f(np.float64(x), np.int32(k))
        np.testing.assert_allclose(got, want, rtol=3e-6, atol=3e-6, err_msg=text)


@pytest.mark.parametrize("seed", QUICK)
def test_compiled_is_python(seed):
    compiled_is_python(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_compiled_is_python_on_more_programs(seed):
    compiled_is_python(seed)


def lanes_are_calls(seed):
    f = load(generate(seed, depth=2), traced_row, f"lanes {seed}")
    jitted = ms.jit(f)
    xs, ks = (np.array(c) for c in zip(*CALLS, strict=True))
    ks = ks.astype(np.int32)
    want = [jitted(x, k) for x, k in zip(xs, ks, strict=True)]
    np.testing.assert_allclose(ms.jit(ms.vmap(f))(xs, ks), want, rtol=1e-9, atol=1e-12)
    slopes = [ms.grad(jitted)(x, k) for x, k in zip(xs, ks, strict=True)]
    batched = ms.jit(ms.vmap(ms.grad(f)))(xs, ks)
    np.testing.assert_allclose(batched, slopes, rtol=1e-7, atol=1e-9)
    for x, k, slope in zip(xs, ks, slopes, strict=True):
        zero = np.zeros((), ms.dtypes.float0)
        _, dot = ms.jvp(jitted, (x, k), (np.float64(1), zero))
        np.testing.assert_allclose(dot, slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_lanes_and_derivatives(seed):
    lanes_are_calls(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 24))
def test_lanes_and_derivatives_of_more_programs(seed):
    lanes_are_calls(seed)
