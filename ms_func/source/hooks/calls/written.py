"""Functions of the standard library written again in Python, which are converted."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.calls import standard  # noqa: F401 (what is entered here comes after)
from ms_func.source.hooks.calls.call import call
from ms_func.source.hooks.containers.uneven import is_folded
from ms_func.source.hooks.handlers import HANDLERS, is_staging, stands_for
from ms_func.source.hooks.heap.undefined import Doubted, in_class
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import is_stretched
from ms_func.source.hooks.values.perhaps import Perhaps


def written(
    plain: Any, concerns: Callable[..., bool] = lambda *args: True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function be converted and stand for `plain`, for the arguments that concern it."""
    before: Any = HANDLERS.get(id(plain), plain)

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        learn = functools.cache(lambda: above.learn(f))

        def handler(*args: Any, **kwargs: Any) -> Any:
            if not is_staging() or not concerns(*args):
                return before(*args, **kwargs)
            learn()
            return call(f, *args, **kwargs)

        stands_for(plain)(handler)
        return f

    return enter


def _in_rooms(*args: Any) -> bool:
    """Whether elements that are gone through are in rooms, which Python's own does not see."""
    return any(map(is_stretched, args))


@written(itertools.accumulate, _in_rooms)
def _accumulate(iterable: Any, func: Any = operator.add, *, initial: Any = None) -> Any:
    found = [] if initial is None else [initial]
    for v in iterable:
        found.append(func(found[-1], v) if found else v)
    return found


@written(itertools.pairwise, _in_rooms)
def _pairwise(iterable: Any) -> Any:
    given = list(iterable)
    return [(a, b) for a, b in zip(given, given[1:])]  # noqa: B905, RUF007


@written(itertools.islice, _in_rooms)
def _islice(iterable: Any, *bounds: Any) -> Any:
    return list(iterable)[slice(*bounds)]


@written(itertools.takewhile, _in_rooms)
def _takewhile(predicate: Any, iterable: Any) -> Any:
    found = []
    for v in iterable:
        if not predicate(v):
            break
        found.append(v)
    return found


@written(itertools.dropwhile, _in_rooms)
def _dropwhile(predicate: Any, iterable: Any) -> Any:
    found, drops = [], True
    for v in iterable:
        drops = drops and predicate(v)
        if not drops:
            found.append(v)
    return found


@written(itertools.filterfalse, _in_rooms)
def _filterfalse(predicate: Any, iterable: Any) -> Any:
    return [v for v in iterable if not (v if predicate is None else predicate(v))]


@written(itertools.chain, _in_rooms)
def _chain(*iterables: Any) -> Any:
    found: list[Any] = []
    for x in iterables:
        found.extend(x)
    return found


@written(itertools.compress, lambda *args: any(map(is_folded, args)))
def _compress(data: Any, selectors: Any) -> Any:
    return [v for v, chosen in zip(data, selectors) if chosen]  # noqa: B905


@written(itertools.starmap, _in_rooms)
def _starmap(function: Any, iterable: Any) -> Any:
    return [function(*args) for args in iterable]


def _is_computed(obj: Any, name: Any, *default: Any) -> bool:
    """Whether a function of the user's says what an attribute is, which may raise on data."""
    if hasattr(getattr(type(obj), "__getattr__", None), "__code__"):
        return type(obj) is not Choice and type(name) is str
    found = in_class(type(obj), name) if type(name) is str else None
    by_python = hasattr(getattr(type(found), "__get__", None), "__code__")
    return isinstance(found, property) or (by_python and type(found) is not Doubted)


@written(hasattr, _is_computed)
def _hasattr(obj: Any, name: str) -> bool:
    try:
        getattr(obj, name)
    except AttributeError:
        return False
    return True


@written(getattr, lambda *args: len(args) == 3 and _is_computed(*args))
def _getattr(obj: Any, name: str, default: Any) -> Any:
    try:
        return getattr(obj, name)
    except AttributeError:
        return default


def _refuse_rooms(plain: Any) -> None:
    """Let a function that has to know the elements refuse those in rooms."""
    before: Any = HANDLERS.get(id(plain), plain)

    def handler(*args: Any, **kwargs: Any) -> Any:
        if is_staging() and _in_rooms(*args):
            raise Perhaps.complaint()
        return before(*args, **kwargs)

    stands_for(plain)(handler)


for _plain in (
    itertools.combinations, itertools.combinations_with_replacement, itertools.permutations,
    itertools.product, itertools.zip_longest, itertools.groupby, itertools.cycle,
):  # fmt: skip
    _refuse_rooms(_plain)
