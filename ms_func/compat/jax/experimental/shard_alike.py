"""`jax.experimental.shard_alike`."""

from __future__ import annotations

from typing import Any

from ms_func.ir.types import typeof

__all__ = ["shard_alike"]


def shard_alike(x: Any, y: Any) -> tuple[Any, Any]:
    """Both arrays; that they be split alike is left to the planner.

    Raises:
        ValueError: their shapes differ.
    """
    shapes = typeof(x).shape, typeof(y).shape
    if shapes[0] != shapes[1]:
        raise ValueError(f"shard_alike takes arrays of one shape, got {shapes[0]} and {shapes[1]}")
    return x, y
