"""`jax.tree_util`: what libraries look at behind its public functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import tree

__all__: list[str] = []


class _Entry(NamedTuple):
    """How values of one type are taken apart, and put together from structure and children."""

    to_iter: Callable[[Any], Any]
    from_iter: Callable[[Any, Any], Any]


class _Registry:
    """The types that are containers, as a collection."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, type) and (kind is type(None) or tree.is_tree_node(kind))

    def __getitem__(self, kind: type) -> _Entry:
        """How values of a type are taken apart.

        Raises:
            KeyError: values of the type are leaves.
        """
        if kind not in self:
            raise KeyError(kind)
        return _Entry(_apart, _together)


def _apart(value: Any) -> tuple[list[Any], Any]:
    leaves, structure = tree.flatten(value, is_leaf=lambda x: x is not value)
    return leaves, structure


def _together(structure: Any, children: Any) -> Any:
    return tree.unflatten(structure, list(children))


_registry: Any = _Registry()
