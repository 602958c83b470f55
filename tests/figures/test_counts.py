"""What makes the figures of the benchmarks come true, in counts that no machine disturbs."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from ms_func.execution import dispatch, program_cache
from ms_func.execution.buffers import default_backend
from ms_func.experimental.jet import jet
from ms_func.tracing import stage as staging

__ms_convert__ = False
"""Python loops are laid out, so that programs are as large as they look."""


@pytest.fixture
def compilations(monkeypatch) -> list[str]:
    """Names of the programs that the compiler is given from now on."""
    found: list[str] = []
    backend = default_backend()
    kind = type(backend)
    original = kind.compile

    def counted(self, module, options):
        found.append(options.name)
        return original(self, module, options)

    monkeypatch.setattr(kind, "compile", counted)
    return found


# --- the same text jitted anew ----------------------------------------------------------------


def test_equal_functions_are_compiled_once(compilations):
    x = np.asarray(numpy.linspace(0, 1, 17))
    for k in range(20):
        scale = np.asarray(numpy.float64(k))
        out = ms.jit(lambda x, scale=scale: np.sin(x) * scale + np.cos(x) * 0.123)(x)
        want = numpy.sin(numpy.asarray(x)) * k + numpy.cos(numpy.asarray(x)) * 0.123
        numpy.testing.assert_allclose(out, want, rtol=1e-12)
    assert len(compilations) == 1


def test_arrays_that_a_function_closes_over_are_operands(compilations):
    x = np.asarray(numpy.linspace(0, 1, 18))
    for k in range(5):
        scale = np.asarray(numpy.float64(k))
        out = ms.jit(lambda x: x * scale - 0.456)(x)  # noqa: B023
        numpy.testing.assert_allclose(out, numpy.asarray(x) * k - 0.456, rtol=1e-12)
    assert len(compilations) == 1


def test_an_unjitted_gradient_is_compiled_once(compilations):
    x = np.asarray(numpy.linspace(0, 1, 19))
    for _ in range(5):
        ms.grad(lambda x: np.sum(np.sin(x) * x * 0.789))(x)
    assert len(compilations) == 1


# --- eager operations are one program each --------------------------------------------------------

EAGER: dict[str, Callable] = {
    "at_set": lambda x, y, m: x.at[3].set(2.0),
    "at_add": lambda x, y, m: x.at[3].add(2.0),
    "einsum": lambda x, y, m: np.einsum("ij,jk->ik", m, m),
    "concatenate": lambda x, y, m: np.concatenate([x, y]),
    "where": lambda x, y, m: np.where(m > 0, m, -m),
    "reshape": lambda x, y, m: np.reshape(m, (7, 7, 1)),
    "slice": lambda x, y, m: x[2:5],
    "element": lambda x, y, m: x[3],
}


@pytest.mark.parametrize("name", EAGER)
def test_eager_operations_are_few_programs(name, compilations):
    n = 50 + len(name)
    x, y = np.asarray(numpy.arange(float(n))), np.asarray(numpy.arange(float(n)))
    m = np.asarray(numpy.arange(49.0).reshape(7, 7) + n)
    compilations.clear()
    EAGER[name](x, y, m)
    assert len(compilations) <= (3 if name == "where" else 1)  # the test of `where` and `-m` too
    compilations.clear()
    EAGER[name](x, y, m)
    assert compilations == []


# --- size of programs and of the stack ------------------------------------------------------------


def calls_to_stage(size: int) -> int:
    """Python calls that tracing and lowering a chain of `size` operations makes."""

    def chain(x):
        for i in range(size):
            x = np.sin(x) if i % 2 else x * 1.5
        return x

    count = 0

    def profiler(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    x = numpy.ones(3, numpy.float32)
    sys.setprofile(profiler)
    try:
        ms.jit(chain).lower(x)
    finally:
        sys.setprofile(None)
    return count


def test_staging_is_linear():
    calls_to_stage(10)
    small, middle, large = (calls_to_stage(n) for n in (100, 400, 1600))
    slope = (middle - small) / 300
    assert (large - middle) / 1200 <= 1.05 * slope


@pytest.mark.parametrize("how", ["jit", "grad", "vmap", "jvp", "checkpoint", "jet"])
def test_ten_thousand_operations_do_not_deepen_the_stack(how):
    def chain(x):
        for _ in range(10_000 if how != "jet" else 3_000):
            x = np.sin(x)
        return np.sum(x)

    x = numpy.ones(3, numpy.float32)
    derived = {
        "jit": chain,
        "grad": ms.grad(chain),
        "vmap": ms.vmap(chain),
        "jvp": lambda x: ms.jvp(chain, (x,), (x,)),
        "checkpoint": ms.grad(ms.checkpoint(chain)),
        "jet": lambda x: jet(chain, (x,), ([x, x],)),
    }[how]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400 + stack_depth())
    try:
        text = ms.jit(derived).lower(x).as_text()
    finally:
        sys.setrecursionlimit(limit)
    assert text.count("stablehlo.sine") >= 1


def stack_depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


# --- memory of derived programs -------------------------------------------------------------------


def temporary(fun: Callable, *args) -> int:
    return ms.jit(fun).lower(*args).compile().memory_analysis().temp_size_in_bytes


def test_segments_of_a_scan_take_little_memory():
    def run(x, checkpoint):
        step = lambda c, _: (np.sin(c) * 1.01 + c * 0.1, None)  # noqa: E731
        return np.sum(lax.scan(step, x, None, length=10_000, checkpoint=checkpoint)[0])

    x = numpy.linspace(0.1, 0.9, 100, dtype=numpy.float32)
    default = temporary(ms.grad(lambda x: run(x, None)), x)
    assert default >= 10_000 * x.nbytes
    assert temporary(ms.grad(lambda x: run(x, "sqrt")), x) <= 0.05 * default


# --- nothing grows --------------------------------------------------------------------------------


def grown(work: Callable[[], object], times: int) -> float:
    """Bytes that each of so many calls leaves behind, after as many as a tenth of them."""
    for _ in range(times // 10):
        work()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(times):
        work()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / times


WORK: dict[str, Callable[[], Callable[[], object]]] = {
    "compiled call": lambda: (lambda f, x: lambda: f(x))(
        ms.jit(lambda x: x * 2 + 1), np.asarray(numpy.ones(3, numpy.float32))
    ),
    "eager operations": lambda: (lambda x: lambda: np.where(x > 0, x.at[0].set(1.0), x + x))(
        np.asarray(numpy.ones(3, numpy.float32))
    ),
    "eager gradient": lambda: lambda: ms.grad(lambda x: x * x)(3.0),
    "the same lambda jitted anew": lambda: lambda: ms.jit(lambda x: x * 3.0)(2.0),
    "new numbers": lambda: (lambda f, n: lambda: f(next(n)))(
        ms.jit(lambda x: x + 1), iter(range(10**9))
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_repeated_work_leaves_nothing_behind(name):
    work = WORK[name]()
    assert any(grown(work, 1_000) <= 200 for _ in range(2))  # a table of names grows but once


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "times"),
    [("compiled call", 50_000), ("eager operations", 20_000), ("eager gradient", 5_000),
     ("new numbers", 50_000)],
)  # fmt: skip
def test_much_repeated_work_leaves_at_most_16_bytes(name, times):
    assert grown(WORK[name](), times) <= 16


def test_functions_that_were_jitted_are_not_kept_alive():
    alive: weakref.WeakSet = weakref.WeakSet()
    for _ in range(300):
        f = lambda x: x * 3.0  # noqa: E731
        alive.add(f)
        g = ms.jit(f)
        g(2.0)
    del f, g
    gc.collect()
    assert len(alive) == 0


@pytest.mark.slow
def test_two_thousand_different_programs_fill_no_cache_beyond_its_bound(monkeypatch):
    """With small bounds, more programs than they allow; the newest work, the oldest are gone."""
    monkeypatch.setattr(program_cache, "_LIMIT", 100)
    monkeypatch.setattr(staging, "_LIMIT", 100)
    monkeypatch.setattr(dispatch, "_OPERATIONS", 100)
    program_cache._programs.clear()
    staging._programs.clear()
    x = numpy.ones(2, numpy.float32)
    for k in range(2_000):
        f = ms.jit(lambda x, k=k: x * (1.0 + k))
        if k % 10 == 0:
            assert f(x).tolist() == [1.0 + k] * 2
            last, _ = ms.lax.scan(lambda c, _, k=k: (c + k, None), x, None, length=2)
            assert last.tolist() == [1.0 + 2 * k] * 2
        else:
            f.trace(x)
    assert len(program_cache._programs) <= 101
    assert len(staging._programs) <= 101
    assert len(dispatch.bottom.operations) <= 101
