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
    """Array of another library as an array, by DLPack.

    Args:
        external_array: object with `__dlpack__` and `__dlpack_device__`.
        device: device of the result; None for where the elements lie.
        copy: True copies, False shares memory or raises, None shares where it can.

    Returns:
        Array of the shape and dtype of `external_array`.

    Raises:
        TypeError: the object cannot be exchanged.
        ValueError: sharing is asked for and not possible.

    Reference:
        Python array API standard, "Data interchange mechanisms".

    Example:
        >>> import numpy
        >>> ms.dlpack.from_dlpack(numpy.arange(3, dtype="int16"))
        Array([0, 1, 2], dtype=int16)
    """
    return _from_dlpack(external_array, device=device, copy=copy)


def is_supported_dtype(dtype: Any) -> bool:
    """Whether arrays of a dtype can be exchanged.

    Args:
        dtype: dtype, or a class or name of one.

    Example:
        >>> ms.dlpack.is_supported_dtype("bfloat16"), ms.dlpack.is_supported_dtype("float8_e5m2")
        (True, False)
    """
    return np.dtype(dtype).name in _NAMES
