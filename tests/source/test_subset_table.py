"""The page about the Python subset row by row: what it accepts means the same under transforms.

Each row of its tables has probes here, so that a row cannot be added or changed without one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import math
import queue
import typing
from collections import UserDict, UserList
from pathlib import Path

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.source.test_refusals import REFUSALS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python_subset.md"


def rows(heading):
    """First cells of the table under a heading of the page."""
    part = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines]


# --- one function, or a few, for each row -----------------------------------------------------


def decides(x, n):
    if x > 1:
        y = x * x
    elif n > 2:
        y = 3 * x
    else:
        y = -x
    return y + (x if n > 0 else 2)


def repeats(x, n):
    while n > 0:
        x = x * 1.5 if x < 1 else x - 0.25
        n -= 1
    else:
        x = x + 1
    return x


def goes_through(x, n):
    s = 0.0
    for i in range(n):
        s += x * i
    for i, (a, b) in enumerate(zip([x, 2 * x], (1.0, x), strict=True)):
        s += a * b * i
    for row in mnp.stack([x, x * x]):
        s = s * 0.5 + row
    for k, v in {"a": x, "b": 3.0}.items():
        s += v * len(k)
    for v in reversed([x, 1.0]):
        s = s * v + 1
    return s


def leaves(x, n):
    for i in range(6):
        if i == n:
            continue
        x = x * 1.25
        if x > 3:
            return x
        if i > n + 1:
            break
    else:
        return -x
    return x / 2


def joins(x, n):
    if (0 < x <= 2 and n > 0) or not x > -1:
        return x * x
    return x + (n in (2, 5))


def matches(x, n):
    match (n, [x, 1.0], {"k": x}):
        case (0, [a, _], _):
            y = a * 2
        case (k, [a, b], {"k": c}) if k > 2:
            y = a * b + c
        case _:
            y = x
    return y + (z := x * 3) * z


def sifts(x, n):
    w = [x]
    if n > 1:
        w.append(x * x)
    if x > 1 and len(w) > 1:
        w.pop(0)
    big = [v for v in (*w, n * x) if v > 1.0]
    s = sum(big) + len(big) + (big[-1] if big else -x)
    for i, v in enumerate(reversed(big)):
        s += i * v
    return s + max(sorted(w)) + (1.9 in w)


def comprehends(x, n):
    squares = [x * i for i in range(3)]
    total = sum(v * v for v in squares if v > 0.5)
    pairs = {i: x + i for i in range(2)}

    def generated():
        for v in pairs.values():
            yield v * v

    return total + sum(generated()) + max(i * x for i in range(3))


def iterates(x, n):
    it = iter([x, 2 * x, 3 * x, 4 * x])
    s = next(it) if n > 1 else 0.0
    for v in it:
        s += v * v
        if v > 2.5:
            break
    return s + sum(v for v in it)


def grows(x, n):
    stack, s = [(n, x)], 0.0
    while stack:
        k, v = stack.pop()
        s += v * v
        if k > 0:
            stack.append((k - 1, v * 0.5))
            stack.append((k - 2, v + 1.0))
    return s + sum([x * i for i in range(n)])


def keeps_keys(x, n):
    d = {k: x * i for i, k in enumerate("abc") if x > i}
    if n > 1:
        d["c"] = x * x
    if "c" in d:
        d["c"] += 1
    return sum(d.values()) + d.get("b", x) + len(d)


def wraps(x, n):
    d, w, q = UserDict(a=x), UserList([x]), queue.PriorityQueue()
    if n > 1:
        d["b"] = x * x
        w.append(2 * x)
        q.put(3 * x)
    q.put(1.0 + x * 0)
    return sum(d.values()) * d.get("b", 2.0) + w[-1] * len(w) + q.get() + q.qsize()


def has_traced_keys(x, n):
    seen, d = {n, 2}, {n: x, 3: x * x}
    for i in range(4):
        k = i * n % 3
        if k in seen:
            d[k] = d.get(k, 0.0) + x * i
        seen.add(k)
    return sum(v * k for k, v in d.items()) + len(seen - {0}) + len({k for k in d if k > 0})


def indexes(x, n):
    a = mnp.arange(4.0) * x
    a[n] = 5 * x
    a[0] += x * x
    return a[n] * a[0] + [x, 2 * x, 3 * x, 4 * x][n] + {0: x, 2: 1.0, 3: x * x}[n]


def fills_arrays(x, n):
    a, rows = np.zeros(4), [np.array([x, 2.0]), np.array([1.0, x])]
    a[n] = x * x
    np.add(a, x, out=a)
    return a[n] + a.sum() + np.dot(*rows) + [10.0, 20.0][np.arange(2)[1]]


def takes_parts(x, n):
    a = x * np.arange(1.0, 5.0)
    b = 2 * a[: n + 1]
    a[a > 2] *= x
    a[n:] = b[-1] + a[n:]
    for v in b:
        x += v * v
    return x + a.sum() + np.log(b[b > 0]).sum() + (b @ b) / len(b) + np.max(b)


def deletes(x, n):
    w = [x, 2 * x, 3 * x, 4 * x]
    del w[1]
    last = w.pop()
    return last * w[1] + sum(w[:1])


def compares(x, n):
    y = x if [x, n] < [1.0, 5] else 2 * x
    if (n, 1) == (2, 1):
        y = y + 1
    return y * sorted([(x, 1.0), (0.5, 2.0)])[0][1] + max([x, 1.5])


class Mode(enum.Enum):
    """How to proceed."""

    DOUBLE = 2
    TRIPLE = 3


def chooses(x, n):
    mode = Mode.DOUBLE if n > 0 else Mode.TRIPLE
    name = "long" if x > 1 else "short"
    maybe = x if n > 2 else None
    y = x * (5.0 if mode is Mode.DOUBLE else 7.0)
    if name == "long":
        y = y + 1
    return y if maybe is None else y * maybe


@dataclasses.dataclass
class Account:
    """Holds a number."""

    value: typing.Any

    def add(self, more):
        self.value = self.value + more if more > 0 else self.value - 1

    @property
    def doubled(self):
        return self.value * 2 if self.value > 1 else self.value

    def __mul__(self, other):
        return Account(self.value * other if other > 1 else self.value)


class Checked(Account):
    """Adds in two steps."""

    def add(self, more):
        super().add(more)
        super().add(more * 0.5)


class Point(typing.NamedTuple):
    """A named tuple."""

    a: typing.Any
    b: typing.Any


class Link:
    """A number, and the link before it."""

    def __init__(self, value, before):
        self.value = value
        self.before = before


def goes_around(x, n):
    first = Link(x, None)
    last = Link(x * x, first)
    first.before = last
    at = first if x > 1 else last
    at.value = at.value * 3.0
    return first.value + 10 * last.value + at.before.value * at.before.before.value


def links(x, n):
    last, total = None, 0.0
    for i in range(n):
        last = Link(x * x * i, last)
    while last is not None:
        total = total * 2 + last.value
        last = last.before
    return total


def stores(x, n):
    account, table, w, count = Account(x), {"k": 0.0}, [x], 0.0

    def bump():
        nonlocal count
        count += x

    for _ in range(n):
        account.value = account.value * 1.1
        bump()
    if x > 1:
        table["k"] = x
        w.append(2.0)
    else:
        table["k"] = -x
        w.append(x * x)
    return account.value + table["k"] + w[1] + count


def passes_functions(x, n):
    def square(y):
        return y * y if y > 0 else y

    def power(y, k):
        return y if k <= 0 else y * power(y, k - 1)

    def spread(*args, scale=2.0, **rest):
        return sum(args) * scale + rest["more"]

    f = square if n > 1 else lambda y: 3 * y
    return f(x) + functools.partial(power, x)(3) * 0.1 + spread(x, 1.0, more=x)


def calls_itself(x, n):
    return x if n <= 0 else x * calls_itself(x, n - 1)


def uses_classes(x, n):
    account = Checked(x)
    account.add(n * 0.5)
    p = Point(x, b=account.doubled)
    return p.a * p.b + (account * x).value


def protects(x, n):
    y = x
    try:
        with contextlib.suppress(KeyError):
            y = {"a": x}["b"]
        if n > 2:
            y = y * 2
        raise ValueError("known")
    except ValueError:
        y = y + 1
    finally:
        y = y * x
    return y


def checks(x, n):
    assert n < 10, "too many"
    if x > 100:
        raise ValueError(f"too large: {x}")
    return x * x


def calls_builtins(x, n):
    y = abs(x) + max(x, 0.5) + sum([x, 2.0]) + math.sin(x) + round(2.5) + pow(x, 2)
    y += int(n) + float(x) + len([x, x]) + divmod(n, 2)[0]
    if any([x > 1, n > 5]) and all(map(bool, [n, 1])) and isinstance(n, object):
        y += sorted([x, 1.0], key=lambda v: -v)[0]
    return y + functools.reduce(lambda a, b: a * b, [x, 2.0, x])


def unpacks(x, n):
    w = [x, 2.0]
    while len(w) < 2 + n:
        w.append(w[-1] * x)
    first, *rest = w
    d = {"a": first} | ({"b": 3.0} if x > 1 else {})
    return first + sum([*w, *rest]) + sum(dict(**d).values()) + max(*w, 0.0)


def tells(x, n):
    text = f"{n:>4}" + str(x) + repr(n) + format(x)
    if x > 100:
        raise ValueError(text)
    return x


def says_little(x, n):
    """With a docstring."""
    import math as m

    y: float = x * m.pi
    z = y
    del y
    pass
    return z


ACCEPTED = [decides, repeats, goes_through, leaves, joins, matches, comprehends, iterates, sifts,
            grows, keeps_keys, wraps, has_traced_keys, indexes, takes_parts, fills_arrays,
            deletes, unpacks, compares, chooses, goes_around, links, stores, passes_functions,
            uses_classes, protects, checks, calls_builtins, tells, says_little]  # fmt: skip


def test_every_accepted_row_has_a_function():
    """In the order of the page."""
    assert len(rows("What is accepted")) == len(ACCEPTED)


@pytest.mark.parametrize("f", [*ACCEPTED, pytest.param(calls_itself, marks=pytest.mark.slow)])
def test_accepted(f):
    """Value and slope of a batch, compiled, are those of Python on each pair of numbers."""
    xs, ns = np.array([0.7, 1.9, -1.3, 0.7]), np.array([0, 2, 3, 3], np.int32)
    values, slopes = ms.jit(ms.vmap(ms.value_and_grad(f)))(xs, ns)
    pairs, h = [(x, int(n)) for x, n in zip(xs, ns, strict=True)], 1e-6
    np.testing.assert_allclose(values, [f(x, n) for x, n in pairs], rtol=1e-9)
    wanted = [(f(x + h, n) - f(x - h, n)) / (2 * h) for x, n in pairs]
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6, atol=1e-6)


REFUSED = [
    ["grows", "grows_a_text"],
    ["disagrees_in_shape", "disagrees_in_structure"],
    ["slices_a_text", "turns_a_deque"],
    ["looks_at_locals"],
    ["calls_itself_for_ever"],
    [
        "returns_in_finally",
        "text_decides",
        "key_made_of_text",
        "measures_text",
        "appends_in_branch",
        "slices_an_array",
    ],
    ["draws_in_loop", "draws_after_a_branch_did", "writes_to_a_buffer"],
    ["yields_in_branch", "yields_in_loop", "advances_in_branch", "advances_in_both_branches"],
    ["text_is_a_key", "adds_to_nothing"],
    ["stores_to_numpy", "changes_bytes", "changes_c_array"],
    ["catches_around_a_transform", "catches_in_groups"],
    ["makes_a_shape"],
    ["leaves_through_item"],
    ["numpy_itself"],
    [],  # async: tests/source/test_policy.py
    [],  # truth of arrays: tests/source/test_refusals.py
]


def test_every_refused_row_has_its_refusals():
    """In the order of the page; `test_refusals.py` runs them."""
    found = rows("What is refused")
    assert len(found) == len(REFUSED)
    assert found[-2] == "`async` functions"
    assert "truth value" in found[-1]
    known = {r[0].__name__ for r in REFUSALS}
    assert known.issuperset(name for names in REFUSED for name in names)
