"""Rotary position embedding: pairs of features turned by angles, spelled out in halves.

A pair (a, b) with the cosine c and the sine s of its angle becomes (a c - b s, b c + a s). It is a
feature of the first half and one of the second, or two neighbours. Gradients turn back: they are
the same with the other sign of s (Su et al., RoFormer, 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.algebra import constant, made_by
from ms_func_ascend.recognise.found import Found

_LONGEST = 896
"""Features of the longest rows that the operator takes."""
NAME = "RotaryPositionEmbedding"


class Half(NamedTuple):
    """Every first or every second feature of the pairs of a tensor; `mode` says where they are.

    Modes are those of the operator: 0 for halves, 1 for neighbours.
    """

    x: Value
    second: bool
    mode: int


class Turned(NamedTuple):
    """One feature of each pair: `cosine` times itself and `sign` `sine` times the other one."""

    half: Half
    cosine: Value
    sine: Value
    sign: int


def rotary(op: Op, options: Any) -> Iterator[Found]:
    """A tensor whose pairs of features are turned."""
    shape = op.results[0].type.shape
    if len(shape) != 4 or shape[3] % 2 or shape[3] > _LONGEST:
        return
    yield from _rotated_and_added(op)
    yield from _rotated_back(op)
    joined = _joined(op)
    if joined is None:
        return
    *sides, mode = joined
    first, second = (_turned(v, bool(k)) for k, v in enumerate(sides))
    if first is None or second is None or first.sign == second.sign:
        return
    halves = Half(first.half.x, False, mode), Half(first.half.x, True, mode)
    if (first.half, second.half) == halves and first[1:3] == second[1:3]:
        attrs = {"mode": mode, "sign": second.sign, "whole": False}
        yield Found(NAME, [first.half.x, first.cosine, first.sine], attrs)


def _rotated_and_added(op: Op) -> Iterator[Found]:
    """X * cos + (-x2, x1) * sin."""
    products = [made_by(v, "multiply") for v in op.operands]
    if op.name != "stablehlo.add" or None in products:
        return
    plain, turned = products
    for one, other in ((plain, turned), (turned, plain)):
        for rotated, sine in () if other is None else _ordered(other):
            joined = None if rotated.op is None else _joined(rotated.op)
            negated = None if joined is None else made_by(joined[0], "negate")
            if one is None or joined is None or negated is None:
                continue
            first, second = _half(negated.operands[0]), _half(joined[1])
            for x, cosine in _ordered(one):
                if (first, second) == (Half(x, True, joined[2]), Half(x, False, joined[2])):
                    attrs = {"mode": joined[2], "sign": 1, "whole": True}
                    yield Found(NAME, [x, cosine, sine], attrs)


def _rotated_back(op: Op) -> Iterator[Found]:
    """The gradient of that: x * cos + (u2, -u1) where u is x * sin."""
    for plain, *others in _three(op):
        sides, product = _padded(others), made_by(plain, "multiply")
        negated = None if sides is None else made_by(sides[1], "negate")
        if sides is None or product is None or negated is None:
            continue
        u = _half(sides[0])
        scaled = None if u is None else made_by(u.x, "multiply")
        if u is None or scaled is None or u != Half(u.x, True, sides[2]) or (
            _half(negated.operands[0]) != Half(u.x, False, sides[2])
        ):  # fmt: skip
            continue
        for x, sine in _ordered(scaled):
            attrs = {"mode": sides[2], "sign": -1, "whole": True, "swapped": True}
            yield from (Found(NAME, [x, c, sine], attrs) for y, c in _ordered(product) if x is y)


def _three(op: Op) -> Iterator[list[Value]]:
    """Three terms of a sum, each of them first."""
    for one, other in _ordered(op) if op.name == "stablehlo.add" else ():
        inner = made_by(one, "add")
        terms = [] if inner is None else [other, *inner.operands]
        yield from (terms[k:] + terms[:k] for k in range(len(terms)))


def _ordered(op: Op) -> list[tuple[Value, Value]]:
    x, y = op.operands
    return [(x, y), (y, x)]


def _turned(value: Value, second: bool) -> Turned | None:
    """A sum or a difference of products of both halves of a tensor; `second` is the own one."""
    for name, sign in (("subtract", -1), ("add", 1)):
        op = made_by(value, name)
        for one, two in () if op is None else _ordered(op)[: 1 + (sign > 0)]:
            found = _product(one), _product(two)
            if found[0] is None or found[1] is None or found[0][0].second != second:
                continue
            (own, cosine), (other, sine) = found[0], found[1]
            return Turned(own, cosine, sine, sign) if other.x is own.x else None
    return None


def _product(value: Value) -> tuple[Half, Value] | None:
    """A half of a tensor and what it is multiplied with."""
    op = made_by(value, "multiply")
    for x, factor in () if op is None else _ordered(op):
        half = _half(x)
        if half is not None:
            return half, factor
    return None


def _half(value: Value) -> Half | None:
    """Which half of which tensor a value is."""
    op = value.op
    if op is not None and op.name == "stablehlo.reshape":
        pair = made_by(op.operands[0], "slice")
        pairs = None if pair is None else made_by(pair.operands[0], "reshape")
        shape = value.type.shape
        if pair is None or pairs is None or (pairs.results[0].type.shape != (*shape, 2)) or (
            pairs.operands[0].type.shape != (*shape[:-1], 2 * shape[-1])
        ):  # fmt: skip
            return None
        return Half(pairs.operands[0], bool(pair.attrs["start_indices"][-1]), 1)
    if op is None or op.name != "stablehlo.slice":
        return None
    (x,), shape = op.operands, value.type.shape
    if x.type.shape != (*shape[:-1], 2 * shape[-1]):
        return None
    start, step = op.attrs["start_indices"][-1], op.attrs["strides"][-1]
    if step == 1 and start in (0, shape[-1]):
        return Half(x, start > 0, 0)
    return Half(x, start > 0, 1) if step == 2 and start in (0, 1) else None


def _joined(op: Op) -> tuple[Value, Value, int] | None:
    """Both halves that a tensor is put together of."""
    if op.name == "stablehlo.add":
        return _padded(op.operands)
    mode = 0
    shape = op.results[0].type.shape
    if op.name == "stablehlo.reshape":
        inner, mode = made_by(op.operands[0], "concatenate"), 1
        if inner is None or inner.results[0].type.shape != (*shape[:-1], shape[-1] // 2, 2):
            return None
        op = inner
    if op.name != "stablehlo.concatenate" or len(op.operands) != 2:
        return None
    first, second = op.operands
    if op.attrs["dimension"] != len(op.results[0].type.shape) - 1 or first.type != second.type:
        return None
    if mode == 0:
        return first, second, 0
    flat = [made_by(v, "reshape") for v in (first, second)]
    parts = [f.operands[0] for f in flat if f is not None]
    wanted = (*shape[:-1], shape[-1] // 2)
    fits = len(parts) == 2 and all(p.type.shape == wanted for p in parts)
    return (parts[0], parts[1], 1) if fits else None


def _padded(values: Sequence[Value]) -> tuple[Value, Value, int] | None:
    """Both halves, each between zeros in the places of the other one."""
    places = {}
    count = values[0].type.shape[-1] // 2
    for pad in (made_by(v, "pad") for v in values):
        if pad is None or constant(pad.operands[1]) != 0 or (
            any(v for k in _EDGES for v in pad.attrs[k][:-1])
        ):  # fmt: skip
            return None
        places[tuple(pad.attrs[k][-1] for k in _EDGES)] = pad.operands[0]
    for mode, keys in enumerate((((0, count, 0), (count, 0, 0)), ((0, 1, 1), (1, 0, 1)))):
        if places.keys() == {*keys}:
            first, second = (places[k] for k in keys)
            return first, second, mode
    return None


_EDGES = ("edge_padding_low", "edge_padding_high", "interior_padding")
