"""How convolutions are cut: index notation, and the program of one device.

Along one spatial dimension, with stride `s`, padding `p` before, dilations `l` of the left side
and `r` of the kernel, element `k` of the kernel meets at place `o` of the result what lies at
`o s + k r - p` of the left side spread by `l`. Where the sizes are multiples, pieces of the left
side and of the result (or, for the gradient by a kernel, of the kernel, over which is summed)
begin at the same place, and a device needs the borders of its neighbours alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ms_func.ir.notation import Cut
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.across import bordered
from ms_func.primitives.padding import dilated, sliding_terms


class Spatial(NamedTuple):
    """One spatial dimension of a convolution.

    Attributes:
        n: size of the left side.
        window: size of the kernel.
        places: size of the result.
        stride, padding, spread, hole: step, elements on both sides, dilations.
    """

    n: int
    window: int
    places: int
    stride: int
    padding: tuple[int, int]
    spread: int
    hole: int

    @property
    def is_summed(self) -> bool:
        """Whether it is the kernel that runs along with the left side."""
        sizes = sorted((self.n, self.window))
        together = self.n * self.spread == self.window * self.hole and 0 not in sizes
        return self._sliding(0) is None and together and sizes[1] % sizes[0] == 0

    def _sliding(self, k: int) -> tuple[str, str, list[str]] | None:
        return sliding_terms(k, self.n, self.places, self.window, *self[3:])

    @property
    def reach(self) -> tuple[int, int]:
        """Elements before and behind its own piece that a device reads of the left side."""
        low, l = self.padding[0], self.spread
        last = (self.places - 1) * self.stride - low - self.hole
        return max(0, low) // l, max(0, last // l + 1)

    def terms(self, k: int) -> tuple[tuple[str, str, str], list[str]]:
        """Terms of dimension `k` of left side, kernel and result, and kinds of their indices."""
        found = self._sliding(k)
        if found is not None:
            left, result, kinds = found
            return (left, ".", result), kinds
        if not self.is_summed:
            return (".", ".", "."), []
        several = f"(s{k} r{k})"
        left, kernel = (several if n > min(self[:2]) else f"s{k}" for n in self[:2])
        kinds = [f"r{k}: whole"] if several in (left, kernel) else []
        if any(self.reach):
            kinds.append(f"s{k}: halo {self.reach[0]} {self.reach[1]}")
        return (left, kernel, "."), kinds

    def local(self, left: int, kernel: int, count: int, low: int) -> tuple[int, int]:
        """Padding of the pieces that one device has.

        Args:
            left: size of its left side, with borders.
            kernel: of its kernel.
            count: of its result.
            low: size of the border before.
        """
        before = self.padding[0] - low * self.spread
        needed = (count - 1) * self.stride + dilated(kernel, self.hole)
        return before, needed - dilated(left, self.spread) - before


def spatial(ins: Sequence[ArrayType], out: ArrayType, conv: Any) -> list[Spatial]:
    """Spatial dimensions of a convolution."""
    specs = conv.dimension_numbers
    shapes = ins[0].shape, ins[1].shape, out.shape
    sizes = zip(*([s[d] for d in spec[2:]] for s, spec in zip(shapes, specs, strict=True)),
                strict=True)  # fmt: skip
    rows = zip(
        sizes, conv.window_strides, conv.padding, conv.lhs_dilation, conv.rhs_dilation, strict=True
    )
    return [Spatial(*size, *row) for size, *row in rows]


def shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], conv: Any) -> str:
    """Index notation: spatial dimensions can be cut, with exchange of borders."""
    names = [["."] * t.ndim for t in (*ins, *outs)]
    batch, features, out = "n", "c", "o"
    if conv.feature_group_count > 1:
        features, out = "(g c)", "(g o)"
    if conv.batch_group_count > 1:
        batch, out = "(g n)", "(g o)"
    ends = (batch, features), (out, "c"), ("n", out)
    for row, spec, pair in zip(names, conv.dimension_numbers, ends, strict=True):
        row[spec[0]], row[spec[1]] = pair
    kinds: list[str] = []
    for k, dim in enumerate(spatial(ins, outs[0], conv)):
        terms, more = dim.terms(k)
        for row, spec, term in zip(names, conv.dimension_numbers, terms, strict=True):
            row[spec[2 + k]] = term
        kinds += more
    left, right, result = map(" ".join, names)
    return f"{left}, {right} -> {result}" + (f"; {', '.join(kinds)}" if kinds else "")


def local(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], cuts: Mapping[str, Cut], conv: Any
) -> Callable[..., Any] | None:
    """Sums over a window that is cut, or within groups: the partitioner adds them up too often."""
    dims = spatial(ins, outs[0], conv)
    grouped = max(conv.feature_group_count, conv.batch_group_count) > 1 and "c" in cuts
    if not grouped and not any(d.is_summed and f"s{k}" in cuts for k, d in enumerate(dims)):
        return None
    left_spec, right_spec, _ = conv.dimension_numbers
    groups = cuts["g"].ways if "g" in cuts else 1

    def compute(left: Any, right: Any) -> Any:
        pads = list(conv.padding)
        for k, dim in enumerate(dims):
            if (cut := cuts.get(f"s{k}")) is None:
                continue
            low, high = dim.reach
            left = bordered(left, left_spec[2 + k], cut, low, high)
            kernel = typeof(right).shape[right_spec[2 + k]]
            count = dim.places if dim.is_summed else dim.places // cut.ways
            pads[k] = dim.local(typeof(left).shape[left_spec[2 + k]], kernel, count, low)
        mine = conv._replace(
            padding=tuple(pads),
            feature_group_count=max(1, conv.feature_group_count // groups),
            batch_group_count=max(1, conv.batch_group_count // groups),
        )
        return mine.bind(left, right)

    return compute
