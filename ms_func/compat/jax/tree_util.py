"""`jax.tree_util`: what libraries look at behind its public functions."""

from __future__ import annotations

from typing import Any

from ms_func import tree

__all__: list[str] = []


class _Registry:
    """The types that are containers, as a collection."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, type) and (kind is type(None) or tree.is_tree_node(kind))


_registry: Any = _Registry()
