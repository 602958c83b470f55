"""Python functions that stretch the language: what people write, mixed wildly.

Each takes a float and an integer; plain Python on floats is the oracle. Where a function does
something that no other table has, its name says what.
"""

# ruff: noqa: B007, B905, E742, B023, E731, PERF401
# ruff: noqa: RUF015, TRY

from __future__ import annotations

import contextlib
import enum
import functools
import heapq
import itertools
import math
import numbers
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

CASES: list[Any] = []
XS, NS = (-1.31, 0.43, 2.72), (0, 1, 4)


def case(f: Any) -> Any:
    """Enter a function into the table."""
    f.points = [(x, n) for x in XS for n in NS]
    CASES.append(f)
    return f


@case
def closures_over_loop_variable(x, n):
    fs = []
    for i in range(4):
        fs.append(lambda t: t * i)
    return sum(f(x) for f in fs)


@case
def closures_with_default(x, n):
    fs = [lambda t, i=i: t * i if t > i - 1 else -t for i in range(4)]
    s = 0.0
    for f in fs:
        s += f(x)
    return s


@case
def closure_over_traced_loop_variable(x, n):
    s = 0.0
    for i in range(n):
        g = lambda t: t * i + x
        if x > i:
            s += g(x)
        else:
            s -= g(0.5)
    return s


@case
def try_finally_return(x, n):
    s = x
    try:
        if x > 0:
            return s * 2
        s = s - 1
    finally:
        s += 100
    return s * s


@case
def finally_in_loop_with_break(x, n):
    log = 0.0
    for i in range(n + 2):
        try:
            if x > i:
                continue
            if i > 3:
                break
            log += x * i
        finally:
            log += 0.5
    return log + x


@case
def while_else_break(x, n):
    k = 0
    y = x
    while k < n:
        y = y * 0.5 + 1
        if y > 1.5:
            break
        k += 1
    else:
        y = y - 10
    return y * k + y


@case
def nonlocal_nest(x, n):
    total = 0.0
    count = 0

    def add(v):
        nonlocal total, count

        def inner():
            nonlocal count
            count += 1
            if v > 0:
                count += 1

        inner()
        if count % 2 == 0:
            total += v
        else:
            total -= v * 2

    i = 0
    while i < n + 1:
        add(x - i)
        i += 1
    return total + count


@case
def generator_in_traced_loop(x, n):
    def gen(t):
        yield t
        yield t * 2
        yield t * t

    s = 0.0
    for i in range(n):
        for v in gen(x + i):
            if v > 1:
                s += v
            else:
                s -= v
    return s


@case
def generator_with_traced_if_inside(x, n):
    def gen(t):
        for i in range(3):
            if t > i:
                t = t * 0.5
            else:
                t = t + 1
            yield t

    return sum(gen(x)) + n


@case
def dict_mutation_in_branches(x, n):
    d = {"a": x, "b": 1.0}
    if x > 0:
        d["a"] = d["b"] + x * x
        d["b"] = 2.0
    else:
        d["b"] = x
    for k in d:
        d[k] = d[k] * 2
    return d["a"] - d["b"] * n


@case
def early_return_nested(x, n):
    for i in range(5):
        for j in range(5):
            if i * j > n:
                if x > j:
                    return x * i + j
                x = x + 0.25
            elif x < -1:
                return x * x
    return x


@case
def recursion_accumulator(x, n):
    def go(k, acc):
        if k <= 0:
            return acc
        if k % 2 == 0:
            return go(k - 1, acc * x)
        return go(k - 1, acc + x)

    return go(n + 3, 1.0)


@case
def recursion_tree(x, n):
    def go(k):
        if k < 2:
            return x + k
        return go(k - 1) * 0.5 + go(k - 2)

    return go(n + 2)


@case
def mutual_recursion(x, n):
    def even(k, y):
        if k == 0:
            return y
        return odd(k - 1, y * 2)

    def odd(k, y):
        if k == 0:
            return -y
        return even(k - 1, y + x)

    return even(n + 1, x)


@case
def choose_function_by_data(x, n):
    def twice(f):
        return lambda t: f(f(t))

    table = [lambda t: t + 1, lambda t: t * t, math.sin]
    f = table[n % 3]
    g = twice(f) if x > 0 else f
    return g(x)


@case
def compose_in_loop(x, n):
    f = lambda t: t
    for i in range(3):
        if x > i:
            f = (lambda g: lambda t: g(t) * 2)(f)
        else:
            f = (lambda g: lambda t: g(t) + 1)(f)
    return f(x)


class Acc:
    def __init__(self, v):
        self.v = v
        self.hist = [v, v]
        self.count = 0

    def push(self, d):
        self.hist[self.count % 2] = d
        self.count += 1
        if d > self.v:
            self.v = d
        return self

    @property
    def mean(self):
        return (self.hist[0] + self.hist[1]) / 2

    def __add__(self, o):
        if o > 0:
            return self.v + o
        return self.v - o

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.hist[i]

    def __bool__(self):
        return True

    def __iter__(self):
        yield self.v
        yield self.mean

    def __call__(self, t):
        if t > self.v:
            return t
        return self.v * t

    def __enter__(self):
        self.v = self.v + 1
        return self

    def __exit__(self, *a):
        self.v = self.v - 0.5
        return False

    def __contains__(self, q):
        return q > self.v


@case
def instance_in_unrolled_loop(x, n):
    a = Acc(x)
    for i in range(4):
        a.push(x * i - 1)
    return a.v + a.mean


@case
def instance_in_traced_loop(x, n):
    a = Acc(x)
    for i in range(n):
        if x * i > 1:
            a.v = a.v + i
        else:
            a.hist[0] = a.hist[0] * 0.5 + i
        a.count += 1
    return a.v + a.hist[0] + a.count


@case
def dunder_call_iter_with(x, n):
    a = Acc(x)
    with a as b:
        if x > 0:
            b.v = b.v * 2
        s = b(0.5)
    for v in a:
        s += v
    p, q = a
    return s + p * q + len(a) + a[1]


