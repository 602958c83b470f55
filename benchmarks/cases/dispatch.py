"""Time from Python to the device and back where the arithmetic costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.library import Library


def total(lib: Library, out: Any) -> float:
    """Sum of all numbers in a tree."""
    return float(sum(numpy.sum(numpy.asarray(leaf)) for leaf in lib.tree.tree_leaves(out)))


def repeated(lib: Library, f: Callable[..., Any], *args: Any) -> Program:
    """Program that calls `f(*args)`, and waits for the last result."""

    def loop(n: int) -> None:
        out = None
        for _ in range(n):
            out = f(*args)
        lib.ms.block_until_ready(out)

    return Program(loop, total(lib, f(*args)))


def small_mlp(lib: Library) -> tuple[Callable[..., Any], Any, Any, Any]:
    """Squared error of a perceptron 4-16-16-1 with tanh, its parameters, a batch of eight."""
    params = lib.tree.tree_map(lib.array, models.mlp_params([4, 16, 16, 1]))

    def loss(params: Any, x: Any, y: Any) -> Any:
        for layer in params[:-1]:
            x = lib.np.tanh(lib.np.dot(x, layer["w"]) + layer["b"])
        out = lib.np.dot(x, params[-1]["w"]) + params[-1]["b"]
        return lib.np.mean((out - y) ** 2)

    return loss, params, lib.array(models.numbers(1, 8, 4)), lib.array(models.numbers(2, 8, 1))


def eager_grad(lib: Library) -> Program:
    """Gradient without jit."""
    loss, *args = small_mlp(lib)
    return repeated(lib, lib.ms.grad(loss), *args)


def eager_vmap_grad(lib: Library) -> Program:
    """Gradient of each element of a batch, without jit."""
    x = lib.array(models.numbers(1, 64))
    return repeated(lib, lib.ms.vmap(lib.ms.grad(lambda x: lib.np.sin(x) * x)), x)


def call_one(lib: Library) -> Program:
    """Compiled call of one argument."""
    return repeated(lib, lib.ms.jit(lambda x: x + 1), lib.array(models.numbers(1, 10)))


def hundred(lib: Library) -> dict[str, Any]:
    """Tree of a hundred arrays."""
    return {f"p{i}": lib.array(models.numbers(i, 4)) for i in range(100)}


def call_hundred_to_one(lib: Library) -> Program:
    """Compiled call from a tree of a hundred to one result."""
    return repeated(lib, lib.ms.jit(lambda t: t["p0"] + t["p99"]), hundred(lib))


def call_hundred_to_hundred(lib: Library) -> Program:
    """Compiled call from a tree of a hundred to a tree of a hundred."""
    f = lib.ms.jit(lambda t: lib.tree.tree_map(lambda x: x + 1, t))
    return repeated(lib, f, hundred(lib))


def add(lib: Library) -> Program:
    """Eager sum of ten numbers and ten numbers."""
    x, y = lib.array(models.numbers(1, 10)), lib.array(models.numbers(2, 10))

    def loop(n: int) -> None:
        out = None
        for _ in range(n):
            out = x + y
        lib.ms.block_until_ready(out)

    return Program(loop, total(lib, x + y))


def slice_part(lib: Library) -> Program:
    """Eager `x[2:5]`."""
    x = lib.array(models.numbers(1, 10))

    def loop(n: int) -> None:
        out = None
        for _ in range(n):
            out = x[2:5]
        lib.ms.block_until_ready(out)

    return Program(loop, total(lib, x[2:5]))


def element(lib: Library) -> Program:
    """Eager `x[3]`."""
    x = lib.array(models.numbers(1, 10))

    def loop(n: int) -> None:
        out = None
        for _ in range(n):
            out = x[3]
        lib.ms.block_until_ready(out)

    return Program(loop, total(lib, x[3]))


def eager(make: Callable[[Any, Any, Any, Any], Callable[[], Any]]) -> Callable[[Library], Program]:
    """One eager operation on arrays of a few numbers: `make(np, x, y, m)` gives the call."""

    def program(lib: Library) -> Program:
        x, y = lib.array(models.numbers(1, 10)), lib.array(models.numbers(2, 10))
        m = lib.array(models.numbers(3, 4, 4))
        return repeated(lib, make(lib.np, x, y, m))

    return program


def jitted_anew(lib: Library) -> Program:
    """The same text jitted again: a new function with equal code over arrays of equal types."""
    x = lib.array(models.numbers(1, 10))

    def loop(n: int) -> None:
        out = None
        for i in range(n):
            scale = lib.array(numpy.float32(i % 7))
            out = lib.ms.jit(lambda x, scale=scale: lib.np.sin(x) * scale + x)(x)
        lib.ms.block_until_ready(out)

    return Program(loop, 0.0)


def to_device(lib: Library) -> Program:
    """NumPy array of ten numbers to the device."""
    return repeated(lib, lib.np.asarray, models.numbers(1, 10))


# The cases that take microseconds, by how often their processes are renewed.
RENEWED = 4

CASES = [
    Case("eager_grad", "grad of an MLP 4-16-16-1, not jitted", eager_grad, 0.1, 0.05),
    Case("jitted_anew", "the same lambda jitted anew and called", jitted_anew, 0.05, 0.02),
    Case("eager_vmap_grad", "vmap(grad(f)), not jitted", eager_vmap_grad, 0.15, 0.1),
    *[
        Case(name, title, make, must, aim, processes=RENEWED)
        for name, title, make, must, aim in [
            ("call_1", "compiled call, 1 argument", call_one, 1.1, 1.0),
            ("call_100_1", "compiled call, tree of 100 to 1", call_hundred_to_one, 1.15, 1.0),
            (
                "call_100_100",
                "compiled call, tree of 100 to 100",
                call_hundred_to_hundred,
                1.15,
                1.0,
            ),
            ("add", "eager x + y", add, 1.0, 0.8),
            ("slice", "eager x[2:5]", slice_part, 0.3, 0.2),
            ("element", "eager x[3]", element, 0.3, 0.2),
            ("to_device", "numpy array to device", to_device, 0.4, 0.25),
            *[
                (name, f"eager {title}", eager(make), must, aim)
                for name, title, must, aim, make in [
                    (
                        "at_set",
                        "x.at[3].set(v)",
                        0.15,
                        0.1,
                        lambda np, x, y, m: lambda: x.at[3].set(2.0),
                    ),
                    (
                        "einsum",
                        "einsum('ij,jk->ik', m, m)",
                        0.5,
                        0.25,
                        lambda np, x, y, m: lambda: np.einsum("ij,jk->ik", m, m),
                    ),
                    (
                        "concatenate",
                        "concatenate([x, y])",
                        0.5,
                        0.25,
                        lambda np, x, y, m: lambda: np.concatenate([x, y]),
                    ),
                    (
                        "where",
                        "where(b, x, y)",
                        0.5,
                        0.25,
                        lambda np, x, y, m: (lambda b: lambda: np.where(b, x, y))(x > 0),
                    ),
                    (
                        "reshape",
                        "reshape(m, (2, 8))",
                        0.5,
                        0.25,
                        lambda np, x, y, m: lambda: np.reshape(m, (2, 8)),
                    ),
                ]
            ],
        ]
    ],
]
