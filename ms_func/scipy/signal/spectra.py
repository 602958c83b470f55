"""Spectra of signals by windowed Fourier transforms of overlapping segments.

P. D. Welch, IEEE Transactions on Audio and Electroacoustics 15 (1967), for the spectral densities;
D. W. Griffin and J. S. Lim, IEEE Transactions on Acoustics, Speech, and Signal Processing 32
(1984), for the inverse of the short-time transform.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as onp

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.axes import axis_index
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy.operands import of_shapes
from ms_func.scipy.signal.trends import detrend as without_trend

Window = str | tuple[Any, ...] | float | ArrayLike


class _Frames(NamedTuple):
    """How a signal is cut: window, its length, overlap, and length of the transforms."""

    window: Any
    length: int
    overlap: int
    nfft: int

    @property
    def step(self) -> int:
        return self.length - self.overlap


def welch(
    x: ArrayLike, fs: ArrayLike = 1.0, window: Window = "hann", nperseg: int | None = None,
    noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1, average: str = "mean",
) -> tuple[Array, Array]:  # fmt: skip
    """Power spectral density of a signal: `csd` of it with itself, real.

    Args:
        x: signal along `axis`.
        fs: samples in a unit of time.
        window: as of `csd`.
        nperseg: length of the segments, 256 by default.
        noverlap: samples that neighbours share, half of a segment by default.
        nfft: length of the transforms, `nperseg` by default; more than that adds zeros.
        detrend: what to take from each segment, as of `csd`.
        return_onesided: only frequencies from 0, for real signals.
        scaling: "density" (per unit of frequency) or "spectrum".
        axis: dimension of time.
        average: "mean" or "median" over the segments.

    Returns:
        Frequencies, and the density with these along `axis`.

    Raises:
        ValueError: lengths do not fit each other, or a name is unknown.

    Reference:
        Welch, "The use of the fast Fourier transform for the estimation of power spectra", 1967.

    Example:
        >>> wave = np.cos(np.pi / 2 * np.arange(64))  # a quarter of the sampling frequency
        >>> frequencies, power = welch(wave, nperseg=16)
        >>> frequencies[np.argmax(power)].item()
        0.25
    """
    frequencies, power = csd(x, None, fs, window, nperseg, noverlap, nfft, detrend,
                             return_onesided, scaling, axis, average)  # fmt: skip
    return frequencies, power.real


def csd(
    x: ArrayLike, y: ArrayLike | None, fs: ArrayLike = 1.0, window: Window = "hann",
    nperseg: int | None = None, noverlap: int | None = None, nfft: int | None = None,
    detrend: Any = "constant", return_onesided: bool = True, scaling: str = "density",
    axis: int = -1, average: str = "mean",
) -> tuple[Array, Array]:  # fmt: skip
    """Cross power spectral density of two signals.

    Args:
        x: signal along `axis`; other dimensions broadcast with those of `y`.
        y: the other signal, None for `x` itself. The shorter one is continued with zeros.
        fs: samples in a unit of time.
        window: name of a window or a tuple with its parameters, as `scipy.signal.get_window` takes
            them, or an array `[nperseg]`.
        nperseg: length of the segments, 256 by default.
        noverlap: samples that neighbours share, half of a segment by default.
        nfft: length of the transforms, `nperseg` by default; more than that adds zeros.
        detrend: what to take from each segment: "constant", "linear", False for nothing, or a
            function of segments.
        return_onesided: only frequencies from 0, for real signals.
        scaling: "density" (per unit of frequency) or "spectrum".
        axis: dimension of time.
        average: "mean" or "median" over the segments.

    Returns:
        Frequencies, and the density with these along `axis`.

    Raises:
        ValueError: lengths do not fit each other, or a name is unknown.

    Example:
        >>> x = np.ones((64, 2))
        >>> [a.shape for a in ms.eval_shape(lambda x: csd(x, 2 * x, nperseg=16, axis=0), x)]
        [(9,), (9, 2)]
    """
    single = y is None or y is x
    a, b = of_shapes("csd", x) * 2 if single else of_shapes("csd", x, y)
    place = axis_index(axis, a.ndim)
    a, b = np.moveaxis(a, place, -1), np.moveaxis(b, axis_index(axis, b.ndim), -1)
    if not a.size or not b.size:
        return np.zeros(a.shape, a.dtype), np.zeros(a.shape, a.dtype)
    if not single:
        a, b = _same_length(a, b)
    frames = _frames(window, nperseg, noverlap, nfft, a.shape[-1], a.dtype, 256)
    onesided = _one_sided(a.dtype, return_onesided)
    weight = _scale(scaling, frames.window, fs)
    first = _segments(a, frames, detrend, onesided)
    second = first if single else _segments(b, frames, detrend, onesided)
    power = np.conj(first) * second * weight
    if onesided:
        power = power * _doubled(frames.nfft, a.dtype)
    power = _averaged(power, average)
    if y is None:
        power = power.real
    return _frequencies(frames.nfft, fs, onesided, a.dtype), np.moveaxis(power, -1, place)


def stft(
    x: ArrayLike, fs: ArrayLike = 1.0, window: Window = "hann", nperseg: int = 256,
    noverlap: int | None = None, nfft: int | None = None, detrend: Any = False,
    return_onesided: bool = True, boundary: str | None = "zeros", padded: bool = True,
    axis: int = -1,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Short-time Fourier transform: the spectrum of each segment.

    Args:
        x: signal along `axis`.
        fs: as for `csd`, and so are `window`, `nperseg`, `noverlap`, `nfft`, `detrend` and
            `return_onesided`.
        window: see `fs`.
        nperseg: see `fs`.
        noverlap: see `fs`.
        nfft: see `fs`.
        detrend: see `fs`.
        return_onesided: see `fs`.
        boundary: how to continue the signal by half of a segment at both ends: "zeros", "even",
            "odd", "constant", or None for not at all.
        padded: add zeros at the end, so that a whole number of segments covers the signal.
        axis: dimension of time.

    Returns:
        Frequencies, times of the middles of the segments, and the transform, which has the
        frequencies along `axis` and the times along the last dimension.

    Raises:
        ValueError: lengths do not fit each other, or a name is unknown.

    Example:
        >>> frequencies, times, spectra = stft(np.ones(32), nperseg=8)
        >>> frequencies.shape, times.shape, spectra.shape
        ((5,), (9,), (5, 9))
    """
    (v,) = of_shapes("stft", x)
    if boundary not in _BOUNDARIES:
        raise ArgumentValueError(
            f"Unknown boundary option {boundary!r}, must be one of: {list(_BOUNDARIES)}"
        )
    place = axis_index(axis, v.ndim)
    v = np.moveaxis(v, place, -1)
    if not v.size:
        return np.zeros(v.shape, v.dtype), np.zeros(v.shape, v.dtype), np.zeros(v.shape, v.dtype)
    frames = _frames(window, nperseg, noverlap, nfft, v.shape[-1], v.dtype, 256)
    onesided = _one_sided(v.dtype, return_onesided)
    half = frames.length // 2
    v = _BOUNDARIES[boundary](v, half) if boundary is not None else v
    if padded:
        extra = (-(v.shape[-1] - frames.length) % frames.step) % frames.length
        v = _extended(v, 0, extra)
    spectra = _segments(v, frames, detrend, onesided) * np.sqrt(
        _scale("spectrum", frames.window, fs)
    )
    count, start = spectra.shape[-2], 0.0 if boundary is not None else frames.length / 2
    real = np.finfo(v.dtype).dtype
    times = np.asarray(start + frames.step * onp.arange(count), real) / fs
    spectra = np.moveaxis(np.swapaxes(spectra, -1, -2), -2, place)
    return _frequencies(frames.nfft, fs, onesided, v.dtype), times.astype(real), spectra


