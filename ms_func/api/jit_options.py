"""The options of `jit`, checked against the signature of the function."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ms_func import config
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.tracing.arguments import function_name, signature


class Options(NamedTuple):
    """What the user asked `jit` for, normalised."""

    static_argnums: tuple[int, ...]
    static_argnames: tuple[str, ...]
    donate_argnums: tuple[int, ...]
    donate_argnames: tuple[str, ...]
    in_shardings: Any
    out_shardings: Any
    inline: bool
    backend: str | None
    device: Any = None
    compiler_options: tuple[tuple[str, Any], ...] = ()
    convert: Any = "auto"


TARGETS = ("cpu", "cuda", "rocm", "tpu")
"""Platforms that programs are made for."""
PLATFORMS = frozenset(("gpu", *TARGETS))
"""Names that `backend` may give for the devices of a platform, beside those of backends."""


class _Unspecified:
    def __repr__(self) -> str:
        return "UNSPECIFIED"


UNSPECIFIED = _Unspecified()
"""Default of `in_shardings` and `out_shardings`: placement follows the arguments."""


def check_device(device: Any, backend: Any, in_shardings: Any, out_shardings: Any) -> None:
    """Refuse a device beside other ways of saying where a program runs."""
    if device is None:
        return
    if backend is not None:
        raise ArgumentValueError(
            f"can't specify both a device and a backend for jit, got {device=} and {backend=}"
        )
    if in_shardings is not UNSPECIFIED or out_shardings is not UNSPECIFIED:
        raise ArgumentValueError(
            "If backend or device is specified on jit, then in_shardings and out_shardings should "
            "not be specified: jit(device=...) says where everything lies\n"
            "fix: give either device or shardings"
        )


def names_and_numbers(
    fun: Callable[..., Any], numbers: Any, names: Any, what: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Argument numbers from the front and argument names, each completed from the other."""
    known = signature(fun)
    given = () if names is None else (names,) if isinstance(names, str) else tuple(names)
    if numbers is None:
        found = ()
    else:
        listed = numbers if isinstance(numbers, Iterable) else (numbers,)
        found = tuple(operator.index(n) for n in listed)
    if known is None:
        return found, given
    parameters = list(known.parameters.values())
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    _check_numbers(fun, found, len(positional), variadic, what)
    _check_names(fun, given, {p.name for p in parameters}, anything, what)
    _check_positional(fun, given, parameters, what)
    found = tuple(n if n >= 0 else n + len(positional) for n in found)
    if numbers is None:
        found = tuple(i for i, name in enumerate(positional) if name in given)
    if names is None:
        keyword = {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
        given = tuple(
            positional[n] for n in found if n < len(positional) and positional[n] in keyword
        )
    return found, given


def _check_numbers(fun: Any, numbers: Sequence[int], count: int, variadic: bool, what: str) -> None:
    for n in numbers:
        if not variadic and not -count <= n < count:
            raise ArgumentValueError(
                f"Jitted function has {what}nums={tuple(numbers)}, but only accepts {count} "
                f"positional arguments. It is `{function_name(fun)}`"
            )


def _check_positional(fun: Any, names: Sequence[str], parameters: Any, what: str) -> None:
    """Refuse names of parameters that have none for the caller, by JAX's rules."""
    only = {p.name for p in parameters if p.kind is p.POSITIONAL_ONLY} & {*names}
    if only and config.jax_rules():
        raise ArgumentValueError(
            f"Jitted function has invalid argnames {only} in {what}names. "
            f"These are positional-only in `{function_name(fun)}`\n"
            f"fix: give their positions in {what}nums"
        )


def _check_names(
    fun: Any, names: Sequence[str], known: set[str], anything: bool, what: str
) -> None:
    for name in names:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{what}names must be a string or strings, got {name!r}")
        if name not in known and not anything:
            raise ArgumentValueError(
                f"Jitted function has invalid argnames {{{name!r}}} in {what}names. "
                f"Function does not take these args: `{function_name(fun)}`\n"
                f"fix: it takes {', '.join(sorted(known)) or 'none by name'}"
            )
