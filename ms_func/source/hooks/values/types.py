"""Values of slots: of what type they are, and how a Python number becomes one of that type."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.bodies import as_type
from ms_func.dtypes import is_inexact, join
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.source.hooks.heap.anatomy import SCALARS
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.values.nodes import Later
from ms_func.tracing.tracer import wide_kinds
from ms_func.transforms.zeros import zeros


def promoted(a: ArrayType, b: ArrayType) -> ArrayType | None:
    """Type of either value, None where shapes differ or dtypes have nothing in common."""
    if a is b:
        return a
    if a.shape != b.shape:
        return None
    try:
        dtype, weak = join(a.dtype, a.weak_type, b.dtype, b.weak_type)
    except TypeError:
        return None
    manual = a.varying(a.vma | b.vma).manual
    return ArrayType(a.shape, dtype, weak, manual, a.layout_with(b))


def materialized(value: Any, type: ArrayType) -> Any:
    """A column of a slot as a value of the slot's type, under the interpreter in force."""
    if value is UNDEFINED:
        return as_type(zeros(type.varying(frozenset())), type)
    if isinstance(value, Later):
        value = value.value()
    return converted(value, type)


def converted(value: Any, type: ArrayType) -> Any:
    """A number or array with the dtype of `type`."""
    if isinstance(value, SCALARS):
        value = _literal(value, type.varying(frozenset()))
    return as_type(value, type)


def _literal(value: Any, type: ArrayType) -> Any:
    """A Python number as a literal; integers that do not fit are an error."""
    if is_inexact(type.dtype) and isinstance(value, (bool, int)):
        value = float(value)
    elif type.dtype.kind in "iu":
        np.asarray(value, type.dtype)  # raises OverflowError
    return Literal(value, type)


def type_of(x: Any) -> ArrayType:
    """Type of a number or array. A Python number is as wide as the program's numbers.

    Weak types give way to any other, so that this only keeps digits of Python's own numbers.
    """
    t = typeof(x)
    if t.weak_type and isinstance(x, SCALARS) and t.dtype.kind in wide_kinds(current.interpreter):
        return ArrayType(t.shape, _DOUBLE[t.dtype.kind], True)
    return t


_DOUBLE = {"i": np.dtype(np.int64), "f": np.dtype(np.float64), "c": np.dtype(np.complex128)}
