"""Sets and dictionaries whose keys are values known only at run time.

No traced value has a hash. What such a container holds is therefore a stretch of its keys, or of
pairs of a key and a value, in the order in which they were put in; see `growing`. A set holds the
stretch itself, a dictionary holds it under the key `ROWS`. A key is looked for among all of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config
from ms_func.ir.primitive import current
from ms_func.primitives.bits import bitwise_and, bitwise_not
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import uneven
from ms_func.source.hooks.containers.comparisons import holds_traced, same_or_equal
from ms_func.source.hooks.containers.growing_methods import (
    collected,
    each_of,
    equal_rows,
    positions,
    rearranged,
    with_element,
)
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT, Mismatch, is_number, take_apart
from ms_func.source.hooks.heap.journal import Contents, journal, touch
from ms_func.source.hooks.joining.branch import if_, ifexp
from ms_func.source.hooks.joining.packing import check_room, stretch
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import (
    ROWS,
    Growing,
    as_index,
    is_keyed,
    is_stretched,
    note,
    pieces,
)
from ms_func.tracing.tracer import Staging, Tracer


def takes(x: Any, key: Any) -> bool:
    """Whether `key` has no hash with which Python could look it up in a set or dictionary."""
    if type(current.interpreter) is not Staging or not isinstance(x, (dict, set, frozenset)):
        return False
    if is_keyed(x) or (identity.entry_of(key) is not None and is_own_key(key)):
        return True
    return holds_traced(key) and type(key) is not Choice and not journal.stand_ins


# --- looking up -----------------------------------------------------------------------------------


def entries(x: Any) -> Growing | None:
    """The keys of a set, the pairs of a dictionary; None if there are none."""
    if is_keyed(x):
        note(x)
    return stretch(pieces(x)) if x else None


def _keys(x: Any, found: Growing | None) -> Growing | None:
    """The keys among the entries of a set or dictionary."""
    return found.part(0) if found is not None and isinstance(x, dict) else found


def is_own_key(x: Any) -> bool:
    """Whether an object is told from others by which one it is, and not by what it holds."""
    return type(x).__hash__ is object.__hash__ and type(x).__eq__ is object.__eq__


def _same_rows(keys: Growing, key: Any) -> Any:
    """Which keys, in their order, are one with an object."""
    if keys.numbered is None:
        raise complaints.shared_element()
    tag, one = identity.tag_of(key, PRESENT), keys.own_number()
    if one is None or one.family.whole() is not tag.family.whole():
        return np.zeros(config.list_capacity.value, bool)
    here = xp.equal(keys.ordered()[one.slot.index], tag.number)
    return bitwise_and(here, xp.less(positions(), keys.length))


def find(keys: Growing | None, key: Any) -> tuple[Any, Any]:
    """Whether a key is there, and at which position."""
    if keys is None:
        return False, as_index(0)
    is_object = is_own_key(key) and not is_number(key) and take_apart(key) is not None
    here = _same_rows(keys, key) if is_object else equal_rows(keys, key)
    if here is None:
        raise TypeError(f"unhashable type: '{type(key).__name__}'")
    return xp.any(here), as_index(xp.argmax(here))


def holds(x: Any, key: Any) -> Any:
    """`key in x`."""
    return find(_keys(x, entries(x)), key)[0]


def get(x: dict[Any, Any], key: Any, default: Any = None, *, taken: bool = False) -> Any:
    """`x.get(key, default)`; with `taken`, of an entry about to be removed."""
    found = entries(x)
    if found is None:
        return default
    there, at = find(found.part(0), key)
    return ifexp(there, lambda: found.part(1).at(at, taken), lambda: default)


def value(x: dict[Any, Any], key: Any) -> Any:
    """`x[key]`; where it is not there what the class says, or a KeyError at run time."""
    made: Any = getattr(x, "default_factory", None)
    missing: Any = getattr(type(x), "__missing__", None)
    if made is not None:
        return setdefault(x, key, made)
    if missing is None:
        return _there(x, key)
    found = entries(x)
    if found is None:
        return above.call(missing, x, key)
    there, at = find(found.part(0), key)
    return ifexp(there, lambda: found.part(1).at(at), lambda: above.call(missing, x, key))


def _there(x: dict[Any, Any], key: Any, taken: bool = False) -> Any:
    """The value of a key; a KeyError at run time where it is not there."""
    found = entries(x)
    if found is None:
        raise failures.raise_(KeyError(key))
    there, at = find(found.part(0), key)
    failures.assert_raising(there, KeyError(key))
    return found.part(1).at(at, taken)


# --- changes --------------------------------------------------------------------------------------


def write(x: Any, found: Growing) -> None:
    """Make the entries of a set or dictionary those of a stretch."""
    Contents(x).write({ROWS: found} if isinstance(x, dict) else {found})


def _with(x: Any, key: Any, item: Any) -> None:
    """Put an entry into a container, in the place of one with an equal key."""
    found = entries(x)
    if found is None:
        write(x, stretch([item]))
        return
    there, at = find(_keys(x, found), key)
    length = found.length + bitwise_not(there) * 1
    check_room(length)
    made = with_element(found, xp.where(there, at, found.length), item)
    write(x, Growing(made.node, made.rooms, 0, length, made.numbered))


def put(x: dict[Any, Any], key: Any, new: Any) -> None:
    """`x[key] = new`."""
    _with(x, key, (key, new))


def add(x: set[Any], key: Any) -> None:
    """`x.add(key)`."""
    _with(x, key, key)


def setdefault(x: dict[Any, Any], key: Any, default: Any) -> Any:
    """`x.setdefault(key, default)`, with a function that makes the default."""
    there = holds(x, key)

    def new() -> tuple[()]:
        touch(Contents, x)
        put(x, key, above.call(default))
        return ()

    if_(there, lambda: (), new, ())
    found = entries(x)
    assert found is not None
    return found.part(1).at(find(found.part(0), key)[1])


def discard(x: Any, key: Any) -> None:
    """`x.discard(key)`; of a dictionary what takes out an entry that may be there."""
    found = entries(x)
    if found is None:
        return
    there, at = find(_keys(x, found), key)
    i = positions()
    less = found.length - there * 1
    write(x, rearranged(found, xp.where(there, i + (i >= at), i), less))


def remove(x: Any, key: Any) -> None:
    """`x.remove(key)` of a set, `del x[key]` of a dictionary."""
    failures.assert_raising(holds(x, key), KeyError(key))
    discard(x, key)


def _pop(x: Any, *args: Any) -> Any:
    if not isinstance(x, dict):
        return _pop_last(x)
    key, *default = args
    found = get(x, key, *default, taken=True) if default else _there(x, key, True)
    discard(x, key)
    return found


def _pop_last(x: Any, last: bool = True) -> Any:
    found = entries(x)
    error = KeyError("the container is empty")
    if found is None:
        raise failures.raise_(error)
    failures.assert_raising(xp.greater(found.length, 0), error)
    taken = found.at(found.length - 1 if last else 0, taken=True)
    less = found.length - 1
    write(x, found.with_rooms(found.rooms, 0, less) if last else
          rearranged(found, positions() + 1, less))  # fmt: skip
    return taken


def _move_to_end(x: Any, key: Any, last: bool = True) -> None:
    found = entries(x)
    missing = KeyError(key)
    if found is None:
        raise failures.raise_(missing)
    there, at = find(found.part(0), key)
    failures.assert_raising(there, missing)
    i, end = positions(), found.length - 1
    if last:
        i = xp.where(xp.equal(i, end), at, i + (i >= at))
    else:
        i = xp.where(xp.equal(i, 0), at, i - (i <= at))
    write(x, rearranged(found, i, found.length))


def _put_all(x: dict[Any, Any], given: Any) -> None:
    pairs = items_of(given) if isinstance(given, dict) else given
    each_of(pairs, lambda pair: put_into(x, *pair))


def put_into(x: dict[Any, Any], key: Any, new: Any) -> None:
    """`x[key] = new`, journalled."""
    touch(Contents, x)
    put(x, key, new)


def update(x: Any, *others: Any, **more: Any) -> None:
    """`x.update(*others, **more)`."""
    for other in (*others, more) if more else others:
        if isinstance(x, dict):
            _put_all(x, other)
        else:
            each_of(other, lambda v: _join(x, v))


def _join(x: set[Any], key: Any) -> None:
    touch(Contents, x)
    add(x, key)


# --- parts and sets -------------------------------------------------------------------------------


def items_of(x: dict[Any, Any]) -> list[Any]:
    """`x.items()`."""
    if not is_keyed(x):
        return list(x.items())
    note(x)
    return [dict.__getitem__(x, ROWS)]


def _part(x: dict[Any, Any], k: int) -> list[Any]:
    if not is_keyed(x):
        return [pair[k] for pair in x.items()]
    note(x)
    return [dict.__getitem__(x, ROWS).part(k)]


def set_of(items: Any) -> set[Any]:
    """The set of some items."""
    if type(current.interpreter) is not Staging:
        return set(items)
    if not is_stretched(items) and not uneven.is_uneven(items):
        items = list(items)
        if not any(map(holds_traced, items)):
            return set(items)
    found: set[Any] = set()
    each_of(items, lambda v: _join(found, v))
    return found


def _chosen(x: Any, condition: Callable[[Any], Any]) -> set[Any]:
    """The elements of a set for which a condition holds."""
    found = collected(x if is_keyed(x) else list(x), lambda v: v, condition)
    return set(found) if is_stretched(found) else set_of(found)


def union(a: Any, *others: Any) -> set[Any]:
    """`a | b`."""
    found = set(a)
    update(found, *others)
    return found


def intersection(a: Any, *others: Any) -> Any:
    """`a & b`."""
    for b in others:
        b = b if isinstance(b, (set, frozenset)) else set_of(b)
        a = _chosen(a, lambda v, b=b: holds(b, v))
    return a


def difference(a: Any, *others: Any) -> Any:
    """`a - b`."""
    for b in others:
        b = b if isinstance(b, (set, frozenset)) else set_of(b)
        a = _chosen(a, lambda v, b=b: _not(holds(b, v)))
    return a


def _not(x: Any) -> Any:
    return not x if isinstance(x, bool) else bitwise_not(x)


def symmetric_difference(a: Any, b: Any) -> set[Any]:
    """`a ^ b`."""
    return union(difference(a, b), difference(b, a))


def is_subset(a: Any, b: Any) -> Any:
    """`a <= b`."""
    return xp.equal(_length(intersection(a, b)), _length(a))


def _length(x: Any) -> Any:
    found = entries(x)
    return 0 if found is None else found.length


def alike(a: Any, b: Any) -> Any:
    """`a == b`, of two sets or of two dictionaries."""
    same = xp.equal(_length(a), _length(b))
    if not isinstance(a, dict):
        return bitwise_and(same, is_subset(a, b))

    def step(found: Any, pair: Any) -> Any:
        key, new = pair
        here = ifexp(holds(b, key), lambda: same_or_equal(get(b, key), new), lambda: False)
        return bitwise_and(found, here)

    return uneven.fold(items_of(a), step, same)


class Keys(list[Any]):
    """The keys of a dictionary of which data decide what they are: in order, and as a set."""

    __slots__ = ()

    def __or__(self, other: Any) -> set[Any]:
        return union(set_of(self), other)

    def __and__(self, other: Any) -> Any:
        return intersection(set_of(self), other)

    def __sub__(self, other: Any) -> Any:
        return difference(set_of(self), other)

    def __xor__(self, other: Any) -> set[Any]:
        return symmetric_difference(set_of(self), set_of(other))

    __ror__, __rand__, __rxor__ = __or__, __and__, __xor__

    def __rsub__(self, other: Any) -> Any:
        return difference(set_of(other), set_of(self))

    def isdisjoint(self, other: Any) -> Any:
        """Whether no key is an element of `other`."""
        return METHODS["isdisjoint"](set_of(self), other)


def copy(x: Any) -> Any:
    """`x.copy()`."""
    found = x.copy()
    note(found)
    return found


def _change(how: Callable[..., Any]) -> Callable[..., None]:
    """The method that leaves in a set what `how` gives."""
    return lambda x, *others: Contents(x).write(how(x, *others))


METHODS: dict[str, Callable[..., Any]] = {
    "keys": lambda x: Keys(_part(x, 0)), "values": lambda x: _part(x, 1), "items": items_of,
    "get": get, "setdefault": lambda x, key, new=None: setdefault(x, key, lambda: new),
    "pop": _pop, "popitem": _pop_last, "update": update,
    "move_to_end": _move_to_end,
    "clear": lambda x: Contents(x).write(type(x)()), "copy": copy,
    "add": add, "discard": discard, "remove": remove,
    "union": union, "intersection": intersection, "difference": difference,
    "symmetric_difference": symmetric_difference,
    "intersection_update": _change(intersection), "difference_update": _change(difference),
    "symmetric_difference_update": _change(symmetric_difference),
    "issubset": is_subset, "issuperset": lambda a, b: is_subset(b, a),
    "isdisjoint": lambda a, b: xp.equal(_length(intersection(a, b)), 0),
    "__contains__": holds, "__len__": _length, "__getitem__": value, "__setitem__": put,
    "__delitem__": remove,
}  # fmt: skip
"""Methods of such sets and dictionaries."""
OPERATORS: dict[str, Callable[..., Any]] = {
    "or": union, "and": intersection, "sub": difference, "xor": symmetric_difference,
}  # fmt: skip


def assigned(x: Any, name: str, other: Any) -> None:
    """`x |= other` and its like."""
    if isinstance(x, dict):
        update(x, other)
    else:
        Contents(x).write(OPERATORS[name](x, other))


def compared(plain: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A comparison of two sets, or of two dictionaries."""
    if isinstance(a, dict) != isinstance(b, dict):
        return plain is operator.ne
    if plain is operator.eq:
        return alike(a, b)
    if plain is operator.ne:
        return _not(alike(a, b))
    if isinstance(a, dict):
        raise TypeError("dictionaries have no order")
    if plain in (operator.ge, operator.gt):
        a, b = b, a
    inside = is_subset(a, b)
    if plain in (operator.le, operator.ge):
        return inside
    return bitwise_and(inside, xp.less(_length(a), _length(b)))


