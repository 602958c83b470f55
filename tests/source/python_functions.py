"""Small Python functions of a float and an integer, with control flow of every kind.

Each is differentiable at the points of its case. Plain Python on floats is the oracle.
"""

# ruff: noqa: B007, C408, C417, PERF401, RET505

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import operator
from collections import deque, namedtuple
from dataclasses import dataclass
from typing import Any

CASES: list[Any] = []
XS, NS = (-1.3, 0.4, 2.7), (0, 1, 4)


def case(f: Any = None, *, xs: Any = XS, ns: Any = NS) -> Any:
    """Enter a function into the table."""
    if f is None:
        return functools.partial(case, xs=xs, ns=ns)
    f.points = [(x, n) for x in xs for n in ns]
    CASES.append(f)
    return f


# --- if -------------------------------------------------------------------------------------------


@case
def if_else(x, n):
    if x > 0:
        y = x * x
    else:
        y = -3 * x
    return y


@case
def if_without_else(x, n):
    y = x
    if n > 0:
        y = y * 2
    return y


@case
def elif_chain(x, n):
    if x < -1:
        return x
    elif x < 1:
        return x * x
    elif n > 2:
        return 5 * x
    else:
        return x**3


@case
def nested_if(x, n):
    if x > 0:
        if n > 0:
            if n > 3:
                return x * 4
            return x * 3
        y = x * 2
    else:
        y = x
    return y + 1


@case
def early_return(x, n):
    if x < 0:
        return -x
    if n == 0:
        return x + 1
    z = x * n
    if z > 3:
        return z * z
    return z


@case
def early_return_then_work(x, n):
    total = x
    if n > 0:
        total = total + n
        if x > 1:
            return total * 2
        total = total * 3
    total = total - 1
    return total * x


@case
def swap_in_branch(x, n):
    a, b = x, 2 * x
    if n > 0:
        a, b = b, a
    return a * 3 + b


@case
def assigned_in_both(x, n):
    if n > 1:
        a = x
        b = a + 1
    else:
        b = x * 2
        a = b - 1
    return a * b


@case
def temporary_of_two_types(x, n):
    if n > 1:
        t = [x, x]
        y = t[0] + t[1]
    else:
        t = {"a": x}
        y = t["a"] * 5
    return y


@case
def ternary(x, n):
    return x * x if x > 0 else -x


@case
def nested_ternary(x, n):
    return x if n > 2 else (2 * x if x > 0 else 3 * x)


@case
def ternary_guards_a_pole(x, n):
    return 1 / x if x > 0 else x


@case
def branch_guards_a_root(x, n):
    if x > 0:
        return math.sqrt(x)
    return 0.5 * x


@case
def branch_result_is_a_tuple(x, n):
    a, b = (x, x * x) if n > 0 else (2 * x, x)
    return a + 3 * b


@case
def branch_result_is_a_dict(x, n):
    d = {"a": x, "b": 1.0} if x > 0 else {"a": x * 2, "b": x}
    return d["a"] * d["b"]


@case
def maybe_unbound_but_not_used(x, n):
    if n > 0:
        extra = x
    y = x * 2
    if n > 0:
        y = y + extra
    return y


@case
def constant_stays_constant(x, n):
    k = 2
    if x > 0:
        k = 2
        y = x
    else:
        y = -x
    return y * [1.0, 2.0, 3.0][k]


@case
def integers_meet_floats(x, n):
    y = 0
    if x > 0:
        y = x
    return y + x


@case
def flag_variable(x, n):
    big = False
    if x > 1:
        big = True
    if big and n > 0:
        return x * 7
    return x


@case
def none_is_static(x, n):
    scale = None
    if scale is None:
        scale = 2.0
    return x * scale if x > 0 else x


@case
def pass_branch(x, n):
    if x > 0:
        pass
    else:
        x = x * 2
    return x


# --- and, or, not, comparisons --------------------------------------------------------------------


