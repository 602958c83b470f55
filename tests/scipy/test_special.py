"""Special functions against SciPy's in double and single precision, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as ss

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.ir.evaluate import Reference
from ms_func.scipy import special, stats

RNG = np.random.default_rng(3)
REAL = np.concatenate([np.linspace(-12, 60, 601), [0.0, np.inf, -np.inf, np.nan, 1e-8, 1e5]])
POSITIVE = REAL[~(REAL < 0)]

UNARY = {
    "exp1": (POSITIVE, 1e-13), "expi": (REAL, 1e-13), "erfcx": (REAL, 1e-14),
    "dawsn": (REAL, 1e-14), "spence": (POSITIVE[np.inf != POSITIVE], 1e-13),
    "sici": (REAL, 1e-13), "fresnel": (REAL, 1e-14), "loggamma": (POSITIVE, 1e-13),
}  # fmt: skip


def relative(got, want, floor=1e-12):
    return np.abs(got - want) / np.maximum(np.abs(want), floor)


def both(f, *args):
    got, want = getattr(special, f)(*args), getattr(ss, f)(*args)
    return zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]


@pytest.mark.parametrize("name", UNARY)
def test_values(name):
    x, tolerance = UNARY[name]
    with np.errstate(all="ignore"):
        for got, want in both(name, x):
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", UNARY)
def test_single_precision(name):
    x = UNARY[name][0].astype(np.float32)
    x = x[np.isfinite(x) & (x < 30) & (x > -3)]
    for got, want in both(name, x):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("sici", "fresnel")])
def test_derivatives(name):
    f = getattr(special, name)
    for order in range(2):
        step, x = 1e-5, np.array([0.3, 1.7, 2.5, 5.0, 20.0])
        g = f if order == 0 else ms.vmap(ms.grad(f))
        lifted = ms.grad(f) if order == 0 else ms.grad(ms.grad(f))
        with Reference():
            numeric = (np.asarray(g(x + step)) - np.asarray(g(x - step))) / (2 * step)
            np.testing.assert_allclose(ms.vmap(lifted)(x), numeric, rtol=1e-6, atol=1e-8)


def test_incomplete_gamma_functions_at_the_limits():
    a, x = (v.ravel() for v in np.meshgrid([0.0, 2.0, np.inf, -1.0], [0.0, 2.0, np.inf, -1.0]))
    for name in ("gammainc", "gammaincc"):
        np.testing.assert_allclose(getattr(special, name)(a, x), getattr(ss, name)(a, x))
        for order in (0.5, 1.0, 2.0, 20.0):
            assert ms.grad(getattr(special, name), 1)(order, np.inf) == 0


def test_hyp1f1_of_equal_negative_integers_is_a_polynomial():
    for n, x in ((-2.0, 1.0), (-10.0, 3.0), (-3.0, -0.5)):
        np.testing.assert_allclose(special.hyp1f1(n, n, x), ss.hyp1f1(n, n, x), rtol=1e-6)


def test_bessel_functions_at_the_ends():
    x = np.array([np.nan, 700.0, -700.0, 1e5, -1e5])
    for name in ("i0", "i1"):
        got, want = getattr(special, name), getattr(ss, name)
        np.testing.assert_allclose(got(x), want(x), rtol=1e-12)
        np.testing.assert_array_equal(got(np.inf * x[1:3]), want(x[3:]))  # SciPy: NaN at infinity
    slopes = [[float(g(0.0)) for g in (ms.grad(f), ms.grad(ms.grad(f)))]
              for f in (special.i0, mnp.i0, special.i1)]  # fmt: skip
    assert slopes == [[0, 0.5], [0, 0.5], [0.5, 0]]


def second_of(f):
    return ms.grad(ms.grad(f))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bessel_functions_keep_their_derivatives_near_zero(dtype):
    """The second derivative of I1 is (3 I1 + I3) / 4, the third 3/8 at 0."""
    x = np.array([0, 1e-30, 1e-6, 1e-3, 0.1, 0.9, 1.1], dtype)
    bound, want = 10 * np.finfo(dtype).eps, (3 * ss.iv(1, x) + ss.iv(3, x)) / 4
    np.testing.assert_allclose(ms.vmap(second_of(special.i1))(x), want, rtol=bound)
    np.testing.assert_allclose(ms.vmap(ms.grad(second_of(special.i1)))(x[:3]), 0.375, rtol=1e-5)
    want = want[1:] * np.exp(-x[1:]) + ss.ive(1, x[1:]) - ss.ive(0, x[1:]) - ss.ive(2, x[1:])
    np.testing.assert_allclose(ms.vmap(second_of(special.i1e))(x[1:]), want, rtol=bound)


@pytest.mark.parametrize("x", [40.0, np.inf])
def test_gamma_has_one_slope_in_both_modes_where_it_overflows(x):
    assert ms.jvp(special.gamma, (x,), (1.0,))[1] == ms.grad(special.gamma)(x) == np.inf


@pytest.mark.parametrize("name", ["sici", "fresnel"])
def test_derivatives_of_pairs(name):
    f, x, step = getattr(special, name), 1.3, 1e-6
    want = [(float(p) - float(q)) / (2 * step) for p, q in
            zip(f(np.float64(x + step)), f(np.float64(x - step)), strict=True)]  # fmt: skip
    np.testing.assert_allclose(ms.jacrev(f)(np.float64(x)), want, rtol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 20])
def test_expn(n):
    x = POSITIVE[~np.isnan(POSITIVE)]
    np.testing.assert_allclose(special.expn(n, x), ss.expn(n, x), rtol=1e-13, atol=1e-300)
    slope = ms.grad(lambda v: special.expn(n, v))(np.float64(0.7))
    numeric = (ss.expn(n, 0.7 + 1e-6) - ss.expn(n, 0.7 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-7)


def test_complex_functions():
    z = RNG.normal(size=500) * 4 + 3j * RNG.normal(size=500)
    z[:40] = z[:40].real.round() + 0.5 + 1j * z[:40].imag  # where the sine's logarithm is cut
    for name, near in (("wofz", ss.wofz), ("loggamma", ss.loggamma), ("erfcx", ss.erfcx)):
        got = np.asarray(getattr(special, name)(z))
        assert np.max(relative(got, near(z))) < 1e-12
    holomorphic = ms.grad(special.wofz, holomorphic=True)(0.4 + 0.3j)
    step = 1e-4
    numeric = (ss.wofz(0.4 + step + 0.3j) - ss.wofz(0.4 - step + 0.3j)) / (2 * step)
    np.testing.assert_allclose(holomorphic, numeric, rtol=1e-5)


@pytest.mark.parametrize("name", ["dawsn", "exp1", "expi", "fresnel", "ndtri", "sici", "spence"])
def test_formulas_for_real_numbers_refuse_complex_ones(name):
    with pytest.raises(TypeError, match=f"{name} is computed for real numbers"):
        getattr(special, name)(1.0 + 0.5j)
    for distribution in (stats.expon, stats.laplace, stats.logistic, stats.gumbel_r):
        with pytest.raises(TypeError, match="logpdf is computed for real numbers"):
            distribution.logpdf(np.complex64(0.5j))


def test_owens_t():
    h, a = RNG.normal(size=(2, 2000)) * 3
    got = np.asarray(special.owens_t(h, a))
    np.testing.assert_allclose(got, ss.owens_t(h, a), rtol=1e-11, atol=1e-300)
    for i in range(2):
        point, step = [0.7, 1.9], 1e-6
        high, low = list(point), list(point)
        high[i] += step
        low[i] -= step
        numeric = (ss.owens_t(*high) - ss.owens_t(*low)) / (2 * step)
        slope = ms.grad(special.owens_t, i)(*map(np.float64, point))
        np.testing.assert_allclose(slope, numeric, rtol=1e-7)


@pytest.mark.slow
def test_hypergeometric():
    a, b, c = RNG.uniform(-5, 5, (3, 800))
    x, y = RNG.uniform(-80, 80, 800), RNG.uniform(-4, 1, 800)
    error = relative(np.asarray(special.hyp1f1(a, b, x)), ss.hyp1f1(a, b, x))
    assert np.quantile(error, 0.95) < 1e-12  # near zeros of the function digits are lost
    error = relative(np.asarray(special.hyp2f1(a, b, c, y)), ss.hyp2f1(a, b, c, y))
    assert np.quantile(error, 0.99) < 1e-11
    for args in ((-3.0, 2.0, 1.5, 4.0), (1.0, 1.0, 2.0, 1.0), (0.5, 0.3, 2.0, 1.0),
                 (1.0, 1.0, 2.0, 0.95)):  # fmt: skip
        np.testing.assert_allclose(special.hyp2f1(*map(np.float64, args)), ss.hyp2f1(*args))
    for f, reference, args in (
        (special.hyp1f1, ss.hyp1f1, (1.5, 2.0, 0.7)),
        (special.hyp2f1, ss.hyp2f1, (1.5, 2.0, 1.2, 0.7)),
    ):
        for i in range(len(args)):
            step = 1e-5 * np.eye(len(args))[i]
            numeric = (reference(*(args + step)) - reference(*(args - step))) / 2e-5
            slope = ms.grad(f, i)(*map(np.float64, args))
            np.testing.assert_allclose(slope, numeric, rtol=1e-7)


def test_bessel_and_harmonics():
    z = np.linspace(0, 30, 50)
    want = np.stack([ss.jv(k, z) for k in range(7)])
    np.testing.assert_allclose(special.bessel_jn(z, v=6, n_iter=80), want, rtol=1e-9, atol=1e-13)
    with pytest.raises(ValueError, match="complex"):
        special.bessel_jn(z + 1j, v=1)
    theta, phi = RNG.uniform(0, np.pi, 20), RNG.uniform(0, 2 * np.pi, 20)
    for n in range(5):
        for m in range(-n, n + 1):
            want = ss.sph_harm_y(n, m, theta, phi)
            np.testing.assert_allclose(special.sph_harm_y(n, m, theta, phi), want, atol=1e-13)
    traced = ms.jit(lambda n: special.sph_harm_y(n, 1, theta, phi, n_max=4))(3)
    np.testing.assert_allclose(traced, ss.sph_harm_y(3, 1, theta, phi), atol=1e-13)


def test_discrete():
    n, k = np.meshgrid(np.arange(0.0, 30), np.arange(-1.0, 30))
    np.testing.assert_allclose(special.comb(n, k), ss.comb(n, k), rtol=1e-12)
    again = [ss.comb(v, 3, repetition=True) for v in range(1, 30)]
    np.testing.assert_allclose(special.comb(np.arange(1.0, 30), 3, repetition=True), again)
    np.testing.assert_allclose(special.bernoulli(20), ss.bernoulli(20), rtol=1e-6)
    x, lmbda = RNG.uniform(0.1, 3, 20), np.concatenate([RNG.normal(size=19), [0.0]])
    np.testing.assert_allclose(special.boxcox(x, lmbda), ss.boxcox(x, lmbda))
    np.testing.assert_allclose(special.boxcox1p(x, lmbda), ss.boxcox1p(x, lmbda))


def test_softplus_and_logaddexp_are_smooth_where_their_operands_are_equal():
    second = ms.grad(ms.grad(ms.nn.softplus))
    assert float(second(0.0)) == 0.25
    assert np.isnan(ms.grad(ms.nn.softplus)(np.nan))
    both = ms.hessian(mnp.logaddexp, (0, 1))(1.0, 1.0)
    np.testing.assert_allclose(np.array(both, float), [[0.25, -0.25], [-0.25, 0.25]])
    assert [float(g) for g in ms.grad(mnp.logaddexp, (0, 1))(np.inf, 0.0)] == [1.0, 0.0]


def test_betainc_at_the_ends_of_its_parameters():
    values = [0.0, 1.0, np.inf]
    a, b, x = np.meshgrid(values, values, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(special.betainc(a, b, x), ss.betainc(a, b, x), rtol=1e-6)


def test_associated_legendre_functions_and_their_slopes():
    z = np.array([1.0, -1.0, 0.0, 0.3, -0.7, 0.99])
    want = np.swapaxes(ss.assoc_legendre_p_all(5, 5, z, diff_n=1)[:, :, :6], 1, 2)
    for got, wanted in zip(special.lpmn(5, 5, z), want, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(special.lpmn_values(5, 5, z, False), want[0], rtol=1e-12, atol=1e-13)
    scaled = special.lpmn_values(3, 3, z, True)
    for n in range(4):
        for m in range(n + 1):
            harmonic = ss.sph_harm_y(n, m, np.arccos(z), 0.0).real
            np.testing.assert_allclose(scaled[m, n], harmonic, atol=1e-13)
    slope = ms.jacfwd(lambda z: special.lpmn_values(3, 3, z, False).sum((0, 1)))(z[3:4])
    np.testing.assert_allclose(slope[0], np.asarray(special.lpmn(3, 3, z[3:4])[1]).sum((0, 1)))


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((2, 3, np.ones(2)), NotImplementedError, "m!=n"),
        ((2, 2, np.ones((2, 2))), ValueError, "1D"),
        ((2, 2, np.ones(2, np.int32)), TypeError, "int32 is not supported"),
        ((-1, -1, np.ones(2)), ValueError, "at least 0"),
    ],
)
def test_associated_legendre_functions_refuse(args, error, words):
    with pytest.raises(error, match=words):
        special.lpmn(*args)


def test_entr_has_an_infinite_slope_at_zero_and_xlogy_passes_nan():
    assert float(ms.grad(special.entr)(0.0)) == np.inf
    assert np.isnan(special.xlogy(0.0, np.nan))
    assert np.isnan(special.xlog1py(0.0, np.nan))


def test_sici_and_fresnel_keep_the_dtype():
    for f in (special.sici, special.fresnel):
        assert [v.dtype.name for v in f(mnp.ones(2, "bfloat16"))] == ["bfloat16"] * 2


@pytest.mark.parametrize(
    ("function", "x", "want"),
    [
        (lambda x: special.xlogy(x, 2.0), 0.0, np.log(2.0)),
        (lambda x: special.xlog1py(x, 2.0), 0.0, np.log(3.0)),
        (special.logit, 0.0, np.inf),
        (special.logit, 1.0, np.inf),
        (lambda x: special.betainc(2.0, 3.0, x), 0.0, 0.0),
        (lambda x: special.betainc(1.0, 3.0, x), 0.0, 3.0),
        (lambda x: special.betainc(2.0, 1.0, x), 1.0, 2.0),
        (lambda x: special.gammainc(1.0, x), 0.0, 1.0),
        (lambda x: special.gammainc(30.0, x), 0.0, 0.0),
        (lambda x: special.comb(x, 2.0), 5.0, 4.5),
        (lambda x: special.comb(x, 2.0), -1.0, 0.0),
        (special.factorial, -3.0, 0.0),
        (special.log_ndtr, 0.0, np.sqrt(2 / np.pi)),
        (lambda x: special.boxcox(3.0, x), 0.0, np.log(3.0) ** 2 / 2),
        (lambda x: special.boxcox1p(3.0, x), 0.0, np.log(4.0) ** 2 / 2),
        (lambda x: special.boxcox(0.0, x), 0.0, 0.0),
        (ms.grad(special.spence), 1.0, 0.5),
    ],
)
def test_slopes_at_the_ends_of_a_domain(function, x, want):
    np.testing.assert_allclose(ms.grad(function)(x), want, rtol=1e-5)


def test_second_slopes_of_the_incomplete_beta_function_at_order_1():
    slope = ms.grad(special.betainc, 2)
    x = np.float64(0.3)  # the slope is x^(a-1) (1-x)^(b-1) / B(a, b)
    by_a = 2 * (1 - x) * (np.log(x) - ss.digamma(1.0) + ss.digamma(3.0))
    np.testing.assert_allclose(ms.grad(slope, 0)(np.float64(1), np.float64(2), x), by_a)
    np.testing.assert_allclose(ms.grad(slope, 2)(1.0, 2.0, 0.0), -2.0, rtol=1e-5)


@pytest.mark.parametrize(("name", "sign"), [("gammainc", 1), ("gammaincc", -1)])
def test_second_slopes_of_the_incomplete_gamma_function(name, sign):
    f = getattr(special, name)
    x = np.float64(0.3)
    mixed = np.exp(-x) * (np.log(x) - ss.digamma(1.0))  # of exp(-x) x^(a-1) / gamma(a) at a = 1
    np.testing.assert_allclose(ms.grad(ms.grad(f, 1), 0)(np.float64(1), x), sign * mixed)
    second = ms.grad(ms.grad(f, 1), 1)
    assert [float(second(0.5, e)) * sign for e in (0.0, np.inf)] == [-np.inf, 0.0]
    np.testing.assert_allclose(second(1.0, 0.0), -sign, rtol=1e-6)


EDGES = np.array([-np.inf, -2.5, -1.0, 0.0, 0.25, 1.0, 3.0, np.inf, np.nan])


@pytest.mark.parametrize("name", ["owens_t", "rel_entr", "kl_div"])
def test_edges_of_two_arguments(name):
    a, b = np.meshgrid(EDGES, EDGES)
    want = getattr(ss, name)(a, b)
    np.testing.assert_allclose(getattr(special, name)(a, b), want, rtol=1e-12)


@pytest.mark.parametrize("name", ["gamma", "loggamma"])
def test_gamma_functions_of_complex_numbers(name):
    z = np.array([2 - 3j, -1.3 + 0.2j, 0.5j, -3 - 1e-3j, 4 + 0j, 0.2 - 7j])
    np.testing.assert_allclose(getattr(special, name)(z), getattr(ss, name)(z), rtol=1e-13)
    poles = np.array([0j, -2 + 0j])
    assert np.isnan(getattr(special, name)(poles)).all()
    assert np.isnan(getattr(ss, name)(poles)).all()


def test_poch_where_gamma_overflows():
    z, m = np.array([200.0, 1e3, 1e5, 180.5, 1e6]), np.array([-2.0, 2.0, 1.0, -0.5, 2.0])
    np.testing.assert_allclose(special.poch(z, m), ss.poch(z, m), rtol=1e-13)
    short, want = np.float32(z), ss.poch(z, m)
    np.testing.assert_allclose(special.poch(short, np.float32(m)), want, rtol=1e-5)
    slope = ms.grad(special.poch, 1)(np.float64(1e3), np.float64(2.0))
    step = 1e-4
    numeric = (ss.poch(1e3, 2 + step) - ss.poch(1e3, 2 - step)) / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)


def test_poch_at_whole_numbers_and_slopes_everywhere():
    z, m = (v.ravel() for v in np.meshgrid(np.arange(-4.0, 15.0), np.arange(-12.0, 6.0)))
    np.testing.assert_allclose(special.poch(z, m), ss.poch(z, m), rtol=1e-13)
    z, m = np.array([2.0, 22.0, 12.5, -0.25, 15.5]), np.array([0.0, 0.0, -10.0, 3.0, -1.5])
    by_z, by_m = ms.vmap(ms.grad(special.poch, (0, 1)))(z, m)
    value, at_end = ss.poch(z, m), ss.digamma(z + m)
    np.testing.assert_allclose(by_z, value * (at_end - ss.digamma(z)), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(by_m, value * at_end, rtol=1e-11)


def test_poch_has_the_slope_of_its_polynomial_at_the_poles_of_gamma():
    z = np.array([0.0, -1.0, -2.0, 0.0, -2.0])
    polynomials = [np.polynomial.Polynomial.fromroots(-np.arange(m)) for m in (2, 2, 2, 1, 3)]
    m = np.array([float(p.degree()) for p in polynomials])
    want = [p(x) for p, x in zip(polynomials, z, strict=True)]
    np.testing.assert_allclose(special.poch(z, m), want)
    slopes = ms.vmap(ms.grad(special.poch))(z, m)
    want = [p.deriv()(x) for p, x in zip(polynomials, z, strict=True)]
    np.testing.assert_allclose(slopes, want, rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "args"),
    [("hyp1f1", (1.5, 2.0, 0.0)), ("hyp1f1", (0.0, 2.0, 0.5)), ("hyp1f1", (2.0, 2.0, -0.5)),
     ("hyp1f1", (-1.0, 2.0, -0.5)), ("hyp2f1", (1.0, 2.0, 3.0, 0.5)),
     ("hyp2f1", (1.0, 2.0, 3.5, -0.5)), ("hyp2f1", (0.0, 2.0, 3.5, 0.5))],
)  # fmt: skip
def test_hypergeometric_slopes_where_gamma_has_poles(name, args):
    f, reference = getattr(special, name), getattr(ss, name)
    slopes = ms.grad(f, tuple(range(len(args))))(*map(np.float64, args))
    for i, slope in enumerate(slopes):
        step = 1e-6 * np.eye(len(args))[i]
        numeric = (reference(*(args + step)) - reference(*(args - step))) / 2e-6
        np.testing.assert_allclose(slope, numeric, rtol=1e-6, atol=1e-9)


def test_hypergeometric_derivatives_at_0_are_the_terms_of_the_series():
    for f, args in ((special.hyp1f1, (1.5, 2.0)), (special.hyp2f1, (1.5, 2.0, 4.0))):
        g, k = (lambda x, f=f, args=args: f(*args, x)), len(args)
        for n in (1, 2):
            g = ms.grad(g)
            want = ss.poch(args[:-1], n).prod() / ss.poch(args[-1], n)
            np.testing.assert_allclose(g(np.float64(0)), want, rtol=1e-12, err_msg=f"{k} {n}")


FAR = {
    "digamma": [(0.0, -0.0, np.inf, -1.5)],
    "poch": [(-3, -3, np.inf, 1, 2.5, 0, 1), (2, 4, 1, np.inf, -4.5, -2, 0)],
    "ndtri": [(1e-300, 1e-20, 1e-3, 0.999, 1 - 1e-12, 0.0, 1.0, -1e-20, 1.5)],
    "i0": [(-89, 89, 700)], "i1": [(-89, 89, 700)], "expi": [(89, 700)],
    "fresnel": [(-1e20, 1e25, 1e4)],
    "betaln": [(0.5, 1e5, 30, 1e-5, -2.5, 0.1, 2), (1e10, 1e5, 1e3, 20, 50, np.inf, np.nan)],
    "comb": [(1e10, 1e10, 60), (2, 0.5, 30)],
    "betainc": [(1, 0.5, 1e6), (1e10, 1e10, 1e6), (1e-10, 1e-10, 0.5001)],
    "gammainc": [(1e6, 2.0**24, 1e10, 1e6, 3e5), (1.002e6, 2.0**24, 1e10, 1e6, 2.995e5)],
    "gammaincc": [(1e6, 2.0**24, 2.0**27, 1e10, 3e5), (1.002e6, 2.0**24, 2.0**27, 1e6, 3.02e5)],
    "zeta": [(2, 3, 2, np.inf, np.inf, 1.5, 2, 1.01, 3, 1.5, 2.0, 1.5),
             (-0.5, -12.25, np.inf, 1, 1, 1e30, 1e25, np.inf, 50, -3, 0, -0.5)],
    "polygamma": [(0, 1, 1, 2, 1, 2, 0, 3, 7, 1, 2),
                  (-20.25, 1e25, np.inf, np.inf, -10.5, -10.25, np.inf, -0.3, -50.25, -2, -12)],
    "hyp1f1": [(2.5, -1, -1, 10, 10, 0.5), (0.5, 0.5, 20, 0.5, 2.5, 1),
               (-50, 50, -600, 60, -80, 200)],
    "hyp2f1": [(1, 1, 2.5), (1, 1, 0.5), (2, 1, 1), (0.999, 0.999, 0.999)],
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_far_out_at_poles_and_below_zero(name):
    args = [np.array(x, np.float64) for x in FAR[name]]
    with np.errstate(all="ignore"):
        for got, want in both(name, *args):
            np.testing.assert_allclose(got, want, rtol=3e-10, atol=1e-320)
        args = [x[: len(x) // 2 + 1].astype(np.float32) for x in args]
        want = getattr(ss, name)(*args)
        want = np.asarray(want, np.float32)
        np.testing.assert_allclose(getattr(special, name)(*args), want, rtol=3e-4)


def test_slopes_below_zero_and_far_out():
    np.testing.assert_allclose(ms.grad(special.digamma)(np.float64(-10.5)), ss.polygamma(1, -10.5))
    slopes = ms.grad(special.betaln, (0, 1))(np.float64(0.5), np.float64(1e10))
    want = ss.digamma(0.5) - ss.digamma(1e10), -0.5 / 1e10
    np.testing.assert_allclose(slopes, want, rtol=1e-9)
    slope = ms.grad(special.ndtri)(np.float64(1e-20))
    density = np.exp(-(ss.ndtri(1e-20) ** 2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(slope, 1 / density, rtol=1e-12)
    for a, x in ((2.0**24, 2.0**24), (2.0**24, 2.0**24 + 4096), (3e5, 2.995e5)):
        numeric = (ss.gammainc(a + 1, x) - ss.gammainc(a - 1, x)) / 2
        for kind in (np.float32, np.float64):
            slope = ms.grad(special.gammainc)(kind(a), kind(x))
            np.testing.assert_allclose(slope, numeric, rtol=1e-5)
