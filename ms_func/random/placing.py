"""Samplers that place what they draw: the argument `out_sharding`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ms_func.execution.array import ARRAYS, wrap
from ms_func.execution.compile import transfer
from ms_func.ir.sharding import PartitionSpec
from ms_func.primitives.sharding import constrained, named_sharding


def placed(sampler: Callable[..., Any]) -> Callable[..., Any]:
    """`sampler` with an argument `out_sharding`: a sharding of the result, None leaves it free.

    The numbers are the same for every sharding.
    """

    @wraps(sampler)
    def draw(*args: Any, out_sharding: Any = None, **kwargs: Any) -> Any:
        out = sampler(*args, **kwargs)
        return out if out_sharding is None else _laid(out, out_sharding)

    signature = inspect.signature(sampler)
    more = inspect.Parameter("out_sharding", inspect.Parameter.KEYWORD_ONLY, default=None)
    draw.__signature__ = signature.replace(parameters=[*signature.parameters.values(), more])  # type: ignore[attr-defined]
    return draw


def _laid(x: Any, where: Any) -> Any:
    if type(x) not in ARRAYS:
        return constrained(x, where)
    return wrap(
        transfer(x.buffer, named_sharding(where) if isinstance(where, PartitionSpec) else where)
    )
