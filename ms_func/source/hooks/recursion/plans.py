"""How a call of a recursive function, and what it leaves, are joined with a call inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

from ms_func.source.hooks.flow.carry import LoopPlan
from ms_func.source.hooks.heap.anatomy import SCALARS, is_number, take_apart
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import Growing
from ms_func.source.hooks.values.nodes import Itself
from ms_func.source.hooks.values.perhaps import Perhaps


class Inputs(LoopPlan):
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


class Outputs(LoopPlan):
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


def differ(a: Any, b: Any) -> bool:
    """Whether tuples and lists in one call have no counterpart in another, at first glance."""
    if a is b:
        return False
    if type(a) is tuple or type(b) is tuple:
        if type(a) is not type(b):
            return isinstance(a, _OTHERS) or isinstance(b, _OTHERS)
        return len(a) != len(b) or any(map(differ, a, b))
    if type(a) is list and type(b) is list and len(a) != len(b):
        return not any(isinstance(x, (Growing, Perhaps)) for x in (*a, *b))
    return False


_OTHERS = (NoneType, *SCALARS, str, list)
"""What no tuple is joined with."""
