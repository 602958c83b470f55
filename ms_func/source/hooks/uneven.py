"""Lists whose length the data decide, and generator expressions of that kind.

`if x > 0: w.append(x)` and `[v for v in xs if v > 0]` of traced elements give a list of a length
that no program can hold. It is kept as all elements that may be there, each a `Perhaps` with the
condition under which it is; what uses the list asks for that. Elements are numbered, so that a
part of such a list that was cut out without asking is noticed. A generator expression over
`range(n)` with a traced `n` is kept as its parts, and becomes a loop in what uses it up.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import tree
from ms_func.errors import StagingError
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.primitives.arithmetic import bitwise_and, bitwise_or
from ms_func.source.hooks import complaints, failures, lookup
from ms_func.source.hooks.branch import and_, if_, ifexp, not_, or_
from ms_func.source.hooks.choice import Choice
from ms_func.source.hooks.comparisons import order, same_or_equal
from ms_func.source.hooks.elements import elements
from ms_func.source.hooks.journal import Contents
from ms_func.source.hooks.perhaps import Perhaps
from ms_func.source.hooks.truths import RULES, asked, at_hand, truth
from ms_func.source.hooks.undefined import UNDEFINED
from ms_func.tracing.tracer import Staging, Tracer

Pairs = list[tuple[Any, Any]]
"""Conditions and elements."""
_SEQUENCES = (list, tuple, deque)


def is_uneven(x: Any) -> bool:
    """Whether data decide how many elements a list, tuple or deque has."""
    return Perhaps.exist and isinstance(x, _SEQUENCES) and Perhaps in map(type, x)


def pairs(x: Iterable[Any]) -> Pairs:
    """The elements that may be there, with their conditions.

    Raises:
        StagingError: MS102, it is a part of such a list that was cut out by position.
    """
    found: Pairs = []
    following, count = 0, 0
    for v in x:
        one = v if type(v) is Perhaps else None
        place = 0 if one is None else one.place
        if place != following or (one is not None and following and one.count != count):
            raise Perhaps.complaint()
        if one is None:
            found.append((True, v))
        else:
            found.append((one.is_there, one.value))
            count = one.count
            following = (place + 1) % count
    if following:
        raise Perhaps.complaint()
    return found


def laid(given: Pairs) -> list[Any]:
    """The list of elements with conditions; a plain one where all are there."""
    return Perhaps.of([(c, v) for c, v in given if c is not False])


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


class Taken(Running):
    """`takewhile` of elements without a known end."""

    __slots__ = ()

    def __init__(self, condition: Any, iterable: Any) -> None:
        super().__init__(iterable, lambda x: x, condition)

    def __iter__(self) -> Iterator[Any]:
        return itertools.takewhile(self.condition, self.iterable)

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element until the condition does not hold."""
        from ms_func.source.hooks.iteration import for_

        return for_(self, lambda x, out: (step(out, x),), (out,), ("the result",))[0]

    def each(
        self, body: Callable[..., Any], state: Any, names: Sequence[str], stop: int | None
    ) -> Any:
        """A `for` loop over them."""
        from ms_func.source.hooks.iteration import for_

        def step(item: Any, *state: Any) -> Any:
            def go_on(*s: Any) -> Any:
                after = body(item, *s[:-1])
                return (*after, False if stop is None else after[stop])

            return if_(self.condition(item), go_on, lambda *s: (*s[:-1], True), state, every)

        every = (*names, "<taken>")
        return for_(self.iterable, step, (*state, False), every, len(state))[:-1]


def comprehension(
    is_list: bool, iterable: Any, element: Callable[[Any], Any], condition: Any
) -> Any:
    """`[element(x) for x in iterable if condition(x)]`, or the generator of the same."""
    if type(current.interpreter) is not Staging:
        if condition is None:
            return [element(x) for x in iterable] if is_list else (element(x) for x in iterable)
        if is_list:
            return [element(x) for x in iterable if condition(x)]
        return (element(x) for x in iterable if condition(x))
    asks = (lambda x: True) if condition is None else condition
    if not is_list and condition is not None and _has_no_end(iterable):
        return (element(x) for x in iterable if _decided(condition(x)))
    if not is_uneven(iterable):
        found = elements(iterable)
        if found is not None and not isinstance(found.length, int) and found.length is not None:
            if is_list:
                raise complaints.needs_truth("comprehension")
            return Running(iterable, element, asks)
        if not is_list and condition is None and not Perhaps.exist:
            return (element(x) for x in iterable)
        if not is_list and (found is None or found.length is None) and condition is None:
            return (element(x) for x in without(iterable))
    values = mapped(element, sifted(asks, iterable))
    return values if is_list or is_uneven(values) else iter(values)


