"""`jax.core`: what is left of it in public: types of values, traced values, programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.api.programs import apply
from ms_func.compat.rules import ClosedJaxpr
from ms_func.execution.eager import ensure_compile_time_eval
from ms_func.ir.function import Function, Literal, Var
from ms_func.ir.types import ArrayType
from ms_func.tracing.tracer import Staging, Tracer

__all__ = ["AbstractValue", "Atom", "ClosedJaxpr", "DropVar", "Jaxpr", "ShapedArray", "Trace",
           "Tracer", "Value", "ensure_compile_time_eval", "eval_jaxpr", "max_dim", "min_dim",
           "valid_jaxtype"]  # fmt: skip

AbstractValue = ShapedArray = ArrayType
Trace = Staging
Jaxpr = Function
Atom = Var | Literal
Value = Any


class DropVar:
    """Class of results that nobody uses; here they are variables as all others."""


def eval_jaxpr(jaxpr: Function, consts: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
    """Results of a program on the given arguments; `consts` for what it closes over."""
    bare = Function(jaxpr.name, jaxpr.params, jaxpr.eqns, jaxpr.results)
    return apply(bare, [*args, *consts])


def valid_jaxtype(x: Any) -> bool:
    """Whether `x` is an array or a number."""
    from ms_func.ir.types import typeof

    try:
        typeof(x)
    except (TypeError, ValueError):
        return False
    return True


def max_dim(d1: int, d2: int) -> int:
    """The larger of two lengths."""
    return max(d1, d2)


def min_dim(d1: int, d2: int) -> int:
    """The smaller of two lengths."""
    return min(d1, d2)
