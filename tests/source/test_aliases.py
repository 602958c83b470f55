"""Names for one of several objects, which data chose: stores through one are seen through others.

Python itself is the oracle; recorded programs are run by the interpreter of programs.
"""

# ruff: noqa: B007

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import StagingError
from ms_func.ir.evaluate import evaluate
from tests.source.test_programs import by_name

POINTS = [(x, n) for x in (-1.25, 0.5, 2.75) for n in (0, 1, 4)]
CASES = []


def case(f):
    CASES.append(f)
    return f


class Acc:
    def __init__(s):
        s.t = 0.0


@case
def obj_ifexp(x, n):
    a, b = Acc(), Acc()
    c = a if x > 0 else b
    c.t += x
    return a.t * 10 + b.t


@case
def an_object_in_a_list_that_an_inner_loop_binds_anew(x, n):
    p = first = [[0.5]]
    held = p[0]
    for _ in range(n):
        for _ in range(n):
            p = [[x]]
        p[0] = [1.0]
    held[0] = 9.0
    return first[0][0] + 10 * p[0][0]


@case
def a_loop_hands_on_what_a_condition_may_have_chosen(x, n):
    o, p, q = [x], [0.5], [1.0]
    t = p
    if x > 0:
        p, q = q, p
    while n > 2:
        t, n = o, n - 1
    q[0] = 7.0
    return t[0] + 10 * p[0]


@case
def a_condition_may_have_chosen_what_a_loop_hands_on(x, n):
    o, p, q = [x], [0.5], [1.0]
    t = p
    if x > 0:
        p, q = q, p
    while n > 2:
        t, n = o, n - 1
    t[0] = 7.0
    return q[0] + 10 * p[0] + 100 * o[0]


@case
def a_choice_is_what_a_loop_hands_on(x, n):
    p, q, t = [x], [0.5], [2.0]
    if x > 0:
        p = q
    while n > 1:
        t, n = q, n - 1
    return 1.0 if p is t else 0.0


@case
def a_choice_that_a_loop_hands_on(x, n):
    p, r = [0.5], [2.0]
    t = p
    while n > 2:
        t, n = [x], n - 1
    s = t if x < 0.75 else r
    u = p
    while n > 1:
        u, n = s, n - 1
    r[0] = 7.0
    return u[0]


@case
def lists_that_a_loop_moves_in_a_branch(x, n):
    p, q, s = [x], [1.0], [2.0]
    w = [p, q]
    if n > 2:
        while n > 0:
            w, n = [w[1], s], n - 1
    w[0][0] += 20.0
    return p[0] + 3 * q[0] + 7 * s[0]


@case
def elements_of_a_loop_that_is_left(x, n):
    p, q = [0.5], [-0.25]
    for e in [p, q, p]:
        e[0] += x
        if n < 1:
            break
    e[0] += 2.0
    return p[0] + 10 * q[0]


@case
def elements_of_a_long_loop(x, n):
    w = [[i * 1.0, x] for i in range(20)]
    for e in w:
        e[1] += x
    for i, e in enumerate(w):
        if e[0] > x:
            kept = e
        w[i][0] += n
    kept[1] += 7.0
    return sum([a * (i + 1) + b * (2 * i + 1) for i, (a, b) in enumerate(w)])


@case
def which_element_of_a_loop(x, n):
    w = [[i * 1.0, x] for i in range(18)]
    found = 0
    for e in w:
        if e is w[7] and e[1] > 0:
            found += 1
    return found


@case
def a_list_that_is_stored_to_while_a_loop_goes_over_it(x, n):
    w = [x * i for i in range(20)]
    s = x
    for v in w:
        w[12] = x
        s += v
    for i, v in enumerate(w[:4]):
        w[3] = s
        s += v
        if s > n:
            break
    u = w[:5]
    for i, v in enumerate(u):
        u[3] = s
        s += v
        if s > 10 + n:
            break
    return s


