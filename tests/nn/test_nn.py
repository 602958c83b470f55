"""Activations, softmax, initial values: formulas in double precision, derivatives by difference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import nn, random
from ms_func.ir.evaluate import Reference
from ms_func.scipy import special as msp
from ms_func.test_util import check_grads
from tests.support.numpy_oracle import sample

X = np.array([-40.0, -3.5, -1.2, -0.2, 0.3, 1.1, 2.5, 40.0])
SIGMOID = special.expit(X)
SOFTPLUS = np.logaddexp(X, 0)
FORMULAS = {
    "relu": np.maximum(X, 0),
    "relu6": np.clip(X, 0, 6),
    "leaky_relu": np.where(X > 0, X, 0.01 * X),
    "elu": np.where(X > 0, X, np.expm1(np.minimum(X, 0))),
    "celu": np.where(X > 0, X, np.expm1(np.minimum(X, 0))),
    "selu": 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(
        np.minimum(X, 0))),
    "sigmoid": SIGMOID,
    "softplus": SOFTPLUS,
    "log_sigmoid": -np.logaddexp(-X, 0),
    "silu": X * SIGMOID,
    "swish": X * SIGMOID,
    "mish": X * np.tanh(SOFTPLUS),
    "gelu": 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))),
    "squareplus": (X + np.sqrt(X**2 + 4)) / 2,
    "soft_sign": X / (1 + abs(X)),
    "hard_tanh": np.clip(X, -1, 1),
    "hard_sigmoid": np.clip(X + 3, 0, 6) / 6,
    "hard_silu": X * np.clip(X + 3, 0, 6) / 6,
    "sparse_plus": np.where(X <= -1, 0, np.where(X >= 1, X, (X + 1) ** 2 / 4)),
    "sparse_sigmoid": np.clip((X + 1) / 2, 0, 1),
    "softmax": special.softmax(X),
    "log_softmax": special.log_softmax(X),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_values(name):
    f = getattr(nn, name)
    np.testing.assert_allclose(np.asarray(f(X)), FORMULAS[name], rtol=1e-12, atol=1e-15)
    narrow = X.astype(np.float32)
    np.testing.assert_allclose(np.asarray(ms.jit(f)(narrow)), FORMULAS[name], rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives(name):
    f, w = getattr(nn, name), np.arange(1.0, 9.0)

    def total(x):
        return (f(x) * w).sum()

    h = 1e-6
    columns = [(float(total(X + h * e)) - float(total(X - h * e))) / (2 * h) for e in np.eye(8)]
    np.testing.assert_allclose(np.asarray(ms.grad(total)(X)), columns, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "elu", "celu", "selu",
                                  "hard_tanh", "hard_sigmoid", "sparse_plus"])  # fmt: skip
def test_complex_numbers_compare_by_real_then_by_imaginary_part(name):
    z = np.array([7.5, 2.0, 0.5, 0.0, -0.5, -1.0, -4.0]) + np.array([1, -1, 1, -1, 1, 1, 1]) * 1j
    elu = lambda a: np.where(z > 0, z, a * np.expm1(z))  # noqa: E731
    six = np.where(z + 3 > 6, 6, np.where(z + 3 < 0, 0, z + 3))
    want = {
        "relu": np.where(z > 0, z, 0), "relu6": np.where(z > 6, 6, np.where(z > 0, z, 0)),
        "leaky_relu": np.where(z > 0, z, 0.01 * z), "elu": elu(1), "celu": elu(1),
        "selu": 1.0507009873554805 * elu(1.6732632423543772),
        "hard_tanh": np.where(z > 1, 1, np.where(z < -1, -1, z)), "hard_sigmoid": six / 6,
        "sparse_plus": np.where(z <= -1, 0, np.where(z >= 1, z, (z + 1) ** 2 / 4)),
    }  # fmt: skip
    np.testing.assert_allclose(np.asarray(getattr(nn, name)(z)), want[name], rtol=1e-12)


def test_derivatives_at_kinks():
    assert float(ms.grad(nn.relu)(0.0)) == 0.0
    assert float(ms.grad(nn.relu6)(6.0)) == 0.0
    assert float(ms.grad(nn.elu)(500.0)) == 1.0  # the other case overflows
    assert math.isnan(float(nn.relu(math.nan)))


def test_exact_gelu():
    want = X * special.ndtr(X)
    np.testing.assert_allclose(
        np.asarray(nn.gelu(X, approximate=False)), want, rtol=1e-9, atol=1e-12
    )


def test_softmax_of_large_and_masked_values():
    x = np.array([1e4, 1e4, -np.inf, 0.0])
    np.testing.assert_allclose(np.asarray(nn.softmax(x)), [0.5, 0.5, 0, 0])
    mask = np.array([True, False, False, True])
    np.testing.assert_allclose(np.asarray(nn.softmax(X[:4], where=mask)), [*special.softmax(
        X[[0, 3]])[[0]], 0, 0, special.softmax(X[[0, 3]])[1]])  # fmt: skip
    out = np.asarray(nn.log_softmax(X[:4], where=mask))
    assert out[1] == -np.inf
    np.testing.assert_allclose(out[[0, 3]], special.log_softmax(X[[0, 3]]))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "logmeanexp"])
def test_masked_values_have_no_derivative(name):
    """However large they are, and where nothing is left."""
    first = lambda x, mask: mnp.ravel(getattr(nn, name)(x, where=mask))[0]  # noqa: E731
    few, mask = np.array([1.0, 2.0]), np.array([True, True, False])
    found = ms.grad(first)(np.array([1.0, 2.0, 1000.0]), mask)
    want = ms.grad(first)(few, np.array([True, True]))
    np.testing.assert_allclose(np.asarray(found), [*np.asarray(want), 0.0], rtol=1e-6)
    np.testing.assert_array_equal(ms.grad(first)(few, np.array([False, False])), [0.0, 0.0])


def test_softmax_of_nothing():
    none, one = np.array([False, False]), np.array([True, False])
    np.testing.assert_array_equal(nn.softmax(np.array([1.0, 2.0]), where=none), [0.0, 0.0])
    np.testing.assert_array_equal(nn.softmax(np.full(2, -np.inf), where=one), [np.nan, 0.0])
    assert np.isnan(nn.logmeanexp(np.zeros(0)))


def test_logsumexp():
    rows = np.stack([X, -X])
    for axis in (None, 0, 1):
        np.testing.assert_allclose(
            np.asarray(nn.logsumexp(rows, axis)), special.logsumexp(rows, axis)
        )
    got, sign = nn.logsumexp(X, b=-np.arange(8.0), return_sign=True)
    want, want_sign = special.logsumexp(X, b=-np.arange(8.0), return_sign=True)
    np.testing.assert_allclose([float(got), float(sign)], [want, want_sign])
    assert float(nn.logsumexp(np.full(3, -np.inf))) == -np.inf
    assert float(nn.logmeanexp(np.zeros(5))) == 0.0
    whole, factors = np.zeros(3, np.uint8), np.ones(3, np.float16)
    assert nn.logsumexp(whole, b=factors).dtype == np.float16


def test_standardize():
    x = np.random.default_rng(0).normal(3, 2, (4, 50))
    for algorithm in ("fast", "two_pass"):
        out = np.asarray(nn.standardize(x, algorithm=algorithm))
        np.testing.assert_allclose(out.mean(-1), 0, atol=1e-12)
        np.testing.assert_allclose(out.std(-1), 1, rtol=1e-4)


def test_one_hot():
    np.testing.assert_array_equal(np.asarray(nn.one_hot(np.array([0, 2, 7]), 3)), np.eye(8)[
        [0, 2, 7], :3])  # fmt: skip
    assert nn.one_hot(np.array([[0, 1]]), 4, axis=0, dtype=np.int8).shape == (4, 1, 2)


def test_attention():
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, 3, 4, 5))
    k, v = rng.normal(size=(2, 2, 6, 2, 5))
    scores = np.einsum("bthd,bshd->bhts", q, np.repeat(k, 2, 2)) / math.sqrt(5)
    for causal in (False, True):
        allowed = np.tril(np.ones((3, 6), bool)) if causal else np.ones((3, 6), bool)
        weights = special.softmax(np.where(allowed, scores, -np.inf), -1)
        want = np.einsum("bhts,bshd->bthd", weights, np.repeat(v, 2, 2))
        got = nn.dot_product_attention(q, k, v, is_causal=causal)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-5, atol=1e-6)
    lengths = nn.dot_product_attention(q, k, v, key_value_seq_lengths=np.array([4, 6]))
    short = nn.dot_product_attention(q[:1], k[:1, :4], v[:1, :4])
    np.testing.assert_allclose(np.asarray(lengths)[:1], np.asarray(short), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "variance"),
    [("glorot_normal", 2 / 500), ("glorot_uniform", 2 / 500), ("lecun_normal", 1 / 200),
     ("lecun_uniform", 1 / 200), ("he_normal", 2 / 200), ("he_uniform", 2 / 200)],
)  # fmt: skip
def test_initial_variance(name, variance):
    w = np.asarray(getattr(nn.initializers, name)()(random.PRNGKey(0), (200, 300)))
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=0.03)


def test_initial_numbers_of_the_common_generator():
    w = nn.initializers.glorot_normal()(random.PRNGKey(42), (3,) * 2)
    flat = random.truncated_normal(random.PRNGKey(42), -2, 2, (3, 3)) * mnp.sqrt(
        mnp.float32(1 / 3)) / 0.87962566103423978  # fmt: skip
    np.testing.assert_allclose(np.asarray(w), np.asarray(flat), rtol=1e-6)
    with pytest.raises(ValueError, match="Must be at least 2D"):
        nn.initializers.he_normal()(random.PRNGKey(0), (3,))


def test_orthogonal_initial_values():
    w = np.asarray(nn.initializers.orthogonal(2.0)(random.PRNGKey(0), (2, 3, 4)))
    flat = w.reshape(6, 4)
    np.testing.assert_allclose(flat.T @ flat, 4 * np.eye(4), atol=1e-5)
    kernel = np.asarray(nn.initializers.delta_orthogonal()(random.PRNGKey(0), (3, 2, 4)))
    np.testing.assert_allclose(kernel[1] @ kernel[1].T, np.eye(2), atol=1e-5)
    assert not kernel[[0, 2]].any()


P = np.array([0.0, 0.1, 0.5, 0.9, 1.0])


@pytest.mark.parametrize(
    "name", ["expit", "logit", "erf", "erfc", "erfinv", "entr", "ndtr", "ndtri"]
)
def test_special_functions(name):
    with np.errstate(all="ignore"):
        want = getattr(special, name)(P)
    np.testing.assert_allclose(np.asarray(getattr(msp, name)(P)), want, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "rel_entr", "kl_div"])
def test_special_functions_of_two(name):
    want = getattr(special, name)(P, P[::-1])
    np.testing.assert_allclose(np.asarray(getattr(msp, name)(P, P[::-1].copy())), want, rtol=1e-10)


Q = np.array([0.2, 0.9, 1.5, 4.0, 12.0])


@pytest.mark.parametrize("name", ["gammaln", "digamma", "gamma", "gammasgn", "factorial", "i0",
                                  "i1", "i0e", "i1e", "log_ndtr"])  # fmt: skip
def test_gamma_and_bessel_functions(name):
    x = np.concatenate([Q, -Q]) if name in ("i0", "i1", "log_ndtr", "gammasgn") else Q
    x = np.concatenate([x, [-20.0, -38.0]]) if name == "log_ndtr" else x
    np.testing.assert_allclose(
        np.asarray(getattr(msp, name)(x)), getattr(special, name)(x), rtol=1e-6
    )


@pytest.mark.parametrize("name", ["betaln", "beta", "gammainc", "gammaincc", "poch"])
def test_gamma_functions_of_two(name):
    got = getattr(msp, name)(Q, Q[::-1].copy())
    np.testing.assert_allclose(np.asarray(got), getattr(special, name)(Q, Q[::-1]), rtol=1e-6)


def test_other_gamma_functions():
    x = np.array([0.1, 0.5, 0.9, 0.2, 0.7])
    np.testing.assert_allclose(
        np.asarray(msp.betainc(Q, 2.0, x)), special.betainc(Q, 2.0, x), rtol=1e-6
    )
    np.testing.assert_allclose(
        np.asarray(msp.zeta(Q + 1, 1.5)), special.zeta(Q + 1, 1.5), rtol=1e-6
    )
    np.testing.assert_allclose(np.asarray(msp.polygamma(2, Q)), special.polygamma(2, Q), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(msp.multigammaln(Q + 2, 3)), special.multigammaln(
        Q + 2, 3), rtol=1e-6)  # fmt: skip


def test_xlogy_has_a_derivative_at_zero():
    assert float(ms.grad(msp.xlogy, argnums=1)(0.0, 0.0)) == 0.0


def test_residual_of_attention_is_the_logarithm_of_the_sum_of_exponentials():
    q, k = sample("float32", 2, 3, 4, 5), sample("float32", 2, 6, 2, 5, seed=1)
    out, residual = nn.dot_product_attention(q, k, k, return_residual=True)
    scores = np.einsum("bthd,bshd->bths", q, np.repeat(k, 2, 2)) / np.sqrt(5)
    np.testing.assert_allclose(residual, np.log(np.exp(scores).sum(-1)), rtol=1e-5)
    np.testing.assert_array_equal(out, nn.dot_product_attention(q, k, k))
    assert nn.dot_product_attention(q[0], k[0], k[0], return_residual=True)[1].shape == (3, 4)


@pytest.mark.parametrize(("mode", "scale", "error"), [("mxfp8", None, 0.1), ("nvfp4", 0.5, 0.25)])
def test_products_of_few_bits_are_near_the_exact_ones(mode, scale, error):
    """With their gradients; 40 is no multiple of the size of a block."""
    configs = [nn.get_scaled_dot_general_config(mode, scale)] * 3
    x, y = sample("float32", 7, 40, 2), sample("float32", 2, 9, 40, seed=1)
    w = sample("float32", 2, 7, 9, seed=2)
    numbers = (((1,), (2,)), ((2,), (0,)))

    def near(got, want):
        assert np.abs(got - want).max() < error * np.abs(want).max()

    def product(x, y):
        return nn.scaled_dot_general(x, y, numbers, configs=configs)

    near(ms.jit(product)(x, y), np.einsum("mkb,bnk->bmn", x, y))
    to_x, to_y = ms.grad(lambda x, y: (product(x, y) * w).sum(), (0, 1))(x, y)
    near(to_x, np.einsum("bmn,bnk->mkb", w, y))
    near(to_y, np.einsum("bmn,mkb->bnk", w, x))
    assert not np.any(np.asarray(product(0 * x, y)))
    exact = nn.scaled_dot_general(x, y, numbers)
    np.testing.assert_allclose(exact, np.einsum("mkb,bnk->bmn", x, y), rtol=1e-4, atol=1e-4)


def test_blocks_are_scaled():
    a, b = sample("float32", 2, 3, 8), sample("float32", 2, 4, 8, seed=1)
    s, t = sample("float32", 2, 3, 2, seed=2), sample("float32", 2, 4, 4, seed=3)
    want = np.einsum("bmk,bnk->bmn", a * np.repeat(s, 4, -1), b * np.repeat(t, 2, -1))
    np.testing.assert_allclose(nn.scaled_matmul(a, b, s, t), want, rtol=1e-5, atol=1e-5)
    for wrong in ((a[0], b, s, t), (a, b[..., :7], s, t), (a, b, s[..., :0], t)):
        with pytest.raises(ValueError, match="scaled_matmul"):
            nn.scaled_matmul(*wrong)
    with pytest.raises(ValueError, match="Unsupported mode"):
        nn.get_scaled_dot_general_config("int8")


def test_attention_of_doubles_is_computed_in_doubles():
    q = sample("float64", 1, 3, 2, 4)
    with Reference():
        check_grads(lambda q, k: nn.dot_product_attention(q, k, q), (q, q + 1), 2)


def test_rectifiers_count_booleans():
    for f in (nn.relu, nn.hard_tanh):
        for run in (f, ms.jit(f)):
            out = run(np.array([True, False]))
            assert out.dtype == "int32"
            np.testing.assert_array_equal(out, [1, 0])


def test_hard_tanh_of_unsigned():
    out = nn.hard_tanh(np.array([0, 1, 5], np.uint8))
    assert out.dtype == "uint8"
    np.testing.assert_array_equal(out, [0, 1, 1])
    np.testing.assert_array_equal(nn.hard_tanh(np.array([-3, 0, 5], np.int8)), [-1, 0, 1])
