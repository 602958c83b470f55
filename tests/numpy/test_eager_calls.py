"""What eager calls, run as one compiled program each, take for their arguments."""

from __future__ import annotations

import typing

import numpy as np
import pytest

import ms_func as ms
from ms_func import numpy as mnp
from ms_func.numpy import fusion

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


def test_new_ends_of_linspace_need_no_new_program():
    mnp.linspace(0.0, 1.0, 7)
    before = len(fusion._programs)
    for stop in (2.0, 3, 0.5):
        np.testing.assert_allclose(mnp.linspace(0.0, stop, 7), np.linspace(0, stop, 7), rtol=1e-6)
    assert len(fusion._programs) == before
