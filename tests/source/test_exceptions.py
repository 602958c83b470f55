"""Exceptions that data decide: raised where Python raises them, and nowhere else."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import ms_func as ms
from ms_func.source.hooks.values import failures

CASES: list[Any] = []


def case(*points: Any) -> Any:
    """Enter a function into the table, with arguments for some of which it raises."""

    def enter(f: Any) -> Any:
        CASES.extend(pytest.param(f, args, id=f"{f.__name__}-{i}") for i, args in enumerate(points))
        return f

    return enter


class Refused(Exception):
    """An exception of the user's own."""


def small(v):
    if v > 3:
        raise Refused("too big", 7)
    return v


@case(([3, 4, -1, 5, -1],), ([3, -1, 4, 5, -1],))
def reverse_polish(program):
    stack = []
    for i in range(len(program)):
        if program[i] >= 0:
            stack.append(program[i])
        else:
            b = stack.pop()
            a = stack.pop()
            stack.append(a + b)
    return stack[-1]


@case((-1.0,), (1.0,))
def key_that_is_not_there(x):
    known = {"a": 2.0}
    if x > 0:
        return known["b"]
    return known["a"] * x


@case((1.0,), (9.0,))
def sum_with_none(x):
    y = None
    return y + x if x > 5 else x


@case((1.0,), (9.0,))
def attribute_of_none(x):
    y = None
    return y.value if x > 5 else x


