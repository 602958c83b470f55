"""Ctrl-C, forks and threads: each ends in a clear way and leaves a state that can be used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax

ROOT = Path(__file__).resolve().parents[2]
X = numpy.arange(3, dtype=numpy.float32)


def in_a_process(code: str, timeout: int = 120) -> str:
    """Output of code in a fresh process in which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def ctrl_c():
    """Function that interrupts the main thread, as the keyboard does."""
    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


# --- Ctrl-C -----------------------------------------------------------------------------------


def test_while_tracing(ctrl_c):
    calls = []

    def f(x):
        calls.append(0)
        if len(calls) == 1:
            ctrl_c()
            time.sleep(5)
        return np.sin(x)

    g = ms.jit(ms.grad(lambda x: np.sum(f(x))))
    with pytest.raises(KeyboardInterrupt):
        g(X)
    numpy.testing.assert_allclose(g(X), numpy.cos(X), rtol=1e-6)
    numpy.testing.assert_allclose(np.sin(X), numpy.sin(X), rtol=1e-6)  # nothing is recorded now


INTERRUPTED = """
    import os, signal, threading
    import numpy
    import ms_func as ms, ms_func.numpy as np
    from ms_func import lax

    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(seconds):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
"""


@pytest.mark.slow
def test_while_compiling():
    out = in_a_process(INTERRUPTED + """
    def f(x):
        for _ in range(400):
            x = np.sin(x) @ np.cos(x) / 3 + np.sum(x, 0)
        return np.tanh(x)

    x = numpy.full((3, 3), 0.1, "float32")
    lowered = ms.jit(f).lower(x)
    plain = numpy.asarray(lowered.compile()(x))
    g = ms.jit(lambda x: f(x) + 1)
    g.lower(x)
    interrupt(0.1)
    try:
        while True:
            g.clear_cache()
            ms.jit(lambda x: f(x) * numpy.random.rand())(x)
    except KeyboardInterrupt:
        pass
    numpy.testing.assert_allclose(g(x), plain + 1, rtol=1e-5)
    print("right afterwards")
    """)  # fmt: skip
    assert "right afterwards" in out


def test_while_running():
    """The interrupt arrives when the program that runs has ended; its result is dropped."""
    out = in_a_process(INTERRUPTED + """
    def steps(x, n):
        body = lambda c: (c[0] + 1, np.sin(c[1]))
        return lax.while_loop(lambda c: c[0] < n, body, (0, x))[1]

    f, x = ms.jit(steps), numpy.full(1000, 0.5, "float32")
    f(x, 3)
    interrupt(0.1)
    try:
        while True:
            f(x, 100_000).block_until_ready()
    except KeyboardInterrupt:
        print("interrupted")
    want = numpy.sin(numpy.sin(x))
    numpy.testing.assert_allclose(f(x, 2), want, rtol=1e-6)
    print("right afterwards")
    """)  # fmt: skip
    assert out.split("\n")[:2] == ["interrupted", "right afterwards"]


# --- forks ------------------------------------------------------------------------------------