# --- dictionaries whose keys are written down -----------------------------------------------------


def takes_all(x: dict[Any, Any], key: Any) -> bool:
    """Whether an element of a dictionary is looked for among all its keys here.

    That of a dictionary of plain keys at a traced number, or a tuple with one, is a choice among
    them; see `lookup`.
    """
    if not takes(x, key):
        return False
    makes = getattr(x, "default_factory", None) or hasattr(type(x), "__missing__")
    return is_keyed(x) or makes or type(key) not in (Tracer, tuple)


def concerns(name: str, x: Any, args: Sequence[Any]) -> bool:
    """Whether a method of a set or dictionary is one of those here."""
    if not isinstance(x, (dict, set, frozenset)) or name not in METHODS:
        return False
    if is_keyed(x):
        return True
    if type(current.interpreter) is not Staging or not args:
        return False
    if name in _OF_A_KEY:
        if name != "__contains__" and journal.stand_ins and type(args[0]) is Tracer:
            raise complaints.run_time_key()
        return takes(x, args[0])
    if isinstance(x, dict) and name in ("get", "__getitem__"):
        return takes_all(x, args[0])
    decided = uneven.is_folded if isinstance(x, (set, frozenset)) else is_stretched
    return any(decided(a) or _holds_traced_keys(a) for a in args)


_OF_A_KEY = ("add", "discard", "remove", "setdefault", "pop", "__contains__")


def _holds_traced_keys(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and any(map(holds_traced, x))


def _was_found(x: Any, key: Any) -> bool:
    trace = current.interpreter
    while type(trace) is Staging:
        if ("found", id(x), id(key.variable)) in trace.results:
            return True
        trace = trace.outer
    return False


def becomes(x: dict[Any, Any], key: Any, new: Any) -> bool:
    """`x[key] = new`, which may put in a new key; False where it is not done here.

    A key that was just read is one of those of a dictionary of plain keys, which so keeps them, and
    so does one whose values have nothing in common.
    """
    if not is_keyed(x) and type(key) is Tracer and _was_found(x, key):
        return False
    try:
        put(x, key, new)
    except Mismatch:
        if is_keyed(x):
            raise
        return False
    return True
