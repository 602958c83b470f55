"""What a function of numbers does with its operands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ms_func import tree
from ms_func.dtypes import to_inexact
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    HANDLES,
    admit,
    as_handle,
    convert,
    join_types,
    promote_all,
    strong,
)


def of_numbers(body: Callable[..., Any]) -> Callable[..., Array]:
    """Public function that promotes its operands together and applies `body` to them.

    Raises:
        TypeError: an operand is no number or array of numbers.
        ValueError: the shapes do not broadcast.
    """
    return _public(body, lambda name, operands: operands)


def of_reals(body: Callable[..., Any]) -> Callable[..., Array]:
    """`of_numbers` for a formula that holds for real numbers only.

    Raises:
        TypeError: an operand is complex, or no number or array of numbers.
        ValueError: the shapes do not broadcast.
    """
    return _public(body, lambda name, operands: [real(name, x) for x in operands])


def real(name: str, x: Any) -> Any:
    """`x`, an operand of the function `name` that was brought to floats.

    Raises:
        TypeError: it is complex.
    """
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError(
            f"{name} is computed for real numbers, got {typeof(x).dtype}\n"
            "fix: pass x.real where the imaginary part is 0",
            user_loc(),
        )
    return x


def _public(
    body: Callable[..., Any], checked: Callable[[str, list[Any]], list[Any]]
) -> Callable[..., Array]:
    signature = inspect.signature(body)
    *_, package, module = body.__module__.split(".")
    prefix = f"{module}." if package == "stats" else ""  # a distribution is a module
    name = prefix + body.__name__.lstrip("_")

    @wraps(body)
    def call(*args: Any, **kwargs: Any) -> Array:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        operands = checked(name, promote_all(name, bound.args, inexact=True))
        out = fusion.run(body, [x if type(x) in HANDLES else as_handle(x) for x in operands])
        return out if any(typeof(x).weak_type for x in operands) else tree.map(strong, out)

    return call


def of_shapes(name: str, *operands: Any) -> list[Any]:
    """The operands as arrays of one floating or complex dtype, each of its own shape.

    Raises:
        TypeError: an operand is no number or array of numbers.
    """
    taken = [admit(name, x, i) for i, x in enumerate(operands)]
    dtype, _ = join_types([typeof(x) for x in taken])
    return [as_handle(convert(x, to_inexact(dtype))) for x in taken]
