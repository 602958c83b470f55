"""Adam's update of a parameter as one operator, where an optimizer has spelled it out.

    m' = b1 m + (1 - b1) g,   v' = b2 v + (1 - b2) g^2,
    p' = p - lr (m' / c1) / (sqrt(v' / c2) + eps),   perhaps with a decay of p itself,

is, with the numbers lr sqrt(c2) / c1 and eps sqrt(c2), what `AdamApplyOne` computes without
corrections c1 and c2 of its own (Kingma and Ba, Adam, 2015, section 2). It reads what the program
reads and writes new tensors: unlike `ApplyAdam` it changes no argument in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from ms_func_ascend.emitter import Emitter
from ms_func_ascend.graph import Node, Tensor
from ms_func_ascend.prototypes import accepts

PLAIN, DECAYED = "AdamApplyOne", "AdamApplyOneWithDecay"


class Moment(NamedTuple):
    """`new = keep * old + take * g`, or of its square."""

    new: Tensor
    old: Tensor
    keep: Tensor
    g: Tensor
    take: Tensor


class Update(NamedTuple):
    """An update of a parameter; corrections are None where the program has none."""

    p: Tensor
    first: Moment
    second: Moment
    g: Tensor
    rate: Tensor
    negative: bool
    epsilon: Tensor
    corrections: tuple[Tensor | None, Tensor | None]
    decay: Tensor | None


def adam(e: Emitter, node: Node, uses: Counter[int]) -> None:
    """Put the operator in the place of the update that ends in `node`."""
    found = next((u for u in _updates(node, uses) if _fits(e, u)), None)
    if found is None:
        return
    e.stem, e.source = "adam", node.source
    first, second = found.first, found.second
    rate, epsilon, decay = _numbers(e, found)
    betas = [first.keep, first.take, second.keep, second.take]
    scalars = [*betas, epsilon] if decay is None else [*betas, decay, epsilon]
    inputs = [found.g, second.old, first.old, found.p, rate, *scalars]
    outputs = [(found.p.shape, found.p.dtype)] * 3
    v, m, p = e.node(PLAIN if decay is None else DECAYED, inputs, outputs)
    for old, new in ((node.outputs[0], p), (first.new, m), (second.new, v)):
        uses[id(new)] = uses[id(old)]
        e.graph.redirect(old, new)


def _numbers(e: Emitter, u: Update) -> tuple[Tensor, Tensor, Tensor | None]:
    """Learning rate, epsilon and decay with the corrections in them."""
    rate = _number(e, "Neg", u.rate) if u.negative else u.rate
    epsilon, decay = u.epsilon, u.decay
    c1, c2 = u.corrections
    if c2 is not None:
        root = _number(e, "Sqrt", c2)
        rate, epsilon = _number(e, "Mul", rate, root), _number(e, "Mul", epsilon, root)
        decay = None if decay is None else _number(e, "RealDiv", decay, root)
    if c1 is not None:
        rate = _number(e, "RealDiv", rate, c1)
        decay = None if decay is None else _number(e, "Mul", decay, c1)
    return rate, epsilon, decay


_ON_NUMBERS = {"Neg": np.negative, "Sqrt": np.sqrt, "Mul": np.multiply, "RealDiv": np.divide}


def _number(e: Emitter, op: str, *xs: Tensor) -> Tensor:
    """A number from others, computed now where they are constants."""
    values = [x.value for x in xs if x.value is not None]
    if len(values) == len(xs):
        return e.const(_ON_NUMBERS[op](*values), xs[0].dtype)
    return e.elementwise(op, *xs)


def _updates(node: Node, uses: Counter[int]) -> Iterator[Update]:
    """Ways to read p + (-lr) d, p - lr d and their like."""
    for p, change in _ordered(node) if node.op == "Add" else [node.inputs]:
        if p is None or change is None or not _alone(change, uses):
            continue
        for top, bottom, rate, decay in _directions(p, change, uses):
            yield from _ratio(p, (top, bottom), (rate, decay), node.op == "Add", uses)


Direction = tuple[Tensor, Tensor, Tensor, Tensor | None]


def _directions(p: Tensor, change: Tensor, uses: Counter[int]) -> Iterator[Direction]:
    """`change` as rate * (top / bottom + decay * p), the decay perhaps missing."""
    if change.node.op == "RealDiv":
        above, bottom = change.node.inputs
        assert above is not None
        assert bottom is not None
        yield from ((top, bottom, rate, None) for top, rate in _scaled(above))
    for step, rate in _scaled(change):
        options: list[tuple[Tensor, Tensor | None]] = [(step, None)]
        if step.node.op == "Add":
            options = [(x, d) for x, y in _ordered(step.node) for q, d in _scaled(y) if q is p]
        for ratio, decay in options:
            if ratio.node.op == "RealDiv" and _alone(step, uses) and _alone(ratio, uses):
                top, bottom = ratio.node.inputs
                assert top is not None
                assert bottom is not None
                yield top, bottom, rate, decay


def _ratio(
    p: Tensor, ratio: tuple[Tensor, Tensor], numbers: tuple[Tensor, Tensor | None],
    negative: bool, uses: Counter[int],
) -> Iterator[Update]:  # fmt: skip
    """A ratio as (m' / c1) / (sqrt(v' / c2) + eps)."""
    (top, bottom), (rate, decay) = ratio, numbers
    if bottom.node.op != "Add" or not _alone(bottom, uses):
        return
    for root, epsilon in _ordered(bottom.node):
        if root.node.op != "Sqrt" or not _scalar(epsilon) or not _alone(root, uses):
            continue
        square = _without_zero(root.node.inputs[0])
        for (m, c1), (v, c2) in product(_corrected(top), _corrected(square)):
            for first, second, g in _moments(m, v):
                yield Update(p, first, second, g, rate, negative, epsilon, (c1, c2), decay)


def _moments(m: Tensor, v: Tensor) -> Iterator[tuple[Moment, Moment, Tensor]]:
    for first in _moment(m, _scaled):
        for second in _moment(v, _squared):
            if second.g is first.g:
                yield first, second, first.g


def _moment(
    t: Tensor, read: Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]
) -> Iterator[Moment]:
    for left, right in _ordered(t.node) if t.node.op == "Add" else []:
        for old, keep in _scaled(left):
            for g, take in read(right):
                yield Moment(t, old, keep, g, take)


def _squared(t: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What a tensor is a multiple of the square of, and the number."""
    for x, number in _scaled(t):
        if x.node.op == "Mul" and x.node.inputs[0] is x.node.inputs[1]:
            assert x.node.inputs[0] is not None
            yield x.node.inputs[0], number
    for left, right in _ordered(t.node) if t.node.op == "Mul" else []:
        for x, number in _scaled(left):
            if x is right:
                yield x, number


