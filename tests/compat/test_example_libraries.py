"""Layers and optimizers of `jax.example_libraries`."""

from __future__ import annotations

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import random
from ms_func.compat.jax.example_libraries import optimizers, stax

LAYERS = {
    "dense": (stax.Dense(5), (4, 3)),
    "conv": (stax.Conv(4, (3, 2), (2, 1), "SAME"), (2, 7, 6, 3)),
    "conv_transpose": (stax.ConvTranspose(4, (3, 2), (2, 2)), (2, 5, 4, 3)),
    "conv_1d_transpose": (stax.Conv1DTranspose(4, (3,), (2,)), (2, 5, 3)),
    "general_conv": (stax.GeneralConv(("NCH", "OIH", "NCH"), 4, (2,)), (2, 3, 5)),
    "batch_norm": (stax.BatchNorm(), (3, 4, 4, 2)),
    "max_pool": (stax.MaxPool((2, 2), (2, 2)), (2, 5, 4, 3)),
    "sum_pool": (stax.SumPool((2, 2), padding="SAME"), (2, 5, 4, 3)),
    "avg_pool": (stax.AvgPool((3,), spec="NC."), (2, 5, 4)),
    "flatten": (stax.Flatten, (2, 3, 4)),
    "dropout": (stax.Dropout(0.5), (3, 4)),
    "gelu": (stax.Gelu, (3, 4)),
    "shape_dependent": (stax.shape_dependent(lambda s: stax.Dense(2 * s[-1])), (3, 4)),
    "two_ways": (
        stax.serial(
            stax.FanOut(2), stax.parallel(stax.Dense(3), stax.Identity), stax.FanInConcat(-1)
        ),
        (2, 4),
    ),
    "residual": (
        stax.serial(stax.FanOut(2), stax.parallel(stax.Tanh, stax.Identity), stax.FanInSum),
        (2, 4),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_results_have_the_shape_that_was_foretold(name):
    (init_fun, apply_fun), shape = LAYERS[name]
    key = random.key(0)
    foretold, params = init_fun(key, shape)
    out = apply_fun(params, random.normal(key, shape), rng=key)
    assert out.shape == tuple(foretold)
    assert init_fun(key, (-1, *shape[1:]))[0] == (-1, *foretold[1:])


def test_pooling_and_normalisation_are_those_of_numpy():
    x = numpy.random.default_rng(0).standard_normal((2, 4, 6, 3)).astype(numpy.float32)
    windows = x.reshape(2, 2, 2, 3, 2, 3)
    for layer, of_numpy in [
        (stax.MaxPool, windows.max((2, 4))),
        (stax.SumPool, windows.sum((2, 4))),
        (stax.AvgPool, windows.mean((2, 4))),
    ]:
        found = layer((2, 2), (2, 2))[1]((), x)
        numpy.testing.assert_allclose(found, of_numpy, rtol=1e-5)
    init_fun, apply_fun = stax.BatchNorm(epsilon=0.0)
    found = numpy.asarray(apply_fun(init_fun(random.key(0), x.shape)[1], x))
    numpy.testing.assert_allclose(found.mean((0, 1, 2)), 0, atol=1e-5)
    numpy.testing.assert_allclose(found.std((0, 1, 2)), 1, rtol=1e-4)


def test_dropout_keeps_the_mean_and_needs_a_key():
    _, apply_fun = stax.Dropout(0.8)
    out = numpy.asarray(apply_fun((), np.ones(10_000), rng=random.key(1)))
    assert set(numpy.unique(out)) == {0, numpy.float32(1 / 0.8)}
    assert abs(out.mean() - 1) < 0.02
    with pytest.raises(ValueError, match="needs a key"):
        apply_fun((), np.ones(3))
    assert stax.Dropout(0.5, mode="eval")[1]((), np.ones(3)).tolist() == [1, 1, 1]


OPTIMIZERS = {
    "sgd": lambda: optimizers.sgd(0.1),
    "momentum": lambda: optimizers.momentum(optimizers.exponential_decay(0.05, 10, 0.9), 0.9),
    "nesterov": lambda: optimizers.nesterov(optimizers.inverse_time_decay(0.05, 9, 0.1), 0.9),
    "adagrad": lambda: optimizers.adagrad(0.5),
    "rmsprop": lambda: optimizers.rmsprop(optimizers.polynomial_decay(0.1, 90, 0.01)),
    "rmsprop_momentum": lambda: optimizers.rmsprop_momentum(0.02),
    "adam": lambda: optimizers.adam(optimizers.piecewise_constant([50], [0.2, 0.02])),
    "adamax": lambda: optimizers.adamax(0.2),
    "sm3": lambda: optimizers.sm3(0.5),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_find_the_lowest_point_of_a_bowl(name):
    init_fun, update_fun, get_params = OPTIMIZERS[name]()

    def loss(params):
        return np.sum((params["a"] - 1) ** 2) + np.sum((params["b"][0] + 2) ** 2)

    @ms.jit
    def run(state):
        def step(i, state):
            return update_fun(i, ms.grad(loss)(get_params(state)), state)

        return ms.lax.fori_loop(0, 150, step, state)

    start = {"a": np.zeros((2, 3)), "b": [np.ones(4)]}
    state = run(init_fun(start))
    assert float(loss(get_params(state))) < 0.01 * float(loss(start))
    again = optimizers.pack_optimizer_state(optimizers.unpack_optimizer_state(state))
    assert ms.tree.structure(again) == ms.tree.structure(state)
    with pytest.raises(TypeError, match="gradient tree that did not match the parameter"):
        update_fun(0, {"a": 1.0}, state)


def test_adam_is_the_published_algorithm():
    init_fun, update_fun, get_params = optimizers.adam(0.1)
    x, m, v = numpy.float32(3), 0.0, 0.0
    state = init_fun(np.asarray(x))
    for i in range(4):
        g = 2 * x
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - 0.1 * (m / (1 - 0.9 ** (i + 1))) / (numpy.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
        state = update_fun(i, 2 * get_params(state), state)
        assert float(get_params(state)) == pytest.approx(float(x), rel=1e-5)


def test_steps_that_change_and_gradients_that_are_clipped():
    stairs = optimizers.inverse_time_decay(1.0, 10, 1.0, staircase=True)
    assert [float(stairs(i)) for i in (0, 9, 10, 25)] == pytest.approx([1, 1, 1 / 2, 1 / 3])
    with pytest.raises(TypeError):
        optimizers.sgd([0.1, 0.2])
    with pytest.raises(ValueError, match="one shorter than values"):
        optimizers.piecewise_constant([1, 2], [0.1, 0.2])
    grads = {"a": np.array([3.0, 0.0]), "b": np.array(4.0)}
    assert float(optimizers.l2_norm(grads)) == pytest.approx(5)
    assert float(optimizers.l2_norm(optimizers.clip_grads(grads, 1.0))) == pytest.approx(1)
    assert float(optimizers.l2_norm(optimizers.clip_grads(grads, 9.0))) == pytest.approx(5)
