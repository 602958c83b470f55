"""`jax.experimental.layout`: how elements lie in memory. Arrays here lie as the compiler wants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func import tree
from ms_func.errors import ShapeError
from ms_func.ir.layout import Format, Layout

__all__ = ["Format", "Layout", "with_layout_constraint"]


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
