"""Attention by blocks against all at once, and products in block-scaled formats."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
from ms_func import nn
from ms_func.nn import attention as dense
from ms_func.nn import blockwise

RNG = np.random.default_rng(3)
T, S = 17, 33
Q, K = RNG.normal(size=(2, T, 4, 5)), RNG.normal(size=(2, S, 2, 5))
V = RNG.normal(size=(2, S, 2, 3))
OPTIONS = {
    "causal": {"is_causal": True},
    "window": {"local_window_size": (3, 2), "is_causal": True},
    "bias": {"bias": RNG.normal(size=(4, T, S)), "scale": 0.3},
    "row bias": {"bias": RNG.normal(size=(2, 1, 1, S))},
    "mask": {"mask": RNG.uniform(size=(2, 1, T, S)) > 0.4, "is_causal": True},
    "lengths": {"query_seq_lengths": np.array([3, T]), "key_value_seq_lengths": np.array([S, 2])},
}


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(blockwise, "_BLOCK", 8)


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("name", [
    n if n in ("causal", "bias", "lengths") else pytest.param(n, marks=pytest.mark.slow)
    for n in OPTIONS
])  # fmt: skip
def test_blocks_change_nothing(name):
    options = dict(OPTIONS[name])
    bias = options.pop("bias", np.zeros((1, 1, 1, 1)))
    weights = RNG.normal(size=(2, T, 4, 3))

    def run(implementation):
        def loss(q, k, v, bias):
            out, residual = nn.dot_product_attention(
                q, k, v, bias, implementation=implementation, return_residual=True, **options
            )
            return (out * weights).sum(), (out, residual)

        return ms.jit(ms.grad(loss, (0, 1, 2, 3), has_aux=True))(Q, K, V, bias)

    for got, want in zip(ms.tree.leaves(run("blockwise")), ms.tree.leaves(run("xla")), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)


def test_memory_of_long_sequences():
    """Value and gradient over 8,192 places: all scores would be 256 MiB, four times over."""
    x = np.zeros((1, 8192, 1, 8), np.float32)

    def loss(q, k, v):
        return nn.dot_product_attention(q, k, v).sum()

    made = ms.jit(ms.grad(loss, (0, 1, 2))).lower(x, x, x).compile()
    assert made.memory_analysis().temp_size_in_bytes < 64 * 2**20


def test_the_choice_follows_the_size(monkeypatch):
    calls = []
    monkeypatch.setattr(dense, "blockwise", lambda *args: calls.append(1) or blockwise.blockwise(
        *args))  # fmt: skip
    nn.dot_product_attention(Q, K, V)
    assert not calls
    monkeypatch.setattr(dense, "_LARGE", 100)
    nn.dot_product_attention(Q, K, V)
    assert calls


def test_double_precision_and_residuals():
    scores = np.einsum("bthd,bshd->bhts", Q, np.repeat(K, 2, 2)) / np.sqrt(5)
    e = np.exp(scores)
    out, residual = nn.dot_product_attention(Q, K, V, return_residual=True)
    want = np.einsum("bhts,bshd->bthd", e / e.sum(-1, keepdims=True), np.repeat(V, 2, 2))
    np.testing.assert_allclose(out, want, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(residual, np.swapaxes(np.log(e.sum(-1)), 1, 2), rtol=1e-10)
    one = nn.dot_product_attention(Q[0], K[0], V[0], return_residual=True)
    np.testing.assert_allclose(one[0], want[0], rtol=1e-10, atol=1e-12)
    assert one[1].shape == (T, 4)


def test_bad_attention():
    for args, options, match in (
        ((Q, K[:, :, :1], V), {}, "value shape should be"),
        ((Q, K[:1], V), {}, "key shape should be"),
        ((Q[:, :, :3], K, V), {}, "2 heads of keys do not divide 3"),
        ((Q, K, V), {"mask": np.ones((T, S))}, "mask dtype should be bool"),
        ((Q, K, V), {"bias": np.ones((3, 2, 4, T, S))}, "does not broadcast"),
        ((Q, K, V), {"query_seq_lengths": np.ones(3, int)}, "query_seq_lengths shape"),
        ((Q, K, V), {"implementation": "magic"}, "Unsupported implementation option"),
    ):
        with pytest.raises(ValueError, match=match):
            nn.dot_product_attention(*args, **options)


# --- block-scaled formats -------------------------------------------------------------------------


def rounded(x, mode):
    """Numbers of a format along the last axis, by NumPy's casts."""
    kind, size = (ml_dtypes.float8_e4m3fn, 32) if mode == "mxfp8" else (ml_dtypes.float4_e2m1fn, 16)
    top = float(ml_dtypes.finfo(kind).max)
    blocks = x.reshape(*x.shape[:-1], -1, size).astype(np.float32)
    scale = np.abs(blocks).max(-1, keepdims=True) / np.float32(top)
    if mode == "mxfp8":
        scale = np.exp2(np.ceil(np.log2(scale)))
    else:
        scale = scale.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    return (np.clip(blocks / scale, -top, top).astype(kind).astype(np.float32) * scale).reshape(
        x.shape
    )


