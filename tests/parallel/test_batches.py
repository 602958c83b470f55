"""A batch of problems that is split over devices stays split: nothing is gathered on the way."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, scipy
from ms_func.parallel.hlo import collectives
from ms_func.sharding import Mesh, NamedSharding, P

MESH = Mesh((2, 4), ("a", "b"))
LAID = NamedSharding(MESH, P(("a", "b")))
X = np.random.default_rng(0).standard_normal((1024, 6, 6)).astype(np.float32) + 4 * np.eye(
    6, dtype=np.float32
)

LINEAR_ALGEBRA = {
    "cholesky": lambda x: mnp.linalg.cholesky(x @ x.swapaxes(1, 2)),
    "eigh": lambda x: mnp.linalg.eigh(x + x.swapaxes(1, 2))[0],
    "eig": lambda x: abs(mnp.linalg.eigvals(x)).sum(-1),
    "svd": lambda x: mnp.linalg.svd(x)[1],
    "qr": lambda x: mnp.linalg.qr(x)[1],
    "lu": lambda x: scipy.linalg.lu(x)[2],
    "solve": lambda x: mnp.linalg.solve(x, x[..., :2]),
    "inv": mnp.linalg.inv,
    "triangular": lambda x: scipy.linalg.solve_triangular(x, x),
    "tridiagonal": lambda x: lax.linalg.tridiagonal_solve(x[:, 0], x[:, 1], x[:, 2], x),
}
OTHERS = {
    "fft": lambda x: abs(mnp.fft.fft2(x)),
    "rfft": lambda x: mnp.fft.irfft(mnp.fft.rfft(x, axis=1), n=6, axis=1),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "sort": lambda x: mnp.sort(x, axis=-1),
    "cumsum": lambda x: mnp.cumsum(x, axis=1),
}


def sent(compiled):
    return sum(c.wire for c in collectives(compiled.as_text(), 8))


@pytest.mark.parametrize("name", sorted({**LINEAR_ALGEBRA, **OTHERS}))
def test_a_planned_batch_is_not_gathered(name):
    f = {**LINEAR_ALGEBRA, **OTHERS}[name]
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=(LAID.spec,), out_specs=LAID.spec))
    compiled = split.lower(X).compile()
    assert sent(compiled) == 0
    assert split.plan(X).redundancy < 1.01
    np.testing.assert_allclose(split(X), ms.jit(f)(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(LINEAR_ALGEBRA))
def test_a_batch_laid_out_by_hand_is_not_gathered(name):
    f = ms.jit(LINEAR_ALGEBRA[name], in_shardings=LAID)
    compiled = f.lower(X).compile()
    assert sent(compiled) == 0
    assert compiled.output_shardings.spec[0] == ("a", "b")


def test_fourier_transforms_inside_of_a_scan_and_their_gradients():
    def loss(w, x):
        def step(h, w):
            return mnp.fft.irfft(mnp.fft.rfft(h, axis=1) * w, n=6, axis=1), None

        return (lax.scan(step, x, w)[0] ** 2).sum()

    w = np.ones((3, 4, 6), np.float32)
    f = ms.value_and_grad(loss)
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=(P(), LAID.spec)))
    assert sent(split.lower(w, X).compile()) < X.nbytes / 64  # sums of gradients only
    for got, want in zip(split(w, X), ms.jit(f)(w, X), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4)
