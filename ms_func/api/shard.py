"""shard: a function whose work is split over devices by the cheapest plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import update_wrapper
from typing import Any

from ms_func import tree
from ms_func.api.compile import jit
from ms_func.api.devices import device_put
from ms_func.api.reasons import argument_names, without_statics
from ms_func.errors import ArgumentTypeError, ShardingError
from ms_func.execution.dispatch import bottom
from ms_func.ir.mesh import AbstractMesh
from ms_func.ir.primitive import current
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.parallel.memory import parse_bytes
from ms_func.parallel.plan import Options, Plan
from ms_func.parallel.region import plan_of, region
from ms_func.primitives.sharding import constrained
from ms_func.tracing.arguments import check_callable, function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import stage
from ms_func.tree_mismatch import mismatches

AUTO = "auto"


def shard(
    fun: Callable[..., Any],
    mesh: Any = None,
    in_specs: Any = AUTO,
    out_specs: Any = AUTO,
    *,
    objective: str = "time",
    memory_limit: int | str | None = None,
    search_seconds: float = 10.0,
) -> Any:
    """Function that computes `fun` on several devices, split in the way that costs least.

    Nothing is decided when `shard` is called: every transform goes through it, and the whole
    program is planned when it is finally compiled, gradients and optimizer included. Values
    are those of one device up to the order of additions.

    Args:
        fun: function of arrays or trees of arrays.
        mesh: `Mesh`; a number of devices, or None for all: then the shape of the mesh is
            searched as well.
        in_specs: layout of the arguments, a prefix tree of `PartitionSpec`s; 'auto' leaves it to
            the planner. In a spec None means "not split", `...` leaves the dimension free.
        out_specs: the same for the results.
        objective: what to minimise: 'time', 'communication' (bytes sent; a plan may do at
            most 1.25 times the ideal work) or 'memory'.
        memory_limit: bytes that each device may hold, a number or a text such as "16GiB"; None sets
            no limit.
        search_seconds: stop refining after this time; the plan says how far from the optimum it may
            be.

    Returns:
        A function of the same arguments. It and `jit` of it have the methods `plan(*args)`,
        `input_specs(*args)` and `place(*args)`.

    Raises:
        ShardingError: when called, if no plan satisfies the given layouts or the memory limit.

    Example:
        >>> import numpy
        >>> double = shard(lambda x: x * 2, mesh=1)
        >>> double(numpy.float32([1, 2])).tolist()
        [2.0, 4.0]
    """
    check_callable("shard", fun)
    if mesh is not None and not isinstance(mesh, (AbstractMesh, int)):
        raise ArgumentTypeError(f"shard expects a Mesh, a number of devices or None, got {mesh!r}")
    limit = None if memory_limit is None else parse_bytes(memory_limit)
    options = Options(objective, float(search_seconds), limit)
    return Sharded(fun, mesh, in_specs, out_specs, options)


class Sharded:
    """One use of `shard`."""

    def __init__(
        self, fun: Callable[..., Any], mesh: Any, in_specs: Any, out_specs: Any, options: Options
    ) -> None:
        self.fun, self.mesh, self.options = fun, mesh, options
        self.in_specs, self.out_specs = in_specs, out_specs
        self.name = function_name(fun)
        update_wrapper(self, fun, updated=())
        self._jitted: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run, planned by itself, or become part of the program being recorded."""
        if current.interpreter is bottom:
            return self.jitted(*args, **kwargs)
        return self.record(args, kwargs)

    @property
    def jitted(self) -> Any:
        """The compiled form used outside of other transforms."""
        if self._jitted is None:
            self._jitted = jit(self)
        return self._jitted

    def record(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Record a region in the recording in force; what is static there stays as it is."""
        every, in_tree = tree.flatten((args, kwargs))
        specs = self._specs("in_specs", self.in_specs, tuple(args), len(every))
        places = [i for i, x in enumerate(every) if not _is_static(x)]
        leaves = [every[i] for i in places]
        types = leaf_types(leaves, "shard", self.name)

        def call(tracers: Sequence[Any]) -> Any:
            laid = {i: self._laid(x, specs[i]) for i, x in zip(places, tracers, strict=True)}
            a, k = tree.unflatten(in_tree, [laid.get(i, x) for i, x in enumerate(every)])
            with self.mesh if isinstance(self.mesh, AbstractMesh) else nullcontext():
                return self._laid_results(user_function(self.fun)(*a, **k))

        staged = stage(call, types, name=self.name)
        outs = region(staged.fn, [*staged.captured, *leaves], self.name, self.mesh, self.options)
        return staged.unflatten(outs)

    def _laid_results(self, out: Any) -> Any:
        leaves, out_tree = tree.flatten(out)
        specs = self._specs("out_specs", self.out_specs, out, len(leaves))
        return tree.unflatten(
            out_tree, [self._laid(x, s) for x, s in zip(leaves, specs, strict=True)]
        )

    def _laid(self, x: Any, spec: Any) -> Any:
        """A value in the layout of a spec, if there is one."""
        if spec is AUTO or spec is None:
            return x
        if isinstance(spec, PartitionSpec):
            if not isinstance(self.mesh, AbstractMesh):
                raise ShardingError(
                    f"shard of `{self.name}` has the spec {spec}, but its mesh has no names yet\n"
                    "fix: give shard a Mesh"
                )
            spec = NamedSharding(self.mesh, spec)
        return constrained(x, spec)

    def _specs(self, what: str, prefix: Any, full: Any, count: int) -> list[Any]:
        """One spec or 'auto' per leaf."""
        if prefix is AUTO or (isinstance(prefix, str) and prefix == AUTO):
            return [AUTO] * count
        try:
            found = tree.broadcast_prefix(prefix, full, is_leaf=_is_spec)
        except ValueError:
            places = "\n".join(mismatches(what, prefix, full, _is_spec))
            raise ShardingError(
                f"{what} of shard of `{self.name}` must be a tree prefix: {prefix!r} does not fit "
                f"{tree.structure(full)}\n{places}"
            ) from None
        return [*found, *[AUTO] * (count - len(found))]

    # --- plans ------------------------------------------------------------------------------

    def attach(self, jitted: Any, recorded: Callable[..., Any], options: Any) -> None:
        """Give a jitted form the methods that look at plans.

        Args:
            jitted: the callable that `jit` returns.
            recorded: from arguments to the recorded program, its donations and layouts.
            options: of the jitted form: which arguments are static.
        """

        def plan(*args: Any, **kwargs: Any) -> Plan:
            fn, *rest = recorded(args, kwargs)
            names, _ = argument_names(self.fun, args, kwargs, options)
            key = ("named plan", *rest, *names)
            if key not in fn.memo:
                fn.memo[key] = replace(plan_of(fn, *rest), names=tuple(names))
            return fn.memo[key]

        def shardings(*args: Any, **kwargs: Any) -> Any:
            found = plan(*args, **kwargs)
            leaves, in_tree = tree.flatten(without_statics(args, kwargs, options))
            own = found.in_shardings[len(found.in_shardings) - len(leaves) :]
            return tree.unflatten(in_tree, own)[0]

        def input_specs(*args: Any, **kwargs: Any) -> Any:
            return tree.map(lambda s: s.spec, shardings(*args, **kwargs))

        def place(*args: Any, **kwargs: Any) -> Any:
            own, _ = without_statics(args, {}, options)
            placed = device_put(own, shardings(*args, **kwargs))
            return tuple(
                [x if i in options.static_argnums else y
                 for i, (x, y) in enumerate(zip(args, placed, strict=True))]
            )  # fmt: skip

        jitted.plan, jitted.input_specs, jitted.place = plan, input_specs, place

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Plan for these arguments (arrays or `ShapeDtypeStruct`s); nothing is run."""
        return self.jitted.plan(*args, **kwargs)

    def input_specs(self, *args: Any, **kwargs: Any) -> Any:
        """Planned layout of each positional argument, as a tuple of trees of specs."""
        return self.jitted.input_specs(*args, **kwargs)

    def place(self, *args: Any, **kwargs: Any) -> Any:
        """The positional arguments on the devices, laid out as planned."""
        return self.jitted.place(*args, **kwargs)


def _is_static(x: Any) -> bool:
    """Whether an argument is no array, and was not made one by a transform around."""
    return isinstance(x, (bool, int, float, complex, str, bytes)) or callable(x)


def _is_spec(x: Any) -> bool:
    return x is None or isinstance(x, (str, PartitionSpec, NamedSharding))
