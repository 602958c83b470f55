"""Sliding windows over an array: which elements each one covers, as slices and as attributes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ms_func.errors import ShapeError, SizeError
from ms_func.ir.function import Function
from ms_func.ir.primitive import Cost
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.basis import full_of
from ms_func.primitives.padding import (
    Pads,
    dilated,
    explicit_pads,
    padded_array,
    positive,
    sliding_terms,
    strides_error,
    window_count,
)
from ms_func.primitives.pieces import pad, slice
from ms_func.tracing.tracer import build

_UNROLLED = 64
"""Largest number of places in a window that is written out as slices."""


class Window(NamedTuple):
    """Parameters of one window, a number for each dimension of the operand."""

    window_dimensions: tuple[int, ...]
    window_strides: tuple[int, ...]
    padding: Pads
    base_dilation: tuple[int, ...]
    window_dilation: tuple[int, ...]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an operand of `shape`."""
        if len(shape) != len(self.window_dimensions):
            raise strides_error("reduce_window", len(shape), len(self.window_dimensions))
        return tuple(
            window_count(n, dilated(k, r), s)
            for n, k, s, r in zip(
                self.padded_shape(shape), self.window_dimensions, self.window_strides,
                self.window_dilation, strict=True,
            )
        )  # fmt: skip

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the operand when it is spread and padded."""
        rows = zip(shape, self.base_dilation, self.padding, strict=True)
        sizes = tuple(dilated(n, d) + lo + hi for n, d, (lo, hi) in rows)
        if any(n < 0 for n in sizes):
            raise SizeError(f"padding {self.padding} takes away more than all of shape {shape}")
        return sizes

    def config(self) -> tuple[tuple[int, int, int], ...]:
        """Configuration of the padding of the operand."""
        rows = zip(self.padding, self.base_dilation, strict=True)
        return tuple((lo, hi, d - 1) for (lo, hi), d in rows)

    def places(self) -> Iterator[tuple[int, ...]]:
        """Offsets of the places of a window in the padded operand, first to last."""
        rows = zip(self.window_dimensions, self.window_dilation, strict=True)
        return itertools.product(*(range(0, k * r, r) for k, r in rows))

    @property
    def places_count(self) -> int:
        """Number of places."""
        return math.prod(self.window_dimensions)

    def with_lanes(self, dim: int) -> Window:
        """The window of one lane as one of all lanes, which lie along `dim`."""
        return Window(
            _with(self.window_dimensions, dim, 1),
            _with(self.window_strides, dim, 1),
            _with(self.padding, dim, (0, 0)),
            _with(self.base_dilation, dim, 1),
            _with(self.window_dilation, dim, 1),
        )

    def reversed(self, shape: tuple[int, ...]) -> Window:
        """Window whose sums over a cotangent are those for an operand of `shape`."""
        counts = self.out_shape(shape)
        pads = []
        rows = zip(shape, counts, self.window_dimensions, self.window_strides, self.padding,
                   self.base_dilation, self.window_dilation, strict=True)  # fmt: skip
        for n, count, k, s, (lo, _), d, r in rows:
            pads.append((dilated(k, r) - 1 - lo, dilated(n, d) - dilated(count, s) + lo))
        return self._replace(
            window_strides=self.base_dilation, base_dilation=self.window_strides,
            padding=tuple(pads),
        )  # fmt: skip


def _with(row: tuple[Any, ...], dim: int, value: Any) -> tuple[Any, ...]:
    return (*row[:dim], value, *row[dim:])


def window_of(
    name: str, operand: Any, window_dimensions: Any, window_strides: Any, padding: Any,
    base_dilation: Any, window_dilation: Any,
) -> Window:  # fmt: skip
    """Window from the arguments of a public function."""
    return _window(
        name,
        typeof(operand).shape,
        tuple(window_dimensions),
        None if window_strides is None else tuple(window_strides),
        padding if isinstance(padding, str) else tuple(map(tuple, padding)),
        None if base_dilation is None else tuple(base_dilation),
        None if window_dilation is None else tuple(window_dilation),
    )


@cache
def _window(
    name: str, shape: tuple[int, ...], window_dimensions: Any, window_strides: Any, padding: Any,
    base_dilation: Any, window_dilation: Any,
) -> Window:  # fmt: skip
    ndim = len(shape)
    if len(window_dimensions) != ndim:
        raise ShapeError(
            f"{name} got the wrong number of window_dimensions for operand: got operand shape "
            f"{shape} with window_dimensions {window_dimensions}"
        )
    if window_strides is not None and len(window_strides) != ndim:
        raise SizeError(
            f"{name} got inconsistent window_strides and window_dimensions: got window_strides "
            f"{window_strides} and window_dimensions {window_dimensions}"
        )
    sizes = positive(name, "window_dimensions", window_dimensions, ndim)
    strides = positive(name, "window_strides", window_strides, ndim)
    spread = positive(name, "base_dilation", base_dilation, ndim)
    holes = positive(name, "window_dilation", window_dilation, ndim)
    reach = [dilated(k, r) for k, r in zip(sizes, holes, strict=True)]
    given = [dilated(n, d) for n, d in zip(shape, spread, strict=True)]
    pads = explicit_pads(name, padding, given, reach, strides)
    return Window(sizes, strides, pads, spread, holes)


# --- windows as slices ------------------------------------------------------------------------


def parts(x: Any, fill: Any, window: Window) -> list[Any]:
    """For each place of the window, the elements there of all windows.

    `fill` is the scalar that stands in the padding.
    """
    counts = window.out_shape(typeof(x).shape)
    if 0 in counts:
        return [full_of(0, ArrayType(counts, typeof(x).dtype))] * window.places_count
    config = window.config()
    if any(row != (0, 0, 0) for row in config):
        x = pad(x, fill, config)
    found = []
    for place in window.places():
        stops = [
            p + (n - 1) * s + 1
            for p, n, s in zip(place, counts, window.window_strides, strict=True)
        ]
        found.append(slice(x, place, stops, window.window_strides))
    return found


@cache
def _program(kind: Any, which: str, window: Window, types: tuple[ArrayType, ...]) -> Function:
    """One of the above as a program, made once."""
    return build(f"window_{which}", types, lambda *xs: [kind(which, window, *xs)])


def inline(b: Any, kind: Any, which: str, window: Window, eqn: Any, values: Any) -> Any:
    """Lower the equation as what `kind(which, window, *operands)` records."""
    types = tuple(a.type for a in eqn.inputs)
    return b.inline(_program(kind, which, window, types), values)[0]


def as_slices(b: Any, window: Window) -> bool:
    """Whether windows are written as slices: on a CPU, unless they are very large."""
    return b.lowerer.platform == "cpu" and window.places_count <= _UNROLLED


# --- what the rules of windows share -----------------------------------------------------------


def numpy_parts(x: np.ndarray, fill: Any, window: Window) -> Iterator[np.ndarray]:
    """The same as `parts`, of NumPy arrays."""
    counts = window.out_shape(x.shape)
    rows = zip(window.padding, window.base_dilation, strict=True)
    x = padded_array(x, fill, [(lo, hi, d) for (lo, hi), d in rows])
    for place in window.places():
        part = x
        for axis, (p, n, s) in enumerate(zip(place, counts, window.window_strides, strict=True)):
            part = np.take(part, p + s * np.arange(n), axis)
        yield part


def attributes(window: Window) -> dict[str, Any]:
    """Attributes of a StableHLO reduction over windows."""
    return {
        "window_dimensions": mlir.int_array(window.window_dimensions),
        "window_strides": mlir.int_array(window.window_strides),
        "base_dilations": mlir.int_array(window.base_dilation),
        "window_dilations": mlir.int_array(window.window_dilation),
        "padding": mlir.int_matrix(window.padding),
    }


def shard_terms(
    window: Window, full: ArrayType, reduced: ArrayType, neighbours: bool = False
) -> tuple[str, str, str]:
    """Terms of the operand and of the result, and the kinds of their indices.

    Args:
        window: the windows.
        full: type of what they slide over.
        reduced: type of the array with one element for each.
        neighbours: whether a window may read from the piece of the next device; else only
            dimensions are cut that have no windows, or windows side by side.
    """
    left, right, kinds = [], [], []
    rows = zip(full.shape, reduced.shape, *window, strict=True)
    for k, (n, count, size, stride, padding, base, hole) in enumerate(rows):
        found = sliding_terms(k, n, count, size, stride, padding, base, hole)
        if found is None or (not neighbours and any("halo" in kind for kind in found[2])):
            found = ".", ".", []
        left.append(found[0])
        right.append(found[1])
        kinds += found[2]
    return " ".join(left), " ".join(right), f"; {', '.join(kinds)}" if kinds else ""


def cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """One operation for each place of each window."""
    moved = float(sum(t.nbytes for t in ins) + outs[0].nbytes)
    places = math.prod(params["window_dimensions"])
    windows = min(ins[0].size, outs[0].size)
    return Cost(float(places * windows), 0.0, moved)
