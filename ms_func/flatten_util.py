"""Trees of arrays as one vector."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.dtypes import result_type
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof

__all__ = ["ravel_pytree"]
__dir__ = __all__.copy


def ravel_pytree(pytree: Any) -> tuple[Array, Callable[[Array], Any]]:
    """All elements of a tree in one dimension, and the way back.

    Args:
        pytree: tree of arrays.

    Returns:
        A vector of the dtype that the leaves promote to, and a function from vectors of its
        length and dtype to trees of the structure, shapes and dtypes of `pytree`. Where all
        leaves are of one dtype the function takes vectors of any, and gives trees of that dtype.

    Raises:
        ValueError: the vector given to the returned function has another length.
        TypeError: it has another dtype, and the leaves are of several.

    Example:
        >>> flat, unravel = ravel_pytree({"a": np.zeros((2, 2)), "b": np.ones(1)})
        >>> flat.shape, unravel(flat)["a"].shape
        ((5,), (2, 2))
    """
    leaves, structure = tree.flatten(pytree)
    if not leaves:
        return np.zeros(0, onp.float32), lambda flat: tree.unflatten(structure, [])
    types = [typeof(x) for x in leaves]
    dtype = result_type(*(t.dtype for t in types))
    alike = all(t.dtype == dtype for t in types)
    flat = np.concatenate([np.ravel(np.asarray(x, dtype)) for x in leaves])
    starts = onp.cumsum([t.size for t in types])[:-1].tolist()

    def unravel(vector: Array) -> Any:
        if np.shape(vector) != flat.shape:
            raise ArgumentValueError(
                f"unravel function given array of shape {np.shape(vector)}, but expected shape "
                f"{flat.shape}"
            )
        if not alike and np.asarray(vector).dtype != dtype:
            raise ArgumentTypeError(
                f"unravel function given array of dtype {np.asarray(vector).dtype}, but expected "
                f"dtype {dtype}"
            )
        parts = np.split(np.asarray(vector), starts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # complex leaves beside real ones lose nothing
            found = [np.reshape(p, t.shape) for p, t in zip(parts, types, strict=True)]
            if not alike:
                found = [x.astype(t.dtype) for x, t in zip(found, types, strict=True)]
        return tree.unflatten(structure, found)

    return flat, unravel
