"""The primitive `while`, and reverse mode through it.

A `while` has constants of its test, constants of its body, and a carry. Forward mode pairs
each carry that can get a tangent with it; the test sees the values alone. A test that
differs between the lanes of a batch keeps the loop going while any lane does, and lanes that
are done keep the carry they ended with.

Reverse mode splits the loop in two. `while_walk` is the loop over what is known, which keeps
some of its states in tables (see `loop_checkpoint`). With the state k known before each step,
what waits is u' = B(k) u: `while_linear` is the map from the first u to the last, and its
transpose `while_back` runs through the steps from the last to the first, computing states
between those kept again. The derivative of `while_back` is `while_back` of the step
(k, dk), (u, du), on the tables of (k, dk); its transpose, in what depends on dk, is reverse
mode through the loop over (k, u). So every order has fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, is_live, merged, split_list
from ms_func.control_flow.lanes import one_by_one
from ms_func.control_flow.loop_checkpoint import (
    Leaf,
    default_slots,
    read,
    sweep,
    walk,
    write,
)
from ms_func.control_flow.while_bodies import (
    Loop,
    batched_carry,
    dual_loop,
    freezing,
    hoisted_loop,
    known_apart,
    known_loop,
    pruned_loop,
    series_loop,
    test_needs,
    unknown_carry,
    waiting_step,
)
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function, Literal, Var
from ms_func.ir.primitive import (
    BY_FUNCTIONS,
    NONLINEAR,
    UNFOLDED,
    Cost,
    Primitive,
    Zero,
    current,
    fitting,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.arithmetic import add
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.compare import lt
from ms_func.primitives.families import is_linear
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.discharge import Uses, discharged
from ms_func.transforms.jet import in_rows
from ms_func.transforms.jvp import jvp, jvp_walk
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import simplify, without_effects
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import add as add_tangents
from ms_func.transforms.zeros import instantiate, zeros

INDEX = ArrayType((), np.dtype(np.int32))
_BOOL = ArrayType((), np.dtype(np.bool_))

# --- types, meaning, lowering ---------------------------------------------------------------


def _abstract(*types: ArrayType, **params: Any) -> list[ArrayType]:
    loop = Loop(**params)
    test_consts, body_consts, carry = loop.cut(types)
    if loop.cond.out_types[0].shape != () or loop.cond.out_types[0].dtype != np.bool_:
        raise ShapeError(f"the test of a loop gives a boolean, got {loop.cond.out_types[0]}")
    for fn, given in ((loop.cond, [*test_consts, *carry]), (loop.body, [*body_consts, *carry])):
        for t, wanted in zip(given, fn.in_types, strict=True):
            if t.shape != wanted.shape or t.dtype != wanted.dtype:
                raise ShapeError(f"`{fn.name}` of a loop takes {wanted}, got {t}")
    shared = [
        t.varying(t.vma | v.vma)
        for t, v in zip(loop.cond.in_types[loop.num_cond :], loop.body.in_types[loop.num_body :],
                        strict=True)
    ]  # fmt: skip
    fitting(types, [*loop.cond.in_types[: loop.num_cond], *loop.body.in_types[: loop.num_body],
                    *shared])  # fmt: skip
    axes = loop.cond.out_types[0].vma
    return [
        t.update(weak_type=t.weak_type and i.weak_type).varying(i.vma | axes)
        for t, i in zip(loop.body.out_types, carry, strict=True)
    ]


def _ref(*arrays: np.ndarray, **params: Any) -> list[np.ndarray]:
    loop = Loop(**params)
    test_consts, body_consts, carry = loop.cut(arrays)
    while evaluate(loop.cond, *test_consts, *carry)[0]:
        carry = evaluate(loop.body, *body_consts, *carry)
    return carry


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    loop = Loop(**eqn.params)
    test_consts, body_consts, carry = loop.cut(values)
    types = [v.type for v in eqn.outputs]
    if b.state(loop.cond):
        return _lower_with_effects_in_test(b, loop, types, test_consts, body_consts, carry)
    state = b.state(loop.body)
    threads = bool(state)
    types += [TOKEN] * threads
    made = b.operation("stablehlo.while", types, [*carry, *state], regions=2)

    def test(inner: Any, *args: Any) -> list[Any]:
        return inner.inline(loop.cond, [*test_consts, *args[: len(carry)]])

    b.region(made, 0, types, test)
    b.region(made, 1, types, lambda inner, *c: inner.inline(loop.body, [*body_consts, *c]), threads)
    return b.after(made, threads)


def _lower_with_effects_in_test(
    b: Any, loop: Loop, types: Any, test_consts: Any, body_consts: Any, carry: Any
) -> list[Any]:
    """The test stands before the loop and at the end of its body: its region can only look."""
    types = [_BOOL, *types, TOKEN]
    first = b.inline(loop.cond, [*test_consts, *carry])
    made = b.operation("stablehlo.while", types, [*first, *carry, b.token], regions=2)

    def body(inner: Any, _: Any, *before: Any) -> list[Any]:
        after = inner.inline(loop.body, [*body_consts, *before])
        return [*inner.inline(loop.cond, [*test_consts, *after]), *after]

    b.region(made, 0, types, lambda inner, more, *_: [more])
    b.region(made, 1, types, body, True)
    return b.after(made, True)[1:]


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """That of one step, for want of a number of steps."""
    loop = Loop(**params)
    pairs = zip(bodies.cost_of(loop.cond), bodies.cost_of(loop.body), strict=True)
    return Cost(*(x + y for x, y in pairs))


# --- forward mode -----------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    loop = Loop(**params)
    test_consts, body_consts, init = loop.cut(primals)
    _, const_dots, init_dots = loop.cut(tangents)
    made, active = dual_loop(loop, is_live(const_dots), is_live(init_dots))
    dots = [instantiate(t) for t in chosen(init_dots, active)]
    const_dots = [t for t in const_dots if type(t) is not Zero]
    outs = while_p.bind(*test_consts, *body_consts, *const_dots, *init, *dots, **made._asdict())
    n, rest = len(init), iter(outs[len(init) :])
    return outs[:n], [
        next(rest) if live else Zero(typeof(x).tangent)
        for live, x in zip(active, outs[:n], strict=True)
    ]


def _jet(primals: Sequence[Any], series: Any, order: int, **params: Any) -> Any:
    loop = Loop(**params)
    test_consts, body_consts, init = loop.cut(primals)
    _, const_series, init_series = loop.cut(series)
    live_consts = tuple(s is not None for s in const_series)
    live = tuple(s is not None for s in init_series)
    made, active = series_loop(loop, live_consts, live, order)
    const_terms = [c for s in const_series if s is not None for c in s]
    terms = [
        zeros(typeof(x).tangent) if s is None else s[k]
        for x, s, m in zip(init, init_series, active, strict=True)
        if m
        for k in range(order)
    ]
    outs = while_p.bind(*test_consts, *body_consts, *const_terms, *init, *terms, **made._asdict())
    return outs[: len(init)], in_rows(outs[len(init) :], active, order)


# --- partial evaluation and reverse mode --------------------------------------------------------


def _partial(partial: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    return _while_in_two(partial, args, params, while_p)


def _while_in_two(partial: Any, args: Any, params: dict[str, Any], p: Primitive) -> list[Any]:
    """Known carries computed now, the waiting ones by a linear loop when the time comes."""
    unknown = tuple(partial.is_unknown(a) for a in args)
    found = _in_two(
        Loop(**params),
        args,
        unknown,
        lambda p, xs, ps: partial.bind_known(p, tuple(xs), ps),
        lambda p, xs, ps: partial.unknown.bind(p, tuple(xs), ps),
        stacked=p is while_walk_p,
    )
    if found is None:
        return partial.unknown.bind(p, tuple(args), params)
    return _joined(*found, walked=p is while_walk_p)


def _joined(carry: Mask, now: list[Any], late: list[Any], walked: bool) -> list[Any]:
    """Results of both parts in the order of the whole; with counts and tables if `walked`."""
    n_known, n_late = len(carry) - sum(carry), sum(carry)
    counts, final, tables = split_list(now, 3, n_known)
    late_final, late_tables = split_list(late, n_late)
    outs = merged(carry, late_final, final)
    return [*counts, *outs, *merged(carry, late_tables, tables)] if walked else outs


def _in_two(
    loop: Loop, args: Sequence[Any], unknown: Mask, now: Any, later: Any, stacked: bool
) -> tuple[Mask, list[Any], list[Any]] | None:
    """Which carries wait, results of the walk over the others, results of the linear loop.

    None where the loop cannot be split, because its test waits or everything does.
    """
    test_mask, consts, init_mask = (tuple(m) for m in loop.cut(unknown))
    carry = unknown_carry(loop, consts, init_mask)
    if all(carry) or any(test_mask) or test_needs(loop, carry):
        return None
    known = known_loop(loop, consts, carry)
    test_consts, body_consts, init = loop.cut(args)
    ready, start = chosen(body_consts, _no(consts)), chosen(init, _no(carry))
    slots = loop.slots or default_slots([typeof(x) for x in start])
    known = known._replace(slots=slots)
    outs = now(while_walk_p, [*test_consts, *ready, *start], known._asdict())
    counts, _, tables = split_list(outs, 3, len(start))
    loop = _quiet(loop)
    known = known_loop(loop, consts, carry)
    late = later(
        while_linear_p,
        [*counts, *ready, *tables, *chosen(body_consts, consts), *chosen(init, carry)],
        {
            **Reverse(
                known.body,
                waiting_step(loop, consts, carry),
                len(ready),
                len(start),
                sum(consts),
                slots,
            )._asdict(),
            "stacked": stacked,
        },
    )
    return carry, outs, late


def _quiet(loop: Loop) -> Loop:
    """The loop as it is computed again: what it does on the side happened the first time."""
    cond, body = without_effects(loop.cond), without_effects(loop.body)
    if cond is None or body is None:
        raise UnsupportedError(
            "Reverse-mode differentiation of a while_loop computes its states again, so they "
            "cannot depend on results of io_callback\n"
            "fix: use scan, which keeps what it needs, or call io_callback before the loop"
        )
    return loop._replace(cond=cond, body=body)


def _no(mask: Mask) -> Mask:
    return tuple(not m for m in mask)


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    """Of a loop some of whose carries are linear: the others are computed first."""
    late: list[Any] = []

    def later(p: Primitive, args: list[Any], ps: dict[str, Any]) -> list[Any]:
        late.extend((args, ps))
        return [None] * len(ps["step"].results)

    linear = tuple(is_linear(x) for x in operands)
    found = _in_two(
        Loop(**params), operands, linear, lambda p, xs, ps: p.bind(*xs, **ps), later, stacked=False
    )
    if found is None:
        raise UnsupportedError(
            "Reverse-mode differentiation does not work for a while_loop whose test depends on "
            "the values that are differentiated linearly\n"
            "fix: let the test depend on other values, or use fori_loop or scan"
        )
    args, ps = late
    waiting = [ct for ct, m in zip(cts, found[0], strict=True) if m]
    places = {id(x): i for i, x in enumerate(operands) if linear[i]}
    grads: list[Any] = [None] * len(operands)
    for x, ct in zip(args, _linear_transpose(waiting, *args, **ps), strict=True):
        if id(x) in places:
            grads[places[id(x)]] = ct
    return grads


# --- batching -----------------------------------------------------------------------------------


def _has_effects(loop: Loop) -> bool:
    return bool(loop.cond.effects or loop.body.effects)


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    loop = Loop(**params)
    test_dims, body_dims, init_dims = (tuple(d) for d in loop.cut(dims))
    carry = batched_carry(loop, size, body_dims, init_dims)
    test, (pred_dim,) = bodies.batch_to(loop.cond, size, (*test_dims, *carry), ("any",))
    test_consts, body_consts, init = loop.cut(args)
    if pred_dim is not None:
        if _has_effects(loop):
            return one_by_one(size, while_p, args, dims, **params)
        carry = (0,) * len(carry)
    start = [
        x if c is None else to_front(x, d, size)
        for x, d, c in zip(init, init_dims, carry, strict=True)
    ]
    body = bodies.batch_to(loop.body, size, (*body_dims, *carry), carry)[0]
    if pred_dim is None:
        made = loop._replace(cond=test, body=body)
        return while_p.bind(*test_consts, *body_consts, *start, **made._asdict()), list(carry)
    bodies.same_in_all_lanes((loop.cond, loop.body), "while_loop", "test")
    test = bodies.batch_to(loop.cond, size, (*test_dims, *carry), (0,))[0]
    (active,) = current.interpreter.apply(test, [*test_consts, *start])
    made = freezing(test, body, loop)
    consts = [*test_consts, *body_consts]
    outs = while_p.bind(*consts, active, *start, **made._asdict())
    return outs[1:], list(carry)


def _refs(uses: Uses) -> tuple[list[Any], dict[int, Any]]:
    """What references hold that the body writes to is carried, and seen by the test too."""
    loop = Loop(**uses.params)
    places = range(len(uses.operands))
    test_consts, body_consts, init = loop.cut(places)
    if any(i in uses.cells for i in init):
        raise UnsupportedError(
            "a while_loop cannot carry references\nfix: let its functions close over them"
        )
    test, changed = discharged(loop.cond)
    if changed:
        raise UnsupportedError(
            "the test of a while_loop writes to a reference\nfix: write to it in the body"
        )
    made, own = discharged(loop.body)
    written = [body_consts[i] for i in own]
    kept = [i for i in range(len(body_consts)) if i not in own]
    n, carry = len(loop.body.results), range(len(body_consts), len(made.params))
    results = [*range(n, len(made.results)), *range(n)]
    body = bodies.reorder(made, [*kept, *own, *carry], results)
    seen = {uses.cells[i]: k for k, i in enumerate(test_consts) if i in uses.cells}
    first = [uses.cells[i] for i in written]
    moved = [test.params[seen[i]] if i in seen else Var(made.params[k].type)
             for i, k in zip(first, own, strict=True)]  # fmt: skip
    fixed = [k for k in range(len(test_consts)) if test.params[k] not in moved]
    params = [*(test.params[k] for k in fixed), *moved, *test.params[len(test_consts) :]]
    test = Function(test.name, params, test.eqns, test.results)
    operands = [*(test_consts[k] for k in fixed), *(body_consts[k] for k in kept), *written, *init]
    new = loop._replace(cond=test, body=body, num_cond=len(fixed), num_body=len(kept))
    outs = while_p.bind(*[uses.operands[i] for i in operands], **new._asdict())
    return outs[len(own) :], dict(zip(written, outs, strict=False))


while_p = register(
    Primitive(
        "while",
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
        prune=pruned_loop,
        varying=BY_FUNCTIONS,
        hoist=hoisted_loop,
        multiple_results=True,
        refs=_refs,
    )
)


def _repeat(
    test: Callable[..., Any], step: Callable[..., list[Any]], state: Sequence[Any]
) -> list[Any]:
    """A `while` from Python functions, which may close over values being recorded."""
    types = [typeof(x) for x in state]
    body = stage(lambda xs: step(*xs), types, name="step")
    while any(t.vma - w.vma for t, w in zip(body.fn.out_types, types, strict=True)):
        types = [t.varying(t.vma | w.vma) for t, w in zip(types, body.fn.out_types, strict=True)]
        body = stage(lambda xs: step(*xs), types, name="step")
    cond = stage(lambda xs: [test(*xs)], types, name="test")
    return while_p.bind(
        *cond.captured, *body.captured, *state,
        **Loop(cond.fn, body.fn, len(cond.captured), len(body.captured))._asdict(),
    )  # fmt: skip


# --- programs of the loops that reverse mode is made of -------------------------------------------


def _apply(fn: Function, *parts: Sequence[Any]) -> list[Any]:
    return current.interpreter.apply(fn, [x for part in parts for x in part])


def _by_program(make: Callable[..., Function]) -> dict[str, Any]:
    """Rules of a primitive that stands for a program of other primitives."""

    def lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
        return b.inline(make([a.type for a in eqn.inputs], **eqn.params), values)

    def rule_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
        types = [_lane(typeof(a), d) for a, d in zip(args, dims, strict=True)]
        fn = make(types, **params)
        made, found = batch(fn, size, tuple(dims), ("any",) * len(fn.results))
        return current.interpreter.apply(made, args), list(found)

    return {
        "abstract": lambda *types, **params: list(make(types, **params).out_types),
        "varying": BY_FUNCTIONS,
        "ref": lambda *xs, **params: evaluate(make([typeof(x) for x in xs], **params), *xs),
        "lower": lower,
        "batch": rule_batch,
        "cost": lambda ins, outs, **params: bodies.cost_of(make(ins, **params)),
        "shard": UNFOLDED,
        "multiple_results": True,
    }


def _jvp_by_program(make: Callable[..., Function]) -> Callable[..., Any]:
    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        return jvp_walk(make([typeof(x) for x in primals], **params), primals, tangents)

    return rule


def _lane(t: ArrayType, dim: int | None) -> ArrayType:
    return t if dim is None else t.update(shape=t.shape[:dim] + t.shape[dim + 1 :])


def _remembered(name: str, make: Callable[..., list[Any]]) -> Callable[..., Function]:
    """Program of `make`, built once for each set of types and parameters."""

    def program(types: Sequence[ArrayType], **params: Any) -> Function:
        memo = params["body" if "body" in params else "step"].memo
        key = (name, tuple(types), *params.items())
        if key not in memo:
            memo[key] = simplify(build(name, types, lambda *args: make(args, **params)))
        return memo[key]

    return program


def _walk(args: Sequence[Any], **params: Any) -> list[Any]:
    loop = Loop(**params)
    test_consts, consts, init = loop.cut(args)
    return walk(
        _repeat,
        lambda *state: _apply(loop.cond, test_consts, state)[0],
        lambda *state: _apply(loop.body, consts, state),
        init,
        loop.slots,
    )


class Reverse(NamedTuple):
    """A known loop and a linear one on its states.

    `known` is (constants, state) -> state, and `step` is (constants, linear constants, state,
    linear carry) -> linear carry.
    """

    known: Function
    step: Function
    num_consts: int
    num_state: int
    num_linear: int
    slots: int

    def cut(self, values: Sequence[Any]) -> list[list[Any]]:
        """Counts of the walk, constants, tables of the states, and the rest."""
        return split_list(values, 3, self.num_consts, self.num_state)


def _first(tables: Sequence[Any]) -> list[Any]:
    return [read(t, Literal(0, INDEX)) for t in tables]


def _linear(args: Sequence[Any], *, stacked: bool, **params: Any) -> list[Any]:
    """The linear loop forwards, with tables of its carry if `stacked`."""
    r = Reverse(**params)
    (n, _, _), consts, tables, rest = r.cut(args)
    given, carry = split_list(rest, r.num_linear)

    def test(i: Any, *_: Any) -> Any:
        return lt(i, n)

    def step(i: Any, *both: Any) -> list[Any]:
        state, u = split_list(both, r.num_state)
        return [
            add(i, 1), *_apply(r.known, consts, state), *_apply(r.step, consts, given, state, u)
        ]  # fmt: skip

    start = [Literal(0, INDEX), *_first(tables), *carry]
    if not stacked:
        return _repeat(test, step, start)[-len(carry) :]
    outs = walk(_repeat, test, step, start, r.slots)
    final, kept = split_list(outs[3:], len(start))
    return [*final[-len(carry) :], *kept[-len(carry) :]]


def _back(args: Sequence[Any], **params: Any) -> list[Any]:
    """The transposed steps from the last to the first."""
    r = Reverse(**params)
    counts, consts, tables, cts = r.cut(args)
    sums = [zeros(t.tangent) for t in r.step.in_types[r.num_consts :][: r.num_linear]]
    linear = (
        (False,) * r.num_consts + (True,) * r.num_linear
        + (False,) * r.num_state + (True,) * len(cts)
    )  # fmt: skip
    transposed = transpose(r.step, linear)

    def summed(terms_and_before: list[Any], total: list[Any]) -> list[Any]:
        terms, before = split_list(terms_and_before, len(sums))
        return [*(add_tangents(a, b) for a, b in zip(total, terms, strict=True)), *before]

    def back(state: list[Any], carry: list[Any]) -> list[Any]:
        total, ct = split_list(carry, len(sums))
        return summed(_apply(transposed, consts, state, ct), total)

    return sweep(
        _repeat,
        lambda *state: _apply(r.known, consts, state),
        back,
        counts,
        tables,
        [*sums, *cts],
        r.slots,
        _leaf(r, linear, consts, summed),
    )


_LEAF = 8
"""Steps visited at a time: what is gained by more is small."""
_SMALLEST, _LONGEST = 4096, 400
"""Fewest bytes of a state, and most equations of a step, for which several are visited at a
time: it saves arithmetic, and costs bookkeeping and a longer program."""


def _leaf(
    r: Reverse, linear: Mask, consts: list[Any], summed: Callable[..., list[Any]]
) -> Leaf | None:
    """Residuals of a few steps, where they are no larger than the states."""
    made, rest, _ = partial_eval(r.step, linear)
    n_state = r.num_state

    def both(*args: Any) -> list[Any]:
        return [*_apply(r.known, args), *_apply(made, args)]

    whole = simplify(build(r.step.name, made.in_types, both))
    varies = (False,) * r.num_consts + (True,) * n_state
    fixed, record, moves = bodies.hoist(whole, varies, n_state)
    types = record.out_types[n_state:]
    state, extra = (sum(t.nbytes for t in ts) for ts in (r.known.out_types, types))
    if extra > state or state < _SMALLEST or r.slots < _LEAF or len(record.eqns) > _LONGEST:
        return None
    n_still = len(moves) - sum(moves)
    still, needed = split_list(_apply(fixed, consts), n_still)
    n_linear = r.num_linear
    mask = (False,) * len(moves) + (True,) * (len(rest.params) - len(moves))
    transposed = transpose(rest, mask)

    def back(residuals: list[Any], carry: list[Any]) -> list[Any]:
        total, ct = split_list(carry, n_linear)
        return summed(_apply(transposed, merged(moves, residuals, still), ct), total)

    return Leaf(_LEAF, types, lambda *state: _apply(record, needed, state), back)


def _back_dot(
    args: Sequence[Any], *, active_consts: Mask, active_state: Mask, **params: Any
) -> list[Any]:
    """Tangent of `_back`: the same of the step on pairs, the carry's parts crossed."""
    r = Reverse(**params)
    counts, consts, tables, rest = r.cut(args)
    n = len(r.step.results)
    cts, const_dots, table_dots, ct_dots = split_list(
        rest, n, sum(active_consts), sum(active_state)
    )
    known, step = _paired(r, active_consts, active_state)
    outs = while_back_p.bind(
        *counts, *consts, *const_dots, *tables, *table_dots, *ct_dots, *cts,
        **Reverse(
            known, step, r.num_consts + len(const_dots), r.num_state + len(table_dots),
            2 * r.num_linear, r.slots,
        )._asdict(),
    )  # fmt: skip
    return [*outs[: r.num_linear], *outs[2 * r.num_linear :][:n]]


