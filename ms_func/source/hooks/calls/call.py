"""Calls of converted code: built-in functions of traced values, containers, user functions."""

from __future__ import annotations

import enum
import functools
import itertools
import math
import operator
from collections import deque
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.runtime import extension
from ms_func.source.build import HOOKS
from ms_func.source.hooks import above
from ms_func.source.hooks.calls import builtins, dispatching, formatting, numpy_calls
from ms_func.source.hooks.containers import (
    displays,
    growing_methods,
    keyed,
    lookup,
    pools,
    portion_functions,
    stores,
    uneven,
    uneven_dicts,
    uneven_stores,
    unpacking,
)
from ms_func.source.hooks.containers.comparisons import asks_data
from ms_func.source.hooks.containers.membership import (
    callable_,
    count_of,
    hasattr_,
    index_of,
    issubclass_,
    member,
    type_,
)
from ms_func.source.hooks.containers.portions import Portion
from ms_func.source.hooks.containers.running import Running
from ms_func.source.hooks.containers.unpacking import SPREAD
from ms_func.source.hooks.flow import iterators, pushing
from ms_func.source.hooks.flow.comprehensions import comprehension
from ms_func.source.hooks.handlers import HANDLERS
from ms_func.source.hooks.heap import complaints, native_arrays, opaque, views
from ms_func.source.hooks.heap.aliases import changed
from ms_func.source.hooks.heap.journal import (
    MISSING,
    Attribute,
    Contents,
    born,
    journal,
    same_contents,
)
from ms_func.source.hooks.recursion.enter import enter, is_running
from ms_func.source.hooks.recursion.reaching import may_call_itself
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.elements import Elements
from ms_func.source.hooks.values.growing import is_growing, is_keyed
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Staging, Tracer

_MUTATING = frozenset(
    (
        "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update",
        "setdefault", "popitem", "add", "discard", "appendleft", "extendleft", "popleft", "rotate",
        "intersection_update", "difference_update", "symmetric_difference_update",
        "__setitem__", "__delitem__", "__iadd__", "__imul__", "fill", "resize", "move_to_end",
    )
)  # fmt: skip
_GENERATOR = 0x20  # CO_GENERATOR
_IN_C = (type, BuiltinFunctionType, MethodDescriptorType)
_ONE_BY_ONE = frozenset((GeneratorType, pushing.Generated))
_LAZY = (iter, zip, map, filter, enumerate, isinstance, type)
_CHANGEABLE = {"numpy", "array", "builtins"}
"""Modules whose objects have such methods; of `builtins` it is `bytearray`."""
_STANDARD = frozenset(("contextlib", "collections", "queue", "types"))
"""Modules whose objects hold lists, deques and dictionaries that their methods change."""
_GO_THROUGH = {
    **{id(f): slice(0, 1) for f in (
        sum, min, max, any, all, list, tuple, sorted, set, frozenset, dict, deque, enumerate, iter,
        math.fsum, math.prod,
    )},
    **{id(f): slice(1, 2) for f in (filter, functools.reduce)},
    id(map): slice(1, None), id(zip): slice(0, None),
    **{id(f): slice(0, None) for f in vars(itertools).values()
       if isinstance(f, type) and f not in (itertools.count, itertools.repeat)},
}  # fmt: skip
"""Functions of Python's that go through objects, and at which places these stand."""
_PUT_TOGETHER = {
    "join": lambda sep, args, kwargs: formatting.joined(sep, *args),
    "format": formatting.formatted,
}
_LOOKING_UP = frozenset(("pop", "get", "__getitem__", "setdefault", "rotate", "insert"))


