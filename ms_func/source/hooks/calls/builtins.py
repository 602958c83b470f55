"""Built-in functions that take the elements of what they are given, of traced values.

Each takes the arguments of the function it stands for, and does what that does unless one of
them is traced.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, GeneratorType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import tree
from ms_func.dtypes import is_inexact
from ms_func.numpy.promotion import as_handle
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import growing_methods, keyed, lookup, uneven
from ms_func.source.hooks.containers.comparisons import eq_, gt_, holds_traced, lt_
from ms_func.source.hooks.containers.comparisons import order as by_comparisons
from ms_func.source.hooks.containers.displays import dict_of, merged
from ms_func.source.hooks.containers.running import Running
from ms_func.source.hooks.containers.text import print_
from ms_func.source.hooks.flow.iteration import for_
from ms_func.source.hooks.flow.iterators import (
    UNSEEN_ARGUMENT,
    following,
    generator,
    iterator,
    most_references,
    whole,
)
from ms_func.source.hooks.flow.loops import while_
from ms_func.source.hooks.flow.pushing import (
    Generated,
    can_turn,
    mapped,
    numbered,
    sifted,
    zipped,
)
from ms_func.source.hooks.handlers import HANDLERS, is_staging, is_traced, stands_for
from ms_func.source.hooks.heap.aliases import refuse_spoiled
from ms_func.source.hooks.heap.anatomy import is_number
from ms_func.source.hooks.joining.branch import and_, ifexp, not_, or_
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.elements import (
    Elements,
    Mapped,
    Once,
    Range,
    Reversed,
    Zip,
    elements,
)
from ms_func.source.hooks.values.failures import assert_raising, raise_
from ms_func.source.hooks.values.growing import grown, is_stretched, note
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import asked, truth
from ms_func.tracing.tracer import Tracer

stands_for(print)(print_)
stands_for(iter)(lambda *args: iterator(*args) if len(args) == 1 else _until(*args))


def _until(f: Any, last: Any) -> Any:
    """`iter(f, last)`."""
    if not is_staging():
        return iter(f, last)

    def run(taker: Any) -> None:
        def step(_: Any) -> tuple[Any]:
            found = above.call(f)
            return (or_(eq_(found, last), lambda: taker.take(found)),)

        while_(not_, step, (False,), ("<break>",))

    return generator((x for x in iter(lambda: above.call(f), last)), run)


# --- folds --------------------------------------------------------------------------------------


def _extremum(plain: Any, less: Callable[[Any, Any], Any], array: Any) -> Any:
    def both(best: Any, x: Any) -> Any:
        return _unless_nan(x, array(best, x), best)

    def handler(*args: Any, key: Any = None, **default: Any) -> Any:
        items: Any = args[0] if len(args) == 1 else args
        if type(items) is GeneratorType:
            items = list(items)
        if type(items) is not Tracer and not uneven.is_folded(items) and Perhaps.exist:
            items = uneven.listed(items)
        if uneven.is_folded(items):
            call = None if key is None else lambda x: above.call(key, x)
            return uneven.extremum(items, less, call, plain.__name__, default)
        if type(items) is Tracer and items.ndim == 1 and key is None and len(items):
            row: Any = items
            return array.reduce(_unless_nan(row, row, row[0]))
        listed: Any = items if isinstance(items, (list, tuple, Tracer)) else list(items)
        if not is_staging():
            return plain(listed, key=key, **default)
        listed = list(listed)
        if not listed:
            return plain(listed, **default)
        if key is None and not any(map(holds_traced, listed)) and not decide(listed):
            return plain(listed)
        if key is None and all(is_number(x) and np.ndim(x) == 0 for x in listed):
            return functools.reduce(both, listed)
        call = above.call
        keys = listed if key is None else [call(key, x) for x in listed]
        best, best_key = listed[0], keys[0]
        for x, k in zip(listed[1:], keys[1:], strict=True):
            best, best_key = ifexp(
                less(k, best_key),
                lambda x=x, k=k: (x, k),
                lambda b=best, bk=best_key: (b, bk),
            )
        return best

    return handler


def _unless_nan(x: Any, found: Any, other: Any) -> Any:
    """`found`, and `other` where `x` is NaN, which is neither less nor greater than others."""
    return xp.where(x == x, found, other) if is_inexact(xp.result_type(x)) else found


stands_for(min)(_extremum(min, lt_, xp.minimum))
stands_for(max)(_extremum(max, gt_, xp.maximum))


@stands_for(sum)
def _sum(iterable: Iterable[Any], /, start: Any = 0) -> Any:
    iterable = list(iterable) if type(iterable) is GeneratorType else whole(iterable)
    if type(iterable) is not Tracer and Perhaps.exist and not isinstance(iterable, Elements):
        iterable = iterable if uneven.is_folded(iterable) else list(iterable)
    if uneven.is_folded(iterable):
        return uneven.fold(iterable, lambda out, x: out + x, start)
    if type(iterable) is Tracer:
        if len(iterable) == 0:
            return start
        return xp.sum(iterable, axis=0, dtype=iterable.dtype) + start
    if isinstance(iterable, Elements) and not isinstance(iterable.length, int):
        return _over(iterable, lambda x, total: total + x, start)
    return sum(iterable, start)


def _over(found: Elements, step: Callable[[Any, Any], Any], start: Any) -> Any:
    """Fold over elements whose number is known only at run time."""
    return for_(found, lambda x, out: (step(x, out),), (start,), ("the result",))[0]


def _quantifier(plain: Any, combine: Any, array: Any) -> Any:
    def handler(iterable: Iterable[Any]) -> Any:
        if type(iterable) is Generated:
            found = iterable.finds(plain is any)
            return found if plain is any else not_(found)
        if uneven.is_folded(iterable):
            return (uneven.is_any if plain is any else uneven.are_all)(iterable)
        if type(iterable) is Tracer:
            if iterable.ndim != 1:
                return truth(array(iterable)) if iterable.size == len(iterable) else plain(iterable)
            return array(iterable)
        if not is_staging():
            return plain(iterable)
        out: Any = plain is all
        for x in iterable:
            if type(x) is Perhaps:
                x = uneven.decided(x, plain is any)
            x = truth(x) if type(x := asked(x)) is Tracer else bool(x)
            out = combine(out, lambda x=x: x)
            if out is (plain is any):
                return out
        return out

    return handler


stands_for(any)(_quantifier(any, or_, xp.any))
stands_for(all)(_quantifier(all, and_, xp.all))


@stands_for(functools.reduce)
def _reduce(function: Any, iterable: Iterable[Any], *initial: Any) -> Any:
    if not is_staging():
        return functools.reduce(function, iterable, *initial)
    iterable = list(iterable) if type(iterable) is GeneratorType else whole(iterable)
    if uneven.is_folded(iterable):
        return _reduced(function, iterable, *initial)
    found = elements(iterable)
    step = lambda x, out: above.call(function, out, x)  # noqa: E731
    if found is not None and not isinstance(found.length, int) and initial:
        return _over(found, step, initial[0])
    items = list(iterable)
    if not items and not initial:
        return functools.reduce(function, items)
    out, rest = (initial[0], items) if initial else (items[0], items[1:])
    return for_(rest, lambda x, out: (step(x, out),), (out,), ("the result",))[0]


def _reduced(function: Any, items: Any, *initial: Any) -> Any:
    step = lambda out, x: above.call(function, out, x)  # noqa: E731
    if initial:
        return uneven.fold(items, step, *initial)
    error = TypeError("reduce() of empty iterable with no initial value")
    return uneven.folded(items, step, functools.partial(_raised, error))


def _raised(error: Exception) -> Any:
    raise raise_(error)


# --- sequences ----------------------------------------------------------------------------------


@stands_for(range)
def _range(*args: Any) -> Any:
    if not is_traced(*args) or not 1 <= len(args) <= 3:
        return range(*args)
    known = [x if type(x) is not Tracer else x.recorder.value_of(x.variable) for x in args]
    if all(x is not None for x in known):
        return range(*(operator.index(x) for x in known))
    return Range(0, args[0]) if len(args) == 1 else Range(*args)


@stands_for(enumerate)
def _enumerate(iterable: Any, start: Any = 0) -> Any:
    if is_staging():
        if uneven.is_uneven(iterable):
            return uneven.numbered(iterable, start)
        found = elements(iterable)
        if found is not None:
            return Once(Zip([Range(start, None), found]))
        if type(iterable) is GeneratorType or type(start) is Tracer:
            return numbered(iterable, start)
    return enumerate(iterable, start)


@stands_for(zip)
def _zip(*iterables: Any, strict: bool = False) -> Any:
    if any(map(uneven.is_uneven, iterables)):
        return uneven.zipped(iterables, strict)
    once = [id(x) for x in iterables if type(x) is Once]
    if not is_staging() or not iterables or len(set(once)) < len(once):
        return zip(*iterables, strict=strict)
    held = bool(once) and most_references(iterables) > UNSEEN_ARGUMENT
    if held and all(x.is_known() for x in iterables if type(x) is Once):  # taken from step by step
        return generator(p for p in zip(*iterables, strict=strict))
    found = [elements(x) for x in iterables]
    given = [x if f is None else f for x, f in zip(iterables, found, strict=True)]
    lengths = {f.length for f in found if f is not None and isinstance(f.length, int)}
    if found.count(None) == 1 and not strict and can_turn(made := given[found.index(None)]):
        return zipped(made, found.index(None), [f for f in found if f is not None])
    if None in found or (strict and len(lengths) > 1):
        return zip(*given, strict=strict)
    if strict:
        _same_lengths([f.length for f in given])
    return Once(Zip(given))


def _same_lengths(lengths: Sequence[Any]) -> None:
    """Check at run time what `zip(strict=True)` asks for."""
    for i, n in enumerate(lengths[1:], 2):
        if type(n) is Tracer or type(lengths[0]) is Tracer:
            for word, holds in (("shorter", xp.greater_equal), ("longer", xp.less_equal)):
                error = ValueError(f"zip() argument {i} is {word} than argument 1")
                assert_raising(holds(n, lengths[0]), error)


@stands_for(reversed)
def _reversed(x: Any) -> Any:
    if is_staging():
        if is_stretched(x):
            return growing_methods.element(x, slice(None, None, -1))
        if uneven.is_uneven(x):
            return uneven.element(x, slice(None, None, -1))
        found = elements(x)
        if found is not None and found.length is not None:
            return Once(Reversed(found))
    return reversed(x)


def _counted(x: Any) -> Elements | None:
    """Elements whose number is traced."""
    part = x.part if type(x) is Once else x
    if not isinstance(part, Elements) or isinstance(part.length, int | None):
        return None
    return elements(x)


@stands_for(map)
def _map(function: Any, *iterables: Any) -> Any:
    if not is_staging():
        return map(function, *iterables)
    call = above.call
    if any(map(is_stretched, iterables)):
        return growing_methods.collected(_zip(*iterables), lambda xs: call(function, *xs), None)
    if any(map(uneven.is_uneven, iterables)):
        one = iterables[0] if len(iterables) == 1 else uneven.zipped(iterables)
        return uneven.mapped(
            lambda x: call(function, x) if one is iterables[0] else call(function, *x), one
        )
    if len(iterables) == 1:
        found = _counted(iterables[0])
        if found is not None:
            return Once(Mapped(lambda x: call(function, x), found))
        if type(one := iterables[0]) is Running:
            return Running(one.iterable, lambda x: call(function, one.element(x)), one.condition)
        return mapped(lambda x: call(function, x), iterables[0])
    return generator(call(function, *xs) for xs in zip(*iterables))  # noqa: B905


@stands_for(filter)
def _filter(function: Any, iterable: Any) -> Any:
    if not is_staging():
        return filter(function, iterable)
    call = above.call
    asks = (lambda x: x) if function is None else lambda x: call(function, x)
    iterable = whole(iterable)
    if _counted(iterable) is not None:
        return Running(iterable, lambda x: x, asks)
    if is_stretched(iterable):
        return growing_methods.collected(iterable, lambda x: x, asks)
    if elements(iterable) is None and not isinstance(iterable, (list, tuple, deque)):
        return sifted(asks, iterable)
    found = uneven.sifted(asks, iterable)
    return found if uneven.is_uneven(found) else iter(found)


@stands_for(sorted)
def sorted_(iterable: Any, /, *, key: Any = None, reverse: bool = False) -> Any:
    """`sorted`, of traced keys by a compiled sort."""
    if not is_staging():
        return sorted(iterable, key=key, reverse=reverse)
    call = above.call
    if isinstance(iterable, Running):
        iterable = call(list, iterable)
    if is_stretched(iterable):
        asks = None if key is None else lambda x: call(key, x)
        return growing_methods.in_order(iterable, asks, reverse)
    items = uneven.listed(iterable)
    if uneven.is_uneven(items):
        asks = None if key is None else lambda x: call(key, x)
        return uneven.in_order(items, asks, reverse)
    keys = items if key is None else [call(key, x) for x in items]
    if not any(map(holds_traced, keys)) and not decide(keys):
        order = sorted(range(len(items)), key=lambda i: keys[i], reverse=reverse)
        return [items[i] for i in order]
    if all(map(is_number, keys)) and all(np.ndim(k) == 0 for k in keys):
        table = xp.stack([xp.asarray(k) for k in keys])
        order = xp.argsort(table, descending=reverse, stable=True)
        if all(x is k for x, k in zip(items, keys, strict=True)):
            return list(table[order])
    else:
        order = by_comparisons(keys, reverse)
    return [lookup.pick(items, order[i]) for i in range(len(items))]


def decide(keys: Sequence[Any]) -> bool:
    """Whether the comparison of some key is a function of the user's."""
    return any(hasattr(getattr(type(k), "__lt__", None), "__code__") for k in keys)


