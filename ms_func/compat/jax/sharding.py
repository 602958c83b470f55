"""`jax.sharding`."""

from __future__ import annotations

from typing import Any

from ms_func.ir.mesh import use_mesh
from ms_func.ir.sharding import SingleDeviceSharding

__all__ = ["make_single_device_sharding", "use_abstract_mesh"]

use_abstract_mesh = use_mesh


def make_single_device_sharding(device: Any, *, memory_kind: Any = None) -> Any:
    """Sharding that places an array on one device."""
    return SingleDeviceSharding(device)
