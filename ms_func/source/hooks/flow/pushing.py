"""Loops over generators of the user's, which call the body of the loop; see `source.pushing`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from types import CellType, FunctionType, GeneratorType
from typing import Any

from ms_func.errors import ConcretizationTypeError, StagingError
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers.running import Running
from ms_func.source.hooks.containers.uneven import truth_of
from ms_func.source.hooks.flow import iterators
from ms_func.source.hooks.flow.iterators import (
    advance,
    call_of,
    each,
    generator,
    held,
    kept,
    left_on_data,
    moves,
)
from ms_func.source.hooks.flow.iterators import numbered as each_numbered
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.journal import MISSING, Cell, store
from ms_func.source.hooks.heap.trials import Trial
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining import attempts
from ms_func.source.hooks.joining.branch import and_, if_, not_, or_
from ms_func.source.hooks.values.elements import Elements
from ms_func.tracing.tracer import Staging, Tracer

State = tuple[Any, ...]


class Variable(Cell):
    """A local variable of a loop whose body a generator calls."""

    __slots__ = ()
    absent = UNDEFINED


class Taker:
    """The body of a loop over a generator, and the local variables that it changes.

    Attributes:
        stop: position of the flag that ends the loop among the variables.
        is_endless: whether nothing else ends it.
    """

    def __init__(
        self, body: Callable[..., State], state: State, names: Sequence[str], stop: int | None
    ) -> None:
        self.body = body
        self.stop = stop
        self.is_endless = False
        self.names = names
        self.cells = [CellType() for _ in names]
        self._start = state

    def begin(self) -> None:
        """The variables have the values they have before the loop."""
        self._keep(self._start)

    def _keep(self, state: State) -> None:
        for cell, name, x in zip(self.cells, self.names, state, strict=True):
            store(Variable(cell, name), MISSING if x is UNDEFINED else x)

    @property
    def state(self) -> State:
        """The values of the variables."""
        found = [Variable(cell).read() for cell in self.cells]
        return tuple([UNDEFINED if x is MISSING else x for x in found])

    def end(self) -> State:
        """The values of the variables behind the loop."""
        found = list(self.state)
        if self.stop is not None and self.is_endless:
            found[self.stop] = True
        return tuple(found)

    def take(self, item: Any) -> Any:
        """One round of the loop; whether it is left."""
        given = list(self.state)
        if self.stop is not None:
            given[self.stop] = False  # a round only runs while the flag is not set
        self._keep(self.body(item, *given))
        return is_left(self)


def take(taker: Taker, item: Any) -> Any:
    """`yield item` of a generator turned inside out; whether it is left there."""
    return taker.take(item)


def is_left(taker: Taker) -> Any:
    """Whether the loop is left."""
    return False if taker.stop is None else taker.state[taker.stop]


def delegated(taker: Taker, x: Any) -> Any:
    """What `yield from x` gives in a generator turned inside out."""
    if type(x) is not GeneratorType:
        _all_of(taker, x)
        return None
    call = call_of(x)
    made = above.variant(call[0], "from") if isinstance(call, tuple) else None
    if made is None:
        raise complaints.yielded()  # Python alone can tell what it returns
    with held(x):
        found = made(taker, *call[1], **call[2])
    x.close()
    return found


def endless(taker: Taker) -> None:
    """A generator turned inside out goes on until it is left."""
    taker.is_endless = True


def _turned(x: Any) -> Callable[..., Any] | None:
    """A new generator turned inside out, as a function of what takes its values."""
    call = call_of(x) if type(current.interpreter) is Staging else None
    if call is None or callable(call):
        return call
    made = above.variant(call[0])
    if made is None:
        return None
    return functools.partial(_run, made, *call[1:])


def _run(made: Callable[..., Any], args: Any, kwargs: Any, taker: Taker) -> None:
    made(taker, *args, **kwargs)


def begun(x: Any) -> Any:
    """What is gone through in place of an object, see `iterators.begun`.

    An iterator whose `__next__` is in Python is a generator here, which can be turned.
    """
    x = iterators.begun(x)
    own = getattr(type(x), "__next__", None)
    if type(own) is not FunctionType or type(current.interpreter) is not Staging:
        return x
    if own.__module__.startswith("ms_func."):
        return x
    return iterators.generator((item for item in x), lambda taker: _all_of(taker, x))


def can_turn(x: Any) -> bool:
    """Whether a loop over `x` may call its body for each of its values."""
    return _turned(x) is not None


def over(
    iterable: Any, body: Callable[..., State], state: State, names: Sequence[str],
    stop: int | None, in_turns: Callable[[], Any],
) -> Any:  # fmt: skip
    """A loop over a generator: turned inside out if it is new and can be, else `in_turns()`.

    Raises:
        StagingError: neither goes, for the reason that the first would not.
    """
    run = _turned(iterable)
    if run is None:
        return in_turns()
    trial, why, raised = Trial(), None, None
    taker = Taker(body, state, names, stop)

    def turn() -> None:
        nonlocal why, raised
        try:
            with trial, held(iterable):
                taker.begin()
                raised, _ = attempts.tried(lambda: run(taker))
        except (StagingError, ConcretizationTypeError) as error:
            why = error

    consumed = moves.older(turn)
    left = False if why is not None or stop is None else taker.state[stop]
    goes_on = type(left) is not Tracer and left is not UNDEFINED and bool(left)
    if why is None and (consumed or not goes_on):
        trial.frame.commit()
        advance(iterable)
        if left is False:
            iterable.close()
        else:
            left_on_data(iterable)
        attempts.proceed(raised, ())
        return taker.end()
    if why is not None and consumed:  # what it took from other generators is gone
        raise why
    trial.rewind()
    try:
        return in_turns()
    except StagingError as error:
        raise (why if why is not None and "MS180" in str(error) else error) from None


# --- functions that use a generator up ----------------------------------------------------------


class Generated(Running):
    """A generator expression over such a generator, used up by a function."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return each(kept(self.iterable, self.condition), self.element)

    def finds(self, wanted: bool) -> Any:
        """Whether the truth of an element is `wanted`; those behind it are not asked for."""

        def asks(item: Any) -> Any:
            found = truth_of(self.element(item))
            return found if wanted else not_(found)

        def body(item: Any, found: Any) -> tuple[Any]:
            return (and_(self.condition(item), lambda: asks(item)),)

        return above.for_(self.iterable, body, (False,), ("<break>",), 0)[0]


