"""Time a case on both sides, block by block in turn, each side in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.case import Case

ROOT = Path(__file__).resolve().parent.parent

# Agreement asked of the two libraries' results; they may sum in different orders.
TOLERANCE = 1e-3


def environment(library: str, core: int, platform: str = "cpu") -> dict[str, str]:
    """One thread everywhere; the working tree is importable where ms_func is measured.

    On a CPU the time of the process is taken, elsewhere the clock's, and both sides share the
    device's memory. Compiled bytecode may be kept, as it is for a user: else `import` would time
    the compiler.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    shelves = [str(ROOT), str(ROOT / "backends")] if library == "ms_func" else [str(ROOT)]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(shelves),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BENCHMARK_CORE": str(core),
        "BENCHMARK_CLOCK": "process" if platform == "cpu" else "wall",
        "JAX_PLATFORMS": platform,
        "MS_FUNC_PLATFORM": platform,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


class Side:
    """A library in a worker process, started when first needed."""

    def __init__(self, library: str, python: str, core: int, platform: str = "cpu") -> None:
        self.library = library
        self.python = python
        self.environment = environment(library, core, platform)
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request to the worker and wait for its answer."""
        if self._process is None:
            self._process = subprocess.Popen(
                [self.python, "-m", "benchmarks.worker", self.library],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=self.environment,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            answer = stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.close()
            return {"error": f"the {self.library} worker ended"}
        return json.loads(answer)

    def run(self, code: str) -> str:
        """Output of `code` in a fresh process of this side."""
        done = subprocess.run(
            [self.python, "-c", code],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return done.stdout.strip()

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            process, self._process = self._process, None
            process.communicate()


@dataclass
class Result:
    """Seconds of one call in each block, ours and the peer's."""

    case: Case
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    our_operations: int | None = None
    peer_operations: int | None = None
    our_memory: int | None = None
    peer_memory: int | None = None
    error: str = ""

    @property
    def ratio(self) -> float | None:
        """Ratio of the medians."""
        if not self.ours or not self.peer:
            return None
        return statistics.median(self.ours) / statistics.median(self.peer)

    @property
    def ratio_of_minima(self) -> float | None:
        """Ratio of the shortest blocks."""
        return min(self.ours) / min(self.peer) if self.ours and self.peer else None

    @property
    def ratio_of_operations(self) -> float | None:
        """Ratio of the numbers of StableHLO operations."""
        if not self.our_operations or not self.peer_operations:
            return None
        return self.our_operations / self.peer_operations

    @property
    def ratio_of_memory(self) -> float | None:
        """Ratio of the memory of the compiled programs."""
        if self.our_memory is None or not self.peer_memory:
            return None
        return self.our_memory / self.peer_memory

    @property
    def verdict(self) -> str:
        """Whether the figure reaches its aim, or at least what it must."""
        if self.error:
            return f"FAILED {self.error}"
        grades = [
            _grade(self.ratio, self.case.must, self.case.aim),
            _grade(self.ratio_of_operations, self.case.must_operations, self.case.aim_operations),
            _grade(self.ratio_of_memory, self.case.must_memory, self.case.aim_memory),
        ]
        grades = [g for g in grades if g]
        return min(grades, key=["MISSED", "ok", "aim"].index) if grades else ""

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "case": self.case.name,
            "must": self.case.must,
            "aim": self.case.aim,
            "ratio": self.ratio,
            "ratio_of_minima": self.ratio_of_minima,
            "ratio_of_operations": self.ratio_of_operations,
            "ours": self.ours,
            "peer": self.peer,
            "our_operations": self.our_operations,
            "peer_operations": self.peer_operations,
            "ratio_of_memory": self.ratio_of_memory,
            "our_memory": self.our_memory,
            "peer_memory": self.peer_memory,
            "verdict": self.verdict,
        }


def _grade(ratio: float | None, must: float | None, aim: float | None) -> str:
    if ratio is None or must is None or aim is None:
        return ""
    return "aim" if ratio <= aim else "ok" if ratio <= must else "MISSED"


def compare(case: Case, sides: list[Side], blocks: int) -> Result:
    """Time `case` on every side, a block here and a block there in turn."""
    result = Result(case)
    try:
        if case.make is None:
            _time_imports(result, sides, blocks)
        else:
            _time_blocks(result, sides, blocks)
    except RuntimeError as error:
        result.error = str(error)
    return result


def _time_blocks(result: Result, sides: list[Side], blocks: int) -> None:
    rounds = result.case.processes
    if result.case.own:
        sides = sides[:1]
    for k in range(rounds):
        if rounds > 1:
            for side in sides:
                side.close()
        _prepare(result, sides)
        _time_in_turn(result, sides, -(-blocks // rounds), k)


def _prepare(result: Result, sides: list[Side]) -> None:
    """Build the case on each side and see that they compute the same."""
    prepared = [_answer(side, do="prepare", case=result.case.name) for side in sides]
    result.our_operations, result.our_memory = prepared[0]["operations"], prepared[0]["memory"]
    if len(sides) == 2:
        result.peer_operations = prepared[1]["operations"]
        result.peer_memory = prepared[1]["memory"]
        a, b = prepared[0]["check"], prepared[1]["check"]
        if not abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-6):  # also where one is NaN
            raise RuntimeError(f"the two libraries computed {a} and {b}")


def _time_in_turn(result: Result, sides: list[Side], blocks: int, first: int) -> None:
    """Add blocks of each side; who goes first changes from block to block."""
    for i in range(first, first + blocks):
        if result.case.own:
            result.ours.append(_answer(sides[0], do="block")["seconds"])
            result.peer.append(_answer(sides[0], do="reference")["seconds"])
            continue
        for side in sides if i % 2 == 0 else sides[::-1]:
            times = result.ours if side is sides[0] else result.peer
            times.append(_answer(side, do="block")["seconds"])


def _time_imports(result: Result, sides: list[Side], blocks: int) -> None:
    for i in range(blocks + 1):
        for side in sides if i % 2 == 0 else sides[::-1]:
            code = (
                "import time; start = time.process_time(); "
                f"import {side.library}; print(time.process_time() - start)"
            )
            seconds = float(side.run(code))
            if i:  # the first one reads files that were not in memory
                (result.ours if side is sides[0] else result.peer).append(seconds)


def _answer(side: Side, **request: Any) -> dict[str, Any]:
    answer = side.ask(**request)
    if "error" in answer:
        raise RuntimeError(f"{side.library}: {answer['error']}")
    return answer


def versions(sides: list[Side]) -> str:
    """What is compared with what."""
    code = (
        "from importlib.metadata import version; import {0}; "
        "print(getattr({0}, '__version__', '?'), '/ jaxlib', version('jaxlib'))"
    )
    found = [f"{s.library} {s.run(code.format(s.library))}" for s in sides]
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{'   against   '.join(found)}   (Python {python}, {os.cpu_count()} cores)\n"
