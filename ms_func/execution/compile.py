"""Compiled programs, one for each structure of a function and placement of its operands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, compress
from typing import Any, NamedTuple

from ms_func import backend, config
from ms_func.backend import ArrayExecutable, CompileOptions, Executable, platform_of
from ms_func.errors import OutOfMemoryError, UnsupportedError
from ms_func.execution import host, program_cache
from ms_func.execution.buffers import default_backend, move, refuse_deleted
from ms_func.execution.layouts import named_layout
from ms_func.execution.placement import (
    Placement,
    may_move,
    placement_of,
    public,
    wanted_placement,
)
from ms_func.ir.effects import INSPECT, calls_host
from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.mesh import AxisType
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType
from ms_func.lowering.emit import TOKEN
from ms_func.lowering.lower import lower_function
from ms_func.lowering.shardings import meshes_of
from ms_func.stopwatch import timed, watched

log = logging.getLogger("ms_func")


class Program(NamedTuple):
    """A compiled function ready to run on buffers placed as `placement` says.

    Attributes:
        executable: the backend's program, which takes only the operands that are kept.
        placement: where it runs.
        kept: for each operand, whether the program depends on it.
        calls_host: whether it calls Python; such a program has ended when `run` returns.
    """

    executable: ArrayExecutable
    placement: Placement
    kept: tuple[bool, ...]
    calls_host: bool = False

    def run(self, buffers: Sequence[Any]) -> list[Any]:
        """Result buffers; they may still be in the making. Free operands are moved here."""
        default_backend()  # raises where it was left behind by a fork
        where = self.placement.in_shardings
        moved = [
            b if b._sharding is s or b._sharding == s else transfer(b, s)
            for b, s, kept in zip(buffers, where, self.kept, strict=True)
            if kept
        ]
        if self.calls_host:
            return self._run_with_host(moved)
        try:
            return self.executable.run(moved)
        except (ValueError, RuntimeError):
            refuse_deleted(moved)
            raise

    def _run_with_host(self, operands: list[Any]) -> list[Any]:
        devices, mesh = self.placement.devices, self.placement.mesh
        alone = len(devices) == 1
        where = devices[0] if alone else NamedSharding(mesh, PartitionSpec())
        return host.run(lambda more: self.executable.run([*operands, *more]), where, alone)

    def fast_path(self, out_tree: Any, consts: Sequence[Any]) -> Any:
        """What the C++ dispatcher needs to call the program without Python."""
        shardings = list(compress(self.placement.in_shardings, self.kept))
        return self.executable.fast_path(out_tree, shardings, self.kept, consts)


def compiled(
    fn: Function,
    placement: Placement,
    *,
    name: str,
    donate: tuple[int, ...] = (),
    out_shardings: tuple[Any, ...] | None = None,
    types: tuple[ArrayType, ...] | None = None,
    options: tuple[tuple[str, Any], ...] = (),
) -> Program:
    """Program of `fn` at `placement`, compiled if this process has not done so yet.

    `types` are those that the results carry, where they are not those of the program.
    """
    key = (fn.key, placement, donate, out_shardings, types, options)
    found = None if watched() else program_cache.find(key)
    if found is None:
        made = types or fn.out_types
        found = _compile(fn, placement, name, donate, out_shardings, made, options)
        program_cache.keep(key, found)
    return found


def _compile(
    fn: Function,
    placement: Placement,
    name: str,
    donate: tuple[int, ...],
    out_shardings: tuple[Any, ...] | None,
    types: tuple[ArrayType, ...],
    xla: tuple[tuple[str, Any], ...],
) -> Program:
    if config.log_compiles.value:
        log.warning("Compiling %s for %s", name, ", ".join(map(str, fn.in_types)))
    kept = used_parameters(fn)
    shorter, donate = without_unused(fn, kept, donate)
    job = Prepared(shorter, None, out_shardings, True, types)
    inner = replace(placement, in_shardings=tuple(compress(placement.in_shardings, kept)))
    state = [TOKEN] if calls_host(fn) else []
    executable = _executable(job, inner, name, donate, xla)
    check_memory(fn, name, executable, placement.devices[0])
    if len(placement.devices) == 1:
        shardings = _on_one_device(placement, [*types, *state])
    else:
        shardings = _result_shardings(job, placement, executable, state)
    executable.bind_types([*types, *state], shardings, placement.committed)
    if INSPECT in fn.effects:
        _answer(job, inner, name, xla)
    return Program(executable, placement, kept, bool(state))


def _executable(
    job: Prepared, placement: Placement, name: str, donate: tuple[int, ...],
    xla: tuple[tuple[str, Any], ...],
) -> ArrayExecutable:  # fmt: skip
    entries: list[Any] = []
    module = lower_program(job, placement, name=name, donate=donate, entries=entries)
    state = [False] if calls_host(job.fn) else []
    flags: dict[str, Any] = {"free_outputs": [*_free_outputs(job), *state], "xla": dict(xla)}
    if entries:
        flags["callbacks"] = [entries]
    return timed("compile")(default_backend().compile)(
        module, CompileOptions(name, placement.devices, flags=flags)
    )


def _answer(
    job: Prepared, placement: Placement, name: str, xla: tuple[tuple[str, Any], ...]
) -> None:
    """Tell how values lie that the program asks about: what lies free where it is a result.

    Raises:
        UnsupportedError: the program is for several devices, and a value is within a loop.
    """
    asked = list(_asking(job.fn))
    if len(placement.devices) == 1:
        for e in asked:
            e.params["tell"](public(default_backend().sharding(placement.devices[0])))
        return
    nested = next((e for e in asked if e not in job.fn.eqns), None)
    if nested is not None:
        raise UnsupportedError(
            "inspect_array_sharding was called in a loop or a branch of a program for several "
            "devices\nfix: call it on a value outside of it",
            nested.loc,
        )
    more = [e.inputs[0] for e in asked]
    fn = Function(name, job.fn.params, job.fn.eqns, [*job.fn.results, *more])
    outs = (*(job.outs or (None,) * len(job.fn.results)), *(None for _ in more))
    job = Prepared(fn, None, outs, True)
    state = [TOKEN] if calls_host(fn) else []
    found = _result_shardings(job, placement, _executable(job, placement, name, (), xla), state)
    for e, where in zip(asked, found[len(fn.results) - len(more) :], strict=False):
        e.params["tell"](public(where))


def _asking(fn: Function) -> Iterator[Eqn]:
    """Equations that ask how values lie, at every depth."""
    for e in fn.eqns:
        if e.primitive.effects is not None and INSPECT in e.effects:
            yield e
        for inner in e.functions():
            yield from _asking(inner)


def _on_one_device(placement: Placement, types: Sequence[ArrayType]) -> list[Any]:
    """Sharding of each result on the one device: as that of an operand, where it fits its rank."""
    plain = default_backend().sharding(placement.devices[0])
    own = next((s for s in placement.in_shardings if s != plain), plain)
    seen = public(own)
    if not isinstance(seen, NamedSharding):
        return [own] * len(types)
    whole = NamedSharding(seen.mesh, PartitionSpec())
    return [
        default_backend().sharding(seen if len(seen.spec) <= n else whole, n)
        for n in (t.words.ndim for t in types)
    ]


def check_memory(fn: Function, name: str, executable: ArrayExecutable, device: Any) -> None:
    """Refuse a program that needs more memory than its device has.

    Raises:
        OutOfMemoryError: it does; the largest values are named.
    """
    limit = default_backend().memory(device)
    if limit is None:
        return
    stats = executable.memory_analysis
    temporary, results = stats.temp_size_in_bytes, stats.output_size_in_bytes
    arguments = stats.argument_size_in_bytes - stats.alias_size_in_bytes
    needed = arguments + results + temporary
    if needed <= limit:
        return
    largest = sorted(fn.eqns, key=lambda e: -sum(v.type.nbytes for v in e.outputs))[:3]
    rows = [
        f"    {e.primitive.name} {', '.join(str(v.type) for v in e.outputs)}"
        + (f" at {e.loc}" if e.loc is not None else "")
        for e in largest
    ]
    raise OutOfMemoryError(
        f"`{name}` needs {_bytes(needed)} of memory, and its device has {_bytes(limit)}: "
        f"{_bytes(arguments)} for arguments, {_bytes(results)} for results, "
        f"{_bytes(temporary)} for values in between\n"
        + "\n".join(["largest values:", *rows])
        + "\nfix: use smaller arrays or a narrower dtype; for gradients see checkpoint",
        largest[0].loc if largest else None,
    )


def _bytes(n: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if n < 1024 or unit == "TiB":
            break
        n /= 1024
    return f"{n:.4g} {unit}"


def option_items(options: dict[str, Any] | None) -> tuple[tuple[str, Any], ...]:
    """Options of the compiler as a key; sorted, so that their order does not matter."""
    held = {k: tuple(v) if isinstance(v, list) else v for k, v in (options or {}).items()}
    return tuple(sorted(held.items()))


def used_parameters(fn: Function) -> tuple[bool, ...]:
    """For each parameter, whether an equation or a result refers to it."""
    used = {a for e in fn.eqns for a in e.inputs if type(a) is Var}
    used.update(a for a in fn.results if type(a) is Var)
    return tuple([v in used for v in fn.params])


def without_unused(
    fn: Function, kept: Sequence[bool], donate: Sequence[int]
) -> tuple[Function, tuple[int, ...]]:
    """`fn` without the parameters it does not use, and donated positions among the others."""
    if all(kept):
        return fn, tuple(donate)
    place = list(accumulate(kept, initial=0))
    params = [v for v, k in zip(fn.params, kept, strict=True) if k]
    shorter = Function(fn.name, params, fn.eqns, fn.results)
    return shorter, tuple(place[i] for i in donate if kept[i])


def _free_outputs(job: Prepared) -> list[bool]:
    """For which results the partitioner may choose the layout."""
    return [s is None for s in job.outs or (None,) * len(job.fn.results)]


def _result_shardings(
    job: Prepared, placement: Placement, executable: ArrayExecutable, state: list[ArrayType]
) -> list[Any]:
    """Placement of each result: as asked for, else as the partitioner chose."""
    types = [*job.fn.out_types, *state]
    if not types:
        return []
    whole = NamedSharding(placement.mesh, PartitionSpec())
    wanted = [*(job.outs or (None,) * len(job.fn.results)), *[whole for _ in state]]
    found = [
        _left_open(t, named_layout(placement.mesh, t.ndim, tiling)) if s is None else s
        for s, t, tiling in zip(wanted, types, executable.out_tilings(), strict=True)
    ]
    return [default_backend().sharding(s, t.ndim) for s, t in zip(found, types, strict=True)]


def _left_open(t: ArrayType, found: NamedSharding) -> NamedSharding:
    """A layout that the partitioner chose: along no explicit axis where the type tells none."""
    mesh = found.mesh
    if t.explicit is None and not {*mesh.explicit_axes}.isdisjoint(found.spec.axes()):
        return found.update(mesh=mesh.update(axis_types=AxisType.Auto))
    return found


def lower_program(
    job: Prepared,
    placement: Placement,
    *,
    name: str,
    donate: tuple[int, ...] = (),
    entries: list[Any] | None = None,
    platforms: Sequence[str] | None = None,
) -> Any:
    """StableHLO module of a program at `placement`.

    Args:
        job: the program.
        placement: where it runs.
        name: name of the module.
        donate: positions of parameters whose buffers the program may overwrite.
        entries: gets what it calls in Python.
        platforms: kinds of devices it is for, where these are not those it is placed on; with
            none named, or several, it has no form that is only better on one.
    """
    ins: list[Any] | None = None
    outs: list[Any] | None = None
    split = len(placement.devices) > 1
    if split:
        state = [NamedSharding(placement.mesh, PartitionSpec())] if calls_host(job.fn) else []
        given = placement.in_shardings[: len(job.fn.free_types)]
        ins = [*map(public, given), *state]
        outs = [*(job.outs or (None,) * len(job.fn.results)), *state]
    return lower_function(
        job.fn,
        name=name,
        donate=donate,
        in_shardings=ins,
        out_shardings=outs,
        devices=placement.devices,
        platform=_platform(placement, platforms),
        host=entries,
    )


def _platform(placement: Placement, platforms: Sequence[str] | None) -> str | None:
    if platforms is None:
        return platform_of(placement.devices[0])
    if len(platforms) > 1:
        return "/".join(platforms)  # no kind of its own, so that none has kernels for it
    return platforms[0] if platforms else None


class Prepared(NamedTuple):
    """A program and the layouts asked for.

    Attributes:
        fn: the program.
        ins: layout per operand, None where it follows the operand; None if all do.
        outs: layout per result, None where it is free; None if all are.
        strict: whether operands placed on purpose in another way are an error.
        types: types that the results carry, None for those of the program.
    """

    fn: Function
    ins: tuple[Any, ...] | None
    outs: tuple[Any, ...] | None
    strict: bool
    types: tuple[ArrayType, ...] | None = None


def prepared(
    fn: Function,
    donate: tuple[int, ...] = (),
    ins: tuple[Any, ...] | None = None,
    outs: tuple[Any, ...] | None = None,
) -> Prepared:
    """A program without keys and references, after what its primitives decide about all of it."""
    types = fn.out_types
    outs = _explicit(fn, outs)
    plain = final_form.rule(fn)
    given = None if plain is fn else types
    rule = program_rule(plain)
    if rule is None:
        return Prepared(plain, ins, outs, True, given)
    plain, ins, outs = rule(plain, donate, ins, outs)
    return Prepared(plain, ins, outs, False, given)


def _explicit(fn: Function, outs: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Layouts of results: those that their types tell, where all axes of the mesh are explicit.

    A type that tells none means a whole array, unless some of the program is over a mesh of which
    the compiler has axes to lay results along.
    """
    meshes = meshes_of(fn)
    mesh = next((m for m in meshes if m.are_all_axes_explicit), None)
    if mesh is None:
        return outs
    every = all(m.are_all_axes_explicit for m in meshes)
    whole = NamedSharding(mesh, PartitionSpec()) if every else None
    given = outs or (None,) * len(fn.results)
    return tuple(s or t.explicit or whole for s, t in zip(given, fn.out_types, strict=True))


