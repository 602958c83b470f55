"""Taylor mode on whole functions: law 15, against nested jvp, formulas and a known polynomial."""

from __future__ import annotations

import math

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from ms_func.experimental.jet import jet
from tests.bad_input.refusal import refused

X = numpy.float64(0.4)
TERMS = [numpy.float64(v) for v in (0.7, -0.3, 0.5, 0.2)]


def nested(f, terms=TERMS, x=X):
    """Value and derivatives at 0 of f along the curve, by jvp of jvp."""

    def along(t):
        return f(sum((c * t**k / math.factorial(k) for k, c in enumerate(terms, 1)), x))

    found = []
    for _ in range(len(terms) + 1):
        found.append(along(numpy.float64(0)))
        along = (lambda g: lambda t: ms.jvp(g, (t,), (numpy.float64(1),))[1])(along)
    return found


@ms.custom_jvp
def cube(x):
    return x**3


@cube.defjvp
def cube_rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return cube(x), 3 * x**2 * t


FUNCTIONS = {
    "chain": lambda x: np.tanh(np.sin(x) * np.exp(-x)),
    "power": lambda x: x**2.5 + x**-3 + 2.0**x,
    "matrix": lambda x: np.linalg.solve(
        np.stack([np.stack([x, x * 2]), np.stack([x * x, x + 3])]), np.stack([x, x * 0 + 1])
    ),
    "norm": lambda x: np.linalg.norm(np.stack([x, x * x])),
    "determinant": lambda x: np.linalg.det(np.stack([np.stack([x, x * 2]), np.stack([x * x, x])])),
    "jit": ms.jit(lambda x: np.sin(x) * x),
    "checkpoint": ms.checkpoint(lambda x: np.sin(x) * x),
    "vmap": lambda x: ms.vmap(np.sin)(np.stack([x, x * x])),
    "grad": ms.grad(lambda x: np.sin(x) * x),
    "custom rule": cube,
    "cond": lambda x: lax.cond(x > 0, lambda y: np.sin(y) * x, lambda y: y, x),
    "switch": lambda x: lax.switch(2, [np.sin, np.cos, lambda y: y * y * x], x),
    "scan": lambda x: lax.scan(
        lambda c, e: (np.sin(c) * x + e, c * e), x, np.stack([x, x * x, x * 0 + 1])
    ),
    "fori": lambda x: lax.fori_loop(0, 3, lambda i, c: np.sin(c) * x + i, x),
    "while": lambda x: lax.while_loop(
        lambda c: c[0] < 4, lambda c: (c[0] + 1, np.cos(c[1]) * x), (0, x)
    )[1],
    "linear solve": lambda x: lax.custom_linear_solve(
        lambda v: x * v, np.sin(x), lambda f, b: b / x
    ),
    "root": lambda x: lax.custom_root(
        lambda y: y**3 - x,
        numpy.float64(1.0),
        lambda f, y: lax.fori_loop(0, 50, lambda i, y: y - (y**3 - x) / (3 * y**2), y),
        lambda g, y: y / g(numpy.float64(1.0)),
    ),
    "maximum": lambda x: np.maximum(x * x, np.sin(x)) + abs(x) + np.clip(x, -1, 1),
    "sort": lambda x: np.sort(np.stack([x, x * x, -x])),
    "indexing": lambda x: (
        np.stack([x, x * x])[np.array([1, 0, 1])] * np.ones(3, "float64").at[1].set(x)
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_terms_are_nested_derivatives(name):
    f = FUNCTIONS[name]
    value, series = jet(f, (X,), (TERMS,))
    leaves = ms.tree.leaves(value)
    rows = ms.tree.leaves(series, is_leaf=lambda s: isinstance(s, list))
    want = [ms.tree.leaves(level) for level in nested(f)]
    for i, (leaf, row) in enumerate(zip(leaves, rows, strict=True)):
        for got, level in zip([leaf, *row], want, strict=True):
            numpy.testing.assert_allclose(got, level[i], rtol=1e-9, atol=1e-12)


def test_under_other_transforms():
    def second(x):
        return jet(lambda y: np.sin(y) * y, (x,), ([1.0, 0.0],))[1][1]

    want = 2 * numpy.cos(X) - X * numpy.sin(X)
    third = -3 * numpy.sin(X) - X * numpy.cos(X)
    for f in (second, ms.jit(second)):
        numpy.testing.assert_allclose(f(X), want, rtol=1e-6)
        numpy.testing.assert_allclose(ms.grad(f)(X), third, rtol=1e-6)
        numpy.testing.assert_allclose(ms.vmap(f)(numpy.stack([X, X]))[1], want, rtol=1e-6)


def test_polynomial_of_polynomials():
    """sin(z^3) by Faa di Bruno's formula."""
    z = 0.5
    h = [z**3, 3 * z**2, 6 * z, 6.0]
    value, (first, second, third) = jet(np.sin, (numpy.float64(h[0]),), (h[1:],))
    s, c = math.sin(h[0]), math.cos(h[0])
    want = [s, c * h[1], -s * h[1] ** 2 + c * h[2],
            -c * h[1] ** 3 - 3 * s * h[1] * h[2] + c * h[3]]  # fmt: skip
    numpy.testing.assert_allclose([value, first, second, third], want, rtol=1e-12)


def test_coefficients_in_place_of_derivatives():
    _, scaled = jet(np.exp, (X,), ([1.0, 0.0, 0.0],))
    _, plain = jet(np.exp, (X,), ([1.0, 0.0, 0.0],), factorial_scaled=False)
    want = [numpy.exp(X) / math.factorial(k) for k in (1, 2, 3)]
    numpy.testing.assert_allclose(plain, want, rtol=1e-12)
    numpy.testing.assert_allclose(scaled, [numpy.exp(X)] * 3, rtol=1e-12)


def test_the_program_grows_with_the_square_of_the_order():
    """Nested jvp would double it with each order."""
    sizes = [
        len(ms.make_ir(lambda x, k=k: jet(np.exp, (x,), ([1.0] * k,)))(1.0).eqns) for k in (4, 8)
    ]
    assert sizes[1] < 5 * sizes[0]


def test_structures():
    out, series = jet(lambda x, y: {"a": x * y, "b": (x,)}, (1.0, 2.0), ([1.0, 2.0], [3.0, 4.0]))
    assert float(out["a"]) == 2.0
    assert [float(v) for v in series["a"]] == [5.0, 14.0]
    assert [float(v) for v in series["b"][0]] == [1.0, 2.0]
    _, series = jet(lambda p: p["w"] * p["w"], ({"w": X},), ([{"w": 1.0}, {"w": 0.0}],))
    numpy.testing.assert_allclose(series, [2 * X, 2.0])
    _, series = jet(lambda x: 3.0, (1.0,), ([1.0],))
    assert [float(v) for v in series] == [0.0]
    value, series = jet(np.sin, (X,), ([],))
    assert float(value) == pytest.approx(math.sin(X))
    assert series == []


def test_bad_input():
    with refused(ValueError, "inconsistent lengths", "[1, 2]", "fix:"):
        jet(lambda x, y: x * y, (1.0, 2.0), ([1.0], [1.0, 2.0]))  # here
    with refused(ValueError, "2 for 1 arguments", at="count"):
        jet(np.sin, (1.0,), ([1.0], [2.0]))  # count
    with refused(TypeError, "primals given to jet", "float", "fix:", at="tuple"):
        jet(np.sin, 1.0, [[1.0]])  # tuple
    with refused(TypeError, "shape (2,)", "shape (3,)", "fix:", at="shape"):
        jet(np.sin, (numpy.ones(3),), ([numpy.ones(2)],))  # shape
    with refused(TypeError, "structure", at="structure"):
        jet(lambda p: p["a"], ({"a": 1.0},), ([{"b": 1.0}],))  # structure
