"""Simplification of a program before its translation: nothing twice, nothing for nobody.

Both depend on the program alone, never on the number of a device, so that all devices of a
program keep the same collectives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

import numpy as np

from ms_func_ascend.operators.region import binary_kind
from ms_func_ascend.reader import Block, Op, Value

_EFFECTS = ("custom_call", "infeed", "outfeed", "send", "recv", "rng", "rng_bit_generator")


def simplify(block: Block) -> Block:
    """A block without repeated operations and without those that no result depends on."""
    return without_dead(_shared(block, {}))


def pure(op: Op) -> bool:
    """Whether an operation only makes its results; its inner operations as well."""
    return op.name.split(".")[-1] not in _EFFECTS and all(
        pure(inner) for region in op.regions for inner in region.ops
    )


def uses_of(block: Block) -> Counter[Value]:
    """How often each value is read, in the block and inside of its operations."""
    found: Counter[Value] = Counter(block.results)
    for op in block.ops:
        found.update(op.operands)
        for inner in op.regions:
            found.update(uses_of(inner))
    return found


def without_dead(block: Block) -> Block:
    """A block without operations whose results nobody reads."""
    uses = uses_of(block)
    kept: list[Op] = []
    for op in reversed(block.ops):
        if pure(op) and not any(uses[r] for r in op.results):
            uses.subtract(op.operands)
            for inner in op.regions:
                uses.subtract(uses_of(inner))
            continue
        op.regions = [without_dead(r) for r in op.regions]
        kept.append(op)
    return Block(block.params, kept[::-1], block.results)


def _shared(block: Block, same: dict[Value, Value]) -> Block:
    """A block in which equal operations are one.

    Inner blocks keep their own: what they read from outside has to be carried in.
    """
    seen: dict[Hashable, Op] = {}
    ops: list[Op] = []
    for op in block.ops:
        op.operands = [same.get(v, v) for v in op.operands]
        key = _key(op)
        first = None if key is None else seen.setdefault(key, op)
        if first is None or first is op:
            op.regions = [_shared(r, same) for r in op.regions]
            ops.append(op)
        else:
            same.update(zip(op.results, first.results, strict=True))
    return Block(block.params, ops, [same.get(v, v) for v in block.results])


def _key(op: Op) -> Hashable | None:
    """What equal operations share; None for those that are not compared."""
    kinds = tuple(binary_kind(r) for r in op.regions)
    if None in kinds or not pure(op) or not op.results:
        return None
    attrs = tuple(sorted((name, _frozen(v)) for name, v in op.attrs.items()
                         if name != "channel_handle"))  # fmt: skip
    return op.name, tuple(map(id, op.operands)), tuple(r.type for r in op.results), attrs, kinds


def _frozen(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    return repr(value)
