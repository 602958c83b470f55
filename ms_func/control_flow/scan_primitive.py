"""The primitive `scan`: a loop with a known number of steps, a carry, and stacked results.

A step is a function (constants, carry, elements) -> (carry, results). Every transform of a
scan is a scan of the transformed step. Reverse mode is a second scan, over the residuals of
the first in the opposite direction; what does not change from step to step is kept once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, merged, split_list
from ms_func.control_flow.scan_bodies import (
    backward_body,
    dual_body,
    parts_of,
    plan_of,
    series_body,
    unknown_carry,
)
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.primitive import (
    BY_FUNCTIONS,
    UNFOLDED,
    Cost,
    Primitive,
    current,
    fitting,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, parsed
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.families import is_linear
from ms_func.transforms.batch import batch
from ms_func.transforms.discharge import Uses, discharged
from ms_func.transforms.jet import in_rows
from ms_func.transforms.passes import prune, without_invariants
from ms_func.transforms.zeros import instantiate, is_live, nonzeros, with_zeros, zeros

INDEX = ArrayType((), np.dtype(np.int32))


# --- types and meaning ----------------------------------------------------------------------


def _abstract(
    *types: ArrayType,
    body: Function,
    num_consts: int,
    num_carry: int,
    length: int,
    reverse: bool,
    unroll: int,
) -> list[ArrayType]:
    parts = parts_of(body, num_consts, num_carry)
    consts, init, xs = parts.cut(types)
    step_in = [*consts, *init, *(t.without_dimension(0) for t in xs)]
    fitting(step_in, body.in_types)
    for given, wanted in zip(step_in, body.in_types, strict=True):
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise ShapeError(f"the step of a scan takes {wanted}, got {given}")
    carry = [
        t.update(weak_type=t.weak_type and i.weak_type, sharding=i.sharding)
        for t, i in zip(body.out_types[:num_carry], init, strict=True)
    ]
    return carry + [t.with_dimension(0, length) for t in body.out_types[num_carry:]]


def _ref(
    *arrays: np.ndarray,
    body: Function,
    num_consts: int,
    num_carry: int,
    length: int,
    reverse: bool,
    unroll: int,
) -> list[np.ndarray]:
    consts, carry, xs = parts_of(body, num_consts, num_carry).cut(arrays)
    ys = [np.zeros((length, *t.shape), t.dtype) for t in body.out_types[num_carry:]]
    for i in reversed(range(length)) if reverse else range(length):
        outs = evaluate(body, *consts, *carry, *(x[i] for x in xs))
        carry = outs[:num_carry]
        for y, value in zip(ys, outs[num_carry:], strict=True):
            y[i] = value
    return [*carry, *ys]


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, body: Function, length: int,
          **params: Any) -> Cost:  # fmt: skip
    return Cost(*(length * c for c in bodies.cost_of(body)))


# --- lowering ---------------------------------------------------------------------------------


class _Loop:
    """Emits the steps of one scan."""

    def __init__(self, eqn: Any, values: Sequence[Any]) -> None:
        p = eqn.params
        self.body: Function = p["body"]
        self.length, self.reverse = p["length"], p["reverse"]
        parts = parts_of(self.body, p["num_consts"], p["num_carry"])
        self.num_carry = parts.carry
        self.consts, self.init, self.xs = parts.cut(values)
        self.x_types = [a.type for a in eqn.inputs[parts.consts + parts.carry :]]
        self.carry_types = [a.type for a in eqn.inputs[parts.consts :][: parts.carry]]
        self.y_types = [v.type for v in eqn.outputs[parts.carry :]]

    def step(self, b: Any, at: Any, carry: Sequence[Any], ys: Sequence[Any]) -> tuple[Any, Any]:
        """One step at position `at`: new carry, and stacks with the results written in."""
        elements = [self._take(b, x, t, at) for x, t in zip(self.xs, self.x_types, strict=True)]
        outs = b.inline(self.body, [*self.consts, *carry, *elements])
        written = [
            self._put(b, y, value, t, at)
            for y, value, t in zip(ys, outs[self.num_carry :], self.y_types, strict=True)
        ]
        return outs[: self.num_carry], written

    def position(self, b: Any, i: Any, offset: int) -> Any:
        """Position of step `i + offset`."""
        if self.reverse:
            return b.op("stablehlo.subtract", [INDEX], [_int(b, self.length - 1 - offset), i])
        return i if offset == 0 else b.op("stablehlo.add", [INDEX], [i, _int(b, offset)])

    def _take(self, b: Any, x: Any, t: ArrayType, at: Any) -> Any:
        part = ArrayType((1, *t.shape[1:]), t.dtype)
        starts = [at, *[_int(b, 0)] * (t.ndim - 1)]
        attributes = {"slice_sizes": int_array(part.shape)}
        one = b.op("stablehlo.dynamic_slice", [part], [x, *starts], attributes)
        return b.reshape(one, ArrayType(t.shape[1:], t.dtype))

    def _put(self, b: Any, y: Any, value: Any, t: ArrayType, at: Any) -> Any:
        value = b.reshape(value, ArrayType((1, *t.shape[1:]), t.dtype))
        starts = [at, *[_int(b, 0)] * (t.ndim - 1)]
        return b.op("stablehlo.dynamic_update_slice", [t], [y, value, *starts])


def _int(b: Any, value: int) -> Any:
    return b.constant(value, INDEX)


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    """A `while` over groups of `unroll` steps; the steps left over stand behind it."""
    loop = _Loop(eqn, values)
    n = loop.length
    width = min(max(eqn.params["unroll"], 1), max(n, 1))
    ys = [b.constant(0, t) for t in loop.y_types]
    carry, rounds = loop.init, n // width
    if rounds > 1:
        carry, ys = _lower_rounds(b, loop, rounds * width, width, ys)
    for i in range(rounds * width if rounds > 1 else 0, n):
        at = _int(b, n - 1 - i if loop.reverse else i)
        carry, ys = loop.step(b, at, carry, ys)
    return [*carry, *ys]


def _lower_rounds(
    b: Any, loop: _Loop, stop: int, width: int, ys: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    state = b.state(loop.body)
    threads = bool(state)
    types = [INDEX, *loop.carry_types, *loop.y_types, *[TOKEN] * threads]
    start = [_int(b, 0), *loop.init, *ys, *state]
    made = b.operation("stablehlo.while", types, start, regions=2)

    def test(inner: Any, i: Any, *state: Any) -> list[Any]:
        return [inner.op("stablehlo.compare", [_BOOL], [i, _int(inner, stop)], _less_than())]

    def body(inner: Any, i: Any, *state: Any) -> list[Any]:
        carry, stacks = split_list(state, loop.num_carry)
        for k in range(width):
            carry, stacks = loop.step(inner, loop.position(inner, i, k), carry, stacks)
        following = inner.op("stablehlo.add", [INDEX], [i, _int(inner, width)])
        return [following, *carry, *stacks]

    b.region(made, 0, types, test)
    b.region(made, 1, types, body, threads)
    _, *results = b.after(made, threads)
    return results[: loop.num_carry], results[loop.num_carry :]


_BOOL = ArrayType((), np.dtype(np.bool_))


def _less_than() -> dict[str, Any]:
    return {"comparison_direction": parsed("#stablehlo<comparison_direction LT>")}


# --- forward mode -----------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """The scan of pairs (value, tangent); carries that never get a tangent have none."""
    body, n_carry = params["body"], params["num_carry"]
    parts = parts_of(body, params["num_consts"], n_carry)
    active = is_live(tangents)
    made, carry_active, y_active = dual_body(body, parts, active)
    consts, init, xs = parts.cut(primals)
    const_dots, init_dots, x_dots = parts.cut(tangents)
    const_dots, x_dots = nonzeros(const_dots), nonzeros(x_dots)
    init_dots = [instantiate(t) for t in chosen(init_dots, carry_active)]
    outs = scan_p.bind(
        *consts, *const_dots, *init, *init_dots, *xs, *x_dots,
        **{**params, "body": made, "num_consts": len(consts) + len(const_dots),
           "num_carry": n_carry + len(init_dots)},
    )  # fmt: skip
    carry, carry_dots, ys, y_dots = split_list(
        outs, n_carry, len(init_dots), len(body.results) - n_carry
    )
    values = [*carry, *ys]
    types = [typeof(v) for v in values]
    return values, with_zeros((*carry_active, *y_active), [*carry_dots, *y_dots], types)


def _jet(primals: Sequence[Any], series: Any, order: int, **params: Any) -> Any:
    """The scan of series; carries that never get terms have none."""
    body, n_carry = params["body"], params["num_carry"]
    parts = parts_of(body, params["num_consts"], n_carry)
    consts, init, xs = parts.cut(primals)
    const_terms, init_terms, x_terms = parts.cut(series)
    made, carry, ys = series_body(body, parts, tuple(s is not None for s in series), order)
    const_flat, x_flat = ([c for s in part if s is not None for c in s]
                          for part in (const_terms, x_terms))  # fmt: skip
    start = [
        zeros(typeof(x).tangent) if s is None else s[k]
        for x, s, m in zip(init, init_terms, carry, strict=True)
        if m
        for k in range(order)
    ]  # fmt: skip
    outs = scan_p.bind(
        *consts, *const_flat, *init, *start, *xs, *x_flat,
        **{**params, "body": made, "num_consts": len(consts) + len(const_flat),
           "num_carry": n_carry + len(start)},
    )  # fmt: skip
    n_ys = len(body.results) - n_carry
    last, last_terms, stacks, stack_terms = split_list(outs, n_carry, len(start), n_ys)
    return [*last, *stacks], in_rows([*last_terms, *stack_terms], (*carry, *ys), order)


# --- partial evaluation -----------------------------------------------------------------------


def _partial(partial: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    unknown = tuple(partial.is_unknown(a) for a in args)
    return _run_plan(
        params,
        args,
        unknown,
        lambda fn, xs: bodies.apply_known(partial, fn, xs),
        lambda xs, ps: partial.bind_known(scan_p, tuple(xs), ps),
        lambda xs, ps: partial.unknown.bind(scan_p, tuple(xs), ps),
    )


def _run_plan(
    params: dict[str, Any], args: Any, unknown: Mask, apply: Any, bind_now: Any, bind_later: Any
) -> list[Any]:
    """Known scan now, waiting scan on its residuals; results of both in order."""
    parts = parts_of(params["body"], params["num_consts"], params["num_carry"])
    plan = plan_of(params["body"], parts, unknown)
    consts, init, xs = parts.cut(args)
    c_mask, _, x_mask = parts.cut(unknown)
    keep = [not u for u in plan.carry]
    ready_xs = chosen(xs, [not u for u in x_mask])
    held = apply(plan.invariant, chosen(consts, [not u for u in c_mask]))
    fixed = [held[i] for i in plan.fixed]
    n_carry, n_ready = sum(keep), len(plan.mask) - sum(plan.mask)
    outs: list[Any] = []
    if plan.known.results or plan.known.effects:
        outs = bind_now(
            [*fixed, *chosen(init, keep), *ready_xs],
            {**params, "body": plan.known, "num_consts": len(fixed), "num_carry": n_carry},
        )
    found = {"invariant": held, "xs": ready_xs, "ys": outs[n_carry:]}
    kept = [found[kind][i] for kind, i in plan.sources if kind == "invariant"]
    stacks = [found[kind][i] for kind, i in plan.sources if kind != "invariant"]
    late_consts = [*kept, *chosen(consts, c_mask)]
    late_init = chosen(init, plan.carry)
    late = bind_later(
        [*late_consts, *late_init, *stacks, *chosen(xs, x_mask)],
        {**params, "body": plan.rest, "num_consts": len(late_consts),
         "num_carry": len(late_init)},
    )  # fmt: skip
    return merged(plan.mask, late, outs[:n_ready])


# --- reverse mode -------------------------------------------------------------------------------


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    """A scan in the other direction, whose carry is the cotangent of the carry.

    Cotangents of linear constants add up in the carry. What no result with a cotangent needs
    is left out, and carries that are not linear are first computed forwards.
    """
    operands_kept, kept, pruned = _prune(is_live(cts), **params)
    if not all(kept) or not all(operands_kept):
        found = iter(_transpose(chosen(cts, kept), *chosen(operands, operands_kept), **pruned))
        return [next(found) if k else None for k in operands_kept]
    body = params["body"]
    parts = parts_of(body, params["num_consts"], params["num_carry"])
    linear = tuple(is_linear(x) for x in operands)
    carry, _ = unknown_carry(body, parts, linear)
    if not all(carry):
        return _transpose_after_forward(cts, operands, linear, params)
    consts, _, xs = parts.cut(operands)
    c_mask, i_mask, x_mask = (tuple(m) for m in parts.cut(linear))
    live = is_live(cts[parts.carry :])
    made = backward_body(body, parts, c_mask, x_mask, live)
    sums = [zeros(x.type.tangent) for x in chosen(consts, c_mask)]
    known = chosen(consts, [not m for m in c_mask])
    ct_carry = [instantiate(ct) for ct in cts[: parts.carry]]
    outs = scan_p.bind(
        *known, *sums, *ct_carry, *chosen(cts[parts.carry :], live),
        *chosen(xs, [not m for m in x_mask]),
        **{**params, "body": made, "num_consts": len(known),
           "num_carry": len(sums) + parts.carry, "reverse": not params["reverse"]},
    )  # fmt: skip
    ct_consts, ct_init, ct_xs = (iter(p) for p in split_list(outs, len(sums), parts.carry))
    found = [next(ct_consts) if m else None for m in c_mask]
    found += [ct if m else None for ct, m in zip(ct_init, i_mask, strict=True)]
    return found + [next(ct_xs) if m else None for m in x_mask]


def _transpose_after_forward(
    cts: Sequence[Any], operands: Sequence[Any], linear: Mask, params: dict[str, Any]
) -> list[Any]:
    """Run the carries that are not linear, then transpose the scan that is left."""
    found: list[Any] = [None] * len(operands)
    plan_mask: list[Any] = []

    def later(args: list[Any], ps: dict[str, Any]) -> list[Any]:
        plan_mask.extend((args, ps))
        return [None] * len(ps["body"].results)

    outs = _run_plan(
        params, operands, linear, current.interpreter.apply,
        lambda xs, ps: scan_p.bind(*xs, **ps), later,
    )  # fmt: skip
    args, ps = plan_mask
    waiting = [ct for ct, x in zip(cts, outs, strict=True) if x is None]
    places = {id(x): i for i, x in enumerate(operands) if linear[i]}
    for x, ct in zip(args, _transpose(waiting, *args, **ps), strict=True):
        if id(x) in places:
            found[places[id(x)]] = ct
    return found


# --- batching -----------------------------------------------------------------------------------


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """Lanes lie in front of each element; a carry that one lane changes alone has lanes."""
    body = params["body"]
    parts = parts_of(body, params["num_consts"], params["num_carry"])
    consts, init, xs = parts.cut(args)
    const_dims, init_dims, x_dims = parts.cut(dims)
    lane = tuple(None if d is None else max(d - 1, 0) for d in x_dims)
    carry: tuple[int | None, ...] = tuple(None if d is None else 0 for d in init_dims)
    free = ("any",) * len(body.results)
    while True:
        found = batch(body, size, (*const_dims, *carry, *lane), free)[1]
        grown = tuple(
            c if d is None else 0 for c, d in zip(carry, found[: parts.carry], strict=True)
        )
        if grown == carry:
            break
        carry = grown
    wanted = (*carry, *free[parts.carry :])
    made, places = bodies.batch_to(body, size, (*const_dims, *carry, *lane), wanted)
    outs = scan_p.bind(
        *consts,
        *(
            x if c is None else to_front(x, d, size)
            for x, d, c in zip(init, init_dims, carry, strict=True)
        ),
        *(move_batch(x, 0, 1, size) if d == 0 else x for x, d in zip(xs, x_dims, strict=True)),
        **{**params, "body": made},
    )
    ys = [None if d is None else d + 1 for d in places[parts.carry :]]
    return outs, [*carry, *ys]


# --- dead carries and results -------------------------------------------------------------------


def _prune(used: Mask, **params: Any) -> tuple[Mask, Mask, dict[str, Any]]:
    """A carry lives if it is used, or a living carry or result needs it."""
    body = params["body"]
    parts = parts_of(body, params["num_consts"], params["num_carry"])
    carry, ys = (tuple(m) for m in split_list(used, parts.carry))
    while True:
        made, keep = prune(body, (*carry, *ys))
        consts, needed, xs = (tuple(m) for m in parts.cut(keep))
        grown = tuple(a or b for a, b in zip(carry, needed, strict=True))
        if grown == carry:
            break
        carry = grown
    operands = (*consts, *carry, *xs)
    step = Function(body.name, chosen(body.params, operands), made.eqns, made.results)
    changed = {"body": step, "num_consts": sum(consts), "num_carry": sum(carry)}
    return operands, (*carry, *ys), {**params, **changed}


# --- what no step changes -----------------------------------------------------------------------


def _hoist(move: Any, inputs: Any, **params: Any) -> Any:
    """Values that follow from the constants become constants themselves."""
    n = params["num_consts"]
    found = without_invariants(params["body"], n)
    if found is None:
        return None
    before, step = found
    values = move(before, inputs[:n])
    made = {**params, "body": step, "num_consts": n + len(values)}
    return [*inputs[:n], *values, *inputs[n:]], made


def _refs(uses: Uses) -> tuple[list[Any], dict[int, Any]]:
    """What references hold that the step writes to is carried; of others it is a constant."""
    p = uses.params
    body, n_carry = p["body"], p["num_carry"]
    if any(i >= p["num_consts"] for i in uses.cells):
        raise UnsupportedError(
            "a scan cannot carry references or scan over them\n"
            "fix: let the function close over the reference, and index it with a counter"
        )
    made, written = discharged(body)
    consts, rest = split_list(range(len(body.params)), p["num_consts"])
    order = [*(i for i in consts if i not in written), *written, *rest]
    n = len(body.results)
    results = [*range(n, len(made.results)), *range(n)]
    outs = scan_p.bind(
        *[uses.operands[i] for i in order],
        **{**p, "body": bodies.reorder(made, order, results),
           "num_consts": len(consts) - len(written), "num_carry": n_carry + len(written)},
    )  # fmt: skip
    return outs[len(written) :], dict(zip(written, outs, strict=False))


scan_p = register(
    Primitive(
        "scan",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        jet=_jet,
        transpose=_transpose,
        batch=_batch,
        shard=UNFOLDED,
        cost=_cost,
        partial=_partial,
        prune=_prune,
        varying=BY_FUNCTIONS,
        hoist=_hoist,
        multiple_results=True,
        refs=_refs,
    )
)


# --- values that a policy keeps -------------------------------------------------------------------


def scan_with_kept(eqn: Eqn, mark: Primitive) -> tuple[Eqn, list[Var], Eqn] | None:
    """A scan whose step marks values by `mark`, in two that pass these values on.

    Returns:
        The scan that gives stacks of the marked values besides, the stacks, and the scan that
        takes them as elements; None where nothing is marked.
    """
    body, length = eqn.params["body"], eqn.params["length"]
    marked = [e.outputs[0] for e in body.eqns if e.primitive is mark]
    if not marked:
        return None
    stacks = [Var(v.type.with_dimension(0, length)) for v in marked]
    giving = Function(body.name, body.params, body.eqns, [*body.results, *marked])
    now = Eqn(scan_p, eqn.inputs, [*eqn.outputs, *stacks], {**eqn.params, "body": giving}, eqn.loc)
    rest = [e for e in body.eqns if e.primitive is not mark]
    taking = Function(body.name, [*body.params, *marked], rest, body.results)
    again = Eqn(
        scan_p, [*eqn.inputs, *stacks], eqn.outputs, {**eqn.params, "body": taking}, eqn.loc
    )
    return now, stacks, again
