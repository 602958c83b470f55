"""A call of a function that calls itself, recorded as the program that `stack_machine` runs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from inspect import signature
from types import CodeType
from typing import Any

from ms_func import config
from ms_func.control_flow import bodies
from ms_func.control_flow.recur import recur_p, recurs
from ms_func.control_flow.stack_machine import run_recursive, run_shared
from ms_func.ir.types import ArrayType
from ms_func.source.hooks.flow.carry import are_chosen, finals_at_entry, shapes, where
from ms_func.source.hooks.heap import complaints, identity
from ms_func.source.hooks.heap.anatomy import PRESENT, Mismatch, Overlay
from ms_func.source.hooks.heap.journal import (
    MISSING,
    MUTABLE,
    Location,
    frozen_handle,
    journal,
)
from ms_func.source.hooks.heap.trials import Again
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.forgotten import forget
from ms_func.source.hooks.joining.join import Plan
from ms_func.source.hooks.joining.outcomes import Bottom
from ms_func.source.hooks.joining.region import Region, finals, put
from ms_func.source.hooks.recursion import programs
from ms_func.source.hooks.recursion.plans import Inputs, Outputs, differ
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.nodes import Itself, Tree, walk
from ms_func.source.hooks.values.types import converted, materialized, promoted

_ROUNDS = 6


class Active(threading.local):
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


active = Active()
_numbers = itertools.count()


class Stores(Exception):
    """A function that does not call itself after all stores to objects."""


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
        programs: calls inside, by form, that others may use while this one is recorded.
        shares: whether one of these was used again.
        frame: the journal of its stores, while it is recorded.
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
        self.programs: dict[Any, programs.Program] = {}
        self.shares = False
        self.frame: Any = None

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
        plan = Inputs((before, PRESENT), given, previous, eager=True, scalars=self.scalars)
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
            self.count, self.used, self.shares, self.programs = 0, False, False, {}
            active.roots.append(self)
            journal.stand_ins += self.scalars
            try:
                with conditions.apart():
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
                active.roots.pop()
                journal.stand_ins -= self.scalars
            if self._settle(region):
                return self._result(region)
        raise complaints.endless(self.f)

    def _number(self) -> None:
        """Give numbers to objects that were found in lists that grow."""
        if self.wanted:
            for x in self.wanted:
                identity.tag_of(x, PRESENT)
            self.wanted = []
            self._enter()

    def _body(self) -> Any:
        self.frame = journal.top
        params = [frozen_handle(p) for p in self.params]
        args, kwargs = self._given(params)
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

    def _given(self, params: Sequence[Any]) -> tuple[Any, Any]:
        """The arguments made of parameters; the heap is written to match."""
        made: dict[int, Any] = {}
        given = self.nodes[0].build(params, made)
        for key, node in self.stores.items():
            put(self.places[key], node.build(params, made))
        return given

    def _of_places(self) -> list[Any]:
        return [s for s in self.slots if isinstance(s.path[0], Location)]

    def call(self, args: Any, kwargs: Any, is_last: bool) -> tuple[bool, Any]:
        """A call of the function by itself: whether it is this recursion, and its value.

        Where calls with other numbers lie between (`is_last` is False), these change with the data.
        """
        inner = _bound(self.f, args, kwargs)
        if differ(self.given, inner):
            return False, None
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
        return True, self.value(outs)

    def is_of_another_structure(self, args: Any, kwargs: Any) -> bool:
        """Whether a call inside differs in more than numbers, as far as a glance tells."""
        return differ(self.given, _bound(self.f, args, kwargs))

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
            raise Stores
        plan = Outputs((region.overlay, region.overlay), {}, {}, eager=True)
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

    def _result(self, region: Region) -> Any:
        with region.reopened():
            results = [converted(x, t) for x, t in zip(self.columns, self.types, strict=True)]
        fn, captured = region.finish(results)[:2]
        if recurs(fn, self.number):
            limit = config.recursion_limit.value
            return self.value(run_recursive(fn, self.number, captured, self.entries(), limit))
        program = programs.kept(self, fn, captured, active.roots)
        if program is not None:
            return self.value(program.run(self.entries()))
        return self.value(run_shared(fn, captured, self.entries()))

    def entries(self) -> list[Any]:
        """The arguments of the program."""
        return [materialized(s.columns[0], s.type) for s in self.slots]

    def value(self, outs: Any) -> Any:
        """The value of the call from the results of the program; what it stores to is written."""
        made: dict[int, Any] = {}
        values = bodies.values(outs)
        value = self.result.build(values, made)
        for key, node in self.left.items():
            put(self.places[key], node.build(values, made))
        return value


def _bound(f: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of a call, however it is written, those left out included."""
    found = signature(f, follow_wrapped=False).bind(*args, **kwargs)
    found.apply_defaults()
    return found.args, tuple(found.kwargs.items())


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
