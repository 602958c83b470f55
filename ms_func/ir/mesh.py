"""A mesh: devices laid out along named axes, slowest link first.

A mesh given by sizes alone needs no devices until something runs on it, so a program for
1,024 devices can be planned on a laptop.
"""

from __future__ import annotations

import enum
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ms_func import backend, config
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShardingError


class Link(NamedTuple):
    """How the devices along one mesh axis are connected.

    Attributes:
        alpha: seconds to start one message step.
        beta: seconds per byte.
        algorithm: "ring", "tree" or "full".
        shared: axis whose wires this axis uses too, or None.

    Example:
        >>> from ms_func.sharding import AbstractMesh, Link
        >>> slow = Link(alpha=1e-5, beta=1e-9)  # between machines
        >>> mesh = AbstractMesh((2, 8), ("machine", "device"), links={"machine": slow})
        >>> mesh.links["machine"].beta
        1e-09
    """

    alpha: float = 1e-6
    beta: float = 1e-10
    algorithm: str = "ring"
    shared: str | None = None


class AxisType(enum.Enum):
    """Who decides how arrays lie along a mesh axis.

    Attributes:
        Auto: the compiler, from the layouts of arguments and constraints, or the planner.
        Explicit: the program: types of arrays tell their layout along the axis.
        Manual: the function of `shard_map`, which computes with the pieces.

    Example:
        >>> from ms_func.sharding import AbstractMesh, AxisType
        >>> AbstractMesh((2,), ("x",), axis_types=AxisType.Explicit).axis_types
        (Explicit,)
    """

    Auto = enum.auto()
    Explicit = enum.auto()
    Manual = enum.auto()

    def __repr__(self) -> str:
        return self.name


class AbstractDevice(NamedTuple):
    """A kind of device, none of which needs to be there.

    Attributes:
        device_kind: name of the kind.
        num_cores: number of its cores, where known.
        platform: "cpu", "cuda" or another.

    Example:
        >>> from ms_func.sharding import AbstractDevice
        >>> AbstractDevice("NVIDIA H100", None, "cuda").platform
        'cuda'
    """

    device_kind: str
    num_cores: int | None
    platform: str


