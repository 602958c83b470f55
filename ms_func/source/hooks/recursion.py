"""Functions that call themselves on data known only at run time.

A call that comes back, inside a branch that is being recorded, to a function that is running
already, is recorded with its arguments as parameters. Where the function calls itself again
with arguments that differ in their numbers alone, an equation `recur` stands for the call, and
`control_flow.stack_machine` makes loops of the finished program. Recursion that known data ends
(the depth of a list, a counter) is laid out, as Python would run it.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from types import CodeType
from typing import Any

from ms_func import config
from ms_func.control_flow import bodies
from ms_func.control_flow.stack_machine import recur_p, recurs, run_recursive
from ms_func.errors import ConcretizationTypeError
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.source.hooks import complaints
from ms_func.source.hooks.anatomy import PRESENT, Mismatch
from ms_func.source.hooks.branch import Bottom
from ms_func.source.hooks.join import converted, materialized, promoted
from ms_func.source.hooks.journal import Cell, frozen_handle
from ms_func.source.hooks.loops import LoopPlan, shapes, where
from ms_func.source.hooks.region import Region, held, is_forgotten
from ms_func.source.hooks.text import is_inside
from ms_func.tracing.tracer import Staging

_MOST, _DEEPEST = 64, 12
"""Calls that are laid out, and how deep, before Python numbers among the arguments are traced."""
_ROUNDS = 6


class _Active(threading.local):
    def __init__(self) -> None:
        self.roots: list[Root] = []


_active = _Active()
_numbers = itertools.count()


class _Widen(BaseException):
    """A recursion only known data could end is too long to be laid out."""

    def __init__(self, root: Root) -> None:
        self.root = root


class _Again(BaseException):
    """The arguments of a recursive call need wider types."""

    def __init__(self, root: Root) -> None:
        self.root = root


def enter(f: Any, made: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`made(*args, **kwargs)`, where `made` is the converted form of the function `f`."""
    if type(current.interpreter) is not Staging or not is_inside():
        return made(*args, **kwargs)
    own = [root for root in _active.roots if root.f is f or _is_same(root.f, f)]
    for root in reversed(own):
        done, value = root.call(args, kwargs)
        if done:
            return value
    if own and not own[0].scalars:
        own[0].count += 1
        if own[0].count > _MOST or len(own) > _DEEPEST:
            raise _Widen(own[0])
    if not _is_running(made.__code__):
        return made(*args, **kwargs)
    return _from_root(f, made, args, kwargs)


def _is_same(f: Any, g: Any) -> bool:
    """Whether two functions made by one piece of code close over the same objects."""
    return (
        getattr(f, "__code__", None) is getattr(g, "__code__", f)
        and f.__defaults__ == g.__defaults__
        and all(
            a is b or Cell(a).read() is Cell(b).read()
            for a, b in zip(f.__closure__ or (), g.__closure__ or (), strict=True)
        )
    )


