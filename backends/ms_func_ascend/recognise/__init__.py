"""Operations that a program spells out and Ascend has an operator for: found before translation.

Front ends write a softmax, a layer norm or an activation as its parts, and a small pooling window
as a tree of maxima. They are put together again here, where the program still says what it
means. Nothing is rewritten whose parts are used elsewhere: they would be computed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ms_func_ascend.legalize import holds, is_float
from ms_func_ascend.prototypes import accepts, available, lookup
from ms_func_ascend.reader import Block, Op, Value
from ms_func_ascend.recognise.algebra import LAYOUT, constant, is_rounding, of_dtype
from ms_func_ascend.recognise.attention import attention
from ms_func_ascend.recognise.elementwise import activation
from ms_func_ascend.recognise.found import Found
from ms_func_ascend.recognise.normalise_gradient import Norms
from ms_func_ascend.recognise.pooling import pool
from ms_func_ascend.recognise.rotary import rotary
from ms_func_ascend.recognise.softmax import (
    log_softmax,
    log_softmax_gradient,
    softmax,
    softmax_gradient,
)
from ms_func_ascend.simplify import pure, uses_of

RECOGNISERS: list[Callable[[Op, Any], Iterator[Found]]] = [
    attention, rotary, pool, softmax_gradient, log_softmax_gradient, log_softmax, softmax,
]  # fmt: skip
"""In the order in which they are asked, before norms and activations; the first that fits wins."""


_WRITTEN_AS = {
    "BatchNorm": "BNTrainingReduce", "BatchVariance": "BNTrainingReduce",
    "BatchNormGradient": "BNTrainingUpdateGrad", "LayerNormGradient": "LayerNormGradV3",
    "RmsNormGradient": "RmsNormGrad",
    "Attention": "SoftmaxV2",
}  # fmt: skip
"""Operators of expressions that have another name; for attention what its parts need at least."""
_WITH_BLOCKS = ("stablehlo.while", "stablehlo.if", "stablehlo.case")
"""Operations whose regions are programs; those of others say how to combine two numbers."""


def recognise(block: Block, options: Any) -> Block:
    """Block with known expressions as single operations; regions are looked into as well."""
    return _Recogniser(uses_of(block), options).block(block)


class _Recogniser:
    """Goes through blocks from their end, so that a gradient is found before what it reads.

    Attributes:
        uses: how often each value is read by what is still there.
    """

    def __init__(self, uses: Counter[Value], options: Any) -> None:
        self.uses, self.options = uses, options

    def block(self, block: Block) -> Block:
        known = Norms(block, self.options)
        kept: list[Op] = []
        for op in reversed(block.ops):
            if self.dead(op):
                continue
            if op.name in _WITH_BLOCKS:
                op.regions = [self.block(r) for r in op.regions]
            kept.append(self.replaced(op, known))
        return Block(block.params, kept[::-1], block.results)

    def dead(self, op: Op) -> bool:
        return pure(op) and not any(self.uses[r] for r in op.results)

    def replaced(self, op: Op, known: Norms) -> Op:
        """The operation, or the one that takes the place of its expression."""
        if len(op.results) != 1:
            return op
        asks = known.gradient, known.variance, *RECOGNISERS, known.forward, activation
        for ask in asks:
            for one in ask(op, self.options):
                found = _typed(one, op.results[0].type.dtype)
                if found is not None and self.fits(found, op) and self.free(op, found):
                    made = Op(f"ascend.{found.name}", found.operands, op.results, found.attrs, [],
                              op.loc)  # fmt: skip
                    self.uses.update(found.operands)
                    for v in op.operands:
                        self.release(v)
                    return made
        return op

    def fits(self, found: Found, op: Op) -> bool:
        """Whether the operator is old enough for the target and takes the dtype."""
        name = _WRITTEN_AS.get(found.name, found.name)
        prototype = lookup(name)
        dtype = op.results[0].type.dtype
        if prototype is None:
            return True
        return (
            available(name, self.options.target)
            and dtype is not None
            and accepts(name, prototype.inputs[0].name, dtype)
        )

    def free(self, op: Op, found: Found) -> bool:
        """Whether what the expression is made of is used by nobody else."""
        ends = {*found.operands, *found.shared}
        inner: dict[Value, None] = {}
        reads: Counter[Value] = Counter(op.operands)
        todo = list(op.operands)
        while todo:
            v = todo.pop()
            if v in inner or v.op is None or constant(v) is not None or _laid_out(v) & ends:
                continue
            inner[v] = None
            reads.update(v.op.operands)
            todo += v.op.operands
        return all(self.uses[v] == reads[v] for v in inner)

    def release(self, value: Value) -> None:
        """One reader less; what nobody reads any more reads nothing itself."""
        self.uses[value] -= 1
        op = value.op
        if op is not None and self.uses[value] == 0 and self.dead(op):
            for v in op.operands:
                self.release(v)


def _typed(found: Found, dtype: np.dtype | None) -> Found | None:
    """An operator with its operands in the dtype of its result, or in one that this holds."""
    operands: list[Value] = []
    for v in found.operands:
        held = v
        own = v.type.dtype
        if dtype is not None and own is not None and is_float(own) and v not in found.loose:
            nearest = of_dtype(v, dtype)
            if nearest is None and not holds(dtype, own):
                return None
            held = nearest or v
        operands.append(held)
    return found._replace(operands=operands)


def _laid_out(value: Value) -> set[Value]:
    """A value and what it is another shape of."""
    found = {value}
    while value.op is not None and (value.op.name in LAYOUT or is_rounding(value.op)):
        value = value.op.operands[0]
        found.add(value)
    return found
