"""Whole algorithms in ordinary Python: compiled they are what Python runs, with derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp


def slope(f: Callable[[float], Any], x: float, h: float = 1e-5) -> float:
    """Central difference in double precision, on plain Python numbers."""
    return (float(f(x + h)) - float(f(x - h))) / (2 * h)


# --- a root between bounds: bisection, then Newton's steps that fall back to it ------------------


def root(a):
    """Positive x with x**3 + x = a."""

    def f(x):
        return x * x * x + x - a

    low, high = 0.0, 1.0
    while f(high) < 0:
        low, high = high, high * 2
    x = (low + high) / 2
    for _ in range(100):
        value = f(x)
        if value < 0:
            low = x
        else:
            high = x
        step = x - value / (3 * x * x + 1)
        following = step if low < step < high else (low + high) / 2
        done = abs(following - x) < 1e-12 * max(1.0, abs(x))
        x = following
        if done:
            break
    return x


def test_root_with_bounds_and_its_derivatives():
    for a in (0.3, 2.1, 70.0):
        x = root(a)
        assert x**3 + x == pytest.approx(a, rel=1e-10)
        a64 = np.float64(a)
        np.testing.assert_allclose(ms.jit(root)(a64), x, rtol=1e-12)
        first, second = ms.grad(root), ms.grad(ms.grad(root))
        np.testing.assert_allclose(ms.jit(first)(a64), 1 / (3 * x * x + 1), rtol=1e-9)
    np.testing.assert_allclose(second(a64), -6 * x / (3 * x * x + 1) ** 3, rtol=1e-6)


# --- minimization: L-BFGS of two pairs with a line search that halves its step -----------------


def lbfgs(start, scale, most=60):
    """Minimum of Rosenbrock's function (1960), by Nocedal's two loops (1980) over two pairs."""

    def objective(x):
        return (1 - x[0]) ** 2 + scale * (x[1] - x[0] ** 2) ** 2

    def gradient(x):
        inner = x[1] - x[0] ** 2
        return [-2 * (1 - x[0]) - 4 * scale * x[0] * inner, 2 * scale * inner]

    def dot(a, b):
        return sum(u * v for u, v in zip(a, b, strict=True))

    x, g = list(start), gradient(start)
    pairs = [([0.0, 0.0], [0.0, 0.0], 0.0) for _ in range(2)]  # s, y, 1 / s.y: 0 where empty
    rounds = 0
    while dot(g, g) > 1e-14 and rounds < most:
        q, weights = list(g), []
        for s, y, rho in reversed(pairs):
            weight = rho * dot(s, q)
            q = [u - weight * v for u, v in zip(q, y, strict=True)]
            weights.append(weight)
        s, y, rho = pairs[-1]
        if rho > 0:
            q = [u / (rho * dot(y, y)) for u in q]
        for (s, y, rho), weight in zip(pairs, reversed(weights), strict=True):
            change = weight - rho * dot(y, q)
            q = [u + change * v for u, v in zip(q, s, strict=True)]
        direction, value, step = [-u for u in q], objective(x), 1.0
        descent = dot(direction, g)
        while True:
            new = [u + step * v for u, v in zip(x, direction, strict=True)]
            if objective(new) <= value + 1e-4 * step * descent or step < 1e-10:
                break
            step *= 0.5
        after = gradient(new)
        s = [u - v for u, v in zip(new, x, strict=True)]
        y = [u - v for u, v in zip(after, g, strict=True)]
        curvature = dot(s, y)
        if curvature > 1e-12:
            pairs.append((s, y, 1 / curvature))
            del pairs[0]
        x, g = new, after
        rounds += 1
    return x[0], x[1], rounds


def test_lbfgs_takes_the_steps_that_python_takes():
    jitted = ms.jit(lambda a, b, c: lbfgs((a, b), c))
    for a, b, c in ((1.5, 3.0, 100.0), (0.5, 2.0, 10.0)):
        want = lbfgs((a, b), c)
        got = [float(v) for v in jitted(np.float64(a), np.float64(b), np.float64(c))]
        np.testing.assert_allclose(got, want, rtol=1e-5)
        np.testing.assert_allclose(got[:2], 1, atol=1e-5)


# --- a machine with six instructions -------------------------------------------------------------

HALT = 5


def machine(code, x, times):
    """Runs (operation, operand): set, add, multiply, jump while a counter lasts, skip, halt."""
    total, power, at, left = 0.0, x, 0, times
    steps = 0
    while True:
        operation, operand = code[at, 0], code[at, 1]
        steps += 1
        match operation:
            case 0:
                total = operand * 1.0
            case 1:
                total += power
            case 2 if operand > 0:
                power *= x
            case 2:
                power *= -x
            case 3 if left > 0:
                left -= 1
                at = operand
                continue
            case 3 | 4:
                pass
            case _:
                return total, steps
        at += 1


CODES = [
    [(0, 1), (1, 0), (2, 1), (3, 1), (5, 0)],
    [(0, 0), (1, 0), (2, 0), (4, 0), (3, 1), (5, 0)],
    [(5, 0)],
]


def padded(code, length=6):
    return np.int32(code + [(HALT, 0)] * (length - len(code)))


def test_one_compiled_machine_runs_all_programs():
    """The program of the machine is data: one compilation, values, slopes and lanes."""
    recorded = []

    def run(code, x, times):
        recorded.append(1)
        return machine(code, x, times)

    jitted = ms.jit(run)
    for code in CODES:
        for x, times in ((0.5, 3), (1.5, 0), (-0.7, 6)):
            got, steps = jitted(padded(code), np.float64(x), np.int32(times))
            want, wanted_steps = machine(np.array(code), x, times)
            np.testing.assert_allclose(got, want, rtol=1e-12)
            assert int(steps) == wanted_steps
    assert len(recorded) == 1
    derivative = ms.jit(ms.vmap(ms.grad(lambda c, x, n: machine(c, x, n)[0], 1), (0, None, None)))
    got = derivative(np.stack([padded(c) for c in CODES]), np.float64(0.6), np.int32(4))
    want = [slope(lambda x, c=c: machine(np.array(c), x, 4)[0], 0.6) for c in CODES]
    np.testing.assert_allclose(got, want, rtol=1e-8)


# --- Huffman's code: lists of a known size whose order is data ------------------------------------


def code_length(weights):
    """Sum of weight times length of code word, by Huffman's merging (1952) of a sorted list."""
    queue = sorted(weights)
    total = 0.0
    while len(queue) > 1:
        merged = queue.pop(0) + queue.pop(0)
        total += merged
        queue.append(merged)
        for i in range(len(queue) - 1, 0, -1):
            if queue[i] < queue[i - 1]:
                queue[i], queue[i - 1] = queue[i - 1], queue[i]
            else:
                break
    return total