@case
def dunder_contains(x, n):
    a = Acc(1.0)
    if x in a:
        return x * 3
    if x * 2 not in a:
        return x * 5
    return x


@case
def del_and_rebind(x, n):
    t = x * 2
    if x > 0:
        del t
        t = x
    u = t + 1
    del t
    d = {"k": u, "z": x}
    del d["z"]
    l = [x, u, 3.0]
    del l[0]
    return l[0] + d["k"] + len(l) + len(d)


@case
def comprehension_conditions(x, n):
    v = [i * x if x > i else -i for i in range(4)]
    w = {k: (a + 1 if a > 0 else a) for k, a in enumerate(v)}
    return sum(w.values()) + max(a for a in v) + sum(a for a in v if a is not None)


@case
def nested_comprehension(x, n):
    m = [[(i + j) * x if x > j else x for j in range(3)] for i in range(2)]
    return sum(sum(r) for r in m) + sum(q for r in m for q in r[1:])


@case
def swaps(x, n):
    a, b, c = x, 1.0, 2.0
    while n > 0:
        if a > b:
            a, b = b, a
        elif b > c:
            a, b, c = c, a, b
        else:
            a, c = c + 0.5, a * 0.5
        n -= 1
    return a + 10 * b + 100 * c


@case
def counter_effects_of_and(x, n):
    k = [0.0]

    def t(v):
        k[0] += 1.0
        return v

    if (t(x > 0) and t(x > 1)) or t(n > 1):
        y = x
    else:
        y = 2 * x
    return y + 10 * k[0]


@case
def bool_carry(x, n):
    done = False
    k = 0
    while not done and k < 10:
        x = x * 0.5
        k += 1
        done = abs(x) < 0.3 or k > n + 4
    return x + k + done


@case
def int_then_float_counter(x, n):
    s = 0
    for i in range(n):
        s += x
    return s * 1.0


@case
def int_counter_true_division(x, n):
    s = 1
    k = n
    while k > 0:
        s = s / 2 + x
        k -= 1
    return s


@case
def power_of_int(x, n):
    p = 1
    for _ in range(n):
        p *= 2
        if p > 4:
            p -= 3
    return x**2 + p


@case
def nested_functions_mutate_list(x, n):
    buf = [0.0] * 4

    def put(i, v):
        buf[i] = buf[i] + v

    for i in range(4):
        if x > i:
            put(i, x)
        else:
            put((i + 1) % 4, 1.0)
    return sum(b * (k + 1) for k, b in enumerate(buf))


@case
def deque_and_set(x, n):
    q = deque([x, 1.0, 2.0], maxlen=3)
    for i in range(3):
        if x > i:
            q.append(x * i)
        else:
            q.appendleft(1.0)
    q.rotate(1)
    return q[0] + 2 * q[1] + 3 * q.pop() + len(q)


@case
def match_everything(x, n):
    cmd = [("add", 1.0), ("mul", 2.0), ("neg",), {"op": "sub", "v": 3.0}, ("pair", (x, 2))]
    for c in cmd:
        match c:
            case ("add", v) if x > 0:
                x = x + v
            case ("add", _):
                x = x - 1
            case ("mul", v):
                x = x * v
            case ("neg",):
                x = -x
            case {"op": "sub", "v": v}:
                x = x - v
            case ("pair", (a, int(b))):
                x = x + a * b
    match n:
        case 0 | 1:
            return x
        case 4 if x > 0:
            return x * 2
        case k:
            return x * k


@case
def walrus_everywhere(x, n):
    k = 0
    while (y := x * 0.5) > 0.1 and (k := k + 1) < 5:
        x = y
    if (z := x + k) > 1 and (w := z * 2) > 3:
        return w + z
    return [q := x, q * 2][1] + z


@case
def unpacking(x, n):
    (a, *b), c = (x, 1.0, 2.0), {"k": x}
    if x > 0:
        a, (b[0], c["k"]) = b[1], (x, a)
    [p, q] = b
    return a + p * q + c["k"]


@case
def star_calls(x, n):
    def f(a, b=2.0, *rest, k=1.0, **kw):
        if a > b:
            return a + sum(rest) + k + sum(kw.values())
        return b - a

    args = (x, 1.0, 2.0)
    return f(*args) + f(x, k=3.0) + f(*args[:2], **{"k": 2.0, "z": x}) + f(b=x, a=1.0)


@case
def decorator_with_state(x, n):
    def counted(f):
        @functools.wraps(f)
        def w(*a):
            w.calls += 1
            r = f(*a)
            return r if r > 0 else r * 0.5

        w.calls = 0
        return w

    @counted
    def g(t):
        return t - 1

    for i in range(3):
        x = g(x) + 2
    return x + g.calls


@case
def lru_like_memo(x, n):
    memo = {}

    def fib(k):
        if k not in memo:
            memo[k] = x * k if k < 2 else fib(k - 1) + fib(k - 2)
        return memo[k]

    return fib(6)


@case
def contextmanager_case(x, n):
    state = [1.0]

    @contextlib.contextmanager
    def scaled(s):
        old = state[0]
        state[0] = s
        try:
            yield s
        finally:
            state[0] = old

    y = x
    with scaled(x) as s:
        if s > 0:
            y += state[0]
        else:
            y -= state[0] * 2
    return y * state[0]


@case
def exceptions_static(x, n):
    class E(Exception):
        pass

    s = 0.0
    for i in range(4):
        try:
            if i == 1:
                raise E("one")
            if i == 2:
                [][3]
            s += x * i
        except E as e:
            s += len(str(e))
        except (IndexError, KeyError):
            s += 0.5
            continue
        else:
            s *= 2
        finally:
            s += 1
    return s


