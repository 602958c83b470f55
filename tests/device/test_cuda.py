"""What an NVIDIA device computes, against NumPy and the CPU: `pytest -m device`.

One program for each kind of thing that is compiled otherwise than for the CPU.
"""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, nn, scipy

pytestmark = pytest.mark.device
RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 5, 5)) + 3 * np.eye(5)
TALL, WIDE = RNG.standard_normal((3, 6, 4)), RNG.standard_normal((3, 4, 6))


def hermitian(a):
    return a @ np.conj(np.swapaxes(a, -1, -2)) + np.eye(a.shape[-1])


@pytest.fixture(params=["float32", "float64", "complex64", "complex128"])
def on_device(request, device):
    """Function that puts an array there, in each dtype of linear algebra."""

    def put(a):
        turned = a * np.exp(1j) if request.param.startswith("c") else a
        return ms.device_put(turned.astype(request.param), device)

    put.close = 2e-3 if request.param in ("float32", "complex64") else 1e-10
    return put


def close(got, want, within):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=within, atol=within)


def test_cholesky_and_triangular_systems(on_device):
    a = hermitian(np.asarray(on_device(A)))
    low = ms.jit(mnp.linalg.cholesky)(ms.device_put(a, on_device(A).device))
    close(low, np.linalg.cholesky(a), on_device.close)
    x = scipy.linalg.solve_triangular(low, on_device(A), lower=True)
    close(np.asarray(low) @ np.asarray(x), on_device(A), on_device.close)


@pytest.mark.parametrize("matrix", [A, TALL, WIDE], ids=["square", "tall", "wide"])
def test_factors_give_the_matrix(on_device, matrix):
    a = on_device(matrix)
    p, low, up = map(np.asarray, scipy.linalg.lu(a))
    close(p @ low @ up, a, on_device.close)
    for full in (False, True):
        q, r = map(np.asarray, mnp.linalg.qr(a, mode="complete" if full else "reduced"))
        close(q @ r, a, on_device.close)
        close(np.conj(q.swapaxes(1, 2)) @ q, np.eye(q.shape[-1]) + 0 * q[:, :1], on_device.close)
        u, s, v = map(np.asarray, mnp.linalg.svd(a, full_matrices=full))
        k = s.shape[-1]
        close((u[..., :k] * s[:, None]) @ v[:, :k], a, on_device.close)
    close(mnp.linalg.svd(a, compute_uv=False), s, on_device.close)


def test_eigenvalues_and_their_derivatives(on_device):
    a = hermitian(np.asarray(on_device(A)))
    put = ms.device_put(a, on_device(A).device)
    w, v = map(np.asarray, mnp.linalg.eigh(put))
    close(w, np.linalg.eigvalsh(a), on_device.close)
    close(a @ v, v * w[:, None], on_device.close)
    slope = ms.grad(lambda t: mnp.linalg.eigvalsh(put * t)[:, 0].sum())(1.0)
    close(slope, w[:, 0].sum(), 1e-4)  # of a float32


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_tridiagonal_systems(on_device, n):
    low, main, up = (np.asarray(on_device(RNG.standard_normal((2, n)))) for _ in range(3))
    main = main + 4
    right = np.asarray(on_device(RNG.standard_normal((2, n, 2))))
    x = np.asarray(lax.linalg.tridiagonal_solve(*map(on_device, (low, main, up, right))))
    whole = np.zeros((2, n, n), main.dtype)
    i = np.arange(n)
    whole[:, i, i] = main
    whole[:, i[1:], i[:-1]] = low[:, 1:]
    whole[:, i[:-1], i[1:]] = up[:, :-1]
    close(whole @ x, right, on_device.close)


