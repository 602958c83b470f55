"""Pytrees: containers of arrays as a flat list of leaves and a structure.

Tuples, lists, dicts (leaves in the order of sorted keys), named tuples, None and registered
types are containers; everything else is a leaf. `tree_classes.py` has the registry.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ms_func.errors import ArgumentValueError
from ms_func.runtime import pytree
from ms_func.tree_classes import DictKey as DictKey
from ms_func.tree_classes import FlattenedIndexKey as FlattenedIndexKey
from ms_func.tree_classes import GetAttrKey as GetAttrKey
from ms_func.tree_classes import KeyEntry as KeyEntry
from ms_func.tree_classes import KeyPath as KeyPath
from ms_func.tree_classes import Partial as Partial
from ms_func.tree_classes import SequenceKey as SequenceKey
from ms_func.tree_classes import dispatch_registry as dispatch_registry
from ms_func.tree_classes import is_tree_node as is_tree_node
from ms_func.tree_classes import register_dataclass as register_dataclass
from ms_func.tree_classes import register_node as register_node
from ms_func.tree_classes import register_node_class as register_node_class
from ms_func.tree_classes import register_static as register_static
from ms_func.tree_classes import register_with_keys as register_with_keys
from ms_func.tree_classes import register_with_keys_class as register_with_keys_class
from ms_func.tree_classes import registry as registry
from ms_func.tree_classes import static as static
from ms_func.tree_mismatch import mismatches

if TYPE_CHECKING:
    PyTreeDef: TypeAlias = Any
else:
    PyTreeDef = pytree.PyTreeDef

__all__ = [
    "DictKey", "FlattenedIndexKey", "GetAttrKey", "KeyEntry", "KeyPath", "Partial", "PyTree",
    "PyTreeDef", "SequenceKey", "all", "all_leaves", "broadcast", "broadcast_prefix", "children",
    "flatten", "flatten_one_level", "flatten_one_level_with_keys", "flatten_with_path",
    "is_tree_node", "keystr", "leaves", "leaves_with_path", "map", "map_with_path", "num_leaves",
    "reduce", "reduce_associative", "register_dataclass", "register_node", "register_node_class",
    "register_static", "register_with_keys", "register_with_keys_class", "registry", "static",
    "structure", "transpose", "treedef_is_leaf", "treedef_tuple", "unflatten",
]  # fmt: skip
__dir__ = __all__.copy
PyTree: TypeAlias = Any
flatten_func = registry.flatten


def flatten(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Any]:
    """Leaves of `tree` in order, and its structure.

    Args:
        tree: any nest of containers.
        is_leaf: called on each sub-tree; where it is true the sub-tree counts as a leaf.

    Returns:
        List of leaves, and a structure, with which `unflatten` makes the tree again.

    Example:
        >>> found, treedef = ms.tree.flatten({"b": 2, "a": (1, None)})
        >>> found
        [1, 2]
        >>> ms.tree.unflatten(treedef, [10, 20])
        {'a': (10, None), 'b': 20}
    """
    return flatten_func(tree, is_leaf)


def unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> PyTree:
    """Tree of structure `treedef` with the given leaves; inverse of `flatten`.

    Args:
        treedef: structure, as `flatten` and `structure` give it.
        leaves: leaves in order; anything that can be iterated over.

    Raises:
        ValueError: there are more or fewer leaves than the structure has places.

    Example:
        >>> ms.tree.unflatten(ms.tree.structure({"a": 0, "b": (0, 0)}), [1, 2, 3])
        {'a': 1, 'b': (2, 3)}
    """
    return treedef.unflatten(leaves)


def leaves(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """Leaves of `tree` in order, those of dicts in the order of sorted keys; None has none.

    Args:
        tree: any nest of containers.
        is_leaf: as for `flatten`.

    Example:
        >>> ms.tree.leaves({"b": [1, None], "a": 0})
        [0, 1]
        >>> ms.tree.leaves([1, None], is_leaf=lambda x: x is None)
        [1, None]
    """
    return flatten_func(tree, is_leaf)[0]


def structure(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> PyTreeDef:
    """Structure of `tree`, without its leaves; equal and hashable where trees are alike.

    Args:
        tree: any nest of containers.
        is_leaf: as for `flatten`.

    Example:
        >>> structure = ms.tree.structure
        >>> structure((1, [2])) == structure((3, [4])), structure((1, 2)) == structure([1, 2])
        (True, False)
    """
    return flatten_func(tree, is_leaf)[1]


def map(
    f: Callable[..., Any],
    tree: PyTree,
    *rest: PyTree,
    is_leaf: Callable[[Any], bool] | None = None,
) -> PyTree:
    """Tree of `f(leaf, *leaves of the other trees at that place)`.

    Args:
        f: function of as many values as there are trees.
        tree: any nest of containers.
        *rest: trees of the same structure; in place of a leaf they may hold a sub-tree, which `f`
            then gets whole.
        is_leaf: as for `flatten`, of `tree`.

    Returns:
        Tree of the structure of `tree`.

    Raises:
        ValueError: `tree` is not a prefix of one of the others.

    Example:
        >>> ms.tree.map(lambda x, y: x + y, [1, 2], [10, 20])
        [11, 22]
        >>> ms.tree.map(lambda x, pair: x * pair[0], {"a": 3}, {"a": (5, 7)})
        {'a': 15}
    """
    found, treedef = flatten_func(tree, is_leaf)
    columns = [found, *(_up_to("tree_map tree", treedef, tree, r, is_leaf) for r in rest)]
    return treedef.unflatten(f(*xs) for xs in zip(*columns, strict=True))


def _up_to(
    what: str, treedef: PyTreeDef, tree: PyTree, full: PyTree, is_leaf: Callable[..., bool] | None
) -> list[Any]:
    """Parts of `full` at the leaves of `tree`."""
    try:
        return treedef.flatten_up_to(full)
    except ValueError as error:
        places = mismatches(what, tree, full, is_leaf)
        raise ArgumentValueError(
            f"{places[0] if places else error}\n"
            "fix: give trees of one structure, such as gradients beside their parameters"
        ) from None


def reduce(
    function: Callable[[Any, Any], Any],
    tree: PyTree,
    initializer: Any = ...,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """`functools.reduce` over the leaves of `tree`.

    Args:
        function: of what was found so far and the next leaf.
        tree: any nest of containers.
        initializer: what to begin with; without it, the first leaf.
        is_leaf: as for `flatten`.

    Raises:
        TypeError: there are no leaves and no initializer.

    Example:
        >>> reduce(lambda total, x: total + x, {"a": 1, "b": [2, 3]}, 0)
        6
    """
    start = () if initializer is ... else (initializer,)
    return functools.reduce(function, leaves(tree, is_leaf), *start)


def all(tree: PyTree, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every leaf is true.

    Args:
        tree: any nest of containers; leaves are tested as `if` does.
        is_leaf: as for `flatten`.

    Example:
        >>> ms.tree.all({"a": True, "b": [1, 0]}), ms.tree.all(())
        (False, True)
    """
    return _all(leaves(tree, is_leaf))


