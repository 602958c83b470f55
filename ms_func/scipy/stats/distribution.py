"""What follows from a density or a distribution function."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ms_func.execution.array import Array
from ms_func.numpy import elementwise as el


def exp_of(logarithm: Callable[..., Array], name: str) -> Callable[..., Array]:
    """The function whose logarithm is given: `pdf` from `logpdf`, `sf` from `logsf`."""

    @wraps(logarithm)
    def call(*args: Any, **kwargs: Any) -> Array:
        return el.exp(logarithm(*args, **kwargs))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Exponential of `{logarithm.__name__}`."
    return call


def log_of(function: Callable[..., Array], name: str) -> Callable[..., Array]:
    """The logarithm of a function, for where it loses nothing: `logcdf` from `cdf`."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Array:
        return el.log(function(*args, **kwargs))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Logarithm of `{function.__name__}`."
    return call
