"""Errors about trees and types that ought to agree: branches of a choice, carries of a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func import tree
from ms_func.control_flow.bodies import described, joined_type
from ms_func.errors import ShapeError
from ms_func.ir.types import ArrayType
from ms_func.tracing.arguments import parameters
from ms_func.tracing.stage import Staged


def type_text(t: ArrayType) -> str:
    """Type with its dtype spelled out, such as `float32[2,3]`."""
    return t.str_short()


def _why(a: ArrayType, b: ArrayType) -> str:
    if a.shape != b.shape:
        return "so the shapes do not match"
    if a.dtype == b.dtype:
        return "so they are laid out in different ways"
    return "so the dtypes do not match"


def _differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Places where two structures differ: path, and what stands there on each side."""
    if a == b:
        return
    if a.node_data() is None or a.node_data() != b.node_data() or _arity(a) != _arity(b):
        yield path, a, b
        return
    for key, x, y in zip(_keys(a), a.children(), b.children(), strict=True):
        yield from _differences(x, y, path + key)


def _arity(t: Any) -> int:
    return len(t.children())


def _keys(t: Any) -> list[str]:
    kind, aux = t.node_data()
    n = _arity(t)
    if kind is dict:
        return [f"[{k!r}]" for k in aux]
    fields = getattr(kind, "_fields", None)
    if fields is not None:
        return [f".{f}" for f in fields]
    return [f"[{i}]" for i in range(n)]


def _noun(t: Any) -> str:
    data = t.node_data()
    if data is None:
        return "a pytree leaf" if t.num_leaves else "None"
    kind, aux = data
    if kind is dict:
        return f"a dict with keys {list(aux)}"
    if kind in (tuple, list):
        return f"a {kind.__name__} of length {_arity(t)}"
    return f"a {kind.__name__}"


def _tree_reason(a: Any, b: Any) -> str:
    x, y = a.node_data(), b.node_data()
    if x is None or y is None or x[0] is not y[0]:
        return "so their Python types differ"
    return "so the keys do not match" if x[0] is dict else "so the lengths do not match"


def structure_differences(a: Any, b: Any) -> Iterator[tuple[str, str, str, str]]:
    """Places where two structures differ: path, what stands there on each side, and why not."""
    for path, x, y in _differences(a, b):
        yield path, _noun(x), _noun(y), _tree_reason(x, y)


class Side(NamedTuple):
    """A branch: what it is called in messages, the user's function, and its recording."""

    name: str
    fun: Any
    staged: Staged


def trees_differ(what: str, one: Side, two: Side, loc: Any) -> Exception:
    """Two branches return different structures."""
    lines = [
        f"{one.name} output{_at(path)} is {a} but {two.name} output{_at(path)} is {b}, {why}"
        for path, a, b, why in structure_differences(one.staged.out_tree, two.staged.out_tree)
    ]
    return ShapeError(
        f"{what} branch outputs must have the same pytree structure, but they differ:\n\n"
        f"{one.name} is {described(one.fun)}\n{two.name} is {described(two.fun)}\n\n"
        + "\n".join(lines)
        + f"\nfix: return the same structure from {one.name} and {two.name}",
        loc,
    )


def _at(path: str) -> str:
    return f" at path {path}" if path else ""


def branches_differ(what: str, one: Side, two: Side, loc: Any) -> Exception:
    """Two branches return leaves of different types."""
    paths = leaf_paths(one.staged.out_tree)
    rows = zip(paths, one.staged.fn.out_types, two.staged.fn.out_types, strict=True)
    lines = [
        f"The output of {one.name}{_at(path)} has type {type_text(a)} but the corresponding "
        f"output of {two.name} has type {type_text(b)}, {_why(a, b)}"
        for path, a, b in rows
        if joined_type(a, b) is None
    ]
    return ShapeError(
        f"{what} branches must have equal output types but they differ.\n\n"
        f"{one.name} is {described(one.fun)}\n{two.name} is {described(two.fun)}\n\n"
        + "\n".join(lines)
        + "\nfix: convert with .astype, or make the shapes equal, in one of the branches",
        loc,
    )


def leaf_paths(treedef: Any) -> list[str]:
    """Path of each leaf as text."""
    numbered = tree.unflatten(treedef, range(treedef.num_leaves))
    return [tree.keystr(path) for path, _ in tree.leaves_with_path(numbered)]


def first_parameter(fun: Any, default: str) -> str:
    """Name of the first parameter of a user function."""
    known = parameters(fun)
    return known[0].name if known else default


def carry_tree_differs(what: str, name: str, tree_in: Any, tree_out: Any, loc: Any) -> Exception:
    """A loop body returns its carry in another structure than it got."""
    lines = [
        f"The input carry {_component(name, path)} is {a} but the corresponding component "
        f"of the carry output is {b}, {why}"
        for path, a, b, why in structure_differences(tree_in, tree_out)
    ]
    return ShapeError(
        f"{what} body function carry input and carry output must have the same pytree "
        "structure, but they differ:\n\n"
        + "\n".join(lines)
        + "\nfix: return the carry in the structure it came in",
        loc,
    )


def carry_types_differ(
    what: str,
    name: str,
    carry_tree: Any,
    types_in: Sequence[ArrayType],
    types_out: Sequence[ArrayType],
    loc: Any,
) -> Exception:
    """A loop body returns leaves of its carry with other types than they came with."""
    found = [
        f"input carry {_component(name, path)} has type {type_text(a)} but the corresponding "
        f"output carry component has type {type_text(b)}, {_why(a, b)}"
        for path, a, b in zip(leaf_paths(carry_tree), types_in, types_out, strict=True)
        if a.shape != b.shape or a.dtype != b.dtype or a.explicit != b.explicit
    ]
    text = f"The {found[0]}" if len(found) == 1 else "\n".join(f"  * the {f}" for f in found)
    return ShapeError(
        f"{what} body function carry input and carry output must have equal types, but they "
        f"differ:\n\n{text}\n"
        "fix: start with a value of the type that the body returns, or convert with .astype in "
        "the body",
        loc,
    )


def _component(name: str, path: str) -> str:
    return f"component {name}{path}" if path else name
