"""What data raise is caught where Python catches it, compiled, batched and derived."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.source.caught_functions import CASES
from tests.source.test_programs import by_name

SMOOTH = [f for f in CASES if np.asarray(f.points[0][0]).dtype.kind == "f"]


def some(cases: Any, start: int) -> list[Any]:
    """All cases, a few of them in the fast suite."""
    return [
        pytest.param(f, marks=pytest.mark.slow) if (i - start) % 5 else f
        for i, f in enumerate(cases)
    ]


def close(got: Any, wanted: Any) -> None:
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(np.asarray(a, np.float64), b, rtol=2e-4, atol=2e-4)


def total(f: Any) -> Any:
    return lambda *args: sum(mnp.sum(x * 1.0) for x in ms.tree.leaves(f(*args)))


@by_name(some(CASES, 0))
def test_value_under_jit_is_that_of_python(f):
    jitted = ms.jit(f)
    for args in f.points:
        close(jitted(*args), f(*args))


@by_name(some(CASES, 2))
def test_lanes_are_calls(f):
    alike: dict[Any, list[Any]] = {}
    for args in f.points:
        alike.setdefault(ms.tree.structure(args), []).append(args)
    for points in alike.values():
        stacked = ms.tree.map(lambda *xs: np.stack(xs), *points)
        got = ms.vmap(f)(*stacked)
        for k, args in enumerate(points):
            close(ms.tree.map(lambda x, k=k: x[k], got), f(*args))


@by_name(some(SMOOTH, 4))
def test_derivative_is_the_slope(f):
    slope = ms.jit(ms.grad(total(f)))
    for x, *rest in f.points:
        plain = lambda v, rest=rest: float(sum(ms.tree.leaves(f(v, *rest))))  # noqa: E731
        x, h = np.asarray(x, np.float64), 1e-6
        steps = h * np.eye(x.size).reshape(x.size, *x.shape)
        want = [(plain((x + d)[()]) - plain((x - d)[()])) / (2 * h) for d in steps]
        if np.abs(want).max() < 1e3:  # else the function jumps here
            close(slope(x, *rest), np.reshape(want, x.shape))


@by_name(CASES)
def test_converted_function_is_the_same_on_plain_numbers(f):
    converted = ms.convert(f)
    for args in f.points:
        assert repr(converted(*args)) == repr(f(*args))


def test_the_end_of_an_iterator_of_an_array_is_caught():
    def f(a):
        it, t = iter(a), 0
        try:
            while True:
                v = next(it)
                if v == 0:
                    break
                t += v
        except StopIteration:
            t = -t
        return t

    jitted = ms.jit(f)
    for a in ([1, 2, 3, 4], [1, 2, 0, 4], [0, 1, 1, 1]):
        assert int(jitted(np.array(a))) == f(np.array(a))
    assert jitted._cache_size() == 1
