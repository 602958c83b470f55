"""Recursion over lists and trees of known depth, on each side of branches that data decide.

Each form of the arguments is recorded once. The programs are those in which that might be wrong:
what the function looks at beside its arguments changes between two calls.
"""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from tests.source.test_programs import by_name, close

CASES = []
POINTS = [
    (np.random.default_rng(seed).normal(size=6), t) for seed, t in enumerate((0.1, -0.4, 0.9))
]


def case(f):
    CASES.append(f)
    return f


@case
def gets_the_rest_of_a_list(a, t):
    def go(rest, t):
        if not rest:
            return t * t
        if rest[0] > t:
            return rest[0] * t + go(rest[1:], t * 0.9)
        return go(rest[1:], t + 0.1) * 1.1

    return go(list(a), t)


@case
def gets_the_tail_of_nested_tuples(a, t):
    def walk(node, t, scale=1.0):
        if node is None:
            return t * scale
        value, rest = node
        if value > t:
            return value + walk(rest, t * 0.9, scale=scale * 1.5)
        return walk(rest, t + 0.1, scale)

    node = None
    for value in a:
        node = (value, node)
    return walk(node, t)


class Node:
    def __init__(self, values):
        half = len(values) // 2
        self.value = values[half]
        self.left = Node(values[:half]) if half else None
        self.right = Node(values[half + 1 :]) if half + 1 < len(values) else None


@case
def goes_down_a_tree_of_objects(a, t):
    def f(node, t):
        if node is None:
            return t
        if node.value > t:
            return f(node.left, t + 0.1) * f(node.right, t)
        return f(node.right, t - 0.2) + f(node.left, node.value)

    return f(Node(list(a)), t)


@case
def counts_down_by_one_and_by_two(a, t):
    def fib(n, x):
        if n <= 1:
            return x
        if x > 0.45:
            return fib(n - 1, x * 0.7) + fib(n - 2, x - 0.1)
        return fib(n - 2, x + 0.31) * 0.5

    return fib(6, t) + a[0]


@case
def calls_another_that_calls_it(a, t):
    def even(rest, t):
        if not rest:
            return t
        return odd(rest[1:], t * 0.5) if rest[0] > t else odd(rest[1:], t + 0.1)

    def odd(rest, t):
        if not rest:
            return -t
        return even(rest[1:], t * 0.7) if rest[0] < t else even(rest[1:], t - 0.1) * 2

    return even(list(a), t)


@case
def chooses_the_better_of_two(a, t):
    def best(items, room):
        if not items:
            return 0.0
        skipped = best(items[1:], room)
        if items[0] > room:
            return skipped
        return max(skipped, items[0] ** 0.5 + best(items[1:], room - items[0]))

    return best(list(a * a + 0.1), t + 1.0)


@case
def closes_over_what_a_branch_computed(a, t):
    def top(rest, t):
        if not rest:
            return t
        s = np.sin(t)

        def inner(part, u):
            if not part:
                return u * s
            return inner(part[1:], u * 0.5) if part[0] > u else inner(part[1:], u + 0.1)

        if rest[0] > t:
            return inner(rest[1:], t) + top(rest[2:], t * 0.5)
        return inner(rest[1:], t + 1) + top(rest[2:], t + 0.2)

    return top(list(a), t)


@case
def stores_to_a_list_around_it(a, t):
    count = [0.0]

    def go(rest, t):
        if not rest:
            return count[0] + t
        if rest[0] > t:
            count[0] = count[0] + 1.0
            return go(rest[1:], t * 0.5)
        return go(rest[1:], t + 0.1)

    return go(list(a), t) + count[0]


@case
def reads_a_list_that_its_caller_stores_to(a, t):
    seen = []

    def read(rest, t):
        if not rest:
            return t * len(seen)
        return read(rest[1:], t * 0.5) if rest[0] > t else read(rest[1:], t + 0.1) + 1

    def outer(t, k):
        if k == 0:
            return read(list(a[:3]), t)
        if t > 0:
            seen.append(1)
            found = outer(t - 1, k - 1)
            seen.pop()
            return found
        return outer(t + 0.5, k - 1)

    return outer(t, 3)


