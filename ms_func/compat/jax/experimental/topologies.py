"""`jax.experimental.topologies`: the devices at hand; there are no descriptions of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ms_func
from ms_func.compat.jax.experimental.mesh_utils import create_device_mesh
from ms_func.errors import UnsupportedError
from ms_func.ir.mesh import Mesh

__all__ = ["TopologyDescription", "get_attached_topology", "get_topology_desc", "make_mesh"]


class TopologyDescription:
    """Devices that belong together."""

    def __init__(self, devices: list[Any]) -> None:
        self.devices = devices


def get_attached_topology(platform: str | None = None) -> TopologyDescription:
    """The devices of this machine."""
    return TopologyDescription(ms_func.devices(platform))


def get_topology_desc(
    topology_name: str = "", platform: str | None = None, **kwargs: Any
) -> TopologyDescription:
    """Refused.

    Raises:
        NotImplementedError: always: programs are compiled for devices that are there.
    """
    raise UnsupportedError(
        f"a topology by name ({topology_name!r}): programs are compiled for devices at hand\n"
        "fix: get_attached_topology()"
    )


def make_mesh(
    topo: TopologyDescription, mesh_shape: Sequence[int], axis_names: tuple[str, ...], *,
    contiguous_submeshes: bool = False,
) -> Mesh:  # fmt: skip
    """Mesh over the devices of a topology."""
    found = create_device_mesh(mesh_shape, topo.devices, contiguous_submeshes=contiguous_submeshes)
    return Mesh(found, axis_names)
