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
from ms_func.primitives.shape import broadcast_in_dim, concatenate, expand_dims
from ms_func.source.hooks import failures
from ms_func.source.hooks.anatomy import PRESENT, Overlay, take_apart
from ms_func.source.hooks.elements import Elements
from ms_func.source.hooks.growing import Growing, grown, room_type
from ms_func.source.hooks.join import Plan, materialized
from ms_func.source.hooks.join_nodes import Later, Path
from ms_func.source.hooks.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer
from ms_func.transforms.zeros import zeros


class Rows(Plan):
    """Joins the elements of lists: what any of them may be."""

    def same(self, values: Sequence[Any], path: Path) -> bool:
        """An object that is there several times may hold values of a recording that has ended."""
        return False


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


class Packed:
    """A list on its way into rooms.

    Attributes:
        pieces: stretches, and pairs of a condition and an element.
        values: an element for each piece; of a stretch one that stands for all of it.
        columns: by slot, the value in each of these.
        types: by slot, the type.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self.pieces: list[Any] = []
        self.values: list[Any] = []
        self.columns: list[Sequence[Any]] = []
        self.types: list[ArrayType] = []
        self._rooms: dict[Any, Any] = {}
        self._made: Any = None
        for x in items:
            if type(x) is Growing:
                x_sample, variables = x.sample()
                self._rooms.update(zip(variables, x.rooms, strict=True))
                self.pieces.append(x)
                self.values.append(x_sample)
            else:
                one = (x.is_there, x.value) if type(x) is Perhaps else (True, x)
                self.pieces.append(one)
                self.values.append(one[1])

    def parts(self) -> tuple[list[Any], Any, Any]:
        """Rooms, first row and length: as they are, or to be computed where they are needed."""
        later: list[Any] = [Part(self, k) for k in range(len(self.types))]
        one = self.pieces[0] if len(self.pieces) == 1 else None
        if type(one) is Growing:
            found = [self._room_of(column[0]) for column in self.columns]
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
            place = Growing(None, (), first, length, False)
            if type(piece) is Growing:
                rooms = self._with_stretch(rooms, place, piece, k)
                length = length + piece.length
            else:
                row, there = place.row(length), piece[0]
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

    def _room_of(self, value: Any) -> Any:
        """The room for which a value of a sample stands; None for other values."""
        return self._rooms.get(value.variable) if type(value) is Tracer else None

    def _converted(self, k: int) -> list[Any]:
        """The rooms of the stretch of piece `k` in the types of the slots."""
        found = []
        for column, t in zip(self.columns, self.types, strict=True):
            room = self._room_of(column[k])
            if room is None:
                value = materialized(column[k], t)
                room = broadcast_in_dim(value, room_type(t).shape, range(1, 1 + len(t.shape)))
            found.append(convert_element_type(room, t.dtype, t.weak_type))
        return found


def _is_certain(piece: Any) -> bool:
    return type(piece) is not Growing and piece[0] is True


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


def agree(
    lists: Sequence[Sequence[Any]], overlays: Sequence[Overlay], path: Path = ()
) -> tuple[Any, list[Packed], bool]:
    """Lists whose elements are made of the same slots.

    Args:
        lists: what each holds.
        overlays: for each the heap in which it holds that.
        path: where they stand, for messages.

    Returns:
        What an element is made of, the lists, and whether users may store to elements.

    Raises:
        Mismatch: there is no such form.
    """
    packed = [Packed(x) for x in lists]
    around = [o for p, o in zip(packed, overlays, strict=True) for _ in p.values]
    values = [v for p in packed for v in p.values]
    plan = Rows(around)
    node = plan.join(values, (*path, " (an element)"))
    slots = plan.keep([node])
    is_changeable = any(_is_changeable(v, o) for v, o in zip(values, around, strict=True))
    start = 0
    for p in packed:
        end = start + len(p.values)
        p.columns = [s.columns[start:end] for s in slots]
        p.types = [s.type for s in slots]
        p.values = []
        start = end
    for s in slots:
        s.columns = ()
    plan.release()
    return node, packed, is_changeable


def _is_changeable(x: Any, overlay: Overlay) -> bool:
    apart = take_apart(x, overlay)
    if apart is None:
        return False
    return apart.mutable or any(_is_changeable(c, overlay) for c in apart.children)


def stretch(items: Sequence[Any]) -> Growing:
    """The stretches and elements of a list as one stretch."""
    if len(items) == 1 and type(items[0]) is Growing:
        return items[0]
    node, (packed,), is_changeable = agree([items], [PRESENT])
    rooms, length = packed.made()
    return Growing(node, rooms, packed.parts()[1], length, is_changeable)


Growing.united = staticmethod(lambda x: stretch(list(x)))
Elements.whole = staticmethod(grown)
