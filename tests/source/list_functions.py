"""Python functions on lists whose length the data decide, and on the library that makes such.

Each takes a float and an integer; plain Python on floats is the oracle.
"""

# ruff: noqa: B007, B905, C417, E731, PERF401, RUF007

from __future__ import annotations

import bisect
import functools
import heapq
import itertools
import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

CASES: list[Any] = []


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@dataclass
class Part:
    pos: float
    vel: float


@case
def takewhile_traced(x, n):
    return sum(itertools.takewhile(lambda v: v < 2, [x, x + 0.5, x * 2, 0.1]))


@case
def dropwhile_traced(x, n):
    s = 0.0
    for v in itertools.dropwhile(lambda v: v < 1, [x, x + 0.5, x * 2, 0.1]):
        s = s * 0.5 + v
    return s


@case
def filterfalse_traced(x, n):
    return sum(v * v for v in itertools.filterfalse(lambda v: v > 0, [x, -x, x - 1]))


@case
def compress_traced(x, n):
    return sum(itertools.compress([x, 2 * x, 3 * x], [x > 0, x > 1, n > 0]))


@case
def partition_two(x, n):
    pos = [v for v in (x, x - 1, 1 - x) if v > 0]
    neg = [v for v in (x, x - 1, 1 - x) if not v > 0]
    return sum(pos) - 2 * sum(neg) + len(pos) * 10


@case
def nested_comp_inner_traced(x, n):
    return sum([i * j * x for i in range(3) for j in range(3) if i * x > j])


@case
def nested_comp_two_ifs(x, n):
    return max((a - b for a in (x, 1.0, 2.0) if a > 0 for b in (x, 0.5) if b < a), default=-7.0)


@case
def list_concat_comp(x, n):
    l = [v for v in (x, 1.0, 2.0) if v > 0] + [5.0]
    s = 0.0
    for v in l:
        s = s * 0.5 + v
    return s


@case
def filtered_index_last(x, n):
    l = [v for v in (x, 1.0, 2.0) if v > 0.5]
    return l[-1] * 10 + l[0]


@case
def filtered_sorted(x, n):
    l = sorted([v for v in (2.0, x, 1.0) if v > 0.5])
    return l[0]


@case
def filtered_enumerate(x, n):
    s = 0.0
    for i, v in enumerate([v for v in (x, 1.0, 2.0) if v > 0.5]):
        s += (i + 1) * v
    return s


@case
def filtered_reversed(x, n):
    s = 0.0
    for v in reversed([v for v in (x, 1.0, 2.0) if v > 0.5]):
        s = s * 0.5 + v
    return s


@case
def filtered_comp_of_comp(x, n):
    l = [v for v in (x, 1.0, 2.0) if v > 0.5]
    return sum([v * 2 for v in l]) + sum(v * 3 for v in l if v < 1.5)


@case
def append_in_branch_then_sum(x, n):
    l = []
    for v in (x, x - 1, x + 1):
        if v > 0:
            l.append(v)
    return sum(l)


@case
def append_in_branch_len(x, n):
    l = []
    for v in (x, x - 1, x + 1):
        if v > 0:
            l.append(v)
    return len(l) * x


@case
def accumulate_max(x, n):
    return sum(itertools.accumulate([x, 0.1, 2.0, 1.0], max))


@case
def heapq_traced_pushes(x, n):
    h = []
    for v in (x, 1.0, -2.0, x * x):
        heapq.heappush(h, v)
    return heapq.heappop(h) + 2 * heapq.heappop(h)


@case
def heapq_nsmallest(x, n):
    return sum(heapq.nsmallest(2, [x, 1.0, -2.0, x * x])) + heapq.nlargest(1, [x, 1.0])[0]


@case
def heap_of_tuples(x, n):
    h = [(x, 0), (1.0, 1), (x * x, 2)]
    heapq.heapify(h)
    d, i = heapq.heappop(h)
    return d + 10 * i


@case
def bisect_traced(x, n):
    l = [-2.0, 0.0, 1.0, 2.0, 3.0]
    return bisect.bisect_left(l, x) * x + bisect.bisect(l, x)


@case
def insort_traced(x, n):
    l = [-2.0, 0.0, 1.0]
    bisect.insort(l, x)
    return l[1] + 2 * l[2]


