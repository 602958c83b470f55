"""`jax.experimental.multihost_utils`: agreement of processes, of which there is one."""

from __future__ import annotations

from typing import Any

import numpy as np

import ms_func
from ms_func import tree
from ms_func.errors import UnsupportedError

__all__ = ["assert_equal", "broadcast_one_to_all", "global_array_to_host_local_array",
           "host_local_array_to_global_array", "live_devices", "process_allgather",
           "reached_preemption_sync_point", "sync_global_devices"]  # fmt: skip


def _alone() -> None:
    if ms_func.process_count() > 1:
        raise UnsupportedError("agreement of several processes is not there")


def broadcast_one_to_all(in_tree: Any, is_source: bool | None = None) -> Any:
    """What the first process has, as NumPy arrays."""
    _alone()
    return tree.map(np.asarray, in_tree)


def process_allgather(in_tree: Any, tiled: bool = False) -> Any:
    """What each process has, as NumPy arrays: stacked, or behind each other if `tiled`."""
    _alone()

    def gathered(x: Any) -> Any:
        whole = np.asarray(x)
        if tiled or (isinstance(x, ms_func.Array) and len(x.sharding.device_set) > 1):
            return whole
        return whole[None]

    return tree.map(gathered, in_tree)


def sync_global_devices(name: str) -> None:
    """Wait for all processes."""
    _alone()
    ms_func.effects_barrier()


def assert_equal(in_tree: Any, fail_message: str = "") -> None:
    """Raise where processes do not have the same."""
    _alone()


def reached_preemption_sync_point(step_id: int) -> bool:
    """Whether a notice to end has come in: never."""
    return False


def host_local_array_to_global_array(local_inputs: Any, global_mesh: Any, pspecs: Any) -> Any:
    """Arrays of this process as arrays over a mesh."""
    _alone()
    return _placed(local_inputs, global_mesh, pspecs)


def global_array_to_host_local_array(global_inputs: Any, global_mesh: Any, pspecs: Any) -> Any:
    """Arrays over a mesh as arrays of this process."""
    _alone()
    return _placed(global_inputs, global_mesh, pspecs)


def _placed(arrays: Any, mesh: Any, specs: Any) -> Any:
    leaves, structure = tree.flatten(arrays)
    wanted = tree.broadcast_prefix(specs, arrays, lambda s: isinstance(s, ms_func.P) or s is None)
    shardings = [ms_func.NamedSharding(mesh, ms_func.P() if s is None else s) for s in wanted]
    made = [ms_func.device_put(x, s) for x, s in zip(leaves, shardings, strict=True)]
    return tree.unflatten(structure, made)


class live_devices:
    """The devices of the processes that live: all."""

    def __init__(self, devices: Any) -> None:
        self.devices = list(devices)

    def __enter__(self) -> list[Any]:
        return self.devices

    def __exit__(self, *error: object) -> None:
        """Nothing to do."""
