"""`sharding_constraint`: a value with its layout over a mesh fixed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.config import jax_rules
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    LayoutAssertionError,
    ShardingError,
)
from ms_func.ir import propagation as _propagation  # noqa: F401  # the rule of layouts in types
from ms_func.ir.axes import environment
from ms_func.ir.effects import INSPECT
from ms_func.ir.explicit import chosen, typed
from ms_func.ir.mesh import AxisType, Mesh, current_mesh
from ms_func.ir.primitive import (
    LANES,
    NONLINEAR,
    Cost,
    Linear,
    Primitive,
    current,
    register,
)
from ms_func.ir.sharding import (
    UNCONSTRAINED,
    NamedSharding,
    PartitionSpec,
    Sharding,
    SingleDeviceSharding,
    entry_axes,
)
from ms_func.ir.text import register_param_type
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import parsed
from ms_func.primitives.basis import letters
from ms_func.tree_mismatch import no_prefix


def _abstract(x: ArrayType, *, sharding: NamedSharding, lanes: Any = None) -> ArrayType:
    sizes = sharding.mesh.shape
    for dim, axes in enumerate(sharding.dim_axes(x.ndim)):
        n = math.prod(sizes[a] for a in axes)
        if x.shape[dim] % n:
            raise ShardingError(
                f"{sharding.spec} cannot split {x}: axis {dim} has size {x.shape[dim]}, which is "
                f"not divisible by the {n} devices along {', '.join(map(repr, axes))}\n"
                "fix: pad the array to a multiple, or leave that dimension whole"
            )
    return typed(x, sharding)


def _lower(b: Any, eqn: Any, x: Any) -> Any:
    """An explicit constraint where the program spans several devices, else nothing."""
    text = b.lowerer.sharding_text(eqn.params["sharding"], eqn.outputs[0].type.ndim)
    region = b.lowerer.manual
    if text is None or (region is not None and region.axes.issuperset(region.mesh.axis_names)):
        return x
    return b.op("sdy.sharding_constraint", [eqn.outputs[0].type], [x], {"sharding": parsed(text)})


def _batch(size: int, args: Any, dims: Any, *, sharding: NamedSharding, lanes: Any = None) -> Any:
    """The new dimension lies along `lanes`, by default as the compiler likes or types tell."""
    (x,), (at,) = args, dims
    held, ndim = typeof(x).explicit, typeof(x).ndim - 1
    if lanes is None and held is not None and held.spec[at] is not None:
        lanes = held.spec[at]
    if lanes and set(entry_axes(lanes)).intersection(sharding.spec.axes()):
        raise ShardingError(
            f"vmap spmd_axis_name {lanes} cannot appear in with_sharding_constraint spec, but got "
            f"spec {sharding.spec}"
        )
    entries = [*sharding.spec, *((None,) * (ndim - len(sharding.spec)))]
    spec = PartitionSpec(*entries[:at], UNCONSTRAINED if lanes is None else lanes, *entries[at:])
    return sharding_constraint_p.bind(x, sharding=sharding.update(spec=spec)), at


def _transpose(ct: Any, x: Any, *, sharding: NamedSharding, **lanes: Any) -> list[Any]:
    closed = sharding.update(spec=sharding.spec.update(unreduced=frozenset()))
    return [sharding_constraint_p.bind(ct, sharding=closed, **lanes)]


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    term = " ".join(letters(ins[0].ndim))
    return f"{term} -> {term}"


sharding_constraint_p = register(
    Primitive(
        "sharding_constraint",
        abstract=_abstract,
        ref=lambda x, *, sharding, lanes=None: x,
        lower=_lower,
        jvp=Linear(0),
        transpose=_transpose,
        batch=_batch,
        shard=_shard,
        cost=lambda ins, outs, **params: Cost(0.0, 0.0, 0.0),
        words=LANES,
        layout=lambda primitive, ins, outs, params: outs,
    )
)

inspect_sharding_p = register(
    Primitive(
        "inspect_sharding",
        abstract=lambda x, *, tell: [],
        ref=lambda x, *, tell: [],
        lower=lambda b, eqn, x: [],
        jvp=lambda primals, tangents, *, tell: (inspect_sharding_p.bind(*primals, tell=tell), []),
        transpose=NONLINEAR,
        batch=lambda size, args, dims, *, tell: (inspect_sharding_p.bind(*args, tell=tell), []),
        shard=lambda ins, outs, *, tell: f"{letters(ins[0].ndim)} ->",
        effects=lambda *, tell: frozenset({INSPECT}),
        words=lambda types, x, *, tell: [],
        multiple_results=True,
    )
)
"""Tells a function how a value lies over devices, when the program is compiled."""

LAYOUTS = {sharding_constraint_p}
"""Primitives that fix a layout, with an optional parameter `lanes`: mesh axes along which the
lanes of the batch that is being made shall lie (`spmd_axis_name` of `vmap`)."""


def with_sharding_constraint(x: Any, shardings: Any) -> Any:
    """`x` with its layout over devices fixed; over a mesh of explicit axes, asserted to be that.

    Args:
        x: array or tree of arrays.
        shardings: `NamedSharding`, `SingleDeviceSharding`, or `PartitionSpec` for the mesh of the
            enclosing `with mesh:` or `shard`; or a tree of these that is a prefix of `x`. A
            dimension with the entry `...` (or `UNCONSTRAINED`) is left to the compiler or planner.

    Returns:
        The structure of `x`, values unchanged.

    Raises:
        ShardingError: a spec does not fit the rank or does not divide the shape, or names an axis
            that the mesh does not have.
        RuntimeError: a `PartitionSpec` was given and there is no mesh.
        AssertionError: all axes of the mesh are explicit, and the array lies otherwise.

    Example:
        >>> mesh = Mesh((1,), ("x",))
        >>> with mesh:
        ...     y = with_sharding_constraint(1.0, PartitionSpec())
        >>> float(y)
        1.0
    """
    leaves, structure = tree.flatten(x)
    try:
        wanted = tree.broadcast_prefix(shardings, x, is_leaf=lambda s: s is None)
    except ValueError:
        raise no_prefix("with_sharding_constraint shardings", shardings, x, "argument",
                        lambda s: s is None) from None  # fmt: skip
    if jax_rules() and any(s is None for s in wanted):
        raise ArgumentValueError(
            "One of with_sharding_constraint arguments got sharding None which is not allowed. "
            "Please only pass `jax.sharding.Sharding` instances."
        )
    for leaf, s in zip(leaves, wanted, strict=True):
        _check_held(leaf, s)
    return tree.unflatten(
        structure, [constrained(leaf, s) for leaf, s in zip(leaves, wanted, strict=True)]
    )


def _check_held(x: Any, wanted: Any) -> None:
    """See that an array lies as asked where that is a part of its type."""
    wanted = None if wanted is None else over_devices(wanted)
    if not isinstance(wanted, NamedSharding):
        return
    mesh, held = wanted.mesh, typeof(x).sharding
    if len(mesh.axis_names) > len(mesh.explicit_axes):
        return
    if held.dim_axes(typeof(x).ndim) != wanted.dim_axes(typeof(x).ndim):
        raise LayoutAssertionError(
            "`with_sharding_constraint` acts as an assert when all axes of mesh are of type "
            f"`Explicit`. The array sharding: {held.spec} did not match the sharding provided: "
            f"{wanted.spec}.\nfix: use reshard to lay it out so"
        )


def constrained(x: Any, sharding: Any) -> Any:
    """One array with its layout fixed; None, or a layout over no axes, leaves it alone."""
    sharding = None if sharding is None else over_devices(sharding)
    if sharding is None:
        return x
    sharding = named_sharding(sharding)
    t = typeof(x)
    check_rank(sharding, "with_sharding_constraint arguments", t.ndim)
    manual = {a.name for a in environment() if a.mesh is not None}
    taken = manual.intersection(sharding.spec.axes())
    if taken:
        raise ShardingError(
            f"a layout inside of shard_map cannot name the axis {min(map(str, taken))}, along "
            f"which the arrays are cut by hand: {sharding.spec}\n"
            "fix: name only axes that are left to the compiler (axis_names of shard_map)"
        )
    if jax_rules() and current.interpreter is not type(current).interpreter:
        sharding = _even(sharding, t)
    return sharding_constraint_p.bind(x, sharding=sharding)


def _even(sharding: NamedSharding, t: ArrayType) -> NamedSharding:
    """A layout that leaves dimensions that it does not divide to the compiler."""
    counts = [n for n, _ in sharding.tiles(t.ndim)]
    if sharding.mesh.explicit_axes or not any(
        size % n for size, n in zip(t.shape, counts, strict=True)
    ):
        return sharding
    entries = [*sharding.spec, *((None,) * (t.ndim - len(sharding.spec)))]
    kept = [
        UNCONSTRAINED if size % n else p
        for p, size, n in zip(entries, t.shape, counts, strict=True)
    ]
    return sharding.update(spec=sharding.spec.update(partitions=kept))


def check_rank(sharding: Sharding, what: str, ndim: int) -> None:
    """Raise ShardingError where `what`, of `ndim` dimensions, has fewer than its sharding."""
    try:
        sharding.tiles(ndim)
    except ShardingError as error:
        raise ShardingError(
            f"One of {what} is incompatible with its sharding annotation {sharding}: "
            f"{error.message}"
        ) from None


def laid_out(where: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `f` gives, in the layout `where`: that decides, too, what operands leave open."""
    with chosen():
        out = f(*args, **kwargs)
    return constrained(out, where)


