"""Ordinary Python control flow: what conversion costs, and gradients of a Python `while`.

Nothing of it exists in the peer; each program is compared with a part of itself, or with what
Python itself does.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy

from benchmarks.case import Case, Program
from benchmarks.cases import models
from benchmarks.cases.loops import timed
from benchmarks.library import Library

_LINES = 100
_FILE = "<lines of the benchmark {}>"


def _text() -> str:
    """A function of 100 lines: an `if`, a `while` or a `for` in every fourth of them."""
    piece = (
        "    while x < {0}:\n        x = x * 2 + {0}\n        if x > n:\n            break\n",
        "    if x > {0} and n > 0:\n        n = n - 1\n    else:\n        x = f{1}(x, n)\n",
        "    for i in range({1}):\n        if i == n:\n            continue\n        x += i\n",
    )
    body = [piece[i % 3].format(i, i % 7) for i in range((_LINES - 2) // 4)]
    return "def run(x, n):\n" + "".join(body) + "    return x\n"


def conversion(lib: Library) -> Program:
    """Conversion of a function of 100 lines; Python's own parser and compiler on its text."""
    from ms_func.source import convert

    text, serial = _text(), count()
    lines = text.splitlines(keepends=True)

    def loop(n: int) -> None:
        for _ in range(n):
            name = _FILE.format(next(serial))
            linecache.cache[name] = (len(text), None, lines, name)
            space: dict[str, Any] = {}
            exec(compile(text, name, "exec"), space)
            convert.convert(space["run"])
            del linecache.cache[name]

    def python(n: int) -> None:
        for _ in range(n):
            exec(compile(text, _FILE.format(next(serial)), "exec"), {})

    return Program(loop, 0.0, reference=python)


def _decisions(n: int) -> int:
    """One hook in each round, and one for the loop."""
    found = 0
    for i in range(n):
        if i == 7:
            found = i
    return found


def hooks(lib: Library) -> Program:
    """A decision of a converted function on ordinary numbers; the same without conversion."""
    return Program(lib.ms.convert(_decisions), 0.0, reference=_decisions)


def python_while_gradient(lib: Library) -> Program:
    """Gradient of a Python loop of 4,000 steps, a number the program learns when it runs."""
    np = lib.np

    def run(x: Any, steps: Any) -> Any:
        i = 0
        while i < steps:
            x = np.sin(x)
            i += 1
        return x

    x, steps = lib.array(numpy.linspace(0.1, 0.9, 10_000, dtype=numpy.float32)), 4_000
    forward, slope = lib.ms.jit(run), lib.ms.jit(lib.ms.grad(lambda x, n: np.sum(run(x, n))))
    check = float(numpy.sum(numpy.asarray(slope(x, steps))))
    return Program(timed(lib, slope, x, steps), check, reference=timed(lib, forward, x, steps))


def call(make: Callable[[Library], tuple[Callable[..., Any], ...]]) -> Callable[[Library], Program]:
    """Calls of a compiled Python function; of the one written with `while_loop`."""

    def program(lib: Library) -> Program:
        python, hand = make(lib)
        args = (lib.array(models.numbers(1, 64)), 200)
        check = float(numpy.sum(numpy.asarray(python(*args))))
        return Program(timed(lib, python, *args), check, reference=timed(lib, hand, *args))

    return program


def loops(lib: Library) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A loop with a branch, in Python and by hand."""
    np, lax = lib.np, lib.lax

    def python(x: Any, n: Any) -> Any:
        for i in range(n):
            if x[0] > 0.5:
                x = np.sin(x) * i
            else:
                x = np.cos(x)
        return x

    def hand(x: Any, n: Any) -> Any:
        def body(i: Any, x: Any) -> Any:
            return lax.cond(x[0] > 0.5, lambda x: np.sin(x) * i, np.cos, x)

        return lax.fori_loop(0, n, body, x)

    return lib.ms.jit(python), lib.ms.jit(hand)


CASES = [
    Case("source_convert", "conversion of 100 lines; Python's compiler", conversion, own=True),
    Case("source_hook", "a decision on ordinary numbers; unconverted", hooks, own=True),
    Case(
        "source_while",
        "grad of a Python while; its forward pass",
        python_while_gradient,
        5.0,
        4.2,
        own=True,
    ),
    Case("source_loop", "compiled Python for and if; by hand", call(loops), 1.1, 1.0, own=True),
]
