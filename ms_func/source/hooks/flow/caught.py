"""`try`, and loops inside of one: what they raise on data ends them as `break` does."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Sequence
from contextlib import (
    _GeneratorContextManager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from itertools import pairwise
from types import FunctionType
from typing import Any

from ms_func.errors import LocatedError, StagingError
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers.membership import type_
from ms_func.source.hooks.flow.carry import TestStores
from ms_func.source.hooks.flow.managers import managed
from ms_func.source.hooks.heap.trials import Trial
from ms_func.source.hooks.joining.attempts import RAISED, attempt, certain, proceed
from ms_func.source.hooks.joining.branch import and_, cells, if_, not_, or_
from ms_func.source.hooks.joining.outcomes import State
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.truths import asked, truth
from ms_func.tracing.tracer import Staging, Tracer

Handler = tuple[Callable[[], Any] | None, Callable[..., State]]
"""What gives the exceptions that a handler catches, None for all; the handler, as a function of
the exception and the local variables."""


def try_(
    body: Callable[..., State], handlers: Sequence[Handler], state: State,
    names: Sequence[str] = (), done: Callable[..., State] = lambda *s: s,
) -> State:  # fmt: skip
    """`try: body` with handlers, for the values `state` of the local variables `names`.

    `done` is what is done at the end of a body that raised nothing.
    """
    staging = type(current.interpreter) is Staging
    try:
        if not staging:
            return body(*state)
        with failures.Catcher(lambda: _kinds(handlers)):
            raised, values = attempt(lambda: body(*state), (*state, *cells(body)), state)
        if isinstance(raised, Exception):
            raise failures.again(raised)
    except BaseException as error:
        return _handled(error, handlers, state)
    if raised is None:
        assert values is not None
        return done(*values)
    return _either(raised, values, done, handlers, state, names)


def _kinds(handlers: Sequence[Handler]) -> tuple[Any, ...]:
    return tuple([BaseException if kinds is None else kinds() for kinds, _ in handlers])


def _handled(error: BaseException, handlers: Sequence[Handler], state: State) -> State:
    """What the handler of an exception leaves; the exception itself, if there is none."""
    if not type(error).__module__.startswith("ms_func.source."):  # those are signals of ours
        for kinds, handle in handlers:
            found = BaseException if kinds is None else kinds()
            if _is_of(error, found) and not _is_meant_for_all(error, found):
                failures.let_go()
                return handle(error, *state)
    raise error


def _is_meant_for_all(error: BaseException, kinds: Any) -> bool:
    """Whether the program cannot be recorded, and a handler waits for what Python raises.

    In plain Python nothing is raised there: going on in the handler would be another program.
    """
    several = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(error, StagingError) and not any(
        isinstance(k, type) and issubclass(k, LocatedError) for k in several
    )


def _is_of(error: BaseException, kinds: Any) -> bool:
    try:
        raise error
    except kinds:
        return True
    except BaseException as other:
        if other is not error:
            raise
        return False


def _either(
    raised: Choice, values: State | None, done: Callable[..., State],
    handlers: Sequence[Handler], state: State, names: Sequence[str],
) -> State:  # fmt: skip
    """The values where nothing was raised; else what the handlers leave."""
    if values is None:
        return _dealt_with(raised, handlers, state, names)
    fine = raised.where(lambda x: x is None)
    otherwise = lambda *s: _dealt_with(raised, handlers, s, names)  # noqa: E731
    return if_(fine, lambda *_: done(*values), otherwise, state, names)


def _dealt_with(
    raised: Choice, handlers: Sequence[Handler], state: State, names: Sequence[str]
) -> State:
    """What the first handler of an exception leaves; no closure, which would know it for ever."""
    if not handlers:
        raise failures.raise_(certain(raised))
    (kinds, handle), *others = handlers
    found = True if kinds is None else raised.where(lambda x: isinstance(x, kinds()))
    return if_(
        found, lambda *s: handle(certain(raised), *s),
        lambda *s: _dealt_with(raised, others, s, names), state, names,
    )  # fmt: skip


def guarded_(body: Callable[..., State], state: State) -> State:
    """The body of a `try` with `finally`: what it raises, and the local variables."""
    try:
        if type(current.interpreter) is not Staging or not failures.may_catch():
            return (None, *body(*state))
        raised, values = attempt(lambda: body(*state), (*state, *cells(body)), state)
    except BaseException as error:
        return (error, *state)
    if values is None and type(raised) is Choice:
        raised = failures.Chosen(raised)
    return (raised, *(state if values is None else values))


def ended(raised: Any) -> None:
    """The end of a `finally`: what was raised before it is raised on."""
    if isinstance(raised, BaseException):
        if isinstance(raised, Exception) and type(current.interpreter) is Staging:
            raise failures.again(raised)
        raise raised
    proceed(raised, ())


# --- with ---------------------------------------------------------------------------------------


def with_(
    manager: Any, body: Callable[..., State], state: State, names: Sequence[str] = ()
) -> State:
    """`with manager as item: body`, for the values `state` of the local variables `names`."""
    if type(current.interpreter) is not Staging:
        with manager as item:
            return body(item, *state)
        return state
    if type(manager) is Choice:
        return manager.each(lambda m: with_(m, body, state, names))
    if isinstance(manager, suppress):
        kinds = manager._exceptions  # pyright: ignore[reportAttributeAccessIssue]
        return try_(lambda *s: body(manager, *s), [(lambda: kinds, lambda _, *s: s)], state, names)
    if type(manager) is _GeneratorContextManager:
        found = managed(manager, body, state, names)
        if found is not None:
            return found
    if isinstance(manager, _PASSING) or (not failures.may_catch() and _lets_through(manager)):
        with manager as item:
            return body(item, *state)
        return state
    if type(manager).__module__.partition(".")[0] in sys.stdlib_module_names:
        with manager as item, failures.passing:
            return body(item, *state)
        return state
    return _left(manager, body, state, names)


_PASSING = (nullcontext, redirect_stderr, redirect_stdout)
"""Managers that have nothing to do with what is raised."""


def _lets_through(manager: Any) -> bool:
    """Whether the end of a `with` gives None whatever happens, so that it keeps nothing back."""
    leave = _method(manager, "__exit__")
    if type(leave) is not FunctionType:
        return True
    found = [x for x in dis.get_instructions(leave) if x.opname != "CACHE"]
    given = [a for a, b in pairwise(found) if b.opname == "RETURN_VALUE"]
    given += [x for x in found if x.opname == "RETURN_CONST"]
    return all(x.opname.endswith("_CONST") and x.argval is None for x in given)


def _method(x: Any, name: str) -> Any:
    found = getattr(x.__class__, name)  # not of what stands for an object in a room
    return getattr(found, "__wrapped__", found)


def _left(manager: Any, body: Callable[..., State], state: State, names: Sequence[str]) -> State:
    """`with`, whose end gets to know of what data raise in it."""
    leave = _method(manager, "__exit__")
    item = above.call(_method(manager, "__enter__"), manager)

    def failed(error: Any, *s: Any) -> State:
        kept = above.call(leave, manager, type_(error), error, None)
        return if_(kept, lambda *s: s, lambda *_: _raise(error), s, names)

    def done(*s: Any) -> State:
        above.call(leave, manager, None, None, None)
        return s

    run = lambda *s: body(item, *s)  # noqa: E731
    return try_(run, [(lambda: BaseException, failed)], state, names, done)


def _raise(error: Any) -> State:
    raise failures.raise_(error)


# --- loops --------------------------------------------------------------------------------------


def _raised(x: Any) -> Any:
    """Whether anything was raised."""
    return not_(x.where(lambda y: y is None)) if type(x) is Choice else x is not None


def for_loop(
    loop: Callable[..., State], iterable: Any, body: Callable[..., State], state: State,
    names: Sequence[str], stop: int | None,
) -> State:  # fmt: skip
    """A `for` loop; where a step raises, it is the last one."""
    width, outer = len(state), (*state, *cells(body))
    flag = width if stop is None else stop

    def step(item: Any, *inner: Any) -> State:
        own = inner[:width]
        raised, values = attempt(lambda: body(item, *own), outer, own)
        after = [*(own if values is None else values), *inner[width:-1]]
        after[flag] = or_(after[flag] if stop is not None else False, lambda: _raised(raised))
        return (*after, raised)

    extra, shown = ((False,), ("<break>",)) if stop is None else ((), ())
    given, names = (*state, *extra, None), (*names, *shown, RAISED)
    *found, raised = loop(iterable, step, given, names, flag, True)
    return proceed(raised, tuple(found[:width]))


def taken(
    take: Callable[[], Any], loop: Callable[..., State], body: Callable[..., State], state: State,
    names: Sequence[str], stop: int | None,
) -> State:  # fmt: skip
    """A loop over what `take` gives until it raises `StopIteration`."""
    names = ("<end>", *names)

    def test(done: Any, *given: Any) -> Any:
        left = False if stop is None else given[stop]
        return not_(or_(done, lambda: left))

    def ended(_: Any, *given: Any) -> State:
        return (True, *given)

    def step(done: Any, *given: Any) -> State:
        with failures.Catcher(lambda: StopIteration):
            raised, found = attempt(lambda: (take(),))
        if found is None:
            return ended(done, *given) if isinstance(raised, StopIteration) else _raise(raised)
        fine = True if raised is None else raised.where(lambda x: x is None)
        run = lambda _, *s: (False, *body(found[0], *s))  # noqa: E731
        return if_(fine, run, ended, (done, *given), names)

    return loop(test, step, (False, *state), names)[1:]


def while_loop(
    loop: Callable[..., State], test: Callable[..., Any], body: Callable[..., State],
    state: State, names: Sequence[str],
) -> State:  # fmt: skip
    """A `while` loop; where a step raises, it is the last one."""
    outer = (*state, *cells(body), *cells(test))

    def ask(*inner: Any) -> Any:
        *own, raised = inner
        return and_(not_(_raised(raised)), lambda: tested(own))

    def tested(own: Any) -> Any:
        raised, values = attempt(lambda: (test(*own),), outer)
        if raised is not None or values is None:
            raise TestStores
        return values[0]

    def step(*inner: Any) -> State:
        own = inner[:-1]
        raised, values = attempt(lambda: body(*own), outer, own)
        return (*(own if values is None else values), raised)

    trial = Trial()
    try:
        with trial.frame:
            *found, raised = loop(ask, step, (*state, None), (*names, RAISED), True)
    except TestStores:
        trial.rewind()
        return _tested_by_steps(loop, test, body, state, names)
    trial.frame.commit()
    return proceed(raised, tuple(found))


def _tested_by_steps(
    loop: Callable[..., State], test: Callable[..., Any], body: Callable[..., State],
    state: State, names: Sequence[str],
) -> State:  # fmt: skip
    """A `while` loop whose test may raise, and so is the end of each step."""

    def more(*own: Any) -> Any:
        found = asked(test(*own))
        return truth(found) if type(found) is Tracer else bool(found)

    def step(_: Any, *inner: Any) -> State:
        own = inner[:-1]

        def run() -> State:
            after = body(*own)
            return (more(*after), *after)

        raised, values = attempt(run, outer, (False, *own))
        go_on, *after = (False, *own) if values is None else values
        return (and_(not_(_raised(raised)), lambda: go_on), *after, raised)

    outer = (*state, *cells(body), *cells(test))
    start, shown = (more(*state), *state, None), ("the test", *names, RAISED)
    _, *found, raised = loop(lambda go_on, *_: go_on, step, start, shown, True)
    return proceed(raised, tuple(found))
