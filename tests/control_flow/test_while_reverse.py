"""Reverse mode through loops whose number of steps is not known."""

from math import comb

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.loop_checkpoint import Leaf, sweep, walk
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.ir.evaluate import Reference
from tests.support.operations import lax
from tests.support.staged import program, total

X, W = np.float64(0.3), np.float64(1.01)


def step(x, w):
    return lax.sin(x * w) + x * 0.5


def dynamic(x, w, n, slots=None):
    """A loop of `n` steps, which only the program that runs knows."""
    return while_loop(
        lambda c: c[0] < n, lambda c: (c[0] + 1, step(c[1], w)), (0, x), checkpoints=slots
    )[1]


def known(x, w, n):
    return fori_loop(0, n, lambda i, x: step(x, w), x)


@pytest.mark.parametrize("slots", [4, 5, 6, 9])
def test_gradients_are_those_of_the_unrolled_loop(slots):
    gradient = ms.jit(ms.grad(lambda x, w, n: dynamic(x, w, n, slots), (0, 1)))
    for n in (0, 1, 2, 3, 4, 5, 7, 8, 12, 33, 70, 200):
        want = [X, np.float64(0)]
        dx, dw, x = 1.0, 0.0, float(X)
        for _ in range(n):
            slope = W * np.cos(x * W) + 0.5
            dx, dw, x = slope * dx, slope * dw + x * np.cos(x * W), np.sin(x * W) + x * 0.5
        want = [dx, dw]
        np.testing.assert_allclose(gradient(X, W, n), want, rtol=1e-12, atol=1e-300)


ORDERS = {
    "forward over reverse": (ms.hessian, (0, 1)),
    "reverse over reverse": (lambda f: ms.grad(ms.grad(f)), (0, 1)),
    "reverse over forward": (lambda f: ms.grad(ms.jacfwd(f)), (0, 1)),
    "three times reverse": (lambda f: ms.grad(ms.grad(ms.grad(f))), (1,)),
    "forward over twice reverse": (lambda f: ms.jacfwd(ms.grad(ms.grad(f))), (0,)),
}


@pytest.mark.parametrize(("order", "by"), ORDERS.values(), ids=ORDERS)
def test_higher_orders(order, by):
    for which in by:
        args = [X, W]

        def one(f, which=which, args=args):
            return lambda z: f(*(z if i == which else a for i, a in enumerate(args)), 9)

        got = ms.jit(order(one(lambda x, w, n: dynamic(x, w, n, 4))))(args[which])
        with Reference():
            want = order(one(known))(args[which])
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_mixed_second_derivative():
    mixed = lambda f: ms.grad(lambda x, w: ms.grad(f, 1)(x, w, 6), 0)(X, W)  # noqa: E731
    with Reference():
        want = mixed(known)
    np.testing.assert_allclose(mixed(dynamic), want, rtol=1e-9)


def test_vmap_in_either_order_with_a_trip_count_for_each_lane():
    ns, xs = np.array([0, 3, 7], np.int32), np.array([0.1, 0.5, 0.7])
    with Reference():
        want = [ms.grad(known)(x, W, int(n)) for x, n in zip(xs, ns, strict=True)]
        five = [ms.grad(known)(x, W, 5) for x in xs]
    np.testing.assert_allclose(ms.vmap(ms.grad(dynamic), (0, None, 0))(xs, W, ns), want)
    lanes = lambda xs: total(ms.vmap(dynamic, (0, None, 0))(xs, W, ns))  # noqa: E731
    np.testing.assert_allclose(ms.jit(ms.grad(lanes))(xs), want)
    shared = ms.vmap(ms.grad(dynamic), (0, None, None))(xs, W, 5)
    np.testing.assert_allclose(shared, five)


