# ruff: noqa: E731
"""NumPy's own functions on traced values."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms

_X = np.array([[0.5, 1.5], [2.5, -3.5]])

CASES = [
    lambda x: np.sin(x) * np.exp(x) + np.maximum(x, 0.1),
    lambda x: np.array([1.0, 2.0]) + x - np.float64(3) * x,
    lambda x: np.where(x > 0, x, -x),
    lambda x: np.concatenate([x, x[::-1]]),
    lambda x: np.sum(x, axis=0) + np.mean(x),
    lambda x: np.linalg.norm(x),
    lambda x: np.dot(x, x) @ np.transpose(x),
    lambda x: np.add.reduce(x, axis=0),
    lambda x: np.clip(x, -1, 1),
    lambda x: np.linalg.solve(x, np.ones(2)),
    lambda x: np.arange(4.0).reshape(2, 2) / x,
    lambda x: np.isfinite(x) & (np.abs(x) < 3),
]


@pytest.mark.parametrize("f", CASES)
def test_functions_of_numpy_are_recorded(f):
    got = ms.jit(f)(_X)
    assert got.dtype == f(_X).dtype
    np.testing.assert_allclose(got, f(_X), rtol=1e-12)


def test_they_have_derivatives_and_batches():
    f = lambda x: np.sin(x) * np.sum(x)
    g = ms.grad(lambda x: np.sum(np.sin(x)))
    np.testing.assert_allclose(ms.jit(g)(_X), np.cos(_X))
    np.testing.assert_allclose(ms.vmap(f)(_X), np.stack([f(x) for x in _X]))


def test_what_has_no_counterpart_is_an_error():
    with pytest.raises(ms.errors.TracerArrayConversionError, match=r"numpy\.busday_count"):
        ms.jit(lambda x: np.busday_count(x, x))(1)
    with pytest.raises(ms.errors.TracerArrayConversionError):
        ms.jit(lambda x: np.sin(x, out=np.zeros(2)))(_X[0])


def test_arrays_with_values_still_answer_with_numpy_arrays():
    assert type(np.sin(ms.numpy.ones(2))) is np.ndarray
