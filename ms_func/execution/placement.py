"""Where a program runs: on the devices its operands, layouts and constraints ask for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ms_func.errors import ShardingError
from ms_func.execution.buffers import default_backend
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding
from ms_func.ir.types import ArrayType


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a program runs.

    Attributes:
        devices: devices the program spans, in the order of partitions.
        in_shardings: placement of each operand, objects of the runtime.
        committed: whether something fixed the devices; results are then fixed too.
        mesh: mesh that layouts of results are expressed in, None on a single device.
    """

    devices: tuple[Any, ...]
    in_shardings: tuple[Any, ...]
    committed: bool
    mesh: Any = None
    identity: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "identity", hash((self.devices, self.in_shardings, self.committed))
        )

    def __hash__(self) -> int:
        return self.identity


@lru_cache(maxsize=1024)
def _free_placement(device: Any, sharding: Any, count: int) -> Placement:
    return Placement((device,), (sharding,) * count, False)


def placement_of(buffers: Sequence[Any], count: int | None = None) -> Placement:
    """Placement that the operands ask for: that of committed ones, else the default device.

    Args:
        buffers: operands; those beyond them, up to `count`, are free.
        count: number of operands, that of `buffers` if None.

    Raises:
        ShardingError: two operands are committed to different devices.
    """
    count = len(buffers) if count is None else count
    committed = _committed(buffers)
    if committed is None:
        held = default_backend()
        device = held.default_device
        return _free_placement(device, held.sharding(device), count)
    _check_devices(buffers, committed)
    if len(committed.device_set) == 1:
        (device,) = committed.device_set
        plain = default_backend().sharding(device)  # the layout of another operand may not fit
        shardings = [b._sharding if b._committed else plain for b in buffers]
        return Placement((device,), (*shardings, *[plain] * (count - len(buffers))), True)
    mesh = committed.public.mesh
    everywhere = NamedSharding(mesh, PartitionSpec())
    shardings = [
        b._sharding if b._committed else default_backend().sharding(everywhere, b.aval.words.ndim)
        for b in buffers
    ]
    shardings += [default_backend().sharding(everywhere, 0)] * (count - len(buffers))
    return Placement(tuple(committed.device_order), tuple(shardings), True, mesh)


def wanted_placement(
    buffers: Sequence[Any],
    types: Sequence[ArrayType],
    wanted: Sequence[Sharding | None],
    others: Sequence[Any],
) -> Placement:
    """Placement of a program some of whose layouts are given.

    Args:
        buffers: operands at hand, the first ones.
        types: types of all operands.
        wanted: layout of each operand, or None where it follows the operand.
        others: shardings of results and meshes of constraints that the program must be able to use.

    Raises:
        ShardingError: a layout does not fit an operand, or layouts are over different devices.
    """
    asked = [s for s in (*wanted, *others) if s is not None]
    mesh = next((m for m in map(_mesh, asked) if m is not None), None)
    if mesh is None:  # single-device shardings only
        device = asked[0].device_list[0]
        one = default_backend().sharding(device)
        return Placement((device,), (one,) * len(types), True)
    devices = tuple(mesh.devices.flat)
    for s in asked:
        _check_same(s, devices)
    committed = _committed(buffers)
    if committed is not None and len(committed.device_set) > 1:
        _check_operand(committed, devices)
    everywhere = NamedSharding(mesh, PartitionSpec())
    shardings = []
    for i, (t, s) in enumerate(zip(types, wanted, strict=True)):
        b = buffers[i] if i < len(buffers) else None
        if s is None and b is not None and b._committed and len(b._sharding.device_set) > 1:
            shardings.append(b._sharding)
            continue
        s = everywhere if s is None else s
        s.shard_shape(t.shape)  # raises where the layout does not fit
        shardings.append(default_backend().sharding(s, t.ndim))
    return Placement(devices, tuple(shardings), True, mesh)


def may_move(buffers: Sequence[Any], placement: Placement, strict: bool) -> bool:
    """Whether the dispatcher may place operands of this kind by itself.

    It moves operands on one device to where the program wants them, but takes those on several
    devices as they are.

    Args:
        buffers: operands.
        placement: of the program.
        strict: whether an operand that was placed on purpose in another way is an error.

    Raises:
        ShardingError: `strict`, and there is such an operand.
    """
    fast = True
    for b, want in zip(buffers, placement.in_shardings, strict=False):
        if not b._committed or b._sharding == want or len(placement.devices) == 1:
            continue
        fast = False
        if strict and not _alike(b, want):
            raise ShardingError(
                "Sharding passed to jit does not match the sharding on the respective arg. "
                f"Got jit sharding: {want.public}, arg sharding: {public(b._sharding)} for arg "
                f"type: {b.aval}\nfix: move the argument with device_put, or leave in_shardings out"
            )
    return fast


def _alike(buffer: Any, want: Any) -> bool:
    return public(buffer._sharding).is_equivalent_to(want.public, buffer.aval.ndim)


def _committed(buffers: Sequence[Any]) -> Any:
    """Sharding of the committed operand on most devices, or None."""
    committed = None
    for b in buffers:
        if b._committed:
            s = b._sharding
            if committed is None or len(s.device_set) > len(committed.device_set):
                committed = s
    return committed


def _check_devices(buffers: Sequence[Any], committed: Any) -> None:
    for b in buffers:
        if b._committed and b._sharding.device_set != committed.device_set:
            raise ShardingError(
                "Received incompatible devices for jitted computation. Got one argument with "
                f"{_where(committed.device_set)} and another one of type {b.aval} with "
                f"{_where(b._sharding.device_set)}\nfix: move one with device_put"
            )


def _check_operand(committed: Any, devices: tuple[Any, ...]) -> None:
    if committed.device_set != set(devices):
        raise ShardingError(
            "Received incompatible devices for jitted computation. Got one argument with "
            f"{_where(committed.device_set)} and a sharding of the program with "
            f"{_where(devices)}\nfix: move the argument with device_put"
        )


def _check_same(sharding: Any, devices: tuple[Any, ...]) -> None:
    mesh = _mesh(sharding)
    own = tuple(mesh.devices.flat) if mesh is not None else sharding.device_list
    if set(own) != set(devices):
        raise ShardingError(
            "Received incompatible devices for jitted computation. Got shardings with "
            f"{_where(own)} and with {_where(devices)}\n"
            "fix: give all shardings of a program the same devices"
        )


def _mesh(sharding: Any) -> Any:
    """Mesh of a sharding, a mesh itself, or None."""
    return sharding if isinstance(sharding, Mesh) else getattr(sharding, "mesh", None)


def _where(devices: Collection[Any]) -> str:
    ids = sorted(d.id for d in devices)
    return f"device ids {ids} on platform {next(iter(devices)).platform.upper()}"


def public(sharding: Any) -> Sharding:
    """What users see of a placement of the runtime."""
    found = getattr(sharding, "public", None)
    return _single(sharding._device) if found is None else found


@lru_cache(maxsize=4096)
def _single(device: Any) -> SingleDeviceSharding:
    return SingleDeviceSharding(device)
