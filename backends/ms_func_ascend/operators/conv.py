"""Convolutions: the forward operator, the two gradient operators, and a general way.

A StableHLO convolution is first brought to image [n, c, spatial] and filter [o, i, spatial].
One and two spatial dimensions of floats go to `Conv2D`; a dilated image is the gradient with
respect to the input, a filter larger than the result the gradient with respect to the
filter, and each has its own operator. Everything else is peeled: one spatial dimension is
summed over its positions until what is left has an operator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, I32, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import accepts

PEEL_LIMIT = 512
"""Positions of a filter that are summed one by one at most."""
LONGEST = 255
"""Longest side of a filter that the operators take."""


@dataclass(frozen=True)
class Conv:
    """A convolution of an image [n, c, spatial] with a filter [o, i, spatial].

    Attributes:
        strides: step of the window.
        pads: padding before and after each spatial dimension; negative ones cut.
        spread: dilation of the image.
        dilations: dilation of the filter.
        groups: number of feature groups.
        exchanged: whether the features of the image come before its batch in the program, as
            gradients with respect to a filter have them.
        certain: whether the result has another layout besides, so that it can be nothing else.
    """

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    spread: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    exchanged: bool = False
    certain: bool = False

    @property
    def rank(self) -> int:
        """Number of spatial dimensions."""
        return len(self.strides)

    def out(self, image: Sequence[int], kernel: Sequence[int]) -> list[int]:
        """Spatial shape of the result."""
        sizes = []
        for d in range(self.rank):
            n = (image[d] - 1) * self.spread[d] + 1 + sum(self.pads[d])
            k = (kernel[d] - 1) * self.dilations[d] + 1
            sizes.append(max(0, (n - k) // self.strides[d] + 1))
        return sizes


@rule("convolution")
def _convolution(t: Any, op: Any, lhs: Tensor, rhs: Tensor) -> Tensor:
    e, attrs = t.e, op.attrs
    dims, (shape, dtype) = attrs["dimension_numbers"], op.results[0].type
    rank = len(shape) - 2
    ones = [1] * rank
    if 0 in lhs.shape or 0 in rhs.shape:
        return e.broadcast_to(e.const(np.array(0).astype(dtype)), shape)
    reversal = attrs.get("window_reversal") or [False] * rank
    flipped = [d for d, flag in zip(dims["rhs"][2], reversal, strict=True) if flag]
    image = e.transpose(lhs, [*dims["lhs"][:2], *dims["lhs"][2]])
    kernel = e.transpose(e.reverse(rhs, flipped), [*dims["rhs"][:2], *dims["rhs"][2]])
    padding = attrs.get("padding")
    padding = np.zeros((rank, 2), np.int64) if padding is None else padding
    conv = Conv(
        tuple(attrs.get("window_strides") or ones),
        tuple((int(lo), int(hi)) for lo, hi in padding),
        tuple(attrs.get("lhs_dilation") or ones),
        tuple(attrs.get("rhs_dilation") or ones),
        attrs.get("feature_group_count", 1),
        dims["lhs"][1] < dims["lhs"][0],
        dims["lhs"] != dims["out"],
    )
    made = _with_batch_groups(e, image, kernel, conv, attrs.get("batch_group_count", 1), dtype)
    places = [dims["out"][0], dims["out"][1], *dims["out"][2]]
    return e.transpose(made, [int(p) for p in np.argsort(places)])


def _with_batch_groups(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, groups: int, dtype: np.dtype
) -> Tensor:
    """Groups of the batch, as gradients of grouped convolutions have them, made feature groups."""
    if groups == 1:
        return convolve(e, image, kernel, conv, dtype)
    made = _filter_gradient(e, image, kernel, conv, dtype, groups)
    if made is not None:
        return made
    n, c, *spatial = image.shape
    split = e.reshape(image, [groups, n // groups, c, *spatial])
    rest = range(3, 3 + len(spatial))
    merged = e.reshape(e.transpose(split, [1, 0, 2, *rest]), [n // groups, groups * c, *spatial])
    return convolve(e, merged, kernel, replace(conv, groups=groups), dtype)


def convolve(e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype) -> Tensor:
    """Result [n, o, spatial] of a convolution."""
    if "c" in (image.dtype.kind, kernel.dtype.kind):
        return _complex(e, image, kernel, conv, dtype)
    if 0 in conv.out(image.shape[2:], kernel.shape[2:]):
        shape = [image.shape[0], kernel.shape[0], *conv.out(image.shape[2:], kernel.shape[2:])]
        return e.broadcast_to(e.const(np.array(0).astype(dtype)), shape)
    if conv.rank in (1, 2) and is_float(dtype) and dtype.itemsize <= 4:
        held = dtype if image.dtype == kernel.dtype == dtype else F32
        made = _images(e, e.cast(image, held), e.cast(kernel, held), conv, held)
        if made is not None:
            return e.cast(made, dtype)
    return _peeled(e, image, kernel, conv, dtype)


def _images(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype
) -> Tensor | None:
    """One or two spatial dimensions through the convolution operators."""
    if conv.rank == 1:  # an image one high
        up = replace(
            conv,
            strides=(1, *conv.strides),
            pads=((0, 0), *conv.pads),
            spread=(1, *conv.spread),
            dilations=(1, *conv.dilations),
        )
        n, c, w = image.shape
        o, i, k = kernel.shape
        tall = _images(
            e, e.reshape(image, (n, c, 1, w)), e.reshape(kernel, (o, i, 1, k)), up, dtype
        )
        return None if tall is None else e.reshape(tall, (n, o, tall.shape[-1]))
    for special in (_input_gradient, _filter_gradient):
        made = special(e, image, kernel, conv, dtype)
        if made is not None:
            return made
    return _forward(e, image, kernel, conv, dtype)


def _forward(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype
) -> Tensor | None:
    """`Conv2D`; a dilated image and padding the operator does not take become `PadV2`."""
    image, conv = _without_spread(e, image, conv)
    if any(p < 0 or p > 255 for pair in conv.pads for p in pair):
        image, conv = _without_padding(e, image, conv)
    limits = max(conv.strides) <= 63, max(conv.dilations) <= 255
    if not all(limits) or not accepts("Conv2D", "x", dtype):
        return None
    if max(kernel.shape[2:]) > LONGEST:
        return _in_pieces(e, image, kernel, conv, dtype)
    shape = [image.shape[0], kernel.shape[0], *conv.out(image.shape[2:], kernel.shape[2:])]
    return e.node(
        "Conv2D", [image, kernel], [(shape, dtype)],
        {"x": "NCHW", "filter": "NCHW", "y": "NCHW"}, **_attributes(conv),
    )[0]  # fmt: skip


def _in_pieces(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype
) -> Tensor | None:
    """A filter that is too long for the operator: the sum over its pieces, in float32."""
    axis = 2 if kernel.shape[2] > LONGEST else 3
    image, conv = _without_padding(e, e.cast(image, F32), conv)
    step, dilation = conv.strides[axis - 2], conv.dilations[axis - 2]
    reach = (conv.out(image.shape[2:], kernel.shape[2:])[axis - 2] - 1) * step + 1
    total: Tensor | None = None
    for start in range(0, kernel.shape[axis], LONGEST):
        stop = min(start + LONGEST, kernel.shape[axis])
        weights = e.slice_axis(e.cast(kernel, F32), axis, start, stop)
        seen = e.slice_axis(image, axis, start * dilation, (stop - 1) * dilation + reach)
        made = _forward(e, seen, weights, conv, F32)
        if made is None:
            return None
        total = made if total is None else a.add(e, total, made)
    return None if total is None else e.cast(total, dtype)


def _attributes(conv: Conv) -> dict[str, Any]:
    return {
        "strides": [1, 1, *conv.strides],
        "pads": [p for pair in conv.pads for p in pair],
        "dilations": [1, 1, *conv.dilations],
        "groups": conv.groups,
        "data_format": "NCHW",
    }


def _without_spread(e: Emitter, image: Tensor, conv: Conv) -> tuple[Tensor, Conv]:
    if all(s == 1 for s in conv.spread):
        return image, conv
    interior = [0, 0, *(s - 1 for s in conv.spread)]
    image = e.pad(image, e.like(0, image), [0] * len(interior), [0] * len(interior), interior)
    return image, replace(conv, spread=(1,) * conv.rank)


def _without_padding(e: Emitter, image: Tensor, conv: Conv) -> tuple[Tensor, Conv]:
    low = [0, 0, *(p[0] for p in conv.pads)]
    high = [0, 0, *(p[1] for p in conv.pads)]
    image = e.pad(image, e.like(0, image), low, high)
    return image, replace(conv, pads=((0, 0),) * conv.rank)


def _input_gradient(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype
) -> Tensor | None:
    """`Conv2DBackpropInput`: a convolution over a dilated image or with a turned filter.

    The forward convolution that it is the gradient of has stride s = the dilation, the filter
    with its input and output features exchanged and turned around, and padding
    k_eff - 1 - low. Its input has the shape of our result; the padding after follows from the
    shapes, with up to s - 1 rows that its window does not reach.
    """
    if any(s != 1 for s in conv.strides):
        return None
    if all(s == 1 for s in conv.spread) and _source_of_turned(e, kernel) is None:
        return None
    out = conv.out(image.shape[2:], kernel.shape[2:])
    pads = []
    for d in range(2):
        reach = (kernel.shape[2 + d] - 1) * conv.dilations[d]
        low, high = conv.pads[d]
        unreached = max(0, high - reach)
        if low > reach or unreached >= conv.spread[d]:
            return None
        pads.append((reach - low, reach - high + unreached))
    forward = Conv(conv.spread, tuple(pads), (1, 1), conv.dilations, conv.groups)
    fits = forward.out(out, kernel.shape[2:]) == list(image.shape[2:])
    if not fits or not _small(forward, kernel.shape[2:]):
        return None
    weights = _exchanged(e, kernel, conv.groups)
    shape = [image.shape[0], kernel.shape[0], *out]
    return e.node(
        "Conv2DBackpropInput", [e.ints(shape, I32), weights, image], [(shape, dtype)],
        {"filter": "NCHW", "out_backprop": "NCHW", "y": "NCHW"}, **_attributes(forward),
    )[0]  # fmt: skip


def _small(conv: Conv, kernel: Sequence[int]) -> bool:
    """Whether the operators take a convolution with a filter of so many rows and columns."""
    return (max(conv.strides) <= 63 and max(conv.dilations) <= 255
            and all(0 <= p <= 255 for pair in conv.pads for p in pair)
            and max(kernel) <= LONGEST)  # fmt: skip


def _exchanged(e: Emitter, kernel: Tensor, groups: int) -> Tensor:
    """Filter [o, i, h, w] turned around, input and output features exchanged in each group."""
    o, i, h, w = kernel.shape
    turned = _turned(e, kernel)
    split = e.reshape(turned, (groups, o // groups, i, h, w))
    return e.reshape(e.transpose(split, [0, 2, 1, 3, 4]), (groups * i, o // groups, h, w))


def _turned(e: Emitter, kernel: Tensor) -> Tensor:
    """`kernel` backwards in space; what was turned or transposed before is undone, not redone."""
    source = _source_of_turned(e, kernel)
    return e.reverse(kernel, [2, 3]) if source is None else source


def _source_of_turned(e: Emitter, kernel: Tensor) -> Tensor | None:
    """The filter that `kernel` is, turned around in space; None if it was not turned."""
    node, order = kernel.node, kernel.node.permutation() or [0, 1, 2, 3]
    turned = node.inputs[0] if node.op == "Transpose" else kernel
    if turned is None or turned.node.op != "ReverseV2":
        return None
    source, axes = turned.node.inputs
    places = {order[2], order[3]}
    active = {p for p in places if turned.shape[p] != 1}
    if source is None or axes is None or axes.value is None:
        return None
    return e.transpose(source, order) if active <= {*axes.value.tolist()} <= places else None


def _filter_gradient(
    e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype, groups: int = 1
) -> Tensor | None:
    """`Conv2DBackpropFilter`: a filter larger than the result is a gradient in disguise.

    The image's batch and features stand for the features and batch of the forward input, the
    filter for the gradient of the forward result, window steps and filter dilation are
    exchanged. With batch groups this is the gradient of a grouped convolution.
    """
    if conv.rank != 2 or conv.groups != 1 or any(s != 1 for s in conv.spread):
        return None
    if groups == 1 and not conv.exchanged:
        return None
    if not is_float(image.dtype) or dtype.itemsize > 4:
        return None
    out = conv.out(image.shape[2:], kernel.shape[2:])
    larger = math.prod(kernel.shape[2:]) > math.prod(out)
    if 0 in out or not (larger or (groups == 1 and conv.certain)):
        return None
    pads = [_forward_pads(conv, d, image.shape, kernel.shape, out[d]) for d in range(2)]
    forward = Conv(conv.dilations, tuple(p for p in pads if p), (1, 1), conv.strides, groups)
    channels, rows = image.shape[:2]
    shape = [kernel.shape[0], channels // groups, *out]
    if None in pads or not _small(forward, out) or rows != kernel.shape[1]:
        return None
    held = np.dtype(np.float16) if dtype == np.dtype(np.float16) else F32
    x = e.transpose(e.cast(image, held), [1, 0, 2, 3])
    back = e.transpose(e.cast(kernel, held), [1, 0, 2, 3])
    made = e.node(
        "Conv2DBackpropFilter", [x, e.ints(shape, I32), back], [(shape, held)],
        {"x": "NCHW", "out_backprop": "NCHW", "y": "NCHW"}, **_attributes(forward),
    )[0]  # fmt: skip
    return e.cast(e.transpose(made, [1, 0, 2, 3]), dtype)


def _forward_pads(
    conv: Conv, d: int, image: Sequence[int], kernel: Sequence[int], out: int
) -> tuple[int, int] | None:
    """Padding of the convolution that one is the filter's gradient of, along dimension d."""
    low, step, back = conv.pads[d][0], conv.dilations[d], kernel[2 + d]
    needed = conv.strides[d] * (out - 1) + 1 + (back - 1) * step - image[2 + d] - low
    after = max(needed, 0)
    return None if low < 0 or after - needed >= step else (low, after)


