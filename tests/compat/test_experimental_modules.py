"""Modules of `jax.experimental`: laws of each, by NumPy, by loops and by what JAX documents."""

import enum

import numpy as np
import pytest

import ms_func as ms


@pytest.fixture
def jax():
    with ms.as_jax() as module:
        yield module


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_loop(x, h, c, w, hidden):
    """One layer over one sequence [time, features], in NumPy."""
    w_ih, w_hh, b_ih, b_hh = w
    out = []
    for row in x:
        i, f, g, o = np.split(w_ih @ row + b_ih + w_hh @ h + b_hh, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.reshape(out, (-1, hidden)), h, c


def test_lstm_in_both_directions_equals_a_loop_over_each_sequence(jax):
    from jax.experimental import rnn

    size, hidden, lengths, rng = 3, 2, [4, 2], np.random.default_rng(0)
    count = rnn.get_num_params_in_lstm(size, hidden, 1, True)
    assert count == 2 * (4 * hidden * (size + hidden) + 8 * hidden)
    flat = rng.normal(size=count).astype("f")
    x, h, c = (rng.normal(size=s).astype("f") for s in ((2, 4, 3), (2, 2, 2), (2, 2, 2)))
    y, hs, cs = rnn.lstm(
        x, h, c, jax.numpy.asarray(flat), np.int32(lengths), size, hidden, 1, 0.0, True
    )
    w = [{k: np.asarray(v) for k, v in part.items()}
         for part in rnn.unpack_lstm_weights(flat, size, hidden, 1, True)]  # fmt: skip
    for b, n in enumerate(lengths):
        for d in (0, 1):
            row = x[b, :n][:: -1 if d else 1]
            out, h_n, c_n = lstm_by_loop(row, h[d, b], c[d, b], [part[d] for part in w], hidden)
            np.testing.assert_allclose(
                y[b, :n, d * hidden : (d + 1) * hidden], out[:: -1 if d else 1], atol=1e-5
            )
            np.testing.assert_allclose(hs[d, b], h_n, atol=1e-5)
            np.testing.assert_allclose(cs[d, b], c_n, atol=1e-5)
        assert not np.any(y[b, n:])


def test_lstm_refuses_dropout(jax):
    from jax.experimental import rnn

    with pytest.raises(NotImplementedError, match="dropout"):
        rnn.lstm_ref(np.ones((1, 1, 1)), None, None, {}, {}, {}, {}, [1], 1, 1, 1, 0.5, False)


def test_a_stateful_generator_draws_from_keys_folded_with_its_count(jax):
    from jax.experimental import random as stateful

    rng, base = stateful.stateful_rng(7), jax.random.key(7)
    np.testing.assert_array_equal(
        rng.random((2,)), jax.random.uniform(jax.random.fold_in(base, 0), (2,))
    )
    np.testing.assert_array_equal(
        rng.integers(9, size=3), jax.random.randint(jax.random.fold_in(base, 1), (3,), 0, 9)
    )
    lanes = jax.vmap(lambda r: r.random())(rng.split(3))
    assert len(set(np.asarray(lanes).tolist())) == 3
    assert len(rng.spawn(2)) == 2
    assert rng.normal(5.0, 0.0) == 5.0


def test_compute_on_checks_the_place_and_changes_nothing(jax):
    from jax.experimental.compute_on import compute_on, compute_on2

    with compute_on("device_host"):
        assert jax.numpy.sin(0.0) == 0
    assert compute_on("gpu_stream:1")(lambda x: x + 1)(1) == 2
    assert compute_on2(lambda x: x, compute_type="device", out_memory_spaces=None)(3) == 3
    with pytest.raises(ValueError, match="Invalid compute type nowhere"):
        compute_on("nowhere")


def test_custom_partitioning_needs_rules_and_is_the_function(jax):
    from jax.experimental import custom_partitioning as cp

    twice = cp.custom_partitioning(lambda x: 2 * x)
    with pytest.raises(AttributeError, match="def_partition"):
        twice(1.0)
    twice.def_partition(lambda *a: None, sharding_rule="i -> i")
    assert jax.grad(lambda x: twice(x))(1.0) == 2
    np.testing.assert_array_equal(jax.jit(jax.vmap(twice))(np.arange(3)), [0, 2, 4])
    with pytest.raises(ValueError, match="at least two"):
        cp.CompoundFactor("a")


def test_meshes_of_granules_and_changed_meshes(jax):
    from jax.experimental import mesh_utils, topologies

    alone = jax.devices()[:1]
    found = mesh_utils.create_hybrid_device_mesh((1, 1), (1, 1), alone, process_is_granule=True)
    assert found.shape == (1, 1)
    with pytest.raises(ValueError, match="Number of slices 1"):
        mesh_utils.create_hybrid_device_mesh((1,), (2,), alone, process_is_granule=True)
    mesh = topologies.make_mesh(topologies.TopologyDescription(alone), (1,), ("x",))
    assert mesh.update(axis_names=("y",)).axis_names == ("y",)
    kind = jax.sharding.AxisType.Explicit
    assert mesh.abstract_mesh.update_axis_types({"x": kind}).axis_types == (kind,)
    with pytest.raises(NotImplementedError, match="topology by name"):
        topologies.get_topology_desc("v5e:2x2")


def test_an_array_may_be_put_into_a_kind_of_memory(jax):
    put = jax.device_put({"a": np.ones(2)}, jax.memory.Space.Host)
    np.testing.assert_array_equal(put["a"], 1)


def test_settings_that_nothing_answers_to_take_their_own_value_only(jax):
    jax.config.update("jax_pgle_profiling_runs", 5)
    with pytest.raises(NotImplementedError, match="leave it at its default"):
        jax.config.update("jax_mock_gpu_topology", "2x4")


def test_a_list_can_be_written_at_an_index():
    x = ms.numpy.zeros((2, 3), "i4").at[0].set([1, ms.numpy.abs(ms.numpy.int32(-2)), 3])
    np.testing.assert_array_equal(x, [[1, 2, 3], [0, 0, 0]])


def test_a_number_held_by_value_has_the_type_of_the_program():
    from ms_func.tracing.tracer import by_value

    class Level(enum.IntEnum):
        HIGH = 7

    traced = ms.jit(lambda s, x: x + s).trace(np.int32(1), np.int32(1))
    with ms.config.x64(False):
        made = by_value(traced.ir, [Level.HIGH])
    assert made.in_types[0].dtype == np.int32
    assert {v.type.dtype for e in made.eqns for v in e.outputs} == {np.dtype("int32")}


def test_transforms_take_objects_whose_name_is_no_text():
    class Odd:
        __name__ = 3
        __annotations__ = None

        def __call__(self, x):
            return x * x

    assert ms.grad(Odd())(3.0) == 6
    np.testing.assert_array_equal(ms.vmap(Odd())(np.arange(3)), [0, 1, 4])


def test_a_float_of_constants_is_a_number_within_a_gradient(jax):
    w = jax.numpy.array([2.0, 3.0])
    assert jax.grad(lambda x: x * float((w * 2).sum()))(1.0) == 10
    with pytest.raises(TypeError, match="no derivative"):
        jax.grad(lambda x: x * float(w[0] * x))(1.0)


def test_what_jax_computes_at_once_is_no_tracer(jax):
    jnp, seen = jax.numpy, {}

    def f(x):
        values = {"constant": jnp.ones(2), "argument": x, "mask": x > 0, "sum": x + jnp.ones(2)}
        seen.update({k: isinstance(v, jax.core.Tracer) for k, v in values.items()})
        seen["numpy"] = np.sin(jnp.zeros(2)).tolist()
        return x

    of_derivatives = {"constant": False, "argument": True, "mask": False, "sum": True}
    for run, expected in (
        (jax.grad(f), of_derivatives),
        (jax.vmap(f, axis_size=1, in_axes=None), dict.fromkeys(of_derivatives, False)),
        (lambda x: jax.vmap(f)(x[None]), {**of_derivatives, "mask": True}),
    ):
        run(jnp.float32(1))
        assert seen == {**expected, "numpy": [0, 0]}
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(f)(1.0)


def test_rules_of_a_primitive_may_be_methods(jax):
    from jax.extend.core import Primitive

    class Tag(Primitive):
        multiple_results = True

        def impl(self, *xs):
            return xs

        def abstract_eval(self, *xs):
            return xs, jax.core.no_effects

    tag = Tag("tag")
    assert tag.bind(1.0, 2.0) == (1.0, 2.0)
    assert len(jax.make_jaxpr(lambda x: tag.bind(x, x))(1.0).jaxpr.outvars) == 2


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (bool, "TracerBoolConversionError", "Attempted boolean conversion of traced array"),
        (range, "TracerIntegerConversionError", r"The __index__\(\) method was called on"),
        (np.asarray, "TracerArrayConversionError", r"conversion method __array__\(\) was called"),
        (int, "ConcretizationTypeError", "Abstract tracer value encountered where concrete"),
    ],
)
@pytest.mark.parametrize("staged", ["jit", "checkpoint"])
def test_errors_about_traced_values_have_the_words_of_jax(jax, use, error, words, staged):
    f = getattr(jax, staged)(lambda n: use(n))
    with pytest.raises(getattr(jax.errors, error), match=words + r"[^\n]* with shape int32\[\]"):
        f(1)


def test_compiled_programs_refuse_traced_values(jax):
    compiled = jax.jit(lambda x: x + 1).lower(1.0).compile()
    for transform in (jax.grad, jax.jit, lambda f: lambda x: jax.vmap(f)(x[None])):
        with pytest.raises(TypeError, match="Cannot apply JAX transformations to a function"):
            transform(compiled)(jax.numpy.float32(1))


def test_kernels_can_be_imported_and_are_refused(jax):
    """As libraries do that call them on one kind of device only."""
    from jax.experimental import pallas
    from jax.experimental.pallas import tpu, triton
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernel

    assert [pallas.cdiv(7, 2), pallas.next_power_of_2(5), pallas.align_to(5, 4)] == [4, 8, 8]
    refused = [pallas.pallas_call, pallas.BlockSpec, tpu.VMEM, triton.load, kernel.make_splash_mha]
    for use in refused:
        with pytest.raises(NotImplementedError, match="kernels written in Pallas"):
            use(lambda x, y: None)


def test_names_of_modules_are_there(jax):
    for module in (jax, jax.experimental, jax.extend, jax.interpreters, jax.experimental.pallas):
        assert [name for name in dir(module) if not hasattr(module, name)] == []