@case
def a_list_that_is_stored_to_beside_a_range(x, n):
    w, u = [i * 1.0 for i in range(5)], [[i * 1.0] for i in range(5)]
    s = x
    for v, e, i in zip(w, u, range(n), strict=False):
        w[2] = x
        u[1][0] = x
        e[0] += v
        s += v * (i + 1)
    return s + u[0][0] + 10 * u[1][0] + 100 * u[2][0]


@case
def a_list_that_is_stored_to_after_a_view_of_it_was_made(x, n):
    w = [1.0, 2.0, 3.0]
    pairs, mirror = enumerate(w), reversed(w)
    w[1] = x
    s = 0.0
    for i, v in pairs:
        w[2] = v
        s += v * (i + 1)
    for v in mirror:
        s = s * 0.5 + v
    return s


@case
def stores_beside_a_list_that_a_branch_makes(x, n):
    o, p = [[x]], [[0.5]]
    if x > 1.0:
        w = [p, o]
        w[1] = p
        p[0][0] += 2.0
    else:
        w = [p, o]
        w[1] = p
    w[0][0][0] += 3.0
    return p[0][0]


class Kept:
    def __init__(s, v):
        s.v = v

    def __setattr__(s, name, value):
        object.__setattr__(s, name, value * 2)


@case
def objects_that_store_in_their_own_way(x, n):
    o, p = Kept(x), Kept(0.5)
    if x > 0:
        o.v = 3.0
        q = o
    else:
        q = p
        p.v = x
    q.v += 1.0
    while n > 0:
        n -= 1
        if x > 1.0:
            r = Kept(x)
            r.v = n
            o, p = r, o
            o.v = x * 3
        else:
            o, p = p, o
            p.v = x
    return o.v + 3 * p.v + 7 * q.v


@case
def a_list_that_holds_itself(x, n):
    w = [x, 1.0]
    w.append(w)
    m = [w]
    w.append(m)
    if x > 0:
        w[0] = 2.0
    for i in range(3):
        if n > i:
            w[0] = w[2][0] * 2.0
        else:
            m[0][1] = 3.0
    return w[0] + w[3][0][1]


@case
def a_dictionary_that_holds_itself(x, n):
    d = {"a": x}
    d["self"] = d
    if x > n:
        d["a"] = 2.0
    return d["self"]["a"]


class Node:
    def __init__(self, v, up=None):
        self.v, self.up, self.kids = v, up, []

    def add(self, v):
        self.kids.append(Node(v, self))
        return self.kids[-1]


@case
def children_that_know_their_parent(x, n):
    root = Node(x)
    a, b = root.add(x * 2), root.add(1.0)
    c = a if x > 0 else b
    c.v = c.v * 3.0
    c.up.v += c.v
    return root.v + a.v * 10 + b.v * 100 + c.up.kids[0].v


@case
def a_walk_around_a_ring(x, n):
    a, b, c = Node(x), Node(1.0), Node(2.0)
    a.up, b.up, c.up = b, c, a
    at = a
    if n > 1:
        at = at.up
    if x > 0:
        at = at.up
    at.v += 10.0
    return a.v + b.v * 2 + c.v * 3 + at.up.v * 7


@case
def a_ring_that_either_branch_makes(x, n):
    if x > n:
        a, b = Node(x), Node(1.0)
        a.up, b.up = b, a
    else:
        b, a = Node(x), Node(2.0)
        b.up, a.up = a, b
    a.up.up.v += 1.0
    return a.v + b.up.v + b.v * 10


@case
def one_that_holds_itself_or_one_that_does_not(x, n):
    a, b = Node(x), Node(0.5)
    a.up = a
    c = a if x > 0 else b
    c.v += 1.0
    return a.v + a.up.v * 2 + b.v * 10 + (1 if c.up is a else 0)


