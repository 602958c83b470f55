"""Functions of `lax` beyond the primitives, against NumPy."""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from tests.support.numpy_oracle import sample

X = sample("float32", 4, 6)
Y = sample("float32", 6, 5, seed=1)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int32", "int64", "uint64"])
def test_mulhi(dtype):
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype)
    ends = [info.min, info.max, info.min + 1, 0, 1]
    x = np.array([*ends, *rng.integers(info.min, info.max, 40, dtype, endpoint=True)], dtype)
    y = np.array([*ends[::-1], *rng.integers(info.min, info.max, 40, dtype, endpoint=True)], dtype)
    want = [int(a) * int(b) >> info.bits for a, b in zip(x, y, strict=True)]
    got = np.asarray(lax.mulhi(x, y))
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, np.array(want, dtype))
    with pytest.raises(TypeError, match="subtypes of integer"):
        lax.mulhi(X, X)


@pytest.mark.parametrize("least", [False, True])
def test_approximate_extrema(least):
    function = lax.approx_min_k if least else lax.approx_max_k
    values, places = function(X, 2, reduction_dimension=0)
    order = np.argsort(X if least else -X, axis=0)[:2]
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(values, np.take_along_axis(X, order, 0))
    with pytest.raises(ValueError, match="recall_target"):
        function(X, 2, recall_target=1.5)
    with pytest.raises(ValueError, match="floating"):
        function(np.arange(4), 2)


def test_accuracy():
    for name in ("cbrt", "cos", "exp", "exp2", "expm1", "log1p", "logistic", "sin", "tan", "tanh"):
        function = getattr(lax, name)
        np.testing.assert_array_equal(function(X, accuracy=lax.AccuracyMode.HIGHEST), function(X))
        with pytest.raises(NotImplementedError, match="cannot promise"):
            function(X, accuracy=lax.Tolerance(1e-3, 0.0, 1))
        with pytest.raises(TypeError, match="AccuracyMode"):
            function(X, accuracy="high")


def test_mul_to_a_wider_dtype():
    x = np.array([100, -100], np.int8)
    np.testing.assert_array_equal(lax.mul(x, x, out_dtype=np.int32), [10000, 10000])


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int2", "uint2"])
def test_integers_shorter_than_a_byte(dtype):
    x = np.array([1, 0, 1, 0, 1], getattr(ml_dtypes, dtype))
    np.testing.assert_array_equal(np.asarray(lax.sort(x)).astype(int), [0, 0, 1, 1, 1])
    keys, places = lax.sort((x, np.arange(5)), num_keys=1)
    assert keys.dtype == x.dtype
    np.testing.assert_array_equal(places, [1, 3, 0, 2, 4])
    values, places = lax.top_k(x, 2)
    assert values.dtype == x.dtype
    assert np.array_equal(np.asarray(values).astype(int), [1, 1])
    assert np.array_equal(places, [0, 2])
    assert int(ms.numpy.max(x)) == 1
    assert int(ms.numpy.min(x)) == 0
    assert np.array_equal(x.astype(bool), ms.numpy.asarray(x).astype(bool))


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int2", "uint2"])
def test_bits_of_dtypes_shorter_than_a_byte(dtype):
    x = np.array([[0x12345678, 0x0F1E2D3C]], "uint32")
    width, kind = int(dtype[-1]), np.dtype(getattr(ml_dtypes, dtype))
    shifts = np.arange(0, 32, width, dtype="uint32")
    parts = (x[..., None] >> shifts) & (2**width - 1)
    got = lax.bitcast_convert_type(x, kind)
    assert got.dtype == kind
    assert np.array_equal(np.asarray(got).astype("int32") & (2**width - 1), parts)
    assert np.array_equal(lax.bitcast_convert_type(got, np.uint32), x)
    ref = lax.bitcast_convert_type_p.ref
    assert np.array_equal(ref(x, new_dtype=kind), np.asarray(got))
    assert np.array_equal(ref(np.asarray(got), new_dtype=np.dtype("uint32")), x)
    with pytest.raises(TypeError, match="has a rest"):
        lax.bitcast_convert_type(x, ml_dtypes.float6_e2m3fn)


MATRIX = (((1,), (0,)), ((), ()))


