"""Convolutions against a loop over every index, and the public helpers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.primitives import conv_cuda
from ms_func.primitives.conv import Conv
from ms_func.primitives.padding import padtype_to_pads

RNG = np.random.default_rng(0)


def loop(
    x: np.ndarray, w: np.ndarray, strides: Any, pads: Any, spread: Any, holes: Any, groups: int,
    lots: int,
) -> np.ndarray:  # fmt: skip
    """`[n, c, h, w]` with `[o, c, h, w]`, by the definition, one product at a time."""
    (n, c), (o, i) = x.shape[:2], w.shape[:2]
    size = [(s - 1) * d + 1 + lo + hi
            for s, d, (lo, hi) in zip(x.shape[2:], spread, pads, strict=True)]  # fmt: skip
    reach = [(k - 1) * r + 1 for k, r in zip(w.shape[2:], holes, strict=True)]
    count = [(s - k) // t + 1 for s, k, t in zip(size, reach, strides, strict=True)]
    out = np.zeros((n // lots, o, *count))
    indices = itertools.product(
        range(n // lots), range(o), *map(range, count), range(i), *map(range, w.shape[2:])
    )
    for b, f, oy, ox, ci, ky, kx in indices:
        place = []
        for at, k, t, r, d, (lo, _), s in zip(
            (oy, ox), (ky, kx), strides, holes, spread, pads, x.shape[2:], strict=True
        ):
            p = at * t + k * r - lo
            place.append(p // d if p % d == 0 and 0 <= p // d < s else -1)
        if min(place) < 0:
            continue
        channel = f // (o // groups) * (c // groups) + ci
        row = f // (o // lots) * (n // lots) + b
        out[b, f, oy, ox] += x[row, channel, place[0], place[1]] * w[f, ci, ky, kx]
    return out


SETTINGS = [
    ((1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1), 1, 1),
    ((2, 1), ((1, 0), (2, 3)), (1, 1), (1, 2), 1, 1),
    ((1, 3), ((-1, 2), (0, -1)), (2, 1), (1, 1), 1, 1),
    ((1, 2), ((1, 1), (1, 1)), (1, 2), (2, 1), 2, 1),
    ((2, 1), ((0, 1), (1, 1)), (1, 1), (1, 1), 1, 2),
]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "layout", [("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC"), ("CHNW", "WOHI", "WNCH")]
)
def test_against_a_loop(setting, layout):
    strides, pads, spread, holes, groups, lots = setting
    x = RNG.normal(size=(2, 4, 5, 6))
    w = RNG.normal(size=(4, 4 // groups, 3, 2))
    want = loop(x, w, strides, pads, spread, holes, groups, lots)
    kernel = "".join(c for c in layout[1] if c not in "OI")
    order = ["HW".index(c) for c in kernel]  # strides and others follow the kernel's letters
    args = [[v[i] for i in order] for v in (strides, pads, spread, holes)]
    got = lax.conv_general_dilated(
        x.transpose(["NCHW".index(c) for c in layout[0]]),
        w.transpose(["OIHW".index(c) for c in layout[1]]),
        *args, dimension_numbers=layout, feature_group_count=groups, batch_group_count=lots,
    )  # fmt: skip
    got = np.asarray(got).transpose([layout[2].index(c) for c in "NCHW"])
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    ("form", "dtype"), [(conv_cuda.of_real_ones, np.complex128), (conv_cuda.as_product, np.int64)]
)
def test_what_cuda_has_no_convolutions_for_against_a_loop(setting, form, dtype):
    strides, pads, spread, holes, groups, lots = setting
    x, w = RNG.integers(-9, 9, (2, 4, 5, 6)), RNG.integers(-9, 9, (4, 4 // groups, 3, 2))
    twist = (1 + 2j, 2 - 1j) if dtype is np.complex128 else (1, 1)
    numbers = lax.conv_dimension_numbers(x.shape, w.shape, ("NCHW", "OIHW", "HNWC"))
    conv = Conv(strides, pads, spread, holes, numbers, groups, lots, None, None)
    want = loop(x, w, strides, pads, spread, holes, groups, lots) * np.prod(twist)
    got = form(conv, *((v * t).astype(dtype) for v, t in zip((x, w), twist, strict=True)),
               np.dtype(dtype))  # fmt: skip
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.asarray(got).transpose(1, 3, 0, 2), want)


@pytest.mark.parametrize("setting", SETTINGS)
def test_gradients_against_differences_of_the_loop(setting):
    groups, lots = setting[4:]
    x = RNG.normal(size=(2, 2, 4, 5))
    w = RNG.normal(size=(2, 2 // groups, 2, 2))
    ct = RNG.normal(size=loop(x, w, *setting).shape)

    def total(x: Any, w: Any) -> Any:
        y = lax.conv_general_dilated(x, w, *setting[:4], None, groups, lots)
        return lax.reduce_sum(lax.mul(y, ct), (0, 1, 2, 3))

    grads = ms.grad(total, (0, 1))(x, w)
    for k, v in enumerate((x, w)):
        for index in np.ndindex(v.shape):
            unit = np.zeros_like(v)
            unit[index] = 1
            point = [unit if k == 0 else x, w if k == 0 else unit]  # bilinear: exact
            want = (loop(*point, *setting) * ct).sum()
            np.testing.assert_allclose(grads[k][index], want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [5, 6, 7])
@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_gives_as_many_windows_as_strides_fit(size, window, stride):
    for kind in ("SAME", "SAME_LOWER", "same"):
        ((lo, hi),) = padtype_to_pads((size,), (window,), (stride,), kind)
        assert (size + lo + hi - window) // stride + 1 == -(-size // stride)
        assert 0 <= ((hi - lo) if kind.upper() == "SAME" else (lo - hi)) <= 1
    assert padtype_to_pads((size,), (window,), (stride,), "VALID") == [(0, 0)]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_conv_transpose_is_the_transpose_of_a_convolution(padding, stride, window):
    """Of the convolution whose result has the size of the operand here."""
    y = RNG.normal(size=(1, 5, 2))
    w = RNG.normal(size=(window, 3, 2))
    got = lax.conv_transpose(y, w, (stride,), padding, transpose_kernel=True)
    size = got.shape[1]
    numbers = ("NHC", "HIO", "NHC")
    forward = lambda x: lax.conv_general_dilated(  # noqa: E731
        x, w, (stride,), padding, dimension_numbers=numbers
    )
    x = RNG.normal(size=(1, size, 3))
    out = forward(x)
    assert out.shape == y.shape
    _, back = ms.vjp(forward, x)
    np.testing.assert_allclose(got, back(y)[0], rtol=1e-12, atol=1e-12)


def test_consistent_padding_takes_pairs_of_the_forward_convolution():
    y, w = RNG.normal(size=(1, 4, 2)), RNG.normal(size=(3, 3, 2))
    pads = ((1, 0),)
    got = lax.conv_transpose(y, w, (2,), pads, transpose_kernel=True, use_consistent_padding=True)
    forward = lambda x: lax.conv_general_dilated(  # noqa: E731
        x, w, (2,), pads, dimension_numbers=("NHC", "HIO", "NHC")
    )
    x = RNG.normal(size=(1, got.shape[1], 3))
    np.testing.assert_allclose(got, ms.vjp(forward, x)[1](y)[0], rtol=1e-12)


def test_helpers_use_the_default_layout():
    x, w = RNG.normal(size=(2, 3, 6, 5)), RNG.normal(size=(4, 3, 2, 3))
    want = loop(x, w, (1, 2), ((0, 0), (0, 0)), (1, 1), (1, 1), 1, 1)
    np.testing.assert_allclose(lax.conv(x, w, (1, 2), "VALID"), want, rtol=1e-12)
    pads = ((1, 1), (0, 2))
    want = loop(x, w, (1, 1), pads, (2, 1), (1, 2), 1, 1)
    got = lax.conv_with_general_padding(x, w, (1, 1), pads, (2, 1), (1, 2))
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_patches_and_unshared_kernels():
    x, w = RNG.normal(size=(2, 3, 6, 5)), RNG.normal(size=(4, 3, 2, 3))
    patches = lax.conv_general_dilated_patches(x, (2, 3), (1, 2), "VALID")
    assert patches.shape == (2, 18, 5, 2)
    got = np.einsum("nkhw,ok->nohw", patches, w.reshape(4, -1))
    want = loop(x, w, (1, 2), ((0, 0), (0, 0)), (1, 1), (1, 1), 1, 1)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    own = RNG.normal(size=(4, 18, 5, 2))
    got = lax.conv_general_dilated_local(x, own, (1, 2), "VALID", (2, 3))
    np.testing.assert_allclose(got, np.einsum("nkhw,okhw->nohw", patches, own), rtol=1e-12)


def test_refusals():
    x, w = np.zeros((2, 3, 6, 5), np.float32), np.zeros((4, 3, 2, 3), np.float32)
    conv = lax.conv_general_dilated
    with pytest.raises(ValueError, match="must equal the rhs input feature dimension size"):
        conv(x, w[:, :2], (1, 1), "SAME")
    with pytest.raises(ValueError, match="window and window_strides must have the same number"):
        conv(x, w, (1,), "SAME")
    with pytest.raises(ValueError, match="window_strides must have every element"):
        conv(x, w, (1, 0), "SAME")
    with pytest.raises(TypeError, match="expected 2, got 1"):
        conv(x, w, (1, 1), [(0, 0)])
    with pytest.raises(RuntimeError, match="Unrecognized padding type"):
        conv(x, w, (1, 1), "HALF")
    with pytest.raises(TypeError, match="same dtypes, got float32, float64"):
        conv(x, w.astype(np.float64), (1, 1), "SAME")
    with pytest.raises(ValueError, match="feature_group_count must divide lhs feature"):
        conv(x, w, (1, 1), "SAME", feature_group_count=2)
    with pytest.raises(ValueError, match="batch_group_count must divide lhs batch"):
        conv(x[:1], w, (1, 1), "SAME", batch_group_count=2)
    with pytest.raises(ValueError, match="Negative padding is larger"):
        conv(x, w, (1, 1), [(0, -9), (0, 0)])
    with pytest.raises(TypeError, match="must be length 3"):
        conv(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO"))
    with pytest.raises(TypeError, match="same set of spatial characters"):
        conv(x, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHD", "NCHW"))
    with pytest.raises(TypeError, match="exactly once"):
        conv(x, w, (1, 1), "SAME", dimension_numbers=("NCHH", "OIHW", "NCHW"))
    with pytest.raises(TypeError, match="ndim to be equal, got 4 and 3"):
        conv(x, w[0], (1, 1), "SAME")


def test_shapes_without_arrays():
    x, w = np.zeros((4, 3, 9, 8)), np.zeros((6, 3, 3, 2))
    for padding in ("SAME", "VALID", [(1, 2), (0, 1)]):
        want = lax.conv_general_dilated(x, w, (2, 3), padding).shape
        assert lax.conv_shape_tuple(x.shape, w.shape, (2, 3), padding) == want
        layout = ("NCHW", "OIHW", "NHWC")
        want = lax.conv_general_dilated(x, w, (2, 3), padding, dimension_numbers=layout).shape
        assert lax.conv_general_shape_tuple(x.shape, w.shape, (2, 3), padding, layout) == want
        layout = ("NCHW", "OIHW", "NCHW")
        want = lax.conv_transpose(x, w, (2, 3), padding, dimension_numbers=layout).shape
        assert lax.conv_transpose_shape_tuple(x.shape, w.shape, (2, 3), padding, layout) == want
    assert lax.conv_shape_tuple(x.shape, w.shape, (1, 1), "VALID", 2)[0] == 2
