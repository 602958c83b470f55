"""One side of the benchmark: a process that times blocks of calls when its parent says so.

Run as `python -m benchmarks.worker LIBRARY`; lines of JSON go in and come out. Time is the
CPU time of the process, which other load on the machine disturbs least (the clock's where a device
does the work), and the process is bound to one core, so the runtime's thread pool has one thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

LONGEST_WARM_UP = 8
CLOCK = time.perf_counter if os.environ.get("BENCHMARK_CLOCK") == "wall" else time.process_time


def bind_to_one_core() -> None:
    """Leave this process (and the thread pools it will make) the core named by its parent."""
    core = os.environ.get("BENCHMARK_CORE")
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})


class Worker:
    """Holds the program of the case at hand."""

    def __init__(self, library: str) -> None:
        from benchmarks.library import load  # imports the library: after binding to a core

        self.library = load(library)
        self.loop: Any = None
        self.reference: Any = None
        self.calls = 1

    def prepare(self, name: str) -> dict[str, Any]:
        """Build a case, warm it up, and find how many calls make a block."""
        from benchmarks.cases import CASES  # the cases need the library's modules

        case = next(c for c in CASES if c.name == name)
        assert case.make is not None
        program = case.make(self.library)
        self.loop, self.reference = program.loop, program.reference
        self.calls = 1
        self.block()  # compiles, perhaps
        for _ in range(LONGEST_WARM_UP):
            seconds = self.block() * self.calls
            if seconds * 1e3 >= case.block_ms:
                break
            per_call = max(seconds / self.calls, 1e-7)
            self.calls = max(self.calls + 1, int(1.2e-3 * case.block_ms / per_call))
        return {"check": program.check, "operations": program.operations,
                "memory": program.memory, "calls": self.calls}  # fmt: skip

    def block(self, reference: bool = False) -> float:
        """Seconds of one call, averaged over a block."""
        loop = self.reference if reference else self.loop
        start = CLOCK()
        loop(self.calls)
        return (CLOCK() - start) / self.calls


def serve(library: str, source: TextIO, sink: TextIO) -> None:
    """Answer the parent until it closes the pipe."""
    bind_to_one_core()
    worker = Worker(library)
    for line in source:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                answer = worker.prepare(request["case"])
            else:
                answer = {"seconds": worker.block(request["do"] == "reference")}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
            if os.environ.get("BENCHMARK_TRACEBACK"):
                raise
        sink.write(json.dumps(answer) + "\n")
        sink.flush()


if __name__ == "__main__":
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin, answers)
