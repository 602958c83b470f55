"""Public behaviour of JAX under the alias where it is not NumPy's: found by comparing the two."""

from __future__ import annotations

import copy
import enum
import inspect
import warnings

import numpy as np
import pytest

import ms_func as ms
from ms_func import as_jax


def test_operations_that_use_64_bits_inside_are_right_without_64_bits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 7)).astype("float32")
    with as_jax() as jax, warnings.catch_warnings():
        warnings.simplefilter("error")
        jnp = jax.numpy
        assert np.array_equal(jax.vmap(jnp.argmax)(x), x.argmax(1))
        assert np.array_equal(jax.jit(lambda v: jnp.argmin(v, 0))(x), x.argmin(0))
        assert np.array_equal(jnp.argsort(x, 0), np.argsort(x, 0, kind="stable"))
        words = jnp.array([2**31, 2**32 - 1], "uint32")
        assert jax.lax.mulhi(words, jnp.array([4, 2**32 - 1], "uint32")).tolist() == [2, 2**32 - 2]
        assert (jnp.arange(2, dtype="int8") + jnp.arange(2, dtype="uint32")).dtype == np.int32


def test_dtypes_that_users_ask_for_are_narrowed_also_as_numpy_dtypes():
    wide = np.dtype("float64")
    with as_jax() as jax, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jnp, lax = jax.numpy, jax.lax
        found = [
            jnp.zeros(2, wide), jnp.ones(2).astype(wide), lax.full((2,), 1, wide),
            lax.convert_element_type(1.0, wide), lax.iota(wide, 2),
            lax.full_like(jnp.ones(2), 1, wide), lax.broadcasted_iota(wide, (2, 2), 0),
        ]  # fmt: skip
        assert {x.dtype.name for x in found} == {"float32"}


def test_arrays_do_not_change_and_places_out_of_bounds_are_clamped():
    with as_jax() as jax:
        x = jax.numpy.arange(3)
        with pytest.raises(TypeError, match="immutable"):
            x[0] = 1
        assert int(x[10]) == 2
        assert int(x[-10]) == 0
    with pytest.raises(IndexError):
        ms.numpy.arange(3)[10]


def test_branches_of_different_dtypes_are_an_error_as_in_jax():
    with as_jax() as jax, pytest.raises(TypeError, match="equal output types"):
        jax.lax.cond(True, lambda: 1, lambda: 1.0)
    assert float(ms.lax.cond(True, lambda: 1, lambda: 1.5)) == 1.0
    assert int(ms.lax.cond(0.0, lambda: 1, lambda: 2)) == 2  # a number decides by being zero


def test_filled_arrays_are_weak_under_the_alias():
    with as_jax() as jax:
        half = jax.numpy.ones(2, "bfloat16")
        assert (jax.numpy.full((2,), 0.5) * half).dtype == half.dtype
    assert (ms.numpy.full((2,), 0.5) * ms.numpy.ones(2, "bfloat16")).dtype == np.float32


def test_seeds_have_32_bits_without_64_bit_dtypes():
    with as_jax() as jax:
        assert jax.random.PRNGKey(2**40 + 7).tolist() == [0, 7]
    assert ms.random.PRNGKey(2**40 + 7).tolist() == [256, 7]


def test_callbacks_may_give_64_bits_without_64_bit_dtypes():
    with as_jax() as jax:
        kind = jax.ShapeDtypeStruct((), np.float32)
        assert float(jax.pure_callback(lambda x: np.float64(x) * 2, kind, 1.5)) == 3.0


# --- not about the alias ---------------------------------------------------------------------


def test_error_types():
    x = np.ones((2, 3), np.float32)
    for error in (TypeError, ValueError):
        with pytest.raises(error, match="incompatible shapes"):
            ms.numpy.add(x, np.ones(4))
    with pytest.raises(TypeError, match="argnums=1"):
        ms.grad(lambda v: v, argnums=1)(1.0)
    with pytest.raises(TypeError, match="real-valued"):
        ms.jacfwd(lambda v: v**2)(1j)
    with pytest.raises(TypeError, match="do not match"):
        ms.jvp(lambda v: v, (1.0,), (1,))
    with pytest.raises(ValueError, match="but expected"):
        ms.vjp(lambda v: v, 1.0)[1](1)
    with pytest.raises(TypeError, match="Only scalar"):
        int(ms.numpy.ones(1))


