"""Classes around containers, with data deciding what these hold; plain Python is the oracle."""

from __future__ import annotations

import functools
import itertools
import math
import operator
import queue
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import ItemsView, KeysView, MutableMapping, MutableSequence, Sequence

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import StagingError

POINTS = (2.5, -1.0, 0.5, 1.5)


def double(v):
    return v * 2


class Bag:
    """Holds what it is filled with, and gives it one by one."""

    def __init__(self):
        self.held = []

    def fill(self, x):
        for k in range(3):
            if x > k:
                self.put(k, x * k)

    def put(self, key, value):
        self.held.append(value)

    def __iter__(self):
        return iter(self.held)


class Keys(Bag):
    def __init__(self):
        self.held = {}

    def put(self, key, value):
        self.held[key] = value


class Values(Keys):
    def __iter__(self):
        return iter(self.held.values())


class Backwards(Bag):
    def __iter__(self):
        return reversed(self.held)


class Doubled(Bag):
    def __iter__(self):
        return map(double, self.held)


class Sifted(Bag):
    def __iter__(self):
        return filter(lambda v: v > 1, self.held)


class Pairs(Bag):
    def __iter__(self):
        return zip(self.held, range(9), strict=False)


class Numbered(Keys):
    def __iter__(self):
        return iter(self.held.items())


class Places(Bag):
    def __init__(self):
        self.held = set()

    def put(self, key, value):
        self.held.add(key)


class Long(Bag):
    def fill(self, x):
        i = 0.0
        while i < x:
            self.held.append(i * x)
            i += 1


class LongKeys(Keys):
    def fill(self, x):
        i = 0
        while i < x:
            self.held[i] = i * x
            i += 1


class Table(MutableMapping):
    def __init__(self):
        self.held = {}

    def __getitem__(self, key):
        return self.held[key]

    def __setitem__(self, key, value):
        self.held[key] = value

    def __delitem__(self, key):
        del self.held[key]

    def __iter__(self):
        return iter(self.held)

    def __len__(self):
        return len(self.held)

    fill, put = Bag.fill, __setitem__


class Row(MutableSequence):
    def __init__(self):
        self.held = []

    def __getitem__(self, place):
        return self.held[place]

    def __setitem__(self, place, value):
        self.held[place] = value

    def __delitem__(self, place):
        del self.held[place]

    def __len__(self):
        return len(self.held)

    def insert(self, place, value):
        self.held.insert(place, value)

    def put(self, key, value):
        self.append(value)

    fill = Bag.fill


class LongRow(Row):
    fill = Long.fill


class OwnDict(UserDict):
    fill, put = Bag.fill, UserDict.__setitem__


class OwnList(UserList):
    fill, put = Bag.fill, Row.put


def number(v):
    return sum(v) if isinstance(v, tuple) else v


def looped(x):
    total = 0.0
    for v in x:
        total = total * 2 + number(v)
    return total


def left_and_resumed(x):
    it, found = iter(x), 0.0
    for v in it:
        found = number(v)
        break
    for v in it:
        found = found * 3 + number(v)
    return found


def uses(x):
    return (
        looped(x), sum(map(number, x)), len(list(x)), sum([number(v) for v in x]),
        sum(number(v) for v in x), max((number(v) for v in x), default=-3.0),
        number(next(iter(x), -7.0)), left_and_resumed(x), any(number(v) > 1 for v in x),
        sum(i * number(v) for i, v in enumerate(x)),
    )  # fmt: skip


