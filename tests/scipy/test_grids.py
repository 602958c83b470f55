"""Interpolation in grids, vector quantisation and integration, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.cluster.vq as sv
import scipy.integrate as si
import scipy.interpolate as sn
import scipy.ndimage as sd

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.scipy.cluster.vq import vq
from ms_func.scipy.integrate import trapezoid
from ms_func.scipy.interpolate import RegularGridInterpolator
from ms_func.scipy.ndimage import map_coordinates

RNG = np.random.default_rng(6)

# --- map_coordinates ------------------------------------------------------------------------------

MODES = {"constant": "grid-constant", "nearest": "nearest", "wrap": "grid-wrap",
         "mirror": "mirror", "reflect": "reflect"}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1])
def test_modes(order, mode):
    x = RNG.normal(size=(5, 4))
    at = RNG.uniform(-12, 12, (2, 3, 40))
    want = sd.map_coordinates(x, at, order=order, mode=MODES[mode], cval=1.5)
    got = map_coordinates(x, at, order, mode, 1.5)
    np.testing.assert_allclose(got, want, atol=1e-12)
    row = sd.map_coordinates(x[:1], at, order=order, mode=MODES[mode], cval=1.5)
    np.testing.assert_allclose(map_coordinates(x[:1], at, order, mode, 1.5), row, atol=1e-12)


def test_integers_and_whole_coordinates():
    x = np.arange(6).reshape(2, 3)
    got = map_coordinates(x, [np.array([0.0, 0.5]), np.array([0.5, 0.5])], 1)
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, [1, 2])  # halves go away from 0
    np.testing.assert_array_equal(map_coordinates(-x, [np.array([0.0]), np.array([0.5])], 1), [-1])
    np.testing.assert_array_equal(map_coordinates(x, [np.array([1, 9]), np.array([2, 0])], 1,
                                                  cval=7), [5, 7])  # fmt: skip
    assert map_coordinates(x.astype(np.float32), [np.array([0.5])] * 2, 1).dtype == np.float32


def test_slopes_of_coordinates_and_samples():
    x, at, v, step = RNG.normal(size=7), RNG.uniform(0, 6, 5), RNG.normal(size=5), 1e-7

    def f(x, at):
        return map_coordinates(x, [at], 1, "reflect") @ mnp.arange(5.0, dtype=np.float64)

    dx, dat = ms.jit(ms.grad(f, (0, 1)))(x, at)
    numeric = (float(f(x, at + step * v)) - float(f(x, at - step * v))) / (2 * step)
    np.testing.assert_allclose(dat @ v, numeric, rtol=1e-6)
    np.testing.assert_allclose(dx @ x, f(x, at), rtol=1e-10)  # linear in the samples
    many = ms.vmap(lambda c: map_coordinates(x, [c], 1))(at.reshape(5, 1))
    np.testing.assert_allclose(many[:, 0], map_coordinates(x, [at], 1))


def test_bad_coordinates():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match="sequence of length"):
        map_coordinates(x, [np.ones(2)], 1)
    with pytest.raises(NotImplementedError, match="order<=1"):
        map_coordinates(x, [np.ones(2)] * 2, 3)
    with pytest.raises(NotImplementedError, match="does not yet support mode fold"):
        map_coordinates(x, [np.ones(2)] * 2, 1, "fold")


# --- RegularGridInterpolator ----------------------------------------------------------------------

GRID = (np.array([0.0, 1.0, 3.0, 3.5]), np.array([5.0, 2.0, 1.0]))
VALUES = RNG.normal(size=(4, 3, 2))
POINTS = np.stack([RNG.uniform(-1, 4, 60), RNG.uniform(0, 6, 60)], axis=-1)


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill", [np.nan, -3.0, None])
def test_grids(method, fill):
    args = (GRID, VALUES, method, False, fill)
    f, want = RegularGridInterpolator(*args), sn.RegularGridInterpolator(*args)
    np.testing.assert_allclose(f(POINTS), want(POINTS), atol=1e-12)
    unknown = np.array([[np.nan, 2.0]])
    assert np.isnan(f(unknown)).all()


def test_forms_of_points():
    f = RegularGridInterpolator(GRID, VALUES)
    want = sn.RegularGridInterpolator(GRID, VALUES, bounds_error=False)
    for xi in ((POINTS[:, 0], 2.0), POINTS.reshape(3, 20, 2), POINTS[0], POINTS[:2].ravel()):
        np.testing.assert_allclose(f(xi), want(xi), atol=1e-12)
    line = RegularGridInterpolator(GRID[:1], VALUES[:, 0, 0])
    np.testing.assert_allclose(line(np.array([0.5, 2.0])), line(np.array([[0.5], [2.0]])))
    np.testing.assert_allclose(f(POINTS, method="nearest"), want(POINTS, method="nearest"))


def test_slopes_of_points_and_values():
    p, v, step = np.array([0.4, 3.1]), RNG.normal(size=2), 1e-7

    def f(p, values):
        return RegularGridInterpolator(GRID, values)(p).sum()

    dp, dv = ms.jit(ms.grad(f, (0, 1)))(p, VALUES)
    numeric = (float(f(p + step * v, VALUES)) - float(f(p - step * v, VALUES))) / (2 * step)
    np.testing.assert_allclose(dp @ v, numeric, rtol=1e-6)
    np.testing.assert_allclose((np.asarray(dv) * VALUES).sum(), f(p, VALUES), rtol=1e-10)


def test_bad_grids():
    for args, match in (
        ((GRID, VALUES, "cubic"), "method 'cubic' is not defined"),
        ((GRID * 2, VALUES), "4 point arrays, but values has 3"),
        ((GRID[:1], VALUES[:3]), "4 points and 3 values"),
        (((np.array([0.0, 2.0, 1.0]),), np.ones(3)), "strictly ascending or descending"),
    ):
        with pytest.raises(ValueError, match=match):
            RegularGridInterpolator(*args)
    f = RegularGridInterpolator(GRID, VALUES, bounds_error=True)
    with pytest.raises(ValueError, match="has dimension 2"):
        f(np.ones((1, 3)))
    with pytest.raises(ValueError, match="out of bounds"):
        f(np.array([[9.0, 2.0]]))
    with pytest.raises(NotImplementedError, match="takes no effect under JIT"):
        ms.jit(f)(POINTS)


# --- others ---------------------------------------------------------------------------------------


def test_vector_quantisation():
    obs, codes = RNG.normal(size=(20, 3)), RNG.normal(size=(4, 3))
    for o, c in ((obs, codes), (obs[:, 0], codes[:, 0])):
        for got, want in zip(ms.jit(vq)(o, c), sv.vq(o, c), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)
    slope = ms.grad(lambda o: vq(o, codes)[1].sum())(np.concatenate([obs, codes]))
    nearest = codes[np.asarray(vq(obs, codes)[0])]
    way = (obs - nearest) / np.linalg.norm(obs - nearest, axis=1, keepdims=True)
    np.testing.assert_allclose(slope, np.concatenate([way, np.zeros((4, 3))]), atol=1e-10)


def test_bad_codes():
    for shapes, match in (
        (((3,), (2, 1)), "same rank"), (((2, 3, 1), (2, 3, 1)), "ndim different than 1 or 2"),
        (((2, 3), (2, 4)), "different lengths"), (((2, 3), (0, 3)), "empty"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            vq(*map(np.ones, shapes))


def test_trapezoid():
    y, x = RNG.normal(size=(3, 8)), np.sort(RNG.normal(size=8))
    np.testing.assert_allclose(trapezoid(y, x), si.trapezoid(y, x), rtol=1e-12)
    np.testing.assert_allclose(trapezoid(y, dx=0.3, axis=0), si.trapezoid(y, dx=0.3, axis=0))
