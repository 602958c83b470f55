"""Which functions are converted, and how users say so."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import inspect
import math
import os
import pickle
import textwrap

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import TracerBoolConversionError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.source import convert


def decide(x):
    return x if x > 0 else -x


def calls(x):
    return decide(x) + 1


def refused(f, *args):
    with pytest.raises(TracerBoolConversionError):
        f(*args)


def test_false_leaves_the_function_and_what_it_calls():
    refused(ms.jit(calls, convert=False), 1.0)
    refused(ms.vmap(calls, convert=False), mnp.ones(2))
    refused(ms.make_ir(calls, convert=False), 1.0)
    refused(ms.jit(lambda x: ms.grad(calls)(x), convert=False), 1.0)
    refused(ms.jit(lambda x: ms.lax.cond(True, decide, decide, x), convert=False), 1.0)


def test_true_inside_false_is_true():
    f = ms.jit(lambda x: ms.vmap(calls, convert=True)(mnp.stack([x, x]))[0], convert=False)
    assert float(f(-2.0)) == 3


def test_the_setting_is_the_default():
    with ms.config.convert(False):
        refused(ms.jit(calls), 1.0)
        assert float(ms.jit(calls, convert=True)(-1.0)) == 2
    assert float(ms.jit(calls)(-1.0)) == 2


@pytest.mark.parametrize("transform", [
    lambda c: ms.jit(decide, convert=c)(1.0),
    lambda c: ms.vmap(decide, convert=c)(mnp.ones(1)),
    lambda c: ms.grad(decide, convert=c)(1.0),
    lambda c: ms.value_and_grad(decide, convert=c)(1.0),
    lambda c: ms.jvp(decide, (1.0,), (1.0,), convert=c),
    lambda c: ms.vjp(decide, 1.0, convert=c),
    lambda c: ms.linearize(decide, 1.0, convert=c),
    lambda c: ms.make_ir(decide, convert=c)(1.0),
])  # fmt: skip
def test_every_transform_takes_convert(transform):
    for c in ("auto", True):
        transform(c)
    with pytest.raises(ValueError, match="convert must be 'auto', True or False, got 'yes'"):
        transform("yes")


def test_no_convert():
    @ms.no_convert
    def kept(x):
        return x if x > 0 else -x

    with pytest.raises(TracerBoolConversionError, match="it is marked no_convert"):
        ms.jit(lambda x: kept(x) + 1)(1.0)

    @ms.no_convert
    class Kept:
        def f(self, x):
            return x if x > 0 else -x

    refused(ms.jit(Kept().f), 1.0)


def test_convert_as_a_decorator():
    @ms.convert
    def f(x):
        return x if x > 0 else -x

    assert float(ms.jit(f, convert=False)(-2.0)) == 2

    @ms.convert
    class Dual:
        def __init__(self, a):
            self.a = a

        def __mul__(self, other):
            return Dual(self.a * other.a if self.a > 0 else -self.a)

        @property
        def size(self):
            return self.a if self.a > 0 else -self.a

        @staticmethod
        def half(x):
            return x / 2 if x > 0 else x

        @classmethod
        def of(cls, x):
            return cls(x if x > 0 else 0.0)

    def g(x):
        return (Dual(x) * Dual(3.0)).size + Dual.half(x) + Dual.of(x).a

    jitted = ms.jit(g)
    for x in (-2.0, 2.0):
        assert float(jitted(x)) == g(x)


@dataclasses.dataclass(order=True)
class Length:
    a: float
    b: float = dataclasses.field(default=1.0, compare=False)

    @property
    def size(self):
        return self.a if self.a > 0 else -self.a

    @size.setter
    def size(self, value):
        self.a = value if value > 0 else 0.0

    @functools.cached_property
    def double(self):
        return 2 * self.a if self.a > 0 else self.a

    def __neg__(self):
        return Length(-self.a if self.a > 0 else self.a)

    def __add__(self, other):
        return Length(self.a + other.a if other.a > 0 else self.a)

    def __getitem__(self, i):
        return self.a * i if self.a > 1 else self.a

    def __bool__(self):
        return self.a > 0

    def __enter__(self):
        self.b = 2.0 if self.a > 0 else 3.0
        return self.b

    def __exit__(self, *error):
        self.b = 0.0

    def reset(self, value):
        self.size = value
        return self.a

    def entered(self):
        with self as found:
            return found


@functools.total_ordering
class Ordered:
    def __init__(self, v):
        self.v = v

    def __eq__(self, other):
        return self.v == other.v if self.v > 0 else False

    def __lt__(self, other):
        return self.v < other.v

    __hash__ = None


CALLED_BY_PYTHON = [
    lambda x: Length(x).size,
    lambda x: Length(1.0).reset(x),
    lambda x: Length(x).double,
    lambda x: (-Length(x)).a,
    lambda x: (Length(1.0) + Length(x)).a,
    lambda x: Length(x)[3],
    lambda x: 1.0 if Length(x) else 2.0,
    lambda x: 1.0 if not Length(x) or (x > 3 and Length(x)) else 2.0,
    lambda x: Length(x).entered(),
    lambda x: 1.0 if Length(x) < Length(1.0) else 2.0,
    lambda x: 1.0 if Length(x) == Length(2.0) else 2.0,
    lambda x: 1.0 if Length(x) != Length(2.0) else 2.0,
    lambda x: sorted([Length(2.5), Length(x), Length(1.0)])[1].a,
    lambda x: max(Length(2.5), Length(x)).a,
    lambda x: 1.0 if Ordered(x) >= Ordered(1.0) else 2.0,
    lambda x: 1.0 if Ordered(x) != Ordered(2.0) else 2.0,
]


@pytest.mark.parametrize("f", CALLED_BY_PYTHON)
def test_what_python_calls_by_itself_is_converted(f):
    """Properties and operators of a class that is not marked."""
    for x in (-2.0, 2.0):
        assert float(evaluate(ms.make_ir(f)(1.0), np.float32(x))[0]) == f(x)
    with pytest.raises((TracerBoolConversionError, TypeError)):
        ms.make_ir(f, convert=False)(1.0)


def test_classes_stay_what_they_are_outside_of_recordings():
    ms.make_ir(lambda x: (Length(x) + Length(x)).size)(1.0)
    assert Length.size.fget.__wrapped__.__qualname__ == "Length.size"
    assert Length.__add__.__name__ == "__add__"
    assert inspect.signature(Length.__getitem__) == inspect.signature(lambda self, i: None)
    assert (Length(1.0) + Length(2.0)) == Length(3.0)
    assert pickle.loads(pickle.dumps(Length(2.0))) == Length(2.0)


def test_a_class_that_is_not_to_be_converted():
    @ms.no_convert
    class Kept:
        def __init__(self, a):
            self.a = a

        def __neg__(self):
            return -self.a if self.a > 0 else self.a

    with pytest.raises(TracerBoolConversionError):
        ms.jit(lambda x: -Kept(x))(1.0)


def test_what_needs_no_conversion_stays_the_same_object():
    def plain(x, y):
        return mnp.sin(x) * y + x**2

    def only_shapes(x):
        return x.shape

    for f in (plain, only_shapes, len, math.sin, np.sin, mnp.sin, ms.jit(plain), functools.reduce):
        assert convert.for_call(f) is f
    assert convert.for_call(plain.__code__) is plain.__code__


def test_ours_numpy_and_the_standard_library_are_never_converted():
    for f in (mnp.linspace, ms.vmap, np.linspace, textwrap.dedent, functools.wraps):
        assert convert.for_call(f) is f


def package(tmp_path, monkeypatch, where: str, name: str, text: str):
    folder = tmp_path / where
    folder.mkdir()
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module(name)


LIBRARY = """
    runs = []

    def inner(x):
        runs.append(1)
        if x > 0:
            return x
        return -x

    def outer(x):
        return inner(x) * 2
