"""Sets and dictionaries whose keys are data: as results, and what they refuse."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import StagingError


def squares(x, n, kind=dict):
    d = kind()
    while n > 0:
        d[n * n % 7] = x * n
        n -= 1
    return d


@pytest.mark.parametrize("kind", [dict, OrderedDict, Counter, lambda: defaultdict(float)])
def test_a_dictionary_leaves_a_program_as_what_it_is(kind):
    f = ms.jit(lambda x, n: squares(x, n, kind))
    for n in (0, 3, 9):
        got, wanted = f(0.5, n), squares(0.5, n, kind)
        assert got == wanted
        assert list(got) == list(wanted)
        assert type(got) is type(wanted)
    assert f._cache_size() == 1


@pytest.mark.parametrize(
    "of_both",
    [lambda a, b: a - b, lambda a, b: a | b, lambda a, b: a & b, lambda a, b: a ^ b],
    ids=["-", "|", "&", "^"],
)
def test_a_function_that_does_no_more_than_an_operator_of_sets(of_both):
    def f(n):
        a, b = set(), set()
        for i in range(n):
            a.add(i % 3)
            b.add(i * i % 4)
        return len(of_both(a, b)), len(of_both(b, a))

    jitted = ms.jit(f)
    for n in (0, 1, 3, 7):
        assert tuple(map(int, jitted(n))) == f(n)


def test_keys_may_be_tuples_and_values_trees():
    def f(x, n):
        d = {}
        while n > 0:
            d[n % 2, n % 3] = {"v": x * n, "n": n}
            n -= 1
        return d

    got, wanted = ms.jit(f)(0.5, 8), f(0.5, 8)
    assert got == wanted
    assert list(got) == list(wanted)


def test_a_dictionary_goes_into_and_out_of_inner_functions():
    f = ms.jit(lambda x, n: sum(ms.jit(lambda d: {**d, -1: x})(ms.jit(squares)(x, n)).values()))
    assert f(2.0, 3) == 2 + 4 + 6 + 2
    assert ms.grad(f)(2.0, 3) == 7


def test_a_key_that_was_read_is_one_of_those_that_are_there():
    """So a table of known keys stays one: its program has no loop over rooms and its form."""

    def f(x, k):
        table = {0: x, 1: 2 * x, 5: 3 * x}
        table[k] += 1
        return table

    assert "while" not in str(ms.make_ir(f)(1.0, 1))
    batch = ms.vmap(f, (None, 0))(1.0, np.array([5, 0]))
    assert {k: list(v) for k, v in batch.items()} == {0: [1, 2], 1: [2, 2], 5: [4, 3]}
    with pytest.raises(KeyError, match="4"):
        ms.jit(f)(1.0, 4)


def test_a_store_puts_in_a_new_key():
    def f(x, k):
        table = {0: x, 1: 2 * x}
        table[k] = x * x
        return table

    for k in (0, 1, 2):
        assert ms.jit(f)(3.0, k) == f(3.0, k)


def test_constants_among_keys():
    def f(n):
        s, d = {3}, {3: 1.0}
        s.add(n)
        d[n] = 2.0
        s.add(3)
        return len(s), 3 in s, 4 in s, d[3], d.get(4, 0.0), sorted(s)

    for n in (3, 4):
        assert ms.jit(f)(n) == f(n)


@pytest.mark.parametrize("change", [
    lambda s, d, k: d[k], lambda s, d, k: d.pop(k), lambda s, d, k: s.remove(k),
    lambda s, d, k: d.__delitem__(k), lambda s, d, k: s.pop() + s.pop() + s.pop(),
])  # fmt: skip
def test_what_is_not_there_is_a_key_error_at_run_time(change):
    def f(n, k):
        s, d = {n, n + 1}, {n: 1.0, n + 1: 2.0}
        change(s, d, k)
        return len(s) + len(d)

    with pytest.raises(KeyError):
        ms.jit(f)(1, 5)


def grown_set(n):
    s, i = set(), 0
    while i < n:
        s.add(i % 4)
        i += 1
    return s


def test_plain_sets_beside_traced_ones():
    def f(n):
        s = grown_set(n)
        return sum(set(range(6)) - s), len({1, 2, 9} & s), sorted({1, 2, 9} ^ s)[0], {0} <= s

    for n in (0, 2, 7):
        assert ms.jit(f)(n) == f(n)


@pytest.mark.parametrize("kind", [Counter, lambda: defaultdict(int)])
def test_what_is_taken_out_has_no_default(kind):
    def f(n, k):
        d = kind()
        while n > 0:
            d[n % 3] += n
            n -= 1
        return d.pop(k), len(d)

    assert ms.jit(f)(5, 1) == f(5, 1)
    with pytest.raises(KeyError):
        ms.jit(f)(5, 7)


def test_room_is_a_setting_and_an_overflow_an_error():
    def f(n):
        s = set()
        while n > 0:
            s.add(n)
            n -= 1
        return len(s)

    with ms.config.list_capacity(8):
        assert ms.jit(f)(8) == 8
        with pytest.raises(MemoryError, match="beyond 8 elements"):
            ms.jit(f)(9)


def test_lanes_of_different_keys_cannot_leave():
    with pytest.raises(StagingError, match=r"MS102 .*dictionaries of different keys"):
        ms.vmap(squares, (None, 0))(1.0, np.arange(3))


def test_values_that_may_be_changed_are_those_in_the_dictionary():
    def f(n, taken):
        d = {n: [n], n + 1: [2 * n]}
        v = d.pop(n) if taken else d[n]
        v[0] += 1
        return v[0] + sum(w[0] for w in d.values())

    for taken in (True, False):
        assert ms.jit(f)(3, taken) == f(3, taken)
