"""What is said where a traced value is used as if it were known."""

from __future__ import annotations

from typing import Any

from ms_func import config
from ms_func.errors import (
    ArgumentValueError,
    ConcretizationTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)
from ms_func.ir.loc import Loc, user_loc
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


_FUNCTIONS = {f"a Python {name}": name for name in ("int", "float", "complex")}
_METHODS = {
    "a Python scalar": "This occurred in the item() method of jax.Array\n",
    "a Python list": "The tolist() method was called on traced array with shape {}.\n",
}


def opening(error: type[Exception], type: ArrayType, use: str = "") -> str:
    """Words that users of JAX, and their tests, know an error by; none for others."""
    if not config.jax_rules():
        return ""
    first = f"{_DEEDS[error]} traced array with shape {type.str_short()}\n"
    name = _FUNCTIONS.get(use)
    if name is not None and error is ConcretizationTypeError:
        return (
            f"{first}The problem arose with the `{name}` function. If trying to convert the data "
            f"type of a value, try using `x.astype({name})` or `jnp.array(x, {name})` instead.\n"
        )
    return first + _METHODS.get(use, "").format(type.str_short())


def remedy(loc: Loc | None, fix: str) -> str:
    """How to mend it; also what kept the function at `loc` from being converted, if tried."""
    reason = None if loc is None else why_native(loc.code)
    if loc is None or reason is None:
        return f"\nfix: {fix}"
    joined = "; or " if "\nfix: " in reason else "\nfix: "
    return f"\nMS104 `{loc.function}` was not converted: {reason}{joined}{fix}"


def no_buffer(type: ArrayType, what: str, deed: str) -> Exception:
    """The error of asking for the memory of a value that has none: it cannot be `what`."""
    lead = opening(ConcretizationTypeError, type)
    return ConcretizationTypeError(
        f"{lead}{deed + chr(10) if lead else ''}"
        f"a value known only at run time has no memory yet: it cannot be {what}\n"
        "fix: do this to the result, outside of the transformed function"
    )


_OF_MEMORY = frozenset(("addressable_shards", "committed", "global_shards", "is_fully_addressable",
                        "is_fully_replicated"))  # fmt: skip


def no_attribute(name: str, type: ArrayType) -> Exception:
    """The error of asking a traced value for an attribute that it does not have."""
    if not config.jax_rules():
        return AttributeError(f"a traced value has no attribute {name!r}")
    shape = f"traced array with shape {type.str_short()}"
    if name in _OF_MEMORY:
        deed = f"The '{name}' attribute is not available on {shape}."
        return no_buffer(type, f"asked for `{name}`", deed)
    if name == "sharding":
        return AttributeError(
            f"The 'sharding' attribute is not available on {shape}. To query sharding information "
            "on tracers, use `jax.typeof(x)`."
        )
    if name in ("block_until_ready", "copy_to_host_async"):
        return AttributeError(f"The '{name}' method is not available on {shape}.")
    return AttributeError(f"a traced value, of class Tracer, has no attribute {name}")


def escaped(x: Any) -> Exception:
    """Describe the use of a traced value after its recording has ended."""
    shown = getattr(x.type, "str_short", x.type.__repr__)()
    return UnexpectedTracerError(
        "Encountered an unexpected tracer. A transformed function had a side effect, allowing for "
        f"a reference to an intermediate value with type {shown} to escape: a traced "
        f"value, made while recording `{x.recorder.name}`, was used after that recording had ended"
        "\nIt was kept by a side effect, such as a global, an attribute or a list outside the "
        "function.\nfix: return the value from the function instead",
        user_loc(3),
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