def _paired(r: Reverse, consts: Mask, state: Mask) -> tuple[Function, Function]:
    """Known and linear step over values and tangents."""
    n, n_linear = len(r.step.results), (True,) * r.num_linear
    made = bodies.dual(r.known, (*consts, *state), state)
    c, k, dc, dk = split_list(range(len(made.params)), len(consts), len(state), sum(consts))
    known = bodies.reorder(made, [*c, *dc, *k, *dk])
    carry = (True,) * n
    made = bodies.dual(r.step, (*consts, *n_linear, *state, *carry), carry)
    sizes = (len(consts), r.num_linear, len(state), n, sum(consts), r.num_linear, sum(state))
    c, b, k, u, dc, db, dk, du = split_list(range(len(made.params)), *sizes)
    linear = (False, True, False, True, False, True, False, True)
    unknown = tuple(
        m for m, part in zip(linear, (c, b, k, u, dc, db, dk, du), strict=True) for _ in part
    )
    made = known_apart(made, unknown, (True,) * len(made.results))
    return known, bodies.reorder(made, [*c, *dc, *b, *db, *k, *dk, *u, *du])


# --- their rules ----------------------------------------------------------------------------------


def _walk_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """Lane by lane where lanes that are done must do nothing; see `_batch`."""
    loop = Loop(**params)
    if _has_effects(loop):
        test_dims, body_dims, init_dims = (tuple(d) for d in loop.cut(dims))
        carry = batched_carry(loop, size, body_dims, init_dims)
        (pred_dim,) = batch(loop.cond, size, (*test_dims, *carry), ("any",))[1]
        if pred_dim is not None:
            return one_by_one(size, while_walk_p, args, dims, **params)
    return _WALK_BY_PROGRAM["batch"](size, args, dims, **params)