"""


def test_a_library_is_converted_only_after_it_fails(tmp_path, monkeypatch):
    name = f"library_a{os.getpid()}"
    m = package(tmp_path, monkeypatch, "site-packages", name, LIBRARY)
    assert float(ms.jit(lambda x: m.outer(x) + 1)(-2.0)) == 5
    tries = len(m.runs)
    assert float(ms.jit(lambda x: m.outer(x) + 2)(-2.0)) == 6
    assert len(m.runs) - tries < tries  # remembered
    with ms.config.convert(False):
        refused(ms.jit(lambda x: m.outer(x) + 3), 1.0)


def test_a_module_may_opt_in_or_out(tmp_path, monkeypatch):
    name = f"library_b{os.getpid()}"
    m = package(tmp_path, monkeypatch, "site-packages", name, "__ms_convert__ = True\n"
                + textwrap.dedent(LIBRARY))  # fmt: skip
    assert float(ms.jit(m.outer)(-2.0)) == 4
    assert len(m.runs) <= 2  # once for each branch at most, no failed attempt
    name = f"mine_{os.getpid()}"
    m = package(tmp_path, monkeypatch, "project", name, "__ms_convert__ = False\n"
                + textwrap.dedent(LIBRARY))  # fmt: skip
    with pytest.raises(TracerBoolConversionError, match="__ms_convert__ = False"):
        ms.jit(m.inner)(1.0)


def test_names_looked_up_by_text_keep_the_function_native():
    def f(x):
        y = x
        return locals()["y"] if x > 0 else x

    with pytest.raises(TracerBoolConversionError, match=r"line \d+ calls locals\(\)"):
        ms.jit(f)(1.0)
    with pytest.raises(UnsupportedError, match=r"locals\(\), which looks at its local names"):
        ms.convert(f)


def test_async_functions_are_refused():
    async def f(x):
        return x

    with pytest.raises(UnsupportedError, match="`f` is an `async` function"):
        ms.jit(f)(1.0)
    with pytest.raises(UnsupportedError, match="`async`"):
        ms.convert(f)


def test_disable_jit_runs_python_itself():
    seen = []

    def f(x):
        for i in range(3):
            if x > i:
                seen.append(float(x))
            x = x + 1
        return x

    with ms.config.disable_jit(True):
        assert float(ms.jit(f)(1.0)) == 4
    assert seen == [1, 2, 3]


def test_partial_methods_objects_and_classes_are_converted():
    class Model:
        def __init__(self, x):
            self.x = x if x > 0 else -x

        def __call__(self, y):
            return y if y > self.x else self.x

    assert float(ms.jit(functools.partial(lambda k, x: x if x > k else k, 2.0))(1.0)) == 2
    assert float(ms.jit(lambda x: Model(x)(3.0))(-5.0)) == 5
    assert float(ms.jit(Model(2.0))(1.0)) == 2


def test_objects_of_this_library_stay_as_they_are():
    """They know the function inside as decorators of the standard library do."""
    held = ms.custom_vjp(lambda x: 3 * x)
    held.defvjp(lambda x: (3 * x, None), lambda _, g: (3 * g,))
    assert float(ms.jit(lambda x: held(x) if x > 0 else x)(2.0)) == 6
    assert convert.for_call(held) is held


@functools.singledispatch
def dispatched(x):
    return decide(x) if x > -5 else x


class Dispatching:
    @functools.singledispatchmethod
    def method(self, x):
        return x if x > 0 else -x

    @functools.cached_property
    def half(self):
        return 0.5


@contextlib.contextmanager
def nothing_special():
    yield


@nothing_special()
def in_context(x):
    return x if x > 0 else -x


@functools.lru_cache
def cached(x):
    return x if x > 0 else -x


@functools.wraps(decide)
def wrapping(*args, **kwargs):
    return decide(*args, **kwargs) if args[0] > -3 else args[0]


def uses_cached(x):
    return cached(x) + cached(-2.0) + Dispatching().half


@pytest.mark.parametrize(
    "f", [dispatched, Dispatching().method, in_context, cached, wrapping, uses_cached]
)
def test_decorators_of_the_standard_library_let_conversion_through(f):
    for x in (2.0, -2.0, -7.0):
        assert float(ms.jit(f)(x)) == f(x)


def test_export_and_control_flow_functions_convert_their_functions():
    assert ms.export(decide, 1.0)
    assert float(ms.lax.scan(lambda c, x: (decide(c) + x, None), -1.0, mnp.ones(3))[0]) == 4
    assert float(ms.lax.while_loop(lambda x: True if x < 5 else False, calls, 1.0)) == 5  # noqa: SIM210
    assert float(ms.lax.fori_loop(0, 3, lambda i, x: x if x > 4 else x + 1, 1.0)) == 4
    assert float(ms.lax.switch(1, [decide, decide], -3.0)) == 3
    assert ms.lax.map(decide, mnp.array([-1.0, 2.0])).tolist() == [1, 2]
    assert float(ms.grad(ms.checkpoint(decide))(-2.0)) == -1
    assert mnp.vectorize(decide)(mnp.array([-1.0, 2.0])).tolist() == [1, 2]
    assert ms.jacfwd(decide)(-1.0) == ms.jacrev(decide)(-1.0) == -1
    assert float(ms.hessian(lambda x: x**3 if x > 0 else x)(2.0)) == 12


def test_custom_rules_are_converted():
    @ms.custom_jvp
    def f(x):
        return x * x if x > 0 else x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), (10 * t if x > 0 else 20 * t)

    @ms.custom_vjp
    def g(x):
        return x if x > 0 else -x

    g.defvjp(lambda x: (g(x), x), lambda x, ct: (ct * 3 if x > 0 else ct * 5,))
    assert [float(ms.jit(ms.grad(f))(x)) for x in (1.0, -1.0)] == [10, 20]
    assert [float(ms.jit(ms.grad(g))(x)) for x in (1.0, -1.0)] == [3, 5]


def test_converted_source_shows_the_text():
    text = ms.converted_source(calls)
    assert "__ms__.call(decide, x) + 1" in text
    assert ms.converted_source(functools.partial(decide)) == ms.converted_source(decide)
    assert ms.converted_source(ms.jit(decide)) == ms.converted_source(decide)
    assert ms.converted_source(ms.jit(ms.jit(wrapping))) == ms.converted_source(decide)
    with pytest.raises(UnsupportedError, match="not a function written in Python"):
        ms.converted_source(len)
