"""`constant`: an array that stands in a program by value.

Programs take arrays as operands. A constant is for what a program cannot take: an array that a
rule of a primitive closes over, which belongs to the derived program and has no place among the
operands of the one it is derived from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.ir.constant import Constant
from ms_func.ir.primitive import ZERO, Cost, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType


def _abstract(*, value: Constant) -> ArrayType:
    return ArrayType(value.array.shape, value.array.dtype, value.weak_type)


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    return f"-> {' '.join('.' * outs[0].ndim)}"


constant_p = register(
    Primitive(
        "constant",
        abstract=_abstract,
        ref=lambda *, value: value.array,
        lower=lambda b, eqn: b.array_constant(eqn.params["value"].array),
        jvp=ZERO,
        transpose=NotSupported("constant has no operands"),
        batch=NotSupported("constant has no operands, so all lanes share its result"),
        shard=_shard,
        cost=lambda ins, outs, **params: Cost(0.0, 0.0, float(outs[0].nbytes)),
    )
)
