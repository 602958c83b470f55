"""One lane of a batch after the other, where lanes that do not take part must do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow.scan_primitive import scan_p
from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.batching import to_front
from ms_func.tracing.tracer import build


def one_by_one(
    size: int, primitive: Primitive, args: Sequence[Any], dims: Sequence[int | None], **params: Any
) -> tuple[list[Any], list[int]]:
    """Results of an application for each lane, computed in a loop over the lanes.

    A batched predicate turns a choice into a selection, and lets a loop go on for lanes that are
    done. With effects among what is computed, the lanes have to be told apart in time.

    Args:
        size: number of lanes.
        primitive: what to apply, with several results.
        args: operands.
        dims: where each has its lanes, None where all share it.
        params: parameters.

    Returns:
        The results, with the lanes in front, and their batch dimensions.
    """
    shared = [x for x, d in zip(args, dims, strict=True) if d is None]
    moved = [to_front(x, d, size) for x, d in zip(args, dims, strict=True) if d is not None]
    types = [typeof(x) for x in shared]
    types += [ArrayType(t.shape[1:], t.dtype) for t in map(typeof, moved)]

    def step(*values: Any) -> list[Any]:
        same, own = iter(values[: len(shared)]), iter(values[len(shared) :])
        return primitive.bind(*[next(same if d is None else own) for d in dims], **params)

    outs = scan_p.bind(
        *shared, *moved, body=build(f"lane_of_{primitive.name}", types, step),
        num_consts=len(shared), num_carry=0, length=size, reverse=False, unroll=1,
    )  # fmt: skip
    return outs, [0] * len(outs)
