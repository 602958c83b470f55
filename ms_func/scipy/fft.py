"""Discrete cosine transforms of types 1 to 4, by fast Fourier transforms.

J. Makhoul, IEEE Transactions on Acoustics, Speech, and Signal Processing 28 (1980), for types
2 and 3: a transform of the same length as the data.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import promote_types
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.axes import axis_index
from ms_func.scipy.operands import of_shapes

__all__ = ["dct", "dctn", "idct", "idctn"]
__dir__ = __all__.copy

_INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
_SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def dct(
    x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Array:
    """Discrete cosine transform along a dimension.

    Type 2: `y[k] = 2 sum_j x[j] cos(pi k (2 j + 1) / (2 n))`. Type 3: `x[0]` and twice the other
    terms `x[j] cos(pi (2 k + 1) j / (2 n))`. Type 4: twice `x[j] cos(pi (2 k + 1) (2 j + 1) /
    (4 n))`. Type 1, of at least two elements: `x[0] + (-1)^k x[n - 1]` and twice the other terms
    `x[j] cos(pi k j / (n - 1))`.

    Args:
        x: array; complex ones by real and imaginary parts.
        type: 1, 2, 3 or 4.
        n: number of elements, which cuts `x` or fills it up with zeros; all by default.
        axis: the dimension.
        norm: None or "backward" for no factor, "forward" for one over the length of the extended
            data (2 n; type 1: 2 (n - 1)), "ortho" for an orthogonal transform.

    Raises:
        ValueError: there is no such type or norm, or `n` is too small.

    Example:
        >>> dct(np.array([1.0, 1.0]))
        Array([4., 0.], dtype=float32)
    """
    return _transform("dct", x, type, None if n is None else (n,), (axis,), norm, False)


def idct(
    x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Array:
    """Inverse of `dct` with the same arguments.

    Args:
        x: real or complex array; integers become floats.
        type: 1, 2, 3 or 4, that of the transform to undo.
        n: number of elements along `axis`: fewer are taken, or zeros added.
        axis: dimension.
        norm: "backward" (None) divides by the length, "ortho" by its root, "forward" not at all.

    Raises:
        ValueError: there is no such type, norm or dimension, or no element.

    Example:
        >>> idct(np.array([4.0, 0.0]))
        Array([1., 1.], dtype=float32)
    """
    return _transform("idct", x, type, None if n is None else (n,), (axis,), norm, True)


def dctn(
    x: Any, type: int = 2, s: Sequence[int] | None = None, axes: int | Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:  # fmt: skip
    """`dct` along several dimensions: all by default, the last `len(s)` where `s` is given.

    Args:
        x: array.
        type: as for `dct`.
        s: number of elements along each of `axes`.
        axes: the dimensions.
        norm: as for `dct`.

    Raises:
        ValueError: a dimension is named twice, or as for `dct`.

    Example:
        >>> print(np.array_str(dctn(np.ones((2, 2))), precision=3, suppress_small=True))
        [[16.  0.]
         [ 0.  0.]]
    """
    return _transform("dctn", x, type, s, axes, norm, False)


def idctn(
    x: Any, type: int = 2, s: Sequence[int] | None = None, axes: int | Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:  # fmt: skip
    """Inverse of `dctn` with the same arguments.

    Args:
        x: array.
        type: as for `dct`, that of the transform to undo.
        s: number of elements along each of `axes`.
        axes: the dimensions; all by default, the last `len(s)` where `s` is given.
        norm: as for `idct`.

    Raises:
        ValueError: a dimension is named twice, or as for `dct`.

    Example:
        >>> x = np.array([[16.0, 0.0], [0.0, 0.0]])
        >>> print(np.array_str(idctn(x), precision=3))
        [[1. 1.]
         [1. 1.]]
    """
    return _transform("idctn", x, type, s, axes, norm, True)


def _transform(
    name: str, x: Any, kind: int, sizes: Sequence[int] | None, axes: int | Sequence[int] | None,
    norm: str | None, inverse: bool,
) -> Any:  # fmt: skip
    """Check the arguments and transform along one dimension after the other."""
    norm = "backward" if norm is None else norm
    if norm not in _SWAPPED:
        raise ArgumentValueError(
            f"scipy.fft.{name}: norm={norm!r} is not implemented\n"
            "fix: None, 'backward', 'ortho' or 'forward'"
        )
    if kind not in _INVERSE:
        raise ArgumentValueError(f"scipy.fft.{name}: there is no type {kind!r}\nfix: 1, 2, 3 or 4")
    (x,) = of_shapes(f"fft.{name}", x)
    x = x.astype(promote_types(x.dtype, np.float32))
    places, given = _dimensions(name, x.shape, sizes, axes)
    least = 2 if kind == 1 else 1
    if any(n < least for n in given):
        raise ArgumentValueError(
            f"scipy.fft.{name}: invalid number of data points ({min(given)}), type {kind} needs "
            f"at least {least}"
        )
    if inverse:
        kind, norm = _INVERSE[kind], _SWAPPED[norm]
    return fusion.run(_all, (x,), places, tuple(given), kind, norm)


def _dimensions(
    name: str, shape: tuple[int, ...], sizes: Sequence[int] | None,
    axes: int | Sequence[int] | None,
) -> tuple[tuple[int, ...], list[int]]:  # fmt: skip
    """The dimensions to transform, and their lengths."""
    rank = len(shape)
    if axes is None:
        axes = range(rank) if sizes is None else range(rank - len(sizes), rank)
    axes = (axes,) if isinstance(axes, int) else axes
    places = tuple(axis_index(a, rank) for a in axes)
    if len(set(places)) != len(places):
        raise ArgumentValueError(f"scipy.fft.{name}: repeated axis in {tuple(axes)}")
    given = [shape[a] for a in places] if sizes is None else [operator.index(n) for n in sizes]
    if len(given) != len(places):
        raise ArgumentValueError(
            f"scipy.fft.{name}: s has {len(given)} lengths for {len(places)} dimensions"
        )
    return places, given


def _all(x: Any, places: Any, sizes: Any, kind: int, norm: str) -> Any:
    for axis, n in zip(places, sizes, strict=True):
        x = np.moveaxis(_one(_resized(np.moveaxis(x, axis, -1), n), kind, norm), -1, axis)
    return x


def _resized(x: Any, n: int) -> Any:
    if n <= x.shape[-1]:
        return x[..., :n]
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])


def _one(x: Any, kind: int, norm: str) -> Any:
    """Transform along the last dimension."""
    if x.dtype.kind == "c":
        return _one(x.real, kind, norm) + 1j * _one(x.imag, kind, norm)
    n = x.shape[-1]
    if norm == "ortho":
        x = x * _ends(n, kind, x.dtype, before=True)
    out = _TRANSFORMS[kind](x, n)
    length = 2 * (n - 1) if kind == 1 else 2 * n
    if norm == "forward":
        out = out / length
    elif norm == "ortho":
        out = out * _ends(n, kind, x.dtype, before=False) / math.sqrt(length)
    return out


def _ends(n: int, kind: int, dtype: Any, before: bool) -> Any:
    """Factors of the elements that make the transform orthogonal: the ends differ."""
    factors = onp.ones(n)
    root = math.sqrt(2) if before else math.sqrt(0.5)
    if kind == 1 or kind == (3 if before else 2):
        factors[0] *= root
    if kind == 1:
        factors[-1] *= root
    return factors.astype(dtype)


def _turn(counts: Any, n: int, dtype: Any) -> Any:
    """`exp(-i pi counts / (2 n))`."""
    return onp.exp(-0.5j * math.pi * counts / n).astype(promote_types(dtype, np.complex64))


def _first(x: Any, n: int) -> Any:
    """Transform of the data and its mirror image without the ends."""
    return np.fft.rfft(np.concatenate([x, x[..., -2:0:-1]], axis=-1)).real


def _second(x: Any, n: int) -> Any:
    """Even elements, then odd ones backwards; element n - k comes from the conjugate of k."""
    mixed = np.concatenate([x[..., ::2], x[..., 1::2][..., ::-1]], axis=-1)
    half = 2 * _turn(onp.arange(n // 2 + 1), n, x.dtype) * np.fft.rfft(mixed)
    rest = -half.imag[..., 1 : (n + 1) // 2][..., ::-1]
    return np.concatenate([half.real, rest], axis=-1)


def _third(x: Any, n: int) -> Any:
    """Steps of `_second` backwards, with the factor of the transpose."""
    first = n // 2 + 1
    mirror = np.concatenate([np.zeros_like(x[..., :1]), x[..., ::-1][..., : first - 1]], axis=-1)
    turned = (x[..., :first] - 1j * mirror) * _turn(onp.arange(first), n, x.dtype).conj()
    mixed = np.fft.irfft(turned, n) * n
    evens = (n + 1) // 2
    order = onp.empty(n, onp.int32)
    order[::2], order[1::2] = onp.arange(evens), onp.arange(n - 1, evens - 1, -1)
    return mixed[..., order]


def _fourth(x: Any, n: int) -> Any:
    """Two half-sample shifts around a transform of twice the length."""
    counts = onp.arange(n)
    found = np.fft.fft(x * _turn(counts, n, x.dtype), 2 * n)[..., :n]
    return 2 * (found * _turn(counts + 0.5, n, x.dtype)).real


_TRANSFORMS: dict[int, Callable[[Any, int], Any]] = {
    1: _first, 2: _second, 3: _third, 4: _fourth,
}  # fmt: skip
