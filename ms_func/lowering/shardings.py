"""Meshes and layouts in Shardy's text form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ms_func.errors import ShardingError
from ms_func.ir.function import Function
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import UNCONSTRAINED, NamedSharding, entry_axes


def mesh_text(symbol: str, mesh: Any, devices: Sequence[Any]) -> str:
    """`sdy.mesh` operation of a mesh in a program over `devices`.

    Raises:
        ShardingError: the mesh has other devices than the program.
    """
    axes = ", ".join(f"{_quoted(n)}={s}" for n, s in mesh.shape_tuple)
    order = device_order(mesh, devices)
    ids = f", device_ids={order}" if order != list(range(len(order))) else ""
    return f"sdy.mesh @{symbol} = <[{axes}]{ids}>"


def device_order(mesh: Any, devices: Sequence[Any]) -> list[int]:
    """Partition number of each device of the mesh, in the mesh's order."""
    if not isinstance(mesh, Mesh) or not devices:
        return list(range(mesh.size))
    place = {d: i for i, d in enumerate(devices)}
    try:
        order = [place[d] for d in mesh.devices.flat]
    except KeyError:
        order = []
    if len(order) != len(devices):
        raise ShardingError(
            f"a sharding over {mesh} is used in a program that runs on other devices: "
            f"{', '.join(map(str, devices))}\nfix: use one mesh, or meshes of the same devices"
        )
    return order


def manual_text(
    symbol: str,
    manual: Sequence[Any],
    ins: Sequence[tuple[NamedSharding, int]],
    outs: Sequence[tuple[NamedSharding, int]],
    partial: bool,
) -> dict[str, str]:
    """Attributes of `sdy.manual_computation`.

    Args:
        symbol: name of the mesh.
        manual: its manual axes.
        ins: layout and rank of each operand.
        outs: the same of each result.
        partial: whether other axes are left to the partitioner, which may then split further.
    """

    def listed(pairs: Sequence[tuple[NamedSharding, int]]) -> str:
        texts = [sharding_text(symbol, s, n, partial)[len("#sdy.sharding") :] for s, n in pairs]
        return f"#sdy.sharding_per_value<[{', '.join(texts)}]>"

    names = ", ".join(map(_quoted, manual))
    return {
        "in_shardings": listed(ins),
        "out_shardings": listed(outs),
        "manual_axes": f"#sdy<manual_axes{{{names}}}>",
    }


def sharding_text(symbol: str, sharding: NamedSharding, ndim: int, more: bool = False) -> str:
    """`#sdy.sharding` attribute of a layout; entries that are unconstrained stay open.

    Where `more` is true, the other entries may be split further as well.
    """
    sharding.dim_axes(ndim)  # raises where the rank does not fit
    entries = [*sharding.spec, *((None,) * (ndim - len(sharding.spec)))]
    dims = [
        "{?}"
        if p is UNCONSTRAINED
        else "{" + ", ".join([*map(_quoted, entry_axes(p)), *(["?"] if more else [])]) + "}"
        for p in entries
    ]
    text = f"#sdy.sharding<@{symbol}, [{', '.join(dims)}]"
    if sharding.spec.unreduced:
        names = [a for a in sharding.mesh.axis_names if a in sharding.spec.unreduced]
        text += f", unreduced={{{', '.join(map(_quoted, names))}}}"
    return text + ">"


def _quoted(name: Any) -> str:
    return json.dumps(str(name))


def meshes_of(fn: Function) -> tuple[Any, ...]:
    """Meshes that the layouts inside a program are over, in order of appearance."""
    found = fn.memo.get("meshes")
    if found is None:
        found = fn.memo["meshes"] = tuple(dict.fromkeys(_meshes(fn)))
    return found


def _meshes(fn: Function) -> Iterator[Any]:
    yield from (v.type.explicit.mesh for v in fn.params if v.type.explicit is not None)
    for eqn in fn.eqns:
        for value in eqn.params.values():
            if type(value) is NamedSharding:
                yield value.mesh
            elif type(value) is Mesh:
                yield value
        for inner in eqn.functions():
            yield from meshes_of(inner)
