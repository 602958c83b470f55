"""Joining the outcomes of branches: one value that stands for whichever branch ran.

`Plan.join` walks the values that the branches leave in the same place, side by side. What is
the same in all of them stays as it is; numbers and arrays that differ become a *slot*, a
result of the compiled `cond`; containers, closures and plain objects are joined part by
part; functions that differ become a `Choice`. `node.build` makes the joined value once the
slots have their values.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from ms_func.ir.types import ArrayType
from ms_func.source.hooks import above
from ms_func.source.hooks.heap import aliases, identity
from ms_func.source.hooks.heap.anatomy import (
    NONE_LIKE,
    SCALARS,
    Mismatch,
    Overlay,
    equal_constants,
    is_number,
    take_apart,
)
from ms_func.source.hooks.heap.journal import Location, journal
from ms_func.source.hooks.heap.undefined import IS_BOUND, UNBOUND, UNDEFINED, Unsure
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.elements import INDEX
from ms_func.source.hooks.values.growing import ROWS, Growing, is_keyed, pieces, room_type
from ms_func.source.hooks.values.nodes import Path, Remapped, Same, Slot, Tagged, Tree
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.types import promoted, type_of
from ms_func.tracing.tracer import Tracer


class Plan:
    """How the outcomes of some regions are joined.

    Attributes:
        overlays: the heap at the end of each region.
        outer: identities of objects that existed before the regions.
        stored: whether objects that one region stored to are given what it stored afterwards,
            so that they can stay themselves; all but those in `refused` are.
        slots: results that the program has to compute.
        links: what stands for one of several objects in each outcome; see `aliases`. None where
            joined objects are not told from the ones they stand for.
        rings: whether objects that hold themselves are joined; no loop can carry them.
    """

    links: Sequence[Any] | None = None
    rings = True

    def __init__(
        self, overlays: Sequence[Overlay], outer: Sequence[Any] = (), stored: bool = False
    ) -> None:
        self.overlays: Sequence[Overlay] = overlays
        self.outer = set(map(id, outer))
        self.stored = stored
        self.refused: set[int] = set()
        self.slots: list[Slot] = []
        self._known: dict[Any, Any] = {}
        self._open: set[Any] = set()
        self._alive: list[Any] = []
        self._indices: dict[Any, Slot] = {}

    def release(self) -> None:
        """Let go of the values, so that those made in a region can be told from others."""
        self._known.clear()
        self._alive.clear()
        self._indices.clear()
        self.slots = []  # paths tell locations
        self.overlays = []
        self.links = None

    def keep(self, nodes: Sequence[Any]) -> list[Slot]:
        """The slots that these nodes need, numbered anew."""
        found: dict[int, Slot] = {}
        stack, seen = list(nodes), set()
        while stack:
            node = stack.pop()
            if type(node) is Slot:
                found[node.index] = node
            elif type(node) is Tree and id(node) not in seen:
                seen.add(id(node))  # objects may hold themselves
                stack.extend(node.children)
            elif type(node) is Tagged:
                stack.append(node.number)
                continue
            else:
                continue
            if node.which is not None:
                stack.append(node.which)
            if node.tag is not None:
                stack.append(node.tag)
        self.slots = [found[i] for i in sorted(found)]
        for i, slot in enumerate(self.slots):
            slot.index = i
        return self.slots

    def join(self, values: Sequence[Any], path: Path) -> Any:
        """Node for what stands in one place in each outcome.

        Raises:
            Mismatch: there is no such value.
        """
        key = tuple(map(id, values))
        found = self._known.get(key)
        if found is None:
            self._alive.append(values)
            found = self._known[key] = self.once(key, values, path)
        return found

    def once(self, key: Any, values: Sequence[Any], path: Path) -> Any:
        """Node for what stands in one place; what holds itself comes here again.

        Raises:
            Mismatch: it does so without having been noted.
        """
        if key in self._open:
            raise Mismatch(path, values, "they hold themselves")
        self._open.add(key)
        try:
            return self._join(values, path)
        finally:
            self._open.discard(key)

    def _join(self, values: Sequence[Any], path: Path) -> Any:
        present = [v for v in values if v is not UNDEFINED]
        if len(present) < len(values):
            journal.undefined += 1
        if not present:
            return Same(UNDEFINED)
        if len(present) == len(values) > 1 and self.same(values, path):
            return Same(values[0])
        if any(v is UNBOUND or type(v) is Unsure for v in present):
            return self._unsure(values, path)
        like = next((v for v in present if type(v) in NONE_LIKE), None)
        if like is not None and any(v is None for v in present):
            none = NONE_LIKE[type(like)](like)
            return self._join([none if v is None else v for v in values], path)
        if len(present) == 1 and not is_number(present[0]) and self._keeps(values, present[0]):
            return Same(present[0])
        if all(map(is_number, present)):
            return self.number(values, present, path)
        if any(type(v) is Choice for v in present):
            return self._choice(values, path)
        return self._structure(values, present, path)

    def _unsure(self, values: Sequence[Any], path: Path) -> Any:
        """A name that is not bound in every outcome."""
        held = [_unbound(v) for v in values]
        if all(x is UNDEFINED for _, x in held):
            return Same(UNBOUND)
        journal.undefined += any(v is UNBOUND for v in values)
        nodes = [
            self.join([c for c, _ in held], (*path, IS_BOUND)),
            self.join([x for _, x in held], path),
        ]
        return Tree(Unsure.of, nodes)

    def same(self, values: Sequence[Any], path: Path) -> bool:
        """Whether all outcomes hold the same object."""
        first = values[0]
        return all(v is first for v in values)

    def number(self, values: Sequence[Any], present: Sequence[Any], path: Path) -> Any:
        """A constant all agree on, or a slot."""
        first = present[0]
        if not self.is_inner(first) and all(equal_constants(first, v) for v in present):
            return Same(first)
        frozen = [
            o.handle(v) if type(v) is Tracer else v
            for v, o in zip(values, self.overlays, strict=True)
        ]
        same = [v for v in frozen if type(v) is Tracer]
        if (
            len(same) == len(values)
            and len({id(v.variable) for v in same}) == 1
            and (not self.is_inner(same[0]))
        ):
            return Same(first)
        made = self.slot(frozen, self.common_type(values, path), path)
        if made.type.shape:
            self._stands_for(made, [v if type(v) is Tracer else None for v in values], path)
            self.tag_array(made, values)
        return made

    def tag_array(self, node: Slot, values: Sequence[Any]) -> None:
        """Note whether a joined array is one that may not be stored to."""
        if any(type(v) is Tracer and identity.is_frozen(v, o)
               for v, o in zip(values, self.overlays, strict=True)):  # fmt: skip
            node.tag = Same(identity.FROZEN)

    def is_inner(self, x: Any) -> bool:
        """Whether `x` belongs to a recording that has ended."""
        return type(x) is Tracer and not x.recorder.alive

    def slot(self, columns: Sequence[Any], type: ArrayType, path: Path) -> Slot:
        """A new result of the program."""
        made = Slot(columns, type, len(self.slots), path)
        self.slots.append(made)
        return made

    def common_type(self, values: Sequence[Any], path: Path) -> ArrayType:
        """Type that the numbers promote to; their shapes must agree."""
        types = [type_of(v) for v in values if v is not UNDEFINED]
        out = types[0]
        for t in types[1:]:
            found = promoted(out, t)
            if found is None:
                raise Mismatch(path, values)
            out = found
        return out

    def _structure(self, values: Sequence[Any], present: Sequence[Any], path: Path) -> Any:
        parts = [
            None if v is UNDEFINED else take_apart(v, o)
            for v, o in zip(values, self.overlays, strict=True)
        ]
        own = [p for p in parts if p is not None]
        for p in own:
            if any(type(c) is aliases.Spoiled for c in p.children):
                return Tree(p.make, [Same(c) for c in p.children])
        if not own and all(equal_constants(present[0], v) for v in present):
            return Same(present[0])
        alike = len(own) == len(present) and all(p.kind == own[0].kind for p in own)
        if len(own) == len(present) and self._grow(own):
            return self._growing(values, parts, own[0], path)
        if len(own) == len(present) and self._are_keyed(values):
            return self._keyed(values, own[0], path)
        if (
            len(own) == len(present)
            and self._are_lists(own)
            and (not alike or any(type(c) is Perhaps for p in own for c in p.children))
        ):
            return self._uneven(values, parts, own[0], path)
        if (
            len(own) == len(present)
            and self._are_dicts(own)
            and (not alike or any(type(c) is Perhaps for p in own for c in p.children))
        ):
            return self._partial(values, own[0], path)
        if not alike:
            if _may_be_chosen(present, own):
                return self._choice(values, path)
            raise Mismatch(path, values)
        try:
            return self._parts(values, present, parts, own[0], path)
        except Mismatch:
            if all(map(callable, present)) and len(present) > 1:
                return self._choice(values, path)
            raise

    def _are_lists(self, own: Sequence[Any]) -> bool:
        """Whether these are tuples, lists of one class, or deques of one kind."""
        kinds = {p.kind[:-1] if isinstance(p.kind, tuple) else None for p in own}
        kind = own[0].kind[0] if len(kinds) == 1 and None not in kinds else object
        return kind is tuple or issubclass(kind, (list, deque))

    def _uneven(
        self, values: Sequence[Any], parts: Sequence[Any], one: Any, path: Path
    ) -> Tree:  # fmt: skip
        """Lists of different lengths: all elements that may be there, with conditions."""
        columns = [None if p is None else _conditional(p.children) for p in parts]
        count = max(len(c) for c in columns if c is not None)
        nodes: list[Any] = []
        for k in range(count):
            there = [UNDEFINED if c is None else c[k][0] if k < len(c) else False for c in columns]
            column = [c[k][1] if c is not None and k < len(c) else UNDEFINED for c in columns]
            nodes.append(self.join(there, (*path, f"[{k}]", " (whether it is there)")))
            nodes.append(self.join(column, (*path, f"[{k}]")))
        make = one.make
        made = Tree(lambda new: make(Perhaps.of(_paired(new))), nodes)
        self._object(made, values, path)
        return made

    def _grow(self, own: Sequence[Any]) -> bool:
        """Whether these are lists of one class whose elements are in rooms."""
        return any(type(c) is Growing for p in own for c in p.children) and self._are_lists(own)

    def _growing(
        self, values: Sequence[Any], parts: Sequence[Any], one: Any, path: Path
    ) -> Tree:  # fmt: skip
        """Lists whose elements are in rooms."""
        held = [None if p is None else p.children for p in parts]
        return self._stretch(values, held, lambda new: one.make([new]), path)

    def _are_keyed(self, values: Sequence[Any]) -> bool:
        """Whether these are sets, or dictionaries of one class, some of whose keys are in rooms."""
        kind, *others = {type(v) for v in values if v is not UNDEFINED}
        if others or not issubclass(kind, (dict, set)):
            return False
        pairs = zip(values, self.overlays, strict=True)
        held = [o.contents(v) for v, o in pairs if v is not UNDEFINED]
        return any(map(is_keyed, held)) or (kind is set and _differ_in_numbers(held))

    def _keyed(self, values: Sequence[Any], one: Any, path: Path) -> Tree:
        """Sets or dictionaries whose keys are in rooms."""
        held = [
            None if v is UNDEFINED else pieces(o.contents(v))
            for v, o in zip(values, self.overlays, strict=True)
        ]
        filled = one.filled
        make = (lambda new: {new}) if filled is None else (lambda new: filled({ROWS: new}))
        return self._stretch(values, held, make, path)

    def _stretch(
        self, values: Sequence[Any], held: Sequence[Any], make: Any, path: Path
    ) -> Tree:  # fmt: skip
        """Containers made of one stretch of all that each of them holds."""
        around = [o for x, o in zip(held, self.overlays, strict=True) if x is not None]
        node, packed, numbered = self._packed([x for x in held if x is not None], around, path)
        found = iter([p.parts() for p in packed])
        columns: list[Any] = [UNDEFINED if x is None else next(found) for x in held]
        nodes = []
        for k, t in enumerate(packed[0].types):
            column = [UNDEFINED if c is UNDEFINED else c[0][k] for c in columns]
            nodes.append(self._part(column, room_type(t), (*path, f" (part {k} of its elements)")))
        for k, what in enumerate((" (where it starts)", " (its length)"), 1):
            column = [UNDEFINED if c is UNDEFINED else c[k] for c in columns]
            nodes.append(self._part(column, INDEX, (*path, what)))
        made = Tree(lambda new: _stretched(make, node, new, numbered), nodes, True)
        self._object(made, values, path)
        return made

    def _packed(self, lists: Sequence[Any], overlays: Sequence[Overlay], path: Path) -> Any:
        """What these hold, in one form; see `packing.agree`."""
        return above.agree(lists, overlays, path)

    def _part(self, columns: Sequence[Any], type: ArrayType, path: Path) -> Same | Slot:
        """A node for a part of such lists."""
        return (
            Same(columns[0]) if self.agrees(columns, path) else self.computed(columns, type, path)
        )

    def agrees(self, columns: Sequence[Any], path: Path) -> bool:
        """Whether all outcomes have the same part, which is known outside of them."""
        first = columns[0]
        if type(first) is int:
            return all(type(x) is int and x == first for x in columns)
        return not self.is_inner(first) and all(x is first for x in columns)

    def computed(self, columns: Sequence[Any], type: ArrayType, path: Path) -> Slot:
        """A slot for what joining itself has found."""
        return self.slot(columns, type, path)

    def _are_dicts(self, own: Sequence[Any]) -> bool:
        """Whether these are dictionaries of one class."""
        kinds = {p.kind[0] if isinstance(p.kind, tuple) else None for p in own}
        (kind, *others) = kinds
        return not others and isinstance(kind, type) and issubclass(kind, dict)

    def _partial(self, values: Sequence[Any], one: Any, path: Path) -> Tree:
        """Dictionaries of different keys: all that may be there, with conditions."""
        held = [
            None if v is UNDEFINED else o.contents(v)
            for v, o in zip(values, self.overlays, strict=True)
        ]
        names = list(dict.fromkeys(k for d in held if d is not None for k in d))
        if issubclass(one.kind[0], OrderedDict) and not all(
            list(d) == [k for k in names if k in d] for d in held if d is not None
        ):
            raise Mismatch(path, values, "their keys have different orders")
        nodes: list[Any] = []
        for k in names:
            found = [None if d is None else _conditional([d[k]])[0] if k in d else _ABSENT
                     for d in held]  # fmt: skip
            there = [UNDEFINED if f is None else f[0] for f in found]
            column = [UNDEFINED if f is None else f[1] for f in found]
            nodes.append(self.join(there, (*path, f"[{k!r}]", " (whether it is there)")))
            nodes.append(self.join(column, (*path, f"[{k!r}]")))
        make = one.filled

        def filled(new: Sequence[Any]) -> Any:
            pairs = zip(names, new[::2], new[1::2], strict=True)
            return make({
                k: v if c is True else Perhaps(c, v, 0, 1) for k, c, v in pairs if c is not False
            })  # fmt: skip

        made = Tree(filled, nodes)
        self._object(made, values, path)
        return made

    def _parts(
        self, values: Sequence[Any], present: Sequence[Any], parts: Sequence[Any], one: Any,
        path: Path,
    ) -> Any:  # fmt: skip
        made = Tree(one.make, children := [])
        made.kind, made.blank, made.fill = one.kind, one.blank, one.fill
        with self._noted(made, values):
            for i in range(len(one.children)):
                column = [UNDEFINED if p is None else p.children[i] for p in parts]
                children.append(self.join(column, (*path, one.keys[i])))
        untouched = not one.mutable or (len(present) == 1 and not self._is_touched(values))
        pairs = zip(children, one.children, strict=True)
        if untouched and all(type(c) is Same and c.value is v for c, v in pairs):
            return Same(present[0])
        if one.mutable or one.kind[0] is FunctionType:
            self._object(made, values, path)
        return made

    @contextmanager
    def _noted(self, node: Tree, values: Sequence[Any]) -> Iterator[None]:
        """Let what holds itself find the node of it while its parts are joined.

        Only under a key that `join` has in work: its values live on, so that no other has the key.
        """
        key = tuple(map(id, values))
        if self.rings and node.blank is not None and key in self._open:
            self._known[key] = node
        try:
            yield
        except Mismatch:
            self._known.pop(key, None)
            raise

    def _object(self, node: Tree, values: Sequence[Any], path: Path) -> None:
        """Note which objects a joined one stands for, and which object it is."""
        self._stands_for(node, values, path)
        pairs = zip(values, self.overlays, strict=True)
        tags = [None if v is UNDEFINED else identity.known_tag(v, o) for v, o in pairs]
        if any(t is not None for t in tags):
            node.tag = self.tag([UNDEFINED if t is None else t for t in tags], path)

    def tag(self, tags: Sequence[Any], path: Path) -> Any:
        """Node for which object an object is."""
        if any(t is identity.FROZEN for t in tags):
            return Same(identity.FROZEN)
        numbers = [identity.NONE if t is UNDEFINED else t.number for t in tags]
        family, sure = identity.united(None if t is UNDEFINED else t for t in tags)
        return Tagged(self._part(numbers, INDEX, (*path, " (which object)")), family, sure)

    def of_place(self, values: Sequence[Any], place: Location) -> Any:
        """Node for what a place of the heap holds in each outcome."""
        if type(place) is identity.Number:
            return self.tag(values, (place,))
        return self.join(values, (place,))

    def _stands_for(self, node: Slot | Tree, values: Sequence[Any], path: Path) -> None:
        """Note which objects a joined one stands for, and which of them it is."""
        if self.links is None:
            return
        listed: dict[int, Any] = {}
        indices: list[Any] = []
        for v, links in zip(values, self.links, strict=True):
            if v is UNDEFINED:
                indices.append(UNDEFINED)
                continue
            indices.append(_place(v, links, listed))
        node.origins = tuple(listed.values())
        node.which = self._which(indices, path)

    def _which(self, indices: Sequence[Any], path: Path) -> Slot:
        """One slot for all objects that are chosen alike."""
        key = tuple(i.key if type(i) is Remapped else i for i in indices)
        found = self._indices.get(key)
        if found is None:
            found = self._indices[key] = self.slot(indices, Remapped.type, path)
        return found

    def _is_touched(self, values: Sequence[Any]) -> bool:
        return any(
            v is not UNDEFINED and o.is_touched(v)
            for v, o in zip(values, self.overlays, strict=True)
        )

    def _keeps(self, values: Sequence[Any], x: Any) -> bool:
        """Whether the one object present stays itself."""
        if id(x) in self.outer:
            return True
        if not self.stored or id(x) in self.refused or not self._is_touched(values):
            return False
        if isinstance(x, Exception):  # what it was given is no place to store to
            return False
        pairs = zip(values, self.overlays, strict=True)
        return all(o.knows(v) for v, o in pairs if v is not UNDEFINED)

    # --- choices ------------------------------------------------------------------------

    def _choice(self, values: Sequence[Any], path: Path) -> Any:
        """A choice among all functions that any outcome holds."""
        listed: dict[Any, list[Any]] = {}
        indices: list[Any] = []
        for i, v in enumerate(values):
            if v is UNDEFINED:
                indices.append(UNDEFINED)
                continue
            held: Any = v
            own = held.alternatives if type(v) is Choice else (v,)
            places: list[int] = []
            for f in own:
                key = self._identity(f, i)
                listed.setdefault(key, [UNDEFINED] * len(values))[i] = f
                places.append(list(listed).index(key))
            if type(v) is not Choice:
                indices.append(places[0])
            elif places == list(range(len(places))):
                indices.append(held.index)
            else:
                indices.append(Remapped(held.index, tuple(places)))
        columns = list(listed.values())
        if all(a is b for a, b in zip(columns[0], values, strict=True)):
            raise Mismatch(path, values)  # told apart by nothing, and not to be joined either
        children = [
            self.join(column, (*path, f" (function {k})")) for k, column in enumerate(columns)
        ]
        if len(children) == 1:
            return children[0]
        index = self.computed(indices, Remapped.type, (*path, " (which function)"))
        return Tree(lambda new: Choice(new[0], tuple(new[1:])), [index, *children])

    def _identity(self, f: Any, i: int) -> Any:
        """Equal for functions that are one alternative: the same one, or the same code.

        Closures of one code are one alternative only where what they hold can be joined.
        """
        if is_number(f):
            return ("number",)
        code = getattr(f, "__code__", None)
        apart = take_apart(f, self.overlays[i])
        if not callable(f):
            if apart is not None:
                return ("parts", apart.kind)
            return (type(f), f) if isinstance(f, (str, bytes, enum.Enum)) else (id(f),)
        if code is not None and getattr(f, "__closure__", None) and apart is not None:
            return ("code", code, *(_form(x, self.overlays[i], (f,)) for x in apart.children))
        return (id(f),) if apart is None else ("parts", apart.kind, _ids(apart.children))


def _place(x: Any, links: Any, listed: dict[int, Any], by: Any = None) -> int | Remapped:
    """Where the object that `x` stands for is listed.

    Args:
        x: the object; None for one that nobody knows but as what `by` stands for.
        links: what stands for others in its outcome.
        listed: objects by identity.
        by: the object that stands for it, itself what was made in this case.
    """
    one = None if x is None else aliases.choice_of(x, links)
    if one is not None:
        return Remapped(one.index, tuple([_place(y, links, listed, x) for y in one.origins]))
    x = by if x is None else x
    listed.setdefault(id(x), x)
    return list(listed).index(id(x))


def _stretched(make: Any, node: Any, parts: Sequence[Any], numbered: Any) -> Any:
    """A container of one stretch, which hears of stores to the objects in it."""
    *rooms, first, length = parts
    made = make(Growing(node, rooms, first, length, numbered))
    if numbered:
        identity.hold(made)
    return made


def _may_be_chosen(present: Sequence[Any], own: Sequence[Any]) -> bool:
    """Whether values that are not alike become a choice.

    Containers of one kind are to have one structure, whatever else there may be.
    """
    containers = {p.kind for p in own if p.kind[0] in _CONTAINERS}
    return len(containers) <= 1


_CONTAINERS = (list, tuple, dict, set, deque)


def _form(x: Any, overlay: Overlay, around: tuple[Any, ...]) -> Any:
    """Structure of what a closure holds; functions in it may differ, they become choices."""
    if is_number(x):
        return np.shape(x)
    if callable(x) or any(x is other for other in around):
        return callable
    apart = take_apart(x, overlay)
    if apart is None:
        return x if isinstance(x, str) else id(x)
    return (apart.kind, *(_form(y, overlay, (*around, x)) for y in apart.children))


def _unbound(x: Any) -> tuple[Any, Any]:
    """Whether a name is bound, and its value."""
    if type(x) is Unsure:
        return x.is_bound, x.value
    if x is UNBOUND:
        return False, UNDEFINED
    return (UNDEFINED if x is UNDEFINED else True), x


_ABSENT = (False, UNDEFINED)


def _differ_in_numbers(sets: Sequence[set[Any]]) -> bool:
    """Whether sets of numbers, or of tuples of numbers, have different elements."""
    if all(x == sets[0] for x in sets):
        return False
    found = set().union(*sets)
    return (
        all(all(isinstance(y, SCALARS) for y in (x if type(x) is tuple else (x,))) for x in found)
        and len({len(x) if type(x) is tuple else None for x in found}) == 1
    )


def _conditional(items: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Elements of a list, each with the condition under which it is there."""
    return [(v.is_there, v.value) if type(v) is Perhaps else (True, v) for v in items]


def _paired(new: Sequence[Any]) -> list[tuple[Any, Any]]:
    found = list(zip(new[::2], new[1::2], strict=True))
    return [(c, v) for c, v in found if c is not False]


def _ids(xs: Sequence[Any]) -> tuple[int, ...]:
    return tuple(id(x) for x in xs if not is_number(x))
