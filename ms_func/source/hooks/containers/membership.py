"""`in`, and places where Python itself has to know a truth value."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from numbers import Complex, Integral, Number, Rational, Real
from types import FunctionType, UnionType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config
from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import (
    growing_methods,
    keyed,
    lookup,
    pools,
    portion_functions,
    uneven,
    uneven_dicts,
)
from ms_func.source.hooks.containers.comparisons import asks_data, eq_, holds_traced
from ms_func.source.hooks.containers.pools import Ref
from ms_func.source.hooks.containers.portions import Portion
from ms_func.source.hooks.containers.stores import doubt
from ms_func.source.hooks.containers.text import text_of
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.aliases import any_links, linked, same
from ms_func.source.hooks.heap.anatomy import is_number
from ms_func.source.hooks.joining.branch import ifexp, not_, or_
from ms_func.source.hooks.values.binding import is_known
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.copies import refuse_copies
from ms_func.source.hooks.values.elements import Elements
from ms_func.source.hooks.values.failures import raise_
from ms_func.source.hooks.values.growing import is_growing, is_keyed
from ms_func.source.hooks.values.truths import asked, at_hand
from ms_func.source.hooks.values.truths import truth as truth_of
from ms_func.tracing.tracer import Staging, Tracer


def contains(item: Any, container: Any) -> Any:
    """`item in container`."""
    if type(current.interpreter) is not Staging and type(item) is not Tracer:
        return item in container
    if type(container) is Choice:
        return container.each(lambda c: contains(item, c))
    if type(item) is Choice and not item.are_functions:
        return item.each(lambda x: contains(x, container))
    if type(container) is Portion:
        return portion_functions.holds(container, item)
    if type(container) is Tracer or (type(item) is Tracer and _is_array(container)):
        return xp.any(xp.equal(container, item))  # pyright: ignore[reportArgumentType]
    if is_growing(container):
        return growing_methods.holds(container, item)
    if is_keyed(container):
        return keyed.holds(container, item)
    if uneven.is_uneven(container):
        how = uneven_dicts.is_key if isinstance(container, dict) else uneven.holds
        return how(container, item)
    if type(item) is Tracer and isinstance(container, range):
        return _in_range(item, container)
    own = getattr(type(container), "__contains__", None)
    if type(own) is FunctionType and type(current.interpreter) is Staging:
        found = asked(above.call(own, container, item))
        return truth_of(found) if type(found) is Tracer else bool(found)
    hashed = isinstance(container, (dict, set, frozenset))  # what is hashed is not traced
    decided = hashed or not (asks_data(item) or asks_data(container) or _is_gone_through(container))
    if not holds_traced(item) and decided:
        if not any_links() or is_number(item):
            return item in container
        if not isinstance(container, (list, tuple)):
            return _among(item, container)
    if isinstance(container, Elements):
        container = list(container)
    found: Any = False
    for x in container:
        one = is_(x, item)
        if one is True:
            return True
        if one is not False:
            found = or_(found, lambda one=one: one)
        elif (type(x) is Tracer or type(item) is Tracer) and is_number(x) and is_number(item):
            found = or_(found, lambda x=x: xp.all(xp.equal(x, item)))  # pyright: ignore
        elif (alike := eq_(x, item)) is not False:
            found = or_(found, lambda alike=alike: alike)
            if found is True:
                return True
    return found


def _is_gone_through(x: Any) -> bool:
    """Whether `in` takes the elements of an object from a function of the user's."""
    return any(hasattr(getattr(type(x), n, None), "__code__") for n in ("__iter__", "__getitem__"))


def _among(item: Any, container: Any) -> bool:
    """`item in container`, as the container says; an object that data chose has no one hash."""
    if linked(item) and type(item).__hash__ is object.__hash__:
        raise complaints.run_time_index(container)
    return item in container


@above.enter
def is_(a: Any, b: Any) -> Any:
    """`a is b`, either of which may be a function that data chose."""
    if a is b:
        return True
    if type(current.interpreter) is not Staging:
        return False
    if type(a) is Ref or type(b) is Ref:
        return pools.same(a, b)
    if type(a) is not Choice and type(b) is not Choice:
        return _is_one(a, b)
    if type(a) is not Choice:
        a, b = b, a
    if type(b) is not Choice and not linked(b):
        return a.where(lambda x: x is b)
    return a.each(lambda x: is_(b, x))


def _is_one(a: Any, b: Any) -> Any:
    """Whether two objects stand for the same one; there is one True and one False."""
    if _is_bool(a) and _is_bool(b) and not config.jax_rules():
        return xp.equal(a, b)
    refuse_copies(a, b)
    found: Any = identity.same(a, b)
    for here in same(a, b):
        found = here if found is False else found | here
    return found


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or (type(x) is Tracer and x.type.shape == () and x.dtype == np.bool_)


def equal(a: Any, b: Any) -> Any:
    """Whether the elements `a` and `b` of containers are the same or equal."""
    if a is b:
        return True
    if is_number(a) and is_number(b):
        return xp.all(xp.equal(a, b)) if type(a) is Tracer or type(b) is Tracer else a == b
    return eq_(a, b)


