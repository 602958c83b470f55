"""The derivative of reverse mode through a `while`, and its transpose.

`while_back_dot` is the tangent of `while_back`, and `while_dot_back` the transpose of that: two
loops that are made of walks and of `while_back` again, so third and higher derivatives need no
more of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, split_list
from ms_func.control_flow.loop_checkpoint import (
    write,
)
from ms_func.control_flow.program_primitive import (
    apply,
    jvp_by_program,
    register_program,
)
from ms_func.control_flow.while_bodies import (
    Loop,
    known_apart,
)
from ms_func.control_flow.while_reverse import (
    INDEX,
    Reverse,
    first_rows,
    must_be_known,
    while_back_p,
    while_walk_p,
)
from ms_func.ir.function import Function, Literal
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.compare import lt
from ms_func.primitives.families import is_linear
from ms_func.tracing.tracer import build
from ms_func.transforms.zeros import instantiate, is_live, zeros


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


while_back_dot_p = register_program("while_back_dot", _back_dot, transpose=_back_dot_transpose)


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
    start = [Literal(0, INDEX), *first_rows(tables), *mu]
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
    must_be_known([*consts, *tables, *own_cts])
    dots = [instantiate(ct) for ct in cts]
    const_dots, rows, ct_dots = split_list(dots, sum(active_consts), sum(active_state))
    known = _paired(r, active_consts, active_state)[0]
    loop = _counted(known, len(consts) + len(const_dots), r.slots)
    start = [Literal(0, INDEX), *first_rows(tables), *first_rows(rows)]
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
            return [add(i, 1), *apply(known, given, values)]

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
        return jvp_by_program(while_dot_back_p, primals, tangents, **params)
    outs = while_dot_back_p.bind(*primals, **params)
    dots = [*primals[:lead], *map(instantiate, tangents[lead:])]
    return outs, while_dot_back_p.bind(*dots, **params)


while_dot_back_p = register_program(
    "while_dot_back", _dot_back, jvp=_dot_back_jvp, transpose=_dot_back_transpose
)


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
        return [add(i, 1), *apply(r.known, c, k), *apply(r.step, c, b, k, u)]

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
