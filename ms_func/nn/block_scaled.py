"""Matrix products of numbers of few bits, with a scale for each block of them.

Formats: Open Compute Project, "Microscaling Formats (MX) Specification 1.0", 2023, for `mxfp8`;
`nvfp4` is 4-bit floats with 8-bit scales for blocks of 16, and one scale more for the whole array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ms_func.control_flow.custom_vjp import custom_vjp
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import (
    logic,
    manipulation,
    padding,
    reductions,
    repeating,
    scalar_types,
    searching,
)
from ms_func.numpy.creation import asarray
from ms_func.numpy.einsum import einsum
from ms_func.numpy.promotion import ArrayLike, convert
from ms_func.numpy.rounding import floor
from ms_func.primitives.dot import dot_general

F32 = np.dtype(np.float32)
_FORMATS = {
    "mxfp8": (32, scalar_types.float8_e4m3fn, scalar_types.float8_e8m0fnu),
    "nvfp4": (16, scalar_types.float4_e2m1fn, scalar_types.float8_e4m3fn),
}


@dataclass(frozen=True, eq=False)
class BlockScaleConfig:
    """How an operand is rounded.

    Attributes:
        mode: "mxfp8" or "nvfp4".
        block_size: how many numbers share a scale.
        data_type: dtype of the numbers.
        scale_type: dtype of the scales.
        global_scale: scale of the whole array, of one element; for "nvfp4".
        infer_only: whether no gradients are asked for.
    """

    mode: str
    block_size: int
    data_type: Any
    scale_type: Any
    global_scale: Array | None = None
    infer_only: bool = False


def get_scaled_dot_general_config(
    mode: str, global_scale: ArrayLike | None = None
) -> BlockScaleConfig:
    """Configuration of one operand of `scaled_dot_general`.

    Args:
        mode: "mxfp8", 8-bit floats with a power of two for each block of 32, or "nvfp4", 4-bit
            floats with an 8-bit scale for each block of 16.
        global_scale: for "nvfp4", one number more that all scales are multiplied by; 1 by default.

    Returns:
        A frozen `BlockScaleConfig`.

    Raises:
        ValueError: there is no such mode, or `global_scale` is not one number.

    Example:
        >>> get_scaled_dot_general_config("mxfp8").block_size
        32
    """
    if mode not in _FORMATS:
        raise ArgumentValueError(f"Unsupported mode: {mode}; there are {', '.join(_FORMATS)}")
    scale = None
    if mode == "nvfp4":
        scale = asarray(1.0 if global_scale is None else global_scale, dtype=F32)
        if scale.size != 1:
            raise ArgumentValueError(f"global_scale must be one number, got shape {scale.shape}")
    return BlockScaleConfig(mode, *_FORMATS[mode], scale)


def scaled_matmul(
    lhs: ArrayLike, rhs: ArrayLike, lhs_scales: ArrayLike, rhs_scales: ArrayLike,
    preferred_element_type: Any = np.float32,
) -> Array:  # fmt: skip
    """Products of rows with rows, blocks of both multiplied by their scales first.

    Args:
        lhs: `[b, m, k]`, of any real dtype; computed in float32.
        rhs: `[b, n, k]`.
        lhs_scales: `[b, m, j]` with `j` a divisor of `k`: each stands for `k / j` elements.
        rhs_scales: `[b, n, l]` with `l` a divisor of `k`.
        preferred_element_type: dtype of the result.

    Returns:
        Array `[b, m, n]`.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> scaled_matmul([[[1, 2, 3]]], [[[4, 5, 6]]], [[[0.5]]], [[[0.5]]])
        Array([[[8.]]], dtype=float32)
    """
    a, b, s, t = (asarray(x) for x in (lhs, rhs, lhs_scales, rhs_scales))
    if any(x.ndim != 3 for x in (a, b, s, t)):
        raise ArgumentValueError("scaled_matmul requires all inputs to be 3-dimensional arrays")
    if a.shape[::2] != b.shape[::2]:
        raise ArgumentValueError(
            "scaled_matmul requires inputs a and b to have matching batch (B) and contract (K) "
            f"dimensions, but got shapes {a.shape} and {b.shape}"
        )
    out = einsum("bmk,bnk->bmn", _spread("lhs", a, s), _spread("rhs", b, t))
    return convert(out, canonicalize_dtype(preferred_element_type))


def _spread(name: str, x: Any, scales: Any) -> Any:
    """`x` times the scale of its block, in float32."""
    (batch, rows, k), blocks = x.shape, scales.shape[-1]
    if scales.shape[:2] != (batch, rows) or not blocks or k % blocks:
        raise ArgumentValueError(
            f"scaled_matmul: the scales {scales.shape} of {name} do not fit its shape {x.shape}"
        )
    wide = repeating.repeat(convert(scales, F32), k // blocks, -1)
    return ar.multiply(convert(x, F32), wide)


def quantize(x: Any, config: BlockScaleConfig) -> tuple[Any, Any]:
    """Numbers of few bits and the scales of blocks along the last dimension, filled up with 0.

    Each scale makes the largest number of its block one of the largest that there are.
    """
    *lead, k = x.shape
    blocks = -(-k // config.block_size)
    filled = [(0, 0)] * len(lead) + [(0, blocks * config.block_size - k)]
    rows = padding.pad(convert(x, F32), filled)
    rows = manipulation.reshape(rows, (*lead, blocks, config.block_size))
    largest = scalar_types.finfo(config.data_type).max
    size = reductions.max(el.abs(rows), -1)
    if config.global_scale is None:
        exponent = ar.subtract(floor(el.log2(size)), math.floor(math.log2(largest)))
        wanted = el.exp2(ar.clip(exponent, -126, 127))
    else:
        wanted = ar.divide(size, ar.multiply(largest, _number(config.global_scale)))
    scales = convert(wanted, np.dtype(config.scale_type))
    factor = convert(scales, F32)
    if config.global_scale is not None:
        factor = ar.multiply(factor, _number(config.global_scale))
    factor = manipulation.expand_dims(searching.where(logic.equal(factor, 0), 1.0, factor), -1)
    kept = ar.clip(ar.divide(rows, factor), -largest, largest)
    kept = manipulation.reshape(kept, (*lead, blocks * config.block_size))
    return convert(kept, np.dtype(config.data_type)), scales


def _number(scale: Any) -> Any:
    return manipulation.reshape(scale, ())


def _rounded_product(a: Any, b: Any, left: BlockScaleConfig, right: BlockScaleConfig) -> Any:
    """`[b, m, k]` times `[b, n, k]` in float32, both rounded."""
    (x, s), (y, t) = quantize(a, left), quantize(b, right)
    out = scaled_matmul(x, y, s, t)
    for config in (left, right):
        if config.global_scale is not None:
            out = ar.multiply(out, _number(config.global_scale))
    return out


def scaled_dot_general(
    lhs: ArrayLike, rhs: ArrayLike, dimension_numbers: Any,
    preferred_element_type: Any = np.float32, configs: Sequence[BlockScaleConfig] | None = None,
    implementation: str | None = None,
) -> Array:  # fmt: skip
    """`lax.dot_general` of operands that are rounded to blocks of few bits first.

    Its gradients are products of rounded operands too: the cotangent is rounded as `configs[2]`
    says, the operands as they are forwards.

    Args:
        lhs: array.
        rhs: array.
        dimension_numbers: as of `lax.dot_general`.
        preferred_element_type: dtype of the result.
        configs: of `lhs`, `rhs` and cotangents (`get_scaled_dot_general_config`); None: nothing is
            rounded.
        implementation: accepted for compatibility.

    Raises:
        ValueError: there are not three configurations.

    Example:
        >>> from ms_func import numpy as np
        >>> x, numbers = np.full((1, 2, 32), 3.0), (((2,), (2,)), ((0,), (0,)))
        >>> configs = [get_scaled_dot_general_config("mxfp8")] * 3
        >>> scaled_dot_general(x, x, numbers, configs=configs)[0, 0]
        Array([288., 288.], dtype=float32)
    """
    a, b = asarray(lhs), asarray(rhs)
    kind = canonicalize_dtype(preferred_element_type)
    if configs is None:
        return dot_general(a, b, dimension_numbers, preferred_element_type=kind)
    if len(configs) != 3:
        raise ArgumentValueError(f"scaled_dot_general takes three configs, got {len(configs)}")
    (contract_a, contract_b), (batch_a, batch_b) = dimension_numbers
    x, shape, rows = _as_rows(a, batch_a, contract_a)
    y, _, columns = _as_rows(b, batch_b, contract_b)
    out = _product(tuple(configs))(x, y)
    return convert(manipulation.reshape(out, (*shape, *rows, *columns)), kind)


def _product(configs: tuple[BlockScaleConfig, ...]) -> Any:
    """The rounded product with its derivative."""
    left, right, back = configs

    @custom_vjp
    def product(a: Any, b: Any) -> Any:
        return _rounded_product(a, b, left, right)

    def forward(a: Any, b: Any) -> Any:
        return product(a, b), (a, b)

    def backward(saved: Any, ct: Any) -> Any:
        a, b = saved
        turned = manipulation.swapaxes(ct, 1, 2)
        to_a = _rounded_product(ct, manipulation.swapaxes(b, 1, 2), back, right)
        to_b = _rounded_product(turned, manipulation.swapaxes(a, 1, 2), back, left)
        return convert(to_a, typeof(a).dtype), convert(to_b, typeof(b).dtype)

    product.defvjp(forward, backward)
    return product


def _as_rows(x: Any, batch: Sequence[int], contract: Sequence[int]) -> tuple[Any, Any, Any]:
    """`x` as `[batch, rows, contracted]`, the sizes of its batch dimensions and of its rows."""
    free = [d for d in range(x.ndim) if d not in {*batch, *contract}]
    groups = [[x.shape[d] for d in dims] for dims in (batch, free, contract)]
    laid = manipulation.transpose(x, (*batch, *free, *contract))
    sizes = tuple(math.prod(g) for g in groups)
    return manipulation.reshape(laid, sizes), groups[0], groups[1]
