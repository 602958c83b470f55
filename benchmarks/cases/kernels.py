"""Operations whose obvious program is slow on CPU, on arrays of millions of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.library import Library

__ms_convert__ = False
"""Python loops are laid out by both libraries: they do the same work."""

MILLION = 1_000_000


def compiled(
    make: Callable[[Library], Callable[..., Any]], *shape: int
) -> Callable[[Library], Program]:
    """Compiled calls of `make(lib)` on normal numbers of a shape, or on a key without one."""

    def program(lib: Library) -> Program:
        f = lib.ms.jit(make(lib))
        x = lib.array(models.numbers(1, *shape)) if shape else lib.random.key(0)

        def loop(n: int) -> None:
            for _ in range(n):
                lib.ms.block_until_ready(f(x))

        found = numpy.asarray(f(x)).astype(numpy.float64).ravel()
        return Program(loop, float(found[:: max(found.size // 1000, 1)].sum()))

    return program


def pool_gradient(lib: Library) -> Callable[[Any], Any]:
    """Gradient of the squares of maxima of 2 x 2 patches."""

    def loss(x: Any) -> Any:
        sizes = (1, 2, 2, 1)
        most = lib.lax.reduce_window(x, -numpy.inf, lib.lax.max, sizes, sizes, "VALID")
        return lib.np.sum(most * most)

    return lib.ms.grad(loss)


def of_array(name: str, *args: Any) -> Callable[[Library], Callable[[Any], Any]]:
    """A function of the array library."""
    return lambda lib: lambda x: getattr(lib.np, name)(x, *args)


def of_key(name: str) -> Callable[[Library], Callable[[Any], Any]]:
    """Ten million random numbers."""
    return lambda lib: lambda key: getattr(lib.random, name)(key, (10 * MILLION,))


CASES = [
    Case("sort", "sort of ten million floats", compiled(of_array("sort"), 10 * MILLION), 0.3, 0.25),
    Case("argsort", "argsort of a million floats", compiled(of_array("argsort"), MILLION),
         0.25, 0.2),
    Case("cumsum", "cumsum of ten million floats", compiled(of_array("cumsum"), 10 * MILLION),
         0.5, 0.3),
    Case("bits", "ten million random words", compiled(of_key("bits")), 0.2, 0.15),
    Case("normal", "ten million normal numbers", compiled(of_key("normal")), 0.35, 0.3),
    Case("sin", "sine of ten million floats", compiled(of_array("sin"), 10 * MILLION), 0.5, 0.35),
    Case("max_pool", "gradient of a 2 x 2 max-pool, 16 x 28 x 28 x 32",
         compiled(pool_gradient, 16, 28, 28, 32), 0.5, 0.35),
    Case("argmax", "argmax of 4,096 rows of 1,024", compiled(of_array("argmax", -1), 4096, 1024),
         0.3, 0.1),
]  # fmt: skip
