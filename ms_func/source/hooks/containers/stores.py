"""Stores to objects: elements, attributes, shared variables, globals; and reads of elements."""

from __future__ import annotations

import operator
from collections import defaultdict, deque
from collections.abc import Callable
from types import FunctionType, MemberDescriptorType
from typing import Any

import numpy as np

from ms_func import config
from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.numpy import indexing, updates
from ms_func.numpy.indexing import parse
from ms_func.numpy.promotion import as_handle
from ms_func.primitives.cast import convert_element_type
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import (
    growing_methods,
    keyed,
    lookup,
    portion_functions,
    portions,
    uneven,
    uneven_dicts,
    uneven_stores,
    unpacking,
    windows,
)
from ms_func.source.hooks.containers.pools import Ref
from ms_func.source.hooks.containers.portions import Portion
from ms_func.source.hooks.heap import complaints, native_arrays, views
from ms_func.source.hooks.heap.aliases import changed, refuse_spoiled
from ms_func.source.hooks.heap.journal import (
    MISSING,
    Attribute,
    Buffer,
    Cached,
    Cell,
    Contents,
    Global,
    attribute,
    is_inside,
    journal,
    store,
)
from ms_func.source.hooks.heap.undefined import UNDEFINED, Doubted, Unsure, in_class
from ms_func.source.hooks.joining.branch import ifexp
from ms_func.source.hooks.values import binding
from ms_func.source.hooks.values.binding import bound, is_known
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import is_growing, is_keyed
from ms_func.source.policy import CONTAINERS
from ms_func.tracing.tracer import Staging, Tracer

_CONTAINERS = frozenset({list, dict, set, deque})


def is_journalled(x: Any) -> bool:
    """Whether the contents of a container can be kept and put back."""
    return type(x) in _CONTAINERS or isinstance(x, (list, dict, set, deque))


def note(x: Any) -> None:
    """Journal an object whose contents are about to be changed.

    Raises:
        StagingError: MS170, the object is of a kind that cannot be put back.
    """
    top = journal.top
    if top is None:
        return
    if is_journalled(x):
        top.touch(Contents(x))
    elif isinstance(x, np.ndarray):
        top.touch(Buffer(x))
    elif is_inside():
        raise complaints.side_effect(f"an object of type {type(x).__name__} is changed")


# --- elements -----------------------------------------------------------------------------------


@above.enter
def getitem(obj: Any, index: Any) -> Any:
    """`obj[index]`."""
    if type(current.interpreter) is not Staging:
        return obj[index]
    found = _element(obj, index)
    if type(found) is Tracer and type(obj) in (Tracer, np.ndarray) and views.is_basic(index):
        return views.part(
            obj, found, lambda x: _element(x, index), lambda x, new: _updated(x, index, new),
            views.needed(index),
        )  # fmt: skip
    return found


def each_key(obj: Any, key: Any, f: Callable[[Any], Any]) -> Any:
    """`f` of each key of a dictionary that a tuple with a choice in it may be.

    NotImplemented for other keys, and for other objects.
    """
    if type(key) is not tuple or Choice not in map(type, key) or not isinstance(obj, dict):
        return NotImplemented
    k = list(map(type, key)).index(Choice)
    return key[k].each(lambda x: f((*key[:k], x, *key[k + 1 :])))


def _place(index: Any) -> Any:
    """An index; places in a tuple that data chose are the numbers among them."""
    if type(index) is not tuple or Choice not in map(type, index):
        return index
    error = IndexError("only integers, slices and arrays are valid indices")
    return tuple([i.number(error) if type(i) is Choice else i for i in index])


