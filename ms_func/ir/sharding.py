"""Which dimension of an array lies on which mesh axes.

A `PartitionSpec` names mesh axes per dimension; with a mesh it is a `NamedSharding`. The
derived facts (tiles of each device, the runtime's tiling numbers) are plain integers, so
that backends need no logic of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ms_func import config
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShardingError
from ms_func.ir.mesh import AbstractMesh, Mesh, is_local

Shape = tuple[int, ...]
Index = tuple[slice, ...]


class _Unconstrained:
    """Entry of a spec: the compiler may lay out this dimension as it likes."""

    def __repr__(self) -> str:
        return "UNCONSTRAINED"

    def __reduce__(self) -> str:
        return "UNCONSTRAINED"


UNCONSTRAINED = _Unconstrained()


class PartitionSpec:
    """For each dimension, the mesh axis or axes it is split along.

    Entries: None (not split), an axis name, a tuple of names (major first), `UNCONSTRAINED`
    or `...` (left to the compiler or planner). Dimensions beyond the entries are not split.

    Args:
        *partitions: entries.
        unreduced: axes along which the value is a sum still to be added up.
        reduced: axes along which its cotangent is such a sum; values lie as without it.

    Raises:
        TypeError: `unreduced` or `reduced` is no set.
        ValueError: an axis stands in two of the three, or one of the sets has None.

    Example:
        >>> PartitionSpec("data", None, ("x", "y"))
        P('data', None, ('x', 'y'))
    """

    UNCONSTRAINED = UNCONSTRAINED
    __match_args__ = ("partitions",)
    __slots__ = ("partitions", "reduced", "unreduced")

    partitions: tuple[Any, ...]
    unreduced: frozenset[Any]
    reduced: frozenset[Any]

    def __init__(
        self, *partitions: Any, unreduced: Any = frozenset(), reduced: Any = frozenset()
    ) -> None:
        self.partitions = tuple(_entry(p) for p in partitions)
        self.unreduced = self.reduced = frozenset()
        if unreduced or reduced:
            self.unreduced, self.reduced = _summed(self.axes(), unreduced, reduced)

    def axes(self) -> list[Any]:
        """All axis names, in order."""
        return [a for p in self.partitions for a in entry_axes(p)]

    def update(self, *, partitions: Sequence[Any] | None = None, **changes: Any) -> PartitionSpec:
        """The same spec with some parts replaced."""
        entries = self.partitions if partitions is None else partitions
        return PartitionSpec(*entries, **{**self._sums(), **changes})

    def _sums(self) -> dict[str, Any]:
        return {"unreduced": self.unreduced, "reduced": self.reduced}

    def index(self, value: Any) -> int:
        """Position of the first entry equal to `value`."""
        return self.partitions.index(_entry(value))

    def count(self, value: Any) -> int:
        """Number of entries equal to `value`."""
        return self.partitions.count(_entry(value))

    def __len__(self) -> int:
        return len(self.partitions)

    def __getitem__(self, i: Any) -> Any:
        return self.partitions[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.partitions)

    def __add__(self, other: PartitionSpec | tuple[Any, ...]) -> PartitionSpec:
        return PartitionSpec(*self.partitions, *other, **self._sums())

    def __radd__(self, other: tuple[Any, ...]) -> PartitionSpec:
        return PartitionSpec(*other, *self.partitions, **self._sums())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PartitionSpec)
            and self.partitions == other.partitions
            and self._sums() == other._sums()
        )

    def __hash__(self) -> int:
        return hash((self.partitions, self.unreduced, self.reduced))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_spec, (self.partitions, self.unreduced, self.reduced)

    def __repr__(self) -> str:
        inside = ", ".join(map(repr, self.partitions)) + "," * (len(self.partitions) == 1)
        for name in ("unreduced", "reduced"):
            if axes := getattr(self, name):
                inside = inside.rstrip(",") + ", " * bool(inside)
                inside += f"{name}={set(axes)!r}"
        return f"P({inside})"


P = PartitionSpec


def _rebuild_spec(partitions: tuple[Any, ...], *sums: frozenset[Any]) -> PartitionSpec:
    return PartitionSpec(*partitions, **dict(zip(("unreduced", "reduced"), sums, strict=False)))


def _summed(axes: Sequence[Any], *given: Any) -> list[frozenset[Any]]:
    """The sets `unreduced` and `reduced` of a spec that splits along `axes`."""
    for name, held in zip(("unreduced", "reduced"), given, strict=True):
        if not isinstance(held, (set, frozenset)):
            kind = type(held).__name__
            raise ArgumentTypeError(f"{name} of PartitionSpec should be of type `set`. Got {kind}")
        if None in held:
            raise ArgumentValueError(f"{name} cannot contain None")
        if held & set(axes):
            raise ArgumentValueError(f"partitions cannot overlap with {name} axes passed to "
                                     f"PartitionSpec. Got partitions: {tuple(axes)} and {name} "
                                     f"axes: {frozenset(held)}")  # fmt: skip
    if given[0] & given[1]:
        raise ArgumentValueError("`unreduced` and `reduced` argument to PartitionSpec cannot "
                                 f"overlap. Got {given[0]} and {given[1]}")  # fmt: skip
    return [frozenset(held) for held in given]


def _entry(p: Any) -> Any:
    """Canonical entry: no empty tuple, no tuple of one, no `...`."""
    if p is ...:
        return UNCONSTRAINED
    if isinstance(p, (tuple, list)):
        p = tuple(p)
        return None if not p else p[0] if len(p) == 1 else p
    return p


def entry_axes(p: Any) -> tuple[Any, ...]:
    """Axis names of one entry."""
    if p is None or p is UNCONSTRAINED:
        return ()
    return p if isinstance(p, tuple) else (p,)


class Sharding:
    """How an array is laid out over devices; the base of the kinds of sharding.

    Attributes:
        memory_kind: memory of the devices, None for the usual one.

    Example:
        >>> sharding = np.zeros((4, 2)).sharding
        >>> isinstance(sharding, ms.sharding.Sharding), sharding.shard_shape((4, 2))
        (True, (4, 2))
    """

    @property
    def memory_kind(self) -> str | None:
        """Name of a memory of the devices, None for the usual one."""
        return None

    @property
    def device_list(self) -> tuple[Any, ...]:
        """Devices in the order in which a program numbers its partitions."""
        raise NotImplementedError

    def tiles(self, ndim: int) -> list[tuple[int, np.ndarray]]:
        """Per dimension: number of tiles, and the tile of each device of `device_list`."""
        raise NotImplementedError

    @property
    def num_devices(self) -> int:
        """Number of devices."""
        return len(self.device_list)

    @cached_property
    def device_set(self) -> set[Any]:
        """The devices."""
        return set(self.device_list)

    @cached_property
    def addressable_devices(self) -> set[Any]:
        """The devices of this process."""
        return {d for d in self.device_list if is_local(d)}

    @property
    def _device_assignment(self) -> tuple[Any, ...]:  # libraries written for JAX ask for it
        return tuple(self.device_list)

    @property
    def _addressable_device_assignment(self) -> tuple[Any, ...]:
        return tuple(d for d in self.device_list if is_local(d))

    @property
    def has_addressable_devices(self) -> bool:
        """Whether some device belongs to this process."""
        return bool(self.addressable_devices)

    @property
    def is_fully_addressable(self) -> bool:
        """Whether all devices belong to this process."""
        return len(self.addressable_devices) == len(self.device_set)

    @property
    def is_fully_replicated(self) -> bool:
        """Whether every device holds the whole array."""
        return self.num_devices == 1

    def shard_shape(self, global_shape: Sequence[int]) -> Shape:
        """Shape of the piece each device holds of an array of shape `global_shape`.

        Args:
            global_shape: shape of the whole array.

        Raises:
            ShardingError: a dimension is not divisible by its number of pieces, or the array has
                fewer dimensions than the sharding.

        Example:
            >>> rows = ms.NamedSharding(ms.sharding.Mesh((4,), ("x",)), ms.P("x"))
            >>> rows.shard_shape((8, 3))
            (2, 3)
        """
        shape = tuple(global_shape)
        counts = [n for n, _ in self.tiles(len(shape))]
        for dim, (size, n) in enumerate(zip(shape, counts, strict=True)):
            if size % n:
                raise ShardingError(
                    f"Sharding {self} implies that array axis {dim} is partitioned {n} times, but "
                    f"the dimension size is {size} (full shape: {shape}, per-dimension tiling "
                    f"factors: {counts} should evenly divide the shape)\n"
                    "fix: pad the array to a multiple, or leave that dimension whole"
                )
        return tuple(size // n for size, n in zip(shape, counts, strict=True))

    def devices_indices_map(self, global_shape: Sequence[int]) -> dict[Any, Index]:
        """For each device, the slices of the whole array that it holds.

        Args:
            global_shape: shape of the whole array.

        Returns:
            Dict from devices to tuples of slices, one for each dimension; `slice(None)` is the
            whole.

        Raises:
            ShardingError: the layout does not fit the shape.

        Example:
            >>> place = ms.sharding.SingleDeviceSharding(ms.devices()[0])
            >>> list(place.devices_indices_map((8, 3)).values())
            [(slice(None, None, None), slice(None, None, None))]
        """
        shape = tuple(global_shape)
        piece, tiles = self.shard_shape(shape), self.tiles(len(shape))
        return {
            device: tuple(
                slice(None) if n == 1 else slice(int(at[k]) * size, (int(at[k]) + 1) * size)
                for size, (n, at) in zip(piece, tiles, strict=True)
            )
            for k, device in enumerate(self.device_list)
        }

    def addressable_devices_indices_map(self, global_shape: Sequence[int]) -> dict[Any, Index]:
        """`devices_indices_map` of the devices of this process.

        Args:
            global_shape: shape of the whole array.

        Raises:
            ShardingError: the layout does not fit the shape.
        """
        local = self.addressable_devices
        return {d: i for d, i in self.devices_indices_map(global_shape).items() if d in local}

    def is_equivalent_to(self, other: Sharding, ndim: int) -> bool:
        """Whether arrays of `ndim` dimensions lie alike under both.

        Args:
            other: another sharding.
            ndim: number of dimensions of the arrays.

        Example:
            >>> mesh = ms.make_mesh((1,), ("x",))
            >>> whole, cut = ms.NamedSharding(mesh, ms.P()), ms.NamedSharding(mesh, ms.P("x"))
            >>> whole == cut, whole.is_equivalent_to(cut, 1)  # one piece
            (False, True)
        """
        if self is other:
            return True
        if not isinstance(other, Sharding) or self.device_list != other.device_list:
            return False
        if self.memory_kind != other.memory_kind:
            return False
        pairs = zip(self.tiles(ndim), other.tiles(ndim), strict=True)
        return all(n == m and np.array_equal(a, b) for (n, a), (m, b) in pairs)

    def check_compatible_aval(self, aval_shape: Sequence[int]) -> None:
        """Raise ShardingError where an array of this shape cannot be laid out so.

        Args:
            aval_shape: shape of the array.

        Raises:
            ShardingError: the array has fewer dimensions than the sharding.
        """
        self.tiles(len(tuple(aval_shape)))

    def with_memory_kind(self, kind: str | None) -> Sharding:
        """The same layout in another memory of the devices."""
        raise NotImplementedError


class NamedSharding(Sharding):
    """A mesh and a spec that says which dimension lies on which of its axes.

    Args:
        mesh: `Mesh`, or `AbstractMesh` where only types are needed.
        spec: `PartitionSpec`.
        memory_kind: name of a memory of the devices, or None for the default.

    Raises:
        ShardingError: the spec names an axis that the mesh does not have, or one axis twice.

    Example:
        >>> NamedSharding(Mesh((2, 4), ("x", "y")), P("y")).shard_shape((8, 3))
        (2, 3)
    """

    def __init__(
        self, mesh: AbstractMesh, spec: PartitionSpec, *, memory_kind: str | None = None
    ) -> None:
        if not isinstance(spec, PartitionSpec):
            raise TypeError(
                f"NamedSharding expects a PartitionSpec, got {spec!r} of type "
                f"{type(spec).__name__}\nfix: write P(...)"
            )
        if not isinstance(mesh, AbstractMesh):
            raise TypeError(
                f"NamedSharding expects a mesh, got {mesh!r} of type {type(mesh).__name__}"
            )
        self.mesh, self.spec, self._kind = mesh, spec, None
        if memory_kind is not None:
            device = mesh.devices.flat[0] if isinstance(mesh, Mesh) and mesh.size else None
            self._kind = _memory(device, memory_kind)
        self._hash = hash((mesh, spec, self._kind))
        _check_axes(mesh, spec)

    @property
    def memory_kind(self) -> str | None:
        """Name of a memory of the devices; None where they are not known yet."""
        if self._kind is None and isinstance(self.mesh, Mesh) and self.mesh.is_placed:
            return _usual_memory(self.mesh.devices.flat[0])
        return self._kind

    @property
    def device_list(self) -> tuple[Any, ...]:
        """Devices of the mesh in row-major order."""
        return self._device_list

    @cached_property
    def _device_list(self) -> tuple[Any, ...]:
        if not isinstance(self.mesh, Mesh):
            raise ShardingError(f"{self} has an abstract mesh, which has no devices")
        return tuple(self.mesh.devices.flat)

    @property
    def num_devices(self) -> int:
        """Number of devices of the mesh."""
        return self.mesh.size

    @cached_property
    def is_fully_replicated(self) -> bool:  # type: ignore[override]
        """Whether no dimension is split along an axis of more than one device."""
        sizes = self.mesh.shape
        return all(sizes[a] == 1 for a in self.spec.axes()) and not self.spec.unreduced

    def dim_axes(self, ndim: int) -> tuple[tuple[Any, ...], ...]:
        """Mesh axes of each dimension.

        Raises:
            ShardingError: the spec has more entries than the array has dimensions.
        """
        entries = self.spec.partitions
        if len(entries) > ndim:
            raise ShardingError(
                f"Sharding {self} is only valid for values of rank at least {len(entries)}, but "
                f"was applied to a value of rank {ndim}"
                + (". For scalars the PartitionSpec should be P()" if ndim == 0 else "")
                + "\nfix: give the spec no more entries than the array has dimensions"
            )
        return tuple(map(entry_axes, entries)) + ((),) * (ndim - len(entries))

    def tiles(self, ndim: int) -> list[tuple[int, np.ndarray]]:
        """Per dimension: number of tiles, and the tile of each device in row-major order."""
        sizes = self.mesh.shape
        where = np.indices(self.mesh.axis_sizes).reshape(len(sizes), -1)
        at = dict(zip(self.mesh.axis_names, where, strict=True))
        found = []
        for axes in self.dim_axes(ndim):
            tile, count = np.zeros(self.mesh.size, np.int64), 1
            for a in axes:
                tile, count = tile * sizes[a] + at[a], count * sizes[a]
            found.append((count, tile))
        return found

    def iota_tiling(self, ndim: int) -> tuple[Shape, Shape, Shape, bool] | None:
        """Tiling numbers as XLA writes them, or None where nothing is split.

        Returns:
            tile counts (a last one for copies, if any); mesh shape; order in which mesh axes
            are used; whether the last tile dimension counts copies.
        """
        sizes, names = self.mesh.shape, self.mesh.axis_names
        per_dim = self.dim_axes(ndim)
        used = [a for axes in per_dim for a in axes]
        counts = [math.prod(sizes[a] for a in axes) for axes in per_dim]
        if math.prod(counts) == 1:
            return None
        rest = [a for a in names if a not in used]
        copies = math.prod(sizes[a] for a in rest)
        order = tuple(names.index(a) for a in (*used, *rest))
        tail = (copies,) if copies > 1 else ()
        return (*counts, *tail), self.mesh.axis_sizes, order, copies > 1

    @property
    def replicated_axes(self) -> frozenset[Any]:
        """Mesh axes along which the array is copied."""
        return frozenset(self.mesh.axis_names) - set(self.spec.axes()) - self.spec.unreduced

    def with_dims(self, dims: Sequence[tuple[Any, ...]]) -> NamedSharding | None:
        """Layout over the same mesh with the given axes per dimension; None if nothing is cut."""
        if not any(dims):
            return None
        spec = PartitionSpec(*[d[0] if len(d) == 1 else d or None for d in dims])
        return NamedSharding(self.mesh, spec)

    def update(self, **changes: Any) -> NamedSharding:
        """The same sharding with some fields replaced.

        Args:
            **changes: `mesh`, `spec` or `memory_kind`.

        Example:
            >>> whole = ms.NamedSharding(ms.make_mesh((1,), ("x",)), ms.P())
            >>> whole.update(spec=ms.P("x")).spec
            P('x',)
        """
        fields = {"mesh": self.mesh, "spec": self.spec, "memory_kind": self._kind, **changes}
        return NamedSharding(fields.pop("mesh"), fields.pop("spec"), **fields)

    def with_memory_kind(self, kind: str | None) -> NamedSharding:
        """The same layout in another memory of the devices."""
        return NamedSharding(self.mesh, self.spec, memory_kind=kind)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is NamedSharding
            and self._hash == other._hash
            and self.spec == other.spec
            and self._kind == other._kind
            and self.mesh == other.mesh
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_named, (self.mesh, self.spec, self._kind)

    def __repr__(self) -> str:
        kind = _shown(self._kind, self)
        return f"NamedSharding(mesh={self.mesh}, spec={self.spec}{kind})"


def _rebuild_named(mesh: Any, spec: Any, memory_kind: Any) -> NamedSharding:
    return NamedSharding(mesh, spec, memory_kind=memory_kind)


def _check_axes(mesh: AbstractMesh, spec: PartitionSpec) -> None:
    """Raise ShardingError for unknown axes and axes used twice."""
    seen = set()
    for a in [*spec.axes(), *spec.unreduced]:
        if a not in mesh.axis_names:
            raise ShardingError(
                f"Resource axis: {a} of {spec} is not found in mesh: {mesh.axis_names}.\n"
                "fix: name axes of this mesh, or None for dimensions that stay whole"
            )
        if a in seen:
            raise ShardingError(
                "A single NamedSharding spec specification can map every mesh axis to at most one "
                f"positional dimension, but {spec} has duplicate entries for `{a}`"
            )
        seen.add(a)


class SingleDeviceSharding(Sharding):
    """The whole array on one device.

    Args:
        device: the device.
        memory_kind: one of its memories, None for the usual one.

    Example:
        >>> place = ms.sharding.SingleDeviceSharding(ms.devices()[0])
        >>> ms.device_put(np.arange(2), place).sharding == place
        True
    """

    def __init__(self, device: Any, *, memory_kind: str | None = None) -> None:
        self._device = device
        self._kind = None if memory_kind is None else _memory(device, memory_kind)

    @property
    def memory_kind(self) -> str | None:
        """Name of a memory of the device."""
        return self._kind or _usual_memory(self._device)

    @property
    def device_list(self) -> tuple[Any, ...]:
        """The one device."""
        return (self._device,)

    def tiles(self, ndim: int) -> list[tuple[int, np.ndarray]]:
        """One tile in each dimension."""
        return [(1, np.zeros(1, np.int64))] * ndim

    def with_memory_kind(self, kind: str | None) -> SingleDeviceSharding:
        """The same device, another of its memories."""
        return SingleDeviceSharding(self._device, memory_kind=kind)

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is SingleDeviceSharding
            and self._device == other._device
            and self._kind == other._kind
        )

    def __hash__(self) -> int:
        return hash((self._device, self._kind))

    def __repr__(self) -> str:
        kind = _shown(self._kind, self)
        return f"SingleDeviceSharding(device={self._device!r}{kind})"


def _memory(device: Any, kind: str) -> str | None:
    """The name of a memory of a device; None for the usual one.

    Raises:
        ShardingError: the device has no such memory.
    """
    if not hasattr(device, "addressable_memories"):
        return kind
    kinds = [m.kind for m in device.addressable_memories()]
    if kind not in kinds:
        raise ShardingError(
            f"Could not find memory addressable by device {device.platform}. Device "
            f"{device.platform} can address the following memory kinds: {', '.join(kinds)}. Got "
            f"memory kind: {kind}"
        )
    return None if kind == _usual_memory(device) else kind


def _usual_memory(device: Any) -> str | None:
    return device.default_memory().kind if hasattr(device, "default_memory") else None


def _shown(kind: str | None, sharding: Any) -> str:
    """How a sharding shows its memory: where it is not the usual one, and always as in JAX."""
    if config.jax_rules():
        kind = sharding.memory_kind
    return f", memory_kind={kind}" if kind else ""
