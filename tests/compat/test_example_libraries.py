"""The optimisers and networks that come with JAX for examples."""

from __future__ import annotations

import numpy as np
import pytest

from ms_func import as_jax

MAKERS = {
    "sgd": (0.05,), "momentum": (0.01, 0.9), "nesterov": (0.01, 0.9), "adagrad": (0.5,),
    "rmsprop": (0.05,), "rmsprop_momentum": (0.01,), "adam": (0.2,), "adamax": (0.2,),
    "sm3": (0.5,),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimiser_finds_the_minimum(name):
    with as_jax() as jax:
        from jax.example_libraries import optimizers

        target = {"a": np.array([1.0, -2.0], "f"), "b": np.float32(0.5)}
        loss = lambda p: sum(((p[k] - target[k]) ** 2).sum() for k in p)  # noqa: E731
        init, update, get_params = getattr(optimizers, name)(*MAKERS[name])

        @jax.jit
        def step(i, state):
            return update(i, jax.grad(loss)(get_params(state)), state)

        state = init(jax.tree.map(np.zeros_like, target))
        first = float(loss(get_params(state)))
        for i in range(60):
            state = step(i, state)
        assert float(loss(get_params(state))) < 0.05 * first
        marked = optimizers.unpack_optimizer_state(state)
        assert jax.tree.structure(marked) == jax.tree.structure(target)
        again = optimizers.pack_optimizer_state(marked)
        assert jax.tree.structure(again) == jax.tree.structure(state)
        with pytest.raises(TypeError, match="structure"):
            update(0, {"a": target["a"]}, state)


def test_rules_by_hand():
    with as_jax():
        from jax.example_libraries import optimizers

        def run(name, *args):
            init, update, get = getattr(optimizers, name)(*args)
            state = init(np.float32(1))
            for i, g in enumerate([2.0, 3.0]):
                state = update(i, np.float32(g), state)
            return float(get(state))

        assert np.isclose(run("sgd", 0.1), 0.5)
        assert np.isclose(run("momentum", 0.1, 0.5), 1 - 0.2 - 0.1 * 4)
        assert np.isclose(run("nesterov", 0.1, 0.5), 1 - 0.1 * 3 - 0.1 * (0.5 * 4 + 3))
        m, v = 0.9 * 0.2 + 0.3, 0.999 * 0.004 + 0.009
        second = 0.1 * (m / (1 - 0.81)) / np.sqrt(v / (1 - 0.999**2))
        assert np.isclose(run("adam", 0.1), 1 - 0.1 - second, rtol=1e-5)


def test_step_sizes():
    with as_jax():
        from jax.example_libraries import optimizers as o

        assert np.isclose(o.exponential_decay(2.0, 10, 0.5)(20), 0.5)
        assert np.isclose(o.inverse_time_decay(2.0, 10, 0.5)(20), 1.0)
        assert np.isclose(o.inverse_time_decay(2.0, 10, 1.0, staircase=True)(15), 1.0)
        assert np.isclose(o.polynomial_decay(2.0, 10, 1.0)(5), 1.5)
        assert [float(o.piecewise_constant([2, 4], [1.0, 0.5, 0.1])(i)) for i in (1, 3, 9)] == (
            pytest.approx([1.0, 0.5, 0.1])
        )
        assert np.isclose(o.l2_norm({"a": np.array([3.0, 0.0]), "b": 4.0}), 5.0)
        assert np.allclose(o.clip_grads([np.array([3.0, 4.0])], 1.0)[0], [0.6, 0.8])
        with pytest.raises(ValueError, match="one shorter"):
            o.piecewise_constant([1, 2], [1.0, 2.0])


def test_networks():
    with as_jax() as jax:
        from jax.example_libraries import stax

        init, apply = stax.serial(
            stax.Conv(4, (3, 3), padding="SAME"), stax.BatchNorm(), stax.Relu,
            stax.MaxPool((2, 2), strides=(2, 2)), stax.FanOut(2),
            stax.parallel(stax.Identity, stax.Conv(4, (1, 1))), stax.FanInSum,
            stax.AvgPool((2, 2)), stax.Flatten, stax.Dropout(0.9, mode="test"),
            stax.Dense(3), stax.LogSoftmax,
        )  # fmt: skip
        shape, params = init(jax.random.key(0), (5, 8, 8, 2))
        x = np.random.default_rng(0).normal(size=(5, 8, 8, 2)).astype("f")
        out = apply(params, x, rng=jax.random.key(1))
        assert out.shape == shape == (5, 3)
        assert np.allclose(np.exp(out).sum(1), 1, atol=1e-5)
        slopes = jax.grad(lambda p: apply(p, x, rng=jax.random.key(1))[:, 0].sum())(params)
        assert jax.tree.structure(slopes) == jax.tree.structure(params)
        with pytest.raises(ValueError, match="PRNG key"):
            apply(params, x)


def test_parts_of_networks():
    with as_jax() as jax:
        from jax.example_libraries import stax

        x = np.arange(16, dtype="f").reshape(1, 4, 4, 1)
        key = jax.random.key(0)
        for layer, oracle in (
            (stax.SumPool((2, 2), strides=(2, 2)), [[10, 18], [42, 50]]),
            (stax.AvgPool((2, 2), strides=(2, 2)), [[2.5, 4.5], [10.5, 12.5]]),
            (stax.MaxPool((2, 2), strides=(2, 2)), [[5, 7], [13, 15]]),
        ):
            shape, params = layer[0](key, x.shape)
            assert shape == (1, 2, 2, 1)
            assert np.allclose(layer[1](params, x)[0, :, :, 0], oracle)
        shape, params = stax.ConvTranspose(2, (2, 2), strides=(2, 2))[0](key, x.shape)
        assert shape == (1, 8, 8, 2)
        init, apply = stax.shape_dependent(lambda shape: stax.Dense(shape[-1]))
        assert apply(init(key, (2, 3))[1], np.ones((2, 3), "f")).shape == (2, 3)
        assert stax.FanInConcat()[0](key, [(2, 3), (2, 4)])[0] == (2, 7)


def test_one_process_agrees_with_itself():
    with as_jax() as jax:
        from jax.experimental import multihost_utils as hosts

        mesh = jax.make_mesh((8,), ("x",))
        x = np.arange(8.0, dtype="f")
        wide = hosts.host_local_array_to_global_array(x, mesh, jax.P("x"))
        assert len(wide.sharding.device_set) == 8
        assert np.array_equal(hosts.process_allgather(wide), x)
        assert hosts.process_allgather({"a": x})["a"].shape == (1, 8)
        assert np.array_equal(hosts.broadcast_one_to_all([x])[0], x)
        hosts.sync_global_devices("here")
        f = jax.sharding.auto_axes(lambda v: v * 2, out_sharding=wide.sharding)
        assert np.array_equal(jax.jit(f)(x), 2 * x)
        assert np.array_equal(jax.sharding.reshard(x, wide.sharding), x)
