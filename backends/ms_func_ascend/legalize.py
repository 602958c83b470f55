"""Which dtype an operation is carried out in where the operator does not take its own."""

from __future__ import annotations

from functools import cache

import numpy as np

from ms_func_ascend.prototypes import BFLOAT16, accepts

_WIDER: dict[str, tuple[str, ...]] = {
    "bool": ("uint8", "int8", "int32"),
    "int8": ("int16", "int32", "int64"),
    "uint8": ("int16", "int32", "int64"),
    "int16": ("int32", "int64"),
    "uint16": ("int32", "int64"),
    "int32": ("int64",),
    "uint32": ("int64",),
    "float16": ("float32",),
    "bfloat16": ("float32",),
    "float32": ("float64",),
    "complex64": ("complex128",),
}
"""Dtypes that hold every value of a dtype exactly, the cheapest first."""


@cache
def carrier(op: str, port: str, dtype: np.dtype) -> np.dtype | None:
    """Cheapest dtype that operator `op` takes and that holds every value of `dtype`."""
    if accepts(op, port, dtype):
        return dtype
    for name in _WIDER.get(dtype.name, ()):
        wide = np.dtype(name)
        if accepts(op, port, wide):
            return wide
    return None


def holds(wide: np.dtype, dtype: np.dtype) -> bool:
    """Whether `wide` holds every value of `dtype` exactly."""
    wider = _WIDER.get(dtype.name, ())
    return wide.name in wider or any(holds(wide, np.dtype(name)) for name in wider)


def signed_twin(dtype: np.dtype) -> np.dtype:
    """Signed integer dtype of the same width."""
    return np.dtype(f"i{dtype.itemsize}")


def unsigned_twin(dtype: np.dtype) -> np.dtype:
    """Unsigned integer dtype of the same width."""
    return np.dtype(f"u{dtype.itemsize}")


def is_float(dtype: np.dtype) -> bool:
    """Whether `dtype` is a real floating type."""
    return dtype.kind == "f" or dtype == BFLOAT16


def accumulator(dtype: np.dtype) -> np.dtype:
    """Dtype in which sums of `dtype` are formed: 16-bit floats are summed in 32 bits."""
    return np.dtype(np.float32) if dtype in (np.dtype(np.float16), BFLOAT16) else dtype