def _walk_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """The walk over pairs keeps its states at the same steps."""
    loop = Loop(**params)
    test_consts, consts, init = loop.cut(primals)
    _, const_dots, init_dots = loop.cut(tangents)
    made, active = dual_loop(loop, is_live(const_dots), is_live(init_dots))
    dots = [instantiate(t) for t in chosen(init_dots, active)]
    const_dots = [t for t in const_dots if type(t) is not Zero]
    outs = while_walk_p.bind(*test_consts, *consts, *const_dots, *init, *dots, **made._asdict())
    n, d = len(init), len(dots)
    counts, final, final_dots, tables, table_dots = split_list(outs, 3, n, d, n)
    values = [*counts, *final, *tables]
    rest = iter([*final_dots, *table_dots])
    mask = (False, False, False, *active, *active)
    return values, [
        next(rest) if m else Zero(typeof(x).tangent) for m, x in zip(mask, values, strict=True)
    ]


def _must_be_known(values: Sequence[Any]) -> None:
    """Refuse to lose cotangents of the states of a loop."""
    if any(map(is_linear, values)):
        raise UnsupportedError(
            "Transposing the derivative of a while_loop in the states of the loop does not work\n"
            "fix: use grad, jvp or vjp in place of linear_transpose"
        )


def _linear_transpose(
    cts: Sequence[Any], *operands: Any, stacked: bool, **params: Any
) -> list[Any]:
    """`while_back`. Of the tables only the first row, the first carry, gets a cotangent.

    No one reads the tables but `while_back`, which sends its cotangents there.
    """
    r = Reverse(**params)
    n = len(r.step.results)
    counts, consts, tables, rest = r.cut(operands)
    _must_be_known([*consts, *tables])
    outs = while_back_p.bind(*counts, *consts, *tables, *map(instantiate, cts[:n]), **params)
    ct_consts, ct_carry = split_list(outs, r.num_linear)
    if stacked:
        firsts = [ct if type(ct) is Zero else _first([ct])[0] for ct in cts[n:]]
        ct_carry = [add_tangents(a, b) for a, b in zip(ct_carry, firsts, strict=True)]
    found = [
        ct if is_linear(x) else None for ct, x in zip([*ct_consts, *ct_carry], rest, strict=True)
    ]
    return [None] * (len(operands) - len(rest)) + found


