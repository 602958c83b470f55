"""A breakpoint in compiled code: commands in, values of that moment out."""

import io
from bdb import BdbQuit

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, lax


def session(f, *args, words):
    """What is written while `f` runs and commands are read."""
    stdin, stdout = io.StringIO("".join(w + "\n" for w in words)), io.StringIO()

    def stop():
        debug.breakpoint(stdin=stdin, stdout=stdout, backend="cli")

    f(stop)(*args)
    return stdout.getvalue()


def simple(stop):
    def f(x):
        y = x * 2
        pair = {"a": y, "n": 3}
        stop()
        return y + pair["a"]

    return f


@pytest.mark.parametrize("wrap", [lambda f: f, ms.jit, ms.grad, lambda f: ms.jit(ms.jit(f))])
def test_values_of_the_moment(wrap):
    words = ["u", "p y", "p x + y, pair['n']", "y", "p nothing", "a", "", "pp pair", "c"]
    out = session(lambda stop: wrap(simple(stop)), mnp.float32(1.5), words=words)
    lines = out.replace("(jdb) ", "").splitlines()
    assert lines[0] == "Entering jdb:"
    assert any("->" in line and "stop()" in line for line in lines)
    assert lines.count("Array(3., dtype=float32)") == 2
    assert "(Array(4.5, dtype=float32), 3)" in lines
    assert any("NameError: name 'nothing' is not defined" in line for line in lines)
    assert "y = Array(3., dtype=float32)" in lines
    assert "{'a': Array(3., dtype=float32), 'n': 3}" in lines


def test_frames():
    words = ["bt", "d", "u", "l", "c"]
    out = session(lambda stop: ms.jit(simple(stop)), 1.0, words=words)
    assert "At bottommost frame." in out
    assert "in stop\n" in out
    assert "in f\n    stop()" in out
    assert __file__ in out


def test_loops_branches_and_lanes():
    def loop(stop):
        def body(i, c):
            lax.cond(c > 1, lambda c: (stop(), c)[1], lambda c: c, c)
            return c + i

        return ms.jit(lambda x: lax.fori_loop(0, 3, body, x))

    words = ["u", "p c", "c"] * 5
    out = session(loop, mnp.float32(1), words=words)
    assert [w for w in out.splitlines() if w.startswith("(jdb) Array")] == [
        "(jdb) Array(2., dtype=float32)"
    ]
    out = session(lambda stop: ms.vmap(simple(stop)), np.arange(3.0), words=["u", "p y", "c"] * 3)
    assert [f"Array({y}., dtype=float64)" in out for y in (0, 2, 4)] == [True] * 3
    assert out.count("Entering jdb:") == 3


def test_quitting():
    for words in (["q"], []):
        with pytest.raises(BdbQuit):
            session(lambda stop: ms.jit(simple(stop)), 1.0, words=words)
    with pytest.raises(ValueError, match="cli"):
        debug.breakpoint(backend="web")
