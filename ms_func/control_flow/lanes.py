"""Lanes of a batch that do not take part must do nothing: one after the other, or with a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow.scan_primitive import scan_p
from ms_func.ir.function import Eqn, Function
from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.batching import to_front
from ms_func.primitives.bits import bitwise_or
from ms_func.primitives.compare import ne
from ms_func.primitives.host_calls import check_p
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import has_effects


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


_BOOL = ArrayType((), bool)


def with_mask(fn: Function) -> Function | None:
    """`fn` with a first parameter that says whether its checks count.

    A check that does not count passes, whatever its condition, so that lanes can be computed
    together. None where `fn` has other effects, or checks in functions of its own.
    """
    if not fn.effects:
        return build(fn.name, [_BOOL, *fn.in_types], lambda _, *args: _apply(fn, args, None))
    if any(has_effects(e) and e.primitive is not check_p for e in fn.eqns):
        return None
    if "with_mask" not in fn.memo:

        def body(counts: Any, *args: Any) -> list[Any]:
            return _apply(fn, args, ne(counts, True))

        fn.memo["with_mask"] = build(fn.name, [_BOOL, *fn.in_types], body)
    return fn.memo["with_mask"]


def _apply(fn: Function, args: Sequence[Any], spared: Any) -> list[Any]:
    """Results of `fn`, its checks passing where they are spared."""

    def rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
        if eqn.primitive is not check_p:
            return None
        return eqn.bind([bitwise_or(ins[0], spared), *ins[1:]])

    return walk(fn, args, rule)