def test_eigenvalues_of_general_matrices(on_device):
    a = on_device(A)
    w, v = map(np.asarray, mnp.linalg.eig(a))
    close(np.asarray(a) @ v, v * w[:, None], on_device.close)
    w, left, v = map(np.asarray, lax.linalg.eig(a))
    close(np.conj(left.swapaxes(1, 2)) @ np.asarray(a), w[..., None] * np.conj(left.swapaxes(1, 2)),
          on_device.close)  # fmt: skip
    slope = ms.grad(lambda t: mnp.linalg.eigvals(a * t).real.sum())(1.0)
    close(slope, w.real.sum(), 1e-4)


@pytest.mark.parametrize("matrix", [A, TALL, WIDE], ids=["square", "tall", "wide"])
def test_factors_with_pivots(on_device, matrix):
    a = on_device(matrix)
    q, r, order = map(np.asarray, lax.linalg.qr(a, pivoting=True, full_matrices=False))
    close(q @ r, np.take_along_axis(np.asarray(a), order[:, None], 2), on_device.close)
    sizes = abs(np.diagonal(r, axis1=1, axis2=2))
    assert (np.diff(sizes) <= 1e-5 * sizes[:, :1]).all()


@pytest.mark.parametrize("shape", [(2, 3, 6), (8, 8, 8), (64, 2001, 48)])
def test_products_of_bytes(device, shape):
    m, k, n = shape
    x, y = RNG.integers(-128, 128, (m, k), np.int8), RNG.integers(-128, 128, (k, n), np.int8)
    got = lax.dot(ms.device_put(x, device), y, preferred_element_type=np.int32)
    np.testing.assert_array_equal(got, x.astype(int) @ y)


def test_solutions_have_gradients(on_device):
    a = on_device(A)
    loss = ms.jit(lambda a: abs(mnp.linalg.solve(a, a[..., :2])).sum())
    moved = ms.device_put(np.asarray(a), ms.devices("cpu")[0])
    close(ms.grad(loss)(a), ms.grad(loss)(moved), 10 * on_device.close)


def test_random_bits_are_those_of_the_cpu(device):
    run = ms.jit(lambda key: ms.random.bits(key, (1000,)))
    keys = [ms.device_put(ms.random.key(7), where) for where in (device, ms.devices("cpu")[0])]
    np.testing.assert_array_equal(*map(np.asarray, map(run, keys)))


PROGRAMS = {
    "sort": lambda x: mnp.sort(x, axis=-1),
    "cumsum": lambda x: mnp.cumsum(x, axis=0),
    "softmax": lambda x: nn.softmax(x),
    "fft": lambda x: abs(mnp.fft.fft(x)),
    "conv": lambda x: lax.conv(x[None, None], x[None, None, :3, :3], (1, 1), "SAME"),
    "integer conv": lambda x: mnp.convolve(x[0].astype(int), mnp.arange(5)).astype(x.dtype),
    "scan": lambda x: lax.scan(lambda c, r: (c + mnp.sin(r), c), x[0], x),
    "while": lambda x: lax.while_loop(lambda c: c.sum() < 1000, lambda c: c * 1.5 + 1, x),
    "branch": lambda x: lax.cond(x[0, 0] > 0, mnp.sin, mnp.cos, x),
    "scatter": lambda x: x.at[mnp.array([1, 1, 3])].add(x[:3]),
    "special": lambda x: scipy.special.gammaincc(abs(x) + 1, abs(x)),
    "print": lambda x: (ms.debug.callback(lambda v: None, x.sum()), x + 1)[1],
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_programs_and_their_derivatives_are_those_of_the_cpu(device, name):
    f = PROGRAMS[name]
    x = RNG.standard_normal((8, 16)).astype(np.float32)

    def loss(x):
        return sum(leaf.sum() for leaf in ms.tree.leaves(f(x)))

    found = []
    for where in (device, ms.devices("cpu")[0]):
        y = ms.device_put(x, where)
        found.append(
            ms.tree.leaves((ms.jit(f)(y), ms.jit(ms.jvp, static_argnums=0)(loss, (y,), (y,))))
        )
    for got, want in zip(*found, strict=True):
        close(got, want, 2e-3)
