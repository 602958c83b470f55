"""`Generator`: NumPy's names and distributions, a state that moves on in every program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, random


def drawn(n, seed=5):
    """The first numbers of a seed, drawn one by one outside of programs."""
    rng = random.Generator(seed)
    return np.asarray([float(rng.normal()) for _ in range(n)], np.float32)


def test_the_state_moves_on_everywhere():
    rng = random.Generator(5)

    def draw():
        return rng.normal()

    jitted = ms.jit(draw)
    got = [draw(), jitted(), jitted()]
    got += list(lax.scan(lambda c, _: (c, draw()), 0, None, length=2)[1])
    got += [lax.cond(True, draw, lambda: 0.0), lax.fori_loop(0, 1, lambda i, c: c + draw(), 0.0)]
    got.append(lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, draw()), (0, 0.0))[1])
    np.testing.assert_array_equal(np.asarray(got, np.float32), drawn(len(got)))


def test_as_an_argument_and_made_inside():
    rng = random.Generator(5)
    f = ms.jit(lambda r: r.normal())
    np.testing.assert_array_equal([f(rng), f(rng), rng.normal()], drawn(3))
    inside = ms.jit(lambda seed: random.Generator(seed).normal())
    np.testing.assert_array_equal([inside(5), inside(6)], [drawn(1)[0], drawn(1, 6)[0]])
    np.testing.assert_array_equal(random.Generator(random.key(5)).normal(), drawn(1)[0])
    np.testing.assert_array_equal(random.Generator(random.PRNGKey(5)).normal(), drawn(1)[0])
    assert random.Generator().normal(size=3).shape == (3,)


def test_seeds_and_keys():
    assert np.all(drawn(4) != drawn(4, 6))
    first, second = random.Generator(3).spawn(2)
    assert float(first.normal()) != float(second.normal())
    rng = random.Generator(3)
    before = random.key_data(rng.key)
    rng.random()
    assert not np.array_equal(before, random.key_data(rng.key))
    assert random.Generator(1, impl="rbg").key.dtype == random.key_dtype("rbg")


def test_derivatives():
    rng = random.Generator(5)
    np.testing.assert_allclose(ms.grad(lambda s: s * rng.normal())(2.0), drawn(1)[0])
    np.testing.assert_allclose(ms.jvp(lambda s: s * rng.normal(), (2.0,), (1.0,))[1], drawn(2)[1])
    value, slope = ms.value_and_grad(lambda s: rng.normal(s, 2.0))(1.0)
    np.testing.assert_allclose([value, slope], [1 + 2 * drawn(3)[2], 1], rtol=1e-6)


def test_lanes_refuse_to_share_unless_asked():
    rng = random.Generator(5)
    with pytest.raises(ValueError, match="split=True"):
        ms.vmap(lambda x: x + rng.normal())(np.zeros(3, np.float32))
    np.testing.assert_array_equal(rng.normal(), drawn(1)[0])  # nothing was drawn
    own = ms.vmap(lambda seed: random.Generator(seed).normal())(np.arange(5, 8))
    np.testing.assert_array_equal(own, [drawn(1, s)[0] for s in range(5, 8)])


def test_split_gives_each_lane_numbers_of_its_own():
    rng = random.Generator(5, split=True)
    x = np.zeros((50, 40), np.float32)
    rows = ms.vmap(lambda r: r + rng.normal(size=40))(x)
    more = ms.jit(ms.vmap(lambda r: r + rng.normal(size=40)))(x)
    nested = ms.vmap(ms.vmap(lambda v: v + rng.normal()))(x)
    in_loop = ms.vmap(
        lambda r: lax.scan(lambda c, v: (c, v + rng.normal()), 0, r)[1]
    )(x)  # fmt: skip
    alone = rng.normal(size=(50, 40))
    everything = np.stack([rows, more, nested, in_loop, alone]).ravel()
    assert len(np.unique(everything)) > 0.998 * everything.size  # of 2**23 values a few coincide
    assert stats.kstest(everything, stats.norm.cdf).pvalue > 1e-4
    again = random.Generator(5, split=True)
    np.testing.assert_array_equal(ms.vmap(lambda r: r + again.normal(size=40))(x), rows)


LAWS = {
    "random": ((), stats.uniform()),
    "uniform": ((2.0, 5.0), stats.uniform(2, 3)),
    "standard_normal": ((), stats.norm()),
    "normal": ((1.0, 2.0), stats.norm(1, 2)),
    "lognormal": ((0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5))),
    "standard_exponential": ((), stats.expon()),
    "exponential": ((3.0,), stats.expon(scale=3)),
    "laplace": ((1.0, 2.0), stats.laplace(1, 2)),
    "logistic": ((1.0, 2.0), stats.logistic(1, 2)),
    "gumbel": ((1.0, 2.0), stats.gumbel_r(1, 2)),
    "standard_cauchy": ((), stats.cauchy()),
    "rayleigh": ((2.0,), stats.rayleigh(scale=2)),
    "pareto": ((3.0,), stats.lomax(3)),
    "power": ((3.0,), stats.powerlaw(3)),
    "weibull": ((1.5,), stats.weibull_min(1.5)),
    "triangular": ((0.0, 1.0, 3.0), stats.triang(1 / 3, scale=3)),
    "wald": ((2.0, 3.0), stats.invgauss(2 / 3, scale=3)),
    "standard_gamma": ((2.5,), stats.gamma(2.5)),
    "gamma": ((2.5, 2.0), stats.gamma(2.5, scale=2)),
    "beta": ((2.0, 0.5), stats.beta(2, 0.5)),
    "chisquare": ((3.0,), stats.chi2(3)),
    "noncentral_chisquare": ((3.0, 2.0), stats.ncx2(3, 2)),
    "f": ((3.0, 5.0), stats.f(3, 5)),
    "standard_t": ((3.0,), stats.t(3)),
}


OF_GAMMA = ("beta", "chisquare", "noncentral_chisquare", "f", "standard_t")
"""Made of gamma numbers, whose loops take the compiler long."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in OF_GAMMA else n for n in LAWS]
)
def test_continuous_methods_have_the_distributions_of_numpy(name):
    args, law = LAWS[name]
    found = np.asarray(getattr(random.Generator(1), name)(*args, size=3000), np.float64)
    assert stats.kstest(found, law.cdf).pvalue > 1e-4