def test_numbers_and_texts_of_arrays():
    x = ms.numpy.float32(2.567)
    assert round(x).dtype == np.int32
    assert round(x, 1).dtype == np.float32
    assert repr(ms.numpy.zeros((0, 3))) == "Array([], shape=(0, 3), dtype=float32)"
    assert repr(ms.numpy.zeros(0)) == "Array([], shape=(0,), dtype=float32)"


@pytest.mark.parametrize(
    ("count", "lines"),  # as JAX 0.10 breaks them
    [(9, [9]), (10, [10, 0]), (11, [11, 0]), (12, [11, 1])],
)
def test_lines_of_the_text_of_an_array(count, lines):
    text = repr(ms.numpy.full(count, 1.25, ms.numpy.float32))
    assert [line.count("1.25") for line in text.split("\n")] == lines
    assert text.endswith("dtype=float32)")


def test_an_interpreter_of_equations():
    def f(x):
        y = ms.numpy.where(x > 0, x, 0.0)
        return ms.numpy.sort(y / ms.numpy.maximum(y, 1).sum())[::-1].astype("int32") + 1

    program = ms.make_jaxpr(f)(x := ms.numpy.arange(3.0))
    values = dict(zip(program.jaxpr.invars, [x], strict=True))

    def read(v):
        return v.val if isinstance(v, ms.ir.function.Literal) else values[v]

    for eqn in program.eqns:
        params = eqn.primitive.get_bind_params(eqn.params)
        out = eqn.primitive.bind(*map(read, eqn.invars), **params)
        results = out if eqn.primitive.multiple_results else [out]
        values.update(zip(eqn.outvars, results, strict=True))
    np.testing.assert_array_equal(read(program.jaxpr.outvars[0]), f(x))


