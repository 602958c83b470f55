"""Long runs of operations are compiled in pieces, and compute what they would in one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.lowering.runs import PIECE, pieces


def apart(f, *args):
    """Number of functions that are compiled apart, and the longest stretch of `main`."""
    text = ms.jit(f, convert=False).lower(*args).as_text()
    (main,) = re.findall(r"func.func public @main.*?\n  }", text, re.DOTALL)
    return text.count('inlineable = "false"'), main.count("stablehlo.")


def chain(x, count):
    """Steps of which each reads the results of two before it."""
    a, b = x, x * 0.5
    for _ in range(count):
        a, b = b, b * 0.25 - a
    return a + b


def test_a_long_run_is_cut():
    x = np.ones(8)
    assert apart(lambda x: chain(x, PIECE // 2), x)[0] == 0
    count, left = apart(lambda x: chain(x, 2 * PIECE), x)
    assert count == 5  # of 4 * PIECE + 2 operations
    assert left < 10


def test_products_and_loops_end_a_run():
    def layers(x):
        for _ in range(8):
            x = chain(x, 20) @ x
        return lax.fori_loop(0, 3, lambda i, x: x + 1, chain(x, PIECE // 4))

    assert apart(layers, np.ones((4, 4)))[0] == 0


def test_what_becomes_many_operations_weighs_more():
    def waves(x):
        for _ in range(PIECE // 2):
            x = mnp.sin(x)
        return x

    assert apart(waves, np.ones(5))[0] == 4


def test_elsewhere_nothing_is_cut():
    f = ms.jit(lambda x: chain(x, 2 * PIECE), convert=False)
    text = f.trace(np.ones(8)).lower(lowering_platforms=("cuda",)).as_text()
    assert "inlineable" not in text


def test_pieces_hold_every_equation_and_pass_what_is_read():
    fn = ms.make_ir(lambda x: chain(x, 2 * PIECE) * x, convert=False)(np.ones(3))
    found = pieces(fn)
    assert [e for piece in found for e in piece.eqns] == list(fn.eqns)
    known = {*fn.params}
    for piece in found:
        assert piece.alone
        assert known.issuperset(piece.ins)
        known.update(piece.outs)
    assert known.issuperset(fn.results)


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_results_are_those_of_numpy(data):
    """Random programs of stores, selections and sums on integers, exactly."""
    steps = data.draw(
        st.lists(st.tuples(*[st.integers(0, 5)] * 4), min_size=PIECE, max_size=2 * PIECE)
    )

    def run(x, where, put):
        kept = [x] * 6
        for kind, i, j, k in steps:
            a, b = kept[i], kept[j]
            if kind < 2:
                kept[k] = where(a > b, a, b - 1)
            elif kind < 4:
                kept[k] = a + b % 7
            else:
                kept[k] = put(a, k, b[i])
        return sum(kept)

    def put(a, k, value):
        a = a.copy()
        a[k] = value
        return a

    x = np.arange(6) * 3 % 5
    want = run(x, np.where, put)
    f = ms.jit(lambda x: run(x, mnp.where, lambda a, k, v: a.at[k].set(v)), convert=False)
    np.testing.assert_array_equal(f(x), want)


@pytest.mark.parametrize("lanes", [1, 3])
def test_branches_that_lanes_decide(lanes):
    def lowest(x):
        for i in range(40):
            j, k = i % 5, (3 * i + 1) % 5
            x = lax.cond(x[j] > x[k], lambda x, j=j, k=k: x.at[j].set(x[k] * 0.5), lambda x: x, x)
        return x.sum()

    def plain(x):
        x, weights = x.copy(), np.eye(5)
        for i in range(40):
            j, k = i % 5, (3 * i + 1) % 5
            if x[j] > x[k]:
                x[j], weights[j] = x[k] * 0.5, weights[k] * 0.5
        return weights.sum(0)

    xs = np.random.default_rng(lanes).normal(size=(lanes, 5))
    f = ms.vmap(ms.grad(lowest))
    assert apart(f, xs)[0] > 2
    np.testing.assert_allclose(ms.jit(f)(xs), [*map(plain, xs)], rtol=1e-12)
