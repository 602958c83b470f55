"""Pytrees: containers of arrays as a flat list of leaves and a structure.

Tuples, lists, dicts (leaves in the order of sorted keys), named tuples, None and registered
types are containers; everything else is a leaf. The registry is the runtime's C++ one, an
instance of our own, so registering here disturbs nobody else in the process.
"""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ms_func.errors import ArgumentValueError
from ms_func.runtime import pytree

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
DictKey = pytree.DictKey
FlattenedIndexKey = pytree.FlattenedIndexKey
GetAttrKey = pytree.GetAttrKey
SequenceKey = pytree.SequenceKey
KeyEntry: TypeAlias = Hashable
"""One step of a path: a `DictKey`, `SequenceKey`, `GetAttrKey`, or what a class gives."""
KeyPath: TypeAlias = tuple[KeyEntry, ...]

registry = pytree.PyTreeRegistry()
"""What the library and its users see: arrays are leaves."""
dispatch_registry = pytree.PyTreeRegistry()
"""How the C++ dispatcher takes arguments apart: an `Array` is a node around its buffer."""
registry.__module__, registry.__name__ = __name__, "registry"  # it is pickled by that name
_registries = (registry, dispatch_registry)

flatten_func = registry.flatten


def flatten(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Any]:
    """Leaves of `tree` in order, and its structure.

    Args:
        tree: any nest of containers.
        is_leaf: called on each sub-tree; where it is true the sub-tree counts as a leaf.

    Example:
        >>> flatten({"b": 2, "a": (1, None)})[0]
        [1, 2]
    """
    return flatten_func(tree, is_leaf)


def unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> PyTree:
    """Tree of structure `treedef` with the given leaves; inverse of `flatten`.

    Raises:
        ValueError: there are more or fewer leaves than the structure has places.

    Example:
        >>> unflatten(structure({"a": 0, "b": (0, 0)}), [1, 2, 3])
        {'a': 1, 'b': (2, 3)}
    """
    return treedef.unflatten(leaves)


