"""Elements of lists, tuples and dictionaries at a place known only at run time.

Python knows what is in the container while the program is recorded, and only the place is traced.
Numbers of one shape become an array that is indexed; anything else is a choice among all elements.
A store changes the element at each place, where that is the one, so that the container keeps its
length and its keys. An index out of range, and a key that is not there, are errors at run time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.bodies import as_type
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.axis_slices import dynamic_index_in_dim
from ms_func.primitives.bits import bitwise_and, bitwise_or
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import clamp, eq, ge, lt, select
from ms_func.primitives.shape import concatenate, expand_dims, reshape
from ms_func.source.hooks import above
from ms_func.source.hooks.containers.comparisons import eq_, holds_traced
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.anatomy import is_number
from ms_func.source.hooks.heap.journal import journal
from ms_func.source.hooks.joining.branch import ifexp
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice, is_function
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import truth
from ms_func.source.hooks.values.types import converted, promoted, type_of
from ms_func.tracing.tracer import Tracer

_SEQUENCES = (list, tuple, deque, range)


def is_key_of(obj: Any, key: Any) -> bool:
    """Whether a key is a traced number, or for a dictionary a tuple with such."""
    return type(key) is Tracer or (
        type(key) is tuple and isinstance(obj, dict) and holds_traced(key)
    )


def element(obj: Any, key: Any) -> Any:
    """`obj[key]` of a list, tuple, range, deque, text or dict.

    Raises:
        StagingError: MS103, the container or the key is of another kind.
    """
    if type(key) is tuple:
        values, here = _values(obj), _where(obj, key)
        failures.assert_raising(_any(here), KeyError(key))
        return pick(values, _position(here))
    known = key.recorder.value_of(key.variable)
    if known is not None:
        return obj[known.item()]
    if not is_place(key):
        raise complaints.run_time_index(obj)
    if isinstance(obj, dict):
        values, here = _values(obj), _where(obj, key)
        failures.assert_raising(_any(here), KeyError(key))
        current.interpreter.results["found", id(obj), id(key.variable)] = obj, key.variable
        return pick(values, _position(here))
    if not isinstance(obj, (*_SEQUENCES, str, bytes)):
        raise complaints.run_time_index(obj)
    at = _index(obj, key)
    if isinstance(obj, range):
        return add(Literal(obj.start, at.type), mul(at, Literal(obj.step, at.type)))
    return _letter(obj, at) if isinstance(obj, str) else pick(list(obj), at)


def _letter(text: str, at: Tracer) -> Any:
    """A letter of a text, one of those that are in it."""
    letters = [*dict.fromkeys(text)]
    found = pick([np.int32(letters.index(c)) for c in text], at)
    return letters[0] if len(letters) == 1 else Choice(found, tuple(letters))


def get(obj: dict[Any, Any], key: Any, default: Any = None) -> Any:
    """`obj.get(key, default)`."""
    if not is_place(key):
        raise complaints.run_time_index(obj)
    return pick([*_values(obj), default], _position(_where(obj, key)))


def is_key(obj: dict[Any, Any], key: Tracer) -> Any:
    """`key in obj`."""
    return _any(_where(obj, key))


def stored(obj: Any, key: Tracer, value: Any) -> list[Any] | dict[Any, Any]:
    """What a list or dict holds after `obj[key] = value`."""
    if not is_place(key):
        raise complaints.run_time_index(obj)
    if isinstance(obj, dict):
        if Perhaps in map(type, obj.values()):
            raise Perhaps.complaint()
        here = _where(obj, key)
        if journal.stand_ins or all(h is False for h in here):
            raise complaints.run_time_key()
        new = KeyError("a key known only at run time, which is new: no program can hold it")
        failures.assert_raising(_any(here), new)
        kept = [_either(h, value, old) for h, old in zip(here, obj.values(), strict=True)]
        return dict(zip(obj, kept, strict=True))
    at = _index(obj, key)
    return [_either(_is_at(at, i), value, old) for i, old in enumerate(obj)]


def inserted(obj: Sequence[Any], key: Tracer, value: Any) -> list[Any]:
    """What a list holds after `obj.insert(key, value)`."""
    check_index(obj, key)
    n, number = len(obj), key.dtype.type
    at = select(lt(key, number(0)), add(key, number(n)), key)
    at = convert_element_type(clamp(number(0), at, number(n)), np.int32)
    before, after = [*obj, value], [value, *obj]
    return [
        _either(_is_at(at, i), value, _either(lt(np.int32(i), at), before[i], after[i]))
        for i in range(n + 1)
    ]


def removed(obj: Sequence[Any], key: Tracer) -> list[Any]:
    """What a list holds after `del obj[key]`."""
    at = _index(obj, key)
    return [_either(lt(np.int32(i), at), obj[i], obj[i + 1]) for i in range(len(obj) - 1)]


def is_place(key: Any) -> bool:
    """Whether a traced key can be compared with positions and keys, under the rules in force.

    While a loop is tried as one that is recorded once, its index refuses, so that it is laid out.
    """
    if current.interpreter.strict:
        return False
    return type(key) is tuple or key.type.size == 1


def check_index(obj: Any, *keys: Any) -> None:
    """Raise unless traced values are integers, with which a sequence can be indexed."""
    for key in keys:
        if type(key) is Tracer and key.dtype.kind not in "iub":
            raise complaints.no_index(obj, key)


def _either(here: Any, value: Any, old: Any) -> Any:
    return ifexp(here, lambda: value, lambda: old)


def pick(values: Sequence[Any], at: Any) -> Any:
    """The one of `values` at a traced position within bounds."""
    if not values:
        raise IndexError("an element of an empty container")
    if len(values) == 1:
        return values[0]
    if all(map(is_function, values)):
        return Choice(at, tuple(values))
    if all(map(is_number, values)):
        types = [type_of(v) for v in values]
        common: ArrayType | None = types[0]
        for t in types[1:]:
            common = None if common is None else promoted(common, t)
        if common is not None:
            rows = [expand_dims(converted(v, common), (0,)) for v in values]
            row = dynamic_index_in_dim(concatenate(rows, 0), at, 0, keepdims=False)
            return as_type(row, common)
    made: list[Callable[[], Any]] = [lambda v=v: v for v in values]
    return above.switch(at, made)


# --- places ---------------------------------------------------------------------------------------


def _index(obj: Any, key: Tracer) -> Tracer:
    """The position that a traced index means, counted from the start."""
    check_index(obj, key)
    n = len(obj)
    wide = key.dtype.itemsize > 4 or (key.dtype.kind == "u" and key.dtype.itemsize == 4)
    at = reshape(convert_element_type(key, np.int64 if wide else np.int32), ())
    (low, high), number = bounds(at), at.dtype.type
    if low < -n or high >= n:
        inside = bitwise_and(ge(at, number(-n)), lt(at, number(n)))
        failures.assert_raising(inside, IndexError(f"{type(obj).__name__} index out of range"))
    if low < 0:
        at = select(lt(at, number(0)), add(at, number(n)), at)
    if low < -n or high >= n:
        at = clamp(number(0), at, number(max(n - 1, 0)))
    return convert_element_type(at, np.int32)


def _where(obj: dict[Any, Any], key: Any) -> list[Any]:
    """For each key of a dictionary, whether it is `key`."""
    if type(key) is tuple:
        return [_if_there(_is_same(key, k), v) for k, v in obj.items()]
    key = reshape(key, ())
    return [
        _if_there(eq(key, k), v) if isinstance(k, (bool, int, float)) else False
        for k, v in obj.items()
    ]


def _is_same(key: Any, other: Any) -> Any:
    """Whether keys of which at least one is a tuple are equal."""
    found = eq_(key, other)
    return truth(found) if type(found) is Tracer else found is not False and np.bool_(True)


def _if_there(here: Any, value: Any) -> Any:
    if type(value) is not Perhaps or here is False:
        return here
    return bitwise_and(here, value.is_there)


def _values(obj: dict[Any, Any]) -> list[Any]:
    return [v.value if type(v) is Perhaps else v for v in obj.values()]


def _is_at(at: Tracer, i: int) -> Any:
    return eq(at, np.int32(i))


def _any(here: Sequence[Any]) -> Any:
    found: Any = np.bool_(False)
    for h in here:
        found = found if h is False else bitwise_or(found, h)
    return found


def _position(here: Sequence[Any]) -> Any:
    """Position of the first condition that holds; their number if there is none."""
    found: Any = np.int32(len(here))
    for i, h in reversed(list(enumerate(here))):
        found = found if h is False else select(h, np.int32(i), found)
    return found


# --- what is known of an index ------------------------------------------------------------------

_FAR = 1 << 62


def bounds(x: Any, depth: int = 6) -> tuple[int, int]:
    """Integers between which a traced integer lies, as far as its formula tells."""
    if type(x) is Literal:
        return int(x.value), int(x.value)
    if type(x) is not Tracer:
        return -_FAR, _FAR
    return _bounds(x.variable, {v: e for e in x.recorder.eqns for v in e.outputs}, depth)


def _bounds(v: Any, producers: dict[Any, Any], depth: int) -> tuple[int, int]:
    if type(v) is Literal and v.type.dtype.kind in "iub":
        return int(v.value), int(v.value)
    if v.type.dtype == np.bool_:
        return 0, 1
    eqn = producers.get(v)
    if eqn is None or depth == 0:
        return -_FAR, _FAR
    given = [_bounds(a, producers, depth - 1) for a in eqn.inputs]
    rule = _RULES.get(eqn.primitive.name)
    return (-_FAR, _FAR) if rule is None else rule(*given)


def _mod(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return (0, b[1] - 1) if b[0] > 0 else (-_FAR, _FAR)


_RULES: dict[str, Callable[..., tuple[int, int]]] = {
    "mod": _mod,
    "convert": lambda a: a,
    "reshape": lambda a: a,
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "clamp": lambda a, x, b: (max(a[0], min(x[0], b[0])), min(b[1], max(x[1], a[1]))),
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "select": lambda p, *xs: (min(x[0] for x in xs), max(x[1] for x in xs)),
}