def test_dot_algorithms():
    preset = lax.DotAlgorithmPreset
    exact = X.astype(np.float64) @ Y.astype(np.float64)
    for choice, bits in ((preset.F32_F32_F32, 22), (preset.BF16_BF16_F32_X9, 22),
                         (preset.TF32_TF32_F32, 9), (preset.BF16_BF16_F32, 6),
                         (preset.F16_F16_F32, 9)):  # fmt: skip
        got = np.asarray(lax.dot_general(X, Y, MATRIX, choice))
        assert got.dtype == np.float32
        size = (np.abs(X) @ np.abs(Y)).max()
        assert np.abs(got - exact).max() <= size * 2.0**-bits
    rounded = [v.astype(ml_dtypes.bfloat16).astype(np.float32) for v in (X, Y)]
    np.testing.assert_allclose(lax.dot(X, Y, precision=preset.BF16_BF16_F32),
                               rounded[0] @ rounded[1], rtol=1e-6, atol=1e-6)  # fmt: skip
    want = rounded[0] @ rounded[1]
    for product in (ms.numpy.dot, ms.numpy.matmul, lax.dot):
        np.testing.assert_allclose(product(X, Y, precision="BF16_BF16_F32"), want, rtol=1e-6,
                                   atol=1e-6)  # fmt: skip
    with ms.default_matmul_precision("BF16_BF16_F32"):
        np.testing.assert_allclose(ms.numpy.einsum("ij,jk", X, Y), want, rtol=1e-6, atol=1e-6)
    row = X[0] @ np.eye(X.shape[1], dtype=X.dtype)
    ones = lax.conv_general_dilated(row[None, None], np.ones((1, 1, 1), "float32"), (1,), "VALID",
                                    precision=preset.BF16_BF16_F32)  # fmt: skip
    np.testing.assert_array_equal(ones[0, 0], rounded[0][0])
    own = lax.DotAlgorithm(np.float16, np.float16, np.float32)
    halves = [v.astype(np.float16).astype(np.float32) for v in (X, Y)]
    np.testing.assert_allclose(lax.dot_general(X, Y, MATRIX, own), halves[0] @ halves[1],
                               rtol=1e-6, atol=1e-6)  # fmt: skip
    assert preset.BF16_BF16_F32_X3.accumulation_type == np.float32
    with pytest.raises(TypeError, match="8-bit"):
        lax.dot_general(X, Y, MATRIX, preset.ANY_F8_ANY_F8_F32)


def test_scaled_dot():
    a, b = sample("float32", 2, 3, 8), sample("float32", 2, 8, 5, seed=1)
    sa, sb = sample("float32", 2, 3, 2, low=1), sample("float32", 2, 4, 5, seed=2, low=1)
    want = (a * np.repeat(sa, 4, 2)) @ (b * np.repeat(sb, 2, 1))
    got = lax.scaled_dot(a, b, lhs_scale=sa, rhs_scale=sb, preferred_element_type=np.float32)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
    assert lax.scaled_dot(a, b).dtype == ml_dtypes.bfloat16
    with pytest.raises(TypeError, match="does not fit"):
        lax.scaled_dot(a, b, lhs_scale=sa[:, :, :1][:, :2])


def test_ragged_products():
    sizes = np.array([3, 0, 2], np.int32)
    matrices = sample("float32", 3, 6, 5, seed=3)
    rows = sample("float32", 7, 6, seed=4)
    numbers = lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0])
    want = np.concatenate([rows[:3] @ matrices[0], rows[3:5] @ matrices[2], np.zeros((2, 5))])
    got = lax.ragged_dot_general(rows, matrices, sizes, numbers)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got, lax.ragged_dot(rows, matrices, sizes), rtol=1e-5, atol=1e-5)
    other = sample("float32", 7, 4, seed=5)
    contracted = lax.RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), [0], [])
    got = lax.ragged_dot_general(rows, other, sizes, contracted)
    want = [rows[:3].T @ other[:3], np.zeros((6, 4)), rows[3:5].T @ other[3:5]]
    np.testing.assert_allclose(got, np.stack(want), rtol=1e-5, atol=1e-5)


def test_index_take():
    x = sample("float32", 3, 4, 5)
    i, j = np.array([0, 2]), np.array([3, 1])
    np.testing.assert_array_equal(lax.index_take(x, (i, j), (0, 1)), x[i, j])
    np.testing.assert_array_equal(lax.index_take(x, (j,), (1,)), np.moveaxis(x[:, j], 1, 0))
    np.testing.assert_array_equal(lax.index_take(x, (i + 3, j - 4), (0, 1)), x[i, j])


def test_broadcast_like_and_shape_as_value():
    x = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(lax.broadcast_like(x, np.zeros((2, 3))), np.stack([x, x]))
    np.testing.assert_array_equal(lax.shape_as_value((2, 3)), [2, 3])
    assert lax.shape_as_value(()).shape == (0,)
    assert (lax.dtype(1.0), lax.dtype(int), lax.dtype(X)) == (np.float32, np.int32, np.float32)
    assert lax.stage(2).dtype == np.int32


def test_tokens_order_what_depends_on_them():
    def program(x):
        token = lax.after_all(lax.create_token(), lax.create_token())
        return lax.optimization_barrier((x, token))[0] * 2

    np.testing.assert_array_equal(ms.jit(program)(X), X * 2)


def test_platform_dependent():
    def program(x):
        return lax.platform_dependent(x, cpu=lax.sin, default=lax.cos)

    np.testing.assert_array_equal(ms.jit(program)(X), lax.sin(X))
    np.testing.assert_array_equal(lax.platform_dependent(X, other=lax.sin, default=lax.cos),
                                  lax.cos(X))  # fmt: skip
    with pytest.raises(NotImplementedError, match="no default"):
        lax.platform_dependent(X, other=lax.sin)
    with pytest.raises(NotImplementedError, match="no function for 'cpu', only for"):
        ms.jit(lambda x: lax.platform_dependent(x, tpu=lax.sin, cuda=lax.cos))(X)


