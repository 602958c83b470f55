"""Elements whose number is known only at run time, one after another.

A generator expression over `range(n)` with a traced `n`, and `takewhile` of elements without an
end, are kept as their parts, and become a compiled loop in what uses them up.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.joining.branch import if_, ifexp
from ms_func.source.hooks.values.truths import RULES


class Running:
    """A generator expression whose number of steps is traced."""

    __slots__ = ("condition", "element", "iterable")

    def __init__(self, iterable: Any, element: Any, condition: Any) -> None:
        self.iterable, self.element, self.condition = iterable, element, condition

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)  # raises: the number of steps is known at run time

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element that is there, in a compiled loop."""

        def body(item: Any, out: Any) -> tuple[Any]:
            found = ifexp(self.condition(item), lambda: step(out, self.element(item)), lambda: out)
            return (found,)

        return above.for_(self.iterable, body, (out,), ("the result",))[0]


class Nested(Running):
    """A generator expression of several `for`; the element is what the inner ones give."""

    __slots__ = ()

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element, in compiled loops one inside the other."""
        return super().fold(lambda out, part: _folded(part, step, out), out)


def _folded(part: Any, step: Callable[[Any, Any], Any], out: Any) -> Any:
    if isinstance(part, Running):
        return part.fold(step, out)
    return above.for_(part, lambda x, out: (step(out, x),), (out,), ("the result",))[0]


class Taken(Running):
    """`takewhile` of elements without a known end."""

    __slots__ = ()

    def __init__(self, condition: Any, iterable: Any) -> None:
        super().__init__(iterable, lambda x: x, condition)

    def __iter__(self) -> Iterator[Any]:
        return itertools.takewhile(self.condition, self.iterable)

    def fold(self, step: Callable[[Any, Any], Any], out: Any) -> Any:
        """`step(out, element)` for each element until the condition does not hold."""
        return above.for_(self, lambda x, out: (step(out, x),), (out,), ("the result",))[0]

    def each(
        self, body: Callable[..., Any], state: Any, names: Sequence[str], stop: int | None
    ) -> Any:
        """A `for` loop over them."""

        def step(item: Any, *state: Any) -> Any:
            def go_on(*s: Any) -> Any:
                after = body(item, *s[:-1])
                return (*after, False if stop is None else after[stop])

            return if_(self.condition(item), go_on, lambda *s: (*s[:-1], True), state, every)

        every = (*names, "<taken>")
        return above.for_(self.iterable, step, (*state, False), every, len(state))[:-1]


RULES[Running] = RULES[Nested] = lambda x: True