def test_huffman_merges_in_the_order_of_the_data():
    jitted = ms.jit(lambda w: code_length(list(w)))
    gradient = ms.jit(ms.grad(lambda w: code_length(list(w))))
    rng = np.random.default_rng(0)
    for _ in range(4):
        w = rng.uniform(0.1, 9, 5)
        np.testing.assert_allclose(jitted(w), code_length(list(w)), rtol=1e-12)
        lengths = gradient(w)  # the derivative by a weight is the length of its code word
        np.testing.assert_allclose(np.sum(2.0 ** -np.asarray(lengths)), 1, rtol=1e-12)  # Kraft
        np.testing.assert_allclose(np.dot(lengths, w), code_length(list(w)), rtol=1e-12)


# --- particle filter: resampling only where the weights have become uneven ------------------------


def particle_filter(data, spread, xp):
    """Log-likelihood of a random walk seen through noise; systematic resampling (Kitagawa 1996)."""
    observations, start, noise, offsets = data
    particles = start
    even = weights = xp.full_like(start, 1 / len(start))
    total, resampled = 0.0, 0
    for t in range(len(observations)):
        particles = particles * 0.9 + noise[t]
        likelihood = xp.exp(-0.5 * ((observations[t] - particles) / spread) ** 2) / spread
        weights = weights * likelihood
        mass = xp.sum(weights)
        total = total + xp.log(mass)
        weights = weights / mass
        if 1 / xp.sum(weights**2) < 0.5 * len(start):
            ladder = (xp.arange(len(start)) + offsets[t]) / len(start)
            picked = xp.searchsorted(xp.cumsum(weights), ladder)
            particles = particles[xp.minimum(picked, len(start) - 1)]
            weights = even
            resampled += 1
    return total, resampled