KINDS = (
    Bag, Keys, Values, Backwards, Doubled, Sifted, Pairs, Numbered, Places, Long, LongKeys, Table,
    Row, LongRow, OwnDict, OwnList,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_object_gives_what_data_put_into_it(kind):
    def f(x):
        held = kind()
        held.fill(x)
        return uses(held)

    jitted = ms.jit(f)
    for x in POINTS:
        np.testing.assert_allclose(np.array(jitted(x), float), np.array(f(x), float), rtol=1e-5)
    assert jitted._cache_size() == 1


def advanced_in_a_branch(x, held):
    it = iter(held)
    if x > 0.75:
        next(it, 0.0)
    return looped(it) + sum(it)


def advanced_in_a_loop(x, held):
    it, found = iter(held), 0.0
    for k in range(2):
        if x > k:
            found = found * 3 + next(it, 7.0)
    return found + sum(it) * 100


def advanced_to_its_end(x, held):
    it, found = iter(held), 0.0
    while (v := next(it, None)) is not None:
        found = found * 2 + v
    return found


@pytest.mark.parametrize("kind", [Bag, Keys, Long, Row], ids=lambda kind: kind.__name__)
def test_iterators_that_data_advance(kind):
    def f(x):
        held = kind()
        held.fill(x)
        ways = (advanced_in_a_branch, advanced_in_a_loop, advanced_to_its_end)
        return [way(x, held) for way in ways]

    jitted = ms.jit(f)
    for x in POINTS:
        np.testing.assert_allclose(np.array(jitted(x), float), np.array(f(x), float), rtol=1e-5)
    assert jitted._cache_size() == 1


NUMBERS = (
    sum, max, any, all, math.prod, lambda xs: functools.reduce(lambda a, b: a + 2 * b, xs),
    lambda xs: next(iter(xs)),
)  # fmt: skip
SERIES = (
    list, tuple, sorted, set, enumerate, lambda xs: filter(lambda v: v > 1, xs),
    lambda xs: zip(xs, range(9), strict=False),
)  # fmt: skip


def test_map_of_a_traced_range():
    def f(n):
        return [
            *[fold(map(turned, range(n))) for fold in NUMBERS],
            *[sum(map(number, made(map(turned, range(n))))) for made in SERIES],
        ]

    def turned(v):
        return (v - 1) * (v - 3)

    jitted = ms.jit(f)
    for n in (5, 2, 3):
        np.testing.assert_allclose(np.array(jitted(n), float), np.array(f(n), float), rtol=1e-5)
    assert jitted._cache_size() == 1


STEPS = (
    itertools.accumulate, lambda w: itertools.accumulate(w, operator.mul, initial=2.0),
    lambda w: map(math.prod, itertools.pairwise(w)), lambda w: itertools.islice(w, 2),
    lambda w: itertools.islice(w, 1, None), lambda w: itertools.chain(w, [1.0]),
    lambda w: itertools.takewhile(lambda v: v < 3, w),
    lambda w: itertools.dropwhile(lambda v: v < 3, w),
    lambda w: itertools.filterfalse(lambda v: v < 3, w),
    lambda w: itertools.compress(w, [1, 0, 1, 1]), deque,
    lambda w: itertools.starmap(lambda v: v * 2, [(v,) for v in w]),
)  # fmt: skip


@pytest.mark.parametrize("kind", [Bag, Keys, Long, LongKeys], ids=lambda kind: kind.__name__)
def test_itertools_go_over_what_data_put_in(kind):
    def f(x):
        held = kind()
        held.fill(x)
        longer = [1.0]
        longer.extend(held.held)
        return [sum(longer), *[looped(step(held.held)) for step in STEPS]]

    jitted = ms.jit(f)
    for x in (3.5, *POINTS):
        np.testing.assert_allclose(np.array(jitted(x), float), np.array(f(x), float), rtol=1e-5)
    assert jitted._cache_size() == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda w: list(itertools.product(w, w)), lambda w: list(itertools.combinations(w, 2)),
        lambda w: list(zip(itertools.cycle(w), range(3), strict=False)),
        lambda w: "".join(map(str, w)),
    ],
)  # fmt: skip
def test_what_has_to_know_the_elements_refuses(use):
    def f(x):
        held = LongKeys()
        held.fill(x)
        return len(use(held.held))

    with pytest.raises(StagingError, match="MS170"):
        ms.jit(f)(2.5)


SETS = {
    "union": lambda d: set().union(d), "intersection": lambda d: {1, 9}.intersection(d),
    "difference": lambda d: {1, 9}.difference(d), "fromkeys": lambda d: dict.fromkeys(d, 2.0),
    "or": lambda d: d.keys() | {9}, "and": lambda d: d.keys() & {1, 2, 9},
    "sub": lambda d: {0, 9} - d.keys(), "xor": lambda d: d.keys() ^ {1, 9},
}  # fmt: skip


