"""What a `for` loop goes over, as something that a compiled loop can take elements from.

`range`, `zip`, `enumerate` and `reversed` of converted code make these where an operand is
traced, and where the loop over them might be compiled. Otherwise they are Python's own.
"""

from __future__ import annotations

import builtins
import copy
import itertools
import operator
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from ms_func import tree
from ms_func.control_flow.bodies import as_type
from ms_func.dtypes import join
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, div, max, min, mul, neg, sub
from ms_func.primitives.axis_slices import dynamic_index_in_dim, dynamic_update_index_in_dim
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import gt, lt, select
from ms_func.primitives.shape import concatenate, expand_dims
from ms_func.source.hooks import above
from ms_func.source.hooks.heap import complaints, views
from ms_func.source.hooks.heap.anatomy import SCALARS, is_number
from ms_func.source.hooks.heap.journal import Position, journal
from ms_func.source.hooks.values import copies
from ms_func.source.hooks.values.types import converted, type_of
from ms_func.tracing.tracer import Tracer

INDEX = ArrayType((), np.int32, True)


class Elements:
    """Elements that can be taken by a traced position.

    Attributes:
        length: number of elements: an int, a traced integer, or None without end.
        is_stretch: whether a list may hold this in place of the elements themselves.
        whole: all elements of such a list, or of a set or dictionary that holds one; else None.
    """

    length: Any = None
    is_stretch: ClassVar[bool] = False
    whole: ClassVar[Callable[[Any], Elements | None]]

    def fixed(self) -> Elements:
        """These as they are now, outside of a loop, in arrays where `at` looks them up."""
        parts = {k: _fixed(part) for k, part in vars(self).items()}
        if all(map(operator.is_, parts.values(), vars(self).values())):
            return self
        made = copy.copy(self)
        vars(made).update(parts)
        return made

    def sources(self) -> list[Any]:
        """The containers of the user's of which these are copies."""
        parts = [x for p in vars(self).values() for x in (p if isinstance(p, list) else (p,))]
        return [y for x in parts if isinstance(x, Elements) for y in x.sources()]

    def at(self, i: Any) -> Any:
        """The element at position `i`, an int32 scalar."""
        raise NotImplementedError

    def known(self, i: int) -> Any:
        """The element at a position known while recording."""
        raise NotImplementedError

    def stacks(self) -> Sequence[Any]:
        """Arrays whose rows a `scan` hands to each step."""
        return ()

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """The element at position `i`, given the rows of the stacks there."""
        return self.at(i)

    def __iter__(self) -> Iterator[Any]:
        if self.length is not None and not isinstance(self.length, int):
            operator.index(self.length)  # raises: the number of steps is known at run time
        i = itertools.count() if self.length is None else range(self.length)
        return map(self.known, i)

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("a range without end has no length")
        return operator.index(self.length)


def _fixed(part: Any) -> Any:
    if isinstance(part, Elements):
        return part.fixed()
    if isinstance(part, list) and any(isinstance(x, Elements) for x in part):
        return [_fixed(x) for x in part]
    return part


