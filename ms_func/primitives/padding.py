"""Sizes of dilated, padded and strided dimensions: what convolutions and windows share."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError, SizeError

Pads = tuple[tuple[int, int], ...]


def dilated(size: int, dilation: int) -> int:
    """Length of `size` elements with `dilation - 1` holes between neighbours."""
    return (size - 1) * dilation + 1 if size else 0


def window_count(size: int, window: int, stride: int) -> int:
    """How many windows fit into a length when each begins `stride` after the one before."""
    return (size - window) // stride + 1 if size >= window else 0


def padtype_to_pads(
    in_shape: Sequence[int],
    window_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: str,
) -> list[tuple[int, int]]:
    """Padding before and after each dimension for a kind of padding.

    Args:
        in_shape: sizes of the padded dimensions.
        window_shape: sizes of the window, holes included.
        window_strides: strides of the window.
        padding: "VALID" pads nothing; "SAME" pads so that `ceil(size / stride)` windows fit,
            the odd element after; "SAME_LOWER" puts the odd element before.

    Returns:
        List of pairs of Python ints.

    Raises:
        RuntimeError: it is none of these.
        TypeError: it is no string.

    Example:
        >>> lax.padtype_to_pads((5, 4), (3, 2), (1, 1), "SAME")
        [(1, 1), (0, 1)]
        >>> lax.padtype_to_pads((5, 4), (3, 2), (1, 1), "SAME_LOWER")
        [(1, 1), (1, 0)]
    """
    if not isinstance(padding, str):
        raise ArgumentTypeError(f"Unknown padding type: {padding}.")
    kind = padding.upper()
    if kind == "VALID":
        return [(0, 0)] * len(in_shape)
    if kind not in ("SAME", "SAME_LOWER"):
        raise RuntimeError(
            f"Unrecognized padding type: expected 'VALID', 'SAME', or 'SAME_LOWER', got {padding}."
        )
    pads = []
    for n, k, s in zip(in_shape, window_shape, window_strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        low = total // 2 if kind == "SAME" else total - total // 2
        pads.append((low, total - low))
    return pads


def explicit_pads(
    name: str,
    padding: Any,
    in_shape: Sequence[int],
    window_shape: Sequence[int],
    window_strides: Sequence[int],
) -> Pads:
    """Pairs of paddings from a string or a sequence of pairs.

    Raises:
        TypeError: there is not one pair for each dimension.
    """
    if isinstance(padding, str):
        if len(window_strides) != len(in_shape):
            raise strides_error(name, len(in_shape), len(window_strides))
        return tuple(padtype_to_pads(in_shape, window_shape, window_strides, padding))
    try:
        pairs = tuple((operator.index(lo), operator.index(hi)) for lo, hi in padding)
    except TypeError:
        raise ArgumentValueError(
            f"padding argument to {name} should be a string or a sequence of (low, high) pairs, "
            f"got {padding}"
        ) from None
    if len(pairs) != len(in_shape):
        raise ShapeError(
            f"Wrong number of explicit pads for {name}: expected {len(in_shape)}, got {len(pairs)}."
        )
    return pairs


def strides_error(name: str, dims: int, strides: int) -> Exception:
    """Error for a number of strides that is not the number of dimensions."""
    return SizeError(
        f"{name} window and window_strides must have the same number of dimensions, but got "
        f"{dims} and {strides}"
    )


def positive(name: str, what: str, values: Any, count: int) -> tuple[int, ...]:
    """`count` positive ints; None stands for ones.

    Raises:
        TypeError: the count differs or a value is not positive.
    """
    if values is None:
        return (1,) * count
    out = tuple(operator.index(v) for v in values)
    if len(out) != count or any(v < 1 for v in out):
        raise SizeError(
            f"{name} {what} must have every element be strictly positive, and {count} of them: "
            f"All dilations and strides must be positive, got {tuple(values)}"
        )
    return out


def padded_array(x: np.ndarray, fill: Any, pads: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """NumPy meaning of padding: before (negative: removed), after, and dilation, per dimension."""
    shape = [dilated(n, d) for n, (_, _, d) in zip(x.shape, pads, strict=True)]
    spread = np.full(shape, fill, x.dtype)
    spread[tuple(slice(None, None, d) for _, _, d in pads)] = x
    around = [(max(lo, 0), max(hi, 0)) for lo, hi, _ in pads]
    wide = np.pad(spread, around, constant_values=np.asarray(fill, x.dtype))
    cut = tuple(
        slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi, _) in zip(wide.shape, pads, strict=True)
    )
    return wide[cut]


def sliding_terms(
    k: int, n: int, count: int, window: int, stride: int, padding: tuple[int, int], spread: int,
    hole: int,
) -> tuple[str, str, list[str]] | None:  # fmt: skip
    """Shard rule of dimension `k`, which windows slide along; None where it must stay whole.

    Args:
        k: number of the dimension, for names.
        n: its size.
        count: number of windows.
        window: elements of a window.
        stride: step from window to window.
        padding: elements before and behind.
        spread: dilation of the dimension.
        hole: dilation of the window.

    Returns:
        Terms of the dimension and of the result, and the kinds of their indices: what windows
        read beyond the piece of a device, where the sizes are multiples.
    """
    low, reach = padding[0], (window - 1) * hole
    single, several = f"s{k}", f"(s{k} r{k})"
    if stride == 1 and count == spread * n:  # result (O, O + spread) lies over element O / spread
        halo = max(0, low) // spread, max(0, (reach - 1 - low) // spread + 1)
        terms = (single, several) if spread > 1 else (single, single)
    elif spread == 1 and n == stride * count:
        halo = max(0, low), max(0, reach + 1 - stride - low)
        terms = several, single
    else:
        return None
    kinds = [f"r{k}: whole"] if several in terms else []
    return *terms, [*kinds, *([f"{single}: halo {halo[0]} {halo[1]}"] if any(halo) else [])]
