"""Optimisers: first steps worked out by hand, and descent on a quadratic."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import optim, tree

PARAMS = {"w": mnp.array([3.0, -2.0]), "b": mnp.array(1.0)}


def loss(p):
    return (p["w"] ** 2).sum() + p["b"] ** 2


def two_steps(opt):
    """Updates of the first two steps under the gradient 2, then 4."""
    p = mnp.array([1.0])
    state = opt.init(p)
    first, state = opt.update(mnp.array([2.0]), state, p)
    second, _ = opt.update(mnp.array([4.0]), state, p)
    return float(first[0]), float(second[0])


def test_sgd_and_momentum():
    assert two_steps(optim.sgd(0.5)) == (-1.0, -2.0)
    assert two_steps(optim.momentum(0.5, 0.5)) == (-1.0, -2.5)
    assert two_steps(optim.sgd(0.5, 0.5, nesterov=True)) == (-1.5, -3.25)


def test_adam():
    """Kingma and Ba, algorithm 1, by hand."""
    m = v = 0.0
    want = []
    for t, g in ((1, 2.0), (2, 4.0)):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        want.append(-0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8))
    assert two_steps(optim.adam(0.1)) == pytest.approx(want, rel=1e-4)
    decayed = [w - 0.1 * 0.01 for w in want]
    assert two_steps(optim.adamw(0.1, weight_decay=0.01)) == pytest.approx(decayed, rel=1e-4)


def test_rmsprop():
    v1 = 0.1 * 4
    v2 = 0.9 * v1 + 0.1 * 16
    want = (-0.1 * 2 / math.sqrt(v1), -0.1 * 4 / math.sqrt(v2))
    assert two_steps(optim.rmsprop(0.1)) == pytest.approx(want, rel=1e-5)


def test_clipping():
    opt = optim.clip_by_global_norm(1.0)
    out, _ = opt.update({"a": mnp.array([3.0]), "b": mnp.array([4.0])}, opt.init(None))
    np.testing.assert_allclose([float(out["a"][0]), float(out["b"][0])], [0.6, 0.8], rtol=1e-6)
    small, _ = opt.update(mnp.array([0.1, 0.2]), ())
    np.testing.assert_allclose(np.asarray(small), [0.1, 0.2], rtol=1e-6)
    limited, _ = optim.clip(0.5).update(mnp.array([-3.0, 0.2]), ())
    np.testing.assert_allclose(np.asarray(limited), [-0.5, 0.2], rtol=1e-6)


OPTIMISERS = [
    optim.sgd(0.1),
    optim.sgd(0.1, 0.9, nesterov=True),
    optim.adam(0.1),
    optim.adam(0.1, nesterov=True),
    optim.adamw(0.1),
    optim.rmsprop(0.05, momentum=0.5),
    optim.chain(optim.clip_by_global_norm(1.0),
                optim.adam(optim.warmup_cosine_decay_schedule(0.0, 0.2, 5, 80))),
]  # fmt: skip


@pytest.mark.parametrize("opt", OPTIMISERS)
def test_descent(opt):
    @ms.jit
    def step(params, state):
        updates, state = opt.update(ms.grad(loss)(params), state, params)
        return optim.apply_updates(params, updates), state

    params, state = PARAMS, opt.init(PARAMS)
    for _ in range(80):
        params, state = step(params, state)
    assert float(loss(params)) < 0.05
    assert tree.structure(params) == tree.structure(PARAMS)


def test_dtypes_of_parameters_stay():
    params = mnp.ones(3, mnp.bfloat16)
    opt = optim.adam(1e-2)
    updates, _ = opt.update(params, opt.init(params), params)
    assert optim.apply_updates(params, updates).dtype == mnp.bfloat16


def test_masked_decay():
    opt = optim.add_decayed_weights(0.1, mask=lambda p: {"w": True, "b": False})
    out, _ = opt.update(tree.map(mnp.zeros_like, PARAMS), (), PARAMS)
    np.testing.assert_allclose(np.asarray(out["w"]), [0.3, -0.2], rtol=1e-6)
    assert float(out["b"]) == 0.0
    with pytest.raises(ValueError, match="needs the parameters"):
        opt.update(PARAMS, ())


SCHEDULES = {
    "constant": (optim.constant_schedule(0.3), {0: 0.3, 9: 0.3}),
    "linear": (optim.linear_schedule(1.0, 0.0, 4, 2), {0: 1.0, 2: 1.0, 4: 0.5, 6: 0.0, 9: 0.0}),
    "exponential": (optim.exponential_decay(1.0, 2, 0.5), {0: 1.0, 2: 0.5, 3: 0.5**1.5}),
    "staircase": (optim.exponential_decay(1.0, 2, 0.5, staircase=True), {1: 1.0, 3: 0.5}),
    "cosine": (optim.cosine_decay_schedule(2.0, 4, 0.1), {0: 2, 2: 1.1, 4: 0.2, 9: 0.2}),
    "warmup": (optim.warmup_cosine_decay_schedule(0.0, 1.0, 2, 6),
               {0: 0, 1: 0.5, 2: 1, 4: 0.5, 6: 0}),
    "pieces": (optim.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1}),
               {2: 1, 3: 0.5, 5: 0.05}),
    "joined": (optim.join_schedules([optim.constant_schedule(1.0),
                                     optim.linear_schedule(0.5, 0.0, 2)], [3]),
               {2: 1, 3: 0.5, 4: 0.25}),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    schedule, want = SCHEDULES[name]
    for step, value in want.items():
        assert float(schedule(step)) == pytest.approx(value, abs=1e-6)
        assert float(ms.jit(schedule)(step)) == pytest.approx(value, abs=1e-6)
