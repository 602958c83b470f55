"""`while` and loops over values known only at run time: the carry, and staging the body.

A loop is recorded with some of its values as parameters: its *carry*. Which ones, and of
which types, is a fixpoint. The first recording carries the numbers and arrays among the
local variables that the body assigns. What the body then changes beyond them (elements of
containers, attributes, other arrays stored to) joins the carry, and it is recorded again
until nothing is added. What the body leaves as it was is no carry but a constant of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import BuiltinMethodType
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.loop_checkpoint import slots_for
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.errors import ConcretizationTypeError, StagingError
from ms_func.ir.function import Function
from ms_func.ir.loc import Loc, user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.source.hooks import aliases, complaints, conditions
from ms_func.source.hooks.anatomy import (
    PRESENT,
    SCALARS,
    Mismatch,
    equal_constants,
    is_number,
    take_apart,
)
from ms_func.source.hooks.branch import Bottom, cells
from ms_func.source.hooks.join import (
    Path,
    Plan,
    Remapped,
    Same,
    Slot,
    Tree,
    materialized,
    promoted,
    type_of,
    unlink,
)
from ms_func.source.hooks.journal import (
    MISSING,
    Frame,
    Location,
    frozen_handle,
    journal,
    same_contents,
)
from ms_func.source.hooks.region import Region, finals, held, is_forgotten, put
from ms_func.source.hooks.truths import asked, truth
from ms_func.source.hooks.undefined import UNDEFINED
from ms_func.tracing.stage import Staged, canonical
from ms_func.tracing.tracer import Staging, Tracer
from ms_func.transforms.passes import dce

State = tuple[Any, ...]
_ROUNDS = 4


def while_(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str] = ()
) -> State:
    """`while test: body`, for the values `state` of the local variables `names`."""
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
        with trial.frame:
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


class _TestStores(Exception):
    """The test of a loop changes an object, so that it cannot be a program of its own."""


def _staged(
    more: Any, test: Callable[..., Any], body: Callable[..., State], state: State,
    names: Sequence[str], loc: Loc | None,
) -> State:  # fmt: skip
    """The loop as one compiled `while`; `more` is what the test gives for `state`.

    Where the test stores to objects it becomes the end of the step, and its outcome is carried.
    """
    try:
        return staged_while(test, body, state, names, loc)
    except _TestStores:
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


class Trial:
    """Steps run as in Python while recording, which may be taken back.

    Attributes:
        frame: the journal of their stores.
    """

    def __init__(self) -> None:
        self.trace = current.interpreter
        self.mark = len(self.trace.eqns)
        self.frame = Frame(None)
        self._links = len(self.trace.links.order) if self.trace.links is not None else 0
        self._eqns: list[Any] = []
        self._finals: dict[Any, Any] = {}

    def rewind(self) -> None:
        """Take the steps back: their stores and what they recorded."""
        self._eqns = self.trace.eqns[self.mark :]
        self._finals = self.frame.finals()
        self.frame.undo()
        del self.trace.eqns[self.mark :]
        self._made = self._cut()

    def _cut(self) -> list[Any]:
        links = self.trace.links
        return [] if links is None else links.cut(self._links)

    def replay(self) -> None:
        """Do the steps that were taken back, forgetting what was recorded since."""
        self.trace.eqns[self.mark :] = self._eqns
        self._cut()
        for one in self._made:
            self.trace.links.add(one)
        for key, (location, _) in self.frame.entries.items():
            location.write(self._finals[key])


# --- the carry --------------------------------------------------------------------------------


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
        fixed: slots (by identity) that no step changes.
    """

    def __init__(
        self, overlays: Sequence[Any], given: dict[int, Slot], previous: dict[Any, Slot],
        eager: bool = False, scalars: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(overlays)
        self.given = given
        self.previous = previous
        self.eager = eager
        self.scalars = scalars
        self.fixed: set[int] = set()

    def join(self, values: Sequence[Any], path: Any) -> Any:
        """Equal numbers at the entry need not stay equal."""
        return self._join(values, path) if self.eager else super().join(values, path)

    def same(self, values: Sequence[Any], path: Any) -> bool:
        """The entry is carried until the end if it was ever; elements of tuples are looked at."""
        if self.eager and (is_number(values[0]) or isinstance(values[0], tuple)):
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
        return made

    def index(self, columns: Sequence[Any], path: Any) -> Any:
        """A slot for a choice, which the body may leave as it was."""
        made = super().index(columns, path)
        before = self.previous.get(where(path))
        if before is not None and self._is_own(columns[1], before):
            self.fixed.add(id(made))
        return made

    def _are_lists(self, own: Sequence[Any]) -> bool:
        """A list may become shorter in a loop, not longer."""
        longest = len(own[0].children)
        return super()._are_lists(own) and all(len(p.children) <= longest for p in own)

    def _stands_for(self, node: Slot | Tree, values: Sequence[Any], path: Path) -> None:
        """How many steps there are, and so which object is left, is not known."""
        if self.links is not None and type(node) is Tree:
            found: dict[int, Any] = {}
            for v, links in zip(values, self.links, strict=True):
                if v is not UNDEFINED:
                    one = aliases.choice_of(v, links)
                    found |= {id(x): x for x in ((v,) if one is None else one.origins)}
            node.origins = tuple(found.values())

    def _is_own(self, out: Any, before: Slot) -> bool:
        return type(out) is Tracer and self.given.get(id(out.variable)) is before

    def common_type(self, values: Sequence[Any], path: Any) -> ArrayType:
        """Type of the carry from entry and result."""
        entry, out = values
        if entry is UNDEFINED or out is UNDEFINED:
            return super().common_type(values, path)
        return self._grown(type_of(entry), entry, out, path)

    def _grown(self, now: ArrayType, entry: Any, out: Any, path: Any) -> ArrayType:
        """The type that stays. An array keeps its dtype, a Python number may take another."""
        found = type_of(out)
        wanted = promoted(now, found)
        if wanted is None or (
            wanted.dtype != now.dtype and not now.weak_type and now.dtype != np.bool_
        ):
            raise Mismatch(path, (entry, out))
        if wanted.dtype != now.dtype and now.dtype == np.bool_ and not isinstance(entry, bool):
            raise Mismatch(path, (entry, out))
        return wanted


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
        saw_undefined: whether the last recording joined something with an unbound name.
        decided: axes along which devices may take another number of steps; see `while_loop`.
        outer: variables that the body shares with the code around the loop.
        flag: position of the flag that `break` sets, which ends the loop.
    """

    def __init__(self, state: State, names: Sequence[str], loc: Loc | None) -> None:
        self.state = state
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
            plan.join((v, v), (i,)) if is_number(v) or isinstance(v, tuple) else Same(v)
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
            raise _TestStores
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
            step.value, step.never = tuple(given), False
        given.clear()
        self.saw_undefined = journal.undefined != joins
        return Step(ahead, step, more, params, test_params)

    def _stores(self, region: Region, before: list[Any], after: list[Any]) -> bool:
        """Whether the test changed an object that outlives it."""
        if not all(map(same_contents, before, after)):
            return True
        before.clear()
        after.clear()
        region.let_go()
        known = held([region])
        return not all(
            key in self.places or is_forgotten(x, known) for key, x in region.entries.items()
        )

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
        previous = {where(s.path): s for s in self.slots}
        plan = LoopPlan((PRESENT, step.body.overlay), given, previous)
        plan.outer = set(map(id, (*self.state, *self.outer)))
        plan.links = (None, step.body.trace.links)
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
                stores[key] = plan.join(pair, (place,))
            except Mismatch as error:
                stores[key] = self._complaint(error, step)
        entry = out = pair = None  # the journal counts who knows an object
        self._forget(step, plan, places, nodes, stores)
        slots = plan.keep([*nodes, *stores.values()])
        axes = step.more.type.vma if type(step.more) is Tracer else frozenset()
        decided, self.decided = self.decided, self.decided | axes
        for s in slots:
            s.type = s.type.varying(s.type.vma | self.decided)
        before = {where(s.path): s for s in self.slots}
        fresh = [s for s in slots if where(s.path) not in before]
        unread = not self.saw_undefined and all(
            s.columns[0] is UNDEFINED and type(s.path[0]) is int for s in fresh
        )
        same = all(s.type is before[where(s.path)].type for s in slots if where(s.path) in before)
        old = shapes(self.nodes, self.stores, self.state)
        merged = not {where(s.path) for s in slots} >= set(before)  # the test may look at it
        grown = (
            merged
            or not axes <= decided
            or not (same and (unread or not fresh))
            or old != shapes(nodes, stores, self.state)
        )
        self.places, self.nodes, self.stores, self.slots = places, nodes, stores, slots
        self.fixed = plan.fixed
        if grown:
            return True
        self._reorder(step, before)
        return False

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
        step.body.let_go()
        known = held([step.body])
        known += unlink([*nodes, *stores.values()], known, between=False)
        for key in list(stores):
            if key not in self.places and is_forgotten(places[key], known):
                del stores[key], places[key]
            elif isinstance(stores[key], Exception):
                raise stores[key]

    def _complaint(self, error: Mismatch, step: Step) -> Exception:
        return complaints.carry_changed(error, self.names, step.body, self.loc)

    def result(self, outs: Sequence[Any]) -> State:
        """The state after the loop from its results, one per slot; the heap is written."""
        made: dict[int, Any] = {}
        state = tuple([n.build(outs, made) for n in self.nodes])
        for key, node in self.stores.items():
            put(self.places[key], node.build(outs, made))
        return state


def finals_at_entry(place: Location) -> Any:
    """What a location holds before the loop."""
    found = place.read()
    return UNDEFINED if found is MISSING else found


def shapes(nodes: Sequence[Any], stores: dict[Any, Any], state: State) -> Any:
    """What decides how the body runs. It does not read what is unbound at the entry."""
    read = [None if v is UNDEFINED else _shape(n) for n, v in zip(nodes, state, strict=True)]
    return read, {k: _shape(n) for k, n in stores.items()}


def _shape(node: Any) -> Any:
    """What of a node decides how the body runs."""
    if type(node) is Slot:
        return "slot"
    if type(node) is Tree:
        return tuple(_shape(c) for c in node.children)
    return _constant_shape(node.value)


def _constant_shape(x: Any) -> Any:
    """Equal for constants that are as good as the same, such as one method taken twice."""
    if isinstance(x, (*SCALARS, str)):
        return type(x), repr(x)
    if not callable(x):
        return id(x)
    if isinstance(x, BuiltinMethodType):
        return id(x.__self__), x.__name__
    apart = take_apart(x)
    return id(x) if apart is None else (apart.kind, *map(_constant_shape, apart.children))


# --- staging ----------------------------------------------------------------------------------


def staged_while(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str],
    loc: Loc | None = None, max_trips: int | None = None, outer: tuple[Any, ...] = (),
) -> State:  # fmt: skip
    """The loop as one compiled `while`."""
    loc = user_loc(3) if loc is None else loc
    carry, step = recorded(test, body, state, names, loc, outer)
    return carry.result(_bind_while(carry, step, max_trips))


def recorded(
    test: Callable[..., Any], body: Callable[..., State], state: State, names: Sequence[str],
    loc: Loc | None, outer: tuple[Any, ...] = (),
) -> tuple[Carry, Step]:  # fmt: skip
    """The carry of a loop, and its test and body recorded with it."""
    carry = Carry(state, names, loc)
    carry.outer = (*cells(body), *outer)
    carry.start()
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
        rounds += 1
        if rounds > _ROUNDS + len(carry.slots):
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
        if s.columns[0] is UNDEFINED or isinstance(s.columns[0], Remapped)
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
