"""Distributions and descriptions of samples against SciPy's; derivatives against differences."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.stats as ss

import ms_func as ms
import ms_func.numpy as mnp
import ms_func.scipy.stats as st
from ms_func.ir.evaluate import Reference

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=20) * 2, [0.0, 1.0, 2.0, -1.0, 3.5, np.nan]])
COUNTS = np.array([-1.0, 0, 1, 2, 3, 5, 0.5, np.nan])
Q = np.array([0.0, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0, -0.1, 1.1, np.nan])
SHAPES = {
    "beta": (2.3, 1.4), "cauchy": (), "chi2": (3.1,), "expon": (), "gamma": (2.2,),
    "gennorm": (1.3,), "gumbel_l": (), "gumbel_r": (), "laplace": (), "logistic": (), "norm": (),
    "pareto": (2.4,), "t": (4.2,), "truncnorm": (-1.0, 1.5), "uniform": (),
}  # fmt: skip
DISCRETE = {
    "bernoulli": (0.3,), "betabinom": (5.0, 2.0, 1.5), "binom": (5.0, 0.3), "geom": (0.3,),
    "nbinom": (4.0, 0.3), "poisson": (2.5,),
}  # fmt: skip
FUNCTIONS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "pmf", "logpmf", "ppf", "isf")
ALL = [
    (name, f) for name in {**SHAPES, **DISCRETE} for f in FUNCTIONS if hasattr(getattr(st, name), f)
]


def operands(name, f):
    place = (0.3, 1.7) if name in SHAPES and name != "gennorm" else ()
    points = Q if f in ("ppf", "isf") else COUNTS if name in DISCRETE else X
    return (points, *{**SHAPES, **DISCRETE}[name], *place)


@pytest.mark.parametrize(("name", "f"), ALL)
def test_values(name, f):
    args = operands(name, f)
    with np.errstate(all="ignore"):
        want = getattr(getattr(ss, name), f)(*args)
    np.testing.assert_allclose(getattr(getattr(st, name), f)(*args), want, rtol=1e-10, atol=1e-300)


NAMES = [*SHAPES, *DISCRETE]
SOME = [pytest.param(n, marks=pytest.mark.slow) if k % 3 else n for k, n in enumerate(NAMES)]


@pytest.mark.parametrize("name", SOME)
def test_single_precision_and_jit(name):
    """One program holds all functions of a distribution, since compiling takes longest."""
    given = {}
    for f in (f for other, f in ALL if other == name):
        points, *rest = operands(name, f)
        points = points[points != 2.0]  # the end of some supports, which rounding moves
        given[f] = [np.asarray(a, np.float32) for a in (points, *rest)]

    def every(given):
        return {f: getattr(getattr(st, name), f)(*args) for f, args in given.items()}

    for f, got in ms.jit(every)(given).items():
        assert got.dtype == np.float32
        with np.errstate(all="ignore"):
            want = getattr(getattr(ss, name), f)(*[a.astype(float) for a in given[f]])
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5, err_msg=f)


@pytest.mark.parametrize(("name", "f"), [p for p in ALL if p[1] in ("logpdf", "logpmf", "cdf")])
def test_gradients_are_finite_differences(name, f):
    call = getattr(getattr(st, name), f)
    inside = {"beta": 1.0, "truncnorm": 0.8, "pareto": 3.1, "uniform": 1.0}.get(name, 1.2)
    _, *rest = operands(name, f)
    point = 2.0 if name in DISCRETE else inside
    args = [np.float64(v) for v in (point, *rest)]
    if (name, f) == ("bernoulli", "logpmf"):
        args[0] = np.float64(1.0)
    first = 1 if name in DISCRETE else 0
    last = 1 if (name, f) == ("beta", "cdf") else len(args)  # betainc: by its point only
    for i in range(first, last):
        step = 1e-5

        def at(v, i=i):
            return call(*args[:i], v, *args[i + 1 :])

        with Reference():
            numeric = (float(at(args[i] + step)) - float(at(args[i] - step))) / (2 * step)
            np.testing.assert_allclose(ms.grad(at)(args[i]), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "shape"), [("gennorm", (2.0,)), ("laplace", ()), ("truncnorm", (-1.0, 1.0))]
)
def test_the_slope_of_a_distribution_function_at_its_middle_is_the_density(name, shape):
    slope = ms.grad(getattr(st, name).cdf)(np.float64(0.0), *shape)
    np.testing.assert_allclose(slope, getattr(ss, name).pdf(0.0, *shape))


def test_the_middle_of_a_distribution_does_not_move_with_its_shape():
    assert ms.grad(st.gennorm.cdf, 1)(0.0, 2.0) == 0


@pytest.mark.parametrize("f", ["cdf", "sf"])
def test_second_derivatives_vanish_outside_of_the_support(f):
    for given in (functools.partial(getattr(st.gamma, f), a=2.0),
                  functools.partial(getattr(st.beta, f), a=2.0, b=3.0)):  # fmt: skip
        second = ms.grad(ms.grad(given))
        assert second(0.4) != 0
        assert [float(second(x)) for x in (-1.0, np.inf)] == [0, 0]


def test_densities_have_no_slope_by_their_shapes_outside_of_the_support():
    for f in ("pdf", "logpdf"):
        assert ms.grad(getattr(st.gamma, f), 1)(-1.0, 2.5) == 0
        assert ms.grad(getattr(st.chi2, f), 1)(-1.0, 2.5) == 0
        for x in (-1.0, 2.0):
            slopes = ms.grad(getattr(st.beta, f), (0, 1, 2))(x, 1.5, 2.5)
            assert [float(v) for v in slopes] == [0, 0, 0]


@pytest.mark.parametrize("f", ["logpdf", "cdf"])
def test_whole_shapes_leave_the_dtype_to_the_points(f):
    for name in ("chi2", "gamma", "t", "beta"):
        shapes = [np.int32(2)] * (2 if name == "beta" else 1)
        if name != "t" or f == "logpdf":
            assert (
                getattr(getattr(st, name), f)(np.ones(2, np.float16), *shapes).dtype == np.float16
            )


def test_angles():
    x = np.linspace(0, 6.2, 9)
    np.testing.assert_allclose(st.vonmises.logpdf(x, 1.2), ss.vonmises.logpdf(x, 1.2), rtol=1e-12)
    np.testing.assert_allclose(st.wrapcauchy.pdf(x, 0.4), ss.wrapcauchy.pdf(x, 0.4), rtol=1e-12)


@pytest.mark.parametrize("mu", [0.0, 0.5, 3.0, 40.0, 63.0, 70.0, 1e4])
def test_poisson_entropy(mu):
    k = np.arange(mu + 60 * np.sqrt(mu) + 10)
    p = ss.poisson.pmf(k, mu)
    want = -np.sum(p[p > 0] * np.log(p[p > 0]))
    np.testing.assert_allclose(st.poisson.entropy(np.float64(mu)), want, rtol=1e-7, atol=1e-12)


def test_vectors():
    alpha = np.array([2.0, 3.0, 0.5])
    x = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(st.dirichlet.logpdf(x, alpha), ss.dirichlet.logpdf(x, alpha))
    np.testing.assert_allclose(st.dirichlet.pdf(x[:2], alpha), ss.dirichlet.pdf(x, alpha))
    with pytest.raises(ValueError, match="alpha"):
        st.dirichlet.logpdf(x, alpha[None])
    cov = np.array([[2.0, 0.3], [0.3, 1.0]])
    at = RNG.normal(size=(5, 2))
    np.testing.assert_allclose(
        st.multivariate_normal.logpdf(at, np.ones(2), cov),
        ss.multivariate_normal.logpdf(at, np.ones(2), cov),
    )
    np.testing.assert_allclose(st.multivariate_normal.pdf(at[:, 0], 0.5, 2.0),
                               ss.multivariate_normal.pdf(at[:, 0], 0.5, 2.0))  # fmt: skip
    with pytest.raises(ValueError, match="incompatible"):
        st.multivariate_normal.logpdf(at, np.ones(2), np.eye(3))
    counts, p = np.array([[1, 2, 1], [4, 0, 0], [1, 1, 1]]), np.array([0.2, 0.5, 0.3])
    np.testing.assert_allclose(
        st.multinomial.pmf(counts, 4, p.astype(np.float64)),
        ss.multinomial.pmf(counts, 4, p),
        rtol=1e-6,
    )


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_samples(axis):
    a = RNG.integers(0, 4, size=(6, 5))
    for keepdims in (False, True):
        got, want = st.mode(a, axis, keepdims=keepdims), ss.mode(a, axis, keepdims=keepdims)
        np.testing.assert_array_equal(got.mode, want.mode)
        np.testing.assert_array_equal(got.count, want.count)
    for method in ("average", "min", "max", "dense", "ordinal"):
        np.testing.assert_array_equal(
            st.rankdata(a, method, axis=axis), ss.rankdata(a, method, axis=axis)
        )
    np.testing.assert_allclose(st.sem(a * 1.0, axis), ss.sem(a * 1.0, axis))
    holes = np.where(np.eye(6, 5) == 1, np.nan, a * 1.0)
    np.testing.assert_allclose(
        st.sem(holes, axis, nan_policy="omit"), np.asarray(ss.sem(holes, axis, nan_policy="omit"))
    )
    with pytest.raises(NotImplementedError):
        st.mode(a, nan_policy="omit")
    with pytest.raises(ValueError, match="method"):
        st.rankdata(a, "median")


@pytest.mark.parametrize("method", [None, "silverman", 0.4])
@pytest.mark.parametrize("d", [1, 2])
def test_kernel_density(method, d):
    data, w = RNG.normal(size=(d, 30)), RNG.uniform(size=30)
    points = RNG.normal(size=(d, 7))
    got, want = st.gaussian_kde(data, method, w), ss.gaussian_kde(data, method, w)
    np.testing.assert_allclose(got(points), want(points))
    np.testing.assert_allclose(got.logpdf(points), want.logpdf(points))
    np.testing.assert_allclose(got.integrate_kde(got), want.integrate_kde(want))
    np.testing.assert_allclose(
        got.integrate_gaussian(np.zeros(d), np.eye(d)),
        want.integrate_gaussian(np.zeros(d), np.eye(d)),
    )
    if d == 1:
        np.testing.assert_allclose(got.integrate_box_1d(-1, 2), want.integrate_box_1d(-1, 2))
    again = ms.jit(lambda kde, x: kde(x))(got, points)
    np.testing.assert_allclose(again, want(points))
    drawn = got.resample(ms.random.key(0), (20000,))
    np.testing.assert_allclose(mnp.cov(drawn), data_cov(want), rtol=0.1, atol=0.05)


def data_cov(kde):
    """Covariance of draws: that of the weighted sample about its mean, plus the kernels'."""
    centred = kde.dataset - (kde.dataset * kde.weights).sum(axis=1, keepdims=True)
    return np.squeeze((centred * kde.weights) @ centred.T + kde.covariance)
