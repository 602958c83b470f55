"""Functions that call themselves on data known only at run time.

A call that comes back, inside a branch that is being recorded, to a function that is running
already, is recorded with its arguments as parameters. Where the function calls itself again
with arguments that differ in their numbers alone, an equation `recur` stands for the call, and
`control_flow.stack_machine` makes loops of the finished program. What the function stores to
outside of itself goes in and out with each call: it is found by recording the function again until
nothing is added, as for loops. Recursion that known data ends (the depth of a list, a counter) is
laid out, as Python would run it.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from inspect import signature
from types import CodeType
from typing import Any

import numpy as np

from ms_func import config
from ms_func.control_flow import bodies
from ms_func.control_flow.stack_machine import recur_p, recurs, run_recursive
from ms_func.errors import ConcretizationTypeError
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.source.hooks.calls.reaching import catches, may_call_itself
from ms_func.source.hooks.containers import pools
from ms_func.source.hooks.depth import room
from ms_func.source.hooks.flow.carry import LoopPlan, are_chosen, finals_at_entry, shapes, where
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT, Mismatch, Overlay, is_number, take_apart
from ms_func.source.hooks.heap.journal import (
    MISSING,
    MUTABLE,
    Cell,
    Location,
    frozen_handle,
    is_inside,
    journal,
)
from ms_func.source.hooks.heap.trials import Again, Trial
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining import attempts
from ms_func.source.hooks.joining.forgotten import forget
from ms_func.source.hooks.joining.join import Plan
from ms_func.source.hooks.joining.outcomes import Bottom
from ms_func.source.hooks.joining.region import Region, finals, put
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.nodes import Itself, Tree, walk
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.types import converted, materialized, promoted
from ms_func.tracing.tracer import Staging

_MOST, _DEEPEST = 64, 12
"""Calls that are laid out, and how deep, before Python numbers among the arguments are traced."""
_ROUNDS = 6
_FORMS = 100
"""Forms of arguments in calls inside of each other."""


class _Active(threading.local):
    """What is recorded in this thread.

    Attributes:
        roots: calls whose arguments are parameters, the outer ones first.
        native: code of functions that were found not to call themselves on traced data.
        tried: code of functions that run as in Python until they call themselves on traced data,
            the outer ones first, and whether their outermost call becomes the root then.
    """

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self.native: set[CodeType] = set()
        self.tried: dict[CodeType, bool] = {}


_active = _Active()
_numbers = itertools.count()


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
    own = [root for root in _active.roots if root.f is f or _is_same(root.f, f)]
    for root in reversed(own):
        done, value = root.call(args, kwargs, root is own[-1])
        if done:
            return value
    if len(own) > _FORMS:
        raise complaints.ever_new(f)
    plain = next((root for root in own if not root.scalars), None)
    if plain is not None:
        plain.count += 1
        if plain.count > _MOST or len(own) > _DEEPEST or _is_deep():
            raise Again(plain, "numbers")  # it is too long to be laid out
    if not _is_running(made.__code__):
        return _for_the_first_time(f, made, args, kwargs)
    return _from_root(f, made, args, kwargs)


def _bound(f: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of a call, however it is written, those left out included."""
    found = signature(f, follow_wrapped=False).bind(*args, **kwargs)
    found.apply_defaults()
    return found.args, tuple(found.kwargs.items())


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
    if code in _active.tried or code in _active.native or not may_call_itself(f):
        return made(*args, **kwargs)
    return _tried(f, made, args, kwargs)


