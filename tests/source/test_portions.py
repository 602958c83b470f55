"""Parts of arrays of a size that data decide: what NumPy gives, and slopes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import StagingBoolError, StagingError

CASES: list[Any] = []
X = np.array([1.1, 2.5, 9.0, 4.2, -1.3])
Y = np.array([0.5, 2.1, 2.2, 5.3, 3.0])


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@case
def reductions(x, y, n):
    z = x[x > 1].mean() + np.max(x[x < 5]) + x[: n + 1].min() + x[n - 1 :].sum() + len(x[x > 1])
    z += np.median(x[:n]) + np.std(y[y > 1]) + np.var(x[:n]) + np.linalg.norm(y[:n])
    return z + (x[:n] > 1).sum() + np.any(y[:n] > 4) * x[0] + np.count_nonzero(y[:n])


@case
def functions_of_elements(x, y, n):
    z = np.log(x[x > 0]).sum() + np.sqrt(np.abs(x[:n])).prod() + np.clip(x[:n], 0, 2).sum()
    return z + np.where(x[:n] > 1, x[:n], 0).sum() + abs(-x[:n]).sum() + (2 / y[:n]).sum()


@case
def differences_and_products(x, y, n):
    z = (x[1:n] - x[: n - 1]).sum() + np.diff(y[:n]).max() + x[:n] @ y[:n]
    return z + np.cumsum(x[:n])[-1] + np.concatenate([x[:n], y[y > 2]]).sum()


@case
def elements(x, y, n):
    z = x[x > 0]
    found = z[0] + z[-1] + z[1] * 2 + np.sort(x[:n])[0] + np.argmax(y[:n]) * x[0]
    return found + x[::-1][:n].sum() + x[:n][::-1][0] + x[n - 1 :: -1].sum() + x[:n:2].sum()


@case
def parts_of_parts(x, y, n):
    z = x[x > 1][:2].sum() + x[:n][x[:n] > 1].sum() + y[x > 1].sum()
    return z + 2.0 * (x[0] in y[:n]) + 1.0 / x[:n].size + x[:n].shape[0]


@case
def loops(x, y, n):
    s = 0.0
    for v in x[:n]:
        s += v * v
    for i, v in enumerate(x[:n]):
        s += i * v
    for v in reversed(y[:n]):
        s = s * 0.5 + v
    return s + sum(a * b for a, b in zip(x[:n], y[:n])) + sum([v * v for v in y[:n]])  # noqa: B905


@case
def built_in_functions(x, y, n):
    return sum(x[:n]) + max(y[:n]) + min(x[x > 0]) + sorted(x[:n])[0]


@case
def stores(x, y, n):
    x = x.copy()
    x[x > 1] += 1
    x[x > 4] = x[x > 4] * 2
    x[:n] = y[:n] + x[:n]
    x[1:n] -= 0.5 * y[: n - 1]
    x[n - 1 :] *= y[n - 1 :]
    x[np.abs(x) > 50] = 0.25
    return (x * y).sum()


@case
def matrices(x, y, n):
    a = np.outer(x, y)
    z = a[:n, :n].sum() + a[n - 1, :n].max() + (a[:n, :n] @ x[:n]).sum()
    return z + a[x > 1].sum() + a[a > 2].sum() + a[:, x > 1].mean(axis=0).sum()


@case
def elimination_by_a_while(x, y, n):
    a = np.outer(x, y) + np.eye(5) * 9
    k = 0
    while k < n:
        a[k + 1 :, k:] -= np.outer(a[k + 1 :, k] / a[k, k], a[k, k:])
        k += 1
    return a[n - 1, n - 1]


@case
def in_branches_and_functions(x, y, n):
    def f(v):
        return (v**2).mean() if len(v) > 2 else v.sum()

    q = x[:n] * 2 if x[0] > 0.8 else x[:n] + 1
    return f(q) + f(y[y > 2])


POINTS = [(X, Y, 2), (Y + 0.01, X, 4), (X, Y, 5)]


@pytest.mark.parametrize("f", [
    pytest.param(f, marks=pytest.mark.slow) if i % 3 else f for i, f in enumerate(CASES)
])  # fmt: skip
def test_lanes_are_calls_with_their_slopes(f):
    xs, ys, ns = (np.stack(c) for c in zip(*POINTS, strict=True))
    values, slopes = ms.jit(ms.vmap(ms.value_and_grad(f)))(xs, ys, ns)
    steps = 1e-6 * np.eye(5)
    for k, (x, y, n) in enumerate(POINTS):
        np.testing.assert_allclose(values[k], f(x, y, n), rtol=1e-9)
        wanted = [(f(x + d, y, n) - f(x - d, y, n)) / 2e-6 for d in steps]
        np.testing.assert_allclose(slopes[k], wanted, rtol=1e-5, atol=1e-5)


def test_as_a_result_it_is_the_array():
    def f(x, n):
        return x[x > 2] * 2, {"first": x[:n]}

    found, rest = ms.jit(f)(X, 3)
    np.testing.assert_allclose(found, X[X > 2] * 2)
    np.testing.assert_allclose(rest["first"], X[:3])
    np.testing.assert_allclose(ms.vmap(lambda n: X[:n].sum())(np.arange(3)), [0, 1.1, 3.6])
    with pytest.raises(StagingError, match=r"MS102 .*arrays of different lengths"):
        ms.vmap(lambda n: X[:n])(np.arange(3))


@pytest.mark.parametrize(("f", "n"), [
    (lambda n: np.max(X[:n]), 0), (lambda n: X[:n] + Y[:2], 3), (lambda n: X[:n][3] * 1.0, 2),
    (lambda n: np.argmin(X[n < X]), 99),
])  # fmt: skip
def test_what_cannot_be_is_an_error_at_run_time(f, n):
    with pytest.raises((ValueError, IndexError)) as caught:
        f(n)
    jitted = ms.jit(f)
    jitted(4 if n == 2 else 2)
    with pytest.raises(caught.type):
        jitted(n)


def test_functions_of_ours_take_parts_under_their_own_names():
    """Also where the name of the module is known, so that nothing else is asked about the call."""
    x = np.array([1.0, -2.0, 3.0, -4.0, 5.0])

    def f(x, n):
        y = mnp.concatenate([x[x > 0], x[:n]])
        return mnp.std(x[x > 0]) + mnp.argmax(y) + mnp.sum(mnp.where(y > 2, 1, 0)), mnp.linalg.norm(
            y
        )

    def plain(x, n):
        y = np.concatenate([x[x > 0], x[:n]])
        return np.std(x[x > 0]) + np.argmax(y) + np.sum(np.where(y > 2, 1, 0)), np.linalg.norm(y)

    for n in (0, 2, 5):
        np.testing.assert_allclose(ms.jit(f)(x, n), plain(x, n), rtol=1e-6)


def test_what_has_to_know_the_size_says_so():
    x = np.arange(4.0)
    with pytest.raises(StagingBoolError, match=r"MS170 an array has a length .* `fft` needs"):
        ms.jit(lambda x: mnp.fft.fft(x[x > 1]))(x)
    with pytest.raises(StagingBoolError, match=r"MS170 an array has a length .* `scan` needs"):
        ms.jit(lambda x: ms.lax.scan(lambda c, v: (c + v, None), 0.0, x[x > 1])[0])(x)

    def scans(part):
        return ms.lax.scan(lambda c, v: (c + v, None), 0.0, part)[0]

    with pytest.raises(StagingBoolError, match="MS170 an array has a length that data decide"):
        ms.jit(lambda x: scans(x[x > 1]))(x)
