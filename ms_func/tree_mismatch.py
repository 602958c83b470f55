"""Where two trees part that should be alike, in words: the place, and what stands there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from ms_func.errors import ArgumentValueError
from ms_func.tree_classes import registry

Keys = tuple[Any, ...]


def mismatches(
    what: str, prefix: Any, full: Any, is_leaf: Callable[[Any], bool] | None = None
) -> list[str]:
    """One text for each place at which `prefix` is not a prefix of `full`.

    Args:
        what: what the texts call `prefix`.
        prefix: tree that should end where or before the other does.
        full: the other tree.
        is_leaf: as for `tree.flatten`, of `prefix`.

    Example:
        >>> from ms_func.tree_mismatch import mismatches
        >>> print(mismatches("axes", [0, (1, 2)], [5, (6,)])[0])
        pytree structure error: different lengths of tuple at key path
            axes[1]
        At that key path, the prefix pytree axes has a subtree of type tuple of length 2, but the \
full pytree has a subtree of the same type but of length 1.
    """
    return list(_walk(what, (), prefix, full, is_leaf))


def no_prefix(
    what: str, prefix: Any, full: Any, whose: str, is_leaf: Callable[[Any], bool]
) -> Exception:
    """The error of `what`, a tree that is given for the parts of another and does not fit it.

    Args:
        what: as for `mismatches`.
        prefix: the tree that was given.
        full: the tree that it is for.
        whose: what that is, for the text.
        is_leaf: as for `mismatches`.
    """
    places = mismatches(what, prefix, full, is_leaf)
    listed = "".join(f"  {text}\n" for text in places)
    return ArgumentValueError(
        f"{what} specification must be a tree prefix of the corresponding value; \n"
        f"  Mismatch details ({len(places)} found):\n{listed}"
        f"fix: give one value for the {whose}, or a tree of them in its structure"
    )


def _walk(
    what: str, keys: Keys, prefix: Any, full: Any, is_leaf: Callable[[Any], bool] | None
) -> Iterator[str]:
    if is_leaf is not None and is_leaf(prefix):
        return
    node = registry.flatten_one_level_with_keys(prefix)
    if node is None:
        return
    if type(prefix) is not type(full):
        yield _text(what, keys, "different types", f" type\n    {type(prefix)}\n",
                    f" different type\n    {type(full)}.")  # fmt: skip
        return
    other = registry.flatten_one_level_with_keys(full)
    assert other is not None
    found = _difference(what, keys, type(prefix), node, other)
    if found is not None:
        yield found
        return
    for (key, below), (_, there) in zip(node[0], other[0], strict=True):
        yield from _walk(what, (*keys, key), below, there, is_leaf)


def _difference(what: str, keys: Keys, kind: type, node: Any, other: Any) -> str | None:
    """How two nodes of one class differ; None where only what is below them may."""
    (pairs, data), (there, other_data) = node, other
    names, others = ([str(getattr(k, "key", k)) for k, _ in p] for p in (pairs, there))
    if len(names) != len(others) and kind in (list, tuple):
        return _text(
            what, keys, f"different lengths of {kind.__name__}",
            f" type {kind.__name__} of length {len(names)}, ",
            f" the same type but of length {len(others)}.",
        )  # fmt: skip
    if len(names) != len(others):
        only = sorted(set(names) ^ set(others))
        return _text(
            what, keys, "different numbers of pytree children",
            f" type\n    {kind}\nwith {len(names)} child keys\n    {' '.join(names)}\n",
            f" the same type but with {len(others)} child keys\n    {' '.join(others)}\n"
            f"so the symmetric difference on key sets is\n    {' '.join(only)}",
        )  # fmt: skip
    if data != other_data:
        lines = difflib.ndiff(str(data).splitlines(), str(other_data).splitlines())
        return _text(
            what, keys, "different pytree metadata",
            f" type\n    {kind}\nwith metadata\n    {data}\n",
            f" the same type but with metadata\n    {other_data}\n"
            "so the diff in the metadata at these pytree nodes is\n    "
            + "\n    ".join(line.rstrip("\n") for line in lines),
        )  # fmt: skip
    return None


def _text(what: str, keys: Keys, kind: str, ours: str, theirs: str) -> str:
    where = f"{what}{''.join(str(k) for k in keys)}"
    same_line = not ours.endswith("\n")
    return (
        f"pytree structure error: {kind} at key path\n    {where}\n"
        f"At that key path, the prefix pytree {what} has a subtree of{ours}but "
        f"{'the' if same_line else 'at the same key path the'} full pytree has a subtree of{theirs}"
    )