def over_devices(where: Any) -> Any:
    """A place for arrays, with devices where it names axes only; None if it names no axes."""
    if isinstance(where, NamedSharding):
        return None if where.mesh.empty else named_sharding(where)
    return named_sharding(where) if isinstance(where, PartitionSpec) else where


def destination(name: str, where: Any) -> Any:
    """`over_devices` of the place for arrays that the function `name` was given.

    Raises:
        ValueError: it is no device and no sharding, or a bare spec, and no mesh is in force.
    """
    if isinstance(where, PartitionSpec) and current_mesh() is None:
        raise ArgumentValueError(
            f"{name} got the spec {where}, but no mesh is in force. Please set a mesh via "
            f"`jax.set_mesh` if a PartitionSpec is passed to {name}\n"
            "fix: use `with mesh:` or set_mesh, or pass a NamedSharding"
        )
    where = over_devices(where)
    if where is None or isinstance(where, Sharding) or hasattr(where, "platform"):
        return where
    raise ArgumentValueError(
        f"`{name}` only accepts `None`, `jax.sharding.Sharding`, `jax.Device`, `Format` "
        f"or a pytree of these values. Received invalid value: {where}"
    )


def named_sharding(
    sharding: Any, what: str = "with_sharding_constraint", argument: str = "shardings"
) -> NamedSharding:
    """`NamedSharding` over devices: from one, a single device, or a spec and the mesh in force.

    The mesh in force also gives the devices where the sharding names axes only.

    Args:
        sharding: what the user gave.
        what, argument: to which argument of which function, for the text of errors.

    Raises:
        RuntimeError: there is no mesh in force.
        ShardingError: the mesh in force has other axes than the sharding.
        TypeError: `sharding` is neither.
    """
    if isinstance(sharding, NamedSharding):
        return sharding if isinstance(sharding.mesh, Mesh) else _with_devices(sharding)
    if isinstance(sharding, SingleDeviceSharding):  # whole, over a mesh of that device
        return NamedSharding(Mesh(np.array(sharding.device_list), ("device",)), PartitionSpec())
    if not isinstance(sharding, PartitionSpec):
        kind = "only" if isinstance(sharding, Sharding) else "as"
        raise ArgumentTypeError(
            f"expected a NamedSharding or a PartitionSpec {kind} layout over a mesh, got "
            f"{sharding!r}"
        )
    mesh = current_mesh()
    if mesh is None:
        raise RuntimeError(
            f"{what} requires a non-empty mesh in context if you are passing `PartitionSpec`s to "
            f"{argument}. You can define a context mesh via `jax.set_mesh(mesh)`. Alternatively, "
            f"provide `Sharding`s to {argument} and then the mesh context manager is not required."
            "\nfix: use `with mesh:`, or pass a NamedSharding"
        )
    return NamedSharding(mesh, sharding)