@stands_for(len)
def _len(x: Any) -> Any:
    if isinstance(x, Elements) and not isinstance(x.length, int) and x.length is not None:
        return x.length
    if uneven.is_folded(x):
        return uneven.length(x)
    refuse_spoiled(x)
    own = getattr(type(x), "__len__", None)
    return above.call(own, x) if type(own) is FunctionType and is_staging() else len(x)


def _collected(plain: Any) -> Any:
    """`list` and its like, which take the keys of a dictionary that data say are there."""

    def handler(*args: Any) -> Any:
        if len(args) != 1 or not is_staging():
            return plain(*args)
        items = args[0]
        if uneven.is_uneven(items):
            items = uneven.listed(items)
        elif isinstance(items, Running):
            items = growing_methods.gathered(items)
        elif isinstance(items, Elements) and type(items.length) is Tracer:
            items = growing_methods.collected(items, lambda x: x, None)
        if plain in (set, frozenset):
            return plain(keyed.set_of(items))
        if is_stretched(items):
            found = plain([grown(items)])
            note(found)
            return found
        return plain(items)

    return handler


for _kind in (list, tuple, set, frozenset):
    stands_for(_kind)(_collected(_kind))


@stands_for(deque)
def _deque(items: Any = (), maxlen: Any = None) -> Any:
    """`deque`, of the last of as many elements as data say where its length is bounded."""
    if not is_staging() or (maxlen is None and not isinstance(items, Running)):
        return deque(items, maxlen)
    items = whole(items)
    found: deque[Any] = deque(maxlen=maxlen)
    if uneven.is_folded(items) or _counted(items) is not None:
        growing_methods.extend(found, items)
        note(found)
    else:
        found.extend(items)
    return found


