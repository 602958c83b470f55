"""An element of a list that may not be there; see `uneven`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ms_func import tree
from ms_func.errors import StagingBoolError
from ms_func.ir.loc import user_loc
from ms_func.source.hooks.heap.anatomy import Parts, handles
from ms_func.source.hooks.heap.undefined import Unusable


class Perhaps(Unusable):
    """An element of a list that is there where a traced condition holds.

    Attributes:
        is_there: the condition.
        value: the element; anything where it is not there.
        place: its position among all that may be there.
        count: how many these are.
        exist: whether there ever were any; lists need not be searched for them before.
    """

    __slots__ = ("count", "is_there", "place", "value")
    exist: ClassVar[bool] = False

    def __init__(self, is_there: Any, value: Any, place: int, count: int) -> None:
        self.is_there, self.value, self.place, self.count = is_there, value, place, count
        Perhaps.exist = True

    @classmethod
    def of(cls, pairs: Sequence[tuple[Any, Any]]) -> list[Any]:
        """A list of elements with their conditions; a plain one where all are there."""
        if all(c is True for c, _ in pairs):
            return [v for _, v in pairs]
        return [cls(c, v, i, len(pairs)) for i, (c, v) in enumerate(pairs)]

    @staticmethod
    def complaint() -> Exception:
        """The error where something needs to know whether the element is there."""
        return StagingBoolError(
            "MS170 a list has a length that data decide, and this needs to know which elements "
            "are there\n"
            "fix: use len, sum, min, max, any, all, sorted, `in`, an index, a `for` loop or a "
            "comprehension over the list, or make an array of full length and a mask",
            user_loc(2),
        )

    def __repr__(self) -> str:
        return f"Perhaps({self.value!r})"


tree.register_node(
    Perhaps,
    lambda x: ((x.is_there, x.value), (x.place, x.count)),
    lambda where, parts: Perhaps(*parts, *where),
)
handles(
    Perhaps,
    lambda x, overlay: Parts(
        (Perhaps, x.place, x.count), (x.is_there, x.value), (" (whether it is there)", ""),
        lambda new: Perhaps(new[0], new[1], x.place, x.count),
    ),
)  # fmt: skip