def _corrected(t: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
    """A moment and the number it is divided by."""
    if t.node.op == "RealDiv":
        x, c = t.node.inputs
        if x is not None and c is not None and _scalar(c) and not _scalar(x):
            yield x, c
    yield t, None


def _without_zero(t: Tensor | None) -> Tensor:
    """What 0 is added to."""
    assert t is not None
    for x, zero in _ordered(t.node) if t.node.op == "Add" else []:
        if zero.value is not None and not zero.value.any():
            return x
    return t


def _ordered(node: Node) -> list[tuple[Tensor, Tensor]]:
    x, y = node.inputs
    assert x is not None
    assert y is not None
    return [(x, y), (y, x)]


def _scaled(t: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What a tensor is a multiple of, and the number."""
    for x, number in _ordered(t.node) if t.node.op == "Mul" else []:
        if _scalar(number) and x.shape == t.shape and x is not number:
            yield x, number


def _scalar(t: Tensor) -> bool:
    return not t.shape


def _alone(t: Tensor, uses: Counter[int]) -> bool:
    return uses[id(t)] == 1


def _fits(e: Emitter, u: Update) -> bool:
    """Whether the operator takes the operands, none of which follows from the new moments."""
    op = PLAIN if u.decay is None else DECAYED
    whole = [u.p, u.g, u.first.old, u.second.old]
    numbers = [u.rate, u.epsilon, u.first.keep, u.first.take, u.second.keep, u.second.take]
    others = [t for t in (*u.corrections, u.decay) if t is not None]
    made = {id(u.first.new.node), id(u.second.new.node)}
    return (
        e.has(op)
        and accepts(op, "input0", u.p.dtype)
        and {t.shape for t in whole} == {u.p.shape}
        and {t.dtype for t in (*whole, *numbers, *others)} == {u.p.dtype}
        and not _follows([u.p, *numbers, *others], made)
    )


def _follows(ts: list[Tensor], made: set[int]) -> bool:
    """Whether any of some tensors is computed from the results of some nodes."""
    seen: set[int] = set()
    todo = [t.node for t in ts]
    while todo:
        node = todo.pop()
        if id(node) in made:
            return True
        if id(node) not in seen:
            seen.add(id(node))
            todo += node.before()
    return False
