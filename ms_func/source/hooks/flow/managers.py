"""`with` of a generator under `contextlib.contextmanager`, turned inside out; see `pushing`.

The body of the `with` is called where the generator yields, so that what it raises on data is
raised there, and caught or not as the generator says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CellType, FunctionType
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.flow.pushing import Taker
from ms_func.source.hooks.heap.journal import Cell, store
from ms_func.source.hooks.joining.branch import not_
from ms_func.source.hooks.values import failures

State = tuple[Any, ...]


def managed(
    manager: Any, body: Callable[..., State], state: State, names: Sequence[str]
) -> State | None:
    """The local variables after `with manager`; None where Python has to run the generator."""
    f = getattr(manager, "func", None)
    if type(f) is not FunctionType:
        return None
    above.convert(f)
    made = above.variant(f, "with")
    if made is None:
        return None
    block = _Block(body, state, names)
    block.begin()
    made(block, *manager.args, **manager.kwds)
    failures.assert_raising(block.is_done, RuntimeError("generator didn't yield"))
    return block.end()


class _Block(Taker):
    """The body of a `with`, and the local variables that it changes."""

    def __init__(self, body: Callable[..., State], state: State, names: Sequence[str]) -> None:
        super().__init__(body, state, names, None)
        self._done = CellType(False)

    @property
    def is_done(self) -> Any:
        """Whether the generator has yielded."""
        return Cell(self._done).read()

    def take(self, item: Any) -> Any:
        """Run the body."""
        failures.assert_raising(not_(self.is_done), RuntimeError("generator didn't stop"))
        store(Cell(self._done), True)
        return super().take(item)
