"""Programs with wild control flow mean what plain Python means, compiled, batched and derived."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.source.test_programs import by_name, close, plain, slope
from tests.source.wild_functions import CASES

SOME = [pytest.param(f, marks=pytest.mark.slow) if i % 4 else f for i, f in enumerate(CASES)]


@by_name(SOME)
def test_value_under_jit_is_that_of_python(f):
    jitted = ms.jit(f)
    for x, n in f.points:
        close(jitted(x, n), plain(f, x, n))


@by_name(CASES[1::4])
def test_lanes_are_calls(f):
    xs, ns = (np.array(c, t) for c, t in zip(zip(*f.points, strict=True), "fi", strict=True))
    close(ms.vmap(f)(xs, ns), [plain(f, x, n) for x, n in f.points])


def forward(f):
    return lambda x, n: ms.jvp(lambda y: f(y, n), (x,), (mnp.ones_like(x),))[1]


@pytest.mark.slow
@by_name(CASES[::2])  # all pass; half of them keep the suite short
def test_derivatives_of_lanes_are_slopes(f):
    xs, ns = (np.array(c, t) for c, t in zip(zip(*f.points, strict=True), "fi", strict=True))
    want = [slope(f, x, n) for x, n in f.points]
    close(ms.jit(ms.vmap(ms.grad(f)))(xs, ns), want)
    close(ms.jit(ms.vmap(forward(f)))(xs, ns), want)
    close(ms.jit(ms.grad(lambda v: ms.vmap(f)(v, ns).sum()))(xs), want)


@by_name(CASES)
def test_converted_function_is_the_same_on_plain_numbers(f):
    converted = ms.convert(f)
    for x, n in f.points:
        assert plain(converted, x, n) == plain(f, x, n)


def test_a_value_that_a_list_does_not_hold_is_an_error_at_run_time():
    jitted = ms.jit(lambda x: [1.0, x].index(2.0))
    assert int(jitted(2.0)) == 1
    with pytest.raises(ValueError, match="not in the list"):
        jitted(3.0)


def test_a_rule_that_decides_is_differentiated_lane_by_lane():
    @ms.custom_jvp
    def f(y):
        return y * y

    @f.defjvp
    def rule(primals, tangents):
        (y,), (d,) = primals, tangents
        if y > 0:
            return f(y), 2 * y * d
        return f(y), -d

    xs = mnp.array([1.5, -2.0])
    close(ms.grad(lambda v: ms.vmap(f)(v).sum())(xs), [3.0, -1.0])
    close(ms.vmap(ms.grad(f))(xs), [3.0, -1.0])