def test_data_dependent_stop_and_integers_in_the_carry():
    def collatz(x, scale):
        """Doubles a value at each odd number of the sequence, until it reaches 1."""

        def body(c):
            k, y = c
            odd = k % 2 == 1
            return lax.select(odd, 3 * k + 1, k // 2), lax.select(odd, y * scale, y)

        return while_loop(lambda c: c[0] != 1, body, (np.int32(7), x))[1]

    odd = sum(1 for k in (7, 22, 11, 34, 17, 52, 26, 13, 40, 20, 10, 5, 16, 8, 4, 2) if k % 2)
    s = np.float64(1.5)
    np.testing.assert_allclose(collatz(X, s), X * s**odd)
    np.testing.assert_allclose(ms.grad(collatz, (0, 1))(X, s), [s**odd, odd * X * s ** (odd - 1)])


def test_the_stop_depends_on_the_differentiated_value():
    """The number of steps is piecewise constant: the derivative is that of the steps made."""
    run = lambda x: while_loop(lambda c: c < 100.0, lambda c: c * c, x)  # noqa: E731
    for x, power in ((2.0, 8), (3.0, 8), (11.0, 2), (200.0, 1)):
        np.testing.assert_allclose(ms.jit(ms.grad(run))(x), power * x ** (power - 1), rtol=1e-5)


def test_arrays_constants_and_vectors():
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-0.5, 0.5, (3, 3)), rng.uniform(-1, 1, 3)

    def run(loop):
        def scalar(matrix, x):
            move = lambda x: lax.tanh(lax.dot(matrix, x)) + x  # noqa: E731
            return total(loop(move, x) ** 2)

        return scalar

    def free(move, x):
        return while_loop(lambda c: c[0] < 11, lambda c: (c[0] + 1, move(c[1])), (0, x))[1]

    def bound(move, x):
        return fori_loop(0, 11, lambda i, x: move(x), x)

    for order in (lambda f: ms.grad(f, (0, 1)), lambda f: ms.hessian(f, (0, 1))):
        got, want = (ms.tree.leaves(order(run(loop))(matrix, x)) for loop in (free, bound))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_loops_in_loops():
    def inner(x, n):
        return while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, lax.sin(c[1]) + 0.1), (0, x))[1]

    def free(x, n):
        return while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, inner(c[1], c[0]) * x), (0, x))[
            1
        ]

    def plain(x, n):
        c = x
        for i in range(n):
            for _ in range(i):
                c = lax.sin(c) + 0.1
            c = c * x
        return c

    np.testing.assert_allclose(ms.grad(free)(X, 5), ms.grad(plain)(X, 5), rtol=1e-9)

    def scanned(x, n):
        return scan(lambda c, k: (inner(c * x, k), None), x, np.arange(n))[0]

    def unrolled(x, n):
        c = x
        for k in range(n):
            c = c * x
            for _ in range(k):
                c = lax.sin(c) + 0.1
        return c

    np.testing.assert_allclose(ms.grad(scanned)(X, 4), ms.grad(unrolled)(X, 4), rtol=1e-9)


def test_linear_transpose_through_a_loop():
    def linear(x):
        return while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * 2.0), (0, x))[1]

    assert float(ms.linear_transpose(linear, 1.0)(3.0)[0]) == 96.0
    bad = lambda x: while_loop(lambda c: c < 5.0, lambda c: c * 2.0, x)  # noqa: E731
    with pytest.raises(NotImplementedError, match="whose test depends on the values"):
        ms.linear_transpose(bad, 1.0)


def test_tables_do_not_grow_with_the_number_of_steps():
    made = program(lambda x, n: ms.grad(lambda x: dynamic(x, W, n, 6))(x), X, np.int32(1000))
    sizes = {v.type.shape for e in made.eqns for v in e.outputs}
    assert max((int(np.prod(s)) for s in sizes), default=1) <= 7


def test_max_trips_keeps_every_step():
    run = lambda x, n: while_loop(  # noqa: E731
        lambda c: c[0] < n, lambda c: (c[0] + 1, step(c[1], W)), (0, x), max_trips=30
    )[1]
    for n in (0, 13, 30, 50):
        np.testing.assert_allclose(ms.jit(ms.grad(run))(X, n), ms.grad(known)(X, W, n), rtol=1e-9)
    with pytest.raises(ValueError, match="at least 4"):
        while_loop(lambda c: c < 1, lambda c: c, 0.0, checkpoints=3)


