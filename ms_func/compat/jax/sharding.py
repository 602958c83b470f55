"""`jax.sharding`."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

from ms_func import reshard, tree
from ms_func.ir.mesh import Mesh, current_mesh, use_mesh
from ms_func.ir.sharding import (
    UNCONSTRAINED,
    PartitionSpec,
    SingleDeviceSharding,
)
from ms_func.ir.types import typeof
from ms_func.primitives.sharding import constrained

__all__ = ["auto_axes", "explicit_axes", "get_mesh", "make_single_device_sharding", "reshard",
           "use_abstract_mesh"]  # fmt: skip

use_abstract_mesh = use_mesh


def get_mesh() -> Mesh:
    """The mesh in force, an empty one where there is none."""
    found = current_mesh()
    return found if isinstance(found, Mesh) else Mesh((), ())


def make_single_device_sharding(device: Any, *, memory_kind: Any = None) -> Any:
    """Sharding that places an array on one device."""
    return SingleDeviceSharding(device)


def auto_axes(
    f: Any = None, /, *, axes: Any = None, out_sharding: Any = None, **options: Any
) -> Any:
    """`f` with axes of the mesh in force left to the compiler, and its result laid out as given.

    Args:
        f: function of arrays; None gives a decorator.
        axes: names of the axes, all by default.
        out_sharding: layout of the result.
    """
    if f is None:
        return partial(auto_axes, axes=axes, out_sharding=out_sharding, **options)

    @wraps(f, updated=())
    def placed(*args: Any, out_sharding: Any = out_sharding, **kwargs: Any) -> Any:
        args, kwargs = map(partial(_forget, axes), (args, kwargs))
        out = f(*args, **kwargs)
        return out if out_sharding is None else reshard(out, out_sharding)

    return placed


def explicit_axes(
    f: Any = None, /, *, axes: Any = None, in_sharding: Any = None, **options: Any
) -> Any:
    """`f` with its arguments laid out as given.

    Args:
        f: function of arrays; None gives a decorator.
        axes: accepted for compatibility.
        in_sharding: layout of the arguments.
    """
    if f is None:
        return partial(explicit_axes, axes=axes, in_sharding=in_sharding, **options)

    @wraps(f, updated=())
    def placed(*args: Any, in_sharding: Any = in_sharding, **kwargs: Any) -> Any:
        given = args if in_sharding is None else reshard(args, in_sharding)
        return f(*given, **kwargs)

    return placed


def _forget(axes: Any, args: Any) -> Any:
    """Arguments whose types do not tell how they lie along `axes`, or along any axis."""
    names = (axes,) if isinstance(axes, str) else axes

    def forgotten(x: Any) -> Any:
        t = typeof(x)
        if t.explicit is None:
            return x
        kept = [
            [a for a in dim if names is not None and a not in names]
            for dim in t.explicit.dim_axes(t.ndim)
        ]
        spec = PartitionSpec(*[tuple(dim) or UNCONSTRAINED for dim in kept])
        return constrained(x, t.explicit.update(spec=spec))

    return tree.map(forgotten, args)
