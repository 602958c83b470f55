"""Lists that grow in a loop whose number of steps data decide.

`while stack: ... stack.append(v)` on traced data needs a list whose length is known only when the
program runs. Its elements are taken apart, and each part of them is kept in a *room*: an array
with a row for every element there may be, `config.list_capacity` of them. The rows in use follow
one another from the first on, around the end of the room, so that a deque can lose elements at its
front. For Python the list holds one thing, such a stretch of elements; a list of several stretches
and other elements is their concatenation.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ms_func import config, tree
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, sub
from ms_func.primitives.axis_slices import dynamic_index_in_dim
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import lt
from ms_func.primitives.modulo import rem
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT, Parts, handles, take_apart
from ms_func.source.hooks.values.elements import INDEX, Elements
from ms_func.source.hooks.values.nodes import Slot, Tree, walk
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

SEQUENCES = (list, tuple, deque)


class _Rows:
    """The key under which a dictionary holds its entries where these are in rooms."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<keys known at run time>"


ROWS = _Rows()


class Numbered(NamedTuple):
    """An object in each element of a list.

    Attributes:
        node: what it is made of.
        slot: slot of its number.
        family: what it may be the same as.
        sure: whether there is such an object in every element.
    """

    node: Tree
    slot: Slot
    family: identity.Family
    sure: bool

    def tag(self, values: Sequence[Any]) -> identity.Tag:
        """The tag of the object in an element with these values in its slots."""
        return identity.Tag(values[self.slot.index], self.family, self.sure)


class _Alive(threading.local):
    """Stretches in use whose elements have numbers, wherever they are."""

    def __init__(self) -> None:
        self.stretches: weakref.WeakSet[Growing] = weakref.WeakSet()


_alive = _Alive()


def alive(family: identity.Family) -> list[Growing]:
    """The stretches in use that may hold objects of a family."""
    return [x for x in _alive.stretches if x.holds_any(family)]