@case
def counter_most_common(x, n):
    cn = Counter(a=x, b=1.0, c=-1.0)
    return cn.most_common(1)[0][1]


@case
def takewhile_count_traced(x, n):
    s = 0.0
    for i in itertools.takewhile(lambda i: i * 0.7 < x + 2, itertools.count()):
        if i == 5:
            break
        s += x * i
    return s + sum(itertools.takewhile(lambda k: k * k < n + 5, itertools.count(1)))


@case
def uneven_stack_pops(x, n):
    st = []
    for v in (x, x - 1, 2.0, -x):
        if v > 0:
            st.append(v)
        elif st:
            st.pop()
    return sum(st) + 10 * len(st) + (st[-1] if st else 0.0)


@case
def uneven_slices_set(x, n):
    l = [v for v in (x, 1.0, 2.0, -x) if v > 0]
    l[0] = 5.0
    m = l[1:]
    return sum(l[:2]) + len(m) * 3 + sum(m[::-1]) + (l == m) * 100


@case
def uneven_while_worklist(x, n):
    work = [x, 1.0, 2.0]
    s = 0.0
    k = 0
    while work and k < 9:
        v = work.pop()
        k += 1
        s = s * 0.5 + v
        if v > 1.5:
            work.append(v * 0.5)
    return s + k


@case
def uneven_returned_and_passed(x, n):
    def keep(vs, f):
        return [v for v in vs if f(v)]

    def stats(vs):
        if not vs:
            return -1.0
        return sum(vs) / len(vs) + max(vs)

    return stats(keep([x, 1.0, 2.0], lambda v: v > 0.5)) + stats(keep([x], lambda v: v > 1))


@case
def uneven_dict_of_lists(x, n):
    d = {"p": [], "n": []}
    for v in (x, x - 1, 2.0):
        d["p" if v > 0 else "n"].append(v)
    return sum(d["p"]) * 2 - sum(d["n"]) + len(d["n"])


@case
def uneven_zip_enumerate_any(x, n):
    l = [v for v in (x, 1.0, 2.0) if v > 0.5]
    return (
        sum(i * a * b for i, (a, b) in enumerate(zip(l, (3.0, 4.0, 5.0))))
        + any(v > 2 for v in l)
        + (2.0 in l)
        + l.count(1.0)
    )


@case
def uneven_attr_list(x, n):
    class Bag:
        def __init__(s):
            s.items = []

        def add(s, v):
            if v > 0.5:
                s.items.append(v)

        def total(s):
            return sum(s.items)

        def __len__(s):
            return len(s.items)

    b = Bag()
    for v in (x, 1.0, 0.2):
        b.add(v)
    return b.total() + len(b)


@case
def uneven_objects(x, n):
    ps = [Part(x, 1.0), Part(2.0, x)]
    live = [p for p in ps if p.pos > 1]
    for p in live:
        p.vel += 10
    return sum(p.vel for p in live) + ps[0].vel + ps[1].vel * 2


@case
def uneven_both_branches(x, n):
    if x > 0:
        l = [x, x * 2]
    else:
        l = [1.0]
    l += [3.0]
    return sum(v * (i + 1) for i, v in enumerate(l))


@case
def uneven_deque(x, n):
    q = deque([x])
    if x > 0:
        q.append(2 * x)
    if n > 0:
        q.appendleft(1.0)
    a = q.popleft()
    return a * 3 + sum(q) + len(q)


@case
def uneven_reduce_prod(x, n):
    l = [v for v in (x, 1.5, 2.0) if v > 0.5]
    return functools.reduce(lambda a, b: a * b + 1, l) + math.prod(l)


@case
def uneven_map_filter(x, n):
    l = list(filter(lambda v: v > 0.5, [x, 1.0, 2.0]))
    return sum(map(lambda v: v * v, l)) + sum(1 for _ in l)


@case
def traced_insert_pop_del(x, n):
    l = [1.0, 2.0, 3.0]
    l.insert(n, x)
    a = l.pop(n - 1 if n > 0 else 0)
    del l[n % 3]
    return a + sum(v * (i + 1) for i, v in enumerate(l))


@case
def remove_while_iterating_copy(x, n):
    l = [1.0, x, 3.0, -1.0]
    for v in list(l):
        if v < 0:
            l.remove(v)
    return sum(l)


