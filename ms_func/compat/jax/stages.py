"""`jax.stages`."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

__all__ = ["ArgInfo", "CompilerOptions", "Wrapped"]

CompilerOptions = dict[str, Any]


class ArgInfo(NamedTuple):
    """What a compiled program knows of one argument."""

    shape: tuple[int, ...]
    dtype: Any
    donated: bool


@runtime_checkable
class Wrapped(Protocol):
    """What `jit` returns: `isinstance` tells it from other functions."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Result of the compiled function."""
        ...

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """Record for these arguments."""
        ...

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """StableHLO for these arguments."""
        ...