@case
def while_true_with_many_exits(x, n):
    k = 0
    while True:
        k += 1
        if k > 10:
            break
        if x > 3:
            return x - 3
        if k == n:
            x = x * 2
            continue
        x = x + 0.3
        for j in range(k):
            if x > 2 + j:
                x = x - 0.1
                break
        else:
            x = x + 0.01
    return x * 10


@case
def type_changes_after_loop(x, n):
    r = None
    for i in range(3):
        if x > i:
            r = x * i if r is None else r + x
        else:
            r = 1.0
    return r


@case
def dataclass_state(x, n):
    @dataclass
    class S:
        p: float
        v: float = 0.0
        t: int = 0
        tags: list = field(default_factory=list)

    s = S(x)
    while s.t < n + 3 and s.p < 3:
        s.v = s.v + 0.1 * (1 if s.p > 0 else -1)
        s.p += s.v
        s.t += 1
    return s.p + s.v + s.t


@case
def namedtuple_carry(x, n):
    P = namedtuple("P", "a b")
    p = P(x, 1.0)
    for i in range(n):
        p = p._replace(a=p.b, b=p.a * 0.5 + i) if p.a > p.b else P(p.a + 1, p.b)
    return p.a * 2 + p.b


@case
def defaultdict_counter(x, n):
    d = defaultdict(float)
    for i in range(4):
        d[i % 2] += x * i
        if d[0] > 1:
            d[0] = 1.0
    o = OrderedDict(a=x)
    o["b"] = x * x if x < 1 else 2.0
    o.move_to_end("a")
    return d[0] + d[1] + sum(o.values()) + list(o.values())[0]


@case
def zip_longest_chain(x, n):
    s = 0.0
    for a, b in itertools.zip_longest([x, 1.0], [2.0, x, x * x], fillvalue=0.5):
        s = s + a * b if a < b else s - a
    for a in itertools.chain([x], (1.0,)):
        s += a
    for a in itertools.accumulate([x, 2.0, 3.0], lambda p, q: p + q if p > 0 else q):
        s += a
    return s


@case
def sort_key_and_reverse(x, n):
    v = [3.0, 1.0, 2.0]
    v.sort(key=lambda t: -t)
    v.reverse()
    v.insert(0, x)
    v.extend([x, x * 2])
    v[1:3] = [x, 0.0, 1.0]
    return sum(c * (i + 1) for i, c in enumerate(v)) + v.index(3.0)


@case
def nested_while_flags(x, n):
    found = False
    i = 0
    while not found and i < 5:
        j = 0
        while j < 5:
            if i * j > n and x * i < j:
                found = True
                break
            j += 1
        else:
            i += 1
            continue
        i += 10
    return x * i + j


@case
def shadow_builtin(x, n):
    def max(a, b):
        return a if a < b else b

    abs = lambda v: v * 10
    return max(x, 1.0) + abs(x)


@case
def global_in_branch(x, n):
    global _G
    _G = 1.0
    if x > 0:
        _G = x * 2

    def h():
        global _G
        _G = _G + 1
        return _G

    return h() + _G


@case
def return_tuple_then_index(x, n):
    def f():
        if x > 0:
            return x, {"k": 1.0}
        return 2.0, {"k": x}

    a, d = f()
    return a * d["k"] + a