def istft(
    Zxx: ArrayLike, fs: ArrayLike = 1.0, window: Window = "hann", nperseg: int | None = None,
    noverlap: int | None = None, nfft: int | None = None, input_onesided: bool = True,
    boundary: bool = True, time_axis: int = -1, freq_axis: int = -2,
) -> tuple[Array, Array]:  # fmt: skip
    """Signal with a given short-time Fourier transform; the nearest one where there is none.

    Args:
        Zxx: transform, as `stft` gives it.
        fs: as for `stft`, and so are `window`, `nperseg`, `noverlap` and `nfft`.
        window: see `fs`.
        nperseg: see `fs`; by default what the number of frequencies tells.
        noverlap: see `fs`.
        nfft: see `fs`.
        input_onesided: whether there are only frequencies from 0, of a real signal.
        boundary: whether the signal was continued at its ends, which is taken away.
        time_axis: dimension of the segments.
        freq_axis: dimension of the frequencies.

    Returns:
        Times, and the signal along the last dimension.

    Raises:
        ValueError: lengths or dimensions do not fit each other.

    Example:
        >>> _, _, spectra = stft(np.arange(32.0), nperseg=8)
        >>> np.allclose(istft(spectra, nperseg=8)[1], np.arange(32.0), atol=1e-4)
        Array(True, dtype=bool)
    """
    (z,) = of_shapes("istft", Zxx)
    if z.ndim < 2:
        raise ArgumentValueError("Input stft must be at least 2d!")
    places = axis_index(freq_axis, z.ndim), axis_index(time_axis, z.ndim)
    if places[0] == places[1]:
        raise ArgumentValueError("Must specify differing time and frequency axes!")
    z = np.moveaxis(z, places, (-1, -2))
    natural = 2 * (z.shape[-1] - 1) if input_onesided else z.shape[-1]
    length = natural if nperseg is None else operator.index(nperseg)
    if nfft is None:
        nfft = length if input_onesided and length == natural + 1 else natural
    if nfft < length:
        raise ArgumentValueError(f"FFT length ({nfft}) must be longer than nperseg ({length}).")
    real = np.finfo(z.dtype).dtype
    frames = _frames(window, length, noverlap, nfft, length, real, length)
    parts = np.fft.irfft(z, nfft) if input_onesided else np.fft.ifft(z, nfft)
    signal = _overlapped(parts[..., :length], frames, boundary)
    times = np.arange(signal.shape[-1], dtype=real) / fs
    return times.astype(real), signal


