"""The benchmark's cases run on ms_func, and its table says what was measured."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.case import Case
from benchmarks.cases import CASES
from benchmarks.compare import Result
from benchmarks.library import load
from benchmarks.table import growth, markdown, row

ROOT = Path(__file__).resolve().parents[2]


def measured(name: str, ours: list[float], peer: list[float], **more: object) -> Result:
    case = Case(name, "title", None, must=0.5, aim=0.25, **more)  # type: ignore[arg-type]
    return Result(case, ours, peer)


def test_ratio_and_verdict() -> None:
    peer = [1.0, 1.0, 4.0]
    assert measured("a", [0.1, 0.2, 0.9], peer).ratio == pytest.approx(0.2)
    assert measured("a", [0.2, 0.2], peer).verdict == "aim"
    assert measured("a", [0.5, 0.5], peer).verdict == "ok"
    assert measured("a", [0.6, 0.6], peer).verdict == "MISSED"
    assert measured("a", [0.6], []).verdict == ""


def test_too_many_operations_miss_although_time_is_good() -> None:
    result = measured("a", [0.1], [1.0], must_operations=0.75, aim_operations=0.5)
    result.our_operations, result.peer_operations = 80, 100
    assert result.verdict == "MISSED"
    assert "0.8" in row(result).splitlines()[1]


def test_markdown_has_a_row_for_each_figure() -> None:
    result = measured("a", [0.001], [0.004], must_operations=0.75, aim_operations=0.5)
    result.our_operations, result.peer_operations = 1500, 3000
    lines = markdown([result]).splitlines()
    assert lines[2] == "| title | 1.00 ms | 4.00 ms | 0.25 | 0.5 | 0.25 |"
    assert lines[3] == "| its StableHLO operations | 1,500 | 3,000 | 0.5 | 0.75 | 0.5 |"


def test_growth_is_the_exponent() -> None:
    results = [measured(f"straight_{n}", [n**1.5], []) for n in (100, 1000)]
    assert "100 to 1,000: 1.50" in growth(results)


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.make], ids=lambda c: c.name)
def test_case_runs(case: Case) -> None:
    assert case.make is not None
    program = case.make(load("ms_func"))
    assert math.isfinite(program.check)
    program.loop(1)


@pytest.mark.slow
def test_command_prints_a_table() -> None:
    command = [sys.executable, "-m", "benchmarks", "add", "import", "--blocks", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "eager x + y" in done.stdout
    assert "FAILED" not in done.stdout