def _is_running(code: CodeType) -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _from_root(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    for scalars in (False, True):
        root = Root(f, made, args, kwargs, scalars)
        if not root.slots:
            continue
        try:
            return root.run()
        except _Widen as wider:
            if wider.root is not root:
                raise
        except ConcretizationTypeError:
            if not scalars:
                raise
        except _Stores:
            break
    return made(*args, **kwargs)


class _Stores(Exception):
    """A function that does not call itself after all stores to objects."""


class Root:
    """A call of a recursive function, recorded with its arguments as parameters.

    Attributes:
        f: the function.
        slots: numbers and arrays among the arguments.
        result: how the value is made of the results of the program; None while not known.
    """

    def __init__(self, f: Any, made: Any, args: Any, kwargs: Any, scalars: bool) -> None:
        self.f = f
        self.made = made
        self.given = (args, tuple(kwargs.items()))
        self.scalars = scalars
        self.number = next(_numbers)
        self.count = 0
        self.used = False
        plan = LoopPlan((PRESENT, PRESENT), {}, {}, eager=True, scalars=scalars)
        self.nodes = [plan.join((self.given, self.given), (0,))]
        self.slots = plan.keep(self.nodes)
        self.result: Any = None
        self.types: list[ArrayType] = []
        self.paths: list[Any] = []

    def run(self) -> Any:
        """The value of the call."""
        for _ in range(_ROUNDS):
            region = Region(getattr(self.f, "__name__", "function"))
            self.params = [region.parameter(s.type) for s in self.slots]
            self.count, self.used = 0, False
            _active.roots.append(self)
            try:
                region.run(self._body)
            except _Again as again:
                if again.root is not self:
                    raise
                continue
            except Bottom:
                raise complaints.endless(self.f) from None
            finally:
                _active.roots.pop()
            if self._settle(region):
                return self._value(region)
        raise complaints.endless(self.f)

    def _body(self) -> Any:
        args, kwargs = self.nodes[0].build([frozen_handle(p) for p in self.params], {})
        return self.made(*args, **dict(kwargs))

    def call(self, args: Any, kwargs: Any) -> tuple[bool, Any]:
        """A call of the function by itself: whether it is this recursion, and its value."""
        given = {id(p.variable): s for p, s in zip(self.params, self.slots, strict=True)}
        plan = LoopPlan((PRESENT, PRESENT), given, {where(s.path): s for s in self.slots})
        inner = (args, tuple(kwargs.items()))
        nodes: list[Any] = []
        try:
            nodes = [plan.join((self.given, inner), (0,))]
            same = shapes(self.nodes, {}, (0,)) == shapes(nodes, {}, (0,))
        except Mismatch:
            same = False
        slots = plan.keep(nodes) if same else []
        if not same or len(slots) != len(self.slots):
            return False, None
        if any(a.type is not b.type for a, b in zip(slots, self.slots, strict=True)):
            for a, b in zip(slots, self.slots, strict=True):
                b.type = a.type
            raise _Again(self)
        self.used = True
        if self.result is None:
            raise Bottom
        operands = [materialized(s.columns[1], s.type) for s in slots]
        outs = recur_p.bind(*operands, number=self.number, types=tuple(self.types))
        return True, self.result.build(outs, {})

    def _settle(self, region: Region) -> bool:
        """Take over the structure of the result; whether it is what the calls inside assumed."""
        if not self.used and region.entries:
            raise _Stores
        plan = LoopPlan((region.overlay, region.overlay), {}, {}, eager=True)
        value = region.value
        node = plan.join((value, value), (0,)) if not region.never else None
        if node is None:
            raise complaints.endless(self.f)
        slots = plan.keep([node])
        paths, types = [s.path for s in slots], [s.type for s in slots]
        if paths == self.paths:
            types = [promoted(a, b) or b for a, b in zip(self.types, types, strict=True)]
        settled = not self.used or (self.result is not None and types == self.types)
        self.result, self.types, self.paths = node, types, paths
        self.columns = [s.columns[1] for s in slots]
        if settled and self.used:
            self._refuse_stores(region, plan)
        return settled

    def _refuse_stores(self, region: Region, plan: Any) -> None:
        plan.release()
        region.let_go()
        known = held([region])
        if not all(is_forgotten(x, known) for x in region.entries.values()):
            raise complaints.side_effect(
                f"`{getattr(self.f, '__name__', 'a function')}`, which calls itself, stores to an "
                "object from outside"
            )

    def _value(self, region: Region) -> Any:
        with region.reopened():
            results = [converted(x, t) for x, t in zip(self.columns, self.types, strict=True)]
        staged = region.finish(results)
        args = [converted(s.columns[0], s.type) for s in self.slots]
        if recurs(staged.fn, self.number):
            outs = run_recursive(
                staged.fn, self.number, staged.captured, args, config.recursion_limit.value
            )
        else:
            outs = current.interpreter.apply(staged.fn, [*staged.captured, *args])
        return self.result.build(bodies.values(outs), {})