def leaves(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """Leaves of `tree` in order, those of dicts in the order of sorted keys; None has none.

    Example:
        >>> leaves({"b": [1, None], "a": 0})
        [0, 1]
    """
    return flatten_func(tree, is_leaf)[0]


def structure(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> PyTreeDef:
    """Structure of `tree`, without its leaves; equal and hashable where trees are alike.

    Example:
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

    Raises:
        ValueError: `tree` is not a prefix of one of the others.

    Example:
        >>> map(lambda x, y: x + y, [1, 2], [10, 20])
        [11, 22]
    """
    found, treedef = flatten_func(tree, is_leaf)
    try:
        columns = [found, *(treedef.flatten_up_to(r) for r in rest)]
    except ValueError as error:
        raise ArgumentValueError(
            f"{error}\nfix: give trees of one structure, such as gradients beside their parameters"
        ) from None
    return treedef.unflatten(f(*xs) for xs in zip(*columns, strict=True))


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
    """Whether every leaf is true."""
    return _all(leaves(tree, is_leaf))


_all = __builtins__["all"] if isinstance(__builtins__, dict) else __builtins__.all


def transpose(
    outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: PyTree
) -> PyTree:
    """Tree of trees turned inside out: structure outer-of-inner becomes inner-of-outer.

    Raises:
        TypeError: the tree does not have that structure.

    Example:
        >>> transpose(structure([0, 0]), structure({"a": 0}), [{"a": 1}, {"a": 2}])
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

    Raises:
        ValueError: `prefix_tree` is not a prefix of `full_tree`.

    Example:
        >>> broadcast((0, 1), ([5, 6], 7))
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

    Raises:
        TypeError: there are no leaves and no `identity`.

    Example:
        >>> reduce_associative(lambda a, b: a + b, [1, 2, (3, 4)])
        10
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
    """Structures of the direct children."""
    return treedef.children()


def num_leaves(treedef: PyTreeDef) -> int:
    """Number of leaves of a structure."""
    return treedef.num_leaves


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether no element of `iterable` is a container."""
    if is_leaf is None:
        return pytree.all_leaves(registry, iterable)
    listed = list(iterable)
    return len(leaves(listed, is_leaf)) == len(listed) and _all(
        a is b for a, b in zip(leaves(listed, is_leaf), listed, strict=True)
    )


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """Structure of the tuple of trees of the given structures."""
    return pytree.treedef_tuple(registry, list(treedefs))


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure is a single leaf."""
    return treedef.num_nodes == 1 and treedef.num_leaves == 1


def is_tree_node(typ: type) -> bool:
    """Whether a class is a container: a built-in one, a named tuple or a registered class.

    Example:
        >>> is_tree_node(dict), is_tree_node(int)
        (True, False)
    """
    return registry.is_node(typ)


def flatten_one_level(tree: PyTree) -> tuple[Iterable[Any], Hashable]:
    """Direct children of a container, and its auxiliary data.

    Raises:
        ValueError: `tree` is a leaf.
    """
    found = registry.flatten_one_level(tree)
    if found is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return found


def flatten_one_level_with_keys(tree: PyTree) -> tuple[Iterable[Any], Hashable]:
    """Pairs (key, child) of the direct children of a container, and its auxiliary data."""
    found = registry.flatten_one_level_with_keys(tree)
    if found is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return found


def register_static(cls: type) -> type:
    """Class decorator: objects of the class belong to the structure and hold no leaves.

    The class must define `__hash__` and `__eq__`.
    """
    register_node(cls, lambda x: ((), x), lambda aux, _: aux, lambda x: ((), x))
    return cls


def broadcast_prefix(
    prefix: PyTree, full: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> list[Any]:
    """Leaves of `prefix`, each repeated for every leaf of `full` below its place.

    Raises:
        ValueError: `prefix` does not fit `full`.

    Example:
        >>> broadcast_prefix((0, 1), ([5, 6], 7))
        [0, 0, 1]
    """
    found, treedef = flatten_func(prefix, is_leaf)
    result: list[Any] = []
    for leaf, part in zip(found, treedef.flatten_up_to(full), strict=True):
        result.extend([leaf] * len(leaves(part)))
    return result


# --- paths --------------------------------------------------------------------------------


def flatten_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[tuple[Any, ...], Any]], PyTreeDef]:
    """Pairs (path, leaf) and the structure; a path is a tuple of keys."""
    predicate = is_leaf
    if is_leaf is not None and not is_leaf_takes_path:
        simple = is_leaf
        predicate = lambda path, node: simple(node)  # noqa: E731
    return registry.flatten_with_path(tree, predicate)


def leaves_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs (path, leaf) of `tree`.

    Example:
        >>> [(keystr(path), x) for path, x in leaves_with_path({"a": [1, 2]})]
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

    Example:
        >>> map_with_path(lambda path, x: f"{keystr(path)}={x}", {"a": [1]})
        {'a': ["['a'][0]=1"]}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    columns = [treedef.flatten_up_to(r) for r in rest]
    paths, found = [p for p, _ in pairs], [x for _, x in pairs]
    return treedef.unflatten(f(*xs) for xs in zip(paths, found, *columns, strict=True))


def keystr(keys: Sequence[Any], *, simple: bool = False, separator: str = "") -> str:
    """Text of a path, such as `['layer'][0].w`."""
    if not simple:
        return separator.join(str(k) for k in keys)
    names = (getattr(k, "key", getattr(k, "idx", getattr(k, "name", k))) for k in keys)
    return separator.join(str(n) for n in names)


# --- registration -------------------------------------------------------------------------


def register_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """Make a class a container.

    Args:
        nodetype: the class.
        flatten_func: from an object to `(children, auxiliary data)`.
        unflatten_func: from `(auxiliary data, children)` to an object.
        flatten_with_keys_func: like `flatten_func`, with `(key, child)` pairs.
    """
    for one in _registries:
        one.register_node(nodetype, flatten_func, unflatten_func, flatten_with_keys_func)


def register_node_class(cls: type) -> type:
    """Class decorator: a container by its methods `tree_flatten` and `tree_unflatten`."""
    register_node(cls, operator.methodcaller("tree_flatten"), cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """Make a class a container whose children have keys."""

    def without_keys(x: Any) -> tuple[Iterable[Any], Hashable]:
        pairs, aux = flatten_with_keys(x)
        return [child for _, child in pairs], aux

    register_node(nodetype, flatten_func or without_keys, unflatten_func, flatten_with_keys)


def register_with_keys_class(cls: type) -> type:
    """Class decorator: a container by `tree_flatten_with_keys` and `tree_unflatten`."""
    plain = operator.methodcaller("tree_flatten") if hasattr(cls, "tree_flatten") else None
    register_with_keys(
        cls,
        operator.methodcaller("tree_flatten_with_keys"),
        cls.tree_unflatten,  # type: ignore[attr-defined]
        plain,
    )
    return cls


def static(**kwargs: Any) -> Any:
    """`dataclasses.field` of a field that is part of the structure, for `register_dataclass`.

    Example:
        >>> from dataclasses import dataclass
        >>> @register_dataclass
        ... @dataclass
        ... class Line:
        ...     slope: float
        ...     name: str = static(default="line")
        >>> leaves(Line(2.0))
        [2.0]
    """
    return field(**{**kwargs, "metadata": {**(kwargs.get("metadata") or {}), "static": True}})


def register_dataclass(
    nodetype: type,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> type:
    """Make a dataclass a container.

    Args:
        nodetype: the class.
        data_fields: fields that hold sub-trees; by default every field that is not marked
            `field(metadata={"static": True})`.
        meta_fields: fields that belong to the structure; hashable and comparable.
        drop_fields: fields that are neither, restored to their defaults.

    Returns:
        The class, so that this works as a decorator.

    Raises:
        TypeError: one of `data_fields` and `meta_fields` is given, or none of a class that is no
            dataclass.
        ValueError: the fields are not those of the dataclass, or one is named twice.
    """
    if (data_fields is None) != (meta_fields is None):
        raise TypeError(
            "register_dataclass: data_fields and meta_fields must both be specified when either "
            f"is specified. Got {data_fields=} {meta_fields=}."
        )
    if data_fields is None or meta_fields is None:
        if not is_dataclass(nodetype):
            raise TypeError(
                f"register_dataclass needs data_fields and meta_fields for {nodetype.__name__}, "
                "which is not a dataclass"
            )
        own = [f for f in fields(nodetype) if f.init and f.name not in drop_fields]
        meta_fields = [f.name for f in own if f.metadata.get("static")]
        data_fields = [f.name for f in own if not f.metadata.get("static")]
    if is_dataclass(nodetype):
        _check_fields(nodetype, data_fields, meta_fields, drop_fields)
    for one in _registries:
        one.register_dataclass_node(nodetype, list(data_fields), list(meta_fields))
    return nodetype


def _check_fields(
    nodetype: type, data: Sequence[str], meta: Sequence[str], drop: Sequence[str]
) -> None:
    expected = {f.name for f in fields(nodetype) if f.init} - set(drop)
    got = {*data, *meta}
    if twice := set(data) & set(meta):
        raise ValueError(
            f"data_fields and meta_fields must not overlap. Overlapping fields: {twice}."
        )
    if expected != got:
        raise ValueError(
            "data_fields and meta_fields must include all dataclass fields with init=True and "
            f"only them; missing {sorted(expected - got)}, unexpected {sorted(got - expected)}"
        )


def _keyed(d: Any) -> tuple[Any, Any]:
    return tuple((DictKey(k), v) for k, v in d.items()), tuple(d)


register_node(
    OrderedDict,
    lambda d: (tuple(d.values()), tuple(d)),
    lambda keys, values: OrderedDict(zip(keys, values, strict=True)),
    _keyed,
)
register_node(
    defaultdict,
    lambda d: (tuple(d.values()), (d.default_factory, tuple(d))),
    lambda aux, values: defaultdict(aux[0], zip(aux[1], values, strict=True)),
    lambda d: (_keyed(d)[0], (d.default_factory, tuple(d))),
)


class Partial(functools.partial):
    """`functools.partial` that is a container: its arguments are children.

    A `functools.partial` inside is kept as one function, so that its own arguments do not
    become children.

    Example:
        >>> leaves(Partial(max, 3))
        [3]
    """

    def __new__(cls, func: Any, *args: Any, **keywords: Any) -> Any:
        """Keep a partial function as it is."""
        if isinstance(func, functools.partial) and not isinstance(func, Partial):
            found = super().__new__(cls, _Opaque(func), *args, **keywords)
            functools.update_wrapper(found, func)
            return found
        return super().__new__(cls, func, *args, **keywords)


class _Opaque:
    """A partial function that `functools.partial` does not merge with, equal by what it holds."""

    __slots__ = ("partial",)

    def __init__(self, partial: functools.partial[Any]) -> None:
        self.partial = partial

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.partial(*args, **keywords)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opaque) and self.partial == other.partial

    def __hash__(self) -> int:
        return hash(self.partial)

    def __repr__(self) -> str:
        return repr(self.partial)


register_node(
    Partial,
    lambda p: ((p.args, p.keywords), p.func),
    lambda func, parts: Partial(func, *parts[0], **parts[1]),
    lambda p: (((GetAttrKey("args"), p.args), (GetAttrKey("keywords"), p.keywords)), p.func),
)
