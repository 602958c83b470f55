"""Random programs of ms_func and their gradients: the translation means what XLA computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
from ms_func import tree
from ms_func_ascend import simulate
from tests.support.ascend import read_back
from tests.support.programs import Program, moderate, programs


def check_program(program: Program, seed: int, gradient: bool) -> None:
    """A program, or value and gradient of the sum of its results, exported, read back and run."""
    arguments = program.arguments(seed)
    call: Any = program
    if gradient:
        places = tuple(range(len(arguments)))
        call = ms.value_and_grad(program.scalar, argnums=places) if places else program.scalar
    want = [np.asarray(v) for v in tree.leaves(ms.jit(call)(*arguments))]
    if not moderate(want):
        return
    got = simulate(read_back(ms.export(call, *arguments, backend="ascend")), arguments)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-9)


KINDS = st.one_of(programs(kinks=True), programs(control=True))


@given(KINDS, st.integers(0, 9), st.booleans())
@settings(max_examples=15)
def test_random_programs(program: Program, seed: int, gradient: bool) -> None:
    check_program(program, seed, gradient)


@pytest.mark.slow
@given(KINDS, st.integers(0, 9), st.booleans())
@settings(max_examples=300)
def test_many_random_programs(program: Program, seed: int, gradient: bool) -> None:
    check_program(program, seed, gradient)
