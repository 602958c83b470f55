"""Random numbers: published vectors, numbers of the common generator, distributions.

Threefry vectors are those published with Random123 (kat_vectors, threefry2x32 20); the other
numbers were written down from JAX 0.10.2 with its default settings.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import random
from ms_func.primitives.threefry import threefry, threefry_bits_p

KEY = random.PRNGKey(42)


@pytest.mark.parametrize(
    ("key", "counter", "want"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_vectors(key, counter, want):
    assert tuple(int(v) for v in threefry(key, counter)) == want


def test_keys():
    assert KEY.tolist() == [0, 42]
    assert random.key_data(random.key(-1)).tolist() == [0, 0xFFFFFFFF]
    assert random.PRNGKey(2**32 + 5).tolist() == [1, 5]
    assert ms.jit(random.PRNGKey)(7).tolist() == [0, 7]
    assert random.split(KEY, 3).tolist() == [
        [1832780943, 270669613], [64467757, 2916123636], [2465931498, 255383827],
    ]  # fmt: skip
    assert random.split(KEY, (2, 2)).shape == (2, 2, 2)
    assert random.fold_in(KEY, 7).tolist() == [2547012911, 1371500959]
    assert ms.jit(random.fold_in)(KEY, 7).tolist() == [2547012911, 1371500959]


@pytest.mark.parametrize(
    ("dtype", "want"),
    [("uint8", [162, 217, 249, 215]), ("uint16", [5026, 12505, 63993, 49623]),
     ("uint32", [2098992034, 2919706841, 2646866425, 2409546199])],
)  # fmt: skip
def test_bits(dtype, want):
    assert random.bits(KEY, (4,), dtype).tolist() == want


NUMBERS = {
    "uniform": (lambda k: random.uniform(k, (3,)), [0.48870957, 0.6797972, 0.6162715]),
    "uniform range": (lambda k: random.uniform(k, (3,), minval=-2.0, maxval=5.0),
                      [1.420967, 2.7585802, 2.3139005]),
    "uniform bfloat16": (lambda k: random.uniform(k, (3,), "bfloat16"), [0.632812, 0.84375,
                                                                        0.96875]),
    "uniform float16": (lambda k: random.uniform(k, (3,), "float16"), [0.0762, 0.1904, 0.9756]),
    "normal": (lambda k: random.normal(k, (3,)), [-0.02830462, 0.46713185, 0.29570296]),
    "normal complex": (lambda k: random.normal(k, (2,), "complex64"),
                       [0.05368746 + 0.42833984j, -0.34389618 + 0.5650095j]),
    "truncated": (lambda k: random.truncated_normal(k, -1, 2, (3,)),
                  [0.14770006, 0.5684449, 0.4210255]),
    "randint": (lambda k: random.randint(k, (6,), 0, 10), [4, 4, 1, 9, 9, 9]),
    "randint wide": (lambda k: random.randint(k, (3,), -5, 2**31 - 1),
                     [977810619, 1236381705, 780371122]),
    "randint uint8": (lambda k: random.randint(k, (3,), 0, 100, "uint8"), [44, 14, 71]),
    "randint all uint8": (lambda k: random.randint(k, (4,), 0, 256, "uint8"), [196, 18, 183, 193]),
    "bernoulli": (lambda k: random.bernoulli(k, 0.3, (8,)), [0, 0, 0, 0, 0, 0, 1, 0]),
    "permutation": (lambda k: random.permutation(k, 8), [7, 4, 2, 5, 3, 6, 0, 1]),
    "permutation of rows": (lambda k: random.permutation(k, mnp.arange(6).reshape(3, 2)),
                            [[4, 5], [0, 1], [2, 3]]),
    "choice": (lambda k: random.choice(k, 5, (4,)), [4, 4, 1, 4]),
    "choice once": (lambda k: random.choice(k, 5, (3,), replace=False), [4, 2, 3]),
    "choice once by weight": (lambda k: random.choice(
        k, 5, (3,), replace=False, p=np.array([0.1, 0.2, 0.3, 0.2, 0.2], np.float32)), [2, 1, 3]),
    "categorical": (lambda k: random.categorical(
        k, mnp.log(mnp.array([0.1, 0.2, 0.7])), shape=(8,)), [2, 2, 2, 2, 1, 2, 1, 2]),
    "gumbel": (lambda k: random.gumbel(k, (3,)), [0.3340934, 0.95201945, 0.72553056]),
    "gumbel high": (lambda k: random.gumbel(k, (3,), mode="high"),
                    [0.39925799, -0.12997562, 0.04309541]),
    "exponential": (lambda k: random.exponential(k, (3,)), [0.6708175, 1.1388006, 0.95782]),
    "laplace": (lambda k: random.laplace(k, (3,)), [0.02283965, -0.44565356, -0.2646729]),
    "logistic": (lambda k: random.logistic(k, (3,)), [-0.04516941, 0.7528398, 0.47375232]),
    "cauchy": (lambda k: random.cauchy(k, (3,)), [-0.03548463, 0.6337261, 0.38244057]),
    "rademacher": (lambda k: random.rademacher(k, (5,)), [1, -1, -1, -1, 1]),
    "rayleigh": (lambda k: random.rayleigh(k, 1.0, (3,)), [1.1966511, 0.8785907, 0.9839387]),
    "geometric": (lambda k: random.geometric(k, 0.3, (3,)), [3, 2, 2]),
    "maxwell": (lambda k: random.maxwell(k, (3,)), [0.5535825, 0.29328507, 1.708603]),
    "gamma": (lambda k: random.gamma(k, 2.0, (3,)), [3.6725166, 1.0923854, 3.5018392]),
    "beta": (lambda k: random.beta(k, 2.0, 3.0, (3,)), [0.43196177, 0.3128183, 0.6368728]),
    "dirichlet": (lambda k: random.dirichlet(k, np.ones(3, np.float32)),
                  [0.47842404, 0.07394563, 0.44763032]),
    "t": (lambda k: random.t(k, 3.0, (3,)), [0.08987478, -1.7357467, 2.352019]),
    "f": (lambda k: random.f(k, 3.0, 4.0, (3,)), [0.74487185, 0.47861135, 0.2329463]),
    "poisson": (lambda k: random.poisson(k, 3.0, (4,)), [6, 2, 2, 1]),
    "binomial": (lambda k: random.binomial(
        k, np.array([3, 20, 100, 1000, 5], np.float32), np.array([.3, .5, .1, .7, 1], np.float32)),
        [1, 10, 9, 711, 5]),
    "multinomial": (lambda k: random.multinomial(
        k, np.array([5, 50], np.float32), np.array([[.1, .3, .6], [.4, .4, .2]], np.float32)),
        [[0, 1, 4], [14, 24, 12]]),
    "multivariate": (lambda k: random.multivariate_normal(
        k, np.zeros(2, np.float32), np.array([[2, 0.5], [0.5, 1]], np.float32)), [-0.0400288,
                                                                                 0.4269547]),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_the_common_generator(name):
    sampler, want = NUMBERS[name]
    for got in (sampler(KEY), ms.jit(sampler)(KEY)):
        value = np.asarray(got)
        tol = 6e-3 if value.dtype.itemsize == 2 else 2e-6
        wide = np.complex128 if value.dtype.kind == "c" else np.float64
        np.testing.assert_allclose(value.astype(wide), want, rtol=tol, atol=tol)


def test_lanes_are_independent_of_batching():
    keys = random.split(KEY, 4)
    batched = ms.vmap(lambda k: random.normal(random.split(k)[1], (3,)))(keys)
    single = [random.normal(random.split(k)[1], (3,)) for k in keys]
    np.testing.assert_array_equal(np.asarray(batched), np.stack(single))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_compiled_bits_agree_with_the_reference(shape, width):
    keys = np.asarray(random.split(KEY, 2))
    got = threefry_bits_p.bind(mnp.asarray(keys), shape=shape, width=width)
    np.testing.assert_array_equal(
        np.asarray(got), threefry_bits_p.ref(keys, shape=shape, width=width)
    )


DISTRIBUTIONS = {
    "uniform": (random.uniform, stats.uniform()),
    "normal": (random.normal, stats.norm()),
    "exponential": (random.exponential, stats.expon()),
    "gumbel": (random.gumbel, stats.gumbel_r()),
    "laplace": (random.laplace, stats.laplace()),
    "logistic": (random.logistic, stats.logistic()),
    "cauchy": (random.cauchy, stats.cauchy()),
    "maxwell": (random.maxwell, stats.maxwell()),
    "lognormal": (lambda k, s: random.lognormal(k, 0.7, s), stats.lognorm(0.7)),
    "rayleigh": (lambda k, s: random.rayleigh(k, 2.0, s), stats.rayleigh(scale=2)),
    "pareto": (lambda k, s: random.pareto(k, 3.0, s), stats.pareto(3)),
    "weibull": (lambda k, s: random.weibull_min(k, 2.0, 1.5, s), stats.weibull_min(1.5, scale=2)),
    "triangular": (lambda k, s: random.triangular(k, 0.0, 0.3, 1.0, s), stats.triang(0.3)),
    "wald": (lambda k, s: random.wald(k, 1.0, s), stats.invgauss(1.0)),
    "truncated": (lambda k, s: random.truncated_normal(k, -1.0, 2.0, s), stats.truncnorm(-1, 2)),
    "gamma": (lambda k, s: random.gamma(k, 2.5, s), stats.gamma(2.5)),
    "gamma below 1": (lambda k, s: random.gamma(k, 0.3, s), stats.gamma(0.3)),
    "beta": (lambda k, s: random.beta(k, 2.0, 0.5, s), stats.beta(2, 0.5)),
    "chisquare": (lambda k, s: random.chisquare(k, 3.0, s), stats.chi2(3)),
    "t": (lambda k, s: random.t(k, 3.0, s), stats.t(3)),
    "f": (lambda k, s: random.f(k, 3.0, 5.0, s), stats.f(3, 5)),
    "generalized": (lambda k, s: random.generalized_normal(k, 3.0, s), stats.gennorm(3)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name):
    """Kolmogorov-Smirnov distance at the fixed seed, far inside its 1 in 10,000 quantile."""
    sampler, law = DISTRIBUTIONS[name]
    found = np.asarray(sampler(KEY, (4000,)), np.float64)
    assert stats.kstest(found, law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("n", [3, 7, 100])
def test_integers_are_uniform(n):
    counts = np.bincount(np.asarray(random.randint(KEY, (6000,), 0, n)), minlength=n)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("rate", [0.5, 4.0, 30.0])
def test_poisson(rate):
    found = np.asarray(random.poisson(KEY, rate, (4000,)))
    law = stats.poisson(rate)
    edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 10)))
    bounds = [-1, *edges, np.inf]
    counts = np.histogram(found, np.array(bounds) + 0.5)[0]
    expected = np.diff(law.cdf(bounds)) * 4000
    assert stats.chisquare(counts, expected).pvalue > 1e-4


@pytest.mark.parametrize(("n", "p"), [(8, 0.2), (40, 0.6), (500, 0.3), (10**5, 0.999)])
def test_binomial(n, p):
    found = np.asarray(random.binomial(KEY, float(n), p, (4000,)))
    law = stats.binom(n, p)
    edges = np.unique(law.ppf(np.linspace(0.1, 0.9, 9)))
    bounds = [-1, *edges, np.inf]
    counts = np.histogram(found, np.array(bounds) + 0.5)[0]
    expected = np.diff(law.cdf(bounds)) * 4000
    keep = expected > 0
    assert stats.chisquare(counts[keep], expected[keep]).pvalue > 1e-4


def test_counts_have_no_derivative():
    """Not by the number of trials either, which those of likely successes are subtracted from."""
    count = lambda n, p: random.binomial(KEY, n, p)  # noqa: E731
    assert ms.grad(count, (0, 1))(10.0, 0.7) == (0.0, 0.0)


def test_edges_of_the_binomial():
    n = np.array([0, 5, 5, np.inf, 5, -1, np.nan, 5, 5, 100], np.float32)
    p = np.array([0.5, 0, 1, 0.2, np.nan, 0.5, 0.5, -0.1, 1.1, np.nan], np.float32)
    want = [0, 0, 5, np.inf, *[np.nan] * 6]
    np.testing.assert_array_equal(random.binomial(KEY, n, p), want)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn"])
def test_binomial_numbers_in_short_floats(dtype):
    """Drawn in float32, as JAX's; in 8 bits the sums of waiting times would not end."""
    got = random.binomial(random.key(0), 5.0, 0.5, (6,), dtype=mnp.dtype(dtype))
    assert got.dtype == mnp.dtype(dtype)
    assert got.astype("float32").tolist() == [3, 4, 4, 4, 4, 2]


