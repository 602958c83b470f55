"""Functions that catch what data raise; plain Python is the oracle.

`case` gives arguments for each, in some of which it raises.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext, suppress

import numpy as np

from tests.support.python_programs import table

CASES, case = table()


class Stop(Exception):
    pass


class Other(Exception):
    pass


def raise_zero():
    raise ZeroDivisionError("zero")


@case((0.0,), (2.0,))
def raised_in_an_expression(x):
    try:
        r = 1 / x if x != 0 else raise_zero()
    except ZeroDivisionError:
        r = 0.0
    return r


@case((1.0,), (2.0,), (3.0,), (9.0,))
def index_of_a_list(v):
    xs = [1.0, 2.0, 3.0]
    try:
        i = xs.index(v)
    except ValueError:
        i = -1
    return i


@case((1,), (2,), (3,))
def key_of_a_dictionary(k):
    memo = {1: 10, 2: 20}
    try:
        return memo[k]
    except KeyError:
        return -k


@case((np.array([1.0, 2, 3]),), (np.array([1.0, -2, 3]),), (np.array([1.0, 2, -3]),))
def way_out_of_nested_loops(a):
    try:
        for i in range(len(a)):
            for j in range(3):
                if a[i] < j - 2:
                    raise Stop(i * 10 + j)
    except Stop as e:
        return e.args[0]
    return -1


@case((1.0,), (-1.0,), (-5.0,))
def all_parts_of_a_try(x):
    y = 0.0
    try:
        y = 1.0
        if x < 0:
            if x < -3:
                raise Other()
            raise Stop("a")
        y = 2.0
    except (Stop, Other):
        y += 10.0
    else:
        y += 100.0
    finally:
        y *= 3.0
    return y


@case((1.0,), (-1.0,), (-5.0,))
def finally_that_stores(x):
    log = []

    def g(x):
        try:
            if x < 0:
                raise Stop("a")
            log.append(x)
            return x
        finally:
            log.append(7.0)

    try:
        r = g(x) + g(x + 2)
    except Stop:
        r = 0.0
    return r, len(log), sum(log)


@case((5,), (12,), (0,))
def raised_in_a_while(n):
    i = 0
    try:
        while True:
            i += 1
            if i * i > n:
                raise Stop
            if i > 2:
                raise Other("x", i)
    except Stop:
        return i
    except Other as e:
        return -e.args[1]


@case((1.0,), (-1.0,))
def raised_from_another(x):
    try:
        try:
            if x < 0:
                raise Stop(x)
        except Stop as e:
            raise Other(e.args[0] * 2) from e
    except Other as o:
        return o.args[0]
    return x


@case((1.0,), (-1.0,), (-7.0,))
def raised_again(x):
    try:
        try:
            if x < 0:
                raise Stop(x)
            if x < 5:
                raise Other(x)
        except Stop:
            if x < -5:
                raise
            return 5.0
    except Stop:
        return 6.0
    except Exception:
        return 7.0
    return 8.0


def fact(n):
    if n < 0:
        raise ValueError(n)
    if n == 0:
        return 1
    return n * fact(n - 1)


@case((5,), (-2,))
def recursion_that_raises(n):
    try:
        return fact(n)
    except ValueError as e:
        return e.args[0]


def search(n, goal):
    if n == goal:
        raise Stop(n)
    if n > 20:
        return 0
    return 1 + search(2 * n, goal) + search(2 * n + 1, goal)


@case((5,), (100,), (13,))
def search_that_raises_what_it_finds(g):
    try:
        r = search(1, g)
    except Stop as s:
        r = -s.args[0]
    return r


@case((3,), (7,))
def raised_in_a_generator(n):
    def gen():
        for i in range(n):
            if i > 4:
                raise Stop(i)
            yield i

    t = 0
    try:
        for v in gen():
            t += v
    except Stop:
        t = -t
    return t


@case(([1, 2, 3, 4],), ([1, -2, 3, -4],))
def handlers_within_a_loop(a):
    bad = 0
    s = 0
    for v in a:
        try:
            if v < 0:
                raise ValueError("neg")
            s += v
        except ValueError:
            bad += 1
            continue
        s *= 2
    return s, bad


@case((3,), (-1,))
def assertion(n):
    try:
        assert n > 0, "pos"
        r = n
    except AssertionError:
        r = 0
    return r


@case(
    ([1, 2], 0),
    ([], 0),
)
def pop_of_an_empty_list(a, x):
    st = []
    st.extend(a)
    try:
        return st.pop() + x
    except IndexError:
        return -1


@case((3,), (0,), (10,))
def pops_until_it_is_empty(n):
    st = [1, 2, 3]
    i = 0
    t = 0
    try:
        while i < n:
            t = t * 2 + st.pop()
            i += 1
    except IndexError:
        t = -t
    return t, i


@case((3,), (30,))
def jumps_out_of_handlers(n):
    total = 0
    for i in range(n):
        try:
            if i % 3 == 0:
                raise Stop
            if i % 5 == 0:
                raise Other
        except Stop:
            total += 1
            continue
        except Other:
            if i > 20:
                break
            total += 100
        else:
            total += 10000
        finally:
            total += 1000000
    return total


class Account:
    def __init__(self, b):
        self.b = b

    def withdraw(self, x):
        if x > self.b:
            raise ValueError(f"only {self.b}")
        self.b -= x


@case((3.0, 4.0), (3.0, 9.0), (20.0, 1.0))
def stores_before_it_raises(x, y):
    a = Account(10.0)
    fails = 0
    for v in (x, y):
        try:
            a.withdraw(v)
        except ValueError:
            fails += 1
    return a.b, fails


def parse(toks):
    pos = 0

    def expr(d):
        nonlocal pos
        if pos >= len(toks):
            raise SyntaxError("end")
        t = toks[pos]
        pos += 1
        if t == -1:
            a = expr(d + 1)
            if pos >= len(toks) or toks[pos] != -2:
                raise ValueError("no )")
            pos += 1
            return a
        if t < 0:
            raise ValueError("bad")
        return t

    return expr(0)


@case(
    (np.array([-1, -1, 5, -2, -2]),),
    (np.array([-1, -1, 5, -2, 3]),),
    (np.array([-1, -1, -1, -1, -1]),),
    (np.array([4, 0, 0, 0, 0]),),
)
def parser_that_complains(t):
    try:
        return parse(t)
    except ValueError:
        return -100
    except SyntaxError:
        return -200


class CM:
    def __init__(self):
        self.n = 0
        self.seen = 0

    def __enter__(self):
        self.n += 1
        return self

    def __exit__(self, t, v, tb):
        self.n -= 1
        if t is not None:
            self.seen += 1


class Swallow:
    def __init__(self, kind):
        self.k = kind
        self.got = 0

    def __enter__(self):
        return self

    def __exit__(self, t, v, tb):
        if t is None:
            return False
        self.got += 1
        return issubclass(t, self.k)


@case((1.0,), (-1.0,))
def suppressed(x):
    y = 1.0
    with suppress(ValueError):
        if x < 0:
            raise ValueError
        y = 2.0
    return y


@case((1.0,), (-1.0,))
def with_that_counts(x):
    c = CM()
    try:
        with c as d:
            if x < 0:
                raise ValueError
            d.n += 10
    except ValueError:
        pass
    return c.n, c.seen


@case((1.0,), (-1.0,), (-9.0,))
def with_that_keeps_back(x):
    s = Swallow(Stop)
    y = 0.0
    try:
        with s, CM():
            if x < -5:
                raise ValueError
            if x < 0:
                raise Stop
            y = x
    except ValueError:
        y = -77.0
    return y, s.got


@case((3,), (9,))
def with_around_a_loop(n):
    s = Swallow(Stop)
    i = 0
    with s:
        while i < n:
            i += 1
            if i == 5:
                raise Stop
    return i, s.got


@case((1.0,), (-1.0,))
def returns_within_with(x):
    with nullcontext(x) as v, CM() as c:
        if v < 0:
            return -5.0
        y = v * 2
    return y + c.n


@case((3,), (0,))
def jumps_within_with(n):
    out = 0
    for i in range(4):
        with CM() as c:
            if i == n:
                continue
            if i > n + 1:
                break
            out += i + c.n
    return out


@case((2.0,), (-2.0,), (0.0,))
def decorator_that_catches(x):
    def inv(v):
        if v == 0:
            raise ZeroDivisionError
        return 1 / v

    def safe(f):
        def g(*a):
            try:
                return f(*a)
            except ZeroDivisionError:
                return 0.0

        return g

    return safe(inv)(x)


@case((2.0,), (-2.0,), (0.0,))
def text_of_an_exception(x):
    errs = []
    vals = []
    for v in (x, x - 2, x + 2):
        try:
            if v == 0:
                raise ZeroDivisionError("z")
            vals.append(1 / v)
        except ZeroDivisionError as e:
            errs.append(str(e))
    return sum(vals), len(errs)


@case(([3, 1, 2],), ([3, -1, 2],))
def method_called_by_a_generator_expression(xs):
    class Validator:
        def check(self, v):
            if v < 0:
                raise ValueError("negative", v)
            return v

    V = Validator()
    try:
        return sum(V.check(v) for v in xs)
    except ValueError as e:
        _, v = e.args
        return v * 100


@case(([3, 1, 2],), ([3, -1, 2],))
def raised_in_a_comprehension(xs):
    def chk(v):
        if v < 0:
            raise ValueError(v)
        return v * v

    try:
        ys = [chk(v) for v in xs]
    except ValueError:
        ys = [0]
    return sum(ys)


@case(([3, 1, 2],), ([3, -1, 2],))
def raised_by_what_map_calls(xs):
    def chk(v):
        if v < 0:
            raise ValueError(v)
        return v * v

    try:
        return sum(map(chk, xs))
    except ValueError:
        return -1


@case((np.arange(40),), (np.arange(40) - 3,))
def long_loop_within_a_try(xs):
    t = 0
    try:
        for v in xs:
            if v < 0:
                raise ValueError
            t += v
    except ValueError:
        t = -t - 1
    return t


@case((np.arange(40),), (np.arange(40) - 3,), (np.arange(40) - 33,))
def try_within_a_long_loop(xs):
    t = 0
    for v in xs:
        try:
            if v < -20:
                raise ValueError
            if v < 0:
                raise KeyError(v)
            t += v
        except KeyError as e:
            t -= e.args[0]
        except ValueError:
            break
    return t


@case((5,), (50,))
def attributes_of_an_exception(n):
    # newton with convergence failure
    class NoConv(Exception):
        def __init__(self, it, x):
            super().__init__(it)
            self.it = it
            self.x = x

    def solve(a):
        x = a * 1.0
        for _ in range(6):
            x2 = 0.5 * (x + a / x)
            if abs(x2 - x) < 1e-3:
                return x2
            x = x2
        raise NoConv(6, x)

    try:
        return solve(n)
    except NoConv as e:
        return -e.x


@case((1.0,), (-1.0,))
def tries_again(x):
    for k in range(3):
        try:
            if x < 0:
                raise Stop
            return k + x
        except Stop:
            x += 1.5
        finally:
            x += 0.25
    return -1.0


@case((1.0,), (-1.0,))
def compares_the_text_of_an_exception(x):
    try:
        if x < 0:
            raise Stop("a")
    except Stop as e:
        name = str(e)
    else:
        name = "none"
    return 1.0 if name == "a" else 2.0


@case((1.0,), (-1.0,), (4.0,))
def handler_of_several_kinds(x):
    def f(v):
        if v < 0:
            raise Stop
        if v > 3:
            raise Other
        return v

    r = 0.0
    try:
        r = f(x)
    except Stop:
        r = -1.0
    except (Other, KeyError):
        r = -2.0
    finally:
        r = r * 10
    return r


@case((4,), (7,), (100,))
def values_found_in_nested_loops(n):
    def find(goal):
        for a in range(1, 12):
            for b in range(1, 12):
                if a * b == goal:
                    raise Stop(a, b)

    try:
        find(n)
        return (0, 0)
    except Stop as s:
        a, b = s.args
        return a, b


@case((3,), (-3,))
def finally_in_a_recursion(n):
    depth = 0

    def rec(k):
        nonlocal depth
        depth += 1
        try:
            if k <= -2:
                raise ValueError
            if k == 0:
                return 0
            return 1 + rec(k - 1)
        finally:
            depth -= 1

    try:
        r = rec(n)
    except ValueError:
        r = -1
    return r, depth


@case((6,), (3,))
def handlers_in_a_recursion(n):
    def rec(k):
        try:
            if k == 2:
                raise Stop(k)
            if k <= 0:
                return 0
            return 1 + rec(k - 2)
        except Stop as e:
            return 100 * e.args[0]

    return rec(n)


@contextmanager
def kept_in(log):
    log.append(1.0)
    try:
        yield log
    except ValueError:
        log.append(2.0)
    finally:
        log.append(3.0)


@contextmanager
def scaled(state, k):
    old = state["scale"]
    state["scale"] = old * k
    try:
        yield state
    finally:
        state["scale"] = old


@contextmanager
def counted(x, acc):
    if x > 1:
        acc[0] = acc[0] + 1
        yield 10.0
    else:
        yield 20.0
    acc[0] = acc[0] * 3


@case((2.0,), (0.5,))
def a_manager_catches(x):
    log = []
    y = 0.0
    with kept_in(log) as inner:
        y = x * 2
        if x > 1:
            raise ValueError("no")
        y = x * 3
    return y, sum(log), len(inner) * 1.0


@case((2.0,), (0.5,))
def a_manager_restores(x):
    state = {"scale": 1.0}
    try:
        with scaled(state, 5.0):
            if x > 1:
                raise ValueError
            x = x * state["scale"]
    except ValueError:
        x = x * 100 * state["scale"]
    return x + state["scale"]


@case((2.0,), (0.5,))
def a_manager_yields_on_either_side(x):
    acc = [x]
    with counted(x, acc) as v:
        acc[0] = acc[0] + v
    return acc[0]


@case((2.5,), (-1.0,), (0.5,))
def a_manager_in_a_loop(x):
    t = 0.0
    for i in range(4):
        with kept_in([]):
            if x > i:
                raise ValueError
            if i == 2:
                continue
            t = t + i * x
            if t > 2:
                break
    return t


@case((7.0,), (2.0,))
def a_manager_in_a_while(x):
    while x > 0:
        with kept_in([]):
            x = x - 1
            if x > 2:
                raise ValueError
            x = x - 0.5
    return x


def ratio(a, b):
    return a / b


@case((2.0, 0), (2.0, 3), (0.5, -1))
def a_division_by_zero(x, n):
    t, k = x, n
    while k > -3:
        try:
            t += ratio(1.0, k) + divmod(7, k)[0]
        except ArithmeticError as e:
            t = 100 * len(e.args) - t
            break
        finally:
            k -= 1
    with suppress(ZeroDivisionError):
        t += 7 % n
        n /= n - 3
        t *= n
    return t


@case((0.5,), (-0.5,), (4.0,))
def a_number_beyond_a_function(x):
    try:
        r = math.sqrt(x)
        r += math.asin(x / 2)
    except ValueError:
        r = -x
    return r


@case((4,), (-1,), (0,))
def a_recursion_that_goes_on_in_its_handler(n):
    def f(k):
        if k < -2:
            return 0.5
        try:
            if k == 0:
                raise Stop
            return f(k - 1) * 2 + 1
        except Stop:
            return f(k - 1)

    return f(n)


class Lacking(Exception):
    """What is lacking, twice: as an argument of the exception, and as its attribute."""

    def __init__(self, amount):
        super().__init__(amount)
        self.amount = amount


@case((0.5, 2.0), (0.9, 1.0), (5.0, 0.25))
def an_exception_that_keeps_what_it_was_given(x, balance):
    debt, paid = 0.0, []
    for v in (x, 2 * x, 3 * x):
        try:
            if v > balance:
                raise Lacking(v - balance)
            balance -= v
        except Lacking as error:
            debt += error.amount + 2 * error.args[0]
        else:
            paid.append(v)
    return balance + 3 * debt + 7 * sum(paid)
