"""Products of matrices in block-scaled number formats.

A block of neighbours along the contracted dimension shares one scale: OCP Microscaling Formats
Specification 1.0 (2023) for "mxfp8", and NVIDIA's "nvfp4", which has a second scale for the whole
array. Everywhere the numbers are rounded to the format; the products and sums are made in float32,
as the formats' definition of a product has them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.control_flow.custom_vjp import custom_vjp
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.lax.dot_algorithms import dot_general, scaled_dot
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import manipulation, reductions, searching
from ms_func.numpy.creation import asarray
from ms_func.numpy.promotion import convert, operand
from ms_func.primitives import compare
from ms_func.primitives.basis import transpose
from ms_func.primitives.pieces import pad


@dataclasses.dataclass(frozen=True)
class BlockScaleConfig:
    """A block-scaled number format.

    Attributes:
        mode: "mxfp8" or "nvfp4".
        block_size: number of elements that share a scale.
        data_type: dtype of the elements.
        scale_type: dtype of the scales.
        global_scale: a scale for the whole array, only of "nvfp4": array of one element.
        infer_only: taken for compatibility; derivatives are there all the same.
    """

    mode: str
    block_size: int
    data_type: Any
    scale_type: Any
    global_scale: Any
    infer_only: bool = False


def get_scaled_dot_general_config(mode: str, global_scale: Any = None) -> BlockScaleConfig:
    """Number format for `scaled_dot_general`.

    Args:
        mode: "mxfp8": 8-bit elements, blocks of 32, scales that are powers of 2. "nvfp4": 4-bit
            elements, blocks of 16, 8-bit scales.
        global_scale: for "nvfp4" a factor of all scales, array of one element; 1 by default.

    Raises:
        ValueError: there is no such mode.

    Example:
        >>> get_scaled_dot_general_config("mxfp8").block_size
        32
    """
    if mode == "mxfp8":
        return BlockScaleConfig(mode, 32, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e8m0fnu, None)
    if mode == "nvfp4":
        one = np.ones(1, np.float32) if global_scale is None else global_scale
        return BlockScaleConfig(
            mode, 16, ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e4m3fn, asarray(one)
        )
    raise ArgumentValueError(f"Unsupported mode: {mode}\nfix: 'mxfp8' or 'nvfp4'")


def scaled_matmul(
    lhs: Any, rhs: Any, lhs_scales: Any, rhs_scales: Any, preferred_element_type: Any = np.float32
) -> Array:
    """Product of stacks of matrices whose elements have scales for blocks along the last dimension.

    Args:
        lhs: `[b, m, k]`.
        rhs: `[b, n, k]`, contracted along its last dimension too.
        lhs_scales: `[b, m, k_l]`, each for `k / k_l` neighbours.
        rhs_scales: `[b, n, k_r]`.
        preferred_element_type: dtype of the result.

    Returns:
        Array `[b, m, n]`.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> a, b = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[4.0, 5.0, 6.0]]])
        >>> half = np.array([[[0.5]]])
        >>> scaled_matmul(a, b, half, half)
        Array([[[8.]]], dtype=float32)
    """
    operands = [operand("scaled_matmul", x) for x in (lhs, rhs, lhs_scales, rhs_scales)]
    a, b, a_scales, b_scales = (typeof(x).shape for x in operands)
    if any(len(s) != 3 for s in (a, b, a_scales, b_scales)):
        raise ArgumentValueError("scaled_matmul requires all inputs to be 3-dimensional arrays")
    if (a[0], a[2]) != (b[0], b[2]):
        raise ArgumentValueError(
            "scaled_matmul requires inputs a and b to have matching batch (B) and contract (K) "
            f"dimensions, but got shapes {a} and {b}"
        )
    for x, s in ((a, a_scales), (b, b_scales)):
        if s[:2] != x[:2] or not s[2] or x[2] % s[2]:
            raise ArgumentValueError(
                f"scaled_matmul requires scales {(*x[:2], 'K / block size')} for an operand of "
                f"shape {x}, but got shape {s}"
            )
    return scaled_dot(
        operands[0], operands[1], lhs_scale=operands[2], rhs_scale=operands[3],
        dimension_numbers=(((2,), (2,)), ((0,), (0,))),
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def scaled_dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, preferred_element_type: Any = np.float32,
    configs: Sequence[BlockScaleConfig] | None = None, implementation: str | None = None,
) -> Array:  # fmt: skip
    """`lax.dot_general` of operands that are rounded to block-scaled formats.

    The derivative is that of the product without rounding, computed from rounded operands and
    from cotangents rounded to a format of their own.

    Args:
        lhs: first operand.
        rhs: second operand.
        dimension_numbers: contracted and batch dimensions, as for `lax.dot_general`.
        preferred_element_type: dtype of the result.
        configs: formats of `lhs`, of `rhs` and of cotangents; None rounds nothing.
        implementation: no longer used.

    Raises:
        ValueError: there are not three formats.

    Example:
        >>> x = np.arange(64.0).reshape(2, 32)
        >>> formats = [get_scaled_dot_general_config("mxfp8")] * 3
        >>> scaled_dot_general(x, x, (((1,), (1,)), ((), ())), configs=formats).shape
        (2, 2)
    """
    if implementation not in (None, "cudnn"):
        raise ArgumentValueError(f"Unsupported implementation option: {implementation}")
    if configs is None:
        return dot_general(lhs, rhs, dimension_numbers,
                           preferred_element_type=preferred_element_type)  # fmt: skip
    if len(configs) != 3:
        raise ArgumentValueError(
            "configs are three formats, for lhs, rhs and cotangents; got "
            f"{len(configs)}\nfix: configs=[config] * 3"
        )
    (left, right), (left_batch, right_batch) = (
        tuple(tuple(int(d) for d in pair) for pair in pairs) for pairs in dimension_numbers
    )
    a, shape, left_free = _as_stack(operand("scaled_dot_general", lhs), left_batch, left)
    b, _, right_free = _as_stack(operand("scaled_dot_general", rhs), right_batch, right)
    plain = tuple(dataclasses.replace(c, global_scale=None) for c in configs)
    scales = tuple(c.global_scale for c in configs)
    out = _product(plain, np.dtype(preferred_element_type), a, b, scales)
    return manipulation.reshape(out, (*shape, *left_free, *right_free))


def _as_stack(x: Any, batch: Any, contracted: Any) -> tuple[Any, Any, Any]:
    """An operand as `[batch, free, contracted]`, and the shapes of the first two."""
    sizes = typeof(x).shape
    free = [d for d in range(len(sizes)) if d not in batch and d not in contracted]
    groups = [[sizes[d] for d in dims] for dims in (batch, free, contracted)]
    turned = transpose(x, (*batch, *free, *contracted))
    return manipulation.reshape(turned, tuple(map(math.prod, groups))), groups[0], groups[1]


def _forward(configs: Any, dtype: np.dtype, a: Any, b: Any, scales: Any) -> Any:
    left, right = _quantized(a, configs[0], scales[0]), _quantized(b, configs[1], scales[1])
    out = scaled_matmul(left[0], right[0], left[1], right[1], np.float32)
    for s in scales[:2]:
        out = out if s is None else ar.multiply(out, manipulation.reshape(s, ()))
    return convert(out, dtype)


_product = custom_vjp(_forward, nondiff_argnums=(0, 1))


def _keep(configs: Any, dtype: np.dtype, a: Any, b: Any, scales: Any) -> Any:
    return _forward(configs, dtype, a, b, scales), (a, b, scales)


def _back(configs: Any, dtype: np.dtype, kept: Any, ct: Any) -> Any:
    """Products of the cotangent with the operands, each with blocks along what is summed."""
    a, b, scales = kept

    def turned(x: Any) -> Any:
        return manipulation.swapaxes(x, 1, 2)

    of_ct, (of_a, of_b, _) = configs[2], configs
    da = _forward((of_ct, of_b), typeof(a).dtype, ct, turned(b), (scales[2], scales[1]))
    db = _forward((of_ct, of_a), typeof(b).dtype, turned(ct), turned(a), (scales[2], scales[0]))
    return da, db, (None, None, None)


_product.defvjp(_keep, _back)


def _quantized(x: Any, config: BlockScaleConfig, global_scale: Any) -> tuple[Any, Any]:
    """Elements and scales of a format along the last dimension, which is filled up with zeros."""
    batch, rows, k = typeof(x).shape
    size = config.block_size
    extra = -k % size
    wide = pad(convert(x, np.dtype(np.float32)), 0.0, ((0, 0, 0), (0, 0, 0), (0, extra, 0)))
    if global_scale is not None:
        wide = ar.divide(wide, manipulation.reshape(global_scale, ()))
    blocks = manipulation.reshape(wide, (batch, rows, (k + extra) // size, size))
    largest = float(ml_dtypes.finfo(config.data_type).max)
    wanted = ar.divide(reductions.max(el.abs(blocks), -1), largest)
    if config.mode == "mxfp8":  # the next power of 2, which loses no bit and overflows nowhere
        mantissa, exponent = el.frexp(wanted)
        exponent = searching.where(compare.eq(mantissa, 0.5), ar.subtract(exponent, 1), exponent)
        wanted = el.ldexp(np.float32(1), ar.clip(exponent, -127, 127))
    else:
        wanted = ar.minimum(wanted, float(ml_dtypes.finfo(config.scale_type).max))
    scales = convert(wanted, np.dtype(config.scale_type))
    used = convert(scales, np.dtype(np.float32))
    some = compare.gt(used, 0)
    shares = ar.divide(blocks, manipulation.expand_dims(searching.where(some, used, 1), -1))
    data = convert(ar.clip(shares, -largest, largest), np.dtype(config.data_type))
    return manipulation.reshape(data, (batch, rows, k + extra)), scales