def test_nested_sequences_with_arrays_at_different_depths():
    a = ms.numpy.array([1, 2])
    assert ms.numpy.array([a, [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert ms.numpy.array([[a[0], 5], a]).tolist() == [[1, 5], [1, 2]]
    with pytest.raises(ValueError, match="inhomogeneous"):
        ms.numpy.array([a, [1, 2, 3]])


def test_index_lists_within_tuples():
    x = ms.numpy.arange(9).reshape(3, 3)
    y = np.arange(9).reshape(3, 3)
    assert np.array_equal(x[[0, 2], :], y[[0, 2], :])
    assert np.array_equal(x[[0, 2], [1, 1]], y[[0, 2], [1, 1]])
    assert np.array_equal(x[[0, 1]], y[[0, 1]])
    with as_jax(), pytest.raises(TypeError, match="non-tuple"):
        x[[0, 1]]


@pytest.mark.parametrize(("mode", "expected"), [("drop", [0, 0, 0]), ("clip", [9, 0, 0])])
def test_negative_places_that_do_not_count_from_the_end(mode, expected):
    x = ms.numpy.zeros(3)
    for index in (-1, ms.numpy.array(-1), np.array([-1])):
        found = x.at[index].set(9, mode=mode, wrap_negative_indices=False)
        assert np.array_equal(found, expected)
    assert x.at[-1].get(mode="fill", fill_value=7, wrap_negative_indices=False) == 7


def test_padding_values_known_at_run_time():
    x = np.array([3, 0, 2])
    nonzero = ms.jit(lambda a, f: ms.numpy.nonzero(a, size=4, fill_value=f)[0])
    assert nonzero(x, 9).tolist() == [0, 2, 9, 9]
    for name, expected in (("intersect1d", [2, -1]), ("setdiff1d", [0, 3]), ("setxor1d", [0, 3])):
        f = getattr(ms.numpy, name)
        found = ms.jit(lambda a, b, v, f=f: f(a, b, size=2, fill_value=v))(x, np.array([2]), -1)
        assert found.tolist() == expected


def test_deleting_places_known_at_run_time():
    delete = ms.jit(lambda a, i: ms.numpy.delete(a, i, assume_unique_indices=True))
    assert delete(np.arange(6), np.array([1, -1])).tolist() == [0, 2, 3, 4]


def test_smaller_corrections():
    assert ms.numpy.sort_complex(np.array([[2, 1], [4, 3]])).tolist() == [[1, 2], [3, 4]]
    assert ms.numpy.shape([[1, 2]]) == (1, 2)
    assert int(ms.numpy.bitwise_count(True)) == 1
    assert ms.numpy.gradient(1.0) == []
    x = np.array([1.0, 7, 3], "float32")
    assert np.array_equal(ms.numpy.pad(x, 2, mode="median"), np.pad(x, 2, mode="median"))
    assert ms.numpy.logical_and.accumulate(x).dtype == bool
    h, tau = ms.numpy.linalg.qr(np.ones((3, 2), "float32"), mode="raw")
    assert (h.shape, tau.shape) == ((2, 3), (2,))
    assert ms.numpy.einsum_path("ij,jk,kl", *[np.ones((2, 2))] * 3)[0][-1] == (0, 1)
    assert float(ms.scipy.special.gammainc(0.0, 1.0)) == 1.0
    assert ms.nn.softmax(np.zeros((2, 0), "float32")).shape == (2, 0)
    assert ms.jit(lambda: ms.numpy.array(True))().shape == ()


def test_programs_as_text_of_xla():
    lowered = ms.jit(lambda v: v * 2).lower(1.0)
    assert "HloModule" in lowered.as_text("hlo")
    with pytest.raises(ValueError, match="dialect"):
        lowered.compiler_ir("mhlo")


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal"])
def test_complex_initial_values_have_the_variance_asked_for(distribution):
    init = ms.nn.initializers.variance_scaling(2.0, "fan_in", distribution, dtype=np.complex64)
    x = np.asarray(init(ms.random.key(0), (200, 300)))
    assert np.var(x) == pytest.approx(0.01, rel=0.02)
    assert abs(np.mean(x**2)) < 2e-4  # no direction is preferred
    limit = np.sqrt(0.02) if distribution == "uniform" else 2.1 * 0.1
    assert np.abs(x).max() <= limit


@pytest.mark.parametrize(
    "copied",
    [
        lambda x: x.copy(), ms.numpy.copy, ms.numpy.array, copy.copy, copy.deepcopy,
        lambda x: ms.numpy.asarray(x, copy=True),
    ],
)  # fmt: skip
def test_a_copy_survives_the_donation_of_what_it_was_made_of(copied):
    give = ms.jit(lambda v: v + 1, donate_argnums=0)
    rows = ms.NamedSharding(ms.make_mesh((8,), ("x",)), ms.P("x"))
    for x in (ms.numpy.arange(8.0) * 2, ms.device_put(np.arange(8.0, dtype="float32") * 2, rows)):
        y = copied(x)
        assert y.sharding == x.sharding
        give(x)
        assert x.is_deleted()
        assert np.array_equal(y, np.arange(8.0) * 2)
    assert float(ms.jit(lambda v: copied(v) * 2)(3.0)) == 6.0


def test_what_libraries_lean_on():
    with as_jax() as jax:
        import jax.numpy as jnp

        assert np.int32 in {jnp.int32}
        assert jnp.expand_dims(jnp.float32(2), range(2)).shape == (1, 1)
        assert jnp.einsum("1d,d->1", np.ones((2, 3)), np.ones(3)).tolist() == [3.0, 3.0]
        assert isinstance(jnp.finfo("float16").max, np.float16)
        assert isinstance(jnp.iinfo("int8"), jnp.iinfo)
        assert not isinstance(1.5, jax.dtypes.bfloat16)
        keys = jax.random.split(jax.random.key(0))
        assert bool(jnp.allclose(keys, keys))
        assert not bool(jnp.allclose(keys[0], keys[1]))
        assert jax.sharding.get_abstract_mesh().empty
        assert jax.ops.segment_sum(jnp.float32(2), np.array([0, 1, 1])).tolist() == [2.0, 4.0]
        scaled = jax.jit(lambda s: jax.nn.initializers.normal(s)(jax.random.key(0), (3,)))
        assert np.allclose(scaled(2.0), 2 * scaled(1.0))
        assert jax.vjp(lambda x: x.astype(int), 1.0)[1](jnp.int32(1))[0] == 0.0
        treedef = jax.tree.structure({"a": 1})
        assert copy.deepcopy(treedef) == treedef
        assert not jax.lax.sin_p.call_primitive
        signature = inspect.signature(lambda a, b, *, c: a)
        infer = jax.api_util.infer_argnums_and_argnames
        assert infer(signature, 1, None) == ((1,), ("b",))
        assert infer(signature, None, "c") == ((2,), ("c",))


def test_a_cotangent_for_a_subtree_is_that_of_its_leaves():
    with as_jax() as jax:

        @jax.custom_vjp
        def f(x):
            return x[0] * x[1][0]

        f.defvjp(lambda x: (f(x), x), lambda r, g: ((r[1][0] * g, r[0] * g),))
        assert jax.tree.leaves(jax.grad(f)((2.0, (3.0,)))) == [3.0, 2.0]


def test_einsum_by_a_product_of_ones_own():
    rng = np.random.default_rng(0)
    with as_jax() as jax:
        import jax.numpy as jnp

        def own(a, b, dims, precision=None, preferred_element_type=None):
            calls.append(dims)
            return jax.lax.dot_general(a, b, dims)

        for text in ("ij,jk->ik", "bij,bkj->kbi", "ij,jk->kj", "aij,jk->k", "i,j->ji"):
            calls = []
            terms = text.partition("->")[0].split(",")
            x, y = (rng.normal(size=["abijk".index(c) + 2 for c in t]).astype("f") for t in terms)
            found = jnp.einsum(text, x, y, _dot_general=own)
            assert np.allclose(found, np.einsum(text, x, y), atol=1e-4)
            assert len(calls) == 1
        with pytest.raises(NotImplementedError, match="two operands"):
            jnp.einsum("i,i,i->i", x, x, x, _dot_general=own)
        cubes = jnp.einsum("i,i,i->i", x, x, x, _dot_general=jax.lax.dot_general)
        assert np.allclose(cubes, x**3)


def test_float8_of_every_kind():
    with as_jax():
        import jax.numpy as jnp

        x = jnp.ones(2).astype(jnp.float8_e4m3fnuz)
        assert (x + x).astype("float32").tolist() == [2.0, 2.0]


def test_transforms_of_an_object_whose_name_is_no_text():
    class Callable:
        def __call__(self, x):
            return 2.0 * x

    f = Callable()
    f.__name__ = 3
    for transform in (ms.vmap, ms.jit, ms.checkpoint):
        assert np.array_equal(transform(f)(np.ones(3, np.float32)), np.full(3, 2.0))
    assert float(ms.grad(f)(1.0)) == 2.0


def test_registry_of_containers_is_a_table():
    with as_jax():
        from jax._src.tree_util import _registry

        children, aux = _registry[dict].to_iter({"b": 1, "a": 2})
        assert list(children) == [2, 1]
        assert _registry[dict].from_iter(aux, ["x", "y"]) == {"a": "x", "b": "y"}
        with pytest.raises(KeyError):
            _registry[int]


def test_an_index_of_a_reference_out_of_bounds_is_an_error():
    with as_jax() as jax:
        ref = jax.new_ref(jax.numpy.zeros(3))
        assert np.asarray(ref).tolist() == [0, 0, 0]  # NumPy reads until an index is refused
        for use in (lambda: ref[3], lambda: ref.__setitem__(-4, 1.0)):
            with pytest.raises(IndexError, match="out of bounds"):
                use()
        assert jax.numpy.zeros(3)[3] == 0


def test_a_type_may_be_made_with_a_sharding():
    with as_jax() as jax:
        made = jax.core.ShapedArray((2,), "float32", sharding=jax.P("x"))
        assert made == jax.typeof(np.zeros(2, "float32"))
        assert made.at_least_vspace() == made.to_ct_aval() == made
        assert jax.typeof(np.zeros(2, "int32")).at_least_vspace().dtype == jax.float0
        assert not jax.typeof(1.0).strip_weak_type().weak_type


def test_of_a_complex_number_real_elements_take_the_real_part():
    with as_jax() as jax:
        for kind in ("float32", "int32"):
            x = jax.numpy.zeros(2, kind)
            discarded = pytest.warns(np.exceptions.ComplexWarning, match="discards the imaginary")
            with discarded, pytest.warns(FutureWarning, match="incompatible types"):
                assert x.at[0].set(1 + 2j).tolist() == [1, 0]


def test_options_of_astype_may_be_given_in_order_and_by_name():
    with as_jax() as jax:
        x = jax.numpy.array([1.7, -1.7])
        assert x.astype("int32", True).tolist() == x.astype(dtype="int32", copy=False).tolist()
        assert jax.jit(lambda x: x.astype(dtype="int8"))(x).tolist() == [1, -1]


def test_numbers_of_derived_classes_are_numbers():
    class Colour(enum.IntEnum):
        RED = 2

    class Metres(float):
        pass

    with as_jax() as jax:
        jnp = jax.numpy
        for made in (jnp.array(Colour.RED), jnp.asarray(Colour.RED), jnp.full(2, Colour.RED)[0]):
            assert (made.dtype, made.weak_type, int(made)) == ("int32", True, 2)
        assert jnp.array(Colour.RED, "uint8").dtype == "uint8"
        assert jnp.array(Metres(1.5)).dtype == "float32"


def test_writers_of_checkpoints_can_be_imported_and_are_refused():
    with as_jax():
        from jax.experimental.array_serialization import serialization

        for use in (serialization.GlobalAsyncCheckpointManager, serialization.get_tensorstore_spec):
            with pytest.raises(NotImplementedError, match="TensorStore"):
                use("path") if use is serialization.get_tensorstore_spec else use()


def test_a_layout_may_be_a_single_device():
    with as_jax() as jax:
        place = jax.sharding.SingleDeviceSharding(jax.devices()[0])

        def twice(x):
            return jax.lax.with_sharding_constraint(x * 2, place)

        x = jax.numpy.arange(3.0)
        for found in (twice(x), jax.jit(twice)(x), jax.vmap(twice)(x)):
            assert found.tolist() == [0, 2, 4]
            assert found.devices() == {jax.devices()[0]}
        assert jax.grad(lambda x: twice(x).sum())(x).tolist() == [2, 2, 2]


@pytest.mark.parametrize("given", ["1.5", ["1", "2"], [1, "2"], b"3", np.array(["4"]), [["5"]]])
def test_texts_are_numbers_where_a_dtype_is_given(given):
    """The oracle is NumPy."""
    with as_jax() as jax:
        want = np.asarray(given, "float32")
        for got in (jax.numpy.float32(given), jax.numpy.asarray(given, dtype="float32")):
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
        with pytest.raises(TypeError, match="not a valid"):
            jax.numpy.asarray(given)
        with pytest.raises(TypeError, match="complex"):
            jax.numpy.float32([1j])


@pytest.mark.parametrize("shift", [1.0, 1.5, -2.5, (1.0, 2.0), np.float32(3)])
def test_a_shift_may_be_a_float(shift):
    """The oracle is NumPy's `roll` by the whole part."""
    x = np.arange(5)
    want = np.roll(x, np.trunc(np.sum(shift)).astype(int))
    with as_jax() as jax:
        np.testing.assert_array_equal(jax.numpy.roll(x, shift, axis=0), want)
        traced = jax.jit(lambda s: jax.numpy.roll(x, s, axis=0))(np.asarray(shift, "f"))
        np.testing.assert_array_equal(traced, want)