@case
def reads_an_array_that_its_caller_stores_to(a, t):
    x = np.zeros(3)

    def read(rest, t):
        if not rest:
            return x[0] + t
        return read(rest[1:], t * 0.5) if rest[0] > t else read(rest[1:], t + 0.1)

    def outer(t, k):
        if k == 0:
            return read(list(a[:3]), t)
        if t > 0:
            x[0] += 1
            return outer(t - 1, k - 1)
        return outer(t + 0.3, k - 1)

    return outer(t, 3)


@case
def asks_what_a_branch_around_it_knows(a, t):
    positive = t > 0

    def go(rest, t):
        if not rest:
            return t + (10.0 if positive else 20.0)
        return go(rest[1:], t * 0.5) if rest[0] > t else go(rest[1:], t + 0.1)

    def top(t, k):
        if k == 0:
            return 0.0
        if positive:
            return go(list(a[:4]), t) + top(t + 1, k - 1)
        return go(list(a[:4]), t) * 2 + top(t + 2, k - 1)

    return top(t, 2)


@case
def gives_back_a_list_that_is_then_changed(a, t):
    def last(items, t):
        if len(items) == 1:
            return items
        return last(items[1:], t * 0.5) if items[0] > t else last(items[1:], t + 0.1)

    found = last([v * 1.0 for v in a], t)
    found.append(t)
    return sum(found) * len(found)


@case
def catches_what_it_raises(a, t):
    def go(rest, t):
        if not rest:
            if t > 0.2:
                raise ValueError
            return t
        try:
            return go(rest[1:], t * 0.5) if rest[0] > t else go(rest[1:], t + 0.1)
        except ValueError:
            return 7.0 + len(rest)

    return go(list(a), t)


@case
def loops_between_its_calls(a, t):
    def go(rest, t):
        if not rest:
            return t
        while t > rest[0] + 1:
            t = t - 0.7
        if rest[0] > t:
            return go(rest[1:], t * 0.5) + go(rest[2:], t)
        return go(rest[1:], t + 0.1) - go(rest[2:], -t)

    return go(list(a), t)


@by_name(CASES)
def test_values_are_those_of_python(f):
    jitted = ms.jit(f)
    for a, t in POINTS:
        close(jitted(a, t), f(a.copy(), t))


@by_name(CASES[::4])
def test_lanes_are_calls(f):
    columns = [np.stack(c) for c in zip(*POINTS, strict=True)]
    close(ms.vmap(f)(*columns), [f(a.copy(), t) for a, t in POINTS])


@by_name(CASES[:5])
def test_derivatives_are_slopes(f):
    derivative = ms.jit(ms.grad(f, argnums=1))
    for a, t in POINTS:
        h = 1e-6
        close(derivative(a, t), (f(a, t + h) - f(a, t - h)) / (2 * h))


def walk(a, t):
    def go(rest, t):
        if not rest:
            return t
        if rest[0] > t:
            return np.tanh(rest[0] * t) + go(rest[1:], t * 0.9)
        return go(rest[1:], t + 0.1)

    return go(list(a), t)


@pytest.mark.parametrize("of", [lambda f: f, ms.grad], ids=["value", "gradient"])
def test_programs_grow_with_the_depth_and_not_with_the_ways(of):
    def size(n):
        return len(ms.jit(of(walk)).lower(np.ones(n, np.float32), 0.5).as_text().splitlines())

    few, some, many = map(size, (12, 16, 20))
    assert 0.9 < (many - some) / (some - few) < 1.1


def test_derivatives_of_lanes_of_a_long_list():
    a = np.random.default_rng(5).normal(size=(3, 13))
    t = np.array([0.1, -0.2, 0.6])
    found = ms.jit(ms.vmap(ms.grad(walk, argnums=1)))(a, t)
    want = [(walk(x, y + 1e-6) - walk(x, y - 1e-6)) / 2e-6 for x, y in zip(a, t, strict=True)]
    close(found, want)


def test_a_jitted_function_that_calls_another_of_its_code_calls_it():
    """Nothing recurs here, so that none is laid out where it is called."""
    f = ms.jit(np.sin)
    for _ in range(4):
        f = ms.jit(lambda x, f=f: f(f(x) + 1) if True else x)
    fn = ms.make_ir(f)(0.5)
    while inner := [e.params["fn"] for e in fn.eqns if e.primitive.name == "call"]:
        assert len(inner) <= 2
        fn = inner[0]
    assert [e.primitive.name for e in fn.eqns] == ["sin"]
