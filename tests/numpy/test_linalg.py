"""Linear algebra against NumPy's: factors up to what is arbitrary in them, derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.numpy_oracle import both, compiled, same, sample

RNG = np.random.default_rng(0)
A = RNG.normal(size=(2, 4, 4))
TALL = RNG.normal(size=(2, 5, 3))
SPD = A @ np.swapaxes(A, -1, -2) + 3 * np.eye(4)
COMPLEX = A + 1j * RNG.normal(size=A.shape)
B = RNG.normal(size=(2, 4, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_factors(dtype):
    tol = 1e-4 if np.dtype(dtype).itemsize in (4, 8) and dtype != "float64" else 1e-10
    a = (COMPLEX if dtype.startswith("c") else A).astype(dtype)
    h = a @ np.conj(np.swapaxes(a, -1, -2)) + 3 * np.eye(4, dtype=dtype)
    low = np.asarray(mnp.linalg.cholesky(h))
    np.testing.assert_allclose(low @ np.conj(np.swapaxes(low, -1, -2)), h, rtol=tol, atol=tol)
    assert not np.triu(low, 1).any()
    upper = np.asarray(mnp.linalg.cholesky(h, upper=True))
    np.testing.assert_allclose(upper, np.conj(np.swapaxes(low, -1, -2)))
    w, v = (np.asarray(x) for x in mnp.linalg.eigh(h))
    np.testing.assert_allclose(h @ v, v * w[:, None, :], rtol=tol, atol=tol * 20)
    u, s, vh = (np.asarray(x) for x in mnp.linalg.svd(a))
    np.testing.assert_allclose((u * s[:, None, :]) @ vh, a, rtol=tol, atol=tol)
    q, r = (np.asarray(x) for x in mnp.linalg.qr(a))
    np.testing.assert_allclose(q @ r, a, rtol=tol, atol=tol)
    w, v = (np.asarray(x) for x in mnp.linalg.eig(a))
    np.testing.assert_allclose(a @ v, v * w[:, None, :], rtol=tol, atol=tol * 20)


def test_values_without_vectors():
    both("linalg.svdvals", TALL)
    both("linalg.eigvalsh", SPD)
    got = np.sort_complex(np.asarray(mnp.linalg.eigvals(A)).ravel())
    np.testing.assert_allclose(got, np.sort_complex(np.linalg.eigvals(A).ravel()))
    got = mnp.linalg.svd(SPD, hermitian=True, compute_uv=False)
    same(got, np.linalg.svd(SPD, compute_uv=False), 1e-10)


@pytest.mark.parametrize("full", [False, True])
def test_svd_of_tall_matrices(full):
    u, s, vh = (np.asarray(x) for x in mnp.linalg.svd(TALL, full_matrices=full))
    assert u.shape == (2, 5, 5 if full else 3)
    np.testing.assert_allclose((u[..., :3] * s[:, None, :]) @ vh, TALL)
    np.testing.assert_allclose(np.swapaxes(u, -1, -2) @ u, np.broadcast_to(
        np.eye(u.shape[-1]), (2, *[u.shape[-1]] * 2)), atol=1e-12)  # fmt: skip


def test_not_positive_definite_gives_nan():
    assert np.isnan(np.asarray(mnp.linalg.cholesky(-np.eye(3)))).any()


def test_systems():
    both("linalg.solve", A, B)
    both("linalg.solve", A, B[0])
    compiled("linalg.solve", A[0], B[0, :, 0])
    both("linalg.inv", COMPLEX)
    both("linalg.det", A)
    for n in (0, 1, 2, 3):
        compiled("linalg.det", A[:, :n, :n])
    both("linalg.slogdet", A)
    for a in (A, COMPLEX, -np.eye(3)):
        for got, want in zip(mnp.linalg.slogdet(a, method="qr"), np.linalg.slogdet(a), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10)
    both("linalg.pinv", TALL)
    both("linalg.matrix_power", A, -2, tol=1e-8)
    compiled("linalg.cond", A)
    compiled("linalg.cond", A, 1)
    both("linalg.matrix_rank", np.stack([A[0], np.ones((4, 4))]))
    both("linalg.norm", A, 2, axis=(1, 2))
    both("linalg.norm", A[0], "nuc")
    both("linalg.tensorinv", RNG.normal(size=(2, 3, 6)), 2)
    both("linalg.tensorsolve", RNG.normal(size=(2, 3, 6)), RNG.normal(size=(2, 3)))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_least_squares(shape):
    a, b = RNG.normal(size=shape), RNG.normal(size=(shape[0], 2))
    x, residuals, rank, s = mnp.linalg.lstsq(a, b)
    want = np.linalg.lstsq(a, b)
    same((x, s), (want[0], want[3]), 1e-10)
    assert int(rank) == 3
    np.testing.assert_allclose(np.asarray(residuals), ((a @ want[0] - b) ** 2).sum(0), atol=1e-12)
    with pytest.raises(TypeError, match="3-dimensional array given"):
        mnp.linalg.lstsq(a[None], b)


def differences(f, x, h=1e-6):
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        out[i] = (float(f(x + e)) - float(f(x - e))) / (2 * h)
    return out


W = RNG.normal(size=(4, 4))
FUNCTIONS = {
    "cholesky": (lambda a: (mnp.linalg.cholesky(a) * W).sum(), SPD[0]),
    "solve": (lambda a: (mnp.linalg.solve(a, B[0]) ** 2).sum(), A[0]),
    "inv": (lambda a: (mnp.linalg.inv(a) * W).sum(), A[0]),
    "det": (mnp.linalg.det, A[0]),
    "det of a singular matrix": (mnp.linalg.det, np.diag([1.0, 0.0, 2.0])),
    "slogdet": (lambda a: mnp.linalg.slogdet(a)[1], A[0]),
    "slogdet by qr": (lambda a: mnp.linalg.slogdet(a, method="qr")[1], A[0]),
    "qr": (lambda a: sum((x**2 * W[: x.shape[0], :3]).sum() for x in mnp.linalg.qr(a)),
           TALL[0, :4]),
    "eigh": (lambda a: (mnp.linalg.eigh(a)[1] ** 2 * W).sum(), SPD[0]),
    "eigvals": (lambda a: (abs(mnp.linalg.eigvals(a)) ** 2).sum(), A[0]),
    "svd": (lambda a: (mnp.linalg.svd(a, full_matrices=False)[0] ** 2 * W[:4, :3]).sum(),
            TALL[0, :4]),
    "pinv": (lambda a: (mnp.linalg.pinv(a) * W[:3]).sum(), TALL[0, :4]),
    "spectral norm": (lambda a: mnp.linalg.norm(a, 2), TALL[0]),
    "lstsq": (lambda a: (mnp.linalg.lstsq(a, B[0, :, 0])[0] ** 2).sum(), TALL[0, :4]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name):
    f, x = FUNCTIONS[name]
    want = differences(ms.jit(f), x)
    np.testing.assert_allclose(np.asarray(ms.grad(f)(x)), want, rtol=2e-6, atol=1e-7)
    forward = ms.jvp(f, (x,), (np.ones_like(x),))[1]
    np.testing.assert_allclose(float(forward), want.sum(), rtol=2e-6, atol=1e-6)


def test_eigenvectors_without_derivative():
    with pytest.raises(
        NotImplementedError, match="eigenvectors of matrices that are not Hermitian"
    ):
        ms.jvp(lambda a: mnp.linalg.eig(a)[1], (A[0],), (A[0],))


@pytest.mark.parametrize("order", [None, 1, -2, "fro"])
def test_condition_of_singular_matrices(order):
    x = np.array([[[0.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 4.0]], [[np.nan, 1.0], [1.0, 2.0]]])
    found = mnp.linalg.cond(x, order)
    same(found, np.array([np.inf, np.linalg.cond(x[1], order), np.nan]))


def test_batches():
    same(ms.vmap(mnp.linalg.inv)(A), np.linalg.inv(A), 1e-10)
    same(ms.vmap(lambda a, b: mnp.linalg.solve(a, b), in_axes=(None, 0))(A[0], B), np.linalg.solve(
        A[0], B), 1e-10)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: mnp.linalg.inv(TALL), ValueError, r"must have shape \[..., n, n\]"),
        (lambda: mnp.linalg.cholesky(np.ones(3)), ValueError, "at least 2D"),
        (lambda: mnp.linalg.svd(np.ones(3)), TypeError, "at least 2D"),
        (lambda: mnp.linalg.cond(np.ones((0, 0))), ValueError, "not be empty"),
        (lambda: mnp.linalg.eigh(A, UPLO="X"), ValueError, "UPLO"),
        (lambda: mnp.linalg.qr(A, "x"), ValueError, "Unsupported QR decomposition mode"),
        (lambda: mnp.linalg.solve(A, np.ones(3)), ValueError, "do not fit"),
        (lambda: mnp.linalg.norm(A, "x", axis=(1, 2)), ValueError, "Invalid order 'x' for matrix"),
        (lambda: mnp.linalg.matrix_power(A, 1.5), TypeError, "exponent must be an integer"),
        (lambda: mnp.vecdot(np.ones(3), np.ones(2)), ValueError, "axes must match"),
    ],
)  # fmt: skip
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_sample_of_small_dtypes():
    same(mnp.linalg.inv(np.eye(3, dtype=np.int32) * 2), np.eye(3, dtype=np.float32) / 2)
    assert mnp.linalg.det(sample("float16", 3, 3)).dtype == np.float32
