"""Running operations at once in the middle of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ms_func.execution.dispatch import bottom
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import Primitive, current
from ms_func.tracing.tracer import Tracer


class _AtOnce:
    """Runs what has all of its operands; leaves the rest to the recording around it."""

    __slots__ = ("loc", "outer")
    name = "at once"

    def __init__(self, outer: Any) -> None:
        self.outer = outer
        self.loc: Loc | None = None

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply one operation."""
        return self._for(args).bind(primitive, args, params)

    def apply(self, fn: Any, args: Sequence[Any]) -> list[Any]:
        """Apply a whole function."""
        return self._for(args).apply(fn, args)

    def _for(self, args: Sequence[Any]) -> Any:
        return self.outer if any(type(a) is Tracer for a in args) else bottom


@contextmanager
def ensure_compile_time_eval() -> Iterator[None]:
    """Within a `with` block, operations on values that are known run at once, even under `jit`.

    Example:
        >>> from ms_func.api.compile import jit
        >>> from ms_func.numpy import zeros
        >>> def size():
        ...     with ensure_compile_time_eval():
        ...         return int((zeros(3) + 1).sum())
        >>> jit(lambda x: x * size())(2.0).item()
        6.0
    """
    outer = current.interpreter
    current.interpreter = outer if outer is bottom else _AtOnce(outer)
    try:
        yield
    finally:
        current.interpreter = outer
