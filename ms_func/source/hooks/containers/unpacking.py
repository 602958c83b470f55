"""What is taken apart by position: `a, *b = x`, `[*x]`, `f(*x)`, patterns of sequences."""

from __future__ import annotations

import sys
from types import FunctionType, MethodType
from typing import Any

import ms_func.numpy as xp
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import growing_methods
from ms_func.source.hooks.containers.text import text_of
from ms_func.source.hooks.containers.uneven import (
    cut,
    from_start,
    is_folded,
    is_uneven,
    known,
    laid,
    length_of,
    pairs,
    ranked,
)
from ms_func.source.hooks.heap.aliases import changed
from ms_func.source.hooks.heap.journal import Contents
from ms_func.source.hooks.joining.branch import ifexp, switch
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.growing import Growing, grown, is_growing
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Staging

SPREAD = frozenset((Perhaps, Growing))
"""What stands among the arguments of `f(*x)` where data decide the length of `x`."""
_MOST = 16
"""Lengths of such arguments for which a function is recorded."""


def spread(x: Any) -> Any:
    """What `*x` takes its elements from."""
    return above.call(list, x) if type(current.interpreter) is Staging and is_folded(x) else x


def has_own_length(x: Any) -> bool:
    """Whether data decide how many elements a sequence has."""
    return is_uneven(x) or is_growing(x)


def unpacked(x: Any, star: int, count: int) -> Any:
    """What `a, *b, c = x` takes apart: `count` targets beside the star, which is -1 for none."""
    x = spread(x)
    if not has_own_length(x):
        return x
    _, front, middle, back = divided(x, count if star < 0 else star, count)
    n = above.call(len, x)
    failures.assert_raising(known(xp.greater_equal(n, count)), _too_few(n, star, count))
    if star < 0:
        failures.assert_raising(known(xp.less_equal(n, count)), _too_many(x, n, count))
        return front
    return [*front, *middle, *back]


def _too_few(n: Any, star: int, count: int) -> ValueError:
    least = "at least " if star >= 0 else ""
    return ValueError(
        text_of(f"not enough values to unpack (expected {least}{count}, got ", (n, "", ""), ")")
    )


def _too_many(x: Any, n: Any, count: int) -> ValueError:
    if sys.version_info < (3, 14) or not isinstance(x, (list, tuple, dict, Growing, Perhaps)):
        return ValueError(f"too many values to unpack (expected {count})")
    return ValueError(
        text_of(f"too many values to unpack (expected {count}, got ", (n, "", ""), ")")
    )


def divided(x: Any, first: int, count: int) -> tuple[Any, list[Any], Any, list[Any]]:
    """Whether there are `count` elements; the `first` ones, those between, those after."""
    after = count - first
    between = slice(first, -after if after else None)
    if (found := grown(x)) is not None:
        n = found.length
        front = [found.at(i) for i in range(first)]
        back = [found.at(xp.maximum(n - i, 0)) for i in range(after, 0, -1)]
        return xp.greater_equal(n, count), front, growing_methods.element(x, between), back
    given = pairs(x)
    if len(given) < count:
        given = [*given, *[(False, None)] * (count - len(given))]
    n = length_of(given)
    back = [ranked(given, n - i) for i in range(after, 0, -1)]
    front = [ranked(given, i) for i in range(first)]
    return known(xp.greater_equal(n, count)), front, cut(given, between), back


def gathered(x: Any, star: int, count: int) -> list[Any]:
    """What `for a, *b, c in ...` gives to its targets, the one with the star a list."""
    found = list(unpacked(x, star, count))
    if len(found) < count:
        raise failures.raise_(_too_few(len(found), star, count))
    if star >= 0:
        end = len(found) - (count - star)
        return [*found[:star], found[star:end], *found[end:]]
    if len(found) > count:
        raise failures.raise_(_too_many(x, len(found), count))
    return found


def replace(x: Any, part: slice, new: Any) -> None:
    """`x[part] = new`, of a list of a length that data decide.

    Raises:
        StagingError: MS170, the slice has a step.
    """
    if part.step not in (None, 1):
        raise Perhaps.complaint()
    n = above.call(len, x)
    first, last = (
        default if end is None else xp.clip(from_start(end, n), 0, n)
        for end, default in ((part.start, 0), (part.stop, n))
    )
    found = list(above.getitem(x, slice(None, first)))
    above.call(found.extend, new)
    above.call(found.extend, above.getitem(x, slice(xp.maximum(first, last), None)))
    Contents(x).write(found)
    changed(x)


# --- calls ----------------------------------------------------------------------------------------


def called(f: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`f(*x, **d)` where data decide what is in these; NotImplemented where `f` takes it so."""
    named, takes = _parameters(f)
    for k, v in kwargs.items():
        if type(v) is Perhaps and (named is None or k in named):
            return _by_name(f, args, {n: x for n, x in kwargs.items() if n != k}, k, v)
    first = next((i for i, x in enumerate(args) if type(x) in SPREAD), len(args))
    if first >= takes or first == len(args):
        return NotImplemented
    if f is zip:
        return _transposed(args)
    if Growing in map(type, args):
        raise Perhaps.complaint()
    given = pairs(args)
    n, least = length_of(given), sum(c is True for c, _ in given)
    if len(given) - least > _MOST:
        raise Perhaps.complaint()
    of = lambda m: above.call(f, *[ranked(given, i) for i in range(m)], **kwargs)  # noqa: E731
    return switch(n - least, [lambda m=m: of(m) for m in range(least, len(given) + 1)])


def _by_name(f: Any, args: Any, rest: dict[str, Any], name: str, x: Perhaps) -> Any:
    """A call with an argument that is given by name, perhaps."""
    return ifexp(
        x.is_there,
        lambda: above.call(f, *args, **rest, **{name: x.value}),
        lambda: above.call(f, *args, **rest),
    )


def _parameters(f: Any) -> tuple[Any, float]:
    """Names of parameters; how many arguments stand before those of which there may be any."""
    if f is min or f is max:
        return None, 0
    inner = f.__func__ if type(f) is MethodType else f
    if type(inner) is not FunctionType:
        return None, float("inf")
    code = inner.__code__
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    takes = code.co_argcount - (inner is not f) if code.co_flags & _VARARGS else float("inf")
    return named, takes


_VARARGS = 0x4  # CO_VARARGS


def _transposed(args: Any) -> Any:
    """`zip(*x)`, of tuples of one length: the first elements of each, the second ones, ..."""
    if (found := grown(args)) is not None:
        size = len(found.made_of(range(len(found.rooms))))
        n, columns = found.length, [(found.part(k),) for k in range(size)]
    else:
        given = pairs(args)
        sizes = {len(v) for _, v in given}
        if len(sizes) != 1:
            raise Perhaps.complaint()
        n = length_of(given)
        columns = [tuple(laid([(c, v[k]) for c, v in given])) for k in range(sizes.pop())]
    there = known(xp.greater(n, 0))
    return laid([(there, c) for c in columns])
