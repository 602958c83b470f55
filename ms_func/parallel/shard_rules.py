"""Index notation of a primitive -> the legal ways to split one equation over a mesh.

A rule such as `"b m k, b k n -> b m n"` names the indices (factors) that the dimensions of
operands and results run over. Cutting an index along a mesh axis cuts every dimension it
appears in; an index missing from a result leaves that result a partial sum (or maximum,
...) along the axis. Everything the planner knows of an equation follows from the rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn
from ms_func.ir.primitive import ELEMENTWISE, UNFOLDED, NotSupported, Primitive
from ms_func.ir.types import ArrayType

Dim = tuple[int, ...]
Term = tuple[Dim, ...]

REDUCING = ("sum", "max", "min", "prod", "and", "or", "xor")
"""Kinds of index that may be missing from a result: cutting one leaves a partial result."""
CUTTABLE = ("plain", "masked", "placed", *REDUCING)
"""Kinds of index that may be cut. `masked`: each device does its own rows, a sum joins them.
`placed`: values depend on the place in the whole (counting, random bits), of which the
partitioner keeps track. `whole` ones must not be cut."""


class Rule(NamedTuple):
    """Index notation of one equation, resolved against its types.

    Attributes:
        names: name of each index.
        sizes: number of values of each index.
        kinds: "plain", one of `REDUCING`, "masked", "placed" or "whole".
        ins: per operand and dimension the indices it is made of, major first; () if none.
        outs: the same per result.
        halos: of each index that windows slide along, how many elements of the first operand
            before and behind its own a device reads as well.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    kinds: tuple[str, ...]
    ins: tuple[Term, ...]
    outs: tuple[Term, ...]
    halos: tuple[tuple[int, tuple[int, int]], ...] = ()

    def __str__(self) -> str:
        def text(term: Term) -> str:
            dims = [
                "." if not d else self.names[d[0]] if len(d) == 1
                else "(" + " ".join(self.names[f] for f in d) + ")"
                for d in term
            ]  # fmt: skip
            return " ".join(dims)

        sides = (", ".join(map(text, side)) for side in (self.ins, self.outs))
        special = [f"{n}: {k}" for n, k in zip(self.names, self.kinds, strict=True) if k != "plain"]
        special += [f"{self.names[f]}: halo {low} {high}" for f, (low, high) in self.halos]
        return " -> ".join(sides) + ("; " + ", ".join(special) if special else "")


class RuleError(ValueError):
    """A shard rule does not fit the types of its equation."""


_TOKEN = re.compile(r"\(([^()]*)\)|([^\s()]+)")


