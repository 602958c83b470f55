"""`linear_call`: both functions are used, each where it belongs, in every transform."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.custom_derivatives import linear_call

X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])


def scaled(factor, x):
    """A product whose given transpose is three times the true one, so that its use shows."""
    return linear_call(lambda a, x: a * x, lambda a, ct: 3.0 * a * ct, factor, x)


def solved(a, b):
    """Division, transposed by itself."""
    return linear_call(lambda a, b: b / a, lambda a, ct: ct / a, a, b)


def test_value_and_forward_mode_use_the_function():
    np.testing.assert_allclose(scaled(X, Y), X * Y)
    out, dot = ms.jvp(scaled, (X, Y), (Y, X))
    np.testing.assert_allclose(out, X * Y)
    np.testing.assert_allclose(dot, Y * Y + X * X)


def test_reverse_mode_uses_the_transpose():
    np.testing.assert_allclose(ms.grad(lambda y: scaled(X, y).sum())(Y), 3 * X)
    twice = ms.linear_transpose(lambda y: scaled(X, y), Y)
    np.testing.assert_allclose(twice(Y)[0], 3 * X * Y)
    back = ms.linear_transpose(lambda ct: twice(ct)[0], Y)  # the transpose of that is the function
    np.testing.assert_allclose(back(Y)[0], X * Y)


def test_residuals_are_differentiated_as_written():
    da, db = ms.grad(lambda a, b: solved(a, b).sum(), (0, 1))(X, Y)
    np.testing.assert_allclose(da, -Y / X**2)
    np.testing.assert_allclose(db, 1 / X)
    second = ms.hessian(lambda a: (solved(a, Y) ** 2).sum())(X)
    np.testing.assert_allclose(second, np.diag(6 * Y**2 / X**4))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_lanes(axes):
    a = np.stack([X, X + 1]) if axes[0] == 0 else X
    b = np.stack([Y, Y - 1]) if axes[1] == 0 else Y

    def both(a, b):
        return scaled(a, b), ms.grad(lambda b: scaled(a, b).sum())(b)

    for got, want in zip(ms.jit(ms.vmap(both, axes))(a, b), (a * b, 3 * a + 0 * b), strict=True):
        np.testing.assert_allclose(got, want)


def test_trees_closures_and_what_is_captured():
    def f(scale, x):
        tree = {"a": x, "b": 2 * x}
        return linear_call(
            lambda k, v: (k * v["a"] + v["b"]) * scale,
            lambda k, ct: {"a": k * ct * scale, "b": ct * scale}, 5.0, tree,
        )  # fmt: skip

    np.testing.assert_allclose(f(2.0, X), 14 * X)
    np.testing.assert_allclose(ms.grad(lambda x: f(2.0, x).sum())(X), 14)
    np.testing.assert_allclose(ms.grad(lambda s: f(s, X).sum())(2.0), 7 * X.sum())


def test_bad_transposes():
    with pytest.raises(TypeError, match="transpose output pytree structure must match"):
        linear_call(lambda r, x: x, lambda r, ct: (ct,), 1.0, X)
    with pytest.raises(TypeError, match="transpose output types must match"):
        linear_call(lambda r, x: x, lambda r, ct: mnp.sum(ct), 1.0, X)
