"""`jax.core`: what is left of it in public: types of values, traced values, programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ms_func.compat import programs
from ms_func.compat.jax.errors import (
    InconclusiveDimensionOperation as InconclusiveDimensionOperation,
)
from ms_func.compat.programs import eval_jaxpr
from ms_func.compat.rules import ClosedJaxpr
from ms_func.execution.array import Array
from ms_func.execution.eager import ensure_compile_time_eval
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing import tracer
from ms_func.tracing.known import PLAIN, level
from ms_func.tracing.tracer import Staging

__all__ = [
    "AbstractValue", "Atom", "ClosedJaxpr", "DropVar", "Jaxpr", "ParamDict", "ShapedArray",
    "Trace", "Tracer", "Value", "ensure_compile_time_eval", "eval_context", "eval_jaxpr",
    "find_top_trace", "is_constant_dim", "is_constant_shape", "max_dim", "min_dim",
    "pytype_aval_mappings", "trace_state_clean", "valid_jaxtype",
]  # fmt: skip

AbstractValue = ShapedArray = ArrayType
pytype_aval_mappings: dict[type, Any] = {np.ndarray: typeof, Array: typeof}
"""Where libraries enter classes of arrays of their own; whatever has `__array__` is taken here."""
Trace = Staging
Atom = Var | Literal
Value = Any
ParamDict = dict[str, Any]
eval_context = ensure_compile_time_eval


class _Unknown(type):
    """Instances are traced values, but for those that Python may ask for what they hold."""

    def __instancecheck__(cls, x: Any) -> bool:
        return type(x) is tracer.Tracer and not (x.recorder.at_once and level(x) <= PLAIN)

    def __getattr__(cls, name: str) -> Any:
        return getattr(tracer.Tracer, name)

    def __subclasscheck__(cls, other: type) -> bool:
        return other is tracer.Tracer or type.__subclasscheck__(cls, other)


class Tracer(metaclass=_Unknown):
    """Class of values that are known only when the program runs.

    Where JAX computes at once under `vmap` or `grad`, a value is recorded here and computed when
    Python asks for it; such a value does not count as an instance.
    """


class _Recorded(type):
    """A program without constants of its own, whoever made it."""

    def __instancecheck__(cls, x: Any) -> bool:
        return type(x) is Function

    def __call__(
        cls, constvars: Sequence[Var], invars: Sequence[Var], outvars: Sequence[Atom],
        eqns: Sequence[Eqn], effects: Any = frozenset(), debug_info: Any = None, **unused: Any,
    ) -> Function:  # fmt: skip
        """A program of the given equations."""
        return Function("jaxpr", (), eqns, outvars).replace(
            constvars=constvars, invars=invars, debug_info=debug_info
        )


class Jaxpr(metaclass=_Recorded):
    """Class of programs; calling it makes one."""


class DropVar:
    """Class of results that nobody uses; here they are variables as all others."""


def valid_jaxtype(x: Any) -> bool:
    """Whether `x` is an array or a number."""
    try:
        typeof(x)
    except (TypeError, ValueError):
        return False
    return True


def find_top_trace(xs: Any) -> Any:
    """The recording that values belong to, the innermost if to several; else the one in force."""
    found = [x.recorder for x in xs if type(x) is tracer.Tracer]
    deep = [(sum(1 for _ in _outward(t)), i) for i, t in enumerate(found)]
    return found[max(deep)[1]] if found else current.interpreter


def _outward(trace: Any) -> Iterator[Any]:
    while type(trace) is Staging:
        yield trace
        trace = trace.outer


def is_constant_dim(d: Any) -> bool:
    """Whether a length is a number, and no name."""
    return isinstance(d, int)


def is_constant_shape(s: Sequence[Any]) -> bool:
    """Whether all lengths are numbers."""
    return all(map(is_constant_dim, s))


def trace_state_clean() -> bool:
    """Whether nothing is being recorded."""
    return type(current.interpreter) is not Staging


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(programs, name)


def max_dim(d1: int, d2: int) -> int:
    """The larger of two lengths."""
    return max(d1, d2)


def min_dim(d1: int, d2: int) -> int:
    """The smaller of two lengths."""
    return min(d1, d2)
