"""`jax.dtypes`."""

from __future__ import annotations

from typing import Any

import numpy as np
from ml_dtypes import bfloat16, finfo, iinfo

from ms_func.dtypes import DEFAULTS, narrowed
from ms_func.errors import TypePromotionError

__all__ = ["TypePromotionError", "bfloat16", "canonicalize_dtype", "finfo", "iinfo",
           "itemsize_bits"]  # fmt: skip


def canonicalize_dtype(dtype: Any, allow_extended_dtype: bool = False) -> Any:
    """The dtype an array has that is asked to be of `dtype`: 64 bits are narrowed if off."""
    found = DEFAULTS.get(dtype) if isinstance(dtype, type) else None
    return narrowed(np.dtype(dtype)) if found is None else found


def itemsize_bits(dtype: Any) -> int:
    """Bits of one element of a dtype."""
    found = np.dtype(dtype)
    return iinfo(found).bits if found.name.startswith(("int", "uint")) else 8 * found.itemsize


class ExtendedDType:
    """Base class that libraries give to dtypes of their own; arrays here cannot have such."""


DType = np.dtype
