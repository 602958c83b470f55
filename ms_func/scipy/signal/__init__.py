"""Convolutions and spectra under the names of `scipy.signal`."""

from ms_func.scipy.signal.convolution import convolve as convolve
from ms_func.scipy.signal.convolution import convolve2d as convolve2d
from ms_func.scipy.signal.convolution import correlate as correlate
from ms_func.scipy.signal.convolution import correlate2d as correlate2d
from ms_func.scipy.signal.convolution import fftconvolve as fftconvolve
from ms_func.scipy.signal.spectra import csd as csd
from ms_func.scipy.signal.spectra import istft as istft
from ms_func.scipy.signal.spectra import stft as stft
from ms_func.scipy.signal.spectra import welch as welch
from ms_func.scipy.signal.trends import detrend as detrend

__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "csd", "detrend", "fftconvolve", "istft",
    "stft", "welch",
]  # fmt: skip
__dir__ = __all__.copy
