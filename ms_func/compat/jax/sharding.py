"""`jax.sharding`."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

from ms_func import reshard, tree
from ms_func.compat.jax.core import trace_state_clean
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.mesh import AxisType, Mesh, current_mesh, use_mesh
from ms_func.ir.mesh import set_mesh as _set_mesh
from ms_func.ir.sharding import (
    UNCONSTRAINED,
    NamedSharding,
    PartitionSpec,
    SingleDeviceSharding,
)
from ms_func.ir.types import typeof
from ms_func.primitives.sharding import constrained

__all__ = ["auto_axes", "explicit_axes", "get_mesh", "make_single_device_sharding", "reshard",
           "set_mesh", "use_abstract_mesh"]  # fmt: skip

use_abstract_mesh = use_mesh


class set_mesh(_set_mesh):
    """`ms_func.set_mesh`, outside of functions that are recorded.

    Raises:
        ValueError: one is; or `mesh` is no mesh.
    """

    def __init__(self, mesh: Any) -> None:
        if not trace_state_clean():
            raise ArgumentValueError("`set_mesh` can only be used outside of `jax.jit`.")
        super().__init__(mesh)


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

    given = out_sharding

    @wraps(f, updated=())
    def placed(*args: Any, out_sharding: Any = None, **kwargs: Any) -> Any:
        where = _needed("out_sharding", given if out_sharding is None else out_sharding)
        mesh = current_mesh()
        if mesh is None:
            args, kwargs = map(partial(_forget, axes, None), (args, kwargs))
            return reshard(f(*args, **kwargs), where)
        names = mesh.axis_names if axes is None else (axes,) if isinstance(axes, str) else axes
        turned = tuple(n for n in names if n in mesh.explicit_axes)
        with mesh.update_axis_types(dict.fromkeys(turned, AxisType.Auto)) as inner:
            args, kwargs = map(partial(_forget, axes, inner), (args, kwargs))
            out = f(*args, **kwargs)
        return reshard(out, where)

    return placed


def _needed(name: str, sharding: Any) -> Any:
    if sharding is None:
        raise ArgumentTypeError(
            f"Missing required keyword argument: '{name}'\nfix: give it to the call or decorator"
        )
    return sharding


def explicit_axes(
    f: Any = None, /, *, axes: Any = None, in_sharding: Any = None, **options: Any
) -> Any:
    """`f` with axes of the mesh in force explicit, and its arguments laid out as given.

    Args:
        f: function of arrays; None gives a decorator.
        axes: names of the axes, all by default. Those that were left to the compiler are so again
            for the result.
        in_sharding: layout of the arguments.
    """
    if f is None:
        return partial(explicit_axes, axes=axes, in_sharding=in_sharding, **options)
    given = in_sharding

    @wraps(f, updated=())
    def placed(*args: Any, in_sharding: Any = None, **kwargs: Any) -> Any:
        where = _needed("in_sharding", given if in_sharding is None else in_sharding)
        mesh = current_mesh()
        if mesh is None:
            return f(*reshard(args, where), **kwargs)
        names = mesh.axis_names if axes is None else (axes,) if isinstance(axes, str) else axes
        turned = tuple(n for n in names if n in mesh.auto_axes)
        with mesh.update_axis_types(dict.fromkeys(turned, AxisType.Explicit)) as inner:
            out = f(*reshard(args, _over(inner, where)), **kwargs)
        return _lying_over(mesh, out) if turned else out

    return placed


def _over(mesh: Any, where: Any) -> Any:
    """Layouts over a mesh that differs in types of axes."""
    is_place = lambda s: isinstance(s, (NamedSharding, PartitionSpec))  # noqa: E731
    return tree.map(
        lambda s: s.update(mesh=mesh) if isinstance(s, NamedSharding) else s, where,
        is_leaf=is_place,
    )  # fmt: skip


def _lying_over(mesh: Any, out: Any) -> Any:
    """Arrays cut as they are, over a mesh that differs from theirs in types of axes."""

    def moved(x: Any) -> Any:
        t = typeof(x)
        if t.explicit is None:
            return x
        dims = [tuple(dim) or None for dim in t.explicit.dim_axes(t.ndim)]
        return constrained(x, NamedSharding(mesh, PartitionSpec(*dims)))

    return tree.map(moved, out)


def _forget(axes: Any, mesh: Any, args: Any) -> Any:
    """Arguments whose types do not tell how they lie along `axes`, or along any axis.

    They lie over `mesh`, which differs from theirs in types of axes, if it is not None.
    """
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
        return constrained(x, NamedSharding(t.explicit.mesh if mesh is None else mesh, spec))

    return tree.map(forgotten, args)
