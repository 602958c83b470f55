"""Changes of dtype: conversion, reinterpretation of bits, complex parts."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import bits, canonicalize_dtype, exact_dtype, is_inexact
from ms_func.errors import ArgumentValueError, ShapeError, SizeError
from ms_func.ir.function import Literal
from ms_func.ir.primitive import (
    ELEMENTWISE,
    NONLINEAR,
    PIECEWISE_LINEAR,
    ZERO,
    Primitive,
    Zero,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import integer, parsed
from ms_func.primitives.arithmetic import neg
from ms_func.primitives.batching import to_front
from ms_func.primitives.families import fold, is_linear, join_types, literal, made_by, unary

# --- conversion ---------------------------------------------------------------------------


def _convert_abstract(x: ArrayType, *, new_dtype: np.dtype, weak_type: bool) -> ArrayType:
    return ArrayType(x.shape, new_dtype, weak_type)


def converted(x: np.ndarray, *, new_dtype: np.dtype, weak_type: bool = False) -> np.ndarray:
    """Floats go to integers by truncation, saturating; NaN becomes 0."""
    if new_dtype.kind == "b":
        return x != 0
    if x.dtype.kind == "c" and new_dtype.kind != "c":
        x = np.real(x)
    if new_dtype.kind in "iu" and is_inexact(x.dtype):
        info = np.iinfo(new_dtype)
        wide = np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
        inside = np.clip(np.trunc(wide), info.min, float(info.max))
        top = wide >= float(info.max)
        return np.where(top, info.max, np.where(top, 0, inside).astype(new_dtype))
    return x.astype(new_dtype)


def _convert_lower(b: Any, eqn: Any, x: Any) -> Any:
    source, out = eqn.inputs[0].type, eqn.outputs[0].type
    if source.dtype == out.dtype:
        return x
    if out.dtype.kind == "b":  # StableHLO's convert to i1 truncates; NumPy asks for x != 0
        attributes = {"comparison_direction": parsed("#stablehlo<comparison_direction NE>")}
        zero = b.constant(0, source)
        return b.op("stablehlo.compare", [out], [x, zero], attributes)
    if source.dtype.kind == "c" and out.dtype.kind != "c":
        part = ArrayType(source.shape, np.dtype(f"f{source.dtype.itemsize // 2}"))
        x = b.op("stablehlo.real", [part], [x])
    return b.convert(x, out)


def _convert_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    (x,), (t,) = primals, tangents
    out = convert_p.bind(x, **params)
    if type(t) is Zero or not is_inexact(params["new_dtype"]):
        return out, Zero(typeof(out).tangent)
    return out, convert_p.bind(t, **params)


def _convert_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    return [convert_p.bind(ct, new_dtype=x.type.dtype, weak_type=x.type.weak_type)]


def _convert_simplify(producer: Any, x: Any, **params: Any) -> Any:
    if type(x) is Literal:
        return fold(convert_p, x, **params)
    dtype, weak_type = params["new_dtype"], params["weak_type"]
    if x.type.dtype == dtype and x.type.weak_type == weak_type:
        return x
    inner = made_by(producer, convert_p, x)
    if inner is not None and _is_widening(inner[0].type.dtype, x.type.dtype):
        return convert_p.bind(inner[0], **params)
    return None


def _is_widening(narrow: np.dtype, wide: np.dtype) -> bool:
    """Whether a conversion between floats or between integers keeps every value."""
    if narrow == wide or narrow.kind == "b":
        return True
    if narrow.name in ("bfloat16", "float16"):
        return wide.name in ("float32", "float64")
    return narrow.kind == wide.kind and narrow.kind in "iufc" and narrow.itemsize < wide.itemsize


convert_p = register(
    Primitive(
        "convert",
        abstract=_convert_abstract,
        ref=converted,
        lower=_convert_lower,
        jvp=_convert_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_convert_transpose,
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        simplify=_convert_simplify,
    )
)


def convert_element_type(operand: Any, new_dtype: Any, weak_type: bool = False) -> Any:
    """`operand` converted to `new_dtype`.

    Floats become integers by truncation towards zero, saturating; complex numbers lose
    their imaginary part; everything becomes bool by comparison with zero. A NumPy dtype is taken
    as it is: what operations use inside is not narrowed where users have no 64-bit dtypes.
    """
    dtype = exact_dtype(new_dtype)
    kind = typeof(operand)
    if (
        kind.dtype == dtype
        and kind.weak_type == weak_type
        and not isinstance(operand, (bool, int, float, builtins.complex, np.ndarray, np.generic))
    ):
        return operand
    return convert_p.bind(operand, new_dtype=dtype, weak_type=weak_type)


# --- bits ---------------------------------------------------------------------------------


def _bitcast_abstract(x: ArrayType, *, new_dtype: np.dtype) -> ArrayType:
    old, new = bits(x.dtype), bits(new_dtype)
    if old == new:
        return ArrayType(x.shape, new_dtype)
    if max(old, new) % min(old, new):
        raise ShapeError(f"bitcast from {old} bits of {x} to {new} of {new_dtype.name} has a rest")
    if old > new:
        return ArrayType((*x.shape, old // new), new_dtype)
    if not x.shape or x.shape[-1] != new // old:
        raise SizeError(
            f"Attempting to convert array of shape {x.shape} from {x.dtype.name} of size {old} "
            f"bits to {new_dtype.name} of size {new} bits: the last dimension must be "
            f"{new // old}, as that many elements become one"
        )
    return ArrayType(x.shape[:-1], new_dtype)


def _bitcast_ref(x: np.ndarray, *, new_dtype: np.dtype) -> np.ndarray:
    x = np.ascontiguousarray(x)
    old, new = bits(x.dtype), bits(new_dtype)
    if old < 8:  # NumPy has a byte for each: join those of a byte, lowest first
        if old == new:
            return x.view(new_dtype)
        parts = x.view(np.uint8).reshape(*x.shape[:-1], -1, 8 // old) & ((1 << old) - 1)
        x = (parts << (old * np.arange(8 // old, dtype=np.uint8))).sum(-1, dtype=np.uint8)
    elif new < 8:
        parts = x.reshape(*x.shape, 1).view(np.uint8)[..., None]
        parts = parts >> (new * np.arange(8 // new, dtype=np.uint8)) & ((1 << new) - 1)
        return parts.reshape(*x.shape, old // new).view(new_dtype)
    if x.dtype.itemsize > new_dtype.itemsize:
        return x.reshape(*x.shape, 1).view(new_dtype)
    same = x.dtype.itemsize == new_dtype.itemsize
    return x.view(new_dtype).reshape(x.shape[:-1] if not same or old < 8 else x.shape)


def _bitcast_batch(size: int, args: Any, dims: Any, *, new_dtype: np.dtype) -> Any:
    return bitcast_p.bind(to_front(args[0], dims[0], size), new_dtype=new_dtype), 0


def _bitcast_shard(ins: Any, outs: Any, **params: Any) -> str:
    letters = [f"i{k}" for k in range(min(ins[0].ndim, outs[0].ndim))]
    terms = [" ".join(letters + ["."] * (t.ndim - len(letters))) for t in (ins[0], outs[0])]
    return " -> ".join(terms)


bitcast_p = register(
    Primitive(
        "bitcast_convert",
        abstract=_bitcast_abstract,
        ref=_bitcast_ref,
        lower=lambda b, eqn, x: b.op("stablehlo.bitcast_convert", [eqn.outputs[0].type], [x]),
        jvp=ZERO,
        transpose=NONLINEAR,
        batch=_bitcast_batch,
        shard=_bitcast_shard,
    )
)


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Any:
    """The bits of `operand` read as `new_dtype`.

    Args:
        operand: array of shape `s`, neither boolean nor complex.
        new_dtype: dtype of numbers, neither boolean nor complex.

    Returns:
        Array of `new_dtype`: of shape `s` where the widths are equal, of shape `[*s, k]` where the
        new dtype is `k` times narrower (the least significant part comes first), and of
        shape `s[:-1]` where it is `s[-1]` times wider.

    Raises:
        TypeError: a dtype is boolean or complex.
        ValueError: the last dimension does not fit.

    Reference:
        StableHLO `bitcast_convert`.

    Example:
        >>> lax.bitcast_convert_type(np.array([1.0, -0.0]), np.uint32)
        Array([1065353216, 2147483648], dtype=uint32)
        >>> lax.bitcast_convert_type(np.array([1], np.int32), np.int16)
        Array([[1, 0]], dtype=int16)
    """
    old, new = typeof(operand).dtype, canonicalize_dtype(new_dtype)
    if old != new and (old.kind in "bc" or new.kind in "bc"):
        raise ShapeError(
            "lax.bitcast_convert_type does not support bool or complex values unless the operand "
            f"and destination types match. Got operand dtype={old}, new_dtype={new}"
        )
    return bitcast_p.bind(operand, new_dtype=new)


def _reduce_precision_ref(x: np.ndarray, *, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    """Round to nearest even at `mantissa_bits`; overflow to infinity, flush subnormals."""
    wide = x.astype(np.float64)
    mantissa, exponent = np.frexp(wide)
    scaled = np.ldexp(mantissa, mantissa_bits + 1)
    rounded = np.ldexp(np.rint(scaled), exponent - mantissa_bits - 1)
    bias = 2 ** (exponent_bits - 1) - 1
    largest = (2 - 2.0**-mantissa_bits) * 2.0**bias
    rounded = np.where(np.abs(rounded) > largest, np.copysign(np.inf, wide), rounded)
    rounded = np.where(np.abs(rounded) < 2.0 ** (1 - bias), np.copysign(0.0, wide), rounded)
    return np.where(np.isfinite(wide), rounded, wide).astype(x.dtype)


def _reduce_precision_lower(b: Any, eqn: Any, x: Any) -> Any:
    attributes = {name: integer(value, 32) for name, value in eqn.params.items()}
    return b.op("stablehlo.reduce_precision", [eqn.outputs[0].type], [x], attributes)


reduce_precision_p = unary(
    "reduce_precision", ref=_reduce_precision_ref, lower=_reduce_precision_lower,
    accepts="floating", transcendental=False,
    jvp=lambda primals, tangents, **params: (
        reduce_precision_p.bind(*primals, **params),
        tangents[0] if type(tangents[0]) is Zero
        else reduce_precision_p.bind(*tangents, **params),
    ),
    transpose=lambda ct, x, **params: [reduce_precision_p.bind(ct, **params)],
    jet=PIECEWISE_LINEAR,
)  # fmt: skip


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Any:
    """`operand` rounded to a float format of that many exponent and mantissa bits.

    Args:
        operand: array of a floating dtype.
        exponent_bits: bits of the exponent, at least 1; larger numbers become infinite.
        mantissa_bits: bits behind the point, at least 0; halves go to even.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: `operand` is not floating.
        ValueError: there are no exponent bits, or a negative number of mantissa bits.

    Reference:
        StableHLO `reduce_precision`.

    Example:
        >>> lax.reduce_precision(np.array([1.0625, 1.1875, 70000.0]), 5, 3)  # 1.0625 is 17 / 16
        Array([1.  , 1.25,  inf], dtype=float32)
    """
    exponent, mantissa = operator.index(exponent_bits), operator.index(mantissa_bits)
    if exponent < 1:
        raise ArgumentValueError(
            f"reduce_precision: exponent_bits must be positive; got {exponent}"
        )
    if mantissa < 0:
        raise ArgumentValueError(
            f"reduce_precision: mantissa_bits must be non-negative; got {mantissa}"
        )
    return reduce_precision_p.bind(operand, exponent_bits=exponent, mantissa_bits=mantissa)


# --- complex parts --------------------------------------------------------------------------


def _part(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"f{dtype.itemsize // 2}")


def _whole(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"c{dtype.itemsize * 2}")


def _linear_unary(p: Any) -> Any:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        out = p().bind(*primals)
        (t,) = tangents
        return out, Zero(typeof(out).tangent) if type(t) is Zero else p().bind(t)

    return jvp


def _part_simplify(index: int) -> Any:
    def simplify(producer: Any, x: Any) -> Any:
        parts = made_by(producer, complex_p, x)
        return None if parts is None else parts[index]

    return simplify


real_p = unary(
    "real", ref=np.real, lower="real", accepts="complex", result=_part, transcendental=False,
    jvp=_linear_unary(lambda: real_p),
    jet=PIECEWISE_LINEAR,
    transpose=lambda ct, x: [complex(ct, literal(0, ct))], simplify=_part_simplify(0),
)  # fmt: skip
imag_p = unary(
    "imag", ref=np.imag, lower="imag", accepts="complex", result=_part, transcendental=False,
    jvp=_linear_unary(lambda: imag_p),
    jet=PIECEWISE_LINEAR,
    transpose=lambda ct, x: [complex(literal(0, ct), neg(ct))], simplify=_part_simplify(1),
)  # fmt: skip


def _complex_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    out = complex_p.bind(*primals)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(typeof(out).tangent)
    parts = (
        literal(0, p) if type(t) is Zero else t for p, t in zip(primals, tangents, strict=True)
    )
    return out, complex_p.bind(*parts)


def _complex_abstract(x: ArrayType, y: ArrayType) -> ArrayType:
    joined = join_types("complex", "parts", (x, y), None)
    return ArrayType(joined.shape, _whole(joined.dtype), joined.weak_type)


def _complex_ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Parts put beside each other: sums and products would mix infinities into NaN."""
    x, y = np.broadcast_arrays(x, y)
    return np.stack([x, y], -1).view(_whole(x.dtype))[..., 0]


