"""`jax.extend.core`: programs as data. `make_jaxpr` gives an `ir.Function`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.compat.jax.core import valid_jaxtype
from ms_func.errors import IRError
from ms_func.execution.array import Array
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import Primitive, current
from ms_func.ir.verify import verify

__all__ = ["ClosedJaxpr", "Jaxpr", "JaxprEqn", "JaxprTypeError", "Literal", "Primitive", "Var",
           "array_types", "check_jaxpr", "jaxpr_as_fun", "valid_jaxtype"]  # fmt: skip

Jaxpr = ClosedJaxpr = Function
JaxprEqn = Eqn
JaxprTypeError = IRError
array_types = {Array, np.ndarray, np.generic}
check_jaxpr = verify


def jaxpr_as_fun(closed_jaxpr: Function) -> Callable[..., list[Any]]:
    """A program as a function of arrays giving a list."""
    return lambda *args: current.interpreter.apply(closed_jaxpr, list(args))