def parse_rule(text: str, ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Rule:
    """Read index notation and find the size of every index.

    Args:
        text: for example `"(i j) k -> i j k"` or `"i j -> i; j: max"`; or
            `"n s, . -> n s; s: halo 1 1"` where windows slide along `s` of the first operand.
        ins: types of the operands.
        outs: types of the results.

    Raises:
        RuleError: the notation is malformed or contradicts the types.
    """
    notation, _, tail = text.partition(";")
    sides = notation.split("->")
    if len(sides) != 2:
        raise RuleError(f"shard rule {text!r} must have one '->'")
    numbers: dict[str, int] = {}
    terms = [
        _terms(side, numbers, len(types)) for side, types in zip(sides, (ins, outs), strict=True)
    ]
    for side, types in zip(terms, (ins, outs), strict=True):
        _check_ranks(text, side, types)
    names = tuple(numbers)
    sizes = _sizes(text, names, [*terms[0], *terms[1]], [*ins, *outs])
    kinds, halos = _kinds(text, tail, numbers, terms[1])
    return Rule(names, sizes, kinds, tuple(terms[0]), tuple(terms[1]), halos)


def _terms(side: str, numbers: dict[str, int], count: int) -> list[Term]:
    if count == 0:
        return []
    found = []
    for term in side.split(","):
        dims = []
        for composed, single in _TOKEN.findall(term):
            names = composed.split() if not single else [] if single == "." else [single]
            dims.append(tuple(numbers.setdefault(n, len(numbers)) for n in names))
        found.append(tuple(dims))
    return found


def _check_ranks(text: str, terms: Sequence[Term], types: Sequence[ArrayType]) -> None:
    if len(terms) != len(types):
        raise RuleError(f"shard rule {text!r} has {len(terms)} terms for {len(types)} values")
    for term, t in zip(terms, types, strict=True):
        if len(term) != t.ndim:
            raise RuleError(f"shard rule {text!r} has a term of {len(term)} dimensions for {t}")


def _sizes(
    text: str, names: Sequence[str], terms: Sequence[Term], types: Sequence[ArrayType]
) -> tuple[int, ...]:
    """Sizes from dimensions of one index first, then from composed ones with one unknown."""
    dims = [
        (d, n)
        for term, t in zip(terms, types, strict=True)
        for d, n in zip(term, t.shape, strict=True)
    ]
    known: dict[int, int] = {}
    for _ in range(len(names) + 1):
        for dim, n in dims:
            unknown = [f for f in dim if f not in known]
            if len(unknown) == 1:
                rest = math.prod(known[f] for f in dim if f in known)
                known[unknown[0]] = n // rest if rest else 0
    for dim, n in dims:
        if dim and math.prod(known.get(f, -1) for f in dim) != n:
            shown = " ".join(names[f] for f in dim)
            raise RuleError(f"shard rule {text!r}: index {shown} cannot have size {n}")
    return tuple(known[f] for f in range(len(names)))


def _kinds(
    text: str, tail: str, numbers: dict[str, int], outs: Sequence[Term]
) -> tuple[tuple[str, ...], tuple[tuple[int, tuple[int, int]], ...]]:
    given: dict[str, str] = {}
    halos = []
    for part in filter(None, (p.strip() for p in re.split("[,;]", tail))):
        name, _, kind = (x.strip() for x in part.partition(":"))
        halo = re.fullmatch(r"halo (\d+) (\d+)", kind)
        if name not in numbers or (halo is None and kind not in (*CUTTABLE, "whole")):
            raise RuleError(f"shard rule {text!r}: cannot read {part!r}")
        if halo is None:
            given[name] = kind
        else:
            halos.append((numbers[name], (int(halo[1]), int(halo[2]))))
    everywhere = [{f for d in term for f in d} for term in outs]
    kinds = []
    for name, f in numbers.items():
        missing = any(f not in have for have in everywhere)
        kinds.append(given.get(name, "sum" if missing else "plain"))
    return tuple(kinds), tuple(halos)


_memo: dict[Any, Rule] = {}


def rule_of(eqn: Eqn) -> Rule:
    """Rule of an equation, remembered by primitive, types and parameters.

    Raises:
        UnsupportedError: the primitive cannot be split at all.
    """
    ins = tuple(a.type for a in eqn.inputs)
    outs = tuple(v.type for v in eqn.outputs)
    key = (eqn.primitive, ins, outs, *eqn.params.items())
    found = _memo.get(key)
    if found is None:
        if len(_memo) > 16384:
            _memo.clear()
        found = _memo[key] = make_rule(eqn.primitive, ins, outs, eqn.params, eqn.loc)
    return found


def make_rule(
    primitive: Primitive,
    ins: Sequence[ArrayType],
    outs: Sequence[ArrayType],
    params: dict[str, Any],
    loc: Any = None,
) -> Rule:
    """Rule of a primitive for the given types and parameters."""
    shard = primitive.shard
    if shard is UNFOLDED or type(shard) is NotSupported:
        reason = "it carries functions" if shard is UNFOLDED else shard.reason
        raise UnsupportedError(f"`{primitive.name}` cannot be split: {reason}", loc)
    if shard is ELEMENTWISE:
        return _elementwise(ins, outs)
    return parse_rule(shard(ins, outs, **params), ins, outs)


def _elementwise(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Rule:
    shape = outs[0].shape
    full = tuple((d,) for d in range(len(shape)))
    return Rule(
        tuple(f"i{d}" for d in range(len(shape))),
        shape,
        ("plain",) * len(shape),
        tuple(full if t.shape == shape else () for t in ins),
        (full,) * len(outs),
    )


def whole_rule(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Rule:
    """Rule of an equation no dimension of which may be cut."""
    return Rule((), (), (), tuple(((),) * t.ndim for t in ins), tuple(((),) * t.ndim for t in outs))


class Spec(NamedTuple):
    """Layout of a value: mesh axes (by number) per dimension, and axes of open sums.

    Attributes:
        dims: per dimension the axes that cut it, major first.
        partial: axes along which each device holds a part of the sum.
    """

    dims: tuple[tuple[int, ...], ...]
    partial: tuple[int, ...] = ()


class Split(NamedTuple):
    """One legal way to split an equation.

    Attributes:
        cuts: per index the mesh axes that cut it.
        ins: layout each operand must have.
        outs: layout each result comes out in; `partial` only for sums.
        finish: per result the axes of other reductions, finished at once by an all-reduce.
        parts: number of devices that share the work.
    """

    cuts: tuple[tuple[int, ...], ...]
    ins: tuple[Spec, ...]
    outs: tuple[Spec, ...]
    finish: tuple[tuple[int, ...], ...]
    parts: int


def legal_splits(rule: Rule, axes: Sequence[int]) -> list[Split]:
    """All ways to give each mesh axis an index to cut, or none.

    A cut must divide the size of the index; of the indices that make up one dimension a minor one
    may be cut only where those before it are cut completely. What a device reads beyond its own
    piece must lie on its neighbours.

    Args:
        rule: rule of the equation.
        axes: sizes of the mesh axes, in mesh order.
    """
    places = [f for f, k in enumerate(rule.kinds) if k in CUTTABLE and rule.sizes[f] > 1]
    composed = {d for term in (*rule.ins, *rule.outs) for d in term if len(d) > 1}
    options = [
        [None, *(f for f in places if rule.sizes[f] % n == 0)] if n > 1 else [None] for n in axes
    ]
    found = []
    for choice in product(*options):
        cuts: list[tuple[int, ...]] = [()] * len(rule.names)
        for axis, f in enumerate(choice):
            if f is not None:
                cuts[f] = (*cuts[f], axis)
        if _is_legal(rule, cuts, composed, axes):
            found.append(_split(rule, tuple(cuts), axes))
    return found


def _is_legal(
    rule: Rule, cuts: Sequence[tuple[int, ...]], composed: Any, axes: Sequence[int]
) -> bool:
    ways = [math.prod(axes[a] for a in c) for c in cuts]
    if any(size % n for size, n in zip(rule.sizes, ways, strict=True)):
        return False
    for dim in composed:
        open_above = False
        for f in dim:
            if open_above and ways[f] > 1:
                return False
            open_above = open_above or ways[f] != rule.sizes[f]
    return all(
        ways[f] == 1 or max(halo) <= local_extent(rule, f, ways[f]) for f, halo in rule.halos
    )


def local_extent(rule: Rule, f: int, ways: int) -> int:
    """Elements of the first operand on each device along the dimension that has index `f`."""
    (dim,) = [d for d in rule.ins[0] if f in d]
    return math.prod(rule.sizes[g] for g in dim) // ways


def _split(rule: Rule, cuts: tuple[tuple[int, ...], ...], axes: Sequence[int]) -> Split:
    def dims(term: Term) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(a for f in d for a in cuts[f]) for d in term)

    outs, finish = [], []
    for term in rule.outs:
        have = {f for d in term for f in d}
        missing = [f for f, c in enumerate(cuts) if c and f not in have]
        open_ = sorted(a for f in missing if rule.kinds[f] == "sum" for a in cuts[f])
        done = sorted(a for f in missing if rule.kinds[f] != "sum" for a in cuts[f])
        outs.append(Spec(dims(term), tuple(open_)))
        finish.append(tuple(done))
    parts = math.prod(axes[a] for c in cuts for a in c)
    return Split(cuts, tuple(Spec(dims(t)) for t in rule.ins), tuple(outs), tuple(finish), parts)


def legal_specs(shape: Sequence[int], axes: Sequence[int]) -> list[Spec]:
    """All layouts of a value in which every cut divides its dimension."""
    options = [
        [None, *(d for d, n in enumerate(shape) if size > 1 and n and n % size == 0)]
        for size in axes
    ]
    found = []
    for choice in product(*options):
        dims: list[tuple[int, ...]] = [()] * len(shape)
        for axis, d in enumerate(choice):
            if d is not None:
                dims[d] = (*dims[d], axis)
        if all(n % math.prod(axes[a] for a in c) == 0 for n, c in zip(shape, dims, strict=True)):
            found.append(Spec(tuple(dims)))
    return found