complex_p = register(
    Primitive(
        "complex",
        abstract=_complex_abstract,
        accepts="parts",
        ref=_complex_ref,
        lower=lambda b, eqn, x, y: b.op(
            "stablehlo.complex", [eqn.outputs[0].type], b.full_shape(eqn, (x, y))
        ),
        jvp=_complex_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=lambda ct, x, y: [
            real(ct) if is_linear(x) else None,
            imag(neg(ct)) if is_linear(y) else None,
        ],
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        implicit_broadcast=True,
    )
)


def real(x: Any) -> Any:
    """Real parts of complex numbers.

    Args:
        x: array of a complex dtype.

    Returns:
        Array of the shape of `x`: float32 of complex64, float64 of complex128.

    Raises:
        TypeError: `x` is not complex; `ms_func.numpy.real` takes any dtype.

    Reference:
        StableHLO `real`.

    Example:
        >>> lax.real(np.array([1 + 2j]))
        Array([1.], dtype=float32)
    """
    return real_p.bind(x)


def imag(x: Any) -> Any:
    """Imaginary parts of complex numbers.

    Args:
        x: array of a complex dtype.

    Returns:
        Array of the shape of `x`: float32 of complex64, float64 of complex128.

    Raises:
        TypeError: `x` is not complex; `ms_func.numpy.imag` takes any dtype.

    Reference:
        StableHLO `imag`.

    Example:
        >>> lax.imag(np.array([1 + 2j]))
        Array([2.], dtype=float32)
    """
    return imag_p.bind(x)


