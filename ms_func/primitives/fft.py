"""Discrete Fourier transforms over the last one to three dimensions.

Forward transforms are sums without a factor, inverse ones are divided by the number of
elements. Reference: StableHLO specification, "fft".
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import SizeError
from ms_func.ir.primitive import Cost, Linear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, parsed
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.basis import int_tuple, letters
from ms_func.primitives.batching import to_front
from ms_func.primitives.bits import bitwise_or
from ms_func.primitives.cast import conj, convert_element_type
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import literal
from ms_func.primitives.shape import broadcasted_iota

KINDS = ("FFT", "IFFT", "RFFT", "IRFFT")


class FftType(enum.IntEnum):
    """Kinds of Fourier transforms: complex ones and their inverses, and those of real arrays.

    Example:
        >>> [kind.name for kind in lax.FftType]
        ['FFT', 'IFFT', 'RFFT', 'IRFFT']
    """

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


def _fft_abstract(x: ArrayType, *, kind: str, lengths: tuple[int, ...]) -> ArrayType:
    n = len(lengths)
    if kind not in KINDS:
        raise SizeError(f"Unknown FFT type {kind!r}: there are {', '.join(KINDS)}")
    if not 1 <= n <= 3 or x.ndim < n:
        raise SizeError(
            f"FFT input shape {x.shape} must have at least as many input dimensions as fft_lengths "
            f"{lengths}, of which there are one to three"
        )
    wanted = "f" if kind == "RFFT" else "c"
    if x.dtype.kind != wanted or x.dtype.itemsize < (4 if wanted == "f" else 8):
        what = "real" if wanted == "f" else "complex"
        raise SizeError(
            f"only {what} valued inputs of 32 bits or more supported for {kind.lower()}, got {x}\n"
            "fix: convert it with .astype"
        )
    half = (*lengths[:-1], lengths[-1] // 2 + 1)
    taken = half if kind == "IRFFT" else lengths
    if x.shape[-n:] != taken:
        raise SizeError(
            f"FFT input shape {x.shape} minor dimensions must be equal to {taken} for fft_lengths "
            f"{lengths} of {kind}"
        )
    lead = x.shape[:-n]
    if kind == "RFFT":
        return ArrayType((*lead, *half), np.dtype(f"c{x.dtype.itemsize * 2}"))
    if kind == "IRFFT":
        return ArrayType((*lead, *lengths), np.dtype(f"f{x.dtype.itemsize // 2}"))
    return ArrayType(x.shape, x.dtype)


def _fft_ref(x: np.ndarray, *, kind: str, lengths: tuple[int, ...]) -> np.ndarray:
    out = _fft_abstract(ArrayType(x.shape, x.dtype), kind=kind, lengths=lengths)
    if not out.size:
        return np.zeros(out.shape, out.dtype)
    axes = tuple(range(-len(lengths), 0))
    function = {"FFT": np.fft.fftn, "IFFT": np.fft.ifftn, "RFFT": np.fft.rfftn,
                "IRFFT": np.fft.irfftn}[kind]  # fmt: skip
    return function(x, lengths, axes).astype(out.dtype)


def _fft_lower(b: Any, eqn: Any, x: Any) -> Any:
    attributes = {
        "fft_type": parsed(f"#stablehlo<fft_type {eqn.params['kind']}>"),
        "fft_length": int_array(eqn.params["lengths"]),
    }
    return b.op("stablehlo.fft", [eqn.outputs[0].type], [x], attributes)


def _fft_transpose(ct: Any, x: Any, *, kind: str, lengths: tuple[int, ...]) -> list[Any]:
    """The matrix of a full transform is symmetric; a half one is its restriction.

    RFFT and IRFFT are each other's transposes but for signs and factors: every element of the half
    but the first and the middle one stands for itself and its conjugate.
    """
    if kind in ("FFT", "IFFT"):
        return [fft_p.bind(ct, kind=kind, lengths=lengths)]
    size = math.prod(lengths)
    if kind == "RFFT":
        half = _scaled_half(conj(ct), lengths[-1], float(size), size / 2)
        return [fft_p.bind(half, kind="IRFFT", lengths=lengths)]
    half = conj(fft_p.bind(ct, kind="RFFT", lengths=lengths))
    return [_scaled_half(half, lengths[-1], 1 / size, 2 / size)]


def _scaled_half(half: Any, n: int, single: float, double: float) -> Any:
    """Half a spectrum of `n`, times one factor at the first and middle element, another between."""
    shape = typeof(half).shape
    place = broadcasted_iota(np.int32, shape, len(shape) - 1)
    alone = eq(place, 0)
    if n % 2 == 0:
        alone = bitwise_or(alone, eq(place, n // 2))
    return mul(half, select(alone, literal(single, half), literal(double, half)))


def _fft_batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    return fft_p.bind(to_front(args[0], dims[0], size), **params), 0


def _fft_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, lengths: tuple[int, ...], **params: Any
) -> str:
    n = len(lengths)
    term = " ".join([*letters(ins[0].ndim - n), *["."] * n])
    return f"{term} -> {term}"


def _fft_cost(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, lengths: tuple[int, ...], **params: Any
) -> Cost:
    size = max(ins[0].size, outs[0].size)
    work = 5.0 * size * math.log2(max(math.prod(lengths), 2))
    return Cost(work, 0.0, float(ins[0].nbytes + outs[0].nbytes))


fft_p = register(
    Primitive(
        "fft",
        abstract=_fft_abstract,
        ref=_fft_ref,
        lower=_fft_lower,
        jvp=Linear(0),
        transpose=_fft_transpose,
        batch=_fft_batch,
        shard=_fft_shard,
        local=lambda ins, outs, cuts, **params: lambda x: fft_p.bind(x, **params),
        cost=_fft_cost,
    )
)


def fft(x: Any, fft_type: Any, fft_lengths: Sequence[int]) -> Any:
    """Fourier transform over the last dimensions.

    Args:
        x: array: complex for FFT, IFFT and IRFFT, which convert real numbers; float32, float64 or
            integer for RFFT.
        fft_type: "FFT", "IFFT", "RFFT", "IRFFT", or an `FftType`.
        fft_lengths: sizes of the transformed dimensions, one to three; for IRFFT those of the
            result.

    Returns:
        FFT and IFFT keep the shape; RFFT goes from `[..., n]` to complex `[..., n // 2 + 1]`, IRFFT
        back to real `[..., n]`. The precision stays. The inverses divide by the number of elements.

    Raises:
        TypeError: kind, lengths, shape and dtype do not fit; a ValueError too where it is a matter
            of
            lengths.

    Reference:
        StableHLO `fft`; Cooley and Tukey, Mathematics of Computation 19, 1965.

    Example:
        >>> lax.fft(np.array([1.0, 0.0, 0.0, 0.0]), "RFFT", (4,))
        Array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
        >>> lax.fft(np.array([4.0, 0.0, 0.0]), lax.FftType.IRFFT, (4,))
        Array([1., 1., 1., 1.], dtype=float32)
    """
    kind = str(getattr(fft_type, "name", fft_type)).rpartition(".")[2].upper()
    dtype = typeof(x).dtype
    if kind == "RFFT" and dtype.kind in "biu":
        x = convert_element_type(x, np.float32)
    elif kind != "RFFT" and dtype.kind != "c":
        x = convert_element_type(x, np.complex128 if dtype == np.float64 else np.complex64)
    return fft_p.bind(x, kind=kind, lengths=int_tuple(fft_lengths, "fft_lengths"))