class Range(Elements):
    """`range` with traced bounds, or one without end."""

    def __init__(self, start: Any, stop: Any, step: Any = 1) -> None:
        self.start, self.stop, self.step = start, stop, step
        self.type = _index_type([x for x in (start, stop, step) if x is not None])
        known = not any(type(x) is Tracer for x in (start, stop, step))
        if not isinstance(step, Tracer) and stop is not None and step == 0:
            raise ValueError("range() arg 3 must not be zero")
        if stop is None:
            self.length: Any = None
        elif known:
            self.length = len(range(start, stop, step))
        else:
            self.length = self._count()

    @property
    def is_counted(self) -> bool:
        """Whether the elements themselves can be counted up or down from the first."""
        return isinstance(self.step, int) and self.stop is not None

    @property
    def first(self) -> Any:
        """The first element, in the type of the loop."""
        return self._weak(self.start)

    def after(self, x: Any) -> Any:
        """The element after `x`."""
        return add(x, self._as_index(self.step))

    def goes_on(self, x: Any) -> Any:
        """Whether `x` is still an element."""
        return lt(x, self._weak(self.stop)) if self.step > 0 else gt(x, self._weak(self.stop))

    def _count(self) -> Any:
        """Number of elements: the distance divided by the step, rounded up."""
        low, high, step = (self._as_index(x) for x in (self.start, self.stop, self.step))
        if isinstance(self.step, int) and abs(self.step) == 1:
            distance = sub(high, low) if self.step > 0 else sub(low, high)
            return max(distance, self._as_index(0))
        if isinstance(self.step, int):
            return self._rounded(*((high, low) if self.step > 0 else (low, high)), abs(self.step))
        up = gt(step, self._as_index(0))
        first, last = select(up, low, high), select(up, high, low)
        return self._rounded(last, first, select(up, step, neg(step)))

    def _rounded(self, high: Any, low: Any, step: Any) -> Any:
        step = self._as_index(step)
        distance = sub(add(sub(high, low), step), self._as_index(1))
        return max(div(distance, step), self._as_index(0))

    def _as_index(self, x: Any) -> Any:
        if isinstance(x, (int, np.integer)):
            return Literal(np.asarray(int(x), self.type.dtype)[()], self.type)
        t = typeof(x)
        if t.dtype == self.type.dtype:
            return x
        return convert_element_type(x, self.type.dtype, self.type.weak_type)

    def at(self, i: Any) -> Any:
        """`start + i * step`, as a Python int would be: of weak type."""
        if typeof(i) is not self.type:
            i = convert_element_type(i, self.type.dtype, True)
        if not (isinstance(self.step, int) and self.step == 1):
            i = mul(i, self._weak(self.step))
        if isinstance(self.start, int) and self.start == 0:
            return i
        return add(i, self._weak(self.start))

    def _weak(self, x: Any) -> Any:
        x = self._as_index(x)
        return x if typeof(x).weak_type else convert_element_type(x, self.type.dtype, True)

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.start + i * self.step


def _index_type(bounds: Sequence[Any]) -> ArrayType:
    """Integer type of the bounds, weak like Python's integers.

    Raises:
        TypeError: a bound is no scalar integer.
    """
    dtype, weak = np.dtype(np.int32), True
    for x in bounds:
        t = typeof(x)
        if t.shape != () or t.dtype.kind not in "iu":
            raise TypeError(f"range takes integers, got {t.dtype.name}{list(t.shape)}")
        dtype, weak = join(dtype, weak, t.dtype, t.weak_type)
    return ArrayType((), dtype, True)


class Rows(Elements):
    """An array along its first dimension."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.length = typeof(array).shape[0]

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return self._row(dynamic_index_in_dim(self.array, i, 0, keepdims=False), i)

    def _row(self, found: Any, i: Any) -> Any:
        """A row, which is a part of the array."""
        if type(self.array) is not Tracer:
            return found
        return views.part(
            self.array, found, lambda v: dynamic_index_in_dim(v, i, 0, keepdims=False),
            lambda v, new: dynamic_update_index_in_dim(v, new, i, 0),
            (i,) if type(i) is Tracer else (),
        )  # fmt: skip

    def stacks(self) -> Sequence[Any]:
        """The array."""
        return (self.array,)

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """The row."""
        return rows[0]

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self._row(self.array[i], i)


class Listed(Elements):
    """The elements of a list or tuple, whatever they are when they are asked for."""

    def __init__(self, values: Any) -> None:
        self.values = values

    @property
    def length(self) -> Any:  # type: ignore[override]
        """How many there are now."""
        return len(self.values)

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        found = _sequence(self.values)
        if found is None or copies.containers([*self.values]):
            return above.getitem(self.values, i)
        return found.at(i)

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.values[i]

    def fixed(self) -> Elements:
        """Arrays of them, where they have one form."""
        found = _sequence(self.values)
        return self if found is None else Fixed(found.fixed(), copies.containers(self.values))


class Fixed(Elements):
    """Copies of elements that were in some containers of the user's when a loop began."""

    def __init__(self, part: Elements, of: list[Any]) -> None:
        self.part, self.of = part, of
        self.length = part.length

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return self.part.at(i)

    def stacks(self) -> Sequence[Any]:
        """Those of the elements."""
        return self.part.stacks()

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """The element."""
        return self.part.take(rows, i)

    def sources(self) -> list[Any]:
        """The containers."""
        return self.of