# --- how often steps are run ----------------------------------------------------------------------


def plan(slots, n):
    """Steps walked again, by the rule that the design gives, in plain Python."""
    cap = slots - slots // 4
    cap -= 1 - cap % 2
    kept, stride, done = [0], 1, 0
    while done < n:
        if len(kept) == cap:
            kept, stride = kept[::2], 2 * stride
        part = min(stride, n - done)
        done += part
        if part == stride:
            kept.append(done)
    steps = 0
    for i in range(n - 1, -1, -1):
        while kept[-1] > i:
            kept.pop()
        p = kept[-1]
        while p < i:
            free, length = slots + 1 - len(kept), i - p + 1
            part = i - p
            if free:
                c, t = free + 1, 0
                while comb(c + t, c) < length:
                    t += 1
                beta = lambda c, t: comb(c + t, c) if t >= 0 else 0  # noqa: E731
                part = min(max(length - beta(c - 1, t), max(1, beta(c, t - 2))),
                           min(beta(c, t - 1), length - 1))  # fmt: skip
                part = max(1, min(part, i - p))
            p, steps = p + part, steps + part
            if free and p < i:
                kept.append(p)
    return steps


@pytest.mark.parametrize(("slots", "n"), [(4, 50), (8, 300), (16, 200), (16, 1000)])
def test_steps_walked_again(slots, n):
    """The walk runs each step once; the sweep as many as planned, visiting the right states."""
    runs = {"walk": 0, "sweep": 0}
    phase = "walk"
    visited = []

    def repeat(test, body, state):
        state = list(state)
        while bool(test(*state)):
            state = body(*state)
        return state

    def advance(x):
        runs[phase] += 1
        return [x + np.int32(1)]

    with Reference():
        outs = walk(repeat, lambda x: np.asarray(x < n), advance, [np.int32(0)], slots)
        counts, (last, table) = outs[:3], outs[3:]
        phase = "sweep"
        sweep(repeat, advance, lambda k, c: (visited.append(int(k[0])), c)[1], counts, [table],
              [np.float64(0)], slots)  # fmt: skip
    assert int(counts[0]) == int(last) == n
    assert visited == list(range(n - 1, -1, -1))
    assert runs["walk"] == n
    assert runs["sweep"] <= 1.05 * plan(slots, n)


@pytest.mark.parametrize("size", [2, 8])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 333])
def test_several_steps_visited_at_a_time(size, n):
    """Every step once and in order, from its residuals or from the state before it."""
    visited = []

    def repeat(test, body, state):
        state = list(state)
        while bool(test(*state)):
            state = body(*state)
        return state

    def visit(k, c):
        visited.append(int(k[0]))
        return c

    advance = lambda x: [x + np.int32(1)]  # noqa: E731
    leaf = Leaf(size, [ms.typeof(np.int32(0))], lambda x: [x + np.int32(1), x], visit)
    with Reference():
        outs = walk(repeat, lambda x: np.asarray(x < n), advance, [np.int32(0)], 8)
        sweep(repeat, advance, visit, outs[:3], [outs[4]], [np.float64(0)], 8, leaf)
    assert visited == list(range(n - 1, -1, -1))