def test_sets_of_keys_that_data_decide():
    def f(x):
        held = Keys()
        held.fill(x)
        d = held.held
        return (
            [sum(make(d)) + 10 * len(make(d)) for make in SETS.values()],
            [d.keys() == {0, 1, 2}, {1}.issubset(d), {1}.isdisjoint(d), d.keys() >= {0, 1}],
        )

    jitted = ms.jit(f)
    for x in POINTS:
        got, wanted = (np.hstack(g(x)).astype(float) for g in (jitted, f))
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("made", [dict, UserDict, Table], ids=lambda made: made.__name__)
def test_keys_that_may_be_there_are_put_into_others(made):
    def f(x):
        given = made()
        given["a"] = 1.0
        if x > 1:
            given["b"] = x
        updated, united, other = {"b": 5.0}, {"b": 6.0}, UserDict(b=7.0)
        updated.update(given)
        other.update(given)
        united |= dict(given)
        found = (updated, united, other, {"b": 8.0} | dict(given), {"b": 9.0, **given})
        return [d["b"] * 10 + len(d) for d in found]

    jitted = ms.jit(f)
    for x in POINTS:
        np.testing.assert_allclose(jitted(x), f(x), rtol=1e-6)


def a_mapping(x, table):
    table["a"] = x
    table.setdefault("b", 2.0)
    if x > 1:
        table["q"] = x * x
        table.update(a=9.0)
    found = table.get("q", -1.0) + len(table) + ("q" in table) + sum(table.values())
    for k, v in table.items():
        found = found * 2 + v if k != "b" else found - v
    return found + table.pop("a") + (table["q"] if "q" in table else 0.5)  # noqa: SIM401


def a_sequence(x, row):
    row.append(1.0)
    row.extend([x, 3.0])
    if x > 1:
        row.append(x * x)
        row[0] = x
    found = sum(row) + len(row) + row.count(3.0) + (3.0 in row) + row[-1]
    for v in reversed(row):
        found = found * 2 + v
    row.pop(0)
    return found + row.index(3.0) + row.pop()


def a_pipe(x, pipe):
    pipe.put(x)
    pipe.put_nowait(1.25)
    if x > 1:
        pipe.put(x * x)
    found = pipe.qsize() * 100.0
    while not pipe.empty():
        found = found * 2 + pipe.get()
    return found


CASES = {
    "Mapping": (a_mapping, Table), "UserDict": (a_mapping, UserDict),
    "ChainMap": (a_mapping, lambda: ChainMap({}, {"b": 4.0})), "Sequence": (a_sequence, Row),
    "UserList": (a_sequence, UserList), "Queue": (a_pipe, queue.Queue),
    "LifoQueue": (a_pipe, queue.LifoQueue), "PriorityQueue": (a_pipe, queue.PriorityQueue),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_containers_of_the_standard_library(name):
    f, made = CASES[name]
    jitted = ms.jit(lambda x: f(x, made()))
    slope = ms.grad(lambda x: f(x, made()))
    for x in POINTS:
        np.testing.assert_allclose(jitted(x), f(x, made()), rtol=1e-5)
        h = 1e-4
        np.testing.assert_allclose(
            slope(x), (f(x + h, made()) - f(x - h, made())) / (2 * h), rtol=1e-4
        )
    assert jitted._cache_size() == 1


def test_waiting_for_ever_is_an_exception():
    def f(x):
        pipe = queue.Queue(1)
        if x > 0:
            pipe.put(x)
        return pipe.get()

    jitted = ms.jit(f)
    assert jitted(2.0) == 2.0
    with pytest.raises(queue.Empty):
        jitted(-1.0)

    def g(x):
        pipe = queue.Queue(1)
        if x > 0:
            pipe.put(x)
        pipe.put(1.0)
        return pipe.get()

    jitted = ms.jit(g)
    assert jitted(-2.0) == 1.0
    with pytest.raises(queue.Full):
        jitted(1.0)


def test_plain_python_is_left_as_it_was():
    table, row = UserDict(a=1), UserList([1, 2])
    assert isinstance(table.keys(), KeysView)
    assert isinstance(table.items(), ItemsView)
    assert isinstance(row, Sequence)
    assert (list(table), [*row], table == {"a": 1}, 2 in row) == (["a"], [1, 2], True, True)
    pipe = queue.Queue()
    pipe.put(3)
    assert (pipe.get(timeout=1), pipe.empty()) == (3, True)
