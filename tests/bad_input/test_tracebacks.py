"""Tracebacks hold the frames of the user's code, and all others on request."""

from __future__ import annotations

import traceback

import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax


def outer(x):
    if x.sum() > 0:
        return inner(x)
    return x.sum()


def inner(x):
    return (x @ np.ones((9, 9))).sum()


CALLS = {
    "jit": lambda f: ms.jit(f)(np.ones(3)),
    "grad": lambda f: ms.grad(f)(np.ones(3)),
    "vmap": lambda f: ms.vmap(f)(np.ones((2, 3))),
    "jvp": lambda f: ms.jvp(f, (np.ones(3),), (np.ones(3),)),
    "vjp": lambda f: ms.vjp(f, np.ones(3)),
    "jacfwd": lambda f: ms.jacfwd(f)(np.ones(3)),
    "make_ir": lambda f: ms.make_ir(f)(np.ones(3)),
    "eval_shape": lambda f: ms.eval_shape(f, np.ones(3)),
    "jit of grad": lambda f: ms.jit(ms.grad(f))(np.ones(3)),
    "scan": lambda f: lax.scan(lambda c, x: (c, f(x)), 0, np.ones((2, 3))),
    "cond": lambda f: lax.cond(True, f, f, np.ones(3)),
}


def frames(call, f):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call(f)
    own = traceback.extract_tb(caught.value.__traceback__)
    return caught.value, [(frame.filename == __file__, frame.name) for frame in own]


@pytest.mark.parametrize("name", CALLS)
def test_errors_that_name_the_line_show_the_users_frames(name):
    error, found = frames(CALLS[name], outer)
    assert isinstance(error, TypeError)
    assert all(own for own, _ in found)
    assert [n for _, n in found if n in ("outer", "inner")] == ["outer", "inner"]


@pytest.mark.parametrize("name", CALLS)
def test_errors_of_the_users_own_show_the_users_frames(name):
    def fails(x):
        raise KeyError("mine")

    error, found = frames(CALLS[name], fails)
    assert isinstance(error, KeyError)
    assert all(own for own, _ in found)
    assert found[-1][1] == "fails"


def test_everything_is_shown_on_request():
    with ms.config.traceback("full"):
        _, found = frames(CALLS["jit"], outer)
    assert sum(not own for own, _ in found) > 5
    with pytest.raises(ValueError, match="'short', 'full'"):
        ms.config.traceback.set("off")


def test_frames_stay_where_an_error_does_not_name_a_line(monkeypatch):
    monkeypatch.setattr("ms_func.api.jitted.ready", None)  # a fault of the library
    with pytest.raises(TypeError, match="not callable") as caught:
        ms.jit(lambda x: x * 3.25 + 1.5)(np.ones(7))
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "miss" in names