@case
def round_and_mod(x, n):
    return x * (n // 2) + (n % 3) - (-n // 2) + (-n % 3) + divmod(n, 3)[1] + x % 2 + x // 1 * 0


@case
def bit_ops(x, n):
    k = n
    c = 0
    while k:
        c += k & 1
        k >>= 1
    return x * c + (n ^ 3) + (n | 1) + (~n)


@case
def truth_of_numbers(x, n):
    y = (n and x) or 2.0
    z = not n
    w = x if n else 1.0
    return y + z + w


@case
def min_key(x, n):
    return min([x, -x, 1.0], key=lambda t: t * t) + max(x, n, 2) + sum([x, n], start=1)


@case
def math_stuff(x, n):
    return (
        math.sqrt(x * x + 1)
        + math.floor(x) * 0
        + math.atan2(x, 2.0)
        + math.fabs(x)
        + math.exp(-x)
        + math.copysign(1.0, x)
        + math.pi
        + math.hypot(x, 1.0)
        + math.log1p(x * x)
        + math.pow(x * x, 1.5)
        + math.fmod(n, 3)
        + math.isnan(x)
        + (math.inf > x)
    )


@case
def lambda_recursion_y(x, n):
    fact = (lambda f: lambda k: f(f, k))(lambda f, k: x if k <= 0 else f(f, k - 1) * 0.5 + k)
    return fact(n)


@case
def loop_with_two_generators(x, n):
    def a():
        i = 0
        while True:
            yield x * i
            i += 1

    def b(it):
        for v in it:
            yield v if v > 0.5 else 0.5

    g = b(a())
    s = 0.0
    for _ in range(4):
        s += next(g)
    return s


@case
def send_to_generator(x, n):
    def avg():
        t, c, m = 0.0, 0, 0.0
        while True:
            v = yield m
            t += v
            c += 1
            m = t / c if t > 1 else t

    g = avg()
    next(g)
    for v in (x, 1.0, 2 * x):
        r = g.send(v)
    return r


@case
def yield_from_return(x, n):
    def inner():
        yield x
        return x * 2 if x > 0 else x * 3

    def outer():
        r = yield from inner()
        yield r

    return sum(outer())


@case
def inner_class_method_closure(x, n):
    class C:
        k = 2.0

        def __init__(self):
            self.s = 0.0

        def f(self, v):
            if v > x:
                self.s += v * self.k
                return self
            self.s -= 1
            return self

        @staticmethod
        def g(v):
            return v if v > 0 else -v

        @classmethod
        def h(cls, v):
            return cls.k * v if v > 1 else v

    c = C()
    return c.f(x + 1).f(x - 1).s + C.g(x) + c.h(x)


@case
def continue_in_finally_loops(x, n):
    s = 0.0
    i = 0
    while i < n + 2:
        i += 1
        try:
            if i % 2:
                continue
            s += x
        finally:
            s = s * 0.5 + i
    return s


@case
def empty_range_keeps(x, n):
    i = 7
    for i in range(n):
        x = x + 0.1
    return x * i


@case
def loop_var_modified(x, n):
    for i in range(n):
        i = i * 2
        x = x + i
    return x + (i if n else 0)


@case
def range_evaluated_once(x, n):
    k = n
    for i in range(k):
        k = 0
        x = x + i + 1
    return x + k


@case
def reversed_enumerate_range(x, n):
    for j, i in enumerate(reversed(range(n))):
        x = x * 0.5 + i * j
    return x


@case
def zip_traced_range(x, n):
    for a, b in zip(range(n), [1.0, x, 3.0, 4.0, 5.0]):
        x = x + a * b
    return x


@case
def ternary_with_call_effect(x, n):
    l = []

    def f(v):
        l.append(1)
        return v

    y = f(x) if True else f(2)
    return y + len(l)


@case
def maybe_unbound_used_safely(x, n):
    ok = False
    if x > 0:
        t = x * x
        ok = True
    return t if ok else 1.0 * x


@case
def del_in_branch_unused(x, n):
    t = x
    y = t * 2
    if x > 0:
        del t
    return y


@case
def try_in_traced_loop(x, n):
    i = 0
    s = 0.0
    while i < n:
        try:
            s += {0: x, 1: 2.0}["q"]
        except KeyError:
            s += x * i
        finally:
            i += 1
    return s


@case
def carries_string_constant(x, n):
    mode = "up"
    for i in range(3):
        if mode == "up":
            x = x + 1
            mode = "down"
        else:
            x = x * 0.5
            mode = "up"
    return x


@case
def list_swap_loop(x, n):
    v = [x, 1.0, -2.0, 0.5]
    for i in range(len(v)):
        for j in range(len(v) - 1 - i):
            if v[j] > v[j + 1]:
                v[j], v[j + 1] = v[j + 1], v[j]
    return v[0] + 10 * v[1] + 100 * v[2] + 1000 * v[3]


@case
def queue_sim(x, n):
    q = [0.0, 0.0, 0.0]
    t = 0
    while t < n + 2:
        v = x * t if x > 0 else 1.0 - t
        q = q[1:] + [v]
        t += 1
    return q[0] + 2 * q[1] + 4 * q[2]


@case
def accumulate_tuple_of_tuples(x, n):
    s = ((x, 0.0), (1.0, (2.0,)))
    for i in range(n):
        (a, b), (c, (d,)) = s
        s = ((a + d, b + c), (c * 0.5, (d - a if a > 0 else d,)))
    return s[0][0] + s[0][1] + s[1][0] + s[1][1][0]


@case
def functools_partial_chain(x, n):
    add = lambda a, b: a + b if a > b else a - b
    f = functools.partial(add, x)
    g = functools.partial(f)
    return (
        g(1.0)
        + functools.reduce(add, [x, 1.0, 2.0], 0.5)
        + sum(map(f, [1.0, 2.0]))
        + sum(map(add, [1.0, 2.0], [x, x]))
    )


@case
def assert_ok(x, n):
    assert x > -10, f"bad {x}"
    assert n >= 0
    return x * 2 if x > 0 else x


@case
def raise_never(x, n):
    if x > 100:
        raise ValueError(f"too big {x}")
    if x < -100:
        raise RuntimeError
    y = x * 2
    return y  # noqa: RET504


@case
def loops_with_raise_never(x, n):
    i = 0
    while True:
        if i > 50:
            raise ValueError("no convergence")
        if x < 0.5:
            break
        x = x * 0.5
        i += 1
    return x + i


@case
def index_and_count_of_a_list(x, n):
    v = [3.0, x, x * 2, 1.0]
    return v.index(1.0) + v.index(x) * 10 + v.count(3.0) + (x, x * 2).index(x * 2) + x


@case
def one_function_and_its_sibling_call_each_other(x, n):
    def even(k, y):
        return y if k == 0 else odd(k - 1, y)

    def odd(k, y):
        return -y if k == 0 else even(k - 1, y + x)

    return even(n + 1, x)


@case
def alias_read_after_branch(x, n):
    a = [x, 2.0]
    b = [1.0, x]
    c = a if x > 0 else b
    return c[0] + c[1]


@case
def list_len_same_both(x, n):
    out = []
    for i in range(3):
        if x > i:
            out.append(x * i)
        else:
            out.append(-1.0)
    return sum(out) + len(out)


@case
def list_pop_both(x, n):
    v = [1.0, x, 3.0]
    if x > 0:
        y = v.pop()
    else:
        y = v.pop(0)
    return v[0] + 2 * v[1] + 4 * y


@case
def global_counter(x, n):
    global _K
    _K = 0

    def tick():
        global _K
        if x > _K:
            _K += 1
        return _K

    return sum(tick() for _ in range(4)) + x


@case
def loop_else_return(x, n):
    for i in range(n):
        if x * i > 2:
            break
    else:
        return x - 1
    return x + i


@case
def triple_break(x, n):
    hit = 0
    for i in range(4):
        for j in range(4):
            for k in range(4):
                if i * j * k > n:
                    break
                if x > k:
                    continue
                hit += 1
            else:
                continue
            if hit > 10:
                break
        if hit > 20:
            break
    return hit + x


@case
def while_in_try_finally(x, n):
    s = 0.0
    try:
        k = 0
        while k < n:
            k += 1
            if x > 2:
                return s + 0.5 * x
            s += x
    finally:
        s = -1.0
    return s * 2


@case
def nested_try_return_override(x, n):
    def f():
        try:
            if x > 0:
                return x
            return -x
        finally:
            pass

    return f() * 3


@case
def with_return_inside(x, n):
    class Ctx:
        def __init__(self):
            self.k = 0

        def __enter__(self):
            self.k += 1
            return self

        def __exit__(self, *a):
            self.k += 10
            return False

    c = Ctx()

    def f():
        with c as d:
            if x > 0:
                return x * d.k
            while d.k < n:
                d.k = d.k + 1
        return d.k * 1.0

    return f() + c.k


@case
def lambda_default_mutable(x, n):
    def acc(v, store=None):
        store = [] if store is None else store
        store.append(v)
        if v > 0.5:
            store.append(v * 2)
        else:
            store.append(0.0)
        return store

    s = acc(x)
    s = acc(1.0, s)
    return sum(s)


@case
def tuple_compare(x, n):
    a = (1, x)
    b = (1, 0.5)
    return x if a[1] < b[1] else 2 * x


@case
def in_range_and_dict(x, n):
    d = {0: 1.0, 1: 2.0}
    y = 0.0
    for k in range(3):
        if k in d:
            y += d[k] * x
        elif n in range(1, 5):
            y += 0.1
    return y + d.get(7, x)


@case
def int_ops(x, n):
    a = 0
    b = 1
    for _ in range(n):
        a, b = b, (a + b) % 7
    return (
        x * a - b + (a << 2) + (b**2) + (a // (b + 1)) + abs(-a) + max(a, b, 3) + int(x) + round(x)
    )


@case
def float_int_mix_branch(x, n):
    if x > 0:
        y = 1
    elif n > 2:
        y = 2.5
    else:
        y = True
    return y + x


@case
def bool_logic_carry(x, n):
    a = x > 0
    b = not a
    for i in range(3):
        a, b = b or (x > i), a and not b
    return (1.0 if a else 0.0) + (2.0 if b else 0.0) + x + a * 3 + (a ^ b) + (a & b)


@case
def any_all_with_effects(x, n):
    v = [x, 1.0, -1.0]
    r = 0.0
    if any(e > 2 for e in v):
        r += 1
    if all(e < 2 for e in v) and not any(e == 0 for e in v):
        r += 2
    return r + x


@case
def sorted_traced_key(x, n):
    v = sorted([x, 1.0, -2.0], key=lambda t: (t - 0.3) * (t - 0.3), reverse=True)
    return v[0] + 10 * v[1] + 100 * v[2]


@case
def max_by_key_of_tuples(x, n):
    best = max([(x, 1.0), (1.0, 2.0), (0.1, x)], key=lambda p: p[0] * p[1])
    return best[0] + 3 * best[1]


@case
def reduce_lambda_if(x, n):
    return functools.reduce(lambda a, b: a + b if a > b else a * b, [x, 1.5, 0.2, x * x])


@case
def accumulate_in_dict_by_static_key(x, n):
    hist = {"neg": 0, "pos": 0}
    for i in range(4):
        hist["pos" if i % 2 else "neg"] += 1 if x > i else 2
    return hist["neg"] * 10 + hist["pos"] + x


@case
def closure_counter_factory(x, n):
    def make():
        c = 0

        def inc(by=1):
            nonlocal c
            if by > 1:
                c += by * 2
            else:
                c += by
            return c

        def get():
            return c

        return inc, get

    inc, get = make()
    inc2, get2 = make()
    inc(x)
    inc(2)
    inc2(x * 2)
    return get() + 10 * get2()


@case
def loop_carried_function(x, n):
    f = math.sin
    for i in range(n):
        f = math.cos if f is math.sin else math.sin
    return f(x) if n >= 0 else x


@case
def function_flip_on_data(x, n):
    fs = (lambda t: t + 1, lambda t: t * 2)
    i = 0
    k = 0
    while k < n + 2:
        x = fs[i](x)
        i = 1 - i if x > 0 else i
        k += 1
    return x


@case
def recursion_with_list_static(x, n):
    def qs(v):
        if len(v) <= 1:
            return v
        m = len(v) // 2
        a, b = qs(v[:m]), qs(v[m:])
        out = []
        for p, q in zip(a, b):
            out += [p, q] if p < q else [q, p]
        return out + a[len(b) :] + b[len(a) :]

    r = qs([x, 1.0, 0.5, 2.0])
    return r[0] + 10 * r[1] + 100 * r[2] + 1000 * r[3]


@case
def gcd_recursive(x, n):
    def gcd(a, b):
        return a if b == 0 else gcd(b, a % b)

    return gcd(12, n + 2) * x


@case
def power_recursive(x, n):
    def p(b, e):
        if e == 0:
            return 1.0
        h = p(b, e // 2)
        return h * h * b if e % 2 else h * h

    return p(x, n)


@case
def hanoi_count(x, n):
    def h(k):
        if k <= 0:
            return 0
        return h(k - 1) + 1 + h(k - 1)

    return h(n) + x


@case
def recursive_two_args(x, n):
    def c(a, k):
        if k == 0 or a == k:
            return x
        if a < k:
            return 0.0
        return c(a - 1, k - 1) + c(a - 1, k) * 0.5

    return c(n + 1, 2)


@case
def recursion_in_loop(x, n):
    def f(k, y):
        return y if k <= 0 else f(k - 2, y * 0.5 + k)

    s = 0.0
    for i in range(n):
        s += f(i, x)
    return s


@case
def loop_in_recursion(x, n):
    def f(k):
        if k <= 0:
            return x
        s = f(k - 1)
        j = 0
        while j < k:
            s = s * 0.9 + 0.1 * j
            j += 1
        return s

    return f(n)


@case
def walrus_in_comprehension(x, n):
    v = [y := e * 2 for e in (x, 1.0)]
    return sum(v) + y


@case
def late_bound_after_loop(x, n):
    k = 1.0
    g = lambda: k * x
    for i in range(3):
        if x > i:
            k = k + i + 1
    return g()


@case
def exec_order(x, n):
    log = []

    def t(k, v):
        log.append(k)
        return v

    a = {t("a", 1): t("b", x)}
    b = t("c", 1.0) + t("d", 2.0) * t("e", x)
    (lambda *z: None)(t("f", 0), *[t("g", 0)])
    return a[1] + b + (1.0 if "".join(log) == "abcdefg" else 100.0)


@case
def class_with_slots_and_property_setter(x, n):
    class P:
        __slots__ = ("_v", "hits")

        def __init__(self, v):
            self._v = v
            self.hits = 0

        @property
        def v(self):
            return self._v

        @v.setter
        def v(self, new):
            self.hits += 1
            self._v = new

    p = P(x)
    for i in range(3):
        if p.v < 2:
            p.v = p.v + 1
        else:
            p.v = p.v * 0.5
    return p.v + p.hits


@case
def class_attribute_counter(x, n):
    class C:
        total = 0.0

        @classmethod
        def add(cls, v):
            if v > 0:
                cls.total += v
            else:
                cls.total -= 2 * v

    for i in range(3):
        C.add(x - i)
    return C.total


@case
def sets_static(x, n):
    s = set()
    for i in range(4):
        s.add(i % 2)
    s |= {7}
    y = x
    for e in sorted(s):
        y = y + e if y > e else y * 0.5
    return y + len(s)


@case
def string_building_static(x, n):
    name = ""
    for c in "abc":
        name += c.upper() if c != "b" else "_"
    return x + {"A_C": 1.0}[name] + len(f"{name:>5}")


@case
def ifexp_nested_assign(x, n):
    y = (a := x * 2) if x > 0 else (a := x * 3)
    return y + a


@case
def star_unpack_in_branch(x, n):
    v = (x, 1.0, 2.0)
    if x > 0:
        first, *rest = v
    else:
        *rest, first = v
    return first + rest[0] * 2 + rest[1] * 3


@case
def two_objects_share(x, n):
    class O:
        pass

    p = O()
    q = O()
    p.v = x
    q.ref = p
    k = 0
    while k < n:
        if q.ref.v > 1:
            p.v = p.v - 0.5
        else:
            q.ref.v += 0.25
        k += 1
    return q.ref.v * 3 + p.v


@case
def choose_object_method(x, n):
    class A:
        def f(self, t):
            return t + 1

    class B:
        def f(self, t):
            return t * 2 if t > 1 else t

    objs = [A(), B(), A()]
    return sum(o.f(x) for o in objs)


@case
def iterate_iter_next(x, n):
    it = iter([x, 1.0, 2.0])
    a = next(it)
    s = 0.0
    while (v := next(it, None)) is not None:
        s += v * a if a > 0 else v
    return s


@case
def zip_star_transpose(x, n):
    m = [(x, 1.0), (2.0, x), (0.5, 0.25)]
    a, b = zip(*m)
    return sum(p * q if p > q else p for p, q in zip(a, b))


@case
def complex_condition_chain(x, n):
    if (0 < x < 3 and n != 1) or (not (x > -1 or n == 4) and n in (0, 4)):
        return x * 2
    return x if n else -x


@case
def return_none_then_check(x, n):
    def find(v):
        for i, e in enumerate(v):
            if e > 100:
                return None
        return 1.0

    r = find([1.0, 2.0])
    return x if r is not None else -x


@case
def break_in_nested_if_else(x, n):
    k = 0
    while k < 10:
        k += 1
        if k % 2 == 0:
            if x > k:
                continue
            if k > n:
                break
            x += 0.5
        else:
            x -= 0.1
    return x * k


# --- dispatch, iteration and recursion of other people's programs ---------------------------------


@functools.singledispatch
def size_of(v):
    return -1.0


@size_of.register(numbers.Real)
def _(v):
    return v * 2


@size_of.register(type(None))
def _(v):
    return 7.0


@size_of.register(list)
def _(v):
    return sum(size_of(e) for e in v)


@case
def single_dispatch_of_numbers_and_chosen_objects(x, n):
    return size_of(x) + size_of(x if x > 1 else None) + size_of([x, [x, 2.0]]) + n


class Visitor:
    scale = 3.0

    @functools.singledispatchmethod
    def visit(self, shape):
        return -1.0

    @visit.register
    def _(self, shape: numbers.Real):
        return shape + self.scale

    @visit.register
    def _(self, shape: tuple):
        return self.visit(shape[0]) * 2


@case
def single_dispatch_of_methods(x, n):
    return Visitor().visit(x) + Visitor().visit((x, n) if x > 0 else x)


@case
def handler_goes_on_before_a_name_is_bound(x, n):
    tries = 0
    for guess in (x, x - 1, 0.5):
        tries += 1
        try:
            if guess > 1:
                raise ValueError
            found = guess * 2
        except ValueError:
            if tries < 3:
                continue
            found = 3.0
        break
    return found + tries


class Chain:
    """A linked list whose `__iter__` is a generator."""

    def __init__(self):
        self.head = None

    def push(self, v):
        self.head = (v, self.head)

    def pop(self):
        v, self.head = self.head
        return v

    def __iter__(self):
        node = self.head
        while node is not None:
            yield node[0]
            node = node[1]


class Evens:
    def __init__(self, values, least):
        self.values, self.least = values, least

    def __iter__(self):
        for v in self.values:
            if v > self.least:
                yield v * 2


@case
def functions_go_through_objects_with_generators(x, n):
    e = Evens([x, 1.0, x + n, 0.25], 0.5)
    c = Chain()
    for v in (x, 2.0):
        c.push(v)
    total = sum(e) + len(list(e)) + max(e, default=0.0) + sum(c)
    for i, v in enumerate(e):
        total += i * v
    for v, w in zip(e, (3.0, 2.0, 1.0, 0.5)):
        total += v * w
    return total + functools.reduce(lambda a, b: a * 0.5 + b, e, 1.0)


@case
def bounded_deque_that_data_fill(x, n):
    d = deque([1.0, 2.0], maxlen=3)
    if x > 0:
        d.append(x)
    if x > 1:
        d.rotate(1)
    d.append(4.0)
    first = lambda q: q[0]
    weighted = sum(v * (i + 1) for i, v in enumerate(d))
    return first(d) + weighted + sum([v * 2 for v in d]) + sum(map(abs, d))


def whole_entry(d):
    return d["a"]


@case
def element_of_a_dictionary_that_data_fill_in_a_helper(x, n):
    d = {}
    if x > 0:
        d["a"] = x
    else:
        d["b"] = x
    try:
        return whole_entry(d)
    except KeyError:
        return -1.0


@case
def iter_until_a_sentinel(x, n):
    queue, total = [1.0, x, 2.0], 0.0
    for v in iter(lambda: queue.pop() if queue else None, None):
        total = total * 0.5 + v
        if v > 2.5:
            break

    def halves():
        nonlocal x
        x = x * 0.5
        return x if x > 0.1 else 0

    return total + sum(iter(halves, 0)) + x


@case
def recursion_that_appends_on_its_way_back(x, n):
    out, seen = [], set()

    def visit(u):
        if u > 6 or u in seen:
            return
        seen.add(u)
        visit(u * 2 + 1)
        visit(u * 2 + 2)
        out.append(u * x)

    visit(n)
    return sum(out) + len(seen)


@case
def recursion_with_a_default_argument(x, n):
    def f(m, k, depth=0):
        if m <= 0:
            return k + x
        if k > 3 or depth > 2:
            return f(m - 1, k * 0.5, depth=depth + 1)
        return f(m - 1, f(m - 2, k + 1, depth + 1), depth + 1) * 0.9

    return f(n, x)


@case
def recursion_that_fills_a_set_under_conditions(x, n):
    seen = set()

    def visit(u):
        if u in seen:
            return
        seen.add(u)
        if u < 3 and x > u:
            visit(u + 1)

    for u in range(2):
        visit(u)
    return len(seen) * x


@case
def rare_functions_of_math(x, n):
    whole = (
        math.isqrt(n * n * 7 + n) + math.comb(n + 3, 2) + math.perm(n + 2, 2) + math.factorial(n)
    )
    return whole + math.remainder(x, 2.0) + math.dist((x, 1.0), [n, x * x])


@case
def generator_that_waits_for_a_value(x, n):
    def g():
        v = x
        for _ in range(n):
            got = yield v
            if got is None:
                v = v * 0.5 + 1
            if v > 1.5:
                return

    total = 0.0
    for i, v in enumerate(g()):
        total += v * (i + 1)
    return total


@case
def generators_that_return_what_another_one_waits_for(x, n):
    def part(k, low):
        total = 0.0
        for i in range(k):
            if x * i < low:
                return total - 1
            total += x * i
            yield total
        return total * 2

    def whole():
        a = yield from part(n, -3.0)
        if a > 2:
            yield a
        b = yield from part(n + 1, 1.5)
        c = yield from [b, x]
        yield a * b if c is None else 0.0

    total, last = 0.0, x
    for i, v in enumerate(whole()):
        last = v
        if v > 7:
            break
        total = total * 0.5 + v * (i + 1)
    return total + sum(whole()) + last


class Light(enum.Enum):
    RED = 1
    GREEN = 2
    AMBER = 3


NEXT = {
    (Light.RED, 0): Light.GREEN, (Light.RED, 1): Light.RED, (Light.GREEN, 0): Light.AMBER,
    (Light.GREEN, 1): Light.RED, (Light.AMBER, 0): Light.RED, (Light.AMBER, 1): Light.AMBER,
}  # fmt: skip


@case
def table_of_transitions_by_state_and_event(x, n):
    state, v = Light.RED, x
    for _ in range(n):
        state = NEXT[state, int(v > 1)]
        v = v * 0.8 + (0.5 if state is Light.GREEN else 0.1)
    return v * state.value


@case
def keys_that_are_tuples_with_a_chosen_text(x, n):
    s = "a" if x > 0 else "b"
    d = {("a", 0): 1.0, ("b", 1): x, "a": 2.0, "b": 3.0}
    d[s, int(x > 0)] = x * 2
    d[s, n] = d.get((s, n), 5.0) + 1
    del d[s]
    total = sum(d.values()) + len(d) + d.setdefault(("a", 0), 3.0) + d.pop((s, 1), 5.0)
    try:
        return total + d[s, n + 1]
    except KeyError:
        return total * 2


@case
def grid_of_cells_in_a_dictionary(x, n):
    grid = {(i, j): i * x + j for i in range(3) for j in range(2)}
    i, j = int(x > 0), n % 2
    total = grid[i, j] + grid.get((i + 5, j), -1.0)
    for di, dj in ((0, 1), (1, 0), (-1, 0)):
        if (i + di, j + dj) in grid:
            total += grid[i + di, j + dj]
    grid[i, j] += n
    return total + sum(v * k for k, v in enumerate(grid.values()))


class Rows:
    """An object that is gone through and looked into, with a property to store to and delete."""

    def __init__(self, x):
        self._x, self.log = x, []

    @property
    def x(self):
        return self._x

    @x.setter
    def x(self, v):
        if v < 0:
            raise ValueError("negative")
        self.log.append(self._x)
        self._x = v

    @x.deleter
    def x(self):
        self._x = -100.0

    def __iter__(self):
        yield self._x
        yield 1.0


class Entries:
    """Attributes kept in a dictionary."""

    def __init__(self):
        object.__setattr__(self, "held", {})

    def __getattr__(self, name):
        try:
            return self.held[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self.held[name] = value

    def __delattr__(self, name):
        del self.held[name]


@case
def attributes_by_functions(x, n):
    r, e = Rows(1.0), Entries()
    with contextlib.suppress(ValueError):
        r.x += x
        r.x *= 2
    if n > 2:
        del r.x
    e.a = x
    if x > 0:
        e.b = x * 2
    s = getattr(e, "b", 7.0) + (20.0 if hasattr(e, "b") else 10.0)
    if n > 0:
        del e.a
    return r.x + sum(r.log) + s + (100.0 if hasattr(e, "a") else 0.0) + (x in r) * 1000


def filled(x, n):
    w = [x]
    if n > 0:
        w.append(5.0)
    if n > 2:
        w.append(6.0)
    return w


def product(a, b=3.0, c=1.0):
    return a * b + c


@case
def taken_apart_by_position(x, n):
    w, v = filled(x, n), [2.0]
    for i in range(n):
        v.append(x + i)
    try:
        a, b = w
    except ValueError as e:
        a, b = len(e.args), -1.0
    (c, *d), e = w, 2
    *f, g = v
    return a + b * 2 + c * 3 + len(d) * 10 + sum(d) + e + g + len(f) * 100 + sum(f)


@case
def spread_over_arguments(x, n):
    w, d = filled(x, n), {"a": x}
    if n > 0:
        d["b"] = 5.0
    keys = [*d, "z"]
    pairs = [(v, v + 1) for v in w]
    one, other = zip(*pairs)
    s = product(*w) + product(**d) + max(*w, 0.5) + len(keys) * 10 + sum(one) + sum(other)
    return s + (100.0 if "b" in keys else 0.0)


@case
def patterns_of_what_data_fill(x, n):
    d, w, groups = {"b": n}, [], {}
    if x > 0:
        d["k"] = x
    for i in range(n):
        w.append(x * i)
        groups[i % 3] = x + i
    match d:
        case {"k": v, **rest}:
            s = v + rest["b"]
        case {"b": v}:
            s = v * 10.0
    match w:
        case []:
            s += 100.0
        case [a]:
            s += a + 200
        case [a, *rest, b]:
            s += a + b * 10 + len(rest) * 1000
    match groups:
        case {2: v}:
            s += v
        case {0: v}:
            s += v * 100
    return s


@case
def slices_of_what_data_fill(x, n):
    w, v = filled(x, n), [1.0, 2.0]
    for i in range(n):
        v.append(x + i)
    del w[-1:]
    w[:0] = [4.0]
    v[1:3] = [5.0]
    return w[-1] + sum(w) + sum(v) + v[-1] * 10 + len(v) * 100


class Twice:
    def __init__(self, v):
        self.v = v

    def __eq__(self, other):
        return isinstance(other, Twice) and self.v == other.v


class Level(enum.Enum):
    LOW = 1
    HIGH = 4


@case
def objects_and_members_found_by_what_data_say(x, n):
    ts = [Twice(x), Twice(n), Twice(2)]
    try:
        level = 10.0 if Level(n) is Level.HIGH else 20.0
    except ValueError:
        level = 30.0
    same = [Twice(x)] == [Twice(0.43)] or (Twice(n), 1) == (Twice(1), 1)
    return ts.index(Twice(2)) + ts.count(Twice(n)) * 10 + level + same * 100.0 + (Twice(4) in ts)


class Stop(Exception):
    def __init__(self, code):
        super().__init__("stop")
        self.code = code


class Scope:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append(1.0)
        return self

    def __exit__(self, kind, error, where):
        if isinstance(error, Stop):
            self.log.append(error.code)
        return isinstance(error, Stop)


@case
def lists_that_grow_where_it_is_raised(x, n):
    log = []
    for i in range(n):
        with Scope(log):
            if x > i:
                raise Stop(i * 2.0)
        try:
            log.append(0.5)
            if x < i:
                raise Stop(3.0)
        except Stop as e:
            log.append(e.code)
    with Scope(log) if n > 2 else contextlib.nullcontext():
        log.append(7.0)
    return sum(v * (k + 1) for k, v in enumerate(log))


class Pairs:
    def __enter__(self):
        return 1.0, (2.0, 3.0)

    def __exit__(self, *error):
        return None


@case
def names_in_nested_targets_that_are_bound_again(x, n):
    def items():
        for (a, b), c in [((x, 1.0), 2.0), ((3.0, x), x)]:
            a = a * c
            yield a + b

    total = sum(items())
    for (a, [b, *c]), d in [((1.0, [x, 3.0]), x), ((2.0, [x]), 2 * x)]:
        d, b = b + d * a, d
        c = [y * d for y in c]
        total += d * b + (sum(c) if x > n else 0.0)
    with Pairs() as (a, (b, c)):
        b = b * x if x > 1 else b
        total += a * b + c
    return total


@case
def truth_values_that_are_looked_at_themselves(x, n):
    match n > 1, x > 0:
        case True, True:
            s = 1.0
        case False, bool(b) if b is True:
            s = 2.0
        case _, False:
            s = x
    flag = x > 1
    known = {True: 10.0, False: 20.0}[flag is True]
    return s * known + (flag is (n > 1)) + isinstance(flag, bool) + isinstance(flag, int) * 3


class Positives:
    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return (v for v in self.values if v > 0)


@case
def generator_expressions_that_are_used_up_later(x, n):
    k = 1.0
    g = (v * k for v in range(n) if v * x > -1)
    k = x
    s = 0.0
    for v in g:
        if v > 3:
            break
        s += v
    pairs = (a * b for a in (x, 2.0) for b in range(n) if b < a)
    for v in pairs:
        s = s / 2 + v
    for v in Positives([x, n, -x]):
        s += v
    a, b, *rest = (y for v in (x, 5.0, n, -x) if (y := v * 2) > -1 or v == n)
    first, _ = (v for v in range(n + 2) if v >= n)
    return s + a - b + sum(rest) + first + y


@case
def chains_and_merged_lists(x, n):
    s = 0.0
    for v in itertools.chain([x], (v * x for v in range(n)), [5.0, x]):
        if v > 4:
            break
        s += v
    w = list(itertools.chain([1.0], (v for v in range(n)), Positives([x])))
    merged = heapq.merge([x, x + 1], [0.0, n, n + 3])
    s += sum(i * v for i, v in enumerate(merged, n)) + len(w) + w[-1]
    *_, last = range(n + 2)
    return s + last