@stands_for(dict)
def _dict(*args: Any, **kwargs: Any) -> Any:
    """`dict`, of pairs of which data decide which ones are there, or whose keys are traced."""
    if len(args) != 1 or not is_staging() or hasattr(args[0], "keys"):
        return dict(*args, **kwargs)
    items = whole(args[0])
    if isinstance(items, Running):
        items = growing_methods.gathered(items)
    return merged(dict_of(items), kwargs)


@stands_for(Counter)
def _counter(iterable: Any = (), /, **counts: Any) -> Any:
    """`Counter`, of values that have no hash."""
    if not is_staging() or isinstance(iterable, dict) or iterable is None:
        return Counter(iterable, **counts)
    items = whole(iterable)
    if not is_stretched(items) and not uneven.is_uneven(items):
        items = list(items)
        if not any(map(holds_traced, items)):
            return Counter(items, **counts)
    found = Counter(**counts)
    growing_methods.each_of(items, lambda x: keyed.put_into(found, x, keyed.get(found, x, 0) + 1))
    return found


_NUMBERS = {int: "iu", float: "f", complex: "c", bool: "b"}


@stands_for(isinstance)
def _isinstance(x: Any, kinds: Any) -> bool:
    """A traced Python number is what it would be in Python."""
    if type(x) is Choice:
        return x.where(lambda a: isinstance(a, kinds))
    if isinstance(x, kinds):
        return True
    if type(x) is not Tracer or x.shape != () or not (x.weak_type or x.dtype.kind == "b"):
        return False
    listed = kinds if isinstance(kinds, tuple) else (kinds,)
    return any(x.dtype.kind in _NUMBERS[k] for k in listed if k in _NUMBERS)