def _has_no_end(x: Any) -> bool:
    return isinstance(x, (itertools.count, itertools.cycle, itertools.repeat))


def _decided(x: Any) -> Any:
    """A condition that Python has to know now.

    Raises:
        StagingError: MS170, it is known only at run time.
    """
    if type(x := asked(x)) is not Tracer:
        return x
    known = at_hand(x)
    if known is x:
        raise complaints.needs_truth("comprehension")
    return known


def nested(is_list: bool, iterable: Any, inner: Callable[[Any], Any], condition: Any) -> Any:
    """`[y for x in iterable if condition(x) for y in inner(x)]`, or the generator of the same."""
    if type(current.interpreter) is not Staging:
        found = (y for x in iterable if condition is None or condition(x) for y in inner(x))
        return list(found) if is_list else found
    asks = (lambda x: True) if condition is None else condition
    if not is_list and condition is None and not is_uneven(iterable):
        return (y for x in iterable for y in inner(x))
    found = [
        pair
        for c, x in pairs(sifted(asks, iterable))
        for pair in pairs(ifexp(c, lambda x=x: list(inner(x)), list))
    ]
    values = laid(found)
    return values if is_list or is_uneven(values) else iter(values)


def items(x: Any) -> Any:
    """`x`, of which Python itself takes the elements.

    Raises:
        StagingError: MS170, data decide how many these are.
    """
    if is_uneven(x):
        raise Perhaps.complaint()
    return x


def without(items: Iterable[Any]) -> Iterator[Any]:
    """Elements that are known to be there.

    Raises:
        StagingError: MS102, it meets one that may not be.
    """
    for x in items:
        if type(x) is Perhaps:
            raise Perhaps.complaint()
        yield x


# --- what makes others of them ------------------------------------------------------------------