@case
def and_of_two(x, n):
    if x > 0 and n > 0:
        return x * n
    return x


@case
def or_of_three(x, n):
    if x > 2 or n == 1 or x < -1:
        return 2 * x
    return 5 * x


@case
def not_of_a_comparison(x, n):
    if not x > 0:
        return x * 4
    return x


@case
def de_morgan(x, n):
    if not (x > 0 or n > 2) and not n == 1:  # noqa: SIM201
        return x
    return x * x


@case
def chained_comparison(x, n):
    if -1 < x < 1:
        return x * x
    return 3 * x


@case
def long_chain(x, n):
    if -2 < x < n < 5:
        return x * n
    return x


@case
def short_circuit_guards(x, n):
    if x > 0 and 1 / x < 1:
        return 1 / x
    return x


@case
def boolean_value_kept(x, n):
    inside = x > 0 and x < 2
    return x * 2 if inside else x


@case
def equality_of_integers(x, n):
    return x if n == 4 else 2 * x


@case
def membership_in_tuple(x, n):
    if n in (1, 4):
        return x * 10
    return x


@case
def not_in_tuple(x, n):
    if n not in (0, 1):
        return x * 10
    return x


@case
def arithmetic_of_booleans(x, n):
    return x * (x > 0) + 3 * x * (n > 0)


@case
def walrus_in_condition(x, n):
    if (y := x * 2) > 1:
        return y * y
    return y


@case
def walrus_in_and(x, n):
    if n > 0 and (y := x * n) > 1:
        return y
    return x


# --- while ----------------------------------------------------------------------------------------


@case
def halve_until_small(x, n):
    y = x
    while y > 0.5:
        y = y / 2
    return y


@case
def count_down(x, n):
    total = x
    while n > 0:
        total = total * 1.5
        n = n - 1
    return total


@case
def newton(x, n):
    guess = 1.0
    target = x * x + 1
    steps = 0
    while abs(guess * guess - target) > 1e-3 and steps < 30:
        guess = 0.5 * (guess + target / guess)
        steps += 1
    return guess


