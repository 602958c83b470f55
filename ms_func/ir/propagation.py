"""Layouts as part of types: what the explicit axes of a mesh mean for the results of operations.

Index notation says which dimensions of operands and results run over the same index. A layout of
an operand cuts the indices of its dimensions, and a dimension of a result lies along the axes
that cut its indices. Where that leaves a choice, the user's program must make it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ms_func.errors import ShardingTypeError, UnsupportedError
from ms_func.ir.explicit import choice, explicit_layout, layout_rule
from ms_func.ir.notation import Rule, Term, make_rule, whole_rule
from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType

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
    """Layouts on their way from the operands of one operation to its results.

    Attributes:
        cuts: axes that cut each index.
        times: in how many operands they do.
        places: axes that cut a dimension of no index, by rank of the operand and position.
    """

    def __init__(self, name: str, types: Sequence[ArrayType], mesh: Any, rule: Rule) -> None:
        self.name, self.types, self.mesh, self.rule = name, types, mesh, rule
        self.cuts: dict[int, Axes] = {}
        self.times: Counter[int] = Counter()
        self.places: dict[tuple[int, int], Axes] = {}

    def results(self, outs: Sequence[ArrayType]) -> tuple[ArrayType, ...]:
        """Types of the results with their layouts."""
        for t, term in zip(self.types, self.rule.ins, strict=True):
            if t.explicit is None:
                continue
            each = t.explicit.dim_axes(t.ndim)
            for place, (dim, axes) in enumerate(zip(term, each, strict=True)):
                if dim:
                    self._cut(t, dim, list(axes))
                elif axes:
                    self._keep(t, place, axes)
        for f, times in self.times.items():
            if self.rule.kinds[f] == "masked" and not self._in_results(f):
                self._refuse(
                    "looks elements up along a dimension that is sharded: use "
                    "`.at[...].get(out_sharding=)` to provide the sharding of the output"
                )
            elif times > 1 and not self._in_results(f):
                self._refuse(
                    "contracts dimensions that are sharded: Contracting dimensions are sharded "
                    "and it is ambiguous how the output should be sharded. Please specify the "
                    "output sharding via the `out_sharding` parameter"
                )
        return tuple([self._result(t, term) for t, term in zip(outs, self.rule.outs, strict=True)])

    def _in_results(self, f: int) -> bool:
        return all(any(f in dim for dim in term) for term in self.rule.outs)

    def _keep(self, t: ArrayType, place: int, axes: Axes) -> None:
        """A dimension of no index stays cut where the result has one in its place."""
        if any(len(term) == t.ndim and not term[place] for term in self.rule.outs):
            self.places[t.ndim, place] = axes
        else:
            self._refuse(f"cannot tell how the dimensions of the result are cut, from {t}")

    def _cut(self, t: ArrayType, dim: tuple[int, ...], rest: list[Any]) -> None:
        """Let axes cut the indices of a dimension of an operand, the major ones first."""
        for f in dim:
            own, ways = [], 1
            while rest and self.rule.sizes[f] % (ways * self.mesh.shape[rest[0]]) == 0:
                ways *= self.mesh.shape[rest[0]]
                own.append(rest.pop(0))
            if own:
                self._cut_index(t, f, tuple(own))
            if ways != self.rule.sizes[f]:
                break
        if rest:
            self._refuse(f"cannot tell how the dimensions of the result are cut, from {t}")

    def _cut_index(self, t: ArrayType, f: int, axes: Axes) -> None:
        if self.rule.kinds[f] in ("whole", "running", "chosen"):
            if self._in_results(f):
                self._refuse(f"needs the whole dimension that {t} has cut: {self._unsharded()}")
        elif self.cuts.setdefault(f, axes) != axes:
            each = ", ".join(str(s.explicit.spec if s.explicit else None) for s in self.types)
            self._refuse(f"got incompatible shardings for broadcasting: {each}")
        else:
            self.times[f] += 1

    def _result(self, t: ArrayType, term: Term) -> ArrayType:
        dims = [
            self._dimension(n, dim, self.places.get((t.ndim, place), ()))
            for place, (n, dim) in enumerate(zip(t.shape, term, strict=True))
        ]
        used = [a for axes in dims for a in axes]
        if len(set(used)) != len(used):
            self._refuse(
                f"operation with inputs: {', '.join(t.str_short(True) for t in self.types)} "
                f"produces an illegally sharded result: it would cut two dimensions of the result "
                f"{t} along one axis"
            )
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
                self._refuse(
                    "cannot cut a dimension of the result along the minor one of two: This "
                    f"{self.name} is not supported. Please specify the sharding of the output via "
                    "the `out_sharding` argument"
                )
                return ()
            found += axes
        if size % math.prod(self.mesh.shape[a] for a in found):
            self._refuse(
                f"on sharded dims where out dim ({size}) is not divisible by mesh axes "
                f"({math.prod(self.mesh.shape[a] for a in found)}) with spec "
                f"({', '.join(map(str, found))}) is not implemented"
            )
            return ()
        return found

    def _unsharded(self) -> str:
        if self.name == "sort":
            return "Arguments to sort must be unsharded over the sorting dimension"
        return "Input should be unsharded over the axis being reduced"

    def _refuse(self, why: str) -> None:
        if not choice.free:
            raise ShardingTypeError(
                f"{self.name} {why}: {', '.join(map(str, self.types))}\n"
                "fix: say how the result is to be laid out with out_sharding=, move an operand "
                "with reshard, or use an axis of AxisType.Auto"
            )


layout_rule.rule = laid_out
