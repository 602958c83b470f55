"""What is known of a value before the program runs: shape, dtype, weakness, sharding.

Types are interned: two types are equal exactly when they are the same object, so every
cache of the system keys on them by identity.
"""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

float0 = np.dtype([("float0", np.void, 0)])
"""The tangent dtype of integers and booleans: their tangent space has no dimension."""

_SHORT = {
    "float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c",
}  # fmt: skip
_LONG = {short: long for long, short in _SHORT.items()}

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
        found = object.__new__(ArrayType)
        found.shape, found.dtype, found.weak_type, found.sharding = canonical
        found.ndim, found.size = len(shape), math.prod(shape)
        found = _interned.setdefault(canonical, found)
    if all(type(d) is int for d in key[0]):
        _interned[key] = found
    return found


def is_inexact(dtype: np.dtype) -> bool:
    """Whether `dtype` is a floating or complex type, those of ml_dtypes included."""
    if dtype.kind in "fc":
        return True
    return dtype.kind == "V" and dtype != float0 and dtype in _EXTENDED_FLOATS


_EXTENDED_FLOATS = frozenset(
    np.dtype(getattr(ml_dtypes, name))
    for name in dir(ml_dtypes)
    if name.startswith(("float", "bfloat")) and isinstance(getattr(ml_dtypes, name), type)
)
_EXTENDED = {np.dtype(getattr(ml_dtypes, n)).name: np.dtype(getattr(ml_dtypes, n))
             for n in dir(ml_dtypes) if n[:3] in ("flo", "bfl", "int", "uin")
             and isinstance(getattr(ml_dtypes, n), type)}  # fmt: skip


def dtype_name(dtype: np.dtype) -> str:
    """Short name of a dtype as the text form prints it: `f32`, `bf16`, `i8`, `bool`."""
    if dtype == float0:
        return "float0"
    name = dtype.name
    stem = name.rstrip("0123456789")
    return _SHORT[stem] + name[len(stem) :] if stem in _SHORT else name


def parse_dtype(name: str) -> np.dtype:
    """Inverse of `dtype_name`."""
    if name == "float0":
        return float0
    stem = name.rstrip("0123456789")
    long = _LONG[stem] + name[len(stem) :] if stem in _LONG else name
    return _EXTENDED[long] if long in _EXTENDED else np.dtype(long)