class AbstractMesh:
    """Names and sizes of mesh axes, without devices.

    Args:
        axis_sizes: number of devices along each axis.
        axis_names: name of each axis.
        axis_types: `AxisType` of each axis, or one for all; None is `AxisType.Auto`.
        abstract_device: the kind of device that the mesh is meant for, an `AbstractDevice`.
        links: `Link` by axis name; the others get the default.

    Raises:
        ShardingError: sizes and names differ in number, a name is None or stands twice, or a size
            is not positive.

    Example:
        >>> AbstractMesh((2, 4), ("data", "model")).size
        8
    """

    axis_names: tuple[Any, ...]
    axis_sizes: tuple[int, ...]
    placed: AbstractMesh | None = None
    """Mesh with devices, where an array was asked for the mesh of its type."""

    def __init__(
        self,
        axis_sizes: Sequence[int],
        axis_names: Any,
        axis_types: Any = None,
        *,
        abstract_device: AbstractDevice | None = None,
        links: Mapping[str, Link] | None = None,
    ) -> None:
        names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        sizes = tuple(int(n) for n in axis_sizes)
        if None in names:
            raise ShardingError(f"Mesh axis names cannot be None. Got: {names}")
        if len(names) != len(sizes):
            raise ShardingError(
                f"Mesh requires one name for each axis, got sizes {sizes} and names {names}"
            )
        if len(set(names)) != len(names):
            raise ShardingError(f"Mesh axis names must differ from each other, got {names}")
        if any(n < 1 for n in sizes):
            raise ShardingError(f"Mesh axis sizes must be positive, got {sizes}")
        self.axis_names, self.axis_sizes = names, sizes
        self.axis_types = _axis_types(axis_types, names)
        self.abstract_device = abstract_device
        self.links = dict(links or {})
        self.size = math.prod(sizes)
        self._outer: list[Any] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in self.__dict__:
            raise AttributeError(f"cannot assign to field {name!r} of a mesh")
        super().__setattr__(name, value)

    def __deepcopy__(self, memo: Any) -> AbstractMesh:
        return self  # a mesh never changes, and devices cannot be copied

    @property
    def shape(self) -> OrderedDict[Any, int]:
        """Size of each axis by name, in order."""
        return OrderedDict(zip(self.axis_names, self.axis_sizes, strict=True))

    @property
    def shape_tuple(self) -> tuple[tuple[Any, int], ...]:
        """Pairs of name and size."""
        return tuple(zip(self.axis_names, self.axis_sizes, strict=True))

    @property
    def empty(self) -> bool:
        """Whether the mesh has no axis."""
        return not self.axis_names

    def axes_of_type(self, kind: AxisType) -> tuple[Any, ...]:
        """Names of the axes of a type.

        Args:
            kind: an `AxisType`.

        Example:
            >>> from ms_func.sharding import AbstractMesh, AxisType
            >>> mesh = AbstractMesh((2, 4), ("a", "b"), (AxisType.Auto, AxisType.Explicit))
            >>> mesh.axes_of_type(AxisType.Explicit)
            ('b',)
        """
        pairs = zip(self.axis_names, self.axis_types, strict=True)
        return tuple(name for name, k in pairs if k == kind)

    @property
    def auto_axes(self) -> tuple[Any, ...]:
        """Axes along which the partitioner chooses."""
        return self.axes_of_type(AxisType.Auto)

    @property
    def explicit_axes(self) -> tuple[Any, ...]:
        """Axes whose use is part of types."""
        return self.axes_of_type(AxisType.Explicit)

    @property
    def manual_axes(self) -> tuple[Any, ...]:
        """Axes of manual computation."""
        return self.axes_of_type(AxisType.Manual)

    @property
    def are_all_axes_auto(self) -> bool:
        """Whether the mesh has axes, all of them automatic."""
        return not self.empty and set(self.axis_types) == {AxisType.Auto}

    @property
    def are_all_axes_explicit(self) -> bool:
        """Whether the mesh has axes, all of them explicit."""
        return not self.empty and set(self.axis_types) == {AxisType.Explicit}

    @property
    def are_all_axes_manual(self) -> bool:
        """Whether the mesh has axes, all of them manual."""
        return not self.empty and set(self.axis_types) == {AxisType.Manual}

    @property
    def abstract_mesh(self) -> AbstractMesh:
        """The same axes without devices."""
        return AbstractMesh(self.axis_sizes, self.axis_names, self.axis_types, links=self.links)

    def update(
        self, axis_sizes: Any = None, axis_names: Any = None, axis_types: Any = None, **options: Any
    ) -> AbstractMesh:  # fmt: skip
        """The same mesh with other sizes, names or types of axes.

        Args:
            axis_sizes: number of devices along each axis; None for those of this mesh.
            axis_names: name of each axis; None likewise.
            axis_types: `AxisType` of each axis, or one for all; None likewise.
            **options: `links`, `abstract_device`.

        Example:
            >>> from ms_func.sharding import AbstractMesh
            >>> AbstractMesh((2, 4), ("a", "b")).update(axis_sizes=(1, 8)).shape["b"]
            8
        """
        return AbstractMesh(
            self.axis_sizes if axis_sizes is None else axis_sizes,
            self.axis_names if axis_names is None else axis_names,
            self.axis_types if axis_types is None else axis_types,
            **{"links": self.links, "abstract_device": self.abstract_device, **options},
        )

    def update_axis_types(self, name_to_type: Mapping[Any, AxisType]) -> AbstractMesh:
        """The same mesh with other types of the axes named.

        Args:
            name_to_type: `AxisType` by name; axes that are not named keep theirs.
        """
        pairs = zip(self.axis_names, self.axis_types, strict=True)
        return self.update(axis_types=tuple(name_to_type.get(n, t) for n, t in pairs))

    def link(self, axis: Any) -> Link:
        """Connection of the devices along `axis`.

        Args:
            axis: name of an axis.

        Returns:
            A `Link`; the default one where none was given.
        """
        return self.links.get(axis, Link())

    def _key(self) -> tuple[Any, ...]:
        return (self.axis_names, self.axis_sizes, self.axis_types, self.abstract_device)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is type(self) and self._key() == other._key()  # type: ignore[attr-defined]
        )

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        if not self.shape_tuple and type(self) is Mesh:
            return "Mesh()"
        axes = ", ".join(f"{n!r}: {s}" for n, s in self.shape_tuple) or "()"
        return f"{type(self).__name__}({axes}, axis_types={self.axis_types})"

    __repr__ = __str__

    def __enter__(self) -> AbstractMesh:
        self._outer.append(_context.mesh)
        _context.mesh = self
        return self

    def __exit__(self, *exc: object) -> None:
        _context.mesh = self._outer.pop()


