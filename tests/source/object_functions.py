"""Python functions on objects, containers, text and None, chosen and changed by data.

Each takes a float and an integer; plain Python on floats is the oracle.
"""

# ruff: noqa: B006, B007, B018, B905, C402, C408, C417, E731, E742, RUF034

from __future__ import annotations

import collections
import contextlib
import enum
import functools
import heapq
import itertools
import math
import operator
import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax

CASES: list[Any] = []


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@case
def tuple_compare(x, n):
    best = (-100.0, 0)
    for i in range(4):
        c = (x * i - i * i, i)
        if c > best:
            best = c
    return best[0] + best[1]


@case
def list_equality(x, n):
    a = [x, 1.0]
    b = [x * 1.0, 1.0]
    if a == b:
        return x * 2
    return x


@case
def tuple_equality_int(x, n):
    if (n, 1) == (1, 1):
        return x * 5
    if (n, n) != (0, 0):
        return x * 7
    return x


class Vec:
    def __init__(s, a, b):
        s.a, s.b = a, b

    def __add__(s, o):
        if o.a > 0:
            return Vec(s.a + o.a, s.b)
        return Vec(s.a, s.b + o.b)

    def __lt__(s, o):
        if s.a < o.a:
            return True
        return s.b < o.b

    def __getitem__(s, i):
        if s.a > 1:
            return s.b * i
        return s.a

    @property
    def norm(s):
        if s.a > 0:
            return s.a + s.b
        return s.b

    @norm.setter
    def norm(s, v):
        if v > 0:
            s.a = v
        else:
            s.b = v

    def __call__(s, t):
        return t if s.a > t else s.b

    def __neg__(s):
        return Vec(-s.a, s.b) if s.a > 0 else s

    def __len__(s):
        return 2

    def __contains__(s, v):
        return s.a == v or s.b == v

    def __iter__(s):
        yield s.a
        yield s.b

    def __eq__(s, o):
        if s.a > 0:
            return s.a == o.a
        return s.b == o.b

    __hash__ = None

    @staticmethod
    def st(t):
        return t if t > 0 else -t

    @classmethod
    def make(cls, t):
        return cls(t, 1.0) if t > 0 else cls(1.0, t)

    def __enter__(s):
        if s.a > 0:
            s.b += 1
        return s

    def __exit__(s, *a):
        s.a += 1

    def __bool__(s):
        return s.a > 0

    def __radd__(s, o):
        return s.a + o if s.a > 0 else s.b

    def __iadd__(s, o):
        if o > 0:
            s.a += o
        return s

    def __abs__(s):
        return s.a if s.a > 0 else -s.a

    def __float__(s):
        return 1.0


@case
def op_add(x, n):
    v = Vec(x, 1.0) + Vec(x * 2, 3.0)
    return v.a + v.b


@case
def op_lt(x, n):
    if Vec(x, 1.0) < Vec(1.0, 2.0 * n):
        return x
    return -x


@case
def op_getitem(x, n):
    return Vec(x, 2.0)[3]


@case
def op_prop(x, n):
    return Vec(x, 2.0).norm


@case
def op_prop_set(x, n):
    v = Vec(x, 2.0)
    v.norm = x - 1
    return v.a + 10 * v.b


@case
def op_call(x, n):
    return Vec(x, 2.0)(0.5)


@case
def op_neg(x, n):
    v = -Vec(x, 2.0)
    return v.a


@case
def op_contains(x, n):
    return 1.0 * n if 1.0 in Vec(x, 1.0) else x


@case
def op_eq(x, n):
    return x if Vec(x, 1.0) == Vec(x, 2.0) else -x


@case
def op_static(x, n):
    return Vec.st(x) + Vec.make(x).a


@case
def op_with(x, n):
    v = Vec(x, 1.0)
    with v as w:
        r = w.b
    return r + v.a


@case
def op_bool(x, n):
    return x * 2 if Vec(x, 1.0) else x * 3


@case
def op_radd(x, n):
    return 1.0 + Vec(x, 2.0)


@case
def op_iadd(x, n):
    v = Vec(x, 2.0)
    v += x
    return v.a


@case
def op_abs(x, n):
    return abs(Vec(x, 1.0))


@case
def sum_of_objects(x, n):
    return sum([Vec(x, 1.0), Vec(1.0, 2.0)], 0.0)


@case
def polymorphic(x, n):
    class Ci:
        def __init__(s, r):
            s.r = r

        def area(s):
            return 3 * s.r * s.r

    class Sq:
        def __init__(s, a, b):
            s.a = a
            s.b = b

        def area(s):
            return s.a * s.b if s.a > 1 else s.a

    s = Ci(x) if x > 0 else Sq(x, 2.0)
    return s.area()


@case
def setattr_builtin(x, n):
    class O:
        pass

    o = O()
    o.a = 1.0
    if x > 0:
        o.a = x
    else:
        o.a = -x
    return o.a


@case
def list_append_unbound(x, n):
    a = [1.0]
    if x > 0:
        list.append(a, x)
    else:
        list.append(a, 2.0)
    return sum(a)


@case
def dict_update_kw(x, n):
    d = dict(a=1.0)
    if x > 0:
        d.update(a=x)
    else:
        d.update({"a": 2.0 * x})
    return d["a"]


@case
def operator_setitem(x, n):
    a = [1.0, 2.0]
    if x > 0:
        operator.setitem(a, 0, x)
    return a[0] + a[1]


@case
def heap_in_branch(x, n):
    h = [(3, "c"), (5, "e")]
    heapq.heapify(h)
    if x > 0:
        heapq.heappush(h, (1, "a"))
        heapq.heappop(h)
    return x + h[0][0]


@case
def counter_update(x, n):
    c = Counter(a=1, b=2)
    if x > 0:
        c.update(a=5)
    return x * c["a"]


@case
def frozen_dataclass(x, n):
    @dataclass(frozen=True)
    class P:
        a: float
        b: float = 1.0

    p = P(x)
    if x > 0:
        p = replace(p, b=x * 2)
    return p.a + p.b


@case
def dataclass_post_init(x, n):
    @dataclass
    class P:
        a: float
        b: float = field(default=0.0)

        def __post_init__(self):
            if self.a > 0:
                self.b = self.a * 2
            else:
                self.b = -1.0

    p = P(x)
    return p.a + p.b