FORKED = """
    import os, sys
    import numpy
    import ms_func as ms, ms_func.numpy as np

    def child(work):
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        try:
            work()
        except RuntimeError as error:
            print(type(error).__name__, str(error).splitlines()[0].split(": ", 1)[1])
            print(str(error).splitlines()[-1])
        sys.exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_use_after_a_fork_is_refused_and_the_parent_goes_on():
    out = in_a_process(FORKED + """
    f, x = ms.jit(lambda x: x + 1), np.ones(3)
    compiled = f.lower(x).compile()
    f(x)
    works = [lambda: f(x), lambda: f(2.0), lambda: x + x, lambda: numpy.asarray(np.sin(x)),
             lambda: ms.grad(lambda y: y * y)(2.0), lambda: compiled(x), lambda: np.zeros(3),
             lambda: ms.device_put(1.0), lambda: ms.jit(lambda x: x * 3)(x)]
    for work in works:
        assert child(work) == 0
    assert child(lambda: None) == 0
    assert f(x).tolist() == [2.0, 2.0, 2.0]
    """)  # fmt: skip
    lines = out.splitlines()
    assert len(lines) == 18
    for what, fix in zip(lines[::2], lines[1::2], strict=True):
        assert what.startswith("ForkError this process was forked after ms_func had been used")
        assert fix.startswith("fix:")
        assert "spawn" in fix


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_children_may_use_it_where_the_parent_has_not():
    out = in_a_process(FORKED + """
    assert child(lambda: print(float(ms.jit(lambda x: x * 2)(4.0)))) == 0
    print(float(ms.jit(lambda x: x * 2)(5.0)))
    """)  # fmt: skip
    assert out.split() == ["8.0", "10.0"]


# --- threads ----------------------------------------------------------------------------------


def work_of(k: int):
    """A function, its argument and its derivative, different for each k."""
    x = numpy.linspace(0.1, 0.9, 3 + k % 4)

    def f(x):
        y = lax.fori_loop(0, 2 + k % 3, lambda i, c: np.sin(c) + x * 0.1 * k, x)
        return np.sum(ms.vmap(lambda z: lax.cond(z > 0.5, np.cos, np.sin, z))(y) * k)

    def by_hand(x):
        y = x
        for _ in range(2 + k % 3):
            y = numpy.sin(y) + x * 0.1 * k
        return float(numpy.sum(numpy.where(y > 0.5, numpy.cos(y), numpy.sin(y)) * k))

    return f, x, by_hand


def check_work(k: int) -> None:
    f, x, by_hand = work_of(k)
    value, slope = ms.jit(ms.value_and_grad(f))(x)
    assert float(value) == pytest.approx(by_hand(x), rel=1e-9)
    numpy.testing.assert_allclose(ms.grad(f)(x), slope, rtol=1e-9)
    h, way = 1e-6, numpy.linspace(-1, 1, len(x))
    difference = (by_hand(x + h * way) - by_hand(x - h * way)) / (2 * h)
    assert float(numpy.asarray(slope) @ way) == pytest.approx(difference, rel=1e-5, abs=1e-6)


def run_threads(count: int, seconds: float) -> int:
    """Threads that trace, differentiate and run functions of their own; number of rounds."""
    failures: list[BaseException] = []
    rounds = [0] * count
    end = time.monotonic() + seconds

    def go(t: int) -> None:
        try:
            while rounds[t] == 0 or time.monotonic() < end:
                check_work(t + count * rounds[t])
                rounds[t] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=go, args=(t,)) for t in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(rounds)


def test_two_threads_trace_at_once():
    """Each is inside its own trace while the other records; nothing leaks from one to the other."""
    inside = threading.Barrier(2, timeout=60)
    results = {}

    def go(k):
        def f(x):
            y = np.sin(x) * k
            inside.wait()
            y = y + np.cos(x)
            inside.wait()
            return np.sum(y)

        results[k] = ms.jit(ms.grad(f))(X)

    threads = [threading.Thread(target=go, args=(k,)) for k in (2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in (2.0, 3.0):
        numpy.testing.assert_allclose(results[k], k * numpy.cos(X) - numpy.sin(X), rtol=1e-5)


def test_a_value_of_another_threads_trace_is_refused():
    kept, done, seen = [], threading.Event(), threading.Event()

    def f(x):
        kept.append(np.sin(x))
        seen.set()
        done.wait(60)
        return x

    thread = threading.Thread(target=ms.jit(f), args=(X,))
    thread.start()
    seen.wait(60)
    try:
        with pytest.raises((RuntimeError, TypeError)):
            numpy.asarray(kept[0] + 1)
    finally:
        done.set()
        thread.join()
    with pytest.raises(RuntimeError, match="after that recording had ended"):
        kept[0] + 1


def test_one_function_called_first_by_many_threads():
    traced = []

    def f(x):
        traced.append(threading.get_ident())
        return np.sin(x) * 2

    g, results = ms.jit(f), []
    threads = [threading.Thread(target=lambda: results.append(g(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for out in results:
        numpy.testing.assert_allclose(out, 2 * numpy.sin(X), rtol=1e-6)


def test_the_first_programs_of_a_process_are_compiled_by_many_threads_at_once():
    out = in_a_process("""
        import sys, threading
        import ms_func as ms, ms_func.numpy as np

        sys.setswitchinterval(1e-6)
        found, start = {}, threading.Barrier(8)

        def work(k):
            start.wait()
            found[k] = float(ms.jit(lambda x: np.sum(x) * k)(np.ones(3)))

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        [t.start() for t in threads], [t.join() for t in threads]
        print([found[k] for k in range(8)] == [3.0 * k for k in range(8)])
    """)
    assert out == "True\n"


def test_operations_that_are_copied_outlive_the_store_they_were_in():
    """Many threads lower programs, while the store is emptied again and again."""
    out = in_a_process("""
        import sys, threading
        import ms_func as ms, ms_func.numpy as np
        from ms_func.lowering import emit

        emit._SHELF_LIMIT = 2
        sys.setswitchinterval(1e-6)
        found = []

        def work(k):
            for n in range(20):
                both = ms.jit(lambda x: np.sum(x) + np.max(x))
                text = both.lower(np.ones((k + 1, n + 1))).as_text()
                found.append("reduce" in text)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        [t.start() for t in threads], [t.join() for t in threads]
        print(len(found), all(found))
    """)
    assert out == "160 True\n"


@pytest.mark.slow
def test_eight_threads_for_twenty_seconds():
    assert run_threads(8, 20.0) >= 8