def _peeled(e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype) -> Tensor:
    """Sum over the filter positions of the first spatial dimension, the rest one rank lower."""
    if conv.rank == 0:
        return _grouped_product(e, image, kernel, conv.groups, dtype)
    if math.prod(kernel.shape[2:]) > PEEL_LIMIT:
        raise _too_many(kernel, conv, dtype)
    image, conv = _without_spread(e, image, conv)
    image, conv = _without_padding(e, image, conv)
    (n, c), out = image.shape[:2], conv.out(image.shape[2:], kernel.shape[2:])[0]
    inner = replace(conv, strides=conv.strides[1:], pads=conv.pads[1:], spread=conv.spread[1:],
                    dilations=conv.dilations[1:])  # fmt: skip
    total: Tensor | None = None
    for p in range(kernel.shape[2]):
        start = p * conv.dilations[0]
        stop = start + (out - 1) * conv.strides[0] + 1
        piece = e.slice_axis(image, 2, start, stop, conv.strides[0])
        rows = e.transpose(piece, [0, 2, 1, *range(3, len(piece.shape))])
        weights = e.slice_axis(kernel, 2, p, p + 1)
        weights = e.reshape(weights, (*kernel.shape[:2], *kernel.shape[3:]))
        flat = e.reshape(rows, (n * out, c, *piece.shape[3:]))
        made = convolve(e, flat, weights, inner, dtype)
        total = made if total is None else a.add(e, total, made)
    assert total is not None
    split = e.reshape(total, (n, out, *total.shape[1:]))
    return e.transpose(split, [0, 2, 1, *range(3, len(split.shape))])


