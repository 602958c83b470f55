"""What is said where a traced value is used as if it were known."""

from __future__ import annotations

from ms_func import config
from ms_func.errors import (
    ArgumentValueError,
    ConcretizationTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
)
from ms_func.ir.loc import Loc
from ms_func.ir.types import ArrayType
from ms_func.tracing.policy import why_native

BOOL_FIX = (
    "use lax.cond or np.where, or keep this condition out of the compiled function, with what it "
    "depends on as a static argument (static_argnums)"
)
FLOAT_FIX = "keep it an array; for math.sin and the like use those of ms_func.numpy"
INT_FIX = "pass it as a static argument (static_argnums), or keep the value an array"

_DEEDS = {
    TracerBoolConversionError: "Attempted boolean conversion of",
    TracerIntegerConversionError: "The __index__() method was called on",
    TracerArrayConversionError: "The numpy.ndarray conversion method __array__() was called on",
    ConcretizationTypeError: "Abstract tracer value encountered where concrete value is expected:",
}


def opening(error: type[Exception], type: ArrayType) -> str:
    """Words that users of JAX, and their tests, know an error by; none for others."""
    if not config.jax_rules():
        return ""
    return f"{_DEEDS[error]} traced array with shape {type.str_short()}\n"


def remedy(loc: Loc | None, fix: str) -> str:
    """How to mend it; also what kept the function at `loc` from being converted, if tried."""
    reason = None if loc is None else why_native(loc.code)
    if loc is None or reason is None:
        return f"\nfix: {fix}"
    joined = "; or " if "\nfix: " in reason else "\nfix: "
    return f"\nMS104 `{loc.function}` was not converted: {reason}{joined}{fix}"


def no_buffer(what: str) -> Exception:
    """The error of asking for the memory of a value that has none: it cannot be `what`."""
    return ConcretizationTypeError(
        f"a value known only at run time has no memory yet: it cannot be {what}\n"
        "fix: do this to the result, outside of the transformed function"
    )


def ambiguous(size: int) -> Exception:
    """The error of asking for the truth of an array of `size` elements, which is not 1."""
    if size == 0:
        return ArgumentValueError(
            "The truth value of an empty array is ambiguous. Use `array.size > 0` to check that an "
            "array is not empty."
        )
    return ArgumentValueError(
        "The truth value of an array with more than one element is ambiguous. "
        "Use a.any() or a.all()"
    )
