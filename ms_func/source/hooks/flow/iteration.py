"""`for`: laid out step by step, or compiled as one loop.

A loop over something whose length is known is laid out, as Python would run it, up to
`unroll_limit` steps, and with the loops inside of it up to `_NESTED` times as many. A longer one
is recorded once and becomes a `scan`; where the body needs the element as a Python number (an
index of a list, a key, a shape), that recording fails and the loop is laid out after all. A loop
over a length known only at run time, and one that is left on traced data, become a `while`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from types import FunctionType, GeneratorType
from typing import Any

import numpy as np

from ms_func import config
from ms_func.control_flow.scan_primitive import scan_p
from ms_func.errors import ConcretizationTypeError, StagingError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.loc import Loc, user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.bits import bitwise_and, bitwise_not
from ms_func.primitives.compare import lt
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import growing_methods, running, uneven
from ms_func.source.hooks.flow import pushing
from ms_func.source.hooks.flow.carry import Carry, Step
from ms_func.source.hooks.flow.caught import for_loop, taken
from ms_func.source.hooks.flow.iterators import advance, begun, guarded, over
from ms_func.source.hooks.flow.loops import (
    entries,
    loop_function,
    merged_results,
    recorded,
    staged_while,
    while_,
)
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.aliases import refuse_spoiled
from ms_func.source.hooks.heap.anatomy import SCALARS
from ms_func.source.hooks.heap.journal import frozen_handle
from ms_func.source.hooks.heap.trials import Trial
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import cells, if_, not_
from ms_func.source.hooks.joining.outcomes import Bottom, State
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.copies import Copied, watched
from ms_func.source.hooks.values.elements import INDEX, Elements, Once, Range, elements
from ms_func.source.hooks.values.growing import is_stretched
from ms_func.source.hooks.values.nodes import Slot
from ms_func.source.hooks.values.truths import truth
from ms_func.source.hooks.values.types import converted, materialized
from ms_func.source.policy import is_users
from ms_func.tracing.tracer import Staging, Tracer, speculation

_MOST = 1 << 10
"""Most steps that are laid out behind the one that may leave the loop."""
_NESTED = 8
"""How many times `unroll_limit` loops inside of one another take steps that are laid out."""
_left: ContextVar[int | None] = ContextVar("_left", default=None)
"""How many such steps are left; None outside of all loops that are laid out."""
_LOOPED = (GeneratorType, Once, list)
"""What methods `__iter__` give that a loop goes over by itself."""
_log = logging.getLogger("ms_func")


@above.enter
def for_(
    iterable: Iterable[Any],
    body: Callable[..., State],
    state: State,
    names: Sequence[str] = (),
    stop: int | None = None,
    caught: bool = False,
) -> State:
    """`for item in iterable: body`, for the values `state` of the local variables `names`.

    `stop` is the position in the state of a flag that ends the loop when it is true; `caught` says
    that the body keeps what it raises to itself.
    """
    if type(current.interpreter) is not Staging:
        for item in iterable:
            state = body(item, *state)
            if stop is not None and state[stop]:
                break
        return state
    if not caught and failures.may_catch():
        return for_loop(for_, iterable, body, state, names, stop)
    if type(iterable) is Choice:
        return iterable.each(lambda x: for_(x, body, state, names, stop))
    if type(iterable) is Once:
        return over(iterable, for_, body, state, names, stop)
    if is_stretched(iterable):
        return growing_methods.each(iterable, body, state, names, stop)
    if uneven.is_uneven(iterable):
        return uneven.each(iterable, body, state, names, stop)
    if type(iterable) is GeneratorType:
        return pushing.over(
            iterable, body, state, names, stop,
            lambda: _in_turns(iterable, body, state, names, stop, user_loc()),
        )  # fmt: skip
    if type(iterable) is running.Taken:
        return iterable.each(body, state, names, stop)
    return _over_elements(iterable, body, state, names, stop, user_loc())


class _Stored(BaseException):
    """A loop over the rows of an array stores to one of them, which is a part of the array."""


def _in_turns(
    iterable: Any, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State:  # fmt: skip
    """A loop over a generator, which Python runs."""
    advance(iterable)
    return _laid_out(iterable, None, 0, guarded(body, names), state, names, stop, loc)


def _over_elements(
    iterable: Any, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State:  # fmt: skip
    """A loop over what stays what it is: laid out or compiled, as its length and body allow."""
    refuse_spoiled(iterable)
    found = elements(iterable)
    if found is None:
        items = begun(iterable)
        items = iter(iterable) if items is iterable else items
        if type(items) in _LOOPED and items is not iterable:
            return for_(items, body, state, names, stop)
        advance_ = getattr(type(items), "__next__", None)
        advance_ = getattr(advance_, "__wrapped__", advance_)
        if type(advance_) is FunctionType and is_users(advance_.__code__.co_filename):
            take = lambda: above.call(advance_, items)  # noqa: E731
            return taken(take, while_, body, state, names, stop)
        items = uneven.without(items) if uneven.Perhaps.exist else items
        return _laid_out(items, None, 0, body, state, names, stop, loc)
    if not isinstance(found.length, int):
        if found.length is None and stop is None:
            return _laid_out(iter(iterable), None, 0, body, state, names, stop, loc)
        if found.length is not None:
            return _compiled(found, body, state, names, stop, loc)
    elif found.length > min(config.unroll_limit.value, _steps_left()):
        done = _rolled(found, body, state, names, stop, loc)
        if done is not None:
            return done
    rows = type(iterable) is Tracer
    items = map(found.known, range(len(iterable))) if rows else iter(iterable)
    outermost = _left.get() is None
    _left.set(_steps_left())
    try:
        return _laid_out(items, found, 0, body, state, names, stop, loc)
    finally:
        if outermost:
            _left.set(None)


def _steps_left() -> int:
    left = _left.get()
    return _NESTED * config.unroll_limit.value if left is None else left


# --- step by step -------------------------------------------------------------------------------


def _laid_out(
    items: Any, found: Elements | None, done: int, body: Callable[..., State], state: State,
    names: Sequence[str], stop: int | None, loc: Loc | None,
) -> State:  # fmt: skip
    """The steps one after another, until the loop is left on traced data."""
    if stop is None:
        for item in items:
            _take_step()
            state = body(item, *state)
        return state
    for item in items:
        _take_step()
        trial = Trial()
        with trial:
            after = body(item, *state)
        left = after[stop]
        if type(left) is Tracer:
            return _left_on_data(items, found, done, body, (state, after), names, stop, loc, trial)
        trial.frame.commit()
        state = after
        done += 1
        if left:
            break
    return state


def _take_step() -> None:
    if _left.get():
        _left.set(_steps_left() - 1)


def _left_on_data(
    items: Any, found: Elements | None, done: int, body: Callable[..., State],
    states: tuple[State, State], names: Sequence[str], stop: int, loc: Loc | None, trial: Trial,
) -> State:  # fmt: skip
    """The steps from one on that may leave the loop on traced data."""
    before, state = states
    if found is not None and (found.length is None or found.length - done > 1):
        trial.rewind()
        rolled = Trial()
        try:
            with rolled:
                state = _as_while(found.fixed(), done, body, before, names, stop, loc)
            rolled.frame.commit()
            return state
        except (StagingError, ConcretizationTypeError):
            if found.length is None:
                raise
            rolled.rewind()
            trial.replay()
    trial.frame.commit()
    for k, item in enumerate(items):
        if k == _MOST:
            raise complaints.never_left()
        go_on = not_(state[stop])
        state = if_(go_on, lambda *s, x=item: body(x, *s), None, state, names)
        if type(state[stop]) is not Tracer and state[stop]:
            break
    return state


# --- as a while ---------------------------------------------------------------------------------


def _compiled(
    found: Elements, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State:  # fmt: skip
    """A loop that is not laid out, over copies of the elements where these will do."""
    fixed = found.fixed()
    if not fixed.sources():
        return _as_while(fixed, 0, body, state, names, stop, loc)
    trial = Trial()
    try:
        with trial:
            done = _as_while(fixed, 0, body, state, names, stop, loc)
    except Copied:
        trial.rewind()
        return _as_while(found, 0, body, state, names, stop, loc)
    trial.frame.commit()
    return done


def _as_while(
    found: Elements, done: int, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State:  # fmt: skip
    """A loop with a position as its first carry."""
    length, counted, sources = found.length, None, found.sources()
    if isinstance(found, Range) and found.is_counted and not done:
        counted, start = found, found.first
    elif length is None or isinstance(length, int):
        start = Literal(np.int32(done), INDEX)
    else:
        start = Literal(0, ArrayType((), typeof(length).dtype, True))

    def goes_on(i: Any) -> Any:
        if counted is not None:
            return counted.goes_on(i)
        return True if length is None else lt(i, converted(length, start.type))

    def test(i: Any, *rest: Any) -> Any:
        left = False if stop is None else rest[stop]
        if type(left) is not Tracer:
            return False if left is not UNDEFINED and left else goes_on(i)
        more = goes_on(i)
        on = bitwise_not(truth(left))
        return on if more is True else bitwise_and(on, more)

    def step(i: Any, *rest: Any) -> State:
        given = list(rest)
        if stop is not None:
            given[stop] = False  # a step only runs while the flag is not set
        if counted is not None:
            return (counted.after(i), *body(i, *given))
        return (add(i, Literal(1, start.type)), *watched(sources, body, found.at(i), given))

    trips = length - done if isinstance(length, int) else None
    starts = trips != 0 and type(length) is not Tracer
    if stop is not None:
        starts = starts and type(state[stop]) is not Tracer
    try:
        out = staged_while(
            test, step, (start, *state), ("the position", *names), loc, trips, cells(body), starts
        )
    except Bottom:
        if type(length) is not Tracer:
            raise
        return state  # only types matter now: it might take no step
    return out[1:]


# --- as a scan ----------------------------------------------------------------------------------


def _rolled(
    found: Elements, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State | None:  # fmt: skip
    """The loop recorded once; None where it has to be laid out."""
    trial = Trial()
    try:
        with trial.frame, speculation():
            done = _scanned(found.fixed(), body, state, names, stop, loc)
    except Exception as error:
        trial.rewind()
        why = str(error).partition("\n")[0]
        _log.info("%s: a loop of %s steps is laid out step by step: %s", loc, found.length, why)
        return None
    except _Stored:
        trial.rewind()
        return _compiled(found, body, state, names, stop, loc)
    except BaseException:
        trial.rewind()
        raise
    if done is None:
        trial.rewind()
        return None
    trial.frame.commit()
    return done


def _scanned(
    found: Elements, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, loc: Loc | None,
) -> State | None:  # fmt: skip
    first, sources = Literal(0, INDEX), found.sources()
    stacks = found.stacks()
    rows: list[Tracer] = []

    def step(i: Any, *rest: Any) -> State:
        given = list(rest)
        if stop is not None:
            given[stop] = False
        rows[:] = [current.interpreter.parameter(_row_type(x)) for x in stacks]
        handles = [frozen_handle(r) for r in rows]
        after = watched(sources, body, found.take(handles, i), given)
        if any(h.variable is not r.variable for h, r in zip(handles, rows, strict=True)):
            raise _Stored
        return (add(i, Literal(1, INDEX)), *after)

    carry, made = recorded(
        lambda *_: True, step, (first, *state), ("the position", *names), loc, cells(body)
    )
    if not _is_traced(carry, made, stacks):
        return None
    if stop is not None and _changes(carry, stop + 1):
        return _as_while(found, 0, body, state, names, stop, loc)
    counted = _counted(carry, made, found.length, _from_data(carry, made, rows, stacks))
    if counted is None:
        return None
    outs = _bind_scan(carry, made, found.length, rows, stacks)
    return carry.result([counted.get(i, x) for i, x in enumerate(outs)], found.length > 0)[1:]


def _row_type(x: Any) -> ArrayType:
    t = typeof(x)
    return ArrayType(t.shape[1:], t.dtype, t.weak_type)


def _changes(carry: Carry, position: int) -> bool:
    """Whether steps change a local variable, which may share its slot with another one."""
    node = carry.nodes[position]
    return type(node) is Slot and id(node) not in carry.fixed


def _is_traced(carry: Carry, step: Step, stacks: Sequence[Any]) -> bool:
    """Whether the loop computes with anything but Python numbers."""
    outside = [x for x, _ in step.body.trace.captured.values()]
    if any(type(x) is Tracer or type(x) is Array for x in (*outside, *stacks)):
        return True
    return any(
        s.columns[0] is not UNDEFINED and not isinstance(s.columns[0], (*SCALARS, Literal))
        for s in carry.slots
    )


def _from_data(carry: Carry, step: Step, rows: Sequence[Tracer], stacks: Sequence[Any]) -> set[Any]:
    """Variables of a step that would be traced where the loop is laid out, too."""
    outside = [(x, v) for x, v in step.body.trace.captured.values()]
    outside += [(x, r.variable) for x, r in zip(stacks, rows, strict=True)]
    outside += [(s.columns[0], p.variable) for s, p in zip(carry.slots, step.params, strict=True)]
    found = {v for x, v in outside if type(x) is Tracer or type(x) is Array}
    before = -1
    while before != len(found):
        before = len(found)
        for e in step.body.trace.eqns:
            if any(type(x) is not Literal and x in found for x in e.inputs):
                found.update(e.outputs)
        for s, p in zip(carry.slots, step.params, strict=True):
            if type(out := s.columns[1]) is Tracer and out.variable in found:
                found.add(p.variable)
    return found


def _counted(carry: Carry, step: Step, length: int, from_data: set[Any]) -> dict[int, int] | None:
    """Last values of the Python integers to which each step adds a constant, by slot.

    None where a step does something else with a Python integer that data do not decide: in the
    width of a compiled integer the result might wrap, so that the loop has to be laid out.
    """
    own = {step.params[i].variable: s for i, s in enumerate(carry.slots)}
    producers = {v: e for e in step.body.trace.eqns for v in e.outputs}
    found = {}
    for i, s in enumerate(carry.slots):
        entry = s.columns[0]
        if id(s) in carry.fixed or type(entry) is not int or s.type.dtype.kind not in "iu":
            continue
        if step.params[i].variable in from_data:
            continue
        by, limit = _increment(s, own, producers), np.iinfo(s.type.dtype)
        if by is None or not limit.min <= entry + by * length <= limit.max:
            return None
        found[i] = entry + by * length
    return found


def _increment(slot: Any, own: dict[Any, Any], producers: dict[Any, Any]) -> int | None:
    """What each step adds to an integer, None where it does something else with it."""
    out = slot.columns[1]
    if type(out) is not Tracer:
        return None
    eqn = producers.get(out.variable)
    if eqn is None or eqn.primitive.name not in ("add", "sub"):
        return None
    a, b = eqn.inputs
    if type(b) is not Literal and eqn.primitive.name == "add":
        a, b = b, a
    if type(b) is not Literal or own.get(a) is not slot:
        return None
    return int(b.value) if eqn.primitive.name == "add" else -int(b.value)


def _bind_scan(
    carry: Carry, step: Step, length: int, rows: Sequence[Tracer], stacks: Sequence[Any]
) -> list[Any]:
    slots = carry.slots
    moving = [i for i, s in enumerate(slots) if id(s) not in carry.fixed]
    init = entries(slots)
    with step.body.reopened():
        results = [materialized(slots[i].columns[1], slots[i].type) for i in moving]
    body = loop_function(step.body, step.params, results, moving, init, rows)
    outs = scan_p.bind(
        *body.captured, *(init[i] for i in moving), *stacks,
        body=body.fn, num_consts=len(body.captured), num_carry=len(moving), length=length,
        reverse=False, unroll=1,
    )  # fmt: skip
    return merged_results(slots, moving, outs)