@case
def lru(x, n):
    @functools.lru_cache(None)
    def fib(k):
        return k if k < 2 else fib(k - 1) + fib(k - 2)

    return x * fib(10)


@case
def single_dispatch(x, n):
    @functools.singledispatch
    def g(v):
        return x if x > 0 else 2 * x

    @g.register
    def _(v: int):
        return x * 3 if x > 0 else x * 4

    return g(1) + g("a")


@case
def wraps_decorator(x, n):
    def twice(f):
        @functools.wraps(f)
        def inner(*a, **k):
            r = f(*a, **k)
            if r > 0:
                r = f(r, **k)
            return r

        return inner

    @twice
    def g(t, *, k=1.0):
        return t * 2 if t < 3 else t + k

    return g(x) + g(x, k=2.0)


@case
def cached_prop(x, n):
    class A:
        @functools.cached_property
        def v(self):
            return x * 2 if x > 0 else -x

    a = A()
    return a.v + a.v


@case
def sorted_objs_key(x, n):
    class A:
        def __init__(s, v):
            s.v = v

    l = [A(x), A(1.0), A(0.5)]
    l = sorted(l, key=lambda a: a.v)
    return l[0].v + 10 * l[1].v + 100 * l[2].v


@case
def sort_method_key(x, n):
    l = [x, 1.0, 0.5]
    l.sort(key=lambda v: -v)
    return l[0] + 10 * l[1] + 100 * l[2]


@case
def list_sort(x, n):
    l = [x, 1.0, 0.5]
    l.sort()
    return l[0] + 10 * l[1] + 100 * l[2]


@case
def sorted_tuples(x, n):
    l = sorted([(x, 1.0), (1.0, 2.0), (0.5, 3.0)])
    return l[0][1] + 10 * l[1][1] + 100 * l[2][1] + x


@case
def max_tuples(x, n):
    v, k = max((x, 1), (1.0, 2), (0.5, 3))
    return v + k


@case
def min_with_key_default(x, n):
    return min([x, 2.0, -1.0], key=lambda t: (t - 1) ** 2) + max([], default=3.0)


@case
def any_all_gen(x, n):
    r = 0.0
    if any(x > i for i in range(3)):
        r += 1
    if all(x > -i for i in range(3)):
        r += 10
    if not any([x > 5, n == 1]):
        r += 100
    return r + x


@case
def filter_traced(x, n):
    return sum(map(lambda v: v if v > 0 else 0.0, [x, 1.0, -2.0]))


@case
def zip_strict(x, n):
    s = 0.0
    for a, b in zip([x, 1.0], [2.0, x], strict=True):
        s += a * b if a > b else a
    return s


@case
def groupby_static(x, n):
    s = 0.0
    for k, g in itertools.groupby([1, 1, 2, 3, 3]):
        s += k * len(list(g)) * (x if x > 0 else 1.0)
    return s


@case
def accumulate(x, n):
    return sum(itertools.accumulate([x, 1.0, 2.0], lambda a, b: a * b if a > 0 else a + b))


@case
def itertools_misc(x, n):
    s = 0.0
    for a, b in itertools.product([x, 1.0], [2.0, 3.0]):
        if a > 1:
            s += a * b
    for a, b in itertools.combinations([x, 1.0, 2.0], 2):
        if a < b:
            s += a
    for a in itertools.chain([x], [1.0]):
        s += a if a > 0 else 0
    for i, a in zip(itertools.count(), [x, 2.0]):
        s += i * a
    for a in itertools.islice(itertools.cycle([x, 1.0]), 5):
        s += a
    for a in itertools.takewhile(lambda t: t < 3, [1, 2, 3, 4]):
        s += a * x
    return s


@case
def starmap(x, n):
    return sum(itertools.starmap(lambda a, b: a if a > b else b, [(x, 1.0), (2.0, x)]))


@case
def partial_kw(x, n):
    def g(a, b, c=1.0):
        return a if b > c else b

    h = functools.partial(g, x, c=0.2)
    k = functools.partial(h, 1.0)
    return h(x) + k()


@case
def partialmethod(x, n):
    class A:
        def f(self, k, t):
            return t * k if t > 0 else t

        g = functools.partialmethod(f, 3.0)

    return A().g(x)


@case
def int_enum_state(x, n):
    class S(enum.Enum):
        A = 1
        B = 2
        C = 3

    st = S.A
    v = x
    k = 0
    while st is not S.C:
        if st is S.A:
            v += 1
            st = S.B
        elif st is S.B:
            v *= 2
            st = S.C if k > 2 else S.A
        k += 1
    return v


@case
def traced_enum_state(x, n):
    A, B, C = 0, 1, 2
    st = A
    v = x
    k = 0
    while st != C and k < 20:
        k += 1
        if st == A:
            v += 0.5
            if v > 2:
                st = B
        elif st == B:
            v -= 1.0
            st = C if v < n else A
    return v + k


@case
def string_state(x, n):
    st = "a"
    if x > 0:
        st = "b"
    return x * 2 if st == "b" else x


@case
def dict_dispatch(x, n):
    ops = {0: lambda t: t + 1, 1: lambda t: t * 2, 4: lambda t: -t}
    return ops[n](x)


@case
def dict_get_default(x, n):
    ops = {0: lambda t: t + 1, 1: lambda t: t * 2}
    return ops.get(n, lambda t: -t)(x)


@case
def list_dispatch(x, n):
    fs = [math.sin, math.cos, lambda t: t * t]
    return fs[n % 3](x)


@case
def list_numbers_traced_index(x, n):
    v = [1.0, x, 3.0]
    return v[n % 3] * x


@case
def dict_numbers_traced_key(x, n):
    d = {0: 1.0, 1: x, 4: x * x}
    return d[n]


@case
def tuple_traced_index(x, n):
    return (x, 2 * x, 3.0, 4.0, x)[n]


@case
def list_store_traced_index(x, n):
    v = [0.0, 0.0, 0.0]
    v[n % 3] = x
    v[(n + 1) % 3] += 2 * x
    return v[0] + 10 * v[1] + 100 * v[2]


@case
def dict_in_key(x, n):
    d = {0: 1.0, 4: 2.0}
    return x * 2 if n in d else x


@case
def ordered_dict(x, n):
    d = OrderedDict(a=1.0, b=x)
    if x > 0:
        d["a"] = x
        d.move_to_end("b")
    else:
        d["a"] = 2.0
        d.move_to_end("b")
    d.pop("b")
    return d["a"] + len(d)


