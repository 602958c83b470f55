"""Long runs of operations, cut into pieces that XLA's CPU compiler does not fuse with each other.

It computes an operation again within each fusion that reads its result. In a run of several
hundred, such as many branches that are decided for each lane, what it compiles grows beyond
bounds: a minute for a program of two thousand operations, whose fusions are too long to be
vectorised. Products, loops and branches end a run; between them no fusion grows so long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import Primitive

PIECE = 128
"""Weight of one piece; runs of less than two are left whole."""
_DEAR = 8
"""Weight of a transcendental operation, for which XLA or we write many."""

_weights: dict[Primitive, int] = {}


class Piece(NamedTuple):
    """Some equations that follow each other.

    Attributes:
        eqns: the equations.
        ins: values from before that they read.
        outs: their results that are needed behind them.
        alone: whether they are to be compiled apart from the others.
    """

    eqns: Sequence[Eqn]
    ins: Sequence[Var] = ()
    outs: Sequence[Var] = ()
    alone: bool = False


def pieces(fn: Function) -> list[Piece]:
    """The equations of `fn` in order, long runs cut."""
    if len(fn.eqns) * _DEAR < 2 * PIECE:
        return [Piece(fn.eqns)]
    found = fn.memo.get("pieces")
    if found is None:
        found = fn.memo["pieces"] = _pieces(fn)
    return found


def _pieces(fn: Function) -> list[Piece]:
    weights = [_weight(eqn) for eqn in fn.eqns]
    if sum(weights) < 2 * PIECE:
        return [Piece(fn.eqns)]
    last = {a: i for i, eqn in enumerate(fn.eqns) for a in eqn.inputs if type(a) is Var}
    last.update({a: len(fn.eqns) for a in fn.results if type(a) is Var})
    found, stop = [], 0
    for runs, group in groupby(weights, bool):
        run = [*group]
        start, stop = stop, stop + len(run)
        if not runs or sum(run) < 2 * PIECE:
            found.append(Piece(fn.eqns[start:stop]))
            continue
        for size in _sizes(run):
            found.append(_piece(fn.eqns[start : start + size], start + size, last))
            start += size
    return found


def _weight(eqn: Eqn) -> int:
    """What an operation adds to a run, 0 where it ends one."""
    found = _weights.get(eqn.primitive)
    if found is None:
        found = _weight_of(eqn)
        if all(v.type.size for v in eqn.outputs):  # else it has cost nothing here
            _weights[eqn.primitive] = found
    return found


def _weight_of(eqn: Eqn) -> int:
    kind = eqn.primitive
    if kind.orders is not None or kind.host or kind.effects is not None or any(eqn.functions()):
        return 0
    ins, outs = ([v.type for v in side] for side in (eqn.inputs, eqn.outputs))
    return _DEAR if kind.cost(ins, outs, **eqn.params).transcendentals else 1


def _sizes(weights: Sequence[int]) -> Iterator[int]:
    """Numbers of equations of the pieces of a run."""
    size = total = 0
    for weight in weights:
        size, total = size + 1, total + weight
        if total >= PIECE:
            yield size
            size = total = 0
    if size:
        yield size


def _piece(eqns: Sequence[Eqn], stop: int, last: dict[Var, int]) -> Piece:
    made = {v for eqn in eqns for v in eqn.outputs}
    read = {a: None for eqn in eqns for a in eqn.inputs if type(a) is not Literal}
    needed = [v for eqn in eqns for v in eqn.outputs if last.get(v, -1) >= stop]
    return Piece(eqns, [v for v in read if v not in made], needed, alone=True)
