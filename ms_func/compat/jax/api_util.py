"""`jax.api_util`: the little of it that libraries use."""

from __future__ import annotations

from typing import Any

from ms_func import tree
from ms_func.ir.types import typeof

__all__ = ["flatten_axes", "safe_map", "shaped_abstractify"]

shaped_abstractify = typeof


def safe_map(f: Any, *args: Any) -> list[Any]:
    """`list(map(f, *args))` of sequences that must be equally long."""
    columns = [list(a) for a in args]
    if len({len(c) for c in columns}) > 1:
        raise AssertionError(f"length mismatch: {[len(c) for c in columns]}")
    return list(map(f, *columns))


def flatten_axes(name: str, treedef: Any, axis_tree: Any, **options: Any) -> list[Any]:
    """Leaves of `axis_tree`, a prefix of a tree of structure `treedef`, repeated."""
    full = treedef.unflatten([0] * treedef.num_leaves)
    return tree.broadcast_prefix(axis_tree, full, lambda x: x is None)
