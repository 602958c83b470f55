"""What samplers have in common: eager calls are one program, `out_sharding` places the result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ms_func.execution.array import ARRAYS, wrap
from ms_func.execution.compile import transfer
from ms_func.numpy.fusion import whole
from ms_func.primitives.sharding import constrained, over_devices
from ms_func.random.keys import refuse_many


def placed(sampler: Callable[..., Any]) -> Callable[..., Any]:
    """`sampler` with an argument `out_sharding`: a sharding of the result, None leaves it free.

    The numbers are the same for every sharding. An eager call is one program, unless an integer
    can take the place of an array: parameters annotated as arrays are its operands.
    """
    kinds = sampler.__annotations__
    operands = [name for name, kind in kinds.items() if kind == "ArrayLike"]
    program = sampler if "int | ArrayLike" in kinds.values() else whole(1, *operands)(sampler)

    @wraps(sampler)
    def draw(*args: Any, out_sharding: Any = None, **kwargs: Any) -> Any:
        refuse_many(sampler.__name__, args[0] if args else kwargs.get("key"))
        out = program(*args, **kwargs)
        return out if out_sharding is None else _laid(out, out_sharding)

    signature = inspect.signature(sampler)
    more = inspect.Parameter("out_sharding", inspect.Parameter.KEYWORD_ONLY, default=None)
    draw.__signature__ = signature.replace(parameters=[*signature.parameters.values(), more])  # type: ignore[attr-defined]
    return draw


def _laid(x: Any, where: Any) -> Any:
    if type(x) not in ARRAYS:
        return constrained(x, where)
    place = over_devices(where)
    return x if place is None else wrap(transfer(x.buffer, place))
