"""Branches in two halves: what is known of their operands, and what waits for the rest.

All branches of a choice give their residuals in the same slots, each of them as many as it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.tracing.tracer import build
from ms_func.transforms.zeros import zeros

Branches = tuple[Function, ...]


def split_branches(
    branches: Branches, unknown: Mask
) -> tuple[Branches, Branches, Mask, tuple[int, ...]]:
    """Known branches, waiting branches, unknown results, known operands passed on."""
    memo = branches[0].memo
    key = ("split_branches", branches, unknown)
    if key in memo:
        return memo[key]
    none = (False,) * len(branches[0].results)
    masks = [bodies.split(fn, unknown, none)[2] for fn in branches]
    mask = tuple(any(column) for column in zip(*masks, strict=True))
    parts = [bodies.split(fn, unknown, mask)[:2] for fn in branches]
    n = len(mask) - sum(mask)
    forwarded, layout = _common_slots([known for known, _ in parts], n)
    operands = [t for t, u in zip(branches[0].in_types, unknown, strict=True) if not u]
    passed = [operands[i] for i in forwarded]
    made = [_into_slots(known, rest, n, layout, forwarded, passed) for known, rest in parts]
    memo[key] = (
        tuple(known for known, _ in made),
        tuple(rest for _, rest in made),
        mask,
        tuple(forwarded),
    )
    return memo[key]


def _common_slots(halves: Sequence[Function], n: int) -> tuple[dict[int, int], list[ArrayType]]:
    """Places for the residuals of all branches, which stand behind the first `n` results.

    Returns:
        Operands that are residuals as they are, numbered; types of the slots for the others.
    """
    forwarded: dict[int, int] = {}
    slots: dict[Any, int] = {}
    for known in halves:
        own: dict[Any, int] = {}
        for atom in known.results[n:]:
            if atom in known.params:
                forwarded.setdefault(known.params.index(atom), len(forwarded))
            else:
                kind = _slot_kind(atom.type)
                own[kind] = own.get(kind, 0) + 1
        for kind, count in own.items():
            slots[kind] = max(slots.get(kind, 0), count)
    return forwarded, [
        ArrayType(shape, dtype, False, held)
        for (shape, dtype, held), count in slots.items()
        for _ in range(count)
    ]


def _slot_kind(t: ArrayType) -> tuple[Any, ...]:
    """What residuals that may share a slot have in common."""
    return (t.shape, t.dtype, t.manual)


def _into_slots(
    known: Function,
    rest: Function,
    n: int,
    layout: Sequence[ArrayType],
    forwarded: dict[int, int],
    passed: Sequence[ArrayType],
) -> tuple[Function, Function]:
    """The two halves of one branch with their residuals in the slots that all branches share."""
    free = list(range(len(layout)))
    source: dict[int, int] = {}  # slot -> residual
    where: list[int] = []  # for each residual its place among slots and forwarded operands
    for i, atom in enumerate(known.results[n:]):
        if atom in known.params:
            where.append(len(layout) + forwarded[known.params.index(atom)])
            continue
        kind = _slot_kind(atom.type)
        slot = next(s for s in free if _slot_kind(layout[s]) == kind)
        free.remove(slot)
        source[slot] = i
        where.append(slot)

    def first(*args: Any) -> list[Any]:
        outs = current.interpreter.apply(known, args)
        filled = [outs[n + source[s]] if s in source else zeros(t) for s, t in enumerate(layout)]
        return [*outs[:n], *filled]

    def second(*args: Any) -> list[Any]:
        residuals = [args[i] for i in where]
        return current.interpreter.apply(rest, [*residuals, *args[len(layout) + len(passed) :]])

    waiting = rest.in_types[len(where) :]
    return (
        build(known.name, known.in_types, first),
        build(rest.name, [*layout, *passed, *waiting], second),
    )
