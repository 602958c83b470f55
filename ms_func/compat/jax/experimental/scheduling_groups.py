"""`jax.experimental.scheduling_groups`: wishes for the order of operations, without effect here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["scheduling_group", "xla_metadata_call"]


def scheduling_group(name: str) -> Callable[[Any], Any]:
    """Decorator for functions whose operations are to be scheduled together."""
    return lambda fun: fun


def xla_metadata_call(f: Callable[..., Any] | None = None, **meta: Any) -> Any:
    """`f`, whose operations would carry notes for XLA; None gives a decorator."""
    return f if f is not None else lambda fun: fun