@pytest.mark.parametrize("mode", ["mxfp8", "nvfp4"])
def test_scaled_products(mode):
    a, b = RNG.normal(size=(2, 3, 64)), RNG.normal(size=(2, 64, 5))
    a, b = a.astype(np.float32), b.astype(np.float32)
    formats = [nn.get_scaled_dot_general_config(mode)] * 3
    numbers = (((2,), (1,)), ((0,), (0,)))

    def f(a, b):
        return nn.scaled_dot_general(a, b, numbers, configs=formats)

    want = rounded(a, mode) @ np.swapaxes(rounded(np.swapaxes(b, 1, 2), mode), 1, 2)
    np.testing.assert_allclose(f(a, b), want, rtol=1e-5, atol=1e-5)
    da = ms.jit(ms.grad(lambda a: (f(a, b) * want).sum()))(a)
    exact = want @ np.swapaxes(b, 1, 2)
    assert np.linalg.norm(da - exact) < (0.06 if mode == "mxfp8" else 0.25) * np.linalg.norm(exact)
    lanes = ms.vmap(
        lambda a, b: nn.scaled_dot_general(a, b, (((1,), (0,)), ((), ())), configs=formats)
    )
    np.testing.assert_allclose(lanes(a, b), want, rtol=1e-5, atol=1e-5)


def test_global_scales_and_lengths_that_blocks_do_not_divide():
    a = (RNG.normal(size=(4, 37)) * 1e6).astype(np.float32)
    big = nn.get_scaled_dot_general_config("nvfp4", np.array([2.0**12], np.float32))
    got = nn.scaled_dot_general(a, a, (((1,), (1,)), ((), ())), configs=[big] * 3)
    assert np.linalg.norm(got - a @ a.T) < 0.1 * np.linalg.norm(a @ a.T)
    zero = nn.scaled_dot_general(0 * a, a, (((1,), (1,)), ((), ())), configs=[big] * 3)
    assert not np.asarray(zero).any()
    plain = nn.scaled_dot_general(a, a, (((1,), (1,)), ((), ())))
    np.testing.assert_allclose(plain, a @ a.T, rtol=1e-5)


def test_scaled_matmul():
    a, b = RNG.integers(-3, 4, (2, 2, 5, 8)).astype(ml_dtypes.float8_e4m3fn)
    sa = (2.0 ** RNG.integers(-2, 3, (2, 5, 4))).astype(ml_dtypes.float8_e8m0fnu)
    sb = (2.0 ** RNG.integers(-2, 3, (2, 5, 2))).astype(ml_dtypes.float8_e8m0fnu)
    wide = [x.astype(np.float32) for x in (a, b, sa, sb)]
    want = np.einsum("bmk,bnk->bmn", wide[0] * np.repeat(wide[2], 2, 2),
                     wide[1] * np.repeat(wide[3], 4, 2))  # fmt: skip
    np.testing.assert_allclose(nn.scaled_matmul(a, b, sa, sb), want)
    assert nn.scaled_matmul(a, b, sa, sb, ml_dtypes.bfloat16).dtype == ml_dtypes.bfloat16
    for args, match in (
        ((a[0], b, sa, sb), "3-dimensional"),
        ((a, b[:, :, :4], sa, sb), "matching batch"),
        ((a, b, sa[:, :, :3], sb), "requires scales"),
    ):
        with pytest.raises(ValueError, match=match):
            nn.scaled_matmul(*args)
    with pytest.raises(ValueError, match="Unsupported mode: fp2"):
        nn.get_scaled_dot_general_config("fp2")
    with pytest.raises(ValueError, match="three formats"):
        nn.scaled_dot_general(a[0], b[0], (((1,), (1,)), ((), ())), configs=[])
