"""Functions that depend on data; raise, assert and print at run time; what cannot be compiled."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import StagingError, StagingIndexError, UnsupportedError
from ms_func.source.hooks import Choice

F, I = np.float64, np.int32

# --- choices ------------------------------------------------------------------------------------


def test_a_choice_keeps_what_its_functions_close_over():
    def f(x):
        y = x * 3
        if x > 0:
            g = lambda v: v * y
        else:
            z = y + 1
            g = lambda v: v + z
        return g(x)

    for x in (3.0, -3.0):
        assert float(ms.jit(f)(x)) == f(x)
    assert float(ms.grad(ms.jit(f))(3.0)) == 18
    assert float(ms.grad(ms.jit(f))(-3.0)) == 4
    assert ms.vmap(f)(np.array([3.0, -3.0])).tolist() == [27, -11]


def test_choices_in_containers_and_loops():
    def f(x, n):
        table = {"up": math.exp, "down": abs}
        g = table["up"]
        for i in range(n):
            if x > 2:
                g = table["down"]
            elif x < -2:
                g = math.tanh
            x = g(x) - i
        return x

    for x in (0.5, 3.0, -7.0):
        for n in (0, 1, 4):
            np.testing.assert_allclose(ms.jit(f)(F(x), I(n)), f(F(x), n), rtol=1e-12)


def test_a_choice_is_passed_to_transforms():
    def f(x):
        g = mnp.sin if x > 0 else mnp.square
        return ms.grad(g)(x) + ms.vmap(g)(mnp.stack([x, x]))[1]

    for x in (0.5, -3.0):
        want = math.cos(x) + math.sin(x) if x > 0 else 2 * x + x * x
        np.testing.assert_allclose(ms.jit(f)(x), want, rtol=1e-6)


def test_a_list_of_functions_is_indexed_by_a_traced_value():
    layers = [lambda x: x + 1, lambda x: x * 10, lambda x: -x]
    f = ms.jit(lambda i, x: layers[i](x))
    assert [float(f(I(i), 2.0)) for i in (0, 1, 2, -1)] == [3, 20, -2, -2]


def test_objects_with_call_and_methods():
    class Scale:
        def __init__(self, k):
            self.k = k

        def __call__(self, x):
            return self.k * x

        def double(self, x):
            return self(x) * 2

    class Shift(Scale):
        def __call__(self, x):
            return self.k + x

    def f(x):
        layer = Scale(x) if x > 0 else Shift(2.0)
        return layer(x) + layer.double(x)

    for x in (3.0, -3.0):
        assert float(ms.jit(f)(x)) == f(x)


def test_a_choice_is_a_container_of_its_index():
    c = Choice(I(1), (math.sin, math.cos))
    leaves, shape = ms.tree.flatten(c)
    assert leaves == [1]
    assert ms.tree.unflatten(shape, [0])(0.0) == 0.0


# --- raise, assert, print -----------------------------------------------------------------------


def test_raise_under_a_condition_raises_at_run_time():
    def f(x, k):
        if x < 0:
            raise ValueError(f"negative: {x:.1f}", k)
        return math.sqrt(x)

    jitted = ms.jit(f)
    assert float(jitted(4.0, I(1))) == 2
    with pytest.raises(ValueError, match=r"negative: -4\.0"):
        jitted(-4.0, I(1))
    np.testing.assert_allclose(ms.grad(jitted)(4.0, I(1)), 0.25)


def test_raise_in_a_loop():
    def f(xs):
        total = 0.0
        for i in range(30):
            if xs[i] < 0:
                raise KeyError("bad element")
            total += xs[i]
        return total

    xs = np.arange(30, dtype=F)
    assert float(ms.jit(f)(xs)) == xs.sum()
    xs[20] = -1
    with pytest.raises(KeyError, match="bad element"):
        ms.jit(f)(xs)


def test_assert_names_the_lane():
    def f(x):
        assert x > 0, f"x is {x}"
        return x

    assert float(ms.jit(f)(2.0)) == 2
    with pytest.raises(AssertionError, match=r"x is -2\.0"):
        ms.jit(f)(-2.0)
    with pytest.raises(AssertionError) as caught:
        ms.jit(ms.vmap(f))(np.array([1.0, 2.0, -3.0]))
    assert "lane 2" in "".join(caught.value.__notes__)


def test_what_no_handler_waits_for_is_raised_at_its_line():
    def f(x):
        try:
            if x < 0:
                raise ValueError("negative")
        except KeyError:
            return 0.0
        return x

    assert ms.jit(f)(1.0) == 1.0
    with pytest.raises(ValueError, match="negative") as caught:
        ms.jit(f)(-1.0)
    assert 'raise ValueError("negative")' in "".join(caught.value.__notes__)


def test_a_handler_of_a_generator_cannot_catch():
    def f(x):
        def g():
            try:
                yield x
                if x < 0:
                    raise ValueError("negative")
            except ValueError:
                yield 0.0

        return sum(list(g()))

    with pytest.raises(UnsupportedError, match="cannot be caught"):
        ms.jit(f)(1.0)


def test_print_happens_where_python_would_print(capsys):
    def f(x, n):
        for i in range(n):
            if x > 5:
                print("big", x)
            else:
                print(f"step {i}: {x:.1f}")
            x = x * 2
        return x

    ms.jit(f)(2.0, I(3))
    assert capsys.readouterr().out == "step 0: 2.0\nstep 1: 4.0\nbig 8.0\n"


# --- what cannot be compiled ----------------------------------------------------------------------


def refused(f, *args, code, line, words=(), kind=StagingError):
    """The error carries its number, the file, the line and its text, the reason and a fix."""
    with pytest.raises(kind) as caught:
        ms.jit(f)(*args)
    text = str(caught.value)
    assert caught.value.code == code
    first = f.__code__.co_firstlineno
    assert f"{f.__code__.co_filename}:{first + line}" in text.splitlines()[0]
    assert "^" in text
    assert "fix: " in text
    for word in words:
        assert word in text


def test_ms101_carry_changes_its_type():
    def f(found):
        while not found.all():
            found = found + 1
        return found

    words = ["`found`", "bool[2]", "int32[2]", "found = found + 1", "line"]
    refused(f, np.zeros(2, bool), code="MS101", line=1, words=words)


def test_ms101_carry_changes_its_shape():
    def f(x):
        while x.sum() < 10:
            x = mnp.concatenate([x, x])
        return x

    refused(f, np.ones(2), code="MS101", line=1, words=["`x`", "float64[2]", "float64[4]"])


def test_ms102_branches_disagree():
    def f(x):
        if x > 0:
            h = mnp.zeros(3)
        else:
            h = mnp.zeros(4)
        return h

    first = f.__code__.co_firstlineno
    words = ["`h`", "float32[3]", "float32[4]", f"line {first + 2}", f"line {first + 4}"]
    refused(f, 1.0, code="MS102", line=1, words=words)


def test_ms102_containers_of_two_kinds():
    def g(x):
        y = [x]
        if x > 0:
            y = (x,)
        return y

    refused(g, 1.0, code="MS102", line=2, words=["a list of length 1", "a tuple of length 1"])


def test_ms103_part_of_a_text():
    def f(i):
        return "ab"[i:]

    refused(f, I(1), code="MS103", line=1, words=["str"], kind=StagingIndexError)


def test_ms105_recursion_without_an_end():
    def endless(x):
        if x > 0:
            return endless(x + 1)
        return endless(x - 1)

    refused(endless, 1.0, code="MS105", line=3)


def test_ms170_stores_that_cannot_be_undone():
    buffer = np.zeros(3)

    def f(x):
        buffer[0] = x
        return buffer

    refused(f, 1.0, code="MS170", line=1, words=["NumPy"])
    assert not buffer.any()


def test_ms180_yield_under_a_condition():
    def f(x):
        def rows():
            if x > 0:
                y = yield x
                yield y

        return sum(rows())

    refused(f, 1.0, code="MS180", line=2)


def test_closures_of_one_code_over_other_structures_are_alternatives():
    """What they hold cannot be joined, so they stay two functions."""

    def composed(*fs):
        def run(v):
            for f in fs:
                v = f(v)
            return v

        return run

    def f(x):
        one, two = (lambda v: v + 1), (lambda v: v * 2)
        g = composed(one, two) if x > 0 else composed(two, one, two)
        if x > 2:
            g = composed(g, one)
        return g(x)

    jitted = ms.jit(f)
    for x in (0.5, -1.5, 3.0):
        assert float(jitted(x)) == f(x)
    assert float(ms.grad(jitted)(-1.5)) == 4


def test_which_function_data_chose_is_asked_by_identity():
    def f(x, n):
        g = math.sin if x > 0 else math.cos
        h = math.sin if n > 1 else math.tan
        for _ in range(n):
            g = math.cos if g is math.sin else math.sin
        return 1 * (g is math.sin) + 2 * (g is h) + 4 * (g is not math.tan) + (8 if h is g else 0)

    jitted = ms.jit(f)
    for x in (-1.0, 1.0):
        for n in range(4):
            assert int(jitted(x, n)) == f(x, n)
