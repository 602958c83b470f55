"""What ordinary Python control flow costs, in counts that no machine disturbs."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.source import convert, reader


def wandering(x, n):
    """Its branches, its trip counts and its way out all depend on the data."""
    total, i = 0.0, 0
    while i < n:
        i += 1
        if x > 2:
            x = x / 2 if x > 4 else x - 1.5
            continue
        if x < -1:
            x = -x
        for j in range(i % 4):
            total += x * j
            if total > 5:
                return total - i
        x = x * 1.25 + 0.1
    return total + x


def test_one_program_for_all_values():
    """100 random inputs take different branches and trip counts: one recording, one program."""
    recordings = []

    def f(x, n):
        recordings.append(1)
        return wandering(x, n)

    value, batch = ms.jit(f), ms.jit(ms.vmap(ms.value_and_grad(f)))
    rng = np.random.default_rng(0)
    xs, ns = rng.uniform(-6, 6, 100), rng.integers(0, 12, 100).astype(np.int32)
    got = [float(value(x, n)) for x, n in zip(xs, ns, strict=True)]
    want = [wandering(float(x), int(n)) for x, n in zip(xs, ns, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert len(recordings) == value._cache_size() == 1
    for k in range(0, 100, 20):
        values, slopes = batch(xs[k : k + 20], ns[k : k + 20])
        np.testing.assert_allclose(values, got[k : k + 20], rtol=1e-9)
        assert np.isfinite(slopes).all()
    assert batch._cache_size() == 1
    assert len(recordings) == 2


def test_memory_of_the_gradient_of_a_while_does_not_grow_with_its_steps():
    """The trip count is data, so one buffer of checkpoints serves every length."""

    def run(x, n):
        i = 0
        while i < n:
            x = mnp.sin(x) + 0.01
            i += 1
        return mnp.sum(x)

    width = 1000
    x = np.linspace(0.1, 0.9, width)
    compiled = ms.jit(ms.grad(run)).lower(x, np.int32(1)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 200 * x.nbytes
    for n in (0, 1, 500):
        want, point = np.ones(width), x.copy()
        for _ in range(n):
            want, point = want * np.cos(point), np.sin(point) + 0.01
        np.testing.assert_allclose(compiled(x, np.int32(n)), want, rtol=1e-7, atol=1e-300)


@pytest.fixture
def readings(monkeypatch):
    """Names of the functions whose source is read from now on."""
    found = []

    def read(code, *args):
        found.append(code.co_name)
        return reader.read(code, *args)

    monkeypatch.setattr(convert, "read", read)
    return found


def test_a_function_is_converted_once(readings):
    def helper(x):
        return x if x > 0 else -x

    def f(x):
        while x > 1:
            x = x * 0.5
        return helper(x)

    for _ in range(3):
        assert float(ms.jit(lambda x: f(x) + helper(-x))(3.0)) == 3.75
        ms.grad(f)(3.0)
    assert sorted(n for n in readings if n != "<lambda>") == ["f", "helper"]


def test_functions_that_decide_nothing_are_not_even_read(readings):
    def f(x):
        y = x * 2 + 1
        return y - x

    np.testing.assert_allclose(ms.jit(f)(np.ones(3)), 2)
    assert convert.for_call(f) is f
    assert readings == []
