"""`itertools`, `heapq` and `bisect` of traced values.

What these modules do in C, Python does not see. Their functions are replaced: those that call a
function for each element by generators that call it as converted code does, those that compare
elements by the same functions of the standard library in Python, which are converted.
"""

from __future__ import annotations

import bisect
import functools
import heapq
import importlib.util
import itertools
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ms_func.ir.primitive import current
from ms_func.source.hooks.calls import numbers as numbers
from ms_func.source.hooks.calls.builtins import decide, sorted_
from ms_func.source.hooks.calls.call import KINDS, LATE, call, watched
from ms_func.source.hooks.containers import running, uneven
from ms_func.source.hooks.containers.comparisons import eq_, holds_traced
from ms_func.source.hooks.containers.stores import getitem
from ms_func.source.hooks.flow import pushing
from ms_func.source.hooks.flow.iterators import Cycle
from ms_func.source.hooks.handlers import stands_for
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import ifexp, not_
from ms_func.source.hooks.values.elements import Elements, Once, Range
from ms_func.tracing.tracer import Staging, Tracer


def _is_staging() -> bool:
    return type(current.interpreter) is Staging


def _has_end(x: Any) -> bool:
    """Whether the elements can be looked at now without changing anything."""
    x = x.part if type(x) is Once else x
    if isinstance(x, Elements):
        return isinstance(x.length, int)
    return isinstance(x, (list, tuple, deque, dict, range, Tracer))


# --- itertools ----------------------------------------------------------------------------------


def _given(found: list[Any]) -> Any:
    return found if uneven.is_uneven(found) else iter(found)


def _selector(plain: Any, select: Callable[[Any, Any], list[Any]]) -> None:
    """Enter a function that selects elements by a predicate."""

    def handler(predicate: Any, iterable: Iterable[Any]) -> Any:
        if not _is_staging():
            return plain(predicate, iterable)
        asks = lambda x: call(predicate or bool, x)  # noqa: E731
        if _has_end(iterable):
            return _given(select(asks, iterable))
        if plain is itertools.takewhile:
            return running.Taken(asks, iterable)
        return plain(asks, uneven.without(iterable))

    stands_for(plain)(handler)


_selector(itertools.takewhile, lambda asks, xs: uneven.until(asks, xs, True))
_selector(itertools.dropwhile, lambda asks, xs: uneven.until(asks, xs, False))
_selector(itertools.filterfalse, lambda asks, xs: uneven.sifted(lambda x: not_(asks(x)), xs))


@stands_for(itertools.count)
def _count(start: Any = 0, step: Any = 1) -> Any:
    whole_numbers = all(isinstance(x, int) or type(x) is Tracer for x in (start, step))
    if not _is_staging() or not whole_numbers or step == 0:
        return itertools.count(start, step)
    return Once(Range(start, None, step))


@stands_for(itertools.cycle)
def _cycle(iterable: Any) -> Any:
    if not _is_staging() or not isinstance(iterable, (list, tuple, range, str)) or not iterable:
        return itertools.cycle(uneven.items(iterable))
    return Once(Cycle(tuple(uneven.items(iterable))))


@stands_for(itertools.compress)
def _compress(data: Any, selectors: Any) -> Any:
    if not (_is_staging() and _has_end(data) and _has_end(selectors)):
        return itertools.compress(data, selectors)
    chosen = uneven.sifted(lambda pair: pair[1], list(zip(data, selectors, strict=False)))
    return _given(uneven.mapped(lambda pair: pair[0], chosen))


@stands_for(itertools.accumulate)
def _accumulate(iterable: Any, func: Any = None, *, initial: Any = None) -> Any:
    if not _is_staging():
        return itertools.accumulate(iterable, func, initial=initial)
    if uneven.is_uneven(iterable):
        return _uneven_sums(iterable, func or operator.add, initial)
    return _sums(uneven.without(iterable), func or operator.add, initial)


def _sums(items: Iterator[Any], func: Any, total: Any) -> Iterator[Any]:
    if total is None:
        for total in items:  # noqa: B007
            break
        else:
            return
    yield total
    for x in items:
        total = call(func, total, x)
        yield total


