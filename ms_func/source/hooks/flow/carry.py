"""The carry of a loop: which values a step hands to the next, and of which types.

It is a fixpoint. The first recording carries the numbers and arrays among the local variables that
the body assigns. What the body then changes beyond them (elements of containers, attributes, other
arrays stored to) joins the carry, and it is recorded again until nothing is added. What the body
leaves as it was is no carry but a constant of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import BuiltinMethodType
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.loc import Loc
from ms_func.ir.types import ArrayType
from ms_func.source.hooks.heap import complaints, identity, views
from ms_func.source.hooks.heap.anatomy import (
    NONE_LIKE,
    PRESENT,
    SCALARS,
    Mismatch,
    equal_constants,
    is_number,
    take_apart,
)
from ms_func.source.hooks.heap.journal import (
    MISSING,
    Contents,
    Location,
    frozen_handle,
    journal,
    same_contents,
)
from ms_func.source.hooks.heap.undefined import IS_BOUND, UNDEFINED, Absent
from ms_func.source.hooks.joining.forgotten import forget
from ms_func.source.hooks.joining.join import Plan
from ms_func.source.hooks.joining.region import Region, finals, put
from ms_func.source.hooks.values import conditions
from ms_func.source.hooks.values.growing import Growing
from ms_func.source.hooks.values.nodes import Itself, Path, Same, Slot, Tagged, Tree
from ms_func.source.hooks.values.truths import asked, truth
from ms_func.source.hooks.values.types import promoted, type_of
from ms_func.tracing.tracer import Tracer

State = tuple[Any, ...]


class TestStores(Exception):
    """The test of a loop changes an object, so that it cannot be a program of its own."""


class Step(NamedTuple):
    """What one recording of a loop found.

    Attributes:
        params: parameters of the body, one per slot of the carry.
        test_params: parameters of the test.
    """

    test: Region
    body: Region
    more: Any
    params: list[Tracer]
    test_params: list[Tracer]


class LoopPlan(Plan):
    """Joins the entry of a loop with what a recording of its body leaves.

    Attributes:
        given: the slot of the previous plan that each parameter of the recording stands for.
        previous: slots of the previous plan by path.
        eager: whether every number of the state is carried, changed or not.
        scalars: whether Python numbers are among them.
        grows: whether lists may become longer.
        fixed: slots (by identity) that no step changes.
    """

    rings = False

    def __init__(
        self, overlays: Sequence[Any], given: dict[int, Slot], previous: dict[Any, Slot],
        eager: bool = False, scalars: bool = True, grows: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(overlays)
        self.given = given
        self.previous = previous
        self.eager = eager
        self.scalars = scalars
        self.grows = grows
        self.fixed: set[int] = set()

    def join(self, values: Sequence[Any], path: Any) -> Any:
        """Equal numbers at the entry need not stay equal."""
        if not self.eager:
            return super().join(values, path)
        return self.once(tuple(map(id, values)), values, path)

    def same(self, values: Sequence[Any], path: Any) -> bool:
        """The entry is carried until the end if it was ever; elements of tuples are looked at."""
        entry = values[0]
        if self.eager and (is_number(entry) or isinstance(entry, (tuple, *NONE_LIKE))):
            return False
        return super().same(values, path)

    def number(self, values: Sequence[Any], present: Sequence[Any], path: Any) -> Any:
        """A slot for what is carried."""
        before = self.previous.get(where(path))
        entry, out = values
        eager = self.eager and (self.scalars or not isinstance(entry, SCALARS))
        if before is None and not eager:
            return super().number(values, present, path)
        if type(out) is Tracer:
            out = self.overlays[1].handle(out)
        unchanged = before is not None and (
            self._is_own(out, before) or equal_constants(entry, out)
        )
        if before is None:
            kind = self.common_type(values, path)
        elif unchanged or out is UNDEFINED:
            kind = before.type
        else:
            kind = self._grown(before.type, entry, out, path)
        if type(entry) is Tracer:
            entry = self.overlays[0].handle(entry)
        made = self.slot([entry, out], kind, path)
        if unchanged:
            self.fixed.add(id(made))
        if kind.shape:
            self.tag_array(made, values)
        return made

    def computed(self, columns: Sequence[Any], type: ArrayType, path: Any) -> Slot:
        """A slot, which the body may leave as it was."""
        made = super().computed(columns, type, path)
        before = self.previous.get(where(path))
        if before is not None and self._is_own(columns[1], before):
            self.fixed.add(id(made))
        return made

    def agrees(self, columns: Sequence[Any], path: Any) -> bool:
        """What is carried once is carried until the end."""
        return where(path) not in self.previous and super().agrees(columns, path)

    def _are_lists(self, own: Sequence[Any]) -> bool:
        """A list may become shorter in a loop; one that becomes longer is not of this kind."""
        longest = len(own[0].children)
        return super()._are_lists(own) and all(len(p.children) <= longest for p in own)

    def _grow(self, own: Sequence[Any]) -> bool:
        """Whether a list becomes longer in a loop that may take any number of steps."""
        if not Plan._are_lists(self, own):
            return False
        longer = self.grows and len(own[-1].children) > len(own[0].children)
        return longer or any(type(c) is Growing for p in own for c in p.children)

    def _object(self, node: Tree, values: Sequence[Any], path: Path) -> None:
        """Give numbers to what is another object from step to step: who is whom, only data know."""
        if self.links is None or type(path[-1]) is Contents:  # a copy of what an object holds
            return
        for v, o in zip(values, self.overlays, strict=True):
            if v is not UNDEFINED:
                identity.tag_of(v, o)
        super()._object(node, values, path)

    def _stands_for(self, node: Slot | Tree, values: Sequence[Any], path: Path) -> None:
        """Which object is left is told by its number."""

    def _is_own(self, out: Any, before: Slot) -> bool:
        return type(out) is Tracer and self.given.get(id(out.variable)) is before

    def common_type(self, values: Sequence[Any], path: Any) -> ArrayType:
        """Type of the carry from entry and result."""
        entry, out = values
        if entry is UNDEFINED or out is UNDEFINED:
            return super().common_type(values, path)
        return self._grown(type_of(entry), entry, out, path)

    def _grown(self, now: ArrayType, entry: Any, out: Any, path: Any) -> ArrayType:
        """The type that stays: one that holds what enters and what leaves."""
        found = type_of(out)
        wanted = promoted(now, found)
        if wanted is None:
            raise Mismatch(path, (entry, out))
        if wanted.dtype != now.dtype and now.dtype == np.bool_ and not isinstance(entry, bool):
            raise Mismatch(path, (entry, out))
        return wanted


def _numbered(places: dict[Any, Location]) -> bool:
    """Give numbers to objects that got them in a step only, but were there before the loop."""
    found = [x for x in places.values() if type(x) is identity.Number and x.read() is MISSING]
    for x in found:
        identity.tag_of(x.owner, PRESENT)
    return bool(found)


def where(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """The path by names, without the containers themselves."""
    head = path[0]
    return (head.key if isinstance(head, Location) else head, *path[1:])


class Carry:
    """The carry of a loop while it is worked out.

    Attributes:
        state: values of the local variables at the entry.
        places: locations of the heap that the body stores to.
        nodes: how the state of a step is made of the slots, place by place.
        stores: the same for the locations.
        slots: parts that are carried.
        fixed: slots (by identity) that no step changes.
        scalars: whether Python numbers are carried that might stay the same.
        grows: whether lists may become longer: there may be any number of steps.
        saw_undefined: whether the last recording joined something with an unbound name.
        decided: axes along which devices may take another number of steps; see `while_loop`.
        outer: variables that the body shares with the code around the loop.
        flag: position of the flag that `break` sets, which ends the loop.
    """

    def __init__(
        self, state: State, names: Sequence[str], loc: Loc | None, grows: bool
    ) -> None:  # fmt: skip
        self.state = state
        self.grows = grows
        self.names = names
        self.loc = loc
        self.places: dict[Any, Location] = {}
        self.nodes: list[Any] = []
        self.stores: dict[Any, Any] = {}
        self.slots: list[Slot] = []
        self.fixed: set[int] = set()
        self.scalars = True
        self.saw_undefined = False
        self.decided: frozenset[Any] = frozenset()
        self.outer: tuple[Any, ...] = ()
        self.flag = names.index("<break>") if list(names).count("<break>") == 1 else None

    def start(self) -> None:
        """Carry all numbers of the state; without `scalars` only the arrays."""
        plan = LoopPlan((PRESENT, PRESENT), {}, {}, eager=True, scalars=self.scalars)
        self.nodes = [
            Same(v)
            if views.is_shared(v) or not (is_number(v) or isinstance(v, tuple))
            else plan.join((v, v), (i,))
            for i, v in enumerate(self.state)
        ]
        self.slots = plan.keep(self.nodes)
        self.places, self.stores, self.fixed = {}, {}, set()

    def record(self, test: Callable[..., Any], body: Callable[..., State]) -> Step:
        """Record test and body with the carry as parameters."""
        ahead, step = Region("test", self.decided), Region("step", self.decided)
        test_params = [ahead.parameter(s.type) for s in self.slots]
        found: list[Any] = []

        def look() -> Any:
            state = self._given(test_params)
            found.append([place.read() for place in self.places.values()])
            more = asked(test(*state))
            found.append([place.read() for place in self.places.values()])
            return truth(more) if type(more) is Tracer else bool(more)

        more = ahead.run(look)
        if ahead.never:
            more = False
        if ahead.entries and self._stores(ahead, *found):
            raise TestStores
        params = [step.parameter(s.type) for s in self.slots]
        joins = journal.undefined
        given: list[Any] = []

        def run() -> State:
            given.extend(self._given(params))
            if self.flag is not None:
                given[self.flag] = False  # a step only runs while the flag is not set
            return body(*given)

        names = {p.variable: q.variable for p, q in zip(test_params, params, strict=True)}
        with conditions.holding(more, 1, names):
            step.run(run)
        if step.never:
            step.value, step.error = tuple(given), None
        given.clear()
        self.saw_undefined = journal.undefined != joins
        return Step(ahead, step, more, params, test_params)

    def _stores(self, region: Region, before: list[Any], after: list[Any]) -> bool:
        """Whether the test changed an object that outlives it."""
        if not all(map(same_contents, before, after)):
            return True
        before.clear()
        after.clear()
        others = {key: x for key, x in region.entries.items() if key not in self.places}
        forget([region], others, (), dict.fromkeys(others))
        return bool(others)

    def _given(self, params: Sequence[Tracer]) -> list[Any]:
        """The state of a step made of parameters; the heap is written to match."""
        made: dict[int, Any] = {}
        params = [frozen_handle(p) for p in params]  # stores to these leave the parameters
        state = [n.build(params, made) for n in self.nodes]
        for key, node in self.stores.items():
            put(self.places[key], node.build(params, made))
        return state

    def grow(self, step: Step) -> bool:
        """Add to the carry what the recording changed; whether anything was added.

        Raises:
            StagingError: MS101, something changes its type or its structure.
        """
        given = {id(p.variable): s for p, s in zip(step.params, self.slots, strict=True)}
        before = {where(s.path): s for s in self.slots}
        plan = LoopPlan((PRESENT, step.body.overlay), given, before, grows=self.grows)
        plan.outer = set(map(id, (*self.state, *self.outer)))
        plan.links = (None, step.body.trace.links)
        nodes, stores, places = self._joined(step, plan)
        self._forget(step, plan, places, nodes, stores)
        if _numbered(places):
            return True
        slots = plan.keep([*nodes, *stores.values()])
        axes = step.more.type.vma if type(step.more) is Tracer else frozenset()
        decided, self.decided = self.decided, self.decided | axes
        for s in slots:
            s.type = s.type.varying(s.type.vma | self.decided)
        old, new = (shapes(*of, self.state) for of in ((self.nodes, self.stores), (nodes, stores)))
        grown = not axes <= decided or self._differ(slots, before) or old != new
        self.places, self.nodes, self.stores, self.slots = places, nodes, stores, slots
        self.fixed = plan.fixed
        if not grown:
            self._reorder(step, before)
        return grown

    def _joined(self, step: Step, plan: LoopPlan) -> tuple[list[Any], dict[int, Any], Any]:
        """What the variables and the places hold at the entry, joined with what a step leaves.

        Returns:
            Nodes of the variables; of the places, or what is wrong with them; all places.

        Raises:
            StagingError: MS101, a variable changes its type or its structure.
        """
        nodes, stores = [], {}
        for i, (entry, out) in enumerate(zip(self.state, step.body.value, strict=True)):
            try:
                nodes.append(plan.join((entry, out), (i,)))
            except Mismatch as error:
                raise self._complaint(error, step) from None
        places = dict(self.places)
        for key, place in step.body.entries.items():
            places.setdefault(key, place)
        for key, place in places.items():
            pair = finals_at_entry(place), finals(step.body, key, place)
            try:
                stores[key] = plan.of_place(pair, place)
            except Mismatch as error:
                stores[key] = self._complaint(error, step)
        for key, place in step.body.late().items():
            places[key] = place
            pair = finals_at_entry(place), finals(step.body, key, place)
            stores[key] = plan.of_place(pair, place)
        return nodes, stores, places

    def _differ(self, slots: Sequence[Slot], before: dict[Any, Slot]) -> bool:
        """Whether a recording with these slots could differ from that with those before."""
        fresh = [s for s in slots if where(s.path) not in before]
        unread = not self.saw_undefined and all(map(_binds, fresh))
        same = all(s.type is before[where(s.path)].type for s in slots if where(s.path) in before)
        merged = not {where(s.path) for s in slots} >= set(before)  # the test may look at it
        return merged or not (same and (unread or not fresh))

    def _reorder(self, step: Step, before: dict[Any, Slot]) -> None:
        """Parameters in the order of the slots, with new ones for what was unbound before.

        A local variable that the loop binds first is not read before, so that no recording has
        to see the parameter that carries it.
        """
        for region, params in ((step.body, step.params), (step.test, step.test_params)):
            old = dict(zip(before, params, strict=True))
            params[:] = [
                old[where(s.path)] if where(s.path) in old else region.parameter(s.type)
                for s in self.slots
            ]

    def _forget(
        self, step: Step, plan: Plan, places: dict[Any, Any], nodes: Sequence[Any], stores: Any
    ) -> None:  # fmt: skip
        """Leave out objects that are made anew in each step."""
        plan.release()
        forget([step.body], places, nodes, stores, self.places)
        for node in stores.values():
            if isinstance(node, Exception):
                raise node

    def _complaint(self, error: Mismatch, step: Step) -> Exception:
        return complaints.carry_changed(error, self.names, step.body, self.loc)

    def result(self, outs: Sequence[Any], starts: bool) -> State:
        """The state after the loop from its results, one per slot; the heap is written.

        `starts` says that there was a step, so that what every step sets to a bool is known.
        """
        if starts:
            ends = [s.columns[1] for s in self.slots]
            outs = [x if type(end) is not bool else end for x, end in zip(outs, ends, strict=True)]
        made: dict[int, Any] = {}
        state = tuple([n.build(outs, made) for n in self.nodes])
        for key, node in self.stores.items():
            put(self.places[key], node.build(outs, made))
        return state


def _binds(slot: Slot) -> bool:
    """Whether a slot belongs to a local variable that the loop binds first."""
    entry = slot.columns[0]
    return type(slot.path[0]) is int and (
        entry is UNDEFINED or (entry is False and slot.path[-1] is IS_BOUND)
    )


def finals_at_entry(place: Location) -> Any:
    """What a location holds before the loop."""
    found = place.read()
    return place.nothing if found is MISSING else found


def shapes(nodes: Sequence[Any], stores: dict[Any, Any], state: State) -> Any:
    """What decides how the body runs. It does not read what is unbound at the entry."""
    read = [None if type(v) is Absent else _shape(n, ()) for n, v in zip(nodes, state, strict=True)]
    return read, {k: _shape(n, ()) for k, n in stores.items()}


def _shape(node: Any, around: tuple[Any, ...]) -> Any:
    """What of a node decides how the body runs; `around` are those that it is a part of."""
    if type(node) is Slot:
        return "slot"
    if type(node) is Tree:
        if node in around:  # an object that holds itself
            return "around", around.index(node)
        return tuple(_shape(c, (*around, node)) for c in node.children)
    if type(node) is Tagged:
        return _shape(node.number, around)
    if type(node) is Itself:
        return id(node.value)
    return _constant_shape(node.value)


def _constant_shape(x: Any, around: tuple[int, ...] = ()) -> Any:
    """Equal for constants that are as good as the same, such as one method taken twice."""
    if isinstance(x, (*SCALARS, str)):
        return type(x), repr(x)
    if type(x) is Tracer:
        return id(x.variable)
    if type(x) is tuple:  # such as a step makes anew
        return tuple([_constant_shape(y, around) for y in x])
    if id(x) in around or (not callable(x) and not isinstance(x, Exception)):
        return id(x)
    if isinstance(x, BuiltinMethodType):
        return id(x.__self__), x.__name__
    apart = take_apart(x)
    if apart is None:
        return id(x)
    return (apart.kind, *[_constant_shape(y, (*around, id(x))) for y in apart.children])


def are_chosen(old: Any, new: Any) -> bool:
    """Whether forms differ in that data choose a text or function where there was one, or fewer."""
    if old == new:
        return True
    if not isinstance(new, (tuple, list)) or len(new) > _ALTERNATIVES:
        return False
    if new[0] == "slot" and all(map(_is_constant, new[1:])):
        before = [old] if _is_constant(old) else old[1:] if isinstance(old, tuple) else ()
        return bool(before) and {*before} <= {*new[1:]}
    alike = type(old) is type(new) and len(old) == len(new)
    return alike and all(map(are_chosen, old, new))


def _is_constant(form: Any) -> bool:
    return isinstance(form, int) or (isinstance(form, tuple) and form[:1] == (str,))


_ALTERNATIVES = 17
"""Most texts among which data choose in the arguments of a recursion, and one."""
