"""Stores to objects in growing lists, repeated wherever the numbers say that it is the same object.

See `identity`.
"""

from __future__ import annotations

from typing import Any

import ms_func.numpy as xp
from ms_func.ir.types import typeof
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import select
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.source.hooks.containers.growing_methods import put, with_element
from ms_func.source.hooks.containers.keyed import write
from ms_func.source.hooks.heap import aliases, complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT
from ms_func.source.hooks.heap.journal import MUTABLE, Contents, store, touch
from ms_func.source.hooks.joining.packing import Sample, agree, stretch
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.growing import Growing, Numbered, alive, as_index, is_keyed
from ms_func.tracing.tracer import Tracer

_SMALL = 64
"""Numbers in an element up to which all rows of the rooms are written, and not only one of them."""


def spread(x: Any, name: str | None, lacks_number: bool = False) -> None:
    """Repeat a store that just happened to an object, or an attribute of it, by its number.

    One that `lacks_number` may be one of those that have numbers, and is given that one's.

    Raises:
        StagingError: MS170, that cannot be done.
    """
    if lacks_number:
        identity.tag_of(x, PRESENT)
    own = identity.entry_of(x)
    assert own is not None
    if own.tag is identity.FROZEN:
        raise complaints.array_element() if type(x) is Tracer else complaints.shared_element()
    for other in identity.entries():
        if not identity.is_used(lambda other=other: other.object):
            _number_ends(other.object)
            identity.forget(other)
    for other in identity.entries():
        if other.object is x or not identity.is_used(lambda other=other: other.object):
            continue
        here = identity.equal(own, other)
        if here is not False:
            aliases.repeat(x, other.object, here, name)
            aliases.follow(other.object, name)
    old = alive(own.tag.family)
    for i in identity.holders():
        if identity.is_used(lambda i=i: identity.holder(i)):
            _renew(identity.holder(i), x, own.tag)
    for one in old:  # that others hold of which nobody knows
        store(identity.Stale(one), True)


def _number_ends(x: Any) -> None:
    """Give numbers to the objects in use that may be `x`, which nobody knows any more."""
    for y in aliases.ends(x):
        found = identity.entry_of(y)
        if found is None or not found.tag.sure:
            identity.tag_of(y, PRESENT)


def _renew(holder: Any, x: Any, tag: identity.Tag) -> None:
    """Make the elements of a container that are an object what the object is now."""
    pieces = list(holder.values() if is_keyed(holder) and isinstance(holder, dict) else holder)
    if not isinstance(holder, MUTABLE) or Growing not in map(type, pieces):
        return
    whole = found = stretch(pieces)
    k = 0
    while k < len(numbered := found.numbered or ()):
        if numbered[k].family.whole() is tag.family.whole():
            found = _renewed(found, numbered[k], x, tag.number)
        k += 1
    if found is not whole:
        touch(Contents, holder)
        (write if is_keyed(holder) else put)(holder, found)


def _renewed(found: Growing, one: Numbered, x: Any, number: Any) -> Growing:
    """The stretch with an object in all elements that hold the one of a number."""
    here = xp.equal(found.rooms[one.slot.index], number)
    if type(number) is Tracer:
        here = bitwise_and(here, xp.greater(number, identity.NONE))
    here = bitwise_and(here, found.in_use())
    if sum(t.size for t in found.types) <= _SMALL:
        return _everywhere(found, one, x, here)
    failures.assert_raising(xp.less_equal(xp.sum(here), 1), _twice())
    row, own, made = xp.argmax(here), {}, {id(one.node): x}
    values = found.values(as_index(row))
    element = found.node.build(values, made)
    for other in found.numbered or ():
        if id(other.node) in made and other is not one:
            own[id(made[id(other.node)])] = other.tag(values)
    return with_element(found, as_index(row), element, xp.any(here), own)


def _everywhere(found: Growing, one: Numbered, x: Any, here: Any) -> Growing:
    """The stretch with an object in the elements of some rows."""
    own: dict[int, Any] = {}
    sample = Sample(found, own, {id(one.node): x})
    node, (old, new), numbered = agree([[found], [sample.element]], [PRESENT] * 2, own=own)
    rooms = list(old.made()[0])
    same = [sample.room_of(c[0]) is room for c, room in zip(new.columns, rooms, strict=True)]
    others = [k for k, is_same in enumerate(same) if not is_same]
    values = [(new.columns[k][0], new.types[k]) for k in others]
    for k, room in zip(others, sample.rooms(values), strict=True):
        shape = typeof(room).shape
        rooms[k] = select(broadcast_in_dim(here, shape, (0,)), room, rooms[k])
    return Growing(node, rooms, found.first, found.length, numbered)


def _twice() -> Exception:
    return NotImplementedError(
        "a list of lists that grow in a compiled loop holds one and the same list twice, and a "
        "store to it has to be seen in both places; put a copy into it (`list(x)`)"
    )


aliases.Links.spread = staticmethod(spread)
