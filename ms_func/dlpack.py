"""Exchange of arrays with other libraries by DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.numpy import from_dlpack as _from_dlpack

__all__ = ["from_dlpack", "is_supported_dtype"]
__dir__ = __all__.copy

_NAMES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bfloat16",
     "float16", "float32", "float64", "complex64", "complex128")
)  # fmt: skip


def from_dlpack(external_array: Any, device: Any = None, copy: bool | None = None) -> Any:
    """Array of another library as an array, by DLPack."""
    return _from_dlpack(external_array, device=device, copy=copy)


def is_supported_dtype(dtype: Any) -> bool:
    """Whether arrays of a dtype can be exchanged."""
    return np.dtype(dtype).name in _NAMES
