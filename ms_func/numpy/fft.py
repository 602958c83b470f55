"""Discrete Fourier transforms: `numpy.fft`."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import fusion, manipulation
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.elementwise import conjugate
from ms_func.numpy.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from ms_func.numpy.joining import part
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, inexact
from ms_func.primitives import pieces
from ms_func.primitives.fft import fft_p

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
__dir__ = __all__.copy

# --- the common way -------------------------------------------------------------------


def _transform(kind: str, a: Any, sizes: Any, axes: Sequence[int] | None, norm: str | None) -> Any:
    """Transform over `axes`, cut or filled to `sizes`, scaled by `norm`."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise ArgumentValueError(
            f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".'
        )
    a = _operand(kind, a)
    ndim = typeof(a).ndim
    if axes is None:
        count = ndim if sizes is None else len(sizes)
        axes = tuple(range(ndim - count, ndim))
    axes = axes_tuple(tuple(axes), ndim) if len(set(axes)) == len(tuple(axes)) else _repeated(axes)
    if not axes and kind in ("FFT", "IFFT"):
        return as_handle(a)
    if not axes:
        raise ArgumentValueError("fft: at least 1 axis must be transformed")
    points = _points(kind, [typeof(a).shape[i] for i in axes], sizes)
    return fusion.run(_program, (a,), kind, tuple(axes), points, norm or "backward")


def _points(kind: str, shape: Sequence[int], sizes: Any) -> tuple[int, ...]:
    """Numbers of points along dimensions of the sizes `shape`; None and -1 take those."""
    if sizes is None:
        sizes = list(shape)
        if kind == "IRFFT":
            sizes[-1] = 2 * (shape[-1] - 1)
    if len(sizes) != len(shape):
        raise ArgumentValueError(f"fft: {len(sizes)} sizes for {len(shape)} axes")
    found = tuple(
        own if n is None or n == -1 else operator.index(n)
        for own, n in zip(shape, sizes, strict=True)
    )
    if any(n < 1 for n in found):
        raise ArgumentValueError(f"fft: the number of data points must be positive, got {found}")
    return found


def _repeated(axes: Sequence[int]) -> tuple[int, ...]:
    raise ArgumentValueError(f"fft does not support repeated axes. Got axes {tuple(axes)}.")


def _operand(kind: str, a: Any) -> Any:
    """`a` in a dtype the transform takes: float32 or wider, complex unless for RFFT."""
    a = inexact("fft", a)
    dtype = typeof(a).dtype
    if dtype.kind != "c" and dtype.itemsize < 4:
        a, dtype = convert(a, np.dtype(np.float32)), np.dtype(np.float32)
    if kind == "RFFT":
        if dtype.kind == "c":
            raise ArgumentValueError("only real valued inputs supported for rfft")
        return a
    return a if dtype.kind == "c" else convert(a, np.dtype(f"c{dtype.itemsize * 2}"))


