"""Elements moved along a dimension, those that leave it coming in at its other end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ShapeError
from ms_func.ir.primitive import LANES, Linear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, integer
from ms_func.primitives.basis import letters, moving_cost


def _roll_abstract(x: ArrayType, *, shift: int, dimension: int) -> ArrayType:
    if not 0 <= dimension < x.ndim or not 0 <= shift < max(1, x.shape[dimension]):
        raise ShapeError(f"roll of {x} cannot move dimension {dimension} by {shift}")
    return x if x.manual is None else x.update(manual=None)


def _roll_lower(b: Any, eqn: Any, x: Any) -> Any:
    """Two pieces that change places: the form that the partitioner knows as a rotation."""
    out, shift, d = eqn.outputs[0].type, eqn.params["shift"], eqn.params["dimension"]
    cut = out.shape[d] - shift
    parts = []
    for start, stop in ((cut, out.shape[d]), (0, cut)):
        low = tuple([start if k == d else 0 for k in range(out.ndim)])
        high = tuple([stop if k == d else n for k, n in enumerate(out.shape)])
        attributes = {"start_indices": int_array(low), "limit_indices": int_array(high),
                      "strides": int_array((1,) * out.ndim)}  # fmt: skip
        shape = tuple([n - k for k, n in zip(low, high, strict=True)])
        parts.append(b.op("stablehlo.slice", [out.update(shape=shape)], [x], attributes))
    return b.op("stablehlo.concatenate", [out], parts, {"dimension": integer(d)})


def _roll_transpose(ct: Any, x: Any, *, shift: int, dimension: int) -> list[Any]:
    back = -shift % max(1, typeof(ct).shape[dimension])
    return [roll_p.bind(ct, shift=back, dimension=dimension)]


def _roll_batch(size: int, args: Any, dims: Any, *, shift: int, dimension: int) -> Any:
    (x,), (at,) = args, dims
    moved = dimension if dimension < at else dimension + 1
    return roll_p.bind(x, shift=shift, dimension=moved), at


def _roll_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, shift: int, dimension: int
) -> str:
    """A device reads the end of its neighbour; the way round by which that is less."""
    names = letters(ins[0].ndim)
    term, rest = " ".join(names), ins[0].shape[dimension] - shift
    halo = (shift, 0) if shift <= rest else (0, rest)
    return f"{term} -> {term}; {names[dimension]}: halo {halo[0]} {halo[1]}"


roll_p = register(
    Primitive(
        "roll",
        abstract=_roll_abstract,
        ref=lambda x, *, shift, dimension: np.roll(x, shift, dimension),
        lower=_roll_lower,
        jvp=Linear(0),
        transpose=_roll_transpose,
        batch=_roll_batch,
        shard=_roll_shard,
        cost=moving_cost,
        simplify=lambda producer, x, *, shift, dimension: None if shift else x,
        words=LANES,
    )
)
"""Elements moved `shift` places towards the end of a dimension, the last ones to its start."""