@case
def chosen_containers_that_hold_themselves(x, n):
    v, w = [x], [2.0]
    v.append(v)
    w.append(w)
    d, e = {"v": x}, {"v": 2.0}
    d["own"], e["own"] = d, e
    c, f = (v, e) if x > n else (w, d)
    c[0] += 1.0
    f["v"] += 1.0
    return c[1][0] + v[0] * 10 + w[0] * 100 + f["own"]["v"] + d["v"] * 7 + e["v"] * 13


@case
def list_old_or_new(x, n):
    a = [1.0, 2.0]
    b = a
    if x > 0:
        b = [x, 5.0]
    b[0] = 7.0
    return a[0] * 10 + a[1] + 100 * b[0] + b[1]


@case
def a_list_made_in_a_branch_that_two_names_hold_afterwards(x, n):
    o, q = [[x, 1.0]], [[1.0, 2.0]]
    if n > 1:
        if x > 0:
            o[0] = [4.0, 5.0]
        q = o
    o[0][0] = 5.0
    return q[0][0] + 10 * o[0][1] + 100 * (q[0] is o[0])


@case
def lists_that_a_loop_exchanges_before_an_early_return(x, n):
    o = [2.0, 3.0]
    xs, ys = [x, 1.0, 2.0], [0.5, x]
    if x > 1:
        return x
    for _ in range(n):
        o = ys
        xs, ys = ys, xs
    xs[1] += 1.0
    o[0] = 5.0
    return xs[0] + 10 * ys[0] + 100 * xs[1]


@case
def an_object_that_a_caught_failure_leaves_beside_an_early_return(x, n):
    o, p = Acc(), Acc()
    o.t, p.t = [x, 0.5], [0.25]
    t, held = (x, p), o.t
    if n > 0:
        o.t += [x]
    else:
        return x
    try:
        if x:
            _, o = t
        o.t = held
        raise KeyError
    except KeyError:
        pass
    return x * 2


@case
def two_choices_among_the_same(x, n):
    a, b = Acc(), Acc()
    c = a if x > 0 else b
    d = a if n > 0 else b
    c.t = x * 3
    e = [x, 0.5]
    f = [2.0, 3.0]
    g = e if x < 1 else f
    h = e if n < 2 else f
    g[1] = 7.0
    return d.t + 10 * a.t + 100 * h[1] + e[1]


@case
def a_choice_of_a_choice_after_a_store(x, n):
    a, b = Acc(), Acc()
    p = a if b.t > x else b
    c, old, p.t = p, p.t, 0.25
    p = a if a.t > x else p
    c.t = old + x
    return 3 * a.t + 5 * p.t


@case
def chosen_after_a_loop(x, n):
    o, p = Acc(), Acc()
    for _ in range(n + 1):
        p = o if o.t < x else p
    if x > -1:
        p = o if n < 2 else p
    o.t = 9.0
    return 3 * o.t + 5 * p.t


@case
def origin_mutated_after(x, n):
    a = [1.0, 2.0]
    b = a
    if x > 0:
        b = [x, 5.0]
    a[1] = x * 3
    return a[1] + 100 * b[1]


@case
def nested_choice(x, n):
    a, b, c = [x], [2.0], [3.0]
    if x > 0:
        if n > 1:
            p = a
        else:
            p = b
    else:
        p = c
    p[0] += 10.0
    return a[0] + 100 * b[0] + 10000 * c[0] + p[0] * 0.5


@case
def chain_of_choices(x, n):
    a, b, c = [x], [2.0], [3.0]
    p = a if x > 0 else b
    q = p if n > 1 else c
    q[0] *= 2
    p[0] += 1
    return a[0] + 100 * b[0] + 10000 * c[0] + p[0] * 0.5 + q[0] * 0.25


@case
def counters(x, n):
    def counter():
        k = 0.0

        def inc(d):
            nonlocal k
            k += d
            return k

        return inc

    c1, c2 = counter(), counter()
    c = c1 if x > 0 else c2
    c(1.0)
    c(x)
    return c1(0.0) + 10 * c2(0.0) + 100 * c(0.0)


