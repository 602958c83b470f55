"""vmap: a function of one element becomes a function of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from ms_func import tree
from ms_func.api.programs import apply, simplified
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution import key_reuse
from ms_func.ir.axes import BATCH_AXIS, Axis, bound, renamed
from ms_func.ir.function import Eqn, Function
from ms_func.ir.sharding import NamedSharding, PartitionSpec, entry_axes
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.axis_slices import index_in_dim, slice_in_dim
from ms_func.primitives.keys import random_split
from ms_func.primitives.sharding import LAYOUTS
from ms_func.tracing.arguments import (
    argument_paths,
    check_callable,
    function_name,
    leaf_types,
    wraps,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.reference import operands
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracebacks import user_traceback
from ms_func.transforms.batch import batch, lanes_laid_out
from ms_func.tree_mismatch import no_prefix


def vmap(
    fun: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    spmd_axis_name: Any = None,
    *,
    convert: Any = "auto",
) -> Callable[..., Any]:
    """Function that applies `fun` to every element of a batch at once.

    Args:
        fun: function of arrays or trees of arrays.
        in_axes: for each argument the position of its batch dimension: an int, None for an
            argument that all elements share, or a tree of these that is a prefix of the argument.
            Keyword arguments are always batched along dimension 0.
        out_axes: position of the batch dimension in each result; a prefix of the result's
            structure. None asks for a result that does not depend on the batch.
        axis_name: name of the batch for collectives in `fun`, such as `lax.psum`.
        axis_size: number of elements, needed only where no argument is batched.
        spmd_axis_name: mesh axis, or tuple of them, along which the batch is split wherever
            `fun` fixes a layout (`with_sharding_constraint`, `shard_map`).
        convert: what to do about Python control flow on traced values; see `jit`.

    Returns:
        A function of batched arguments.

    Raises:
        ValueError: batch sizes differ, or an axis is out of range.

    Example:
        >>> import numpy
        >>> vmap(lambda x, y: x + y, in_axes=(0, None))(numpy.arange(3), 10).tolist()
        [10, 11, 12]
    """
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    check_callable("vmap", fun)
    if not isinstance(in_axes, (int, tuple, type(None))):
        raise ArgumentTypeError(
            "vmap in_axes must be an int, None, or a tuple of entries corresponding to the "
            f"positional arguments passed to the function, but got {in_axes!r}\n"
            f"fix: axes of the one argument's elements go in a tuple, in_axes=({in_axes!r},)"
        )
    name = function_name(fun)
    hash(axis_name)  # raises TypeError on what cannot be a name

    @user_traceback
    @wraps(fun, "Vectorized version of {fun}, over an axis of its arguments.\n\n{doc}")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ArgumentValueError(
                "vmap in_axes must be an int, None, or a tuple of entries corresponding to the "
                f"positional arguments passed to the function `{name}`, but got "
                f"len(in_axes)={len(in_axes)}, len(args)={len(args)}"
            )
        leaves, in_tree = tree.flatten((args, kwargs))
        axes = flat_axes("vmap", name, args, kwargs, in_axes)
        size, dims = axis_size_of("vmap", fun, args, kwargs, axes, axis_size)
        batched = Batched(axis_name, size, spmd_axis_name)
        return _run(user_function(fun, convert), name, leaves, in_tree, dims, batched, out_axes)

    return mapped


class Batched(NamedTuple):
    """The axis that a `vmap` makes: its name, its size, and where its lanes lie."""

    name: Any
    size: int
    spmd_name: Any

    def axis(self) -> AbstractContextManager[None]:
        """Bring the name into force."""
        return nullcontext() if self.name is None else bound(Axis(self.name, self.size))

    def own(self, fn: Function) -> Function:
        """`fn` with the lanes in place of the name."""
        change = None if self.spmd_name is None else SplitLanes(entry_axes(self.spmd_name))
        if self.name is None and change is None:
            return fn
        return renamed(fn, {} if self.name is None else {self.name: BATCH_AXIS}, change)


class SplitLanes(NamedTuple):
    """Change of equations that fix a layout: lanes of the batch lie along these mesh axes."""

    axes: tuple[Any, ...]

    def __call__(self, eqn: Eqn, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters of the equation with the axes added where it takes them."""
        if eqn.primitive not in LAYOUTS:
            return params
        return {**params, "lanes": self.axes}


def _none(x: Any) -> bool:
    return x is None


def flat_axes(what: str, name: str, args: Any, kwargs: Any, in_axes: Any) -> list[int | None]:
    """One axis per leaf from a prefix tree; arguments by name are mapped along dimension 0."""
    try:
        return tree.broadcast_prefix((in_axes, 0), (args, kwargs), is_leaf=_none)
    except ValueError:
        raise no_prefix(f"{what} in_axes", in_axes, args, f"arguments of `{name}`", _none) from None


