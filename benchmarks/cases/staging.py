"""Time to trace and lower a program, by its size. Nothing is compiled.

Every call stages a program that differs in one constant, so that no cache keyed by the
program's structure can answer for it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.library import Library, operations

__ms_convert__ = False
"""Python loops are laid out by both libraries: they do the same work."""


def staging(lib: Library, make: Callable[[float], Callable[..., Any]], *args: Any) -> Program:
    """Program that traces and lowers `make(constant)` with a new constant in each call."""
    serial = count()

    def loop(n: int) -> None:
        for _ in range(n):
            lib.lower(make(1.0 + 1e-6 * next(serial)), *args)

    size = operations(lib.lower(make(1.0), *args))
    return Program(loop, 0.0, size)


def line(lib: Library, size: int, constant: float) -> Callable[..., Any]:
    """Straight line of `size` elementwise operations."""
    np = lib.np

    def straight(x: Any, y: Any) -> Any:
        for _ in range(size // 5):
            x = np.sin(x)
            x = x * y
            x = x + constant
            x = np.tanh(x)
            x = x - y
        return x

    return straight


def straight(size: int) -> Callable[[Library], Program]:
    """Staging of a straight line."""
    x, y = models.numbers(1, 8), models.numbers(2, 8)
    return lambda lib: staging(lib, lambda c: line(lib, size, c), lib.array(x), lib.array(y))


def grad_straight(size: int) -> Callable[[Library], Program]:
    """Staging of the gradient of a straight line."""
    x, y = models.numbers(1, 8), models.numbers(2, 8)

    def make(lib: Library, c: float) -> Callable[..., Any]:
        f = line(lib, size, c)
        return lib.ms.grad(lambda x, y: lib.np.sum(f(x, y)))

    return lambda lib: staging(lib, lambda c: make(lib, c), lib.array(x), lib.array(y))


def mlp_step(layers: int) -> Callable[[Library], Program]:
    """Staging of a train step of a perceptron of `layers` layers."""

    def make(lib: Library) -> Program:
        state = models.adam_state(lib, models.mlp_params([64] * layers + [10]))
        x, y = lib.array(models.numbers(1, 32, 64)), lib.array(models.one_hot(2, 32, 10))
        loss = models.mlp_loss(lib)
        return staging(lib, lambda c: models.train_step(lib, loss, 1e-3 * c), state, x, y)

    return make


def transformer_step(layers: int) -> Callable[[Library], Program]:
    """Staging of a train step of a transformer of `layers` blocks."""

    def make(lib: Library) -> Program:
        params = models.transformer_params(layers, 64, 128)
        tokens = numpy.random.default_rng(0).integers(0, 128, (4, 32)).astype(numpy.int32)
        y = models.one_hot(2, 128, 128).reshape(4, 32, 128)
        loss = models.transformer_loss(lib, 4)
        return staging(
            lib,
            lambda c: models.train_step(lib, loss, 1e-3 * c),
            models.adam_state(lib, params),
            lib.array(tokens),
            lib.array(y),
        )

    return make


def nested_grad(lib: Library) -> Program:
    """Staging of the fifth derivative of a chain of eighteen operations."""
    np = lib.np

    def make(c: float) -> Callable[..., Any]:
        def chain(x: Any) -> Any:
            y = x * c
            for _ in range(6):
                y = np.sin(y) * np.exp(y)
            return y

        f: Callable[..., Any] = chain
        for _ in range(5):
            f = lib.ms.grad(f)
        return f

    return staging(lib, make, lib.array(numpy.float32(0.3)))


CASES = [
    Case(
        "straight_100", "trace + lower, straight line of 100 operations", straight(100), 0.35, 0.15
    ),
    Case("straight_1000", "trace + lower, 1,000 operations", straight(1000), 0.35, 0.15),
    Case("straight_10000", "trace + lower, 10,000 operations", straight(10000), 0.35, 0.15),
    Case(
        "grad_straight", "trace + lower, grad of 1,000 operations", grad_straight(1000), 0.35, 0.15
    ),
    Case("mlp_step", "trace + lower, train step of a 32-layer MLP", mlp_step(32), 0.35, 0.15),
    Case(
        "transformer_step",
        "trace + lower, train step of an 8-layer transformer",
        transformer_step(8),
        0.35,
        0.15,
    ),
    Case(
        "fifth_derivative",
        "trace + lower, fifth derivative of a chain",
        nested_grad,
        0.25,
        0.1,
        must_operations=0.75,
        aim_operations=0.5,
    ),
]
