"""Types for annotations: what functions take for an array, for a dtype, for a shape."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from ms_func.execution.array import Array as Array
from ms_func.numpy.promotion import ArrayLike as ArrayLike

__all__ = ["Array", "ArrayLike", "DTypeLike", "PyTree", "Shape", "SupportsDType"]
__dir__ = __all__.copy


@runtime_checkable
class SupportsDType(Protocol):
    """Anything with a `dtype`.

    Example:
        >>> isinstance(np.zeros(3), SupportsDType), isinstance(3.0, SupportsDType)
        (True, False)
    """

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        ...


DTypeLike: TypeAlias = str | type[Any] | np.dtype | SupportsDType
Shape: TypeAlias = tuple[int, ...]
PyTree: TypeAlias = Any