@case(ns=(1, 3, 7))
def collatz(x, n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return x * steps


@case
def while_true_break(x, n):
    y = x
    i = 0
    while True:
        if i >= n:
            break
        y = y * 1.2
        i += 1
    return y


@case
def while_with_else(x, n):
    i, y = 0, x
    while i < 5:
        if i == n:
            break
        i += 1
        y = y + x
    else:
        y = y * 100
    return y


@case
def while_continue(x, n):
    i, total = 0, 0.0
    while i < 6:
        i += 1
        if i % 2 == n % 2:
            continue
        total += x * i
    return total


@case
def while_return_inside(x, n):
    i, y = 0, x
    while i < 8:
        if y > 4 or i > n:
            return y * i
        y = y + abs(x) + 0.1
        i += 1
    return y - 100


@case
def nested_while(x, n):
    i, total = 0, x
    while i < n:
        j = 0
        while j < i:
            total = total + x * j
            j += 1
        i += 1
    return total


@case
def inner_break_only(x, n):
    i, total = 0, x
    while i < 3:
        j = 0
        while True:
            if j > n:
                break
            total = total * 1.1
            j += 1
        i += 1
    return total


@case
def return_from_two_loops(x, n):
    i = 0
    while i < 4:
        j = 0
        while j < 4:
            if i * j > n:
                return x * (10 * i + j)
            j += 1
        i += 1
    return x


@case
def while_walrus(x, n):
    k = 0
    while (r := x * k) < 3 and k < 5:
        k += 1
    return r + k


@case
def loop_invariants(x, n):
    a, b, y = x + 1, x * 2, 0.0
    while n > 0:
        y = y + a * b
        n -= 1
    return y


@case
def carry_tuple(x, n):
    pair = (x, 1.0)
    while n > 0:
        pair = (pair[1], pair[0] + pair[1])
        n -= 1
    return pair[0] * 2 + pair[1]


@case
def carry_dict(x, n):
    s = {"a": x, "b": 0.0}
    while n > 0:
        s = {"a": s["a"] * 1.1, "b": s["b"] + s["a"]}
        n -= 1
    return s["b"] + s["a"]


@case
def local_of_the_body(x, n):
    y = x
    while n > 0:
        t = y * y
        y = t / (1 + t)
        n -= 1
    return y


@case
def variable_first_bound_in_loop(x, n):
    last = 0.0
    while n > 0:
        last = x * n
        n -= 1
    return last


@case
def while_constant_false(x, n):
    while False:
        x = x * 0
    return x


# --- for ------------------------------------------------------------------------------------------


@case
def for_static_range(x, n):
    y = x
    for i in range(4):
        y = y + x * i
    return y


@case
def for_traced_range(x, n):
    y = x
    for i in range(n):
        y = y + x * i
    return y


@case
def for_range_start_step(x, n):
    y = 0.0
    for i in range(n, 10, 3):
        y = y + x * i
    return y


@case
def for_range_down(x, n):
    y = x
    for i in range(n, 0, -1):
        y = y * (1 + 0.1 * i)
    return y


@case
def for_long_range(x, n):
    y = x
    for i in range(40):
        y = y * 0.9 + 0.1 * i
    return y


@case
def for_break(x, n):
    y = x
    for i in range(10):
        if i > n:
            break
        y = y + x
    return y


@case
def for_continue(x, n):
    y = 0.0
    for i in range(6):
        if i == n:
            continue
        y = y + x * i
    return y


@case
def for_else(x, n):
    y = x
    for i in range(3):
        if i == n:
            y = y * 10
            break
    else:
        y = y + 5
    return y


@case
def for_return(x, n):
    for i in range(6):
        if i * abs(x) > n:
            return x * i
    return -x


@case
def for_over_a_list(x, n):
    y = 0.0
    for w in [x, 2 * x, x * x]:
        if w > 1:
            y = y + w
    return y


@case
def for_over_a_tuple_with_break(x, n):
    y = 0.0
    for w in (x, x + 1, x + 2):
        if w > 2:
            break
        y = y + w
    return y


@case
def for_enumerate(x, n):
    y = 0.0
    for i, w in enumerate((x, 2 * x, 3 * x)):
        if i != n:
            y = y + i * w
    return y


@case
def for_zip(x, n):
    y = 0.0
    for a, b in zip((x, 2.0), (3.0, x), strict=True):
        if a > 0:
            y = y + a * b
    return y


@case
def for_items(x, n):
    y = 0.0
    for k, v in {"a": x, "bb": 2 * x}.items():
        if v > 0:
            y = y + len(k) * v
    return y


@case
def for_reversed(x, n):
    y = x
    for i in reversed(range(4)):
        if y < 5:
            y = y * 2 + i
    return y


@case
def for_nested(x, n):
    y = 0.0
    for i in range(3):
        for j in range(i, 4):
            if j == n:
                break
            y = y + x * (i + j)
    return y


@case
def for_nested_continue(x, n):
    y = 0.0
    for i in range(4):
        if i == n:
            continue
        for j in range(3):
            if j == i:
                continue
            y = y + x * j
    return y


@case
def loop_variable_survives(x, n):
    i = 0
    for i in range(7):
        if i > n:
            break
    return x * i


@case
def for_in_while(x, n):
    y = x
    while y < 3:
        for i in range(3):
            if y > 2:
                break
            y = y + 0.5
        y = y + 0.25
    return y


@case
def fibonacci(x, n):
    a, b = x, x
    for _ in range(n):
        a, b = b, a + b
    return a


@case
def horner(x, n):
    y = 0.0
    for c in (1.0, -2.0, 0.5, 3.0):
        y = y * x + c
    return y


@case
def power_by_squaring(x, n):
    result, base, k = 1.0, x, n
    while k > 0:
        if k % 2 == 1:
            result = result * base
        base = base * base
        k = k // 2
    return result * x


@case
def running_maximum(x, n):
    best = -100.0
    for w in (x, 1 - x, 2 * x - 1):
        if w > best:
            best = w
    return best


@case
def bisection(x, n):
    lo, hi = 0.0, 4.0
    target = x * x
    for _ in range(20):
        mid = (lo + hi) / 2
        if mid * mid < target:
            lo = mid
        else:
            hi = mid
    return x * (hi - lo) + x


@case
def two_flags(x, n):
    seen_small = seen_big = False
    for w in (x, x * 2, x * 3):
        if w < 0:
            seen_small = True
        elif w > 2:
            seen_big = True
    if seen_small:
        return x
    return 2 * x if seen_big else 3 * x


# --- expressions that hold loops ------------------------------------------------------------------


@case
def list_comprehension(x, n):
    return sum([x * i if i != n else 0.0 for i in range(5)])


@case
def generator_expression(x, n):
    return sum(x * i for i in range(5)) + (x if n > 0 else 0.0)


@case
def dict_comprehension(x, n):
    d = {i: x**i if x > 0 else x for i in range(3)}
    return d[0] + d[1] + d[2]


@case
def comprehension_with_static_filter(x, n):
    return sum([x * i for i in range(6) if i % 2]) * (2 if n > 1 else 1)


@case
def any_and_all(x, n):
    ws = [x, x + 1, x + 2]
    if any(w > 4 for w in ws):
        return x * 2
    if all(w > 0 for w in ws):
        return x * 3
    return x


@case
def min_and_max(x, n):
    return max(x, 2 * x - 1) + min(x, 0.3)


@case
def max_of_a_list(x, n):
    return max([x, 1.0, 2 * x]) * 2


@case
def absolute_and_power(x, n):
    return abs(x) ** 3 + pow(x, 2)


@case
def sum_with_start(x, n):
    return sum((x, x * x), 1.0)


@case
def math_functions(x, n):
    y = math.exp(x / 2) + math.sin(x) + math.tanh(x) + math.atan2(x, 2.0)
    return y if y > 1 else y * 2


@case
def math_hypot_floor(x, n):
    return math.hypot(x, 1.0) + math.floor(x) * x


@case
def int_and_float(x, n):
    k = int(x)
    return x * k + float(n)


@case
def divmod_of_integers(x, n):
    q, r = divmod(n, 3)
    return x * q + r


@case
def reduce_over_values(x, n):
    return functools.reduce(lambda a, b: a * b if a > 0 else a + b, [x, 2.0, x + 1])


@case
def map_and_filter(x, n):
    return sum(map(lambda w: w * w if w > 0 else w, [x, x - 1, 2.0]))


@case
def sorted_static(x, n):
    return sum(w * x for w in sorted([3, 1, 2])) if x > 0 else x


@case
def itertools_static(x, n):
    y = 0.0
    for a, b in itertools.pairwise((1.0, x, 3.0)):
        if b > a:
            y = y + a * b
    return y


@case
def operator_functions(x, n):
    f = operator.mul if n == -1 else operator.add
    return f(x, 2.0) * (2 if x > 0 else 1)


# --- functions ------------------------------------------------------------------------------------


def helper_with_branch(y):
    if y > 1:
        return y * y
    return y


@case
def calls_a_helper(x, n):
    return helper_with_branch(x) + helper_with_branch(2 * x)


@case
def inner_function(x, n):
    def inner(y):
        if y > 0:
            return y * n
        return y

    return inner(x) + inner(x - 1)


@case
def closure_sees_the_new_value(x, n):
    scale = 1.0

    def scaled(y):
        return y * scale

    if n > 0:
        scale = 3.0
    return scaled(x)


@case
def nonlocal_in_branch(x, n):
    total = x

    def add(y):
        nonlocal total
        total = total + y

    if n > 0:
        add(x * 2)
    else:
        add(1.0)
    return total


@case
def nonlocal_counter_in_loop(x, n):
    total = 0.0

    def add(y):
        nonlocal total
        total = total + y

    i = 0
    while i < n:
        add(x * i)
        i += 1
    return total + x


@case
def lambda_in_branch(x, n):
    f = (lambda y: y * 2) if n > 0 else (lambda y: y + 1)
    return f(x)


@case
def function_chosen_in_if(x, n):
    if x > 0:
        f = math.sin
    else:
        f = math.cos
    return f(x)


@case
def choice_of_closures(x, n):
    a, b = x * 2, x + 3

    def first(y):
        return y * a

    def second(y):
        return y - b

    f = first if n > 1 else second
    return f(x) + f(1.0)


@case
def partial_application(x, n):
    f = functools.partial(lambda a, b, c=1.0: a * b + c if a > 0 else b, x, c=2.0)
    return f(3.0)


@case
def default_arguments(x, n):
    def f(y, k=2.0, *, m=3.0):
        return y * k if y > 0 else y * m

    return f(x) + f(x, 5.0, m=1.0)


@case
def starred_arguments(x, n):
    def f(*ws, **named):
        y = 0.0
        for w in ws:
            if w > 0:
                y = y + w
        return y * named["scale"]

    return f(x, 2 * x, 1.0, scale=2.0)


@case
def static_recursion(x, n):
    def power(k):
        return 1.0 if k == 0 else x * power(k - 1)

    return power(4)


@case
def higher_order(x, n):
    def twice(f):
        return lambda y: f(f(y))

    def step(y):
        return y * 2 if y < 1 else y + 1

    return twice(twice(step))(x)


@case
def decorated_inside(x, n):
    def doubled(f):
        @functools.wraps(f)
        def g(y):
            return 2 * f(y) if y > 0 else f(y)

        return g

    @doubled
    def h(y):
        return y + 1

    return h(x)


@case
def generator_function(x, n):
    def values():
        for i in range(4):
            y = x * i
            if y > 2:
                y = 2.0
            yield y

    return sum(values())


@case
def inner_loop_function(x, n):
    def geometric(r, k):
        y, t = 0.0, 1.0
        for _ in range(k):
            y, t = y + t, t * r
        return y

    return geometric(x, 3) + geometric(0.5, n)


# --- containers and objects -----------------------------------------------------------------------


@case
def list_element_in_branch(x, n):
    w = [x, 1.0, 2.0]
    if n > 0:
        w[1] = x * 5
    return w[0] + w[1]


@case
def list_append_static(x, n):
    w = []
    for i in range(3):
        w.append(x * i if x > 0 else x)
    return sum(w)


@case
def list_element_in_loop(x, n):
    w = [x, 1.0]
    while n > 0:
        w[0] = w[0] * 1.1
        w[1] += w[0]
        n -= 1
    return w[0] + w[1]


@case
def dict_entry_in_branch(x, n):
    d = {"k": x}
    if x > 0:
        d["k"] = x * x
    else:
        d["k"] += 1
    return d["k"]


@case
def dict_as_state(x, n):
    s = dict(pos=x, vel=1.0)
    for _ in range(n):
        s["vel"] = s["vel"] - 0.1 * s["pos"]
        s["pos"] = s["pos"] + 0.1 * s["vel"]
    return s["pos"]


class Box:
    def __init__(self, value):
        self.value = value

    def bump(self, by):
        if by > 0:
            self.value = self.value + by
        else:
            self.value = self.value * 2


@case
def attribute_in_branch(x, n):
    box = Box(x)
    if n > 0:
        box.value = box.value * 4
    return box.value


@case
def method_with_branch(x, n):
    box = Box(1.0)
    box.bump(x)
    box.bump(-1.0)
    return box.value * x


@case
def attribute_in_loop(x, n):
    box = Box(x)
    for _ in range(n):
        box.bump(x)
    return box.value


Point = namedtuple("Point", "a b")


@case
def namedtuple_in_branch(x, n):
    p = Point(x, 2.0)
    if n > 0:
        p = p._replace(a=x * 3)
    return p.a * p.b


@dataclass
class Clamp:
    low: Any
    high: Any

    def __call__(self, y):
        if y < self.low:
            return self.low * 1.0
        if y > self.high:
            return self.high * 1.0
        return y


@case
def callable_object(x, n):
    return Clamp(-1.0, x * x + 1)(3 * x)


@case
def property_of_object(x, n):
    class Circle:
        def __init__(self, r):
            self.r = r

        @property
        def area(self):
            return 3 * self.r * self.r

    return Circle(x).area if n > 0 else x


@case
def inherited_super(x, n):
    class Base:
        def f(self, y):
            return y * 2 if y > 0 else y

    class Derived(Base):
        def f(self, y):
            if y > 1:
                return super().f(y) + 1
            return super().f(y) - 1

    return Derived().f(x)


@case
def set_and_len_static(x, n):
    return x * len({1, 2, 3}) if x > 0 else x


@case
def slices_of_lists(x, n):
    w = [x * i for i in range(5)]
    return sum(w[1:4]) if n > 1 else sum(w[::2])


@case
def unpack_starred(x, n):
    a, *rest = [x, x + 1, x + 2]
    return a * rest[-1] if x > 0 else a


@case
def deque_static(x, n):
    q = deque([x, 1.0], maxlen=2)
    q.append(2 * x)
    return q[0] + q[1] if n > 0 else x


@case
def augmented_everything(x, n):
    y = x
    if n > 0:
        y += 2
        y *= 3
        y -= x
        y /= 2
        y **= 2
    return y


# --- try, with, match, and others -----------------------------------------------------------------


@case
def try_static_exception(x, n):
    try:
        v = {"a": x}["b"]
    except KeyError:
        v = x * 2
    return v if x > 0 else -v


@case
def try_finally_in_branch(x, n):
    y = x
    try:
        if n > 0:
            y = y * 2
    finally:
        y = y + 1
    return y


@case
def try_else(x, n):
    try:
        y = x * 3
    except ValueError:
        y = 0.0
    else:
        if n > 1:
            y = y + 1
    return y


@case
def with_block(x, n):
    y = x
    with contextlib.nullcontext(2.0) as k:
        if x > 0:
            y = y * k
        else:
            return y
    return y + 1


@case
def suppress_block(x, n):
    y = x
    with contextlib.suppress(KeyError):
        y = y * 2 if n > 0 else y
        {}["missing"]
        y = 1000.0
    return y


@case
def match_values(x, n):
    match n:
        case 0:
            return x
        case 1 | 2:
            return x * 2
        case _:
            return x * 3


@case
def match_guard(x, n):
    match n:
        case k if k > 2:
            y = x * k
        case 0:
            y = x
        case k:
            y = x + k
    return y


@case
def match_structure(x, n):
    total = 0.0
    for shape in (("circle", x), ("square", 2.0, x), {"kind": "dot"}):
        match shape:
            case ("circle", r):
                total = total + 3 * r * r
            case ("square", a, b) if b > 0:
                total = total + a * b
            case {"kind": str()}:
                total = total + 1
            case _:
                total = total - 1
    return total


@case
def match_class(x, n):
    match Point(x, 2.0):
        case Point(a=a, b=2.0):
            return a * 2
        case _:
            return x


@case
def delete_name(x, n):
    y = x * 2
    del x
    if n > 0:
        z = y
        del y
        y = z * z
    return y


@case
def import_inside(x, n):
    import math as m

    if x > 0:
        return m.log(x)
    return x


@case
def global_constant(x, n):
    return x * len(XS) if x > 0 else x


@case
def annotated_assignment(x, n):
    y: float = x
    k: int = 2
    if n > 0:
        y: float = y * k
    return y


@case
def multiple_targets(x, n):
    a = b = x
    if n > 0:
        a = b = a * 2
    return a + b


@case
def docstring_and_constants(x, n):
    """Say nothing."""
    if x > 0:
        """Nor here."""
        return 2 * x
    return x


@case
def text_decides(x, n):
    mode = "double"
    if mode == "double":
        return 2 * x if x > 0 else x
    return x


@case
def type_decides(x, n):
    if isinstance(n, str):
        return x
    return x * 2 if n > 0 else x


@case
def conditional_import_of_state(x, n):
    state = (x, [1.0, {"k": x}])
    if n > 0:
        state = (x * 2, [2.0, {"k": x * 3}])
    return state[0] + state[1][0] + state[1][1]["k"]


# --- small algorithms -----------------------------------------------------------------------------


@case
def gcd(x, n):
    a, b = 12, n + 6
    while b:
        a, b = b, a % b
    return x * a


@case
def prime_test(x, n):
    k, prime = n + 2, True
    d = 2
    while d * d <= k:
        if k % d == 0:
            prime = False
            break
        d += 1
    return x * 2 if prime else x


@case
def digits(x, n):
    k, total = 1234 + n, 0
    while k > 0:
        k, r = divmod(k, 10)
        total += r
    return x * total


@case
def clip_by_ifs(x, n):
    if x < -1:
        x = -1 + 0.1 * x
    if x > 1:
        x = 1 + 0.1 * x
    return x


@case
def huber(x, n):
    return 0.5 * x * x if abs(x) <= 1 else abs(x) - 0.5


@case
def piecewise_table(x, n):
    for low, high, slope in ((-9, 0, 1.0), (0, 1, 2.0), (1, 9, 3.0)):
        if low <= x < high:
            return slope * x
    return x


@case
def euler_until(x, n):
    t, y = 0.0, x
    while t < 1 and abs(y) < 5:
        y = y + 0.125 * y
        t = t + 0.125
    return y


@case
def damped_line_search(x, n):
    step, f0 = 1.0, (x - 1) ** 2
    while (x - step * 2 * (x - 1) - 1) ** 2 > f0 * 0.9 and step > 0.05:
        step = step * 0.5
    return x - step * 2 * (x - 1)


@case
def mandelbrot_escape(x, n):
    re, im, k = 0.0, 0.0, 0
    while re * re + im * im < 4 and k < 12:
        re, im = re * re - im * im + x / 3, 2 * re * im + 0.3
        k += 1
    return x * k


@case
def binary_search(x, n):
    table = 10.0 * n + 5
    lo, hi = 0, 64
    while lo < hi:
        mid = (lo + hi) // 2
        if mid * 1.0 < table:
            lo = mid + 1
        else:
            hi = mid
    return x * lo


@case
def leapfrog(x, n):
    q, p = x, 0.5
    for i in range(n + 1):
        p = p - 0.05 * q
        q = q + 0.1 * p
        if q > 2:
            p = -p
        p = p - 0.05 * q
    return q * q + p


@case
def stack_by_hand(x, n):
    top, a, b = 0, 0.0, 0.0
    for w in (x, 2.0, -1.0):
        if w > 0:
            a, b, top = w, a, top + 1
        elif top > 0:
            a, b, top = b, 0.0, top - 1
    return a + b * 2 + x


@case
def continued_fraction(x, n):
    y = 1.0
    for i in range(n, 0, -1):
        y = 1 + x * x / (i + y)
    return y


@case
def secant_with_return(x, n):
    a, b = 0.0, 2.0
    c = x * x / 2 + 0.3
    for i in range(25):
        fa, fb = a * a - c, b * b - c
        if abs(fb - fa) < 1e-6:
            return b
        a, b = b, b - fb * (b - a) / (fb - fa)
        if abs(b - a) < 1e-4:
            return b
    return b


@case
def continue_in_try_of_a_last_branch(x, n):
    for i in range(n + 2):
        if x > 2:
            x = x - 1
        else:
            try:
                if i == 1:
                    x = x * 1.5
                    continue
                x = x + 0.375
            finally:
                x = x - 0.125
            x = x * 1.125
    return x
