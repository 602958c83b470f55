"""Programs over several processes: each runs the same program on devices of its own.

The processes find each other through a coordinator, process 0. Afterwards `devices()` lists the
devices of all, `local_devices()` those of this one, and meshes, `jit`, `shard` and `shard_map`
span them. Every process makes the same calls in the same order.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.execution import buffers

__all__ = ["initialize", "is_initialized", "shutdown"]
__dir__ = __all__.copy


def initialize(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    local_device_ids: int | Sequence[int] | None = None,
    cluster_detection_method: str | None = None,
    initialization_timeout: int = 300,
    heartbeat_timeout_seconds: int = 100,
    shutdown_timeout_seconds: int = 300,
    coordinator_bind_address: str | None = None,
    slice_index: int | None = None,
    partition_index: int | None = None,
) -> None:
    """Join a group of processes, before the first array is made.

    What is left out is read from the environment of Slurm or Open MPI.

    Args:
        coordinator_address: host and port of process 0, `"10.0.0.1:1234"`; the port is free there.
        num_processes: number of processes.
        process_id: number of this process, from 0.
        local_device_ids: which accelerators of this host are this process's; None for all.
        cluster_detection_method: "deactivate" reads nothing from the environment.
        initialization_timeout: seconds to wait for the others.
        heartbeat_timeout_seconds: seconds after which a silent process counts as dead.
        shutdown_timeout_seconds: seconds to wait for the others at the end.
        coordinator_bind_address: where process 0 listens; by default at that port everywhere.
        slice_index: of hardware with several slices; not supported.
        partition_index: the same.

    Raises:
        ValueError: an argument is neither given nor found in the environment, or out of range.
        RuntimeError: the group was joined before, or an array was made before.

    Example:
        >>> initialize("localhost:1234", num_processes=1, process_id=0)
        >>> is_initialized()
        False
    """
    if slice_index is not None or partition_index is not None:
        raise UnsupportedError("hardware of several slices or partitions is not supported")
    given = {
        "coordinator_address": coordinator_address,
        "num_processes": num_processes,
        "process_id": process_id,
    }
    if cluster_detection_method != "deactivate":
        given = _completed(given, os.environ)
    if given["num_processes"] == 1 and given["process_id"] in (None, 0):
        return  # a process that is alone needs no coordinator
    for name, value in given.items():
        if value is None:
            raise ArgumentValueError(
                f"{name} should be defined: it is not given, and no Slurm or Open MPI tells\n"
                "fix: initialize('HOST:PORT', num_processes, process_id)"
            )
    address, count, index = given.values()
    if ":" not in address or not 0 <= index < count:
        raise ArgumentValueError(
            f"initialize needs an address with a port and a process number below the number of "
            f"processes, got {address!r}, {index} of {count}"
        )
    devices = [local_device_ids] if isinstance(local_device_ids, int) else local_device_ids
    buffers.default_backend().join(
        address, count, index, devices, timeout=initialization_timeout,
        heartbeat=heartbeat_timeout_seconds, ending=shutdown_timeout_seconds,
        bind=coordinator_bind_address,
    )  # fmt: skip
    atexit.register(shutdown)


def _completed(given: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Arguments with what a launcher tells in place of those that are left out."""
    found: dict[str, Any] = {}
    if "SLURM_JOB_ID" in environment and "SLURM_PROCID" in environment:
        host = _first_host(environment.get("SLURM_STEP_NODELIST", "localhost"))
        found = {
            "coordinator_address": f"{host}:{61440 + int(environment['SLURM_JOB_ID']) % 4096}",
            "num_processes": int(environment["SLURM_NTASKS"]),
            "process_id": int(environment["SLURM_PROCID"]),
        }
    elif "OMPI_COMM_WORLD_SIZE" in environment:
        found = {
            "num_processes": int(environment["OMPI_COMM_WORLD_SIZE"]),
            "process_id": int(environment["OMPI_COMM_WORLD_RANK"]),
        }
    return {k: found.get(k) if v is None else v for k, v in given.items()}


def _first_host(nodes: str) -> str:
    """First of a list of hosts in Slurm's notation, such as `"node[03-05,9],other"`."""
    found = re.match(r"([^,\[]+)(?:\[([^,\-\]]+))?", nodes)
    return found[1] + (found[2] or "") if found else nodes


def is_initialized() -> bool:
    """Whether a group of several processes was joined.

    Example:
        >>> ms.distributed.is_initialized()
        False
    """
    return buffers.default_backend().group is not None


def shutdown() -> None:
    """Leave the group, if there is one; arrays and programs must not be used afterwards.

    Example:
        >>> ms.distributed.shutdown()
    """
    if is_initialized():
        buffers.default_backend().leave()
