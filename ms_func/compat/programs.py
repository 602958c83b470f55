"""Programs as data under JAX's names: what `jax.core` and `jax.extend.core` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ms_func.api.programs import apply
from ms_func.compat.rules import ClosedJaxpr, Primitive
from ms_func.errors import IRError
from ms_func.execution.array import Array
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.verify import verify

__all__ = [
    "ClosedJaxpr", "DebugInfo", "Effect", "Effects", "JaxprEqn", "JaxprTypeError", "Literal",
    "Primitive", "Var", "array_types", "check_jaxpr", "concrete_or_error", "eval_jaxpr", "gensym",
    "get_aval", "get_opaque_trace_state", "jaxpr_as_fun", "jaxprs_in_params", "mapped_aval",
    "new_jaxpr_eqn", "no_effects", "primal_dtype_to_tangent_dtype", "set_current_trace",
    "subjaxprs", "take_current_trace", "unmapped_aval",
]  # fmt: skip


class DebugInfo(NamedTuple):
    """What a function, its arguments and its results are called, for messages.

    Attributes:
        traced_for: the transform that recorded it.
        func_src_info: its name, and where it stands if that is known.
        arg_names: one name for each array of the arguments; None where unknown.
        result_paths: one for each array of the result; None where unknown.
    """

    traced_for: str
    func_src_info: str
    arg_names: tuple[str, ...] | None = None
    result_paths: tuple[str, ...] | None = None

    @property
    def func_name(self) -> str:
        """Name of the function."""
        return self.func_src_info.partition(" at ")[0]

    @property
    def func_filename(self) -> str | None:
        """File that it stands in."""
        return self.func_src_info.partition(" at ")[2].rpartition(":")[0] or None

    @property
    def func_lineno(self) -> int | None:
        """Line that it begins on."""
        line = self.func_src_info.partition(" at ")[2].rpartition(":")[2]
        return int(line) if line else None


class Effect:
    """Base class of effects that libraries define. Programs here have those of the engine."""


Effects = frozenset
no_effects: frozenset[Any] = frozenset()
get_aval = typeof
JaxprEqn = Eqn
JaxprTypeError = IRError
array_types = {Array, np.ndarray, np.generic}
check_jaxpr = verify


def gensym(suffix: str = "") -> Callable[[ArrayType], Var]:
    """Function that makes a new variable of a type; names are given when a program is printed."""
    return Var


def eval_jaxpr(jaxpr: Function, consts: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
    """Results of a program on the given arguments; `consts` for what it closes over."""
    bare = Function(jaxpr.name, jaxpr.params, jaxpr.eqns, jaxpr.results)
    return apply(bare, [*args, *consts])


def jaxpr_as_fun(closed_jaxpr: Any) -> Callable[..., list[Any]]:
    """A program as a function of arrays giving a list."""
    return lambda *args: eval_jaxpr(closed_jaxpr.jaxpr, closed_jaxpr.consts, *args)


def jaxprs_in_params(params: dict[str, Any]) -> Iterator[Function]:
    """Programs among the parameters of an equation."""
    for value in params.values():
        for item in value if isinstance(value, tuple) else (value,):
            if type(item) is Function:
                yield item


def subjaxprs(jaxpr: Function) -> Iterator[Function]:
    """Programs among the parameters of the equations of a program."""
    for eqn in jaxpr.eqns:
        yield from jaxprs_in_params(eqn.params)


def new_jaxpr_eqn(
    invars: Any, outvars: Any, primitive: Any, params: dict[str, Any], *args: Any, **options: Any
) -> Eqn:
    """One application of a primitive."""
    return Eqn(primitive, tuple(invars), tuple(outvars), params, None)


def mapped_aval(size: int, axis: int | None, aval: ArrayType) -> ArrayType:
    """Type of one lane of a value batched along `axis`."""
    if axis is None:
        return aval
    if aval.shape[axis] != size:
        raise ValueError(f"{aval} has no dimension {axis} of size {size}")
    return aval.without_dimension(axis)


def unmapped_aval(
    size: int, axis: int | None, aval: ArrayType, *args: Any, **options: Any
) -> ArrayType:
    """Type of a value with `size` lanes along a new dimension `axis`."""
    if axis is None:
        return aval
    return aval.with_dimension(axis, size)


def primal_dtype_to_tangent_dtype(primal_dtype: Any) -> Any:
    """Dtype of derivatives of values of a dtype."""
    return ArrayType((), np.dtype(primal_dtype)).tangent.dtype


def concrete_or_error(force: Any, val: Any, context: str = "") -> Any:
    """`force(val)`, where `val` is known.

    Raises:
        TypeError: it is known only at run time (a ConcretizationTypeError).
    """
    return val if force is None else force(val)


class OpaqueTraceState:
    """Stands for the transforms under way; equal as long as they are the same."""

    __slots__ = ("_interpreter",)

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpaqueTraceState) and self._interpreter is other._interpreter

    def __hash__(self) -> int:
        return id(self._interpreter)


def get_opaque_trace_state(convention: str = "") -> OpaqueTraceState:
    """The transforms under way in this thread, for comparison."""
    return OpaqueTraceState(current.interpreter)


@contextmanager
def take_current_trace() -> Iterator[Any]:
    """The interpreter in force, which a block may replace by `set_current_trace`."""
    yield current.interpreter


@contextmanager
def set_current_trace(trace: Any) -> Iterator[Any]:
    """Apply primitives by `trace` in a block."""
    outer, current.interpreter = current.interpreter, trace
    try:
        yield trace
    finally:
        current.interpreter = outer