def test_derivative_of_gamma_numbers():
    """By the parameter, at a fixed place of the distribution: dx/da = -(dF/da) / (dF/dx)."""
    for a in (0.4, 2.0):
        x = np.asarray(random.gamma(KEY, a, (4,)), np.float64)
        h = 1e-5
        by_a = (stats.gamma(a + h).cdf(x) - stats.gamma(a - h).cdf(x)) / (2 * h)
        want = -by_a / stats.gamma(a).pdf(x)
        got = ms.jacfwd(lambda a: random.gamma(KEY, a, (4,)))(a)
        np.testing.assert_allclose(np.asarray(got), want, rtol=2e-3)


@pytest.mark.parametrize("p", [1, *(pytest.param(p, marks=pytest.mark.slow) for p in (2, 4))])
def test_points_lie_in_the_ball(p):
    points = np.asarray(random.ball(KEY, 3, p, (500,)))
    radius = (abs(points) ** p).sum(-1) ** (1 / p)
    assert stats.kstest(radius**3, stats.uniform().cdf).pvalue > 1e-4


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_orthogonal_matrices(shape):
    n, m = shape
    q = np.asarray(random.orthogonal(KEY, n, (5,), m=m), np.float64)
    assert q.shape == (5, n, m)
    product = q @ np.swapaxes(q, -1, -2) if n <= m else np.swapaxes(q, -1, -2) @ q
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(min(n, m)), product.shape), atol=1e-6
    )


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_multivariate_normal(method):
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    x = np.asarray(random.multivariate_normal(KEY, np.array([1.0, -1.0]), cov, (20000,),
                                              method=method))  # fmt: skip
    np.testing.assert_allclose(x.mean(0), [1, -1], atol=0.05)
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.06)