@case
def counter_keys(x, n):
    c = Counter("aab")
    if x > 0:
        c["a"] += 2
    e = c if x > 0 else Counter(a=9, b=3)
    return c["a"] + 10 * e["a"] + x + c["zz"]


@case
def user_dict(x, n):
    class D(dict):
        pass

    d = D(a=x)
    if x > 0:
        d["a"] = 2.0
    return d["a"] + x


@case
def user_list(x, n):
    class L(list):
        def total(self):
            return sum(self)

    l = L([x, 1.0])
    if x > 0:
        l = L([2.0, x])
        l[0] += 1
    return l.total()


@case
def random_shuffle(x, n):
    l = [1, 2, 3, 4]
    if x > 0:
        random.Random(3).shuffle(l)
    return x * l[0] + l[1]


@case
def negative_index(x, n):
    v = [x, 2.0, 3.0, 4.0, 5 * x]
    return v[-1 - n % 5] + v[n - 1]


@case
def grid_store(x, n):
    g = [[0.0] * 3 for _ in range(5)]
    g[n][n % 3] = x
    g[n][0] += 1.0
    row = g[(n + 1) % 5]
    row[2] = 7.0
    return sum(sum((i + 1) * (j + 2) * v for j, v in enumerate(r)) for i, r in enumerate(g))


@case
def range_index(x, n):
    return x * range(3, 30, 4)[n]


@case
def list_of_tuples_index(x, n):
    t = [(1.0, x), (2.0, x * x), (3.0, 0.0), (4.0, 1.0), (5.0, 2 * x)]
    a, b = t[n]
    return a * b


@case
def loop_over_traced_positions(x, n):
    v = [x, 1.0, 2.0, 3.0, 4.0]
    i = 0
    s = 0.0
    while i < n:
        s += v[i]
        v[i] = s
        i += 2
    return s + v[0] + 10 * v[2]


@case
def dict_store_traced(x, n):
    d = {0: 1.0, 1: 2.0, 4: 3.0}
    d[n] = x
    d[n] += 1
    return d[0] + 10 * d[1] + 100 * d[4]


@case
def table_of_numbers(x, n):
    return x * [10, 20, 30, 40, 50][n]


@case
def objects_by_index(x, n):
    class A:
        def __init__(s, v):
            s.v = v

        def up(s):
            s.v += x

    l = [A(1.0), A(2.0), A(3.0), A(4.0), A(5.0)]
    l[n].up()
    l[n].v *= 2
    return sum((i + 1) * a.v for i, a in enumerate(l))


@case
def index_error_free_walk(x, n):
    nxt = [2, 0, 4, 1, 3]
    i = n
    s = 0.0
    for _ in range(7):
        s = s * 0.5 + x * i
        i = nxt[i]
    return s + i


@case
def parent_pointers(x, n):
    p = [0, 0, 1, 1, 2]
    k = n
    d = 0
    while p[k] != k:
        k = p[k]
        d += 1
    return x * d


@case
def bubble_sort(x, n):
    v = [x, 0.5, 2.0, -1.0]
    for i in range(4):
        for j in range(3 - i):
            if v[j] > v[j + 1]:
                v[j], v[j + 1] = v[j + 1], v[j]
    return v[0] + 10 * v[1] + 100 * v[2] + 1000 * v[3]


@case
def insertion_sort_while(x, n):
    v = [x, 0.5, 2.0, -1.0]
    for i in range(1, 4):
        k = v[i]
        j = i - 1
        while j >= 0 and v[j] > k:
            v[j + 1] = v[j]
            j -= 1
        v[j + 1] = k
    return v[0] + 10 * v[1] + 100 * v[2] + 1000 * v[3]


@case
def binary_search(x, n):
    v = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    lo, hi = 0, 6
    while lo < hi:
        mid = (lo + hi) // 2
        if v[mid] < x:
            lo = mid + 1
        else:
            hi = mid
    return lo + x


@case
def histogram(x, n):
    h = [0, 0, 0]
    for v in (x, 0.1, 1.5, -2.0):
        h[0 if v < 0 else 1 if v < 1 else 2] += 1
    return h[0] + 10 * h[1] + 100 * h[2] + x


@case
def histogram_dict(x, n):
    h = {"neg": 0, "pos": 0}
    for v in (x, 0.1, 1.5, -2.0):
        h["neg" if v < 0 else "pos"] += 1
    return h["neg"] + 10 * h["pos"] + x


@case
def sieve(x, n):
    p = [True] * 12
    p[0] = p[1] = False
    for i in range(2, n + 3):
        if p[i]:
            j = i * i
            while j < 12:
                p[j] = False
                j += i
    return x * sum(p)


@dataclass(order=True)
class DC:
    a: float
    b: float = 1.0
    c: float = field(default=0.0, compare=False)

    def __post_init__(self):
        if self.a > 0:
            self.c = self.a * 2


@case
def dataclass_compare(x, n):
    p, q = DC(x), DC(1.0, 2.0)
    r = p.c
    if p < q:
        r += 1
    if p == DC(x, 1.0):
        r += 10
    if p >= q:
        r += 100
    return r + max(p, q).a + sorted([q, p])[0].b


@functools.total_ordering
class TO:
    def __init__(s, v):
        s.v = v

    def __eq__(s, o):
        return s.v == o.v

    def __lt__(s, o):
        return s.v < o.v if s.v > 0 else True


@case
def total_ordering_module(x, n):
    a, b = TO(x), TO(1.0)
    r = 0.0
    if a >= b:
        r += 1
    if a <= b:
        r += 10
    if a > b:
        r += 100
    return r + x + min(a, b).v


class Temp:
    def __init__(s, c):
        s._c = c

    @functools.cached_property
    def hot(s):
        return s._c * 2 if s._c > 1 else s._c

    @property
    def f(s):
        return s._c * 1.8 + 32

    @f.setter
    def f(s, v):
        if v > 32:
            s._c = (v - 32) / 1.8
        else:
            s._c = 0.0


@case
def temp(x, n):
    t = Temp(x)
    t.f = t.f + 10 * n
    u = t.hot + t.hot
    t.f += 1
    return t._c + u


