"""pmap: a function runs on several devices, each with one element of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ms_func import config, tree
from ms_func.api.compile import jit
from ms_func.api.devices import local_devices
from ms_func.api.shard_map import Recorded, Region
from ms_func.api.vectorize import axis_size_of, flat_axes, vmap
from ms_func.errors import ArgumentValueError
from ms_func.ir.axes import environment
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import PartitionSpec
from ms_func.ir.types import typeof
from ms_func.primitives.shape import expand_dims, squeeze
from ms_func.tracing.arguments import (
    check_callable,
    classes,
    completed,
    function_name,
    leaf_types,
    normalize_argnums,
    others,
    wraps,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.tracer import Tracer
from ms_func.tree_mismatch import no_prefix


def pmap(
    fun: Callable[..., Any],
    axis_name: Any = None,
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    static_broadcasted_argnums: int | Iterable[int] = (),
    devices: Sequence[Any] | None = None,
    backend: str | None = None,
    axis_size: int | None = None,
    donate_argnums: int | Iterable[int] = (),
) -> Any:
    """Function that runs `fun` on several devices at once, each with one element of the arguments.

    Like `vmap`, with one device for each element: the size of the mapped dimension is the number
    of devices. The function is recorded and compiled once for each set of argument types.
    `shard_map` does the same for arguments split in other ways.

    Args:
        fun: function of arrays or trees of arrays.
        axis_name: name of the devices for collectives in `fun`, such as `lax.psum`.
        in_axes: for each argument the dimension that is spread over devices, as for `vmap`; None
            for an argument that all devices get.
        out_axes: position of that dimension in each result; None for a result that is the same on
            all devices.
        static_broadcasted_argnums: positions of arguments that are part of the program; hashable.
        devices: devices to run on; by default the first ones of this process.
        backend: platform whose devices to run on, where `devices` says nothing.
        axis_size: number of devices, where no argument is spread.
        donate_argnums: positions of arguments whose memory results may take over.

    Returns:
        A function of arguments with one more dimension; its results lie on the devices.

    Raises:
        ValueError: sizes differ, there are fewer devices, or an axis is out of range.

    Example:
        >>> from ms_func import lax
        >>> pmap(lambda x: x / lax.psum(x, "i"), axis_name="i")(np.float32([[2.0]])).tolist()
        [[1.0]]
    """
    check_callable("pmap", fun)
    hash(axis_name)  # raises TypeError on what cannot be a name
    given = None if devices is None else list(devices)
    if given == []:
        raise ArgumentValueError("'devices' argument to pmap must be non-empty, or None.")
    if given is None and backend is not None:
        given = local_devices(backend=backend)
    mapped = _Mapped(
        fun, axis_name, in_axes, out_axes, _numbers(static_broadcasted_argnums), given, axis_size,
        _numbers(donate_argnums),
    )  # fmt: skip
    call: Any = wraps(fun)(lambda *args, **kwargs: mapped(args, kwargs))
    statics = mapped.statics
    call.lower = lambda *args, **kwargs: jit(call, static_argnums=statics).lower(*args, **kwargs)
    call.eval_shape = lambda *args, **kwargs: jit(call, static_argnums=statics).eval_shape(
        *args, **kwargs
    )
    call.clear_cache = mapped.recorded.clear
    return call


def _numbers(numbers: int | Iterable[int]) -> tuple[int, ...]:
    return (numbers,) if isinstance(numbers, int) else tuple(numbers)


class _NoName:
    """Name of the devices where the user gave none."""

    def __repr__(self) -> str:
        return "devices"

    def __lt__(self, other: Any) -> bool:
        return False


_NO_NAME = _NoName()
_LIMIT = 4096


class _Program(NamedTuple):
    """What was recorded for one signature, and the mesh it runs on."""

    region: Region
    recorded: Recorded


class _Mapped:
    """One use of `pmap`: the function, its options, and what has been recorded of it."""

    def __init__(
        self, fun: Callable[..., Any], name: Any, in_axes: Any, out_axes: Any,
        statics: tuple[int, ...], devices: list[Any] | None, size: int | None,
        donate: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.fun, self.name = fun, name
        self.in_axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
        self.out_axes, self.statics, self.devices = out_axes, statics, devices
        self.size, self.donate = size, donate
        self.label = function_name(fun)
        self.recorded: dict[Any, _Program] = {}
        self.lock = Lock()

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        statics = self._statics(args)
        moving = others(args, statics)
        if any(a.mesh is not None for a in environment()):
            return self._inside(args, statics, kwargs)
        axes = self._axes(moving, kwargs, statics, len(args))
        leaves, in_tree = tree.flatten((moving, kwargs))
        mapped = any(a is not None and np.ndim(x) for x, a in zip(leaves, axes, strict=True))
        if self.size is None and not mapped:
            raise ArgumentValueError(
                "pmap requires at least one argument with a mapped axis. This was a call of "
                f"`{self.label}`"
            )
        types = leaf_types(leaves, "pmap", self.label)
        size, dims = axis_size_of("pmap", self.fun, moving, kwargs, axes, self.size)
        fixed = tuple(args[i] for i in statics)
        state = environment(), config.recording(), config.searching()
        key = (in_tree, tuple(types), tuple(dims), size, fixed, classes(fixed), state)
        found = self._known(key, fixed)
        if found is None:
            found = self._record(args, statics, in_tree, types, dims, size)
            self._remember(key, found)
        donate = self._donated(moving, statics, len(args))
        return found.region.apply(found.recorded, leaves, donate)

    def _statics(self, args: Sequence[Any]) -> tuple[int, ...]:
        """Positions of the static arguments from the front."""
        if any(n >= len(args) for n in self.statics):
            raise ArgumentValueError(
                f"pmapped function has static_broadcasted_argnums={self.statics} but was called "
                f"with only {len(args)} positional arguments. All static broadcasted arguments "
                f"must be passed positionally. It is `{self.label}`"
            )
        return normalize_argnums(self.statics, len(args), "pmap static_broadcasted_argnums")

    def _known(self, key: Any, fixed: Sequence[Any]) -> _Program | None:
        try:
            return self.recorded.get(key)
        except TypeError:
            raise ArgumentValueError(
                "Non-hashable static arguments are not supported, as this can lead to unexpected "
                f"cache-misses: pmap of `{self.label}` got {[type(x).__name__ for x in fixed]}"
            ) from None

    def _remember(self, key: Any, made: _Program) -> None:
        """Keep a recording, unless it has captured what another recording is about."""
        if any(type(x) is Tracer for x in made.recorded.captured):
            return
        with self.lock:
            if len(self.recorded) > _LIMIT:
                self.recorded.clear()
            self.recorded[key] = made

    def _axes(
        self, moving: tuple[Any, ...], kwargs: Any, statics: Sequence[int], count: int
    ) -> list[int | None]:
        in_axes = self.in_axes
        if isinstance(in_axes, tuple):
            if len(in_axes) == count:
                in_axes = others(in_axes, statics)
            if len(in_axes) != len(moving):
                raise ArgumentValueError(
                    f"pmap in_axes must match the positional arguments of `{self.label}`: in_axes "
                    f"has {len(self.in_axes)} entries, but it was called with {count} arguments"
                )
        return flat_axes("pmap", self.label, moving, kwargs, in_axes)

    def _record(
        self, args: tuple[Any, ...], statics: Sequence[int], in_tree: Any, types: Sequence[Any],
        dims: Sequence[int | None], size: int,
    ) -> _Program:  # fmt: skip
        axis = _NO_NAME if self.name is None else self.name
        region = Region(self._mesh(size, axis), (axis,), False)
        outs: list[int | None] = []

        def call(pieces: Sequence[Any]) -> Any:
            own = [x if d is None else squeeze(x, (d,)) for x, d in zip(pieces, dims, strict=True)]
            moving, named = tree.unflatten(in_tree, own)
            result = user_function(self.fun)(*completed(args, statics, moving), **named)
            leaves, out_tree = tree.flatten(result)
            outs.extend(self._out_dims(leaves, out_tree))
            return tree.unflatten(out_tree, [
                x if d is None else expand_dims(x, (d,)) for x, d in zip(leaves, outs, strict=True)
            ])  # fmt: skip

        ins = tuple(_spec(d, axis) for d in dims)
        recorded = region.record(
            call, self.label, types, ins, lambda staged: tuple(_spec(d, axis) for d in outs)
        )
        return _Program(region, recorded)

    def _out_dims(self, leaves: Sequence[Any], out_tree: Any) -> list[int | None]:
        full = tree.unflatten(out_tree, leaves)
        try:
            axes = tree.broadcast_prefix(self.out_axes, full, is_leaf=lambda x: x is None)
        except ValueError:
            raise no_prefix("pmap out_axes", self.out_axes, full, f"result of `{self.label}`",
                            lambda x: x is None) from None  # fmt: skip
        found: list[int | None] = []
        for axis, x in zip(axes, leaves, strict=True):
            ndim = typeof(x).ndim + 1
            if axis is not None and not -ndim <= axis < ndim:
                raise ArgumentValueError(
                    f"pmap of `{self.label}`: out_axes {axis} is out of range for a result of "
                    f"{ndim - 1} dimensions and the one of the devices"
                )
            found.append(None if axis is None else axis % ndim)
        return found

    def _mesh(self, size: int, axis: Any) -> Mesh:
        present = local_devices() if self.devices is None else self.devices
        if self.devices is not None and size != len(present):
            raise ArgumentValueError(
                f"pmap of `{self.label}`: the mapped dimension has size {size}, but "
                f"{len(present)} devices were given"
            )
        if size > len(present):
            raise ArgumentValueError(
                f"pmap of `{self.label}`: compiling computation that requires {size} logical "
                f"devices, but only {len(present)} XLA devices are available\n"
                "fix: map over fewer elements, or use vmap"
            )
        array = np.empty(size, object)
        array[:] = present[:size]
        return Mesh(array, (axis,))

    def _donated(
        self, moving: tuple[Any, ...], statics: Sequence[int], count: int
    ) -> tuple[int, ...]:
        """Positions among the leaves that belong to donated arguments."""
        if not self.donate:
            return ()
        wanted = normalize_argnums(self.donate, count, "pmap donate_argnums")
        places = [i for i in range(count) if i not in statics]
        flags = [i in wanted for i, a in zip(places, moving, strict=True) for _ in tree.leaves(a)]
        return tuple(n for n, flag in enumerate(flags) if flag)

    def _inside(self, args: tuple[Any, ...], statics: Sequence[int], kwargs: Any) -> Any:
        """On one device of several already: its own lanes, one after the other at once."""
        in_axes = self.in_axes
        if isinstance(in_axes, tuple) and len(in_axes) == len(args):
            in_axes = others(in_axes, statics)
        return vmap(
            lambda *xs, **named: user_function(self.fun)(*completed(args, statics, xs), **named),
            in_axes, self.out_axes, self.name, self.size,
        )(*others(args, statics), **kwargs)  # fmt: skip


def _spec(dim: int | None, axis: Any) -> PartitionSpec:
    return PartitionSpec() if dim is None else PartitionSpec(*(None,) * dim, axis)
