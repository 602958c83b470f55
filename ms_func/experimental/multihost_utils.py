"""Agreement of several processes: values that all of them get, and arrays built of their parts.

Every process makes the same calls in the same order. A process that is alone agrees with itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.api.compile import jit
from ms_func.api.devices import (
    device_put,
    devices,
    make_array_from_process_local_data,
    make_array_from_single_device_arrays,
    process_count,
    process_index,
)
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec

__all__ = ["assert_equal", "broadcast_one_to_all", "global_array_to_host_local_array",
           "host_local_array_to_global_array", "live_devices", "process_allgather",
           "reached_preemption_sync_point", "sync_global_devices"]  # fmt: skip
__dir__ = __all__.copy


def process_allgather(in_tree: Any, tiled: bool = False) -> Any:
    """What each process has, as NumPy arrays in every process.

    Args:
        in_tree: arrays of this process, or arrays over all processes.
        tiled: join the arrays of the processes along their first dimension; else stack them.

    Returns:
        The same tree. An array over all processes is given whole.

    Raises:
        ValueError: an array over all processes, and not `tiled`.

    Example:
        >>> process_allgather(np.arange(3)).shape
        (1, 3)
    """

    def gathered(x: Any) -> np.ndarray:
        if isinstance(x, Array) and not x.is_fully_addressable:
            if not tiled:
                raise ArgumentValueError(
                    "process_allgather of an array over several processes has no part per "
                    "process to stack\nfix: pass tiled=True"
                )
            sharding: Any = x.sharding
            return _whole(x, sharding.mesh)
        if isinstance(x, Array) and len(x.sharding.device_set) > 1:
            return np.asarray(x)
        part = np.asarray(x)
        return _joined(part if tiled and part.ndim else part[None])

    return tree.map(gathered, in_tree)


def _joined(part: np.ndarray) -> np.ndarray:
    """The parts of all processes along the first dimension."""
    if process_count() == 1:
        return part
    mesh = Mesh(np.array(devices()).reshape(process_count(), -1), ("process", "device"))
    rows = NamedSharding(mesh, PartitionSpec("process"))
    return _whole(make_array_from_process_local_data(rows, part), mesh)


def _whole(x: Any, mesh: Mesh) -> np.ndarray:
    everywhere = NamedSharding(mesh, PartitionSpec())
    return np.asarray(jit(_same, out_shardings=everywhere)(x))


def _same(x: Any) -> Any:
    return x


def broadcast_one_to_all(in_tree: Any, is_source: bool | None = None) -> Any:
    """What one process has, as NumPy arrays in every process.

    Args:
        in_tree: arrays of the same shapes in every process; those of the source count.
        is_source: whether this process is the source; by default process 0 is.

    Example:
        >>> int(broadcast_one_to_all(3))
        3
    """
    if is_source is None:
        is_source = process_index() == 0
    source = int(np.argmax(_joined(np.array([is_source]))))
    return tree.map(lambda x: _joined(np.asarray(x)[None])[source], in_tree)


def sync_global_devices(name: str) -> None:
    """Wait until every process has come here.

    Args:
        name: text that tells the meeting points of a program apart.

    Raises:
        AssertionError: another process waits under another name.

    Example:
        >>> from ms_func.experimental import multihost_utils
        >>> multihost_utils.sync_global_devices("start")
    """
    number = np.uint32(zlib.crc32(name.encode()))
    assert_equal(number, f"sync_global_devices name mismatch ('{name}')")


def assert_equal(in_tree: Any, fail_message: str = "") -> None:
    """Check that every process has the same.

    Args:
        in_tree: tree of arrays or numbers.
        fail_message: text of the error.

    Raises:
        AssertionError: this process has something else than process 0.

    Example:
        >>> from ms_func.experimental import multihost_utils
        >>> multihost_utils.assert_equal({"seed": 3})
    """
    expected = broadcast_one_to_all(in_tree)
    if not tree.all(tree.map(lambda a, b: np.array_equal(a, b), expected, in_tree)):
        raise AssertionError(f"{fail_message} Expected: {expected}; got: {in_tree}.")


def reached_preemption_sync_point(step_id: int) -> bool:
    """Whether a notice to end has come in: there is nobody who gives one.

    Args:
        step_id: number of the step of training.

    Example:
        >>> from ms_func.experimental import multihost_utils
        >>> multihost_utils.reached_preemption_sync_point(10)
        False
    """
    return False


def host_local_array_to_global_array(local_inputs: Any, global_mesh: Mesh, pspecs: Any) -> Any:
    """Arrays over a mesh, of the parts that each process has.

    Args:
        local_inputs: arrays of this process: what lies on its devices.
        global_mesh: mesh over the devices of all processes.
        pspecs: layout of the arrays, or a tree of layouts that is a prefix.

    Returns:
        Tree of arrays over the mesh.

    Raises:
        ValueError: a part has another size than the layout says.

    Example:
        >>> from ms_func.experimental.multihost_utils import host_local_array_to_global_array
        >>> mesh = ms.make_mesh((1,), ("x",))
        >>> host_local_array_to_global_array(np.arange(2), mesh, ms.P("x")).sharding.spec
        P('x',)
    """
    return _mapped(
        lambda x, spec: make_array_from_process_local_data(
            NamedSharding(global_mesh, spec), np.asarray(x)
        ),
        local_inputs, pspecs,
    )  # fmt: skip


def global_array_to_host_local_array(global_inputs: Any, global_mesh: Mesh, pspecs: Any) -> Any:
    """The parts of arrays over a mesh that lie on this process's devices, as arrays over these.

    Args:
        global_inputs: arrays over `global_mesh`.
        global_mesh: mesh over the devices of all processes.
        pspecs: layout of the arrays, or a tree of layouts that is a prefix.

    Returns:
        Tree of arrays over the devices of this process.

    Example:
        >>> from ms_func.experimental import multihost_utils
        >>> mesh = ms.make_mesh((1,), ("x",))
        >>> x = ms.device_put(np.arange(2), ms.NamedSharding(mesh, ms.P("x")))
        >>> multihost_utils.global_array_to_host_local_array(x, mesh, ms.P("x")).tolist()
        [0, 1]
    """

    def local(x: Any, spec: Any) -> Array:
        placed = device_put(x, NamedSharding(global_mesh, spec))
        pieces = [s.data for s in placed.addressable_shards]
        sharding = NamedSharding(global_mesh.local_mesh, spec)
        counts = [n for n, _ in sharding.tiles(x.ndim)]
        shape = [n * count for n, count in zip(pieces[0].shape, counts, strict=True)]
        return make_array_from_single_device_arrays(shape, sharding, pieces)

    return _mapped(local, global_inputs, pspecs)


def _mapped(change: Callable[[Any, Any], Array], arrays: Any, specs: Any) -> Any:
    leaves, structure = tree.flatten(arrays)
    wanted = tree.broadcast_prefix(
        specs, arrays, lambda s: isinstance(s, PartitionSpec) or s is None
    )
    made = [change(x, s or PartitionSpec()) for x, s in zip(leaves, wanted, strict=True)]
    return tree.unflatten(structure, made)


@contextmanager
def live_devices(devices: Sequence[Any]) -> Iterator[list[Any]]:
    """The devices whose processes live: all, since one that dies ends the others.

    Args:
        devices: devices to look at.

    Returns:
        Context manager that gives a list of devices.

    Example:
        >>> from ms_func.experimental import multihost_utils
        >>> with multihost_utils.live_devices(ms.devices()) as alive:
        ...     len(alive) == ms.device_count()
        True
    """
    yield list(devices)
