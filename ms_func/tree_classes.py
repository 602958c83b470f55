"""Which classes are containers, and the registry that knows them.

The registry is the runtime's C++ one, an instance of our own, so registering here disturbs
nobody else in the process.
"""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any, TypeAlias

from ms_func.runtime import pytree

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


def is_tree_node(typ: type) -> bool:
    """Whether a class is a container: a built-in one, a named tuple or a registered class.

    Args:
        typ: class.

    Example:
        >>> ms.tree.is_tree_node(dict), ms.tree.is_tree_node(int)
        (True, False)
    """
    return registry.is_node(typ)


def register_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """Make a class a container.

    Args:
        nodetype: the class.
        flatten_func: from an object to `(children, auxiliary data)`; the latter is part of the
            structure, hashable and comparable.
        unflatten_func: from `(auxiliary data, children)` to an object.
        flatten_with_keys_func: like `flatten_func`, with `(key, child)` pairs.

    Raises:
        ValueError: the class is a container already.

    Example:
        >>> class Pair:
        ...     def __init__(self, x, y):
        ...         self.x, self.y = x, y
        >>> ms.tree.register_node(Pair, lambda p: ((p.x, p.y), None), lambda _, xy: Pair(*xy))
        >>> ms.tree.map(lambda v: 10 * v, Pair(1, 2)).y
        20
    """
    for one in _registries:
        one.register_node(nodetype, flatten_func, unflatten_func, flatten_with_keys_func)


def register_node_class(cls: type) -> type:
    """Class decorator: a container by its methods `tree_flatten` and `tree_unflatten`.

    Args:
        cls: class with a method `tree_flatten`, which gives `(children, auxiliary data)`, and a
            class method `tree_unflatten(auxiliary data, children)`.

    Returns:
        The class.

    Raises:
        ValueError: it is a container already.

    Example:
        >>> @ms.tree.register_node_class
        ... class Scaled:
        ...     def __init__(self, value, factor):
        ...         self.value, self.factor = value, factor
        ...     def tree_flatten(self):
        ...         return (self.value,), self.factor
        ...     @classmethod
        ...     def tree_unflatten(cls, factor, children):
        ...         return cls(*children, factor)
        >>> ms.tree.leaves(Scaled(3, 10))
        [3]
    """
    register_node(cls, operator.methodcaller("tree_flatten"), cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """Make a class a container whose children have keys.

    Args:
        nodetype: the class.
        flatten_with_keys: from an object to `((key, child) pairs, auxiliary data)`.
        unflatten_func: from `(auxiliary data, children)` to an object.
        flatten_func: from an object to `(children, auxiliary data)`, where that is faster.

    Raises:
        ValueError: the class is a container already.

    Example:
        >>> class Box:
        ...     def __init__(self, content):
        ...         self.content = content
        >>> def flatten_with_keys(box):
        ...     return [(ms.tree_util.GetAttrKey("content"), box.content)], None
        >>> ms.tree.register_with_keys(Box, flatten_with_keys, lambda _, children: Box(*children))
        >>> ms.tree.keystr(ms.tree.leaves_with_path([Box(1)])[0][0])
        '[0].content'
    """

    def without_keys(x: Any) -> tuple[Iterable[Any], Hashable]:
        pairs, aux = flatten_with_keys(x)
        return [child for _, child in pairs], aux

    register_node(nodetype, flatten_func or without_keys, unflatten_func, flatten_with_keys)


def register_with_keys_class(cls: type) -> type:
    """Class decorator: a container by `tree_flatten_with_keys` and `tree_unflatten`.

    Args:
        cls: class with a method `tree_flatten_with_keys`, which gives
            `((key, child) pairs, auxiliary data)`, and a class method
            `tree_unflatten(auxiliary data, children)`; `tree_flatten` is used where there is one.

    Returns:
        The class.

    Raises:
        ValueError: it is a container already.

    Example:
        >>> @ms.tree.register_with_keys_class
        ... class Cell:
        ...     def __init__(self, content):
        ...         self.content = content
        ...     def tree_flatten_with_keys(self):
        ...         return [("content", self.content)], None
        ...     @classmethod
        ...     def tree_unflatten(cls, _, children):
        ...         return cls(*children)
        >>> ms.tree.leaves_with_path(Cell(1))
        [(('content',), 1)]
    """
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

    Args:
        **kwargs: as for `dataclasses.field`.

    Example:
        >>> from dataclasses import dataclass
        >>> @ms.tree.register_dataclass
        ... @dataclass
        ... class Line:
        ...     slope: float
        ...     name: str = ms.tree.static(default="line")
        >>> ms.tree.leaves(Line(2.0))
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
        ValueError: the fields are not all that `__init__` takes, one is named twice, or the class
            is a container already.

    Example:
        >>> from dataclasses import dataclass
        >>> @ms.tree.register_dataclass
        ... @dataclass
        ... class Point:
        ...     x: float
        ...     y: float
        >>> ms.grad(lambda p: p.x * p.y)(Point(2.0, 3.0)).x.item()
        3.0
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


def _sorted(d: defaultdict[Any, Any]) -> tuple[Any, ...]:
    """Keys in the order in which a dict has its leaves."""
    return tuple(key.key for key, _ in registry.flatten_one_level_with_keys(dict(d))[0])


register_node(
    defaultdict,
    lambda d: (tuple(d[k] for k in _sorted(d)), (d.default_factory, _sorted(d))),
    lambda aux, values: defaultdict(aux[0], zip(aux[1], values, strict=True)),
    lambda d: (
        tuple((DictKey(k), d[k]) for k in _sorted(d)),
        (d.default_factory, _sorted(d)),
    ),
)


class Partial(functools.partial):
    """`functools.partial` that is a container: its arguments are children.

    A `functools.partial` inside is kept as one function, so that its own arguments do not
    become children.

    Example:
        >>> ms.tree.leaves(ms.tree.Partial(max, 3))
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


def register_static(cls: type) -> type:
    """Class decorator: objects of the class belong to the structure and hold no leaves.

    Args:
        cls: class that defines `__hash__` and `__eq__`, since structures are compared.

    Returns:
        The class.

    Raises:
        ValueError: it was registered before.

    Example:
        >>> @ms.tree.register_static
        ... class Name(str):
        ...     pass
        >>> ms.tree.leaves((Name("layer"), 1))
        [1]
    """
    register_node(cls, lambda x: ((), x), lambda aux, _: aux, lambda x: ((), x))
    return cls
