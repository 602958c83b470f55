"""`while` and loops over values known only at run time, recorded as one compiled loop.

A loop is recorded with some of its values as parameters, its `carry`. Steps whose test is known are
run as in Python first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.control_flow import bodies
from ms_func.control_flow.loop_checkpoint import slots_for
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.errors import ConcretizationTypeError, StagingError
from ms_func.ir.function import Function
from ms_func.ir.loc import Loc, user_loc
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import pools
from ms_func.source.hooks.flow.carry import Carry, Step, TestStores
from ms_func.source.hooks.flow.caught import while_loop
from ms_func.source.hooks.heap.anatomy import SCALARS
from ms_func.source.hooks.heap.trials import Trial
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import cells
from ms_func.source.hooks.joining.outcomes import Bottom, State
from ms_func.source.hooks.joining.region import Region
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.nodes import Later, Slot
from ms_func.source.hooks.values.truths import asked
from ms_func.source.hooks.values.types import materialized
from ms_func.tracing.stage import Staged, canonical
from ms_func.tracing.tracer import Staging, Tracer
from ms_func.transforms.passes import dce

_ROUNDS, _MOST_ROUNDS = 4, 24


@above.enter
def while_(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str] = (),
    caught: bool = False,
) -> State:  # fmt: skip
    """`while test: body`, for the values `state` of the local variables `names`.

    `caught` says that test and body keep what they raise to themselves.
    """
    if not caught and failures.may_catch() and type(current.interpreter) is Staging:
        return while_loop(while_, test, body, state, names)
    more = asked(test(*state))
    if type(current.interpreter) is not Staging and type(more) is not Tracer:
        while more:
            state = body(*state)
            more = test(*state)
            if type(more) is Tracer:
                return _staged(more, test, body, state, names, user_loc(2))
        return state
    return _while_tracing(more, test, body, state, names)


def _while_tracing(
    more: Any, test: Callable[..., Any], body: Callable[..., State], state: State,
    names: Sequence[str],
) -> State:  # fmt: skip
    """Steps run as in Python while the test is known; the rest is one compiled loop.

    The step after which the test is first traced (a `break` on traced data in `while True`)
    is taken back and becomes a step of the compiled loop too, where that can be recorded.
    """
    loc = user_loc(3)
    while type(more) is not Tracer:
        if not more:
            return state
        trial = Trial()
        with trial:
            after = body(*state)
            more = asked(test(*after))
        if type(more) is Tracer:
            trial.rewind()
            try:
                return _staged(True, test, body, state, names, loc)
            except (StagingError, ConcretizationTypeError):
                trial.replay()
        trial.frame.commit()
        state = after
    return _staged(more, test, body, state, names, loc)


def _staged(
    more: Any, test: Callable[..., Any], body: Callable[..., State], state: State,
    names: Sequence[str], loc: Loc | None,
) -> State:  # fmt: skip
    """The loop as one compiled `while`; `more` is what the test gives for `state`.

    Where the test stores to objects it becomes the end of the step, and its outcome is carried.
    """
    try:
        return staged_while(test, body, state, names, loc, starts=more is True)
    except TestStores:
        pass
    except Bottom:
        if type(more) is not Tracer:
            raise
        return state  # only types matter now: it might take no step

    def step(more: Any, *state: Any) -> State:
        after = body(*state)
        return (asked(test(*after)), *after)

    whole = (more, *state)
    names = ("the test", *names)
    return staged_while(lambda more, *rest: more, step, whole, names, loc, None, cells(test))[1:]


# --- staging ----------------------------------------------------------------------------------


def staged_while(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str],
    loc: Loc | None = None, max_trips: int | None = None, outer: tuple[Any, ...] = (),
    starts: bool = False,
) -> State:  # fmt: skip
    """The loop as one compiled `while`, of `max_trips` steps at most where that is known.

    `starts` says that it takes at least one.
    """
    loc = user_loc(3) if loc is None else loc
    carry, step = recorded(test, body, state, names, loc, outer, max_trips is None)
    return carry.result(_bind_while(carry, step, max_trips), starts)


def recorded(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str],
    loc: Loc | None, outer: tuple[Any, ...] = (), grows: bool = False,
) -> tuple[Carry, Step]:  # fmt: skip
    """The carry of a loop, and its test and body recorded with it.

    With `grows` lists may become longer: there may be any number of steps.
    """
    carry = Carry(state, names, loc, grows)
    carry.outer = (*cells(body), *outer)
    carry.start()
    pools.suggest_for_links(state)
    rounds = 0
    while True:
        try:
            step = carry.record(test, body)
        except ConcretizationTypeError:
            if not carry.scalars or not any(isinstance(v, SCALARS) for v in state):
                raise
            carry.scalars = False  # a Python number may be needed as one: leave it, if it stays
            carry.start()
            rounds = 0
            continue
        if not carry.grow(step):
            return carry, step
        pools.suggest_for_links(step.body.value or ())
        rounds += 1
        if rounds > min(_ROUNDS + len(carry.slots), _MOST_ROUNDS):
            raise StagingError(
                "MS101 the types of the values that this loop carries do not settle\n"
                "fix: give each one type, length and structure before the loop, and keep it",
                loc,
            )


def _bind_while(carry: Carry, step: Step, max_trips: int | None) -> list[Any]:
    slots = carry.slots
    moving = [i for i, s in enumerate(slots) if id(s) not in carry.fixed]
    init = entries(slots)
    with step.body.reopened():
        results = [materialized(slots[i].columns[1], slots[i].type) for i in moving]
    with step.test.reopened():
        more = [step.more]
    test = loop_function(step.test, step.test_params, more, moving, init)
    body = loop_function(step.body, step.params, results, moving, init)
    if carry.decided:
        bodies.same_on_all_devices((test.fn, body.fn), carry.decided, "while", "test")
    trips = 0 if max_trips is None else slots_for([slots[i].type for i in moving], max_trips)
    loop = Loop(test.fn, body.fn, len(test.captured), len(body.captured), trips)
    outs = while_p.bind(
        *test.captured, *body.captured, *(init[i] for i in moving), **loop._asdict()
    )
    return merged_results(slots, moving, outs)


def entries(slots: Sequence[Slot]) -> list[Any]:
    """First values of the carry."""
    return [materialized(s.columns[0], s.type) for s in slots]


def merged_results(slots: Sequence[Slot], moving: Sequence[int], outs: Sequence[Any]) -> list[Any]:
    """Value of each slot after the loop; what no step changes is what it was."""
    found = [
        materialized(s.columns[0], s.type)
        if s.columns[0] is UNDEFINED or isinstance(s.columns[0], Later)
        else s.columns[0]
        for s in slots
    ]
    for i, x in zip(moving, outs, strict=True):
        found[i] = x
    return found


def loop_function(
    region: Region, params: Sequence[Tracer], results: Sequence[Any], moving: Sequence[int],
    init: Sequence[Any], rows: Sequence[Tracer] = (),
) -> Staged:  # fmt: skip
    """Program over (constants, carry, rows): what no step changes becomes a constant."""
    made, captured = region.trace.finish([], results)
    still = set(range(len(params))) - set(moving)
    used = {a for e in made.eqns for a in e.inputs} | set(made.results)
    fixed = [i for i in sorted(still) if params[i].variable in used]
    variables = [
        *made.params, *(params[i].variable for i in fixed), *(params[i].variable for i in moving),
        *(r.variable for r in rows),
    ]  # fmt: skip
    fn = Function(region.trace.name, variables, made.eqns, made.results)
    return Staged(canonical(dce(fn)), [*captured, *(init[i] for i in fixed)], None, {})
