"""Convolutions and spectra against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal as ss

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.scipy import signal

RNG = np.random.default_rng(2)
MODES = ["full", "same", "valid"]


def noise(*shape, dtype=float):
    x = RNG.normal(size=shape)
    return x + 1j * RNG.normal(size=shape) if dtype is complex else x


def close(got, want):
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, atol=1e-10)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("mode", MODES)
def test_convolution_and_correlation(mode, dtype):
    for n, k in ((7, 4), (3, 8), (5, 5)):
        a, b = noise(n, dtype=dtype), noise(k, dtype=dtype)
        for name in ("convolve", "correlate"):
            want = getattr(ss, name)(a, b, mode)
            for method in ("direct", "fft"):
                close(getattr(signal, name)(a, b, mode, method), want)
    a, b = noise(4, 5, 3, dtype=dtype), noise(2, 3, 3, dtype=dtype)
    close(signal.convolve(a, b, mode), ss.convolve(a, b, mode))


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_edges_of_matrices(name, mode, boundary):
    a, b = noise(5, 6, dtype=complex), noise(3, 2, dtype=complex)
    for x, y in ((a, b), (b, a)):
        close(getattr(signal, name)(x, y, mode, boundary, 2.5),
              getattr(ss, name)(x, y, mode, boundary, 2.5))  # fmt: skip


def test_transforms_along_some_dimensions():
    a, b = noise(1, 7), noise(3, 4)
    for mode in MODES:
        close(signal.fftconvolve(a, b, mode, axes=[1]), ss.fftconvolve(a, b, mode, axes=[1]))


def test_integers_stay_exact():
    a, b = np.arange(9) - 3, np.array([1, -5, 2])
    for method in ("direct", "fft"):
        got = signal.convolve(a, b, method=method)
        assert got.dtype.kind == "i"
        np.testing.assert_array_equal(got, np.convolve(a, b))


def test_derivatives_and_lanes():
    a, b, w = noise(6), noise(3), noise(8)
    for method in ("direct", "fft"):

        def f(a, b, method=method):
            return signal.convolve(a, b, method=method) @ w

        da, db = ms.jit(ms.grad(f, (0, 1)))(a, b)
        close(da, ss.correlate(w, b, "valid"))
        close(db, ss.correlate(w, a, "valid"))
    many = ms.vmap(lambda a: signal.correlate(a, b, "same"))(noise(3, 6))
    assert many.shape == (3, 6)


@pytest.mark.parametrize("kind", ["constant", "linear"])
def test_detrend(kind):
    x = noise(2, 40) + np.arange(40.0)
    close(signal.detrend(x, type=kind), ss.detrend(x, type=kind))
    close(signal.detrend(x, type=kind, bp=[7, 20]), ss.detrend(x, type=kind, bp=[7, 20]))
    close(signal.detrend(x.T, 0, kind), ss.detrend(x.T, 0, kind))


SETTINGS = [
    {"nperseg": 17, "noverlap": 3},
    {"nperseg": 20, "nfft": 33, "scaling": "spectrum", "window": "hamming", "detrend": False},
    {"nperseg": 15, "window": ("kaiser", 3.0), "detrend": "linear", "average": "median", "fs": 9.0},
    {"nperseg": 16, "return_onesided": False},
    {"window": np.hanning(12)},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_spectra(settings):
    x, y = noise(2, 100), noise(2, 80)
    for got, want in zip(signal.welch(x, **settings), ss.welch(x, **settings), strict=True):
        close(got, want)
    got, want = signal.csd(x.T, y.T, axis=0, **settings), ss.csd(x.T, y.T, axis=0, **settings)
    for g, w in zip(got, want, strict=True):
        close(g, w)


@pytest.mark.parametrize("boundary", ["zeros", "even", "odd", "constant", None])
def test_short_time_transforms(boundary):
    x = noise(2, 100)
    for padded, settings in ((True, {"nperseg": 16}), (False, {"nperseg": 15, "fs": 4.0})):
        got = signal.stft(x, boundary=boundary, padded=padded, **settings)
        want = ss.stft(x, boundary=boundary, padded=padded, **settings)
        for g, w in zip(got, want, strict=True):
            close(g, w)


def test_inverse_of_the_short_time_transform():
    x = noise(2, 96)
    for settings in ({"nperseg": 16}, {"nperseg": 12, "noverlap": 9, "nfft": 16}):
        _, _, spectra = signal.stft(x, **settings)
        times, back = signal.istft(spectra, **settings)
        assert times.shape == (back.shape[1],)
        close(back[:, :96], x)
        close(back[0], ss.istft(np.asarray(spectra[0]), **settings)[1])
    z = noise(96, dtype=complex)
    spectra = signal.stft(z, nperseg=16, return_onesided=False)[2]
    close(signal.istft(spectra, nperseg=16, input_onesided=False)[1], z)


def test_spectra_of_complex_signals_and_of_short_ones():
    z = noise(50, dtype=complex)
    with pytest.warns(UserWarning, match="switching to return_onesided=False"):
        got = signal.welch(z, nperseg=16)[1]
    close(got, ss.welch(z, nperseg=16, return_onesided=False)[1])
    with pytest.warns(UserWarning, match="nperseg=256 is greater than"):
        got = signal.welch(z.real)[1]
    close(got, ss.welch(z.real, nperseg=50)[1])


def test_derivatives_of_spectra():
    x, v, step = noise(64), noise(64), 1e-6

    def f(x):
        return mnp.log(signal.welch(x, nperseg=16)[1]).sum()

    numeric = (float(f(x + step * v)) - float(f(x - step * v))) / (2 * step)
    np.testing.assert_allclose(ms.grad(f)(x) @ v, numeric, rtol=1e-6)


def test_bad_input():
    one = np.ones(3)
    for f, args, match in (
        (signal.convolve, (one, one, "half"), "mode must be one of"),
        (signal.convolve, (one, one[None]), "same number of dimensions"),
        (signal.convolve, (one, one[:0]), "zero-size arrays not supported"),
        (signal.convolve, (one, one, "full", "best"), "expected 'auto', 'fft', or 'direct'"),
        (signal.convolve, (np.ones((2, 5)), np.ones((5, 2)), "valid"), "smaller than the other"),
        (signal.convolve2d, (one, one), "only supports 2-dimensional inputs"),
        (signal.correlate2d, (one, one, "full", "glue"), "no boundary 'glue'"),
        (signal.fftconvolve, (np.ones((2, 3)), np.ones((3, 3)), "full", [1]), "mapped axes must"),
        (signal.detrend, (one, -1, "cubic"), "Trend type must be"),
        (signal.detrend, (one, -1, "linear", 9), "Breakpoints must be"),
        (signal.welch, (one, 1.0, "hann", 3, 3), "noverlap must be less"),
        (signal.welch, (one, 1.0, "hann", 3, None, 2), "nfft must be greater"),
        (signal.stft, (one, 1.0, "hann", 3, None, None, False, True, "glue"), "Unknown boundary"),
        (signal.istft, (one,), "at least 2d"),
    ):
        with pytest.raises(ValueError, match=match):
            f(*args)
    with pytest.raises(NotImplementedError, match="overwrite_data"):
        signal.detrend(one, overwrite_data=True)
