"""Positional arguments selected by `argnums`, and flat lists of their leaves."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import WRAPPER_ASSIGNMENTS
from typing import Any

import numpy as np

from ms_func import config, tree
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof


def function_name(fun: Any) -> str:
    """Name of a function for messages and the text form; its type's where it has none."""
    name = getattr(fun, "__name__", None)
    if name is None and hasattr(fun, "func"):
        return function_name(fun.func)
    return name if isinstance(name, str) else type(fun).__name__


def wraps(fun: Any, doc: str | None = None) -> Callable[[Any], Any]:
    """Decorator that gives a function name, text and module of `fun`, as far as `fun` has them.

    Attributes of a callable object are not copied, nor a name that is no text; the name of its
    class stands in. `doc` is a text of its own, in which `{fun}` and `{doc}` are name and
    text of `fun`.
    """

    def named(call: Any) -> Any:
        call.__name__ = call.__qualname__ = function_name(fun)
        for attribute in WRAPPER_ASSIGNMENTS:
            with suppress(AttributeError, TypeError):
                setattr(call, attribute, getattr(fun, attribute))
        if doc is not None:
            call.__doc__ = doc.format(fun=call.__name__, doc=fun.__doc__ or "").rstrip()
        call.__wrapped__ = fun
        return call

    return named


def classes(x: Any) -> Any:
    """Classes within a static value: 1, 1.0 and True are equal, and give three programs."""
    return (tuple, *map(classes, x)) if type(x) is tuple else type(x)


def signature(fun: Any) -> inspect.Signature | None:
    """The parameters of a function; None where Python cannot tell.

    Annotations may name what is not there at run time: from Python 3.14 they are left alone.
    """
    try:
        return inspect.signature(fun, **_UNEVALUATED)
    except (TypeError, ValueError):
        return None


_UNEVALUATED: dict[str, Any] = {}
if sys.version_info >= (3, 14):
    import annotationlib

    _UNEVALUATED["annotation_format"] = annotationlib.Format.FORWARDREF


def parameters(fun: Any) -> list[inspect.Parameter]:
    """The parameters of a function; none where Python cannot tell."""
    known = signature(fun)
    return [] if known is None else list(known.parameters.values())


def check_callable(what: str, fun: Any) -> None:
    """See that a transform was given a function.

    Raises:
        TypeError: it was not, or, by JAX's rules, was given one that makes generators.
    """
    if config.jax_rules() and inspect.isgeneratorfunction(fun):
        raise ArgumentTypeError(f"Expected a function, got a generator function: {fun}")
    if not callable(fun):
        raise ArgumentTypeError(
            f"Expected a callable value, got {fun!r} of type {type(fun).__name__} for {what}\n"
            f"fix: pass the function itself, {what}(f), not what it returns, {what}(f(x))"
        )


def kind() -> str:
    """What a value that can be traced is called: by JAX's users, or by those of this library."""
    return "JAX type" if config.jax_rules() else "array or number"


def normalize_argnums(
    argnums: Any, count: int, what: str, error: type[Exception] = ArgumentTypeError
) -> tuple[int, ...]:
    """Positions from the front for one or several argument numbers.

    Raises:
        TypeError: a number is no integer.
        ValueError: a number stands twice, or there is no such argument from the back.
        error: there is no such argument from the front.
    """
    listed = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    try:
        numbers = [operator.index(n) for n in listed]
    except TypeError:
        raise ArgumentTypeError(
            f"{what}: argnums must be an int or a tuple of ints, got {argnums!r}"
        ) from None
    for n in numbers:
        if not -count <= n < count:
            raise (error if n >= 0 else ArgumentValueError)(
                f"{what}: differentiating with respect to argnums={argnums} requires at least "
                f"{max(numbers) + 1} positional arguments to be passed by the caller, but got only "
                f"{count} positional arguments\n"
                "fix: pass that argument by position, or change argnums"
            )
    found = tuple(n % count for n in numbers)
    if len(set(found)) != len(found):
        raise ArgumentValueError(f"{what}: argnums {argnums!r} name an argument twice")
    return found


def argument_paths(
    fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> list[str]:
    """Where each leaf of the arguments comes from: `x`, `params['w']`, `args[2]`, `kwargs['k']`."""
    known = parameters(fun)
    named = [p.name for p in known if p.kind in _POSITIONAL]
    rest = next((p.name for p in known if p.kind is p.VAR_POSITIONAL), "args")
    more = next((p.name for p in known if p.kind is p.VAR_KEYWORD), "kwargs")
    own = {p.name for p in known}
    heads = [
        *(named[i] if i < len(named) else f"{rest}[{i - len(named)}]" for i in range(len(args))),
        *(k if k in own else f"{more}[{k!r}]" for k in sorted(kwargs)),
    ]
    values = (*args, *(kwargs[k] for k in sorted(kwargs)))
    return [
        head + tree.keystr(path)
        for head, x in zip(heads, values, strict=True)
        for path, _ in tree.leaves_with_path(x)
    ]


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def split_arguments(
    args: Sequence[Any], argnums: tuple[int, ...]
) -> tuple[list[Any], Any, Callable[[Sequence[Any]], list[Any]]]:
    """Leaves of the selected arguments, their structure, and the way back to all arguments."""
    leaves, in_tree = tree.flatten(tuple(args[i] for i in argnums))

    def rebuild(new_leaves: Sequence[Any]) -> list[Any]:
        full = list(args)
        for i, part in zip(argnums, tree.unflatten(in_tree, new_leaves), strict=True):
            full[i] = part
        return full

    return leaves, in_tree, rebuild


def others(args: Sequence[Any], fixed: Collection[int]) -> tuple[Any, ...]:
    """Arguments at positions that are not among the fixed ones."""
    return tuple([a for i, a in enumerate(args) if i not in fixed])


def completed(args: Sequence[Any], fixed: Collection[int], moving: Iterable[Any]) -> list[Any]:
    """Inverse of `others`: fixed arguments as they are in `args`, and others between them."""
    rest = iter(moving)
    return [a if i in fixed else next(rest) for i, a in enumerate(args)]


DOUBLE = {float: np.dtype(np.float64), complex: np.dtype(np.complex128)}
_DOUBLES = frozenset(DOUBLE.values())  # found by hash: to NumPy None equals float64


def beside_doubles(leaves: list[Any]) -> list[Any]:
    """Leaves of arguments where Python numbers beside arrays of double width keep theirs."""
    if config.x64.value is not None or not any(type(x) in DOUBLE for x in leaves):
        return leaves
    if not any(getattr(x, "dtype", None) in _DOUBLES for x in leaves):
        return leaves
    return [
        Literal(x, ArrayType((), DOUBLE[type(x)], True)) if type(x) in DOUBLE else x for x in leaves
    ]


def leaf_types(leaves: Sequence[Any], what: str, name: str) -> list[ArrayType]:
    """Types of argument leaves.

    Raises:
        TypeError: a leaf is not an array or a number.
    """
    try:
        return [typeof(x) for x in leaves]
    except TypeError:
        pass
    for x in leaves:
        try:
            typeof(x)
        except TypeError:
            raise ArgumentTypeError(
                f"{what} of `{name}`: Argument {x!r} of type {type(x)} is not a valid {kind()}\n"
                "fix: bind it beforehand, for example with functools.partial"
            ) from None
    raise AssertionError("unreachable")