def _back_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    r = Reverse(**params)
    _, const_dots, table_dots, ct_dots = r.cut(tangents)
    consts, state = is_live(const_dots), is_live(table_dots)
    while True:
        nonzero = jvp(r.known, (*consts, *state))[1]
        grown = tuple(a or b for a, b in zip(state, nonzero, strict=True))
        if grown == state:
            break
        state = grown
    outs = while_back_p.bind(*primals, **params)
    dots = while_back_dot_p.bind(
        *primals,
        *chosen(const_dots, consts),
        *map(instantiate, chosen(table_dots, state)),
        *map(instantiate, ct_dots),
        active_consts=consts,
        active_state=state,
        **params,
    )
    return outs, dots


def _back_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """`while_back` of batched steps, where the lanes agree on the number of steps.

    It must stay one application: what it sends to the tables goes to the first carry, see
    `_linear_transpose`, and the loops it stands for would send it to each row.
    """
    r = Reverse(**params)
    count_dims, const_dims, table_dims, _ = (tuple(d) for d in r.cut(dims))
    if any(d is not None for d in count_dims):
        return _BY_PROGRAM["batch"](size, args, dims, **params)
    state = tuple(None if d is None else 0 for d in table_dims)
    while True:
        found = batch(r.known, size, (*const_dims, *state), ("any",) * len(state))[1]
        grown = tuple(s if d is None else 0 for s, d in zip(state, found, strict=True))
        if grown == state:
            break
        state = grown
    lanes = (0,) * len(r.step.results)
    step_dims = (*const_dims, *(0,) * r.num_linear, *state, *lanes)
    made = r._replace(
        known=bodies.batch_to(r.known, size, (*const_dims, *state), state)[0],
        step=bodies.batch_to(r.step, size, step_dims, lanes)[0],
    )
    counts, consts, tables, cts = r.cut(args)
    tables = [
        x if s is None else move_batch(x, d, 1, size)
        for x, d, s in zip(tables, table_dims, state, strict=True)
    ]
    cts = [to_front(x, d, size) for x, d in zip(cts, r.cut(dims)[3], strict=True)]
    outs = while_back_p.bind(*counts, *consts, *tables, *cts, **made._asdict())
    return outs, [0] * len(outs)


