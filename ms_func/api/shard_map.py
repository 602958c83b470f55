"""shard_map: a function of pieces of arrays becomes a function of whole ones, run on a mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ms_func import tree
from ms_func.api.programs import simplified
from ms_func.config import jax_rules
from ms_func.control_flow.shard_map import bind_shard_map, piece_type
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShardingError
from ms_func.execution.dispatch import apply_placed, bottom
from ms_func.ir.axes import Axis, bound, environment
from ms_func.ir.function import Function
from ms_func.ir.mesh import AbstractMesh, Mesh, current_mesh, cut_by_hand
from ms_func.ir.primitive import current
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.arguments import check_callable, function_name, leaf_types, wraps
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, canonical, stage
from ms_func.tracing.tracebacks import user_traceback
from ms_func.tracing.tracer import build
from ms_func.tree_mismatch import no_prefix


class Infer:
    """Default of `in_specs`: the layout that each argument has."""

    def __repr__(self) -> str:
        return "Infer"


INFER = Infer()


def shard_map(
    f: Callable[..., Any] | None = None,
    /,
    *,
    out_specs: Any,
    in_specs: Any = INFER,
    mesh: AbstractMesh | None = None,
    axis_names: Any = frozenset(),
    check_vma: bool = True,
) -> Any:
    """Function that runs `f` on every device of a mesh, on the pieces that lie there.

    Inside of `f` collectives such as `lax.psum` communicate along the axes of the mesh. Transforms
    apply inside and outside.

    Args:
        f: function of arrays or trees of arrays, called with pieces.
        out_specs: how pieces of results make up whole results, a prefix tree of
            `PartitionSpec`s. An axis that a spec does not name is one along which all devices
            hold the same.
        in_specs: how arguments are cut into pieces, a prefix of the tuple of arguments. An axis
            that a spec does not name is one along which all devices get the same. Without it
            arguments are cut as they lie.
        mesh: the mesh; None for that of `set_mesh`, or of the `shard_map` around this one.
        axis_names: axes of the mesh that are cut by hand; the others are left to the compiler.
            Empty means all.
        check_vma: keep account of which values differ along which axes, refuse results that claim
            to be the same on all devices and may not be, and sum gradients of shared values.

    Returns:
        A function of whole arrays, by position.

    Raises:
        ValueError: specs do not fit the arguments, the results or the mesh; or a result may
            differ between devices that are to hold the same.

    Example:
        >>> import numpy
        >>> from ms_func import lax
        >>> mesh = Mesh((1,), ("x",))
        >>> total = shard_map(lambda v: lax.psum(v.sum(), "x"), mesh=mesh,
        ...                   in_specs=PartitionSpec("x"), out_specs=PartitionSpec())
        >>> float(total(numpy.float32([1, 2, 3])))
        6.0
    """
    if f is None:
        return partial(
            shard_map, out_specs=out_specs, in_specs=in_specs, mesh=mesh, axis_names=axis_names,
            check_vma=check_vma,
        )  # fmt: skip
    check_callable("shard_map", f)
    name = function_name(f)

    @user_traceback
    @wraps(f)
    def mapped(*args: Any) -> Any:
        region = _region(mesh, axis_names, bool(check_vma))
        leaves, in_tree = tree.flatten(args)
        types = leaf_types(leaves, "shard_map", name)
        ins = region.in_specs(name, in_specs, args, leaves, types)
        recorded = region.record(
            lambda xs: user_function(f)(*tree.unflatten(in_tree, xs)), name, types, ins,
            lambda staged: region.out_specs(name, staged, out_specs),
        )  # fmt: skip
        return region.apply(recorded, leaves)

    return mapped


def _region(mesh: Any, axis_names: Any, check: bool) -> Region:
    """Mesh and axes from what the user gave and what is in force."""
    around = [a for a in environment() if a.mesh is not None]
    if mesh is None:
        mesh = current_mesh() or (around[-1].mesh if around else None)
    if mesh is not None and not isinstance(mesh, AbstractMesh):
        raise ArgumentTypeError(
            "shard_map requires a `jax.sharding.Mesh` or a `jax.sharding.AbstractMesh` instance "
            f"for its mesh, but got {mesh!r} of type {type(mesh)}"
        )
    if mesh is None or mesh.empty:
        raise ShardingError(
            "The context mesh cannot be empty. Use `jax.set_mesh(mesh)` to enter into a mesh "
            "context, or pass shard_map a mesh"
        )
    if not isinstance(mesh, Mesh):
        mesh = Mesh(mesh.axis_sizes, mesh.axis_names, mesh.axis_types)
    taken = {a.name for a in around if a.mesh == mesh}
    if jax_rules() and not isinstance(axis_names, (set, frozenset)):
        raise ArgumentTypeError(
            "`axis_names` argument of shard_map should be of type `frozenset` or `set`. Got type: "
            f"{type(axis_names)}"
        )
    names = {axis_names} if isinstance(axis_names, str) else set(axis_names)
    unknown = names - set(mesh.axis_names)
    if unknown:
        raise ArgumentValueError(
            f"shard_map requires axis_names={frozenset(names)} to be a subset of "
            f"mesh.axis_names={mesh.axis_names}, but {sorted(map(str, unknown))} are not among them"
        )
    if names & taken:
        raise ArgumentValueError(
            f"shard_map axis_names {sorted(map(str, names & taken))} are already cut by hand in "
            "the shard_map around"
        )
    names = names or set(mesh.axis_names) - taken
    return Region(mesh, tuple(a for a in mesh.axis_names if a in names), check)


class Recorded(NamedTuple):
    """A region recorded for some types.

    Attributes:
        fn: program of one device.
        staged: what was recorded: captured values and the structure of the result.
        ins: layout of each operand, captured values first.
        outs: layout of each result.
    """

    fn: Function
    staged: Staged
    ins: tuple[PartitionSpec, ...]
    outs: tuple[PartitionSpec, ...]

    @property
    def captured(self) -> list[Any]:
        """Values from outside that the program takes as operands."""
        return self.staged.captured


class Region:
    """One call of a function made by `shard_map`."""

    def __init__(self, mesh: Mesh, manual: tuple[Any, ...], check: bool) -> None:
        self.mesh, self.manual, self.check = mesh, manual, check

    def in_specs(
        self, name: str, specs: Any, args: Any, leaves: Sequence[Any], types: Sequence[ArrayType]
    ) -> tuple[PartitionSpec, ...]:
        """One spec per leaf of the arguments, checked."""
        if isinstance(specs, Infer) or specs is None:
            found = tuple(self._inferred(x, t) for x, t in zip(leaves, types, strict=True))
        else:
            specs = tuple(specs) if isinstance(specs, list) else specs
            found = self._spread("in_specs", specs, args)
        for i, (spec, t) in enumerate(zip(found, types, strict=True)):
            self._check(name, "in_specs", f"argument {i}", spec, t)
            self._check_sizes(name, f"argument {i}", spec, t)
        return found

    def _inferred(self, x: Any, t: ArrayType) -> PartitionSpec:
        """How an argument lies over the mesh; one that does not is whole on every device."""
        sharding = t.explicit or getattr(x, "sharding", None)
        if isinstance(sharding, NamedSharding) and sharding.mesh == self.mesh:
            return sharding.spec
        return PartitionSpec()

    def _spread(self, what: str, specs: Any, full: Any) -> tuple[PartitionSpec, ...]:
        def is_spec(x: Any) -> bool:
            return x is None or isinstance(x, PartitionSpec)

        try:
            found = tree.broadcast_prefix(specs, full, is_leaf=is_spec)
        except ValueError:
            whose = "arguments" if what == "in_specs" else "result"
            raise no_prefix(f"shard_map {what}", specs, full, whose, is_spec) from None
        if not all(map(is_spec, found)):
            strange = next(s for s in found if not is_spec(s))
            raise ArgumentTypeError(
                f"shard_map {what} argument must be a pytree of `jax.sharding.PartitionSpec` "
                f"instances, but {what} has {strange!r} of type {type(strange).__name__}"
            )
        return tuple(PartitionSpec() if s is None else s for s in found)

    def _check(self, name: str, what: str, which: str, spec: PartitionSpec, t: ArrayType) -> None:
        strange = [a for a in spec.axes() if a not in self.manual]
        if strange:
            raise ArgumentValueError(
                f"shard_map {what} argument must refer to an axis marked as manual "
                f"({frozenset(self.manual)}), but:\n\n  {what} refers to {strange[0]!r}\n\n"
                f"Check the {what} values passed to shard_map: the spec {spec} of {which}"
            )
        if len(spec) > t.ndim:
            raise ArgumentValueError(
                f"shard_map applied to the function '{name}' was given an {what} entry which is "
                f"too long to be compatible with the corresponding {which}: {spec} has length "
                f"{len(spec)}, the value has type {t}, which has rank {t.ndim}\n"
                "fix: shorten the spec, or give the value more dimensions"
            )
        NamedSharding(self.mesh, spec)  # raises on axes used twice

    def _check_sizes(self, name: str, which: str, spec: PartitionSpec, t: ArrayType) -> None:
        try:
            NamedSharding(self.mesh, spec).shard_shape(t.shape)
        except ShardingError as error:
            raise ArgumentValueError(
                f"shard_map applied to the function '{name}' was given argument arrays with axis "
                "sizes that are not evenly divisible by the corresponding mesh axis sizes: "
                f"{which} of type {t} by {spec} over {self.mesh}: {error.message}"
            ) from None

    def record(
        self, call: Callable[[Sequence[Any]], Any], name: str, types: Sequence[ArrayType],
        ins: tuple[PartitionSpec, ...], out_specs: Callable[[Staged], tuple[PartitionSpec, ...]],
    ) -> Recorded:  # fmt: skip
        """Record `call` of pieces of arrays of the given types.

        `out_specs` says how the pieces of results make up whole ones.
        """
        pieces = [piece_type(t, self.mesh, s, self.check) for t, s in zip(types, ins, strict=True)]
        sizes = self.mesh.shape
        axes = [Axis(a, sizes[a], self.mesh, self.check) for a in self.manual]
        with bound(*axes), cut_by_hand(self.mesh, self.manual):
            staged = stage(call, pieces, name=name, border=True, refs="keep")
        outs = out_specs(staged)
        lead = (PartitionSpec(),) * len(staged.captured)
        return Recorded(simplified(staged.fn), staged, (*lead, *ins), outs)

    def apply(self, recorded: Recorded, leaves: Sequence[Any], donate: tuple[int, ...] = ()) -> Any:
        """Record the region, or run it with its operands laid out as it takes them."""
        fn, staged, ins, outs = recorded
        operands = [*staged.captured, *leaves]

        def body(*xs: Any) -> list[Any]:
            return bind_shard_map(xs, fn, self.mesh, ins, outs, self.manual, self.check)

        if current.interpreter is not bottom:
            return staged.unflatten(body(*operands))
        types = tuple(typeof(x) for x in operands)
        key = ("program", self.mesh, ins, outs, self.manual, self.check, types)
        if key not in fn.memo:
            fn.memo[key] = canonical(build(fn.name, types, body))
        layouts = tuple(NamedSharding(self.mesh, s) for s in ins)
        given = tuple(len(staged.captured) + i for i in donate)
        return staged.unflatten(apply_placed(fn.memo[key], operands, layouts, given))

    def out_specs(self, name: str, staged: Staged, specs: Any) -> tuple[PartitionSpec, ...]:
        """One spec per leaf of the result, checked."""
        skeleton = tree.unflatten(staged.out_tree, list(staged.fn.out_types))
        found = self._spread("out_specs", specs, skeleton)
        for i, (spec, t) in enumerate(zip(found, staged.fn.out_types, strict=True)):
            self._check(name, "out_specs", f"result {i}", spec, t)
            if self.check:
                self._check_copies(name, i, spec, t)
        return found

    def _check_copies(self, name: str, i: int, spec: PartitionSpec, t: ArrayType) -> None:
        """Raise where a result that may differ between devices is to be the same on them."""
        sizes, named = self.mesh.shape, spec.axes()
        open_ = [a for a in self.manual if a in t.vma and a not in named and sizes[a] > 1]
        if open_:
            listed = ", ".join(map(str, open_))
            raise ArgumentValueError(
                f"shard_map applied to the function '{name}' was given out_specs which require "
                f"replication which can't be statically inferred given the mesh: {self.mesh}\n"
                f"The spec {spec} of result {i} says that it is the same along {{{listed}}}, but "
                f"it was inferred to be possibly varying over {{{listed}}}\n"
                f"fix: name the axis in the spec, combine the value with lax.psum or lax.pmean, or "
                "switch the check off with check_vma=False"
            )
