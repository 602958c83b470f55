"""A program with its loops and branches laid open: one list of equations, and bridges.

The bodies of `scan`, `while` and `cond` are planned in the same graph as what is around
them. Each body is copied, so that every variable of the program is defined once; bridges
say which values inside and outside are the same, and how often an equation runs is its
weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.while_bodies import Loop
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.primitives.basis import broadcast_in_dim_p

TRIPS = 10.0
"""How often the body of a loop without a known number of steps is taken to run."""


class Bridge(NamedTuple):
    """A value that enters or leaves a body.

    Attributes:
        source: the value before.
        target: the value after.
        lead: 1 where the target lacks the leading dimension of the source (elements of a scan),
            -1 where it has one more (stacked results), else 0.
        weight: how often the value passes in one run of the program.
    """

    source: Any
    target: Var
    lead: int
    weight: float


class Sheet(NamedTuple):
    """A program laid open.

    Attributes:
        fn: the program, every body a copy of its own.
        eqns: equations in order, those of bodies before the equation they belong to.
        weights: how often each runs.
        bridges: values that enter and leave bodies.
        carries: pairs (parameter, result) of bodies that one layout must serve.
        params: parameters of bodies.
        zeros: parameters of bodies that start at zero: there is nothing to bring anywhere.
        opened: numbers of the equations whose bodies were laid open.
    """

    fn: Function
    eqns: list[Eqn]
    weights: list[float]
    bridges: list[Bridge]
    carries: list[tuple[Var, Atom]]
    params: list[Var]
    zeros: set[Var]
    opened: set[int]


def unfold(fn: Function) -> Sheet:
    """Lay a program open."""
    sheet = Sheet(fn, [], [], [], [], [], set(), set())
    return sheet._replace(fn=_unfold(fn, 1.0, sheet))


def _unfold(fn: Function, weight: float, sheet: Sheet) -> Function:
    eqns = []
    zeros = {v for e in fn.eqns if _is_zeros(e) for v in e.outputs}
    for eqn in fn.eqns:
        rule = _RULES.get(eqn.primitive.name)
        if rule is not None:
            eqn = rule(eqn, weight, sheet, zeros)
            sheet.opened.add(len(sheet.eqns))
        eqns.append(eqn)
        sheet.eqns.append(eqn)
        sheet.weights.append(weight)
    return Function(fn.name, fn.params, eqns, fn.results, fn.consts)


def _is_zero(a: Atom) -> bool:
    """Whether an operand is the number 0, with no sign."""
    return type(a) is Literal and not any(np.asarray(a.value).tobytes())


def _is_zeros(eqn: Eqn) -> bool:
    """Whether an equation lays out a zero."""
    return eqn.primitive is broadcast_in_dim_p and _is_zero(eqn.inputs[0])


def _body(fn: Function, weight: float, sheet: Sheet) -> Function:
    """A copy of a body, laid open."""
    found = _unfold(_fresh(fn), weight, sheet)
    sheet.params.extend(found.params)
    return found


def _fresh(fn: Function) -> Function:
    """The same function with variables of its own."""
    env: dict[Any, Any] = {v: Var(v.type) for v in fn.params}
    eqns = []
    for e in fn.eqns:
        outputs = [Var(v.type) for v in e.outputs]
        eqns.append(Eqn(e.primitive, [env.get(a, a) for a in e.inputs], outputs, e.params, e.loc))
        env.update(zip(e.outputs, outputs, strict=True))
    params = [env[v] for v in fn.params]
    return Function(fn.name, params, eqns, [env.get(a, a) for a in fn.results], fn.consts)


def _pass(
    sheet: Sheet, sources: Sequence[Atom], targets: Sequence[Any], weight: float, lead: int = 0
) -> None:
    """Bridges from sources to targets; constants need none."""
    for a, b in zip(sources, targets, strict=True):
        if type(a) is Var and type(b) is Var:
            sheet.bridges.append(Bridge(a, b, lead, weight))


def _scan(eqn: Eqn, weight: float, sheet: Sheet, zeros: set[Var]) -> Eqn:
    p = eqn.params
    body = _body(p["body"], weight * p["length"], sheet)
    c, n = p["num_consts"], p["num_consts"] + p["num_carry"]
    starts = list(zip(eqn.inputs[:n], body.params[:n], strict=True))
    sheet.zeros.update(v for a, v in starts[c:] if a in zeros or _is_zero(a))
    held = [(a, v) for a, v in starts if v not in sheet.zeros]
    _pass(sheet, [a for a, _ in held], [v for _, v in held], weight)
    _pass(sheet, eqn.inputs[n:], body.params[n:], weight, lead=1)
    carried = body.results[: n - c]
    sheet.carries.extend(zip(body.params[c:n], carried, strict=True))
    _pass(sheet, body.params[c:n], eqn.outputs[: n - c], weight)
    _pass(sheet, body.results[n - c :], eqn.outputs[n - c :], weight, lead=-1)
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, {**p, "body": body}, eqn.loc)


def _while(eqn: Eqn, weight: float, sheet: Sheet, zeros: set[Var]) -> Eqn:
    loop = Loop(**eqn.params)
    test = _body(loop.cond, weight * TRIPS, sheet)
    body = _body(loop.body, weight * TRIPS, sheet)
    test_consts, body_consts, init = loop.cut(eqn.inputs)
    carry = body.params[loop.num_body :]
    _pass(sheet, test_consts, test.params[: loop.num_cond], weight)
    _pass(sheet, [*body_consts, *init], body.params, weight)
    _pass(sheet, carry, test.params[loop.num_cond :], weight * TRIPS)
    sheet.carries.extend(zip(carry, body.results, strict=True))
    _pass(sheet, carry, eqn.outputs, weight)
    params = loop._replace(cond=test, body=body)._asdict()
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc)


def _cond(eqn: Eqn, weight: float, sheet: Sheet, zeros: set[Var]) -> Eqn:
    share = weight / len(eqn.params["branches"])  # as if each branch ran equally often
    branches = tuple([_body(fn, share, sheet) for fn in eqn.params["branches"]])
    for fn in branches:
        _pass(sheet, eqn.inputs[1:], fn.params, share)
        _pass(sheet, fn.results, eqn.outputs, share)
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, {**eqn.params, "branches": branches},
               eqn.loc)  # fmt: skip


_RULES = {"scan": _scan, "while": _while, "cond": _cond}
LAID_OPEN = frozenset(_RULES)
"""Operations whose bodies are planned with what is around them."""


def places(eqn: Eqn) -> list[tuple[Function, list[int], int]]:
    """Bodies of an opened equation: each with the operand behind each parameter.

    The last number is how many of the parameters are not elements of a scan.
    """
    p = eqn.params
    if eqn.primitive.name == "scan":
        n = p["num_consts"] + p["num_carry"]
        return [(p["body"], list(range(len(eqn.inputs))), n)]
    if eqn.primitive.name == "cond":
        every = list(range(1, len(eqn.inputs)))
        return [(fn, every, len(every)) for fn in p["branches"]]
    loop = Loop(**p)
    c, n = loop.num_cond, loop.num_cond + loop.num_body
    carry = list(range(n, len(eqn.inputs)))
    return [
        (loop.cond, [*range(c), *carry], len(loop.cond.params)),
        (loop.body, [*range(c, n), *carry], len(loop.body.params)),
    ]
