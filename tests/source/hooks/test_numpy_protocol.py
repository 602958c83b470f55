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


def filled(x):
    y, z = np.zeros(4), np.full(4, 7.0)
    for i in range(3):
        y[i] = x[i] * 2
    y += 1
    if x[0] > 0.5:
        z[0] = 1.0
    return y.sum() + z.max() * z[0]


def given_out(x):
    y, z = np.empty_like(x), np.zeros(3)
    np.multiply(x, 2, out=y)
    np.add(y, x, y)
    np.exp(x, out=z, where=x > 0.5)
    return (y * z).sum() + np.sum(x, out=np.array(0.0))


def changed_by_functions(x):
    y, z, m = np.zeros(3), np.ones(3), np.zeros((3, 3))
    np.add.at(y, [0, 0, 1], x)
    np.copyto(z, x, where=x > 0.5)
    np.fill_diagonal(m, x)
    np.putmask(y, y > 1, x[1:])
    return (m @ z) @ y


def of_lists(x):
    a, b, c = x
    rows = [np.array([a, b, 1.0]), np.asarray([c, b, a])]
    return np.dot(*rows) + np.mean([a, b]) + np.max([[a, b], [c, 0.0]]) + np.linalg.norm([a, b])


class Table:
    def __init__(self, n):
        self.cells = np.zeros(n)
        self.order = np.arange(n)[::-1]

    def put(self, i, v):
        self.cells[self.order[i]] += v


def table(x):
    t = Table(3)
    names = ["a", "b", "c"]
    found = {}
    for i in range(3):
        t.put(i, x[i])
        found[names[t.order[i]]] = t.cells[i]  # NumPy's integers stay known
    return found["a"] * 2 + t.cells @ x


FILLING = [filled, given_out, changed_by_functions, of_lists, table]


@pytest.mark.parametrize("f", FILLING)
@pytest.mark.parametrize("x", [np.array([0.3, 0.9, 1.7]), np.array([1.2, 0.4, -0.6])])
def test_arrays_of_numpy_may_be_given_traced_values(f, x):
    np.testing.assert_allclose(ms.jit(f)(x), f(x), rtol=1e-12)
    np.testing.assert_allclose(ms.vmap(f)(np.stack([x, -x])), [f(x), f(-x)], rtol=1e-12)
    steps = 1e-6 * np.eye(3)
    slopes = [(f(x + d) - f(x - d)) / 2e-6 for d in steps]
    np.testing.assert_allclose(ms.jit(ms.grad(f))(x), slopes, rtol=1e-6)


def test_what_a_function_stored_before_it_was_recorded_anew_is_taken_back():
    seen = []

    def f(x):
        seen.append(1)
        y = np.zeros(2)
        y[0] = x
        return y

    ms.jit(f)(1.0)
    assert seen == [1]


def test_arrays_with_values_still_answer_with_numpy_arrays():
    assert type(np.sin(ms.numpy.ones(2))) is np.ndarray


LISTS = [
    lambda a, x: np.add(a, [1, 2, 3]),
    lambda a, x: np.interp(x, [0, 1, 2], [1.0, 2.0, 5.0]),
    lambda a, x: np.where(a > 1, [1, 2, 3], 0) + np.clip(a, [0, 0, 0], [1, 1, 1]),
    lambda a, x: np.dot(a, [1, 2, 3]) * np.searchsorted([0, 1, 2], x),
    lambda a, x: np.isin(np.digitize(a, [0, 1, 2]), [1, 3]),
    lambda a, x: np.append(a, [1, x]),
    lambda a, x: np.stack([a, [1, 2, x]]) + np.polyval([1, 2, 3], x),
    lambda a, x: np.outer(a, [1, 2]) + np.power([1.0, 2.0], x),
    lambda a, x: np.tile(np.reshape(a, [3, 1]), [2, 1]) + np.percentile(a, [25, 75]),
    lambda a, x: np.select([a > 1, a > 0], [a, [1, 2, 3]], 0) + np.average(a, weights=[1, x, 2]),
]


@pytest.mark.parametrize("f", LISTS)
def test_lists_given_to_numpy_are_arrays(f):
    a, x = np.array([0.5, 1.5, 2.5]), np.float64(1.25)
    np.testing.assert_allclose(ms.jit(f)(a, x), f(a, x), rtol=1e-12)
    if f in LISTS[:5]:  # the elements of a list NumPy asks itself, unless the call is converted
        np.testing.assert_allclose(ms.jit(f, convert=False)(a, x), f(a, x), rtol=1e-12)
    lanes = ms.vmap(f, (None, 0))(a, np.array([1.25, 0.5]))
    np.testing.assert_allclose(lanes, [f(a, y) for y in (1.25, 0.5)], rtol=1e-12)
