"""Python functions with dictionaries, iterators, generators and classes that data change.

Each takes a float and an integer; plain Python on floats is the oracle.
"""

# ruff: noqa: PERF403, RUF007, RUF059, C402, C417
# ruff: noqa: B007, B905, C400, E742, E731, B006

from __future__ import annotations

import contextlib
import copy
import enum
import functools
import itertools
import operator
import random
import statistics
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

CASES: list[Any] = []


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


class Vec:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    @property
    def norm(self):
        return self.a * self.a + self.b * self.b if self.a > 0 else abs(self.b)

    @norm.setter
    def norm(self, v):
        self.a = v

    def __call__(self, k):
        if k > self.a:
            return Vec(k, self.b)
        return self

    def __add__(self, o):
        return Vec(self.a + o.a, self.b + o.b) if self.a > o.a else Vec(self.a - o.a, self.b)

    def __getitem__(self, i):
        return (self.a, self.b)[i]

    def __len__(self):
        return 2

    def __iter__(self):
        yield self.a
        yield self.b

    def __bool__(self):
        return self.a > 0

    def __eq__(self, o):
        return self.a == o.a and self.b == o.b

    def __lt__(self, o):
        return self.a < o.a

    def __neg__(self):
        return Vec(-self.a, -self.b)

    def __contains__(self, v):
        return v == self.a or v == self.b


@dataclass(frozen=True)
class P:
    x: float
    k: int = 0

    def moved(self, d):
        return replace(self, x=self.x + d) if self.x < 2 else replace(self, k=self.k + 1)


@case
def return_out_of_nested_loops_in_try_finally(x, n):
    log = [0.0]

    def f():
        for i in range(n + 1):
            try:
                for j in range(3):
                    try:
                        if x * j > i + 1:
                            return x * 10 + i + j
                    finally:
                        log[0] += 1
            finally:
                log[0] += 0.25
        return -x

    return f() + log[0]


@case
def dict_of_lists(x, n):
    g = {"a": [x], "b": [x, 2.0], "c": []}
    for i in range(3):
        for k in g:
            if x > i:
                g[k].append(x * i)
            elif g[k]:
                g[k][0] += i
    return sum(sum(v) for v in g.values()) + sum(len(v) for v in g.values())


@case
def vec_everything(x, n):
    v = Vec(x, n * 1.0)
    w = v(0.7)
    s = (v + w).norm
    if v:
        s += 1
    if v < w:
        s += 10
    v.norm = s if x > 0 else 2.0
    a, b = v
    s += a + b * 2 + v[0] + len(v)
    if x in v:
        s += 100
    return s + (-v).a


@case
def frozen_dataclass_replace(x, n):
    p = P(x)
    for i in range(n):
        p = p.moved(0.75)
    return p.x * 10 + p.k


@case
def generator_send(x, n):

    def acc():
        total = 0.0
        while True:
            v = yield total
            if v is None:
                return
            total += v * x

    g = acc()
    next(g)
    r = 0.0
    for i in range(4):
        r = g.send(i + 1.0)
        if x > 1:
            r = r * 2
    return r


@case
def contextmanager_restores(x, n):
    state = {"s": 1.0}

    @contextlib.contextmanager
    def scaled(k):
        old = state["s"]
        state["s"] = old * k
        try:
            yield state["s"]
        finally:
            state["s"] = old

    r = 0.0
    for i in range(3):
        with scaled(2.0) as k:
            if x > i:
                r += k * x
            else:
                with scaled(3.0) as q:
                    r += q
    return r + state["s"]


@case
def partial_and_reduce(x, n):

    def f(a, b, c):
        return a * b if a > b else c - b

    g = functools.partial(f, c=x)
    h = functools.partial(g, x)
    return functools.reduce(lambda a, b: g(a, b) + h(b), [1.0, 2.0, x, 0.3])


@case
def cached_fib(x, n):

    @functools.cache
    def fib(k):
        return x if k < 2 else fib(k - 1) + 0.5 * fib(k - 2)

    return fib(6) if x > 0 else -fib(5)


@case
def sorted_with_key_and_tuple(x, n):
    w = [(x, 1), (0.5, 2), (-x, 3), (1.0, 0)]
    r = sorted(w, key=lambda p: (p[0] > 0.7, -p[1]))
    return sum(((i + 1) * p[0] + p[1] * 0.1 * i for i, p in enumerate(r)))


@case
def aggregates_of_genexps(x, n):
    w = [x, 0.5, -x, 2.0]
    a = sum(v * v for v in w if v > 0)
    b = max((v for v in w if v < 1), default=0.0)
    c = min((v + i for i, v in enumerate(w)))
    d = any(v > 2.5 for v in w)
    e = all(v < 2.5 for v in w)
    return a + b * 10 + c + (100 if d else 0) + (1000 if e else 0)