class Numbers(Elements):
    """A sequence of Python numbers of one type, as a constant array of weak type."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self.length = len(values)
        self.type = type_of(values[0])
        self.array = np.asarray(values, self.type.dtype)

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return self.take([dynamic_index_in_dim(self.array, i, 0, keepdims=False)], i)

    def stacks(self) -> Sequence[Any]:
        """The numbers."""
        return (self.array,)

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """A number of weak type."""
        if not self.type.weak_type:
            return rows[0]
        return convert_element_type(rows[0], self.type.dtype, True)


class Stacked(Elements):
    """A sequence of trees of arrays with equal structure and types, stacked when first needed."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self.length = len(values)
        self._stacks: Any = None

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        rows = [dynamic_index_in_dim(x, i, 0, keepdims=False) for x in self.stacks()]
        return self.take(rows, i)

    def stacks(self) -> Sequence[Any]:
        """One array for each leaf."""
        if self._stacks is None:
            columns = zip(*map(tree.leaves, self.values), strict=True)
            self._stacks = [
                concatenate([_row(converted(x, t)) for x in xs], 0)
                for xs, t in zip(columns, self._types(), strict=True)
            ]
        return self._stacks

    def _types(self) -> list[ArrayType]:
        return [*map(type_of, tree.leaves(self.values[0]))]

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """The tree; what was a Python number is weakly typed."""
        rows = [as_type(x, t) for x, t in zip(rows, self._types(), strict=True)]
        return tree.unflatten(tree.structure(self.values[0]), rows)

    def fixed(self) -> Elements:
        """Stacked here, outside of the loop that looks at them."""
        self.stacks()
        return self


def _row(x: Any) -> Any:
    return expand_dims(x, (0,))


class Zip(Elements):
    """`zip`, and `enumerate` with a range as first part; also of tuples of numbers."""

    def __init__(self, parts: list[Elements]) -> None:
        self.parts = parts

    @property
    def length(self) -> Any:  # type: ignore[override]
        """That of the shortest part."""
        lengths = [p.length for p in self.parts if p.length is not None]
        known = [n for n in lengths if isinstance(n, int)]
        found: Any = builtins.min(known) if known else None
        for n in lengths:
            if not isinstance(n, int):
                found = n if found is None else min(n, found)
        return found

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return tuple([p.at(i) for p in self.parts])

    def stacks(self) -> Sequence[Any]:
        """Those of all parts."""
        return [x for p in self.parts for x in p.stacks()]

    def take(self, rows: Sequence[Any], i: Any) -> Any:
        """An element of each part."""
        rest = iter(rows)
        return tuple([p.take([next(rest) for _ in p.stacks()], i) for p in self.parts])

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return tuple([p.known(i) for p in self.parts])


class Mapped(Elements):
    """`map` of elements whose number is traced."""

    def __init__(self, f: Callable[[Any], Any], part: Elements) -> None:
        self.f, self.part = f, part
        self.length = part.length

    def at(self, i: Any) -> Any:
        """The function of the element at a traced position."""
        return self.f(self.part.at(i))

    def known(self, i: int) -> Any:
        """That at a known position."""
        return self.f(self.part.known(i))


class Reversed(Elements):
    """`reversed`."""

    def __init__(self, part: Elements) -> None:
        self.part = part
        self.length = part.length

    def _mirror(self, i: Any) -> Any:
        if isinstance(self.length, int) and isinstance(i, int):
            return self.length - 1 - i
        number = typeof(i).dtype.type
        if isinstance(self.length, int):
            return sub(number(self.length - 1), i)
        return sub(sub(convert_element_type(self.length, number), i), number(1))

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return self.part.at(self._mirror(i))

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.part.known(self._mirror(i))


class Rest(Elements):
    """All elements but the first few."""

    def __init__(self, part: Elements, start: Any) -> None:
        self.part, self.start = part, start
        length = part.length
        self.length = None if length is None else length - start

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return self.part.at(add(i, convert_element_type(self.start, typeof(i).dtype, True)))

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.part.known(i + self.start)


