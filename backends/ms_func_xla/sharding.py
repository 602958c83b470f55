"""Layouts over several devices as the runtime wants them: subclasses of its C++ class.

The core describes a layout by plain numbers (`iota_tiling`) and index maps; the runtime's
dispatcher needs an object of its own type. `public` leads back to the core's object, which
is what users see as `array.sharding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from jaxlib import xla_client
from jaxlib.xla_client import DeviceList, HloSharding

from ms_func_xla.compat import REPLICATED

_COPIES = xla_client.OpSharding.Type.REPLICATED


class MeshSharding(xla_client.GSPMDSharding):
    """Layout of arrays of one rank over the devices of a mesh.

    Args:
        public: the core's sharding object.
        ndim: rank of the arrays.
    """

    def __init__(self, public: Any, ndim: int) -> None:
        self.public = public
        self._key = (public, ndim)
        self._hash = hash(self._key)
        super().__init__(DeviceList(tuple(public.device_list)), _hlo_sharding(public, ndim))

    def _to_xla_hlo_sharding(self, ndim: int) -> Any:
        return self._hlo_sharding

    memory_kind = property(attrgetter("_memory_kind"), doc="Memory space of the devices, or None.")

    @property
    def device_order(self) -> Sequence[Any]:
        """Devices in the order of partitions."""
        return self.public.device_list

    @property
    def device_set(self) -> set[Any]:
        """The devices."""
        return self.public.device_set

    @property
    def is_fully_replicated(self) -> bool:
        """Whether every device holds the whole array."""
        return self.public.is_fully_replicated

    def addressable_devices_indices_map(self, shape: Sequence[int]) -> dict[Any, Any]:
        """For each device of this process, the slices of the whole array that it holds."""
        return self.public.addressable_devices_indices_map(shape)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is MeshSharding and self._hash == other._hash and self._key == other._key
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"MeshSharding({self.public})"


def _hlo_sharding(public: Any, ndim: int) -> Any:
    """XLA's form of a layout: tiles in the order of the mesh axes they run over."""
    tiling = public.iota_tiling(ndim)
    if tiling is None:
        return REPLICATED
    counts, mesh_shape, order, copies = tiling
    return HloSharding.iota_tile(
        list(counts), list(mesh_shape), list(order), [_COPIES] if copies else []
    )


@lru_cache(maxsize=4096)
def mesh_sharding(public: Any, ndim: int) -> MeshSharding:
    """The one runtime object for a layout and rank, so that caches hit by identity."""
    return MeshSharding(public, ndim)


def tiling_of(hlo_sharding: Any) -> tuple[list[int], list[int], bool] | None:
    """Tile counts, devices in tile order and whether the last count is of copies; None if whole."""
    hlo_sharding = HloSharding.from_proto(hlo_sharding)
    if hlo_sharding.is_replicated() or hlo_sharding.is_unknown():
        return None
    return (
        list(hlo_sharding.tile_assignment_dimensions()),
        list(hlo_sharding.tile_assignment_devices()),
        hlo_sharding.replicate_on_last_tile_dim(),
    )
