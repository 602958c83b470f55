"""Ordinary Python functions on numbers, which must mean the same compiled, batched and run."""

from __future__ import annotations

import math

import ms_func.numpy as mnp


def newton(a):
    x, n = a, 0
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
        n += 1
    return x, n


def collatz(n):
    k = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        k += 1
    return k


def early_return(x):
    if x > 0:
        return x * 2
    if x < -10:
        return x * 3
    y = x + 1
    return y


def break_continue_else(xs):
    s = 0.0
    for i in range(10):
        if xs[i] < 0:
            break
        if xs[i] > 5:
            continue
        s += xs[i]
    else:
        s = s + 100.0
    return s


def first_above(xs, t):
    for i in range(len(xs)):
        if xs[i] > t:
            return i
    return -1


def nested_loops(xs):
    s = 0.0
    for i in range(30):
        for j in range(20):
            if xs[i % 10] > j:
                s = s + i * j
    return s


def endless_with_break(x):
    n = 0
    while True:
        x = x / 2
        n += 1
        if x < 1:
            break
        if n > 50:
            return -1.0, n
    return x, n


def while_else(x):
    n = 0
    while x > 1:
        x = x / 2
        n += 1
        if n > 3:
            break
    else:
        return x, n * 10
    return x, n


def list_of_branches(xs):
    out = []
    for i in range(5):
        if xs[i] > 0:
            out.append(xs[i])
        else:
            out.append(-xs[i] * 2)
    return out


class Counter:
    def __init__(self, value):
        self.value = value
        self.n = 0

    def bump(self, d):
        if d > 0:
            self.value += d
            self.n += 1
        else:
            self.value -= 2 * d


def object_state(x):
    p = Counter(x)
    for i in range(20):
        p.bump(x - i)
    return p.value, p.n


def choice_of_functions(x):
    g = math.sin if x > 0 else math.cos
    h = (lambda v: v * 2) if x > 1 else (lambda v: v + x)
    return g(x) + h(x)


def folds(x, y, z):
    return (
        max(x, y, z), min(x, y), max([x, y], key=lambda v: -v), sum([x, y, z]), abs(x),
        any([x > 0, y > 0]), all([x > 0, y > 0]),
    )  # fmt: skip


def logic(x, y):
    r = 0
    if (x > 0 and y > 0) or not x < 5:
        r = 1
    if 0 < x < 10:
        r += 2
    return r, x or y, x and y


def zipped(xs, ys):
    s = 0.0
    for i, (a, b) in enumerate(zip(xs, ys)):  # noqa: B905
        if a > b:
            s += a * i
        else:
            s -= b
    return s


def traced_range(n, x):
    s = x
    for i in range(n):
        s = s * 1.5 + i
    return s


def range_of_three(start, stop, step):
    t = 0
    for i in range(start, stop, step):
        t += i
    return t


def keys_of_text(x):
    params = {f"w{i}": x * i for i in range(20)}
    s = 0.0
    for i in range(20):
        s = s + params[f"w{i}"]
    return s


def maybe_unbound(x):
    if x > 0:
        y = x
    if x > 0:
        return y
    return -x


def matched(x, k):
    match k:
        case 0:
            return x
        case 1 | 2:
            return x * 2
        case _:
            return -x


def nonlocal_counter(x):
    c = 0

    def inc(d):
        nonlocal c
        if d > 0:
            c += 1

    for i in range(5):
        inc(x - i)
    return c


def late_binding(x):
    a = x
    f = math.sin
    if x > 0:
        f = lambda t: t + a
        a = a * 3
    a = a + 1
    return f(x)


def in_place(xs):
    y = mnp.zeros(xs.shape, xs.dtype)
    for i in range(xs.shape[0]):
        y[i] = xs[i] * xs[i] if xs[i] > 0 else math.exp(xs[i])
    return y


def bisect(lo, hi):
    f = lambda x: x**3 - x - 2
    while hi - lo > 1e-6:
        mid = (lo + hi) / 2
        if f(mid) * f(lo) > 0:
            lo = mid
        else:
            hi = mid
    return lo


# --- recursion --------------------------------------------------------------------------------


def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


def gcd(a, b):
    if b == 0:
        return a
    return gcd(b, a % b)