class _FinalForm:
    """Slot for the pass before compilation, filled by `transforms.physical`.

    The pass stands above this folder, because it is made of the rules of transforms.
    """

    rule: Callable[[Function], Function] = staticmethod(lambda fn: fn)


final_form = _FinalForm()


def ready(
    job: Prepared,
    buffers: Sequence[Any],
    *,
    name: str,
    donate: tuple[int, ...] = (),
    options: tuple[tuple[str, Any], ...] = (),
) -> tuple[Program, bool]:
    """Compiled program for operands, and whether the dispatcher may place such operands itself.

    Raises:
        ValueError: operands are committed to other devices, or placed in another way than asked.
    """
    placement = program_placement(job, buffers)
    fast = may_move(buffers, placement, job.strict)
    program = compiled(
        job.fn,
        placement,
        name=name,
        donate=donate,
        out_shardings=job.outs,
        types=job.types,
        options=options,
    )
    return program, fast and not program.calls_host


def program_placement(job: Prepared, buffers: Sequence[Any]) -> Placement:
    """Where a program runs, given its first operands."""
    meshes = meshes_of(job.fn)
    count = len(job.fn.params)
    if job.ins is None and job.outs is None and not meshes:
        return placement_of(buffers, count)
    others = [*(job.outs or ()), *meshes]
    return wanted_placement(buffers, job.fn.in_types, job.ins or (None,) * count, others)


