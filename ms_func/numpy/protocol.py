"""NumPy's own functions called on traced values: they find the functions of this package.

By the protocols of NEP 13 (ufuncs) and NEP 18 (other functions) NumPy asks its operands first.
Arrays with values answer NumPy as they always did, with a NumPy array. Under `as_jax()` a call
of NumPy is the error that it is in JAX; operators of NumPy arrays are not calls.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

import ms_func.numpy as namespace
from ms_func import config
from ms_func.errors import TracerArrayConversionError
from ms_func.ir.loc import user_loc
from ms_func.numpy.promotion import lists
from ms_func.tracing.known import PLAIN, level
from ms_func.tracing.tracer import Tracer

_OPERATORS = frozenset((
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "divmod", "power",
    "matmul", "negative", "positive", "absolute", "invert", "left_shift", "right_shift",
    "bitwise_and", "bitwise_or", "bitwise_xor", "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal",
))  # fmt: skip


def _refused() -> bool:
    return config.jax_rules() and config.convert.value is False


def array_ufunc(self: Tracer, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """The function or ufunc method of this package with the name of NumPy's."""
    found = getattr(namespace, ufunc.__name__, None)
    if found is not None and method != "__call__":
        found = getattr(found, method, None)
    refused = ufunc.__name__ not in _OPERATORS and _refused()
    if refused and all(type(x) is not Tracer or level(x) <= PLAIN for x in inputs):
        with suppress(TracerArrayConversionError):  # of values that are known, as of any array
            known = [np.asarray(x) if type(x) is Tracer else x for x in inputs]
            return getattr(ufunc, method)(*known, **kwargs)
    if found is None or refused or kwargs.get("out") is not None:
        what = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise _unknown(what, self)
    return asked(found, inputs, kwargs)


def array_function(self: Tracer, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """The function of this package with the name and module of NumPy's."""
    if _refused():  # what NumPy's function does with any object: its methods, or `__array__`
        return func._implementation(*args, **kwargs)
    found = counterpart(func)
    if found is None:
        raise _unknown(func.__name__, self)
    return asked(found, args, kwargs)


def asked(f: Any, args: Any, kwargs: Any) -> Any:
    """`f(*args, **kwargs)` in place of NumPy's function, for which lists are arrays."""
    before, lists.convert = lists.convert, None if config.jax_rules() else _of_list
    try:
        return f(*args, **kwargs)
    finally:
        lists.convert = before


def _of_list(x: Any) -> Any:
    """A list of numbers as NumPy's array, or of traced values as one of these."""
    return namespace.array(x) if _holds_traced(x) else np.asarray(x)


def _holds_traced(x: Any) -> bool:
    return any(map(_holds_traced, x)) if isinstance(x, (list, tuple)) else type(x) is Tracer


def counterpart(func: Any) -> Any:
    """The function of this package with the name and module of NumPy's, or None.

    A name that this package took over from NumPy (`array_str`) is none: it would ask again.
    """
    owner = getattr(func, "__self__", None)
    if isinstance(owner, np.ufunc):
        return getattr(counterpart(owner), func.__name__, None)
    found: Any = namespace
    for name in (*(getattr(func, "__module__", None) or "numpy").split(".")[1:], func.__name__):
        found = getattr(found, name, None)
    return None if found is func else found


def _unknown(name: str, x: Tracer) -> Exception:
    return TracerArrayConversionError(
        f"numpy.{name} was called on a traced value of type {x.type}, whose elements are not known "
        "while the program is recorded\n"
        "fix: use functions of ms_func.numpy"
        + ("" if _refused() else ", which has no counterpart"),
        user_loc(3),
    )


def attach() -> None:
    """Let NumPy ask traced values first."""
    Tracer.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
    Tracer.__array_function__ = array_function  # type: ignore[attr-defined]