_FIXED = frozenset({"axis_names", "axis_sizes", "axis_types"})


def _axis_types(axis_types: Any, names: tuple[Any, ...]) -> tuple[AxisType, ...]:
    count = len(names)
    if axis_types is None:
        return (AxisType.Auto,) * count
    found = (axis_types,) * count if isinstance(axis_types, AxisType) else tuple(axis_types)
    if len(found) != count:
        raise ShardingError(
            "Number of axis names should match the number of axis_types. Got "
            f"axis_names={names} and axis_types={found}"
        )
    if not all(isinstance(kind, AxisType) for kind in found):
        raise ArgumentTypeError(
            "axis_types passed to Mesh must be of type `jax.sharding.AxisType`. Got "
            f"{axis_types} of type {tuple(map(type, found))}"
        )
    return found


class Mesh(AbstractMesh):
    """Devices laid out along named axes.

    Args:
        devices: array of devices with one dimension per axis; or the sizes of the axes, in
            which case the first devices of the default backend are used when something runs.
        axis_names: name of each axis, the axis with the slowest link first.
        axis_types, links: as for `AbstractMesh`.

    Raises:
        ShardingError: the number of names is not the number of dimensions.

    Example:
        >>> dict(Mesh((2, 4), ("data", "model")).shape)
        {'data': 2, 'model': 4}
    """

    def __init__(
        self,
        devices: Any,
        axis_names: Any,
        axis_types: Any = None,
        *,
        links: Mapping[str, Link] | None = None,
    ) -> None:
        self._devices: np.ndarray | None = None
        sizes = _given_sizes(devices)
        if sizes is None:
            self._devices = _device_array(devices)
            sizes = self._devices.shape
            names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
            if len(sizes) != len(names):
                raise ShardingError(
                    "Mesh requires the ndim of its first argument (`devices`) to equal the "
                    f"length of its second argument (`axis_names`), but got devices.ndim == "
                    f"{len(sizes)} and len(axis_names) == {len(names)}."
                )
        super().__init__(sizes, axis_names, axis_types, links=links)

    @property
    def is_placed(self) -> bool:
        """Whether the devices are known; asking for `devices` makes them so."""
        return self._devices is not None and self._devices.size > 0

    def __repr__(self) -> str:
        if not config.jax_rules():
            return str(self)
        return (
            f"Mesh(axis_sizes={self.axis_sizes}, axis_names={self.axis_names}, "
            f"axis_types={self.axis_types})"
        )

    @property
    def devices(self) -> np.ndarray:
        """Array of the devices, one dimension per axis.

        Raises:
            ShardingError: the mesh was given by sizes and is larger than the machine.
        """
        if self._devices is None:
            self._devices = _device_array(_first_devices(self)).reshape(self.axis_sizes)
        return self._devices

    def update(  # pyright: ignore[reportIncompatibleMethodOverride]  # the names are JAX's
        self, devices: Any = None, axis_names: Any = None, axis_types: Any = None, **options: Any
    ) -> Mesh:  # fmt: skip
        """The same mesh with other devices, names or types of axes.

        Args:
            devices: array of devices; None for those of this mesh.
            axis_names: name of each axis; None likewise.
            axis_types: `AxisType` of each axis, or one for all; None likewise.
            **options: `links`.
        """
        return Mesh(
            self.devices if devices is None else devices,
            self.axis_names if axis_names is None else axis_names,
            self.axis_types if axis_types is None else axis_types,
            **{"links": self.links, **options},
        )

    @property
    def device_ids(self) -> np.ndarray:
        """Identifiers of the devices, laid out as the mesh."""
        return np.vectorize(lambda d: d.id, otypes=[np.int64])(self.devices)

    @property
    def local_devices(self) -> list[Any]:
        """Devices of this process."""
        return [d for d in self.devices.flat if is_local(d)]

    @property
    def is_multi_process(self) -> bool:
        """Whether some devices belong to other processes."""
        return len(self.local_devices) != self.size

    @property
    def local_mesh(self) -> Mesh:
        """The part of the mesh whose devices belong to this process.

        Raises:
            ValueError: they form no box.
        """
        own = np.vectorize(is_local, otypes=[np.bool_])(self.devices)
        at = [np.unique(i) for i in np.nonzero(own)]
        box = self.devices[np.ix_(*at)]
        if box.size != own.sum() or not box.size:
            raise ArgumentValueError(f"the devices of this process form no box in {self}")
        return self.update(box)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not Mesh or self.shape_tuple != other.shape_tuple:
            return False
        if self.axis_types != other.axis_types:
            return False
        if self._devices is None and other._devices is None:
            return True
        return tuple(self.devices.flat) == tuple(other.devices.flat)

    def __hash__(self) -> int:
        return hash((self.axis_names, self.axis_sizes))


