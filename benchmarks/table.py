"""The printed table."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from benchmarks.compare import Result

COLUMNS = ("case", "what", "ours min", "median", "peer min", "median", "ratio", "must", "aim", "")
WIDTHS = (16, 51, 9, 9, 9, 9, 7, 6, 6, 0)


def _line(cells: Sequence[str]) -> str:
    left = {0, 1, len(WIDTHS) - 1}
    padded = (
        c.ljust(w) if i in left else c.rjust(w)
        for i, (c, w) in enumerate(zip(cells, WIDTHS, strict=True))
    )
    return "  ".join(padded).rstrip()


def header() -> str:
    """Names of the columns and a rule."""
    return f"{_line(COLUMNS)}\n{'-' * (sum(WIDTHS) + 2 * len(WIDTHS) + 4)}"


def row(result: Result) -> str:
    """One figure; a second line for the number of operations where that is asked for."""
    case = result.case
    cells = [
        case.name,
        case.title,
        *_times(result.ours),
        *_times(result.peer),
        _ratio(result.ratio),
        _ratio(case.must),
        _ratio(case.aim),
        result.verdict,
    ]
    lines = [_line(cells)]
    for title, ours, peer, ratios in _further(result):
        lines.append(_line(["", f"  {title}", ours, "", peer, "", *map(_ratio, ratios), ""]))
    return "\n".join(lines)


def _further(result: Result) -> list[tuple[str, str, str, tuple[float | None, ...]]]:
    """What is asked of a case beside its time: title, ours, the peer's, ratio, must, aim."""
    case, found = result.case, []
    if case.must_operations is not None and result.our_operations:
        limits = (result.ratio_of_operations, case.must_operations, case.aim_operations)
        counts = _count(result.our_operations), _count(result.peer_operations)
        found.append(("StableHLO operations", *counts, limits))
    if case.must_memory is not None and result.our_memory is not None:
        limits = (result.ratio_of_memory, case.must_memory, case.aim_memory)
        sizes = _size(result.our_memory), _size(result.peer_memory)
        found.append(("memory beside arguments", *sizes, limits))
    return found


def _size(n: int | None) -> str:
    return "-" if n is None else f"{n / 2**20:.3g} MiB"


def _times(seconds: Sequence[float]) -> tuple[str, str]:
    if not seconds:
        return "-", "-"
    return _time(min(seconds)), _time(statistics.median(seconds))


def _time(seconds: float) -> str:
    value, unit = (seconds * 1e6, "us") if seconds < 1e-3 else (seconds * 1e3, "ms")
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def growth(results: Sequence[Result]) -> str:
    """Exponent of the time to stage a straight line, from size to size; 1 is linear."""
    by_size = {
        int(r.case.name.removeprefix("straight_")): r
        for r in results
        if r.case.name.startswith("straight_") and r.ours
    }
    sizes = sorted(by_size)
    lines = []
    for side in ("ours", "peer"):
        steps = [
            f"{small:,} to {large:,}: {_exponent(by_size[small], by_size[large], side):.2f}"
            for small, large in itertools.pairwise(sizes)
            if getattr(by_size[small], side) and getattr(by_size[large], side)
        ]
        if steps:
            lines.append(f"growth of trace + lower with size, {side}: {'; '.join(steps)}")
    return "\n".join(["", *lines]) if lines else ""


def _exponent(small: Result, large: Result, side: str) -> float:
    ratio = statistics.median(getattr(large, side)) / statistics.median(getattr(small, side))
    sizes = [int(r.case.name.removeprefix("straight_")) for r in (small, large)]
    return math.log(ratio) / math.log(sizes[1] / sizes[0])


def markdown(results: Sequence[Result]) -> str:
    """The table for a document: medians and ratios."""
    lines = [
        "| figure | ms_func | JAX | ratio | must | aim |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in results:
        ours, peer = _times(r.ours)[1], _times(r.peer)[1]
        case = r.case
        lines.append(_row(case.title, ours, peer, r.ratio, case.must, case.aim))
        for what, mine, theirs, ratios in _further(r):
            lines.append(_row(f"its {what}", mine, theirs, *ratios))
    return "\n".join(lines)


def _row(title: str, ours: str, peer: str, *ratios: float | None) -> str:
    return f"| {title} | {ours} | {peer} | {' | '.join(map(_ratio, ratios))} |"


def _count(number: int | None) -> str:
    return f"{number:,}" if number else "-"
