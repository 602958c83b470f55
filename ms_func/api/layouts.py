"""Layouts that users give for arguments and results, as flat lists of shardings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func import config, tree
from ms_func.errors import ArgumentTypeError, ShardingError
from ms_func.ir.layout import Format
from ms_func.ir.sharding import PartitionSpec, Sharding
from ms_func.ir.types import ArrayType
from ms_func.primitives.sharding import check_rank, named_sharding
from ms_func.tree_mismatch import mismatches


def _is_place(x: Any) -> bool:
    return x is None or isinstance(x, (Format, Sharding, PartitionSpec))


def sharding_of(x: Any, argument: str) -> Sharding | None:
    """A sharding from what users write: one, a format, a spec for the mesh in force, or None."""
    if x is None or isinstance(x, Sharding):
        return x
    if isinstance(x, Format):
        return x.place
    if isinstance(x, PartitionSpec):
        return named_sharding(x, "jit", argument)
    raise ArgumentTypeError(
        f"{argument} leaf specifications are expected to be PartitionSpec instances or None, or "
        f"shardings, but got {x} of type {type(x).__name__}"
    )


def argument_layouts(
    name: str, in_shardings: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Sharding | None]:
    """One sharding or None per leaf of the arguments, those by name last.

    Raises:
        ShardingError: `in_shardings` is no prefix of the arguments, or there are named arguments.
    """
    if kwargs and in_shardings is not None and (config.jax_rules() or not _is_place(in_shardings)):
        raise ShardingError(
            f"{_JIT[config.jax_rules()]} does not support kwargs when in_shardings is specified. "
            f"`{name}` got {sorted(kwargs)}\nfix: pass every argument by position"
        )
    prefix = tuple(in_shardings) if isinstance(in_shardings, list) else in_shardings
    places = _spread("in_shardings", name, prefix, tuple(args))
    rest = len(tree.leaves(kwargs))
    return [*places, *([sharding_of(prefix, "in_shardings")] * rest if rest else ())]


def result_layouts(
    name: str, out_shardings: Any, out_tree: Any, types: Sequence[ArrayType]
) -> tuple[Sharding | None, ...]:
    """One sharding or None per leaf of the result.

    Raises:
        ShardingError: `out_shardings` is no prefix of the result.
    """
    skeleton = tree.unflatten(out_tree, list(types))
    places = _spread("out_shardings", name, out_shardings, skeleton)
    paths = [f"result{tree.keystr(path)}" for path, _ in tree.leaves_with_path(skeleton)]
    return check_layouts(places, types, "outputs", paths)


_JIT = {True: "pjit", False: "jit"}
"""What `jit` with shardings is called, by JAX's rules or not."""


def _spread(argument: str, name: str, prefix: Any, full: Any) -> list[Sharding | None]:
    try:
        places = tree.broadcast_prefix(prefix, full, is_leaf=_is_place)
    except ValueError:
        what = f"{_JIT[config.jax_rules()]} {argument}"
        found = mismatches(what, prefix, full, _is_place)
        kind = "positional arguments tuple" if argument == "in_shardings" else "result"
        detail = ""
        if isinstance(prefix, tuple) and isinstance(full, tuple) and len(prefix) != len(full):
            detail = (
                f" In particular, {what} must either be a Sharding, a PartitionSpec, or a tuple of "
                f"length equal to the number of values. But {what} is the wrong length: got a "
                f"tuple or list of length {len(prefix)} for a tuple of length {len(full)}."
            )
        raise ShardingError(
            f"{what} specification must be a tree prefix of the {kind} of `{name}`: {prefix!r} "
            f"does not fit.{detail}\nMismatch details ({len(found)} found):\n" + "\n".join(found)
        ) from None
    return [sharding_of(p, argument) for p in places]


def check_layouts(
    places: Sequence[Sharding | None], types: Sequence[ArrayType], what: str, paths: Sequence[str]
) -> tuple[Sharding | None, ...]:
    """The layouts, after checking that they fit the types.

    Args:
        places: layouts.
        types: types of what they are for.
        what: "arguments" or "outputs".
        paths: names of these, for the text of errors.

    Raises:
        ShardingError: a layout has more entries than its array dimensions, or does not divide it.
    """
    for s, t, path in zip(places, types, paths, strict=True):
        if not isinstance(s, Sharding):
            continue
        check_rank(s, f"{_JIT[config.jax_rules()]} {what} with pytree key path {path}", t.ndim)
        s.shard_shape(t.shape)
    return tuple(places)