_all = __builtins__["all"] if isinstance(__builtins__, dict) else __builtins__.all


def transpose(
    outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: PyTree
) -> PyTree:
    """Tree of trees turned inside out: structure outer-of-inner becomes inner-of-outer.

    Args:
        outer_treedef: structure whose leaves are the inner trees.
        inner_treedef: structure of these; None takes that of the first.
        pytree_to_transpose: the tree of trees.

    Raises:
        TypeError: the tree does not have that structure.

    Example:
        >>> outer = ms.tree.structure([0, 0])
        >>> ms.tree.transpose(outer, None, [{"a": 1}, {"a": 2}])
        {'a': [1, 2]}
    """
    leaves, found = flatten(pytree_to_transpose)
    outer, inner = outer_treedef, inner_treedef
    if inner is None:
        inner = structure(outer.flatten_up_to(pytree_to_transpose)[0])
    n, m = outer.num_leaves, inner.num_leaves
    if len(leaves) != n * m:
        raise TypeError(f"Mismatch\n{found}\n != \n{outer.compose(inner)}")
    return inner.unflatten(outer.unflatten(leaves[i::m]) for i in range(m))


def broadcast(
    prefix_tree: PyTree, full_tree: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> PyTree:
    """Tree of the structure of `full_tree` with the leaves of `prefix_tree`, repeated.

    Args:
        prefix_tree: tree that ends where or before the other does.
        full_tree: tree that gives the structure.
        is_leaf: as for `flatten`.

    Raises:
        ValueError: `prefix_tree` is not a prefix of `full_tree`.

    Example:
        >>> ms.tree.broadcast((0, 1), ([5, 6], 7))
        ([0, 0], 1)
    """
    treedef = structure(full_tree, is_leaf)
    return treedef.unflatten(broadcast_prefix(prefix_tree, full_tree, is_leaf))


def reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: PyTree,
    *,
    identity: Any = ...,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Leaves of `tree` joined by an associative operation, halving the number each time.

    Args:
        operation: function of two neighbours.
        tree: any nest of containers.
        identity: result where there are no leaves.
        is_leaf: as for `flatten`.

    Raises:
        TypeError: there are no leaves and no `identity`.

    Example:
        >>> ms.tree.reduce_associative(lambda a, b: f"({a}{b})", [1, 2, (3, 4)])
        '((12)(34))'
    """
    found = leaves(tree, is_leaf)
    while len(found) > 1:
        odd = found[-1:] if len(found) % 2 else []
        found = [operation(a, b) for a, b in zip(found[::2], found[1::2], strict=False)] + odd
    if found:
        return found[0]
    if identity is ...:
        raise TypeError("Must specify identity for parallel reduction of empty iterable.")
    return identity


def children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """Structures of the direct children.

    Args:
        treedef: structure.

    Returns:
        List of structures; empty for a leaf.

    Example:
        >>> [child.num_leaves for child in ms.tree.children(ms.tree.structure(([1, 2], 3)))]
        [2, 1]
    """
    return treedef.children()


def num_leaves(treedef: PyTreeDef) -> int:
    """Number of leaves of a structure.

    Args:
        treedef: structure.

    Example:
        >>> ms.tree.num_leaves(ms.tree.structure({"a": [1, 2], "b": None}))
        2
    """
    return treedef.num_leaves


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether no element of `iterable` is a container.

    Args:
        iterable: elements to look at.
        is_leaf: as for `flatten`.

    Example:
        >>> [ms.tree.all_leaves(x) for x in ([1, "a"], [1, (2, 3)], [None])]
        [True, False, False]
    """
    if is_leaf is None:
        return pytree.all_leaves(registry, iterable)
    listed = list(iterable)
    return len(leaves(listed, is_leaf)) == len(listed) and _all(
        a is b for a, b in zip(leaves(listed, is_leaf), listed, strict=True)
    )


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """Structure of the tuple of trees of the given structures.

    Args:
        treedefs: structures.

    Example:
        >>> leaf, pair = ms.tree.structure(0), ms.tree.structure([0, 0])
        >>> ms.tree.treedef_tuple([leaf, pair]) == ms.tree.structure((1, [2, 3]))
        True
    """
    return pytree.treedef_tuple(registry, list(treedefs))


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure has one node: a leaf, or a container without elements.

    Args:
        treedef: structure.

    Example:
        >>> [ms.tree.treedef_is_leaf(ms.tree.structure(x)) for x in (1, [1], [])]
        [True, False, True]
    """
    return treedef.num_nodes == 1


def flatten_one_level(tree: PyTree) -> tuple[Iterable[Any], Hashable]:
    """Direct children of a container, and its auxiliary data.

    Args:
        tree: container.

    Returns:
        The children, and what else is needed to make it again: the keys of a dict, for example.

    Raises:
        ValueError: `tree` is a leaf.

    Example:
        >>> ms.tree.flatten_one_level({"b": [1, 2], "a": 0})
        ((0, [1, 2]), ('a', 'b'))
    """
    found = registry.flatten_one_level(tree)
    if found is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return found


def flatten_one_level_with_keys(tree: PyTree) -> tuple[Iterable[Any], Hashable]:
    """Pairs (key, child) of the direct children of a container, and its auxiliary data.

    Args:
        tree: container.

    Returns:
        The pairs, and the auxiliary data.

    Raises:
        ValueError: `tree` is a leaf.

    Example:
        >>> pairs, _ = ms.tree.flatten_one_level_with_keys({"a": [1, 2]})
        >>> [(str(key), child) for key, child in pairs]
        [("['a']", [1, 2])]
    """
    found = registry.flatten_one_level_with_keys(tree)
    if found is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return found


def broadcast_prefix(
    prefix: PyTree, full: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> list[Any]:
    """Leaves of `prefix`, each repeated for every leaf of `full` below its place.

    Args:
        prefix: tree that ends where or before the other does.
        full: tree.
        is_leaf: as for `flatten`, of `prefix`.

    Raises:
        ValueError: `prefix` does not fit `full`.

    Example:
        >>> ms.tree.broadcast_prefix((0, 1), ([5, 6], 7))
        [0, 0, 1]
    """
    found, treedef = flatten_func(prefix, is_leaf)
    result: list[Any] = []
    parts = _up_to("broadcast_prefix prefix_tree", treedef, prefix, full, is_leaf)
    for leaf, part in zip(found, parts, strict=True):
        result.extend([leaf] * len(leaves(part)))
    return result


# --- paths --------------------------------------------------------------------------------


def flatten_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[tuple[Any, ...], Any]], PyTreeDef]:
    """Pairs (path, leaf) and the structure; a path is a tuple of keys.

    Args:
        tree: any nest of containers.
        is_leaf: as for `flatten`.
        is_leaf_takes_path: `is_leaf` is called with the path and the sub-tree.

    Returns:
        List of pairs, and the structure. Keys are `DictKey`, `SequenceKey`, `GetAttrKey`, or what a
        registered class gives.

    Example:
        >>> pairs, _ = ms.tree.flatten_with_path({"a": [7, 8]})
        >>> pairs[1]
        ((DictKey(key='a'), SequenceKey(idx=1)), 8)
        >>> deep = lambda path, x: len(path) == 1
        >>> ms.tree.flatten_with_path({"a": [7, 8]}, deep, is_leaf_takes_path=True)[0][0][1]
        [7, 8]
    """
    predicate = is_leaf
    if is_leaf is not None and not is_leaf_takes_path:
        simple = is_leaf
        predicate = lambda path, node: simple(node)  # noqa: E731
    return registry.flatten_with_path(tree, predicate)


def leaves_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs (path, leaf) of `tree`.

    Args:
        tree: any nest of containers.
        is_leaf: as for `flatten`.
        is_leaf_takes_path: `is_leaf` is called with the path and the sub-tree.

    Example:
        >>> [(ms.tree.keystr(path), x) for path, x in ms.tree.leaves_with_path({"a": [1, 2]})]
        [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    return flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def map_with_path(
    f: Callable[..., Any],
    tree: PyTree,
    *rest: PyTree,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> PyTree:
    """Like `map`, with the path as first argument of `f`; `keystr` makes it a text.

    Args:
        f: function of a path and of as many values as there are trees.
        tree: any nest of containers.
        *rest: as for `map`.
        is_leaf: as for `flatten`.
        is_leaf_takes_path: `is_leaf` is called with the path and the sub-tree.

    Returns:
        Tree of the structure of `tree`.

    Raises:
        ValueError: `tree` is not a prefix of one of the others.

    Example:
        >>> ms.tree.map_with_path(lambda path, x: f"{ms.tree.keystr(path)}={x}", {"a": [1]})
        {'a': ["['a'][0]=1"]}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    above = None if is_leaf_takes_path else is_leaf
    columns = [_up_to("tree_map_with_path tree", treedef, tree, r, above) for r in rest]
    paths, found = [p for p, _ in pairs], [x for _, x in pairs]
    return treedef.unflatten(f(*xs) for xs in zip(paths, found, *columns, strict=True))


def keystr(keys: Sequence[Any], *, simple: bool = False, separator: str = "") -> str:
    """Text of a path, such as `['layer'][0].w`.

    Args:
        keys: path.
        simple: names and numbers alone, without brackets and dots.
        separator: what stands between the keys.

    Example:
        >>> ((path, _),) = ms.tree.leaves_with_path({"layer": [5]})
        >>> ms.tree.keystr(path), ms.tree.keystr(path, simple=True, separator="/")
        ("['layer'][0]", 'layer/0')
    """
    if not simple:
        return separator.join(str(k) for k in keys)
    names = (getattr(k, "key", getattr(k, "idx", getattr(k, "name", k))) for k in keys)
    return separator.join(str(n) for n in names)
