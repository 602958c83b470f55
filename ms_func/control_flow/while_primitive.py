"""The primitive `while`.

A `while` has constants of its test, constants of its body, and a carry. Forward mode pairs
each carry that can get a tangent with it; the test sees the values alone. A test that
differs between the lanes of a batch keeps the loop going while any lane does, and lanes that
are done keep the carry they ended with.

Reverse mode through it is in `while_reverse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow import while_reverse_twice as while_reverse_twice  # higher derivatives
from ms_func.control_flow.bodies import chosen
from ms_func.control_flow.lanes import one_by_one, with_mask
from ms_func.control_flow.while_bodies import (
    Loop,
    batched_carry,
    dual_loop,
    freezing,
    hoisted_loop,
    pruned_loop,
    series_loop,
)
from ms_func.control_flow.while_reverse import while_in_two, while_transpose
from ms_func.errors import ShapeError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function, Var
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
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.batching import to_front
from ms_func.transforms.discharge import Uses, discharged
from ms_func.transforms.jet import in_rows
from ms_func.transforms.zeros import instantiate, is_live, nonzeros, with_zeros, zeros

_BOOL = ArrayType((), np.dtype(np.bool_))


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


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    loop = Loop(**params)
    test_consts, body_consts, init = loop.cut(primals)
    _, const_dots, init_dots = loop.cut(tangents)
    made, active = dual_loop(loop, is_live(const_dots), is_live(init_dots))
    dots = [instantiate(t) for t in chosen(init_dots, active)]
    operands = (*test_consts, *body_consts, *nonzeros(const_dots), *init, *dots)
    outs = while_p.bind(*operands, **made._asdict())
    n = len(init)
    return outs[:n], with_zeros(active, outs[n:], [typeof(x) for x in outs[:n]])


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


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    loop = Loop(**params)
    test_dims, body_dims, init_dims = (tuple(d) for d in loop.cut(dims))
    carry = batched_carry(loop, size, body_dims, init_dims)
    test, (pred_dim,) = bodies.batch_to(loop.cond, size, (*test_dims, *carry), ("any",))
    test_consts, body_consts, init = loop.cut(args)
    checks = None
    if pred_dim is not None:
        checks = None if loop.cond.effects or not loop.body.effects else with_mask(loop.body)
        apart = loop.has_effects and checks is None
        bodies.same_in_all_lanes((loop.cond, loop.body), "while_loop", "test", apart)
        if apart:
            return one_by_one(size, while_p, args, dims, **params)
        carry = (0,) * len(carry)
    start = [
        x if c is None else to_front(x, d, size)
        for x, d, c in zip(init, init_dims, carry, strict=True)
    ]
    body_dims = body_dims if checks is None else (0, *body_dims)
    body = bodies.batch_to(checks or loop.body, size, (*body_dims, *carry), carry)[0]
    if pred_dim is None:
        made = loop._replace(cond=test, body=body)
        return while_p.bind(*test_consts, *body_consts, *start, **made._asdict()), list(carry)
    test = bodies.batch_to(loop.cond, size, (*test_dims, *carry), (0,))[0]
    (active,) = current.interpreter.apply(test, [*test_consts, *start])
    made = freezing(test, body, loop, checks is not None)
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
        transpose=while_transpose,
        batch=_batch,
        shard=UNFOLDED,
        cost=_cost,
        partial=lambda partial, args, params: while_in_two(partial, args, params, while_p),
        prune=pruned_loop,
        varying=BY_FUNCTIONS,
        hoist=hoisted_loop,
        multiple_results=True,
        refs=_refs,
    )
)
