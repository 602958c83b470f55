"""What follows from a density or a distribution function."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from ms_func.execution.array import Array
from ms_func.numpy import elementwise as el
from ms_func.numpy.rounding import floor
from ms_func.primitives import compare

_SUMMARIES = {
    "pdf": "Density at `x`", "pmf": "Probability of `k`", "cdf": "Probability of a value up to `x`",
    "sf": "Probability of a value above `x`", "logcdf": "Logarithm of `cdf`",
    "logsf": "Logarithm of `sf`",
}  # fmt: skip


def whole_from(y: Any, low: int) -> Any:
    """Whether `y` is a whole number from `low` on. NaN passes, so that it shows in the result."""
    return (y >= low) & (y - floor(y) == 0) | (y != y)  # that of infinity is NaN


def exp_of(
    logarithm: Callable[..., Array], name: str, example: str, value: str
) -> Callable[..., Array]:
    """The function whose logarithm is given: `pdf` from `logpdf`, `sf` from `logsf`.

    Args:
        logarithm: the public function of that logarithm.
        name: of the result.
        example: a call of it, for its document.
        value: what the call gives, to four digits.

    Example:
        >>> from ms_func.scipy.stats import norm
        >>> density = exp_of(norm.logpdf, "pdf", "pdf(0.0)", "0.3989")
        >>> print(f"{density(0.0):.4f}", density.__name__)
        0.3989 pdf
    """

    @wraps(logarithm)
    def call(*args: Any, **kwargs: Any) -> Array:
        return el.exp(logarithm(*args, **kwargs))

    return _documented(call, name, f", the exponential of `{logarithm.__name__}`", example, value)


def log_of(
    function: Callable[..., Array], name: str, example: str, value: str
) -> Callable[..., Array]:
    """The logarithm of a function, for where it loses nothing: `logcdf` from `cdf`.

    Args:
        function: the public function of which to take the logarithm.
        name: of the result.
        example: a call of it, for its document.
        value: what the call gives, to four digits.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Array:
        return el.log(function(*args, **kwargs))

    return _documented(call, name, "; -inf where that is 0", example, value)


def _documented(call: Any, name: str, how: str, example: str, value: str) -> Callable[..., Array]:
    """With the name, and the arguments as they stand in the document of what it was made of."""
    _, _, sections = inspect.cleandoc(call.__doc__ or "").partition("\n\nArgs:")
    sections, _, _ = sections.partition("\n\nExample:")
    shown = f'>>> print(f"{{{example}:.4f}}")\n    {value}'
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{_SUMMARIES[name]}{how}.\n\nArgs:{sections}\n\nExample:\n    {shown}\n"
    return call


def on_support(z: Any, end: float = math.inf) -> Any:
    """`z` limited to [0, end]; what lies outside has no derivative, at any order.

    A bound of `clip` multiplies it by 0, which a derivative that is infinite at the end survives.
    """
    return compare.clamp(0.0, z, end)
