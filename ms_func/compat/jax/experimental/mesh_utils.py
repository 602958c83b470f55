"""`jax.experimental.mesh_utils`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import ms_func

__all__ = ["create_device_mesh"]


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
