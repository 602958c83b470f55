"""Running operations as loops over one axis, as they are fastest on CPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir

Step = Callable[..., Any]
"""`(builder, carry, *elements)` to the next carry: one value of the type of the carry."""


def loop(
    b: Any, name: str, out: ArrayType, axis: int, reverse: bool, xs: Sequence[Any], init: Any,
    step: Step,
) -> Any:  # fmt: skip
    """Results of `step`, known as `name`, along `axis`, one element after the other.

    A loop over memory in order beats any tree of whole-array operations on a CPU. It takes
    several elements a turn where that was measured to be faster: in one long row, and in
    many rows whose elements lie next to each other.
    """
    n = out.shape[axis]
    rest = math.prod(out.shape[axis + 1 :])
    rows = math.prod(out.shape[:axis])
    block = min(n, 8) if n <= 8 or (rest == 1 and (rows == 1 or rows >= 256)) else 1
    made = _Loop(name, out, axis, reverse, step)
    carry, turns = init, n // block
    if turns <= 1:
        return made.turn(b, carry, xs, n)[1]
    carry, y = made.run(b, carry, xs, block, turns)
    left = n - turns * block
    if left:
        start = 0 if reverse else n - left
        tails = [made.slice(b, x, start, left) for x in xs]
        tail = made.turn(b, carry, tails, left)[1]
        y = made.update(b, y, tail, b.constant(start, _INDEX), left)
    return y


_INDEX = ArrayType((), np.int32)


class _Loop:
    """Builder of a loop along one axis of arrays of one type."""

    __slots__ = ("axis", "name", "out", "reverse", "step")

    def __init__(self, name: str, out: ArrayType, axis: int, reverse: bool, step: Step) -> None:
        self.name = name
        self.out, self.axis, self.reverse, self.step = out, axis, reverse, step

    def part(self, size: int) -> ArrayType:
        """Type of `size` elements along the axis."""
        shape = self.out.shape
        return ArrayType((*shape[: self.axis], size, *shape[self.axis + 1 :]), self.out.dtype)

    def slice(self, b: Any, x: Any, start: int, size: int) -> Any:
        """`size` elements of `x` from `start` on."""
        ndim, limits = self.out.ndim, list(self.out.shape)
        starts = [0] * ndim
        starts[self.axis], limits[self.axis] = start, start + size
        attributes = {
            "start_indices": mlir.int_array(tuple(starts)),
            "limit_indices": mlir.int_array(tuple(limits)),
            "strides": mlir.int_array((1,) * ndim),
        }
        return b.op("stablehlo.slice", [self.part(size)], [x], attributes)

    def indices(self, b: Any, start: Any) -> list[Any]:
        """Start indices of a part of an array."""
        zero = b.constant(0, _INDEX)
        return [start if d == self.axis else zero for d in range(self.out.ndim)]

    def update(self, b: Any, y: Any, part: Any, start: Any, size: int) -> Any:
        """`y` with `part` written at `start`."""
        operands = [y, part, *self.indices(b, start)]
        return b.op("stablehlo.dynamic_update_slice", [self.out], operands)

    def turn(self, b: Any, carry: Any, parts: Sequence[Any], size: int) -> tuple[Any, Any]:
        """Take `size` elements in order; the last carry, and all of them together."""
        if size == 1:
            carry = self.step(b, carry, *parts)
            return carry, carry
        inner = _Loop(self.name, self.part(size), self.axis, self.reverse, self.step)
        found = []
        order = range(size - 1, -1, -1) if self.reverse else range(size)
        for k in order:
            carry = self.step(b, carry, *(inner.slice(b, p, k, 1) for p in parts))
            found.append(carry)
        if self.reverse:
            found.reverse()
        attributes = {"dimension": mlir.integer(self.axis)}
        return carry, b.op("stablehlo.concatenate", [self.part(size)], found, attributes)

    def run(self, b: Any, carry: Any, xs: Sequence[Any], block: int, turns: int) -> tuple[Any, Any]:
        """The loop itself: carry and results after `turns` blocks."""
        state = [_INDEX, self.part(1), *[self.out] * (1 + len(xs))]
        operands = [b.constant(0, _INDEX), carry, b.constant(0, self.out), *xs]

        def make(inner: Any, *operands: Any) -> Any:
            made = inner.operation("stablehlo.while", state, operands, regions=2)
            inner.region(made, 0, state, lambda body, i, *rest: [self.more(body, i, turns)])
            inner.region(made, 1, state, lambda body, *args: self.body(body, block, *args))
            return made

        key = (self.name, self.out, self.axis, self.reverse, block)
        results = b.copied(key, state, operands, make).results
        return results[1], results[2]

    def more(self, b: Any, i: Any, turns: int) -> Any:
        """Whether turn `i` is still to be taken."""
        attribute = mlir.parsed("#stablehlo<comparison_direction LT>")
        return b.op(
            "stablehlo.compare", [ArrayType((), np.bool_)], [i, b.constant(turns, _INDEX)],
            {"comparison_direction": attribute},
        )  # fmt: skip

    def body(self, b: Any, block: int, i: Any, carry: Any, y: Any, *xs: Any) -> list[Any]:
        """One turn: read a block, take it, write the results."""
        start = self.start(b, i, block)
        sizes = {"slice_sizes": mlir.int_array(self.part(block).shape)}
        where = self.indices(b, start)
        parts = [
            b.op("stablehlo.dynamic_slice", [self.part(block)], [x, *where], sizes) for x in xs
        ]
        carry, part = self.turn(b, carry, parts, block)
        y = self.update(b, y, part, start, block)
        return [b.op("stablehlo.add", [_INDEX], [i, b.constant(1, _INDEX)]), carry, y, *xs]

    def start(self, b: Any, i: Any, block: int) -> Any:
        """First element of turn `i`; in reverse, counted from the end."""
        if block > 1:
            i = b.op("stablehlo.multiply", [_INDEX], [i, b.constant(block, _INDEX)])
        if self.reverse:
            last = b.constant(self.out.shape[self.axis] - block, _INDEX)
            i = b.op("stablehlo.subtract", [_INDEX], [last, i])
        return i


def window(b: Any, out: ArrayType, axis: int, reverse: bool, x: Any, init: Any) -> Any:
    """A window over everything so far: the form compilers know cumulative operations by.

    XLA turns it into a tree of logarithmic depth. The region is still to be filled.
    """
    n, ndim = out.shape[axis], out.ndim
    sizes = tuple(n if d == axis else 1 for d in range(ndim))
    before = (0, n - 1) if reverse else (n - 1, 0)
    attributes = {
        "window_dimensions": mlir.int_array(sizes),
        "padding": mlir.int_matrix(tuple(before if d == axis else (0, 0) for d in range(ndim))),
    }
    return b.operation("stablehlo.reduce_window", [out], [x, init], attributes)
