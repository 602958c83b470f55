"""Layouts that users give for arguments and results, as flat lists of shardings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError, ShardingError
from ms_func.ir.layout import Format
from ms_func.ir.sharding import PartitionSpec, Sharding
from ms_func.ir.types import ArrayType
from ms_func.primitives.sharding import named_sharding
from ms_func.tree_mismatch import mismatches


def _is_place(x: Any) -> bool:
    return x is None or isinstance(x, (Format, Sharding, PartitionSpec))


def sharding_of(x: Any) -> Sharding | None:
    """A sharding from what users write: one, a format, a spec for the mesh in force, or None."""
    if x is None or isinstance(x, Sharding):
        return x
    if isinstance(x, Format):
        return x.place
    if isinstance(x, PartitionSpec):
        return named_sharding(x)
    raise ArgumentTypeError(
        f"expected a sharding or a PartitionSpec, got {x!r} of type {type(x).__name__}"
    )


def argument_layouts(
    name: str, in_shardings: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Sharding | None]:
    """One sharding or None per leaf of the arguments, those by name last.

    Raises:
        ShardingError: `in_shardings` is no prefix of the arguments, or there are named arguments.
    """
    if kwargs and not _is_place(in_shardings):
        raise ShardingError(
            f"jit of `{name}` does not support keyword arguments when in_shardings is given as a "
            "tree\nfix: pass every argument by position"
        )
    prefix = tuple(in_shardings) if isinstance(in_shardings, list) else in_shardings
    places = _spread(f"in_shardings of `{name}`", prefix, tuple(args), "positional arguments tuple")
    rest = len(tree.leaves(kwargs))
    return [*places, *([sharding_of(prefix)] * rest if rest else ())]


def result_layouts(
    name: str, out_shardings: Any, out_tree: Any, types: Sequence[ArrayType]
) -> tuple[Sharding | None, ...]:
    """One sharding or None per leaf of the result.

    Raises:
        ShardingError: `out_shardings` is no prefix of the result.
    """
    skeleton = tree.unflatten(out_tree, list(types))
    places = _spread(f"out_shardings of `{name}`", out_shardings, skeleton, "result")
    return check_layouts(places, types)


def _spread(what: str, prefix: Any, full: Any, kind: str) -> list[Sharding | None]:
    try:
        places = tree.broadcast_prefix(prefix, full, is_leaf=_is_place)
    except ValueError:
        detail = ""
        if isinstance(prefix, tuple) and isinstance(full, tuple) and len(prefix) != len(full):
            detail = (
                f" It is the wrong length: got a tuple or list of length {len(prefix)} for "
                f"{len(full)} argument{'s' if len(full) != 1 else ''}."
            )
        found = mismatches(f"jit {what.split()[0]}", prefix, full, _is_place)
        raise ShardingError(
            f"{what} specification must be a tree prefix of the {kind}: {prefix!r} does not "
            f"fit.{detail}\nMismatch details ({len(found)} found):\n" + "\n".join(found)
        ) from None
    return [sharding_of(p) for p in places]


def check_layouts(
    places: Sequence[Sharding | None], types: Sequence[ArrayType]
) -> tuple[Sharding | None, ...]:
    """The layouts, after checking that they fit the types.

    Raises:
        ShardingError: a layout has more entries than its array dimensions, or does not divide it.
    """
    for s, t in zip(places, types, strict=True):
        if isinstance(s, Sharding):
            s.shard_shape(t.shape)
    return tuple(places)