def axis_size_of(
    what: str, fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any],
    axes: Sequence[int | None], axis_size: int | None,
) -> tuple[int, list[int | None]]:  # fmt: skip
    """The one size of the mapped axes, and mapped dimensions counted from the front.

    Raises:
        ValueError: there is no such size, or several.
    """
    leaves, name = tree.leaves((args, kwargs)), function_name(fun)
    sizes: dict[int, list[int]] = {} if axis_size is None else {axis_size: []}
    dims: list[int | None] = []
    for i, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is None:
            dims.append(None)
            continue
        t = _with_axis(what, name, x, axis)
        dims.append(axis % t.ndim)
        sizes.setdefault(t.shape[axis], []).append(i)
    if not sizes:
        missing = (
            f"{what} must have at least one non-None value in in_axes or axis_size must be "
            f"specified, in a call of `{name}`"
            if leaves
            else f"{what} wrapped function must be passed at least one argument containing "
            f"an array or axis_size must be specified, got empty *args={args} and "
            f"**kwargs={kwargs} in a call of `{name}`"
        )
        raise ArgumentValueError(
            f"{missing}\nfix: give an argument a batch dimension in in_axes, or pass axis_size"
        )
    if len(sizes) > 1:
        paths = argument_paths(fun, args, kwargs)
        found = [f"axis {dims[i]} of {_spoken(paths[i])} of type {typeof(x)}"
                 for i, x in enumerate(leaves)]  # fmt: skip
        lines = ";\n".join(_told(sizes, found, axis_size))
        raise ArgumentValueError(
            f"{what} got inconsistent sizes for array axes to be mapped:\n{lines}\n"
            f"in a call of `{name}`\n"
            "fix: map arguments of one length; None in in_axes for those that all elements share"
        )
    return next(iter(sizes)), dims


def _spoken(path: str) -> str:
    return path if path.startswith(("args[", "kwargs[")) else f"argument {path}"


def _told(sizes: dict[int, list[int]], places: Sequence[str], axis_size: int | None) -> list[str]:
    """One line for each size that was found, the most common one first."""
    lines = [] if axis_size is None else [f"  * the `axis_size` argument was {axis_size}"]
    counted = sorted(((n, at) for n, at in sizes.items() if n != axis_size or at),
                     key=lambda s: (-len(s[1]), s[1]))  # fmt: skip
    for k, (n, at) in enumerate(counted):
        first = places[at[0]]
        if len(at) == 1:
            lines.append(f"  * one axis had size {n}: {first}")
            continue
        share = "most" if k == 0 and len(at) > len(counted[-1][1]) else "some"
        share = "most" if len(counted) == 1 else share
        lines.append(f"  * {share} axes ({len(at)} of them) had size {n}, e.g. {first}")
    return lines


def _with_axis(what: str, name: str, x: Any, axis: Any) -> ArrayType:
    """Type of an argument, which has that axis."""
    if not isinstance(axis, int):
        raise ArgumentTypeError(
            f"{what} in_axes must be an int, None, or (nested) container with those types as "
            f"leaves, but got {axis!r}"
        )
    (t,) = leaf_types([x], what, name)
    if not -t.ndim <= axis < t.ndim:
        raise ArgumentValueError(
            f"{what} was requested to map its argument along axis {axis}, which implies that "
            f"its rank should be at least {axis + 1 if axis >= 0 else -axis}, but is only "
            f"{t.ndim} (its shape is {t.shape}), in a call of `{name}`\n"
            "fix: set in_axes to None for arguments that all elements share"
        )
    return t


def _run(
    fun: Callable[..., Any],
    name: str,
    leaves: Sequence[Any],
    in_tree: Any,
    dims: Sequence[int | None],
    batched: Batched,
    out_axes: Any,
) -> Any:
    mapped = [i for i, d in enumerate(dims) if d is not None]
    types = [_lane_type(leaves[i], dims[i]) for i in mapped]

    def call(tracers: Sequence[Any]) -> Any:
        full = list(leaves)
        for i, tracer in zip(mapped, tracers, strict=True):
            full[i] = tracer
        args, kwargs = tree.unflatten(in_tree, full)
        return fun(*args, **kwargs)

    given = [leaves[i] for i in mapped]
    layout = _lanes_layout(given, [dims[i] for i in mapped])
    with batched.axis():
        staged = stage(call, types, name=name, refs="write", operands=given,
                       role="lanes")  # fmt: skip
    key_reuse.look(staged.fn, [*staged.captured, *(None for _ in given)])
    wanted = _flat_out_axes(name, staged, out_axes)
    lanes = (None,) * len(staged.captured) + tuple(dims[i] for i in mapped)
    own = {id(x): dims[i] for x, i in zip(given, mapped, strict=True)}
    held = [own.get(id(ref)) for ref in staged.writes]
    captured, lanes, fresh = _split_keys(name, staged, batched.size, lanes)
    held = [0 if k in fresh else d for k, d in enumerate(held)]
    fn = batched.own(staged.fn)
    with lanes_laid_out(layout):
        program, out_dims = _batched(fn, batched.size, lanes, (*wanted, *held), layout)
    _check_shared(name, staged, held, out_dims)
    _check_unmapped(name, staged, wanted, out_dims)
    outs = apply(program, [*captured, *operands(given)])
    for k, key in fresh.items():
        outs[staged.own + k] = key
    return staged.unflatten(outs)