@pytest.mark.parametrize("slots", [8, 16])
def test_large_states_are_visited_several_at_a_time(slots):
    """Gradients of large carries, whose residuals are kept for a few steps."""
    x = np.linspace(0.1, 0.9, 1024)
    w = np.linspace(0.9, 1.1, 1024)

    def scalar(x, w, n):
        return total(dynamic(x, w, n, slots) ** 2)

    gradient = ms.jit(ms.grad(scalar, (0, 1)))
    for n in (0, 1, 5, 13, 14, 30, 101, 200):
        y, slopes, states = x, [], []
        for _ in range(n):
            states.append(y)
            slopes.append(w * np.cos(y * w) + 0.5)
            y = np.sin(y * w) + y * 0.5
        dx, dw = 2 * y, np.zeros_like(w)
        for state, slope in zip(states[::-1], slopes[::-1], strict=True):
            dw = dw + dx * state * np.cos(state * w)
            dx = slope * dx
        np.testing.assert_allclose(gradient(x, w, n)[0], dx, rtol=1e-11, atol=1e-300)
        np.testing.assert_allclose(gradient(x, w, n)[1], dw, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_carry_that_each_step_sets_beside_a_large_one(n):
    """Its tangent is a constant; the large carry is visited several steps at a time."""

    def step(s):
        k, a, b, v = s
        return k + 1, np.float64(2.0), a * b, v * 0.5 + a * b

    def looped(x, n):
        _, a, b, v = while_loop(lambda s: s[0] < n, step, (0, x.sum(), x[0], x))
        return (v**2).sum() + a + b

    def plain(x):
        s = (0, x.sum(), x[0], x)
        for _ in range(n):
            s = step(s)
        return (s[3] ** 2).sum() + s[1] + s[2]

    x = np.linspace(-0.4, 0.7, 1024)
    gradient = ms.jit(ms.grad(looped))(x, n)
    for j in (0, 1, 700):  # a polynomial: its slope is that of a step along the imaginary axis
        slope = plain(x + 1e-30j * (np.arange(1024) == j)).imag / 1e-30
        np.testing.assert_allclose(gradient[j], slope, rtol=1e-12)


def test_memory_of_the_gradient_does_not_depend_on_the_number_of_steps():
    """The number of steps is an operand: one program, one amount of memory, for all of them."""
    x = np.linspace(0.1, 0.9, 1000)
    gradient = ms.jit(ms.grad(lambda x, n: total(dynamic(x, np.float64(1.01), n, 16)), 0))
    program = gradient.lower(x, 1000).compile()
    assert program.memory_analysis().temp_size_in_bytes < 64 * x.nbytes
    for n in (10, 2000):
        gradient(x, n)
    assert gradient._cache_size() == 1


def pulled(f):
    """Derivative along sin(x) as the transpose of the pullback."""

    def tangent(x):
        y, pull = ms.vjp(f, x)
        return ms.linear_transpose(lambda ct: pull(ct)[0], y)(lax.sin(x))[0]

    return tangent


def directional(f):
    return lambda x: ms.jvp(f, (x,), (lax.sin(x),))[1]


@pytest.mark.parametrize(
    "order",
    [
        (pulled,), (ms.grad, pulled), (pulled, ms.grad), (ms.grad, pulled, ms.grad),
        (pulled, pulled), (pulled, pulled, ms.grad), (pulled, ms.grad, ms.grad),
    ],
    ids=lambda order: " of ".join(f.__name__ for f in order),
)  # fmt: skip
def test_transposes_of_pullbacks_of_every_order(order):
    """The transpose of the transpose is the derivative, in the states of the loop too."""
    f = lambda x: dynamic(x, W, 7, 4)  # noqa: E731
    got, want = f, f
    for transform in reversed(order):
        got = transform(got)
        want = directional(want) if transform is pulled else transform(want)
    lanes = np.array([0.1, 0.5, 0.3])
    with Reference():
        expected = [want(x) for x in lanes]
        batched = ms.vmap(got)(lanes)
    np.testing.assert_allclose(batched, expected, rtol=1e-9)
    np.testing.assert_allclose(ms.jit(got)(lanes[-1]), expected[-1], rtol=1e-9)


def test_transpose_of_batched_pullbacks():
    lanes = np.array([0.1, 0.5])
    for f in (lambda x: dynamic(x, W, 5, 4), ms.grad(lambda x: dynamic(x, W, 5, 4))):
        y, pull = ms.vjp(ms.vmap(f), lanes)
        back = ms.linear_transpose(lambda ct, pull=pull: pull(ct)[0], y)
        with Reference():
            want = [ms.jvp(f, (x,), (np.float64(1),))[1] for x in lanes]
        np.testing.assert_allclose(back(np.ones(2))[0], want, rtol=1e-9)
