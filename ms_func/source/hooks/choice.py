"""`Choice`: a function that depends on data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ms_func import tree


class Choice:
    """One of several functions, known only at run time.

    What `g = f1 if x > 0 else f2` gives where `x` is traced. Calling it runs the alternative
    that the index names. It is a container of the index and of what the alternatives hold, so
    that it goes through transforms and loops like data.

    Attributes:
        index: scalar integer.
        alternatives: the functions.
    """

    __slots__ = ("alternatives", "index")

    def __init__(self, index: Any, alternatives: tuple[Any, ...]) -> None:
        self.index = index
        self.alternatives = alternatives

    switch: ClassVar[Callable[[Any, Sequence[Callable[[], Any]]], Any]]
    """Runs one of several functions by an index; `branch` supplies it, which needs this class."""
    call: ClassVar[Callable[..., Any]]
    """Calls a function as converted code does; `call` supplies it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that the index names."""
        return Choice.switch(self.index, [_bound(f, args, kwargs) for f in self.alternatives])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Choice.switch(self.index, [_attribute(f, name) for f in self.alternatives])

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        names = ", ".join(getattr(f, "__name__", repr(f)) for f in self.alternatives)
        return f"Choice({names})"


def _bound(f: Any, args: Any, kwargs: Any) -> Any:
    return lambda: Choice.call(f, *args, **kwargs)


def _attribute(f: Any, name: str) -> Any:
    return lambda: getattr(f, name)


def _flatten(c: Choice) -> tuple[Any, Any]:
    return (c.index,), c.alternatives


tree.register_node(Choice, _flatten, lambda alternatives, kids: Choice(kids[0], alternatives))