def _element(obj: Any, index: Any) -> Any:
    found = each_key(obj, index, lambda k: getitem(obj, k))
    if found is not NotImplemented:
        return found
    index = _place(index)
    if type(obj) is Portion:
        return portion_functions.element(obj, index)
    if type(index) is Choice:
        return _of_choice(obj, index)
    if is_growing(obj):
        return growing_methods.element(obj, index)
    if isinstance(obj, dict) and keyed.takes_all(obj, index):
        return keyed.value(obj, index)
    if uneven.is_uneven(obj):
        how = uneven_dicts.value if isinstance(obj, dict) else uneven.element
        return how(obj, index)
    found = _at_traced(obj, index)
    return _as_python(obj, index) if found is NotImplemented else found


def _of_choice(obj: Any, index: Choice) -> Any:
    """`obj[index]` with an index that data chose."""
    if len(left := index.left()) == 1:
        return getitem(obj, *left.values())
    if isinstance(obj, defaultdict):
        note(obj)
        return uneven_dicts.chosen(obj, index)
    return index.each(lambda i: getitem(obj, i))


def _at_traced(obj: Any, index: Any) -> Any:
    """`obj[index]` with traced numbers or parts in it; NotImplemented where it has none."""
    is_key = lookup.is_key_of(obj, index)
    if is_key and isinstance(obj, (list, tuple, dict, str, bytes, range, deque)):
        return lookup.element(obj, index)
    if not is_key and windows.is_moving(index):
        return _moving(obj, index)
    in_parts = type(index) in (tuple, list) and _has_traced(index)
    if type(index) is Portion or in_parts or (is_key and portions.is_mask(index)):
        taken = _part(obj, index)
        if taken is not None:
            return portions.take(obj, taken)
    if (is_key or in_parts) and isinstance(obj, np.ndarray):
        return indexing.getitem(as_handle(obj), index)
    return NotImplemented


def _as_python(obj: Any, index: Any) -> Any:
    """`obj[index]`, by a method in Python or as the object does it."""
    if isinstance(obj, defaultdict) and index not in obj:
        note(obj)  # it is about to get the key
        found = obj[index]
        changed(obj)
        return found
    own = getattr(type(obj), "__getitem__", None)
    if type(own) is FunctionType and own.__module__ in CONTAINERS:
        return above.call(own, obj, index)
    try:
        return obj[index]
    except IndexError:
        refuse_spoiled(obj)
        raise


def _moving(obj: Any, index: Any) -> Any:
    """`obj[index]` with a slice whose bounds are traced."""
    if isinstance(obj, (Tracer, Array, np.ndarray)):
        index = windows.moved(obj.shape, index)
        taken = _part(obj, index)
        if taken is not None:
            return portions.take(obj, taken)
        return indexing.getitem(as_handle(obj), index)
    if type(obj) in (list, tuple) and type(index) is slice and index.step in (None, 1):
        return windows.part(obj, index)
    if isinstance(obj, (str, bytes)):
        raise complaints.run_time_index(obj)
    return obj[index]


def _part(obj: Any, index: Any) -> Any:
    """An index of an array that takes a part of a size that data decide; None for others."""
    if config.jax_rules() or not isinstance(obj, (Tracer, Array, np.ndarray)):
        return None
    return portions.parsed(obj, index)


def _has_traced(index: Any) -> bool:
    """Whether an index of arrays is a traced value, or a tuple or list with one in it."""
    if type(index) in (tuple, list):
        return any(map(_has_traced, index))
    return type(index) is Tracer


