"""Conversion never changes what plain Python means."""

from __future__ import annotations

import random
import sys
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
from tests.support.python_programs import World, load, program


def both(text: str, *args: Any, generator: bool = False) -> None:
    """Run a program as it is and converted, in two equal worlds."""
    plain, other = World(), World()
    f = load(text, plain.namespace())
    g = ms.convert(load(text, other.namespace()))
    assert other.outcome(g, *args) == plain.outcome(f, *args)


@given(st.integers(0, 10**9), st.integers(-1, 3), st.integers(-1, 2))
@settings(max_examples=60)
def test_random_programs_do_the_same(seed, a, b):
    text = program(random.Random(seed))
    try:
        compile(text, "<program>", "exec")
    except SyntaxError:
        return
    both(text, a, b)


@given(st.integers(0, 10**9), st.integers(-1, 3))
@settings(max_examples=40)
def test_random_generators_do_the_same(seed, a):
    text = program(random.Random(seed), generator=True)
    try:
        compile(text, "<program>", "exec")
    except SyntaxError:
        return
    both(text, a, 2)


PROGRAMS = {
    "late binding of a loop variable": """
        fs = []
        for i in range(3):
            fs.append(lambda: i)
        return [g() for g in fs]
    """,
    "late binding of a name assigned in a branch": """
        s = 1
        def g():
            return s
        if a > 0:
            s = 2
            see(g())
        return g()
    """,
    "early binding through a default": """
        fs = []
        for i in range(3):
            fs.append(lambda i=i: i)
        return [g() for g in fs]
    """,
    "handlers see what was assigned before the raise": """
        s = 0
        try:
            for i in range(5):
                s = i
                if i == a:
                    raise ValueError(i)
        except ValueError as e:
            return s, str(e)
        return s
    """,
    "swallowed exceptions leave assignments": """
        s = 0
        with quiet():
            while True:
                s += 1
                if s > a:
                    raise ValueError
        return s
    """,
    "finally runs on return, break and continue": """
        for i in range(4):
            try:
                if i == a:
                    continue
                if i == b:
                    break
                if i == 3:
                    return i
            finally:
                see(i)
        return -1
    """,
    "return in finally wins": """
        try:
            if a > 0:
                raise KeyError(a)
            return 1
        finally:
            for i in range(2):
                if i == b - 1:
                    return 2
    """,
    "name of a handler is gone afterwards": """
        try:
            raise ValueError(a)
        except ValueError as e:
            pass
        return e
    """,
    "exceptions keep their context and cause": """
        try:
            try:
                raise ValueError(a)
            except ValueError as e:
                if a > 0:
                    raise KeyError(b) from e
                raise TypeError(b)
        except (KeyError, TypeError) as f:
            return type(f.__cause__).__name__, type(f.__context__).__name__
    """,
    "bare raise": """
        try:
            try:
                raise ValueError(a)
            except ValueError:
                if a > 0:
                    raise
        except ValueError as e:
            return str(e)
        return 0
    """,
    "exception groups": """
        try:
            if a > 0:
                raise ExceptionGroup("g", [ValueError(a), KeyError(b)])
        except* ValueError as g:
            see(len(g.exceptions))
        except* KeyError:
            see("key")
        return a
    """,
    "or gives its operand": "return (a or b or 7, a and b and 7, not a, a and 0.0)",
    "operands are evaluated once and in order": """
        x = see(a) < see(b) < see(a + b), see(a) if see(b) else see(0)
        return x, see(a) in (see(b), see(a))
    """,
    "augmented targets are evaluated once": """
        box[see(a) % 3] += see(b)
        obj.n += see(a)
        w = box
        w += [4]
        return box is w, len(box)
    """,
    "order of storing": """
        (box[see(0)], box[see(1)]) = see(a), see(b)
        x = box[see(2)] = see(5)
        return x
    """,
    "walrus in comprehensions and pieces": """
        last = None
        w = [last := i for i in range(3) if (k := i) != a]
        if a > 0 and (m := b) > 0 or (m := 9):
            return w, last, k, m
    """,
    "while else and for else": """
        n = a
        while n > 0:
            n -= 1
            if n == b:
                break
        else:
            see("while else")
        for i in range(n):
            if i == b:
                break
        else:
            see("for else")
        return n
    """,
    "deleting": """
        x = a
        if a > 0:
            del x
        d = {1: 2, 3: 4}
        del d[1], box[0]
        try:
            return x
        except UnboundLocalError as e:
            return str(e), d
    """,
    "del of attributes": """
        obj.m = 4
        if a:
            del obj.m
        return hasattr(obj, "m")
    """,
    "global": """
        global counter
        counter = a
        if a > 0:
            counter += 1
        for counter in range(counter):
            pass
        return counter
    """,
    "nonlocal of two levels": """
        s = 0
        def outer():
            t = 0
            def inner():
                nonlocal s, t
                for i in range(3):
                    if i == a:
                        s += 10
                        return
                    s += 1
                    t -= 1
            inner()
            return t
        return outer(), s
    """,
    "recursion of an inner function": """
        def fact(n):
            if n <= 1:
                return 1
            return n * fact(n - 1)
        return fact(a + 4)
    """,
    "inner function bound in a branch and used later": """
        if a > 0:
            def g():
                return h() + 1
            def h():
                return a
        else:
            g = h = lambda: -1
        return g(), h()
    """,
    "classes": """
        class A:
            k = a
            if a > 0:
                __secret = 5
            def f(self, x=k):
                if x > 0:
                    self.__y = x
                    return self.__y, __class__.__name__
                return super().__repr__()[:2]
        class B(A):
            def f(self):
                for x in (1, 2):
                    if x > 1:
                        return super().f(0), super().f()
        return B().f(), sorted(k for k in vars(B()) if "y" in k)
    """,
    "class bound in a branch and captured": """
        if a > 0:
            class C:
                def me(self):
                    return C
        else:
            C = None
        g = lambda: C
        return g() is C, C and C().me() is C, C and C.__name__
    """,
    "imports in a branch": """
        if a > 0:
            import math as m, os.path
            from math import floor as fl
        else:
            m = fl = os = None
        return m and fl(m.pi), (lambda: os and os.path.sep)()
    """,
    "star targets": """
        for x, *rest in ([1, 2, 3], (4,)):
            if x == a:
                break
        return x, rest
    """,
    "loop target that is an element": """
        for box[a % 3] in range(4):
            if box[a % 3] == 2:
                break
        for obj.n in (7, 8):
            pass
        return box, obj.n
    """,
    "with targets": """
        with note() as box[0], note() as (obj.n):
            if a > 0:
                return box[0] + obj.n
        return 0
    """,
    "f-strings": "return f'{a!r:>5}|{b:0{a + 3}}|{{}}|{a + b=}'",
    "generator with return value": """
        def g():
            for i in range(3):
                if i == a:
                    return "done"
                x = yield i
                if x:
                    see(x)
        def h():
            r = yield from g()
            if r:
                yield r
        return list(h())
    """,
    "generator that never yields": """
        def g():
            return
            yield
        return list(g())
    """,
    "closing a generator runs finally": """
        def g():
            try:
                while True:
                    yield 1
            finally:
                see("closed")
        it = g()
        next(it)
        it.close()
        return 0
    """,
    "loops over an iterator stop at a break": """
        it = iter(range(10))
        for i in it:
            if i == a:
                break
        return list(it)
    """,
    "list changed while it is walked": """
        w = [1, 2, 3]
        for x in w:
            if len(w) < 6:
                w.append(x)
        return w
    """,
    "match": """
        out = []
        for x in (0, 1, "a", [1, 2, 3], {"k": 1, "z": 2}, (0, obj), None, True, 2.5, obj):
            match x:
                case 0 | 1 if a > 0:
                    out.append("small")
                case True:
                    out.append("true")
                case str(s):
                    out.append(s)
                case [first, *others]:
                    out.append((first, len(others)))
                case {"k": k, **rest}:
                    out.append((k, rest))
                case None:
                    out.append(None)
                case float() as y:
                    out.append(y)
                case Obj(n=m):
                    out.append(m)
                case _:
                    out.append("other")
        return out
    """,
    "names stay bound after a failed guard": """
        match (a, b):
            case (x, y) if x > 100:
                pass
            case _:
                return x, y
    """,
    "assert": """
        assert a > 0, see("message")
        return 1
    """,
    "unbound in a branch": """
        if a > 0:
            z = 1
        return z
    """,
    "unbound in a loop": """
        for i in range(a):
            z = i
        return z, i
    """,
    "unbound in place": """
        if b > 0:
            z += 1
        return z
    """,
    "chained comparison of objects": "return (1 < a == a, 'a' < 'b' < 'c', a is a is not None)",
    "lambda that decides": "return [(lambda x: x if x > 0 else (-x or 5))(i) for i in (a, -3, 0)]",
    "nested comprehension": """
        return [[i * j for j in range(3) if j != a] for i in range(3) if i or b]
    """,
    "async function inside": """
        async def g():
            if a > 0:
                return 1
            return 2
        try:
            g().send(None)
        except StopIteration as s:
            return s.value
    """,
    "positional only and keyword only": """
        def g(x, /, y, *, z=3):
            if x:
                return x, y, z
            return z
        return g(a, y=b), g(a, b, z=1)
    """,
    "unreachable code": """
        return a
        while True:
            a = 1
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    lines = PROGRAMS[name].strip("\n")
    if lines.startswith(" "):
        margin = len(lines) - len(lines.lstrip())
        lines = "\n".join(line[margin:] for line in lines.splitlines())
    body = "\n".join("    " + line for line in lines.splitlines())
    for a in (-1, 0, 1, 2):
        for b in (0, 1, 2):
            both(f"counter = 0\ndef f(a, b):\n{body}\n", a, b)


def lines_of(error: BaseException) -> list[tuple[int, str]]:
    """Lines and functions of the program in a traceback, repetitions left out."""
    found: list[tuple[int, str]] = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("<program"):
            place = (frame.lineno or 0, frame.name)
            if not found or found[-1][1] != frame.name:
                found.append(place)
            else:
                found[-1] = place
    return found


def test_tracebacks_show_the_users_lines_and_names():
    text = (
        "def g(x):\n"
        "    for i in range(3):\n"
        "        if i == x:\n"
        "            return 1 // (i - x)\n"
        "def f(a, b):\n"
        "    while True:\n"
        "        try:\n"
        "            if a > 0:\n"
        "                return g(b)\n"
        "        finally:\n"
        "            pass\n"
    )
    seen = []
    for convert in (lambda f: f, ms.convert):
        with pytest.raises(ZeroDivisionError) as caught:
            convert(load(text, {}))(1, 2)
        seen.append(lines_of(caught.value))
    assert seen[0] == seen[1] == [(9, "f"), (4, "g")]


def test_line_tracing_sees_the_users_lines():
    text = (
        "def f(a, b):\n    s = 0\n    for i in range(a):\n        if i > b:\n            s += i\n"
        "        else:\n            s -= 1\n    return s\n"
    )
    seen: list[set[int]] = []
    for convert in (lambda f: f, ms.convert):
        f = convert(load(text, {}))
        hit: set[int] = set()

        def trace(frame, event, arg, hit=hit):
            if frame.f_code.co_filename.startswith("<program") and event == "line":
                hit.add(frame.f_lineno)
            return trace

        old = sys.gettrace()
        sys.settrace(trace)
        try:
            f(4, 1)
        finally:
            sys.settrace(old)
        seen.append(hit - {1})
    assert seen[0] <= seen[1]
    assert max(seen[1]) == 8


def test_attributes_of_the_function_are_kept():
    def f(a: int, b: float = 2.0, *, c: str = "x") -> str:
        """Say it."""
        return c if a > b else "y"

    f.extra = 7
    g = ms.convert(f)
    assert (g.__name__, g.__doc__, g.extra, g.__module__) == ("f", "Say it.", 7, __name__)
    assert (g.__defaults__, g.__kwdefaults__) == ((2.0,), {"c": "x"})
    assert g.__qualname__ == f.__qualname__
    assert g.__code__.co_filename == __file__
    assert g.__code__.co_varnames[:3] == f.__code__.co_varnames[:3]


def test_cells_and_globals_are_shared():
    k = 1

    def f(x):
        return x if k > 1 else -x

    g = ms.convert(f)
    assert g(3) == -3
    k = 2
    assert g(3) == 3
    assert g.__globals__ is f.__globals__