@case
def identity(x, n):
    a, b = [1.0], [2.0]
    c = a if x > 0 else b
    d = a if n > 1 else b
    r = 0.0
    if c is a:
        r += 1
    if c is b:
        r += 10
    if c is d:
        r += 100
    if c is not d:
        r += 1000
    if a is b:
        r += 10000
    return r + x


@case
def function_identity(x, n):
    def make(k):
        return lambda t: t * k

    f, g = make(x), make(2.0)
    h = f if x > 0 else g
    r = h(3.0)
    if h is f:
        r += 100
    if h is g:
        r += 1000
    return r


@case
def append_when_dead(x, n):
    b = [0.0]
    if x > 0:
        b = [1.0]
    b.append(x)
    return sum(b)


@case
def append_when_dead_nested(x, n):
    b = [0.0]
    if n > 0:
        if x > 0:
            b = [1.0]
        b.append(x)
    else:
        b = [2.0, 3.0]
    return sum(b)


@case
def candidate_pattern(x, n):
    best = [0.0, 0.0]
    s = -10.0
    for i in range(4):
        cand = [x * i, -x * i * i]
        v = sum(cand)
        if v > s:
            best = cand
            s = v
    best.append(1.0)
    return best[0] + 10 * best[1] + len(best)


@case
def mutated_in_branch(x, n):
    a, b = [x], [2.0]
    p = a if x > 0 else b
    if n > 1:
        p[0] = 50.0
    else:
        a[0] += 1
    return a[0] + 100 * b[0] + 10000 * p[0]


@case
def objects_in_list(x, n):
    objs = [Acc(), Acc(), Acc()]
    best = objs[0]
    for i, o in enumerate(objs):
        o.t = x * i - i * i
        if o.t > best.t:
            best = o
    best.t += 100
    return objs[0].t + 2 * objs[1].t + 3 * objs[2].t


@case
def nested_containers(x, n):
    a = [[x], [1.0]]
    b = [[2.0], [3.0]]
    inner = b[0]
    c = a if x > 0 else b
    c[0][0] += 5
    c[1] = [9.0]
    return a[0][0] + 10 * b[0][0] + 100 * inner[0] + 1000 * a[1][0] + 10000 * b[1][0]


@case
def dicts(x, n):
    a = {"k": x, "m": 1.0}
    b = {"k": 2.0, "m": 0.0}
    d = a
    if x > 0:
        d = b
    d["k"] += 1
    a["m"] = 5.0
    return a["k"] + 10 * b["k"] + 100 * d["m"]


@case
def arrays(x, n):
    a = mnp.zeros(2) + x
    b = mnp.ones(2)
    c = a if x > 0 else b
    c[0] = 5.0
    a[1] = 7.0
    return a[0] + 10 * b[0] + 100 * c[1]


@case
def method_on_choice(x, n):
    class Stack:
        def __init__(s):
            s.v = [0.0]

        def push(s, y):
            s.v[-1] += y
            return s

    a, b = Stack(), Stack()
    (a if x > 0 else b).push(x).push(1.0)
    return a.v[0] + 10 * b.v[0]


@case
def swap_by_condition(x, n):
    a, b = [x], [2.0]
    if x > 0:
        a, b = b, a
    a[0] += 10
    t = a
    if n > 1:
        a, b = b, a
    b[0] *= 3
    return a[0] + 100 * b[0] + 10000 * t[0]


@case
def swap_in_loop(x, n):
    a, b = [x], [2.0]
    for i in range(n):
        a, b = b, a
        a[0] += 1
    return a[0] + 100 * b[0]


@case
def two_names_branch_fresh(x, n):
    a = b = [0.0]
    if x > 0:
        a = b = [x]
    a[0] += 1
    return a[0] + 10 * b[0]


@case
def fresh_shared_partly(x, n):
    a, b = [1.0], [2.0]
    if x > 0:
        a = b = [x]
    a[0] += 1
    return a[0] + 10 * b[0]


