"""What eager calls, run as one compiled program each, take for their arguments."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import scipy.special

import ms_func as ms
from ms_func import numpy as mnp
from ms_func.execution import program_cache

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("name", ["sum", "max", "mean", "any", "var", "average"])
def test_reductions(name):
    both = tuple(mnp.arange(2))
    for axis, plain in ((both, (0, 1)), (both[1], 1)):
        ours = getattr(mnp, name)(mnp.asarray(X), axis=axis)
        np.testing.assert_allclose(ours, getattr(np, name)(X, axis=plain), rtol=1e-6)


def test_under_jit_they_are_refused():
    with pytest.raises(ms.errors.ConcretizationTypeError):
        ms.jit(lambda x, axis: mnp.sum(x, axis=axis))(X, 1)


def test_softmax():
    p = ms.nn.softmax(mnp.asarray(X), axis=mnp.asarray(1))
    np.testing.assert_allclose(np.sum(p, axis=1), np.ones((2, 4)), rtol=1e-6)


class Pair(typing.NamedTuple):
    """Two arrays."""

    total: typing.Any
    product: typing.Any


def test_associative_scan_keeps_the_structure_it_was_given():
    xs = np.arange(1, 6, dtype=np.float32)
    found = ms.lax.associative_scan(
        lambda a, b: (a.total + b.total, a.product * b.product), Pair(xs, xs)
    )
    assert isinstance(found, Pair)
    assert np.array_equal(found.total, np.cumsum(xs))
    assert np.array_equal(found.product, np.cumprod(xs))
    with pytest.raises(ValueError, match="fn returned"):
        ms.lax.associative_scan(lambda a, b: a.total + b.total, Pair(xs, xs))


def test_bounds_of_one_element_give_their_shape():
    key = ms.random.key(0)
    assert ms.random.uniform(key, (), minval=np.zeros((1, 1))).shape == (1, 1)
    with pytest.raises(ValueError, match="broadcast"):
        ms.random.uniform(key, (), minval=np.zeros(2))


def test_shape_of_none_is_that_of_numpy():
    with pytest.warns(DeprecationWarning, match="None"):
        assert mnp.shape(None) == np.shape(None) == ()
    with pytest.warns(DeprecationWarning, match="None"):
        assert mnp.size(None) == np.size(None)


@pytest.mark.parametrize("stop", [5, 5.0, np.int16(7)])
def test_arange_with_a_step_and_one_bound(stop):
    for step in (1, 2, -1):
        assert np.array_equal(mnp.arange(stop, step=step), np.arange(stop, step=step))
        assert np.array_equal(mnp.arange(stop, None, step), np.arange(0, stop, step))


V = np.linspace(0.1, 1.6, 16, dtype=np.float32)
CALLS = {
    "clip": lambda xp, x, t: xp.clip(x, -t, t),
    "hypot": lambda xp, x, t: xp.hypot(x, t),
    "interp": lambda xp, x, t: xp.interp(t, x, x * x),
    "isclose": lambda xp, x, t: xp.isclose(x, x + 0.5, rtol=t),
    "linspace": lambda xp, x, t: xp.linspace(0.0, t, 7),
    "logspace": lambda xp, x, t: xp.logspace(0.0, t, 7),
    "operator": lambda xp, x, t: t - x,
    "quantile": lambda xp, x, t: xp.quantile(x, t),
    "roll": lambda xp, x, t: xp.roll(x, int(100 * t)),
    "std": lambda xp, x, t: xp.std(x, ddof=t),
    "sum": lambda xp, x, t: xp.sum(x, initial=t),
    "take": lambda xp, x, t: xp.take(x, int(16 * t)),
    "where": lambda xp, x, t: xp.where(x > t, x, t),
}


@pytest.mark.parametrize("name", CALLS)
def test_new_numbers_need_no_new_program(name):
    call, x = CALLS[name], mnp.asarray(V)
    call(mnp, x, 0.75)
    before = len(program_cache._programs)
    for t in (0.25, 0.5, 0.98):
        np.testing.assert_allclose(call(mnp, x, t), call(np, V, t), rtol=2e-6)
    assert len(program_cache._programs) == before


def test_numbers_beside_doubles_keep_their_digits():
    x = np.arange(5) / 7
    for name in ("clip", "hypot", "interp", "operator", "quantile", "sum", "where"):
        found = CALLS[name](mnp, mnp.asarray(x), 0.1)
        want = CALLS[name](np, x, 0.1)
        assert found.dtype == want.dtype
        np.testing.assert_allclose(found, want, rtol=1e-14)
    found = mnp.linspace(0.1, 0.7, 4, dtype="float64")
    np.testing.assert_allclose(found, np.linspace(0.1, 0.7, 4), rtol=1e-15)


@pytest.mark.parametrize(
    "call",
    [
        lambda u: u + 300,
        lambda u: mnp.add(-1, u),
        lambda u: mnp.clip(u, 0, 300),
        lambda u: mnp.where(u > 1, u, 300),
        lambda u: mnp.add(np.asarray(u), 300),
        lambda u: u.astype(np.int32) * 2**31,
    ],
)
def test_integers_that_do_not_fit(call):
    u = mnp.asarray([1, 2, 250], np.uint8)
    for _ in range(2):  # the second call finds the program of the first
        with pytest.raises(OverflowError):
            call(u)


def test_numbers_of_the_other_byte_order():
    for dtype in (">f4", ">i2", ">c8"):
        x = np.arange(4).astype(dtype)
        for call in (lambda v: mnp.add(v, 1), ms.jit(lambda v: v + 1)):
            assert np.array_equal(call(x), x + 1)
            assert np.array_equal(call(x), x + 1)
        assert np.array_equal(mnp.asarray(x), x)
        assert mnp.zeros(2, dtype).dtype.isnative


def test_random_integers_of_all_bits():
    drawn = ms.random.randint(ms.random.key(0), (200,), 0, 2**32, np.uint32)
    assert drawn.min() < 2**28
    assert drawn.max() > 15 * 2**28


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_large_integers_beside_dtypes_that_hold_them(dtype):
    x, n = np.array([1, 5, 7], dtype), 2**40 + 1
    for call in (lambda v: v // n, lambda v: n // v, lambda v: v % n, lambda v: n % v):
        np.testing.assert_allclose(call(mnp.asarray(x)), call(x), rtol=2e-7)
    if dtype == "int64":
        assert np.array_equal(n >> mnp.asarray(x), n >> x)


def test_softmax_of_scipy_spans_all_dimensions():
    special = ms.scipy.special
    for name in ("softmax", "log_softmax"):
        for axis in (None, 1, (0, 2)):
            want = getattr(scipy.special, name)(X / 9, axis)
            np.testing.assert_allclose(getattr(special, name)(X / 9, axis), want, rtol=2e-5)


def test_defaults_of_double_width():
    """With `x64`, as in JAX: indices and sums of integers; what 32-bit integers become."""
    x, i = mnp.asarray([3.0, 1.0, 2.0]), mnp.asarray([2, 1, 0], np.int32)
    with ms.config.x64(True):
        wide = [
            mnp.sum(i), mnp.argmax(x), mnp.argsort(x), mnp.nonzero(x)[0], mnp.count_nonzero(x),
            mnp.nonzero(x, size=2)[0], mnp.unique(x, return_inverse=True)[1], mnp.bincount(i),
            mnp.tril_indices(2)[0], mnp.linalg.matrix_rank(mnp.eye(2)),
        ]  # fmt: skip
        assert {v.dtype.name for v in wide} == {"int64"}
        assert {v.dtype.name for v in (mnp.sin(i), mnp.mean(i), mnp.median(i), i / 2)} == {
            "float32"
        }
        assert mnp.sin(mnp.arange(3)).dtype == mnp.sin(1).dtype == (i * 0.5).dtype == np.float64
        assert ms.nn.one_hot(i, 3).dtype == mnp.fft.fftfreq(3).dtype == np.float64
        assert ms.random.bits(ms.random.key(0)).dtype == np.uint64


def test_linspace_of_booleans():
    assert mnp.linspace(0, 1, 3, dtype=bool).tolist() == np.linspace(0, 1, 3, dtype=bool).tolist()


@pytest.mark.parametrize("name", ["clip", "operator", "roll", "std", "where"])
def test_numbers_beside_arrays_on_several_devices(name):
    mesh = ms.make_mesh((len(ms.devices()),), ("i",))
    spread = ms.sharding.NamedSharding(mesh, ms.sharding.PartitionSpec("i"))
    call, x = CALLS[name], ms.device_put(V, spread)
    for t in (0.25, 0.5, 0.98):
        np.testing.assert_allclose(call(mnp, x, t), call(np, V, t), rtol=2e-6)
    double = ms.jit(lambda x, t: x * t)
    assert np.array_equal(double(x, 2.0), 2 * V)
    assert np.array_equal(double(x, 3.0), 3 * V)


def test_numbers_that_come_again_are_what_they_were():
    """A number beside arrays is kept once it was seen: with its sign, class and dtype."""
    x = mnp.asarray([1.0, -2.0])
    doubles, weak, whole = mnp.asarray(np.asarray([1.0, 3.0])), mnp.asarray(2.0), x.astype(int)
    for _ in range(4):
        for zero in (0.0, -0.0):
            assert np.array_equal(mnp.copysign(x, zero), np.copysign([1, 2], zero))
        assert (doubles * 0.1).dtype == np.float64
        assert np.array_equal(doubles * 0.1, np.asarray([1.0, 3.0]) * 0.1)
        assert (weak + 1.0).weak_type
        assert (whole + 1.0).dtype == np.float32
        assert (whole + 1).dtype == np.int32
        assert mnp.where(x > 1, x, 1).dtype == np.float32
        with ms.config.x64(True):
            assert (weak + 1.0).dtype == np.float64
            assert (whole + 1.0).dtype == np.float64


def test_numbers_that_come_again_take_no_program_of_their_own():
    x = mnp.arange(7.0)
    for f in (lambda: x * 2.0, lambda: x + 3, lambda: mnp.clip(x, -1, 1), lambda: 1.5 - x):
        f()
        found = len(program_cache._programs)
        for _ in range(3):
            f()
        assert len(program_cache._programs) == found


def test_powers_of_ten_have_whole_logarithms():
    with ms.config.x64(True):
        powers = [1, 10, 100, 1000, 10000]
        np.testing.assert_array_equal(mnp.log10(mnp.asarray(powers)), [0, 1, 2, 3, 4])
        np.testing.assert_array_equal(mnp.geomspace(1, 10000, 5), powers)
    ends = np.asarray([[1.0, 2.0], [4.0, 3.0]], np.float32)
    found = mnp.geomspace(*ends, 3, axis=1)
    np.testing.assert_allclose(found, np.geomspace(*ends, 3, axis=1), rtol=1e-6)


def test_a_traced_bound_of_arange_beside_numbers_is_named():
    with pytest.raises(ms.errors.ConcretizationTypeError, match="arange argument 'step'"):
        ms.jit(lambda step: mnp.arange(2.5, 1, step))(1)


@pytest.mark.parametrize("function", [mnp.array_str, mnp.array_repr, np.array_str])
def test_functions_taken_over_from_numpy_say_what_traced_values_lack(function):
    with pytest.raises(ms.errors.TracerArrayConversionError, match=function.__name__):
        ms.jit(lambda x: (function(x), x)[1])(1.0)