def _program(a: Any, kind: str, axes: tuple[int, ...], sizes: tuple[int, ...], norm: str) -> Any:
    ndim = typeof(a).ndim
    for i, (axis, n) in enumerate(zip(axes, sizes, strict=True)):
        half = kind == "IRFFT" and i == len(axes) - 1
        a = _resized(a, axis, n // 2 + 1 if half else n)
    last = tuple(range(ndim - len(axes), ndim))
    a = manipulation.moveaxis(a, axes, last) if axes != last else a
    a = _chained(a, kind, sizes)
    total = math.prod(sizes)
    inverse = kind.startswith("I")
    factor = {"ortho": math.sqrt(total) if inverse else 1 / math.sqrt(total),
              "forward": float(total) if inverse else 1 / total, "backward": 1.0}[norm]  # fmt: skip
    a = a if factor == 1.0 else ar.multiply(a, factor)
    return manipulation.moveaxis(a, last, axes) if axes != last else a


def _resized(a: Any, axis: int, n: int) -> Any:
    """`a` cut off or filled with zeros along a dimension."""
    have = typeof(a).shape[axis]
    if n < have:
        return part(a, axis, 0, n)
    if n == have:
        return a
    edge = [(0, n - have if i == axis else 0, 0) for i in range(typeof(a).ndim)]
    return pieces.pad(a, convert(0, typeof(a).dtype), edge)


def _chained(a: Any, kind: str, sizes: tuple[int, ...]) -> Any:
    """Transform of the last dimensions, three at a time; a half one has the last dimension."""
    if len(sizes) <= 3:
        return fft_p.bind(a, kind=kind, lengths=sizes)
    rest, full = sizes[:-3], "IFFT" if kind.startswith("I") else "FFT"
    ndim = typeof(a).ndim
    front = tuple(range(ndim - len(sizes), ndim - 3))
    back = tuple(range(ndim - len(rest), ndim))

    def others(x: Any) -> Any:
        moved = manipulation.moveaxis(x, front, back)
        return manipulation.moveaxis(_chained(moved, full, rest), back, front)

    if kind == "RFFT":
        return others(fft_p.bind(a, kind=kind, lengths=sizes[-3:]))
    return fft_p.bind(others(a), kind=kind, lengths=sizes[-3:])


def _one(kind: str, a: Any, n: int | None, axis: int, norm: str | None) -> Any:
    if isinstance(axis, (tuple, list)):
        raise ArgumentValueError(f"fft takes one axis, got {axis}; use fftn for several")
    if n is not None and operator.index(n) < 1:
        raise ArgumentValueError(f"fft: the number of data points must be positive, got {n}")
    return _transform(kind, a, None if n is None else (n,), (axis,), norm)


# --- one dimension --------------------------------------------------------------------


def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Fourier transform along a dimension: `A[k] = sum_j a[j] exp(-2 pi i j k / n)`.

    Args:
        a: array; real numbers count as complex.
        n: number of points: the dimension is cut off or filled with zeros to it.
        axis: dimension.
        norm: "backward" divides the inverse by `n`, "forward" the forward transform, "ortho"
            both by the root of `n`.

    Returns:
        complex64, or complex128 for 64-bit elements; the dimension has size `n`.

    Raises:
        ValueError: `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> np.fft.fft(np.array([1.0, 2.0, 3.0, 4.0]))
        Array([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j], dtype=complex64)
        >>> np.fft.fft(np.array([1.0, 1.0]), n=4).real
        Array([2., 1., 0., 1.], dtype=float32)
        >>> np.fft.fft(np.array([1.0, 1.0]), norm="forward")
        Array([1.+0.j, 0.+0.j], dtype=complex64)

    Reference:
        Cooley, Tukey, Mathematics of Computation 19, 1965.
    """
    return _one("FFT", a, n, axis, norm)


def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of `fft`: `a[j] = sum_k A[k] exp(2 pi i j k / n) / n`.

    Args:
        a: array; real numbers count as complex.
        n: number of points: the dimension is cut off or filled with zeros to it.
        axis: dimension.
        norm: as for `fft`.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> np.fft.ifft(np.array([4.0, 0.0, 0.0, 0.0]))
        Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _one("IFFT", a, n, axis, norm)


def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """First half of the Fourier transform of real numbers, the other being its conjugate.

    Args:
        a: real array; integers count as float32.
        n: number of points: the dimension is cut off or filled with zeros to it.
        axis: dimension.
        norm: as for `fft`.

    Returns:
        Complex; the dimension has size `n // 2 + 1`.

    Raises:
        ValueError: `a` is complex, `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> np.fft.rfft(np.array([1.0, 2.0, 3.0, 4.0]))
        Array([10.+0.j, -2.+2.j, -2.+0.j], dtype=complex64)
    """
    return _one("RFFT", a, n, axis, norm)


def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of `rfft`.

    Args:
        a: array: the first half of a transform.
        n: number of points of the result, by default the even one, `2 (m - 1)` for size m.
        axis: dimension.
        norm: as for `fft`.

    Returns:
        Real; the dimension has size `n`.

    Raises:
        ValueError: `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0])
        >>> np.fft.irfft(np.fft.rfft(x), 3).round(4)
        Array([1., 2., 3.], dtype=float32)
        >>> np.fft.irfft(np.fft.rfft(x)).shape
        (2,)
    """
    return _one("IRFFT", a, n, axis, norm)


def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Fourier transform, real, of the first half of a signal that equals its conjugate reversed.

    Args:
        a: array: the first half.
        n: number of points of the result, by default the even one, `2 (m - 1)` for size m.
        axis: dimension.
        norm: as for `fft`.

    Returns:
        Real; the dimension has size `n`.

    Raises:
        ValueError: `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> np.fft.hfft(np.array([1.0, 2.0, 3.0]))
        Array([ 8., -2.,  0., -2.], dtype=float32)
        >>> np.fft.fft(np.array([1.0, 2.0, 3.0, 2.0])).real
        Array([ 8., -2.,  0., -2.], dtype=float32)
    """
    a = inexact("hfft", a)
    count = 2 * (typeof(a).shape[axis_index(axis, typeof(a).ndim)] - 1) if n is None else n
    return irfft(conjugate(a), count, axis, _swapped(norm))


