"""Symbolic zeros: tangents and cotangents that are known to vanish cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import float0
from ms_func.ir.axes import Axes
from ms_func.ir.function import Literal
from ms_func.ir.primitive import Zero
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add_p
from ms_func.primitives.collective import pvary_p
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.primitives.sharding import constrained


def zeros(type: ArrayType) -> Any:
    """A value of zeros of the given type; of `float0` a NumPy array, which holds nothing."""
    if type.dtype == float0:
        return np.zeros(type.shape, float0)
    scalar = Literal(0, ArrayType((), type.dtype, type.weak_type))
    if type.shape == ():
        return scalar
    full = broadcast_in_dim(scalar, type.shape, ())
    if type.explicit is not None:
        full = constrained(full, type.explicit)
    return pvary_p.bind(full, axes=Axes(sorted(type.vma, key=str))) if type.vma else full


def is_live(xs: Iterable[Any]) -> tuple[bool, ...]:
    """Which tangents or cotangents are not symbolic zeros."""
    return tuple([type(x) is not Zero for x in xs])


def nonzeros(xs: Iterable[Any]) -> list[Any]:
    """Those that are not symbolic zeros: the operands of a program that is only given these."""
    return [x for x in xs if type(x) is not Zero]


def with_zeros(mask: Sequence[bool], given: Iterable[Any], types: Sequence[ArrayType]) -> list[Any]:
    """Inverse of `nonzeros`: a tangent for each type of a value, zero where the mask is false."""
    rest = iter(given)
    return [next(rest) if m else Zero(t.tangent) for m, t in zip(mask, types, strict=True)]


def instantiate(x: Any) -> Any:
    """`x`, or zeros where `x` is a symbolic zero.

    Args:
        x: array, traced value, or `Zero`.

    Example:
        >>> ms.extend.instantiate(ms.extend.Zero(ms.typeof(np.ones(2)))).tolist()
        [0.0, 0.0]
    """
    return zeros(x.type) if type(x) is Zero else x


def add(x: Any, y: Any) -> Any:
    """Sum of two tangents or cotangents either of which may be zero or missing."""
    if x is None or type(x) is Zero:
        return y
    if y is None or type(y) is Zero:
        return x
    return add_p.bind(x, y)