@above.enter
def call(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`f(*args, **kwargs)`."""
    if type(current.interpreter) is not Staging:
        return f(*args, **kwargs)  # nothing is traced: Python as it is
    if Perhaps.exist and not SPREAD.isdisjoint(map(type, (*args, *kwargs.values()))):
        found = unpacking.called(f, args, kwargs)
        if found is not NotImplemented:
            return found
    if (places := _GO_THROUGH.get(id(f))) is not None:
        args = _begun(f, args, places)
    if not _ONE_BY_ONE.isdisjoint(map(type, args)) and _takes(f):
        args = tuple([pushing.given(f, x) for x in args])
        iterators.advance_all(args)
    if Portion.exist and (Portion in map(type, args) or _lists_parts(args)):
        found = portion_functions.call(f, args, kwargs)
        if found is not NotImplemented:
            return found
    handler = HANDLERS.get(id(f))
    if handler is not None:
        chosen = _chosen(f, args)
        return handler(*args, **kwargs) if chosen < 0 else _of_each(f, args, kwargs, chosen)
    rule = KINDS.get(type(f))
    return above.convert(f)(*args, **kwargs) if rule is None else rule(f, args, kwargs)


def _used_up(x: Any, f: Any) -> Any:
    """What a function is given that takes all elements; those of a traced number one by one."""
    if f is dict and isinstance(x, dict):
        return x
    if f is dict and displays.is_mapping(x):
        x = call(x.items)
    x = iterators.whole(pushing.begun(x))
    if not isinstance(x, Elements) or isinstance(x.length, int | None):
        return x
    return Running(x, lambda v: v, lambda v: True)


def _begun(f: Any, args: Any, places: slice) -> Any:
    """The arguments of a function of Python's that goes through those at some places."""
    if len(args) > 1 and (f is min or f is max):
        return args
    start, stop, _ = places.indices(len(args))
    taking = id(f) in pushing.TAKING
    given = [_used_up(x, f) if taking else pushing.begun(x) for x in args[start:stop]]
    return (*args[:start], *given, *args[stop:])


def native(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """A call of a function of this library, which may be given parts of arrays."""
    if Perhaps.exist:
        args = tuple(map(portion_functions.of_list, args))
    if Portion.exist and (Portion in map(type, args) or _lists_parts(args)):
        found = portion_functions.call(f, args, kwargs)
        if found is not NotImplemented:
            return found
    return f(*args, **kwargs)


def _lists_parts(args: Any) -> bool:
    """Whether the first argument is a list or tuple of parts of arrays."""
    return bool(args) and type(args[0]) in (list, tuple) and Portion in map(type, args[0])


def _takes(f: Any) -> bool:
    """Whether a function is written in C and takes the elements of what it is given."""
    return type(f) in _IN_C and not any(f is g for g in _LAZY)


def _chosen(f: Any, args: Any) -> int:
    """Position of an argument that data chose, of functions that work on plain values; else -1."""
    for i, x in enumerate(args):
        if type(x) is Choice and not x.are_functions and f not in _TAKES_CHOICES:
            return i
    return -1


def _of_each(f: Any, args: Any, kwargs: Any, place: int) -> Any:
    """The call with each of the values that the argument at `place` may be."""
    before, after = args[:place], args[place + 1 :]
    return args[place].each(lambda x: call(f, *before, x, *after, **kwargs))


def _method(f: Any, args: Any, kwargs: Any) -> Any:
    inner = f.__func__
    if type(f.__self__) is Tracer and inner.__name__ in numpy_calls.RESHAPING:
        return views.reshaped(f.__self__, f(*args, **kwargs))
    if type(inner) is FunctionType:
        handler = HANDLERS.get(id(inner))
        if handler is not None:
            return handler(f.__self__, *args, **kwargs)
        return _function(inner, (f.__self__, *args), kwargs)
    if type(f.__self__) in opaque.KINDS:
        opaque.change(f.__self__)
    return above.convert(f)(*args, **kwargs)


def _partial(f: Any, args: Any, kwargs: Any) -> Any:
    return call(f.func, *f.args, *args, **{**f.keywords, **kwargs})


LATE: dict[str, Callable[..., Any]] = {}
"""What takes the calls of functions of modules that are not loaded before users load them."""


def _of_object(f: Any, args: Any, kwargs: Any) -> Any:
    """A function written in C: of a module, or a method of an object."""
    chosen = _chosen(f, args)
    if chosen >= 0:
        return _of_each(f, args, kwargs, chosen)
    owner = f.__self__
    if type(owner) is np.ufunc or (type(owner) is ModuleType and numpy_calls.is_numpys(f)):
        return numpy_calls.call(f, args, kwargs)
    if isinstance(owner, dict) and f.__name__ == "update":
        args = tuple(map(displays.as_dict, args))
    elif f.__name__ in ("extend", "extendleft"):
        args = tuple(map(iterators.begun, args))
    elif isinstance(owner, str) and f.__name__ in _PUT_TOGETHER:
        return _PUT_TOGETHER[f.__name__](owner, args, kwargs)
    found = _builtin(f, owner, args, kwargs, args)
    return native_arrays.noted(found) if type(found) is np.ndarray else found


def _of_class(f: Any, args: Any, kwargs: Any) -> Any:
    """A method written in C, taken from the class: `list.append(x, 1)`."""
    return _builtin(f, args[0] if args else None, args[1:], kwargs, args)


def _function(f: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function in Python, converted or not."""
    if id(f.__code__) in dispatching.CODES:
        found = dispatching.dispatched(f, args, kwargs)
        if found is not NotImplemented:
            return found
    if f.__code__.co_flags & _GENERATOR:
        return iterators.generator(above.convert(f)(*args, **kwargs), (f, args, kwargs))
    made = above.convert(f)
    if (made is f or type(made) is functools.partial) and HOOKS not in f.__code__.co_freevars:
        return _unconverted(f, made, args, kwargs)
    return enter(f, made, args, kwargs)


def _unconverted(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function that stays as it is, or of a library's, which is tried as it is."""
    if numpy_calls.is_numpys(f):
        return numpy_calls.call(f, args, kwargs)
    if f.__module__ in LATE:
        return LATE[f.__module__](f, *args, **kwargs)
    if Perhaps.exist and (f.__module__ or "").startswith("ms_func.numpy"):
        args = tuple(map(portion_functions.of_list, args))
        if Portion in map(type, args):
            return native(f, *args, **kwargs)
    if any(type(x) is set and is_keyed(x) for x in args):
        made = above.variant(f, "sets") or made
    return watched(made, args, kwargs)


def watched(f: Any, args: Any, kwargs: Any, owner: Any = None) -> Any:
    """A call of what is not converted; the containers that it changed are journalled afterwards."""
    given = (owner, *args, *kwargs.values())
    for x in given:
        if type(x) in opaque.KINDS:
            opaque.change(x)
    inside = () if journal.top is None else [y for x in given for y in _attributes(x)]
    held = [(x, Contents(x), x.copy()) for x in (*given, *inside) if stores.is_journalled(x)]
    top = journal.top
    bound = [] if top is None else [(x, dict(y)) for x in given if (y := _namespace(x))]
    found = f(*args, **kwargs)
    if type(found) is Array and not any(found is x for x in given):
        found = native_arrays.noted(found)
    for x, place, old in held:
        if not same_contents(old, x):
            if journal.top is not None:
                journal.top.entries.setdefault(place.key, (place, old))
            changed(x)
    for x, before in bound:
        for name in before | vars(x):
            if before.get(name, MISSING) is not vars(x).get(name, MISSING):
                place = Attribute(x, name)
                assert top is not None
                top.entries.setdefault(place.key, (place, before.get(name, MISSING)))
    return found


def _attributes(x: Any) -> Any:
    """What an object of the standard library holds, such as the callbacks of an `ExitStack`."""
    return _namespace(x).values()


def _namespace(x: Any) -> dict[str, Any]:
    return getattr(x, "__dict__", {}) if type(x).__module__ in _STANDARD else {}


def _builtin(f: Any, owner: Any, args: Any, kwargs: Any, given: Any) -> Any:
    """A function written in C, a method of `owner` for the most part, called with `given`."""
    if f.__name__ in _LOOKING_UP and args:
        found = stores.each_key(owner, args[0], lambda k: call(f, k, *args[1:], **kwargs))
        if found is not NotImplemented:
            return found
    if type(owner) is GeneratorType:
        iterators.advance(owner)
    if type(owner) in opaque.KINDS:
        opaque.change(owner)
    if f.__name__ in ("__setattr__", "__delattr__") and args:
        return stores.set_plainly(f, owner, args[0], given)
    if f.__name__ in _MUTATING and not isinstance(owner, ModuleType):
        if stores.is_journalled(owner) or type(owner).__module__ in _CHANGEABLE:
            stores.note(owner)
        if keyed.concerns(f.__name__, owner, args):
            found = keyed.METHODS[f.__name__](owner, *args, **kwargs)
        elif _extends(f, owner, args):
            found = growing_methods.METHODS[f.__name__](owner, *args)
        elif uneven.is_uneven(owner) or is_growing(owner) or _updates(f, owner, args):
            found = _of_uneven(f, owner, args, kwargs)
        elif f.__name__ == "sort" and isinstance(owner, list):
            found = list.__setitem__(owner, slice(None), builtins.sorted_(owner, **kwargs))
        else:
            found = _looked_up(f, owner, args, kwargs, given)
        changed(owner)
        return found
    return _looked_up(f, owner, args, kwargs, given)


def _extends(f: Any, owner: Any, args: Any) -> bool:
    """Whether a deque gets as many elements as data say."""
    is_extended = isinstance(owner, deque) and f.__name__ in ("extend", "extendleft")
    return is_extended and len(args) == 1 and uneven.is_folded(args[0])


def _updates(f: Any, owner: Any, args: Any) -> bool:
    """Whether a dictionary gets the keys of one that may lack some."""
    return f.__name__ == "update" and isinstance(owner, dict) and any(map(uneven.is_uneven, args))


def _looked_up(f: Any, owner: Any, args: Any, kwargs: Any, given: Any) -> Any:
    """A C function; looking for a traced value is a search at run time."""
    name = f.__name__
    if name == "fromkeys" and args and uneven.is_folded(args[0]):
        value = args[1] if len(args) > 1 else None
        return displays.dict_of(comprehension(True, args[0], lambda key: (key, value), None))
    if keyed.concerns(name, owner, args):
        return keyed.METHODS[name](owner, *args, **kwargs)
    if uneven.is_uneven(owner) or is_growing(owner):
        return _of_uneven(f, owner, args, kwargs)
    if name in _LOOKING_UP and args and lookup.is_key_of(owner, args[0]):
        if name == "__getitem__":
            return stores.getitem(owner, *args)
        if name == "get" and isinstance(owner, dict):
            return lookup.get(owner, *args)
        if isinstance(owner, list) and name == "insert" and lookup.is_place(args[0]):
            return Contents(owner).write(lookup.inserted(owner, *args))
        if isinstance(owner, list) and name == "pop" and lookup.is_place(args[0]):
            found = lookup.element(owner, args[0])
            Contents(owner).write(lookup.removed(owner, args[0]))
            return found
        if isinstance(owner, (list, dict, tuple, deque)):
            raise complaints.run_time_index(owner)
    if (
        name in ("index", "count", "remove")
        and len(args) == 1
        and isinstance(owner, (list, tuple, deque))
        and any(map(asks_data, (*args, *owner)))
    ):
        if name == "count":
            return count_of(owner, args[0])
        missing = f"the value is not in the {type(owner).__name__}"
        if name == "remove":
            at = index_of(tuple(owner), args[0], 0, missing)
            known = type(at) is not Tracer
            kept = [*owner]
            if known:
                del kept[at]
            return Contents(owner).write(kept if known else lookup.removed(kept, at))
        return index_of(tuple(owner), args[0], 0, missing)
    return watched(f, given, kwargs)


def _of_uneven(f: Any, owner: Any, args: Any, kwargs: Any) -> Any:
    """A method of a list whose length data decide."""
    methods = uneven_dicts.METHODS if isinstance(owner, dict) else uneven_stores.METHODS
    if is_growing(owner):
        methods = growing_methods.METHODS
    method = methods.get(f.__name__)
    if method is None and not isinstance(owner, dict):
        method = growing_methods.METHODS.get(f.__name__)
    if method is None:
        raise uneven.Perhaps.complaint()
    return method(owner, *args, **kwargs)


def _class(f: Any, args: Any, kwargs: Any) -> Any:
    """A call of a class."""
    pool = pools.made(f)
    return born(above.convert(f)(*args, **kwargs)) if pool is None else pool.new(f, args, kwargs)


def _jitted(f: Any, args: Any, kwargs: Any) -> Any:
    """A compiled function; one that calls itself under its own name is the same recursion."""
    inner = f.__wrapped__
    if type(inner) is FunctionType and may_call_itself(inner) and is_running(above.convert(inner)):
        return _function(inner, args, kwargs)
    return f(*args, **kwargs)


def _dispatched(f: Any, args: Any, kwargs: Any) -> Any:
    """A method under `singledispatchmethod`, which is an object."""
    found = dispatching.dispatched(f, args, kwargs)
    return above.convert(f)(*args, **kwargs) if found is NotImplemented else found


KINDS: dict[type, Callable[[Any, Any, Any], Any]] = {
    dispatching.METHOD: _dispatched,
    FunctionType: _function,
    type: _class,
    enum.EnumMeta: member,
    MethodType: _method,
    functools.partial: _partial,
    BuiltinFunctionType: _of_object,
    MethodWrapperType: _of_object,
    MethodDescriptorType: _of_class,
    WrapperDescriptorType: _of_class,
    extension.PjitFunction: _jitted,
    **dict.fromkeys(numpy_calls.KINDS, numpy_calls.call),
    np.vectorize: numpy_calls.vectorized,
    pools.Ref: pools.call_object,
}
"""How what is no function of a handler's is called, by its type."""
HANDLERS[id(np.random.default_rng)] = lambda *args: born(np.random.default_rng(*args))
HANDLERS[id(type)] = type_
HANDLERS[id(issubclass)] = issubclass_
HANDLERS[id(callable)] = callable_
_TAKES_CHOICES = frozenset(
    (setattr, getattr, delattr, hasattr, type, isinstance, issubclass, callable)
)
HANDLERS[id(getattr)] = stores.getattr_
HANDLERS[id(hasattr)] = hasattr_
HANDLERS[id(setattr)] = stores.setattr_
HANDLERS[id(delattr)] = stores.delattr_
HANDLERS[id(operator.getitem)] = stores.getitem
HANDLERS[id(operator.setitem)] = stores.setitem
HANDLERS[id(operator.delitem)] = stores.delitem
for _name in stores.IN_PLACE:
    HANDLERS[id(getattr(operator, _name))] = getattr(stores, _name)
