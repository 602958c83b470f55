"""Lists whose length the data decide.

`if x > 0: w.append(x)` and `[v for v in xs if v > 0]` of traced elements give a list of a length
that no program can hold. It is kept as all elements that may be there, each a `Perhaps` with the
condition under which it is; what uses the list asks for that. Elements are numbered, so that a
part of such a list that was cut out without asking is noticed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func.primitives.bits import bitwise_and, bitwise_or
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import growing_methods, lookup
from ms_func.source.hooks.containers.comparisons import order, same_or_equal
from ms_func.source.hooks.containers.running import Running
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import and_, if_, ifexp, not_, or_
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.elements import Once
from ms_func.source.hooks.values.growing import grown, is_stretched
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import RULES, asked, at_hand, truth
from ms_func.tracing.tracer import Tracer

Pairs = list[tuple[Any, Any]]
"""Conditions and elements."""
_SEQUENCES = (list, tuple, deque)


def is_uneven(x: Any) -> bool:
    """Whether data decide how many elements a list, tuple, deque or dictionary has.

    It may also be what is left of an iterator.
    """
    if type(x) is Once:
        return type(x.position) is Tracer and isinstance(x.part.length, int)
    if not Perhaps.exist:
        return False
    if isinstance(x, dict):
        return Perhaps in map(type, x.values())
    return isinstance(x, _SEQUENCES) and Perhaps in map(type, x)


def pairs(x: Iterable[Any]) -> Pairs:
    """The elements that may be there, with their conditions; of a dictionary the keys.

    Raises:
        StagingError: MS102, it is a part of such a list that was cut out by position.
    """
    if type(x) is Once:
        position, part = x.place(), x.part
        x.finish()
        return [(known(xp.less_equal(position, k)), part.known(k)) for k in range(part.length)]
    if isinstance(x, dict):
        return [(v.is_there if type(v) is Perhaps else True, k) for k, v in x.items()]
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


def listed(x: Iterable[Any]) -> list[Any]:
    """The elements of `x` as a list, which may be as uneven as `x` is."""
    return laid(pairs(x)) if isinstance(x, (dict, Once)) and is_uneven(x) else list(x)


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
    if is_uneven(items):
        raise Perhaps.complaint()
    for x in items:
        if type(x) is Perhaps:
            raise Perhaps.complaint()
        yield x


# --- conditions ---------------------------------------------------------------------------------


def truth_of(x: Any) -> Any:
    """The truth value of `x`: a bool or a traced one."""
    found = asked(x)
    return truth(found) if type(found) is Tracer else bool(found)


def known(x: Any) -> Any:
    """A traced condition, or a bool."""
    return x if type(x) is Tracer else bool(x)


def both(a: Any, b: Any) -> Any:
    """`a and b`, of conditions."""
    if a is False or b is True:
        return a
    return b if a is True or b is False else bitwise_and(a, b)


def either(a: Any, b: Any) -> Any:
    """`a or b`, of conditions."""
    if a is True or b is False:
        return a
    return b if a is False or b is True else bitwise_or(a, b)


def opposite(a: Any) -> Any:
    """`not a`, of a condition."""
    return not a if isinstance(a, bool) else not_(a)


# --- what makes others of them ------------------------------------------------------------------


def sifted(condition: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Elements for which a condition holds."""
    found: Pairs = []
    for c, v in pairs(items):
        here = at_hand(and_(c, lambda v=v: truth_of(condition(v))))
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
    lengths = [length_of(c) for c in columns]
    shortest: Any = lengths[0]
    for n in lengths[1:]:
        if strict:
            failures.assert_raising(xp.equal(n, lengths[0]), ValueError("zip() arguments differ"))
        shortest = n if shortest is n else xp.minimum(shortest, n)
    return laid(
        [
            (known(k < shortest), tuple([ranked(c, k) for c in columns]))
            for k in range(min(map(len, columns)))
        ]
    )


def in_order(x: Any, key: Any, reverse: bool) -> list[Any]:
    """`sorted(x, key=key, reverse=reverse)`."""
    given = pairs(x)
    values = [v for _, v in given]
    keys = values if key is None else [v for _, v in pairs(mapped(key, x))]
    ranks = [(c if reverse else not_(c), k) for (c, _), k in zip(given, keys, strict=True)]
    places, n = order(ranks, reverse), length_of(given)
    return laid([(known(i < n), lookup.pick(values, places[i])) for i in range(len(given))])


def until(condition: Any, items: Any, takes: bool) -> list[Any]:
    """`takewhile` or `dropwhile`."""
    found: Pairs = []
    going: Any = True
    for c, v in pairs(items):
        here = and_(c, lambda v=v: truth_of(condition(v)))
        going = both(going, either(opposite(c), here))
        if going is False and takes:
            break
        found.append((both(c, going if takes else opposite(going)), v))
    return laid(found)


# --- what uses them -----------------------------------------------------------------------------


