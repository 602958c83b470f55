"""`jax.api_util`: the little of it that libraries use."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from ms_func import tree
from ms_func.compat.jax.extend.linear_util import WrappedFun, transformation_with_aux2
from ms_func.compat.programs import DebugInfo
from ms_func.ir.types import typeof
from ms_func.tracing.arguments import function_name, signature

__all__ = [
    "argnums_partial", "debug_info", "flatten_axes", "flatten_fun", "flatten_fun_nokwargs",
    "infer_argnums_and_argnames", "safe_map", "shaped_abstractify",
]  # fmt: skip

shaped_abstractify = typeof


def safe_map(f: Any, *args: Any) -> list[Any]:
    """`list(map(f, *args))` of sequences that must be equally long."""
    columns = [list(a) for a in args]
    if len({len(c) for c in columns}) > 1:
        raise AssertionError(f"length mismatch: {[len(c) for c in columns]}")
    return list(map(f, *columns))


def flatten_axes(name: str, treedef: Any, axis_tree: Any, **options: Any) -> list[Any]:
    """Leaves of `axis_tree`, a prefix of a tree of structure `treedef`, repeated."""
    full = treedef.unflatten([0] * treedef.num_leaves)
    return tree.broadcast_prefix(axis_tree, full, lambda x: x is None)


def infer_argnums_and_argnames(
    sig: inspect.Signature, argnums: int | Sequence[int] | None,
    argnames: str | Sequence[str] | None,
) -> tuple[tuple[int, ...], tuple[str, ...]]:  # fmt: skip
    """Positions and names of arguments, either from the other where it is not given."""
    numbers = () if argnums is None else (argnums,) if isinstance(argnums, int) else tuple(argnums)
    names = (
        () if argnames is None else (argnames,) if isinstance(argnames, str) else tuple(argnames)
    )
    places = list(sig.parameters)
    if argnums is None:
        numbers = tuple(i for i, name in enumerate(places) if name in names)
    if argnames is None:
        names = tuple(places[i] for i in numbers if i < len(places))
    return numbers, names


def debug_info(
    traced_for: str, fun: Any, args: Any = (), kwargs: Any = None, *,
    static_argnums: Sequence[int] = (), static_argnames: Sequence[str] = (),
    result_paths: tuple[str, ...] | None = None, **options: Any,
) -> DebugInfo:  # fmt: skip
    """Names of a function and of the arrays in its arguments, for messages."""
    code = getattr(inspect.unwrap(fun), "__code__", None)
    name = function_name(fun)
    where = name if code is None else f"{name} at {code.co_filename}:{code.co_firstlineno}"
    known = signature(fun)
    try:
        bound = None if known is None else known.bind(*args, **(kwargs or {})).arguments
    except TypeError:  # it is not called so
        bound = None
    if bound is None:
        return DebugInfo(traced_for, where, None, result_paths)
    static = {list(bound)[i] for i in static_argnums if i < len(bound)} | set(static_argnames)
    names = [
        f"{argument}{tree.keystr(path)}"
        for argument, value in bound.items()
        if argument not in static
        for path, _ in tree.flatten_with_path(value)[0]
    ]
    return DebugInfo(traced_for, where, tuple(names), result_paths)


@transformation_with_aux2
def flatten_fun(f: Any, store: Any, in_tree: Any, *args_flat: Any) -> list[Any]:
    """A function of `(args, kwargs)` on their leaves, giving leaves; and the structure of those."""
    args, kwargs = in_tree.unflatten(args_flat)
    leaves, out_tree = tree.flatten(f(*args, **kwargs))
    store.store(out_tree)
    return leaves


@transformation_with_aux2
def flatten_fun_nokwargs(f: Any, store: Any, in_tree: Any, *args_flat: Any) -> list[Any]:
    """As `flatten_fun`, where `in_tree` is the structure of the positional arguments."""
    leaves, out_tree = tree.flatten(f(*in_tree.unflatten(args_flat)))
    store.store(out_tree)
    return leaves


def argnums_partial(
    f: WrappedFun, dyn_argnums: int | tuple[int, ...], args: Any, **options: Any
) -> tuple[WrappedFun, tuple[Any, ...]]:
    """The function of some of its arguments, the others held, and these arguments."""
    numbers = (dyn_argnums,) if isinstance(dyn_argnums, int) else tuple(dyn_argnums)
    numbers = tuple(n % len(args) for n in numbers)

    def call(inner: Any, *dynamic: Any, **kwargs: Any) -> Any:
        full = list(args)
        for n, value in zip(numbers, dynamic, strict=True):
            full[n] = value
        return inner(*full, **kwargs)

    return f.wrap(call), tuple(args[n] for n in numbers)
