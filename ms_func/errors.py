"""Every exception class, and how a message shows the user's line.

A message says what happened, where (file, line and a caret under the expression), why, and
how to mend it. Classes derive from the built-in they resemble, under JAX's names where JAX
has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.runtime import extension

__all__ = [
    "ArgumentTypeError", "ArgumentValueError", "AxisError", "AxisNameError", "CallbackError",
    "CheckifyError", "CheckifyRuntimeError", "ConcretizationTypeError", "DeletedError",
    "DivisionByZeroError", "FailedCheckError", "ForkError", "IRError", "InconclusiveSizeError",
    "KeyReuseError",
    "LayoutAssertionError", "LocatedError", "NaNError", "NonConcreteBooleanIndexError",
    "NonFiniteError", "OOBError", "OutOfMemoryError", "PlacesError", "ShapeError", "ShardingError",
    "ShardingTypeError", "SizeError", "StagingBoolError", "StagingError", "StagingIndexError",
    "TracerArrayConversionError", "TracerBoolConversionError", "TracerIntegerConversionError",
    "TracerSliceError", "TypePromotionError", "UnexpectedTracerError", "UnsupportedError",
]  # fmt: skip
__dir__ = __all__.copy

_RuntimeFailure: Any = extension.JaxRuntimeError
"""What the runtime raises where a program fails while it runs, a `RuntimeError`."""


def located(message: str, loc: Any) -> str:
    """`message` headed by the user's file and line, with that line of source before the remedy."""
    if loc is None:
        return message
    what, _, remedy = message.partition("\nfix: ")
    lines = [f"{loc}: {what}", loc.excerpt(), f"fix: {remedy}" if remedy else ""]
    return "\n".join(line for line in lines if line)


def _no_line() -> Any:
    return None


find_user_line: Callable[[], Any] = _no_line
"""Place of the user's expression now being evaluated; `ir.loc` supplies it."""


class LocatedError(Exception):
    """Base of errors that know the user's line.

    Attributes:
        message: what was said, without the line.
        loc: the place given, else that of the user's expression now being evaluated; None
            where there is no such thing.
    """

    def __init__(self, message: str, loc: Any = None) -> None:
        if loc is None:
            loc = find_user_line()
        super().__init__(located(message, loc))
        self.message = message
        self.loc = loc

    def __reduce__(self) -> Any:
        """As between processes: the text stays, the place, which holds code, does not."""
        return _again, (type(self), str(self)), {**vars(self), "loc": None}


def _again(cls: type[LocatedError], text: str) -> LocatedError:
    made = cls.__new__(cls, text)
    super(LocatedError, made).__init__(text)
    return made


class ArgumentTypeError(LocatedError, TypeError):
    """An argument of a transform, or a result of its function, has the wrong type.

    Example:
        `grad(f)(3)`: integers have no derivative; pass `3.0`.
    """


class ArgumentValueError(LocatedError, ValueError):
    """An argument of a transform or an operation does not fit the others.

    Example:
        `vmap(f)(x, y)` with different numbers of rows in `x` and `y`;
        `lax.squeeze(x, (5,))` of an array of two dimensions.
    """


class AxisError(LocatedError, np.exceptions.AxisError):
    """An axis that the array does not have; NumPy's error of that name, a `ValueError`.

    Example:
        `np.sum(np.zeros((2, 3)), axis=2)`: there are axes 0 and 1 only.
    """


class UnsupportedError(LocatedError, NotImplementedError):
    """An operation has no rule for what was asked, and the rule cannot exist.

    Example:
        `grad` of a function that uses an operation without derivative. Use another
        operation, or give the derivative with `custom_jvp`.
    """


class InconclusiveSizeError(UnsupportedError, TypeError):
    """A number was asked for where a size has a name, or which of two such sizes is larger.

    Example:
        `if b > 2` in `b, = jax.export.symbolic_shape("b")`. Bound the name by a constraint such
        as `"b >= 3"`, or give a number.
    """


class ShapeError(LocatedError, TypeError):
    """Shapes or dtypes of operands do not fit the operation.

    Example:
        `np.zeros((2, 5)) @ np.zeros((3, 4))`: 5 != 3. Transpose or reshape one operand.
    """


class TypePromotionError(LocatedError, TypeError, ValueError):
    """Dtypes of operands have no common dtype, or may not be joined silently.

    Example:
        a float8_e4m3fn array plus a float8_e5m2 array. Convert one with `astype`.
    """


class SizeError(ShapeError, ValueError):
    """Sizes, strides or groups do not fit each other; dtypes and ranks are not the matter.

    Example:
        a convolution of 3 channels with a kernel for 4. Change the kernel or the groups.
    """


class PlacesError(LocatedError, IndexError, ValueError):
    """Arrays of indices do not broadcast against each other.

    Example:
        `x[np.array([0, 1]), np.array([0, 1, 2])]`: two rows and three columns make no places.
    """


class OutOfMemoryError(LocatedError, MemoryError, RuntimeError):
    """A program needs more memory than its device has; it was not started.

    Example:
        `np.zeros(2**40)`. Use smaller arrays, a narrower dtype, or `checkpoint` for gradients.
    """


class ShardingError(LocatedError, ValueError):
    """An array cannot be laid out over the devices as asked.

    Example:
        an axis of size 3 split over 2 devices, a mesh axis that does not exist, or a mesh
        larger than the machine.
    """


