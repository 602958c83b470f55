"""`jax.experimental.layout`: how elements lie in memory. Arrays here lie as the compiler wants."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.errors import ShapeError

__all__ = ["Format", "Layout", "with_layout_constraint"]


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


def with_layout_constraint(x: Any, layouts: Any) -> Any:
    """The values, with the wish that they lie so. The compiler decides by itself here.

    Args:
        x: arrays.
        layouts: a `Layout`, or a tree of them.

    Raises:
        ValueError: a layout has another number of dimensions than its array.
    """
    places = tree.broadcast_prefix(layouts, x, is_leaf=lambda n: isinstance(n, Layout))
    for layout, leaf in zip(places, tree.leaves(x), strict=True):
        if sorted(layout.major_to_minor) != list(range(np.ndim(leaf))):
            raise ShapeError(f"{layout} does not fit an array of shape {np.shape(leaf)}")
    return x
