"""Programs for NumPy arrays mean compiled, batched and derived what NumPy makes of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import tree
from tests.source import array_functions, growing_functions, keyed_functions, sharing_functions

TABLES = (array_functions, growing_functions, keyed_functions, sharing_functions)
CASES = [f for table in TABLES for f in table.CASES]
XS = (
    np.array([0.31, -1.23, 2.54, 0.72, -0.41]),
    np.array([1.73, 0.22, -0.61, -2.13, 3.32]),
    np.array([-0.93, -0.36, 1.17, 2.05, 0.57]),
)
POINTS = [(x, n) for x in XS for n in (0, 2, 5)]
SHORT_FLOATS = pytest.mark.filterwarnings("ignore:scatter inputs have incompatible")
"""`zeros` is of float32, in which NumPy's numbers of double precision are kept here."""
SOME = [pytest.param(f, marks=pytest.mark.slow) if i % 4 else f for i, f in enumerate(CASES)]


def by_name(cases: Any) -> Any:
    return pytest.mark.parametrize("f", cases, ids=lambda f: getattr(f, "__name__", None))


def leaves(out: Any) -> list[np.ndarray]:
    return [np.asarray(v, np.float64) for v in tree.leaves(out)]


def plain(f: Any, x: np.ndarray, n: int) -> list[np.ndarray]:
    return leaves(f(np, x.copy(), n))


def total(out: Any) -> Any:
    """One number of everything smooth in a result."""
    found = [np.float64(v) if isinstance(v, float) else v for v in tree.leaves(out)]
    numbers = [v for v in found if _is_float(v)]
    return sum((k + 1) * mnp.sum(v) for k, v in enumerate(numbers)) + 0.0


def _is_float(v: Any) -> bool:
    return getattr(v, "dtype", np.dtype(int)).kind == "f"


def slope(f: Any, x: np.ndarray, n: int) -> np.ndarray:
    """Central differences of the total, by NumPy."""

    def value(y: np.ndarray) -> float:
        return float(total(f(np, y, n)))

    h, steps = 1e-6, np.eye(len(x))
    return np.array([(value(x + h * d) - value(x - h * d)) / (2 * h) for d in steps])


@SHORT_FLOATS
@by_name(SOME)
def test_one_compiled_program_gives_what_numpy_gives(f):
    jitted = ms.jit(functools.partial(f, mnp))
    for x, n in POINTS:
        got, wanted = leaves(jitted(x, np.int64(n))), plain(f, x, n)
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    assert jitted._cache_size() == 1


@SHORT_FLOATS
@by_name([pytest.param(f, marks=pytest.mark.slow) if i % 40 else f for i, f in enumerate(CASES)])
def test_lanes_have_the_values_and_slopes_of_calls(f):
    xs, ns = np.stack([x for x, _ in POINTS]), np.array([n for _, n in POINTS])
    lane = ms.value_and_grad(lambda x, n: total(f(mnp, x, n)))
    values, gradients = ms.jit(ms.vmap(lane))(xs, ns)
    for k, (x, n) in enumerate(POINTS):
        np.testing.assert_allclose(values[k], total(f(np, x.copy(), n)), rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(gradients[k], slope(f, x, n), rtol=1e-4, atol=1e-5)


# --- slices that move ---------------------------------------------------------------------------


def moves_a_window(np, x, i, j):
    """Reads and stores of windows of known size, beside indices of other kinds."""
    x = x.copy()
    x[j, i : i + 2] = -1.0
    x[[0, 2], j : j + 1] += 5
    k = j
    while k < 3:
        x[k, k : k + 2] = x[k, k : k + 2] * 3
        k += 1
    return (
        x[j, i : i + 2], x[i : i + 2, j : j + 2], x[..., i : i + 1], x[None, i : i + 1, ::2],
        x[np.array([0, 1]), i : i + 2], x[(i - 1) * 2 + 2 : 2 * i + 1], x[i - 4 : i - 2], x,
    )  # fmt: skip


def test_windows_are_slices_wherever_they_start():
    x = np.arange(20.0).reshape(4, 5)
    jitted = ms.jit(functools.partial(moves_a_window, mnp))
    for i in range(2):
        for j in range(3):
            wanted = moves_a_window(np, x, i, j)
            for a, b in zip(jitted(x, i, j), wanted, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_window_that_reaches_beyond_the_array_is_an_error_at_run_time():
    """NumPy gives fewer elements there, which a program cannot."""
    jitted = ms.jit(lambda x, i: x[i : i + 2])
    x = np.arange(4.0)
    for i in (-4, -3, 0, 2):
        np.testing.assert_array_equal(jitted(x, i), x[i : i + 2])
    for i in (-5, -2, -1, 3, 9):
        with pytest.raises(IndexError, match="a slice of 2 elements reaches beyond an axis of 4"):
            jitted(x, i)


# --- arrays of known elements that are stored to -------------------------------------------------


def test_what_operators_make_of_arrays_of_numpy_takes_traced_values():
    def f(x, n):
        low, total = np.ones(3) * -1.0, np.zeros(3)
        if n > 2:
            low[0] = x[0]
        low[1] *= 2
        total[n % 3] = low.sum()
        return low, total

    jitted, x = ms.jit(f), np.array([0.25, 4.0])
    for n in (1, 3):
        for a, b in zip(jitted(x, n), f(x, n), strict=True):
            np.testing.assert_allclose(a, b)


def test_an_array_from_outside_takes_nothing():
    outside = mnp.array([1.0, 2.0])

    def f(x):
        outside[0] = x
        return outside

    with pytest.raises(TypeError, match="from outside of the function"):
        ms.jit(f)(1.0)
