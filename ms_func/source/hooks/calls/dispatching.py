"""`functools.singledispatch` of traced values, and of objects that data chose.

Python looks at the class of the first argument. That of a traced value is one of ours, so that the
implementation is looked for by asking whether it is an instance, as the program would.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.containers.membership import isinstance_
from ms_func.source.hooks.values.choice import Choice
from ms_func.tracing.tracer import Tracer

METHOD = type(functools.singledispatchmethod(len).__get__(None, object))
"""What such a method is: an object in Python 3.14, a function before."""
CODES = frozenset(
    id(getattr(f, "__code__", None))
    for f in (functools.singledispatch(len), functools.singledispatchmethod(len).__get__(None, int))
)
"""Functions that the standard library makes of those that are dispatched."""


def dispatched(f: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """A call of such a function; NotImplemented where Python finds the implementation."""
    x = args[0] if args else None
    if type(x) is Choice and not x.are_functions:
        return x.each(lambda a: above.call(f, a, *args[1:], **kwargs))
    if type(x) is not Tracer:
        return NotImplemented
    registry, bound = _registry(f)
    kinds = [k for k in registry if k is not object and isinstance_(x, k)]
    best = next((k for k in kinds if all(issubclass(k, other) for other in kinds)), object)
    return above.call(bound(registry[best]), *args, **kwargs)


def _registry(f: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The implementations by class, and what binds one to the object whose method it is."""
    if hasattr(f, "registry"):
        return f.registry, lambda g: g
    if METHOD is FunctionType:
        cells = zip(f.__code__.co_freevars, f.__closure__, strict=True)
        held = {name: cell.cell_contents for name, cell in cells}
    else:
        held = {name.lstrip("_"): x for name, x in vars(f).items()}
    owner = f.register.__self__
    return owner.dispatcher.registry, lambda g: g.__get__(held["obj"], held["cls"])
