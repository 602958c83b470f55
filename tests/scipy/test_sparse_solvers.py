"""`cg`, `bicgstab`, `gmres` against a direct solution, their derivatives, trees, bad input."""

from __future__ import annotations

import numpy as onp
import pytest

import ms_func as ms
from ms_func import numpy as np
from ms_func.scipy.sparse.linalg import bicgstab, cg, gmres

SOLVERS = [cg, bicgstab, gmres]


def _problem(kind, n=8, dtype="float64"):
    rng = onp.random.default_rng(3)
    a = rng.normal(size=(n, n))
    b = rng.normal(size=n)
    if dtype == "complex128":
        a, b = a + 1j * rng.normal(size=(n, n)), b + 1j * rng.normal(size=n)
    a = a @ a.conj().T + n * onp.eye(n) if kind is cg else a + n * onp.eye(n)
    return a.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_against_a_direct_solution(solver, dtype):
    a, b = _problem(solver, dtype=dtype)
    expected = onp.linalg.solve(a, b)
    limit = 1e-5 if dtype == "float32" else 1e-10
    for form in (np.asarray(a), lambda v: np.matmul(a, v)):
        x, info = solver(form, b, tol=limit)
        assert info is None if solver is not gmres else info == 0
        assert x.dtype == dtype
        assert onp.allclose(x, expected, rtol=50 * limit, atol=50 * limit)


@pytest.mark.parametrize("solver", SOLVERS)
def test_with_start_preconditioner_and_jit(solver):
    a, b = _problem(solver)
    near = onp.diag(1 / onp.diag(a))
    f = ms.jit(lambda a, b, x: solver(a, b, x, tol=1e-10, M=near)[0])
    assert onp.allclose(f(a, b, onp.ones(8)), onp.linalg.solve(a, b), atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_derivatives_are_those_of_the_solution(solver):
    a, b = _problem(solver, 5)

    def loss(solve):
        return lambda a, b: np.sum(np.sin(solve(0.5 * (a + a.T) if solver is cg else a, b)))

    got = ms.grad(loss(lambda a, b: solver(a, b, tol=1e-12)[0]), (0, 1))(a, b)
    want = ms.grad(loss(np.linalg.solve), (0, 1))(a, b)
    for g, w in zip(got, want, strict=True):
        assert onp.allclose(g, w, atol=1e-8)


def test_gradient_with_a_preconditioner_that_is_not_symmetric():
    a, b = _problem(gmres, 5)
    near = onp.linalg.inv(a + 0.1 * onp.triu(onp.ones((5, 5))))
    got = ms.grad(lambda b: np.sum(gmres(a, b, tol=1e-12, M=near)[0] ** 2))(b)
    want = ms.grad(lambda b: np.sum(np.linalg.solve(a, b) ** 2))(b)
    assert onp.allclose(got, want, atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_trees_and_batches(solver):
    scale = {"u": 2.0, "v": 4.0}
    b = {"u": np.arange(3.0), "v": np.ones((2, 2))}
    x, _ = solver(lambda t: ms.tree.map(lambda s, y: s * y, scale, t), b)
    assert onp.allclose(x["u"], onp.arange(3.0) / 2, atol=1e-5)
    assert onp.allclose(x["v"], 0.25, atol=1e-5)
    a, _ = _problem(solver)
    rows = onp.random.default_rng(0).normal(size=(3, 8))
    found = ms.vmap(lambda b: solver(a, b, tol=1e-10)[0])(rows)
    assert onp.allclose(found, onp.linalg.solve(a, rows.T).T, atol=1e-8)


def test_gmres_restarts_and_ends_early():
    a, b = _problem(gmres, 12)
    assert onp.allclose(gmres(a, b, tol=1e-10, restart=3)[0], onp.linalg.solve(a, b), atol=1e-7)
    assert onp.allclose(gmres(onp.eye(12), b, tol=1e-10)[0], b)
    assert onp.allclose(gmres(a, onp.zeros(12))[0], 0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_steps_give_the_start(solver):
    a, b = _problem(solver)
    assert onp.array_equal(solver(a, b, onp.ones(8), maxiter=0)[0], onp.ones(8))


@pytest.mark.parametrize("solver", SOLVERS)
def test_bad_input(solver):
    with pytest.raises(ValueError, match="square"):
        solver(onp.ones((2, 3)), onp.ones(2))
    with pytest.raises(ValueError, match="structure"):
        solver(onp.eye(2), onp.ones(2), [onp.ones(2)])
    with pytest.raises(ValueError, match="shapes"):
        solver(onp.eye(2), onp.ones(2), onp.ones(3))
    with pytest.raises(TypeError, match="function or ndarray"):
        solver("A", onp.ones(2))


def test_unknown_method():
    with pytest.raises(ValueError, match="solve_method"):
        gmres(onp.eye(2), onp.ones(2), solve_method="other")
