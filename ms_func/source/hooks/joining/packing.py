"""Elements of lists brought into one form, so that rooms can hold them; see `growing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ms_func.numpy as xp
from ms_func import config
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.axis_slices import dynamic_index_in_dim, dynamic_update_index_in_dim
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import select
from ms_func.primitives.shape import concatenate, expand_dims
from ms_func.source.hooks import above
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT, Overlay, take_apart
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.join import Plan
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.elements import INDEX, Elements
from ms_func.source.hooks.values.growing import Growing, Numbered, objects_in, within
from ms_func.source.hooks.values.nodes import Later, Path, Tree
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.types import materialized
from ms_func.tracing.stage import canonical
from ms_func.tracing.tracer import Staging, Tracer
from ms_func.transforms.batch import batch
from ms_func.transforms.passes import dce
from ms_func.transforms.zeros import zeros


class Rows(Plan):
    """Joins the elements of lists: what any of them may be.

    Attributes:
        own: tags of objects that were made here, by identity.
        numbered: the objects in an element that have numbers.
        frozen: whether objects in the elements are given none.
    """

    def __init__(
        self, overlays: Sequence[Overlay], own: dict[int, identity.Tag], frozen: bool
    ) -> None:
        super().__init__(overlays)
        self.own, self.frozen = own, frozen
        self.numbered: list[Numbered] | None = []

    def same(self, values: Sequence[Any], path: Path) -> bool:
        """An object that is there several times may hold values of a recording that has ended."""
        return False

    def agrees(self, columns: Sequence[Any], path: Path) -> bool:
        """What has to be computed is not known."""
        return not isinstance(columns[0], Later) and super().agrees(columns, path)

    def _is_touched(self, values: Sequence[Any]) -> bool:
        """An object is made anew for each element."""
        return True

    def _grow(self, own: Sequence[Any]) -> bool:
        """Lists of different lengths are kept in rooms, too: more of them are to come."""
        if not self._are_lists(own) or own[0].kind[0] is tuple:
            return super()._grow(own)
        uneven = any(type(c) is Perhaps for p in own for c in p.children)
        return uneven or len({len(p.children) for p in own}) > 1 or super()._grow(own)

    def _packed(self, lists: Sequence[Any], overlays: Sequence[Overlay], path: Path) -> Any:
        """Lists in an element; stores to what they hold are not repeated in this one."""
        return agree(lists, overlays, path, self.own, frozen=True)

    def _object(self, node: Tree, values: Sequence[Any], path: Path) -> None:
        """Give an object to which users may store its number in each element."""
        pairs = [(v, o) for v, o in zip(values, self.overlays, strict=True) if v is not UNDEFINED]
        apart = take_apart(*pairs[0])
        if apart is None or not apart.mutable:
            return
        if self.frozen:
            self.numbered = None
            for v, o in pairs:
                self._freeze(v, o)
            return
        tags = [
            None if v is UNDEFINED else self._tag(v, o)
            for v, o in zip(values, self.overlays, strict=True)
        ]
        column = [identity.NONE if t is None else t.number for t in tags]
        slot = self.slot(column, INDEX, (*path, " (which object)"))
        assert self.numbered is not None
        self.numbered.append(Numbered(node, slot, *identity.united(tags)))

    def _tag(self, x: Any, overlay: Overlay) -> identity.Tag:
        found = self.own.get(id(x))
        if found is None:
            found = identity.tag_of(x, overlay)
        if found is identity.FROZEN:
            raise complaints.shared_element()
        return found

    def _freeze(self, x: Any, overlay: Overlay) -> None:
        if id(x) in self.own:
            return
        found = identity.known_tag(x, overlay)
        if found is None:
            identity.freeze(x, overlay)
        elif found is not identity.FROZEN:
            raise complaints.shared_element()


class Part(Later):
    """A part of a list that is packed.

    Attributes:
        of: the list.
        k: number of the room, None for the length.
    """

    __slots__ = ("k", "of")

    def __init__(self, of: Packed, k: int | None) -> None:
        self.of, self.k = of, k

    def value(self) -> Any:
        """The part, computed under the interpreter in force."""
        rooms, length = self.of.made()
        return length if self.k is None else rooms[self.k]


class Sample:
    """An element that stands for all elements of a stretch, in a recording of its own.

    Attributes:
        stretch: the stretch.
        element: the element; `made` are objects in it that are the same in all elements.
    """

    def __init__(
        self, stretch: Growing, own: dict[int, identity.Tag], made: dict[int, Any] | None = None
    ) -> None:
        self.stretch = stretch
        self._trace = Staging("an element")
        self._rows = [self._trace.parameter(t) for t in stretch.types]
        made = {} if made is None else made
        given = set(made)
        self.element: Any = stretch.node.build(self._rows, made)
        for one in stretch.numbered or ():
            if id(one.node) in made and id(one.node) not in given:
                own[id(made[id(one.node)])] = one.tag(self._rows)
        if stretch.numbered is None:
            own.update((id(x), identity.FROZEN) for x in objects_in(self.element))
        self._trace.alive = False

    def room_of(self, value: Any) -> Any:
        """The room for whose row a value stands; None for other values."""
        if type(value) is Tracer:
            pairs = zip(self._rows, self.stretch.rooms, strict=True)
            return next((room for r, room in pairs if r.variable is value.variable), None)
        return None

    def rooms(self, values: Sequence[tuple[Any, ArrayType]]) -> list[Any]:
        """Rooms of values that are computed for each element, of some types."""
        if not values:
            return []
        self._trace.alive = True
        with self._trace:
            results = [materialized(x, t) for x, t in values]
            fn, captured = self._trace.finish(self._rows, results)
        dims = [*(None for _ in captured), *(0 for _ in self._rows)]
        size = config.list_capacity.value
        lanes, _ = batch(canonical(dce(fn)), size, tuple(dims), (0,) * len(values))
        return current.interpreter.apply(lanes, [*captured, *self.stretch.rooms])


class Packed:
    """A list on its way into rooms.

    Attributes:
        pieces: stretches, and the conditions under which elements are there.
        values: an element for each piece; of a stretch one that stands for all of it. They are let
            go as soon as may be, so that objects made in a region can be told from others.
        columns: by slot, the value in each of these.
        types: by slot, the type.
    """

    def __init__(self, items: Sequence[Any], own: dict[int, identity.Tag]) -> None:
        self.pieces: list[Any] = []
        self.values: list[Any] = []
        self.columns: list[Sequence[Any]] = []
        self.types: list[ArrayType] = []
        self.samples: dict[int, Sample] = {}
        self._made: Any = None
        for x in items:
            if type(x) is Growing:
                one = Sample(x, own)
                self.samples[len(self.pieces)] = one
                self.pieces.append(x)
                self.values.append(one.element)
            else:
                there, value = (x.is_there, x.value) if type(x) is Perhaps else (True, x)
                self.pieces.append(there)
                self.values.append(value)

    def parts(self) -> tuple[list[Any], Any, Any]:
        """Rooms, first row and length: as they are, or to be computed where they are needed."""
        later: list[Any] = [Part(self, k) for k in range(len(self.types))]
        one = self.pieces[0] if len(self.pieces) == 1 else None
        if type(one) is Growing:
            found = [self.samples[0].room_of(column[0]) for column in self.columns]
            fits = [
                x is not None and typeof(x).dtype == t.dtype
                for x, t in zip(found, self.types, strict=True)
            ]
            rooms = [x if f else y for x, y, f in zip(found, later, fits, strict=True)]
            return rooms, one.first, one.length
        first = self.pieces[0].first if self.pieces and type(self.pieces[0]) is Growing else 0
        if all(map(_is_certain, self.pieces)):
            return later, first, len(self.pieces)
        return later, first, Part(self, None)

    def row(self, k: int) -> list[Any]:
        """The values in the element of piece `k`."""
        return [materialized(c[k], t) for c, t in zip(self.columns, self.types, strict=True)]

    def made(self) -> tuple[list[Any], Any]:
        """Rooms and length, computed under the interpreter in force."""
        if self._made is None or self._made[0] is not current.interpreter:
            self._made = current.interpreter, self._filled()
        return self._made[1]

    def _filled(self) -> tuple[list[Any], Any]:
        rooms, first, length, k = self._start()
        for piece in self.pieces[k:]:
            place = Growing(None, (), first, length, ())
            if type(piece) is Growing:
                rooms = self._with_stretch(rooms, place, piece, k)
                length = length + piece.length
            else:
                row, there = place.row(length), piece
                pairs = zip(rooms, self.row(k), strict=True)
                rooms = [stored(room, row, value, there) for room, value in pairs]
                length = length + there * 1
            k += 1
        if type(length) is Tracer and len(self.pieces) > 1:
            check_room(length)
        return rooms, length

    def _start(self) -> tuple[list[Any], Any, Any, int]:
        """What the first stretch, or the elements before that are surely there, give."""
        if self.pieces and type(self.pieces[0]) is Growing:
            one = self.pieces[0]
            return self._converted(0), one.first, one.length, 1
        count = 0
        while count < len(self.pieces) and _is_certain(self.pieces[count]):
            count += 1
        if count > config.list_capacity.value:
            raise failures.raise_(_full())
        rooms = []
        for column, t in zip(self.columns, self.types, strict=True):
            rows = [expand_dims(materialized(x, t), (0,)) for x in column[:count]]
            free = (config.list_capacity.value - count, *t.shape)
            rows.append(zeros(ArrayType(free, t.dtype, t.weak_type, t.manual)))
            rooms.append(concatenate(rows, 0) if count else rows[0])
        return rooms, 0, count, count

    def _with_stretch(self, rooms: Any, place: Growing, one: Growing, k: int) -> list[Any]:
        """The rooms with the elements of the stretch of piece `k` at the end."""
        i = xp.arange(config.list_capacity.value)
        to = xp.where(i < one.length, place.row(i + place.length), len(i))
        rows = one.row(i)
        return [
            room.at[to].set(more[rows], mode="drop")
            for room, more in zip(rooms, self._converted(k), strict=True)
        ]

    def _converted(self, k: int) -> list[Any]:
        """The rooms of the stretch of piece `k` in the types of the slots."""
        found = [self.samples[k].room_of(column[k]) for column in self.columns]
        others = [i for i, room in enumerate(found) if room is None]
        values = [(self.columns[i][k], self.types[i]) for i in others]
        for i, room in zip(others, self.samples[k].rooms(values), strict=True):
            found[i] = room
        return [
            convert_element_type(room, t.dtype, t.weak_type)
            for room, t in zip(found, self.types, strict=True)
        ]


def _is_certain(piece: Any) -> bool:
    return piece is True


def _full() -> Exception:
    return MemoryError(
        f"a list grew beyond {config.list_capacity.value} elements in a loop; "
        "ms_func.config.list_capacity sets how many there is room for"
    )


def check_room(length: Any) -> None:
    """Raise an error at run time where there is no room for so many elements."""
    failures.assert_raising(xp.less_equal(length, config.list_capacity.value), _full())


def stored(room: Any, row: Any, value: Any, there: Any = True) -> Any:
    """A room with a value in one row, where a condition holds."""
    if there is not True:
        old = dynamic_index_in_dim(room, row, 0, keepdims=False, allow_negative_indices=False)
        value = select(there, value, old)
    return dynamic_update_index_in_dim(room, value, row, 0, allow_negative_indices=False)


@above.enter
def agree(
    lists: Sequence[Sequence[Any]], overlays: Sequence[Overlay], path: Path = (),
    own: dict[int, identity.Tag] | None = None, frozen: bool = False,
) -> tuple[Any, list[Packed], Sequence[Numbered] | None]:  # fmt: skip
    """Lists whose elements are made of the same slots.

    Args:
        lists: what each holds.
        overlays: for each the heap in which it holds that.
        path: where they stand, for messages.
        own: tags of objects that were made for this alone.
        frozen: whether objects in the elements are given no numbers.

    Returns:
        What an element is made of, the lists, and the objects in elements that have numbers.

    Raises:
        Mismatch: there is no such form.
        StagingError: MS170, an object would be in two lists, in one of which it has no number.
    """
    own = {} if own is None else own
    packed = [Packed(x, own) for x in lists]
    around = [o for p, o in zip(packed, overlays, strict=True) for _ in p.values]
    values = [v for p in packed for v in p.values]
    frozen = frozen or any(type(x) is Growing and x.numbered is None for of in lists for x in of)
    plan = Rows(around, own, frozen)
    node = plan.join(values, (*path, " (an element)"))
    numbered = plan.numbered
    slots = plan.keep([node, *(one.slot for one in numbered or ())])
    start = 0
    for p in packed:
        end = start + len(p.values)
        p.columns = [s.columns[start:end] for s in slots]
        p.types = [s.type for s in slots]
        p.values.clear()
        for sample in p.samples.values():
            sample.element = None
        start = end
    for s in slots:
        s.columns = s.path = ()  # these know objects
    plan.release()
    return node, packed, numbered


def stretch(items: Sequence[Any], own: dict[int, identity.Tag] | None = None) -> Growing:
    """The stretches and elements of a list as one stretch."""
    if len(items) == 1 and type(items[0]) is Growing:
        return items[0]
    node, (packed,), numbered = agree([items], [PRESENT], own=own)
    rooms, length = packed.made()
    return Growing(node, rooms, packed.parts()[1], length, numbered)


Growing.united = staticmethod(lambda x: stretch(list(x)))
Elements.whole = staticmethod(within)