def _back_transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    """In the cotangents alone: the linear loop forwards."""
    r = Reverse(**params)
    counts, consts, tables, given = r.cut(operands)
    _must_be_known([*consts, *tables])
    instantiated = [instantiate(ct) for ct in cts]
    outs = while_linear_p.bind(*counts, *consts, *tables, *instantiated, stacked=False, **params)
    found = [ct if is_linear(x) else None for ct, x in zip(outs, given, strict=True)]
    return [None] * (len(operands) - len(given)) + found


def _back_dot_transpose(
    cts: Sequence[Any], *operands: Any, active_consts: Mask, active_state: Mask, **params: Any
) -> list[Any]:
    """`while_dot_back`, in what depends on the states and in the cotangents."""
    r = Reverse(**params)
    counts, consts, tables, rest = r.cut(operands)
    own_cts, linear = split_list(rest, len(r.step.results))
    found = while_dot_back_p.bind(
        *counts, *consts, *tables, *own_cts, *map(instantiate, cts),
        active_consts=active_consts, active_state=active_state, **params,
    )  # fmt: skip
    return [None] * (len(operands) - len(linear)) + [
        ct if is_linear(x) else None for ct, x in zip(found, linear, strict=True)
    ]


def _dot_back(
    args: Sequence[Any], *, active_consts: Mask, active_state: Mask, **params: Any
) -> list[Any]:
    """Reverse mode through the loop over (state, linear carry) started at the cotangents.

    Of the tables only the first row gets a cotangent, see `_linear_transpose`.
    """
    r = Reverse(**params)
    n = len(r.step.results)
    counts, consts, tables, rest = r.cut(args)
    own_cts, mu_consts, mu = split_list(rest, n, r.num_linear)
    loop, step = _joint(r, active_consts, active_state)
    start = [Literal(0, INDEX), *_first(tables), *mu]
    outs = while_walk_p.bind(counts[0], *consts, *mu_consts, *start, **loop._asdict())
    walked, final, kept = split_list(outs, 3, len(start))
    moving = chosen(tables, active_state)
    seeds = [zeros(typeof(t).tangent.update(shape=typeof(t).shape[1:])) for t in moving]
    back = while_back_p.bind(
        *walked, *consts, *mu_consts, *kept, *seeds, *own_cts,
        **Reverse(
            loop.body, step, len(consts) + len(mu_consts), len(start), sum(active_consts), r.slots
        )._asdict(),
    )  # fmt: skip
    ct_consts, ct_state = split_list(back, sum(active_consts))
    filled = [
        write(zeros(typeof(t).tangent), ct, Literal(0, INDEX))
        for t, ct in zip(moving, ct_state[: len(moving)], strict=True)
    ]
    return [*ct_consts, *filled, *final[-n:]]