COUNTS = {
    "integers": ((3, 9), stats.randint(3, 9)),
    "binomial": ((12, 0.3), stats.binom(12, 0.3)),
    "negative_binomial": ((4.0, 0.4), stats.nbinom(4, 0.4)),
    "geometric": ((0.3,), stats.geom(0.3)),
    "poisson": ((4.0,), stats.poisson(4)),
}


def chisquare(found, law):
    """p-value of the counts of values between deciles of a law."""
    edges = np.unique(law.ppf(np.linspace(0.1, 0.9, 9)))
    bounds = [-1, *edges, np.inf]
    seen = np.histogram(found, np.array(bounds) + 0.5)[0]
    expected = np.diff(law.cdf(bounds)) * len(found)
    keep = expected > 0
    return stats.chisquare(seen[keep], expected[keep] * seen.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("name", COUNTS)
def test_counting_methods_have_the_distributions_of_numpy(name):
    args, law = COUNTS[name]
    found = np.asarray(getattr(random.Generator(1), name)(*args, size=4000))
    assert found.dtype == np.int32
    assert chisquare(found, law) > 1e-4


def test_integers_and_choices():
    rng = random.Generator(2)
    assert set(np.asarray(rng.integers(3, size=200)).tolist()) == {0, 1, 2}
    assert set(np.asarray(rng.integers(1, 3, 200, endpoint=True)).tolist()) == {1, 2, 3}
    assert rng.integers(0, 255, 5, np.uint8).dtype == np.uint8
    assert sorted(np.asarray(rng.choice(6, 6, replace=False)).tolist()) == list(range(6))
    picked = np.asarray(rng.choice(np.array([10, 20, 30]), 300, p=np.array([0.0, 0.5, 0.5])))
    assert set(picked.tolist()) == {20, 30}
    assert rng.multinomial(9, np.array([0.2, 0.8])).sum() == 9
    assert rng.multinomial(9, np.array([0.2, 0.8]), size=(3, 2)).shape == (3, 2, 2)
    assert rng.dirichlet(np.ones(3), size=4).shape == (4, 3)
    assert rng.multivariate_normal(np.zeros(2), np.eye(2), size=5).shape == (5, 2)
    assert len(rng.bytes(5)) == 5


def test_orders():
    rng = random.Generator(2)
    x = np.arange(12).reshape(4, 3)
    rows = np.asarray(rng.permutation(x))
    assert sorted(map(tuple, rows)) == sorted(map(tuple, x))
    assert sorted(np.asarray(rng.permutation(7))) == list(range(7))
    np.testing.assert_array_equal(np.sort(np.asarray(rng.permuted(x, axis=0)), 0), x)
    np.testing.assert_array_equal(np.sort(np.asarray(rng.permuted(x)).ravel()), np.arange(12))
    for held in (mnp.arange(8), np.arange(8), ms.new_ref(np.arange(8))):
        assert rng.shuffle(held) is None
        found = np.asarray(held[...])
        assert sorted(found) == list(range(8))
        assert not np.array_equal(found, np.arange(8))
    for wrong in ([1, 2], np.array(3)):
        with pytest.raises(TypeError, match="in place"):
            rng.shuffle(wrong)


@pytest.mark.parametrize("name", ["normal", "exponential", "weibull", "standard_t"])
def test_parameters_do_not_outgrow_the_size(name):
    """As in NumPy: numbers would be shared by the rows, without notice."""
    parameter = np.ones((2, 3))
    with pytest.raises(ValueError, match="not compatible"):
        getattr(np.random.default_rng(0), name)(parameter, size=(3,))
    with pytest.raises(ValueError, match="must be broadcast-compatible"):
        getattr(random.Generator(0), name)(parameter, size=(3,))


def test_seeds_that_are_none():
    with pytest.raises(TypeError, match="seed must be an integer"):
        random.Generator(1.5)
    with pytest.raises(TypeError, match="single key"):
        random.Generator(random.split(random.key(0)))