@pytest.mark.slow
def test_particle_filter_resamples_when_numpy_does():
    rng = np.random.default_rng(1)
    n, steps = 20, 25
    data = (
        rng.normal(size=steps), rng.normal(size=n), rng.normal(size=(steps, n)),
        rng.uniform(size=steps),
    )  # fmt: skip
    jitted = ms.jit(lambda spread, d: particle_filter(d, spread, mnp))
    counts = set()
    for spread in (0.3, 0.8, 5.0):
        want, wanted_count = particle_filter(data, spread, np)
        got, count = jitted(np.float64(spread), data)
        np.testing.assert_allclose(got, want, rtol=1e-9)
        assert int(count) == wanted_count
        counts.add(wanted_count)
    assert len(counts) == 3
    gradient = ms.grad(lambda s: particle_filter(data, s, mnp)[0])(np.float64(0.8))
    wanted = slope(lambda s: particle_filter(data, s, np)[0], 0.8, 1e-6)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4)


# --- a recurrent network that stops when it is sure -----------------------------------------------


def ponder(weights, x, xp):
    """State after as many steps as it takes to halt (Graves 2016), and how many these were."""
    state, halted, steps = xp.zeros(len(x)), 0.0, 0
    out = xp.zeros(len(x))
    while True:
        state = xp.tanh(weights @ state + x)
        halt = 1 / (1 + xp.exp(-xp.sum(state)))
        steps += 1
        if halted + halt >= 0.99 or steps == 12:
            out = out + (1 - halted) * state
            break
        out = out + halt * state
        halted = halted + halt
    return out, steps


def test_recurrent_network_with_early_exit():
    rng = np.random.default_rng(2)
    weights, xs = rng.normal(size=(3, 3)), rng.normal(size=(6, 3)) - 0.5
    values, steps = ms.jit(ms.vmap(lambda x: ponder(weights, x, mnp)))(xs)
    wanted = [ponder(weights, x, np) for x in xs]
    np.testing.assert_allclose(values, [v for v, _ in wanted], rtol=1e-9)
    assert steps.tolist() == [s for _, s in wanted]
    assert len(set(steps.tolist())) > 1
    gradient = ms.vmap(ms.grad(lambda w, x: mnp.sum(ponder(w, x, mnp)[0])), (None, 0))(weights, xs)
    for g, x in zip(gradient, xs, strict=True):
        bump = np.zeros((3, 3))
        bump[1, 2] = 1
        wanted = slope(lambda t, x=x, b=bump: np.sum(ponder(weights + t * b, x, np)[0]), 0.0)
        np.testing.assert_allclose(g[1, 2], wanted, rtol=1e-6, atol=1e-8)


# --- Dormand and Prince's method with rejected steps -----------------------------------------

A = [
    [1 / 5], [3 / 40, 9 / 40], [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]  # fmt: skip
E = [71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]


def oscillator(stiffness, end, tolerance=1e-8):
    """Van der Pol's oscillator at time `end` (Dormand and Prince 1980), accepted, rejected."""

    def f(x, v):
        return v, stiffness * (1 - x * x) * v - x

    t, h, x, v = 0.0, 0.5, 2.0, 0.0
    accepted = rejected = 0
    while t < end:
        if t + h > end:
            h = end - t
        ks, new_x, new_v = [f(x, v)], x, v
        for row in A:
            new_x = x + h * sum(a * k[0] for a, k in zip(row, ks, strict=True))
            new_v = v + h * sum(a * k[1] for a, k in zip(row, ks, strict=True))
            ks.append(f(new_x, new_v))
        error = max(abs(h * sum(e * k[i] for e, k in zip(E, ks, strict=True))) for i in (0, 1))
        ratio = error / tolerance
        if ratio <= 1:
            t, x, v = t + h, new_x, new_v
            accepted += 1
        else:
            rejected += 1
        h = h * min(5.0, max(0.2, 0.9 * math.pow(ratio + 1e-30, -0.2)))
    return x, accepted, rejected


def test_adaptive_integrator_rejects_the_steps_that_python_rejects():
    jitted = ms.jit(oscillator)
    for stiffness, end in ((1.0, 3.0), (4.0, 5.0)):
        want = oscillator(stiffness, end)
        got = [float(v) for v in jitted(np.float64(stiffness), np.float64(end))]
        np.testing.assert_allclose(got, want, rtol=1e-7)
        assert want[2] > 0
    gradient = ms.jit(ms.grad(lambda s: oscillator(s, 3.0)[0]))(np.float64(1.0))
    np.testing.assert_allclose(gradient, slope(lambda s: oscillator(s, 3.0)[0], 1.0), rtol=1e-4)