def _dot_back_transpose(
    cts: Sequence[Any], *operands: Any, active_consts: Mask, active_state: Mask, **params: Any
) -> list[Any]:
    """In the cotangents it started at: `while_back_dot` again.

    That takes tangents of the states at all rows of the tables; a walk over (state, tangent)
    makes them from the first row, and keeps them at the same steps.
    """
    r = Reverse(**params)
    counts, consts, tables, rest = r.cut(operands)
    own_cts, linear = split_list(rest, len(r.step.results))
    _must_be_known([*consts, *tables, *own_cts])
    dots = [instantiate(ct) for ct in cts]
    const_dots, rows, ct_dots = split_list(dots, sum(active_consts), sum(active_state))
    known = _paired(r, active_consts, active_state)[0]
    loop = _counted(known, len(consts) + len(const_dots), r.slots)
    start = [Literal(0, INDEX), *_first(tables), *_first(rows)]
    outs = while_walk_p.bind(counts[0], *consts, *const_dots, *start, **loop._asdict())
    table_dots = outs[len(outs) - len(rows) :] if rows else []
    found = while_back_dot_p.bind(
        *counts, *consts, *tables, *own_cts, *const_dots, *table_dots, *ct_dots,
        active_consts=active_consts, active_state=active_state, **params,
    )  # fmt: skip
    return [None] * (len(operands) - len(linear)) + [
        ct if is_linear(x) else None for ct, x in zip(found, linear, strict=True)
    ]


