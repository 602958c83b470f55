"""Resampling of images: `resize` and `scale_and_translate`.

A result sample is a weighted mean of the samples near its place, separately along each
dimension: `out[i] = sum_j k((x_i - j) / w) in[j] / sum_j k((x_i - j) / w)`, with a kernel k and a
width w, which grows where the result has fewer samples, to leave out what they cannot show.
"""

from __future__ import annotations

import enum
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import promote_types, to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.axes import axis_index
from ms_func.numpy.promotion import ArrayLike, operand
from ms_func.primitives.dot import Precision

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]
__dir__ = __all__.copy


class ResizeMethod(enum.Enum):
    """Kernels of resampling.

    Attributes:
        NEAREST: the nearest sample.
        LINEAR: triangle. Names: "linear", "bilinear", "trilinear", "triangle".
        LANCZOS3: Lanczos kernel of radius 3. Name: "lanczos3".
        LANCZOS5: Lanczos kernel of radius 5. Name: "lanczos5".
        CUBIC: Keys' cubic kernel with a = -0.5. Names: "cubic", "bicubic", "tricubic".
        CUBIC_PYTORCH: the same; where `antialias` is off with a = -0.75, and with the samples at
            the edges repeated beyond them. Names: "cubic-pytorch", "bicubic-pytorch".
        AREA: mean over the area that a sample of the result covers. Name: "area".

    Reference:
        Keys, "Cubic convolution interpolation for digital image processing", 1981.

    Example:
        >>> resize(np.arange(4.0), (2,), ResizeMethod.AREA)
        Array([0.5, 2.5], dtype=float32)
    """

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4
    CUBIC_PYTORCH = 5
    AREA = 6

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of a name.

        Args:
            s: one of the names above.

        Raises:
            ValueError: there is none.

        Example:
            >>> ResizeMethod.from_string("bilinear")
            <ResizeMethod.LINEAR: 1>
        """
        found = _NAMES.get(s)
        if found is None:
            raise ArgumentValueError(
                f'Unknown resize method "{s}"\nfix: one of {", ".join(map(repr, _NAMES))}'
            )
        return found


_NAMES = {
    "nearest": ResizeMethod.NEAREST,
    "linear": ResizeMethod.LINEAR, "bilinear": ResizeMethod.LINEAR,
    "trilinear": ResizeMethod.LINEAR, "triangle": ResizeMethod.LINEAR,
    "lanczos3": ResizeMethod.LANCZOS3, "lanczos5": ResizeMethod.LANCZOS5,
    "cubic": ResizeMethod.CUBIC, "bicubic": ResizeMethod.CUBIC, "tricubic": ResizeMethod.CUBIC,
    "cubic-pytorch": ResizeMethod.CUBIC_PYTORCH, "bicubic-pytorch": ResizeMethod.CUBIC_PYTORCH,
    "area": ResizeMethod.AREA,
}  # fmt: skip


def resize(
    image: ArrayLike, shape: Sequence[int], method: str | ResizeMethod, antialias: bool = True,
    precision: Any = Precision.HIGHEST,
) -> Array:  # fmt: skip
    """`image` with other numbers of samples, which cover the same area.

    Samples stand in the middle of their pixels: sample i of n covers from i/n to (i+1)/n.

    Args:
        image: array of any rank; integers become floats unless the method is "nearest".
        shape: lengths of the dimensions of the result, as many as `image` has.
        method: a `ResizeMethod` or a name of one.
        antialias: widen the kernel where the result has fewer samples than `image`. "nearest" and
            "area" take no notice of it.
        precision: of the products of images with weights.

    Raises:
        ValueError: the rank differs, a length is negative, there is nothing to resample from, or
            there is no such method.

    Example:
        >>> resize(np.array([0.0, 2.0]), (4,), "linear")
        Array([0. , 0.5, 1.5, 2. ], dtype=float32)

    Reference:
        R. G. Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing 29 (1981); C. E.
        Duchon, Journal of Applied Meteorology 18 (1979).
    """
    x, kernel = operand("image.resize", image), _method(method)
    sizes = _checked_shape(typeof(x).shape, shape)
    return fusion.run(_resize, (x,), sizes, kernel, bool(antialias), precision)


def _method(method: str | ResizeMethod) -> ResizeMethod:
    if isinstance(method, ResizeMethod):
        return method
    if isinstance(method, str):
        return ResizeMethod.from_string(method)
    raise ArgumentTypeError(f"a resize method is a ResizeMethod or a name of one, got {method!r}")


def _checked_shape(old: tuple[int, ...], new: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(operator.index(n) for n in new)
    if len(sizes) != len(old):
        raise ArgumentValueError(
            f"shape must have length equal to the number of dimensions of x;  {sizes} vs {old}"
        )
    if any(n < 0 for n in sizes):
        raise ArgumentValueError(f"an image has no shape {sizes}")
    if any(m == 0 < n for m, n in zip(old, sizes, strict=True)):
        raise ArgumentValueError(f"an image of shape {old} has no samples to make {sizes} from")
    return sizes


def _resize(x: Any, sizes: Any, kernel: ResizeMethod, antialias: bool, precision: Any) -> Any:
    old = typeof(x).shape
    dims = [d for d, n in enumerate(sizes) if n != old[d]]
    if kernel is ResizeMethod.NEAREST:
        for d in dims:
            n = sizes[d]
            x = np.take(x, (2 * onp.arange(n) + 1) * old[d] // (2 * max(n, 1)), axis=d)
        return x
    x = np.asarray(x, to_inexact(typeof(x).dtype))
    weights = {d: _weights(old[d], sizes[d], sizes[d] / old[d], 0.0, kernel, antialias, x)
               for d in dims if old[d]}  # fmt: skip
    return _contract(np.zeros(sizes, x.dtype) if 0 in sizes else x, weights, precision)


def scale_and_translate(
    image: ArrayLike, shape: Sequence[int], spatial_dims: Sequence[int], scale: ArrayLike,
    translation: ArrayLike, method: str | ResizeMethod, antialias: bool = True,
    precision: Any = Precision.HIGHEST,
) -> Array:  # fmt: skip
    """`image` scaled, moved, and cut or filled up with zeros to a shape.

    What stands at x goes to `x * scale + translation`, where sample i stands at i + 0.5.

    Args:
        image: array of any rank; integers become floats.
        shape: lengths of the dimensions of the result, as many as `image` has.
        spatial_dims: dimensions that are scaled and moved, `[k]`.
        scale: factors `[k]`, differentiable.
        translation: distances `[k]`, in samples of the result, differentiable.
        method: a `ResizeMethod` or a name of one, except "nearest".
        antialias: widen the kernel where the scale is below 1.
        precision: of the products of images with weights.

    Raises:
        ValueError: the lengths of the arguments do not fit each other, or the method is
            "nearest" or unknown.

    Example:
        >>> image = np.array([1.0, 2.0, 3.0])
        >>> scale_and_translate(image, (4,), (0,), np.array([1.0]), np.array([1.0]), "linear")
        Array([0., 1., 2., 3.], dtype=float32)
    """
    kernel = _method(method)
    if kernel is ResizeMethod.NEAREST:
        raise ArgumentValueError(
            "Nearest neighbor resampling is not currently supported for scale_and_translate.\n"
            "fix: method='linear'"
        )
    x = np.asarray(operand("image.scale_and_translate", image))
    x = x.astype(to_inexact(x.dtype))
    sizes = _checked_shape(x.shape, shape)
    dims = tuple(axis_index(d, x.ndim) for d in spatial_dims)
    scale, translation = np.asarray(scale), np.asarray(translation)
    if len(set(dims)) != len(dims):
        raise ArgumentValueError(f"spatial_dims {tuple(spatial_dims)} name a dimension twice")
    if scale.shape != (len(dims),) or translation.shape != (len(dims),):
        raise ArgumentValueError(
            f"scale and translation must have shape {(len(dims),)}, one for each of spatial_dims, "
            f"got {scale.shape} and {translation.shape}"
        )
    others = [d for d in range(x.ndim) if d not in dims and sizes[d] != x.shape[d]]
    if others:
        raise ArgumentValueError(
            f"shape {sizes} differs from that of the image, {x.shape}, along dimensions {others}, "
            "which are not among spatial_dims\nfix: add them to spatial_dims"
        )
    operands = (x, scale, translation)
    return fusion.run(_scale, operands, sizes, dims, kernel, bool(antialias), precision)


def _scale(
    x: Any, scale: Any, translation: Any, sizes: Any, dims: Any, kernel: ResizeMethod,
    antialias: bool, precision: Any,
) -> Any:  # fmt: skip
    weights = {d: _weights(x.shape[d], sizes[d], scale[i], translation[i], kernel, antialias, x)
               for i, d in enumerate(dims)}  # fmt: skip
    return _contract(x, weights, precision)


def _contract(x: Any, weights: dict[int, Any], precision: Any) -> Any:
    """`x` times a matrix along each of some dimensions."""
    if not weights or not x.size:
        return x
    operands: list[Any] = [x, list(range(x.ndim))]
    for d, w in weights.items():
        operands += [w, [d, x.ndim + d]]
    out = [x.ndim + d if d in weights else d for d in range(x.ndim)]
    return np.einsum(*operands, out, precision=precision)


def _weights(
    m: int, n: int, scale: Any, translation: Any, kernel: ResizeMethod, antialias: bool, x: Any
) -> Any:
    """Matrix `[m, n]` of the part of each sample in each sample of the result."""
    wide = np.finfo(promote_types(x.dtype, np.float32)).dtype
    inverse = 1 / np.asarray(scale, wide)
    shift = np.asarray(translation, wide) * inverse
    places = (np.arange(n, dtype=wide) + 0.5) * inverse - shift - 0.5
    border = 2 if kernel is ResizeMethod.CUBIC_PYTORCH and not antialias else 0
    samples = np.arange(-border, m + border, dtype=wide)
    distance = np.abs(places[None, :] - samples[:, None])
    if kernel is ResizeMethod.AREA:
        half = inverse / 2  # length of the common part of two intervals
        raw = np.clip(0.5 + half - distance, 0, np.minimum(1, inverse))
    else:
        width = np.maximum(inverse, 1) if antialias else 1
        raw = _kernel(kernel, antialias)(distance / width)
    if border:  # samples beyond the edges are those at the edges
        at = onp.clip(onp.arange(-border, m + border), 0, m - 1)
        raw = np.zeros((m, n), wide).at[at].add(raw)
    total = raw.sum(0, keepdims=True)
    some = np.abs(total) > 1000 * float(np.finfo(np.float32).eps)
    weights = np.where(some, raw / np.where(some, total, 1), 0)
    inside = (places >= -0.5 - border) & (places <= m - 0.5 + border)
    return np.where(inside[None, :], weights, 0).astype(np.finfo(x.dtype).dtype)


def _kernel(method: ResizeMethod, antialias: bool) -> Callable[[Any], Any]:
    if method is ResizeMethod.LINEAR:
        return lambda x: np.maximum(0, 1 - x)
    if method in (ResizeMethod.LANCZOS3, ResizeMethod.LANCZOS5):
        return lambda x: _lanczos(x, 3 if method is ResizeMethod.LANCZOS3 else 5)
    a = -0.75 if method is ResizeMethod.CUBIC_PYTORCH and not antialias else -0.5
    return lambda x: _cubic(x, a)


def _lanczos(x: Any, radius: int) -> Any:
    """`sinc(x) * sinc(x / radius)` up to the radius."""
    near = x > 1e-3
    safe = np.where(near, x, 1)
    wave = radius * np.sin(math.pi * safe) * np.sin(math.pi * safe / radius)
    return np.where(x > radius, 0, np.where(near, wave / (math.pi * safe) ** 2, 1))


def _cubic(x: Any, a: float) -> Any:
    """Keys' kernel: its equation 15 with a free parameter."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))
