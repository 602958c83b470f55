"""Random programs with control flow on traced values give what Python gives."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
from ms_func.ir.evaluate import evaluate
from tests.support.integer_programs import integer_program
from tests.support.python_programs import load

POINTS = [(0, 1), (2, 3), (3, 0), (1, 2)]


@given(st.integers(0, 10**9))
@settings(max_examples=5)
def test_jit_is_python(seed):
    f = load(integer_program(random.Random(seed)), {})
    jitted = ms.jit(f)
    assert [int(jitted(*p)) for p in POINTS] == [f(*p) for p in POINTS]


@given(st.integers(0, 10**9))
@settings(max_examples=3)
def test_vmap_is_a_loop(seed):
    f = load(integer_program(random.Random(seed)), {})
    a, b = np.int32(POINTS).T
    assert ms.vmap(f)(a, b).tolist() == [f(*p) for p in POINTS]


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(100))
def test_ten_thousand_programs(hundred):
    """Recorded, they are run by the interpreter of programs; the last of each hundred by XLA."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        text = integer_program(random.Random(seed), (2, 1))
        f = load(text, {})
        try:
            wanted = [f(*p) for p in POINTS]
        except UnboundLocalError:
            continue  # Python refuses it too
        program = ms.make_ir(f)(np.int32(0), np.int32(0))
        if len(program.params) == 2:
            found = [int(evaluate(program, np.int32(a), np.int32(b))[0]) for a, b in POINTS]
        else:  # an array of constants is an operand
            found = [int(ms.jit(f)(*p)) for p in POINTS]
        assert found == wanted, text
    a, b = np.int32(POINTS).T
    assert ms.vmap(f)(a, b).tolist() == wanted, text


def test_loop_that_leaves_in_its_first_round():
    def f(a, b):
        i = 0
        while i < 6 and a > 1:
            i += 1
            return b * 2
        return a

    jitted = ms.jit(f)
    assert [int(jitted(*p)) for p in POINTS] == [f(*p) for p in POINTS]


def test_long_loop_that_leaves_in_its_first_round_whatever_happens():
    """Its flags of `break` and `return` are carried as one."""

    def f(a, b):
        for p in range(100):
            a = a * 2 + p
            return a if a > b else p - b
        return 0

    jitted = ms.jit(f)
    assert [int(jitted(*p)) for p in POINTS] == [f(*p) for p in POINTS]
