"""A program with a layout for several devices -> the program of one of them.

XLA's partitioner does it, the one that the CPU and CUDA backends run: the module is compiled for
as many virtual CPU devices, and what that pass has made is read from XLA's dump. So a program
is split here exactly as it is elsewhere, whether its layouts are the user's (`shard_map`,
shardings of arguments) or were chosen by `shard`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxlib import (
    _hlo,  # pyright: ignore[reportAttributeAccessIssue]
    _jax,  # pyright: ignore[reportAttributeAccessIssue]
    xla_client,
)
from jaxlib.mlir import ir

from ms_func.errors import UnsupportedError
from ms_func_ascend.reader import Program, as_module, main_types, mesh_groups, ranks, read
from ms_func_ascend.wire import decode


@dataclass(frozen=True)
class Layout:
    """Which part of an array each device holds.

    Attributes:
        shape: of the whole array.
        piece: shape on one device.
        starts: per device, where its piece begins.
    """

    shape: tuple[int, ...]
    piece: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """Pieces of an array, one per device."""
        return [x[where] for where in self._windows()]

    def join(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """The array that the devices hold pieces of."""
        out = np.empty(self.shape, pieces[0].dtype)
        for where, piece in zip(self._windows(), pieces, strict=True):
            out[where] = piece
        return out

    def _windows(self) -> list[tuple[slice, ...]]:
        return [
            tuple(slice(a, a + n) for a, n in zip(start, self.piece, strict=True))
            for start in self.starts
        ]


@dataclass(frozen=True)
class Split:
    """The program of each device, and how arguments and results lie on the devices."""

    program: Program
    arguments: tuple[Layout, ...]
    results: tuple[Layout, ...]


def is_split(module: ir.Module) -> bool:
    """Whether a module is for several devices and still has to be partitioned.

    A module without layouts is already the program of each device.
    """
    return ranks(module) > 1 and "sharding" in str(module)


def partition(module: Any) -> Split:
    """The program that each device runs, of a module for several devices.

    A module for one device, or without layouts, is already that program.

    Raises:
        UnsupportedError: XLA cannot partition the module; its message is in the error.
    """
    module = as_module(module)
    if not is_split(module):
        program = read(module)
        sides = (tuple(_same(s, program.ranks) for s in side) for side in main_types(module))
        return Split(program, *sides)
    count = ranks(module)
    local = _partitioned(module, count)
    attributes = local.operation.attributes
    layouts = []
    for name, whole, piece in zip(
        ("mhlo.spmd_parameters_shardings", "mhlo.spmd_output_sharding"),
        main_types(module), main_types(local), strict=True,
    ):  # fmt: skip
        rows = zip(_shardings(attributes[name]), whole, piece, strict=True)
        layouts.append(tuple(_layout(*row, count) for row in rows))
    local.operation.attributes["mhlo.num_partitions"] = module.operation.attributes[
        "mhlo.num_partitions"
    ]
    return Split(read(local), *layouts)


def _same(type: Any, count: int) -> Layout:
    """Each device has an array of its own, none is cut."""
    return Layout(type.shape, type.shape, ((0,) * len(type.shape),) * count)


# -- XLA -----------------------------------------------------------------------------------


@cache
def _client(count: int) -> Any:
    """A client with `count` virtual CPU devices; nothing runs on it."""
    return xla_client.make_cpu_client(num_devices=count)


_LINE = re.compile(r'^(#loc\d*) = loc\(("[^"]*":\d+:\d+[^()]*)\)$', re.MULTILINE)


def _with_named_lines(module: ir.Module) -> ir.Module:
    """The module with a name at each source line: XLA drops lines that have none on the way."""
    text: Any = module.operation.get_asm(enable_debug_info=True)
    return as_module(_LINE.sub(r'\1 = loc("line"(\2))', text))


def _partitioned(module: ir.Module, count: int) -> ir.Module:
    """What XLA's partitioner makes of a module; it writes it to a dump while it compiles."""
    client, module = _client(count), _with_named_lines(module)
    devices = xla_client.DeviceList(tuple(client.local_devices()))
    with tempfile.TemporaryDirectory() as folder:
        try:
            client.compile_and_load(module, devices, _options(count, folder))
        except Exception as error:  # what comes after the partitioner is none of our business
            failure: Exception | None = error
        else:
            failure = None
        found = sorted(Path(folder).glob("*after_spmd-partitioning*.hlo.pb"))
        if not found:
            raise UnsupportedError(
                f"XLA could not split the program over {count} devices: {failure}"
            ) from failure
        held = decode("HloProto", found[-1].read_bytes())["hlo_module"]
    made = as_module(_jax.mlir.hlo_to_stablehlo(held))
    _set_groups(made, _groups_by_channel(_hlo.HloModule.from_serialized_hlo_module_proto(held)))
    return made