def given(f: Any, x: Any) -> Any:
    """What a function of Python's is given for `x`, which it uses up."""
    if type(x) is not Generated and not can_turn(x):
        return x
    if any(f is g for g in _FOLDS):
        return x if type(x) is Generated else Generated(x, lambda x: x, lambda x: True)
    return listed(x) if any(f is g for g in _COLLECTIONS) else x


@above.enter
def listed(x: Any, most: int | None = None) -> Any:
    """The elements of a new generator as a list, whose length data may decide; else `x`.

    No more of them are asked for than `most`.
    """
    if type(x) is Generated:
        kept, made = x, x.iterable
    elif can_turn(x):
        kept, made = Generated(x, lambda x: x, lambda x: True), x
    else:
        return x
    out: list[Any] = []

    def body(item: Any, n: Any, _: Any) -> State:
        (n,) = if_(kept.condition(item), functools.partial(add, item), None, (n,), ())
        return n, False if most is None else n >= most

    def add(item: Any, n: Any) -> State:
        above.call(out.append, kept.element(item))
        return (n + 1,)

    stop, names = None if most is None else 1, ("<number>", "<break>")
    return x if over(made, body, (0, False), names, stop, lambda: None) is None else out


def handed_on(
    x: Any, made: Any, step: Callable[[Taker, Any, Any], Any], turns: bool = False
) -> Any:
    """`made`, a generator of what is to be had of each value of the iterable `x`.

    In a loop over it that is turned inside out, `step(taker, value, position)` gives that to the
    taker, and whether the loop is left. Unless it `turns`, `x` has to be a generator for that.
    """
    if not turns and not can_turn(x):
        return generator(made)

    def run(taker: Taker) -> None:
        def body(item: Any, i: Any, _: Any) -> State:
            return i + 1, step(taker, item, i)

        left = above.for_(x, body, (0, False), ("<position>", "<break>"), 1)[1]
        taker.is_endless = left is True

    return generator(made, run)


