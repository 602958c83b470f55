"""Programs in users' words, family by family: the file is good, and means what XLA computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, nn, random, tree
from ms_func.scipy import linalg, special
from ms_func_ascend import simulate
from tests.support.ascend import assert_same, read_back

RNG = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


X, CUBE, SQUARE = normal(4, 3), normal(4, 5, 6), normal(5, 5) + 4 * np.eye(5, dtype=np.float32)
Z = (normal(3, 4) + 1j * normal(3, 4)).astype(np.complex64)
IMAGE, FILTER = normal(2, 7, 8, 3), normal(3, 2, 3, 6)
KEY = np.asarray(random.PRNGKey(7))
PLACES = np.array([[-7, 0, 3], [2, 9, 4]], np.int32)
"""Places below, within and beyond four rows."""
HARD = np.array([0, 1, 2, 5, -1, -2, -7, 2**31 - 1, -(2**31)], np.int32)
NONE = np.zeros((2, 0, 3), np.float32)


def nested(x: Any) -> Any:
    """Loops in branches in loops, some on numbers known only at run time."""

    def inner(pair: Any) -> Any:
        j, b = pair
        return j + 1, lax.cond(j % 2 == 0, lambda b: b * 1.1, lambda b: b - x, b)

    def body(pair: Any) -> Any:
        i, a = pair
        _, a = lax.while_loop(lambda p: p[0] < i, inner, (0, a))
        return i + 1, lax.switch(i % 3, [lambda a: a + 1, lambda a: a * x, mnp.sin], a)

    return lax.while_loop(lambda p: (p[0] < 5) & (mnp.abs(p[1]).max() < 1e6), body, (0, x))


def collatz(n: Any) -> Any:
    count = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        count += 1
    return count


def gathers(i: Any) -> Any:
    x = mnp.array(CUBE)
    return [
        (x.at[i].get(mode=m), x.at[i, 1].get(mode=m), x.at[i, :, i].get(mode=m),
         (x > 0).at[i].get(mode=m), x.astype(np.int8).at[:, i].get(mode=m))
        for m in ("clip", "fill")
    ]  # fmt: skip


def scatters(i: Any) -> Any:
    dtypes = np.float32, np.int32, np.int8, np.uint32, np.float16, ml_dtypes.bfloat16
    x = mnp.array(3 * CUBE)
    return [
        getattr(x.astype(d).at[1, i[0]], op)(3, mode=m)
        for d in dtypes for op in ("add", "multiply", "min", "max") for m in ("clip", "drop")
    ]  # fmt: skip


def integers(x: Any, y: Any) -> Any:
    return (
        lax.div(x, y), lax.rem(x, y), x // y, x % y, x / y, lax.shift_left(x, y),
        lax.shift_right_logical(x, y), lax.shift_right_arithmetic(x, y), mnp.gcd(x, y),
        lax.clz(x), lax.population_count(x), abs(x), mnp.sign(x), x**3,
        x.astype(np.int8), x.astype(np.uint16), x.astype(np.float16), x.astype(bool),
    )  # fmt: skip


def empty(x: Any) -> Any:
    return (
        lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 2), (0, x)),
        lax.scan(lambda c, r: (c + r.sum(), r * 2), 0.0, x), x.sum(1), x.prod(), mnp.sort(x, 1),
        x @ np.ones((3, 4), np.float32), mnp.swapaxes(x, 1, 2) @ x, mnp.pad(x, 1),
        mnp.linalg.solve(np.zeros((0, 0), np.float32), np.zeros((0, 2), np.float32)),
        mnp.linalg.qr(np.zeros((3, 0), np.float32), mode="complete"),
    )  # fmt: skip


def windows(x: Any) -> Any:
    sizes = (1, 3, 2, 1), (1, 1, 2, 1)
    return [
        lax.reduce_window(x, np.float32(start), op, *sizes, padding, window_dilation=spread)
        for start, op in ((0, lax.add), (-np.inf, lax.max), (np.inf, lax.min), (1, lax.mul))
        for padding, spread in (("SAME", None), ("VALID", (1, 2, 1, 1)))
    ]


def convolutions(x: Any) -> Any:
    conv, sharp = lax.conv_general_dilated, mnp.array(FILTER)
    last = ("NHWC", "HWIO", "NHWC")
    return (
        conv(x, sharp, (2, 1), [(1, -1), (2, 0)], rhs_dilation=(2, 1), dimension_numbers=last),
        conv(x, sharp, (1, 1), [(1, 2), (0, 1)], lhs_dilation=(2, 3), dimension_numbers=last),
        conv(x, sharp[:, :, :1], (1, 1), "SAME", feature_group_count=3, dimension_numbers=last),
        conv(x[:, :, 0], sharp[0], (2,), "SAME", dimension_numbers=("NHC", "HIO", "NHC")),
        conv(x[None], sharp[None], (1, 1, 1), "SAME",
             dimension_numbers=("NDHWC", "DHWIO", "NDHWC")),
        lax.conv_transpose(x, sharp, (2, 2), "SAME"), mnp.convolve(x.ravel(), mnp.arange(300.0)),
    )  # fmt: skip


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "nothing": (empty, (NONE,)),
    "integers": (integers, tuple(v.copy() for v in np.meshgrid(HARD, HARD))),
    "nested loops": (nested, (X,)),
    "a loop of Python": (collatz, (np.int32(27),)),
    "gathers": (gathers, (PLACES,)),
    "scatters": (scatters, (PLACES,)),
    "slices": (
        lambda i: [(lax.dynamic_slice(CUBE, (i, i, 0), (2, 3, 2)),
                    mnp.take(CUBE, i, 1, mode="wrap"),
                    lax.dynamic_update_slice(CUBE, np.ones((2, 2, 2), np.float32), (i, 0, i)),
                    lax.dynamic_index_in_dim(CUBE, i, 1)) for i in (i[0, 0], i[0, 2], i[1, 1])],
        (PLACES,),
    ),
    "windows": (windows, (IMAGE,)),
    "convolutions": (convolutions, (IMAGE,)),
    "gradients of convolutions": (
        ms.grad(lambda x: sum((y**2).sum() for y in convolutions(x)[:-1])), (IMAGE,)),
    "running": (
        lambda x: (lax.cumsum(x, 1, reverse=True), lax.cumprod(x), lax.cummax(x, 1), lax.cummin(x),
                   lax.cumlogsumexp(x, 1), lax.associative_scan(mnp.maximum, x)), (X,)),
    "order": (
        lambda x: (mnp.sort(x, 0), mnp.argsort(x, 1, descending=True), lax.top_k(x, 2),
                   mnp.unique(x > 0, size=2), mnp.median(x), mnp.searchsorted(x[0], x[1]),
                   lax.sort((x, x[::-1], mnp.arange(12).reshape(4, 3)), num_keys=2),
                   mnp.argmax(x.at[1, 1].set(np.nan), 1)), (X,)),
    "complex numbers": (
        lambda z: (z / (z + 1), z**0.5, mnp.exp(z), mnp.log1p(z), mnp.tanh(z), lax.rsqrt(z),
                   z @ z.T, mnp.cumsum(z, 1), mnp.pad(z, 1), z[1:, ::2],
                   mnp.where(z.real > 0, z, 0),
                   lax.fori_loop(0, 3, lambda i, c: c * z + 1, z), abs(z), mnp.angle(z)), (Z,)),
    "Fourier transforms": (
        lambda x: (mnp.fft.fft(x, n=11), mnp.fft.ifft2(x), mnp.fft.irfft(mnp.fft.rfft(x), n=5),
                   mnp.fft.rfft2(x), ms.grad(lambda x: (abs(mnp.fft.fft(x)) ** 2).sum())(x)), (X,)),
    "linear algebra": (
        lambda a: (mnp.linalg.inv(a), mnp.linalg.slogdet(a), mnp.linalg.solve(a, a[:, :2]),
                   mnp.linalg.cholesky(a @ a.T), mnp.linalg.eigvalsh(a + a.T),
                   mnp.linalg.svd(a, compute_uv=False), mnp.abs(mnp.linalg.qr(a)[1]),
                   mnp.linalg.matrix_power(a, -2), linalg.expm(a / 9), linalg.lu(a),
                   ms.grad(lambda a: mnp.linalg.slogdet(a)[1])(a)), (SQUARE,)),
    "random numbers": (
        lambda k: (random.normal(k, (5, 3)), random.normal(k, (5,), np.float64),
                   random.randint(k, (9,), -5, 7), random.permutation(k, 11), random.split(k, 3),
                   random.categorical(k, np.ones((3, 4), np.float32)), random.gamma(k, 2.5, (5,)),
                   random.bits(k, (7,), np.uint8), random.truncated_normal(k, -1, 2, (5,))),
        (KEY,)),
    "special functions": (
        lambda x: (special.gammaln(x), special.digamma(x), special.erfinv(x / 9), special.i1e(x),
                   special.ndtri(nn.sigmoid(x)), special.betaln(x, 2.0), special.gammainc(x, 1.5),
                   special.betainc(x, 1.5, 0.3), special.zeta(x + 1, 2.0), special.polygamma(1, x)),
        (abs(X) + 0.3,)),
    "products": (
        lambda x: [x.astype(d) @ x.T.astype(d) for d in (
            np.int8, np.uint8, np.int32, np.int64, np.float16, np.float64, bool)]
        + [mnp.einsum("ij,kj->ik", x, x), mnp.einsum("ij->j", x), mnp.tensordot(x, x, 2),
           lax.dot(x.astype(np.int8), x.T.astype(np.int8), preferred_element_type=np.int32)],
        (3 * X,)),
    "second derivatives": (
        lambda x: (ms.hessian(lambda v: (mnp.tanh(v) ** 2).sum() * v[0])(x[0]),
                   ms.jacrev(nn.softmax)(x[0]), ms.vmap(ms.grad(lambda v: (v @ v) ** 2))(x)), (X,)),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [n if n in ("nothing",) else pytest.param(n, marks=pytest.mark.slow) for n in PROGRAMS]
)
def test_means_what_xla_computes(name: str) -> None:
    f, arguments = PROGRAMS[name]
    wanted = [np.asarray(v) for v in tree.leaves(ms.jit(f)(*arguments))]
    graph = read_back(ms.export(f, *arguments, backend="ascend"))
    rough = {"float32": 1e-3, "complex64": 1e-3, "float64": 1e-9}
    for got, want in zip(simulate(graph, arguments), wanted, strict=True):
        assert_same(got, want, rough.get(want.dtype.name))