def _uneven_sums(items: Any, func: Any, total: Any) -> list[Any]:
    """`accumulate` of elements that may not be there."""
    found = [] if total is None else [(True, total)]
    any_yet: Any = total is not None
    for c, v in uneven.pairs(items):
        following = functools.partial(call, func, total, v)
        one = functools.partial(ifexp, any_yet, following, lambda v=v: v)
        total = ifexp(c, one, lambda total=total: UNDEFINED if total is None else total)
        any_yet = uneven.either(any_yet, c)
        found.append((c, total))
    return uneven.laid(found)


@stands_for(itertools.pairwise)
def _pairwise(iterable: Any) -> Any:
    if not uneven.is_uneven(iterable):
        return itertools.pairwise(iterable)
    given = uneven.listed(iterable)
    return uneven.zipped([given, uneven.element(given, slice(1, None))])


@stands_for(itertools.islice)
def _islice(iterable: Any, *bounds: Any) -> Any:
    if not uneven.is_uneven(iterable):
        return itertools.islice(iterable, *bounds)
    return uneven.element(uneven.listed(iterable), slice(*bounds))


def _selections(plain: Any) -> None:
    """Enter a function that puts together elements from different positions of its arguments."""

    def handler(*args: Any, **kwargs: Any) -> Any:
        if not any(map(uneven.is_uneven, args)):
            return plain(*args, **kwargs)
        given = [x if isinstance(x, int) else uneven.pairs(x) for x in args]
        return uneven.laid(
            [
                (functools.reduce(uneven.both, [c for c, _ in chosen], True),
                 tuple([v for _, v in chosen]))
                for chosen in plain(*given, **kwargs)
            ]
        )  # fmt: skip

    stands_for(plain)(handler)


for _plain in (itertools.combinations, itertools.combinations_with_replacement,
               itertools.permutations, itertools.product):  # fmt: skip
    _selections(_plain)


@stands_for(itertools.groupby)
def _groupby(iterable: Any, key: Any = None) -> Any:
    if not _is_staging():
        return itertools.groupby(iterable, key)
    given = uneven.pairs(uneven.listed(iterable))
    found, starts, before, any_yet = [], [], UNDEFINED, False
    for c, v in given:
        k = v if key is None else ifexp(c, lambda v=v: call(key, v), lambda: UNDEFINED)
        other = functools.partial(_differ, before, k)
        starts.append(uneven.both(c, ifexp(any_yet, other, lambda: True)))
        before = k if c is True else ifexp(c, lambda k=k: k, lambda before=before: before)
        any_yet = uneven.either(any_yet, c)
        found.append(k)
    groups = [
        (start, (k, _given(_group(given[i:], starts[i + 1 :]))))
        for i, (start, k) in enumerate(zip(starts, found, strict=True))
    ]
    return _given(uneven.laid(groups))


def _differ(a: Any, b: Any) -> Any:
    return uneven.opposite(uneven.truth_of(eq_(a, b)))


def _group(given: list[tuple[Any, Any]], starts: list[Any]) -> list[Any]:
    """The first of some elements and those behind it before the next one that starts a group."""
    found, together = [(True, given[0][1])], True
    for (c, v), start in zip(given[1:], starts, strict=True):
        together = uneven.both(together, uneven.opposite(start))
        if together is False:
            break
        found.append((uneven.both(together, c), v))
    return uneven.laid(found)


@stands_for(itertools.chain)
def _chain(*iterables: Any) -> Any:
    if any(map(uneven.is_uneven, iterables)):
        return uneven.laid([pair for x in iterables for pair in uneven.pairs(x)])
    return pushing.chained(iterables) if _is_staging() else itertools.chain(*iterables)


@stands_for(itertools.starmap)
def _starmap(function: Any, iterable: Any) -> Any:
    if not _is_staging():
        return itertools.starmap(function, iterable)
    if uneven.is_uneven(iterable):
        return uneven.mapped(lambda x: call(function, *x), iterable)
    return (call(function, *x) for x in iterable)


# --- statistics ---------------------------------------------------------------------------------


