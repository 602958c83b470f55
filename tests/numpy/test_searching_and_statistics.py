"""Choosing, searching, sorting, sets, statistics, calculus, ufuncs against NumPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.numpy_oracle import both, compiled, same, sample

X = sample("float32", 4, 6)
Y = sample("int32", 9, low=0)
WITH_NAN = np.where(X > 2, np.nan, X).astype(np.float32)

# --- choosing and searching -----------------------------------------------------------------


def test_where():
    both("where", X > 0, X, np.float32(0))
    both("where", X[:, :1] > 0, X, X[0])
    same(mnp.where(X > 0, 1, 2), np.where(X > 0, 1, 2))
    with pytest.raises(TypeError, match="where requires ndarray or scalar arguments"):
        mnp.where(X > 0, 1)


def test_where_derivative_flows_to_the_choice():
    same(ms.grad(lambda x: mnp.where(x > 0, x * 2, x * 3).sum())(X), np.where(X > 0, 2, 3) * 1.0)


def test_choices():
    both("select", [X > 1, X > 0], [X, 2 * X], 5.0)
    same(mnp.piecewise(X, [X < 0, X >= 0], [-1, lambda v: v]), np.piecewise(
        X, [X < 0, X >= 0], [-1, lambda v: v]))  # fmt: skip
    same(mnp.choose(np.array([0, 1, 1]), [np.arange(3), np.ones(3, int)]),
         np.choose([0, 1, 1], [np.arange(3), np.ones(3, int)]))  # fmt: skip


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_places_of_extrema(name, axis):
    both(name, X, axis)
    both(name, WITH_NAN, axis)
    both("nan" + name, WITH_NAN, axis, keepdims=True)


def test_nonzero():
    same(mnp.nonzero(X > 0), np.nonzero(X > 0))
    same(mnp.argwhere(X > 0), np.argwhere(X > 0))
    rows, columns = np.nonzero(X > 0)
    found = ms.jit(lambda x: mnp.nonzero(x > 0, size=20, fill_value=-1))(X)
    same(found, tuple(np.concatenate([v, np.full(20 - len(v), -1)]) for v in (rows, columns)))
    same(ms.jit(lambda x: mnp.nonzero(x > 0, size=2))(X), (rows[:2], columns[:2]))
    with pytest.raises(TypeError, match="size"):
        ms.jit(mnp.nonzero)(X)


def test_taking():
    i = np.array([[0, 5], [-1, 2]])
    both("take", X, i, 1)
    both("take", X, i)
    assert np.isnan(float(mnp.take(X[0], 7)))
    same(mnp.take(X[0], np.array([7, -7]), mode="wrap"), np.take(X[0], [7, -7], mode="wrap"))
    same(mnp.take(X[0], np.array([7, -9]), mode="clip"), np.take(X[0], [7, -9], mode="clip"))
    order = np.argsort(X, 1)
    both("take_along_axis", X, order, 1)
    both("take_along_axis", X, order[:1, :2], 1)
    want = X.copy()
    np.put_along_axis(want, order[:, :1], 9, 1)
    same(mnp.put_along_axis(X, order[:, :1], 9, 1, inplace=False), want)


def test_pieces_of_others_send_no_derivative_back():
    """The root is taken of negative elements too, and its slope there is NaN."""
    f = lambda x: mnp.piecewise(x, [x < 9, x < 0], [mnp.sqrt, lambda v: 3 * v, 1.0])  # noqa: E731
    x = np.array([-1.0, 4.0, 16.0])
    np.testing.assert_array_equal(f(x), [-3, 2, 1])
    np.testing.assert_array_equal(ms.grad(lambda x: f(x).sum())(x), [3, 0.25, 0])
    np.testing.assert_array_equal(ms.jvp(f, (x,), (np.ones(3),))[1], [3, 0.25, 0])
    np.testing.assert_array_equal(ms.vmap(ms.grad(ms.grad(f)))(x), [0, -1 / 32, 0])


def test_putting():
    want = X.copy()
    np.put(want, [1, -1, 3], [7, 8])
    same(mnp.put(X, np.array([1, -1, 3]), np.array([7, 8]), inplace=False), want)
    want = X.copy()
    np.put(want, [-1, 99], [7, 8], mode="clip")  # negative indices are out of bounds
    same(mnp.put(X, np.array([-1, 99]), np.array([7, 8]), mode="clip", inplace=False), want)
    want = X.copy()
    np.place(want, X > 1, [7, 8])
    same(mnp.place(X, X > 1, np.array([7, 8]), inplace=False), want)
    with pytest.raises(ValueError, match="inplace=False"):
        mnp.put(X, 0, 1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: mnp.ravel_multi_index((1, 2), (2, 3), order="Z"), "invalid order='Z'"),
        (lambda: mnp.ravel_multi_index((1.5, 2), (2, 3)), "indices must be integers"),
        (lambda: mnp.choose(np.array([0.5]), [1, 2]), "must be integer typed, got float64"),
        (lambda: mnp.compress(np.ones(5, bool), X, 0), "entries that are out of bounds"),
        (lambda: mnp.put_along_axis(X, np.array([0]), 9, 1, inplace=False), "1 dimensions"),
    ],
)
def test_indices_that_do_not_fit_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_counting():
    same(mnp.bincount(Y), np.bincount(Y))
    same(ms.jit(lambda y: mnp.bincount(y, length=5))(Y), np.bincount(Y, minlength=5)[:5])
    same(mnp.unravel_index(np.array([5, 23]), (4, 6)), np.unravel_index([5, 23], (4, 6)))
    same(mnp.ravel_multi_index((np.array([1, 3]), np.array([2, 0])), (4, 6)),
         np.ravel_multi_index(([1, 3], [2, 0]), (4, 6)))  # fmt: skip


# --- sorting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, -1, None])
def test_sort(axis):
    both("sort", WITH_NAN, axis)
    same(mnp.argsort(WITH_NAN, axis), np.argsort(WITH_NAN, axis, kind="stable"))


def test_descending_sorts_are_stable():
    same(mnp.argsort(Y, descending=True), np.argsort(-Y, kind="stable"))
    same(mnp.sort(Y, descending=True), np.sort(Y)[::-1])


def test_lexsort():
    same(mnp.lexsort((Y, Y[::-1].copy())), np.lexsort((Y, Y[::-1])))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("size", [5, 64, 65, 200])
def test_searchsorted(side, size):
    a = np.sort(sample("float32", size))
    v = np.concatenate([sample("float32", 20, seed=1), a[:5], [np.nan]]).astype(np.float32)
    compiled("searchsorted", a, v, side)


@pytest.mark.parametrize("right", [False, True])
def test_digitize(right):
    edges = np.sort(X[0])
    compiled("digitize", X, edges, right)
    compiled("digitize", X, edges[::-1].copy(), right)


def test_unique():
    same(mnp.unique(Y, True, True, True), np.unique(Y, True, True, True))
    same(mnp.unique(WITH_NAN), np.unique(WITH_NAN))
    rows = sample("int32", 7, 2, low=0, high=1)
    same(mnp.unique(rows, axis=0), np.unique(rows, axis=0))
    same(mnp.unique(np.zeros((3, 0)), True, axis=0), np.unique(np.zeros((3, 0)), True, axis=0))
    found = ms.jit(lambda y: mnp.unique(y, size=6, fill_value=-1))(Y)
    known = np.unique(Y)
    same(found, np.concatenate([known, np.full(6 - len(known), -1)]))


@pytest.mark.parametrize("name", ["union1d", "intersect1d", "setdiff1d", "setxor1d", "isin"])
def test_sets(name):
    a, b = sample("int32", 7, low=0, high=8), sample("int32", 5, low=0, high=8, seed=1)
    want = getattr(np, name)(a, b)
    same(getattr(mnp, name)(a, b), want)
    if name != "isin":
        sized = ms.jit(lambda a, b: getattr(mnp, name)(a, b, size=12, fill_value=-1))(a, b)
        same(sized, np.concatenate([want, np.full(12 - len(want), -1)]))
        pad = 0 if name == "setdiff1d" else want[0]
        same(
            getattr(mnp, name)(a, b, size=12), np.concatenate([want, np.full(12 - len(want), pad)])
        )


def test_places_of_common_elements_are_padded_by_the_sizes():
    a, b = np.array([3, 1, 1]), np.array([1, 5, 2, 3])
    found = mnp.intersect1d(a, b, return_indices=True, size=3)
    same(found, (np.array([1, 3, 1]), np.array([1, 0, 3]), np.array([0, 3, 4])))


# --- statistics and calculus --------------------------------------------------------------------


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("axis", [None, 1, (0, 1)])
def test_quantile(method, axis):
    q = np.array([0.1, 0.5, 1.0], np.float32)
    compiled("quantile", X, q, axis, method=method, keepdims=True)
    compiled("nanquantile", WITH_NAN, np.float32(0.3), axis, method=method)


@pytest.mark.parametrize("call", [
    lambda np, y: np.percentile(y, 40), lambda np, y: np.nanpercentile(y, 33.3),
    lambda np, y: np.insert(y, 0, 0.1), lambda np, y: np.hstack([0.1, y]),
    lambda np, y: np.column_stack([0.1, y[0]]), lambda np, y: np.piecewise(y, [y < 9], [0.1]),
    lambda np, y: np.multiply.outer(0.1, y), lambda np, y: np.polyint(y, k=0.1),
])  # fmt: skip
@pytest.mark.parametrize("jit", [False, True])
def test_numbers_beside_doubles_keep_their_digits(call, jit):
    y = np.array([0.3, -1.7, 2.9])
    ours = ms.jit(lambda y: call(mnp, y)) if jit else lambda y: call(mnp, y)
    np.testing.assert_allclose(ours(y), call(np, y), rtol=1e-15)


def test_median():
    both("median", X, 1)
    both("median", WITH_NAN)
    both("percentile", X, 30.0)


def test_a_variance_has_the_dtype_asked_for():
    assert mnp.var(np.arange(3.0), dtype="complex64").dtype == np.complex64
    with pytest.raises(ValueError, match="must be inexact"):
        mnp.std(np.arange(3.0), dtype="int32")


def test_covariance():
    w, f = np.abs(X[0]), np.arange(1, 7)
    compiled("cov", X, tol=1e-4)
    compiled("cov", X, bias=True, tol=1e-4)
    compiled("cov", X, fweights=f, aweights=w, tol=1e-4)
    compiled("cov", X, X[::-1].copy(), rowvar=False, tol=1e-4)
    compiled("corrcoef", X, tol=1e-4)


@pytest.mark.parametrize("options", [{}, {"bins": 4}, {"range": (-1, 1)}, {"density": True}],
                         ids=str)  # fmt: skip
def test_histogram(options):
    counts, edges = np.histogram(X, **options)
    same(mnp.histogram(X, **options), (counts.astype(np.float32), edges), 1e-4)


def test_histogram_of_two_variables():
    same(mnp.histogram2d(X[0], X[1], 3), np.histogram2d(X[0], X[1], 3), 1e-5)
    bins = [np.array([-3.0, 0.0, 1.0, 3.0], np.float32), 4]  # edges of one, number of the other
    same(mnp.histogram2d(X[0], X[1], bins), np.histogram2d(X[0], X[1], bins), 1e-5)
    pair = [np.arange(-3.0, 4.0), np.arange(-3.0, 4.0)]
    same(mnp.histogramdd(X[:2].T, pair), np.histogramdd(X[:2].T, pair), 1e-5)


@pytest.mark.parametrize("weights", [None, np.array([1, 5, 0, 2])])
def test_counts_and_edges_are_floats(weights):
    counts, edges = mnp.histogram(np.array([1, 2, 2, 5]), np.array([0, 2, 4]), weights=weights)
    assert counts.dtype == edges.dtype == np.float32
    expected, _ = np.histogram(np.array([1, 2, 2, 5]), np.array([0, 2, 4]), weights=weights)
    np.testing.assert_array_equal(counts, expected)


def test_differences():
    for n in (0, 1, 2):
        compiled("diff", X, n, 0)
    compiled("diff", X, prepend=0.0)
    compiled("gradient", X)
    compiled("gradient", X, np.sort(np.abs(X[0])), axis=1, tol=1e-2)
    compiled("trapezoid", X, np.sort(X[0]), tol=1e-4)
    compiled("unwrap", np.abs(sample("float32", 12, low=0, high=20)), tol=1e-4)


def test_interp():
    xp = np.sort(sample("float32", 6))
    compiled("interp", sample("float32", 20, low=-5, high=5), xp, X[0], tol=1e-4)
    compiled("interp", sample("float32", 20, low=-5, high=5), xp, X[0], 7, 8, tol=1e-4)


def test_polynomials():
    p, q = X[0, :4], X[1, :2]
    both("polyval", p, X[2])
    for name in ("polyadd", "polysub", "polymul"):
        both(name, p, q, tol=1e-4)
    both("polyder", p, 2)
    both("polyint", p)
    same(mnp.polydiv(p, q)[0], np.polydiv(p, q)[0], 1e-3)
    both("polyfit", X[0], X[1], 2, tol=1e-3)
    found = np.sort_complex(np.asarray(mnp.roots(np.array([0.0, 1, -3, 2, 0]))))
    np.testing.assert_allclose(found, [0, 1, 2], atol=1e-12)
    got, want = mnp.poly(np.array([[2.0, 1], [1, 3]])), np.poly(np.array([[2.0, 1], [1, 3]]))
    np.testing.assert_allclose(np.asarray(got), want, atol=1e-12)


@pytest.mark.parametrize("order", ["big", "little"])
def test_bytes(order):
    bits = sample("int32", 3, 11, low=0, high=1)
    packed = np.packbits(bits, 1, order)
    compiled("packbits", bits, 1, order)
    compiled("unpackbits", packed, 1, 11, order)


# --- functions over arrays ------------------------------------------------------------------------


def test_vectorize():
    dot = mnp.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")
    same(dot(X, X), (X * X).sum(1), 1e-4)
    same(dot(X, X[0]), X @ X[0], 1e-4)
    same(mnp.vectorize(lambda a, b: a + b * 2)(X, 3.0), X + 6)
    with pytest.raises(ValueError, match="inconsistent size for core dimension"):
        dot(X, X[:, :3])


def test_functions_along_axes():
    def f(v):
        return v[:2] * v.sum()

    for axis in (0, 1):
        same(mnp.apply_along_axis(f, axis, X), np.apply_along_axis(f, axis, X), 1e-4)
    same(mnp.apply_over_axes(mnp.sum, X, (0, 1)), np.apply_over_axes(np.sum, X, (0, 1)), 1e-4)


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_reductions_by_logical_functions_are_booleans(name):
    fn, ref = getattr(mnp, name), getattr(np, name)
    x = np.array([[0.0, 2.0, 3.0], [4.0, 0.0, 0.5]], np.float32)
    for mine, theirs in (
        (fn.reduce(x, initial=3), ref.reduce(x, initial=3)),
        (fn.reduce(x, axis=1, where=x > 1), ref.reduce(x, axis=1, where=x > 1)),
        (fn.accumulate(x[:0]), ref.accumulate(x[:0])),
        (fn.accumulate(x, axis=1), ref.accumulate(x, axis=1)),
    ):
        assert mine.dtype == theirs.dtype == np.bool_
        np.testing.assert_array_equal(mine, theirs)


def test_ufunc_methods():
    for name in ("add", "multiply", "maximum", "subtract"):
        compiled(f"{name}.reduce", X, 1, tol=1e-4)
        compiled(f"{name}.accumulate", X, 1, tol=1e-4)
        compiled(f"{name}.outer", X[0], X[1])
    want = np.full(3, 2.0)
    np.power.at(want, [0, 0, 2], 3)
    same(mnp.power.at(mnp.full(3, 2.0), np.array([0, 0, 2]), 3, inplace=False), want)
    f = mnp.frompyfunc(lambda a, b: a * b + 1, 2, 1, identity=1)
    same(f.reduce(X[0]), functools.reduce(lambda a, b: a * b + 1, X[0], np.float32(1)), 1e-4)


IDENTITIES = ["positive", "abs", "sum", "prod", "max", "min", "mean", "ravel", "squeeze", "real",
              "imag", "conjugate", "round", "floor", "nan_to_num", "atleast_1d", "copy", "asarray",
              "array", "transpose", "clip", "trunc"]  # fmt: skip


@pytest.mark.parametrize("name", IDENTITIES)
def test_python_numbers_become_arrays(name):
    """Also where a function has nothing to do."""
    function = getattr(mnp, name)
    assert isinstance(function(1), ms.Array)
    assert isinstance(ms.jit(lambda: function(1))(), ms.Array)


def test_counts_of_short_floats_do_not_stop_growing():
    x = mnp.zeros(1000, "bfloat16")
    assert float(mnp.histogram(x, 1)[0][0]) == 1000
    assert float(mnp.histogram2d(x, x, 1)[0][0, 0]) == 1000
    counts = np.asarray(mnp.bincount(np.array([255, 1, 255], np.uint8)))
    assert (counts[1], counts[255], counts.size) == (1, 2, 256)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_polynomials_of_two_dtypes_promote_before_they_are_subtracted(dtype):
    one, two = np.array([1, 2], dtype), np.array([3, 0, 5], np.uint8)
    same(mnp.polysub(one, two), np.polysub(one, two))
    same(mnp.polyadd(one, two), np.polyadd(one, two))
    with pytest.raises(TypeError, match="takes vectors"):
        mnp.polysub(one, 3)


def test_slopes_inside_do_not_depend_on_the_sample_there():
    x = np.array([1.0, np.nan, 3.0, 4.0, np.inf, 0.0], np.float32)
    same(mnp.gradient(x), np.gradient(x))


@pytest.mark.parametrize(("observations", "ddof"), [(0, None), (1, None), (1, 3)])
def test_covariance_of_too_few_observations_is_nan(observations, ddof):
    assert mnp.isnan(mnp.cov(np.ones((2, observations), np.float32), ddof=ddof)).all()


@pytest.mark.parametrize("q", [0.5, np.float32([0.25, 0.5]), np.array(0.5)])
@pytest.mark.parametrize("name", ["quantile", "nanquantile", "percentile", "nanpercentile"])
def test_quantiles_have_the_dtype_of_the_elements(name, q):
    for dtype in ("float16", "bfloat16", "float64"):
        assert getattr(mnp, name)(mnp.array([1, 2, 4], dtype), q).dtype == mnp.dtype(dtype)
    assert getattr(mnp, name)(mnp.arange(3), q).dtype == np.float32


def test_unique_counts_complex_numbers_with_a_nan_in_either_part_once():
    nan = np.nan
    x = np.array(
        [complex(nan, 0), complex(0, nan), 1 + 1j, complex(nan, 1), complex(1, nan), 1 + 1j]
    )
    got, want = (m.unique(x, return_inverse=True, return_counts=True) for m in (mnp, np))
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)
    values, counts = mnp.unique(x, return_counts=True, equal_nan=False)
    assert counts.tolist() == [2, 1, 1, 1, 1]
    assert values[0] == 1 + 1j


SETS = [
    (np.array([3.0, np.nan, 1.0, np.nan, 3.0, 0.0]), np.array([1.0, np.nan, 7.0])),
    (np.array([3, 1, 2, 1, 5]), np.array([1, 7, 3, 3])),
    (np.array([1 + 1j, complex(0, np.nan), 1 + 1j, complex(np.nan, 1)]), np.array([1 + 1j, 2, 2])),
]


@pytest.mark.parametrize("name", ["intersect1d", "union1d", "setdiff1d", "setxor1d"])
@pytest.mark.parametrize("place", range(len(SETS)))
def test_sets_of_a_static_size(name, place):
    x, y = SETS[place]
    want = getattr(np, name)(x, y)
    np.testing.assert_array_equal(getattr(mnp, name)(x, y), want)
    padded = np.append(want, [9] * 9)
    for size in (1, 3, 8):
        f = functools.partial(getattr(mnp, name), size=size, fill_value=9)
        np.testing.assert_array_equal(f(x, y), padded[:size])
        np.testing.assert_array_equal(ms.jit(f)(x, y), padded[:size])


def test_unique_counts_what_a_static_size_leaves_over():
    x = np.array([3, 1, 2, 1, 5, 3])
    values, counts = np.unique(x, return_counts=True)
    for size in (0, 1, 2, 4, 6):
        got = mnp.unique(x, size=size, fill_value=-1, return_counts=True)
        np.testing.assert_array_equal(got[0], np.append(values, [-1] * 6)[:size])
        np.testing.assert_array_equal(got[1], np.append(counts, [0] * 6)[:size])


def test_lengths_below_zero_are_refused():
    with pytest.raises(TypeError, match="not be negative"):
        mnp.bincount(mnp.array([1, 2]), length=-1)
