"""Layouts as part of types: along the axes of a mesh that are `AxisType.Explicit`.

The type of an array then tells which dimension is split along which axis, and the types of
results follow from those of operands (`propagation`). An array that is split along no such axis
has no layout in its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

from ms_func.ir.mesh import current_mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec


def typed(kind: Any, sharding: Any) -> Any:
    """The type `kind` with what types tell of a layout."""
    if isinstance(sharding, PartitionSpec):
        mesh = current_mesh()
        return kind if mesh is None else typed(kind, NamedSharding(mesh, sharding))
    mesh = getattr(sharding, "mesh", None)
    if mesh is None or not mesh.explicit_axes:
        return kind if kind.explicit is None else kind.whole
    dims = sharding.dim_axes(kind.words.ndim)[: kind.ndim]
    return kind.update(explicit=explicit_layout(mesh, dims))


def explicit_layout(mesh: Any, dims: Sequence[Sequence[Any]]) -> NamedSharding | None:
    """Layout of dimensions along the explicit axes of a mesh; None where none is split."""
    known = set(mesh.explicit_axes)
    whole = NamedSharding(mesh, PartitionSpec())
    return whole.with_dims([tuple(a for a in axes if a in known) for axes in dims])


class _Rule:
    """Slot for the rule of results, filled by `propagation`.

    `(primitive, types of operands, types of results, params)` to the types with their layouts.
    """

    rule: Any = staticmethod(lambda primitive, types, outs, params: outs)


layout_rule = _Rule()


class _Choice(local):
    """Whether a layout that operands leave open is chosen."""

    free = False


choice = _Choice()


@contextmanager
def chosen() -> Iterator[None]:
    """Choose a layout where operands leave it open: somebody lays out the result anyway."""
    before, choice.free = choice.free, True
    try:
        yield
    finally:
        choice.free = before