def _given_sizes(devices: Any) -> tuple[int, ...] | None:
    """Axis sizes, where the first argument of a mesh gives sizes instead of devices."""
    if isinstance(devices, (tuple, list)) and all(
        isinstance(n, (int, np.integer)) for n in devices
    ):
        return tuple(int(n) for n in devices)
    return None


def _device_array(devices: Any) -> np.ndarray:
    """Object array of devices, not to be written; NumPy must not look into the device objects."""
    array = _copied_devices(devices)
    array.setflags(write=False)
    return array


def _copied_devices(devices: Any) -> np.ndarray:
    if isinstance(devices, np.ndarray):
        return devices.copy()
    listed = list(devices) if isinstance(devices, Sequence) else [devices]
    if listed and isinstance(listed[0], (list, tuple, np.ndarray)):
        return np.stack([_copied_devices(row) for row in listed])
    array = np.empty(len(listed), object)
    array[:] = listed
    return array


def _first_devices(mesh: AbstractMesh) -> list[Any]:
    present = list(backend.get(config.default_backend.value).devices())
    if len(present) < mesh.size:
        raise ShardingError(
            f"{mesh} spans {mesh.size} devices, but this machine has {len(present)}: Number of "
            f"devices {len(present)} must be >= the product of mesh_shape "
            f"{tuple(mesh.shape.values())}\n"
            "fix: use a smaller mesh, or ask for virtual CPU devices before the first array is "
            f"made: ms_func.config.update('num_cpu_devices', {mesh.size})"
        )
    return present[: mesh.size]


def is_local(device: Any) -> bool:
    """Whether a device belongs to this process."""
    return getattr(device, "process_index", 0) == device.client.process_index()


