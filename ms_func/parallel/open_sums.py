"""Sums that stay open: pieces which devices hold are added before they are added up."""

from __future__ import annotations

from collections.abc import Sequence

from ms_func.ir.function import Eqn, Var
from ms_func.ir.notation import rule_of

ADDING = ("add", "sub")
"""Elementwise operations through which sums may stay open: both operands are open."""
SUMMING = ("dot_general", "reduce_sum", "conv_general_dilated", "scatter_add")
"""Operations whose sums the partitioner was seen to leave open when told to."""
PASSING = ("transpose", "reshape", "neg")
"""Operations of one operand through which a sum may stay open."""


def open_sums(all_eqns: Sequence[Eqn]) -> tuple[set[int], set[Var]]:
    """Equations that may work on open sums, and the values between them.

    A sum is worth leaving open only on the way to an addition of two of them: the three
    gradients behind a query, a key and a value are added before one reduction.
    """
    makes: dict[Var, int] = {}
    summed: set[Var] = set()
    adds: set[int] = set()
    for i, eqn in enumerate(all_eqns):
        name, operands = eqn.primitive.name, eqn.inputs
        makes.update(dict.fromkeys(eqn.outputs, i))
        if name in ADDING:
            if all(type(a) is Var and a in summed for a in operands) and (
                operands[0].type.shape == operands[1].type.shape
            ):
                adds.add(i)
                summed.update(eqn.outputs)
        elif (name in PASSING and operands[0] in summed) or _leaves_sum(eqn):
            summed.update(eqn.outputs)
    eqns, values, todo = set(adds), set(), [a for i in adds for a in all_eqns[i].inputs]
    while todo:
        v = todo.pop()
        if v in values:
            continue
        values.add(v)
        i = makes[v]  # type: ignore[index]
        if all_eqns[i].primitive.name in PASSING and i not in eqns:
            eqns.add(i)
            todo.extend(all_eqns[i].inputs)
    values.update(v for i in adds for v in all_eqns[i].outputs)
    return eqns, values


def _leaves_sum(eqn: Eqn) -> bool:
    if eqn.primitive.name not in SUMMING:
        return False
    rule = rule_of(eqn)
    have = {f for d in rule.outs[0] for f in d}
    return any(k == "sum" and f not in have and rule.sizes[f] > 1 for f, k in enumerate(rule.kinds))
