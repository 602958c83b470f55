"""Training steps of ms_func, translated, run in the interpreter, equal to XLA step for step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax, optim, tree
from ms_func import numpy as mnp
from ms_func_ascend import simulate
from tests.support.ascend import read_back

Params = Any
RNG = np.random.default_rng(0)


def normal(*shape: int, scale: float = 0.3) -> np.ndarray:
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Mean of -log softmax at the labels."""
    shifted = logits - mnp.max(logits, axis=-1, keepdims=True)
    logs = shifted - mnp.log(mnp.sum(mnp.exp(shifted), axis=-1, keepdims=True))
    hot = labels[:, None] == mnp.arange(logits.shape[-1])
    return -mnp.mean(mnp.sum(mnp.where(hot, logs, 0.0), axis=-1))


def mlp(params: Params, x: Any) -> Any:
    for w, b in params[:-1]:
        x = mnp.maximum(x @ w + b, 0.0)
    w, b = params[-1]
    return x @ w + b


def conv_net(params: Params, x: Any) -> Any:
    """Two convolutions, one with stride 2, a maximum pool between, a dense layer after."""
    numbers = ("NHWC", "HWIO", "NHWC")
    k1, b1, k2, b2, w, b = params
    x = lax.conv_general_dilated(x, k1, (1, 1), "SAME", dimension_numbers=numbers)
    x = mnp.maximum(x + b1, 0.0)
    x = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = lax.conv_general_dilated(x, k2, (2, 2), "SAME", dimension_numbers=numbers)
    x = mnp.maximum(x + b2, 0.0)
    return x.reshape(x.shape[0], -1) @ w + b


def training_step(model: Callable[..., Any], optimizer: Any) -> Callable[..., Any]:
    def step(params: Params, state: Any, x: Any, y: Any) -> Any:
        loss, grads = ms.value_and_grad(lambda p: cross_entropy(model(p, x), y))(params)
        updates, state = optimizer.update(grads, state, params)
        return loss, optim.apply_updates(params, updates), state

    return step


MLP = [(normal(64, 32), normal(32)), (normal(32, 16), normal(16)), (normal(16, 10), normal(10))]
CONV = (normal(3, 3, 1, 8), normal(8), normal(3, 3, 8, 16), normal(16), normal(64, 10), normal(10))
CASES = {
    "mlp": (mlp, MLP, (16, 64)),
    "conv": (conv_net, CONV, (16, 8, 8, 1)),
}
OPTIMIZERS = {"adam": lambda: optim.adam(1e-2), "sgd": lambda: optim.sgd(1e-1)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", CASES)
def test_training_on_digits_like_images(model: str, optimizer: str) -> None:
    """Three steps on the translated program follow XLA's; the loss goes down."""
    function, params, shape = CASES[model]
    rule = OPTIMIZERS[optimizer]()
    step = ms.jit(training_step(function, rule))
    x, y = normal(*shape, scale=1.0), RNG.integers(0, 10, shape[0]).astype(np.int32)
    state = rule.init(params)
    graph = read_back(ms.export(step, params, state, x, y, backend="ascend"))
    ours, theirs = (params, state), (params, state)
    losses = []
    for _ in range(3):
        want, tree_def = tree.flatten(step(*theirs, x, y))
        got = simulate(graph, [np.asarray(v) for v in tree.leaves((*ours, x, y))])
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, np.asarray(w), rtol=2e-4, atol=2e-5)
        losses.append(float(got[0]))
        ours = tree.unflatten(tree_def, got)[1:]
        theirs = tree.unflatten(tree_def, want)[1:]
    assert losses[-1] < losses[0]


