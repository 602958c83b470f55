"""`jax.numpy`: what calls of it may say beyond the signatures of `ms_func.numpy`."""

from __future__ import annotations

from typing import Any

from ms_func import lax as _lax
from ms_func.numpy import einsum as _einsum

__all__ = ["einsum"]


def einsum(subscripts: Any, /, *operands: Any, _dot_general: Any = None, **options: Any) -> Any:
    """`ms_func.numpy.einsum`; libraries name the product that it would use anyway.

    Raises:
        NotImplementedError: another product is asked for.
    """
    if _dot_general not in (None, _lax.dot_general):
        raise NotImplementedError("einsum has no `_dot_general` but lax.dot_general")
    return _einsum(subscripts, *operands, **options)