def test_permutations_keep_their_elements():
    for independent in (False, True):
        x = mnp.arange(24).reshape(6, 4)
        mixed = np.asarray(random.permutation(KEY, x, independent=independent))
        np.testing.assert_array_equal(np.sort(mixed, 0), np.asarray(x))


MEANS = {
    "gamma": (lambda k, a, s: random.gamma(k, a, s), 2.5, 1.0),
    "loggamma": (lambda k, a, s: mnp.exp(random.loggamma(k, a, s)), 0.7, 1.0),
    "beta": (lambda k, a, s: random.beta(k, a, 3.0, s), 2.0, 3 / 25),
    "chisquare": (lambda k, a, s: random.chisquare(k, a, s), 3.0, 1.0),
    "t": (lambda k, a, s: random.t(k, a, s) ** 2, 9.0, -2 / 49),
    "dirichlet": (lambda k, a, s: random.dirichlet(
        k, mnp.stack([a, 1.0 + 0 * a]), s)[:, 0], 2.0, 1 / 9),
    "lognormal": (lambda k, a, s: random.lognormal(k, a, s), 0.5, 0.5 * np.exp(0.125)),
    "pareto": (lambda k, a, s: random.pareto(k, a, s), 5.0, -1 / 16),
    "rayleigh": (lambda k, a, s: random.rayleigh(k, a, s), 2.0, np.sqrt(np.pi / 2)),
    "weibull": (lambda k, a, s: random.weibull_min(k, a, 2.0, s), 1.5, np.sqrt(np.pi) / 2),
    "triangular": (lambda k, a, s: random.triangular(k, 0.0, a, 1.0, s), 0.4, 1 / 3),
    "normal": (lambda k, a, s: a * random.normal(k, s) ** 2, 3.0, 1.0),
    "uniform": (lambda k, a, s: random.uniform(k, s, minval=a, maxval=5.0), 2.0, 0.5),
    "truncated": (lambda k, a, s: random.truncated_normal(k, -a, a, s) ** 2, 1.0,
                  4 * (stats.norm.pdf(1) / (2 * stats.norm.cdf(1) - 1)) ** 2),
}  # fmt: skip


