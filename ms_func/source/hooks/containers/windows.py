"""Slices whose bounds are known only at run time.

`x[i : i + 3]` has three elements wherever it starts, so that it is a window of the array: how far
the bounds are apart follows from their formulas. NumPy gives fewer elements where a slice reaches
beyond the array, which no program can; there the window raises when the program runs. Of a list,
any slice can be had: which of its elements are there is what data decide.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ms_func import config
from ms_func.ir.function import Literal
from ms_func.numpy.indexing import Window
from ms_func.primitives.arithmetic import add
from ms_func.primitives.bits import bitwise_and, bitwise_or
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import clamp, ge, le, lt, select
from ms_func.primitives.effects import check_raising
from ms_func.source.hooks.containers import lookup, uneven
from ms_func.tracing.tracer import Tracer


def is_moving(index: Any) -> bool:
    """Whether an index is, or holds, a slice with a traced bound."""
    if type(index) is slice:
        return type(index.start) is Tracer or type(index.stop) is Tracer
    return type(index) is tuple and any(type(i) is slice and is_moving(i) for i in index)


def moved(shape: tuple[int, ...], index: Any) -> Any:
    """The index of an array with windows for slices with traced bounds, as far as it can be."""
    if config.jax_rules():  # where such a slice is an error
        return index
    entries = index if type(index) is tuple else (index,)
    dims = [_dims(e) for e in entries]
    taken, found = 0, []
    for e, count in zip(entries, dims, strict=True):
        if type(e) is slice and is_moving(e) and taken < len(shape):
            e = _window(e, shape[taken])
        taken += len(shape) - sum(dims) if e is ... else count
        found.append(e)
    return tuple(found) if type(index) is tuple else found[0]


def _dims(e: Any) -> int:
    """How many dimensions an entry of an index takes."""
    if e is None or e is ... or isinstance(e, bool):
        return 0
    return np.ndim(e) if getattr(e, "dtype", None) == np.bool_ else 1


def _window(s: slice, n: int) -> Any:
    """The window that a slice of `n` elements stands for; itself where its size is not known."""
    if s.start is None or s.stop is None or s.step not in (None, 1):
        return s
    size = distance(s.start, s.stop)
    if size is None or not 0 <= size <= n:
        return s
    start = _place(s.start)
    low, high = lookup.bounds(start)
    if size and (low < 0 or high > n - size):
        number = start.dtype.type
        stop = add(start, number(size))
        inside = bitwise_and(ge(start, number(0)), le(stop, number(n)))
        from_end = bitwise_and(ge(start, number(-n)), lt(stop, number(0)))
        text = f"a slice of {size} elements reaches beyond an axis of {n}"
        check_raising(bitwise_or(inside, from_end), lambda: IndexError(text), key=("slice", text))
    return Window(start, size)


def part(obj: Any, s: slice) -> Any:
    """`obj[s]` of a list or tuple, for a slice with a traced bound."""
    lookup.check_index(obj, s.start, s.stop)
    n = len(obj)
    low, high = _clamped(s.start, 0, n), _clamped(s.stop, n, n)
    given = [
        (bitwise_and(le(low, np.int32(i)), lt(np.int32(i), high)), v) for i, v in enumerate(obj)
    ]
    found = uneven.laid(given)
    return found if isinstance(obj, list) else type(obj)(found)


def _clamped(bound: Any, default: int, n: int) -> Any:
    """A bound of a slice of `n` elements, counted from the front."""
    if type(bound) is not Tracer:
        return np.int32(slice(default if bound is None else bound, None).indices(n)[0])
    at = _place(bound)
    number = at.dtype.type
    at = select(lt(at, number(0)), add(at, number(n)), at)
    return convert_element_type(clamp(number(0), at, number(n)), np.int32)


def _place(x: Any) -> Any:
    """A traced bound as a signed integer wide enough to count from the end."""
    if type(x) is Tracer and x.dtype.kind == "i" and x.dtype.itemsize >= 4:
        return x
    return convert_element_type(x, np.int64 if x.dtype.itemsize >= 4 else np.int32)


# --- how far bounds are apart -------------------------------------------------------------------


def distance(low: Any, high: Any) -> int | None:
    """`high - low` where the formulas of both tell."""
    terms = _terms(high)
    terms.subtract(_terms(low))
    size = terms.pop(None, 0)
    return None if any(terms.values()) else size


def _terms(x: Any) -> Counter[Any]:
    """An integer as a sum of multiples of variables; the number in it stands under None."""
    if type(x) is not Tracer:
        return Counter({None: int(x)})
    known = x.recorder.value_of(x.variable)
    if known is not None:
        return Counter({None: int(known)})
    producers = {v: e for e in x.recorder.eqns for v in e.outputs}
    outside = {v: value for value, v in x.recorder.captured.values()}
    return _of_variable(x.variable, producers, outside)


def _of_variable(v: Any, producers: dict[Any, Any], outside: dict[Any, Any]) -> Counter[Any]:
    if type(v) is Literal:
        return Counter({None: int(v.value)})
    if v in outside:
        return _terms(outside[v])
    eqn = producers.get(v)
    given = [] if eqn is None else eqn.inputs
    if eqn is None or not all(a.type.dtype.kind in "iu" and a.type.size == 1 for a in given):
        return Counter({v: 1})
    name = eqn.primitive.name
    if name in ("convert", "reshape"):
        return _of_variable(given[0], producers, outside)
    if name not in ("add", "sub", "mul"):
        return Counter({v: 1})
    a, b = (_of_variable(x, producers, outside) for x in given)
    if name == "mul":
        if set(a) - {None}:
            a, b = b, a
        return Counter({v: 1}) if set(a) - {None} else _scaled(b, a[None])
    a.update(b if name == "add" else _scaled(b, -1))
    return a


def _scaled(terms: Counter[Any], factor: int) -> Counter[Any]:
    return Counter({v: n * factor for v, n in terms.items()})
