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

from ms_func.errors import ShardingTypeError
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


def agrees(kind: Any, layout: NamedSharding | None) -> bool:
    """Whether a type tells of no dimension that it lies otherwise than `layout` has it."""
    if kind.explicit is None or layout is None:
        return kind.explicit is None
    pairs = zip(kind.explicit.dim_axes(kind.ndim), layout.dim_axes(kind.ndim), strict=True)
    return all(own in ((), other) for own, other in pairs)


class _Rule:
    """Slot for the rule of results, filled by `propagation`.

    `(primitive, types of operands, types of results, params)` to the types with their layouts.
    """

    rule: Any = staticmethod(lambda primitive, types, outs, params: outs)


layout_rule = _Rule()


def alike(*parts: tuple[int, int | None, str]) -> Any:
    """A rule of results that wants some of the operands laid out alike.

    Args:
        parts: from which operand to before which, and what is said where these are not; scalars
            are not looked at.
    """

    def rule(primitive: Any, types: Sequence[Any], outs: Any, params: Any) -> Any:
        for start, stop, complaint in parts:
            laid = [t for t in types[start:stop] if t.ndim]
            if not choice.free and any(t.explicit != laid[0].explicit for t in laid):
                raise ShardingTypeError(
                    f"{complaint}, got {', '.join(map(str, laid))}\n"
                    "fix: lay one out as the other with reshard"
                )
        return layout_rule.rule(primitive, types, outs, params)

    return rule


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