_LOOPS = ("gamma", "loggamma", "beta", "chisquare", "t", "dirichlet")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in _LOOPS else n for n in MEANS]
)
def test_mean_derivative_is_the_derivative_of_the_mean(name):
    """By a parameter; the means are the known ones of the distributions."""
    sampler, at, want = MEANS[name]
    slopes = np.asarray(ms.jvp(lambda a: sampler(KEY, a, (20000,)), (at,), (1.0,))[1], np.float64)
    error = slopes.std() / np.sqrt(slopes.size)
    assert abs(slopes.mean() - want) < 4.5 * error + 1e-4
    by_reverse = ms.grad(lambda a: sampler(KEY, a, (50,)).sum())(at)
    by_forward = ms.jvp(lambda a: sampler(KEY, a, (50,)).sum(), (at,), (1.0,))[1]
    np.testing.assert_allclose(by_reverse, by_forward, rtol=1e-4)


def test_reparameterised_derivatives():
    def f(low, high):
        return random.uniform(KEY, (5,), minval=low, maxval=high).sum()

    u = np.asarray(random.uniform(KEY, (5,)))
    low, high = ms.grad(f, argnums=(0, 1))(1.0, 4.0)
    np.testing.assert_allclose([float(low), float(high)], [(1 - u).sum(), u.sum()], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: random.uniform(0), TypeError, "invalid PRNG key data"),
        (lambda: random.uniform(random.split(KEY)), ValueError, "accepts a single key"),
        (lambda: random.uniform(KEY, dtype=int), ValueError, "must be a float dtype"),
        (lambda: random.bits(KEY, (), int), ValueError, "unsigned int dtype"),
        (lambda: random.randint(KEY, (), 0, 3, float), TypeError, "only accepts integer dtypes"),
        (lambda: random.PRNGKey(1.0), TypeError, "seed must be an integer"),
        (lambda: random.PRNGKey(0, impl="foo"), ValueError, "unrecognized PRNG implementation"),
        (lambda: random.fold_in(KEY, 2**40), OverflowError, "out of bounds for uint32"),
        (lambda: random.choice(KEY, 3, (4,), replace=False), ValueError, "larger sample"),
        (lambda: random.normal(KEY, (-1,)), ValueError, "negative dimensions"),
        (lambda: random.bernoulli(KEY, 0.5, mode="x"), ValueError, "expected 'low' or 'high'"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()