@stands_for(next)
def _next(x: Any, *default: Any) -> Any:
    """Of a generator expression whose elements data decide, the first that is there."""
    if type(x) is Once:
        return following(x, default)
    if not uneven.is_folded(x):
        found = next(x, *default)
        if type(found) is Perhaps:
            raise Perhaps.complaint()
        return found
    none = (lambda: default[0]) if default else functools.partial(_raised, StopIteration())
    return uneven.folded(x, lambda first, v: first, none)


@stands_for(copy.copy)
def _copy(x: Any) -> Any:
    return as_handle(x) if type(x) is Tracer else copy.copy(x)


# --- functions of trees, and of sequences of numbers ---------------------------------------------


def _of_function(f: Any) -> Callable[..., Any]:
    """A function of trees that calls its first argument."""

    def handler(function: Any, *args: Any, **kwargs: Any) -> Any:
        return f(above.convert(function) if callable(function) else function, *args, **kwargs)

    return handler


for _f in (tree.map, tree.map_with_path, tree.reduce, tree.reduce_associative):
    HANDLERS[id(_f)] = _of_function(_f)


@stands_for(math.fsum)
def _fsum(values: Any) -> Any:
    if type(values) is Tracer:
        return xp.sum(values)
    if uneven.is_folded(values):
        return _sum(values, 0.0)
    values = list(values)
    return sum(values) if is_traced(*values) else math.fsum(values)


@stands_for(math.dist)
def _dist(p: Any, q: Any) -> Any:
    if not (holds_traced(p) or holds_traced(q)):
        return math.dist(p, q)
    apart = [abs(a - b) for a, b in zip(p, q, strict=True)]
    return above.call(math.hypot, *apart) if apart else 0.0


@stands_for(math.prod)
def _prod(values: Any, *, start: Any = 1) -> Any:
    if type(values) is Tracer:
        return xp.prod(values, axis=0) * start
    if uneven.is_folded(values):
        return uneven.fold(values, lambda out, x: out * x, start)
    return functools.reduce(operator.mul, values, start)
