"""Sums that stay open: pieces which devices hold are added before they are added up.

Worth it where two of them meet in an addition (the three gradients behind a query, a key and a
value become one reduction), and where a loop gathers them: what starts at zero and grows by an
open sum in each step, as gradients of weights that all steps share do, is added up once, after
the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.ir.function import Eqn, Literal, Var
from ms_func.ir.notation import rule_of
from ms_func.ir.primitive import ADDED, MADE, PASSED, SCALED
from ms_func.parallel.unfold import Sheet


def open_sums(sheet: Sheet) -> tuple[set[int], set[Var]]:
    """Equations that may work on open sums, and the values between them."""
    carried = {v: w for v, w in sheet.carries if v in sheet.zeros and type(w) is Var}
    after = {b.target: b.source for b in sheet.bridges if b.lead == 0 and b.source in carried}
    readers: dict[Var, list[int]] = {v: [] for v in carried}
    for i, eqn in enumerate(sheet.eqns):
        for a in eqn.inputs:
            if a in readers:
                readers[a].append(i)
    while True:
        eqns, values = _open(sheet.eqns, carried, after)
        grows = {v: w in values and eqns.issuperset(readers[v]) for v, w in carried.items()}
        if all(grows.values()):
            return eqns, values
        carried = {v: w for v, w in carried.items() if grows[v]}


def _open(
    all_eqns: Sequence[Eqn], carried: dict[Var, Var], after: dict[Var, Var]
) -> tuple[set[int], set[Var]]:
    """The same, taking carried values for open sums, and so what they are `after` the loop."""
    makes: dict[Var, int] = {}
    summed: set[Var] = set(carried)
    adds: set[int] = set()
    for i, eqn in enumerate(all_eqns):
        operands = eqn.inputs
        makes.update(dict.fromkeys(eqn.outputs, i))
        if eqn.primitive.sums is ADDED:
            if all(type(a) is Var and a in summed for a in operands) and (
                operands[0].type.shape == operands[1].type.shape
            ):
                adds.add(i)
                summed.update(eqn.outputs)
        elif _passed(eqn) in summed or _leaves_sum(eqn):
            summed.update(eqn.outputs)
        else:
            summed.update(v for v in eqn.outputs if after.get(v) in summed)
    eqns, values = set(adds), set(carried)
    todo: list[Any] = [a for i in adds for a in all_eqns[i].inputs]
    todo += [w for w in carried.values() if w in summed]
    while todo:
        v = todo.pop()
        if v in values:
            continue
        values.add(v)
        i = makes[v]
        if (before := _passed(all_eqns[i])) is not None and i not in eqns:
            eqns.add(i)
            todo.append(before)
    values.update(v for i in adds for v in all_eqns[i].outputs)
    return eqns, values


def _passed(eqn: Eqn) -> Any:
    """The operand of which an equation passes on an open sum, if it does."""
    sums, operands = eqn.primitive.sums, eqn.inputs
    if sums is PASSED:
        return operands[0]
    if sums is SCALED and type(operands[1]) is Literal:
        number = operands[1]
        if is_inexact(number.type.dtype) and np.isfinite(number.value):
            return operands[0]
    return None


def _leaves_sum(eqn: Eqn) -> bool:
    if eqn.primitive.sums is not MADE:
        return False
    rule = rule_of(eqn)
    have = {f for d in rule.outs[0] for f in d}
    return any(k == "sum" and f not in have and rule.sizes[f] > 1 for f, k in enumerate(rule.kinds))
