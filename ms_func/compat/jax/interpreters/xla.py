"""`jax.interpreters.xla`: tables in which libraries enter classes of arrays of their own.

Whatever has `__array__` is taken here, so nothing reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.compat.jax.core import pytype_aval_mappings
from ms_func.compat.rules import apply_primitive
from ms_func.execution.array import Array
from ms_func.numpy import asarray

__all__ = ["apply_primitive", "canonicalize_dtype_handlers", "pytype_aval_mappings"]

canonicalize_dtype_handlers: dict[type, Callable[..., Any]] = {np.ndarray: asarray, Array: asarray}
