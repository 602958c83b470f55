"""Comprehensions whose conditions, or whose number of steps, are known only at run time.

`[v for v in xs if v > 0]` of traced elements has a length that no program can hold. It is kept as
all elements, each with the condition under which it is there; what uses it asks for that. A
generator expression over `range(n)` with a traced `n` is kept as its parts, and becomes a loop in
what uses it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import tree
from ms_func.errors import StagingError
from ms_func.ir.primitive import current
from ms_func.source.hooks import complaints, failures
from ms_func.source.hooks.branch import and_, if_, ifexp, not_, or_
from ms_func.source.hooks.comparisons import same_or_equal
from ms_func.source.hooks.elements import elements
from ms_func.source.hooks.truths import RULES, asked, truth
from ms_func.source.hooks.undefined import UNDEFINED
from ms_func.tracing.tracer import Staging, Tracer


class Sifted:
    """Elements some of which are there only where a traced condition holds.

    Attributes:
        conditions: a bool or a traced one for each element.
        values: the elements; anything where the condition does not hold.
    """

    __slots__ = ("conditions", "values")

    def __init__(self, conditions: Sequence[Any], values: Sequence[Any]) -> None:
        self.conditions = list(conditions)
        self.values = list(values)

    def __iter__(self) -> Iterator[Any]:
        raise complaints.needs_truth("comprehension")

    def __bool__(self) -> bool:
        raise complaints.needs_truth("comprehension")

    def __getitem__(self, place: Any) -> Any:
        return element(self, place)

    __len__ = __add__ = __radd__ = __eq__ = __bool__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element that is there."""
        for c, v in zip(self.conditions, self.values, strict=True):
            out = ifexp(c, lambda v=v, out=out: step(out, v), lambda out=out: out)
        return out


class Running:
    """A generator expression whose number of steps is traced."""

    __slots__ = ("condition", "element", "iterable")

    def __init__(self, iterable: Any, element: Any, condition: Any) -> None:
        self.iterable, self.element, self.condition = iterable, element, condition

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)  # raises: the number of steps is known at run time

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element that is there, in a compiled loop."""
        from ms_func.source.hooks.iteration import for_

        def body(item: Any, out: Any) -> tuple[Any]:
            found = ifexp(self.condition(item), lambda: step(out, self.element(item)), lambda: out)
            return (found,)

        return for_(self.iterable, body, (out,), ("the result",))[0]


def comprehension(
    is_list: bool, iterable: Any, element: Callable[[Any], Any], condition: Any
) -> Any:
    """`[element(x) for x in iterable if condition(x)]`, or the generator of the same."""
    if type(current.interpreter) is not Staging:
        found = (element(x) for x in iterable if condition is None or condition(x))
        return list(found) if is_list else found
    asks = (lambda x: True) if condition is None else condition
    found = elements(iterable)
    if found is not None and not isinstance(found.length, int) and found.length is not None:
        if is_list:
            raise complaints.needs_truth("comprehension")
        return Running(iterable, element, asks)
    if not is_list and condition is None:
        return (element(x) for x in iterable)
    return _sifted(iterable, element, asks, is_list)


def _sifted(iterable: Any, element: Any, condition: Any, is_list: bool) -> Any:
    conditions: list[Any] = []
    values: list[Any] = []
    for x in iterable:
        c = asked(condition(x))
        if type(c) is Tracer:
            c = truth(c)
            value = ifexp(c, lambda x=x: element(x), lambda: UNDEFINED)
        elif c:
            value = element(x)
        else:
            continue
        conditions.append(c if type(c) is Tracer else True)
        values.append(value)
    if any(type(c) is Tracer for c in conditions):
        return Sifted(conditions, values)
    return values if is_list else iter(values)


# --- what uses them -----------------------------------------------------------------------------


def is_folded(x: Any) -> bool:
    """Whether elements have to be asked for by `fold`."""
    return type(x) is Sifted or type(x) is Running


def length(x: Sifted | Running) -> Any:
    """How many elements there are."""
    return x.fold(lambda n, v: n + 1, 0)


def is_any(x: Sifted | Running) -> Any:
    """Whether any element is true."""
    return x.fold(lambda found, v: or_(found, lambda: _truth(v)), False)


def are_all(x: Sifted | Running) -> Any:
    """Whether all elements are true."""
    return x.fold(lambda found, v: and_(found, lambda: _truth(v)), True)


def extremum(x: Any, less: Any, key: Any, name: str, options: dict[str, Any]) -> Any:
    """`min` or `max`, by what is `less`."""
    from ms_func.source.hooks.membership import is_

    keyed = (lambda v: v) if key is None else key

    def step(best: Any, v: Any) -> Any:
        better = or_(is_(best, None), lambda: less(keyed(v), keyed(best[0])))
        return ifexp(better, lambda: (v,), lambda: best)

    best = x.fold(step, None)

    def none() -> Any:
        if "default" in options:
            return options["default"]
        raise failures.raise_(ValueError(f"{name}() arg is an empty sequence"))

    return ifexp(is_(best, None), none, lambda: best[0])


def element(x: Sifted, place: Any) -> Any:
    """The element at a position among those that are there."""
    if type(place) is Tracer or isinstance(place, (int, np.integer)):
        place = ifexp(xp.less(place, 0), lambda: place + length(x), lambda: place)
        seen: Any = 0
        found, there = UNDEFINED, False
        for c, v in zip(x.conditions, x.values, strict=True):
            here = and_(c, lambda seen=seen: seen == place)
            found = ifexp(here, lambda v=v: v, lambda found=found: found)
            there, seen = or_(there, lambda here=here: here), seen + c * 1
        if there is not True:
            failures.assert_raising(there, IndexError("list index out of range"))
        return found
    raise complaints.needs_truth("comprehension")


def holds(x: Sifted, item: Any) -> Any:
    """`item in x`."""
    return x.fold(lambda found, v: or_(found, lambda: same_or_equal(v, item)), False)


def each(
    x: Sifted, body: Callable[..., Any], state: Any, names: Sequence[str], stop: int | None
) -> Any:
    """A `for` loop over the elements that are there."""
    for c, v in zip(x.conditions, x.values, strict=True):
        go_on = c if stop is None else and_(not_(state[stop]), lambda c=c: c)
        state = if_(go_on, lambda *s, v=v: body(v, *s), None, state, names)
    return state


def _truth(x: Any) -> Any:
    found = asked(x)
    return truth(found) if type(found) is Tracer else bool(found)


def _unflatten(frame: Any, kids: Any) -> Any:
    conditions, values = kids
    if any(isinstance(c, Tracer) or not hasattr(c, "__bool__") for c in conditions):
        return Sifted(conditions, values)
    if any(np.ndim(c) for c in conditions):
        raise StagingError(
            "MS102 branches disagree: lanes give lists of different lengths\n"
            "fix: return arrays of one shape"
        )
    return [v for c, v in zip(conditions, values, strict=True) if c]


tree.register_node(Sifted, lambda x: ((x.conditions, x.values), None), _unflatten)
RULES[Sifted] = lambda x: x.fold(lambda found, v: True, False)