def setitem(obj: Any, key: Any, value: Any) -> None:
    """`obj[key] = value`."""
    kind = type(obj)
    if type(current.interpreter) is not Staging:
        obj[key] = value
        return
    if kind is Choice:
        obj.each(lambda x: setitem(x, key, value))
        return
    if type(key) is Choice:
        key.each(lambda k: setitem(obj, k, value))
        return
    if each_key(obj, key, lambda k: setitem(obj, k, value)) is not NotImplemented:
        return
    key = _place(key)
    if kind is Tracer or (kind is Array and not config.jax_rules()):
        _set_traced(obj, key, value)
        return
    if journal.top is not None and not _by_method(obj, "__setitem__"):
        note(obj)
    if isinstance(key, slice) and unpacking.has_own_length(obj):
        unpacking.replace(obj, key, value)
        return
    if is_growing(obj):
        growing_methods.set_element(obj, key, value)
        changed(obj)
        return
    if keyed.takes(obj, key) and keyed.becomes(obj, key, value):
        changed(obj)
        return
    if uneven.is_uneven(obj) and not isinstance(obj, dict):
        Contents(obj).write(uneven_stores.stored(obj, key, value))
        changed(obj)
        return
    if type(key) is Tracer and isinstance(obj, (list, dict, deque)):
        _set_somewhere(obj, key, value)
        return
    if kind is np.ndarray and (
        type(value) in (Tracer, Portion) or _has_traced(key) or _part(obj, key) is not None
    ):
        array: Any = obj
        raise native_arrays.stored_to(array)
    if kind in _CONTAINERS or not _by_method(obj, "__setitem__"):
        obj[key] = value
        changed(obj)
    else:
        above.call(type(obj).__setitem__, obj, key, value)


def _set_somewhere(obj: Any, key: Tracer, value: Any) -> None:
    """A store to an element that the data choose."""
    known = key.recorder.value_of(key.variable)
    if known is not None:
        obj[known.item()] = value
    else:
        Contents(obj).write(lookup.stored(obj, key, value))
    changed(obj)


def _by_method(obj: Any, name: str) -> bool:
    """Whether a Python function of the user's class does it, whose own stores are journalled."""
    return hasattr(getattr(type(obj), name, None), "__code__")


def _set_traced(x: Tracer, key: Any, value: Any) -> None:
    """A store to an array: the handle stands for the updated array from here on."""
    rebind(x, _updated(x, key, value))


def _updated(x: Tracer, key: Any, value: Any) -> Any:
    """The array after a store."""
    if native_arrays.is_known(x):
        raise native_arrays.stored_to(x)
    key = windows.moved(x.type.shape, key) if windows.is_moving(key) else key
    taken = _part(x, key)
    if taken is not None:
        return portions.stored(x, taken, value)
    parse(x.type.shape, key)  # integers out of bounds are an error here
    return updates.update(x, key, value, "set")


def rebind(x: Tracer, new: Any) -> None:
    """Make the handle `x` stand for the value of `new`, journalled."""
    views.assign(x, new)
    views.stored(x)
    changed(x)


def delitem(obj: Any, key: Any) -> None:
    """`del obj[key]`."""
    if type(key) is Choice:
        key.each(lambda k: delitem(obj, k))
        return
    if each_key(obj, key, lambda k: delitem(obj, k)) is not NotImplemented:
        return
    if isinstance(key, slice) and unpacking.has_own_length(obj):
        note(obj)
        unpacking.replace(obj, key, ())
        return
    if is_growing(obj) or keyed.takes(obj, key):
        note(obj)
        (growing_methods.pop if is_growing(obj) else keyed.remove)(obj, key)
        changed(obj)
        return
    if type(key) is Tracer and isinstance(obj, list) and lookup.is_place(key):
        note(obj)
        Contents(obj).write(lookup.removed(obj, key))
        changed(obj)
        return
    if type(key) is Tracer:
        raise complaints.run_time_index(obj)
    if _by_method(obj, "__delitem__"):
        above.call(type(obj).__delitem__, obj, key)
        return
    note(obj)
    if uneven.is_uneven(obj) and isinstance(obj, dict):
        uneven_dicts.remove(obj, key)
    elif uneven.is_uneven(obj):
        uneven_stores.METHODS["pop"](obj, key)
    else:
        del obj[key]
    changed(obj)


# --- attributes ---------------------------------------------------------------------------------


