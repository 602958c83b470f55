"""Bodies of the scans that derivatives of a scan are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, split_list
from ms_func.ir.function import Function
from ms_func.ir.primitive import (
    current,
)
from ms_func.tracing.tracer import build
from ms_func.transforms.jet import jet, wanted_series
from ms_func.transforms.jvp import jvp
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import add


class Parts(NamedTuple):
    """Sizes of the three parts of the operands, and what every scan is told."""

    consts: int
    carry: int
    xs: int

    def cut(self, values: Sequence[Any]) -> list[list[Any]]:
        """Constants, carry, and stacked elements."""
        return split_list(values, self.consts, self.carry)


def parts_of(body: Function, num_consts: int, num_carry: int) -> Parts:
    """The parts of the parameters of a step."""
    return Parts(num_consts, num_carry, len(body.params) - num_consts - num_carry)


def dual_body(body: Function, parts: Parts, active: Mask) -> tuple[Function, Mask, Mask]:
    """Step on pairs, and which carries and results have tangents."""
    key = ("dual_body", parts, active)
    if key in body.memo:
        return body.memo[key]
    consts, carry, xs = (tuple(m) for m in parts.cut(active))
    while True:
        nonzero = jvp(body, (*consts, *carry, *xs))[1]
        grown = tuple(a or b for a, b in zip(carry, nonzero[: parts.carry], strict=True))
        if grown == carry:
            break
        carry = grown
    ys = nonzero[parts.carry :]
    made = bodies.dual(body, (*consts, *carry, *xs), (*carry, *ys))
    primal, dots = split_list(range(len(made.params)), len(body.params))
    (c, i, x), (dc, di, dx) = parts.cut(primal), split_list(dots, sum(consts), sum(carry))
    n = len(body.results)
    outs = range(len(made.results))
    order = [*outs[: parts.carry], *outs[n : n + sum(carry)], *outs[parts.carry : n],
             *outs[n + sum(carry) :]]  # fmt: skip
    body.memo[key] = bodies.reorder(made, [*c, *dc, *i, *di, *x, *dx], order), carry, ys
    return body.memo[key]


def series_body(
    body: Function, parts: Parts, active: Mask, order: int
) -> tuple[Function, Mask, Mask]:
    """Step on series, and which carries and results have terms."""
    key = ("series_body", parts, active, order)
    if key in body.memo:
        return body.memo[key]
    consts, carry, xs = (tuple(m) for m in parts.cut(active))
    while True:
        found = jet(body, order, (*consts, *carry, *xs))[1]
        grown = tuple(a or b for a, b in zip(carry, found[: parts.carry], strict=True))
        if grown == carry:
            break
        carry = grown
    ys = found[parts.carry :]
    made = wanted_series(body, order, (*consts, *carry, *xs), (*carry, *ys))
    primal, terms = split_list(range(len(made.params)), len(body.params))
    (c, i, x) = parts.cut(primal)
    dc, di, dx = split_list(terms, order * sum(consts), order * sum(carry))
    n, n_carry = len(body.results), parts.carry
    outs = range(len(made.results))
    cut = n + order * sum(carry)
    results = [*outs[:n_carry], *outs[n:cut], *outs[n_carry:n], *outs[cut:]]
    body.memo[key] = bodies.reorder(made, [*c, *dc, *i, *di, *x, *dx], results), carry, ys
    return body.memo[key]


class Plan(NamedTuple):
    """How a scan falls into a known and a waiting one.

    Attributes:
        invariant: known constants -> values that no step changes.
        known: step over (invariant values, known carry, known elements); its results are the
            known ones and then the residuals to stack.
        sources: where each residual of `rest` comes from: ("invariant" | "xs" | "ys", index).
        rest: step over (kept residuals, unknown constants), unknown carry, (stacked
            residuals, unknown elements).
        carry: which carries are unknown.
        mask: which results are unknown.
        fixed: which values of `invariant` are the constants of `known`.
    """

    invariant: Function
    known: Function
    fixed: tuple[int, ...]
    sources: tuple[tuple[str, int], ...]
    rest: Function
    carry: Mask
    mask: Mask


def plan_of(body: Function, parts: Parts, unknown: Mask) -> Plan:
    """Split a step: what can be computed now, and what waits for unknown operands."""
    key = ("scan_plan", parts, unknown)
    if key in body.memo:
        return body.memo[key]
    carry, mask = unknown_carry(body, parts, unknown)
    consts, _, xs = parts.cut(unknown)
    full = (*consts, *carry, *xs)
    known, rest, mask = bodies.split(body, full, (*carry, *mask[parts.carry :]))
    n_const, n_carry = len(consts) - sum(consts), len(carry) - sum(carry)
    n_ready = len(mask) - sum(mask)
    # What depends on constants alone is computed once, before the loop.
    varies = (False,) * n_const + (True,) * (len(known.params) - n_const)
    invariant, step, moves = bodies.hoist(known, varies, n_ready)
    first_fixed = len(moves) - sum(moves)
    n_fixed = len(invariant.results) - first_fixed
    step, sources = _sources(step, moves, n_ready, n_fixed, n_carry)
    body.memo[key] = Plan(
        invariant,
        step,
        tuple(range(first_fixed, len(invariant.results))),
        sources,
        _rest_in_order(rest, sources, sum(consts), sum(carry)),
        carry,
        mask,
    )
    return body.memo[key]


def unknown_carry(body: Function, parts: Parts, unknown: Mask) -> tuple[Mask, Mask]:
    """Carries that become unknown at some step, and the results unknown then."""
    consts, carry, xs = (tuple(m) for m in parts.cut(unknown))
    none = (False,) * len(body.results)
    while True:
        mask = bodies.split(body, (*consts, *carry, *xs), none)[2]
        grown = tuple(a or b for a, b in zip(carry, mask[: parts.carry], strict=True))
        if grown == carry:
            return carry, mask
        carry = grown


def _sources(
    step: Function, moves: Mask, n_ready: int, n_fixed: int, n_carry: int
) -> tuple[Function, tuple[tuple[str, int], ...]]:
    """Where each residual comes from, and the step with only the results worth stacking.

    A residual that is an element is found in the stack it was taken from, and one that is
    also a result of the scan is stacked once.
    """
    results = list(step.results[:n_ready])
    stacked = {a: i - n_carry for i, a in enumerate(results) if i >= n_carry}
    elements = {v: i for i, v in enumerate(step.params[n_fixed + n_carry :])}
    varying, fixed, sources = iter(step.results[n_ready:]), 0, []
    for is_varying in moves:
        if not is_varying:
            sources.append(("invariant", fixed))
            fixed += 1
            continue
        atom = next(varying)
        if atom in elements:
            sources.append(("xs", elements[atom]))
            continue
        if atom not in stacked:
            stacked[atom] = len(results) - n_carry
            results.append(atom)
        sources.append(("ys", stacked[atom]))
    made = Function(step.name, step.params, step.eqns, results)
    return made, tuple(sources)


def _rest_in_order(
    rest: Function, sources: Sequence[tuple[str, int]], n_const: int, n_carry: int
) -> Function:
    """Parameters as a scan takes them: constants, carry, elements."""
    n = len(sources)
    kept = [i for i, (kind, _) in enumerate(sources) if kind == "invariant"]
    stacked = [i for i, (kind, _) in enumerate(sources) if kind != "invariant"]
    consts, carry, xs = split_list(range(n, len(rest.params)), n_const, n_carry)
    return bodies.reorder(rest, [*kept, *consts, *carry, *stacked, *xs])


def backward_body(body: Function, parts: Parts, consts: Mask, xs: Mask, live: Mask) -> Function:
    """Step (known constants), (sums, carry cotangents), (result cotangents, known elements)."""
    key = ("backward_body", parts, consts, xs, live)
    if key in body.memo:
        return body.memo[key]
    kept = bodies.keep_results(body, (True,) * parts.carry + live)
    made = transpose(kept, (*consts, *(True,) * parts.carry, *xs))
    n_known, n_sums = len(consts) - sum(consts), sum(consts)
    n_xs = len(xs) - sum(xs)
    known, x, ct_carry, ct_ys = split_list(made.in_types, n_known, n_xs, parts.carry)
    sums = [t.tangent for t in chosen(body.in_types[: parts.consts], consts)]

    def step(*args: Any) -> list[Any]:
        c, total, ct, ys, x = split_list(args, n_known, n_sums, parts.carry, len(ct_ys))
        outs = current.interpreter.apply(made, [*c, *x, *ct, *ys])
        terms, rest = split_list(outs, n_sums)
        return [*(add(a, b) for a, b in zip(total, terms, strict=True)), *rest]

    body.memo[key] = build(made.name, [*known, *sums, *ct_carry, *ct_ys, *x], step)
    return body.memo[key]
