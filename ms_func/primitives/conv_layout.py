"""Layouts of convolutions: which dimension of an array is batch, feature or spatial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.errors import ShapeError
from ms_func.ir.text import register_param_type


@register_param_type
class ConvDimensionNumbers(NamedTuple):
    """Where the dimensions of operands and result are.

    Attributes:
        lhs_spec: batch, feature and spatial dimensions of the operand.
        rhs_spec: output feature, input feature and spatial dimensions of the kernel.
        out_spec: batch, feature and spatial dimensions of the result.

    Example:
        >>> lax.conv_dimension_numbers((1, 8, 3), (3, 3, 4), ("NWC", "WIO", "NWC")).rhs_spec
        (2, 1, 0)
    """

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


def conv_dimension_numbers(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any
) -> ConvDimensionNumbers:
    """Layout from strings such as `("NHWC", "HWIO", "NHWC")`.

    Args:
        lhs_shape: shape of the operand.
        rhs_shape: shape of the kernel.
        dimension_numbers: None for `("NCHW", "OIHW", "NCHW")` of the rank at hand, three
            strings, or a `ConvDimensionNumbers`. The letters N, C, O and I name batch,
            features, output and input features; all others name spatial dimensions, in the
            order of the kernel's.

    Raises:
        TypeError: the strings do not describe these shapes.

    Example:
        >>> lax.conv_dimension_numbers((1, 8, 3), (3, 3, 4), ("NWC", "WIO", "NWC"))
        ConvDimensionNumbers(lhs_spec=(0, 2, 1), rhs_spec=(2, 1, 0), out_spec=(0, 2, 1))
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    ndim = len(lhs_shape)
    if ndim != len(rhs_shape):
        raise ShapeError(
            f"convolution requires lhs and rhs ndim to be equal, got {ndim} and {len(rhs_shape)}."
        )
    if dimension_numbers is None:
        same = tuple(range(ndim))
        return ConvDimensionNumbers(same, same, same)
    if not isinstance(dimension_numbers, (list, tuple)):
        raise ShapeError(
            "convolution dimension_numbers must be tuple/list or None, got "
            f"{type(dimension_numbers)}."
        )
    return ConvDimensionNumbers(*conv_general_permutations(tuple(dimension_numbers), ndim))


def conv_general_permutations(
    dimension_numbers: Any, ndim: int | None = None
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Positions of batch, feature and spatial dimensions for each of three strings.

    Args:
        dimension_numbers: strings for operand, kernel and result, such as `("NHWC", "HWIO",
            "NHWC")`.
        ndim: number of dimensions that each must name; None for no check.

    Returns:
        Three tuples of positions; spatial dimensions in the order of the kernel's.

    Raises:
        TypeError: these are not three strings that name the same spatial dimensions.

    Example:
        >>> lax.conv_general_permutations(("NHWC", "HWIO", "NHWC"))
        ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    """
    if len(dimension_numbers) != 3:
        raise ShapeError(
            "convolution dimension_numbers list/tuple must be length 3, got "
            f"{len(dimension_numbers)}."
        )
    if not all(isinstance(s, str) for s in dimension_numbers):
        kinds = tuple(type(s) for s in dimension_numbers)
        raise ShapeError(f"convolution dimension_numbers elements must be strings, got {kinds}.")
    lhs, rhs, out = dimension_numbers
    for spec, (first, second) in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        if ndim is not None and len(spec) != ndim:
            raise ShapeError(
                "convolution dimension_numbers elements must have len equal to the ndim of lhs and "
                f"rhs, one letter for each of {ndim} dimensions, got {spec!r}."
            )
        if spec.count(first) != 1 or spec.count(second) != 1 or len(set(spec)) != len(spec):
            raise ShapeError(
                f"convolution dimension_numbers must contain the characters {first!r} and "
                f"{second!r} exactly once and cannot have duplicate characters, got {spec!r}."
            )
    spatial = [c for c in rhs if c not in "OI"]
    if not set(lhs) - set("NC") == set(out) - set("NC") == set(spatial):
        raise ShapeError(
            "convolution dimension_numbers elements must each have the same set of spatial "
            f"characters, got {tuple(dimension_numbers)}."
        )
    return tuple(
        tuple(spec.index(c) for c in (*ends, *spatial))
        for spec, ends in ((lhs, "NC"), (rhs, "OI"), (out, "NC"))
    )  # type: ignore[return-value]
