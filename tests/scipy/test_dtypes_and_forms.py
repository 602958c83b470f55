"""Dtypes and forms of results where SciPy's own arguments leave a choice."""

from __future__ import annotations

import numpy as onp
import pytest
import scipy.fft
import scipy.signal
import scipy.stats

import ms_func as ms
from ms_func import numpy as np
from ms_func.lax import linalg
from ms_func.scipy import fft, signal, stats
from ms_func.scipy.linalg import dft
from ms_func.scipy.sparse.linalg import gmres

X = onp.random.default_rng(0).standard_normal((4, 6)).astype(onp.float32)


@pytest.mark.parametrize("method", ["average", "min", "max", "dense", "ordinal"])
def test_ranks_are_floats(method):
    for sample in ([3, 1, 3], onp.asarray([0.5, 0.1, 0.5], onp.float32)):
        for wide in (None, True):
            with ms.config.x64(wide):
                found = stats.rankdata(np.asarray(sample), method)
                assert found.dtype == (onp.float64 if wide else onp.float32)
            onp.testing.assert_array_equal(found, scipy.stats.rankdata(sample, method))


def test_one_axis_as_a_number():
    onp.testing.assert_allclose(fft.dctn(X, axes=1), scipy.fft.dctn(X, axes=1), atol=1e-5)
    found, want = (s.fftconvolve(X, X, axes=1) for s in (signal, scipy.signal))
    onp.testing.assert_allclose(found, want, atol=1e-4)


def test_fourier_matrices():
    with ms.config.x64(True):
        assert dft(3).dtype == onp.complex128
    with pytest.raises(ValueError, match="complex"):
        dft(3, dtype=onp.float32)


def test_a_cross_density_is_complex():
    assert signal.csd(X[0], X[0], nperseg=4)[1].dtype == onp.complex64
    assert signal.csd(X[0], None, nperseg=4)[1].dtype == onp.float32


def test_discrete_values_of_arrays_are_not_weak():
    assert not stats.bernoulli.ppf(np.asarray([0.2, 0.9]), 0.3).weak_type


def test_gmres_tells_whether_it_failed():
    assert gmres(onp.eye(2), onp.ones(2))[1] == 0
    assert gmres(onp.eye(2), onp.ones(2), x0=onp.asarray([onp.nan, 0.0]))[1] == -1


def test_factors_come_in_lists():
    a = X[:, :4] @ X[:, :4].T
    for function in (linalg.lu, linalg.schur, linalg.hessenberg, linalg.tridiagonal):
        assert type(function(a)) is list
