"""Parts of arrays are views: what is stored to one is stored to the other, as in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms

CASES = []


def case(f):
    """Enter a function of an array of shape [2, 3] and an integer into the table."""
    CASES.append(f)
    return f


@case
def row(x, n):
    a = np.zeros((2, 3))
    top = a[0]
    top[n] = x[0, 1]
    return a


@case
def row_of_an_argument(x, n):
    y = x[1]
    y[n] = 7.0
    return x


@case
def array_behind_its_part(x, n):
    a = x * 1.0
    inner = a[:, 1:]
    a[0, n] = 5.0
    return inner


@case
def part_in_place(x, n):
    a = np.zeros(6)
    a[:] = x.ravel()
    b = a[1:3]
    b += n
    return a, b


@case
def reshaped(x, n):
    a = np.zeros((2, 3))
    a.ravel()[n] = x[0, 1]
    np.reshape(a, (3, 2))[2, 1] += x[1, 1]
    return a


@case
def rows_of_a_loop(x, n):
    a = np.zeros((2, 3))
    for k, r in enumerate(a):
        r[n] = x[k, 1]
    for r in a:
        r[0] = x[1, n]
    return a


@case
def part_of_a_part_in_a_branch(x, n):
    a = np.zeros((2, 3))
    b = a[:, 1:]
    c = b[1]
    if n > 0:
        c[n - 1] = x[0, 2]
    else:
        a[1] = 7.0
    return a, b, c


@case
def part_in_a_loop(x, n):
    u = np.zeros(7)
    inner = u[1:-1]
    inner[:] = x.ravel()[:5]
    for _ in range(n):
        inner += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u, inner


@case
def part_given_to_a_function(x, n):
    def fill(r, v):
        for k in range(len(r)):
            r[k] = v * k

    a = np.zeros((3, 3))
    for i in range(n):
        fill(a[i], x[0, i])
    a[n][n] = 9.0
    return a


@case
def elimination(x, n):
    a = np.array([[4.0, 1.0, 2.0], x[0] + 9.0, x[1] * n])
    for i in range(2):
        p = a[i]
        p /= p[i].copy()
        for j in range(3):
            if j != i:
                r = a[j]
                r -= r[i].copy() * p
    return a


POINTS = [(np.arange(6.0).reshape(2, 3) + 1, n) for n in (1, 2, 0)]


def close(got, wanted):
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-6)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_value_is_that_of_numpy(f):
    jitted = ms.jit(f)
    for x, n in POINTS:
        close(jitted(x, n), f(x.copy(), n))


@pytest.mark.parametrize("f", CASES[::3], ids=lambda f: f.__name__)
def test_lanes_are_calls(f):
    xs, ns = (np.stack(c) for c in zip(*POINTS, strict=True))
    got = ms.vmap(f)(xs, ns)
    for k, (x, n) in enumerate(POINTS):
        close(ms.tree.map(lambda v, k=k: v[k], got), f(x.copy(), n))


def test_derivative_goes_through_views():
    slope = ms.jit(ms.grad(lambda x: (part_in_a_loop(x, 2)[0] ** 2).sum()))
    x, h = POINTS[0][0], 1e-6
    steps = h * np.eye(6).reshape(6, 2, 3)
    plain = lambda v: float((part_in_a_loop(v, 2)[0] ** 2).sum())  # noqa: E731
    want = [(plain(x + d) - plain(x - d)) / (2 * h) for d in steps]
    np.testing.assert_allclose(slope(x), np.reshape(want, (2, 3)), rtol=1e-5, atol=1e-5)


def test_copies_are_no_views():
    def f(x, n):
        row, chosen = x[0].copy(), x[[1, 0]]
        row[n] = 9.0
        chosen[n] = 8.0
        return x

    close(ms.jit(f)(*POINTS[0]), POINTS[0][0])
