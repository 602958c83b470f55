"""What a joined value is made of: constants, results of the program, and containers of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ms_func.ir.types import ArrayType
from ms_func.primitives.compare import eq, select
from ms_func.source.hooks.heap import aliases, identity
from ms_func.source.hooks.heap.undefined import UNDEFINED

Path = tuple[Any, ...]


class Same:
    """What all outcomes agree on."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The value."""
        return self.value


class Itself(Same):
    """An array that stays the same object, whatever is stored to it."""

    __slots__ = ()


class Slot:
    """A number or array that the program computes.

    Attributes:
        columns: its value in each outcome; UNDEFINED where there is none.
        type: the common type.
        index: place among the slots of the plan.
        path: where it stands.
        origins: what it may be the same as, for arrays, to which users may store; see `aliases`.
        which: slot that tells which of them.
        tag: what tells whether it is in a growing list; see `identity`.
    """

    __slots__ = ("columns", "index", "origins", "path", "tag", "type", "which")

    def __init__(self, columns: Sequence[Any], type: ArrayType, index: int, path: Path) -> None:
        self.columns = columns
        self.type = type
        self.index = index
        self.path = path
        self.origins: tuple[Any, ...] = ()
        self.which: Slot | None = None
        self.tag: Tagged | Same | None = None

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The result of the program."""
        found = outs[self.index]
        if (self.origins or self.tag is not None) and id(self) not in made:
            made[id(self)] = found
            _note(found, self, outs, made)
        return found


class Tagged:
    """Which object a joined one is; see `identity`.

    Attributes:
        number: node of the number.
        family: the family.
        sure: whether it has a number in every outcome.
    """

    __slots__ = ("family", "number", "sure")

    def __init__(self, number: Same | Slot, family: identity.Family, sure: bool) -> None:
        self.number, self.family, self.sure = number, family, sure

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The tag; UNDEFINED where there is none."""
        found = self.number.build(outs, made)
        return found if found is UNDEFINED else identity.Tag(found, self.family, self.sure)


class Tree:
    """A container, function or object joined part by part.

    Attributes:
        make: the object made of its parts.
        children: nodes of the parts.
        blank: of what may hold itself, one without parts.
        fill: puts the parts into one without parts.
        origins: objects that it stands for; see `aliases`.
        which: slot that tells which of them.
        is_stretch: whether it is a container whose elements are in rooms.
        kind: values of one kind are made alike of their parts; None where that is not known.
        tag: what tells which object it is, if that is known; see `identity`.
    """

    __slots__ = (
        "blank", "children", "fill", "is_stretch", "kind", "make", "origins", "tag", "which",
    )  # fmt: skip

    def __init__(self, make: Any, children: Sequence[Any], is_stretch: bool = False) -> None:
        self.make = make
        self.is_stretch = is_stretch
        self.children = children
        self.kind: Any = None
        self.blank: Any = None
        self.fill: Any = None
        self.origins: tuple[Any, ...] = ()
        self.which: Slot | None = None
        self.tag: Tagged | Same | None = None

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The value; the same object for each mention of it."""
        found = made.get(id(self))
        if found is not None:
            return found
        if self.blank is None:
            found = made[id(self)] = self.make([c.build(outs, made) for c in self.children])
        else:
            found = made[id(self)] = self.blank()
            self.fill(found, [c.build(outs, made) for c in self.children])
        _note(found, self, outs, made)
        return found


def _note(x: Any, node: Slot | Tree, outs: Sequence[Any], made: dict[int, Any]) -> None:
    """Note which objects a joined one stands for, and which object it is."""
    if node.which is not None:
        aliases.link(x, node.origins, outs[node.which.index])
    if node.tag is not None:
        identity.enter(x, node.tag.build(outs, made))


def walk(nodes: Sequence[Any]) -> Iterator[Any]:
    """Slots and trees among nodes and their parts."""
    stack, seen = list(nodes), set()
    while stack:
        node = stack.pop()
        if type(node) in (Slot, Tree) and id(node) not in seen:
            seen.add(id(node))
            yield node
            if type(node) is Tree:
                stack.extend(node.children)


class Later:
    """A value of a slot that is computed where it is needed: in the recording that gives it."""

    __slots__ = ()

    def value(self) -> Any:
        """The value, computed under the interpreter in force."""
        raise NotImplementedError


class Remapped(Later):
    """Index of a choice in terms of the alternatives of another."""

    __slots__ = ("index", "table")

    def __init__(self, index: Any, table: tuple[int | Remapped, ...]) -> None:
        self.index = index
        self.table = table

    type = ArrayType((), np.int32)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same index."""
        index = getattr(self.index, "variable", self.index)
        return index, tuple([x.key if isinstance(x, Remapped) else x for x in self.table])

    def value(self) -> Any:
        """The index, computed under the interpreter in force."""
        *others, found = [x.value() if isinstance(x, Remapped) else np.int32(x) for x in self.table]
        for i, place in enumerate(others):
            found = select(eq(self.index, np.int32(i)), place, found)
        return found