@case((1.0,), (9.0,))
def division_of_known_numbers(x):
    n = 0
    return x * (1 // n) if x > 5 else x


@case((1.0,), (9.0,))
def iterator_that_is_used_up(x):
    one = iter([1.0])
    x += next(one)
    if x > 5:
        x += next(one)
    return x


@case((1.0,), (9.0,))
def right_side_of_and(x):
    return 1.0 if x > 5 and {}["a"] > 0 else 0.0


@case((1.0,), (9.0,))
def library_functions(x):
    if x > 5:
        x += math.sqrt(-1)
    if x > 4:
        x += int("abc")
    return x


@case(([1.0, 2.0, 3.0], 2), ([1.0, 2.0, 3.0], 7))
def index_out_of_an_array(x, n):
    rises = 0
    for i in range(len(x)):
        if i + 1 < n and x[i + 1] > x[i]:
            rises += 1
    return rises


@case((1.0, 2), (1.0, 7))
def in_a_while(x, n):
    d, i = {1: 2.0}, 0
    while i < n:
        if i > 3:
            x += d[7]
        x += d[1]
        i += 1
    return x


@case((np.arange(30.0),), (np.arange(40.0),))
def in_a_long_for(x):
    d, s = {}, 0.0
    for v in x:
        if v > 30:
            s += d["k"]
        s += v
    return s


@case(([0.0, 1.0, 2.0],), ([4.0, 1.0, 2.0],))
def in_a_function_called(x):
    return sum(small(v) for v in x)


@case((5,), (-5,))
def in_a_recursion(n):
    def f(n):
        if n == 0:
            return 1
        return [].pop() if n < 0 else n * f(n - 1)

    return f(n)


@case(([0.0, 1.0, 0.0],), ([0.0, 1.0, 1.0],))
def in_a_comprehension(x):
    d = {1: 3.0}
    return sum([d[i] for i in range(3) if x[i] > 0])


@case((1.0,))
def in_all_branches(x):
    if x > 0:
        return {}["a"]
    return {}["a"]


def given(args):
    """Arrays for the arguments that are no whole numbers."""
    return [a if isinstance(a, int) else np.asarray(a) for a in args]


@pytest.mark.parametrize(("f", "args"), CASES)
def test_raises_what_python_raises(f, args):
    want, error = outcome(f, args)
    if error is None:
        np.testing.assert_allclose(ms.jit(f)(*given(args)), want, rtol=1e-6)
        return
    with pytest.raises(type(error)) as caught:
        ms.jit(f)(*given(args))
    assert said(caught.value) == said(error)


def outcome(f, args):
    """What Python gives, or raises."""
    try:
        return f(*given(args)), None
    except Exception as error:
        return None, error


def said(error):
    """What an exception says, but for the types that it names."""
    return str(error).partition(": '")[0]


def test_the_line_that_raised_is_named():
    with pytest.raises(IndexError) as caught:
        ms.jit(reverse_polish)(np.array([3, -1, 4]))
    first = reverse_polish.__code__.co_firstlineno
    assert f":{first + 8}\n    a = stack.pop()" in "".join(caught.value.__notes__)


def test_a_lane_that_raises_is_named():
    with pytest.raises(KeyError) as caught:
        ms.vmap(key_that_is_not_there)(np.array([-1.0, 2.0]))
    assert "lane 1" in "".join(caught.value.__notes__)


def test_slopes_where_nothing_is_raised():
    slopes = ms.jit(ms.vmap(ms.grad(key_that_is_not_there)))(np.array([-1.0, -2.0]))
    np.testing.assert_allclose(slopes, [2.0, 2.0])


def test_shapes_that_do_not_fit_are_errors_before_the_program_runs():
    def f(x):
        return x + np.zeros(7) if x.sum() > 100 else x

    with pytest.raises(TypeError, match="incompatible shapes"):
        ms.jit(f)(np.ones(3))


def test_what_is_not_taken_raises_nothing():
    f = ms.jit(lambda x: {x: 1} if x > 100 else {})
    assert f(1.0) == {}
    assert f(128.0) == {128.0: 1}


@pytest.mark.parametrize("counts", [(-1, 2), (3, -1)])
@pytest.mark.parametrize("f", [math.comb, math.perm])
def test_counts_below_zero_raise_when_the_program_runs(f, counts):
    with pytest.raises(ValueError, match="must be a non-negative integer"):
        f(*counts)
    jitted = ms.jit(lambda n, k: f(n, k))
    assert jitted(5, 2) == f(5, 2)
    with pytest.raises(ValueError, match="must be a non-negative integer"):
        jitted(*counts)


@pytest.mark.parametrize("slip", ["no_such_name", "Seen().no_such_attribute"])
def test_a_slip_in_a_hook_is_not_taken_for_the_users(slip):
    """It would be raised when the program runs, and a `try` of the user's would catch it."""
    names: dict[str, Any] = {"Seen": type("Seen", (), {"__module__": failures.__name__})}

    @ms.no_convert
    def taken(text: str) -> bool:
        try:
            exec(compile(text, failures.__file__, "exec"), names)
        except (NameError, AttributeError) as error:
            return failures.is_users(error)
        raise AssertionError("nothing was missed")

    def recorded(x):
        assert taken("object().missing")
        assert not taken(slip)
        return x

    ms.make_jaxpr(recorded)(1.0)


# --- what they say --------------------------------------------------------------------------------


class Coded(Exception):
    """An exception that takes other arguments than it keeps."""

    def __init__(self, code, *, why="bad"):
        super().__init__(f"{why} {code}")
        self.code, self.why = code, why


class Slotted(ValueError):
    __slots__ = ("q",)

    def __init__(self, q):
        self.q = q

    def __str__(self):
        return f"q is {self.q}"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2


class Named(NamedTuple):
    a: int
    b: str


class Shown:
    def __init__(self, n):
        self.n = n

    def __repr__(self):
        return f"many({self.n})" if self.n > 2 else "few"

    def __format__(self, spec):
        return f"{spec}:{self.n}"


def fields(n, text):
    if n > 0:
        raise Coded(n, why=text)


def slots(n, text):
    if n > 0:
        raise Slotted(n)


def containers(n, text):
    d = {"n": n, 1: text}
    if n > 0:
        raise ValueError(f"{(n, text)} {[n]!r} {d}", Named(n, "b"), f"{Named(n, 'b')}")


def objects(n, text):
    if n > 0:
        raise ValueError(f"{Point(n)} {Shown(n)!r} {Shown(n):ab} " + str(Shown(n)) + text)


def formats(n, text):
    if n > 0:
        shown = "%d of %5d [%-6s] %05d %s %% %r" % (n, n, text, n, (n,), text)  # noqa: UP031
        raise ValueError(shown + "{} {:>4} {k!r}".format([n], n, k=text))  # noqa: UP032


def joins(n, text):
    found = [f"{n} found"]
    if n > 2:
        found.append("many")
    if n > 0:
        raise ValueError("; ".join(found) + ",".join(map(str, [n, n + 1])), found)


def causes(n, text):
    try:
        if n > 2:
            raise KeyError(n)
        if n > 0:
            raise ValueError(f"{n} is too little")
    except (KeyError, ValueError) as e:
        raise Coded(n, why=f"{e!r} {e}") from e


def messages_of_one_class(n, text):
    try:
        if n > 2:
            raise ValueError(f"{n} is much")
        if n > 0:
            raise ValueError("little")
    except ValueError as e:
        e.note = text
        raise


def lengths(n, text):
    found = [1, 2]
    if n > 0:
        found.append(3)
    if n > 2:
        found = [n]
    a, b = found
    return a * b


def keys(n, text):
    return {0: 1, 2: 3}[n]


def in_any_case(n, text):
    raise KeyError(text, n * 2)


def one_of_several_in_any_case(n, text):
    for i in range(3):
        if i > n:
            raise IndexError(f"{text}: {i} > {n}")
    raise Coded(n, why=text) if n > 1 else ValueError("small")


SAID = [
    fields, slots, containers, objects, formats, joins, causes, messages_of_one_class, lengths,
    keys, in_any_case, one_of_several_in_any_case,
]  # fmt: skip


def all_said(f: Any, *args: Any) -> Any:
    """Class, text, attributes and causes of what a function raises."""
    try:
        f(*args)
    except Exception as error:
        found, e = [], error
        while e is not None:
            held = {k: str(v) for k, v in vars(e).items() if k != "__notes__"}
            found.append((type(e), str(e), held))
            e = e.__cause__
        return found
    return None


@pytest.mark.parametrize("f", SAID)
def test_what_is_raised_says_what_it_says_in_python(f):
    for text in ("one", "other"):
        jitted = ms.jit(lambda n, text=text: f(n, text if n < 9 else "none"))
        for n in (0, 1, 4):
            assert all_said(jitted, n) == all_said(f, n, text)


def test_what_is_raised_in_any_case_is_raised_by_derivatives_and_lanes():
    def f(x):
        raise ValueError(f"{x * 2}")

    for derived in (ms.grad(f), ms.jit(ms.grad(f)), lambda x: ms.vmap(f)(np.full(2, x))):
        with pytest.raises(ValueError, match=r"^3\.0\b"):
            derived(1.5)


def test_an_exception_that_cannot_be_shown_is_raised_all_the_same():
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def f(n):
        if n > 0:
            raise Silent(n)
        return n

    with pytest.raises(Silent):
        ms.jit(f)(1)