@case
def membership(x, n):
    objs = [Acc(), Acc()]
    o = objs[0] if x > 0 else Acc()
    return (1.0 if o in objs else 0.0) + x


@case
def defaults_and_attr(x, n):
    a = Acc()
    a.child = [0.0]
    b = Acc()
    b.child = [1.0]
    c = a if x > 0 else b
    k = c.child
    k[0] += x
    c.child[0] += 1
    return a.child[0] + 10 * b.child[0]


@case
def linked_list_walk(x, n):
    class Node:
        def __init__(s, v, nx):
            s.v = v
            s.next = nx

    c = Node(3.0, None)
    b = Node(2.0, c)
    a = Node(x, b)
    if x > 0:
        a.v += 1
        cur = a
    else:
        cur = Node(x, b)
        cur.v -= 1
    cur.next.v += 5
    return a.v + 10 * b.v + cur.v * 0.5


@case
def deleted_key_dead(x, n):
    d = {"a": 1.0, "b": x}
    if x > 0:
        d = {"a": x, "b": 2.0}
    del d["b"]
    return d["a"] + len(d)


@case
def what_a_loop_left_or_not(x, n):
    a = [abs(x) + 1]
    t = a
    while t[0] < n + 2:
        t = [t[0] * 2]
    t[0] = 9.0
    return a[0] + 1


@case
def names_that_enter_a_loop_with_one_object(x, n):
    """After the first step data decide whether `w[0]` is what `f` is."""
    r, o = [0.5, x], [1.0, 1.0]
    w, e, f = [r], r, o
    while n > 0:
        e, f = f, e
        w[0][1] = f[1] * 0.5
        w[-1] = [1.0, 2.0]
        n -= 1
    return e[1] + 4 * f[1]


@case
def a_list_that_a_loop_replaced(x, n):
    o, q = [[x, 1.0]], [[0.0, 1.0]]
    p = o if n < 3 else q
    for i in range(n + 1):
        o[0][0] = 4.0
        if i > 1:
            o[0] = [0.25, 1.0]
    return o[0][0] + 7 * p[0][0]


@case
def objects_that_trade_places_in_a_loop(x, n):
    a, b, c, d = Acc(), Acc(), Acc(), 0.0
    first, last = a, c
    while n > 0:
        a.t += x
        d += b.t
        a, b, c = b, c, a if x < 1 else b
        n -= 1
    a.t, last.t = 3.0, 5.0
    return a.t + 10 * b.t + 100 * c.t + 1000 * first.t + d + (0.5 if a is first else 0.25)


@case
def a_new_object_of_two_names_in_each_step(x, n):
    a, b, d = Acc(), Acc(), 0.0
    for i in range(n):
        a.t += 1.0
        d += b.t
        a = Acc()
        if x > 0:
            b = a
        a.t = x * i
    a.t = 3.0
    return d + 10 * b.t


@case
def a_loop_that_is_left_with_an_object(x, n):
    a, b = Acc(), Acc()
    first = b
    for _ in range(3):
        if n > 1:
            a, b = b, a
        if x > 1.0:
            break
        a = b
    a.t = 3.0
    return first.t + 10 * b.t


@case
def lists_of_objects_that_a_loop_exchanges(x, n):
    a, b = Acc(), Acc()
    a.t, b.t = [x, 1.0], [2.0, x]
    first = b.t
    while n > 0:
        a.t, b.t = b.t, a.t
        a.t[0] += 1.0
        n -= 1
    b.t[1] = 7.0
    return a.t[0] + 10 * a.t[1] + 100 * first[0] + 1000 * first[1]


@case
def a_choice_among_choices_is_one_of_them(x, n):
    a, b = Acc(), Acc()
    if x > 0:
        b = a
    if n > 1:
        a, b = b, a
    return 1.0 if a is b else 2.0