def getattr_(obj: Any, name: Any, *default: Any) -> Any:
    """`getattr(obj, name, default)`."""
    if type(name) is Choice:
        return name.attribute_of(obj, *default)
    if type(obj) is Choice and default:
        return obj.each(lambda x: above.call(getattr, x, name, *default))
    doubtful = doubt(obj, name) if default else None
    if doubtful is not None:
        return ifexp(is_known(doubtful), lambda: doubtful.value, lambda: default[0])
    return getattr(obj, name, *default)


def doubt(obj: Any, name: Any) -> Unsure | None:
    """An attribute of an object of which data decide whether it is there; None for others."""
    if not Doubted.exist:
        return None
    guard = Doubted.of(obj, name)
    found = Attribute(obj, name).read() if guard else getattr(obj, "__dict__", {}).get(name)
    return found if type(found) is Unsure else None


def _doubtful(obj: Any, name: str, value: Unsure) -> Any:
    """What an attribute is of which data decide whether it is there."""
    other = getattr(type(obj), "__getattr__", None)
    if other is None:
        return binding.attribute(obj, name, value)
    return ifexp(is_known(value), lambda: value.value, lambda: above.call(other, obj, name))


Doubted.value = staticmethod(_doubtful)


def setattr_(obj: Any, name: Any, value: Any) -> None:
    """`obj.name = value`."""
    if type(current.interpreter) is not Staging:
        setattr(obj, name, value)
        return
    if type(obj) is Choice:
        obj.each(lambda x: setattr_(x, name, value))
        return
    if type(obj) is Ref:
        obj.pool.set(obj, name, value)
        return
    if type(name) is Choice:
        name.each(lambda n: setattr_(obj, n, value))
        return
    found = in_class(type(obj), name)
    if isinstance(found, property) and found.fset is not None:
        above.call(found.fset, obj, value)
    elif _by_method(obj, "__setattr__"):
        above.call(type(obj).__setattr__, obj, name, value)
    elif hasattr(found, "__set__") and not isinstance(found, _PLAIN_PLACES):
        if is_inside() and not _by_method(found, "__set__"):
            raise complaints.side_effect(f"the attribute `{name}` is set by a descriptor")
        setattr(obj, name, value)
    else:
        if journal.top is not None:
            journal.top.touch(attribute(obj, name))
        setattr(obj, name, value)
        changed(obj, name)


_PLAIN_PLACES = (MemberDescriptorType, Doubted)
"""Descriptors of attributes that an object holds itself."""


def set_plainly(f: Any, obj: Any, name: str, given: Any) -> Any:
    """`object.__setattr__(obj, name, value)` and its like, by the C function `f`."""
    if journal.top is not None:
        journal.top.touch(attribute(obj, name))
    found = f(*given)
    changed(obj, name)
    return found


def about_to_store(obj: Any, name: str) -> None:
    """Journal an attribute that Python itself is going to store, for the time of this region."""
    if journal.top is not None:
        journal.top.touch(Cached(obj, name))


def delattr_(obj: Any, name: Any) -> None:
    """`del obj.name`."""
    if type(obj) is Choice:
        obj.each(lambda x: delattr_(x, name))
        return
    if type(name) is Choice:
        name.each(lambda n: delattr_(obj, n))
        return
    found = in_class(type(obj), name)
    if isinstance(found, property) and found.fdel is not None:
        above.call(found.fdel, obj)
    elif _by_method(obj, "__delattr__"):
        above.call(type(obj).__delattr__, obj, name)
    elif _by_method(found, "__delete__") and not isinstance(found, _PLAIN_PLACES):
        above.call(type(found).__delete__, found, obj)
    else:
        if journal.top is not None:
            journal.top.touch(attribute(obj, name))
        delattr(obj, name)
        changed(obj, name)


# --- variables ----------------------------------------------------------------------------------


Getter = Any
"""`lambda: name`, which knows where a variable lives: its cell, or the globals of a module."""


