"""Layouts as part of types: what the explicit axes of a mesh mean for the results of operations.

Index notation says which dimensions of operands and results run over the same index. A layout of
an operand cuts the indices of its dimensions, and a dimension of a result lies along the axes
that cut its indices. Where that leaves a choice, the user's program must make it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ms_func.errors import ShardingTypeError, UnsupportedError
from ms_func.ir.explicit import choice, explicit_layout, layout_rule
from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType
from ms_func.parallel.shard_rules import Rule, Term, make_rule, whole_rule

Axes = tuple[Any, ...]


def laid_out(
    primitive: Primitive,
    types: Sequence[ArrayType],
    outs: Sequence[ArrayType],
    params: dict[str, Any],
) -> tuple[ArrayType, ...]:
    """Types of results with the layouts that follow from those of the operands.

    Args:
        primitive: the operation.
        types: types of its operands.
        outs: types of its results, without layouts.
        params: its parameters.

    Raises:
        ShardingTypeError: they do not follow.
    """
    held = [t.explicit for t in types if t.explicit is not None]
    mesh = held[0].mesh
    if any(s.mesh != mesh for s in held):
        raise ShardingTypeError(
            f"{primitive.name} got arrays over different meshes: {mesh} and "
            f"{next(s.mesh for s in held if s.mesh != mesh)}\nfix: move one with reshard"
        )
    plain = [t.whole for t in types]
    try:
        rule = make_rule(primitive, plain, outs, params)
    except UnsupportedError:
        rule = whole_rule(plain, outs)
    return _Propagation(primitive.name, types, mesh, rule).results(outs)


class _Propagation:
    """Layouts on their way from the operands of one operation to its results."""

    def __init__(self, name: str, types: Sequence[ArrayType], mesh: Any, rule: Rule) -> None:
        self.name, self.types, self.mesh, self.rule = name, types, mesh, rule
        self.cuts: dict[int, Axes] = {}
        self.places: dict[tuple[int, int], Axes] = {}

    def results(self, outs: Sequence[ArrayType]) -> tuple[ArrayType, ...]:
        for t, term in zip(self.types, self.rule.ins, strict=True):
            if t.explicit is not None:
                each = t.explicit.dim_axes(t.ndim)
                for place, (dim, axes) in enumerate(zip(term, each, strict=True)):
                    if dim or not axes:
                        self._cut(t, dim, axes)
                    else:
                        self._keep(t, place, axes)
        self._check_sums()
        return tuple([self._result(t, term) for t, term in zip(outs, self.rule.outs, strict=True)])

    def _keep(self, t: ArrayType, place: int, axes: Axes) -> None:
        """A dimension of no index stays cut where the result has one in its place."""
        alike = [term for term in self.rule.outs if len(term) == t.ndim and not term[place]]
        if alike:
            self.places[t.ndim, place] = axes
        else:
            self._refuse(f"cannot tell how the dimensions of the result are cut, from {t}")

    def _cut(self, t: ArrayType, dim: tuple[int, ...], axes: Axes) -> None:
        """Let `axes` cut the indices of a dimension of an operand, the major ones first."""
        rest = list(axes)
        for f in dim:
            own, ways = [], 1
            while rest and self.rule.sizes[f] % (ways * self.mesh.shape[rest[0]]) == 0:
                ways *= self.mesh.shape[rest[0]]
                own.append(rest.pop(0))
            if own and self.rule.kinds[f] == "whole":
                if all(any(f in dim for dim in term) for term in self.rule.outs):
                    self._refuse(f"needs the whole dimension that {t} has cut")
                own = []
            before = self.cuts.get(f)
            if before and own and before != tuple(own):
                self._refuse("got incompatible shardings")
            self.cuts[f] = before or tuple(own)
            if ways != self.rule.sizes[f]:
                break
        if rest:
            self._refuse(f"cannot tell how the dimensions of the result are cut, from {t}")

    def _check_sums(self) -> None:
        """An index that is summed over must not be cut in two operands."""
        for f, axes in self.cuts.items():
            inside = sum(any(f in dim for dim in term) for term in self._cut_terms(f))
            summed = not all(any(f in dim for dim in term) for term in self.rule.outs)
            if axes and summed and inside > 1:
                self._refuse(
                    "contracts dimensions that are sharded, and it is ambiguous how the output "
                    "should be sharded"
                )

    def _cut_terms(self, f: int) -> list[Term]:
        """Terms of the operands in which the dimension of an index is cut."""
        return [
            term
            for t, term in zip(self.types, self.rule.ins, strict=True)
            if t.explicit is not None
            and any(
                f in dim and axes
                for dim, axes in zip(term, t.explicit.dim_axes(t.ndim), strict=True)
            )
        ]

    def _result(self, t: ArrayType, term: Term) -> ArrayType:
        dims = [
            self._dimension(n, dim, self.places.get((t.ndim, place), ()))
            for place, (n, dim) in enumerate(zip(t.shape, term, strict=True))
        ]
        used = [a for axes in dims for a in axes]
        if len(set(used)) != len(used):
            self._refuse(f"would cut two dimensions of the result {t} along one axis")
            seen: set[Any] = set()
            dims = [tuple(a for a in axes if a not in seen and not seen.add(a)) for axes in dims]
        return t.update(explicit=explicit_layout(self.mesh, dims))

    def _dimension(self, size: int, dim: tuple[int, ...], found: Axes) -> Axes:
        """Axes along which a dimension of a result is cut: those of its indices, major first."""
        found = () if dim else found
        for k, f in enumerate(dim):
            axes = self.cuts.get(f, ())
            above = dim[:k]
            if axes and not found and math.prod(self.rule.sizes[g] for g in above) > 1:
                self._refuse("cannot cut a dimension of the result along the minor one of two")
                return ()
            found += axes
        if size % math.prod(self.mesh.shape[a] for a in found):
            self._refuse(f"cannot cut a dimension of size {size} along {found}")
            return ()
        return found

    def _refuse(self, why: str) -> None:
        if not choice.free:
            raise ShardingTypeError(
                f"{self.name} {why}: {', '.join(map(str, self.types))}\n"
                "fix: say how the result is to be laid out with out_sharding=, move an operand "
                "with reshard, or use an axis of AxisType.Auto"
            )


layout_rule.rule = laid_out