def index_of(items: Sequence[Any], item: Any, start: int, missing: str) -> Any:
    """Position of the first of `items` that equals `item`, counted from `start`.

    Raises:
        ValueError: there is none; at run time where it takes that to know.
    """
    for i, x in enumerate(items):
        found = equal(x, item)
        if type(found) is Tracer:
            at, rest = start + i, items[i + 1 :]
            other = functools.partial(index_of, rest, item, at + 1, missing)
            return ifexp(found, lambda at=at: at, other)
        if found:
            return start + i
    raise raise_(ValueError(missing))


def member(kind: Any, args: Any, kwargs: Any) -> Any:
    """`Color(value)`: the member of an enumeration that has a value which data decide."""
    if len(args) != 1 or kwargs or not len(kind) or not holds_traced(args[0]):
        return above.convert(kind)(*args, **kwargs)
    if type(value := args[0]) is Choice:
        return value.each(lambda v: above.call(kind, v))
    missing = text_of((value, "r", ""), f" is not a valid {kind.__qualname__}")
    return lookup.pick(list(kind), index_of([m.value for m in kind], value, 0, missing))


def count_of(items: Sequence[Any], item: Any) -> Any:
    """How many of `items` equal `item`."""
    return sum(equal(x, item) * 1 for x in items)


def _is_array(x: Any) -> bool:
    return isinstance(x, (Array, np.ndarray))


def _in_range(item: Tracer, r: range) -> Any:
    if not len(r):
        return False
    low, high = min(r[0], r[-1]), max(r[0], r[-1])
    inside = (item >= low) & (item <= high)  # pyright: ignore[reportOperatorIssue]
    return inside if abs(r.step) == 1 else inside & ((item - low) % abs(r.step) == 0)  # pyright: ignore[reportOperatorIssue]


def isinstance_(x: Any, kinds: Any) -> Any:
    """`isinstance(x, kinds)`; what is traced is of the class that it has in Python."""
    if type(x) is Choice:
        return x.holds({k: isinstance_(a, kinds) for k, a in x.left().items()})
    if type(x) is Ref and isinstance(x, kinds):
        return not_(x.is_none())
    return isinstance(x, kinds) or (type(x) is Tracer and _is_of_python(x, kinds))


def _is_of_python(x: Tracer, kinds: Any) -> bool:
    """Whether a traced value stands for an array of NumPy's, or a number of one of some classes.

    Numbers without a dtype are Python's, and those of double precision of NumPy derive from these.
    What comparisons give is a bool of Python.
    """
    t = x.type
    if config.jax_rules():
        return False
    if isinstance(kinds, (tuple, UnionType)):
        return any(_is_of_python(x, k) for k in getattr(kinds, "__args__", kinds))
    if t.shape:
        return kinds is np.ndarray
    if t.weak_type or t.dtype.name in ("float64", "complex128", "bool"):
        return kinds in (*_CONCRETE, *_ABSTRACT) and isinstance(_OF[t.dtype.kind], kinds)
    return kinds in _ABSTRACT and isinstance(_OF.get(t.dtype.kind), kinds)


_CONCRETE = (bool, int, float, complex)
_ABSTRACT = (Number, Complex, Real, Rational, Integral)
_OF = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": 0j}


def issubclass_(x: Any, kinds: Any) -> Any:
    """`issubclass(x, kinds)`."""
    return x.where(lambda a: issubclass(a, kinds)) if type(x) is Choice else issubclass(x, kinds)


def callable_(x: Any) -> Any:
    """`callable(x)`."""
    return x.where(callable) if type(x) is Choice else callable(x)


def hasattr_(x: Any, name: Any) -> Any:
    """`hasattr(x, name)`."""
    if type(name) is Choice:
        return name.holds({k: above.call(hasattr, x, a) for k, a in name.left().items()})
    if type(x) is Choice:
        return x.holds({k: above.call(hasattr, a, name) for k, a in x.left().items()})
    doubtful = doubt(x, name)
    return hasattr(x, name) if doubtful is None else is_known(doubtful)


def type_(x: Any, *args: Any, **kwargs: Any) -> Any:
    """`type(x)`, of which data may have chosen one; `type(name, bases, namespace)`."""
    if type(x) is Choice and not args:
        kinds = {type(a) for a in x.left().values()}
        return kinds.pop() if len(kinds) == 1 else Choice(x.index, tuple(map(type, x.alternatives)))
    return x.__class__ if type(x) is Ref else type(x, *args, **kwargs)


def truth(value: Any, what: str) -> Any:
    """`value`, where Python has to know whether it is true.

    Raises:
        StagingError: MS180 for `yield` under it, MS170 elsewhere: it is known only at run time.
    """
    if type(value := asked(value)) is not Tracer:
        return value
    known = at_hand(value)
    if known is not value:
        return known
    raise complaints.yielded() if what == "yield" else complaints.needs_truth(what)
