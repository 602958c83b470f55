"""`jax.extend.core`: programs as data. `make_jaxpr` gives an `ir.Function`."""

from __future__ import annotations

from ms_func.compat.jax.core import DropVar, Jaxpr, find_top_trace, valid_jaxtype
from ms_func.compat.jax.errors import InconclusiveDimensionOperation
from ms_func.compat.programs import (
    ClosedJaxpr,
    DebugInfo,
    Effect,
    Effects,
    JaxprEqn,
    JaxprTypeError,
    Literal,
    Primitive,
    Var,
    array_types,
    check_jaxpr,
    concrete_or_error,
    gensym,
    get_aval,
    get_opaque_trace_state,
    jaxpr_as_fun,
    jaxprs_in_params,
    mapped_aval,
    new_jaxpr_eqn,
    no_effects,
    primal_dtype_to_tangent_dtype,
    set_current_trace,
    subjaxprs,
    take_current_trace,
    unmapped_aval,
)

__all__ = [
    "ClosedJaxpr", "DebugInfo", "DropVar", "Effect", "Effects",
    "InconclusiveDimensionOperation", "Jaxpr", "JaxprEqn", "JaxprTypeError", "Literal",
    "Primitive", "Var", "array_types", "check_jaxpr", "concrete_or_error", "find_top_trace",
    "gensym", "get_aval", "get_opaque_trace_state", "jaxpr_as_fun", "jaxprs_in_params",
    "mapped_aval", "new_jaxpr_eqn", "no_effects", "primal_dtype_to_tangent_dtype",
    "set_current_trace", "subjaxprs", "take_current_trace", "unmapped_aval", "valid_jaxtype",
]  # fmt: skip
