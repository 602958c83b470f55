"""`minimize` against SciPy's, and its derivatives against closed forms and differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize as so

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.scipy.optimize import OptimizeResults, minimize

L_BFGS = "l-bfgs-experimental-do-not-rely-on-this"
METHODS = {"BFGS": "BFGS", L_BFGS: "L-BFGS-B"}
RNG = np.random.default_rng(5)


def valley(xp):
    return lambda x: xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def four_minima(xp):
    return lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2


def flat_plate(xp):
    return lambda p: 0.26 * (p[0] ** 2 + p[1] ** 2) - 0.48 * p[0] * p[1]


def ravines(xp):
    def f(p):
        x, y = p
        first = (y + 47) * xp.sin(xp.sqrt(xp.abs(x / 2 + y + 47)))
        return -first - x * xp.sin(xp.sqrt(xp.abs(x - (y + 47))))

    return f


STARTS = [
    (valley, np.zeros(2)),
    (ravines, np.full(2, 100.0)),
    pytest.param(four_minima, np.ones(2), marks=pytest.mark.slow),
    pytest.param(four_minima, np.array([92.0, 1e-3]), marks=pytest.mark.slow),
    pytest.param(flat_plate, np.full(2, 6.0), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("make", "start"), STARTS, ids=lambda v: getattr(v, "__name__", ""))
def test_minima(make, start, method):
    want = so.minimize(make(np), start, method=METHODS[method], options={"gtol": 1e-9})

    def find(x):
        return minimize(make(mnp), x, method=method, options={"gtol": 1e-9, "maxiter": 300})

    found = ms.jit(find)(start)
    assert isinstance(found, OptimizeResults)
    np.testing.assert_allclose(found.x, want.x, atol=1e-3 if make is flat_plate else 5e-5)
    np.testing.assert_allclose(found.fun, make(np)(np.asarray(found.x)), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.jac, ms.grad(make(mnp))(found.x), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_single_precision(method):
    found = minimize(valley(mnp), np.zeros(4, np.float32), method=method)
    assert found.x.dtype == found.fun.dtype == found.jac.dtype == np.float32
    assert int(found.nit) < 200  # rounding does not keep it going
    np.testing.assert_allclose(found.x, 1, atol=2e-3)


def test_inverse_hessian_of_a_quadratic():
    a = RNG.normal(size=(4, 4))
    a = a @ a.T + np.eye(4)
    found = minimize(lambda x: x @ a @ x / 2, np.ones(4), method="BFGS", tol=1e-10)
    assert bool(found.success)
    np.testing.assert_allclose(found.hess_inv, np.linalg.inv(a), atol=0.02)
    assert minimize(lambda x: x @ x, np.ones(4), method="L-BFGS").hess_inv is None


@pytest.mark.parametrize("method", METHODS)
def test_limits_and_failures(method):
    few = minimize(valley(mnp), np.zeros(2), method=method, options={"maxiter": 3})
    assert (int(few.nit), int(few.status), bool(few.success)) == (3, 1, False)
    done = minimize(lambda x: mnp.sum(x**2), np.zeros(3), method=method)
    assert (int(done.nit), int(done.status), bool(done.success)) == (0, 0, True)
    for factor in (np.nan, 1.0):
        lost = minimize(lambda x, a: a * mnp.sum(x), np.ones(3), (factor,), method=method)
        assert not bool(lost.success)


@pytest.mark.parametrize("method", METHODS)
def test_complex_unknowns(method):
    z0 = np.array([1.0, 2 - 3j, 4.0, -5j])

    def f(z):
        return mnp.real(mnp.vdot(z - z0, z - z0)) + mnp.real(z[0]) ** 4

    found = minimize(f, np.zeros_like(z0), method=method, tol=1e-9)
    np.testing.assert_allclose(np.asarray(found.x)[1:], z0[1:], atol=1e-7)
    np.testing.assert_allclose(found.jac, ms.grad(f)(found.x), atol=1e-9)


@pytest.mark.parametrize("method", ["BFGS", pytest.param(L_BFGS, marks=pytest.mark.slow)])
def test_lanes_are_single_runs(method):
    starts = RNG.normal(size=(3, 2))

    def find(x):
        return minimize(four_minima(mnp), x, method=method, tol=1e-9)

    many = ms.vmap(find)(starts)
    for i, start in enumerate(starts):
        one = find(start)
        np.testing.assert_allclose(many.x[i], one.x, atol=1e-9)
        assert int(many.nit[i]) == int(one.nit)


def ridge(x, a, b):
    return mnp.sum((a @ x - b) ** 2) + 0.5 * mnp.sum(x**2) + 0.1 * mnp.sum(x**4)


A, B = RNG.normal(size=(5, 3)), RNG.normal(size=5)


def where_ridge(b):
    return minimize(ridge, np.zeros(3), (A, b), method="BFGS", tol=1e-11).x


def test_derivatives_of_the_minimum():
    a, b, where = A, B, where_ridge
    x = np.asarray(where(b))
    hessian = 2 * a.T @ a + np.diag(1 + 1.2 * x**2)
    want = np.linalg.solve(hessian, 2 * a.T)
    np.testing.assert_allclose(ms.jacrev(where)(b), want, rtol=1e-6)
    np.testing.assert_allclose(ms.jacfwd(where)(b), want, rtol=1e-6)


@pytest.mark.slow
def test_second_derivatives_of_the_minimum():
    def total(b):
        return mnp.sum(where_ridge(b) ** 3)

    step, v = 1e-4, RNG.normal(size=5)
    second = ms.hessian(total)(B) @ v
    first = ms.jit(ms.grad(total))
    numeric = (np.asarray(first(B + step * v)) - np.asarray(first(B - step * v))) / (2 * step)
    np.testing.assert_allclose(second, numeric, rtol=1e-4, atol=1e-7)


def test_derivatives_of_the_value_and_of_closures():
    b = RNG.normal(size=3)

    def least(scale):
        return minimize(lambda x: scale * mnp.sum(x**2) - b @ x, np.zeros(3), method="BFGS").fun

    np.testing.assert_allclose(least(2.0), -b @ b / 8, rtol=1e-6)
    np.testing.assert_allclose(ms.grad(least)(2.0), b @ b / 16, rtol=1e-5)


def test_derivatives_with_many_unknowns():
    """Above 128 unknowns the Hessian is not formed."""
    target = RNG.normal(size=200)

    def where(scale):
        weights = scale * mnp.arange(1.0, 201.0, dtype=np.float64)
        return minimize(
            lambda x: mnp.sum((1 + weights) * (x - target) ** 2) + mnp.sum(x**2),
            np.zeros(200), method="L-BFGS", tol=1e-8, options={"ftol": 0},
        ).x  # fmt: skip

    weights = np.arange(1.0, 201.0)
    got = ms.jvp(where, (np.float64(1.0),), (np.float64(1.0),))[1]
    np.testing.assert_allclose(got, target * weights / (2 + weights) ** 2, atol=1e-6)


def test_shapes_and_integers():
    found = minimize(lambda x: mnp.sum((x - 2) ** 2), np.zeros((2, 3), np.int32), method="BFGS")
    assert found.x.shape == found.jac.shape == (2, 3)
    np.testing.assert_allclose(found.x, 2, atol=1e-4)


def test_bad_input():
    def f(x):
        return mnp.sum(x**2)

    with pytest.raises(TypeError, match=r"args .* must be a tuple"):
        minimize(f, np.ones(2), args=45, method="BFGS")
    with pytest.raises(ValueError, match="Method nelder-mead not recognized"):
        minimize(f, np.ones(2), method="nelder-mead")
    with pytest.raises(TypeError, match="unexpected keyword argument 'maxls'"):
        minimize(f, np.ones(2), method="BFGS", options={"maxls": 3})
    with pytest.raises(TypeError, match="scalar"):
        minimize(lambda x: x, np.ones(2), method="BFGS")