class Once:
    """An iterator over elements.

    Attributes:
        part: the elements.
        position: how many of them were taken; None where only the one who took them knows.
        born: number of the region, or trial, in which it was made; nobody else knows it there.
    """

    __slots__ = ("__weakref__", "born", "part", "position")

    def __init__(self, part: Elements) -> None:
        self.part = part
        self.position: Any = 0
        self.born = 0 if journal.top is None else journal.top.number

    def place(self) -> Any:
        """The position.

        Raises:
            StagingError: MS180, it is not known.
        """
        if self.position is None:
            raise complaints.advanced()
        return self.position

    def is_known(self) -> bool:
        """Whether the position and the number of elements are known while recording."""
        return type(self.place()) is int and isinstance(self.part.length, (int, type(None)))

    def move(self, position: Any) -> None:
        """Set the position, journalled."""
        if journal.top is not None and journal.top.number != self.born:
            journal.top.touch(Position(self, "position"))
        self.position = position

    def finish(self) -> None:
        """Take all elements."""
        self.move(self.part.length)

    def rest(self) -> Elements:
        """The elements that were not taken yet."""
        position = self.place()
        return self.part if type(position) is int and position == 0 else Rest(self.part, position)

    def __iter__(self) -> Once:
        return self

    def __next__(self) -> Any:
        position, length = self.place(), self.part.length
        for x in (position, length):
            if type(x) is Tracer:
                operator.index(x)  # raises: it is known at run time
        if length is not None and position >= length:
            raise StopIteration
        self.move(position + 1)
        return self.part.known(position)


KINDS: dict[type, Callable[[Any], Elements]] = {}
"""How the elements of objects of some types are found."""


def elements(x: Any) -> Elements | None:
    """`x` as elements of a compiled loop, None where they cannot be taken by position."""
    kind = type(x)
    if kind in KINDS:
        return KINDS[kind](x)
    if kind is Once:
        found = x.rest()
        x.move(None)
        return found
    if isinstance(x, Elements):
        return x
    if kind is range:
        return Range(x.start, x.stop, x.step)
    if kind is itertools.count:
        start, step = _count_of(x)
        return Range(start, None, step) if isinstance(start, int) else None
    if kind is Tracer or kind is Array or isinstance(x, np.ndarray):
        return Rows(x) if is_number(x) and np.ndim(x) else None
    if isinstance(x, (list, tuple, deque)) and len(x):
        if any(isinstance(e, Elements) and e.is_stretch for e in x):
            return Elements.whole(x)
        return None if isinstance(x, deque) or _sequence(x) is None else Listed(x)
    if isinstance(x, (dict, set, frozenset)):
        return Elements.whole(x)
    return None


def _count_of(x: Any) -> tuple[Any, Any]:
    """Start and step of an `itertools.count`, which only its text tells without moving it."""
    inside = repr(x)[len("count(") : -1].split(",")
    try:
        numbers = [int(n) for n in inside]
    except ValueError:
        return None, None
    return numbers[0], numbers[1] if len(numbers) > 1 else 1


def _alike(x: Sequence[Any]) -> Sequence[Any]:
    """Arrays, with the Python numbers among them as arrays of the same type.

    Only where that keeps integers integers; otherwise as they are.
    """
    types = {typeof(e) for e in x if not isinstance(e, SCALARS)}
    if len(types) != 1 or next(iter(types)).shape != ():
        return x
    (own,) = types
    if any(isinstance(e, SCALARS) and typeof(e).dtype.kind != own.dtype.kind for e in x):
        return x
    return [
        convert_element_type(e, own.dtype, own.weak_type) if isinstance(e, SCALARS) else e
        for e in x
    ]


def _sequence(x: Sequence[Any]) -> Elements | None:
    kinds = set(map(type, x))
    if len(kinds) == 1 and kinds <= set(SCALARS):
        return Numbers(list(x))
    if kinds == {tuple} and len({len(row) for row in x}) == 1 and len(x[0]):
        columns = [_sequence(column) for column in zip(*x, strict=True)]
        return None if None in columns else Zip(columns)  # type: ignore[arg-type]
    x = _alike(x) if len(kinds) > 1 and all(map(is_number, x)) else [*x]
    first, shape = tree.flatten(x[0])
    if not first or not all(map(is_number, first)):
        return None
    types = [typeof(leaf) for leaf in first]
    for other in x[1:]:
        leaves, other_shape = tree.flatten(other)
        if other_shape != shape or not all(map(is_number, leaves)):
            return None
        if any(typeof(a) is not t for a, t in zip(leaves, types, strict=True)):
            return None
    return Stacked(x)
