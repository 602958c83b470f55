"""Where the time of a compilation goes, and which lines the program comes from."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import stopwatch
from ms_func.api.compile import jit
from ms_func.ir.function import Function
from ms_func.tracing.arguments import function_name

STAGES = ("convert", "trace", "transform", "lower", "compile")


class CompileProfile(NamedTuple):
    """What `profile_compile` found.

    Attributes:
        name: name of the function.
        seconds: time of each stage: "convert" rewrites the source, "trace" runs the function on
            tracers, "transform" differentiates, batches and simplifies, "lower" builds
            StableHLO, "compile" is the backend.
        equations: number of equations of the program that come from each line, as
            `(file, line)`, functions of loops and calls counted once; most first.
    """

    name: str
    seconds: dict[str, float]
    equations: dict[tuple[str, int], int]

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        times = "  ".join(f"{k} {v * 1e3:.1f} ms" for k, v in self.seconds.items())
        count = sum(self.equations.values())
        lines = [f"`{self.name}`: {self.total * 1e3:.1f} ms: {times}", f"{count} equations:"]
        for (file, line), n in list(self.equations.items())[:20]:
            lines.append(f"{n:7}  {file}:{line}  {linecache.getline(file, line).strip()}".rstrip())
        return "\n".join(lines)


def profile_compile(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> CompileProfile:
    """Time that it takes to stage and compile `fun` for these arguments, and its equations by line.

    A line with many equations is often a loop that Python unrolled. Nothing is answered from
    caches and nothing is run.

    Args:
        fun: function of arrays, jitted or not.
        *args: arrays or `ShapeDtypeStruct`s; only types matter.
        **kwargs: the same by name.

    Example:
        >>> def unrolled(x):
        ...     for _ in range(50):
        ...         x = x * 2.5 + 1.0
        ...     return x
        >>> list(profile_compile(unrolled, 1.0).equations.values())
        [100]
    """
    plain = getattr(fun, "__wrapped__", fun) if hasattr(fun, "lower") else fun
    with stopwatch.watching() as watch:
        lowered = jit(plain).lower(*args, **kwargs)
        lowered.compile()
    seconds = {name: watch.seconds.get(name, 0.0) for name in STAGES}
    seconds.update((k, v) for k, v in watch.seconds.items() if k not in seconds)
    found: Counter[tuple[str, int]] = Counter()
    _count(lowered._job.fn, found, set())
    return CompileProfile(function_name(fun), seconds, dict(found.most_common()))


def _count(fn: Function, found: Counter[tuple[str, int]], seen: set[Any]) -> None:
    for eqn in fn.eqns:
        if eqn.loc is not None:
            found[eqn.loc.file, eqn.loc.line] += 1
        for inner in eqn.functions():
            if inner.key not in seen:
                seen.add(inner.key)
                _count(inner, found, seen)