def _too_many(kernel: Tensor, conv: Conv, dtype: np.dtype) -> Unsupported:
    narrow = is_float(dtype) and dtype.itemsize <= 4 and conv.rank <= 2
    return Unsupported(
        f"a {dtype.name} convolution with a filter of {list(kernel.shape[2:])} and steps of "
        f"{list(conv.strides)}",
        "use strides below 64 and dilations below 256" if narrow else
        "use float32, and at most two spatial dimensions of the filter longer than 1",
    )  # fmt: skip


def _grouped_product(
    e: Emitter, image: Tensor, kernel: Tensor, groups: int, dtype: np.dtype
) -> Tensor:
    """A convolution without spatial dimensions: a matrix product per group."""
    if groups == 1:
        return dot(e, image, kernel, ([], []), ([1], [1]), dtype)
    n, c = image.shape
    o = kernel.shape[0]
    left = e.reshape(image, (n, groups, c // groups))
    right = e.reshape(kernel, (groups, o // groups, c // groups))
    made = dot(e, left, right, ([1], [0]), ([2], [2]), dtype)
    return e.reshape(e.transpose(made, [1, 0, 2]), (n, o))


def _complex(e: Emitter, image: Tensor, kernel: Tensor, conv: Conv, dtype: np.dtype) -> Tensor:
    """Complex convolution from four real ones."""
    part = np.dtype(f"f{dtype.itemsize // 2}")
    (x_re, x_im), (k_re, k_im) = (e.parts(e.cast(v, dtype)) for v in (image, kernel))

    def times(x: Tensor, k: Tensor) -> Tensor:
        return convolve(e, x, k, conv, part)

    real = a.subtract(e, times(x_re, k_re), times(x_im, k_im))
    return e.complex(real, a.add(e, times(x_re, k_im), times(x_im, k_re)))
