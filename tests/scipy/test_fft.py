"""Cosine transforms against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft as sf

import ms_func as ms
from ms_func.scipy import fft

RNG = np.random.default_rng(4)
NORMS = [None, "backward", "ortho", "forward"]


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", NORMS)
def test_values_and_inverses(kind, norm):
    for n in (2, 7, 8):
        x = RNG.normal(size=(2, n)) + 1j * RNG.normal(size=(2, n))
        for f in ("dct", "idct"):
            got, want = getattr(fft, f)(x, kind, norm=norm), getattr(sf, f)(x, kind, norm=norm)
            np.testing.assert_allclose(got, want, atol=1e-12)
    x = x.real
    np.testing.assert_allclose(
        fft.idct(fft.dct(x, kind, 11, 0, norm), kind, 11, 0, norm)[:2], x, atol=1e-12
    )


def test_lengths_and_several_dimensions():
    x = RNG.normal(size=(3, 4, 5))
    for n in (1, 3, 9):
        np.testing.assert_allclose(fft.dct(x, n=n, axis=1), sf.dct(x, n=n, axis=1), atol=1e-12)
    for options in ({}, {"s": (6, 2)}, {"axes": (0, 2)}, {"s": (2, 7), "axes": (2, 0)}):
        for f in ("dctn", "idctn"):
            got, want = getattr(fft, f)(x, **options), getattr(sf, f)(x, **options)
            np.testing.assert_allclose(got, want, atol=1e-12)


def test_dtypes():
    for dtype, want in ((np.float32, np.float32), (np.float16, np.float32), (np.int32, np.float32)):
        assert fft.dct(np.ones(4, dtype)).dtype == want


def test_derivative_is_the_transpose():
    matrix = sf.dct(np.eye(5), 3, axis=0)
    f = ms.jit(ms.jacrev(lambda x: fft.dct(x, 3)))
    np.testing.assert_allclose(f(RNG.normal(size=5)), matrix, atol=1e-12)
    x = RNG.normal(size=(2, 5))
    np.testing.assert_allclose(ms.vmap(lambda v: fft.dct(v, 3))(x), x @ matrix.T, atol=1e-12)


def test_bad_input():
    x = np.ones(4)
    for kwargs, match in (
        ({"norm": "full"}, "norm='full' is not implemented"),
        ({"type": 5}, "no type 5"),
        ({"n": 0}, "invalid number of data points"),
        ({"type": 1, "n": 1}, "invalid number of data points"),
        ({"axis": 1}, "axis 1 is out of bounds"),
    ):
        with pytest.raises(ValueError, match=match):
            fft.dct(x, **kwargs)
    with pytest.raises(ValueError, match="repeated axis"):
        fft.dctn(np.ones((2, 2)), axes=(0, -2))
    with pytest.raises(ValueError, match="lengths for"):
        fft.dctn(np.ones((2, 2)), s=(3,), axes=(0, 1))