def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of `hfft`: the first half of what a real spectrum stands for.

    Args:
        a: real array; integers count as float32.
        n: number of points: the dimension is cut off or filled with zeros to it.
        axis: dimension.
        norm: as for `fft`.

    Returns:
        Complex; the dimension has size `n // 2 + 1`.

    Raises:
        ValueError: `a` is complex, `n` is not positive, there is no such `norm` or dimension.

    Example:
        >>> np.fft.ihfft(np.array([8.0, -2.0, 0.0, -2.0])).real
        Array([1., 2., 3.], dtype=float32)
    """
    return conjugate(rfft(a, n, axis, _swapped(norm)))


def _swapped(norm: str | None) -> str:
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, str(norm))


# --- several dimensions ---------------------------------------------------------------


@fusion.whole(1)
def fft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """Fourier transform over two dimensions.

    Args:
        a: array; real numbers count as complex.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions, the last two by default.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.fft2(np.eye(2)).real
        Array([[2., 0.],
               [0., 2.]], dtype=float32)
    """
    return fftn(a, s, _two(axes), norm)


@fusion.whole(1)
def ifft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """Inverse of `fft2`.

    Args:
        a: array; real numbers count as complex.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions, the last two by default.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.ifft2(4 * np.eye(2)).real
        Array([[2., 0.],
               [0., 2.]], dtype=float32)
    """
    return ifftn(a, s, _two(axes), norm)


@fusion.whole(1)
def rfft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """`rfft` along the second of two dimensions, `fft` along the first.

    Args:
        a: real array; integers count as float32.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions, the last two by default.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        Complex; the last of the dimensions has size `n // 2 + 1` for n points.

    Raises:
        ValueError: `a` is complex, a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.rfft2(np.ones((2, 4))).real
        Array([[8., 0., 0.],
               [0., 0., 0.]], dtype=float32)
    """
    return rfftn(a, s, _two(axes), norm)


@fusion.whole(1)
def irfft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """Inverse of `rfft2`.

    Args:
        a: array: a half along the last of the dimensions.
        s: number of points of the result along each: the dimension is cut off or filled with zeros.
        axes: dimensions, the last two by default.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        Real; the last of the dimensions has, without `s`, size `2 (m - 1)` for m.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> x = np.ones((2, 5))
        >>> np.fft.irfft2(np.fft.rfft2(x), s=(2, 5)).shape, np.fft.irfft2(np.fft.rfft2(x)).shape
        ((2, 5), (2, 4))
    """
    return irfftn(a, s, _two(axes), norm)


def _two(axes: Sequence[int]) -> Sequence[int]:
    if len(axes) != 2:
        raise ArgumentValueError(f"fft of two dimensions takes two axes, got {axes}")
    return axes


@fusion.whole(1)
def fftn(
    a: ArrayLike, s: Any = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """Fourier transform over dimensions, one after the other.

    Args:
        a: array; real numbers count as complex.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions; all by default, the last `len(s)` if only `s` is given.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.fftn(np.ones((2, 2))).real
        Array([[4., 0.],
               [0., 0.]], dtype=float32)
        >>> np.fft.fftn(np.ones((2, 3, 4)), s=(8,)).shape
        (2, 3, 8)
    """
    return _transform("FFT", a, s, axes, norm)


@fusion.whole(1)
def ifftn(
    a: ArrayLike, s: Any = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """Inverse of `fftn`.

    Args:
        a: array; real numbers count as complex.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions; all by default, the last `len(s)` if only `s` is given.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.ifftn(np.array([[4.0, 0.0], [0.0, 0.0]])).real
        Array([[1., 1.],
               [1., 1.]], dtype=float32)
    """
    return _transform("IFFT", a, s, axes, norm)


@fusion.whole(1)
def rfftn(
    a: ArrayLike, s: Any = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """`rfft` along the last of the dimensions, `fft` along the others.

    Args:
        a: real array; integers count as float32.
        s: number of points along each: the dimension is cut off or filled with zeros.
        axes: dimensions; all by default, the last `len(s)` if only `s` is given.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        Complex; the last of the dimensions has size `n // 2 + 1` for n points.

    Raises:
        ValueError: `a` is complex, a number of points is not positive, or the axes do not fit.

    Example:
        >>> np.fft.rfftn(np.ones((2, 3, 4))).shape
        (2, 3, 3)
    """
    return _transform("RFFT", a, s, axes, norm)


@fusion.whole(1)
def irfftn(
    a: ArrayLike, s: Any = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """Inverse of `rfftn`.

    Args:
        a: array: a half along the last of the dimensions.
        s: number of points of the result along each: the dimension is cut off or filled with zeros.
        axes: dimensions; all by default, the last `len(s)` if only `s` is given.
        norm: as for `fft`, with the product of the numbers of points.

    Returns:
        Real; the last of the dimensions has, without `s`, size `2 (m - 1)` for m.

    Raises:
        ValueError: a number of points is not positive, or the axes do not fit.

    Example:
        >>> x = np.fft.rfftn(np.ones((2, 4)))
        >>> np.fft.irfftn(x).shape, np.fft.irfftn(x, axes=(0,)).shape
        ((2, 4), (2, 3))
    """
    return _transform("IRFFT", a, s, axes, norm)