def is_folded(x: Any) -> bool:
    """Whether elements have to be asked for by `fold`."""
    return isinstance(x, Running) or is_uneven(x) or is_stretched(x)


def fold(x: Any, step: Callable[[Any, Any], Any], out: Any) -> Any:
    """`step(out, element)` for each element that is there."""
    if isinstance(x, Running):
        return x.fold(step, out)
    if (found := grown(x)) is not None:
        return growing_methods.fold(found, step, out)
    for c, v in pairs(x):
        out = ifexp(c, lambda v=v, out=out: step(out, v), lambda out=out: out)
    return out


def length(x: Any) -> Any:
    """How many elements there are."""
    if (found := grown(x)) is not None:
        return found.length
    return fold(x, lambda n, v: n + 1, 0) if isinstance(x, Running) else length_of(pairs(x))


def length_of(given: Pairs) -> Any:
    """How many elements there are."""
    return sum([c * 1 for c, _ in given])


def decided(x: Perhaps, is_any: bool) -> Any:
    """What an element that may not be there counts as for `any`, or for `all`."""
    return ifexp(x.is_there, lambda: truth_of(x.value), lambda: not is_any)


def is_any(x: Any) -> Any:
    """Whether any element is true."""
    return fold(x, lambda found, v: or_(found, lambda: truth_of(v)), False)


def are_all(x: Any) -> Any:
    """Whether all elements are true."""
    return fold(x, lambda found, v: and_(found, lambda: truth_of(v)), True)


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

    def first_or(best: Any, v: Any) -> Any:
        return ifexp(above.is_(best, None), lambda: (v,), lambda: (step(best[0], v),))

    best = fold(x, first_or, None)
    return ifexp(above.is_(best, None), none, lambda: best[0])


def element(x: Any, place: Any) -> Any:
    """`x[place]`."""
    given, ends = pairs(x), [getattr(place, a, None) for a in ("start", "stop")]
    lookup.check_index(x, place, *ends)
    if isinstance(place, slice):
        return cut(given, place)
    if isinstance(place, (int, np.integer)):
        if 0 <= place < len(given) and all(c is True for c, _ in given[: int(place) + 1]):
            return given[int(place)][1]
    elif type(place) is not Tracer:
        raise TypeError(f"list indices must be integers or slices, not {type(place).__name__}")
    return checked(given, place, "list index out of range")


def checked(given: Pairs, place: Any, message: str) -> Any:
    """The element at a position, which may count from the end; an IndexError at run time."""
    n = length_of(given)
    at = from_start(place, n)
    inside = bitwise_and(xp.greater_equal(at, 0), xp.less(at, n))
    failures.assert_raising(inside, IndexError(message))
    return ranked(given, at)


def from_start(place: Any, n: Any) -> Any:
    """A position that may count from the end, counted from the start."""
    if type(place) is Tracer:
        return xp.where(xp.less(place, 0), place + n, place)
    return place + n if place < 0 else place


def ranked(given: Pairs, place: Any) -> Any:
    """The element at a position among those that are there."""
    if not given:
        raise failures.raise_(IndexError("list index out of range"))
    if all(c is True for c, _ in given) and type(place) is not Tracer:
        return given[place][1]
    seen: Any = 0
    found: Any = UNDEFINED
    for c, v in given:
        here = both(c, known(xp.equal(seen, place)))
        found = ifexp(here, lambda v=v: v, lambda found=found: found)
        seen = seen + c * 1
    return found


def cut(given: Pairs, part: slice) -> list[Any]:
    """The elements of a slice, of step one or minus one."""
    if part.step == -1 and part.start is None and part.stop is None:
        return laid(given[::-1])
    if part.step not in (None, 1):
        raise Perhaps.complaint()
    n, seen = length_of(given), 0
    ends: Any = [x if x is None else from_start(x, n) for x in (part.start, part.stop)]
    first, last = ends
    found: Pairs = []
    for k, (c, v) in enumerate(given):
        after = True if first is None else known(xp.greater_equal(seen, first))
        if isinstance(first, int) and k < first:
            after = False
        before = True if last is None else known(xp.less(seen, last))
        found.append((both(c, both(after, before)), v))
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
    n = length_of(one)
    found = known(xp.equal(n, length_of(other)))
    for k in range(min(len(one), len(other))):
        equal = ifexp(
            k < n, lambda k=k: truth_of(same_or_equal(ranked(one, k), ranked(other, k))),
            lambda: True,
        )  # fmt: skip
        found = both(found, equal)
    return found


def is_filled(x: Any) -> Any:
    """Whether a container has elements; the container itself, where Python knows that."""
    if is_stretched(x):
        return growing_methods.has_elements(x)
    return fold(x, lambda found, v: True, False) if is_uneven(x) else x


for _kind in (list, deque, tuple, dict, set, frozenset):
    RULES[_kind] = is_filled
