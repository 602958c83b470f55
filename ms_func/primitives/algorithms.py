"""Arithmetics that a product may prescribe: what its factors are rounded to, and where it sums.

A dot algorithm (StableHLO, "dot_general", `algorithm`) is carried out with conversions, so that it
means the same on every backend: the factors are rounded to their type, the sum is computed in its
own. Wherever a precision is taken, an algorithm is.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ms_func import config
from ms_func.errors import ArgumentTypeError
from ms_func.ir.types import typeof
from ms_func.primitives.cast import convert_element_type, reduce_precision


class DotAlgorithm(NamedTuple):
    """Arithmetic of a product.

    Attributes:
        lhs_precision_type: dtype that the first factor is rounded to.
        rhs_precision_type: dtype that the second is rounded to.
        accumulation_type: dtype of the sum.
        lhs_component_count: into how many numbers of its dtype the first factor is split.
        rhs_component_count: the same of the second.
        num_primitive_operations: how many products of components are summed.
        allow_imprecise_accumulation: the sum may be less exact than its dtype.

    Example:
        >>> from ml_dtypes import bfloat16
        >>> short = lax.DotAlgorithm(bfloat16, bfloat16, np.float32)
        >>> x = np.array([1.0, 2.0**-9])
        >>> lax.dot(x, np.ones(2), precision=short)  # both are bfloat16, their sum is not
        Array(1.0019531, dtype=float32)
        >>> lax.dot(np.array([1.0 + 2.0**-9]), np.ones(1), precision=short)
        Array(1., dtype=float32)
    """

    lhs_precision_type: Any
    rhs_precision_type: Any
    accumulation_type: Any
    lhs_component_count: int = 1
    rhs_component_count: int = 1
    num_primitive_operations: int = 1
    allow_imprecise_accumulation: bool = False


class NamedEnum(enum.Enum):
    """An enumeration whose members are written by their names."""

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class DotAlgorithmPreset(NamedEnum):
    """Arithmetics of products by name: dtypes of the factors, then that of the sum.

    `X3`, `X6` and `X9` split float32 factors into several of the shorter type, to come near to
    float32; here they are computed in float32 itself.

    Example:
        >>> lax.DotAlgorithmPreset.BF16_BF16_F32.accumulation_type
        dtype('float32')
        >>> lax.dot(np.array([1.0 + 2.0**-9]), np.ones(1), precision="BF16_BF16_F32")
        Array(1., dtype=float32)
    """

    DEFAULT = enum.auto()
    ANY_F8_ANY_F8_F32 = enum.auto()
    ANY_F8_ANY_F8_F32_FAST_ACCUM = enum.auto()
    ANY_F8_ANY_F8_ANY = enum.auto()
    ANY_F8_ANY_F8_ANY_FAST_ACCUM = enum.auto()
    F16_F16_F16 = enum.auto()
    F16_F16_F32 = enum.auto()
    BF16_BF16_BF16 = enum.auto()
    BF16_BF16_F32 = enum.auto()
    BF16_BF16_F32_X3 = enum.auto()
    BF16_BF16_F32_X6 = enum.auto()
    BF16_BF16_F32_X9 = enum.auto()
    TF32_TF32_F32 = enum.auto()
    TF32_TF32_F32_X3 = enum.auto()
    F32_F32_F32 = enum.auto()
    F64_F64_F64 = enum.auto()

    @property
    def accumulation_type(self) -> np.dtype | None:
        """Dtype of the sum, None where it is that of the operands."""
        part = self.name.removesuffix("_FAST_ACCUM").partition("_X")[0].rpartition("_")[2]
        return _TYPES.get(part)


_TYPES = {
    "F16": np.dtype(np.float16), "BF16": np.dtype(ml_dtypes.bfloat16),
    "TF32": np.dtype(np.float32), "F32": np.dtype(np.float32), "F64": np.dtype(np.float64),
}  # fmt: skip


def algorithm_of(precision: Any) -> DotAlgorithm | DotAlgorithmPreset | None:
    """The algorithm that a precision, or the setting in its place, means; None if it is none.

    Args:
        precision: whatever a product takes: the name of a preset such as "BF16_BF16_F32", an
            algorithm, or a precision proper.
    """
    if precision is None:
        precision = config.default_matmul_precision.value
        if precision is None:
            return None
    if isinstance(precision, str):
        return None if precision == "DEFAULT" else DotAlgorithmPreset.__members__.get(precision)
    return precision if isinstance(precision, (DotAlgorithm, DotAlgorithmPreset)) else None


def by_algorithm(
    product: Callable[..., Any], lhs: Any, rhs: Any, algorithm: DotAlgorithm | DotAlgorithmPreset,
    preferred: Any,
) -> Any:  # fmt: skip
    """Round the factors, sum in the accumulation type, convert to the dtype asked for.

    Args:
        product: of both factors, a precision and the dtype of the sum.
        lhs: first factor.
        rhs: second factor.
        algorithm: the arithmetic.
        preferred: dtype of the result, by default that of the factors.
    """
    out = np.result_type(*(typeof(v).dtype for v in (lhs, rhs))) if preferred is None else preferred
    if isinstance(algorithm, DotAlgorithmPreset):
        name = algorithm.name
        if name.startswith("ANY_F8") and any(typeof(v).dtype.itemsize > 1 for v in (lhs, rhs)):
            raise ArgumentTypeError(f"the algorithm {name} takes operands of 8-bit floats")
        if "_X" not in name and name != "DEFAULT" and not name.startswith("ANY_F8"):
            lhs, rhs = (_rounded(v, name.partition("_")[0]) for v in (lhs, rhs))
        wide = algorithm.accumulation_type
    else:
        if algorithm.lhs_component_count == 1:
            lhs = convert_element_type(lhs, algorithm.lhs_precision_type)
        if algorithm.rhs_component_count == 1:
            rhs = convert_element_type(rhs, algorithm.rhs_precision_type)
        wide = np.dtype(algorithm.accumulation_type)
    if wide is None:
        return product(lhs, rhs, "default", preferred)
    lhs, rhs = (convert_element_type(v, wide) for v in (lhs, rhs))
    return convert_element_type(product(lhs, rhs, "highest", wide), out)


def _rounded(x: Any, kind: str) -> Any:
    if kind == "TF32":
        return reduce_precision(convert_element_type(x, np.float32), 8, 10)
    return convert_element_type(x, _TYPES[kind])
