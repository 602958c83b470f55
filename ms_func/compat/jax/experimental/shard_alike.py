"""`jax.experimental.shard_alike`."""

from __future__ import annotations

from typing import Any

from ms_func.errors import ShapeError
from ms_func.ir.types import typeof

__all__ = ["shard_alike"]


def shard_alike(x: Any, y: Any) -> tuple[Any, Any]:
    """Both values, with the wish that they lie alike. The partitioner decides by itself here.

    Raises:
        ValueError: the shapes differ.
    """
    if typeof(x).shape != typeof(y).shape:
        raise ShapeError(
            f"shard_alike takes values of one shape, got {typeof(x).shape} and {typeof(y).shape}"
        )
    return x, y