@case
def a_part_of_another_object_is_stored(x, n):
    a, b = Acc(), Acc()
    a.t, b.t = [x], [2.0]
    c = a if n > 1 else b
    c.t = b.t
    c.t[0] += 1.0
    return a.t[0] + 10 * b.t[0]


@case
def parts_replaced_after_a_loop_in_a_branch(x, n):
    a, b = Acc(), Acc()
    a.t, b.t = [x], [2.0]
    c, d = a, b
    if x > 1.0:
        for _ in range(n):
            c, d = d, c
    if x > 0.25:
        b.t = [4.0]
    c.t[0] += 2.0
    d.t = a.t
    return a.t[0] + 10 * b.t[0] + 100 * d.t[0]


@by_name(CASES)
def test_stores_are_seen_where_python_sees_them(f):
    program = ms.make_ir(f)(np.float32(0), np.int32(0))
    got = [float(evaluate(program, np.float32(x), np.int32(n))[0]) for x, n in POINTS]
    assert got == [float(f(x, n)) for x, n in POINTS]


@by_name(CASES[::6])
def test_in_lanes(f):
    xs, ns = np.float32([x for x, _ in POINTS]), np.int32([n for _, n in POINTS])
    np.testing.assert_array_equal(ms.vmap(f)(xs, ns), [np.float32(f(x, n)) for x, n in POINTS])


def chosen(x):
    a, b = [x], [1.0]
    return a, b, (a if x > 0 else b)


def length_of_what_may_be_longer(x):
    a, _, c = chosen(x)
    c.append(2.0)
    return len(a) * x


def element_of_what_may_be_longer(x):
    a, _, c = chosen(x)
    c.append(2.0)
    return sum([v * 2 for v in a])


def loop_over_what_may_be_longer(x):
    a, _, c = chosen(x)
    c.append(2.0)
    for v in a:
        x += v
    return x


@by_name([
    length_of_what_may_be_longer, element_of_what_may_be_longer, loop_over_what_may_be_longer,
])  # fmt: skip
def test_what_may_be_longer_is_as_long_as_in_python(f):
    jitted = ms.jit(f)
    assert [float(jitted(x)) for x in (1.0, -1.0)] == [f(x) for x in (1.0, -1.0)]


def test_the_other_object_may_be_forgotten():
    def f(x):
        _, _, c = chosen(x)
        c.append(2.0)
        return c

    assert [float(v) for v in ms.jit(f)(-1.0)] == f(-1.0)


class Pair:
    def __init__(s, v):
        s.v, s.items = v, [v, 0.5]


def test_an_object_that_a_branch_chose_and_changed_is_gone_beside_a_failure():
    def f(x, n):
        p, q = Pair(0.5), Pair(1.0)
        if x > 0:
            p = q if n > x else p
            q.items = x
        else:
            try:
                raise KeyError
            except ValueError:
                x = 0.0
        if x > n:
            return x
        p.items = [x, p.v]
        return x * 2

    assert [float(ms.jit(f)(1.5, n)) for n in (1, 2)] == [f(1.5, 1), f(1.5, 2)]


def test_numbers_of_objects_are_forgotten_with_a_loop_that_is_laid_out_after_all():
    def f(x):
        o, p = Pair(x), Pair(0.5)
        w = [o, p]
        if x > 0:
            w = [x, o]
        for _, _ in zip(range(2), turns(p), strict=False):
            p.items = x
            w = w[1]
            if x > 0:
                break
        return x + p.v

    assert float(ms.jit(f)(1.5)) == f(1.5)


def turns(p):
    for e in p.items:
        if e > p.v:
            yield e
        else:
            yield e * 0.5


def test_a_loop_that_goes_around_a_ring_is_refused():
    def f(x, n):
        a, b = Node(x), Node(1.0)
        a.up, b.up = b, a
        for _ in range(n):
            a = a.up
        return a.v

    with pytest.raises(StagingError, match=r"test_aliases.py(.|\n)*MS101(.|\n)*hold themselves"):
        ms.jit(f)(1.5, 3)
