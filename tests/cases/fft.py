"""Cases of the Fourier transforms."""

from __future__ import annotations

from typing import Any

from tests.cases.case import Arg, Case


def _case(shape: tuple[int, ...], kind: str, lengths: tuple[int, ...], **options: Any) -> Case:
    dtypes = ("float64", "float32") if kind == "RFFT" else ("complex128", "complex64")
    return Case((Arg(shape),), {"kind": kind, "lengths": lengths}, dtypes, ulps=64, **options)


CASES = {
    "fft": [
        _case((5,), "FFT", (5,)),
        _case((2, 3, 4), "FFT", (3, 4)),
        _case((2, 6), "IFFT", (6,)),
        _case((2, 5), "RFFT", (5,)),
        _case((3, 4), "RFFT", (3, 4)),
        _case((2, 3), "IRFFT", (4,)),
        _case((2, 3), "IRFFT", (5,)),
        _case((2, 3), "IRFFT", (2, 4)),
    ]
}
