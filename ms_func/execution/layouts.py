"""Layouts the partitioner chose, in terms of the axes of a mesh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, permutations
from typing import Any

import numpy as np

from ms_func.errors import ShardingError
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec

Tiling = tuple[Sequence[int], Sequence[int], bool] | None


def named_layout(mesh: Any, ndim: int, tiling: Tiling) -> NamedSharding:
    """Sharding over `mesh` that equals a tiling.

    Args:
        mesh: mesh of the program, its devices numbered in row-major order.
        ndim: rank of the value.
        tiling: tile counts, devices in tile order, whether the last count is of copies; None
            where every device holds the whole value.

    The partitioner may split along a part of an axis; the sharding is then over a mesh of the same
    devices with finer axes.

    Raises:
        ShardingError: the tiling follows no axes of the mesh.
    """
    if tiling is None:
        return NamedSharding(mesh, PartitionSpec())
    found = _fitted(mesh, ndim, tiling) or _fitted(_finer(mesh), ndim, tiling)
    if found is None:
        raise ShardingError(f"the partitioner chose a layout that does not follow {mesh}")
    return found


def _finer(mesh: Mesh) -> Mesh:
    """The same devices with one axis for each prime factor of an axis."""
    sizes, names = [], []
    for name, n in mesh.shape_tuple:
        factors, k = [], 2
        while n > 1:
            while n % k == 0:
                factors.append(k)
                n //= k
            k += 1
        sizes += factors
        names += (
            [name] * len(factors)
            if len(factors) < 2
            else [f"{name}:{i}" for i in range(len(factors))]
        )
    return Mesh(mesh.devices.reshape(sizes), names)


def _fitted(mesh: Mesh, ndim: int, tiling: Any) -> NamedSharding | None:
    counts, devices, _ = tiling
    tiles = np.asarray(devices).reshape(tuple(counts))
    place = np.empty((len(counts), mesh.size), np.int64)
    place[:, tiles.ravel()] = np.indices(tiles.shape).reshape(len(counts), -1)
    entries, left = [], [a for a in mesh.axis_names if mesh.shape[a] > 1]
    for dim in range(ndim):
        axes = _axes_of(mesh, counts[dim], place[dim], left)
        if axes is None:
            return None
        left = [a for a in left if a not in axes]
        entries.append(axes)
    while entries and not entries[-1]:
        entries.pop()
    return NamedSharding(mesh, PartitionSpec(*entries))


def _axes_of(mesh: Any, count: int, place: np.ndarray, axes: Sequence[Any]) -> Any:
    """Axes, major first, along which tile numbers of one dimension run."""
    if count == 1:
        return ()
    where = dict(
        zip(mesh.axis_names, np.indices(mesh.axis_sizes).reshape(len(mesh.shape), -1), strict=True)
    )
    for order in chain.from_iterable(permutations(axes, n + 1) for n in range(len(axes))):
        sizes = [mesh.shape[a] for a in order]
        if math.prod(sizes) == count:
            tile = np.ravel_multi_index([where[a] for a in order], sizes)
            if np.array_equal(tile, place):
                return order
    return None
