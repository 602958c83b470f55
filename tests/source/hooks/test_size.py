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


def elif_python(x):
    if x > 2:
        y = mnp.sin(x)
    elif x > 1:
        y = mnp.cos(x)
    else:
        y = x * x
    return y


def elif_by_hand(x):
    return lax.cond(x > 2, mnp.sin, lambda x: lax.cond(x > 1, mnp.cos, lambda x: x * x, x), x)


def early_return_python(x):
    if x > 2:
        return mnp.sin(x)
    y = x * 2
    if y < 1:
        return y
    return mnp.cos(y)


def early_return_by_hand(x):
    def rest(x):
        y = x * 2
        return lax.cond(y < 1, lambda y: y, mnp.cos, y)

    return lax.cond(x > 2, mnp.sin, rest, x)


def continue_python(xs):
    s = 0.0
    for x in xs:
        if x < 3:
            continue
        s += mnp.sqrt(x)
    return s


def continue_by_hand(xs):
    def body(s, x):
        return lax.cond(x < 3, lambda: s, lambda: s + mnp.sqrt(x)), None

    return lax.scan(body, 0.0, xs)[0]


def nested_python(n, m, x):
    for i in range(n):
        for j in range(m):
            x = x * 0.5 + i * j
    return x


def nested_by_hand(n, m, x):
    return lax.fori_loop(0, n, lambda i, x: lax.fori_loop(0, m, lambda j, x: x * 0.5 + i * j, x), x)


def find_python(xs, y):
    found = -1
    for i, x in enumerate(xs):
        if x > y:
            found = i
            break
    return found


def find_by_hand(xs, y):
    def body(s):
        i, found, _ = s
        hit = xs[i] > y
        return i + 1, mnp.where(hit, i, found), hit

    return lax.while_loop(
        lambda s: mnp.logical_and(mnp.logical_not(s[2]), s[0] < 100), body, (0, -1, False)
    )[1]


def zip_python(xs, ys):
    s = 0.0
    for x, y in zip(xs, ys):  # noqa: B905
        s = s * 0.9 + x * y
    return s


def zip_by_hand(xs, ys):
    return lax.scan(lambda s, z: (s * 0.9 + z[0] * z[1], None), 0.0, (xs, ys))[0]


def ternary_python(x):
    return (mnp.sin(x) if x > 0 else mnp.cos(x)) + 1


def ternary_by_hand(x):
    return lax.cond(x > 0, mnp.sin, mnp.cos, x) + 1


def collatz_python(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def collatz_by_hand(n):
    def body(s):
        n, k = s
        return lax.cond(n % 2 == 0, lambda n: n // 2, lambda n: 3 * n + 1, n), k + 1

    return lax.while_loop(lambda s: s[0] != 1, body, (n, 0))[1]


def match_python(k, x):
    match k:
        case 0:
            y = mnp.sin(x)
        case 1:
            y = mnp.cos(x)
        case _:
            y = x
    return y


def match_by_hand(k, x):
    return lax.cond(k == 0, mnp.sin, lambda x: lax.cond(k == 1, mnp.cos, lambda x: x, x), x)


def dict_python(n, x):
    state = {"x": x, "v": 1.0}
    for _ in range(n):
        state["v"] -= 0.1 * state["x"]
        state["x"] += 0.1 * state["v"]
    return state["x"]


def dict_by_hand(n, x):
    def body(_, s):
        x, v = s
        v = v - 0.1 * x
        return x + 0.1 * v, v

    return lax.fori_loop(0, n, body, (x, 1.0))[0]


def while_else_python(n, d):
    while d * d <= n:
        if n % d == 0:
            r = d
            break
        d += 1
    else:
        r = n
    return r


def while_else_by_hand(n, d):
    def body(s):
        d, _ = s
        hit = n % d == 0
        return mnp.where(hit, d, d + 1), hit

    d, hit = lax.while_loop(
        lambda s: mnp.logical_and(mnp.logical_not(s[1]), s[0] * s[0] <= n), body, (d, False)
    )
    return mnp.where(hit, d, n)


def closure_python(x, n):
    def step(y):
        return mnp.sin(y) if y > 0 else y * 2

    while n > 0:
        x = step(x)
        n -= 1
    return x


def closure_by_hand(x, n):
    def body(s):
        x, n = s
        return lax.cond(x > 0, mnp.sin, lambda y: y * 2, x), n - 1

    return lax.while_loop(lambda s: s[1] > 0, body, (x, n))[0]


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
    (elif_python, elif_by_hand, (1.5,)),
    (early_return_python, early_return_by_hand, (0.3,)),
    (continue_python, continue_by_hand, (X,)),
    (nested_python, nested_by_hand, (3, 4, 1.0)),
    (find_python, find_by_hand, (X, 5.5)),
    (zip_python, zip_by_hand, (X, X)),
    (ternary_python, ternary_by_hand, (1.0,)),
    (collatz_python, collatz_by_hand, (27,)),
    (match_python, match_by_hand, (1, 2.0)),
    (dict_python, dict_by_hand, (5, 1.0)),
    (while_else_python, while_else_by_hand, (91, 2)),
    (closure_python, closure_by_hand, (1.0, 4)),
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


def counts(x):
    up = down = longest = run = where = code = 0
    for i in range(len(x)):
        if x[i] > x[where]:
            where = i
        if x[i] > 0:
            up, run = up + 1, run + 1
        else:
            down, run = down - 2, 0
        if run > longest:
            longest = run
        for j in range(20):
            if x[i] > x[j]:
                code = (code * 31 + j) % 1000
    return up, down, longest, where, code


def test_integers_that_data_decide_do_not_lay_a_loop_out():
    """Laid out, they would be traced from the first step on."""
    x = np.random.default_rng(0).standard_normal(300)
    jitted = ms.jit(counts)
    assert [int(v) for v in jitted(x)] == list(counts(x))
    assert jitted.lower(x).as_text().count("stablehlo.while") == 2


def product(a, b):
    out = np.zeros((len(a), len(a)))
    for i in range(len(a)):
        for j in range(len(a)):
            for k in range(len(a)):
                out[i, j] += a[i, k] * b[k, j]
    return out


def test_short_loops_inside_of_one_another_are_not_all_laid_out():
    """The program does not grow with the product of their lengths."""
    sizes = {}
    for n in (6, 16):
        a, b = np.random.default_rng(n).uniform(1.0, 9.0, (2, n, n))
        lowered = ms.jit(product).lower(a, b)
        sizes[n] = lowered.as_text().count("\n")
        if n == 6:
            np.testing.assert_allclose(lowered.compile()(a, b), a @ b)
    assert sizes[16] < 3 * sizes[6]