def program_rule(fn: Function) -> Any:
    """Rule of a primitive in `fn` that decides about the whole program, or None."""
    try:
        return fn.memo["program_rule"]
    except KeyError:
        pass
    found = None
    for eqn in fn.eqns:
        found = eqn.primitive.program or next(
            filter(None, map(program_rule, eqn.functions())), None
        )
        if found is not None:
            break
    fn.memo["program_rule"] = found
    return found


def transfer(buffer: Any, placement: Any) -> Any:
    """Buffer with the elements of another one on a device or sharding.

    Between layouts over the same devices the partitioner moves the pieces; else they go through
    the host.

    Raises:
        RuntimeError: the buffer was donated or deleted.
    """
    refuse_deleted((buffer,))
    held = default_backend()
    want = held.sharding(placement, buffer.aval.words.ndim)
    have = buffer._sharding
    if have == want and buffer._committed:
        return buffer
    if len(have.device_set) < 2 or tuple(have.device_order) != tuple(public(want).device_list):
        return move(buffer, want)
    public(want).shard_shape(buffer.aval.shape)  # raises where the layout does not fit
    v = Var(buffer.aval.words)
    where = Placement(tuple(have.device_order), (have,), True, have.public.mesh)
    fn = Function("transfer", [v], [], [v])
    program = compiled(
        fn, where, name="transfer", out_shardings=(public(want),), types=(buffer.aval,)
    )
    return program.run([buffer])[0]


class HostProgram(NamedTuple):
    """A function compiled by a backend whose buffers are NumPy arrays."""

    executable: Executable
    out_types: tuple[ArrayType, ...]


def compiled_elsewhere(
    job: Prepared, operands: Sequence[Any], name: str, backend_name: str,
    flags: tuple[tuple[str, Any], ...],
) -> HostProgram:  # fmt: skip
    """Program for a named backend that holds no arrays of its own; `operands` say where it runs.

    `flags` are the settings of that backend.
    """
    placement = program_placement(job, operands)
    key = ("host", backend_name, placement, job.outs, flags)
    if key not in job.fn.memo:
        module = lower_program(job, placement, name=name, platforms=())
        options = CompileOptions(name, (), len(placement.devices), dict(flags))
        made = backend.get(backend_name).compile(module, options)
        job.fn.memo[key] = HostProgram(made, job.types or job.fn.out_types)
    return job.fn.memo[key]