def _tried(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """The outermost call of a function that may turn out to be recursive.

    If it does, this call is the root, so that there is one program, and not one for each place
    inside of the call from which it is called again.
    """
    code = made.__code__
    trial = Trial()
    _active.tried[code] = True
    try:
        with trial:
            found = made(*args, **kwargs)
        trial.frame.commit()
        return found
    except _Outermost as outermost:
        if outermost.code is not code:
            raise
        trial.rewind()
        _active.tried[code] = False
        return _from_outermost(f, made, args, kwargs)
    finally:
        del _active.tried[code]


def _from_outermost(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    """The outermost call as a root; as in Python, if it cannot be one or need not."""
    trial = Trial()
    try:
        with trial.frame:
            root, done, found = _as_root(f, made, args, kwargs)
        if done and root.used:
            trial.frame.commit()
            return found
    except Exception:  # whatever it is, it comes again
        pass
    trial.rewind()
    return made(*args, **kwargs)


def _from_root(f: Any, made: Any, args: Any, kwargs: Any) -> Any:
    code, around = made.__code__, _active.roots[-1:]
    if code in _active.native or any(code in root.unused for root in around):
        return made(*args, **kwargs)
    if _active.tried.get(code, False):
        raise _Outermost(code)
    root, done, found = _as_root(f, made, args, kwargs)
    if done:
        return found
    return made(*args, **kwargs) if root.slots else _natively(code, made, args, kwargs)


def _as_root(f: Any, made: Any, args: Any, kwargs: Any) -> tuple[Root, bool, Any]:
    """The call recorded as a root: the root, whether it can be one, and the value."""
    around = _active.roots[-1:]
    scalars = arrays = False
    pools.suggest((*args, *kwargs.values()))
    while True:
        root = Root(f, made, args, kwargs, scalars, arrays)
        if not root.slots and not scalars:
            scalars = True
            continue
        try:
            return root, True, root.run()
        except Again as again:
            if again.root is not root:
                raise
            scalars, arrays = scalars or again.wider == "numbers", arrays or again.wider == "arrays"
        except ConcretizationTypeError:
            if not scalars:
                raise
            return root, False, None
        except _Stores:
            for outer in around:
                outer.unused.add(made.__code__)
            return root, False, None


def _natively(code: CodeType, made: Any, args: Any, kwargs: Any) -> Any:
    """The call laid out; so are those inside it, which are given nothing to look at either."""
    _active.native.add(code)
    try:
        return made(*args, **kwargs)
    finally:
        _active.native.discard(code)


class _Stores(Exception):
    """A function that does not call itself after all stores to objects."""


class _Inputs(LoopPlan):
    """Joins what one call gets with what a call inside of it gets.

    Attributes:
        arrays: whether arrays are parameters that are the same in both.
    """

    arrays = True

    def _are_lists(self, own: Sequence[Any]) -> bool:
        """A list that becomes shorter ends the recursion."""
        return super()._are_lists(own) and len({len(p.children) for p in own}) == 1

    def join(self, values: Sequence[Any], path: Any) -> Any:
        """An array that is handed on is looked at, and stored to, where it is."""
        entry, inner = values
        if not self.arrays and entry is inner and is_number(entry) and np.ndim(entry):
            return Itself(entry)
        return super().join(values, path)

    def same(self, values: Sequence[Any], path: Any) -> bool:
        """Data may choose other objects in a call inside."""
        entry = values[0]
        return (type(entry) is not Choice or entry.are_functions) and super().same(values, path)

    def agrees(self, columns: Sequence[Any], path: Any) -> bool:
        """What data chose before a call may be another one in it."""
        return not self.eager and super().agrees(columns, path)


class _Outputs(LoopPlan):
    """What one call leaves, as parts that the program computes.

    Attributes:
        handed: arrays that are handed on, by identity.
    """

    handed: frozenset[int] = frozenset()

    def join(self, values: Sequence[Any], path: Any) -> Any:
        """An array that is handed on may be handed back."""
        x = values[0]
        return Itself(x) if id(x) in self.handed else super().join(values, path)

    def same(self, values: Sequence[Any], path: Any) -> bool:
        """Containers that the call made are made anew of their parts."""
        return super().same(values, path) and not self._was_made_inside(values[0])

    def _was_made_inside(self, x: Any) -> bool:
        if self.is_inner(x):
            return True
        if (
            is_number(x)
            or id(x) in self.outer
            or (callable(x) and type(x) not in (Choice, Perhaps))
        ):
            return False
        apart = take_apart(x, self.overlays[0])
        return apart is not None and any(map(self._was_made_inside, apart.children))


class Root:
    """A call of a recursive function, recorded with its arguments as parameters.

    Attributes:
        f: the function.
        scalars: whether Python numbers among the arguments are parameters.
        arrays: whether arrays are that are handed on as they are.
        places: locations outside of the function that it stores to, by key.
        nodes: how the arguments are made of the parameters; `stores`, what the places hold.
        slots: numbers and arrays among them, in the order of the parameters.
        handed: arrays among the arguments that are handed on, by identity.
        result: how the value is made of the results of the program; None while not known.
        left: the same for the places.
        unused: code of functions inside that do not call themselves.
    """

    def __init__(
        self, f: Any, made: Any, args: Any, kwargs: Any, scalars: bool, arrays: bool
    ) -> None:  # fmt: skip
        self.f = f
        self.made = made
        self.given = _bound(f, args, kwargs)
        self.scalars = scalars
        self.arrays = arrays
        self.number = next(_numbers)
        self.count = 0
        self.used = False
        self.unused: set[CodeType] = set()
        self.places: dict[Any, Location] = {}
        self.wanted: list[Any] = []
        self._enter()
        self.result: Any = None
        self.left: dict[Any, Any] = {}
        self.types: list[ArrayType] = []
        self.paths: list[Any] = []

    def _enter(self) -> None:
        """Work out the parameters."""
        self.entry = self._held()
        plan, self.nodes, self.stores = self._joined(self.given, self._held(), {}, {}, self.arrays)
        self.slots = plan.keep([*self.nodes, *self.stores.values()])
        self.forms = shapes(self.nodes, self.stores, (0,))
        parts = [c for n in walk(self.nodes) if type(n) is Tree for c in n.children]
        kept = [n.value for n in (*self.nodes, *parts) if type(n) is Itself]
        self.handed = frozenset(map(id, kept))

    def _held(self) -> dict[Any, Any]:
        """What the places hold now; containers are read as copies."""
        return {key: finals_at_entry(place) for key, place in self.places.items()}

    def _joined(
        self, inner: Any, held: dict[Any, Any], given: Any, previous: Any, arrays: bool
    ) -> tuple[Any, list[Any], dict[Any, Any]]:  # fmt: skip
        """A plan, and nodes of the arguments and of the places, for a call inside.

        Raises:
            Mismatch: it has other structure.
        """
        before = Overlay({k: MISSING if x is UNDEFINED else x for k, x in self.entry.items()})
        before.wanted = []
        plan = _Inputs((before, PRESENT), given, previous, eager=True, scalars=self.scalars)
        plan.arrays = arrays
        nodes = [plan.join((self.given, inner), (0,))]
        plan.arrays = plan.scalars = plan.grows = True
        stores = {
            key: plan.of_place((self.entry[key], held[key]), place)
            for key, place in self.places.items()
        }
        if before.wanted:
            self.wanted = before.wanted
            raise Again(self)
        return plan, nodes, stores

    def run(self) -> Any:
        """The value of the call."""
        rounds = 0
        while rounds < _ROUNDS + len(self.slots):
            rounds += 1
            self._number()
            region = Region(getattr(self.f, "__name__", "function"))
            self.params = [region.parameter(s.type) for s in self.slots]
            self.count, self.used = 0, False
            _active.roots.append(self)
            journal.stand_ins += self.scalars
            try:
                region.run(self._body)
            except Again as again:
                if again.root is not self or again.wider:
                    raise
                continue
            except Bottom as bottom:
                if bottom.number != self.number:
                    raise
                raise complaints.endless(self.f) from None
            finally:
                _active.roots.pop()
                journal.stand_ins -= self.scalars
            if self._settle(region):
                return self._value(region)
        raise complaints.endless(self.f)

    def _number(self) -> None:
        """Give numbers to objects that were found in lists that grow."""
        if self.wanted:
            for x in self.wanted:
                identity.tag_of(x, PRESENT)
            self.wanted = []
            self._enter()

    def _body(self) -> Any:
        params, made = [frozen_handle(p) for p in self.params], {}
        args, kwargs = self.nodes[0].build(params, made)
        for key, node in self.stores.items():
            put(self.places[key], node.build(params, made))
        found = self.made(*args, **dict(kwargs))
        n = len(params) - len(self._of_places())
        if any(
            a.variable is not b.variable for a, b in zip(params[:n], self.params[:n], strict=True)
        ):
            raise complaints.side_effect(
                f"`{_name(self.f)}`, which calls itself, stores to an array that it is given, and "
                "calls itself with another one"
            )
        return found

    def _of_places(self) -> list[Any]:
        return [s for s in self.slots if isinstance(s.path[0], Location)]

    def call(self, args: Any, kwargs: Any, is_last: bool) -> tuple[bool, Any]:
        """A call of the function by itself: whether it is this recursion, and its value.

        Where calls with other numbers lie between (`is_last` is False), these change with the data.
        """
        inner = _bound(self.f, args, kwargs)
        held = self._held()
        slots = self._slots_of(inner, held, self.arrays)
        if slots is None:
            if not self.arrays and self._slots_of(inner, held, True, len(self.slots)) is not None:
                raise Again(self, "arrays")
            return False, None
        if not is_last and not self.scalars:
            raise Again(self, "numbers")
        if any(a.type is not b.type for a, b in zip(slots, self.slots, strict=True)):
            for a, b in zip(slots, self.slots, strict=True):
                b.type = a.type
            raise Again(self)
        self.used = True
        if self.result is None:
            raise Bottom(self.number)
        operands = [materialized(s.columns[1], s.type) for s in slots]
        outs = recur_p.bind(*operands, number=self.number, types=tuple(self.types))
        made: dict[int, Any] = {}
        value = self.result.build(outs, made)
        for key, node in self.left.items():
            put(self.places[key], node.build(outs, made))
        return True, value

    def _slots_of(
        self, inner: Any, held: dict[Any, Any], arrays: bool, fewest: int = 0
    ) -> list[Any] | None:
        """The slots of a call inside; None where it has another structure than this one."""
        given = {id(p.variable): s for p, s in zip(self.params, self.slots, strict=True)}
        previous = {where(s.path): s for s in self.slots}
        try:
            plan, nodes, stores = self._joined(inner, held, given, previous, arrays)
        except Mismatch:
            return None
        forms, own = shapes(nodes, stores, (0,)), self.forms
        if fewest:
            own = _as_slots(own[0], self.handed), own[1]
        if forms[0] != own[0]:
            if are_chosen(own[0], forms[0]):
                entry = [s.columns[0] for s in plan.keep(nodes)]
                self.given = nodes[0].build(entry, {})
                self._enter()
                raise Again(self)
            return None
        slots = plan.keep([*nodes, *stores.values()])
        if forms != own:
            if self._grows(stores, slots, forms):
                raise Again(self)
            return None
        same = len(slots) > fewest if fewest else len(slots) == len(self.slots)
        return slots if same else None

    def _grows(self, stores: dict[Any, Any], slots: list[Any], forms: Any) -> bool:
        """Keep what the places hold in rooms, where a call finds or leaves more there.

        Then the call has to be recorded with these.
        """
        if all(self.forms[1][k] == forms[1][k] or _is_stretch(stores[k]) for k in stores):
            self.stores, self.slots, self.forms = stores, slots, forms
            self.result, self.left = None, {}  # calls leave something else than was thought
            return True
        return False

    def _leaves_more(self, region: Region) -> bool:
        """Whether calls lengthen lists after the calls inside of them, which now have rooms."""
        held = {key: finals(region, key, place) for key, place in self.places.items()}
        previous = {where(s.path): s for s in self.slots}
        given = {id(p.variable): s for p, s in zip(self.params, self.slots, strict=True)}
        try:
            with region.reopened():
                plan, nodes, stores = self._joined(self.given, held, given, previous, self.arrays)
        except Mismatch:
            return False
        slots, forms = plan.keep([*nodes, *stores.values()]), shapes(nodes, stores, (0,))
        return forms != self.forms and self._grows(stores, slots, forms)

    def _settle(self, region: Region) -> bool:
        """Take over the structure of the result; whether it is what the calls inside assumed."""
        if not self.used and region.entries:
            raise _Stores
        plan = _Outputs((region.overlay, region.overlay), {}, {}, eager=True)
        plan.outer = {id(place.owner) for place in self.places.values()}
        plan.handed = self.handed
        if region.error is not None:
            raise failures.again(region.error)
        if self.used and self._leaves_more(region):
            return False
        node = plan.join((region.value, region.value), (0,))
        places = {**self.places, **region.entries}
        left: dict[Any, Any] = {}
        for key, place in places.items():
            final = finals(region, key, place)
            left[key] = plan.of_place((final, _reread(final)), place)
        final = None  # the journal counts who knows an object
        self._forget(region, plan, places, node, left)
        slots = plan.keep([node, *left.values()])
        paths, types = [where(s.path) for s in slots], [s.type for s in slots]
        if paths == self.paths:
            types = [promoted(a, b) or b for a, b in zip(self.types, types, strict=True)]
        settled = not self.used or (self.result is not None and types == self.types)
        self.result, self.left, self.types, self.paths = node, left, types, paths
        self.columns = [s.columns[1] for s in slots]
        if len(places) > len(self.places):
            self.places = places
            self._enter()
            return False
        return settled

    def _forget(
        self, region: Region, plan: Plan, places: dict[Any, Any], node: Any, left: dict[Any, Any]
    ) -> None:  # fmt: skip
        """Leave out objects that each call makes anew."""
        plan.release()
        forget([region], places, [node], left, self.places)

    def _value(self, region: Region) -> Any:
        with region.reopened():
            results = [converted(x, t) for x, t in zip(self.columns, self.types, strict=True)]
        staged = region.finish(results)
        args = [materialized(s.columns[0], s.type) for s in self.slots]
        if recurs(staged.fn, self.number):
            outs = run_recursive(
                staged.fn, self.number, staged.captured, args, config.recursion_limit.value
            )
        else:
            outs = current.interpreter.apply(staged.fn, [*staged.captured, *args])
        made: dict[int, Any] = {}
        values = bodies.values(outs)
        value = self.result.build(values, made)
        for key, node in self.left.items():
            put(self.places[key], node.build(values, made))
        return value


def _as_slots(form: Any, handed: frozenset[int]) -> Any:
    """What a form is where the arrays that are handed on are parameters."""
    if isinstance(form, (tuple, list)):
        return type(form)([_as_slots(part, handed) for part in form])
    return "slot" if form in handed else form


def _is_stretch(node: Any) -> bool:
    """Whether a place holds a container that is built of rooms."""
    return type(node) is Tree and node.is_stretch


def _reread(x: Any) -> Any:
    """What a location holds, read once more."""
    return x.copy() if isinstance(x, MUTABLE) else x


def _name(f: Any) -> str:
    return getattr(f, "__name__", "a function")
