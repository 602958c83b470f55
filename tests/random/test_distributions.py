"""Every sampler follows its law: Kolmogorov-Smirnov for densities, chi-square for counts.

The key is fixed, so that nothing here depends on chance; the bounds are those of a test that
fails by chance once in 10,000 times.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ms_func import random
from tests.random.test_random import DISTRIBUTIONS

KEY = random.key(3)
N = 2000
P = np.array([0.1, 0.2, 0.3, 0.4], np.float32)


def sampled(draw):
    return np.asarray(draw(KEY), np.float64)


def radii(p, d):
    """Radii in the p-ball of d dimensions, made uniform."""
    x = sampled(lambda k: random.ball(k, d, p, (N,)))
    return (np.abs(x) ** p).sum(-1) ** (d / p)


CONTINUOUS = {
    "loggamma": (
        lambda: np.exp(sampled(lambda k: random.loggamma(k, 0.7, (N,)))),
        stats.gamma(0.7),
    ),
    "double_sided_maxwell": (
        lambda: np.abs(sampled(lambda k: random.double_sided_maxwell(k, 1.0, 2.0, (N,))) - 1) / 2,
        stats.maxwell(),
    ),
    "ball": (lambda: radii(2, 3), stats.uniform()),
    "ball of sums": (lambda: radii(1, 2), stats.uniform()),
    "dirichlet": (
        lambda: sampled(lambda k: random.dirichlet(k, np.array([0.5, 1, 2.5]), (N,)))[:, 0],
        stats.beta(0.5, 3.5),
    ),
    "multivariate_normal": (
        lambda: sampled(lambda k: random.multivariate_normal(
            k, np.array([1.0, 2]), np.array([[2.0, 1], [1, 2]]), (N,))) @ [1, 1],
        stats.norm(3, np.sqrt(6)),
    ),
    "orthogonal": (  # of a random direction in three dimensions, a coordinate is uniform
        lambda: sampled(lambda k: random.orthogonal(k, 3, (N,)))[:, 2, 0],
        stats.uniform(-1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities(name):
    draw, law = CONTINUOUS[name]
    assert stats.kstest(draw(), law.cdf).pvalue > 1e-4


def counted(draw, size):
    return np.bincount(sampled(draw).astype(int), minlength=size)[:size]


ORDERS = list(itertools.permutations(range(3)))


def orders():
    """How often each order of three comes up."""
    found = np.asarray(random.permutation(KEY, np.broadcast_to(np.arange(3), (N, 3)), axis=1,
                                          independent=True))  # fmt: skip
    return [int((found == o).all(1).sum()) for o in ORDERS]


def pairs():
    """How often each pair is drawn without replacement, by weight."""
    draws = [np.asarray(random.choice(k, 3, (2,), replace=False, p=P[1:] / P[1:].sum()))
             for k in random.split(KEY, 300)]  # fmt: skip
    return [sum(tuple(d) == o[:2] for d in draws) for o in ORDERS]


def pair_weights():
    p = P[1:].astype(float) / P[1:].sum()
    return [p[i] * p[j] / (1 - p[i]) for i, j, _ in ORDERS]


DISCRETE = {
    "bernoulli": (lambda: counted(lambda k: random.bernoulli(k, 0.3, (N,)), 2), [0.7, 0.3]),
    "rademacher": (lambda: counted(lambda k: (random.rademacher(k, (N,)) + 1) // 2, 2), [0.5] * 2),
    "choice": (lambda: counted(lambda k: random.choice(k, 4, (N,), p=P), 4), P),
    "choice without replacement": (pairs, pair_weights()),
    "categorical": (lambda: counted(lambda k: random.categorical(k, np.log(P), shape=(N,)), 4), P),
    "geometric": (
        lambda: counted(lambda k: random.geometric(k, 0.4, (N,)).clip(1, 8) - 1, 8),
        [*(0.4 * 0.6 ** np.arange(7)), 0.6**7],
    ),
    "multinomial": (
        lambda: counted(lambda k: random.multinomial(k, 6.0, P, shape=(N, 4))[:, 2], 7),
        stats.binom(6, 0.3).pmf(np.arange(7)),
    ),
    "permutation": (orders, [1 / 6] * 6),
    "randint": (lambda: counted(lambda k: random.randint(k, (N,), 0, 7), 7), [1 / 7] * 7),
    "bits": (lambda: counted(lambda k: random.bits(k, (N,), "uint8") // 16, 16), [1 / 16] * 16),
}  # fmt: skip


SLOW = ("multinomial", "permutation", "choice without replacement")
EACH = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in DISCRETE]


@pytest.mark.parametrize("name", EACH)
def test_counts(name):
    draw, chances = DISCRETE[name]
    counts = np.asarray(draw())
    chances = np.asarray(chances, np.float64)
    expected = chances / chances.sum() * counts.sum()
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_no_sampler_is_left_out():
    """Those of `test_random.py` are `DISTRIBUTIONS`, and Poisson's and the binomial's law."""
    spelled = {"weibull": "weibull_min", "truncated": "truncated_normal",
               "generalized": "generalized_normal"}  # fmt: skip
    tested = {spelled.get(n, n) for n in (*DISTRIBUTIONS, *CONTINUOUS, *DISCRETE)}
    keys = {n for n in random.__all__ if "key" in n.lower()} | {"split", "fold_in", "clone"}
    assert set(random.__all__) - keys - tested == {"Generator", "poisson", "binomial"}