class Growing(Elements):
    """Elements of a list, as many as data say.

    Attributes:
        node: what an element is made of; its slots number the rooms.
        rooms: an array for each slot, whose rows are the values in the elements.
        first: row of the first element.
        length: how many elements there are.
        numbered: the objects in an element to which users may store, which have numbers; None where
            there are some that have none.
    """

    __slots__ = ("first", "length", "node", "numbered", "rooms")
    is_stretch = True
    complaint = staticmethod(Perhaps.complaint)
    united: ClassVar[Callable[[Any], Growing]]
    """The stretches and elements of a list as one stretch; `packing` supplies it."""

    def __init__(
        self, node: Any, rooms: Sequence[Any], first: Any, length: Any,
        numbered: Sequence[Numbered] | None,
    ) -> None:  # fmt: skip
        self.node, self.rooms, self.first, self.length = node, tuple(rooms), first, length
        self.numbered = numbered
        Perhaps.exist = True
        if numbered:
            _alive.stretches.add(self)

    def holds_any(self, family: identity.Family) -> bool:
        """Whether objects of a family may be among the elements, or in them."""
        whole = family.whole()
        return any(one.family.whole() is whole for one in self.numbered or ())

    @property
    def types(self) -> list[ArrayType]:
        """Type of a row of each room."""
        return [row_type(typeof(r)) for r in self.rooms]

    def made_of(self, rows: Sequence[Any]) -> Any:
        """The element with these values in its slots."""
        return self.node.build(rows, {})

    def row(self, i: Any) -> Any:
        """The row of the element at position `i`."""
        i = as_index(i)
        if isinstance(self.first, int) and self.first == 0:
            return i
        return rem(add(as_index(self.first), i), as_index(config.list_capacity.value))

    def in_use(self) -> Any:
        """Which rows hold elements."""
        size = config.list_capacity.value
        place: Any = np.arange(size, dtype=np.int32)
        if not (isinstance(self.first, int) and self.first == 0):
            place = rem(sub(place + np.int32(size), as_index(self.first)), as_index(size))
        return lt(place, as_index(self.length))

    def values(self, row: Any) -> list[Any]:
        """What the rooms hold in a row."""
        found = [
            dynamic_index_in_dim(r, row, 0, keepdims=False, allow_negative_indices=False)
            for r in self.rooms
        ]
        return [_weakly(x, t) for x, t in zip(found, self.types, strict=True)]

    def at(self, i: Any, taken: bool = False) -> Any:
        """The element at a position that is in the list; with `taken`, about to be removed."""
        values, made = self.values(self.row(i)), {}
        found = self.node.build(values, made)
        if not taken and any(typeof(x).shape for x in values):
            for x in _arrays(found):
                identity.enter(x, identity.FROZEN)
        for x in objects_in(found) if self.numbered is None else ():
            identity.freeze(x, PRESENT)
        for one in self.numbered or ():
            if id(one.node) in made:
                identity.enter(made[id(one.node)], one.tag(values))
        return found

    def known(self, i: int) -> Any:
        """The element at a position."""
        return self.at(i)

    def part(self, k: int) -> Growing:
        """Part `k` of each element, of elements that are tuples."""
        node, numbered = _Part(self.node, k), self.numbered
        if type(self.node) is Tree:
            inside = {id(n) for n in walk([self.node.children[k]])}
            numbered = numbered and [one for one in numbered if id(one.node) in inside]
        return Growing(node, self.rooms, self.first, self.length, numbered)

    def ordered(self) -> list[Any]:
        """The rooms with the first element in the first row."""
        if type(self.first) is int and self.first == 0:
            return list(self.rooms)
        rows = self.row(np.arange(config.list_capacity.value, dtype=np.int32))
        return [r[rows] for r in self.rooms]

    def with_rooms(self, rooms: Sequence[Any], first: Any, length: Any) -> Growing:
        """Other elements that are made alike."""
        return Growing(self.node, rooms, first, length, self.numbered)

    def own_number(self) -> Numbered | None:
        """The number of the elements, where these are objects themselves."""
        node = self.node
        while type(node) is _Part:
            node = node.whole.children[node.k] if type(node.whole) is Tree else None
        return next((one for one in self.numbered or () if one.node is node), None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Growing:
        """Elements of their own, with new numbers."""
        rooms, size = list(self.rooms), config.list_capacity.value
        for one in self.numbered or ():
            rows = np.arange(size, dtype=np.int32)
            rooms[one.slot.index] = add(as_index(identity.block(size)), rows)
        return self.with_rooms(rooms, self.first, self.length)

    complaint = staticmethod(Perhaps.complaint)

    def __jax_array__(self) -> Any:
        raise self.complaint()

    def __repr__(self) -> str:
        return f"<{self.length} elements>"


for _name in (
    "add", "radd", "mul", "rmul", "lt", "le", "gt", "ge", "getitem", "setitem", "float", "int",
    "index", "call", "bool",
):  # fmt: skip
    setattr(Growing, f"__{_name}__", Perhaps.complain)


class _Part:
    """What a part of an element is made of."""

    __slots__ = ("k", "whole")

    def __init__(self, whole: Any, k: int) -> None:
        self.whole, self.k = whole, k

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The part."""
        return self.whole.build(outs, made)[self.k]


def _arrays(x: Any) -> Iterator[Tracer]:
    """Arrays in an element, which users may store to; not the rooms of lists in it."""
    if type(x) is Tracer:
        if x.type.shape:
            yield x
    elif type(x) is not Growing and (apart := take_apart(x)) is not None:
        for c in apart.children:
            yield from _arrays(c)


def row_type(t: ArrayType) -> ArrayType:
    """Type of a row of an array."""
    return ArrayType(t.shape[1:], t.dtype, t.weak_type, t.manual)


def room_type(t: ArrayType) -> ArrayType:
    """Type of a room for values of a type."""
    return ArrayType((config.list_capacity.value, *t.shape), t.dtype, t.weak_type, t.manual)


def _weakly(x: Any, t: ArrayType) -> Any:
    return convert_element_type(x, t.dtype, True) if t.weak_type else x


def as_index(x: Any) -> Any:
    """A position in the type of positions."""
    if isinstance(x, (int, np.integer)):
        return Literal(np.int32(x), INDEX)
    return x if typeof(x) is INDEX else convert_element_type(x, np.int32, True)


def is_growing(x: Any) -> bool:
    """Whether data decide how many elements a list, tuple or deque has, which are in rooms."""
    return Perhaps.exist and isinstance(x, SEQUENCES) and Growing in map(type, x)


def is_keyed(x: Any) -> bool:
    """Whether the keys of a set or dictionary are in rooms; see `keyed`."""
    if not Perhaps.exist or not isinstance(x, (dict, set, frozenset)):
        return False
    if isinstance(x, dict):
        return dict.__contains__(x, ROWS)
    return len(x) == 1 and type(next(iter(x))) is Growing


def _pairs(x: dict[Any, Any]) -> list[Any]:
    """The entries of a dictionary of plain keys."""
    return [
        Perhaps(v.is_there, (k, v.value), 0, 1) if type(v) is Perhaps else (k, v)
        for k, v in x.items()
    ]


def pieces(x: Any) -> list[Any]:
    """What a set or dictionary holds: stretches, keys or pairs."""
    if not isinstance(x, dict):
        return list(x)
    return [dict.__getitem__(x, ROWS)] if is_keyed(x) else _pairs(x)


def is_stretched(x: Any) -> bool:
    """Whether what Python takes from a container is in rooms."""
    return is_growing(x) or is_keyed(x)


def grown(x: Any) -> Growing | None:
    """What Python takes from such a container, as one stretch; None for other values."""
    if is_keyed(x):
        note(x)
        return dict.__getitem__(x, ROWS).part(0) if isinstance(x, dict) else Growing.united(x)
    if not is_growing(x):
        return None
    note(x)
    return x[0] if len(x) == 1 else Growing.united(x)


class Within(Elements):
    """Elements of a container, each as it is when it is taken: it may be changed before."""

    def __init__(self, container: Any, length: Any) -> None:
        self.container, self.length = container, length

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        found = grown(self.container)
        assert found is not None
        return found.at(i)

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.at(i)


def within(x: Any) -> Elements | None:
    """What Python takes from such a container one by one; None for other values."""
    found = grown(x)
    return Within(x, found.length) if found is not None and found.numbered else found


def note(x: Any) -> None:
    """Keep account of a container whose elements have numbers.

    Raises:
        StagingError: MS170, they were changed in another container.
    """
    for one in x.values() if isinstance(x, dict) else x:
        if type(one) is Growing and one.numbered:
            if identity.is_stale(one):
                raise complaints.changed_elsewhere()
            identity.hold(x)


def objects_in(x: Any) -> Iterator[Any]:
    """Objects in a value to which users may store, itself included."""
    apart = take_apart(x)
    if apart is not None:
        if apart.mutable:
            yield x
        for c in apart.children:
            yield from objects_in(c)


# --- in trees and in joins ------------------------------------------------------------------------


class _Form:
    """What an element is made of, as part of the structure of a tree."""

    __slots__ = ("key", "node", "numbered")

    def __init__(self, x: Growing) -> None:
        self.node, self.key = x.node, form(x)
        self.numbered = None if x.numbered is None or len(x.numbered) else ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Form) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def form(x: Growing) -> Any:
    """Equal for stretches whose elements are made alike of their rooms."""
    leaves, structure = tree.flatten(x.made_of(range(len(x.rooms))))
    numbers = None if x.numbered is None else tuple([one.slot.index for one in x.numbered])
    return structure, tuple([id(v) if type(v) is Tracer else repr(v) for v in leaves]), numbers


tree.register_node(
    Growing,
    lambda x: ((*x.rooms, x.first, x.length), _Form(x)),
    lambda of, new: Growing(of.node, new[:-2], new[-2], new[-1], of.numbered),
)
handles(
    Growing,
    lambda x, overlay: Parts(
        (Growing, form(x)), (*x.rooms, x.first, x.length),
        (*(" (its elements)" for _ in x.rooms), " (where it starts)", " (its length)"),
        lambda new: Growing(x.node, new[:-2], new[-2], new[-1], x.numbered),
    ),
)  # fmt: skip
