"""Calls of NumPy's functions in converted code, as far as NumPy does not ask its operands itself.

NumPy asks the arrays among its arguments first (see `numpy.protocol`), but not the elements of a
list, as in `np.array([a, b])`, and not for `out=` or for functions that change an argument.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config
from ms_func.numpy.protocol import asked, counterpart
from ms_func.source.hooks.containers import portion_functions
from ms_func.source.hooks.containers.portion_functions import of_list
from ms_func.source.hooks.containers.portions import Portion
from ms_func.source.hooks.containers.stores import rebind
from ms_func.source.hooks.flow.iterators import iterator
from ms_func.source.hooks.handlers import HANDLERS, is_staging, stands_for
from ms_func.source.hooks.heap import native_arrays, views
from ms_func.source.hooks.values.growing import Growing
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

KINDS = (np.ufunc, type(np.sum))
_LISTS = frozenset((
    "array", "asarray", "asanyarray", "ascontiguousarray", "stack", "concatenate", "hstack",
    "vstack", "dstack", "column_stack", "block", "select", "choose", "multi_dot", "lexsort",
))  # fmt: skip
"""Functions that take a list of arrays."""


def is_numpys(f: Any) -> bool:
    """Whether a function is one of NumPy's, or a method of its arrays and ufuncs."""
    if isinstance(getattr(f, "__self__", None), (np.ndarray, np.ufunc)):
        return True
    return (getattr(f, "__module__", None) or "").partition(".")[0] == "numpy"


def call(f: Any, args: Any, kwargs: Any) -> Any:
    """`f(*args, **kwargs)`."""
    if Perhaps.exist and not config.jax_rules():
        given = list(map(of_list, args))
        if Portion in map(type, given):
            return portion_functions.call(f, given, kwargs)
    if not (_is_traced(args) or _is_traced(tuple(kwargs.values()))) or config.jax_rules():
        return native_arrays.noted(f(*args, **kwargs))
    name = f.__name__
    if name in _IN_PLACE:
        return _IN_PLACE[name](f, *args, **kwargs)
    if isinstance(f, np.ufunc) and len(args) > f.nin:
        args, kwargs = args[: f.nin], {**kwargs, "out": args[f.nin :]}
    out = kwargs.pop("out", None)
    own = counterpart(f)
    if own is None:
        return f(*args, **kwargs)
    args = [x if name in _LISTS else _as_array(x) for x in args]
    if out is None:
        found = asked(own, args, kwargs)
        if name in RESHAPING and type(args[0]) is Tracer:
            return views.reshaped(args[0], found)
        return found if any(found is x for x in args) else views.made_by_numpy(found)
    return _put_out(own, args, kwargs, out[0] if isinstance(out, tuple) else out)


RESHAPING = ("ravel", "reshape")
"""Functions and methods whose result is a part of what they are given."""


def _is_traced(x: Any) -> bool:
    """Whether something traced is among the elements of lists and tuples."""
    if isinstance(x, (list, tuple)):
        return any(map(_is_traced, x))
    if type(x) in (Perhaps, Growing):
        raise Perhaps.complaint()
    return type(x) is Tracer


def _as_array(x: Any) -> Any:
    return xp.array(x) if isinstance(x, list) and _is_traced(x) else x


def _of_type(kind: Any, *args: Any) -> Any:
    """`np.float64(x)` and its like."""
    return call(np.array, args, {"dtype": kind}) if _is_traced(args) else kind(*args)


for _kind in map(np.dtype, "?bBhHiIlLefdFD"):
    HANDLERS[id(_kind.type)] = functools.partial(_of_type, _kind.type)


@stands_for(np.ndenumerate)
def _ndenumerate(x: Any) -> Any:
    """Places and elements of an array, one after another."""
    if type(x) is not Tracer:
        return np.ndenumerate(x)
    array: Any = x
    return iterator([(place, array[place]) for place in np.ndindex(x.shape)])


@stands_for(np.fromiter)
def _fromiter(iterable: Any, dtype: Any, count: int = -1) -> Any:
    """An array of the elements of an iterable."""
    if not is_staging():
        return np.fromiter(iterable, dtype, count)
    found = list(iterable)[: None if count < 0 else count]
    return call(np.array, (found,), {"dtype": dtype})


def vectorized(f: np.vectorize, args: Any, kwargs: Any) -> Any:
    """A call of what `np.vectorize` made."""
    if not _is_traced(args) and not _is_traced(tuple(kwargs.values())):
        return f(*args, **kwargs)
    made = xp.vectorize(f.pyfunc, excluded=f.excluded, signature=f.signature)
    return made(*map(_as_array, args), **kwargs)


def _put_out(own: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> Any:
    """A call with `out=`, which is given the result."""
    where = kwargs.pop("where", True)
    kwargs.pop("casting", None)
    found = asked(own, args, kwargs)
    return filled(out, found, where)


def filled(x: Any, value: Any, where: Any = True) -> Any:
    """The array `x` after a store to all of it.

    Raises:
        Again: it is one of NumPy's.
    """
    if native_arrays.is_known(x):
        raise native_arrays.stored_to(x)
    value = xp.broadcast_to(xp.asarray(value).astype(x.dtype), x.shape)
    rebind(x, value if where is True else xp.where(where, value, x))
    return x


def _copyto(f: Any, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    filled(dst, src, where)


def _functional(f: Any, x: Any, *args: Any, **kwargs: Any) -> None:
    """A function that changes its first argument."""
    if native_arrays.is_known(x):
        raise native_arrays.stored_to(x)
    rebind(x, counterpart(f)(x, *args, inplace=False, **kwargs))


def _putmask(f: Any, x: Any, mask: Any, values: Any) -> None:
    if native_arrays.is_known(x):
        raise native_arrays.stored_to(x)
    count = xp.size(values)
    spread = xp.take(xp.ravel(values), xp.arange(x.size) % count).reshape(x.shape)
    rebind(x, xp.where(mask, spread.astype(x.dtype), x))


_IN_PLACE: dict[str, Any] = {
    "copyto": _copyto,
    "fill_diagonal": _functional,
    "put": _functional,
    "place": _functional,
    "put_along_axis": _functional,
    "putmask": _putmask,
    "at": _functional,
}
