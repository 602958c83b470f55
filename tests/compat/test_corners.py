"""Values, dtypes and errors at corners. The constants are what JAX 0.10.2 gives, unless said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import ms_func as ms
from ms_func import as_jax

NAN, INF = np.nan, np.inf


def _both(jax, f, x):
    """Derivative of the sum of a function in reverse and in forward mode."""
    x = jax.numpy.asarray(x)
    forward = jax.jvp(lambda v: f(v).sum(), (x,), (jax.numpy.ones_like(x),))[1]
    return [jax.grad(lambda v: f(v).sum())(x), forward]


DERIVATIVES = {
    "abs": (lambda j: _both(j, j.numpy.abs, [0.0, -0.0, 1.0, -1.0]), [[1, 1, 1, -1], 2]),
    "abs, second": (lambda j: j.grad(j.grad(j.numpy.abs))(0.0), 0),
    "abs, complex": (lambda j: j.grad(j.numpy.abs)(0j), 0),
    "hypot": (lambda j: j.grad(j.numpy.hypot, (0, 1))(0.0, 0.0), (0.5, 0.5)),
    "hypot, forward": (lambda j: j.jvp(j.numpy.hypot, (0.0, 0.0), (1.0, 2.0))[1], 1.5),
    "copysign": (lambda j: j.grad(j.numpy.copysign, (0, 1))(0.0, -2.0), (-1, 0)),
    "copysign, -0": (lambda j: j.grad(j.numpy.copysign, (0, 1))(-0.0, -0.0), (-1, 0)),
    "median": (lambda j: _both(j, j.numpy.median, [1.0, 2, 2, 3]), [[0, 0.5, 0.5, 0], 1]),
    "percentile": (
        lambda j: _both(j, lambda x: j.numpy.percentile(x, 30.0), [1.0, 2, 2, 2, 3]),
        [[0, 0.8, 0.2, 0, 0], 1],
    ),
    "nanmedian": (lambda j: _both(j, j.numpy.nanmedian, [1.0, NAN, 1.0]), [[0.5, 0, 0.5], 1]),
    "norm 1": (lambda j: j.grad(partial(j.numpy.linalg.norm, ord=1))(np.zeros(3, "f")), [1] * 3),
    "norm inf": (
        lambda j: j.grad(partial(j.numpy.linalg.norm, ord=INF))(np.zeros(3, "f")), [1 / 6] * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_where_none_exists(name):
    call, want = DERIVATIVES[name]
    with as_jax() as jax:
        got = call(jax)
    for g, w in zip(got, want, strict=True) if isinstance(got, (list, tuple)) else [(got, want)]:
        np.testing.assert_allclose(g, w, rtol=1e-6)


def _cofactors(a: np.ndarray) -> np.ndarray:
    n = len(a)
    minors = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(m) for j, m in enumerate(row)]
         for i, row in enumerate(minors)]
    )  # fmt: skip


def _matrices() -> list[np.ndarray]:
    """Of every rank, with pivots that vanish in one place and in several."""
    rng = np.random.default_rng(0)
    column, shift, triangle = rng.normal(size=(4, 4)), np.zeros((4, 4)), rng.normal(size=(5, 5))
    column[:, 2] = 0
    shift[[0, 1, 2], [1, 2, 3]] = 2, 3, 5
    triangle = np.triu(triangle)
    triangle[[1, 3], [1, 3]] = 0
    return [np.diag([1.0, 2, 0, 3]), np.diag([1.0, 0, 0, 3]), np.zeros((4, 4)), np.ones((5, 5)),
            column, shift, triangle, rng.normal(size=(5, 5))]  # fmt: skip


@pytest.mark.parametrize("matrix", _matrices())
def test_derivative_of_a_determinant_is_that_of_the_polynomial(matrix):
    want = _cofactors(matrix)
    np.testing.assert_allclose(ms.grad(ms.numpy.linalg.det)(matrix), want, atol=1e-12)
    turn = np.random.default_rng(1).normal(size=matrix.shape)
    change = ms.jvp(ms.numpy.linalg.det, (matrix,), (turn,))[1]
    np.testing.assert_allclose(change, (want * turn).sum(), atol=1e-12)


def _dtypes(tree):
    return [x.dtype.name for x in ms.tree.leaves(tree)]


def test_dtypes_of_results():
    x = np.arange(4)
    with as_jax() as jax:
        jnp = jax.numpy
        half = jnp.arange(4, dtype="float16")
        points = jnp.ones((5, 2))
        for q in (0.5, jnp.float32(0.5), np.array([0.5]), np.array(1, "int8")):
            assert _dtypes([jnp.quantile(half, q), jnp.percentile(half, q)]) == ["float16"] * 2
        assert jnp.quantile(x, jnp.float16(0.5)).dtype == "float32"
        assert _dtypes(jnp.histogramdd(points, 2)[0]) == ["int32"]
        assert _dtypes(jnp.histogramdd(points, 2, density=True)[0]) == ["float32"]
        assert _dtypes(jnp.histogramdd(points, 2, weights=np.ones(5, int))[0]) == ["float32"]
        assert _dtypes(jnp.histogram(x, 2, weights=x)) == ["float32"] * 2
        assert _dtypes(jnp.histogram2d(x, x, [2, np.array([0.0, 1, 4])])[0]) == ["int32"]
        for f in (jnp.convolve, jnp.correlate, jax.scipy.signal.convolve):
            assert f(x, x).dtype == "float32"
        assert jnp.convolve(x, x, preferred_element_type="int32").dtype == "int32"
        for found in (jnp.unique(jnp.asarray(1.0)), jnp.unique(jnp.full((3, 2), 1), axis=0)):
            assert found.weak_type
        assert jnp.from_dlpack(np.arange(3.0)).dtype == "float32"


def test_promotion_of_dtypes_alone_may_be_forbidden():
    with as_jax() as jax, jax.numpy_dtype_promotion("strict"):
        jnp = jax.numpy
        assert jnp.result_type("int32", 1) == "int32"
        assert jnp.result_type(1, 2.0) == "float32"
        for join in (lambda: jnp.result_type("int32", 1.0),
                     lambda: jnp.promote_types("int32", "float32")):  # fmt: skip
            with pytest.raises(jax.dtypes.TypePromotionError, match="no available implicit"):
                join()


def test_places_out_of_bounds_below():
    with as_jax() as jax:
        x = jax.numpy.arange(5.0)
        assert x.at[-10].set(7).tolist() == [0, 1, 2, 3, 4]
        assert x.at[-7].set(7, mode="clip").tolist() == [7, 1, 2, 3, 4]
        assert np.isnan(x.at[-10].get(mode="fill"))
        assert x.at[10].get(fill_value=3) == 4
        assert jax.numpy.zeros(2, "int8").at[0].set(300).tolist() == [44, 0]


def test_common_elements_in_a_result_of_given_size():
    with as_jax() as jax:
        found = jax.numpy.intersect1d(
            np.array([2, 1]), np.array([1, 5]), return_indices=True, size=3
        )
        assert [v.tolist() for v in found] == [[1, 1, 1], [1, 2, 2], [0, 2, 2]]


X, M = np.arange(4.0, dtype="f"), np.ones(4, bool)


def _narrow_product(lax):
    return lax.dot(M + 1, M + 1, preferred_element_type="int8")


def _gather(lax, offsets, collapsed):
    numbers = lax.GatherDimensionNumbers(offsets, collapsed, (0,))
    return lax.gather(np.ones((5, 3), "f"), np.array([[1], [2]]), numbers, (1, 3))


def _sparse(jax):
    from jax.experimental import sparse

    return sparse


def _deleted(jnp):
    x = jnp.ones(3)
    x.delete()
    return x


def _positional(x, /, y):
    return x + y


REFUSALS = {
    "take floats": (lambda jax, jnp: jnp.take(X, 1.0), ValueError, "must have an integer type"),
    "take from nothing": (lambda jax, jnp: jnp.take(X[:0], 0), IndexError, "empty axis"),
    "choose floats": (lambda jax, jnp: jnp.choose(X, [X, X]), ValueError, "integer typed"),
    "compress": (lambda jax, jnp: jnp.compress(np.ones(9, bool), X), ValueError, "out of bounds"),
    "isin": (lambda jax, jnp: jnp.isin(X, 1, method="no"), ValueError, "is not implemented"),
    "sort": (lambda jax, jnp: jnp.sort(X, kind="stable"), TypeError, "'kind' argument to sort"),
    "flat": (lambda jax, jnp: jnp.ones(3).flat, NotImplementedError, "arr.flatten"),
    "put": (lambda jax, jnp: jnp.put(X, 0, 1), ValueError, "cannot modify arrays in-place"),
    "ranges": (
        lambda jax, jnp: jnp.histogramdd(np.ones((5, 2)), 2, range=[(0, 1)]),
        ValueError, "range must be a sequence of",
    ),
    "weights": (
        lambda jax, jnp: jnp.histogramdd(np.ones((5, 2)), 2, weights=X),
        ValueError, "one weight for each sample",
    ),
    "donate": (
        lambda jax, jnp: jax.device_put(X, donate=True, may_alias=True), ValueError, "same time",
    ),
    "mask": (
        lambda jax, jnp: jax.jit(lambda x: x[x > 0])(X), IndexError, "indices must be concrete",
    ),
    "objects as places": (lambda jax, jnp: jnp.ones(2)[{}], IndexError, "only integers, slices"),
    "more dimensions": (
        lambda jax, jnp: jnp.ones(2).at[0].set([1.0]), ValueError, "fewer dimensions",
    ),
    "no sharding": (
        lambda jax, jnp: jax.lax.with_sharding_constraint(X, None), ValueError, "is not allowed",
    ),
    "flag": (
        lambda jax, jnp: jax.jit(lambda x: x[x[0] > 0])(X), IndexError, "indices must be concrete",
    ),
    "nonzero": (
        lambda jax, jnp: jax.jit(jnp.nonzero)(X), TypeError, "Abstract tracer value encountered",
    ),
    "transpose": (lambda jax, jnp: jnp.transpose(X, (5,)), ValueError, "axis 5 is out of bounds"),
    "reshape": (lambda jax, jnp: jnp.reshape(X, (-1, -1)), TypeError, "one unknown axis size"),
    "reshape to floats": (lambda jax, jnp: jnp.reshape(X, 2.0), TypeError, "Shapes must be 1D"),
    "full": (lambda jax, jnp: jnp.full((2,), X), ValueError, "broadcast"),
    "text": (lambda jax, jnp: jnp.array("a"), TypeError, "not a valid JAX array type"),
    "objects": (lambda jax, jnp: jnp.zeros(3, "O"), TypeError, "JAX only supports number"),
    "einsum": (lambda jax, jnp: jnp.einsum("i->j", X), ValueError, "did not appear in the input"),
    "einsum ranks": (lambda jax, jnp: jnp.einsum("ij", X), ValueError, "the correct number of"),
    "rot90": (lambda jax, jnp: jnp.rot90(X), ValueError, "ndim at least two"),
    "ufunc.at": (lambda jax, jnp: jnp.add.at(X, 0, 1), NotImplementedError, "cannot operate in"),
    "vectorize": (
        lambda jax, jnp: jnp.vectorize(jnp.add, excluded=[1.0])(X, X), TypeError, "only exclude",
    ),
    "promote": (
        lambda jax, jnp: jnp.promote_types("int4", "int8"), TypeError, "no available implicit",
    ),
    "objects in jit": (
        lambda jax, jnp: jax.jit(lambda x, y: x)(X, {"a": "b"}), TypeError,
        r"Error interpreting argument .* abstract array.*'str'.*at path y\['a'\]",
    ),
    "in_axes": (
        lambda jax, jnp: jax.vmap(lambda x: x, ({"b": 0},))({"a": X}),
        ValueError, "vmap in_axes specification must be a tree prefix of the corresponding value",
    ),
    "out_axes": (
        lambda jax, jnp: jax.vmap(lambda x: x, out_axes=(0, 0))(X),
        ValueError, "vmap out_axes specification must be a tree prefix of the corresponding value",
    ),
    "mesh": (
        lambda jax, jnp: jax.make_mesh((99,), "a"), ValueError, "must be >= the product of mesh_s",
    ),
    "wide callback": (
        lambda jax, jnp: jax.pure_callback(abs, jax.ShapeDtypeStruct((), np.float64), 1.0),
        ValueError, "cannot specify 64-bit types",
    ),
    "in": (lambda jax, jnp: X in jnp.ones(4), ValueError, "query value must be a scalar"),
    "to_device": (lambda jax, jnp: jnp.ones(2).to_device("cpu"), ValueError, "Received invalid"),
    "reshape order": (lambda jax, jnp: jnp.reshape(X, 4, order="A"), NotImplementedError, "=A"),
    "ranks": (lambda jax, jnp: jax.numpy_rank_promotion("no"), ValueError, "must be one of"),
    "generators": (lambda jax, jnp: jax.default_prng_impl("no"), ValueError, "must be one of"),
    "positional": (
        lambda jax, jnp: jax.jit(_positional, static_argnames="x"), ValueError, "positional-only",
    ),
    "policies": (
        lambda jax, jnp: jax.checkpoint_policies.save_and_offload_only_these_names(
            names_which_can_be_saved=["a"], names_which_can_be_offloaded=["a"],
            offload_src="device", offload_dst="pinned_host",
        ),
        ValueError, "should be exclusive",
    ),
    "concrete": (
        lambda jax, jnp: jax.checkpoint(abs, concrete=True), NotImplementedError, "and removed",
    ),
    "deleted": (lambda jax, jnp: _deleted(jnp).format, RuntimeError, "has been deleted"),
    "deleted pieces": (
        lambda jax, jnp: _deleted(jnp).addressable_shards, RuntimeError, "has been deleted",
    ),
    "sum of keys": (lambda jax, jnp: jnp.sum(jax.random.key(0)), TypeError, "not accept dtype key"),
    "repeat": (lambda jax, jnp: jnp.repeat(X, 1.5), TypeError, "an integer type"),
    "round": (lambda jax, jnp: jnp.round(X, 1.5), TypeError, "as an integer"),
    "pad": (lambda jax, jnp: jnp.pad(X, 1, constant_values=(1, 2, 3)), ValueError, "unsupported"),
    "polyfit": (lambda jax, jnp: jnp.polyfit(X, X, -1), ValueError, "expected deg >= 0"),
    "arange": (lambda jax, jnp: jnp.arange(3, dtype=bool), TypeError, "accept dtype bool"),
    "cov": (lambda jax, jnp: jnp.cov(X, fweights=X[None]), RuntimeError, "multidimensional fw"),
    "files": (lambda jax, jnp: jnp.fromfile("x"), NotImplementedError, "may be non-pure"),
    "iterators": (lambda jax, jnp: jnp.fromiter([1]), NotImplementedError, "may be non-pure"),
    "multi_dot": (
        lambda jax, jnp: jnp.linalg.multi_dot([X[None], X[None]]), ValueError, "must match first",
    ),
    "static of pmap": (
        lambda jax, jnp: jax.pmap(lambda x, y: x, static_broadcasted_argnums=1)(X[:1], [1]),
        ValueError, "Non-hashable static arguments",
    ),
    "mesh of shard_map": (
        lambda jax, jnp: jax.shard_map(abs, mesh=1, in_specs=jax.P(), out_specs=jax.P())(X),
        TypeError, "instance for .*, but got 1 of type",
    ),
    "dlpack": (lambda jax, jnp: jnp.from_dlpack(3), TypeError, "must have __dlpack__ and"),
    "sparse sum": (
        lambda jax, jnp: _sparse(jax).bcoo_reduce_sum(_sparse(jax).eye(2), axes=(5,)),
        ValueError, "out of bounds",
    ),
    "sparse joining": (
        lambda jax, jnp: _sparse(jax).bcoo_concatenate([_sparse(jax).eye(2)] * 2, dimension=5),
        ValueError, "out of bounds",
    ),
    **{
        f"lax.{name}": (lambda jax, jnp, call=call: call(jax.lax), kind, words)
        for name, call, kind, words in (
            ("booleans", lambda lax: lax.add(M, M), TypeError, "add does not accept dtype bool at"),
            ("numbers", lambda lax: lax.add(X, 1), TypeError, "same dtypes, got float32, int32"),
            ("short", lambda lax: lax.mul(X.astype("f2"), 2.0), TypeError, "got float16, float32"),
            ("position", lambda lax: lax.zeta(X, 1), TypeError, "dtype int32 at position 1"),
            ("unsigned", lambda lax: lax.abs(np.uint8(1)), TypeError, "not accept dtype uint8"),
            ("lists", lambda lax: lax.exp([1.0]), TypeError, "interpreting argument to exp as"),
            ("pow", lambda lax: lax.pow(2, 3), TypeError, "pow does not accept dtype int32"),
            ("clamp", lambda lax: lax.clamp(X[:1], X, 1.0), TypeError, "requires min.shape =="),
            ("select", lambda lax: lax.select(M, X, 1.0), TypeError, "must have the same shapes"),
            ("pad", lambda lax: lax.pad(X, 0, [(1, 1, 0)]), TypeError, "must be same dtype"),
            ("starts", lambda lax: lax.dynamic_slice(X[None], (0, np.int8(1)), (1, 1)), TypeError,
             "integers of the same type, got: int32, int8"),
            ("convert", lambda lax: lax.convert_element_type([1], "f"), TypeError, "determine"),
            ("rev", lambda lax: lax.rev(X, (1,)), TypeError, "must all be less than operand ndim"),
            ("slice", lambda lax: lax.slice(X, (0,), (9,)), TypeError, "limit_indices must be"),
            ("contracting", lambda lax: lax.dot_general(X, X, (((0,), (1,)), ((), ()))), TypeError,
             "rhs dimension numbers to be nonnegative and less than"),
            ("padding", lambda lax: lax.conv(X[None, None], X[None, None], (1,), 0), ValueError,
             "should be a string or a sequence"),
            ("offset_dims", lambda lax: _gather(lax, (1, 0), ()), TypeError, "must be sorted; got"),
            ("collapsed", lambda lax: _gather(lax, (1,), (1,)), TypeError, "dims with bound 1"),
            ("narrow dot", lambda lax: _narrow_product(lax), TypeError,
             "must not be narrower"),
            ("shapes", lambda lax: lax.broadcast_shapes((-1,), (3,)), TypeError, "non-negative"),
            ("ranks", lambda lax: lax.batch_matmul(X[None], X), ValueError, "have same ndim"),
            ("vectors as starts", lambda lax: lax.dynamic_slice(X, (M + 0,), (1,)), TypeError,
             "must be scalars"),
            ("random bits", lambda lax: lax.rng_bit_generator(np.zeros(4, "u4"), (1,), "f4"),
             TypeError, "unsupported dtype float32"),
            ("init", lambda lax: lax.reduce_window(X, X, lax.add, (1,), (1,), "SAME"), TypeError,
             "expected init_values to be scalars but init_values have shapes"),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    call, kind, words = REFUSALS[name]
    with as_jax() as jax, pytest.raises(kind, match=words):
        call(jax, jax.numpy)


def test_one_known_integer_as_exponent_decides_no_dtype():
    with as_jax() as jax:
        power, short = jax.numpy.power, jax.numpy.array([2, 3], np.int8)
        for two in (2, np.int32(2), jax.numpy.int32(2), np.array(2)):
            assert str(power(short, two)) == "[4 9]"
            assert power(short, two).dtype == np.int8
            assert jax.jit(lambda x, two=two: x**two)(short).dtype == np.int8
            assert power(3, two).weak_type
        assert power(short, np.array([2])).dtype == np.int32
        assert power(jax.numpy.array([True]), 2).weak_type is False
        assert isinstance(power(2, 1), jax.Array)
        with pytest.raises(TypeError, match="negative powers"):
            power(short, np.int8(-1))
        assert jax.lax.pad(2, 0, ()).weak_type


def test_views_have_the_narrowed_width_and_count_bits():
    with as_jax() as jax:
        x = jax.numpy.array([0.5, 1.5])
        assert x.view(float).dtype == np.float32
        assert x.view(int).dtype == np.int32
        short = x.view("int4")
        assert short.shape == (16,)
        np.testing.assert_array_equal(short.view("float32"), x)


def test_dtypes_are_narrowed_before_they_promote():
    with as_jax() as jax:
        assert jax.numpy.result_type("uint64", "int8") == np.int32
        with pytest.raises(ValueError, match="not a valid dtype"):
            jax.numpy.promote_types("M8", "int8")
        with jax.enable_x64(True):
            assert jax.numpy.result_type("uint64", "int8") == np.float64
            key = jax.random.key(0)
            assert jax.random.choice(key, 3, (2,), p=np.ones(3) / 3).dtype == np.int64
            drawn = jax.random.categorical(key, np.zeros(3), shape=(2,), replace=False)
            assert drawn.dtype == np.int32


def test_wide_orthogonal_matrices_are_transposed():
    with as_jax() as jax:
        make = partial(jax.random.orthogonal, jax.random.key(0), dtype="complex64")
        np.testing.assert_array_equal(make(2, m=3), make(3, m=2).T)


def test_words_in_place_of_keys():
    with as_jax() as jax:
        random = jax.random
        with jax.legacy_prng_key("error"):
            assert random.normal(random.key(0)).shape == ()
            with pytest.raises(ValueError, match="Legacy uint32 key array"):
                random.normal(random.PRNGKey(0))
        with jax.legacy_prng_key("warn"), pytest.warns(UserWarning, match="Legacy uint32 key"):
            random.bits(random.PRNGKey(0))
        with jax.enable_custom_prng(True):
            assert jax.dtypes.issubdtype(random.PRNGKey(0).dtype, jax.dtypes.prng_key)
            with pytest.warns(FutureWarning, match="Raw arrays as random keys"):
                drawn = random.bits(np.zeros(2, np.uint32))
        assert drawn == random.bits(random.key(0))


def test_uses_of_jit_share_the_programs_of_a_function():
    recorded = []

    def f(x):
        recorded.append(x)
        return x + 1

    with as_jax() as jax:
        assert (jax.jit(f)(1.0), jax.jit(f)(2.0)) == (2, 3)
        assert len(recorded) == 1
        jax.jit(f, inline=True)(1.0)
        jax.clear_caches()
        jax.jit(f)(1.0)
        assert len(recorded) == 3


def test_donated_memory_that_nothing_takes():
    with as_jax() as jax:
        x = jax.numpy.ones(3)
        with pytest.warns(UserWarning, match=r"donated buffers were not usable: float32\[3\]"):
            jax.jit(lambda v: v.sum(), donate_argnums=0)(x)
        assert not x.is_deleted()
        jax.jit(lambda n, v: n, donate_argnums=1)(1, x)  # not read at all
        assert jax.jit(lambda v: v).lower(x).as_text().startswith("module @jit__lambda ")


def test_places_below_zero_that_do_not_count_from_the_end():
    x = ms.numpy.arange(3.0)
    assert x.at[-1].get(wrap_negative_indices=False) == 0
    assert x.at[np.array([-1, 2])].get(wrap_negative_indices=False).tolist() == [0, 2]
    assert np.isnan(x.at[-1].get(mode="fill", wrap_negative_indices=False))


def test_booleans_are_places_of_take():
    with as_jax() as jax:
        assert jax.numpy.take(X[2:], np.array([True, False])).tolist() == [3, 2]


def test_what_reverse_mode_keeps_is_told_as_in_jax(capsys):
    with as_jax() as jax:
        tell = jax.ad_checkpoint.print_saved_residuals
        tell(jax.checkpoint(jax.numpy.sin), np.float32(1))
        tell(lambda x: jax.numpy.sin(x["a"]), {"a": np.float32(1)})
        y = jax.numpy.asarray(X[:3])
        tell(lambda w, v, x: ((w @ v) @ x) * y, *map(np.ones, ((3, 3), (3, 3), 3)))
    first, second, *in_order = capsys.readouterr().out.splitlines()
    assert [line.partition(" from ")[2][:10] for line in in_order[:4]] == [
        "a constant", *["the argume"] * 3
    ]  # fmt: skip
    assert first.startswith("f32[] from the argument")
    assert second.startswith(f"f32[] output of cos from {__file__}:")


def test_results_of_loops_and_branches_are_weak_where_all_are():
    with as_jax() as jax:
        lax, one = jax.lax, jax.numpy.float32(1)
        assert not lax.cond(True, lambda: 1.0, lambda: one).weak_type
        assert not lax.while_loop(lambda v: v < 3, lambda v: v + 1.0, 0).weak_type
        assert lax.cond(True, lambda: 1.0, lambda: 2.0).weak_type


@pytest.mark.parametrize(
    ("bounds", "traced"),
    [
        ((0, 3), ("int32", True)),
        ((np.int8(0), np.int8(3)), ("int8", False)),
        ((np.float32(0.5), np.float32(3)), ("float32", False)),
    ],
)
def test_places_of_loops_between_known_bounds_are_weak(bounds, traced):
    """As in JAX: of bounds that are operands a place has the dtype, and is weak where both are."""
    seen = []
    with as_jax() as jax:

        def step(i, value):
            seen.append((jax.typeof(i).dtype.name, jax.typeof(i).weak_type))
            return value + i * 100

        start = jax.numpy.int8(1)
        total = jax.lax.fori_loop(*bounds, step, jax.numpy.int32(1))
        assert int(total) == 301
        assert jax.lax.fori_loop(*bounds, lambda i, value: value + i, start).dtype == "int8"
        jax.jit(lambda lo, hi: jax.lax.fori_loop(lo, hi, lambda i, v: (step(i, 0), v)[1], 0))(
            *bounds
        )
    assert (seen[0], seen[-1]) == (("int32", True), traced)


def test_bits_of_complex_numbers():
    x = np.array([[1 + 2j, 3]], "c8")
    for kind in ("f4", "i4", "u1", "c8"):
        np.testing.assert_array_equal(ms.numpy.array(x).view(kind), x.view(kind))
    parts = x.view("f4")
    np.testing.assert_array_equal(ms.numpy.array(parts).view("c8"), x)
    with pytest.raises(ValueError, match="divisor of the total size"):
        ms.numpy.ones(3).view("c8")


def test_angles_of_complex_numbers():
    y, x = np.array([1 + 2j, -0.5j], "c8"), np.array([0.5, 2 - 1j], "c8")
    want = -1j * np.log((x + 1j * y) / np.sqrt(x * x + y * y))
    np.testing.assert_allclose(ms.lax.atan2(y, x), want, rtol=1e-5)


def test_a_copy_may_be_made_where_none_is_asked_for():
    with as_jax() as jax:
        assert jax.numpy.asarray([1, 2], copy=False).tolist() == [1, 2]
        assert jax.numpy.asarray(np.arange(2.0), "int32", copy=False).dtype == "int32"
    with pytest.raises(ValueError, match="copy=False"):
        ms.numpy.asarray([1, 2], copy=False)


def test_programs_along_axes_that_are_only_named():
    with as_jax() as jax:
        lax = jax.lax
        made = jax.make_jaxpr(lambda x: lax.all_gather(x, "i"), axis_env=[("i", 4)])(1.0)
        assert made.out_avals[0].shape == (4,)
        with pytest.raises(NameError, match="unbound axis name: i"):
            jax.make_jaxpr(lambda x: lax.psum(x, "i"))(1.0)


def test_sending_and_receiving():
    ring = [(i, (i + 1) % 4) for i in range(3)]
    with as_jax() as jax:

        def f(x):
            token = jax.lax.psend(x, "i", ring)
            jax.lax.dce_sink(x)
            return jax.lax.precv(token, jax.ShapeDtypeStruct((), "float32"), "i", ring)

        assert jax.vmap(f, axis_name="i")(np.arange(1.0, 5)).tolist() == [0, 1, 2, 3]
        wrong = jax.ShapeDtypeStruct((2,), "float32")
        with pytest.raises(ValueError, match="precv"):
            jax.lax.precv(jax.lax.create_token(), wrong, "i", ring)


def test_names_of_primitives():
    with as_jax() as jax:
        lax = jax.lax
        names = {"after_all": 0, "create_token": 0, "device_put": 0, "ragged_all_to_all": 0,
                 "select_and_scatter": 0, "scatter_sub": "scatter-sub"}  # fmt: skip
        for name, text in names.items():
            assert str(getattr(lax, f"{name}_p")) == (text or name)
        (moved,) = lax.device_put_p.bind(np.ones(2, "f"), devices=(jax.devices()[0],))
        assert moved.tolist() == [1, 1]
        numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
        found = lax.scatter_sub_p.bind(X, np.array([[1]]), np.ones(1, "f"),
                                       dimension_numbers=numbers)  # fmt: skip
        assert found.tolist() == [0, 0, 2, 3]


def test_integers_beside_short_dtypes_wrap_around():
    with as_jax() as jax:
        jnp = jax.numpy
        x = jnp.arange(3, dtype="uint8")
        assert (x + 300).tolist() == [44, 45, 46]
        assert (x + (-1)).tolist() == [255, 0, 1]
        assert (x == 300).tolist() == [False] * 3
        assert int(jnp.maximum(jnp.uint8(3), 300)) == 44
        for wrong in (lambda: jnp.uint8(300), lambda: jnp.arange(3) + 2**40):
            with pytest.raises(OverflowError):
                wrong()
    with pytest.raises(OverflowError):
        ms.numpy.add(ms.numpy.arange(3, dtype="uint8"), 300)


def test_ranges_of_whole_numbers():
    for bounds in ((0, 3, 0.5), (0.5, 3), (3, 0, -1.5), (0, 5, 1.5)):  # NumPy's are the same
        want = np.arange(*bounds, dtype=int)
        assert ms.numpy.arange(*bounds, dtype=int).tolist() == want.tolist()


def test_numbers_of_short_dtypes_do_not_depend_on_the_width_of_others():
    with as_jax() as jax:
        draw = jax.random.randint
        for x64 in (False, True):
            with jax.enable_x64(x64):
                for kind in ("uint8", "int16", "uint16"):
                    found = draw(jax.random.key(7), (4,), 0, 200, kind)
                    assert found.tolist() == [199, 22, 100, 37]


def test_whole_numbers_of_short_dtypes_become_the_default_float():
    with as_jax() as jax, jax.enable_x64(True):
        short = jax.numpy.arange(3, dtype="int8")
        found = [f(short).dtype for f in (jax.numpy.rint, jax.numpy.angle, jax.numpy.sin)]
        assert found == ["float64", "float64", "float32"]
        assert jax.nn.relu(jax.numpy.array([True])).dtype == "int64"


def test_fixed_arguments_of_rules_are_not_differentiated():
    with as_jax() as jax:

        @partial(jax.custom_jvp, nondiff_argnums=(0,))
        def f(n, x):
            return x * 2

        f.defjvp(lambda n, p, t: (p[0] * n, t[0] * 5))
        assert float(jax.grad(lambda x: f(x, x))(1.0)) == 5.0

        @partial(jax.custom_vjp, nondiff_argnums=(0,))
        def g(n, x):
            return x

        g.defvjp(lambda n, x: (x, None), lambda n, _, ct: (ct * n,))
        assert float(jax.grad(partial(g, 3.0))(1.0)) == 3.0
        with pytest.raises(jax.errors.UnexpectedTracerError, match="custom_vjp"):
            jax.jit(lambda n: jax.grad(partial(g, n))(1.0))(2.0)


def test_fields_of_dataclasses_are_named_once():
    @dataclass
    class Pair:
        a: int
        b: int

    with as_jax() as jax:
        register = jax.tree_util.register_dataclass
        with pytest.raises(ValueError, match="must not overlap"):
            register(Pair, data_fields=["a", "b"], meta_fields=["b"])
        with pytest.raises(TypeError, match="must both be specified"):
            register(Pair, data_fields=["a"])


def test_of_copies_that_differ_the_first_is_read():
    with as_jax() as jax:
        kinds = (jax.sharding.AxisType.Auto,) * 2
        mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=kinds)
        same = jax.shard_map(lambda x: x, mesh=mesh, in_specs=jax.P("a", "b"), out_specs=jax.P("a"),
                             check_vma=False)  # fmt: skip
        assert same(np.arange(32.0).reshape(8, 4))[0].tolist() == [0, 1]


def test_objects_that_give_arrays():
    class Two:
        def __jax_array__(self):
            return jax.numpy.arange(2.0)

    with as_jax() as jax:
        assert jax.numpy.asarray([Two(), Two()]).tolist() == [[0, 1], [0, 1]]
        assert jax.numpy.array([Two(), [3.0, 4]]).tolist() == [[0, 1], [3, 4]]
        with pytest.raises(ValueError, match="__jax_array__"):
            jax.jit(lambda x: x)(Two())


def test_arrays_of_no_tangents():
    with as_jax() as jax:
        for made in (jax.numpy.zeros, jax.numpy.ones):
            found = made((2, 3), jax.dtypes.float0)
            assert isinstance(found, np.ndarray)
            assert (found.shape, found.dtype) == ((2, 3), jax.dtypes.float0)


def test_a_weak_type_says_so():
    with as_jax() as jax:
        t = jax.typeof(3)
        assert (repr(t), str(t)) == ("ShapedArray(int32[], weak_type=True)", "~int32[]")


def test_the_scale_of_initial_values_is_rounded_at_each_step():
    with as_jax() as jax:
        kind, key = jax.numpy.bfloat16, jax.random.key(0)
        found = jax.nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")(key, (2, 3), kind)
        drawn = np.asarray(jax.random.uniform(key, (2, 3), kind, -1))
        scale = np.sqrt(drawn.dtype.type(3) * drawn.dtype.type(2 / 2.5))
        assert np.array_equal(found, drawn * scale)
