"""`jax.experimental.layout`: how elements lie in memory. Arrays here lie as the compiler wants."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Format", "Layout"]


class Layout(NamedTuple):
    """Order of the dimensions in memory.

    Attributes:
        major_to_minor: dimensions from the slowest to the fastest.
        tiling: sizes of tiles.
    """

    major_to_minor: tuple[int, ...]
    tiling: tuple[tuple[int, ...], ...] | None = None


class Format(NamedTuple):
    """A layout and a sharding. Only the sharding can be asked for: take `format.sharding`."""

    layout: Layout | None = None
    sharding: Any = None