def set_cell(getter: Getter, value: Any) -> Any:
    """Assign to a variable that inner functions share; the value."""
    cell = getter.__closure__[0]
    name = getter.__code__.co_freevars[0]
    store(Cell(cell, name), MISSING if value is UNDEFINED else value)
    changed(cell)
    return value


def set_global(getter: Getter, value: Any) -> Any:
    """Assign to a global variable; the value."""
    store(_global(getter), MISSING if value is UNDEFINED else value)
    return value


def _global(getter: Any) -> Global:
    return Global(getter.__globals__, getter.__code__.co_names[0])


def del_cell(getter: Getter) -> None:
    """Unbind a variable that inner functions share."""
    getter()  # raises where it is not bound
    set_cell(getter, UNDEFINED)


def del_global(getter: Getter) -> None:
    """Unbind a global variable."""
    getter()
    set_global(getter, UNDEFINED)


def bound_cell(getter: Getter, name: str) -> Any:
    """The value of a variable that inner functions share.

    Raises:
        UnboundLocalError: it is not bound.
    """
    cell = getter.__closure__[0]
    return bound(Cell(cell).read(), name)


# --- augmented assignments ------------------------------------------------------------------------


def _takes_stretches(x: Any, value: Any) -> bool:
    """Whether `x += value` is of a list or deque of such a length, or bounded."""
    if isinstance(x, deque) and uneven.is_folded(value):
        return True
    return is_growing(x) and not isinstance(x, tuple)


def _augmented(name: str) -> Callable[[Any, Any], Any]:
    """Hook of an augmented assignment, which changes lists, sets and dicts in place."""
    operation = getattr(operator, name)

    def hook(x: Any, value: Any) -> Any:
        if type(x) is Choice:
            return x.each(lambda a: hook(a, value))
        if type(x) is np.ndarray and type(value) is Tracer:
            raise native_arrays.stored_to(x)
        if journal.top is not None and type(x) in _CHANGED_IN_PLACE:
            note(x)
        if name == "iadd" and _takes_stretches(x, value):
            growing_methods.extend(x, value)
            out = x
        elif is_keyed(x) or is_keyed(value):
            if name[1:] not in keyed.OPERATORS:
                raise uneven.Perhaps.complaint()
            keyed.assigned(x, name[1:], value)
            out = x
        elif name == "ior" and isinstance(x, dict) and any(map(uneven.is_uneven, (x, value))):
            uneven_dicts.update(x, value)
            out = x
        elif uneven.is_uneven(x) and not isinstance(x, tuple):
            if name != "iadd":
                raise uneven.Perhaps.complaint()
            uneven_stores.METHODS["extend"](x, value)
            out = x
        elif type(x) is Tracer and views.is_shared(x):
            rebind(x, convert_element_type(operation(x, value), x.dtype))
            return x
        elif type(x) is np.ndarray and x.base is not None and type(value) is Tracer:
            raise native_arrays.stored_to(x)
        else:
            out = operation(x, value)
        if out is x:
            changed(x)
        return out

    hook.__name__ = hook.__qualname__ = name
    hook.__doc__ = f"`operator.{name}`, journalled."
    return hook


_CHANGED_IN_PLACE = _CONTAINERS | {np.ndarray}
IN_PLACE = (
    "iadd", "isub", "imul", "imatmul", "itruediv", "ifloordiv", "imod", "ipow", "ilshift",
    "irshift", "iand", "ior", "ixor",
)  # fmt: skip
"""Names of the hooks below, as in `operator`."""
iadd = _augmented("iadd")
isub = _augmented("isub")
imul = _augmented("imul")
imatmul = _augmented("imatmul")
itruediv = _augmented("itruediv")
ifloordiv = _augmented("ifloordiv")
imod = _augmented("imod")
ipow = _augmented("ipow")
ilshift = _augmented("ilshift")
irshift = _augmented("irshift")
iand = _augmented("iand")
ior = _augmented("ior")
ixor = _augmented("ixor")
slice_ = slice
