"""Regions of manual computation: which devices talk to each other along a mesh axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir
from ms_func.lowering.shardings import manual_text

_INDEX = ArrayType((), np.int32)
_ID = ArrayType((), np.uint32)


class Manual:
    """The mesh of a region, and the numbers that its devices have in the program.

    Attributes:
        mesh: the mesh.
        axes: its axes that are manual here.
        order: number of each device, one dimension per axis of the mesh.
    """

    def __init__(self, mesh: Any, axes: frozenset[Any], order: Sequence[int]) -> None:
        self.mesh = mesh
        self.axes = axes
        self.order = np.asarray(order, np.int64).reshape(mesh.axis_sizes)

    def key(self) -> tuple[Any, ...]:
        """What programs lowered inside of the region depend on."""
        return (self.mesh, self.axes)

    def size(self, axes: Sequence[Any]) -> int:
        """Number of devices along the axes."""
        return math.prod(self.mesh.shape[a] for a in axes)

    def replica_groups(
        self, axes: Sequence[Any], groups: Sequence[Sequence[int]] | None
    ) -> tuple[tuple[int, ...], ...]:
        """Devices that communicate along the axes, in the order of their indices there.

        Args:
            axes: names, major first.
            groups: indices along the axes that stay among themselves; None for all of them.
        """
        names = self.mesh.axis_names
        places = [names.index(a) for a in axes]
        rest = [i for i in range(len(names)) if i not in places]
        rows = self.order.transpose([*rest, *places]).reshape(-1, self.size(axes))
        if groups is None:
            return tuple(map(tuple, rows.tolist()))
        width = max(map(len, groups))  # the format asks for rows of one length, filled with -1
        return tuple(
            (*(row[i] for i in group), *[-1] * (width - len(group)))
            for row in rows.tolist()
            for group in groups
        )

    def axis_index(self, b: Any, axes: Sequence[Any]) -> Any:
        """Index of the device that runs the program along one axis: an int32.

        A device knows its number only where all axes are manual.
        """
        (axis,) = axes
        rest = [a for a in self.mesh.axis_names if a not in self.axes]
        if not rest:
            return self._own_index(b, axis)
        shared = [(NamedSharding(self.mesh, PartitionSpec()), 0)]
        texts = manual_text(b.lowerer.mesh_symbol(self.mesh), rest, [], shared, False)
        attributes = {name: mlir.parsed(text) for name, text in texts.items()}
        (found,) = b.nested(
            "sdy.manual_computation", "sdy.return", [_INDEX], [], attributes, [],
            lambda inner: [self._own_index(inner, axis)],
        )  # fmt: skip
        return found

    def _own_index(self, b: Any, axis: Any) -> Any:
        names, sizes = self.mesh.axis_names, self.mesh.axis_sizes
        place = names.index(axis)
        number = b.convert(b.op("stablehlo.partition_id", [_ID], []), _INDEX)
        flat = self.order.reshape(-1)
        if not np.array_equal(flat, np.arange(flat.size)):
            number = self._position(b, number, np.argsort(flat))
        stride = math.prod(sizes[place + 1 :])
        number = b.op("stablehlo.divide", [_INDEX], [number, b.constant(stride, _INDEX)])
        return b.op("stablehlo.remainder", [_INDEX], [number, b.constant(sizes[place], _INDEX)])

    def _position(self, b: Any, number: Any, places: np.ndarray) -> Any:
        """Place in the mesh of the device with a number, looked up in a table."""
        table = b.array_constant(places.astype(np.int32))
        one = ArrayType((1,), np.int32)
        found = b.op(
            "stablehlo.dynamic_slice", [one], [table, number],
            {"slice_sizes": mlir.int_array((1,))},
        )  # fmt: skip
        return b.reshape(found, _INDEX)
