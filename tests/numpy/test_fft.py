"""Fourier transforms against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.numpy_oracle import both, compiled, same, sample

X = sample("float32", 3, 4, 5)
Z = sample("complex64", 3, 4, 5)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("options", [{}, {"n": 6, "axis": 1}, {"n": 3, "norm": "ortho"},
                                     {"norm": "forward"}], ids=str)  # fmt: skip
def test_one_dimension(name, options):
    x = X if name in ("rfft", "ihfft") else Z
    compiled(f"fft.{name}", x, tol=1e-4, **options)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
@pytest.mark.parametrize("options", [{}, {"axes": (0, 2)}, {"s": (4, 6), "axes": (1, 0)},
                                     {"norm": "ortho"}], ids=str)  # fmt: skip
def test_several_dimensions(name, options):
    both(f"fft.{name}", X if name == "rfftn" else Z, tol=1e-4, **options)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2"])
def test_two_dimensions(name):
    compiled(f"fft.{name}", X if name == "rfft2" else Z, tol=1e-4)


def test_no_dimension():
    for name in ("fftn", "ifftn"):
        same(getattr(mnp.fft, name)(Z, axes=()), getattr(np.fft, name)(Z, axes=()))
        same(getattr(mnp.fft, name)(np.complex64(3)), np.complex64(3))


def test_more_than_three_dimensions():
    x = sample("float32", 2, 3, 2, 3, 4)
    compiled("fft.fftn", x, tol=1e-3)
    compiled("fft.rfftn", x, tol=1e-3)
    compiled("fft.irfftn", np.fft.rfftn(x).astype(np.complex64), tol=1e-4)


def test_frequencies():
    for n in (4, 5):
        both("fft.fftfreq", n, 0.5)
        both("fft.rfftfreq", n)
        both("fft.fftshift", X[0, :n])
        both("fft.ifftshift", X[0, :n], 1)
    got = mnp.fft.rfftfreq(6, 0.1, dtype="float64")
    np.testing.assert_allclose(got, np.fft.rfftfreq(6, 0.1), rtol=1e-15)


def test_inverse_and_derivative():
    np.testing.assert_allclose(np.asarray(mnp.fft.irfft(mnp.fft.rfft(X), 5)), X, atol=1e-5)

    def energy(x):
        return (abs(mnp.fft.rfft(x)) ** 2).sum()

    h = 1e-4
    x = X[0, 0].astype(np.float64)
    steps = [(float(energy(x + h * e)) - float(energy(x - h * e))) / (2 * h) for e in np.eye(5)]
    np.testing.assert_allclose(np.asarray(ms.grad(energy)(x)), steps, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [(lambda: mnp.fft.fft(X, 0), "must be positive"), (lambda: mnp.fft.fft(X, norm="x"), "norm"),
     (lambda: mnp.fft.rfft(Z), "real valued"), (lambda: mnp.fft.fftn(X, axes=(0, 0)), "repeated"),
     (lambda: mnp.fft.irfftn(Z, axes=()), "at least 1 axis"),
     (lambda: mnp.fft.fftn(X, s=(1, 2), axes=(0,)), "2 sizes for 1 axes")],
)  # fmt: skip
def test_refusals(call, text):
    with pytest.raises(ValueError, match=text):
        call()
