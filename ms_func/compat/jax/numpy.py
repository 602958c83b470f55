"""`jax.numpy`: what calls of it may say beyond the signatures of `ms_func.numpy`."""

from __future__ import annotations

from typing import Any

import ml_dtypes as _ml_dtypes
import numpy as _np

from ms_func import lax as _lax
from ms_func.numpy import einsum as _einsum
from ms_func.numpy import finfo as _finfo

__all__ = ["einsum", "finfo"]


class finfo(_ml_dtypes.finfo):
    """`ms_func.numpy.finfo` whose numbers are scalars of the dtype, as in JAX."""

    def __new__(cls, dtype: Any) -> Any:
        """The limits that ml_dtypes, or NumPy, knows."""
        return _ml_dtypes.finfo(_np.dtype(_finfo(dtype).dtype))


def einsum(subscripts: Any, /, *operands: Any, _dot_general: Any = None, **options: Any) -> Any:
    """`ms_func.numpy.einsum`; libraries name the product that it would use anyway.

    Raises:
        NotImplementedError: another product is asked for.
    """
    if _dot_general not in (None, _lax.dot_general):
        raise NotImplementedError("einsum has no `_dot_general` but lax.dot_general")
    return _einsum(subscripts, *operands, **options)
