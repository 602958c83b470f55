"""`jax.tree_util`: what libraries look at behind its public functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ms_func import tree

__all__: list[str] = []


class _Entry(NamedTuple):
    """What is registered for a type of container: how to take one apart and how to make one."""

    to_iter: Callable[[Any], tuple[Iterable[Any], Any]]
    from_iter: Callable[[Any, Iterable[Any]], Any]


class _Registry:
    """The types that are containers, as a collection and as a table."""

    def __getitem__(self, kind: type) -> _Entry:
        if kind not in self:
            raise KeyError(kind)

        def made(aux: Any, children: Iterable[Any]) -> Any:
            given = list(children)
            below = [tree.structure(0)] * len(given)
            make: Any = tree.PyTreeDef.from_node_data_and_children  # type: ignore[attr-defined]
            return make(tree.registry, (kind, aux), below).unflatten(given)

        return _Entry(tree.flatten_one_level, made)

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, type) and (kind is type(None) or tree.is_tree_node(kind))


_registry: Any = _Registry()
