"""The table of kernels, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node

Array = np.ndarray
KERNELS: dict[str, Callable[..., Any]] = {}


def kernel(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the kernel of operators."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            KERNELS[name] = function
        return function

    return register


def elementwise(name: str, function: Callable[..., Any]) -> None:
    """Register `function(node, *xs)`; 16-bit floats are computed in float32 and rounded once."""

    @kernel(name)
    def run(node: Node, *xs: Array) -> Array:
        same(*xs)
        wide = [x.astype(np.float32) if half(x) else x for x in xs]
        return np.asarray(function(node, *wide)).astype(xs[0].dtype, copy=False)


def sigmoid(x: Array) -> Array:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def half(x: Array) -> bool:
    """Whether `x` holds 16-bit floats."""
    return x.dtype.itemsize == 2 and x.dtype.kind in "fV"


def same(*xs: Array) -> None:
    """Check that operands have one dtype."""
    if len({x.dtype for x in xs}) != 1:
        raise ValueError("operands of different dtypes")