def complex(x: Any, y: Any) -> Any:
    """`x + iy` from floating operands.

    Args:
        x: array of dtype float32 or float64.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape: complex64 of float32, complex128 of float64.

    Raises:
        TypeError: the dtypes differ, they are neither float32 nor float64, or the shapes do not
            fit.

    Reference:
        StableHLO `complex`.

    Example:
        >>> lax.complex(np.array([1.0, 2.0]), np.array([0.0, -1.0]))
        Array([1.+0.j, 2.-1.j], dtype=complex64)
    """
    return complex_p.bind(x, y)


def _conj_transpose(ct: Any, x: Any) -> list[Any]:
    return [conj(ct)]


def _conj_simplify(producer: Any, x: Any) -> Any:
    inner = made_by(producer, conj_p, x)
    return None if inner is None else inner[0]


conj_p = unary(
    "conj", ref=np.conj, accepts="complex", transcendental=False, jvp=_linear_unary(lambda: conj_p),
    jet=PIECEWISE_LINEAR,
    lower=lambda b, eqn, x: b.op("chlo.conj", [eqn.outputs[0].type], [x]),
    transpose=_conj_transpose, simplify=_conj_simplify,
)  # fmt: skip


def conj(x: Any) -> Any:
    """Complex conjugate; real numbers become complex.

    Args:
        x: array of a complex, float32 or float64 dtype.

    Returns:
        Array of the shape of `x`, complex.

    Raises:
        TypeError: `x` has another dtype.

    Reference:
        CHLO `conj`.

    Example:
        >>> lax.conj(np.array([1 + 2j]))
        Array([1.-2.j], dtype=complex64)
        >>> lax.conj(np.array([1.0], np.float64)).dtype
        dtype('complex128')
    """
    if typeof(x).dtype.kind != "c":
        return complex(x, literal(0, x))
    return conj_p.bind(x)
