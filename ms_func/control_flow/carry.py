"""Recording a loop body until its carry comes out with the types it goes in with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.config import jax_rules
from ms_func.control_flow.bodies import as_type
from ms_func.control_flow.mismatch import (
    carry_tree_differs,
    carry_types_differ,
    first_parameter,
)
from ms_func.dtypes import join
from ms_func.ir.loc import user_loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.stage import Staged

_ROUNDS = 4


def common_carry(
    what: str,
    fun: Callable[..., Any],
    leaves: Sequence[Any],
    carry_tree: Any,
    record: Callable[[Sequence[ArrayType]], Staged],
    carry_of: Callable[[Staged], tuple[Any, Sequence[ArrayType]]],
) -> tuple[Staged, list[Any]]:
    """The recorded body, and the first carry converted to the types that stay.

    A weak leaf (a Python scalar) takes the dtype that the body gives it; the body is then
    recorded again.

    Args:
        what: name of the loop, for messages.
        fun: the user's function.
        leaves: first carry.
        carry_tree: its structure.
        record: records the body for given carry types.
        carry_of: structure and types of the new carry in a recorded body.

    Raises:
        TypeError: the structure of the carry changes, or the type of a leaf that is not weak.
    """
    leaves = list(leaves)
    name = first_parameter(fun, "carry")
    rounds = 0
    while True:
        types = [typeof(x) for x in leaves]
        staged = record(types)
        out_tree, out_types = carry_of(staged)
        if out_tree != carry_tree:
            raise carry_tree_differs(what, name, carry_tree, out_tree, user_loc())
        wanted = [_settled(a, b) for a, b in zip(types, out_types, strict=True)]
        rounds += 1
        grown = any(w.vma != t.vma for w, t in zip(wanted, types, strict=True))
        same = all(w is t for w, t in zip(wanted, types, strict=True))
        if same or (rounds >= _ROUNDS and not grown):
            break
        leaves = [
            x if w is t else as_type(x, w) for x, t, w in zip(leaves, types, wanted, strict=True)
        ]
    if any(_differ(a, b) for a, b in zip(types, out_types, strict=True)):
        raise carry_types_differ(what, name, carry_tree, types, out_types, user_loc())
    return staged, leaves


def _differ(a: ArrayType, b: ArrayType) -> bool:
    strict = jax_rules() and a.explicit != b.explicit
    return strict or a.shape != b.shape or a.dtype != b.dtype


def _settled(given: ArrayType, found: ArrayType) -> ArrayType:
    """Type a carry should start with: what it came out with, where it was weak.

    In a region of manual computation it also differs along the axes it comes out with.
    """
    if found.vma - given.vma:
        given = given.varying(given.vma | found.vma)
    if not given.weak_type or given.dtype == found.dtype or given.shape != found.shape:
        return given
    if found.weak_type and given.dtype.kind == found.dtype.kind:
        return given.update(dtype=found.dtype)  # a number that the body puts in its place
    dtype, weak = join(given.dtype, True, found.dtype, found.weak_type)
    return given.update(dtype=dtype, weak_type=weak and not jax_rules())