@case
def partition_quicksort_functional(x, n):
    def qs(l):
        if len(l) <= 1:
            return l
        p = l[0]
        return qs([v for v in l[1:] if v < p]) + [p] + qs([v for v in l[1:] if v >= p])

    r = qs([x, 1.0, 2.0])
    return r[0] + 10 * r[1] + 100 * r[2]


@case
def monotone_stack_next_greater(x, n):
    a = [x, 1.0, 2.0, 0.5]
    st = []
    s = 0.0
    for v in a:
        while st and st[-1] < v:
            s += st.pop() * v
        st.append(v)
    return s + len(st)


@case
def next_traced_filter(x, n):
    return next((v for v in (x, 1.0, 2.0) if v > 0.5), -9.0)


@case
def history_with_break(x, n):
    hist = []
    y = x
    for i in range(8):
        if abs(y - 1) < 0.2:
            break
        hist.append(y)
        y = y * 0.6 + 0.4
    return len(hist) + sum(hist) + (hist[-1] if hist else 0.0)


@case
def history_diffs(x, n):
    hist = [x]
    for i in range(5):
        v = hist[-1] * 0.5 + 0.3
        if v > 2:
            continue
        hist.append(v)
    return sum(abs(b - a) for a, b in zip(hist, hist[1:])) + max(hist)


@case
def collect_pairs_then_best(x, n):
    cands = [(abs(x - i), i) for i in range(5) if i != n]
    d, i = min(cands)
    return d + 10 * i


def _perhaps(x, n):
    w = [x, 2.0]
    if n > 1:
        w.append(3.0 + x)
    return w


def _are_equal(a, b):
    return a == b


def _is_nothing(v):
    return v is None


def _lengthened(w):
    w += [0.5]
    return w


@case
def functions_that_only_compare(x, n):
    w, v = _perhaps(x, n), None if x > 0 else x
    lengthened = _lengthened(w) if n > 0 else w
    return _are_equal(w, [x, 2.0]) + 10 * _is_nothing(v) + sum(w) + len(lengthened)


@case
def comprehensions_in_lambdas(x, n):
    scaled = lambda w, k=2: [v * k for v in w if v > 1]
    total = lambda w: sum(v * y for v in w if v > n) + any(v > 2 for v in w)
    y = x + 1
    w = _perhaps(x, n)
    return total(w) + sum(scaled(w)) + math.prod(v + 1 for v in w)


@case
def comprehensions_in_comprehensions(x, n):
    rows = [[x, 1.0], [2.0, x], [3.0, -x]]
    kept = [sum(v * v for v in r) for r in rows if r[0] > n]
    most = functools.reduce(lambda a, b: a + b, (max(r) for r in rows if min(r) < n), 0.0)
    return sum(kept) + most + sum(sum([v for v in r if v > n]) for r in rows if max(r) > x)


@case
def patterns_of_lists_of_unknown_length(x, n):
    match _perhaps(x, n):
        case [a, b] if a > b:
            return a * b
        case [a, 2.0]:
            return a - 1
        case [a, *rest] if a > 0:
            return a + sum(rest) * len(rest)
        case [a, b, c]:
            return a * b + c
    return -1.0


@case
def patterns_of_chosen_instructions(x, n):
    program = [("put", "a", 2), ("nop",), ("add", "a", "b"), ("go", 5), ("put", "b", 7), ("end",)]
    values, at = {"a": x, "b": 1.0}, n % 3
    while program[at][0] != "end":
        match program[at]:
            case ("put", name, int(v)):
                values[name] = v * x
            case ("add" | "sub" as how, one, other):
                values[one] += values[other] if how == "add" else -values[other]
            case ("go", to):
                at = to - 1
            case (_, *others):
                values["a"] += 0.5 + len(others)
        at += 1
    return values["a"] + 10 * values["b"] + at


@case
def names_of_two_patterns(x, n):
    match [1 if x > 0 else 2, n]:
        case [1, a] | [a, 4]:
            return a * x
        case [_, 1 | 2 as a] | [a, 0]:
            return a + 0.5
    return sum(k * len(rest) for k, *rest in [(x, 1, 2), (n, 3), (2 * x, 4)] if k > 0)
