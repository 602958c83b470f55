"""Reverse through a loop whose number of steps is not known, with memory fixed beforehand.

`walk` runs the loop forwards and keeps the state at positions 0, s, 2s, ... in a table of
`slots` rows. When three quarters of the rows are used, every second one is dropped and the
stride s doubles, so the number of steps need not be known. `sweep` then visits the steps
from the last to the first: from the nearest state kept before a step it walks forwards again
and keeps further states on the way in the rows that have become free, at the places of
binomial checkpointing (Griewank and Walther, "Algorithm 799: revolve", 2000), which needs
the fewest steps for a given number of rows.

For n steps and C rows the steps walked again are about t n, where n <= C (C + t over C).
Nothing leaves the device. Both are written with `repeat(test, step, state)`, a `while` on
lists of values, which the caller brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.bodies import split_list
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, div, max, min, mul, sub
from ms_func.primitives.axis_slices import slice_in_dim
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import ge, gt, le, lt, select
from ms_func.primitives.shape import broadcasted_iota, concatenate, expand_dims, squeeze
from ms_func.primitives.slicing import dynamic_slice, dynamic_update_slice
from ms_func.transforms.zeros import zeros

Repeat = Callable[[Callable[..., Any], Callable[..., Any], Sequence[Any]], list[Any]]

_BUDGET = 64 * 2**20
_FEWEST, _MOST = 4, 64


def default_slots(types: Sequence[ArrayType]) -> int:
    """Number of states of the given types that 64 MiB hold, between 4 and 64."""
    size = sum(t.nbytes for t in types) or 1
    return int(np.clip(_BUDGET // size, _FEWEST, _MOST))


def slots_for(types: Sequence[ArrayType], steps: int) -> int:
    """Number of slots that keep the state of each of so many steps, if 64 MiB hold them; or 0."""
    needed = 4 * (steps + 2) // 3 + 1
    size = sum(t.nbytes for t in types) or 1
    return int(np.clip(needed, _FEWEST, None)) if needed * size <= _BUDGET else 0


def rows(types: Sequence[ArrayType], slots: int) -> list[ArrayType]:
    """Types of the tables: one row for the first state, and one for each slot."""
    return [t.update(shape=(slots + 1, *t.shape), weak_type=False) for t in types]


def _int(value: int) -> Literal:
    return Literal(value, ArrayType((), np.dtype(np.int32)))


def write(table: Any, row: Any, at: Any) -> Any:
    """The table with one row replaced."""
    starts = [at, *[0] * (typeof(table).ndim - 1)]
    return dynamic_update_slice(table, expand_dims(row, (0,)), starts)


def read(table: Any, at: Any) -> Any:
    """One row of a table."""
    shape = typeof(table).shape
    starts = [at, *[0] * (len(shape) - 1)]
    row = dynamic_slice(table, starts, (1, *shape[1:]), allow_negative_indices=False)
    return squeeze(row, (0,))


# --- forwards ---------------------------------------------------------------------------------


def walk(
    repeat: Repeat,
    test: Callable[..., Any],
    step: Callable[..., list[Any]],
    init: Sequence[Any],
    slots: int,
) -> list[Any]:
    """Run a loop and keep some of its states.

    Returns:
        number of steps, number of states kept, distance between two of them, last state,
        tables of the states kept.
    """
    cap = slots - slots // 4
    cap -= 1 - cap % 2  # odd, so that the newest state survives when every second one goes
    n_state = len(init)
    tables = [
        write(zeros(t), x, _int(0))
        for t, x in zip(rows([typeof(x) for x in init], slots), init, strict=True)
    ]

    def stride_of_steps(used: Any, stride: Any, n: Any, more: Any, *rest: Any) -> list[Any]:
        state, kept = split_list(rest, n_state)

        def one(j: Any, more: Any, *before: Any) -> list[Any]:
            new = step(*before)
            return [add(j, 1), test(*new), *new]

        going = lambda j, more, *_: bitwise_and(lt(j, stride), more)  # noqa: E731
        j, more, *state = repeat(going, one, [_int(0), more, *state])
        kept = [write(t, x, used) for t, x in zip(kept, state, strict=True)]
        whole = convert_element_type(ge(j, stride), np.int32)
        return [add(used, whole), stride, add(n, j), more, *state, *kept]

    def epoch(*before: Any) -> list[Any]:
        used, stride, n, more, *rest = repeat(
            lambda used, stride, n, more, *_: bitwise_and(lt(used, cap), more),
            stride_of_steps,
            before,
        )
        state, kept = split_list(rest, n_state)
        full = bitwise_and(ge(used, cap), more)
        kept = [select(full, _every_second(t, cap), t) for t in kept]
        used = select(full, _int((cap + 1) // 2), used)
        stride = select(full, add(stride, stride), stride)
        return [used, stride, n, more, *state, *kept]

    start = [_int(1), _int(1), _int(0), test(*init), *init, *tables]
    used, stride, n, _, *rest = repeat(lambda used, stride, n, more, *_: more, epoch, start)
    return [n, used, stride, *rest]


def _every_second(table: Any, cap: int) -> Any:
    left = (cap + 1) // 2
    n = typeof(table).shape[0]
    return concatenate([slice_in_dim(table, 0, cap, stride=2), slice_in_dim(table, left, n)], 0)


# --- backwards ----------------------------------------------------------------------------------


class Leaf(NamedTuple):
    """A few steps visited at a time, whose residuals are kept in tables of their own.

    What a step and its derivative have in common is computed once for all but one of them.

    Attributes:
        size: number of steps.
        types: types of the residuals of one step.
        record: from the state before a step to the state after it, then the residuals.
        back: from the residuals of a step and the carry to the new carry.
    """

    size: int
    types: Sequence[ArrayType]
    record: Callable[..., list[Any]]
    back: Callable[[list[Any], list[Any]], list[Any]]


def sweep(
    repeat: Repeat,
    step: Callable[..., list[Any]],
    back: Callable[[list[Any], list[Any]], list[Any]],
    kept: Sequence[Any],
    tables: Sequence[Any],
    carry: Sequence[Any],
    slots: int,
    leaf: Leaf | None = None,
) -> list[Any]:
    """Visit the steps of a loop from the last to the first.

    Args:
        repeat: a loop.
        step: the loop's step.
        back: from the state before a step and the carry to the new carry.
        kept: what `walk` returned first: number of steps, of states kept, and their distance.
        tables: the states kept.
        carry: first carry.
        slots: number of states kept beside the first.
        leaf: how to visit several steps at a time; None visits one after the other.
    """
    n, used, stride = kept
    n_tables = len(tables)
    where = mul(broadcasted_iota(np.int32, (slots + 1,), 0), stride)
    # States that are all kept need not be computed again, so steps are visited one by one.
    size = _int(1) if leaf is None else select(gt(stride, 1), _int(leaf.size), _int(1))
    rows = [] if leaf is None else [ArrayType((leaf.size, *t.shape), t.dtype) for t in leaf.types]

    def some(i: Any, top: Any, where: Any, *rest: Any) -> list[Any]:
        tables, carry, residuals = split_list(rest, n_tables, len(rest) - n_tables - len(rows))
        first = max(sub(add(i, 1), size), 0)
        (top,) = repeat(lambda row: gt(read(where, row), first), lambda row: [sub(row, 1)], [top])

        def store(p: Any, part: Any, top: Any, where: Any, *values: Any) -> list[Any]:
            state, kept = split_list(values, n_tables)
            state = _steps(repeat, step, part, state)
            p, top = add(p, part), add(top, 1)
            kept = [write(t, x, top) for t, x in zip(kept, state, strict=True)]
            part = _part(repeat, slots, top, sub(i, p), size)
            return [p, part, top, write(where, p, top), *state, *kept]

        p, state = read(where, top), [read(t, top) for t in tables]
        p, _, top, where, *after = repeat(
            lambda p, part, *_: le(add(p, part), first),
            store,
            [p, _part(repeat, slots, top, sub(i, p), size), top, where, *state, *tables],
        )
        state, tables = split_list(after, n_tables)
        state = _steps(repeat, step, sub(first, p), state)
        if leaf is not None:
            carry, residuals = _several(repeat, leaf, back, sub(i, first), state, carry, residuals)
        else:
            carry = back(state, carry)
        return [sub(first, 1), top, where, *tables, *carry, *residuals]

    start = [sub(n, 1), sub(used, 1), where, *tables, *carry, *map(zeros, rows)]
    _, _, _, *rest = repeat(lambda i, *_: ge(i, 0), some, start)
    return rest[n_tables : len(rest) - len(rows)]


def _several(
    repeat: Repeat,
    leaf: Leaf,
    back: Any,
    more: Any,
    state: list[Any],
    carry: list[Any],
    residuals: list[Any],
) -> tuple[list[Any], list[Any]]:
    """Visit `more` + 1 steps from the state before the first: the new carry, and the tables."""
    n_state, n_carry = len(state), len(carry)

    def record(j: Any, *values: Any) -> list[Any]:
        state, tables = split_list(values, n_state)
        after, found = split_list(leaf.record(*state), n_state)
        kept = [write(t, x, j) for t, x in zip(tables, found, strict=True)]
        return [add(j, 1), *after, *kept]

    def visit(j: Any, *carry: Any) -> list[Any]:
        return [sub(j, 1), *leaf.back([read(t, j) for t in residuals], list(carry))]

    _, *values = repeat(lambda j, *_: lt(j, more), record, [_int(0), *state, *residuals])
    state, residuals = split_list(values, n_state)
    _, *carry = repeat(lambda j, *_: ge(j, 0), visit, [sub(more, 1), *back(state, carry)])
    return carry[:n_carry], residuals


def _steps(repeat: Repeat, step: Callable[..., list[Any]], n: Any, state: list[Any]) -> list[Any]:
    """The state `n` steps later."""
    _, *state = repeat(
        lambda j, *_: lt(j, n), lambda j, *state: [add(j, 1), *step(*state)], [_int(0), *state]
    )
    return state


def _part(repeat: Repeat, slots: int, top: Any, distance: Any, size: Any) -> Any:
    """Steps after which the next state is kept; all of the distance if no slot is free.

    With c - 1 free slots, `length` leaves of `size` steps to visit, and
    beta(c, t) = C(c + t, c), t is the least number with beta(c, t) >= length, and the part is
    length - beta(c-1, t) leaves, limited to [beta(c, t-2), beta(c, t-1)].
    """
    real = np.float32
    free = sub(_int(slots), top)
    leaves = div(add(distance, size), size)
    c, length = convert_element_type(add(free, 1), real), convert_element_type(leaves, real)

    def grow(t: Any, beta: Any) -> list[Any]:
        t = add(t, 1.0)
        return [t, div(mul(beta, add(c, t)), t)]

    zero, one = (Literal(v, ArrayType((), np.dtype(real))) for v in (0.0, 1.0))
    t, beta = repeat(lambda t, beta: lt(beta, length), grow, [zero, one])
    fewer_states = div(mul(beta, c), add(c, t))
    one_less = div(mul(beta, t), add(c, t))
    two_less = div(mul(one_less, sub(t, 1.0)), sub(add(c, t), 1.0))
    low, high = max(two_less, 1.0), min(one_less, sub(length, 1.0))
    part = convert_element_type(add(min(max(sub(length, fewer_states), low), high), 0.5), np.int32)
    return select(gt(free, 0), mul(max(part, 1), size), add(distance, 1))
