"""Losses, pooling, convolution and normalisation against sums written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import ms_func as ms
from ms_func import nn
from ms_func.nn import losses

RNG = np.random.default_rng(12)
A, B = RNG.normal(size=(2, 4, 5))
P = special.softmax(RNG.normal(size=(4, 5)), -1)
FORMULAS = {
    "squared_error": ((A, B), (A - B) ** 2),
    "l2_loss": ((A, B), (A - B) ** 2 / 2),
    "huber_loss": ((A, B), np.where(abs(A - B) < 1, (A - B) ** 2 / 2, abs(A - B) - 0.5)),
    "log_cosh": ((A, B), np.log(np.cosh(A - B))),
    "hinge_loss": ((A, np.sign(B)), np.maximum(0, 1 - A * np.sign(B))),
    "sigmoid_binary_cross_entropy": ((A, P), -P * special.log_expit(A) - (1 - P)
                                     * special.log_expit(-A)),
    "softmax_cross_entropy": ((A, P), -(P * special.log_softmax(A, -1)).sum(-1)),
    "kl_divergence": ((special.log_softmax(A, -1), P),
                      special.rel_entr(P, special.softmax(A, -1)).sum(-1)),
    "cosine_similarity": ((A, B), (A * B).sum(-1) / np.linalg.norm(A, axis=-1)
                          / np.linalg.norm(B, axis=-1)),
    "smooth_labels": ((P, 0.1), 0.9 * P + 0.02),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_derivatives(name):
    (x, other), want = FORMULAS[name]
    f = getattr(losses, name)
    np.testing.assert_allclose(f(x, other), want, rtol=1e-12, atol=1e-14)
    v, step = RNG.normal(size=x.shape), 1e-6
    got = ms.grad(lambda x: f(x, other).sum())(x)
    numeric = (f(x + step * v, other) - f(x - step * v, other)).sum() / (2 * step)
    np.testing.assert_allclose(np.sum(np.asarray(got) * v), numeric, rtol=1e-6)


def test_edges_of_losses():
    assert float(losses.log_cosh(1e4, 0.0)) == pytest.approx(1e4 - np.log(2))
    assert float(losses.sigmoid_binary_cross_entropy(-1e4, 0.0)) == 0.0
    masked = np.array([0.0, -np.inf, 1.0])
    got = losses.softmax_cross_entropy(masked, np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(got, np.log1p(np.e), rtol=1e-6)
    assert float(losses.kl_divergence(np.log([0.5, 0.5]), np.array([1.0, 0.0]))) == pytest.approx(
        np.log(2)
    )
    zero = np.zeros(3)
    assert not np.asarray(ms.grad(losses.cosine_similarity)(zero, np.ones(3))).any()
    assert float(losses.cosine_distance(np.ones(3), np.ones(3))) == pytest.approx(0, abs=1e-6)


def test_integer_labels():
    labels = np.array([1, 0, 4, 2])
    want = losses.softmax_cross_entropy(A, np.eye(5)[labels])
    got = losses.softmax_cross_entropy_with_integer_labels(A, labels)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    got = losses.softmax_cross_entropy_with_integer_labels(A.T, labels, axis=0)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_bad_losses():
    with pytest.raises(ValueError, match="operands of one shape"):
        losses.l2_loss(np.ones((4, 1)), np.ones(4))
    with pytest.raises(ValueError, match="needs labels of shape"):
        losses.softmax_cross_entropy_with_integer_labels(A, np.ones(5, int))
    with pytest.raises(TypeError, match="needs integer labels"):
        losses.softmax_cross_entropy_with_integer_labels(A, np.ones(4))


# --- pooling and convolution ----------------------------------------------------------------------

X = RNG.normal(size=(2, 7, 6, 3))


def windows(x, shape, strides, pads, fill):
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, shape, (1, 2))
    return view[:, :: strides[0], :: strides[1]]


@pytest.mark.parametrize("pads", ["VALID", ((1, 0), (1, 1))])
def test_pooling(pads):
    spread = ((0, 0), (0, 0)) if pads == "VALID" else pads
    args = (X, (3, 2), (2, 1), pads)
    cut = [windows(X, (3, 2), (2, 1), spread, fill) for fill in (-np.inf, np.inf, 0.0, np.nan)]
    np.testing.assert_allclose(nn.max_pool(*args), cut[0].max((-1, -2)))
    np.testing.assert_allclose(nn.min_pool(*args), cut[1].min((-1, -2)))
    np.testing.assert_allclose(nn.avg_pool(*args), cut[2].mean((-1, -2)), atol=1e-12)
    np.testing.assert_allclose(nn.avg_pool(*args, count_include_pad=False),
                               np.nanmean(cut[3], (-1, -2)), atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(nn.max_pool(X[0], *args[1:]), nn.max_pool(*args)[0])


@pytest.mark.parametrize("strides", [1, (2, 3)])
def test_convolution(strides):
    kernel = RNG.normal(size=(3, 2, 3, 4))
    steps = (strides,) * 2 if isinstance(strides, int) else strides
    cut = windows(X, (3, 2), steps, ((1, 1), (0, 0)), 0.0)
    want = np.einsum("nhwcij,ijco->nhwo", cut, kernel)
    np.testing.assert_allclose(nn.conv(X, kernel, strides, ((1, 1), (0, 0))), want, atol=1e-12)
    grouped = nn.conv(X, np.concatenate([kernel[:, :, :1]] * 3, -1), feature_group_count=3)
    each = [nn.conv(X[..., c : c + 1], kernel[:, :, :1]) for c in range(3)]
    np.testing.assert_allclose(grouped, np.concatenate(each, -1), atol=1e-12)


def test_transposed_convolution_is_a_transpose():
    kernel, y = RNG.normal(size=(4, 3, 2)), RNG.normal(size=(2, 5, 3))
    back = ms.linear_transpose(
        lambda x: nn.conv(x, np.swapaxes(kernel, 1, 2)[::-1], 2), np.ones((2, 10, 2))
    )
    np.testing.assert_allclose(nn.conv_transpose(y, kernel, 2), back(y)[0], atol=1e-12)


def test_bad_pooling():
    with pytest.raises(ValueError, match="spatial dimensions"):
        nn.max_pool(X, (2,))
    with pytest.raises(ValueError, match="do not fit a window"):
        nn.avg_pool(X, (2, 2), (1,))
    with pytest.raises(ValueError, match="are not"):
        nn.conv(X, np.ones((3, 3, 4)))
    with pytest.raises(ValueError, match="strides"):
        nn.conv(X, np.ones((3, 3, 3, 4)), (1, 1, 1))


# --- normalisation --------------------------------------------------------------------------------


def test_normalisation():
    scale, bias = RNG.normal(size=(2, 3))

    def normal(x, axis, eps):
        return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)

    def close(got, want):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)

    close(nn.layer_norm(X, scale, bias), normal(X, -1, 1e-6) * scale + bias)
    root = np.sqrt((X**2).mean(-1, keepdims=True) + 1e-6)
    close(nn.rms_norm(X, scale), X / root * scale)
    close(nn.batch_norm(X, scale, bias), normal(X, (0, 1, 2), 1e-5) * scale + bias)
    close(nn.batch_norm(X, mean=bias, variance=scale**2), (X - bias) / np.sqrt(scale**2 + 1e-5))
    wide = RNG.normal(size=(2, 5, 6))
    groups = normal(wide.reshape(2, 5, 3, 2), (1, 3), 1e-6).reshape(2, 5, 6)
    close(nn.group_norm(wide, 3), groups)
    with pytest.raises(ValueError, match="a divisor of the features"):
        nn.group_norm(wide, 4)
    lanes = ms.vmap(lambda x: nn.batch_norm(x, axis=("i", 0, 1)), axis_name="i")(X)
    close(lanes, nn.batch_norm(X))
