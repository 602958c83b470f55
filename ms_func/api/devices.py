"""Devices, and values moved to them and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import float0
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution import buffers, guards
from ms_func.execution.array import ARRAYS, Array, on_host, wrap
from ms_func.execution.compile import transfer
from ms_func.ir.layout import Format
from ms_func.ir.sharding import NamedSharding, Sharding
from ms_func.ir.types import typeof
from ms_func.primitives.sharding import check_rank, constrained, destination
from ms_func.tracing.tracer import Tracer
from ms_func.tree_mismatch import no_prefix


def devices(backend: str | None = None) -> list[Any]:
    """Devices of the platform in use, or of `backend`, of all processes.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Returns:
        List of the runtime's device objects, with attributes such as `id`, `platform`,
        `device_kind`.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> ms.devices("cpu")[0].platform
        'cpu'
    """
    return list(buffers.default_backend().devices(backend))


def local_devices(process_index: int | None = None, backend: str | None = None) -> list[Any]:
    """Devices of one process, by default of this one.

    Args:
        process_index: number of the process; None for this one.
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Returns:
        List of devices.

    Raises:
        RuntimeError: there is no such platform or it has no device.
        ValueError: there is no process of that number.

    Example:
        >>> ms.local_devices() == ms.devices()  # where there is one process
        True
    """
    own = buffers.default_backend().client(backend).process_index()
    wanted = own if process_index is None else process_index
    found = [d for d in devices(backend) if d.process_index == wanted]
    if not found:
        raise ArgumentValueError(f"Unknown process_index {wanted}")
    return found


def device_count(backend: str | None = None) -> int:
    """Number of devices of all processes.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> ms.device_count() == len(ms.devices())
        True
    """
    return len(devices(backend))


def local_device_count(backend: str | None = None) -> int:
    """Number of devices of this process.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> ms.local_device_count("cpu") >= 1
        True
    """
    return len(local_devices(backend=backend))


def process_index(backend: str | None = None) -> int:
    """Number of this process, from 0.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> ms.process_index()  # where there is one process
        0
    """
    return buffers.default_backend().client(backend).process_index()


def process_count(backend: str | None = None) -> int:
    """Number of processes.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> ms.process_count()  # without `distributed.initialize`
        1
    """
    return len({d.process_index for d in devices(backend)})


def default_backend() -> str:
    """Name of the platform that holds arrays: 'cpu' or 'gpu'.

    Example:
        >>> ms.default_backend() in ("cpu", "gpu")
        True
    """
    platform = buffers.default_backend().platform
    return "gpu" if platform == "cuda" else platform


def device_put(
    x: Any, device: Any = None, *, src: Any = None, donate: bool = False, may_alias: Any = None
) -> Any:
    """Arrays with the elements of `x` at `device`.

    Args:
        x: array, number or tree of them.
        device: device or sharding, or a tree of them that is a prefix of `x`. None leaves
            arrays where they are and puts other values on the default device.
        src: accepted for compatibility; not needed.
        donate: accepted; the source may be given up afterwards.
        may_alias: False for memory of its own; else an array that lies at `device` already
            shares its memory with the result.

    Returns:
        The structure of `x` with arrays as leaves, committed to `device` unless it is None.

    Raises:
        TypeError: a leaf is not a number or an array of numbers.
        ValueError: a sharding does not fit the shape, there is a bare spec, but no mesh, or
            `donate` and `may_alias` are both true.

    Example:
        >>> device_put([1, 2.0])[1].dtype.name
        'float32'
    """
    if donate and may_alias:
        raise ArgumentValueError("may_alias and donate cannot be True at the same time.")
    leaves, structure = tree.flatten(x)
    try:
        given = tree.broadcast_prefix(device, x, is_leaf=lambda d: d is None)
    except ValueError:
        raise no_prefix("device_put device", device, x, "first argument",
                        lambda d: d is None) from None  # fmt: skip
    given = [d.place if isinstance(d, Format) else d for d in given]
    places = [destination("jax.device_put", d) for d in given]
    with guards.explicit("explicit_device_put"):
        if may_alias is False:
            leaves = [_apart(leaf) if type(leaf) in ARRAYS else leaf for leaf in leaves]
        placed = [_place(leaf, where) for leaf, where in zip(leaves, places, strict=True)]
    return tree.unflatten(structure, placed)


def _apart(x: Any) -> Any:
    where = x.sharding if x.committed else None
    return wrap(buffers.put(buffers.to_numpy(x.buffer), typeof(x), where))


def _place(x: Any, where: Any) -> Any:
    if type(x) is Tracer:
        return constrained(x, where) if isinstance(where, NamedSharding) else x
    if getattr(x, "dtype", None) == float0:
        return np.asarray(x)
    if isinstance(where, Sharding):
        check_rank(where, "device_put args", np.ndim(x))
    if type(x) not in ARRAYS:
        return wrap(buffers.put(x, typeof(x), where))
    if where is None:
        return x
    moved = transfer(x.buffer, where)
    return x if moved is x.buffer else wrap(moved)


def reshard(xs: Any, out_shardings: Any) -> Any:
    """Arrays in another layout: moved at once, or when the program being recorded runs.

    Args:
        xs: array or tree of arrays.
        out_shardings: sharding, or a spec on the mesh in force; or a tree of them that is a
            prefix of `xs`.

    Returns:
        Tree of arrays of the shapes and dtypes of `xs`.

    Raises:
        ShardingError: a layout does not fit a shape.
        ValueError: there is a bare spec, but no mesh in force.

    Example:
        >>> from ms_func.sharding import Mesh, NamedSharding, P
        >>> reshard(np.arange(2), NamedSharding(Mesh((1,), ("x",)), P("x"))).tolist()
        [0, 1]
    """
    leaves, structure = tree.flatten(xs)
    places = tree.broadcast_prefix(out_shardings, xs, is_leaf=lambda s: s is None)
    placed = [_place(x, destination("reshard", s)) for x, s in zip(leaves, places, strict=True)]
    return tree.unflatten(structure, placed)


def copy_to_host_async(x: Any) -> Any:
    """Start to copy the arrays of a tree to the host, for a read later on; gives the tree.

    Args:
        x: tree; leaves that are not arrays are left alone.

    Returns:
        `x`.

    Example:
        >>> x = ms.copy_to_host_async({"a": np.arange(3)})
        >>> ms.device_get(x)["a"]
        array([0, 1, 2], dtype=int32)
    """
    for leaf in tree.leaves(x):
        if hasattr(leaf, "copy_to_host_async"):
            leaf.copy_to_host_async()
    return x


def live_arrays(platform: str | None = None) -> list[Array]:
    """Arrays on the devices of a platform that something still holds.

    Args:
        platform: "cpu", "gpu" or "cuda"; None for the platform in use.

    Returns:
        List of arrays, in no order.

    Raises:
        RuntimeError: there is no such platform or it has no device.

    Example:
        >>> x = np.arange(3)
        >>> (3,) in [y.shape for y in ms.live_arrays()]
        True
    """
    found = buffers.default_backend().client(platform).live_arrays()
    return [wrap(b) for b in found if b.aval is not None]


def make_array_from_process_local_data(
    sharding: Any, local_data: Any, global_shape: Any = None
) -> Any:
    """Array of which each process gives the part that lies on its devices.

    Args:
        sharding: how the whole array lies on its devices.
        local_data: the elements that this process holds, in each dimension: those between the
            first and the last that lie on its devices, or all. A tree of them gives a tree.
        global_shape: shape of the whole array; without it, every process holds as much.

    Raises:
        ValueError: the data have another size than the part of this process.

    Example:
        >>> from ms_func.sharding import Mesh, NamedSharding, P
        >>> rows = NamedSharding(Mesh((1,), ("x",)), P("x"))
        >>> make_array_from_process_local_data(rows, np.arange(3)).tolist()
        [0, 1, 2]
    """
    leaves, structure = tree.flatten(local_data)
    if any(isinstance(x, (np.ndarray, Array)) and x is not local_data for x in leaves):
        given = tree.broadcast_prefix(sharding, local_data)
        shapes = [None] * len(leaves)
        if global_shape is not None:
            is_shape = lambda s: s is None or isinstance(s, tuple)  # noqa: E731
            shapes = tree.broadcast_prefix(global_shape, local_data, is_leaf=is_shape)
        parts = map(make_array_from_process_local_data, given, leaves, shapes)
        return tree.unflatten(structure, list(parts))
    return _from_local(sharding, np.asarray(local_data), global_shape)


def _from_local(sharding: Any, data: np.ndarray, global_shape: Sequence[int] | None) -> Array:
    own = np.array([d in sharding.addressable_devices for d in sharding.device_list])
    shape, offset = [], []
    for d, (count, tiles) in enumerate(sharding.tiles(data.ndim)):
        first, held = int(tiles[own].min()), len(set(tiles[own]))
        size = data.shape[d] * count // held if global_shape is None else global_shape[d]
        part = size * held // count
        if data.shape[d] not in (part, size):
            raise ArgumentValueError(
                f"the data of this process have shape {data.shape}, but of dimension {d} of the "
                f"array, which is {size} long, it holds {part}: When calling "
                "`make_array_from_process_local_data` on a single process, global_shape should be "
                "None or equal to local_data.shape."
            )
        shape.append(size)
        offset.append(0 if data.shape[d] == size else first * (size // count))

    def piece(at: tuple[slice, ...]) -> np.ndarray:
        return data[tuple([_moved(s, -by) for s, by in zip(at, offset, strict=True)])]

    return make_array_from_callback(shape, sharding, piece)


def _moved(s: slice, by: int) -> slice:
    return s if s.start is None else slice(s.start + by, s.stop + by)


def make_array_from_callback(
    shape: Any, sharding: Any, data_callback: Callable[[Any], Any], dtype: Any = None
) -> Array:
    """Array whose pieces are what `data_callback` gives for their slices.

    Args:
        shape: shape of the whole array.
        sharding: how it lies on its devices.
        data_callback: from a tuple of slices to the elements there.
        dtype: of the array and of all pieces; that of the pieces if None.

    Raises:
        ShardingError: the layout does not fit the shape.
        TypeError: a piece is no array, or `sharding` is no sharding.
        ValueError: a piece has another shape than its slices, or another dtype than the others.

    Example:
        >>> from ms_func.sharding import Mesh, NamedSharding, P
        >>> rows = NamedSharding(Mesh((1,), ("x",)), P("x"))
        >>> make_array_from_callback((4,), rows, lambda at: np.arange(4)[at]).tolist()
        [0, 1, 2, 3]
    """
    shape = tuple(shape)
    if not isinstance(sharding, Sharding):
        raise ArgumentTypeError(
            f"sharding should be an instance of `jax.sharding`. Got {sharding} of type "
            f"{type(sharding)}"
        )
    index = sharding.addressable_devices_indices_map(shape)
    pieces = [_piece(data_callback(at)) for at in index.values()]
    return _assembled("make_array_from_callback", shape, sharding, pieces, dtype)


def make_array_from_single_device_arrays(
    shape: Any, sharding: Any, arrays: Any, *, dtype: Any = None
) -> Array:
    """Array whose pieces are given, one array on each device of the sharding.

    Args:
        shape: shape of the whole array.
        sharding: how it lies on its devices.
        arrays: the pieces, one on each device of this process, in any order.
        dtype: of the array and of all pieces; that of the pieces if None.

    Raises:
        ShardingError: the layout does not fit the shape.
        TypeError: a piece is no array.
        ValueError: a device has no piece, or one of another shape than its slices, or of another
            dtype than the others.

    Example:
        >>> from ms_func.sharding import Mesh, NamedSharding, P
        >>> rows = NamedSharding(Mesh((1,), ("x",)), P("x"))
        >>> piece = ms.device_put(np.arange(2), rows.device_list[0])
        >>> ms.make_array_from_single_device_arrays((2,), rows, [piece]).tolist()
        [0, 1]
    """
    shape = tuple(shape)
    if not isinstance(arrays, (list, tuple)):
        raise ArgumentTypeError(
            "jax.make_array_from_single_device_arrays `arrays` argument must be a list or tuple, "
            f"but got {type(arrays)}."
        )
    for a in arrays:
        if type(a) not in ARRAYS:
            raise ArgumentTypeError(f"Unsupported type for elements in `arrays`: {type(a)}")
    held = {next(iter(a.devices())): a for a in arrays}
    devices = list(sharding.addressable_devices_indices_map(shape))
    if len(arrays) != len(devices):
        raise ArgumentValueError(
            f"Expected {len(devices)} per-device arrays (this is how many devices are addressable "
            f"by the sharding), but got {len(arrays)}"
        )
    if len(held) != len(arrays):
        raise ArgumentValueError(
            "When making an array from single-device arrays, the input arrays must be from "
            f"distinct devices, but got device IDs {[d.id for a in arrays for d in a.devices()]}"
        )
    if set(held) != set(devices):
        raise ArgumentValueError(
            "Addressable devices and per-device arrays devices do not match. There must be one "
            f"array on each device of the sharding, {[d.id for d in devices]}, got device IDs "
            f"{[d.id for d in held]}"
        )
    pieces = [on_host(held[d]) for d in devices]
    return _assembled("make_array_from_single_device_arrays", shape, sharding, pieces, dtype)


def _piece(x: Any) -> np.ndarray:
    if isinstance(x, (list, tuple)):
        raise ArgumentTypeError(f"Argument '{x}' of type {type(x)} is not a valid JAX type")
    return on_host(x)


def _assembled(
    name: str, shape: tuple[int, ...], sharding: Any, pieces: Sequence[np.ndarray], dtype: Any
) -> Array:
    kind = pieces[0].dtype if dtype is None else np.dtype(dtype)
    whole = np.empty(shape, kind)
    wanted = sharding.shard_shape(shape)
    index = sharding.addressable_devices_indices_map(shape)
    for at, piece in zip(index.values(), pieces, strict=True):
        if piece.shape != wanted:
            raise ArgumentValueError(
                f"Expected shard shape {wanted} doesn't match the single device array shape "
                f"{piece.shape}. Shape of Array is {typeof(whole).str_short()} with sharding "
                f"{sharding}"
            )
        if piece.dtype != kind:
            raise ArgumentValueError(
                f"Input buffers to `Array` must have matching dtypes. Got {piece.dtype}, expected "
                f"{kind}" if dtype is None else
                f"If `dtype` is provided to `jax.{name}`, it must match the dtype of the "
                f"addressable shards. Got dtype={kind} and shards of {piece.dtype}"
            )  # fmt: skip
        whole[at] = piece
    return device_put(whole, sharding)


def device_get(x: Any) -> Any:
    """The tree `x` with NumPy arrays in place of arrays; waits for them.

    Args:
        x: tree of arrays; other leaves, such as traced values and keys, stay as they are.

    Returns:
        Tree of `numpy.ndarray`, read-only where they share the memory of the device.

    Example:
        >>> ms.device_get([np.arange(3), 1.5])
        [array([0, 1, 2], dtype=int32), 1.5]
    """
    with guards.explicit("explicit_device_get"):
        return tree.map(lambda a: np.asarray(a) if type(a) is Array else a, x)


def block_until_ready(x: Any) -> Any:
    """Wait for every array of a tree, and give the tree back.

    Programs run while Python goes on; this is for taking times, and for errors of the device.

    Args:
        x: tree; leaves that are not arrays are left alone.

    Returns:
        `x`.

    Example:
        >>> ms.block_until_ready({"a": np.ones(2) + 1})["a"].tolist()
        [2.0, 2.0]
    """
    for leaf in tree.leaves(x):
        if type(leaf) in ARRAYS:
            leaf.block_until_ready()
    return x