def sifted(condition: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Elements for which a condition holds."""
    found: Pairs = []
    for c, v in pairs(items):
        here = and_(c, lambda v=v: _truth(condition(v)))
        if here is not False:
            found.append((here, v))
    return laid(found)


def mapped(f: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """`f` of each element that is there."""
    return laid(
        [
            (c, f(v) if c is True else ifexp(c, lambda v=v: f(v), lambda: UNDEFINED))
            for c, v in pairs(items)
        ]
    )


def numbered(x: Any, start: Any = 0) -> list[Any]:
    """`enumerate(x, start)`."""
    found = []
    for c, v in pairs(x):
        found.append((c, (start, v)))
        start = start + c * 1
    return laid(found)


def zipped(iterables: Sequence[Any], strict: bool = False) -> list[Any]:
    """`zip`."""
    columns = [pairs(x) for x in iterables]
    lengths = [_length(c) for c in columns]
    shortest: Any = lengths[0]
    for n in lengths[1:]:
        if strict:
            failures.assert_raising(xp.equal(n, lengths[0]), ValueError("zip() arguments differ"))
        shortest = n if shortest is n else xp.minimum(shortest, n)
    return laid(
        [
            (_known(k < shortest), tuple([_ranked(c, k) for c in columns]))
            for k in range(min(map(len, columns)))
        ]
    )


def in_order(x: Any, key: Any, reverse: bool) -> list[Any]:
    """`sorted(x, key=key, reverse=reverse)`."""
    given = pairs(x)
    values = [v for _, v in given]
    keys = values if key is None else [v for _, v in pairs(mapped(key, x))]
    ranks = [(c if reverse else not_(c), k) for (c, _), k in zip(given, keys, strict=True)]
    places, n = order(ranks, reverse), _length(given)
    return laid([(_known(i < n), lookup.pick(values, places[i])) for i in range(len(given))])


def until(condition: Any, items: Any, takes: bool) -> list[Any]:
    """`takewhile` or `dropwhile`."""
    found: Pairs = []
    going: Any = True
    for c, v in pairs(items):
        here = and_(c, lambda v=v: _truth(condition(v)))
        going = _both(going, _either(_not(c), here))
        if going is False and takes:
            break
        found.append((_both(c, going if takes else _not(going)), v))
    return laid(found)


# --- what uses them -----------------------------------------------------------------------------


def is_folded(x: Any) -> bool:
    """Whether elements have to be asked for by `fold`."""
    return isinstance(x, Running) or is_uneven(x)


def fold(x: Any, step: Callable[[Any, Any], Any], out: Any) -> Any:
    """`step(out, element)` for each element that is there."""
    if isinstance(x, Running):
        return x.fold(step, out)
    for c, v in pairs(x):
        out = ifexp(c, lambda v=v, out=out: step(out, v), lambda out=out: out)
    return out


def length(x: Any) -> Any:
    """How many elements there are."""
    return fold(x, lambda n, v: n + 1, 0) if isinstance(x, Running) else _length(pairs(x))


def _length(given: Pairs) -> Any:
    return sum([c * 1 for c, _ in given])


def is_any(x: Any) -> Any:
    """Whether any element is true."""
    return fold(x, lambda found, v: or_(found, lambda: _truth(v)), False)


def are_all(x: Any) -> Any:
    """Whether all elements are true."""
    return fold(x, lambda found, v: and_(found, lambda: _truth(v)), True)


def extremum(x: Any, less: Any, key: Any, name: str, options: dict[str, Any]) -> Any:
    """`min` or `max`, by what is `less`."""
    keyed = (lambda v: v) if key is None else key

    def none() -> Any:
        if "default" in options:
            return options["default"]
        raise failures.raise_(ValueError(f"{name}() arg is an empty sequence"))

    return folded(x, lambda best, v: ifexp(less(keyed(v), keyed(best)), lambda: v, lambda: best),
                  none)  # fmt: skip


def folded(x: Any, step: Callable[[Any, Any], Any], none: Callable[[], Any]) -> Any:
    """The fold that starts with the first element; `none()` if there is none."""
    from ms_func.source.hooks.membership import is_

    def first_or(best: Any, v: Any) -> Any:
        return ifexp(is_(best, None), lambda: (v,), lambda: (step(best[0], v),))

    best = fold(x, first_or, None)
    return ifexp(is_(best, None), none, lambda: best[0])


def element(x: Any, place: Any) -> Any:
    """`x[place]`."""
    given = pairs(x)
    if isinstance(place, slice):
        return cut(given, place)
    if isinstance(place, (int, np.integer)):
        if 0 <= place < len(given) and all(c is True for c, _ in given[: int(place) + 1]):
            return given[int(place)][1]
    elif type(place) is not Tracer:
        raise TypeError(f"list indices must be integers or slices, not {type(place).__name__}")
    return _checked(given, place, "list index out of range")


def _checked(given: Pairs, place: Any, message: str) -> Any:
    """The element at a position, which may count from the end; an IndexError at run time."""
    n = _length(given)
    at = _from_start(place, n)
    inside = bitwise_and(xp.greater_equal(at, 0), xp.less(at, n))
    failures.assert_raising(inside, IndexError(message))
    return _ranked(given, at)


def _from_start(place: Any, n: Any) -> Any:
    """A position that may count from the end, counted from the start."""
    if type(place) is Tracer:
        return xp.where(xp.less(place, 0), place + n, place)
    return place + n if place < 0 else place


def _ranked(given: Pairs, place: Any) -> Any:
    """The element at a position among those that are there."""
    if not given:
        raise failures.raise_(IndexError("list index out of range"))
    if all(c is True for c, _ in given) and type(place) is not Tracer:
        return given[place][1]
    seen: Any = 0
    found: Any = UNDEFINED
    for c, v in given:
        here = _both(c, _known(xp.equal(seen, place)))
        found = ifexp(here, lambda v=v: v, lambda found=found: found)
        seen = seen + c * 1
    return found


def cut(given: Pairs, part: slice) -> list[Any]:
    """The elements of a slice, of step one or minus one."""
    if part.step == -1 and part.start is None and part.stop is None:
        return laid(given[::-1])
    if part.step not in (None, 1):
        raise Perhaps.complaint()
    n, seen = _length(given), 0
    ends: Any = [x if x is None else _from_start(x, n) for x in (part.start, part.stop)]
    first, last = ends
    found: Pairs = []
    for k, (c, v) in enumerate(given):
        after = True if first is None else _known(xp.greater_equal(seen, first))
        if isinstance(first, int) and k < first:
            after = False
        before = True if last is None else _known(xp.less(seen, last))
        found.append((_both(c, _both(after, before)), v))
        seen = seen + c * 1
    return laid(found)


def holds(x: Any, item: Any) -> Any:
    """`item in x`."""
    return fold(x, lambda found, v: or_(found, lambda: same_or_equal(v, item)), False)


def each(
    x: Any, body: Callable[..., Any], state: Any, names: Sequence[str], stop: int | None
) -> Any:
    """A `for` loop over the elements that are there."""
    for c, v in pairs(x):
        go_on = c if stop is None else and_(not_(state[stop]), lambda c=c: c)
        state = if_(go_on, lambda *s, v=v: body(v, *s), None, state, names)
    return state


def alike(a: Any, b: Any) -> Any:
    """`a == b`, of two lists."""
    one, other = pairs(a), pairs(b)
    n = _length(one)
    found = _known(xp.equal(n, _length(other)))
    for k in range(min(len(one), len(other))):
        equal = ifexp(
            k < n, lambda k=k: _truth(same_or_equal(_ranked(one, k), _ranked(other, k))),
            lambda: True,
        )  # fmt: skip
        found = _both(found, equal)
    return found


# --- stores -------------------------------------------------------------------------------------


def stored(x: Any, place: Any, value: Any) -> list[Any]:
    """What a list holds after `x[place] = value`."""
    given = pairs(x)
    if isinstance(place, slice):
        raise Perhaps.complaint()
    n, seen = _length(given), 0
    at = _from_start(place, n)
    inside = bitwise_and(xp.greater_equal(at, 0), xp.less(at, n))
    failures.assert_raising(inside, IndexError("list assignment index out of range"))
    found: Pairs = []
    for c, v in given:
        here = _both(c, _known(xp.equal(seen, at)))
        found.append((c, ifexp(here, lambda: value, lambda v=v: v)))
        seen = seen + c * 1
    return laid(found)


def _pop(x: Any, place: Any = -1) -> Any:
    given = pairs(x)
    if type(place) is not Tracer and place in (0, -1) and given[place][0] is True:
        _, value = given.pop(place)
    else:
        value = _checked(given, place, f"pop from an empty {type(x).__name__}")
        given = _without(given, place)
    _put(x, given)
    return value


def _without(given: Pairs, place: Any) -> Pairs:
    """All elements but one."""
    if type(place) is not Tracer and place in (0, -1):
        return _shorter(given) if place else _shorter(given[::-1])[::-1]
    n, seen = _length(given), 0
    at = _from_start(place, n)
    found: Pairs = []
    for c, v in given:
        found.append((_both(c, _known(xp.not_equal(seen, at))), v))
        seen = seen + c * 1
    return found


def _without_first(given: Pairs, item: Any) -> Pairs:
    """All elements but the first that equals an item; a ValueError if there is none."""
    found: Pairs = []
    done: Any = False
    for c, v in given:
        equal = ifexp(c, lambda v=v: _truth(same_or_equal(v, item)), lambda: False)
        here = _both(equal, _not(done))
        found.append((_both(c, _not(here)), v))
        done = _either(done, here)
    if done is not True:
        failures.assert_raising(done, ValueError("list.remove(x): x not in list"))
    return found


def _shorter(given: Pairs) -> Pairs:
    """All elements but the last."""
    found: Pairs = []
    later: Any = False
    for c, v in given[::-1]:
        found.append((_both(c, later), v))
        later = _either(later, c)
    return found[:0:-1]


def _put(x: Any, given: Pairs) -> None:
    Contents(x).write(laid(given))


def _add(x: Any, value: Any, at_front: bool = False) -> None:
    if isinstance(x, deque) and x.maxlen is not None:
        raise Perhaps.complaint()
    given = pairs(x)
    _put(x, [(True, value), *given] if at_front else [*given, (True, value)])


def _extend(x: Any, values: Any) -> None:
    if isinstance(x, deque) and x.maxlen is not None:
        raise Perhaps.complaint()
    _put(x, [*pairs(x), *pairs(values)])


def _insert(x: Any, place: Any, value: Any) -> None:
    if type(place) is Tracer or place != 0:
        raise Perhaps.complaint()
    _add(x, value, True)


def _sort(x: Any, *, key: Any = None, reverse: bool = False) -> None:
    Contents(x).write(in_order(x, key, reverse))


METHODS: dict[str, Callable[..., Any]] = {
    "append": _add,
    "appendleft": lambda x, value: _add(x, value, True),
    "extend": _extend,
    "insert": _insert,
    "pop": _pop,
    "popleft": lambda x: _pop(x, 0),
    "clear": lambda x: _put(x, []),
    "reverse": lambda x: _put(x, pairs(x)[::-1]),
    "sort": _sort,
    "copy": lambda x: type(x)(x),
    "remove": lambda x, item: _put(x, _without_first(pairs(x), item)),
    "count": lambda x, item: fold(x, lambda n, v: n + _truth(same_or_equal(v, item)) * 1, 0),
    "__contains__": holds,
    "__len__": length,
    "__getitem__": element,
}
"""Methods of lists and deques of such a length."""


# --- conditions ---------------------------------------------------------------------------------


def _truth(x: Any) -> Any:
    found = asked(x)
    return truth(found) if type(found) is Tracer else bool(found)


def _known(x: Any) -> Any:
    return x if type(x) is Tracer else bool(x)


def _both(a: Any, b: Any) -> Any:
    if a is False or b is True:
        return a
    return b if a is True or b is False else bitwise_and(a, b)


def _either(a: Any, b: Any) -> Any:
    if a is True or b is False:
        return a
    return b if a is False or b is True else bitwise_or(a, b)


def negated(x: Any) -> Any:
    """`not x`."""
    return not_(x)


def _not(a: Any) -> Any:
    return not a if isinstance(a, bool) else not_(a)


# --- as a result --------------------------------------------------------------------------------


class Sifted:
    """A list of such a length on its way out of a compiled program.

    Attributes:
        conditions: a bool or a traced one for each element.
        values: the elements; anything where the condition does not hold.
        kind: what it is: a list, tuple or deque.
    """

    __slots__ = ("conditions", "kind", "values")

    def __init__(self, conditions: Sequence[Any], values: Sequence[Any], kind: type) -> None:
        self.conditions, self.values, self.kind = list(conditions), list(values), kind


def leaving(x: Any) -> Any:
    """A result with the lists of such a length in it in a form that can leave the program."""
    if not Perhaps.exist:
        return x
    return tree.map(_left, x, is_leaf=lambda v: type(v) in (Perhaps, Choice) or is_uneven(v))


def _left(x: Any) -> Any:
    if type(x) is Perhaps:
        raise Perhaps.complaint()
    if not is_uneven(x):
        return x
    given = pairs(x)
    return Sifted([c for c, _ in given], [v for _, v in given], type(x))


def _unflatten(kind: Any, kids: Any) -> Any:
    conditions, values = kids
    if any(isinstance(c, Tracer) or not hasattr(c, "__bool__") for c in conditions):
        return kind(laid(list(zip(conditions, values, strict=True))))
    if any(np.ndim(c) for c in conditions):
        raise StagingError(
            "MS102 branches disagree: lanes give lists of different lengths\n"
            "fix: return arrays of one shape",
            user_loc(2),
        )
    return kind([v for c, v in zip(conditions, values, strict=True) if c])


tree.register_node(Sifted, lambda x: ((x.conditions, x.values), x.kind), _unflatten)
RULES[list] = RULES[deque] = RULES[tuple] = lambda x: (
    fold(x, lambda found, v: True, False) if is_uneven(x) else x
)
RULES[Running] = lambda x: True
