"""Two processes with two devices each are one machine of four."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func.distributed import _completed
from tests.processes.member import W, X, loss

MEMBER = Path(__file__).parent / "member.py"


@pytest.fixture(scope="module")
def reports():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    paths = os.pathsep.join(sys.path)
    members = [
        subprocess.Popen(
            [sys.executable, str(MEMBER), str(i), address], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths},
        )
        for i in range(2)
    ]  # fmt: skip
    found = []
    for member in members:
        out, error = member.communicate(timeout=120)
        assert member.returncode == 0, error[-3000:]
        found.append(json.loads(out.splitlines()[-1]))
    return found


def each(reports, name):
    """What both processes say, which is the same."""
    first, second = (r[name] for r in reports)
    assert first == second
    return first


def test_every_process_knows_all_devices(reports):
    assert [r["process"] for r in reports] == [[0, 2, True], [1, 2, True]]
    assert each(reports, "devices") == [4, 2]


def test_a_process_holds_its_own_rows_and_no_others(reports):
    pieces = [p for r in reports for p in r["held"]]
    np.testing.assert_array_equal(np.concatenate(pieces), X)
    assert each(reports, "text") == "Array(shape=(8, 2), dtype=float32)"
    assert "addressable_shards" in each(reports, "refused")


def test_programs_span_the_processes(reports):
    assert each(reports, "sum") == float((X * X).sum())
    np.testing.assert_array_equal(each(reports, "whole"), X + 1)
    np.testing.assert_array_equal(each(reports, "psum"), X.reshape(4, 2, 2).sum(0))


def test_a_plan_and_its_gradient_span_the_processes(reports):
    value, gradient = ms.value_and_grad(loss)(W, X)
    np.testing.assert_allclose(each(reports, "loss"), value, rtol=1e-6)
    np.testing.assert_allclose(each(reports, "gradient"), gradient, rtol=1e-5, atol=1e-6)


def test_parts_become_arrays_and_arrays_parts(reports):
    everything = np.arange(8.0)
    np.testing.assert_array_equal(each(reports, "joined"), everything)
    np.testing.assert_array_equal(each(reports, "stacked"), everything.reshape(2, 4))
    np.testing.assert_array_equal(each(reports, "tiled"), everything)
    np.testing.assert_array_equal(each(reports, "from 1"), everything[4:])
    np.testing.assert_array_equal(each(reports, "again"), X)
    assert [r["local"] for r in reports] == [[True, X[:4].tolist()], [True, X[4:].tolist()]]


def test_each_process_still_computes_alone(reports):
    assert [r["alone"] for r in reports] == [[0, 1, 2], [1, 2, 3]]


def test_processes_that_wait_in_different_places_are_told(reports):
    assert reports[0]["other names"] == ""
    assert "name mismatch ('place 1')" in reports[1]["other names"]


# --- joining --------------------------------------------------------------------------------------


def test_a_process_alone_needs_no_group():
    ms.distributed.initialize(num_processes=1)
    assert not ms.distributed.is_initialized()
    ms.distributed.shutdown()


def test_joining_comes_before_arrays():
    ms.numpy.zeros(1)
    with pytest.raises(RuntimeError, match="before any array"):
        ms.distributed.initialize("localhost:1234", 2, 0)


@pytest.mark.parametrize("given", [(None, 2, 0), ("localhost:1", None, 0), ("localhost:1", 2)])
def test_what_is_missing_is_named(given):
    with pytest.raises(ValueError, match="should be defined"):
        ms.distributed.initialize(*given, cluster_detection_method="deactivate")


@pytest.mark.parametrize("given", [("localhost", 2, 0), ("localhost:1", 2, 2)])
def test_arguments_out_of_range(given):
    with pytest.raises(ValueError, match="a port and a process number"):
        ms.distributed.initialize(*given)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("one", "one"), ("a,b", "a"), ("node[03-05,9],x", "node03"), ("n[7]", "n7")],
)
def test_a_launcher_tells_what_is_left_out(nodes, host):
    slurm = {"SLURM_JOB_ID": "8193", "SLURM_PROCID": "3", "SLURM_NTASKS": "8",
             "SLURM_STEP_NODELIST": nodes}  # fmt: skip
    empty: dict[str, Any] = {
        "coordinator_address": None, "num_processes": None, "process_id": None,
    }  # fmt: skip
    assert list(_completed(empty, slurm).values()) == [f"{host}:61441", 8, 3]
    mpi = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}
    given = {**empty, "coordinator_address": "h:1", "process_id": 2}
    assert list(_completed(given, mpi).values()) == ["h:1", 4, 2]
    assert _completed(given, {}) == given