def expression(element: Any, x: Any, condition: Any, is_nested: bool) -> Any:
    """`(element(v) for v in x if condition(v))`; or the elements of these, one after another."""
    made = each(x if condition is None else kept(x, condition), element)
    take = _all_of if is_nested else Taker.take

    def step(taker: Taker, item: Any, i: Any) -> Any:
        if condition is None:
            return take(taker, element(item))
        return and_(truth_of(condition(item)), lambda: take(taker, element(item)))

    return handed_on(x, _in_turn(made) if is_nested else made, step, True)


def _in_turn(parts: Any) -> Iterator[Any]:
    for part in parts:
        yield from part


def _all_of(taker: Taker, x: Any) -> Any:
    """A round of the loop for each element of `x`; whether it is left."""
    return above.for_(x, lambda item, _: (taker.take(item),), (False,), ("<break>",), 0)[0]


def numbered(x: Any, start: Any) -> Any:
    """`enumerate(x, start)` of a generator."""
    step = lambda taker, item, i: taker.take((start + i, item))  # noqa: E731
    return handed_on(x, each_numbered(x, start), step)


def mapped(f: Any, x: Any) -> Any:
    """`map(f, x)` of a generator."""
    return handed_on(x, each(x, f), lambda taker, item, i: taker.take(f(item)))


def sifted(asks: Any, x: Any) -> Any:
    """`filter(asks, x)` of a generator."""

    def step(taker: Taker, item: Any, i: Any) -> Any:
        return and_(truth_of(asks(item)), lambda: taker.take(item))

    return handed_on(x, kept(x, asks), step)


def chained(iterables: Sequence[Any]) -> Any:
    """`itertools.chain`."""

    def run(taker: Taker) -> None:
        left: Any = False
        for x in iterables:  # each is recorded once, which `or_` would not do
            rest = lambda _, x=x: (_all_of(taker, x),)  # noqa: E731
            (left,) = if_(not_(left), rest, None, (left,), ("<break>",))

    return generator(_in_turn(iterables), run)


def zipped(x: Any, place: int, others: Sequence[Elements]) -> Any:
    """`zip` of a generator, which stands at `place`, and of others that have positions."""
    lengths = [e.length for e in others if e.length is not None]

    def step(taker: Taker, item: Any, i: Any) -> Any:
        over = False
        for n in lengths:
            over = or_(over, lambda n=n: i >= n)
        return or_(over, lambda: taker.take(beside(item, i)))

    def beside(item: Any, i: Any) -> tuple[Any, ...]:
        found = [e.at(i) if type(i) is Tracer else e.known(i) for e in others]
        return (*found[:place], item, *found[place:])

    def made() -> Iterator[Any]:
        yield from zip(*others[:place], x, *others[place:])  # noqa: B905

    return handed_on(x, made(), step)


_FOLDS: tuple[Any, ...] = (sum, min, max, any, all, functools.reduce, math.fsum, math.prod)
_COLLECTIONS: tuple[Any, ...] = (list, tuple, sorted, set, frozenset, dict)
TAKING = frozenset(map(id, (*_FOLDS, *_COLLECTIONS)))
"""Functions that use up all that they are given."""
