"""Convolution and correlation, as sums of products and by Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func import numpy as np
from ms_func.config import jax_rules
from ms_func.dtypes import is_inexact, to_inexact
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.axes import axis_index
from ms_func.numpy.promotion import ArrayLike, admit, as_handle, convert, join_types
from ms_func.primitives.conv import conv_general_dilated
from ms_func.scipy.operands import of_shapes
from ms_func.scipy.signal.lengths import fast_length

_MODES = ("full", "same", "valid")
_PADS = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def convolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto", precision: Any = None
) -> Array:
    """`out[k] = sum_j in1[j] in2[k - j]`, in any number of dimensions.

    Args:
        in1: array.
        in2: array of the same rank.
        mode: "full" for all indices k where a product stands, "same" for the middle part of the
            shape of `in1`, "valid" for where none is missing, for which one array must not be
            smaller than the other along any dimension.
        method: "direct" sums products, "fft" goes by Fourier transforms, "auto" is "direct".
        precision: of the products of "direct".

    Returns:
        Array of the dtype that both promote to; of integers by "fft" rounded.

    Raises:
        ValueError: there is no such mode or method, or the shapes do not fit.

    Example:
        >>> convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
        Array([1., 3., 2.], dtype=float32)
    """
    x, y = _operands("convolve", in1, in2, mode)
    return _convolved(x, y, mode, method, precision)


def correlate(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto", precision: Any = None
) -> Array:
    """`convolve` of `in1` with `in2` reversed along all dimensions and conjugate.

    Args:
        in1: array.
        in2: array of the same rank.
        mode: as for `convolve`.
        method: as for `convolve`.
        precision: as for `convolve`.

    Raises:
        ValueError: as for `convolve`.

    Example:
        >>> correlate(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
        Array([1., 2., 0.], dtype=float32)
        >>> correlate(np.array([0, 0, 1, 2]), np.array([1, 2]), "valid")  # highest where it matches
        Array([0, 2, 5], dtype=int32)
    """
    x, y = _operands("correlate", in1, in2, mode)
    return _convolved(x, np.flip(np.conj(y)), mode, method, precision)


def convolve2d(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", boundary: str = "fill",
    fillvalue: ArrayLike = 0, precision: Any = None,
) -> Array:  # fmt: skip
    """`convolve` of matrices, with a choice of what stands beyond the edges of `in1`.

    Args:
        in1: matrix.
        in2: matrix.
        mode: as for `convolve`.
        boundary: "fill" for `fillvalue`, "wrap" for `in1` again, "symm" for its mirror image.
        fillvalue: a number.
        precision: as for `convolve`.

    Raises:
        ValueError: an operand is no matrix, there is no such boundary, or as for `convolve`.

    Example:
        >>> image = np.array([[1, 2], [3, 4]])
        >>> print(convolve2d(image, np.ones((1, 2), int), "same", boundary="wrap"))
        [[3 3]
         [7 7]]
    """
    x, y = _matrices("convolve2d", in1, in2, mode, boundary)
    return _with_edges(x, y, mode, boundary, fillvalue, precision)


def correlate2d(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", boundary: str = "fill",
    fillvalue: ArrayLike = 0, precision: Any = None,
) -> Array:  # fmt: skip
    """`convolve2d` of `in1` with `in2` reversed along both dimensions and conjugate.

    As in SciPy, "same" takes the later of two middle parts, and where `in2` is the larger one
    for "valid", the result is the conjugate.

    Args:
        in1: matrix.
        in2: matrix.
        mode: as for `convolve`.
        boundary: "fill" for `fillvalue`, "wrap" for `in1` again, "symm" for its mirror image.
        fillvalue: a number.
        precision: as for `convolve`.

    Raises:
        ValueError: an operand is no matrix, there is no such boundary, or as for `convolve`.

    Example:
        >>> image = np.array([[1, 2], [3, 4]])
        >>> print(correlate2d(image, np.array([[1, 10]]), "valid"))
        [[21]
         [43]]
    """
    x, y = _matrices("correlate2d", in1, in2, mode, boundary)
    if mode == "same":
        out = _with_edges(np.flip(x), np.conj(y), mode, boundary, fillvalue, precision)
        return np.flip(out)
    out = _with_edges(x, np.flip(np.conj(y)), mode, boundary, fillvalue, precision)
    smaller = mode == "valid" and _in_order(x, y, mode, (0, 1))[0] is y
    return np.conj(out) if smaller else out


def fftconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: int | Sequence[int] | None = None
) -> Array:
    """`convolve` by Fourier transforms, along some dimensions.

    Args:
        in1: array; integers become floats.
        in2: array of the same rank.
        mode: as for `convolve`.
        axes: dimensions to convolve along, all by default; the others broadcast, and "same" keeps
            the middle one of those that `in1` does not have.

    Raises:
        ValueError: there is no such mode, or the shapes do not fit.

    Example:
        >>> out = fftconvolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
        >>> np.allclose(out, np.array([1.0, 3.0, 2.0]))
        Array(True, dtype=bool)
    """
    x, y = of_shapes("fftconvolve", in1, in2)
    _check_mode(mode)
    if x.ndim != y.ndim:
        raise ArgumentValueError(
            f"in1 and in2 should have the same dimensionality, got {x.shape} and {y.shape}"
        )
    places = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    dims = tuple(sorted({axis_index(a, x.ndim) for a in places}))
    if len(dims) != len(places):
        raise ArgumentValueError(f"fftconvolve: all axes must be unique, got {axes}")
    for d in range(x.ndim):
        sizes = x.shape[d], y.shape[d]
        if d not in dims and sizes[0] != sizes[1] and 1 not in sizes:
            raise ArgumentValueError(
                "mapped axes must have same shape; got "
                f"in1.shape={x.shape} in2.shape={y.shape} axes={dims}"
            )
    x, y = _in_order(x, y, mode, dims)
    if not x.size or not y.size:
        return np.zeros(_shape(x, y, mode, dims), x.dtype)
    return fusion.run(_by_fft, (x, y), mode, dims)


# --- operands -----------------------------------------------------------------------------------


def _check_mode(mode: str) -> None:
    if mode not in _MODES:
        raise ArgumentValueError(f"mode must be one of {list(_MODES)}, got {mode!r}")


def _operands(name: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    """The arrays in one dtype.

    Raises:
        ValueError: there is no such mode, the ranks differ, or an array is empty.
    """
    _check_mode(mode)
    taken = [admit(name, v, i) for i, v in enumerate((in1, in2))]
    dtype, _ = join_types([typeof(v) for v in taken])
    dtype = to_inexact(dtype) if jax_rules() else dtype
    x, y = (as_handle(convert(v, dtype)) for v in taken)
    if x.ndim != y.ndim:
        raise ArgumentValueError(
            f"in1 and in2 must have the same number of dimensions, got {x.shape} and {y.shape}"
        )
    if not x.size or not y.size:
        raise ArgumentValueError(
            f"zero-size arrays not supported in convolutions, got shapes {x.shape} and {y.shape}."
        )
    return x, y


def _matrices(name: str, in1: Any, in2: Any, mode: str, boundary: str) -> tuple[Any, Any]:
    if boundary not in _PADS:
        raise ArgumentValueError(f"{name}: there is no boundary {boundary!r}\nfix: {set(_PADS)}")
    x, y = _operands(name, in1, in2, mode)
    if x.ndim != 2:
        raise ArgumentValueError(f"{name}() only supports 2-dimensional inputs.")
    return x, y


def _in_order(x: Any, y: Any, mode: str, dims: Sequence[int]) -> tuple[Any, Any]:
    """The larger array first where "valid" asks for one.

    Raises:
        ValueError: none is the larger one along all dimensions.
    """
    if mode != "valid" or all(x.shape[d] >= y.shape[d] for d in dims):
        return x, y
    if all(x.shape[d] <= y.shape[d] for d in dims):
        return y, x
    raise ArgumentValueError(
        "One input must be smaller than the other in every dimension for mode 'valid', got "
        f"{x.shape} and {y.shape}"
    )


def _window(n: int, k: int, mode: str) -> tuple[int, int]:
    """First index and length of what a mode keeps of `n + k - 1` elements."""
    if mode == "full":
        return 0, n + k - 1
    return ((k - 1) // 2, n) if mode == "same" else (k - 1, n - k + 1)


def _shape(x: Any, y: Any, mode: str, dims: Sequence[int]) -> tuple[int, ...]:
    pairs = zip(x.shape, y.shape, strict=True)
    return tuple(
        max(_window(n, k, mode)[1], 0) if d in dims else (k if n == 1 and mode != "same" else n)
        for d, (n, k) in enumerate(pairs)
    )


# --- methods --------------------------------------------------------------------------------------


def _convolved(x: Any, y: Any, mode: str, method: str, precision: Any) -> Any:
    if method not in ("auto", "direct", "fft"):
        raise ArgumentValueError(f"Got {method=}; expected 'auto', 'fft', or 'direct'.")
    dims = tuple(range(x.ndim))
    x, y = _in_order(x, y, mode, dims)
    if not dims:
        return x * y
    if method != "fft":
        return fusion.run(_direct, (x, y), mode, precision)
    if is_inexact(x.dtype):
        return fftconvolve(x, y, mode)
    wide = fftconvolve(x.astype(np.float64), y.astype(np.float64), mode)
    return np.round(wide).astype(x.dtype)


def _direct(x: Any, y: Any, mode: str, precision: Any) -> Any:
    pads = []
    for n, k in zip(x.shape, y.shape, strict=True):
        start, length = _window(n, k, mode)
        pads.append((k - 1 - start, start + length - n))
    flipped = np.flip(y)[None, None]
    out = conv_general_dilated(x[None, None], flipped, (1,) * x.ndim, pads, precision=precision)
    return out[0, 0].astype(x.dtype)


def _with_edges(x: Any, y: Any, mode: str, boundary: str, fillvalue: Any, precision: Any) -> Any:
    """Convolution of matrices with `x` continued by a rule."""
    if mode == "valid":
        return fusion.run(_direct, _in_order(x, y, mode, (0, 1)), mode, precision)
    plain = boundary == "fill" and isinstance(fillvalue, (int, float)) and fillvalue == 0
    if plain:
        return fusion.run(_direct, (x, y), mode, precision)
    pads = [(k - 1, k - 1) for k in y.shape]
    options = {"constant_values": np.asarray(fillvalue, x.dtype)} if boundary == "fill" else {}
    wide = np.pad(x, pads, mode=_PADS[boundary], **options)
    out = fusion.run(_direct, (wide, y), "valid", precision)
    windows = [_window(n, k, mode) for n, k in zip(x.shape, y.shape, strict=True)]
    return out[tuple(slice(start, start + length) for start, length in windows)]


def _by_fft(x: Any, y: Any, mode: str, dims: Sequence[int]) -> Any:
    windows = {d: _window(x.shape[d], y.shape[d], mode) for d in dims}
    sizes = [fast_length(x.shape[d] + y.shape[d] - 1) for d in dims]
    if not dims:
        return x * y
    if x.dtype.kind == "c":
        out = np.fft.ifftn(np.fft.fftn(x, sizes, dims) * np.fft.fftn(y, sizes, dims), sizes, dims)
    else:
        both = np.fft.rfftn(x, sizes, dims) * np.fft.rfftn(y, sizes, dims)
        out = np.fft.irfftn(both, sizes, dims)
    kept = [slice(None)] * x.ndim
    for d, (n, k) in enumerate(zip(x.shape, y.shape, strict=True)):
        if d in windows:
            kept[d] = slice(windows[d][0], sum(windows[d]))
        elif mode == "same" and n < k:  # to the shape of the first array, as SciPy does
            kept[d] = slice((k - 1) // 2, (k - 1) // 2 + 1)
    return out[tuple(kept)].astype(x.dtype)
