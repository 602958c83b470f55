"""Structured matrices, Schur forms and functions of matrices against SciPy's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import scipy.linalg as sl

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.lax import linalg as ll
from ms_func.scipy import linalg as ml
from ms_func.test_util import check_grads

RNG = np.random.default_rng(1)
A, B, C = RNG.normal(size=(5, 5)), RNG.normal(size=(4, 4)), RNG.normal(size=(5, 4))
Z = A + 1j * RNG.normal(size=(5, 5))
S = A @ A.T + np.eye(5)


def close(got, want, tol=1e-10):
    np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol)


@pytest.mark.parametrize("name", ["circulant", "companion", "fiedler", "fiedler_companion"])
def test_matrices_of_one_vector(name):
    for k in range(2, 8):
        close(getattr(ml, name)(A.ravel()[:k]), getattr(sl, name)(A.ravel()[:k]))
    rows = np.stack([getattr(sl, name)(r) for r in A])
    close(getattr(ml, name)(A), rows)


def test_toeplitz_and_hankel():
    for f, g in ((ml.toeplitz, sl.toeplitz), (ml.hankel, sl.hankel)):
        close(f([1, 2, 3], [3, 5, 6, 7]), g([1, 2, 3], [3, 5, 6, 7]))
        close(f(Z[0]), g(Z[0]))
    close(ml.leslie(A[0], A[1, :4]), sl.leslie(A[0], A[1, :4]))
    with pytest.raises(ValueError, match="one less"):
        ml.leslie(A[0], A[1])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_convolution_matrix(mode, n):
    close(ml.convolution_matrix(A[0], n, mode), sl.convolution_matrix(A[0], n, mode))


def test_matrices_of_a_number():
    single = 1e-6
    close(ml.dft(5, "sqrtn"), sl.dft(5, "sqrtn"), single)
    close(ml.hadamard(8), sl.hadamard(8))
    for full in (False, True):
        close(ml.helmert(5, full), sl.helmert(5, full), single)
    close(ml.hilbert(5), sl.hilbert(5), single)
    close(ml.invhilbert(5), sl.invhilbert(5), single)
    for kind in ("symmetric", "lower", "upper"):
        close(ml.pascal(6, kind), sl.pascal(6, kind))
        close(ml.invpascal(6, kind), sl.invpascal(6, kind))
    with pytest.raises(ValueError, match="power of 2"):
        ml.hadamard(6)


@pytest.mark.parametrize("x", [A, Z])
def test_forms(x):
    for output in ("real", "complex"):
        t, z = ml.schur(x, output)
        close(z @ t @ z.conj().T, x)
        close(z @ z.conj().T, np.eye(5))
    close(np.tril(np.asarray(t), -1), 0)
    h, q = ml.hessenberg(x, calc_q=True)
    close(q @ h @ q.conj().T, x)
    close(np.tril(np.asarray(h), -2), 0)
    for side in ("right", "left"):
        for method in ("svd", "qdwh"):
            for got, want in zip(ml.polar(x, side, method=method), sl.polar(x, side), strict=True):
                close(got, want)
    lanes = ms.vmap(lambda m: ml.hessenberg(m))(np.stack([x, 2 * x]))
    close(lanes[1], 2 * np.asarray(h))


@pytest.mark.parametrize("method", ["svd", "qdwh"])
def test_derivatives_of_the_polar_factors(method):
    f = partial(ml.polar, method=method)
    for x, order in ((np.eye(2), 2), (A[:, :2], 1), (Z[:2, :2], 1)):
        check_grads(f, (x,), order, modes=("fwd", "rev"), atol=1e-4, rtol=1e-4)
    change = A[:3, :3]
    (_, (by_u, by_p)) = ms.jvp(f, (np.eye(3),), (change,))
    close(by_u, (change - change.T) / 2)
    close(by_p, (change + change.T) / 2)


def test_complex_form_from_real():
    t, z = ml.rsf2csf(*ml.schur(A))
    close(z @ t @ z.conj().T, A)
    close(np.tril(np.asarray(t), -1), 0)


@pytest.mark.parametrize("method", ["schur", "eigen"])
def test_sylvester(method):
    close(ml.solve_sylvester(A, B, C, method=method), sl.solve_sylvester(A, B, C))
    assert np.isnan(np.asarray(ml.solve_sylvester(np.eye(2), -np.eye(2), np.ones((2, 2))))).all()
    with pytest.raises(ValueError, match="inconsistent size for core dimension"):
        ml.solve_sylvester(A, B, C.T)
    args = (A + 4 * np.eye(5), B + 3 * np.eye(4), C)
    check_grads(ml.solve_sylvester, args, 2, modes=("fwd", "rev"), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("x", [A, Z, S])
def test_functions(x):
    root = ml.sqrtm(x)
    close(root @ root, x)
    close(ml.funm(x, mnp.exp), sl.expm(x), 1e-8)
    value, change = ml.expm_frechet(x, x @ x)
    close(value, sl.expm(x), 1e-8)
    close(change, sl.expm_frechet(x, x @ x)[1], 1e-8)


def test_derivatives_of_the_square_root():
    check_grads(lambda a: ml.sqrtm(a).real, (S,), 2, modes=("fwd", "rev"), atol=1e-4, rtol=1e-4)


def test_tridiagonal_eigenvalues():
    d, e = A[0], A[1, :4]
    for args in ((), ("i", (1, 2)), ("v", (-1, 1))):
        close(ml.eigh_tridiagonal(d, e, True, *args), sl.eigh_tridiagonal(d, e, True, *args))
    w, v = ml.eigh_tridiagonal(d, e)
    close(v * w @ v.T, np.diag(d) + np.diag(e, 1) + np.diag(e, -1))


@pytest.mark.parametrize("mode", ["left", "right"])
def test_qr_multiply(mode):
    for got, want in zip(ml.qr_multiply(A, A, mode), sl.qr_multiply(A, A, mode), strict=True):
        close(got, want)


@pytest.mark.parametrize("x", [A, Z])
def test_reflections(x):
    (packed, taus), _ = sl.qr(x, mode="raw")
    q = sl.qr(x)[0]
    close(ll.householder_product(packed, taus), q)
    close(ll.ormqr(packed, taus, x, transpose=True), q.conj().T @ x)
    close(ll.ormqr(packed, taus, x, left=False), x @ q)
    check_grads(ll.householder_product, (packed, taus), 1, modes=("rev",), atol=1e-4, rtol=1e-4)


def test_updates_and_orders():
    r, w = np.triu(A) + 3 * np.eye(5), A[1]
    updated = np.asarray(ll.cholesky_update(r, w))
    close(updated.T @ updated, r.T @ r + np.outer(w, w))
    _, pivots, order = ll.lu(A)
    close(ll.lu_pivots_to_permutation(pivots, 5), np.asarray(order))
    close(ms.vmap(lambda p: ll.lu_pivots_to_permutation(p, 5))(pivots[None])[0], np.asarray(order))
    close(ll.symmetric_product(C, S, alpha=2.0, beta=3.0), 2 * C @ C.T + 3 * S)
    _, d, e, _ = ll.tridiagonal(S)
    same = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    close(np.linalg.eigvalsh(same), np.linalg.eigvalsh(S))
