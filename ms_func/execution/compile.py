"""Compiled programs, one for each structure of a function and placement of its operands."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

from ms_func import backend, config
from ms_func.backend import CompileOptions
from ms_func.execution.buffers import default_backend
from ms_func.execution.layouts import named_layout
from ms_func.execution.placement import (
    Placement,
    placement_of,
    public,
    settle,
    wanted_placement,
)
from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType
from ms_func.lowering.lower import lower_function
from ms_func.lowering.shardings import meshes_of

log = logging.getLogger("ms_func")


class Program(NamedTuple):
    """A compiled function ready to run on buffers placed as `placement` says."""

    executable: Any
    placement: Placement

    def run(self, buffers: Sequence[Any]) -> list[Any]:
        """Result buffers; they may still be in the making."""
        return self.executable.run(buffers)


_programs: OrderedDict[Any, Program] = OrderedDict()
_lock = Lock()
_LIMIT = 8192


def compiled(
    fn: Function,
    placement: Placement,
    *,
    name: str,
    donate: tuple[int, ...] = (),
    out_shardings: tuple[Any, ...] | None = None,
) -> Program:
    """Program of `fn` at `placement`, compiled if this process has not done so yet."""
    key = (fn.key, placement, donate, out_shardings)
    found = _programs.get(key)
    if found is None:
        found = _compile(fn, placement, name, donate, out_shardings)
        with _lock:
            _programs[key] = found
            if len(_programs) > _LIMIT:
                _programs.popitem(last=False)
    return found


def _compile(
    fn: Function,
    placement: Placement,
    name: str,
    donate: tuple[int, ...],
    out_shardings: tuple[Any, ...] | None,
) -> Program:
    if config.log_compiles.value:
        log.warning("Compiling %s for %s", name, ", ".join(map(str, fn.in_types)))
    if len(placement.devices) > 1:
        return _compile_split(fn, placement, name, donate, out_shardings)
    module = lower_function(fn, name=name, donate=donate)
    executable = default_backend().compile(module, CompileOptions(name, placement.devices))
    (own,) = set(placement.in_shardings) or {default_backend().sharding(placement.devices[0])}
    executable.bind_types(fn.out_types, [own] * len(fn.results), placement.committed)
    return Program(executable, placement)


def _compile_split(
    fn: Function,
    placement: Placement,
    name: str,
    donate: tuple[int, ...],
    out_shardings: tuple[Any, ...] | None,
) -> Program:
    """Program over several devices; results without a layout get one from the partitioner."""
    wanted = out_shardings or (None,) * len(fn.results)
    module = lower_function(
        fn, name=name, donate=donate, devices=placement.devices, out_shardings=wanted,
        in_shardings=[public(s) for s in placement.in_shardings],
    )  # fmt: skip
    flags = {"free_outputs": [s is None for s in wanted]}
    options = CompileOptions(name, placement.devices, flags=flags)
    executable = default_backend().compile(module, options)
    got = executable.out_tilings()
    found = [
        named_layout(placement.mesh, t.ndim, tiling) if s is None else s
        for s, t, tiling in zip(wanted, fn.out_types, got, strict=True)
    ]
    shardings = [
        default_backend().sharding(s, t.ndim) for s, t in zip(found, fn.out_types, strict=True)
    ]
    executable.bind_types(fn.out_types, shardings, True)
    return Program(executable, placement)


def ready(
    fn: Function,
    buffers: Sequence[Any],
    *,
    name: str,
    donate: tuple[int, ...] = (),
    ins: tuple[Any, ...] | None = None,
    outs: tuple[Any, ...] | None = None,
) -> tuple[Program, list[Any], bool]:
    """Compiled program of `fn` for operands, which are moved to where it wants them.

    Args:
        fn: the program.
        buffers: operands.
        name: for messages.
        donate: positions of operands whose memory may be reused.
        ins: layout per operand, None where it follows the operand.
        outs: layout per result, None where it is free.

    Returns:
        the program; the operands in their places; whether the dispatcher may place operands of
        this kind by itself.
    """
    rule = program_rule(fn)
    if rule is not None:
        fn, ins, outs = rule(fn, donate, ins, outs)
    program = compiled(
        fn, program_placement(fn, buffers, ins, outs), name=name, donate=donate, out_shardings=outs
    )
    moved, fast = settle(buffers, program.placement, strict=rule is None)
    return program, moved, fast


def program_placement(
    fn: Function, buffers: Sequence[Any], ins: Any, outs: Any
) -> Placement:
    """Where a program runs, given operands and layouts."""
    meshes = meshes_of(fn)
    count = len(fn.params)
    if ins is None and outs is None and not meshes:
        return placement_of(buffers, count)
    return wanted_placement(buffers, fn.in_types, ins or (None,) * count, [*(outs or ()), *meshes])


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


class HostProgram(NamedTuple):
    """A function compiled by a backend whose buffers are NumPy arrays."""

    executable: Any
    out_types: tuple[ArrayType, ...]


def compiled_elsewhere(fn: Function, name: str, backend_name: str) -> HostProgram:
    """Program of `fn` for a named backend that holds no arrays of its own."""
    key = ("host", backend_name)
    if key not in fn.memo:
        made = backend.get(backend_name).compile(
            lower_function(fn, name=name), CompileOptions(name)
        )
        fn.memo[key] = HostProgram(made, fn.out_types)
    return fn.memo[key]
