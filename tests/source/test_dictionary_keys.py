"""Dictionaries whose keys are known only at run time."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

import ms_func as ms

CASES: list[Any] = []
XS = np.array([[3, 1, 3, 2], [5, 5, 5, 5], [1, 2, 3, 4]])


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@case
def most_frequent(x):
    counts: dict[Any, Any] = {}
    for v in x:
        counts[v] = counts.get(v, 0) + 1
    best = key = -1
    for k, c in counts.items():
        if c > best or (c == best and k < key):
            best, key = c, k
    return key, len(counts), max(counts.values())


@case
def counted_in_branches(x):
    counts: dict[Any, Any] = {}
    for v in x:
        if v in counts:
            counts[v] += 1
        else:
            counts[v] = 1
    return sum(counts.values()), counts[x[0]], 5 in counts


@case
def with_defaults(x):
    a, b = defaultdict(int), Counter()
    for v in x:
        a[v] += 1
        b[v] += v
    return a[x[1]] * 10 + len(a), b[x[2]], max(a, key=lambda k: (a[k], k))


@case
def pair_with_a_sum(x):
    seen: dict[Any, Any] = {}
    for i, v in enumerate(x):
        if 6 - v in seen:
            return seen[6 - v], i
        seen[v] = i
    return -1, -1


@case
def keys_that_are_tuples(x):
    pairs: dict[Any, Any] = {}
    for i in range(3):
        pairs[x[i], x[i + 1]] = pairs.get((x[i], x[i + 1]), 0) + i
    return len(pairs), pairs[x[0], x[1]], (x[1], x[2]) in pairs


@case
def keys_that_go(x):
    d: dict[Any, Any] = {}
    for v in x:
        d.setdefault(v, v * v)
    a, b = d.pop(x[2]), d.pop(x[2], -7)
    if x[0] in d:
        del d[x[0]]
    return a, b, len(d), sum(d), d.get(2, -1)


@case
def memoised(x):
    known: dict[Any, Any] = {}

    def square(n):
        if n in known:
            return known[n]
        known[n] = n * n
        return known[n]

    return sum(square(v) for v in x) + len(known)


@pytest.mark.parametrize("f", CASES)
def test_entries_are_those_of_python(f):
    found = ms.jit(ms.vmap(f))(XS)
    for k, x in enumerate(XS):
        want = f([int(v) for v in x])
        np.testing.assert_array_equal(
            ms.tree.leaves(ms.tree.map(lambda v, k=k: v[k], found)), ms.tree.leaves(want)
        )


def test_values_have_slopes():
    def f(v, k):
        totals: dict[Any, Any] = {}
        for a, b in zip(k, v, strict=True):
            totals[a] = totals.get(a, 1.0) * b
        return sum(totals[a] ** 2 for a in totals)

    v, k = np.array([1.5, -2.5, 3.5]), np.array([1, 2, 1])
    np.testing.assert_allclose(ms.jit(f)(v, k), (1.5 * 3.5) ** 2 + 2.5**2)
    np.testing.assert_allclose(ms.jit(ms.grad(f))(v, k), [2 * 1.5 * 3.5**2, -5, 2 * 1.5**2 * 3.5])


def test_a_key_that_is_not_there_is_an_error_at_run_time():
    def f(x):
        d = {}
        d[x] = 1
        return d[x + x]

    assert int(ms.jit(f)(0)) == 1
    with pytest.raises(KeyError):
        ms.jit(f)(1)


def test_as_a_result_it_is_the_dictionary():
    def f(x):
        d: dict[Any, Any] = {}
        for v in x:
            d[v] = d.get(v, 0) + v
            d[v, 1] = 2
        return d

    found = ms.jit(f)(XS[0])
    assert {k: int(v) for k, v in found.items()} == f(XS[0].tolist())
    assert list(found) == list(f(XS[0].tolist()))