def _overlapped(parts: Any, frames: _Frames, boundary: bool) -> Any:
    """Least-squares sum of windowed segments."""
    count, length, w = parts.shape[-2], frames.length, frames.window
    at = onp.arange(count)[:, None] * frames.step + onp.arange(length)
    total = length + (count - 1) * frames.step
    sums = np.zeros((*parts.shape[:-2], total), parts.dtype).at[..., at].add(parts * w)
    norm = np.zeros(total, w.dtype).at[at].add(np.broadcast_to(w * w, at.shape))
    sums = sums * np.sum(w)
    if boundary:
        cut = slice(length // 2, total - length // 2)
        sums, norm = sums[..., cut], norm[cut]
    return sums / np.where(norm > 1e-10, norm, 1)


# --- parts ----------------------------------------------------------------------------------------


def _frames(
    window: Any, nperseg: int | None, noverlap: int | None, nfft: int | None, size: int, dtype: Any,
    usual: int,
) -> _Frames:  # fmt: skip
    """Check the lengths against each other and make the window.

    Raises:
        ValueError: they do not fit.
    """
    if nperseg is not None and operator.index(nperseg) < 1:
        raise ArgumentValueError("nperseg must be a positive integer")
    real = np.finfo(dtype).dtype
    if isinstance(window, (str, tuple, float)):
        length = usual if nperseg is None else operator.index(nperseg)
        if length > size:
            warnings.warn(
                f"nperseg={length} is greater than the length of the signal, {size}, which is used",
                stacklevel=3,
            )
            length = size
        w = np.asarray(_named_window(window, length), real)
    else:
        w = _given_window(window, nperseg, size).astype(real)
        length = int(w.shape[0])
    nfft = length if nfft is None else operator.index(nfft)
    if nfft < length:
        raise ArgumentValueError("nfft must be greater than or equal to nperseg.")
    overlap = length // 2 if noverlap is None else operator.index(noverlap)
    if overlap >= length:
        raise ArgumentValueError("noverlap must be less than nperseg.")
    return _Frames(w, length, overlap, nfft)


def _given_window(window: Any, nperseg: int | None, size: int) -> Any:
    """The values that were given, held against the lengths."""
    w = np.asarray(window)
    if w.ndim != 1:
        raise ArgumentValueError("window must be 1-D")
    length = w.shape[0]
    if length > size:
        raise ArgumentValueError("window is longer than input signal")
    if nperseg is not None and nperseg != length:
        raise ArgumentValueError(
            f"value specified for nperseg is different from length of window: {nperseg} and "
            f"{length}"
        )
    return w


def _named_window(window: Any, length: int) -> Any:
    """Values of a periodic window; SciPy, which has them all, is there with jaxlib."""
    from scipy.signal import get_window  # only here: it takes a second to import

    return get_window(window, length)


def _one_sided(dtype: Any, wanted: bool) -> bool:
    if wanted and dtype.kind == "c":
        warnings.warn("Input data is complex, switching to return_onesided=False", stacklevel=3)
        return False
    return wanted


def _scale(scaling: str, w: Any, fs: Any) -> Any:
    if scaling == "density":
        return 1.0 / (fs * np.sum(w * w))
    if scaling == "spectrum":
        return 1.0 / np.square(np.sum(w))
    raise ArgumentValueError(f"Unknown scaling: {scaling}")


def _segments(x: Any, frames: _Frames, trend: Any, onesided: bool) -> Any:
    """Spectra `[..., segment, frequency]`."""
    count = (x.shape[-1] - frames.overlap) // frames.step
    at = onp.arange(count)[:, None] * frames.step + onp.arange(frames.length)
    parts = x[..., at]
    if callable(trend):
        parts = trend(parts)
    elif trend:
        parts = without_trend(parts, type=trend)
    parts = parts * frames.window
    if onesided:
        return np.fft.rfft(parts.real, frames.nfft)
    return np.fft.fft(parts, frames.nfft)


def _frequencies(nfft: int, fs: Any, onesided: bool, dtype: Any) -> Any:
    real = np.finfo(dtype).dtype
    counts = onp.fft.rfftfreq(nfft) if onesided else onp.fft.fftfreq(nfft)
    return (np.asarray(counts, real) * fs).astype(real)


def _doubled(nfft: int, dtype: Any) -> Any:
    """2 for frequencies that stand for a negative one too."""
    factors = onp.full(nfft // 2 + 1, 2.0)
    factors[0] = 1
    if nfft % 2 == 0:
        factors[-1] = 1
    return np.asarray(factors, np.finfo(dtype).dtype)


def _averaged(power: Any, average: str) -> Any:
    """Mean or median over the segments, the latter without its bias for exponential numbers."""
    if average == "mean":
        return np.mean(power, axis=-2)
    if average != "median":
        raise ArgumentValueError(f'average must be "median" or "mean", got {average}')
    n = power.shape[-2]
    evens = 2.0 * onp.arange(1.0, (n - 1) // 2 + 1)
    bias = 1 + float(onp.sum(1.0 / (evens + 1) - 1.0 / evens))
    if power.dtype.kind == "c":
        middle = np.median(power.real, axis=-2) + 1j * np.median(power.imag, axis=-2)
    else:
        middle = np.median(power, axis=-2)
    return middle / bias


def _same_length(a: Any, b: Any) -> tuple[Any, Any]:
    outer = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    n = max(a.shape[-1], b.shape[-1])
    a, b = (_extended(v, 0, n - v.shape[-1]) for v in (a, b))
    return np.broadcast_to(a, (*outer, n)), np.broadcast_to(b, (*outer, n))


def _extended(x: Any, before: int, after: int, **options: Any) -> Any:
    if not before and not after:
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)], **options)


def _checked(x: Any, n: int) -> None:
    if n >= x.shape[-1]:
        raise ArgumentValueError(
            f"a signal of {x.shape[-1]} samples is too short to be continued by {n}"
        )


def _even(x: Any, n: int) -> Any:
    _checked(x, n)
    return _extended(x, n, n, mode="reflect")


def _odd(x: Any, n: int) -> Any:
    _checked(x, n)
    return _extended(x, n, n, mode="reflect", reflect_type="odd")


_BOUNDARIES: dict[str | None, Callable[[Any, int], Any]] = {
    "even": _even,
    "odd": _odd,
    "constant": lambda x, n: _extended(x, n, n, mode="edge"),
    "zeros": lambda x, n: _extended(x, n, n),
    None: lambda x, n: x,
}
