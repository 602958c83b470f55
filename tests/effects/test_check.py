"""Conditions whose failure raises on the host, after the run: the first in program order."""

import threading

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, lax
from ms_func.primitives.effects import check, check_raising


class Custom(Exception):
    pass


def guarded(x):
    debug.print("before {}", x)
    check(x > 0, ValueError, "bad {} {name}", x, name="x")
    debug.print("after {}", x)
    check(x < 10, Custom, "large")
    return mnp.sqrt(x)


WAYS = {
    "eager": lambda f: f,
    "jit": ms.jit,
    "grad": ms.grad,
    "jit of grad": lambda f: ms.jit(ms.grad(f)),
    "checkpoint": lambda f: ms.grad(ms.checkpoint(f)),
    "jvp": lambda f: lambda x: ms.jvp(f, (x,), (x,)),
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, length=1),
    "cond": lambda f: lambda x: lax.cond(x == x, f, lambda x: x, x),
}


@pytest.mark.parametrize("way", WAYS)
def test_raises_the_class_and_message_asked_for(capsys, way):
    f = WAYS[way](guarded)
    f(np.float32(4.0))
    assert capsys.readouterr().out == "before 4.0\nafter 4.0\n"
    with pytest.raises(ValueError, match=r"^bad -1.0 x") as caught:
        f(np.float32(-1.0))
    assert type(caught.value) is ValueError
    assert capsys.readouterr().out == "before -1.0\n"  # nothing after the failure
    with pytest.raises(Custom, match="large"):
        f(np.float32(11.0))
    f(np.float32(4.0))  # a failure leaves nothing behind


def test_the_line_is_noted():
    def f(x):
        check(x > 0)
        return x

    with pytest.raises(AssertionError) as caught:
        ms.jit(f)(-1.0)
    assert str(caught.value) == ""
    (note,) = caught.value.__notes__
    assert "test_check.py" in note
    assert "check(x > 0)" in note


def test_first_failing_iteration_wins():
    def f(n):
        def body(i, c):
            check(i < n, IndexError, "at {}", i)
            return c + i

        return lax.fori_loop(0, 10, body, 0)

    assert int(ms.jit(f)(10)) == 45
    with pytest.raises(IndexError, match="at 4"):
        ms.jit(f)(4)

    def endless(x):
        def body(x):
            check(x < 5, ValueError, "too far")
            return x + 1

        return lax.while_loop(lambda x: x > 0, body, x)

    with pytest.raises(ValueError, match="too far"):
        ms.jit(endless)(1)


def test_only_the_branch_taken_checks():
    f = ms.jit(lambda x: lax.cond(x > 0, lambda x: guarded(x), lambda x: -x, x))
    assert float(f(-1.0)) == 1.0
    with pytest.raises(Custom):
        f(20.0)


def test_lanes_are_named():
    xs = np.array([1, 2, -3, -4], np.float32)
    with pytest.raises(ValueError, match=r"bad -3.0 x") as caught:
        ms.vmap(guarded)(xs)
    assert "in lane 2 of vmap" in caught.value.__notes__
    with pytest.raises(ValueError, match="bad -3") as caught:
        ms.jit(ms.vmap(ms.vmap(guarded)))(xs.reshape(2, 2))
    assert "in lane (1, 0) of vmap" in caught.value.__notes__
    ms.vmap(guarded)(np.zeros(0, np.float32))


def test_inactive_lanes_do_not_fail():
    def f(x):
        def body(c):
            check(c < 8, ValueError, "out of range {}", c)
            return c * 2

        x = lax.while_loop(lambda c: c < 8, body, x)
        return lax.cond(x < 10, lambda x: x, lambda x: (check(x > 10), -x)[1], x)

    xs = np.array([1.0, 20.0, 3.0], np.float32)
    assert ms.vmap(f)(xs).tolist() == [8.0, -20.0, -12.0]


def test_exceptions_of_any_making():
    f = ms.jit(lambda x: check_raising(x > 0, lambda v: Custom("got", v), x))
    with pytest.raises(Custom) as caught:
        f(np.float32(-2))
    assert caught.value.args[0] == "got"
    assert float(caught.value.args[1]) == -2.0


def test_a_condition_is_a_boolean_scalar():
    with pytest.raises(TypeError, match="boolean scalar"):
        ms.jit(lambda x: check(x > 0))(np.zeros(2))
    with pytest.raises(TypeError, match="boolean scalar"):
        ms.jit(lambda x: check(x))(1.0)


def test_threads_do_not_mix():
    f = ms.jit(guarded)
    f(1.0)
    found = {}

    def work(i):
        try:
            f(float(i))
        except Exception as error:
            found[i] = str(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(-4, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {i: f"bad {float(i)} x" for i in range(-4, 1)}
