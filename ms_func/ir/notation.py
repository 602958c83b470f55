"""Index notation: which dimensions of the operands and results of an operation go together.

A rule such as `"b m k, b k n -> b m n"` names the indices (factors) that the dimensions of
operands and results run over. Cutting an index along a mesh axis cuts every dimension it
appears in; an index missing from a result leaves that result a partial sum (or maximum,
...) along the axis. What the planner knows of an equation, and what layouts in types mean for its
results, follows from the rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn
from ms_func.ir.primitive import ELEMENTWISE, UNFOLDED, NotSupported, Primitive
from ms_func.ir.types import ArrayType

Dim = tuple[int, ...]
Term = tuple[Dim, ...]

REDUCING = ("sum", "max", "min", "prod", "and", "or", "xor")
"""Kinds of index that may be missing from a result: cutting one leaves a partial result."""
CUTTABLE = ("plain", "masked", "placed", "running", "chosen", "turned", *REDUCING)
"""Kinds of index that may be cut. `masked`: each device does its own rows, a sum joins them.
`placed`: values depend on the place in the whole (counting, random bits), of which the
partitioner keeps track. `running`: results go on from those before; each device needs the totals
of the others. `chosen`: each device offers elements of its piece with their places, and all choose
among these. `turned`: each device exchanges its piece with one at the other end. `whole` ones must
not be cut."""


class Halo(NamedTuple):
    """What a device reads beyond its own piece of an operand.

    Attributes:
        factor: number of the index that windows slide along.
        low: elements before its own.
        high: elements behind.
        operand: number of the operand.
    """

    factor: int
    low: int
    high: int
    operand: int = 0


class Cut(NamedTuple):
    """Along which axes of a mesh an index is cut, by name and major first, and in how many pieces.

    One for each index that is cut, by the name of the index, is what `Primitive.local` gets.
    """

    axes: tuple[Any, ...]
    ways: int


class Rule(NamedTuple):
    """Index notation of one equation, resolved against its types.

    Attributes:
        names: name of each index.
        sizes: number of values of each index.
        kinds: one of `CUTTABLE`, or "whole".
        ins: per operand and dimension the indices it is made of, major first; () if none.
        outs: the same per result.
        halos: what devices read of their neighbours.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    kinds: tuple[str, ...]
    ins: tuple[Term, ...]
    outs: tuple[Term, ...]
    halos: tuple[Halo, ...] = ()

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
        special += [
            f"{self.names[h.factor]}: halo {h.low} {h.high}" + f" of {h.operand}" * bool(h.operand)
            for h in self.halos
        ]
        return " -> ".join(sides) + ("; " + ", ".join(special) if special else "")


class RuleError(ValueError):
    """A shard rule does not fit the types of its equation."""


_TOKEN = re.compile(r"\(([^()]*)\)|([^\s()]+)")


def parse_rule(text: str, ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Rule:
    """Read index notation and find the size of every index.

    Args:
        text: for example `"(i j) k -> i j k"` or `"i j -> i; j: max"`; or
            `"n s, . -> n s; s: halo 1 1"` where windows slide along `s` of the first operand
            (`halo 1 1 of 1`: of the second).
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
) -> tuple[tuple[str, ...], tuple[Halo, ...]]:
    given: dict[str, str] = {}
    halos = []
    for part in filter(None, (p.strip() for p in re.split("[,;]", tail))):
        name, _, kind = (x.strip() for x in part.partition(":"))
        halo = re.fullmatch(r"halo (\d+) (\d+)(?: of (\d+))?", kind)
        if name not in numbers or (halo is None and kind not in (*CUTTABLE, "whole")):
            raise RuleError(f"shard rule {text!r}: cannot read {part!r}")
        if halo is None:
            given[name] = kind
        else:
            halos.append(Halo(numbers[name], *(int(n or 0) for n in halo.groups())))
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
