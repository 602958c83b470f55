"""Time of compiled programs that compute something: train steps and a long scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.library import Library

__ms_convert__ = False
"""Python loops are laid out by both libraries: they do the same work."""


def training(lib: Library, loss: Callable[..., Any], params: Any, *batch: Any) -> Program:
    """Program of steps that hand their state on; the first losses are the check."""
    step = lib.ms.jit(models.train_step(lib, loss), donate_argnums=0)
    batch = tuple(lib.array(a) for a in batch)
    state, value = step(models.adam_state(lib, params), *batch)
    state, value = step(state, *batch)
    first = float(value)

    def loop(n: int) -> None:
        nonlocal state
        for _ in range(n):
            state, value = step(state, *batch)
        lib.ms.block_until_ready(value)

    return Program(loop, first)


def mlp(lib: Library) -> Program:
    """MLP 784-512-512-10, batch of 128."""
    params = models.mlp_params([784, 512, 512, 10])
    batch = models.numbers(1, 128, 784), models.one_hot(2, 128, 10)
    return training(lib, models.mlp_loss(lib), params, *batch)


def lenet(lib: Library) -> Program:
    """LeNet, batch of 64."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return models.cross_entropy(lib, models.lenet(lib, params, x), y)

    batch = models.numbers(1, 64, 28, 28, 1), models.one_hot(2, 64, 10)
    return training(lib, loss, models.lenet_params(), *batch)


def transformer_block(lib: Library) -> Program:
    """One block of width 256 with 8 heads, batch of 8, length 64."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return lib.np.mean((models.block(lib, params, x, 8) - y) ** 2)

    batch = models.numbers(1, 8, 64, 256), models.numbers(2, 8, 64, 256)
    return training(lib, loss, models.block_params(0, 256), *batch)


def long_scan(lib: Library) -> Program:
    """Leapfrog integration of eight bodies, 10,000 steps."""
    np = lib.np

    def force(x: Any) -> Any:
        apart = x[None, :, :] - x[:, None, :]
        distance = np.sum(apart * apart, axis=-1, keepdims=True) + 0.1
        return np.sum(apart / (distance * np.sqrt(distance)), axis=1)

    def step(state: Any, _: Any) -> Any:
        x, v = state
        v = v + 1e-3 * force(x)
        return (x + 1e-3 * v, v), None

    run = lib.ms.jit(lambda x, v: lib.lax.scan(step, (x, v), None, length=10_000)[0])
    x, v = lib.array(models.numbers(1, 8, 3)), lib.array(models.numbers(2, 8, 3))

    def loop(n: int) -> None:
        for _ in range(n):
            lib.ms.block_until_ready(run(x, v))

    # Orbits amplify rounding, so the check is taken after few steps.
    near = lib.lax.scan(step, (x, v), None, length=50)[0][0]
    return Program(loop, float(numpy.sum(numpy.asarray(near))))


CASES = [
    Case("train_mlp", "train step, MLP 784-512-512-10, batch 128", mlp, 1.05, 1.0),
    Case("train_lenet", "train step, LeNet, batch 64", lenet, 0.75, 0.6),
    Case("train_block", "train step, transformer block", transformer_block, 1.05, 1.0),
    Case("scan", "scan of 10,000 steps", long_scan, 1.05, 1.0),
]