_MESH = re.compile(
    r"channel_id=(\d+), replica_groups=mesh\[([^\]]*)\](?:, device_ids=\(([^{]*)\))? \{([^}]*)\}"
)
_FACTOR = re.compile(r"'([^']*)'(?::\((\d+)\)(\d+))?")


def _groups_by_channel(module: Any) -> dict[int, np.ndarray]:
    """Groups of the collectives that name axes of a mesh; conversion loses the mesh's order."""
    found: dict[int, np.ndarray] = {}
    for channel, axes, order, wanted in _MESH.findall(module.to_string()):
        sizes = {name: int(n) for name, n in re.findall(r"'([^']*)'=(\d+)", axes)}
        ids = _order(order, int(np.prod(list(sizes.values())))).reshape(list(sizes.values()))
        parts = [(name, int(pre or 1), int(n or 0)) for name, pre, n in _FACTOR.findall(wanted)]
        rows = mesh_groups(sizes, ids, parts)
        if not np.array_equal(found.setdefault(int(channel), rows), rows):
            raise UnsupportedError(f"two collectives of different groups have channel {channel}")
    return found


def _set_groups(module: ir.Module, groups: dict[int, np.ndarray]) -> None:
    def visit(op: ir.Operation) -> ir.WalkResult:
        found = re.search(r"handle = (\d+)", str(op.attributes["channel_handle"])
                          if "channel_handle" in op.attributes else "")  # fmt: skip
        held: Any = groups.get(int(found[1])) if found else None
        if held is not None and "replica_groups" in op.attributes:
            op.attributes["replica_groups"] = ir.DenseElementsAttr.get(held)
        return ir.WalkResult.ADVANCE

    with module.context:
        module.operation.walk(visit)


def _options(count: int, folder: str) -> Any:
    made = xla_client.CompileOptions()
    build = made.executable_build_options
    made.num_replicas = build.num_replicas = 1
    made.num_partitions = build.num_partitions = count
    build.use_spmd_partitioning = build.use_shardy_partitioner = True
    made.device_assignment = xla_client.DeviceAssignment.create(
        np.arange(count, dtype=np.int32)[None]
    )
    made.env_option_overrides = [
        ("xla_dump_to", folder),
        ("xla_dump_hlo_pass_re", "spmd-partitioning"),
        ("xla_dump_hlo_as_proto", True),
        ("xla_backend_optimization_level", 0),
    ]
    return made


# -- layouts in XLA's text form --------------------------------------------------------------


def _shardings(attribute: ir.Attribute) -> list[Any]:
    """Sharding of each value: a list of texts, or one text of a tuple."""
    listed = attribute if isinstance(attribute, ir.ArrayAttr) else [attribute]
    made = [xla_client.HloSharding.from_string(ir.StringAttr(a).value) for a in listed]
    flat = [part for s in made for part in (s.tuple_elements() or [s])]
    return [xla_client.HloSharding.v3_to_v2_sharding(s) for s in flat]


def _layout(sharding: Any, whole: Any, piece: Any, count: int) -> Layout:
    rank = len(whole.shape)
    if sharding.is_unreduced() or sharding.subgroup_types():
        raise UnsupportedError(
            "a value of the program is left as parts to be added up (unreduced)\n"
            "fix: give it a layout without `unreduced`"
        )
    if not sharding.is_tiled():
        return Layout(whole.shape, piece.shape, ((0,) * rank,) * count)
    places = np.array(sharding.tile_assignment_devices()).reshape(
        sharding.tile_assignment_dimensions()
    )
    starts: list[tuple[int, ...]] = [()] * count
    for at in np.ndindex(*places.shape):
        inside = zip(at[:rank], piece.shape, strict=True)
        starts[int(places[at])] = tuple(k * n for k, n in inside)
    return Layout(whole.shape, piece.shape, tuple(starts))


_IOTA = re.compile(r"\[([\d,]+)\](?:T\(([\d,]+)\))?")


def _order(text: str, count: int) -> np.ndarray:
    """Devices from `[4,2]T(1,0)`, numbers in order laid out and turned, or from a plain list."""
    found = _IOTA.match(text)
    if found is None:
        return np.array(_ints(text)) if text else np.arange(count)
    order = np.arange(count).reshape(_ints(found[1]))
    return order.transpose(_ints(found[2])) if found[2] else order


def _ints(text: str) -> list[int]:
    return [int(v) for v in text.split(",") if v]