def test_platform_dependent_decides_where_it_is_lowered():
    def program(x):
        return lax.platform_dependent(x, cpu=lax.sin, gpu=lax.cos, default=lax.tanh)

    def operations(f, platform):
        text = ms.jit(f).trace(X).lower(lowering_platforms=(platform,)).as_text()
        return {"sine", "cosine", "tanh"} & set(re.findall(r"stablehlo\.(\w+)", text))

    twice = ms.vmap(lambda x: program(program(x)))
    for f in (program, twice):
        assert operations(f, "cpu") == {"sine"}
        assert operations(f, "cuda") == operations(f, "rocm") == {"cosine"}
        assert operations(f, "tpu") == {"tanh"}
    np.testing.assert_array_equal(ms.jit(program)(X), lax.sin(X))
    np.testing.assert_array_equal(ms.vmap(ms.vmap(ms.grad(program)))(X), lax.cos(X))
    with pytest.raises(NotImplementedError, match="one answer for each of cpu/tpu"):
        ms.jit(program).trace(X).lower(lowering_platforms=("cpu", "tpu"))


def test_composite():
    scaled = lax.composite(lambda x, *, by: x * by, "our.scaled")
    np.testing.assert_array_equal(scaled(X, by=3.0), X * 3)
    assert scaled.__name__ == "scaled"
    np.testing.assert_array_equal(ms.grad(lambda x: scaled(x, by=3.0).sum())(X), np.full_like(X, 3))


def test_cond_by_keywords_and_in_its_older_form():
    assert float(lax.cond(pred=True, true_fun=lambda: 1.0, false_fun=lambda: 2.0)) == 1.0
    assert float(lax.cond(False, lambda x: x, lambda x: -x, operand=3.0)) == -3.0
    older: Any = lax.cond  # (pred, true_operand, true_fun, false_operand, false_fun)
    assert float(older(False, 1.0, lambda x: x, 5.0, lambda x: -x)) == -5.0


def test_layouts_of_results():
    mesh = ms.Mesh((2,), ("d",))
    where = ms.NamedSharding(mesh, ms.PartitionSpec("d"))
    for made in (
        lax.broadcast(np.float32(1), (4,), out_sharding=where),
        lax.broadcast_in_dim(X, (2, 4, 6), (1, 2), out_sharding=where),
        lax.broadcasted_iota(np.int32, (4,), 0, out_sharding=where),
        lax.full((4,), 1.0, sharding=where), lax.full_like(X, 1.0, sharding=where),
        lax.empty((4,), np.float32, out_sharding=where), lax.reshape(X, (24,), out_sharding=where),
        lax.reduce_sum(X, (1,), out_sharding=where),
        lax.dot_general(X, Y, MATRIX, out_sharding=where), lax.dot(X, Y, out_sharding=where),
        ms.numpy.zeros((4,), out_sharding=where), ms.numpy.arange(4, out_sharding=where),
        ms.numpy.matmul(X, Y, out_sharding=where), ms.numpy.ravel(X, out_sharding=where),
        ms.numpy.asarray(X, out_sharding=where), ms.numpy.repeat(X, 2, 0, out_sharding=where),
        ms.numpy.einsum("ij,jk", X, Y, out_sharding=where),
    ):  # fmt: skip
        assert made.sharding.is_equivalent_to(where, made.ndim)
    with pytest.raises(ValueError, match="not both"):
        ms.numpy.ones((4,), device=ms.devices()[0], out_sharding=where)


def test_scatter_apply():
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    x, places = np.arange(1.0, 6), np.array([0, 0, 3, 9, 3, 3])
    want = x.copy()
    for k in places[places < 5]:
        want[k] = 2 * want[k] + 1
    got = lax.scatter_apply(x, places[:, None], lambda v: 2 * v + 1, numbers, update_shape=(6,))
    np.testing.assert_array_equal(got, want)


def test_rng_uniform_draws_anew_each_time_and_in_bounds():
    def two():
        return lax.rng_uniform(2.0, 3.0, (50,)), lax.rng_uniform(2.0, 3.0, (50,))

    jitted = ms.jit(two)
    draws = np.stack([*two(), *jitted(), *jitted()])
    assert ((draws >= 2) & (draws < 3)).all()
    assert len(np.unique(draws)) > 290
    assert lax.rng_uniform(np.int32(0), np.int32(5), (9,)).dtype == np.int32
    with pytest.raises(ValueError, match="identical dtypes"):
        lax.rng_uniform(0, 1.0, (3,))
    with pytest.raises(ValueError, match="must be scalars"):
        lax.rng_uniform(np.zeros(2), np.ones(2), (3,))
    with pytest.raises(NotImplementedError, match="keys"):
        ms.vmap(lambda a: lax.rng_uniform(a, np.float32(1), ()))(np.zeros(2, np.float32))