def _check_unmapped(
    name: str, staged: Staged, wanted: Sequence[int | None], out_dims: Sequence[int | None]
) -> None:
    """Raise where a result that was to be the same for all elements is not."""
    for i, (want, dim) in enumerate(zip(wanted, out_dims, strict=False)):
        if want is None and dim is not None:
            places = tree.flatten_with_path(tree.unflatten(staged.out_tree, wanted),
                                            is_leaf=lambda x: x is None)[0]  # fmt: skip
            raise ArgumentValueError(
                f"at vmap out_axes{tree.keystr(places[i][0])}, got axis spec None but output was "
                f"batched on axis {dim}: the result of `{name}` depends on the batch\n"
                "fix: give the position of its batch dimension"
            )


def _split_keys(
    name: str, staged: Staged, size: int, lanes: tuple[int | None, ...]
) -> tuple[list[Any], tuple[int | None, ...], dict[int, Any]]:
    """Keys of their own for the lanes in place of one that moves on in a shared reference.

    Returns:
        Captured values, dimensions of the lanes, and what the references hold afterwards, by
        position among those written.

    Raises:
        ValueError: a generator does not allow it.
    """
    captured, at = list(staged.captured), list(lanes)
    fresh: dict[int, Any] = {}
    for k, (ref, i) in enumerate(zip(staged.writes, staged.places, strict=True)):
        if i >= len(captured) or not ref.type.lanes:
            continue
        if ref.type.lanes != "split":
            raise ArgumentValueError(
                f"vmap of `{name}` draws from a random.Generator that all lanes share: they would "
                "draw the same numbers\n"
                "fix: make it with Generator(seed, split=True), or pass each lane a key"
            )
        keys = random_split(captured[i], (size + 1,))
        fresh[k] = index_in_dim(keys, 0, keepdims=False)
        captured[i], at[i] = slice_in_dim(keys, 1, size + 1), 0
    return captured, tuple(at), fresh


def _check_shared(
    name: str, staged: Staged, held: Sequence[int | None], out_dims: Sequence[int | None]
) -> None:
    """Refuse values that differ between the lanes for a reference that all lanes share.

    Raises:
        ValueError: there is one.
    """
    for ref, want, dim in zip(staged.writes, held, out_dims[staged.own :], strict=True):
        if want is None and dim is not None:
            raise ArgumentValueError(
                f"vmap of `{name}` writes values that differ between the lanes to a reference of "
                f"type {ref.type} that all lanes share\n"
                "fix: make the reference an argument of the function, with a dimension for the "
                "lanes"
            )


def _batched(fn: Any, size: int, dims: Any, out_dims: Any, layout: Any) -> Any:
    key = ("vmap", size, dims, out_dims, layout)
    if key not in fn.memo:
        program, found = batch(fn, size, dims, out_dims)
        fn.memo[key] = simplified(program), found
    return fn.memo[key]


def _lanes_layout(given: Sequence[Any], dims: Sequence[int | None]) -> NamedSharding | None:
    """How lanes lie on devices, where types tell.

    Raises:
        ValueError: those of one argument lie otherwise than those of another.
    """
    found: dict[Any, NamedSharding | None] = {}
    for x, d in zip(given, dims, strict=True):
        if d is not None:
            held = typeof(x).explicit
            axes = () if held is None else held.dim_axes(typeof(x).ndim)[d]
            found.setdefault(axes, held and held.with_dims((axes,)))
    if len(found) > 1:
        a, b, *_ = (PartitionSpec(axes or None)[0] for axes in found)
        raise ArgumentValueError(
            "Mapped away dimension of inputs passed to vmap should be sharded the same. Got "
            f"inconsistent axis specs: {a} vs {b}\nfix: lay one out as the other with reshard"
        )
    return next(iter(found.values()), None)


def _lane_type(x: Any, dim: int | None) -> ArrayType:
    t = typeof(x)
    assert dim is not None
    return t.without_dimension(dim)


def _flat_out_axes(name: str, staged: Staged, out_axes: Any) -> list[int | None]:
    """One axis per result, counted from the front of the batched result."""
    out_types = staged.fn.out_types[: staged.own]
    skeleton = tree.unflatten(staged.out_tree, out_types)
    try:
        axes = tree.broadcast_prefix(out_axes, skeleton, is_leaf=_none)
    except ValueError:
        raise no_prefix("vmap out_axes", out_axes, skeleton, f"result of `{name}`", _none) from None
    found: list[int | None] = []
    for axis, t in zip(axes, out_types, strict=True):
        if axis is not None and type(axis) is not int:
            raise ArgumentTypeError(
                "vmap out_axes must be an int, None, or (nested) container with those types as "
                f"leaves, but got {axis!r}"
            )
        if axis is not None and not -t.ndim - 1 <= axis <= t.ndim:
            raise ArgumentValueError(
                f"vmap of `{name}`: axis {axis} is out of bounds for array of dimension "
                f"{t.ndim + 1}: out_axes of a result of type {t} and one batch dimension"
            )
        found.append(None if axis is None else axis % (t.ndim + 1))
    return found