class Desc:
    def __set_name__(s, o, n):
        s.n = "_" + n

    def __get__(s, o, t=None):
        return getattr(o, s.n) if o is not None else s

    def __set__(s, o, v):
        if v > 0:
            setattr(o, s.n, v)
        else:
            setattr(o, s.n, 0.0)


class WithDesc:
    w = Desc()

    def __init__(s, v):
        s.w = v


@case
def descriptor(x, n):
    o = WithDesc(x)
    r = o.w
    o.w = x - 1
    return r + o.w


class Lazy:
    def __getattr__(s, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return len(name) * 1.0


@case
def dunder_getattr(x, n):
    return Lazy().abc * x if x > 0 else Lazy().abcd


class Poly:
    def __init__(s, c):
        s.c = c

    def __call__(s, t):
        r = 0.0
        for k in reversed(s.c):
            r = r * t + k
        return r if r > 0 else -r

    def __matmul__(s, o):
        return Poly([a * b if a > b else a for a, b in zip(s.c, o.c)])

    def __getitem__(s, i):
        return s.c[i] if i < len(s.c) else 0.0

    def __iter__(s):
        for v in s.c:
            yield v if v > 0 else -v


@case
def poly(x, n):
    p = Poly([x, 1.0, 2.0])
    q = p @ Poly([1.0, x, 3.0])
    return p(x) + q(0.5) + sum(p) + q[n]


class Circle:
    def __init__(s, r):
        s.r = r

    def area(s):
        return 3 * s.r * s.r

    def grow(s, k):
        s.r = s.r + k

    @property
    def big(s):
        return s.r > 1


class Rect:
    def __init__(s, a, b):
        s.a = a
        s.b = b

    def area(s):
        return s.a * s.b if s.a > 1 else s.a

    def grow(s, k):
        s.a *= k
        s.b += 1

    @property
    def big(s):
        return s.a * s.b > 1


@case
def poly1(x, n):
    s = Circle(x) if x > 0 else Rect(x, 2.0)
    return s.area()


@case
def poly2(x, n):
    c, r = Circle(x), Rect(2.0, x)
    s = c if n > 1 else r
    s.grow(2.0)
    if isinstance(s, Circle):
        return s.area() + r.area()
    return s.area() + c.area() * 10


@case
def poly3(x, n):
    s = Circle(x) if x > 0 else Rect(x, 2.0)
    return 1.0 if s.big else x


@case
def poly4(x, n):
    shapes = [Circle(x), Rect(x, 1.0), Circle(2.0), Rect(1.0, 1.0), Rect(3.0, x)]
    s = shapes[n]
    s.grow(1.5)
    return sum((i + 1) * t.area() for i, t in enumerate(shapes))


@case
def poly_type(x, n):
    s = Circle(x) if x > 0 else Rect(x, 2.0)
    if type(s) is Circle:
        return s.r
    return s.b


@case
def poly_match(x, n):
    s = Circle(x) if x > 0 else Rect(x, 2.0)
    match s:
        case Circle(r=r) if r > 1:
            return r * 10
        case Circle(r=r):
            return r
        case Rect(a=a, b=b):
            return a + b


@case
def optional_best(x, n):
    best = None
    for i in range(n):
        v = x * i - i * i
        if best is None or v > best:
            best = v
    return -1.0 if best is None else best


@case
def optional_default(x, n):
    y = None
    if x > 0:
        y = x
    if y is None:
        y = -5.0
    return y * 2


@case
def optional_not_none(x, n):
    y = None
    if x > 0:
        y = x * 3
    return y + 1 if y is not None else 0.0


@case
def optional_and(x, n):
    y = None
    if x > 0:
        y = x * 3
    if y is not None and y > 2:
        return y
    return x


@case
def optional_tuple(x, n):
    found = None
    for i in range(3):
        for j in range(3):
            if x * i > j + n and found is None:
                found = (i, j)
    if found is None:
        return x
    i, j = found
    return i * 10.0 + j


@case
def optional_return(x, n):
    def find(v):
        for i in range(4):
            if v < i:
                return i * v
        return None

    r = find(x)
    return r if r is not None else 99.0


@case
def optional_while(x, n):
    prev = None
    k = 0
    y = x
    while k < n + 2 and (prev is None or abs(y - prev) > 0.1):
        prev = y
        y = y * 0.5 + 1
        k += 1
    return y + k


@case
def str_state(x, n):
    st = "a"
    if x > 0:
        st = "b"
    return x * 2 if st == "b" else x


@case
def str_machine(x, n):
    st = "start"
    v = x
    k = 0
    while st != "done":
        k += 1
        if st == "start":
            v += 1
            st = "up" if v > 0 else "down"
        elif st == "up":
            v *= 0.5
            if v < 1:
                st = "done"
        elif st == "down":
            v += 2
            st = "up"
    return v + k


@case
def str_match(x, n):
    st = "low" if x < 0 else "mid" if x < 1 else "high"
    match st:
        case "low":
            return -x
        case "mid" | "none":
            return x * 2
        case _:
            return x * 3


@case
def str_dict(x, n):
    d = {"neg": 0.0, "pos": 0.0}
    for i in range(3):
        d["neg" if x < i else "pos"] += x + i
    return d["neg"] * 10 + d["pos"]


@case
def str_in(x, n):
    st = "a" if x > 0 else "b" if n > 0 else "c"
    r = 0.0
    if st in ("a", "c"):
        r += 1
    if st not in {"b"}:
        r += 10
    if st in {"c": 1}:
        r += 100
    if "a" in st:
        r += 1000
    return r + x


@case
def str_concat_len(x, n):
    st = "ab" if x > 0 else "c"
    st = st + "z"
    return x * len(st) + (1.0 if st == "abz" else 2.0) + (5.0 if st.startswith("c") else 0.0)


@case
def str_fstring(x, n):
    st = "ab" if x > 0 else "c"
    t = f"<{st}>{3}"
    return x if t == "<ab>3" else -x


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


@case
def enum_state(x, n):
    c = Color.RED
    if x > 0:
        c = Color.GREEN if n > 1 else Color.BLUE
    if c is Color.RED:
        return x
    if c == Color.GREEN:
        return x * c.value
    return x * 10


@case
def enum_machine(x, n):
    c = Color.RED
    v = x
    for _ in range(6):
        if c is Color.RED:
            v += 1
            if v > 2:
                c = Color.GREEN
        elif c is Color.GREEN:
            v *= 0.5
            c = Color.BLUE if v < 1.2 else Color.RED
        else:
            v -= 0.25
    return v + c.value


@case
def enum_dict_dispatch(x, n):
    table = {Color.RED: lambda t: t + 1, Color.GREEN: lambda t: t * 2, Color.BLUE: lambda t: -t}
    c = Color.RED if x < 0 else Color.GREEN if n else Color.BLUE
    return table[c](x)


@case
def none_or_function(x, n):
    g = None
    if x > 0:
        g = lambda t: t * t
    return g(x) if g is not None else -x


@case
def none_or_function_truth(x, n):
    g = None
    if x > 0:
        g = lambda t: t * t
    return g(x) if g else -x


@case
def bool_or_none(x, n):
    r = None
    if x > 1:
        r = True
    elif x > 0:
        r = False
    if r is None:
        return x
    return 2 * x if r else 3 * x


@case
def or_default(x, n):
    y = None
    if x > 0:
        y = x
    return (y or 4.0) * 2


@case
def linked_list(x, n):
    class Node:
        def __init__(s, v, nx=None):
            s.v = v
            s.next = nx

    head = Node(1.0, Node(2.0, Node(3.0)))
    node = head
    s = 0.0
    k = 0
    while node is not None and s < x:
        s += node.v
        node = node.next
        k += 1
    return s + k + x


@case
def tree_search(x, n):
    class Node:
        def __init__(s, k, l=None, r=None):
            s.k = k
            s.l = l
            s.r = r

    t = Node(0.0, Node(-1.0), Node(2.0, Node(1.0), Node(3.0)))
    node = t
    d = 0
    while node is not None:
        node = node.l if x < node.k else node.r
        d += 1
    return x * d


@case
def tree_insert_recursive(x, n):
    def depth(t, k):
        if t is None:
            return 0
        v, l, r = t
        return 1 + (depth(l, k) if k < v else depth(r, k))

    t = (0.0, (-1.0, None, None), (2.0, (1.0, None, None), None))
    return x * depth(t, x)


@case
def list_or_none(x, n):
    l = None
    if x > 0:
        l = [x, 1.0]
    s = 0.0
    if l is not None:
        for v in l:
            s += v
        s += len(l)
    return s


@case
def sentinel(x, n):
    missing = object()
    v = missing
    if x > 0:
        v = x
    return 1.0 if v is missing else v


@case
def result_ok_err(x, n):
    @dataclass
    class Ok:
        value: float

    @dataclass
    class Err:
        code: int

    def run(t):
        return Ok(t * 2) if t > 0 else Err(7)

    r = run(x)
    match r:
        case Ok(value=v):
            return v
        case Err(code=c):
            return c + x


@case
def int_or_str_mode(x, n):
    mode = 0
    if x > 0:
        mode = "fast"
    return x * 2 if mode == "fast" else x + mode if mode == 0 else 0.0


@case
def optional_into_numpy(x, n):
    y = None
    if x > 0:
        y = x
    if y is not None:
        return mnp.sin(y) + math.cos(y)
    return x


@case
def optional_early_return(x, n):
    y = None
    if x > 0:
        y = x * 2
    if y is None:
        return -1.0
    z = y * 3
    return mnp.exp(-z) + z


@case
def optional_raise(x, n):
    y = None
    if n >= 0:
        y = x * 2
    if y is None:
        raise ValueError("no")
    return y * 3


@case
def optional_attr(x, n):
    class A:
        pass

    a = A()
    a.v = None
    if x > 0:
        a.v = x
    if a.v is None:
        a.v = 2.0
    return a.v


@case
def optional_dict(x, n):
    d = {"v": None, "w": 1.0}
    if x > 0:
        d["v"] = x
    v = d["v"]
    return v * 2 if v is not None else d["w"]


@case
def optional_in_list(x, n):
    l = [None] * 3
    for i in range(3):
        if x > i:
            l[i] = x * i
    return sum(v if v is not None else 1.0 for v in l)


@case
def cache_dict_memo(x, n):
    memo = {}

    def f(k):
        if k in memo:
            return memo[k]
        r = x if k < 2 else f(k - 1) + f(k - 2) * (0.5 if x > 0 else 0.25)
        memo[k] = r
        return r

    return f(6)


@case
def nonlocal_optional(x, n):
    last = None

    def step(v):
        nonlocal last
        d = 0.0 if last is None else v - last
        last = v
        return d

    s = 0.0
    for i in range(n):
        s += step(x * i * i)
    return s


@case
def optional_minmax(x, n):
    lo = hi = None
    i = 0
    while i < n + 1:
        v = math.sin(x * (i + 1))
        if lo is None or v < lo:
            lo = v
        if hi is None or v > hi:
            hi = v
        i += 1
    return hi - lo + i


@case
def first_or_none_next(x, n):
    r = next((v for v in [x, 1.0, 2.0] if v is not None), None)
    return r * 2


@case
def handlers_dict(x, n):
    def a(t):
        return t + 1, "b"

    def b(t):
        return t * 2, "c" if t > 3 else "a"

    def c(t):
        return t - 1, "end"

    h = {"a": a, "b": b, "c": c}
    st = "a"
    v = x
    k = 0
    while st != "end" and k < 10:
        v, st = h[st](v)
        k += 1
    return v + k


@case
def parser_tokens(x, n):
    toks = ["num", "+", "num", "*", "num"]
    vals = iter([x, 2.0, 3.0])
    acc = 0.0
    op = "+"
    for t in toks:
        if t == "num":
            v = next(vals)
            acc = acc + v if op == "+" else acc * v
        else:
            op = t if x > 0 else "+"
    return acc


@case
def command_pattern(x, n):
    class Add:
        def __init__(s, k):
            s.k = k

        def do(s, v):
            return v + s.k

        def undo(s, v):
            return v - s.k

    class Mul:
        def __init__(s, k):
            s.k = k

        def do(s, v):
            return v * s.k

        def undo(s, v):
            return v / s.k

    c = Add(2.0) if x > 0 else Mul(x)
    hist = []
    v = 1.0
    for i in range(3):
        v = c.do(v)
        hist.append(c)
    v2 = v
    for c in reversed(hist):
        v2 = c.undo(v2)
    return v + v2


@case
def visitor_tree(x, n):
    def ev(e):
        match e:
            case ("num", v):
                return v
            case ("add", a, b):
                return ev(a) + ev(b)
            case ("mul", a, b):
                return ev(a) * ev(b)
            case ("if", c, a, b):
                return ev(a) if ev(c) > 0 else ev(b)

    return ev(
        ("if", ("num", x), ("add", ("num", x), ("num", 1.0)), ("mul", ("num", x), ("num", 3.0)))
    )


@case
def strategy_objects_loop(x, n):
    class Fast:
        def step(s, v):
            return v * 0.5

    class Slow:
        def __init__(s):
            s.c = 0.0

        def step(s, v):
            s.c += 1
            return v - 0.25

    fast, slow = Fast(), Slow()
    cur = slow
    v = x
    for i in range(n + 2):
        v = cur.step(v)
        cur = fast if v > 1 else slow
    return v + slow.c * 10


@case
def filt_sum(x, n):
    return sum(v for v in [x, 1.0, -2.0, 2 * x] if v > 0)


@case
def filt_list(x, n):
    l = [v * 2 for v in [x, 1.0, -2.0, 2 * x] if v > 0]
    return sum(l) + len(l) * 100


@case
def filt_for(x, n):
    s = 0.0
    for v in [w for w in (x, 0.5, -1.0, 3.0) if w < 1]:
        s += v
        if s > 0.6:
            break
    return s


@case
def filt_max_default(x, n):
    return max((v for v in [x, -1.0, -2 * x] if v > 0.5), default=-7.0)


@case
def filt_min_key(x, n):
    return min([v for v in [x, 1.0, 2.0] if v > -5], key=lambda t: (t - 1.2) ** 2)


@case
def filt_any_all(x, n):
    return (
        (1 if any(v > 1 for v in [x, 0.5] if v != n) else 0)
        + (10 if all(v < 2 for v in [x, 0.5] if v > 0) else 0)
        + x
    )


@case
def filt_count(x, n):
    return sum(1 for v in [x, 1.0, -2.0] if v > 0 and v < 2) * x


@case
def sum_range_traced(x, n):
    return sum(x * i for i in range(n))


@case
def sum_range_traced_if(x, n):
    return sum(x * i for i in range(n + 2) if i % 2 == 0 if x > 0)


@case
def any_range_traced(x, n):
    return 1.0 if any(x * i > 2 for i in range(n)) else x


@case
def max_range_traced(x, n):
    return max(math.sin(x * i) for i in range(n + 1))


@case
def filt_truth_index(x, n):
    l = [v for v in [x, 1.0, 2.0] if v > 0.7]
    if l:
        r = l[0] + l[-1]
    else:
        r = 0.0
    return r


@case
def filt_empty_truth(x, n):
    l = [v for v in [x, -1.0] if v > 0]
    return 1.0 if not l else l[0]


@case
def filt_in(x, n):
    return x if 1.0 in [v for v in [x, 1.0] if x > 0] else -x


@case
def filt_enumerate(x, n):
    return sum(i * v for i, v in enumerate([x, 1.0, 2.0]) if v > x * 0.5)


@case
def filt_zip(x, n):
    return sum([a * b for a, b in zip([x, 1.0], [2.0, x]) if a < b])


@case
def filt_join(x, n):
    l = [1.0, 2.0]
    m = [v for v in l if v > x]
    return sum(m) / max(len(m), 1)


@case
def filt_static(x, n):
    return sum([v for v in range(6) if v % 2]) * x


@case
def filt_array(x, n):
    a = mnp.stack([x, 1.0 + x * 0, 2 * x])
    return sum(v for v in a if v > 0)


@case
def mean_of_positive(x, n):
    pos = [v for v in (x, n, 1.5) if v > 0]
    return sum(pos) / len(pos) if pos else 0.0


@case
def quick_select_like(x, n):
    l = [x, 1.0, 0.5, 2.0]
    p = l[0]
    lo = [v for v in l if v < p]
    hi = [v for v in l if v > p]
    return len(lo) * 10 + len(hi) + sum(lo)


@case
def nested_any(x, n):
    return 1.0 if any(any(x * i > j for j in range(3)) for i in range(2)) else x


@case
def join_strs(x, n):
    return len(",".join(str(i) for i in range(3))) * x


@case
def dict_from_gen(x, n):
    d = dict((k, v) for k, v in (("a", x), ("b", 1.0)) if v is not None)
    return d["a"] + d["b"]


@case
def try_finally_nested_break(x, n):
    log = 0.0
    for i in range(n + 3):
        try:
            try:
                if x > i:
                    continue
                if i > 3:
                    break
                log += i
            finally:
                log += 0.1
        finally:
            log *= 1.5
    else:
        log += 100
    return log + x


@case
def while_else_return(x, n):
    i = 0
    while i < 5:
        i += 1
        if x * i > 4:
            return i * x
        if i == n:
            break
    else:
        return -x
    return x + i


@case
def generator_lazy(x, n):
    log = []

    def gen():
        v = x
        while True:
            log.append(v)
            yield v
            v = v * 2 + 1

    s = 0.0
    for v in itertools.islice(gen(), 4):
        s += v if v > 0 else -v
    return s + len(log)


@case
def generator_send(x, n):
    def acc():
        t = 0.0
        while True:
            v = yield t
            if v is None:
                return
            t += v if v > 0 else 2 * v

    g = acc()
    next(g)
    g.send(x)
    r = g.send(1.0)
    g.close()
    return r


@case
def generator_yield_from(x, n):
    def a():
        yield x
        yield from (x * k for k in range(3))
        return 5.0

    def b():
        r = yield from a()
        yield r

    return sum(v if v > -1 else 1.0 for v in b())


@case
def mutable_default(x, n):
    def f(v, acc=[]):
        acc.append(v)
        return sum(acc) if v > 0 else len(acc) * 1.0

    return f(x) + f(1.0) + f(2.0)


@case
def ackermann_small(x, n):
    def ack(m, k):
        if m == 0:
            return k + 1
        if k == 0:
            return ack(m - 1, 1)
        return ack(m - 1, ack(m, k - 1))

    return ack(2, n % 3) * x


@case
def hanoi_count(x, n):
    moves = 0

    def h(k, a, b, c):
        nonlocal moves
        if k == 0:
            return
        h(k - 1, a, c, b)
        moves += 1
        h(k - 1, c, b, a)

    h(4, 0, 1, 2)
    return moves * x


@case
def walrus_while(x, n):
    k = 0
    s = 0.0
    while (y := x * 0.5**k) * y > 0.01 and (k := k + 1) < 10:
        s += y
    return s + k


@case
def contextmanager_gen(x, n):
    stack = []

    @contextlib.contextmanager
    def push(v):
        stack.append(v)
        try:
            yield v * 2 if x > 0 else v
        finally:
            stack.pop()

    with push(x) as a, push(1.0) as b:
        r = a + b + len(stack)
    return r + len(stack)


@case
def exitstack(x, n):
    out = []
    with contextlib.ExitStack() as st:
        for i in range(3):
            st.callback(out.append, i * x)
        if x > 0:
            y = 1.0
        else:
            y = 2.0
    return sum(out) + y


@case
def suppress(x, n):
    v = x
    with contextlib.suppress(ZeroDivisionError):
        v = v + 1
        1 / 0
        v = 100.0
    return v if v > 0 else -v


@case
def exception_in_traced_branch_caught_inside(x, n):
    if x > 0:
        try:
            r = [1.0][5]
        except IndexError:
            r = x * 2
    else:
        r = -x
    return r


@case
def in_scan_body(x, n):
    def body(c, v):
        if c > v:
            c = c * 0.5
        else:
            c = c + v
        for _ in range(2):
            if c > 3:
                break
            c += 0.25
        return c, c * v

    c, ys = lax.scan(body, x, mnp.arange(4.0))
    return c + ys.sum()


@case
def in_while_loop_lax(x, n):
    def cond(s):
        return s[0] < 5 and s[1] > -10

    def body(s):
        i, v = s
        if v > 1:
            v = v * 0.5
        else:
            v = v + i
        return i + 1, v

    return lax.while_loop(cond, body, (0, x))[1]


@case
def in_cond_branches(x, n):
    def t(v):
        while v > 1:
            v = v * 0.5
        return v

    def f(v):
        return v * v if v < -1 else v

    return lax.cond(x > 0, t, f, x)


@case
def in_vmap_inner(x, n):
    def f(v):
        if v > 0:
            return v * v
        return -v

    return ms.vmap(f)(mnp.stack([x * 1.0, -x, x + 1])).sum()


@case
def in_custom_vjp(x, n):
    @ms.custom_vjp
    def f(v):
        return v * v if v > 0 else v

    def fwd(v):
        if v > 0:
            return v * v, v * 2
        return v * 1.0, v * 0 + 1

    def bwd(r, g):
        return (g * r if r > 0 else g * r,)

    f.defvjp(fwd, bwd)
    return f(x)


@case
def grad_inside(x, n):
    def f(v):
        s = v
        while s < 4:
            s = s * 1.5 + 1
        return s * v

    return ms.grad(f)(x)


@case
def state_in_closure_dict(x, n):
    st = {"n": 0, "v": x}

    def step():
        st["n"] += 1
        if st["v"] > 1:
            st["v"] *= 0.5
        else:
            st["v"] += 0.4
        return st["v"] < 1.2

    while step() and st["n"] < 10:
        pass
    return st["v"] + st["n"]


@case
def chained_compare_side_effects(x, n):
    c = 0

    def t(v):
        nonlocal c
        c += 1
        return v

    r = 0.0
    if t(-1) < t(x) < t(2):
        r = 1.0
    return r + c + x


@case
def matrix_chain_dp(x, n):
    d = [1, 2, 3, 4]
    m = [[0.0] * 4 for _ in range(4)]
    for L in range(2, 4):
        for i in range(1, 4 - L + 1):
            j = i + L - 1
            best = None
            for k in range(i, j):
                c = m[i][k] + m[k + 1][j] + d[i - 1] * d[k] * d[j] * (x if x > 0 else 1.0)
                if best is None or c < best:
                    best = c
            m[i][j] = best
    return m[1][3]


@case
def knapsack(x, n):
    dp = [0.0] * 6
    for w, v in ((1, x), (2, 3.0), (3, x * x)):
        for c in range(5, w - 1, -1):
            dp[c] = max(dp[c], dp[c - w] + v)
    return dp[5]


@case
def edit_distance_traced(x, n):
    a = [x, 1.0, 2.0]
    b = [1.0, x]
    D = [[i + j if i * j == 0 else 0 for j in range(3)] for i in range(4)]
    for i in range(1, 4):
        for j in range(1, 3):
            c = 0 if a[i - 1] == b[j - 1] else 1
            D[i][j] = min(D[i - 1][j] + 1, D[i][j - 1] + 1, D[i - 1][j - 1] + c)
    return D[3][2] + x


@case
def stack_machine(x, n):
    st = []
    for op in [x, 2.0, "+", 3.0, "*", "neg", 1.0, "max"]:
        if op == "+":
            b, a = st.pop(), st.pop()
            st.append(a + b)
        elif op == "*":
            b, a = st.pop(), st.pop()
            st.append(a * b)
        elif op == "neg":
            st.append(-st.pop())
        elif op == "max":
            b, a = st.pop(), st.pop()
            st.append(a if a > b else b)
        else:
            st.append(op)
    return st[0]


@case
def deque_rotate(x, n):
    d = collections.deque([x, 1.0, 2.0], maxlen=3)
    for i in range(4):
        if d[0] > 1:
            d.append(d[0] * 0.5)
        else:
            d.rotate(1)
            d[0] += 0.5
    return sum(v * (i + 1) for i, v in enumerate(d))


@case
def floyd(x, n):
    I = 100.0
    d = [[0.0, x * x, I], [I, 0.0, 1.0], [2.0, I, 0.0]]
    for k in range(3):
        for i in range(3):
            for j in range(3):
                if d[i][k] + d[k][j] < d[i][j]:
                    d[i][j] = d[i][k] + d[k][j]
    return sum(map(sum, d))


@case
def union_find(x, n):
    p = list(range(5))

    def find(a):
        while p[a] != a:
            a = p[a]
        return a

    for a, b in ((0, 1), (n, 2), (3, 4), (1, 4)):
        if x > -1 or a != 1:
            p[find(a)] = find(b)
    return x * len([1 for i in range(5)]) + find(0) * 10 + find(3)


@case
def primes_until(x, n):
    c = 0
    k = 2
    while c < n + 1:
        p = True
        i = 2
        while i * i <= k:
            if k % i == 0:
                p = False
                break
            i += 1
        if p:
            c += 1
        k += 1
    return k * x


@case
def pop_in_test(x, n):
    q = [0.5, 1.0, x, 3.0, 0.1]
    s = 0.0
    k = 0

    def take():
        nonlocal k
        k += 1
        return q[k - 1]

    while k < 5 and (v := take()) < x + 1:
        s += v
    return s + k


@case
def stores_in_test_attr(x, n):
    class It:
        def __init__(s):
            s.i = 0
            s.v = x

        def more(s):
            s.i += 1
            s.v *= 0.5
            return s.v > 0.2 or s.i < n

    it = It()
    t = 0.0
    while it.more():
        t += it.v
    return t + it.i


class Pair(NamedTuple):
    a: float
    b: float = 1.0

    def norm(self):
        return self.a if self.a > self.b else self.b


@dataclass
class Particle:
    pos: float
    vel: float
    hist: list = field(default_factory=list)

    def step(self, dt):
        self.pos += self.vel * dt
        if self.pos > 1.0:
            self.pos = 2.0 - self.pos
            self.vel = -self.vel
        self.hist.append(self.pos)


@case
def swap_objs_then_mutate(x, n):
    a, b = Particle(x, 1.0), Particle(2.0, 3.0)
    first = a
    if x > 0:
        a, b = b, a
    a.vel = 10.0
    b.pos += 1
    return first.pos + 10 * first.vel + 100 * a.pos + 1000 * b.vel


@case
def best_object_in_while(x, n):
    ps = [Particle(x, 1.0), Particle(1.0, 2.0), Particle(2 * x, 3.0)]
    best = ps[0]
    i = 1
    while i < 3:
        if ps[i].pos > best.pos:
            best = ps[i]
        i += 1
    return best.pos * best.vel


@case
def function_table_mutated(x, n):
    fs = [lambda t: t]
    for i in range(3):
        g = fs[-1]
        if x > i:
            fs.append(lambda t, g=g: g(t) + 1)
        else:
            fs.append(lambda t, g=g: g(t) * 2)
    return fs[-1](x)


@case
def y_combinator(x, n):
    Y = lambda f: (lambda g: g(g))(lambda g: f(lambda *a: g(g)(*a)))
    pw = Y(lambda self: lambda k: 1.0 if k == 0 else x * self(k - 1))
    return pw(n)


@case
def trampolined(x, n):
    def step(k, acc):
        return (None, acc) if k == 0 else ((k - 1, acc + x), None)

    st = (n, 0.0)
    r = None
    while True:
        st, r = step(*st)
        if st is None:
            break
    return r


@case
def cps(x, n):
    def f(v, k):
        return k(v * 2) if v > 0 else k(v - 1)

    return f(x, lambda v: f(v + 1, lambda w: w * v))


@case
def break_out_three(x, n):
    r = 0.0
    for i in range(3):
        for j in range(3):
            for k in range(3):
                if x * i + j * k > 2.5:
                    break
                r += 1
            else:
                continue
            break
        else:
            continue
        break
    return r * x


@case
def slices_lists(x, n):
    l = [x, 1.0, 2.0, 3.0]
    if x > 0:
        l[1:3] = [5.0, 6.0]
    l[::2] = [l[0] + 1, l[2] * 2]
    return sum(v * (i + 1) for i, v in enumerate(l))


@case
def recursive_closure_state(x, n):
    seen = [0.0]

    def go(k):
        if k <= 0:
            return seen[0]
        seen[0] += x * k
        return go(k - 1)

    return go(3)


@case
def none_return_functions(x, n):
    def f(v):
        if v > 1:
            return None
        if v > 0:
            return v

    r = f(x)
    if r is None:
        r = -1.0
    return r


@case
def multi_return_kinds(x, n):
    def f(v):
        if v > 1:
            return ("big", v)
        if v > 0:
            return ("small", v * 2)
        return ("neg", -v)

    k, v = f(x)
    return v * (1 if k == "big" else 2 if k == "small" else 3)


@case
def string_format_decide(x, n):
    s = "pos" if x > 0 else "neg"
    t = s.upper() + str(len(s))
    return 1.0 * x if t == "POS3" else 2.0 * x


@case
def max_dict_key(x, n):
    d = {"a": x, "b": 1.0, "c": 0.5}
    k = max(d, key=lambda k: d[k])
    return d[k] * (1 if k == "a" else 2)


@case
def argmax_enumerate(x, n):
    i, v = max(enumerate([x, 1.0, 0.5]), key=lambda p: p[1])
    return i * 10 + v


@case
def sorted_dict_items(x, n):
    d = {"a": x, "b": 1.0, "c": 0.5}
    r = 0.0
    for j, (k, v) in enumerate(sorted(d.items(), key=lambda p: p[1])):
        r += (j + 1) * v * (1 if k != "a" else 10)
    return r


@case
def topk_heap_manual(x, n):
    top = []
    for v in (x, 1.0, 2.0, 0.5):
        top.append(v)
        top.sort(reverse=True)
        if len(top) > 2:
            top.pop()
    return top[0] * 10 + top[1]


@case
def fizzbuzz_sum(x, n):
    s = 0.0
    for i in range(1, n + 8):
        if i % 15 == 0:
            s += 100
        elif i % 3 == 0:
            s += x
        elif i % 5 == 0:
            s -= x
        else:
            continue
        if s > 50:
            break
    return s


@case
def particles(x, n):
    ps = [Particle(x * 0.2, 1.0), Particle(0.5, -x)]
    for _ in range(3):
        for p in ps:
            p.step(0.3)
        if ps[0].pos > ps[1].pos:
            ps[0], ps[1] = ps[1], ps[0]
    return ps[0].pos * 10 + ps[1].vel + sum(ps[0].hist)


@case
def namedtuple_optional(x, n):
    p = None
    for i in range(n):
        if x * i > 1:
            p = Pair(x * i, float(i))
    return p.norm() if p is not None else x


@case
def match_seq(x, n):
    match [x, n, 1.0]:
        case [a, 0, *rest]:
            return a + sum(rest)
        case [a, b, c] if a > 0:
            return a * b * c
        case [a, *_]:
            return a


@case
def iterate_dict_traced_vals(x, n):
    d = {"a": x, "b": 2.0}
    for k, v in d.items():
        if v > 1:
            d[k] = v * 0.5
    return sum(d.values())