@case
def matmul_lists(x, n):
    A = [[x, 1.0], [0.5, n * 1.0]]
    B = [[1.0, x], [2.0, 3.0]]
    C = [[sum(A[i][k] * B[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    for i in range(2):
        for j in range(2):
            if C[i][j] < 0:
                C[i][j] = -C[i][j]
            C[i][j], C[j][i] = (C[j][i], C[i][j])
    return C[0][0] + 2 * C[0][1] + 3 * C[1][0] + 4 * C[1][1]


@case
def bubble_sort_swaps(x, n):
    w = [x, 0.1, -x, n * 1.0, 1.5]
    swapped = True
    rounds = 0
    while swapped:
        swapped = False
        for i in range(len(w) - 1):
            if w[i] > w[i + 1]:
                w[i], w[i + 1] = (w[i + 1], w[i])
                swapped = True
        rounds += 1
    return sum((v * i for i, v in enumerate(w))) + rounds


@case
def star_everything(x, n):

    def f(a, *args, k=1.0, **kw):
        r = a * k
        for v in args:
            r = r + v if v > 0 else r * 0.5
        for name in sorted(kw):
            r -= kw[name]
        return r

    first, *rest = [x, 1.0, -2.0, 3.0]
    *init, last = rest
    return f(first, *rest, k=2.0, z=x, y=0.5) + f(*init, **{"k": last})


@case
def walrus_in_conditions(x, n):
    s = 0.0
    if (y := (x * 2)) > 1 and (z := (y - 1)) > 0.5:
        s += z
    elif (y := (y + 3)) > 2:
        s -= y
    w = [q for v in (x, 1.0, 2.0) if (q := (v * v)) > 1.5]
    i = 0
    while (t := (i * x)) < 2 and i < n:
        s += t
        i += 1
    return s + y + sum(w) + t


@case
def chained_comparisons_with_effects(x, n):
    calls = [0]

    def v(t):
        calls[0] += 1
        return t

    a = v(0.0) < v(x) < v(2.0) < v(3.0)
    b = v(-1.0) <= v(x) != v(0.43)
    return calls[0] + (10 if a else 0) + (100 if b else 0) + x


@case
def stack_machine(x, n):
    prog = [
        ("push", x),
        ("push", 2.0),
        ("mul", None),
        ("dup", None),
        ("add", None),
        ("push", 1.0),
        ("sub", None),
    ]
    st = []
    for op, arg in prog:
        match op:
            case "push":
                st.append(arg)
            case "dup":
                st.append(st[-1])
            case _:
                b = st.pop()
                a = st.pop()
                st.append({"mul": operator.mul, "add": operator.add, "sub": operator.sub}[op](a, b))
        if st[-1] > 5:
            st[-1] = 5.0
    return st.pop()


@case
def visitor_dispatch(x, n):

    class Node:
        def __init__(s, k, *c):
            s.k = k
            s.c = c

    class Eval:
        def visit(s, nd):
            return getattr(s, "visit_" + nd.k)(nd)

        def visit_num(s, nd):
            return nd.c[0]

        def visit_add(s, nd):
            return s.visit(nd.c[0]) + s.visit(nd.c[1])

        def visit_max(s, nd):
            a, b = map(s.visit, nd.c)
            return a if a > b else b

        def visit_if(s, nd):
            return s.visit(nd.c[1]) if s.visit(nd.c[0]) > 0 else s.visit(nd.c[2])

    t = Node(
        "if",
        Node("num", x),
        Node("add", Node("num", 1.0), Node("num", x)),
        Node("max", Node("num", -3.0), Node("num", x)),
    )
    return Eval().visit(t)


@case
def decorator_retry(x, n):

    def retry(k):

        def deco(f):

            @functools.wraps(f)
            def g(*a):
                r = f(*a)
                i = 0
                while r < 1 and i < k:
                    r = f(r + 0.5)
                    i += 1
                return r

            return g

        return deco

    @retry(3)
    def h(t):
        return t * t - 0.3

    return h(x)


@case
def inheritance_super(x, n):

    class A:
        def area(self):
            return self.r * 2 if self.r > 0 else 0.1

        def total(self):
            return self.area() + 1

    class B(A):
        def __init__(self, r):
            self.r = r

        def area(self):
            s = super().area()
            return s * s if s > 1 else s

    class D(B):
        def __init__(self, r):
            super().__init__(r + 0.1)
            self.q = 1

        def total(self):
            return super().total() + self.q

    return A.total(B(x)) + D(x).total()


@case
def try_return_in_loop(x, n):

    def f(i):
        try:
            if x > i:
                return i * x
            s = -1.0
        finally:
            i += 1
        return s + i

    return sum(f(i) for i in range(3))


@case
def exitstack(x, n):
    log = []
    with contextlib.ExitStack() as st:
        for i in range(3):
            st.callback(lambda i=i: log.append(i * x))
        if x > 0:
            log.append(1.0)
    return sum(((k + 1) * v for k, v in enumerate(log)))


@case
def itertools_mix(x, n):
    s = 0.0
    for a, b in itertools.product([x, 1.0], [0.5, -x]):
        s += a * b if a > b else a - b
    for p in itertools.permutations([1.0, x, 2.0], 2):
        if p[0] < p[1]:
            s += p[0]
    for k, g in itertools.groupby([1, 1, 2, 3, 3], key=lambda v: v > 1):
        s += sum(g) * (x if k else 1)
    for a, b in itertools.pairwise([x, 0.5, 1.5]):
        s += abs(a - b)
    return s + sum(itertools.accumulate([x, 1.0, x]))


@case
def function_attributes(x, n):

    def f(v):
        f.calls += 1
        return v + 1 if v > f.limit else v - 1

    f.calls = 0
    f.limit = 0.5
    s = 0.0
    for i in range(3):
        s += f(x + i)
    return s + f.calls


@case
def default_mutable(x, n):

    def f(v, acc=[]):
        acc.append(v)
        return sum(acc)

    a = f(x)
    if x > 0:
        a = f(2 * x)
    return a + f(1.0)


@case
def global_counter_like(x, n):
    box = type("Box", (), {})()
    box.n = 0
    box.hist = ()

    def tick(v):
        box.n += 1
        if v > 0:
            box.hist = (*box.hist[-1:], v)
        else:
            box.hist = (v,)

    for i in range(2):
        tick(x - i)
    return box.n + box.hist[-1] * 2


@case
def singledispatch_fn(x, n):

    @functools.singledispatch
    def f(v):
        return 1.0

    @f.register
    def _(v: list):
        return sum(u for u in v if u > 0)

    @f.register(tuple)
    def _(v):
        return v[0] if v[0] > v[1] else v[1]

    return f([x, 1.0]) + f((x, 0.2)) + f(None)


@case
def total_order(x, n):

    @functools.total_ordering
    class T:
        def __init__(s, v):
            s.v = v

        def __eq__(s, o):
            return s.v == o.v

        def __lt__(s, o):
            return s.v < o.v

    a, b, c = (T(x), T(0.5), T(-x))
    return max(a, b, c).v * 2 + min([a, b, c]).v + (1 if a >= b else 0) + sorted([a, b, c])[1].v


@case
def yield_from_delegation(x, n):

    def inner(k):
        for i in range(k):
            yield (x * i if x > i else i)
        return k * 10

    def outer():
        r = yield from inner(2)
        yield r
        yield from (v + 1 for v in inner(2))

    return sum(((i + 1) * v for i, v in enumerate(outer())))


@case
def three_level_nonlocal(x, n):
    a = x

    def f():
        b = a

        def g():
            nonlocal b
            nonlocal_a()
            if b > 0:
                b = b * 2

            def h():
                nonlocal b
                b += 1
                return b

            return h() + b

        return g() + b

    def nonlocal_a():
        nonlocal a
        if a < 2:
            a += 0.25

    return f() + f() + a


@case
def church_numerals(x, n):
    zero = lambda f: lambda v: v
    succ = lambda m: lambda f: lambda v: f(m(f)(v))
    three = succ(succ(succ(zero)))
    return three(lambda v: v * 2 if v > 0 else v + 1)(x)


@case
def linked_list(x, n):

    class N:
        __slots__ = ("next", "v")

        def __init__(s, v, nx=None):
            s.v = v
            s.next = nx

    head = None
    for i in range(4):
        head = N(x * i, head)
    p = head
    while p is not None:
        if p.v > 1:
            p.v = 1.0
        p = p.next
    prev = None
    while head:
        head.next, prev, head = (prev, head, head.next)
    s = 0.0
    k = 1
    while prev is not None:
        s += k * prev.v
        prev = prev.next
        k += 1
    return s


@case
def binary_tree_insert_static_shape(x, n):
    tree = [None] * 7

    def put(i, v):
        if i >= 7:
            return
        if tree[i] is None:
            tree[i] = v
        elif v < tree[i]:
            put(2 * i + 1, v)
        else:
            put(2 * i + 2, v)

    for v in (x, 0.5, -0.2):
        put(0, v)
    return sum(((i + 1) * v for i, v in enumerate(tree) if v is not None))


@case
def matrix_determinant_recursive(x, n):

    def det(m):
        if len(m) == 1:
            return m[0][0]
        return sum(
            (-1) ** j * m[0][j] * det([r[:j] + r[j + 1 :] for r in m[1:]]) for j in range(len(m))
        )

    return det([[x, 1.0, 2.0], [0.5, x, 1.0], [2.0, 0.0, n * 1.0]])


@case
def game_of_life_row(x, n):
    row = [1 if (x * 7 + i * 3) % 2 > 1 else 0 for i in range(6)]
    for _ in range(2):
        row = [1 if row[i - 1] + row[(i + 1) % 6] == 1 else 0 for i in range(6)]
    return sum((v * (i + 1) for i, v in enumerate(row))) + 0 * x


@case
def knapsack_dict(x, n):
    best = {0: 0.0}
    for w, v in ((1, x), (2, 1.5), (3, 2.0)):
        for k in sorted(best, reverse=True):
            if k + w <= 4:
                c = best[k] + v
                if k + w not in best or best[k + w] < c:
                    best[k + w] = c
    return sum(best.values()) + max(best.values())


@case
def polynomial_class(x, n):

    class Poly:
        def __init__(s, *c):
            s.c = list(c)

        def __call__(s, t):
            r = 0.0
            for k in reversed(s.c):
                r = r * t + k
            return r

        def __mul__(s, o):
            out = [0.0] * (len(s.c) + len(o.c) - 1)
            for i, a in enumerate(s.c):
                for j, b in enumerate(o.c):
                    out[i + j] += a * b
            return Poly(*out)

        def __add__(s, o):
            return Poly(*[a + b for a, b in itertools.zip_longest(s.c, o.c, fillvalue=0.0)])

        def derive(s):
            return Poly(*[i * a for i, a in enumerate(s.c)][1:])

        def __iadd__(s, o):
            s.c[0] += o
            return s

    p = Poly(1.0, x) * Poly(x, 0.0, 2.0) + Poly(n * 1.0)
    p += 1.5
    return p(x) + p.derive()(0.5)


@case
def dual_numbers(x, n):

    class D:
        def __init__(s, a, b=0.0):
            s.a = a
            s.b = b

        def __mul__(s, o):
            o = o if isinstance(o, D) else D(o)
            return D(s.a * o.a, s.a * o.b + s.b * o.a)

        __rmul__ = __mul__

        def __add__(s, o):
            o = o if isinstance(o, D) else D(o)
            return D(s.a + o.a, s.b + o.b)

        __radd__ = __add__

        def __gt__(s, o):
            return s.a > (o.a if isinstance(o, D) else o)

        def __pow__(s, k):
            r = D(1.0)
            for _ in range(k):
                r = r * s
            return r

    def f(t):
        return t**3 + 2 * t if t > 0.5 else 3 * t

    return f(D(x, 1.0)).b + f(D(x)).a


@case
def memo_default_arg(x, n):

    def f(k, memo={0: 0.0, 1: 1.0}):
        if k not in memo:
            memo[k] = f(k - 1) * x + f(k - 2)
        return memo[k]

    return f(5)


@case
def enum_state_machine(x, n):

    class St(enum.Enum):
        A = 1
        B = 2
        C = 3

    s = St.A
    t = 0.0
    for i in range(4):
        match s:
            case St.A:
                s = St.B if x * i > 0.5 else St.A
                t += 1
            case St.B:
                s = St.C if x > 1 else St.A
                t += 10
            case St.C:
                t += 100
    return t + s.value + x


@case
def partition_two_lists(x, n):
    small, big = ([], [])
    for v in (x, 1.0, -x, 2.0):
        (small if v < 0.5 else big).append(v)
    return sum(small) * 2 + sum(big) * 3 + len(small) - len(big)


@case
def quicksort_lists(x, n):

    def qs(w):
        if len(w) < 2:
            return w
        p, *r = w
        return qs([v for v in r if v < p]) + [p] + qs([v for v in r if v >= p])

    return sum(((i + 1) * v for i, v in enumerate(qs([0.5, x, -x]))))


@case
def while_pop_stack(x, n):
    st = [(x, 0)]
    s = 0.0
    while st:
        v, d = st.pop()
        s += v
        if d < 2:
            st.append((v * 0.5, d + 1))
            if v > 0:
                s += 0.1
            st.append((v - 1, d + 1))
    return s


@case
def del_and_slices(x, n):
    w = [x, 1.0, 2.0, 3.0, 4.0]
    del w[1]
    del w[-1:]
    w[1:2] = [x * 2, x * 3]
    w[::2] = [v + 1 for v in w[::2]]
    if x > 0:
        w.reverse()
    w.insert(1, 0.5)
    w.extend(w[:2])
    return sum(((i + 1) * v for i, v in enumerate(w)))


@case
def property_chain_and_getattr(x, n):

    class A:
        @property
        def b(s):
            return s._b if x > 0 else -s._b

        @b.setter
        def b(s, v):
            s._b = v * 2

        def __getattr__(s, k):
            if k.startswith("z"):
                return float(len(k)) + x
            raise AttributeError(k)

    a = A()
    a.b = x
    a.b += 1
    return a.b + a.zed + getattr(a, "nope", 0.5)


@case
def descriptor(x, n):

    class Clamp:
        def __set_name__(s, o, nm):
            s.nm = "_" + nm

        def __get__(s, o, t=None):
            return getattr(o, s.nm)

        def __set__(s, o, v):
            setattr(o, s.nm, v if v < 1 else 1.0)

    class A:
        p = Clamp()
        q = Clamp()

    a = A()
    a.p = x
    a.q = x * 0.1
    a.p = a.p + a.q
    return a.p + a.q


@case
def generator_pipeline(x, n):

    def nums(k):
        for i in range(k):
            yield (i * x)

    def clipped(it):
        for v in it:
            yield (v if v < 2 else 2.0)

    def pairs(it):
        prev = None
        for v in it:
            if prev is not None:
                yield (prev, v)
            prev = v

    return sum((a * b for a, b in pairs(clipped(nums(5)))))


@case
def iterator_class(x, n):

    class It:
        def __init__(s, k):
            s.i = 0
            s.k = k

        def __iter__(s):
            return s

        def __next__(s):
            if s.i >= s.k:
                raise StopIteration
            s.i += 1
            return s.i * x if x > 0 else s.i

    return sum(It(4)) + max(It(3)) + list(It(2))[-1]


@case
def dict_key_in_one_branch(x, n):
    d = {}
    if x > 0:
        d["pos"] = x
    for i in range(n):
        if i > 1:
            d["late"] = x * i
    return d.get("pos", -1.0) + sum(d.values()) + len(d)


@case
def dict_comprehension_if(x, n):
    d = {k: v * v for k, v in zip("abc", (x, 1.0, -x)) if v > 0.5}
    return sum(d.values()) + (10 if "a" in d else 0) + len(d)


@case
def group_by_sign(x, n):
    g = defaultdict(list)
    for v in (x, 1.0, -x, 0.2):
        g["p" if v > 0.5 else "n"].append(v)
    return sum(g["p"]) * 2 - sum(g["n"])


@case
def dict_pop_default(x, n):
    d = {"a": x, "b": 2.0}
    if x > 0:
        d.pop("a")
    v = d.pop("a", 7.0)
    return v + sum(d.values()) + ("a" in d)


@case
def cond_list_of_pairs(x, n):
    w = [(i, v) for i, v in enumerate((x, 1.0, 2 * x)) if v > 0.7]
    s = 0.0
    for i, v in w:
        s += i * 10 + v
    best = max(w, key=lambda p: p[1], default=(0, 0.0))
    return s + best[1] + len(w)


@case
def last_star(x, n):
    w = [v for v in (x, 1.0, 2.0, 3.0) if v > 0.2]
    *b, c = w
    return c + sum(b) * 0.1


@case
def running_max_list(x, n):
    out = []
    for v in (x, 1.0, -x, 2.0):
        if not out or v > out[-1]:
            out.append(v)
    return sum(((i + 1) * v for i, v in enumerate(out)))


@case
def early_exit_matrix_search(x, n):
    m = [[i * j - x for j in range(3)] for i in range(3)]
    pos = None
    for i, row in enumerate(m):
        for j, v in enumerate(row):
            if v > 0.5:
                pos = (i, j)
                break
        if pos:
            break
    return -1.0 if pos is None else pos[0] * 10 + pos[1] + x


@case
def method_as_value_chosen(x, n):

    class A:
        def __init__(s):
            s.t = 0.0

        def up(s, d):
            s.t += d

        def down(s, d):
            s.t -= 2 * d

    a = A()
    f = a.up if x > 0 else a.down
    f(1.0)
    f(x)
    return a.t


@case
def nested_dict_update(x, n):
    cfg = {"a": {"lr": 0.1, "m": x}, "b": {"lr": 1.0, "m": 2.0}}
    for k, v in cfg.items():
        if v["m"] > 0:
            v["lr"] *= 2
        else:
            cfg[k] = {**v, "lr": 0.5}
    return sum(v["lr"] * v["m"] for v in cfg.values())


@case
def copy_semantics(x, n):
    a = [x, [1.0]]
    b = copy.copy(a)
    c = copy.deepcopy(a)
    if x > 0:
        a[1].append(2.0)
        a[0] = 9.0
    else:
        a[1][0] = 7.0
    return b[0] + sum(b[1]) * 10 + sum(c[1]) * 100 + a[0]


@case
def reversed_iter_and_next(x, n):
    it = iter([x, 1.0, 2.0])
    a = next(it)
    b = next(it) if a > 0 else a
    rest = list(it)
    return a + b * 10 + sum(rest) + len(rest)


@case
def string_choice_dict(x, n):
    name = "lo" if x < 0 else "mid" if x < 1 else "hi"
    table = {"lo": 1.0, "mid": x, "hi": x * x}
    return table[name] + len(name)


@case
def lambda_in_comprehension_closure(x, n):
    fs = [lambda t, k=k: t * k if t > k else k for k in range(3)]
    return sum(f(x) for f in fs)


@case
def zip_used_twice(x, n):
    z = zip([x, 1.0, 2.0], [2.0, 3.0, x])
    a, b = next(z)
    s = sum((u * v for u, v in z))
    return a + b + s + sum(1 for _ in z)


@case
def enumerate_break_resume(x, n):
    e = enumerate([x, 0.5, 1.5, 2.0])
    s = 0.0
    for i, v in e:
        if v * 2 > x + 1:
            break
        s += v
    for i, v in e:
        s += i * v
    return s


@case
def peekable_tokens(x, n):
    toks = iter([1.0, "+", x, "*", 2.0, "+", 3.0])
    cur = next(toks)
    total = 0.0
    for op in toks:
        v = next(toks)
        if op == "*":
            cur *= v
        else:
            total += cur
            cur = v
        if total > 2:
            total -= 1
    return total + cur


@case
def any_leaves_rest(x, n):
    it = iter([1.0, 2.0, 3.0, 4.0])
    a = any(v > 2.5 for v in it)
    return sum(it) * (1 if a else 0) + x


@case
def grouper(x, n):
    it = iter([x, 1.0, 2.0, 3.0])
    return sum((a * b if a > b else a - b for a, b in zip(it, it)))


@case
def reversed_partial(x, n):
    r = reversed([x, 1.0, 2.0])
    a = next(r)
    return a * 10 + sum(v if v > 0 else -v for v in r)


@case
def two_level_iter_class(x, n):

    class Tree:
        def __init__(s, v, *k):
            s.v = v
            s.k = k

        def __iter__(s):
            yield s.v
            for c in s.k:
                yield from c

    t = Tree(x, Tree(1.0), Tree(2.0, Tree(-x)))
    s = 0.0
    for i, v in enumerate(t):
        if v < 0:
            continue
        s += v * (i + 1)
    return s + max(t)


@case
def sum_of_generator_in_branch(x, n):
    g = (v * x for v in (1.0, 2.0, 3.0))
    if x > 0:
        s = sum(g)
    else:
        s = -1.0
    return s


@case
def swap_attributes(x, n):

    class O:
        pass

    o = O()
    o.a = x
    o.b = 1.0
    o.a, o.b = (o.b, o.a)
    if x > 0:
        o.a, o.b = (o.b * 2, o.a)
    w = [x, 2.0]
    i = 0
    i, w[i] = (1, 5.0)
    return o.a * 10 + o.b + w[0] + 100 * w[1] + i


@case
def index_then_store_order(x, n):
    w = [0.0, 0.0, 0.0]
    i = 0
    for v in (x, 1.0, 2.0):
        w[i], i = (v, i + 1)
        if i > 2:
            break
    return sum((a * (k + 1) for k, a in enumerate(w)))


@case
def cached_property_twice(x, n):

    class A:
        def __init__(s, v):
            s.v = v

        @functools.cached_property
        def sq(s):
            return s.v * s.v if s.v > 0 else -s.v

    a = A(x)
    r = a.sq if x > 1 else 0.5
    return r + a.sq + a.sq


@case
def lru_static_table(x, n):

    @functools.lru_cache(None)
    def binom(a, b):
        return 1 if b in (0, a) else binom(a - 1, b - 1) + binom(a - 1, b)

    s = 0.0
    for k in range(5):
        if x > k - 1:
            s += binom(4, k) * x
        else:
            s -= binom(5, k)
    return s


@case
def observer_pattern(x, n):

    class Bus:
        def __init__(s):
            s.h = {}

        def on(s, k, f):
            s.h.setdefault(k, []).append(f)

        def emit(s, k, v):
            for f in s.h.get(k, ()):
                f(v)

    out = [0.0]
    b = Bus()
    b.on("a", lambda v: out.__setitem__(0, out[0] + v))
    if x > 0:
        b.on("a", lambda v: out.__setitem__(0, out[0] * 2))
    b.emit("a", x)
    b.emit("a", 1.0)
    return out[0]


@case
def matrix_power_by_squaring(x, n):
    mul = lambda A, B: [[sum((a * b for a, b in zip(r, c))) for c in zip(*B)] for r in A]
    R = [[1.0, 0.0], [0.0, 1.0]]
    M = [[x, 1.0], [1.0, 0.0]]
    k = n
    while k > 0:
        if k % 2 == 1:
            R = mul(R, M)
        M = mul(M, M)
        k //= 2
    return R[0][0] + 2 * R[0][1]


@case
def early_return_in_with_in_loop(x, n):
    log = []

    @contextlib.contextmanager
    def cm(i):
        log.append(i)
        yield (i * 1.0)
        log.append(-i)

    def f():
        for i in range(3):
            with cm(i) as v:
                if x < v:
                    return v
        return 50.0

    return f() + x * 0.1


@case
def partialmethod_and_operator(x, n):

    class A:
        def __init__(s):
            s.v = x

        def scale(s, k, b=0.0):
            s.v = s.v * k + b if s.v > 0 else b - s.v
            return s

        double = functools.partialmethod(scale, 2.0)

    return (
        A().double().double(b=1.0).scale(0.5).v
        + operator.itemgetter(1)([1.0, x])
        + operator.attrgetter("v")(A())
    )


@case
def nested_default_dicts(x, n):
    t = defaultdict(lambda: defaultdict(float))
    for i in range(3):
        k = "p" if i % 2 else "q"
        if x > i:
            t[k]["up"] += x
        else:
            t[k]["down"] += i
    return sum((v * (2 if b == "up" else 3) for d in t.values() for b, v in d.items()))


@case
def yields_on_condition(x, n):
    def g():
        for i in range(4):
            if x > i:
                yield x * i
            else:
                yield -1.0
        yield 100.0

    return sum(g()) + sum(1 for _ in g())


@case
def yields_between_stores(x, n):
    def g():
        for v in (x, 1.0, 2.0):
            if v > 0.7:
                w = v * 2
                yield w
                w += 1
                if w > 4:
                    yield w

    s = 0.0
    for i, v in enumerate(g()):
        s += v * (i + 1)
    return s + max(g())


@case
def any_of_what_a_generator_may_yield(x, n):
    def g():
        i = 0
        while True:
            if x * i < 10:
                yield i
            i += 1
            if i > 9:
                return

    return 1.0 if any(v > 3 for v in g()) else x


@case
def counts_in_a_dictionary(x, n):
    counts = {}
    for k, v in enumerate((x, 1.0, -x, 0.2, 2 * x)):
        key = "odd" if k % 2 else "even"
        if v > 0.5:
            counts[key] = counts.get(key, 0) + 1
        if key in counts:
            counts[key] += 0.25
    return sum(counts.values()) * 10 + len(counts) + ("odd" in counts)


@case
def dictionaries_are_compared(x, n):
    d, e = {"a": x}, {"a": x}
    if x > 0:
        d["b"] = 2 * x
    if x > 1:
        e.update(b=2 * x)
    return (1 if d == e else 2) + (10 if d else 0) + sum(d.values()) - sum(e.values())


@case
def keys_are_deleted_on_condition(x, n):
    d = dict.fromkeys("abc", x)
    if x > 0:
        del d["a"]
    if x > 1:
        d.pop("b")
    return sum(d.values()) + len([k for k in d if k != "c"]) + d.setdefault("a", 5.0)


@case
def sorted_items(x, n):
    d = {}
    for k, v in (("p", x), ("q", 1.0), ("r", -x)):
        if v > 0:
            d[k] = v
    s = 0.0
    for i, (k, v) in enumerate(sorted(d.items(), key=lambda kv: kv[1])):
        s += (i + 1) * v
    return s


@case
def setdefault_append(x, n):
    d = {}
    for v in (x, 1.0, -0.5):
        if v > 0:
            d.setdefault("pos", []).append(v)
        else:
            d.setdefault("neg", []).append(v)
    return sum(d.get("pos", [])) * 10 + sum(d.get("neg", [])) + len(d)


@case
def defaultdict_list_branch(x, n):
    d = defaultdict(list)
    if x > 0:
        d["a"].append(x)
    d["a"].append(1.0)
    if x > 1:
        d["b"].append(2.0)
    return sum(d["a"]) + len(d["a"]) * 10 + len(d)


@case
def get_is_none(x, n):
    d = {}
    if x > 0:
        d["a"] = x
    v = d.get("a")
    if v is None:
        return -1.0
    return v * 2


@case
def union_and_merge(x, n):
    d = {"a": 1.0}
    e = {}
    if x > 0:
        e["a"] = x
    if x > 1:
        e["b"] = 5.0
    f = {**d, **e}
    g = d | e
    return g.get("b", 0.0) + g["a"] * 10 + f["a"]


@case
def counter_class(x, n):
    c = Counter()
    for k, v in (("a", x), ("b", 1.0), ("a", -x)):
        if v > 0.5:
            c[k] += 1
    return c["a"] * 10 + c["b"] + c["zz"] + sum(c.values()) + x


@case
def object_with_registry(x, n):

    class Reg:
        def __init__(s):
            s.items = {}

        def add(s, k, v):
            if v > 0:
                s.items[k] = v
            return s

        def __len__(s):
            return len(s.items)

        def __contains__(s, k):
            return k in s.items

        def __iter__(s):
            return iter(s.items.values())

    r = Reg().add("a", x).add("b", 1.0).add("c", -x)
    return len(r) * 10 + ("a" in r) + sum(v for v in r)


@case
def iterate_copy_and_delete(x, n):
    d = {"a": x, "b": 1.0, "c": -x}
    for k in list(d):
        if d[k] < 0:
            del d[k]
    return sum(d.values()) + len(d) * 10


@case
def dict_in_while(x, n):
    d = {"s": 0.0}
    i = 0
    while i < n:
        d["s"] += x
        if d["s"] > 2:
            d["hit"] = i
        i += 1
    return d["s"] + d.get("hit", -1)


@case
def nested_partial(x, n):
    t = {}
    for i in range(3):
        if x > i - 1:
            t.setdefault(i, {})["v"] = x * i
    return sum(v["v"] for v in t.values()) + len(t)


@case
def memo_on_self(x, n):

    class F:
        def __init__(s):
            s.m = {}

        def __call__(s, k):
            if k in s.m:
                return s.m[k]
            r = x * k if k < 2 else s(k - 1) + s(k - 2)
            s.m[k] = r
            return r

    f = F()
    return f(5) + (f(6) if x > 0 else 0.0) + len(f.m)


@case
def lru_eviction_order(x, n):
    c = OrderedDict()

    def get(k):
        if k in c:
            c.move_to_end(k)
            return c[k]
        c[k] = x * k
        if len(c) > 2:
            c.popitem(last=False)
        return c[k]

    s = 0.0
    for k in (1, 2, 1, 3, 2):
        s += get(k)
    return s + sum(c)


@case
def generator_yield_two_branches_loop(x, n):

    def walk(a, b):
        while a < b:
            if a % 2:
                yield (a * x)
            else:
                yield (-a)
            a += 1

    s = 0.0
    for v in walk(0, 4):
        s = s * 0.5 + v
    return s


@case
def takewhile_dropwhile(x, n):
    w = [0.1, x, 1.0, 3.0]
    return sum(itertools.takewhile(lambda v: v < 2, w)) * 10 + sum(
        itertools.dropwhile(lambda v: v < 0.5, w)
    )


@case
def slice_of_filtered(x, n):
    w = [v for v in (x, 1.0, -x, 2.0) if v > 0]
    return sum(w[1:]) + sum(w[:1]) * 10 + sum(w[::-1][:1]) * 100


@case
def zip_filtered(x, n):
    w = [v for v in (x, 1.0, -x) if v > 0]
    return sum((a * b for a, b in zip(w, [1.0, 2.0, 3.0]))) + sum((a - b for a, b in zip(w, w[1:])))


@case
def running_average_deque(x, n):
    d = deque(maxlen=2)
    s = 0.0
    for v in (x, 1.0, -x, 2.0):
        d.append(v)
        if len(d) == 2 and d[0] < d[1]:
            s += sum(d) / 2
    return s


@case
def first_two_of_an_iterator(x, n):
    it = iter([x, 1.0, 2.0, -x])
    s = 0.0
    for k, v in zip(range(2), it):
        s += v if v > k else k
    for v in it:
        s += 10 * v
    return s


@case
def groups_of_traced_keys(x, n):
    values = [x, 2 * x, n - 1.0, x - 1.0, 0.5]
    best = s = 0.0
    for positive, group in itertools.groupby(values, key=lambda v: v > 0):
        members = list(group)
        if positive and len(members) > best:
            best = len(members)
        s += sum(members) * len(members) if positive else -members[0]
    return s + best


@case
def runs_of_equal_numbers(x, n):
    runs = [(k, len(list(g))) for k, g in itertools.groupby([n, 1, 1, n, 4])]
    return x * len(runs) + sum(k * c for k, c in runs)


@case
def generator_over_two_traced_ranges(x, n):
    pairs = sum(x * a - b for a in range(n) for b in range(a, n) if 0 < a <= b and (a + b) % 2 == 0)
    inner = max(a * b for a in range(3) for b in range(n + 1))
    return pairs + inner + any(a + b == n for a in range(n) if a > 1 for b in (1, 2))


@case
def iterator_of_a_text_advanced_in_a_loop(x, n):
    letters = iter("abcde")
    s = 0.0
    while True:
        c = next(letters, None)
        if c is None or s > 200 * x:
            break
        s += ord(c) * (n + 0.5)
    return s + x


@case
def iterators_of_a_class_that_data_end(x, n):
    class Countdown:
        def __init__(self, k):
            self.k = k

        def __iter__(self):
            return self

        def __next__(self):
            self.k -= 1
            if self.k < 0:
                raise StopIteration
            return self.k * x

    s = 0.0
    for v in Countdown(n + 2):
        for u in Countdown(n):
            if u == v:
                break
            s += u * v
        s += v
    return s


@case
def iterators_advanced_on_either_side(x, n):
    up, letters, d = itertools.count(5), itertools.cycle([1.0, 2.0, x]), {"a": x, "b": 2.0}
    items = iter(d.items())
    if x > 0:
        s = next(up) + next(letters)
        k, v = next(items)
    else:
        s = -next(up)
        k, v = next(items)
        v = -v
    for i in range(n):
        s += next(letters) * i
    return s + next(up) + next(letters) + v + next(items)[1]


@case
def random_generators_advanced_on_either_side(x, n):
    r, q = random.Random(5), np.random.default_rng(3)
    w = [1, 2, 3]
    if x > 0:
        a = r.uniform(0, 1) + q.normal()
    else:
        a = -r.uniform(0, 1) * q.normal()
    r.shuffle(w)
    s = 0.0
    for i in range(n):
        own = random.Random(1)
        s += own.random() + own.random() * x
    return a * x + w[0] * r.random() + q.normal() + s


@case
def generators_given_to_zip_map_and_filter(x, n):
    def up():
        t = x
        while t < 5:
            yield t
            t = t * t + 1

    def first(k):
        i = 0
        while i < k:
            yield x + i
            i += 1

    s = sum(map(lambda v: v * v, first(n))) + sum(filter(lambda v: v > 0.5, first(n)))
    for v, i, w in zip(up(), range(3), [1.0, x, 2.0]):
        s += i * v + w
    for i, v in zip(range(n), up()):
        if v > 2.5:
            break
        s += v * i + 1
    for i, v in enumerate(map(abs, filter(lambda v: v != x, first(n + 1)))):
        s += i * v
    for v in map(lambda v: v * v, first(n + 2)):
        if v > 1:
            return s + v
    return s


@case
def itertools_of_a_list_of_data_decided_length(x, n):
    w = [v for v in (x, 1.0, -x, 2.0) if v > 0]
    s = sum(a * b for a, b in itertools.pairwise(w)) + sum(itertools.islice(w, 1, 3))
    s += sum(itertools.accumulate(w)) + sum(itertools.accumulate(w, max, initial=0.5))
    for a, b in itertools.combinations(w, 2):
        s = s * 0.9 + a * b
    for a, b in itertools.product(w, [2.0, x]):
        s = s * 0.9 + a - b
    for k, g in itertools.groupby(w, lambda v: v > 1.5):
        s = s * 2 + sum(g) * (3 if k else 1)
    return s + n


@case
def dictionaries_of_generators(x, n):
    d = dict((i, x * i) for i in range(4) if i <= n or x > 0)
    e = dict(((i, 2 * v) for i, v in zip([n, 1], [x, 2.0])), extra=5.0)
    w = list(v * 2 for v in range(n))
    return sum(d.values()) + len(d) + e[1] + e["extra"] + len(e) + sum(w)


@case
def arrays_of_a_list_of_data_decided_length(x, n):
    w = [v for v in (x, 1.0, -x, 2.0) if v > 0]
    a, grown = np.array(w), [x]
    while len(grown) < n + 2 and grown[-1] < 50:
        grown.append(grown[-1] * grown[-1] + 0.5)
    s = np.mean(w) + np.median(w) + np.dot(w, w) + a.sum() + np.sort(a)[0]
    return s + np.array(grown).sum() + np.max(grown)


@case
def an_attribute_of_one_of_several_objects_with_a_default(x, n):
    class Low(Exception):
        pass

    class High(Exception):
        def __init__(self, extra):
            self.extra = extra

    try:
        if x > 1:
            raise High(n)
        if x < 0:
            raise Low
    except (Low, High) as e:
        return getattr(e, "extra", 0.5) + x
    return x


@case
def sets_of_numbers_that_data_put_in(x, n):
    seen, grid = set(), {(0, 0)}
    s = 0.0
    for k in (1, 2, 1, 3, 2):
        if k in seen:
            continue
        if x * k > 0.5:
            seen.add(k)
        s += k * x
    for r in range(2):
        for c in range(2):
            if (r + c) * x > 1 and (r, c - 1) not in grid:
                grid.add((r, c))
    if n > 1:
        grid.clear()
    s += 10 if seen else 20
    while seen:
        s += seen.pop()
    return s + len(grid) + ((1, 1) in grid) - (100 if not grid else 0)


@case
def numpy_and_statistics_of_elements(x, n):
    f = np.vectorize(lambda a, b: a * 2 if a > b else b * x)
    s = f(np.array([x, 1.0, -x]), n).sum() + f([x, 2.0], 0.5)[0]
    for (i, j), v in np.ndenumerate(np.array([[x, 1.0], [2.0, -x]])):
        if v > 0:
            s += v * (i + 2 * j)
    for i, j in np.ndindex(2, 2):
        s += i * j * x
    w = [v for v in (x, 1.0, -x, 2.0) if v > 0]
    a = np.fromiter((v * x for v in range(4)), dtype=float)
    s += statistics.fmean(w) + statistics.variance((x, 1.0, 3.0)) + statistics.mean([1, 2, 4])
    return s + statistics.median([x, 0.0, 1.0]) + a.sum() + a[n % 4]


@case
def iterators_of_a_class_that_end_on_data(x, n):
    class Growth:
        def __init__(self, start):
            self.value = start

        def __iter__(self):
            return self

        def __next__(self):
            if self.value > n + 3:
                raise StopIteration
            self.value = abs(self.value) * 1.5 + 0.5
            return self.value

    s = 0.0
    for i, v in enumerate(Growth(x)):
        s = s * 0.5 + v * i
    for a, v in zip((1.0, 2.0, 3.0), Growth(x)):
        s += a * v
    w = [v * 2 for v in Growth(x) if v > 1]
    for v in map(lambda v: v + 1, Growth(0.5)):
        s = s * 0.25 + v
    return s + sum(Growth(x)) + max(Growth(x), default=0.0) + len(list(Growth(x))) + sum(w)
