"""Laws for a table of small Python functions: every transform means what plain Python means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.source.python_functions import CASES, NS, XS


def plain(f: Any, x: float, n: int) -> float:
    return float(f(x, n))


def slope(f: Any, x: float, n: int) -> float:
    """Central difference in double precision, on plain Python floats."""
    h = 1e-5
    return (plain(f, x + h, n) - plain(f, x - h, n)) / (2 * h)


def close(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(got, np.float64), wanted, rtol=2e-4, atol=2e-4)


def by_name(cases: Any) -> Any:
    return pytest.mark.parametrize("f", cases, ids=lambda f: getattr(f, "__name__", None))


SOME = [pytest.param(f, marks=pytest.mark.slow) if i % 4 else f for i, f in enumerate(CASES)]
"""All cases, most of them run by hand only, because compiling takes its time."""


@by_name(CASES)
def test_value_under_jit_is_that_of_python(f):
    jitted = ms.jit(f)
    for x, n in f.points:
        close(jitted(x, n), plain(f, x, n))


@by_name(SOME)
def test_gradient_is_the_slope(f):
    gradient = ms.jit(ms.grad(f))
    for x, n in f.points:
        close(gradient(x, n), slope(f, x, n))


@by_name(SOME)
def test_vmap_is_a_loop(f):
    xs, ns = np.float32([x for x, _ in f.points]), np.int32([n for _, n in f.points])
    close(ms.vmap(f)(xs, ns), [plain(f, x, n) for x, n in f.points])


NESTINGS = {
    "grad of jit": lambda f: ms.grad(ms.jit(f)),
    "jit of grad of jit": lambda f: ms.jit(ms.grad(ms.jit(f))),
    "forward mode": lambda f: lambda x, n: ms.jvp(lambda y: f(y, n), (x,), (1.0,))[1],
    "vmap of grad": lambda f: lambda x, n: ms.vmap(ms.grad(f), (0, None))(mnp.array([x]), n)[0],
    "jit of vmap of grad": lambda f: (
        lambda x, n: ms.jit(ms.vmap(ms.grad(f)))(mnp.array([x, x]), mnp.array([n, n]))[1]
    ),
    "grad of vmap": lambda f: (
        lambda x, n: ms.grad(lambda y: mnp.sum(ms.vmap(lambda z: f(z, n))(mnp.stack([y, y]))) / 2)(
            x
        )
    ),
    "grad of checkpoint": lambda f: ms.grad(ms.checkpoint(f)),
    "in the body of scan": lambda f: (
        lambda x, n: ms.grad(
            lambda y: ms.lax.scan(lambda c, _: (c + f(y, n), None), 0.0, None, length=1)[0]
        )(x)
    ),
}


@by_name([pytest.param(f, id=f"{f.__name__}") for f in CASES])
def test_nestings_give_the_slope(f):
    """Each function goes through one nesting, so that all nestings see many functions."""
    names = sorted(NESTINGS)
    index = [g.__name__ for g in CASES].index(f.__name__)
    nested = NESTINGS[names[index % len(names)]](f)
    x, n = XS[index % 3], f.points[index % len(f.points)][1]
    close(nested(x, n), slope(f, x, n))


@by_name(CASES)
def test_converted_function_is_the_same_on_plain_numbers(f):
    converted = ms.convert(f)
    for x, n in f.points:
        assert plain(converted, x, n) == plain(f, x, n)


def test_the_table_is_broad():
    assert len(CASES) >= 150
    assert len({f.__name__ for f in CASES}) == len(CASES)
    assert XS
    assert NS