def make_mesh(
    axis_shapes: Sequence[int],
    axis_names: Sequence[Any],
    axis_types: Any = None,
    *,
    devices: Sequence[Any] | None = None,
) -> Mesh:
    """Mesh of the given axis sizes and names over `devices`, by default the first ones.

    Args:
        axis_shapes: number of devices along each axis.
        axis_names: name of each axis.
        axis_types: an `AxisType` for each axis, or one for all; None is `AxisType.Auto`.
        devices: devices to choose from; None for those of the platform in use.

    Raises:
        ShardingError: there are fewer devices than the mesh needs.

    Example:
        >>> make_mesh((1,), ("x",)).size
        1
    """
    mesh = Mesh(tuple(axis_shapes), axis_names, axis_types)
    if devices is None:
        return Mesh(mesh.devices, axis_names, axis_types)
    if len(devices) < mesh.size:
        raise ShardingError(f"{mesh} spans {mesh.size} devices, got {len(devices)}")
    array = _device_array(list(devices)[: mesh.size]).reshape(mesh.axis_sizes)
    return Mesh(array, axis_names, axis_types)


class _Context(threading.local):
    mesh: Any = None
    manual: tuple[Any, ...] = ()


_context = _Context()


def current_mesh() -> Any:
    """Mesh of the innermost `with mesh:` of this thread, or None.

    Example:
        >>> from ms_func.sharding import Mesh, get_mesh
        >>> with Mesh((1,), ("x",)):
        ...     get_mesh().axis_names
        ('x',)
        >>> get_mesh() is None
        True
    """
    return _context.mesh


def get_abstract_mesh() -> AbstractMesh:
    """Names and sizes of the axes of the mesh in force; a mesh without axes where there is none.

    Example:
        >>> from ms_func.sharding import Mesh, get_abstract_mesh
        >>> with Mesh((1,), ("x",)):
        ...     get_abstract_mesh().shape["x"]
        1
        >>> get_abstract_mesh().size
        1
    """
    mesh = _context.mesh
    if mesh is None:
        return AbstractMesh((), ())
    return mesh.abstract_mesh.update_axis_types(dict.fromkeys(_context.manual, AxisType.Manual))


@contextmanager
def cut_by_hand(mesh: AbstractMesh, axes: tuple[Any, ...]) -> Iterator[None]:
    """Make `mesh` the one in force, some axes of which a function divides arrays along by itself.

    Args:
        mesh: the mesh.
        axes: names of these axes; those of a region around over the same mesh are added.
    """
    before = _context.manual
    _context.manual = (*(before if _context.mesh == mesh else ()), *axes)
    try:
        with mesh:
            yield
    finally:
        _context.manual = before


@contextmanager
def use_mesh(mesh: AbstractMesh) -> Iterator[AbstractMesh]:
    """Make `mesh` the one that bare `PartitionSpec`s refer to.

    Args:
        mesh: a `Mesh` or an `AbstractMesh`.

    Returns:
        Context manager that gives the mesh.

    Example:
        >>> from ms_func.sharding import Mesh, P, use_mesh
        >>> with use_mesh(Mesh((1,), ("x",))):
        ...     ms.reshard(np.arange(2), P("x")).tolist()
        [0, 1]
    """
    with mesh:
        yield mesh


class set_mesh:
    """Make `mesh` the one that bare `PartitionSpec`s refer to, from now on or in a `with`.

    Args:
        mesh: a `Mesh` or an `AbstractMesh`, or None for none.

    Raises:
        ValueError: it is something else.

    Example:
        >>> with ms.set_mesh(ms.make_mesh((1,), ("x",))):
        ...     ms.reshard(np.arange(2), ms.P("x")).tolist()
        [0, 1]
    """

    def __init__(self, mesh: AbstractMesh | None) -> None:
        if not isinstance(mesh, (AbstractMesh, type(None))):
            raise ArgumentValueError(f"Expected mesh of type `jax.sharding.Mesh`. Got {type(mesh)}")
        self._before = _context.mesh
        self._mesh = _context.mesh = mesh

    def __enter__(self) -> AbstractMesh | None:
        return self._mesh

    def __exit__(self, *exc: object) -> None:
        _context.mesh = self._before
