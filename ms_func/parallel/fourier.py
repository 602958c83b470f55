"""Fourier transforms over several dimensions, taken apart where one of these has to be cut.

A transform over one dimension after the other needs each of them whole only in its turn: slabs
and pencils, with exchanges between. Inverse transforms go the other way round, so that they begin
in the layout in which forward ones end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ms_func.ir.function import Atom, Eqn, Function
from ms_func.ir.notation import rule_of
from ms_func.parallel.rewrite import rewritten
from ms_func.parallel.splits import legal_splits
from ms_func.primitives.basis import transpose
from ms_func.primitives.fft import fft_p


def separated(fn: Function, axes: Sequence[int]) -> Function:
    """`fn` with transforms taken apart that do not give work to all devices.

    Args:
        fn: a program without calls.
        axes: sizes of the mesh axes.
    """
    return rewritten(fn, lambda new, eqn, inputs: _apart(eqn, inputs, axes))


def _apart(eqn: Eqn, inputs: Sequence[Atom], axes: Sequence[int]) -> Atom | None:
    if eqn.primitive is not fft_p or len(eqn.params["lengths"]) == 1:
        return None
    if max(s.parts for s in legal_splits(rule_of(eqn), axes)) == math.prod(axes):
        return None
    kind, lengths = eqn.params["kind"], eqn.params["lengths"]
    x, n = inputs[0], len(lengths)
    last, *others = range(x.type.ndim - 1, x.type.ndim - 1 - n, -1)
    whole = kind.removeprefix("R").replace("IR", "I")
    steps = [(last, kind, lengths[-1]), *((d, whole, x.type.shape[d]) for d in others)]
    for d, one, length in reversed(steps) if "I" in kind else steps:
        x = _along(x, d, one, length)
    return x


def _along(x: Atom, d: int, kind: str, length: int) -> Atom:
    """A transform over one dimension."""
    order = [*(e for e in range(x.type.ndim) if e != d), d]
    found = fft_p.bind(transpose(x, order), kind=kind, lengths=(length,))
    return transpose(found, sorted(range(len(order)), key=order.__getitem__))