def power(x, n):
    if n == 0:
        return 1.0
    h = power(x, n // 2)
    return h * h * x if n % 2 else h * h


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def is_even(n):
    if n == 0:
        return True
    return is_odd(n - 1)


def is_odd(n):
    if n == 0:
        return False
    return is_even(n - 1)


def bounded_depth(x, d):
    if x > 0 and d > 0:
        return bounded_depth(x - 1, d - 1) + x
    return x


def evaluate_tree(kinds, left, right, values, i):
    if left[i] < 0:
        return values[i]
    a = evaluate_tree(kinds, left, right, values, left[i])
    b = evaluate_tree(kinds, left, right, values, right[i])
    return a + b if kinds[i] == 0 else a * b


def simpson(f, a, b):
    return (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b))


def quadrature(f, a, b, tol):
    m = (a + b) / 2
    whole, l, r = simpson(f, a, b), simpson(f, a, m), simpson(f, m, b)
    if abs(l + r - whole) < 15 * tol:
        return l + r + (l + r - whole) / 15
    return quadrature(f, a, m, tol / 2) + quadrature(f, m, b, tol / 2)


def gaussian_integral(k):
    return quadrature(lambda x: math.exp(-k * x * x), 0.0 * k, 2.0 + 0 * k, 1e-7)


# --- larger programs --------------------------------------------------------------------------


def dormand_prince(k, y, t_end):
    """Adaptive integration of y' = -k y + sin t with the 5(4) pair of Dormand and Prince (1980)."""

    def slope(t, y):
        return -k * y + math.sin(t)

    t, h = 0.0 * t_end, 0.1 + 0 * t_end
    while t < t_end:
        h = min(h, t_end - t)
        k1 = slope(t, y)
        k2 = slope(t + h / 5, y + h * k1 / 5)
        k3 = slope(t + 3 * h / 10, y + h * (3 * k1 / 40 + 9 * k2 / 40))
        k4 = slope(t + 4 * h / 5, y + h * (44 * k1 / 45 - 56 * k2 / 15 + 32 * k3 / 9))
        k5 = slope(
            t + 8 * h / 9,
            y + h * (19372 * k1 / 6561 - 25360 * k2 / 2187 + 64448 * k3 / 6561 - 212 * k4 / 729),
        )
        k6 = slope(
            t + h,
            y + h * (9017 * k1 / 3168 - 355 * k2 / 33 + 46732 * k3 / 5247 + 49 * k4 / 176
                     - 5103 * k5 / 18656),
        )  # fmt: skip
        new = y + h * (35 * k1 / 384 + 500 * k3 / 1113 + 125 * k4 / 192 - 2187 * k5 / 6784
                       + 11 * k6 / 84)  # fmt: skip
        k7 = slope(t + h, new)
        error = abs(h * (71 * k1 / 57600 - 71 * k3 / 16695 + 71 * k4 / 1920 - 17253 * k5 / 339200
                         + 22 * k6 / 525 - k7 / 40))  # fmt: skip
        if error <= 1e-7:
            t, y = t + h, new
        h = h * min(5.0, max(0.2, 0.9 * (1e-7 / (error + 1e-20)) ** 0.2))
    return y


def greedy_decode(table, start, stop, limit):
    """Tokens of the most likely path until the stop token."""
    out = mnp.zeros(limit, mnp.int32)
    token, length, score = start, 0, 0.0
    for i in range(limit):
        row = table[token]
        token = mnp.argmax(row).astype(mnp.int32)
        score += row[token]
        out[i] = token
        length += 1
        if token == stop:
            break
    return out, length, score


def kmeans(points, centers):
    """Lloyd's algorithm until the centers stay."""
    steps = 0
    while True:
        distances = ((points[:, None, :] - centers[None, :, :]) ** 2).sum(-1)
        member = distances.argmin(1)[:, None] == mnp.arange(centers.shape[0])[None, :]
        counts = member.sum(0)[:, None]
        new = mnp.where(counts > 0, (member.T @ points) / mnp.maximum(counts, 1), centers)
        steps += 1
        moved = mnp.abs(new - centers).max()
        centers = new
        if moved < 1e-6 or steps >= 100:
            break
    return centers, steps


def beam_search(table, width, steps, stop):
    """Scores of the best sequences; finished ones keep theirs."""
    n = table.shape[0]
    scores = mnp.full(width, -1e9).at[0].set(0.0)
    last = mnp.zeros(width, mnp.int32)
    done = mnp.zeros(width, bool)
    for _ in range(steps):
        if mnp.all(done):
            break
        grown = mnp.where(done[:, None], mnp.where(mnp.arange(n) == stop, 0.0, -1e9), table[last])
        total = (scores[:, None] + grown).reshape(-1)
        best = mnp.argsort(-total)[:width]
        scores = total[best]
        last = (best % n).astype(mnp.int32)
        done = done[best // n] | (last == stop)
    return scores, last
