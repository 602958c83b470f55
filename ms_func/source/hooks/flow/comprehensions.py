"""Comprehensions, and generator expressions that are used up at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import GeneratorType
from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.hooks.containers.growing_methods import collected, gathered
from ms_func.source.hooks.containers.portion_functions import listed
from ms_func.source.hooks.containers.portions import Portion
from ms_func.source.hooks.containers.running import Nested, Running
from ms_func.source.hooks.containers.uneven import is_uneven, laid, pairs, sifted, truth_of
from ms_func.source.hooks.flow import pushing
from ms_func.source.hooks.flow.iterators import each, whole
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import and_, ifexp
from ms_func.source.hooks.values.elements import Elements, Once, elements
from ms_func.source.hooks.values.growing import is_stretched
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import asked, at_hand
from ms_func.tracing.tracer import Staging, Tracer


def comprehension(
    is_list: bool | None, iterable: Any, element: Callable[[Any], Any], condition: Any
) -> Any:
    """`[element(x) for x in iterable if condition(x)]`, or the generator of the same.

    `is_list` is None for a generator that may be used up later.
    """
    if type(current.interpreter) is not Staging:
        if condition is None:
            return [element(x) for x in iterable] if is_list else (element(x) for x in iterable)
        if is_list:
            return [element(x) for x in iterable if condition(x)]
        return (element(x) for x in iterable if condition(x))
    iterable = pushing.begun(iterable)
    if is_list is None:
        return pushing.expression(element, iterable, condition, False)
    if is_list:
        iterable = _listed(iterable)
    asks = (lambda x: True) if condition is None else condition
    if not is_list and condition is not None and _has_no_end(iterable):
        return (element(x) for x in iterable if _decided(condition(x)))
    if type(iterable) is Once and condition is None and iterable.is_known():
        return (element(x) for x in iterable)
    if not is_list and pushing.can_turn(iterable):
        return pushing.Generated(iterable, element, asks)
    if not is_uneven(iterable):
        found = elements(iterable)
        iterable = found if type(iterable) is Once else iterable
        if _is_counted(iterable, found):
            if is_list:
                return collected(found, element, condition)
            return Running(found, element, asks)
        if not is_list and condition is None:
            if type(iterable) is GeneratorType or found is None or found.length is None:
                return each(iterable, element)
            if not Perhaps.exist:
                return (element(x) for x in iterable)
    values = _laid_out(iterable, element, asks)
    return values if is_list or is_uneven(values) else iter(values)


def _is_counted(iterable: Any, found: Elements | None) -> bool:
    """Whether only the program knows how many elements there are, or which ones."""
    if found is None:
        return False
    return is_stretched(iterable) or not isinstance(found.length, int | None)


def _listed(iterable: Any) -> Any:
    """What a list of the elements is made of."""
    return listed(iterable) if type(iterable) is Portion else pushing.listed(whole(iterable))


def _laid_out(
    iterable: Any, element: Callable[[Any], Any], asks: Callable[[Any], Any]
) -> list[Any]:
    """Condition and element of one after another, as in Python."""
    found = []
    for c, x in pairs(iterable):
        here = at_hand(and_(c, lambda x=x: truth_of(asks(x))))
        if here is True:
            found.append((True, element(x)))
        elif here is not False:
            found.append((here, ifexp(here, lambda x=x: element(x), lambda: UNDEFINED)))
    return laid(found)


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


def nested(is_list: bool | None, iterable: Any, inner: Callable[[Any], Any], condition: Any) -> Any:
    """`[y for x in iterable if condition(x) for y in inner(x)]`, or the generator of the same."""
    if type(current.interpreter) is not Staging:
        found = (y for x in iterable if condition is None or condition(x) for y in inner(x))
        return list(found) if is_list else found
    if is_list is None:
        return pushing.expression(inner, pushing.begun(iterable), condition, True)
    asks = (lambda x: True) if condition is None else condition
    iterable = _listed(iterable) if type(iterable) is Portion else iterable
    if not is_uneven(iterable):
        within = elements(iterable)
        if _is_counted(iterable, within):
            made = Nested(within, inner, asks)
            return gathered(made) if is_list else made
        if not is_list and condition is None:
            return _in_turn(iterable, inner)
    found = [
        pair
        for c, x in pairs(sifted(asks, iterable))
        for pair in pairs(ifexp(c, lambda x=x: list(inner(x)), list))
    ]
    values = laid(found)
    return values if is_list or is_uneven(values) else iter(values)


def _in_turn(iterable: Any, inner: Callable[[Any], Any]) -> Any:
    """The elements of one part after another, which may be of lengths that data decide."""
    if not isinstance(iterable, (list, tuple, range)):
        return (y for x in iterable for y in inner(x))
    parts = [inner(x) for x in iterable]
    if any(isinstance(part, Running) for part in parts):
        return Nested(parts, lambda part: part, lambda part: True)
    return itertools.chain.from_iterable(parts)
