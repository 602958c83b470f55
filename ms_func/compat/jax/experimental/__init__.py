"""`jax.experimental`: names that stand in the package itself."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import float0, is_inexact

__all__ = ["disable_x64", "enable_x64", "primal_tangent_dtype"]


def enable_x64(new_val: bool = True) -> AbstractContextManager[None]:
    """Within a `with` block, 64-bit dtypes are on (or off)."""
    return config.x64(bool(new_val))


def disable_x64() -> AbstractContextManager[None]:
    """Within a `with` block, 64-bit dtypes are off."""
    return config.x64(False)


def primal_tangent_dtype(primal_dtype: Any, tangent_dtype: Any = None, name: Any = None) -> Any:
    """Dtype of derivatives of values of a dtype."""
    found = np.dtype(primal_dtype)
    return found if is_inexact(found) else float0
