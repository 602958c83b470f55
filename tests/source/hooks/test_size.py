"""Compiled Python control flow is as small as what an expert writes by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax

X = np.arange(100, dtype=np.float32)


def if_python(x):
    if x > 0:
        y = mnp.sin(x) * 2
    else:
        y = mnp.cos(x) - 1
    return y + 1


def if_by_hand(x):
    return lax.cond(x > 0, lambda: mnp.sin(x) * 2, lambda: mnp.cos(x) - 1) + 1


def while_python(a):
    x, n = a, 0
    while abs(x * x - a) > 1e-6:
        x = 0.5 * (x + a / x)
        n += 1
    return x, n


def while_by_hand(a):
    return lax.while_loop(
        lambda s: mnp.abs(s[0] * s[0] - a) > 1e-6,
        lambda s: (0.5 * (s[0] + a / s[0]), s[1] + 1),
        (a, 0),
    )


def range_python(n, xs):
    s = 0.0
    for i in range(n):
        s = s + mnp.sin(xs[i])
    return s


def range_by_hand(n, xs):
    return lax.fori_loop(0, n, lambda i, s: s + mnp.sin(xs[i]), 0.0)


def long_python(xs):
    s = 0.0
    for i in range(100):
        s = s + mnp.sin(xs[i]) * i
    return s


def long_by_hand(xs):
    return lax.fori_loop(0, 100, lambda i, s: s + mnp.sin(xs[i]) * i, 0.0)


def rows_python(xs):
    s = 0.0
    for x in xs:
        s = s * 0.5 + mnp.tanh(x)
    return s


def rows_by_hand(xs):
    return lax.scan(lambda s, x: (s * 0.5 + mnp.tanh(x), None), 0.0, xs)[0]


def break_python(x):
    while True:
        x = x * 2
        if x > 100:
            break
    return x


def break_by_hand(x):
    def body(s):
        x = s[0] * 2
        return x, x > 100

    return lax.while_loop(lambda s: mnp.logical_not(s[1]), body, (x, False))[0]


def store_python(xs, n):
    out = mnp.zeros(100)
    for i in range(n):
        out[i] = xs[i] * 2
    return out


def store_by_hand(xs, n):
    return lax.fori_loop(0, n, lambda i, out: out.at[i].set(xs[i] * 2), mnp.zeros(100))


def and_python(x, n):
    while x < 100 and n > 0:
        x, n = x * 2, n - 1
    return x


def and_by_hand(x, n):
    return lax.while_loop(
        lambda s: mnp.logical_and(s[0] < 100, s[1] > 0), lambda s: (s[0] * 2, s[1] - 1), (x, n)
    )[0]


def operations(f, args):
    text = ms.jit(f).lower(*args).as_text()
    return len(re.findall(r"stablehlo\.(?!return|constant)", text))


CASES = [
    (if_python, if_by_hand, (1.0,)),
    (while_python, while_by_hand, (2.0,)),
    (range_python, range_by_hand, (3, X)),
    (long_python, long_by_hand, (X,)),
    (rows_python, rows_by_hand, (X,)),
    (break_python, break_by_hand, (3.0,)),
    (store_python, store_by_hand, (X, 3)),
    (and_python, and_by_hand, (3.0, 4)),
]


@pytest.mark.parametrize(("python", "hand", "args"), CASES)
def test_as_many_operations_as_by_hand(python, hand, args):
    for a, b in zip(
        ms.tree.leaves(ms.jit(python)(*args)), ms.tree.leaves(ms.jit(hand)(*args)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert operations(python, args) <= 1.1 * operations(hand, args)


def test_a_loop_that_python_knows_is_laid_out_up_to_the_limit():
    def f(x, n):
        for _ in range(n):
            x = mnp.sin(x)
        return x

    def sines(n):
        text = ms.jit(lambda x: f(x, n)).lower(1.0).as_text()
        return text.count("stablehlo.sine"), text.count("stablehlo.while")

    assert sines(16) == (16, 0)
    assert sines(17) == (1, 1)
    with ms.config.unroll_limit(4):
        assert sines(5) == (1, 1)


def test_known_integers_stay_known_after_a_long_loop():
    def f(x):
        count = 0
        for i in range(50):
            x = x + i
            count += 2
        return x, mnp.zeros(count).shape[0]

    x, n = ms.jit(f)(0.0)
    assert (float(x), int(n)) == (sum(range(50)), 100)


def test_integers_that_would_overflow_are_python_s():
    def f(x):
        seed = 1
        for _ in range(40):
            seed = (seed * 1103515245 + 12345) % (2**31 - 1)
            x = x + seed % 7
        return x

    assert float(ms.jit(f)(0.0)) == f(0.0)