def test_the_operators_an_expert_would_choose() -> None:
    """Convolution, its two gradients, pooling and matrix products have their own operators."""
    rule = optim.adam(1e-2)
    step = training_step(conv_net, rule)
    x, y = normal(16, 8, 8, 1), np.zeros(16, np.int32)
    data = ms.export(step, CONV, rule.init(CONV), x, y, backend="ascend")
    count = read_back(data).count()
    assert count["Conv2D"] == 2
    assert count["Conv2DBackpropFilter"] == 2
    assert count["Conv2DBackpropInput"] == 1
    assert count["MatMulV2"] == 3
    assert count["MaxPoolV3Grad"] == 1
    assert count["AdamApplyOne"] == len(CONV)
    assert "MaxPoolV3" in count


def test_bits_of_random_numbers_stay_in_one_dtype() -> None:
    """Sums are signed, and so is what they are mixed with: nothing goes back and forth."""
    key = np.asarray(ms.random.PRNGKey(3))
    draw = lambda key: ms.random.bits(key, (5, 3))  # noqa: E731
    graph = read_back(ms.export(draw, key, backend="ascend"))
    assert graph.count()["Bitcast"] <= 4
    np.testing.assert_array_equal(simulate(graph, [key])[0], np.asarray(ms.jit(draw)(key)))


def test_a_scatter_of_no_updates_is_its_operand() -> None:
    x, none = normal(3, 2), np.zeros((0, 2), np.float32)
    add = lambda x, updates: x.at[np.zeros(0, np.int32)].add(updates)  # noqa: E731
    graph = read_back(ms.export(lambda x, u: add(mnp.asarray(x), u) * 2, x, none, backend="ascend"))
    np.testing.assert_allclose(simulate(graph, [x, none])[0], 2 * x)


@pytest.mark.parametrize("model", CASES)
def test_jit_runs_on_the_reference_backend(model: str) -> None:
    """`backend='ascend-ref'` is the same program, called like any other."""
    function, params, shape = CASES[model]
    x, y = normal(*shape), np.arange(shape[0], dtype=np.int32) % 10
    loss = lambda p: cross_entropy(function(p, x), y)  # noqa: E731
    want = ms.jit(ms.value_and_grad(loss))(params)
    got = ms.jit(ms.value_and_grad(loss), backend="ascend-ref")(params)
    for g, w in zip(tree.leaves(got), tree.leaves(want), strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=2e-4, atol=2e-5)


def test_loops_branches_and_random_numbers() -> None:
    def program(x: Any, key: Any) -> Any:
        noise = ms.random.normal(key, x.shape)
        total, seen = lax.scan(lambda c, v: (mnp.tanh(c * v + 0.5), c), x[0], x + noise)
        twice = lax.while_loop(lambda c: mnp.sum(c) < 50.0, lambda c: c + mnp.abs(x), mnp.abs(x))
        chosen = lax.switch(mnp.argmax(total), [lambda v: v, lambda v: v * 2, lambda v: -v], total)
        order = mnp.argsort(x[:, 0])
        return noise, total, seen, twice, chosen, x[order], mnp.sort(x, axis=1)

    x, key = normal(5, 3), ms.random.PRNGKey(7)
    want = ms.jit(program)(x, key)
    got = ms.jit(program, backend="ascend-ref")(x, key)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=2e-5, atol=2e-6)


def test_gradients_of_loops() -> None:
    def loss(w: Any, x: Any) -> Any:
        carry, _ = lax.scan(lambda c, v: (mnp.tanh(c @ w + v), None), x[0], x)
        return mnp.sum(carry**2)

    w, x = normal(4, 4), normal(6, 4)
    want = ms.jit(ms.grad(loss))(w, x)
    got = ms.jit(ms.grad(loss), backend="ascend-ref")(w, x)
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=2e-4, atol=2e-5)


def test_source_lines_reach_the_file() -> None:
    graph = read_back(ms.export(mlp, MLP, normal(16, 64), backend="ascend"))
    (first, *_) = (n for n in graph.nodes if n.op == "MatMulV2")
    assert first.source.split(":")[0].endswith("test_training_steps.py")
