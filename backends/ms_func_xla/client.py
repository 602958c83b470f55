"""The backend itself: one PJRT client per platform, compilation, placement of arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from threading import Lock
from typing import Any

import numpy as np
from jaxlib import xla_client
from jaxlib.xla_client import DeviceList, HostBufferSemantics

from ms_func import config
from ms_func.backend import ArrayBackend, CompileOptions
from ms_func.errors import UnsupportedError
from ms_func.ir.explicit import typed
from ms_func_xla import cuda, processes
from ms_func_xla.buffers import to_numpy
from ms_func_xla.compat import SingleDeviceSharding, portable_version, result_handler
from ms_func_xla.executable import XlaExecutable
from ms_func_xla.sharding import mesh_sharding

_COPY = HostBufferSemantics.IMMUTABLE_ONLY_DURING_CALL


@cache
def sharding_of(device: Any) -> SingleDeviceSharding:
    """Placement on `device`; one object per device, so that caches hit by identity."""
    return SingleDeviceSharding(device)


class Xla(ArrayBackend):
    """Compiles with XLA and runs through PJRT."""

    name = "xla"

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self.group: processes.Group | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave_clients)

    def _leave_clients(self) -> None:
        """Keep a forked child from destroying clients: it would wait for threads it has not."""
        import ctypes  # only ever needed here

        for client in self._clients.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))

    def join(self, *where: Any, **how: Any) -> None:
        """Join a group of processes; see `processes.join`.

        Raises:
            RuntimeError: there is a group or a client already.
        """
        if self.group is not None or self._clients:
            raise RuntimeError(
                "distributed.initialize() must be called once, before any array is made\n"
                "fix: call it at the start of the program"
            )
        self.group = processes.join(*where, **how)

    def leave(self) -> None:
        """Leave the group of processes."""
        group, self.group = self.group, None
        if group is not None:
            group.leave()

    @property
    def started(self) -> bool:
        """Whether a client has been made, which runs threads of its own."""
        return bool(self._clients)

    @cached_property
    def platform(self) -> str:
        """Platform in use: the one asked for, else CUDA where it works, else CPU."""
        asked = config.platform.value
        if asked is not None:
            return "cuda" if asked == "gpu" else asked
        return "cuda" if cuda.available() else "cpu"

    def client(self, platform: str | None = None) -> Any:
        """PJRT client of a platform, made at first use.

        Raises:
            RuntimeError: the platform is unknown or has no device.
        """
        platform = platform or self.platform
        if platform not in self._clients:
            with self._lock:
                if platform not in self._clients:
                    self._clients[platform] = _make_client(platform, self.group)
        return self._clients[platform]

    def devices(self, platform: str | None = None) -> list[Any]:
        """Devices of the platform in use, or of the one named."""
        return self.client("cuda" if platform == "gpu" else platform).devices()

    def local_devices(self) -> list[Any]:
        """Devices of this process."""
        return self.client().local_devices()

    @cached_property
    def _first(self) -> Any:
        return self.local_devices()[0]

    @property
    def default_device(self) -> Any:
        """Device of the setting of that name, else the first one of this process."""
        chosen = config.default_device.value
        if isinstance(chosen, str):
            return self.client("cuda" if chosen == "gpu" else chosen).local_devices()[0]
        return chosen or self._first

    def memory(self, device: Any) -> int | None:
        """Bytes of memory of a device; None where the runtime does not tell."""
        if device.platform == "cpu":
            return _host_memory()
        return (device.memory_stats() or {}).get("bytes_limit")

    def sharding(self, place: Any, ndim: int = 0) -> Any:
        """The runtime's placement for a device, or for a sharding of arrays of rank `ndim`."""
        if isinstance(place, xla_client.Sharding):
            return place
        if hasattr(place, "iota_tiling"):
            return mesh_sharding(place, ndim)
        return sharding_of(place.device_list[0] if hasattr(place, "device_list") else place)

    def compile(self, module: Any, options: CompileOptions) -> XlaExecutable:
        """Compile a module; see `ms_func.backend.Backend`."""
        devices = options.devices or (self.default_device,)
        built = _xla_options(devices, options)
        loaded = devices[0].client.compile_and_load(
            module, DeviceList(tuple(devices)), built, *options.flags.get("callbacks", ())
        )
        return XlaExecutable(loaded)

    def save(self, executable: XlaExecutable) -> bytes:
        """A compiled program as bytes, for devices of the same kind and the same jaxlib."""
        loaded = executable.loaded
        return loaded.client.serialize_executable(loaded)

    def load(self, data: bytes, devices: Sequence[Any]) -> XlaExecutable:
        """The compiled program behind bytes of `save`, on as many devices."""
        built = _xla_options(devices, CompileOptions(devices=tuple(devices)))
        load = devices[0].client.deserialize_executable
        return XlaExecutable(load(data, DeviceList(tuple(devices)), built))

    def export(self, module: Any, options: CompileOptions) -> bytes:
        """Portable StableHLO artifact, readable by XLA of the last and the next months."""
        if module.operation.attributes["mhlo.num_partitions"].value > 1:
            raise UnsupportedError(
                f"`{options.name}` spans several devices, and the files are programs of one\n"
                "fix: export the function of one device, without shard_map and layouts over a mesh"
            )
        from jaxlib.mlir.dialects import stablehlo  # takes long, seldom wanted

        version = options.flags.get("stablehlo", portable_version())
        return stablehlo.serialize_portable_artifact(module, version)

    def put(self, array: np.ndarray, placement: Any = None, type: Any = None) -> Any:
        """Copy a NumPy array to the devices of `placement` (a device, a sharding, None).

        Args:
            array: elements.
            placement: None places on the default device and leaves the array free to move.
            type: type the buffer carries, an `ArrayType`.
        """
        committed = placement is not None
        if committed:
            placement = self.sharding(placement, array.ndim)
        else:  # by far the most frequent
            placement = sharding_of(self.default_device)
        if isinstance(placement, SingleDeviceSharding):
            return xla_client.batched_device_put(
                type, placement, [array], [placement._device], committed=committed,
                host_buffer_semantics=_COPY, enable_x64=True,
            )  # fmt: skip
        type = type and typed(type, placement.public)
        index = placement.addressable_devices_indices_map(array.shape)
        # Own copies, which the runtime may keep; asked to copy itself, it fails on shared memory.
        shards = [np.array(array[i], order="C") for i in index.values()]
        return xla_client.batched_device_put(
            type, placement, shards, list(index), committed=committed, enable_x64=True
        )

    def move(self, buffer: Any, placement: Any) -> Any:
        """Buffer with the elements of another one at `placement`."""
        if placement is None:
            return buffer
        placement = self.sharding(placement, buffer.aval.words.ndim)
        kind = buffer.aval
        if buffer._sharding == placement:  # nothing moves, and from now on it stays
            same = typed(kind, getattr(placement, "public", None))
            return buffer if buffer._committed else result_handler(same, placement, True)(buffer)
        moved = self.put(to_numpy(buffer), placement, kind.words)
        return moved if kind.words is kind else self.relabel(moved, kind)

    def label(self, buffer: Any, type: Any, device: Any) -> Any:
        """A buffer imported from another library with its type attached."""
        return result_handler(type, sharding_of(device), True)(buffer)

    def relabel(self, buffer: Any, type: Any) -> Any:
        """The same memory as an array of another type."""
        where = buffer._sharding
        type = typed(type, getattr(where, "public", None))
        return result_handler(type, where, buffer._committed)(buffer)

    def get(self, buffer: Any) -> np.ndarray:
        """Elements of a buffer; waits for them. The result is read-only."""
        return to_numpy(buffer)


