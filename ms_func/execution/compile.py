"""Compiled programs, one for each structure of a function and placement of its operands."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, compress
from threading import Lock
from typing import Any, NamedTuple

from ms_func import backend, config
from ms_func.backend import CompileOptions
from ms_func.errors import ArgumentValueError
from ms_func.execution.buffers import default_backend, move
from ms_func.ir.function import Function, Var
from ms_func.ir.types import ArrayType
from ms_func.lowering.lower import lower_function

log = logging.getLogger("ms_func")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a program runs.

    Attributes:
        devices: devices the program spans, in the order of partitions.
        in_shardings: placement of each operand.
        committed: whether an operand fixed the devices; results are then fixed too.
    """

    devices: tuple[Any, ...]
    in_shardings: tuple[Any, ...]
    committed: bool
    identity: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "identity", hash((self.devices, self.in_shardings, self.committed))
        )

    def __hash__(self) -> int:
        return self.identity


@lru_cache(maxsize=1024)
def _free_placement(device: Any, sharding: Any, count: int) -> Placement:
    return Placement((device,), (sharding,) * count, False)


def placement_of(buffers: Sequence[Any], count: int | None = None) -> Placement:
    """Placement that the operands ask for: that of committed ones, else the default device.

    Args:
        buffers: operands; those beyond them, up to `count`, are free.
        count: number of operands, that of `buffers` if None.

    Raises:
        ValueError: two operands are committed to different devices.
    """
    count = len(buffers) if count is None else count
    committed = None
    for b in buffers:
        if b._committed:
            s = b._sharding
            if committed is None or len(s.device_set) > len(committed.device_set):
                committed = s
    if committed is None:
        held = default_backend()
        device = config.default_device.value or held.default_device
        return _free_placement(device, held.sharding(device), count)
    _check_devices(buffers, committed)
    if len(committed.device_set) == 1:
        (device,) = committed.device_set
        return Placement((device,), (committed,) * count, True)
    everywhere = committed.replicated()
    shardings = [b._sharding if b._committed else everywhere for b in buffers]
    shardings += [everywhere] * (count - len(buffers))
    return Placement(tuple(committed.device_order), tuple(shardings), True)


def _check_devices(buffers: Sequence[Any], committed: Any) -> None:
    for b in buffers:
        if b._committed and b._sharding.device_set != committed.device_set:
            raise ArgumentValueError(
                "Received incompatible devices for jitted computation: one operand is committed "
                f"to {_names(committed)}, another one of type {b.aval} to {_names(b._sharding)}\n"
                "fix: move one with device_put"
            )


def _names(sharding: Any) -> str:
    return ", ".join(sorted(str(d) for d in sharding.device_set))


class Program(NamedTuple):
    """A compiled function ready to run on buffers placed as `placement` says.

    Attributes:
        executable: the backend's program, which takes only the operands that are kept.
        placement: where it runs.
        kept: for each operand, whether the program depends on it.
    """

    executable: Any
    placement: Placement
    kept: tuple[bool, ...]

    def run(self, buffers: Sequence[Any]) -> list[Any]:
        """Result buffers; they may still be in the making. Free operands are moved here."""
        where = self.placement.in_shardings
        moved = [
            b if b._sharding is s or b._sharding == s else move(b, s)
            for b, s, kept in zip(buffers, where, self.kept, strict=True)
            if kept
        ]
        return self.executable.run(moved)

    def fast_path(self, out_tree: Any, consts: Sequence[Any]) -> Any:
        """What the C++ dispatcher needs to call the program without Python."""
        shardings = list(compress(self.placement.in_shardings, self.kept))
        return self.executable.fast_path(out_tree, shardings, self.kept, consts)


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
    platform = placement.devices[0].platform
    kept = used_parameters(fn)
    shorter, donate = without_unused(fn, kept, donate)
    module = lower_function(shorter, donate, name=name, platform=platform)
    executable = default_backend().compile(module, CompileOptions(name, placement.devices))
    (own,) = set(placement.in_shardings) or {default_backend().sharding(placement.devices[0])}
    executable.bind_types(fn.out_types, [own] * len(fn.results), placement.committed)
    return Program(executable, placement, kept)


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
