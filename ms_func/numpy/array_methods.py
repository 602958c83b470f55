"""Operators and methods of arrays and traced values, attached in one table.

`Array` lives in `execution` and `Tracer` in `tracing`, below the functions that give their
operators a meaning. `attach` puts those functions on both classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.execution.array import Array
from ms_func.numpy import arithmetic, elementwise, logic
from ms_func.numpy.promotion import HANDLES, SCALARS
from ms_func.tracing.tracer import Tracer

_OPERANDS = HANDLES | SCALARS


def _forward(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Operator method `self op other`."""

    def method(self: Any, other: Any) -> Any:
        if type(other) in _OPERANDS or _is_operand(other):
            return function(self, other)
        return NotImplemented

    return method


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Operator method `other op self`."""

    def method(self: Any, other: Any) -> Any:
        if type(other) in _OPERANDS or _is_operand(other):
            return function(other, self)
        return NotImplemented

    return method


def _is_operand(x: Any) -> bool:
    """Whether an operator takes `x` itself instead of leaving it to `x`'s own operator."""
    return isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)) or hasattr(
        x, "__jax_array__"
    )


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "divmod": arithmetic.divmod,
    "pow": arithmetic.power,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.left_shift,
    "rshift": logic.right_shift,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": logic.equal,
    "ne": logic.not_equal,
    "lt": logic.less,
    "le": logic.less_equal,
    "gt": logic.greater,
    "ge": logic.greater_equal,
}
_UNARY: dict[str, Callable[..., Any]] = {
    "__neg__": arithmetic.negative,
    "__pos__": arithmetic.positive,
    "__abs__": elementwise.abs,
    "__invert__": logic.bitwise_not,
    "__round__": elementwise.round,
    "conj": elementwise.conjugate,
    "conjugate": elementwise.conjugate,
    "round": elementwise.round,
    "clip": arithmetic.clip,
}
_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "real": elementwise.real,
    "imag": elementwise.imag,
}


def attach() -> None:
    """Put the operators and methods on `Array` and `Tracer`."""
    table: dict[str, Any] = dict(_UNARY)
    for name, function in _BINARY.items():
        table[f"__{name}__"] = _forward(function)
        table[f"__r{name}__"] = _reflected(function)
    table.update({f"__{name}__": _forward(f) for name, f in _COMPARISONS.items()})
    table.update({name: property(f) for name, f in _PROPERTIES.items()})
    table["__array_priority__"] = 100
    for cls in (Array, Tracer):
        for name, member in table.items():
            setattr(cls, name, member)