def _counted(known: Function, num_consts: int, slots: int) -> Loop:
    """The loop of so many steps of `known`, which takes constants and the state."""
    key = ("counted", num_consts, slots)
    if key not in known.memo:
        consts, state = split_list(known.in_types, num_consts)

        def body(*args: Any) -> list[Any]:
            given, (i,), values = split_list(args, num_consts, 1)
            return [add(i, 1), *_apply(known, given, values)]

        made = build(known.name, [*consts, INDEX, *state], body)
        test = build("test", [INDEX, INDEX, *state], lambda stop, i, *_: [lt(i, stop)])
        known.memo[key] = Loop(test, made, 1, num_consts, slots)
    return known.memo[key]


def _dot_back_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Linear in the cotangents it starts at; else by the program it stands for."""
    own = {k: v for k, v in params.items() if k not in ("active_consts", "active_state")}
    r = Reverse(**own)
    lead = len(primals) - len(r.step.results) - r.num_linear
    if any(is_live(tangents[:lead])):
        return _jvp_by_program(_dot_back_program)(primals, tangents, **params)
    outs = while_dot_back_p.bind(*primals, **params)
    dots = [*primals[:lead], *map(instantiate, tangents[lead:])]
    return outs, while_dot_back_p.bind(*dots, **params)


def _joint(r: Reverse, consts: Mask, state: Mask) -> tuple[Loop, Function]:
    """The loop over (index, state, linear carry), and the linear step of its tangents."""
    key = ("joint", r, consts, state)
    memo = r.step.memo
    if key in memo:
        return memo[key]
    n = len(r.step.results)
    c, b, k, u = split_list(r.step.in_types, r.num_consts, r.num_linear, r.num_state)

    def body(*args: Any) -> list[Any]:
        c, b, (i,), k, u = split_list(args, r.num_consts, r.num_linear, 1, r.num_state)
        return [add(i, 1), *_apply(r.known, c, k), *_apply(r.step, c, b, k, u)]

    made = build(r.step.name, [*c, *b, INDEX, *k, *u], body)
    test = build("test", [INDEX, INDEX, *k, *u], lambda stop, i, *_: [lt(i, stop)])
    active = (*consts, *(False for _ in b), False, *state, *(True for _ in u))
    wanted = (False, *state, *(True for _ in u))
    both = bodies.dual(made, active, wanted)
    sizes = (len(c), len(b), 1, len(k), n, sum(consts), sum(state))
    c_, b_, i_, k_, u_, dc, dk, du = split_list(range(len(both.params)), *sizes)
    order = [*c_, *b_, *dc, *i_, *k_, *u_, *dk, *du]
    unknown = tuple(i >= len(made.params) for i in range(len(both.params)))
    dots = tuple(i >= len(made.results) for i in range(len(both.results)))
    step = bodies.reorder(known_apart(both, unknown, dots), order)
    memo[key] = Loop(test, made, 1, len(c) + len(b), r.slots), step
    return memo[key]


_walk_program = _remembered("while_walk", _walk)
_linear_program = _remembered("while_linear", _linear)
_back_program = _remembered("while_back", _back)
_back_dot_program = _remembered("while_back_dot", _back_dot)
_dot_back_program = _remembered("while_dot_back", _dot_back)

_WALK_BY_PROGRAM = _by_program(_walk_program)
while_walk_p = register(
    Primitive(
        "while_walk",
        **{**_WALK_BY_PROGRAM, "batch": _walk_batch},
        jvp=_walk_jvp,
        transpose=NONLINEAR,
        partial=lambda partial, args, params: _while_in_two(partial, args, params, while_walk_p),
    )
)
while_linear_p = register(
    Primitive(
        "while_linear",
        **_by_program(_linear_program),
        jvp=_jvp_by_program(_linear_program),
        transpose=_linear_transpose,
    )
)
_BY_PROGRAM = _by_program(_back_program)
while_back_p = register(
    Primitive(
        "while_back",
        **{**_BY_PROGRAM, "batch": _back_batch},
        jvp=_back_jvp,
        transpose=_back_transpose,
    )
)
while_back_dot_p = register(
    Primitive(
        "while_back_dot",
        **_by_program(_back_dot_program),
        jvp=_jvp_by_program(_back_dot_program),
        transpose=_back_dot_transpose,
    )
)

PROGRAMS: dict[Primitive, Callable[..., Function]] = {
    while_walk_p: _walk_program,
    while_linear_p: _linear_program,
    while_back_p: _back_program,
    while_back_dot_p: _back_dot_program,
}
"""Programs of the loops of reverse mode, from types of operands and parameters."""
while_dot_back_p = register(
    Primitive(
        "while_dot_back",
        **_by_program(_dot_back_program),
        jvp=_dot_back_jvp,
        transpose=_dot_back_transpose,
    )
)
