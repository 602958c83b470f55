"""Small helpers of the tests of control flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.ir.function import Function
from ms_func.ir.types import typeof
from ms_func.tracing.stage import stage
from tests.support.operations import lax


def program(fun: Callable[..., Any], *args: Any) -> Function:
    """The program that `fun` records, for a look at its equations."""
    return stage(lambda xs: fun(*xs), [typeof(a) for a in args], name="f").fn


def names(fn: Function) -> list[str]:
    """Names of the operations of a program, nested ones not included."""
    return [e.primitive.name for e in fn.eqns]


def total(x: Any) -> Any:
    """Sum of all elements."""
    return lax.reduce_sum(x, tuple(range(typeof(x).ndim)))
