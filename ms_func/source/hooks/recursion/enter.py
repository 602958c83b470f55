"""Functions that call themselves on data known only at run time.

A call that comes back, inside a branch that is being recorded, to a function that is running
already, is recorded with its arguments as parameters. Where the function calls itself again
with arguments that differ in their numbers alone, an equation `recur` stands for the call, and
`control_flow.stack_machine` makes loops of the finished program. What the function stores to
outside of itself goes in and out with each call: it is found by recording the function again until
nothing is added, as for loops. Recursion that known data ends (the depth of a list, a counter) is
laid out, as Python would run it, each form of its arguments once; see `programs`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

from ms_func.errors import ConcretizationTypeError
from ms_func.ir.primitive import current
from ms_func.source.hooks.containers import pools
from ms_func.source.hooks.depth import room
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.journal import is_inside
from ms_func.source.hooks.heap.trials import Again, Trial
from ms_func.source.hooks.joining import attempts
from ms_func.source.hooks.recursion import programs
from ms_func.source.hooks.recursion.reaching import catches, is_same, may_call_itself
from ms_func.source.hooks.recursion.root import Root, Stores, active
from ms_func.source.hooks.values import failures
from ms_func.tracing.tracer import Staging

_MOST, _DEEPEST = 64, 12
"""Calls that are laid out, and how deep, before Python numbers among the arguments are traced."""
_FORMS = 100
"""Forms of arguments in calls inside of each other."""


class _Outermost(BaseException):
    """A function calls itself on traced data, and it is its outermost call that is a root."""

    def __init__(self, code: CodeType) -> None:
        self.code = code


def enter(f: Any, made: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`made(*args, **kwargs)`, where `made` is the converted form of the function `f`."""
    if type(current.interpreter) is not Staging:
        return made(*args, **kwargs)
    if catches(f) or (failures.may_catch() and may_call_itself(f)):
        raised, values = _enter(f, _Attempted(made), args, kwargs)
        return attempts.proceed(raised, values)[0]
    return _enter(f, made, args, kwargs)


class _Attempted:
    """A function of which a `try` may catch what it raises: what it raises, and its value.

    Calls inside of it may stand in other `try` statements than this one.
    """

    __slots__ = ("__code__", "made")

    def __init__(self, made: Any) -> None:
        self.made = made
        self.__code__ = made.__code__

    def __call__(self, *args: Any, **kwargs: Any) -> attempts.Outcome:
        """The outcome of a call."""
        with failures.catching_all:
            return attempts.attempt(lambda: (self.made(*args, **kwargs),))


def _enter(f: Any, made: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    if not is_inside():
        return _for_the_first_time(f, made, args, kwargs)
    own = _own(f)
    for root in reversed(own):
        done, value = root.call(args, kwargs, root is own[-1])
        if done:
            return value
    if len(own) > _FORMS:
        raise complaints.ever_new(f)
    plain = _plain(own)
    if plain is not None:
        plain.count += 1
        if plain.count > _MOST or _is_too_deep(own, args, kwargs):
            raise Again(plain, "numbers")  # it is too long to be laid out
    if not _is_running(made.__code__):
        return _for_the_first_time(f, made, args, kwargs)
    return _from_root(f, made, args, kwargs)


def _own(f: Any) -> list[Root]:
    """Calls of a function that are under way, the outer ones first."""
    return [root for root in active.roots if root.f is f or is_same(root.f, f)]


def _plain(own: Sequence[Root]) -> Root | None:
    """The outermost call whose Python numbers are known."""
    return next((root for root in own if not root.scalars), None)


def _is_too_deep(own: Sequence[Root], args: Any, kwargs: Any) -> bool:
    """Whether so many calls of a function are under way that only its numbers can have no end.

    A structure of which each call is given a part comes to one.
    """
    if len(own) > _DEEPEST and not own[-1].is_of_another_structure(args, kwargs):
        return True
    return _is_deep()


def is_running(f: Any) -> bool:
    """Whether a converted function, or any other in Python, has been called and not returned."""
    return _is_running(getattr(f, "__code__", None))


def _is_running(code: CodeType | None) -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _is_deep() -> bool:
    """Whether Python has not much room left for calls inside of calls."""
    frame, depth = sys._getframe(1), 0
    while frame is not None:
        depth += 1
        frame = frame.f_back  # type: ignore[assignment]
    return depth > (room.limit or sys.getrecursionlimit()) // 2


def _for_the_first_time(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function that is not running, or is in what is not compiled."""
    code = made.__code__
    if code in active.tried or code in active.native or not may_call_itself(f):
        return made(*args, **kwargs)
    return _tried(f, made, args, kwargs)


def _tried(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """The outermost call of a function that may turn out to be recursive.

    If it does, this call is the root, so that there is one program, and not one for each place
    inside of the call from which it is called again.
    """
    code = made.__code__
    trial = Trial()
    active.tried[code] = True
    try:
        with trial:
            found = made(*args, **kwargs)
        trial.frame.commit()
        return found
    except _Outermost as outermost:
        if outermost.code is not code:
            raise
        trial.rewind()
        active.tried[code] = False
        return _from_outermost(f, made, args, kwargs)
    finally:
        del active.tried[code]


def _from_outermost(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """The outermost call as a root; as in Python, if it cannot be one or need not."""
    trial = Trial()
    try:
        with trial.frame:
            root, done, found = _as_root(f, made, args, kwargs)
        if done and (root.used or root.shares):
            trial.frame.commit()
            return found
    except Exception:  # whatever it is, it comes again
        pass
    trial.rewind()
    return made(*args, **kwargs)


def _from_root(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    code, around = made.__code__, active.roots[-1:]
    if code in active.native or any(code in root.unused for root in around):
        return made(*args, **kwargs)
    if active.tried.get(code, False):
        raise _Outermost(code)
    root, done, found = _as_root(f, made, args, kwargs)
    if done:
        return found
    return made(*args, **kwargs) if root.slots else _natively(code, made, args, kwargs)


def _as_root(f: Any, made: Any, args: Any, kwargs: Any) -> tuple[Root, bool, Any]:
    """The call recorded as a root: the root, whether it can be one, and the value."""
    around = active.roots
    scalars = arrays = False
    pools.suggest((*args, *kwargs.values()))
    while True:
        root = Root(f, made, args, kwargs, scalars, arrays)
        if not root.slots and not scalars:
            scalars = True
            continue
        known = programs.find(root, around)
        if known is not None:
            _note_use(f)
            return root, True, known.root.value(known.run(root.entries()))
        try:
            found = root.run()
            for outer in around[-1:]:
                outer.programs.update(root.programs)
            return root, True, found
        except Again as again:
            if again.root is not root:
                raise
            scalars, arrays = scalars or again.wider == "numbers", arrays or again.wider == "arrays"
        except ConcretizationTypeError:
            if not scalars:
                raise
            return root, False, None
        except Stores:
            for outer in around[-1:]:
                outer.unused.add(made.__code__)
            return root, False, None


def _note_use(f: Any) -> None:
    """Note that a call takes a program that was recorded already: nothing is laid out for it."""
    plain = _plain(_own(f))
    if plain is not None:
        plain.count -= 1
    for outer in active.roots:
        outer.shares = True


def _natively(code: CodeType, made: Any, args: Any, kwargs: Any) -> Any:
    """The call laid out; so are those inside it, which are given nothing to look at either."""
    active.native.add(code)
    try:
        return made(*args, **kwargs)
    finally:
        active.native.discard(code)
