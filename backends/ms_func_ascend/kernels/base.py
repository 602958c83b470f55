"""The table of kernels, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
KERNELS: dict[str, Callable[..., Any]] = {}


def kernel(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the kernel of operators."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            KERNELS[name] = function
        return function

    return register


def half(x: Array) -> bool:
    """Whether `x` holds 16-bit floats."""
    return x.dtype.itemsize == 2 and x.dtype.kind in "fV"


def same(*xs: Array) -> None:
    """Check that operands have one dtype."""
    if len({x.dtype for x in xs}) != 1:
        raise ValueError("operands of different dtypes")
