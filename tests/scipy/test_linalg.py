"""Functions of `scipy.linalg` against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as sl

import ms_func as ms
from ms_func.scipy import linalg as ml

RNG = np.random.default_rng(1)
A = RNG.normal(size=(4, 4))
C = A + 1j * RNG.normal(size=(4, 4))
SPD = A @ A.T + 3 * np.eye(4)
B = RNG.normal(size=(4, 2))


def close(got, want, tol=1e-10):
    np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol)


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky(lower):
    close(ml.cholesky(SPD, lower), sl.cholesky(SPD, lower))
    close(ml.cho_solve(ml.cho_factor(SPD, lower), B), np.linalg.solve(SPD, B))
    close(ml.solve(SPD, B, assume_a="pos"), np.linalg.solve(SPD, B))


@pytest.mark.parametrize("trans", [0, 1, 2, "T"])
@pytest.mark.parametrize("lower", [False, True])
def test_triangular_systems(trans, lower):
    close(ml.solve_triangular(C, B[:, 0] + 0j, trans, lower), sl.solve_triangular(
        C, B[:, 0] + 0j, trans, lower))  # fmt: skip
    close(ml.solve_triangular(A, B, trans, lower, unit_diagonal=True), sl.solve_triangular(
        A, B, trans, lower, unit_diagonal=True))  # fmt: skip


@pytest.mark.parametrize("a", [A, C, A[:, :3], A[:3]])
def test_lu(a):
    for got, want in zip(ml.lu(a), sl.lu(a), strict=True):
        close(got, want)
    for got, want in zip(ml.lu(a, permute_l=True), sl.lu(a, permute_l=True), strict=True):
        close(got, want)


@pytest.mark.parametrize("trans", [0, 1, 2])
def test_lu_solve(trans):
    for a in (A, C):
        close(ml.lu_solve(ml.lu_factor(a), B, trans), sl.lu_solve(sl.lu_factor(a), B, trans))
    batched = ms.vmap(lambda a: ml.lu_solve(ml.lu_factor(a), B, trans))(np.stack([A, SPD]))
    close(batched[1], sl.lu_solve(sl.lu_factor(SPD), B, trans))


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_expm(scale):
    close(ml.expm(A * scale), sl.expm(A * scale), 1e-8 * np.abs(sl.expm(A * scale)).max())
    narrow = ml.expm((A * scale).astype(np.float32))
    close(narrow, sl.expm(A * scale), 1e-3 * np.abs(sl.expm(A * scale)).max())
    close(ml.expm(np.stack([A, C])), np.stack([sl.expm(A), sl.expm(C)]))


def test_derivative_of_expm():
    E = RNG.normal(size=(4, 4))
    _, got = ms.jvp(ml.expm, (A,), (E,))
    close(got, sl.expm_frechet(A, E)[1], 1e-9)


def test_other_functions():
    close(ml.block_diag(A, B, 7.0), sl.block_diag(A, B, 7.0))
    close(ml.toeplitz(A[0], A[1]), sl.toeplitz(A[0], A[1]))
    close(ml.toeplitz(C[0]), sl.toeplitz(C[0]))
    close(ml.eigh(SPD, eigvals_only=True), sl.eigh(SPD, eigvals_only=True))
    q, r = ml.qr(A, mode="economic")
    close(q @ r, A)
    close(ml.svd(A, compute_uv=False), sl.svd(A, compute_uv=False))
    close(ml.det(A), sl.det(A))
    close(ml.inv(A), sl.inv(A))


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_reads_the_triangle_of_its_factor(lower):
    other = np.triu(SPD) if not lower else np.tril(SPD)
    close(ml.cholesky(other, lower), sl.cholesky(SPD, lower))
    close(ml.cho_factor(other + 0.0, lower)[0], sl.cholesky(SPD, lower))


def test_sizes_of_right_sides():
    with pytest.raises(ValueError, match="do not fit"):
        ml.solve_triangular(np.eye(2), np.ones(3))
    with pytest.raises(ValueError, match="do not fit on the right"):
        ml.qr_multiply(np.ones((3, 2)), np.ones(2))
    with pytest.raises(ValueError, match="do not fit on the left"):
        ml.qr_multiply(np.ones((3, 2)), np.ones(3), "left")


def test_matrices_without_elements():
    assert [v.shape for v in ml.qr(np.zeros((0, 3)), pivoting=True)] == [(0, 0), (0, 3), (3,)]
    assert ml.sqrtm(np.zeros((0, 0))).shape == (0, 0)
    factors = ml.lu_factor(np.zeros((0, 0)))
    assert ml.lu_solve(factors, np.zeros((0, 2))).shape == (0, 2)


def test_the_permutation_of_a_complex_matrix_is_real():
    a = RNG.normal(size=(4, 3)) + 1j
    p, low, up = ml.lu(a)
    assert p.dtype == sl.lu(a)[0].dtype
    np.testing.assert_allclose(np.asarray(p) @ np.asarray(low) @ np.asarray(up), a, atol=1e-12)


def test_factors_of_batches_are_those_of_the_matrices():
    a = RNG.normal(size=(2, 4, 4))
    for f in (ml.polar, lambda a: ml.rsf2csf(*ml.schur(a))):
        for got, *want in zip(f(a), f(a[0]), f(a[1]), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-12)
    with pytest.raises(ValueError, match="2D"):
        ml.polar(a[0, 0])
    short = ml.polar(SPD.astype(np.float16))
    assert [v.dtype for v in short] == ["float32", "float32"]
    close(short[1], sl.polar(SPD)[1], 1e-2)


@pytest.mark.parametrize("shapes", [((2, 4, 4), (4,)), ((2, 4, 4), (2, 4)), ((2, 4, 4), (4, 3)),
                                    ((4, 4), (2, 4, 3)), ((2, 1, 4, 4), (5, 4, 3))])  # fmt: skip
def test_leading_dimensions_of_systems_broadcast(shapes):
    a, b = RNG.normal(size=shapes[0]) + 3 * np.eye(4), RNG.normal(size=shapes[1])
    columns = b if b.ndim > 1 and shapes[1] != (2, 4) else b[..., None]
    square = np.swapaxes(a, -1, -2) @ a
    for matrix, got in (
        (np.tril(a), ml.solve_triangular(a, b, lower=True)),
        (a, ml.lu_solve(ml.lu_factor(a), b)),
        (square, ml.cho_solve(ml.cho_factor(square), b)),
    ):
        want = np.linalg.solve(matrix, columns)
        close(got, want if columns is b else want[..., 0])


def test_right_sides_may_be_complex_where_the_matrix_is_real():
    close(ml.lu_solve(ml.lu_factor(A), 1j * B), np.linalg.solve(A, 1j * B))
    close(ml.cho_solve(ml.cho_factor(SPD), 1j * B), np.linalg.solve(SPD, 1j * B))


def test_sylvester_equations_of_batches():
    a, b, c = RNG.normal(size=(2, 3, 3)), RNG.normal(size=(2, 2)), RNG.normal(size=(5, 1, 3, 2))
    got = np.asarray(ml.solve_sylvester(a, b, c))
    close(a @ got + got @ b, np.broadcast_to(c, (5, 2, 3, 2)))
