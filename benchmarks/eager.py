"""Latency of common functions of the array library called eagerly, on arrays of a few numbers.

    python -m benchmarks.eager --peer /path/to/a/python/with/jax

Each library runs in processes of its own, in turns; a function's time in a process is the least CPU
time of a call over blocks of calls, and its time is the median over processes: XLA hands a program
to its threads or runs it at once by chance, so the least time of all is a draw. Printed are all
ratios, their median and their largest.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

FUNCTIONS = (
    "np.add(x, x)", "x + x", "x - 1.0", "2 * x", "x / x", "x // x", "x % x", "x**2", "x @ x", "-x",
    "abs(x)", "x > 0", "x == x", "i // 2", "i % 3", "i & 1", "np.sin(x)", "np.exp(x)", "np.log(x)",
    "np.tanh(x)", "np.sqrt(x)", "np.floor(x)", "np.maximum(x, 0.0)", "np.where(b, x, 0.0)",
    "np.clip(x, -1, 1)", "np.power(x, 2.5)", "np.sign(x)", "np.isnan(x)", "np.sum(x)", "x.sum(0)",
    "np.mean(x)", "x.mean(axis=1, keepdims=True)", "np.max(x)", "x.min(axis=0)", "np.std(x)",
    "np.prod(x)", "np.any(b)", "np.argmax(x)", "np.cumsum(x)", "np.sort(x)", "np.argsort(v)",
    "np.reshape(x, (-1,))", "x.T", "np.concatenate([x, x])", "np.stack([v, v])",
    "np.expand_dims(x, 0)", "np.broadcast_to(v, (4, 16))", "np.transpose(x, (1, 0))",
    "x.astype(np.int32)", "np.take(x, i, axis=0)", "np.pad(x, 1)", "np.split(x, 2)", "np.flip(x)",
    "np.roll(x, 1)", "np.tile(v, 2)", "np.repeat(v, 2)", "x[0]", "x[1:3]", "x[i]", "x[:, 0]",
    "x.at[0].set(1.0)", "x.at[i].add(1.0)", "np.zeros((4, 4))", "np.ones(3)", "np.arange(10)",
    "np.linspace(0, 1, 10)", "np.eye(4)", "np.full((3,), 2.0)", "np.zeros_like(x)",
    "np.array([1.0, 2.0])", "np.matmul(x, x)", "np.dot(v, v)", "np.einsum('ij,jk->ik', x, x)",
    "np.outer(v, v)", "np.linalg.norm(x)", "np.tril(x)", "np.diag(v)", "np.isclose(x, x)",
    "np.diff(v)", "np.searchsorted(v, v)", "np.median(x)", "np.fft.fft(c)",
)  # fmt: skip
BLOCKS, CALLS, TURNS = 7, 60, 7


def measure(library: str) -> dict[str, float]:
    """Microseconds of a call of each function."""
    from benchmarks.library import load

    lib = load(library)
    numbers = lib.np.arange(256.0).reshape(16, 16) / 100 - 1
    names = {
        "np": lib.np, "x": numbers, "v": numbers[0], "i": lib.np.arange(16), "b": numbers > 0,
        "c": numbers[0] + 1j,
    }  # fmt: skip
    wait = lib.ms.block_until_ready
    return {text: timed(eval(f"lambda: {text}", names), wait) for text in FUNCTIONS}


def timed(call: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    """Least microseconds of a call over several blocks."""
    for _ in range(20):
        wait(call())
    gc.disable()
    best, out = float("inf"), None
    for _ in range(BLOCKS):
        start = time.process_time()
        for _ in range(CALLS):
            out = call()
        wait(out)
        best = min(best, time.process_time() - start)
    gc.enable()
    return best / CALLS * 1e6


def compare(peer: str) -> None:
    """Run both libraries in turns and print the table."""
    turns = [(run(sys.executable, "ms_func"), run(peer, "jax")) for _ in range(TURNS)]
    times = {
        text: [statistics.median(turn[side][text] for turn in turns) for side in (0, 1)]
        for text in FUNCTIONS
    }
    ratios = {text: ours / theirs for text, (ours, theirs) in times.items()}
    for text, ratio in sorted(ratios.items(), key=lambda item: -item[1]):
        ours, theirs = times[text]
        sys.stdout.write(f"{text:32s} {ours:8.1f} us {theirs:8.1f} us {ratio:6.2f}\n")
    sys.stdout.write(f"median {statistics.median(ratios.values()):.2f}, "
                     f"largest {max(ratios.values()):.2f}\n")  # fmt: skip


def run(python: str, library: str) -> dict[str, float]:
    """Figures of one library in a process of its own, on one core."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "MS_FUNC_PLATFORM": "cpu",
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    command = [python, "-W", "ignore", "-m", "benchmarks.eager", "--library", library]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    return json.loads(done.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python in which jax is installed")
    parser.add_argument("--library", help="print the figures of one library as JSON")
    options = parser.parse_args()
    if options.library:
        sys.stdout.write(json.dumps(measure(options.library)))
    elif options.peer:
        compare(options.peer)
    else:
        parser.error("give --peer")
