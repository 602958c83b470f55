"""A `scan` as the `while` that counts its steps, for programs that are cut into blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.loop_checkpoint import read, write
from ms_func.control_flow.scan_bodies import parts_of
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add, sub
from ms_func.primitives.compare import lt
from ms_func.tracing.tracer import build
from ms_func.transforms.zeros import zeros

_INDEX = ArrayType((), np.dtype(np.int32))


def as_while(eqn: Eqn) -> Function:
    """Program of the operands and results of a `scan`; each step writes its row of the stacks."""
    scan, types = eqn.params, [v.type for v in eqn.outputs]
    parts = parts_of(scan["body"], scan["num_consts"], scan["num_carry"])
    consts, init, xs = parts.cut([a.type for a in eqn.inputs])
    test = build("test", [_INDEX, *types], lambda i, *_: [lt(i, _index(scan["length"]))])
    step = build("step", [*consts, *xs, _INDEX, *types], lambda *values: _step(scan, values))
    loop = Loop(test, step, 0, len(consts) + len(xs))

    def program(*values: Any) -> list[Any]:
        consts, init, xs = parts.cut(values)
        stacks = [zeros(t) for t in types[parts.carry :]]
        outs = while_p.bind(*consts, *xs, _index(0), *init, *stacks, **loop._asdict())
        return outs[1:]

    return build(scan["body"].name, [*consts, *init, *xs], program)


def _step(scan: dict[str, Any], values: Any) -> list[Any]:
    parts = parts_of(scan["body"], scan["num_consts"], scan["num_carry"])
    consts, xs, (i,), carry, stacks = split_list(values, parts.consts, parts.xs, 1, parts.carry)
    at = sub(_index(scan["length"] - 1), i) if scan["reverse"] else i
    rows = [read(x, at) for x in xs]
    outs = current.interpreter.apply(scan["body"], [*consts, *carry, *rows])
    carry, results = split_list(outs, parts.carry)
    written = [write(y, row, at) for y, row in zip(stacks, results, strict=True)]
    return [add(i, _index(1)), *carry, *written]


def _index(value: int) -> Literal:
    return Literal(value, _INDEX)