@cache
def _host_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


_IN_FLIGHT = 32
"""Programs that a CPU device of XLA accepts before one of them is done."""


@contextmanager
def _enough_threads(devices: int) -> Iterator[None]:
    """Let the client have a thread for each program on each of several virtual devices.

    Devices wait for each other in collectives and keep their threads meanwhile; with as many
    threads as devices, programs in flight at the same time can leave none for the last device.
    XLA reads the number from the environment when it makes the client.
    """
    name = "PJRT_NPROC"
    if devices == 1 or name in os.environ or "NPROC" in os.environ:
        yield
        return
    os.environ[name] = str(devices * _IN_FLIGHT)
    try:
        yield
    finally:
        del os.environ[name]


def _make_client(platform: str, group: processes.Group | None) -> Any:
    if platform == "cpu":
        count = config.cpu_devices()
        with _enough_threads(count):
            options = {} if group is None else group.cpu_options()
            return xla_client.make_cpu_client(num_devices=count, **options)
    if platform == "cuda":
        return cuda.make_client(group)
    raise RuntimeError(
        f"Unknown backend {platform!r}; the XLA backend knows 'cpu' and 'cuda'\n"
        "fix: set MS_FUNC_PLATFORM or ms_func.config.platform to one of them"
    )


def _xla_options(devices: Sequence[Any], options: CompileOptions) -> Any:
    """XLA's options: one replica, as many partitions as devices, Shardy's partitioner."""
    made = xla_client.CompileOptions()
    build = made.executable_build_options
    made.num_replicas = build.num_replicas = 1
    made.num_partitions = build.num_partitions = len(devices)
    build.use_spmd_partitioning = len(devices) > 1
    build.use_shardy_partitioner = len(devices) > 1
    if len(devices) > 1 and options.flags.get("free_outputs"):
        build.allow_spmd_sharding_propagation_to_output = list(options.flags["free_outputs"])
    made.device_assignment = xla_client.DeviceAssignment.create(
        np.array([[d.id for d in devices]], np.int32)
    )
    overrides = dict(options.flags.get("xla", {}))
    if len(devices) > 1 and devices[0].platform == "cpu":
        overrides.setdefault("xla_cpu_scheduler_type", "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED")
    if overrides:
        made.env_option_overrides = list(overrides.items())
    return made
