"""Functions of `jax.lax` that take less than those of `ms_func.lax`.

They take arrays and numbers, no lists, and no Python numbers whose dtype is not that of the other
operands. The checks stand here, before the call, because `ms_func` itself relies on the wider
functions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ms_func import lax
from ms_func.dtypes import exact_dtype, extended, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.families import check_dtype, check_dtypes

__all__ = ["STRICT"]

_UNARY = """
abs acos acosh argmax argmin asin asinh atan atanh bessel_i0e bessel_i1e bitcast_convert_type
bitwise_not broadcast broadcast_in_dim cbrt ceil clz conj cos cosh cumlogsumexp cummax cummin
cumprod cumsum digamma dynamic_slice erf erf_inv erfc exp exp2 expand_dims expm1 floor imag
integer_pow is_finite lgamma log log1p logistic neg population_count real reciprocal reduce_and
reduce_max reduce_min reduce_or reduce_precision reduce_prod reduce_sum reduce_xor reshape rev
round rsqrt sign sin sinh slice sqrt square squeeze tan tanh tile top_k transpose
"""
_PAIRS = """
batch_matmul conv conv_general_dilated conv_transpose dot dot_general dynamic_update_slice gather
"""
_NARROWER = {"abs": "signed", "add": "number", "cummax": "number", "cummin": "number",
             "integer_pow": "number", "mul": "number", "square": "number"}  # fmt: skip
"""Dtypes that an operation accepts, where `ms_func` accepts more."""
_NAMES = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor",
          "betainc": "regularized_incomplete_beta"}  # fmt: skip
"""The primitive behind a function, as messages name it, where that is not the function's name."""
_OF_ONE_DTYPE = """
add atan2 betainc bitwise_and bitwise_or bitwise_xor complex div eq ge gt igamma igammac le lt max
min mul ne nextafter polygamma random_gamma_grad rem shift_left shift_right_arithmetic
shift_right_logical sub zeta
"""
_ALIKE = {
    name: _NARROWER.get(name) or getattr(lax, f"{_NAMES.get(name, name)}_p").accepts
    for name in _OF_ONE_DTYPE.split()
}
"""Operations on operands of one dtype, and the dtypes that they accept."""

Check = Callable[[str, Sequence[Any]], None]


def _types(name: str, operands: Sequence[Any]) -> list[ArrayType]:
    """Types of operands, each an array or a number."""
    for i, x in enumerate(operands):
        if isinstance(x, (list, tuple, str)) or x is None:
            raise ArgumentTypeError(
                f"Error interpreting argument to {name} as a JAX value. The problematic value is "
                f"of type {type(x)} and was passed to {name} at position {i}.\n"
                "fix: make an array of it with jax.numpy.asarray"
            )
    return [typeof(x) for x in operands]


def _one(name: str, operands: Sequence[Any]) -> None:
    types = _types(name, operands[:1])
    for t in types:
        check_dtype(name, _NARROWER.get(name, "any"), t.dtype)


def _two(name: str, operands: Sequence[Any]) -> None:
    _types(name, operands[:2])


def _alike(name: str, operands: Sequence[Any]) -> None:
    types = _types(name, operands)
    accepts = _ALIKE[name]
    if any(t.key is not None for t in types) and accepts == "any":
        return
    check_dtypes(_NAMES.get(name, name), accepts, types)


def _clamp(name: str, operands: Sequence[Any]) -> None:
    types = _types(name, operands)
    for t, what in zip(types, ("min", "operand", "max"), strict=False):
        if t.shape not in ((), types[1].shape):
            raise ShapeError(
                f"clamp requires {what}.shape == operand.shape or {what}.shape == (), got "
                f"{what}.shape={t.shape}, operand.shape={types[1].shape}"
            )
    check_dtypes(name, "any", types)


def _pow(name: str, operands: Sequence[Any]) -> None:
    x, y = _types(name, operands[:2])
    check_dtype(name, "inexact", x.dtype, 0)
    check_dtype(name, "number", y.dtype, 1)
    if y.dtype.kind not in "iu" and x.dtype != y.dtype:
        raise ShapeError(
            "the first argument to pow must have an inexact dtype (float or complex), and the "
            "second argument must have an inexact or integer dtype, and two inexact dtypes must "
            f"match, but got {x.face.name} and {y.face.name} respectively"
        )


def _pad(name: str, operands: Sequence[Any]) -> None:
    x, value = _types(name, operands[:2])
    if x.dtype != value.dtype:
        raise ShapeError(
            "pad operand and padding_value must be same dtype: got "
            f"{x.face.name} and {value.face.name}"
        )


def _select(name: str, operands: Sequence[Any]) -> None:
    which, *cases = _types("select_n", operands)
    shapes = [c.shape for c in cases[:: -1 if name == "select" else 1]]
    if len(set(shapes)) > 1:
        raise ShapeError(f"select cases must have the same shapes, got {shapes}")
    if which.shape and cases and which.shape != cases[0].shape:
        raise ShapeError(
            "select `which` must be scalar or have the same shape as cases, got `which` shape "
            f"{which.shape} but case shape {cases[0].shape}"
        )


def _concatenate(name: str, operands: Sequence[Any]) -> None:
    if isinstance(operands[0], (list, tuple)):
        _types(name, operands[0])


def _convert(name: str, operands: Sequence[Any]) -> None:
    if isinstance(operands[0], (list, tuple)):
        raise ArgumentTypeError(f"Cannot determine dtype of {operands[0]}")
    if len(operands) < 2:
        return
    (old,) = _types(name, operands[:1])
    if operands[1] is None:
        raise ArgumentValueError("dtype must be specified.")
    if issubdtype(operands[1], extended):
        same = old.key is not None and old.face == operands[1]
    else:
        same = old.key is None
        new = exact_dtype(operands[1])
        if old.dtype.kind == "c" and new.kind != "c":
            warnings.warn(
                "Casting complex values to real discards the imaginary part",
                np.exceptions.ComplexWarning, stacklevel=3,
            )  # fmt: skip
    if not same:
        raise ArgumentValueError(
            f"Cannot convert_element_type from {old.face.name} to {operands[1]}"
        )


def _starts(place: int) -> Check:
    """Start indices stand at `place`; those given one by one have one dtype."""

    def check(name: str, operands: Sequence[Any]) -> None:
        _types(name, operands[:place])
        starts = operands[place] if len(operands) > place else ()
        if isinstance(starts, (list, tuple)):
            found = [typeof(s).dtype for s in starts]
            if len(set(found)) > 1 or any(d.kind not in "iu" for d in found):
                raise ShapeError(
                    f"index arguments to {name} must be integers of the same type, got: "
                    f"{', '.join(d.name for d in found)}"
                )

    return check


def _strict(name: str, check: Check) -> Callable[..., Any]:
    """The function of `ms_func.lax` behind a check of its positional arguments."""
    function = getattr(lax, name)

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if args:
            check(name, args)
        return function(*args, **options)

    call.__module__ = "ms_func.compat.jax.lax"
    return call


_CHECKS: dict[str, Check] = {
    **dict.fromkeys(_UNARY.split(), _one), **dict.fromkeys(_PAIRS.split(), _two),
    **dict.fromkeys(_ALIKE, _alike),
    "clamp": _clamp, "convert_element_type": _convert, "concatenate": _concatenate,
    "dynamic_slice": _starts(1),
    "dynamic_update_slice": _starts(2), "pad": _pad, "pow": _pow, "select": _select,
    "select_n": _select,
}  # fmt: skip

STRICT = {name: _strict(name, check) for name, check in _CHECKS.items()}
"""The functions by name."""