class ShardingTypeError(ShardingError):
    """Layouts that are part of types leave it open how a result is to be laid out.

    Example:
        >>> issubclass(ShardingTypeError, ValueError)
        True
    """


class LayoutAssertionError(ShardingError, AssertionError):
    """Along explicit axes an array does not lie as `with_sharding_constraint` says it does.

    Example:
        a constraint `P("x")` on an array whose type is `float32[8,4@x]`. Move it with `reshard`.
    """


class AxisNameError(LocatedError, NameError):
    """A collective names an axis that no `vmap`, `pmap` or `shard_map` around it has.

    Example:
        `lax.psum(x, "batch")` at top level. Call it under `vmap(f, axis_name="batch")`.
    """


class ConcretizationTypeError(LocatedError, TypeError):
    """A value known only at run time was needed while tracing.

    Example:
        `jit(lambda n: np.zeros(n))(3)`: a shape must be known; mark `n` static with
        `static_argnums`.
    """


class TracerBoolConversionError(ConcretizationTypeError):
    """A traced value was used as a Python truth value.

    Example:
        `jit(lambda x: 1 if x > 0 else 2)(3.0)`; use `lax.cond` or `np.where`.
    """


class TracerIntegerConversionError(ConcretizationTypeError):
    """A traced value was used as a Python integer, for instance as a list index.

    Example:
        `jit(lambda i: layers[i])(0)`; use `lax.switch`, or stack the list into an array.
    """


class TracerSliceError(TracerIntegerConversionError, IndexError):
    """A traced value was used as a bound of a slice, whose size must be known.

    Example:
        x[:n] with n an argument of a jitted function.
    """


class TracerArrayConversionError(ConcretizationTypeError):
    """A traced value was passed to NumPy itself.

    Example:
        `jit(lambda x: numpy.sin(x))(1.0)`; use `ms_func.numpy.sin`.
    """


class NonConcreteBooleanIndexError(LocatedError, IndexError):
    """A boolean mask known only at run time would give a result of unknown shape.

    Example:
        `jit(lambda x: x[x > 0])(x)`; use `np.where(x > 0, x, 0)`.
    """


class ForkError(LocatedError, RuntimeError):
    """The runtime was used before the process forked, and is used in the child.

    Example:
        `multiprocessing.Process` with the start method "fork" after a first operation. Start
        processes with "spawn", or use the library in the children only.
    """


class DeletedError(LocatedError, RuntimeError):
    """An array was used whose memory was given away or freed.

    Example:
        `x` after `jit(f, donate_argnums=0)(x)`, or after `x.delete()`.
    """


class UnexpectedTracerError(LocatedError, TypeError, RuntimeError):
    """A traced value was used after the trace that made it had ended.

    Example:
        a jitted function stores an intermediate result in a global; return it instead.
    """


class StagingError(LocatedError, TypeError):
    """Python control flow on a value known only at run time that cannot be compiled.

    The message starts with its number, such as MS101.

    Example:
        `while x < 3: n = n * 0.5` with an integer array `n`; start with a float.
    """

    @property
    def code(self) -> str:
        """The number of the message: its first word."""
        return self.message.partition(" ")[0]


class StagingBoolError(StagingError, TracerBoolConversionError):
    """A value known only at run time decides something that Python itself has to do.

    Example:
        `[x for x in xs if x > 0]` of traced `xs`; use `np.where`.
    """


class StagingIndexError(StagingError, TracerIntegerConversionError):
    """A value known only at run time picked an element of a Python list, tuple or dict.

    Example:
        `layers[i]` with a traced `i`; stack the list into an array.
    """


class CallbackError(LocatedError, _RuntimeFailure):
    """A Python function that a compiled program calls failed.

    What is raised is of the class of the original exception as well, which is its
    `__cause__`.

    Example:
        `pure_callback` with a function that returns another shape than was promised.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class KeyReuseError(LocatedError, TypeError, RuntimeError):
    """A random key is used twice while `config.debug_key_reuse` is set.

    Example:
        `random.normal(key) + random.uniform(key)`; split the key first.
    """


class NonFiniteError(LocatedError, FloatingPointError):
    """A result is NaN or infinite while `config.debug_nans` or `debug_infs` is set.

    Example:
        `np.log(-1.0)`; the message names the operation and the line.
    """


class CheckifyError(Exception):
    """Base of what `checkify` finds; these are values, not raised before `Error.throw`."""


class FailedCheckError(CheckifyError):
    """A condition given to `checkify.check` does not hold.

    Example:
        `checkify.check(x > 0, "must be positive")` with -1.
    """


class NaNError(CheckifyError):
    """An operation gave NaN.

    Example:
        `np.log(-1.0)` in a function under `checkify(f, errors=nan_checks)`.
    """


class DivisionByZeroError(CheckifyError):
    """A division by zero.

    Example:
        `x / 0.0` in a function under `checkify(f, errors=div_checks)`.
    """


class OOBError(CheckifyError):
    """An index is out of the bounds of the array.

    Example:
        `np.arange(3)[5]` in a function under `checkify(f, errors=index_checks)`.
    """


class CheckifyRuntimeError(_RuntimeFailure, ValueError):
    """An error that `checkify` found was thrown, or a check outside of it failed.

    Example:
        `err, y = checkify(f)(x); err.throw()`.
    """


class IRError(ValueError):
    """A program breaks a rule of the IR, or a text is not a program.

    Example:
        `ir.parse("func @f(")`: the text ends too early.
    """
