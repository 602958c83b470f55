"""Attention by blocks of queries and keys against all at once."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import nn
from ms_func.ir.evaluate import Reference
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

        return ms.grad(loss, (0, 1, 2, 3), has_aux=True)(Q, K, V, bias)

    got = ms.jit(run, static_argnums=0)("blockwise")
    with Reference():
        want = run("xla")
    for x, y in zip(ms.tree.leaves(got), ms.tree.leaves(want), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


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
        ((Q[:, :, :3], K, V), {}, "must be a multiple of key/value heads, but got 3 vs 2"),
        ((Q, K, V), {"mask": np.ones((T, S))}, "mask dtype should be bool"),
        ((Q, K, V), {"bias": np.ones((3, 2, 4, T, S))}, "does not broadcast"),
        ((Q, K, V), {"query_seq_lengths": np.ones(3, int)}, "query_seq_lengths shape"),
        ((Q, K, V), {"implementation": "magic"}, "Unsupported implementation option"),
    ):
        with pytest.raises(ValueError, match=match):
            nn.dot_product_attention(*args, **options)