_STATISTICS: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "mean": (np.mean, {}),
    "fmean": (np.mean, {}),
    "median": (np.median, {}),
    "pvariance": (np.var, {}),
    "variance": (np.var, {"ddof": 1}),
    "pstdev": (np.std, {}),
    "stdev": (np.std, {"ddof": 1}),
}


def statistic(f: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of `statistics`, which computes with fractions what NumPy does with arrays."""
    items = uneven.listed(data)
    known = args or kwargs or f.__name__ not in _STATISTICS
    if known or not (uneven.is_uneven(items) or any(map(holds_traced, items))):
        return f(items, *args, **kwargs)
    of_array, options = _STATISTICS[f.__name__]
    return call(of_array, items, **options)


LATE["statistics"] = statistic


# --- heapq and bisect ---------------------------------------------------------------------------


@functools.cache
def _in_python(module: ModuleType) -> ModuleType:
    """A module of the standard library without its parts in C."""
    name = module.__name__
    spec: Any = importlib.util.find_spec(name)
    made = importlib.util.module_from_spec(spec)
    hidden = f"_{name}"
    kept = sys.modules.get(hidden)
    sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        spec.loader.exec_module(made)
    finally:
        if kept is None:
            del sys.modules[hidden]
        else:
            sys.modules[hidden] = kept
    return made


def _merged(*iterables: Any, key: Any = None, reverse: bool = False) -> Any:
    return _given(sorted_(_chain(*iterables), key=key, reverse=reverse))


def _largest(n: int, iterable: Any, key: Any = None) -> list[Any]:
    return uneven.element(uneven.in_order(iterable, key, True), slice(n))


def _smallest(n: int, iterable: Any, key: Any = None) -> list[Any]:
    return uneven.element(uneven.in_order(iterable, key, False), slice(n))


_OF_UNEVEN: dict[str, Callable[..., Any]] = {
    "nlargest": _largest, "nsmallest": _smallest, "merge": _merged,
}  # fmt: skip
"""Functions of `heapq` that take elements one by one, for lists whose length data decide."""


def _compares(module: ModuleType, name: str) -> None:
    """Enter a function that compares elements."""
    plain = getattr(module, name)
    of_uneven = _OF_UNEVEN.get(name) or (
        lambda *args, **kwargs: call(getattr(_in_python(module), name), *args, **kwargs)
    )

    def handler(*args: Any, **kwargs: Any) -> Any:
        if not _is_staging():
            return plain(*args, **kwargs)
        if name == "merge" or any(map(uneven.is_uneven, args)):
            return of_uneven(*args, **kwargs)
        items = [y for x in args for y in (x if isinstance(x, (list, tuple)) else (x,))]
        if any(map(holds_traced, items)) or decide(items) or kwargs.get("key") is not None:
            return call(getattr(_in_python(module), name), *args, **kwargs)
        return watched(plain, args, kwargs)

    stands_for(plain)(handler)


for _name in ("heappush", "heappop", "heapify", "heapreplace", "heappushpop", "nsmallest",
              "nlargest", "merge"):  # fmt: skip
    _compares(heapq, _name)
for _name in ("bisect_left", "bisect_right", "insort_left", "insort_right"):
    _compares(bisect, _name)


def _items(f: Any, args: Any, kwargs: Any) -> Any:
    """A call of `operator.itemgetter(*keys)`."""
    if len(args) != 1 or kwargs:
        return f(*args, **kwargs)
    found: list[Any] = [getitem(args[0], key) for key in f.__reduce__()[1]]
    return tuple(found) if len(found) > 1 else found[0]


def _named_method(f: Any, args: Any, kwargs: Any) -> Any:
    """A call of `operator.methodcaller(name, *given, **named)`."""
    if len(args) != 1 or kwargs:
        return f(*args, **kwargs)
    made, given = f.__reduce__()
    named: dict[str, Any] = {}
    if isinstance(made, functools.partial):
        given, named = (*made.args, *given), made.keywords
    return call(getattr(args[0], given[0]), *given[1:], **named)


KINDS[operator.itemgetter] = _items
KINDS[operator.methodcaller] = _named_method
