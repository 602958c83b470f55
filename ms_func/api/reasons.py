"""Why a jitted function was recorded again: which argument differs from an earlier call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.execution.buffers import fits
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.arguments import argument_paths


class Signature(NamedTuple):
    """What a recording depends on.

    Attributes:
        in_tree: structure of the arguments that are not static.
        kinds: type of each leaf; leaves that are no arrays stand for themselves.
        statics: static arguments, those by name as (name, value).
    """

    in_tree: Any
    kinds: tuple[Any, ...]
    statics: tuple[Any, ...]


def argument_names(
    fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], options: Any
) -> tuple[list[str], list[str]]:
    """Where each leaf comes from (`x`, `params['w']`), and names of the static arguments."""
    dynamic, named = without_statics(args, kwargs, options)
    places = argument_paths(fun, [0] * len(args), {})
    statics = [places[i] for i in options.static_argnums if i < len(args)]
    return argument_paths(fun, dynamic, named), [
        *statics, *(k for k in sorted(kwargs) if k in options.static_argnames)
    ]  # fmt: skip


def without_statics(
    args: Sequence[Any], kwargs: dict[str, Any], options: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with None, which has no leaves, in place of static ones."""
    dynamic = tuple([None if i in options.static_argnums else a for i, a in enumerate(args)])
    return dynamic, {k: None if k in options.static_argnames else v for k, v in kwargs.items()}


def reason(
    old: Sequence[Signature], new: Signature, leaves: Sequence[str], statics: Sequence[str]
) -> str:
    """What differs between a new signature and the earlier one most like it."""
    found = [_differences(s, new, leaves, statics) for s in reversed(old) if s[0] == new.in_tree]
    if not found:
        return f"the structure of the arguments was {old[-1].in_tree} and is {new.in_tree}"
    return "; ".join(min(found, key=len)) or (
        "nothing differs: its program was forgotten, or it closes over traced values"
    )


def _differences(
    old: Signature, new: Signature, leaves: Sequence[str], statics: Sequence[str]
) -> list[str]:
    found = [
        f"`{name}` was {_text(a)} and is {_text(b)}"
        for name, a, b in zip(leaves, old.kinds, new.kinds, strict=False)
        if not _same(a, b)
    ]
    for name, a, b in zip(statics, old.statics, new.statics, strict=False):
        if not _same(a, b):
            was, now = (x[1] if isinstance(x, tuple) and x[:1] == (name,) else x for x in (a, b))
            found.append(f"static argument `{name}` was {was!r} and is {now!r}")
    return found


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and bool(a == b))


def _text(kind: Any) -> str:
    if type(kind) is not ArrayType:
        return repr(kind)
    scalar = " from a Python number" if kind.weak_type else ""
    return f"{kind.dtype.name}{list(kind.shape)}{scalar}"


def is_text(x: Any) -> bool:
    """Whether this is an array of what is no number."""
    try:
        typeof(x)
    except TypeError:
        return isinstance(x, (np.ndarray, np.generic))
    return False


def too_large(names: Sequence[str], leaves: Sequence[Any]) -> Exception:
    """The error of a Python integer among the arguments that no array of its dtype can hold."""
    name, x = next(
        (n, x)
        for n, x in zip(names, leaves, strict=False)
        if type(x) is int and not fits(x, typeof(x).dtype)
    )
    return OverflowError(
        "An overflow was encountered while parsing an argument to a jitted computation, whose "
        f"argument path is {name}. Got {type(x)} with value {x}"
    )
