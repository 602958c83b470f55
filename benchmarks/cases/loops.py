"""Gradients of long loops: their time and the memory they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.library import Library

__ms_convert__ = False
"""Python loops are laid out by both libraries: they do the same work."""


def timed(lib: Library, f: Callable[..., Any], *args: Any) -> Callable[[int], None]:
    """Loop that calls `f(*args)` and waits for each result."""

    def loop(n: int) -> None:
        for _ in range(n):
            lib.ms.block_until_ready(f(*args))

    return loop


def while_gradient(lib: Library) -> Program:
    """Gradient of a loop of 4,000 steps, of which the program knows nothing, and the loop alone."""
    np = lib.np

    def run(x: Any, steps: Any) -> Any:
        state = lib.lax.while_loop(
            lambda c: c[0] < steps, lambda c: (c[0] + 1, np.sin(c[1])), (0, x), checkpoints=16
        )
        return state[1]

    x, steps = lib.array(numpy.linspace(0.1, 0.9, 10_000, dtype=numpy.float32)), 4_000
    forward, slope = lib.ms.jit(run), lib.ms.jit(lib.ms.grad(lambda x, n: np.sum(run(x, n))))
    check = float(numpy.sum(numpy.asarray(slope(x, steps))))
    return Program(timed(lib, slope, x, steps), check, reference=timed(lib, forward, x, steps))


def scan_gradient(lib: Library) -> Program:
    """Gradient of 10,000 steps of a leapfrog integration; ours keeps the state of every 100th."""
    np = lib.np
    options = {"checkpoint": "sqrt"} if lib.name == "ms_func" else {}

    def step(state: Any, _: Any) -> Any:
        x, v = state
        v = v - 1e-3 * (np.sin(x) + 0.1 * x * x * x)
        return (x + 1e-3 * v, v), None

    def energy(x: Any, v: Any) -> Any:
        x, v = lib.lax.scan(step, (x, v), None, length=10_000, **options)[0]
        return np.sum(v * v) - np.sum(np.cos(x))

    x, v = (lib.array(models.numbers(i, 1000)) for i in (1, 2))
    slope = lib.ms.grad(energy, (0, 1))
    run = lib.ms.jit(slope)
    check = float(numpy.sum(numpy.abs(numpy.asarray(run(x, v)[0]))))
    return Program(timed(lib, run, x, v), check, memory=lib.memory(slope, x, v))


CASES = [
    Case(
        "while_gradient",
        "grad of while_loop, 16 checkpoints; its forward pass",
        while_gradient,
        5.0,
        4.2,
        own=True,
    ),
    Case(
        "scan_gradient",
        "grad of a scan, 10,000 steps; ours with checkpoint",
        scan_gradient,
        1.15,
        1.0,
        must_memory=0.05,
        aim_memory=0.02,
    ),
]
