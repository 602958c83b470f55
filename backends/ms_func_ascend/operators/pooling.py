"""Windows over two dimensions of images: the pooling operators and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, I32, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.prototypes import accepts


class Window:
    """Attributes of an operation over windows, defaults filled in."""

    def __init__(self, attrs: dict[str, Any], rank: int) -> None:
        ones = [1] * rank
        get = attrs.get
        self.size = list(get("window_dimensions") or ones)
        self.strides = list(get("window_strides") or ones)
        self.base = list(get("base_dilations") or ones)
        self.dilations = list(get("window_dilations") or ones)
        padding = get("padding")
        padding = np.zeros((rank, 2), np.int64) if padding is None else padding
        self.low, self.high = padding[:, 0].tolist(), padding[:, 1].tolist()

    def active(self) -> list[int]:
        """Dimensions along which anything happens."""
        rows = zip(self.size, self.strides, self.low, self.high, self.base, strict=True)
        return [
            d for d, (k, s, lo, hi, b) in enumerate(rows) if (k, s, lo, hi, b) != (1, 1, 0, 0, 1)
        ]


def pool(e: Emitter, kind: str, x: Tensor, window: Window) -> Tensor | None:
    """Windows over at most two dimensions of floats: the pooling operators."""
    active = window.active()
    if kind not in ("add", "maximum", "minimum") or not is_float(x.dtype) or len(active) > 2:
        return None
    if not active or not _pool_fits(window, active) or x.dtype == np.dtype(np.float64):
        return None
    active = _two(active, len(x.shape))
    if len(active) < 2:
        return None
    if len(x.shape) == 4 and active == [1, 2]:
        return _pooled(e, kind, x, window, active, "NHWC")
    others = [d for d in range(len(x.shape)) if d not in active]
    perm = [*others, *active]
    moved = e.transpose(x, perm)
    channels = moved.shape[len(others) - 1] if others else 1
    rows = math.prod(moved.shape[: max(0, len(others) - 1)])
    image = e.reshape(moved, [rows, channels, *moved.shape[-2:]])
    made = _pooled(e, kind, image, window, active, "NCHW")
    made = e.reshape(made, [*moved.shape[:-2], *made.shape[-2:]])
    return e.transpose(made, [int(p) for p in np.argsort(perm)])


def _pool_fits(window: Window, active: Sequence[int]) -> bool:
    """Limits of the pooling kernels; padding must not reach a whole window."""
    area = math.prod(window.size[d] for d in active)
    return area <= 255 and all(
        window.strides[d] <= 63
        and (window.base[d], window.dilations[d]) == (1, 1)
        and 0 <= window.low[d] < window.size[d]
        and 0 <= window.high[d] < window.size[d]
        for d in active
    )


def _pooled(
    e: Emitter, kind: str, image: Tensor, window: Window, active: Sequence[int], layout: str
) -> Tensor:
    """Windows over the dimensions H and W of an image, those that `active` are in the window."""
    size, steps, shape = [1] * 4, [1] * 4, list(image.shape)
    pads = [p for d in active for p in (window.low[d], window.high[d])]
    for d, at in zip(active, (layout.index("H"), layout.index("W")), strict=True):
        size[at], steps[at] = window.size[d], window.strides[d]
        whole = image.shape[at] + window.low[d] + window.high[d]
        shape[at] = (whole - size[at]) // steps[at] + 1

    def node(op: str, x: Tensor, **extra: Any) -> Tensor:
        return e.node(op, [x], [(shape, x.dtype)], {"x": layout, "y": layout}, ksize=size,
                      strides=steps, pads=pads, data_format=layout, **extra)[0]  # fmt: skip

    if kind == "add":
        mean = node("AvgPoolV2", e.cast(image, F32), exclusive=False)
        return e.cast(a.multiply(e, mean, e.like(math.prod(size), mean)), image.dtype)
    held = image if accepts("MaxPoolV3", "x", image.dtype) else e.cast(image, F32)
    if kind == "minimum":
        made = a.negate(e, node("MaxPoolV3", a.negate(e, held)))
    else:
        made = node("MaxPoolV3", held)
    if e.may_be_nan(image):
        seen = node("MaxPoolV3", e.cast(e.is_nan(image), F32))
        nan = a.compare(e, "GT", seen, e.like(0, seen))
        made = e.select(nan, e.like(np.nan, made), made)
    return e.cast(made, image.dtype)


def _two(active: Sequence[int], rank: int) -> list[int]:
    """Two dimensions of a window: those along which anything happens, and others if need be."""
    spare = [d for d in range(rank) if d not in active]
    return sorted([*active, *spare[: 2 - len(active)]])


def _layout(active: Sequence[int], rank: int) -> str | None:
    """Layout of images whose rows and columns are two dimensions."""
    return {(1, 2): "NHWC", (2, 3): "NCHW"}.get(tuple(active)) if rank == 4 else None  # type: ignore[arg-type]


def maximum_gradient(e: Emitter, x: Tensor, dy: Tensor, window: Window) -> Tensor | None:
    """Gradient of the maximum of each window, which goes to the first of its largest elements."""
    active = _two(window.active(), 4)
    layout = _layout(active, len(x.shape))
    op = "MaxPoolV3Grad"
    if layout is None or not window.active() or not _pool_fits(window, active) or not e.has(op):
        return None
    if x.dtype not in (F32, np.dtype(np.float16)):
        return None
    node = _Images(window, active, layout)
    y = e.node("MaxPoolV3", [x], [(dy.shape, x.dtype)], node.layouts("x", "y"), **node.attrs)[0]
    ports = ("orig_input", "orig_output", "grad", "out_grad")
    return e.node(op, [x, y, dy], [(x.shape, x.dtype)], node.layouts(*ports), **node.attrs)[0]


def mean_gradient(e: Emitter, dy: Tensor, window: Window) -> Tensor | None:
    """Sums over windows of spread elements: the gradient of a sum over windows with strides."""
    active = _two([d for d in window.active() if window.size[d] > 1], len(dy.shape))
    layout = _layout(active, len(dy.shape))
    forward = _forward(dy.shape, window, active)
    op = "AvgPoolV2Grad"
    if layout is None or forward is None or not e.has(op) or not is_float(dy.dtype):
        return None
    if dy.dtype.itemsize > 4:
        return None
    shape, pool_window = forward
    node = _Images(pool_window, active, layout)
    held = e.cast(dy, F32)
    mean = e.node(op, [e.ints(shape, I32), held], [(shape, F32)],
                  node.layouts("input_grad", "out_grad"), exclusive=False,
                  **node.attrs)[0]  # fmt: skip
    area = math.prod(pool_window.size)
    return e.cast(e.elementwise("Mul", mean, e.like(area, mean)), dy.dtype)


def _forward(
    out: Sequence[int], window: Window, active: Sequence[int]
) -> tuple[list[int], Window] | None:
    """Shape and window of the pooling whose gradient a window is; None if it is not one."""
    made = Window({}, len(out))
    shape = list(out)
    for d, n in enumerate(out):
        size, step = window.size[d], window.base[d]
        shape[d] = (n - 1) * step + 1 + window.low[d] + window.high[d] - size + 1
        low = size - 1 - window.low[d]
        high = max(0, (n - 1) * step + size - shape[d] - low)
        if (window.strides[d], window.dilations[d]) != (1, 1) or shape[d] < 1 or low < 0:
            return None
        if (shape[d] + low + high - size) // step + 1 != n or (d not in active and shape[d] != n):
            return None
        made.size[d], made.strides[d], made.low[d], made.high[d] = size, step, low, high
    return (shape, made) if _pool_fits(made, active) else None


class _Images:
    """Attributes and layouts of a pooling operator over two dimensions of images."""

    def __init__(self, window: Window, active: Sequence[int], layout: str) -> None:
        pads = [p for d in active for p in (window.low[d], window.high[d])]
        self.layout = layout
        self.attrs: dict[str, Any] = {
            "ksize": list(window.size), "strides": list(window.strides), "pads": pads,
            "data_format": layout,
        }  # fmt: skip

    def layouts(self, *ports: str) -> dict[str, str]:
        """The layout, for each port."""
        return dict.fromkeys(ports, self.layout)
