"""What is known of a value before the program runs: shape, dtype, weakness, sharding.

Types are interned: two types are equal exactly when they are the same object, so every
cache of the system keys on them by identity.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.config import x64
from ms_func.dtypes import (
    TABLES,
    canonicalize_dtype,
    dtype_name,
    float0,
    is_inexact,
    type_of_value,
)
from ms_func.errors import SizeError

_interned: dict[tuple[Any, ...], ArrayType] = {}


class ArrayType:
    """Type of an array: `shape`, `dtype`, `weak_type`, and a `sharding` when one is fixed.

    A weak type is that of a Python scalar: it gives way to the dtype of the other operand.
    The attributes are those that the runtime's C++ side reads from an abstract value.

    Example:
        >>> ArrayType((2, 3), "float32") is ArrayType((2, 3), np.float32)
        True
    """

    __slots__ = ("__weakref__", "dtype", "ndim", "shape", "sharding", "size", "weak_type")

    shape: tuple[int, ...]
    dtype: np.dtype
    weak_type: bool
    sharding: Any

    def __new__(
        cls, shape: tuple[int, ...], dtype: Any, weak_type: bool = False, sharding: Any = None
    ) -> ArrayType:
        """Return the one object that stands for this type."""
        key = (shape, dtype, weak_type, sharding)
        try:
            return _interned[key]
        except KeyError:
            return _intern(key)
        except TypeError:  # a list as shape
            return cls(tuple(shape), dtype, weak_type, sharding)

    def update(self, **changes: Any) -> ArrayType:
        """Return the same type with some fields replaced."""
        fields = {"shape": self.shape, "dtype": self.dtype, "weak_type": self.weak_type,
                  "sharding": self.sharding}  # fmt: skip
        fields.update(changes)
        return ArrayType(**fields)

    @property
    def tangent(self) -> ArrayType:
        """Type of a derivative in direction of this value: `float0` for discrete dtypes."""
        if is_inexact(self.dtype):
            return self if self.sharding is None else self.update(sharding=None)
        return ArrayType(self.shape, float0)

    @property
    def vma(self) -> frozenset[Any]:
        """Axes of a region of manual computation along which devices may hold different values."""
        return frozenset()

    @property
    def nbytes(self) -> int:
        """Bytes of one dense copy."""
        return self.size * self.dtype.itemsize

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.shape, self.dtype, self.weak_type, self.sharding)

    def __copy__(self) -> ArrayType:
        return self

    def __deepcopy__(self, memo: Any) -> ArrayType:
        return self

    def __str__(self) -> str:
        dims = ",".join(map(str, self.shape))
        weak = "*" if self.weak_type else ""
        at = f"@{self.sharding}" if self.sharding is not None else ""
        return f"{dtype_name(self.dtype)}{weak}[{dims}]{at}"

    __repr__ = __str__


def _intern(key: tuple[Any, ...]) -> ArrayType:
    """Canonicalise the fields, then find or make the type; both spellings are remembered."""
    shape, dtype, weak_type, sharding = key
    shape = tuple(int(d) for d in shape)
    dtype = np.dtype(dtype)
    canonical = (shape, dtype, bool(weak_type), sharding)
    found = _interned.get(canonical)
    if found is None:
        _check_size(shape, dtype)
        found = object.__new__(ArrayType)
        found.shape, found.dtype, found.weak_type, found.sharding = canonical
        found.ndim, found.size = len(shape), math.prod(shape)
        found = _interned.setdefault(canonical, found)
    if all(type(d) is int for d in key[0]):
        _interned[key] = found
    return found


_LARGEST = 2**63 - 1


def _check_size(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse sizes that the runtime cannot count: it would end the process."""
    if math.prod([d for d in shape if d]) * dtype.itemsize > _LARGEST:
        raise SizeError(
            f"an array of shape {shape} and dtype {dtype.name} would have "
            f"{math.prod(shape):.3g} elements, more than 64 bits can count the bytes of\n"
            "fix: use smaller dimensions; a dimension may have been multiplied in twice"
        )


_scalar_types = {
    mode: {kind: ArrayType((), dtype, kind is not bool) for kind, dtype in table.items()}
    for mode, table in TABLES.items()
}


def typeof(x: Any) -> ArrayType:
    """Type of an array, a traced value, a NumPy array or a Python scalar.

    Raises:
        TypeError: `x` is not a number or an array of numbers.
    """
    found = _scalar_types[x64.value].get(type(x))
    if found is not None:
        return found
    found = getattr(x, "type", None)
    if type(found) is ArrayType:
        return found
    dtype, weak = type_of_value(x)
    if dtype.kind in "OSUM":
        raise TypeError(f"{x!r} of type {type(x).__name__} is not a number or an array of numbers")
    return ArrayType(np.shape(x), dtype, weak)


class ShapeDtypeStruct:
    """Shape, dtype and placement of an array that need not exist: for `eval_shape` and `lower`.

    Example:
        >>> ShapeDtypeStruct((2, 3), "float32")
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("sharding", "type")

    def __init__(
        self, shape: Any, dtype: Any, *, sharding: Any = None, weak_type: bool = False
    ) -> None:
        if dtype is None:
            raise ValueError("ShapeDtypeStruct: dtype must be specified.")
        self.type = ArrayType(tuple(shape), canonicalize_dtype(dtype), weak_type)
        self.sharding = sharding

    shape = property(lambda self: self.type.shape)
    dtype = property(lambda self: self.type.dtype)
    ndim = property(lambda self: self.type.ndim)
    size = property(lambda self: self.type.size)
    weak_type = property(lambda self: self.type.weak_type)

    def update(self, **changes: Any) -> ShapeDtypeStruct:
        """Return the same description with some fields replaced."""
        fields = {"shape": self.shape, "dtype": self.dtype, "sharding": self.sharding,
                  "weak_type": self.weak_type}  # fmt: skip
        return ShapeDtypeStruct(**{**fields, **changes})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShapeDtypeStruct)
            and self.type is other.type
            and self.sharding == other.sharding
        )

    def __hash__(self) -> int:
        return hash((self.type, self.sharding))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        at = f", sharding={self.sharding}" if self.sharding is not None else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak}{at})"
