"""Resampling against sums written out, closed forms, and laws."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import image
from ms_func.image import ResizeMethod

RNG = np.random.default_rng(1)


def lanczos(x, r):
    return np.where(x < r, np.sinc(x) * np.sinc(x / r), 0)


def cubic(x, a=-0.5):
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


KERNELS = {
    "linear": lambda x: np.maximum(1 - x, 0),
    "lanczos3": lambda x: lanczos(x, 3),
    "lanczos5": lambda x: lanczos(x, 5),
    "cubic": cubic,
}


def resampled(x, n, name, antialias, scale=None, translation=0.0):
    """One dimension, sample by sample; zeros outside."""
    m, out = len(x), np.zeros(n)
    scale = n / m if scale is None else scale
    width = max(1 / scale, 1) if antialias else 1
    for i in range(n):
        at = (i + 0.5 - translation) / scale - 0.5
        w = KERNELS[name](np.abs(at - np.arange(m)) / width)
        if -0.5 <= at <= m - 0.5:
            out[i] = w @ x / w.sum()
    return out


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name, antialias):
    x = RNG.normal(size=13)
    for n in (4, 13, 29):
        want = resampled(x, n, name, antialias) if n != 13 else x
        np.testing.assert_allclose(image.resize(x, (n,), name, antialias), want, atol=1e-12)
    for scale, translation in ((0.7, 1.3), (2.1, -4.0)):
        got = image.scale_and_translate(x, (17,), (0,), np.array([scale]), np.array([translation]),
                                        name, antialias)  # fmt: skip
        want = resampled(x, 17, name, antialias, scale, translation)
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_nearest():
    x = np.arange(7) ** 2
    for n in (1, 3, 7, 12):
        want = x[np.floor((np.arange(n) + 0.5) * 7 / n).astype(int)]
        got = image.resize(x, (n,), "nearest")
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("n", [1, 3, 5, 7, 11])
def test_area_is_the_mean_over_the_area(n):
    """Repeating every sample n times and averaging 7 neighbours is the same."""
    x = RNG.normal(size=7)
    np.testing.assert_allclose(
        image.resize(x, (n,), "area"), np.repeat(x, n).reshape(n, 7).mean(1), atol=1e-12
    )


def test_cubic_kernel_of_pytorch():
    """a = -0.75 and repeated edges without antialias; the other cubic kernel with it."""
    x = RNG.normal(size=6)
    at = (np.arange(11) + 0.5) * 6 / 11 - 0.5
    padded = np.pad(x, 3, mode="edge")
    want = cubic(np.abs(at[:, None] - np.arange(-3, 9)), -0.75) @ padded
    np.testing.assert_allclose(
        image.resize(x, (11,), "bicubic-pytorch", antialias=False), want, atol=1e-12
    )
    np.testing.assert_allclose(
        image.resize(x, (11,), "cubic-pytorch"), image.resize(x, (11,), "cubic"), atol=1e-12
    )


def test_dimensions_are_separate():
    x = RNG.normal(size=(5, 4, 3))
    want = np.apply_along_axis(lambda v: resampled(v, 8, "linear", True), 0, x)
    want = np.apply_along_axis(lambda v: resampled(v, 2, "linear", True), 1, want)
    got = ms.jit(lambda x: image.resize(x, (8, 2, 3), ResizeMethod.LINEAR))(x)
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("method", list(ResizeMethod))
def test_constants_stay_and_dtypes(method):
    for dtype, out in ((np.float32, np.float32), (np.uint8, np.float32), (mnp.bfloat16, None)):
        got = image.resize(mnp.full((6, 5), 3, dtype), (4, 9), method)
        keeps = out is None or method is ResizeMethod.NEAREST
        assert got.dtype == (dtype if keeps else out)
        np.testing.assert_allclose(np.asarray(got, np.float64), 3, rtol=1e-2)


def test_derivatives():
    x, scale, move = RNG.normal(size=9), np.array([0.8]), np.array([0.37])
    w = RNG.normal(size=8)

    def f(x, scale, move):
        return image.scale_and_translate(x, (8,), (0,), scale, move, "cubic") @ w

    grads = ms.grad(f, (0, 1, 2))(x, scale, move)
    for i, got in enumerate(grads):
        args, v, step = [x, scale, move], RNG.normal(size=got.shape), 1e-6
        high, low = ([a + s * step * v if k == i else a for k, a in enumerate(args)]
                     for s in (1, -1))  # fmt: skip
        numeric = (float(f(*high)) - float(f(*low))) / (2 * step)
        np.testing.assert_allclose(np.sum(np.asarray(got) * v), numeric, rtol=1e-6)


def test_lanes():
    xs, moves = RNG.normal(size=(3, 7)), np.array([[0.0], [0.5], [-2.0]])

    def f(x, move):
        return image.scale_and_translate(x, (7,), (0,), np.ones(1), move, "linear")

    many = ms.vmap(f)(xs, moves)
    for i in range(3):
        np.testing.assert_allclose(many[i], f(xs[i], moves[i]), atol=1e-12)


def test_names():
    assert ResizeMethod.from_string("trilinear") is ResizeMethod.LINEAR
    with pytest.raises(ValueError, match='Unknown resize method "soft"'):
        image.resize(np.ones(3), (2,), "soft")


def test_bad_input():
    x, one = np.ones((3, 4)), np.ones(1)
    with pytest.raises(ValueError, match="number of dimensions"):
        image.resize(x, (2,), "linear")
    with pytest.raises(ValueError, match="no samples"):
        image.resize(np.ones((0, 4)), (2, 4), "linear")
    with pytest.raises(ValueError, match=r"no shape \(-1, 4\)"):
        image.resize(x, (-1, 4), "linear")
    with pytest.raises(ValueError, match="Nearest neighbor resampling"):
        image.scale_and_translate(x, (3, 4), (0,), one, one, "nearest")
    with pytest.raises(ValueError, match="not among spatial_dims"):
        image.scale_and_translate(x, (3, 5), (0,), one, one, "linear")
    with pytest.raises(ValueError, match="one for each of spatial_dims"):
        image.scale_and_translate(x, (3, 4), (0, 1), one, one, "linear")
    with pytest.raises(ValueError, match="twice"):
        image.scale_and_translate(x, (3, 4), (0, -2), np.ones(2), np.ones(2), "linear")
    assert image.resize(x, (0, 4), "linear").shape == (0, 4)
