"""The pieces of an array on its devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ms_func.execution.buffers import default_backend
from ms_func.ir.types import ArrayType


@dataclass(frozen=True, eq=False)
class Shard:
    """What one device holds of an array.

    Attributes:
        device: the device.
        index: the slices of the whole array.
        replica_id: number among the devices that hold the same piece.
    """

    device: Any
    index: tuple[slice, ...]
    replica_id: int
    _make: Callable[[], Any]

    @property
    def data(self) -> Any:
        """The piece as an array on that device."""
        return self._make()

    def __repr__(self) -> str:
        return (
            f"Shard(device={self.device!r}, index={self.index}, replica_id={self.replica_id}, "
            f"data={self.data})"
        )


def shards_of(buffer: Any, sharding: Any, wrap: Callable[[Any], Any]) -> list[Shard]:
    """Pieces of a buffer on the devices of this process, in the order of the mesh."""
    kind = buffer.aval
    index = sharding.devices_indices_map(kind.shape)
    local = [d for d in index if d in sharding.addressable_devices]
    pieces = dict(zip(local, buffer._arrays, strict=True))
    type = ArrayType(sharding.shard_shape(kind.shape), kind.dtype, kind.weak_type)
    seen: Counter[str] = Counter()
    found = []
    for device, where in index.items():
        key = str(where)
        if device in pieces:
            piece = pieces[device]
            make = _maker(piece, type, device, wrap)
            found.append(Shard(device, where, seen[key], make))
        seen[key] += 1
    return found


def _maker(piece: Any, type: ArrayType, device: Any, wrap: Callable[[Any], Any]) -> Any:
    return lambda: wrap(default_backend().label(piece, type, device))