def _with_devices(sharding: NamedSharding) -> NamedSharding:
    """A sharding over an abstract mesh, with the devices of the mesh in force."""
    mesh = current_mesh() or sharding.mesh.placed
    if not isinstance(mesh, Mesh) or mesh.shape_tuple != sharding.mesh.shape_tuple:
        raise ShardingError(
            f"{sharding} has no devices, and the mesh in force, {mesh}, does not give them\n"
            "fix: use `with mesh:` or set_mesh with a mesh of these axes"
        )
    return NamedSharding(mesh, sharding.spec, memory_kind=sharding.memory_kind)


def constrain(x: Any, spec: Any) -> Any:
    """Fix the layout of `x`, exactly; `...` in a spec leaves that dimension to the planner.

    The same as `with_sharding_constraint`.

    Args:
        x: array or tree of arrays.
        spec: a `PartitionSpec` on the mesh in force, a sharding, or a tree of them that is a prefix
            of `x`.

    Returns:
        Tree of arrays of the shapes and dtypes of `x`.

    Raises:
        ShardingError: a layout does not fit a shape.
        RuntimeError: there is a bare spec, but no mesh in force.

    Example:
        >>> with Mesh((1,), ("x",)):
        ...     constrain(np.arange(2), PartitionSpec("x")).tolist()
        [0, 1]
    """
    return with_sharding_constraint(x, spec)


