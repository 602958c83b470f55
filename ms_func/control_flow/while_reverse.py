"""Reverse mode through a `while`.

It splits the loop in two. `while_walk` is the loop over what is known, which keeps
some of its states in tables (see `loop_checkpoint`). With the state k known before each step,
what waits is u' = B(k) u: `while_linear` is the map from the first u to the last, and its
transpose `while_back` runs through the steps from the last to the first, computing states
between those kept again. The derivative of `while_back` is `while_back` of the step
(k, dk), (u, du), on the tables of (k, dk); its transpose, in what depends on dk, is reverse
mode through the loop over (k, u): see `while_reverse_twice`. So every order has fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, merged, split_list
from ms_func.control_flow.lanes import one_by_one
from ms_func.control_flow.loop_checkpoint import (
    Leaf,
    default_slots,
    read,
    sweep,
    walk,
)
from ms_func.control_flow.program_primitive import (
    apply,
    batch_by_program,
    register_program,
)
from ms_func.control_flow.while_bodies import (
    Loop,
    batched_carry,
    dual_loop,
    known_loop,
    test_needs,
    unknown_carry,
    waiting_step,
)
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import (
    NONLINEAR,
    Primitive,
    Zero,
    named,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.compare import lt
from ms_func.primitives.families import is_linear
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import simplify, without_effects
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import add as add_tangents
from ms_func.transforms.zeros import instantiate, is_live, nonzeros, with_zeros, zeros

INDEX = ArrayType((), np.dtype(np.int32))


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
    return named("while").bind(
        *cond.captured, *body.captured, *state,
        **Loop(cond.fn, body.fn, len(cond.captured), len(body.captured))._asdict(),
    )  # fmt: skip


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


def first_rows(tables: Sequence[Any]) -> list[Any]:
    """The first of the states that tables keep: the one the loop started at."""
    return [read(t, Literal(0, INDEX)) for t in tables]


def must_be_known(values: Sequence[Any]) -> None:
    """Refuse to lose cotangents of the states of a loop."""
    if any(map(is_linear, values)):
        raise UnsupportedError(
            "Transposing the derivative of a while_loop in the states of the loop does not work\n"
            "fix: use grad, jvp or vjp in place of linear_transpose"
        )


# --- the loop in two ------------------------------------------------------------------------------


def while_in_two(partial: Any, args: Any, params: dict[str, Any], p: Primitive) -> list[Any]:
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


def while_transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
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


# --- the walk over what is known ------------------------------------------------------------------


def _walk(args: Sequence[Any], **params: Any) -> list[Any]:
    loop = Loop(**params)
    test_consts, consts, init = loop.cut(args)
    return walk(
        _repeat,
        lambda *state: apply(loop.cond, test_consts, state)[0],
        lambda *state: apply(loop.body, consts, state),
        init,
        loop.slots,
    )


def _walk_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """Lane by lane where lanes that are done must do nothing; see `_batch`."""
    loop = Loop(**params)
    if loop.has_effects:
        test_dims, body_dims, init_dims = (tuple(d) for d in loop.cut(dims))
        carry = batched_carry(loop, size, body_dims, init_dims)
        (pred_dim,) = batch(loop.cond, size, (*test_dims, *carry), ("any",))[1]
        if pred_dim is not None:
            return one_by_one(size, while_walk_p, args, dims, **params)
    return batch_by_program(while_walk_p, size, args, dims, **params)


def _walk_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """The walk over pairs keeps its states at the same steps."""
    loop = Loop(**params)
    test_consts, consts, init = loop.cut(primals)
    _, const_dots, init_dots = loop.cut(tangents)
    made, active = dual_loop(loop, is_live(const_dots), is_live(init_dots))
    dots = [instantiate(t) for t in chosen(init_dots, active)]
    outs = while_walk_p.bind(
        *test_consts, *consts, *nonzeros(const_dots), *init, *dots, **made._asdict()
    )
    n, d = len(init), len(dots)
    counts, final, final_dots, tables, table_dots = split_list(outs, 3, n, d, n)
    values = [*counts, *final, *tables]
    mask = (False, False, False, *active, *active)
    types = [typeof(x) for x in values]
    return values, with_zeros(mask, [*final_dots, *table_dots], types)


while_walk_p = register_program(
    "while_walk",
    _walk,
    jvp=_walk_jvp,
    batch=_walk_batch,
    transpose=NONLINEAR,
    partial=lambda partial, args, params: while_in_two(partial, args, params, while_walk_p),
)


# --- the linear loop ------------------------------------------------------------------------------


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
            add(i, 1), *apply(r.known, consts, state), *apply(r.step, consts, given, state, u)
        ]  # fmt: skip

    start = [Literal(0, INDEX), *first_rows(tables), *carry]
    if not stacked:
        return _repeat(test, step, start)[-len(carry) :]
    outs = walk(_repeat, test, step, start, r.slots)
    final, kept = split_list(outs[3:], len(start))
    return [*final[-len(carry) :], *kept[-len(carry) :]]


def _linear_transpose(
    cts: Sequence[Any], *operands: Any, stacked: bool, **params: Any
) -> list[Any]:
    """`while_back`. Of the tables only the first row, the first carry, gets a cotangent.

    No one reads the tables but `while_back`, which sends its cotangents there.
    """
    r = Reverse(**params)
    n = len(r.step.results)
    counts, consts, tables, rest = r.cut(operands)
    must_be_known([*consts, *tables])
    outs = while_back_p.bind(*counts, *consts, *tables, *map(instantiate, cts[:n]), **params)
    ct_consts, ct_carry = split_list(outs, r.num_linear)
    if stacked:
        firsts = [ct if type(ct) is Zero else first_rows([ct])[0] for ct in cts[n:]]
        ct_carry = [add_tangents(a, b) for a, b in zip(ct_carry, firsts, strict=True)]
    found = [
        ct if is_linear(x) else None for ct, x in zip([*ct_consts, *ct_carry], rest, strict=True)
    ]
    return [None] * (len(operands) - len(rest)) + found


while_linear_p = register_program("while_linear", _linear, transpose=_linear_transpose)


# --- its transpose --------------------------------------------------------------------------------


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
        return summed(apply(transposed, consts, state, ct), total)

    return sweep(
        _repeat,
        lambda *state: apply(r.known, consts, state),
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
    made, rest, varied = partial_eval(r.step, linear)
    n_state, n_fixed = r.num_state, varied.count(False)  # constants among the results

    def both(*args: Any) -> list[Any]:
        return [*apply(r.known, args), *apply(made, args)[n_fixed:]]

    whole = simplify(build(r.step.name, made.in_types, both))
    varies = (False,) * r.num_consts + (True,) * n_state
    fixed, record, moves = bodies.hoist(whole, varies, n_state)
    types = record.out_types[n_state:]
    state, extra = (sum(t.nbytes for t in ts) for ts in (r.known.out_types, types))
    if extra > state or state < _SMALLEST or r.slots < _LEAF or len(record.eqns) > _LONGEST:
        return None
    n_still = len(moves) - sum(moves)
    still, needed = split_list(apply(fixed, consts), n_still)
    n_linear = r.num_linear
    mask = (False,) * len(moves) + (True,) * (len(rest.params) - len(moves))
    transposed = transpose(rest, mask)

    def back(residuals: list[Any], carry: list[Any]) -> list[Any]:
        total, ct = split_list(carry, n_linear)
        return summed(apply(transposed, merged(moves, residuals, still), chosen(ct, varied)), total)

    return Leaf(_LEAF, types, lambda *state: apply(record, needed, state), back)


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
    dots = named("while_back_dot").bind(
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
        return batch_by_program(while_back_p, size, args, dims, **params)
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
    must_be_known([*consts, *tables])
    instantiated = [instantiate(ct) for ct in cts]
    outs = while_linear_p.bind(*counts, *consts, *tables, *instantiated, stacked=False, **params)
    found = [ct if is_linear(x) else None for ct, x in zip(outs, given, strict=True)]
    return [None] * (len(operands) - len(given)) + found


while_back_p = register_program(
    "while_back", _back, jvp=_back_jvp, batch=_back_batch, transpose=_back_transpose
)
