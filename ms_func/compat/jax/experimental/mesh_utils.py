"""`jax.experimental.mesh_utils`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import ms_func

__all__ = ["create_device_mesh", "create_hybrid_device_mesh"]


def create_device_mesh(
    mesh_shape: Sequence[int], devices: Sequence[Any] | None = None, *,
    contiguous_submeshes: bool = False, allow_split_physical_axes: bool = False,
) -> np.ndarray:  # fmt: skip
    """Devices as an array of a shape, in their order.

    Raises:
        ValueError: the number of devices is not the product of the shape.
    """
    found = list(ms_func.devices() if devices is None else devices)
    if np.prod(mesh_shape) != len(found):
        raise ValueError(
            f"Number of devices {len(found)} must equal the product of mesh_shape {mesh_shape}"
        )
    out = np.empty(len(found), object)
    out[:] = found
    return out.reshape(tuple(mesh_shape))


def create_hybrid_device_mesh(
    mesh_shape: Sequence[int], dcn_mesh_shape: Sequence[int],
    devices: Sequence[Any] | None = None, *, process_is_granule: bool = False,
    should_sort_granules_by_key: bool = True, allow_split_physical_axes: bool = False,
) -> np.ndarray:  # fmt: skip
    """Devices of several granules, joined by a slower network, as one array.

    Args:
        mesh_shape: shape within a granule.
        dcn_mesh_shape: shape of the granules; each dimension of the result is the product of both.
        devices: by default all.
        process_is_granule: whether a granule is what belongs to a process, instead of a slice.
        should_sort_granules_by_key: whether granules stand in the order of their numbers.
        allow_split_physical_axes: accepted.

    Raises:
        ValueError: the devices do not tell their granule, or their numbers do not fit the shapes.
    """
    found = list(ms_func.devices() if devices is None else devices)
    attribute = "process_index" if process_is_granule else "slice_index"
    granules: dict[Any, list[Any]] = {}
    for device in found:
        if not hasattr(device, attribute):
            raise ValueError(
                f"Device {device} does not have attribute {attribute}\nfix: process_is_granule=True"
            )
        granules.setdefault(getattr(device, attribute), []).append(device)
    if np.prod(dcn_mesh_shape) != len(granules):
        raise ValueError(
            f"Number of slices {len(granules)} must equal the product of dcn_mesh_shape "
            f"{tuple(dcn_mesh_shape)}"
        )
    order = sorted(granules) if should_sort_granules_by_key else list(granules)
    blocks = np.empty(len(order), object)
    blocks[:] = [create_device_mesh(mesh_shape, granules[k]) for k in order]
    return np.block(blocks.reshape(tuple(dcn_mesh_shape)).tolist())