# --- text form of shardings -----------------------------------------------------------------


def written_sharding(s: NamedSharding) -> str:
    """A layout as text."""
    return json.dumps([_mesh_parts(s.mesh), *_spec_parts(s.spec)])


def _mesh_parts(mesh: Any) -> list[Any]:
    """Name and size of each axis, and its type unless the compiler decides about it."""
    return [
        [name, size] if kind is AxisType.Auto else [name, size, kind.name]
        for (name, size), kind in zip(mesh.shape_tuple, mesh.axis_types, strict=True)
    ]


def _spec_parts(spec: PartitionSpec) -> list[Any]:
    entries = [
        "..." if p is UNCONSTRAINED else None if p is None else list(entry_axes(p)) for p in spec
    ]
    return [entries, sorted(spec.unreduced)]


def read_sharding(text: str) -> NamedSharding:
    """The layout that `written_sharding` wrote, over the first devices."""
    axes, entries, unreduced = json.loads(text)
    return NamedSharding(_read_mesh(axes), _read_spec(entries, unreduced))


def _read_mesh(axes: Any) -> Mesh:
    kinds = tuple(AxisType[kind[0]] if kind else AxisType.Auto for _, _, *kind in axes)
    return Mesh(tuple(n for _, n, *_ in axes), [a for a, *_ in axes], kinds)


def _read_spec(entries: Any, unreduced: Any) -> PartitionSpec:
    parts = [UNCONSTRAINED if e == "..." else None if e is None else tuple(e) for e in entries]
    return PartitionSpec(*parts, unreduced=frozenset(unreduced))


register_param_type(NamedSharding, write=written_sharding, read=read_sharding)
register_param_type(
    PartitionSpec,
    write=lambda spec: json.dumps(_spec_parts(spec)),
    read=lambda text: _read_spec(*json.loads(text)),
)
register_param_type(
    Mesh,
    write=lambda mesh: json.dumps(_mesh_parts(mesh)),
    read=lambda text: _read_mesh(json.loads(text)),
)
